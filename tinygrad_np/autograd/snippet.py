"""A program that makes a call again, as text to paste: functions by name, data by value.

What can be imported is imported. What cannot (a lambda, a class inside a function) is copied as
source, together with what it refers to. Objects are made anew from their state.
"""

from __future__ import annotations

import ast
import base64
import dis
import functools
import inspect
import keyword
import math
import sys
import textwrap
import types
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from tinygrad_np.core import Value

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

DEFINITIONS = (type, types.FunctionType, types.BuiltinFunctionType, np.ufunc)
PRINTED = 64  # elements of an array that are written as numbers; more are written as bytes
LARGEST = 1 << 16  # elements; more are not written at all


class Call(NamedTuple):
    """A call of a checker: what is repeated by the program that shows a failure again."""

    name: str
    func: Callable[..., Any]
    arguments: Sequence[Any]
    options: Mapping[str, Any]
    others: Sequence[Any] = ()  # arguments between the function and its own
    home: str = "tinygrad_np.autograd"

    def program(self) -> str:
        """The program; what could not be written stands in it as a comment."""
        writer = _Writer()
        try:
            func = writer.expression(self.func, "function")
            others = [writer.expression(x, "function") for x in self.others]
            arguments = [writer.named(x, f"x{i}") for i, x in enumerate(self.arguments)]
            options = [f"{key}={writer.expression(x)}" for key, x in self.options.items()]
        except Exception as error:  # noqa: BLE001 - a failed check must be told, come what may
            return f"# this call cannot be written as a program: {error}"
        given = ", ".join([func, *others, f"[{', '.join(arguments)}]", *options])
        writer.imports.add(f"from {self.home} import {self.name}")
        return writer.program(f"{self.name}({given})")


