"""Threads for kernels: a pass over large arrays in chunks, which several threads take up.

NumPy's ufuncs, copies and products let go of Python's lock, so that plain Python threads share
the work. BLAS has threads of its own, and two pools on the same cores hurt each other: an idle
thread of OpenBLAS spins for 0.1 s after each product, and a pass beside it takes twice as long
(4.0 instead of 2.0 ms, on two cores). So while chunks are being worked on, BLAS is kept to one
thread; and once a process has done so, `kernels.product` leaves BLAS's other threads asleep, and
cuts large products itself. A program that spreads nothing keeps BLAS as it was, and so does every
product outside this package. Where BLAS cannot be told its number of threads, nothing is spread.
"""

from __future__ import annotations

import contextvars
import ctypes
import functools
import importlib
import itertools
import os
import threading
import warnings
from collections import deque
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from concurrent.futures import Executor

    import numpy as np

T = TypeVar("T")

LARGE = 4 << 20  # bytes

# What OpenBLAS calls its functions: in NumPy's own wheels, and elsewhere.
NAMES = (
    "scipy_openblas_{}_num_threads64_",
    "scipy_openblas_{}_num_threads",
    "openblas_{}_num_threads64_",
    "openblas_{}_num_threads",
)


class Blas(NamedTuple):
    """How BLAS is asked for its number of threads, and told."""

    get: Callable[[], int]
    set: Callable[[int], None]


class _Alone:
    """Keeps BLAS to one thread inside a block; blocks nest, and overlap between threads."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.users = 0
        self.before: int  # the number of threads that comes back after the last user

    def __enter__(self) -> None:
        with self.lock:
            if not self.users:
                self.before = find_blas().get()
                find_blas().set(1)
            self.users += 1

    def __exit__(self, *_: object) -> None:
        with self.lock:
            self.users -= 1
            if not self.users:
                find_blas().set(self.before)


alone = _Alone()


@functools.cache
def find_blas() -> Blas:
    """Look up, among what NumPy itself is linked with, how to set the threads of BLAS."""
    library = ctypes.CDLL(importlib.import_module("numpy._core._multiarray_umath").__file__)
    for name in NAMES:
        get, set_ = (getattr(library, name.format(verb), None) for verb in ("get", "set"))
        if get is not None and set_ is not None:
            return Blas(get, set_)
    return Blas(lambda: 1, lambda _: None)


def get_num_threads() -> int:
    """Give the number of threads that a kernel may use.

    >>> import tinygrad_np as tg
    >>> tg.get_num_threads() >= 1
    True
    """
    with alone.lock:
        return alone.before if alone.users else find_blas().get()


def set_num_threads(count: int) -> None:
    """Let kernels, and BLAS with them, use `count` threads.

    Raises
    ------
    RuntimeError
        If `count` is not a positive int.

    >>> import tinygrad_np as tg
    >>> before = tg.get_num_threads()
    >>> tg.set_num_threads(1)
    >>> tg.get_num_threads()
    1
    >>> tg.set_num_threads(before)
    """
    if not isinstance(count, int) or isinstance(count, bool) or count < 1:
        raise RuntimeError(f"set_num_threads: expected a positive int, got {count!r}")
    blas = find_blas()
    with alone.lock:
        if alone.users:
            alone.before = count
        else:
            blas.set(count)
    if count > 1 and blas.get() == 1 and not alone.users:
        warnings.warn(
            "set_num_threads: this NumPy's BLAS cannot be told its number of threads; set "
            "OMP_NUM_THREADS before Python starts",
            RuntimeWarning,
            stacklevel=2,
        )


def cut(size: int) -> list[slice]:
    """``range(size)`` in even parts, one for each thread that may work on them."""
    count = max(1, min(find_blas().get(), size))
    ends = [size * i // count for i in range(count + 1)]
    return [slice(a, b) for a, b in itertools.pairwise(ends)]


def stretches(x: np.ndarray[Any, Any]) -> list[tuple[slice, ...]]:
    """Indices that cut `x` for threads across its memory; one part where that does not pay.

    It pays from a few megabytes on (relu of 9 MB: 0.9 to 0.5 ms), and only if no idle thread of
    BLAS spins beside: if this process spreads its other work as well.
    """
    if x.nbytes < LARGE or not in_use():
        return [()]
    outermost = max(range(x.ndim), key=lambda i: (x.shape[i] > 1, abs(x.strides[i])))
    return [(slice(None),) * outermost + (part,) for part in cut(x.shape[outermost])]


def each(task: Callable[[T], object], chunks: Iterable[T]) -> None:
    """Run ``task(chunk)`` for every chunk, on this thread and on others; the first error wins.

    Tasks must write to places of their own. Inside a task, this is a plain loop.
    """
    left = deque(chunks)

    def work() -> None:
        while True:
            try:
                chunk = left.popleft()
            except IndexError:
                return
            task(chunk)

    helpers = min(find_blas().get(), len(left)) - 1
    if helpers < 1:
        work()
        return
    with alone:
        # Each helper has a copy of the context: np.errstate holds in the tasks too.
        futures = [_pool().submit(contextvars.copy_context().run, work) for _ in range(helpers)]
        try:
            work()
        finally:
            left.clear()
            for future in futures:
                if not future.cancel():
                    future.result()


def in_use() -> bool:
    """Whether this process ever spread its work over threads of ours."""
    return bool(_pools)


_pools: list[Executor] = []  # none before the first use, and then one


def _pool() -> Executor:
    """Make the threads at first use; a fork has none of them, and makes its own."""
    if not _pools:
        from concurrent.futures import ThreadPoolExecutor  # noqa: PLC0415 - costs 5 ms

        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=_forget)
        # One less than there are cores: the caller works too, and each thread keeps memory.
        _pools.append(ThreadPoolExecutor(max(1, (os.cpu_count() or 1) - 1), "tinygrad_np"))
    return _pools[0]


def _forget() -> None:
    alone.__init__()  # type: ignore[misc]  # a lock that another thread held stays locked
    _pools.clear()
