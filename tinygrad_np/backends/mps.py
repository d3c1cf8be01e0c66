"""Apple's GPUs, which are not used here."""

from __future__ import annotations


def is_available() -> bool:
    """Whether they can be used: no."""
    return False


def is_built() -> bool:
    """Whether this library was built for them: no."""
    return False
