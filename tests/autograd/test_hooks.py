"""Hooks on tensors: what they see, what they may change, and when they are called."""

from __future__ import annotations

import gc
import weakref
from typing import Any

import numpy as np
import pytest

import tinygrad_np as tg
from tinygrad_np.core import Node
from tinygrad_np.errors import GraphError

equal = np.testing.assert_array_equal


def leaf(*values: float) -> tg.Tensor:
    return tg.tensor(values, requires_grad=True)


def test_a_hook_sees_the_whole_gradient_once() -> None:
    x = leaf(1.0, 2.0)
    seen: list[Any] = []
    x.register_hook(seen.append)
    (x * 3 + x * x).backward(tg.tensor([1.0, 10.0]))
    assert [g.tolist() for g in seen] == [[5.0, 70.0]]
    assert type(seen[0]) is tg.Tensor
    equal(x.grad.numpy(), [5.0, 70.0])


def test_hooks_replace_the_gradient_one_after_the_other() -> None:
    x = leaf(1.0, 2.0)
    h = x * 2
    calls = []
    h.register_hook(lambda g: calls.append(g.tolist()) or g * 10)
    h.register_hook(lambda g: calls.append(g.tolist()))
    h.register_hook(lambda g: g + 1)
    x.register_hook(lambda g: calls.append(g.tolist()) or g - 1)
    (h * h).backward(tg.tensor([1.0, 1.0]))
    assert calls == [[4.0, 8.0], [40.0, 80.0], [82.0, 162.0]]
    equal(x.grad.numpy(), [81.0, 161.0])


def test_handles_remove_hooks() -> None:
    x = leaf(1.0)
    first = x.register_hook(lambda g: g * 10)
    with x.register_hook(lambda g: g * 100) as second:
        assert first.id != second.id
        (x * 1).backward()
    first.remove()
    first.remove()
    (x * 1).backward()
    equal(x.grad.numpy(), [1001.0])
    assert isinstance(first, tg.utils.hooks.RemovableHandle)


def test_a_hook_may_remove_itself() -> None:
    x = leaf(1.0)
    calls = []

    def once(_: Any) -> None:
        calls.append(1)
        handle.remove()

    handle = x.register_hook(once)
    x.register_hook(lambda _: calls.append(2))
    for _ in range(2):
        (x * 1).backward()
    assert calls == [1, 2, 2]


def test_a_hook_may_write_into_its_gradient_and_keep_it() -> None:
    x = leaf(1.0, 2.0)
    h, other = x * 1, leaf(5.0, 5.0)
    kept: list[Any] = []
    h.register_hook(lambda g: kept.append(g) or g.mul_(3))
    x.register_hook(kept.append)
    (h + other).backward(tg.tensor([1.0, 10.0]))  # both get the same array
    equal(other.grad.numpy(), [1.0, 10.0])
    equal(x.grad.numpy(), [3.0, 30.0])
    for g in kept:
        assert not np.shares_memory(g.numpy(), x.grad.numpy())
    (x * 1).sum().backward()
    equal(kept[1].numpy(), [3.0, 30.0])


def test_hooks_run_without_recording() -> None:
    x = leaf(1.0, 2.0)
    modes = []
    x.register_hook(lambda g: modes.append((tg.is_grad_enabled(), g.requires_grad)))
    x.register_post_accumulate_grad_hook(lambda _: modes.append((tg.is_grad_enabled(), None)))
    (x * x).sum().backward()
    assert modes == [(False, False), (False, None)]
    assert tg.is_grad_enabled()


def test_hooks_under_create_graph_are_on_the_tape() -> None:
    x = leaf(1.0, 2.0)
    h = x * x
    h.register_hook(lambda g: g * x)
    seed = tg.tensor([1.0, 10.0])
    (g,) = tg.autograd.grad(h * h, x, seed, create_graph=True)  # 2x²·x·2x = 4x⁴
    equal(g.detach().numpy(), [4.0, 640.0])
    (second,) = tg.autograd.grad(g, x, tg.tensor([1.0, 1.0]))
    # The second pass comes through h too, and calls the hook again: 8x·h + (4x²·x)·2x.
    equal(second.numpy(), [16.0, 1920.0])


def test_hooks_are_called_by_grad_too() -> None:
    x = leaf(1.0, 2.0)
    h = x * 2
    h.register_hook(lambda g: g * 10)
    x.register_hook(lambda g: g + 1)
    posts: list[Any] = []
    x.register_post_accumulate_grad_hook(posts.append)
    gx, gh = tg.autograd.grad(h.sum(), [x, h])
    equal(gx.numpy(), [21.0, 21.0])
    equal(gh.numpy(), [10.0, 10.0])
    assert posts == []


