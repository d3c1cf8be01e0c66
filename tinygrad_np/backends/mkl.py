"""Intel's library of kernels, which is not used here."""

from __future__ import annotations


def is_available() -> bool:
    """Whether it can be used: no."""
    return False
