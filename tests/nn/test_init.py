"""Ways to fill parameters: ranges, deviations, and what is refused."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

import nn
import tinygrad_np as tg
from nn import init

SHAPE = (60, 20, 5, 2)  # 200 inputs reach an output, an input reaches 600 outputs


@pytest.mark.parametrize(
    ("fill", "std"),
    [
        (init.xavier_uniform_, math.sqrt(2 / 800)),
        (lambda t: init.xavier_uniform_(t, gain=3.0), 3 * math.sqrt(2 / 800)),
        (lambda t: init.kaiming_uniform_(t, nonlinearity="relu"), math.sqrt(2 / 200)),
        (lambda t: init.kaiming_uniform_(t, a=math.sqrt(5)), math.sqrt(1 / 3 / 200)),
        (lambda t: init.kaiming_uniform_(t, mode="fan_out"), math.sqrt(2 / 600)),
        (lambda t: init.uniform_(t, -3.0, 3.0), math.sqrt(3)),
    ],
)
def test_uniform_numbers_fill_the_range_of_that_deviation(fill: Any, std: float) -> None:
    values = fill(tg.empty(*SHAPE)).numpy()
    bound = math.sqrt(3) * std
    assert values.dtype == np.float32
    assert 0.999 * bound < np.abs(values).max() <= bound * (1 + 1e-6)
    np.testing.assert_allclose(values.std(), std, rtol=0.02)
    assert abs(values.mean()) < 0.05 * std


@pytest.mark.parametrize(
    ("fill", "mean", "std"),
    [
        (init.xavier_normal_, 0, math.sqrt(2 / 800)),
        (lambda t: init.kaiming_normal_(t, nonlinearity="relu"), 0, math.sqrt(2 / 200)),
        (lambda t: init.kaiming_normal_(t, mode="fan_out"), 0, math.sqrt(2 / 600)),
        (lambda t: init.normal_(t, 5.0, 2.0), 5, 2),
    ],
)
def test_normal_numbers_have_that_mean_and_deviation(fill: Any, mean: float, std: float) -> None:
    values = fill(tg.empty(*SHAPE)).numpy()
    np.testing.assert_allclose(values.std(), std, rtol=0.03)
    assert abs(values.mean() - mean) < 0.05 * std
    assert np.abs(values - mean).max() > 3 * std


def test_constants() -> None:
    t = tg.empty(2, 2)
    np.testing.assert_array_equal(init.constant_(t, 0.3).numpy(), np.full((2, 2), 0.3, "f4"))
    np.testing.assert_array_equal(init.ones_(t).numpy(), np.ones((2, 2)))
    np.testing.assert_array_equal(init.zeros_(t).numpy(), np.zeros((2, 2)))


@pytest.mark.parametrize(
    "fill",
    [
        init.uniform_,
        init.normal_,
        init.ones_,
        init.zeros_,
        init.xavier_uniform_,
        init.xavier_normal_,
        init.kaiming_uniform_,
        init.kaiming_normal_,
    ],
)
def test_a_parameter_is_filled_in_place_outside_the_tape(fill: Any) -> None:
    p = nn.Parameter(tg.full((3, 4), 7.0))
    memory = p.detach().numpy()
    assert fill(p) is p
    assert p.is_leaf
    assert p.requires_grad
    assert tg.is_grad_enabled()
    assert np.shares_memory(memory, p.detach().numpy())
    assert (memory != 7).all()


@pytest.mark.parametrize("fill", [init.xavier_uniform_, init.kaiming_normal_, init.normal_])
def test_a_generator_decides_the_numbers(fill: Any) -> None:
    first, second = (fill(tg.empty(4, 5), generator=tg.Generator().manual_seed(3)) for _ in "ab")
    np.testing.assert_array_equal(first.numpy(), second.numpy())
    assert (fill(tg.empty(4, 5)).numpy() != first.numpy()).any()


@pytest.mark.parametrize(
    ("nonlinearity", "param", "gain"),
    [
        ("linear", None, 1),
        ("conv2d", None, 1),
        ("conv_transpose3d", None, 1),
        ("sigmoid", None, 1),
        ("tanh", None, 5 / 3),
        ("relu", None, math.sqrt(2)),
        ("selu", None, 3 / 4),
        ("leaky_relu", None, math.sqrt(2 / 1.0001)),
        ("leaky_relu", 2.0, math.sqrt(2 / 5)),
    ],
)
def test_gains(nonlinearity: str, param: float | None, gain: float) -> None:
    assert init.calculate_gain(nonlinearity, param) == pytest.approx(gain, rel=1e-15)


def test_what_is_unknown_is_refused() -> None:
    for name in ("swish", "convolution"):
        with pytest.raises(
            ValueError, match=f"'{name}' is unknown; known are linear, .*leaky_relu"
        ):
            init.calculate_gain(name)
    with pytest.raises(ValueError, match="mode must be 'fan_in' or 'fan_out', not 'fan_avg'"):
        init.kaiming_uniform_(tg.empty(2, 2), mode="fan_avg")


@pytest.mark.parametrize("fill", [init.xavier_uniform_, init.kaiming_normal_])
def test_fans_need_two_dimensions(fill: Any) -> None:
    with pytest.raises(ValueError, match=r"at least 2 dimensions, .* shape \(3,\); fill a bias"):
        fill(tg.empty(3))


@pytest.mark.parametrize("fill", [init.xavier_normal_, init.kaiming_uniform_])
@pytest.mark.parametrize("shape", [(0, 3), (3, 0), (0, 0)])
def test_nothing_to_fill(fill: Any, shape: tuple[int, int]) -> None:
    assert fill(tg.empty(*shape)).shape == shape


def test_a_negative_deviation_is_refused() -> None:
    with pytest.raises(RuntimeError, match="standard deviation must not be negative, got -1"):
        init.normal_(tg.empty(2), 0.0, -1.0)
