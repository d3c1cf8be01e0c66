"""Functions and classes that cannot be imported, copied as source with what they refer to.

A name that already stands for something else in the program gets a scope of its own: the copy is
then made by a function that takes what the name stands for.
"""

from __future__ import annotations

import abc
import ast
import builtins
import textwrap
import types
from typing import TYPE_CHECKING, Any

from tinygrad_np.autograd.snippets.program import Statement
from tinygrad_np.autograd.snippets.source import (
    class_source,
    function_source,
    functions_of,
    loads,
    variables,
)

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from tinygrad_np.autograd.snippets.snippet import Writer
    from tinygrad_np.autograd.snippets.source import Source

HEAP_TYPE = 1 << 9  # flag of a class that was made by a program
EVERYWHERE = {"__name__", "__builtins__", "__class__"}  # names that each module has for itself
MADE = (types.MemberDescriptorType, types.GetSetDescriptorType)  # by the class statement


def write_function(writer: Writer, function: types.FunctionType, wish: str) -> str:
    """Copy a function as it is, which is without its decorators: they have done their work."""
    owner = _owner(function)
    if owner is not None:
        return f"{writer.expression(owner)}.{function.__name__}"
    source = function_source(function)
    if isinstance(source.node, ast.Lambda):
        return _write_lambda(writer, function, source, wish)
    known, free, own = variables(function), function.__code__.co_freevars, source.node.name
    if known.get(own, function) is not function and own in source.names(free).late:
        # What it calls by its own name is something else, such as itself decorated.
        name = inner = writer.program.free(f"plain_{own}")
        source.rename(inner)
    else:
        name, inner = writer.program.free(own), own
    made = _function(writer, function, source, name)
    scope = _scope(writer, made, source, known, free, inner)
    made.lines = _within(writer, source.text(), inner, name, scope)
    if function.__name__ != inner:
        made.lines.append(f"{name}.__name__ = {function.__name__!r}")
    extra = {key: x for key, x in vars(function).items() if key != "__wrapped__"}
    _attributes(writer, name, made, extra)
    return name


def _write_lambda(
    writer: Writer, function: types.FunctionType, source: Source[Any], wish: str
) -> str:
    name = writer.program.free(wish)
    made = _function(writer, function, source, name)
    scope = _scope(writer, made, source, variables(function), function.__code__.co_freevars)
    text = source.text()
    if scope:
        text = f"(lambda {', '.join(scope)}: {text})({', '.join(scope.values())})"
    made.lines = [f"{name} = {text}"]
    return name


def _function(
    writer: Writer, function: types.FunctionType, source: Source[Any], name: str
) -> Statement:
    """Begin the statement that makes a function: with its name, and the defaults that it has."""
    made = Statement()
    writer.remember(function, name, made)
    writer.needs.append(made)
    with writer.gathering(made.before):
        for node, value in _defaults(source.node.args, function):
            source.replace(node, writer.expression(value, "default"))
    return made


def write_class(writer: Writer, cls: type) -> str:
    """Copy a class as it was written, and add what it got since; or make it of its parts."""
    try:
        source = class_source(cls)
    except (OSError, TypeError):
        return _write_parts(writer, cls)
    own, known = cls.__name__, variables(cls)
    name, made = writer.program.free(own), Statement()
    writer.remember(cls, name, made)
    writer.needs.append(made)
    if len(source.node.bases) == len(cls.__bases__):
        for node, base in zip(source.node.bases, cls.__bases__, strict=True):
            if not all(_is_known(read, known) for read in loads(node)):
                with writer.gathering(made.before):
                    source.replace(node, writer.expression(base, base.__name__))
    free = {name for f in functions_of(cls) for name in f.__code__.co_freevars} - {"__class__"}
    scope = _scope(writer, made, source, known, free, own)
    made.lines = _within(writer, source.text(), own, name, scope)
    _attributes(writer, name, made, _added(source.node, cls))
    return name


def _write_parts(writer: Writer, cls: type) -> str:
    """Write a class that no class statement made."""
    if not cls.__flags__ & HEAP_TYPE:
        raise TypeError(f"the class {cls.__name__} cannot be imported by its name")
    name, made = writer.program.free(cls.__name__), Statement()
    writer.remember(cls, name, made)
    writer.needs.append(made)
    with writer.gathering(made.before):
        fields = getattr(cls, "_fields", None)
        if cls.__bases__ == (tuple,) and fields is not None:
            make = f"{writer.program.imported('collections')}.namedtuple"
            defaults = writer.expression([*getattr(cls, "_field_defaults", {}).values()])
            parts = [repr(cls.__name__), repr(fields), f"defaults={defaults}"]
        else:
            left_out = {"__dict__", "__weakref__", "__doc__", "__module__", "_abc_impl"}
            body = {
                key: x
                for key, x in vars(cls).items()
                if key not in left_out and not isinstance(x, MADE)
            }
            make = writer.expression(type(cls))
            parts = [repr(cls.__name__), *map(writer.expression, (cls.__bases__, body))]
    made.lines = [f"{name} = {make}({', '.join(parts)})"]
    return name


