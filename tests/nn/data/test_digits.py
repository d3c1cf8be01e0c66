"""The datasets as users meet them: samples, batches, transforms."""

from __future__ import annotations

import copy
import pickle
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

import tinygrad_np as tg
from nn.data import DataLoader, Subset, default_collate
from nn.data.datasets import MNIST, DatasetError, SyntheticDigits
from nn.data.transforms import Compose, Lambda, Normalize, ToTensor

if TYPE_CHECKING:
    from pathlib import Path

RNG = np.random.default_rng(0)
ARRAYS = {
    "x_train": RNG.integers(0, 256, (12, 28, 28), np.uint8),
    "y_train": np.arange(12, dtype=np.uint8) % 10,
    "x_test": RNG.integers(0, 256, (5, 28, 28), np.uint8),
    "y_test": np.arange(5, dtype=np.uint8),
}


@pytest.fixture(autouse=True)
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Folder with a small MNIST, and an empty cache."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("TINYGRAD_NP_DATA", raising=False)
    folder = tmp_path / "data"
    folder.mkdir()
    np.savez(folder / "mnist.npz", **ARRAYS)
    return folder


def test_mnist_samples_are_scaled_images_and_int_labels(root: Path) -> None:
    train, test = MNIST(root), MNIST(root, train=False)
    assert (len(train), len(test)) == (12, 5)
    image, label = train[11]
    assert image.shape == (1, 28, 28)
    np.testing.assert_array_equal(
        image.numpy()[0], ARRAYS["x_train"][11].astype("f4") / np.float32(255)
    )
    assert type(label) is int
    assert label == 1
    assert train.data.shape == (12, 28, 28)
    assert train.data.dtype == np.uint8
    assert train.targets.dtype == np.int64
    assert train.classes == tuple("0123456789")
    with pytest.raises(IndexError):
        train[12]


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"transform": Compose([ToTensor(), Normalize([0.1307], [0.3081])])},
        {"transform": lambda image: tg.tensor(image.astype(np.float32)).flatten()},
        {"transform": Lambda(lambda image: image.astype(np.float32) * 2)},
        {"target_transform": lambda label: label * 10},
    ],
    ids=["default", "composed", "function", "lambda", "target"],
)
def test_batches_are_what_the_samples_are(root: Path, options: dict[str, Any]) -> None:
    dataset = MNIST(root, **options)
    for data in (dataset, Subset(dataset, [3, 1, 4, 1, 5])):
        fast = list(DataLoader(data, 4))
        slow = list(DataLoader(data, 4, collate_fn=default_collate))
        for batch, expected in zip(fast, slow, strict=True):
            for a, b in zip(batch, expected, strict=True):
                assert a.dtype == b.dtype
                np.testing.assert_array_equal(a.numpy(), b.numpy())


def test_samples_of_a_subclass_reach_the_batch(root: Path) -> None:
    class Indexed(MNIST):
        def __getitem__(self, index: int) -> Any:
            return index, super().__getitem__(index)[1]

    index, label = next(iter(DataLoader(Indexed(root), 3)))
    assert index.tolist() == label.tolist() == [0, 1, 2]


@pytest.mark.parametrize("duplicate", [copy.deepcopy, lambda d: pickle.loads(pickle.dumps(d))])
def test_a_dataset_can_be_copied_and_pickled(root: Path, duplicate: Any) -> None:
    dataset = MNIST(root)
    twin = duplicate(dataset)
    (x, _), (y, _) = next(iter(DataLoader(dataset, 12))), next(iter(DataLoader(twin, 12)))
    np.testing.assert_array_equal(x.numpy(), y.numpy())
    assert not np.shares_memory(twin.data.numpy(), dataset.data.numpy())


def test_missing_and_damaged_files_are_told_apart(root: Path) -> None:
    with pytest.raises(FileNotFoundError, match="pass download=True"):
        MNIST(root.parent)
    (root / "mnist.npz").write_bytes(b"PK but not a zip")
    with pytest.raises(DatasetError, match=r"mnist\.npz: "):
        MNIST(root)


def test_synthetic_digits_are_drawn_once_and_then_read(tmp_path: Path) -> None:
    digits = SyntheticDigits(30, seed=3)
    assert len(digits) == 30
    assert np.bincount(digits.targets.numpy()).tolist() == [3] * 10
    image, label = digits[0]
    assert image.shape == (1, 28, 28)
    assert 0 < image.mean().item() < 0.5
    assert label in range(10)
    (file,) = (tmp_path / "cache" / "tinygrad_np").glob("*n30_seed3.npz")
    changed = digits.data.numpy()[::-1].copy()
    np.savez(file, images=changed, labels=digits.targets.numpy())
    np.testing.assert_array_equal(SyntheticDigits(30, seed=3).data.numpy(), changed)
    assert (SyntheticDigits(30, seed=4).data.numpy() != digits.data.numpy()).any()


def test_synthetic_digits_take_transforms() -> None:
    digits = SyntheticDigits(
        10, transform=lambda image: int(image.max()), target_transform=lambda label: -label
    )
    top, label = digits[0]
    assert 200 < top < 256
    assert -9 <= label <= 0
