"""Elementwise ops: each place of the result depends on that place of the operands alone."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, TypeVar, cast

import numpy as np

from tinygrad_np.core import RESULT, Array, Op, Operand, Thunks, apply
from tinygrad_np.dtypes import SUPPORTED, get_default_dtype, result_type
from tinygrad_np.errors import DtypeError, no_bits
from tinygrad_np.kernels.select import select
from tinygrad_np.kernels.softmax import sigmoid as sigmoid_kernel
from tinygrad_np.kernels.threads import LARGE, each, stretches
from tinygrad_np.ops.checks import check_tensor
from tinygrad_np.ops.nonzero import nonzero
from tinygrad_np.pair import apply_pair
from tinygrad_np.promotion import Cast

if TYPE_CHECKING:
    from tinygrad_np.dtypes import Dtype, Number

V = TypeVar("V")


class Add(Op):
    """Sum of two operands."""

    __slots__ = ()
    formula = "y = a + b"
    derivative = "dy/da = 1, dy/db = 1"
    broadcasts = True
    promotes = slice(None)

    def forward(self, a: Array, b: Array) -> Array:
        return a + b

    def vjp(self, g: Operand, *_: Operand) -> Thunks:
        return (lambda: g, lambda: g)


class Sub(Op):
    """Difference of two operands."""

    __slots__ = ()
    formula = "y = a − b"
    derivative = "dy/da = 1, dy/db = −1"
    broadcasts = True
    promotes = slice(None)
    bools = False

    def forward(self, a: Array, b: Array) -> Array:
        return a - b

    def vjp(self, g: Operand, *_: Operand) -> Thunks:
        return (lambda: g, lambda: -g)


class Mul(Op):
    """Product of two operands, place by place."""

    __slots__ = ()
    formula = "y = a·b"
    derivative = "dy/da = b, dy/db = a"
    reads = ((1,), (0,))
    broadcasts = True
    promotes = slice(None)

    def forward(self, a: Array, b: Array) -> Array:
        return a * b

    def vjp(self, g: Operand, a: Operand, b: Operand, _: Operand) -> Thunks:
        return (lambda: g * b, lambda: g * a)


class Pow(Op):
    """The first operand raised to the second."""

    __slots__ = ()
    formula = "y = aᵇ"
    derivative = "dy/da = b·aᵇ⁻¹ (0 where b = 0), dy/db = y·log a (0 where a = 0 ≤ b)"
    reads = ((0, 1), (0, 1, RESULT))
    broadcasts = True
    promotes = slice(None)

    def forward(self, a: Array, b: Array) -> Array:
        if isinstance(b, np.ndarray) and b.dtype.kind in "bi":
            return _whole_power(a, b)
        return a**b

    def vjp(self, g: Operand, a: Operand, b: Operand, y: Operand) -> Thunks:
        def base() -> Operand:
            if isinstance(b, (int, float)):
                return zeros_like(g) if b == 0 else g * (b * a ** (b - 1))
            # 0·0⁻¹ and 0·NaN are 0, with all derivatives; elsewhere the formula holds, and its own.
            settled = (b == 0) & ((a == 0) | isnan(a))
            return g * (where(settled, 0.0, b) * where(settled, 1.0, a) ** (b - 1))

        def exponent() -> Operand:
            if not isinstance(a, (int, float)):
                settled = (a == 0) & (b >= 0)
                return g * (y * log(where(settled, 1.0, a)))  # where settled, y·log 1
            if a == 0:
                return g * where(b >= 0, 0.0, -y)
            return g * y * (math.log(a) if a > 0 else math.nan)

        return (base, exponent)


def _whole_power(a: Array, b: Array) -> Array:
    """Power of integers or bools; 1/aⁿ is rounded towards zero, but refused for a single n."""
    if b.dtype.kind == "b":
        return (a**b).astype(b.dtype)
    negative = b < 0
    if not negative.any():
        return a**b
    if b.ndim == 0:
        raise RuntimeError(
            "pow: integers cannot be raised to negative powers; convert with .float() first"
        )
    return np.where(negative, np.where(np.abs(a) == 1, a ** (b & 1), 0), a ** np.maximum(b, 0))


class Neg(Op):
    """The opposite number."""

    __slots__ = ()
    formula = "y = −x"
    derivative = "dy/dx = −1"
    bools = False

    def forward(self, x: Array) -> Array:
        return -x

    def vjp(self, g: Operand, *_: Operand) -> Thunks:
        return (lambda: -g,)


class Abs(Op):
    """Distance from zero."""

    __slots__ = ()
    formula = "y = |x|"
    derivative = "dy/dx = sign x, 0 at 0"
    reads = ((0,),)

    def forward(self, x: Array) -> Array:
        return np.abs(x)

    def vjp(self, g: Operand, x: Operand, _: Operand) -> Thunks:
        return (lambda: g * sign(x),)


class Sign(Op):
    """−1, 0 or 1."""

    __slots__ = ()
    formula = "y = sign x"
    derivative = "dy/dx = 0"

    def forward(self, x: Array) -> Array:
        return np.sign(x)

    def vjp(self, g: Operand, *_: Operand) -> Thunks:
        return (lambda: zeros_like(g),)


class ZerosLike(Op):
    """Zeros of the operand's shape and dtype."""

    __slots__ = ()
    formula = "y = 0"
    derivative = "dy/dx = 0"

    def forward(self, x: Array) -> Array:
        return np.zeros_like(x)

    def vjp(self, g: Operand, *_: Operand) -> Thunks:
        return (lambda: zeros_like(g),)


