"""Random tensors, from PyTorch's own stream: the same seed gives the same numbers."""

from __future__ import annotations

import math
import warnings
from typing import TYPE_CHECKING, Any

import numpy as np

from tinygrad_np.core import Value, apply
from tinygrad_np.devices import check_device
from tinygrad_np.dtypes import as_dtype, bool_, float64, get_default_dtype, int64
from tinygrad_np.errors import DtypeError, ShapeError
from tinygrad_np.ops.checks import check_tensor
from tinygrad_np.ops.random import Draw
from tinygrad_np.tensor.creation import new, require_grad, sizes
from tinygrad_np.tensor.generator import stream_of
from tinygrad_np.views import layout

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tinygrad_np.dtypes import Dtype, DtypeLike
    from tinygrad_np.kernels.random_stream import Stream
    from tinygrad_np.tensor.generator import Generator
    from tinygrad_np.tensor.tensor import Tensor

    Array = np.ndarray[Any, Any]


# --- where numbers are put -----------------------------------------------------------------------


def order_of(like: Value) -> Sequence[int] | None:
    """Dimensions as they lie in memory, the outermost first; None for a contiguous tensor.

    PyTorch fills memory from its start. What counts is the memory order that one may see: that of
    the user's views, and not the one in which the engine happened to store a result.
    """
    array = layout(like)
    if array.flags.c_contiguous:
        return None
    return sorted(range(array.ndim), key=lambda i: -abs(array.strides[i]))


def arrange(numbers: Array, shape: Sequence[int], order: Sequence[int] | None) -> Array:
    """Give numbers, drawn one after the other, a shape: in C order, or as `order_of` says."""
    if order is None:
        return numbers.reshape(shape)
    return numbers.reshape([shape[i] for i in order]).transpose(np.argsort(order))


def check_floating(name: str, dtype: Dtype) -> None:
    """Refuse to put numbers with a fraction into integers."""
    if dtype.kind != "f":
        raise DtypeError(
            f"{name} draws numbers with a fraction, which {dtype} cannot hold; use a floating "
            "dtype, or randint and random_ for integers"
        )


def check_std(name: str, std: Any) -> None:
    """Refuse a negative standard deviation, or NaN."""
    if not np.all(np.asarray(std) >= 0):
        raise RuntimeError(f"{name}: the standard deviation must not be negative, got {std}")


def check_chance(name: str, p: Any) -> None:
    """Refuse what is no probability."""
    if not np.all((np.asarray(p) >= 0) & (np.asarray(p) <= 1)):
        raise RuntimeError(f"{name}: a probability must lie in [0, 1], got {p}")


def check_range(name: str, low: int, high: int, dtype: Dtype) -> None:
    """Refuse a range without integers, or with some that the dtype cannot hold."""
    if low >= high:
        raise RuntimeError(f"{name}: there is no integer from {low} up to, not including, {high}")
    least, most = integers_of(dtype)
    if least <= low and high - 1 <= most:
        return
    text = f"{name}: {dtype} holds integers from {least} to {most}, and the range is {low} to "
    if dtype.kind != "f":
        raise RuntimeError(f"{text}{high - 1}; choose a wider dtype")
    warnings.warn(f"{text}{high - 1}: not each of them can be drawn", stacklevel=3)


def integers_of(dtype: Dtype) -> tuple[int, int]:
    """Least and greatest integer such that the dtype holds all between them."""
    if dtype.kind == "f":
        most = 2 << np.finfo(dtype).nmant
        return -most, most
    if dtype == bool_:
        return 0, 1
    return int(np.iinfo(dtype).min), int(np.iinfo(dtype).max)


