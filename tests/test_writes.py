"""Every in-place form of the table: what it writes, what it records, what it refuses."""

from __future__ import annotations

import operator
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from helpers import both_orders, tensors, weights
from op_cases import CASES, Case

import tinygrad_np as tg
from tinygrad_np.errors import GraphError

if TYPE_CHECKING:
    from collections.abc import Callable

    Array = np.ndarray[Any, Any]

equal = np.testing.assert_array_equal
every_write = pytest.mark.parametrize(
    ("case", "write"),
    [
        pytest.param(case, write, id=f"{case.name}-{name}")
        for case in CASES
        for name, write in case.inplace.items()
    ],
)


def out_of_place(case: Case, operands: list[tg.Tensor]) -> tg.Tensor:
    """The result without the write, if the op has such a form."""
    given = [case.function, case.method]
    form = next((form for form in given if form is not None), case.call)
    result: tg.Tensor = form(tg, *operands)
    return result


def test_floor_division_in_every_form() -> None:
    """Which has no derivative, and so no row."""
    a, b = np.array([7.0, -7.0, 5.5]), np.array([2.0, 2.0, -1.5])
    x, y = tg.tensor(a), tg.tensor(b)
    for result in (
        tg.floor_divide(x, y),
        x.floor_divide(y),
        x // y,
        y.__rfloordiv__(x),
        x.clone().floor_divide_(y),
        operator.ifloordiv(x.clone(), y),
    ):
        equal(result.numpy(), a // b)


@every_write
def test_it_writes_one_tensor_once_and_returns_it(
    case: Case, write: Callable[..., tg.Tensor]
) -> None:
    arrays = case.draw(seed=10)
    for dtype in (np.float64, np.float32):
        target, *others = tensors(arrays, dtype)
        target.requires_grad_(False)
        memory, versions = target.numpy(), [x._version for x in (target, *others)]
        for x in others:
            x.requires_grad_(False)
        assert write(tg, target, *others) is target
        assert np.shares_memory(target.numpy(), memory)
        assert target.dtype == dtype
        assert not target.requires_grad
        near = 1e-13 if dtype == np.float64 else 2e-5
        np.testing.assert_allclose(target.numpy(), case.oracle(*arrays), rtol=near, atol=near)
        for x, array in zip(others, arrays[1:], strict=True):
            equal(x.numpy(), array if x.dtype.kind != "f" else array.astype(dtype))
        assert [x._version for x in (target, *others)] == [versions[0] + 1, *versions[1:]]


@every_write
def test_it_is_recorded_through_a_view_of_a_part(
    case: Case, write: Callable[..., tg.Tensor]
) -> None:
    """A write into the middle of another tensor: the base shows it, and the rest keeps."""
    arrays = case.draw(seed=11)
    plain, operands = tensors(arrays), tensors(arrays)
    base = tg.stack([operands[0], 2 * operands[0], operands[0]], -1)
    part = base.select(-1, 1)
    assert write(tg, part, *operands[1:]) is part
    x = plain[0]
    new = out_of_place(case, [2 * x, *plain[1:]])
    result = tg.stack([*base.unbind(-1), part], -1)
    expected = tg.stack([x, new, x, new], -1)
    equal(result.detach().numpy(), expected.detach().numpy())
    for a, b in zip(both_orders(result, operands), both_orders(expected, plain), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-14)


@every_write
def test_what_was_recorded_before_keeps_its_meaning(
    case: Case, write: Callable[..., tg.Tensor]
) -> None:
    target, *others = tensors(case.draw(seed=12))
    h = target.clone()
    seed = weights(target.shape)
    before, square = h * 3.0, h * h
    write(tg, h, *others)
    (g,) = tg.autograd.grad(before, target, seed)
    equal(g.numpy(), 3 * seed.numpy())
    with pytest.raises(GraphError, match=r"derivative of Mul .* changed in place"):
        square.backward(seed)


@every_write
def test_a_write_after_it_is_noticed_where_the_result_is_needed(
    case: Case, write: Callable[..., tg.Tensor]
) -> None:
    target, *others = tensors(case.draw(seed=13))
    h = write(tg, target.clone(), *others)
    square = h * h
    h.zero_()
    with pytest.raises(GraphError, match=r"derivative of Mul .* changed in place"):
        square.sum().backward()


@every_write
def test_a_leaf_that_requires_grad_is_written_only_under_no_grad(
    case: Case, write: Callable[..., tg.Tensor]
) -> None:
    arrays = case.draw(seed=14)
    target, *others = tensors(arrays)
    with pytest.raises(GraphError, match=r"a leaf that requires grad .* under no_grad"):
        write(tg, target, *others)
    equal(target.detach().numpy(), arrays[0])
    assert target._version == 0
    with tg.no_grad():
        write(tg, target, *others)
    np.testing.assert_allclose(target.detach().numpy(), case.oracle(*arrays), rtol=1e-13)
    assert target.is_leaf
    assert target.requires_grad
    assert target._version == 1


@every_write
def test_an_untracked_target_becomes_tracked_by_its_operands(
    case: Case, write: Callable[..., tg.Tensor]
) -> None:
    arrays = case.draw(seed=15)
    target, *others = tensors(arrays)
    target.requires_grad_(False)
    target = write(tg, target, *others)
    tracked = any(x.requires_grad for x in others)
    assert target.requires_grad == tracked
    if tracked:
        plain = [x.detach() if i == 0 else x for i, x in enumerate(tensors(arrays))]
        expected = out_of_place(case, plain)
        for a, b in zip(both_orders(target, others), both_orders(expected, plain), strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-14)
