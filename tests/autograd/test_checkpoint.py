"""Activation checkpoints: the same results and gradients, and less memory in between."""

from __future__ import annotations

import contextlib
import gc
import weakref
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from helpers import TIGHT

import nn
import tinygrad_np as tg
from tinygrad_np.autograd import Function, gradcheck, gradgradcheck
from tinygrad_np.errors import GraphError
from tinygrad_np.utils.checkpoint import checkpoint, checkpoint_sequential

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

equal = np.testing.assert_array_equal


class Square(Function):
    """Two results, one of which is saved."""

    @staticmethod
    def forward(ctx: Any, x: Any) -> Any:
        y = x * x
        ctx.save_for_backward(x, None, y)
        return y, x + 1

    @staticmethod
    def backward(ctx: Any, g: Any, h: Any) -> Any:
        x, _, y = ctx.saved_tensors
        return g * 2 * y / x + h


def model() -> nn.Sequential:
    tg.manual_seed(1)
    return nn.Sequential(
        nn.Linear(4, 6), nn.ReLU(), nn.Dropout(0.5), nn.Linear(6, 3), nn.Tanh(), nn.Dropout(0.2)
    )


def gradients(run: Callable[[Any], Any], net: nn.Module, *, second: bool = False) -> list[Any]:
    """Loss, and gradients of the input and the parameters, from the same seed."""
    x = tg.tensor(np.linspace(-1, 1, 20).reshape(5, 4), dtype=tg.float32, requires_grad=True)
    net.zero_grad()
    tg.manual_seed(7)
    a, b = run(x)
    after = tg.rand(2)  # the stream goes on as ever
    loss = (a * b).sum()
    if second:
        (g,) = tg.autograd.grad(loss, x, create_graph=True)
        loss = loss + (g * g).sum()
    loss.backward()
    during = tg.rand(2)
    found = [loss.detach(), x.grad, *(p.grad for p in net.parameters()), after, during]
    return [t.numpy().copy() for t in found]


@pytest.mark.parametrize("second", [False, True])
@pytest.mark.parametrize("reentrant", [False, True, None])
@pytest.mark.parametrize("nested", [False, True])
def test_results_gradients_and_dropout_are_those_of_the_plain_call(
    second: bool, reentrant: bool | None, nested: bool
) -> None:
    net = model()

    def plain(x: Any, *, power: float = 1.0) -> Any:
        y, z = Square.apply(net(x * tg.exp(x)) + 3)
        return y**power, tg.exp(z)

    def inner(x: Any) -> Any:
        return checkpoint(lambda x: x * tg.exp(x), x, use_reentrant=reentrant)

    def deep(x: Any, *, power: float = 1.0) -> Any:
        y, z = Square.apply(checkpoint(lambda h: net(h) + 3, inner(x), use_reentrant=reentrant))
        return y**power, tg.exp(z)

    def saving(x: Any) -> Any:
        return checkpoint(deep if nested else plain, x, use_reentrant=reentrant, power=1.5)

    expected = gradients(lambda x: plain(x, power=1.5), net, second=second)
    for mine, right in zip(gradients(saving, net, second=second), expected, strict=True):
        equal(mine, right)


def test_gradients_of_both_orders_are_right() -> None:
    x = tg.tensor([0.5, -1.0], dtype=tg.float64, requires_grad=True)
    w = tg.tensor([2.0, 0.3], dtype=tg.float64, requires_grad=True)

    def f(x: Any) -> Any:
        return checkpoint(lambda x: tg.tanh(x * w) * x, x, use_reentrant=False)

    assert gradcheck(f, x)
    assert gradgradcheck(f, x, **TIGHT)


def test_a_parameter_alone_may_require_grad() -> None:
    net = nn.Linear(2, 1)
    checkpoint(net, tg.ones(3, 2), use_reentrant=True).sum().backward()
    equal(net.weight.grad.numpy(), [[3.0, 3.0]])


@pytest.fixture
def _no_collector() -> Iterator[None]:
    gc.collect()
    gc.disable()
    yield
    gc.enable()


