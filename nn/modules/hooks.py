"""Functions that are called around a module's forward, and where gradients enter and leave it."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

import numpy as np

import tinygrad_np as tg
from tinygrad_np.arrival import Calls
from tinygrad_np.core import Meta, Op, Value, apply, wrap
from tinygrad_np.recorder import IN_RULE, recording, thread

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tinygrad_np.arrival import RemovableHandle
    from tinygrad_np.core import Array, Operand, Thunks

    Handle = Callable[["Grads", "Likes"], "Grads"]

Grads: TypeAlias = "tuple[Any, ...]"  # tensors, and None where none came
Likes: TypeAlias = "tuple[Meta | None, ...]"  # what they are gradients of; None for no tensor


class _Hook(NamedTuple):
    """What is called, and what for."""

    call: Callable[..., Any]
    with_kwargs: bool = False
    always: bool = False


class Hooks:
    """All hooks of one module."""

    def __init__(self) -> None:
        self.before = Calls()
        self.after = Calls()
        self.backward_before = Calls()
        self.backward = Calls()


class Hookable:
    """The part of a module that hooks are registered with."""

    _registered_hooks: Hooks | None = None  # of a module that never had a hook

    def register_forward_hook(
        self,
        hook: Callable[..., Any],
        *,
        prepend: bool = False,
        with_kwargs: bool = False,
        always_call: bool = False,
    ) -> RemovableHandle:
        """Call `hook(module, args, output)` after each forward.

        What it returns, if it is not None, takes the place of the output. With `with_kwargs` it is
        called as `hook(module, args, kwargs, output)`, with `prepend` before the hooks that are
        there, with `always_call` also if forward raises (the output is then None).

        >>> import nn
        >>> layer = nn.ReLU()
        >>> handle = layer.register_forward_hook(lambda module, args, output: output + 1)
        >>> layer(tg.tensor([-1.0, 2.0]))
        tensor([1., 3.])
        >>> handle.remove()
        """
        return self._own().after.add(_Hook(hook, with_kwargs, always_call), prepend=prepend)

    def register_forward_pre_hook(
        self, hook: Callable[..., Any], *, prepend: bool = False, with_kwargs: bool = False
    ) -> RemovableHandle:
        """Call `hook(module, args)` before each forward.

        What it returns, if it is not None, takes the place of the arguments: a tuple of them, or
        one. With `with_kwargs` it is called as `hook(module, args, kwargs)` and returns both.
        """
        return self._own().before.add(_Hook(hook, with_kwargs), prepend=prepend)

    def register_full_backward_hook(
        self, hook: Callable[..., Any], prepend: bool = False
    ) -> RemovableHandle:
        """Call `hook(module, grad_input, grad_output)` once gradients have gone through the module.

        Both are tuples, of the gradients of the positional arguments and of the outputs, with None
        for what is no tensor. A tuple that it returns takes the place of `grad_input`. Neither the
        arguments nor the outputs of such a module can be changed in place.

        >>> import nn
        >>> layer = nn.ReLU()
        >>> handle = layer.register_full_backward_hook(lambda m, gi, go: print(gi, go))
        >>> layer(tg.tensor([-1.0, 2.0], requires_grad=True)).sum().backward()
        (tensor([0., 1.]),) (tensor([1., 1.]),)
        """
        return self._own().backward.add(_Hook(hook), prepend=prepend)

    def register_full_backward_pre_hook(
        self, hook: Callable[..., Any], prepend: bool = False
    ) -> RemovableHandle:
        """Call `hook(module, grad_output)` before gradients go through the module.

        A tuple that it returns takes the place of `grad_output`.
        """
        return self._own().backward_before.add(_Hook(hook), prepend=prepend)

    def _own(self) -> Hooks:
        if self._registered_hooks is None:
            self._registered_hooks = Hooks()
        return self._registered_hooks


def call_with_hooks(
    module: Any, hooks: Hooks, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Any:
    """Run the module's forward with its hooks around it."""
    call = _Call(module, args, kwargs)
    try:
        return call.run(hooks)
    except Exception:
        call.run_always(hooks)
        raise


