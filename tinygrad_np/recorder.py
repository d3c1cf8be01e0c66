"""What each thread does with the ops that it runs: record them, or not, or watch them too."""

from __future__ import annotations

import contextlib
import threading
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence


class Recorder:
    """Told of each node as it is recorded. This plain one does nothing; watchers do."""

    __slots__ = ()

    def recorded(self, node: Any, operands: Sequence[Any], result: Any) -> None:
        """Take notice of `node`, and of the arrays that its op took and gave.

        `result` is a tuple where there are several, and None for a node that picks one of them.
        """

    def watched(self, pull_back: Callable[..., Any]) -> Callable[..., Any]:
        """Give what a backward pass is to call for each node in the place of `pull_back`."""
        return pull_back


class _Watched(Recorder):
    """Tells each of the thread's watchers."""

    __slots__ = ()

    def recorded(self, node: Any, operands: Sequence[Any], result: Any) -> None:
        for watcher in thread.watchers:
            watcher.recorded(node, operands, result)

    def watched(self, pull_back: Callable[..., Any]) -> Callable[..., Any]:
        for watcher in thread.watchers:
            pull_back = watcher.watched(pull_back)
        return pull_back


PLAIN = Recorder()
WATCHED = _Watched()  # takes the place of PLAIN while there are watchers
IN_RULE = Recorder()  # while an ordinary backward pass runs rules on bare arrays


class _Thread(threading.local):
    recorder: Recorder | None = PLAIN  # None: no grad
    inference: bool = False  # no grad, and enable_grad() does not change that
    watchers: tuple[Recorder, ...] = ()  # tracing and checking modes, the outermost first
    scopes: tuple[str, ...] = ()  # names of the modules being run, while anyone watches


thread = _Thread()


def recorder_in_grad_mode() -> Recorder:
    """What this thread records with wherever gradients are enabled."""
    return WATCHED if thread.watchers else PLAIN


def restore(recorder: Recorder | None) -> None:
    """Make `recorder` this thread's again; watchers may have come or gone since."""
    plain = recorder is PLAIN or recorder is WATCHED
    thread.recorder = recorder_in_grad_mode() if plain else recorder


@contextlib.contextmanager
def recording(recorder: Recorder | None) -> Iterator[None]:
    """Replace this thread's recorder inside the block."""
    before = thread.recorder
    thread.recorder = recorder
    try:
        yield
    finally:
        thread.recorder = before


def set_watchers(watchers: tuple[Recorder, ...]) -> tuple[Recorder, ...]:
    """Replace this thread's watchers, and return those before."""
    before = thread.watchers
    thread.watchers = watchers
    restore(thread.recorder)
    return before


@contextlib.contextmanager
def watching(*watchers: Recorder) -> Iterator[None]:
    """Add watchers inside the block."""
    before = set_watchers((*thread.watchers, *watchers))
    try:
        yield
    finally:
        set_watchers(before)


@contextlib.contextmanager
def scope(name: str) -> Iterator[None]:
    """Name what is recorded inside the block, for pictures: modules push their names here."""
    before = thread.scopes
    thread.scopes = (*before, name)
    try:
        yield
    finally:
        thread.scopes = before
