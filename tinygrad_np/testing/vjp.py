"""check_vjp: a gradient written by hand for a plain function of arrays."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from tinygrad_np.autograd.gradcheck import Options, run
from tinygrad_np.autograd.point import Point, describe
from tinygrad_np.autograd.snippet import Call
from tinygrad_np.core import Op, apply
from tinygrad_np.errors import GradcheckError
from tinygrad_np.tensor.creation import new

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


class _Handwritten(Op):
    """A function and its gradient, as an op of one derivative."""

    __slots__ = ("function", "reads", "rule")

    def __init__(self, function: Callable[..., Any], rule: Callable[..., Any], count: int) -> None:
        self.function, self.rule = function, rule
        self.reads = (tuple(range(count)),) * count

    @property
    def name(self) -> str:
        """Name of the function."""
        return describe(self.function)

    def forward(self, *arrays: Any) -> Any:
        """Call the function."""
        y = np.asarray(self.function(*arrays))
        return y.copy() if any(np.shares_memory(y, x) for x in arrays) else y

    def vjp(self, g: Any, *arrays: Any) -> Any:
        """Call the rule once for all operands, and compare what it gave with them."""
        *operands, _ = arrays
        before = [np.array(x) for x in (g, *operands)]
        found = self.rule(g, *operands)
        gradients = list(found) if isinstance(found, (tuple, list)) else [found]
        rule = describe(self.rule)
        if len(gradients) != len(operands):
            raise GradcheckError(
                f"check_vjp: {rule} gave {len(gradients)} gradients for {len(operands)} arrays"
            )
        for i, (x, y) in enumerate(zip((g, *operands), before, strict=True)):
            if not np.array_equal(x, y, equal_nan=True):
                what = f"array {i - 1}" if i else "the upstream gradient"
                raise GradcheckError(f"check_vjp: {rule} changed {what} in place")
        for i, (gradient, x) in enumerate(zip(gradients, operands, strict=True)):
            if np.shape(gradient) != x.shape or np.asarray(gradient).dtype != x.dtype:
                raise GradcheckError(
                    f"check_vjp: {rule} gave a gradient of shape {np.shape(gradient)} and dtype "
                    f"{np.asarray(gradient).dtype} for array {i} of shape {x.shape} and dtype "
                    f"{x.dtype}; they must be equal"
                )
        return tuple((lambda d=d: np.asarray(d)) for d in gradients)


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
    op = _Handwritten(f, vjp, len(given))
    options = Options(eps, atol, rtol, fast_mode=fast_mode, seed=seed, check_grad_dtypes=True)
    usual = {"eps": 1e-6, "atol": 1e-6, "rtol": 1e-5, "fast_mode": False, "seed": 0}
    changed = {k: v for k, v in options._asdict().items() if k in usual and v != usual[k]}
    call = Call("check_vjp", f, given, changed, (vjp,), "tinygrad_np.testing")

    def function(*xs: Any) -> Any:
        return apply(op, *xs)

    function.__name__ = op.name
    tensors = [new(np.array(x, np.float64), requires_grad=True) for x in given]
    run(lambda kind: Point(function, tensors, kind), np.float32, options, call)
