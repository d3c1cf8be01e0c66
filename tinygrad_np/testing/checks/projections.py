"""Derivatives by differences, in blocks of elements that cover a whole operand."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from tinygrad_np.autograd.checking.differences import FIRST, FURTHER, Line, shares
from tinygrad_np.errors import GradcheckError
from tinygrad_np.testing.subject import pulled, wobble

if TYPE_CHECKING:
    from collections.abc import Callable

    from tinygrad_np.autograd.checking.differences import Attempt, Float
    from tinygrad_np.autograd.checking.point import Point
    from tinygrad_np.testing.subject import Array, Subject

EPS = 1e-6  # the step, relative to the size of the operand


class Compared(NamedTuple):
    """A derivative in one direction."""

    analytic: float
    numeric: float
    allowed: float
    step: float

    @property
    def agree(self) -> bool:
        """Whether it is right; where there is no difference, that is not said here."""
        return not abs(self.analytic - self.numeric) > self.allowed


def compare_blocks(
    make: Callable[[], Point], subject: Subject, *, rtol: float, blocks: int
) -> None:
    """Compare one row, uᵀ·J for a random u, in `blocks` random directions for each operand.

    Each moves other elements, and together they move all: one that is wrong among thousands hides
    in the sum over its own block only. The absolute tolerance is a share of the largest element of
    the row, so that small numbers do not hide behind it.
    """
    point = make()
    results = point.run()
    if not results:
        return
    weights = subject.weights(results)
    u = np.concatenate([w.array.reshape(-1) for w in weights])
    y = np.concatenate([y.array.reshape(-1) for _, y in results])
    gradients = pulled(point, results, weights)
    rng = np.random.default_rng(subject.seed)
    least = 4 * np.finfo(np.float64).eps * float(np.abs(u) @ np.abs(np.nan_to_num(y)))

    @functools.cache
    def noise() -> float:
        (moved,) = wobble(make, lambda other: [np.array(_weighed(u, other.values()).sum())])
        return least + 8 * moved

    for i, g in enumerate(gradients):
        row = _Row(point, i, g.reshape(-1), y, u, rtol, noise, rng)
        for block in np.array_split(rng.permutation(g.size), min(blocks, g.size) or 1):
            wrong = row.search(block)
            if wrong is not None:
                raise GradcheckError(row.told(*wrong))


def _weighed(u: Float, numbers: Float) -> Float:
    with np.errstate(all="ignore"):
        weighed: Float = np.where(u == 0, 0.0, u * numbers)
    return weighed


class _Row:
    """The projection of all results onto one direction, as a function of one operand."""

    def __init__(
        self,
        point: Point,
        operand: int,
        gradient: Float,
        y: Float,
        u: Float,
        rtol: float,
        noise: Callable[[], float],
        rng: np.random.Generator,
    ) -> None:
        self.point, self.operand, self.gradient = point, point.operands[operand], gradient
        self.f, self.x = point.along(operand), np.array(self.operand.tensor.array)
        self.y, self.u, self.rtol, self.noise = y, u, rtol, noise
        self.random = rng.standard_normal(self.x.size)
        self.largest = float(np.max(np.abs(gradient[np.isfinite(gradient)]), initial=0.0))

    def compare(self, block: Array, attempt: Attempt) -> Compared:
        """Compare along a direction in which only a block of the elements moves."""
        general, each = shares(self.x, attempt)
        direction = np.zeros(self.x.size)
        direction[block] = (self.random * each.reshape(-1))[block]
        h = EPS * general
        line = Line(self.f, self.x, self.y, direction.reshape(self.x.shape))
        numeric = self.slope(line, h)
        with np.errstate(all="ignore"):
            analytic = float(self.gradient[block] @ direction[block])
        size = abs(numeric) + 0.1 * self.largest * float(np.max(np.abs(direction), initial=0.0))
        compared = Compared(analytic, numeric, self.rtol * size, h)
        if compared.agree:
            return compared
        # A step is too long where the derivative is 0 and the next one is not: x³ at 0.
        too_long = 2 * abs(numeric - self.slope(line, h / 8))
        return compared._replace(allowed=compared.allowed + too_long + self.noise() / h)

    def slope(self, line: Line, h: float) -> float:
        """Give the central difference of the projection."""
        return float(_weighed(self.u, line.central(h)).sum())

    def search(self, block: Array) -> tuple[Array, Compared] | None:
        """Find what is wrong in a block: one element, if it shows by itself."""
        compared = self.compare(block, FIRST)
        if compared.agree or any(self.compare(block, attempt).agree for attempt in FURTHER):
            return None
        for half in np.array_split(block, 2) if block.size > 1 else ():
            found = self.search(half)
            if found is not None:
                return found
        return block, compared

    def told(self, block: Array, compared: Compared) -> str:
        """What is wrong, and where."""
        where = "in a random direction"
        if block.size == 1:
            index = np.unravel_index(int(block[0]), self.x.shape)
            where = f"at [{', '.join(str(int(n)) for n in index)}]"
        analytic, numeric, allowed, step = compared
        return (
            f"{self.point.what} of {self.point.name} by {self.operand.name} "
            f"{self.x.shape} is wrong {where}: in a random projection of the results it is "
            f"{analytic:.10g}, and by differences {numeric:.10g} (allowed: {allowed:.2g}; step: "
            f"{step:.2g})"
        )
