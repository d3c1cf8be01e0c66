"""Convolution and its two adjoints, as fast as NumPy allows.

**Layout.** Results are stored batch-last: every spatial row is one run of ``W * N`` numbers, so
copies, shifts, bias, activation and pooling that follow all work on long contiguous runs. The
logical shape stays ``(N, C, H, W)``; only the strides say otherwise.

**Rows.** A window is separable, so lowering along the width is enough. `_lower` copies ``x``
into rows ``(groups, R, C*kw, OW*N)``, kh times less than im2col, and the ``kh`` rows of one
window are then neighbours in memory: output row ``oh`` is *one* product

    y[oh] (O, OW*N) = w (O, kh*C*kw) @ rows[oh*stride : oh*stride + kh] (kh*C*kw, OW*N)

on an overlapping view that BLAS reads without a copy. The adjoint does the same from the other
end: the height is a sum inside the product, and along the width each tap is added where it was
read. A dilated convolution is several interleaved plain ones (`Axis.undilated`).

**Rule.** Three-wide kernels of stride 1 between at least 16 channels go through `winograd`, which
halves the products (float32 only; float64 stays with direct sums); everything else by rows. The
input gradient of such a layer, and of a 1x1 one, is a convolution with the flipped kernel.

**Threads.** Rows are shared out (`threads`) from some 30 million multiplications on: half the
time on the second layer of the 32-64 network, while LeNet's layers, done in half a millisecond,
take a third longer on two threads than on one.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, TypeVar

import numpy as np
from numpy.lib.stride_tricks import as_strided

from tinygrad_np.kernels import winograd
from tinygrad_np.kernels.buffers import keep_pages
from tinygrad_np.kernels.product import multiply
from tinygrad_np.kernels.threads import alone, cut, each
from tinygrad_np.kernels.windows import Array, Axis, Padding, Pair, axes, float_type

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

T = TypeVar("T")

WORTH = 1 << 25  # multiplications


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
    rows, w = batch_last(x.astype(dtype, copy=False)), w.astype(dtype, copy=False)
    y = np.empty((h.out, o, v.out, n), dtype)
    fast = winograd.suits(h, v, n, x.shape[1], o, groups, dtype)

    def convolve(job: Job) -> None:
        lines, outputs, axis = job
        with np.errstate(all="ignore"):
            done = fast and winograd.convolve(lines, w, bias, axis, v, outputs)
        if not done:
            _convolve(lines, w, bias, axis, v, groups, outputs)

    work = y.size * w[0].size
    _each(convolve, _jobs(rows, y, h, work), work)
    return _logical(y, x.dtype)


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
    fast = kh == kw == 1 or winograd.suits(flip_h, flip_v, n, o, c, groups, dtype)
    if fast and h.stride == v.stride == 1 and 0 not in input_hw:
        swapped = w.reshape(groups, o // groups, c, kh, kw).swapaxes(1, 2)
        flipped = swapped.reshape(groups * c, o // groups, kh, kw)[:, :, ::-1, ::-1]
        pads = flip_h[3:5], flip_v[3:5]
        return conv2d(g, flipped, padding=pads, dilation=dilation, groups=groups)
    rows, w = batch_last(g.astype(dtype, copy=False)), w.astype(dtype, copy=False)
    y = np.zeros((h.size, groups, c, v.size, n), dtype)
    work = g.size * w[0].size
    jobs = [
        (rows[outputs], axis, lines, y[inputs][lines])
        for outputs, inputs, axis in h.undilated()
        for lines in _cut(axis.size, work)
    ]
    _each(lambda job: _spread(w, v, *job), jobs, work)
    return _logical(y.reshape(h.size, groups * c, v.size, n), g.dtype)


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
    shape = (g.shape[1], x.shape[1] // groups, *kernel_hw)
    h, v = axes(x.shape[2:], kernel_hw, stride, padding, dilation)
    dtype = float_type(x, g)
    rows, gradient = (batch_last(a.astype(dtype, copy=False)) for a in (x, g))
    fast = winograd.suits(h, v, x.shape[0], shape[1], shape[0], groups, dtype)
    work = g.size * math.prod(shape[1:])
    jobs = _jobs(rows, gradient, h, work)
    parts = np.empty((len(jobs), *shape), dtype)

    def gather(i: int) -> None:
        lines, outputs, axis = jobs[i]
        with np.errstate(all="ignore"):
            if fast:
                parts[i] = winograd.filter_gradient(lines, outputs, axis, v)
            done = fast and bool(np.isfinite(parts[i]).all())
        if not done:
            parts[i] = _gather(lines, outputs, axis, v, groups, shape)

    _each(gather, range(len(jobs)), work)
    dw: Array = parts.sum(0).astype(x.dtype, copy=False)
    return dw


Job = tuple[Array, Array, Axis]  # input rows, the output rows that read them, and how


def _jobs(rows: Array, outputs: Array, h: Axis, work: int) -> list[Job]:
    """Rows to work on at a time: without dilation, and cut for threads."""
    jobs = []
    for windows, inputs, axis in h.undilated():
        for part in _cut(axis.out, work):
            lines, within = axis.part(part)
            jobs.append((rows[inputs][lines], outputs[windows][part], within))
    return jobs


def _cut(size: int, work: int) -> list[slice]:
    return cut(size) if work >= WORTH else [slice(0, size)]


def _each(task: Callable[[T], None], jobs: Sequence[T], work: int) -> None:
    """Call `task` for every job: on several threads, or on one if that is done sooner."""
    if work >= WORTH:
        each(task, jobs)
        return
    with alone:
        for job in jobs:
            task(job)


def _convolve(
    x: Array, w: Array, bias: Array | None, h: Axis, v: Axis, groups: int, y: Array
) -> None:
    """``(H, C, W, N) -> y (OH, O, OW, N)``."""
    windows = _windows(_lower(x, h, v, groups), h.out, h.kernel, h.stride)
    o, c, kh, kw = w.shape
    weights = np.ascontiguousarray(w.swapaxes(1, 2)).reshape(groups, o // groups, kh * c * kw)
    multiply(weights, windows, y.reshape(len(y), groups, o // groups, windows.shape[-1]))
    if bias is not None:
        y += bias.astype(y.dtype, copy=False)[:, None, None]


def _gather(x: Array, g: Array, h: Axis, v: Axis, groups: int, shape: tuple[int, ...]) -> Array:
    """``(H, C, W, N), (OH, O, OW, N) -> shape``: windows times gradients, summed over the rows."""
    o, c, kh, kw = shape
    windows = _windows(_lower(x, h, v, groups), h.out, h.kernel, h.stride)
    rows = g.reshape(len(g), groups, o // groups, windows.shape[-1]).swapaxes(2, 3)
    # Many rows by few columns: 0.6 of the time that BLAS takes for the transposed product.
    total: Array = np.matmul(windows, rows).sum(0)
    return total.reshape(groups, kh, c, kw, o // groups).transpose(0, 4, 2, 1, 3).reshape(shape)


def _spread(w: Array, v: Axis, g: Array, h: Axis, lines: slice, y: Array) -> None:
    """``(OH, O, OW, N) -> y (lines, groups, C, W, N)``: what flows back to some of the lines.

    With stride s, every s-th line meets the same taps of the kernel.
    """
    groups, c, n = y.shape[1], y.shape[2], y.shape[-1]
    o, kw = w.shape[0] // groups, w.shape[3]
    filters = w.reshape(groups, o, c, h.kernel, kw)
    for line in range(lines.start, min(lines.start + h.stride, lines.stop)):
        into = y[line - lines.start :: h.stride]
        taps = range((line + h.before) % h.stride, h.kernel, h.stride)
        if not taps:
            continue
        top = (line + h.before - taps[-1]) // h.stride  # the row of g at the last of the taps
        rows = _padded(g, top, top + len(into) + len(taps) - 1)
        rows = rows.reshape(len(rows), groups, o, v.out * n).swapaxes(0, 1)
        windows = _windows(rows, len(into), len(taps), 1)
        flipped = filters[:, :, :, taps[::-1]].transpose(0, 2, 4, 3, 1)
        weights = np.ascontiguousarray(flipped).reshape(groups, c * kw, len(taps) * o)
        products = np.empty((len(into), groups, c * kw, v.out * n), y.dtype)
        multiply(weights, windows, products)
        products = products.reshape(len(into), groups, c, kw, v.out, n)
        for j in range(kw):
            out, read = v.tap(j)
            into[:, :, :, read] += products[:, :, :, j, out]


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


def _lower(x: Array, h: Axis, v: Axis, groups: int) -> Array:
    """``(H, C, W, N) -> (groups, R, C/groups*kw, OW*N)``: the rows, lowered along the width."""
    rows = _padded(x, -h.before, (h.out - 1) * h.stride + h.kernel - h.before)
    reach, c, _, n = rows.shape
    rows = rows.reshape(reach, groups, c // groups, v.size, n).swapaxes(0, 1)
    if v.kernel == v.stride == 1 and not v.before and v.out == v.size:
        # A 1-wide window is its own lowering.
        return rows.reshape(groups, reach, c // groups, v.size * n)
    lowered = np.empty((groups, reach, c // groups, v.kernel, v.out, n), x.dtype)
    for j in range(v.kernel):
        out, read = v.tap(j)
        lowered[:, :, :, j, : out.start] = 0
        lowered[:, :, :, j, out.stop :] = 0
        lowered[:, :, :, j, out] = rows[:, :, :, read]
    return lowered.reshape(groups, reach, c // groups * v.kernel, v.out * n)


def _padded(rows: Array, first: int, last: int) -> Array:
    """``rows[first:last]``, with zeros outside the array."""
    if first >= 0 and last <= len(rows):
        return rows[first:last]
    lit, start = rows[max(first, 0) : max(last, 0)], max(-first, 0)
    padded = np.zeros((last - first, *rows.shape[1:]), rows.dtype)
    padded[start : start + len(lit)] = lit
    return padded


def _windows(rows: Array, count: int, kernel: int, stride: int) -> Array:
    """``(groups, R, K, run) -> (count, groups, kernel*K, run)``: neighbouring rows, as a view."""
    groups, _, taps, run = rows.shape
    step, row, tap, item = rows.strides
    windows = as_strided(
        rows, (count, groups, kernel, taps, run), (stride * row, step, row, tap, item)
    )
    return windows.reshape(count, groups, kernel * taps, run)
