"""Images, where Graphviz is there, and what is said where it is not."""

import shutil
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

import tinygrad_np as tg
from tinygrad_np import graph

drawn = pytest.mark.skipif(
    shutil.which("dot") is None, reason="Graphviz's program dot is not installed"
)


@pytest.fixture
def loss() -> tg.Tensor:
    x = tg.ones(2, requires_grad=True)
    return (x * tg.ones(2)).sum()


@drawn
def test_svg(loss: tg.Tensor) -> None:
    pytest.importorskip("graphviz")
    root = ET.fromstring(graph.svg(loss, names={"loss": loss}))
    assert root.tag == "{http://www.w3.org/2000/svg}svg"
    words = ["".join(text.itertext()) for text in root.iter("{http://www.w3.org/2000/svg}text")]
    assert sorted(words) == ["(2,)", "(2,)", "(2,)", "Mul", "Sum", "loss: ()", "output"]
    tips = [
        a.get("{http://www.w3.org/1999/xlink}title") for a in root.iter() if a.tag.endswith("}a")
    ]
    assert "y = a·b\ndy/da = b, dy/db = a" in tips


@drawn
@pytest.mark.parametrize(("name", "begin"), [("g.svg", b"<?xml"), ("g.PNG", b"\x89PNG")])
def test_save_image(loss: tg.Tensor, tmp_path: Path, name: str, begin: bytes) -> None:
    pytest.importorskip("graphviz")
    graph.save(loss, tmp_path / name)
    assert (tmp_path / name).read_bytes().startswith(begin)


@pytest.mark.parametrize("name", ["g.dot", "g.gv"])
def test_save_text(loss: tg.Tensor, tmp_path: Path, name: str) -> None:
    graph.save(loss, str(tmp_path / name), max_nodes=1)
    assert (tmp_path / name).read_text("utf-8") == graph.dot(loss, max_nodes=1) + "\n"


def test_save_under_another_suffix(loss: tg.Tensor, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"save: '.*g\.jpg' must end in \.dot or \.gv"):
        graph.save(loss, tmp_path / "g.jpg")
    assert not (tmp_path / "g.jpg").exists()


def test_missing_package(loss: tg.Tensor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "graphviz", None)
    with pytest.raises(ImportError, match=r"pip install \"tinygrad-np\[graph\]\", and install"):
        graph.svg(loss)
    graph.save(loss, tmp_path / "g.dot")


def test_missing_program(loss: tg.Tensor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("graphviz")
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(RuntimeError, match=r"the program `dot` is missing: pip install"):
        graph.save(loss, tmp_path / "g.png")
    assert not (tmp_path / "g.png").exists()
    assert graph.dot(loss)
