"""make_tensor draws PyTorch's numbers; assert_close and gradcheck have PyTorch's parameters."""

from __future__ import annotations

import inspect
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tinygrad_np as tg

torch = pytest.importorskip("torch")


@pytest.mark.parametrize(
    "dtype",
    ["float16", "float32", "float64", "int64", "int32", "int16", "int8", "uint8", "bool"],
)
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"low": 1, "high": 3},
        {"exclude_zero": True},
        {"noncontiguous": True},
        {"low": -1000, "high": 1000},
        {"low": -math.inf, "high": math.inf},
        {"low": -1e30, "high": 5},
        {"low": -60000, "high": 60000},
        {"low": 1 / 3, "high": 2.7},
    ],
    ids=str,
)
def test_make_tensor_draws_the_same_numbers(dtype: str, options: Any) -> None:
    if dtype == "bool" and "low" in options:
        pytest.skip("bools lie between 0 and 2")
    tg.manual_seed(5)
    torch.manual_seed(5)
    ours = tg.testing.make_tensor(3, 7, dtype=np.dtype(dtype), **options)
    theirs = torch.testing.make_tensor(3, 7, dtype=getattr(torch, dtype), device="cpu", **options)
    rtol = 1e-14 if dtype == "float64" else 0  # PyTorch fuses its multiply-add in float64 as well
    np.testing.assert_allclose(ours.numpy(), theirs.numpy(), rtol=rtol, atol=0)
    assert ours.stride() == theirs.stride()


@pytest.mark.parametrize(
    ("dtype", "options"),
    [
        ("float32", {"low": 2, "high": 1}),
        ("int64", {"low": 1, "high": 1}),
        ("uint8", {"low": 256, "high": 300}),
        ("int8", {"low": -300, "high": -200}),
        ("float32", {"low": math.nan}),
        ("int64", {"requires_grad": True}),
        ("bool", {"requires_grad": True}),
    ],
    ids=str,
)
def test_make_tensor_refuses_the_same(dtype: str, options: Any) -> None:
    with pytest.raises(ValueError, match=r"low|high|requires_grad"):
        torch.testing.make_tensor(3, dtype=getattr(torch, dtype), device="cpu", **options)
    with pytest.raises(ValueError, match="make_tensor: "):
        tg.testing.make_tensor(3, dtype=np.dtype(dtype), **options)


@pytest.mark.parametrize(
    ("actual", "expected", "options"),
    [
        (1j, 1j, {}),
        (1j, 1j + 1e-6, {}),
        (1j, 1.0, {}),
        (1j, 1.0, {"check_dtype": False}),
        (1 + 0j, 1, {"check_dtype": False}),
        (1.0, 1, {"check_dtype": False}),
        (complex(math.nan, 0), complex(0, math.nan), {}),
        (complex(math.nan, 0), complex(0, math.nan), {"equal_nan": True}),
        (complex(math.inf, 0), complex(math.inf, 0), {}),
        (np.array([1j]), np.array([1j + 1e-3]), {}),
        (np.complex64([1j]), np.complex64([1j + 1e-7]), {}),
        ({"a": 1j}, {"a": 2j}, {}),
        ({"a": 1j}, {"b": 1j}, {}),
        (np.float64(1.0), 1.0, {}),
        (np.int64(3), 3, {}),
        (np.float32(1), np.float64(1), {}),
        (np.float32(1), np.float32(1 + 1e-6), {}),
        (np.float32(1), 1, {}),
        (np.float32(1), 1, {"check_dtype": False}),
        (np.bool_(True), True, {}),
        (np.bool_(True), 1, {"check_dtype": False}),
        (10, 11, {"rtol": 0.1, "atol": 0.0}),
    ],
    ids=str,
)
def test_assert_close_passes_and_fails_alike(actual: Any, expected: Any, options: Any) -> None:
    outcomes = []
    for lib in (torch, tg):
        try:
            lib.testing.assert_close(actual, expected, **options)
        except (AssertionError, TypeError) as error:
            outcomes.append(type(error))
        else:
            outcomes.append(None)
    assert outcomes[0] is outcomes[1]


