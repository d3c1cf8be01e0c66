"""What importing the library adds to NumPy's own import, in fresh processes."""

from __future__ import annotations

import statistics
import subprocess
import sys

from benchmarks import harness
from benchmarks.harness import OURS

CONTENDERS = (OURS, "autograd", "MyGrad", "JAX", "PyTorch")
STATEMENTS = {OURS: "import tinygrad_np, nn"}
PROGRAM = """
import time
start = time.perf_counter()
import numpy
middle = time.perf_counter()
{statement}
print(middle - start, time.perf_counter() - middle)
"""


def report(turns: int = harness.TURNS) -> str:
    """Measure all, and give Markdown."""
    statements = {
        name: STATEMENTS.get(name, f"import {harness.PACKAGES[name][0]}")
        for name in CONTENDERS
        if harness.installed(name)
    }
    times: dict[str, list[list[float]]] = {name: [] for name in statements}
    for turn in range(turns + 1):
        for name, statement in statements.items():
            pair = _fresh(PROGRAM.format(statement=statement))
            if turn:  # the first one writes bytecode and warms the disk's cache
                times[name].append(pair)
    alone = [first for pairs in times.values() for first, _ in pairs]
    rows = [["`import numpy`", _text(alone)]]
    rows += [
        [f"`{statements[name]}`, after it", _text([second for _, second in pairs])]
        for name, pairs in times.items()
    ]
    return (
        "Milliseconds, each in a fresh process: median (quartiles).\n\n"
        + harness.table(["", "ms"], rows)
        + harness.skipped(CONTENDERS)
    )


def _fresh(program: str) -> list[float]:
    done = subprocess.run(
        [sys.executable, "-c", program], check=True, capture_output=True, text=True
    )
    return [float(word) for word in done.stdout.split()]


def _text(seconds: list[float]) -> str:
    low, _, high = statistics.quantiles(seconds, n=4)
    return f"{1e3 * statistics.median(seconds):.0f} ({1e3 * low:.0f}–{1e3 * high:.0f})"
