"""Work spread over threads: all of it done once, BLAS put back, errors and contexts carried."""

from __future__ import annotations

import concurrent.futures
import itertools
import multiprocessing
import os
import threading
import warnings
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

import tinygrad_np as tg
from tinygrad_np.kernels import conv, threads

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.mark.usefixtures("two")
def test_the_number_of_threads_is_that_of_blas_too() -> None:
    assert tg.get_num_threads() == threads.find_blas().get() == 2
    tg.set_num_threads(1)
    assert tg.get_num_threads() == threads.find_blas().get() == 1


@pytest.mark.parametrize("count", [0, -1, 1.5, True, "2"])
def test_a_number_of_threads_is_a_positive_int(count: Any) -> None:
    with pytest.raises(RuntimeError, match="expected a positive int"):
        tg.set_num_threads(count)


def test_a_blas_that_cannot_be_told_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threads, "NAMES", ("nothing_{}_like_it",))
    threads.find_blas.cache_clear()
    try:
        with pytest.warns(RuntimeWarning, match="OMP_NUM_THREADS") as warned:
            tg.set_num_threads(2)
        assert warned[0].filename == __file__
        assert tg.get_num_threads() == 1
        done: list[int] = []
        threads.each(done.append, range(5))
        assert done == [0, 1, 2, 3, 4]
    finally:
        threads.find_blas.cache_clear()


@pytest.mark.usefixtures("two")
def test_every_chunk_is_done_once_and_blas_keeps_to_one_thread_meanwhile() -> None:
    seen: list[tuple[int, int]] = []
    threads.each(lambda i: seen.append((i, threads.find_blas().get())), range(100))
    assert sorted(seen) == [(i, 1) for i in range(100)]
    assert threads.find_blas().get() == 2


@pytest.mark.usefixtures("two")
def test_two_threads_work_at_the_same_time() -> None:
    meeting = threading.Barrier(2, timeout=10)
    threads.each(lambda _: meeting.wait(), range(2))  # each waits for the other


@pytest.mark.usefixtures("two")
def test_the_first_error_is_raised_and_blas_put_back() -> None:
    def fail(i: int) -> None:
        raise ValueError(f"chunk {i}")

    with pytest.raises(ValueError, match="chunk"):
        threads.each(fail, range(10))
    assert threads.find_blas().get() == 2


@pytest.mark.usefixtures("two")
def test_a_helper_has_the_error_state_of_its_caller() -> None:
    meeting = threading.Barrier(2, timeout=10)

    def divide(_: int) -> None:
        meeting.wait()
        np.ones(3) / np.zeros(3)

    with warnings.catch_warnings(), np.errstate(divide="ignore"):
        warnings.simplefilter("error")
        threads.each(divide, range(2))


@pytest.mark.usefixtures("two")
def test_inside_a_task_each_is_a_plain_loop() -> None:
    done: list[int] = []
    threads.each(lambda i: threads.each(lambda j: done.append(10 * i + j), range(3)), range(3))
    assert sorted(done) == [0, 1, 2, 10, 11, 12, 20, 21, 22]


@pytest.mark.parametrize(
    ("size", "ends"), [(0, [0, 0]), (1, [0, 1]), (2, [0, 1, 2]), (7, [0, 3, 7])]
)
@pytest.mark.usefixtures("two")
def test_parts_are_even_and_no_more_than_threads(size: int, ends: list[int]) -> None:
    assert threads.cut(size) == [slice(a, b) for a, b in itertools.pairwise(ends)]


LARGE = np.empty(1 << 20, np.float32)  # 4 MiB, never touched
A, B, ALL = slice(0, 2), slice(2, 4), slice(None)


@pytest.mark.parametrize(
    ("x", "parts"),
    [
        (LARGE.reshape(4, -1), [(A,), (B,)]),
        (LARGE.reshape(4, -1).T, [(ALL, A), (ALL, B)]),
        (LARGE.reshape(4, -1, 8).transpose(1, 0, 2), [(ALL, A), (ALL, B)]),
        (LARGE.reshape(1, 4, -1), [(ALL, A), (ALL, B)]),
        (LARGE.reshape(1, 4, -1)[:, ::-1], [(ALL, A), (ALL, B)]),
        (LARGE.reshape(2, -1)[:, ::-1], [(slice(0, 1),), (slice(1, 2),)]),
        (LARGE.reshape(4, -1)[::-1], [(A,), (B,)]),
        (LARGE[1:], [()]),
    ],
    ids=["rows", "columns", "middle", "one", "one, turned", "two, turned", "turned", "small"],
)
@pytest.mark.usefixtures("two")
def test_stretches_cut_large_arrays_across_their_memory(x: Any, parts: Any) -> None:
    threads.each(lambda _: None, range(2))  # so that threads of ours are in use
    assert threads.stretches(x) == parts


