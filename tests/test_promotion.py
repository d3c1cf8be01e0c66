"""The dtype that an op computes in: that of its widest operand, and floats where it needs them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import tinygrad_np as tg
from tinygrad_np.core import Op, apply

RESULTS = [  # of a / b in PyTorch
    (tg.float64, tg.float32, tg.float64),
    (tg.float16, tg.int64, tg.float16),
    (tg.float16, tg.float32, tg.float32),
    (tg.int64, tg.float64, tg.float64),
    (tg.int64, tg.int32, tg.float32),
    (tg.bool, tg.uint8, tg.float32),
]


@pytest.mark.parametrize(("a", "b", "expected"), RESULTS)
@pytest.mark.parametrize("swap", [False, True])
def test_a_quotient_is_of_the_widest_float(a: Any, b: Any, expected: Any, swap: bool) -> None:
    x, y = tg.ones(2, dtype=a), tg.ones(2, dtype=b)
    assert (y / x if swap else x / y).dtype == expected


def test_numbers_reach_an_op_as_its_operands_need_them() -> None:
    """As floats beside floats, since NumPy takes these; and as an array of whole numbers else."""

    class Given(Op):
        promotes = slice(None)

        def __init__(self, *, floating: bool) -> None:
            self.floating = floating

        def forward(self, x: Any, number: Any) -> Any:
            given.append((x.dtype, type(number), number))
            return x

    given: list[Any] = []
    for floating in (False, True):
        apply(Given(floating=floating), tg.ones(2, dtype=tg.int32), 2)
    apply(Given(floating=False), tg.ones(2, dtype=tg.float64), np.float32(2))
    assert given == [
        (tg.int32, np.ndarray, 2),
        (tg.float32, float, 2.0),
        (tg.float64, float, 2.0),
    ]
