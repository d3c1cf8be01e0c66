"""Convolution layers: parameters, initialisation, options, representation."""

from __future__ import annotations

import copy
import math
import pickle
from typing import Any

import numpy as np
import pytest

import nn
import nn.functional as F
import tinygrad_np as tg


@pytest.mark.parametrize(
    ("layer", "weight"),
    [
        (nn.Conv1d(4, 6, 3), (6, 4, 3)),
        (nn.Conv2d(4, 6, (3, 2)), (6, 4, 3, 2)),
        (nn.Conv2d(4, 6, 3, groups=2), (6, 2, 3, 3)),
        (nn.ConvTranspose1d(4, 6, 3), (4, 6, 3)),
        (nn.ConvTranspose2d(4, 6, 3, groups=2), (4, 3, 3, 3)),
    ],
    ids=str,
)
def test_parameters(layer: Any, weight: tuple[int, ...]) -> None:
    assert {name: tuple(p.shape) for name, p in layer.named_parameters()} == {
        "weight": weight,
        "bias": (6,),
    }
    bound = 1 / math.sqrt(math.prod(weight[1:]))
    for p in layer.parameters():
        assert p.dtype == np.float32
        assert 0.5 * bound < np.abs(p.detach().numpy()).max() <= bound
    before = layer.weight.detach().numpy().copy()
    layer.reset_parameters()
    assert (layer.weight.detach().numpy() != before).all()


def test_without_bias() -> None:
    layer = nn.Conv2d(1, 2, 3, bias=False)
    assert layer.bias is None
    assert list(layer.state_dict()) == ["weight"]
    equal = np.testing.assert_array_equal
    equal(layer(tg.zeros(1, 1, 3, 3)).detach().numpy(), np.zeros((1, 2, 1, 1)))


def test_the_function_and_the_module_agree() -> None:
    layer, x = nn.Conv2d(2, 4, (3, 2), (1, 2), (2, 1), (2, 1), 2), tg.randn(2, 2, 9, 8)
    y = F.conv2d(x, layer.weight, layer.bias, (1, 2), (2, 1), (2, 1), 2)
    np.testing.assert_array_equal(layer(x).detach().numpy(), y.detach().numpy())


@pytest.mark.parametrize("mode", ["reflect", "replicate", "circular"])
@pytest.mark.parametrize("padding", [(1, 2), "same", "valid"])
def test_padding_modes_pad_first(mode: str, padding: Any) -> None:
    layer = nn.Conv2d(2, 3, (2, 4), padding=padding, padding_mode=mode)
    x = tg.randn(2, 2, 6, 7)
    sides = {"same": (1, 2, 0, 1), "valid": (0, 0, 0, 0)}.get(padding, (2, 2, 1, 1))
    y = F.conv2d(F.pad(x, sides, mode=mode), layer.weight, layer.bias)
    np.testing.assert_array_equal(layer(x).detach().numpy(), y.detach().numpy())


def test_copies_and_pickles_compute_the_same() -> None:
    model = nn.Sequential(nn.Conv2d(1, 2, 3, padding="same"), nn.ReLU(), nn.MaxPool2d(2))
    x = tg.randn(1, 1, 6, 6)
    for other in (copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
        assert repr(other) == repr(model)
        np.testing.assert_array_equal(other(x).detach().numpy(), model(x).detach().numpy())


def test_a_float64_layer() -> None:
    layer = nn.Conv2d(1, 2, 3, dtype=tg.float64)
    assert layer(tg.zeros(1, 1, 4, 4, dtype=tg.float64)).dtype == np.float64
    with pytest.raises(tg.DtypeError, match="the input is float32 and the weight is float64"):
        layer(tg.zeros(1, 1, 4, 4))


def test_an_autoencoder_of_strided_convolutions_learns_to_copy() -> None:
    tg.manual_seed(0)
    x = tg.tensor(np.random.default_rng(0).random((16, 1, 8, 8), dtype=np.float32))
    model = nn.Sequential(
        nn.Conv2d(1, 8, 3, stride=2, padding=1),
        nn.ReLU(),
        nn.ConvTranspose2d(8, 1, 3, stride=2, padding=1, output_padding=1),
    )
    optimizer = nn.optim.Adam(model.parameters(), lr=0.02)
    losses = []
    for _ in range(60):
        optimizer.zero_grad()
        loss = F.mse_loss(model(x), x)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.3 * losses[0]
