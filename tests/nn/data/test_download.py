"""Downloads, from servers on this computer: none of these tests needs a network."""

from __future__ import annotations

import gzip
import hashlib
import re
import socket
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

import pytest

from nn.data.datasets.download import fetch
from nn.data.datasets.idx import idx_header
from nn.data.datasets.mnist_files import read_dataset
from nn.data.datasets.source import MNIST, IdxFile, Source, Split

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PAYLOAD = idx_header((3, 2, 2)) + bytes(range(12))
FILE = IdxFile("digits-idx3-ubyte", (3, 2, 2), hashlib.sha256(PAYLOAD).hexdigest())
GOOD = gzip.compress(PAYLOAD)


class Server(ThreadingHTTPServer):
    """To fill: ``answers["/mirror/name.gz"] = (status, body, headers)``."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server_port}"
        self.answers: dict[str, tuple[int, bytes, dict[str, str]]] = {}
        self.asked: list[str] = []


class Handler(BaseHTTPRequestHandler):
    """Answers each path as the server's table says, and notes the requests."""

    server: Server

    def do_GET(self) -> None:
        self.server.asked.append(self.path)
        status, body, headers = self.server.answers.get(self.path, (404, b"", {}))
        self.send_response(status)
        for name, value in ({"Content-Length": str(len(body))} | headers).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: object) -> None:
        pass  # keep the test's output quiet


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with Server() as httpd:
        thread = threading.Thread(target=httpd.serve_forever, args=(0.01,))
        thread.start()
        yield httpd
        httpd.shutdown()
        thread.join()


