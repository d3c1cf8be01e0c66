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


FEW = """
from hypothesis import Phase, settings
settings.register_profile(
    "few", max_examples=5, derandomize=True, database=None, phases=[Phase.generate]
)
settings.load_profile("few")
"""

MADE = """
import numpy as np
import nn
import tinygrad_np as tg
from tinygrad_np.testing import op_test, tensors

def cube(x):
    return x * x * x

def wrong(x):
    return x * x.detach()

class Square(tg.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x * x

    @staticmethod
    def backward(ctx, g):
        (x,) = ctx.saved_tensors
        return 2.0 * g * x

drawn = tensors((2, 3))
test_function = op_test(cube, drawn, oracle=lambda x: x**3)
test_lambda = op_test(lambda x: x * 2.0, drawn)
test_op = op_test(tg.mul, drawn, drawn, oracle=np.multiply)
test_custom = op_test(Square.apply, drawn, oracle=np.square)
test_module = op_test(nn.Linear(3, 2), drawn)
test_wrong = op_test(wrong, drawn)

class TestInAClass:
    test_function = op_test(cube, drawn)
    test_wrong = op_test(wrong, drawn)
"""

DRAWN = """
import numpy as np
from hypothesis import given
from tinygrad_np.testing import tensors

@given(x=tensors((2,)))
def test_many(gradcheck, x):
    gradcheck(lambda x: x * x, x)

def test_array(gradcheck):
    gradcheck(lambda x, y: x * y, (np.ones(2), np.ones(2, np.float32)))

def test_wrong_for_an_array(gradcheck):
    gradcheck(lambda x: x * x.detach(), np.ones(2))
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


@pytest.mark.slow
def test_pytest_runs_what_op_test_made(tmp_path: Path) -> None:
    said = run_suite(tmp_path, FEW, MADE)
    assert "2 failed, 6 passed" in said, said
    assert "GradcheckError: wrong: second derivative: " in said


@pytest.mark.slow
def test_gradcheck_takes_what_hypothesis_draws_and_arrays(tmp_path: Path) -> None:
    said = run_suite(tmp_path, 'pytest_plugins = ["tinygrad_np.testing.pytest_plugin"]\n', DRAWN)
    assert "1 failed, 2 passed" in said, said
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
