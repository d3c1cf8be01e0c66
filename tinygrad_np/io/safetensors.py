"""Named arrays in a file: the safetensors format, and NumPy's ``.npz`` beside it.

A safetensors file has three parts and nothing else::

    8 bytes     N, the length of the header (unsigned, little-endian)
    N bytes     the header, JSON: {"weight": {"dtype": "F32", "shape": [2, 3],
                                              "data_offsets": [0, 24]},
                                   "__metadata__": {"any": "text"}}
    the rest    the arrays' bytes, little-endian and in C order, one after the other

There is nothing in it to execute, which is the point: loading a pickle runs whatever code its
author put there. What is left to distrust is the header, so the reader checks every number in it
against the size of the file before it allocates anything.

Format: https://huggingface.co/docs/safetensors
"""

import contextlib
import errno
import io
import json
import math
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from typing import Any, BinaryIO, NamedTuple, TypeVar, cast

import numpy as np

Array = np.ndarray[Any, np.dtype[Any]]
File = str | os.PathLike[str] | BinaryIO
T = TypeVar("T")

MAX_HEADER = 100_000_000  # bytes; the reference reader has the same limit
MAX_NDIM = 64  # NumPy's own limit

# Format name -> NumPy type code, in the order in which the reference writer lays tensors out.
# Itemsizes descend: each tensor then starts at a multiple of its itemsize, without any padding.
_DTYPES = {
    "U64": "u8",
    "I64": "i8",
    "F64": "f8",
    "F32": "f4",
    "U32": "u4",
    "I32": "i4",
    "BF16": "u2",  # NumPy has no bfloat16: its bits are read, then widened to float32
    "F16": "f2",
    "U16": "u2",
    "I16": "i2",
    "I8": "i1",
    "U8": "u1",
    "BOOL": "b1",
}
_LAYOUT_ORDER = list(_DTYPES)
_FORMAT_NAMES = {code: name for name, code in _DTYPES.items() if name != "BF16"}


class FileFormatError(ValueError):
    """A file is damaged, or is not of the format that it was read as."""


# --------------------------------------------------------------------------- safetensors: writing


def write_safetensors(
    file: File, arrays: Mapping[str, Array], metadata: Mapping[str, str] | None = None
) -> None:
    """Write named arrays to a safetensors file.

    The same arrays in the same order give the same bytes. The header lists the names in the
    mapping's order, so reading gives them back in that order; the data lie sorted by dtype and
    name, as the reference writer has them. Two names for one array are stored twice.

    Parameters
    ----------
    file : path or binary file object
        A path is written atomically: to a temporary file in the same folder, which then takes the
        path's place. A failure leaves the old file as it was.
    arrays : mapping of str to ndarray
        Any shape and memory layout; bool, (unsigned) integers, float16, float32, float64.
    metadata : mapping of str to str, optional

    Raises
    ------
    TypeError
        If a value is not an array, has a dtype that the format lacks, or metadata is not text.
    ValueError
        If a name is ``"__metadata__"`` (the format reserves it) or is not valid Unicode.

    Examples
    --------
    >>> import io
    >>> file = io.BytesIO()
    >>> write_safetensors(file, {"bias": np.zeros(2, np.float32)})
    >>> file.getvalue()[8:64]
    b'{"bias":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}'
    """
    header, ordered = _layout(arrays, metadata)  # refuses what it must before any file is touched
    with _writing(file) as stream:
        _write_all(stream, len(header).to_bytes(8, "little") + header)
        for array in ordered:
            for chunk in _chunks(array):
                _write_all(stream, chunk.data)


def _layout(
    arrays: Mapping[str, Array], metadata: Mapping[str, str] | None
) -> tuple[bytes, list[Array]]:
    """Return the padded header, and the arrays in the order of their data."""
    header: dict[str, Any] = {}
    if metadata:
        for key, value in metadata.items():
            if not (isinstance(key, str) and isinstance(value, str)):
                raise TypeError(
                    f"metadata[{key!r}]: keys and values must be str, "
                    f"not {type(key).__name__} and {type(value).__name__}"
                )
            _check_text(key, "metadata key")
            _check_text(value, f"metadata[{key!r}]")
        header["__metadata__"] = dict(metadata)

    names: dict[str, str] = {}  # array name -> the format's name of its dtype
    for name, array in arrays.items():
        _check_array(name, array)
        if name == "__metadata__":
            raise ValueError("an array cannot be named '__metadata__': the format reserves it")
        code = array.dtype.str[1:]  # "<f4" and ">f4" alike
        if code not in _FORMAT_NAMES:
            raise TypeError(
                f"array {name!r}: safetensors has no dtype {array.dtype}; "
                f"convert it to one of {', '.join(sorted(_FORMAT_NAMES.values()))}"
            )
        names[name] = _FORMAT_NAMES[code]
        header[name] = {}

    order = sorted(names, key=lambda name: (_LAYOUT_ORDER.index(names[name]), name))
    start = 0
    for name in order:
        stop = start + arrays[name].nbytes
        header[name] = {
            "dtype": names[name],
            "shape": list(arrays[name].shape),
            "data_offsets": [start, stop],
        }
        start = stop

    text = json.dumps(header, ensure_ascii=False, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)  # so that the data start aligned
    if len(text) > MAX_HEADER:
        raise ValueError(
            f"the header would have {len(text):,} bytes; the format allows {MAX_HEADER:,}"
        )
    return text, [arrays[name] for name in order]


