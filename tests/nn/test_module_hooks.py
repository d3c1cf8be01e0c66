"""Hooks of modules: what they are given, in which order, and what they may replace."""

from __future__ import annotations

import copy
import gc
import pickle
import weakref
from typing import Any, NamedTuple

import numpy as np
import pytest

import nn
import tinygrad_np as tg
from tinygrad_np.recorder import thread


def leaf(*numbers: float) -> tg.Tensor:
    return tg.tensor(numbers, requires_grad=True)


def numbers(x: Any) -> Any:
    """Tensors as lists, inside tuples too."""
    if isinstance(x, tuple):
        return tuple(map(numbers, x))
    return x.tolist() if isinstance(x, tg.Tensor) else x


class Two(nn.Module):
    """Two inputs, two outputs, and a keyword."""

    def forward(self, a: Any, b: Any, scale: Any = 1) -> Any:
        return a * b * scale, a + 1


def shout(module: Any, args: Any, output: Any) -> Any:  # noqa: ARG001 - as hooks are called
    """A hook that can be pickled."""
    return output * 10


# --- forward ---


def test_forward_hooks_are_given_arguments_and_output_in_order() -> None:
    layer, seen = nn.ReLU(), []
    layer.register_forward_pre_hook(lambda m, args: seen.append((m, numbers(args))))
    layer.register_forward_hook(lambda m, args, y: seen.append((m, numbers(args), numbers(y))))
    layer(leaf(-1.0, 2.0))
    assert seen == [(layer, ([-1, 2],)), (layer, ([-1, 2],), [0, 2])]


def test_prepended_hooks_come_first() -> None:
    layer, seen = nn.Identity(), []
    for register, count in (
        (layer.register_forward_pre_hook, 2),
        (layer.register_forward_hook, 3),
        (layer.register_full_backward_pre_hook, 2),
        (layer.register_full_backward_hook, 3),
    ):
        for name in "ab":
            register(lambda *args, n=name, c=count: seen.append(n) if len(args) == c else 1 / 0)
        register(lambda *_: seen.append("first"), prepend=True)
    layer(leaf(1.0)).sum().backward()
    assert seen == ["first", "a", "b"] * 4


def test_what_they_return_is_used_instead() -> None:
    layer = nn.ReLU()
    layer.register_forward_pre_hook(lambda _, args: args[0] - 1)
    layer.register_forward_pre_hook(lambda _, args: (args[0] * 2,))
    layer.register_forward_hook(lambda *_: None)
    layer.register_forward_hook(lambda _, args, y: y + 10 * args[0])
    assert layer(leaf(2.0)).item() == 2 + 20


def test_keyword_arguments_are_given_and_replaced_where_asked_for() -> None:
    layer, seen = Two(), []
    layer.register_forward_pre_hook(
        lambda _, args, kwargs: (args, {"scale": kwargs["scale"] + 1}), with_kwargs=True
    )
    layer.register_forward_hook(lambda _, __, kwargs, ___: seen.append(kwargs), with_kwargs=True)
    assert layer(leaf(2.0), leaf(3.0), scale=4)[0].item() == 30
    assert seen == [{"scale": 5}]


def test_a_pre_hook_with_kwargs_returns_both() -> None:
    layer = nn.Identity()
    layer.register_forward_pre_hook(lambda _, args, __: args, with_kwargs=True)
    with pytest.raises(RuntimeError, match=r"must return None or a tuple \(args, kwargs\), not \("):
        layer(leaf(1.0))


def test_hooks_that_are_always_called_are_called_after_an_error() -> None:
    class Broken(nn.Module):
        def forward(self, x: Any) -> Any:
            raise ValueError(f"broken by {x}")

    layer, seen = Broken(), []
    layer.register_forward_hook(lambda *_: seen.append("not this one"))
    layer.register_forward_hook(lambda _, args, y: seen.append((args, y)), always_call=True)
    layer.register_forward_hook(
        lambda _, args, kwargs, y: seen.append((args, kwargs, y)),
        always_call=True,
        with_kwargs=True,
    )
    with pytest.raises(ValueError, match="broken by 3"):
        layer(3)
    assert seen == [((3,), None), ((3,), {}, None)]


