"""DataLoader: a dataset in batches, shuffled if wanted, in PyTorch's order for the same seed."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

import numpy as np

from nn.data.collate import default_collate, default_convert
from nn.data.dataset import IterableDataset, read_batch, samples_at
from nn.data.sampler import BatchSampler, RandomSampler, SequentialSampler
from tinygrad_np.tensor.generator import stream_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    import tinygrad_np as tg

FIXED = frozenset({"batch_size", "batch_sampler", "sampler", "drop_last", "dataset"})


class DataLoader:
    """Iterate over a dataset in batches.

    Parameters
    ----------
    dataset
        Anything with `__len__` and `__getitem__`, or an `IterableDataset`. One that also has
        `batch(indices)` is read a whole batch at a time.
    batch_size
        Samples in a batch; the last one may be smaller, unless `drop_last`. None: no batches, but
        sample by sample.
    shuffle
        A new random order for each pass. After the same `manual_seed`, it is PyTorch's order.
    sampler
        Numbers of samples, in the order in which to load them; instead of `shuffle`.
    batch_sampler
        Lists of such numbers, one for each batch; instead of all of the above and `drop_last`.
    collate_fn
        Makes a batch of a list of samples; `default_collate` if None.
    generator
        Source of the order; the default generator if None.
    num_workers, timeout, worker_init_fn, multiprocessing_context, prefetch_factor,
    persistent_workers, pin_memory, pin_memory_device, in_order
        Accepted, and without effect: samples are always loaded in this process, when they are asked
        for. There is no worker to initialise, and no device to pin memory for.

    Raises
    ------
    ValueError
        If options contradict each other, or are out of range.

    >>> import tinygrad_np as tg
    >>> from nn.data import TensorDataset
    >>> loader = DataLoader(TensorDataset(tg.arange(5)), batch_size=2)
    >>> [batch for (batch,) in loader]
    [tensor([0, 1]), tensor([2, 3]), tensor([4])]
    """

    def __init__(  # noqa: PLR0917 - the order is PyTorch's
        self,
        dataset: Any,
        batch_size: int | None = 1,
        shuffle: bool | None = None,
        sampler: Iterable[Any] | None = None,
        batch_sampler: Iterable[Any] | None = None,
        num_workers: int = 0,
        collate_fn: Callable[[Any], Any] | None = None,
        pin_memory: bool = False,
        drop_last: bool = False,
        timeout: float = 0,
        worker_init_fn: Callable[[int], None] | None = None,
        multiprocessing_context: Any = None,
        generator: tg.Generator | None = None,
        *,
        prefetch_factor: int | None = None,
        persistent_workers: bool = False,
        pin_memory_device: str = "",
        in_order: bool = True,
    ) -> None:
        _check_workers(num_workers, timeout, prefetch_factor, persistent_workers)
        stream = isinstance(dataset, IterableDataset)
        if stream and (shuffle or sampler is not None or batch_sampler is not None):
            raise ValueError(
                "DataLoader: an IterableDataset comes in its own order; leave out shuffle, sampler "
                "and batch_sampler"
            )
        if sampler is not None and shuffle:
            raise ValueError("DataLoader: a sampler says the order; leave out sampler or shuffle")
        if batch_sampler is not None:
            if batch_size != 1 or shuffle or sampler is not None or drop_last:
                raise ValueError(
                    "DataLoader: a batch_sampler makes the batches; leave out batch_size, shuffle, "
                    "sampler and drop_last"
                )
            batch_size = None
        elif batch_size is None:
            if drop_last:
                raise ValueError("DataLoader: without a batch_size there is no last batch to drop")
        elif not isinstance(batch_size, int) or isinstance(batch_size, bool) or batch_size < 1:
            raise ValueError(f"DataLoader: batch_size must be an int of at least 1: {batch_size}")
        if sampler is None and not stream:
            sampler = RandomSampler(dataset, generator=generator) if shuffle else None
            sampler = SequentialSampler(dataset) if sampler is None else sampler
        if batch_size is not None and sampler is not None:
            batch_sampler = BatchSampler(sampler, batch_size, bool(drop_last))
        self.dataset, self.batch_size, self.drop_last = dataset, batch_size, drop_last
        self.sampler, self.batch_sampler, self.generator = sampler, batch_sampler, generator
        batched = (stream and batch_size is not None) or batch_sampler is not None
        self._default = collate_fn is None and batched
        self.collate_fn = collate_fn or (default_collate if batched else default_convert)
        self.num_workers, self.timeout, self.worker_init_fn = num_workers, timeout, worker_init_fn
        self.multiprocessing_context, self.prefetch_factor = (
            multiprocessing_context,
            prefetch_factor,
        )
        self.pin_memory, self.pin_memory_device = pin_memory, pin_memory_device
        self.persistent_workers, self.in_order = persistent_workers, in_order
        self._ready = True

    def __setattr__(self, name: str, value: Any) -> None:
        if name in FIXED and hasattr(self, "_ready"):
            raise ValueError(f"DataLoader: {name} cannot be changed; make another DataLoader")
        super().__setattr__(name, value)

    def __len__(self) -> int:
        if self.batch_sampler is not None:
            return len(self.batch_sampler)  # type: ignore[arg-type]  # one without a length says so
        if not isinstance(self.dataset, IterableDataset):
            return len(self.sampler)  # type: ignore[arg-type]  # the same
        n: int = len(self.dataset)  # type: ignore[arg-type]  # the same
        size = self.batch_size or 1
        return n // size if self.drop_last else -(-n // size)

    def __iter__(self) -> Iterator[Any]:
        # PyTorch draws a seed for the workers here, shuffling or not: so later numbers are its own.
        stream_of(self.generator).doublewords(1)
        if isinstance(self.dataset, IterableDataset):
            return self._from_stream(iter(self.dataset))
        if self.batch_sampler is None:
            assert self.sampler is not None
            return (self.collate_fn(self.dataset[i]) for i in self.sampler)
        return self._batches(self.batch_sampler)

    def _from_stream(self, samples: Iterator[Any]) -> Iterator[Any]:
        size = self.batch_size
        if size is None:
            yield from map(self.collate_fn, samples)
            return
        while batch := list(itertools.islice(samples, size)):
            if len(batch) == size or not self.drop_last:
                yield self.collate_fn(batch)

    def _batches(self, batch_sampler: Iterable[Any]) -> Iterator[Any]:
        arrays = batch_sampler.arrays() if type(batch_sampler) is BatchSampler else None
        if self._default:
            for indices in batch_sampler if arrays is None else arrays:
                yield read_batch(self.dataset, np.asarray(indices))
        else:
            for indices in batch_sampler if arrays is None else arrays:
                numbers = indices.tolist() if isinstance(indices, np.ndarray) else list(indices)
                yield self.collate_fn(samples_at(self.dataset, numbers))


def _check_workers(
    num_workers: int, timeout: float, prefetch_factor: int | None, persistent_workers: bool
) -> None:
    """Refuse what PyTorch refuses: scripts are checked here as they are there."""
    if num_workers < 0 or timeout < 0 or (prefetch_factor or 0) < 0:
        raise ValueError(
            "DataLoader: num_workers, timeout and prefetch_factor must not be negative, got "
            f"{num_workers}, {timeout} and {prefetch_factor}"
        )
    if not num_workers and (prefetch_factor is not None or persistent_workers):
        raise ValueError(
            "DataLoader: prefetch_factor and persistent_workers are options of workers; leave them "
            "out, or give a num_workers above 0"
        )
