"""check_vjp: a gradient written by hand for a plain function of arrays."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from tinygrad_np.autograd.checking.point import Point, describe
from tinygrad_np.autograd.function import Function
from tinygrad_np.autograd.gradcheck import Options, run
from tinygrad_np.autograd.snippets.snippet import Call
from tinygrad_np.core import Value
from tinygrad_np.errors import GradcheckError
from tinygrad_np.tensor.creation import new
from tinygrad_np.testing.checks import memory
from tinygrad_np.testing.subject import Subject

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
    result = _called(f, arrays, [f"array {i}" for i in range(len(arrays))])
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
    operands = arrays[1:]
    names = ["the upstream gradient", *(f"array {i}" for i in range(len(operands)))]
    found = _called(vjp, arrays, names)
    gradients = list(found) if isinstance(found, (tuple, list)) else [found]
    rule = describe(vjp)
    if len(gradients) != len(operands):
        raise GradcheckError(
            f"check_vjp: {rule} gave {len(gradients)} gradients for {len(operands)} arrays"
        )
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


def _called(function: Callable[..., Any], arrays: Sequence[Array], names: Sequence[str]) -> Any:
    """Call a function of copies that lie in memory as the arrays do, and look whether it writes."""
    copies = [_twin(x) for x in arrays]
    result = function(*copies)
    for name, x, copy in zip(names, arrays, copies, strict=True):
        if not np.array_equal(x, copy, equal_nan=x.dtype.kind == "f"):
            raise GradcheckError(f"check_vjp: {describe(function)} changed {name} in place")
    return result


def _twin(x: Array) -> Array:
    """Copy an array into memory of its own, with the same strides."""
    reach = [step * (n - 1) for n, step in zip(x.shape, x.strides, strict=True) if x.size]
    start, end = -sum(r for r in reach if r < 0), sum(r for r in reach if r > 0)
    memory = np.empty(start + end + x.itemsize, np.uint8)
    copy: Array = np.ndarray(x.shape, x.dtype, memory.data, start, x.strides)
    copy[...] = x
    return copy


def check_vjp(
    f: Callable[..., Any],
    vjp: Callable[..., Any],
    arrays: np.ndarray[Any, Any] | Tensor | float | Sequence[Any],
    *,
    eps: float = 1e-6,
    atol: float = 1e-6,
    rtol: float = 1e-5,
    fast_mode: bool = False,
    seed: int = 0,
) -> None:
    """Check a gradient that was written by hand for a function of NumPy arrays.

    Value by value as `gradcheck` does, of which the parameters are; and that neither function
    writes into what it is given, or gives other numbers where that lies in memory in Fortran order,
    permuted, strided or reversed; and that the rule keeps shapes and dtypes in float64 and in
    float32, and is linear in `g`.

    Parameters
    ----------
    f
        `f(*arrays)` gives an array, or a float.
    vjp
        `vjp(g, *arrays)` gives, for the gradient `g` of the result, the gradient by each array, as
        a tuple; or the one gradient itself. None stands for a gradient of zeros, and for that of an
        integer array, which has none.
    arrays
        The point: arrays, or what can be made one, such as tensors; a single array, tensor or float
        may stand by itself. The floating ones are checked, and integers, such as indices, and bools
        are handed over as they are.

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
    several = [arrays] if isinstance(arrays, (np.ndarray, Value, float)) else arrays
    given = [x.array if isinstance(x, Value) else np.asarray(x) for x in several]
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
    _check_layouts(Subject(function, tensors, None, (0.0, 0.0), (), seed), call)


def _check_layouts(subject: Subject, call: Call) -> None:
    """Check that it makes no difference how the arrays and the upstream gradient are laid out."""
    try:
        with np.errstate(over="ignore", invalid="ignore"):  # as float32 has it, which is no fault
            memory.layouts(subject)
            memory.upstream(subject)
    except (AssertionError, GradcheckError) as error:
        prefix = f"check_vjp: {subject.name}: " if isinstance(error, AssertionError) else ""
        snippet = call.program()
        told = GradcheckError(f"{prefix}{error}\n\nTo see it again, run:\n\n{snippet}")
        told.snippet = snippet
        raise told from error
    except Exception as error:
        error.add_note(f"check_vjp was at: {subject.name}: arrays in other layouts of memory")
        raise
