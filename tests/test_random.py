"""Random numbers are PyTorch's: the literals below are those of PyTorch 2.13 on a CPU."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

import tinygrad_np as tg
from tinygrad_np.errors import GraphError

if TYPE_CHECKING:
    from collections.abc import Callable

EXACT: list[tuple[int, Callable[[], tg.Tensor], Any]] = [
    (0, lambda: tg.rand(3), [0.49625658988952637, 0.7682217955589294, 0.08847743272781372]),
    (
        0,
        lambda: tg.rand(3, dtype=tg.float64),
        [0.9700530018065531, 0.707819864399788, 0.45938294312745087],
    ),
    (2**40 + 5, lambda: tg.rand(2), [0.8302518725395203, 0.12611091136932373]),
    (-1, lambda: tg.rand(2), [0.9937993884086609, 0.5713063478469849]),
    (1, lambda: tg.randint(10, (6,)), [5, 9, 4, 8, 3, 3]),
    (1, lambda: tg.randint(-5, 5, (2, 3)), [[0, 4, -1], [3, -2, -2]]),
    (5, lambda: tg.randint(0, 2**40, (3,)), [425438759118, 1030067709629, 989404716150]),
    (2, lambda: tg.randperm(8), [0, 4, 7, 2, 6, 5, 1, 3]),
    (0, lambda: tg.randperm(1), [0]),
    (0, lambda: tg.randperm(0), []),
    (
        3,
        lambda: tg.empty(3).uniform_(-1, 1),
        [-0.9914729595184326, -0.7888612747192383, -0.42831504344940186],
    ),
    (3, lambda: tg.empty(8).bernoulli_(0.3), [1, 1, 0, 1, 0, 0, 1, 0]),
]


@pytest.mark.parametrize(("seed", "draw", "expected"), EXACT)
def test_bit_equal(seed: int, draw: Callable[[], tg.Tensor], expected: Any) -> None:
    tg.manual_seed(seed)
    assert draw().tolist() == expected


def test_half_precision() -> None:
    tg.manual_seed(5)
    assert tg.rand(2, dtype=tg.float16).tolist() == [0.830078125, 0.1260986328125]


NORMAL: list[tuple[int, Callable[[], tg.Tensor], list[float]]] = [
    (0, lambda: tg.randn(3), [1.5409960746765137, -0.293428897857666, -2.1787893772125244]),
    (
        0,
        lambda: tg.randn(3, dtype=tg.float64),
        [1.5409961082440433, -0.2934289057609464, -2.1787893820745574],
    ),
    (0, lambda: tg.randn(16)[:3], [-1.1258398294448853, -1.152360200881958, -0.2505785822868347]),
    (0, lambda: tg.randn(17)[-3:], [0.946298360824585, -0.843676745891571, 0.9318265914916992]),
    (
        5,
        lambda: tg.randn(20, dtype=tg.float64)[-2:],
        [-0.12785490061203628, 0.17401661386364128],
    ),
    (
        3,
        lambda: tg.empty(3).normal_(2, 0.5),
        [2.4016380310058594, 2.087416648864746, 2.0444891452789307],
    ),
]


@pytest.mark.parametrize(("seed", "draw", "expected"), NORMAL)
def test_normal(seed: int, draw: Callable[[], tg.Tensor], expected: list[float]) -> None:
    tg.manual_seed(seed)
    np.testing.assert_allclose(draw().numpy(), expected, rtol=2.4e-7)


def test_the_second_normal_number_waits() -> None:
    tg.manual_seed(0)
    drawn = [*tg.randn(3).tolist(), *tg.rand(1).tolist(), *tg.randn(2).tolist()]
    expected = [1.5409960, -0.2934289, -2.1787894, 0.4556280, 0.5684313, 0.6472480]
    np.testing.assert_allclose(drawn, expected, rtol=1e-6)


def test_the_same_seed_gives_the_same_numbers() -> None:
    tg.manual_seed(11)
    first = [tg.rand(3).tolist(), tg.randn(20).tolist(), tg.randperm(5).tolist()]
    tg.manual_seed(11)
    assert [tg.rand(3).tolist(), tg.randn(20).tolist(), tg.randperm(5).tolist()] == first


def test_generators_are_independent() -> None:
    tg.manual_seed(0)
    generator = tg.Generator().manual_seed(7)
    drawn = tg.rand(2, generator=generator)
    assert drawn.tolist() == [0.5349225401878357, 0.19880318641662598]
    assert tg.rand(1).tolist() == [0.49625658988952637]
    for draw in (
        lambda g: tg.randn(2, generator=g),
        lambda g: tg.randint(9, (2,), generator=g),
        lambda g: tg.randperm(4, generator=g),
        lambda g: tg.empty(2).uniform_(generator=g),
        lambda g: tg.empty(2).normal_(generator=g),
        lambda g: tg.empty(2).bernoulli_(generator=g),
    ):
        first = draw(tg.Generator().manual_seed(3)).tolist()
        assert draw(tg.Generator().manual_seed(3)).tolist() == first


def test_seeds() -> None:
    assert tg.Generator().initial_seed() == 67280421310721
    tg.manual_seed(5)
    assert tg.initial_seed() == 5
    assert tg.manual_seed(-1).initial_seed() == 2**64 - 1


def test_dtypes_and_shapes() -> None:
    assert tg.rand(2, 3).dtype == tg.randn((2, 3)).dtype == np.float32
    assert tg.rand(()).shape == ()
    assert tg.randn(0, 3).shape == (0, 3)
    assert tg.randint(3, (2,)).dtype == tg.randperm(3).dtype == np.int64
    assert tg.rand(2, requires_grad=True).requires_grad


def test_refusals() -> None:
    with pytest.raises(RuntimeError, match="no integer from 3 up to, not including, 3"):
        tg.randint(3, 3, (2,))
    with pytest.raises(RuntimeError, match="standard deviation must not be negative"):
        tg.empty(2).normal_(0, -1)
    with pytest.raises(RuntimeError, match=r"probability must lie in \[0, 1\], got 1.5"):
        tg.empty(2).bernoulli_(1.5)
    x = tg.ones(2, requires_grad=True)
    for write in (x.uniform_, x.normal_, x.bernoulli_):
        with pytest.raises(GraphError, match="leaf that requires grad"):
            write()
