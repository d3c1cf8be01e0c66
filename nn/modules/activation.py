"""Activations as modules; the functions are in `nn.functional`."""

from __future__ import annotations

from typing import Any

import nn.functional as F
from nn.functional.checks import check_probability
from nn.modules.module import Module


class ReLU(Module):
    """Positive part, max(x, 0); with `inplace`, in the memory of the input.

    >>> import nn, tinygrad_np as tg
    >>> nn.ReLU()(tg.tensor([-1.0, 2.0]))
    tensor([0., 2.])
    """

    def __init__(self, inplace: bool = False) -> None:
        super().__init__()
        self.inplace = inplace

    def forward(self, input: Any) -> Any:
        """Apply it."""
        return F.relu(input, self.inplace)

    def extra_repr(self) -> str:
        """Whether in place."""
        return "inplace=True" if self.inplace else ""


class Sigmoid(Module):
    """Logistic function, 1 / (1 + exp(−x)).

    >>> import nn, tinygrad_np as tg
    >>> nn.Sigmoid()(tg.tensor([0.0]))
    tensor([0.5000])
    """

    def forward(self, input: Any) -> Any:
        """Apply it."""
        return F.sigmoid(input)


class Tanh(Module):
    """Hyperbolic tangent.

    >>> import nn, tinygrad_np as tg
    >>> nn.Tanh()(tg.tensor([0.0]))
    tensor([0.])
    """

    def forward(self, input: Any) -> Any:
        """Apply it."""
        return F.tanh(input)


class Dropout(Module):
    """While training, zero each element with probability `p` and scale the others by 1/(1 − p).

    >>> import nn, tinygrad_np as tg
    >>> nn.Dropout(0.5).eval()(tg.ones(3))
    tensor([1., 1., 1.])
    """

    def __init__(self, p: float = 0.5, inplace: bool = False) -> None:
        super().__init__()
        check_probability("Dropout", p)
        self.p, self.inplace = p, inplace

    def forward(self, input: Any) -> Any:
        """Drop while training, else pass."""
        return F.dropout(input, self.p, self.training, self.inplace)

    def extra_repr(self) -> str:
        """Probability, and whether in place."""
        return f"p={self.p}, inplace={self.inplace}"
