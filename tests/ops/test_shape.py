"""Ops that move elements: what they share, what they refuse, and 0-d operands."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

import tinygrad_np as tg

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: tg.zeros(0, 3).reshape(0, -1), RuntimeError, r"0 elements of shape \(0, 3\)"),
        (lambda: tg.zeros(1).reshape(-1, -1), RuntimeError, "only one size can be -1"),
        (lambda: tg.zeros(6).reshape(4, -1), RuntimeError, r"do not fill shape \(4, -1\)"),
        (lambda: tg.zeros(6).reshape(-2, -3), RuntimeError, r"do not fill shape \(-2, -3\)"),
        (lambda: tg.tensor(1.0).transpose(0, 1), IndexError, "transpose: dimension 1 is out"),
        (lambda: tg.zeros(2, 3).expand(3), RuntimeError, r"\(2, 3\) does not broadcast to \(3,\)"),
        (lambda: tg.zeros(1, 3).expand(3), RuntimeError, r"\(1, 3\) does not broadcast to \(3,\)"),
        (lambda: tg.zeros(1, 3).expand(-1, 2, 3), RuntimeError, r"broadcast to \(-1, 2, 3\)"),
        (lambda: tg.zeros(1, 3).expand(-2, 3), RuntimeError, r"broadcast to \(-2, 3\)"),
        (lambda: tg.zeros(3).narrow(0, 2, -1), RuntimeError, "-1 places from 2 on do not lie"),
        (lambda: tg.zeros(3).narrow(0, 2, 2), RuntimeError, "2 places from 2 on do not lie"),
        (lambda: tg.cat([tg.zeros(2), 3]), TypeError, r"must be a Tensor, not a builtins\.int"),
        (lambda: tg.stack([tg.zeros(2), 3]), TypeError, r"must be a Tensor, not a builtins\.int"),
        (lambda: tg.cat(3), TypeError, r"must be a Tensor, not a builtins\.int"),
        (lambda: tg.squeeze(tg.tensor(1.0), 1), IndexError, "squeeze: dimension 1 is out"),
        (lambda: tg.squeeze(3, 0), TypeError, "squeeze: input must be a Tensor"),
    ],
)
def test_refusals(call: Callable[[], Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        call()


@pytest.mark.parametrize(
    ("shapes", "dim"),
    [
        ([(2, 5), (2,)], 1),
        ([(2, 5), (3, 5)], 1),
        ([(2, 5, 1), (3, 5, 1)], 2),
        ([(2, 5, 1), (2, 4, 1)], 2),
        ([(2, 5, 1), (2, 5, 2)], 1),
        ([(2, 5, 1), (2, 5, 2)], 0),
    ],
)
def test_tensors_of_other_shapes_are_not_joined(shapes: list[tuple[int, ...]], dim: int) -> None:
    with pytest.raises(RuntimeError, match=f"cat: apart from dimension {dim}, shapes must agree"):
        tg.cat([tg.zeros(shape) for shape in shapes], dim)


def test_a_size_of_minus_1_keeps_that_of_the_operand() -> None:
    x = tg.zeros(1, 3)
    assert x.expand(-1, 3).shape == (1, 3)
    assert x.expand(2, -1, 3).shape == (2, 1, 3)
    assert x.expand(4, -1).shape == (4, 3)


def test_a_number_has_no_dimensions_to_swap_and_gets_one_when_flattened() -> None:
    x = tg.tensor(3.0, requires_grad=True)
    assert x.transpose(0, -1).shape == ()
    assert x.flatten().shape == (1,)
    (x.transpose(0, -1) * x.flatten()).sum().backward()
    assert x.grad.item() == 6


def test_where_there_is_nothing_to_join_flatten_gives_the_tensor_itself() -> None:
    x = tg.zeros(2, 3)
    assert x.flatten(1, 1) is x
    assert x.flatten(0, 1) is not x


# --- what shares memory ---


@pytest.mark.parametrize("by_columns", [False, True])
def test_a_reshape_that_has_to_copy_is_no_view(by_columns: bool) -> None:
    """Even where the engine happened to store the operand so that a view would do."""
    leaf = tg.arange(6.0).reshape(2, 3).requires_grad_()
    h = (leaf.t().contiguous().t() if by_columns else leaf) * 1
    assert h.detach().numpy().flags.f_contiguous == by_columns
    y = h.t().reshape(-1)
    assert y._base is None
    y.mul_(3)
    assert h.tolist() == [[0, 1, 2], [3, 4, 5]]
    h.mul_(5)
    assert y.tolist() == [0, 9, 3, 12, 6, 15]
    (h.sum() + y.sum()).backward()
    assert leaf.grad.tolist() == [[8] * 3] * 2


def test_memory_at_which_others_look_stays_where_it_is_in_a_reshape() -> None:
    h = tg.arange(6.0).reshape(2, 3).t() * 1  # which NumPy stores by columns
    other = h.detach()
    assert h.reshape(-1).tolist() == [0, 3, 1, 4, 2, 5]
    h.fill_(7)
    assert other.tolist() == [[7, 7]] * 3


def test_cat_takes_vectors_without_elements() -> None:
    """An empty start, to which what is collected is joined."""
    x = tg.ones(2, 3, requires_grad=True)
    nothing = tg.zeros(0, dtype=tg.float64, requires_grad=True)
    for dim, shape in ((0, (4, 3)), (-1, (2, 6))):
        y = tg.cat([nothing, x, nothing, x], dim)
        assert y.shape == shape
        assert y.dtype == tg.float64
    y.sum().backward()
    assert x.grad.tolist() == [[2.0] * 3] * 2
    assert nothing.grad.shape == (0,)
    assert tg.cat([nothing, nothing]).shape == (0,)
    with pytest.raises(RuntimeError, match="shapes must agree"):
        tg.cat([x, tg.zeros(0, 2)], 1)
