"""Intel's library of kernels, which is not used here."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tinygrad_np.missing import names_in


def is_available() -> bool:
    """Whether it can be used: no."""
    return False


if not TYPE_CHECKING:  # a type checker knows what is missing
    __getattr__ = names_in(__name__)