class _Call:
    """One call of a module: what goes in and out, as the hooks leave it."""

    def __init__(self, module: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        self.module, self.args, self.kwargs = module, args, kwargs
        self.output: Any = None
        self.called: set[int] = set()

    def run(self, hooks: Hooks) -> Any:
        """Run hooks and forward in order."""
        for hook in (*hooks.before.values(),):
            self._before(hook)
        passing = None
        if hooks.backward or hooks.backward_before:
            passing = _Passing(
                self.module, (*hooks.backward.values(),), (*hooks.backward_before.values(),)
            )
            self.args = passing.enter(self.args)
        self.output = self.module.forward(*self.args, **self.kwargs)
        for key, hook in (*hooks.after.items(),):
            self.called.add(key)
            self._after(hook)
        return self.output if passing is None else passing.leave(self.output)

    def run_always(self, hooks: Hooks) -> None:
        """Run the hooks that are called also after an error; their own errors become warnings."""
        for key, hook in (*hooks.after.items(),):
            if hook.always and key not in self.called:
                try:
                    self._after(hook)
                except Exception as error:  # noqa: BLE001 - the first error is the one to raise
                    warnings.warn(
                        "a forward hook with always_call=True raised an error, which is dropped "
                        f"for the one that forward raised: {error}",
                        stacklevel=4,
                    )

    def _before(self, hook: _Hook) -> None:
        if not hook.with_kwargs:
            given = hook.call(self.module, self.args)
            if given is not None:
                self.args = given if isinstance(given, tuple) else (given,)
            return
        given = hook.call(self.module, self.args, self.kwargs)
        if given is not None:
            if not isinstance(given, tuple) or len(given) != 2:
                raise RuntimeError(
                    "a forward pre-hook with with_kwargs=True must return None or a tuple "
                    f"(args, kwargs), not {given}"
                )
            self.args, self.kwargs = given

    def _after(self, hook: _Hook) -> None:
        kwargs = (self.kwargs,) if hook.with_kwargs else ()
        given = hook.call(self.module, self.args, *kwargs, self.output)
        if given is not None:
            self.output = given


class _Passing:
    """The way of gradients through one call of a module: in at the outputs, out at the inputs."""

    def __init__(self, module: Any, hooks: Sequence[_Hook], before: Sequence[_Hook]) -> None:
        self.module, self.hooks, self.before = module, hooks, before
        self.through: tuple[Any, ...] | None = None  # gradients of the outputs, once they came
        self.inputs = 0
        self.reached = False  # whether an input requires grad

    def enter(self, args: tuple[Any, ...]) -> tuple[Any, ...]:
        """Let gradients of the arguments meet in `grad_input`."""
        self.inputs = len(args)
        met = _meet(args, self._grad_input)
        self.reached = met is not None
        return args if met is None else met

    def leave(self, output: Any) -> Any:
        """Let gradients of the outputs meet in `grad_output`."""
        if not isinstance(output, (Value, tuple)):
            warnings.warn(
                "backward hooks are called for a module whose output is a tensor or a tuple of "
                f"tensors, and that of {type(self.module).__name__} is a {type(output).__name__}",
                stacklevel=4,
            )
        outputs = output if isinstance(output, tuple) else (output,)
        met = _meet(outputs, self._grad_output)
        if met is None:
            return output
        return met if isinstance(output, tuple) else met[0]

    def _grad_output(self, grads: Grads, _: Likes) -> Grads:
        for hook in self.before:
            given = hook.call(self.module, grads)
            grads = grads if given is None else _as_many(given, grads, "grad_output")
        self.through = grads
        if not self.reached:
            warnings.warn(
                f"a full backward hook of {type(self.module).__name__} runs without grad_input: no "
                "input of the module requires grad",
                stacklevel=2,
            )
            for hook in self.hooks:
                given = hook.call(self.module, (None,) * self.inputs, grads)
                if given is not None and any(x is not None for x in given):
                    raise RuntimeError(
                        "a full backward hook returned gradients for inputs none of which requires "
                        "grad; return None"
                    )
            self.through = None
        return grads

    def _grad_input(self, grads: Grads, like: Likes) -> Grads:
        if self.through is None:  # they came past the outputs, as a second derivative may
            return grads
        grads = tuple(
            tg.zeros(x.shape, dtype=x.dtype) if g is None and x is not None else g
            for g, x in zip(grads, like, strict=True)
        )
        for hook in self.hooks:
            given = hook.call(self.module, grads, self.through)
            grads = grads if given is None else _as_many(given, grads, "grad_input")
        self.through = None
        return grads


def _as_many(given: Any, expected: tuple[Any, ...], what: str) -> tuple[Any, ...]:
    grads = given if isinstance(given, tuple) else (given,)
    if len(grads) != len(expected):
        raise RuntimeError(
            f"a backward hook returned {len(grads)} gradients for {what}, which has {len(expected)}"
        )
    return grads


def _meet(values: tuple[Any, ...], handle: Handle) -> tuple[Any, ...] | None:
    """Let gradients of all `values` meet at a gate, and pass as `handle` leaves them.

    Returns what is to be used in the place of `values`; None if none of them requires grad.
    """
    tracked = [x for x in values if isinstance(x, Value) and x.vertex is not None]
    if thread.recorder is None or not tracked:
        return None
    gate = Gate(handle, values)
    hub = apply(gate, *tracked)
    met = [
        apply(Lane(gate, i), x.detach(), hub) if through else x
        for i, (x, through) in enumerate(zip(values, gate.open, strict=True))
    ]
    named = hasattr(values, "_fields")
    return type(values)(*met) if named else tuple(met)


class Gate(Op):
    """Where the gradients of several tensors meet; a `Lane` for each leads here."""

    __slots__ = ("given", "handle", "like", "open")
    formula = "y = 0, beside which the tensors pass through their lanes"
    derivative = "what the lanes brought, as the hooks leave it"
    checkable = False  # the derivative is the hooks' affair

    def __init__(self, handle: Handle, values: Sequence[Any]) -> None:
        self.handle = handle
        self.like = tuple(Meta(x.shape, x.dtype) if isinstance(x, Value) else None for x in values)
        self.open = [isinstance(x, Value) and x.vertex is not None for x in values]
        self.given: dict[int, Operand] = {}  # gradients of one backward pass

    def forward(self, *_: Array) -> Array:
        """Give a number for the lanes to depend on."""
        return np.zeros(())

    def vjp(self, g: Operand, *_: Operand) -> Thunks:  # noqa: ARG002 - the lanes brought more
        """Call the hooks: every lane has been here."""
        given, self.given = self.given, {}
        in_rule = thread.recorder is IN_RULE
        with recording(None if in_rule else thread.recorder):  # hooks are the user's code
            grads = [given.get(i) for i in range(len(self.open))]
            tensors = tuple(wrap(x.view()) if isinstance(x, np.ndarray) else x for x in grads)
            found = self.handle(tensors, self.like)
        passed = [x for x, through in zip(found, self.open, strict=True) if through]
        return tuple(None if x is None else _thunk(x, in_rule) for x in passed)


def _thunk(x: Value, in_rule: bool) -> Callable[[], Operand]:
    # A view, so that the engine sees that the memory may be someone else's.
    return x.array.view if in_rule else lambda: x


class Lane(Op):
    """The same tensor, behind a gate."""

    __slots__ = ("gate", "index")
    formula = "y = x"
    derivative = "goes to the gate"
    views = True
    checkable = False

    def __init__(self, gate: Gate, index: int) -> None:
        self.gate = gate
        self.index = index

    def forward(self, x: Array, _: Array) -> Array:
        """Let the tensor through."""
        return x

    def vjp(self, g: Operand, _: Operand, hub: Operand, __: Operand) -> Thunks:
        """Bring the gradient to the gate."""
        self.gate.given[self.index] = g
        zero = np.zeros(hub.shape)
        return None, lambda: wrap(zero) if isinstance(g, Value) else zero