def _give(
    draw: Callable[[Dtype, Sequence[int] | None], Array],
    shape: Sequence[int],
    dtype: DtypeLike | None,
    default: Dtype,
    out: Tensor | None,
    requires_grad: bool,
) -> Tensor:
    """Make a tensor of what `draw(dtype, order)` gives, or put it into `out`."""
    given = default if dtype is None else as_dtype(dtype)
    if out is None:
        return new(arrange(draw(given, None), shape, None), requires_grad=requires_grad)
    if dtype is not None and given != out.dtype:
        raise DtypeError(f"out: it holds {out.dtype}, and dtype={given} was asked for")
    if out.shape != tuple(shape) and out.numel():
        raise ShapeError(
            f"out: it has shape {tuple(out.shape)}, and the result {tuple(shape)}; give one of "
            "that shape, or an empty one"
        )
    if out.shape != tuple(shape):
        out.array = np.empty(shape, out.dtype)
    order = order_of(out)
    out.copy_(new(arrange(draw(out.dtype, order), shape, order)))
    if requires_grad:
        require_grad(out)
    return out


# --- functions -----------------------------------------------------------------------------------


def rand(
    *shape: Any,
    size: Any = None,
    generator: Generator | None = None,
    out: Tensor | None = None,
    dtype: DtypeLike | None = None,
    device: object = None,
    requires_grad: bool = False,
) -> Tensor:
    """Uniform numbers in [0, 1), bit for bit PyTorch's.

    float32 numbers are multiples of 2⁻²⁴, float64 ones of 2⁻⁵³.

    Raises
    ------
    RuntimeError
        If the dtype is not a floating one.

    >>> import tinygrad_np as tg
    >>> _ = tg.manual_seed(0)
    >>> tg.rand(2, 2)
    tensor([[0.4963, 0.7682],
            [0.0885, 0.1320]])
    """
    check_device(device)
    shape = sizes(shape if size is None else (size,))

    def draw(kind: Dtype, _: Any) -> Array:
        check_floating("rand", kind)
        return stream_of(generator).uniform_between(math.prod(shape), kind)

    return _give(draw, shape, dtype, get_default_dtype(), out, requires_grad)


def randn(
    *shape: Any,
    size: Any = None,
    generator: Generator | None = None,
    out: Tensor | None = None,
    dtype: DtypeLike | None = None,
    device: object = None,
    requires_grad: bool = False,
) -> Tensor:
    """Standard normal numbers: mean 0, variance 1; PyTorch's but for the last digits.

    Raises
    ------
    RuntimeError
        If the dtype is not a floating one.

    >>> import tinygrad_np as tg
    >>> _ = tg.manual_seed(0)
    >>> tg.randn(3)
    tensor([ 1.5410, -0.2934, -2.1788])
    """
    check_device(device)
    shape = sizes(shape if size is None else (size,))
    return _give(
        _normal("randn", math.prod(shape), generator),
        shape,
        dtype,
        get_default_dtype(),
        out,
        requires_grad,
    )


def _normal(
    name: str, n: int, generator: Generator | None, mean: float = 0.0, std: float = 1.0
) -> Callable[[Dtype, Sequence[int] | None], Array]:
    """Give what draws `n` normal numbers."""
    check_std(name, std)

    def draw(dtype: Dtype, order: Sequence[int] | None) -> Array:
        check_floating(name, dtype)
        stream = stream_of(generator)
        return (stream.normal if order is None else stream.normal_pairs)(n, dtype, mean, std)

    return draw


def randint(
    low: Any = 0,
    high: Any = None,
    size: Any = None,
    *,
    generator: Generator | None = None,
    out: Tensor | None = None,
    dtype: DtypeLike | None = None,
    device: object = None,
    requires_grad: bool = False,
) -> Tensor:
    """Integers from `low` (0 if left out) up to, not including, `high`, bit for bit PyTorch's.

    A word of the stream modulo the width of the range; from 2²⁸ on, two words.

    Raises
    ------
    RuntimeError
        If there is no such integer, or the dtype cannot hold it.

    >>> import tinygrad_np as tg
    >>> _ = tg.manual_seed(0)
    >>> tg.randint(3, (5,)), tg.randint(5, 8, size=(2,))
    (tensor([2, 0, 2, 0, 1]), tensor([5, 6]))
    """
    check_device(device)
    if size is None and not isinstance(high, (int, np.integer)):
        low, high, size = 0, low, high  # (high, size)
    elif high is None:
        low, high = 0, low
    if size is None or isinstance(size, (int, np.integer)):
        raise TypeError(f"randint: the size must be a tuple of ints, not {size!r}")
    shape = sizes((size,))

    def draw(kind: Dtype, _: Any) -> Array:
        return _integers("randint", low, high, math.prod(shape), kind, generator)

    return _give(draw, shape, dtype, int64, out, requires_grad)


