"""IDX, the file format of MNIST: a small header, then the bytes of one array.

======== ==================================================
bytes    meaning
======== ==================================================
2        zero
1        type of the elements; 0x08, unsigned bytes, here
1        number of axes: 3 for images, 1 for labels
4 each   size of each axis, a big-endian unsigned integer
the rest the elements, the last axis running fastest
======== ==================================================

The first four bytes, read as one number, are the "magic number" in MNIST's own description:
2051 (0x00000803) for images and 2049 (0x00000801) for labels.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from nn.data.datasets.errors import DatasetError

if TYPE_CHECKING:
    from io import BufferedIOBase
    from pathlib import Path

    from numpy.typing import NDArray

# The largest of MNIST's kin (EMNIST) holds 0.6 GB. A header that promises more than this is
# damaged, or a small archive made to fill the memory.
MAX_BYTES = 2**30
CHUNK = 2**20


def read_idx(path: Path, *, ndim: int, sha256: str | None = None) -> NDArray[np.uint8]:
    """Read an IDX file of unsigned bytes, raw or gzipped, whatever its suffix.

    Parameters
    ----------
    path : Path
        The file.
    ndim : int
        Number of axes that it must have: 3 for images, 1 for labels.
    sha256 : str, optional
        Checksum that the decompressed file must have, in hexadecimal.

    Returns
    -------
    ndarray of uint8
        A fresh, writable array in the shape that the header gives.

    Raises
    ------
    DatasetError
        If the file is empty, truncated, damaged, a web page, or any other thing than promised.
    """
    # These two cost a millisecond or more, and most programs never read a file.
    import gzip  # noqa: PLC0415 - costly, and seldom needed
    import zlib  # noqa: PLC0415 - costly, and seldom needed

    with path.open("rb") as file:
        start = file.read(64)
        file.seek(0)
        if not start:
            raise DatasetError(path, "the file is empty")
        if start.lstrip().startswith(b"<"):
            raise DatasetError(path, "a web page and not data: the server answered with an error")
        try:
            # The content decides, for browsers unpack archives and keep the suffix.
            zipped = start.startswith(b"\x1f\x8b")
            stream = gzip.GzipFile(fileobj=file) if zipped else file
            array = _parse(stream, path, ndim)
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            raise DatasetError(path, f"a truncated or damaged gzip archive ({error})") from error
    if sha256 is not None and (found := payload_sha256(array)) != sha256:
        raise DatasetError(path, f"SHA-256 of its content is {found}, and should be {sha256}")
    return array


def _parse(stream: BufferedIOBase, path: Path, ndim: int) -> NDArray[np.uint8]:
    header = stream.read(4 + 4 * ndim)
    magic, expected = int.from_bytes(header[:4], "big"), 0x0800 + ndim
    if len(header) >= 4 and magic != expected:
        kind = {1: "labels", 3: "images"}.get(ndim, f"an array of {ndim} axes")
        problem = (
            f"magic number {magic} (0x{magic:08x}), and {kind} have {expected} (0x{expected:08x})"
        )
        raise DatasetError(path, problem)
    if len(header) < 4 + 4 * ndim:
        raise DatasetError(path, f"truncated: it ends inside its header, after {len(header)} bytes")
    shape = tuple(np.frombuffer(header, ">u4", offset=4).tolist())
    promised = math.prod(shape)
    if promised > MAX_BYTES:
        problem = f"its header promises {shape}, {promised:,} bytes; the limit is {MAX_BYTES:,}"
        raise DatasetError(path, problem)

    # A growing buffer: memory follows what the file really holds and not what its header claims.
    data = bytearray()
    while chunk := stream.read(min(CHUNK, promised - len(data))):
        data += chunk
    if len(data) < promised:
        problem = (
            f"truncated: its header promises {promised:,} bytes {shape}, it holds {len(data):,}"
        )
        raise DatasetError(path, problem)
    # Asking for one byte more also makes gzip check its own checksum, which stands at the end.
    if stream.read(1):
        raise DatasetError(path, f"it goes on after the {promised:,} bytes {shape} of its header")
    return np.frombuffer(data, np.uint8).reshape(shape)


def idx_header(shape: tuple[int, ...]) -> bytes:
    """Header of the IDX file that holds unsigned bytes in this shape."""
    return (0x0800 + len(shape)).to_bytes(4, "big") + np.array(shape, ">u4").tobytes()


def payload_sha256(array: NDArray[np.uint8]) -> str:
    """SHA-256, in hexadecimal, of the array's raw IDX file.

    Of the content and not of the archive: the same images gzipped again make another archive.
    """
    import hashlib  # noqa: PLC0415 - 3 ms

    digest = hashlib.sha256(idx_header(array.shape))
    digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()
