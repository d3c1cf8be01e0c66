"""Losses, dropout and pooling by their definitions: one loop over every place."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
from window_oracles import pair

if TYPE_CHECKING:
    from collections.abc import Callable

    Array = np.ndarray[Any, Any]


# --- losses ---


def cross_entropy(x: Array, target: Array, weight: Array | None = None, **options: Any) -> Array:
    return _loss(lambda row: row - np.log(np.sum(np.exp(row))), x, target, weight, **options)


def nll_loss(x: Array, target: Array, weight: Array | None = None, **options: Any) -> Array:
    return _loss(lambda row: row, x, target, weight, **options)


def _loss(
    log_p: Callable[[Array], Array],
    x: Array,
    target: Array,
    weight: Array | None,
    *,
    ignore_index: int = -100,
    reduction: str = "mean",
    label_smoothing: float = 0.0,
) -> Array:
    """−Σ q·w·log p at each place, for labels and for probabilities q of the shape of x."""
    axis = 1 if x.ndim > 1 else 0
    rows, classes = np.moveaxis(x, axis, -1), x.shape[axis]
    probabilities = np.moveaxis(target, axis, -1) if target.dtype.kind == "f" else None
    w = np.ones(classes) if weight is None else weight
    losses, shares = np.zeros(rows.shape[:-1]), np.zeros(rows.shape[:-1])
    for at in np.ndindex(losses.shape):
        if probabilities is not None:
            q, shares[at] = probabilities[at], 1.0
        elif target[at] == ignore_index:
            continue
        else:
            q, shares[at] = np.eye(classes)[target[at]], w[target[at]]
        q = (1 - label_smoothing) * q + label_smoothing / classes
        losses[at] = -np.sum(q * w * log_p(rows[at]))
    if reduction == "none":
        return losses
    total = losses.sum()
    return total / shares.sum() if reduction == "mean" else total


def mse_loss(x: Array, target: Array, *, reduction: str = "mean") -> Array:
    squares = (x - target) ** 2
    if reduction == "none":
        return squares
    return np.asarray(squares.sum() / (squares.size if reduction == "mean" else 1))


# --- dropout ---


def kept(shape: tuple[int, ...], p: float, seed: int) -> Array:
    """Which places are kept, in memory order: whether 53 bits of two words lie below 1 - p.

    NumPy's own Mersenne Twister (Matsumoto and Nishimura 1998), the more significant word first.
    """
    words = np.random.RandomState(seed).randint(0, 1 << 32, (math.prod(shape), 2), np.uint32)
    bits = [(int(high) << 32 | int(low)) % (1 << 53) for high, low in words]
    return np.reshape([n / 2.0**53 < 1 - p for n in bits], shape)


def dropout(x: Array, p: float, seed: int) -> Array:
    return np.where(kept(x.shape, p, seed), x / (1 - p), 0.0) if p < 1 else 0 * x


# --- pooling, of the last two dimensions ---


def _starts(n: int, k: int, s: int, p: int, d: int, *, ceil: bool) -> list[int]:
    """Where windows start; with `ceil`, also those that end outside, but begin within."""
    last = n + 2 * p - d * (k - 1) - 1
    return [i - p for i in range(0, last + (s if ceil else 1), s) if not ceil or i < n + p]


def max_pool2d(
    x: Array,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    dilation: Any = 1,
    *,
    ceil_mode: bool = False,
) -> tuple[Array, Array]:
    """Give the largest number of each window, and its place in the plane."""
    options = [
        pair(kernel_size if v is None else v) for v in (kernel_size, stride, padding, dilation)
    ]
    starts = [
        _starts(n, *(v[axis] for v in options), ceil=ceil_mode)
        for axis, n in enumerate(x.shape[-2:])
    ]
    (kh, kw), (dh, dw), (height, width) = options[0], options[3], x.shape[-2:]
    lead = x.shape[:-2]
    y = np.zeros((*lead, len(starts[0]), len(starts[1])))
    where = np.zeros(y.shape, np.int64)
    for *at, i, j in np.ndindex(y.shape):
        rows = [r for r in (starts[0][i] + a * dh for a in range(kh)) if 0 <= r < height]
        columns = [c for c in (starts[1][j] + a * dw for a in range(kw)) if 0 <= c < width]
        best = max(((r, c) for r in rows for c in columns), key=lambda rc: x[(*at, *rc)])
        y[(*at, i, j)], where[(*at, i, j)] = x[(*at, *best)], best[0] * width + best[1]
    return y, where


def avg_pool2d(
    x: Array,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    *,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> Array:
    kernel, padding = pair(kernel_size), pair(padding)
    stride = kernel if stride is None else pair(stride)
    height, width = x.shape[-2:]
    tops, lefts = (
        _starts(x.shape[axis - 2], kernel[axis], stride[axis], padding[axis], 1, ceil=ceil_mode)
        for axis in (0, 1)
    )
    y = np.zeros((*x.shape[:-2], len(tops), len(lefts)))
    for i, j in np.ndindex(len(tops), len(lefts)):
        # The window ends where the padding ends, at the latest.
        bottom = min(tops[i] + kernel[0], height + padding[0])
        right = min(lefts[j] + kernel[1], width + padding[1])
        seen = x[..., max(tops[i], 0) : bottom, max(lefts[j], 0) : right]
        whole = (bottom - tops[i]) * (right - lefts[j])
        count = whole if count_include_pad else seen.shape[-2] * seen.shape[-1]
        y[..., i, j] = seen.sum((-2, -1)) / (divisor_override or count)
    return y


def adaptive_max_pool2d(x: Array, size: tuple[int, int]) -> tuple[Array, Array]:
    (height, width), lead = x.shape[-2:], x.shape[:-2]
    y = np.zeros((*lead, *size))
    where = np.zeros(y.shape, np.int64)
    for *at, i, j in np.ndindex(y.shape):
        rows = range(i * height // size[0], -(-(i + 1) * height // size[0]))
        columns = range(j * width // size[1], -(-(j + 1) * width // size[1]))
        best = max(((r, c) for r in rows for c in columns), key=lambda rc: x[(*at, *rc)])
        y[(*at, i, j)], where[(*at, i, j)] = x[(*at, *best)], best[0] * width + best[1]
    return y, where
