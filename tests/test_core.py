"""The protocol of ops: what one may leave undeclared, what is kept, and what else is registered."""

from __future__ import annotations

import gc
import weakref
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

import tinygrad_np as tg
from tinygrad_np import core
from tinygrad_np.core import Meta, Op, apply, wrap
from tinygrad_np.errors import GraphError, ShapeError
from tinygrad_np.recorder import IN_RULE, recording

if TYPE_CHECKING:
    from collections.abc import Callable

equal = np.testing.assert_array_equal


class Given(Op):
    """An op that declares nothing but its forward, and whose rule gives `g` to each operand."""

    __slots__ = ("compute",)

    def __init__(self, compute: Callable[..., Any]) -> None:
        self.compute = compute

    def forward(self, *args: Any) -> Any:
        return self.compute(*args)

    def vjp(self, g: Any, *args: Any) -> Any:
        return tuple(lambda: g for _ in args[:-1])


def leaf(*values: float) -> tg.Tensor:
    return tg.tensor(values, requires_grad=True)


# --- an op that declares nothing -----------------------------------------------------------------


def test_an_op_that_declares_nothing_takes_arrays_of_any_dtype_as_they_are() -> None:
    def dtypes(*arrays: Any) -> Any:
        seen.append([a.dtype.name for a in arrays])
        return arrays[0].copy()

    seen: list[Any] = []
    flags, whole = tg.tensor([True, False]), tg.tensor([1, 2])
    assert apply(Given(dtypes), flags, whole).dtype == tg.bool
    assert apply(Given(dtypes), whole).dtype == tg.int64
    assert seen == [["bool", "int64"], ["int64"]]


def test_an_op_that_only_promotes_leaves_whole_numbers_whole() -> None:
    class Promoting(Given):
        promotes = slice(None)

    assert apply(Promoting(np.add), tg.tensor([1, 2]), 3).dtype == tg.int64


@pytest.mark.parametrize("dtype", [tg.float32, tg.float64])
@pytest.mark.parametrize("numbers", [(3,), (3, 0.5), (0.5, 3)])
@pytest.mark.parametrize("tensors", [1, 2])
def test_numbers_beside_floats_of_one_dtype_stay_as_they_were_written(
    tensors: int, numbers: tuple[float, ...], dtype: Any
) -> None:
    """As pictures of the graph show them: `b = 3`, and not 3.0."""

    class Promoting(Given):
        promotes = slice(None)

    def note(*operands: Any) -> Any:
        seen.append([type(x) for x in operands])
        return np.sum(operands[0])

    seen: list[Any] = []
    apply(Promoting(note), *[tg.ones(2, dtype=dtype)] * tensors, *numbers)
    assert seen == [[np.ndarray] * tensors + [type(x) for x in numbers]]


def test_an_op_that_declares_nothing_does_not_broadcast() -> None:
    x, y = leaf(1.0, 2.0), leaf(3.0)
    message = r"gave a gradient of shape \(2,\) for an operand of shape \(1,\)"
    with pytest.raises(GraphError, match=message):
        apply(Given(np.add), x, y).sum().backward()


def test_what_an_op_refuses_in_its_own_words_stays_so() -> None:
    def refuse(_: Any) -> Any:
        raise ValueError("needs an even number of rows")

    with pytest.raises(ValueError, match=r"^needs an even number of rows$"):
        apply(Given(refuse), tg.tensor([1.0]))


def test_a_shape_that_an_op_refuses_in_its_own_words_stays_so_where_it_broadcasts() -> None:
    class Picky(Given):
        broadcasts = True

    def refuse(*_: Any) -> Any:
        raise ShapeError("needs an even number of rows")

    with pytest.raises(ShapeError, match=r"^needs an even number of rows$"):
        apply(Picky(refuse), tg.tensor([1.0]), tg.tensor([1.0]))


def test_an_op_of_numbers_alone_is_refused() -> None:
    with pytest.raises(TypeError, match="operand 0 must be a Tensor"):
        apply(Given(np.add), 1.0, 2.0)


def test_an_op_without_derivative_is_not_recorded() -> None:
    class Rounded(Given):
        reads = None

    y = apply(Rounded(np.floor), leaf(1.5))
    assert y.node is None
    assert not y.requires_grad


def test_an_op_that_declares_nothing_may_start_with_a_number_and_keeps_nothing() -> None:
    x = leaf(1.0, 2.0)
    y = apply(Given(np.add), 5.0, x)
    assert y.node.kept is None
    equal(y.detach().numpy(), [6, 7])
    y.backward(tg.tensor([1.0, 10.0]))
    equal(x.grad.numpy(), [1, 10])


# --- results -------------------------------------------------------------------------------------


@pytest.mark.parametrize("make", [np.float32, np.float32([1.0, 2.0]).sum, lambda: np.float64(3)])
def test_a_number_of_numpys_becomes_an_array(make: Callable[..., Any]) -> None:
    for value in (wrap(make()), apply(Given(lambda _: make()), tg.tensor([1.0]))):
        assert type(value.array) is np.ndarray
        assert value.shape == ()
        assert value.dtype == make().dtype


