"""Whether operations are recorded: context managers and decorators, for each thread on its own."""

from __future__ import annotations

import functools
import inspect
from typing import TYPE_CHECKING, Any, ParamSpec, Self, TypeVar

from tinygrad_np.recorder import Recorder, recorder_in_grad_mode, restore, thread

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

P = ParamSpec("P")
R = TypeVar("R")


class _Mode:
    """Replaces the thread's recorder inside a block or a function, and restores it."""

    __slots__ = ("_before", "_enabled", "_inference")

    def __init__(self, enabled: bool, *, inference: bool | None = None) -> None:
        self._enabled = enabled
        self._inference = inference  # None: as it was
        # A mode can be entered within itself.
        self._before: list[tuple[Recorder | None, bool]] = []

    def __enter__(self) -> Self:
        before = thread.recorder
        self._before.append((before, thread.inference))
        if self._inference is not None:
            thread.inference = self._inference
        enabled = self._enabled and not thread.inference
        thread.recorder = (before or recorder_in_grad_mode()) if enabled else None
        return self

    def __exit__(self, *_: object) -> None:
        before, thread.inference = self._before.pop()
        restore(before)

    def __call__(self, function: Callable[P, R]) -> Callable[P, R]:
        """Decorate a function; of a generator, each step runs in the mode, and its caller not."""

        def anew() -> _Mode:
            return _Mode(self._enabled, inference=self._inference)

        if inspect.isgeneratorfunction(function):

            @functools.wraps(function)
            def steps(*args: Any, **kwargs: Any) -> Generator[Any, Any, Any]:
                return _in_mode(function(*args, **kwargs), anew)

            return steps  # type: ignore[return-value]  # R is a generator here

        @functools.wraps(function)
        def decorated(*args: P.args, **kwargs: P.kwargs) -> R:
            with anew():
                return function(*args, **kwargs)

        return decorated


def _in_mode(
    generator: Generator[Any, Any, Any], mode: Callable[[], _Mode]
) -> Generator[Any, Any, Any]:
    """Run each step of `generator` in a mode that ends when it yields."""
    resume, given = generator.send, None
    while True:
        try:
            with mode():
                produced = resume(given)
        except StopIteration as end:
            return end.value
        try:
            given = yield produced
            resume = generator.send
        except GeneratorExit:
            with mode():
                generator.close()
            raise
        except BaseException as error:  # noqa: BLE001 - the generator is to have it, whatever it is
            resume, given = generator.throw, error


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
    """Record nothing, and let no `enable_grad` inside change that.

    `inference_mode(False)` ends it inside its block, where operations are recorded.
    """

    __slots__ = ()

    def __new__(cls, mode: Any = True) -> Any:
        """Make the mode, or decorate the function that stands in its place."""
        return super().__new__(cls, mode)

    def __init__(self, mode: bool = True) -> None:
        super().__init__(enabled=not mode, inference=bool(mode))


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
        super().__exit__()
        return super().__call__(function)


def is_inference_mode_enabled() -> bool:
    """Whether this thread is in `inference_mode`."""
    return thread.inference


def is_grad_enabled() -> bool:
    """Whether this thread records operations."""
    return thread.recorder is not None