def test_hooks_beside_the_paths_that_were_asked_for_are_not_called() -> None:
    a, b = leaf(1.0), leaf(2.0)
    h, unrelated = a * 2, b * 3
    calls: list[Any] = []
    unrelated.register_hook(calls.append)
    b.register_hook(calls.append)
    tg.autograd.grad([h, unrelated], a)
    (h * unrelated).backward(inputs=a)
    assert calls == []


def test_the_hook_of_a_result_belongs_to_the_op_that_made_it() -> None:
    x = leaf(1.0, 1.0)
    h = x * 2
    calls = []
    h.register_hook(lambda g: calls.append(("old", g.tolist())))
    h.mul_(3)
    h.register_hook(lambda g: calls.append(("new", g.tolist())))
    h.sum().backward()
    assert calls == [("new", [1.0, 1.0]), ("old", [3.0, 3.0])]


def test_post_accumulate_hooks_come_last_and_see_the_sum() -> None:
    x = leaf(1.0, 2.0)
    calls: list[Any] = []
    x.register_post_accumulate_grad_hook(lambda p: calls.append((p is x, p.grad.tolist())))
    x.register_hook(lambda g: calls.append(g.tolist()))
    for _ in range(2):
        (x * 3).sum().backward()
    assert calls == [[3.0, 3.0], (True, [3.0, 3.0]), [3.0, 3.0], (True, [6.0, 6.0])]


def test_an_optimiser_in_the_backward_pass() -> None:
    w = leaf(1.0, 2.0)

    def update(p: Any) -> None:
        p -= 0.5 * p.grad
        p.grad = None

    w.register_post_accumulate_grad_hook(update)
    (w * 2).sum().backward()
    equal(w.detach().numpy(), [0.0, 1.0])
    assert w.grad is None


def test_retain_grad_keeps_what_the_hooks_leave() -> None:
    x = leaf(1.0, 2.0)
    h = x * 2
    assert not h.retains_grad
    h.retain_grad()
    h.retain_grad()
    assert h.retains_grad
    h.register_hook(lambda g: g * 10)
    h.sum().backward(retain_graph=True)
    equal(h.grad.numpy(), [10.0, 10.0])
    h.sum().backward()
    equal(h.grad.numpy(), [20.0, 20.0])
    equal(x.grad.numpy(), [40.0, 40.0])
    x.retain_grad()
    assert not x.retains_grad  # as PyTorch says of leaves


def test_retained_gradients_under_create_graph_have_a_history() -> None:
    x = leaf(1.0, 2.0)
    h = x * x
    h.retain_grad()
    (h * h).backward(tg.tensor([1.0, 10.0]), create_graph=True)
    equal(h.grad.detach().numpy(), [2.0, 80.0])
    (again,) = tg.autograd.grad(h.grad, x, tg.tensor([1.0, 1.0]))
    equal(again.numpy(), [4.0, 80.0])


def test_retained_gradients_follow_a_write_in_place() -> None:
    x = leaf(1.0, 1.0)
    h = x * 2
    h.retain_grad()
    h.mul_(3)
    assert h.retains_grad
    (h * 5).sum().backward()
    equal(h.grad.numpy(), [5.0, 5.0])
    equal(x.grad.numpy(), [30.0, 30.0])


def test_a_retained_gradient_keeps_no_tensor_alive() -> None:
    x = leaf(1.0)
    h = x * 2
    h.retain_grad()
    y = h * 3
    reference = weakref.ref(h)
    gc.disable()
    del h
    assert reference() is None
    gc.enable()
    y.backward()
    equal(x.grad.numpy(), [6.0])


def test_a_retained_gradient_shares_no_memory() -> None:
    x = leaf(1.0, 2.0)
    h = x * 1
    h.retain_grad()
    (h + 1).sum().backward()
    h.grad.mul_(100)
    equal(x.grad.numpy(), [1.0, 1.0])


def test_asking_a_result_for_its_gradient_warns() -> None:
    x = leaf(1.0)
    h = x * 2
    with pytest.warns(UserWarning, match=r"not a leaf.*\.retain_grad\(\)"):
        assert h.grad is None
    h.retain_grad()
    assert h.grad is None
    assert x.grad is None
    assert (x.detach() * 2).grad is None


