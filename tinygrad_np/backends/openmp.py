"""OpenMP's threads, which are not used here."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tinygrad_np.missing import names_in


def is_available() -> bool:
    """Whether they can be used: no."""
    return False


if not TYPE_CHECKING:  # a type checker knows what is missing
    __getattr__ = names_in(__name__)
