"""Affine layers, and those that only reshape."""

from __future__ import annotations

import math

import numpy as np
import pytest
from helpers import weights

import nn
import nn.functional as F
import tinygrad_np as tg


def test_values_and_gradients_are_those_of_the_formulas() -> None:
    layer = nn.Linear(3, 2, dtype=tg.float64)
    x = tg.randn(4, 3, dtype=tg.float64, requires_grad=True)
    g = weights((4, 2))
    y = layer(x)
    w, b = layer.weight.detach().numpy(), layer.bias.detach().numpy()
    np.testing.assert_allclose(y.detach().numpy(), x.detach().numpy() @ w.T + b, rtol=1e-12)
    y.backward(g)
    np.testing.assert_allclose(x.grad.numpy(), g.numpy() @ w, rtol=1e-12)
    np.testing.assert_allclose(layer.weight.grad.numpy(), g.numpy().T @ x.detach().numpy())
    np.testing.assert_allclose(layer.bias.grad.numpy(), g.numpy().sum(0))


@pytest.mark.parametrize("lead", [(), (5,), (2, 5), (2, 0, 5), (0,)])
def test_leading_dimensions_pass_through(lead: tuple[int, ...]) -> None:
    layer = nn.Linear(3, 2)
    y = layer(tg.randn(*lead, 3))
    assert y.shape == (*lead, 2)
    y.backward(weights(y.shape, np.float32))
    assert layer.weight.grad.shape == (2, 3)
    if 0 in lead:
        np.testing.assert_array_equal(layer.weight.grad.numpy(), np.zeros((2, 3)))
        np.testing.assert_array_equal(layer.bias.grad.numpy(), np.zeros(2))


def test_without_bias() -> None:
    layer = nn.Linear(3, 2, bias=False)
    assert layer.bias is None
    assert list(layer.state_dict()) == ["weight"]
    assert repr(layer) == "Linear(in_features=3, out_features=2, bias=False)"
    np.testing.assert_array_equal(layer(tg.zeros(1, 3)).detach().numpy(), [[0, 0]])


def test_weights_start_uniform_within_one_over_root_of_inputs() -> None:
    layer = nn.Linear(100, 300)
    bound = 1 / math.sqrt(100)
    for p in (layer.weight, layer.bias):
        values = p.detach().numpy()
        assert values.dtype == np.float32
        assert 0.95 * bound < np.abs(values).max() <= bound
        assert abs(values.mean()) < 0.1 * bound
        np.testing.assert_allclose(values.std(), bound / math.sqrt(3), rtol=0.1)
    before = layer.weight.detach().numpy().copy()
    layer.reset_parameters()
    assert (layer.weight.detach().numpy() != before).mean() > 0.99


def test_no_inputs_or_no_outputs() -> None:
    np.testing.assert_array_equal(
        nn.Linear(0, 2)(tg.zeros(3, 0)).detach().numpy(), np.zeros((3, 2))
    )
    assert nn.Linear(2, 0)(tg.zeros(3, 2)).shape == (3, 0)


def test_misfits_say_what_to_do() -> None:
    layer = nn.Linear(12, 2)
    with pytest.raises(tg.ShapeError, match=r"\(5, 3\) and weight of shape \(2, 12\).*12, not 3"):
        layer(tg.zeros(5, 3))
    with pytest.raises(tg.ShapeError, match=r"flatten it first: x\.flatten\(1\), or nn\.Flatten"):
        layer(tg.zeros(5, 3, 4))
    with pytest.raises(tg.DtypeError, match=r"input is float64 and the weight is float32.*\.to\("):
        layer(tg.zeros(5, 12, dtype=tg.float64))
    with pytest.raises(tg.ShapeError, match="sizes must not be negative: -1, 2"):
        nn.Linear(-1, 2)
    with pytest.raises(RuntimeError, match="device cuda is not available"):
        nn.Linear(1, 2, device="cuda")


def test_the_function_and_the_module_agree() -> None:
    layer, x = nn.Linear(3, 2), tg.randn(4, 3)
    np.testing.assert_array_equal(
        layer(x).detach().numpy(), F.linear(x, layer.weight, layer.bias).detach().numpy()
    )


def test_flatten_joins_the_chosen_dimensions() -> None:
    x = tg.arange(24).reshape(2, 3, 4)
    np.testing.assert_array_equal(nn.Flatten()(x).numpy(), np.arange(24).reshape(2, 12))
    assert nn.Flatten(0, 1)(x).shape == (6, 4)
    assert nn.Flatten(start_dim=0)(x).shape == (24,)
    assert nn.Flatten()(tg.zeros(0, 3, 4)).shape == (0, 12)


def test_identity_ignores_its_arguments() -> None:
    x = tg.ones(2)
    assert nn.Identity(54, unused=True)(x) is x
    assert repr(nn.Identity()) == "Identity()"
