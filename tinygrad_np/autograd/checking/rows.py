"""Gradients pulled back from cotangents: the analytic side of a comparison."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tinygrad_np.autograd.grad import grad
from tinygrad_np.tensor.creation import new

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tinygrad_np.autograd.checking.differences import Float, Mask
    from tinygrad_np.autograd.checking.point import Named


class Rows:
    """Cotangents, and the gradients by each operand that they are pulled back to: rows of uᵀ·J.

    One cotangent for each element of the results, or one random one for each result.
    """

    def __init__(
        self, results: Sequence[Named], operands: Sequence[Named], u: Float | None
    ) -> None:
        self.results, self.operands, self.u = results, operands, u
        ends = np.cumsum([0, *(y.array.size for _, y in results)])
        self.parts = [slice(*ends[k : k + 2]) for k in range(len(results))]
        rows = []
        for k, (_, y) in enumerate(results):
            units = np.eye(y.array.size) if u is None else u[None, self.parts[k]]
            rows += [pull([results[k]], operands, unit) for unit in units]
        self.gradients: list[Float] = [
            np.array([row[i] for row in rows]).reshape(len(rows), x.array.size)
            for i, (_, x) in enumerate(operands)
        ]

    def numeric(self, slopes: Float) -> Float:
        """Give the slopes of all elements, weighed as the cotangents weigh them."""
        if self.u is None:
            return slopes
        weighed = np.where(self.u[:, None] == 0, 0.0, self.u[:, None] * slopes)
        return np.array([weighed[part].sum(0) for part in self.parts])

    def sizes(self, values: Float) -> Float:
        """Give the sizes of all elements, weighed and added up as if they were independent."""
        sizes: Float = np.abs(values)
        if self.u is not None:
            squares = np.where(self.u == 0, 0.0, self.u * values) ** 2
            sizes = np.sqrt([squares[part].sum() for part in self.parts])
        return sizes

    def without(self, excluded: Mask) -> Rows:
        """Rows that leave some elements out."""
        if self.u is None or not excluded.any():
            return self
        return Rows(self.results, self.operands, np.where(excluded, 0.0, self.u))

    def row(self, r: int) -> tuple[str, tuple[int, ...] | None]:
        """What a row stands for: an element of a result, or a projection of a whole one."""
        return self.place(r) if self.u is None else (self.results[r].name, None)

    def place(self, element: int) -> tuple[str, tuple[int, ...]]:
        """Name of the result that an element of all results lies in, and its index there."""
        for (name, y), part in zip(self.results, self.parts, strict=True):
            if element < part.stop:
                return name, index(element - part.start, y.shape)
        raise IndexError(element)


def pull(results: Sequence[Named], operands: Sequence[Named], u: Float) -> list[Float]:
    """Pull one cotangent of all results back to all operands; None becomes zeros."""
    outputs, weights, start = [], [], 0
    for _, y in results:
        if y.vertex is not None:
            part = u[start : start + y.array.size]
            outputs.append(y)
            weights.append(new(part.reshape(y.shape).astype(y.dtype)))
        start += y.array.size
    if not outputs:
        return [np.zeros(x.array.size) for _, x in operands]
    leaves = [x for _, x in operands]
    found = grad(outputs, leaves, weights, retain_graph=True, allow_unused=True)
    return [
        np.zeros(x.array.size) if g is None else np.array(g.array.reshape(-1), np.float64)
        for x, g in zip(leaves, found, strict=True)
    ]


def index(element: int, shape: tuple[int, ...]) -> tuple[int, ...]:
    """Give the index of an element that was counted through."""
    return tuple(int(i) for i in np.unravel_index(element, shape))
