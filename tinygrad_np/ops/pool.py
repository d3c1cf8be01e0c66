"""Pooling: the largest number, or the mean, of each window."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar, cast

import numpy as np

from tinygrad_np.core import Array, Op, Operand, Thunks, apply
from tinygrad_np.errors import DtypeError, ShapeError
from tinygrad_np.kernels import adaptive, pool
from tinygrad_np.kernels.windows import axes
from tinygrad_np.ops.index import take_along_dim
from tinygrad_np.ops.shape import Refit, flatten
from tinygrad_np.ops.window import LETTERS, check_rank, from_image, ints, lifted, to_image

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tinygrad_np.ops.window import Ints

V = TypeVar("V")
Pair = tuple[int, ...]
Sizes: TypeAlias = "int | Sequence[int | None]"  # None keeps a size


class Pooling(Op):
    """Base of the ops that pool windows: where the window stands, and how."""

    __slots__ = ("options",)

    def __init__(self, **options: Any) -> None:
        self.options = options


class MaxPool2d(Pooling):
    """Largest number of each window; NaN if it holds one."""

    __slots__ = ()
    formula = "y[p] = max x[s·p + d·k − pad] over k"
    derivative = "dx = dy at the first maximum of each window, added where windows overlap"
    grad_fn = "MaxPool2DWithIndicesBackward0"
    reads = ((0,),)

    def forward(self, x: Array) -> Array:
        return pool.max_pool2d(x, **self.options)

    def vjp(self, g: Operand, x: Operand, _: Operand) -> Thunks:
        return (lambda: apply(MaxPool2dBackward(**self.options), g, x),)


class MaxPool2dBackward(Pooling):
    """Adjoint of MaxPool2d at its operand: each number goes where its window's maximum was."""

    __slots__ = ()
    formula = "y = 0; y[argmax of window p of x] += g[p]"
    derivative = "dg = dy at the maxima; x only says where, so its derivative is 0"
    reads = ((1,),)

    def forward(self, g: Array, x: Array) -> Array:
        return pool.max_pool2d_backward(g, x, **self.options)

    def vjp(self, g: Operand, _g: Operand, x: Operand, _y: Operand) -> Thunks:
        return (lambda: _pick(g, apply(MaxPool2dIndices(**self.options), x)), None)


class MaxPool2dIndices(Pooling):
    """Where in its plane the maximum of each window stands: `h·W + w`; no derivative."""

    __slots__ = ()
    reads = None

    def forward(self, x: Array) -> Array:
        return pool.max_pool2d_indices(x, **self.options)[1]


class AvgPool2d(Pooling):
    """Mean of each window."""

    __slots__ = ()
    formula = "y[p] = Σ x[s·p + k − pad] / n[p] over k"
    derivative = "dx = dy / n, shared among each window"

    grad_fn = "AvgPool2DBackward0"

    def forward(self, x: Array) -> Array:
        return pool.avg_pool2d(x, **self.options)

    def vjp(self, g: Operand, x: Operand, _: Operand) -> Thunks:
        return (lambda: apply(AvgPool2dBackward(x.shape[2:], **self.options), g),)