@pytest.mark.usefixtures("_no_collector")
def test_no_activation_is_kept_and_nothing_lies_on_a_cycle() -> None:
    activations = []

    def f(x: Any) -> Any:
        h = tg.exp(x)
        activations.append(weakref.ref(h.detach().numpy()))
        y, _ = Square.apply(h)
        activations.append(weakref.ref(y.detach().numpy()))
        return tg.sqrt(y)

    x = tg.ones(1000, requires_grad=True)
    y = checkpoint(f, x * 1, use_reentrant=False)
    first = weakref.ref(y.node.parents[0])
    assert [a() for a in activations] == [None, None]
    y.backward(tg.ones(1000), retain_graph=True)
    assert len(activations) == 4
    assert all(a() is not None for a in activations[2:])
    y.backward(tg.ones(1000))
    assert len(activations) == 4  # the second run served both
    assert [a() for a in activations] == [None] * 4
    np.testing.assert_allclose(x.grad.numpy(), 2 * np.exp(1), rtol=1e-6)
    with pytest.raises(GraphError, match="freed"):
        y.backward(tg.ones(1000))
    assert first() is not None
    del y
    assert first() is None


@pytest.mark.usefixtures("_no_collector")
def test_an_inner_checkpoint_keeps_its_arguments_during_the_outer_second_run_only() -> None:
    arguments = []

    def outer(x: Any) -> Any:
        h = tg.exp(x)
        arguments.append(weakref.ref(h.detach().numpy()))
        return checkpoint(tg.exp, h, use_reentrant=False)

    x = tg.zeros(3, requires_grad=True)
    y = checkpoint(outer, x, use_reentrant=False)
    assert arguments[0]() is None
    y.sum().backward()
    np.testing.assert_allclose(x.grad.numpy(), np.exp(1), rtol=1e-6)


def test_hooks_and_retained_gradients_inside() -> None:
    x = tg.tensor([1.0, 2.0], requires_grad=True)
    seen: list[Any] = []

    def f(x: Any) -> Any:
        h = x * x
        h.register_hook(lambda g: seen.append(g.tolist()) or g * 10)
        return h * h

    checkpoint(f, x, use_reentrant=False).sum().backward()
    assert seen == [[2.0, 8.0]]  # of the first run's tensor: the second has no backward pass
    equal(x.grad.numpy(), [40.0, 320.0])


def test_a_function_that_differentiates() -> None:
    x = tg.tensor([1.0, 2.0], requires_grad=True)

    def slope(x: Any) -> Any:
        (g,) = tg.autograd.grad((x**3).sum(), x, create_graph=True)
        return g * x

    checkpoint(slope, x, use_reentrant=False).sum().backward()  # 3x³
    equal(x.grad.numpy(), [9.0, 36.0])


def test_writes_in_place_inside() -> None:
    net = nn.Sequential(nn.Linear(2, 3), nn.ReLU(inplace=True), nn.Linear(3, 1))
    x = tg.tensor([[1.0, -2.0]], requires_grad=True)
    checkpoint(net, x, use_reentrant=False).sum().backward()
    mine, x.grad = x.grad, None
    net(x).sum().backward()
    equal(mine.numpy(), x.grad.numpy())


def test_under_no_grad_it_is_the_plain_call() -> None:
    with tg.no_grad():
        assert not checkpoint(tg.exp, tg.ones(1, requires_grad=True)).requires_grad


def test_arguments_and_parameters_must_not_change_in_between() -> None:
    x, w = tg.ones(2, requires_grad=True), tg.ones(2, requires_grad=True)
    h = x * 1
    y = checkpoint(lambda h: h * w, h, use_reentrant=False)
    h.mul_(2)
    with pytest.raises(GraphError, match=r"derivative of checkpoint .*changed in place"):
        y.sum().backward()
    y = checkpoint(lambda x: x * w, x * 1, use_reentrant=False)
    with tg.no_grad():
        w.mul_(2)
    with pytest.raises(GraphError, match=r"derivative of Mul .*version 1, and was at version 0"):
        y.sum().backward()


