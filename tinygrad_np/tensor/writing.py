"""In-place methods: `add_` and its kin, `x += y`, `x[i] = v`, and the filling ones.

A write outside a recording goes into the memory. A write that is recorded gives the tensor a new
node whose parent is the old one, so that what was recorded before keeps its meaning; version cells
notice if a derivative still needs what was overwritten.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self, TypeVar

import numpy as np

from tinygrad_np.arrival import moved
from tinygrad_np.core import Value
from tinygrad_np.dtypes import can_cast
from tinygrad_np.errors import DtypeError, GraphError, ShapeError
from tinygrad_np.ops import elementwise as ops
from tinygrad_np.ops.index import numpy_index
from tinygrad_np.recorder import thread
from tinygrad_np.tensor.data import to_array

if TYPE_CHECKING:
    from tinygrad_np.dtypes import Number


T = TypeVar("T", bound=Value)


class Writing(Value):
    """Methods that change a tensor in place; all return it."""

    __slots__ = ()

    def __iadd__(self, other: Any) -> Self:
        return store(self, ops.add(self, other))

    def __isub__(self, other: Any) -> Self:
        return store(self, ops.sub(self, other))

    def __imul__(self, other: Any) -> Self:
        return store(self, ops.mul(self, other))

    def __itruediv__(self, other: Any) -> Self:
        return store(self, ops.div(self, other))

    def __ipow__(self, exponent: Any) -> Self:
        return store(self, ops.pow(self, exponent))

    def __iand__(self, other: Any) -> Self:
        return store(self, ops.bitwise_and(self, other))

    def __ior__(self, other: Any) -> Self:
        return store(self, ops.bitwise_or(self, other))

    def __ixor__(self, other: Any) -> Self:
        return store(self, ops.bitwise_xor(self, other))

    def __setitem__(self, index: Any, value: Any) -> None:
        _refuse_recorded(self, value, "x[index] = v")
        _refuse_read_only(self)
        self.array[numpy_index(index)] = to_array(value, self.array.dtype)
        self.written()

    def add_(self, other: Any, *, alpha: Number = 1) -> Self:
        """Add `alpha·other` in place."""
        return store(self, ops.add(self, other, alpha=alpha))

    def sub_(self, other: Any, *, alpha: Number = 1) -> Self:
        """Subtract `alpha·other` in place."""
        return store(self, ops.sub(self, other, alpha=alpha))

    def mul_(self, other: Any) -> Self:
        """Multiply in place."""
        return store(self, ops.mul(self, other))

    def div_(self, other: Any) -> Self:
        """Divide in place."""
        return store(self, ops.div(self, other))

    def relu_(self) -> Self:
        """Take the positive part in place."""
        return store(self, ops.relu(self))

    def zero_(self) -> Self:
        """Set every element to 0."""
        return self.fill_(0)

    def fill_(self, value: Number) -> Self:
        """Set every element to `value`."""
        _refuse_recorded(self, value, "fill_")
        _refuse_read_only(self)
        self.array.fill(value)
        self.written()
        return self

    def copy_(self, src: Value) -> Self:
        """Copy the elements of `src`, which broadcasts, into this tensor."""
        _refuse_recorded(self, src, "copy_")
        _write(self, src.array)
        return self


def store(target: T, result: Any) -> T:
    """Put the result of an op on `target` into its memory, and its node into its place."""
    if result.array.shape != target.array.shape:
        raise ShapeError(
            f"in place: a result of shape {result.array.shape} does not fit into a tensor of shape "
            f"{target.array.shape}; write out of place (x = x + y)"
        )
    if not can_cast(result.array.dtype, target.array.dtype):
        raise DtypeError(
            f"in place: a result of {result.array.dtype} cannot be stored as {target.array.dtype}; "
            "convert the tensor first, or write out of place (x = x + y)"
        )
    if result.node is not None:
        _refuse_leaf(target)
        if len(target.cell) > 1:
            raise GraphError(
                "in place: this tensor is a view of another, or has views, and its history is "
                "recorded; write out of place (x = x + y), or change a .clone()"
            )
    _write(target, result.array)
    if result.node is not None:  # under no_grad a result keeps the node that it had
        before, target.node = target.node, result.node
        moved(target, before)
        _share_result(result, target)
    return target


def _share_result(result: Value, target: Value) -> None:
    """Where the derivative reads the result, let it read it in the target: one copy is enough."""
    node = result.node
    assert node is not None
    if node.saved is not None and node.saved[-1] is result.array:
        node.saved = [*node.saved[:-1], target.array]
        node.cells = [
            (target.cell, target.cell[0]) if cell is result.cell else (cell, seen)
            for cell, seen in node.cells
        ]


def _refuse_read_only(target: Value) -> None:
    if not target.array.flags.writeable:
        raise GraphError(
            f"in place: the memory of this tensor of shape {target.array.shape} cannot be written: "
            "several of its elements share one place (expand), or it was made of a read-only "
            "array; write into a .clone()"
        )


def _write(target: Value, array: np.ndarray[Any, Any]) -> None:
    _refuse_read_only(target)
    try:
        np.copyto(target.array, array, casting="unsafe")
    except ValueError as error:
        raise ShapeError(
            f"in place: shape {array.shape} cannot be written into shape {target.array.shape}: "
            f"{error}"
        ) from None
    target.written()


def _refuse_recorded(target: Any, value: Any, name: str) -> None:
    """Refuse a write that would have to be recorded, and is not an op with a derivative."""
    if thread.recorder is None:
        return
    _refuse_leaf(target)
    if target.vertex is not None or (isinstance(value, Value) and value.vertex is not None):
        raise GraphError(
            f"{name}: this write would change what is recorded; use where() or cat() to make a "
            "new tensor, or write under no_grad()"
        )


def _refuse_leaf(target: Value) -> None:
    if target.node is None and target.vertex is not None:
        raise GraphError(
            "a leaf that requires grad cannot be changed in place while operations are recorded; "
            "do it under no_grad(), or write out of place (x = x + y)"
        )
