"""make_tensor: random tensors of any dtype, between two bounds."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from tinygrad_np.devices import check_device
from tinygrad_np.dtypes import as_dtype
from tinygrad_np.tensor.creation import empty, new, sizes
from tinygrad_np.tensor.random import randint

if TYPE_CHECKING:
    from tinygrad_np.dtypes import DtypeLike
    from tinygrad_np.tensor.tensor import Tensor


def make_tensor(
    *shape: Any,
    dtype: DtypeLike,
    device: object = None,
    low: float | None = None,
    high: float | None = None,
    requires_grad: bool = False,
    noncontiguous: bool = False,
    exclude_zero: bool = False,
    memory_format: None = None,
) -> Tensor:
    """Make a tensor of numbers from [low, high), uniformly, from the default generator.

    Parameters
    ----------
    low, high
        Bounds; by default -9 and 9 for floats, -9 and 10 for integers (0 for uint8), 0 and 2 for
        bools. Bounds beyond what the dtype holds are brought inside.
    noncontiguous
        Leave gaps between the numbers in memory.
    exclude_zero
        Put the smallest normal number (1 for integers) in the place of zeros.
    memory_format
        PyTorch's; only None.

    Raises
    ------
    ValueError
        If `low` is not below `high`, or either is NaN.

    >>> import tinygrad_np as tg
    >>> x = make_tensor(2, 3, dtype=tg.float32, low=0.5, high=2.0, requires_grad=True)
    >>> bool(((x >= 0.5) & (x < 2.0)).all())
    True
    """
    check_device(device)
    if memory_format is not None:
        raise NotImplementedError("make_tensor: there are no memory formats; leave it out")
    kind = as_dtype(dtype)
    size = sizes(shape)
    low, high = _bounds(kind, low, high)
    if kind.kind == "f":
        array = empty(size, dtype=kind).uniform_(low, high).numpy()
    else:
        array = randint(math.ceil(low), math.ceil(high), size).numpy().astype(kind)
    if exclude_zero:
        least = np.finfo(kind).tiny if kind.kind == "f" else 1
        array[array == 0] = least
    if noncontiguous and array.size > 1 and array.ndim:
        array = np.repeat(array, 2, -1)[..., ::2]
    return new(array, requires_grad=requires_grad)


def _bounds(kind: np.dtype[Any], low: float | None, high: float | None) -> tuple[float, float]:
    defaults = {"f": (-9, 9), "b": (0, 2), "u": (0, 10), "i": (-9, 10)}[kind.kind]
    given = [d if x is None else x for x, d in zip((low, high), defaults, strict=True)]
    if any(math.isnan(x) for x in given):
        raise ValueError(f"make_tensor: low and high must be numbers, not {given[0]}, {given[1]}")
    if not given[0] < given[1]:
        raise ValueError(f"make_tensor: low ({given[0]}) must be below high ({given[1]})")
    if kind.kind == "f":
        least, most = float(np.finfo(kind).min), float(np.finfo(kind).max)
    else:
        least, most = (0, 2) if kind.kind == "b" else (np.iinfo(kind).min, np.iinfo(kind).max)
    return min(max(given[0], least), most), min(max(given[1], least), most)
