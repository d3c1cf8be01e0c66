"""Function: operations of the user's own, with a derivative of their own."""

from __future__ import annotations

import gc
import weakref
from typing import Any

import numpy as np
import pytest
from helpers import TIGHT

import tinygrad_np as tg
from tinygrad_np.autograd import Function, gradcheck, gradgradcheck
from tinygrad_np.autograd.function import once_differentiable
from tinygrad_np.errors import AnomalyError, GradcheckError, GraphError

equal = np.testing.assert_array_equal


def leaf(*values: float) -> tg.Tensor:
    return tg.tensor(values, requires_grad=True)


def made(forward: Any, backward: Any) -> type[Function]:
    """A Function of two plain functions."""
    parts = {"forward": staticmethod(forward), "backward": staticmethod(backward)}
    return type("Made", (Function,), parts)


class Product(Function):
    """Product and sum of two tensors, times a number."""

    @staticmethod
    def forward(ctx: Any, a: Any, b: Any, factor: float = 1.0) -> Any:
        ctx.save_for_backward(a, None, b)
        ctx.factor = factor
        return a * b * factor, a + b

    @staticmethod
    def backward(ctx: Any, g: Any, h: Any) -> Any:
        a, none, b = ctx.saved_tensors
        assert none is None
        return g * b * ctx.factor + h, g * a * ctx.factor + h, None


class Exponential(Function):
    """Reads its own result."""

    @staticmethod
    def forward(ctx: Any, x: Any) -> Any:
        y = x.exp()
        ctx.save_for_backward(y)
        return y

    @staticmethod
    def backward(ctx: Any, g: Any) -> Any:
        (y,) = ctx.saved_tensors
        return g * y


def double(*values: float) -> tg.Tensor:
    return tg.tensor(values, dtype=tg.float64, requires_grad=True)


def test_several_inputs_and_outputs_to_the_second_order() -> None:
    a, b = double(0.5, -1.0), double(2.0, 3.0)
    for f in (
        lambda a, b: Product.apply(a, b, 2.5),
        lambda a, b: Product.apply(a, b)[0],
        lambda a, b: Product.apply(a, b)[1] * a,
        lambda a, b: Product.apply(*Product.apply(a, b)),
        lambda a, _: Exponential.apply(a),
        lambda a, b: Exponential.apply(Exponential.apply(a) * b),
    ):
        assert gradcheck(f, (a, b), **TIGHT)
        assert gradgradcheck(f, (a, b), **TIGHT)


def test_a_result_that_is_saved_has_its_place_in_the_graph() -> None:
    """The gradient depends on y, and can be differentiated by it."""
    x = double(0.5, 1.0)
    y = Exponential.apply(x)
    seed = tg.tensor([1.0, 10.0], dtype=tg.float64)
    (g,) = tg.autograd.grad(y, x, seed, create_graph=True)
    (by_y,) = tg.autograd.grad(g, y, tg.tensor([1.0, 2.0], dtype=tg.float64), retain_graph=True)
    np.testing.assert_allclose(by_y.numpy(), [1.0, 20.0])
    (by_x,) = tg.autograd.grad(g, x, tg.tensor([1.0, 2.0], dtype=tg.float64))
    np.testing.assert_allclose(by_x.numpy(), [1, 20] * np.exp([0.5, 1.0]))


def test_one_of_several_results_that_is_saved_and_dropped() -> None:
    def forward(ctx: Any, x: Any) -> Any:
        square, cube = x * x, x * x * x
        ctx.save_for_backward(x, square)
        return square, cube

    def backward(ctx: Any, g: Any, h: Any) -> Any:
        x, square = ctx.saved_tensors
        return g * 2 * x + h * 3 * square

    powers = made(forward, backward)
    x = double(0.5, -2.0)
    cube = powers.apply(x)[1]  # nothing holds the node of the square
    seed = tg.tensor([1.0, 10.0], dtype=tg.float64)
    (g,) = tg.autograd.grad(cube, x, seed, create_graph=True)
    (h,) = tg.autograd.grad(g, x, seed)
    np.testing.assert_allclose(h.numpy(), 6 * x.detach().numpy() * seed.numpy() ** 2)
    assert gradgradcheck(powers.apply, x, **TIGHT)


def test_setup_context_defaults_and_keywords() -> None:
    class Scaled(Function):
        @staticmethod
        def forward(x: Any, factor: float = 2.0) -> Any:
            return x * factor

        @staticmethod
        def setup_context(ctx: Any, inputs: Any, output: Any) -> None:
            assert not tg.is_grad_enabled()
            assert output.grad_fn is None
            _, ctx.factor = inputs

        @staticmethod
        def backward(ctx: Any, g: Any) -> Any:
            return g * ctx.factor, None

    x = leaf(1.0, 2.0)
    Scaled.apply(x).backward(tg.tensor([1.0, 10.0]))
    equal(x.grad.numpy(), [2.0, 20.0])
    Scaled.apply(x, factor=5.0).backward(tg.tensor([1.0, 10.0]))
    equal(x.grad.numpy(), [7.0, 70.0])
    Product.apply(b=x, a=tg.ones(2), factor=3.0)[0].sum().backward()
    equal(x.grad.numpy(), [10.0, 73.0])


