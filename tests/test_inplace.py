"""Aliasing and mutation: in-place writes, views and their history, memory order.

Expected values are what PyTorch 2.13 did, as written down in the table of semantics.
"""

from __future__ import annotations

import gc
import weakref
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from helpers import TIGHT, weights

import nn
import tinygrad_np as tg
from tinygrad_np.errors import DtypeError, GraphError, PlaceError, ShapeError
from tinygrad_np.testing import LAYOUTS

if TYPE_CHECKING:
    from collections.abc import Callable

equal = np.testing.assert_array_equal


def leaf(*numbers: float) -> tg.Tensor:
    return tg.tensor(numbers, requires_grad=True)


def grid() -> tg.Tensor:
    return tg.tensor([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]], requires_grad=True)


# --- the rows of "Aliasing and mutation" ---------------------------------------------------------


def test_two_leaves_never_receive_the_same_gradient_array() -> None:
    a, b = leaf(1.0, 2.0), leaf(3.0, 4.0)
    seed = tg.tensor([1.0, 10.0])
    (a + b).backward(seed)
    arrays = [a.grad.numpy(), b.grad.numpy(), seed.numpy(), a.detach().numpy()]
    for i, x in enumerate(arrays):
        assert not any(np.shares_memory(x, y) for y in arrays[i + 1 :])


def test_a_write_into_what_a_derivative_needs_raises_and_names_op_shape_and_versions() -> None:
    x = leaf(1.0, 2.0)
    h = x * 1
    y = h * h
    h[:1].add_(1)
    h.add_(1)
    with pytest.raises(
        GraphError,
        match=r"derivative of Mul \(result of shape \(2,\)\) .*version 2, and was at version 0",
    ):
        y.backward(tg.tensor([1.0, 3.0]))


def test_linear_then_relu_in_place() -> None:
    layer = nn.Linear(3, 2)
    x = weights((4, 3), np.float32)
    expected = tg.relu(layer(x))
    expected.backward(weights((4, 2), np.float32))
    slopes = [p.grad.numpy() for p in layer.parameters()]
    layer.zero_grad()
    nn.Sequential(layer, nn.ReLU(inplace=True))(x).backward(weights((4, 2), np.float32))
    for p, slope in zip(layer.parameters(), slopes, strict=True):
        np.testing.assert_allclose(p.grad.numpy(), slope)


def test_a_residual_sum_in_place() -> None:
    x, layer = weights((2, 3)).requires_grad_(), nn.Linear(3, 3).double()
    h = layer(x)
    h += x
    h.backward(weights((2, 3)))
    expected = weights((2, 3)).numpy() @ (layer.weight.detach().numpy() + np.eye(3))
    np.testing.assert_allclose(x.grad.numpy(), expected)


def test_a_result_that_nothing_reads_may_be_overwritten() -> None:
    x = leaf(1.0, 2.0)
    y = x * 2
    z = y + 1
    y.mul_(3)
    z.backward(tg.tensor([1.0, 10.0]))
    equal(x.grad.numpy(), [2, 20])


def test_what_was_recorded_before_a_write_keeps_its_meaning() -> None:
    x = leaf(1.0, 1.0)
    h = x * 1
    z = h * 2
    h.mul_(3)
    (z + h).sum().backward()
    equal(x.grad.numpy(), [5, 5])


def test_optimisers_update_leaves_and_a_stale_graph_raises() -> None:
    w = leaf(1.0, 2.0)
    loss = (w * w).sum()
    loss.backward(retain_graph=True)
    tg.optim.SGD([w], lr=0.1).step()
    with pytest.raises(GraphError, match="changed in place"):
        loss.backward()


