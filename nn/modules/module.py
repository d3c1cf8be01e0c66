"""Module: a function with parameters, made of smaller modules."""

from __future__ import annotations

import itertools
import threading
from collections import OrderedDict
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple, Self

import numpy as np

import tinygrad_np as tg
from nn.modules.hooks import Hookable, call_with_hooks
from nn.modules.members import Members
from nn.parameter import Parameter
from tinygrad_np.recorder import PLAIN, scope, thread

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tinygrad_np.dtypes import DtypeLike


class IncompatibleKeys(NamedTuple):
    """What `load_state_dict` did not find in the module or in the state."""

    missing_keys: list[str]
    unexpected_keys: list[str]


class _Calls(threading.local):
    stack: tuple[Module, ...] = ()  # modules being called, while a graph is traced


_calls = _Calls()


class Module(Hookable):
    """Base of all layers and models: assign parameters and modules as attributes, write `forward`.

    A module's parameters are its attributes that are `Parameter`s, its children those that are
    `Module`s, in the order of assignment; buffers are tensors that `register_buffer` names.

    >>> import nn
    >>> class Twice(nn.Module):
    ...     def __init__(self):
    ...         super().__init__()
    ...         self.layer = nn.Linear(2, 2)
    ...
    ...     def forward(self, x):
    ...         return self.layer(self.layer(x))
    >>> [name for name, _ in Twice().named_parameters()]
    ['layer.weight', 'layer.bias']
    """

    training: bool

    def __init__(self) -> None:
        self.__dict__.update(training=True, _persistent={})

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """Compute the result; every module defines its own."""
        raise NotImplementedError(
            f"{type(self).__name__} defines no forward(): write def forward(self, x)"
        )

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Run `forward`. An error says on its way out which layers it passed through."""
        recorder = thread.recorder
        try:
            if self._registered_hooks is None and (recorder is PLAIN or recorder is None):
                return self.forward(*args, **kwargs)
            return self._watched(*args, **kwargs)
        except Exception as error:
            _note_layer(error, self)
            raise

    def _watched(self, *args: Any, **kwargs: Any) -> Any:
        """Run `forward` with its hooks, within a scope that pictures of the graph show."""
        hooks, before = self._registered_hooks, _calls.stack
        name = _name_below(before[-1], self) if before else ""
        kind = type(self).__name__
        _calls.stack = (*before, self)
        try:
            with scope(f"{name} ({kind})" if name else kind):
                if hooks is None:
                    return self.forward(*args, **kwargs)
                return call_with_hooks(self, hooks, args, kwargs)
        finally:
            _calls.stack = before

    def __setattr__(self, name: str, value: Any) -> None:
        if isinstance(value, (Parameter, Module)):
            self._check_begun(name)
            self._persistent.pop(name, None)
        elif value is not None:
            held = self.__dict__.get(name)
            if isinstance(held, Parameter):
                raise TypeError(
                    f"cannot assign a {type(value).__qualname__} as parameter {name!r}: wrap it in "
                    "nn.Parameter, or copy into it under no_grad() with copy_"
                )
            if isinstance(held, Module):
                raise TypeError(
                    f"cannot assign a {type(value).__qualname__} as child module {name!r}: make a "
                    "Module of it, or delete the child first"
                )
            if name in self.__dict__.get("_persistent", ()):
                _check_kind("buffer", name, value, tg.Tensor)
        object.__setattr__(self, name, value)

    def __delattr__(self, name: str) -> None:
        object.__delattr__(self, name)
        self._persistent.pop(name, None)

    # ---- what it is made of ----

    _persistent: dict[str, bool]  # names of buffers, and whether they are saved

    def register_buffer(self, name: str, tensor: tg.Tensor | None, persistent: bool = True) -> None:
        """Add a tensor that belongs to the module's state and is not trained."""
        self._check_name(name)
        _check_kind("buffer", name, tensor, tg.Tensor)
        self.__dict__[name] = tensor
        self._persistent[name] = persistent

    def register_parameter(self, name: str, param: Parameter | None) -> None:
        """Add a parameter, or None in its place, under a name that need not be an identifier."""
        self._check_name(name)
        _check_kind("parameter", name, param, Parameter)
        setattr(self, name, param)

    def add_module(self, name: str, module: Module | None) -> None:
        """Add a child under a name that need not be an identifier."""
        self._check_name(name)
        _check_kind("child module", name, module, Module)
        setattr(self, name, module)

    register_module = add_module

    @property
    def _parameters(self) -> Members:
        """Own parameters by name."""
        return Members(self, lambda: self._names(Parameter), self.register_parameter)

    @property
    def _buffers(self) -> Members:
        """Own buffers by name."""
        return Members(
            self,
            lambda: list(self._persistent),
            lambda name, x: self.register_buffer(name, x, self._persistent.get(name, True)),
        )

    @property
    def _modules(self) -> Members:
        """Modules directly below by name; one that has two names comes twice."""
        return Members(self, lambda: self._names(Module), self.add_module)

    def _names(self, kind: type[object]) -> list[str]:
        return [name for name, value in self.__dict__.items() if isinstance(value, kind)]

    def _get_name(self) -> str:
        return type(self).__name__

    def _check_begun(self, name: str) -> None:
        if "_persistent" not in self.__dict__:
            raise AttributeError(
                f"cannot assign {name!r} before Module.__init__() was called: make "
                f"super().__init__() the first line of {type(self).__name__}.__init__"
            )

    def _check_name(self, name: str) -> None:
        self._check_begun(name)
        if not name or "." in name:
            raise KeyError(f"a name must not be empty or hold a dot: {name!r}")
        if hasattr(self, name) and not isinstance(
            self.__dict__.get(name, 0), (Parameter, Module, tg.Tensor, type(None))
        ):
            raise KeyError(f"the attribute {name!r} of {type(self).__name__} exists already")

    def _below(self) -> list[tuple[str, Module]]:
        """Names and modules directly below; one that has two names comes twice."""
        return [(name, value) for name, value in self.__dict__.items() if isinstance(value, Module)]

    def named_children(self) -> Iterator[tuple[str, Module]]:
        """Give the modules directly below, each once, with its first name."""
        seen: set[Module] = set()
        for name, child in self._below():
            if child not in seen:
                seen.add(child)
                yield name, child

    def children(self) -> Iterator[Module]:
        """Give the modules directly below, each once."""
        return (child for _, child in self.named_children())

    def named_modules(
        self, memo: set[Module] | None = None, prefix: str = "", remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Module]]:
        """Give this module and all below it, each once, with dotted names."""
        seen = set() if memo is None else memo
        if self in seen:
            return
        if remove_duplicate:
            seen.add(self)
        yield prefix, self
        for name, child in self._below():
            path = f"{prefix}.{name}" if prefix else name
            yield from child.named_modules(seen, path, remove_duplicate)

    def modules(self) -> Iterator[Module]:
        """Give this module and all below it, each once."""
        return (module for _, module in self.named_modules())

    def named_parameters(
        self, prefix: str = "", recurse: bool = True, remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Parameter]]:
        """Give the parameters, each once, with dotted names."""
        yield from self._named(
            lambda module: (
                (name, value)
                for name, value in module.__dict__.items()
                if isinstance(value, Parameter)
            ),
            prefix,
            recurse,
            remove_duplicate,
        )

    def parameters(self, recurse: bool = True) -> Iterator[Parameter]:
        """Give the parameters, each once."""
        return (parameter for _, parameter in self.named_parameters(recurse=recurse))

    def named_buffers(
        self, prefix: str = "", recurse: bool = True, remove_duplicate: bool = True
    ) -> Iterator[tuple[str, tg.Tensor]]:
        """Give the buffers, each once, with dotted names."""
        yield from self._named(
            lambda module: (
                (name, module.__dict__[name])
                for name in module._persistent  # noqa: SLF001 - of its own class
                if module.__dict__[name] is not None
            ),
            prefix,
            recurse,
            remove_duplicate,
        )

    def buffers(self, recurse: bool = True) -> Iterator[tg.Tensor]:
        """Give the buffers, each once."""
        return (buffer for _, buffer in self.named_buffers(recurse=recurse))

    def _named(
        self,
        members: Callable[[Module], Iterator[tuple[str, Any]]],
        prefix: str,
        recurse: bool,
        remove_duplicate: bool,
    ) -> Iterator[tuple[str, Any]]:
        seen: set[Any] = set()
        modules = (
            self.named_modules(prefix=prefix, remove_duplicate=remove_duplicate)
            if recurse
            else [(prefix, self)]
        )
        for path, module in modules:
            for name, value in members(module):
                if value not in seen:
                    if remove_duplicate:
                        seen.add(value)
                    yield (f"{path}.{name}" if path else name), value

    def get_submodule(self, target: str) -> Module:
        """Find the module with a dotted name, such as `features.0`."""
        module: Any = self
        for name in target.split(".") if target else []:
            child = module.__dict__.get(name)
            if not isinstance(child, Module):
                raise AttributeError(  # noqa: TRY004 - as for any name that is not there
                    f"{type(module).__name__} has no child {name!r} (in {target!r}); it has "
                    f"{[n for n, _ in module.named_children()]}"
                )
            module = child
        assert isinstance(module, Module)
        return module

    def get_parameter(self, target: str) -> Parameter:
        """Find the parameter with a dotted name, such as `features.0.weight`."""
        path, _, name = target.rpartition(".")
        found = self.get_submodule(path).__dict__.get(name)
        if not isinstance(found, Parameter):
            raise AttributeError(  # noqa: TRY004 - as for any name that is not there
                f"{target!r} is no parameter of {type(self).__name__}"
            )
        return found

    def get_buffer(self, target: str) -> tg.Tensor:
        """Find the buffer with a dotted name, such as `norm.running_mean`."""
        path, _, name = target.rpartition(".")
        owner = self.get_submodule(path)
        found = owner.__dict__.get(name)
        if name not in owner._persistent or found is None:  # noqa: SLF001 - of its own class
            raise AttributeError(f"{target!r} is no buffer of {type(self).__name__}")
        assert isinstance(found, tg.Tensor)
        return found

    def set_submodule(self, target: str, module: Module, strict: bool = False) -> None:
        """Put a module where a dotted name points, in the place of the one there.

        With `strict`, there must be one.
        """
        if not target:
            raise ValueError("set_submodule: the name is empty; a module cannot replace itself")
        if not isinstance(module, Module):
            raise ValueError(  # noqa: TRY004 - as PyTorch
                f"set_submodule: {target!r} must become a Module, not a {type(module).__qualname__}"
            )
        path, _, name = target.rpartition(".")
        owner = self.get_submodule(path)
        if strict or hasattr(owner, name):
            owner.get_submodule(name)
        setattr(owner, name, module)

    # ---- what can be done with all of it ----

    def apply(self, fn: Callable[[Module], Any]) -> Self:
        """Call `fn` on every module, children first; for initialisation."""
        for child in self.children():
            child.apply(fn)
        fn(self)
        return self

    def train(self, mode: bool = True) -> Self:
        """Set training mode, which dropout and the like follow, here and below."""
        if not isinstance(mode, bool):
            raise ValueError(  # noqa: TRY004 - as PyTorch
                f"train: the mode must be True or False, not {mode!r}"
            )
        self.training = mode
        for child in self.children():  # each by its own train(), which it may define anew
            child.train(mode)
        return self

    def eval(self) -> Self:
        """Set evaluation mode here and below."""
        return self.train(mode=False)

    def requires_grad_(self, requires_grad: bool = True) -> Self:
        """Ask for gradients of all parameters, or stop asking."""
        for parameter in self.parameters():
            parameter.requires_grad_(requires_grad)
        return self

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Drop the gradients of all parameters, or set them to zeros."""
        for parameter in self.parameters():
            if set_to_none or parameter.grad is None:
                parameter.grad = None
            else:
                parameter.grad.detach().zero_()

    def to(self, *args: Any, **kwargs: Any) -> Self:
        """Convert floating parameters, gradients and buffers to a dtype; the device is the CPU."""
        probe = tg.empty(0, dtype=np.bool_)
        dtype = probe.to(*args, **kwargs).dtype
        if dtype == probe.dtype:  # a device at most
            return self
        if dtype.kind != "f":
            raise TypeError(f"Module.to: the dtype must be a floating one, not {dtype}")
        for tensor in (*self.parameters(), *self.buffers()):
            if tensor.is_floating_point():
                tensor.data = tensor.detach().to(dtype)
                if tensor.grad is not None:
                    tensor.grad = tensor.grad.detach().to(dtype)
        return self

    def float(self) -> Self:
        """Convert to float32."""
        return self.to(np.float32)

    def double(self) -> Self:
        """Convert to float64."""
        return self.to(np.float64)

    def half(self) -> Self:
        """Convert to float16."""
        return self.to(np.float16)

    def bfloat16(self) -> Self:
        """Refuse: NumPy has no bfloat16."""
        raise tg.DtypeError("bfloat16: NumPy has no such dtype; use .half() or .float()")

    def type(self, dst_type: DtypeLike) -> Self:
        """Convert floating parameters and buffers to a dtype."""
        return self.to(dst_type)

    def cpu(self) -> Self:
        """Give the module itself, which is on the CPU."""
        return self

    def cuda(self, device: object = None) -> Self:
        """Refuse: there is no other device than the CPU."""
        return self.to("cuda" if device is None else f"cuda:{device}")

    # ---- its state ----

    def state_dict(
        self,
        destination: dict[str, tg.Tensor] | None = None,
        prefix: str = "",
        keep_vars: bool = False,
    ) -> dict[str, tg.Tensor]:
        """Give parameters and persistent buffers by name, over the same memory.

        They are added to `destination`, if given, each name with `prefix` before it.
        """
        state = OrderedDict() if destination is None else destination
        saved: dict[str, tg.Tensor | None] = {**self._parameters}
        saved |= {name: self.__dict__[name] for name, keep in self._persistent.items() if keep}
        for name, value in saved.items():
            if value is not None:
                state[prefix + name] = value if keep_vars else value.detach()
        for name, child in self._below():
            child.state_dict(destination=state, prefix=f"{prefix}{name}.", keep_vars=keep_vars)
        return state

    def load_state_dict(
        self, state_dict: Mapping[str, Any], strict: bool = True, assign: bool = False
    ) -> IncompatibleKeys:
        """Copy a state into the parameters and buffers; nothing is copied if anything is wrong.

        With `assign`, the tensors themselves take the place of the data.

        Raises
        ------
        RuntimeError
            If names are missing or left over (with `strict`), or a shape differs: all are listed.
        TypeError
            If `state_dict` is no dict.
        """
        if not isinstance(state_dict, Mapping):
            raise TypeError(
                f"load_state_dict: expected a dict from names to tensors, got a "
                f"{type(state_dict).__qualname__}; pass model.state_dict() or tg.load(file)"
            )
        own = self.state_dict(keep_vars=True)
        missing = [name for name in own if name not in state_dict]
        unexpected = [name for name in state_dict if name not in own]
        problems = []
        if strict and missing:
            problems.append(f"missing keys: {', '.join(missing)}")
        if strict and unexpected:
            problems.append(f"unexpected keys: {', '.join(unexpected)}")
        given = {name: tg.as_tensor(state_dict[name]) for name in own if name in state_dict}
        problems += [
            f"size mismatch for {name}: the module has shape {tuple(own[name].shape)}, the state "
            f"{tuple(tensor.shape)}"
            for name, tensor in given.items()
            if tensor.shape != own[name].shape
        ]
        if problems:
            raise RuntimeError(
                f"load_state_dict: the state does not fit {type(self).__name__}:\n  "
                + "\n  ".join(problems)
            )
        with tg.no_grad():
            for name, tensor in given.items():
                if assign:
                    own[name].data = tensor
                else:
                    own[name].copy_(tensor)
        return IncompatibleKeys(missing, unexpected)

    def __dir__(self) -> list[str]:
        return [name for name in super().__dir__() if name.isidentifier()]

    # ---- how it prints ----

    def extra_repr(self) -> str:
        """What `repr` shows between the parentheses."""
        return ""

    def __repr__(self) -> str:
        extra, kind = self.extra_repr(), self._get_name()
        lines = [f"({name}): {child!r}".replace("\n", "\n  ") for name, child in self._below()]
        if not lines and "\n" not in extra:
            return f"{kind}({extra})"
        lines = [*(extra.split("\n") if extra else []), *lines]
        return f"{kind}(\n  " + "\n  ".join(lines) + "\n)"


def _check_kind(role: str, name: str, value: object, kind: type) -> None:
    """Refuse what is neither of the kind nor None."""
    if value is not None and not isinstance(value, kind):
        raise TypeError(
            f"{role} {name!r} must be a {kind.__name__} or None, not a {type(value).__qualname__}"
        )


def _name_below(module: Module, inner: Module) -> str:
    """Dotted name of a module inside another, "" if it is not there; a child's comes first."""
    below = itertools.chain(module.named_children(), module.named_modules())
    return next((name for name, found in below if found is inner), "")


def _note_layer(error: Exception, module: Module) -> None:
    """Keep one note on the error that says where in the model it happened, outermost name first."""
    path: list[str]
    inner, path, layer, note = getattr(error, "_layer", (None, [], "", ""))
    if inner is None:
        layer = repr(module).partition("\n")[0].rstrip("(")
        note = f"in layer {layer}"
        error.add_note(note)
    else:
        name = _name_below(module, inner)
        path = [name, *path] if name else path
        longer = f"in layer {'.'.join(path)}: {layer}" if path else note
        notes = error.__notes__  # where others may have added theirs
        notes[notes.index(note)] = note = longer
    error.__dict__["_layer"] = (module, path, layer, note)
