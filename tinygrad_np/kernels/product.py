"""Products of matrices, in the sizes and on the threads that suit BLAS."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_np.kernels import threads

Array = np.ndarray[Any, Any]

ALONE = 1 << 19  # multiplications in a product: below, OpenBLAS itself keeps to one thread
SPREAD = 1 << 25  # below, waking a thread of ours (60 µs) costs more than it gains

SMALL = 1_000_000  # up to so many multiplications, OpenBLAS has kernels that pack nothing
PIECE = 64  # columns


def product(a: Array, b: Array) -> Array:
    """``a @ b``, beside the threads of `kernels.threads` once these are in use."""
    out: Array
    if not threads.in_use() or a.ndim != 2 or b.ndim != 2 or (work := len(a) * b.size) < ALONE:
        out = np.matmul(a, b)
        return out
    if work < SPREAD:
        with threads.alone:
            out = np.matmul(a, b)
        return out
    m, n = a.shape[0], b.shape[1]
    out = np.empty((m, n), a.dtype)
    if m < n:
        threads.each(lambda part: np.matmul(a, b[:, part], out=out[:, part]), threads.cut(n))
    else:
        threads.each(lambda part: np.matmul(a[part], b, out=out[part]), threads.cut(m))
    return out


def multiply(a: Array, b: Array, out: Array) -> None:
    """``out = a @ b`` for a wide `b`, in pieces where that gains.

    OpenBLAS's kernels for small products neither pack their operands nor wake a thread. With 64
    columns a piece, a product of 64x96 by 384 goes at 113 instead of 94 GFLOP/s on one thread,
    one of 32x144 by 4096 at 107 instead of 67. Very thin ones lose (6x25 by 1792: 62 for 88).
    """
    (m, k), n = a.shape[-2:], b.shape[-1]
    if m < 8 or k < 16 or m * k * PIECE > SMALL or n <= PIECE:
        np.matmul(a, b, out=out)
        return
    whole = n // PIECE * PIECE
    np.matmul(a[..., None, :, :], _pieces(b, whole), out=_pieces(out, whole))
    if whole < n:
        np.matmul(a, b[..., whole:], out=out[..., whole:])


def _pieces(x: Array, whole: int) -> Array:
    """``(..., m, n) -> (..., pieces, m, PIECE)``, a view."""
    *lead, m, _ = x.shape
    return x[..., :whole].reshape(*lead, m, whole // PIECE, PIECE).swapaxes(-3, -2)
