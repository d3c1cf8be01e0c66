"""Max and average pooling: a window is separable, so pool along the width, then the height.

Two passes over kw and kh taps instead of one over kh*kw; each tap is one ufunc over a strided
view, and with batch-last storage its inner loop is a run of N or of W*N numbers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from tinygrad_np.kernels.windows import Array, Axis, Pair, axes, float_type

if TYPE_CHECKING:
    from collections.abc import Sequence

BLOCK = 1 << 18  # elements
ROW, COLUMN = 2, 3  # positions of the height and the width in (N, C, H, W)


def max_pool2d(
    x: Array,
    kernel: Pair,
    *,
    stride: Pair,
    padding: Pair = (0, 0),
    dilation: Pair = (1, 1),
    ceil_mode: bool = False,
) -> Array:
    """Largest value of each window: ``(N, C, H, W) -> (N, C, OH, OW)``. NaN wins."""
    h, w = axes(x.shape[2:], kernel, stride, padding, dilation, ceil_mode)
    y, least = _stored(x, (*x.shape[:2], h.out, w.out)), lowest(x.dtype)
    for c in _blocks(x):
        widest = _gather(np.maximum, x[:, c], w, COLUMN, least)
        _gather(np.maximum, widest, h, ROW, least, y[:, c])
    return y


def max_pool2d_backward(
    g: Array,
    x: Array,
    kernel: Pair,
    *,
    stride: Pair,
    padding: Pair = (0, 0),
    dilation: Pair = (1, 1),
    ceil_mode: bool = False,
) -> Array:
    """Adjoint of `max_pool2d` at `x`: the first largest value of a window takes all of its `g`.

    The first row that holds the maximum, then the first column of that row which does: with the
    width pooled first, ties go to the first index in reading order.
    """
    h, w = axes(x.shape[2:], kernel, stride, padding, dilation, ceil_mode)
    g = _stored_like(x, g.astype(x.dtype, copy=False))
    gx = np.empty_like(x)
    spoiled = []
    for c in _blocks(x):
        widest = _gather(np.maximum, x[:, c], w, COLUMN, -np.inf)
        y = _gather(np.maximum, widest, h, ROW, -np.inf)
        if np.isnan(y.max(initial=-np.inf)):  # a NaN equals nothing: it is found by its index
            spoiled.append(c)
        else:
            rows = _route(g[:, c], widest, y, h, ROW, np.empty_like(widest))
            _route(rows, x[:, c], widest, w, COLUMN, gx[:, c])
    for c in spoiled:
        _, indices = max_pool2d_indices(
            x[:, c], kernel, stride=stride, padding=padding, dilation=dilation, ceil_mode=ceil_mode
        )
        gx[:, c] = scatter(g[:, c], indices, x.shape[2:])
    return gx


def max_pool2d_indices(
    x: Array,
    kernel: Pair,
    *,
    stride: Pair,
    padding: Pair = (0, 0),
    dilation: Pair = (1, 1),
    ceil_mode: bool = False,
) -> tuple[Array, Array]:
    """`max_pool2d` and where in its plane each value came from, ``h * W + w``, int64."""
    h, w = axes(x.shape[2:], kernel, stride, padding, dilation, ceil_mode)
    n, c = x.shape[:2]
    y = np.full((n, c, h.out, w.out), lowest(x.dtype), x.dtype)
    indices = np.empty(y.shape, np.int64)
    indices[:] = _first(h)[:, None] * w.size + _first(w)
    for i in range(h.kernel):
        oh, ih = h.tap(i)
        for j in range(w.kernel):
            ow, iw = w.tap(j)
            tap, best, where = x[:, :, ih, iw], y[:, :, oh, ow], indices[:, :, oh, ow]
            wins = (tap > best) | np.isnan(tap)
            np.copyto(best, tap, where=wins)
            at = np.arange(ih.start, ih.stop, h.stride)[:, None] * w.size
            np.copyto(where, at + np.arange(iw.start, iw.stop, w.stride), where=wins)
    return y, indices


def scatter(g: Array, indices: Array, input_hw: Pair) -> Array:
    """Add each `g` to its plane at its flat index: ``(N, C, OH, OW) -> (N, C, H, W)``."""
    n, c = g.shape[:2]
    planes = np.zeros((n * c, input_hw[0] * input_hw[1]), g.dtype)
    np.add.at(
        planes,
        (np.arange(n * c)[:, None], indices.reshape(n * c, indices.shape[2] * indices.shape[3])),
        g.reshape(n * c, indices.shape[2] * indices.shape[3]),
    )
    return planes.reshape(n, c, *input_hw)


def lowest(dtype: np.dtype[Any]) -> float:
    """What no number of this type lies below."""
    return -np.inf if dtype.kind == "f" else int(np.iinfo(dtype).min)


def avg_pool2d(
    x: Array,
    kernel: Pair,
    *,
    stride: Pair,
    padding: Pair = (0, 0),
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> Array:
    """Mean of each window: ``(N, C, H, W) -> (N, C, OH, OW)``."""
    h, w = axes(x.shape[2:], kernel, stride, padding, (1, 1), ceil_mode)
    share = _shares(h, w, padding, count_include_pad, divisor_override, float_type(x))
    y = _stored(x, (*x.shape[:2], h.out, w.out))
    for c in _blocks(x):
        wide = _gather(np.add, x[:, c].astype(share.dtype, copy=False), w, COLUMN, 0)
        total = _gather(np.add, wide, h, ROW, 0)
        np.multiply(total, share, out=y[:, c], casting="same_kind")
    return y


def avg_pool2d_backward(
    g: Array,
    input_hw: Pair,
    kernel: Pair,
    *,
    stride: Pair,
    padding: Pair = (0, 0),
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> Array:
    """Adjoint of `avg_pool2d`: each window's `g` is shared by its inputs."""
    h, w = axes(input_hw, kernel, stride, padding, (1, 1), ceil_mode)
    share = _shares(h, w, padding, count_include_pad, divisor_override, float_type(g))
    gx = np.empty_like(g, share.dtype, shape=(*g.shape[:2], *input_hw))
    for c in _blocks(gx):
        part = g[:, c] * share
        wide = np.empty_like(part, shape=(*part.shape[:2], h.size, w.out))
        _spread(_spread(part, h, ROW, wide), w, COLUMN, gx[:, c])
    return gx.astype(g.dtype, copy=False)


