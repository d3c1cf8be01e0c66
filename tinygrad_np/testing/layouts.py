"""The same numbers, laid out in memory in every way that NumPy has."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

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
