"""Generators: where random numbers come from, and the default one."""

from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING

import numpy as np

from tinygrad_np.core import Value
from tinygrad_np.devices import CPU, check_device
from tinygrad_np.errors import DtypeError, not_a_tensor
from tinygrad_np.kernels.random_stream import Stream
from tinygrad_np.tensor.creation import new

if TYPE_CHECKING:
    from tinygrad_np.devices import device
    from tinygrad_np.tensor.tensor import Tensor

_seeding = threading.RLock()  # threads may draw from one generator, and seed it
DEFAULT_SEED = 67280421310721  # PyTorch's, for a generator that was never seeded


class Generator:
    """A source of random numbers with a state of its own.

    >>> import tinygrad_np as tg
    >>> generator = Generator().manual_seed(3)
    >>> state = generator.get_state()
    >>> first = tg.rand(2, generator=generator)
    >>> bool((tg.rand(2, generator=generator.set_state(state)) == first).all())
    True
    """

    __slots__ = ("_seed", "_stream")

    def __init__(self, device: object = None) -> None:
        check_device(device)
        self._seed = DEFAULT_SEED
        self._stream: Stream | None = None  # made at the first number

    @property
    def device(self) -> device:
        """Where the numbers are made."""
        return CPU

    @property
    def stream(self) -> Stream:
        """The stream of words behind this generator."""
        stream = self._stream
        if stream is None:
            with _seeding:  # or else two threads would both start from the seed
                stream = self._stream
                if stream is None:
                    stream = self._stream = Stream(self._seed)
        return stream

    def manual_seed(self, seed: int) -> Generator:
        """Start anew from `seed`; the same seed gives the same numbers.

        Raises
        ------
        ValueError
            If `seed` does not lie in [−2⁶³, 2⁶⁴); a negative one stands for `seed + 2⁶⁴`.
        """
        if not hasattr(seed, "__index__"):
            raise RuntimeError(f"manual_seed: a seed is an int, not a {type(seed).__qualname__}")
        number = seed.__index__()
        if not -(1 << 63) <= number < 1 << 64:
            raise ValueError(f"manual_seed: a seed lies in [-2**63, 2**64), and {number} does not")
        with _seeding:
            self._seed, self._stream = number % (1 << 64), None
        return self

    def seed(self) -> int:
        """Start anew from a seed that the operating system draws; return it."""
        self.manual_seed(int.from_bytes(os.urandom(8), "little"))
        return self._seed

    def initial_seed(self) -> int:
        """Seed that the numbers started from."""
        return self._seed

    def get_state(self) -> Tensor:
        """All that decides the numbers to come: the same 5056 bytes as PyTorch's, as uint8."""
        return new(self.stream.state)

    def set_state(self, new_state: Tensor) -> Generator:
        """Go on from a state that `get_state` gave, here or in PyTorch.

        Raises
        ------
        TypeError
            If `new_state` is no tensor of uint8.
        RuntimeError
            If it is not the state of a generator.
        """
        if not isinstance(new_state, Value):
            raise not_a_tensor("set_state", "new_state", new_state, " of uint8")
        if new_state.dtype != np.uint8:
            raise DtypeError(f"set_state: expected a Tensor of uint8, not of {new_state.dtype}")
        stream = Stream(0)
        stream.state = new_state.array
        with _seeding:
            self._seed, self._stream = stream.seed, stream
        return self

    def clone_state(self) -> Generator:
        """Make another generator that gives the same numbers from here on."""
        return Generator().set_state(self.get_state())

    def __reduce__(self) -> tuple[object, ...]:
        return _restored, (self.stream.state.tobytes(),)


def _restored(state: bytes) -> Generator:
    """Make the generator that was copied or pickled."""
    return Generator().set_state(new(np.frombuffer(state, np.uint8)))


default_generator = Generator()


def stream_of(generator: Generator | None) -> Stream:
    """Stream of `generator`, or of the default one."""
    if generator is None:
        return default_generator.stream
    if not isinstance(generator, Generator):
        raise TypeError(
            f"generator: expected a Generator or None, got a {type(generator).__qualname__}"
        )
    return generator.stream