def _integers(
    name: str, low: Any, high: Any, n: int, dtype: Dtype, generator: Generator | None
) -> Array:
    for bound in (low, high):
        if not hasattr(bound, "__index__"):
            raise TypeError(f"{name}: bounds must be ints, and {bound!r} is not")
    low, high = low.__index__(), high.__index__()
    check_range(name, low, high, dtype)
    return stream_of(generator).integers(low, high - low, n).astype(dtype, copy=False)


def randperm(
    n: int,
    *,
    generator: Generator | None = None,
    out: Tensor | None = None,
    dtype: DtypeLike | None = None,
    device: object = None,
    requires_grad: bool = False,
) -> Tensor:
    """Integers below `n` in random order, bit for bit PyTorch's.

    Raises
    ------
    RuntimeError
        If `n` is negative, or the dtype cannot hold `n` − 1.

    >>> import tinygrad_np as tg
    >>> _ = tg.manual_seed(0)
    >>> tg.randperm(5)
    tensor([4, 0, 1, 3, 2])
    """
    check_device(device)
    if not hasattr(n, "__index__"):
        raise TypeError(f"randperm: n must be an int, not {n!r}")
    shape = sizes((n,))

    def draw(kind: Dtype, _: Any) -> Array:
        if kind == bool_:
            raise DtypeError("randperm: bool holds no integers; choose an integer dtype")
        if n > 1:
            check_range("randperm", 0, n, kind)
        return stream_of(generator).permutation(n).astype(kind, copy=False)

    return _give(draw, shape, dtype, int64, out, requires_grad)


# --- in the shape of another tensor --------------------------------------------------------------


def _like(
    input: Tensor,
    dtype: DtypeLike | None,
    device: object,
    requires_grad: bool,
    draw: Callable[[Dtype, Sequence[int] | None], Array],
) -> Tensor:
    """Make a tensor in the shape of `input`, with its dimensions in the same order in memory."""
    check_device(device)
    order = order_of(input)
    if order is not None:
        long = [i for i in order if input.shape[i] != 1]
        order = None if long == sorted(long) else order  # gaps are not kept
    numbers = draw(input.dtype if dtype is None else as_dtype(dtype), order)
    return new(arrange(numbers, input.shape, order), requires_grad=requires_grad)


def rand_like(
    input: Tensor,
    *,
    generator: Generator | None = None,
    dtype: DtypeLike | None = None,
    device: object = None,
    requires_grad: bool = False,
) -> Tensor:
    """Uniform numbers in [0, 1) in the shape and dtype of `input`.

    >>> import tinygrad_np as tg
    >>> tg.rand_like(tg.zeros(2, 3)).shape
    Size([2, 3])
    """
    check_tensor("rand_like", "input", input)

    def draw(kind: Dtype, _: Any) -> Array:
        check_floating("rand_like", kind)
        return stream_of(generator).uniform_between(input.numel(), kind)

    return _like(input, dtype, device, requires_grad, draw)


def randn_like(
    input: Tensor,
    *,
    generator: Generator | None = None,
    dtype: DtypeLike | None = None,
    device: object = None,
    requires_grad: bool = False,
) -> Tensor:
    """Standard normal numbers in the shape and dtype of `input`.

    >>> import tinygrad_np as tg
    >>> tg.randn_like(tg.zeros(2, 3)).shape
    Size([2, 3])
    """
    check_tensor("randn_like", "input", input)
    draw = _normal("randn_like", input.numel(), generator)
    return _like(input, dtype, device, requires_grad, draw)


