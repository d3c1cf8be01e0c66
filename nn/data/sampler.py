"""Samplers: in which order a loader asks for samples. All of PyTorch's, with its random order."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

import numpy as np

import tinygrad_np as tg
from tinygrad_np.tensor.generator import stream_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence, Sized

    Array = np.ndarray[Any, Any]

STRETCH = 32  # numbers that PyTorch draws at a time where samples may come again


class Sampler:
    """Base of samplers: define `__iter__`, which gives the numbers of samples, and `__len__`."""

    def __iter__(self) -> Iterator[Any]:
        raise NotImplementedError(f"{type(self).__name__} defines no __iter__()")


class _Ordered(Sampler):
    """A sampler that knows its order in stretches: arrays, which need no Python per sample."""

    def stretches(self) -> Iterator[Array]:
        """Give the order, array by array; one is drawn only when it is asked for."""
        raise NotImplementedError

    def __iter__(self) -> Iterator[int]:
        for stretch in self.stretches():
            yield from stretch.tolist()


class SequentialSampler(_Ordered):
    """Samples in their own order.

    >>> list(SequentialSampler("abc"))
    [0, 1, 2]
    """

    def __init__(self, data_source: Sized) -> None:
        self.data_source = data_source

    def __len__(self) -> int:
        return len(self.data_source)

    def stretches(self) -> Iterator[Array]:
        """Give all numbers at once."""
        yield np.arange(len(self))


class RandomSampler(_Ordered):
    """Samples in random order, or with `replacement` each drawn from all.

    Each pass draws a seed from the default generator for an order of its own; a `generator` draws
    the order itself. `num_samples` is the length of a pass, that of the data if None.

    Raises
    ------
    ValueError
        If `num_samples` is not positive.

    >>> _ = tg.manual_seed(0)
    >>> list(RandomSampler("abcd")), list(RandomSampler("abcd", replacement=True, num_samples=3))
    ([2, 3, 0, 1], [2, 3, 1])
    """

    def __init__(
        self,
        data_source: Sized,
        replacement: bool = False,
        num_samples: int | None = None,
        generator: tg.Generator | None = None,
    ) -> None:
        _check_flag("RandomSampler", "replacement", replacement)
        if num_samples is not None:
            _check_count("RandomSampler", "num_samples", num_samples)
        self.data_source, self.replacement = data_source, replacement
        self.generator, self._num_samples = generator, num_samples

    @property
    def num_samples(self) -> int:
        """Length of a pass."""
        return len(self.data_source) if self._num_samples is None else self._num_samples

    def __len__(self) -> int:
        return self.num_samples

    def stretches(self) -> Iterator[Array]:
        """Draw the order as PyTorch does: whole ones first, and a part of one more at the end."""
        n = len(self.data_source)
        if self.generator is None:
            seed = stream_of(None).doublewords(1).item() % (1 << 63)
            stream = tg.Generator().manual_seed(seed).stream
        else:
            stream = stream_of(self.generator)
        if not n:
            return
        if self.replacement:
            whole, part = divmod(self.num_samples, STRETCH)
            for count in [*itertools.repeat(STRETCH, whole), part]:
                yield stream.integers(0, n, count)
            return
        whole, part = divmod(self.num_samples, n)
        for _ in range(whole):
            yield stream.permutation(n)
        if part:
            yield stream.permutation(n)[:part]
        elif self.generator is not None:
            stream.words(n - 1)  # one order too many, of which PyTorch uses nothing


class SubsetRandomSampler(_Ordered):
    """Some samples, in random order.

    >>> sorted(SubsetRandomSampler([4, 7, 9]))
    [4, 7, 9]
    """

    def __init__(self, indices: Sequence[int], generator: tg.Generator | None = None) -> None:
        self.indices, self.generator = indices, generator

    def __len__(self) -> int:
        return len(self.indices)

    def stretches(self) -> Iterator[Array]:
        """Draw the order of all at once."""
        order = stream_of(self.generator).permutation(len(self.indices))
        yield np.asarray(self.indices, np.int64)[order]


class WeightedRandomSampler(_Ordered):
    """Samples drawn by weight, which need not add up to 1; see `tinygrad_np.multinomial`.

    Raises
    ------
    ValueError
        If the weights are not one sequence, or `num_samples` is not positive.

    >>> list(WeightedRandomSampler([0.0, 1.0, 0.0], 4))
    [1, 1, 1, 1]
    """

    def __init__(
        self,
        weights: Any,
        num_samples: int,
        replacement: bool = True,
        generator: tg.Generator | None = None,
    ) -> None:
        _check_count("WeightedRandomSampler", "num_samples", num_samples)
        _check_flag("WeightedRandomSampler", "replacement", replacement)
        self.weights = tg.as_tensor(weights, dtype=tg.float64)
        if self.weights.ndim != 1:
            raise ValueError(
                "WeightedRandomSampler: weights must be one sequence, and have shape "
                f"{tuple(self.weights.shape)}"
            )
        self.num_samples, self.replacement = num_samples, replacement
        self.generator = generator

    def __len__(self) -> int:
        return self.num_samples

    def stretches(self) -> Iterator[Array]:
        """Draw all at once."""
        drawn = tg.multinomial(
            self.weights, self.num_samples, self.replacement, generator=self.generator
        )
        yield drawn.numpy()


class BatchSampler(Sampler):
    """Numbers of a sampler in lists of `batch_size`; the last may be shorter, or is dropped.

    Raises
    ------
    ValueError
        If `batch_size` is no positive int, or `drop_last` no bool.

    >>> list(BatchSampler(range(5), 2, drop_last=False))
    [[0, 1], [2, 3], [4]]
    """

    def __init__(self, sampler: Iterable[Any], batch_size: int, drop_last: bool) -> None:
        _check_count("BatchSampler", "batch_size", batch_size)
        _check_flag("BatchSampler", "drop_last", drop_last, ValueError)
        self.sampler, self.batch_size, self.drop_last = sampler, batch_size, drop_last

    def __len__(self) -> int:
        n: int = len(self.sampler)  # type: ignore[arg-type]  # a sampler without a length says so
        return n // self.batch_size if self.drop_last else -(-n // self.batch_size)

    def __iter__(self) -> Iterator[list[Any]]:
        numbers = iter(self.sampler)
        while batch := list(itertools.islice(numbers, self.batch_size)):
            if len(batch) == self.batch_size or not self.drop_last:
                yield batch

    def arrays(self) -> Iterator[Array] | None:
        """Give the batches as arrays, where the sampler knows its order in such."""
        sampler = self.sampler
        if not isinstance(sampler, _Ordered) or type(sampler).__iter__ is not _Ordered.__iter__:
            return None
        return self._cut(sampler.stretches())

    def _cut(self, stretches: Iterator[Array]) -> Iterator[Array]:
        rest = np.empty(0, np.int64)
        for stretch in stretches:
            rest = np.concatenate([rest, stretch]) if len(rest) else stretch
            whole = len(rest) - len(rest) % self.batch_size
            for start in range(0, whole, self.batch_size):
                yield rest[start : start + self.batch_size]
            rest = rest[whole:]
        if len(rest) and not self.drop_last:
            yield rest


def _check_count(name: str, option: str, n: Any) -> None:
    if not isinstance(n, int) or isinstance(n, bool) or n < 1:
        raise ValueError(f"{name}: {option} must be an int of at least 1: {n}")


def _check_flag(name: str, option: str, flag: Any, error: type[Exception] | None = None) -> None:
    if not isinstance(flag, bool):
        raise (error or TypeError)(f"{name}: {option} must be True or False, not {flag!r}")
