"""Checking derivatives against differences of the function itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from tinygrad_np.autograd.checking.comparison import compare
from tinygrad_np.autograd.checking.consistency import check_dtypes
from tinygrad_np.autograd.checking.point import Gradients, Point, lowest_dtype
from tinygrad_np.autograd.snippets.snippet import Call
from tinygrad_np.core import Value
from tinygrad_np.errors import GradcheckError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tinygrad_np.tensor.tensor import Tensor


class Options(NamedTuple):
    """How a check goes about it."""

    eps: float = 1e-6
    atol: float = 1e-5
    rtol: float = 1e-3
    nondet_tol: float = 0.0
    check_undefined_grad: bool = True
    check_grad_dtypes: bool = False
    fast_mode: bool = False
    seed: int = 0


def gradcheck(
    func: Callable[..., Any],
    inputs: Tensor | Sequence[Any],
    *,
    eps: float = 1e-6,
    atol: float = 1e-5,
    rtol: float = 1e-3,
    raise_exception: bool = True,
    nondet_tol: float = 0.0,
    check_undefined_grad: bool = True,
    check_grad_dtypes: bool = False,
    check_batched_grad: bool = False,
    check_batched_forward_grad: bool = False,
    check_forward_ad: bool = False,
    check_backward_ad: bool = True,
    fast_mode: bool = False,
    masked: bool | None = None,
    seed: int = 0,
) -> bool:
    """Compare the derivative of `func` at `inputs` with central differences.

    Everything is copied and computed in float64, whatever the dtype of the inputs, so the inputs
    stay as they are and may share memory. Inputs in float32 are also run in float32, and those
    gradients compared with the ones in float64: to 1e-4 of themselves and of the largest (float16:
    5e-2), or to sixteen times what a rounding of inputs and results is worth. Upstream gradients
    are random, never ones.

    Where a difference disagrees, other steps are tried; no tolerance is loosened. Longer steps are
    looked at, too: a part that was cut off the graph in float32 does not follow a short one. Where
    the slopes to both sides disagree however small the step, there is a kink, or a cusp, and no
    derivative to check.
    If no result requires grad, none may depend on the inputs. NaN and Inf in inputs are left out.

    Parameters
    ----------
    func
        Function of tensors that gives a tensor, or tuples, lists and dicts of them. Or a module
        (anything callable that has `named_parameters`): its parameters are checked as well.
    inputs
        Its arguments; those that require grad are checked.
    eps
        Step of the difference, relative to the size of the input.
    atol, rtol
        An entry passes if `|analytic − numeric| <= atol + rtol·|numeric|`. As `atol` is absolute,
        pass a smaller one where slopes are small.
    raise_exception
        Raise if a check fails; else return False.
    nondet_tol
        How far two runs at one point may lie apart.
    check_undefined_grad
        Check that an upstream gradient of zeros gives zeros.
    check_grad_dtypes
        Check that outputs have the dtype of the inputs, where those have one dtype.
    check_batched_grad, check_batched_forward_grad, check_forward_ad, masked
        PyTorch's, for what is not here: only False.
    check_backward_ad
        PyTorch's; only True.
    fast_mode
        Compare one random projection uᵀ·J·v for each output and input, instead of the whole
        Jacobian J. If it is off, elements that are wrong are looked for and named.
    seed
        Of the random upstream gradients and directions.

    Raises
    ------
    GradcheckError
        If an entry disagrees, or if values are so large that differences cannot tell. The message
        gives operand, elements, both values, errors, step, and a program that shows the failure
        again when pasted, which `error.snippet` holds too.
    NondifferentiableError
        If everything else agrees, and the point lies on a kink; the message names the elements.
    ValueError
        If nothing requires grad.

    >>> import tinygrad_np as tg
    >>> x = tg.tensor([0.3, 2.0], requires_grad=True)
    >>> gradcheck(lambda x: x * x, x)
    True
    >>> gradcheck(tg.relu, tg.tensor([0.0, 2.0], requires_grad=True))
    Traceback (most recent call last):
        ...
    tinygrad_np.errors.NondifferentiableError: gradcheck: relu has a kink at this point, and no ...
    """
    _refuse(
        check_batched_grad=check_batched_grad,
        check_batched_forward_grad=check_batched_forward_grad,
        check_forward_ad=check_forward_ad,
        masked=masked,
    )
    if not check_backward_ad:
        raise ValueError("gradcheck: with check_backward_ad=False nothing would be checked")
    arguments = _sequence(inputs, "gradcheck: inputs")
    options = Options(
        eps, atol, rtol, nondet_tol, check_undefined_grad, check_grad_dtypes, fast_mode, seed
    )
    _check(options, "gradcheck")
    call = Call("gradcheck", func, arguments, _unlike(options))
    dtype = lowest_dtype(func, arguments)
    return run(lambda kind: Point(func, arguments, kind), dtype, options, call, raise_exception)


def gradgradcheck(
    func: Callable[..., Any],
    inputs: Tensor | Sequence[Any],
    grad_outputs: Tensor | Sequence[Tensor] | None = None,
    *,
    eps: float = 1e-6,
    atol: float = 1e-5,
    rtol: float = 1e-3,
    gen_non_contig_grad_outputs: bool = False,
    raise_exception: bool = True,
    nondet_tol: float = 0.0,
    check_undefined_grad: bool = True,
    check_grad_dtypes: bool = False,
    check_batched_grad: bool = False,
    check_fwd_over_rev: bool = False,
    check_rev_over_rev: bool = True,
    fast_mode: bool = False,
    masked: bool = False,
    seed: int = 0,
) -> bool:
    """Check the derivative of the derivative: `gradcheck` of the gradients of `func`.

    The gradients are functions of `inputs` and of `grad_outputs`, and are checked by both. They
    are made with `create_graph=True`, and must be those of an ordinary backward pass.

    Parameters
    ----------
    grad_outputs
        The upstream gradients; random by default.
    gen_non_contig_grad_outputs
        Make those random ones with gaps between their numbers in memory.
    check_fwd_over_rev, check_rev_over_rev
        PyTorch's; only False and True.

    The other parameters, and what is raised, are those of `gradcheck`.

    >>> import tinygrad_np as tg
    >>> x = tg.tensor([0.3, 2.0], requires_grad=True)
    >>> gradgradcheck(lambda x: x * x * x, x)
    True
    """
    _refuse(
        check_batched_grad=check_batched_grad, check_fwd_over_rev=check_fwd_over_rev, masked=masked
    )
    if not check_rev_over_rev:
        raise ValueError("gradgradcheck: with check_rev_over_rev=False nothing would be checked")
    arguments = _sequence(inputs, "gradgradcheck: inputs")
    weights = (
        None if grad_outputs is None else _sequence(grad_outputs, "gradgradcheck: grad_outputs")
    )
    options = Options(
        eps, atol, rtol, nondet_tol, check_undefined_grad, check_grad_dtypes, fast_mode, seed
    )
    _check(options, "gradgradcheck")
    given: dict[str, Any] = {} if weights is None else {"grad_outputs": weights}
    if gen_non_contig_grad_outputs:
        given["gen_non_contig_grad_outputs"] = True
    call = Call("gradgradcheck", func, arguments, given | _unlike(options))

    def make(kind: Any) -> Point:
        point = Gradients(func, arguments, kind, weights, gen_non_contig_grad_outputs, seed)
        # Without an upstream gradient it must be constant, which its values tell.
        return point if point.weights else Point(func, arguments, kind)

    dtype = lowest_dtype(func, arguments)
    return run(make, dtype, options, call, raise_exception)


def run(
    make: Callable[[Any], Point],
    dtype: Any,
    options: Options,
    call: Call,
    raise_exception: bool = True,
) -> bool:
    """Make a point in float64 and check it, and in another dtype as well, if that is another.

    A failure is raised with a program that makes the same `call` again.
    """
    if dtype is None:
        raise ValueError(f"{call.name}: no input requires grad; set requires_grad=True on one")
    try:
        gradients = compare(make(np.float64), options, call.name)
        if gradients is not None and dtype != np.float64:
            check_dtypes(make, dtype, gradients, options, call.name)
    except GradcheckError as error:
        if not raise_exception:
            return False
        snippet = call.program()
        named = type(error)(f"{error}\n\nTo see it again, run:\n\n{snippet}")
        named.snippet = snippet
        raise named from error.__cause__
    return True


def _sequence(given: Any, name: str) -> list[Any]:
    if isinstance(given, Value):
        return [given]
    if not isinstance(given, (tuple, list)):
        raise TypeError(
            f"{name} must be a Tensor, or a tuple or list of arguments, not a "
            f"{type(given).__qualname__}"
        )
    return list(given)


def _check(options: Options, name: str) -> None:
    """Refuse numbers that would make a check mean nothing."""
    if not 0 < options.eps < 1:
        raise ValueError(f"{name}: eps is a step relative to the inputs, not {options.eps}")
    for option in ("atol", "rtol", "nondet_tol"):
        given = getattr(options, option)
        if not 0 <= given < float("inf"):
            raise ValueError(f"{name}: {option} must be a number of at least 0, not {given}")


def _unlike(options: Options) -> dict[str, Any]:
    """Options that are not the defaults, for the program that repeats a call."""
    usual = Options()._asdict()
    return {name: value for name, value in options._asdict().items() if value != usual[name]}


MISSING = {
    "check_batched_grad": "vmap",
    "check_batched_forward_grad": "vmap",
    "check_forward_ad": "forward-mode differentiation",
    "check_fwd_over_rev": "forward-mode differentiation",
    "masked": "sparse tensors",
}


def _refuse(**flags: Any) -> None:
    for name, value in flags.items():
        if value:
            raise NotImplementedError(
                f"{name}={value} needs {MISSING[name]}, and tinygrad_np has none; leave it out"
            )