class Exp(Op):
    """Exponential function."""

    __slots__ = ()
    formula = "y = eˣ"
    derivative = "dy/dx = y"
    reads = ((RESULT,),)
    promotes = slice(None)
    floating = True

    def forward(self, x: Array) -> Array:
        return np.exp(x)

    def vjp(self, g: Operand, _: Operand, y: Operand) -> Thunks:
        return (lambda: g * y,)


class Log(Op):
    """Natural logarithm."""

    __slots__ = ()
    formula = "y = log x"
    derivative = "dy/dx = 1/x"
    reads = ((0,),)
    promotes = slice(None)
    floating = True

    def forward(self, x: Array) -> Array:
        return np.log(x)

    def vjp(self, g: Operand, x: Operand, _: Operand) -> Thunks:
        return (lambda: g / x,)


class Sqrt(Op):
    """Square root."""

    __slots__ = ()
    formula = "y = √x"
    derivative = "dy/dx = 1/(2y), inf at 0"
    reads = ((RESULT,),)
    promotes = slice(None)
    floating = True

    def forward(self, x: Array) -> Array:
        return np.sqrt(x)

    def vjp(self, g: Operand, _: Operand, y: Operand) -> Thunks:
        return (lambda: g / (2.0 * y),)


class Tanh(Op):
    """Hyperbolic tangent."""

    __slots__ = ()
    formula = "y = tanh x"
    derivative = "dy/dx = 1 − y²"
    reads = ((RESULT,),)
    promotes = slice(None)
    floating = True

    def forward(self, x: Array) -> Array:
        return np.tanh(x)

    def vjp(self, g: Operand, _: Operand, y: Operand) -> Thunks:
        return (lambda: g * (1.0 - y * y),)


class Sigmoid(Op):
    """Logistic function."""

    __slots__ = ()
    formula = "y = 1 / (1 + e⁻ˣ)"
    derivative = "dy/dx = y·(1 − y)"
    reads = ((RESULT,),)
    promotes = slice(None)
    floating = True

    def forward(self, x: Array) -> Array:
        return sigmoid_kernel(x)

    def vjp(self, g: Operand, _: Operand, y: Operand) -> Thunks:
        return (lambda: g * (y * (1.0 - y)),)


class Relu(Op):
    """Positive part; NaN stays NaN, and shows."""

    __slots__ = ()
    formula = "y = max(x, 0)"
    derivative = "dy/dx = 1 where y > 0, 0 at and below 0"
    reads = ((RESULT,),)

    def forward(self, x: Array) -> Array:
        zero = _ZERO[x.dtype]
        if x.nbytes < LARGE:
            return np.maximum(x, zero)
        y = np.empty_like(x)
        each(lambda at: np.maximum(x[at], zero, out=y[at]), stretches(x))
        return y

    def vjp(self, g: Operand, _: Operand, y: Operand) -> Thunks:
        return (lambda: where(y <= 0, 0.0, g),)


class Maximum(Op):
    """The larger of two operands; NaN if either is."""

    __slots__ = ()
    formula = "y = max(a, b)"
    derivative = "dy/da = 1 where a > b, ½ where equal, else 0"
    reads = ((0, 1), (0, 1))
    broadcasts = True
    promotes = slice(None)

    def forward(self, a: Array, b: Array) -> Array:
        return np.maximum(a, b)

    def vjp(self, g: Operand, a: Operand, b: Operand, _: Operand) -> Thunks:
        halved = where(a == b, g * 0.5, g)
        return (lambda: where(a < b, 0.0, halved), lambda: where(a > b, 0.0, halved))