def randint_like(
    input: Tensor,
    low: Any = 0,
    high: Any = None,
    *,
    generator: Generator | None = None,
    dtype: DtypeLike | None = None,
    device: object = None,
    requires_grad: bool = False,
) -> Tensor:
    """Integers from `low` (0 if left out) up to `high` in the shape and dtype of `input`.

    >>> import tinygrad_np as tg
    >>> tg.randint_like(tg.zeros(2, 3), 7, 8)
    tensor([[7., 7., 7.],
            [7., 7., 7.]])
    """
    check_tensor("randint_like", "input", input)
    if high is None:
        low, high = 0, low

    def draw(kind: Dtype, _: Any) -> Array:
        return _integers("randint_like", low, high, input.numel(), kind, generator)

    return _like(input, dtype, device, requires_grad, draw)


# --- with parameters of their own for each number ------------------------------------------------


def normal(
    mean: Any,
    std: Any = 1.0,
    size: Any = None,
    *,
    generator: Generator | None = None,
    out: Tensor | None = None,
    dtype: DtypeLike | None = None,
    device: object = None,
    requires_grad: bool = False,
) -> Tensor:
    """Normal numbers with a mean and a standard deviation, each a number or a tensor.

    Two numbers need a `size`; tensors broadcast, and the first one decides the dtype. Gradient: 0.

    Raises
    ------
    RuntimeError
        If a standard deviation is negative.

    >>> import tinygrad_np as tg
    >>> tg.normal(tg.tensor([-5.0, 5.0]), 0.0)
    tensor([-5.,  5.])
    >>> tg.normal(0.0, 2.0, (2, 3)).shape
    Size([2, 3])
    """
    check_device(device)
    tensors = [x for x in (mean, std) if isinstance(x, Value)]
    check_std("normal", std.array if isinstance(std, Value) else std)
    if not tensors:
        if size is None:
            raise TypeError("normal: give a size beside two numbers: normal(0.0, 1.0, (2, 3))")
        shape = sizes((size,))
        drawing = _normal("normal", math.prod(shape), generator, mean, std)
        return _give(drawing, shape, dtype, get_default_dtype(), out, requires_grad)
    if size is not None or dtype is not None:
        raise TypeError(
            "normal: shape and dtype are those of the tensors; leave out size and dtype"
        )
    kind = tensors[0].dtype
    check_floating("normal", kind)

    def draw(*arrays: Array) -> Array:
        shape = np.broadcast_shapes(*[x.shape for x in arrays])
        numbers = stream_of(generator).normal(math.prod(shape), kind).reshape(shape)
        first, *second = arrays
        if isinstance(std, Value):
            numbers *= second[0] if second else first
        else:
            numbers *= kind.type(std)
        numbers += first if isinstance(mean, Value) else kind.type(mean)
        return numbers

    drawn: Any = apply(Draw("Normal", draw), *tensors)
    return drawn if out is None else _put(drawn, out)


def bernoulli(
    input: Tensor,
    p: float | None = None,
    *,
    generator: Generator | None = None,
    out: Tensor | None = None,
) -> Tensor:
    """Ones with the probabilities that `input` holds, else zeros; bit for bit PyTorch's.

    With a number `p`, all have that probability, and `input` lends its shape and dtype alone.
    Gradient: 0.

    Raises
    ------
    RuntimeError
        If a probability does not lie in [0, 1].

    >>> import tinygrad_np as tg
    >>> tg.bernoulli(tg.tensor([0.0, 1.0, 1.0]))
    tensor([0., 1., 1.])
    """
    check_tensor("bernoulli", "input", input)
    dtype = input.dtype
    order = order_of(input)
    if p is None:
        check_floating("bernoulli", dtype)
        check_chance("bernoulli", input.array)

    def draw(array: Array) -> Array:
        chances = array if p is None else p
        return draw_chances(stream_of(generator), array, order, chances).astype(dtype)

    if p is not None:
        check_chance("bernoulli", p)
    drawn: Tensor = apply(Draw("Bernoulli", draw), input)
    return drawn if out is None else _put(drawn, out)