@pytest.mark.parametrize(
    "write",
    [
        lambda x: x.add_(1),
        lambda x: x.__setitem__(0, 1.0),
        lambda x: x.__iadd__(1),
        lambda x: x.zero_(),
        lambda x: x.copy_(tg.zeros(2)),
        lambda x: x.masked_fill_(tg.tensor([True, False]), 0),
        lambda x: x.normal_(),
    ],
)
def test_a_leaf_that_requires_grad_is_not_written(write: Callable[[tg.Tensor], Any]) -> None:
    x = leaf(1.0, 2.0)
    with pytest.raises(GraphError, match=r"a leaf that requires grad .* under no_grad"):
        write(x)
    with pytest.raises(GraphError, match=r"a view of a leaf .* into a \.clone\(\) of the leaf"):
        write(x.view(2))
    equal(x.detach().numpy(), [1, 2])
    assert x._version == 0
    with tg.no_grad():
        write(x)
        write(x.view(2))
    assert x._version == 2
    assert x.is_leaf


def test_setitem_on_a_tracked_tensor_has_the_right_gradients() -> None:
    x, v = grid(), leaf(10.0, 20.0)
    h = x * 2
    h[:, 1] = v
    h.backward(tg.tensor([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]))
    equal(h.detach().numpy(), [[2, 10, 6], [8, 20, 12]])
    equal(x.grad.numpy(), [[2, 0, 6], [8, 0, 12]])
    equal(v.grad.numpy(), [2, 5])


def test_duplicate_indices_accumulate() -> None:
    x = leaf(1.0, 2.0, 3.0)
    x[[0, 0, 1]].sum().backward()
    equal(x.grad.numpy(), [2, 1, 0])


@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS.keys())
def test_writes_reach_memory_in_any_layout(layout: Any) -> None:
    array = layout(np.arange(6.0).reshape(2, 3))
    t = tg.from_numpy(array)
    if not array.flags.writeable:
        for write in (lambda: t.add_(1), lambda: t.fill_(0), lambda: t.__setitem__(0, 1.0)):
            with pytest.raises(GraphError, match=r"of shape \(2, 3\) cannot be written.*clone"):
                write()
        return
    t[:, 1] = 7.0
    t.mul_(2)
    t.T[0].zero_()
    equal(array, [[0, 14, 4], [0, 14, 10]])


def test_a_second_backward_through_writes() -> None:
    x = leaf(1.0, 2.0)
    h = x + 1
    h[0] = 5.0
    h.backward(tg.tensor([1.0, 10.0]))
    h.backward(tg.tensor([1.0, 10.0]))  # nothing was kept, so nothing was freed
    equal(x.grad.numpy(), [0, 20])
    y = (x * x).exp_()
    y.backward(tg.tensor([1.0, 1.0]))
    with pytest.raises(GraphError, match="retain_graph=True"):
        y.backward(tg.tensor([1.0, 1.0]))


# --- outside a recording -------------------------------------------------------------------------


def test_writes_show_in_every_alias() -> None:
    x = tg.zeros(2, 3)
    array, view, detached, data = x.numpy(), x.T, x.detach(), x.data
    x.fill_(1)
    x[0, 1] += 4
    x.scatter_(1, tg.tensor([[2], [2]]), 7.0)
    for alias in (array, view.numpy().T, detached.numpy(), data.numpy()):
        equal(alias, [[1, 5, 7], [1, 1, 7]])
    assert x._version == view._version == detached._version == data._version == 3


def test_fill_zero_and_copy_are_recorded() -> None:
    x, v, w = leaf(1.0, 2.0), tg.tensor(3.0, requires_grad=True), leaf(5.0, 6.0)
    seed = tg.tensor([1.0, 10.0])
    for write, slopes in [
        (lambda h: h.zero_(), ([0, 0], None, None)),
        (lambda h: h.fill_(2.5), ([0, 0], None, None)),
        (lambda h: h.fill_(v), ([0, 0], 11, None)),
        (lambda h: h.copy_(w), ([0, 0], None, [1, 10])),
        (lambda h: h.copy_(w.double()), ([0, 0], None, [1, 10])),
        (lambda h: h.copy_(v), ([0, 0], 11, None)),
        (lambda h: h.uniform_(), ([0, 0], None, None)),
    ]:
        h = x * 1
        write(h)
        assert h.grad_fn is not None
        found = tg.autograd.grad(h, [x, v, w], seed, allow_unused=True)
        for g, expected in zip(found, slopes, strict=True):
            if expected is None:
                assert g is None
            else:
                equal(g.numpy(), expected)


