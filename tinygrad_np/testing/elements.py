"""The numbers that drawn arrays hold: between bounds, on kinks or off them, and apart."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from functools import lru_cache
from numbers import Real
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from hypothesis import strategies as st

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

    Kind = np.dtype[Any]

Points = float | Sequence[float]  # one number, or several

MOST = 3.0  # between which and its negative numbers lie, unless one says otherwise
LISTED = 1024  # so many numbers of a span are put in order, the roundest first


class Span(NamedTuple):
    """Numbers from one to another, both among them."""

    least: Any
    most: Any


class Wanted(NamedTuple):
    """What numbers are asked for; a bound that is None is not there."""

    dtype: Kind
    low: float | None
    high: float | None
    away_from: tuple[float, ...]
    gap: float

    def spans(self, *, far: bool = False) -> list[Span]:
        """Give what is left between the bounds, in numbers of the dtype; nearest to 0 first.

        A bound that is not there is near; or, if numbers may be `far`, the end of the dtype.
        """
        for name, bound in (("low", self.low), ("high", self.high)):
            if bound is not None and not math.isfinite(bound):
                raise ValueError(f"{name} must be a finite number, not {bound}")
        held = _held(self.dtype)
        near = held if far else _near(self.low, self.high)
        low = near.least if self.low is None else self.low
        high = near.most if self.high is None else self.high
        if low > high:
            raise ValueError(f"low ({low}) is above high ({high})")
        if not 0 < self.gap < math.inf:
            raise ValueError(f"gap ({self.gap}) must be above 0, and finite")
        left = [Span(max(low, held.least), min(high, held.most))]
        for kink in self.away_from:
            below, above = _beyond(kink, -self.gap), _beyond(kink, self.gap)
            halves = [(Span(a, min(b, below)), Span(max(a, above), b)) for a, b in left]
            left = [half for pair in halves for half in pair]
        found = [Span(_inward(self.dtype, a, 1), _inward(self.dtype, b, -1)) for a, b in left]
        found = [span for span in found if span.least <= span.most]
        if not found:
            off = f" and {self.gap} away from {list(self.away_from)}" if self.away_from else ""
            raise ValueError(f"there is no {self.dtype} between {low} and {high}{off}")
        return sorted(found, key=lambda span: (abs(_nearest(span)), span.least < 0))


def points(name: str, given: Points) -> tuple[float, ...]:
    """Read the points that the argument `name` gives, one or several."""
    found = tuple(given) if isinstance(given, Iterable) else (given,)
    if not all(isinstance(x, Real) and math.isfinite(x) for x in found):
        raise ValueError(f"{name} must be a finite number, or several in a list, not {given!r}")
    return found


def between(wanted: Wanted, around: tuple[float, ...]) -> SearchStrategy[Any]:
    """Draw single numbers; with `around`, half of them there and beside it."""
    spans = wanted.spans()
    drawn = st.one_of([_grid(span, wanted.dtype) for span in spans])
    if not around:
        return drawn
    beside = [
        x
        for kink in around
        for x in _beside(kink, wanted.dtype)
        if any(span.least <= x <= span.most for span in spans)
    ]
    if not beside:
        raise ValueError(f"around: the bounds leave nothing at or beside {list(around)}")
    return st.one_of(drawn, st.sampled_from(beside))


def apart(wanted: Wanted, count: int) -> list[Any]:
    """Give `count` numbers, no two nearer than the gap, in order.

    They are multiples of the gap, brought up to a power of two (to a whole number for integers), so
    that their differences are exact; far from 0, where floats lie farther apart, of a larger one.
    """
    spans = wanted.spans(far=True)
    step: float = max(1, math.ceil(wanted.gap))
    reach = math.inf  # how many steps a number may be away from 0, and be exact
    if wanted.dtype.kind == "f":
        info = np.finfo(wanted.dtype)
        step = 2.0 ** math.ceil(math.log2(max(wanted.gap, float(info.smallest_subnormal))))
        reach = 2.0**info.nmant
    smallest, farthest = step, max(abs(end) for span in spans for end in span)
    while len(found := _multiples(spans, step, reach, count)) < count:
        if step * reach >= farthest:
            raise ValueError(
                f"distinct: {count} numbers that are {smallest} apart find no room with "
                f"low={wanted.low}, high={wanted.high} and dtype {wanted.dtype}"
            )
        step *= 2
    return found


def _multiples(spans: list[Span], step: Any, reach: float, count: int) -> list[Any]:
    """Give the `count` multiples of a step that are nearest to 0, none beyond `reach` of them."""
    most = step * reach
    found: list[int] = []
    for least, greatest in spans:
        first = -(-max(least, -most) // step)
        last = min(greatest, most) // step
        near = int(min(max(0, first), last))
        found += range(max(int(first), near - count), min(int(last), near + count) + 1)
    return [k * step for k in sorted(sorted(found, key=lambda k: (abs(k), k < 0))[:count])]


def _grid(span: Span, dtype: Kind) -> SearchStrategy[Any]:
    """Multiples of a power of two, and the ends; few enough to be listed shrink to round ones."""
    if dtype.kind != "f":
        return st.integers(span.least, span.most)
    width = span.most - span.least
    # At least 16 steps from end to end, and no more than an integer counts.
    exponent = math.floor(math.log2(width)) if width else 0
    unit = 2.0 ** max(min(exponent - 4, -4), exponent - 50, -1000)
    first, last = math.floor(span.least / unit), math.ceil(span.most / unit)
    if last - first < LISTED:
        return st.sampled_from(_roundest_first(span, first, last, unit))
    return st.integers(first, last).map(lambda k: _within(span, k * unit))


@lru_cache
def _roundest_first(span: Span, first: int, last: int, unit: float) -> tuple[float, ...]:
    """Give the whole numbers, then the halves, and so on."""
    found = {float(_within(span, k * unit)) for k in range(first, last + 1)}
    return tuple(sorted(found, key=lambda x: (x.as_integer_ratio()[1], abs(x), x < 0)))


def _within(span: Span, x: float) -> Any:
    return min(max(x, span.least), span.most)


def _nearest(span: Span) -> Any:
    """Give the number of a span that is nearest to 0."""
    return _within(span, 0)


def _near(low: float | None, high: float | None) -> Span:
    """Give the bounds for where none are: moderate numbers, or those next to a bound beyond."""
    least, most = -MOST, MOST
    if low is not None and low >= most:
        most = low + max(2 * MOST, abs(low))
    if high is not None and high <= least:
        least = high - max(2 * MOST, abs(high))
    return Span(least, most)


def _beside(kink: float, dtype: Kind) -> list[Any]:
    """Give a kink, and the numbers next to it, near and farther."""
    if dtype.kind != "f":
        whole = math.floor(kink)
        return [whole, whole - 1, whole + 1]
    exact = dtype.type(kink)
    up, down = (np.nextafter(exact, dtype.type(end)) for end in (np.inf, -np.inf))
    return [float(x) for x in (exact, up, down, dtype.type(kink - 0.125), dtype.type(kink + 0.125))]


def _beyond(kink: float, gap: float) -> float:
    """Give the first number that is no nearer to a kink than `gap`, which has a sign."""
    x = kink + gap
    while abs(x - kink) < abs(gap):
        x = math.nextafter(x, math.copysign(math.inf, gap))
    return x


def _inward(dtype: Kind, x: float, towards: int) -> Any:
    """Round to a number of the dtype, upwards (1) or downwards (-1)."""
    if dtype.kind != "f":
        return math.ceil(x) if towards > 0 else math.floor(x)
    near = dtype.type(x)
    if (float(near) - x) * towards < 0:
        near = np.nextafter(near, dtype.type(towards * np.inf))
    return float(near)


def _held(dtype: Kind) -> Span:
    """Give the ends of what a dtype holds; of float64 so much that differences are finite."""
    if dtype.kind == "b":
        return Span(0, 1)
    if dtype.kind == "f":
        most = min(float(np.finfo(dtype).max), 2.0**1022)
        return Span(-most, most)
    return Span(int(np.iinfo(dtype).min), int(np.iinfo(dtype).max))
