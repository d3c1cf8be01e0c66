"""Laws that hold for every op, on shapes and numbers that hypothesis draws."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import drawing
import numpy as np
import pytest
from helpers import TIGHT, gradients, tensors
from hypothesis import given
from hypothesis import strategies as st
from op_cases import CASES, Case

import tinygrad_np as tg
from tinygrad_np.testing import LAYOUTS

if TYPE_CHECKING:
    Array = np.ndarray[Any, Any]

every = pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)


@every
@given(data=st.data())
def test_gradients(case: Case, data: st.DataObject) -> None:
    operands = tensors(data.draw(drawing.operands_number_by_number(case)))

    def function(*xs: tg.Tensor) -> tg.Tensor:
        return case.call(tg, *xs)

    assert tg.autograd.gradcheck(function, operands, fast_mode=True, **TIGHT)
    assert tg.autograd.gradgradcheck(function, operands, fast_mode=True, **TIGHT)


@every
@given(data=st.data())
def test_pulling_back_is_linear(case: Case, data: st.DataObject) -> None:
    """A gradient for a·u + b·v is a times that for u and b times that for v."""
    operands = tensors(data.draw(drawing.operands(case)))
    y = case.call(tg, *operands)
    rng = np.random.default_rng(data.draw(st.integers(0, 99)))
    u, v = rng.standard_normal((2, *y.shape))
    a, b = data.draw(st.tuples(*[st.floats(-4, 4, width=16)] * 2))
    wanted = [x for x in operands if x.requires_grad]

    def pull(g: Array) -> list[Array]:
        found = tg.autograd.grad(y, wanted, tg.tensor(g), retain_graph=True)
        return [x.numpy() for x in found]

    for sum_, from_u, from_v in zip(pull(a * u + b * v), pull(u), pull(v), strict=True):
        np.testing.assert_allclose(sum_, a * from_u + b * from_v, rtol=1e-9, atol=1e-9)


@every
@given(data=st.data())
def test_modes_and_layouts_change_no_value(case: Case, data: st.DataObject) -> None:
    arrays = data.draw(drawing.operands(case))
    operands = tensors(arrays)
    y = case.call(tg, *operands)
    with tg.no_grad():
        plain = case.call(tg, *operands)
    assert y.requires_grad
    assert not plain.requires_grad
    np.testing.assert_array_equal(plain.numpy(), y.detach().numpy())
    layout = data.draw(st.sampled_from(list(LAYOUTS.values())))
    odd = [
        tg.from_numpy(layout(a)).requires_grad_(x.requires_grad)
        for a, x in zip(arrays, operands, strict=True)
    ]
    z = case.call(tg, *odd)
    np.testing.assert_allclose(z.detach().numpy(), y.detach().numpy(), rtol=1e-12, atol=1e-13)
    for a, b in zip(gradients(z, odd), gradients(y, operands), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-13)