def test_an_untracked_tensor_becomes_tracked_by_what_is_written_into_it() -> None:
    x = leaf(1.0, 2.0)
    table = tg.zeros(2, 2)
    row = table[1]
    row.copy_(x * 3)
    assert table.requires_grad
    assert not table.is_leaf
    table.backward(tg.tensor([[1.0, 2.0], [3.0, 4.0]]))
    equal(x.grad.numpy(), [9, 12])
    counts = tg.zeros(2, dtype=tg.int64)
    counts[0] = x[1]
    assert not counts.requires_grad
    equal(counts.numpy(), [2, 0])


def test_dtypes_of_what_is_written() -> None:
    x = tg.tensor([1, 2])
    x[0] = 3.7
    x.fill_(2.9)
    equal(x.numpy(), [2, 2])
    for write in (lambda: x.div_(2), lambda: x.add_(1.5), x.exp_):
        with pytest.raises(DtypeError, match="cannot be stored as int64"):
            write()
    h = leaf(1.0, 2.0) * 1
    h.mul_(tg.tensor([2.0, 3.0], dtype=tg.float64))
    assert h.dtype == np.float32
    h.backward(tg.ones(2))


def test_shapes_of_what_is_written() -> None:
    x = tg.zeros(2, 3)
    x[0] = tg.ones(1, 1, 3)
    x.copy_(tg.ones(3))
    with pytest.raises(ShapeError, match=r"x\[index\] = v: shape \(2, 2\) .* into shape \(3,\)"):
        x[0] = tg.ones(2, 2)
    with pytest.raises(ShapeError, match=r"copy_: shape \(2,\) cannot be .* shape \(2, 3\)"):
        x.copy_(tg.ones(2))
    with pytest.raises(ShapeError, match=r"copy_: a source of 3 dimensions .* shape \(2, 3\)"):
        x.copy_(tg.ones(1, 2, 3))
    with pytest.raises(ShapeError, match=r"fill_: value must be .* not of shape \(3,\); use copy_"):
        x.fill_(tg.ones(3))
    h = leaf(1.0, 2.0) * 1
    v = tg.tensor([[[7.0]]], requires_grad=True)
    h[1] = v
    h.backward(tg.tensor([1.0, 10.0]))
    equal(v.grad.numpy(), [[[10]]])


def test_a_write_of_its_own_detached_self_cuts_the_gradient() -> None:
    """It is no `h[0] += ...`, though the memory is the same."""
    x = leaf(1.0, 2.0)
    h = x * 1
    h[0] = h[0].detach()
    h.backward(tg.tensor([1.0, 10.0]))
    equal(x.grad.numpy(), [0, 10])
    with pytest.raises(GraphError, match="a leaf that requires grad cannot be changed"):
        x[...] = x.detach()
    d = x.detach()
    d[...] = x
    assert d.requires_grad


# --- views ---------------------------------------------------------------------------------------


def test_a_write_into_a_view_is_one_into_its_base_and_its_sisters() -> None:
    x = grid()
    h = x * 1
    row, column = h[0], h[:, 0]
    row.mul_(10)
    (column * tg.tensor([1.0, 2.0])).sum().backward()
    equal(h.detach().numpy(), [[10, 20, 30], [4, 5, 6]])
    equal(x.grad.numpy(), [[10, 0, 0], [2, 0, 0]])


def test_a_write_into_the_base_reaches_its_views() -> None:
    x = leaf(1.0, 2.0)
    h = x * 1
    view = h.view(2, 1)[1:]
    h.mul_(3)
    assert view.grad_fn is not None
    (view * 5).sum().backward()
    equal(view.detach().numpy(), [[6]])
    equal(x.grad.numpy(), [0, 15])


def test_a_chain_of_views_is_written_through() -> None:
    x = grid()
    h = x * 1
    h.T[1:].reshape(-1)[:2].zero_()  # columns 1 and 2 one after the other
    h.backward(tg.tensor([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]))
    equal(h.detach().numpy(), [[1, 2, 3], [4, 5, 6]])  # that reshape had to copy
    x.grad = None
    h = x * 1
    h.T[1:].transpose(0, 1)[0].zero_()
    h.backward(tg.tensor([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]))
    equal(h.detach().numpy(), [[1, 0, 0], [4, 5, 6]])
    equal(x.grad.numpy(), [[1, 0, 0], [4, 5, 6]])


