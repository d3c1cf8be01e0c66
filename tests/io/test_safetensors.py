"""The safetensors and npz files: round trips, bytes, damage, atomic writes, memory."""

import gzip
import io
import json
import os
import pickle
import stat
import tempfile
import tracemalloc
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers import times
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from tinygrad_np.io import (
    FileFormatError,
    read_npz,
    read_safetensors,
    write_npz,
    write_safetensors,
)

Array = np.ndarray[Any, np.dtype[Any]]
DTYPES = [
    *("bool", "uint8", "uint16", "uint32", "uint64", "int8", "int16", "int32", "int64"),
    *("float16", "float32", "float64"),
]
NAMES = st.text(st.characters(codec="utf-8"), max_size=12).filter(lambda s: s != "__metadata__")


def arrays_of(dtypes: list[str] = DTYPES) -> st.SearchStrategy[Array]:
    shapes = hnp.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=4)
    return hnp.arrays(st.sampled_from(dtypes), shapes)


def assert_same(actual: dict[str, Array], expected: dict[str, Array]) -> None:
    """Compare names, their order, dtypes, shapes and bits (nan, -0.0)."""
    assert list(actual) == list(expected)
    for name, array in expected.items():
        assert actual[name].dtype == array.dtype.newbyteorder("=")
        assert actual[name].shape == array.shape
        assert actual[name].tobytes() == array.astype(array.dtype.newbyteorder("=")).tobytes()


def to_bytes(arrays: dict[str, Array], metadata: dict[str, str] | None = None) -> bytes:
    file = io.BytesIO()
    write_safetensors(file, arrays, metadata)
    return file.getvalue()


def from_bytes(data: bytes) -> tuple[dict[str, Array], dict[str, str]]:
    return read_safetensors(io.BytesIO(data))


def by_hand(header: str | bytes | dict[str, Any], data: bytes = b"") -> bytes:
    """Return the bytes of a file with any header at all."""
    if isinstance(header, dict):
        header = json.dumps(header)
    if isinstance(header, str):
        header = header.encode()
    return len(header).to_bytes(8, "little") + header + data


def entry(dtype: Any = "F32", shape: Any = (2,), offsets: Any = (0, 8)) -> dict[str, Any]:
    return {"dtype": dtype, "shape": shape, "data_offsets": offsets}


# ------------------------------------------------------------------------------------ round trips


@given(
    st.dictionaries(NAMES, arrays_of(), max_size=5),
    st.dictionaries(st.text(st.characters(codec="utf-8")), st.text(st.characters(codec="utf-8"))),
)
def test_round_trip(arrays: dict[str, Array], metadata: dict[str, str]) -> None:
    loaded, loaded_metadata = from_bytes(to_bytes(arrays, metadata))
    assert_same(loaded, arrays)
    assert loaded_metadata == metadata
    for array in loaded.values():
        assert array.flags.writeable
        assert array.flags.aligned
        assert array.flags.c_contiguous
        assert array.dtype.isnative


@given(st.dictionaries(NAMES, arrays_of(), max_size=4))
def test_same_arrays_give_same_aligned_bytes(arrays: dict[str, Array]) -> None:
    data = to_bytes(arrays)
    assert data == to_bytes({name: array.copy() for name, array in arrays.items()})
    length = int.from_bytes(data[:8], "little")
    assert length % 8 == 0
    for name, info in json.loads(data[8 : 8 + length]).items():
        assert info["data_offsets"][0] % arrays[name].itemsize == 0


@pytest.mark.parametrize(
    "view",
    [
        pytest.param(lambda a: a.T, id="transposed"),
        pytest.param(lambda a: a[::2, ::-3], id="strided"),
        pytest.param(lambda a: np.broadcast_to(a[:1], a.shape), id="broadcast"),
        pytest.param(lambda a: a[:0], id="empty"),
        pytest.param(lambda a: a[1, 1], id="numpy-scalar-as-0-d"),
        pytest.param(lambda a: a.astype(">f4"), id="big-endian"),
        pytest.param(lambda a: a.astype(">f4").T, id="big-endian-transposed"),
        pytest.param(np.asfortranarray, id="fortran"),
    ],
)
def test_memory_layouts(view: Callable[[Array], Any]) -> None:
    # More elements than one piece of the writer has.
    array = np.asarray(view(np.arange(400 * 301, dtype=np.float32).reshape(400, 301)))
    before = array.tobytes()
    loaded, _ = from_bytes(to_bytes({"x": array}))
    assert_same(loaded, {"x": array})
    assert array.tobytes() == before


