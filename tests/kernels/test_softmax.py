"""Exponentials: of extreme numbers, in every dtype, without a warning."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tinygrad_np.kernels import softmax

inf, nan = np.inf, np.nan
ROWS = [[1e4, 0, -1e4], [0.5, -0.25, 0.125], [-inf, -inf, -inf], [-inf, 2, 2], [nan, 1, 2]]
TOPS = [[1e4], [0.5], [-inf], [2], [nan]]


@pytest.fixture(autouse=True)
def _every_warning_raises() -> Any:
    with np.errstate(all="raise"):
        yield


def shares() -> Any:
    """exp(x − max) / Σ, in float64."""
    with np.errstate(all="ignore"):
        e = np.exp(np.array(ROWS) - np.array(TOPS))
        return e / e.sum(1, keepdims=True)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_rows_of_extremes(dtype: Any) -> None:
    x, close = np.array(ROWS, dtype), {"rtol": 4 * float(np.finfo(dtype).eps), "atol": 1e-7}
    y = softmax.softmax(x, 1)
    np.testing.assert_allclose(y, shares(), **close)
    lowered = softmax.log_softmax(x, 1)
    np.testing.assert_allclose(lowered[0], [0, -1e4, -2e4])
    np.testing.assert_allclose(np.exp(lowered[1]), shares()[1], **close)
    np.testing.assert_array_equal(np.isnan(lowered).all(1), [False, False, True, False, True])
    sums = softmax.logsumexp(x, (1,), keepdims=True)
    kept = [1e4, np.log(np.exp(ROWS[1]).sum()), -inf, 2 + np.log(2), nan]
    np.testing.assert_allclose(sums[:, 0], kept, **close)
    np.testing.assert_array_equal(softmax.logsumexp(x, (1,), keepdims=False), sums[:, 0])
    assert {a.dtype for a in (y, lowered, sums)} == {np.dtype(dtype)}


def test_a_row_with_infinity() -> None:
    x = np.array([[inf, 0.0, 1.0]])
    assert softmax.logsumexp(x, (1,), keepdims=False).tolist() == [inf]
    assert np.isnan(softmax.softmax(x, 1)).any()


@pytest.mark.parametrize("shape", [(0, 3), (3, 0)])
def test_nothing(shape: tuple[int, int]) -> None:
    x = np.empty(shape)
    assert softmax.softmax(x, 1).shape == softmax.log_softmax(x, 1).shape == shape
    np.testing.assert_array_equal(
        softmax.logsumexp(x, (1,), keepdims=False), np.full(shape[0], -inf)
    )


def test_the_input_stays_as_it_is() -> None:
    x = np.array(ROWS)
    for f in (softmax.softmax, softmax.log_softmax):
        assert not np.shares_memory(f(x, 1), x)
    np.testing.assert_array_equal(x, ROWS)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_sigmoid_on_both_sides(dtype: Any) -> None:
    x = np.array([-1e4, -2, -0.5, 0, 0.5, 2, 1e4, nan, inf, -inf], dtype)
    y = softmax.sigmoid(x)
    e = np.exp(-np.array([2, 0.5]))
    low = [0, *(e / (1 + e))]
    expected = [*low, 0.5, *(1 - np.array(low))[::-1], nan, 1, 0]
    np.testing.assert_allclose(y, expected, rtol=4 * float(np.finfo(dtype).eps))
    assert y.dtype == dtype