@pytest.fixture
def no_tqdm(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tqdm", None)


def answer(
    server: Server, mirror: str, body: bytes = GOOD, status: int = 200, **headers: str
) -> str:
    """Put the file on a mirror and return the mirror's address."""
    server.answers[f"/{mirror}/{FILE.name}.gz"] = (status, body, headers)
    return f"{server.url}/{mirror}/"


@pytest.mark.usefixtures("no_tqdm")
def test_the_first_mirror_serves(
    server: Server, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "new" / "mnist"
    path = fetch(FILE, [answer(server, "a"), answer(server, "b")], folder)
    assert path == folder / "digits-idx3-ubyte.gz"
    assert path.read_bytes() == GOOD
    assert [p.name for p in folder.iterdir()] == [path.name]
    assert server.asked == ["/a/digits-idx3-ubyte.gz"]
    assert capsys.readouterr().err == "downloading digits-idx3-ubyte (0.0 MB)\n"


def test_tqdm_draws_the_progress(
    server: Server, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("tqdm", reason="tqdm is not installed")
    fetch(FILE, [answer(server, "a")], tmp_path)
    err = capsys.readouterr().err
    assert "digits-idx3-ubyte: 100%" in err
    assert "downloading" not in err


def test_a_mirror_that_unpacked_the_file_will_do(server: Server, tmp_path: Path) -> None:
    assert fetch(FILE, [answer(server, "a", PAYLOAD)], tmp_path).read_bytes() == PAYLOAD


BAD = {
    "missing": ({"status": 404}, "HTTP Error 404"),
    "forbidden": ({"status": 403, "body": b"<html>"}, "HTTP Error 403"),
    "down": ({"status": 503}, "HTTP Error 503"),
    "web page": ({"body": b"<html>Log in to this network</html>"}, "a web page and not data"),
    "empty": ({"body": b""}, "the file is empty"),
    "truncated": ({"body": GOOD[:-6]}, "a truncated or damaged gzip archive"),
    "other data": (
        {"body": gzip.compress(PAYLOAD[:-1] + b"\0")},
        "SHA-256 of its content is [0-9a-f]{64}, and should be " + FILE.sha256,
    ),
    "too much": ({"body": bytes(2**18)}, r"more than 65,564 bytes came, and it has fewer"),
    "broken off": (
        {"body": GOOD[:-6], "Content-Length": str(len(GOOD))},
        "truncated or damaged|IncompleteRead",
    ),
}


@pytest.mark.usefixtures("no_tqdm")
@pytest.mark.parametrize("case", BAD)
def test_a_bad_mirror_costs_one_line_and_the_next_one_serves(
    server: Server, tmp_path: Path, capsys: pytest.CaptureFixture[str], case: str
) -> None:
    reply, message = BAD[case]
    path = fetch(FILE, [answer(server, "bad", **reply), answer(server, "good")], tmp_path)
    assert path.read_bytes() == GOOD
    assert list(tmp_path.iterdir()) == [path]
    lines = [s for s in capsys.readouterr().err.splitlines() if "failed" in s]
    assert len(lines) == 1
    assert re.search(f"{server.url}/bad/{FILE.name}.gz failed: .*({message})", lines[0])


def test_a_nonsensical_length_does_not_matter(server: Server, tmp_path: Path) -> None:
    mirror = answer(server, "a", **{"Content-Length": "many"})
    assert fetch(FILE, [mirror], tmp_path).read_bytes() == GOOD


def test_nobody_listens_and_nobody_answers(
    server: Server, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    with socket.create_server(("127.0.0.1", 0)) as silent:  # accepts, and never says a word
        mirrors = [
            f"http://127.0.0.1:{port}/",
            f"http://127.0.0.1:{silent.getsockname()[1]}/",
            answer(server, "good"),
        ]
        start = time.perf_counter()
        path = fetch(FILE, mirrors, tmp_path, timeout=0.2)
        assert time.perf_counter() - start < 4
    assert path.read_bytes() == GOOD
    err = capsys.readouterr().err
    assert "refused" in err
    assert "timed out" in err


def test_when_all_fail_the_error_lists_them_and_nothing_is_left(
    server: Server, tmp_path: Path
) -> None:
    old = tmp_path / "digits-idx3-ubyte.gz"
    old.write_bytes(b"older")
    mirrors = [answer(server, "a", b"<html>"), answer(server, "b", status=503)]
    with pytest.raises(ConnectionError, match="no mirror could deliver it") as caught:
        fetch(FILE, mirrors, tmp_path)
    message = str(caught.value)
    assert "/a/digits-idx3-ubyte.gz failed: a web page and not data" in message
    assert "/b/digits-idx3-ubyte.gz failed: HTTP Error 503" in message
    assert f"fetch it in another way and put it into {tmp_path}" in message
    assert old.read_bytes() == b"older"
    assert list(tmp_path.iterdir()) == [old]


def test_the_file_is_replaced_in_one_step(server: Server, tmp_path: Path) -> None:
    old = tmp_path / "digits-idx3-ubyte.gz"
    old.write_bytes(b"older")
    assert fetch(FILE, [answer(server, "a")], tmp_path) == old
    assert old.read_bytes() == GOOD


@pytest.mark.usefixtures("no_tqdm")
def test_two_threads_may_fetch_the_same_file(server: Server, tmp_path: Path) -> None:
    mirror = answer(server, "a")
    paths = []
    threads = [
        threading.Thread(target=lambda: paths.append(fetch(FILE, [mirror], tmp_path)))
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert paths == [tmp_path / "digits-idx3-ubyte.gz"] * 4
    assert list(tmp_path.iterdir()) == paths[:1]


def test_a_dataset_is_downloaded_once_and_then_read_from_its_folder(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("TINYGRAD_NP_DATA", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    payload = idx_header((3,)) + bytes([4, 0, 9])
    labels = IdxFile("digits-idx1-ubyte", (3,), hashlib.sha256(payload).hexdigest())
    mirror = answer(server, "a")
    server.answers["/a/digits-idx1-ubyte.gz"] = (200, gzip.compress(payload), {})
    split = Split(FILE, labels)
    source = Source("Tiny", split, split, (mirror,), folder="tiny", folders=("tiny",))
    for root, folder in ((tmp_path, tmp_path), (None, tmp_path / "cache" / "tinygrad_np")):
        for download in (True, False):
            images, digits = read_dataset(source, root, train=True, download=download)
            assert idx_header(images.shape) + images.tobytes() == PAYLOAD
            assert digits.tolist() == [4, 0, 9]
        assert sorted(path.name for path in (folder / "tiny").iterdir()) == [
            "digits-idx1-ubyte.gz",
            "digits-idx3-ubyte.gz",
        ]
    assert len(server.asked) == 4


def test_real_mirrors_are_encrypted_and_end_in_a_slash() -> None:
    assert len(MNIST.mirrors) >= 3
    assert "ossci-datasets" in MNIST.mirrors[0]
    for mirror in MNIST.mirrors:
        assert mirror.startswith("https://")
        assert mirror.endswith("/")
        assert "lecun" not in mirror