def test_platform_integers_that_numpy_tells_apart() -> None:
    loaded, _ = from_bytes(to_bytes({"x": np.array([1, 2], np.longlong)}))
    assert loaded["x"].dtype == np.int64


def test_header_keeps_the_order_and_data_are_sorted() -> None:
    arrays: dict[str, Array]
    arrays = {"b": np.zeros(1, np.int8), "c": np.ones(1), "a": np.zeros(1, np.int8)}
    data = to_bytes(arrays)
    header = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])
    assert list(header) == list(from_bytes(data)[0]) == ["b", "c", "a"]
    assert [header[name]["data_offsets"] for name in "cab"] == [[0, 8], [8, 9], [9, 10]]


def test_tied_arrays_are_stored_twice() -> None:
    weight = np.arange(3.0)
    loaded, _ = from_bytes(to_bytes({"encoder": weight, "decoder": weight}))
    assert_same(loaded, {"encoder": weight, "decoder": weight})
    assert not np.shares_memory(loaded["encoder"], loaded["decoder"])


# --------------------------------------------------------------------------------- bytes, interop

HEADER = (
    b'{"__metadata__":{"k":"v"},'
    b'"w":{"dtype":"F32","shape":[2,1],"data_offsets":[0,8]},'
    b'"b":{"dtype":"I16","shape":[],"data_offsets":[8,10]}}'
)
FILE = (
    b"\x88\x00\x00\x00\x00\x00\x00\x00"
    + HEADER.ljust(0x88)
    + b"\x00\x00\x80\x3f\x00\x00\x00\xc0"  # 1.0, -2.0
    + b"\xfe\xff"  # -2
)
ARRAYS: dict[str, Array] = {"w": np.array([[1], [-2]], np.float32), "b": np.array(-2, np.int16)}


def test_bytes_against_a_file_made_by_hand() -> None:
    assert len(HEADER) <= 0x88 < len(HEADER) + 8
    assert to_bytes(ARRAYS, {"k": "v"}) == FILE
    loaded, metadata = from_bytes(FILE)
    assert_same(loaded, ARRAYS)
    assert metadata == {"k": "v"}


def test_empty_file_of_no_arrays() -> None:
    assert to_bytes({}) == b"\x08\0\0\0\0\0\0\0{}      "
    assert from_bytes(by_hand("{}")) == ({}, {})


def test_bfloat16_is_widened() -> None:
    bits = np.array([0x3F80, 0xC000, 0x7F80, 0x0001], "<u2")  # 1, -2, inf, the least subnormal
    loaded, _ = from_bytes(by_hand({"x": entry("BF16", [2, 2], [0, 8])}, bits.tobytes()))
    assert loaded["x"].dtype == np.float32
    np.testing.assert_array_equal(loaded["x"], np.array([[1, -2], [np.inf, 2.0**-133]]))
    assert loaded["x"].flags.writeable
    scalar, _ = from_bytes(by_hand({"x": entry("BF16", [], [0, 2])}, b"\x80\x3f"))
    assert scalar["x"].shape == ()
    assert scalar["x"] == 1


def test_booleans_are_zero_or_one() -> None:
    loaded, _ = from_bytes(by_hand({"x": entry("BOOL", [3], [0, 3])}, b"\x00\x01\x02"))
    assert loaded["x"].tobytes() == b"\x00\x01\x01"


def test_what_else_the_reference_reader_takes() -> None:
    header = {"__metadata__": None, "b": entry(shape=[1], offsets=[4, 8]) | {"more": 1}}
    header |= {"a": entry(shape=[1], offsets=[0, 4]), "empty": entry(shape=[0, 3], offsets=[4, 4])}
    loaded, metadata = from_bytes(by_hand(header, np.array([1, 2], "<f4").tobytes()))
    one = np.ones(1, np.float32)
    assert_same(loaded, {"b": 2 * one, "a": one, "empty": np.zeros((0, 3), np.float32)})
    assert metadata == {}


