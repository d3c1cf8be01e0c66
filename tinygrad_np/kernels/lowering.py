"""Convolution as one product: im2col and its adjoint, and the reference built on them.

`im2col` writes every window of ``x`` as one column, so that a convolution is ``w @ columns``;
`col2im` is its transpose: it adds each column back where it was read. The functions named
``*_reference`` are the plainest correct convolution; `conv` is tested against them.
"""

from __future__ import annotations

import numpy as np

from tinygrad_np.kernels.windows import Array, Axis, Padding, Pair, axes


def im2col(x: Array, h: Axis, w: Axis) -> Array:
    """``(N, C, H, W) -> (N, C, kh, kw, OH, OW)``, zero where a tap lies in the padding."""
    n, c = x.shape[:2]
    columns = np.zeros((n, c, h.kernel, w.kernel, h.out, w.out), x.dtype)
    for i in range(h.kernel):
        oh, ih = h.tap(i)
        for j in range(w.kernel):
            ow, iw = w.tap(j)
            columns[:, :, i, j, oh, ow] = x[:, :, ih, iw]
    return columns


def col2im(columns: Array, h: Axis, w: Axis) -> Array:
    """The adjoint of `im2col`: ``(N, C, kh, kw, OH, OW) -> (N, C, H, W)``; overlaps add."""
    n, c = columns.shape[:2]
    x = np.zeros((n, c, h.size, w.size), columns.dtype)
    for i in range(h.kernel):
        oh, ih = h.tap(i)
        for j in range(w.kernel):
            ow, iw = w.tap(j)
            x[:, :, ih, iw] += columns[:, :, i, j, oh, ow]
    return x


def unfold(
    x: Array,
    kernel: Pair,
    *,
    stride: Pair = (1, 1),
    padding: Padding = (0, 0),
    dilation: Pair = (1, 1),
) -> Array:
    """``(N, C, H, W) -> (N, C*kh*kw, L)``: every window as one column, as `torch` orders them."""
    h, w = axes(x.shape[2:], kernel, stride, padding, dilation)
    taps = x.shape[1] * h.kernel * w.kernel
    return im2col(x, h, w).reshape(x.shape[0], taps, h.out * w.out)


def fold(
    columns: Array,
    output_hw: Pair,
    kernel: Pair,
    *,
    stride: Pair = (1, 1),
    padding: Padding = (0, 0),
    dilation: Pair = (1, 1),
) -> Array:
    """The adjoint of `unfold`: ``(N, C*kh*kw, L) -> (N, C, H, W)``; overlaps add."""
    h, w = axes(output_hw, kernel, stride, padding, dilation)
    channels = columns.shape[1] // (h.kernel * w.kernel)
    return col2im(
        columns.reshape(columns.shape[0], channels, h.kernel, w.kernel, h.out, w.out), h, w
    )


def conv2d_reference(
    x: Array,
    w: Array,
    bias: Array | None = None,
    *,
    stride: Pair = (1, 1),
    padding: Padding = (0, 0),
    dilation: Pair = (1, 1),
    groups: int = 1,
) -> Array:
    """Convolution by im2col: ``(N, C, H, W), (O, C/groups, kh, kw) -> (N, O, OH, OW)``."""
    o, c, kh, kw = w.shape
    h, v = axes(x.shape[2:], (kh, kw), stride, padding, dilation)
    columns = im2col(x, h, v).reshape(x.shape[0], groups, c * kh * kw, h.out * v.out)
    y = w.reshape(groups, o // groups, c * kh * kw) @ columns
    y = y.reshape(x.shape[0], o, h.out, v.out)
    return y if bias is None else y + bias[:, None, None]


def conv2d_input_reference(
    g: Array,
    w: Array,
    input_hw: Pair,
    *,
    stride: Pair = (1, 1),
    padding: Padding = (0, 0),
    dilation: Pair = (1, 1),
    groups: int = 1,
) -> Array:
    """Adjoint in `x`: ``(N, O, OH, OW), (O, C/groups, kh, kw) -> (N, C, H, W)``."""
    n, o = g.shape[:2]
    _, c, kh, kw = w.shape
    h, v = axes(input_hw, (kh, kw), stride, padding, dilation)
    weights = w.reshape(groups, o // groups, c * kh * kw)
    columns = weights.swapaxes(1, 2) @ g.reshape(n, groups, o // groups, h.out * v.out)
    return col2im(columns.reshape(n, groups * c, kh, kw, h.out, v.out), h, v)


def conv2d_weight_reference(
    x: Array,
    g: Array,
    kernel_hw: Pair,
    *,
    stride: Pair = (1, 1),
    padding: Padding = (0, 0),
    dilation: Pair = (1, 1),
    groups: int = 1,
) -> Array:
    """Adjoint in `w`: ``(N, C, H, W), (N, O, OH, OW) -> (O, C/groups, kh, kw)``."""
    (n, c), o = x.shape[:2], g.shape[1]
    h, v = axes(x.shape[2:], kernel_hw, stride, padding, dilation)
    columns = im2col(x, h, v).reshape(n, groups, c // groups * h.kernel * v.kernel, h.out * v.out)
    products = g.reshape(n, groups, o // groups, h.out * v.out) @ columns.swapaxes(2, 3)
    total: Array = products.sum(0)
    return total.reshape(o, c // groups, *kernel_hw)
