"""Arithmetic, comparison and elementwise methods and operators of a tensor."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

from tinygrad_np.core import Value
from tinygrad_np.ops import elementwise as ops
from tinygrad_np.ops import linalg

if TYPE_CHECKING:
    from tinygrad_np.dtypes import Number


class Arithmetic(Value):
    """Elementwise operators and methods, and the matrix product."""

    __slots__ = ()

    def __add__(self, other: Any) -> Self:
        return ops.add(self, other)

    __radd__ = __add__

    def __sub__(self, other: Any) -> Self:
        return ops.sub(self, other)

    def __rsub__(self, other: Any) -> Self:
        return ops.rsub(self, other)

    def __mul__(self, other: Any) -> Self:
        return ops.mul(self, other)

    __rmul__ = __mul__

    def __truediv__(self, other: Any) -> Self:
        return ops.div(self, other)

    def __rtruediv__(self, other: Any) -> Self:
        return ops.rdiv(self, other)

    def __pow__(self, exponent: Any) -> Self:
        return ops.pow(self, exponent)

    def __rpow__(self, base: Any) -> Self:
        return ops.rpow(self, base)

    def __matmul__(self, other: Any) -> Self:
        return linalg.matmul(self, other)

    def __neg__(self) -> Self:
        return ops.neg(self)

    def __pos__(self) -> Self:
        return self

    def __abs__(self) -> Self:
        return ops.abs(self)

    def __eq__(self, other: object) -> Self:  # type: ignore[override]  # elementwise, as in NumPy
        return NotImplemented if other is None else ops.eq(self, other)

    def __ne__(self, other: object) -> Self:  # type: ignore[override]  # elementwise, as in NumPy
        return NotImplemented if other is None else ops.ne(self, other)

    __hash__ = Value.__hash__  # a tensor is a key by identity, as in PyTorch

    def __lt__(self, other: Any) -> Self:
        return ops.lt(self, other)

    def __le__(self, other: Any) -> Self:
        return ops.le(self, other)

    def __gt__(self, other: Any) -> Self:
        return ops.gt(self, other)

    def __ge__(self, other: Any) -> Self:
        return ops.ge(self, other)

    def __and__(self, other: Any) -> Self:
        return ops.bitwise_and(self, other)

    __rand__ = __and__

    def __or__(self, other: Any) -> Self:
        return ops.bitwise_or(self, other)

    __ror__ = __or__

    def __xor__(self, other: Any) -> Self:
        return ops.bitwise_xor(self, other)

    __rxor__ = __xor__

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

    def div(self, other: Any) -> Self:
        """Quotient; see `tinygrad_np.div`."""
        return ops.div(self, other)

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
