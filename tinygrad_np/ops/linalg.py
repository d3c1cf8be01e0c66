"""Products of matrices."""

from __future__ import annotations

import math
from typing import TypeVar, cast

import numpy as np

from tinygrad_np.core import Array, Op, Operand, Thunks, Value, apply
from tinygrad_np.errors import DtypeError, ShapeError, not_a_tensor
from tinygrad_np.kernels.product import product
from tinygrad_np.ops.checks import check_tensor
from tinygrad_np.ops.shape import Permute, Refit, reshape, sum_to, transpose, unsqueeze
from tinygrad_np.pair import apply_pair

V = TypeVar("V")


class MatMul(Op):
    """Matrix product over the last two dimensions; the others broadcast."""

    __slots__ = ()
    formula = "Y = A·B"
    derivative = "dA = dY·Bᵀ, dB = Aᵀ·dY"
    grad_fn = ("DotBackward0", "MvBackward0", "MmBackward0", "BmmBackward0")
    reads = ((1,), (0,))
    broadcasts = True

    def forward(self, a: Array, b: Array) -> Array:
        if a.dtype is not b.dtype and a.dtype != b.dtype:
            raise DtypeError(_mixed("matmul", "first", a, "second", b))
        try:
            result = product(a, b)
        except ValueError:
            if a.shape[-1] == b.shape[-2]:
                raise
            raise ShapeError(
                f"matmul: shapes {a.shape} and {b.shape} do not multiply: the first has "
                f"{a.shape[-1]} columns and the second {b.shape[-2]} rows; transpose one side (.mT)"
            ) from None
        return result

    def vjp(self, g: Operand, a: Operand, b: Operand, _: Operand) -> Thunks:
        # Not `g @ …`: on bare arrays that would be NumPy's own product.
        return (
            lambda: apply_pair(_MATMUL, g, transpose(b, -1, -2)),
            lambda: apply_pair(_MATMUL, transpose(a, -1, -2), g),
        )


class Linear(Op):
    """Affine map of the last dimension: the layer, with its bias, in one op."""

    __slots__ = ()
    formula = "y = x·Wᵀ + b"
    derivative = "dx = dy·W, dW = dyᵀ·x, db = Σ dy (x and dy as matrices of rows)"
    grad_fn = "AddmmBackward0"
    reads = ((1,), (0,), ())

    def forward(self, x: Array, weight: Array, bias: Array | None = None) -> Array:
        if x.dtype != weight.dtype:
            raise DtypeError(_mixed("linear", "input", x, "weight", weight))
        if x.shape[-1:] != weight.shape[1:] or not x.ndim:
            raise ShapeError(_misfit(x.shape, weight.shape))
        rows = x.reshape(math.prod(x.shape[:-1]), x.shape[-1]) if x.ndim != 2 else x
        y = product(rows, weight.T)
        if bias is not None:
            if bias.dtype != x.dtype:
                raise DtypeError(_mixed("linear", "input", x, "bias", bias))
            if bias.shape != y.shape[1:]:
                raise ShapeError(
                    f"linear: bias of shape {bias.shape} does not fit the weight of shape "
                    f"{weight.shape}: it must have shape ({len(weight)},)"
                )
            y += bias
        return y if x.ndim == 2 else y.reshape(*x.shape[:-1], len(weight))

    def vjp(self, g: Operand, x: Operand, weight: Operand, *rest: Operand) -> Thunks:
        rows = g if g.ndim == 2 else reshape(g, (math.prod(g.shape[:-1]), g.shape[-1]))
        thunks = (
            lambda: _in_shape(_stored_like(x, rows, weight), x.shape),
            lambda: apply_pair(
                _MATMUL, apply(_SWAP, rows), _in_shape(x, (rows.shape[0], weight.shape[1]))
            ),
            lambda: sum_to(rows, (rows.shape[1],)),
        )
        return thunks[: 1 + len(rest)]


_MATMUL, _LINEAR, _SWAP = MatMul(), Linear(), Permute((1, 0))


