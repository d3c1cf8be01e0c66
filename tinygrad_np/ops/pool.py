"""Pooling: the largest number, or the mean, of each window."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

import numpy as np

from tinygrad_np.core import Array, Op, Operand, Thunks, apply
from tinygrad_np.errors import DtypeError, ShapeError
from tinygrad_np.kernels import adaptive, pool
from tinygrad_np.ops.checks import integer
from tinygrad_np.ops.index import TakeAlongDim
from tinygrad_np.ops.shape import Refit, flatten
from tinygrad_np.ops.window import (
    LETTERS,
    check_rank,
    from_image,
    ints,
    places,
    to_image,
    window,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tinygrad_np.kernels.windows import Axis
    from tinygrad_np.ops.window import Ints, Window

V = TypeVar("V")
Pair = tuple[int, ...]
Sizes: TypeAlias = "int | Sequence[int | None]"  # None keeps a size


class MaxPooling(Op):
    """Base of the ops that look for the largest number of each window: where the window stands."""

    __slots__ = ("h", "w")

    def __init__(self, h: Axis, w: Axis) -> None:
        self.h, self.w = h, w


class MaxPool2d(MaxPooling):
    """Largest number of each window; NaN if it holds one."""

    __slots__ = ()
    formula = "y[p] = max x[s·p + d·k − pad] over k"
    derivative = "dx = dy at the first maximum of each window, added where windows overlap"
    grad_fn = "MaxPool2DWithIndicesBackward0"
    reads = ((0,),)
    # A copy of the result spares the derivative a third of its time. The result itself it must not
    # read, for that would forbid to write into it, as PyTorch allows (a relu in place).
    keeps = True

    def forward(self, x: Array) -> tuple[Array, Array]:
        y = pool.max_pool2d(x, self.h, self.w)
        return y, y.copy(order="K")

    def vjp(self, g: Operand, x: Operand, _: Operand, kept: Array | None) -> Thunks:
        return (lambda: apply(MaxPool2dBackward(self.h, self.w, kept), g, x),)


class MaxPool2dBackward(MaxPooling):
    """Adjoint of MaxPool2d at its operand: each number goes where its window's maximum was."""

    __slots__ = ("maxima",)
    formula = "y = 0; y[argmax of window p of x] += g[p]"
    derivative = "dg = dy at the maxima; x only says where, so its derivative is 0"
    reads = ((1,),)

    def __init__(self, h: Axis, w: Axis, maxima: Array | None = None) -> None:
        super().__init__(h, w)
        self.maxima = maxima  # of x, where they are known

    def forward(self, g: Array, x: Array) -> Array:
        maxima = pool.max_pool2d(x, self.h, self.w) if self.maxima is None else self.maxima
        return pool.max_pool2d_backward(g, x, maxima, self.h, self.w)

    def vjp(self, g: Operand, _g: Operand, x: Operand, _y: Operand) -> Thunks:
        return (lambda: _pick(g, apply(MaxPool2dIndices(self.h, self.w), x)), None)


class MaxPool2dIndices(MaxPooling):
    """Where in its plane the maximum of each window stands: `h·W + w`; no derivative."""

    __slots__ = ()
    reads = None

    def forward(self, x: Array) -> Array:
        return pool.max_pool2d_indices(x, self.h, self.w)


class AvgPooling(Op):
    """Base of the pair that takes means: where the window stands, and by what its sum is scaled."""

    __slots__ = ("h", "share", "w")

    def __init__(self, h: Axis, w: Axis, share: Array) -> None:
        self.h, self.w, self.share = h, w, share  # 1 / count: of each window, or one for all


class AvgPool2d(AvgPooling):
    """Mean of each window."""

    __slots__ = ()
    formula = "y[p] = Σ x[s·p + k − pad] / n[p] over k"
    derivative = "dx = dy / n, shared among each window"

    grad_fn = "AvgPool2DBackward0"

    def forward(self, x: Array) -> Array:
        return pool.avg_pool2d(x, self.h, self.w, self.share)

    def vjp(self, g: Operand, *_: Operand) -> Thunks:
        return (lambda: apply(AvgPool2dBackward(self.h, self.w, self.share), g),)


