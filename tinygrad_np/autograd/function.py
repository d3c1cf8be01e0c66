"""Function: an operation of the user's own, forward and backward, in tensors.

On the graph it is one node, like every op. The gradients that its rule is given and returns are
the user's tensors: under `create_graph` those of the tape, else wrapped arrays.
"""

from __future__ import annotations

import functools
import inspect
import weakref
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from tinygrad_np.autograd.saved import Saved
from tinygrad_np.core import Array, Meta, Op, Operand, Thunks, Value, apply, wrap
from tinygrad_np.errors import GraphError, graph_freed, not_a_tensor
from tinygrad_np.ops.several import Parts, make_node, pick
from tinygrad_np.recorder import IN_RULE, PLAIN, recording, thread
from tinygrad_np.views import share

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tinygrad_np.core import Node, Vertex

C = TypeVar("C", bound="Callable[..., Any]")


class FunctionCtx:
    """What `forward` hands to `backward`: saved tensors, and any attribute that you set.

    Attributes
    ----------
    needs_input_grad
        For each argument of `forward`, whether its gradient is wanted.
    """

    needs_input_grad: tuple[bool, ...] = ()

    def __init__(self, call: _Call) -> None:
        self._call = call

    def save_for_backward(self, *tensors: Value | None) -> None:
        """Keep arguments and results of `forward` for `backward`, where `saved_tensors` has them.

        Tensors kept so are freed with the graph, and a write into one of them in the meantime is
        noticed: `backward` raises.
        """
        for i, x in enumerate(tensors):
            if x is not None and not isinstance(x, Value):
                raise not_a_tensor(
                    "save_for_backward",
                    f"argument {i}",
                    x,
                    " or None",
                    "keep other things as attributes: ctx.name = value",
                )
        self._call.given = tensors

    @property
    def saved_tensors(self) -> tuple[Any, ...]:
        """What `save_for_backward` was given, each at its place in the graph.

        Raises
        ------
        GraphError
            If a backward pass already freed them.
        """
        return self._call.saved()

    def mark_dirty(self, *tensors: Value) -> None:
        """Say that `forward` changed these arguments in place; it must return them as well."""
        self._call.dirty = tensors

    def mark_non_differentiable(self, *tensors: Value) -> None:
        """Say that these results have no derivative; `backward` gets zeros in their place."""
        self._call.non_differentiable = tensors

    def set_materialize_grads(self, value: bool) -> None:
        """Choose what `backward` gets for results that no gradient reached: zeros, or None."""
        self._call.materialize = value


class _Call:
    """One call of a Function: what its ctx was told, and the nodes that it made.

    References to nodes are weak, since a node holds its op, and that the ctx.
    """

    __slots__ = (
        *("dirty", "given", "materialize", "name", "non_differentiable"),
        *("node", "result_nodes"),
    )

    def __init__(self, name: str) -> None:
        self.name = name
        self.given: tuple[Value | None, ...] = ()  # to save; until the call is recorded
        self.dirty: tuple[Value, ...] = ()
        self.non_differentiable: tuple[Value, ...] = ()
        self.materialize = True
        self.node: weakref.ref[Node] | None = None
        self.result_nodes: list[weakref.ref[Node] | None] = []  # if there are several results

    def saved(self) -> tuple[Any, ...]:
        """What was saved, each tensor at its place in the graph."""
        if self.node is None:
            return self.given
        node = self.node()
        if node is None or node.saved is None:
            raise graph_freed(self.name)
        kept: Sequence[_Kept | None] = node.kept or ()
        return tuple(x and x.tensor(self.name, self._node_of(x, node)) for x in kept)

    def _node_of(self, kept: _Kept, node: Node) -> Node | None:
        """Give the node of a result, made anew if nothing holds it any more."""
        if kept.result is None:
            return None
        if not self.result_nodes:
            return node
        reference = self.result_nodes[kept.result]
        if reference is None:  # marked as non-differentiable
            return None
        held = reference()
        like = Meta(kept.array.shape, kept.array.dtype)
        return pick(node, kept.result, like) if held is None else held


class _Kept(Saved):
    """A tensor that `save_for_backward` was given, and which of the results it is, if any."""

    __slots__ = ("result",)

    def __init__(self, tensor: Value, vertex: Vertex | None, result: int | None) -> None:
        super().__init__(tensor, vertex)
        self.result = result


