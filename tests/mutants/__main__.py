"""Break each derivative and each kernel, and see that tests notice: `make mutants [OP=conv2d]`.

General mutation testers (mutmut, cosmic-ray) start a process, import everything and run a whole
suite for each change: seconds for each of some five thousand, where this takes a few hundredths.
Nor do they know the mistakes of gradient code: a factor of 1.001, a reduction left out, a mask
forgotten, operands of a rule swapped. So it is written here, on `ast` and `fork`.

OP is an op of the table in `tests/op_cases.py` (what its rows enter, forward and backward, is
changed), or a part of a unit's name such as `engine.py` or `kernels/pool.py::_route`.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from .changes import Change, changes_of
from .equivalent import EQUIVALENT, excuse
from .running import Hunt, Subject

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).parents[2]
BROKEN = (
    "ops/*.py",
    "kernels/*.py",
    "engine.py",
    "order.py",
    "pair.py",
    "promotion.py",
    "views.py",
)
# Tests of what lies beside or above: they enter everything, and take long.
LEFT_OUT = (
    *("conformance", "examples", "graph", "io", "mutants", "nn/data", "test_mutants.py"),
    "testing",  # watches hypothesis shrink, which is left out here
)


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


def of_op(op: str) -> Callable[[dict[str, frozenset[str]]], Callable[[Change], bool]]:
    """Which changes belong to an op, given what each row enters."""

    def choose(rows: dict[str, frozenset[str]]) -> Callable[[Change], bool]:
        own = [units for name, units in rows.items() if name.split("[")[0] == op]
        units = frozenset().union(*own)
        ours = {u for u in units if "/ops/" in u or "/kernels/" in u}
        return lambda change: change.at in ours if own else op in change.at

    return choose


def main() -> int:
    parser = argparse.ArgumentParser(prog="mutants", description=__doc__.partition("\n")[0])
    parser.add_argument("op", nargs="?", help="one op, or part of a file's or function's name")
    parser.add_argument("--workers", type=int, default=min(2, os.cpu_count() or 1))
    options = parser.parse_args()
    start = time.monotonic()
    files = [file for kind in BROKEN for file in sorted((ROOT / "tinygrad_np").glob(kind))]
    changes = [change for file in files for change in changes_of(file, ROOT)]
    excused = {c: entry for c in changes if (entry := excuse(c))}
    used = set(excused.values())
    hunt = Hunt(
        [c for c in changes if c not in excused],
        say,
        row_of,
        of_op(options.op) if options.op else None,
        options.workers,
    )
    tests = [f"--ignore={ROOT / 'tests' / place}" for place in LEFT_OUT]
    arguments = [
        "-qq",
        "--tb=line",
        "-m",
        "not slow",
        "-p",
        "no:cacheprovider",
        f"--rootdir={ROOT}",
        *tests,
    ]
    pytest.main([*arguments, str(ROOT / "tests")], plugins=[hunt])
    for failure in hunt.failures:
        say(f"fails without any change: {failure}")
    if hunt.failures or not hunt.outcomes:
        return 2
    survivors = [o for o in hunt.outcomes if not o.killed]
    say("")
    for pattern in EQUIVALENT:
        if pattern not in used:
            say(f"no change matches this entry any more: {pattern}")
        elif not options.op:
            say(f"equivalent: {pattern}\n    {EQUIVALENT[pattern]}")
    kinds = Counter(o.change.kind for o in hunt.outcomes)
    say(", ".join(f"{kind}: {count}" for kind, count in kinds.most_common()))
    hung = sum(o.how.startswith("hangs") for o in hunt.outcomes)
    killed, total = len(hunt.outcomes) - len(survivors), len(hunt.outcomes)
    say(
        f"{killed} of {total} changes killed ({hung} of them hang), {len(survivors)} survived: "
        f"{100 * killed / total:.2f} %. {len(excused)} more change nothing that can be seen. "
        f"{(time.monotonic() - start) / 60:.1f} minutes."
    )
    return 1 if survivors or len(used) < len(EQUIVALENT) else 0


if __name__ == "__main__":
    sys.exit(main())
