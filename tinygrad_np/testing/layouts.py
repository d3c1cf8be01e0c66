"""The same numbers, laid out in memory in every way that NumPy has, and that PyTorch has.

An array has the strides of its memory. A tensor shows only those that somebody chose: by bringing
an array along, or by a view. So the same memory looks row-major in the result of an operation, and
`is_contiguous()` says no in a slice; a function of tensors may meet either.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from tinygrad_np.tensor.creation import from_numpy, new

if TYPE_CHECKING:
    from collections.abc import Callable

    from tinygrad_np.tensor.tensor import Tensor

    Array = np.ndarray[Any, Any]


def permuted(array: Array) -> Array:
    """Give the numbers with the first dimension innermost and the last outermost but one."""
    if array.ndim < 2:
        return array.copy()
    order = (*range(1, array.ndim), 0)
    return array.transpose(order).copy(order="C").transpose(np.argsort(order))


def strided(array: Array) -> Array:
    """Give the numbers with gaps between them."""
    spaced = np.full([2 * n for n in array.shape], 77, array.dtype)
    every_other: Any = (..., *[slice(None, None, 2)] * array.ndim)
    view: Array = spaced[every_other]
    view[...] = array
    return view


def negative(array: Array) -> Array:
    """Give the numbers laid out backwards."""
    backwards: Any = (..., *[slice(None, None, -1)] * array.ndim)
    reversed_: Array = array[backwards].copy()[backwards]
    return reversed_


def read_only(array: Array) -> Array:
    """Give the numbers in memory that cannot be written."""
    array = array.copy()
    array.flags.writeable = False
    return array


def expanded(array: Array) -> Array:
    """Give the first number of each row for all of the row: one place of memory, stride 0."""
    return np.broadcast_to(array[..., :1], array.shape) if array.ndim and array.size else array


# Each gives an array that is equal to its argument.
LAYOUTS: dict[str, Callable[[Array], Array]] = {
    "C": lambda array: np.array(array, order="C"),
    "Fortran": lambda array: np.array(array, order="F"),
    "permuted": permuted,
    "strided": strided,
    "negative strides": negative,
    "read-only": read_only,
}


def transposed(array: Array) -> Tensor:
    """Give the numbers as a tensor that is the transpose of another."""
    return new(np.array(array.T, order="C")).permute(*reversed(range(array.ndim)))


def sliced(array: Array) -> Tensor:
    """Give the numbers as a tensor that is every other one of another, from its second on."""
    spaced = np.full([2 * n for n in array.shape] or 2, 77, array.dtype)
    at: Any = (slice(1, None, 2),) * array.ndim or 1
    spaced[at] = array
    return new(spaced)[at]


def spread(array: Array) -> Tensor:
    """Give the first number of each row for all of the row, as a tensor that `expand` made."""
    if not array.ndim or not array.size:
        return new(array)
    return new(np.array(array[..., :1])).expand(*array.shape)


# Each gives a tensor that is a view of another one.
VIEWS: dict[str, Callable[[Array], Tensor]] = {
    "transposed": transposed,
    "sliced": sliced,
    "expanded": spread,
}


def laid_out(array: Array, layout: str) -> Tensor:
    """Make a tensor of a layout that shows: a view, or one over memory that was brought along."""
    if layout == "C":
        return new(array)
    return VIEWS[layout](array) if layout in VIEWS else from_numpy(LAYOUTS[layout](array))
