"""Views: values over the memory of another, their history, and the memory order one may see.

A view knows its *base*, the value whose memory it shows, and the path of ops that leads from there
to itself. A recorded write into a view is a write into its base, which gets a new node; each view
notices by the version cell that the memory changed, and walks its path again from where the base
stands now. So writes through one of several views reach all of them, in memory and in gradients.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from tinygrad_np.arrival import moved
from tinygrad_np.core import Accumulator, apply, register_views, wrap
from tinygrad_np.errors import view_of_two_modes
from tinygrad_np.recorder import PLAIN, recording, thread

if TYPE_CHECKING:
    from tinygrad_np.core import Array, Cell, Node, Op, Value, Vertex

    V = TypeVar("V", bound=Value)

# What the second element of a version cell says of the memory.
SHARED = 1  # a view, a detached tensor or an array looks at it too: it must stay where it is
FOREIGN = 2  # the caller brought it, so that its memory order is the caller's choice

_new = object.__new__


class View(Accumulator):
    """Where a view comes from: `path` leads to it from `base`, which is no view itself."""

    __slots__ = ("base", "cell", "origin", "path", "recorded", "seen")

    base: Value
    path: tuple[Op, ...]
    origin: Vertex | None  # where the base stood in the graph when the view's node was made
    seen: int  # and how often its memory had been written
    recorded: bool  # whether the view was made while operations are recorded
    cell: Cell  # of a LeafView; an ordinary view never sets the slot

    def settle(self, view: Value) -> Node | None:
        """Give the view a new node if its base was written and has another place in the graph."""
        if self.seen != view.cell[0] and self.outdated(view.cell):
            if not self.recorded:
                if thread.recorder is None:  # nobody will use the node
                    return view.node
                raise view_of_two_modes()
            self.origin = self.base.vertex
            y = self.base
            with recording(PLAIN):
                for op in self.path:
                    y = apply(op, y)
            self.seen = view.cell[0]
            before, view.node = view.node, y.node
            moved(view, before)
        return view.node

    def outdated(self, cell: Cell) -> bool:
        """Whether the base was written, and has a place in the graph that is not the old one.

        A base that was frozen or cut off the graph has none: what was recorded of it remains.
        """
        vertex = self.base.vertex
        written = self.seen != cell[0] and self.base.cell is cell
        return written and vertex is not None and vertex is not self.origin


class LeafView(View):
    """Of a view that was made a leaf: it is one until its base gets a history, which it shares."""

    __slots__ = ()

    @property
    def requires_grad(self) -> bool:
        """Whether the view is a leaf still."""
        if self.outdated(self.cell):
            self.__class__ = View  # type: ignore[assignment]  # the same slots
            return False
        return True

    @requires_grad.setter
    def requires_grad(self, _: bool) -> None:  # False: by another way does a view become a leaf
        self.__class__ = View  # type: ignore[assignment]  # as above


class Ordered(Accumulator):
    """Of a detached view: the order in memory that was given to the view."""

    __slots__ = ("order",)

    order: Array  # an array of bytes with the same order, which nobody reads


def alias(op: Op, source: Value, out: Value) -> None:
    """Tie `out`, a result of `op`, to `source` if it lies in the same memory."""
    if not shares_memory(out.array, source.array):
        return
    cell = out.cell = share(source.cell)
    out.accumulator = record = _new(View)
    record.requires_grad = False
    record.grad = None
    record.hooks = None
    above = source.accumulator
    recorded = thread.recorder is not None
    if isinstance(above, View):
        record.base = base = above.base
        record.path = (*above.path, op)
        record.recorded = recorded and above.recorded
    else:
        record.base = base = source
        record.path = (op,)
        record.recorded = recorded
    record.origin = base.vertex
    record.seen = cell[0]


def root(value: Value) -> tuple[Value, tuple[Op, ...]]:
    """Give the base of a view and the path from there; of any other value itself, and no path."""
    record = value.accumulator
    if (
        isinstance(record, View) and record.base.cell is value.cell
    ):  # else the base has other data now
        return record.base, record.path
    return value, ()


def made_recorded(view: Value) -> bool:
    """Whether a view was made while operations are recorded."""
    assert isinstance(view.accumulator, View)
    return view.accumulator.recorded


def of_two_modes(value: Value) -> bool:
    """Whether this is a view from under no_grad(), and its base was written in grad mode since."""
    record = value.accumulator
    return isinstance(record, View) and not record.recorded and record.outdated(value.cell)


def make_leaf(value: Value) -> None:
    """Let a value without history ask for a gradient of its own."""
    record = value.accumulator
    if record is None:
        value.accumulator = record = Accumulator()
    if isinstance(record, View):
        record.cell = value.cell
        record.__class__ = LeafView
    else:
        record.requires_grad = True


def shares_memory(view: Array, array: Array) -> bool:
    """Whether `view` lies in the memory of `array`: both end in the same owner."""
    owner = array.base if array.base is not None else array
    return view is array or view.base is array or view.base is owner


def share(cell: Cell) -> Cell:
    """Mark memory that something else looks at from now on."""
    if len(cell) == 1:
        cell.append(SHARED)
    return cell


def layout(value: Value) -> Array:
    """Give an array with the strides that `value` has for all that one may see.

    Results of operations count as row-major, however the engine stores them; the views that one
    makes of them, and memory that one brought along, have the order that one gave them.
    """
    base, path = root(value)
    stand_in: Any
    if isinstance(base.accumulator, Ordered):
        stand_in = base.accumulator.order
    elif base.array.flags.c_contiguous or base.cell[1:] == [FOREIGN]:
        return value.array
    else:
        stand_in = np.empty(base.array.shape, np.int8)  # never touched: costs no memory
    for op in path:
        stand_in = op.forward(stand_in)
    return stand_in  # type: ignore[no-any-return]  # op.forward is untyped


def row_major(value: Value) -> bool:
    """Whether memory order is row-major, really and to look at: what most tensors are."""
    record = value.accumulator
    return value.array.flags.c_contiguous and (
        not isinstance(record, View) or record.base.array.flags.c_contiguous
    )


def detach(value: V) -> V:
    """Give a value over the same memory, in the same order, that is cut off the graph."""
    detached: V = wrap(value.array, share(value.cell))
    if not value.array.flags.c_contiguous and value.accumulator is not None:
        detached.accumulator = record = Ordered()
        record.order = layout(value)
    return detached


def viewable(value: Value, shape: tuple[int, ...]) -> bool:
    """Whether `shape` can be had without a copy, as far as one may see."""
    try:
        np.reshape(layout(value), shape, copy=False)
    except ValueError:
        return False
    return True


def strides(value: Value) -> tuple[int, ...]:
    """Elements from one place to the next in each dimension, as one may see them."""
    array = layout(value)
    found: list[int] = []
    step = 1
    for size, stride in zip(reversed(array.shape), reversed(array.strides), strict=True):
        # NumPy's is 0 for a dimension of size 1 that it inserted, and in an empty array it made.
        if stride == 0 and (size == 1 or not array.size):
            found.append(step)
        else:
            found.append(stride // array.itemsize)
        step = found[-1] * max(size, 1)
    return tuple(reversed(found))


register_views(alias)
