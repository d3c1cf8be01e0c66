"""The backward pass: freeing, accumulating, higher orders, writes in place, and what is refused."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from helpers import tensors, weights

import tinygrad_np as tg
from tinygrad_np import engine, pair
from tinygrad_np.core import Op, apply
from tinygrad_np.errors import DtypeError, GraphError, ShapeError
from tinygrad_np.ops.elementwise import to_dtype

if TYPE_CHECKING:
    from collections.abc import Callable

equal = np.testing.assert_array_equal


def leaf(*values: float) -> tg.Tensor:
    return tg.tensor(values, requires_grad=True)


class Counted(Op):
    """Product of two operands that counts how often each gradient is computed."""

    __slots__ = ("calls",)
    reads = ((1,), (0,))

    def __init__(self) -> None:
        self.calls = [0, 0]

    def forward(self, a: Any, b: Any) -> Any:
        return a * b

    def vjp(self, g: Any, a: Any, b: Any, _: Any) -> Any:
        def gradient(i: int, other: Any) -> Any:
            self.calls[i] += 1
            return g * other

        return (lambda: gradient(0, b), lambda: gradient(1, a))


# --- freeing -------------------------------------------------------------------------------------


def test_a_second_backward_names_retain_graph() -> None:
    x = leaf(1.0, 2.0)
    y = x * x
    y.backward(tg.tensor([1.0, 3.0]))
    with pytest.raises(GraphError, match=r"freed: Mul .*retain_graph=True"):
        y.backward(tg.tensor([1.0, 3.0]))


def test_retain_graph_accumulates_twice() -> None:
    x = leaf(1.0, 2.0)
    y = x * x
    y.backward(tg.tensor([1.0, 3.0]), retain_graph=True)
    y.backward(tg.tensor([1.0, 3.0]))
    equal(x.grad.numpy(), [4.0, 24.0])


def test_create_graph_retains_by_default() -> None:
    x = leaf(1.0, 2.0)
    y = x * x
    tg.autograd.grad(y, x, tg.tensor([1.0, 3.0]), create_graph=True)
    equal(tg.autograd.grad(y, x, tg.tensor([1.0, 3.0]))[0].numpy(), [2.0, 12.0])


def test_a_second_backward_is_legal_where_nothing_was_kept() -> None:
    x = leaf(1.0, 2.0)
    y = (x + 1) * 5
    y.backward(tg.tensor([1.0, 3.0]))
    y.backward(tg.tensor([1.0, 3.0]))
    equal(x.grad.numpy(), [10.0, 30.0])


def test_a_freed_graph_keeps_its_edges() -> None:
    x = leaf(1.0, 2.0)
    y = (x * x).sum()
    y.backward()
    assert y.grad_fn.name() == "SumBackward0"
    assert y.grad_fn.next_functions[0][0].name() == "MulBackward0"


def test_paths_that_were_not_asked_for_are_not_freed() -> None:
    x = leaf(1.0, 2.0)
    h = x * x
    tg.autograd.grad(h.sum() * 3, h)
    h.backward(tg.tensor([1.0, 10.0]))
    equal(x.grad.numpy(), [2.0, 40.0])


# --- accumulation --------------------------------------------------------------------------------


def test_uses_of_a_leaf_add_up() -> None:
    x = leaf(1.0, 2.0)
    (x * 2 + x * x + x).backward(tg.tensor([1.0, 10.0]))
    equal(x.grad.numpy(), [5.0, 70.0])


def test_leaves_accumulate_across_graphs() -> None:
    x = leaf(1.0)
    for _ in range(3):
        (x * 2).backward(tg.tensor([5.0]))
    equal(x.grad.numpy(), [30.0])
    x.grad = None
    (x * 2).backward(tg.tensor([5.0]))
    equal(x.grad.numpy(), [10.0])


def test_accumulating_keeps_the_gradient_object_and_its_memory() -> None:
    x = leaf(1.0)
    (x * 2).backward(tg.tensor([5.0]))
    first, memory = x.grad, x.grad.numpy()
    (x * 2).backward(tg.tensor([5.0]))
    assert x.grad is first
    assert np.shares_memory(x.grad.numpy(), memory)


def test_non_leaves_never_accumulate() -> None:
    x = leaf(1.0, 2.0)
    h = x * 2
    h.backward(tg.tensor([1.0, 3.0]))
    with pytest.warns(UserWarning, match=r"a result and not a leaf.*\.retain_grad\(\)"):
        assert h.grad is None
    assert not h.is_leaf
    assert x.is_leaf


def test_a_leaf_is_its_own_gradient() -> None:
    x = leaf(1.0, 2.0)
    seed = tg.tensor([4.0, 5.0])
    x.backward(seed)
    equal(x.grad.numpy(), [4.0, 5.0])
    assert not np.shares_memory(x.grad.numpy(), seed.numpy())


@pytest.mark.parametrize(
    "expression",
    [
        lambda a, b: a + b,
        lambda a, b: (a + b) + (a - b),
        lambda a, b: a.reshape(2, 1).reshape(2) + b,
        lambda a, b: tg.cat([a, b]).narrow(0, 1, 2),
        lambda a, b: a.T + b[:],
        lambda a, b: a.expand(1, 2).squeeze(0) + b,
        lambda a, b: tg.where(a > 0, a, b),
        lambda a, b: a + b.sum() * 0,
    ],
)
def test_gradients_of_leaves_alias_nothing(
    expression: Callable[[tg.Tensor, tg.Tensor], tg.Tensor],
) -> None:
    a, b = leaf(1.0, 2.0), leaf(3.0, 4.0)
    y = expression(a, b)
    seed = tg.tensor([7.0, 9.0])
    y.backward(seed, retain_graph=True)
    before = a.grad.numpy().copy(), b.grad.numpy().copy()
    a.grad.numpy()[...] = 100.0
    equal(b.grad.numpy(), before[1])
    equal(seed.numpy(), [7.0, 9.0])
    equal(a.detach().numpy(), [1.0, 2.0])
    a.grad = b.grad = None
    y.backward(seed)
    equal(a.grad.numpy(), before[0])
    equal(b.grad.numpy(), before[1])


@pytest.mark.parametrize("swap", [False, True])
def test_a_gradient_that_two_operands_share_is_not_added_to_in_place(swap: bool) -> None:
    """Both operands of a sum get the one array `g`; what comes to one later is not the other's."""
    x = leaf(1.0, 2.0)
    seed = tg.tensor([1.0, 10.0])
    a, b = x * 2, x * 3
    shared, alone = a + b, a * 5
    y = alone + shared if swap else shared + alone
    found = tg.autograd.grad(y, [a, b, x], seed, retain_graph=True)
    for g, expected in zip(found, [[6, 60], [1, 10], [15, 150]], strict=True):
        equal(g.numpy(), expected)
    y.backward(seed)
    equal(x.grad.numpy(), [15, 150])
    equal(seed.numpy(), [1, 10])


