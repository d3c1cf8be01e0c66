"""Work spread over threads: all of it done once, BLAS put back, errors and contexts carried."""

from __future__ import annotations

import multiprocessing
import os
import threading
import warnings
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

import tinygrad_np as tg
from tinygrad_np.kernels import conv, product, threads

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def two() -> Iterator[None]:
    before = tg.get_num_threads()
    tg.set_num_threads(2)
    if tg.get_num_threads() != 2:
        pytest.skip("this NumPy's BLAS cannot be told its number of threads")
    yield
    tg.set_num_threads(before)


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
        with pytest.warns(RuntimeWarning, match="OMP_NUM_THREADS"):
            tg.set_num_threads(2)
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
    meeting = threading.Barrier(2, timeout=20)
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
    meeting = threading.Barrier(2, timeout=20)

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


@pytest.mark.parametrize("size", [0, 1, 2, 7])
@pytest.mark.usefixtures("two")
def test_parts_cover_the_range_in_order(size: int) -> None:
    assert [i for part in threads.cut(size) for i in range(part.start, part.stop)] == [*range(size)]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
@pytest.mark.usefixtures("two")
def test_a_fork_makes_threads_of_its_own() -> None:
    threads.each(lambda _: None, range(4))
    child = multiprocessing.get_context("fork").Process(
        target=threads.each, args=(lambda _: None, range(4))
    )
    child.start()
    child.join(20)
    assert child.exitcode == 0


@pytest.mark.parametrize("shape", [(90, 80, 70), (3, 500, 400), (700, 300, 200), (64, 1 << 15, 17)])
@pytest.mark.usefixtures("two")
def test_a_product_cut_for_threads_is_the_product(shape: Any) -> None:
    threads.each(lambda _: None, range(2))  # so that threads of ours are in use
    m, k, n = shape
    rng = np.random.default_rng(0)
    a, b = rng.standard_normal((m, k)), rng.standard_normal((k, n))
    np.testing.assert_allclose(product.product(a, b), a @ b, atol=1e-10)
    assert threads.find_blas().get() == 2


@pytest.mark.parametrize("shape", [(8, 16, 64), (8, 16, 130), (16, 150, 640), (7, 9, 200)])
def test_a_product_in_pieces_is_the_product(shape: Any) -> None:
    m, k, n = shape
    rng = np.random.default_rng(0)
    a, b = rng.standard_normal((2, m, k)), rng.standard_normal((3, 1, k, n))
    out = np.full((3, 2, m, n), np.nan)
    product.multiply(a, b, out)
    np.testing.assert_allclose(out, a @ b, atol=1e-12)


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
