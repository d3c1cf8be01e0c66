"""check_vjp: a gradient written by hand for a plain function of arrays."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from tinygrad_np.autograd.checking.point import Point, describe
from tinygrad_np.autograd.function import Function
from tinygrad_np.autograd.gradcheck import Options, run
from tinygrad_np.autograd.snippets.snippet import Call
from tinygrad_np.errors import GradcheckError
from tinygrad_np.tensor.creation import new

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tinygrad_np.tensor.tensor import Tensor

    Array = np.ndarray[Any, Any]


def _recorded(f: Callable[..., Any], vjp: Callable[..., Any]) -> Callable[..., Tensor]:
    """Make an operation of a function of arrays and its rule."""

    class Handwritten(Function):
        @staticmethod
        def forward(ctx: Any, *tensors: Tensor) -> Tensor:
            ctx.save_for_backward(*tensors)
            return new(_result(f, [x.array for x in tensors]))

        @staticmethod
        def backward(ctx: Any, *upstream: Tensor) -> Any:
            arrays = [x.array for x in (*upstream, *ctx.saved_tensors)]
            found = _pulled_back(vjp, arrays)
            return tuple(None if g is None else new(np.array(g)) for g in found)

    Handwritten.__name__ = describe(f)
    return Handwritten.apply


def _result(f: Callable[..., Any], arrays: Sequence[Any]) -> Array:
    """Call the function, and copy what it gives, which may be a view of an array."""
    result = f(*arrays)
    if isinstance(result, (tuple, list, dict)):
        raise GradcheckError(
            f"check_vjp: {describe(f)} gave a {type(result).__name__}, and must give one array; "
            "join several, or check each by a function of its own"
        )
    if type(result) is float:  # which has no dtype to keep
        return np.array(result, next(x.dtype for x in arrays if x.dtype.kind == "f"))
    return np.array(result)


def _pulled_back(vjp: Callable[..., Any], arrays: Sequence[Any]) -> list[Any]:
    """Call the rule, and compare what it gives with the operands; None stands for no gradient."""
    before, arrays = arrays, [np.array(x) for x in arrays]
    found = vjp(*arrays)
    gradients = list(found) if isinstance(found, (tuple, list)) else [found]
    rule, operands = describe(vjp), arrays[1:]
    if len(gradients) != len(operands):
        raise GradcheckError(
            f"check_vjp: {rule} gave {len(gradients)} gradients for {len(operands)} arrays"
        )
    for i, (x, y) in enumerate(zip(arrays, before, strict=True)):
        if not np.array_equal(x, y, equal_nan=x.dtype.kind == "f"):
            what = f"array {i - 1}" if i else "the upstream gradient"
            raise GradcheckError(f"check_vjp: {rule} changed {what} in place")
    for i, (gradient, x) in enumerate(zip(gradients, operands, strict=True)):
        if x.dtype.kind != "f":
            gradients[i] = None
        elif gradient is not None:
            shape, dtype = np.shape(gradient), np.asarray(gradient).dtype
            if shape != x.shape or dtype != x.dtype:
                raise GradcheckError(
                    f"check_vjp: {rule} gave a gradient of shape {shape} and dtype {dtype} for "
                    f"array {i} of shape {x.shape} and dtype {x.dtype}; they must be equal"
                )
    return gradients


def check_vjp(
    f: Callable[..., Any],
    vjp: Callable[..., Any],
    arrays: np.ndarray[Any, Any] | Sequence[Any],
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
        `f(*arrays)` gives an array, or a float.
    vjp
        `vjp(g, *arrays)` gives, for the gradient `g` of the result, the gradient by each array, as
        a tuple; or the one gradient itself. None stands for a gradient of zeros, and for that of an
        integer array, which has none.
    arrays
        The point: arrays, or what can be made one; a single array may stand by itself. The floating
        ones are checked, and integers, such as indices, and bools are handed over as they are.

    Raises
    ------
    GradcheckError
        If the gradient is wrong.
    ValueError
        If no array is floating.

    >>> def swish(x):
    ...     return x / (1 + np.exp(-x))
    >>> def swish_vjp(g, x):
    ...     s = 1 / (1 + np.exp(-x))
    ...     return g * (s + x * s * (1 - s))
    >>> check_vjp(swish, swish_vjp, [np.array([0.5, -2.0, 3.0])])
    """
    given = [np.asarray(x) for x in ([arrays] if isinstance(arrays, np.ndarray) else arrays)]
    if not any(x.dtype.kind == "f" for x in given):
        raise ValueError(
            "check_vjp: no array is floating, so there is no gradient to check; give [1.0, 2.0] "
            "for [1, 2]"
        )
    function = _recorded(f, vjp)
    options = Options(eps, atol, rtol, fast_mode=fast_mode, seed=seed, check_grad_dtypes=True)
    usual = {"eps": 1e-6, "atol": 1e-6, "rtol": 1e-5, "fast_mode": False, "seed": 0}
    changed = {k: v for k, v in options._asdict().items() if k in usual and v != usual[k]}
    call = Call("check_vjp", f, given, changed, (vjp,), "tinygrad_np.testing")

    tensors = [
        new(np.array(x, np.float64), requires_grad=True)
        if x.dtype.kind == "f"
        else new(np.array(x))
        for x in given
    ]
    run(lambda kind: Point(function, tensors, kind, describe(f)), np.float32, options, call)
