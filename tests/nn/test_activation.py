"""Activations as modules and as functions."""

from __future__ import annotations

import numpy as np
import pytest
from helpers import gradients, weights

import nn
import nn.functional as F
import tinygrad_np as tg

X = np.array([[-1000.0, -2.0, -0.5, 0.0], [0.5, 2.0, 30.0, 1000.0]])


@pytest.mark.parametrize(
    ("module", "function", "value", "slope"),
    [
        (nn.ReLU(), F.relu, np.maximum(X, 0), (X > 0).astype(float)),
        (nn.Tanh(), F.tanh, np.tanh(X), 1 - np.tanh(X) ** 2),
        (
            nn.Sigmoid(),
            F.sigmoid,
            1 / (1 + np.exp(-np.maximum(X, -700))),
            1 / (2 + np.exp(np.minimum(np.abs(X), 700)) + np.exp(-np.abs(X))),
        ),
    ],
    ids=["relu", "tanh", "sigmoid"],
)
def test_value_and_gradient_at_large_small_and_zero_inputs(
    module: nn.Module, function: object, value: np.ndarray, slope: np.ndarray
) -> None:
    x = tg.tensor(X, requires_grad=True)
    with np.errstate(over="raise", invalid="raise", divide="raise"):
        y = module(x)
    np.testing.assert_allclose(y.detach().numpy(), value, rtol=1e-12, atol=1e-300)
    assert callable(function)
    np.testing.assert_array_equal(function(x).detach().numpy(), y.detach().numpy())
    (g,) = gradients(y, [x])
    np.testing.assert_allclose(g, weights(X.shape).numpy() * slope, rtol=1e-10, atol=1e-15)


def test_relu_in_place_writes_into_its_input_and_keeps_the_gradient() -> None:
    layer, x = nn.Linear(3, 4), tg.randn(5, 3)
    plain = nn.ReLU()(layer(x))
    expected = gradients(plain, [layer.weight])
    h = layer(x)
    y = nn.ReLU(inplace=True)(h)
    assert y is h
    np.testing.assert_array_equal(y.detach().numpy(), plain.detach().numpy())
    np.testing.assert_array_equal(gradients(y, [layer.weight])[0], expected[0])


def test_relu_in_place_refuses_to_overwrite_a_leaf() -> None:
    with pytest.raises(RuntimeError, match="leaf that requires grad cannot be changed in place"):
        F.relu(tg.ones(2, requires_grad=True), inplace=True)


def test_representations() -> None:
    shown = [repr(m) for m in (nn.ReLU(), nn.ReLU(inplace=True), nn.Sigmoid(), nn.Tanh())]
    assert shown == ["ReLU()", "ReLU(inplace=True)", "Sigmoid()", "Tanh()"]


def test_softmax_rows_add_up_to_one_and_log_softmax_is_its_logarithm() -> None:
    nothing = tg.full((1, 2), -np.inf)
    assert F.softmax(nothing, dim=1).isnan().all()
    x = tg.tensor([[1.0, 2.0, 3.0], [1000.0, 0.0, -1000.0]], dtype=tg.float64)
    with np.errstate(all="raise"):
        p, log_p = F.softmax(x, dim=1).numpy(), F.log_softmax(x, dim=1).numpy()
    np.testing.assert_allclose(p.sum(1), [1, 1])
    np.testing.assert_allclose(log_p[0], np.log(p[0]), rtol=1e-12)
    np.testing.assert_array_equal(log_p[1], [0, -1000, -2000])
