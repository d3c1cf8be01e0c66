"""The IDX reader: the format itself, and every way in which a file can be wrong."""

from __future__ import annotations

import gzip
import hashlib
import pickle
import struct
import tracemalloc
from typing import TYPE_CHECKING

import numpy as np
import pytest

from nn.data.datasets import idx
from nn.data.datasets.errors import DatasetError
from nn.data.datasets.idx import idx_header, payload_sha256, read_idx

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

# Written out by hand: two images of 2x3 pixels, and their labels.
IMAGES = struct.pack(">IIII", 2051, 2, 2, 3) + bytes(range(12))
LABELS = struct.pack(">II", 2049, 2) + bytes([7, 1])


def written(folder: Path, content: bytes, name: str = "file") -> Path:
    path = folder / name
    path.write_bytes(content)
    return path


@pytest.mark.parametrize("pack", [bytes, gzip.compress], ids=["raw", "gzip"])
@pytest.mark.parametrize("name", ["file", "file.gz"])
def test_content_decides_whether_it_is_gzip(
    tmp_path: Path, pack: Callable[[bytes], bytes], name: str
) -> None:
    images = read_idx(written(tmp_path, pack(IMAGES), name), ndim=3)
    assert images.dtype == np.uint8
    np.testing.assert_array_equal(images, np.arange(12).reshape(2, 2, 3))
    labels = read_idx(written(tmp_path, pack(LABELS), name), ndim=1)
    np.testing.assert_array_equal(labels, [7, 1])


def test_array_is_writable_and_contiguous(tmp_path: Path) -> None:
    images = read_idx(written(tmp_path, gzip.compress(IMAGES)), ndim=3)
    images[0, 0, 0] = 200
    assert images[0, 0, 0] == 200
    assert images.flags.c_contiguous


