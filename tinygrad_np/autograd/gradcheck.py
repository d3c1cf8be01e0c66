"""Checking derivatives against differences of the function itself."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from tinygrad_np.autograd.grad import grad
from tinygrad_np.core import Value
from tinygrad_np.errors import GradcheckError
from tinygrad_np.tensor.creation import new

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from tinygrad_np.tensor.tensor import Tensor

    Float = NDArray[np.float64]


def gradcheck(
    func: Callable[..., Any],
    inputs: Tensor | Sequence[Any],
    *,
    eps: float = 1e-6,
    atol: float = 1e-5,
    rtol: float = 1e-3,
    raise_exception: bool = True,
    fast_mode: bool = False,
) -> bool:
    """Compare the derivative of `func` at `inputs` with central differences.

    The whole Jacobian of each output is compared, entry by entry; with `fast_mode`, one random
    projection of it: uᵀ·J·v for random u (cotangent) and v (direction).

    Parameters
    ----------
    func
        Function of tensors that gives a tensor or a sequence of them.
    inputs
        Its arguments. Those that require grad are checked and must be float64: differences of
        float32 numbers say little.
    eps
        Step of the difference.
    atol, rtol
        An entry passes if `|analytic − numerical| <= atol + rtol·|numerical|`.

    Raises
    ------
    GradcheckError
        If an entry disagrees: the message gives output, input, place, both values. With
        `raise_exception=False`, the result is False instead.
    ValueError
        If no input requires grad, or one that does is not float64.

    >>> import tinygrad_np as tg
    >>> x = tg.tensor([0.3, 2.0], dtype=tg.float64, requires_grad=True)
    >>> gradcheck(lambda x: x * x, x)
    True
    """
    arguments = [inputs] if isinstance(inputs, Value) else list(inputs)
    checked = _checked(arguments)
    try:
        _compare(func, arguments, checked, eps, atol, rtol, fast_mode)
    except GradcheckError:
        if raise_exception:
            raise
        return False
    return True


def gradgradcheck(
    func: Callable[..., Any],
    inputs: Tensor | Sequence[Any],
    grad_outputs: Tensor | Sequence[Tensor] | None = None,
    *,
    eps: float = 1e-6,
    atol: float = 1e-5,
    rtol: float = 1e-3,
    raise_exception: bool = True,
    fast_mode: bool = False,
) -> bool:
    """Check the derivative of the derivative: `gradcheck` of the gradients of `func`.

    The gradients are functions of `inputs` and of `grad_outputs` (random by default), and are
    checked by both.

    >>> import tinygrad_np as tg
    >>> x = tg.tensor([0.3, 2.0], dtype=tg.float64, requires_grad=True)
    >>> gradgradcheck(lambda x: x * x * x, x)
    True
    """
    arguments = [inputs] if isinstance(inputs, Value) else list(inputs)
    checked = _checked(arguments)
    outputs = _outputs(func(*arguments))
    if grad_outputs is None:
        rng = np.random.default_rng(0)
        weights = [new(rng.standard_normal(y.shape), requires_grad=True) for y in outputs]
    else:
        given = [grad_outputs] if isinstance(grad_outputs, Value) else list(grad_outputs)
        weights = [w.detach().requires_grad_() for w in given]

    def gradients(*everything: Any) -> list[Tensor]:
        args, cotangents = everything[: len(arguments)], everything[len(arguments) :]
        results = _outputs(func(*args))
        found = grad(
            results,
            [args[i] for i in checked],
            cotangents,
            create_graph=True,
            allow_unused=True,
        )
        return [g for g in found if g is not None and g.requires_grad]

    return gradcheck(
        gradients,
        [*arguments, *weights],
        eps=eps,
        atol=atol,
        rtol=rtol,
        raise_exception=raise_exception,
        fast_mode=fast_mode,
    )


def _checked(arguments: Sequence[Any]) -> list[int]:
    """Positions of the inputs to check."""
    positions = [
        i for i, x in enumerate(arguments) if isinstance(x, Value) and x.vertex is not None
    ]
    if not positions:
        raise ValueError("gradcheck: no input requires grad; set requires_grad=True on one")
    for i in positions:
        if arguments[i].dtype != np.float64:
            raise ValueError(
                f"gradcheck: input {i} is {arguments[i].dtype}; differences need float64: make it "
                "with dtype=float64, or call .double()"
            )
    return positions


def _outputs(result: Any) -> list[Tensor]:
    return list(result) if isinstance(result, (tuple, list)) else [result]


def _compare(
    func: Callable[..., Any],
    arguments: list[Any],
    checked: list[int],
    eps: float,
    atol: float,
    rtol: float,
    fast: bool,
) -> None:
    outputs = [y for y in _outputs(func(*arguments)) if y.requires_grad]
    if not outputs:
        raise GradcheckError(
            "gradcheck: no output requires grad: the function does not use the inputs, or detaches"
        )
    rng = np.random.default_rng(0)
    for position in checked:
        x = arguments[position]
        directions = _directions(x.shape, rng, fast)
        numeric = _numeric(func, arguments, position, directions, eps)
        for k, y in enumerate(outputs):
            cotangents = _directions(y.shape, rng, fast)
            analytic = np.array([_pulled(y, x, u, directions) for u in cotangents])
            expected = _rows(cotangents) @ numeric[k]
            _agree(analytic, expected, k, position, tuple(x.shape), atol, rtol, fast)


def _directions(shape: Sequence[int], rng: np.random.Generator, fast: bool) -> Float:
    """Unit vectors of a space of tensors, one a row; or a single random direction."""
    size = math.prod(shape)
    if not fast:
        return np.eye(size).reshape(size, *shape)
    vector = rng.standard_normal(shape)
    return (vector / (np.linalg.norm(vector) or 1.0))[None]


def _rows(vectors: Float) -> Float:
    """One row a vector, whatever its shape; also where there are none, or they are empty."""
    return vectors.reshape(len(vectors), math.prod(vectors.shape[1:]))


def _numeric(
    func: Callable[..., Any], arguments: list[Any], position: int, directions: Float, eps: float
) -> list[Float]:
    """Jacobian of each output times each direction, by central differences."""
    at = np.array(arguments[position].detach().numpy())

    def values(x: Float) -> list[Float]:
        moved = [*arguments]
        moved[position] = new(np.array(x), requires_grad=True)
        results = [y for y in _outputs(func(*moved)) if y.requires_grad]
        return [np.array(y.detach().numpy()).reshape(-1) for y in results]

    columns = []
    for direction in directions:
        ahead, behind = values(at + eps * direction), values(at - eps * direction)
        columns.append([(a - b) / (2 * eps) for a, b in zip(ahead, behind, strict=True)])
    if not columns:
        return [np.zeros((y.size, 0)) for y in values(at)]
    return [np.stack(column, axis=1) for column in zip(*columns, strict=True)]


def _pulled(output: Tensor, x: Tensor, cotangent: Float, directions: Float) -> Float:
    """Analytic uᵀ·J, projected on each direction."""
    weight = new(np.array(cotangent, dtype=output.dtype))
    (found,) = grad(output, x, weight, retain_graph=True, allow_unused=True)
    gradient = np.zeros(x.shape) if found is None else found.detach().numpy()
    projected: Float = _rows(directions) @ gradient.reshape(-1)
    return projected


def _agree(
    analytic: Float,
    numerical: Float,
    output: int,
    position: int,
    shape: tuple[int, ...],
    atol: float,
    rtol: float,
    fast: bool,
) -> None:
    analytic = analytic.reshape(numerical.shape)
    wrong = ~np.isclose(analytic, numerical, rtol=rtol, atol=atol)
    if not wrong.any():
        return
    error = np.where(wrong, np.abs(analytic - numerical), -1.0)
    error = np.where(np.isnan(error), np.inf, error)
    row, column = np.unravel_index(int(error.argmax()), error.shape)
    place = (
        "in a random projection"
        if fast
        else f"at element {row} of the output by element "
        f"{tuple(int(i) for i in np.unravel_index(int(column), shape))} of the input"
    )
    raise GradcheckError(
        f"gradcheck: the derivative of output {output} with respect to input {position} is wrong "
        f"{place}: analytic {analytic[row, column]:.10g}, numerical "
        f"{numerical[row, column]:.10g}; {int(wrong.sum())} of {wrong.size} entries disagree"
    )
