"""The lines of a program in an order in which each finds what it needs."""

from __future__ import annotations

import builtins
import keyword
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import types

CIRCLE = "its definitions need each other before they are made"
LIBRARY = ("tinygrad_np", "nn")
USUAL = {"numpy": "np", "tinygrad_np": "tg", "nn.functional": "F"}


class Statement:
    """Lines that belong together, and which others they need: before them, or anywhere."""

    __slots__ = ("anywhere", "before", "lines", "placed", "waiting")

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.before: list[Statement] = []
        self.anywhere: list[Statement] = []
        self.placed: bool | None = False  # None while it is being placed
        self.waiting: list[Statement] = []  # for this one


class Program:
    """Names, imports and statements of a program, as they are gathered."""

    def __init__(self) -> None:
        self.copied = False  # whether source stands in it
        self.taken = {*keyword.kwlist, *dir(builtins)}
        self._imports: dict[str, str] = {}  # what is imported, by the name that it gets
        self._paths: set[str] = set()

    def free(self, wish: str) -> str:
        """Find a name that nothing has yet, and take it."""
        base = name = wish if wish.isidentifier() else "value"
        count = 1
        while name in self.taken:
            count += 1
            name = f"{base}_{count}"
        self.taken.add(name)
        return name

    def imported(self, module: str, attribute: str = "", wish: str = "") -> str:
        """Import a module, or an attribute of one; give the name that it has."""
        what = f"from {module} import {attribute}" if attribute else f"import {module}"
        for name, known in self._imports.items():
            if known == what:
                return name
        usual = attribute or USUAL.get(module, module.rpartition(".")[2])
        name = self.free(wish or usual)
        self._imports[name] = what
        folder = _folder(module)
        if folder:
            self._paths.add(folder)
        return name

    def text(self, last: Statement) -> str:
        """Put everything in order that the last statement needs."""
        lines: list[str] = []
        _place(last, lines)
        if not last.placed:
            raise ValueError(CIRCLE)
        start = ["from __future__ import annotations", ""] if self.copied else []
        if self._paths:
            start += ["import sys", ""]
            start += [f"sys.path.insert(0, {folder!r})" for folder in sorted(self._paths)]
        imports = [
            what if what.split()[-1] == name else f"{what} as {name}"
            for name, what in self._imports.items()
        ]
        return "\n".join([*start, *sorted(imports), "", *lines])


def _place(statement: Statement, lines: list[str]) -> Statement | None:
    """Add a statement after what it needs; or let it wait for one that is being placed."""
    if statement.placed:
        return None
    if statement.placed is None:
        return statement
    statement.placed = None
    for other in statement.anywhere:
        _place(other, lines)
    for other in statement.before:
        blocking = _place(other, lines)
        if blocking is statement:
            raise ValueError(CIRCLE)
        if blocking is not None:
            blocking.waiting.append(statement)
            statement.placed = False
            return blocking
    lines += statement.lines
    statement.placed = True
    for other in statement.waiting:
        _place(other, lines)
    return None


def importable(value: Any) -> bool:
    """Whether `from module import name` gives the same object in another program."""
    module, path = getattr(value, "__module__", None), getattr(value, "__qualname__", None)
    if not isinstance(module, str) or not isinstance(path, str) or "<" in path:
        return False
    found: Any = findable(module)
    if found is None:
        return False
    for part in path.split("."):
        found = getattr(found, part, None)
    return found is value


def findable(name: str) -> types.ModuleType | None:
    """Give the module that another program finds by a name.

    Files of tests are found by path, and often import what only their runner finds.
    """
    module, file = sys.modules.get(name), name.rpartition(".")[2]
    spec = getattr(module, "__spec__", None)
    if spec is None or spec.name != name or file == "conftest" or file.startswith("test_"):
        return None
    return module


def _folder(module: str) -> str:
    """Where a module is looked for that is not installed; "" if it is, or is this library."""
    top = module.partition(".")[0]
    spec = getattr(sys.modules.get(top), "__spec__", None)
    origin = getattr(spec, "origin", None)
    if top in LIBRARY or origin is None or not Path(origin).is_absolute():
        return ""
    file = Path(origin)
    folder = file.parent.parent if file.name == "__init__.py" else file.parent
    standard = Path(os.__file__).parent
    if standard in (folder, *folder.parents) or {"site-packages", "dist-packages"} & {
        *folder.parts
    }:
        return ""
    return str(folder)
