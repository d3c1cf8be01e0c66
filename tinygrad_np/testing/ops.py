"""check_op: everything that is asked of a differentiable function, at one point."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from tinygrad_np.autograd.snippets.snippet import Call
from tinygrad_np.core import Value
from tinygrad_np.errors import GradcheckError
from tinygrad_np.testing.checks import broadcasting, derivatives, memory, numbers
from tinygrad_np.testing.subject import Subject

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

    from tinygrad_np.tensor.tensor import Tensor

CHECKS: dict[str, Callable[[Subject], None]] = {
    "repeatable": numbers.repeatable,
    "value": numbers.value,
    "dtype": numbers.dtype,
    "mutation": memory.mutation,
    "aliasing": memory.aliasing,
    "no_grad": numbers.unrecorded,
    "both paths": derivatives.both_paths,
    "each operand alone": derivatives.alone,
    "accumulation": derivatives.accumulation,
    "detached": derivatives.detached,
    "layouts": memory.layouts,
    "visible layouts": memory.visible,
    "expanded": memory.spread,
    "upstream layouts": memory.upstream,
    "broadcasting": broadcasting.broadcasting,
    "gradient": derivatives.gradient,
    "second derivative": derivatives.second,
}


class CheckOpError(AssertionError):
    """A check that failed; `snippet` is a program that shows the same failure again."""

    snippet: str = ""


def check_op(
    function: Callable[..., Any],
    operands: Tensor | np.ndarray[Any, Any] | Sequence[Any],
    oracle: Callable[..., Any] | None = None,
    *,
    broadcasts: bool = False,
    skip: Collection[str] = (),
    rtol: float = 1e-9,
    atol: float = 1e-12,
    seed: int = 0,
) -> None:
    """Check an op, a function or a module at one point, in all that can go wrong.

    ====================  =========================================================================
    repeatable            the same numbers in every run
    value                 that of `oracle`, in float64
    dtype                 float32 gives float32, and the same numbers
    mutation              operands, results and upstream gradients stay as they are
    aliasing              no gradient shares memory with anything
    no_grad               the same values, and nothing recorded
    both paths            the same gradients from rules on arrays and on tensors (`create_graph`)
    each operand alone    the same gradient when the others require none
    accumulation          two backward passes give twice the gradient
    detached              a floating result that requires no grad does not depend on the operands
    layouts               the same in Fortran, permuted, strided, reversed and read-only memory, of
                          all operands and of each
    visible layouts       the same if `is_contiguous()` and `stride()` tell; or an error
    expanded              the same with strides of 0
    upstream layouts      the same for upstream gradients in all these, and for constant ones
    broadcasting          small operands give what their copies give, and get the sum of theirs:
                          with fewer dimensions, 0-d, of size 1 in each, two of them, beside size 0
    gradient              `gradcheck`, every element in some projection, and float32 as float64
    second derivative     `gradgradcheck`, and the same
    ====================  =========================================================================

    Tolerances are relative to the largest number, so that small ones are checked as well; where
    rounding alone makes as much of a difference, which is measured, that is allowed too.

    Parameters
    ----------
    function
        Function of tensors; or a module, whose parameters are checked as well.
    operands
        Its arguments; a single tensor or array may stand by itself. Tensors and arrays are copied;
        the floating ones are brought to float64 and all require grad. Anything else is handed over
        as it is.
    oracle
        The same in NumPy: takes arrays (and a module's parameters by name, which `**parameters`
        collects where they hold a dot), gives an array, or a tuple of them.
    broadcasts
        Whether several operands of one shape broadcast, as those of elementwise functions do.
    skip
        Names of checks to leave out.
    rtol, atol
        How near values must be to those of the oracle.
    seed
        Of upstream gradients and directions.

    Raises
    ------
    CheckOpError
        An AssertionError: a check failed. The message starts with the name of the function and of
        the check, and ends in a program that makes it again, which `error.snippet` holds too.
    GradcheckError
        The same, if it is one of derivatives.
    ValueError
        If `skip` names no check, or nothing is floating.
    TypeError
        If an operand is a list of tensors, or `skip` a string.

    >>> import tinygrad_np as tg
    >>> def swish(x):
    ...     return x * x.sigmoid()
    >>> check_op(swish, [tg.randn(2, 3)], oracle=lambda x: x / (1 + np.exp(-x)))
    """
    if isinstance(skip, str):  # a collection of letters
        raise TypeError(f"check_op: skip is a collection of names; give [{skip!r}]")
    unknown = set(skip) - set(CHECKS)
    if unknown:
        raise ValueError(f"check_op: there is no check {sorted(unknown)}; there are {list(CHECKS)}")
    given = [operands] if isinstance(operands, (Value, np.ndarray)) else list(operands)
    subject = Subject(function, given, oracle, (rtol, atol), skip, seed)
    options = {"oracle": oracle, "broadcasts": broadcasts, "rtol": rtol, "atol": atol, "seed": seed}
    usual = {"oracle": None, "broadcasts": False, "rtol": 1e-9, "atol": 1e-12, "seed": 0}
    changed = {name: x for name, x in options.items() if x is not usual[name]}
    for name in CHECKS:
        if name in skip or (name == "broadcasting" and not broadcasts):
            continue
        try:
            _ask(subject, name)
        except (AssertionError, GradcheckError) as error:
            failed, reason = name, error
            if name != "repeatable" and "repeatable" not in skip:
                # Before anything is blamed for a coin that fell the same way until now.
                try:
                    _ask(subject, "repeatable")
                except AssertionError as other:
                    failed, reason = "repeatable", other
            others = [check for check in CHECKS if check != failed]
            call = Call(
                "check_op", function, given, changed | {"skip": others}, (), "tinygrad_np.testing"
            )
            raise _told(f"{subject.name}: {failed}: ", reason, call) from error


def _ask(subject: Subject, name: str) -> None:
    try:
        with np.errstate(over="ignore", invalid="ignore"):  # as float32 has it, which is no fault
            CHECKS[name](subject)
    except (AssertionError, GradcheckError):
        raise
    except Exception as error:
        error.add_note(f"check_op was at: {subject.name}: {name}")
        raise


def _told(prefix: str, error: AssertionError | GradcheckError, call: Call) -> Exception:
    kind = type(error) if isinstance(error, GradcheckError) else CheckOpError
    snippet, message = getattr(error, "snippet", ""), f"{prefix}{error}"
    if not snippet:
        snippet = call.program()
        message += f"\n\nTo see it again, run:\n\n{snippet}"
    told = kind(message)
    told.snippet = snippet
    return told
