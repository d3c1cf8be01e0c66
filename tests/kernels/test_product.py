"""Products of matrices: the same numbers by each way, and the way that is fastest."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from tinygrad_np.kernels import product, threads

Products = list[tuple[Any, int]]  # shape of each result, and the threads that BLAS had for it


@pytest.fixture
def done(monkeypatch: pytest.MonkeyPatch) -> Products:
    """Note the products that NumPy is asked for."""
    calls: Products = []

    def matmul(*operands: Any, **options: Any) -> Any:
        y = np.matmul(*operands, **options)
        calls.append((y.shape, threads.find_blas().get()))
        return y

    monkeypatch.setattr(product, "np", SimpleNamespace(matmul=matmul, empty=np.empty))
    return calls


def drawn(*shapes: Any) -> list[Any]:
    rng = np.random.default_rng(0)
    return [rng.standard_normal(s) for s in shapes]


@pytest.mark.parametrize(
    ("a", "b", "wanted"),
    [
        ((8, 256), (256, 255), [((8, 255), 2)]),  # BLAS itself wakes no thread for so little
        ((8, 256), (256, 256), [((8, 256), 1)]),
        ((511, 256), (256, 256), [((511, 256), 1)]),
        ((512, 256), (256, 256), [((256, 256), 1)] * 2),
        ((701, 300), (300, 200), [((350, 200), 1), ((351, 200), 1)]),
        ((1 << 15, 64), (64, 17), [((1 << 14, 17), 1)] * 2),
        ((256, 256), (256, 512), [((256, 256), 1)] * 2),
        ((200, 300), (300, 701), [((200, 350), 1), ((200, 351), 1)]),
        ((512, 128), (128, 512), [((256, 512), 1)] * 2),  # rows of the result are one run
        ((512, 2, 256), (256, 256), [((512, 2, 256), 2)]),
        ((512, 256), (2, 256, 256), [((2, 512, 256), 2)]),
    ],
    ids=str,
)
@pytest.mark.usefixtures("two")
def test_a_large_product_is_cut_along_its_longer_side(
    done: Products, a: Any, b: Any, wanted: Products
) -> None:
    threads.each(lambda _: None, range(2))  # so that threads of ours are in use
    x, y = drawn(a, b)
    np.testing.assert_allclose(product.product(x, y), x @ y, atol=1e-10)
    assert sorted(done) == wanted
    assert threads.find_blas().get() == 2


@pytest.mark.parametrize("m", [8, 512])
@pytest.mark.usefixtures("two")
def test_products_are_left_to_blas_before_threads_of_ours_are_in_use(
    monkeypatch: pytest.MonkeyPatch, done: Products, m: int
) -> None:
    monkeypatch.setattr(threads, "_pools", [])
    x, y = drawn((m, 256), (256, 256))
    np.testing.assert_array_equal(product.product(x, y), x @ y)
    assert done == [((m, 256), 2)]


@pytest.mark.parametrize(
    ("m", "k", "n", "pieces", "rest"),
    [
        (8, 16, 65, 1, 1),
        (8, 16, 128, 2, 0),
        (16, 150, 200, 3, 8),
        (125, 125, 130, 2, 2),  # a million multiplications in a piece
        (126, 125, 130, 0, 130),
        (7, 16, 130, 0, 130),
        (8, 15, 130, 0, 130),
        (8, 16, 64, 0, 64),
    ],
)
def test_a_wide_product_goes_in_pieces_that_blas_need_not_pack(
    done: Products, m: int, k: int, n: int, pieces: int, rest: int
) -> None:
    a, b = drawn((2, m, k), (3, 1, k, n))
    out = np.full((3, 2, m, n), np.nan)
    product.multiply(a, b, out)
    np.testing.assert_allclose(out, a @ b, atol=1e-12)
    wanted = [(3, 2, pieces, m, 64)] * (pieces > 0) + [(3, 2, m, rest)] * (rest > 0)
    assert [shape for shape, _ in done] == wanted
