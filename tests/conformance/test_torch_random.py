"""The same seed, the same numbers: our stream beside that of PyTorch's CPU generator."""

from __future__ import annotations

import copy
import pickle
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tinygrad_np as tg

if TYPE_CHECKING:
    from collections.abc import Callable

torch = pytest.importorskip("torch", reason="PyTorch is what these tests compare with")

SEEDS = st.integers(-(2**63), 2**64 - 1)
SIZES = st.one_of(st.integers(0, 50), st.sampled_from([255, 256, 1000, 4097]))
FLOATS = st.sampled_from(["float32", "float64", "float16"])
ALL = ["float32", "float64", "float16", "int8", "int16", "int32", "int64", "uint8", "bool"]
DTYPES = st.sampled_from(ALL)
BOUNDS = st.floats(-100, 100, width=32)


def values(tensor: Any) -> Any:
    return tensor.detach().numpy()


def both(seed: int, draw: Callable[[Any], Any]) -> tuple[Any, Any]:
    """What both libraries draw, after asserting that their streams then stand at one place."""
    results = []
    for lib in (tg, torch):
        lib.manual_seed(seed)
        drawn = draw(lib)
        results.append((drawn, lib.get_rng_state()))
    (ours, state), (theirs, other) = results
    assert str(theirs.dtype) == f"torch.{ours.dtype}"
    assert tuple(ours.shape) == tuple(theirs.shape)
    second = slice(5024, 5032)  # the second normal number, which waits there as a float64
    waiting = [s.numpy()[second].view(np.float64).item() for s in (state, other)]
    np.testing.assert_allclose(*waiting, rtol=1e-14)
    for s in (state, other):
        s.numpy()[second] = 0
    np.testing.assert_array_equal(state.numpy(), other.numpy())
    return values(ours), values(theirs)


def assert_bit_equal(seed: int, draw: Callable[[Any], Any]) -> None:
    np.testing.assert_array_equal(*both(seed, draw))


def assert_close(seed: int, draw: Callable[[Any], Any], scale: float = 1.0) -> None:
    """Equal but for the last digits: of a logarithm and a cosine, times the deviation."""
    ours, theirs = both(seed, draw)
    rtol = {2: 1e-3, 4: 3e-7, 8: 3e-15}[ours.itemsize]
    np.testing.assert_allclose(ours, theirs, rtol=rtol, atol=0 if scale == 1 else scale * rtol)


# --- numbers -------------------------------------------------------------------------------------


@given(SEEDS, SIZES, FLOATS)
def test_rand(seed: int, n: int, dtype: str) -> None:
    assert_bit_equal(seed, lambda lib: lib.rand(n, dtype=getattr(lib, dtype)))
    assert_bit_equal(seed, lambda lib: lib.rand_like(lib.zeros(2, n, dtype=getattr(lib, dtype))))
    assert_bit_equal(seed, lambda lib: lib.rand(size=(n,)))


@given(SEEDS, SIZES, FLOATS)
def test_randn(seed: int, n: int, dtype: str) -> None:
    assert_close(seed, lambda lib: lib.randn(n, dtype=getattr(lib, dtype)))
    assert_close(seed, lambda lib: lib.randn_like(lib.zeros(n, dtype=getattr(lib, dtype))))


def test_many_normal_numbers() -> None:
    assert_close(0, lambda lib: lib.randn(300_000))
    assert_close(0, lambda lib: lib.randn(300_000, dtype=lib.float64))


@given(SEEDS, SIZES, st.integers(-(2**62), 2**62), st.integers(0, 62), st.data())
def test_randint(seed: int, n: int, low: int, bits: int, data: st.DataObject) -> None:
    high = low + data.draw(st.integers(1, 2**bits))
    assert_bit_equal(seed, lambda lib: lib.randint(low, high, (n,)))


@pytest.mark.parametrize("width", [2**28 - 1, 2**28, 2**32 - 1, 2**32, 2**32 + 1, 2**63 - 1])
def test_wide_ranges_take_two_words(width: int) -> None:
    assert_bit_equal(3, lambda lib: lib.randint(width, (20,)))
    assert_bit_equal(3, lambda lib: lib.randint(-(2**63), width - 2**63, (20,)))


