"""Memory: graphs are freed by reference counting alone, nothing grows, and depth is no limit."""

from __future__ import annotations

import gc
import tracemalloc
import weakref
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

import tinygrad_np as tg

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@pytest.fixture(autouse=True)
def _no_collector() -> Iterator[None]:
    gc.collect()
    gc.disable()
    yield
    gc.enable()


class Scaled(tg.autograd.Function):
    """Two results, one saved."""

    @staticmethod
    def forward(ctx: Any, x: Any) -> Any:
        y = tg.exp(x)
        ctx.save_for_backward(y)
        return y, x * 2

    @staticmethod
    def backward(ctx: Any, g: Any, h: Any) -> Any:
        (y,) = ctx.saved_tensors
        return g * y + h * 2


def plain(x: Any, w: Any) -> Any:
    h = tg.relu(x @ w + 1.0)
    return (tg.log_softmax(h, 1)[:, [0, 1]] * tg.tanh(h[:, :2])).sum()


def adorned(x: Any, w: Any) -> Any:
    """With hooks, a retained gradient, a Function and a checkpoint."""
    y, z = tg.utils.checkpoint.checkpoint(lambda w: Scaled.apply(x @ w), w, use_reentrant=False)
    y.register_hook(lambda g: g * 3)
    z.retain_grad()
    return (y * z).mean()


def step(
    w: tg.Tensor, x: tg.Tensor, model: Callable[..., Any] = plain, *, second_order: bool = False
) -> tg.Tensor:
    loss = model(x, w)
    if second_order:
        (g,) = tg.autograd.grad(loss, w, create_graph=True)
        loss = loss + (g * g).sum()
    loss.backward()
    with tg.no_grad():
        w -= 1e-3 * w.grad
    w.grad = None
    return loss


@pytest.mark.slow
@pytest.mark.parametrize(
    ("model", "second_order", "steps"),
    [(plain, False, 1000), (plain, True, 300), (adorned, False, 200), (adorned, True, 50)],
)
def test_training_takes_constant_memory(
    model: Callable[..., Any], second_order: bool, steps: int
) -> None:
    w, x = tg.rand(4, 3, requires_grad=True), tg.rand(5, 4)
    tracemalloc.start()
    array_data = tracemalloc.DomainFilter(inclusive=True, domain=np.lib.tracemalloc_domain)

    def held() -> tuple[int, int]:
        """Bytes of all arrays, and the number of container objects."""
        arrays = tracemalloc.take_snapshot().filter_traces([array_data])
        return sum(trace.size for trace in arrays.traces), len(gc.get_objects())

    for _ in range(20):
        step(w, x, model, second_order=second_order)
    bytes_before, objects_before = held()
    for _ in range(steps):
        step(w, x, model, second_order=second_order)
    bytes_after, objects_after = held()
    tracemalloc.stop()
    assert bytes_after == bytes_before
    assert objects_after - objects_before < 50


def test_a_graph_goes_with_its_last_result() -> None:
    x = tg.rand(3, requires_grad=True)
    y = tg.exp(x * x).sum()
    nodes = [weakref.ref(y.node), *(weakref.ref(p) for p in y.node.parents)]
    array = weakref.ref(y.node.parents[0].saved[-1])
    del y
    assert [node() for node in nodes] == [None] * len(nodes)
    assert array() is None


def test_a_graph_goes_after_backward_and_after_double_backward() -> None:
    x = tg.rand(3, requires_grad=True)
    y = (tg.exp(x) * x).sum()
    (g,) = tg.autograd.grad(y, x, create_graph=True)
    node = weakref.ref(g.node)
    (g * g).sum().backward()
    del y, g
    assert node() is None


def test_an_accumulated_gradient_with_a_history_is_no_cycle() -> None:
    x = tg.rand(3, requires_grad=True)
    (x * 2.5).backward(tg.rand(3), create_graph=True)
    tensor = weakref.ref(x)
    del x
    assert tensor() is None


def test_backward_drops_the_arrays_and_keeps_the_edges() -> None:
    x = tg.rand(1000, requires_grad=True)
    h = x * 2
    activation = weakref.ref(h.detach().numpy())
    y = tg.tanh(h * h).sum()
    del h
    assert activation() is not None
    y.backward()
    assert activation() is None
    assert y.grad_fn.next_functions[0][0].name() == "TanhBackward0"


def test_only_what_a_rule_reads_is_kept() -> None:
    x = tg.rand(1000, requires_grad=True)
    h = x * 2
    activation = weakref.ref(h.detach().numpy())
    y = (h + 1).sum()
    del h
    assert activation() is None
    y.backward()


def test_operands_without_wanted_gradient_are_not_kept() -> None:
    w, x = tg.rand(3, requires_grad=True), tg.rand(3)
    other = tg.rand(3) * 1.0
    kept, dropped = weakref.ref(other.numpy()), weakref.ref(x.numpy())
    y = w * other
    z = w.detach() * x
    del other, x
    assert kept() is not None  # the gradient of w reads it
    assert dropped() is None
    del y, z


@pytest.mark.slow
def test_a_chain_of_100_000_ops() -> None:
    x = tg.tensor([1.0], requires_grad=True)
    y = x
    for i in range(100_000):
        y = y * 1.0 if i % 2 else y + 1e-5
    first = weakref.ref(y.node)
    assert repr(y).endswith("grad_fn=<MulBackward0>)")
    (g,) = tg.autograd.grad(y, x, tg.tensor([3.0]), retain_graph=True)
    np.testing.assert_array_equal(g.numpy(), [3.0])
    y.backward(tg.tensor([2.0]))
    np.testing.assert_array_equal(x.grad.numpy(), [2.0])
    del y, g
    assert first() is None


@pytest.mark.slow
def test_a_chain_differentiates_twice() -> None:
    x = tg.tensor([1.0], dtype=tg.float64, requires_grad=True)
    y = x
    for _ in range(5_000):
        y = y * 1.0001
    (g,) = tg.autograd.grad(y * y, x, tg.tensor([1.0]), create_graph=True)
    (h,) = tg.autograd.grad(g, x, tg.tensor([1.0]))
    np.testing.assert_allclose(h.numpy(), [2 * 1.0001**10_000], rtol=1e-9)
