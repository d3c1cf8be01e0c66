"""Dropout: what it zeroes, how it scales, and when it does nothing."""

from __future__ import annotations

import numpy as np
import pytest
from helpers import weights

import nn
import nn.functional as F
import tinygrad_np as tg


@pytest.mark.parametrize("p", [0.1, 0.5, 0.8])
def test_the_dropped_share_is_p_and_the_others_are_scaled(p: float) -> None:
    y = F.dropout(tg.ones(20_000), p).numpy()
    assert y.dtype == np.float32
    np.testing.assert_allclose(np.unique(y), [0, 1 / (1 - p)], rtol=1e-6)
    np.testing.assert_allclose((y == 0).mean(), p, atol=0.015)


def test_the_gradient_is_scaled_by_the_same_mask() -> None:
    x = tg.randn(50, 4, dtype=tg.float64, requires_grad=True)
    g = weights(x.shape)
    y = nn.Dropout(0.3)(x)
    y.backward(g)
    mask = y.detach().numpy() / x.detach().numpy()
    assert 0 < (mask == 0).sum() < mask.size
    np.testing.assert_allclose(x.grad.numpy(), g.numpy() * mask, rtol=1e-12)


def test_each_call_draws_anew_and_a_seed_repeats_it() -> None:
    layer, x = nn.Dropout(0.5), tg.ones(100)
    first, second = layer(x).numpy(), layer(x).numpy()
    assert (first != second).any()
    tg.manual_seed(0)
    np.testing.assert_array_equal(layer(x).numpy(), first)


def test_nothing_happens_in_evaluation_or_without_probability() -> None:
    x = tg.randn(5)
    before = tg.rand(1).item()
    tg.manual_seed(0)
    tg.randn(5)
    assert nn.Dropout(0.5).eval()(x) is x
    assert F.dropout(x, 0.5, training=False) is x
    assert nn.Dropout(0.0)(x) is x
    assert tg.rand(1).item() == before  # and no number was drawn


def test_probability_one_leaves_zeros_and_draws_nothing() -> None:
    x = tg.tensor([1.0, -2.0], requires_grad=True)
    before = tg.rand(1).item()
    tg.manual_seed(0)
    y = nn.Dropout(1.0)(x)
    assert tg.rand(1).item() == before
    np.testing.assert_array_equal(y.detach().numpy(), [0, 0])
    y.backward(weights((2,), np.float32))
    np.testing.assert_array_equal(x.grad.numpy(), [0, 0])


@pytest.mark.parametrize(("p", "values"), [(0.5, {0.0, 2.0}), (1.0, {0.0})])
def test_in_place_writes_into_the_input(p: float, values: set[float]) -> None:
    x = tg.ones(100)
    assert nn.Dropout(p, inplace=True)(x) is x
    assert set(x.tolist()) == values


@pytest.mark.parametrize(("dtype", "scale"), [(tg.float32, 1.1764705181), (tg.float64, 1 / 0.85)])
def test_the_scale_is_rounded_as_in_pytorch(dtype: tg.Dtype, scale: float) -> None:
    """In float32, 1 / 0.85 of a rounded 0.85: the double, rounded, is its neighbour."""
    y = F.dropout(tg.ones(100, dtype=dtype), 0.15)
    assert y.max().numpy() == dtype.type(scale)


@pytest.mark.parametrize("shape", [(0,), (3, 0), ()])
def test_empty_and_single_numbers(shape: tuple[int, ...]) -> None:
    assert F.dropout(tg.ones(*shape) if shape else tg.tensor(1.0), 0.5).shape == shape


@pytest.mark.parametrize("p", [-0.1, 1.1, float("nan")])
def test_probabilities_outside_of_0_to_1_are_refused(p: float) -> None:
    with pytest.raises(ValueError, match=r"Dropout: the probability must lie in \[0, 1\]"):
        nn.Dropout(p)
    with pytest.raises(ValueError, match=r"dropout: the probability must lie in \[0, 1\]"):
        F.dropout(tg.ones(1), p)


def test_integers_and_arrays_are_refused() -> None:
    with pytest.raises(
        TypeError, match=r"dropout: input must be a Tensor, not a numpy\.ndarray; wrap"
    ):
        F.dropout(np.ones(2), 0.5)
    with pytest.raises(tg.DtypeError, match="cannot scale int64"):
        F.dropout(tg.tensor([1, 2]), 0.5)


def test_representation() -> None:
    assert repr(nn.Dropout(0.2)) == "Dropout(p=0.2, inplace=False)"
    assert repr(nn.Dropout(inplace=True)) == "Dropout(p=0.5, inplace=True)"
