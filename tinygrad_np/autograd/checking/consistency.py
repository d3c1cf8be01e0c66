"""What is asked of a function and its derivative without any difference."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from tinygrad_np.autograd.checking.differences import FIRST, shares
from tinygrad_np.autograd.checking.point import Gradients
from tinygrad_np.autograd.checking.rows import index, pull
from tinygrad_np.errors import GradcheckError

if TYPE_CHECKING:
    from collections.abc import Callable

    from tinygrad_np.autograd.checking.differences import Float
    from tinygrad_np.autograd.checking.point import Point
    from tinygrad_np.autograd.checking.rows import Rows
    from tinygrad_np.autograd.gradcheck import Options

COINS = 8  # elements that are to agree before a function counts as one that draws no numbers
# How near gradients in a dtype are to those in float64: a share of themselves, and of the largest.
LOW = {"float32": (1e-4, 1e-4), "float16": (5e-2, 5e-2)}
RUNS, FACTOR = 8, 16  # where one is further off: how often it is rounded, and what is allowed


class Repeats:
    """Runs a function again at its point: one that draws numbers has no derivative to compare.

    A few elements, each kept or dropped by the toss of a coin, are often the same twice; so they
    are looked at more often than many, and all are once more before anything is blamed.
    """

    def __init__(self, point: Point, y: Float, options: Options, name: str) -> None:
        self.point, self.y, self.tolerance, self.name = point, y, options.nondet_tol, name
        self.sure = False

    def check(self, u: Float, gradients: list[Float]) -> None:
        """Compare values and gradients with those of a second run, and values of few with more."""
        results = self.point.run()
        again = np.concatenate([y.array.reshape(-1) for _, y in results])
        self._compare(self.y, again)
        for first, second in zip(gradients, pull(results, self.point.operands, u), strict=True):
            self._compare(first, second)
        self._run(-(-COINS // self.y.size) - 1 if self.y.size else 0)

    def doubt(self) -> None:
        """Look more closely, as something is wrong that chance may have done."""
        if not self.sure:
            self._run(COINS)
            self.sure = True

    def _run(self, times: int) -> None:
        for _ in range(times):
            self._compare(self.y, self.point.values())

    def _compare(self, first: Float, second: Float) -> None:
        if np.array_equal(first, second):
            return
        if first.size != second.size:
            raise GradcheckError(
                f"{self.name}: {self.point.name} gives results of other shapes when it is run "
                "again; what it gives may depend on its inputs alone"
            )
        with np.errstate(all="ignore"):
            apart = np.abs(first - second)
        differ = (first != second) & (np.isfinite(first) | np.isfinite(second))
        if not (apart[differ] <= self.tolerance).all():
            raise GradcheckError(
                f"{self.name}: {self.point.name} gives other numbers when it is run again, by up "
                f"to {np.nanmax(apart):.3g} (nondet_tol={self.tolerance:g}); seed inside the "
                "function, or put the module into eval()"
            )


def check_paths(point: Point, repeats: Repeats, options: Options, name: str) -> None:
    """Check that a gradient to be differentiated again is the one of an ordinary backward pass."""
    told = point.other_on_tape(options.nondet_tol) if isinstance(point, Gradients) else None
    if told is not None:
        repeats.doubt()
        raise GradcheckError(f"{name}: {told}")


def check_linear(rows: Rows, u: Float, gradients: list[Float], options: Options, name: str) -> None:
    """Check that a gradient is linear in the upstream gradient, which differences do not show."""
    if rows.u is None or (rows.u is u and len(rows.results) > 1):
        for i, (operand, _) in enumerate(rows.operands):
            with np.errstate(all="ignore"):  # parts are elements of the results, or whole ones
                expected = u @ rows.gradients[i] if rows.u is None else rows.gradients[i].sum(0)
            usable = np.isfinite(expected) & np.isfinite(gradients[i])
            if not np.allclose(gradients[i][usable], expected[usable], rtol=1e-6, atol=1e-9):
                raise GradcheckError(
                    f"{name}: the gradient by {operand} is not linear in the upstream gradient: "
                    "that of a sum is not the sum of those of its parts"
                )
    if options.check_undefined_grad:
        nothing = pull(rows.results, rows.operands, np.zeros(u.size))
        for (operand, _), zeros in zip(rows.operands, nothing, strict=True):
            if (zeros != 0).any() and np.isfinite(zeros).all():
                raise GradcheckError(
                    f"{name}: an upstream gradient of zeros gives a gradient by {operand} that is "
                    "not zero: the rule leaves the upstream gradient out"
                )


def check_dtypes(
    make: Callable[[Any], Point], dtype: Any, gradients: list[Float], options: Options, name: str
) -> None:
    """Check that gradients in the dtype of the inputs are those in float64, but for rounding."""
    point = make(dtype)
    results = point.run()
    for result, y in results if options.check_grad_dtypes else ():
        if y.dtype != dtype:
            raise GradcheckError(
                f"{name}: {result} is {y.dtype}, and the inputs are {dtype}; a function keeps the "
                "dtype of what it is given (arrays of float64 within it do not)"
            )
    u = np.random.default_rng(options.seed).standard_normal(sum(y.array.size for _, y in results))
    found = pull(results, point.operands, u)
    point.check_untouched(name)
    kind, rounded = np.dtype(dtype), None
    for i, ((operand, x), low, high) in enumerate(
        zip(point.operands, found, gradients, strict=True)
    ):
        finite = np.isfinite(high)
        rtol, share = LOW[kind.name]
        largest = float(np.max(np.abs(high[finite]), initial=0.0))
        with np.errstate(all="ignore"):
            error = np.abs(low - high) - rtol * np.abs(high) - share * largest
        if (error[finite] <= 0).all():
            continue
        if rounded is None:
            rounded = _rounding(make, u, gradients, float(np.finfo(kind).eps))
        error = np.where(np.isnan(error), np.inf, error - rounded[i])
        if not (error[finite] <= 0).all():
            worst = int(np.argmax(np.where(finite, error, -np.inf)))
            raise GradcheckError(
                f"{name}: in {kind} the gradient by {operand} is not that in float64: at "
                f"{index(worst, x.shape)} it is {low[worst]:.7g}, and in float64 "
                f"{high[worst]:.7g}; upcast inside the function, or compute it in another way"
            )


def _rounding(
    make: Callable[[Any], Point], u: Float, gradients: list[Float], eps: float
) -> list[Float]:
    """How much of each gradient may be rounding in a dtype of that precision.

    What moves in float64 when the operands do by so little; but never less than the last digits of
    the results are worth, for there are roundings that do not move: 1 - p is 0, and p·q is not.
    """
    rng = np.random.default_rng(0)
    point = make(np.float64)
    sizes = np.abs(u * point.values())
    digit = FACTOR * eps * float(np.max(sizes[np.isfinite(sizes)], initial=0.0))
    least = [digit / shares(x.array, FIRST)[0] for _, x in point.operands]
    moved = [np.full(g.shape, size) for g, size in zip(gradients, least, strict=True)]
    for _ in range(RUNS):
        point = make(np.float64)
        for _, x in point.operands:
            x.array = np.asarray(x.array * (1 + eps * rng.uniform(-1, 1, x.shape)))
        weights = u * (1 + eps * rng.uniform(-1, 1, u.shape))
        again = pull(point.run(), point.operands, weights)
        for largest, a, b in zip(moved, again, gradients, strict=True):
            with np.errstate(all="ignore"):
                np.fmax(largest, FACTOR * np.abs(a - b), out=largest)
    return moved
