"""check_vjp: a gradient written by hand for a plain function of arrays."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from tinygrad_np.autograd.function import Function
from tinygrad_np.autograd.gradcheck import Options, run
from tinygrad_np.autograd.point import Point, describe
from tinygrad_np.autograd.snippet import Call
from tinygrad_np.errors import GradcheckError
from tinygrad_np.tensor.creation import new

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tinygrad_np.tensor.tensor import Tensor


def _recorded(f: Callable[..., Any], vjp: Callable[..., Any]) -> Callable[..., Tensor]:
    """Make an operation of a function of arrays and its rule."""

    class Handwritten(Function):
        @staticmethod
        def forward(ctx: Any, *tensors: Tensor) -> Tensor:
            ctx.save_for_backward(*tensors)
            arrays = [x.array for x in tensors]
            return new(np.array(f(*arrays)))  # a copy: it may be a view of an operand

        @staticmethod
        def backward(ctx: Any, *upstream: Tensor) -> Any:
            arrays = [x.array for x in (*upstream, *ctx.saved_tensors)]
            return tuple(new(np.array(g)) for g in _pulled_back(vjp, arrays))

    Handwritten.__name__ = describe(f)
    return Handwritten.apply


def _pulled_back(vjp: Callable[..., Any], arrays: Sequence[Any]) -> list[Any]:
    """Call the rule, and compare what it gives with the operands."""
    before, arrays = arrays, [np.array(x) for x in arrays]
    found = vjp(*arrays)
    gradients = list(found) if isinstance(found, (tuple, list)) else [found]
    rule, operands = describe(vjp), arrays[1:]
    if len(gradients) != len(operands):
        raise GradcheckError(
            f"check_vjp: {rule} gave {len(gradients)} gradients for {len(operands)} arrays"
        )
    for i, (x, y) in enumerate(zip(arrays, before, strict=True)):
        if not np.array_equal(x, y, equal_nan=True):
            what = f"array {i - 1}" if i else "the upstream gradient"
            raise GradcheckError(f"check_vjp: {rule} changed {what} in place")
    for i, (gradient, x) in enumerate(zip(gradients, operands, strict=True)):
        shape, dtype = np.shape(gradient), np.asarray(gradient).dtype
        if shape != x.shape or dtype != x.dtype:
            raise GradcheckError(
                f"check_vjp: {rule} gave a gradient of shape {shape} and dtype {dtype} for array "
                f"{i} of shape {x.shape} and dtype {x.dtype}; they must be equal"
            )
    return gradients


def check_vjp(
    f: Callable[..., Any],
    vjp: Callable[..., Any],
    arrays: Sequence[Any],
    *,
    eps: float = 1e-6,
    atol: float = 1e-6,
    rtol: float = 1e-5,
    fast_mode: bool = False,
    seed: int = 0,
) -> None:
    """Check a gradient that was written by hand for a function of NumPy arrays.

    Value by value as `gradcheck` does, of which the parameters are; and that the rule writes into
    nothing it is given, keeps shapes and dtypes in float64 and in float32, and is linear in `g`.

    Parameters
    ----------
    f
        `f(*arrays)` gives an array.
    vjp
        `vjp(g, *arrays)` gives, for the gradient `g` of the result, the gradient by each array, as
        a tuple; or the one gradient itself.
    arrays
        The point: floating arrays, or what can be made one.

    Raises
    ------
    GradcheckError
        If the gradient is wrong.

    >>> def swish(x):
    ...     return x / (1 + np.exp(-x))
    >>> def swish_vjp(g, x):
    ...     s = 1 / (1 + np.exp(-x))
    ...     return g * (s + x * s * (1 - s))
    >>> check_vjp(swish, swish_vjp, [np.array([0.5, -2.0, 3.0])])
    """
    given = [np.asarray(x) for x in arrays]
    function = _recorded(f, vjp)
    options = Options(eps, atol, rtol, fast_mode=fast_mode, seed=seed, check_grad_dtypes=True)
    usual = {"eps": 1e-6, "atol": 1e-6, "rtol": 1e-5, "fast_mode": False, "seed": 0}
    changed = {k: v for k, v in options._asdict().items() if k in usual and v != usual[k]}
    call = Call("check_vjp", f, given, changed, (vjp,), "tinygrad_np.testing")

    tensors = [new(np.array(x, np.float64), requires_grad=True) for x in given]
    run(lambda kind: Point(function, tensors, kind, describe(f)), np.float32, options, call)
