"""Slopes of a function by differences of its values, and the points where there are none."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    Float = NDArray[np.float64]
    Mask = NDArray[np.bool_]


class Attempt(NamedTuple):
    """By what the elements of an operand move: a share of their size."""

    factor: float
    size: Literal["general", "own", "unit"]


# What is tried in turn where a derivative and a difference disagree: a small number beside large
# ones may leave the domain (log); a tiny operand beside a large one may drown in rounding, as may
# any in a large value; and a kink may lie within the first step and not within a smaller one.
FIRST = Attempt(1.0, "general")
FURTHER = (
    Attempt(1.0, "own"),
    Attempt(1.0, "unit"),
    Attempt(1e3, "general"),
    Attempt(1e-2, "general"),
)
CLOSER = (Attempt(1.0, "own"), Attempt(1e-2, "general"))  # a kink at the point shows in these too


def shares(x: Float, attempt: Attempt) -> tuple[float, Float]:
    """Size of the elements in general, which is their median, and that of each relative to it.

    By its median a few huge numbers, such as masks of -1e9, do not make all steps large.
    """
    magnitudes = np.where(np.isfinite(x), np.abs(x), 0.0)
    used = np.sort(magnitudes[magnitudes > 0])
    general = float(used[used.size // 2]) if used.size and attempt.size != "unit" else 1.0
    general = max(general, 1e-100)  # or the shares might overflow
    if attempt.size == "own":
        each = np.where(magnitudes > 0, magnitudes, general)
    else:
        each = np.maximum(magnitudes, general)
    return general * attempt.factor, each / general


class Line:
    """All outputs of a function, as one vector, along a line through a point.

    Parameters
    ----------
    f
        The function: from an array like `x` to a vector.
    x, y
        The point, and the value there.
    direction
        Of the line, as an array like `x`.
    """

    def __init__(self, f: Callable[[Float], Float], x: Float, y: Float, direction: Any) -> None:
        self.f, self.x, self.y, self.direction = f, x, y, direction

    def slopes(self, h: float) -> tuple[Float, Float]:
        """Slopes over a step behind the point, and over a step ahead of it."""
        with np.errstate(all="ignore"):
            behind = _difference(self.y, self.f(self.x - h * self.direction)) / h
            ahead = _difference(self.f(self.x + h * self.direction), self.y) / h
        return behind, ahead

    def central(self, h: float) -> Float:
        """Slope over a step to both sides, whose error falls with the square of the step."""
        behind, ahead = self.slopes(h)
        with np.errstate(all="ignore"):
            return (behind + ahead) / 2

    def kinks(self, h: float, suspects: Mask) -> Mask:
        """Those suspects where the slopes to both sides disagree however small the step.

        Of a smooth function the disagreement falls with the step. At a kink it stays; at a cusp
        it grows as the step falls, and at a jump of the value as fast. Rounding makes it grow,
        too, but not so evenly.
        """
        with np.errstate(all="ignore"):
            gaps = []
            for width in (8 * h, h, h / 8):
                behind, ahead = self.slopes(width)
                gaps.append(np.abs(ahead - behind))
            wide, middle, narrow = gaps
            kink = _about(wide, middle) & _about(middle, narrow)
            jump = _about(8 * wide, middle) & _about(8 * middle, narrow)
            cusp = (wide < middle) & (middle < narrow) & _about(middle**2, wide * narrow)
            torn = (jump | cusp) & (middle * h > 1e-6 * np.maximum(1.0, np.abs(self.y)))
        return suspects & (kink | torn)

    def edges(self, h: float, suspects: Mask) -> Mask:
        """Those suspects where the function has a value here, and none to one side."""
        behind, ahead = self.slopes(h)
        edges: Mask = suspects & np.isfinite(self.y) & (np.isfinite(behind) != np.isfinite(ahead))
        return edges


def _difference(a: Float, b: Float) -> Float:
    """Give a − b, and 0 where both are the same infinity."""
    difference: Float = np.where(a == b, 0.0, a - b)
    return difference


def _about(a: Float, b: Float) -> Mask:
    """Whether two gaps are one, but for what curvature and rounding add."""
    near: Mask = (a < 1.4 * b) & (b < 1.4 * a)
    return near