def test_arguments_by_keyword_only_are_refused() -> None:
    def forward(_: Any, x: Any, *, k: float) -> Any:
        return x * k

    with pytest.raises(TypeError, match="forward takes k by keyword only"):
        made(forward, None).apply(leaf(1.0), k=2.0)


def test_forward_is_not_recorded_and_gets_the_tensors_themselves() -> None:
    x = leaf(1.0)

    def forward(ctx: Any, given: Any) -> Any:
        assert given is x
        assert not tg.is_grad_enabled()
        assert ctx.saved_tensors == ()
        return given * 2

    def backward(_: Any, g: Any) -> Any:
        assert not tg.is_grad_enabled()
        return g * 2

    made(forward, backward).apply(x).backward()
    with tg.no_grad():
        assert not made(forward, backward).apply(x).requires_grad
    assert not Exponential.apply(tg.ones(2)).requires_grad


def test_needs_input_grad() -> None:
    seen = []

    def backward(ctx: Any, g: Any) -> Any:
        seen.append(ctx.needs_input_grad)
        return g, g, None

    function = made(lambda _c, a, b, _n: a + b, backward)
    x = leaf(1.0)
    function.apply(x, tg.ones(1), 3).backward()
    function.apply(tg.ones(1), x * 1, "text").backward()
    assert seen == [(True, False, False), (False, True, False)]
    equal(x.grad.numpy(), [2.0])


@pytest.mark.parametrize("materialize", [True, False])
def test_results_that_no_gradient_reached(materialize: bool) -> None:
    seen: list[Any] = []

    def forward(ctx: Any, x: Any) -> Any:
        ctx.set_materialize_grads(materialize)
        marked, indices = x * 1, tg.tensor([1, 2])
        ctx.mark_non_differentiable(marked)
        return x * 2, x * 3, marked, indices, "text"

    def backward(_: Any, *grads: Any) -> Any:
        seen.extend(grads)
        return grads[1]

    x = leaf(1.0, 2.0)
    results = made(forward, backward).apply(x)
    assert [getattr(y, "requires_grad", None) for y in results] == [True, True, False, False, None]
    results[1].backward(tg.tensor([1.0, 10.0]))
    equal(x.grad.numpy(), [1.0, 10.0])
    unused, used, *others, text = seen
    assert text is None
    equal(used.numpy(), [1.0, 10.0])
    if materialize:
        equal(unused.numpy(), [0.0, 0.0])
        assert [(g.dtype, g.tolist()) for g in others] == [("float32", [0, 0]), ("int64", [0, 0])]
    else:
        assert unused is None
        assert others == [None, None]


def test_all_results_marked_as_non_differentiable() -> None:
    def forward(ctx: Any, x: Any) -> Any:
        y = x * 2
        ctx.mark_non_differentiable(y)
        return y

    assert not made(forward, None).apply(leaf(1.0)).requires_grad


def test_a_result_that_is_an_argument_is_another_tensor_over_its_memory() -> None:
    x = leaf(1.0, 2.0)
    y = made(lambda _, x: x, lambda _, g: g * 5).apply(x)
    assert y is not x
    assert np.shares_memory(y.detach().numpy(), x.detach().numpy())
    y.sum().backward()
    equal(x.grad.numpy(), [5.0, 5.0])


def test_mark_dirty() -> None:
    def forward(ctx: Any, x: Any) -> Any:
        ctx.mark_dirty(x)
        return x.mul_(2)

    doubled = made(forward, lambda _, g: g * 2)
    x = leaf(1.0, 2.0)
    h = x * 3
    before = h * 7  # reads the number only
    assert doubled.apply(h) is h
    assert h.grad_fn.name() == "MadeBackward"
    (h + before).backward(tg.tensor([1.0, 10.0]))
    equal(h.detach().numpy(), [6.0, 12.0])
    equal(x.grad.numpy(), [27.0, 270.0])
    h = x * 1
    stale = h * h
    doubled.apply(h)
    with pytest.raises(GraphError, match="changed in place"):
        stale.sum().backward()
    with pytest.raises(GraphError, match="Made: a leaf that requires grad cannot be changed in pl"):
        doubled.apply(leaf(1.0))


def test_dirty_arguments_must_be_returned() -> None:
    def forward(ctx: Any, x: Any) -> Any:
        ctx.mark_dirty(x)
        return x * 2

    with pytest.raises(GraphError, match="mark_dirty names was not returned"):
        made(forward, None).apply(leaf(1.0) * 1)


