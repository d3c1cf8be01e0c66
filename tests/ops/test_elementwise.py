"""Elementwise ops: masks and bits, powers at their edges, and arrays large enough for threads."""

from __future__ import annotations

import math

import numpy as np
import pytest

import tinygrad_np as tg
from tinygrad_np.kernels import threads

UNUSUAL = tg.tensor([1.0, math.inf, math.nan, -math.inf, -0.0])
A, B = tg.tensor([0b1100, -1, 0]), tg.tensor([0b1010, 6, 3])
P, Q = tg.tensor([True, True, False, False]), tg.tensor([True, False, True, False])


@pytest.mark.parametrize(
    ("mask", "of_unusual", "of_integers"),
    [
        ("isnan", [False, False, True, False, False], [False] * 3),
        ("isinf", [False, True, False, True, False], [False] * 3),
        ("isfinite", [True, False, False, False, True], [True] * 3),
    ],
)
def test_what_is_no_usual_number(
    mask: str, of_unusual: list[bool], of_integers: list[bool]
) -> None:
    assert getattr(tg, mask)(UNUSUAL).tolist() == of_unusual
    assert getattr(tg, mask)(A).tolist() == of_integers


@pytest.mark.parametrize(
    ("name", "of_integers", "of_bools"),
    [
        ("bitwise_and", [0b1000, 6, 0], [True, False, False, False]),
        ("bitwise_or", [0b1110, -1, 3], [True, True, True, False]),
        ("bitwise_xor", [0b0110, -7, 3], [False, True, True, False]),
    ],
)
def test_bits_of_two(name: str, of_integers: list[int], of_bools: list[bool]) -> None:
    assert getattr(tg, name)(A, B).tolist() == of_integers
    assert getattr(tg, name)(P, Q).tolist() == of_bools


def test_bits_flipped() -> None:
    assert tg.bitwise_not(A).tolist() == [-13, 0, -1]
    assert tg.bitwise_not(P).tolist() == [False, False, True, True]


@pytest.mark.parametrize("axes", [(0, 1, 2), (2, 0, 1)], ids=["by rows", "permuted"])
@pytest.mark.usefixtures("_two_threads")
def test_relu_of_a_large_array(axes: tuple[int, ...]) -> None:
    x = np.random.default_rng(0).standard_normal((3, 50, 7500), np.float32)
    assert x.nbytes > threads.LARGE
    x[:, ::7, ::11] = np.nan
    x = x.transpose(axes)
    before = x.copy()
    t = tg.from_numpy(x).requires_grad_()
    y = tg.relu(t)
    np.testing.assert_array_equal(y.detach().numpy(), np.where(np.isnan(x), x, np.fmax(x, 0)))
    np.testing.assert_array_equal(x, before)
    y.sum().backward()
    np.testing.assert_array_equal(t.grad.numpy(), np.where(x <= 0, 0, 1))


def test_a_power_of_a_number_has_a_slope_of_full_precision() -> None:
    """The logarithm of a Python number is taken in float64, whatever the default dtype is."""
    x = tg.tensor([-1.5, 0.0, 3.0], dtype=tg.float64, requires_grad=True)
    y = 2.5**x
    (g,) = tg.autograd.grad(y, x, tg.tensor([1.0, -2.0, 0.5], dtype=tg.float64))
    expected = 2.5 ** np.array([-1.5, 0.0, 3.0]) * math.log(2.5) * [1.0, -2.0, 0.5]
    np.testing.assert_allclose(g.numpy(), expected, rtol=1e-15)


def test_a_power_of_zero_has_a_slope_of_signed_zero() -> None:
    x = tg.tensor([0.0, 2.0], dtype=tg.float64, requires_grad=True)
    (g,) = tg.autograd.grad(0.0**x, x, tg.tensor([-1.0, 1.0], dtype=tg.float64))
    np.testing.assert_array_equal(np.copysign(1, g.numpy()), [-1, 1])
    np.testing.assert_array_equal(g.numpy(), [0, 0])


def test_second_derivatives_of_a_power_at_the_origin() -> None:
    """All 0, in either order: the power is 1 along one line and steps from 0 to 1 along another."""
    a, b = tg.zeros((2, 1), dtype=tg.float64).requires_grad_().unbind()
    slopes = tg.autograd.grad(a**b, (a, b), tg.full((1,), 1.5), create_graph=True)
    for slope in slopes:
        found = tg.autograd.grad(slope, (a, b), tg.full((1,), -2.0), retain_graph=True)
        np.testing.assert_array_equal([g.item() for g in found], [0, 0])


@pytest.mark.parametrize("dtype", [tg.bool, tg.uint8], ids=str)
def test_the_condition_of_where_has_no_say_in_the_dtype(dtype: np.dtype) -> None:
    at = tg.tensor([1, 0], dtype=dtype)
    for chosen in (tg.bool, tg.int8, tg.float16):
        y = tg.where(at, tg.ones(2, dtype=chosen), tg.zeros(2, dtype=chosen))
        assert y.dtype == chosen
        np.testing.assert_array_equal(y.numpy(), [1, 0])


@pytest.mark.parametrize("dtype", [tg.int8, tg.int64, tg.float32], ids=str)
def test_the_condition_of_where_must_hold_bools(dtype: np.dtype) -> None:
    at, x = tg.ones(2, dtype=dtype), tg.ones(2)
    with pytest.raises(RuntimeError, match=rf"where: condition must hold bools, not {dtype}"):
        tg.where(at, x, x)
