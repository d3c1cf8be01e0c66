"""What happens where a gradient arrives: hooks are called, and `.grad` accumulates.

Hooks are the user's code: they are given tensors, in a grad mode of their own, whatever the engine
computes with. A node that gets hooks changes its class, so that the engine's one question, whether
a vertex is an ordinary node, also answers this one, and a graph without hooks pays nothing.
"""

from __future__ import annotations

import contextlib
import itertools
import threading
import weakref
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from tinygrad_np.core import Accumulator, Node, Value, apply, wrap
from tinygrad_np.errors import hook_changed, hook_gave, leaf_moved
from tinygrad_np.promotion import Cast
from tinygrad_np.recorder import recording

if TYPE_CHECKING:
    from collections.abc import Callable

    from tinygrad_np.core import Operand, Vertex

_ids = itertools.count()
_adding = threading.RLock()  # threads may accumulate into one leaf


class Calls(dict[int, Any]):
    """Functions to call, in the order in which they were added."""

    __slots__ = ("__weakref__",)

    def add(self, call: Any, *, prepend: bool = False) -> RemovableHandle:
        """Add `call` behind the others, or before them; the handle takes it away again."""
        handle = RemovableHandle(self)
        others = dict(self)
        if prepend:
            self.clear()
        self[handle.id] = call
        self.update(others)
        return handle


class RemovableHandle:
    """Takes a hook away: by `remove()`, or at the end of a `with` block.

    >>> import tinygrad_np as tg
    >>> x = tg.ones(2, requires_grad=True)
    >>> with x.register_hook(lambda g: g * 10):
    ...     (x * 2).sum().backward()
    >>> (x * 2).sum().backward()
    >>> x.grad
    tensor([22., 22.])
    """

    __slots__ = ("_calls", "id")

    def __init__(self, calls: Calls) -> None:
        self._calls = weakref.ref(calls)  # a handle keeps no graph alive
        self.id = next(_ids)

    def remove(self) -> None:
        """Take the hook away; once more is no error."""
        calls = self._calls()
        if calls is not None:
            calls.pop(self.id, None)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.remove()


class Hooks:
    """What is to be called where a gradient arrives at one vertex."""

    __slots__ = ("after", "before", "refill", "retained")

    def __init__(self) -> None:
        self.refill: Callable[[Node], None] | None = None  # brings back what a checkpoint dropped
        self.before = Calls()  # may replace the gradient
        self.retained: weakref.ref[Value] | None = None  # the result that wants it as its .grad
        self.after = Calls()  # of a leaf, once its .grad is complete


class HookedNode(Node):
    """A node with hooks; made of an ordinary one when it gets its first."""

    __slots__ = ()


def hooks_of(vertex: Vertex) -> Hooks:
    """Hooks of a vertex that has, or is about to get, some."""
    owner: Any = vertex if isinstance(vertex, Node) else vertex.accumulator
    if type(owner) is Node:
        owner.__class__ = HookedNode
        owner.hooks = None
    hooks: Hooks | None = owner.hooks
    if hooks is None:
        owner.hooks = hooks = Hooks()
    return hooks


def retains(value: Value) -> bool:
    """Whether gradients that arrive at this result are kept as its `.grad`."""
    return _retained_by(value.vertex) is value


def retain(value: Value) -> None:
    """Keep gradients that arrive at this result as its `.grad`."""
    assert value.vertex is not None
    hooks_of(value.vertex).retained = weakref.ref(value)


def moved(value: Value, before: Vertex | None) -> None:
    """Let what a write in place gave a new node keep its gradients there, if it did before."""
    if _retained_by(before) is value:
        retain(value)


def _retained_by(vertex: Vertex | None) -> Value | None:
    retained = hooks_of(vertex).retained if type(vertex) is HookedNode else None
    return None if retained is None else retained()


def arrive(vertex: Vertex, gradient: Operand) -> Operand:
    """Call the hooks of `vertex`, and give the gradient that they leave."""
    hooks: Hooks | None
    if isinstance(vertex, Node):
        hooks = vertex.hooks
        if vertex.hooks.refill is not None:
            vertex.hooks.refill(vertex)
    else:
        assert vertex.accumulator is not None
        hooks = vertex.accumulator.hooks
    if hooks is None:
        return gradient
    kept_by = _retained_by(vertex)
    if not hooks.before and kept_by is None:
        return gradient
    with user_code(gradient):
        value = as_value(gradient)
        for hook in tuple(hooks.before.values()):
            value = _checked(hook, hook(value), value)
    if kept_by is not None and kept_by.vertex is vertex:
        accumulate(
            kept_by, value if isinstance(gradient, Value) else np.array(value.array), asked=True
        )
    return value if isinstance(gradient, Value) else np.array(value.array)


def accumulate(value: Value, gradient: Operand, *, asked: bool = False) -> None:
    """Add `gradient` to the `.grad` of `value`, which never shares memory with anything.

    A leaf gets it only if it has not stopped asking since the forward pass; or if `asked` says
    that somebody else does.
    """
    accumulator = value.accumulator
    if accumulator is None or not accumulator.requires_grad:
        if not asked:
            _refuse_moved(value)
            return
        if accumulator is None:
            accumulator = value.accumulator = Accumulator()
    _adding.acquire()  # in half the time that `with` takes
    try:
        grad = accumulator.grad
        if isinstance(gradient, Value):
            copied = apply(Cast(gradient.array.dtype), gradient)
            accumulator.grad = copied if grad is None else grad + gradient
        elif grad is None:
            accumulator.grad = wrap(gradient)
        elif grad.node is not None:
            accumulator.grad = wrap(grad.array + gradient)
        else:
            grad.array += gradient
            grad.cell[0] += 1  # written() without the call
    finally:
        _adding.release()
    if accumulator.hooks is not None:
        with user_code(gradient):
            for hook in tuple(accumulator.hooks.after.values()):
                given = hook(value)
                if given is not None:
                    raise hook_gave(hook, given, "None")


def _refuse_moved(leaf: Value) -> None:
    if leaf.vertex is not None:
        raise leaf_moved(leaf.array.shape)


def own(gradient: Any, node: Node, handed: list[Any]) -> Any:
    """Give a gradient that a leaf may keep: a copy, if anything else may hold its memory."""
    if gradient.base is not None or node.kept is not None:
        return np.array(gradient)
    # It owns its memory, so only itself and its own views share it.
    for x in handed:
        if x is gradient or x.base is gradient:
            return gradient.copy()
    for x in node.saved or ():
        if x is gradient:
            return gradient.copy()
    return gradient


def user_code(gradient: Operand) -> contextlib.AbstractContextManager[None]:
    """Grad mode for the user's code in a backward pass: off, unless gradients are on the tape."""
    return contextlib.nullcontext() if isinstance(gradient, Value) else recording(None)


def as_value(gradient: Operand) -> Value:
    """Give the gradient as a tensor of the user's own; one on the tape stays what it is."""
    value: Value = gradient if isinstance(gradient, Value) else wrap(np.array(gradient))
    return value


def _checked(hook: Callable[..., Any], given: Any, before: Value) -> Value:
    """Give the gradient after one hook, which may have replaced it by one of its kind."""
    if given is None:
        return before
    if not isinstance(given, Value):
        raise hook_gave(hook, given, "a Tensor, or None to leave the gradient as it is")
    if given.shape != before.shape or given.dtype != before.dtype:
        raise hook_changed(hook, given, before)
    return given