def test_saved_tensors_are_checked_for_writes() -> None:
    a, b = leaf(1.0, 2.0), leaf(3.0, 4.0)
    h = a * 1
    y, _ = Product.apply(h, b)
    h.add_(1)
    with pytest.raises(
        GraphError, match=r"derivative of Product .*version 1, and was at version 0"
    ):
        y.sum().backward()
    y = Exponential.apply(a)
    y.mul_(2)
    with pytest.raises(GraphError, match=r"derivative of Exponential .*changed in place"):
        y.sum().backward()


def test_saved_tensors_are_freed() -> None:
    contexts = []

    def backward(ctx: Any, g: Any) -> Any:
        contexts.append(ctx)
        return g * ctx.saved_tensors[0]

    def forward(ctx: Any, x: Any) -> Any:
        ctx.save_for_backward(x)
        return x * x

    y = made(forward, backward).apply(leaf(1.0))
    y.backward(retain_graph=True)
    assert contexts[0].saved_tensors[0].item() == 1.0
    y.backward()
    with pytest.raises(GraphError, match="freed: Made no longer holds"):
        y.backward()
    with pytest.raises(GraphError, match="freed: Made no longer holds"):
        _ = contexts[0].saved_tensors
    unsaved = made(lambda _, x: x * 2, lambda _, g: g * 2).apply(leaf(1.0))
    unsaved.backward()
    unsaved.backward()


def test_a_leaf_that_was_given_other_data() -> None:
    x = leaf(2.0)
    y = Product.apply(x, x)[0]
    x.data = tg.tensor([5.0])
    (g,) = tg.autograd.grad(y, x, retain_graph=True)
    equal(g.numpy(), [4.0])
    with pytest.raises(GraphError, match="that Product read was given other data"):
        tg.autograd.grad(y, x, create_graph=True)


def test_only_tensors_can_be_saved() -> None:
    with pytest.raises(
        TypeError, match="save_for_backward: argument 1 must be a Tensor or None, not a bu"
    ):
        made(lambda ctx, x: ctx.save_for_backward(x, 3), None).apply(leaf(1.0))


def test_gradients_that_backward_returns() -> None:
    def run(backward: Any, *args: Any) -> Any:
        x = leaf(1.0, 2.0)
        function = made(lambda _c, x, *_: x * 2, lambda _c, _g: backward())
        function.apply(x, *args).sum().backward()
        return x.grad

    with pytest.raises(GraphError, match=r"Made.backward returned 2 gradients, and .* 1 arguments"):
        run(lambda: (tg.ones(2), tg.ones(2)))
    with pytest.raises(GraphError, match="returned 1 gradients, and forward took 2 arguments"):
        run(lambda: tg.ones(2), tg.ones(2))
    with pytest.raises(GraphError, match="a gradient for argument 1, which is no tensor"):
        run(lambda: (tg.ones(2), tg.ones(2)), 3)
    with pytest.raises(GraphError, match="returned a float as gradient of argument 0"):
        run(lambda: 3.0)
    for shape in ((3,), (), (4, 3)):
        with pytest.raises(GraphError, match=r"for argument 0 of shape \(2,\); they must be equal"):
            run(lambda shape=shape: tg.ones(*shape))
    assert run(lambda: None) is None
    equal(run(lambda: (tg.ones(2), None, None)).numpy(), [1.0, 1.0])  # more None than arguments
    equal(run(lambda: tg.ones(4, 2)).numpy(), [4.0, 4.0])  # summed, as after broadcasting
    cast = run(lambda: tg.ones(2, dtype=tg.float64))
    assert cast.dtype == np.float32


def test_backward_cannot_write_into_a_gradient_that_others_get_too() -> None:
    x, other = leaf(1.0, 2.0), leaf(1.0, 2.0)
    y = made(lambda _, x: x * 1, lambda _, g: g.mul_(2)).apply(x)
    with pytest.raises(GraphError, match=r"cannot be written.*\.clone\(\)"):
        (y + other).sum().backward()


def test_what_backward_returns_stays_the_users() -> None:
    cached = tg.ones(2)
    x = leaf(1.0, 2.0)
    made(lambda _, x: x * 1, lambda *_: cached).apply(x).sum().backward()
    cached.mul_(100)
    equal(x.grad.numpy(), [1.0, 1.0])


def test_missing_methods_say_what_to_define() -> None:
    with pytest.raises(NotImplementedError, match=r"define forward\(ctx, \.\.\.\)"):
        Function.apply(leaf(1.0))
    half = type("Half", (Function,), {"forward": staticmethod(lambda _, x: x * 2)})
    with pytest.raises(NotImplementedError, match=r"define backward\(ctx, \*grads\)"):
        half.apply(leaf(1.0)).backward()


