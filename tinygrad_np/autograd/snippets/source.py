"""Source text of functions and classes: where it stands, which names it reads, how it is changed.

A function is known by its code: whatever decorated it, the text is that of the function itself.
"""

from __future__ import annotations
import __future__

import ast
import dis
import functools
import inspect
import sys
import textwrap
import types
from typing import TYPE_CHECKING, Any, Generic, NamedTuple, TypeVar

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

READING = {"LOAD_GLOBAL", "LOAD_NAME", "LOAD_FROM_DICT_OR_GLOBALS"}
COMPREHENSIONS = {"<listcomp>", "<setcomp>", "<dictcomp>", "<genexpr>"}
Function = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda
Node = TypeVar("Node", bound=Function | ast.ClassDef)


class Names(NamedTuple):
    """Names that a text reads from around it, in order."""

    early: list[str]  # while it is defined
    late: list[str]  # once it is called
    rebound: set[str]  # those that it assigns to as `global`
    cells: set[str]  # and as `nonlocal`


class Source(Generic[Node]):
    """The text of one definition within its file, and pieces of it that are to be replaced."""

    def __init__(self, file: str, node: Node) -> None:
        self.node = node
        self._edits: dict[tuple[int, int], str] = {}
        self._name: dict[tuple[int, int], str] = {}
        self._file = file.encode()
        starts = [0]
        for line in self._file.splitlines(keepends=True):
            starts.append(starts[-1] + len(line))
        self._starts = starts

    def replace(self, node: ast.expr, text: str) -> None:
        """Put `text` in the place of an expression within the definition."""
        self._edits[self._span(node)] = text

    def rename(self, name: str) -> None:
        """Give a function another name."""
        assert isinstance(self.node, ast.FunctionDef | ast.AsyncFunctionDef)
        start, _ = self._span(self.node)
        after = start + len("async def" if isinstance(self.node, ast.AsyncFunctionDef) else "def")
        at = self._file.index(self.node.name.encode(), after)
        self._name[at, at + len(self.node.name.encode())] = name

    def text(self, blank: bool = False) -> str:
        """Give the text as it has become; with `blank`, with a 0 for every replaced expression."""
        start, end = self._span(self.node)
        if isinstance(self.node, ast.ClassDef) and self.node.decorator_list:
            start = self._span(self.node.decorator_list[0])[0]
        if not isinstance(self.node, ast.Lambda):
            start = self._file.rindex(b"\n", 0, start) + 1 if b"\n" in self._file[:start] else 0
        parts, at = [], start
        edits = dict.fromkeys(self._edits, "0") if blank else self._edits
        for (first, last), text in sorted({**self._name, **edits}.items()):
            parts += [self._file[at:first], text.encode()]
            at = last
        found = b"".join([*parts, self._file[at:end]]).decode()
        if isinstance(self.node, ast.Lambda):
            return f"(\n{found}\n)" if "\n" in found else found
        found = textwrap.dedent(found)
        # Where a string has lines further left than the code, nothing can be taken away.
        return f"if True:\n{found}" if found[0].isspace() else found

    def names(self, free: Collection[str]) -> Names:
        """Names that are read from around the definition; `free` are those of closures."""
        nonlocals = (x.names for x in ast.walk(self.node) if isinstance(x, ast.Nonlocal))
        cells = {name for names in nonlocals for name in names if name in free}
        text = self.text(blank=True)
        if cells:  # or else it does not compile
            text = f"def _({', '.join(sorted(cells))}):\n{textwrap.indent(text, ' ')}"
        flag = __future__.annotations.compiler_flag  # for annotations are never evaluated
        code = compile(text, "<copy>", "exec", flag, dont_inherit=True)
        early: dict[str, None] = {}
        late = dict.fromkeys(sorted(cells))
        rebound: set[str] = set()
        _read(code, early, late, rebound)
        return Names(list(early), [n for n in late if n not in early], rebound, cells)

    def _span(self, node: ast.AST) -> tuple[int, int]:
        place: Any = node
        return (
            self._starts[place.lineno - 1] + place.col_offset,
            self._starts[place.end_lineno - 1] + place.end_col_offset,
        )


