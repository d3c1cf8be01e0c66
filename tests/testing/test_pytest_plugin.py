"""The fixtures, used as a user's tests use them."""

from __future__ import annotations

import doctest
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import nn
import tinygrad_np as tg

ROOT = Path(__file__).parents[2]

USERS = """
import numpy as np
import pytest
import tinygrad_np as tg

def test_one(seeded):
    assert tg.rand(1).item() == pytest.approx(0.49625658988952637)
    tg.set_default_dtype(tg.float64)
    tg.set_grad_enabled(False)

def test_two(seeded):
    assert tg.get_default_dtype() == tg.float32 and tg.is_grad_enabled()
    assert tg.rand(1).item() == pytest.approx(0.49625658988952637)

def test_three(gradcheck):
    gradcheck(lambda x: x * x.detach(), tg.ones(2))
"""


def run_suite(folder: Path, conftest: str, tests: str) -> str:
    (folder / "conftest.py").write_text(conftest, "utf-8")
    (folder / "test_mine.py").write_text(tests, "utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir", ".", "."],
        cwd=folder,
        env={"PYTHONPATH": str(ROOT), "PATH": ""},
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout


def test_a_suite_of_a_user(tmp_path: Path) -> None:
    said = run_suite(tmp_path, 'pytest_plugins = ["tinygrad_np.testing.pytest_plugin"]\n', USERS)
    assert "1 failed, 2 passed" in said
    assert "derivative of Mul by input 0 is wrong" in said


def test_what_the_page_says_about_pytest(tmp_path: Path) -> None:
    """The snippets that are not doctests; the first examples of the page define what they use."""
    page = (ROOT / "docs" / "test_your_own_gradients.md").read_text("utf-8")
    conftest, tests = re.findall(r"```python\n((?!>>>).*?)```", page, re.DOTALL)
    examples = doctest.DocTestParser().get_examples(page)[:5]
    said = run_suite(tmp_path, conftest, "".join(e.source for e in examples) + tests)
    assert "1 passed" in said, said


def test_gradcheck_asks_for_gradients_itself(gradcheck: Any) -> None:
    x = tg.randn(2, 3)
    gradcheck(lambda x, at: x[at] ** 3, [x, np.array([0, 0])])
    gradcheck(nn.Linear(3, 2), x, fast_mode=True)
    assert not x.requires_grad
    gradcheck(lambda x: (x * x).detach() * 0.0 + x, x, order=1)
    with pytest.raises(tg.autograd.GradcheckError):
        gradcheck(lambda x: x * x.detach(), x, order=1)
