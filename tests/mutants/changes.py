"""What can go wrong in a derivative or a kernel, written into its source one change at a time.

A change replaces one stretch of a file's text. The kinds are the mistakes that people make in
gradient code: a sign, a factor a little off, a term or a reduction left out, operands swapped, `=`
for `+=`, a window or a range one too long, a mask forgotten, min for max, `<` for `<=`, an axis.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    Edit = tuple[str, ast.AST, str]  # kind, what is replaced, by what


@dataclass(frozen=True)
class Change:
    """One mistake: `old` at a place of a file becomes `new`."""

    file: str  # from the project's root
    unit: str  # function, method, class attribute or constant that it stands in
    line: int
    kind: str
    start: int  # in the file, in bytes
    old: str
    new: str
    source: str = field(repr=False)

    @property
    def mutated(self) -> str:
        """The whole file with the mistake in it."""
        text = self.source.encode()
        end = self.start + len(self.old.encode())
        return (text[: self.start] + self.new.encode() + text[end:]).decode()

    @property
    def at(self) -> str:
        """Where it stands."""
        return f"{self.file}::{self.unit}"

    @property
    def lines(self) -> tuple[str, str]:
        """The lines that it stands in, before and after."""
        text, end = self.source.encode(), self.start + len(self.old.encode())
        first = text.rfind(b"\n", 0, self.start) + 1
        last = text.find(b"\n", end) % (len(text) + 1)
        before, after = text[first : self.start].decode(), text[end:last].decode()
        return before + self.old + after, before + self.new + after

    @property
    def key(self) -> str:
        """What it is known by when lines have moved."""
        return f"{self.at}: " + " => ".join(" ".join(text.split()) for text in self.lines)

    def diff(self) -> str:
        before, after = (text.splitlines() for text in self.lines)
        return "\n".join([*(f"-{line}" for line in before), *(f"+{line}" for line in after)])


EXTREMA = [("max", "min"), ("maximum", "minimum"), ("argmax", "argmin"), ("amax", "amin")]
SWAPPED = {
    **dict(EXTREMA),
    **{b: a for a, b in EXTREMA},
    "max_": "min",
    "zeros": "ones",
    "zeros_like": "ones_like",
    "ceil": "floor",
    "floor": "ceil",
    "cos": "sin",
    "sin": "cos",
    "isfinite": "isnan",
    "logical_and": "logical_or",
    "subtract": "add",
}
REDUCTIONS = {"sum", "sum_to", "reduce", "mean", "_add_up"}
STEPS = {  # calls whose result could be forgotten for their first operand
    *("exp", "log", "sign", "abs", "sqrt", "log1p", "clip"),
    *("reshape", "unsqueeze", "squeeze", "transpose", "swapaxes", "moveaxis", "broadcast_to"),
}
OPERANDS = {  # calls whose last two operands could be confused
    *("apply", "apply_pair", "matmul", "product", "multiply", "take_along_axis", "subtract"),
}
RELATIONS: dict[type[ast.cmpop], tuple[str, ...]] = {
    ast.Lt: ("<=", ">="),
    ast.LtE: ("<", ">"),
    ast.Gt: (">=", "<="),
    ast.GtE: (">", "<"),
    ast.Eq: ("!=",),
    ast.NotEq: ("==",),
    ast.Is: ("is not",),
    ast.IsNot: ("is",),
    ast.In: ("not in",),
    ast.NotIn: ("in",),
}
SPELLED: dict[type[ast.cmpop], str] = {
    ast.Lt: "<",
    ast.LtE: "<=",
    ast.Gt: ">",
    ast.GtE: ">=",
    ast.Eq: "==",
    ast.NotEq: "!=",
    ast.Is: "is",
    ast.IsNot: "is not",
    ast.In: "in",
    ast.NotIn: "not in",
}
PASSED_OVER = (ast.Raise, ast.Assert, ast.JoinedStr, ast.Import, ast.ImportFrom)
WORDS = {"strict", "dtype", "casting", "copy", "sparse"}  # keywords that guard, or save work


def changes_of(path: Path, root: Path) -> list[Change]:
    """Every change to the functions, methods, class attributes and tables of a file."""
    return list(Writer(path.read_text(), path.relative_to(root).as_posix()).changes())


class Writer:
    """Walks a file and writes mistakes."""

    def __init__(self, source: str, file: str) -> None:
        self.source, self.file = source, file
        self.starts = [0]
        for line in source.encode().splitlines(keepends=True):
            self.starts.append(self.starts[-1] + len(line))

    def changes(self) -> Iterator[Change]:
        for statement in ast.parse(self.source).body:
            if isinstance(statement, ast.FunctionDef):
                yield from self.function(statement, "")
            elif isinstance(statement, ast.ClassDef):
                yield from self.members(statement)
            elif isinstance(statement, ast.Assign):
                yield from self.table(statement)

    def table(self, node: ast.Assign) -> Iterator[Change]:
        """Changes of a table of numbers, or of what a module makes once, such as its ops."""
        target, value = node.targets[0], node.value
        if isinstance(value, ast.GeneratorExp):
            value = value.generators[0].iter
        if not isinstance(value, ast.Tuple):
            return
        if isinstance(target, ast.Tuple):
            for i, part in enumerate(value.elts):
                name = ast.unparse(target.elts[i])
                yield from self.expression(part, name)
                yield self.change("sibling", part, self.text(value.elts[i - 1]), name)
        elif all(isinstance(x, ast.Tuple) for x in value.elts):
            yield from self.expression(value, ast.unparse(target))

    def members(self, cls: ast.ClassDef) -> Iterator[Change]:
        for statement in cls.body:
            if isinstance(statement, ast.FunctionDef):
                yield from self.function(statement, f"{cls.name}.")
            elif isinstance(statement, (ast.Assign, ast.AnnAssign)) and statement.value:
                target = getattr(statement, "target", None) or statement.targets[0]
                name = ast.unparse(target)
                if name != "__slots__":
                    yield from self.expression(statement.value, f"{cls.name}.{name}")

    def function(self, f: ast.FunctionDef, prefix: str) -> Iterator[Change]:
        unit = prefix + f.name
        for default in (*f.args.defaults, *f.args.kw_defaults):
            if default is not None:
                yield from self.expression(default, unit)
        returned = ast.unparse(f.returns) if f.returns else ""
        for statement in f.body:
            yield from self.statement(statement, unit, numbers=returned in {"Array", "Operand"})

    def statement(self, node: ast.AST, unit: str, *, numbers: bool) -> Iterator[Change]:
        """Changes of a statement and all that it holds. `numbers`: what it returns are numbers."""
        if isinstance(node, PASSED_OVER) or self.is_text(node):
            return
        for kind, place, new in self.edits(node, numbers=numbers):
            yield self.change(kind, place, new, unit)
        if isinstance(node, ast.FunctionDef):  # a rule's own helper gives a gradient
            for statement in node.body:
                yield from self.statement(statement, unit, numbers=True)
            return
        skipped = self.not_entered(node)
        for child in ast.iter_child_nodes(node):
            if child not in skipped:
                yield from self.statement(child, unit, numbers=numbers)

    def expression(self, node: ast.AST, unit: str) -> Iterator[Change]:
        yield from self.statement(node, unit, numbers=False)

    @staticmethod
    def is_text(node: ast.AST) -> bool:
        return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)

    @staticmethod
    def not_entered(node: ast.AST) -> list[ast.AST]:
        """Annotations, decorators, and what only guards or names types."""
        if isinstance(node, ast.AnnAssign):
            return [node.annotation]
        if isinstance(node, ast.Call):
            name = Writer.name_of(node)
            guards = [k for k in node.keywords if k.arg in WORDS]
            return guards + (node.args[:1] if name == "cast" else []) if guards or name else []
        if isinstance(node, (ast.arguments, ast.ExceptHandler)):
            return list(ast.iter_child_nodes(node)) if isinstance(node, ast.arguments) else []
        return []

    @staticmethod
    def name_of(call: ast.Call) -> str:
        f = call.func
        return f.id if isinstance(f, ast.Name) else f.attr if isinstance(f, ast.Attribute) else ""

    # --- places and texts ---

    def at(self, line: int, column: int) -> int:
        return self.starts[line - 1] + column

    def text(self, node: ast.AST) -> str:
        a, b = self.at(node.lineno, node.col_offset), self.at(node.end_lineno, node.end_col_offset)
        return self.source.encode()[a:b].decode()

    def change(self, kind: str, node: ast.AST, new: str, unit: str) -> Change:
        return Change(
            self.file,
            unit,
            node.lineno,
            kind,
            self.at(node.lineno, node.col_offset),
            self.text(node),
            new,
            self.source,
        )

    # --- the mistakes ---

    def edits(self, node: ast.AST, *, numbers: bool) -> Iterator[Edit]:
        kind = type(node).__name__
        if kind == "Return":
            yield from self.of_return(node, numbers=numbers)
        elif kind == "Lambda":
            yield from self.scaled(node.body)
        elif hasattr(self, f"of_{kind.lower()}"):
            yield from getattr(self, f"of_{kind.lower()}")(node)

    def scaled(self, value: ast.AST) -> Iterator[Edit]:
        text = self.text(value)
        # Times anything, of numbers that do not count, or written elsewhere.
        if text.startswith(("zeros_like(", "np.zeros_like(", "np.empty")) or "out=" in text:
            return
        yield "sign", value, f"(-({text}))"
        yield "factor 1.001", value, f"(1.001 * ({text}))"

    def of_return(self, node: ast.Return, *, numbers: bool) -> Iterator[Edit]:
        value = node.value
        if isinstance(value, ast.Tuple) and len(value.elts) == 2:
            a, b = map(self.text, value.elts)
            if a != b:
                yield "swapped results", value, f"({b}, {a})"
        elif numbers and value is not None and not isinstance(value, ast.Tuple):
            yield from self.scaled(value)

    def of_binop(self, node: ast.BinOp) -> Iterator[Edit]:
        a, b, op = self.text(node.left), self.text(node.right), type(node.op).__name__
        if op in {"Add", "Sub", "Mult", "Div", "Mod", "Pow", "BitAnd", "BitOr", "MatMult"}:
            yield "dropped term", node, a
        if op in {"Add", "Mult", "BitAnd", "BitOr"}:
            yield "dropped term", node, b
        new = {"Add": "-", "Sub": "+", "BitAnd": "|", "BitOr": "&"}.get(op)
        if new:
            yield "wrong operator", node, f"({a} {new} {b})"
        if op in {"Sub", "Div", "Pow", "MatMult", "Mod"}:
            sign = {"Sub": "-", "Div": "/", "Pow": "**", "MatMult": "@", "Mod": "%"}[op]
            yield "swapped operands", node, f"(({b}) {sign} ({a}))"
        if op == "FloorDiv":
            yield "off by one", node, f"({a} // {b} + 1)"
            yield "rounded up", node, f"(-(-({a}) // {b}))"

    def of_unaryop(self, node: ast.UnaryOp) -> Iterator[Edit]:
        inner = self.text(node.operand)
        if isinstance(node.op, (ast.USub, ast.Not, ast.Invert)):
            yield "sign" if isinstance(node.op, ast.USub) else "missing not", node, f"({inner})"

    def of_constant(self, node: ast.Constant) -> Iterator[Edit]:
        value = node.value
        if isinstance(value, bool):
            yield "flag", node, str(not value)
        elif isinstance(value, int):
            yield "off by one", node, str(value + 1)
            if value > 0:
                yield "off by one", node, str(value - 1)
        elif isinstance(value, float):
            yield "constant", node, repr(value * 1.001 if value else 1.0)

    def of_compare(self, node: ast.Compare) -> Iterator[Edit]:
        sides = [self.text(x) for x in (node.left, *node.comparators)]
        own = [SPELLED[type(op)] for op in node.ops]
        for i, op in enumerate(node.ops):
            for new in RELATIONS[type(op)]:
                ops = [*own[:i], new, *own[i + 1 :]]
                rest = (f"{o} {s}" for o, s in zip(ops, sides[1:], strict=True))
                yield "relation", node, f"({' '.join((sides[0], *rest))})"

    def of_boolop(self, node: ast.BoolOp) -> Iterator[Edit]:
        word = " and " if isinstance(node.op, ast.And) else " or "
        parts = [f"({self.text(x)})" for x in node.values]
        for i in range(len(parts)):
            yield "dropped condition", node, f"({word.join(parts[:i] + parts[i + 1 :])})"

    def of_ifexp(self, node: ast.IfExp) -> Iterator[Edit]:
        yield "one branch", node, f"({self.text(node.body)})"
        yield "one branch", node, f"({self.text(node.orelse)})"

    def of_if(self, node: ast.If) -> Iterator[Edit]:
        for value in ("True", "False"):
            yield "one branch", node.test, value

    def of_while(self, node: ast.While) -> Iterator[Edit]:
        yield "loop left out", node.test, "False"

    def of_comprehension(self, node: ast.comprehension) -> Iterator[Edit]:
        for test in node.ifs:
            yield "missing mask", test, "True"

    def of_augassign(self, node: ast.AugAssign) -> Iterator[Edit]:
        a, b, op = self.text(node.target), self.text(node.value), type(node.op)
        yield "= for the operator", node, f"{a} = {b}"
        yield "dropped statement", node, "pass"
        new = {ast.Add: "-=", ast.Sub: "+=", ast.Mult: "/=", ast.Div: "*="}.get(op)
        if new:
            yield "wrong operator", node, f"{a} {new} {b}"

    def of_assign(self, node: ast.Assign) -> Iterator[Edit]:
        if isinstance(node.targets[0], ast.Subscript):
            yield "dropped statement", node, "pass"

    def of_expr(self, node: ast.Expr) -> Iterator[Edit]:
        if isinstance(node.value, ast.Call) and "super()" not in self.text(node):
            yield "dropped statement", node, "pass"

    def of_continue(self, node: ast.Continue) -> Iterator[Edit]:
        yield "dropped statement", node, "pass"

    def of_delete(self, node: ast.Delete) -> Iterator[Edit]:
        yield "dropped statement", node, "pass"

    def of_slice(self, node: ast.Slice) -> Iterator[Edit]:
        a, b, c = (x and self.text(x) for x in (node.lower, node.upper, node.step))
        step = f":{c}" if c else ""
        if a or b:
            yield "off by one", node, f"{f'{a} + 1' if a else '1'}:{b or ''}{step}"
        if b:
            yield "off by one", node, f"{a or ''}:{b} - 1{step}"
            yield "off by one", node, f"{a or ''}:{b} + 1{step}"
        elif a:
            yield "off by one", node, f"{a}:-1{step}"
        if c:
            yield "dropped step", node, f"{a or ''}:{b or ''}"

    def of_call(self, node: ast.Call) -> Iterator[Edit]:
        name, f = self.name_of(node), self.text(node.func)
        if name in SWAPPED:
            yield "wrong function", node.func, f[: -len(name)] + SWAPPED[name]
        if name in {"where", "select"} and len(node.args) == 3:
            m, a, b = map(self.text, node.args)
            yield "missing mask", node, f"({a})"
            yield "missing mask", node, f"({b})"
            yield "swapped operands", node, f"{f}({m}, {b}, {a})"
        yield from self.forgotten(node, name)
        yield from self.confused(node, name)
        yield from self.too_far(node, name)
        for word in node.keywords:
            if word.arg in {"where", "initial"}:
                yield "missing mask", node, self.called(node, without=word)

    def called(
        self, node: ast.Call, args: list[str] | None = None, without: ast.keyword | None = None
    ) -> str:
        """The call with other positional arguments, or without a keyword."""
        words = [f"{k.arg}={self.text(k.value)}" for k in node.keywords if k is not without]
        given = [*map(self.text, node.args)] if args is None else args
        return f"{self.text(node.func)}({', '.join(given + words)})"

    def forgotten(self, node: ast.Call, name: str) -> Iterator[Edit]:
        """The call left out: what it was called on stays."""
        if name not in REDUCTIONS | STEPS:
            return
        f = node.func
        owner = self.text(f.value) if isinstance(f, ast.Attribute) else "np"
        method = owner not in {"np", "math"} and name != "reduce"
        first = owner if method else self.text(node.args[0]) if node.args else ""
        if first:
            yield "dropped reduction" if name in REDUCTIONS else "dropped step", node, f"({first})"

    def confused(self, node: ast.Call, name: str) -> Iterator[Edit]:
        """Two operands in the wrong order."""
        at = 1 if name in {"apply", "apply_pair"} else 0
        operands = node.args[at : at + 2]
        if name in OPERANDS and len(operands) == 2:
            a, b = map(self.text, operands)
            if "*" not in (a[0], b[0]) and (a, b) != (b, a):
                args = [*map(self.text, node.args)]
                yield (
                    "swapped operands",
                    node,
                    self.called(node, [*args[:at], b, a, *args[at + 2 :]]),
                )

    def too_far(self, node: ast.Call, name: str) -> Iterator[Edit]:
        """A range or a slice that is one longer, shorter or further."""
        args = [*map(self.text, node.args)]
        if any(a.startswith("*") for a in args):
            return
        if name in {"range", "arange"} and args:
            stop = 0 if len(args) == 1 else 1
            for new in (f"{args[stop]} - 1", f"{args[stop]} + 1"):
                longer = self.called(node, [*args[:stop], new, *args[stop + 1 :]])
                yield "off by one", node, longer
            if len(args) == 1:
                yield "off by one", node, self.called(node, ["1", *args])
        if name == "slice" and len(args) > 1:
            for i in (0, 1):
                if args[i] != "None":
                    new = [*args[:i], f"{args[i]} + 1", *args[i + 1 :]]
                    yield "off by one", node, self.called(node, new)
