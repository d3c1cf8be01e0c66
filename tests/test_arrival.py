"""Where gradients arrive: what is retained across writes, and what a checkpoint brings back."""

from __future__ import annotations

import numpy as np
import pytest

import tinygrad_np as tg
from tinygrad_np.utils.checkpoint import checkpoint

equal = np.testing.assert_array_equal


@pytest.mark.parametrize("asked", [False, True])
@pytest.mark.parametrize("whole", [False, True])
def test_a_write_in_place_asks_for_no_gradient_of_its_own(whole: bool, asked: bool) -> None:
    """A result retains the gradient at its new node only if it did at the old one."""
    x = tg.tensor([1.0, 2.0], requires_grad=True)
    y = x * 3
    seen = y if whole else y[:1]
    if asked:
        seen.retain_grad()
    y.mul_(5)
    assert seen.requires_grad  # a view finds its new place
    assert seen.retains_grad is asked
    (seen * 7).sum().backward()
    equal(x.grad.numpy(), [105, 105 if whole else 0])
    if asked:
        equal(seen.grad.numpy(), [7, 7] if whole else [7])


def test_what_a_checkpoint_dropped_comes_back_where_its_gradient_arrives() -> None:
    calls = []

    def cube(x: tg.Tensor) -> tg.Tensor:
        calls.append(x.requires_grad)
        return x * x * x

    x = tg.tensor([1.0, 2.0], requires_grad=True)
    y = checkpoint(cube, x, use_reentrant=False)
    assert not any(isinstance(part, np.ndarray) for part in y.node.saved)
    y.backward(tg.tensor([1.0, 10.0]))
    equal(x.grad.numpy(), [3, 120])
    assert len(calls) == 2
