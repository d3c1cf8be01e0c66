"""Digits drawn by a program: what a seed promises, what the images look like, the cache."""

from __future__ import annotations

from typing import IO, TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pytest

from nn.data.datasets import synthetic
from nn.data.datasets.strokes import HANDWRITINGS, handwritings
from nn.data.datasets.synthetic import cached_synthetic_digits, synthetic_digits

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

Digits = tuple[npt.NDArray[np.uint8], npt.NDArray[np.int64]]


@pytest.fixture(scope="module")
def digits() -> Digits:
    return synthetic_digits(2000, seed=0)


# --- handwritings ---


def test_each_digit_has_several_handwritings() -> None:
    table = handwritings(samples=96)
    assert len(HANDWRITINGS) == 10
    assert np.bincount(table.digit).min() >= 5
    np.testing.assert_allclose(np.bincount(table.digit, weights=table.share), 1)


def test_a_curve_keeps_to_its_control_points_wherever_they_move() -> None:
    table = handwritings(samples=96)
    np.testing.assert_allclose(table.basis.sum(axis=2), 1, atol=1e-5)  # moving all moves the curve
    curve = table.basis @ table.points
    used = np.any(table.basis != 0, axis=1)  # (V, P): the rest is padding
    apart = np.linalg.norm(table.points[:, :, None] - curve[:, None], axis=-1).min(axis=2)
    assert apart[used].max() < 0.04  # half of the distance between two samples


def test_samples_are_evenly_spaced_and_the_pen_is_lifted_between_strokes() -> None:
    table = handwritings(samples=96)
    curve = table.basis @ table.points
    step = np.linalg.norm(np.diff(curve, axis=1), axis=2)
    for moves, down in zip(step, table.down.astype(bool), strict=True):
        assert moves[down].max() < 2 * np.median(moves)
    lifted = [path for row in HANDWRITINGS for _, path in row if "|" in path]
    assert np.sum(np.any(table.down == 0, axis=1)) == len(lifted)


# --- images ---


def test_shapes_dtypes_and_range(digits: Digits) -> None:
    images, labels = digits
    assert images.shape == (2000, 28, 28)
    assert images.dtype == np.uint8
    assert labels.shape == (2000,)
    assert labels.dtype == np.int64
    assert images.flags.c_contiguous
    assert np.all(images.max(axis=(1, 2)) > 128)  # each has ink
    assert np.all(images[:, [0, 0, -1, -1], [0, -1, 0, -1]] == 0)  # and black corners


@pytest.mark.parametrize(
    ("n", "counts"), [(0, [0] * 10), (3, [1] * 3 + [0] * 7), (1210, [121] * 10)]
)
def test_labels_are_balanced(n: int, counts: list[int]) -> None:
    images, labels = synthetic_digits(n)
    assert images.shape == (n, 28, 28)
    assert np.bincount(labels, minlength=10).tolist() == counts


def test_labels_are_shuffled(digits: Digits) -> None:
    labels = digits[1]
    assert set(labels[:100].tolist()) == set(range(10))
    assert not np.array_equal(labels[:10], np.arange(10))
    assert np.mean(labels[1:] == labels[:-1]) < 0.2


def test_one_seed_draws_the_same_again(digits: Digits) -> None:
    images, labels = synthetic_digits(np.int32(2000), seed=0)
    np.testing.assert_array_equal(images, digits[0])
    np.testing.assert_array_equal(labels, digits[1])


def test_drawing_leaves_the_global_generator_alone() -> None:
    before = np.random.get_state()[1].copy()  # noqa: NPY002 - the legacy state is what is watched
    synthetic_digits(10)
    np.testing.assert_array_equal(np.random.get_state()[1], before)  # noqa: NPY002 - the global state is what is tested


def test_another_seed_draws_other_digits(digits: Digits) -> None:
    images, labels = synthetic_digits(2000, seed=1)
    assert np.any(labels != digits[1])
    for digit in range(10):
        assert np.any(images[labels == digit] != digits[0][digits[1] == digit])


def test_no_two_images_are_equal(digits: Digits) -> None:
    assert len(np.unique(digits[0].reshape(2000, -1), axis=0)) == 2000


