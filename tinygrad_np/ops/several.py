"""An op of several results: one node for the op, and behind it a `Pick` for each result.

The gradients of the results meet at the op's node as `Parts`, which add up like arrays do; so the
engine need not know that there is more than one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from tinygrad_np.core import Node, Op

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tinygrad_np.core import Meta, Operand, Thunks, Value, Vertex
    from tinygrad_np.dtypes import Dtype


class Parts:
    """Gradients of some of the results of one op, by position."""

    __slots__ = ("given", "shape")
    dtype: ClassVar[Dtype] = np.dtype(object)

    def __init__(self, given: Mapping[int, Operand], shape: tuple[int, ...]) -> None:
        self.given = given
        self.shape = shape  # the number of results

    def __add__(self, other: Parts) -> Parts:
        total = dict(self.given)
        for i, g in other.given.items():
            total[i] = total[i] + g if i in total else g
        return Parts(total, self.shape)


class Pick(Op):
    """One result of an op that has several."""

    __slots__ = ("index",)
    formula = "y = yᵢ"
    derivative = "the gradient of yᵢ is g, those of the other results are absent"

    def __init__(self, index: int) -> None:
        self.index = index

    def vjp(self, g: Operand, several: Operand, _: Operand) -> Thunks:
        return (lambda: Parts({self.index: g}, several.shape),)


def pick(node: Node, index: int, result: Meta | Value) -> Node:
    """Make the node of `result`, which is number `index` of those that the op of `node` gave."""
    return make_node(Pick(index), [node], [node, None], result)


def make_node(
    op: Op, parents: Sequence[Vertex | None], saved: Sequence[Any], like: Meta | Value | Parts
) -> Node:
    """Make a node by hand, for an op that `apply` cannot record; its result is `like` that."""
    node = Node(like.shape, like.dtype)
    node.op = op
    node.parents = parents
    node.saved = saved
    node.cells = ()
    node.kept = None
    return node