def _chunks(array: Array) -> Iterator[Array]:
    """Yield the elements in C order and little-endian, as contiguous 1-D pieces.

    Contiguous arrays come as views; of others only one piece at a time is copied.
    """
    if array.size == 0:
        return
    op_flags: Any = [["readonly", "contig"]]  # Any: NumPy's stubs misspell "contig"
    yield from np.nditer(
        array,
        flags=["external_loop", "buffered"],
        op_flags=op_flags,
        op_dtypes=[array.dtype.newbyteorder("<")],
        casting="equiv",
        order="C",
        buffersize=1 << 16,
    )


# --------------------------------------------------------------------------- safetensors: reading


def read_safetensors(file: File) -> tuple[dict[str, Array], dict[str, str]]:
    """Read the arrays and the metadata of a safetensors file.

    The arrays are new, writable, aligned, in C order and in the machine's byte order, and come in
    the order of the header. BF16 is widened to float32, which is exact.

    Parameters
    ----------
    file : path or binary file object
        A file object is read from its position to its end, and must be able to seek.

    Raises
    ------
    FileFormatError
        If the file is damaged or is something else; nothing has been allocated for it then.

    Examples
    --------
    >>> import io
    >>> file = io.BytesIO()
    >>> write_safetensors(file, {"weight": np.eye(2)}, {"epoch": "3"})
    >>> _ = file.seek(0)
    >>> arrays, metadata = read_safetensors(file)
    >>> arrays["weight"], metadata
    (array([[1., 0.],
           [0., 1.]]), {'epoch': '3'})
    """
    return _read(file, "safetensors", _parse_safetensors)


class _Entry(NamedTuple):
    """One tensor of the header. The offsets count from the start of the data."""

    dtype: str
    shape: tuple[int, ...]
    start: int
    stop: int


def _parse_safetensors(
    stream: io.BufferedIOBase, size: int
) -> tuple[dict[str, Array], dict[str, str]]:
    if size < 8:
        raise FileFormatError(
            f"it has {size} bytes, too few for a header" if size else "it is empty"
        )
    prefix = bytearray(8)
    _fill(stream, prefix)
    length = int.from_bytes(prefix, "little")
    if length > size - 8:
        raise FileFormatError(
            f"its header should have {length:,} bytes, but only {size - 8:,} follow; "
            "the file is cut short or of another format"
        )
    if length > MAX_HEADER:
        raise FileFormatError(f"its header has {length:,} bytes, over the limit of {MAX_HEADER:,}")
    raw = bytearray(length)
    _fill(stream, raw)
    entries, metadata = _parse_header(raw, size - 8 - length)

    arrays: dict[str, Array | None] = dict.fromkeys(entries)  # the header's order
    for name, entry in _in_data_order(entries):
        arrays[name] = _read_array(stream, entry)
    return cast("dict[str, Array]", arrays), metadata


def _parse_header(raw: bytearray, data_size: int) -> tuple[dict[str, _Entry], dict[str, str]]:
    """Return the header's entries, all of them checked, and its metadata."""
    try:
        header = json.loads(raw.decode(), object_pairs_hook=_refuse_duplicates)
    except (ValueError, RecursionError) as error:  # RecursionError: "[[[[..." without an end
        raise FileFormatError(f"its header is not valid JSON: {error}") from None
    if not isinstance(header, dict):
        raise FileFormatError(f"its header is a JSON {type(header).__name__}, not an object")

    metadata = header.pop("__metadata__", None)
    if metadata is None:  # the reference reader takes null for none, too
        metadata = {}
    if not (isinstance(metadata, dict) and all(isinstance(v, str) for v in metadata.values())):
        raise FileFormatError("its __metadata__ is not an object of strings")

    entries = {name: _parse_entry(name, value, data_size) for name, value in header.items()}
    stop = 0
    for name, entry in _in_data_order(entries):
        if entry.start != stop:
            what = "overlaps the one before it" if entry.start < stop else "leaves a hole before it"
            raise FileFormatError(
                f"tensor {_short(name)} {what}: it starts at {entry.start:,}, not at {stop:,}"
            )
        stop = entry.stop
    if stop != data_size:
        raise FileFormatError(
            f"its tensors have {stop:,} bytes, but {data_size:,} follow the header"
        )
    return entries, metadata


