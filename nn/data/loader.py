"""DataLoader: a dataset in batches, shuffled if wanted, in PyTorch's order for the same seed."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

import tinygrad_np as tg
from nn.data.dataset import read_batch
from tinygrad_np.tensor.generator import stream_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from nn.data.dataset import Dataset


class DataLoader:
    """Iterate over a dataset in batches.

    Parameters
    ----------
    dataset
        Anything with `__len__` and `__getitem__`. One that also has `batch(indices)` is read a
        whole batch at a time.
    batch_size
        Samples in a batch; the last one may be smaller, unless `drop_last`.
    shuffle
        A new random order for each pass. After the same `manual_seed`, it is PyTorch's order.
    collate_fn
        Makes a batch of a list of samples; `default_collate` if None.
    generator
        Source of the order; the default generator if None.

    Raises
    ------
    ValueError
        If `batch_size` is not positive.

    >>> from nn.data import TensorDataset
    >>> loader = DataLoader(TensorDataset(tg.arange(5)), batch_size=2)
    >>> [batch for (batch,) in loader]
    [tensor([0, 1]), tensor([2, 3]), tensor([4])]
    """

    def __init__(
        self,
        dataset: Dataset,
        batch_size: int = 1,
        shuffle: bool = False,
        *,
        collate_fn: Callable[[list[Any]], Any] | None = None,
        drop_last: bool = False,
        generator: tg.Generator | None = None,
    ) -> None:
        if not isinstance(batch_size, int) or batch_size < 1:
            raise ValueError(f"DataLoader: batch_size must be an int of at least 1: {batch_size}")
        self.dataset, self.batch_size, self.shuffle = dataset, batch_size, shuffle
        self.collate_fn, self.drop_last, self.generator = collate_fn, drop_last, generator

    def __len__(self) -> int:
        rounded = math.floor if self.drop_last else math.ceil
        return rounded(len(self.dataset) / self.batch_size)

    def __iter__(self) -> Iterator[Any]:
        # PyTorch draws a seed for the workers here, shuffling or not: so later numbers are its own.
        stream_of(self.generator).doublewords(1)
        return self._batches()

    def _batches(self) -> Iterator[Any]:
        order = self._order()
        for i in range(len(self)):
            indices = order[i * self.batch_size : (i + 1) * self.batch_size]
            if self.collate_fn is None:
                yield read_batch(self.dataset, indices)
            else:
                yield self.collate_fn([self.dataset[j] for j in indices.tolist()])
        if self.shuffle and self.generator is not None:
            self.generator.stream.words(max(len(order) - 1, 0))  # PyTorch draws one order too many

    def _order(self) -> np.ndarray[Any, Any]:
        n = len(self.dataset)
        if not self.shuffle:
            return np.arange(n)
        if self.generator is not None:
            return self.generator.stream.permutation(n)
        (seed,) = stream_of(None).doublewords(1).tolist()  # as PyTorch does: a seed for the order
        return tg.Generator().manual_seed(seed % (1 << 63)).stream.permutation(n)
