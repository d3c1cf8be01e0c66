"""make_tensor: random tensors of any dtype, between two bounds."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from tinygrad_np.devices import check_device
from tinygrad_np.dtypes import as_dtype
from tinygrad_np.tensor.creation import empty, from_numpy, new, sizes
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
        bools. Bounds beyond what the dtype holds, infinite ones too, are brought inside.
    noncontiguous
        Leave gaps between the numbers in memory, which `is_contiguous()` tells.
    exclude_zero
        Put the smallest normal number (1 for integers) in the place of zeros.
    memory_format
        PyTorch's; only None.

    Raises
    ------
    ValueError
        If `low` is not below `high` (floats may have both equal), either is NaN, the dtype holds
        nothing between them, or integers are to require grad.

    >>> import tinygrad_np as tg
    >>> x = make_tensor(2, 3, dtype=tg.float32, low=0.5, high=2.0, requires_grad=True)
    >>> bool(((x >= 0.5) & (x < 2.0)).all())
    True
    """
    check_device(device)
    if memory_format is not None:
        raise NotImplementedError("make_tensor: there are no memory formats; leave it out")
    kind = as_dtype(dtype)
    if requires_grad and kind.kind != "f":
        raise ValueError(f"make_tensor: only floating tensors can require grad, not {kind}")
    size = sizes(shape)
    low, high = _bounds(kind, low, high)
    gaps = noncontiguous and math.prod(size) > 1
    drawn = (*size[:-1], 2 * size[-1]) if gaps else size  # the gaps hold other numbers
    if kind.kind == "f":
        # uniform_ takes no range that the dtype cannot hold. A power of two rounds nothing: 2, as
        # in PyTorch; and more in float64, of whose largest numbers no product can be split.
        wide = high - low >= (2.0**900 if kind == np.float64 else float(np.finfo(kind).max))
        scale = (2.0**64 if kind == np.float64 else 2.0) if wide else 1.0
        array = empty(drawn, dtype=kind).uniform_(low / scale, high / scale).mul_(scale).numpy()
    else:
        array = randint(math.ceil(low), math.ceil(high), drawn).numpy().astype(kind)
    if gaps:
        array = array[..., 1::2]
    if exclude_zero:
        array[array == 0] = np.finfo(kind).tiny if kind.kind == "f" else 1
    return (from_numpy if gaps else new)(array).requires_grad_(requires_grad)


def _bounds(kind: np.dtype[Any], low: float | None, high: float | None) -> tuple[float, float]:
    """Read the bounds, brought inside of what the dtype holds."""
    defaults = {"f": (-9, 9), "b": (0, 2), "u": (-9, 10), "i": (-9, 10)}[kind.kind]
    low, high = (d if x is None else x for x, d in zip((low, high), defaults, strict=True))
    if math.isnan(low) or math.isnan(high):
        raise ValueError(f"make_tensor: low and high must be numbers, not {low}, {high}")
    same = low == high and kind.kind == "f"
    if not (low < high or same):
        raise ValueError(f"make_tensor: low ({low}) must be below high ({high})")
    least, most = _range(kind)
    if (high < least or low >= most) and not same:
        raise ValueError(
            f"make_tensor: {kind} holds numbers from {least} to below {most}, and so none from "
            f"{low} to {high}"
        )
    return min(max(low, least), most), min(max(high, least), most)


def _range(kind: np.dtype[Any]) -> tuple[float, float]:
    """Give the first number of a dtype, and the first beyond it that bounds can name."""
    if kind.kind == "f":
        return float(np.finfo(kind).min), float(np.finfo(kind).max)
    if kind.kind == "b":
        return 0, 2
    least, most = int(np.iinfo(kind).min), int(np.iinfo(kind).max)
    return least, most + (kind != np.int64)  # of which randint cannot go beyond the last
