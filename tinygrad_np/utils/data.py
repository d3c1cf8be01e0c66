"""Datasets and loaders, at the place where PyTorch has them: every name is that of `nn.data`.

>>> from tinygrad_np.utils.data import DataLoader
>>> DataLoader.__module__
'nn.data.loader'
"""

from __future__ import annotations

import importlib
from typing import Any


def __getattr__(name: str) -> Any:
    """Look `name` up in `nn.data`, on first use: nn stands above this package."""
    return getattr(importlib.import_module("nn.data"), name)


def __dir__() -> list[str]:
    return dir(importlib.import_module("nn.data"))
