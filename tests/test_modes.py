"""Grad modes: context managers and decorators, nested, with exceptions, each thread on its own."""

from __future__ import annotations

import sys
import threading
from typing import TYPE_CHECKING, Any

import pytest

import tinygrad_np as tg
from tinygrad_np.errors import DtypeError, GraphError

if TYPE_CHECKING:
    from collections.abc import Callable

x = tg.ones(2, requires_grad=True)


def recorded() -> bool:
    """Whether an operation is, in fact."""
    result = (x * 2).requires_grad
    assert result == tg.is_grad_enabled()
    return result


@pytest.mark.parametrize("mode", [tg.no_grad, tg.inference_mode])
def test_nothing_is_recorded(mode: Callable[[], Any]) -> None:
    assert recorded()
    with mode():
        assert not recorded()
        assert tg.tensor([1.0], requires_grad=True).requires_grad
        with tg.enable_grad():
            assert recorded() == (mode is tg.no_grad)
            with mode():
                assert not recorded()
            assert recorded() == (mode is tg.no_grad)
        assert not recorded()
    assert recorded()


def test_inference_mode_ends_only_by_itself() -> None:
    assert not tg.is_inference_mode_enabled()
    with tg.inference_mode():
        assert tg.is_inference_mode_enabled()
        with tg.set_grad_enabled(True):
            assert not recorded()
        with tg.inference_mode(False):
            assert not tg.is_inference_mode_enabled()
            assert recorded()
        assert tg.is_inference_mode_enabled()
        assert not recorded()
    assert not tg.is_inference_mode_enabled()
    with tg.no_grad(), tg.inference_mode(False):  # as in PyTorch
        assert recorded()


@pytest.mark.parametrize("mode", [tg.no_grad, tg.inference_mode, tg.set_grad_enabled])
def test_a_generator_has_its_mode_only_while_it_runs(mode: Any) -> None:
    seen = []

    @(mode(False) if mode is tg.set_grad_enabled else mode())
    def generator(n: int) -> Any:
        """Documented."""
        try:
            for i in range(n):
                seen.append(recorded())
                try:
                    seen.append((yield i))
                except KeyError:
                    seen.append(recorded())
                    yield -1
        finally:
            seen.append(recorded())
        return n

    assert generator.__doc__ == "Documented."
    running = generator(3)
    assert next(running) == 0
    assert recorded()
    assert running.send("sent") == 1
    assert recorded()
    assert running.throw(KeyError()) == -1
    with tg.no_grad():  # the caller's mode is the caller's
        assert next(running) == 2
        assert not recorded()
    assert recorded()
    with pytest.raises(StopIteration) as end:
        next(running)
    assert end.value.value == 3
    assert recorded()
    assert seen == [False, "sent", False, False, False, None, False]


def test_a_generator_that_is_closed_or_fails() -> None:
    seen = []

    @tg.no_grad()
    def generator(fails: bool) -> Any:
        try:
            yield 1
            if fails:
                raise KeyError
        finally:
            seen.append(recorded())

    running = generator(fails=False)
    next(running)
    running.close()
    assert seen == [False]
    assert recorded()
    failing = generator(fails=True)
    next(failing)
    with pytest.raises(KeyError):
        next(failing)
    assert seen == [False, False]
    assert recorded()
    assert list(generator(fails=False)) == [1]


@pytest.mark.parametrize("mode", [tg.no_grad, tg.inference_mode, tg.enable_grad])
@pytest.mark.parametrize("parentheses", [True, False])
def test_decorators(mode: Any, parentheses: bool) -> None:
    def function(a: int, *, b: int = 0) -> tuple[int, bool]:
        """Documented."""
        return a + b, recorded()

    decorated = mode()(function) if parentheses else mode(function)
    assert decorated.__name__ == "function"
    assert decorated.__doc__ == "Documented."
    with tg.set_grad_enabled(mode is not tg.enable_grad):
        assert decorated(1, b=2) == (3, mode is tg.enable_grad)
        assert recorded() == (mode is not tg.enable_grad)


def test_a_decorated_function_may_call_itself() -> None:
    @tg.no_grad()
    def countdown(n: int) -> bool:
        return recorded() or (n > 0 and countdown(n - 1))

    assert not countdown(3)
    assert recorded()


@pytest.mark.parametrize(
    "mode", [tg.no_grad, tg.inference_mode, lambda: tg.set_grad_enabled(False)]
)
def test_exceptions_restore_the_mode(mode: Callable[[], Any]) -> None:
    with pytest.raises(KeyError), mode():
        raise KeyError
    assert recorded()

    @mode()
    def failing() -> None:
        assert not recorded()
        raise KeyError

    with pytest.raises(KeyError):
        failing()
    assert recorded()


