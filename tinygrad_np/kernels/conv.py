"""Convolution and its two adjoints, as fast as NumPy allows.

**Layout.** Results are stored batch-last: every spatial row is one run of ``W * N`` numbers, so
copies, shifts, bias, activation and pooling that follow all work on long contiguous runs. The
logical shape stays ``(N, C, H, W)``; only the strides say otherwise.

**Rows.** A window is separable, so lowering along the width is enough. `_lower` copies ``x``
into ``rows (groups, R, C, kw, OW*N)``, kh times less than im2col, and the ``kh`` rows of one
window are then neighbours in memory: output row ``oh`` is *one* product

    y[oh] (O, OW*N) = w (O, kh*C*kw) @ rows[oh*stride : oh*stride + kh] (kh*C*kw, OW*N)

on an overlapping view that BLAS reads without a copy.

**Rule.** Three-wide kernels of stride 1 between at least 16 channels go through `winograd`, which
halves the products (float32 only; float64 stays with direct sums); everything else by rows.
The input gradient of a convolution of stride 1 is a convolution with the flipped kernel: that
way in groups, for 1x1 kernels and where `winograd` helps; else each product is added where its
operand was read, 1.1 to 1.5 times as fast, for it neither lowers nor multiplies by padding.
"""

from __future__ import annotations

import numpy as np

from tinygrad_np.kernels import winograd
from tinygrad_np.kernels.buffers import keep_pages
from tinygrad_np.kernels.windows import Array, Axis, Padding, Pair, axes, float_type