@pytest.mark.parametrize("result_first", [False, True])
@pytest.mark.parametrize("turned", [False, True])
@pytest.mark.parametrize("leaves", [1, 2])
def test_a_rule_may_give_one_fresh_array_to_several_operands(
    leaves: int, turned: bool, result_first: bool
) -> None:
    """Leaves that add to theirs in place change no other's, be it the same memory or a view."""

    class Shared(Op):
        def forward(self, *operands: Any) -> Any:
            return sum(operands)

        def vjp(self, g: Any, *operands: Any) -> Any:
            double = g * 2
            seen = double[::-1][::-1] if turned else double
            return tuple(
                partial(lambda x: x, seen if i == place else double)
                for i in range(len(operands) - 1)
            )

    a, b, w = leaf(1.0, 2.0), leaf(3.0, 4.0), leaf(5.0, 6.0)
    c = w * 1
    later = a * c  # its rule adds to the gradient of a before it adds to that of c
    operands = [a, b][:leaves]
    place = 0 if result_first else leaves
    operands.insert(place, c)
    (later + apply(Shared(), *operands)).backward(tg.tensor([1.0, 10.0]))
    equal(a.grad.numpy(), [5 + 2, 60 + 20])
    equal(w.grad.numpy(), [1 + 2, 20 + 20])
    if leaves == 2:
        equal(b.grad.numpy(), [2, 20])


class Keeping(Op):
    """A square that keeps its slope, and remembers what its rule was given of it."""

    __slots__ = ("given", "reads")
    keeps = True

    def __init__(self, reads: Any) -> None:
        self.reads = reads
        self.given: list[Any] = []

    def forward(self, x: Any) -> Any:
        return x * x, 2 * x

    def vjp(self, g: Any, x: Any, _: Any, slope: Any) -> Any:
        self.given.append(slope)
        return (lambda: g * (2 * x if slope is None else slope),)


def test_what_an_op_keeps_is_for_rules_on_arrays() -> None:
    x, op = leaf(1.0, 2.0), Keeping(((0,),))
    for create_graph in (False, True):
        (g,) = tg.autograd.grad(apply(op, x), x, weights((2,)), create_graph=create_graph)
        np.testing.assert_allclose(g.detach().numpy(), weights((2,)).numpy() * [2, 4])
    equal(op.given[0], [2, 4])
    assert op.given[1] is None


class GivesSaved(Op):
    """An op whose rule hands out what was saved for it."""

    reads = ((0,),)

    def forward(self, x: Any) -> Any:
        return x * x

    def vjp(self, _: Any, x: Any, __: Any) -> Any:
        return (lambda: x,)


