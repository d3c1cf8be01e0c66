"""The tool that breaks derivatives and kernels: it writes mistakes, and sees who notices."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from tests.mutants.__main__ import CONTROL, ROOT, broken_files, known, of_op, report
from tests.mutants.changes import Change, Writer, changes_of
from tests.mutants.equivalent import EQUIVALENT
from tests.mutants.running import Fate, Hunt, Outcome

if TYPE_CHECKING:
    from pathlib import Path

# A piece of code, and mistakes that must be among those written into it.
MISTAKES = {
    "lambda g: g * x": {"(-(g * x))", "(1.001 * (g * x))", "g", "x"},
    "a - b": {"a", "(a + b)", "((b) - (a))"},
    "sum(g, 0, keepdim=True)": {"(g)", "1", "False"},
    "g.sum(0)": {"(g)"},
    "where(mask, g, 0.0)": {"(g)", "(0.0)", "where(mask, 0.0, g)"},
    "np.maximum(x, y)": {"np.minimum"},
    "a < b": {"(a <= b)", "(a >= b)"},
    "0 <= r < n": {"(0 < r < n)", "(0 <= r <= n)"},
    "x[a:b]": {"a + 1:b", "a:b + 1", "a:b - 1"},
    "x[::2]": {":"},
    "range(n)": {"range(n - 1)", "range(n + 1)", "range(1, n)"},
    "apply(Gap(), p, s)": {"apply(Gap(), s, p)"},
    "np.copyto(y, x, where=m)": {"np.copyto(y, x)"},
    "a // b": {"(a // b + 1)", "(-(-(a) // b))"},
    "p and q": {"((p))", "((q))"},
    "f(x.shape[1])": {"0", "2"},
}


def written(code: str) -> list[Change]:
    return list(Writer(code, "parts.py").changes())


@pytest.mark.parametrize("code", MISTAKES)
def test_mistakes_are_written(code: str) -> None:
    found = {c.new for c in written(f"def f():\n    return {code}\n")}
    assert MISTAKES[code] <= found, found


@pytest.mark.parametrize("code", ["np.zeros_like(x)", "zeros_like(x)", "np.empty_like(x).T"])
def test_numbers_that_do_not_count_are_not_scaled(code: str) -> None:
    found = {c.kind for c in written(f"def f(x) -> Array:\n    return {code}\n")}
    assert not found & {"sign", "factor 1.001"}


def test_statements() -> None:
    code = "def f(x, y):\n    x += y\n    x[0] = 1\n    np.add.at(x, 0, y)\n    return y, x\n"
    found = {(c.old, c.new) for c in written(code)}
    assert {("x += y", "x = y"), ("x += y", "x -= y"), ("x += y", "pass")} <= found
    assert {("x[0] = 1", "pass"), ("np.add.at(x, 0, y)", "pass"), ("y, x", "(x, y)")} <= found


def test_class_attributes_tables_and_defaults() -> None:
    code = """
TABLE = ((1, 2),)
_ON, _OFF = Switch(on=True), Switch(on=False)
_LESS, _MORE = (Comparison(f) for f in (np.less, np.greater))

class Op:
    reads = ((1,), (0,))

    def f(self, k=3):
        pass
"""
    found = {(c.unit, c.old, c.new) for c in written(code)}
    assert ("TABLE", "2", "3") in found
    assert ("_ON", "True", "False") in found
    assert ("_OFF", "Switch(on=False)", "Switch(on=True)") in found
    assert ("_LESS", "np.less", "np.greater") in found
    assert ("Op.reads", "1", "0") in found
    assert ("Op.f", "3", "4") in found


def test_what_only_speaks_is_left_alone() -> None:
    code = '''
def f(x: int = None) -> int:
    """Text with a + b."""
    if x:
        raise ValueError(f"{x + 1} is wrong")
    return zip(x, strict=True)
'''
    assert {(c.old, c.new) for c in written(code)} == {("x", "True"), ("x", "False")}


@pytest.mark.slow
def test_every_change_to_the_library_compiles_and_changes_something() -> None:
    changes = [change for file in broken_files() for change in changes_of(file, ROOT)]
    assert len(changes) > 3000
    for change in changes[::7]:  # a seventh takes a second
        assert compile(change.mutated, change.file, "exec")
        assert change.mutated != change.source
        assert change.diff()


def test_changes_of_one_op() -> None:
    at = {"add": "tinygrad_np/ops/elementwise.py::Add.vjp", "exp": "tinygrad_np/ops/a.py::Exp.vjp"}
    rows = {f"{name}[row]": frozenset({unit}) for name, unit in at.items()}
    add, exp = (Change(*unit.split("::"), 1, "sign", 0, "a", "b", "a") for unit in at.values())
    assert of_op("add")(rows)(add)
    assert not of_op("add")(rows)(exp)
    assert of_op("Exp")(rows)(exp)  # by the name of its class
    assert of_op("ops/a.py")(rows)(exp)
    assert not of_op("xp")(rows)(exp)


def test_a_name_of_nothing_is_refused_at_once() -> None:
    exp = Change("tinygrad_np/ops/a.py", "Exp.vjp", 1, "sign", 0, "a", "b", "a")
    assert not known("Exp.vjp", [exp])
    assert not known("relu", [exp])
    assert "conv2d" in known("conv2dd", [exp])


PARTS = """
from __future__ import annotations


def slope(x) -> Array:
    return 2 * x


