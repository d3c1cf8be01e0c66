"""Inside a rule: operators, functions of `ops`, and `.shape .ndim .dtype`; nothing else.

A rule is run on arrays and on tensors, and those disagree about almost everything else.
"""

from __future__ import annotations

import ast
import importlib
import inspect
import pkgutil
import textwrap
from typing import TYPE_CHECKING

import pytest

from tinygrad_np import core, ops

if TYPE_CHECKING:
    from collections.abc import Iterator

ALLOWED = {"shape", "ndim", "dtype"}
COUNTERS = {"start", "stop"}  # Python numbers, that a loop may add to


def violations(source: str) -> list[str]:
    """What a rule does that only arrays, or only tensors, can do."""
    found = []
    for node in ast.walk(ast.parse(textwrap.dedent(source))):
        if isinstance(node, ast.Name) and node.id in {"np", "numpy"}:
            found.append(f"{node.id} at line {node.lineno}")
        elif isinstance(node, ast.Attribute) and node.attr not in ALLOWED:
            owner = ast.unparse(node.value)
            own = owner in {"self", "math", "np", "numpy"} or owner.startswith("self.")
            if not own and ast.unparse(node) != "thunks.append":
                found.append(ast.unparse(node))
        elif isinstance(node, (ast.Import, ast.ImportFrom)) or (
            isinstance(node, ast.AugAssign) and ast.unparse(node.target) not in COUNTERS
        ):
            found.append(ast.unparse(node))
    return found


def rules(kind: type[core.Op] = core.Op) -> Iterator[type[core.Op]]:
    for info in pkgutil.iter_modules(ops.__path__):
        importlib.import_module(f"{ops.__name__}.{info.name}")
    for cls in kind.__subclasses__():
        own = cls.__module__.startswith("tinygrad_np") and "testing" not in cls.__module__
        if "vjp" in vars(cls) and own:
            yield cls
        yield from rules(cls)


@pytest.mark.parametrize("op", sorted(set(rules()), key=lambda op: op.__name__))
def test_a_rule_uses_what_arrays_and_tensors_share(op: type[core.Op]) -> None:
    assert violations(inspect.getsource(op.vjp)) == []


@pytest.mark.parametrize("op", sorted(set(rules()), key=lambda op: op.__name__))
def test_an_op_states_its_formula_and_derivative(op: type[core.Op]) -> None:
    assert op.__doc__
    assert op.formula
    assert op.derivative


PLANTED = {
    "NumPy function": "def vjp(self, g, x): return (lambda: g * np.exp(x),)",
    "method": "def vjp(self, g, x): return (lambda: g * x.exp(),)",
    "transpose": "def vjp(self, g, x): return (lambda: g @ x.T,)",
    "attribute of arrays": "def vjp(self, g, x): return (lambda: g * x.size,)",
    "method of a result": "def vjp(self, g, x): return (lambda: (g * x).sum(0),)",
    "method of a call": "def vjp(self, g, x): return (lambda: exp(x).sum(0),)",
    "method of a part": "def vjp(self, g, *xs): return (lambda: xs[0].copy() * g,)",
    "method of a variable": """
        def vjp(self, g, x):
            product = g * x
            return (lambda: product.max(),)
        """,
    "write in place": """
        def vjp(self, g, x):
            g *= x
            return (lambda: g,)
        """,
    "import": """
        def vjp(self, g, x):
            from numpy import exp
            return (lambda: g * exp(x),)
        """,
}
CLEAN = {
    "operators": "def vjp(self, g, x): return (lambda: g @ exp(x) if x.shape[0] > x.ndim else -g,)",
    "own fields": "def vjp(self, g, x): return (lambda: g * self.kept_shape(x.shape)[self.dim],)",
    "loop": """
        def vjp(self, g, *xs):
            thunks, start = [], 0
            for x in xs:
                thunks.append(partial(narrow, g, start, math.prod(x.shape)))
                start += 1
            return tuple(thunks)
        """,
}


@pytest.mark.parametrize("source", PLANTED.values(), ids=PLANTED.keys())
def test_planted_violations_are_found(source: str) -> None:
    assert len(violations(source)) == 1


@pytest.mark.parametrize("source", CLEAN.values(), ids=CLEAN.keys())
def test_clean_rules_pass(source: str) -> None:
    assert violations(source) == []
