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
        ([tg.tensor(1), 2.5], "float32"),
        ([tg.tensor([1.5], dtype=tg.float64), True], "float64"),
        ([np.float64(1)], "float64"),
        ([np.float32(1), 2], "float32"),
        ([[np.int32(3)], [np.int16(1)]], "int32"),
        ([np.arange(2.0), [1, 2]], "float64"),
        ([True, 2.5], "float32"),
        (range(3), "int64"),
        (np.bool_(True), "bool"),
        (2**63 - 1, "int64"),
        ([2**63, 1.5], "float32"),
        (((1.0,), (2.0,)), "float32"),
    ],
)
def test_dtype_of_data(data: Any, dtype: str) -> None:
    assert tg.tensor(data).dtype == np.dtype(dtype)
    assert tg.as_tensor(data).dtype == np.dtype(dtype)
    with np.errstate(over="ignore"):
        assert tg.tensor(data, dtype=tg.float16).dtype == np.float16


def test_values_of_nested_data() -> None:
    x = tg.tensor([1.0, 2.0])
    equal(tg.tensor([[1, 2], [3, 4]]).numpy(), [[1, 2], [3, 4]])
    equal(tg.tensor([x[0], x[1:] * 2]).numpy(), [1, 4])
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
    with pytest.raises(
        TypeError, match=r"data of dtype .* cannot be a tensor; convert it to one of"
    ):
        tg.tensor(np.array(["a"]))
    for kind, data in {"str": ["a"], "complex": 1j, "NoneType": [1, None], "dict": {}}.items():
        with pytest.raises(TypeError, match=f"data that holds a {kind} cannot be a tensor"):
            tg.tensor(data)
    with pytest.raises(TypeError, match="data of dtype complex128"):
        tg.tensor([np.complex128(1)])
    with pytest.raises(TypeError, match="dtype complex64 is not supported"):
        tg.zeros(2, dtype=np.complex64)
    with pytest.raises(TypeError, match=r"expected a numpy\.ndarray, got list"):
        tg.from_numpy([1.0])
    with pytest.raises(TypeError, match="only floating dtypes can be the default, not int64"):
        tg.set_default_dtype(tg.int64)