class _Writer:
    """Collects the lines that a program needs before its last one."""

    def __init__(self) -> None:
        self.imports: set[str] = set()
        self.lines: list[str] = []
        self.copied = False  # whether source stands among them
        self.names: dict[int, str] = {}  # of objects that have a name already
        self.kept: list[Any] = []  # so that no id is given twice
        self.taken: set[str] = set(keyword.kwlist)
        self.writers: list[tuple[Any, Callable[[Any, str], str]]] = [
            ((bool, int, str, bytes, types.NoneType, types.EllipsisType), self.constant),
            (float, self.number),
            ((list, tuple, set, dict, slice), self.collection),
            ((np.ndarray, np.generic), self.array),
            (np.dtype, self.dtype),
            (types.ModuleType, self.module),
            (DEFINITIONS, self.definition),
            (types.MethodType, self.method),
            (functools.partial, self.partial),
            (Value, self.tensor),
        ]

    def program(self, last: str) -> str:
        """Put everything in order."""
        start = ["from __future__ import annotations", ""] if self.copied else []
        return "\n".join([*start, *sorted(self.imports), "", *self.lines, last])

    def named(self, value: Any, wish: str) -> str:
        """Give `value` a line of its own, and the name that it has from then on."""
        if id(value) in self.names:
            return self.names[id(value)]
        text = self.expression(value, wish)
        if text.isidentifier():
            return text
        name = self.free(wish)
        self.lines.append(f"{name} = {text}")
        self.remember(value, name)
        return name

    def free(self, wish: str) -> str:
        """Find a name that nothing has yet."""
        base = name = wish if wish.isidentifier() else "value"
        count = 1
        while name in self.taken:
            count += 1
            name = f"{base}_{count}"
        self.taken.add(name)
        return name

    def remember(self, value: Any, name: str) -> None:
        """Note that `value` goes by a name."""
        self.names[id(value)] = name
        self.kept.append(value)
        self.taken.add(name)

    def expression(self, value: Any, wish: str = "value") -> str:
        """Write an expression that gives an equal value."""
        if id(value) in self.names:
            return self.names[id(value)]
        for kinds, write in self.writers:
            if isinstance(value, kinds):
                return write(value, wish)
        return self.instance(value, wish)

    def constant(self, value: Any, _: str) -> str:
        """Write what its `repr` gives back."""
        return repr(value)

    def number(self, value: float, _: str) -> str:
        """Write a float."""
        return repr(float(value)) if math.isfinite(value) else f"float({str(value)!r})"

    def dtype(self, value: Any, _: str) -> str:
        """Write a dtype by its name."""
        return f"{self.module(np)}.dtype({value.name!r})"

    def method(self, value: Any, wish: str) -> str:
        """Write a bound method as an attribute of its object."""
        return f"{self.named(value.__self__, wish)}.{value.__name__}"

    def partial(self, value: Any, _: str) -> str:
        """Write a partial by its parts."""
        parts = [self.expression(x) for x in (value.func, *value.args)]
        parts += [f"{key}={self.expression(x)}" for key, x in value.keywords.items()]
        return f"{self.module(functools)}.partial({', '.join(parts)})"

    def collection(self, value: Any, _: str) -> str:
        """Write a list, tuple, set, dict or slice."""
        if isinstance(value, slice):
            ends = (value.start, value.stop, value.step)
            return f"slice({', '.join(map(self.expression, ends))})"
        if isinstance(value, dict):
            pairs = (f"{self.expression(k)}: {self.expression(x)}" for k, x in value.items())
            return f"{{{', '.join(pairs)}}}"
        parts = ", ".join(map(self.expression, value))
        if isinstance(value, list):
            return f"[{parts}]"
        if isinstance(value, set):
            return f"{{{parts}}}" if value else "set()"
        return f"({parts},)" if len(value) == 1 else f"({parts})"

    def array(self, value: Any, _: str = "") -> str:
        """Write an array by its numbers; a larger one by its bytes."""
        numpy = self.module(np)
        array = np.asarray(value)
        dtype = f"{array.dtype.name!r}"
        if array.size > LARGEST:
            raise ValueError(f"an array of shape {array.shape} is too large to print")
        if array.size > PRINTED:
            self.imports.add("import base64")
            coded = base64.b85encode(array.tobytes()).decode()
            return (
                f"{numpy}.frombuffer(base64.b85decode({coded!r}), {dtype})"
                f".reshape({array.shape}).copy()"
            )
        if array.dtype.kind == "f" and not np.isfinite(array).all():
            self.imports.add("from numpy import inf, nan")
        text = f"{numpy}.array({array.tolist()!r}, dtype={dtype})"
        return text if array.size else f"{numpy}.zeros({array.shape}, dtype={dtype})"

    def module(self, value: types.ModuleType, _: str = "") -> str:
        """Import a module under its usual name."""
        name = value.__name__
        short = {"numpy": "np", "tinygrad_np": "tg"}.get(name, name.rpartition(".")[2])
        self.imports.add(f"import {name}" if name == short else f"import {name} as {short}")
        self.taken.add(short)
        return short

    def tensor(self, value: Any, wish: str) -> str:
        """Write a tensor by its numbers; one of a class of its own, such as a parameter, anew."""
        if type(value).__name__ != "Tensor":
            return self.instance(value, wish)
        flag = ", requires_grad=True" if value.vertex is not None else ""
        tg = self.module(sys.modules["tinygrad_np"])
        return f"{tg}.tensor({self.array(value.array)}{flag})"

    def instance(self, value: Any, wish: str) -> str:
        """Make an object anew from its state."""
        reduced = value.__reduce_ex__(2)
        make, given, state = (*reduced, None)[:3]
        if isinstance(reduced, str) or getattr(make, "__name__", "") != "__newobj__":
            raise TypeError(f"a {type(value).__name__} has no state that can be written")
        cls = self.expression(given[0], type(value).__name__)
        rest = "".join(f", {self.expression(x)}" for x in given[1:])
        name = self.free(wish)
        self.lines.append(f"{name} = {cls}.__new__({cls}{rest})")
        self.remember(value, name)
        if hasattr(type(value), "__setstate__"):
            self.lines.append(f"{name}.__setstate__({self.expression(state)})")
            return name
        attributes, slots = state if isinstance(state, tuple) else (state, None)
        if attributes:
            pairs = [f"{key!r}: {self.expression(x, key)}" for key, x in attributes.items()]
            self.lines.append(f"{name}.__dict__.update({{{', '.join(pairs)}}})")
        for key, x in (slots or {}).items():
            written = self.expression(x, key)
            self.lines.append(f"object.__setattr__({name}, {key!r}, {written})")
        return name

    def definition(self, value: Any, wish: str) -> str:
        """Import a function or a class, or copy its source."""
        module, path = getattr(value, "__module__", None), getattr(value, "__qualname__", "")
        if isinstance(value, np.ufunc):
            return f"{self.module(np)}.{value.__name__}"
        if module == "builtins":
            return str(path)
        if module and importable(module, path, value):
            top = path.partition(".")[0]
            self.imports.add(f"from {module} import {top}")
            self.taken.add(top)
            return str(path)
        if value.__name__ == "<lambda>":
            name = self.free(wish)
            self.remember(value, name)
            node, text = _lambda(value)
            self.refer(value, node)
            self.lines.append(f"{name} = {text}")
            return name
        source, self.copied = textwrap.dedent(inspect.getsource(value)), True
        name = value.__name__
        self.remember(value, name)
        tree = ast.parse(source).body[0]
        self.refer(value, tree)
        self.lines += ["", *source.rstrip().splitlines(), ""]
        return str(name)

    def refer(self, value: Any, tree: ast.AST) -> None:
        """Define, under the names that the source uses, what it refers to."""
        known = dict(_variables(value))
        for name in dict.fromkeys(_names(tree)):
            if name in known and known[name] is not value:
                written = self.expression(known[name], name)
                if written != name:
                    self.lines.append(f"{name} = {written}")
                    self.taken.add(name)