class Function:
    """Base of operations with a derivative of your own, called by `apply`.

    `forward(ctx, ...)` computes the result, or a tuple of several, without being recorded;
    `backward(ctx, *grads)` takes the gradient of each result and gives that of each argument (None
    where there is none). If `backward` is written in operations on tensors, it can be
    differentiated again. In place of the first, `forward(...)` without ctx and
    `setup_context(ctx, inputs, output)` can be given.

    >>> import tinygrad_np as tg
    >>> class Cube(tg.autograd.Function):
    ...     @staticmethod
    ...     def forward(ctx, x):
    ...         ctx.save_for_backward(x)
    ...         return x * x * x
    ...
    ...     @staticmethod
    ...     def backward(ctx, g):
    ...         (x,) = ctx.saved_tensors
    ...         return g * 3 * x * x
    >>> x = tg.tensor([1.0, 2.0], requires_grad=True)
    >>> Cube.apply(x).sum().backward()
    >>> x.grad
    tensor([ 3., 12.])
    """

    @staticmethod
    def forward(*args: Any, **kwargs: Any) -> Any:
        """Compute the result; `ctx` comes first, unless there is a `setup_context`."""
        raise NotImplementedError("Function: define forward(ctx, ...) as a staticmethod")

    @staticmethod
    def setup_context(ctx: FunctionCtx, inputs: tuple[Any, ...], output: Any) -> None:
        """Keep what `backward` needs, where `forward` takes no `ctx`."""
        raise NotImplementedError("Function: define setup_context, or give ctx to forward")

    @staticmethod
    def backward(ctx: FunctionCtx, *grads: Any) -> Any:
        """Give the gradient of each argument, from that of each result."""
        raise NotImplementedError(
            "Function: define backward(ctx, *grads) as a staticmethod to differentiate through it"
        )

    @classmethod
    def apply(cls, *args: Any, **kwargs: Any) -> Any:
        """Run `forward`, and record it if an argument requires grad.

        Raises
        ------
        GraphError
            If an argument marked as dirty is a leaf that requires grad, a recorded view, or was
            not returned.
        """
        separate = cls.setup_context is not Function.setup_context
        if separate or kwargs:
            args = _bound(cls.forward, () if separate else (None,), args, kwargs)
        call = _Call(cls.__name__)
        ctx = FunctionCtx(call)
        parents = [x.vertex if isinstance(x, Value) else None for x in args]
        ctx.needs_input_grad = tuple(parent is not None for parent in parents)
        with recording(None):
            if separate:
                output = cls.forward(*args)
                cls.setup_context(ctx, args, output)
            else:
                output = cls.forward(ctx, *args)
        recorded = thread.recorder is not None and any(ctx.needs_input_grad)
        outputs = output if isinstance(output, tuple) else (output,)
        _check_dirty(call, outputs, recorded=recorded)
        results = [_result(y, call, args) for y in outputs]
        tracked = [
            recorded
            and isinstance(y, Value)
            and y.array.dtype.kind == "f"
            and not _among(x, call.non_differentiable)
            for x, y in zip(outputs, results, strict=True)
        ]
        if any(tracked):
            metas = [Meta(y.shape, y.dtype) if isinstance(y, Value) else None for y in results]
            op = FunctionOp(cls, ctx, call, metas)
            _record(op, args, parents, outputs, results, tracked)
        return tuple(results) if isinstance(output, tuple) else results[0]


