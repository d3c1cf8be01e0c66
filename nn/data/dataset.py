"""Datasets: a length and samples by number; array datasets also give whole batches at once."""

from __future__ import annotations

import bisect
import itertools
import warnings
from typing import TYPE_CHECKING, Any

import numpy as np

import tinygrad_np as tg
from nn.data.collate import default_collate

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from numpy.typing import NDArray

    Indices = NDArray[np.int64]


class Dataset:
    """Base of datasets: define `__len__` and `__getitem__`.

    A dataset that can read many samples in one go also defines
    `batch(indices) -> collated batch`, and `DataLoader` uses it.
    """

    def __getitem__(self, index: int) -> Any:
        """Give one sample."""
        raise NotImplementedError(f"{type(self).__name__} defines no __getitem__(index)")

    def __len__(self) -> int:
        """Give the number of samples."""
        raise NotImplementedError(f"{type(self).__name__} defines no __len__()")

    def __add__(self, other: Dataset) -> ConcatDataset:
        return ConcatDataset([self, other])


class IterableDataset:
    """Base of datasets that come as a stream: define `__iter__`, and `__len__` if it is known.

    A loader takes samples as they come: it cannot shuffle them.

    >>> from nn.data import DataLoader
    >>> class Squares(IterableDataset):
    ...     def __iter__(self):
    ...         return (n * n for n in range(3))
    >>> list(DataLoader(Squares(), batch_size=2))
    [tensor([0, 1]), tensor([4])]
    """

    def __iter__(self) -> Iterator[Any]:
        raise NotImplementedError(f"{type(self).__name__} defines no __iter__()")


class TensorDataset(Dataset):
    """Tensors of equal length; sample i is the tuple of their i-th rows.

    >>> data = TensorDataset(tg.arange(3), tg.tensor([0.0, 0.1, 0.2]))
    >>> data[1]
    (tensor(1), tensor(0.1000))
    """

    def __init__(self, *tensors: tg.Tensor) -> None:
        sizes = [len(tensor) for tensor in tensors]
        if len(set(sizes)) != 1:
            raise ValueError(f"TensorDataset: tensors must have equal lengths, and have {sizes}")
        self.tensors = tensors

    def __getitem__(self, index: int) -> tuple[tg.Tensor, ...]:
        return tuple(tensor[index] for tensor in self.tensors)

    def __len__(self) -> int:
        return len(self.tensors[0])

    def batch(self, indices: Indices) -> list[tg.Tensor]:
        """Give the rows at `indices`, one tensor for each of the dataset's."""
        return [tg.from_numpy(tensor.numpy()[indices]) for tensor in self.tensors]


class ConcatDataset(Dataset):
    """Several datasets, one after the other.

    >>> data = ConcatDataset([TensorDataset(tg.arange(2)), TensorDataset(tg.arange(5, 8))])
    >>> len(data), data[2], data[-1]
    (5, (tensor(5),), (tensor(7),))
    """

    def __init__(self, datasets: Iterable[Dataset]) -> None:
        self.datasets = list(datasets)
        if not self.datasets:
            raise ValueError("ConcatDataset: there are no datasets to put together")
        if any(isinstance(dataset, IterableDataset) for dataset in self.datasets):
            raise ValueError("ConcatDataset: a stream has no numbered samples; chain the iterators")
        self.cumulative_sizes = list(itertools.accumulate(map(len, self.datasets)))

    def __getitem__(self, index: int) -> Any:
        n = len(self)
        if not -n <= index < n:
            raise IndexError(f"ConcatDataset: sample {index} is not among the {n}")
        index %= n
        which = bisect.bisect_right(self.cumulative_sizes, index)
        before = self.cumulative_sizes[which - 1] if which else 0
        return self.datasets[which][index - before]

    def __len__(self) -> int:
        return self.cumulative_sizes[-1]


class Subset(Dataset):
    """The samples of a dataset at given places.

    >>> len(Subset(TensorDataset(tg.arange(5)), [0, 4]))
    2
    """

    def __init__(self, dataset: Dataset, indices: Sequence[int]) -> None:
        self.dataset, self.indices = dataset, indices
        self._places = np.asarray(indices, np.int64)

    def __getitem__(self, index: int) -> Any:
        return self.dataset[self.indices[index]]

    def __len__(self) -> int:
        return len(self.indices)

    def batch(self, indices: Indices) -> Any:
        """Give the collated samples at these places of the subset."""
        return read_batch(self.dataset, self._places[indices])


def read_batch(dataset: Dataset, indices: Indices) -> Any:
    """Give the collated samples at `indices`, in one go where the dataset can.

    A class that defines `__getitem__` anew is read sample by sample, whatever `batch` it inherits.
    """
    for cls in type(dataset).__mro__:
        if "batch" in vars(cls):
            return dataset.batch(indices)  # type: ignore[attr-defined]  # it is there
        if "__getitem__" in vars(cls):
            break
    return default_collate(samples_at(dataset, indices.tolist()))


def samples_at(dataset: Any, indices: Sequence[Any]) -> list[Any]:
    """Give samples one by one, or by the dataset's own `__getitems__`."""
    together = getattr(dataset, "__getitems__", None)
    return [dataset[i] for i in indices] if together is None else together(indices)


def random_split(
    dataset: Dataset, lengths: Sequence[float], generator: tg.Generator | None = None
) -> list[Subset]:
    """Split a dataset at random into parts of given lengths, or of given shares that add up to 1.

    >>> [len(part) for part in random_split(TensorDataset(tg.arange(10)), [0.8, 0.2])]
    [8, 2]
    """
    total = len(dataset)
    if abs(sum(lengths) - 1) < 1e-9 and total != 1:
        for share in lengths:
            if not 0 <= share <= 1:
                raise ValueError(f"random_split: a share lies in [0, 1], and {share} does not")
        counts = [int(total * share) for share in lengths]
        for i in range(total - sum(counts)):  # what rounding left over goes round
            counts[i % len(counts)] += 1
        if 0 in counts:
            warnings.warn(f"random_split: a part is empty: {counts}", stacklevel=2)
    else:
        counts = [int(n) for n in lengths]
    if sum(counts) != total or min(counts, default=0) < 0:
        raise ValueError(
            f"random_split: lengths {list(lengths)} add up to {sum(counts)}, and the dataset has "
            f"{total} samples; give lengths that add up, or shares that add up to 1"
        )
    order = tg.randperm(total, generator=generator).tolist()
    parts, start = [], 0
    for count in counts:
        parts.append(Subset(dataset, order[start : start + count]))
        start += count
    return parts
