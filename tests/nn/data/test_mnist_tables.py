"""MNIST as Keras' archive and as Kaggle's table."""

from __future__ import annotations

import io
import time
import zipfile
from typing import TYPE_CHECKING

import numpy as np
import pytest

from nn.data.datasets import kaggle_csv, keras_npz
from nn.data.datasets.errors import DatasetError
from nn.data.datasets.kaggle_csv import read_csv
from nn.data.datasets.keras_npz import read_npz

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

IMAGES = np.arange(12, dtype=np.uint8).reshape(3, 2, 2) * 23  # up to 253
LABELS = np.array([7, 0, 9], np.uint8)
SHAPE = (2, 2)


def written(folder: Path, content: str | bytes, name: str = "train.csv") -> Path:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def npz_with(**arrays: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays)
    return buffer.getvalue()


ROWS = "\n".join(
    ",".join(map(str, [label, *image.ravel()])) for label, image in zip(LABELS, IMAGES, strict=True)
)
NAMES = "label,pixel0,pixel1,pixel2,pixel3\n"


@pytest.mark.parametrize(
    "text",
    [
        NAMES + ROWS + "\n",
        ROWS,
        '"label","1x1","1x2","2x1","2x2"\n' + ROWS,
        (NAMES + ROWS).replace("\n", "\r\n"),
        "\ufeff" + NAMES + ROWS,
        "\ufeff" + ROWS,
        NAMES + ROWS.replace(",", ", ") + "\n\n",
    ],
    ids=["names", "no names", "quoted", "windows", "mark", "mark only", "blanks"],
)
def test_csv_with_and_without_names(tmp_path: Path, text: str) -> None:
    images, labels = read_csv(written(tmp_path, text), shape=SHAPE)
    assert images.dtype == labels.dtype == np.uint8
    assert images.flags.c_contiguous
    np.testing.assert_array_equal(images, IMAGES)
    np.testing.assert_array_equal(labels, LABELS)


def test_csv_of_one_row(tmp_path: Path) -> None:
    images, labels = read_csv(written(tmp_path, "5,1,2,3,4"), shape=SHAPE)
    np.testing.assert_array_equal(images, [[[1, 2], [3, 4]]])
    np.testing.assert_array_equal(labels, [5])


WRONG_TABLES = {
    "empty": ("", "the file is empty"),
    "blank": ("\n", "the file is empty"),
    "html": ("<!DOCTYPE html>\n", "a web page and not data"),
    "names only": (NAMES, "column names and no rows"),
    "columns": ("label,pixel0\n1,2\n", "2 columns, and a label with its pixels makes 5"),
    "no label": ("pixel0,a,b,c,d\n1,2,3,4,5\n", "first column is 'pixel0', and must be 'label'"),
    "range": (NAMES + "1,2,3,4,256\n", "cannot be read as a table: .*'256' to uint8"),
    "negative": (NAMES + "-1,2,3,4,5\n", "cannot be read as a table: .*'-1' to uint8"),
    "fraction": (NAMES + "1,0.5,3,4,5\n", r"cannot be read as a table: .*'0\.5' to uint8"),
    "word": (NAMES + "1,x,3,4,5\n", "cannot be read as a table: .*'x' to uint8"),
    "short row": (NAMES + ROWS[:-5], "the number of columns changed from 5 to"),
    "no text": (b"\xff\xfe\x00" * 10, "cannot be read as a table: .*can't decode"),
}


@pytest.mark.parametrize("case", WRONG_TABLES)
def test_a_wrong_table_is_named_with_what_is_wrong(tmp_path: Path, case: str) -> None:
    content, message = WRONG_TABLES[case]
    path = written(tmp_path, content)
    with pytest.raises(DatasetError, match=message) as caught:
        read_csv(path, shape=SHAPE)
    assert str(caught.value).startswith(f"{path}: ")


def test_another_table_is_to_be_moved(tmp_path: Path) -> None:
    path = written(tmp_path, "PassengerId,Survived\n1,0\n")
    with pytest.raises(DatasetError, match="If this is another table, move it elsewhere"):
        read_csv(path, shape=SHAPE)


def test_a_huge_table_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kaggle_csv, "MAX_BYTES", 10)
    with pytest.raises(DatasetError, match=r"\d+ bytes; the limit is 10"):
        read_csv(written(tmp_path, ROWS), shape=SHAPE)


def test_csv_reads_thousands_of_rows_in_a_fraction_of_a_second(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    table = rng.integers(0, 256, (200, 785))
    rows = "".join(",".join(map(str, row)) + "\n" for row in table.tolist())
    path = written(tmp_path, rows * 10)
    start = time.perf_counter()
    images, _ = read_csv(path, shape=(28, 28))
    assert time.perf_counter() - start < 2  # 0.03 s; a parser in Python takes seconds
    np.testing.assert_array_equal(images[1234].ravel(), table[34, 1:])


FOUR = {
    "x_train": IMAGES,
    "y_train": LABELS,
    "x_test": IMAGES[:2] + np.uint8(1),
    "y_test": LABELS[:2],
}


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_npz_has_both_splits(tmp_path: Path, save: Callable[..., None]) -> None:
    path = tmp_path / "mnist.npz"
    save(path, **FOUR)
    for train, kind in ((True, "train"), (False, "test")):
        images, labels = read_npz(path, train=train)
        np.testing.assert_array_equal(images, FOUR[f"x_{kind}"])
        np.testing.assert_array_equal(labels, FOUR[f"y_{kind}"])


def npz_of_objects() -> bytes:
    return npz_with(x_train=np.array([{}], dtype=object), y_train=LABELS)


def npz_with_a_lying_header(shape: tuple[int, ...]) -> bytes:
    member, buffer = io.BytesIO(), io.BytesIO()
    header = {"descr": "|u1", "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(member, header)
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("x_train.npy", member.getvalue())
    return buffer.getvalue()


def npz_with_a_flipped_bit() -> bytes:
    content = bytearray(npz_with(**FOUR))
    content[100] ^= 1
    return bytes(content)


WRONG_ARCHIVES = {
    "empty": (b"", "not an npz archive"),
    "html": (b"<html>", "not an npz archive"),
    "pickle": (b"\x80\x04N.", "not an npz archive"),
    "truncated": (npz_with(**FOUR)[:-30], r"a truncated or damaged npz archive \(File is not"),
    "damaged": (npz_with_a_flipped_bit(), "a truncated or damaged npz archive"),
    "objects": (npz_of_objects(), r"damaged npz archive \(Object arrays cannot be loaded"),
    "other": (npz_with(a=IMAGES, b=LABELS), "no array 'x_train'; the archive holds a, b"),
    "none": (npz_with(), "no array 'x_train'; the archive holds nothing"),
    "lie": (npz_with_a_lying_header((2**60,)), "a truncated or damaged npz archive"),
}


@pytest.mark.parametrize("case", WRONG_ARCHIVES)
def test_a_wrong_archive_is_named_with_what_is_wrong(tmp_path: Path, case: str) -> None:
    content, message = WRONG_ARCHIVES[case]
    path = written(tmp_path, content, "mnist.npz")
    with pytest.raises(DatasetError, match=message) as caught:
        read_npz(path, train=True)
    assert caught.value.path == path


def test_an_archive_that_unpacks_to_too_much_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keras_npz, "MAX_BYTES", 100)
    path = written(tmp_path, npz_with(**FOUR), "mnist.npz")
    with pytest.raises(DatasetError, match="'x_train' unpacks to 140 bytes; the limit is 100"):
        read_npz(path, train=True)
