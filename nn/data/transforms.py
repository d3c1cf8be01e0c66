"""Transforms of images: from bytes to tensors, and to zero mean and unit variance.

Each is called on one image, or on a whole batch at once (`batch`), which is far faster.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

import tinygrad_np as tg
from nn.data.affine import RandomAffine as RandomAffine  # noqa: PLC0414 - meant for those who import this
from nn.data.collate import default_collate

if TYPE_CHECKING:
    from collections.abc import Sequence


class Transform(Protocol):
    """What works on one image and on a batch of them."""

    def __call__(self, image: Any) -> Any:
        """Transform one image."""

    def batch(self, images: Any) -> Any:
        """Transform a batch of images."""


class ToTensor:
    """Grey images `(H, W)` of bytes, 0 to 255, to float32 `(1, H, W)`, 0 to 1.

    Images of floats keep their numbers.

    >>> ToTensor()(np.full((28, 28), 255, np.uint8)).shape
    Size([1, 28, 28])
    """

    def __call__(self, image: Any) -> tg.Tensor:
        """Transform one image."""
        return self.batch(np.asarray(image)[None])[0]

    def batch(self, images: Any) -> tg.Tensor:
        """Transform `(N, H, W)` to `(N, 1, H, W)`."""
        array = np.asarray(images)
        if array.ndim != 3:
            raise tg.ShapeError(f"ToTensor: an image needs shape (H, W), and has {array.shape[1:]}")
        if array.dtype == np.uint8:
            array = array.astype(np.float32)  # faster than a division that converts on its way
            array /= 255
        return tg.from_numpy(array[:, None])

    def __repr__(self) -> str:
        return "ToTensor()"


class Normalize:
    """Subtract the mean and divide by the standard deviation, for each channel.

    >>> Normalize([0.5], [0.5])(tg.ones(1, 2, 2)).max()
    tensor(1.)
    """

    def __init__(self, mean: Sequence[float], std: Sequence[float]) -> None:
        if 0 in std:
            raise ValueError(f"Normalize: a standard deviation is 0: {list(std)}")
        if len(mean) != len(std):
            raise ValueError(f"Normalize: {len(mean)} means and {len(std)} standard deviations")
        self.mean, self.std = list(mean), list(std)

    def __call__(self, image: Any) -> tg.Tensor:
        """Transform one image."""
        return self.batch(image)

    def batch(self, images: Any) -> tg.Tensor:
        """Transform images `(..., C, H, W)`."""
        if not isinstance(images, tg.Tensor) or not images.is_floating_point():
            raise TypeError("Normalize: images must be tensors of floats; apply ToTensor() first")
        array = images.numpy()
        shape = (len(self.mean), 1, 1) if len(self.mean) > 1 else ()  # one number runs on
        if array.shape[-3:-2] != (len(self.mean),):
            raise tg.ShapeError(
                f"Normalize: images of shape {array.shape} do not have {len(self.mean)} channels "
                "(..., C, H, W)"
            )
        scale = (1 / np.reshape(self.std, shape)).astype(array.dtype)
        offset = np.reshape(self.mean, shape).astype(array.dtype) * scale
        out = array * scale
        out -= offset
        return tg.from_numpy(out)

    def __repr__(self) -> str:
        return f"Normalize(mean={self.mean}, std={self.std})"


class Lambda:
    """A function of one's own, called image by image.

    >>> Lambda(lambda x: x * 2)(3)
    6
    """

    def __init__(self, function: Any) -> None:
        self.function = function

    def __call__(self, image: Any) -> Any:
        """Transform one image."""
        return self.function(image)

    def batch(self, images: Any) -> Any:
        """Transform a batch, image by image."""
        return default_collate([self.function(image) for image in images])

    def __repr__(self) -> str:
        return "Lambda()"


class Compose:
    """Transforms one after the other.

    >>> Compose([ToTensor(), Normalize([0.1307], [0.3081])])(np.zeros((28, 28), np.uint8)).shape
    Size([1, 28, 28])
    """

    def __init__(self, transforms: Sequence[Transform]) -> None:
        self.transforms = list(transforms)

    def __call__(self, image: Any) -> Any:
        """Transform one image."""
        for transform in self.transforms:
            image = transform(image)
        return image

    def batch(self, images: Any) -> Any:
        """Transform a batch of images."""
        for transform in self.transforms:
            images = transform.batch(images)
        return images

    def __repr__(self) -> str:
        return f"Compose({', '.join(map(repr, self.transforms))})"
