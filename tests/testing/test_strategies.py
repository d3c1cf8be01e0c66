"""The strategies draw what they promise, all of it, and nothing else."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, find, given, settings
from hypothesis import strategies as st

import nn.functional as F
import tinygrad_np as tg
from tinygrad_np.testing import (
    LAYOUTS,
    arrays,
    broadcastable_shapes,
    conv_configs,
    dims,
    indices,
    op_test,
    pool_configs,
    shapes,
    tensors,
)

SEARCH = settings(
    max_examples=1000, derandomize=True, database=None, suppress_health_check=list(HealthCheck)
)


def draws(strategy: Any, condition: Any) -> Any:
    """An example that meets a condition; an error if none is drawn."""
    return find(strategy, condition, settings=settings(SEARCH, phases=[Phase.generate]))


def simplest(strategy: Any, condition: Any) -> Any:
    """What an example that meets a condition shrinks to."""
    return find(strategy, condition, settings=SEARCH)


def often(strategy: Any, *conditions: Any) -> list[float]:
    """Which share of the examples drawn meets each condition."""
    met = []

    @settings(SEARCH, max_examples=200, phases=[Phase.generate])
    @given(strategy)
    def run(drawn: Any) -> None:
        met.append([bool(condition(drawn)) for condition in conditions])

    run()
    return np.mean(met, 0).tolist()  # type: ignore[no-any-return]  # floats, of a dimension


# --- shapes, dimensions, indices ---


@given(shapes(min_dims=1, max_dims=2, min_side=0, max_side=3))
def test_shapes_keep_their_bounds(shape: tuple[int, ...]) -> None:
    assert 1 <= len(shape) <= 2
    assert all(0 <= n <= 3 for n in shape)


def test_shapes_cover_0d_sizes_of_0_and_1_and_shrink_to_ones() -> None:
    assert simplest(shapes(), lambda _: True) == ()
    assert simplest(shapes(), lambda s: 0 in s) == (0,)
    assert simplest(shapes(), lambda s: len(s) == 3) == (1, 1, 1)
    draws(shapes(), lambda s: len(set(s)) == 3 and min(s) > 1)


@given(broadcastable_shapes(3))
def test_broadcastable_shapes_broadcast(drawn: Any) -> None:
    assert len(drawn.shapes) == 3
    assert np.broadcast_shapes(*drawn.shapes) == drawn.result


def test_broadcastable_shapes_differ_often() -> None:
    neither, number = often(
        broadcastable_shapes(), lambda d: d.result not in d.shapes, lambda d: () in d.shapes
    )
    assert neither > 0.1
    assert 0.03 < number < 0.3


@pytest.mark.parametrize(
    ("bounds", "message"),
    [
        ({"min_side": 5, "max_side": 2}, r"min_side \(5\) and max_side \(2\)"),
        ({"min_dims": 4}, r"min_dims \(4\) and max_dims \(3\)"),
        ({"min_side": -1}, r"min_side \(-1\).* must be 0 or more"),
    ],
)
def test_shapes_refuse_bounds_without_anything_between(bounds: Any, message: str) -> None:
    with pytest.raises(ValueError, match=f"shapes: {message}"):
        shapes(**bounds)


def test_broadcastable_shapes_refuse_what_cannot_be_at_once() -> None:
    with pytest.raises(ValueError, match=r"broadcastable_shapes: count \(0\) must be 1 or more"):
        broadcastable_shapes(0)
    with pytest.raises(ValueError, match=r"min_side \(4\) and max_side \(3\)"):
        broadcastable_shapes(min_side=4)
    assert len(draws(broadcastable_shapes(1), lambda d: d.result == (3, 2)).shapes) == 1


@pytest.mark.parametrize(
    "wanted",
    [
        lambda d: d.result == (3, 2) and set(d.shapes) == {(3, 1), (1, 2)},
        lambda d: d.result == (3, 2) and set(d.shapes) == {(3, 1), (2,)},
        lambda d: d.result not in d.shapes and len(d.result) == 3,
        lambda d: () in d.shapes and d.result != (),
        lambda d: any(len(s) == 3 and s.count(1) == 1 for s in d.shapes) and 1 not in d.result,
        lambda d: 0 in d.result and any(0 not in s for s in d.shapes),
    ],
)
def test_broadcastable_shapes_cover_the_kinds(wanted: Any) -> None:
    draws(broadcastable_shapes(), wanted)


@given(st.data(), st.integers(0, 4))
def test_dims_are_dimensions(data: st.DataObject, ndim: int) -> None:
    drawn = data.draw(dims(ndim, several=True, allow_none=True))
    x = np.zeros((1,) * max(ndim, 1))
    x.sum(axis=drawn)  # which refuses what is out of range or there twice


def test_dims_cover_negative_ones_tuples_and_none() -> None:
    assert simplest(dims(3), lambda d: d < 0) == -1
    assert simplest(dims(0), lambda d: d == -1) == -1
    assert draws(dims(3, several=True), lambda d: isinstance(d, tuple) and min(d) < 0 < max(d))
    assert draws(dims(3, allow_none=True), lambda d: d is None) is None


@given(st.data(), shapes(max_dims=4))
def test_indices_index_as_in_numpy(data: st.DataObject, shape: tuple[int, ...]) -> None:
    at = data.draw(indices(shape))
    x = np.arange(float(math.prod(shape))).reshape(shape)
    np.testing.assert_array_equal(tg.tensor(x)[at].numpy(), x[at])


@given(st.data(), shapes(max_dims=4))
def test_indices_of_tensors(data: st.DataObject, shape: tuple[int, ...]) -> None:
    at = data.draw(indices(shape, tensors=True))
    x = np.arange(float(math.prod(shape))).reshape(shape)
    plain = tuple(p.numpy() if isinstance(p, tg.Tensor) else p for p in _parts(at))
    np.testing.assert_array_equal(tg.tensor(x)[at].numpy(), x[plain])


def _parts(at: Any) -> tuple[Any, ...]:
    return at if isinstance(at, tuple) else (at,)


def _chosen(at: Any, kind: str) -> list[Any]:
    """The lists, arrays and tensors of an index as arrays: of indices ("i") or of bools ("b")."""
    found = [
        np.array(p.numpy() if isinstance(p, tg.Tensor) else p, None if np.size(p) else np.int64)
        for p in _parts(at)
        if isinstance(p, (list, np.ndarray, tg.Tensor))
    ]
    return [array for array in found if array.dtype.kind == kind]


def _repeats(arrays: list[Any]) -> bool:
    return any(len(np.unique(array)) < array.size for array in arrays)


@pytest.mark.parametrize(
    "wanted",
    [
        lambda at: not isinstance(at, tuple),
        lambda at: any(p is None for p in _parts(at)),
        lambda at: any(p is ... for p in _parts(at)),
        lambda at: any(isinstance(p, int) and p < 0 for p in _parts(at)),
        lambda at: any(isinstance(p, slice) and p.step == 2 for p in _parts(at)),
        lambda at: any(isinstance(p, list) and len(set(p)) < len(p) for p in _parts(at)),
        lambda at: any(isinstance(p, np.ndarray) and p.any() for p in _parts(at)),
        lambda at: any(isinstance(p, list) for p in _parts(at)) and len(_parts(at)) == 3,
        lambda at: any(p is ... for p in _parts(at)[:-1]),
        lambda at: any(p is ... for p in _parts(at)[1:-1]),
        lambda at: any(isinstance(p, tg.Tensor) and p.dtype == tg.int64 for p in _parts(at)),
        lambda at: any(isinstance(p, tg.Tensor) and p.dtype == tg.bool for p in _parts(at)),
        lambda at: any(array.ndim == 2 for array in _chosen(at, "i")),
        lambda at: any(array.ndim == 2 and array.any() for array in _chosen(at, "b")),
        lambda at: any(array.ndim == 3 and array.any() for array in _chosen(at, "b")),
        lambda at: len(_chosen(at, "i")) == 2 and all(_repeats([x]) for x in _chosen(at, "i")),
        lambda at: len({array.shape for array in _chosen(at, "i")}) == 2,
        lambda at: len(_chosen(at, "i")) == 2 and isinstance(_parts(at)[1], slice),
        lambda at: any(array.size == 0 for array in _chosen(at, "i")),
        lambda at: any(not array.any() for array in _chosen(at, "b")),
    ],
)
@pytest.mark.slow
def test_indices_cover_the_kinds(wanted: Any) -> None:
    draws(indices((3, 2, 4), tensors=True), wanted)


def _several(at: Any) -> bool:
    return len(_chosen(at, "i")) > 1


def _masked(at: Any) -> bool:
    return bool(_chosen(at, "b"))


def test_indices_draw_the_hard_kinds_often() -> None:
    shares = often(
        indices((4, 3, 2)),
        _several,
        lambda at: _repeats(_chosen(at, "i")),
        _masked,
        lambda at: any(p is ... for p in _parts(at)[:-1]),
    )
    assert min(shares) > 0.08


def test_indices_leave_out_what_is_not_wanted() -> None:
    for options in ({"arrays": False}, {"masks": False}, {"new_axes": False}):
        shares = often(
            indices((3, 2), **options),
            lambda at: bool(_chosen(at, "i")),
            _masked,
            lambda at: any(p is None for p in _parts(at)),
        )
        absent = ["arrays", "masks", "new_axes"].index(*options)
        assert [share == 0 for share in shares] == [i == absent for i in range(3)]


# --- tensors ---


@given(tensors(shapes(max_dims=2), low=-1.0, high=2.0))
def test_tensors_keep_shape_dtype_and_bounds(x: tg.Tensor) -> None:
    assert x.ndim <= 2
    assert x.dtype == np.float64
    assert x.requires_grad
    assert ((x.detach().numpy() >= -1) & (x.detach().numpy() <= 2)).all()


@given(tensors((2, 3), away_from=[0.0, 1.0], gap=0.25))
def test_tensors_keep_away_from_kinks(x: tg.Tensor) -> None:
    for kink in (0.0, 1.0):
        assert (np.abs(x.detach().numpy() - kink) >= 0.25).all()


@given(tensors(shapes(max_dims=3), distinct=True, gap=0.5, dtype=np.float32))
def test_distinct_tensors_keep_the_gap(x: tg.Tensor) -> None:
    assert x.dtype == np.float32
    assert (np.diff(np.sort(x.detach().numpy().ravel())) >= 0.5).all()


@pytest.mark.parametrize(
    "options",
    [
        {"away_from": [0.0]},
        {"away_from": [0.3], "gap": 0.1},
        {"gap": 0.1, "dtype": np.float32},
        {"gap": 0.1, "dtype": np.float16},
        {"dtype": np.int64},
        {"dtype": np.int64, "gap": 2.5, "away_from": [1.0]},
        {"dtype": np.uint8},
        {"low": 0.5},
        {"low": 0.5, "high": 1.5, "away_from": [1.0]},
        {"high": -100.0},
        {"dtype": np.int8, "low": 120},
        {"dtype": np.float16, "low": 1000.0},
        {"dtype": np.float16, "high": -5000.0, "away_from": [-5500.0]},
        {"dtype": np.float16, "low": 60000.0},
        {"dtype": np.float16, "gap": 1e-10},
        {"dtype": np.float32, "low": 1e30},
    ],
    ids=str,
)
def test_distinct_numbers_keep_every_promise(options: Any) -> None:
    gap = options.get("gap", 0.125)
    least = max(1, gap) if np.dtype(options.get("dtype", float)).kind in "iu" else gap

    @given(arrays((2, 3), distinct=True, **options))
    def check(x: Any) -> None:
        numbers = x.astype(np.float64).ravel()
        assert (np.diff(np.sort(numbers)) >= least).all()
        for kink in options.get("away_from", ()):
            assert (np.abs(numbers - kink) >= gap).all()
        assert numbers.min() >= options.get("low", -np.inf)
        assert numbers.max() <= options.get("high", np.inf)

    check()


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, np.int64, np.uint8])
@pytest.mark.parametrize(
    "options",
    [
        {"low": 0.0, "high": 1.0, "away_from": [1.0]},
        {"low": 0.1, "high": 2.3, "away_from": [0.3], "gap": 0.7},
        {"low": 0.0, "around": [0.0]},
        {"low": 0.3, "high": 1.0, "around": [1.0]},
        {"low": 0.9, "high": 1.01},
        {"low": -1e9, "high": 1e9, "away_from": [-1.0, 0.0, 1.0]},
    ],
    ids=str,
)
def test_numbers_stay_between_the_bounds(options: Any, dtype: Any) -> None:
    """The bounds may be the domain: of acos, of log, of sqrt."""

    @given(arrays((3,), dtype=dtype, **options))
    def check(x: Any) -> None:
        numbers = x.astype(np.float64)
        assert (numbers >= options["low"]).all()
        assert (numbers <= options.get("high", 3.0)).all()
        for kink in options.get("away_from", ()):
            assert (np.abs(numbers - kink) >= options.get("gap", 0.125)).all()

    check()


def test_numbers_fill_what_the_bounds_leave() -> None:
    drawn = arrays((1,), low=0.5, high=0.51)
    draws(drawn, lambda x: x[0] > 0.509)
    draws(drawn, lambda x: x[0] == 0.5)
    between = arrays((1,), away_from=[0.0, 1.0])
    for least, most in ((-3, -0.125), (0.125, 0.875), (1.125, 3)):
        draws(between, lambda x, least=least, most=most: least < x[0] < most)
    assert simplest(between, lambda _: True).tolist() == [0.5]
    assert simplest(between, lambda x: x[0] > 1).tolist() == [2.0]
    wide = arrays((1,), low=-1e6, high=1e6)
    for least in (0, 1e5, 9e5):
        draws(wide, lambda x, least=least: least < x[0] and x[0] % 1)
        draws(wide, lambda x, least=least: x[0] < -least)
    assert simplest(arrays((1,), low=0.0, around=[0.0]), lambda x: 0 < x[0] < 1e-300)[0] == 5e-324


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"low": 2, "high": 1}, r"low \(2\) is above high \(1\)"),
        ({"low": np.nan}, "low must be a finite number, not nan"),
        ({"high": np.inf}, "high must be a finite number, not inf"),
        ({"gap": 0}, r"gap \(0\) must be above 0"),
        ({"gap": np.inf}, r"gap \(inf\) must be above 0, and finite"),
        (
            {"low": 0, "high": 0.1, "away_from": [0.0]},
            r"there is no float64 between 0 and 0.1 and 0.125 away from \[0.0\]",
        ),
        ({"dtype": np.int64, "low": 0.2, "high": 0.8}, "no int64 between 0.2 and 0.8"),
        ({"around": np.nan}, "around must be a finite number, or several in a list, not nan"),
        ({"around": [0.0, None]}, r"around must be a finite number, .* not \[0.0, None\]"),
        ({"away_from": [np.inf]}, r"away_from must be a finite number, .* not \[inf\]"),
        ({"away_from": "0"}, "away_from must be a finite number, .* not '0'"),
        ({"low": 1, "around": [0.0]}, r"around: the bounds leave nothing at or beside \[0.0\]"),
        ({"distinct": True, "around": [0.0]}, "around and distinct exclude each other"),
        (
            {"distinct": True, "low": 0, "high": 0.5},
            "distinct: 6 numbers that are 0.125 apart find no room with low=0, high=0.5",
        ),
        (
            {"distinct": True, "dtype": np.float16, "low": 65000, "gap": 99},
            "128.0 apart find no room",
        ),
        ({"distinct": True, "dtype": np.bool_}, "distinct: 6 numbers .* dtype bool"),
        ({"layouts": ["foo"]}, r"layouts must be .* \['C', 'Fortran', .*, not \['foo'\]"),
        ({"layouts": "strided"}, "layouts must be a collection .*, not 'strided'"),
        ({"layouts": []}, r"layouts must be .*, not \[\]"),
        ({"layouts": ["C", "expanded"], "distinct": True}, "layouts: expanded tensors repeat"),
    ],
)
@pytest.mark.parametrize("kind", [arrays, tensors])
def test_what_no_tensor_can_be_is_refused(kind: Any, options: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        kind((2, 3), **options)


@pytest.mark.parametrize("point", [0.0, 1, np.float32(0.5)])
def test_a_single_number_is_one_point(point: Any) -> None:
    draws(arrays((2,), around=point), lambda x: bool((x == point).all()))

    @given(arrays((2, 3), away_from=point))
    def check(x: Any) -> None:
        assert (np.abs(x - point) >= 0.125).all()

    check()


@pytest.mark.parametrize("dtype", [np.float16, np.float64, np.int64])
@pytest.mark.parametrize(
    ("options", "least", "most"),
    [
        ({"low": 5}, 5, 11),
        ({"low": 3}, 3, 9),
        ({"low": 2}, 2, 3),
        ({"low": 10_000}, 10_000, 20_000),
        ({"high": -5}, -11, -5),
        ({"high": -100}, -200, -100),
    ],
    ids=str,
)
def test_one_bound_alone_leaves_room_beside_it(
    options: Any, least: float, most: float, dtype: Any
) -> None:
    drawn = arrays((1,), dtype=dtype, **options)
    for end in (least, most):
        draws(drawn, lambda x, end=end: abs(x[0] - end) <= (most - least) / 8)

    @given(drawn)
    def check(x: Any) -> None:
        assert least <= x[0] <= most

    check()


def test_tensors_reach_kinks_and_what_is_beside_them() -> None:
    drawn = tensors((3,), around=[1.0], dtype=np.float32)
    draws(drawn, lambda x: bool((x == 1).all()))
    for beside in (np.nextafter(np.float32(1), np.float32(0)), np.float32(1.125)):
        draws(drawn, lambda x, beside=beside: float(beside) in x.detach().numpy())


def test_numbers_shrink_to_round_ones() -> None:
    """Whole ones, then halves, and so on."""
    drawn = arrays((1,))
    for condition, expected in (
        (lambda x: x != 0, 1.0),
        (lambda x: x < -1, -2.0),
        (lambda x: x % 1, 0.5),
        (lambda x: x % 0.5, 0.25),
        (lambda x: x * 8 % 1, 0.0625),
    ):
        found = simplest(drawn, lambda x, condition=condition: condition(x[0]))
        assert abs(found[0]) == abs(expected)
    assert simplest(arrays((1,), low=0.3), lambda _: True)[0] == 1.0


def test_tensors_shrink_to_zeros_and_keep_what_matters() -> None:
    assert simplest(tensors((2,)), lambda _: True).tolist() == [0.0, 0.0]
    assert simplest(tensors((2,)), lambda x: x.max().item() > 1).tolist() == [0.0, 2.0]
    assert simplest(tensors((2,)), lambda x: x.min().item() <= -1).tolist() in ([0, -1], [-1, 0])


@pytest.mark.parametrize("dtype", [np.float16, np.int64, np.uint8, np.bool_])
def test_tensors_of_other_dtypes(dtype: Any) -> None:
    @given(tensors((2, 2), dtype=dtype))
    def check(x: tg.Tensor) -> None:
        assert x.dtype == dtype
        assert x.requires_grad == (dtype is np.float16)

    check()


@pytest.mark.parametrize("name", [*LAYOUTS, "expanded"])
def test_layouts_are_what_they_are_called(name: str) -> None:
    x = draws(arrays((2, 3, 4), layouts=[name]), lambda _: True)
    steps = tuple(s // x.itemsize for s in x.strides)
    assert {
        "C": steps == (12, 4, 1),
        "Fortran": steps == (1, 2, 6),
        "permuted": steps == (1, 8, 2),
        "strided": steps == (96, 16, 2),
        "negative strides": steps == (-12, -4, -1),
        "read-only": not x.flags.writeable,
        "expanded": steps[-1] == 0,
    }[name]


@pytest.mark.parametrize("name", [*LAYOUTS, "transposed", "sliced", "expanded"])
def test_tensors_show_their_layout(name: str) -> None:
    """As in PyTorch: a function that calls `view` meets what it cannot view."""
    x = draws(tensors((2, 3, 4), layouts=[name]), lambda x: bool((x != 0).any()))
    assert x.is_leaf
    assert x.requires_grad
    assert (
        x.stride()
        == {
            "C": (12, 4, 1),
            "Fortran": (1, 2, 6),
            "permuted": (1, 8, 2),
            "strided": (96, 16, 2),
            "negative strides": (-12, -4, -1),
            "read-only": (12, 4, 1),
            "transposed": (1, 2, 6),
            "sliced": (96, 16, 2),
            "expanded": (3, 1, 0),
        }[name]
    )
    assert x.is_contiguous() == (name in {"C", "read-only"})
    if name not in {"C", "read-only", "negative strides"}:  # the last has one stride, -1
        with pytest.raises(tg.ShapeError, match="would need a copy"):
            x.view(-1)
    (x * x).sum().backward()
    assert x.grad is not None
    np.testing.assert_array_equal(x.grad.numpy(), 2 * x.detach().numpy())


@given(tensors(shapes(max_dims=2), layouts=["transposed", "sliced", "expanded"], low=1.0))
def test_views_hold_the_numbers_that_were_drawn(x: tg.Tensor) -> None:
    assert ((x >= 1) & (x <= 3)).all()
    assert tg.autograd.gradcheck(lambda x: x * x, x, fast_mode=True)


def test_gradcheck_hands_a_transpose_over_as_one() -> None:
    """What PyTorch's does; results of operations look row-major, so that `view` takes them."""
    x = tg.arange(6.0).view(2, 3)
    for odd in (x.T, tg.from_numpy(np.asfortranarray(np.ones((3, 2))))):
        with pytest.raises(tg.ShapeError, match="would need a copy"):
            tg.autograd.gradcheck(lambda x: x.view(-1) ** 2, odd.requires_grad_())
    assert tg.autograd.gradcheck(lambda x: x.view(-1) ** 2, (x.T * 2).requires_grad_())