class AvgPool2dBackward(Pooling):
    """Adjoint of AvgPool2d: each number shared among its window."""

    __slots__ = ("size",)
    formula = "y[s·p + k − pad] = Σ x[p] / n[p] over p, k"
    derivative = "dx = means of dy"

    def __init__(self, size: Pair, **options: Any) -> None:
        super().__init__(**options)
        self.size = size

    def forward(self, x: Array) -> Array:
        return pool.avg_pool2d_backward(x, self.size, **self.options)

    def vjp(self, g: Operand, *_: Operand) -> Thunks:
        return (lambda: apply(AvgPool2d(**self.options), g),)


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
    return _max_pool(
        "max_pool1d", 1, input, kernel_size, stride, padding, dilation, ceil_mode, return_indices
    )


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
    plane, `h·W + w`. Gradient: the first maximum of a window takes all; overlapping windows add.

    Raises
    ------
    ShapeError
        If no window fits, or `padding` is more than half of the window.

    >>> import tinygrad_np as tg
    >>> x = tg.tensor([[[1.0, 2.0, 0.0], [4.0, 3.0, 9.0]]])
    >>> tg.nn.functional.max_pool2d(x, 2, stride=1, return_indices=True)
    (tensor([[[4., 9.]]]), tensor([[[3, 5]]]))
    """
    return _max_pool(
        "max_pool2d", 2, input, kernel_size, stride, padding, dilation, ceil_mode, return_indices
    )


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
    return _avg_pool(
        "avg_pool1d", 1, input, kernel_size, stride, padding, ceil_mode, count_include_pad, None
    )


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
        If no window fits, or `padding` is more than half of the window.

    >>> import tinygrad_np as tg
    >>> tg.nn.functional.avg_pool2d(tg.ones(1, 2, 2), 2, padding=1)
    tensor([[[0.2500, 0.2500],
             [0.2500, 0.2500]]])
    """
    return _avg_pool(
        "avg_pool2d",
        2,
        input,
        kernel_size,
        stride,
        padding,
        ceil_mode,
        count_include_pad,
        divisor_override,
    )


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
    maximum of a bin takes all; overlapping bins add.

    >>> import tinygrad_np as tg
    >>> tg.nn.functional.adaptive_max_pool2d(tg.arange(6.0).reshape(1, 2, 3), (2, 1))
    tensor([[[2.],
             [5.]]])
    """
    return _adaptive_max("adaptive_max_pool2d", 2, input, output_size, return_indices)


def _max_pool(
    name: str,
    n: int,
    input: V,
    kernel_size: Ints,
    stride: Ints | None,
    padding: Ints,
    dilation: Ints,
    ceil_mode: bool,
    return_indices: bool,
) -> Any:
    options = _options(name, n, input, kernel_size, stride, padding, dilation, ceil_mode)
    x: Operand = input
    if x.dtype == np.bool_:
        raise DtypeError(f"{name}: bools have no largest one; convert with .float()")
    image = to_image(input, n)
    values = from_image(apply(MaxPool2d(**options), image), n, x.ndim)
    if not return_indices:
        return values
    return values, from_image(apply(MaxPool2dIndices(**options), image), n, x.ndim)


def _avg_pool(
    name: str,
    n: int,
    input: V,
    kernel_size: Ints,
    stride: Ints | None,
    padding: Ints,
    ceil_mode: bool,
    count_include_pad: bool,
    divisor_override: int | None,
) -> V:
    options = _options(name, n, input, kernel_size, stride, padding, 1, ceil_mode)
    x: Operand = input
    _check_floating(name, x)
    if divisor_override == 0:
        raise ShapeError(f"{name}: divisor_override must not be 0")
    del options["dilation"]
    op = AvgPool2d(
        **options, count_include_pad=count_include_pad, divisor_override=divisor_override
    )
    return from_image(apply(op, to_image(input, n)), n, x.ndim)


def _options(
    name: str,
    n: int,
    x: Operand,
    kernel_size: Ints,
    stride: Ints | None,
    padding: Ints,
    dilation: Ints,
    ceil_mode: bool,
) -> dict[str, Any]:
    """Read and check what both kinds of pooling share."""
    check_rank(name, x, n)
    kernel = ints(name, "kernel_size", kernel_size, n, 1)
    steps = kernel if stride is None else ints(name, "stride", stride, n, 1)
    pads = ints(name, "padding", padding, n, 0)
    spread = ints(name, "dilation", dilation, n, 1)
    reach = tuple(d * (k - 1) + 1 for k, d in zip(kernel, spread, strict=True))
    if any(2 * p > k for p, k in zip(pads, kernel, strict=True)):
        raise ShapeError(
            f"{name}: padding {pads} is more than half of the kernel {kernel}: windows would lie "
            f"in the padding alone; pad by at most {tuple(k // 2 for k in kernel)}"
        )
    options: dict[str, Any] = {
        "kernel": lifted(kernel, 1),
        "stride": lifted(steps, 1),
        "padding": lifted(pads, 0),
        "dilation": lifted(spread, 1),
        "ceil_mode": bool(ceil_mode),
    }
    try:
        slid = axes(lifted(tuple(x.shape[-n:]), 1), **options)
    except ValueError:
        raise ShapeError(
            f"{name}: a window of size {reach} does not fit into the input of size "
            f"{tuple(x.shape[-n:])}, padded by {pads}: output size is too small; take a smaller "
            "kernel"
        ) from None
    if any(a.misses for a in slid):
        raise ShapeError(
            f"{name}: kernel {kernel} with dilation {spread} and padding {pads} has windows all of "
            f"whose taps miss the input of size {tuple(x.shape[-n:])}; dilate less, or pad less"
        )
    return options


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
    if len(given) != n:
        raise ShapeError(
            f"{name}: output_size={output_size} has {len(given)} numbers, and there are {n} "
            "spatial dimensions"
        )
    size = tuple(x.shape[-n + i] if m is None else m for i, m in enumerate(given))
    if 0 in x.shape[-n:]:
        letters = ", ".join(LETTERS[n])
        raise ShapeError(f"{name}: the input of shape {tuple(x.shape)} has nothing in {letters}")
    return cast("Pair", lifted(ints(name, "output_size", size, n, 0), 1))


def _pick(x: V, indices: V) -> V:
    """Of each plane of `x (N, C, H, W)`, the numbers at flat indices `(N, C, H', W')`."""
    at: Operand = indices
    picked = take_along_dim(flatten(x, 2), flatten(indices, 2), 2)
    return apply(Refit(at.shape), picked)


def _check_floating(name: str, x: Operand) -> None:
    if x.dtype.kind != "f":
        raise DtypeError(f"{name}: means need floats, not {x.dtype}; convert with .float()")
