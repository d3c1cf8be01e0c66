"""MNIST as a table, the form of Kaggle: one row per picture, its label first, then its pixels."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from nn.data.datasets.errors import DatasetError
from nn.data.datasets.idx import MAX_BYTES

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

OTHER_TABLE = "If this is another table, move it elsewhere; if it is the right one, fetch it again"


def read_csv(path: Path, *, shape: tuple[int, ...]) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Read a table of ``label,pixel,pixel,...``, with a line of column names or without.

    60,000 rows take about a second.

    Parameters
    ----------
    path : Path
        The file.
    shape : tuple of int
        Shape of one picture, (28, 28) for MNIST.

    Returns
    -------
    images : ndarray of uint8, (N, *shape)
    labels : ndarray of uint8, (N,)

    Raises
    ------
    DatasetError
        If the file is empty, a web page, has other columns, or holds anything but whole numbers
        from 0 to 255.
    """
    size = path.stat().st_size
    if size > MAX_BYTES:
        raise DatasetError(path, f"{size:,} bytes; the limit is {MAX_BYTES:,}", OTHER_TABLE)
    try:
        table = _read_table(path, 1 + math.prod(shape))
    except DatasetError:
        raise
    except ValueError as error:  # from loadtxt, or from bytes that are no text
        reason = str(error).split(";")[0].rstrip(".")
        raise DatasetError(path, f"cannot be read as a table: {reason}", OTHER_TABLE) from error
    # A copy: what is left of the table would be no contiguous array.
    return table[:, 1:].copy().reshape(-1, *shape), table[:, 0].copy()


def _read_table(path: Path, columns: int) -> NDArray[np.uint8]:
    with path.open(encoding="utf-8-sig") as file:  # "-sig": Excel begins with a mark
        named = _has_column_names(file.readline(), columns, path)
        start = file.tell() if named else 0
        file.seek(start)
        if not file.readline().strip():
            raise DatasetError(path, "column names and no rows")
        file.seek(start)
        return np.loadtxt(file, dtype=np.uint8, delimiter=",", comments=None, ndmin=2)


def _has_column_names(first: str, columns: int, path: Path) -> bool:
    """Whether the first line names the columns; an error if it fits no such table at all."""
    if not first.strip():
        raise DatasetError(path, "the file is empty")
    if first.lstrip().startswith("<"):
        raise DatasetError(path, "a web page and not data: the server answered with an error")
    names = first.split(",")
    if len(names) != columns:
        problem = f"{len(names)} columns, and a label with its pixels makes {columns}"
        raise DatasetError(path, problem, OTHER_TABLE)
    label = names[0].strip().strip('"')
    if label.isdigit():
        return False
    if label.lower() != "label":
        raise DatasetError(path, f"its first column is {label!r}, and must be 'label'", OTHER_TABLE)
    return True