class Minimum(Op):
    """The smaller of two operands; NaN if either is."""

    __slots__ = ()
    formula = "y = min(a, b)"
    derivative = "dy/da = 1 where a < b, ½ where equal, else 0"
    reads = ((0, 1), (0, 1))
    broadcasts = True
    promotes = slice(None)

    def forward(self, a: Array, b: Array) -> Array:
        return np.minimum(a, b)

    def vjp(self, g: Operand, a: Operand, b: Operand, _: Operand) -> Thunks:
        halved = where(a == b, g * 0.5, g)
        return (lambda: where(a > b, 0.0, halved), lambda: where(a < b, 0.0, halved))


class Where(Op):
    """Selection: the second operand where the mask is true, else the third."""

    __slots__ = ()
    formula = "y = a if mask else b"
    derivative = "dy/da = mask, dy/db = not mask (selected, not multiplied)"
    reads = ((), (0,), (0,))
    broadcasts = True
    promotes = slice(1, None)

    def forward(self, mask: Array, a: Any, b: Any) -> Array:
        if mask.dtype.kind not in "bu":
            raise DtypeError(
                f"where: condition must hold bools, not {mask.dtype}; write condition != 0"
            )
        y = select(mask, a, b)
        if type(a) is float and type(b) is float:  # nothing but their own names a dtype
            return y.astype(get_default_dtype())
        return y

    def vjp(self, g: Operand, mask: Operand, *_: Operand) -> Thunks:
        return (None, lambda: where(mask, g, 0.0), lambda: where(mask, 0.0, g))


class Comparison(Op):
    """A relation between two operands, or of one: true or false, and no derivative."""

    __slots__ = ("ufunc",)
    broadcasts = True
    reads = None
    promotes = slice(None)

    def __init__(self, ufunc: Any) -> None:
        self.ufunc = ufunc

    @property
    def name(self) -> str:
        """Name of the relation, such as `less_equal`."""
        return str(self.ufunc.__name__)

    def forward(self, *operands: Array) -> Array:
        return cast("Array", self.ufunc(*operands))


class Bitwise(Comparison):
    """Work on the bits of integers, or on bools."""

    __slots__ = ()

    def forward(self, *operands: Array) -> Array:
        dtypes = [np.asarray(x).dtype for x in operands]
        if "f" in {dtype.kind for dtype in dtypes}:
            raise no_bits(self.name, dtypes)
        return super().forward(*operands)


# A 0-d array spares NumPy the conversion of a Python number: 0.3 µs of 0.6 on a small tensor.
_ZERO = {dtype: np.zeros((), dtype) for dtype in SUPPORTED}

_ADD, _SUB, _MUL, _POW, _NEG, _ABS, _SIGN = (
    Add(), Sub(), Mul(), Pow(), Neg(), Abs(), Sign()
)  # fmt: skip
_EXP, _LOG, _SQRT, _TANH, _SIGMOID, _RELU = Exp(), Log(), Sqrt(), Tanh(), Sigmoid(), Relu()
_MAXIMUM, _MINIMUM, _WHERE, _ZEROS_LIKE = Maximum(), Minimum(), Where(), ZerosLike()
_EQ, _NE, _LT, _LE, _GT, _GE = (
    Comparison(f)
    for f in (np.equal, np.not_equal, np.less, np.less_equal, np.greater, np.greater_equal)
)
_AND, _OR, _XOR, _NOT = (
    Bitwise(f) for f in (np.bitwise_and, np.bitwise_or, np.bitwise_xor, np.bitwise_not)
)
_ISNAN, _ISINF, _ISFINITE = (Comparison(f) for f in (np.isnan, np.isinf, np.isfinite))


def add(input: V, other: Operand, *, alpha: Number = 1) -> V:
    """Sum `input + alpha·other`, broadcast. Gradient: 1 and alpha.

    >>> import tinygrad_np as tg
    >>> tg.add(tg.tensor([1.0, 2.0]), 10)
    tensor([11., 12.])
    """
    return apply_pair(_ADD, input, other if alpha == 1 else _scaled(input, other, alpha))


def sub(input: V, other: Operand, *, alpha: Number = 1) -> V:
    """Difference `input − alpha·other`, broadcast. Gradient: 1 and −alpha.

    >>> import tinygrad_np as tg
    >>> tg.sub(tg.tensor([1.0, 2.0]), tg.tensor([0.5]))
    tensor([0.5000, 1.5000])
    """
    return apply_pair(_SUB, input, other if alpha == 1 else _scaled(input, other, alpha))