@given(st.dictionaries(NAMES, arrays_of(), max_size=5), st.booleans())
def test_interop_with_the_reference_package(arrays: dict[str, Array], with_metadata: bool) -> None:
    reference = pytest.importorskip(
        "safetensors.numpy", reason="compares with the reference implementation"
    )
    metadata = {"format": "np"} if with_metadata else None
    theirs = reference.save(arrays, metadata)
    loaded, loaded_metadata = from_bytes(theirs)
    in_file_order = {name: arrays[name] for name in loaded}
    assert in_file_order.keys() == arrays.keys()
    assert_same(loaded, in_file_order)
    assert loaded_metadata == (metadata or {})
    # Given the arrays in the order in which the reference lists them, the files are the same.
    assert to_bytes(in_file_order, metadata) == theirs
    # In any other order the reference reads them all the same.
    back = reference.load(to_bytes(arrays, metadata))
    assert_same({name: back[name] for name in arrays}, arrays)


# --------------------------------------------------------------------------- refusals when writing


@pytest.mark.parametrize(
    ("arrays", "metadata", "error", "match"),
    [
        (
            {"x": np.zeros(1, complex)},
            None,
            TypeError,
            r"'x': .* no dtype complex128; .* BOOL, F16",
        ),
        ({"x": np.array([None])}, None, TypeError, "'x': safetensors has no dtype object"),
        ({"x": np.array(["text"])}, None, TypeError, "'x': safetensors has no dtype <U4"),
        ({"x": np.zeros(1, "f4,f4")}, None, TypeError, "'x': safetensors has no dtype "),
        ({"x": np.zeros(1, "M8[s]")}, None, TypeError, r"no dtype datetime64\[s\]"),
        ({"x": [1.0]}, None, TypeError, "array 'x' is no NumPy array but of type list"),
        ({"x": np.float32(1)}, None, TypeError, "'x' is no NumPy array but of type float32"),
        ({3: np.zeros(1)}, None, TypeError, "array names must be str, not int: 3"),
        ({"__metadata__": np.zeros(1)}, None, ValueError, "cannot be named '__metadata__'"),
        ({"\ud800": np.zeros(1)}, None, ValueError, r"array name '\\ud800' is not valid Unicode"),
        ({}, {"epoch": 3}, TypeError, r"metadata\['epoch'\]: .* must be str, not str and int"),
        ({}, {3: "epoch"}, TypeError, r"metadata\[3\]: .* must be str, not int and str"),
        ({}, {"\udc80": ""}, ValueError, r"metadata key '\\udc80' is not valid Unicode"),
        ({}, {"k": "\udc80"}, ValueError, r"metadata\['k'\] '\\udc80' is not valid Unicode"),
    ],
)
def test_writer_refuses(
    tmp_path: Path, arrays: Any, metadata: Any, error: type[Exception], match: str
) -> None:
    with pytest.raises(error, match=match):
        write_safetensors(tmp_path / "x.safetensors", arrays, metadata)
    assert list(tmp_path.iterdir()) == []


def test_writer_refuses_a_header_that_no_reader_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tinygrad_np.io.safetensors.MAX_HEADER", 64)
    with pytest.raises(ValueError, match="header would have 152 bytes; the format allows 64"):
        to_bytes({}, {"k": "v" * 120})


# --------------------------------------------------------------------------- refusals when reading