@given(SEEDS, SIZES, DTYPES, st.integers(0, 1), st.integers(2, 100))
def test_randint_in_every_dtype(seed: int, n: int, dtype: str, low: int, high: int) -> None:
    high = 2 if dtype == "bool" else high
    assert_bit_equal(seed, lambda lib: lib.randint(low, high, (n,), dtype=getattr(lib, dtype)))
    assert_bit_equal(
        seed, lambda lib: lib.randint_like(lib.zeros(n, dtype=getattr(lib, dtype)), low, high)
    )


@given(SEEDS, st.one_of(SIZES, st.just(30_001)), st.sampled_from([*ALL[:2], "int32", "int64"]))
def test_randperm(seed: int, n: int, dtype: str) -> None:
    assert_bit_equal(seed, lambda lib: lib.randperm(n, dtype=getattr(lib, dtype)))


@given(SEEDS, SIZES, st.sampled_from(["float32", "float64"]), BOUNDS, st.data())
def test_uniform_(seed: int, n: int, dtype: str, low: float, data: st.DataObject) -> None:
    high = data.draw(st.floats(low, 200, width=32))
    assert_bit_equal(seed, lambda lib: lib.zeros(n, dtype=getattr(lib, dtype)).uniform_(low, high))
    assert_bit_equal(seed, lambda lib: lib.zeros(n, dtype=lib.float16).uniform_(-3, 5))
    assert_bit_equal(seed, lambda lib: lib.zeros(n, dtype=lib.float16).uniform_(1 / 3, 2.7))


@given(SEEDS, SIZES, FLOATS, BOUNDS, st.floats(0, 10, width=32))
def test_normal_(seed: int, n: int, dtype: str, mean: float, std: float) -> None:
    scale = 10 * std + abs(mean)
    assert_close(
        seed, lambda lib: lib.zeros(n, dtype=getattr(lib, dtype)).normal_(mean, std), scale
    )
    assert_close(seed, lambda lib: lib.normal(mean, std, (n,)), scale)


@given(SEEDS, SIZES, DTYPES, st.floats(0, 1))
def test_bernoulli_with_a_number(seed: int, n: int, dtype: str, p: float) -> None:
    assert_bit_equal(seed, lambda lib: lib.zeros(n, dtype=getattr(lib, dtype)).bernoulli_(p))
    assert_bit_equal(seed, lambda lib: lib.bernoulli(lib.zeros(n), p))


@given(SEEDS, st.integers(0, 40), DTYPES, FLOATS)
def test_bernoulli_with_tensors(seed: int, n: int, dtype: str, chances: str) -> None:
    p = np.random.default_rng(n).random(n).astype(chances)
    assert_bit_equal(
        seed, lambda lib: lib.zeros(3, n, dtype=getattr(lib, dtype)).bernoulli_(lib.tensor(p))
    )
    assert_bit_equal(seed, lambda lib: lib.bernoulli(lib.tensor(p)))
    assert_bit_equal(seed, lambda lib: lib.tensor(p).bernoulli())


@given(SEEDS, SIZES, DTYPES)
def test_random_(seed: int, n: int, dtype: str) -> None:
    for bounds in [(), (2,), (0, 2), (1, None), (0, None)]:
        assert_bit_equal(
            seed, lambda lib, b=bounds: lib.zeros(n, dtype=getattr(lib, dtype)).random_(*b)
        )


def test_random_of_all_64_bits() -> None:
    assert_bit_equal(1, lambda lib: lib.zeros(9, dtype=lib.int64).random_(-(2**63), None))
    assert_bit_equal(1, lambda lib: lib.zeros(9, dtype=lib.int64).random_(-5, None))


@given(SEEDS, SIZES, st.sampled_from(["float32", "float64"]), st.floats(0.01, 100))
def test_exponential_(seed: int, n: int, dtype: str, rate: float) -> None:
    ours, theirs = both(
        seed, lambda lib: lib.zeros(n, dtype=getattr(lib, dtype)).exponential_(rate)
    )
    np.testing.assert_allclose(ours, theirs, rtol=1e-7 if dtype == "float32" else 1e-15)


