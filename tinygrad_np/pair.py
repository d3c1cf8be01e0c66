"""The most frequent case of the most frequent ops, written out: half of `core.apply`'s time.

Nothing is done here that `apply` would not do; to understand the engine, read that.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from numpy import ndarray

from tinygrad_np.core import Node, Value, apply, new, result_class
from tinygrad_np.recorder import PLAIN, thread

if TYPE_CHECKING:
    from tinygrad_np.core import Op

V = TypeVar("V")


def apply_pair(op: Op, a: V, b: Any) -> V:
    """Do what `apply` does, for an op of two operands whose gradients read nothing or each other.

    Two tracked tensors of one dtype are recorded here; everything else goes the general way.
    """
    if isinstance(a, Value) and isinstance(b, Value) and thread.recorder is PLAIN:
        left = a.node if a.accumulator is None else a.vertex
        right = b.node if b.accumulator is None else b.vertex
        x, y = a.array, b.array
        if left is not None and right is not None and x.dtype is y.dtype:
            try:
                z = op.forward(x, y)
            except ValueError:
                return apply(op, a, b)  # which fails again, with a message that teaches
            if type(z) is not ndarray:
                z = np.asarray(z)
            node = new(Node)
            node.op = op
            node.parents = (left, right)
            if op.reads:
                node.saved = (x, y, None)
                node.cells = ((b.cell, b.cell[0]), (a.cell, a.cell[0]))
            else:
                node.saved = (left, right, None)
                node.cells = ()
            node.kept = None
            node.shape = z.shape
            node.dtype = z.dtype
            out: Any = new(result_class[0])
            out.array = z
            out.node = node
            out.cell = [0]
            out.accumulator = None
            return out  # type: ignore[no-any-return]  # the registered class, that of `a`
    return apply(op, a, b)