LARGE = 2**61
DAMAGED = {
    "empty": (b"", "it is empty"),
    "tiny": (b"1234567", "it has 7 bytes, too few for a header"),
    "header cut short": (FILE[:50], "should have 136 bytes, but only 42 follow"),
    "huge header": (b"\xff" * 8 + b"{}", "should have 18,446,744,073,709,551,615 bytes"),
    "utf-8": (by_hand(b'{"\xff":1}'), "header is not valid JSON: 'utf-8' codec can't decode"),
    "utf-16": (by_hand("{}".encode("utf-16")), "header is not valid JSON"),
    "json": (by_hand('{"a"}'), "header is not valid JSON: Expecting ':' delimiter"),
    "no header": (by_hand(""), "header is not valid JSON"),
    "nesting": (by_hand("[" * 100_000), "header is not valid JSON"),
    "digits": (by_hand('{"a":' + "1" * 5000 + "}"), "header is not valid JSON: Exceeds the limit"),
    "array": (by_hand("[]"), "header is a JSON list, not an object"),
    "duplicate": (by_hand('{"a":1,"a":1}'), "not valid JSON: the key 'a' appears twice"),
    "duplicate inside": (by_hand('{"a":{"shape":[],"shape":[]}}'), "key 'shape' appears twice"),
    "metadata list": (by_hand({"__metadata__": []}), "__metadata__ is not an object of strings"),
    "metadata int": (by_hand({"__metadata__": {"k": 1}}), "__metadata__ is not an object of str"),
    "no entry": (by_hand({"a": 1}), "tensor 'a' needs a dtype, a shape and two data_offsets"),
    "no dtype": (by_hand({"a": {"shape": [], "data_offsets": [0, 0]}}), "tensor 'a' needs"),
    "dtype type": (by_hand({"a": entry(dtype=3)}, bytes(8)), "tensor 'a' needs"),
    "dtype list": (by_hand({"a": entry(dtype=[])}, bytes(8)), "tensor 'a' needs"),
    "shape type": (by_hand({"a": entry(shape=2)}, bytes(8)), "tensor 'a' needs"),
    "one offset": (by_hand({"a": entry(offsets=[0])}, bytes(8)), "tensor 'a' needs"),
    "float size": (by_hand({"a": entry(shape=[2.0])}, bytes(8)), "must be integers from 0"),
    "bool size": (by_hand({"a": entry(shape=[True, 2])}, bytes(8)), "must be integers from 0"),
    "negative": (by_hand({"a": entry(shape=[-1, -2])}, bytes(8)), "must be integers from 0"),
    "bool offset": (by_hand({"a": entry(offsets=[False, 8])}, bytes(8)), "must be integers"),
    "str offset": (by_hand({"a": entry(offsets="08")}, bytes(8)), "tensor 'a' needs"),
    "null offset": (by_hand({"a": entry(offsets=[0, None])}, bytes(8)), "must be integers"),
    "4000 digits": (by_hand({"a": entry(offsets=[0, 10**4000])}, bytes(8)), "must be integers"),
    "float8": (by_hand({"a": entry("F8_E4M3", [8])}, bytes(8)), "dtype 'F8_E4M3'; known are U64"),
    "long name": (by_hand({"a" * 10**6: entry("X")}, bytes(8)), r"tensor 'a{97}\.\.\.' has dtype"),
    "reversed": (by_hand({"a": entry(offsets=[8, 0])}, bytes(8)), r"\[8, 0\] do not lie within"),
    "beyond": (by_hand({"a": entry()}, bytes(7)), r"\[0, 8\] do not lie within the 7 bytes"),
    "too small": (by_hand({"a": entry(shape=[3])}, bytes(8)), r"\[3\] of F32 needs 12 bytes.* 8"),
    "overflow": (by_hand({"a": entry(shape=[LARGE, 8])}, bytes(8)), "shape is too large"),
    "overflow by 0": (by_hand({"a": entry("U8", [0, LARGE, 8], [0, 0])}), "shape is too large"),
    "dimensions": (by_hand({"a": entry("U8", [1] * 65, [0, 1])}, b"1"), "shape is too large"),
    "overlap": (
        by_hand({"a": entry(), "b": entry(offsets=[4, 12])}, bytes(12)),
        "tensor 'b' overlaps the one before it: it starts at 4, not at 8",
    ),
    "same place": (by_hand({"a": entry(), "b": entry()}, bytes(8)), "tensor 'b' overlaps"),
    "hole": (
        by_hand({"a": entry(), "b": entry(offsets=[12, 20])}, bytes(20)),
        "tensor 'b' leaves a hole before it: it starts at 12, not at 8",
    ),
    "hole first": (by_hand({"a": entry(offsets=[4, 12])}, bytes(12)), "'a' leaves a hole"),
    "left over": (by_hand({"a": entry()}, bytes(9)), "tensors have 8 bytes, but 9 follow"),
}


@pytest.mark.parametrize("case", DAMAGED)
def test_reader_refuses(tmp_path: Path, case: str) -> None:
    data, match = DAMAGED[case]
    path = tmp_path / "damaged.safetensors"
    path.write_bytes(data)
    prefix = r"damaged\.safetensors cannot be read as safetensors: .*"
    with pytest.raises(FileFormatError, match=prefix + match):
        read_safetensors(path)
    with pytest.raises(FileFormatError, match="^<BytesIO> cannot be read .*" + match):
        from_bytes(data)


def test_header_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tinygrad_np.io.safetensors.MAX_HEADER", 64)
    with pytest.raises(FileFormatError, match="header has 136 bytes, over the limit of 64"):
        from_bytes(FILE)


