"""Jacobians, Hessians and their products: values, structure, and what is refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import tinygrad_np as tg
from tinygrad_np.autograd import functional as AF
from tinygrad_np.errors import GraphError, ShapeError

close = np.testing.assert_allclose
X = np.array([0.5, -1.0, 2.0])
W = np.array([[1.0, 2.0, 3.0], [-1.0, 0.5, 0.0]])


def double(array: Any) -> tg.Tensor:
    return tg.tensor(array, dtype=tg.float64)


def power(x: Any, w: Any) -> Any:
    """Σ x²·w of each row of w: its Jacobian and Hessian are easy to write."""
    return ((x * x) * w).sum(1)


def test_jacobian_of_tuples() -> None:
    def both(x: Any, w: Any) -> Any:
        return power(x, w), x.sum()

    (by_x, by_w), (sum_by_x, sum_by_w) = AF.jacobian(both, (double(X), double(W)))
    close(by_x.numpy(), 2 * X * W)
    expected = np.zeros((2, 2, 3))
    expected[[0, 1], [0, 1]] = X * X
    close(by_w.numpy(), expected)
    close(sum_by_x.numpy(), np.ones(3))
    close(sum_by_w.numpy(), np.zeros((2, 3)))
    (alone,) = AF.jacobian(lambda x: (x * 2,), double(X))
    close(alone.numpy(), 2 * np.eye(3))
    (single,) = AF.jacobian(lambda x: x * 2, (double(X),), vectorize=True)
    close(single.numpy(), 2 * np.eye(3))


def test_jacobian_of_nothing_and_of_one_number() -> None:
    assert AF.jacobian(lambda x: x[:0], double(X)).shape == (0, 3)
    assert AF.jacobian(lambda x: x * x, double(3.0)).tolist() == 6.0
    assert AF.jacobian(lambda x: x * 2, tg.zeros(0)).shape == (0, 0)


def test_hessian() -> None:
    def f(x: Any, y: Any) -> Any:
        return (x**3).sum() * y.sum()

    (xx, xy), (yx, yy) = AF.hessian(f, (double(X), double([1.0, 2.0])))
    close(xx.numpy(), np.diag(18 * X))
    close(xy.numpy(), np.repeat(3 * X[:, None] ** 2, 2, 1))
    close(yx.numpy(), xy.numpy().T)
    close(yy.numpy(), np.zeros((2, 2)))
    close(AF.hessian(lambda x: x.sum(), double(X)).numpy(), np.zeros((3, 3)))


def test_products_agree_with_the_matrices() -> None:
    x, w = double(X), double(W)
    v, u = double([1.0, 10.0]), (double([1.0, 2.0, -1.0]), double(W + 1))
    by_x, by_w = (j.numpy() for j in AF.jacobian(power, (x, w)))
    y, (vx, vw) = AF.vjp(power, (x, w), v)
    close(y.numpy(), power(X, W))
    close(vx.numpy(), v.numpy() @ by_x)
    close(vw.numpy(), np.tensordot(v.numpy(), by_w, 1))
    y, pushed = AF.jvp(power, (x, w), u)
    close(y.numpy(), power(X, W))
    close(pushed.numpy(), by_x @ u[0].numpy() + np.tensordot(by_w, u[1].numpy(), 2))

    def total(x: Any, w: Any) -> Any:
        return (power(x, w) ** 2).sum()

    (xx, xw), (wx, ww) = AF.hessian(total, (x, w))
    for product in (AF.vhp, AF.hvp):
        value, (px, pw) = product(total, (x, w), u)
        close(value.numpy(), (power(X, W) ** 2).sum())
        close(px.numpy(), xx.numpy() @ u[0].numpy() + np.tensordot(xw.numpy(), u[1].numpy(), 2))
        close(pw.numpy(), wx.numpy() @ u[0].numpy() + np.tensordot(ww.numpy(), u[1].numpy(), 2))


def test_v_may_be_left_out_beside_one_number() -> None:
    value, g = AF.vjp(lambda x: (x * x).sum(), double(X))
    assert value.item() == 5.25
    close(g.numpy(), 2 * X)
    assert [t.item() for t in AF.jvp(lambda x: x * x, double(2.0))] == [4.0, 4.0]


@pytest.mark.parametrize("create_graph", [True, False])
def test_create_graph(create_graph: bool) -> None:
    x = double(X).requires_grad_()
    v = double([1.0, 2.0, 3.0])

    def cube(x: Any) -> Any:
        return x**3

    def total(x: Any) -> Any:
        return (x**3).sum()

    results = [
        (AF.jacobian(cube, x, create_graph=create_graph).sum(), 6 * X),
        (AF.hessian(total, x, create_graph=create_graph).sum(), np.full(3, 6.0)),
        (AF.vjp(cube, x, v, create_graph=create_graph)[1].sum(), 6 * X * v.numpy()),
        (AF.jvp(cube, x, v, create_graph=create_graph)[1].sum(), 6 * X * v.numpy()),
        (AF.vhp(total, x, v, create_graph=create_graph)[1].sum(), 6 * v.numpy()),
        (AF.hvp(total, x, v, create_graph=create_graph)[1].sum(), 6 * v.numpy()),
    ]
    for result, derivative in results:
        assert result.requires_grad == create_graph
        if create_graph:
            (g,) = tg.autograd.grad(result, x)
            close(g.numpy(), derivative)
    assert x.grad is None


def test_under_no_grad_derivatives_are_computed_all_the_same() -> None:
    with tg.no_grad():
        close(AF.jacobian(lambda x: x * x, double(X)).numpy(), np.diag(2 * X))
        assert not tg.is_grad_enabled()


def test_strict() -> None:
    x, y = double(X), double([1.0, 2.0])

    def first(x: Any, _: Any) -> Any:
        return (x * x).sum()

    with pytest.raises(GraphError, match="jacobian: output 0 does not depend on tensor 1"):
        AF.jacobian(first, (x, y), strict=True)
    with pytest.raises(GraphError, match="output 0 has a constant derivative in tensor 0"):
        AF.jacobian(lambda x: x * 2, x, strict=True, create_graph=True)
    for call in (AF.jacobian, AF.vjp, AF.jvp):
        with pytest.raises(GraphError, match="output 0 does not require grad; with strict=True"):
            call(lambda _: tg.ones(()), double(1.0), strict=True)
    with pytest.raises(GraphError, match="vjp: the result does not depend on tensor 1"):
        AF.vjp(first, (x, y), strict=True)
    with pytest.raises(GraphError, match="does not require grad"):
        AF.hessian(lambda x: x.sum(), x, strict=True)
    with pytest.raises(RuntimeError, match="strict=True and vectorize=True exclude each other"):
        AF.jacobian(first, (x, y), strict=True, vectorize=True)
    assert AF.jacobian(lambda _: tg.ones(2), x).tolist() == [[0.0] * 3] * 2
    assert [t.tolist() for t in AF.vjp(first, (x, y))[1]] == [(2 * X).tolist(), [0.0, 0.0]]
    assert AF.jvp(lambda _: tg.ones(2), x, x)[1].tolist() == [0.0, 0.0]


def test_what_is_refused() -> None:
    x = double(X)
    with pytest.raises(TypeError, match="inputs must be a Tensor or a tuple of Tensors, not a bu"):
        AF.jacobian(lambda x: x, 3)
    with pytest.raises(
        TypeError, match=r"vjp: element 1 of inputs must be a Tensor, not a builtins\.str"
    ):
        AF.vjp(lambda x: x, (x, "a"))
    with pytest.raises(TypeError, match=r"jvp: the function's result must be a Tensor or .*list"):
        AF.jvp(lambda x: [x], x, x)
    with pytest.raises(ValueError, match="strategy must be 'reverse-mode' or 'forward-mode'"):
        AF.jacobian(lambda x: x, x, strategy="sideways")
    with pytest.raises(GraphError, match="vjp: v can be left out only beside a single tensor"):
        AF.vjp(lambda x: x * 2, x)
    with pytest.raises(GraphError, match="hvp: v can be left out only beside a single tensor"):
        AF.hvp(lambda x: (x * x).sum(), x)
    with pytest.raises(GraphError, match="jvp: v has 2 tensors, and 1 are needed"):
        AF.jvp(lambda x: x * 2, x, (x, x))
    with pytest.raises(ShapeError, match=r"tensor 0 of v has shape \(2,\), and must have \(3,\)"):
        AF.vjp(lambda x: x * 2, x, double([1.0, 2.0]))
    for call, *given in ((AF.hessian,), (AF.vhp, x), (AF.hvp, x)):
        with pytest.raises(ShapeError, match=rf"{call.__name__}: .* result has shape \(3,\)"):
            call(lambda x: x * 2, x, *given)
        with pytest.raises(TypeError, match=f"{call.__name__}: .* must be a Tensor, not a .*tuple"):
            call(lambda x: (x, x), x, *given)


def test_grad_by_name_and_in_place_of_unused_inputs() -> None:
    a, b = tg.ones(2, requires_grad=True), tg.ones(3, requires_grad=True)
    found = tg.autograd.grad((a * 2).sum(), {"a": a, "b": b}, allow_unused=True)
    assert found["a"].tolist() == [2.0, 2.0]
    assert found["b"] is None
    _, zeros = tg.autograd.grad((a * 2).sum(), [a, b], materialize_grads=True)
    assert zeros.tolist() == [0.0] * 3


def test_what_grad_and_backward_refuse() -> None:
    x = tg.ones(2, requires_grad=True)
    y = (x * 2).sum()
    with pytest.raises(NotImplementedError, match="is_grads_batched=True is not in tinygrad_np"):
        tg.autograd.grad(y, x, is_grads_batched=True)
    with pytest.raises(ValueError, match="materialize_grads=True fills in for unused inputs"):
        tg.autograd.grad(y, x, materialize_grads=True, allow_unused=False)
    with pytest.raises(ValueError, match="only_inputs=False is not supported"):
        tg.autograd.grad(y, x, only_inputs=False)
    with pytest.raises(GraphError, match="grad: inputs is empty"):
        tg.autograd.grad(y, [])
    with pytest.raises(GraphError, match=r"output 0 \(shape \(\)\) does not require grad"):
        tg.autograd.grad(y.detach(), x)
    with pytest.raises(ValueError, match="grad_variables is the old name of grad_tensors"):
        tg.autograd.backward(y, tg.ones(()), grad_variables=tg.ones(()))
    tg.autograd.backward([y], grad_variables=[tg.tensor(3.0)])
    assert x.grad.tolist() == [6.0, 6.0]
    tg.autograd.backward([], [])
