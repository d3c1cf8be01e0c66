"""Rounded division, where its steps are closer together than numbers that differ at all."""

from __future__ import annotations

import pytest

import tinygrad_np as tg
from tinygrad_np import autograd


@pytest.mark.parametrize("mode", ["floor", "trunc"])
def test_a_large_rounded_quotient_is_not_checked_for_a_slope(mode: str) -> None:
    x, y = (tg.tensor(v, dtype=tg.float64, requires_grad=True) for v in (1e12 + 0.3, 0.7))
    with autograd.check_gradients():  # any step leaps over integers: it would see their slope
        tg.div(x, y, rounding_mode=mode).backward()
    assert (x.grad.item(), y.grad.item()) == (0, 0)
