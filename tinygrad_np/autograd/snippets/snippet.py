"""A program that makes a call again, as text to paste: functions by name, data by value.

What can be imported is imported. What cannot (a lambda, a class inside a function) is copied as
source, together with what it refers to. Objects are made anew from their state.
"""

from __future__ import annotations

import contextlib
import copyreg
import sys
import types
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from tinygrad_np.autograd.snippets.definition import write_class, write_function
from tinygrad_np.autograd.snippets.literal import write_array, write_scalar
from tinygrad_np.autograd.snippets.program import Program, Statement, findable, importable
from tinygrad_np.core import Value

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

PLAIN = (bool, int, float, complex, str, bytes, types.NoneType, types.EllipsisType)
INLINE = (list, tuple, dict, set, np.ndarray, partial)
METHODS = (types.MethodType, types.BuiltinFunctionType, types.MethodWrapperType)


class Call(NamedTuple):
    """A call of a checker: what is repeated by the program that shows a failure again."""

    name: str
    func: Callable[..., Any]
    arguments: Sequence[Any]
    options: Mapping[str, Any]
    others: Sequence[Any] = ()  # arguments between the function and its own
    home: str = "tinygrad_np.autograd"

    def program(self) -> str:
        """The program; if it cannot be written, the reason as a comment."""
        try:
            first = Writer()
            first.write(self)
            # Now it is known which objects stand in several places: they are given names.
            return Writer(first.again).write(self)
        except Exception as error:  # noqa: BLE001 - a failed check must be told, come what may
            reason = " ".join(str(error).split()) or type(error).__name__
            return f"# this call cannot be written as a program: {reason}"


