"""DataLoader: a dataset in batches, shuffled if wanted, in PyTorch's order for the same seed."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

import tinygrad_np as tg
from tinygrad_np.tensor.random import stream_of

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
        if batch_size < 1:
            raise ValueError(f"DataLoader: batch_size must be at least 1, got {batch_size}")
        self.dataset, self.batch_size, self.shuffle = dataset, batch_size, shuffle
        self.collate_fn, self.drop_last, self.generator = collate_fn, drop_last, generator

    def __len__(self) -> int:
        rounded = math.floor if self.drop_last else math.ceil
        return rounded(len(self.dataset) / self.batch_size)

    def __iter__(self) -> Iterator[Any]:
        return self._batches(self._order())

    def _batches(self, order: np.ndarray[Any, Any]) -> Iterator[Any]:
        read: Any = getattr(self.dataset, "batch", None) if self.collate_fn is None else None
        collate = self.collate_fn or default_collate
        for i in range(len(self)):
            indices = order[i * self.batch_size : (i + 1) * self.batch_size]
            if read is not None:
                yield read(indices)
            else:
                yield collate([self.dataset[j] for j in indices.tolist()])

    def _order(self) -> np.ndarray[Any, Any]:
        n = len(self.dataset)
        if not self.shuffle:
            return np.arange(n)
        # As PyTorch does: one draw for the loader's workers, one that seeds the order.
        _, seed = stream_of(self.generator).doublewords(2).tolist()
        return tg.Generator().manual_seed(seed % (1 << 63)).stream.permutation(n)


def default_collate(batch: list[Any]) -> Any:
    """Make one batch of samples: numbers and tensors are stacked, tuples and dicts entered.

    >>> default_collate([(tg.ones(2), 3), (tg.zeros(2), 4)])
    [tensor([[1., 1.],
            [0., 0.]]), tensor([3, 4])]
    """
    first = batch[0]
    if isinstance(first, tg.Tensor):
        return tg.stack(batch)
    if isinstance(first, np.ndarray):
        return tg.from_numpy(np.stack(batch))
    if isinstance(first, (bool, int, float, np.generic)):
        return tg.tensor(batch)
    if isinstance(first, str):
        return batch
    if isinstance(first, dict):
        return {key: default_collate([sample[key] for sample in batch]) for key in first}
    if isinstance(first, (tuple, list)):
        sizes = {len(sample) for sample in batch}
        if len(sizes) != 1:
            raise RuntimeError(f"default_collate: samples have different lengths: {sorted(sizes)}")
        return [default_collate(list(column)) for column in zip(*batch, strict=True)]
    raise TypeError(
        f"default_collate: samples hold a {type(first).__qualname__}; give the DataLoader a "
        "collate_fn that makes a batch of them"
    )
