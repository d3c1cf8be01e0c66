"""Division: exact, rounded, and what it leaves over."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar, cast

import numpy as np

from tinygrad_np.core import Array, Op, Operand, Thunks, apply
from tinygrad_np.ops.elementwise import zeros_like

if TYPE_CHECKING:
    from tinygrad_np.dtypes import Number

V = TypeVar("V")


class Div(Op):
    """Quotient of two operands."""

    __slots__ = ()
    formula = "y = a / b"
    derivative = "dy/da = 1/b, dy/db = −(a/b)/b"
    reads = ((1,), (0, 1))  # not the result: PyTorch lets that be overwritten
    broadcasts = True
    promotes = slice(None)
    floating = True

    def forward(self, a: Array, b: Array) -> Array:
        return a / b

    def vjp(self, g: Operand, a: Operand, b: Operand, _: Operand) -> Thunks:
        return (lambda: g / b, lambda: -g * (a / b / b))


class Whole(Op):
    """What the ops of whole quotients have in common: the dtype stays, and 0 divides no integer."""

    __slots__ = ()
    broadcasts = True
    promotes = slice(None)
    checkable = False  # of a large quotient no step is small enough not to leap over an integer

    def forward(self, a: Array, b: Array) -> Array:
        kind = np.result_type(a, b).kind
        if kind == "b":
            raise NotImplementedError(
                f"{self.name}: bools cannot be divided; convert with .int() first"
            )
        if kind in "iu" and not np.all(b):
            raise RuntimeError(
                f"{self.name}: an integer cannot be divided by 0; convert with .float() first"
            )
        with np.errstate(all="ignore"):
            return self.divided(a, b)

    def divided(self, a: Array, b: Array) -> Array:
        """Compute the result, where it exists."""
        raise NotImplementedError(self.name)


class DivRounded(Whole):
    """Quotient of two operands, rounded down or towards zero."""

    __slots__ = ("mode",)
    formula = "y = ⌊a/b⌋, or a/b without its fraction"
    derivative = "dy/da = 0, dy/db = 0"
    grad_fn = "DivBackward2"

    def __init__(self, mode: str) -> None:
        self.mode = mode

    def divided(self, a: Array, b: Array) -> Array:
        down = np.floor_divide(a, b)
        if self.mode == "floor":
            return cast("Array", down)
        if down.dtype.kind == "f":
            return cast("Array", np.trunc(a / b))
        return cast("Array", down + ((down < 0) & (down * b != a)))

    def vjp(self, g: Operand, *_: Operand) -> Thunks:
        return (lambda: zeros_like(g), lambda: zeros_like(g))


class FloorDivide(Whole):
    """Quotient of two operands, rounded down; PyTorch gives it no derivative, not even 0."""

    __slots__ = ()
    formula = "y = ⌊a/b⌋"
    derivative = "none: asking for one is an error"

    def divided(self, a: Array, b: Array) -> Array:
        return cast("Array", np.floor_divide(a, b))


class Remainder(Whole):
    """What a division rounded down leaves over: of the divisor's sign."""

    __slots__ = ()
    formula = "y = a − b·⌊a/b⌋"
    derivative = "dy/da = 1, dy/db = −⌊a/b⌋"
    reads = ((), (0, 1))

    def divided(self, a: Array, b: Array) -> Array:
        return cast("Array", np.remainder(a, b))

    def vjp(self, g: Operand, a: Operand, b: Operand, _: Operand) -> Thunks:
        return (lambda: g, lambda: -g * div(a, b, rounding_mode="floor"))


class Fmod(Whole):
    """What a division rounded towards zero leaves over: of the dividend's sign."""

    __slots__ = ()
    formula = "y = a − b·trunc(a/b)"
    derivative = "dy/da = 1, dy/db = −trunc(a/b)"
    reads = ((), (0, 1))

    def divided(self, a: Array, b: Array) -> Array:
        return cast("Array", np.fmod(a, b))

    def vjp(self, g: Operand, a: Operand, b: Operand, _: Operand) -> Thunks:
        return (lambda: g, lambda: -g * div(a, b, rounding_mode="trunc"))


_DIV, _FLOOR_DIVIDE, _REMAINDER, _FMOD = Div(), FloorDivide(), Remainder(), Fmod()
_ROUNDED = {mode: DivRounded(mode) for mode in ("floor", "trunc")}


def div(input: V, other: Operand, *, rounding_mode: str | None = None) -> V:
    """Quotient, broadcast; integers are divided as floats. Gradient: 1/other and −input/other².

    With `rounding_mode`, rounded down (`"floor"`) or towards zero (`"trunc"`): integers then stay
    integers, and the gradient is 0.

    Raises
    ------
    RuntimeError
        If there is no such `rounding_mode`; or if an integer is divided by 0 and rounded.

    >>> import tinygrad_np as tg
    >>> tg.div(tg.tensor([1, 2]), 4)
    tensor([0.2500, 0.5000])
    >>> tg.div(tg.tensor([-7, 7]), 2, rounding_mode="trunc")
    tensor([-3,  3])
    """
    if rounding_mode is None:
        return apply(_DIV, input, other)
    if rounding_mode not in _ROUNDED:
        raise RuntimeError(
            f"div: rounding_mode must be None, 'floor' or 'trunc', not {rounding_mode!r}"
        )
    return apply(_ROUNDED[rounding_mode], input, other)


def rdiv(input: V, other: Number) -> V:
    """Quotient the other way round, `other / input`; what `1 / x` calls."""
    return cast("V", apply(_DIV, other, input))


def floor_divide(input: V, other: Operand) -> V:
    """Quotient rounded down, broadcast: what `input // other` calls. Integers stay integers.

    It has no derivative, and asking for one is an error; `div` with `rounding_mode` has: 0.

    Raises
    ------
    RuntimeError
        If an integer is divided by 0.

    >>> import tinygrad_np as tg
    >>> tg.floor_divide(tg.tensor([-7, 7]), 2)
    tensor([-4,  3])
    """
    return apply(_FLOOR_DIVIDE, input, other)


def remainder(input: V, other: Operand) -> V:
    """What `floor_divide` leaves over, broadcast: `input % other`, with the sign of `other`.

    Gradient: 1 and −⌊input/other⌋.

    Raises
    ------
    RuntimeError
        If an integer is divided by 0.

    >>> import tinygrad_np as tg
    >>> tg.remainder(tg.tensor([-7, 7]), 3)
    tensor([2, 1])
    """
    return apply(_REMAINDER, input, other)


def fmod(input: V, other: Operand) -> V:
    """What a division rounded towards zero leaves over, broadcast, with the sign of `input`.

    Gradient: 1 and −trunc(input/other).

    Raises
    ------
    RuntimeError
        If an integer is divided by 0.

    >>> import tinygrad_np as tg
    >>> tg.fmod(tg.tensor([-7, 7]), 3)
    tensor([-1,  1])
    """
    return apply(_FMOD, input, other)


def rfloor_divide(input: V, other: Any) -> V:
    """Rounded quotient the other way round; what `7 // x` calls."""
    return cast("V", apply(_FLOOR_DIVIDE, other, input))


def rremainder(input: V, other: Any) -> V:
    """Remainder the other way round; what `7 % x` calls."""
    return cast("V", apply(_REMAINDER, other, input))
