"""The backward pass: visit the recorded graph from results to leaves, pulling gradients back.

There is one fork in the whole library between first and higher order, and it is here: rules run
on bare arrays in an ordinary backward pass, and on values when `create_graph` asks for gradients
that can be differentiated again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from tinygrad_np.core import (
    PLAIN,
    Cast,
    Node,
    Operand,
    Value,
    Vertex,
    apply,
    recording,
    shares_memory,
    thread,
    wrap,
)
from tinygrad_np.errors import GraphError
from tinygrad_np.ops.shape import sum_to

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator


def topological(roots: Iterable[Vertex]) -> list[Vertex]:
    """Every vertex that `roots` depend on, each before its parents. Iterative: graphs are deep."""
    uses: dict[Vertex, int] = dict.fromkeys(roots, 0)
    stack = list(uses)
    while stack:
        for parent in stack.pop().parents:
            if parent is not None:
                if parent in uses:
                    uses[parent] += 1
                else:
                    uses[parent] = 1
                    stack.append(parent)
    order = []
    ready = [vertex for vertex, count in uses.items() if count == 0]
    while ready:
        vertex = ready.pop()
        order.append(vertex)
        for parent in vertex.parents:
            if parent is not None:
                uses[parent] -= 1
                if uses[parent] == 0:
                    ready.append(parent)
    return order


def run_backward(
    roots: Iterable[tuple[Vertex, Value]],
    *,
    leaves: Collection[Value] | None = None,
    wanted: Collection[Vertex] | None = None,
    retain_graph: bool = False,
    create_graph: bool = False,
) -> dict[Vertex, Any]:
    """Pull the gradient of each root back to the leaves, and add it to their `.grad`.

    With `leaves`, to those alone. With `wanted`, leaves stay as they are: the gradients of those
    vertices are returned. Either way only what leads to them is computed.
    """
    pending: dict[Vertex, Operand] = {}
    owned: set[Vertex] = set()  # whose pending gradient is an array that nothing else holds

    def add(vertex: Vertex, gradient: Operand, *, fresh: bool) -> None:
        if vertex not in pending:
            pending[vertex] = gradient
            if fresh:
                owned.add(vertex)
        elif vertex in owned and not create_graph:
            pending[vertex] += gradient
        else:
            pending[vertex] = pending[vertex] + gradient
            owned.add(vertex)

    for vertex, seed in roots:
        add(vertex, seed if create_graph else seed.array, fresh=False)
    order = topological(pending)
    targets = wanted if wanted is not None else leaves
    leading = None if targets is None else _leading_to(targets, order)
    found: dict[Vertex, Any] = {}
    recorder = (thread.recorder or PLAIN) if create_graph else None
    with recording(recorder, in_rule=not create_graph), np.errstate(all="ignore"):
        for vertex in order:
            g = pending.pop(vertex, None)
            if g is None:  # beside the paths that were asked for
                continue
            if wanted is not None and vertex in wanted:
                found[vertex] = g if create_graph else wrap(g)
            if isinstance(vertex, Node):
                for parent, gradient, fresh in pull_back(vertex, g, leading, create_graph):
                    add(parent, gradient, fresh=fresh)
                if not retain_graph:
                    free(vertex)
            elif wanted is None:
                accumulate(vertex, g, owned=vertex in owned)
    return found


def pull_back(
    node: Node, g: Operand, leading: Collection[Vertex] | None, create_graph: bool
) -> Iterator[tuple[Vertex, Operand, bool]]:
    """Run one node's rule: each parent, its gradient, and whether nothing else holds that array."""
    targets = [
        parent if parent is not None and (leading is None or parent in leading) else None
        for parent in node.parents
    ]
    if not any(target is not None for target in targets):
        return
    op, saved = node.op, node.saved
    if saved is None:
        raise GraphError(
            f"backward through a graph that has been freed: {op.name} no longer holds what its "
            "derivative reads. Call the first backward() with retain_graph=True to go through "
            "the same graph twice"
        )
    check_versions(node)
    operands = _values(node) if create_graph else saved
    kept = ((None if create_graph else node.kept),) if op.keeps else ()
    thunks = op.vjp(g, *operands, *kept)
    gradients = [
        (target, _fitted(op, thunk(), like))
        for target, thunk, like in zip(targets, thunks, saved[:-1], strict=True)
        if target is not None and thunk is not None
    ]
    for i, (target, gradient) in enumerate(gradients):
        # Only a leaf keeps what it gets, so only there does it pay to know that a copy is needless.
        fresh = (
            isinstance(target, Value)
            and not create_graph
            and gradient.base is None
            and not any(
                isinstance(other, np.ndarray) and shares_memory(other, gradient)
                for other in (g, *saved, node.kept, *(o for j, (_, o) in enumerate(gradients) if j != i))
            )
        )
        yield target, gradient, fresh


