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


def test_a_second_gradient_is_added_in_place_as_a_write_that_others_notice() -> None:
    x = tg.tensor([1.0, 2.0], requires_grad=True)
    w = tg.tensor([5.0, 7.0], requires_grad=True)
    (3 * x).sum().backward()
    kept = x.grad
    reads = (kept * w).sum()
    for version in (1, 2):
        (3 * x).sum().backward()
        assert x.grad is kept
        assert kept._version == version
    equal(kept.numpy(), [9, 9])
    with pytest.raises(RuntimeError, match="changed in place"):
        reads.backward()


def test_a_gradient_on_the_tape_stays_what_it_was_when_another_is_added() -> None:
    x = tg.tensor([1.0, 2.0], requires_grad=True)
    (x**3).sum().backward(create_graph=True)
    kept = x.grad
    (3 * x).sum().backward()
    assert not x.grad.requires_grad
    equal(x.grad.numpy(), [6, 15])
    equal(kept.detach().numpy(), [3, 12])
    assert tg.autograd.grad(kept.sum(), x)[0].tolist() == [6, 12]
