"""Pooling = naive loop, over drawn geometries, with ties."""

from __future__ import annotations

import itertools
import math
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