def test_chunks_differ(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(synthetic, "_CHUNK", 10)
    images, labels = synthetic_digits(20)
    assert np.any(images[:10][np.argsort(labels[:10])] != images[10:][np.argsort(labels[10:])])


def test_digits_are_centred_by_mass_and_as_large_as_those_of_mnist(digits: Digits) -> None:
    ink = digits[0] / 255.0
    pixel = np.arange(28)
    for axis in (1, 2):
        profile = ink.sum(axis=axis)
        centre = profile @ pixel / profile.sum(axis=1)
        assert np.abs(centre - 14).max() < 2.5
        assert abs(centre.mean() - 14) < 0.1
    rows, columns = (np.any(ink > 0.5, axis=axis).sum(axis=1) for axis in (2, 1))
    extent = np.maximum(rows, columns)
    assert extent.min() >= 17
    assert extent.max() <= 23
    assert 0.10 < ink.mean() < 0.16  # MNIST: 0.13


def test_edges_are_antialiased(digits: Digits) -> None:
    images = digits[0]
    grey = np.mean((images > 0) & (images < 230)) / np.mean(images > 0)
    assert 0.3 < grey < 0.8


def test_a_nearest_centroid_tells_the_digits_of_another_seed(digits: Digits) -> None:
    images, labels = digits
    flat = images.reshape(2000, -1) / 255.0
    centroids = np.stack([flat[labels == digit].mean(axis=0) for digit in range(10)])
    drawn, truth = synthetic_digits(1000, seed=7)
    others = drawn.reshape(1000, -1) / 255.0
    # |x - c|² without |x|², which is the same for all c
    nearest = np.argmin((centroids**2).sum(axis=1) - 2 * others @ centroids.T, axis=1)
    recall = [np.mean(nearest[truth == digit] == digit) for digit in range(10)]
    assert np.mean(recall) > 0.6  # a guess would be right once in ten
    assert min(recall) > 0.35


# --- arguments ---


@pytest.mark.parametrize(
    "draw", [synthetic_digits, lambda n, s: cached_synthetic_digits(n, s, ".")]
)
def test_arguments_are_checked(draw: Callable[..., Digits]) -> None:
    with pytest.raises(ValueError, match="n must be 0 or more, got -1"):
        draw(-1, 0)
    with pytest.raises(TypeError, match="n must be an int, got float"):
        draw(10.0, 0)
    with pytest.raises(ValueError, match="seed must be 0 or more, got -2"):
        draw(10, -2)
    with pytest.raises(TypeError, match="seed must be an int, got str"):
        draw(10, "0")


# --- cache ---


def _refuse(n: int, seed: int) -> Digits:
    raise AssertionError(f"drew {n} digits of seed {seed} although they are stored")


def test_cache_round_trip(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "made" / "for it"
    images, labels = cached_synthetic_digits(30, 4, folder)
    (file,) = folder.iterdir()  # and no temporary file is left
    assert file.name == f"synthetic_digits_v{synthetic.VERSION}_n30_seed4.npz"
    monkeypatch.setattr(synthetic, "synthetic_digits", _refuse)
    for array, again in zip((images, labels), cached_synthetic_digits(30, 4, folder), strict=True):
        np.testing.assert_array_equal(again, array)
        assert again.dtype == array.dtype
        assert again.flags.writeable


def test_cache_keeps_seeds_and_sizes_and_versions_apart(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cached_synthetic_digits(10, 0, tmp_path)
    cached_synthetic_digits(10, 1, str(tmp_path))
    cached_synthetic_digits(11, 0, tmp_path)
    monkeypatch.setattr(synthetic, "VERSION", synthetic.VERSION + 1)
    cached_synthetic_digits(10, 0, tmp_path)
    assert len(list(tmp_path.iterdir())) == 4


def _damage(file: Path, kind: str) -> None:
    whole = file.read_bytes()
    middle = len(whole) // 2
    raw = {
        "empty": b"",
        "no archive": b"not an archive",
        "cut": whole[:middle],
        "flipped": whole[:middle] + bytes([whole[middle] ^ 255]) + whole[middle + 1 :],
    }
    images, labels = np.zeros((30, 28, 28), np.uint8), np.zeros(30, np.int64)
    archive = {
        "wrong names": {"x": images, "y": labels},
        "wrong shape": {"images": images[1:], "labels": labels[1:]},
        "wrong labels": {"images": images, "labels": labels[1:]},
        "wrong dtype": {"images": images / 255, "labels": labels},
        "float labels": {"images": images, "labels": labels / 1},
        "pickled": {"images": np.array([None]), "labels": np.array([None])},
    }
    if kind in raw:
        file.write_bytes(raw[kind])
    elif kind in archive:
        np.savez(file, **archive[kind])
    else:
        with file.open("wb") as stream:
            np.save(stream, labels)


DAMAGE = ["empty", "no archive", "cut", "flipped", "one array"]
DAMAGE += ["wrong names", "wrong shape", "wrong labels", "wrong dtype", "float labels", "pickled"]


@pytest.mark.parametrize("kind", DAMAGE)
def test_a_damaged_cache_is_drawn_again(tmp_path: Path, kind: str) -> None:
    images, labels = cached_synthetic_digits(30, 0, tmp_path)
    (file,) = tmp_path.iterdir()
    whole = file.stat().st_size
    _damage(file, kind)
    again = cached_synthetic_digits(30, 0, tmp_path)
    np.testing.assert_array_equal(again[0], images)
    np.testing.assert_array_equal(again[1], labels)
    assert [path.stat().st_size for path in tmp_path.iterdir()] == [whole]  # and stored anew


def test_a_folder_that_cannot_be_written_is_left_alone(tmp_path: Path) -> None:
    no_folder = tmp_path / "file"
    no_folder.write_text("in the way")
    for folder in (no_folder, no_folder / "below"):
        images, _ = cached_synthetic_digits(10, 0, folder)
        np.testing.assert_array_equal(images, synthetic_digits(10)[0])
    assert no_folder.read_text() == "in the way"


def test_a_full_disk_leaves_no_file_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(file: IO[bytes], **_: object) -> None:
        file.write(b"half of it")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(np, "savez_compressed", full)
    images, _ = cached_synthetic_digits(10, 0, tmp_path)
    np.testing.assert_array_equal(images, synthetic_digits(10)[0])
    assert list(tmp_path.iterdir()) == []
