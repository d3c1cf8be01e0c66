"""Activation checkpoints: keep no arrays of a part of the forward pass, compute them again.

The part is recorded as ever, and when it has run, its nodes give up the arrays that they keep. The
first gradient that arrives at one of them runs the part a second time, and each node takes its
arrays from its twin. The graph stays the one of the first run, so everything that works on graphs
works here: `autograd.grad`, higher orders, hooks, pictures.
"""

from __future__ import annotations

import contextlib
import functools
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from tinygrad_np.arrival import HookedNode, hooks_of
from tinygrad_np.autograd.function import FunctionOp
from tinygrad_np.autograd.saved import Saved
from tinygrad_np.core import Meta, Node, Value
from tinygrad_np.errors import GraphError, array_overwritten
from tinygrad_np.recorder import WATCHED, Recorder, recording, set_watchers, thread, watching
from tinygrad_np.tensor.generator import default_generator

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from contextlib import AbstractContextManager

    Contexts = tuple[AbstractContextManager[Any], AbstractContextManager[Any]]


def noop_context_fn() -> Contexts:
    """Give two contexts that do nothing."""
    return contextlib.nullcontext(), contextlib.nullcontext()


def checkpoint(
    function: Callable[..., Any],
    *args: Any,
    use_reentrant: bool | None = None,
    preserve_rng_state: bool = True,
    context_fn: Callable[[], Contexts] = noop_context_fn,
    determinism_check: str = "default",
    debug: bool = False,
    early_stop: bool = True,
    **kwargs: Any,
) -> Any:
    """Run `function(*args, **kwargs)`, and in the backward pass run it again, to save memory.

    Between the two runs no activation of the function is kept, only its arguments. Results and
    gradients are those of the plain call.

    Parameters
    ----------
    preserve_rng_state
        Draw the same random numbers in the second run, so that dropout drops the same units.
    context_fn
        Gives two contexts, for the first and for the second run.
    determinism_check
        "default" compares shapes and dtypes of both runs, "none" does not.
    use_reentrant, debug, early_stop
        Accepted as in PyTorch. There is one way here, without the restrictions of
        `use_reentrant=True`, and the second run goes to its end.

    Raises
    ------
    GraphError
        In the backward pass, if the second run records other operations than the first, or if an
        argument or a parameter was changed in place in the meantime.

    >>> import tinygrad_np as tg
    >>> x = tg.tensor([1.0, 2.0], requires_grad=True)
    >>> y = checkpoint(lambda x: (x * x).exp(), x, use_reentrant=False)
    >>> y.sum().backward()
    >>> x.grad
    tensor([  5.4366, 218.3926])
    """
    del use_reentrant, debug, early_stop
    if determinism_check not in ("default", "none"):
        raise ValueError(
            f"checkpoint: determinism_check must be 'default' or 'none', not {determinism_check!r}"
        )
    before, again = context_fn()
    if thread.recorder is None:
        with before:
            return function(*args, **kwargs)
    state = default_generator.stream.state if preserve_rng_state else None
    run = _Run(function, _held(args), dict(zip(kwargs, _held(kwargs.values()), strict=True)), state)
    collected = _Collecting()
    with watching(collected), before:
        result = function(*args, **kwargs)
    part = _Part(run, again, len(collected.nodes), compare=determinism_check == "default")
    for i, node in enumerate(collected.nodes):
        if node.saved is not None and (node.cells or node.kept is not None):
            _drop(node)
            hooks_of(node).refill = functools.partial(part.refill, i)
    return result


def checkpoint_sequential(
    functions: Any,
    segments: int,
    input: Any,
    use_reentrant: bool | None = None,
    *,
    preserve_rng_state: bool = True,
) -> Any:
    """Run functions, or the children of a `Sequential`, one after the other, in checkpoints.

    They are divided into `segments` parts; the last one is run without a checkpoint.

    >>> import tinygrad_np as tg
    >>> x = tg.ones(2, requires_grad=True)
    >>> checkpoint_sequential([tg.exp, tg.log, tg.sqrt], 2, x).sum().backward()
    >>> x.grad
    tensor([0.5000, 0.5000])
    """
    steps = list(functions.children() if hasattr(functions, "children") else functions)
    if not 1 <= segments <= len(steps):
        raise ValueError(
            f"checkpoint_sequential: {len(steps)} functions cannot be divided into {segments} "
            "segments"
        )
    size = len(steps) // segments
    last = size * (segments - 1)
    for start in range(0, last, size):
        input = checkpoint(
            functools.partial(_in_turn, steps[start : start + size]),
            input,
            use_reentrant=use_reentrant,
            preserve_rng_state=preserve_rng_state,
        )
    return _in_turn(steps[last:], input)


