"""Arithmetic, comparison and elementwise methods and operators of a tensor."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self, TypeVar

import numpy as np

from tinygrad_np.core import Value
from tinygrad_np.ops import division, linalg
from tinygrad_np.ops import elementwise as ops
from tinygrad_np.tensor.creation import as_tensor

if TYPE_CHECKING:
    from collections.abc import Callable

    from tinygrad_np.dtypes import Number

V = TypeVar("V")


def _operator(function: Callable[[V, Any], V]) -> Callable[[V, Any], V]:
    """Let `t * array` read the array as a tensor over its memory, which `mul(t, array)` does not.

    It is looked for when the function has refused it, for what is no array should not wait.
    """

    def operator(self: V, other: Any) -> V:
        try:
            return function(self, other)
        except TypeError:
            if not isinstance(other, np.ndarray):
                raise
        return function(self, as_tensor(other))

    return operator


_eq, _ne = _operator(ops.eq), _operator(ops.ne)
_COMPARABLE = (Value, int, float, complex, np.generic, np.ndarray)  # else equal to itself alone


class Arithmetic(Value):
    """Elementwise operators and methods, and the matrix product."""

    __slots__ = ()

    __add__ = __radd__ = _operator(ops.add)

    __sub__ = _operator(ops.sub)

    def __rsub__(self, other: Any) -> Self:
        return ops.rsub(self, other)

    __mul__ = __rmul__ = _operator(ops.mul)

    __truediv__ = _operator(division.div)

    def __rtruediv__(self, other: Any) -> Self:
        return division.rdiv(self, other)

    __floordiv__ = _operator(division.floor_divide)

    def __rfloordiv__(self, other: Any) -> Self:
        return division.rfloor_divide(self, other)

    __mod__ = _operator(division.remainder)

    def __rmod__(self, other: Any) -> Self:
        return division.rremainder(self, other)

    __pow__ = _operator(ops.pow)

    def __rpow__(self, base: Any) -> Self:
        return ops.rpow(self, base)

    __matmul__ = _operator(linalg.matmul)

    def __neg__(self) -> Self:
        return ops.neg(self)

    def __pos__(self) -> Self:
        return self

    def __abs__(self) -> Self:
        return ops.abs(self)

    def __eq__(self, other: object) -> Self:  # type: ignore[override]  # elementwise, as in NumPy
        return _eq(self, other) if isinstance(other, _COMPARABLE) else NotImplemented

    def __ne__(self, other: object) -> Self:  # type: ignore[override]  # elementwise, as in NumPy
        return _ne(self, other) if isinstance(other, _COMPARABLE) else NotImplemented

    __hash__ = Value.__hash__  # a tensor is a key by identity, as in PyTorch

    __lt__ = _operator(ops.lt)
    __le__ = _operator(ops.le)
    __gt__ = _operator(ops.gt)
    __ge__ = _operator(ops.ge)
    __and__ = __rand__ = _operator(ops.bitwise_and)

    __or__ = __ror__ = _operator(ops.bitwise_or)

    __xor__ = __rxor__ = _operator(ops.bitwise_xor)

    def __invert__(self) -> Self:
        return ops.bitwise_not(self)

    def add(self, other: Any, *, alpha: Number = 1) -> Self:
        """Sum; see `tinygrad_np.add`."""
        return ops.add(self, other, alpha=alpha)

    def sub(self, other: Any, *, alpha: Number = 1) -> Self:
        """Difference; see `tinygrad_np.sub`."""
        return ops.sub(self, other, alpha=alpha)

    def mul(self, other: Any) -> Self:
        """Product; see `tinygrad_np.mul`."""
        return ops.mul(self, other)

    def div(self, other: Any, *, rounding_mode: str | None = None) -> Self:
        """Quotient; see `tinygrad_np.div`."""
        return division.div(self, other, rounding_mode=rounding_mode)

    def floor_divide(self, other: Any) -> Self:
        """Quotient rounded down; see `tinygrad_np.floor_divide`."""
        return division.floor_divide(self, other)

    def remainder(self, other: Any) -> Self:
        """Remainder with the divisor's sign; see `tinygrad_np.remainder`."""
        return division.remainder(self, other)

    def fmod(self, other: Any) -> Self:
        """Remainder with this tensor's sign; see `tinygrad_np.fmod`."""
        return division.fmod(self, other)

    def pow(self, exponent: Any) -> Self:
        """Power; see `tinygrad_np.pow`."""
        return ops.pow(self, exponent)

    def matmul(self, other: Any) -> Self:
        """Matrix product; see `tinygrad_np.matmul`."""
        return linalg.matmul(self, other)

    def neg(self) -> Self:
        """Opposite; see `tinygrad_np.neg`."""
        return ops.neg(self)

    def abs(self) -> Self:
        """Absolute value; see `tinygrad_np.abs`."""
        return ops.abs(self)

    def sign(self) -> Self:
        """Sign; see `tinygrad_np.sign`."""
        return ops.sign(self)

    def exp(self) -> Self:
        """Exponential; see `tinygrad_np.exp`."""
        return ops.exp(self)

    def log(self) -> Self:
        """Natural logarithm; see `tinygrad_np.log`."""
        return ops.log(self)

    def sqrt(self) -> Self:
        """Square root; see `tinygrad_np.sqrt`."""
        return ops.sqrt(self)

    def square(self) -> Self:
        """Square; see `tinygrad_np.square`."""
        return ops.square(self)

    def tanh(self) -> Self:
        """Hyperbolic tangent; see `tinygrad_np.tanh`."""
        return ops.tanh(self)

    def sigmoid(self) -> Self:
        """Logistic function; see `tinygrad_np.sigmoid`."""
        return ops.sigmoid(self)

    def relu(self) -> Self:
        """Positive part; see `tinygrad_np.relu`."""
        return ops.relu(self)

    def maximum(self, other: Any) -> Self:
        """Larger of two; see `tinygrad_np.maximum`."""
        return ops.maximum(self, other)

    def minimum(self, other: Any) -> Self:
        """Smaller of two; see `tinygrad_np.minimum`."""
        return ops.minimum(self, other)

    def where(self, condition: Any, other: Any) -> Any:
        """Keep the elements where `condition`, else take `other`; see `tinygrad_np.where`."""
        return ops.where(condition, self, other)

    def eq(self, other: Any) -> Self:
        """Whether equal, place by place."""
        return ops.eq(self, other)

    def ne(self, other: Any) -> Self:
        """Whether different, place by place."""
        return ops.ne(self, other)

    def lt(self, other: Any) -> Self:
        """Whether less, place by place."""
        return ops.lt(self, other)

    def le(self, other: Any) -> Self:
        """Whether less or equal, place by place."""
        return ops.le(self, other)

    def gt(self, other: Any) -> Self:
        """Whether greater, place by place."""
        return ops.gt(self, other)

    def ge(self, other: Any) -> Self:
        """Whether greater or equal, place by place."""
        return ops.ge(self, other)

    def isnan(self) -> Self:
        """Whether each element is NaN."""
        return ops.isnan(self)

    def isinf(self) -> Self:
        """Whether each element is infinite."""
        return ops.isinf(self)

    def isfinite(self) -> Self:
        """Whether each element is neither infinite nor NaN."""
        return ops.isfinite(self)
