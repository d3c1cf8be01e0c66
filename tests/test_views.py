"""Views know their base: when they follow it into the graph, and when they stay behind."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

import nn.functional as F
import tinygrad_np as tg
from tinygrad_np import views
from tinygrad_np.errors import GraphError, ShapeError

if TYPE_CHECKING:
    from collections.abc import Callable

equal = np.testing.assert_array_equal


def leaf(*values: float) -> tg.Tensor:
    return tg.tensor(values, requires_grad=True)


# --- views that follow ---------------------------------------------------------------------------


@pytest.mark.parametrize("looked", [False, True])
@pytest.mark.parametrize("writes", [1, 2])
def test_a_view_of_what_became_a_leaf_after_a_write(looked: bool, writes: int) -> None:
    """Whether anyone used the view in between makes no difference."""
    w = tg.zeros(3)
    view = w[:2]
    for _ in range(writes):
        w.add_(1)
        if looked:
            assert not (view * 2).requires_grad
    w.requires_grad_()
    (view * 2).sum().backward()
    equal(w.grad.numpy(), [2, 2, 0])


def test_a_view_made_after_one_write_follows_the_next() -> None:
    x = leaf(1.0, 2.0)
    h = x * 1
    h.mul_(2)
    view = h[:1]
    h.mul_(3)
    (view * 5).sum().backward()
    equal(x.grad.numpy(), [30, 0])


def test_a_view_stays_in_the_history_that_its_base_was_cut_off_from() -> None:
    x = leaf(1.0, 2.0)
    h = x * 1
    view = h[:1]
    h.mul_(2)
    h.mul_(3)
    assert view.requires_grad
    h.detach_().requires_grad_()
    (view * 5).sum().backward()
    equal(x.grad.numpy(), [30, 0])
    assert h.grad is None


def test_a_view_keeps_its_gradients_where_a_write_moves_it() -> None:
    x = leaf(1.0, 2.0)
    h = x * 1
    view = h[:1]
    view.retain_grad()
    h.mul_(3)
    (view * 5).sum().backward()
    equal(view.grad.numpy(), [5])
    equal(x.grad.numpy(), [15, 0])


def test_a_view_of_other_data_follows_no_more() -> None:
    x = tg.zeros(2)
    view = x[:1]
    x.data = tg.ones(2)
    x.mul_(leaf(2.0, 3.0))
    view.add_(1)
    assert not view.requires_grad
    equal(view.numpy(), [1])
    equal(x.detach().numpy(), [2, 3])


# --- views of two modes --------------------------------------------------------------------------


@pytest.mark.parametrize("outer", [False, True])
@pytest.mark.parametrize("inner", [False, True])
def test_a_view_of_a_view_is_recorded_where_both_are(outer: bool, inner: bool) -> None:
    h = leaf(1.0, 2.0) * 1
    with tg.set_grad_enabled(outer):
        view = h[:]
    with tg.set_grad_enabled(inner):
        part = view[:1]
    h.mul_(2)
    if outer and inner:
        assert (part * 2).requires_grad
    else:
        with pytest.raises(GraphError, match="under one mode"):
            part * 2


def test_a_view_and_a_write_under_no_grad_go_together() -> None:
    h = leaf(1.0, 2.0) * 1
    with tg.no_grad():
        view = h[:1]
        h.add_(1)
    equal((view * 2).numpy(), [4])


@pytest.mark.parametrize("recorded", [False, True])
@pytest.mark.parametrize("written", [False, True])
def test_a_view_prints_as_invalid_only_where_it_is(recorded: bool, written: bool) -> None:
    h = leaf(1.0, 2.0) * 1
    with tg.set_grad_enabled(recorded):
        view = h[:1]
    if written:
        h.mul_(2)
    assert ("Invalid" in repr(view)) == (written and not recorded)


@pytest.mark.parametrize("make", [lambda h: h, lambda h: h[:]])
def test_a_write_into_what_is_no_view_of_two_modes(make: Callable[[tg.Tensor], tg.Tensor]) -> None:
    for h in (tg.ones(2), tg.ones(2) * 1):
        view = make(h)
        view.mul_(leaf(2.0, 3.0))
        assert h.requires_grad


# --- views that are leaves -----------------------------------------------------------------------


def test_asking_twice_for_a_gradient_changes_nothing() -> None:
    base, x = tg.ones(4), leaf(1.0, 2.0)
    view = base[:2].requires_grad_().requires_grad_()
    for t in (view, x):
        (t * 5).sum().backward()
        assert t.requires_grad_().is_leaf
        equal(t.grad.numpy(), [5, 5])
        (t * 5).sum().backward()
        equal(t.grad.numpy(), [10, 10])


def test_a_view_that_is_a_leaf_is_one_until_its_base_is_written() -> None:
    base = tg.ones(4)
    view = base[:2].requires_grad_()
    base.requires_grad_()
    assert view.is_leaf
    assert view.requires_grad
    (view * 5).sum().backward()
    equal(view.grad.numpy(), [5, 5])
    base.requires_grad_(False)
    base.mul_(leaf(1.0, 2.0, 3.0, 4.0))
    assert not view.is_leaf
    assert view.requires_grad


def test_a_view_may_stop_asking_for_a_gradient() -> None:
    view = tg.ones(4)[:2].requires_grad_()
    assert not view.requires_grad_(False).requires_grad
    assert not (view * 2).requires_grad


# --- memory --------------------------------------------------------------------------------------


def whole() -> Any:
    return np.arange(6.0).reshape(2, 3)  # a view itself


def foreign() -> Any:
    return np.frombuffer(bytearray(48)).reshape(2, 3)[:]


@pytest.mark.parametrize("make", [whole, lambda: whole().copy(), foreign])
@pytest.mark.parametrize(
    ("derive", "shared"),
    [
        (lambda a: a, True),
        (lambda a: a[:1], True),
        (lambda a: a.T[::-1], True),
        (lambda a: a.reshape(3, 2), True),
        (lambda a: a.T.reshape(6), False),
        (lambda a: a.copy(), False),
        (lambda a: a.copy()[:1], False),
        (lambda a: a[[0, 1]], False),
    ],
)
def test_what_shares_memory(make: Any, derive: Any, shared: bool) -> None:
    array = make()
    assert views.shares_memory(derive(array), array) == shared
    source = tg.from_numpy(array)
    before = source._version
    made = source.reshape(6) if shared else source.T.reshape(6)
    made.add_(1)
    assert source._version == before + shared


def test_memory_of_a_buffer_shares_its_count_of_writes_with_views() -> None:
    array = np.frombuffer(bytearray(16), np.float64)
    x = tg.from_numpy(array)
    x[:1].add_(5)
    assert x._version == 1
    equal(array, [5, 0])


def test_memory_is_marked_as_shared_once() -> None:
    cell = [3]
    assert views.share(cell) is views.share(cell) is cell
    assert cell == [3, views.SHARED]
    brought = [3, views.FOREIGN]
    assert views.share(brought) == [3, views.FOREIGN]


def test_memory_of_a_buffer_is_shared() -> None:
    array = np.frombuffer(bytearray(16), np.float64)  # no array owns it
    assert views.shares_memory(array[:1], array)


def maps() -> tg.Tensor:
    """What a convolution gives: row-major to look at, and rows, channels, columns, samples."""
    return F.conv2d(tg.randn(8, 3, 6, 6), tg.randn(4, 3, 3, 3))


def test_a_reshape_that_had_to_copy_is_no_view() -> None:
    """The order that the engine chose cannot change once others look at the memory."""
    y = maps()
    part = y[:1]
    before = y.numpy().copy()
    flat = y.view(8, -1)
    assert not np.shares_memory(flat.numpy(), y.numpy())
    flat.zero_()
    assert y._version == part._version == 0
    equal(y.numpy(), before)


def test_memory_that_happens_to_be_row_major_does_not_look_so() -> None:
    y = maps()
    turned = y.permute(2, 1, 3, 0)
    assert turned.numpy().flags.c_contiguous
    assert turned.stride() == (4, 16, 1, 64)
    assert not turned.is_contiguous()
    with pytest.raises(ShapeError, match="view: shape"):
        turned.view(-1)
    equal(turned.reshape(-1).numpy(), turned.numpy().ravel())


def test_a_repeated_part_of_such_memory() -> None:
    assert maps()[:1].expand(5, -1, -1, -1).stride() == (0, 16, 4, 1)
    assert maps()[:, :, 1].stride() == (64, 16, 1)


def test_memory_that_was_brought_along_keeps_its_order() -> None:
    columns = tg.from_numpy(np.asfortranarray(np.arange(6.0).reshape(2, 3)))
    assert columns.stride() == (1, 2)
    assert columns[:, 1:].stride() == (1, 2)
    assert not columns.is_contiguous()
    with pytest.raises(ShapeError, match="view: shape"):
        columns.view(6)
