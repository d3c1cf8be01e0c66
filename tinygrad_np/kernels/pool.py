"""Max and average pooling: a window is separable, so pool along the height, then the width.

Two passes over kh and kw taps instead of one over kh*kw; each tap is one ufunc over a strided
view, and with batch-last storage its inner loop is a run of N or of W*N numbers. The height goes
first, for its runs are the longer ones, and leaves fewer of the short ones to the width: 0.6 to 0.9
of the other order's time where strides are above 1. Windows are given by the two `Axis` along
which they slide.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from tinygrad_np.kernels.threads import each, in_use
from tinygrad_np.kernels.windows import Array, Axis, Pair, float_type

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

BLOCK = 1 << 18  # elements
ROW, COLUMN = 2, 3  # positions of the height and the width in (N, C, H, W)


def max_pool2d(x: Array, h: Axis, w: Axis) -> Array:
    """Largest value of each window: ``(N, C, H, W) -> (N, C, OH, OW)``. NaN wins."""
    y, least = _stored(x, (*x.shape[:2], h.out, w.out)), lowest(x.dtype)

    def pool(c: slice) -> None:
        highest = _gather(np.maximum, x[:, c], h, ROW, least)
        _gather(np.maximum, highest, w, COLUMN, least, y[:, c])

    _in_blocks(pool, x)
    return y


def max_pool2d_backward(g: Array, x: Array, y: Array, h: Axis, w: Axis) -> Array:
    """Adjoint of `max_pool2d` at `x`: the first largest value of a window takes all of its `g`.

    Where windows are apart, as they nearly always are, taps are asked in reading order. Where they
    overlap it takes fewer passes to ask the rows of a window, then the taps of the first row that
    holds the maximum: with the width pooled first, ties go to the same tap.
    """
    g = _stored_like(x, g.astype(x.dtype, copy=False))
    gx = np.empty_like(x)

    def give_back(c: slice) -> None:
        if np.isnan(y[:, c].max(initial=-np.inf)):  # a NaN equals nothing: it has to be looked up
            gx[:, c] = scatter(g[:, c], max_pool2d_indices(x[:, c], h, w), x.shape[2:])
        elif _apart(h) and _apart(w):
            _give(g[:, c], x[:, c], y[:, c], h, w, gx[:, c])
        else:
            widest = _gather(np.maximum, x[:, c], w, COLUMN, -np.inf)
            rows = _give(g[:, c], widest, y[:, c], h, Axis(w.out, 1), np.empty_like(widest))
            _give(rows, x[:, c], widest, Axis(h.size, 1), w, gx[:, c])

    _in_blocks(give_back, x)
    return gx


def max_pool2d_indices(x: Array, h: Axis, w: Axis) -> Array:
    """Where in its plane the maximum of each window stands, ``h * W + w``, int64.

    The first on ties, but the last NaN: PyTorch lets each NaN replace what was found before it.
    """
    n, c = x.shape[:2]
    best = np.full((n, c, h.out, w.out), lowest(x.dtype), x.dtype)
    indices = np.empty(best.shape, np.int64)
    indices[:] = _first(h)[:, None] * w.size + _first(w)
    for i in range(h.kernel):
        oh, ih = h.tap(i)
        for j in range(w.kernel):
            ow, iw = w.tap(j)
            tap, beaten, where = x[:, :, ih, iw], best[:, :, oh, ow], indices[:, :, oh, ow]
            wins = (tap > beaten) | np.isnan(tap)
            np.copyto(beaten, tap, where=wins)
            at = np.arange(ih.start, ih.stop, h.stride)[:, None] * w.size
            np.copyto(where, at + np.arange(iw.start, iw.stop, w.stride), where=wins)
    return indices


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


def avg_pool2d(x: Array, h: Axis, w: Axis, share: Array) -> Array:
    """Sum of each window, times its share: ``(N, C, H, W) -> (N, C, OH, OW)``."""
    y, share = _stored(x, (*x.shape[:2], h.out, w.out)), share.astype(float_type(x))

    def pool(c: slice) -> None:
        high = _gather(np.add, x[:, c].astype(share.dtype, copy=False), h, ROW, 0)
        total = _gather(np.add, high, w, COLUMN, 0)
        np.multiply(total, share, out=y[:, c], casting="same_kind")

    _in_blocks(pool, x)
    return y


def avg_pool2d_backward(g: Array, h: Axis, w: Axis, share: Array) -> Array:
    """Adjoint of `avg_pool2d`: each window's `g` is shared by its inputs."""
    share = share.astype(float_type(g))
    gx = np.empty_like(g, share.dtype, shape=(*g.shape[:2], h.size, w.size))

    def give_back(c: slice) -> None:
        part = g[:, c] * share
        wide = np.empty_like(part, shape=(*part.shape[:2], h.size, w.out))
        _spread(_spread(part, h, ROW, wide), w, COLUMN, gx[:, c])

    _in_blocks(give_back, gx)
    return gx.astype(g.dtype, copy=False)


