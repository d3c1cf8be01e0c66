"""From samples to a batch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

import tinygrad_np as tg


def default_collate(batch: Sequence[Any]) -> Any:
    """Make one batch of samples: numbers and tensors are stacked, tuples and dicts entered.

    Arrays keep their dtype; Python's ints become int64, and its floats float64. Strings stay
    as they are: in the batch that was given, and in a tuple where samples have several parts.

    Raises
    ------
    TypeError
        If samples hold something else.
    RuntimeError
        If samples differ in shape, or in length.

    >>> default_collate([(tg.ones(2), 3), (tg.zeros(2), 4)])
    [tensor([[1., 1.],
            [0., 0.]]), tensor([3, 4])]
    """
    first = batch[0]
    if isinstance(first, tg.Tensor):
        return tg.stack(batch)
    if isinstance(first, (np.ndarray, np.generic)) and first.dtype.kind in "biuf":
        return tg.from_numpy(np.stack(batch))
    if isinstance(first, (int, float)):
        return tg.tensor(batch, dtype=tg.float64 if isinstance(first, float) else None)
    if isinstance(first, (str, bytes)):
        return batch
    if isinstance(first, Mapping):
        columns = {key: default_collate([sample[key] for sample in batch]) for key in first}
        return columns if type(first) is dict else _like(first, columns)
    if isinstance(first, (tuple, list)):
        sizes = {len(sample) for sample in batch}
        if len(sizes) != 1:
            raise RuntimeError(f"default_collate: samples have different lengths: {sorted(sizes)}")
        collated = [default_collate(column) for column in zip(*batch, strict=True)]
        return type(first)(*collated) if hasattr(first, "_fields") else collated
    raise TypeError(
        f"default_collate: samples hold a {type(first).__qualname__}; give the DataLoader a "
        "collate_fn that makes a batch of them"
    )


def default_convert(sample: Any) -> Any:
    """Make tensors of the arrays in a sample, and leave all else as it is.

    >>> import numpy as np
    >>> default_convert((np.ones(2, np.float32), 3))
    [tensor([1., 1.]), 3]
    """
    if isinstance(sample, (np.ndarray, np.generic)) and sample.dtype.kind in "biuf":
        return tg.from_numpy(np.asarray(sample))
    if isinstance(sample, Mapping):
        return _like(sample, {key: default_convert(value) for key, value in sample.items()})
    if isinstance(sample, (tuple, list)):
        converted = [default_convert(value) for value in sample]
        return type(sample)(*converted) if hasattr(sample, "_fields") else converted
    return sample


def _like(mapping: Mapping[Any, Any], columns: dict[Any, Any]) -> Any:
    """Give a mapping of the same kind, if it can be made of a dict."""
    try:
        return type(mapping)(columns)  # type: ignore[call-arg]  # most mappings can
    except TypeError:
        return columns
