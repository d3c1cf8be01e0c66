"""Gradients that meet at an op of several results."""

from __future__ import annotations

import math
from typing import Any

import pytest

import tinygrad_np as tg
from tinygrad_np import autograd


class Powers(autograd.Function):
    """eˣ and e²ˣ/2, whose derivatives it finds by what it saved: the first result, twice."""

    @staticmethod
    def forward(ctx: Any, x: Any) -> Any:
        y = x.exp()
        ctx.save_for_backward(y, y)
        return y, y * y / 2

    @staticmethod
    def backward(ctx: Any, g: Any, h: Any) -> Any:
        a, b = ctx.saved_tensors
        return g * a + h * a * b


@pytest.mark.parametrize("held", [True, False])
def test_a_result_that_was_saved_twice_gets_both_gradients(held: bool) -> None:
    x = tg.tensor(0.5, requires_grad=True)
    first, second = Powers.apply(x)
    if not held:  # then each of the saved ones is a place of its own in the graph
        del first
    (slope,) = autograd.grad(second, x, create_graph=True)
    assert slope.item() == pytest.approx(math.e)
    slope.backward()
    assert x.grad.item() == pytest.approx(2 * math.e)
