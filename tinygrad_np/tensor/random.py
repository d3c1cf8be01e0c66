"""Random tensors, from PyTorch's own stream: the same seed gives the same numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from tinygrad_np.devices import check_device
from tinygrad_np.dtypes import as_dtype, get_default_dtype
from tinygrad_np.kernels.random_stream import Stream
from tinygrad_np.tensor.creation import new, sizes

if TYPE_CHECKING:
    from tinygrad_np.dtypes import DtypeLike
    from tinygrad_np.tensor.tensor import Tensor

DEFAULT_SEED = 67280421310721  # PyTorch's, for a generator that was never seeded


class Generator:
    """A source of random numbers with a state of its own.

    >>> Generator().manual_seed(3).initial_seed()
    3
    """

    __slots__ = ("_seed", "_stream")

    def __init__(self, device: object = None) -> None:
        check_device(device)
        self._seed = DEFAULT_SEED
        self._stream: Stream | None = None  # made at the first number

    def manual_seed(self, seed: int) -> Generator:
        """Start anew from `seed` (modulo 2⁶⁴); the same seed gives the same numbers."""
        self._seed, self._stream = seed & 0xFFFFFFFFFFFFFFFF, None
        return self

    def initial_seed(self) -> int:
        """Seed that the numbers started from."""
        return self._seed

    @property
    def stream(self) -> Stream:
        """The stream of words behind this generator."""
        if self._stream is None:
            self._stream = Stream(self._seed)
        return self._stream


default_generator = Generator()


def manual_seed(seed: int) -> Generator:
    """Seed the default generator; the same seed gives the same numbers as in PyTorch on a CPU.

    >>> import tinygrad_np as tg
    >>> _ = tg.manual_seed(0)
    >>> tg.rand(2)
    tensor([0.4963, 0.7682])
    """
    return default_generator.manual_seed(seed)


def initial_seed() -> int:
    """Seed that the default generator started from."""
    return default_generator.initial_seed()


def stream_of(generator: Generator | None) -> Stream:
    """Stream of `generator`, or of the default one."""
    return (default_generator if generator is None else generator).stream


def rand(
    *size: Any,
    generator: Generator | None = None,
    dtype: DtypeLike | None = None,
    device: object = None,
    requires_grad: bool = False,
) -> Tensor:
    """Uniform numbers in [0, 1).

    >>> import tinygrad_np as tg
    >>> bool((tg.rand(100) < 1).all())
    True
    """
    check_device(device)
    shape, given = sizes(size), as_dtype(dtype or get_default_dtype())
    numbers = stream_of(generator).uniform(int(np.prod(shape, dtype=np.int64)), given)
    return new(numbers.reshape(shape), requires_grad=requires_grad)


def randn(
    *size: Any,
    generator: Generator | None = None,
    dtype: DtypeLike | None = None,
    device: object = None,
    requires_grad: bool = False,
) -> Tensor:
    """Standard normal numbers: mean 0, variance 1.

    >>> import tinygrad_np as tg
    >>> tg.randn(2, 3).shape
    Size([2, 3])
    """
    check_device(device)
    shape, given = sizes(size), as_dtype(dtype or get_default_dtype())
    numbers = stream_of(generator).normal(int(np.prod(shape, dtype=np.int64)), given)
    return new(numbers.reshape(shape), requires_grad=requires_grad)


def randint(
    low: int,
    high: int | tuple[int, ...],
    size: tuple[int, ...] | None = None,
    *,
    generator: Generator | None = None,
    dtype: DtypeLike | None = None,
    device: object = None,
) -> Tensor:
    """Integers from `low` (0 if left out) up to, not including, `high`.

    >>> import tinygrad_np as tg
    >>> bool((tg.randint(3, (10,)) < 3).all())
    True
    """
    check_device(device)
    if size is None:
        low, high, size = 0, low, high  # type: ignore[assignment]  # PyTorch's form (high, size)
    assert isinstance(high, int)
    shape = sizes((size,))
    if high <= low:
        raise RuntimeError(f"randint: there is no integer from {low} up to, not including, {high}")
    numbers = stream_of(generator).integers(low, high, int(np.prod(shape, dtype=np.int64)))
    return new(numbers.reshape(shape).astype(as_dtype(dtype or np.int64), copy=False))


def randperm(n: int, *, generator: Generator | None = None) -> Tensor:
    """Integers below `n` in random order.

    >>> import tinygrad_np as tg
    >>> tg.randperm(4).sum()
    tensor(6)
    """
    return new(stream_of(generator).permutation(n))
