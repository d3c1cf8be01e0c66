"""Ways to fill parameters before training. All work in place, outside the tape, and return it."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import tinygrad_np as tg
from tinygrad_np.missing import names_in

_GAINS = {
    "linear": 1.0,
    "conv1d": 1.0,
    "conv2d": 1.0,
    "conv3d": 1.0,
    "conv_transpose1d": 1.0,
    "conv_transpose2d": 1.0,
    "conv_transpose3d": 1.0,
    "sigmoid": 1.0,
    "tanh": 5 / 3,
    "relu": math.sqrt(2),
    "selu": 3 / 4,
}


def calculate_gain(nonlinearity: str, param: float | None = None) -> float:
    """Factor that keeps the variance of activations through a nonlinearity.

    >>> calculate_gain("relu") == math.sqrt(2)
    True
    """
    if nonlinearity == "leaky_relu":
        return math.sqrt(2 / (1 + (0.01 if param is None else param) ** 2))
    if nonlinearity not in _GAINS:
        known = ", ".join((*_GAINS, "leaky_relu"))
        raise ValueError(f"calculate_gain: {nonlinearity!r} is unknown; known are {known}")
    return _GAINS[nonlinearity]


def uniform_(
    tensor: tg.Tensor, a: float = 0.0, b: float = 1.0, generator: tg.Generator | None = None
) -> tg.Tensor:
    """Fill with uniform numbers in [a, b)."""
    with tg.no_grad():
        return tensor.uniform_(a, b, generator=generator)


def normal_(
    tensor: tg.Tensor, mean: float = 0.0, std: float = 1.0, generator: tg.Generator | None = None
) -> tg.Tensor:
    """Fill with normal numbers."""
    with tg.no_grad():
        return tensor.normal_(mean, std, generator=generator)


def constant_(tensor: tg.Tensor, val: float) -> tg.Tensor:
    """Fill with one value."""
    with tg.no_grad():
        return tensor.fill_(val)


def ones_(tensor: tg.Tensor) -> tg.Tensor:
    """Fill with ones."""
    return constant_(tensor, 1.0)


def zeros_(tensor: tg.Tensor) -> tg.Tensor:
    """Fill with zeros."""
    return constant_(tensor, 0.0)


def xavier_uniform_(
    tensor: tg.Tensor, gain: float = 1.0, generator: tg.Generator | None = None
) -> tg.Tensor:
    """Fill uniformly in ±gain·√(6 / (fan_in + fan_out)).

    Source: X. Glorot and Y. Bengio, "Understanding the difficulty of training deep feedforward
    neural networks", AISTATS 2010.
    """
    bound = math.sqrt(3) * _xavier_std(tensor, gain)
    return uniform_(tensor, -bound, bound, generator)


def xavier_normal_(
    tensor: tg.Tensor, gain: float = 1.0, generator: tg.Generator | None = None
) -> tg.Tensor:
    """Fill with normal numbers of deviation gain·√(2 / (fan_in + fan_out)). Source: as above."""
    return normal_(tensor, 0.0, _xavier_std(tensor, gain), generator)


def kaiming_uniform_(
    tensor: tg.Tensor,
    a: float = 0.0,
    mode: str = "fan_in",
    nonlinearity: str = "leaky_relu",
    generator: tg.Generator | None = None,
) -> tg.Tensor:
    """Fill uniformly in ±gain·√(3 / fan).

    Source: K. He et al., "Delving deep into rectifiers", ICCV 2015.
    """
    bound = math.sqrt(3) * _kaiming_std(tensor, a, mode, nonlinearity)
    return uniform_(tensor, -bound, bound, generator)


def kaiming_normal_(
    tensor: tg.Tensor,
    a: float = 0.0,
    mode: str = "fan_in",
    nonlinearity: str = "leaky_relu",
    generator: tg.Generator | None = None,
) -> tg.Tensor:
    """Fill with normal numbers of deviation gain/√fan. Source: as `kaiming_uniform_`."""
    return normal_(tensor, 0.0, _kaiming_std(tensor, a, mode, nonlinearity), generator)


def _xavier_std(tensor: tg.Tensor, gain: float) -> float:
    return gain * math.sqrt(2 / max(sum(_fans(tensor)), 1))


def _kaiming_std(tensor: tg.Tensor, a: float, mode: str, nonlinearity: str) -> float:
    if mode not in ("fan_in", "fan_out"):
        raise ValueError(f"mode must be 'fan_in' or 'fan_out', not {mode!r}")
    fan = _fans(tensor)[mode == "fan_out"]
    return calculate_gain(nonlinearity, a) / math.sqrt(max(fan, 1))


def _fans(tensor: tg.Tensor) -> tuple[int, int]:
    """How many inputs reach an output, and how many outputs an input reaches."""
    if tensor.ndim < 2:
        raise ValueError(
            f"fan-in and fan-out need at least 2 dimensions, and the tensor has shape "
            f"{tuple(tensor.shape)}; fill a bias with zeros_ or uniform_"
        )
    field = math.prod(tensor.shape[2:])
    return tensor.shape[1] * field, tensor.shape[0] * field


if not TYPE_CHECKING:  # a type checker knows what is missing
    __getattr__ = names_in(__name__)
