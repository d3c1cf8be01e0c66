"""Reductions at their edges: 0-d operands, halves, integers, messages."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

import tinygrad_np as tg
from tinygrad_np.core import Meta
from tinygrad_np.recorder import IN_RULE, recording

if TYPE_CHECKING:
    from collections.abc import Callable

REDUCING = ("sum", "mean", "amax", "amin", "max", "min", "argmax", "argmin", "all", "any")


@pytest.mark.parametrize("name", [*REDUCING, "logsumexp", "softmax", "log_softmax"])
@pytest.mark.parametrize(("x", "dim"), [(tg.ones(2, 3), 2), (tg.ones(2, 3), -3), (tg.ones(()), 1)])
def test_a_dim_that_is_not_there_is_refused_by_name(name: str, x: tg.Tensor, dim: int) -> None:
    with pytest.raises(IndexError, match=f"^(arg)?{name}: dimension {dim} is"):
        getattr(tg, name)(x, dim)


@pytest.mark.parametrize("name", ["amax", "amin", "argmax", "argmin"])
def test_an_extremum_of_nothing_is_refused_by_name(name: str) -> None:
    with pytest.raises(IndexError, match=rf"^{name}: .*shape \(2, 0\)"):
        getattr(tg, name)(tg.ones(2, 0), 1)
    assert getattr(tg, name)(tg.ones(2, 0), 0, keepdim=True).shape == (1, 0)


@pytest.mark.parametrize("name", ["amax", "amin", "all", "any", "argmax", "argmin"])
def test_in_a_rule_a_reduction_of_what_was_not_kept_is_refused_by_name(name: str) -> None:
    unread: Any = Meta((2,), np.dtype(np.float32))
    with recording(IN_RULE), pytest.raises(TypeError, match=f"^{name} in a derivative was given"):
        getattr(tg, name)(unread, 0)


@pytest.mark.parametrize("reduce", [tg.sum, tg.mean])
def test_halves_are_added_in_float32(reduce: Callable[..., tg.Tensor]) -> None:
    """In halves, 2048 and 1 make 2048."""
    y = reduce(tg.ones(4096, 2, dtype=tg.float16), 0)
    assert y.dtype == tg.float16
    assert y.tolist() == [4096 if reduce is tg.sum else 1] * 2


def test_the_logarithm_of_a_sum_of_exponentials_of_integers_is_float32() -> None:
    y = tg.logsumexp(tg.tensor([1, 2]), 0)
    assert y.dtype == tg.float32
    np.testing.assert_allclose(y.item(), 2 + np.log1p(np.exp(-1)), rtol=1e-6)


# --- the place of an extremum ---


@pytest.mark.parametrize(("function", "place"), [(tg.argmax, 5), (tg.argmin, 0)])
def test_a_place_in_all_is_that_in_the_flattened_tensor(
    function: Callable[..., tg.Tensor], place: int
) -> None:
    x = tg.arange(6.0).reshape(2, 3)
    assert function(x).shape == ()
    assert function(x).tolist() == place
    assert function(x, keepdim=True).tolist() == [[place]]
    assert function(x[1:], 0).tolist() == [0, 0, 0]
    assert function(x[:, :1], 1, keepdim=True).tolist() == [[0], [0]]


@pytest.mark.parametrize("function", [tg.argmax, tg.argmin])
@pytest.mark.parametrize("dim", [None, 0, -1])
@pytest.mark.parametrize("keepdim", [False, True])
def test_the_place_of_a_number_is_0(
    function: Callable[..., tg.Tensor], dim: int | None, keepdim: bool
) -> None:
    y = function(tg.tensor(3.0), dim, keepdim)
    assert (y.shape, y.dtype, y.item()) == ((), tg.int64, 0)


@pytest.mark.parametrize("function", [tg.max, tg.min])
@pytest.mark.parametrize("keepdim", [False, True])
def test_the_extremum_of_a_number_is_itself(function: Callable[..., Any], keepdim: bool) -> None:
    x = tg.tensor(3.0, requires_grad=True)
    values, indices = function(x, 0, keepdim)
    assert values.shape == indices.shape == ()
    assert (values.item(), indices.item()) == (3, 0)
    assert not np.shares_memory(values.detach().numpy(), x.detach().numpy())
    (values * 5).backward()
    assert x.grad.item() == 5


@pytest.mark.parametrize(("function", "larger"), [(tg.max, True), (tg.min, False)])
def test_an_extremum_of_two_tensors(function: Callable[..., Any], larger: bool) -> None:
    a, b = tg.tensor([1.0, 5.0]), tg.tensor([2.0, 3.0])
    assert function(a, b).tolist() == ([2, 5] if larger else [1, 3])


# --- the softmax of a number ---


@pytest.mark.parametrize(("function", "value"), [(tg.softmax, 1), (tg.log_softmax, 0)])
@pytest.mark.parametrize("dim", [0, -1])
def test_the_softmax_of_a_number(
    function: Callable[..., tg.Tensor], value: float, dim: int
) -> None:
    x = tg.tensor(3.0, requires_grad=True)
    y = function(x, dim)
    assert y.shape == ()
    assert y.item() == value
    y.backward()
    assert x.grad.shape == ()
    assert x.grad.item() == 0
