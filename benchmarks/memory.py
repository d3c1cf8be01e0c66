"""Memory that training takes: the peak of a step, what stays between steps, and any growth."""

from __future__ import annotations

import gc
import sys
from pathlib import Path
from typing import Any

from benchmarks import cnn, harness
from benchmarks.harness import OURS
from benchmarks.training import Case

try:
    import resource
except ImportError:  # Windows
    resource = None  # type: ignore[assignment]  # not on Windows

CONTENDERS = (OURS, "PyTorch")
WARM_UP, STEPS, PART = 10, 200, 50
STATUS, CLEAR = Path("/proc/self/status"), Path("/proc/self/clear_refs")
RESET = "5"  # proc(5): the peak becomes what is resident now
KERNEL, SYSTEM = "`VmHWM`, reset before the steps", "`ru_maxrss`, the peak of the whole process"
SLACK = 0.05  # of the peak: growth that counts as none

NOTES = f"""
Each row is a process of its own, training with SGD, momentum 0.9. Idle is what is resident with
the library imported, weights and data made, and no step done. The peak is that of {PART} steps
after {WARM_UP} of warm-up; between steps, gradients and momenta stay, and whatever pages the
allocator keeps for the next step. Growth is the peak of the last {PART} of {STEPS} steps less the
peak of the first {PART}; above {100 * SLACK:.0f} % of the peak, the run stops.
"""


def report(_turns: int = harness.TURNS) -> str:
    """Measure all, and give Markdown."""
    rows, ways = [], set()
    for label, network in cnn.NETWORKS.items():
        with harness.workers(__name__, CONTENDERS) as workers:
            found = workers.measure(Case(network, cnn.BATCH, "sgd"))
        for name, (way, idle, peak, between, last) in found.items():
            if last - peak > SLACK * peak:
                raise AssertionError(f"{name} grows by {last - peak:.1f} MB on {label}")
            sizes = (idle, peak - idle, between - idle, last - peak)
            rows.append([f"{label}, {name}", *(f"{size:.1f}" for size in sizes)])
            ways.add(way)
    head = ["MB", "idle", "peak above idle", "between steps", f"growth in {STEPS} steps"]
    return (
        f"Resident memory at batch {cnn.BATCH}, by {' and '.join(sorted(ways))}.\n\n"
        + harness.table(head, rows)
        + NOTES
        + harness.skipped(CONTENDERS)
    )


def measure(contender: str, case: Case) -> tuple[str, float, float, float, float]:
    """Train in the contender's process: the way of measuring, and MB at its five moments."""
    step = cnn.step(contender, case)
    gc.collect()
    idle = _now()
    _repeat(step, WARM_UP)
    way = KERNEL if _reset() else SYSTEM
    _repeat(step, PART)
    peak, between = _peak(), _now()
    _repeat(step, STEPS - 2 * PART)
    _reset()
    _repeat(step, PART)
    return way, idle, peak, between, _peak()


def _repeat(step: Any, number: int) -> None:
    for _ in range(number):
        step()


def _reset() -> bool:
    """Forget the peak so far; whether the system can."""
    try:
        CLEAR.write_text(RESET, encoding="ascii")
    except OSError:
        return False
    return _status("VmHWM") <= 1.05 * _status("VmRSS")


def _now() -> float:
    return _status("VmRSS") if STATUS.exists() else _peak()


def _peak() -> float:
    if STATUS.exists():
        return _status("VmHWM")
    if resource is None:
        raise RuntimeError("this system tells neither VmHWM nor ru_maxrss")
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6


def _status(key: str) -> float:
    """An entry of this process's status, in MB."""
    for line in STATUS.read_text(encoding="ascii").splitlines():
        if line.startswith(f"{key}:"):
            return int(line.split()[1]) * 1024 / 1e6
    raise RuntimeError(f"{STATUS} has no {key}")