class FunctionOp(Op):
    """The op of a `Function`: its derivative is the user's `backward`."""

    __slots__ = ("call", "ctx", "function", "results")
    formula = "as its forward() computes it"
    derivative = "as its backward() computes it"
    broadcasts = True  # a gradient may have more dimensions than its operand, as in PyTorch

    def __init__(
        self,
        function: type[Function],
        ctx: FunctionCtx,
        call: _Call,
        results: Sequence[Meta | None],
    ) -> None:
        self.function = function
        self.ctx = ctx
        self.call = call
        self.results = results  # of what shape and dtype each is; None if it is no tensor

    @property
    def name(self) -> str:
        """Name of the Function."""
        return self.call.name

    @property
    def grad_fn(self) -> str:  # type: ignore[override]  # each Function has a name of its own
        """Name of its derivative, as PyTorch calls it."""
        return f"{self.name}Backward"

    def again(self, *args: Any) -> Any:
        """Call the Function anew: `apply` of the core cannot."""
        return self.function.apply(*args)

    def vjp(self, g: Operand, *operands: Operand) -> Thunks:
        """Ask the user's `backward`."""
        return self.gradients(g, operands[:-1])

    def gradients(self, g: Operand, operands: Sequence[Any]) -> Thunks:
        """Call the user's `backward`, in tensors, and check what it returns."""
        parts = g.given if isinstance(g, Parts) else {0: g}
        on_tape = thread.recorder is not IN_RULE
        with recording(thread.recorder if on_tape else None):
            grads = [self._gradient(parts.get(i), like) for i, like in enumerate(self.results)]
            try:
                given = self.function.backward(self.ctx, *grads)
            except (GraphError, ValueError) as error:
                if "read-only" in str(error):
                    error.add_note(
                        f"{self.name}.backward may not change an upstream gradient in place, which "
                        "others may be given as well; clone() it first"
                    )
                raise
        found = given if isinstance(given, tuple) else (given,)
        count = len(operands)
        if len(found) < count or any(x is not None for x in found[count:]):
            raise GraphError(
                f"{self.name}.backward returned {len(found)} gradients, and forward took "
                f"{count} arguments; return one for each, None where there is none"
            )
        return tuple(
            self._thunk(i, x, like, on_tape)
            for i, (x, like) in enumerate(zip(found, operands, strict=False))
        )

    def _gradient(self, g: Operand | None, result: Meta | None) -> Value | None:
        """Make the tensor that `backward` gets for one result."""
        if isinstance(g, Value) or result is None:
            return g
        if g is not None:
            view = np.asarray(g).view()
            view.flags.writeable = False  # others may be given the same array
        elif self.call.materialize:
            view = np.zeros(result.shape, result.dtype)
        else:
            return None
        gradient: Value = wrap(view)
        return gradient

    def _thunk(self, i: int, x: Any, like: Any, on_tape: bool) -> Callable[[], Operand] | None:
        """Hand over one gradient that `backward` returned, if it fits its operand."""
        if x is None:
            return None
        if not isinstance(like, (Meta, Value)):
            raise GraphError(
                f"{self.name}.backward returned a gradient for argument {i}, which is no tensor; "
                "return None in its place"
            )
        if not isinstance(x, Value):
            raise GraphError(  # the class that PyTorch raises
                f"{self.name}.backward returned a {type(x).__qualname__} as gradient of argument "
                f"{i}; it must be a Tensor or None"
            )
        lead = x.ndim - like.ndim
        if lead < 0 or any(
            n not in (1, m) for n, m in zip(like.shape, x.shape[lead:], strict=True)
        ):
            raise GraphError(
                f"{self.name}.backward returned a gradient of shape {tuple(x.shape)} for argument "
                f"{i} of shape {tuple(like.shape)}; they must be equal"
            )
        # A view, so that the engine sees that the memory may be someone else's.
        return (lambda: x) if on_tape else x.array.view


class OnceDifferentiable(Op):
    """The same numbers, fenced off: the derivative that gave them was not recorded."""

    __slots__ = ("function",)
    formula = "y = x"
    derivative = "not known"

    def __init__(self, function: str) -> None:
        self.function = function

    @property
    def name(self) -> str:
        """Who has no derivative, for the message."""
        return f"{self.function}, marked with @once_differentiable,"

    def forward(self, x: Array, *_: Array) -> Array:
        """Copy the numbers."""
        return x.copy()


def once_differentiable(backward: C) -> C:
    """Mark a `backward` that is not written in recorded operations.

    It runs without being recorded; who differentiates its results again gets an error.

    >>> import tinygrad_np as tg
    >>> from tinygrad_np.autograd.function import once_differentiable
    >>> class Double(tg.autograd.Function):
    ...     @staticmethod
    ...     def forward(ctx, x):
    ...         return x * 2
    ...
    ...     @staticmethod
    ...     @once_differentiable
    ...     def backward(ctx, g):
    ...         return tg.from_numpy(2 * g.numpy())
    """

    @functools.wraps(backward)
    def fenced(ctx: FunctionCtx, *grads: Any) -> Any:
        with recording(None):
            given = backward(ctx, *grads)
        operands = [
            x for x in (*grads, *ctx.saved_tensors) if isinstance(x, Value) and x.vertex is not None
        ]
        if thread.recorder is None or not operands:
            return given
        fence = OnceDifferentiable(backward.__qualname__)
        found = given if isinstance(given, tuple) else (given,)
        return tuple(apply(fence, x, *operands) if isinstance(x, Value) else x for x in found)

    return fenced  # type: ignore[return-value]  # the same signature


