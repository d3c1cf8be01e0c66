"""Laws of differentiation that no finite difference is needed for, over the whole table of ops.

Gradients add up: over the uses of an operand, over passes, in any order. The derivative forwards
(a jvp, made of two pull-backs) and the derivative backwards are one matrix and its transpose.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import drawing
import hypothesis.extra.numpy as hnp
import numpy as np
import pytest
from cases import SIZES, real
from helpers import gradients, tensors
from hypothesis import given
from hypothesis import strategies as st
from op_cases import CASES, Case

import tinygrad_np as tg
from tinygrad_np import core
from tinygrad_np.recorder import Recorder, recording

if TYPE_CHECKING:
    from collections.abc import Sequence

    Array = np.ndarray[Any, Any]

every = pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
close = np.testing.assert_allclose
NEAR = {"rtol": 1e-10, "atol": 1e-11}


def cotangents(y: tg.Tensor, count: int) -> list[Array]:
    return [*np.random.default_rng(1).standard_normal((count, *y.shape))]


def tracked(operands: Sequence[tg.Tensor]) -> list[tg.Tensor]:
    return [x for x in operands if x.requires_grad]


@every
@given(data=st.data())
def test_gradients_add_up_over_uses_and_passes_in_any_order(
    case: Case, data: st.DataObject
) -> None:
    arrays = data.draw(drawing.operands(case))
    operands = tensors(arrays)
    y, z = case.call(tg, *operands), case.call(tg, *operands)
    u, v = map(tg.tensor, cotangents(y, 2))
    from_u = [g.numpy() for g in tg.autograd.grad(y, tracked(operands), u, retain_graph=True)]
    from_v = [g.numpy() for g in tg.autograd.grad(z, tracked(operands), v, retain_graph=True)]

    def after(*passes: Any) -> list[Array]:
        for x in operands:
            x.grad = None
        for output, g in passes:
            output.backward(g, retain_graph=True)
        return [x.grad.numpy().copy() for x in tracked(operands)]

    sums = [a + b for a, b in zip(from_u, from_v, strict=True)]
    for passes, expected in (
        (((y, u), (y, u)), [2 * a for a in from_u]),
        (((y, u), (z, v)), sums),
        (((z, v), (y, u)), sums),
    ):
        for found, wanted in zip(after(*passes), expected, strict=True):
            close(found, wanted, **NEAR)
    both = tg.autograd.grad((y * u + z * v).sum(), tracked(operands))  # one pass, each used twice
    for found, wanted in zip(both, sums, strict=True):
        close(found.numpy(), wanted, **NEAR)


@every
@given(data=st.data())
def test_forwards_and_backwards_are_one_matrix(case: Case, data: st.DataObject) -> None:
    """u·(J v) = (Jᵀ u)·v, with J v as the derivative of Jᵀ u along v, in u."""
    operands = tensors(data.draw(drawing.operands(case)))
    wanted = tracked(operands)
    y = case.call(tg, *operands)
    (array,) = cotangents(y, 1)
    u = tg.tensor(array, requires_grad=True)
    pulled = tg.autograd.grad(y, wanted, u, create_graph=True)
    rng = np.random.default_rng(2)
    along = [tg.tensor(rng.standard_normal(x.shape)) for x in wanted]
    backwards = sum((g * v).sum() for g, v in zip(pulled, along, strict=True))
    if not backwards.requires_grad:  # a derivative that is 0 everywhere
        close(backwards.numpy(), 0)
        return
    (forwards,) = tg.autograd.grad(backwards, u, retain_graph=True)
    close((forwards * u).sum().item(), backwards.item(), rtol=1e-9, atol=1e-9)


@every
def test_jvp_and_vjp_are_one_matrix(case: Case) -> None:
    """u·jvp(v) = vjp(u)·v, by the functions that users call; both give the result too."""
    operands = tensors(case.draw(seed=15))
    places = [i for i, x in enumerate(operands) if x.requires_grad]

    def function(*moving: tg.Tensor) -> tg.Tensor:
        given = dict(zip(places, moving, strict=True))
        return case.call(tg, *[given.get(i, x) for i, x in enumerate(operands)])

    inputs = tuple(x.detach() for x in tracked(operands))
    y = function(*inputs)
    u, rng = tg.tensor(cotangents(y, 1)[0]), np.random.default_rng(16)
    along = tuple(tg.tensor(rng.standard_normal(x.shape)) for x in inputs)
    z, forwards = tg.autograd.functional.jvp(function, inputs, along)
    w, backwards = tg.autograd.functional.vjp(function, inputs, u)
    for found in (z, w):
        np.testing.assert_array_equal(found.numpy(), y.numpy())
    assert forwards.shape == y.shape
    ends = [
        (u * forwards).sum().item(),
        sum((g * v).sum().item() for g, v in zip(backwards, along, strict=True)),
    ]
    close(*ends, rtol=1e-9, atol=1e-9)


def of_one_shape(case: Case) -> list[tuple[int, int]]:
    """Pairs of floating operands of one shape."""
    kinds = [x.dtype.kind for x in case.draw()]
    return [
        (j, i)
        for i, a in enumerate(case.operands)
        for j, b in enumerate(case.operands[:i])
        if kinds[i] == kinds[j] == "f" and a.shape == b.shape
    ]


def narrower(a: Any, b: Any) -> Any:
    """The domain that both operands may be drawn from. No law here minds a kink."""
    return b if a is real else a


TWICE = [case for case in CASES if of_one_shape(case)]


@pytest.mark.parametrize("case", TWICE, ids=lambda case: case.name)
@given(data=st.data())
def test_f_of_x_and_x_sums_both_gradients(case: Case, data: st.DataObject) -> None:
    i, j = data.draw(st.sampled_from(of_one_shape(case)))
    domain = narrower(case.operands[i].domain, case.operands[j].domain)
    shared = replace(
        case,
        operands=tuple(
            replace(x, domain=domain) if at in (i, j) else x for at, x in enumerate(case.operands)
        ),
    )
    arrays = data.draw(drawing.operands(shared))
    arrays[j] = arrays[i].copy()
    apart = tensors(arrays)
    once = [*apart]
    once[j] = once[i]
    shares = gradients(case.call(tg, *apart), apart)
    of = {id(x): g for x, g in zip(tracked(apart), shares, strict=True)}
    (found,) = gradients(case.call(tg, *once), [once[i]])
    close(found, of[id(apart[i])] + of[id(apart[j])], **NEAR)


def broadcasting(case: Case) -> set[type[core.Op]]:
    """The ops that a row enters and that say they broadcast."""
    found: set[type[core.Op]] = set()

    class Noting(Recorder):
        def recorded(self, node: core.Node, operands: Any, result: Any) -> None:  # noqa: ARG002 - nodes alone
            if node.op.broadcasts:
                found.add(type(node.op))

    with recording(Noting()):
        case.call(tg, *tensors(case.draw()))
    return found


def spreads(case: Case) -> bool:
    """Whether a row takes any shapes that broadcast: no product of matrices does."""
    shapes = [(2, 1, 1), (1, 3, 1), (1, 1, 4)][: len(case.operands)]
    if len(case.operands) < 2 or not broadcasting(case):
        return False
    arrays = [
        x.place(np.full(shape, 0.3), SIZES) for x, shape in zip(case.operands, shapes, strict=True)
    ]
    try:
        return case.call(tg, *tensors(arrays)).shape == np.broadcast_shapes(*shapes)
    except (RuntimeError, IndexError, TypeError, ValueError):
        return False


# Rows that differ in the shapes of their operands alone are one here.
SPREADING = [
    *{
        (case.name.split("[")[0], id(case.function or case.internal)): case
        for case in reversed(CASES)
        if spreads(case)
    }.values()
][::-1]


def test_every_op_that_broadcasts_is_compared_with_tiling() -> None:
    entered = set().union(*map(broadcasting, SPREADING))
    missing = set().union(*map(broadcasting, CASES)) - entered
    assert {cls.__name__ for cls in missing} == {"MatMul"}  # which has a test of its own below


@pytest.mark.parametrize("case", SPREADING, ids=lambda case: case.name)
@given(data=st.data(), seed=st.integers(0, 99))
def test_broadcasting_is_tiling(case: Case, data: st.DataObject, seed: int) -> None:
    count = len(case.operands)
    shapes = data.draw(hnp.mutually_broadcastable_shapes(num_shapes=count, max_dims=3, max_side=3))
    rng = np.random.default_rng(seed)
    small = tensors(
        [
            operand.place(rng.random(shape), SIZES)
            for operand, shape in zip(case.operands, shapes.input_shapes, strict=True)
        ]
    )
    tiled = tensors([np.broadcast_to(x.detach().numpy(), shapes.result_shape) for x in small])
    y, z = case.call(tg, *small), case.call(tg, *tiled)
    np.testing.assert_array_equal(y.detach().numpy(), z.detach().numpy())
    for x, g, t in zip(tracked(small), gradients(y, small), gradients(z, tiled), strict=True):
        extra = tuple(range(t.ndim - x.ndim))
        kept = tuple(i for i, n in enumerate(x.shape) if n == 1)
        close(g, t.sum(extra).sum(kept, keepdims=True), **NEAR)


@given(hnp.mutually_broadcastable_shapes(num_shapes=2, max_dims=2, max_side=3), st.integers(1, 3))
def test_a_batch_of_products_is_one_product_after_another(shapes: Any, k: int) -> None:
    rng = np.random.default_rng(0)
    left, right = shapes.input_shapes
    small = tensors([rng.standard_normal((*left, 2, k)), rng.standard_normal((*right, k, 3))])
    tiled = tensors(
        [np.broadcast_to(x.detach().numpy(), (*shapes.result_shape, *x.shape[-2:])) for x in small]
    )
    y, z = (a @ b for a, b in (small, tiled))
    for at in np.ndindex(*shapes.result_shape):
        a, b = (x.detach().numpy()[at] for x in tiled)
        close(y.detach().numpy()[at], a @ b, **NEAR)
    for x, g, t in zip(small, gradients(y, small), gradients(z, tiled), strict=True):
        extra = tuple(range(t.ndim - x.ndim))
        kept = tuple(i for i, n in enumerate(x.shape[:-2]) if n == 1)
        close(g, t.sum(extra).sum(kept, keepdims=True), **NEAR)