def _parse_entry(name: str, value: object, data_size: int) -> _Entry:
    match value:
        case {"dtype": str(dtype), "shape": list(shape), "data_offsets": [start, stop]}:
            pass
        case _:
            raise FileFormatError(
                f"tensor {_short(name)} needs a dtype, a shape and two data_offsets in the header"
            )
    # type(n) is int: True is an int as well, and 1.0 equals one. The limit keeps every product
    # below within what NumPy can count, and every number short enough to print.
    if not all(type(n) is int and 0 <= n <= sys.maxsize for n in [*shape, start, stop]):
        raise FileFormatError(
            f"tensor {_short(name)}: shape and data_offsets must be integers from 0 to 2**63 - 1"
        )
    if dtype not in _DTYPES:
        raise FileFormatError(
            f"tensor {_short(name)} has dtype {_short(dtype)}; known are {', '.join(_DTYPES)}"
        )
    if not start <= stop <= data_size:
        raise FileFormatError(
            f"tensor {_short(name)}: data_offsets [{start}, {stop}] do not lie within "
            f"the {data_size:,} bytes of data; the file may be cut short"
        )
    itemsize = np.dtype(_DTYPES[dtype]).itemsize
    # A dimension of 0 hides the others from the test of the size below, but not from NumPy. BF16
    # becomes 4 bytes wide.
    if len(shape) > MAX_NDIM or math.prod(n for n in shape if n) * max(itemsize, 4) > sys.maxsize:
        raise FileFormatError(f"tensor {_short(name)}: its shape is too large for an array")
    if math.prod(shape) * itemsize != stop - start:
        raise FileFormatError(
            f"tensor {_short(name)}: shape {shape} of {dtype} needs "
            f"{math.prod(shape) * itemsize:,} bytes, but its data_offsets span {stop - start:,}"
        )
    return _Entry(dtype, tuple(shape), start, stop)


def _read_array(stream: io.BufferedIOBase, entry: _Entry) -> Array:
    array = np.empty(entry.shape, "<" + _DTYPES[entry.dtype])
    _fill(stream, array.reshape(-1).view(np.uint8).data)
    if entry.dtype == "BF16":  # float32 is bfloat16 with 16 more bits of fraction
        bits = array.astype(np.uint32)
        bits <<= 16
        return bits.view(np.float32)
    if entry.dtype == "BOOL":  # a bool array with a byte of 2 in it misbehaves later, far from here
        np.not_equal(array.view(np.uint8), 0, out=array)
    return array.astype(array.dtype.newbyteorder("="), copy=False)


def _in_data_order(entries: dict[str, _Entry]) -> list[tuple[str, _Entry]]:
    return sorted(entries.items(), key=lambda item: (item[1].start, item[1].stop))