class AvgPool2dBackward(AvgPooling):
    """Adjoint of AvgPool2d: each number shared among its window."""

    __slots__ = ()
    formula = "y[s·p + k − pad] = Σ x[p] / n[p] over p, k"
    derivative = "dx = means of dy"

    def forward(self, x: Array) -> Array:
        return pool.avg_pool2d_backward(x, self.h, self.w, self.share)

    def vjp(self, g: Operand, *_: Operand) -> Thunks:
        return (lambda: apply(AvgPool2d(self.h, self.w, self.share), g),)


class AdaptiveAvgPool2d(Op):
    """Mean of each of a given number of bins."""

    __slots__ = ("size",)
    formula = "y[i] = mean of x from ⌊i·n/m⌋ to ⌈(i+1)·n/m⌉"
    derivative = "dx = dy / length, shared among each bin"

    grad_fn = "AdaptiveAvgPool2DBackward0"

    def __init__(self, size: Pair) -> None:
        self.size = size

    def forward(self, x: Array) -> Array:
        return adaptive.adaptive_avg_pool2d(x, self.size)

    def vjp(self, g: Operand, x: Operand, _: Operand) -> Thunks:
        return (lambda: apply(AdaptiveAvgPool2dBackward(x.shape[2:]), g),)


class AdaptiveAvgPool2dBackward(Op):
    """Adjoint of AdaptiveAvgPool2d: each number shared among its bin."""

    __slots__ = ("size",)
    formula = "y = Σ x[i] / length over the bins that hold the place"
    derivative = "dx = means of dy"

    def __init__(self, size: Pair) -> None:
        self.size = size

    def forward(self, x: Array) -> Array:
        return adaptive.adaptive_avg_pool2d_backward(x, self.size)

    def vjp(self, g: Operand, x: Operand, _: Operand) -> Thunks:
        return (lambda: apply(AdaptiveAvgPool2d(x.shape[2:]), g),)


class AdaptiveMaxPool2dIndices(Op):
    """Where in its plane the maximum of each bin stands: `h·W + w`; no derivative."""

    __slots__ = ("size",)
    reads = None

    def __init__(self, size: Pair) -> None:
        self.size = size

    def forward(self, x: Array) -> Array:
        return adaptive.adaptive_max_pool2d_indices(x, self.size)


