"""Traces: who recorded what, restored modes, and no leaks."""

import gc
import weakref
from collections.abc import Iterator
from typing import Any

import pytest

import tinygrad_np as tg
from tinygrad_np import graph
from tinygrad_np.core import Node
from tinygrad_np.recorder import PLAIN, WATCHED, Recorder, scope, thread, watching


@pytest.fixture
def no_collector() -> Iterator[None]:
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def leaf() -> tg.Tensor:
    return tg.ones(2, requires_grad=True)


def test_paths() -> None:
    x = leaf()
    with graph.trace() as trace:
        plain = x * 2
        with scope("a"), scope("b"):
            inner = plain * 2
    outside = inner * 2
    assert [trace.path(y.vertex) for y in (x, plain, inner, outside)] == [(), (), ("a", "b"), ()]


def test_recorder_is_restored_even_after_an_error() -> None:
    with graph.trace() as trace:
        assert thread.recorder is WATCHED
        assert thread.watchers == (trace,)
    assert thread.recorder is PLAIN
    with pytest.raises(tg.ShapeError, match="do not multiply"), graph.trace():
        leaf() @ tg.ones(3)
    assert thread.recorder is PLAIN


def test_no_grad_stays_no_grad() -> None:
    with tg.no_grad(), graph.trace():
        assert not (leaf() * 2).requires_grad


def test_no_grad_inside() -> None:
    with graph.trace() as trace, scope("a"):
        with tg.no_grad():
            assert not (leaf() * 2).requires_grad
            with tg.enable_grad():
                assert trace.path((leaf() * 2).node) == ("a",)
        assert trace.path((leaf() * 2).node) == ("a",)


def test_watchers_around_are_told_as_well() -> None:
    class Listener(Recorder):
        def __init__(self) -> None:
            self.told: list[Node] = []

        def recorded(self, node: Node, operands: Any, result: Any) -> None:  # noqa: ARG002 - nodes alone
            self.told.append(node)

    listener = Listener()
    with watching(listener), graph.trace() as outer, graph.trace() as inner, scope("a"):
        y = leaf() * 2
    assert listener.told == [y.node]
    assert outer.path(y.node) == inner.path(y.node) == ("a",)


def test_trace_does_not_change_results() -> None:
    def loss() -> Any:
        x = leaf()
        ((x * x).exp() * 3).sum().backward()
        return x.grad.tolist()

    plain = loss()
    with graph.trace(), scope("a"):
        assert loss() == plain


@pytest.mark.usefixtures("no_collector")
def test_nodes_are_forgotten_without_the_collector() -> None:
    with graph.trace() as trace, scope("a"):
        y = (leaf() * 2).exp()
    names = {"y": y}
    node = weakref.ref(y.node)
    graph.dot(y, names=names, trace=trace)
    graph.text(y, names=names, trace=trace)
    del y, names
    assert node() is None
    assert len(trace._paths) == 0


@pytest.mark.usefixtures("no_collector")
def test_picture_holds_nothing_after_an_error() -> None:
    y = leaf() * 2
    node = weakref.ref(y.node)
    with pytest.raises(TypeError, match="must be a Tensor"):
        graph.dot(y, names={"y": 1})
    del y
    assert node() is None


@pytest.mark.usefixtures("no_collector")
def test_traced_chain_is_freed_iteratively() -> None:
    with graph.trace() as trace, scope("a"):
        y = leaf()
        for _ in range(100_000):
            y = y + 1.0
    assert len(trace._paths) == 100_000
    del y
    assert len(trace._paths) == 0
