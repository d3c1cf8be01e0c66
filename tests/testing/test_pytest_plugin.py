"""The fixtures, used as a user's tests use them."""

from __future__ import annotations

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


def test_a_suite_of_a_user(tmp_path: Path) -> None:
    (tmp_path / "conftest.py").write_text(
        'pytest_plugins = ["tinygrad_np.testing.pytest_plugin"]\n', "utf-8"
    )
    (tmp_path / "test_mine.py").write_text(USERS, "utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir", ".", "."],
        cwd=tmp_path,
        env={"PYTHONPATH": str(ROOT), "PATH": ""},
        capture_output=True,
        text=True,
        check=False,
    )
    assert "1 failed, 2 passed" in done.stdout
    assert "derivative of Mul by input 0 is wrong" in done.stdout


def test_gradcheck_asks_for_gradients_itself(gradcheck: Any) -> None:
    x = tg.randn(2, 3)
    gradcheck(lambda x, at: x[at] ** 3, [x, np.array([0, 0])])
    gradcheck(nn.Linear(3, 2), x, fast_mode=True)
    assert not x.requires_grad
    gradcheck(lambda x: (x * x).detach() * 0.0 + x, x, order=1)
    with pytest.raises(tg.autograd.GradcheckError):
        gradcheck(lambda x: x * x.detach(), x, order=1)
