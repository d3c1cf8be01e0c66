"""Fetching one file from the first mirror that has it intact."""

from __future__ import annotations

import os
import sys
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

from nn.data.datasets.errors import DatasetError
from nn.data.datasets.idx import read_idx

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from nn.data.datasets.source import IdxFile

TIMEOUT = 10.0  # seconds without a byte, after which the next mirror is tried
CHUNK = 2**16


def fetch(file: IdxFile, mirrors: Sequence[str], folder: Path, *, timeout: float = TIMEOUT) -> Path:
    """Download one file, check its content and put it into the folder.

    Each mirror that fails is named in one line on standard error. The file appears under its name
    only when it is whole: until then it is a ``.part`` file, which no failure leaves behind.

    Parameters
    ----------
    file : IdxFile
        The file; its checksum decides whether a download is good.
    mirrors : sequence of str
        Addresses to which ``<file.name>.gz`` is appended, tried in order.
    folder : Path
        Where the file goes; made if needed.
    timeout : float
        Longest silence of a server, in seconds.

    Returns
    -------
    Path
        The archive, ``folder / "<file.name>.gz"``.

    Raises
    ------
    ConnectionError
        If every mirror failed; the message gives the reason of each.
    """
    from http.client import HTTPException  # noqa: PLC0415 - network modules cost 25 ms

    folder.mkdir(parents=True, exist_ok=True)
    target = folder / f"{file.name}.gz"
    # Two programs, or two threads, may fetch the same file: each writes its own part.
    part = folder / f"{target.name}.{os.getpid()}-{threading.get_ident()}.part"
    failures = []
    for mirror in mirrors:
        url = mirror + target.name
        try:
            _copy(url, part, most=file.nbytes + 2**16, timeout=timeout)
            read_idx(part, ndim=len(file.shape), sha256=file.sha256)
            os.replace(part, target)  # noqa: PTH105 - in one step, over an older one as well
        except (OSError, HTTPException, DatasetError) as error:
            reason = error.problem if isinstance(error, DatasetError) else error
            failures.append(f"{url} failed: {reason}")
            say(failures[-1])
        else:
            return target
        finally:
            part.unlink(missing_ok=True)
    raise ConnectionError(
        "\n  ".join([f"{target.name}: no mirror could deliver it.", *failures])
        + f"\nTry again later, or fetch it in another way and put it into {folder}."
    )


def _copy(url: str, part: Path, *, most: int, timeout: float) -> None:
    """Copy what stands at an address to a file, up to `most` bytes."""
    from urllib.error import HTTPError  # noqa: PLC0415 - costly, and seldom needed
    from urllib.request import Request, urlopen  # noqa: PLC0415 - costly, and seldom needed

    request = Request(url, headers={"User-Agent": "tinygrad_np"})  # noqa: S310 - see Source.mirrors
    try:
        reply = urlopen(request, timeout=timeout)  # noqa: S310 - mirrors are HTTPS; tests inject loopback
    except HTTPError as error:
        error.close()  # it holds the connection
        raise
    name = part.name.split(".")[0]
    with reply, part.open("wb") as out, _progress(name, reply.length or 0) as advance:
        while chunk := reply.read(CHUNK):
            out.write(chunk)
            advance(len(chunk))
            if out.tell() > most:
                raise DatasetError(part, f"more than {most:,} bytes came, and it has fewer")


@contextmanager
def _progress(name: str, total: int) -> Iterator[Callable[[int], object]]:
    """A bar if tqdm is installed, else one line; gives the function that counts bytes."""
    try:
        from tqdm import tqdm  # noqa: PLC0415 - optional
    except ImportError:
        say(f"downloading {name} ({total / 1e6:.1f} MB)")
        yield lambda _: None
    else:
        with tqdm(total=total or None, desc=name, unit="B", unit_scale=True) as bar:
            yield bar.update


def say(line: str) -> None:
    """Tell the user of something that takes time or needs no help, in one line."""
    print(line, file=sys.stderr)  # noqa: T201 - a download that says nothing looks like a hang