def test_an_array_is_wrapped_without_a_copy() -> None:
    array = np.zeros(3)
    value = wrap(array)
    assert value.array is array
    assert value._version == 0
    assert apply(Given(lambda _: array), tg.tensor([1.0])).array is array


class Kept(Given):
    """A square beside whose result its slope is kept."""

    __slots__ = ()
    keeps = True


def test_in_a_rule_the_result_comes_without_what_its_op_keeps() -> None:
    with recording(IN_RULE):
        y = apply(Kept(lambda x: (x * x, 2 * x)), np.array([3.0, 4.0]))
    equal(y, [9, 16])


# --- what is kept --------------------------------------------------------------------------------


class Product(Op):
    """A product that may leave undeclared what its rule reads."""

    __slots__ = ("reads",)

    def __init__(self, *reads: tuple[int, ...]) -> None:
        self.reads = reads

    def forward(self, a: Any, b: Any) -> Any:
        return a * b

    def vjp(self, g: Any, a: Any, b: Any, _: Any) -> Any:
        return (lambda: apply(Product(), g, b), lambda: apply(Product(), g, a))


@pytest.mark.parametrize("tracked", [False, True])
def test_a_rule_cannot_read_what_its_op_does_not_declare(tracked: bool) -> None:
    x, w = leaf(1.0, 2.0), tg.tensor([3.0, 4.0], requires_grad=tracked)
    with pytest.raises(TypeError, match="Product in a derivative was given an operand of which"):
        apply(Product(), x, w).sum().backward()


def test_an_operand_that_no_gradient_reads_is_not_kept_alive() -> None:
    x, w = leaf(1.0, 2.0), tg.tensor([3.0, 4.0])
    array = weakref.ref(w.array)
    y = apply(Product(), x, w)
    del w
    gc.collect()
    assert array() is None
    assert isinstance(y.node.saved[1], Meta)
    assert (y.node.saved[1].shape, y.node.saved[1].dtype) == ((2,), tg.float32)


def test_a_number_beside_a_tensor_is_kept_as_it_is() -> None:
    x = leaf(1.0, 2.0)
    apply(Product((1,)), x, 3.0).backward(tg.tensor([1.0, 10.0]))
    equal(x.grad.numpy(), [3, 30])


@pytest.mark.parametrize("reads", [((1,),), ((1,), ())])
def test_what_only_an_unwanted_gradient_reads_is_neither_kept_nor_watched(reads: Any) -> None:
    """Here the gradient of the first operand, a constant, would read the second."""

    class First(Given):
        __slots__ = ("reads",)

    op = First(lambda _, b: b.copy())
    op.reads = reads
    x = leaf(1.0, 2.0)
    h = x * 1
    y = apply(op, tg.tensor([3.0, 4.0]), h)
    assert not y.node.cells
    assert not any(part is h.array for part in y.node.saved)
    h.mul_(5)
    y.backward(tg.tensor([1.0, 10.0]))
    equal(x.grad.numpy(), [1, 10])


def test_what_several_gradients_read_is_saved_once() -> None:
    x, y = leaf(1.0, 2.0), leaf(3.0, 4.0)
    node = apply(Product((1, 0), (0, 1)), x, y).node
    assert [cell for cell, _ in node.cells] == [y.cell, x.cell]
    assert list(core.read_positions(node.op, node.parents)) == [1, 0]


# --- what retains a gradient ---------------------------------------------------------------------


def test_a_result_that_retained_its_gradient_is_no_leaf() -> None:
    x = leaf(1.0, 2.0)
    y = x * 2
    y.retain_grad()
    y.sum().backward()
    assert not y.is_leaf
    (y * 3).sum().backward()
    equal(x.grad.numpy(), [2 + 6, 2 + 6])


# --- what modules above put in -------------------------------------------------------------------


def test_results_have_the_class_that_was_registered(monkeypatch: pytest.MonkeyPatch) -> None:
    class Other(core.Value):
        __slots__ = ()

    monkeypatch.setattr(core, "result_class", [core.Value])
    core.register_result_class(Other)
    assert core.result_class == [Other]
    assert type(wrap(1.0)) is Other
    assert type(apply(Given(np.copy), tg.tensor([1.0]))) is Other


def test_operands_that_differ_go_to_what_was_registered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(core, "_promote", [])
    core.register_promotion(lambda _, operands: [tg.tensor([7.0])] if len(operands) > 1 else None)
    assert apply(Given(np.copy), tg.tensor([1.0]), tg.tensor([1])).item() == 7.0


def test_views_go_to_what_was_registered(monkeypatch: pytest.MonkeyPatch) -> None:
    class Turned(Given):
        views = True

    tied: list[Any] = []
    monkeypatch.setattr(core, "_alias", [])
    core.register_views(lambda _, source, out: tied.append((source, out)))
    x = tg.tensor([1.0, 2.0])
    y = apply(Turned(lambda a: a[::-1]), x)
    assert [(a is x, b is y) for a, b in tied] == [(True, True)]