def test_the_layout_of_a_failing_example_is_told() -> None:
    @settings(derandomize=True, database=None)
    @given(tensors((2, 2), layouts=["transposed"]))
    def flat(x: tg.Tensor) -> None:
        x.view(-1)

    with pytest.raises(tg.ShapeError) as failure:
        flat()
    assert "a tensor of shape (2, 2) is laid out: transposed" in failure.value.__notes__


@given(arrays(layouts=list(LAYOUTS)), st.sampled_from(sorted(LAYOUTS)))
def test_layouts_change_no_number(x: Any, name: str) -> None:
    other = LAYOUTS[name](x)
    np.testing.assert_array_equal(other, x)
    assert not np.shares_memory(other, x)


# --- windows ---


@given(st.data(), st.integers(1, 2), st.booleans())
def test_drawn_convolutions_fit(data: st.DataObject, dims: int, transposed: bool) -> None:
    q = data.draw(conv_configs(dims, transposed=transposed))
    function = getattr(F, f"conv{'_transpose' * transposed}{dims}d")
    y = function(*map(tg.tensor, q.arrays()), **q.options)
    lead = () if q.batch is None else (q.batch,)
    assert y.shape == (*lead, q.filters, *q.output_size)
    assert min(q.output_size) >= 1


@pytest.mark.parametrize(
    "wanted",
    [
        lambda q: q.batch == 0,
        lambda q: q.batch is None,
        lambda q: q.groups > 1 and q.filters > q.groups and q.channels > q.groups,
        lambda q: (
            len({q.size, q.kernel, q.stride, q.padding, q.dilation}) == 5
            and all(a != b for a, b in (q.size, q.kernel, q.stride, q.padding, q.dilation))
        ),
        lambda q: q.output_size == (1, 1) and min(q.kernel) > 1,
        lambda q: q.size[0] < q.kernel[0],
    ],
)
def test_convolutions_cover_the_corners(wanted: Any) -> None:
    draws(conv_configs(), wanted)


