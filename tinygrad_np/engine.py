"""The backward pass: visit the recorded graph from results to leaves, pulling gradients back.

There is one fork in the whole library between first and higher order, and it is here: rules run
on bare arrays in an ordinary backward pass, and on values when `create_graph` asks for gradients
that can be differentiated again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from tinygrad_np.arrival import accumulate, arrive, own
from tinygrad_np.core import RESULT, Meta, Node, Value, apply, read_positions, wrap
from tinygrad_np.errors import (
    array_overwritten,
    graph_freed,
    leaf_replaced,
    wrong_gradient,
    wrong_number_of_gradients,
)
from tinygrad_np.ops.shape import sum_to
from tinygrad_np.order import leading_to, topological
from tinygrad_np.promotion import Cast
from tinygrad_np.recorder import IN_RULE, WATCHED, recorder_in_grad_mode, recording

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from tinygrad_np.core import Op, Operand, Thunks, Vertex


def run_backward(
    roots: Iterable[tuple[Vertex, Value]],
    *,
    retain_graph: bool,
    create_graph: bool,
    wanted: Collection[Vertex] | None = None,
) -> dict[Vertex, Any]:
    """Pull the gradient of each root back to the leaves, and add it to their `.grad`.

    With `wanted`, leaves stay as they are: the gradients of those vertices are returned, and only
    what leads to them is computed.
    """
    pending: dict[Vertex, Operand] = {}
    for vertex, seed in roots:
        gradient = seed if create_graph else np.array(seed.array)
        pending[vertex] = pending[vertex] + gradient if vertex in pending else gradient
    order = topological(pending)
    leading = None if wanted is None else leading_to(wanted, order)
    if leading is not None:
        pending = {vertex: g for vertex, g in pending.items() if vertex in leading}
    ours: set[Vertex] = set()  # whose pending gradient is an array that nothing else holds
    found: dict[Vertex, Any] = {}
    pull = WATCHED.watched(pull_back)
    recorder = recorder_in_grad_mode() if create_graph else IN_RULE
    with recording(recorder), np.errstate(all="ignore"):
        for vertex in order:
            g = pending.pop(vertex, None)
            if g is None:  # beside the paths that were asked for
                continue
            if type(vertex) is not Node:  # but a leaf, or one with hooks
                g = arrive(vertex, g)
            if wanted is not None and vertex in wanted:
                found[vertex] = g if create_graph else wrap(g if vertex in ours else np.array(g))
            if not isinstance(vertex, Node):
                if wanted is None:
                    accumulate(vertex, g)
                continue
            if leading is not None and not any(parent in leading for parent in vertex.parents):
                continue
            thunks = pull(vertex, g, create_graph)
            handed, kept = [g], False
            for parent, thunk, like in zip(
                vertex.parents, thunks, vertex.saved or (), strict=False
            ):
                if parent is None or thunk is None or (leading and parent not in leading):
                    continue
                gradient = thunk()
                if gradient.shape != like.shape or gradient.dtype is not like.dtype:
                    gradient = _fit(vertex.op, gradient, like)
                if parent in ours:
                    pending[parent] += gradient
                elif parent in pending:
                    pending[parent] = pending[parent] + gradient
                    if not create_graph:
                        ours.add(parent)
                elif create_graph or (isinstance(parent, Node) and not kept):
                    pending[parent] = gradient
                else:  # a leaf keeps what it gets, and may add to it before another reads the same
                    pending[parent] = mine = own(gradient, vertex, handed)
                    ours.add(parent)
                    kept = kept or mine is gradient
                handed.append(gradient)
            if not retain_graph:
                free(vertex)
    return found


def pull_back(node: Node, g: Operand, create_graph: bool) -> Thunks:
    """Give one node's rule what it reads, if that is still what it was; one thunk a parent."""
    op, saved = node.op, node.saved
    if saved is None:
        raise graph_freed(op.name)
    for cell, seen in node.cells:
        if cell[0] != seen:
            raise array_overwritten(op.name, node.shape, seen, cell[0])
    operands = _values(node) if create_graph else saved
    if op.keeps:
        thunks = op.vjp(g, *operands, None if create_graph else node.kept)
    else:
        thunks = op.vjp(g, *operands)
    if len(thunks) != len(node.parents):
        raise wrong_number_of_gradients(op.name, len(thunks), len(node.parents))
    return thunks


def _fit(op: Op, gradient: Operand, like: Any) -> Operand:
    """Sum away what broadcasting added, and give the gradient its operand's dtype."""
    if gradient.shape != like.shape:
        if not op.broadcasts:
            raise wrong_gradient(op.name, gradient.shape, like.shape)
        gradient = sum_to(gradient, like.shape)
    return gradient if gradient.dtype == like.dtype else apply(Cast(like.dtype), gradient)


def _values(node: Node) -> list[Any]:
    """Give what the node saved as values with their place in the graph, for a rule on the tape."""
    assert node.saved is not None
    operands = [Meta(x.shape, x.dtype) if isinstance(x, (Meta, Value)) else x for x in node.saved]
    cells = iter(node.cells)
    for i in read_positions(node.op, node.parents):
        array = operands[i]
        if isinstance(array, np.ndarray):  # and not a number
            vertex, cell = (node if i == RESULT else node.parents[i]), next(cells)[0]
            if not isinstance(vertex, Value):
                operands[i] = value = wrap(array, cell)
                value.node = vertex
            elif vertex.array is array:
                operands[i] = vertex
            else:
                raise leaf_replaced(node.op.name, array.shape)
    return operands


def free(node: Node) -> None:
    """Drop the arrays and keep the edges: a used graph holds no activations and can be drawn."""
    if node.cells or node.kept is not None:
        node.saved = None
        node.cells = ()
        node.kept = None
