"""Ops of three operands: bounds, interpolation, and products added to a sum."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar, cast

import numpy as np

from tinygrad_np.core import Array, Op, Operand, Thunks, Value, apply
from tinygrad_np.dtypes import result_type
from tinygrad_np.errors import DtypeError
from tinygrad_np.ops.checks import check_tensor
from tinygrad_np.ops.elementwise import abs, to_dtype, where

if TYPE_CHECKING:
    from tinygrad_np.dtypes import Number

V = TypeVar("V")


class ClampMin(Op):
    """The larger of an operand and its lower bound; NaN if either is."""

    __slots__ = ()
    formula = "y = max(x, lo)"
    derivative = "dy/dx = 1 where x ≥ lo, dy/dlo = 1 where x < lo"
    reads = ((0, 1), (0, 1))
    broadcasts = True
    promotes = slice(None)

    def forward(self, x: Array, lo: Array) -> Array:
        return np.maximum(x, lo)

    def vjp(self, g: Operand, x: Operand, lo: Operand, _: Operand) -> Thunks:
        return (lambda: where(x >= lo, g, 0.0), lambda: where(x < lo, g, 0.0))


class ClampMax(Op):
    """The smaller of an operand and its upper bound; NaN if either is."""

    __slots__ = ()
    formula = "y = min(x, hi)"
    derivative = "dy/dx = 1 where x ≤ hi, dy/dhi = 1 where x > hi"
    reads = ((0, 1), (0, 1))
    broadcasts = True
    promotes = slice(None)

    def forward(self, x: Array, hi: Array) -> Array:
        return np.minimum(x, hi)

    def vjp(self, g: Operand, x: Operand, hi: Operand, _: Operand) -> Thunks:
        return (lambda: where(x <= hi, g, 0.0), lambda: where(x > hi, g, 0.0))


class Clamp(Op):
    """An operand held between two bounds; the upper one wins where they cross."""

    __slots__ = ()
    formula = "y = min(max(x, lo), hi)"
    derivative = "dy/dx = 1 where lo ≤ x ≤ hi; dy/dlo = 1 where x < lo < hi; dy/dhi = 1 above hi"
    grad_fn = "ClampBackward1"
    reads = ((0, 1, 2), (0, 1, 2), (0, 1, 2))
    broadcasts = True
    promotes = slice(None)

    def forward(self, x: Array, lo: Array, hi: Array) -> Array:
        return np.minimum(np.maximum(x, lo), hi)

    def vjp(self, g: Operand, x: Operand, lo: Operand, hi: Operand, _: Operand) -> Thunks:
        return (
            lambda: where((x >= lo) & (x <= hi), g, 0.0),
            lambda: where((x < lo) & (lo < hi), g, 0.0),
            lambda: where((x > hi) | (hi < lo), g, 0.0),
        )


_CLAMP_MIN, _CLAMP_MAX, _CLAMP = ClampMin(), ClampMax(), Clamp()


def clamp(input: V, min: Operand | None = None, max: Operand | None = None) -> V:
    """Hold each element between `min` and `max`: numbers, or tensors that broadcast; or one alone.

    NaN stays NaN. Gradient: to `input` within the bounds and at them, to a bound beyond it.

    Raises
    ------
    RuntimeError
        If neither bound is given.

    >>> import tinygrad_np as tg
    >>> tg.clamp(tg.tensor([-2.0, 0.5, 2.0]), -1, 1)
    tensor([-1.0000,  0.5000,  1.0000])
    """
    check_tensor("clamp", "input", input)
    if min is None and max is None:
        raise RuntimeError("clamp: at least one of min and max must be given")
    if max is None:
        return apply(_CLAMP_MIN, input, min)
    if min is None:
        return apply(_CLAMP_MAX, input, max)
    return apply(_CLAMP, input, min, max)


def clip(input: V, min: Operand | None = None, max: Operand | None = None) -> V:
    """NumPy's name of `clamp`."""
    return clamp(input, min, max)