def _refuse_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Build a JSON object; by default the last of two equal keys would win silently."""
    result: dict[str, Any] = {}
    for key, value in pairs:
        if key in result:
            raise ValueError(f"the key {_short(key)} appears twice")
        result[key] = value
    return result


# ------------------------------------------------------------------------------------------- .npz


def write_npz(file: File, arrays: Mapping[str, Array]) -> None:
    """Write named arrays to an uncompressed ``.npz`` archive, which `numpy.load` reads.

    Unlike `numpy.savez`, a path is written atomically and taken as it is (no suffix is added), any
    name is allowed, the same arrays give the same bytes, and nothing is pickled.

    Raises
    ------
    TypeError
        If a value is not an array, or holds Python objects.
    """
    import zipfile  # noqa: PLC0415 - 8 ms, and few need it

    for name, array in arrays.items():
        _check_array(name, array)
        if array.dtype.hasobject:
            raise TypeError(f"array {name!r} holds Python objects, which only pickle could store")
        if "\0" in name:
            raise ValueError(f"the name {name!r} has a null character, which a zip cannot hold")
    with _writing(file) as stream, zipfile.ZipFile(stream, "w") as archive:
        for name, array in arrays.items():
            entry = zipfile.ZipInfo(name + ".npy")  # dated 1980: bytes do not depend on the clock
            with archive.open(entry, "w", force_zip64=True) as member:
                np.lib.format.write_array(member, array, allow_pickle=False)


def read_npz(file: File) -> dict[str, Array]:
    """Read all arrays of a ``.npz`` archive. Pickled ones are refused.

    Raises
    ------
    FileFormatError
        If the file is damaged, is something else, or holds pickled objects.
    """
    return _read(file, "npz", _parse_npz)


def _parse_npz(stream: io.BufferedIOBase, size: int) -> dict[str, Array]:
    if not size:
        raise FileFormatError("it is empty")
    try:
        return _read_members(stream, size)
    except (FileFormatError, MemoryError):
        raise
    except Exception as error:  # zipfile, zlib and NumPy raise a dozen types for damaged bytes
        raise FileFormatError(f"it is not a sound archive: {error}") from error


def _read_members(stream: io.BufferedIOBase, size: int) -> dict[str, Array]:
    import zipfile  # noqa: PLC0415 - as above

    arrays: dict[str, Array] = {}
    with zipfile.ZipFile(cast("BinaryIO", stream)) as archive:
        for info in archive.infolist():
            name = info.filename.removesuffix(".npy")
            if name == info.filename:
                raise FileFormatError(f"it holds {_short(name)}, which is not an array (.npy)")
            if name in arrays:
                raise FileFormatError(f"it holds {_short(name)} twice")
            if info.file_size > 1100 * min(info.compress_size, size):
                # Deflate shrinks by a factor of 1032 at most.
                raise FileFormatError(f"{_short(name)} claims {info.file_size:,} bytes")
            with archive.open(info) as member:
                arrays[name] = _read_npy(cast("io.BufferedIOBase", member), name, info.file_size)
    return arrays


def _read_npy(stream: io.BufferedIOBase, name: str, size: int) -> Array:
    """Read one member. `numpy.load` would allocate what the header claims before it checks it."""
    version = np.lib.format.read_magic(stream)
    if version == (1, 0):
        shape, fortran_order, dtype = np.lib.format.read_array_header_1_0(stream)
    else:
        shape, fortran_order, dtype = np.lib.format.read_array_header_2_0(stream)
    if dtype.hasobject:
        raise FileFormatError(f"{_short(name)} holds pickled Python objects, which are not read")
    if math.prod(shape) * dtype.itemsize != size - stream.tell():
        raise FileFormatError(f"{_short(name)} has another size than its shape {shape} needs")
    array = np.empty(shape[::-1] if fortran_order else shape, dtype)
    _fill(stream, array.reshape(-1).view(np.uint8).data)
    return array.T if fortran_order else array


# ------------------------------------------------------------------------------------------ files


@contextlib.contextmanager
def _writing(file: File) -> Iterator[BinaryIO]:
    """Open `file` so that it appears at its path complete or not at all."""
    if not isinstance(file, (str, os.PathLike)):
        if isinstance(file, io.TextIOBase) or not hasattr(file, "write"):
            raise TypeError(f"expected a path or a file opened with 'wb', not {_label(file)}")
        yield file
        return
    from pathlib import Path  # noqa: PLC0415 - 4 ms, as it imports urllib

    path = Path(file).resolve()  # a symbolic link stays one; what it points to is replaced
    if path.exists() and not path.is_file():
        with path.open("wb") as stream:  # a pipe or a device, such as /dev/null: not replaceable
            yield stream
        return
    if not path.parent.is_dir():
        message = "the folder to save in does not exist"
        raise FileNotFoundError(errno.ENOENT, message, str(path.parent))
    # In the same folder, because a rename is atomic only within one file system; and made by open,
    # not tempfile, whose files no other user could read.
    temporary = path.with_name(f".{os.urandom(8).hex()}.tmp")
    try:
        with temporary.open("xb") as stream:
            yield stream
            stream.flush()
            os.fsync(stream.fileno())  # else a power cut could leave an empty file under the name
        temporary.replace(path)
    except BaseException:  # KeyboardInterrupt as well
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise


def _read(file: File, kind: str, parse: Callable[[io.BufferedIOBase, int], T]) -> T:
    """Call ``parse(stream, size)``; let its errors name the file and say what it seems to be."""
    if isinstance(file, (str, os.PathLike)):
        with open(file, "rb") as opened:  # noqa: PTH123 - pathlib costs 4 ms
            return _read(opened, kind, parse)
    if isinstance(file, io.TextIOBase) or not hasattr(file, "readinto"):
        raise TypeError(f"expected a path or a file opened with 'rb', not {_label(file)}")
    if not file.seekable():
        raise TypeError(f"{_label(file)} cannot seek; read it into an io.BytesIO first")
    stream = cast("io.BufferedIOBase", file)
    origin = stream.tell()
    size = stream.seek(0, os.SEEK_END) - origin
    stream.seek(origin)
    try:
        return parse(stream, size)
    except FileFormatError as error:
        stream.seek(origin)
        found, advice = _seems(stream.read(256))
        if found and found != _KINDS[kind]:
            message = f"{_label(file)} is not {_KINDS[kind]}; it looks like {found}{advice}"
            raise FileFormatError(message) from error
        message = f"{_label(file)} cannot be read as {kind}: {error}"
        raise FileFormatError(message) from error.__cause__


_KINDS = {"safetensors": "a safetensors file", "npz": "a NumPy .npz archive"}
_CONVERT = (
    ": pickled, so not read here; convert it in PyTorch with "
    "safetensors.torch.save_file(torch.load(...), ...)"
)
# First bytes of a file, what they mean, and what to do then.
_SIGNATURES: list[tuple[tuple[bytes, ...], str, str]] = [
    (
        (b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05"),
        "a pickle file, perhaps an old checkpoint of torch.save",
        _CONVERT,
    ),
    ((b"\x93NUMPY",), "a single NumPy array (.npy)", ": use numpy.load"),
    ((b"\x1f\x8b",), "a gzip file", ": unpack it first"),
    ((b"\x89HDF\r\n\x1a\n",), "an HDF5 file, as Keras writes", ""),
    ((b"GGUF",), "a GGUF file, as llama.cpp reads", ""),
    (
        (b"version https://git-lfs",),
        "a Git LFS pointer",
        ": fetch the file itself with 'git lfs pull'",
    ),
    (
        (b"<!doctype html", b"<html"),
        "a web page",
        ": perhaps the download needed a login, or the address was wrong",
    ),
    ((b"{",), "JSON text", ", such as the index of a checkpoint in several files"),
]


def _seems(head: bytes) -> tuple[str, str]:
    """Say what a file with these first bytes looks like, and what to do then."""
    if head[8:9] == b"{":
        return _KINDS["safetensors"], ": use read_safetensors"
    if head.startswith(b"PK\x03\x04"):
        first = head[30 : 30 + int.from_bytes(head[26:28], "little")]  # the first member's name
        if first.endswith(b".npy"):
            return _KINDS["npz"], ": use read_npz"
        if first.endswith((b"/data.pkl", b"/version", b"/byteorder", b"/.format_version")):
            return "a checkpoint written by torch.save", _CONVERT
        return "a zip archive", ": unpack it first"
    text = head.lstrip().lower()
    for starts, found, advice in _SIGNATURES:
        if head.startswith(starts) or text.startswith(starts):
            return found, advice
    return "", ""


def _label(file: object) -> str:
    """Return a file's path where it has one, else its type."""
    name = getattr(file, "name", None)
    return name if isinstance(name, str) else f"<{type(file).__name__}>"


def _fill(stream: io.BufferedIOBase, buffer: bytearray | memoryview) -> None:
    """Read as many bytes as `buffer` has; unbuffered files give fewer at a time."""
    rest = memoryview(buffer)
    while rest:
        count = stream.readinto(rest)
        if not count:
            raise FileFormatError("it ended before all of its data were read")
        rest = rest[count:]


def _write_all(stream: BinaryIO, data: bytes | memoryview) -> None:
    """Write all bytes of `data`; unbuffered files take fewer at a time."""
    rest = memoryview(data).cast("B")
    while rest:
        rest = rest[stream.write(rest) :]


def _check_array(name: object, array: object) -> None:
    if not isinstance(name, str):
        raise TypeError(f"array names must be str, not {type(name).__name__}: {name!r}")
    if not isinstance(array, np.ndarray):
        raise TypeError(f"array {name!r} is no NumPy array but of type {type(array).__name__}")
    _check_text(name, "array name")


def _check_text(text: str, what: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ValueError(f"{what} {_short(text)} is not valid Unicode (a lone surrogate)") from None


def _short(text: str) -> str:
    """Return `text` quoted; a damaged or hostile file may hold a name of many megabytes."""
    return repr(text if len(text) <= 100 else text[:97] + "...")