def test_ordinary_nodes_stay_ordinary() -> None:
    x = leaf(1.0)
    h = x * 2
    y = h * 3
    h.register_hook(lambda _: None)
    assert type(h.node) is not Node
    assert type(y.node) is Node


def test_hooks_need_a_tensor_that_requires_grad() -> None:
    for name in ("register_hook", "register_post_accumulate_grad_hook"):
        with pytest.raises(RuntimeError, match=f"{name}: this tensor does not require grad"):
            getattr(tg.ones(1), name)(print)
    with pytest.raises(RuntimeError, match="retain_grad: this tensor does not require grad"):
        tg.ones(1).retain_grad()
    with pytest.raises(RuntimeError, match="only leaves accumulate gradients"):
        (leaf(1.0) * 2).register_post_accumulate_grad_hook(print)


@pytest.mark.parametrize("node", [True, False])
@pytest.mark.parametrize("create_graph", [True, False])
def test_what_a_hook_returns_must_fit(node: bool, create_graph: bool) -> None:
    def run(given: Any) -> None:
        x = leaf(1.0, 2.0)
        h = x * 2

        def hook(_: Any) -> Any:
            return given

        (h if node else x).register_hook(hook)
        h.sum().backward(create_graph=create_graph)

    for wrong in (1, "a", np.ones(2)):
        with pytest.raises(TypeError, match=f"hook.* returned a {type(wrong).__name__}; .*Tensor"):
            run(wrong)
    with pytest.raises(GraphError, match=r"shape \(2,\) and dtype float32 by .* \(1,\) and dtype"):
        run(tg.ones(1))
    with pytest.raises(GraphError, match=r"float32 by one of .* dtype float64"):
        run(tg.ones(2, dtype=tg.float64))
    assert tg.is_grad_enabled()


def test_a_post_accumulate_hook_returns_nothing() -> None:
    x = leaf(1.0)
    x.register_post_accumulate_grad_hook(lambda _: 3)
    with pytest.raises(TypeError, match=r"hook .*<lambda> returned a int; it must return None"):
        (x * 1).backward()


def test_a_hook_may_differentiate() -> None:
    """A backward pass inside a backward pass."""
    x, w = leaf(1.0, 2.0), leaf(3.0)
    h = x * 2

    def hook(g: Any) -> Any:
        with tg.enable_grad():
            (inner,) = tg.autograd.grad((w * w).sum(), w)
        return g * inner

    h.register_hook(hook)
    (h * h).sum().backward()
    equal(x.grad.numpy(), [48.0, 96.0])


def test_grad_fn_is_equal_on_repeated_access() -> None:
    x = leaf(1.0)
    y = x * 2 + x
    assert y.grad_fn == y.grad_fn
    assert len({y.grad_fn, y.grad_fn}) == 1
    assert y.grad_fn != (x * 2).grad_fn
    (product, _), (accumulate, i) = y.grad_fn.next_functions
    assert product.name() == "MulBackward0"
    assert (accumulate.name(), i) == ("AccumulateGrad", 0)
    assert accumulate.variable is x
    assert accumulate.next_functions == ()
    assert product.next_functions == ((accumulate, 0), (None, 0))
    with pytest.raises(AttributeError, match="MulBackward0 has no variable"):
        _ = product.variable


def test_names_of_derivatives_are_those_of_pytorch() -> None:
    x = tg.ones(2, 3, requires_grad=True)
    assert x.sum().grad_fn.name() == "SumBackward0"
    assert x.sum(1).grad_fn.name() == "SumBackward1"
    assert (x @ x.T).grad_fn.name() == "MmBackward0"
    assert tg.nn.functional.linear(x, x, tg.ones(2)).grad_fn.name() == "AddmmBackward0"
    assert x.permute(1, 0).grad_fn.name() == "PermuteBackward0"
    assert tg.relu(x).grad_fn.name() == "ReluBackward0"
    for index, name in (
        (0, "Select"),
        ((slice(1), 0), "Select"),
        ((0, slice(1)), "Slice"),
        ((0, slice(None)), "Select"),
        (slice(None), "Slice"),
        (None, "Unsqueeze"),
        (..., "Alias"),
        ([0], "Index"),
        (tg.ones(2, 3) > 0, "Index"),
    ):
        assert x[index].grad_fn.name() == f"{name}Backward0"
    y = x * 1
    y[0] = x[1]
    assert repr(y.grad_fn) == "<CopySlices>"
