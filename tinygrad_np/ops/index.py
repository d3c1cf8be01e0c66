"""Indexing and its adjoints: reading places, adding into places, and overwriting them."""

from __future__ import annotations

from typing import Any, TypeVar, cast

import numpy as np

from tinygrad_np.core import Array, Op, Operand, Thunks, Value, apply
from tinygrad_np.dtypes import float16, float32
from tinygrad_np.ops.shape import sum_to
from tinygrad_np.views import shares_memory

V = TypeVar("V")


class GetItem(Op):
    """The places that an index names."""

    __slots__ = ("index",)
    formula = "y = x[index]"
    derivative = "dx = dy added into zeros at index"
    views = True

    def __init__(self, index: tuple[Any, ...]) -> None:
        self.index = index

    @property
    def grad_fn(self) -> str:  # type: ignore[override]  # it depends on the index
        """PyTorch's name for the last step of the index, which it takes part by part."""
        parts = [part for part in self.index if part is not Ellipsis]
        if any(isinstance(part, np.ndarray) for part in parts):
            return "IndexBackward0"
        steps = [part for part in parts if part != slice(None)] or parts
        if not steps:
            return "AliasBackward0"
        if steps[-1] is None:
            return "UnsqueezeBackward0"
        return "SliceBackward0" if isinstance(steps[-1], slice) else "SelectBackward0"

    def forward(self, x: Array) -> Array:
        return cast("Array", x[self.index])

    def vjp(self, g: Operand, x: Operand, _: Operand) -> Thunks:
        return (lambda: apply(AddAt(x.shape, self.index), g),)


def _added_at(shape: tuple[int, ...], index: tuple[Any, ...], x: Array) -> Array:
    """Zeros with `x` added in; halves in float32, for alone they lose terms from 2048 on."""
    y = np.zeros(shape, float32 if x.dtype == float16 else x.dtype)
    np.add.at(y, index, x)
    return y.astype(x.dtype, copy=False)


class AddAt(Op):
    """Zeros of a shape, with the operand added in at an index; repeated places add up."""

    __slots__ = ("index", "shape")
    formula = "y = 0; y[index] += x"
    derivative = "dx = dy[index]"

    def __init__(self, shape: tuple[int, ...], index: tuple[Any, ...]) -> None:
        self.shape, self.index = shape, index

    def forward(self, x: Array) -> Array:
        if any(isinstance(part, np.ndarray) and part.dtype != np.bool_ for part in self.index):
            return _added_at(self.shape, self.index, x)
        y = np.zeros(self.shape, x.dtype)  # slices, ints and masks name no place twice
        y[self.index] = x
        return y

    def vjp(self, g: Operand, *_: Operand) -> Thunks:
        return (lambda: apply(GetItem(self.index), g),)


class Put(Op):
    """The first operand with the second, broadcast, written over one part of it.

    The part is what `path`, views and at the end any index, leads to; without path, everything.
    """

    __slots__ = ("path",)
    formula = "y = a; path(y) = b"
    derivative = "da = dy, 0 in the part; db = path(dy), summed where b was broadcast"
    grad_fn = "CopySlices"

    def __init__(self, path: tuple[Op, ...]) -> None:
        self.path = path

    def forward(self, a: Array, b: Any) -> Array:
        y = np.array(a)
        overwrite(y, self.path, b)
        return y

    def vjp(self, g: Operand, _a: Operand, b: Operand, _y: Operand) -> Thunks:
        def part() -> Operand:
            found = g
            for op in self.path:
                found = apply(op, found)
            return sum_to(found, b.shape)

        return (lambda: apply(Clear(self.path), g), part)


class Clear(Op):
    """The operand with zeros written over the part that `path` leads to."""

    __slots__ = ("path",)
    formula = "y = x; path(y) = 0"
    derivative = "dx = dy, 0 in the part"

    def __init__(self, path: tuple[Op, ...]) -> None:
        self.path = path

    def forward(self, x: Array) -> Array:
        y = np.array(x)
        overwrite(y, self.path, 0)
        return y

    def vjp(self, g: Operand, *_: Operand) -> Thunks:
        return (lambda: apply(Clear(self.path), g),)


def overwrite(array: Array, path: tuple[Op, ...], value: Any) -> None:
    """Write `value`, which broadcasts, over the part of `array` that `path` leads to."""
    part = array
    for op in path[:-1]:
        part = op.forward(part)
    index: tuple[Any, ...] = (...,)
    if path and isinstance(path[-1], GetItem):
        index = path[-1].index
    elif path:
        part = path[-1].forward(part)
    if shares_memory(part, array):
        part[index] = value
        return
    # In the memory order of this array (a gradient's, say) some step of the path is a copy.
    places = np.arange(array.size).reshape(array.shape)
    for op in path:
        places = op.forward(places)
    array.flat[places.ravel()] = np.broadcast_to(value, places.shape).ravel()


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
        places: list[Array] = list(np.indices(x.shape, sparse=True))
        places[self.dim] = index
        return _added_at(tuple(shape), tuple(places), x)

    def vjp(self, g: Operand, _x: Operand, index: Operand, _y: Operand) -> Thunks:
        return (lambda: apply(TakeAlongDim(self.dim), g, index), None)


