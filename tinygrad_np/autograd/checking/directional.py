"""The derivative of one op along one direction: from its rule, and from differences."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from tinygrad_np.core import Op, Value, apply
from tinygrad_np.engine import run_backward
from tinygrad_np.recorder import recording
from tinygrad_np.tensor.creation import new

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    Float = NDArray[np.float64]

STEPS = (6e-5, 1e-3, 1e-6, 1e-7)  # tried in turn, until one confirms the derivative


class Mismatch(NamedTuple):
    """Two numbers that should be one."""

    analytic: float
    numeric: float
    step: float
    cotangent: str


class Along:
    """An op as a function of one operand along one direction: y(t) = f(…, x + t·v, …).

    `y` is one vector, of the elements of all results. The sizes of u and v are such that each
    element counts: v moves each element of x by a share of its own size, and u weighs each element
    of y by the inverse of its size. So small ones beside large ones are seen, none leaves a domain
    or leaps over a kink at 0, and masks of -1e9 move with the others.

    Parameters
    ----------
    op, operands, i
        The op, its operands, and the position of x among them.
    g
        The gradients of the results in the pass, by their positions.
    """

    def __init__(
        self,
        op: Op,
        operands: list[Any],
        i: int,
        g: Mapping[int, Any],
        rng: np.random.Generator,
    ) -> None:
        self.op, self.operands, self.i, self.rng = op, [*operands], i, rng
        x = operands[i]
        size = size_of(x) or 1.0
        share = np.where(x == 0, size, np.fmin(np.abs(x), 1e4 * size))
        self.still = ~np.isfinite(x)
        self.v = np.where(self.still, 0.0, self._random(x.shape) * share)
        self.positions: list[int] = []  # of the floating results
        self.slopes: dict[float, Float] = {}
        self.y = self.at(0.0)
        finite = np.isfinite(self.y)
        size = size_of(self.y) or 1.0
        share = np.where(finite & (self.y != 0), np.abs(self.y), size)
        self.u = np.where(finite, self._random(self.y.shape) * np.fmin(size / share, 1e4), 0.0)
        self.given = self._in_one(g)
        self.exact: Float  # the gradient of the pass, as the rule gives it on arrays in float64

    def _random(self, shape: tuple[int, ...]) -> Float:
        """Numbers of either sign, and none so small that what it stands for would not be seen."""
        signs = self.rng.integers(0, 2, shape) * 2.0 - 1.0
        found: Float = signs * self.rng.uniform(0.5, 1.5, shape)
        return found

    def _in_one(self, g: Mapping[int, Any]) -> Float:
        """The gradients of the results as one vector; 0 for those that none arrived for."""
        parts, start = np.zeros(self.y.shape), 0
        for position, count in zip(self.positions, self.counts, strict=True):
            if position in g:
                parts[start : start + count] = g[position].reshape(-1)
            start += count
        return parts

    def _results(self, values: Sequence[Any]) -> list[Any]:
        """Run the op, and give those of its results that are floating."""
        floating = results_of(self.op, values)
        self.positions = [*floating]
        self.counts = [y.array.size for y in floating.values()]
        return [*floating.values()]

    def at(self, t: float) -> Float:
        """Give y(t)."""
        moved = [*self.operands]
        moved[self.i] = _laid_out_as(moved[self.i], moved[self.i] + t * self.v)
        return self._value(moved)

    def _value(self, operands: Sequence[Any]) -> Float:
        with recording(None):
            results = self._results([_value(x) for x in operands])
        # Some ops give float32 whatever they take, and then differences are no finer than that.
        self.eps = max(float(np.finfo(y.dtype).eps) for y in results)
        return np.concatenate([y.array.reshape(-1) for y in results]).astype(np.float64)

    def compare(self, rtol: float) -> Mismatch | str | None:
        """Find what is wrong: numbers that disagree, a reason why there are none, or nothing.

        First for a random cotangent, then for the one of the pass.
        """
        if not np.array_equal(self.at(0.0), self.y, equal_nan=True):
            return "gives other numbers when it is run again"
        found = self._compare(rtol, "random u and v")
        if found is not None:
            return found
        self.exact = self.gradient(self.operands, self.given)
        if np.isfinite(self.y).all() and np.isfinite(self.given).all() and self.given.any():
            self.u = self.given
            found = self._compare(rtol, "random v, and the gradient u that arrived")
            found = None if isinstance(found, str) else found  # it passed for another
        return found

    def _compare(self, rtol: float, cotangent: str) -> Mismatch | str | None:
        mismatch = self._disagreement(rtol)
        if mismatch is None:
            return None
        kinks = self._kinks()
        if kinks.any():
            self.u = np.where(kinks, 0.0, self.u)
            if not self.u.any():
                return "every element of the result stands at a kink, or is not finite"
        mismatch = self._disagreement(rtol, self._wobble())
        return (
            None
            if mismatch is None
            else self._verdict(mismatch._replace(cotangent=cotangent), rtol)
        )

    def _verdict(self, mismatch: Mismatch, rtol: float) -> Mismatch | str:
        """Give numbers that disagree, or the reason why they prove nothing."""
        reason = ""
        if not math.isfinite(mismatch.numeric):
            reason = "differences are not finite here"
        elif not math.isfinite(mismatch.analytic):
            floats = [x for x in self.operands if is_floating(x)]
            if not (self.u.all() and all(np.isfinite(x).all() for x in floats)):
                reason = "the derivative is not finite here"
        elif not self._settled(mismatch):
            reason = "differences do not settle"
        elif self._beside(rtol):
            reason = "is right beside this point: it is a tie, or an end"
        return reason or mismatch

    def _beside(self, rtol: float) -> bool:
        """Whether the derivative is right a little beside the point, where nothing ties."""
        before = self.operands, self.y, self.slopes
        self.operands, self.u, self.slopes = self._moved(1e-3), self.u.copy(), {}
        self.y = self.at(0.0)
        right = self._disagreement(rtol, self._wobble()) is None
        self.operands, self.y, self.slopes = before
        return right

    def _moved(self, share: float) -> list[Any]:
        """Give operands whose numbers have all moved, by about that share of their size."""
        return [
            _laid_out_as(
                x,
                x
                + share
                * self.rng.standard_normal(x.shape)
                * np.where(x == 0, size_of(x) or 1.0, np.abs(x)),
            )
            if is_floating(x)
            else x
            for x in self.operands
        ]

    def _disagreement(self, rtol: float, wobble: float = 0.0) -> Mismatch | None:
        """None if the difference of one step confirms the derivative; else that of the first."""
        known = self.u is self.given
        gradient = self.exact if known else self.gradient(self.operands, self.u)
        gradient = np.where(self.still, 0.0, gradient)
        x = np.where(self.still, 0.0, self.operands[self.i])
        analytic = float(np.vdot(gradient, self.v))
        moved = _length(gradient * x)  # by the rounding of x + t·v
        first = None
        for step in STEPS:
            h, slopes = self._slopes(step)
            numeric = float(np.vdot(self.u, slopes))
            size = max(_length(self.u * slopes), _length(gradient * self.v))
            if abs(analytic - numeric) <= rtol * size + self._noise(h, moved, wobble):
                return None
            first = first or Mismatch(analytic, numeric, h, "")
        return first

    def gradient(self, operands: Sequence[Any], u: Float, rounding: float = 0.0) -> Float:
        """What the rule gives for a cotangent; with the result rounded so coarsely."""
        values = [_value(x) for x in operands]
        values[self.i].requires_grad_()
        roots, start = [], 0
        x = values[self.i]
        values[self.i] = x.clone()  # which the op may write into
        for y in self._results(values):
            part = u[start : start + y.array.size].reshape(y.shape).astype(y.dtype)
            start += y.array.size
            if rounding and y.array.flags.writeable:
                y.array[...] *= 1 + rounding * self.rng.standard_normal(y.shape)
            if y.vertex is not None:
                roots.append((y.vertex, new(part)))
        found = run_backward(roots, retain_graph=False, create_graph=False, wanted={x})
        gradient: Float = found[x].array if x in found else np.zeros(x.shape)
        return gradient

    def rounded(self, eps: float) -> Float:
        """How far rounding to a precision can move each element of the gradient in the pass."""
        moves = []
        for _ in range(3):
            u = self.given * (1 + eps * self.rng.standard_normal(self.given.shape))
            moves.append(np.abs(self.gradient(self._moved(eps), u, eps) - self.exact))
        found: Float = np.max(moves, axis=0) + eps * np.abs(self.exact)
        return found

    def last_digit(self) -> float:
        """What the last digit of the results is worth in the gradient, which is no finer.

        Not all rounding moves with the operands: of a saturated softmax, 1 - p is 0 and p·q is not.
        """
        sizes = np.abs(self.given * self.y)
        largest = float(np.max(sizes[np.isfinite(sizes)], initial=0.0))
        return self.eps * largest / (size_of(self.operands[self.i]) or 1.0)

    def _slopes(self, step: float) -> tuple[float, Float]:
        """The step, and the derivative of y along v by central differences of two widths."""
        h = step if self.eps < 1e-10 else self.eps ** (1 / 3)
        if h not in self.slopes:
            wide = (self.at(h) - self.at(-h)) / (2 * h)
            narrow = (self.at(h / 2) - self.at(-h / 2)) / h
            self.slopes[h] = (4 * narrow - wide) / 3  # what both have wrong in h² cancels
        return h, np.where(self.u == 0, 0.0, self.slopes[h])

    def _wobble(self) -> float:
        """How far rounding of the operands moves uᵀ·y: an op may lose most digits of them."""
        moved = self._value(self._moved(self.eps)) - self.y
        return _length(np.where(self.u == 0, 0.0, self.u * moved))

    def _noise(self, h: float, moved: float, wobble: float) -> float:
        """How far rounding alone can move uᵀ·(y(t) − y(−t))/2t."""
        used = np.where(self.u == 0, 0.0, self.y)
        return 16 / h * (self.eps * (_length(self.u * used) + moved) + wobble)

    def _kinks(self) -> NDArray[np.bool_]:
        """Elements of y whose differences to both sides disagree, however small the step."""
        h = 1e-6 if self.eps < 1e-10 else self.eps ** (1 / 3)
        gaps, sizes = [], []
        for step in (h, h / 2):
            ahead, behind = (self.at(step) - self.y) / step, (self.y - self.at(-step)) / step
            gaps.append(np.abs(ahead - behind))
            sizes.append(np.abs(ahead) + np.abs(behind))
        wide, narrow = gaps
        rounding = 64 * self.eps / h * (np.abs(self.y) + size_of(self.y))
        # Of a smooth function the gap halves with the step.
        large = np.maximum(wide, narrow) > 1e-3 * np.maximum(*sizes) + rounding
        smooth = (narrow > 0.3 * wide) & (narrow < 0.7 * wide)
        kinks: NDArray[np.bool_] = (large & ~smooth) | np.isnan(wide)
        return kinks

    def _settled(self, mismatch: Mismatch) -> bool:
        """Whether the differences of most steps agree with each other, if not with the rule."""
        numeric, wobble = mismatch.numeric, self._wobble()
        near = 0.1 * min(abs(mismatch.analytic - numeric), abs(numeric))
        agree = 0
        for step in STEPS:
            h, slopes = self._slopes(step)
            other = float(np.vdot(self.u, slopes))
            agree += abs(other - numeric) <= near + self._noise(h, 0.0, wobble)
        return agree > len(STEPS) // 2


def results_of(op: Op, values: Sequence[Any]) -> dict[int, Any]:
    """Run an op on tensors, and give those of its results that are floating, by position."""
    again = getattr(op, "again", None)  # how an op is run that `apply` cannot run
    given = again(*values) if again is not None else apply(op, *values)
    several = given if isinstance(given, tuple) else (given,)
    return {i: y for i, y in enumerate(several) if isinstance(y, Value) and is_floating(y.array)}


def _value(x: Any) -> Any:
    return new(np.array(x)) if isinstance(x, np.ndarray) else x


def _laid_out_as(x: Float, numbers: Float) -> Float:
    """Copy numbers into memory in the order of `x`: a rule may be wrong in one order alone."""
    laid = np.empty_like(x)
    laid[...] = numbers
    return laid


def is_floating(x: Any) -> bool:
    """Whether `x` is an array of floats."""
    return isinstance(x, np.ndarray) and x.dtype.kind == "f"


def size_of(x: Float) -> float:
    """How large an element of `x` is in general: a few huge ones, such as masks, do not count."""
    sizes = np.abs(x[np.isfinite(x) & (x != 0)])
    return float(np.median(sizes)) if sizes.size else 0.0


def _length(x: Float) -> float:
    return float(np.linalg.norm(x))
