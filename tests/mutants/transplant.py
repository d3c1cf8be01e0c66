"""Puts a change into the living module, so that whoever imported the function sees it."""

from __future__ import annotations

import ast
import importlib
from types import CodeType, FunctionType, ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .changes import Change


class UnloadableError(Exception):
    """With this change in it, the module could not even be imported."""


def module_of(file: str) -> ModuleType:
    return importlib.import_module(file.removesuffix(".py").replace("/", "."))


def heirs(module: ModuleType, name: str) -> set[str]:
    """The names of a class and of those of its module that are made of it; none for no name."""
    base = vars(module).get(name)
    if not isinstance(base, type):
        return set()
    return {k for k, c in vars(module).items() if isinstance(c, type) and issubclass(c, base)}


def living(module: ModuleType, unit: str) -> Iterator[FunctionType]:
    """Plain functions behind a name: two for a property with a setter, none for a constant."""
    owner: Any = module
    *path, name = unit.split(".")
    for part in path:
        owner = vars(owner)[part]
    found = vars(owner).get(name)
    parts = [found.fget, found.fset] if isinstance(found, property) else [found]
    for part in parts:
        function = getattr(part, "__func__", part)
        while hasattr(function, "__wrapped__"):
            function = function.__wrapped__
        if isinstance(function, FunctionType):
            yield function


def transplant(change: Change) -> None:
    """Make the change in the living module."""
    module = module_of(change.file)
    functions = list(living(module, change.unit))
    if not functions:
        set_constant(module, change)
        return
    made = compile(change.mutated, module.__file__ or "", "exec", dont_inherit=True)
    codes = {(c.co_qualname, c.co_firstlineno): c for c in codes_in(made)}
    for function in functions:
        was = function.__code__
        function.__code__ = codes[was.co_qualname, was.co_firstlineno]
    defaults_from(change, module, functions[0])


def defaults_from(change: Change, module: ModuleType, function: FunctionType) -> None:
    """Compute the default arguments anew, if the change lies among them."""
    for node in ast.walk(ast.parse(change.mutated)):
        if (
            isinstance(node, ast.FunctionDef)
            and node.name == function.__name__
            and node.lineno <= change.line < node.body[0].lineno
            and node.name == change.unit.rpartition(".")[2]
        ):
            function.__defaults__ = tuple(value(d, module) for d in node.args.defaults) or None
            keywords = zip(node.args.kwonlyargs, node.args.kw_defaults, strict=True)
            function.__kwdefaults__ = {a.arg: value(d, module) for a, d in keywords if d} or None


def set_constant(module: ModuleType, change: Change) -> None:
    """Give a constant of the module, or of a class, the value that it would have."""
    body: list[ast.stmt] = ast.parse(change.mutated).body
    owner: Any = module
    *path, name = change.unit.split(".")
    for part in path:
        owner = vars(owner)[part]
        body = next(s for s in body if isinstance(s, ast.ClassDef) and s.name == part).body
    for statement in body:
        if isinstance(statement, (ast.Assign, ast.AnnAssign)) and statement.value:
            target = getattr(statement, "target", None) or statement.targets[0]
            names = [*map(ast.unparse, getattr(target, "elts", [target]))]
            if name in names:
                found = value(statement.value, module)
                if isinstance(target, ast.Tuple):
                    found = list(found)[names.index(name)]
                set_member(owner, name, found)
                return
    raise LookupError(change.unit)


def set_member(owner: Any, name: str, found: Any) -> None:
    """Give an attribute its value; of the field of a named tuple, that is its default."""
    defaults = getattr(owner, "_field_defaults", {})
    if name not in defaults:
        setattr(owner, name, found)
        return
    defaults[name] = found
    owner.__new__.__defaults__ = tuple(defaults.values())


def value(expression: ast.expr, module: ModuleType) -> Any:
    """What an expression gives at the top of a module."""
    try:
        return eval(ast.unparse(expression), vars(module))
    except Exception as error:
        raise UnloadableError from error


def codes_in(code: CodeType) -> Iterator[CodeType]:
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield constant
            yield from codes_in(constant)