def test_convolutions_shrink_to_small_ones() -> None:
    least = simplest(conv_configs(), lambda q: q.stride[1] > 1)
    assert (least.kernel, least.stride, least.size) == ((1, 1), (1, 2), (1, 1))


@given(pool_configs(batches=[1]))
def test_every_drawn_pooling_window_sees_the_input(q: Any) -> None:
    y = F.max_pool2d(tg.zeros(*q.input_shape), **q.options)
    assert np.isfinite(y.numpy()).all()  # padding alone would give -inf
    starts = zip(y.shape[-2:], q.stride, q.padding, q.kernel, q.dilation, q.size, strict=True)
    for out, s, p, k, d, n in starts:
        for i in range(out):
            assert any(0 <= i * s - p + a * d < n for a in range(k))


@pytest.mark.parametrize(
    "wanted",
    [
        lambda q: q.ceil_mode and q.stride[0] > q.kernel[0],
        lambda q: max(q.padding) > 0 and q.dilation[0] != q.dilation[1],
        lambda q: q.batch in (0, None),
        lambda q: q.ceil_mode and (q.size[0] + 2 * q.padding[0] - q.kernel[0]) % q.stride[0],
    ],
)
def test_poolings_cover_the_corners(wanted: Any) -> None:
    draws(pool_configs(), wanted)