def _blocks(x: Array) -> list[slice]:
    """Channels in slices of about 1 MB of float32, so that temporaries stay in cache.

    Gains a sixth on 9 MB, and the temporaries need no memory to speak of. (A second thread halves
    such a pass by itself, 0.9 to 0.5 ms, but not after a product, when BLAS's own idle threads
    still spin on the other core: 0.9 to 1.3.)
    """
    channels = x.shape[1]
    step = max(1, channels * BLOCK // max(1, x.size))
    return [slice(i, min(i + step, channels)) for i in range(0, channels, step)]


def _at(axis: int, where: slice) -> tuple[slice, ...]:
    return (slice(None),) * axis + (where,)


def _stored(x: Array, shape: Sequence[int]) -> Array:
    """Uninitialised, for the result of pooling `x`.

    A batch-last `x` gives a result stored (C, H, W, N): to flatten it for a linear layer is then
    to transpose a matrix, which BLAS reads without a copy.
    """
    n, c, h, w = shape
    if n > 1 and x.strides[0] == x.itemsize:
        return np.empty((c, h, w, n), x.dtype).transpose(3, 0, 1, 2)
    return np.empty_like(x, shape=shape)


def _stored_like(x: Array, g: Array) -> Array:
    """`g` in the memory order of `x`, so that passes over both walk memory together."""
    batch_last = x.shape[0] > 1 and x.strides[0] == x.itemsize
    if batch_last == (g.strides[0] == g.itemsize):
        return g
    stored = np.empty_like(x, shape=g.shape)
    stored[...] = g
    return stored


def _gather(
    combine: np.ufunc, x: Array, a: Axis, axis: int, identity: float, out: Array | None = None
) -> Array:
    """`combine` the taps of every window along one axis; taps in the padding do not count."""
    y = (
        np.empty_like(x, shape=(*x.shape[:axis], a.out, *x.shape[axis + 1 :]))
        if out is None
        else out
    )
    taps = [(_at(axis, windows), _at(axis, read)) for windows, read in map(a.tap, range(a.kernel))]
    if a.kernel > 1 and all(windows[axis] == slice(0, a.out) for windows, _ in taps[:2]):
        combine(x[taps[0][1]], x[taps[1][1]], out=y)
        del taps[:2]
    else:
        y[...] = identity
    for windows, read in taps:
        combine(y[windows], x[read], out=y[windows])
    return y


def _spread(g: Array, a: Axis, axis: int, x: Array) -> Array:
    """The adjoint of `_gather` with ``add``: every tap receives the `g` of its window."""
    apart = _clear(x, a)
    for k in range(a.kernel):
        windows, read = (_at(axis, where) for where in a.tap(k))
        if apart:
            x[read] = g[windows]
        else:
            x[read] += g[windows]
    return x


def _route(g: Array, x: Array, y: Array, a: Axis, axis: int, gx: Array) -> Array:
    """Give the `g` of each window to its first tap of `x` that equals `y`, the window's maximum.

    A mask selects and never multiplies (inf times 0 is NaN), and NumPy selects fastest on bits:
    ``g & -1`` is g and ``g & 0`` is 0.0, 0.25 ms where ``np.where`` takes 2.2 (590 K floats).
    """
    bits = np.dtype(f"i{x.itemsize}")
    apart = _clear(gx, a)
    rest = g.copy(order="K").view(bits)
    masks = np.empty_like(y, dtype=bits)
    for k in range(a.kernel):
        windows, read = (_at(axis, where) for where in a.tap(k))
        into, left, mask = gx[read], rest[windows], masks[windows]
        share = left
        if k < a.kernel - 1:
            smaller = x[read] < y[windows]
            np.subtract(smaller.view(np.int8), 1, out=mask, dtype=bits)  # -1 at the maximum
            share = np.bitwise_and(left, mask, out=mask)
            np.bitwise_xor(left, share, out=left)
        if apart:
            into[...] = share.view(g.dtype)
        else:
            into += share.view(g.dtype)
    return gx


def _clear(x: Array, a: Axis) -> bool:
    """Whether windows are apart, so that each input is written once; zeros where none writes."""
    apart = a.stride >= a.reach
    tiled = apart and a.stride == a.kernel and a.out * a.stride == a.size and not a.before
    if not tiled:
        x[...] = 0
    return apart


def _first(a: Axis) -> Array:
    """The first input inside each window."""
    start = np.arange(a.out) * a.stride - a.before
    first: Array = start + np.maximum(0, -(start // a.dilation)) * a.dilation
    return first


def _shares(
    h: Axis, w: Axis, padding: Pair, include_pad: bool, divisor: int | None, dtype: np.dtype
) -> Array:
    """``1 / number of inputs`` of each window, ``(OH, OW)``, or one number where all agree."""
    if divisor is not None:
        return np.asarray(1 / divisor, dtype)
    rows, columns = (
        _counts(a, pad if include_pad else 0) for a, pad in zip((h, w), padding, strict=True)
    )
    if (rows == rows[0]).all() and (columns == columns[0]).all():
        return np.asarray(1 / (int(rows[0]) * int(columns[0])), dtype)
    return (1 / (rows[:, None] * columns)).astype(dtype)


def _counts(a: Axis, pad: int) -> Array:
    """Inputs of each window along one axis, counting up to `pad` of the padding."""
    start = np.arange(a.out) * a.stride - a.before
    return np.minimum(start + a.kernel, a.size + pad) - np.maximum(start, -pad)