@pytest.mark.parametrize(
    "pair",
    [
        lambda _: (1, 2),
        lambda _: (1, 0),
        lambda _: (2**63 + 5, 3),
        lambda _: (True, False),
        lambda _: (np.True_, False),
        lambda _: (np.int64(3), np.int64(4)),
        lambda _: (np.float32(0.5), np.float32(0.25)),
        lambda lib: (lib.tensor(1), lib.tensor(2)),
        lambda lib: (lib.tensor(True), lib.tensor(False)),
        lambda lib: (lib.tensor(3, dtype=lib.uint8), lib.tensor(255, dtype=lib.uint8)),
        lambda lib: (lib.tensor(2**62), lib.tensor(-(2**62))),
        lambda _: ([1, 2], [1, 3]),
        lambda _: ({"a": [1, 2]}, {"a": [1, 3]}),
        lambda lib: ({"a": [1.0, lib.tensor(1)]}, {"a": [1.0, lib.tensor(2)]}),
    ],
)
def test_assert_close_says_the_same_of_scalars(pair: Any) -> None:
    messages = []
    for lib in (torch, tg):
        with pytest.raises(AssertionError) as failure:
            lib.testing.assert_close(*pair(lib))
        messages.append(str(failure.value))
    assert messages[1] == messages[0]


@given(st.data(), tg.testing.shapes(max_dims=4))
def test_drawn_indices_mean_the_same(data: st.DataObject, shape: tuple[int, ...]) -> None:
    index = data.draw(tg.testing.indices(shape, tensors=True))
    x = np.arange(float(np.prod(shape))).reshape(shape)
    ours, theirs = tg.tensor(x)[index], torch.tensor(x)[in_torch(index)]
    assert tuple(ours.shape) == tuple(theirs.shape)
    np.testing.assert_array_equal(ours.numpy(), theirs.numpy())


def in_torch(index: Any) -> Any:
    """The index with tensors for arrays: PyTorch counts the dimensions of a mask by its type."""
    if isinstance(index, tuple):
        return tuple(map(in_torch, index))
    return torch.tensor(np.array(index)) if isinstance(index, (np.ndarray, tg.Tensor)) else index


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (tg.autograd.gradcheck, torch.autograd.gradcheck),
        (tg.autograd.gradgradcheck, torch.autograd.gradgradcheck),
        (tg.testing.assert_close, torch.testing.assert_close),
        (tg.testing.make_tensor, torch.testing.make_tensor),
    ],
    ids=lambda f: f.__name__,
)
def test_parameters_and_defaults(ours: Any, theirs: Any) -> None:
    mine = inspect.signature(ours).parameters
    for name, parameter in inspect.signature(theirs).parameters.items():
        assert mine[name].kind == parameter.kind
        if name != "device":  # which need not be named here
            assert mine[name].default == parameter.default, name


@pytest.mark.parametrize("fast_mode", [False, True])
@pytest.mark.parametrize("check", ["gradcheck", "gradgradcheck"])
def test_results_that_require_no_grad(check: str, fast_mode: bool) -> None:
    def answer(library: Any, function: Any) -> Any:
        x = library.tensor([1.5, 2.5], dtype=library.float64, requires_grad=True)
        try:
            return getattr(library.autograd, check)(function, x, fast_mode=fast_mode)
        except RuntimeError as error:
            return type(error).__name__, "function expected to be zero" in str(error)

    first = (lambda x: x.new_zeros(3), lambda x: x.argmax(), lambda x: x.detach() * 3.0)
    for function in (lambda x: x * 0.0, *(first if check == "gradcheck" else ())):
        assert answer(tg, function) == answer(torch, function)
