"""NVIDIA's library of kernels, which is not used here; its flags can be set, and do nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tinygrad_np.missing import names_in

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


if not TYPE_CHECKING:  # a type checker knows what is missing
    __getattr__ = names_in(__name__)
