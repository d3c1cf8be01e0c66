"""Making tensors: dtypes, shapes, sharing, and what is refused."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

import tinygrad_np as tg
from tinygrad_np.errors import ShapeError

if TYPE_CHECKING:
    from collections.abc import Callable

equal = np.testing.assert_array_equal


@pytest.mark.parametrize(
    ("data", "dtype"),
    [
        (1.5, "float32"),
        ([1.0, 2.0], "float32"),
        ([1, 2.5], "float32"),
        ([], "float32"),
        (3, "int64"),
        ([1, 2], "int64"),
        (True, "bool"),
        ([True, 2], "int64"),
        (np.float64(1), "float64"),
        (np.ones(2), "float64"),
        (np.ones(2, np.float16), "float16"),
        (np.ones(2, np.int32), "int32"),
        (np.array([1, 2], ">i4"), "int32"),
        (tg.ones(2, dtype=tg.float64), "float64"),
        ([tg.tensor(1), tg.tensor(2)], "int64"),
        (((1.0,), (2.0,)), "float32"),
    ],
)
def test_dtype_of_data(data: Any, dtype: str) -> None:
    assert tg.tensor(data).dtype == np.dtype(dtype)
    assert tg.as_tensor(data).dtype == np.dtype(dtype)
    assert tg.tensor(data, dtype=tg.float16).dtype == np.float16


def test_values_of_nested_data() -> None:
    x = tg.tensor([1.0, 2.0])
    equal(tg.tensor([[1, 2], [3, 4]]).numpy(), [[1, 2], [3, 4]])
    equal(tg.tensor([x, x * 2]).numpy(), [[1, 2], [2, 4]])
    assert tg.tensor(5).shape == ()
    assert tg.tensor([[]]).shape == (1, 0)


def test_tensor_copies_and_the_others_share() -> None:
    array = np.ones(3)
    assert not np.shares_memory(tg.tensor(array).numpy(), array)
    assert np.shares_memory(tg.from_numpy(array).numpy(), array)
    assert np.shares_memory(tg.as_tensor(array).numpy(), array)
    x = tg.ones(2)
    assert tg.as_tensor(x) is x
    assert tg.as_tensor(x, dtype=tg.float64).dtype == np.float64
    assert not np.shares_memory(tg.tensor(x).numpy(), x.numpy())


@pytest.mark.parametrize("make", [tg.zeros, tg.ones, tg.empty, tg.rand, tg.randn])
def test_sizes(make: Callable[..., tg.Tensor]) -> None:
    for size in [(2, 3), ((2, 3),), ([2, 3],), (tg.Size([2, 3]),), (np.int64(2), 3)]:
        assert make(*size).shape == (2, 3)
    assert make(4).shape == (4,)
    assert make(()).shape == ()
    assert make(0, 2).shape == (0, 2)
    x = make(2, dtype=tg.float64, requires_grad=True)
    assert x.dtype == np.float64
    assert x.requires_grad
    assert x.is_leaf
    assert not make(2).requires_grad
    with pytest.raises(ShapeError, match=r"a size cannot be negative: \(2, -1\)"):
        make(2, -1)


def test_filled() -> None:
    equal(tg.zeros(2).numpy(), [0, 0])
    equal(tg.ones(2, dtype=tg.int64).numpy(), [1, 1])
    equal(tg.full((2, 1), 2.5).numpy(), [[2.5], [2.5]])
    assert tg.full((2,), 7).dtype == np.int64
    assert tg.full((2,), 7.0).dtype == np.float32
    assert tg.full((2,), True).dtype == np.bool_
    assert tg.full((2,), 7, dtype=tg.float64).dtype == np.float64
    equal(tg.eye(2, 3).numpy(), [[1, 0, 0], [0, 1, 0]])


def test_like() -> None:
    x = tg.tensor([[1, 2]], dtype=tg.int32)
    for make, value in [(tg.zeros_like, 0), (tg.ones_like, 1)]:
        y = make(x)
        equal(y.numpy(), [[value, value]])
        assert y.dtype == np.int32
        assert make(x, dtype=tg.float32, requires_grad=True).requires_grad
    equal(tg.full_like(x, 5).numpy(), [[5, 5]])
    assert tg.empty_like(x).shape == (1, 2)
    assert not tg.zeros_like(tg.ones(2, requires_grad=True)).requires_grad


@pytest.mark.parametrize(
    ("arguments", "expected", "dtype"),
    [
        ((3,), [0, 1, 2], "int64"),
        ((1, 4), [1, 2, 3], "int64"),
        ((1, 6, 2), [1, 3, 5], "int64"),
        ((5, 1, -2), [5, 3], "int64"),
        ((np.int64(2),), [0, 1], "int64"),
        ((1.0, 2.0, 0.5), [1, 1.5], "float32"),
        ((0, 1, 0.25), [0, 0.25, 0.5, 0.75], "float32"),
        ((2.5,), [0, 1, 2], "float32"),
        ((0,), [], "int64"),
        ((3, 3), [], "int64"),
    ],
)
def test_arange(arguments: tuple[Any, ...], expected: list[float], dtype: str) -> None:
    x = tg.arange(*arguments)
    equal(x.numpy(), expected)
    assert x.dtype == np.dtype(dtype)
    assert tg.arange(*arguments, dtype=tg.float64).dtype == np.float64


def test_arange_refuses_steps_that_lead_nowhere() -> None:
    for arguments in [(0, 3, -1), (3, 0), (0, 3, 0)]:
        with pytest.raises(RuntimeError, match=r"arange: step .* does not lead from"):
            tg.arange(*arguments)


def test_linspace() -> None:
    np.testing.assert_allclose(tg.linspace(-1, 1, 5).numpy(), [-1, -0.5, 0, 0.5, 1])
    assert tg.linspace(3, 4, 1).tolist() == [3]
    assert tg.linspace(0, 1, 0).shape == (0,)


def test_refusals() -> None:
    with pytest.raises(ValueError, match="inhomogeneous"):
        tg.tensor([[1, 2], [3]])
    with pytest.raises(
        TypeError, match=r"data of dtype .* cannot be a tensor; convert it to one of"
    ):
        tg.tensor(["a"])
    with pytest.raises(TypeError, match="data of dtype complex128"):
        tg.tensor(1j)
    with pytest.raises(TypeError, match="dtype complex64 is not supported"):
        tg.zeros(2, dtype=np.complex64)
    with pytest.raises(TypeError, match=r"expected a numpy\.ndarray, got list"):
        tg.from_numpy([1.0])
    with pytest.raises(TypeError, match="only floating dtypes can be the default, not int64"):
        tg.set_default_dtype(tg.int64)


@pytest.mark.parametrize(
    "make", [lambda device: tg.zeros(2, device=device), lambda device: tg.tensor(1, device=device)]
)
def test_there_is_only_the_cpu(make: Callable[[str], tg.Tensor]) -> None:
    assert make("cpu").device == "cpu"
    make("cpu:0")
    with pytest.raises(RuntimeError, match=r"device cuda is not available: .* on 'cpu' alone"):
        make("cuda")


def test_the_class_makes_a_leaf() -> None:
    x = tg.Tensor([1.0, 2.0])
    assert type(x) is tg.Tensor
    assert tg.is_tensor(x)
    assert not tg.is_tensor(np.ones(2))
    assert x.is_leaf
    assert tg.Tensor().shape == (0,)


def test_names_that_are_missing_say_so() -> None:
    with pytest.raises(AttributeError, match="fft is not in tinygrad_np"):
        _ = tg.fft