def _stored_like(x: Operand, rows: Operand, weight: Operand) -> Operand:
    """`rows @ weight`, as columns in memory where `x` is stored so.

    What convolution and pooling hand over, flattened, is: their passes over the gradient would
    stride otherwise (1.9 of the 65 ms of a step of the MNIST network in examples/mnist_cnn.py).
    The gradient of the weight stays as the optimiser walks: rows.
    """
    if isinstance(x, np.ndarray) and x.ndim == 2 and x.flags.f_contiguous > x.flags.c_contiguous:
        return apply(_SWAP, apply_pair(_MATMUL, apply(_SWAP, weight), apply(_SWAP, rows)))
    return apply_pair(_MATMUL, rows, weight)


def _in_shape(x: V, shape: tuple[int, ...]) -> V:
    """Reshape, where there is anything to do."""
    return x if cast("Operand", x).ndim == 2 == len(shape) else reshape(x, shape)


def matmul(input: V, other: Operand) -> V:
    """Matrix product; what `@` calls.

    Shapes: `(…, n, k) @ (…, k, m)` gives `(…, n, m)`, and leading dimensions broadcast; a 1-D
    operand counts as a row at the left and as a column at the right. Gradient: `g·Bᵀ` and `Aᵀ·g`.

    Raises
    ------
    ShapeError
        If the inner sizes differ, or an operand is 0-d.
    DtypeError
        If the dtypes differ.

    >>> import tinygrad_np as tg
    >>> tg.matmul(tg.tensor([[1.0, 2.0], [3.0, 4.0]]), tg.tensor([1.0, 1.0]))
    tensor([3., 7.])
    """
    a: Operand = input
    b: Operand = other
    if not isinstance(a, (Value, np.ndarray)):
        raise not_a_tensor("matmul", "input", a)
    if not isinstance(b, (Value, np.ndarray)):
        raise not_a_tensor("matmul", "other", b)
    left, right = a.ndim, b.ndim
    if left > 1 and right > 1:
        return apply_pair(_MATMUL, input, other)
    if left == 0 or right == 0:
        raise ShapeError(
            f"matmul: shapes {tuple(a.shape)} and {tuple(b.shape)}: both operands need at least "
            "one dimension; multiply by a number with *"
        )
    y: Operand
    if left == 1:
        y = matmul(unsqueeze(input, 0), other)
        return cast("V", apply(Refit(y.shape[:-2] + y.shape[-1:] if right > 1 else ()), y))
    y = matmul(input, unsqueeze(other, 1))
    return cast("V", apply(Refit(y.shape[:-1]), y))


def linear(input: V, weight: V, bias: V | None = None) -> V:
    """Affine map `x·Wᵀ + b` of the last dimension.

    Shapes: input `(*, in)`, weight `(out, in)`, bias `(out)`; result `(*, out)`. Gradient:
    `dx = g·W`, `dW = gᵀ·x`, `db = Σ g`.

    Raises
    ------
    ShapeError
        If the last dimension of `input` is not the `in` of `weight`.
    DtypeError
        If input and weight differ in dtype.

    >>> import tinygrad_np as tg
    >>> tg.nn.functional.linear(tg.ones(1, 2), tg.tensor([[1.0, 2.0]]), tg.tensor([0.5]))
    tensor([[3.5000]])
    """
    try:
        if bias is None:
            return apply(_LINEAR, input, weight)
        return apply(_LINEAR, input, weight, bias)
    except AttributeError:
        check_tensor("linear", "input", input)
        check_tensor("linear", "weight", weight)
        raise


def _mixed(name: str, left: str, a: Array, right: str, b: Array) -> str:
    return (
        f"{name}: the {left} is {a.dtype} and the {right} is {b.dtype}; they must be equal: cast "
        f"one, for example the {left} with .to({b.dtype})"
    )


def _misfit(x: tuple[int, ...], weight: tuple[int, ...]) -> str:
    message = f"linear: input of shape {x} and weight of shape {weight} do not fit: "
    if len(x) == 0 or len(weight) != 2:
        return message + "the input needs at least one dimension, and the weight two (out, in)"
    message += f"the last dimension of the input must be {weight[1]}, not {x[-1]}"
    if math.prod(x[1:]) == weight[1]:
        return message + "; flatten it first: x.flatten(1), or nn.Flatten() before the layer"
    return message
