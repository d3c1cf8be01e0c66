"""Whether operations are recorded: context managers and decorators, for each thread on its own."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any, ParamSpec, Self, TypeVar

from tinygrad_np.recorder import Recorder, recorder_in_grad_mode, restore, thread

if TYPE_CHECKING:
    from collections.abc import Callable

P = ParamSpec("P")
R = TypeVar("R")


class _Mode:
    """Replaces the thread's recorder inside a block or a function, and restores it."""

    __slots__ = ("_before", "_enabled")

    def __init__(self, enabled: bool | None) -> None:
        self._enabled = enabled  # None: as it was
        self._before: list[Recorder | None] = []  # a mode can be entered within itself

    def __enter__(self) -> Self:
        before = thread.recorder
        self._before.append(before)
        if self._enabled is not None:
            thread.recorder = (before or recorder_in_grad_mode()) if self._enabled else None
        return self

    def __exit__(self, *_: object) -> None:
        restore(self._before.pop())

    def __call__(self, function: Callable[P, R]) -> Callable[P, R]:
        @functools.wraps(function)
        def decorated(*args: P.args, **kwargs: P.kwargs) -> R:
            with _Mode(self._enabled):
                return function(*args, **kwargs)

        return decorated


class _PlainDecorator(_Mode):
    """A mode that decorates without parentheses too: `@no_grad` as well as `@no_grad()`."""

    __slots__ = ()

    def __new__(cls, function: Any = None) -> Any:
        mode = super().__new__(cls)
        if not callable(function):
            return mode
        mode.__init__()  # type: ignore[misc]  # __init__ is not called when __new__ returns another
        return mode(function)


class no_grad(_PlainDecorator):
    """Record nothing: results do not require grad, and leaves can be changed in place.

    >>> import tinygrad_np as tg
    >>> x = tg.ones(2, requires_grad=True)
    >>> with tg.no_grad():
    ...     y = x * 2
    >>> y.requires_grad
    False
    """

    __slots__ = ()

    def __init__(self, function: None = None) -> None:  # noqa: ARG002 - __new__ took it
        super().__init__(enabled=False)


class inference_mode(_PlainDecorator):
    """Record nothing, as `no_grad`; `inference_mode(False)` changes nothing."""

    __slots__ = ()

    def __init__(self, mode: bool = True) -> None:
        super().__init__(enabled=False if mode else None)


class enable_grad(_PlainDecorator):
    """Record again, inside a `no_grad` block.

    >>> import tinygrad_np as tg
    >>> x = tg.ones(2, requires_grad=True)
    >>> with tg.no_grad(), tg.enable_grad():
    ...     y = x * 2
    >>> y.requires_grad
    True
    """

    __slots__ = ()

    def __init__(self, function: None = None) -> None:  # noqa: ARG002 - __new__ took it
        super().__init__(enabled=True)


class set_grad_enabled(_Mode):
    """Record or not, by a flag: as a function call at once, in a `with` until its end.

    >>> import tinygrad_np as tg
    >>> with tg.set_grad_enabled(False):
    ...     tg.is_grad_enabled()
    False
    """

    __slots__ = ()

    def __init__(self, mode: bool) -> None:
        super().__init__(mode)
        super().__enter__()

    def __enter__(self) -> Self:  # it took effect when it was made
        return self

    def __call__(self, function: Callable[P, R]) -> Callable[P, R]:
        """Decorate `function`; the mode then acts inside it only."""
        restore(self._before.pop())
        return super().__call__(function)


def is_grad_enabled() -> bool:
    """Whether this thread records operations."""
    return thread.recorder is not None