# --- tests that are made ---


def test_a_made_test_has_a_name_and_passes() -> None:
    test = op_test(tg.tanh, tensors(shapes(max_dims=2)), oracle=np.tanh)
    assert test.__name__ == "test_tanh"
    test()
    assert op_test(lambda x: x * 2, tensors()).__name__ == "test_lambda"


def test_a_made_test_of_broadcasting_operands() -> None:
    pairs = broadcastable_shapes(max_dims=2).flatmap(
        lambda drawn: st.tuples(*[tensors(shape) for shape in drawn.shapes])
    )
    op_test(tg.mul, pairs, oracle=np.multiply)()


@pytest.mark.slow
def test_a_made_test_fails_for_a_wrong_op_with_a_small_example() -> None:
    def halved(x: tg.Tensor) -> tg.Tensor:
        return x * x.detach() if x.numel() > 1 else x * x

    with pytest.raises(tg.autograd.GradcheckError, match=r"(?s)^halved: .* by input 0 \(2,\)"):
        op_test(halved, tensors(), settings=settings(derandomize=True, database=None))()


def test_hypothesis_is_imported_with_the_first_strategy(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(_: str) -> Any:
        raise ModuleNotFoundError("No module named 'hypothesis'", name="hypothesis")

    monkeypatch.setattr("tinygrad_np.testing.importlib.import_module", missing)
    with pytest.raises(ModuleNotFoundError, match=r"testing.dims needs hypothesis: pip install"):
        tg.testing.dims  # noqa: B018 - the attribute is what imports
    with pytest.raises(AttributeError, match=r"tensor is not in tinygrad_np\.testing; .* tensors"):
        tg.testing.tensor  # noqa: B018 - as above


def test_every_name_is_there_and_listed() -> None:
    names = itertools.chain(tg.testing._DRAWING, ("assert_close", "make_tensor", "check_vjp"))
    assert all(callable(getattr(tg.testing, name)) for name in names)
    assert {"op_test", "tensors", "conv_configs", "check_op", "LAYOUTS"} <= set(dir(tg.testing))
    for name in dir(tg.testing):
        value = getattr(tg.testing, name)
        home = getattr(value, "__module__", getattr(value, "__name__", "tinygrad_np"))
        assert name.startswith("_") or home.startswith("tinygrad_np"), name
