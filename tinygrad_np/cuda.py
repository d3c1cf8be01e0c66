"""Answers to a script that asks for a GPU: there is none.

>>> import tinygrad_np as tg
>>> tg.device("cuda" if tg.cuda.is_available() else "cpu")
device(type='cpu')
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tinygrad_np.missing import names_in


def is_available() -> bool:
    """Whether there is a GPU: no."""
    return False


def device_count() -> int:
    """Number of GPUs: 0."""
    return 0


def manual_seed(seed: int) -> None:
    """Seed the generator of the GPU, which is not there: nothing happens."""


def manual_seed_all(seed: int) -> None:
    """Seed the generators of all GPUs: nothing happens."""


def empty_cache() -> None:
    """Give back the memory that the GPU holds unused: nothing happens."""


if not TYPE_CHECKING:  # a type checker knows what is missing
    __getattr__ = names_in(__name__)