class GivesKept(Keeping):
    """An op whose rule hands out what the op kept."""

    __slots__ = ()

    def vjp(self, _: Any, __: Any, ___: Any, slope: Any) -> Any:
        return (lambda: slope,)


@pytest.mark.parametrize(("op", "slope"), [(GivesSaved(), [1, 2]), (GivesKept(()), [2, 4])])
def test_a_leaf_never_adds_into_what_a_node_holds(op: Op, slope: list[float]) -> None:
    x = leaf(1.0, 2.0)
    y = apply(op, x).sum()
    for times in (1, 2, 3):
        y.backward(retain_graph=True)
        equal(x.grad.numpy(), np.multiply(times, slope))
    equal(x.detach().numpy(), [1, 2])


def test_what_an_op_keeps_is_freed() -> None:
    x = leaf(1.0, 2.0)
    y = apply(Keeping(()), x)
    y.backward(tg.tensor([1.0, 10.0]))
    assert y.node.kept is None
    with pytest.raises(GraphError, match=r"freed: Keeping"):
        y.backward(tg.tensor([1.0, 10.0]))


class Giving(Counted):
    """A product whose rule remembers the gradients that it gave."""

    __slots__ = ("given",)

    def __init__(self) -> None:
        super().__init__()
        self.given: list[Any] = []

    def vjp(self, g: Any, _: Any, b: Any, __: Any) -> Any:
        def gradient() -> Any:
            self.given.append(self.like(g * b))
            return self.given[-1]

        return (gradient, None)

    @staticmethod
    def like(gradient: Any) -> Any:
        return gradient


def test_a_fresh_gradient_reaches_its_leaf_without_a_copy() -> None:
    """And further ones are added to it in place."""
    x, w, seed = leaf(1.0, 2.0), tg.tensor([3.0, 4.0]), tg.tensor([1.0, 10.0])
    op = Giving()
    (g,) = tg.autograd.grad(apply(op, x, w), x, seed)
    assert g.array is op.given[0]
    (apply(op, x, w) + apply(op, x, w) + apply(op, x, w)).backward(seed)
    assert x.grad.array is op.given[1]
    equal(x.grad.numpy(), [9, 120])


@pytest.mark.parametrize("make", [lambda w: w, lambda w: w * 1], ids=["leaf", "result"])
def test_an_operand_for_which_a_rule_has_no_gradient_gets_none(
    make: Callable[[tg.Tensor], tg.Tensor],
) -> None:
    x, w = leaf(1.0, 2.0), leaf(3.0, 4.0)
    apply(Giving(), x, make(w)).backward(tg.tensor([1.0, 10.0]))
    equal(x.grad.numpy(), [3, 40])
    assert w.grad is None


def test_gradients_of_a_result_are_added_up_in_one_array() -> None:
    """The second makes it, further ones are added in place."""
    done: list[str] = []

    class Noting(np.ndarray[Any, Any]):
        def __add__(self, other: Any) -> Any:
            done.append("+")
            return super().__add__(other)

        def __iadd__(self, other: Any) -> Any:
            done.append("+=")
            return super().__iadd__(other)

    class Noted(Giving):
        @staticmethod
        def like(gradient: Any) -> Any:
            return gradient.view(Noting)

    x, w = leaf(1.0, 2.0), tg.tensor([3.0, 4.0])
    h = x * 1
    sum(apply(Noted(), h, w) for _ in range(4)).backward(tg.tensor([1.0, 10.0]))
    assert done == ["+", "+=", "+="]
    equal(x.grad.numpy(), [12, 160])


