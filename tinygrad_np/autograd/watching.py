"""What the checking modes share: blocks that watch, and the place where a node was recorded."""

from __future__ import annotations

import functools
import inspect
import linecache
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, NamedTuple, ParamSpec, TypeVar

from tinygrad_np.recorder import Recorder, set_watchers, thread

if TYPE_CHECKING:
    from collections.abc import Callable

    from tinygrad_np.core import Node, Op, Operand, Thunks

P = ParamSpec("P")
R = TypeVar("R")
W = TypeVar("W", bound=Recorder)

# Frames of these two packages are the library's, all others the user's.
_OURS = tuple(str(Path(__file__).parents[2] / name) + os.sep for name in ("tinygrad_np", "nn"))


class Place(NamedTuple):
    """Where a node was recorded: the line of user code, and the modules around it."""

    file: str
    line: int
    function: str
    scopes: tuple[str, ...]
    derivative_of: str  # the op whose derivative recorded the node, under create_graph

    def __str__(self) -> str:
        where = f"{self.file}:{self.line} in {self.function}"
        source = linecache.getline(self.file, self.line).strip()
        lines = [f"  line: {where}" + (f": {source}" if source else "")]
        if self.scopes:
            lines.append(f"  module: {module_path(self.scopes)}")
        if self.derivative_of:
            lines.append(f"  inside: the derivative of {self.derivative_of}, recorded there")
        return "\n".join(lines)


def module_path(scopes: tuple[str, ...]) -> str:
    """Names below the outermost module, with dots, and the kind of the innermost.

    >>> module_path(("Net", "features (Sequential)", "0 (Block)", "conv (Conv2d)"))
    'features.0.conv (Conv2d)'
    >>> module_path(("Net",))
    'Net'
    """
    names = [scope.partition(" (")[0] for scope in scopes[1:]]
    kind = scopes[-1].partition(" (")[1:]
    return ".".join(names) + "".join(kind) if names else scopes[0]


def here(within: Node | None = None, place: Place | None = None) -> Place:
    """Where the thread is now in the user's code; or the place of the node `within` it works."""
    if within is not None and place is not None:
        return place._replace(derivative_of=within.op.name)
    frame = sys._getframe(1)  # noqa: SLF001 - what `inspect` offers for this costs a thousand times more
    while frame.f_back is not None and frame.f_code.co_filename.startswith(_OURS):
        frame = frame.f_back
    code = frame.f_code
    return Place(code.co_filename, frame.f_lineno, code.co_name, thread.scopes, "")


def operand_name(op: Op, position: int) -> str:
    """How the formula of `op` calls an operand: `operand 1 (w)`."""
    names = parameters(type(op).forward)
    return f"operand {position}" + (f" ({names[position]})" if position < len(names) else "")


def result_of(node: Node) -> str:
    """Describe what the op of `node` gave."""
    if node.dtype == object:  # of an op with several results, the shape is their number
        return f"{node.shape[0]} results"
    return f"result of shape {tuple(node.shape)}, {node.dtype}"


@functools.lru_cache
def parameters(forward: Callable[..., Any]) -> tuple[str, ...]:
    """Names of what `forward` takes by position, after `self`."""
    _, *given = inspect.signature(forward).parameters.values()
    return tuple(p.name for p in given if p.kind is inspect.Parameter.POSITIONAL_OR_KEYWORD)


class Watcher(Recorder):
    """Looks on while nodes are recorded, and while their rules are run in a backward pass."""

    __slots__ = ("_within",)

    def __init__(self) -> None:
        self._within: Node | None = None  # whose rule is running

    def place(self, node: Node) -> Place | None:
        """Where `node` was recorded, if that was watched."""
        raise NotImplementedError

    def here(self) -> Place:
        """Where the thread is now: in the user's code, or in the rule of a node."""
        return here(self._within, None if self._within is None else self.place(self._within))

    def run(self, node: Node, step: Callable[..., R], *args: Any) -> R:
        """Take a step of a node's rule. An error says on its way out where the node came from."""
        before, self._within = self._within, node
        try:
            return step(*args)
        except Exception as error:
            place = self.place(node)
            note = f"in the derivative of {node.op.name}, recorded at\n{place}"
            if place is not None and note not in getattr(error, "__notes__", ()):
                error.add_note(note)
            raise
        finally:
            self._within = before


class Block(Generic[W]):
    """Watches inside a `with` block or a decorated function; a block of its kind steps aside."""

    __slots__ = ("_before", "_make")

    def __init__(self, make: Callable[[], W]) -> None:
        self._make = make
        self._before: list[tuple[Recorder, ...]] = []  # a block can be entered within itself

    def __enter__(self) -> W:
        watcher = self._make()
        self._before.append(set_watchers((*others(type(watcher)), watcher)))
        return watcher

    def __exit__(self, *_: object) -> None:
        set_watchers(self._before.pop())

    def __call__(self, function: Callable[P, R]) -> Callable[P, R]:
        """Decorate `function`: each call of it is a block of its own."""

        @functools.wraps(function)
        def decorated(*args: P.args, **kwargs: P.kwargs) -> R:
            with Block(self._make):
                return function(*args, **kwargs)

        return decorated


def others(kind: type[Recorder]) -> tuple[Recorder, ...]:
    """Watchers of this thread that are not of the kind."""
    return tuple(watcher for watcher in thread.watchers if type(watcher) is not kind)


def watched_thunks(
    thunks: Thunks, wrap: Callable[[int, Callable[[], Operand]], Callable[[], Operand]]
) -> Thunks:
    """Wrap each thunk that there is."""
    return tuple(None if thunk is None else wrap(i, thunk) for i, thunk in enumerate(thunks))
