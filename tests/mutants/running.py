"""Runs tests on broken code: a warm process forks for each change, and the fork runs the tests.

The parent collects the tests once, and a first run without a change (in forks, too) shows that all
pass, how long each takes, and which functions it enters. In a fork, a change is put into the living
module; then the tests that enter its function are run, the most particular and quickest first,
until one fails.
"""

from __future__ import annotations

import contextlib
import enum
import gc
import json
import math
import mmap
import os
import resource
import signal
import sys
import tempfile
import time
from collections import defaultdict
from dataclasses import dataclass, field
from functools import cached_property, partial
from pathlib import Path
from types import FunctionType
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from .transplant import UnloadableError, heirs, living, module_of, transplant

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Sequence
    from types import CodeType

    from .changes import Change

WAITS = 60  # seconds of the clock, beside 20 times its own, for a test that may wait for ever
BUDGET = 30.0  # seconds of usual time: no more tests than that for one change
BRIEF = 1.0  # and no more for one that none should notice
MEMORY = 6 << 30


class Fate(enum.IntEnum):
    """What became of a change; the first five are the exit status of its fork."""

    survives = 0
    assertion = 1  # a test's own claim failed
    exception = 3  # a test ran into an error
    unloadable = 4
    not_made = 5  # a fault of this tool
    hangs = 6
    crashes = 7


@dataclass
class Outcome:
    """What became of a change, and by what: the test that failed, or what else happened."""

    change: Change
    fate: Fate
    how: str

    @property
    def killed(self) -> bool:
        return self.fate not in {Fate.survives, Fate.not_made}


@dataclass
class Test:
    """A test that passes without changes."""

    item: pytest.Item
    seconds: float
    units: Collection[str]

    @property
    def cost(self) -> float:
        """Low for tests that are quick, and about little else."""
        return (self.seconds + 0.002) * len(self.units)


class Subject(NamedTuple):
    """What several tests are about, such as a row of a table, and how to enter just that."""

    name: str
    act: Callable[[], None]


class Reports:
    """Notes whether the test that runs has failed, and whether by its own claim."""

    def __init__(self) -> None:
        self.failed = self.asserted = False

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self.failed |= report.failed

    def pytest_exception_interact(self, call: pytest.CallInfo[Any]) -> None:
        claims = (AssertionError, pytest.fail.Exception)
        self.asserted |= call.excinfo is not None and isinstance(call.excinfo.value, claims)


