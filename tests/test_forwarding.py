"""`import tinygrad_np.nn as nn`: the header of a script, with the one name replaced."""

from __future__ import annotations

import importlib
import subprocess
import sys
from pathlib import Path

import pytest

import nn
import nn.optim.adam

PAIRS = [
    ("tinygrad_np.nn", "nn"),
    ("tinygrad_np.nn.functional", "nn.functional"),
    ("tinygrad_np.nn.modules.linear", "nn.modules.linear"),
    ("tinygrad_np.optim", "nn.optim"),
    ("tinygrad_np.optim.adam", "nn.optim.adam"),
    ("tinygrad_np.nn.optim.adam", "nn.optim.adam"),
]


@pytest.mark.parametrize(("given", "true"), PAIRS, ids=[given for given, _ in PAIRS])
def test_both_names_are_one_module(given: str, true: str) -> None:
    module = importlib.import_module(given)
    assert module is importlib.import_module(true)
    assert module.__name__ == true
    assert module.__spec__ is not None
    assert module.__spec__.name == true  # or reload and pickle would go astray


HEADER = """
import sys
import tinygrad_np as torch
assert "nn" not in sys.modules, "the packages above are imported when asked for"
import tinygrad_np.nn.functional as F
import tinygrad_np.nn as nn
import tinygrad_np.optim as optim
from tinygrad_np.nn import Module
from tinygrad_np.optim import Adam
import nn as true
assert torch.nn is nn is true and F is true.functional and optim is true.optim is torch.optim
assert Module is true.Module and Adam is true.optim.Adam
"""


def test_the_header_of_a_tutorial_runs() -> None:
    root = Path(__file__).parents[1]
    subprocess.run([sys.executable, "-c", HEADER], cwd=root, check=True)


def test_a_module_that_is_not_there_is_named() -> None:
    with pytest.raises(ModuleNotFoundError, match=r"No module named 'tinygrad_np\.nn\.elsewhere'"):
        importlib.import_module("tinygrad_np.nn.elsewhere")
    with pytest.raises(ModuleNotFoundError, match=r"No module named 'tinygrad_np\.nnn'"):
        importlib.import_module("tinygrad_np.nnn")


def test_classes_are_the_same() -> None:
    assert importlib.import_module("tinygrad_np.nn").Linear is nn.Linear
    assert importlib.import_module("tinygrad_np.optim").Adam is nn.optim.adam.Adam