def test_second_order_through_a_written_view() -> None:
    x = tg.tensor([1.0, 2.0, 3.0], dtype=tg.float64, requires_grad=True)

    def f(x: tg.Tensor) -> tg.Tensor:
        h = x * x
        h[:2] *= x[1:]
        h[[0, 2]] = x[[1, 0]] ** 3
        return h

    assert tg.autograd.gradcheck(f, [x])
    assert tg.autograd.gradgradcheck(f, [x], **TIGHT)


def test_a_place_in_an_array_of_another_memory_order_is_found() -> None:
    """In the memory order of a gradient a view may be a copy; the write must not get lost."""
    x = tg.tensor(np.arange(6.0).reshape(2, 3), requires_grad=True)
    h = x * 1
    h.view(6)[1:3].zero_()
    seed = tg.from_numpy(np.asfortranarray([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]))
    h.backward(seed)
    equal(x.grad.numpy(), [[1, 0, 0], [4, 5, 6]])


def test_views_made_under_no_grad() -> None:
    h = leaf(1.0, 2.0) * 1
    with tg.no_grad():
        view = h[:1]
    with pytest.raises(GraphError, match=r"made under no_grad\(\).* under one mode"):
        view.add_(1)
    h.mul_(2)
    with pytest.raises(GraphError, match=r"made under no_grad\(\).* under one mode"):
        view * 2


def test_views_of_two_modes_print_and_serve_where_nothing_is_recorded() -> None:
    base = tg.zeros(4)
    with tg.no_grad():
        view = base[:2]
    base[2:] = leaf(1.0, 1.0)
    assert repr(view) == "tensor([0., 0.], grad_fn=<Invalid>)"
    assert view.requires_grad
    assert view.grad is None
    with tg.no_grad():
        assert not (view * 2).requires_grad
        view.add_(3)
        equal((view * 2).numpy(), [6, 6])
    for use in (lambda: view * 2, lambda: view.is_leaf, lambda: view.grad_fn):
        with pytest.raises(GraphError, match=r"made under no_grad\(\).* under one mode"):
            use()
    assert "Invalid" in repr(view)


def test_a_view_of_a_parameter_that_is_frozen_or_trained_since() -> None:
    p = nn.Parameter(tg.zeros(4))
    with tg.no_grad():
        flat = p.view(-1)
    tracked = p[:2]
    p.requires_grad_(False)
    p.add_(1)
    assert repr(flat) == "tensor([1., 1., 1., 1.])"
    assert not (flat * 2).requires_grad
    assert tracked.requires_grad  # what was recorded remains
    tracked.sum().backward()

    w = tg.zeros(4)
    with tg.no_grad():
        head = w[:2]
    w.requires_grad_()
    with tg.no_grad():
        w.add_(1)
        equal((head * 2).numpy(), [2, 2])
    with pytest.raises(GraphError, match="under one mode"):
        head * 2


def test_a_view_of_what_was_cut_off_keeps_its_history() -> None:
    x = leaf(1.0, 2.0)
    y = x * 2
    view = y[:1]
    y.detach_()
    with tg.no_grad():
        y.add_(1)
    assert view.requires_grad
    view.sum().backward()
    equal(x.grad.numpy(), [2, 0])
    y.mul_(leaf(3.0, 3.0))
    assert y.requires_grad
    (view * 1).sum().backward()  # now through the new history
    equal(x.grad.numpy(), [2, 0])


def test_a_view_that_is_a_leaf_follows_a_recorded_write_to_its_base() -> None:
    w, base = leaf(3.0, 3.0, 3.0, 3.0), tg.ones(4)
    view, sister = base[:2], base[:2]
    view.requires_grad_()
    (view * 5).sum().backward()
    base.add_(1)  # not tracked: the view stays a leaf
    assert view.is_leaf
    base.mul_(w)
    assert not view.is_leaf
    assert view.requires_grad
    (view + sister).sum().backward()
    equal(w.grad.numpy(), [4, 4, 0, 0])
    equal(view.detach().numpy(), [6, 6])
    with pytest.raises(RuntimeError, match="only leaves can stop asking"):
        view.requires_grad_(False)

    view = tg.zeros(4)[:2].requires_grad_()
    view.requires_grad_(False)
    assert not view.requires_grad
    with pytest.raises(GraphError, match="a leaf that requires grad cannot be changed in place"):
        view.requires_grad_().add_(1)