def archive_of(name: str) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr(name, b"")
    return file.getvalue()


def npz_of(**arrays: Any) -> bytes:
    file = io.BytesIO()
    np.savez(file, **arrays)
    return file.getvalue()


def npy_of(array: Array) -> bytes:
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


FOREIGN = {
    "torch zip": (archive_of("model/data.pkl"), "a checkpoint written by torch.save: pickled, so"),
    "zip": (archive_of("weights.bin"), "a zip archive: unpack it first"),
    "npz": (npz_of(x=np.zeros(3)), r"a NumPy \.npz archive: use read_npz"),
    "npy": (npy_of(np.zeros(3)), r"a single NumPy array \(.npy\): use numpy.load"),
    "pickle": (pickle.dumps({"a": 1}, protocol=2), r"a pickle file, perhaps an old .*save_file"),
    "pickle 4": (pickle.dumps({"a": 1}, protocol=4), "a pickle file, perhaps an old checkpoint"),
    "gzip": (gzip.compress(FILE), "a gzip file: unpack it first"),
    "hdf5": (b"\x89HDF\r\n\x1a\n" + bytes(99), "an HDF5 file"),
    "gguf": (b"GGUF\x03\0\0\0" + bytes(99), "a GGUF file"),
    "lfs": (b"version https://git-lfs.github.com/spec/v1\noid", "a Git LFS pointer: fetch the"),
    "html": (b"\n<!DOCTYPE html><html>", "a web page: perhaps the download needed a login"),
    "html 2": (b"<HTML><head>", "a web page: perhaps"),
    "json": (b'{"metadata": {"total_size": 1}}', "JSON text, such as the index of a checkpoint"),
}


@pytest.mark.parametrize("case", FOREIGN)
def test_reader_says_what_the_file_is_instead(tmp_path: Path, case: str) -> None:
    data, match = FOREIGN[case]
    path = tmp_path / "model.safetensors"
    path.write_bytes(data)
    prefix = r"model\.safetensors is not a safetensors file; it looks like "
    with pytest.raises(FileFormatError, match=prefix + match):
        read_safetensors(path)


def test_damaged_safetensors_file_is_not_taken_for_another_format() -> None:
    data = by_hand("{}" + " " * 638, b"left over")  # its length begins like a pickle: 80 02
    assert data.startswith(b"\x80\x02")
    with pytest.raises(FileFormatError, match=r"9 follow the header$"):
        from_bytes(data)


def test_every_truncation_is_noticed() -> None:
    for length in range(len(FILE)):
        with pytest.raises(FileFormatError):
            from_bytes(FILE[:length])


@times(40)
@given(st.lists(st.tuples(st.integers(0, len(FILE) - 1), st.integers(1, 255)), max_size=4))
def test_flipped_bytes_are_refused_or_harmless(flips: list[tuple[int, int]]) -> None:
    data = bytearray(FILE)
    for position, change in flips:
        data[position] ^= change
    try:
        arrays, metadata = from_bytes(bytes(data))
    except FileFormatError:
        return
    assert sum(array.nbytes for array in arrays.values()) <= 2 * len(FILE)
    assert all(isinstance(value, str) for value in metadata.values())


def peak_memory(function: Callable[[], object]) -> int:
    """Return the most bytes that were allocated at once while `function` ran."""
    tracemalloc.start()
    try:
        function()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    "data",
    [
        pytest.param((99_000_000).to_bytes(8, "little") + b"{}", id="header"),
        pytest.param(by_hand({"x": entry("F32", [10**9], [0, 4 * 10**9])}), id="offsets"),
        pytest.param(by_hand({"x": entry("F32", [10**9], [0, 8])}, bytes(8)), id="shape"),
    ],
)
def test_bad_claims_allocate_nothing(data: bytes) -> None:
    def read() -> None:
        with pytest.raises(FileFormatError):
            from_bytes(data)

    read()  # warm: imports and caches
    assert peak_memory(read) < 100_000


def test_reading_needs_the_arrays_and_no_more(tmp_path: Path) -> None:
    path = tmp_path / "x.safetensors"
    write_safetensors(path, {"x": np.ones(1_000_000, np.float32), "y": np.ones(500_000)})
    assert peak_memory(lambda: read_safetensors(path)) < 8_000_000 + 200_000


