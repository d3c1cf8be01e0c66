"""Adaptive pooling: bin ``i`` of ``out`` covers ``[floor(i*size/out), ceil((i+1)*size/out))``.

Bins may differ in length by one and overlap; there are few of them, so a loop over bins is all
that is needed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tinygrad_np.kernels.windows import float_type

if TYPE_CHECKING:
    from tinygrad_np.kernels.windows import Array, Pair


def bins(size: int, out: int) -> list[slice]:
    """PyTorch's bins along one axis."""
    return [slice(i * size // out, -(-(i + 1) * size // out)) for i in range(out)]


def adaptive_avg_pool2d(x: Array, output_hw: Pair) -> Array:
    """Mean of each bin: ``(N, C, H, W) -> (N, C, *output_hw)``."""
    wide = _means(x.astype(float_type(x), copy=False), 3, output_hw[1])
    return _means(wide, 2, output_hw[0]).astype(x.dtype, copy=False)


def adaptive_avg_pool2d_backward(g: Array, input_hw: Pair) -> Array:
    """Adjoint of `adaptive_avg_pool2d`."""
    tall = _share(g.astype(float_type(g), copy=False), 2, input_hw[0])
    return _share(tall, 3, input_hw[1]).astype(g.dtype, copy=False)


def adaptive_max_pool2d_indices(x: Array, output_hw: Pair) -> Array:
    """Flat index ``h * W + w`` of the largest value of each bin, int64.

    The first on ties, but the last NaN, as in `max_pool2d_indices`.
    """
    (n, c, h, w), (oh, ow) = x.shape, output_hw
    indices = np.empty((n, c, oh, ow), np.int64)
    for i, rows in enumerate(bins(h, oh)):
        for j, columns in enumerate(bins(w, ow)):
            width = columns.stop - columns.start
            block = x[:, :, rows, columns].reshape(n, c, (rows.stop - rows.start) * width)
            best = block.argmax(2)
            odd = np.isnan(block[:, :, ::-1])
            best = np.where(odd.any(2), block.shape[2] - 1 - odd.argmax(2), best)
            indices[:, :, i, j] = (rows.start + best // width) * w + columns.start + best % width
    return indices


def _means(x: Array, axis: int, out: int) -> Array:
    x = np.moveaxis(x, axis, 0)
    y = np.empty_like(x, shape=(out, *x.shape[1:]))
    for i, bin in enumerate(bins(len(x), out)):
        np.mean(x[bin], 0, out=y[i])
    return np.moveaxis(y, 0, axis)


def _share(g: Array, axis: int, size: int) -> Array:
    g = np.moveaxis(g, axis, 0)
    x = np.empty_like(g, shape=(size, *g.shape[1:]))
    x[...] = 0
    for i, bin in enumerate(bins(size, len(g))):
        x[bin] += g[i] * np.asarray(1 / (bin.stop - bin.start), g.dtype)
    return np.moveaxis(x, 0, axis)
