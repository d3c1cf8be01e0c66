"""Convolution with three-wide kernels at half the multiplications: Winograd's F(4, 3).

Four neighbouring outputs of a 3-tap filter need 12 products; as polynomials, they are determined
by 6 values (at 0, 1, -1, 2, -2 and infinity), and values multiply pointwise:

    y (4) = A.T @ ((G @ w (3)) * (B.T @ x (6)))

Only the width is transformed. Along the height, neighbouring rows of transformed input are the
window that BLAS reads, as in `conv`; each product by a filter tap there becomes six products of
half the total size. Every step is a matrix product, the transforms too: ``B.T @ tiles`` takes
the time of 10 additions where 16 ufuncs would be needed. Errors are 2 to 4 times those of direct
sums on average (1e-6 of the mean magnitude, 32 to 64 channels), 3 to 15 times at worst (3e-6 of
the largest). An inf, a NaN or an overflow would spoil all four outputs of its tile, and more: the
functions say whether everything stayed finite, and `conv` goes by rows if it did not.

A. Lavin and S. Gray, "Fast Algorithms for Convolutional Neural Networks", 2016.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from tinygrad_np.kernels.product import multiply
from tinygrad_np.kernels.windows import Array, Axis

if TYPE_CHECKING:
    from collections.abc import Iterator

TILE = 4  # outputs of one tile
VALUES = 6  # inputs of one tile, and points of evaluation

BLOCK = 8  # output rows between two moves of the shared rows to the front

_INPUT = (  # B.T
    (4, 0, -5, 0, 1, 0),
    (0, -4, -4, 1, 1, 0),
    (0, 4, -4, -1, 1, 0),
    (0, -2, -1, 2, 1, 0),
    (0, 2, -1, -2, 1, 0),
    (0, 4, 0, -5, 0, 1),
)
_FILTER = (  # G
    (1 / 4, 0, 0),
    (-1 / 6, -1 / 6, -1 / 6),
    (-1 / 6, 1 / 6, -1 / 6),
    (1 / 24, 1 / 12, 1 / 6),
    (1 / 24, -1 / 12, 1 / 6),
    (0, 0, 1),
)
_OUTPUT = (  # A.T
    (1, 1, 1, 1, 1, 0),
    (0, 1, -1, 2, -2, 0),
    (0, 1, 1, 4, 4, 0),
    (0, 1, -1, 8, -8, 1),
)


def suits(
    h: Axis, v: Axis, n: int, channels: int, filters: int, groups: int, dtype: np.dtype[Any]
) -> bool:
    """Whether the saved products outweigh the transforms.

    Measured: from 16 channels on each side, and from a dozen tiles in a row of the whole batch.
    """
    return (
        v.kernel == 3
        and h.kernel > 1
        and h.stride == v.stride == h.dilation == v.dilation == groups == 1
        and min(channels, filters) >= 16
        and v.out >= TILE
        and v.out * n >= 12 * TILE
        and dtype == np.float32
    )


def convolve(rows: Array, w: Array, bias: Array | None, h: Axis, v: Axis, y: Array) -> bool:
    """``(H, C, W, N), (O, C, kh, 3) -> y (OH, O, OW, N)``; whether all of it is finite."""
    o, n, tiles = len(w), rows.shape[3], -(-v.out // TILE)
    filters = _filters(w)
    # The bias is a seventh value, worth 1 in every output: adding it costs no pass of its own.
    products = np.zeros((VALUES + 1, o, tiles * n), rows.dtype)
    if bias is not None:
        products[VALUES] = bias[:, None]
    inverse = np.array([(*row, 1) for row in _OUTPUT], rows.dtype)
    outputs = np.empty((TILE, o, tiles, n), rows.dtype)
    check = 0.0
    for row, window in zip(y, _windows(rows, h, v, tiles), strict=True):
        multiply(filters, window, products[:VALUES])
        np.matmul(inverse, _flat(products), out=_flat(outputs))
        for k, output in enumerate(outputs):
            part = row[:, k::TILE]
            part[...] = output[:, : part.shape[1]]
        check += float(outputs.sum())  # in cache still: 0.1 of 5 ms
    return math.isfinite(check)


def filter_gradient(rows: Array, g: Array, h: Axis, v: Axis) -> Array:
    """``(H, C, W, N), (OH, O, OW, N) -> (O, C, kh, 3)``: the transposes of `convolve`'s steps."""
    _, o, _, n = g.shape
    c, tiles = rows.shape[1], -(-v.out // TILE)
    spread = np.array(_OUTPUT, rows.dtype).T
    outputs = np.zeros((TILE, o, tiles, n), rows.dtype)
    products = np.empty((VALUES, o, tiles * n), rows.dtype)
    total = np.zeros((VALUES, o, h.kernel * c), rows.dtype)
    part = np.empty_like(total)
    for row, window in zip(g, _windows(rows, h, v, tiles), strict=True):
        for k, output in enumerate(outputs):
            read = row[:, k::TILE]
            output[:, : read.shape[1]] = read
        np.matmul(spread, _flat(outputs), out=_flat(products))
        np.matmul(products, window.swapaxes(1, 2), out=part)
        total += part
    taps = np.array(_FILTER, rows.dtype).T @ _flat(total)
    return taps.reshape(3, o, h.kernel, c).transpose(1, 3, 2, 0)


def _filters(w: Array) -> Array:
    """``G`` of every filter row: ``(O, C, kh, 3) -> (6, O, kh*C)``."""
    o, c, kh, _ = w.shape
    values = np.array(_FILTER, w.dtype) @ w.transpose(3, 0, 2, 1).reshape(3, o * kh * c)
    return values.reshape(VALUES, o, kh * c)


def _windows(rows: Array, h: Axis, v: Axis, tiles: int) -> Iterator[Array]:
    """For each output row, the transformed input rows that it reads, ``(6, kh*C, tiles*N)``.

    Rows are transformed just before they are needed, into a few that are used over and over:
    they are still in cache then, and the whole transformed input, 1.5 times x, never exists.
    """
    _, c, _, n = rows.shape
    shared = h.kernel - 1
    values = np.empty((VALUES, shared + BLOCK, c, tiles * n), rows.dtype)
    taken = np.zeros((VALUES, c, tiles, n), rows.dtype)
    forward = np.array(_INPUT, rows.dtype)
    columns = Axis(v.size, VALUES, TILE, v.before, tiles * TILE + 2 - v.before - v.size)
    taps = [columns.tap(k) for k in range(VALUES)]
    ready = 0
    for top in range(h.out):
        place = top % BLOCK
        if top and not place:
            values[:, :shared] = values[:, BLOCK:]
        while ready < top + h.kernel:
            line, value = ready - h.before, values[:, place + ready - top]
            if 0 <= line < h.size:
                for into, (out, read) in zip(taken, taps, strict=True):
                    into[:, out] = rows[line, :, read]
                np.matmul(forward, _flat(taken), out=_flat(value))
            else:
                value[...] = 0
            ready += 1
        yield values[:, place : place + h.kernel].reshape(VALUES, h.kernel * c, tiles * n)


def _flat(a: Array) -> Array:
    """One row for each value."""
    return a.reshape(len(a), math.prod(a.shape[1:]))