def rsub(input: V, other: Number) -> V:
    """Difference the other way round, `other − input`. Gradient: −1.

    >>> import tinygrad_np as tg
    >>> tg.rsub(tg.tensor([1.0, 2.0]), 10)
    tensor([9., 8.])
    """
    return cast("V", apply(_SUB, other, input))


def _scaled(input: Operand, other: Operand, alpha: Number) -> Operand:
    """Give `alpha·other` in the dtype of the sum."""
    if isinstance(other, np.generic):
        other = other.item()
    dtype = result_type(input, other)
    if isinstance(alpha, float) and dtype.kind != "f":
        raise RuntimeError(
            f"alpha: {alpha} times {dtype} elements is not one of them; pass an integer, or "
            "convert with .float() first"
        )
    if not isinstance(other, (int, float)):
        return to_dtype(to_dtype(other, dtype) * alpha, dtype)
    return other * alpha


def mul(input: V, other: Operand) -> V:
    """Product, place by place, broadcast. Gradient: the other operand.

    >>> import tinygrad_np as tg
    >>> tg.mul(tg.tensor([1.0, 2.0]), tg.tensor([[2.0], [3.0]]))
    tensor([[2., 4.],
            [3., 6.]])
    """
    return apply_pair(_MUL, input, other)


def pow(input: V, exponent: Operand) -> V:
    """Power, broadcast. Gradient: `b·a^(b−1)` (0 where b = 0) and `y·log a` (0 where a = 0 ≤ b).

    >>> import tinygrad_np as tg
    >>> tg.pow(tg.tensor([1.0, 2.0, 3.0]), 2)
    tensor([1., 4., 9.])
    """
    return apply(_POW, input, exponent)


def rpow(input: V, base: Number) -> V:
    """Power of a number, `base ** input`; what `2 ** x` calls."""
    return cast("V", apply(_POW, base, input))


def neg(input: V) -> V:
    """Opposite number. Gradient: −1.

    >>> import tinygrad_np as tg
    >>> tg.neg(tg.tensor([1.0, -2.0]))
    tensor([-1.,  2.])
    """
    return apply(_NEG, input)


def abs(input: V) -> V:
    """Absolute value. Gradient: the sign, 0 at 0.

    >>> import tinygrad_np as tg
    >>> tg.abs(tg.tensor([1.0, -2.0]))
    tensor([1., 2.])
    """
    return apply(_ABS, input)


def sign(input: V) -> V:
    """Sign: −1, 0 or 1. Gradient: 0.

    >>> import tinygrad_np as tg
    >>> tg.sign(tg.tensor([3.0, -2.0]))
    tensor([ 1., -1.])
    """
    return apply(_SIGN, input)


def zeros_like(input: V) -> V:
    """Zeros in the shape of `input`, with gradient 0: for rules."""
    return apply(_ZEROS_LIKE, input)


def exp(input: V) -> V:
    """Exponential function. Gradient: the result.

    >>> import tinygrad_np as tg
    >>> tg.exp(tg.tensor([0.0, 1.0]))
    tensor([1.0000, 2.7183])
    """
    return apply(_EXP, input)


def log(input: V) -> V:
    """Natural logarithm; -inf at 0, NaN below. Gradient: 1/x.

    >>> import tinygrad_np as tg
    >>> tg.log(tg.tensor([1.0, 2.0]))
    tensor([0.0000, 0.6931])
    """
    return apply(_LOG, input)


def sqrt(input: V) -> V:
    """Square root; NaN below 0. Gradient: 1/(2y), inf at 0.

    >>> import tinygrad_np as tg
    >>> tg.sqrt(tg.tensor([4.0, 9.0]))
    tensor([2., 3.])
    """
    return apply(_SQRT, input)


def square(input: V) -> V:
    """Square. Gradient: 2x.

    >>> import tinygrad_np as tg
    >>> tg.square(tg.tensor([2.0, -3.0]))
    tensor([4., 9.])
    """
    return mul(input, input)


def tanh(input: V) -> V:
    """Hyperbolic tangent. Gradient: 1 − y².

    >>> import tinygrad_np as tg
    >>> tg.tanh(tg.tensor([0.0, 1.0]))
    tensor([0.0000, 0.7616])
    """
    return apply(_TANH, input)