@pytest.mark.parametrize(
    ("data", "error", "message"),
    [
        ([[1, 2], [3]], ValueError, r"data\[0\] has shape \(2,\), and data\[1\] has shape \(1,\)"),
        (
            [[[1], [2]], [[3], [4, 5]]],
            ValueError,
            r"data\[1\]\[0\] has shape \(1,\), and data\[1\]\[1\]",
        ),
        ([[1, 2], 3], TypeError, r"data\[1\] has shape \(\); all entries of a list must"),
        ([1, [2]], TypeError, r"data\[0\] has shape \(\), and data\[1\] has shape \(1,\)"),
        ([[1, 2], [[1], [2]]], ValueError, r"data\[1\] has shape \(2, 1\)"),
        ([tg.ones(2), tg.ones(2)], ValueError, r"a tensor of shape \(2,\), and .* stack or cat"),
        ([2**63], ValueError, "is an integer beyond int64; write it as a float"),
        (-(2**70), ValueError, "is an integer beyond int64"),
    ],
)
def test_data_that_is_no_tensor(data: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        tg.tensor(data)


@pytest.mark.parametrize(
    ("value", "dtype", "low"),
    [
        (300, "uint8", "0 to 255"),
        (-256, "uint8", "0 to 255"),
        ([0, 128], "int8", "-128 to 127"),
        (2**70, "int64", "-9223372036854775808"),
        (1e10, "int32", "-2147483648"),
        (float("nan"), "int64", "-9223372036854775808"),
        (float("inf"), "int64", "-9223372036854775808"),
    ],
)
def test_numbers_that_an_integer_dtype_does_not_hold(value: Any, dtype: str, low: str) -> None:
    with pytest.raises(RuntimeError, match=f"does not fit into {dtype}, which holds {low}"):
        tg.tensor(value, dtype=dtype)


def test_numbers_that_it_does() -> None:
    assert tg.tensor(-1, dtype=tg.uint8).item() == 255  # as in C
    assert tg.tensor(1.9, dtype=tg.int64).item() == 1
    assert tg.tensor(np.array([300]), dtype=tg.uint8).item() == 44
    with np.errstate(over="ignore"):
        assert tg.tensor(1e40).item() == float("inf")
    with pytest.raises(RuntimeError, match="an integer is too large for float64"):
        tg.tensor(10**400, dtype=tg.float64)
    assert tg.tensor([0.5, 0], dtype=tg.bool).tolist() == [True, False]


def test_full_refuses_what_does_not_fit() -> None:
    with pytest.raises(RuntimeError, match="full: 300 does not fit into uint8"):
        tg.full((2,), 300, dtype=tg.uint8)
    with pytest.raises(RuntimeError, match=r"full: 1e\+40 is too large for float32; pass a wider"):
        tg.full((2,), 1e40)
    with pytest.raises(RuntimeError, match="full_like: 1000 does not fit into int8"):
        tg.full_like(tg.ones(1, dtype=tg.int8), 1000)
    with pytest.raises(TypeError, match="full: expected a number, not a NoneType"):
        tg.full((2,), None)
    assert tg.full((1,), float("inf")).item() == float("inf")
    assert tg.full((1,), tg.tensor(2.5)).dtype == tg.full((1,), np.float64(2)).dtype == np.float32
    assert tg.full((1,), np.int32(2)).dtype == np.int64


def test_sizes_that_are_none() -> None:
    assert tg.zeros(size=(2, 3)).shape == tg.zeros(tg.tensor(2), 3).shape == (2, 3)
    for size in [(2.0,), ("a",), (None,), (tg.tensor([2, 3]),), ((2, 1.5),)]:
        with pytest.raises(TypeError, match="zeros: sizes must be integers, not"):
            tg.zeros(*size)
    with pytest.raises(TypeError, match=r"ones: the size is given twice: \(2,\) and size=\(3,\)"):
        tg.ones(2, size=(3,))
    with pytest.raises(RuntimeError, match=r"empty: no memory for size \(\d+, 4\) of float32"):
        tg.empty(2**62, 4)
    with pytest.raises(RuntimeError, match="arange: no memory for size"):
        tg.arange(0, 1e20)
    for make in (lambda: tg.eye(-1), lambda: tg.eye(2, -1), lambda: tg.linspace(0, 1, -1)):
        with pytest.raises(RuntimeError, match="a size cannot be negative"):
            make()
    with pytest.raises(TypeError, match=r"linspace: steps: sizes must be integers, not \(2\.5,\)"):
        tg.linspace(0, 1, 2.5)


def test_ranges_of_other_numbers() -> None:
    equal(tg.arange(end=3).numpy(), [0, 1, 2])
    equal(tg.arange(1, end=3).numpy(), [1, 2])
    equal(tg.arange(tg.tensor(3)).numpy(), [0, 1, 2])
    equal(tg.arange(1.5, 4.5, dtype=tg.int64).numpy(), [1, 2, 3])
    equal(tg.arange(258, dtype=tg.uint8)[-2:].numpy(), [0, 1])
    equal(tg.linspace(0, 10, 4, dtype=tg.int64).numpy(), [0, 3, 6, 10])
    assert tg.linspace(tg.tensor(0.0), 0.1, 7)[-1] == np.float32(0.1)
    assert tg.arange(3.0, requires_grad=True).requires_grad
    with pytest.raises(TypeError, match="arange: the end is missing"):
        tg.arange()
    with pytest.raises(TypeError, match="arange: expected a number, not a str"):
        tg.arange("a")
    for end in (float("inf"), float("nan")):
        with pytest.raises(RuntimeError, match="is a range without an end"):
            tg.arange(end)


@pytest.mark.parametrize("name", ["zeros", "ones", "empty", "full"])
def test_new_tensors_have_the_dtype_of_the_old(name: str) -> None:
    x = tg.tensor([1, 2], dtype=tg.int16)
    rest = (7,) if name == "full" else ()
    make = getattr(x, f"new_{name}")
    made = make((2, 3), *rest)
    assert (made.shape, made.dtype) == ((2, 3), np.int16)
    assert tg.equal(made, getattr(tg, name)((2, 3), *rest, dtype=tg.int16)) or name == "empty"
    other = make(
        size=(2,),
        dtype=tg.float64,
        device="cpu",
        requires_grad=True,
        **dict.fromkeys(["fill_value"][: len(rest)], 7),
    )
    assert other.requires_grad
    assert other.dtype == np.float64
    if name != "full":
        assert make(2, 3).shape == (2, 3)


def test_new_tensor_copies() -> None:
    x = tg.ones(2, dtype=tg.float64)
    assert x.new_tensor([1, 2]).dtype == np.float64
    assert x.new_tensor([1, 2], dtype=tg.int32).dtype == np.int32
    data = np.ones(2)
    assert not np.shares_memory(x.new_tensor(data).numpy(), data)


def test_the_class_makes_a_leaf() -> None:
    x = tg.Tensor([1.0, 2.0])
    assert type(x) is tg.Tensor
    assert tg.is_tensor(x)
    assert not tg.is_tensor(np.ones(2))
    assert x.is_leaf
    assert tg.Tensor().shape == (0,)


def test_the_class_takes_sizes_or_data_and_gives_the_default_dtype() -> None:
    assert tg.Tensor(2, 3).shape == (2, 3)
    assert tg.Tensor(5).shape == (5,)
    for data in ([1, 2], np.array([1.0, 2.0]), tg.tensor([1, 2])):
        x = tg.Tensor(data)
        assert (x.tolist(), x.dtype) == ([1, 2], np.float32)
    assert tg.Tensor(tg.tensor(3)).item() == 3
