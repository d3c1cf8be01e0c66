"""Where MNIST is looked for, what is read, and what happens to bad files."""

from __future__ import annotations

import gzip
import hashlib
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from nn.data.datasets import mnist_files
from nn.data.datasets.errors import DatasetError
from nn.data.datasets.idx import idx_header, payload_sha256, read_idx
from nn.data.datasets.locate import cache_folder, find_idx
from nn.data.datasets.mnist_files import read_dataset, read_mnist
from nn.data.datasets.source import MNIST, IdxFile, Source, Split

REAL = os.environ.get("TINYGRAD_NP_DATA")  # before the fixture below takes it away
SIZES = {"train": 5, "t10k": 3}


def idx(array: np.ndarray) -> bytes:
    return idx_header(array.shape) + array.tobytes()


def contents(split: str, seed: int = 0) -> dict[str, np.ndarray]:
    """The two arrays of a tiny split; another seed makes other digits."""
    rng = np.random.default_rng([seed, SIZES[split]])
    return {
        f"{split}-images-idx3-ubyte": rng.integers(0, 256, (SIZES[split], 28, 28), np.uint8),
        f"{split}-labels-idx1-ubyte": rng.integers(0, 10, SIZES[split], np.uint8),
    }


def tiny_split(split: str, *tables: str) -> Split:
    images, labels = (
        IdxFile(name, array.shape, hashlib.sha256(idx(array)).hexdigest())
        for name, array in contents(split).items()
    )
    return Split(images, labels, tables)


