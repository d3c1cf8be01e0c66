"""make_tensor draws PyTorch's numbers; assert_close and gradcheck have PyTorch's parameters."""

from __future__ import annotations

import inspect
from typing import Any

import numpy as np
import pytest

import tinygrad_np as tg

torch = pytest.importorskip("torch")


@pytest.mark.parametrize("dtype", ["float32", "float64", "int64", "int32", "uint8", "bool"])
@pytest.mark.parametrize("options", [{}, {"low": 1, "high": 3}, {"exclude_zero": True}], ids=str)
def test_make_tensor_draws_the_same_numbers(dtype: str, options: Any) -> None:
    if dtype == "bool" and "low" in options:
        pytest.skip("bools lie between 0 and 2")
    tg.manual_seed(5)
    torch.manual_seed(5)
    ours = tg.testing.make_tensor(3, 7, dtype=np.dtype(dtype), **options)
    theirs = torch.testing.make_tensor(3, 7, dtype=getattr(torch, dtype), device="cpu", **options)
    rtol = 1e-14 if dtype == "float64" else 0  # PyTorch fuses its multiply-add in float64 as well
    np.testing.assert_allclose(ours.numpy(), theirs.numpy(), rtol=rtol, atol=0)


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
