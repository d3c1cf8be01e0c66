"""NVIDIA's library of kernels, which is not used here; its flags can be set, and do nothing."""

from __future__ import annotations

enabled = False
benchmark = False
deterministic = False
allow_tf32 = False


def is_available() -> bool:
    """Whether it can be used: no."""
    return False


def version() -> int | None:
    """Version of the library: None."""
    return None