TINY = Source(
    name="Tiny",
    train=tiny_split("train", "mnist_train.csv", "train.csv"),
    test=tiny_split("t10k", "mnist_test.csv"),
    mirrors=("https://mirror.invalid/",),
    folder="mnist",
    folders=("", "mnist", "MNIST/raw"),
    archive="mnist.npz",
)
IMAGES, LABELS = "train-images-idx3-ubyte", "train-labels-idx1-ubyte"


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty home: no environment variable, and a cache folder of the test's own."""
    monkeypatch.delenv("TINYGRAD_NP_DATA", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "tinygrad_np" / "mnist"


@pytest.fixture
def fetched(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Downloads answered from memory; the list tells which files were asked for."""
    asked: list[Path] = []

    def fetch(file: IdxFile, mirrors: tuple[str, ...], folder: Path) -> Path:
        assert mirrors == TINY.mirrors
        asked.append(folder / f"{file.name}.gz")
        folder.mkdir(parents=True, exist_ok=True)
        everything = contents("train") | contents("t10k")
        asked[-1].write_bytes(gzip.compress(idx(everything[file.name])))
        return asked[-1]

    monkeypatch.setattr(mnist_files, "fetch", fetch)
    return asked


def fill(folder: Path, split: str = "train", seed: int = 0, suffix: str = ".gz") -> Path:
    """Write the two files of a split; gives the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, array in contents(split, seed).items():
        content = gzip.compress(idx(array)) if suffix.endswith(".gz") else idx(array)
        (folder / (name + suffix)).write_bytes(content)
    return folder


def fill_csv(path: Path, split: str, seed: int = 0) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    images, labels = contents(split, seed).values()
    table = np.column_stack([labels, images.reshape(len(labels), -1)])
    np.savetxt(path, table, fmt="%d", delimiter=",")
    return path


def fill_npz(path: Path, seed: int = 0) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    (a, b), (c, d) = contents("train", seed).values(), contents("t10k", seed).values()
    np.savez_compressed(path, x_train=a, y_train=b, x_test=c, y_test=d)
    return path


Pair = tuple[np.ndarray, np.ndarray]


def read(
    root: str | Path | None, *, train: bool = True, download: bool = False, source: Source = TINY
) -> Pair:
    return read_dataset(source, root, train=train, download=download)


def check(result: Pair, split: str = "train", seed: int = 0) -> None:
    images, labels = contents(split, seed).values()
    assert (result[0].dtype, result[1].dtype) == (np.uint8, np.int64)
    np.testing.assert_array_equal(result[0], images)
    np.testing.assert_array_equal(result[1], labels)


# --- layouts -----------------------------------------------------------------------------------


@pytest.mark.parametrize("sub", ["", "mnist", "MNIST/raw"])
@pytest.mark.parametrize("suffix", ["", ".gz"])
@pytest.mark.parametrize("split", ["train", "t10k"])
def test_idx_in_each_layout(tmp_path: Path, sub: str, suffix: str, split: str) -> None:
    fill(tmp_path / "data" / sub, split, suffix=suffix)
    check(read(tmp_path / "data", train=split == "train"), split)
    check(read(str(tmp_path / "data"), train=split == "train"), split)


@pytest.mark.parametrize("suffix", ["", ".gz"])
def test_historical_spelling(tmp_path: Path, suffix: str) -> None:
    fill(tmp_path / "data", suffix=suffix)
    for name in (IMAGES, LABELS):
        old = tmp_path / "data" / (name + suffix)
        old.rename(old.with_name(old.name.replace("-idx", ".idx")))
    check(read(tmp_path / "data"))


def test_a_folder_named_like_the_file_is_no_file(tmp_path: Path) -> None:
    fill(tmp_path)
    (tmp_path / IMAGES).mkdir()  # as some unpackers leave behind
    check(read(tmp_path))


@pytest.mark.parametrize("sub", ["", "mnist"])
def test_npz_and_csv_in_a_folder(tmp_path: Path, sub: str) -> None:
    fill_npz(tmp_path / "npz" / sub / "mnist.npz")
    check(read(tmp_path / "npz"))
    check(read(tmp_path / "npz", train=False), "t10k")
    fill_csv(tmp_path / "csv" / sub / "mnist_train.csv", "train")
    fill_csv(tmp_path / "csv" / sub / "mnist_test.csv", "t10k")
    check(read(tmp_path / "csv"))
    check(read(tmp_path / "csv", train=False), "t10k")
    fill_csv(tmp_path / "kaggle" / sub / "train.csv", "train")
    check(read(tmp_path / "kaggle"))


def test_idx_goes_before_npz_and_npz_before_csv(tmp_path: Path) -> None:
    fill_csv(tmp_path / "mnist_train.csv", "train", seed=1)
    check(read(tmp_path), seed=1)
    fill_npz(tmp_path / "mnist.npz", seed=2)
    check(read(tmp_path), seed=2)
    fill(tmp_path, seed=3)
    check(read(tmp_path), seed=3)


def test_a_path_straight_to_a_file(tmp_path: Path) -> None:
    check(read(fill_npz(tmp_path / "other.NPZ.npz")))
    check(read(fill_csv(tmp_path / "mine.csv", "t10k"), train=False), "t10k")
    # A table with the name of the other split stands for its neighbour.
    train = fill_csv(tmp_path / "mnist_train.csv", "train")
    test = fill_csv(tmp_path / "mnist_test.csv", "t10k")
    check(read(train, train=False), "t10k")
    check(read(test, train=True))


def test_home_is_expanded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in ("HOME", "USERPROFILE"):
        monkeypatch.setenv(variable, str(tmp_path))
    fill(tmp_path / "digits")
    check(read("~/digits"))


def test_an_excerpt_of_the_users_own_is_welcome(tmp_path: Path) -> None:
    for name, array in contents("train").items():
        (tmp_path / name).write_bytes(idx(array[:2]))
    images, labels = read(tmp_path)
    assert len(images) == len(labels) == 2


def test_a_relative_of_mnist_is_one_more_record(tmp_path: Path) -> None:
    fashion = TINY._replace(name="Fashion", folder="fashion", folders=("fashion",), archive=None)
    fill(tmp_path, seed=1)  # MNIST itself, with the same names
    with pytest.raises(FileNotFoundError, match=r"Fashion \(training split\) not found"):
        read(tmp_path, source=fashion)
    fill(tmp_path / "fashion")
    check(read(tmp_path, source=fashion))


# --- order of the search -----------------------------------------------------------------------


def test_root_then_variable_then_cache(
    tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(cache)
    check(read(tmp_path / "root"))
    check(read(None))
    monkeypatch.setenv("TINYGRAD_NP_DATA", str(fill(tmp_path / "variable", seed=1)))
    check(read(tmp_path / "root"), seed=1)
    check(read(None), seed=1)
    fill(tmp_path / "root", seed=2)
    check(read(tmp_path / "root"), seed=2)
    check(read(None), seed=1)


def test_no_download_where_there_is_a_copy(
    tmp_path: Path, fetched: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TINYGRAD_NP_DATA", str(fill(tmp_path / "variable", seed=1)))
    check(read(tmp_path / "root", download=True), seed=1)
    assert fetched == []
    assert not (tmp_path / "root").exists()


def test_the_variable_may_name_a_file_and_an_empty_one_counts_for_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TINYGRAD_NP_DATA", str(fill_npz(tmp_path / "m.npz", seed=1)))
    check(read(None), seed=1)
    monkeypatch.setenv("TINYGRAD_NP_DATA", "")
    with pytest.raises(FileNotFoundError, match="TINYGRAD_NP_DATA: not set"):
        read(None)


@pytest.mark.parametrize(
    ("platform", "variables", "expected"),
    [
        ("linux", {}, ".cache/tinygrad_np"),
        ("linux", {"XDG_CACHE_HOME": "relative"}, ".cache/tinygrad_np"),
        ("darwin", {}, "Library/Caches/tinygrad_np"),
        ("win32", {}, "AppData/Local/tinygrad_np"),
        ("win32", {"LOCALAPPDATA": "D:/Local"}, "D:/Local/tinygrad_np"),
    ],
)
def test_cache_folder_of_each_system(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    platform: str,
    variables: dict[str, str],
    expected: str,
) -> None:
    monkeypatch.setattr(Path, "home", lambda: tmp_path)
    monkeypatch.setattr(sys, "platform", platform)
    for name in ("XDG_CACHE_HOME", "LOCALAPPDATA"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert cache_folder() in (tmp_path / expected, Path(expected))


def test_nothing_found_says_where_and_what_to_do(
    tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TINYGRAD_NP_DATA", str(tmp_path / "variable"))
    (tmp_path / "variable").mkdir()
    with pytest.raises(FileNotFoundError, match=r"Tiny \(training split\) not found") as caught:
        read(tmp_path / "absent")
    message = str(caught.value)
    for part in (
        f"root:             {tmp_path / 'absent'} (does not exist)",
        f"TINYGRAD_NP_DATA: {tmp_path / 'variable'}\n",
        f"cache folder:     {cache.parent} (does not exist)",
        "In each of them: the folder itself, mnist/, MNIST/raw/.",
        "pass download=True;",
        f"put {IMAGES} and {LABELS}, raw or .gz, there (or mnist.npz or mnist_train.csv",
        "set the environment variable TINYGRAD_NP_DATA",
    ):
        assert part in message
    with pytest.raises(FileNotFoundError, match=r"root: +not set\n"):
        read(None)
    with pytest.raises(FileNotFoundError, match=r"Tiny \(test split\) not found"):
        read(None, train=False)


@pytest.mark.parametrize(("gone", "left"), [(IMAGES, LABELS), (LABELS, IMAGES)])
def test_half_a_pair_is_pointed_out(tmp_path: Path, gone: str, left: str) -> None:
    (fill(tmp_path / "mnist") / f"{gone}.gz").unlink()
    with pytest.raises(FileNotFoundError, match=rf"{left}\.gz is there, {gone} is not"):
        read(tmp_path)


def test_a_named_file_that_is_not_there_is_an_error_at_once(tmp_path: Path, cache: Path) -> None:
    fill(cache)
    with pytest.raises(FileNotFoundError, match=r"mnist\.npz: no file there with Tiny \(training"):
        read(tmp_path / "mnist.npz", download=True)
    only = fill_csv(tmp_path / "mnist_train.csv", "train")
    with pytest.raises(FileNotFoundError, match=r"train\.csv: no file there with Tiny \(test"):
        read(only, train=False)


def test_a_single_idx_file_is_no_root(tmp_path: Path) -> None:
    path = fill(tmp_path) / f"{IMAGES}.gz"
    with pytest.raises(
        DatasetError, match=r"a single file, of a kind .* Give the folder that hold"
    ):
        read(path)


# --- downloads and bad files -------------------------------------------------------------------


def test_download_goes_to_root_if_given_and_to_the_cache_if_not(
    tmp_path: Path, cache: Path, fetched: list[Path]
) -> None:
    check(read(tmp_path / "root", download=True))
    folder = tmp_path / "root" / "mnist"
    assert fetched == [folder / f"{IMAGES}.gz", folder / f"{LABELS}.gz"]
    check(read(tmp_path / "root", download=False))
    fetched.clear()
    check(read(None, train=False, download=True), "t10k")
    assert {path.parent for path in fetched} == {cache}
    fetched.clear()
    check(read(None, train=False, download=True), "t10k")
    assert fetched == []


def test_an_interrupted_download_goes_on_where_it_stopped(cache: Path, fetched: list[Path]) -> None:
    (fill(cache) / f"{LABELS}.gz").unlink()
    check(read(None, download=True))
    assert fetched == [cache / f"{LABELS}.gz"]


SPOILED = {
    "truncated": lambda good: good[:-20],
    "web page": lambda _: b"<html>503</html>",
    "empty": lambda _: b"",
    "not gzip": lambda good: b"junk" + good,
}


@pytest.mark.parametrize("case", SPOILED)
@pytest.mark.parametrize("name", [IMAGES, LABELS])
@pytest.mark.parametrize("place", ["cache", "root"])
def test_a_bad_download_is_named_and_fetched_again(
    tmp_path: Path,
    cache: Path,
    fetched: list[Path],
    capsys: pytest.CaptureFixture[str],
    place: str,
    name: str,
    case: str,
) -> None:
    root = tmp_path / "root" if place == "root" else None
    folder = tmp_path / "root" / "mnist" if place == "root" else cache
    bad = fill(folder) / f"{name}.gz"
    bad.write_bytes(SPOILED[case](bad.read_bytes()))
    spoiled = bad.read_bytes()
    with pytest.raises(DatasetError, match=f"{name}.*remove it and pass download=True"):
        read(root)
    assert bad.read_bytes() == spoiled
    check(read(root, download=True))
    assert fetched == [bad]
    err = capsys.readouterr().err
    assert f"{bad}: " in err
    assert err.endswith("; fetching it again\n")
    # The cache is ours; below root the bad file may be the user's own, and is kept.
    kept = bad.with_name(bad.name + ".bad")
    assert kept.exists() == (place == "root")
    if place == "root":
        assert kept.read_bytes() == spoiled


def test_in_the_cache_the_checksum_counts(cache: Path, fetched: list[Path]) -> None:
    fill(cache, seed=1)  # sound files, and not the published ones
    with pytest.raises(DatasetError, match="SHA-256 of its content"):
        read(None)
    check(read(None, download=True))
    assert len(fetched) == 2


def test_a_bad_raw_copy_gives_way_to_a_good_archive(cache: Path, fetched: list[Path]) -> None:
    (fill(cache) / IMAGES).write_bytes(b"\0\0\x08\x03")
    check(read(None, download=True))
    assert fetched == []
    assert not (cache / IMAGES).exists()


def test_it_is_fetched_again_once(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bad = fill(cache) / f"{IMAGES}.gz"
    bad.write_bytes(b"")
    calls = []

    def fetch(file: IdxFile, _mirrors: tuple[str, ...], _folder: Path) -> Path:
        calls.append(file.name)
        bad.write_bytes(b"")
        return bad

    monkeypatch.setattr(mnist_files, "fetch", fetch)
    with pytest.raises(DatasetError, match="the file is empty"):
        read(None, download=True)
    assert calls == [IMAGES]


@pytest.mark.parametrize("sub", ["", "MNIST/raw"])
def test_a_users_own_bad_file_is_left_alone(
    tmp_path: Path, fetched: list[Path], monkeypatch: pytest.MonkeyPatch, sub: str
) -> None:
    bad = fill(tmp_path / "own" / sub) / f"{IMAGES}.gz"
    bad.write_bytes(b"<html>")
    with pytest.raises(DatasetError, match="a web page and not data"):
        read(tmp_path / "own", download=True)
    monkeypatch.setenv("TINYGRAD_NP_DATA", str(tmp_path / "own"))
    with pytest.raises(DatasetError, match="a web page and not data"):
        read(None, download=True)
    assert bad.read_bytes() == b"<html>"
    assert fetched == []


def test_bad_tables_are_left_alone_even_in_the_cache(cache: Path, fetched: list[Path]) -> None:
    cache.mkdir(parents=True)
    bad = cache / "mnist.npz"
    bad.write_bytes(b"<html>")
    with pytest.raises(DatasetError, match="not an npz archive"):
        read(None, download=True)
    assert bad.exists()
    assert fetched == []


# --- contents that do not fit ------------------------------------------------------------------


def test_counts_must_agree(tmp_path: Path) -> None:
    fill(tmp_path)
    (tmp_path / f"{LABELS}.gz").write_bytes(idx(np.zeros(4, np.uint8)))
    message = rf"{LABELS}\.gz: 5 images \({IMAGES}\.gz\), 4 labels: the two do not belong together"
    with pytest.raises(DatasetError, match=message):
        read(tmp_path)


def test_images_must_have_the_size(tmp_path: Path) -> None:
    fill(tmp_path)
    (tmp_path / f"{IMAGES}.gz").write_bytes(idx(np.zeros((5, 32, 32), np.uint8)))
    message = r"uint8 of shape \(5, 32, 32\), and should be uint8 of shape \(N, 28, 28\)"
    with pytest.raises(DatasetError, match=message):
        read(tmp_path)


def test_there_must_be_images(tmp_path: Path) -> None:
    fill(tmp_path)
    (tmp_path / f"{IMAGES}.gz").write_bytes(idx(np.zeros((0, 28, 28), np.uint8)))
    with pytest.raises(DatasetError, match="it holds no images"):
        read(tmp_path)


def test_labels_must_be_digits(tmp_path: Path) -> None:
    fill(tmp_path)
    (tmp_path / f"{LABELS}.gz").write_bytes(idx(np.array([0, 1, 10, 3, 11], np.uint8)))
    with pytest.raises(DatasetError, match="label 10 at index 2; labels run from 0 to 9"):
        read(tmp_path)


@pytest.mark.parametrize(
    ("images", "labels", "message"),
    [
        (np.zeros((2, 28, 28)), np.zeros(2, int), r"images are float64 of shape \(2, 28, 28\)"),
        (np.zeros((2, 784), np.uint8), np.zeros(2, int), r"images are uint8 of shape \(2, 784\)"),
        (np.uint8(3), np.zeros(2, int), r"images are uint8 of shape \(\)"),
        (np.zeros((2, 28, 28), np.uint8), np.eye(2), r"labels are float64 of shape \(2, 2\)"),
        (np.zeros((2, 28, 28), np.uint8), np.array([0, -1]), "label -1 at index 1"),
    ],
)
def test_arrays_of_an_archive_are_checked_too(
    tmp_path: Path, images: np.ndarray, labels: np.ndarray, message: str
) -> None:
    np.savez(tmp_path / "mnist.npz", x_train=images, y_train=labels)
    with pytest.raises(DatasetError, match=message):
        read(tmp_path)


# --- the library, and the real data ------------------------------------------------------------


def test_import_brings_no_network_and_no_archives() -> None:
    code = (
        "import sys, numpy.random; before = set(sys.modules)\n"
        "import nn.data.datasets.mnist_files\n"
        "costly = {'urllib.request', 'http.client', 'ssl', 'socket', 'hashlib', 'gzip', 'tqdm',"
        " 'zipfile', 'csv'}\n"
        "assert not costly & (set(sys.modules) - before), costly & (set(sys.modules) - before)\n"
    )
    root = Path(__file__).parents[3]
    subprocess.run([sys.executable, "-c", code], cwd=root, check=True)


def test_real_mnist(monkeypatch: pytest.MonkeyPatch) -> None:
    if REAL is None:
        pytest.skip("the real MNIST is not here: TINYGRAD_NP_DATA is not set")
    monkeypatch.setenv("TINYGRAD_NP_DATA", REAL)
    counts = {
        True: [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949],
        False: [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009],
    }
    for train, split in ((True, MNIST.train), (False, MNIST.test)):
        images, labels = read_mnist(None, train=train, download=False)
        assert images.shape == split.images.shape
        assert labels.shape == split.labels.shape
        assert np.bincount(labels).tolist() == counts[train]
        assert payload_sha256(images) == split.images.sha256
        assert payload_sha256(labels.astype(np.uint8)) == split.labels.sha256
    # The mean and the deviation that every example normalises with.
    images, _ = read_mnist(None, train=True, download=False)
    assert abs(images.mean() / 255 - 0.1307) < 1e-4
    assert abs(images.std() / 255 - 0.3081) < 1e-4


def test_real_files_have_the_published_checksums() -> None:
    if REAL is None:
        pytest.skip("the real MNIST is not here: TINYGRAD_NP_DATA is not set")
    for file in (MNIST.test.images, MNIST.test.labels):
        folders = [Path(REAL) / sub for sub in MNIST.folders]
        path = next(filter(None, (find_idx(folder, file) for folder in folders)), None)
        if path is None:
            pytest.skip("the real MNIST is there in another format than IDX")
        assert read_idx(path, ndim=len(file.shape), sha256=file.sha256).shape == file.shape
        size = len(gzip.decompress(path.read_bytes())) if path.suffix == ".gz" else None
        assert size in (None, file.nbytes)
