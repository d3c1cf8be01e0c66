"""Convolution: three ops, each of which has the other two as its derivative.

`y = conv(x, w)` is linear in both operands, so its adjoint in `x` (which also is the transposed
convolution) and its adjoint in `w` are linear too, and their adjoints lie in the family again. So
derivatives of any order come without another kernel. In one dimension, a row is an image of
height 1.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from tinygrad_np.core import Array, Op, Operand, Thunks, apply
from tinygrad_np.errors import DtypeError, ShapeError
from tinygrad_np.kernels import conv as kernels
from tinygrad_np.kernels.windows import float_type
from tinygrad_np.ops.checks import check_tensor, integer
from tinygrad_np.ops.reduce import sum
from tinygrad_np.ops.shape import reshape
from tinygrad_np.ops.window import (
    LETTERS,
    Pads,
    Window,
    check_rank,
    from_image,
    ints,
    places,
    to_image,
    transposed_size,
    window,
)

if TYPE_CHECKING:
    from tinygrad_np.ops.window import Ints

V = TypeVar("V")


class Convolution(Op):
    """Base of the three: where the window stands."""

    __slots__ = ("dilation", "groups", "padding", "stride")

    def __init__(
        self, stride: tuple[int, int], padding: Pads, dilation: tuple[int, int], groups: int
    ) -> None:
        self.stride, self.padding, self.dilation, self.groups = stride, padding, dilation, groups

    @property
    def geometry(self) -> dict[str, Any]:
        """What kernels and partners are told."""
        return {
            "stride": self.stride,
            "padding": self.padding,
            "dilation": self.dilation,
            "groups": self.groups,
        }


class Conv2d(Convolution):
    """Cross-correlation of images with filters, and a bias for each filter."""

    __slots__ = ()
    formula = "y[n,o,p] = Σ w[o,c,k]·x[n, c, s·p + d·k − pad] + b[o] over c, k"
    derivative = "dx = conv2d_input(dy, w), dw = conv2d_weight(x, dy), db = Σ dy over n, p"
    grad_fn = "ConvolutionBackward0"
    reads = ((1,), (0,), ())

    def forward(self, x: Array, w: Array, b: Array | None = None) -> Array:
        return kernels.conv2d(x, w, b, **self.geometry)

    def vjp(self, g: Operand, x: Operand, w: Operand, *rest: Operand) -> Thunks:
        thunks = (
            lambda: apply(Conv2dInput(x.shape[2:], **self.geometry), g, w),
            lambda: apply(Conv2dWeight(w.shape[2:], **self.geometry), x, g),
            lambda: sum(g, (0, 2, 3)),
        )
        return thunks[: 1 + len(rest)]


class Conv2dInput(Convolution):
    """Adjoint of Conv2d in its images: the transposed convolution."""

    __slots__ = ("size",)
    formula = "y[n, c, s·p + d·k − pad] = Σ w[o,c,k]·x[n,o,p] over o, p, k, and b[c] added"
    derivative = "dx = conv2d(dy, w), dw = conv2d_weight(dy, x), db = Σ dy over n and places"
    grad_fn = "ConvolutionBackward0"
    reads = ((1,), (0,), ())

    def __init__(self, size: tuple[int, int], **geometry: Any) -> None:
        super().__init__(**geometry)
        self.size = size  # of the images

    def forward(self, x: Array, w: Array, b: Array | None = None) -> Array:
        if b is None:
            return kernels.conv2d_input(x, w, self.size, **self.geometry)
        dtype = float_type(x, w)  # what the kernel sums in: the bias belongs to the sum
        y = kernels.conv2d_input(x.astype(dtype, copy=False), w, self.size, **self.geometry)
        y += b[:, None, None]
        return y.astype(x.dtype, copy=False)

    def vjp(self, g: Operand, x: Operand, w: Operand, *rest: Operand) -> Thunks:
        thunks = (
            lambda: apply(Conv2d(**self.geometry), g, w),
            lambda: apply(Conv2dWeight(w.shape[2:], **self.geometry), g, x),
            lambda: sum(g, (0, 2, 3)),
        )
        return thunks[: 1 + len(rest)]


class Conv2dWeight(Convolution):
    """Adjoint of Conv2d in its filters."""

    __slots__ = ("kernel",)
    formula = "y[o,c,k] = Σ g[n,o,p]·x[n, c, s·p + d·k − pad] over n, p"
    derivative = "dx = conv2d_input(g, dy), dg = conv2d(x, dy)"
    reads = ((1,), (0,))

    def __init__(self, kernel: tuple[int, int], **geometry: Any) -> None:
        super().__init__(**geometry)
        self.kernel = kernel

    def forward(self, x: Array, g: Array) -> Array:
        return kernels.conv2d_weight(x, g, self.kernel, **self.geometry)

    def vjp(self, g: Operand, x: Operand, y: Operand, _: Operand) -> Thunks:
        return (
            lambda: apply(Conv2dInput(x.shape[2:], **self.geometry), y, g),
            lambda: apply(Conv2d(**self.geometry), x, g),
        )


def conv1d(
    input: V,
    weight: V,
    bias: V | None = None,
    stride: Ints = 1,
    padding: Ints | str = 0,
    dilation: Ints = 1,
    groups: int = 1,
) -> V:
    """Convolution along one dimension; see `conv2d`, with L in place of H and W.

    Shapes: input `(N, C, L)` or `(C, L)`, weight `(O, C/groups, k)`, bias `(O)`; result
    `(N, O, L')` or `(O, L')`.

    >>> import tinygrad_np as tg
    >>> x, edge = tg.tensor([[1.0, 2.0, 4.0, 7.0]]), tg.tensor([[[-1.0, 1.0]]])
    >>> tg.nn.functional.conv1d(x, edge)
    tensor([[1., 2., 3.]])
    """
    read = _sliding("conv1d", 1, weight, stride, padding, dilation)
    return _convolve(read, input, weight, bias, groups)


def conv2d(
    input: V,
    weight: V,
    bias: V | None = None,
    stride: Ints = 1,
    padding: Ints | str = 0,
    dilation: Ints = 1,
    groups: int = 1,
) -> V:
    """Slide filters over images: cross-correlation, as all deep-learning libraries compute it.

    Shapes: input `(N, C, H, W)` or `(C, H, W)`, weight `(O, C/groups, kh, kw)`, bias `(O)`; result
    `(N, O, H', W')` or `(O, H', W')`, with `H' = (H + 2·padding − dilation·(kh − 1) − 1) // stride
    + 1`. `padding` is an int, a pair, 'valid' (none) or 'same' (with stride 1, the size stays; what
    cannot be halved goes to the right). With `groups`, each part of the filters sees its own part
    of the channels. Gradient: `conv2d_input(g, w)`, `conv2d_weight(x, g)` and `Σ g`.

    Numerics: float32 layers with 3-wide kernels and at least 16 channels use Winograd's transform,
    whose rounding errors are 2 to 4 times those of direct sums; float64 is always summed directly.
    Source: V. Dumoulin and F. Visin, "A guide to convolution arithmetic for deep learning", 2016.

    Raises
    ------
    ShapeError
        If channels, groups or bias do not fit, or the kernel is larger than the padded input.
    DtypeError
        If the dtypes differ.

    >>> import tinygrad_np as tg
    >>> image, mean = tg.arange(9.0).reshape(1, 1, 3, 3), tg.full((1, 1, 2, 2), 0.25)
    >>> tg.nn.functional.conv2d(image, mean)
    tensor([[[[2., 3.],
              [5., 6.]]]])
    """
    read = _sliding("conv2d", 2, weight, stride, padding, dilation)
    return _convolve(read, input, weight, bias, groups)


def conv_transpose1d(
    input: V,
    weight: V,
    bias: V | None = None,
    stride: Ints = 1,
    padding: Ints = 0,
    output_padding: Ints = 0,
    groups: int = 1,
    dilation: Ints = 1,
) -> V:
    """Transposed convolution along one dimension; see `conv_transpose2d`.

    Shapes: input `(N, C, L)` or `(C, L)`, weight `(C, O/groups, k)`, bias `(O)`; result
    `(N, O, L')` or `(O, L')`.

    >>> import tinygrad_np as tg
    >>> x, stamp = tg.tensor([[1.0, 10.0]]), tg.tensor([[[1.0, 2.0, 3.0]]])
    >>> tg.nn.functional.conv_transpose1d(x, stamp, stride=2)
    tensor([[ 1.,  2., 13., 20., 30.]])
    """
    read = _stamping("conv_transpose1d", 1, weight, stride, padding, dilation)
    return _transposed(read, input, weight, bias, output_padding, groups)


def conv_transpose2d(
    input: V,
    weight: V,
    bias: V | None = None,
    stride: Ints = 1,
    padding: Ints = 0,
    output_padding: Ints = 0,
    groups: int = 1,
    dilation: Ints = 1,
) -> V:
    """Stamp each input's multiple of the filters into a larger image: the adjoint of `conv2d`.

    Shapes: input `(N, C, H, W)` or `(C, H, W)`, weight `(C, O/groups, kh, kw)`, bias `(O)`; result
    `(N, O, H', W')` or `(O, H', W')`, with `H' = (H − 1)·stride − 2·padding + dilation·(kh − 1) +
    output_padding + 1`. Gradient: `conv2d(g, w)`, `conv2d_weight(g, x)` and `Σ g`.

    Raises
    ------
    ShapeError
        If channels, groups, bias or `output_padding` do not fit, or the result would be empty.
    DtypeError
        If the dtypes differ.

    >>> import tinygrad_np as tg
    >>> x, stamp = tg.tensor([[[[1.0, 10.0]]]]), tg.ones(1, 1, 2, 2)
    >>> tg.nn.functional.conv_transpose2d(x, stamp)
    tensor([[[[ 1., 11., 10.],
              [ 1., 11., 10.]]]])
    """
    read = _stamping("conv_transpose2d", 2, weight, stride, padding, dilation)
    return _transposed(read, input, weight, bias, output_padding, groups)


def same_padding(kernel: tuple[int, ...], dilation: tuple[int, ...]) -> Pads:
    """Padding that keeps the size at stride 1: what cannot be halved goes to the right."""
    total = [d * (k - 1) for k, d in zip(kernel, dilation, strict=True)]
    return tuple((t // 2, t - t // 2) for t in total)


def _sliding(
    name: str, n: int, weight: Operand, stride: Ints, padding: Ints | str, dilation: Ints
) -> Window:
    """Read the window of a convolution, whose padding may be a word."""
    kernel = _kernel(name, n, weight, "O, C/groups", 1)
    if not isinstance(padding, str):
        return window(name, n, kernel, stride, padding, dilation)
    read = window(name, n, kernel, stride, 0, dilation)
    if padding == "valid":
        return read
    if padding != "same":
        raise ShapeError(f"{name}: padding must be 'valid', 'same' or ints, not {padding!r}")
    if max(read.stride) > 1:
        raise RuntimeError(
            f"{name}: padding='same' has no meaning with stride {read.stride}: sizes cannot stay "
            "the same; give the padding as ints"
        )
    return read._replace(padding=same_padding(read.kernel, read.dilation))


def _stamping(
    name: str, n: int, weight: Operand, stride: Ints, padding: Ints, dilation: Ints
) -> Window:
    """Read the window of a transposed convolution."""
    kernel = _kernel(name, n, weight, "C, O/groups", 2)
    return window(name, n, kernel, stride, padding, dilation)


def _kernel(name: str, n: int, w: Operand, lead: str, filled: int) -> tuple[int, ...]:
    """Size of the kernel, after checking the weight, whose `filled` first sizes must not be 0."""
    check_tensor(name, "weight", w)
    if w.ndim != n + 2:
        letters = ", ".join((lead, *(f"k{letter.lower()}" for letter in LETTERS[n])))
        raise ShapeError(
            f"{name}: the weight needs shape ({letters}), and has shape {tuple(w.shape)}"
        )
    if 0 in w.shape[:filled]:
        raise ShapeError(f"{name}: the weight of shape {tuple(w.shape)} holds no filters")
    return tuple(w.shape[2:])


def _convolve(read: Window, input: V, weight: V, bias: V | None, groups: int) -> V:
    x: Operand = input
    w: Operand = weight
    groups = _check_operands(read, x, w, bias, groups)
    _check_channels(read, x, w, w.shape[1] * groups, groups)
    _check_bias(read.name, bias, w.shape[0])
    places(read, x.shape[-read.dims :])
    return _apply(Conv2d(**read.geometry, groups=groups), read.dims, input, weight, bias)


def _transposed(
    read: Window, input: V, weight: V, bias: V | None, output_padding: Ints, groups: int
) -> V:
    x: Operand = input
    w: Operand = weight
    name, strides, dilations = read.name, read.stride, read.dilation
    extra = ints(name, "output_padding", output_padding, read.dims, 0)
    groups = _check_operands(read, x, w, bias, groups)
    _check_channels(read, x, w, w.shape[0], groups)
    _check_bias(name, bias, w.shape[1] * groups)
    if any(e >= max(s, d) for e, s, d in zip(extra, strides, dilations, strict=True)):
        raise ShapeError(
            f"{name}: output_padding {extra} must be smaller than the stride {strides} or the "
            f"dilation {dilations}: it chooses among sizes that a larger stride leaves open"
        )
    least = transposed_size(read, x.shape[-read.dims :])
    size = tuple(n + e for n, e in zip(least, extra, strict=True))
    if min(size) < 1:
        raise ShapeError(
            f"{name}: an input of size {tuple(x.shape[-read.dims :])} with kernel {read.kernel}, "
            f"stride {strides} and padding {tuple(p for p, _ in read.padding)} gives size {size}: "
            "output size is too small; pad less"
        )
    # More than stride − 1 extra places would hold a further window: the padding after them is cut.
    beyond = (max(0, e - s + 1) for e, s in zip(extra, strides, strict=True))
    sides = tuple((p, q - b) for (p, q), b in zip(read.padding, beyond, strict=True))
    stamps = read._replace(padding=sides)
    image = size if read.dims == 2 else (1, *size)
    return _apply(
        Conv2dInput((image[0], image[1]), **stamps.geometry, groups=groups),
        read.dims,
        input,
        weight,
        bias,
    )


def _apply(op: Convolution, n: int, input: V, weight: V, bias: V | None) -> V:
    """Convolve images: `(N, C, L)` and `(O, C, k)` are images and filters of height 1."""
    x: Operand = input
    w: Operand = weight
    operands = (
        to_image(input, n),
        weight if n == 2 else reshape(weight, (*w.shape[:2], 1, w.shape[2])),
    )
    y = apply(op, *operands) if bias is None else apply(op, *operands, bias)
    return from_image(y, n, x.ndim)


def _check_operands(read: Window, x: Operand, w: Operand, b: Operand, groups: object) -> int:
    name = read.name
    check_rank(name, x, read.dims)
    if b is not None:
        check_tensor(name, "bias", b)
    for role, other in (("weight", w), ("bias", b)):
        if other is not None and other.dtype != x.dtype:
            raise DtypeError(
                f"{name}: the input is {x.dtype} and the {role} is {other.dtype}; they must be "
                f"equal: cast one, for example the input with .to({other.dtype})"
            )
    if x.dtype == np.bool_:
        raise DtypeError(f"{name} multiplies and adds, and cannot do so with bools: use .float()")
    parts, channels = integer(name, "groups", groups), w.shape[0]
    if parts < 1 or channels % parts:
        raise ShapeError(
            f"{name}: groups={parts} must divide the {channels} channels, dimension 0 of weight; "
            f"take a divisor of {channels}"
        )
    return parts


def _check_channels(read: Window, x: Operand, w: Operand, expected: int, groups: int) -> None:
    given = x.shape[-read.dims - 1]
    if given != expected:
        fix = f"build the layer for {given}"
        if x.shape[-1] == expected:
            fix = f"bring the channels before {', '.join(LETTERS[read.dims])} with permute"
        raise ShapeError(
            f"{read.name}: weight of shape {tuple(w.shape)} with groups={groups} expects an input "
            f"of {expected} channels, and the input of shape {tuple(x.shape)} has {given}; {fix}"
        )


def _check_bias(name: str, bias: Operand, channels: int) -> None:
    if bias is not None and tuple(bias.shape) != (channels,):
        raise ShapeError(
            f"{name}: the bias needs shape {(channels,)}, one number for each output channel, and "
            f"has shape {tuple(bias.shape)}; reshape it, or give None"
        )
