"""Views of parts of a tensor: one place of a dimension, a diagonal, pieces."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from tinygrad_np.core import Array, Op, Operand, Thunks, apply
from tinygrad_np.errors import ShapeError
from tinygrad_np.ops.checks import check_tensor, integer
from tinygrad_np.ops.index import GetItem
from tinygrad_np.ops.shape import narrow, normalize_dim

if TYPE_CHECKING:
    from collections.abc import Sequence

V = TypeVar("V")


class Diagonal(Op):
    """The elements whose places in two dimensions differ by `offset`; they come last."""

    __slots__ = ("dim1", "dim2", "offset")
    formula = "y[…, i] = x[…, i, i + offset, …]"
    derivative = "dx = dy within zeros"
    views = True

    def __init__(self, offset: int, dim1: int, dim2: int) -> None:
        self.offset, self.dim1, self.dim2 = offset, dim1, dim2

    def forward(self, x: Array) -> Array:
        y = x.diagonal(self.offset, self.dim1, self.dim2)
        y.flags.writeable = x.flags.writeable  # NumPy's are read-only from the start
        return y

    def vjp(self, g: Operand, x: Operand, _: Operand) -> Thunks:
        return (lambda: apply(OnDiagonal(x.shape, self.offset, self.dim1, self.dim2), g),)


class OnDiagonal(Op):
    """Zeros of a shape, with the operand on a diagonal."""

    __slots__ = ("dim1", "dim2", "offset", "shape")
    formula = "y = 0; y[…, i, i + offset, …] = x[…, i]"
    derivative = "dx = the diagonal of dy"

    def __init__(self, shape: tuple[int, ...], offset: int, dim1: int, dim2: int) -> None:
        self.shape, self.offset, self.dim1, self.dim2 = shape, offset, dim1, dim2

    def forward(self, x: Array) -> Array:
        y = np.zeros(self.shape, x.dtype)
        Diagonal(self.offset, self.dim1, self.dim2).forward(y)[...] = x
        return y

    def vjp(self, g: Operand, *_: Operand) -> Thunks:
        return (lambda: apply(Diagonal(self.offset, self.dim1, self.dim2), g),)


def diagonal(input: V, offset: int = 0, dim1: int = 0, dim2: int = 1) -> V:
    """Give the diagonal of two dimensions as a last one; `offset` > 0 lies above the main one.

    A view. Gradient: on that diagonal of zeros.

    >>> import tinygrad_np as tg
    >>> tg.diagonal(tg.arange(6).reshape(2, 3), 1)
    tensor([1, 5])
    """
    x: Operand = input
    check_tensor("diagonal", "input", x)
    first = normalize_dim(dim1, x.ndim, "diagonal")
    second = normalize_dim(dim2, x.ndim, "diagonal")
    if first == second:
        raise ShapeError(f"diagonal: dim1 and dim2 must differ, and both name dimension {first}")
    return apply(Diagonal(offset, first, second), input)


def select(input: V, dim: int, index: int) -> V:
    """Give one place of a dimension, which goes: `x[:, index]` for `dim=1`. A view.

    >>> import tinygrad_np as tg
    >>> tg.select(tg.arange(6).reshape(2, 3), 1, -1)
    tensor([2, 5])
    """
    x: Operand = input
    check_tensor("select", "input", x)
    if x.ndim == 0:
        raise IndexError("select: a 0-d tensor has no dimension to select from")
    at = normalize_dim(dim, x.ndim, "select")
    size, place = x.shape[at], integer("select", "index", index)
    if not -size <= place < size:
        raise IndexError(
            f"select: index {place} is out of bounds for dimension {dim} with size {size} of shape "
            f"{tuple(x.shape)}"
        )
    return apply(GetItem((*[slice(None)] * at, place, ...)), input)


def unbind(input: V, dim: int = 0) -> tuple[V, ...]:
    """Give every place of a dimension, which goes, as a tuple of views.

    >>> import tinygrad_np as tg
    >>> tg.unbind(tg.tensor([[1, 2], [3, 4]]), 1)
    (tensor([1, 3]), tensor([2, 4]))
    """
    x: Operand = input
    check_tensor("unbind", "input", x)
    if x.ndim == 0:
        raise IndexError("unbind: a 0-d tensor has no dimension to take apart")
    at = normalize_dim(dim, x.ndim, "unbind")
    return tuple(select(input, at, i) for i in range(x.shape[at]))


def split(tensor: V, split_size_or_sections: int | Sequence[int], dim: int = 0) -> tuple[V, ...]:
    """Cut a dimension into pieces of one size (the last may be smaller), or of those given.

    Views. Gradient: each piece's, set within zeros.

    >>> import tinygrad_np as tg
    >>> tg.split(tg.arange(5), 2)
    (tensor([0, 1]), tensor([2, 3]), tensor([4]))
    >>> tg.split(tg.arange(5), [1, 4])
    (tensor([0]), tensor([1, 2, 3, 4]))
    """
    x: Operand = tensor
    check_tensor("split", "tensor", x)
    if x.ndim == 0:
        raise ShapeError("split: a 0-d tensor has no dimension to cut")
    at = normalize_dim(dim, x.ndim, "split")
    size = x.shape[at]
    given: Any = split_size_or_sections
    if isinstance(given, (tuple, list)):
        sizes = [integer("split", "each size", n) for n in given]
        if any(n < 0 for n in sizes) or sum(sizes) != size:
            raise ShapeError(
                f"split: sizes {sizes} must not be negative, and must add up to the size {size} of "
                f"dimension {dim}"
            )
    else:
        most = integer("split", "split_size_or_sections", given)
        if most < 0 or (most == 0 and size):
            raise ShapeError(f"split: pieces must have a positive size, not {most}")
        sizes = [min(most, size - start) for start in range(0, size, max(most, 1))] or [size]
    pieces, start = [], 0
    for n in sizes:
        pieces.append(narrow(tensor, at, start, n))
        start += n
    return tuple(pieces)


def chunk(input: V, chunks: int, dim: int = 0) -> tuple[V, ...]:
    """Cut a dimension into at most `chunks` pieces of one size; the last may be smaller. Views.

    >>> import tinygrad_np as tg
    >>> tg.chunk(tg.arange(5), 2)
    (tensor([0, 1, 2]), tensor([3, 4]))
    """
    x: Operand = input
    check_tensor("chunk", "input", x)
    if x.ndim == 0:
        raise ShapeError("chunk: a 0-d tensor has no dimension to cut")
    count = integer("chunk", "chunks", chunks)
    if count < 1:
        raise ShapeError(f"chunk: the number of pieces must be greater than 0, not {count}")
    at = normalize_dim(dim, x.ndim, "chunk")
    size = x.shape[at]
    if size == 0:
        return split(input, [0] * count, at)
    return split(input, -(-size // count), at)
