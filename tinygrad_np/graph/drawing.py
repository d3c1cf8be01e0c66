"""The graph as DOT text, which any Graphviz program or web page draws."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, TypedDict

from tinygrad_np.core import Node, Value
from tinygrad_np.graph.reading import Constant, Picture, printable, signature

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tinygrad_np.core import Vertex
    from tinygrad_np.graph.reading import Names, Outputs
    from tinygrad_np.graph.tracing import Path, Trace

HEADER = """\
digraph tinygrad_np {
  graph [rankdir=TB, ranksep=0.35, nodesep=0.25, labelloc=b, labeljust=l]
  graph [fontname="Helvetica,Arial,sans-serif", fontsize=10, fontcolor="#52606d"]
  node [fontname="Helvetica,Arial,sans-serif", fontsize=11, fontcolor="#1f2933"]
  node [shape=box, style=filled, fillcolor="#f2f5f8", color="#7b8794"]
  node [height=0.3, margin="0.12,0.06", penwidth=0.8]
  edge [color="#7b8794", arrowsize=0.6, penwidth=0.8]"""
# A weight that hundreds of steps share has long edges: without a limit their layout takes minutes.
LARGE = "graph [nslimit=0.3]"
LEAF = 'shape=ellipse, style=filled, fillcolor="#e0f0e3", color="#3f8f57", margin="0.04,0.02"'
CONSTANT = 'shape=ellipse, style=dashed, fontcolor="#52606d", color="#9aa5b1", margin="0.04,0.02"'
OUTPUT = 'fillcolor="#fdf0d0", color="#b7791f", penwidth=2'
HIDDEN = 'shape=plain, style="", fontcolor="#b7791f"'
CLUSTER = 'style="rounded,dashed"; color="#9aa5b1"; labelloc=t'
# Graphviz takes a bracket at the start of a text for the end of a CDATA section.
ENTITIES = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", "]": "&#93;"})


class Options(TypedDict, total=False):
    """What `dot` takes by keyword."""

    names: Names
    trace: Trace | None
    max_nodes: int | None
    constants: bool


def dot(
    outputs: Outputs,
    *,
    names: Names = None,
    trace: Trace | None = None,
    max_nodes: int | None = 500,
    constants: bool = True,
) -> str:
    """DOT text of the graph behind a tensor, or several: data flows from top to bottom.

    Ops are boxes with name and result shape (formula and derivative as tooltip), leaves green
    ellipses, constant arrays dashed ones; numbers stand in the box, outputs are marked. The text is
    the same for the same graph. A graph that `backward` freed is drawn too.

    Parameters
    ----------
    names
        Name of each tensor that has one: `dict(model.named_parameters())`. Results and constant
        inputs can be named as well.
    trace
        From `with graph.trace() as trace:` around the forward pass: a frame around each module.
    max_nodes
        Draw this many ops and leaves, those nearest to the outputs, and say so in the picture
        if there are more; None for all.
    constants
        Draw arrays that need no gradient, as far as the graph still holds them.

    Raises
    ------
    GraphError
        If an output does not require grad.

    >>> import tinygrad_np as tg
    >>> w = tg.ones(2, requires_grad=True)
    >>> print(tg.graph.dot(w * 3, names={"w": w}))  # doctest: +ELLIPSIS
    digraph tinygrad_np {
    ...
      n0 [label=<<b>w</b><br align="left"/>(2,)<br align="left"/>>, ...]
      n1 [label=<<b>Mul</b><br align="left"/>b = 3<br align="left"/>(2,)<br align="left"/>...]
      n0 -> n1 [tooltip="a"]
    }
    """
    picture = Picture(outputs, names, trace, max_nodes)
    frame = _Frame()
    for vertex, number in picture.numbers.items():
        frame.at(picture.paths.get(vertex, ())).lines.append(_vertex(picture, vertex, number))
    header = HEADER if len(picture.numbers) <= 100 else f"{HEADER}\n  {LARGE}"
    lines = [header, *frame.render(itertools.count()), *_edges(picture, constants)]
    if picture.notes:
        lines.append(f"  label={_label('', *picture.notes)}")
    return "\n".join([*lines, "}"])


class _Frame:
    """One scope: what stands in it, and the scopes inside."""

    __slots__ = ("inner", "lines")

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.inner: dict[str, _Frame] = {}

    def at(self, path: Path) -> _Frame:
        """Give the frame at `path`, made where there is none."""
        frame = self
        for name in path:
            frame = frame.inner.setdefault(name, _Frame())
        return frame

    def render(self, numbers: Iterator[int], indent: str = "  ") -> Iterator[str]:
        """Write everything, each scope as a cluster inside the one around it."""
        yield from (indent + line for line in self.lines)
        for name, frame in self.inner.items():
            yield f"{indent}subgraph cluster_{next(numbers)} {{"
            yield f"{indent}  label={_label('', name)}; {CLUSTER}"
            yield from frame.render(numbers, indent + "  ")
            yield f"{indent}}}"


def _edges(picture: Picture, constants: bool) -> list[str]:
    """Write what stands outside of all scopes, constants and what is not drawn; then the edges."""
    lines, edges = [], []
    numbers: dict[Constant, int] = {}
    for node, operands in picture.operands.items():
        target = f"n{picture.numbers[node]}"
        for name, source in operands:
            if isinstance(source, Constant) and constants:
                if source not in numbers:
                    numbers[source] = len(numbers)
                    lines.append(_constant(source, numbers[source]))
                edges.append(_edge(f"c{numbers[source]}", target, name, "style=dashed"))
            elif isinstance(source, (Node, Value)) and source in picture.numbers:
                edges.append(_edge(f"n{picture.numbers[source]}", target, name))
        if any(parent is not None and parent not in picture.numbers for parent in node.parents):
            edges.append(_edge("more", target, "not drawn", "style=dotted"))
    if picture.hidden:
        lines.append(f"  more [label={_label('', f'… {picture.hidden:,} more')}, {HIDDEN}]")
    return lines + edges


def _vertex(picture: Picture, vertex: Vertex, number: int) -> str:
    name = picture.names.get(vertex, "")
    attributes = []
    if isinstance(vertex, Node):
        op = vertex.op
        numbers = [f"{a} = {x}" for a, x in picture.operands[vertex] if isinstance(x, (int, float))]
        lines = [op.name, *numbers, f"{name}: {signature(vertex)}" if name else signature(vertex)]
        attributes = [f"tooltip={_quoted(op.formula or op.name, op.derivative)}"]
    else:
        lines = [name, signature(vertex)]
        attributes = [LEAF if vertex.vertex is vertex else CONSTANT]
    if vertex in picture.outputs:
        lines.append("output")
        attributes.append(OUTPUT)
    return f"n{number} [label={_label(*lines)}, {', '.join(attributes)}]"


def _constant(constant: Constant, number: int) -> str:
    return f"  c{number} [label={_label(constant.name, signature(constant))}, {CONSTANT}]"


def _edge(source: str, target: str, name: str, style: str = "") -> str:
    return f"  {source} -> {target} [tooltip={_quoted(name)}{style and ', ' + style}]"


def _label(title: str, *lines: str) -> str:
    """Write lines as an HTML-like label, left-aligned, below a bold title if there is one."""
    written = [f"<b>{_markup(title)}</b>"] if title else []
    written += map(_markup, lines)
    return "<" + "".join(f'{line}<br align="left"/>' for line in written) + ">"


def _markup(text: str) -> str:
    return printable(text).translate(ENTITIES)


def _quoted(*lines: str) -> str:
    r"""Write lines as a quoted string, in which \n, \N and &lt; would otherwise mean something."""
    escaped = [
        printable(line).replace("\\", "\\\\").replace('"', '\\"').replace("&", "&amp;")
        for line in lines
        if line
    ]
    return '"' + "\\n".join(escaped) + '"'