def test_once_differentiable() -> None:
    class Square(Function):
        @staticmethod
        def forward(ctx: Any, x: Any) -> Any:
            ctx.save_for_backward(x)
            return x * x

        @staticmethod
        @once_differentiable
        def backward(ctx: Any, g: Any) -> Any:
            assert not tg.is_grad_enabled()
            (x,) = ctx.saved_tensors
            return tg.from_numpy(2 * g.detach().numpy() * x.detach().numpy())

    x = leaf(1.0, 2.0)
    Square.apply(x).sum().backward()
    equal(x.grad.numpy(), [2.0, 4.0])
    (g,) = tg.autograd.grad(Square.apply(x).sum(), x, create_graph=True)
    with pytest.raises(
        RuntimeError, match=r"Square.backward, marked with @once_differentiable, ha"
    ):
        (g * x).sum().backward()


def test_once_differentiable_where_nothing_is_left_to_differentiate() -> None:
    function = made(lambda _, x: x * 2, once_differentiable(lambda _, g: g * 2))
    x = leaf(1.0)
    (g,) = tg.autograd.grad(function.apply(x), x, create_graph=True)
    assert not g.requires_grad


def test_grad_fn_of_a_function() -> None:
    a, b = leaf(1.0), leaf(2.0)
    y, z = Product.apply(a, b)
    assert y.grad_fn == z.grad_fn
    assert repr(y).endswith("grad_fn=<ProductBackward>)")
    assert (y * z).grad_fn.next_functions == ((y.grad_fn, 0), (z.grad_fn, 1))
    assert [f.variable for f, _ in y.grad_fn.next_functions[:2]] == [a, b]
    assert "Product" in tg.graph.text(y * z)


def test_hooks_on_the_results_of_a_function() -> None:
    a, b = leaf(1.0), leaf(2.0)
    y, z = Product.apply(a, b)
    y.register_hook(lambda g: g * 10)
    z.retain_grad()
    (y * 3 + z).backward()
    equal(z.grad.numpy(), [1.0])
    equal(a.grad.numpy(), [61.0])


def test_a_function_is_no_reference_cycle() -> None:
    gc.collect()
    gc.disable()
    x = leaf(1.0, 2.0)
    y, z = Product.apply(Exponential.apply(x), x)
    nodes = [weakref.ref(t.node) for t in (y, z)]
    (g,) = tg.autograd.grad((y * z).sum(), x, create_graph=True)
    nodes.append(weakref.ref(g.node))
    (g * g).sum().backward()
    del y, z, g
    assert [node() for node in nodes] == [None] * 3
    gc.enable()


def test_detect_anomaly_looks_into_functions() -> None:
    def forward(_: Any, x: Any) -> Any:
        return x * 1, x.log()

    def backward(_: Any, g: Any, h: Any) -> Any:
        return g / 0 if h is None else g + h

    function = made(forward, backward)
    with tg.autograd.detect_anomaly(), np.errstate(all="ignore"):
        with pytest.raises(AnomalyError, match="Made made NaN"):
            function.apply(leaf(1.0, -1.0))
        y, z = function.apply(leaf(1.0, 2.0))
        (y * z).sum().backward()
    infinite = made(lambda _, x: x * 1, lambda _, g: g / 0)
    with tg.autograd.detect_anomaly():
        y = infinite.apply(leaf(1.0))
        with pytest.raises(AnomalyError, match="derivative of Made with respect to operand 0"):
            y.backward()


def test_check_gradients_checks_functions() -> None:
    a, b = double(0.5, -1.0), double(2.0, 3.0)
    with tg.autograd.check_gradients() as checked:
        y, z = Product.apply(a, b, 2.5)
        (Exponential.apply(y) * z).sum().backward()
    assert checked.skipped == []
    assert checked.checked == 6  # two of Product, one of exp, two of the product, one of the sum
    wrong = made(lambda _, x: x * x, lambda _, g: g * 2)
    with tg.autograd.check_gradients():
        y = wrong.apply(double(0.5, -1.0))
        with pytest.raises(GradcheckError, match="derivative of Made with respect to operand 0"):
            y.sum().backward()


@pytest.mark.parametrize("write", [lambda g: g.mul_(2), lambda g: np.multiply(g, 2, out=g.array)])
def test_a_write_into_the_upstream_gradient_is_called_that(write: Any) -> None:
    y = made(lambda _, x: x * 2, lambda _, g: write(g)).apply(leaf(1.0, 2.0))
    with pytest.raises((GraphError, ValueError), match="read-only") as caught:
        y.backward(tg.ones(2))
    (note,) = caught.value.__notes__
    assert note.startswith("Made.backward may not change an upstream gradient in place, which ")
