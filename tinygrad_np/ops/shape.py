"""Ops that move elements without changing them, each the other's derivative in pairs."""

from __future__ import annotations

import math
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar, Unpack

import numpy as np

from tinygrad_np.core import Array, Op, Operand, Thunks, Value, apply
from tinygrad_np.dtypes import float16, float32
from tinygrad_np.errors import ShapeError, not_a_tensor
from tinygrad_np.ops.aliases import MISSING, Axis, chosen_dim
from tinygrad_np.views import row_major, viewable

if TYPE_CHECKING:
    from collections.abc import Sequence

V = TypeVar("V")


class Reshape(Op):
    """The same elements in row-major order, in another shape."""

    __slots__ = ("shape",)
    formula = "y = reshape(x, shape)"
    derivative = "dx = reshape(dy, shape of x)"
    grad_fn = "ViewBackward0"
    views = True

    def __init__(self, shape: tuple[int, ...]) -> None:
        self.shape = shape

    def forward(self, x: Array) -> Array:
        return x.reshape(self.shape)

    def vjp(self, g: Operand, x: Operand, _: Operand) -> Thunks:
        return (lambda: apply(Reshape(x.shape), g),)


class Refit(Reshape):
    """Reshape of an array that no other tensor holds: the result is not a view of anything."""

    __slots__ = ()
    views = False


class Contiguous(Op):
    """A copy in row-major memory order."""

    __slots__ = ()
    formula = "y = x"
    derivative = "dy/dx = 1"

    def forward(self, x: Array) -> Array:
        return np.array(x, order="C")

    def vjp(self, g: Operand, *_: Operand) -> Thunks:
        return (lambda: g,)


class Permute(Op):
    """The dimensions in another order."""

    __slots__ = ("dims",)
    formula = "y[i_dims] = x[i]"
    derivative = "dx = permute(dy, inverse of dims)"
    views = True

    def __init__(self, dims: tuple[int, ...]) -> None:
        self.dims = dims

    def forward(self, x: Array) -> Array:
        return x.transpose(self.dims)

    def vjp(self, g: Operand, _x: Operand, _y: Operand) -> Thunks:
        inverse = tuple(self.dims.index(i) for i in range(len(self.dims)))
        return (lambda: apply(Permute(inverse), g),)


class BroadcastTo(Op):
    """Dimensions of size 1, and missing ones at the left, repeated to a larger shape."""

    __slots__ = ("shape",)
    formula = "y = broadcast(x, shape)"
    derivative = "dx = dy summed over the repeated dimensions"
    grad_fn = "ExpandBackward0"
    views = True

    def __init__(self, shape: tuple[int, ...]) -> None:
        self.shape = shape

    def forward(self, x: Array) -> Array:
        y: Array
        if x.size == 1:  # a tenth of the time of np.broadcast_to, for what most losses end in
            y = np.ndarray(self.shape, x.dtype, x, 0, (0,) * len(self.shape))
        else:
            y = np.broadcast_to(x, self.shape)
        y.flags.writeable = x.size == y.size and x.flags.writeable  # else several share a place
        return y

    def vjp(self, g: Operand, x: Operand, _: Operand) -> Thunks:
        return (lambda: sum_to(g, x.shape),)


class SumTo(Op):
    """Sum over the dimensions that broadcasting to the operand's shape would repeat."""

    __slots__ = ("shape",)
    formula = "y = Σ x over the dimensions that shape lacks"
    derivative = "dx = dy broadcast to the shape of x"

    def __init__(self, shape: tuple[int, ...]) -> None:
        self.shape = shape

    def forward(self, x: Array) -> Array:
        if x.dtype == float16:  # a sum of halves alone would lose terms from 2048 on
            return self.forward(x.astype(float32)).astype(float16)
        extra = x.ndim - len(self.shape)
        repeated = tuple(range(extra)) + tuple(
            [i + extra for i, n in enumerate(self.shape) if n == 1 != x.shape[i + extra]]
        )
        total: Array = np.add.reduce(x, repeated, x.dtype)
        return total if total.shape == self.shape else total.reshape(self.shape)

    def vjp(self, g: Operand, x: Operand, _: Operand) -> Thunks:
        return (lambda: broadcast_to(g, x.shape),)


class Cat(Op):
    """Operands joined along an existing dimension."""

    __slots__ = ("dim",)
    formula = "y = [x₁ … xₙ] along dim"
    derivative = "dxᵢ = its own stretch of dy"
    promotes = slice(None)

    def __init__(self, dim: int) -> None:
        self.dim = dim

    def forward(self, *xs: Array) -> Array:
        return np.concatenate(xs, axis=self.dim)

    def vjp(self, g: Operand, *operands: Operand) -> Thunks:
        thunks, start = [], 0
        for x in operands[:-1]:
            stop = start + x.shape[self.dim]
            thunks.append(partial(narrow, g, self.dim, start, stop - start))
            start = stop
        return tuple(thunks)


