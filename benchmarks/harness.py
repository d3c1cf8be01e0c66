"""Measures the same work in several libraries, in turns, and sets the results in Markdown.

Each contender lives in a process of its own, because the thread pools of NumPy's BLAS, PyTorch
and XLA go on spinning after their work and take the cores from each other. All processes sleep
while one of them works; a pause before each turn lets the pools of the last one fall asleep. As
turns alternate, a drift of the machine meets all contenders alike: ratios are taken turn by turn.
"""

from __future__ import annotations

import gc
import importlib.util
import os
import platform
import statistics
import time
import timeit
import traceback
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from importlib import import_module, metadata
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from multiprocessing.connection import Connection

THREADS = 2
TURNS = 9
PAUSE = 0.2  # seconds before a turn: OpenBLAS was seen to spin for 0.1 s after its work
SAMPLE = 0.001  # a sample repeats the work until it lasts about as long
WARM_UP, TURN = 0.03, 0.12  # seconds of a turn that are not measured, and that are

OURS = "tinygrad_np"
PACKAGES = {  # what a contender is called here, in an import, and by pip
    OURS: ("tinygrad_np", "tinygrad-np"),
    "PyTorch": ("torch", "torch"),
    "JAX": ("jax", "jax"),
    "MyGrad": ("mygrad", "mygrad"),
    "autograd": ("autograd", "autograd"),
    "NumPy": ("numpy", "numpy"),
}
POOLS = dict.fromkeys(
    ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "OMP_NUM_THREADS", "PJRT_NPROC"), str(THREADS)
)


class Work(NamedTuple):
    """What a contender is to do: `seconds(n)` does it n times; `facts` must equal the others'."""

    seconds: Callable[[int], float]
    facts: Sequence[float] = ()
    warm_up: float = WARM_UP  # seconds of each turn that are not measured


def repeat(work: Callable[[], Any] | str, names: dict[str, Any] | None = None) -> Any:
    """Time a function or an expression; unlike `timeit`'s own, with the garbage collector on."""
    return timeit.Timer(work, gc.enable, globals={**(names or {})}).timeit


@dataclass
class Result:
    """Seconds of each sample, turn by turn."""

    turns: list[list[float]]

    @property
    def medians(self) -> list[float]:
        """One number a turn."""
        return [statistics.median(turn) for turn in self.turns]

    @property
    def median(self) -> float:
        """The number to quote."""
        return statistics.median(self.medians)

    def text(self, unit: float) -> str:
        """Median of the turns, with their quartiles."""
        low, _, high = statistics.quantiles(self.medians, n=4, method="inclusive")
        return f"{digits(self.median / unit)} ({digits(low / unit)}–{digits(high / unit)})"

    def over(self, other: Result) -> float:
        """How many times the other's time this takes: the median of the turns' ratios."""
        pairs = zip(self.medians, other.medians, strict=True)
        return statistics.median(mine / theirs for mine, theirs in pairs)


class Workers:
    """A process for each contender that is installed, ready to build and time cases of a module.

    The module defines `build(contender, case)`, which returns the Work, or None if that contender
    has no such thing.
    """

    def __init__(self, stack: ExitStack, module: str, contenders: Iterable[str]) -> None:
        os.environ |= POOLS  # read by the libraries when a process first imports them
        self.pipes: dict[str, Connection] = {}
        for name in contenders:
            here, there = get_context("spawn").Pipe()
            arguments = (there, module, name)
            process = get_context("spawn").Process(target=_serve, args=arguments, daemon=True)
            process.start()
            there.close()
            stack.callback(process.join)
            stack.callback(here.close)
            self.pipes[name] = here

    def compare(self, case: Any, turns: int, tolerance: float = 1e-3) -> dict[str, Result]:
        """Build a case everywhere, check that all get the same facts, and time it in turns."""
        facts = {name: _ask(pipe, "build", case) for name, pipe in self.pipes.items()}
        able = [name for name, found in facts.items() if found is not None]
        for name in able:
            _check_equal(case, able[0], facts[able[0]], name, facts[name], tolerance)
        samples: dict[str, list[list[float]]] = {name: [] for name in able}
        for _ in range(turns):
            for name in able:
                samples[name].append(_ask(self.pipes[name], "turn"))
        return {name: Result(turns) for name, turns in samples.items()}

    def measure(self, case: Any) -> dict[str, Any]:
        """Give what the module's `measure(contender, case)` finds in each process, in turn."""
        return {name: _ask(pipe, "measure", case) for name, pipe in self.pipes.items()}