def test_an_error_in_such_a_hook_is_a_warning() -> None:
    layer = nn.Linear(2, 1)
    layer.register_forward_hook(lambda *_: 1 / 0, always_call=True)
    with (
        pytest.raises(tg.ShapeError, match="must be 2, not 3"),
        pytest.warns(UserWarning, match="always_call=True raised an error, .*: division by zero"),
    ):
        layer(tg.zeros(1, 3))
    with pytest.raises(ZeroDivisionError):  # it has been called already, and is not called again
        layer(tg.zeros(1, 2))


def test_an_error_in_a_hook_says_in_which_layer_it_arose() -> None:
    model = nn.Sequential(nn.ReLU(), nn.Tanh())
    model[1].register_forward_hook(lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError) as caught:
        model(leaf(1.0))
    assert caught.value.__notes__ == ["in layer 1: Tanh()"]


# --- handles ---


@pytest.mark.parametrize(
    "register",
    [
        "register_forward_pre_hook",
        "register_forward_hook",
        "register_full_backward_pre_hook",
        "register_full_backward_hook",
    ],
)
def test_a_removed_hook_is_not_called(register: str) -> None:
    layer, seen = nn.Identity(), []
    handle = getattr(layer, register)(lambda *_: seen.append(1))
    layer(leaf(1.0)).backward()
    assert seen == [1]
    handle.remove()
    handle.remove()
    layer(leaf(1.0)).backward()
    assert seen == [1]
    with getattr(layer, register)(lambda *_: seen.append(2)):
        layer(leaf(1.0)).backward()
    layer(leaf(1.0)).backward()
    assert seen == [1, 2]


def test_a_hook_may_remove_itself_and_add_others() -> None:
    layer, seen = nn.Identity(), []

    def once(*_: Any) -> None:
        seen.append("once")
        handle.remove()
        layer.register_forward_hook(lambda *_: seen.append("later"))

    handle = layer.register_forward_hook(once)
    layer(leaf(1.0))
    layer(leaf(1.0))
    assert seen == ["once", "later"]


def test_a_handle_keeps_no_module_alive() -> None:
    gc.disable()
    try:
        layer = nn.Identity()
        handle = layer.register_forward_hook(shout)
        gone = weakref.ref(layer)
        del layer
        assert gone() is None
        handle.remove()
    finally:
        gc.enable()


# --- backward ---


def test_backward_hooks_are_given_gradients_of_inputs_and_outputs() -> None:
    layer, seen = nn.Linear(2, 1, bias=False), []
    layer.weight.data.copy_(tg.tensor([[2.0, 3.0]]))
    layer.register_full_backward_pre_hook(lambda m, go: seen.append((m, numbers(go))))
    layer.register_full_backward_hook(lambda m, gi, go: seen.append((m, numbers((gi, go)))))
    x = tg.ones(1, 2, requires_grad=True)
    (layer(x) * 5).sum().backward()
    assert seen == [(layer, ([[5]],)), (layer, (([[10, 15]],), ([[5]],)))]
    np.testing.assert_array_equal(x.grad.numpy(), [[10, 15]])


def test_gradients_can_be_replaced_on_both_sides() -> None:
    layer, seen = nn.Identity(), []
    layer.register_full_backward_pre_hook(lambda _, go: (go[0] * 2,))
    layer.register_full_backward_pre_hook(lambda _, go: go[0] + 1)
    layer.register_full_backward_hook(lambda _, gi, __: (gi[0] * 100,))
    layer.register_full_backward_hook(lambda _, gi, go: seen.append(numbers((gi, go))))
    x = leaf(1.0)
    layer(x).backward()
    assert seen == [(([300],), ([3],))]
    assert x.grad.item() == 300