def test_both_runs_must_do_the_same() -> None:
    x = tg.ones(2, requires_grad=True)
    runs: list[int] = []

    def fickle(x: Any) -> Any:
        runs.append(1)
        return tg.exp(x) if len(runs) == 1 else tg.exp(x) * x

    with pytest.raises(GraphError, match="recorded 1 operations in the forward pass and 2 in the"):
        checkpoint(fickle, x, use_reentrant=False).sum().backward()

    def growing(x: Any) -> Any:
        runs.append(1)
        return tg.exp(x.expand(len(runs), 2))

    with pytest.raises(GraphError, match=r"Exp of shape \(3, 2\) and dtype float32 in the forward"):
        checkpoint(growing, x, use_reentrant=False).sum().backward()
    with pytest.raises(ValueError, match="determinism_check must be 'default' or 'none'"):
        checkpoint(tg.exp, x, determinism_check="strict")


def test_without_preserved_state_the_second_run_draws_anew() -> None:
    x = tg.ones(1000, requires_grad=True)

    def noisy(x: Any) -> Any:
        return x * tg.rand(1000)

    y = checkpoint(noisy, x, use_reentrant=False, preserve_rng_state=False)
    y.sum().backward()
    assert not np.array_equal(y.detach().numpy(), x.grad.numpy())


def test_contexts_around_both_runs() -> None:
    entered: list[str] = []

    @contextlib.contextmanager
    def context(name: str) -> Iterator[None]:
        entered.append(name)
        yield

    x = tg.ones(2, requires_grad=True)
    y = checkpoint(
        tg.exp, x, use_reentrant=False, context_fn=lambda: (context("first"), context("second"))
    )
    assert entered == ["first"]
    y.sum().backward()
    assert entered == ["first", "second"]


@pytest.mark.parametrize("segments", [1, 2, 3, 6])
def test_checkpoint_sequential(segments: int) -> None:
    net = model()
    expected = gradients(lambda x: (net(x), 1.0), net)
    mine = gradients(
        lambda x: (checkpoint_sequential(net, segments, x, use_reentrant=False), 1.0), net
    )
    for a, b in zip(mine, expected, strict=True):
        equal(a, b)


def test_checkpoint_sequential_refuses_other_numbers_of_segments() -> None:
    for segments in (0, 3):
        with pytest.raises(ValueError, match=f"2 functions cannot be divided into {segments} seg"):
            checkpoint_sequential([tg.exp, tg.log], segments, tg.ones(1))


def test_a_checkpointed_graph_can_be_drawn() -> None:
    x = tg.ones(2, requires_grad=True)
    y = checkpoint(lambda x: tg.exp(x * tg.ones(2)), x, use_reentrant=False)
    lines = tg.graph.text(y).splitlines()
    assert [line.split()[2].split("(")[0] for line in lines] == ["leaf", "Mul", "Exp"]


def test_utils_are_where_pytorch_has_them() -> None:
    assert tg.utils.checkpoint.checkpoint is checkpoint
    assert tg.utils.data.DataLoader is nn.data.DataLoader
    assert "TensorDataset" in dir(tg.utils.data)
    with pytest.raises(AttributeError, match="Loader"):
        _ = tg.utils.data.Loader


def test_checking_modes_look_into_checkpoints() -> None:
    x = tg.tensor([0.5, -1.0], dtype=tg.float64, requires_grad=True)

    def run() -> None:
        y, z = checkpoint(lambda x: Square.apply(tg.tanh(x)), x, use_reentrant=False)
        (y * z).sum().backward()

    with tg.autograd.detect_anomaly():
        run()
    with tg.autograd.check_gradients() as checked:
        run()
    assert checked.skipped == []
    assert checked.checked == 5
    with tg.graph.trace() as trace, tg.recorder.scope("part"):
        y = checkpoint(tg.exp, x, use_reentrant=False)
    assert trace.path(y.node) == ("part",)