def test_nothing_is_stretched_before_threads_of_ours_are_in_use(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(threads, "_pools", [])
    assert threads.stretches(LARGE) == [()]


class Watched:
    """Threads that count what is submitted, and call `resume` before a result is waited for."""

    def __init__(self, resume: Callable[[], None] = lambda: None) -> None:
        self.executor, self.resume, self.submitted = ThreadPoolExecutor(4), resume, 0

    def submit(self, *task: Any) -> Any:
        self.submitted += 1
        future = self.executor.submit(*task)
        own = future.result
        future.result = lambda: (self.resume(), own())[1]  # type: ignore[method-assign]  # watched
        return future


@pytest.mark.parametrize(
    ("count", "chunks", "helpers"), [(2, 5, 1), (3, 5, 2), (3, 2, 1), (3, 1, 0), (1, 5, 0)]
)
@pytest.mark.usefixtures("two")
def test_each_asks_for_no_more_helpers_than_it_can_use(
    monkeypatch: pytest.MonkeyPatch, count: int, chunks: int, helpers: int
) -> None:
    pool = Watched()
    monkeypatch.setattr(threads, "_pools", [pool])
    tg.set_num_threads(count)
    seen: list[int] = []
    threads.each(lambda _: seen.append(threads.find_blas().get()), range(chunks))
    assert pool.submitted == helpers
    assert seen == [1 if helpers else count] * chunks  # a plain loop leaves BLAS its threads


@pytest.mark.usefixtures("two")
def test_after_an_error_no_further_chunk_is_begun(monkeypatch: pytest.MonkeyPatch) -> None:
    meeting, stopped = threading.Barrier(2, timeout=10), threading.Event()
    monkeypatch.setattr(threads, "_pools", [Watched(stopped.set)])
    begun: list[int] = []

    def fail_here(i: int) -> None:
        begun.append(i)
        if i < 2:
            meeting.wait()
            if threading.current_thread() is threading.main_thread():
                raise ValueError("here")
            stopped.wait(20)

    with pytest.raises(ValueError, match="here"):
        threads.each(fail_here, range(10))
    assert sorted(begun) == [0, 1]


@pytest.mark.usefixtures("two")
def test_blocks_alone_nest_and_the_last_one_gives_blas_its_threads_back() -> None:
    blas, alone = threads.find_blas(), threads.alone
    with alone:
        with alone:
            assert (blas.get(), tg.get_num_threads()) == (1, 2)
        assert (blas.get(), tg.get_num_threads()) == (1, 2)
    assert (blas.get(), tg.get_num_threads()) == (2, 2)
    tg.set_num_threads(1)
    assert (blas.get(), tg.get_num_threads()) == (1, 1)


@pytest.mark.usefixtures("two")
def test_a_number_of_threads_set_meanwhile_holds_afterwards() -> None:
    blas = threads.find_blas()
    with threads.alone:
        tg.set_num_threads(3)
        assert (blas.get(), tg.get_num_threads()) == (1, 3)
    assert blas.get() == 3


@pytest.mark.usefixtures("two")
def test_whoever_keeps_blas_alone_first_does_so_at_once() -> None:
    with threads._Alone():
        assert threads.find_blas().get() == 1
    assert threads.find_blas().get() == 2


@pytest.mark.parametrize("missing", ["get", "set"])
def test_a_blas_that_has_but_one_of_the_two_functions_is_passed_over(
    monkeypatch: pytest.MonkeyPatch, missing: str
) -> None:
    library = SimpleNamespace(
        scipy_openblas_get_num_threads=lambda: 4,
        scipy_openblas_set_num_threads=print,
        openblas_get_num_threads=lambda: 3,
        openblas_set_num_threads=print,
    )
    delattr(library, f"scipy_openblas_{missing}_num_threads")
    monkeypatch.setattr(threads.ctypes, "CDLL", lambda _: library)
    assert threads.find_blas.__wrapped__() == (library.openblas_get_num_threads, print)


@pytest.mark.usefixtures("two")
def test_a_helper_that_never_starts_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    free = threading.Event()
    busy = ThreadPoolExecutor(1)
    other = busy.submit(free.wait, 5)
    monkeypatch.setattr(threads, "_pools", [busy])
    done: list[int] = []
    threads.each(done.append, range(5))
    assert done == [0, 1, 2, 3, 4]
    assert not other.done()
    free.set()


@pytest.mark.usefixtures("two")
def test_a_helper_that_works_is_waited_for_and_its_error_raised() -> None:
    meeting = threading.Barrier(2, timeout=10)

    def fail_there(_: int) -> None:
        meeting.wait()
        if threading.current_thread() is not threading.main_thread():
            raise ValueError("there")

    with pytest.raises(ValueError, match="there"):
        threads.each(fail_there, range(2))


@pytest.mark.parametrize(("cores", "helpers"), [(None, 1), (1, 1), (2, 1), (3, 2), (8, 7)])
@pytest.mark.parametrize("forks", [False, True])
def test_threads_are_made_once_and_one_core_is_left_to_the_caller(
    monkeypatch: pytest.MonkeyPatch, cores: Any, helpers: int, forks: bool
) -> None:
    after: dict[str, Any] = {}
    system = SimpleNamespace(cpu_count=lambda: cores)
    if forks:  # as not everywhere
        system.register_at_fork = after.update
    monkeypatch.setattr(threads, "os", system)
    monkeypatch.setattr(threads, "_pools", [])
    monkeypatch.setattr(concurrent.futures, "ThreadPoolExecutor", lambda *made: made)
    assert threads._pool() == (helpers, "tinygrad_np")
    assert threads._pool() is threads._pool()
    assert len(threads._pools) == 1
    assert after == ({"after_in_child": threads._forget} if forks else {})


def test_a_fork_has_no_threads_yet_and_no_block_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    alone = threads._Alone()
    alone.lock.acquire()
    alone.users = 1
    monkeypatch.setattr(threads, "alone", alone)
    monkeypatch.setattr(threads, "_pools", [object()])
    threads._forget()
    assert not threads.in_use()
    assert not alone.lock.locked()
    assert not alone.users


def meet() -> None:
    meeting = threading.Barrier(2, timeout=10)
    threads.each(lambda _: meeting.wait(), range(2))


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
@pytest.mark.usefixtures("two")
def test_a_fork_makes_threads_of_its_own() -> None:
    meet()
    child = multiprocessing.get_context("fork").Process(target=meet)
    with threads.alone.lock:  # as if another thread were just entering a block
        child.start()
    child.join(60)
    assert child.exitcode == 0


@pytest.mark.parametrize("dtype", [np.float32, np.float64])  # Winograd's way, and by rows
@pytest.mark.parametrize("dilation", [1, 2])
@pytest.mark.usefixtures("two")
def test_convolutions_are_the_same_on_two_threads(
    monkeypatch: pytest.MonkeyPatch, dtype: Any, dilation: int
) -> None:
    monkeypatch.setattr(conv, "WORTH", 0)
    rng = np.random.default_rng(0)
    x, w = (rng.standard_normal(s).astype(dtype) for s in ((5, 16, 9, 13), (17, 16, 3, 3)))
    options: Any = {"padding": (2, 1), "dilation": (dilation, 1)}
    g = rng.standard_normal(conv.conv2d(x, w, **options).shape).astype(dtype)

    def all_three() -> list[Any]:
        return [
            conv.conv2d(x, w, w[:, 0, 0, 0], **options),
            conv.conv2d_input(g, w, (9, 13), **options),
            conv.conv2d_weight(x, g, (3, 3), **options),
        ]

    spread = all_three()
    tg.set_num_threads(1)
    for a, b in zip(spread, all_three(), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-4 if dtype == np.float32 else 1e-12)


@pytest.mark.usefixtures("two")
def test_passes_over_large_arrays_are_the_same_on_two_threads() -> None:
    threads.each(lambda _: None, range(2))
    rng = np.random.default_rng(0)
    x = tg.from_numpy(rng.standard_normal((3, 7, 400, 501)).astype(np.float32))
    x = x.permute(1, 0, 3, 2).requires_grad_()
    x.relu().backward(tg.ones_like(x))
    np.testing.assert_array_equal(x.grad.numpy(), x.detach().numpy() > 0)
    np.testing.assert_array_equal(x.relu().detach().numpy(), np.maximum(x.detach().numpy(), 0))