def test_a_leaf_that_was_moved_into_the_graph_gets_no_gradient_of_before() -> None:
    base = tg.zeros(4)
    view = base[:2].requires_grad_()
    base[2:] = view * 2
    with pytest.raises(GraphError, match=r"leaf of shape \(2,\) was moved into the interior"):
        base.sum().backward()
    x = leaf(1.0)
    y = x * 2
    x.requires_grad_(False)
    x.mul_(leaf(2.0))
    with pytest.raises(GraphError, match=r"leaf of shape \(1,\) was moved into the interior"):
        y.backward()


def test_a_leaf_frozen_after_the_forward_pass_accumulates_nothing() -> None:
    x, seen = leaf(1.0, 2.0), []
    x.register_hook(lambda g: seen.append(g.tolist()))
    y = (x * 2).sum()
    x.requires_grad_(False)
    y.backward(retain_graph=True)
    assert x.grad is None
    assert seen == [[2, 2]]  # as in PyTorch
    x.requires_grad_()
    y.backward()
    equal(x.grad.numpy(), [2, 2])


def test_writes_under_no_grad_leave_the_history_of_views() -> None:
    x = leaf(1.0, 2.0)
    h = x * 2
    view = h[1:]
    with tg.no_grad():
        h.add_(100)
    view.backward(tg.tensor([3.0]))
    equal(view.detach().numpy(), [104])
    equal(x.grad.numpy(), [0, 6])


def test_a_view_of_a_tensor_that_has_other_data_now() -> None:
    x = tg.zeros(2)
    view = x[:1]
    x.data = tg.ones(2)
    view.add_(leaf(5.0))
    assert view.requires_grad
    assert not x.requires_grad
    equal(x.numpy(), [1, 1])


def test_detach_in_place() -> None:
    x = leaf(1.0, 2.0)
    h = x * 2
    z = h + 1
    assert h.detach_() is h
    assert h.is_leaf
    assert not h.requires_grad
    z.backward(tg.tensor([1.0, 10.0]))
    equal(x.grad.numpy(), [2, 20])
    with pytest.raises(GraphError, match="detach_: a view cannot be cut off"):
        (x * 2)[0].detach_()
    assert not x.detach_().requires_grad


def test_views_hold_their_base_and_bases_no_views() -> None:
    gc.disable()
    try:
        h = grid() * 1
        view = h[0]
        view.mul_(2)
        h.mul_(2)
        gone = weakref.ref(view)
        del view
        assert gone() is None
        base = weakref.ref(h)
        view = h[1]
        view.mul_(2)
        del h
        assert base() is not None
        del view
        assert base() is None
    finally:
        gc.enable()


def test_elements_that_share_a_place_are_not_written() -> None:
    x = tg.zeros(1, 3)
    for write in (lambda e: e.add_(1), lambda e: e.__setitem__(0, 1.0), lambda e: e.zero_()):
        with pytest.raises(GraphError, match=r"several of its elements share one place \(expand\)"):
            write(x.expand(2, 3))


# --- memory order --------------------------------------------------------------------------------


def maps() -> tg.Tensor:
    """What a convolution gives: stored as the engine likes, row-major to look at."""
    y = nn.functional.conv2d(tg.randn(8, 3, 6, 6), tg.randn(4, 3, 3, 3))
    assert not y.numpy().flags.c_contiguous
    return nn.functional.conv2d(tg.randn(8, 3, 6, 6), tg.randn(4, 3, 3, 3))


