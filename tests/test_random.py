"""Random numbers are PyTorch's: the literals below are those of PyTorch 2.13 on a CPU."""

from __future__ import annotations

import copy
import math
import pickle
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

import tinygrad_np as tg
from tinygrad_np.errors import DtypeError, GraphError, ShapeError
from tinygrad_np.kernels import random_stream

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
    (
        3,
        lambda: tg.rand(3, dtype=tg.float16),
        [0.00426483154296875, 0.1055908203125, 0.285888671875],
    ),
    (
        3,
        lambda: tg.empty(3).uniform_(0, 2),
        [0.008527040481567383, 0.21113872528076172, 0.5716849565505981],
    ),
    (
        3,
        lambda: tg.empty(3, dtype=tg.float64).uniform_(0, 2),
        [0.06821639130104096, 0.5734804534426139, 1.5458298886571686],
    ),
    # what is rounded up to the end becomes the beginning
    (3, lambda: tg.empty(8).uniform_(1, 1 + 2**-23), [1] * 8),
    (3, lambda: tg.empty(8, dtype=tg.float64).uniform_(1, 1 + 2**-52), [1] * 8),
    (3, lambda: tg.empty(6, dtype=tg.float16).uniform_(1, 1 + 2**-10), [1] * 6),
    (3, lambda: tg.randint(5, 2**40, (3,)), [455616498704, 1073113814116, 790819487604]),
    (3, lambda: tg.randint(-7, 2**40, (2,)), [455505608432, 1072971245128]),
    (
        3,
        lambda: tg.empty(3, dtype=tg.int64).random_(-(2**63), None),
        [-8286316095047268712, -5383722427978684797, 5366245355481424840],
    ),
    (3, lambda: tg.randint(2**28 - 1, (3,)), [218175346, 35325593, 88681732]),
    (3, lambda: tg.randint(2**28, (3,)), [35325592, 117892739, 252666824]),
    (3, lambda: tg.randint(0, 200, (3,), dtype=tg.uint8), [186, 48, 137]),
    (
        3,
        lambda: tg.randint(-(2**63), 2**63 - 1, (2,)),
        [937055941807507096, 3839649608876091011],
    ),
    (3, lambda: tg.randint(high=7, size=(6,)), [5, 3, 3, 4, 0, 6]),
    (3, lambda: tg.randperm(12), [10, 9, 1, 6, 4, 11, 3, 7, 2, 0, 8, 5]),
    (
        3,
        lambda: tg.empty(3, dtype=tg.float64).uniform_(-0.37, 1.91),
        [-0.2922333139168133, 0.2837677169245798, 1.3922460730691721],
    ),
    (3, lambda: tg.empty(8).bernoulli_(tg.full((8,), 0.3)), [1, 1, 1, 1, 0, 1, 0, 0]),
    (3, lambda: tg.bernoulli(tg.full((8,), 0.3, dtype=tg.float64)), [1, 1, 0, 1, 0, 0, 1, 0]),
    (3, lambda: tg.bernoulli(tg.zeros(8), 0.3), [1, 1, 0, 1, 0, 0, 1, 0]),
    (3, lambda: tg.empty(3).random_(), [71389, 1771142, 4795460]),
    (
        3,
        lambda: tg.empty(2, dtype=tg.int64).random_(),
        [937055941807507096, 3839649608876091011],
    ),
    (3, lambda: tg.empty(6, dtype=tg.int8).random_(), [106, 24, 121, 3, 56, 72]),
    (3, lambda: tg.empty(6).random_(7), [5, 3, 3, 4, 0, 6]),
    (
        3,
        lambda: tg.empty(3, dtype=tg.int32).random_(0, None),
        [303761048, 1460070019, 521102280],
    ),
    (3, lambda: tg.multinomial(tg.tensor([0.1, 0.2, 0.3, 0.4]), 3), [0, 3, 1]),
    (3, lambda: tg.multinomial(tg.tensor([[0.1, 0.2, 0.3, 0.4]] * 5), 1)[:, 0], [0, 2, 2, 3, 3]),
    (
        3,
        lambda: tg.multinomial(tg.tensor([0.1, 0.2, 0.3, 0.4]), 8, replacement=True),
        [0, 1, 3, 1, 3, 3, 1, 2],
    ),
    (
        3,
        lambda: tg.nn.functional.dropout(tg.ones(6), 0.3),
        [1.4285714626312256, 1.4285714626312256, 0, 1.4285714626312256, 0, 1.4285714626312256],
    ),
    (
        3,
        lambda: tg.nn.Linear(3, 1, dtype=tg.float64).weight.detach()[0],
        [-0.5379655173088249, -0.24625117501954397, 0.31513503314795976],
    ),
    (
        3,
        lambda: tg.nn.Conv2d(1, 1, 2).weight.detach().reshape(4),
        [-0.4957364797592163, -0.39443063735961914, -0.21415752172470093, -0.4730451703071594],
    ),
    (
        3,
        lambda: tg.empty(3, 2).transpose(0, 1).uniform_(),  # in the order of the memory
        [
            [0.004263520240783691, 0.2858424782752991, 0.47161436080932617],
            [0.10556936264038086, 0.026954829692840576, 0.06011629104614258],
        ],
    ),
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
    (
        3,
        lambda: tg.normal(tg.tensor([1.0, 2.0, 3.0]), tg.tensor([0.1, 0.2, 0.3])),
        [1.0803276300430298, 2.0349667072296143, 3.026693344116211],
    ),
    (
        3,
        lambda: tg.normal(1.0, 2.0, (3,)),
        [2.6065521240234375, 1.3496668338775635, 1.177956223487854],
    ),
    (
        3,
        lambda: tg.empty(20, 2)[:, 0].normal_()[-3:],  # with gaps, so one pair after the other
        [0.8156775236129761, 0.49518901109695435, -0.16431698203086853],
    ),
    (
        3,
        lambda: tg.empty(3).exponential_(2.0),
        [0.017351727932691574, 0.1689547896385193, 0.7412153482437134],
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


def test_pairs_of_normal_numbers_spend_what_they_need() -> None:
    """Numbers that wait are used first, and an odd one more waits again."""
    tg.manual_seed(0)
    drawn: list[float] = []
    for n in (2, None, 1, 4, None, 3, 0, 2, None, 1, None, 3, None):
        drawn += (tg.rand(1) if n is None else tg.randn(n, dtype=tg.float64)).tolist()
    expected = (
        *(1.5409961082440433, -0.2934289057609464, 0.30742281675338745, 0.5507452996849902),
        *(0.2703641438858962, 0.6472479926153957, 0.24900222346962442, -0.3353951191618524),
        *(0.800011396408081, 0.4563527811756777, -0.2613142149611394, 1.0666997529231295),
        *(0.4158911935781066, 0.8395664167966604, 0.9527381062507629, -0.7228844007997312),
        *(0.9320003986358643, 2.8663401024175554, -0.5663174751548546, 0.37311463418249957),
        0.20812976360321045,
    )
    np.testing.assert_allclose(drawn, expected, rtol=1e-12)


def test_half_precision_normal_numbers() -> None:
    tg.manual_seed(3)
    drawn = tg.randn(17, dtype=tg.float16)[-3:]
    np.testing.assert_allclose(drawn.numpy(), [0.459228515625, 2.435546875, -0.14685058], rtol=1e-3)


def test_the_state_is_pytorchs() -> None:
    tg.manual_seed(3)
    tg.randn(3)
    state = tg.get_rng_state()
    assert state.dtype == np.uint8
    assert state.shape == (5056,)
    seed, left, seeded, following = 3, 617, 1, 8
    numbers = state.numpy()
    assert numbers[:8].view(np.uint64) == seed
    assert numbers[8:16].view(np.int32).tolist() == [left, seeded]
    assert numbers[16:24].view(np.uint64) == following
    assert numbers[24:28].tolist() == [146, 194, 21, 135]
    np.testing.assert_allclose(numbers[5024:5032].view(np.float64), -0.6137180077293578, rtol=1e-12)
    assert numbers[5040:5044].view(np.int32) == 1


@pytest.mark.parametrize(
    ("drawn", "following", "left"),
    [(0, 0, 1), (1, 1, 624), (623, 623, 2), (624, 624, 1), (625, 1, 624), (1248, 624, 1)],
)
def test_the_place_in_the_state_is_pytorchs(drawn: int, following: int, left: int) -> None:
    tg.rand(drawn)
    numbers = tg.get_rng_state().numpy()
    assert numbers[16:24].view(np.uint64) == following
    assert numbers[8:12].view(np.int32) == left


def test_a_state_is_read_from_the_place_that_it_names() -> None:
    first = tg.rand(1).item()
    state = tg.get_rng_state()
    state.numpy()[16:24] = 0  # the first word, once more
    tg.set_rng_state(state)
    assert tg.rand(1).item() == first


@pytest.mark.parametrize("n", [0, 1])
def test_a_permutation_without_a_choice_spends_nothing(n: int) -> None:
    before = tg.get_rng_state().numpy()
    assert tg.randperm(n).tolist() == list(range(n))
    np.testing.assert_array_equal(tg.get_rng_state().numpy(), before)


@pytest.mark.parametrize("drawn", [0, 1, 5, 623, 624, 625, 1300])
def test_a_state_brings_everything_back(drawn: int) -> None:
    tg.rand(drawn)
    tg.randn(drawn % 2)
    state = tg.get_rng_state()
    expected = [tg.randn(4).tolist(), tg.randperm(5).tolist(), tg.rand(700).tolist()]
    for generator in (
        tg.Generator().set_state(state),
        copy.deepcopy(tg.Generator().set_state(state)),
        pickle.loads(pickle.dumps(tg.Generator().set_state(state))),
        tg.Generator().set_state(state).clone_state(),
    ):
        np.testing.assert_array_equal(generator.get_state().numpy(), state.numpy())
        assert generator.initial_seed() == 0
        assert [
            tg.randn(4, generator=generator).tolist(),
            tg.randperm(5, generator=generator).tolist(),
            tg.rand(700, generator=generator).tolist(),
        ] == expected


def test_a_fork_leaves_the_stream_where_it_was() -> None:
    expected = tg.rand(2).tolist()
    tg.manual_seed(0)
    with pytest.raises(ValueError, match="shape"), tg.random.fork_rng():
        tg.ones(2).normal_().reshape(3)
    assert tg.initial_seed() == 0
    assert tg.rand(2).tolist() == expected
    with tg.random.fork_rng(enabled=False):
        tg.manual_seed(5)
    assert tg.initial_seed() == 5


def test_seeds_of_the_operating_system_differ() -> None:
    assert tg.seed() != tg.seed()
    assert tg.seed() == tg.initial_seed() == tg.default_generator.initial_seed()


def test_permutations_of_any_length_hold_every_number_once() -> None:
    for n in range(70):
        for _ in range(3):
            assert sorted(tg.randperm(n).tolist()) == list(range(n))
    assert sorted(tg.randperm(70_000).tolist()) == list(range(70_000))


@pytest.mark.parametrize("n", [0, 1, 2, 3, 7, 100])
def test_shuffling_at_once_is_shuffling_step_by_step(n: int) -> None:
    rng = np.random.default_rng(n)
    for _ in range(20):
        partners = np.array([rng.integers(i, n) for i in range(n)], np.int64)
        places = list(range(n))
        for i, j in enumerate(partners):
            places[i], places[j] = places[j], places[i]
        assert random_stream.shuffled(partners).tolist() == places


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(("scale", "offset"), [(None, None), (1.0, None), (None, 0.0), (2.0, 0.0)])
def test_a_product_and_a_sum_are_rounded_once(
    dtype: Any, scale: float | None, offset: float | None
) -> None:
    """Of products larger and smaller than what is added."""
    rng = np.random.default_rng(0)
    for _ in range(20):
        x = (rng.standard_normal(100) * 10.0 ** rng.uniform(-2, 1, 100)).astype(dtype)
        a, b = (dtype(rng.uniform(-3, 3)) if n is None else dtype(n) for n in (scale, offset))
        exact = [Fraction(n) * Fraction(float(a)) + Fraction(float(b)) for n in x.tolist()]
        found = random_stream.multiply_add(x, float(a), float(b))
        assert found.dtype == dtype
        assert found.tolist() == [dtype(float(n)) for n in exact]


def test_numbers_that_stay_as_they_are_are_not_touched(monkeypatch: pytest.MonkeyPatch) -> None:
    x = np.ones(3)
    assert random_stream.multiply_add(x, 1, 0) is x
    monkeypatch.setattr(random_stream, "multiply_add", None)
    assert random_stream.Stream(0).uniform_between(3, tg.float64).size == 3


def test_a_chance_is_that_of_a_number_below_it() -> None:
    class Draws:
        def randint(self, low: int, high: int, n: int, dtype: Any) -> Any:
            assert (high - low, n) == (1 << 53, len(drawn))
            return low + np.array(drawn, dtype)

    for p in (0.3, 0.7, 0.1, 2.0**-53, 2.0**-54, 0.0, 1.0):
        near = math.floor(p * 2**53)
        drawn = sorted({0, max(near - 1, 0), near, min(near + 1, 2**53 - 1)} - {2**53})
        stream = random_stream.Stream(0)
        stream._draws = Draws()  # type: ignore[assignment]  # gives the numbers that decide
        assert stream.chances(len(drawn), p).tolist() == [
            Fraction(n, 1 << 53) < Fraction(p) for n in drawn
        ]


@pytest.mark.parametrize("n", [0, 1, 7, 8, 9, 16, 17])
def test_stretches_cover_all(monkeypatch: pytest.MonkeyPatch, n: int) -> None:
    monkeypatch.setattr(random_stream, "STRETCH", 8)
    parts = list(random_stream._stretches(np.arange(n)))
    assert [i for part in parts for i in part.tolist()] == list(range(n))
    assert [part.size for part in parts] == [8] * (n // 8) + [n % 8] * (n % 8 > 0)


def test_moments() -> None:
    for draw, mean, variance in (
        (lambda: tg.rand(100_000), 1 / 2, 1 / 12),
        (lambda: tg.randn(100_000), 0, 1),
        (lambda: tg.normal(2.0, 3.0, (100_000,)), 2, 9),
        (lambda: tg.empty(100_000).exponential_(2.0), 1 / 2, 1 / 4),
        (lambda: tg.empty(100_000).bernoulli_(0.3), 0.3, 0.21),
        (lambda: tg.randint(5, (100_000,)), 2, 2),
        (lambda: tg.empty(100_000).uniform_(-1, 3), 1, 16 / 12),
        (lambda: tg.multinomial(tg.tensor([1.0, 3.0]), 100_000, replacement=True), 0.75, 0.1875),
    ):
        numbers = draw().numpy().astype(np.float64)
        np.testing.assert_allclose(numbers.mean(), mean, atol=6 * (variance / 1e5) ** 0.5)
        np.testing.assert_allclose(numbers.var(), variance, rtol=0.05)


def test_without_replacement_the_heavy_come_first() -> None:
    drawn = tg.multinomial(tg.tensor([[1.0, 9.0, 0.0]] * 20_000), 2).numpy()
    np.testing.assert_allclose((drawn[:, 0] == 1).mean(), 0.9, atol=0.02)
    assert (drawn.sum(1) == 1).all()  # the one of weight 0 is never among the first two
    assert tg.tensor([0.0, 1.0]).multinomial(1).tolist() == [1]


def test_like_another_tensor() -> None:
    x = tg.zeros(4, 3, dtype=tg.float64)
    for made in (
        tg.rand_like(x),
        tg.randn_like(x),
        tg.randint_like(x, 5),
        tg.randint_like(x, 2, 5),
    ):
        assert made.shape == (4, 3)
        assert made.dtype == tg.float64
    assert tg.rand_like(x, dtype=tg.float32, requires_grad=True).requires_grad
    assert tg.randn_like(x.int(), dtype=tg.float32).dtype == tg.float32
    seeded = [tg.rand_like(y, generator=tg.Generator().manual_seed(1)) for y in (x, x)]
    assert seeded[0].tolist() == seeded[1].tolist()


def test_results_go_into_out() -> None:
    out = tg.empty(0)
    assert tg.rand(2, 3, out=out) is out
    assert out.shape == (2, 3)
    tg.manual_seed(0)
    expected = tg.rand(2, 3).tolist()
    tg.manual_seed(0)
    assert tg.rand(2, 3, out=out, requires_grad=True).tolist() == expected
    assert out.requires_grad
    assert tg.randint(5, (4,), out=tg.empty(4)).dtype == tg.float32
    assert tg.bernoulli(tg.ones(3), out=tg.empty(3)).tolist() == [1, 1, 1]
    with pytest.raises(ShapeError, match=r"out: it has shape \(4,\), and the result \(3,\)"):
        tg.rand(3, out=tg.empty(4))
    with pytest.raises(DtypeError, match=r"out: it holds float32, and dtype=float64 was asked for"):
        tg.rand(3, out=tg.empty(3), dtype=tg.float64)


@pytest.mark.parametrize("name", ["uniform_", "normal_", "bernoulli_", "random_", "exponential_"])
def test_what_random_numbers_replace_gets_a_gradient_of_zeros(name: str) -> None:
    x = tg.ones(3, requires_grad=True)
    h = x * 2
    before = h * 5
    y = getattr(h, name)()
    assert y is h
    (before + y).backward(tg.tensor([1.0, 2.0, 4.0]))
    assert x.grad.tolist() == [10, 20, 40]
    with tg.no_grad():
        assert getattr(x, name)() is x
    assert x.is_leaf


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


REFUSED: list[tuple[Callable[[], Any], str]] = [
    (lambda: tg.rand(2, dtype=tg.int64), "rand draws numbers with a fraction, which int64 cannot"),
    (lambda: tg.empty(2).int().normal_(), "normal_ draws numbers with a fraction, which int32"),
    (lambda: tg.rand(2, generator=5), "expected a Generator or None, got a int"),  # type: ignore[arg-type]  # what is tested
    (lambda: tg.randint(300, (2,), dtype=tg.uint8), "uint8 holds integers from 0 to 255"),
    (lambda: tg.randint(5, 2), "the size must be a tuple of ints, not None"),
    (lambda: tg.randint(5.5, (2,)), "randint: bounds must be ints, and 5.5 is not"),
    (lambda: tg.randperm(-1), r"a size cannot be negative: \(-1,\)"),
    (lambda: tg.randperm(2.5), "randperm: n must be an int, not 2.5"),  # type: ignore[arg-type]  # what is tested
    (lambda: tg.randperm(2, dtype=tg.bool), "randperm: bool holds no integers"),
    (lambda: tg.empty(2).uniform_(2, 1), r"uniform_: \[2, 1\) is no range of float32"),
    (lambda: tg.empty(2).uniform_(-3e38, 3e38), r"uniform_: .* be no wider than"),
    (lambda: tg.normal(0.0, 1.0), "normal: give a size beside two numbers"),
    (lambda: tg.normal(tg.zeros(2), 1.0, (2,)), "normal: shape and dtype are those of the tensors"),
    (lambda: tg.normal(0.0, tg.tensor([-1.0])), "standard deviation must not be negative"),
    (lambda: tg.bernoulli(tg.tensor([2.0])), r"bernoulli: a probability must lie in \[0, 1\]"),
    (lambda: tg.empty(3).bernoulli_(tg.rand(2, 3)), r"shape \(2, 3\) do not broadcast to \(3,\)"),
    (lambda: tg.empty(3).bernoulli_(tg.ones(3).int()), "must be floating numbers, not int32"),
    (lambda: tg.empty(2).exponential_(0), "exponential_: the rate must be positive, got 0"),
    (lambda: tg.empty(2).random_(2.7), "random_: bounds must be ints, and 2.7 is not"),  # type: ignore[arg-type]  # what is tested
    (lambda: tg.multinomial(tg.ones(2), 3), "3 samples cannot be drawn from 2 categories; draw"),
    (lambda: tg.multinomial(tg.ones(2), 0), "num_samples must be positive, got 0"),
    (lambda: tg.multinomial(tg.ones(2).int(), 1), "weights must be floating numbers, not int32"),
    (lambda: tg.multinomial(tg.ones(1, 1, 2), 1), r"\(C\) or \(N, C\), and these \(1, 1, 2\)"),
    (lambda: tg.multinomial(-tg.ones(2), 1), "weights must be finite and not negative"),
    (lambda: tg.multinomial(tg.zeros(2), 1), "the weights of a row are all 0"),
    (lambda: tg.manual_seed(2**64), r"a seed lies in \[-2\*\*63, 2\*\*64\), and 1844"),
    (lambda: tg.Generator().manual_seed(2.5), "a seed is an int, not a float"),  # type: ignore[arg-type]  # what is tested
    (lambda: tg.set_rng_state(tg.zeros(3, dtype=tg.uint8)), "has 5056 bytes, and 3 were given"),
    (lambda: tg.set_rng_state(tg.zeros(5056)), "expected a Tensor of uint8, not of float32"),
    (
        lambda: tg.set_rng_state(5),
        "set_state: new_state must be a Tensor of uint8, not a builtins.int",
    ),  # type: ignore[arg-type]  # what is tested
    (lambda: tg.set_rng_state(tg.full((5056,), 7, dtype=tg.uint8)), "not the state of a generator"),
]


def test_refusals() -> None:
    for refused, message in REFUSED:
        with pytest.raises((RuntimeError, TypeError, ValueError), match=message):
            refused()
    with pytest.raises(RuntimeError, match="no integer from 3 up to, not including, 3"):
        tg.randint(3, 3, (2,))
    with pytest.raises(RuntimeError, match="standard deviation must not be negative"):
        tg.empty(2).normal_(0, -1)
    with pytest.raises(RuntimeError, match=r"a probability must lie in \[0, 1\], got 1.5"):
        tg.empty(2).bernoulli_(1.5)
    x = tg.ones(2, requires_grad=True)
    for write in (x.uniform_, x.normal_, x.bernoulli_):
        with pytest.raises(GraphError, match="leaf that requires grad"):
            write()