def test_several_chunks_are_joined(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(idx, "CHUNK", 5)
    images = read_idx(written(tmp_path, gzip.compress(IMAGES)), ndim=3)
    np.testing.assert_array_equal(images.ravel(), np.arange(12))


def test_an_empty_array_is_an_array(tmp_path: Path) -> None:
    path = written(tmp_path, struct.pack(">IIII", 2051, 0, 28, 28))
    assert read_idx(path, ndim=3).shape == (0, 28, 28)


def test_header_and_checksum_are_those_of_the_raw_file(tmp_path: Path) -> None:
    images = read_idx(written(tmp_path, gzip.compress(IMAGES, 1)), ndim=3)
    assert idx_header(images.shape) + images.tobytes() == IMAGES
    expected = hashlib.sha256(IMAGES).hexdigest()
    assert payload_sha256(images) == expected
    assert payload_sha256(images.copy(order="F")) == expected
    read_idx(tmp_path / "file", ndim=3, sha256=expected)


def damaged_checksum() -> bytes:
    content = bytearray(gzip.compress(IMAGES))
    content[-5] ^= 1  # the CRC stands before the last four bytes
    return bytes(content)


def damaged_stream() -> bytes:
    content = bytearray(gzip.compress(bytes(IMAGES)))
    content[10:14] = b"\xff\xff\xff\xff"
    return bytes(content)


HUGE = struct.pack(">IIII", 2051, 2**32 - 1, 28, 28)

WRONG = {
    "empty": (b"", "the file is empty"),
    "html": (b"\n<!DOCTYPE html><html>403</html>", "a web page and not data"),
    "labels": (LABELS, r"magic number 2049 \(0x00000801\), and images have 2051 \(0x00000803\)"),
    "zipped labels": (gzip.compress(LABELS), "magic number 2049"),
    "floats": (b"\0\0\x0d\x03" + IMAGES[4:], r"magic number 3331 \(0x00000d03\)"),
    "text": (b"label,pixel0\n", "magic number 1818321509"),
    "no magic": (IMAGES[:3], "truncated: it ends inside its header, after 3 bytes"),
    "half header": (IMAGES[:10], "truncated: it ends inside its header, after 10 bytes"),
    "truncated": (
        IMAGES[:-1],
        r"truncated: its header promises 12 bytes \(2, 2, 3\), it holds 11",
    ),
    "zipped truncated": (gzip.compress(IMAGES[:-1]), "promises 12 bytes .* it holds 11"),
    "too long": (IMAGES + b"\0", r"goes on after the 12 bytes \(2, 2, 3\) of its header"),
    "zipped too long": (gzip.compress(IMAGES + b"\0"), "goes on after the 12 bytes"),
    "cut archive": (gzip.compress(IMAGES)[:-9], "a truncated or damaged gzip archive"),
    "bad crc": (damaged_checksum(), r"damaged gzip archive \(CRC check failed"),
    "bad stream": (damaged_stream(), r"damaged gzip archive \(Error -3"),
    "no archive": (b"\x1f\x8b" + b"x" * 20, r"damaged gzip archive \(Unknown compression"),
    "junk after": (gzip.compress(IMAGES) + b"junk", r"damaged gzip archive \(Not a gzipped"),
    "huge": (HUGE, r"promises \(4294967295, 28, 28\), 3,367,254,359,280 bytes; the limit is"),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_wrong_file_is_named_with_what_is_wrong_and_what_to_do(tmp_path: Path, case: str) -> None:
    content, message = WRONG[case]
    path = written(tmp_path, content, "train-images-idx3-ubyte.gz")
    with pytest.raises(DatasetError, match=message) as caught:
        read_idx(path, ndim=3)
    assert caught.value.path == path
    assert str(caught.value).startswith(f"{path}: ")
    assert "Put an intact copy in its place" in str(caught.value)


def test_other_numbers_of_axes_have_a_message_too(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="an array of 2 axes have 2050"):
        read_idx(written(tmp_path, IMAGES), ndim=2)
    with pytest.raises(DatasetError, match="labels have 2049"):
        read_idx(written(tmp_path, IMAGES), ndim=1)


def test_another_checksum_is_an_error(tmp_path: Path) -> None:
    path = written(tmp_path, IMAGES)
    with pytest.raises(
        DatasetError, match=r"SHA-256 of its content is [0-9a-f]{64}, and should be"
    ):
        read_idx(path, ndim=3, sha256="0" * 64)


def test_a_missing_file_is_the_system_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="absent"):
        read_idx(tmp_path / "absent", ndim=3)


def test_reads_no_more_than_the_header_promises(tmp_path: Path) -> None:
    # 32 MB of zeros in an archive of 32 kB, whose header speaks of 12 bytes.
    path = written(tmp_path, gzip.compress(IMAGES + bytes(2**25)))
    tracemalloc.start()
    try:
        with pytest.raises(DatasetError, match="goes on after the 12 bytes"):
            read_idx(path, ndim=3)
        assert tracemalloc.get_traced_memory()[1] < 2**20
    finally:
        tracemalloc.stop()


def test_takes_no_more_memory_than_the_file_has(tmp_path: Path) -> None:
    # The other lie: a header that promises nearly a gigabyte, and nothing behind it.
    path = written(tmp_path, gzip.compress(struct.pack(">IIII", 2051, 10**6, 28, 28)))
    tracemalloc.start()
    try:
        with pytest.raises(DatasetError, match=r"promises 784,000,000 bytes .* it holds 0"):
            read_idx(path, ndim=3)
        assert tracemalloc.get_traced_memory()[1] < 4 * 2**20
    finally:
        tracemalloc.stop()


def test_the_error_survives_pickling(tmp_path: Path) -> None:
    error = DatasetError(tmp_path / "f", "is wrong", "Do this")
    copy = pickle.loads(pickle.dumps(error))
    assert str(copy) == str(error) == f"{tmp_path / 'f'}: is wrong. Do this."
    assert (copy.path, copy.problem, copy.remedy) == (error.path, "is wrong", "Do this")
