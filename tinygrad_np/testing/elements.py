"""The numbers that drawn arrays hold: between bounds, on kinks or off them, and apart."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from hypothesis import strategies as st

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hypothesis.strategies import SearchStrategy

    Kind = np.dtype[Any]

FINEST = 1 / 16  # drawn numbers are its multiples: round in float32 too, and shrinking to integers
MOST = 3.0  # between which and its negative they lie, unless one says otherwise


class Span(NamedTuple):
    """Numbers from one to another, both among them."""

    least: Any
    most: Any


class Wanted(NamedTuple):
    """What numbers are asked for; a bound that is None is not there."""

    dtype: Kind
    low: float | None
    high: float | None
    away_from: Sequence[float]
    gap: float

    def spans(self, most: float) -> list[Span]:
        """Give what is left between the bounds, in numbers of the dtype; nearest to 0 first.

        A bound that is not there is `most`, or its negative.
        """
        low, high = (
            -most if self.low is None else self.low,
            most if self.high is None else self.high,
        )
        if not all(map(math.isfinite, (low, high, *self.away_from))):
            raise ValueError(
                "low, high and away_from must be finite numbers, not "
                f"{low}, {high} and {list(self.away_from)}"
            )
        if low > high:
            raise ValueError(f"low ({low}) is above high ({high})")
        if not self.gap > 0:
            raise ValueError(f"gap ({self.gap}) must be above 0")
        held = _held(self.dtype)
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


def between(wanted: Wanted, around: Sequence[float]) -> SearchStrategy[Any]:
    """Draw single numbers; with `around`, half of them there and beside it."""
    spans = wanted.spans(MOST)
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
    that their differences are exact.
    """
    most: float
    step: float
    if wanted.dtype.kind == "f":
        step = 2.0 ** math.ceil(math.log2(wanted.gap))
        most = step * 2.0 ** np.finfo(wanted.dtype).nmant
    else:
        step, most = max(1, math.ceil(wanted.gap)), _held(wanted.dtype).most
    found: list[int] = []
    for least, greatest in wanted.spans(most):
        first = -(-max(least, -most) // step)
        last = min(greatest, most) // step
        near = int(min(max(0, first), last))
        found += range(max(int(first), near - count), min(int(last), near + count) + 1)
    found = sorted(found, key=lambda k: (abs(k), k < 0))[:count]
    if len(found) < count:
        raise ValueError(
            f"distinct: {count} numbers that are {step} apart find no room with low={wanted.low}, "
            f"high={wanted.high} and dtype {wanted.dtype}"
        )
    return [k * step for k in sorted(found)]


def _grid(span: Span, dtype: Kind) -> SearchStrategy[Any]:
    """Numbers of a span, counted from the one nearest to 0, so that they shrink to it."""
    if dtype.kind != "f":
        return st.integers(span.least, span.most)
    start, width = _nearest(span), span.most - span.least
    # At least 16 steps from end to end, and no more than an integer counts.
    exponent = math.floor(math.log2(width)) if width else 0
    unit = 2.0 ** max(min(exponent - 4, -4), exponent - 50, -1000)
    down, up = int((start - span.least) / unit), int((span.most - start) / unit)
    return st.integers(-down, up).map(lambda n: min(max(start + n * unit, span.least), span.most))


def _nearest(span: Span) -> Any:
    """Give the number of a span that is nearest to 0."""
    return min(max(0, span.least), span.most)


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