@contextmanager
def workers(module: str, contenders: Iterable[str]) -> Iterator[Workers]:
    """Start the processes, and end them after the block."""
    with ExitStack() as stack:
        yield Workers(stack, module, [name for name in contenders if installed(name)])


def _ask(pipe: Connection, request: str, case: Any = None) -> Any:
    """Have one contender work, once the threads of the one before are asleep."""
    time.sleep(PAUSE)
    pipe.send((request, case))
    answer, error = pipe.recv()
    if error:
        raise RuntimeError(f"a contender failed:\n{error}")
    return answer


def _check_equal(
    case: Any, first: str, wanted: Sequence[float], name: str, got: Sequence[float], rtol: float
) -> None:
    pairs = zip(wanted, got, strict=True)
    if any(abs(a - b) > rtol * abs(a) for a, b in pairs):
        raise AssertionError(f"{case}: {first} gets {wanted}, and {name} {got}")


def _serve(pipe: Connection, module: str, contender: str) -> None:
    """Run in a contender's process: answer until the pipe is closed."""
    work, number = None, 1
    while True:
        try:
            request, case = pipe.recv()
        except EOFError:
            return
        try:
            if request == "build":
                work = None  # the last case's memory goes first
                work = import_module(module).build(contender, case)
                number = 1 if work is None else _number(work)
                answer = None if work is None else list(work.facts)
            elif request == "measure":
                answer = import_module(module).measure(contender, case)
            else:
                answer = _turn(work, number)
        except Exception:  # noqa: BLE001 - whatever it is, the main process reports it
            pipe.send((None, traceback.format_exc()))
        else:
            pipe.send((answer, None))


def _number(work: Work) -> int:
    """Repetitions that last about as long as a sample should, found on warm code."""
    number = 1
    while (seconds := work.seconds(number)) < SAMPLE / 4 and number < 1_000_000:
        number *= 2
    if seconds > SAMPLE:
        return number
    seconds = min(seconds, work.seconds(number))
    return max(1, round(number * SAMPLE / max(seconds, 1e-9)))


def _turn(work: Work, number: int) -> list[float]:
    start = time.perf_counter()
    while time.perf_counter() - start < work.warm_up:
        work.seconds(number)
    samples: list[float] = []
    while not samples or sum(samples) * number < TURN:
        samples.append(work.seconds(number) / number)
    return samples


def installed(contender: str) -> bool:
    """Whether its package can be imported."""
    return importlib.util.find_spec(PACKAGES[contender][0]) is not None


def skipped(contenders: Iterable[str]) -> str:
    """Name those that are not installed, in a line of Markdown; nothing if all are."""
    missing = [name for name in contenders if not installed(name)]
    return f"\nNot installed, so not measured: {', '.join(missing)}.\n" if missing else ""


def versions() -> str:
    """Contenders with their versions."""
    found = []
    for name, (_, distribution) in PACKAGES.items():
        if installed(name):
            try:
                found.append(f"{name} {metadata.version(distribution)}")
            except metadata.PackageNotFoundError:
                found.append(f"{name} (from its sources)")
    return ", ".join(found)


def machine() -> str:
    """Processor, system, versions and thread counts, in Markdown."""
    load = f"{os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else "unknown"
    return (
        f"- {_processor()}, {os.cpu_count()} logical cores, {platform.system()}\n"
        f"- Python {platform.python_version()}, {versions()}\n"
        f"- {THREADS} threads for every contender; load average at the start {load}\n"
    )


def _processor() -> str:
    listing = Path("/proc/cpuinfo")
    if listing.exists():
        for line in listing.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def digits(x: float) -> str:
    """Three significant digits, never in scientific notation."""
    return f"{x:#.3g}".rstrip(".") if 1e-3 <= abs(x) < 1000 else f"{x:.0f}"


def comparison(
    title: str, rows: Mapping[str, dict[str, Result]], contenders: Sequence[str], unit: float
) -> str:
    """Table of medians with quartiles, and of our time over PyTorch's and over NumPy's."""
    names = [name for name in contenders if installed(name)]
    rivals = [name for name in ("PyTorch", "NumPy") if name in names]
    lines = []
    for label, results in rows.items():
        times = [results[n].text(unit) if n in results else "–" for n in names]
        ratios = [f"{results[OURS].over(results[n]):.2f}" if n in results else "–" for n in rivals]
        lines.append([label, *times, *ratios])
    return table([title, *names, *[f"ours / {name}" for name in rivals]], lines)


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Markdown, first column to the left, numbers to the right."""
    marks = [":--", *["--:"] * (len(head) - 1)]
    return "".join(f"| {' | '.join(row)} |\n" for row in (head, marks, *rows))