def clamp_min(input: V, min: Operand) -> V:
    """Raise each element to at least `min`; see `clamp`.

    >>> import tinygrad_np as tg
    >>> tg.clamp_min(tg.tensor([-2.0, 0.5]), 0)
    tensor([0.0000, 0.5000])
    """
    return clamp(input, min=min)


def clamp_max(input: V, max: Operand) -> V:
    """Lower each element to at most `max`; see `clamp`."""
    return clamp(input, max=max)


def addcmul(input: V, tensor1: V, tensor2: V, *, value: Number = 1) -> V:
    """Sum `input + value·tensor1·tensor2`, broadcast; computed in the dtype of the result.

    Raises
    ------
    NotImplementedError
        If all three are of bools.

    >>> import tinygrad_np as tg
    >>> tg.addcmul(tg.ones(2), tg.tensor([1.0, 2.0]), tg.tensor([3.0, 4.0]), value=10)
    tensor([31., 81.])
    """
    x, a, b = _alike(*_tensors("addcmul", input=input, tensor1=tensor1, tensor2=tensor2))
    if x.dtype.kind == "b":
        raise NotImplementedError("addcmul: bools cannot be multiplied; convert with .int() first")
    if x.dtype.kind != "f":
        value = int(value)
    product = a * b
    return cast("V", x + (product if value == 1 else product * value))


def addcdiv(input: V, tensor1: V, tensor2: V, *, value: Number = 1) -> V:
    """Sum `input + value·tensor1/tensor2`, broadcast; computed in the dtype of the result.

    Raises
    ------
    DtypeError
        If both `tensor1` and `tensor2` are of integers.

    >>> import tinygrad_np as tg
    >>> tg.addcdiv(tg.ones(2), tg.tensor([1.0, 2.0]), tg.tensor([4.0, 4.0]), value=2)
    tensor([1.5000, 2.0000])
    """
    x, a, b = _tensors("addcdiv", input=input, tensor1=tensor1, tensor2=tensor2)
    if "f" not in (a.dtype.kind, b.dtype.kind):
        raise DtypeError(
            f"addcdiv: {a.dtype} cannot be divided by {b.dtype} here; convert one with .float()"
        )
    x, a, b = _alike(x, a, b)
    quotient = a / b
    return cast("V", x + (quotient if value == 1 else quotient * value))


def lerp(input: V, end: V, weight: Operand) -> V:
    """Go from `input` to `end` by `weight`: `input + weight·(end − input)`, broadcast.

    From a weight of 1/2 on computed from the other side, so that a weight of 1 gives `end` itself.
    Gradient: 1 − weight, weight, and end − input.

    Raises
    ------
    DtypeError
        If `input` and `end` are not of one floating dtype.

    >>> import tinygrad_np as tg
    >>> tg.lerp(tg.tensor([0.0, 10.0]), tg.tensor([10.0, 20.0]), 0.25)
    tensor([ 2.5000, 12.5000])
    """
    x, y = _tensors("lerp", input=input, end=end)
    w: Operand = weight
    if x.dtype != y.dtype or x.dtype.kind != "f":
        raise DtypeError(
            f"lerp: input is {x.dtype} and end is {y.dtype}; both must be of one floating dtype"
        )
    way = y - x
    if isinstance(w, Value):
        u: Operand = w
        return cast("V", where(abs(u) < 0.5, x + u * way, y - way * (1 - u)))
    return cast("V", x + w * way if -0.5 < w < 0.5 else y - way * (1 - w))


def _tensors(name: str, **operands: Operand) -> tuple[Operand, ...]:
    for role, x in operands.items():
        check_tensor(name, role, x)
    return tuple(operands.values())


def _alike(*tensors: Operand) -> tuple[Operand, ...]:
    """Bring tensors to one dtype before the first of several ops, which might know a lower one."""
    dtype = result_type(*tensors)
    return tuple(x if x.dtype == dtype else to_dtype(x, dtype) for x in tensors)
