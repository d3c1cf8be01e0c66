"""The order in which a backward pass visits a graph. Iterative: graphs are deep."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from tinygrad_np.core import Vertex


def topological(roots: Iterable[Vertex]) -> list[Vertex]:
    """Every vertex that `roots` depend on, each before its parents."""
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


def leading_to(wanted: Collection[Vertex], order: list[Vertex]) -> set[Vertex]:
    """Find the vertices from which a wanted one can be reached, the wanted ones included."""
    leading = set(wanted)
    for vertex in reversed(order):
        if any(parent in leading for parent in vertex.parents):
            leading.add(vertex)
    return leading