class Crop(Op):
    """A box of the operand: `length` places from `start` in one dimension."""

    __slots__ = ("dim", "length", "start")
    formula = "y = x[start : start + length] in dim"
    derivative = "dx = dy within zeros"
    grad_fn = "SliceBackward0"
    views = True

    def __init__(self, dim: int, start: int, length: int) -> None:
        self.dim, self.start, self.length = dim, start, length

    def forward(self, x: Array) -> Array:
        box = [slice(None)] * x.ndim
        box[self.dim] = slice(self.start, self.start + self.length)
        return x[tuple(box)]

    def vjp(self, g: Operand, x: Operand, _: Operand) -> Thunks:
        after = x.shape[self.dim] - self.start - self.length
        return (lambda: apply(Embed(self.dim, self.start, after), g),)


class Embed(Op):
    """The operand with zeros before and after it in one dimension."""

    __slots__ = ("after", "before", "dim")
    formula = "y = [0 … x … 0] along dim"
    derivative = "dx = dy without the places of the zeros"

    def __init__(self, dim: int, before: int, after: int) -> None:
        self.dim, self.before, self.after = dim, before, after

    def forward(self, x: Array) -> Array:
        width = [(0, 0)] * x.ndim
        width[self.dim] = (self.before, self.after)
        return np.pad(x, width)

    def vjp(self, g: Operand, x: Operand, _: Operand) -> Thunks:
        return (lambda: narrow(g, self.dim, self.before, x.shape[self.dim]),)


def reshape(input: V, shape: Sequence[int]) -> V:
    """Give the elements, in row-major order, another shape; one size may be -1.

    Shapes: `(*)` to `shape`, with equally many elements. A view where the strides allow it, as
    with `Tensor.view`, and else a copy. Gradient: reshaped back.

    Raises
    ------
    ShapeError
        If the numbers of elements differ.

    >>> import tinygrad_np as tg
    >>> tg.reshape(tg.arange(6), (2, -1))
    tensor([[0, 1, 2],
            [3, 4, 5]])
    """
    x: Operand = input
    try:
        old = x.shape
    except AttributeError:
        raise not_a_tensor("reshape", "input", x) from None
    target = infer_shape(old, tuple(shape))
    if isinstance(input, Value) and not row_major(input):
        if not viewable(input, target):
            return apply(Refit(target), apply(Contiguous(), input))
        _lay_out(input, target)
    return apply(Reshape(target), input)


def _lay_out(value: Value, shape: tuple[int, ...]) -> None:
    """Make memory row-major where the engine chose another order, in which `shape` is no view.

    The reshaped result would be a copy, and a later write into it would not reach `value`, as it
    does in a row-major tensor. Memory that others look at cannot move: there it stays a copy.
    """
    if len(value.cell) == 1:
        try:
            np.reshape(value.array, shape, copy=False)
        except ValueError:
            value.array = np.ascontiguousarray(value.array)


def contiguous(input: V) -> V:
    """Copy into row-major memory order. Gradient: 1."""
    return apply(Contiguous(), input)


