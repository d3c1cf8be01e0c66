"""The recorded graph as PyTorch shows it: `tensor.grad_fn`, its name, and where gradients go on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tinygrad_np.core import Node
from tinygrad_np.ops.several import Pick

if TYPE_CHECKING:
    from tinygrad_np.core import Value, Vertex


class GradFn:
    """A vertex of the graph: a recorded op, or a leaf that accumulates its gradient.

    Made anew on each access; two for the same vertex are equal.
    """

    __slots__ = ("_vertex",)

    def __init__(self, vertex: Vertex) -> None:
        self._vertex = vertex

    def name(self) -> str:
        """Name of the derivative, as PyTorch calls it: `MulBackward0`, `AccumulateGrad`."""
        if not isinstance(self._vertex, Node):
            return "AccumulateGrad"
        name, op = self._vertex.op.grad_fn, self._vertex.op
        if isinstance(name, tuple):
            return name[min(self._vertex.ndim, len(name) - 1)]
        return name or f"{op.name[0].upper()}{op.name[1:]}Backward0"

    @property
    def next_functions(self) -> tuple[tuple[GradFn | None, int], ...]:
        """Where gradients go from here; None for what needs none.

        The number says which of several results of a `Function` the gradient is that of.
        """
        return tuple(
            (None, 0) if parent is None else source(parent) for parent in self._vertex.parents
        )

    @property
    def variable(self) -> Value:
        """The leaf that accumulates its gradient here."""
        if not isinstance(self._vertex, Node):
            return self._vertex
        raise AttributeError(f"{self.name()} has no variable: only AccumulateGrad has")

    def __eq__(self, other: object) -> bool:
        return isinstance(other, GradFn) and other._vertex is self._vertex

    def __hash__(self) -> int:
        return hash(self._vertex)

    def __repr__(self) -> str:
        return f"<{self.name()}>"


def source(vertex: Vertex) -> tuple[GradFn, int]:
    """What is shown for a vertex, and which of its results."""
    if isinstance(vertex, Node) and isinstance(vertex.op, Pick):
        (function,) = vertex.parents
        assert function is not None
        return GradFn(function), vertex.op.index
    return GradFn(vertex), 0
