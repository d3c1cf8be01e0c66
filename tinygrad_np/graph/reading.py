"""What there is to show of a graph: its vertices in forward order, numbered, and their operands."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

import numpy as np

from tinygrad_np.autograd.watching import parameters
from tinygrad_np.core import Meta, Node, Value
from tinygrad_np.errors import GraphError, not_a_tensor
from tinygrad_np.graph.tracing import Trace
from tinygrad_np.order import topological

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from tinygrad_np.core import Op, Vertex
    from tinygrad_np.graph.tracing import Path

Outputs: TypeAlias = "Value | Sequence[Value]"
Names: TypeAlias = "Mapping[str, Value] | Iterable[tuple[str, Value]] | None"


class Constant(Meta):
    """An array that an op was given and that no gradient flows to; its name, or ""."""

    __slots__ = ("name",)

    def __init__(self, like: Any, name: str) -> None:
        super().__init__(like.shape, like.dtype)
        self.name = name


class Operand(NamedTuple):
    """One operand of a node: as its op calls it, and a vertex, a constant, a number, or unknown."""

    name: str
    source: Vertex | Constant | float | None


class Picture:
    """A graph as it is shown: at most `max_nodes` of its vertices, those nearest to the outputs."""

    __slots__ = ("hidden", "names", "notes", "numbers", "operands", "outputs", "paths")

    def __init__(
        self, outputs: Outputs, names: Names, trace: Trace | None, max_nodes: int | None
    ) -> None:
        self.outputs: dict[Vertex, None] = _vertices(outputs)
        self.names: dict[Vertex, str] = {}
        constants = self._name(names)
        reached = _nearest_first(self.outputs)
        kept = set(reached[: _limit(max_nodes)])
        forward = [v for v in reversed(topological(self.outputs)) if v in kept]
        self.numbers: dict[Vertex, int] = {vertex: i for i, vertex in enumerate(forward)}
        self.operands: dict[Node, list[Operand]] = {
            v: _operands(v, constants) for v in forward if isinstance(v, Node)
        }
        self.hidden = len(reached) - len(kept)  # how many vertices are not shown
        self.paths: dict[Vertex, Path] = self._paths(trace)
        self.notes = self._notes()

    def _name(self, names: Names) -> dict[int, Constant]:
        """Name the vertices, and give the constants that have names, by the id of their array."""
        constants: dict[int, Constant] = {}
        for name, tensor in dict(names or {}).items():
            if not isinstance(tensor, Value):
                raise not_a_tensor(
                    "graph",
                    f"names[{name!r}]",
                    tensor,
                    advice="names maps names to tensors, as dict(model.named_parameters()) does",
                )
            vertex, key = tensor.vertex, id(tensor.array)
            if vertex is None:
                before = constants[key].name if key in constants else ""
                constants[key] = Constant(tensor, f"{before}, {name}" if before else name)
            else:
                before = self.names.get(vertex, "")
                self.names[vertex] = f"{before}, {name}" if before else name
        return constants

    def _paths(self, trace: Trace | None) -> dict[Vertex, Path]:
        """Scopes around each vertex; a leaf stands in the innermost one around all its uses."""
        if trace is None:
            return {}
        if not isinstance(trace, Trace):
            raise TypeError(
                f"trace: a {type(trace).__qualname__} is not a Trace; pass what "
                "`with graph.trace() as trace:` gives, after the block"
            )
        paths: dict[Vertex, Path] = {}
        for node in self.operands:
            paths[node] = path = trace.path(node)
            for parent in node.parents:
                if isinstance(parent, Value):
                    paths[parent] = _common(paths.get(parent, path), path)
        return paths

    def _notes(self) -> list[str]:
        """Say what the picture leaves out."""
        notes = []
        if self.hidden:
            shown = len(self.numbers)
            notes.append(
                f"{shown:,} of {shown + self.hidden:,} vertices are shown, those nearest to the "
                f"output (max_nodes={shown})"
            )
        if any(source is None for operands in self.operands.values() for _, source in operands):
            notes.append("freed by backward: some constant operands are no longer known")
        return notes


def signature(thing: Meta | Value) -> str:
    """Shape, and dtype if it is not float32: `(2, 3)`, `(5,) int64`."""
    dtype = "" if thing.dtype == np.float32 else f" {thing.dtype}"
    return f"{tuple(thing.shape)}{dtype}"


def printable(text: str) -> str:
    r"""Write what cannot be printed as an escape, such as \n.

    >>> print(printable("a\tb"))
    a\tb
    """
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def _vertices(outputs: Outputs) -> dict[Vertex, None]:
    given = [outputs] if isinstance(outputs, Value) else list(outputs)
    if not given:
        raise ValueError("outputs: there is nothing to show; pass a tensor, or several")
    vertices: dict[Vertex, None] = {}
    for i, output in enumerate(given):
        if not isinstance(output, Value):
            raise not_a_tensor("graph", f"outputs[{i}]", output)
        if output.vertex is None:
            raise GraphError(
                f"outputs: number {i}, of shape {tuple(output.shape)}, does not require grad and "
                "has no graph; set requires_grad=True on the leaves before the forward pass, "
                "outside no_grad()"
            )
        vertices[output.vertex] = None
    return vertices


def _limit(max_nodes: int | None) -> int | None:
    if max_nodes is not None and max_nodes < 1:
        raise ValueError(f"max_nodes must be at least 1, or None for no limit, got {max_nodes}")
    return max_nodes


def _nearest_first(roots: Iterable[Vertex]) -> list[Vertex]:
    """Every vertex that `roots` depend on, by its distance from them."""
    found = dict.fromkeys(roots)
    reached = list(found)
    for vertex in reached:  # which grows meanwhile
        for parent in vertex.parents:
            if parent is not None and parent not in found:
                found[parent] = None
                reached.append(parent)
    return reached


def _operands(node: Node, constants: dict[int, Constant]) -> list[Operand]:
    """Operands of `node`. An array that several nodes read is one constant, kept in `constants`."""
    names = _operand_names(node.op, len(node.parents))
    saved = node.saved or (None,) * (len(names) + 1)
    operands = []
    for name, parent, given in zip(names, node.parents, saved[:-1], strict=True):
        source: Vertex | Constant | float | None = parent
        if parent is None and isinstance(given, (int, float)):
            source = given
        elif parent is None and isinstance(given, np.ndarray):
            source = constants.setdefault(id(given), Constant(given, ""))
        elif parent is None and isinstance(given, Meta):
            source = Constant(given, "")
        operands.append(Operand(name, source))
    return operands


def _operand_names(op: Op, count: int) -> list[str]:
    """Name operands as `forward` and the formula do, and by position where it takes any number."""
    names = parameters(type(op).forward)
    return [names[i] if i < len(names) else f"operand {i}" for i in range(count)]


def _common(a: Path, b: Path) -> Path:
    """Give what two paths begin with together."""
    length = 0
    for x, y in zip(a, b, strict=False):
        if x != y:
            break
        length += 1
    return a[:length]
