"""The engine in 100 lines: a runnable miniature, with the real file named beside each part.

Run it: `python docs/engine_in_100_lines.py`. It differentiates twice, and checks itself.
"""

from __future__ import annotations

import numpy as np


class Value:  # tinygrad_np/core.py, and tinygrad_np/tensor/ for its methods
    """An array, and the node that made it. A value without a node is a leaf."""

    parents = ()

    def __init__(self, array, node=None):
        self.array, self.node, self.grad = np.asarray(array, float), node, None

    shape = property(lambda self: self.array.shape)
    __add__ = __radd__ = lambda self, other: apply(Add(), self, other)
    __mul__ = __rmul__ = lambda self, other: apply(Mul(), self, other)


class Node:  # tinygrad_np/core.py; the real one keeps only the arrays that its rule reads
    """One recorded op: what it was, what it was applied to, and the vertices those came from."""

    def __init__(self, op, operands, result):
        self.op, self.saved = op, [*operands, result]
        self.parents = [x.node or x if isinstance(x, Value) else None for x in operands]


def apply(op, *operands):  # tinygrad_np/core.py
    """Run an op. Values are recorded; bare arrays, inside a rule, are not."""
    if not any(isinstance(x, Value) for x in operands):
        return op.forward(*operands)
    arrays = [x.array if isinstance(x, Value) else x for x in operands]
    result = Value(op.forward(*arrays))
    result.node = Node(op, operands, result.array)
    return result


# An op states its derivative beside its forward, in operators that take arrays and values alike:
# written once, it serves every order. tinygrad_np/ops/, one class each.


class Add:
    forward = staticmethod(lambda a, b: a + b)
    vjp = staticmethod(lambda g, a, b, y: (sum_to(g, a), sum_to(g, b)))


class Mul:
    forward = staticmethod(lambda a, b: a * b)
    vjp = staticmethod(lambda g, a, b, y: (sum_to(g * b, a), sum_to(g * a, b)))


class Exp:
    forward = staticmethod(np.exp)
    vjp = staticmethod(lambda g, x, y: (g * y,))


class SumTo:  # the adjoint of broadcasting: each one's derivative is the other
    def __init__(self, shape):
        self.shape = shape

    def forward(self, x):
        extra = tuple(range(x.ndim - len(self.shape)))
        x = x.sum(axis=extra)
        ones = tuple(i for i, n in enumerate(self.shape) if n == 1)
        return x.sum(axis=ones, keepdims=True)

    def vjp(self, g, x, y):
        return (apply(BroadcastTo(x.shape), g),)


class BroadcastTo:
    def __init__(self, shape):
        self.shape = shape

    def forward(self, x):
        return np.broadcast_to(x, self.shape)

    def vjp(self, g, x, y):
        return (sum_to(g, x),)


def sum_to(g, like):  # in the real engine, once for all ops that broadcast
    shape = np.shape(like) if not isinstance(like, Value) else like.shape
    return g if g.shape == shape else apply(SumTo(shape), g)


def backward(result, *, create_graph=False):  # tinygrad_np/engine.py
    """Visit the graph from the result to the leaves; each node pulls its gradient back."""
    order, seen = [], set()
    stack = [(result.node or result, False)]
    while stack:  # no recursion: graphs are deep
        vertex, done = stack.pop()
        if done:
            order.append(vertex)
        elif vertex not in seen:
            seen.add(vertex)
            stack.append((vertex, True))
            stack += [(parent, False) for parent in vertex.parents if parent is not None]
    seed = np.ones(result.shape)
    pending = {result.node or result: Value(seed) if create_graph else seed}
    for vertex in reversed(order):
        g = pending.pop(vertex)
        if isinstance(vertex, Value):
            vertex.grad = g if vertex.grad is None else vertex.grad + g
            continue
        # The one fork between first and higher order: arrays, or values that are recorded again.
        *operands, y = vertex.saved
        if create_graph:
            y = Value(y, vertex)
        else:
            operands = [x.array if isinstance(x, Value) else x for x in operands]
        for parent, gradient in zip(vertex.parents, vertex.op.vjp(g, *operands, y), strict=True):
            if parent is not None:
                pending[parent] = pending[parent] + gradient if parent in pending else gradient


if __name__ == "__main__":
    x = Value([0.5, 1.0, 2.0])
    loss = apply(SumTo(()), apply(Exp(), x * x))  # Σ exp(x²)
    backward(loss, create_graph=True)
    slope = x.grad
    np.testing.assert_allclose(slope.array, 2 * x.array * np.exp(x.array**2))
    x.grad = None
    backward(slope)
    np.testing.assert_allclose(x.grad, (2 + 4 * x.array**2) * np.exp(x.array**2))
    print("gradient", slope.array)
    print("second derivative", x.grad)