class Writer:
    """Writes expressions, and gathers the statements that they need."""

    def __init__(self, shared: frozenset[int] = frozenset()) -> None:
        self.program = Program()
        self.needs: list[Statement] = []  # of the expression that is being written
        self._names: dict[int, str] = {}  # of objects that have one
        self._bound: dict[str, tuple[Any, Statement | None]] = {}  # what names stand for
        self._met: dict[int, Any] = {}  # kept, so that no id is given twice
        self._again: set[int] = set()
        self._open: set[int] = set()
        self._shared = shared
        self._writers: dict[type, Callable[[Any, str], str]] = {
            **dict.fromkeys((list, tuple, set, dict), self.collection),
            **dict.fromkeys((staticmethod, classmethod), self.wrapped),
            **dict.fromkeys((np.ndarray, np.memmap), self.array),
            slice: self.piece,
            property: self.property,
            types.ModuleType: lambda value, _: self.module(value),
            types.FunctionType: partial(write_function, self),
            types.MethodDescriptorType: self.descriptor,
            types.WrapperDescriptorType: self.descriptor,
            partial: self.partial,
            type(lru_cache(int)): self.cached,
            np.random.Generator: self.generator,
        }

    @property
    def again(self) -> frozenset[int]:
        """Ids of the objects that were written out more than once; this writer keeps them."""
        return frozenset(self._again)

    def write(self, call: Call) -> str:
        """Write the whole program."""
        checker = self.program.imported(call.home, call.name)
        last = Statement()
        with self.gathering(last.before):
            given = [self.expression(x, "function") for x in (call.func, *call.others)]
            arguments = [self.named(x, f"x{i}") for i, x in enumerate(call.arguments)]
            options = [f"{key}={self.expression(x)}" for key, x in call.options.items()]
        parts = [*given, f"[{', '.join(arguments)}]", *options]
        last.lines = [f"{checker}({', '.join(parts)})"]
        return self.program.text(last)

    @contextlib.contextmanager
    def gathering(self, needs: list[Statement]) -> Iterator[None]:
        """Gather in `needs` which statements the expressions written inside need."""
        outer, self.needs = self.needs, needs
        try:
            yield
        finally:
            self.needs = outer

    def remember(self, value: Any, name: str, statement: Statement | None) -> None:
        """Note that `value` goes by a name, once a statement has been run."""
        self._names[id(value)] = name
        self._met[id(value)] = value
        self._bound[name] = value, statement

    def expression(self, value: Any, wish: str = "value") -> str:
        """Write an expression that gives an equal value; what needs a name may get `wish`."""
        if _plain(value):
            return write_scalar(self.program, value)
        if id(value) in self._names:
            name = self._names[id(value)]
            self._need(self._bound[name][1])
            return name
        if id(value) in self._shared and self._is_inline(value):
            return self._assigned(value, wish)
        return self._written(value, wish)

    def named(self, value: Any, wish: str) -> str:
        """Give `value` a line of its own, and the name that it has from then on."""
        if id(value) in self._names and not _plain(value):
            return self.expression(value)
        return self._assigned(value, wish)

    def bind(self, name: str, value: Any) -> bool:
        """Let `name` stand for `value` in the program; or say that it stands for something else."""
        if name in self._bound:
            bound, statement = self._bound[name]
            self._need(statement)
            return bound is value or (_plain(value) and _same(bound, value))
        if name in self.program.taken:
            return False
        if isinstance(value, types.ModuleType):
            self.module(value, name)
        elif importable(value):
            self.attribute(value, name)
        needs: list[Statement] = []
        with self.gathering(needs):
            known = self._assigned(value, name)
        if known != name and name in self.program.taken:  # by something on the way
            return False
        if known != name:
            self.program.taken.add(name)
            needs = [self._line(name, known, needs)]
            self._bound[name] = value, needs[0]
        self.needs += needs
        return True

    def _assigned(self, value: Any, wish: str) -> str:
        """Give `value` a name, if possible the one wished for; unless it gives itself one."""
        needs: list[Statement] = []
        if self._is_inline(value):
            name, statement = self.program.free(wish), Statement()
            self.remember(value, name, statement)  # now, for it may hold what refers to it
            with self.gathering(statement.before):
                statement.lines = [f"{name} = {self._written(value, wish)}"]
            self.needs.append(statement)
            return name
        with self.gathering(needs):
            text = self.expression(value, wish)
        if text in self._bound:
            self.needs += needs
            return text
        name = self.program.free(wish)
        self.needs.append(self._line(name, text, needs))
        self._bound[name] = value, self.needs[-1]
        return name

    def _line(self, name: str, text: str, needs: list[Statement]) -> Statement:
        statement = Statement()
        statement.lines, statement.before = [f"{name} = {text}"], needs
        return statement

    def _is_inline(self, value: Any) -> bool:
        """Whether an object is written as an expression, and has no name yet."""
        return id(value) not in self._names and (type(value) in INLINE or _is_tensor(value))

    def _need(self, statement: Statement | None) -> None:
        if statement is not None:
            self.needs.append(statement)

    def _written(self, value: Any, wish: str) -> str:
        if id(value) in self._open and id(value) not in self._names:
            raise ValueError(f"a {type(value).__name__} holds itself")
        if id(value) in self._met:
            self._again.add(id(value))
        self._met[id(value)] = value
        self._open.add(id(value))
        try:
            if importable(value):
                return self.attribute(value)
            name = str(getattr(value, "__name__", ""))
            if isinstance(value, np.ufunc) and getattr(np, name, None) is value:
                return f"{self.module(np)}.{name}"
            if _is_tensor(value):
                return self.tensor(value)
            if isinstance(value, type):
                return write_class(self, value)
            owner = getattr(value, "__self__", None)
            if isinstance(value, METHODS) and not isinstance(owner, types.ModuleType | None):
                return self.method(value, wish)
            return self._writers.get(type(value), self.instance)(value, wish)
        finally:
            self._open.discard(id(value))

    def module(self, value: types.ModuleType, wish: str = "") -> str:
        """Import a module, under its usual name if none is wished for."""
        name = value.__name__
        if findable(name) is not value:
            raise ValueError(f"the module {name} cannot be imported by its name")
        self.program.imported(name, wish=wish)
        name = self.program.imported(name)
        self._names.setdefault(id(value), name)
        self._bound.setdefault(name, (value, None))
        return name

    def attribute(self, value: Any, wish: str = "") -> str:
        """Import a function or a class from its module."""
        if value.__module__ == "builtins":
            return str(value.__qualname__)
        top, _, below = value.__qualname__.partition(".")
        name = self.program.imported(value.__module__, top, "" if below else wish)
        self._bound.setdefault(name, (getattr(sys.modules[value.__module__], top), None))
        return f"{name}.{below}" if below else name

    def collection(self, value: Any, _: str) -> str:
        """Write a list, tuple, set or dict."""
        if isinstance(value, dict):
            pairs = (f"{self.expression(k)}: {self.expression(x)}" for k, x in value.items())
            return f"{{{', '.join(pairs)}}}"
        parts = ", ".join(map(self.expression, value))
        if isinstance(value, list):
            return f"[{parts}]"
        if isinstance(value, set):
            return f"{{{parts}}}" if value else "set()"
        return f"({parts},)" if len(value) == 1 else f"({parts})"

    def piece(self, value: slice, _: str) -> str:
        """Write a slice."""
        return f"slice({', '.join(map(self.expression, (value.start, value.stop, value.step)))})"

    def array(self, value: Any, _: str = "") -> str:
        """Write an array, in the layout that it has in memory."""
        if value.dtype.kind == "O":
            objects = self.expression(value.tolist())
            return f"{self.module(np)}.array({objects}, dtype=object).reshape({value.shape})"
        return write_array(self.program, np.asarray(value))

    def tensor(self, value: Any) -> str:
        """Write a tensor by its numbers."""
        tg, array = self.program.imported("tinygrad_np"), self.array(value.array)
        tracked = value.vertex is not None  # a leaf is its own vertex, so never ask for its truth
        if value.array.flags.c_contiguous:
            return f"{tg}.tensor({array}{', requires_grad=True' if tracked else ''})"
        return f"{tg}.from_numpy({array})" + (".requires_grad_()" if tracked else "")

    def method(self, value: Any, wish: str) -> str:
        """Write a bound method as an attribute of its object."""
        owner, name = value.__self__, value.__name__
        text = self.named(owner, wish) if not _plain(owner) else f"({self.expression(owner)})"
        if isinstance(value, types.MethodType) and getattr(owner, name, None) != value:
            function = self.expression(value.__func__, name)
            return f"{self.program.imported('types')}.MethodType({function}, {text})"
        return f"{text}.{name}"

    def descriptor(self, value: Any, _: str) -> str:
        """Write a method of a built-in class."""
        return f"{self.expression(value.__objclass__)}.{value.__name__}"

    def wrapped(self, value: Any, wish: str) -> str:
        """Write a static or a class method, as it stands in its class."""
        return f"{type(value).__name__}({self.expression(value.__func__, wish)})"

    def property(self, value: Any, wish: str) -> str:
        """Write a property by its functions."""
        parts = (value.fget, value.fset, value.fdel)
        return f"property({', '.join(self.expression(x, wish) for x in parts)})"

    def partial(self, value: Any, _: str) -> str:
        """Write a partial by its parts."""
        parts = [self.expression(x, "function") for x in (value.func, *value.args)]
        parts += [f"{key}={self.expression(x)}" for key, x in value.keywords.items()]
        return f"{self.program.imported('functools')}.partial({', '.join(parts)})"

    def cached(self, value: Any, wish: str) -> str:
        """Write a function that remembers its results."""
        inside = self.expression(value.__wrapped__, wish)
        size, typed = value.cache_parameters().values()
        return f"{self.program.imported('functools')}.lru_cache({size}, {typed})({inside})"

    def generator(self, value: Any, wish: str) -> str:
        """Write a generator of random numbers, in the state in which it is."""
        bits, numpy = value.bit_generator, self.module(np)
        name, made = self._made(value, wish)
        made.lines = [f"{name} = {numpy}.random.Generator({numpy}.random.{type(bits).__name__}())"]
        with self.after(made) as lines:
            lines.append(f"{name}.bit_generator.state = {self.expression(bits.state)}")
        return name

    def instance(self, value: Any, wish: str) -> str:
        """Make an object anew, as pickle would."""
        reducer = copyreg.dispatch_table.get(type(value))
        try:
            reduced = value.__reduce_ex__(2) if reducer is None else reducer(value)
        except TypeError:
            reduced = ""
        if isinstance(reduced, str):
            raise TypeError(f"a {type(value).__name__} has no state that can be written")
        make, given, state, items, pairs = (*reduced, None, None, None)[:5]
        made = Statement()
        with self.gathering(made.before):
            if make.__name__ == "__newobj__":
                cls = self.expression(given[0], type(value).__name__)
                parts = ", ".join([cls, *map(self.expression, given[1:])])
                text = f"{cls}.__new__({parts})"
            else:
                text = f"{self.expression(make)}({', '.join(map(self.expression, given))})"
        name, made = self._made(value, wish, made)
        made.lines = [f"{name} = {text}"]
        if state is not None:
            with self.after(made) as lines:
                lines.extend(self._state(value, name, state))
        for key, x in pairs or ():
            with self.after(made) as lines:
                lines.append(f"{name}[{self.expression(key)}] = {self.expression(x)}")
        for x in items or ():
            with self.after(made) as lines:
                lines.append(f"{name}.append({self.expression(x)})")
        return name

    def _state(self, value: Any, name: str, state: Any) -> list[str]:
        if hasattr(type(value), "__setstate__"):
            return [f"{name}.__setstate__({self.expression(state)})"]
        attributes, slots = state if isinstance(state, tuple) else (state, None)
        lines = []
        if attributes:
            pairs = [f"{key!r}: {self.expression(x, key)}" for key, x in attributes.items()]
            lines.append(f"{name}.__dict__.update({{{', '.join(pairs)}}})")
        lines += [
            f"object.__setattr__({name}, {key!r}, {self.expression(x, key)})"
            for key, x in (slots or {}).items()
        ]
        return lines

    def _made(self, value: Any, wish: str, made: Statement | None = None) -> tuple[str, Statement]:
        """Give an object a name before its state is written, which may refer to it."""
        name, made = self.program.free(wish), made or Statement()
        self.remember(value, name, made)
        self.needs.append(made)
        return name, made

    @contextlib.contextmanager
    def after(self, made: Statement) -> Iterator[list[str]]:
        """Add a statement that has to stand behind another; its lines are to be filled in."""
        after = Statement()
        with self.gathering(after.before):
            yield after.lines
        after.before.insert(0, made)
        made.anywhere.append(after)


def _plain(value: Any) -> bool:
    """Whether of two equal ones it makes no difference which is meant."""
    kind = type(value)
    return kind in PLAIN or isinstance(value, (np.dtype, np.generic))


def _is_tensor(value: Any) -> bool:
    return isinstance(value, Value) and type(value).__name__ == "Tensor"


def _same(a: Any, b: Any) -> bool:
    return type(a) is type(b) and repr(a) == repr(b)