def _fitted(op: Any, gradient: Operand, like: Any) -> Operand:
    """Sum away what broadcasting added, and give the gradient its operand's dtype."""
    if gradient.shape != like.shape:
        if not op.broadcasts:
            raise GraphError(
                f"the derivative of {op.name} gave a gradient of shape {gradient.shape} for an "
                f"operand of shape {like.shape}; they must be equal"
            )
        gradient = sum_to(gradient, like.shape)
    if gradient.dtype is not like.dtype and gradient.dtype != like.dtype:
        gradient = apply(Cast(like.dtype), gradient)
    return gradient


def _values(node: Node) -> list[Any]:
    """Give what the node saved as values with their place in the graph, for a rule on the tape."""
    assert node.saved is not None
    operands = []
    for i, (x, vertex) in enumerate(zip(node.saved, (*node.parents, node), strict=True)):
        if not isinstance(x, np.ndarray):
            operands.append(x)
        elif not isinstance(vertex, Value):
            value = wrap(x, node.cells[2 * i])
            value.node = vertex
            operands.append(value)
        elif vertex.array is x:
            operands.append(vertex)
        else:
            raise GraphError(
                f"a leaf of shape {x.shape} that {node.op.name} read was given other data since; "
                "a second derivative needs the data that the forward pass saw"
            )
    return operands


def check_versions(node: Node) -> None:
    """Refuse to use arrays that were written since the node was recorded."""
    cells = node.cells
    for cell, seen in zip(cells[::2], cells[1::2], strict=True):
        if cell is not None and cell[0] != seen:
            raise GraphError(
                f"an array that the derivative of {node.op.name} (result of shape {node.shape}) "
                f"reads was changed in place: it is at version {cell[0]}, and was at version "
                f"{seen} when it was recorded. Write out of place (x = x + y), or change a .clone()"
            )


def free(node: Node) -> None:
    """Drop the arrays and keep the edges: a used graph holds no activations and can be drawn."""
    if any(cell is not None for cell in node.cells[::2]) or node.kept is not None:
        node.saved = None
        node.cells = ()
        node.kept = None


def accumulate(leaf: Value, gradient: Operand, *, owned: bool) -> None:
    """Add `gradient` to the leaf's `.grad`, which never shares memory with anything."""
    accumulator = leaf.accumulator
    assert accumulator is not None
    grad = accumulator.grad
    if isinstance(gradient, Value):
        accumulator.grad = (
            apply(Cast(gradient.array.dtype), gradient) if grad is None else grad + gradient
        )
    elif grad is None:
        accumulator.grad = wrap(gradient if owned else np.array(gradient))
    elif grad.node is not None:
        accumulator.grad = grad + wrap(gradient)
    else:
        grad.array += gradient
        grad.written()


def _leading_to(wanted: Collection[Vertex], order: list[Vertex]) -> set[Vertex]:
    """Find the vertices from which a wanted one can be reached, the wanted ones included."""
    leading = set(wanted)
    for vertex in reversed(order):
        if any(parent in leading for parent in vertex.parents):
            leading.add(vertex)
    return leading