def shares(h: Axis, w: Axis, *, padding: bool) -> Array:
    """``1 / number of inputs`` of each window, ``(OH, OW)``, or one number where all agree.

    With `padding`, its zeros count as inputs.
    """
    rows, columns = _counts(h, padding), _counts(w, padding)
    if (rows == rows[0]).all() and (columns == columns[0]).all():
        return np.asarray(1 / (int(rows[0]) * int(columns[0])))
    each: Array = 1 / (rows[:, None] * columns)
    return each


def _counts(a: Axis, padding: bool) -> Array:
    """Inputs of each window along one axis; what `ceil_mode` added at the end never counts."""
    pad = a.before if padding else 0
    start = np.arange(a.out) * a.stride - a.before
    return np.minimum(start + a.kernel, a.size + pad) - np.maximum(start, -pad)


def _in_blocks(task: Callable[[slice], None], x: Array) -> None:
    """Call `task` for channels of `x`, about 1 MB of float32 at a time.

    Temporaries stay in cache, and need no memory to speak of: gains a sixth on 9 MB. Where threads
    are in use beside convolutions, blocks are shared out among them.
    """
    n, channels, h, w = x.shape
    step = max(1, BLOCK // max(1, n * h * w))
    blocks = [slice(i, min(i + step, channels)) for i in range(0, channels, step)]
    if len(blocks) > 1 and in_use():
        each(task, blocks)
    else:
        for block in blocks:
            task(block)


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
    taps = [(_at(axis, windows), _at(axis, read)) for windows, read in _taps(a)]
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
    apart = _apart(a)
    if not _tiles(a):
        x[...] = 0
    for windows, read in _taps(a):
        part, into = g[_at(axis, windows)], x[_at(axis, read)]
        if apart:
            into[...] = part
        else:
            into += part
    return x


def _give(g: Array, x: Array, y: Array, h: Axis, w: Axis, gx: Array) -> Array:
    """Give the `g` of each window to its first tap of `x` that equals `y`, the window's maximum.

    A mask selects, for infinity times 0 is NaN; and NumPy selects fastest among bits, that is to
    say, integers times 0 or 1: 0.2 ms where ``np.where`` takes 2.2 (590 K floats). The last tap
    takes what is left.
    """
    apart = _apart(h) and _apart(w)
    if not (_tiles(h) and _tiles(w)):
        gx[...] = 0
    left = g.copy(order="K").view(f"i{g.itemsize}")
    shares = np.empty_like(left)
    taps = [((..., oh, ow), (..., ih, iw)) for oh, ih in _taps(h) for ow, iw in _taps(w)]
    for k, (windows, read) in enumerate(taps, 1):
        share = rest = left[windows]
        if k < len(taps):
            share, wins = shares[windows], x[read] >= y[windows]
            np.multiply(rest, wins.view(np.int8), out=share)
            np.bitwise_xor(rest, share, out=rest)
        if apart:
            gx[read] = share.view(g.dtype)
        else:
            gx[read] += share.view(g.dtype)
    return gx


@lru_cache(maxsize=64)
def _taps(a: Axis) -> tuple[tuple[slice, slice], ...]:
    """Windows and what they read, for each tap; asked for again at every block and every step."""
    return tuple(a.tap(k) for k in range(a.kernel))


def _apart(a: Axis) -> bool:
    """Whether no input lies in two windows."""
    return a.stride >= a.reach


def _tiles(a: Axis) -> bool:
    """Whether each input is a tap of exactly one window."""
    return a.stride == a.kernel == a.reach and a.out * a.stride == a.size and not a.before


def _first(a: Axis) -> Array:
    """The first input inside each window."""
    start = np.arange(a.out) * a.stride - a.before
    first: Array = start + np.maximum(0, -(start // a.dilation)) * a.dilation
    return first
