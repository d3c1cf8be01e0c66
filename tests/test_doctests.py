"""Every example in a docstring, the README and the documentation runs, and prints what it says."""

from __future__ import annotations

import doctest
import importlib
import pkgutil
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

import tinygrad_np as tg

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[1]
OPTIONS = doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS


def names() -> Iterator[str]:
    for package in ("tinygrad_np", "nn"):
        yield package
        path = [str(ROOT / package)]
        yield from (info.name for info in pkgutil.walk_packages(path, f"{package}."))


def pages() -> Iterator[Path]:
    yield from (path for path in [ROOT / "README.md"] if path.exists())
    yield from sorted((ROOT / "docs").rglob("*.md"))


@pytest.mark.parametrize("name", list(names()))
def test_docstrings(name: str) -> None:
    module = importlib.import_module(name)
    failed, _ = doctest.testmod(module, optionflags=OPTIONS)
    assert failed == 0


@pytest.mark.parametrize("page", [pytest.param(p, id=str(p.relative_to(ROOT))) for p in pages()])
def test_pages(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)  # where an example may write
    failed, _ = doctest.testfile(
        str(page),
        module_relative=False,
        optionflags=OPTIONS,
        globs={"tg": tg, "np": np, "nn": tg.nn, "F": tg.nn.functional, "optim": tg.optim},
    )
    assert failed == 0
