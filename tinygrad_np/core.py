"""The recorded graph: a value knows the node that made it; a node knows its op and its parents.

Edges run from results to operands only, so a graph is freed by plain reference counting as soon
as its last result goes. The arrow of time is kept by *version cells*: lists, shared by all values
over the same memory, whose first element counts the writes; a node remembers the counts it saw. A
second element marks memory that others look at too (`views.py`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, TypeAlias, TypeVar, overload

import numpy as np
from numpy import ndarray

from tinygrad_np.dtypes import float32
from tinygrad_np.errors import ShapeError, no_broadcast, undeclared_read
from tinygrad_np.recorder import IN_RULE, PLAIN, thread

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from tinygrad_np.dtypes import Dtype

Array: TypeAlias = "np.ndarray[Any, Any]"
Operand: TypeAlias = Any  # in a rule: an array in an ordinary backward, a Value under create_graph
Thunks: TypeAlias = "tuple[Callable[[], Operand] | None, ...]"
Cell: TypeAlias = "list[int]"
V = TypeVar("V")

RESULT = -1  # in `reads`: the result itself, which stands last among what a node saves


class Meta:
    """Shape and dtype: what a rule gets in place of an array that it did not ask to read."""

    __slots__ = ("dtype", "shape")

    def __init__(self, shape: tuple[int, ...], dtype: Dtype) -> None:
        self.shape = shape
        self.dtype = dtype

    @property
    def ndim(self) -> int:
        """Number of dimensions."""
        return len(self.shape)


class Op:
    """An operation: a forward on arrays, and its derivative in operators that work on both.

    `forward` takes arrays (or Python numbers) and returns an array, or `(array, kept)` if `keeps`.
    `vjp(g, *operands, result)` returns one thunk per operand, which gives the gradient of that
    operand; with `keeps`, what was kept comes last (None under create_graph).
    """

    __slots__ = ()
    formula: ClassVar[str] = ""
    derivative: ClassVar[str] = ""
    # PyTorch's name of the derivative, if not that of the op; or several, by the result's rank.
    grad_fn: str | tuple[str, ...] = ""
    # For each operand, what its gradient reads: positions of operands, or RESULT. Nothing else is
    # kept alive or version-checked. Operands past the end of the tuple read nothing; None in place
    # of the tuple says that there is no derivative.
    reads: tuple[tuple[int, ...], ...] | None = ()
    broadcasts: ClassVar[bool] = False  # the engine sums gradients back to the operands' shapes
    promotes: ClassVar[slice | None] = None  # operands that are brought to one dtype
    floating: ClassVar[bool] = False  # integers are brought to the default float dtype
    bools: ClassVar[bool] = True  # False: an operand of bools is refused
    keeps: ClassVar[bool] = False  # forward returns (result, kept)
    views: ClassVar[bool] = False  # the result may share the first operand's memory

    @property
    def name(self) -> str:
        """Name in pictures and messages."""
        return type(self).__name__

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """Compute the result from arrays, which are never mutated."""
        raise NotImplementedError(self.name)

    def vjp(self, g: Operand, *args: Any, **kwargs: Any) -> Thunks:
        """Pull the gradient `g` of the result back to the operands."""
        raise NotImplementedError(f"{self.name} has no derivative")


class Node(Meta):
    """One recorded op, and the shape and dtype of its result.

    `saved` holds its operands, then its result: the arrays that a wanted gradient reads, and in
    the place of each other operand something that knows its shape and dtype (its vertex, or Meta).
    """

    __slots__ = ("__weakref__", "cells", "hooks", "kept", "op", "parents", "saved")

    op: Op
    parents: Sequence[Vertex | None]  # of each operand: its node; the leaf itself; or None
    saved: Sequence[Any] | None  # None once freed
    cells: Sequence[tuple[Cell, int]]  # of the saved arrays, as `read_positions` go; numbers seen
    kept: Any
    hooks: Any  # of a HookedNode; an ordinary node has none, and never sets the slot


class Accumulator:
    """What a tensor needs once it asks for a gradient of its own."""

    __slots__ = ("grad", "hooks", "requires_grad")

    def __init__(self) -> None:
        self.requires_grad = False
        self.grad: Any = None
        self.hooks: Any = None

    def settle(self, value: Value) -> Node | None:
        """Give the node of `value`; a view whose base was written finds its new one here."""
        return value.node


class Value:
    """An array, the node that made it, its version cell and, for some, an accumulator."""

    __slots__ = ("__weakref__", "accumulator", "array", "cell", "node")

    array: Array
    node: Node | None
    cell: Cell
    accumulator: Accumulator | None

    parents: ClassVar[tuple[()]] = ()  # a leaf is a vertex without parents

    @property
    def shape(self) -> tuple[int, ...]:
        """Size of each dimension."""
        shape: tuple[int, ...] = self.array.shape
        return shape

    @property
    def dtype(self) -> Dtype:
        """Type of the elements."""
        dtype: Dtype = self.array.dtype
        return dtype

    @property
    def ndim(self) -> int:
        """Number of dimensions."""
        return self.array.ndim

    @property
    def vertex(self) -> Vertex | None:
        """Where gradients of this value flow to: its node, itself if it is a leaf, or nowhere."""
        accumulator = self.accumulator
        if accumulator is None:
            return self.node
        return self if accumulator.requires_grad else accumulator.settle(self)

    def written(self) -> None:
        """Note a write into the memory: what was recorded before it is now out of date."""
        self.cell[0] += 1


Vertex: TypeAlias = Node | Value


result_class: list[type[Value]] = [Value]
_promote: list[Callable[[Op, Sequence[Any]], list[Any] | None]] = []
_alias: list[Callable[[Op, Value, Value], None]] = []
new = object.__new__


def register_result_class(cls: type[Value]) -> None:
    """Make `cls` the class of all results; called once, by the module that defines Tensor."""
    result_class[0] = cls


def register_promotion(promote: Callable[[Op, Sequence[Any]], list[Any] | None]) -> None:
    """Make `promote` what brings operands to one dtype; called once, by the module promotion."""
    _promote.append(promote)


def register_views(alias: Callable[[Op, Value, Value], None]) -> None:
    """Make `alias` what ties a view to the memory it shows; called once, by the module views."""
    _alias.append(alias)


def wrap(array: Any, cell: Cell | None = None) -> Any:
    """Make an untracked value of the registered class. NumPy scalars become 0-d arrays."""
    value = new(result_class[0])
    value.array = array if type(array) is ndarray else np.asarray(array)
    value.node = None
    value.cell = [0] if cell is None else cell
    value.accumulator = None
    return value


@overload
def apply(op: Op, input: V, /, *others: Any) -> V: ...
@overload
def apply(op: Op, *operands: Any) -> Any: ...
def apply(op: Op, *operands: Any) -> Any:
    """Run `op` and, where a gradient may be asked for, record it.

    Operands are values and Python numbers; bare arrays only inside a rule, where nothing is
    recorded and the result is an array as well.
    """
    recorder = thread.recorder
    if recorder is IN_RULE:
        for x in operands:
            if isinstance(x, (Meta, Value)):
                raise undeclared_read(op.name)
        y = op.forward(*operands)
        return y[0] if op.keeps else y
    arrays: list[Any] = []
    parents: list[Vertex | None] = []
    dtype: Dtype | None = None
    tracked = uneven = False
    for x in operands:
        if isinstance(x, Value):
            array = x.array
            vertex = x.node if x.accumulator is None else x.vertex
            if vertex is not None:
                tracked = True
            if dtype is None:
                dtype = array.dtype
            elif array.dtype is not dtype:
                uneven = True
            arrays.append(array)
            parents.append(vertex)
        else:
            if type(x) is not float and type(x) is not int:
                uneven = True
            arrays.append(x)
            parents.append(None)
    if uneven or (dtype is not float32 and (dtype is None or dtype.kind != "f")):
        fitted = _promote[0](op, operands)
        if fitted is not None:
            return apply(op, *fitted)
    try:
        y = op.forward(*arrays)
    except ValueError as error:
        if not op.broadcasts or isinstance(error, ShapeError):
            raise
        raise no_broadcast(op.name, map(np.shape, arrays)) from None
    kept = None
    if op.keeps:
        y, kept = y
    out = new(result_class[0])
    out.array = y if type(y) is ndarray else np.asarray(y)
    out.cell = [0]
    out.accumulator = None
    out.node = None
    if tracked and recorder is not None and op.reads is not None:
        out.node = node = record(op, operands, parents, arrays, out)
        node.kept = kept
        if recorder is not PLAIN:
            recorder.recorded(node, arrays, out.array)
    if op.views:
        _alias[0](op, operands[0], out)
    return out


def record(
    op: Op, operands: Sequence[Any], parents: list[Vertex | None], arrays: list[Any], out: Value
) -> Node:
    """Make the node of `out`, which keeps what the wanted gradients read and nothing else."""
    saved: list[Any] = [*parents, None]
    cells: list[tuple[Cell, int]] = []
    for i in read_positions(op, parents):
        value = out if i == RESULT else operands[i]
        if isinstance(value, Value):
            saved[i] = value.array
            cell = value.cell
            cells.append((cell, cell[0]))
    if len(arrays) > 1:
        for i, x in enumerate(arrays):
            if saved[i] is None:  # neither read nor tracked
                saved[i] = Meta(x.shape, x.dtype) if type(x) is ndarray else x
    node = new(Node)
    node.op = op
    node.parents = parents
    node.saved = saved
    node.cells = cells
    node.kept = None
    array = out.array
    node.shape = array.shape
    node.dtype = array.dtype
    return node


def read_positions(op: Op, parents: Sequence[Vertex | None]) -> Iterable[int]:
    """Positions of what the gradients of tracked operands read, each once, in a fixed order."""
    reads = op.reads or ()
    if len(reads) <= 1:  # one operand, or none, has a gradient that reads anything
        return reads[0] if reads and parents[0] is not None else ()
    return dict.fromkeys(
        i
        for parent, positions in zip(parents, reads, strict=False)
        if parent is not None
        for i in positions
    )
