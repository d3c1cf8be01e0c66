"""In-place methods: `add_` and its kin, `x += y`, `x[i] = v`, and the filling ones.

A write outside a recording goes into the memory. A write that is recorded gives the tensor a new
node whose parent is the old one, so that what was recorded before keeps its meaning; version cells
notice if a derivative still needs what was overwritten. A view is written through its base.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self, TypeVar

import numpy as np

from tinygrad_np.arrival import moved
from tinygrad_np.core import Value, read_positions, record
from tinygrad_np.dtypes import can_cast
from tinygrad_np.errors import DtypeError, GraphError, ShapeError, view_of_two_modes
from tinygrad_np.ops import division, scatter, ternary
from tinygrad_np.ops import elementwise as ops
from tinygrad_np.ops.index import Put, explained, overwrite, steps
from tinygrad_np.ops.shape import reshape
from tinygrad_np.recorder import PLAIN, thread
from tinygrad_np.tensor.data import to_array
from tinygrad_np.views import made_recorded, root

if TYPE_CHECKING:
    from tinygrad_np.core import Node, Op
    from tinygrad_np.dtypes import Number
    from tinygrad_np.ops.index import GetItem


T = TypeVar("T", bound=Value)


class Writing(Value):
    """Methods that change a tensor in place; all return it."""

    __slots__ = ()

    def __iadd__(self, other: Any) -> Self:
        return store(self, self + other)

    def __isub__(self, other: Any) -> Self:
        return store(self, self - other)

    def __imul__(self, other: Any) -> Self:
        return store(self, self * other)

    def __itruediv__(self, other: Any) -> Self:
        return store(self, self / other)

    def __ifloordiv__(self, other: Any) -> Self:
        return store(self, self // other)

    def __imod__(self, other: Any) -> Self:
        return store(self, self % other)

    def __ipow__(self, exponent: Any) -> Self:
        return store(self, self**exponent)

    def __iand__(self, other: Any) -> Self:
        return store(self, self & other)

    def __ior__(self, other: Any) -> Self:
        return store(self, self | other)

    def __ixor__(self, other: Any) -> Self:
        return store(self, self ^ other)

    def __setitem__(self, index: Any, value: Any) -> None:
        path = steps(index, self.array.ndim)
        _refuse_bytes(index, value, path[-1])
        try:
            if not (isinstance(value, Value) and _is_part(value, self, path)):
                _assign(self, "x[index] = v", value, path)
        except IndexError as error:
            raise explained(error, index, self.array.shape) from None

    def add_(self, other: Any, *, alpha: Number = 1) -> Self:
        """Add `alpha·other` in place."""
        return store(self, ops.add(self, other, alpha=alpha))

    def sub_(self, other: Any, *, alpha: Number = 1) -> Self:
        """Subtract `alpha·other` in place."""
        return store(self, ops.sub(self, other, alpha=alpha))

    def mul_(self, other: Any) -> Self:
        """Multiply in place."""
        return store(self, ops.mul(self, other))

    def div_(self, other: Any, *, rounding_mode: str | None = None) -> Self:
        """Divide in place; see `tinygrad_np.div`."""
        return store(self, division.div(self, other, rounding_mode=rounding_mode))

    def floor_divide_(self, other: Any) -> Self:
        """Divide and round down in place."""
        return store(self, division.floor_divide(self, other))

    def remainder_(self, other: Any) -> Self:
        """Keep what `floor_divide` leaves over, in place."""
        return store(self, division.remainder(self, other))

    def fmod_(self, other: Any) -> Self:
        """Keep what a division rounded towards zero leaves over, in place."""
        return store(self, division.fmod(self, other))

    def pow_(self, exponent: Any) -> Self:
        """Raise to a power in place."""
        return store(self, ops.pow(self, exponent))

    def neg_(self) -> Self:
        """Change the sign in place."""
        return store(self, ops.neg(self))

    def exp_(self) -> Self:
        """Take the exponential in place."""
        return store(self, ops.exp(self))

    def sqrt_(self) -> Self:
        """Take the square root in place."""
        return store(self, ops.sqrt(self))

    def abs_(self) -> Self:
        """Take the absolute value in place."""
        return store(self, ops.abs(self))

    def log_(self) -> Self:
        """Take the natural logarithm in place."""
        return store(self, ops.log(self))

    def square_(self) -> Self:
        """Take the square in place."""
        return store(self, ops.pow(self, 2))  # which reads but one array: a copy is kept of it

    def tanh_(self) -> Self:
        """Take the hyperbolic tangent in place."""
        return store(self, ops.tanh(self))

    def sigmoid_(self) -> Self:
        """Take the logistic function in place."""
        return store(self, ops.sigmoid(self))

    def sign_(self) -> Self:
        """Take the sign in place."""
        return store(self, ops.sign(self))

    def relu_(self) -> Self:
        """Take the positive part in place."""
        return store(self, ops.relu(self))

    def clamp_(self, min: Any = None, max: Any = None) -> Self:
        """Hold between bounds in place; see `tinygrad_np.clamp`."""
        return store(self, ternary.clamp(self, min, max))

    clip_ = clamp_

    def clamp_min_(self, min: Any) -> Self:
        """Raise to at least `min` in place."""
        return store(self, ternary.clamp(self, min=min))

    def clamp_max_(self, max: Any) -> Self:
        """Lower to at most `max` in place."""
        return store(self, ternary.clamp(self, max=max))

    def addcmul_(self, tensor1: Any, tensor2: Any, *, value: Number = 1) -> Self:
        """Add `value·tensor1·tensor2` in place."""
        return store(self, ternary.addcmul(self, tensor1, tensor2, value=value))

    def addcdiv_(self, tensor1: Any, tensor2: Any, *, value: Number = 1) -> Self:
        """Add `value·tensor1/tensor2` in place."""
        return store(self, ternary.addcdiv(self, tensor1, tensor2, value=value))

    def lerp_(self, end: Any, weight: Any) -> Self:
        """Go towards `end` by `weight` in place; see `tinygrad_np.lerp`."""
        return store(self, ternary.lerp(self, end, weight))

    def masked_fill_(self, mask: Any, value: Any) -> Self:
        """Replace where `mask` is true, in place; see `tinygrad_np.masked_fill`."""
        return store(self, scatter.masked_fill(self, mask, value))

    def scatter_(
        self,
        dim: int,
        index: Any,
        src: Any = None,
        *,
        value: Any = None,
        reduce: str | None = None,
    ) -> Self:
        """Overwrite at `index` along `dim` in place; see `tinygrad_np.scatter`."""
        return store(self, scatter.scatter(self, dim, index, src, value=value, reduce=reduce))

    def scatter_add_(self, dim: int, index: Any, src: Any) -> Self:
        """Add at `index` along `dim` in place; see `tinygrad_np.scatter_add`."""
        return store(self, scatter.scatter_add(self, dim, index, src))

    def index_add_(self, dim: int, index: Any, source: Any, *, alpha: Number = 1) -> Self:
        """Add to slices of `dim` in place; see `tinygrad_np.index_add`."""
        return store(self, scatter.index_add(self, dim, index, source, alpha=alpha))

    def index_fill_(self, dim: int, index: Any, value: Any) -> Self:
        """Overwrite slices of `dim` with one number in place; see `tinygrad_np.index_fill`."""
        return store(self, scatter.index_fill(self, dim, index, value))

    def zero_(self) -> Self:
        """Set every element to 0. Gradient: 0 to what was there."""
        return self.fill_(0)

    def fill_(self, value: Any) -> Self:
        """Set every element to `value`, a number or a 0-d tensor.

        Gradient: 0 to what was there, the sum to a tensor `value`.
        """
        if np.ndim(value.array if isinstance(value, Value) else value):
            raise ShapeError(
                f"fill_: value must be a number or a 0-d tensor, not of shape "
                f"{np.shape(value.array if isinstance(value, Value) else value)}; use copy_"
            )
        _assign(self, "fill_", value)
        return self

    def copy_(self, src: Any, non_blocking: bool = False) -> Self:  # noqa: ARG002 - one device
        """Copy the elements of `src`, which broadcasts, into this tensor.

        They are converted to this tensor's dtype. Gradient: to `src`, and 0 to what was there.
        """
        rank = np.ndim(src.array if isinstance(src, Value) else src)
        if rank > self.array.ndim:
            raise ShapeError(
                f"copy_: a source of {rank} dimensions does not broadcast to shape "
                f"{self.array.shape}; drop dimensions of size 1 with .squeeze()"
            )
        _assign(self, "copy_", src)
        return self


def store(target: T, result: Any) -> T:
    """Put the result of an op on `target` into its memory, and its node into its place."""
    array, memory = result.array, target.array
    if array.shape != memory.shape:
        raise ShapeError(
            f"in place: a result of shape {array.shape} does not fit into a tensor of shape "
            f"{memory.shape}; write out of place (x = x + y)"
        )
    if array.dtype != memory.dtype and not can_cast(array.dtype, memory.dtype):
        raise DtypeError(
            f"in place: a result of {array.dtype} cannot be stored as {memory.dtype}; "
            "convert the tensor first, or write out of place (x = x + y)"
        )
    node = result.node
    if thread.recorder is not None:
        _refuse_recorded(target, node is not None)
    if node is not None:
        _keep_overwritten(node, memory)
        if array.dtype != memory.dtype:
            node = ops.to_dtype(result, memory.dtype).node
    _refuse_read_only(target)
    np.copyto(memory, array, casting="unsafe")
    if node is not None:
        base, path = root(target)
        if path:
            _record_write(base, path, result)
        else:
            before, target.node = target.node, node
            moved(target, before)
    target.written()
    if result.node is not None:  # under no_grad a result keeps the node that it had
        _share_result(result, target)
    return target


def _assign(target: Value, name: str, value: Any, path: tuple[Op, ...] = ()) -> None:
    """Write `value` over what `path` leads to in `target`, or over everything."""
    memory = target.array
    source = value if isinstance(value, Value) else None
    array = to_array(value, None) if source is None else source.array
    tracked = target.vertex is not None or (source is not None and source.vertex is not None)
    recorded = tracked and thread.recorder is not None and memory.dtype.kind == "f"
    if thread.recorder is not None:
        _refuse_recorded(target, recorded)
    _refuse_read_only(target)
    try:
        overwrite(memory, path, array)
    except ValueError as error:
        raise ShapeError(
            f"{name}: shape {array.shape} cannot be written into shape "
            f"{_part(memory, path).shape}: {error}"
        ) from None
    if recorded:
        if source is not None:
            extra = array.ndim - _part(memory, path).ndim
            if extra > 0:  # leading dimensions of size 1
                source = reshape(source, array.shape[extra:])
        base, above = root(target)
        _record_write(base, (*above, *path), array if source is None else source)
    target.written()


def _refuse_bytes(index: Any, value: Any, step: GetItem) -> None:
    """Refuse a single number written where a mask of bytes is true, as PyTorch does."""
    parts = index if isinstance(index, tuple) else (index,)
    if (
        any(isinstance(x, (Value, np.ndarray)) and x.dtype == np.uint8 and x.ndim for x in parts)
        and np.size(value.array if isinstance(value, Value) else value) == 1
        and sum(isinstance(x, np.ndarray) for x in step.index) == 1
    ):
        raise DtypeError(
            "x[mask] = number: the mask must be of bools, not of uint8; use mask.bool(), or "
            ".long() if places are meant"
        )


def _part(memory: np.ndarray[Any, Any], path: tuple[Op, ...]) -> np.ndarray[Any, Any]:
    for op in path:
        memory = op.forward(memory)
    return memory


def _record_write(base: Value, path: tuple[Op, ...], value: Any) -> None:
    """Give `base` the node of what it is once `value` is written over a part of it."""
    given = value if isinstance(value, Value) else None
    vertex = None if given is None else given.vertex
    array = value if given is None else given.array
    arrays = [base.array, array]
    node = record(Put(path), (base, value), [base.vertex, vertex], arrays, base)
    before, base.node = base.node, node
    moved(base, before)
    recorder = thread.recorder
    if recorder is not None and recorder is not PLAIN:
        recorder.recorded(node, arrays, base.array)


def _keep_overwritten(node: Node, memory: np.ndarray[Any, Any]) -> None:
    """Let the derivative of the write itself read a copy of what it is about to overwrite."""
    saved = node.saved
    if saved is None or saved[0] is not memory:
        return
    read = [i for i in read_positions(node.op, node.parents) if type(saved[i]) is np.ndarray]
    node.saved = [memory.copy(), *saved[1:]]
    node.cells = [([0], 0) if i == 0 else cell for i, cell in zip(read, node.cells, strict=True)]


def _share_result(result: Value, target: Value) -> None:
    """Where the derivative reads the result, let it read it in the target: one copy is enough."""
    node = result.node
    assert node is not None
    if (
        node.saved is not None
        and node.saved[-1] is result.array
        and result.array.dtype == target.array.dtype
    ):
        node.saved = [*node.saved[:-1], target.array]
        node.cells = [
            (target.cell, target.cell[0]) if cell is result.cell else (cell, seen)
            for cell, seen in node.cells
        ]


def _is_part(value: Value, target: Value, path: tuple[Op, ...]) -> bool:
    """Whether `target[index] = value` is but the end of `target[index] += y`, which wrote already.

    A detached value, or a view from under no_grad(), is in the same places and cuts the gradient.
    """
    base, above = root(value)
    return (
        base is root(target)[0]
        and (not above or thread.recorder is None or made_recorded(value))
        and _same(value.array, _part(target.array, path))
    )


def _same(a: np.ndarray[Any, Any], b: np.ndarray[Any, Any]) -> bool:
    """Whether two arrays are the same places of memory in the same order."""
    return (
        a.shape == b.shape
        and a.strides == b.strides
        and a.dtype == b.dtype
        and a.__array_interface__["data"] == b.__array_interface__["data"]
    )


def _refuse_read_only(target: Value) -> None:
    if not target.array.flags.writeable:
        raise GraphError(
            f"in place: the memory of this tensor of shape {target.array.shape} cannot be written: "
            "several of its elements share one place (expand), or it was made of a read-only "
            "array; write into a .clone()"
        )


def _refuse_recorded(target: Value, recorded: bool) -> None:
    """Refuse a write, while operations are recorded, that would change a leaf under its gradient.

    So would one through a view of it; and it is not clear what one through a view that was made
    under no_grad() means.
    """
    if target.vertex is target:
        raise GraphError(
            "a leaf that requires grad cannot be changed in place while operations are recorded; "
            "do it under no_grad(), or write out of place (x = x + y)"
        )
    base, path = root(target)
    if not path or not (recorded or base.vertex is not None):
        return
    if not made_recorded(target):
        raise view_of_two_modes()
    if base.vertex is base:
        raise GraphError(
            "a view of a leaf that requires grad cannot be changed in place while operations are "
            "recorded; do it under no_grad(), or write into a .clone() of the leaf"
        )
