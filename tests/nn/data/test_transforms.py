"""Transforms of one image and of a batch."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import tinygrad_np as tg
from nn.data.transforms import Compose, Lambda, Normalize, ToTensor

IMAGES = np.random.default_rng(0).integers(0, 256, (5, 4, 3), np.uint8)  # (N, H, W)


def test_bytes_become_numbers_from_0_to_1_as_division_gives_them() -> None:
    every = np.arange(256, dtype=np.uint8).reshape(16, 16)
    x = ToTensor()(every)
    assert x.shape == (1, 16, 16)
    assert x.dtype == np.float32
    np.testing.assert_array_equal(x.numpy()[0], every.astype(np.float32) / np.float32(255))


def test_floats_keep_their_numbers() -> None:
    image = np.linspace(0, 1, 6, dtype=np.float32).reshape(2, 3)
    np.testing.assert_array_equal(ToTensor()(image).numpy(), image[None])


def test_normalize_subtracts_means_and_divides_by_deviations_of_channels() -> None:
    x = tg.randn(7, 2, 4, 3, dtype=tg.float64)
    y = Normalize((0.5, -1.0), (2.0, 0.25))(x).numpy()
    mean, std = np.reshape([0.5, -1.0], (2, 1, 1)), np.reshape([2.0, 0.25], (2, 1, 1))
    np.testing.assert_allclose(y, (x.numpy() - mean) / std, atol=1e-14)
    assert Normalize([0.1], [0.3])(tg.ones(1, 2, 2)).dtype == np.float32


@pytest.mark.parametrize(
    "transform",
    [
        ToTensor(),
        Compose([ToTensor(), Normalize([0.1307], [0.3081])]),
        Lambda(lambda image: image[::-1].astype(np.float32)),
        Lambda(lambda image: float(image.sum())),
        Compose([Lambda(lambda image: image.T.copy()), ToTensor()]),
        Compose([]),
    ],
)
def test_a_batch_is_what_its_images_are(transform: Any) -> None:
    before = IMAGES.copy()
    batch = np.asarray(transform.batch(IMAGES))
    for image, row in zip(IMAGES, batch, strict=True):
        np.testing.assert_array_equal(np.asarray(transform(image)), row)
    np.testing.assert_array_equal(IMAGES, before)


def test_transforms_do_not_write_into_their_input() -> None:
    x = tg.ones(1, 2, 2)
    Normalize([0.5], [0.5])(x)
    np.testing.assert_array_equal(x.numpy(), np.ones((1, 2, 2)))


def test_what_cannot_be_normalized_is_refused() -> None:
    with pytest.raises(ValueError, match=r"a standard deviation is 0: \[1\.0, 0\.0\]"):
        Normalize([0.0, 0.0], [1.0, 0.0])
    with pytest.raises(ValueError, match="2 means and 1 standard deviations"):
        Normalize([0.0, 0.0], [1.0])
    for images in (IMAGES, tg.tensor(IMAGES)):
        with pytest.raises(TypeError, match=r"must be tensors of floats; apply ToTensor\(\) first"):
            Normalize([0.0], [1.0])(images)
    for shape in ((1, 4, 4), (4, 4), (4,)):
        with pytest.raises(tg.ShapeError, match=r"do not have 3 channels \(\.\.\., C, H, W\)"):
            Normalize([0.0] * 3, [1.0] * 3)(tg.ones(*shape))


@pytest.mark.parametrize("shape", [(4,), (4, 4, 3)])
def test_images_of_other_ranks_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(tg.ShapeError, match=r"an image needs shape \(H, W\), and has \(4,"):
        ToTensor()(np.zeros(shape, np.uint8))


def test_representation() -> None:
    shown = repr(Compose([ToTensor(), Normalize([0.5], [0.25]), Lambda(len)]))
    assert shown == "Compose(ToTensor(), Normalize(mean=[0.5], std=[0.25]), Lambda())"
