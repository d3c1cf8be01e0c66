"""Convolution layers: parameters, initialisation, options, representation."""

from __future__ import annotations

import copy
import gc
import math
import pickle
import tracemalloc
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


def test_layers_say_what_pytorchs_say() -> None:
    assert nn.Conv1d(1, 1, 1).__dict__["transposed"] is False
    assert nn.ConvTranspose2d(1, 1, 1).__dict__["transposed"] is True
    assert nn.ZeroPad1d(1).value == nn.ZeroPad2d(1).value == 0.0
    assert repr(nn.ZeroPad2d(1)) == "ZeroPad2d((1, 1, 1, 1))"
    assert repr(nn.AvgPool1d([2])) == "AvgPool1d(kernel_size=(2,), stride=(2,), padding=(0,))"


def test_numbers_of_numpy_are_ints() -> None:
    two = np.int64(2)
    assert nn.ZeroPad2d(two)(tg.ones(1, 3, 3)).shape == (1, 7, 7)
    assert F.pad(tg.ones(1, 3), (two, 0)).shape == (1, 5)
    assert nn.Conv2d(two, 4, two, groups=two)(tg.ones(2, 3, 3)).shape == (4, 2, 2)
    x, w = tg.ones(2, 3, 3), tg.ones(4, 1, 2, 2)
    assert F.conv2d(x, w, stride=(two, 1), groups=two).shape == (4, 1, 2)


def test_the_helpers_of_functions_are_no_functions() -> None:
    assert [name for name in dir(F) if name.startswith("check")] == ["checks"]  # the module


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


@pytest.mark.slow
def test_training_a_network_of_convolutions_takes_constant_memory() -> None:
    tg.manual_seed(0)
    model = nn.Sequential(
        nn.Conv2d(1, 3, 3, padding=1),
        nn.ReLU(inplace=True),
        nn.MaxPool2d(2),
        nn.Conv2d(3, 4, 2),
        nn.AvgPool2d(2),
        nn.Flatten(),
        nn.Linear(4, 3),
    )
    optimizer = nn.optim.SGD(model.parameters(), lr=0.01, momentum=0.9)
    x, labels = tg.randn(4, 1, 6, 6), tg.tensor([0, 1, 2, 0])

    def held(steps: int) -> tuple[int, int]:
        """Bytes of all arrays after so many steps, and the number of container objects."""
        for _ in range(steps):
            optimizer.zero_grad()
            F.cross_entropy(model(x), labels).backward()
            optimizer.step()
        arrays = tracemalloc.take_snapshot().filter_traces([array_data])
        return sum(trace.size for trace in arrays.traces), len(gc.get_objects())

    array_data = tracemalloc.DomainFilter(inclusive=True, domain=np.lib.tracemalloc_domain)
    gc.collect()
    gc.disable()
    tracemalloc.start()
    try:
        bytes_before, objects_before = held(20)
        bytes_after, objects_after = held(2000)
    finally:
        tracemalloc.stop()
        gc.enable()
    assert bytes_after == bytes_before
    assert objects_after - objects_before < 50


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
