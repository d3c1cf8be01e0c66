"""Random affine maps of images: against the definition, place by place, and their statistics."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

import tinygrad_np as tg
from nn.data.transforms import Compose, Normalize, RandomAffine, ToTensor

IMAGES = np.random.default_rng(0).integers(0, 256, (6, 7, 5), np.uint8)  # (N, H, W)


def spot(size: int = 9) -> Any:
    """A bright place right of the centre."""
    image = np.zeros((size, size), np.float32)
    image[size // 2, -2] = 1.0
    return image


def by_definition(image: Any, draws: Any, interpolation: str) -> Any:
    """One image, place by place, by the inverse of turn · shear · scale."""
    angle, dx, dy, factor, shear_x, shear_y = draws
    a, sx, sy = (
        math.radians(angle),
        math.tan(math.radians(shear_x)),
        math.tan(math.radians(shear_y)),
    )
    turn = np.array([[math.cos(a), -math.sin(a)], [math.sin(a), math.cos(a)]])
    matrix = factor * turn @ np.array([[1, 0], [sy, 1]]) @ np.array([[1, sx], [0, 1]])
    height, width = image.shape
    middle = np.array([(width - 1) / 2, (height - 1) / 2])
    result = np.zeros(image.shape)

    def at(row: int, column: int) -> float:
        inside = 0 <= row < height and 0 <= column < width
        return float(image[row, column]) if inside else 0.0

    for row, column in np.ndindex(height, width):
        x, y = np.linalg.solve(matrix, np.array([column, row]) - middle - [dx, dy]) + middle
        if interpolation == "nearest":
            result[row, column] = at(round(y), round(x))
            continue
        top, left = math.floor(y), math.floor(x)
        down, right = y - top, x - left
        result[row, column] = (1 - down) * ((1 - right) * at(top, left) + right * at(top, left + 1))
        result[row, column] += down * (
            (1 - right) * at(top + 1, left) + right * at(top + 1, left + 1)
        )
    return result


@pytest.mark.parametrize("interpolation", ["nearest", "bilinear"])
def test_every_place_is_read_where_the_definition_says(interpolation: str) -> None:
    transform = RandomAffine(
        40, (0.2, 0.1), (0.7, 1.4), (-20, 10, -5, 15), interpolation=interpolation
    )
    low = np.array([-40, -0.2 * 5, -0.1 * 7, 0.7, -20, -5])
    high = np.array([40, 0.2 * 5, 0.1 * 7, 1.4, 10, 15])
    tg.manual_seed(3)
    u = tg.rand(len(IMAGES), 6, dtype=tg.float64).numpy()
    tg.manual_seed(3)
    found = transform.batch(IMAGES.astype(np.float64))
    for image, row, result in zip(IMAGES, u, found, strict=True):
        expected = by_definition(image, low + row * (high - low), interpolation)
        np.testing.assert_allclose(
            result, expected, atol=1e-2 if interpolation == "bilinear" else 0
        )


def test_directions() -> None:
    """Angles are clockwise, shifts go right and down, and the kind of the image stays."""
    turned = RandomAffine((90, 90))(spot())
    assert turned[-2, 4] == 1.0
    tg.manual_seed(0)
    for interpolation in ("nearest", "bilinear"):
        still = RandomAffine(0, interpolation=interpolation)
        np.testing.assert_array_equal(still.batch(IMAGES), IMAGES)
    larger = RandomAffine(0, scale=(2.0, 2.0), interpolation="bilinear")(np.pad(np.ones((3, 3)), 3))
    assert larger.sum() == pytest.approx(4 * 9, rel=0.1)
    assert RandomAffine(30).batch(IMAGES).dtype == np.uint8


def test_a_batch_is_what_its_images_are() -> None:
    for images in (IMAGES, tg.tensor(IMAGES[:, None].repeat(3, 1).astype(np.float32))):
        transform = RandomAffine(30, (0.1, 0.1), (0.8, 1.2), 10, interpolation="bilinear")
        tg.manual_seed(5)
        batch = transform.batch(images)
        assert type(batch) is type(images)
        tg.manual_seed(5)
        for i in range(len(images)):
            np.testing.assert_array_equal(np.asarray(transform(images[i])), np.asarray(batch[i]))


def test_images_of_a_batch_differ_and_a_seed_repeats_them() -> None:
    same = np.repeat(IMAGES[:1], 20, 0)
    transform = RandomAffine(20, (0.2, 0.2), interpolation="bilinear")
    tg.manual_seed(1)
    first = transform.batch(same)
    assert len({image.tobytes() for image in first}) == 20
    tg.manual_seed(1)
    np.testing.assert_array_equal(transform.batch(same), first)


def test_what_comes_in_from_outside() -> None:
    x = np.zeros((4, 4, 4), np.float32)
    found = RandomAffine(0, (1.0, 1.0), fill=7.0).batch(x)
    assert set(np.unique(found)) == {0.0, 7.0}


def test_bilinear_whole_numbers_come_back_whole() -> None:
    """Bytes and bools are mixed as floats; int32 as float64, which float32 would round up."""
    still = RandomAffine(0, interpolation="bilinear")
    for dtype in (np.bool_, np.int8, np.int32):
        top = 1 if dtype is np.bool_ else np.iinfo(dtype).max
        images = np.array([[[0, top], [top, 1]]], dtype)
        found = still.batch(images)
        assert found.dtype == dtype
        np.testing.assert_array_equal(found, images)


def test_what_has_no_share_in_a_place_does_not_spoil_it() -> None:
    images = np.ones((1, 4, 4))
    images[0, 1, 1], images[0, 2, 3] = np.inf, np.nan
    still = RandomAffine(0, interpolation="bilinear")
    np.testing.assert_array_equal(still.batch(images), images)
    tg.manual_seed(0)
    moved = RandomAffine(0, (0.2, 0.0), interpolation="bilinear").batch(images)
    assert np.isinf(moved[0, 1]).sum() == np.isnan(moved[0, 2]).sum() + 1 == 2  # two neighbours
    assert np.isfinite(moved[0, [0, 3]]).all()


@pytest.mark.parametrize("interpolation", ["nearest", "bilinear"])
def test_a_fill_that_the_images_cannot_hold_is_refused(interpolation: str) -> None:
    transform = RandomAffine((90, 90), interpolation=interpolation, fill=-1)
    with pytest.raises(tg.DtypeError, match="RandomAffine: fill=-1 lies outside of uint8"):
        transform.batch(IMAGES)
    assert transform.batch(IMAGES.astype(np.int16)).min() == -1


def test_a_number_of_numpy_is_a_number() -> None:
    assert RandomAffine(np.float32(5)).degrees == (-5.0, 5.0)


def test_it_works_in_a_pipeline_and_shows_itself() -> None:
    transform = Compose([RandomAffine(10), ToTensor(), Normalize([0.5], [0.5])])
    assert transform.batch(IMAGES).shape == (6, 1, 7, 5)
    assert repr(RandomAffine(10, (0.1, 0.2), (0.9, 1.1), 5, "bilinear", 1)) == (
        "RandomAffine(degrees=(-10.0, 10.0), translate=(0.1, 0.2), scale=(0.9, 1.1), "
        "shear=(-5.0, 5.0), interpolation=bilinear, fill=1)"
    )
    assert repr(RandomAffine((0, 90))) == "RandomAffine(degrees=(0.0, 90.0))"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"degrees": -1}, "one number of degrees must not be negative: -1"),
        ({"degrees": (1, -1)}, r"degrees must be a number or low and high, not \(1, -1\)"),
        ({"degrees": (1, 2, 3, 4)}, "degrees must be a number or low and high"),
        (
            {"translate": (0.1, 1.1)},
            r"translate must be two shares in \[0, 1\], of the width and of",
        ),
        ({"translate": (0.1,)}, "translate must be two shares"),
        ({"scale": (0, 1)}, r"scale must be two positive factors, low and high, not \(0, 1\)"),
        ({"scale": (2, 1)}, "scale must be two positive factors"),
        ({"shear": (1, 2, 4, 3)}, "shear must be a number or low and high"),
        ({"interpolation": "cubic"}, "interpolation must be 'nearest' or 'bilinear', not 'cubic'"),
    ],
)
def test_what_makes_no_sense_is_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        RandomAffine(**{"degrees": 0, **options})


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"translate": 0.1}, "translate must be numbers in a tuple, not 0.1"),
        ({"scale": 1.1}, "scale must be numbers in a tuple, not 1.1"),
        ({"degrees": None}, "degrees must be numbers in a tuple, not None"),
        ({"shear": "ab"}, "shear must be numbers in a tuple, not 'ab'"),
    ],
)
def test_what_is_no_range_is_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(TypeError, match=message):
        RandomAffine(**{"degrees": 0, **options})


def test_images_of_other_ranks_are_refused() -> None:
    with pytest.raises(
        tg.ShapeError, match=r"an image needs shape \(H, W\) or \(C, H, W\), and has"
    ):
        RandomAffine(0)(np.zeros(4))
