"""Convolution, pooling and padding by their definitions: one loop over every place."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator

    Array = np.ndarray[Any, Any]


def pair(value: Any) -> tuple[Any, Any]:
    return value if isinstance(value, tuple) else (value, value)


def taps(kernel: tuple[int, int]) -> Iterator[tuple[int, int]]:
    return itertools.product(range(kernel[0]), range(kernel[1]))


def frame(x: Array, padding: Any, value: float = 0.0) -> Array:
    """Pad the last two dimensions: `(ph, pw)`, or `((top, bottom), (left, right))`."""
    sides = [pair(p) for p in pair(padding)]
    return np.pad(x, [(0, 0)] * (x.ndim - 2) + sides, constant_values=value)


def conv2d(
    x: Array,
    w: Array,
    b: Array | None = None,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
) -> Array:
    (sh, sw), (dh, dw), x = pair(stride), pair(dilation), frame(x, padding)
    o, c, kh, kw = w.shape
    oh = (x.shape[2] - dh * (kh - 1) - 1) // sh + 1
    ow = (x.shape[3] - dw * (kw - 1) - 1) // sw + 1
    y = np.zeros((len(x), o, oh, ow))
    for f, i, j in np.ndindex(o, oh, ow):
        first = f // (o // groups) * c
        for a, e in taps((kh, kw)):
            seen = x[:, first : first + c, i * sh + a * dh, j * sw + e * dw]
            y[:, f, i, j] += seen @ w[f, :, a, e]
    return y if b is None else y + b[:, None, None]


def conv_transpose2d(
    x: Array,
    w: Array,
    b: Array | None = None,
    stride: Any = 1,
    padding: Any = 0,
    output_padding: Any = 0,
    groups: int = 1,
    dilation: Any = 1,
) -> Array:
    """Stamp each input's multiple of the filters, then crop the padding."""
    (sh, sw), (dh, dw), (ph, pw) = pair(stride), pair(dilation), pair(padding)
    (n, c, h, v), (_, o, kh, kw) = x.shape, w.shape
    eh, ew = pair(output_padding)
    y = np.zeros(
        (
            n,
            o * groups,
            (h - 1) * sh + dh * (kh - 1) + 1 + eh,
            (v - 1) * sw + dw * (kw - 1) + 1 + ew,
        )
    )
    for f, i, j in np.ndindex(c, h, v):
        first = f // (c // groups) * o
        for a, e in taps((kh, kw)):
            stamp = np.outer(x[:, f, i, j], w[f, :, a, e])
            y[:, first : first + o, i * sh + a * dh, j * sw + e * dw] += stamp
    y = y[:, :, ph : y.shape[2] - ph, pw : y.shape[3] - pw]
    return y if b is None else y + b[:, None, None]


def conv2d_weight(x: Array, g: Array, kernel: Any, stride: Any, padding: Any) -> Array:
    """Without groups or dilation."""
    (sh, sw), x = pair(stride), frame(x, padding)
    dw = np.zeros((g.shape[1], x.shape[1], *kernel))
    for i, j in np.ndindex(*g.shape[2:]):
        seen = x[:, :, i * sh : i * sh + kernel[0], j * sw : j * sw + kernel[1]]
        dw += np.einsum("nchw,no->ochw", seen, g[:, :, i, j])
    return dw