def sigmoid(input: V) -> V:
    """Logistic function 1 / (1 + exp(−x)), for any x without overflow. Gradient: y·(1 − y).

    >>> import tinygrad_np as tg
    >>> tg.sigmoid(tg.tensor([0.0, 1000.0, -1000.0]))
    tensor([0.5000, 1.0000, 0.0000])
    """
    return apply(_SIGMOID, input)


def relu(input: V) -> V:
    """Positive part max(x, 0); NaN stays NaN. Gradient: 1 above 0, else 0; NaN passes 1.

    >>> import tinygrad_np as tg
    >>> tg.relu(tg.tensor([-1.0, 2.0]))
    tensor([0., 2.])
    """
    return apply(_RELU, input)


def maximum(input: V, other: Operand) -> V:
    """Larger of two tensors, broadcast; NaN if either is. Gradient: to the larger, halves at ties.

    >>> import tinygrad_np as tg
    >>> tg.maximum(tg.tensor([1.0, 5.0]), tg.tensor([3.0, 2.0]))
    tensor([3., 5.])
    """
    return apply(_MAXIMUM, input, other)


def minimum(input: V, other: Operand) -> V:
    """Smaller of two tensors, broadcast; NaN if either is.

    Gradient: to the smaller, halves at ties.

    >>> import tinygrad_np as tg
    >>> tg.minimum(tg.tensor([1.0, 5.0]), tg.tensor([3.0, 2.0]))
    tensor([1., 2.])
    """
    return apply(_MINIMUM, input, other)


def where(condition: V, input: Operand = None, other: Operand = None) -> V:
    """Take `input` where `condition`, of bools, is true, else `other`; all three broadcast.

    Of the condition alone: where it is true, as `nonzero` with `as_tuple` gives it.
    Gradient: selected by the condition. Each side is computed everywhere, so a side that is not
    chosen can still bring NaN into the gradient; make it safe first (the double where):

    >>> import tinygrad_np as tg
    >>> x = tg.tensor([4.0, 0.0], requires_grad=True)
    >>> safe = tg.where(x > 0, x, 1.0)
    >>> tg.where(x > 0, tg.sqrt(safe), 0.0).sum().backward()
    >>> x.grad
    tensor([0.2500, 0.0000])
    """
    if input is None or other is None:
        if input is not other:
            raise TypeError("where: give the condition alone, or both input and other")
        return cast("V", nonzero(cast("Any", condition), as_tuple=True))
    try:
        return apply(_WHERE, condition, input, other)
    except AttributeError:
        check_tensor("where", "condition", condition)
        raise


def to_dtype(input: V, dtype: Dtype) -> V:
    """Convert to `dtype`, in a new tensor. Gradient: converted back."""
    return apply(Cast(dtype), input)


def eq(input: V, other: Operand) -> V:
    """Whether equal, place by place; NaN equals nothing.

    >>> import tinygrad_np as tg
    >>> tg.eq(tg.tensor([1, 2]), 2)
    tensor([False,  True])
    """
    return apply(_EQ, input, other)


def ne(input: V, other: Operand) -> V:
    """Whether different, place by place."""
    return apply(_NE, input, other)


def lt(input: V, other: Operand) -> V:
    """Whether less, place by place."""
    return apply(_LT, input, other)


def le(input: V, other: Operand) -> V:
    """Whether less or equal, place by place."""
    return apply(_LE, input, other)


def gt(input: V, other: Operand) -> V:
    """Whether greater, place by place."""
    return apply(_GT, input, other)


def ge(input: V, other: Operand) -> V:
    """Whether greater or equal, place by place."""
    return apply(_GE, input, other)


def bitwise_and(input: V, other: Operand) -> V:
    """Bits set in both; for bools, logical and."""
    return apply(_AND, input, other)


def bitwise_or(input: V, other: Operand) -> V:
    """Bits set in either; for bools, logical or."""
    return apply(_OR, input, other)


def bitwise_xor(input: V, other: Operand) -> V:
    """Bits set in exactly one; for bools, logical exclusive or."""
    return apply(_XOR, input, other)


def bitwise_not(input: V) -> V:
    """Bits flipped; for bools, logical not."""
    return apply(_NOT, input)


def isnan(input: V) -> V:
    """Whether each element is NaN."""
    return apply(_ISNAN, input)


def isinf(input: V) -> V:
    """Whether each element is infinite."""
    return apply(_ISINF, input)


def isfinite(input: V) -> V:
    """Whether each element is neither infinite nor NaN."""
    return apply(_ISFINITE, input)
