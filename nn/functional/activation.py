"""Activations: functions of each element, and the softmax family."""

from __future__ import annotations

# ruff: noqa: PLC0414 - `x as x` says that a name is meant for those who import this module
from typing import TYPE_CHECKING

from tinygrad_np import log_softmax as log_softmax
from tinygrad_np import relu as _relu
from tinygrad_np import sigmoid as sigmoid
from tinygrad_np import softmax as softmax
from tinygrad_np import tanh as tanh

if TYPE_CHECKING:
    import tinygrad_np as tg


def relu(input: tg.Tensor, inplace: bool = False) -> tg.Tensor:
    """Positive part, max(x, 0); see `tinygrad_np.relu`.

    With `inplace`, the result takes the memory of the input, where no derivative needs the old
    numbers.
    """
    return input.relu_() if inplace else _relu(input)