def pool2d(
    f: Any,
    x: Array,
    kernel: Any,
    stride: Any = None,
    padding: Any = 0,
    dilation: Any = 1,
    *,
    fill: float = 0.0,
    ceil: bool = False,
) -> Array:
    """`f` of all taps of each window, in reading order; the last axis is reduced."""
    kernel, padding, dilation = pair(kernel), pair(padding), pair(dilation)
    stride = kernel if stride is None else pair(stride)
    sizes = []
    for n, k, s, p, d in zip(x.shape[-2:], kernel, stride, padding, dilation, strict=True):
        room = n + 2 * p - d * (k - 1) - 1
        out = -(-room // s) + 1 if ceil else room // s + 1
        sizes.append(out - 1 if ceil and (out - 1) * s >= n + p else out)
    beyond = 8  # where `ceil` windows may end
    x = frame(x, tuple((p, p + beyond) for p in padding), fill)
    y = np.empty((*x.shape[:-2], *sizes))
    for i, j in np.ndindex(*sizes):
        seen = [
            x[..., i * stride[0] + a * dilation[0], j * stride[1] + e * dilation[1]]
            for a, e in taps(kernel)
        ]
        y[..., i, j] = f(np.stack(seen, axis=-1), axis=-1)
    return y


def max_pool2d_backward(g: Array, x: Array, kernel: Any, stride: Any, padding: Any) -> Array:
    x, (ph, pw) = frame(x, padding, -np.inf), padding
    gx = np.zeros_like(x)
    for n, c, i, j in np.ndindex(*g.shape):
        at = [(i * stride[0] + a, j * stride[1] + e) for a, e in taps(kernel)]
        first = at[np.argmax([x[n, c, *p] for p in at])]
        gx[n, c, *first] += g[n, c, i, j]
    return gx[:, :, ph : gx.shape[2] - ph, pw : gx.shape[3] - pw]


def avg_pool2d_backward(g: Array, size: Any, kernel: Any, stride: Any, padding: Any) -> Array:
    ph, pw = padding
    gx = np.zeros((*g.shape[:2], size[0] + 2 * ph, size[1] + 2 * pw))
    for i, j in np.ndindex(*g.shape[2:]):
        for a, e in taps(kernel):
            gx[:, :, i * stride[0] + a, j * stride[1] + e] += g[:, :, i, j] / np.prod(kernel)
    return gx[:, :, ph : ph + size[0], pw : pw + size[1]]


def adaptive_avg2d_backward(g: Array, size: tuple[int, int]) -> Array:
    """Column by column of the matrix that `adaptive2d` with means is."""
    count = size[0] * size[1]
    basis = adaptive2d(np.mean, np.eye(count).reshape(count, *size), g.shape[-2:])
    return np.einsum("ncij,kij->nck", g, basis).reshape(*g.shape[:2], *size)


def adaptive2d(f: Any, x: Array, size: tuple[int, int]) -> Array:
    (h, w), (oh, ow) = x.shape[-2:], size
    y = np.empty((*x.shape[:-2], oh, ow))
    for i, j in np.ndindex(oh, ow):
        rows = slice(i * h // oh, -(-(i + 1) * h // oh))
        columns = slice(j * w // ow, -(-(j + 1) * w // ow))
        y[..., i, j] = f(x[..., rows, columns], axis=(-2, -1))
    return y


def unfold(x: Array, kernel: Any, dilation: Any = 1, padding: Any = 0, stride: Any = 1) -> Array:
    (sh, sw), (dh, dw), x = pair(stride), pair(dilation), frame(x, padding)
    kh, kw = pair(kernel)
    oh = (x.shape[2] - dh * (kh - 1) - 1) // sh + 1
    ow = (x.shape[3] - dw * (kw - 1) - 1) // sw + 1
    columns = [
        x[:, :, i * sh : i * sh + dh * kh : dh, j * sw : j * sw + dw * kw : dw].reshape(
            len(x), x.shape[1] * kh * kw
        )
        for i, j in np.ndindex(oh, ow)
    ]
    return np.stack(columns, axis=-1)


def fold(columns: Array, size: Any, kernel: Any, **options: Any) -> Array:
    """By unfolding the numbers of the places: each column adds to the places it was read from."""
    channels = columns.shape[1] // (kernel[0] * kernel[1])
    count = channels * size[0] * size[1]
    places = unfold(np.arange(1.0, count + 1).reshape(1, channels, *size), kernel, **options)
    y = np.zeros((len(columns), count + 1))  # place 0 collects what falls into the padding
    for n, column in enumerate(columns):
        np.add.at(y[n], places[0].astype(int), column)
    return y[:, 1:].reshape(len(columns), channels, *size)
