"""Exponentials and their normalised kin, shifted so that nothing overflows.

Each guards itself: rows of -inf, and numbers too small for the dtype, are part of the definition
and give no floating-point warning, whatever the caller's `np.errstate` says.
"""

from __future__ import annotations

from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]


def sigmoid(x: Array) -> Array:
    """1 / (1 + exp(−x)), from exp(−|x|), which cannot overflow."""
    with np.errstate(all="ignore"):
        e = np.exp(-np.abs(x))
        y: Array = np.where(x < 0, e, x.dtype.type(1)) / (1 + e)
        return y


def below_max(x: Array, axis: int) -> Array:
    """X − max, in fresh memory: at most 0, so that no exponential overflows."""
    y: Array = x - x.max(axis=axis, keepdims=True, initial=-np.inf)
    return y


def softmax(x: Array, axis: int) -> Array:
    """exp(x) / Σ exp(x); NaN in rows that are all -inf, or hold +inf."""
    with np.errstate(all="ignore"):
        e = below_max(x, axis)
        np.exp(e, out=e)
        e /= e.sum(axis=axis, keepdims=True)
        return e


def log_softmax(x: Array, axis: int) -> Array:
    """x − log Σ exp(x)."""  # noqa: D403 - a formula has no capital
    with np.errstate(all="ignore"):
        y = below_max(x, axis)
        y -= np.log(np.exp(y).sum(axis=axis, keepdims=True))
        return y


def logsumexp(x: Array, axis: tuple[int, ...], *, keepdims: bool) -> Array:
    """log Σ exp(x); -inf where all are -inf, and of none."""  # noqa: D403 - as above
    with np.errstate(all="ignore"):
        top = x.max(axis=axis, keepdims=True, initial=-np.inf)
        top = np.where(np.isfinite(top), top, x.dtype.type(0))  # nothing to shift by
        y: Array = np.log(np.exp(x - top).sum(axis=axis, keepdims=True)) + top
        return y if keepdims else y.squeeze(axis=axis)
