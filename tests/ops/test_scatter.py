"""Places along a dimension, and masks, at their edges; as PyTorch 2.13 answered."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

import tinygrad_np as tg
from tinygrad_np.errors import DtypeError, PlaceError, ShapeError

if TYPE_CHECKING:
    from collections.abc import Callable

ROW = tg.tensor([0.0, 1.0, 2.0])
INTS = tg.tensor([0, 1, 2])
BOOLS = tg.tensor([True, False, False])
ZERO, ONE, TWO_ZEROS = tg.tensor(0), tg.tensor([1]), tg.tensor([0, 0])


# --- 0-d tensors count as rows of one element ---


@pytest.mark.parametrize("index", [ZERO, tg.tensor([0]), TWO_ZEROS], ids=str)
def test_0d_input(index: tg.Tensor) -> None:
    src = tg.ones(index.shape)
    x = tg.tensor(5.0, requires_grad=True)
    assert x.gather(0, index).tolist() == (src * 5).tolist()
    assert x.scatter(0, index, 9.0).item() == x.scatter(0, index, src * 9).item() == 9
    y = x.scatter_add(-1, index, src)
    assert y.shape == ()
    assert y.item() == 5 + src.sum().item()
    (x.gather(0, index).sum() + x.scatter(0, index, 9.0) + y).backward()
    assert x.grad is not None
    assert x.grad.item() == src.sum().item() + 0 + 1


@pytest.mark.parametrize("index", [ZERO, tg.tensor([0])], ids=str)
def test_one_place_of_a_0d_input(index: tg.Tensor) -> None:
    x = tg.tensor(5.0)
    assert x.index_add(0, index, tg.tensor(2.0), alpha=3).item() == 11
    assert x.index_select(0, index).shape == ()
    assert x.index_fill(0, index - 1, 9.0).item() == 9
    for y in (
        tg.tensor(5.0).scatter_(0, index, 9.0),
        tg.tensor(5.0).index_add_(0, index, tg.tensor(4.0)),
        tg.tensor(5.0).scatter_(0, index, 4.0, reduce="add"),
    ):
        assert y.shape == ()
        assert y.item() == 9


def test_0d_index_and_source() -> None:
    assert ROW.gather(0, ZERO + 2).tolist() == 2
    assert ROW.index_select(0, ZERO + 2).tolist() == [2]
    assert ROW.scatter(0, ZERO, tg.tensor([9.0, 8.0])).tolist() == [9, 1, 2]
    assert ROW.scatter(0, ONE, tg.tensor(9.0)).tolist() == [0, 9, 2]
    assert ROW.scatter_add(0, ZERO, tg.tensor(9.0)).tolist() == [9, 1, 2]
    assert ROW.index_add(0, ZERO, tg.ones(1)).tolist() == [1, 1, 2]
    assert ROW.index_fill(0, ZERO, 9.0).tolist() == [9, 1, 2]


@pytest.mark.parametrize("mask", [True, False, [True, False], [[True, True]]], ids=str)
def test_masked_select_of_a_0d_tensor(mask: Any) -> None:
    count = sum([mask] if isinstance(mask, bool) else mask if len(mask) == 2 else mask[0])
    assert tg.tensor(5.0).masked_select(tg.tensor(mask)).tolist() == [5.0] * count


# --- masks, and places named twice ---


def test_a_mask_broadcasts() -> None:
    x = tg.tensor([[0.0, 1.0, 2.0], [3.0, 4.0, 5.0]])
    assert x.masked_select(tg.tensor([True, False, True])).tolist() == [0, 2, 3, 5]
    assert x.masked_select(tg.tensor([[True], [False]])).tolist() == [0, 1, 2]
    assert x.masked_select(tg.tensor(True)).shape == (6,)


def test_a_place_filled_from_both_ends_takes_one_gradient() -> None:
    value = tg.tensor(7.0, requires_grad=True)
    y = ROW.index_fill(0, tg.tensor([-1, 2]), value)
    assert y.tolist() == [0, 1, 7]
    y.sum().backward()
    assert value.grad is not None
    assert value.grad.item() == 1


def test_what_stands_beside_the_index_stays() -> None:
    assert ROW.gather(0, tg.tensor([1, 1, 0, 2])).tolist() == [1, 1, 0, 2]
    assert tg.zeros(2, 3).scatter_add(1, tg.tensor([[2, 2]]), tg.ones(2, 2)).tolist() == [
        [0, 0, 2],
        [0, 0, 0],
    ]


def test_whole_rows_are_added_once_by_default() -> None:
    y = tg.index_add(tg.zeros(2, 3), 0, ONE, tg.tensor([[1.0, 2.0, 3.0]]))
    assert y.tolist() == [[0, 0, 0], [1, 2, 3]]


def test_gather_is_one_step_of_the_graph() -> None:
    x = tg.tensor([[1.0, 2.0], [3.0, 4.0]], requires_grad=True)
    row = tg.tensor([1.0, 2.0], requires_grad=True)
    for of, index in (
        (row, [0]),
        (row, [0, 1]),
        (row, [1, 0, 1]),
        (x, [[0, 1]]),
        (x, [[1, 1]] * 3),
    ):
        y = of.gather(0, tg.tensor(index))
        assert y.grad_fn.name() == "GatherBackward0"
        assert y.grad_fn.next_functions[0][0].name() == "AccumulateGrad"


# --- numbers in the dtype of the input ---


@pytest.mark.parametrize(
    ("call", "values"),
    [
        (lambda: INTS.index_fill(0, ONE, 9.7), [0, 9, 2]),
        (lambda: INTS.index_fill(0, ONE, tg.tensor(9.7)), [0, 9, 2]),
        (lambda: INTS.masked_fill(BOOLS, 9.7), [9, 1, 2]),
        (lambda: INTS.masked_fill(BOOLS, tg.tensor(9.7)), [9, 1, 2]),
        (lambda: INTS.int().masked_fill(BOOLS, tg.tensor(9)).long(), [9, 1, 2]),
        (lambda: INTS.scatter(0, ONE, 9.7), [0, 9, 2]),
        (lambda: INTS.scatter(0, ONE, value=tg.tensor(9.7)), [0, 9, 2]),
        (lambda: INTS.scatter(0, ONE, 9.7, reduce="add"), [0, 10, 2]),
        (lambda: INTS.scatter(0, ONE, value=tg.tensor(9), reduce="add"), [0, 10, 2]),
        (lambda: INTS.index_add(0, ONE, ONE * 3, alpha=2.5), [0, 7, 2]),
        (lambda: INTS.index_add(0, ONE, ONE * 3, alpha=1.0), [0, 4, 2]),
        (lambda: INTS.clone().index_add_(0, ONE, ONE * 3, alpha=2.5), [0, 7, 2]),
        (lambda: BOOLS.index_fill(0, ONE, 0.5), [True, True, False]),
        (lambda: BOOLS.masked_fill(BOOLS, 7), [True, False, False]),
        (lambda: BOOLS.scatter(0, ONE, 7), [True, True, False]),
        (lambda: BOOLS.index_add(0, ONE, ONE.bool(), alpha=2), [True, True, False]),
        (lambda: BOOLS.index_add(0, ONE, ONE.bool(), alpha=0), [True, False, False]),
        (lambda: ROW.masked_fill(BOOLS, 0.5), [0.5, 1.0, 2.0]),
        (lambda: ROW.masked_fill(BOOLS, tg.tensor(0.5).double()), [0.5, 1.0, 2.0]),
        (lambda: ROW.masked_fill(BOOLS, tg.tensor(9)), [9.0, 1.0, 2.0]),
        (lambda: ROW.scatter(0, ONE, True), [0.0, 1.0, 2.0]),
        (lambda: ROW.index_add(0, ONE, tg.ones(1), alpha=0), [0.0, 1.0, 2.0]),
        (lambda: ROW.index_add(0, ONE, tg.ones(1), alpha=2), [0.0, 3.0, 2.0]),
    ],
)
def test_numbers_take_the_dtype_of_the_input(call: Callable[[], tg.Tensor], values: Any) -> None:
    y = call()
    assert y.tolist() == values
    assert y.dtype == {bool: tg.bool, int: tg.int64, float: tg.float32}[type(values[0])]


# --- refusals ---


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: ROW.gather(0, [0]), DtypeError, "gather: index must be .*, not list; use"),
        (lambda: ROW.scatter(0, [0], 1.0), TypeError, "scatter: index must be a Tensor"),
        (lambda: ROW.scatter(0, [0], value=tg.tensor(1.0)), TypeError, "index must be a Tensor"),
        (lambda: ROW.scatter(0, [0], 1.0, reduce="add"), TypeError, "index must be a Tensor"),
        (lambda: ROW.scatter(0, ONE, value=ROW), TypeError, r"number, and is .* shape \(3,\)"),
        (
            lambda: ROW.scatter(0, ONE, value=tg.ones(()).requires_grad_()),
            TypeError,
            "or with a gradient, as src",
        ),
        (lambda: ROW.gather(0, ONE[None]), ShapeError, r"gather: index of shape \(1, 1\) must"),
        (lambda: tg.ones(1, 1).gather(0, ONE * 0), ShapeError, r"gather: index of shape \(1,\)"),
        (lambda: ROW.sum().gather(0, ONE), PlaceError, "index 1 is out of bounds .* with size 1"),
        (lambda: ROW.sum().scatter(0, ONE, 1.0), PlaceError, "scatter: index 1 is out of bounds"),
        (lambda: ROW.sum().scatter(0, TWO_ZEROS, tg.ones(1)), ShapeError, r"src of shape \(1,\)"),
        (lambda: ROW.scatter(0, TWO_ZEROS, ROW.sum()), ShapeError, r"src of .* none larger$"),
        (
            lambda: tg.ones(1, 2).scatter(1, tg.tensor([[0, 1], [0, 1]]), 1.0),
            ShapeError,
            "input of shape .* none larger beside dimension 1$",
        ),
        (lambda: ROW.scatter(0, ZERO, tg.zeros(0)), ShapeError, r"src of shape \(0,\)"),
        (lambda: ROW.scatter_add(0, ONE, tg.ones(1).double()), DtypeError, "source is float64"),
        (lambda: ROW.index_add(0, ONE, tg.ones(1).double()), DtypeError, "source is float64"),
        (lambda: ROW.index_add(0, ONE - 2, tg.ones(1)), PlaceError, "index_add: index -1"),
        (lambda: ROW.index_add(0, ONE, tg.tensor(1.0)), ShapeError, r"it must have \(1,\)"),
        (lambda: ROW.sum().index_add(0, ONE - 1, tg.ones(1)), ShapeError, r"it must have \(\)"),
        (lambda: ROW.index_select(0, ONE - 2), PlaceError, "index_select: index -1 is out"),
        (lambda: ROW.index_select(0, [1]), DtypeError, "index_select: index must .*, not list"),
        (lambda: ROW.masked_fill([True], 1.0), DtypeError, "mask must be .*, not list; use"),
        (lambda: ROW.masked_select([True]), DtypeError, "mask must be .*, not list; use"),
    ],
)
def test_refusals(call: Callable[[], Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        call()