@given(SEEDS, st.integers(1, 40), st.sampled_from(["float32", "float64"]), st.data())
def test_multinomial(seed: int, n: int, dtype: str, data: st.DataObject) -> None:
    rng = np.random.default_rng(n)
    replacement = data.draw(st.booleans())
    count = data.draw(st.integers(1, 100 if replacement else n))
    for shape in [(n,), (3, n)]:
        p = rng.random(shape).astype(dtype)
        if replacement:
            p[..., : n // 3] = 0
        assert_bit_equal(
            seed,
            lambda lib, p=p: lib.multinomial(lib.tensor(p), count, replacement=replacement),
        )
        assert_bit_equal(seed, lambda lib, p=p: lib.tensor(p).multinomial(count, replacement))


@pytest.mark.parametrize("n", [5, 40])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_normal_with_tensors(n: int, dtype: str) -> None:
    m, s = np.linspace(-1, 1, n).astype(dtype), np.linspace(0.1, 2, n).astype(dtype)
    for draw in (
        lambda lib: lib.normal(lib.tensor(m), lib.tensor(s)),
        lambda lib: lib.normal(lib.tensor(m)),
        lambda lib: lib.normal(lib.tensor(m), 1.7),
        lambda lib: lib.normal(0.3, lib.tensor(s)),
        lambda lib: lib.normal(lib.tensor(m), lib.tensor(s[:, None])),
        lambda lib: lib.normal(lib.tensor(m).double(), lib.tensor(s)),
        lambda lib: lib.normal(lib.tensor(m).float(), lib.tensor(s).double()),
    ):
        assert_close(2, draw, 3.0)


# --- the second normal number, and layouts -------------------------------------------------------


def test_the_second_normal_number_waits_as_in_pytorch() -> None:
    def draw(lib: Any) -> Any:
        parts = [lib.randn(3), lib.rand(2), lib.randn(20), lib.randn(2), lib.randn(1), lib.randn(4)]
        return lib.cat(parts)

    assert_close(4, draw)
    for lib in (tg, torch):
        lib.manual_seed(4)
        lib.randn(3)
    assert_close(5, lambda lib: lib.randn(3))  # a seed forgets the number that waited


LAYOUTS: dict[str, Callable[[Any], Any]] = {
    "transposed": lambda x: x.transpose(0, 1),
    "permuted": lambda x: x.permute(2, 0, 1),
    "every other": lambda x: x[:, ::2],
    "a column": lambda x: x[:, 1],
    "every other, transposed": lambda x: x[:, ::2].transpose(0, 2),
}
FILLS: dict[str, Callable[[Any], Any]] = {
    "uniform_": lambda x: x.uniform_(-1, 3),
    "normal_": lambda x: x.normal_(),
    "bernoulli_": lambda x: x.bernoulli_(0.3),
    "random_": lambda x: x.random_(0, 100),
    "exponential_": lambda x: x.exponential_(),
}


@pytest.mark.parametrize("fill", FILLS)
@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("shape", [(2, 3, 2), (4, 5, 3)])
def test_views_are_filled_in_memory_order(fill: str, layout: str, shape: tuple[int, ...]) -> None:
    assert_close(6, lambda lib: FILLS[fill](LAYOUTS[layout](lib.zeros(*shape))))
    assert_close(6, lambda lib: lib.rand_like(LAYOUTS[layout](lib.zeros(*shape))))
    assert_close(6, lambda lib: lib.randn_like(LAYOUTS[layout](lib.zeros(*shape))))
    assert_close(6, lambda lib: lib.nn.functional.dropout(LAYOUTS[layout](lib.ones(*shape)), 0.4))


def test_dropout_of_a_tracked_view() -> None:
    def draw(lib: Any) -> Any:
        x = lib.ones(3, 4, requires_grad=True)
        return lib.nn.functional.dropout((x * 2).transpose(0, 1), 0.5)

    assert_bit_equal(0, draw)


def test_writes_of_views_show_in_the_whole() -> None:
    def draw(lib: Any) -> Any:
        x = lib.zeros(4, 6)
        x[1:3, ::2].uniform_()
        return x

    assert_bit_equal(0, draw)


def test_results_go_into_out() -> None:
    for draw in (
        lambda lib: lib.rand(3, out=lib.empty(3, dtype=lib.float64)),
        lambda lib: lib.rand(3, 4, out=lib.empty(4, 3).transpose(0, 1)),
        lambda lib: lib.randn(3, out=lib.empty(0)),
        lambda lib: lib.randint(5, (3,), out=lib.empty(3)),
        lambda lib: lib.randperm(5, out=lib.empty(0, dtype=lib.int64)),
        lambda lib: lib.normal(1.0, 2.0, (3,), out=lib.empty(3)),
        lambda lib: lib.bernoulli(lib.full((4,), 0.5), out=lib.empty(4)),
        lambda lib: lib.multinomial(lib.rand(4), 2, out=lib.empty(0, dtype=lib.int64)),
    ):
        assert_close(8, draw, 2.0)


# --- generators ----------------------------------------------------------------------------------


def test_states_are_pytorchs_bytes_and_go_both_ways() -> None:
    for draws in (0, 1, 5, 623, 624, 625, 2000):
        ours, theirs = tg.Generator(), torch.Generator()
        for generator in (ours, theirs):
            generator.manual_seed(2**40 + draws)
        tg.rand(draws, generator=ours)
        torch.rand(draws, generator=theirs)
        np.testing.assert_array_equal(ours.get_state().numpy(), theirs.get_state().numpy())
        tg.randn(3, generator=ours)
        torch.randn(3, generator=theirs)
        state = theirs.get_state().numpy()
        np.testing.assert_allclose(  # the second normal number waits there as a float64
            ours.get_state().numpy()[5024:5032].view(np.float64),
            state[5024:5032].view(np.float64),
            rtol=1e-15,
        )
        resumed = tg.Generator().set_state(tg.tensor(state))
        assert resumed.initial_seed() == theirs.initial_seed()
        back = torch.Generator()
        back.set_state(torch.tensor(ours.get_state().numpy()))
        expected = torch.randn(5, generator=theirs).numpy()
        np.testing.assert_allclose(tg.randn(5, generator=resumed).numpy(), expected, rtol=3e-7)
        np.testing.assert_allclose(torch.randn(5, generator=back).numpy(), expected, rtol=3e-7)


def test_generators_are_seeded_copied_and_refused_alike() -> None:
    for lib in (tg, torch):
        g = lib.Generator("cpu")
        assert g.manual_seed(-2).initial_seed() == 2**64 - 2
        assert str(g.device) == "cpu"
        assert g.seed() == g.initial_seed()
        lib.rand(5, generator=g)
        expected = lib.rand(3, generator=g.clone_state()).tolist()
        for twin in (copy.deepcopy(g), pickle.loads(pickle.dumps(g))):
            assert lib.rand(3, generator=twin).tolist() == expected
        assert lib.rand(3, generator=g).tolist() == expected
        with pytest.raises(RuntimeError):
            g.manual_seed(2.5)
        for seed in (2**64, -(2**63) - 1):
            with pytest.raises(ValueError, match=r"seed|Overflow"):
                lib.manual_seed(seed)
        with pytest.raises(RuntimeError, match="5056"):
            g.set_state(lib.zeros(3, dtype=lib.uint8))
        for wrong in (lib.zeros(5056), 5):
            with pytest.raises(TypeError, match=r"uint8|Byte"):
                g.set_state(wrong)
        assert lib.manual_seed(7) is lib.default_generator
        assert lib.initial_seed() == lib.random.initial_seed() == 7
        before = lib.get_rng_state()
        with lib.random.fork_rng():
            assert lib.seed() == lib.initial_seed()
        with lib.random.fork_rng(devices=[]):
            lib.rand(3)
        np.testing.assert_array_equal(lib.get_rng_state().numpy(), before.numpy())
        with lib.random.fork_rng(enabled=False):
            lib.rand(3)
        assert (lib.get_rng_state().numpy() != before.numpy()).any()
        lib.set_rng_state(before)
        np.testing.assert_array_equal(lib.get_rng_state().numpy(), before.numpy())


# --- gradients, and what is refused --------------------------------------------------------------


@pytest.mark.parametrize("name", ["uniform_", "normal_", "bernoulli_", "random_", "exponential_"])
def test_what_random_numbers_replace_gets_zeros(name: str) -> None:
    for lib in (tg, torch):
        x = lib.ones(3, requires_grad=True)
        y = getattr(x * 2, name)()
        assert y.requires_grad
        y.backward(lib.tensor([1.0, INF, NAN]))
        assert x.grad.tolist() == [0, 0, 0]
        with pytest.raises(RuntimeError, match="leaf"):
            getattr(x, name)()


def test_parameters_of_distributions_get_zeros() -> None:
    for lib in (tg, torch):
        m, s = lib.zeros(3, requires_grad=True), lib.ones(2, 1, requires_grad=True)
        p = lib.full((3,), 0.5, requires_grad=True)
        (lib.normal(m, s) * lib.bernoulli(p)).backward(lib.ones(2, 3))
        assert m.grad.tolist() == p.grad.tolist() == [0, 0, 0]
        assert s.grad.tolist() == [[0], [0]]


NAN, INF = float("nan"), float("inf")
REFUSED: dict[str, Callable[[Any], Any]] = {
    "rand of ints": lambda lib: lib.rand(2, dtype=lib.int64),
    "randn of ints": lambda lib: lib.randn(2, dtype=lib.int64),
    "rand_like of ints": lambda lib: lib.rand_like(lib.zeros(2, dtype=lib.int64)),
    "negative size": lambda lib: lib.rand(-1),
    "generator of another type": lambda lib: lib.rand(2, generator=5),
    "no integers": lambda lib: lib.randint(3, 3, (2,)),
    "too many for uint8": lambda lib: lib.randint(300, (2,), dtype=lib.uint8),
    "too few for uint8": lambda lib: lib.randint(-1, 30, (2,), dtype=lib.uint8),
    "too many for bool": lambda lib: lib.randint(3, (2,), dtype=lib.bool),
    "ints that require grad": lambda lib: lib.randint(2, (2,), requires_grad=True),
    "size without a tuple": lambda lib: lib.randint(5, 2),
    "float bound": lambda lib: lib.randint(5.5, (2,)),
    "negative permutation": lambda lib: lib.randperm(-1),
    "permutation beyond uint8": lambda lib: lib.randperm(300, dtype=lib.uint8),
    "permutation of bools": lambda lib: lib.randperm(2, dtype=lib.bool),
    "permutation that requires grad": lambda lib: lib.randperm(2, requires_grad=True),
    "permutation of a float": lambda lib: lib.randperm(2.0),
    "uniform downwards": lambda lib: lib.empty(2).uniform_(2, 1),
    "uniform NaN": lambda lib: lib.empty(2).uniform_(NAN, 1),
    "uniform -inf": lambda lib: lib.empty(2).uniform_(-INF, 1),
    "uniform too wide": lambda lib: lib.empty(2).uniform_(-3e38, 3e38),
    "uniform ints": lambda lib: lib.empty(2, dtype=lib.int64).uniform_(),
    "uniform generator": lambda lib: lib.empty(2).uniform_(generator="x"),
    "normal negative": lambda lib: lib.empty(2).normal_(0, -1),
    "normal NaN": lambda lib: lib.empty(2).normal_(0, NAN),
    "normal ints": lambda lib: lib.empty(2, dtype=lib.int64).normal_(),
    "normal without size": lambda lib: lib.normal(0.0, 1.0),
    "normal shapes": lambda lib: lib.normal(lib.zeros(2), lib.ones(3)),
    "normal negative tensor": lambda lib: lib.normal(0.0, lib.tensor([-1.0])),
    "normal negative number": lambda lib: lib.normal(lib.zeros(2), -1.0),
    "normal of ints": lambda lib: lib.normal(lib.zeros(2, dtype=lib.int64), 1.0),
    "bernoulli 1.5": lambda lib: lib.empty(2).bernoulli_(1.5),
    "bernoulli NaN": lambda lib: lib.empty(2).bernoulli_(NAN),
    "bernoulli tensor": lambda lib: lib.empty(2).bernoulli_(lib.tensor([1.5, 0.0])),
    "bernoulli shapes": lambda lib: lib.empty(3).bernoulli_(lib.rand(2, 3)),
    "bernoulli int chances": lambda lib: lib.empty(3).bernoulli_(lib.tensor([1, 0, 1])),
    "bernoulli of ints": lambda lib: lib.bernoulli(lib.tensor([1, 0, 1])),
    "bernoulli of 2": lambda lib: lib.bernoulli(lib.tensor([1.0, 2.0])),
    "exponential 0": lambda lib: lib.empty(2).exponential_(0),
    "exponential NaN": lambda lib: lib.empty(2).exponential_(NAN),
    "exponential ints": lambda lib: lib.empty(2, dtype=lib.int64).exponential_(),
    "random no integers": lambda lib: lib.empty(2).random_(5, 5),
    "random below 0": lambda lib: lib.empty(2).random_(0),
    "random beyond int8": lambda lib: lib.empty(2, dtype=lib.int8).random_(-200, 3),
    "random float": lambda lib: lib.empty(2).random_(2.7),
    "multinomial ints": lambda lib: lib.multinomial(lib.tensor([1, 2]), 1),
    "multinomial too many": lambda lib: lib.multinomial(lib.ones(2), 3),
    "multinomial zeros": lambda lib: lib.multinomial(lib.zeros(2), 1),
    "multinomial zeros again": lambda lib: lib.multinomial(lib.zeros(2), 3, True),
    "multinomial a row of zeros": lambda lib: lib.multinomial(
        lib.eye(3)[:2] * lib.ones(2, 3) * 0, 1
    ),
    "multinomial negative": lambda lib: lib.multinomial(lib.tensor([1.0, -1.0]), 1),
    "multinomial negative again": lambda lib: lib.multinomial(lib.tensor([1.0, -1.0]), 3, True),
    "multinomial NaN": lambda lib: lib.multinomial(lib.tensor([1.0, NAN]), 3, True),
    "multinomial inf": lambda lib: lib.multinomial(lib.tensor([1.0, INF]), 1),
    "multinomial 3-D": lambda lib: lib.multinomial(lib.ones(2, 2, 2), 1),
    "multinomial 0-D": lambda lib: lib.multinomial(lib.tensor(1.0), 1),
    "multinomial of none": lambda lib: lib.multinomial(lib.ones(2), 0),
    "multinomial without categories": lambda lib: lib.multinomial(lib.zeros(0), 1),
    "out of another dtype": lambda lib: lib.rand(2, dtype=lib.float64, out=lib.empty(2)),
}


@pytest.mark.parametrize("name", REFUSED)
def test_both_refuse_with_the_same_class(name: str) -> None:
    with pytest.raises(Exception) as theirs:  # noqa: PT011 - whatever PyTorch raises
        REFUSED[name](torch)
    expected = RuntimeError if isinstance(theirs.value, RuntimeError) else type(theirs.value)
    with pytest.raises(expected):
        REFUSED[name](tg)


def test_integers_that_a_float_cannot_hold_are_warned_about() -> None:
    for lib in (tg, torch):
        with pytest.warns(UserWarning, match="2|16777216"):
            lib.randint(2**25, (2,), dtype=lib.float32)


# --- what draws from the stream ------------------------------------------------------------------


@given(SEEDS, st.floats(0, 1), FLOATS, st.booleans())
def test_dropout_masks(seed: int, p: float, dtype: str, inplace: bool) -> None:
    def draw(lib: Any) -> Any:
        x = lib.ones(9, 7, dtype=getattr(lib, dtype))
        return lib.nn.Dropout(p, inplace)(x)

    assert_bit_equal(seed, draw)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("seed", range(3))
def test_layers_start_alike(dtype: str, seed: int) -> None:
    for make in (
        lambda lib: lib.nn.Linear(30, 20, dtype=getattr(lib, dtype)),
        lambda lib: lib.nn.Conv1d(6, 4, 3, groups=2, dtype=getattr(lib, dtype)),
        lambda lib: lib.nn.Conv2d(3, 8, (3, 5), dtype=getattr(lib, dtype)),
        lambda lib: lib.nn.ConvTranspose1d(4, 6, 3, dtype=getattr(lib, dtype)),
        lambda lib: lib.nn.ConvTranspose2d(4, 6, 3, groups=2, dtype=getattr(lib, dtype)),
    ):
        assert_bit_equal(seed, lambda lib, make=make: make(lib).weight)
        assert_bit_equal(seed, lambda lib, make=make: make(lib).bias)


def test_dropout_after_a_convolution_does_not_see_the_engines_layout() -> None:
    x = np.random.default_rng(0).standard_normal((4, 1, 12, 12)).astype(np.float32)
    masks = []
    for lib in (tg, torch):
        lib.manual_seed(0)
        h = lib.nn.Conv2d(1, 6, 3)(lib.tensor(x))
        h = lib.nn.functional.max_pool2d(h, 2)
        masks.append(values(lib.nn.functional.dropout(h + 100, 0.5)) == 0)
    np.testing.assert_array_equal(*masks)
