"""What a backward pass will need of a tensor, without holding the tensor itself.

A node that held a result would lie on a cycle as soon as that tensor is written in place: its new
node comes after the one that holds it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tinygrad_np.core import Value, wrap
from tinygrad_np.errors import array_overwritten, leaf_replaced
from tinygrad_np.recorder import thread

if TYPE_CHECKING:
    from tinygrad_np.core import Array, Cell, Vertex


class Saved:
    """The memory of a tensor, how often it had been written, and where its gradient goes."""

    __slots__ = ("array", "cell", "seen", "vertex")

    def __init__(self, tensor: Value, vertex: Vertex | None) -> None:
        self.array: Array = tensor.array
        self.cell: Cell = tensor.cell
        self.seen = tensor.cell[0]
        self.vertex = vertex

    def tensor(self, name: str, vertex: Vertex | None = None) -> Any:
        """Give the tensor back to `name`, at its place in the graph, or at another."""
        if self.cell[0] != self.seen:
            raise array_overwritten(name, self.array.shape, self.seen, self.cell[0])
        vertex = self.vertex if vertex is None else vertex
        if isinstance(vertex, Value):
            if vertex.array is self.array:
                return vertex
            if thread.recorder is not None:
                raise leaf_replaced(name, self.array.shape)
            vertex = None  # nothing is recorded: the data are enough
        tensor = wrap(self.array, self.cell)
        tensor.node = vertex
        return tensor