def late(n):
    while n > 0:
        n -= 1
    return n


class Op:
    scale = 3

    @property
    def twice(self):
        return 2 * self.scale


_LEAST, _MOST = min, max


def least(x):
    return _LEAST(x)


def most(x):
    return _MOST(x)


class Base:
    wide = False


def width(op):
    return 1 if op.wide else 2
"""
STRONG = """
import parts

def test_slope():
    assert parts.slope(1.5) == 3.0
    assert parts.slope(0.5) == 1.0

def test_late():
    assert parts.late(3) == 0

def test_op():
    assert parts.Op().twice == 6

def test_ends():
    assert (parts.least([2, 1]), parts.most([2, 1])) == (1, 2)

def test_width():
    assert parts.width(parts.Base) == 2
    assert parts.width(type("Wide", (parts.Base,), {"wide": True})) == 1
"""
RUN = """
import json, sys
from pathlib import Path
sys.path[:0] = ["{root}", "."]
import pytest
from tests.mutants.changes import Change, changes_of
from tests.mutants.running import Hunt

file = Path("parts.py").resolve()
changes = changes_of(file, file.parent)
{more}
hunt = Hunt(changes, lambda _: None, patience=0.5)
pytest.main(["-qq", "-p", "no:cacheprovider", "--rootdir=.", "test_parts.py"], plugins=[hunt])
print(json.dumps([
    [[o.fate.name, o.how, o.change.unit, o.change.new] for o in hunt.outcomes], hunt.failures
]))
"""
fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")


def hunted(folder: Path, tests: str, more: str = "") -> tuple[list[Any], list[str]]:
    (folder / "parts.py").write_text(PARTS)
    (folder / "test_parts.py").write_text(tests)
    script = RUN.format(root=ROOT, more=more)
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=folder, capture_output=True, text=True, check=True
    )
    outcomes, failures = json.loads(done.stdout.splitlines()[-1])
    return outcomes, failures


@pytest.mark.slow
@fork
def test_strong_tests_kill_every_change_even_one_that_hangs(tmp_path: Path) -> None:
    outcomes, failures = hunted(tmp_path, STRONG)
    assert not failures
    assert len(outcomes) > 15
    assert {fate for fate, *_ in outcomes} == {"assertion", "hangs"}
    assert any(fate == "hangs" for fate, _, unit, _ in outcomes if unit == "late")
    assert {unit for *_, unit, _ in outcomes} == {
        *("slope", "late", "Op.scale", "Op.twice", "_LEAST", "_MOST"),
        *("Base.wide", "width"),  # the attribute is read by whoever names it
    }


@pytest.mark.slow
@fork
def test_a_weak_test_is_found(tmp_path: Path) -> None:
    weak = STRONG.replace("parts.slope(1.5) == 3.0", "True").replace("0.5) == 1.0", "0.0) == 0.0")
    outcomes, _ = hunted(tmp_path, weak)
    alive = {(unit, new) for fate, _, unit, new in outcomes if fate == "survives"}
    assert {("slope", "(-(2 * x))"), ("slope", "(1.001 * (2 * x))"), ("slope", "3")} <= alive
    assert all(unit == "slope" for unit, _ in alive)


@fork
def test_a_function_that_no_test_enters_is_found(tmp_path: Path) -> None:
    outcomes, _ = hunted(tmp_path, STRONG.replace("parts.late(3) == 0", "True"))
    untested = [o for o in outcomes if o[2] == "late"]
    assert untested
    assert {(fate, how) for fate, how, *_ in untested} == {("survives", "no test enters it")}


@fork
def test_a_change_that_changes_nothing_survives(tmp_path: Path) -> None:
    nothing = "changes = [c.__class__(**{**vars(c), 'new': c.old}) for c in changes[:3]]"
    outcomes, _ = hunted(tmp_path, STRONG, nothing)
    assert [fate for fate, *_ in outcomes] == ["survives"] * 3


@fork
def test_nothing_is_hunted_while_a_test_fails(tmp_path: Path) -> None:
    outcomes, failures = hunted(tmp_path, STRONG.replace("== 6", "== 7"))
    assert not outcomes
    assert failures == ["test_parts.py::test_op"]


def test_the_report_tells_survivors_from_what_none_should_notice(
    capfd: pytest.CaptureFixture[str],
) -> None:
    wrong, equal = (Change("a.py", "f", 1, "sign", 0, "x", new, "x") for new in ("-x", "+x"))
    control = Change("a.py", "f", 1, CONTROL, 0, "x", "x", "x")
    hunt = Hunt([wrong, equal, control], print, quiet={equal, control})
    for change, fate in ((wrong, Fate.hangs), (equal, Fate.survives), (control, Fate.survives)):
        hunt.note(Outcome(change, fate, "test"))
    assert not capfd.readouterr().out
    report(hunt, {equal: next(iter(EQUIVALENT))}, whole=False, minutes=1.0)
    said = capfd.readouterr().out
    assert "1 of 1 changes killed, 0 survived: 100.00 %. 2 more change nothing" in said
    assert "and 2 of them went unseen" in said
    hunt.note(Outcome(control, Fate.crashes, "test_b"))
    assert "a.py:1 f: no change (crashes, test_b)" in capfd.readouterr().out
    assert report(hunt, {}, whole=False, minutes=1.0) == 1
    assert "1 of 2 changes killed, 1 survived: 50.00 %" in capfd.readouterr().out