@pytest.mark.parametrize("transpose", [False, True])
def test_writing_makes_no_second_copy(tmp_path: Path, transpose: bool) -> None:
    array = np.ones((1000, 1000))
    view = array.T if transpose else array
    assert peak_memory(lambda: write_safetensors(tmp_path / "x", {"x": view})) < 1_000_000


# ------------------------------------------------------------------------------------------ files


@pytest.mark.parametrize("as_type", [str, Path])
def test_paths(tmp_path: Path, as_type: Callable[[Path], Any]) -> None:
    write_safetensors(as_type(tmp_path / "x.safetensors"), ARRAYS, {"k": "v"})
    write_safetensors(as_type(tmp_path / "x.safetensors"), ARRAYS, {"k": "v"})  # over the first
    assert [p.name for p in tmp_path.iterdir()] == ["x.safetensors"]
    assert (tmp_path / "x.safetensors").read_bytes() == FILE
    assert_same(read_safetensors(as_type(tmp_path / "x.safetensors"))[0], ARRAYS)


def test_file_name_without_folder_and_of_full_length(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    write_safetensors("n" * 250, ARRAYS)
    assert_same(read_safetensors("n" * 250)[0], ARRAYS)


def test_file_objects_are_used_from_where_they_are(tmp_path: Path) -> None:
    with (tmp_path / "x").open("w+b", buffering=0) as file:  # raw: short reads and writes are legal
        file.write(b"before")
        write_safetensors(file, ARRAYS, {"k": "v"})
        file.seek(6)
        assert_same(read_safetensors(file)[0], ARRAYS)
        assert not file.closed
    assert (tmp_path / "x").read_bytes() == b"before" + FILE


class OneByteAtATime(io.BytesIO):
    """A file as awkward as an unbuffered one may be."""

    def readinto(self, buffer: Any) -> int:
        return super().readinto(memoryview(buffer)[:1])

    def write(self, data: Any) -> int:
        return super().write(memoryview(data)[:1])


def test_short_reads_and_writes() -> None:
    file = OneByteAtATime()
    write_safetensors(file, ARRAYS, {"k": "v"})
    assert file.getvalue() == FILE
    file.seek(0)
    assert_same(read_safetensors(file)[0], ARRAYS)


def test_file_that_shrinks_while_it_is_read() -> None:
    class Shrinking(io.BytesIO):
        def readinto(self, buffer: Any) -> int:
            return 0 if self.tell() > 8 else super().readinto(buffer)

    with pytest.raises(FileFormatError, match="it ended before all of its data were read"):
        read_safetensors(Shrinking(FILE))


def test_what_is_no_binary_file() -> None:
    with pytest.raises(TypeError, match="a file opened with 'rb', not <StringIO>"):
        read_safetensors(io.StringIO("{}"))  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="a file opened with 'wb', not <StringIO>"):
        write_safetensors(io.StringIO(), {})  # type: ignore[arg-type]
    with pytest.raises(TypeError, match=r"expected a path or a file .* not <int>"):
        read_safetensors(3)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match=r"expected a path or a file .* not <dict>"):
        write_safetensors({}, {})  # type: ignore[arg-type]


def test_pipe() -> None:
    ours, theirs = os.pipe()
    with os.fdopen(ours, "rb") as file, os.fdopen(theirs, "wb") as sink:
        write_safetensors(sink, ARRAYS, {"k": "v"})
        sink.close()
        with pytest.raises(TypeError, match=r"cannot seek; read it into an io\.BytesIO first"):
            read_safetensors(file)
        assert file.read() == FILE


def test_missing_file_and_folder(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="missing"):
        read_safetensors(tmp_path / "missing")
    with pytest.raises(FileNotFoundError, match=r"the folder to save in does not exist: '.*gone'"):
        write_safetensors(tmp_path / "gone" / "x", ARRAYS)
    with pytest.raises(IsADirectoryError):
        write_safetensors(tmp_path, ARRAYS)


WRITERS = [
    pytest.param(write_safetensors, id="safetensors"),
    pytest.param(write_npz, id="npz"),
]