def test_two_tracked_tensors_are_recorded_the_short_way(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leaves, results and views alike; what is not that pair goes the general way."""
    for make in (lambda x: x, lambda x: x * 1, lambda x: (x * 1)[:], lambda x: x[:]):
        for swap in (False, True):
            x, w = leaf(1.0, 2.0), leaf(3.0, 4.0)
            with monkeypatch.context() as patch:
                operands = (w, make(x)) if swap else (make(x), w)
                patch.setattr(pair, "apply", None)
                y = tg.mul(*operands)
            y.backward(tg.tensor([1.0, 10.0]))
            equal(x.grad.numpy(), [3, 40])
            equal(w.grad.numpy(), [1, 20])


def test_a_product_of_two_single_numbers_is_an_array() -> None:
    """NumPy gives a scalar, which has no memory to write to."""
    x, w = tg.tensor(2.0, requires_grad=True), tg.tensor(3.0, requires_grad=True)
    y = x * w
    assert type(y.array) is np.ndarray
    y.add_(1)
    y.backward()
    assert (y.item(), x.grad.item(), w.grad.item()) == (7, 3, 2)


@pytest.mark.parametrize("swap", [False, True])
def test_two_tracked_tensors_follow_the_rules_of_promotion(swap: bool) -> None:
    """A single number of a wider type widens nothing, as in PyTorch; NumPy would."""
    x, s = leaf(1.0, 2.0), tg.tensor(3.0, dtype=tg.float64, requires_grad=True)
    y = s * x if swap else x * s
    assert y.dtype == tg.float32
    y.backward(tg.tensor([1.0, 10.0]))
    assert (x.grad.dtype, s.grad.dtype) == (tg.float32, tg.float64)
    equal(x.grad.numpy(), [3, 30])
    equal(s.grad.numpy(), 21)


def test_two_tracked_tensors_that_do_not_fit_are_named_in_order() -> None:
    with pytest.raises(ShapeError, match=r"\(2,\).*\(3,\)"):
        leaf(1.0, 2.0) - leaf(1.0, 2.0, 3.0)


def test_writes_into_a_product_of_two_are_counted_from_none() -> None:
    h = leaf(1.0, 2.0) * leaf(3.0, 4.0)
    y = h * h
    h.add_(1)
    with pytest.raises(GraphError, match="version 1, and was at version 0"):
        y.backward(tg.ones(2))


def test_gradients_with_a_history_are_never_added_in_place(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any) -> Any:
        raise AssertionError

    x = leaf(1.0, 2.0)
    h = x * 1
    y = h * h + h * h
    monkeypatch.setattr(tg.Tensor, "__iadd__", refuse)
    for g in tg.autograd.grad(y, [x, h], tg.tensor([1.0, 10.0]), create_graph=True):
        equal(g.detach().numpy(), [4, 80])


def test_a_gradient_summed_to_its_operand_is_not_cast_as_well() -> None:
    x, w = leaf(1.0, 2.0), tg.ones(3, 2, requires_grad=True)
    (g,) = tg.autograd.grad(x * w, x, weights((3, 2), np.float32), create_graph=True)
    assert "Copy" not in g.grad_fn.name()


@pytest.mark.parametrize(
    ("create_graph", "result"), [(False, False), (False, True), (True, False), (True, True)]
)
def test_a_rule_cannot_read_what_it_did_not_declare(create_graph: bool, result: bool) -> None:
    class Undeclared(Counted):
        reads = ()

    x = leaf(1.0, 2.0)
    a = x * 1 if result else x
    with pytest.raises(TypeError, match="operand"):
        tg.autograd.grad(apply(Undeclared(), a, a), x, tg.ones(2), create_graph=create_graph)


def test_a_gradient_that_fits_is_not_looked_at_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "_fit", None)
    x = leaf(1.0, 2.0)
    (x * x).backward(tg.tensor([1.0, 10.0]))
    equal(x.grad.numpy(), [2, 40])


@pytest.mark.parametrize("create_graph", [False, True])
def test_gradients_that_nobody_wanted_are_let_go(create_graph: bool) -> None:
    x = leaf(1.0, 2.0)
    h = x * x
    y = h * 3
    roots = [(y.vertex, tg.tensor([1.0, 10.0]))]
    found = engine.run_backward(
        roots, retain_graph=True, create_graph=create_graph, wanted=[h.node]
    )
    assert list(found) == [h.node]
    found = engine.run_backward(roots, retain_graph=True, create_graph=create_graph)
    assert found == {}


@pytest.mark.parametrize("create_graph", [False, True])
def test_a_rule_may_answer_in_another_dtype(create_graph: bool) -> None:
    class Wide(Counted):
        def vjp(self, g: Any, a: Any, b: Any, _: Any) -> Any:
            return tuple(lambda x=x: to_dtype(g * x, np.dtype(np.float64)) for x in (b, a))

    x = leaf(1.0, 2.0)
    h = x * 1
    y = apply(Wide(), h, x)
    for g in tg.autograd.grad(y, [x, h], weights((2,)), create_graph=create_graph):
        assert g.dtype == np.float32
    apply(Wide(), x, x).backward(weights((2,)), create_graph=create_graph)
    assert x.grad.dtype == np.float32


def test_a_gradient_is_cast_to_the_dtype_of_its_operand() -> None:
    w = leaf(1.0, 2.0)
    x = tg.tensor([3.0, 4.0], dtype=tg.float64)
    y = w * x
    assert y.dtype == np.float64
    y.backward(tg.tensor([1.0, 2.0], dtype=tg.float64))
    assert w.grad.dtype == np.float32
    equal(w.grad.numpy(), [3.0, 8.0])
    (g,) = tg.autograd.grad(w * x, w, weights((2,)), create_graph=True)
    assert g.dtype == np.float32


def test_a_gradient_argument_is_cast_to_the_dtype_of_the_output() -> None:
    x = leaf(1.0, 2.0)
    (x * x).backward(tg.tensor([1, 2]))
    equal(x.grad.numpy(), [2.0, 8.0])
    seed = tg.tensor([1.0, 2.0], dtype=tg.float64, requires_grad=True)
    (g,) = tg.autograd.grad(x * x, x, seed, create_graph=True)
    (again,) = tg.autograd.grad(g, seed, tg.tensor([1.0, 10.0]))
    assert again.dtype == np.float64
    equal(again.numpy(), [2.0, 40.0])


# --- grad, inputs, allow_unused ------------------------------------------------------------------


def test_grad_leaves_grad_alone() -> None:
    x = leaf(1.0, 2.0)
    (g,) = tg.autograd.grad(x * x, x, tg.tensor([1.0, 3.0]))
    equal(g.numpy(), [2.0, 12.0])
    assert x.grad is None
    assert not g.requires_grad


def test_grad_of_several_outputs_is_that_of_their_sum() -> None:
    x = leaf(1.0, 2.0)
    outputs = [x * x, (x * 3).sum()]
    (g,) = tg.autograd.grad(outputs, x, [tg.tensor([1.0, 10.0]), None], retain_graph=True)
    equal(g.numpy(), [5.0, 43.0])
    (g,) = tg.autograd.grad([outputs[0]] * 2, x, [tg.tensor([1.0, 10.0]), tg.tensor([5.0, 7.0])])
    equal(g.numpy(), [12.0, 68.0])


def test_grad_of_an_output_and_of_its_own_ancestor() -> None:
    x = leaf(2.0)
    h = x * x
    z = h * h
    (g,) = tg.autograd.grad([z, h], x, [tg.tensor([1.0]), tg.tensor([10.0])])
    equal(g.numpy(), [4 * 8 + 10 * 4.0])


def test_grad_with_respect_to_results_and_the_output_itself() -> None:
    x = leaf(1.0, 2.0)
    h = x * x
    y = h * 3
    found = tg.autograd.grad(y, [y, h, x, h], tg.tensor([1.0, 10.0]))
    for g, expected in zip(found, [[1, 10], [3, 30], [6, 120], [3, 30]], strict=True):
        equal(g.numpy(), expected)


def test_allow_unused() -> None:
    x, other = leaf(1.0), leaf(1.0)
    y = x * 2
    with pytest.raises(GraphError, match=r"no output depends on input 1 .*allow_unused=True"):
        tg.autograd.grad(y, [x, other])
    g, none = tg.autograd.grad(y, [x, other], allow_unused=True)
    equal(g.numpy(), [2.0])
    assert none is None


def test_grad_needs_inputs_that_require_grad() -> None:
    x = leaf(1.0)
    with pytest.raises(GraphError, match=r"input 0 \(shape \(2,\)\) does not require grad"):
        tg.autograd.grad(x * 2, tg.ones(2))


def test_grad_counts_its_arguments() -> None:
    x = leaf(1.0)
    with pytest.raises(ShapeError, match="1 outputs and 2 grad_outputs"):
        tg.autograd.grad(x * 2, x, [None, None])


def test_backward_of_several_tensors() -> None:
    x = leaf(1.0, 2.0)
    tg.autograd.backward([x * x, x.sum()], [tg.tensor([1.0, 10.0]), tg.tensor(5.0)])
    equal(x.grad.numpy(), [7.0, 45.0])


def test_inputs_of_backward_alone_accumulate() -> None:
    a, b = leaf(1.0), leaf(2.0)
    (a * b).backward(tg.tensor([3.0]), inputs=[a])
    equal(a.grad.numpy(), [6.0])
    assert b.grad is None
    tg.autograd.backward(a * b, tg.tensor([3.0]), inputs=b)
    equal(b.grad.numpy(), [3.0])


def test_inputs_of_backward_may_be_results() -> None:
    a = leaf(1.0, 2.0)
    h = a * 2
    (h * h).backward(tg.tensor([1.0, 10.0]), inputs=[h, h], retain_graph=True)
    equal(h.grad.numpy(), [4.0, 80.0])
    assert a.grad is None
    (h * h).backward(tg.tensor([1.0, 10.0]), inputs=h, create_graph=True)
    equal(h.grad.detach().numpy(), [8.0, 160.0])
    assert h.grad.requires_grad


def test_inputs_of_backward_must_require_grad() -> None:
    a = leaf(1.0)
    with pytest.raises(GraphError, match="input 1: this tensor does not require grad"):
        (a * 3).backward(inputs=[a, tg.ones(1)])
    with pytest.raises(GraphError, match="inputs= is empty"):
        (a * 3).backward(inputs=[])
    assert a.grad is None


def test_only_wanted_gradients_are_computed() -> None:
    a, b = leaf(1.0, 2.0), leaf(3.0, 4.0)
    seed = tg.tensor([1.0, 5.0])
    op = Counted()
    apply(op, a, b.detach()).backward(seed)
    assert op.calls == [1, 0]
    tg.autograd.grad(apply(op, a, b), b, seed)
    assert op.calls == [1, 1]
    apply(op, a, b).backward(seed, inputs=a)
    assert op.calls == [2, 1]
    for create_graph in (False, True):
        tg.autograd.grad(apply(op, a * 1, b * 1), b, seed, create_graph=create_graph)
    assert op.calls == [2, 3]


def test_each_rule_runs_once_however_often_its_result_is_used() -> None:
    a, b = leaf(1.0, 2.0), leaf(3.0, 4.0)
    op = Counted()
    h = apply(op, a, b)
    for _ in range(10):
        h = h + h
    h.backward(tg.tensor([1.0, 5.0]))
    assert op.calls == [1, 1]
    equal(a.grad.numpy(), [3.0 * 1024, 20.0 * 1024])


# --- higher order --------------------------------------------------------------------------------


def test_third_order() -> None:
    x = tg.tensor([0.5, 2.0], dtype=tg.float64, requires_grad=True)
    seed = tg.tensor([1.0, 2.0], dtype=tg.float64)
    g = (x**5 * tg.exp(x)).sum()
    for _ in range(3):
        (g,) = tg.autograd.grad((g * seed).sum() if g.ndim else g, x, create_graph=True)
    v, w = x.detach().numpy(), seed.numpy()
    third = np.exp(v) * (v**5 + 15 * v**4 + 60 * v**3 + 60 * v**2)
    np.testing.assert_allclose(g.detach().numpy(), third * w**2, rtol=1e-12)


def test_backward_with_create_graph_gives_a_gradient_with_a_history() -> None:
    x = leaf(1.0, 2.0)
    (x**3).backward(tg.tensor([1.0, 10.0]), create_graph=True)
    equal(x.grad.detach().numpy(), [3.0, 120.0])
    assert x.grad.requires_grad
    (second,) = tg.autograd.grad(x.grad, x, tg.tensor([1.0, 1.0]))
    equal(second.numpy(), [6.0, 120.0])


def test_gradient_penalty() -> None:
    """Backward through a gradient's norm, mixed with an ordinary loss."""
    x, w = tensors([np.array([0.5, -1.0]), np.array([2.0, 3.0])])
    y = (w * x * x).sum()
    (g,) = tg.autograd.grad(y, x, create_graph=True)
    (y + (g * g).sum()).backward()  # y = Σ w·x², |g|² = Σ 4w²x²
    np.testing.assert_allclose(w.grad.numpy(), [0.25 + 8 * 2 * 0.25, 1 + 8 * 3 * 1.0])
    np.testing.assert_allclose(x.grad.numpy(), [2 * 0.5 * 2 + 8 * 4 * 0.5, -6 - 8 * 9 * 1.0])


def test_create_graph_under_no_grad_still_records() -> None:
    x = leaf(3.0)
    y = x * x
    with tg.no_grad():
        (g,) = tg.autograd.grad(y, x, create_graph=True)
    assert g.requires_grad


def test_a_second_derivative_needs_the_data_of_the_forward_pass() -> None:
    x = leaf(3.0)
    y = x * x
    x.data = tg.tensor([4.0])
    with pytest.raises(
        GraphError, match=r"leaf of shape \(1,\) that Mul read was given other data"
    ):
        tg.autograd.grad(y, x, create_graph=True)
    equal(tg.autograd.grad(y, x)[0].numpy(), [6.0])


# --- version cells -------------------------------------------------------------------------------


def test_a_write_gives_the_tensor_a_new_node() -> None:
    x = leaf(1.0, 1.0)
    h = x * 1
    z = h * 2
    h.mul_(3)
    (z + h).sum().backward()
    equal(x.grad.numpy(), [5.0, 5.0])


def test_a_stale_operand_raises_and_names_op_shape_and_versions() -> None:
    x = leaf(1.0, 2.0)
    h = x * 1
    y = h * h
    h.add_(1)
    with pytest.raises(
        GraphError,
        match=r"derivative of Mul \(result of shape \(2,\)\) .*version 1, and was at version 0",
    ):
        y.backward(tg.tensor([1.0, 3.0]))


def test_a_stale_result_raises() -> None:
    x = leaf(1.0, 2.0)
    y = tg.exp(x)
    y.add_(1)
    with pytest.raises(GraphError, match="derivative of Exp"):
        y.backward(tg.tensor([1.0, 3.0]))


@pytest.mark.parametrize("write", ["data", "detach", "view", "no_grad", "setitem"])
def test_every_way_of_writing_is_noticed(write: str) -> None:
    x = leaf(1.0, 2.0)
    y = x * x
    with tg.no_grad():
        if write == "data":
            x.data.mul_(2)
        elif write == "detach":
            x.detach().fill_(1)
        elif write == "view":
            x.reshape(2, 1)[1:].zero_()
        elif write == "setitem":
            x[0] = 9
        else:
            x -= 1
    with pytest.raises(GraphError, match="changed in place"):
        y.backward(tg.tensor([1.0, 3.0]))


def test_an_expanded_view_shares_the_version_cell() -> None:
    b = tg.tensor([[1.0], [2.0]])
    x = tg.ones(2, 2, requires_grad=True)
    y = x * b.expand(2, 2)
    b.zero_()
    with pytest.raises(GraphError, match="changed in place"):
        y.backward(tg.ones(2, 2))


def test_data_and_detach_share_memory_and_assigning_data_swaps_the_array() -> None:
    x = leaf(1.0, 2.0)
    assert not x.data.requires_grad
    assert np.shares_memory(x.data.numpy(), x.detach().numpy())
    y = x * x
    old = x.detach()
    x.data = tg.tensor([5.0, 6.0])
    equal(x.detach().numpy(), [5.0, 6.0])
    y.backward(tg.tensor([1.0, 3.0]))  # the graph holds the old array
    equal(x.grad.numpy(), [2.0, 12.0])
    equal(old.numpy(), [1.0, 2.0])


def test_legal_writes() -> None:
    """What no derivative reads may change: PyTorch allows exactly that."""
    x = leaf(1.0, 2.0)
    seed = tg.tensor([1.0, 10.0])

    y = x * 2  # reads the number 2
    z = y + 1  # reads nothing
    y.mul_(3)
    z.backward(seed)
    equal(x.grad.numpy(), [2.0, 20.0])

    x.grad = None
    w = tg.tensor([[1.0, 0.0], [1.0, 1.0]])
    h = w @ x
    h += x
    h.backward(seed)
    equal(x.grad.numpy(), [12.0, 20.0])

    x.grad = None
    h = x * 2
    h -= 1
    h /= 4
    h.backward(seed)
    equal(x.grad.numpy(), [0.5, 5.0])


def test_a_tracked_value_written_into_an_untracked_tensor() -> None:
    x = leaf(1.0, 2.0)
    total = tg.zeros(2)
    total += x * 3
    total += x
    assert total.requires_grad
    total.backward(tg.tensor([1.0, 10.0]))
    equal(x.grad.numpy(), [4.0, 40.0])


def test_a_write_under_no_grad_keeps_the_history() -> None:
    x = leaf(1.0, 2.0)
    h = x * 2
    with tg.no_grad():
        h.add_(100)
    h.backward(tg.tensor([1.0, 10.0]))
    equal(h.detach().numpy(), [102.0, 104.0])
    equal(x.grad.numpy(), [2.0, 20.0])


def test_a_write_may_read_what_it_overwrites() -> None:
    x, w = leaf(1.0, 2.0), leaf(3.0, 4.0)
    h = x * 1
    h.mul_(w)  # the gradient of w reads what h was: a copy of that is kept
    h.backward(tg.tensor([1.0, 10.0]))
    equal(x.grad.numpy(), [3.0, 40.0])
    equal(w.grad.numpy(), [1.0, 20.0])
    h = x * 1
    h.mul_(h)  # but of one operand only, as in PyTorch
    with pytest.raises(GraphError, match="changed in place"):
        h.backward(tg.tensor([1.0, 10.0]))


def test_an_optimiser_step_makes_the_old_graph_stale() -> None:
    w = leaf(1.0, 2.0)
    loss = (w * w).sum()
    loss.backward(retain_graph=True)
    with tg.no_grad():
        w -= 0.1 * w.grad
    with pytest.raises(GraphError, match="changed in place"):
        loss.backward()


def test_leaves_and_their_views_refuse_recorded_writes() -> None:
    x = leaf(1.0, 2.0)
    for write in (lambda: x.add_(1), x.zero_, lambda: x.__setitem__(0, 1.0)):
        with pytest.raises(GraphError, match="leaf that requires grad cannot be changed in place"):
            write()
    for write in (lambda: x[0].add_(1), lambda: x[:1].fill_(0), lambda: x[:1].__setitem__(0, 1.0)):
        with pytest.raises(GraphError, match="a view of a leaf that requires grad cannot be chan"):
            write()
    equal(x.detach().numpy(), [1.0, 2.0])


# --- what is refused -----------------------------------------------------------------------------


def test_nothing_requires_grad() -> None:
    with pytest.raises(GraphError, match="does not require grad and has no graph"):
        tg.ones(1).backward()
    with tg.no_grad():
        y = leaf(1.0) * 2
    with pytest.raises(GraphError, match=r"outside no_grad\(\)"):
        y.backward()


def test_wrong_initial_gradient() -> None:
    y = leaf(1.0, 2.0) * 2
    with pytest.raises(ShapeError, match=r"only for one element, and this output has shape \(2,\)"):
        y.backward()
    with pytest.raises(ShapeError, match=r"gradient has shape \(3,\), and the output \(2,\)"):
        y.backward(tg.ones(3))
    with pytest.raises(TypeError, match=r"backward: gradient must be a Tensor, not a numpy\."):
        y.backward(np.ones(2))


def test_a_rule_with_a_gradient_of_the_wrong_shape() -> None:
    class Wrong(Counted):
        def vjp(self, g: Any, *_: Any) -> Any:
            return (g.sum, g.sum)

    x = leaf(1.0, 2.0)
    with pytest.raises(GraphError, match=r"Wrong gave a gradient of shape \(\) for an operand of"):
        apply(Wrong(), x, x).backward(tg.tensor([1.0, 3.0]))


def test_a_rule_with_too_few_gradients() -> None:
    class Short(Counted):
        def vjp(self, g: Any, *_: Any) -> Any:
            return (lambda: g,)

    x = leaf(1.0, 2.0)
    with pytest.raises(GraphError, match="Short gave 1 thunks for 2 operands"):
        apply(Short(), x, x).backward(tg.tensor([1.0, 3.0]))


def test_an_op_without_derivative_says_so() -> None:
    class Plain(Op):
        def forward(self, x: Any) -> Any:
            return x * 1.0

    with pytest.raises(NotImplementedError, match="Plain has no derivative"):
        apply(Plain(), leaf(1.0)).backward(tg.tensor([2.0]))


def test_a_failed_backward_leaves_the_modes_as_they_were() -> None:
    x = leaf(1.0, 2.0)
    y = x * x
    with tg.no_grad():
        x.zero_()
    with pytest.raises(GraphError):
        y.backward(tg.ones(2))
    assert (x * 2).requires_grad
    with pytest.raises(TypeError):  # a bare array is an operand inside a rule only
        tg.mul(x, np.ones(2))


def test_backward_gives_no_floating_point_warnings() -> None:
    x = leaf(0.0, 4.0)
    y = tg.sqrt(x)
    with np.errstate(all="raise"):
        y.backward(tg.tensor([1.0, 3.0]))
    equal(x.grad.numpy(), [np.inf, 0.75])


def test_in_place_writes_refuse_what_does_not_fit() -> None:
    with pytest.raises(ShapeError, match=r"result of shape \(3, 2\) does not fit .* shape \(2,\)"):
        tg.ones(2).add_(tg.ones(3, 2))
    with pytest.raises(DtypeError, match="float32 cannot be stored as int64"):
        tg.tensor([1, 2]).div_(2)
    with pytest.raises(ShapeError, match=r"shape \(3,\) cannot be written into shape \(2,\)"):
        tg.ones(2).copy_(tg.ones(3))


def test_an_ordinary_backward_adds_to_a_gradient_that_has_a_history() -> None:
    w = leaf(1.0, 2.0)
    (w**3).sum().backward(create_graph=True)
    (w.grad * tg.tensor([1.0, 0.5])).sum().backward()  # a penalty on the gradient: 6·w·c more
    np.testing.assert_allclose(w.grad.detach().numpy(), [3 + 6, 12 + 6])


def test_an_index_means_what_it_was_when_it_was_used() -> None:
    x, i = leaf(1.0, 2.0, 3.0), tg.tensor([0, 1])
    y = (x * x)[i]
    i[0] = 2
    (y * tg.tensor([1.0, 10.0])).sum().backward()
    np.testing.assert_allclose(x.grad.numpy(), [2.0, 40.0, 0.0])


def test_gradients_of_results_share_no_memory() -> None:
    a, b = leaf(1.0, 2.0) * 1, leaf(3.0, 4.0) * 1
    ga, gb = tg.autograd.grad((a + b) * tg.tensor([2.0, 3.0]), [a, b], tg.tensor([1.0, 5.0]))
    ga.mul_(10)
    np.testing.assert_allclose(gb.numpy(), [2.0, 15.0])


def test_a_gradient_repeated_without_a_copy_can_be_written_by_its_owner() -> None:
    h = leaf(1.0, 2.0) * 1
    (g,) = tg.autograd.grad(h.sum() * 3, h)
    np.testing.assert_allclose(g.mul_(2).numpy(), [6.0, 6.0])


def test_in_place_keeps_one_copy_of_a_result_that_its_derivative_reads() -> None:
    h = leaf(-1.0, 2.0) * 1
    h.relu_()
    assert h.node is not None
    assert h.node.saved is not None
    assert h.node.saved[-1] is h.array
    h.mul_(2)
    with pytest.raises(GraphError, match="changed in place"):
        h.backward(tg.tensor([1.0, 2.0]))
