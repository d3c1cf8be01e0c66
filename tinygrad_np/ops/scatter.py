"""Reading and writing at the places that an index tensor names along one dimension, or a mask."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar, cast

import numpy as np

from tinygrad_np.core import Array, Op, Operand, Thunks, Value, apply, wrap
from tinygrad_np.errors import DtypeError, PlaceError, ShapeError
from tinygrad_np.ops.checks import check_tensor
from tinygrad_np.ops.elementwise import to_dtype, where
from tinygrad_np.ops.index import AddAlongDim, AddAt, GetItem, Put, TakeAlongDim, getitem
from tinygrad_np.ops.shape import broadcast_to, normalize_dim, reshape

if TYPE_CHECKING:
    from tinygrad_np.dtypes import Number

V = TypeVar("V")


class PutAlongDim(Op):
    """The operand, overwritten along one dimension at the places of an index tensor."""

    __slots__ = ("dim",)
    formula = "y = x; y[…, index[…, j, …], …] = src[…, j, …]"
    derivative = "dx = dy, 0 at index; dsrc = dy taken along dim at index"
    reads = ((1,), (), (1,))

    def __init__(self, dim: int) -> None:
        self.dim = dim

    def forward(self, x: Array, index: Array, src: Any) -> Array:
        y = np.array(x)
        places: list[Array] = list(np.indices(index.shape, sparse=True))
        places[self.dim] = index
        y[tuple(places)] = src
        return y

    def vjp(self, g: Operand, _x: Operand, index: Operand, _src: Operand, _y: Operand) -> Thunks:
        return (
            lambda: apply(PutAlongDim(self.dim), g, index, 0.0),
            None,
            lambda: apply(TakeAlongDim(self.dim), _corner(g, index.shape, self.dim), index),
        )


def gather(input: V, dim: int, index: Operand) -> V:
    """Along `dim`, take the elements at `index`: `y[i][j] = x[index[i][j]][j]` for `dim=0`.

    `index` has as many dimensions as `input`, and none but `dim` larger; the result has its shape.
    A 0-d tensor counts as a row of one element. Gradient: added in at those places.

    Raises
    ------
    ShapeError
        If `index` has other dimensions than `input`, or larger ones beside `dim`.
    IndexError
        If an index lies outside `dim`; negative ones do, as in PyTorch.

    >>> import tinygrad_np as tg
    >>> tg.gather(tg.tensor([[1, 2], [3, 4]]), 1, tg.tensor([[0, 0], [1, 0]]))
    tensor([[1, 1],
            [4, 3]])
    """
    x: Operand = input
    check_tensor("gather", "input", x)
    at = normalize_dim(dim, x.ndim, "gather")
    index = _checked("gather", index, x, at)
    _check_fit("gather", x, at, index)
    places = _row(index)
    y = apply(TakeAlongDim(at), _corner(_row(x), places.shape, at), places)
    return cast("V", y if index.ndim else reshape(y, ()))


def take_along_dim(input: V, indices: Operand, dim: int | None = None) -> V:
    """Along `dim`, take the elements at `indices`, which has as many dimensions as `input`.

    All other dimensions broadcast; without `dim`, both are flattened first. Negative indices count
    from the end. Gradient: added in at those places.

    Raises
    ------
    ShapeError
        If `indices` has other dimensions than `input`, or sizes that do not broadcast.
    IndexError
        If an index lies outside `dim`, or `input` has no dimension.

    >>> import tinygrad_np as tg
    >>> x = tg.tensor([[1.0, 5.0], [7.0, 2.0]])
    >>> tg.take_along_dim(x, tg.tensor([[1], [0]]), 1)
    tensor([[5.],
            [7.]])
    """
    x: Operand = input
    index: Operand = indices
    check_tensor("take_along_dim", "input", x)
    check_tensor("take_along_dim", "indices", index)
    if dim is None:
        x, index, dim = reshape(x, (-1,)), reshape(index, (-1,)), 0
    if x.ndim == 0:
        raise PlaceError("take_along_dim: a 0-d tensor has no dimension to take from")
    at = normalize_dim(dim, x.ndim, "take_along_dim")
    _checked("take_along_dim", index, x, at, negative=True)
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


def scatter(
    input: V,
    dim: int,
    index: Operand,
    src: Operand = None,
    *,
    value: Operand = None,
    reduce: str | None = None,
) -> V:
    """Along `dim`, overwrite the elements at `index` with those of `src`, or with one `value`.

    `y[index[i][j]][j] = src[i][j]` for `dim=0`; `src` may be larger than `index`. A 0-d tensor
    counts as a row of one element. Of a place that is named twice, the last write stays. Gradient:
    0 to `input` at those places, and to `src` what stands where it was written (as in PyTorch, to
    every write of a place that is named twice).
    `reduce="add"` adds instead of overwriting, like `scatter_add`; `"multiply"` is not here.

    >>> import tinygrad_np as tg
    >>> tg.scatter(tg.zeros(3), 0, tg.tensor([2, 0]), tg.tensor([5.0, 6.0]))
    tensor([6., 0., 5.])
    """
    x: Operand = input
    check_tensor("scatter", "input", x)
    check_tensor("scatter", "index", index)
    if (src is None) == (value is None):
        raise TypeError("scatter: give either src or value")
    src = _only(value) if src is None else src
    if reduce is not None:
        return scatter_add(input, dim, index, _reduced(reduce, x, index, src))
    at = normalize_dim(dim, x.ndim, "scatter")
    index = _checked("scatter", index, x, at)
    _check_fit("scatter", x, at, index, src)
    places = _row(index)
    if isinstance(src, Value):
        _check_dtypes("scatter", x, src)
        src = _corner(_row(src), places.shape)
    else:
        src = _number(src, x)
    y = apply(PutAlongDim(at), _row(x), places, src)
    return cast("V", y if x.ndim else reshape(y, ()))


def _only(value: Any) -> Any:
    """Give the number that the `value` of `scatter` is, or that a 0-d tensor holds."""
    if not isinstance(value, Value):
        return value
    if value.array.ndim or value.vertex is not None:
        raise TypeError(
            f"scatter: value must be a number, and is a tensor of shape {value.array.shape}; give "
            "one with several elements, or with a gradient, as src: an element for each of index"
        )
    return value.array.item()


def _reduced(reduce: str, x: Operand, index: Operand, src: Operand) -> Operand:
    """Give what `scatter` is to add, where it is to add."""
    if reduce == "multiply":
        raise NotImplementedError(
            "scatter: reduce='multiply' is not here, and PyTorch gives it no gradient; "
            "multiply by ones into which the factors are scattered"
        )
    if reduce != "add":
        raise RuntimeError(f"scatter: reduce must be 'add' or 'multiply', not {reduce!r}")
    if isinstance(src, Value):
        return src
    return wrap(np.full(index.shape, _number(src, x), x.dtype))


def scatter_add(input: V, dim: int, index: Operand, src: Operand) -> V:
    """Along `dim`, add the elements of `src` at `index`; those of a place named twice add up.

    Shapes as for `scatter`. Gradient: 1 to `input`, and to `src` what stands where it was added.

    >>> import tinygrad_np as tg
    >>> tg.scatter_add(tg.zeros(3), 0, tg.tensor([2, 2]), tg.tensor([5.0, 6.0]))
    tensor([ 0.,  0., 11.])
    """
    x: Operand = input
    check_tensor("scatter_add", "input", x)
    at = normalize_dim(dim, x.ndim, "scatter_add")
    index = _checked("scatter_add", index, x, at)
    _check_fit("scatter_add", x, at, index, src)
    _check_dtypes("scatter_add", x, src)
    whole, places = _row(x), _row(index)
    added = apply(AddAlongDim(at, whole.shape[at]), _corner(_row(src), places.shape), places)
    if added.shape != whole.shape:
        corner = tuple(slice(0, n) for n in added.shape)
        added = apply(AddAt(tuple(x.shape), corner), added)
    return cast("V", x + (added if x.ndim else reshape(added, ())))


def index_select(input: V, dim: int, index: Operand) -> V:
    """Take whole slices along `dim`, those at `index` (one dimension of integers).

    Gradient: added in at those places.

    >>> import tinygrad_np as tg
    >>> tg.index_select(tg.tensor([[1, 2], [3, 4]]), 1, tg.tensor([1, 1, 0]))
    tensor([[2, 2, 1],
            [4, 4, 3]])
    """
    x: Operand = input
    check_tensor("index_select", "input", x)
    at = normalize_dim(dim, x.ndim, "index_select")
    places = _vector("index_select", index, x, at)
    if x.ndim == 0:
        return cast("V", reshape(getitem(getitem(x, None), places), ()))
    return cast("V", getitem(x, (*[slice(None)] * at, places)))


def index_add(input: V, dim: int, index: Operand, source: Operand, *, alpha: Number = 1) -> V:
    """Add `alpha` times the slices of `source` to those at `index`; repeated ones add up.

    `alpha` is taken in the dtype of `input`, so that of 2.5 integers see 2.

    Gradient: 1 to `input`, `alpha` to `source`.

    >>> import tinygrad_np as tg
    >>> tg.index_add(tg.zeros(2, 2), 0, tg.tensor([1, 1]), tg.tensor([[1.0, 2.0], [3.0, 4.0]]))
    tensor([[0., 0.],
            [4., 6.]])
    """
    x: Operand = input
    check_tensor("index_add", "input", x)
    at = normalize_dim(dim, x.ndim, "index_add")
    places = _vector("index_add", index, x, at)
    expected = (*x.shape[:at], len(places), *x.shape[at + 1 :]) if x.ndim else ()
    if tuple(source.shape) != expected:
        raise ShapeError(
            f"index_add: source has shape {tuple(source.shape)}; with {len(places)} places in "
            f"dimension {dim} of {tuple(x.shape)} it must have {expected}"
        )
    _check_dtypes("index_add", x, source)
    scaled = source if alpha == 1 else source * _number(alpha, x)
    if x.ndim:
        scaled = apply(AddAt(tuple(x.shape), (*[slice(None)] * at, places)), scaled)
    return cast("V", x + scaled)


def index_fill(input: V, dim: int, index: Operand, value: Operand) -> V:
    """Overwrite the slices at `index` with one number, or a 0-d tensor.

    Gradient: 0 to `input` there, and to a tensor `value` the sum of what stands there.

    >>> import tinygrad_np as tg
    >>> tg.index_fill(tg.zeros(2, 2), 1, tg.tensor([0]), 5.0)
    tensor([[5., 0.],
            [5., 0.]])
    """
    x: Operand = input
    check_tensor("index_fill", "input", x)
    at = normalize_dim(dim, x.ndim, "index_fill")
    places = _vector("index_fill", index, x, at, negative=True)
    places = np.unique(places % x.shape[at] if x.ndim else places)  # for the sum: each once
    step = GetItem((*[slice(None)] * at, places) if x.ndim else (...,))
    return cast("V", apply(Put((step,)), x, _filling("index_fill", x, value)))


def masked_fill(input: V, mask: Operand, value: Operand) -> V:
    """Replace the elements where `mask` is true by one number, or a 0-d tensor; they broadcast.

    Gradient: 0 to `input` there, and to a tensor `value` the sum of what stands there.

    Raises
    ------
    DtypeError
        If `mask` is not of bools.

    >>> import tinygrad_np as tg
    >>> tg.masked_fill(tg.tensor([1.0, 2.0]), tg.tensor([True, False]), 0.0)
    tensor([0., 2.])
    """
    x: Operand = input
    check_tensor("masked_fill", "input", x)
    _check_mask("masked_fill", mask)
    return cast("V", where(mask, _filling("masked_fill", x, value), x))


def masked_select(input: V, mask: Operand) -> V:
    """Give the elements where `mask` is true, in one dimension; both broadcast.

    >>> import tinygrad_np as tg
    >>> tg.masked_select(tg.tensor([1, 2, 3]), tg.tensor([True, False, True]))
    tensor([1, 3])
    """
    x: Operand = input
    check_tensor("masked_select", "input", x)
    _check_mask("masked_select", mask)
    try:
        shape = np.broadcast_shapes(tuple(x.shape), tuple(mask.shape))
    except ValueError:
        raise ShapeError(
            f"masked_select: shapes {tuple(x.shape)} and {tuple(mask.shape)} do not broadcast"
        ) from None
    return cast("V", getitem(broadcast_to(x, shape), np.broadcast_to(mask.array, shape)))


def _row(x: Operand) -> Operand:
    """Give a 0-d tensor as a row of one element, for which it counts along a dimension."""
    return x if x.ndim else reshape(x, (1,))


def _corner(x: Operand, shape: tuple[int, ...], beside: int | None = None) -> Operand:
    """Cut `x` down to `shape`, from the first element on; in all dimensions but `beside`."""
    if all(n == m or i == beside for i, (n, m) in enumerate(zip(x.shape, shape, strict=True))):
        return x
    box = tuple(slice(None) if i == beside else slice(0, n) for i, n in enumerate(shape))
    return apply(GetItem((*box, ...)), x)


def _checked(name: str, index: Operand, x: Operand, dim: int, *, negative: bool = False) -> Operand:
    """Give an index tensor whose integers lie within dimension `dim` of `x`."""
    if not isinstance(index, Value) or index.dtype not in (np.int64, np.int32):
        kind = index.dtype if isinstance(index, Value) else type(index).__qualname__
        raise DtypeError(
            f"{name}: index must be a tensor of int64 or int32, not {kind}; use .long()"
        )
    size = x.shape[dim] if x.ndim else 1
    least = -size if negative else 0
    outside = index.array[(index.array < least) | (index.array >= size)]
    if outside.size:
        raise PlaceError(
            f"{name}: index {outside[0]} is out of bounds for dimension {dim} with size {size}"
        )
    return index


def _vector(
    name: str, index: Operand, x: Operand, dim: int, *, negative: bool = False
) -> np.ndarray[Any, Any]:
    """Give the places of an index of one dimension, in a copy that later writes do not reach."""
    places = np.array(_checked(name, index, x, dim, negative=negative).array)
    if places.ndim > 1:
        raise PlaceError(f"{name}: index must have one dimension, not shape {places.shape}")
    if x.ndim == 0 and places.size != 1:
        raise PlaceError(f"{name}: a 0-d tensor has one place, and index has {places.size}")
    return np.atleast_1d(places)


def _check_fit(name: str, x: Operand, dim: int, index: Operand, src: Operand = None) -> None:
    """Refuse an index larger than what it points into (beside `dim`), or than `src`."""
    tensors = [("input", x)] + ([("src", src)] if isinstance(src, Value) else [])
    sizes = index.shape or (1,)  # a 0-d tensor counts as a row of one element
    for role, t in tensors:
        room = t.shape or (1,)
        fits = len(sizes) == len(room) and all(
            n <= m or (role == "input" and i == dim)
            for i, (n, m) in enumerate(zip(sizes, room, strict=True))
        )
        if not fits:
            beside = f" beside dimension {dim}" if role == "input" else ""
            raise ShapeError(
                f"{name}: index of shape {tuple(index.shape)} must have as many dimensions as "
                f"{role} of shape {tuple(t.shape)}, and none larger{beside}"
            )


def _check_dtypes(name: str, x: Operand, src: Operand) -> None:
    if x.dtype != src.dtype:
        raise DtypeError(
            f"{name}: input is {x.dtype} and the source is {src.dtype}; cast one of them"
        )


def _check_mask(name: str, mask: Operand) -> None:
    if not isinstance(mask, Value) or mask.dtype != np.bool_:
        kind = mask.dtype if isinstance(mask, Value) else type(mask).__qualname__
        raise DtypeError(f"{name}: mask must be a tensor of bools, not {kind}; use .bool()")


def _filling(name: str, x: Operand, value: Operand) -> Operand:
    """Give one number, or a 0-d tensor, in the dtype of `x`."""
    if not isinstance(value, Value):
        return _number(value, x)
    filling: Operand = value
    if filling.ndim:
        raise ShapeError(
            f"{name}: value must be a number or a 0-d tensor, not of shape {tuple(filling.shape)}"
        )
    return filling if filling.dtype == x.dtype else to_dtype(filling, x.dtype)


def _number(value: Any, x: Operand) -> Any:
    kind = x.dtype.kind
    return float(value) if kind == "f" else bool(value) if kind == "b" else int(value)
