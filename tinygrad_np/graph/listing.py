"""The graph as a listing for the terminal: one line for each vertex, in forward order."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tinygrad_np.core import Node
from tinygrad_np.graph.reading import Constant, Picture, printable, signature

if TYPE_CHECKING:
    from tinygrad_np.core import Vertex
    from tinygrad_np.graph.reading import Names, Operand, Outputs
    from tinygrad_np.graph.tracing import Path, Trace


def text(
    outputs: Outputs,
    *,
    names: Names = None,
    trace: Trace | None = None,
    max_nodes: int | None = 500,
) -> str:
    """List the graph behind a tensor, or several, in the order in which it was computed.

    Each line gives a vertex (its name, or its number as in `dot`), its shape, and for an op its
    operands. The parameters are those of `dot`; with a `trace`, modules are indented.

    >>> import tinygrad_np as tg
    >>> w = tg.ones(2, requires_grad=True)
    >>> print(tg.graph.text((w * 3).sum(), names={"w": w}))
    w   (2,)  leaf
    %1  (2,)  Mul(w, 3)
    %2  ()    Sum(%1)    output
    """
    picture = Picture(outputs, names, trace, max_nodes)
    rows: list[tuple[str, ...]] = []
    around: Path = ()
    for vertex in picture.numbers:
        path = picture.paths.get(vertex, ())
        for depth, name in enumerate(path):
            if path[: depth + 1] != around[: depth + 1]:
                rows.append(("  " * depth + printable(name),))
        around = path
        mark = "output" if vertex in picture.outputs else ""
        what = _call(picture, vertex) if isinstance(vertex, Node) else "leaf"
        rows.append(("  " * len(path) + _refer(picture, vertex), signature(vertex), what, mark))
    cells = [row for row in rows if len(row) > 1]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    lines = [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=False)).rstrip()
        for row in rows
    ]
    return "\n".join([*lines, *(f"({note})" for note in picture.notes)])


def _refer(picture: Picture, vertex: Vertex) -> str:
    """Name of a vertex, or its number."""
    name = picture.names.get(vertex)
    return f"%{picture.numbers[vertex]}" if name is None else printable(name)


def _call(picture: Picture, node: Node) -> str:
    operands = ", ".join(_operand(picture, operand) for operand in picture.operands[node])
    return f"{node.op.name}({operands})"


def _operand(picture: Picture, operand: Operand) -> str:
    source = operand.source
    if source is None:
        return "freed"
    if isinstance(source, (int, float)):
        return str(source)
    if isinstance(source, Constant):
        return printable(source.name) or f"constant {signature(source)}"
    return _refer(picture, source) if source in picture.numbers else "not shown"