def _in_turn(steps: Sequence[Callable[[Any], Any]], x: Any) -> Any:
    for step in steps:
        x = step(x)
    return x


class _Collecting(Recorder):
    """Holds every node that is recorded."""

    __slots__ = ("nodes",)

    def __init__(self) -> None:
        self.nodes: list[Node] = []

    def recorded(self, node: Node, operands: Sequence[Any], result: Any) -> None:  # noqa: ARG002 - the node says it all
        """Hold `node`."""
        self.nodes.append(node)


class _Run(NamedTuple):
    """A call that can be repeated."""

    function: Callable[..., Any]
    args: list[Any]
    kwargs: dict[str, Any]
    state: Any  # of the random numbers; None to go on with them

    def repeat(self) -> None:
        """Call the function as it was called before."""
        args = [_given(x) for x in self.args]
        kwargs = {name: _given(x) for name, x in self.kwargs.items()}
        if self.state is None:
            self.function(*args, **kwargs)
            return
        stream = default_generator.stream
        now = stream.state
        stream.state = self.state
        try:
            self.function(*args, **kwargs)
        finally:
            stream.state = now


class _Twin(NamedTuple):
    """What the second run gives to one node; nothing of the second graph itself."""

    kind: tuple[Any, ...]
    arrays: list[Any]  # in the places of `saved`
    cells: Sequence[Any]
    kept: Any
    refill: Callable[[Node], None] | None  # if it lies in a checkpoint of its own


class _Part:
    """A checkpointed part of the graph."""

    __slots__ = ("again", "compare", "count", "run", "twins")

    def __init__(
        self, run: _Run, again: AbstractContextManager[Any], count: int, *, compare: bool
    ) -> None:
        self.run = run
        self.again = again
        self.count = count
        self.compare = compare
        self.twins: list[_Twin | None] | None = None

    def refill(self, i: int, node: Node) -> None:
        """Give node number `i` its arrays back."""
        if self.twins is None:
            collected = _Collecting()
            watchers = set_watchers((collected,))
            try:
                with recording(WATCHED), self.again:
                    self.run.repeat()
            finally:
                set_watchers(watchers)
            self.twins = [_twin(twin) for twin in collected.nodes]
            if len(self.twins) != self.count:
                raise GraphError(
                    f"checkpoint: the function recorded {self.count} operations in the forward "
                    f"pass and {len(self.twins)} in the backward pass; it must do the same both "
                    "times"
                )
        twin, self.twins[i] = self.twins[i], None
        assert twin is not None
        assert node.saved is not None
        if self.compare and twin.kind != _kind(node):
            raise GraphError(
                "checkpoint: the function computed {} of shape {} and dtype {} in the forward pass "
                "and {} of shape {} and dtype {} in the backward pass; it must do the same both "
                "times".format(*_kind(node), *twin.kind)
            )
        for (cell, before), (other, now) in zip(node.cells, twin.cells, strict=False):
            if cell is other and before != now:  # neither run made it: an argument, a parameter
                raise array_overwritten(node.op.name, node.shape, before, now)
        node.saved = [
            x if array is None else array for x, array in zip(node.saved, twin.arrays, strict=True)
        ]
        node.cells = twin.cells
        if isinstance(node.op, FunctionOp):
            for x, y in zip(node.kept, twin.kept, strict=True):
                if x is not None:
                    x.array, x.cell, x.seen = y.array, y.cell, y.seen
        else:
            node.kept = twin.kept
        hooks_of(node).refill = twin.refill
        if twin.refill is not None:
            twin.refill(node)


def _drop(node: Node) -> None:
    """Let go of the arrays that a node keeps."""
    assert node.saved is not None
    node.saved = [Meta(x.shape, x.dtype) if isinstance(x, np.ndarray) else x for x in node.saved]
    if isinstance(node.op, FunctionOp):
        for x in node.kept:
            if x is not None:
                x.array = None
    else:
        node.kept = None


def _twin(node: Node) -> _Twin | None:
    if node.saved is None:
        return None
    arrays = [x if isinstance(x, np.ndarray) else None for x in node.saved]
    refill = hooks_of(node).refill if type(node) is HookedNode else None
    return _Twin(_kind(node), arrays, node.cells, node.kept, refill)


def _kind(node: Node) -> tuple[Any, ...]:
    return node.op.name, node.shape, node.dtype


def _held(args: Iterable[Any]) -> list[Any]:
    return [Saved(x, x.vertex) if isinstance(x, Value) else x for x in args]


def _given(x: Any) -> Any:
    return x.tensor("checkpoint") if isinstance(x, Saved) else x