def _bound(
    forward: Callable[..., Any], before: tuple[Any, ...], args: tuple[Any, ...], given: Any
) -> tuple[Any, ...]:
    """Give all arguments of `forward` by position, defaults filled in."""
    arguments = inspect.signature(forward).bind(*before, *args, **given)
    arguments.apply_defaults()
    if arguments.kwargs:
        raise TypeError(
            f"Function: forward takes {', '.join(arguments.kwargs)} by keyword only, and gradients "
            "go by position; let it take all arguments by position"
        )
    return arguments.args[len(before) :]


def _among(x: object, those: Sequence[object]) -> bool:
    return any(x is y for y in those)


def _check_dirty(call: _Call, outputs: tuple[Any, ...], *, recorded: bool) -> None:
    for x in call.dirty:
        if not _among(x, outputs):
            raise GraphError(
                f"{call.name}: an argument that mark_dirty names was not returned; return each "
                "argument that forward changes in place"
            )
        if recorded and x.node is None and x.vertex is not None:
            raise GraphError(
                f"{call.name}: a leaf that requires grad cannot be changed in place while "
                "operations are recorded; do it under no_grad(), or return a new tensor"
            )
        if recorded and len(x.cell) > 1:
            raise GraphError(
                f"{call.name}: an argument changed in place is a view of another tensor, or has "
                "views; pass a .clone()"
            )
        x.written()


def _result(y: Any, call: _Call, args: tuple[Any, ...]) -> Any:
    """Give a result of `forward` as one that can get a node of its own."""
    if not isinstance(y, Value) or _among(y, call.dirty):
        return y
    if _among(y, args) or y.vertex is not None:  # an argument, or it has a place in the graph
        return wrap(y.array, share(y.cell))
    return y


def _record(
    op: FunctionOp,
    args: tuple[Any, ...],
    parents: list[Vertex | None],
    outputs: tuple[Any, ...],
    results: list[Any],
    tracked: list[bool],
) -> None:
    """Make the node of one call, and give each result that has a derivative its own."""
    call, several = op.call, len(results) > 1
    operands = [Meta(x.shape, x.dtype) if isinstance(x, Value) else None for x in args]
    like = Parts({}, (len(results),)) if several else results[0]
    node = make_node(op, parents, [*operands, None], like)
    if call.given:
        node.kept = [x if x is None else _keep(x, args, parents, outputs) for x in call.given]
        node.cells = [(x.cell, x.seen) for x in node.kept if x is not None]
    # Tensors would lie on a cycle: what is saved is in the node, and the rest has been done.
    call.node = weakref.ref(node)
    call.given = call.dirty = call.non_differentiable = ()
    picks = []
    for i, (y, yes) in enumerate(zip(results, tracked, strict=True)):
        if yes:
            y.node = pick(node, i, y) if several else node
        if several:
            call.result_nodes.append(weakref.ref(y.node) if yes else None)
            if yes:
                picks.append(y.node)
    recorder = thread.recorder
    if recorder is not None and recorder is not PLAIN:
        arrays = [x.array if isinstance(x, Value) else x for x in args]
        found = tuple(y.array for y, yes in zip(results, tracked, strict=True) if yes)
        recorder.recorded(node, arrays, found)
        for each in picks:
            recorder.recorded(each, (), None)


def _keep(
    x: Value, args: tuple[Any, ...], parents: list[Vertex | None], outputs: tuple[Any, ...]
) -> _Kept:
    """Keep one tensor for `backward`: a result, an argument, or something in between."""
    for i, y in enumerate(outputs):
        if x is y:
            return _Kept(x, None, i)
    for arg, vertex in zip(args, parents, strict=True):
        if x is arg:
            return _Kept(x, vertex, None)
    return _Kept(x, None, None)