@pytest.mark.parametrize("write", WRITERS)
@pytest.mark.parametrize("step", ["fsync", "replace"])
@pytest.mark.parametrize("error", [OSError("no space left"), KeyboardInterrupt()])
def test_failed_write_leaves_the_old_file(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    write: Callable[..., None],
    step: str,
    error: BaseException,
) -> None:
    def fail(*_: object) -> None:
        assert len(list(tmp_path.iterdir())) == 2  # the old file and the temporary one
        raise error

    path = tmp_path / "x"
    path.write_bytes(b"old")
    monkeypatch.setattr(os, step, fail)
    with pytest.raises(type(error)):
        write(path, ARRAYS)
    monkeypatch.undo()
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_write_that_fails_halfway(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: Array) -> Array:
        raise MemoryError

    path = tmp_path / "x"
    path.write_bytes(b"old")
    monkeypatch.setattr("tinygrad_np.io.safetensors._chunks", fail)
    with pytest.raises(MemoryError):
        write_safetensors(path, ARRAYS)
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.skipif(os.name == "nt", reason="mode bits and symbolic links of POSIX")
def test_file_has_ordinary_mode_and_links_stay(tmp_path: Path) -> None:
    previous = os.umask(0o027)
    try:
        write_safetensors(tmp_path / "target", ARRAYS)
    finally:
        os.umask(previous)
    assert stat.S_IMODE((tmp_path / "target").stat().st_mode) == 0o640
    (tmp_path / "link").symlink_to("target")
    write_safetensors(tmp_path / "link", {})
    assert (tmp_path / "link").is_symlink()
    assert from_bytes((tmp_path / "target").read_bytes()) == ({}, {})


@pytest.mark.skipif(os.name == "nt", reason="a named pipe of POSIX")
def test_special_files_are_written_not_replaced(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    reader = os.open(tmp_path / "fifo", os.O_RDONLY | os.O_NONBLOCK)
    try:
        write_safetensors(tmp_path / "fifo", ARRAYS, {"k": "v"})
        assert os.read(reader, 10_000) == FILE
    finally:
        os.close(reader)
    assert stat.S_ISFIFO((tmp_path / "fifo").stat().st_mode)


# ------------------------------------------------------------------------------------------- .npz

NPZ_NAMES = NAMES.filter(lambda s: "\0" not in s and "\\" not in s)


@given(st.dictionaries(NPZ_NAMES, arrays_of([*DTYPES, "complex64"]), max_size=4))
def test_npz_round_trip(arrays: dict[str, Array]) -> None:
    file = io.BytesIO()
    write_npz(file, arrays)
    file.seek(0)
    loaded = read_npz(file)
    assert_same(loaded, arrays)
    assert all(array.flags.writeable for array in loaded.values())


def test_npz_interop_with_numpy(tmp_path: Path) -> None:
    arrays = {"file": np.eye(3, 2), "a.b": np.asfortranarray(np.arange(6.0).reshape(2, 3))}
    write_npz(tmp_path / "x", arrays)  # no suffix is added
    with np.load(tmp_path / "x", allow_pickle=False) as loaded:
        assert_same({name: loaded[name] for name in loaded.files}, arrays)
    np.savez_compressed(tmp_path / "y.npz", zeros=np.zeros(100_000), more=np.arange(3))
    assert_same(read_npz(tmp_path / "y.npz"), {"zeros": np.zeros(100_000), "more": np.arange(3)})
    assert read_npz(io.BytesIO(npz_of())) == {}


def test_npz_header_of_version_2() -> None:
    member = io.BytesIO()
    np.lib.format.write_array(member, np.arange(3), version=(2, 0))
    loaded = read_npz(io.BytesIO(zip_with("x.npy", member.getvalue())))
    assert_same(loaded, {"x": np.arange(3)})


def test_npz_names_twice_or_of_no_array() -> None:
    file = io.BytesIO()
    write_npz(file, {"x": np.zeros(1)})
    with zipfile.ZipFile(file, "a") as archive:
        archive.writestr("read.me", b"")
    file.seek(0)
    with pytest.raises(FileFormatError, match=r"holds 'read\.me', which is not an array"):
        read_npz(file)
    file = io.BytesIO()
    write_npz(file, {"x": np.zeros(1), "y": np.zeros(1)})
    twice = file.getvalue().replace(b"y.npy", b"x.npy")
    with pytest.raises(FileFormatError, match="holds 'x' twice"):
        read_npz(io.BytesIO(twice))


def test_npz_same_arrays_give_same_bytes(tmp_path: Path) -> None:
    for name in "xy":
        write_npz(tmp_path / name, ARRAYS)
    assert (tmp_path / "x").read_bytes() == (tmp_path / "y").read_bytes()


@pytest.mark.parametrize(
    ("arrays", "error", "match"),
    [
        ({"x": np.array([None])}, TypeError, "array 'x' holds Python objects, which only pickle"),
        ({"x": 3}, TypeError, "array 'x' is no NumPy array but of type int"),
        ({3: np.zeros(1)}, TypeError, "array names must be str, not int: 3"),
        ({"a\0b": np.zeros(1)}, ValueError, r"'a\\x00b' has a null character"),
        ({"\udc80": np.zeros(1)}, ValueError, r"array name '\\udc80' is not valid Unicode"),
    ],
)
def test_npz_writer_refuses(
    tmp_path: Path, arrays: Any, error: type[Exception], match: str
) -> None:
    with pytest.raises(error, match=match):
        write_npz(tmp_path / "x.npz", arrays)
    assert list(tmp_path.iterdir()) == []


def zip_with(name: str, content: bytes) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, content)
    return file.getvalue()