def test_the_order_that_the_engine_chose_does_not_show() -> None:
    y = maps()
    assert y.stride() == (64, 16, 4, 1)
    assert y.is_contiguous()
    assert y.contiguous() is y
    assert y.transpose(0, 1).stride() == (16, 64, 4, 1)
    assert not y.permute(1, 2, 3, 0).is_contiguous()
    with pytest.raises(ShapeError, match=r"strides \(16, 4, 1, 64\)"):
        y.permute(1, 2, 3, 0).view(-1)
    assert y[:, 1:3].view(8, -1).shape == (8, 32)


def test_a_view_of_such_a_result_is_written_through() -> None:
    y = maps()
    before = y * 1
    flat = y.view(8, -1)
    flat[:, 0] = 100.0
    equal(y[:, 0, 0, 0].numpy(), np.full(8, 100))
    equal(y[:, 1].numpy(), before[:, 1].numpy())


def test_a_reshape_that_copies_elsewhere_copies_here() -> None:
    y = maps()
    flat = y.permute(1, 2, 3, 0).reshape(-1)
    before = y.numpy().copy()
    flat.zero_()
    equal(y.numpy(), before)


@pytest.mark.parametrize(
    ("make", "stride"),
    [
        (lambda x: x, (12, 4, 1)),
        (lambda x: x.transpose(0, 1), (4, 12, 1)),
        (lambda x: x[:, :1], (12, 4, 1)),
        (lambda x: x[None], (24, 12, 4, 1)),
        (lambda x: x[:, None], (12, 12, 4, 1)),
        (lambda x: x[..., None], (12, 4, 1, 1)),
        (lambda x: x.unsqueeze(-1), (12, 4, 1, 1)),
        (lambda x: x[:, 0], (12, 1)),
        (lambda x: x[:, :, ::2], (12, 4, 2)),
        (lambda x: x.diagonal(), (1, 16)),
        (lambda x: x[0, :1].expand(5, 4), (0, 1)),
        (lambda x: x[:0], (12, 4, 1)),
        (lambda x: x[:, :0], (12, 4, 1)),
        (lambda x: x[:, :1, :2], (12, 4, 1)),
        (lambda x: x[:, :1][:, None], (12, 4, 4, 1)),
        (lambda _: tg.zeros(2, 0, 3), (3, 3, 1)),
        (lambda _: tg.zeros(0, 3), (3, 1)),
        (lambda x: x.sum(), ()),
        (lambda x: x.transpose(0, 1).contiguous(), (8, 4, 1)),
    ],
)
def test_strides(make: Callable[[tg.Tensor], tg.Tensor], stride: tuple[int, ...]) -> None:
    y = make(tg.zeros(2, 3, 4))
    assert y.stride() == stride
    assert [y.stride(i) for i in range(y.ndim)] == list(stride)


def test_strides_of_a_dimension_that_is_not_there() -> None:
    with pytest.raises(IndexError, match="stride: dimension 3 is out of range"):
        tg.zeros(2, 3).stride(3)


def test_view_refuses_what_needs_a_copy_and_reshape_copies() -> None:
    x = grid()
    with pytest.raises(ShapeError, match=r"view: shape \(6,\) .* \(3, 2\) with strides \(1, 3\)"):
        x.t().view(-1)
    equal(x.t().reshape(-1).detach().numpy(), [1, 4, 2, 5, 3, 6])
    assert x.view_as(tg.zeros(3, 2)).shape == x.reshape_as(tg.zeros(3, 2)).shape == (3, 2)
    assert tg.zeros(1, 3).expand_as(x).shape == (2, 3)


# --- refusals of the places ----------------------------------------------------------------------

