"""Hypothesis strategies for the operands of a row of the table of ops."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import hypothesis.extra.numpy as hnp
import numpy as np
from cases import SIZES, Case
from hypothesis import strategies as st

if TYPE_CHECKING:
    Array = np.ndarray[Any, Any]

_NUMBERS = st.floats(0, 0.9375, width=16)  # which `Operand.place` puts into its domain


def _sizes(draw: st.DrawFn, case: Case) -> dict[str, int]:
    if not case.free_sizes:
        return SIZES
    used = sorted({s for operand in case.operands for s in operand.shape.split()} & SIZES.keys())
    return SIZES | {letter: draw(st.integers(case.least.get(letter, 1), 4)) for letter in used}


def _lead(draw: st.DrawFn, case: Case, least: int) -> tuple[int, ...]:
    return tuple(draw(st.lists(st.integers(least, 2), max_size=2))) if case.batch else ()


@st.composite
def operands_number_by_number(draw: st.DrawFn, case: Case) -> list[Array]:
    """Operands of drawn shapes; a failure shrinks to the plainest numbers that show it."""
    sizes, lead = _sizes(draw, case), _lead(draw, case, 1)
    return [
        operand.place(
            draw(hnp.arrays(np.float64, (*lead, *operand.sized(sizes)), elements=_NUMBERS)), sizes
        )
        for operand in case.operands
    ]


@st.composite
def operands(draw: st.DrawFn, case: Case) -> list[Array]:
    """Operands of drawn shapes, size 0 among them, from a drawn seed: four times as quick."""
    sizes, lead = _sizes(draw, case), _lead(draw, case, 0)
    return case.draw(draw(st.integers(0, 2**16)), sizes, lead)