def importable(module: str, path: str, value: Any) -> bool:
    """Whether `from module import path` gives the same object in another program.

    Files of tests are found by path, and often import what only their runner finds.
    """
    file = module.rpartition(".")[2]
    if "<" in path or file in {"__main__", "conftest"} or file.startswith("test_"):
        return False
    found: Any = sys.modules.get(module)
    spec = getattr(found, "__spec__", None)
    if spec is None or spec.name != module:
        return False
    for part in path.split("."):
        found = getattr(found, part, None)
    return found is value


def _variables(value: Any) -> Iterator[tuple[str, Any]]:
    """Variables around a function or a class: of its module, its closure, its base classes."""
    functions: list[Any] = [value]
    if isinstance(value, type):
        yield from vars(sys.modules.get(value.__module__, types)).items()
        yield from ((base.__name__, base) for base in value.__bases__)
        functions = [inspect.unwrap(getattr(x, "__func__", x)) for x in vars(value).values()]
        functions = [f for f in functions if isinstance(f, types.FunctionType)]
    for function in functions:
        yield from function.__globals__.items()
    for function in functions:
        cells = function.__closure__ or ()
        for name, cell in zip(function.__code__.co_freevars, cells, strict=True):
            if name != "__class__":
                yield name, cell.cell_contents


def _names(tree: ast.AST) -> Iterator[str]:
    """Names that source code reads, but for those in annotations, which are never evaluated."""
    for field, child in ast.iter_fields(tree):
        if field in {"annotation", "returns"}:
            continue
        for node in child if isinstance(child, list) else [child]:
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
                yield node.id
            elif isinstance(node, ast.AST):
                yield from _names(node)


def _lambda(function: Any) -> tuple[ast.Lambda, str]:
    """Find a lambda in its file: the innermost one around the places of its instructions."""
    lines, _ = inspect.findsource(function)
    source = "".join(lines)
    places = [
        (at.positions.lineno or 0, at.positions.col_offset or 0)
        for at in dis.get_instructions(function.__code__)
        if at.positions and at.positions.end_col_offset  # the others stand for no text
    ]
    found = [
        node
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Lambda)
        and all((node.lineno, node.col_offset) <= place for place in places)
        and all(place <= (node.end_lineno or 0, node.end_col_offset or 0) for place in places)
    ]
    if not found:
        raise OSError("the source of a lambda was not found")
    node = max(found, key=lambda node: (node.lineno, node.col_offset))
    text = ast.get_source_segment(source, node) or ""
    return node, f"(\n{text}\n)" if "\n" in text else text