def getitem(input: V, index: Any) -> V:
    """Read the places that `index` names, as `input[index]` does.

    Ints, slices, `...`, None, integer tensors and arrays, lists and boolean masks, alone or in a
    tuple. Ints and slices are taken first; the index tensors, broadcast together, then name places
    in what they leave, and their dimensions come where the first of them stands if they are side
    by side, else first. Gradient: added in at those places, so that a place named twice receives
    both.

    Raises
    ------
    IndexError
        If an index lies outside its dimension, a mask has another shape, or there are too many.
    ValueError
        If the step of a slice is not positive.

    >>> import tinygrad_np as tg
    >>> x = tg.tensor([1.0, 2.0, 3.0], requires_grad=True)
    >>> x[[0, 0, 1]].sum().backward()
    >>> x.grad
    tensor([2., 1., 0.])
    """
    y: Operand = input
    try:
        for op in steps(index, y.ndim):
            y = apply(op, y)
    except IndexError as error:
        x: Operand = input
        raise explained(error, index, tuple(x.shape)) from None
    return cast("V", y)


def steps(index: Any, rank: int) -> tuple[GetItem, ...]:
    """Split an index into what NumPy takes: ints, slices and None; then the index tensors.

    In one step NumPy would count ints among the index arrays, and place the result elsewhere. Nor
    are index arrays side by side with NumPy that have `...` between them, if it stands for nothing.
    """
    parts = _parts(index)
    if len(parts) == 1:  # x[i], quickly; with an ellipsis, for the reason below
        part = _place(parts[0])
        return (GetItem((part, ...) if part is not Ellipsis else (part,)),)
    basic: list[Any] = []
    places: list[Any] = []
    only_basic = only_places = True
    parts = tuple(map(_place, parts))
    idle = sum(map(_span, parts)) == rank
    for part in parts:
        if type(part) is int:
            basic.append(part)
            only_places = False
        elif isinstance(part, np.ndarray):
            only_basic = False
            places.append(part)
            basic += [slice(None)] * _span(part)
        else:
            basic.append(part)
            if part is not Ellipsis:
                places.append(slice(None))
            elif not idle:
                places.append(part)
            only_places = only_places and (part is Ellipsis or part == slice(None))
    # With an ellipsis, NumPy gives a view where it would give a scalar: x[0] of a vector, too.
    if not any(part is Ellipsis for part in basic):
        basic.append(...)
    if only_basic:
        return (GetItem(tuple(basic)),)
    step = GetItem(tuple(places))
    return (step,) if only_places else (GetItem(tuple(basic)), step)


def _parts(index: Any) -> tuple[Any, ...]:
    """Take an index apart; PyTorch takes a list for a tuple where it cannot be an array."""
    if isinstance(index, tuple):
        return index
    tuple_like = isinstance(index, list) and any(
        part is None or part is Ellipsis or isinstance(part, (slice, Value)) for part in index
    )
    return tuple(index) if tuple_like else (index,)


def _place(part: Any) -> Any:
    """Turn one part of an index into what NumPy takes for it."""
    if type(part) is int or part is None or part is Ellipsis:
        return part
    if isinstance(part, slice):
        if part.step is not None and part.step <= 0:
            raise ValueError(
                f"the step of a slice must be greater than zero, not {part.step}; use flip() to "
                "go backwards"
            )
        return part
    # A copy: the derivative goes to the places that were meant now, whatever the index becomes.
    array = np.array(part.array if isinstance(part, Value) else part)
    if array.dtype == np.uint8:
        array = np.asarray(array != 0)  # PyTorch takes bytes for a mask
    if array.size == 0 and array.dtype.kind == "f" and not isinstance(part, Value):
        array = array.astype(np.intp)  # an empty list; an empty mask is one
    narrow = isinstance(part, Value) and array.ndim and array.dtype in (np.int8, np.int16)
    if array.dtype.kind not in "iub" or narrow:
        raise IndexError(
            f"an index tensor must be of int64, int32, bool or uint8, not of {array.dtype}; "
            "convert it with .long()"
        )
    return int(array) if array.ndim == 0 and array.dtype != np.bool_ else array


def explained(error: IndexError, index: Any, shape: tuple[int, ...]) -> IndexError:
    """Say what is wrong with an index that NumPy refused, in terms of the indexed shape."""
    given = _parts(index)
    spelt = "[" + ", ".join("..." if part is Ellipsis else str(part) for part in given) + "]"
    return IndexError(f"index {spelt} on shape {shape}: {_fault(given, shape) or error}")


def _fault(given: tuple[Any, ...], shape: tuple[int, ...]) -> str | None:
    """Find the part that does not fit."""
    try:
        parts = [_place(part) for part in given]
    except IndexError:
        return None  # which already says what is wrong
    spans = [_span(part) for part in parts]
    if sum(spans) > len(shape):
        return f"too many indices for {len(shape)} dimensions"
    dim = 0
    for part, span in zip(parts, spans, strict=True):
        sizes = shape[dim : dim + span]
        if isinstance(part, np.ndarray) and part.dtype == np.bool_:
            if part.shape != sizes:
                return (
                    f"a mask of shape {part.shape} does not match the sizes {sizes} of the "
                    f"dimensions from {dim} on"
                )
        elif isinstance(part, (int, np.ndarray)):
            outside = [i for i in np.ravel(part) if not -sizes[0] <= i < sizes[0]]
            if outside:
                return (
                    f"index {outside[0]} is out of bounds for dimension {dim} with size {sizes[0]}"
                )
        dim += len(shape) - sum(spans) if part is Ellipsis else span
    return None


def _span(part: Any) -> int:
    """Dimensions that a part of an index takes up, `...` aside."""
    if part is None or part is Ellipsis:
        return 0
    return part.ndim if isinstance(part, np.ndarray) and part.dtype == np.bool_ else 1
