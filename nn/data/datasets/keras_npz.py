"""The archive in which Keras hands out MNIST: ``mnist.npz`` with four arrays."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from nn.data.datasets.errors import DatasetError
from nn.data.datasets.idx import MAX_BYTES

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray


def read_npz(path: Path, *, train: bool) -> tuple[NDArray[Any], NDArray[Any]]:
    """Read ``x_train`` and ``y_train``, or ``x_test`` and ``y_test``.

    Returns
    -------
    images, labels : ndarray
        As stored: shapes, dtypes and values are the caller's to check.

    Raises
    ------
    DatasetError
        If the file is no such archive, is damaged, lacks an array or unpacks to more than 1 GiB.
    """
    import zlib  # noqa: PLC0415 - costly modules are imported where they are needed
    from zipfile import BadZipFile  # noqa: PLC0415 - 8 ms

    kind = "train" if train else "test"
    with path.open("rb") as file:
        if file.read(2) != b"PK":  # NumPy would take it for a pickle, and say so
            raise DatasetError(path, "not an npz archive")
        file.seek(0)
        try:
            # Never pickles: loading one runs whatever code its author put there.
            with np.load(file, allow_pickle=False) as archive:
                images = _member(archive, f"x_{kind}", path)
                labels = _member(archive, f"y_{kind}", path)
        except DatasetError:
            raise
        except (BadZipFile, zlib.error, EOFError, ValueError, MemoryError) as error:
            raise DatasetError(path, f"a truncated or damaged npz archive ({error})") from error
    return images, labels


def _member(archive: Any, name: str, path: Path) -> NDArray[Any]:
    if name not in archive.files:
        held = ", ".join(archive.files) or "nothing"
        raise DatasetError(path, f"no array {name!r}; the archive holds {held}")
    size = archive.zip.getinfo(f"{name}.npy").file_size
    if size > MAX_BYTES:
        raise DatasetError(path, f"{name!r} unpacks to {size:,} bytes; the limit is {MAX_BYTES:,}")
    array: NDArray[Any] = archive[name]
    return array
