"""From tensors to other dtypes, to NumPy and to Python."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import numpy as np
import pytest
from conversion_cases import CONVERSIONS, DTYPES
from helpers import gradients, weights

import tinygrad_np as tg

equal = np.testing.assert_array_equal


@pytest.mark.parametrize("source", DTYPES.values(), ids=str)
@pytest.mark.parametrize("target", DTYPES)
@pytest.mark.parametrize("way", CONVERSIONS)
def test_every_conversion_has_both_derivatives(way: str, target: str, source: Any) -> None:
    """Of numbers that the narrowest dtype holds: a conversion is exact, and so is its gradient."""
    array = np.arange(-4, 8).reshape(3, 4) / 8
    x = tg.tensor(array, dtype=source, requires_grad=True)
    y = CONVERSIONS[way](x, target)
    value, repeats = (array.sum(0), True) if way.startswith("sum") else (array, False)
    assert y.dtype == DTYPES[target]
    equal(y.detach().numpy(), value)
    seed = tg.tensor((4 * weights(y.shape).numpy()).round(), dtype=y.dtype)
    (g,) = tg.autograd.grad(y * y, x, seed, create_graph=True)
    assert g.dtype == source
    first = 2 * value * seed.numpy()
    equal(g.detach().numpy(), np.broadcast_to(first, array.shape))
    (h,) = tg.autograd.grad(g, x, tg.ones(3, 4, dtype=source))
    assert h.dtype == source
    equal(h.numpy(), np.broadcast_to((6 if repeats else 2) * seed.numpy(), array.shape))


@pytest.mark.parametrize(
    ("name", "dtype"),
    [
        ("half", "float16"),
        ("float", "float32"),
        ("double", "float64"),
        ("short", "int16"),
        ("int", "int32"),
        ("long", "int64"),
        ("bool", "bool"),
    ],
)
def test_dtype_methods(name: str, dtype: str) -> None:
    x = tg.tensor([0.0, 1.5, -2.5], dtype=tg.float64)
    expected = x.numpy().astype(dtype)
    for y in (getattr(x, name)(), x.to(np.dtype(dtype)), x.to(dtype), x.to(dtype=dtype)):
        equal(y.numpy(), expected)
        assert y.dtype == np.dtype(dtype)


def test_to_returns_itself_where_nothing_changes() -> None:
    x = tg.ones(2)
    assert x.to(tg.float32) is x
    assert x.to("cpu") is x
    assert x.to("cpu", non_blocking=True) is x
    assert x.cpu() is x
    assert x.float() is x
    assert x.to(tg.ones(1, dtype=tg.float64)).dtype == np.float64
    assert x.to("cpu", tg.float64).dtype == np.float64
    assert x.type_as(tg.ones(1, dtype=tg.float16)).dtype == np.float16
    with pytest.raises(RuntimeError, match="device cuda is not available"):
        x.to("cuda")
    with pytest.raises(TypeError, match="dtype complex128 is not supported"):
        x.to(np.complex128)


@pytest.mark.parametrize("create_graph", [False, True])
def test_gradients_are_converted_back(create_graph: bool) -> None:
    x = tg.tensor([1.0, 2.0], requires_grad=True)
    y = x.double() * 3
    assert y.dtype == np.float64
    (g,) = gradients(y, [x], create_graph=create_graph)
    assert g.dtype == np.float32
    np.testing.assert_allclose(g, 3 * np.random.default_rng(1).standard_normal(2), rtol=1e-6)


def test_python_numbers() -> None:
    assert tg.tensor([[2.5]]).item() == 2.5
    assert type(tg.tensor(3).item()) is int
    assert type(tg.tensor(True).item()) is bool
    assert tg.tensor([[1, 2], [3, 4]]).tolist() == [[1, 2], [3, 4]]
    assert float(tg.tensor(2)) == 2.0
    assert int(tg.tensor(2.9)) == 2
    assert list(range(5))[tg.tensor(2)] == 2
    with pytest.raises(RuntimeError, match=r"item: a tensor of shape \(2,\) has 2 elements"):
        tg.ones(2).item()
    with pytest.raises(TypeError, match="only integer tensors of one element can be an index"):
        range(5)[tg.tensor(2.0)]


def test_numpy_shares_memory_and_asarray_converts() -> None:
    x = tg.tensor([1.0, 2.0])
    x.numpy()[0] = 7
    assert x.tolist() == [7, 2]
    assert np.shares_memory(np.asarray(x), x.numpy())
    assert np.asarray(x, dtype=np.float64).dtype == np.float64
    copy = np.array(x)
    assert not np.shares_memory(copy, x.numpy())
    assert type(tg.ones(2).sum().numpy()) is np.ndarray  # never a NumPy scalar
    assert tg.ones(2).sum().numpy().shape == ()


def test_facts() -> None:
    x = tg.zeros(2, 3, dtype=tg.float64)
    assert (x.dim(), x.ndim, x.numel(), len(x)) == (2, 2, 6, 2)
    assert (x.element_size(), x.nbytes) == (8, 48)
    assert (x.size(), x.size(1), x.size(-2)) == ((2, 3), 3, 2)
    assert x.is_floating_point()
    assert not x.long().is_floating_point()
    assert x.device == tg.device("cpu")


@pytest.mark.parametrize(
    ("a", "b", "expected"),
    [
        ("float32", "float64", "float64"),
        ("int64", "float16", "float16"),
        ("bool", "uint8", "uint8"),
        ("uint8", "int8", "int16"),
        ("int32", "int64", "int64"),
        ("bool", "float32", "float32"),
    ],
)
def test_promote_types(a: str, b: str, expected: str) -> None:
    assert tg.promote_types(a, b) == tg.promote_types(b, a) == np.dtype(expected)


@pytest.mark.parametrize(
    ("operands", "expected"),
    [
        ((tg.ones(2), 1.5), "float32"),
        ((tg.ones(2), tg.ones((), dtype=tg.float64)), "float32"),
        ((tg.ones(2, dtype=tg.int32), tg.tensor(1)), "int32"),
        ((tg.ones(2, dtype=tg.int32), 1.5), "float32"),
        ((tg.tensor(True), True), "bool"),
        ((tg.ones(2, dtype=tg.uint8), 300), "uint8"),
    ],
)
def test_result_type(operands: Any, expected: str) -> None:
    assert tg.result_type(*operands) == np.dtype(expected)


def test_filling_in_place() -> None:
    x = tg.ones(2, 2)
    assert x.fill_(3) is x
    equal(x.numpy(), [[3, 3], [3, 3]])
    equal(x.zero_().numpy(), [[0, 0], [0, 0]])
    equal(x.copy_(tg.tensor([1, 2])).numpy(), [[1, 2], [1, 2]])
    equal(x.add_(1, alpha=2).sub_(1).mul_(2).div_(4).numpy(), [[1, 1.5], [1, 1.5]])
    x += 1
    x -= tg.ones(2)
    x *= 4
    x /= 2
    equal(x.numpy(), [[2, 3], [2, 3]])
    assert x.dtype == np.float32


def test_what_was_pickled_sums_as_before() -> None:
    x = pickle.loads(pickle.dumps(tg.tensor([0.5, 0.75])))
    assert x.sum().item() == 1.25
    assert x.sum().dtype == tg.float32


def test_a_shallow_copy_shares_memory_and_version() -> None:
    x = tg.tensor([1.0, 2.0], requires_grad=True)
    h = x * 1
    z = h * h
    copy.copy(h.detach()).mul_(5)
    with pytest.raises(tg.GraphError, match="changed in place"):
        z.backward(tg.tensor([1.0, 2.0]))


def test_bytes_and_bools() -> None:
    x = tg.tensor([0.0, 1.5, 254.0])
    equal(x.byte().numpy(), [0, 1, 254])
    assert x.byte().dtype == np.uint8


def test_to_in_each_of_its_forms() -> None:
    x, other = tg.ones(2), tg.ones(1, dtype=tg.float64)
    for y in (
        x.to(tg.float64),
        x.to(float),
        x.to(tg.float64, True),
        x.to(tg.float64, True, True),
        x.to("cpu", tg.float64),
        x.to("cpu", tg.float64, True, False),
        x.to(tg.device("cpu"), tg.float64, non_blocking=True),
        x.to(None, tg.float64),
        x.to(device="cpu", dtype=tg.float64, copy=True),
        x.to(other),
        x.to(other, True, True),
        x.to(other, non_blocking=True, memory_format=tg.channels_last),
    ):
        assert y.dtype == np.float64
    assert x.to() is x.to(None) is x.to("cpu", True) is x.to(tg.float32, False, False) is x
    assert x.to("cpu", None) is x
    assert x.to(tg.float32, False, True) is not x
    assert x.to("cpu", copy=True) is not x


@pytest.mark.parametrize(
    "arguments",
    [
        (tg.float64, tg.float32),
        (tg.float64, "cpu"),
        ("cpu", "cpu"),
        (tg.ones(1), tg.float64),
        ("cpu", tg.float64, True, False, True),
        ("cpu", tg.float64, tg.float64),
        (tg.float64, True, "cpu"),
    ],
)
def test_to_refuses_other_forms(arguments: Any) -> None:
    with pytest.raises(
        TypeError, match=r"to: cannot tell dtype and device from .*to\(device, dtype"
    ):
        tg.ones(2).to(*arguments)


def test_type_names_and_converts() -> None:
    x = tg.tensor([1.5])
    assert (x.type(), x.long().type()) == ("torch.FloatTensor", "torch.LongTensor")
    assert x.type(tg.float64).dtype == x.type("torch.DoubleTensor").dtype == np.float64
    assert x.type(x.long().type()).tolist() == [1]


def test_clone_is_a_function_too() -> None:
    x = tg.tensor([1.0], requires_grad=True)
    y = tg.clone(x, memory_format=tg.preserve_format)
    y.backward(tg.tensor([3.0]))
    equal(x.grad.numpy(), [3])
    assert not np.shares_memory(y.detach().numpy(), x.detach().numpy())


def test_to_copies_when_asked_and_knows_its_options() -> None:
    x = tg.tensor([1.0])
    assert x.to(tg.float32, copy=True) is not x
    with pytest.raises(TypeError, match="dtpye"):
        x.to(dtpye=tg.float64)
