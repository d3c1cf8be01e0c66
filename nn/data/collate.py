"""From samples to a batch."""

from __future__ import annotations

from typing import Any

import numpy as np

import tinygrad_np as tg


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