def function_source(function: types.FunctionType) -> Source[Function]:
    """Find the text of a function, without what decorates it."""
    code = function.__code__
    file = "".join(inspect.findsource(code)[0])
    found: list[Any] = []
    for node in ast.walk(_tree(file)):
        if isinstance(node, ast.Lambda):
            if code.co_name == "<lambda>" and _holds(node.body, code):
                found.append(node)
        elif isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            first = min([node.lineno, *(x.lineno for x in node.decorator_list)])
            if node.name == code.co_name and first == code.co_firstlineno:
                found.append(node)
    if not found:
        what = "a lambda" if code.co_name == "<lambda>" else code.co_name
        raise OSError(f"the source of {what} was not found")
    return Source(file, max(found, key=lambda node: (node.lineno, node.col_offset)))


def class_source(cls: type) -> Source[ast.ClassDef]:
    """Find the text of a class, with what decorates it."""
    mine = [f.__code__ for f in functions_of(cls)]
    lines = [code.co_firstlineno for code in mine]
    file = "".join(inspect.findsource(mine[0] if mine else cls)[0])
    nodes = [
        node
        for node in ast.walk(_tree(file))
        if isinstance(node, ast.ClassDef) and node.name == cls.__name__
    ]
    if lines:
        nodes = [n for n in nodes if any(n.lineno <= at <= (n.end_lineno or 0) for at in lines)]
    elif len(nodes) > 1:
        at = inspect.findsource(cls)[1] + 1
        nodes = [n for n in nodes if n.lineno <= at <= (n.end_lineno or 0)] or nodes
    if not nodes:
        raise OSError(f"the source of {cls.__name__} was not found")
    return Source(file, nodes[-1])


def functions_of(cls: type) -> list[types.FunctionType]:
    """Functions in the body of a class, that have been written there.

    Not those that it was given: an `Enum` holds one of its base, a dataclass one without a file.
    """
    found, within = [], f"{cls.__qualname__}."
    for x in vars(cls).values():
        inner = getattr(x, "__func__", getattr(x, "fget", x))
        inner = inspect.unwrap(inner) if callable(inner) else inner
        if (
            isinstance(inner, types.FunctionType)
            and inner.__qualname__.startswith(within)
            and inner.__module__ == cls.__module__
            and not inner.__code__.co_filename.startswith("<s")
        ):
            found.append(inner)
    return found


def variables(value: Any) -> dict[str, Any]:
    """Variables around a function or a class: of its module, its closure, its base classes."""
    if not isinstance(value, type):
        return {**value.__globals__, **_cells(value)}
    known = dict(vars(sys.modules.get(value.__module__, types)))
    functions = functions_of(value)
    for function in functions:
        known.update(function.__globals__)
    for function in functions:
        known.update(_cells(function))
    return known


def _cells(function: types.FunctionType) -> dict[str, Any]:
    found = {}
    for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=True):
        try:
            found[name] = cell.cell_contents
        except ValueError:  # it has no value yet
            continue
    found.pop("__class__", None)
    return found


@functools.lru_cache(maxsize=8)
def _tree(file: str) -> ast.Module:
    return ast.parse(file)


def _holds(node: ast.expr, code: types.CodeType) -> bool:
    """Whether all instructions of `code` come from within `node`."""
    places = [
        (at.positions.lineno or 0, at.positions.col_offset or 0)
        for at in dis.get_instructions(code)
        if at.positions and at.positions.end_col_offset  # the others stand for no text
    ]
    start, end = (node.lineno, node.col_offset), (node.end_lineno or 0, node.end_col_offset or 0)
    return all(start <= place <= end for place in places)


def _read(
    code: types.CodeType,
    early: dict[str, None],
    late: dict[str, None],
    rebound: set[str],
    running: bool = True,
) -> None:
    """Gather the names that `code` and the code within it read from around."""
    into = early if running else late
    mine: set[str] = set()
    for at in dis.get_instructions(code):
        if at.opname in {"STORE_GLOBAL", "DELETE_GLOBAL"}:
            rebound.add(at.argval)
            into[at.argval] = None
        elif at.opname == "STORE_NAME":
            mine.add(at.argval)
        elif at.opname in READING and at.argval not in mine:
            into[at.argval] = None
    for inner in code.co_consts:
        if isinstance(inner, types.CodeType):
            body = not inner.co_flags & inspect.CO_OPTIMIZED  # of a class
            at_once = body or inner.co_name in COMPREHENSIONS
            _read(inner, early, late, rebound, running and at_once)


def loads(node: ast.AST) -> Iterator[str]:
    """Names that an expression reads."""
    for x in ast.walk(node):
        if isinstance(x, ast.Name):
            yield x.id