def _scope(
    writer: Writer,
    made: Statement,
    source: Source[Any],
    known: dict[str, Any],
    free: Collection[str],
    itself: str = "",
) -> dict[str, str]:
    """Define what the source refers to, under its names; give those that are taken, as written."""
    names, scope = source.names(free), {}
    kept = names.early + [n for n in names.late if n in known]
    for name in kept:
        if name in EVERYWHERE or name == itself:
            continue
        if name not in known:
            if hasattr(builtins, name):
                continue
            raise ValueError(f"the value of {name}, which a definition reads, is not known")
        early = name in names.early or name in names.cells
        if name not in names.cells:
            with writer.gathering(made.before if early else made.anywhere):
                if writer.bind(name, known[name]):
                    continue
        if name in names.rebound:
            raise ValueError(f"two variables {name} are written to, and one program holds one")
        with writer.gathering(made.before):
            scope[name] = writer.expression(known[name], name)
    if not isinstance(source.node, ast.Lambda):
        writer.program.copied = True
    return scope


def _within(writer: Writer, text: str, inner: str, name: str, scope: dict[str, str]) -> list[str]:
    """Give the lines of a definition; in a function that gives it, where names must not mix."""
    lines = text.rstrip().splitlines()
    if not scope and name == inner:
        return ["", *lines, ""]
    make = writer.program.free(f"make_{inner}")
    return [
        "",
        f"def {make}({', '.join(scope)}):",
        *textwrap.indent("\n".join(lines), "    ").splitlines(),
        f"    return {inner}",
        "",
        f"{name} = {make}({', '.join(scope.values())})",
        "",
    ]


def _attributes(writer: Writer, name: str, made: Statement, found: dict[str, Any]) -> None:
    for key, x in found.items():
        with writer.after(made) as lines:
            lines.append(f"{name}.{key} = {writer.expression(x, key)}")


def _owner(function: types.FunctionType) -> type | None:
    """Find the class that a method belongs to, where that is more than a function of its own."""
    names = function.__qualname__.split(".")
    cells = dict(zip(function.__code__.co_freevars, function.__closure__ or (), strict=True))
    if "__class__" in cells:  # it uses super()
        owner: Any = cells["__class__"].cell_contents
    elif len(names) > 1 and "<locals>" not in names:
        owner = function.__globals__.get(names[0])
        for part in names[1:-1]:
            owner = getattr(owner, part, None)
    else:
        return None
    if isinstance(owner, type) and getattr(owner, function.__name__, None) is function:
        return owner
    if "__class__" in cells:
        raise ValueError(f"{function.__name__} uses super(), and is no method of its class")
    return None


def _defaults(
    arguments: ast.arguments, function: types.FunctionType
) -> Iterator[tuple[ast.expr, Any]]:
    """Defaults in the source that do not say by themselves what they are."""
    nodes: list[ast.expr | None] = [*arguments.defaults, *arguments.kw_defaults]
    given = function.__kwdefaults__ or {}
    values = [*(function.__defaults__ or ()), *(given.get(a.arg) for a in arguments.kwonlyargs)]
    for node, value in zip(nodes, values, strict=True):
        if node is not None and not _says(node, value):
            yield node, value


def _says(node: ast.expr, value: Any) -> bool:
    """Whether an expression is written out, and gives `value`."""
    try:
        found = ast.literal_eval(node)
    except ValueError:
        return False
    return type(found) is type(value) and repr(found) == repr(value)


def _is_known(name: str, known: dict[str, Any]) -> bool:
    return name in known or hasattr(builtins, name)


def _added(node: ast.ClassDef, cls: type) -> dict[str, Any]:
    """Attributes of a class that are not what its source says: they were set since."""
    if type(cls) not in (type, abc.ABCMeta):
        return {}
    written: dict[str, Any] = {}
    waiting: list[ast.AST] = [*node.body]
    while waiting:
        x = waiting.pop()
        if isinstance(x, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            written[x.name] = x
            continue
        if isinstance(x, ast.Assign):
            written |= {t.id: x.value for t in x.targets if isinstance(t, ast.Name)}
        elif isinstance(x, ast.Name) and isinstance(x.ctx, ast.Store):
            written.setdefault(x.id, x)
        waiting += ast.iter_child_nodes(x)
    found = {}
    for key, value in vars(cls).items():
        special = (key.startswith("__") and key.endswith("__")) or key == "_abc_impl"
        if not special and not isinstance(value, MADE) and not _as(written.get(key), value):
            found[key] = value
    return found


def _as(node: ast.AST | None, value: Any) -> bool:
    """Whether an attribute is still the one that stands in the class."""
    if node is None:
        return False
    if isinstance(node, ast.FunctionDef) and not node.decorator_list:
        return isinstance(value, types.FunctionType) and (
            value.__code__.co_name == node.name and value.__code__.co_firstlineno == node.lineno
        )
    plain = isinstance(value, (bool, int, float, str, types.NoneType))
    return not (isinstance(node, ast.Constant) and plain) or _says(node, value)