def draw_chances(stream: Stream, like: Array, order: Sequence[int] | None, p: Any) -> Array:
    """Give booleans in the shape of `like`: true with probability `p`, a number or an array.

    A number and float64 are compared with 53 random bits, all else with 24, as PyTorch does.
    """
    if not isinstance(p, np.ndarray):
        return arrange(stream.chances(like.size, p), like.shape, order)
    kind = float64 if p.dtype == float64 else np.dtype(np.float32)
    drawn = arrange(stream.uniform(like.size, kind), like.shape, order)
    return np.less(drawn, p)


def _put(result: Tensor, out: Tensor) -> Tensor:
    """Copy a result into `out`."""

    def drawn(_: Any, order: Sequence[int] | None) -> Array:
        array = result.array
        return (array if order is None else array.transpose(order)).reshape(-1)

    return _give(drawn, result.shape, None, result.dtype, out, requires_grad=False)


def multinomial(
    input: Tensor,
    num_samples: int,
    replacement: bool = False,
    *,
    generator: Generator | None = None,
    out: Tensor | None = None,
) -> Tensor:
    """Categories drawn with the weights that the last dimension of `input` holds, as int64.

    The weights, `(C)` or `(N, C)`, need not add up to 1; the result is `(num_samples)` or
    `(N, num_samples)`. With `replacement`, a uniform number is looked up among the cumulated
    weights; without, the largest of weight / exponential number are taken, in that order.
    Source: P. Efraimidis and P. Spirakis, "Weighted random sampling with a reservoir", Inf.
    Process. Lett. 97 (2006).

    Raises
    ------
    RuntimeError
        If weights are negative, infinite, NaN or all 0, or there are too few to draw from.

    >>> import tinygrad_np as tg
    >>> tg.multinomial(tg.tensor([0.0, 3.0, 0.0]), 4, replacement=True)
    tensor([1, 1, 1, 1])
    """
    check_tensor("multinomial", "input", input)
    weights = input.array
    _check_weights(weights, num_samples, replacement)
    stream, rows = stream_of(generator), weights.reshape(-1, weights.shape[-1])
    if replacement and num_samples > 1:
        cumulated = np.cumsum(rows, axis=1, dtype=rows.dtype)
        cumulated /= cumulated[:, -1:]
        uniform = stream.uniform(len(rows) * num_samples, float64).reshape(len(rows), num_samples)
        places = [np.searchsorted(c, u) for c, u in zip(cumulated, uniform, strict=True)]
        found = np.array(places, np.int64).reshape(len(rows), num_samples)
    else:
        order = order_of(input)
        waits = arrange(stream.exponential(weights.size, input.dtype, 1.0), weights.shape, order)
        with np.errstate(all="ignore"):  # of half precision, exponential numbers can be 0
            scores = (weights / waits).reshape(rows.shape)
        if num_samples == 1:
            found = scores.argmax(1)[:, None]
        else:
            found = np.argsort(-scores, axis=1, kind="stable")[:, :num_samples]
    drawn = new(np.ascontiguousarray(found.reshape(*weights.shape[:-1], num_samples)))
    return drawn if out is None else _put(drawn, out)


def _check_weights(weights: Array, num_samples: int, replacement: bool) -> None:
    if weights.dtype.kind != "f":
        raise DtypeError(f"multinomial: weights must be floating numbers, not {weights.dtype}")
    if weights.ndim not in (1, 2):
        raise ShapeError(
            f"multinomial: weights have shape (C) or (N, C), and these {weights.shape}"
        )
    if num_samples < 1:
        raise RuntimeError(f"multinomial: num_samples must be positive, got {num_samples}")
    if weights.shape[-1] == 0 or (num_samples > weights.shape[-1] and not replacement):
        raise RuntimeError(
            f"multinomial: {num_samples} samples cannot be drawn from {weights.shape[-1]} "
            "categories" + ("" if replacement else "; draw fewer, or with replacement=True")
        )
    if not (np.isfinite(weights).all() and (weights >= 0).all()):
        raise RuntimeError("multinomial: weights must be finite and not negative")
    if not weights.sum(-1).all():
        raise RuntimeError("multinomial: the weights of a row are all 0, and nothing can be drawn")
