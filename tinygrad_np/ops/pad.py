"""Padding: with a constant, or with what the input itself continues to."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

import numpy as np

from tinygrad_np.core import Array, Op, Operand, Thunks, apply
from tinygrad_np.errors import ShapeError
from tinygrad_np.ops.checks import check_number, check_tensor, integer
from tinygrad_np.ops.index import GetItem

if TYPE_CHECKING:
    from collections.abc import Sequence

V = TypeVar("V")

MODES = ("constant", "reflect", "replicate", "circular")


class Pad(Op):
    """The operand with constants around it."""

    __slots__ = ("value", "widths")
    formula = "y = x within constants"
    derivative = "dx = dy without the places of the constants"

    grad_fn = "ConstantPadNdBackward0"

    def __init__(self, widths: tuple[tuple[int, int], ...], value: float) -> None:
        self.widths, self.value = widths, value  # (before, after) of each dimension

    def forward(self, x: Array) -> Array:
        shape = [
            n + before + after for n, (before, after) in zip(x.shape, self.widths, strict=True)
        ]
        y = np.empty_like(x, shape=shape)
        y[...] = self.value
        y[self.inside(x.shape)] = x
        return y

    def vjp(self, g: Operand, x: Operand, _: Operand) -> Thunks:
        return (lambda: apply(GetItem(self.inside(x.shape)), g),)

    def inside(self, shape: tuple[int, ...]) -> tuple[slice, ...]:
        """Where the operand lies in the result."""
        return tuple(
            slice(before, before + n) for n, (before, _) in zip(shape, self.widths, strict=True)
        )


def pad(input: V, pad: Sequence[int], mode: str = "constant", value: float | None = None) -> V:
    """Put `pad = (left, right, top, bottom, …)` places around the last dimensions.

    Shapes: dimension −1 grows by `pad[0] + pad[1]`, dimension −2 by `pad[2] + pad[3]`, and so on;
    negative numbers crop. `mode`: 'constant' (`value`, 0 by default) pads any dimensions;
    'reflect' (mirrored, the edge not doubled), 'replicate' (the edge goes on) and 'circular' (from
    the other end) pad the last one of `(N, C, L)` or the last two of `(N, C, H, W)`, batched or
    not. Gradient: cropped; what a place was copied to is added up.

    Raises
    ------
    ShapeError
        If the numbers do not fit the shape, or reflect or wrap further than the input reaches.
    NotImplementedError
        If `mode` is unknown, or pads other dimensions than these.
    RuntimeError
        If a `value` is given for a mode that takes none.

    >>> import tinygrad_np as tg
    >>> F, x = tg.nn.functional, tg.tensor([[1.0, 2.0, 3.0]])
    >>> F.pad(x, (1, 2), value=9.0)
    tensor([[9., 1., 2., 3., 9., 9.]])
    >>> F.pad(x, (2, 1), mode="reflect")
    tensor([[3., 2., 1., 2., 3., 2.]])
    >>> F.pad(x, (2, 1), mode="circular")
    tensor([[2., 3., 1., 2., 3., 1.]])
    """
    x: Operand = input
    check_tensor("pad", "input", x)
    if not isinstance(pad, (tuple, list)):
        raise TypeError(f"pad: pad must be ints in a tuple, (left, right, …), not {pad!r}")
    given = tuple(integer("pad", "each number of pad", p) for p in pad)
    if mode not in MODES:
        raise NotImplementedError(f"pad: mode must be one of {', '.join(MODES)}, not {mode!r}")
    if len(given) % 2 or len(given) > 2 * x.ndim:
        raise ShapeError(
            f"pad: {given} must hold two numbers for each padded dimension, and the input of shape "
            f"{tuple(x.shape)} has {x.ndim}"
        )
    last_first = tuple(zip(given[::2], given[1::2], strict=True))
    n = len(last_first)
    widths = ((0, 0),) * (x.ndim - n) + last_first[::-1]
    if any(n + before + after < 0 for n, (before, after) in zip(x.shape, widths, strict=True)):
        raise ShapeError(f"pad: {given} crops more than the input of shape {tuple(x.shape)} has")
    if mode == "constant":
        fill = 0.0 if value is None else value
        check_number("pad", "value", fill, x.dtype)
        return _constant(input, widths, fill)
    if value:
        raise RuntimeError(f"pad: mode {mode!r} takes no value, and got {value}")
    if n not in (1, 2, 3) or x.ndim not in (n + 1, n + 2):
        raise NotImplementedError(
            f"pad: mode {mode!r} with {len(given)} numbers pads the last {n} of {n + 1} or "
            f"{n + 2} dimensions, and the input has shape {tuple(x.shape)}"
        )
    for dim in range(x.ndim - n, x.ndim):
        if any(widths[dim]):
            input = _continue(input, dim, widths[dim], mode)
    return input if any(given) else _constant(input, widths, 0.0)  # a copy, whatever the mode


def _constant(input: V, widths: tuple[tuple[int, int], ...], value: float) -> V:
    """Crop what is negative, then pad."""
    x: Operand = input
    if any(side < 0 for width in widths for side in width):
        kept = tuple(
            slice(max(0, -before), n - max(0, -after))
            for n, (before, after) in zip(x.shape, widths, strict=True)
        )
        input = apply(GetItem(kept), input)
    return apply(Pad(tuple((max(0, a), max(0, b)) for a, b in widths), value), input)


def _continue(input: V, dim: int, width: tuple[int, int], mode: str) -> V:
    """Read, along one dimension, the places that stand in for those beyond the ends."""
    x: Operand = input
    size, most = x.shape[dim], max(width)
    limit = {"reflect": size - 1, "circular": size}.get(mode, most if size else 0)
    if most > limit:
        raise ShapeError(
            f"pad: mode {mode!r} can pad dimension {dim} of size {size} by at most {limit}, and "
            f"{width} was asked for; pad less, or with mode 'constant'"
        )
    places = np.arange(-width[0], size + width[1])
    if mode == "circular":  # what is cropped does not come round again
        kept = np.arange(max(0, -width[0]), size - max(0, -width[1]))
        places = kept[(places - kept[0]) % len(kept)] if len(kept) else kept
    elif mode == "replicate":
        places = places.clip(0, size - 1)
    else:
        places = (size - 1) - abs((size - 1) - abs(places))
    return apply(GetItem((*(slice(None),) * dim, places)), input)
