"""Exponentials and their normalised kin, shifted so that nothing overflows.

Each guards itself: rows of -inf, and numbers too small for the dtype, are part of the definition
and give no floating-point warning, whatever the caller's `np.errstate` says.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]


def sigmoid(x: Array) -> Array:
    """1 / (1 + exp(−x)), from exp(−|x|), which cannot overflow."""
    with np.errstate(all="ignore"):
        e = np.exp(-np.abs(x))
        y: Array = np.where(x < 0, e, x.dtype.type(1)) / (1 + e)
        return y


def shift(x: Array, axis: int | tuple[int, ...]) -> tuple[Array, Array]:
    """Give x − max and the max (kept dimension); an infinite max shifts nothing, so NaN shows."""
    top = x.max(axis=axis, keepdims=True) if x.size else x.sum(axis=axis, keepdims=True)
    if not math.isfinite(top.sum()):
        top = np.where(np.isfinite(top), top, top.dtype.type(0))
    return x - top, top


def softmax(x: Array, axis: int) -> Array:
    """exp(x) / Σ exp(x); a row of all -inf gives NaN."""
    with np.errstate(all="ignore"):
        e, _ = shift(x, axis)
        np.exp(e, out=e)
        e /= e.sum(axis=axis, keepdims=True)
        return e


def log_softmax(x: Array, axis: int) -> Array:
    """Shifted x − log Σ exp(x)."""
    with np.errstate(all="ignore"):
        y, _ = shift(x, axis)
        y -= np.log(np.exp(y).sum(axis=axis, keepdims=True))
        return y


def logsumexp(x: Array, axis: tuple[int, ...], *, keepdims: bool) -> Array:
    """Log Σ exp(x); -inf where all are -inf."""
    with np.errstate(all="ignore"):
        e, top = shift(x, axis)
        np.exp(e, out=e)
        y: Array = np.log(e.sum(axis=axis, keepdims=True)) + top
        return y if keepdims else y.squeeze(axis=axis)
