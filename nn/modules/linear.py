"""Affine layers, and those that only reshape."""

from __future__ import annotations

import math
from typing import Any

import nn.functional as F
import tinygrad_np as tg
from nn import init
from nn.modules.module import Module
from nn.parameter import Parameter


class Linear(Module):
    """Affine map of the last dimension: `y = x·Wᵀ + b`.

    Weight `(out_features, in_features)` and bias `(out_features)` start uniform in
    ±1/√in_features.

    Shapes: `(*, in_features)` to `(*, out_features)`.

    >>> import nn, tinygrad_np as tg
    >>> nn.Linear(784, 10)(tg.zeros(32, 784)).shape
    Size([32, 10])
    """

    weight: Parameter
    bias: Parameter | None

    def __init__(
        self,
        in_features: int,
        out_features: int,
        bias: bool = True,
        device: object = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        if in_features < 0 or out_features < 0:
            raise tg.ShapeError(
                f"Linear: sizes must not be negative: {in_features}, {out_features}"
            )
        self.in_features, self.out_features = in_features, out_features
        self.weight = Parameter(tg.empty(out_features, in_features, dtype=dtype, device=device))
        self.bias = Parameter(tg.empty(out_features, dtype=dtype)) if bias else None
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw weight and bias anew."""
        init.kaiming_uniform_(self.weight, a=math.sqrt(5))
        if self.bias is not None:
            bound = 1 / math.sqrt(self.in_features) if self.in_features else 0.0
            init.uniform_(self.bias, -bound, bound)

    def forward(self, input: Any) -> Any:
        """Apply the map."""
        return F.linear(input, self.weight, self.bias)

    def extra_repr(self) -> str:
        """Sizes."""
        return (
            f"in_features={self.in_features}, out_features={self.out_features}, "
            f"bias={self.bias is not None}"
        )


class Flatten(Module):
    """Dimensions from `start_dim` to `end_dim` joined into one; the batch stays.

    >>> import nn, tinygrad_np as tg
    >>> nn.Flatten()(tg.zeros(32, 1, 28, 28)).shape
    Size([32, 784])
    """

    def __init__(self, start_dim: int = 1, end_dim: int = -1) -> None:
        super().__init__()
        self.start_dim, self.end_dim = start_dim, end_dim

    def forward(self, input: Any) -> Any:
        """Join the dimensions."""
        return tg.flatten(input, self.start_dim, self.end_dim)

    def extra_repr(self) -> str:
        """Which dimensions."""
        return f"start_dim={self.start_dim}, end_dim={self.end_dim}"


class Identity(Module):
    """Give back the input, whatever the arguments."""

    def __init__(self, *_: Any, **__: Any) -> None:
        super().__init__()

    def forward(self, input: Any) -> Any:
        """Return the input."""
        return input
