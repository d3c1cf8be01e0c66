"""OpenMP's threads, which are not used here."""

from __future__ import annotations


def is_available() -> bool:
    """Whether they can be used: no."""
    return False
