"""Dropout: noise that keeps units from relying on each other."""

from __future__ import annotations

import numpy as np

import tinygrad_np as tg
from nn.functional.checks import check_probability
from tinygrad_np.core import wrap
from tinygrad_np.ops.checks import check_tensor
from tinygrad_np.tensor.generator import stream_of
from tinygrad_np.tensor.random import arrange, order_of


def dropout(
    input: tg.Tensor, p: float = 0.5, training: bool = True, inplace: bool = False
) -> tg.Tensor:
    """Zero each element with probability `p`, and scale the others by 1/(1 − p).

    The mean stays what it was. Without `training`, nothing happens. Gradient: the same mask.
    Source: N. Srivastava et al., "Dropout", JMLR 15 (2014).

    Raises
    ------
    ValueError
        If `p` does not lie in [0, 1].

    >>> F = tg.nn.functional
    >>> bool((F.dropout(tg.ones(100), 0.5) == F.dropout(tg.ones(100), 0.5)).all())
    False
    """
    check_probability("dropout", p)
    check_tensor("dropout", "input", input)
    if not training or p == 0:
        return input
    if not input.is_floating_point():
        raise tg.DtypeError(f"dropout scales what it keeps, and cannot scale {input.dtype}")
    keep = 1 - p
    if not keep:  # nothing is left to chance, so nothing is drawn
        return input.mul_(0.0) if inplace else input * 0.0
    kept = arrange(stream_of(None).chances(input.numel(), keep), input.shape, order_of(input))
    noise = np.empty_like(input.array)  # in its memory order, so that each pass is one stride
    scale = 1 / (keep if noise.dtype == np.float64 else np.float32(keep))
    np.multiply(kept, scale, out=noise, casting="same_kind")
    return input.mul_(wrap(noise)) if inplace else input * wrap(noise)
