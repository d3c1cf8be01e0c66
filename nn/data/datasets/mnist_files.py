"""MNIST as two plain arrays, from whatever files there are."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from nn.data.datasets.download import fetch, say
from nn.data.datasets.errors import DatasetError
from nn.data.datasets.idx import read_idx
from nn.data.datasets.kaggle_csv import read_csv
from nn.data.datasets.keras_npz import read_npz
from nn.data.datasets.locate import cache_folder, find, find_idx, not_found
from nn.data.datasets.source import MNIST

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from nn.data.datasets.source import IdxFile, Source

Digits = tuple["NDArray[np.uint8]", "NDArray[np.int64]"]


def read_mnist(root: str | Path | None, *, train: bool, download: bool) -> Digits:
    """Read the 60,000 training or the 10,000 test pictures of MNIST, with their labels.

    See `read_dataset`, which does the same for any dataset of this format.
    """
    return read_dataset(MNIST, root, train=train, download=download)


def read_dataset(source: Source, root: str | Path | None, *, train: bool, download: bool) -> Digits:
    """Read one split of a dataset in MNIST's format.

    Looks in `root`, then where the environment variable ``TINYGRAD_NP_DATA`` points, then in the
    user's cache folder, and takes the first that it finds: IDX files, raw or gzipped, in the
    folder itself, in ``mnist/`` or in ``MNIST/raw/``; Keras' ``mnist.npz``; Kaggle's CSV.
    Another number of pictures than the published one is accepted: a small excerpt is handy.

    Parameters
    ----------
    source : Source
        The dataset.
    root : str, Path or None
        A folder, or a file ending in ``.npz`` or ``.csv``. A table holds one split: under the name
        of the other split (``mnist_train.csv`` with ``train=False``), its neighbour is read.
    train : bool
        The training split, or the test split.
    download : bool
        Fetch what was not found, into ``root/mnist/`` or, without `root`, the cache folder. A bad
        file there is fetched again, once: from the cache it is removed, below `root` it is renamed
        to ``<name>.bad``, for it may be the user's own. Files anywhere else are left alone.

    Returns
    -------
    images : ndarray of uint8, (N, 28, 28)
        Pixels from 0, background, to 255, ink.
    labels : ndarray of int64, (N,)

    Raises
    ------
    FileNotFoundError
        If nothing was found; the message lists the places and what to do.
    DatasetError
        If a file is not what it should be.
    ConnectionError
        If no mirror could deliver a file.
    """
    split = source.train if train else source.test
    base = None if root is None else Path(root).expanduser()
    target = (base or cache_folder()) / source.folder
    found = find(source, base, train=train)
    if found is None:
        if not download:
            raise not_found(source, base, train=train)
        # One of the two may be there already, from a download that was interrupted.
        images_path, labels_path = (
            find_idx(target, file) or fetch(file, source.mirrors, target)
            for file in (split.images, split.labels)
        )
        found = images_path, labels_path

    images: NDArray[Any]
    labels: NDArray[Any]
    if isinstance(found, Path):
        images_path = labels_path = found
        if found.suffix.lower() == ".npz":
            images, labels = read_npz(found, train=train)
        else:
            images, labels = read_csv(found, shape=split.images.shape[1:])
    else:
        images_path, labels_path = found
        images = _read_part(images_path, split.images, source, target, download=download)
        labels = _read_part(labels_path, split.labels, source, target, download=download)
    _check_images(images, images_path, split.images.shape[1:])
    _check_labels(labels, labels_path, source.classes)
    if len(images) != len(labels):
        problem = f"{len(images):,} images ({images_path.name}), {len(labels):,} labels"
        raise DatasetError(labels_path, f"{problem}: the two do not belong together")
    return images, labels.astype(np.int64)


def _read_part(
    path: Path, file: IdxFile, source: Source, target: Path, *, download: bool
) -> NDArray[np.uint8]:
    """Read one IDX file; with `download`, fetch a bad one again if it was a download."""
    cache = cache_folder() / source.folder
    # In the cache, all is ours and must be as published. Elsewhere an excerpt is welcome, and
    # gzip's own checksum still finds damage.
    sha256 = file.sha256 if path.parent == cache else None
    try:
        return read_idx(path, ndim=len(file.shape), sha256=sha256)
    except DatasetError as error:
        if not download or path.parent not in (cache, target):
            raise
        say(f"{path}: {error.problem}; fetching it again")
    if path.parent == cache:
        path.unlink(missing_ok=True)  # another program may have been quicker
    else:
        path.replace(path.with_name(f"{path.name}.bad"))
    again = find_idx(path.parent, file) or fetch(file, source.mirrors, path.parent)
    return read_idx(again, ndim=len(file.shape), sha256=sha256)


def _check_images(images: NDArray[Any], path: Path, shape: tuple[int, ...]) -> None:
    if images.dtype != np.uint8 or images.shape[1:] != shape:
        found = f"images are {images.dtype} of shape {images.shape}"
        raise DatasetError(path, f"{found}, and should be uint8 of shape (N, {str(shape)[1:]}")
    if len(images) == 0:
        raise DatasetError(path, "it holds no images")


def _check_labels(labels: NDArray[Any], path: Path, classes: int) -> None:
    if labels.ndim != 1 or labels.dtype.kind not in "iu":
        found = f"labels are {labels.dtype} of shape {labels.shape}"
        raise DatasetError(path, f"{found}, and should be whole numbers of shape (N,)")
    wrong = np.flatnonzero((labels < 0) | (labels >= classes))
    if wrong.size:
        problem = (
            f"label {labels[wrong[0]]} at index {wrong[0]}; labels run from 0 to {classes - 1}"
        )
        raise DatasetError(path, problem)
