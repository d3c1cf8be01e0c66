"""Indexing and its adjoints: reading places, and adding into places."""

from __future__ import annotations

from typing import Any, TypeVar, cast

import numpy as np

from tinygrad_np.core import Array, Op, Operand, Thunks, Value, apply
from tinygrad_np.errors import ShapeError
from tinygrad_np.ops.shape import broadcast_to, normalize_dim

V = TypeVar("V")


class GetItem(Op):
    """The places that an index names."""

    __slots__ = ("index",)
    formula = "y = x[index]"
    derivative = "dx = dy added into zeros at index"
    views = True

    def __init__(self, index: tuple[Any, ...]) -> None:
        self.index = index

    def forward(self, x: Array) -> Array:
        return cast("Array", x[self.index])

    def vjp(self, g: Operand, x: Operand, _: Operand) -> Thunks:
        return (lambda: apply(AddAt(x.shape, self.index), g),)


class AddAt(Op):
    """Zeros of a shape, with the operand added in at an index; repeated places add up."""

    __slots__ = ("index", "shape")
    formula = "y = 0; y[index] += x"
    derivative = "dx = dy[index]"

    def __init__(self, shape: tuple[int, ...], index: tuple[Any, ...]) -> None:
        self.shape, self.index = shape, index

    def forward(self, x: Array) -> Array:
        y = np.zeros(self.shape, x.dtype)
        if any(isinstance(part, np.ndarray) and part.dtype != np.bool_ for part in self.index):
            np.add.at(y, self.index, x)
        else:  # slices, ints and masks name no place twice
            y[self.index] = x
        return y

    def vjp(self, g: Operand, *_: Operand) -> Thunks:
        return (lambda: apply(GetItem(self.index), g),)


class TakeAlongDim(Op):
    """Along one dimension, the places that an index tensor names."""

    __slots__ = ("dim",)
    formula = "y[…, j, …] = x[…, index[…, j, …], …]"
    derivative = "dx = dy added into zeros at index"
    grad_fn = "GatherBackward0"
    reads = ((1,),)

    def __init__(self, dim: int) -> None:
        self.dim = dim

    def forward(self, x: Array, index: Array) -> Array:
        return np.take_along_axis(x, index, self.dim)

    def vjp(self, g: Operand, x: Operand, index: Operand, _: Operand) -> Thunks:
        return (lambda: apply(AddAlongDim(self.dim, x.shape[self.dim]), g, index), None)


class AddAlongDim(Op):
    """Zeros with the operand added in, along one dimension, at the places of an index tensor."""

    __slots__ = ("dim", "size")
    formula = "y = 0; y[…, index[…, j, …], …] += x[…, j, …]"
    derivative = "dx = dy taken along dim at index"
    reads = ((1,),)

    def __init__(self, dim: int, size: int) -> None:
        self.dim, self.size = dim, size

    def forward(self, x: Array, index: Array) -> Array:
        shape = list(x.shape)
        shape[self.dim] = self.size
        y = np.zeros(shape, x.dtype)
        places: list[Array] = list(np.indices(x.shape, sparse=True))
        places[self.dim] = index
        np.add.at(y, tuple(places), x)
        return y

    def vjp(self, g: Operand, _x: Operand, index: Operand, _y: Operand) -> Thunks:
        return (lambda: apply(TakeAlongDim(self.dim), g, index), None)


def getitem(input: V, index: Any) -> V:
    """Read the places that `index` names, as `input[index]` does.

    Ints, slices, `...`, None, integer tensors and arrays, lists and boolean masks, alone or in a
    tuple. Gradient: added in at those places, so that a place named twice receives both.

    >>> import tinygrad_np as tg
    >>> x = tg.tensor([1.0, 2.0, 3.0], requires_grad=True)
    >>> x[[0, 0, 1]].sum().backward()
    >>> x.grad
    tensor([2., 1., 0.])
    """
    try:
        return apply(GetItem(numpy_index(index)), input)
    except IndexError as error:
        x: Operand = input
        raise IndexError(f"index {_spell(index)} on shape {tuple(x.shape)}: {error}") from None


def numpy_index(index: Any) -> tuple[Any, ...]:
    """Turn an index into NumPy's: tensors to arrays, bytes to masks, lists to index arrays."""
    parts = tuple(map(_place, index)) if isinstance(index, tuple) else (_place(index),)
    # With an ellipsis, NumPy gives a view where it would give a scalar: x[0] of a vector, too.
    return parts if any(part is Ellipsis for part in parts) else (*parts, ...)


def _spell(index: Any) -> str:
    parts = index if isinstance(index, tuple) else (index,)
    return "[" + ", ".join("..." if part is Ellipsis else str(part) for part in parts) + "]"


def _place(part: Any) -> Any:
    """Turn one part of an index into what NumPy takes for it."""
    if isinstance(part, slice):
        if part.step is not None and part.step < 0:
            raise ValueError(
                f"a slice with the negative step {part.step} is not supported; use flip()"
            )
        return part
    if part is None or part is Ellipsis or isinstance(part, (int, np.integer)):
        return part
    # A copy: the derivative goes to the places that were meant now, whatever the index becomes.
    array = np.array(part.array if isinstance(part, Value) else part)
    if array.dtype == np.uint8:
        array = array != 0  # PyTorch takes bytes for a mask
    if array.size == 0 and not isinstance(part, Value):
        array = array.astype(np.intp)
    if array.dtype.kind not in "iub":
        raise IndexError(
            f"an index must be of integers or bools, not of {array.dtype}; convert it with .long()"
        )
    return array


def take_along_dim(input: V, indices: Operand, dim: int) -> V:
    """Along `dim`, take the elements at `indices`, which has as many dimensions as `input`.

    All other dimensions broadcast. Gradient: added in at those places.

    >>> import tinygrad_np as tg
    >>> x = tg.tensor([[1.0, 5.0], [7.0, 2.0]])
    >>> tg.take_along_dim(x, tg.tensor([[1], [0]]), 1)
    tensor([[5.],
            [7.]])
    """
    x: Operand = input
    index: Operand = indices
    at = normalize_dim(dim, x, "take_along_dim")
    if index.ndim != x.ndim:
        raise ShapeError(
            f"take_along_dim: indices of shape {tuple(index.shape)} must have as many dimensions "
            f"as the input of shape {tuple(x.shape)}"
        )
    beside_x, beside_index = (s[:at] + s[at + 1 :] for s in (tuple(x.shape), tuple(index.shape)))
    if beside_x != beside_index:
        try:
            rest = np.broadcast_shapes(beside_x, beside_index)
        except ValueError:
            raise ShapeError(
                f"take_along_dim: apart from dimension {dim}, indices of shape "
                f"{tuple(index.shape)} must broadcast with the input of shape {tuple(x.shape)}"
            ) from None
        x, index = (broadcast_to(y, (*rest[:at], y.shape[at], *rest[at:])) for y in (x, index))
    return cast("V", apply(TakeAlongDim(at), x, index))