def test_all_gradients_are_there_before_a_hook_is_called() -> None:
    layer, seen = Two(), []
    layer.register_full_backward_hook(lambda _, gi, go: seen.append(numbers((gi, go))))
    a, b = leaf(2.0), leaf(3.0)
    product, total = layer(a, b)
    (product * total * product).backward()  # each is used, at different depths
    assert seen == [(([2 * 6 * 3 * 3 + 36], [2 * 6 * 3 * 2]), ([36], [36]))]
    assert (a.grad.item(), b.grad.item()) == (144, 72)


def test_what_is_no_tensor_is_none_and_what_got_no_gradient_zeros() -> None:
    layer, seen = Two(), []
    layer.register_full_backward_hook(lambda _, gi, go: seen.append(numbers((gi, go))))
    a, data = leaf(2.0), tg.tensor([3.0])
    layer(a, data, 1)[0].backward()
    layer(a, 3.0)[1].backward()
    assert seen == [(([3], [0], None), ([1], None)), (([1], None), (None, [1]))]


def test_two_calls_are_kept_apart() -> None:
    layer, seen = nn.Linear(1, 1, bias=False), []
    layer.weight.data.fill_(3.0)
    layer.register_full_backward_hook(lambda _, gi, go: seen.append(numbers((gi, go))))
    layer(layer(tg.ones(1, 1, requires_grad=True))).sum().backward()
    assert seen == [(([[3]],), ([[1]],)), (([[9]],), ([[3]],))]


def test_the_same_tensor_twice_is_two_inputs() -> None:
    layer, seen, a = Two(), [], leaf(2.0)
    layer.register_full_backward_hook(lambda _, gi, __: seen.append(numbers(gi)))
    layer(a, a)[0].backward()
    assert seen == [([2], [2])]
    assert a.grad.item() == 4


def test_without_an_input_that_requires_grad_the_hook_looks_on() -> None:
    layer, seen = nn.Linear(1, 1), []
    layer.register_full_backward_hook(lambda _, gi, go: seen.append(numbers((gi, go))))
    with pytest.warns(UserWarning, match="of Linear runs without grad_input: no input of the mod"):
        layer(tg.ones(1, 1)).sum().backward()
    assert seen == [((None,), ([[1]],))]
    layer.register_full_backward_hook(lambda *_: (tg.ones(1, 1),))
    with (
        pytest.warns(UserWarning, match="without grad_input"),
        pytest.raises(RuntimeError, match="none of which requires grad; return None"),
    ):
        layer(tg.ones(1, 1)).sum().backward()


@pytest.mark.parametrize("what", ["grad_input", "grad_output"])
def test_a_wrong_number_of_gradients_is_refused(what: str) -> None:
    layer, two = nn.Identity(), (tg.ones(1), tg.ones(1))
    if what == "grad_input":
        layer.register_full_backward_hook(lambda *_: two)
    else:
        layer.register_full_backward_pre_hook(lambda *_: two)
    with pytest.raises(RuntimeError, match=f"returned 2 gradients for {what}, which has 1"):
        layer(leaf(1.0)).backward()


def test_an_output_of_another_kind_is_passed_on_with_a_warning() -> None:
    class Named(nn.Module):
        def forward(self, x: Any) -> Any:
            return {"y": x}

    layer = Named()
    layer.register_full_backward_hook(lambda *_: 1 / 0)
    with pytest.warns(
        UserWarning, match="a tensor or a tuple of tensors, and that of Named is a d"
    ):
        output = layer(leaf(1.0))
    output["y"].backward()


def test_named_tuples_stay_named() -> None:
    class Pair(NamedTuple):
        left: Any
        right: Any

    class Makes(nn.Module):
        def forward(self, x: Any) -> Any:
            return Pair(x * 1, x * 2)

    layer, seen = Makes(), []
    layer.register_full_backward_hook(lambda _, __, go: seen.append(numbers(go)))
    layer(leaf(1.0)).right.backward()
    assert seen == [(None, [1])]


def test_without_recording_nothing_is_put_on_the_tape() -> None:
    layer = nn.Identity()
    layer.register_full_backward_hook(lambda *_: 1 / 0)
    with tg.no_grad():
        assert layer(leaf(1.0)).is_leaf
    x = tg.ones(1)
    assert layer(x) is x


