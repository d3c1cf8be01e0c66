"""Pooling = naive loop, over drawn geometries, with ties."""

from __future__ import annotations

import itertools
import math
from functools import partial
from typing import Any

import numpy as np
import pytest
from geometry import MANY, pairs, stored
from hypothesis import given
from hypothesis import strategies as st

from tinygrad_np.kernels import adaptive, pool
from tinygrad_np.kernels.windows import Axis
from tinygrad_np.testing import PoolConfig, pool_configs


def as_dict(q: PoolConfig, layout: int) -> Any:
    options = {("kernel" if k == "kernel_size" else k): v for k, v in q.options.items()}
    return {"n": q.batch, "hw": q.size, "layout": layout, **options}


drawn = st.builds(as_dict, pool_configs(batches=(0, 1, 3)), st.integers(0, 5))


def axes_of(q: Any) -> tuple[Axis, Axis]:
    h, w = (
        Axis(size, kernel, stride, pad, pad, dilation)
        for size, kernel, stride, pad, dilation in zip(
            *(q[name] for name in ("hw", "kernel", "stride", "padding", "dilation")), strict=True
        )
    )
    return (h.ceiled(), w.ceiled()) if q["ceil_mode"] else (h, w)


def arrays(q: Any, dtype: int = np.float64) -> Any:
    rng = np.random.default_rng(0)
    h, w = axes_of(q)
    x = stored(rng.integers(-2, 2, (q["n"], 2, *q["hw"])).astype(dtype), q["layout"])
    g = stored(rng.integers(1, 9, (q["n"], 2, h.out, w.out)).astype(dtype), q["layout"] // 2)
    x.flags.writeable = g.flags.writeable = False
    return x, g, h, w


def window(h: Any, w: Any, i: Any, j: Any) -> Any:
    """Inputs of one window, in reading order."""
    for a, e in itertools.product(range(h.kernel), range(w.kernel)):
        r, s = (
            i * h.stride + a * h.dilation - h.before,
            j * w.stride + e * w.dilation - w.before,
        )
        if 0 <= r < h.size and 0 <= s < w.size:
            yield r, s


def first_largest(plane: Any, at: Any) -> Any:
    return max(at, key=lambda p: plane[p])  # max returns the first of equals


def largest(plane: Any, at: Any) -> Any:
    """The last NaN, as in PyTorch, where each NaN replaces what was found before it."""
    spoiled = [p for p in at if np.isnan(plane[p])]
    return spoiled[-1] if spoiled else first_largest(plane, at)


def padded(a: Any, i: int) -> int:
    """Taps of a window along one axis that lie in the input or its declared padding."""
    start = i * a.stride - a.before
    return min(start + a.kernel, a.size + a.before) - start


@MANY
@given(drawn, st.sampled_from([np.float64, np.float32, np.float16]))
def test_max_pool_equals_the_naive_loop(q: Any, dtype: Any) -> None:
    x, g, h, w = arrays(q, dtype)
    y, gx = np.empty(g.shape, dtype), np.zeros(x.shape, dtype)
    for n, c, i, j in np.ndindex(*g.shape):
        at = list(window(h, w, i, j))
        r, s = first_largest(x[n, c], at)
        y[n, c, i, j] = x[n, c, r, s]
        gx[n, c, r, s] += g[n, c, i, j]
    found = pool.max_pool2d(x, h, w)
    np.testing.assert_array_equal(found, y)
    assert found.dtype == dtype
    back = pool.max_pool2d_backward(g, x, y, h, w)
    np.testing.assert_array_equal(back, gx)
    assert back.dtype == dtype
    indices = pool.max_pool2d_indices(x, h, w)
    np.testing.assert_array_equal(pool.scatter(g, indices, q["hw"]), gx)


@MANY
@given(drawn)
def test_a_nan_wins_and_takes_the_gradient(q: Any) -> None:
    x, g, h, w = arrays(q)
    odd = np.arange(x.size).reshape(x.shape)
    x = stored(np.where(odd % 7 == 3, np.nan, np.where(x == -2, -np.inf, x)), q["layout"])
    y, gx = np.empty(g.shape), np.zeros(x.shape)
    for n, c, i, j in np.ndindex(*g.shape):
        at = list(window(h, w, i, j))
        r, s = largest(x[n, c], at)
        y[n, c, i, j] = x[n, c, r, s]
        gx[n, c, r, s] += g[n, c, i, j]
    np.testing.assert_array_equal(pool.max_pool2d(x, h, w), y)
    np.testing.assert_array_equal(pool.max_pool2d_backward(g, x, y, h, w), gx)


@MANY
@given(drawn, st.booleans(), st.sampled_from([None, 3]))
def test_avg_pool_equals_the_naive_loop(q: Any, include: Any, divisor: Any) -> None:
    q["dilation"] = (1, 1)
    x, g, h, w = arrays(q)
    share = np.asarray(1 / divisor) if divisor else pool.shares(h, w, padding=include)
    y, gx = pool.avg_pool2d(x, h, w, share), pool.avg_pool2d_backward(g, h, w, share)
    assert y.shape == g.shape
    assert gx.shape == x.shape
    np.testing.assert_allclose((y * g).sum(), (x * gx).sum(), rtol=1e-9, atol=1e-9)
    for n, c, i, j in np.ndindex(*g.shape):
        at = list(window(h, w, i, j))
        count = divisor or (padded(h, i) * padded(w, j) if include else len(at))
        total = sum(x[n, c, *p] for p in at)
        np.testing.assert_allclose(y[n, c, i, j], total / count, atol=1e-12)


@MANY
@given(pairs(1, 9), pairs(1, 6), st.integers(0, 5), st.booleans())
def test_adaptive_pools_equal_the_naive_loop(hw: Any, out: Any, layout: Any, odd: bool) -> None:
    rng = np.random.default_rng(0)
    x = rng.integers(-3, 3, (2, 3, *hw)).astype(float)
    if odd:
        x[x == 1] = np.nan
    x = stored(x, layout)
    g = rng.standard_normal((2, 3, *out))
    means, tops = np.empty(g.shape), np.empty(g.shape)
    shared, routed = np.zeros(x.shape), np.zeros(x.shape)
    for n, c, i, j in np.ndindex(*g.shape):
        rows = range(i * hw[0] // out[0], -(-(i + 1) * hw[0] // out[0]))
        columns = range(j * hw[1] // out[1], -(-(j + 1) * hw[1] // out[1]))
        at = list(itertools.product(rows, columns))
        means[n, c, i, j] = sum(x[n, c, *p] for p in at) / len(at)
        for p in at:
            shared[n, c, *p] += g[n, c, i, j] / len(at)
        top = largest(x[n, c], at)
        tops[n, c, i, j] = x[n, c, *top]
        routed[n, c, *top] += g[n, c, i, j]
    np.testing.assert_allclose(adaptive.adaptive_avg_pool2d(x, out), means, atol=1e-12)
    np.testing.assert_allclose(adaptive.adaptive_avg_pool2d_backward(g, hw), shared, atol=1e-12)
    indices = adaptive.adaptive_max_pool2d_indices(x, out)
    flat = [a.reshape(6, math.prod(a.shape[2:])) for a in (x, indices, tops)]
    np.testing.assert_array_equal(np.take_along_axis(*flat[:2], 1), flat[2])
    np.testing.assert_allclose(pool.scatter(g, indices, hw), routed, atol=1e-12)


def routed(g: Any, x: Any, h: Axis, w: Axis) -> Any:
    return pool.max_pool2d_backward(g, x, pool.max_pool2d(x, h, w), h, w).ravel()


def test_one_dimension_alone() -> None:
    """What poolings do to each of two, where two mistakes may undo each other."""
    means = adaptive._means(np.array([[1.0, 2, 3, 4, 8]]), 1, 2)
    np.testing.assert_array_equal(means, [[2, 5]])
    shared = adaptive._share(np.array([[6.0, 9]]), 1, 5)  # the third lies in both bins
    np.testing.assert_allclose(shared, [[2, 2, 5, 3, 3]], rtol=1e-15)
    np.testing.assert_array_equal(pool._counts(Axis(5, 3, 2, 1, 1), padding=False), [2, 3, 2])
    np.testing.assert_array_equal(pool._counts(Axis(5, 3, 2, 1, 1), padding=True), [3, 3, 3])


@pytest.mark.parametrize(
    ("h", "w", "expected"),
    [
        (Axis(4, 2, 2), Axis(6, 3, 3), 1 / 6),
        (Axis(4, 2, 2), Axis(5, 3, 2, 1, 1), [[1 / 4, 1 / 6, 1 / 4]] * 2),
        (Axis(5, 3, 2, 1, 1), Axis(4, 2, 2), [[1 / 4] * 2, [1 / 6] * 2, [1 / 4] * 2]),
    ],
)
def test_shares_are_one_number_where_all_windows_agree(h: Axis, w: Axis, expected: Any) -> None:
    found = pool.shares(h, w, padding=False)
    assert found.shape == np.shape(expected)
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize(
    ("strides", "odd", "way"),
    [
        ((2, 2), False, ["_give"]),
        ((1, 2), False, ["_gather", "_give", "_give"]),
        ((2, 1), False, ["_gather", "_give", "_give"]),
        ((2, 2), True, ["max_pool2d_indices", "scatter"]),
    ],
)
def test_the_gradient_of_a_maximum_goes_the_shortest_way(
    monkeypatch: pytest.MonkeyPatch, strides: Any, odd: bool, way: list[str]
) -> None:
    """All ways lead to the same numbers; one pass for windows apart, and no look-up without NaN."""
    h, w = (Axis(4, 2, stride) for stride in strides)
    x = np.random.default_rng(0).standard_normal((2, 1, 4, 4))
    x[1, 0, 2, 1] = np.nan if odd else np.inf
    y = pool.max_pool2d(x, h, w)
    gone: list[str] = []

    def step(name: str, call: Any, *args: Any) -> Any:
        gone.append(name)
        return call(*args)

    for name in ("_gather", "_give", "max_pool2d_indices", "scatter"):
        monkeypatch.setattr(pool, name, partial(step, name, getattr(pool, name)))
    pool.max_pool2d_backward(np.ones_like(y), x, y, h, w)
    assert gone == way


@pytest.mark.parametrize(
    ("shape", "sizes"),
    [
        ((1, 7, 2, 5), [2, 2, 2, 1]),  # of 20 elements
        ((2, 5, 2, 3), [1] * 5),
        ((3, 2, 5, 7), [1, 1]),
        ((1, 30, 1, 1), [20, 10]),
        ((0, 20, 3, 3), [20]),
        ((2, 0, 3, 3), []),
    ],
)
@pytest.mark.parametrize("threaded", [False, True])
def test_blocks_are_as_large_as_they_may_be(
    monkeypatch: pytest.MonkeyPatch, shape: Any, sizes: list[int], threaded: bool
) -> None:
    """And are shared out among threads where these are in use, and there are several."""
    shared: list[slice] = []
    done: list[slice] = []
    monkeypatch.setattr(pool, "BLOCK", 20)
    monkeypatch.setattr(pool, "in_use", lambda: threaded)

    def each(task: Any, blocks: list[slice]) -> None:
        shared.extend(blocks)
        for block in blocks:
            task(block)

    monkeypatch.setattr(pool, "each", each)
    pool._in_blocks(done.append, np.empty(shape))
    assert [block.stop - block.start for block in done] == sizes
    assert shared == (done if threaded and len(sizes) > 1 else [])


MEMORY = {"rows": 0, "batch last": 1, "channels last": 2}  # layouts of `stored`


@pytest.mark.parametrize(
    ("n", "layout", "order"),
    [
        (2, "rows", (0, 1, 2, 3)),
        (2, "channels last", (0, 2, 3, 1)),
        (2, "batch last", (1, 2, 3, 0)),  # of what convolution stores as rows, channels, columns
        (1, "batch last", (2, 1, 3, 0)),
    ],
)
def test_results_are_stored_as_the_input_is(n: int, layout: str, order: Any) -> None:
    """Or so that a batch-last one flattens to the transpose of a matrix."""
    x, a = stored(np.zeros((n, 3, 4, 6)), MEMORY[layout]), Axis(4, 2, 2)
    share = np.asarray(0.25)
    for y in (pool.max_pool2d(x, a, Axis(6, 2, 2)), pool.avg_pool2d(x, a, Axis(6, 2, 2), share)):
        assert y.shape == (n, 3, 2, 3)
        assert y.transpose(order).flags.c_contiguous


@pytest.mark.parametrize(
    ("shape", "of_x", "of_g", "same"),
    [
        ((2, 3), "rows", "rows", True),
        ((2, 3), "rows", "channels last", True),
        ((2, 3), "channels last", "rows", True),
        ((2, 1), "batch last", "batch last", True),
        ((1, 3), "batch last", "rows", True),
        ((2, 3), "batch last", "rows", False),
        ((2, 3), "rows", "batch last", False),
    ],
)
def test_a_gradient_is_moved_where_it_lies_across_the_input(
    shape: Any, of_x: str, of_g: str, same: bool
) -> None:
    x = stored(np.zeros((*shape, 4, 6)), MEMORY[of_x])
    g = stored(np.arange(math.prod(shape) * 6.0).reshape(*shape, 2, 3), MEMORY[of_g])
    found = pool._stored_like(x, g)
    assert (found is g) == same
    np.testing.assert_array_equal(found, g)
    assert (found.strides[0] == 8) == (x.strides[0] == 8 and shape[0] > 1)


class Noting(np.ndarray[Any, Any]):
    """An array that counts how often it is written to, its parts included."""

    writes: list[int]

    def __array_finalize__(self, source: Any) -> None:
        self.writes = getattr(source, "writes", [])

    def __setitem__(self, at: Any, value: Any) -> None:
        self.writes.append(1)
        super().__setitem__(at, value)


def noting(*shape: int) -> Noting:
    array = np.full(shape, np.nan).view(Noting)
    array.writes = []
    return array


@pytest.mark.parametrize(
    ("a", "calls"),
    [
        (Axis(6, 2, 2), 1),
        (Axis(6, 3, 1), 2),
        (Axis(6, 3, 2, 0, 1), 2),  # the third tap of the last window is padding
        (Axis(5, 3, 2, 1, 1), 3),
        (Axis(5, 3, 2, 0, 4), 3),
        (Axis(4, 1, 2), 1),
    ],
)
def test_two_full_taps_are_combined_at_once(a: Axis, calls: int) -> None:
    """Where the first two have all windows, one pass saves filling in and a second pass."""
    done: list[int] = []

    def add(*args: Any, out: Any) -> Any:
        done.append(1)
        return np.add(*args, out=out)

    x = np.arange(2.0 * a.size).reshape(2, a.size)
    y = pool._gather(add, x, a, 1, 0)
    for o in range(a.out):
        at = [o * a.stride + k - a.before for k in range(a.kernel)]
        np.testing.assert_array_equal(y[:, o], x[:, [i for i in at if 0 <= i < a.size]].sum(1))
    assert len(done) == calls


@pytest.mark.parametrize(
    ("a", "apart", "tiles"),
    [
        (Axis(6, 2, 2), True, True),
        (Axis(7, 2, 2), True, False),
        (Axis(6, 2, 3), True, False),
        (Axis(5, 2, 2, 1), True, False),
        (Axis(4, 2, 2, 1, 1), True, False),
        (Axis(6, 3, 3, 1, 1), True, False),  # as many windows as tile it, but one place before
        (Axis(5, 2, 2, 0, 1), True, False),
        (Axis(7, 2, 4, dilation=3), True, False),
        (Axis(6, 2, 2, dilation=2), False, False),
        (Axis(6, 3, 2), False, False),
    ],
)
def test_only_what_taps_leave_out_is_set_to_zero(a: Axis, apart: bool, tiles: bool) -> None:
    """Nothing is where windows tile the input; and where they are apart, nothing is added up."""
    alone = Axis(1, 1)
    g = np.arange(1.0, a.out + 1)
    expected = np.zeros(a.size)
    for o, k in np.ndindex(a.out, a.kernel):
        at = o * a.stride + k * a.dilation - a.before
        if 0 <= at < a.size:
            expected[at] += g[o]
    x = noting(a.size)
    np.testing.assert_array_equal(pool._spread(g, a, 0, x), expected)
    assert len(x.writes) == a.kernel * apart + (not tiles)

    for h, w, shape in ((a, alone, (a.size, 1)), (alone, a, (1, a.size))):
        gx = noting(1, 1, *shape)
        routed = g.reshape(1, 1, h.out, w.out)
        constant = np.zeros((1, 1, *shape)), np.zeros(routed.shape)
        found = pool._give(routed, *constant, h, w, gx)  # all to the first tap of each window
        assert found.sum() == g.sum()
        assert len(gx.writes) == a.kernel + (not tiles)


def test_the_last_tap_is_not_asked() -> None:
    """A maximum that no other holds must be there."""
    g, x, gx = np.arange(1.0, 4).reshape(1, 1, 1, 3), np.zeros((1, 1, 1, 6)), np.empty((1, 1, 1, 6))
    found = pool._give(g, x, np.ones(g.shape), Axis(1, 1), Axis(6, 2, 2), gx)
    np.testing.assert_array_equal(found.ravel(), [0, 1, 0, 2, 0, 3])


@pytest.mark.parametrize("dtype", [np.int64, np.int8])
def test_whole_numbers_lie_above_what_pads_them(dtype: Any) -> None:
    x = np.array([[-7, -5, -9], [-6, np.iinfo(dtype).min, -8]], dtype).reshape(1, 1, 2, 3)
    h, w = Axis(2, 2, 1, 1, 1), Axis(3, 2, 2, 1)
    y = pool.max_pool2d(x, h, w)
    np.testing.assert_array_equal(y.reshape(3, 2), [[-7, -5], [-6, -5], [-6, -8]])
    assert y.dtype == dtype
    indices = pool.max_pool2d_indices(x, h, w)
    np.testing.assert_array_equal(indices.reshape(3, 2), [[0, 1], [3, 1], [3, 5]])


def test_where_nothing_exceeds_the_lowest_the_first_is_named() -> None:
    x = np.full((1, 1, 1, 3000), -np.inf)  # so long that a small error shows
    found = pool.max_pool2d_indices(x, Axis(1, 1), Axis(3000, 2, 2))
    np.testing.assert_array_equal(found.ravel(), np.arange(0, 3000, 2))


def test_ties_and_overlaps() -> None:
    found = routed(np.ones((1, 1, 1, 1)), np.zeros((1, 1, 2, 2)), Axis(2, 2, 2), Axis(2, 2, 2))
    np.testing.assert_array_equal(found, [1, 0, 0, 0])
    x = np.array([1.0, 5, 1]).reshape(1, 1, 1, 3)
    found = routed(np.ones((1, 1, 1, 2)), x, Axis(1, 1), Axis(3, 2, 1))
    np.testing.assert_array_equal(found, [0, 2, 0])


@pytest.mark.parametrize("stride", [1, 2])
def test_an_infinite_gradient_stays_where_it_belongs(stride: int) -> None:
    x = np.array([1.0, 5]).reshape(1, 1, 1, 2)
    found = routed(np.full((1, 1, 1, 1), np.inf), x, Axis(1, 1), Axis(2, 2, stride))
    np.testing.assert_array_equal(found, [0, np.inf])


@pytest.mark.parametrize("threaded", [False, True])
@given(q=drawn, data=st.data())
def test_a_small_block_gives_what_a_large_one_does(
    threaded: bool, q: Any, data: st.DataObject
) -> None:
    """Also where some blocks hold a NaN and others do not."""
    h, w = axes_of(q)
    rng = np.random.default_rng(0)
    x = rng.integers(-2, 2, (2, 7, *q["hw"])).astype(float)
    for c in data.draw(st.sets(st.integers(0, 6), max_size=2)):
        x[data.draw(st.integers(0, 1)), c, 0, 0] = np.nan
    x = stored(x, q["layout"])
    g = rng.integers(1, 9, (2, 7, h.out, w.out)).astype(float)  # whole: added up in any order
    share = pool.shares(h, w, padding=False)

    def everything() -> Any:
        y = pool.max_pool2d(x, h, w)
        yield from (y, pool.max_pool2d_backward(g, x, y, h, w))
        yield from (pool.avg_pool2d(x, h, w, share), pool.avg_pool2d_backward(g, h, w, share))

    whole = list(everything())
    sizes: list[int] = []
    pool._in_blocks(lambda c: sizes.append(c.stop - c.start), x)
    assert sizes == [7]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pool, "BLOCK", 20)
        patch.setattr(pool, "in_use", lambda: threaded)
        pool._in_blocks(lambda c: sizes.append(c.stop - c.start), x)
        assert sum(sizes[1:]) == 7
        assert len(sizes) > 2 or x.size <= pool.BLOCK
        for found, expected in zip(everything(), whole, strict=True):
            np.testing.assert_array_equal(found, expected)
