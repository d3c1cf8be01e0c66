"""Grids: every combination of coordinates, and the places of a matrix's triangles."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from tinygrad_np.devices import check_device
from tinygrad_np.dtypes import as_dtype
from tinygrad_np.errors import DtypeError, ShapeError
from tinygrad_np.ops.checks import check_tensor
from tinygrad_np.ops.shape import broadcast_to, reshape, transpose
from tinygrad_np.tensor.creation import new, sizes

if TYPE_CHECKING:
    from collections.abc import Callable

    from tinygrad_np.dtypes import DtypeLike
    from tinygrad_np.tensor.tensor import Tensor


def meshgrid(*tensors: Any, indexing: str = "ij") -> tuple[Tensor, ...]:
    """Coordinates of every point of a grid, one tensor for each axis: all of the grid's shape.

    Shapes: n vectors of sizes a, b, c... give n tensors of shape (a, b, c...); with
    `indexing="xy"`, (b, a, c...). Gradient: summed over the axes that repeat a vector.

    Raises
    ------
    RuntimeError
        If a tensor has more than one dimension, or the dtypes differ.

    >>> from tinygrad_np.tensor.creation import arange
    >>> x, y = meshgrid(arange(2), arange(3))
    >>> x, y
    (tensor([[0, 0, 0],
            [1, 1, 1]]), tensor([[0, 1, 2],
            [0, 1, 2]]))
    """
    given = tensors[0] if len(tensors) == 1 and isinstance(tensors[0], (list, tuple)) else tensors
    if not given:
        raise ShapeError("meshgrid: there is no axis to make a grid of: give at least one tensor")
    if indexing not in ("ij", "xy"):
        raise ShapeError(f"meshgrid: indexing must be 'ij' or 'xy', not {indexing!r}")
    for x in given:
        check_tensor("meshgrid", "each of the tensors", x)
        if x.ndim > 1:
            raise ShapeError(
                f"meshgrid: each axis is a vector or a number, not a tensor of shape "
                f"{tuple(x.shape)}"
            )
    if len({x.dtype for x in given}) > 1:
        raise DtypeError(f"meshgrid: dtypes must agree, and are {[str(x.dtype) for x in given]}")
    shape = tuple(x.array.size for x in given)
    grids = []
    for axis, x in enumerate(given):
        alone = [1] * len(shape)
        alone[axis] = shape[axis]
        grid = broadcast_to(reshape(x, alone), shape)
        grids.append(transpose(grid, 0, 1) if indexing == "xy" and len(shape) > 1 else grid)
    return tuple(grids)


def tril_indices(
    row: int,
    col: int,
    offset: int = 0,
    *,
    dtype: DtypeLike = np.int64,
    device: object = None,
) -> Tensor:
    """Rows and columns, as a (2, n) tensor, of the lower triangle of a `row` by `col` matrix.

    The triangle reaches `offset` diagonals above the main one.

    >>> tril_indices(2, 2)
    tensor([[0, 1, 1],
            [0, 0, 1]])
    """
    return _triangle("tril_indices", np.tril_indices, row, col, offset, dtype, device)


def triu_indices(
    row: int,
    col: int,
    offset: int = 0,
    *,
    dtype: DtypeLike = np.int64,
    device: object = None,
) -> Tensor:
    """Rows and columns, as a (2, n) tensor, of the upper triangle of a `row` by `col` matrix.

    The triangle starts `offset` diagonals above the main one.

    >>> triu_indices(2, 2)
    tensor([[0, 0, 1],
            [0, 1, 1]])
    """
    return _triangle("triu_indices", np.triu_indices, row, col, offset, dtype, device)


def _triangle(
    name: str,
    places: Callable[..., Any],
    row: int,
    col: int,
    offset: int,
    dtype: DtypeLike,
    device: object,
) -> Tensor:
    check_device(device)
    rows, columns = sizes((row, col), None, name)
    given = as_dtype(dtype)
    if given.kind == "f":
        raise DtypeError(f"{name}: places are integers; {given} is not an integer dtype")
    return new(np.stack(places(rows, offset, columns)).astype(given))