def max_pool1d(
    input: V,
    kernel_size: Ints,
    stride: Ints | None = None,
    padding: Ints = 0,
    dilation: Ints = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Any:
    """Largest number of each window along one dimension; see `max_pool2d`.

    Shapes: `(N, C, L)` or `(C, L)`; indices count along L.

    >>> import tinygrad_np as tg
    >>> tg.nn.functional.max_pool1d(tg.tensor([[1.0, 5.0, 2.0, 3.0]]), 2)
    tensor([[5., 3.]])
    """
    read = _window("max_pool1d", 1, kernel_size, stride, padding, dilation)
    return _max_pool(read, input, ceil_mode, return_indices)


def max_pool2d(
    input: V,
    kernel_size: Ints,
    stride: Ints | None = None,
    padding: Ints = 0,
    dilation: Ints = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Any:
    """Largest number of each window; NaN if it holds one.

    Shapes: `(N, C, H, W)` or `(C, H, W)`; the result has `(H + 2·padding − dilation·(kh − 1) − 1)
    // stride + 1` rows; `ceil_mode` rounds up instead. `stride` is the kernel size by default;
    padding counts as −inf. With `return_indices`, also gives where each maximum stands in its
    plane, `h·W + w`. Gradient: the first maximum of a window takes all (of
    several NaN, the last); overlapping windows add.

    Raises
    ------
    ShapeError
        If no window fits, `padding` is more than half of the kernel, or a dilated window can step
        over the whole input.

    >>> import tinygrad_np as tg
    >>> x = tg.tensor([[[1.0, 2.0, 0.0], [4.0, 3.0, 9.0]]])
    >>> tg.nn.functional.max_pool2d(x, 2, stride=1, return_indices=True)
    (tensor([[[4., 9.]]]), tensor([[[3, 5]]]))
    """
    read = _window("max_pool2d", 2, kernel_size, stride, padding, dilation)
    return _max_pool(read, input, ceil_mode, return_indices)


def avg_pool1d(
    input: V,
    kernel_size: Ints,
    stride: Ints | None = None,
    padding: Ints = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
) -> V:
    """Mean of each window along one dimension; see `avg_pool2d`.

    Shapes: `(N, C, L)` or `(C, L)`.

    >>> import tinygrad_np as tg
    >>> tg.nn.functional.avg_pool1d(tg.tensor([[1.0, 5.0, 2.0, 3.0]]), 2)
    tensor([[3.0000, 2.5000]])
    """
    read = _window("avg_pool1d", 1, kernel_size, stride, padding)
    return _avg_pool(read, input, ceil_mode, count_include_pad, None)


def avg_pool2d(
    input: V,
    kernel_size: Ints,
    stride: Ints | None = None,
    padding: Ints = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> V:
    """Mean of each window.

    Shapes and options as `max_pool2d`. Zeros of the padding count as numbers, unless
    `count_include_pad` is false; `divisor_override` divides every sum by the same number.
    Gradient: shared equally among each window.

    Raises
    ------
    ShapeError
        If no window fits, or `padding` is more than half of the kernel.

    >>> import tinygrad_np as tg
    >>> tg.nn.functional.avg_pool2d(tg.ones(1, 2, 2), 2, padding=1)
    tensor([[[0.2500, 0.2500],
             [0.2500, 0.2500]]])
    """
    read = _window("avg_pool2d", 2, kernel_size, stride, padding)
    return _avg_pool(read, input, ceil_mode, count_include_pad, divisor_override)


def adaptive_avg_pool1d(input: V, output_size: Sizes) -> V:
    """Mean of each of `output_size` bins along one dimension; see `adaptive_avg_pool2d`.

    >>> import tinygrad_np as tg
    >>> tg.nn.functional.adaptive_avg_pool1d(tg.tensor([[1.0, 5.0, 3.0]]), 2)
    tensor([[3., 4.]])
    """
    return _adaptive_avg("adaptive_avg_pool1d", 1, input, output_size)


def adaptive_avg_pool2d(input: V, output_size: Sizes) -> V:
    """Mean of each of `output_size` bins of rows and columns, whatever the input's size.

    Shapes: `(N, C, H, W)` or `(C, H, W)` to `(…, *output_size)`; None keeps a size. Bin i of m
    covers the places from ⌊i·n/m⌋ to ⌈(i+1)·n/m⌉, so bins may overlap. Gradient: shared equally
    among each bin.

    >>> import tinygrad_np as tg
    >>> tg.nn.functional.adaptive_avg_pool2d(tg.arange(6.0).reshape(1, 2, 3), (1, None))
    tensor([[[1.5000, 2.5000, 3.5000]]])
    """
    return _adaptive_avg("adaptive_avg_pool2d", 2, input, output_size)


def adaptive_max_pool1d(input: V, output_size: Sizes, return_indices: bool = False) -> Any:
    """Largest number of each of `output_size` bins along one dimension.

    See `adaptive_max_pool2d`.

    >>> import tinygrad_np as tg
    >>> tg.nn.functional.adaptive_max_pool1d(tg.tensor([[1.0, 5.0, 3.0]]), 2)
    tensor([[5., 5.]])
    """
    return _adaptive_max("adaptive_max_pool1d", 1, input, output_size, return_indices)


def adaptive_max_pool2d(input: V, output_size: Sizes, return_indices: bool = False) -> Any:
    """Largest number of each of `output_size` bins; bins as in `adaptive_avg_pool2d`.

    With `return_indices`, also gives where each maximum stands in its plane. Gradient: the first
    maximum of a bin takes all (of several NaN, the last); overlapping bins add.

    >>> import tinygrad_np as tg
    >>> tg.nn.functional.adaptive_max_pool2d(tg.arange(6.0).reshape(1, 2, 3), (2, 1))
    tensor([[[2.],
             [5.]]])
    """
    return _adaptive_max("adaptive_max_pool2d", 2, input, output_size, return_indices)


def _window(
    name: str,
    n: int,
    kernel_size: Ints,
    stride: Ints | None,
    padding: Ints,
    dilation: Ints = 1,
) -> Window:
    """Read a pooling window, which moves by its own size if no stride is given."""
    if stride is None or (isinstance(stride, (tuple, list)) and not stride):
        stride = kernel_size
    read = window(name, n, kernel_size, stride, padding, dilation)
    most = tuple(k // 2 for k in read.kernel)
    if any(p > m for (p, _), m in zip(read.padding, most, strict=True)):
        raise ShapeError(
            f"{name}: padding {tuple(p for p, _ in read.padding)} is more than half of the kernel "
            f"{read.kernel}: windows would lie in the padding alone; pad by at most {most}"
        )
    return read


def _places(read: Window, x: Operand, ceil_mode: bool) -> tuple[Axis, Axis]:
    check_rank(read.name, x, read.dims)
    size = tuple(x.shape[-read.dims :])
    h, w = places(read, size, ceil_mode=ceil_mode)
    if h.misses or w.misses:
        raise ShapeError(
            f"{read.name}: kernel {read.kernel} with dilation {read.dilation} and padding "
            f"{tuple(p for p, _ in read.padding)} has windows all of whose taps miss the input of "
            f"size {size}; dilate less, or pad less"
        )
    return h, w


def _max_pool(read: Window, input: V, ceil_mode: bool, return_indices: bool) -> Any:
    x: Operand = input
    h, w = _places(read, x, ceil_mode)
    if x.dtype == np.bool_:
        raise DtypeError(f"{read.name}: bools have no largest one; convert with .float()")
    image = to_image(input, read.dims)
    values = from_image(apply(MaxPool2d(h, w), image), read.dims, x.ndim)
    if not return_indices:
        return values
    # To pick the values at the indices would spare little: to find these takes 20 times as long.
    return values, from_image(apply(MaxPool2dIndices(h, w), image), read.dims, x.ndim)


def _avg_pool(
    read: Window, input: V, ceil_mode: bool, count_include_pad: bool, divisor: int | None
) -> V:
    x: Operand = input
    h, w = _places(read, x, ceil_mode)
    _check_floating(read.name, x)
    if divisor is None:
        share = pool.shares(h, w, padding=count_include_pad)
    elif integer(read.name, "divisor_override", divisor) == 0:
        raise ShapeError(f"{read.name}: divisor_override must not be 0")
    else:
        share = np.asarray(1 / divisor)
    y = apply(AvgPool2d(h, w, share), to_image(input, read.dims))
    return from_image(y, read.dims, x.ndim)


def _adaptive_avg(name: str, n: int, input: V, output_size: Any) -> V:
    x: Operand = input
    size = _output_size(name, n, x, output_size)
    return from_image(apply(AdaptiveAvgPool2d(size), to_image(input, n)), n, x.ndim)


def _adaptive_max(name: str, n: int, input: V, output_size: Any, return_indices: bool) -> Any:
    x: Operand = input
    size = _output_size(name, n, x, output_size)
    image = to_image(input, n)
    indices = apply(AdaptiveMaxPool2dIndices(size), image)
    values = from_image(_pick(image, indices), n, x.ndim)
    return (values, from_image(indices, n, x.ndim)) if return_indices else values


def _output_size(name: str, n: int, x: Operand, output_size: Any) -> Pair:
    check_rank(name, x, n)
    _check_floating(name, x)
    given = output_size if isinstance(output_size, (tuple, list)) else (output_size,) * n
    if len(given) != n:  # where one number in a tuple does not stand for all
        raise ShapeError(
            f"{name}: output_size={output_size} has {len(given)} numbers, and needs {n}: one for "
            f"each of {', '.join(LETTERS[n])}, or an int for all"
        )
    kept = [x.shape[-n + i] if m is None else m for i, m in enumerate(given)]
    size = ints(name, "output_size", kept, n, 0)
    if 0 in x.shape[-n:]:
        letters = ", ".join(LETTERS[n])
        raise ShapeError(
            f"{name}: the input of shape {tuple(x.shape)} has nothing in {letters}, and bins need "
            "at least one place; an earlier layer left none"
        )
    return size if n == 2 else (1, *size)


def _pick(x: V, indices: V) -> V:
    """Of each plane of `x (N, C, H, W)`, the numbers at flat indices `(N, C, H', W')`."""
    at: Operand = indices
    picked = apply(TakeAlongDim(2), flatten(x, 2), flatten(indices, 2))
    return apply(Refit(at.shape), picked)


def _check_floating(name: str, x: Operand) -> None:
    if x.dtype.kind != "f":
        raise DtypeError(f"{name} needs floats, not {x.dtype}; convert with .float()")