I = tg.tensor([[0, 2]])


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda x: x.gather(1, I + 1), PlaceError, "gather: index 3 .* dimension 1 with size 3"),
        (lambda x: x.gather(1, I - 1), PlaceError, "gather: index -1 is out of bounds"),
        (lambda x: x.gather(1, I[0]), ShapeError, r"index of shape \(2,\) .* input of shape"),
        (
            lambda x: x.gather(0, tg.zeros(1, 4).long()),
            ShapeError,
            "none larger beside dim",
        ),
        (lambda x: x.gather(1, I.float()), DtypeError, "index must be .*, not float32"),
        (lambda x: x.scatter(1, I + 1, 0.0), PlaceError, "scatter: index 3"),
        (lambda x: x.scatter(1, I, x[:1, :1]), ShapeError, r"src of shape \(1, 1\)"),
        (lambda x: x.scatter(1, I, x.double()), DtypeError, "is float32 and the source is float64"),
        (lambda x: x.scatter(1, I), TypeError, "scatter: give either src or value"),
        (lambda x: x.scatter_add(1, I, x[:1, :1]), ShapeError, "scatter_add: index of shape"),
        (lambda x: x.index_select(1, I), PlaceError, "index_select: index must have one dimension"),
        (lambda x: x[0, 0].index_select(0, I[0] * 0), PlaceError, "0-d tensor has one place"),
        (lambda x: x.index_add(1, I[0], x), ShapeError, r"it must have \(2, 2\)"),
        (lambda x: x.index_fill(1, I[0] - 4, 0.0), PlaceError, "index_fill: index -4"),
        (lambda x: x.index_fill(1, I[0], I), ShapeError, "a number or a 0-d tensor, not of shape"),
        (lambda x: x.masked_fill(x.long(), 0.0), DtypeError, "mask must be .* bools, not int64"),
        (lambda x: x.masked_fill(x > 1, x), ShapeError, r"not of shape \(2, 3\)"),
        (lambda x: x.masked_select(x), DtypeError, "mask must be .* bools, not float32"),
        (lambda x: x.masked_select(tg.ones(5).bool()), ShapeError, "do not broadcast"),
        (lambda x: x.clamp(), RuntimeError, "at least one of min and max"),
        (lambda x: x.lerp(x.double(), 0.5), DtypeError, "input is float32 and end is float64"),
        (lambda x: x.addcdiv(x.long(), x.long()), DtypeError, "int64 cannot be divided by int64"),
        (lambda x: x.addcmul(2.0, x), TypeError, "addcmul: tensor1 must be a Tensor"),
        (lambda x: x.diagonal(0, 1, -1), ShapeError, "dim1 and dim2 must differ"),
        (lambda x: x.select(1, 3), IndexError, "index 3 is out of bounds for dimension 1"),
        (lambda x: x.sum().select(0, 0), IndexError, "select: a 0-d tensor"),
        (lambda x: x.sum().unbind(), IndexError, "unbind: a 0-d tensor"),
        (lambda x: x.split([1, 1], 1), ShapeError, r"sizes \[1, 1\] .* add up to the size 3"),
        (lambda x: x.split(0), ShapeError, "a positive size, not 0"),
        (lambda x: x.sum().split(1), ShapeError, "split: a 0-d tensor"),
        (lambda x: x.chunk(0), ShapeError, "greater than 0, not 0"),
        (lambda x: x.sum().chunk(1), ShapeError, "chunk: a 0-d tensor"),
        (lambda x: x.expand(-1, 2, 3), ShapeError, "does not broadcast"),
    ],
)
def test_refusals(call: Callable[[tg.Tensor], Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        call(grid().detach())


def test_pieces_of_nothing() -> None:
    empty = tg.zeros(0, 2)
    assert [tuple(p.shape) for p in empty.chunk(3)] == [(0, 2)] * 3
    assert [tuple(p.shape) for p in empty.split(3)] == [(0, 2)]
    assert empty.unbind() == ()
    assert tg.zeros(2, 3).diagonal(9).shape == (0,)


def test_gather_and_select_of_0d_tensors() -> None:
    x = tg.tensor(3.0)
    assert x.gather(0, tg.tensor(0)).shape == ()
    assert x.gather(0, tg.tensor([0, 0])).tolist() == [3, 3]
    assert x.index_select(0, tg.tensor([0])).shape == ()
    assert x.index_fill(0, tg.tensor([0]), 5.0).item() == 5
    assert tg.zeros(2, 3).gather(1, tg.zeros(2, 0).long()).shape == (2, 0)


def test_an_expand_that_repeats_nothing_can_be_written() -> None:
    x = tg.zeros(3)
    x.expand(3).add_(1.0)
    x.expand(1, 3).mul_(2.0)
    equal(x.numpy(), [2, 2, 2])
    with pytest.raises(GraphError, match="share one place"):
        x.expand(2, 3).add_(1.0)
