"""Changes that no test can notice, and why: each reviewed by hand.

An entry reads `file::unit: the lines before => the lines after`, blanks squeezed, and `…` stands
for anything. An entry that speaks of no change any more is reported.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .changes import Change

ROW = "a row is an image of height 1, with one window: steps and spacing have nothing to skip"
SPEED = "decides which of two ways is taken, for speed; both give the same numbers"

EQUIVALENT = {
    "tinygrad_np/ops/conv.py::_convolve: op = … => …lifted(strides, 2)…": ROW,
    "tinygrad_np/ops/conv.py::_convolve: op = … => …lifted(dilations, 2)…": ROW,
    "tinygrad_np/ops/conv.py::_transposed: … => stride=lifted(strides, 2),": ROW,
    "tinygrad_np/ops/conv.py::_transposed: … => dilation=lifted(dilations, 2),": ROW,
    "tinygrad_np/ops/elementwise.py::Pow.vjp: return g * (b * … => …where(settled, 1.001, …": (
        "where it is chosen, the factor b is 0"
    ),
    "tinygrad_np/ops/elementwise.py::Pow.vjp: if not isinstance(a, … => if True:": SPEED,
    "tinygrad_np/ops/elementwise.py::Pow.vjp: … => return g * (y * log(where(…": (
        "the logarithm is that of 1 there: the inner mask gives 0 as well, the outer one inf * 0"
    ),
    "tinygrad_np/ops/elementwise.py::Pow.vjp: … => …log(where(settled, 1.001, …": (
        "where it is chosen, the outer mask is closed"
    ),
    "tinygrad_np/ops/elementwise.py::Pow.vjp: return g * where(b >= 0, 0.0, -y) => …1.001…": (
        "0 or infinite, and the same times 1.001"
    ),
}


def excuse(change: Change) -> str:
    """The entry that a change falls under, or nothing."""
    return next((entry for entry in EQUIVALENT if matches(entry, change.key)), "")


def matches(entry: str, key: str) -> bool:
    pattern = ".*".join(map(re.escape, entry.split("…")))
    return re.fullmatch(pattern, key) is not None
