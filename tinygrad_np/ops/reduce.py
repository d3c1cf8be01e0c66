"""Reductions: one number from many, over all dimensions or some."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar, Unpack, cast

import numpy as np

from tinygrad_np.core import RESULT, Array, Op, Operand, Thunks, Value, apply
from tinygrad_np.dtypes import as_dtype, float16, float32, int64
from tinygrad_np.errors import PlaceError
from tinygrad_np.kernels import softmax as kernels
from tinygrad_np.ops.aliases import MISSING, Axis, AxisKeepdims, chosen_dim, chosen_dims
from tinygrad_np.ops.elementwise import exp, isnan, maximum, minimum, to_dtype, where
from tinygrad_np.ops.index import TakeAlongDim
from tinygrad_np.ops.shape import (
    BroadcastTo,
    normalize_dim,
    normalize_dims,
    rank,
    reshape,
    squeeze,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tinygrad_np.dtypes import DtypeLike

V = TypeVar("V")


_add_up: Callable[..., Array] = np.add.reduce  # its overloads want a literal for keepdims


class Reduction(Op):
    """Base of the ops that reduce `dims`, and keep them with size 1 if `keepdim`."""

    __slots__ = ("dims", "keepdim")

    def __init__(self, dims: tuple[int, ...], keepdim: bool) -> None:
        self.dims, self.keepdim = dims, keepdim

    def kept_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """Shape of the result with every reduced dimension at size 1: it broadcasts to `shape`."""
        return tuple(1 if i in self.dims else n for i, n in enumerate(shape))

    def spread(self, g: Operand, shape: tuple[int, ...]) -> Operand:
        """Repeat `g`, one number for each reduction, over what was reduced."""
        if g.ndim:
            g = reshape(g, self.kept_shape(shape))
        return apply(BroadcastTo(shape), g)


class Sum(Reduction):
    """Sum of the elements."""

    __slots__ = ()
    formula = "y = Σ x"
    derivative = "dx = dy, repeated"

    grad_fn = ("SumBackward0", "SumBackward1")

    def forward(self, x: Array) -> Array:
        # NumPy sums bytes as unsigned and halves in halves; PyTorch as int64 and in float32.
        if x.dtype.kind != "f":
            return _add_up(x, self.dims, int64, None, self.keepdim)
        if x.dtype == float16:
            return _add_up(x, self.dims, float32, None, self.keepdim).astype(float16)
        return _add_up(x, self.dims, None, None, self.keepdim)

    def vjp(self, g: Operand, x: Operand, _: Operand) -> Thunks:
        return (lambda: self.spread(g, x.shape),)


class Mean(Reduction):
    """Mean of the elements; NaN of none."""

    __slots__ = ()
    formula = "y = Σ x / n"
    derivative = "dx = dy / n, repeated"

    grad_fn = ("MeanBackward0", "MeanBackward1")

    def forward(self, x: Array) -> Array:
        dtype = float32 if x.dtype == float16 else x.dtype
        y = _add_up(x, self.dims, dtype, None, self.keepdim)
        y = y / self.count(x.shape) if x.size else y * math.nan
        return y if dtype is x.dtype else y.astype(x.dtype)

    def vjp(self, g: Operand, x: Operand, _: Operand) -> Thunks:
        share = 1 / max_(1, self.count(x.shape))
        return (lambda: self.spread(g * share, x.shape),)

    def count(self, shape: tuple[int, ...]) -> int:
        """How many elements each mean is of."""
        return math.prod(shape[i] for i in self.dims)


class Extremum(Reduction):
    """Largest or smallest element (`amax`, `amin`)."""

    __slots__ = ("ufunc",)
    formula = "y = max x"
    derivative = "dx = dy at the extremum, in equal shares among ties"
    reads = ((0, RESULT),)

    def __init__(self, ufunc: np.ufunc, dims: tuple[int, ...], keepdim: bool) -> None:
        super().__init__(dims, keepdim)
        self.ufunc = ufunc

    @property
    def name(self) -> str:
        """`amax` or `amin`."""
        return "amax" if self.ufunc is np.maximum else "amin"

    def forward(self, x: Array) -> Array:
        return cast("Array", self.ufunc.reduce(x, axis=self.dims, keepdims=self.keepdim))

    def vjp(self, g: Operand, x: Operand, y: Operand) -> Thunks:
        def spread() -> Operand:
            kept = self.kept_shape(x.shape)
            mask = (x == reshape(y, kept)) | isnan(x)  # a NaN is the extremum, and shows
            ties = sum(to_dtype(mask, g.dtype), self.dims, keepdim=True)
            return where(mask, reshape(g, kept) / ties, 0.0)

        return (spread,)


class Arg(Op):
    """Position of the largest or smallest element, the first of equals; no derivative."""

    __slots__ = ("dim", "function", "keepdim")
    reads = None

    def __init__(self, function: Any, dim: int, keepdim: bool) -> None:
        self.function, self.dim, self.keepdim = function, dim, keepdim

    @property
    def name(self) -> str:
        """`argmax` or `argmin`."""
        return str(self.function.__name__)

    def forward(self, x: Array) -> Array:
        return cast("Array", self.function(x, axis=self.dim, keepdims=self.keepdim))


class LogSumExp(Reduction):
    """Logarithm of the sum of exponentials, without overflow."""

    __slots__ = ()
    formula = "y = log Σ exp(x)"
    derivative = "dx = dy·softmax(x) = dy·exp(x − y)"
    grad_fn = "LogsumexpBackward0"
    reads = ((0, RESULT),)
    promotes = slice(None)
    floating = True

    def forward(self, x: Array) -> Array:
        return kernels.logsumexp(x, self.dims, keepdims=self.keepdim)

    def vjp(self, g: Operand, x: Operand, y: Operand) -> Thunks:
        kept = self.kept_shape(x.shape)
        return (lambda: reshape(g, kept) * exp(x - reshape(y, kept)),)


class AlongDim(Op):
    """Base of the softmax and its logarithm, which normalise along one dimension."""

    __slots__ = ("dim",)
    reads = ((RESULT,),)
    promotes = slice(None)
    floating = True

    def __init__(self, dim: int) -> None:
        self.dim = dim


class Softmax(AlongDim):
    """Exponentials divided by their sum along one dimension."""

    __slots__ = ()
    formula = "y = exp(x) / Σ exp(x)"
    derivative = "dx = y·(dy − Σ dy·y)"

    def forward(self, x: Array) -> Array:
        return kernels.softmax(x, self.dim)

    def vjp(self, g: Operand, _: Operand, y: Operand) -> Thunks:
        return (lambda: y * (g - sum(g * y, self.dim, keepdim=True)),)


class LogSoftmax(AlongDim):
    """Logarithm of the softmax along one dimension."""

    __slots__ = ()
    formula = "y = x − log Σ exp(x)"
    derivative = "dx = dy − exp(y)·Σ dy"

    def forward(self, x: Array) -> Array:
        return kernels.log_softmax(x, self.dim)

    def vjp(self, g: Operand, _: Operand, y: Operand) -> Thunks:
        return (lambda: g - exp(y) * sum(g, self.dim, keepdim=True),)


class Quantifier(Reduction):
    """Whether all, or some, of the elements are true; no derivative."""

    __slots__ = ("ufunc",)
    reads = None

    def __init__(self, ufunc: np.ufunc, dims: tuple[int, ...], keepdim: bool) -> None:
        super().__init__(dims, keepdim)
        self.ufunc = ufunc

    @property
    def name(self) -> str:
        """`all` or `any`."""
        return "all" if self.ufunc is np.logical_and else "any"

    def forward(self, x: Array) -> Array:
        return cast("Array", self.ufunc.reduce(x, axis=self.dims, keepdims=self.keepdim))


class ValuesIndices(NamedTuple):
    """What `max(dim)` and its kin return."""

    values: Any
    indices: Any


max_ = max  # Python's own, which the function below hides


def _reduced(dim: int | Sequence[int] | None, of: Any, name: str) -> tuple[int, ...]:
    """Sort out `dim` for the reductions in which, as in PyTorch, an empty one means all."""
    return normalize_dims(None if dim in ((), []) else dim, of, name)


def sum(
    input: V,
    dim: int | Sequence[int] | None = None,
    keepdim: bool = False,
    *,
    dtype: DtypeLike | None = None,
    **aliases: Unpack[AxisKeepdims],
) -> V:
    """Sum over `dim` (all dimensions by default); integers and bools sum as int64.

    Shapes: `dim` disappears, or stays with size 1 if `keepdim`. Gradient: repeated.

    >>> import tinygrad_np as tg
    >>> tg.sum(tg.tensor([[1.0, 2.0], [3.0, 4.0]]), 0)
    tensor([4., 6.])
    """
    if aliases:
        dim, keepdim = chosen_dims("sum", aliases, dim, keepdim)
    if dtype is not None:
        input = to_dtype(input, as_dtype(dtype))
    return apply(Sum(_reduced(dim, input, "sum"), keepdim), input)


def mean(
    input: V,
    dim: int | Sequence[int] | None = None,
    keepdim: bool = False,
    *,
    dtype: DtypeLike | None = None,
    **aliases: Unpack[AxisKeepdims],
) -> V:
    """Mean over `dim` (all dimensions by default); the mean of nothing is NaN.

    Gradient: 1/n for each of the n elements.

    Raises
    ------
    RuntimeError
        If the elements are integers or bools, and no floating `dtype` is given.

    >>> import tinygrad_np as tg
    >>> tg.mean(tg.tensor([1.0, 2.0, 6.0]))
    tensor(3.)
    """
    if aliases:
        dim, keepdim = chosen_dims("mean", aliases, dim, keepdim)
    if dtype is not None:
        input = to_dtype(input, as_dtype(dtype))
    x: Operand = input
    dims = _reduced(dim, x, "mean")
    if x.dtype.kind != "f":
        raise RuntimeError(
            f"mean: a mean of {x.dtype} elements is not one of them; pass dtype=float32, or call "
            ".float() first"
        )
    return apply(Mean(dims, keepdim), input)


def amax(
    input: V,
    dim: int | Sequence[int] | None = None,
    keepdim: bool = False,
    **aliases: Unpack[AxisKeepdims],
) -> V:
    """Largest element over `dim` (all by default). Gradient: in equal shares among ties.

    >>> import tinygrad_np as tg
    >>> tg.amax(tg.tensor([[1.0, 5.0], [7.0, 2.0]]), 1)
    tensor([5., 7.])
    """
    if aliases:
        dim, keepdim = chosen_dims("amax", aliases, dim, keepdim)
    return _extremum(input, np.maximum, dim, keepdim)


def amin(
    input: V,
    dim: int | Sequence[int] | None = None,
    keepdim: bool = False,
    **aliases: Unpack[AxisKeepdims],
) -> V:
    """Smallest element over `dim` (all by default). Gradient: in equal shares among ties.

    >>> import tinygrad_np as tg
    >>> tg.amin(tg.tensor([[1.0, 5.0], [7.0, 2.0]]), 1)
    tensor([1., 2.])
    """
    if aliases:
        dim, keepdim = chosen_dims("amin", aliases, dim, keepdim)
    return _extremum(input, np.minimum, dim, keepdim)


def _extremum(input: V, ufunc: np.ufunc, dim: int | Sequence[int] | None, keepdim: bool) -> V:
    x: Operand = input
    name = "amax" if ufunc is np.maximum else "amin"
    op = Extremum(ufunc, _reduced(dim, x, name), keepdim)
    if 0 in [x.shape[d] for d in op.dims]:
        raise PlaceError(
            f"{op.name}: an extremum of no elements (shape {tuple(x.shape)}, dim {dim}) does not "
            "exist; give a dimension that is not empty"
        )
    return apply(op, input)


def all(
    input: V,
    dim: int | Sequence[int] | None = None,
    keepdim: bool = False,
    **aliases: Unpack[AxisKeepdims],
) -> V:
    """Whether every element over `dim` is true (not 0); true of none.

    >>> import tinygrad_np as tg
    >>> tg.all(tg.tensor([[True, False], [True, True]]), 1)
    tensor([False,  True])
    """
    if aliases:
        dim, keepdim = chosen_dims("all", aliases, dim, keepdim)
    return apply(Quantifier(np.logical_and, normalize_dims(dim, input, "all"), keepdim), input)


def any(
    input: V,
    dim: int | Sequence[int] | None = None,
    keepdim: bool = False,
    **aliases: Unpack[AxisKeepdims],
) -> V:
    """Whether some element over `dim` is true (not 0); false of none.

    >>> import tinygrad_np as tg
    >>> tg.any(tg.tensor([[True, False], [False, False]]), 1)
    tensor([ True, False])
    """
    if aliases:
        dim, keepdim = chosen_dims("any", aliases, dim, keepdim)
    return apply(Quantifier(np.logical_or, normalize_dims(dim, input, "any"), keepdim), input)


def argmax(
    input: V, dim: int | None = None, keepdim: bool = False, **aliases: Unpack[AxisKeepdims]
) -> V:
    """Position of the largest element along `dim`, or in the flattened tensor; the first of equals.

    >>> import tinygrad_np as tg
    >>> tg.argmax(tg.tensor([[1.0, 5.0], [7.0, 2.0]]), 1)
    tensor([1, 0])
    """
    if aliases:
        dim, keepdim = chosen_dims("argmax", aliases, dim, keepdim)
    return _arg(input, np.argmax, dim, keepdim)


def argmin(
    input: V, dim: int | None = None, keepdim: bool = False, **aliases: Unpack[AxisKeepdims]
) -> V:
    """Position of the smallest element along `dim`, or in the flattened tensor; first of equals.

    >>> import tinygrad_np as tg
    >>> tg.argmin(tg.tensor([[1.0, 5.0], [7.0, 2.0]]), 1)
    tensor([0, 1])
    """
    if aliases:
        dim, keepdim = chosen_dims("argmin", aliases, dim, keepdim)
    return _arg(input, np.argmin, dim, keepdim)


def _arg(input: V, function: Any, dim: int | None, keepdim: bool) -> V:
    x: Operand = input
    name = function.__name__
    n = rank(x, name)
    at = 0 if dim is None else normalize_dim(dim, n, name)
    if dim is None or n == 0:
        input = reshape(input, (-1,))
    if not cast("Operand", input).shape[at]:
        raise IndexError(
            f"{name}: there is no element to point at along dimension {at} of shape "
            f"{tuple(x.shape)}; give a dimension that is not empty"
        )
    result = apply(Arg(function, at, keepdim), input)
    if keepdim and (dim is None or n == 0):
        return reshape(result, (1,) * n)
    return result


def max(input: V, dim: Any = None, keepdim: bool = False, **aliases: Unpack[AxisKeepdims]) -> Any:
    """Largest element: of all; along `dim`, with its place; or of two tensors, place by place.

    Along a dimension, the result is the pair `(values, indices)`, and the gradient goes to the
    first of equals alone. Over all, it is `amax`, and with a tensor in place of `dim`, `maximum`.

    >>> import tinygrad_np as tg
    >>> tg.max(tg.tensor([[1.0, 5.0], [7.0, 2.0]]), 1).values
    tensor([5., 7.])
    """
    if aliases:
        dim, keepdim = chosen_dims("max", aliases, dim, keepdim)
    if isinstance(dim, Value):
        return maximum(input, dim)
    if dim is None:
        return amax(input, keepdim=keepdim)
    return _choose(input, argmax(input, dim, keepdim=True), dim, keepdim)


def min(input: V, dim: Any = None, keepdim: bool = False, **aliases: Unpack[AxisKeepdims]) -> Any:
    """Smallest element: of all; along `dim`, with its place; or of two tensors, place by place.

    Along a dimension, the result is the pair `(values, indices)`, and the gradient goes to the
    first of equals alone. Over all, it is `amin`, and with a tensor in place of `dim`, `minimum`.

    >>> import tinygrad_np as tg
    >>> tg.min(tg.tensor([[1.0, 5.0], [7.0, 2.0]]), 1).indices
    tensor([0, 1])
    """
    if aliases:
        dim, keepdim = chosen_dims("min", aliases, dim, keepdim)
    if isinstance(dim, Value):
        return minimum(input, dim)
    if dim is None:
        return amin(input, keepdim=keepdim)
    return _choose(input, argmin(input, dim, keepdim=True), dim, keepdim)


def _choose(input: V, indices: V, dim: int, keepdim: bool) -> ValuesIndices:
    x: Operand = input
    if x.ndim == 0:
        return ValuesIndices(to_dtype(input, x.dtype), indices)
    values = apply(TakeAlongDim(dim), x, indices)
    if keepdim:
        return ValuesIndices(values, indices)
    return ValuesIndices(squeeze(values, dim), squeeze(indices, dim))


def logsumexp(
    input: V,
    dim: int | Sequence[int] = MISSING,
    keepdim: bool = False,
    **aliases: Unpack[AxisKeepdims],
) -> V:
    """Log Σ exp(x) over `dim`, without overflow; -inf where all are -inf. Gradient: the softmax.

    >>> import tinygrad_np as tg
    >>> tg.logsumexp(tg.tensor([1000.0, 1000.0]), 0)
    tensor(1000.6932)
    """
    if aliases or dim is MISSING:
        dim, keepdim = chosen_dims("logsumexp", aliases, dim, keepdim, MISSING)
    return apply(LogSumExp(normalize_dims(dim, input, "logsumexp"), keepdim), input)


def softmax(
    input: V, dim: int = MISSING, dtype: DtypeLike | None = None, **aliases: Unpack[Axis]
) -> V:
    """exp(x) / Σ exp(x) along `dim`: positive, with sum 1; a row of all -inf gives NaN.

    Gradient: y·(g − Σ g·y).

    >>> import tinygrad_np as tg
    >>> tg.softmax(tg.tensor([0.0, 0.0, -1000.0]), 0)
    tensor([0.5000, 0.5000, 0.0000])
    """
    if aliases or dim is MISSING:
        dim = chosen_dim("softmax", aliases, dim, MISSING)
    return _along(Softmax, input, dim, dtype, "softmax")


def log_softmax(
    input: V, dim: int = MISSING, dtype: DtypeLike | None = None, **aliases: Unpack[Axis]
) -> V:
    """Logarithm of the softmax along `dim`, x − log Σ exp(x). Gradient: g − exp(y)·Σ g.

    >>> import tinygrad_np as tg
    >>> tg.log_softmax(tg.tensor([0.0, 0.0]), 0)
    tensor([-0.6931, -0.6931])
    """
    if aliases or dim is MISSING:
        dim = chosen_dim("log_softmax", aliases, dim, MISSING)
    return _along(LogSoftmax, input, dim, dtype, "log_softmax")


def _along(kind: type[AlongDim], input: V, dim: int, dtype: DtypeLike | None, name: str) -> V:
    if dtype is not None:
        input = to_dtype(input, as_dtype(dtype))
    x: Operand = input
    at = normalize_dim(dim, x, name)
    if x.ndim == 0:
        return reshape(_along(kind, reshape(input, (1,)), 0, None, name), ())
    return apply(kind(at), input)
