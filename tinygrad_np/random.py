"""The default source of random numbers: its seed, its state, and how to leave it untouched.

>>> import tinygrad_np as tg
>>> _ = tg.manual_seed(0)
>>> tg.rand(2)
tensor([0.4963, 0.7682])
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from tinygrad_np.missing import names_in
from tinygrad_np.tensor.generator import Generator, default_generator

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from tinygrad_np.tensor.tensor import Tensor


def manual_seed(seed: int) -> Generator:
    """Seed the default generator; the same seed gives the same numbers as in PyTorch on a CPU.

    >>> manual_seed(5).initial_seed()
    5
    """
    return default_generator.manual_seed(int(seed))


def seed() -> int:
    """Seed the default generator with a number that the operating system draws; return it."""
    return default_generator.seed()


def initial_seed() -> int:
    """Seed that the default generator started from."""
    return default_generator.initial_seed()


def get_rng_state() -> Tensor:
    """All that decides the default generator's numbers to come, as a uint8 tensor.

    The bytes are those of PyTorch's CPU generator: each library can go on from the other's.

    >>> import tinygrad_np as tg
    >>> state = get_rng_state()
    >>> first = tg.randn(3)
    >>> set_rng_state(state)
    >>> bool((tg.randn(3) == first).all())
    True
    """
    return default_generator.get_state()


def set_rng_state(new_state: Tensor) -> None:
    """Let the default generator go on from a state that `get_rng_state` gave."""
    default_generator.set_state(new_state)


@contextlib.contextmanager
def fork_rng(
    devices: Iterable[object] | None = None,  # noqa: ARG001 - PyTorch's; the CPU is always forked
    enabled: bool = True,
) -> Iterator[None]:
    """Draw what you like inside the block: after it the default generator is where it was.

    >>> import tinygrad_np as tg
    >>> _ = manual_seed(0)
    >>> with fork_rng():
    ...     _ = tg.rand(100)
    >>> tg.rand(2)
    tensor([0.4963, 0.7682])
    """
    if not enabled:
        yield
        return
    state = get_rng_state()
    try:
        yield
    finally:
        set_rng_state(state)


if not TYPE_CHECKING:  # a type checker knows what is missing
    __getattr__ = names_in(__name__)