def conv2d(
    x: Array,
    w: Array,
    bias: Array | None = None,
    *,
    stride: Pair = (1, 1),
    padding: Padding = (0, 0),
    dilation: Pair = (1, 1),
    groups: int = 1,
) -> Array:
    """Cross-correlation: ``(N, C, H, W), (O, C/groups, kh, kw) -> (N, O, OH, OW)``."""
    keep_pages()
    n, o = x.shape[0], w.shape[0]
    h, v = axes(x.shape[2:], w.shape[2:], stride, padding, dilation)
    dtype = float_type(x, w)
    if winograd.suits(h, v, n, x.shape[1], o, groups, dtype):
        rows = batch_last(x.astype(dtype, copy=False))
        y = winograd.convolve(rows, w.astype(dtype, copy=False), bias, h, v)
        return _logical(y, x.dtype)
    rows = _lower(x.astype(dtype, copy=False), h, v, groups)
    weights = _matrix(w.astype(dtype, copy=False), groups)
    y = np.empty((h.out, groups, o // groups, v.out * n), dtype)
    shift = None if bias is None else bias.astype(dtype, copy=False).reshape(groups, -1, 1)
    for row, start in zip(y, _starts(h), strict=True):
        np.matmul(weights, _window(rows, start, h.kernel), out=row)
        if shift is not None:
            np.add(row, shift, out=row)  # while the row is still in cache
    return _logical(y.reshape(h.out, o, v.out, n), x.dtype)


def conv2d_input(
    g: Array,
    w: Array,
    input_hw: Pair,
    *,
    stride: Pair = (1, 1),
    padding: Padding = (0, 0),
    dilation: Pair = (1, 1),
    groups: int = 1,
) -> Array:
    """Adjoint in `x`, a transposed convolution: ``(N, O, OH, OW), w -> (N, C, H, W)``."""
    (n, o), (c, kh, kw) = g.shape[:2], w.shape[1:]
    h, v = axes(input_hw, (kh, kw), stride, padding, dilation)
    dtype = float_type(g, w)
    flip_h, flip_v = _flipped(h), _flipped(v)
    fits = h.stride == v.stride == 1 and min(*flip_h[3:5], *flip_v[3:5]) >= 0
    if fits and (
        kh == kw == 1 or groups > 1 or winograd.suits(flip_h, flip_v, n, o, c, groups, dtype)
    ):
        swapped = w.reshape(groups, o // groups, c, kh, kw).swapaxes(1, 2)
        flipped = swapped.reshape(groups * c, o // groups, kh, kw)[:, :, ::-1, ::-1]
        pads = flip_h[3:5], flip_v[3:5]
        return conv2d(g, flipped, padding=pads, dilation=dilation, groups=groups)
    weights = _matrix(w.astype(dtype, copy=False), groups).swapaxes(1, 2)
    gradient = _grouped_rows(g.astype(dtype, copy=False), groups)
    canvas = np.zeros((h.span, groups, c, v.span, n), dtype)
    products = np.empty((groups, kh * c * kw, v.out * n), dtype)
    taps = products.reshape(groups, kh, c, kw, v.out, n).transpose(3, 1, 0, 2, 4, 5)
    for row, top in zip(gradient, range(0, h.out * h.stride, h.stride), strict=True):
        if o == groups:  # one filter each: an outer product, half the time as such
            np.multiply(weights, row, out=products)
        else:
            np.matmul(weights, row, out=products)
        strip = canvas[top : top + h.reach : h.dilation]
        for j, tap in enumerate(taps):
            left = j * v.dilation
            strip[:, :, :, left : left + (v.out - 1) * v.stride + 1 : v.stride] += tap
    inside = canvas[h.before : h.before + h.size, ..., v.before : v.before + v.size, :]
    return _logical(inside.reshape(h.size, groups * c, v.size, n), g.dtype)


def conv2d_weight(
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
    (kh, kw), c, o = kernel_hw, x.shape[1] // groups, g.shape[1]
    h, v = axes(x.shape[2:], kernel_hw, stride, padding, dilation)
    dtype = float_type(x, g)
    if winograd.suits(h, v, x.shape[0], c, o, groups, dtype):
        rows, gradient = (batch_last(a.astype(dtype, copy=False)) for a in (x, g))
        dw = winograd.filter_gradient(rows, gradient, h, v)
        return np.ascontiguousarray(dw, x.dtype)
    rows = _lower(x.astype(dtype, copy=False), h, v, groups)
    total = np.zeros((groups, kh * c * kw, o // groups), dtype)
    product = np.empty_like(total)
    gradient = _grouped_rows(g.astype(dtype, copy=False), groups).swapaxes(2, 3)
    for row, start in zip(gradient, _starts(h), strict=True):
        np.matmul(_window(rows, start, kh), row, out=product)  # 0.6 of the transpose's time (6->16)
        total += product
    dw = total.reshape(groups, kh, c, kw, o // groups).transpose(0, 4, 2, 1, 3)
    return np.ascontiguousarray(dw, x.dtype).reshape(o, c, kh, kw)


def batch_last(x: Array) -> Array:
    """``(N, C, H, W) -> (H, C, W, N)`` whose ``(W, N)`` is one run: a view if `x` is stored so."""
    n = x.shape[0]
    rows = x.transpose(2, 1, 3, 0)
    one_run = (n == 1 or rows.strides[3] == x.itemsize) and (
        rows.shape[2] == 1 or rows.strides[2] == n * x.itemsize
    )
    return rows if one_run else np.ascontiguousarray(rows)


def _flipped(a: Axis) -> Axis:
    """The axis of the adjoint, for stride 1: it slides over the outputs and yields the inputs."""
    last = a.reach - 1
    return Axis(a.out, a.kernel, 1, last - a.before, last - a.after, a.dilation)


def _logical(rows: Array, dtype: np.dtype) -> Array:
    """``(H, C, W, N)`` as stored, to ``(N, C, H, W)`` as meant."""
    return rows.astype(dtype, copy=False).transpose(3, 1, 0, 2)


def _matrix(w: Array, groups: int) -> Array:
    """``(O, C, kh, kw) -> (groups, O/groups, kh*C*kw)``, the taps as `_lower` orders them."""
    o, c, kh, kw = w.shape
    matrix = w.swapaxes(1, 2).reshape(groups, o // groups, kh * c * kw)
    return np.ascontiguousarray(matrix)  # BLAS takes no negative strides


def _grouped_rows(g: Array, groups: int) -> Array:
    """``(N, O, OH, OW) -> (OH, groups, O/groups, OW*N)``."""
    rows = batch_last(g)
    h, o, w, n = rows.shape
    return rows.reshape(h, groups, o // groups, w * n)


def _lower(x: Array, h: Axis, v: Axis, groups: int) -> Array:
    """``(N, C, H, W) -> (groups, R, C/groups*kw, OW*N)``: rows lowered along the width.

    With dilation, rows of equal remainder stand together, so that a window's rows are
    neighbours here as well; `_starts` knows where each window begins.
    """
    n, c = x.shape[:2]
    source = batch_last(x).reshape(h.size, groups, c // groups, v.size, n).swapaxes(0, 1)
    reach = (h.out - 1) * h.stride + h.reach
    plain = h.before == v.before == 0 and reach <= h.size and h.dilation == 1
    if plain and v.kernel == v.stride == 1 and v.out == v.size:
        # A 1-wide window is its own lowering.
        return source.reshape(groups, h.size, c // groups, v.size * n)
    rows = np.empty((groups, reach, c // groups, v.kernel, v.out, n), x.dtype)
    place = 0
    for remainder in range(h.dilation):
        lines = range(remainder - h.before, reach - h.before, h.dilation)
        first = next((k for k, line in enumerate(lines) if line >= 0), len(lines))
        last = next((k for k, line in enumerate(lines) if line >= h.size), len(lines))
        block = rows[:, place : place + len(lines)]
        block[:, :first] = 0
        block[:, max(first, last) :] = 0
        if first < last:
            inside = block[:, first:last]
            lit = source[:, lines[first] : lines[last - 1] + 1 : h.dilation]
            for j in range(v.kernel):
                out, read = v.tap(j)
                inside[:, :, :, j, : out.start] = 0
                inside[:, :, :, j, out.stop :] = 0
                inside[:, :, :, j, out] = lit[:, :, :, read]
        place += len(lines)
    return rows.reshape(groups, reach, c // groups * v.kernel, v.out * n)


def _starts(h: Axis) -> list[int]:
    """For each output row, the lowered row at which its window begins."""
    reach = (h.out - 1) * h.stride + h.reach
    block = [0]
    for remainder in range(h.dilation):
        block.append(block[-1] + len(range(remainder, reach, h.dilation)))
    tops = range(0, h.out * h.stride, h.stride)
    return [block[top % h.dilation] + top // h.dilation for top in tops]


def _window(rows: Array, start: int, kernel: int) -> Array:
    """``(groups, kh*C*kw, OW*N)``: a view of `kernel` neighbouring rows."""
    groups, _, taps, run = rows.shape
    return rows[:, start : start + kernel].reshape(groups, kernel * taps, run)