def claiming_much() -> bytes:
    """Return an archive whose directory says that a member of few bytes has 2 GB."""
    data = bytearray(zip_with("x.npy", npy_of(np.zeros(3))))
    at = data.index(b"PK\x01\x02") + 24
    data[at : at + 4] = (2**31 - 1).to_bytes(4, "little")
    return bytes(data)


HUGE_NPY = npy_of(np.zeros(3)).replace(b"(3,), } ", b"(300000000,), } ")[:128]
NPZ_DAMAGED = {
    "empty": (b"", "it is empty"),
    "text": (b"text", "it is not a sound archive: File is not a zip file"),
    "safetensors": (FILE, r"not a NumPy \.npz archive; it looks like a safetensors file: use"),
    "torch": (
        archive_of("model/data.pkl"),
        r"not a NumPy \.npz archive; it looks like a checkpoint written by",
    ),
    "other zip": (
        archive_of("read.me"),
        r"not a NumPy \.npz archive; it looks like a zip archive: un",
    ),
    "pickled": (npz_of(x=np.array([{}])), "'x' holds pickled Python objects, which are not read"),
    "not npy": (zip_with("x.npy", b"text"), "not a sound archive"),
    "cut": (zip_with("x.npy", npy_of(np.zeros(3))[:-1]), r"'x' has another size .* \(3,\) needs"),
    "huge": (zip_with("x.npy", HUGE_NPY), r"'x' has another size .* \(300000000,\) needs"),
    "bomb": (claiming_much(), "'x' claims 2,147,483,647 bytes"),
}


@pytest.mark.parametrize("case", NPZ_DAMAGED)
def test_npz_reader_refuses(tmp_path: Path, case: str) -> None:
    data, match = NPZ_DAMAGED[case]
    path = tmp_path / "damaged.npz"
    path.write_bytes(data)

    def read() -> None:
        with pytest.raises(
            FileFormatError, match=r"damaged\.npz (is|cannot be read as npz:) .*" + match
        ):
            read_npz(path)

    assert peak_memory(read) < 1_000_000


@times(30)
@given(st.data())
def test_npz_damage_is_refused_or_harmless(data: st.DataObject) -> None:
    file = io.BytesIO()
    write_npz(file, ARRAYS)
    content = bytearray(file.getvalue())
    for _ in range(data.draw(st.integers(1, 3))):
        position = data.draw(st.integers(0, len(content) - 1))
        content[position] ^= data.draw(st.integers(1, 255))
    del content[data.draw(st.integers(len(content) // 2, len(content))) :]
    try:
        arrays = read_npz(io.BytesIO(bytes(content)))
    except FileFormatError:
        return
    assert sum(array.nbytes for array in arrays.values()) <= len(content)


def test_nothing_is_executed() -> None:
    """A pickle that would write a file when loaded does not get that far."""
    marker = Path(tempfile.gettempdir()) / f"executed-{os.getpid()}"

    class Payload:
        def __reduce__(self) -> Any:
            return Path.touch, (marker,)

    for read, data in [
        (read_npz, npz_of(x=np.array([Payload()]))),
        (read_npz, pickle.dumps(Payload())),
        (read_safetensors, pickle.dumps(Payload())),
    ]:
        with pytest.raises(FileFormatError):
            read(io.BytesIO(data))
    assert not marker.exists()
