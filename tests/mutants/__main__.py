"""Break each derivative and each kernel, and see that tests notice: `make mutants [OP=conv2d]`.

General mutation testers (mutmut, cosmic-ray) start a process, import everything and run a whole
suite for each change: seconds for each of some five thousand, where this takes a few hundredths.
Nor do they know the mistakes of gradient code: a factor of 1.001, a reduction left out, a mask
forgotten, operands of a rule swapped. So it is written here, on `ast` and `fork`.

OP is an op of the table in `tests/op_cases.py` (what its rows enter, forward and backward, is
changed), or a unit: a file, class or function, such as `engine.py`, `Relu`, `cross_entropy` or
`kernels/pool.py::_route`.
"""

from __future__ import annotations

import argparse
import difflib
import os
import re
import sys
import time
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from .changes import Change, changes_of
from .equivalent import EQUIVALENT, excuse
from .running import Fate, Hunt, Subject

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).parents[2]
BROKEN = (
    *("tinygrad_np/ops/*.py", "tinygrad_np/kernels/*.py", "nn/functional/*.py"),
    *(f"tinygrad_np/{name}.py" for name in ("core", "engine", "arrival", "order", "pair")),
    *(f"tinygrad_np/{name}.py" for name in ("promotion", "views")),
)
# Tests of what lies beside or above: they enter everything, and take long.
LEFT_OUT = (
    *("conformance", "examples", "graph", "io", "mutants", "nn/data", "test_mutants.py"),
    "test_surface.py",  # asks which names are called, not what they give
    "testing",  # watches hypothesis shrink, which is left out here
)


CONTROL = "no change"
CONTROLS = 250  # after so many changes, one that changes nothing: it must survive


def say(text: str) -> None:
    sys.__stdout__.write(text + "\n")
    sys.__stdout__.flush()


def row_of(item: pytest.Item) -> Subject | None:
    """For a test of the table of ops: its row, and an action that enters what the row is about."""
    from cases import Case  # noqa: PLC0415 - as above
    from helpers import gradients, tensors  # noqa: PLC0415 - pytest puts tests/ on the path

    import tinygrad_np as tg  # noqa: PLC0415 - pytest's settings come first

    case: Any = getattr(item, "callspec", None) and item.callspec.params.get("case")
    if not isinstance(case, Case):
        return None

    def act() -> None:
        for form in case.forms.values():
            for create_graph in (False, True):
                operands = tensors(case.draw())
                gradients(form(tg, *operands), operands, create_graph=create_graph)

    return Subject(case.name, act)


def broken_files() -> list[Path]:
    return [file for kind in BROKEN for file in sorted(ROOT.glob(kind))]


def names_unit(op: str, change: Change) -> bool:
    """Whether `op` is the change's file, class or function, or the end of the path of one."""
    return re.search(rf"(^|[/:.]){re.escape(op)}($|[/:.])", change.at) is not None


def of_op(op: str) -> Callable[[dict[str, frozenset[str]]], Callable[[Change], bool]]:
    """Which changes belong to an op, given what each row enters."""

    def choose(rows: dict[str, frozenset[str]]) -> Callable[[Change], bool]:
        own = [units for name, units in rows.items() if name.split("[")[0] == op]
        units = frozenset().union(*own)
        ours = {u for u in units if "/ops/" in u or "/kernels/" in u}
        return lambda change: change.at in ours if own else names_unit(op, change)

    return choose


def known(op: str, changes: list[Change]) -> list[str]:
    """Nothing if OP names something; else the names that come near it."""
    sys.path.insert(0, str(ROOT / "tests"))  # where pytest will find it, too
    from op_cases import CASES  # noqa: PLC0415 - only for one op

    rows = {case.name.split("[")[0] for case in CASES}
    if op in rows or any(names_unit(op, change) for change in changes):
        return []
    parts = {part for change in changes for part in re.split("[/:.]+", change.at)}
    return difflib.get_close_matches(op, sorted(rows | parts)) or ["add"]


def main() -> int:
    parser = argparse.ArgumentParser(prog="mutants", description=__doc__.partition("\n")[0])
    parser.add_argument("op", nargs="?", help="one op, or one file, class or function")
    parser.add_argument("--workers", type=int, default=min(2, os.cpu_count() or 1))
    options = parser.parse_args()
    start = time.monotonic()
    changes = [change for file in broken_files() for change in changes_of(file, ROOT)]
    if options.op and (near := known(options.op, changes)):
        parser.error(f"nothing is named {options.op!r}: try {', '.join(near)}")
    excused = {c: entry for c in changes if (entry := excuse(c))}
    controls = [replace(c, kind=CONTROL, new=c.old) for c in changes[::CONTROLS]]
    hunt = Hunt(
        changes + controls,
        say,
        row_of,
        of_op(options.op) if options.op else None,
        {*excused, *controls},
        options.workers,
    )
    tests = [f"--ignore={ROOT / 'tests' / place}" for place in LEFT_OUT]
    settings = ["-qq", "--tb=line", "-m", "not slow", "-p", "no:cacheprovider"]
    pytest.main([*settings, f"--rootdir={ROOT}", *tests, str(ROOT / "tests")], plugins=[hunt])
    for failure in hunt.failures:
        say(f"fails without any change: {failure}")
    if hunt.failures or not hunt.outcomes:
        return 2
    return report(hunt, excused, whole=not options.op, minutes=(time.monotonic() - start) / 60)


def report(hunt: Hunt, excused: dict[Change, str], *, whole: bool, minutes: float) -> int:
    """Say who survived, and how many died of what."""
    # What cannot even be imported, no test has noticed.
    loaded = [o for o in hunt.outcomes if o.fate is not Fate.unloadable]
    counted = [o for o in loaded if o.change.kind != CONTROL and o.change not in excused]
    noticed = [o for o in loaded if o.killed and o not in counted]
    lost = [o for o in counted if not o.killed]
    say("")
    stale = [entry for entry in EQUIVALENT if entry not in excused.values()]
    for entry in stale:
        say(f"no change matches this entry any more: {entry}")
    if whole:
        for entry, reason in EQUIVALENT.items():
            say(f"equivalent: {entry}\n    {reason}")
    kinds = Counter(o.change.kind for o in counted)
    say(", ".join(f"{kind}: {count}" for kind, count in kinds.most_common()))
    fates = Counter(o.fate.name for o in counted if o.killed)
    say("killed by " + ", ".join(f"{fate}: {count}" for fate, count in fates.most_common()))
    tried = len(loaded) - len(counted)
    if len(loaded) < len(hunt.outcomes):
        say(f"{len(hunt.outcomes) - len(loaded)} changes, not counted, cannot be imported")
    say(
        f"{len(counted) - len(lost)} of {len(counted)} changes killed, {len(lost)} survived: "
        f"{100 - 100 * len(lost) / max(len(counted), 1):.2f} %. {tried} more change nothing that "
        f"can be seen, and {tried - len(noticed)} of them went unseen. {minutes:.1f} minutes."
    )
    return 1 if lost or noticed or stale else 0


if __name__ == "__main__":
    sys.exit(main())