def infer_shape(shape: tuple[int, ...], target: tuple[int, ...]) -> tuple[int, ...]:
    """Replace the -1 in `target`, and check that it holds as many elements as `shape`."""
    count = math.prod(shape)
    known = math.prod(size for size in target if size != -1)
    free = sum(size == -1 for size in target)
    if free == 1 and known and count % known == 0:
        return tuple(count // known if size == -1 else size for size in target)
    if known != count or any(size < 0 for size in target):
        raise ShapeError(
            f"reshape: {count} elements of shape {tuple(shape)} do not fill shape {target}"
            + ("; only one size can be -1" if free > 1 else "")
        )
    return target


def permute(input: V, dims: Sequence[int]) -> V:
    """Put the dimensions in the order `dims`. Gradient: permuted back.

    >>> import tinygrad_np as tg
    >>> tg.permute(tg.zeros(2, 3, 4), (2, 0, 1)).shape
    Size([4, 2, 3])
    """
    x: Operand = input
    n = rank(x, "permute")
    order = tuple(normalize_dim(d, n, "permute") for d in dims)
    if sorted(order) != list(range(n)):
        raise ShapeError(
            f"permute: dims {tuple(dims)} must name each of the {x.ndim} dimensions of shape "
            f"{tuple(x.shape)} once"
        )
    return apply(Permute(order), input)


def transpose(input: V, dim0: int, dim1: int) -> V:
    """Swap two dimensions. Gradient: swapped back.

    >>> import tinygrad_np as tg
    >>> tg.transpose(tg.tensor([[1, 2], [3, 4]]), 0, 1)
    tensor([[1, 3],
            [2, 4]])
    """
    x: Operand = input
    n = rank(x, "transpose")
    a, b = normalize_dim(dim0, n, "transpose"), normalize_dim(dim1, n, "transpose")
    order = list(range(n))
    if order:
        order[a], order[b] = b, a
    return apply(Permute(tuple(order)), input)


def flatten(input: V, start_dim: int = 0, end_dim: int = -1) -> V:
    """Join the dimensions from `start_dim` to `end_dim` into one. Gradient: reshaped back.

    >>> import tinygrad_np as tg
    >>> tg.flatten(tg.zeros(2, 3, 4), 1).shape
    Size([2, 12])
    """
    x: Operand = input
    first = normalize_dim(start_dim, x, "flatten")
    last = normalize_dim(end_dim, x.ndim, "flatten")
    if first > last:
        raise ShapeError(f"flatten: start_dim {start_dim} comes after end_dim {end_dim}")
    if first == last and x.ndim:
        return input  # as PyTorch does: nothing to join
    shape = tuple(x.shape)
    joined = (math.prod(shape[first : last + 1]),)
    return reshape(input, shape[:first] + joined + shape[last + 1 :])


def unsqueeze(input: V, dim: int = MISSING, **aliases: Unpack[Axis]) -> V:
    """Insert a dimension of size 1 at `dim`. Gradient: reshaped back.

    >>> import tinygrad_np as tg
    >>> tg.unsqueeze(tg.zeros(3), -1).shape
    Size([3, 1])
    """
    x: Operand = input
    if aliases or dim is MISSING:
        dim = chosen_dim("unsqueeze", aliases, dim, MISSING)
    at = normalize_dim(dim, rank(x, "unsqueeze") + 1, "unsqueeze")
    shape = list(x.shape)
    shape.insert(at, 1)
    return reshape(input, shape)


def squeeze(input: V, dim: int | Sequence[int] | None = None, **aliases: Unpack[Axis]) -> V:
    """Drop the dimensions of size 1, all of them or those in `dim`. Gradient: reshaped back.

    >>> import tinygrad_np as tg
    >>> tg.squeeze(tg.zeros(1, 3, 1)).shape
    Size([3])
    """
    x: Operand = input
    if aliases:
        dim = chosen_dim("squeeze", aliases, dim)
    dims = normalize_dims(dim, x, "squeeze")
    return reshape(input, [n for i, n in enumerate(x.shape) if i not in dims or n != 1])


def broadcast_to(input: V, size: Sequence[int]) -> V:
    """Repeat dimensions of size 1, and missing ones at the left, without a copy.

    Gradient: summed over the repeated dimensions. In `expand`, a size of -1 keeps the old one.

    >>> import tinygrad_np as tg
    >>> tg.broadcast_to(tg.tensor([1, 2]), (2, 2))
    tensor([[1, 2],
            [1, 2]])
    """
    x: Operand = input
    extra = len(size) - rank(x, "broadcast_to")
    old = (1,) * extra + tuple(x.shape)
    target = tuple(
        n if m == -1 and i >= extra else m for i, (n, m) in enumerate(zip(old, size, strict=False))
    )
    if (
        extra < 0
        or any(n not in (1, m) for n, m in zip(old, target, strict=True))
        or any(m < 0 for m in target)
    ):
        raise ShapeError(
            f"broadcast_to: shape {tuple(x.shape)} does not broadcast to {tuple(size)}: aligned "
            "at the right, each size must be equal or 1"
        )
    return apply(BroadcastTo(target), input)


def sum_to(input: V, shape: tuple[int, ...]) -> V:
    """Sum over the dimensions that broadcasting `shape` would repeat: its adjoint."""
    return apply(SumTo(shape), input)


def narrow(input: V, dim: int, start: int, length: int) -> V:
    """Take `length` places from `start` on in dimension `dim`. Gradient: set within zeros.

    >>> import tinygrad_np as tg
    >>> tg.narrow(tg.arange(5), 0, 1, 3)
    tensor([1, 2, 3])
    """
    x: Operand = input
    at = normalize_dim(dim, x, "narrow")
    if x.ndim == 0:
        raise ShapeError("narrow: a 0-d tensor has no dimension to take places from")
    size = x.shape[at]
    first = start + size if start < 0 else start
    if not 0 <= first <= first + length <= size:
        raise ShapeError(
            f"narrow: {length} places from {start} on do not lie within dimension {dim} of size "
            f"{size}"
        )
    return apply(Crop(at, first, length), input)


def cat(tensors: Sequence[V], dim: int = 0, **aliases: Unpack[Axis]) -> V:
    """Join tensors along the existing dimension `dim`; all other sizes must agree.

    A vector without elements, of shape (0,), joins with tensors of any shape.
    Gradient: each operand receives its own stretch.

    >>> import tinygrad_np as tg
    >>> tg.cat([tg.tensor([1, 2]), tg.tensor([3])])
    tensor([1, 2, 3])
    """
    if aliases:
        dim = chosen_dim("cat", aliases, dim, 0)
    if not tensors:
        raise ShapeError("cat: there is nothing to join: give at least one tensor")
    shapes = _shapes(tensors, "cat")
    if () in shapes:
        raise ShapeError("cat: 0-d tensors have no dimension to be joined along; use stack")
    shape = next((shape for shape in shapes if shape != (0,)), (0,))
    at = normalize_dim(dim, len(shape), "cat")
    if (0,) in shapes:
        nothing = (*shape[:at], 0, *shape[at + 1 :])
        tensors = [
            reshape(x, nothing) if shape == (0,) else x
            for x, shape in zip(tensors, shapes, strict=True)
        ]
        shapes = _shapes(tensors, "cat")
    rest = {shape[:at] + shape[at + 1 :] for shape in shapes}
    if len(rest) != 1 or len({len(shape) for shape in shapes}) != 1:
        raise ShapeError(
            f"cat: apart from dimension {dim}, shapes must agree, but they are {shapes}"
        )
    return apply(Cat(at), *tensors)


def stack(tensors: Sequence[V], dim: int = 0, **aliases: Unpack[Axis]) -> V:
    """Join tensors of one shape along a new dimension `dim`. Gradient: unstacked.

    >>> import tinygrad_np as tg
    >>> tg.stack([tg.tensor([1, 2]), tg.tensor([3, 4])])
    tensor([[1, 2],
            [3, 4]])
    """
    if aliases:
        dim = chosen_dim("stack", aliases, dim, 0)
    if not tensors:
        raise ShapeError("stack: there is nothing to join: give at least one tensor")
    shapes = _shapes(tensors, "stack")
    if len(set(shapes)) > 1:
        raise ShapeError(f"stack: all shapes must be equal, but they are {shapes}")
    return cat(
        [unsqueeze(x, dim) for x in tensors], normalize_dim(dim, len(shapes[0]) + 1, "stack")
    )


def _shapes(tensors: Any, name: str) -> list[tuple[int, ...]]:
    try:
        return [tuple(x.shape) for x in tensors]
    except (AttributeError, TypeError):
        odd = [x for x in tensors if not hasattr(x, "shape")] if _iterable(tensors) else [tensors]
        raise not_a_tensor(name, "each of the tensors", odd[0]) from None


def _iterable(x: object) -> bool:
    return hasattr(x, "__iter__")


def rank(of: Any, name: str) -> int:
    """Number of dimensions of what must be a tensor; in a rule, an array."""
    try:
        ndim: int = of.ndim
    except AttributeError:
        raise not_a_tensor(name, "input", of) from None
    return ndim


def normalize_dim(dim: int, of: Any, name: str) -> int:
    """Count a negative `dim` from the end; a 0-d tensor accepts 0 and -1, as in PyTorch.

    `of` is the tensor, or the number of dimensions where the tensor does not have `dim` yet.
    """
    try:
        ndim: int = of if type(of) is int else of.ndim
    except AttributeError:
        raise not_a_tensor(name, "input", of) from None
    size = ndim or 1
    if not -size <= dim < size:
        raise IndexError(
            f"{name}: dimension {dim} is out of range for {ndim} dimensions; expected {-size} to "
            f"{size - 1}"
        )
    return dim % size


def normalize_dims(dim: int | Sequence[int] | None, of: Any, name: str) -> tuple[int, ...]:
    """Sort out a `dim` argument: None means all; the result is non-negative and without doubles."""
    ndim = rank(of, name)
    if dim is None:
        return tuple(range(ndim))
    given = (dim,) if isinstance(dim, int) else tuple(dim)
    dims = tuple(normalize_dim(d, ndim, name) for d in given)
    if len(set(dims)) < len(dims):
        raise ShapeError(f"{name}: dim {given} names a dimension twice")
    return dims if ndim else ()
