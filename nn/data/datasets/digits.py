"""Datasets of grey 28×28 digits, held in memory as bytes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import tinygrad_np as tg
from nn.data.collate import default_collate
from nn.data.dataset import Dataset
from nn.data.datasets.locate import cache_folder
from nn.data.datasets.mnist_files import read_mnist
from nn.data.datasets.synthetic import cached_synthetic_digits
from nn.data.transforms import ToTensor

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray


class ImageDataset(Dataset):
    """Images `(N, H, W)` of bytes with a class label each; `data` and `targets` hold them all.

    A sample is `(transform(image), target_transform(label))`; without a transform, the image comes
    as `ToTensor` gives it.
    """

    classes: tuple[str, ...] = tuple(map(str, range(10)))

    def __init__(
        self,
        images: NDArray[np.uint8],
        labels: NDArray[np.int64],
        transform: Callable[[Any], Any] | None,
        target_transform: Callable[[Any], Any] | None,
    ) -> None:
        self.data, self.targets = tg.from_numpy(images), tg.from_numpy(labels)
        self.transform = transform or ToTensor()
        self.target_transform = target_transform

    def __len__(self) -> int:
        return len(self.targets)

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        image = self.transform(self.data.numpy()[index])
        label = int(self.targets.numpy()[index])
        return image, label if self.target_transform is None else self.target_transform(label)

    def batch(self, indices: NDArray[np.int64]) -> Any:
        """Give the collated samples at `indices`: one fancy index and one scaling, mostly."""
        read: Any = getattr(self.transform, "batch", None)
        if read is None or self.target_transform is not None:
            return default_collate([self[i] for i in indices.tolist()])
        images = read(self.data.numpy()[indices])
        return [images, tg.from_numpy(self.targets.numpy()[indices])]


class MNIST(ImageDataset):
    """Handwritten digits: 60,000 to train on, 10,000 to test with.

    Looked for in `root`, in the folder that TINYGRAD_NP_DATA names, in the user's cache folder, and
    then, with `download`, on the web. Read as IDX files, raw or gzipped, flat or in `MNIST/raw`; as
    `mnist.npz`; or as the CSV of Kaggle's digit recogniser.
    Source: Y. LeCun, C. Cortes and C. Burges, "The MNIST database of handwritten digits".

    Raises
    ------
    FileNotFoundError
        If it is nowhere; the message lists the places, and what to do.
    DatasetError
        If a file is damaged; the message names it, and what is wrong with it.
    """

    def __init__(
        self,
        root: str | Path | None = None,
        train: bool = True,
        transform: Callable[[Any], Any] | None = None,
        target_transform: Callable[[Any], Any] | None = None,
        download: bool = False,
    ) -> None:
        images, labels = read_mnist(root, train=train, download=download)
        super().__init__(images, labels, transform, target_transform)


class SyntheticDigits(ImageDataset):
    """Digits drawn by rule: strokes with varied shape, slant, thickness, place and noise.

    The same `n` and `seed` give the same digits. Drawn once, then kept in the user's cache folder.

    >>> digits = SyntheticDigits(100, seed=1)
    >>> len(digits), digits[0][0].shape
    (100, Size([1, 28, 28]))
    """

    def __init__(
        self,
        n: int = 60_000,
        seed: int = 0,
        transform: Callable[[Any], Any] | None = None,
        target_transform: Callable[[Any], Any] | None = None,
    ) -> None:
        images, labels = cached_synthetic_digits(n, seed, cache_folder())
        super().__init__(images, labels, transform, target_transform)
