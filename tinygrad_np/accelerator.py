"""Answers to a script that asks for any accelerator: there is none.

>>> import tinygrad_np as tg
>>> tg.accelerator.current_accelerator().type if tg.accelerator.is_available() else "cpu"
'cpu'
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tinygrad_np.missing import names_in

if TYPE_CHECKING:
    from tinygrad_np.devices import device


def is_available() -> bool:
    """Whether there is an accelerator: no."""
    return False


def current_accelerator() -> device | None:
    """Device of the accelerator: None."""
    return None


def device_count() -> int:
    """Number of accelerators: 0."""
    return 0


if not TYPE_CHECKING:  # a type checker knows what is missing
    __getattr__ = names_in(__name__)