def test_gradients_of_gradients_go_through() -> None:
    layer, calls = Two(), []
    layer.register_full_backward_hook(lambda _, gi, __: calls.append(1) or (gi[0] * 10, gi[1]))
    a = leaf(3.0)
    (slope,) = tg.autograd.grad(layer(a * a, a)[0], a, create_graph=True)
    # d/da of a·b with b = a: 10 times through the first input, a² through the second
    assert slope.item() == 10 * 3 * 6 + 9
    (curve,) = tg.autograd.grad(slope, a)
    assert curve.item() == 10 * 2 * 3 * 2 + 2 * 3
    assert calls


def test_hooks_compute_with_tensors_and_record_nothing() -> None:
    layer, seen = nn.Identity(), []

    def hook(_: Any, gi: Any, __: Any) -> Any:
        seen.append((thread.recorder, (gi[0] * leaf(2.0)).requires_grad))
        return (gi[0] * leaf(2.0),)

    layer.register_full_backward_hook(hook)
    x = leaf(1.0)
    layer(x).backward()
    assert seen == [(None, False)]
    assert x.grad.item() == 2


def test_a_graph_that_is_kept_can_be_gone_through_again() -> None:
    layer, seen, x = nn.Identity(), [], leaf(1.0)
    layer.register_full_backward_hook(lambda _, gi, __: seen.append(numbers(gi)))
    y = layer(x * 2)
    y.backward(retain_graph=True)
    y.backward()
    assert seen == [([1],), ([1],)]
    assert x.grad.item() == 4


def test_gradients_that_hooks_keep_are_no_ones_grad() -> None:
    layer, kept, x = nn.Identity(), [], leaf(1.0, 2.0)
    layer.register_full_backward_pre_hook(lambda _, go: kept.append(go[0]))
    layer.register_full_backward_hook(lambda _, gi, __: kept.append(gi[0]))
    layer(x).sum().backward()
    layer(x).sum().backward()
    for g in kept:
        assert not np.shares_memory(g.numpy(), x.grad.numpy())
        np.testing.assert_array_equal(g.numpy(), [1, 1])


def test_a_graph_with_hooks_is_freed_without_the_collector() -> None:
    layer = nn.Linear(1, 1)
    layer.register_full_backward_hook(lambda *_: None)
    gc.collect()
    gc.disable()
    try:
        y = layer(tg.ones(1, 1, requires_grad=True))
        node = weakref.ref(y.node)
        y.sum().backward()
        del y
        assert node() is None
    finally:
        gc.enable()


def test_checks_of_gradients_pass_them_by() -> None:
    layer, calls = nn.Linear(2, 2), []
    layer.register_full_backward_hook(lambda _, gi, __: calls.append(1) or (gi[0] * 2,))
    with tg.autograd.check_gradients() as checked, tg.autograd.detect_anomaly():
        layer(tg.ones(1, 2, requires_grad=True)).sum().backward()
    assert calls == [1]
    assert not checked.skipped


# --- copies ---


@pytest.mark.parametrize("duplicate", [copy.deepcopy, lambda m: pickle.loads(pickle.dumps(m))])
def test_a_copy_has_the_hooks_and_a_life_of_its_own(duplicate: Any) -> None:
    layer = nn.Identity()
    handle = layer.register_forward_hook(shout)
    twin = duplicate(layer)
    handle.remove()
    assert layer(tg.ones(1)).item() == 1
    assert twin(tg.ones(1)).item() == 10
    twin.register_forward_hook(shout)
    assert twin(tg.ones(1)).item() == 100
    assert layer(tg.ones(1)).item() == 1


def test_hooks_are_no_part_of_state_or_repr() -> None:
    layer = nn.Linear(1, 1)
    layer.register_forward_hook(shout)
    assert list(layer.state_dict()) == ["weight", "bias"]
    assert repr(layer) == "Linear(in_features=1, out_features=1, bias=True)"