def test_one_mode_entered_within_itself() -> None:
    mode = tg.no_grad()
    with mode:
        with mode, tg.enable_grad():
            assert recorded()
        assert not recorded()
    assert recorded()


def test_set_grad_enabled_as_a_function_a_block_and_a_decorator() -> None:
    tg.set_grad_enabled(False)
    assert not recorded()
    with tg.set_grad_enabled(True):
        assert recorded()
    assert not recorded()
    tg.set_grad_enabled(True)

    @tg.set_grad_enabled(False)
    def function() -> bool:
        return recorded()

    assert recorded()
    assert not function()
    assert recorded()


def test_threads_have_modes_of_their_own() -> None:
    seen: list[bool] = []

    def work() -> None:
        seen.append(recorded())
        with tg.no_grad():
            inside.set()
            go_on.wait(10)
            seen.append(recorded())

    inside, go_on = threading.Event(), threading.Event()
    with tg.no_grad():
        thread = threading.Thread(target=work)
        thread.start()
        assert inside.wait(10)
    assert recorded()  # while the other thread is still in its no_grad
    go_on.set()
    thread.join()
    assert seen == [True, False]


def test_threads_differentiate_independently() -> None:
    results: dict[int, float] = {}

    def work(k: int) -> None:
        w = tg.tensor([float(k)], requires_grad=True)
        for _ in range(50):
            w.grad = None
            (w * w * w).backward(tg.tensor([2.0]))
        results[k] = w.grad.item()

    threads = [threading.Thread(target=work, args=(k,)) for k in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == {k: 6.0 * k * k for k in range(4)}


def in_threads(work: Callable[[int], Any]) -> None:
    """Run `work` in four threads that start together and change places often."""
    start, interval = threading.Barrier(4), sys.getswitchinterval()

    def run(k: int) -> None:
        start.wait(10)
        work(k)

    threads = [threading.Thread(target=run, args=(k,)) for k in range(4)]
    sys.setswitchinterval(1e-6)
    try:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(interval)


def test_threads_accumulate_into_one_leaf() -> None:
    w = tg.ones(100_000, requires_grad=True)

    def work(_: int) -> None:
        for _ in range(40):
            (w * 1).sum().backward()

    in_threads(work)
    assert (w.grad == 160).all()


@pytest.mark.parametrize("draw", [tg.rand, tg.randn, lambda n, **kw: tg.randn(n + 1, **kw)])
def test_threads_never_draw_the_same_numbers(draw: Callable[..., tg.Tensor]) -> None:
    drawn: list[list[float]] = [[] for _ in range(4)]

    def work(k: int) -> None:
        for n in (8, 1000, 5, 1000):
            drawn[k] += draw(n, dtype=tg.float64).tolist()

    for seed in range(5):
        tg.manual_seed(seed)  # from where the stream is made anew, by whoever comes first
        in_threads(work)
    one_by_one = []
    for seed in range(5):
        tg.manual_seed(seed)
        for _ in range(4):
            for n in (8, 1000, 5, 1000):
                one_by_one += draw(n, dtype=tg.float64).tolist()
    every = [number for numbers in drawn for number in numbers]
    assert len(set(every)) == len(every)
    if draw is tg.rand:  # of normal numbers, blocks depend on who comes when
        assert sorted(every) == sorted(one_by_one)


def test_inference_mode_takes_its_flag_by_name_too() -> None:
    with tg.inference_mode(mode=True):
        assert not recorded()
        with tg.inference_mode(mode=False):
            assert recorded()
    for decorated in (tg.inference_mode(recorded), tg.inference_mode(mode=True)(recorded)):
        assert not decorated()


def test_a_gradient_is_of_its_tensor_s_kind_and_not_itself() -> None:
    y = tg.ones(2)
    with pytest.raises(DtypeError, match=r"of float64 .* of float32.* \.to\(x\.dtype\)"):
        y.grad = tg.ones(2, dtype=tg.float64)
    with pytest.raises(GraphError, match="cannot be its own gradient"):
        y.grad = y
    assert y.grad is None
    y.grad = tg.ones(2)
    del y.grad
    assert y.grad is None


@pytest.mark.parametrize("flag", [True, False])
def test_the_flag_of_a_result_is_not_set(flag: bool) -> None:
    y = x * 2
    with pytest.raises(RuntimeError, match="can be set for leaves only"):
        y.requires_grad = flag
    assert y.requires_grad_(True) is y


def test_requires_grad_is_for_floats_and_leaves() -> None:
    with pytest.raises(RuntimeError, match="only floating-point tensors can require gradients"):
        tg.tensor([1, 2], requires_grad=True)
    with pytest.raises(RuntimeError, match="only leaves can stop asking"):
        (x * 2).requires_grad_(False)
    y = tg.ones(2).requires_grad_()
    assert (y * 2).requires_grad
    y.requires_grad = False
    assert not (y * 2).requires_grad
