"""What each thread does with the ops that it runs: record them, or not, or watch them too."""

from __future__ import annotations

import contextlib
import threading
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator


class Recorder:
    """Told of each node as it is recorded. This plain one does nothing; tracing modes do."""

    __slots__ = ()

    def recorded(self, node: Any) -> None:
        """Take notice of `node`."""


PLAIN = Recorder()
IN_RULE = Recorder()  # while an ordinary backward pass runs rules on bare arrays


class _Thread(threading.local):
    recorder: Recorder | None = PLAIN  # None: no grad
    inference: bool = False  # no grad, and enable_grad() does not change that
    scopes: tuple[str, ...] = ()  # names of the modules being run, while a recorder watches


thread = _Thread()


@contextlib.contextmanager
def recording(recorder: Recorder | None) -> Iterator[None]:
    """Replace this thread's recorder inside the block."""
    before = thread.recorder
    thread.recorder = recorder
    try:
        yield
    finally:
        thread.recorder = before


@contextlib.contextmanager
def scope(name: str) -> Iterator[None]:
    """Name what is recorded inside the block, for pictures: modules push their names here."""
    before = thread.scopes
    thread.scopes = (*before, name)
    try:
        yield
    finally:
        thread.scopes = before