@dataclass
class Hunt:
    """A pytest plugin that, instead of running the tests once, runs them on each change."""

    changes: Sequence[Change]
    said: Callable[[str], None]
    subject: Callable[[pytest.Item], Subject | None] = lambda _: None
    chosen: Callable[[dict[str, frozenset[str]]], Callable[[Change], bool]] | None = None
    quiet: Collection[Change] = ()  # that no test should notice
    workers: int = 2
    patience: float = 5.0  # seconds of the processor for a test, beside 20 times its usual ones
    outcomes: list[Outcome] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)  # of tests without any change
    reports: Reports = field(default_factory=Reports)

    @pytest.hookimpl(trylast=True)
    def pytest_configure(self, config: pytest.Config) -> None:
        from hypothesis import Phase, settings  # noqa: PLC0415 - pytest wants to be the first

        config.pluginmanager.register(self.reports)
        phases = (Phase.explicit, Phase.generate)  # to see that it fails is enough
        settings.register_profile(
            "mutants", settings.default, derandomize=True, database=None, phases=phases
        )
        settings.load_profile("mutants")

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        reporter = session.config.pluginmanager.getplugin("terminalreporter")
        session.config.pluginmanager.unregister(reporter)  # a dot for each test is no news
        tests = self.measure(session.items)
        if self.failures:
            return True
        self.said(f"{len(self.changes)} changes, {len(tests)} tests")
        gc.freeze()  # forks need not walk, and so copy, what all of them share
        entering: dict[str, list[Test]] = defaultdict(list)
        for test in tests:
            for unit in test.units:
                entering[unit].append(test)
        for unit, found in entering.items():
            stem = Path(unit.partition("::")[0]).stem
            found.sort(key=lambda t, stem=stem: t.cost / (20 if stem in t.item.path.stem else 1))
        self.hunt(entering)
        return True

    # --- what the tests enter ---

    @cached_property
    def functions(self) -> dict[str, list[FunctionType]]:
        """The living functions of each unit; and those of their files that only name others."""
        found: dict[str, list[FunctionType]] = {}
        for file in {c.file: None for c in self.changes}:
            module = module_of(file)
            for name, f in vars(module).items():
                if isinstance(f, FunctionType) and f.__module__ == module.__name__:
                    found[f"{file}::{name}"] = list(living(module, name))
        for c in self.changes:
            if c.at not in found:
                found[c.at] = list(living(module_of(c.file), c.unit))
        return found

    @cached_property
    def codes(self) -> dict[CodeType, str]:
        return {f.__code__: unit for unit, fs in self.functions.items() for f in fs}

    @cached_property
    def without_code(self) -> dict[str, set[str]]:
        """Units that are no function, as class attributes; and the functions that may read them.

        Of a class's attribute these are the methods of the class and of those made of it, and
        whoever names one of them, else whoever, in any file, names the attribute; of a table of
        the module, whoever names it, else all of the file.
        """
        found = {unit: fs for unit, fs in self.functions.items() if fs}
        readers: dict[str, set[str]] = {}
        for unit in self.functions.keys() - found.keys():
            file, name = unit.split("::")
            beside = {u for u in found if u.startswith(f"{file}::")}
            owner, _, attribute = name.rpartition(".")
            classes = heirs(module_of(file), owner)
            names = classes or {name}
            naming = {
                u
                for u in beside
                if u.split("::")[1].split(".")[0] in names
                or any(names & set(f.__code__.co_names) for f in found[u])
            }
            anywhere = {u for u in found if any(attribute in f.__code__.co_names for f in found[u])}
            readers[unit] = naming or (anywhere if classes else beside)
        return readers

    def entered(self, action: Callable[[], None]) -> frozenset[str]:
        """Units that `action` enters."""
        codes = set()
        profile = sys.getprofile()

        def note(frame: Any, event: str, _: Any) -> None:
            if event == "call":
                codes.add(frame.f_code)

        sys.setprofile(note)
        try:
            action()
        finally:
            sys.setprofile(profile)
        units = {self.codes[code] for code in codes & self.codes.keys()}
        units |= {unit for unit, users in self.without_code.items() if users & units}
        return frozenset(units)

    def measure(self, items: list[pytest.Item]) -> list[Test]:
        """Choose changes, and run their tests without one, to see that each passes, and how."""
        about = {item: self.subject(item) for item in items}
        rows: dict[str, frozenset[str]] = {}
        for subject in about.values():
            if subject and subject.name not in rows:
                rows[subject.name] = self.entered(subject.act)
        if self.chosen:
            self.changes = [*filter(self.chosen(rows), self.changes)]
            units = {c.at for c in self.changes}
            items = [x for x in items if not (s := about[x]) or units & rows[s.name]]
        tests = []
        for found in self.shared(partial(self.measured, items, about), len(items)):
            for i, (failed, seconds, entered) in found.items():
                item = items[int(i)]
                if failed:
                    self.failures.append(item.nodeid)
                subject = about[item]
                tests.append(Test(item, seconds, rows[subject.name] if subject else entered))
        if len(tests) != len(items):
            self.failures.append("a run without changes did not come to its end")
        return tests

    def measured(
        self, items: list[pytest.Item], about: dict[pytest.Item, Any], share: list[int]
    ) -> dict[int, Any]:
        """In a fork: run tests, and give whether each fails, its time, and what it enters."""
        found = {}
        for i in share:
            start = time.process_time()
            units: Iterable[str] = ()
            if about[items[i]]:
                self.run(items[i])
            else:
                units = self.entered(partial(self.run, items[i]))
            found[i] = [self.reports.failed, time.process_time() - start, sorted(units)]
            self.reports.failed = False
        return found

    def shared(
        self, run: Callable[[list[int]], dict[int, Any]], count: int
    ) -> list[dict[str, Any]]:
        """What forks find, each running its share of `count` tests."""
        with tempfile.TemporaryDirectory() as folder:

            def write(share: list[int]) -> int:
                Path(folder, str(share[0])).write_text(json.dumps(run(share)))
                return 0

            shares = [list(range(k, count, self.workers)) for k in range(self.workers)]
            for child in [fork(partial(write, share)) for share in shares if share]:
                os.waitpid(child, 0)
            return [json.loads(file.read_text()) for file in Path(folder).iterdir()]

    @staticmethod
    def run(item: pytest.Item) -> None:
        item.ihook.pytest_runtest_protocol(item=item, nextitem=None)

    # --- the hunt ---

    def hunt(self, entering: dict[str, list[Test]]) -> None:
        running: dict[int, tuple[Change, list[Test], mmap.mmap]] = {}
        killers: dict[str, list[Test]] = defaultdict(list)
        left = list(reversed(self.changes))
        started = time.monotonic()
        while left or running:
            while left and len(running) < self.workers:
                change = left.pop()
                first = killers[change.at][:3]
                budget = BRIEF if change in self.quiet else BUDGET
                tests = chosen_within(budget, [*first, *entering[change.at]])
                if not tests:
                    self.note(Outcome(change, Fate.survives, "no test enters it"))
                    continue
                begun = mmap.mmap(-1, 4)  # memory that the fork shares: how many tests it began
                child = fork(partial(self.attempt, change, tests, begun))
                running[child] = (change, tests, begun)
            if not running:
                continue
            child, status = os.wait()
            change, tests, begun = running.pop(child)
            outcome = self.judge(change, status, tests, int.from_bytes(begun[:4]))
            begun.close()
            known = killers[change.at]
            for test in entering[change.at]:
                if test.item.nodeid == outcome.how and test not in known:
                    known.insert(0, test)
            self.note(outcome)
            if len(self.outcomes) % 250 == 0:
                minutes = (time.monotonic() - started) / 60
                self.said(f"{len(self.outcomes)} of {len(self.changes)} after {minutes:.1f} min")

    def note(self, outcome: Outcome) -> None:
        self.outcomes.append(outcome)
        c = outcome.change
        if outcome.killed is (c in self.quiet):
            what = f"{outcome.fate.name.replace('_', ' ')}, {outcome.how}"
            self.said(f"\n{c.file}:{c.line} {c.unit}: {c.kind} ({what})\n{c.diff()}")

    def attempt(self, change: Change, tests: list[Test], begun: mmap.mmap) -> int:
        """In a fork: make the change, and run tests until one fails."""
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        try:
            transplant(change)
        except UnloadableError:
            return Fate.unloadable
        for count, test in enumerate(tests, 1):
            begun[:4] = count.to_bytes(4)
            signal.setitimer(
                signal.ITIMER_PROF, self.patience + 20 * test.seconds
            )  # ends the process
            signal.alarm(WAITS + math.ceil(20 * test.seconds))
            try:
                self.run(test.item)
            except BaseException:  # noqa: BLE001 - it leaves pytest: an error of the worst kind
                return Fate.exception
            if self.reports.failed:
                return Fate.assertion if self.reports.asserted else Fate.exception
        return Fate.survives

    @staticmethod
    def judge(change: Change, status: int, tests: list[Test], begun: int) -> Outcome:
        last = tests[begun - 1].item.nodeid if begun else "nothing has begun"
        if os.WIFSIGNALED(status):
            hangs = os.WTERMSIG(status) in {signal.SIGALRM, signal.SIGPROF}
            return Outcome(change, Fate.hangs if hangs else Fate.crashes, last)
        fate = Fate(os.WEXITSTATUS(status))
        return Outcome(change, fate, f"{begun} tests pass" if fate is Fate.survives else last)


def chosen_within(budget: float, tests: Iterable[Test]) -> list[Test]:
    """The first tests, each once, that take no longer than the budget together."""
    found: dict[str, Test] = {}
    for test in tests:
        if test.item.nodeid not in found:
            budget -= test.seconds
            if budget < 0 and found:
                break
            found[test.item.nodeid] = test
    return list(found.values())


def fork(action: Callable[[], int]) -> int:
    """Run `action` in a copy of this process, silently; its result is the exit status."""
    sys.stdout.flush()
    sys.stderr.flush()
    child = os.fork()
    if child:
        return child
    status: int = Fate.not_made
    with contextlib.suppress(BaseException):
        null = os.open(os.devnull, os.O_RDWR)
        for stream in (0, 1, 2):
            os.dup2(null, stream)
        status = action()
    os._exit(status)
