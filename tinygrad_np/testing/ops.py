"""check_op: everything that is asked of a differentiable function, at one point."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

import numpy as np

from tinygrad_np.autograd.grad import backward, grad
from tinygrad_np.autograd.gradcheck import gradcheck, gradgradcheck
from tinygrad_np.autograd.modes import no_grad
from tinygrad_np.autograd.point import Point, describe, tensors_in
from tinygrad_np.core import Value
from tinygrad_np.errors import GradcheckError
from tinygrad_np.tensor.creation import new
from tinygrad_np.testing.closeness import assert_close
from tinygrad_np.testing.layouts import LAYOUTS, expanded

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

    from tinygrad_np.tensor.tensor import Tensor

    Array = np.ndarray[Any, Any]

LARGE = 64  # elements: beyond, derivatives are compared by random projections


class Subject:
    """A function, the point that it is checked at, and what to expect of it."""

    def __init__(
        self,
        function: Callable[..., Any],
        operands: Sequence[Any],
        oracle: Callable[..., Any] | None,
        tolerance: tuple[float, float],
        seed: int,
    ) -> None:
        self.function, self.oracle, self.seed = function, oracle, seed
        self.rtol, self.atol = tolerance
        self.name = describe(function)
        self.arrays = [
            np.array(x.array) if isinstance(x, Value) else np.array(x)
            for x in operands
            if isinstance(x, (Value, np.ndarray))
        ]
        self.operands = [
            None if isinstance(x, (Value, np.ndarray)) else [x] for x in operands
        ]  # None: the next array

    def filled(self, arrays: Sequence[Array], dtype: Any = np.float64) -> list[Any]:
        """Give the arguments, with tensors over these very arrays in their places."""
        given = iter(arrays)
        return [x[0] if x is not None else _leaf(next(given), dtype) for x in self.operands]

    def point(self, dtype: Any = np.float64, arrays: Sequence[Array] | None = None) -> Point:
        """Give the function and its arguments, copied and in a dtype."""
        return Point(self.function, self.filled(self.arrays if arrays is None else arrays), dtype)

    def weights(self, results: Sequence[Any]) -> list[Tensor]:
        """Give a random upstream gradient for each result: one of ones proves little."""
        rng = np.random.default_rng(self.seed)
        return [new(rng.standard_normal(y.shape).astype(y.dtype)) for _, y in results]

    def gradients(self, point: Point, *, create_graph: bool = False) -> list[Array]:
        """Give the gradients of a random projection of the results, zeros where none flows."""
        results = point.run()
        leaves = [x for _, x in point.operands]
        found = grad(
            [y for _, y in results],
            leaves,
            self.weights(results),
            create_graph=create_graph,
            allow_unused=True,
        )
        return [
            np.zeros_like(x.array) if g is None else np.array(g.array)
            for x, g in zip(leaves, found, strict=True)
        ]

    def values(self, point: Point) -> list[Array]:
        """Give copies of all results, differentiable or not."""
        result = point.func(*point.arguments)
        return [np.array(y.array) for _, y in tensors_in(result)]


def _leaf(array: Array, dtype: Any) -> Tensor:
    floating = array.dtype.kind == "f"
    given = array if not floating or array.dtype == dtype else array.astype(dtype)
    return new(given, requires_grad=floating)


def _value(subject: Subject) -> None:
    if subject.oracle is None:
        return
    point = subject.point()
    parameters = {}
    if hasattr(point.func, "named_parameters"):
        parameters = {name: x.array for name, x in point.func.named_parameters()}
    copies = (
        x[0] if x is not None else np.array(y.array) if isinstance(y, Value) else y
        for x, y in zip(subject.operands, point.arguments, strict=True)
    )
    expected = subject.oracle(*copies, **parameters)
    found = subject.values(point)
    wanted = [np.asarray(y) for y in (expected if isinstance(expected, tuple) else (expected,))]
    assert_close(found, wanted, rtol=subject.rtol, atol=subject.atol, equal_nan=True)


def _dtype(subject: Subject) -> None:
    in_double = subject.values(subject.point())
    for dtype, near in ((np.float32, 1e-4), (np.float64, 1e-12)):
        point = subject.point(dtype)
        for y in (y for _, y in point.run()):
            if y.dtype != dtype:
                raise AssertionError(
                    f"a result is {y.dtype} for operands that are {dtype.__name__}"
                )
        for a, b in zip(subject.values(point), in_double, strict=True):
            if b.dtype.kind == "f":
                largest = float(np.max(np.abs(b[np.isfinite(b)]), initial=0.0))
                assert_close(
                    a.astype(np.float64), b, rtol=near, atol=near * largest, equal_nan=True
                )


def _gradient(subject: Subject) -> None:
    arguments = subject.filled(subject.arrays)
    gradcheck(
        subject.function,
        arguments,
        atol=1e-6,
        rtol=1e-5,
        fast_mode=_size(subject) > LARGE,
        seed=subject.seed,
    )


def _second(subject: Subject) -> None:
    gradgradcheck(
        subject.function,
        subject.filled(subject.arrays),
        atol=1e-5,
        rtol=1e-4,
        fast_mode=_size(subject) > LARGE // 4,
        seed=subject.seed,
    )


def _size(subject: Subject) -> int:
    return max([x.tensor.array.size for x in subject.point().operands], default=0)


def _paths(subject: Subject) -> None:
    for dtype, near in ((np.float32, 1e-4), (np.float64, 1e-11)):
        on_arrays = subject.gradients(subject.point(dtype))
        on_tape = subject.gradients(subject.point(dtype), create_graph=True)
        for a, b in zip(on_arrays, on_tape, strict=True):
            largest = float(np.max(np.abs(a), initial=0.0))
            assert_close(b, a, rtol=near, atol=near * largest)


def _alone(subject: Subject) -> None:
    together = subject.gradients(subject.point())
    for i, expected in enumerate(together):
        point = subject.point()
        for j, (_, x) in enumerate(point.operands):
            x.requires_grad_(i == j)
        point.operands = [point.operands[i]]
        if point.run():
            (found,) = subject.gradients(point)
            assert_close(found, expected, rtol=1e-12, atol=1e-12)


def _mutation(subject: Subject) -> None:
    for create_graph in (False, True):
        point = subject.point()
        point.check_untouched()
        before = [np.array(x.array) for _, x in point.operands]
        results = point.run()
        values = [np.array(y.array) for _, y in results]
        weights = subject.weights(results)
        upstream = [np.array(w.array) for w in weights]
        backward([y for _, y in results], weights, create_graph=create_graph)
        point.check_untouched()
        for what, tensors, arrays in (
            ("an operand", [x for _, x in point.operands], before),
            ("its result", [y for _, y in results], values),
            ("the upstream gradient", weights, upstream),
        ):
            for x, array in zip(tensors, arrays, strict=True):
                if not np.array_equal(x.array, array, equal_nan=True):
                    raise AssertionError(f"{what} of shape {tuple(x.shape)} was changed in place")

    # An upstream gradient that a sum hands to two operands shows a write of either rule.
    for first in (False, True):
        point = subject.point()
        for _, y in point.run():
            side = new(np.zeros(y.shape, y.dtype), requires_grad=True)
            total = side * 1.0 + y if first else y + side * 1.0
            (weight,) = subject.weights([("", total)])
            leaves = [x for _, x in point.operands]
            found = grad(total, [side, *leaves], weight, allow_unused=True, retain_graph=True)
            if not np.array_equal(found[0].array, weight.array):
                raise AssertionError("its rule changes the upstream gradient in place")


def _aliasing(subject: Subject) -> None:
    for create_graph in (False, True):
        point = subject.point()
        results = point.run()
        weights = subject.weights(results)
        backward([y for _, y in results], weights, create_graph=create_graph)
        gradients = [
            (f"the gradient by {name}", x.grad.array)
            for name, x in point.operands
            if x.grad is not None
        ]
        others = [(name, x.array) for name, x in (*point.operands, *results)]
        others += [("the upstream gradient", w.array) for w in weights]
        for (name, a), (other, b) in (
            *itertools.combinations(gradients, 2),
            *itertools.product(gradients, others),
        ):
            if np.shares_memory(a, b):
                raise AssertionError(f"{name} shares memory with {other}")
        for name, a in gradients:
            if not a.flags.writeable:
                raise AssertionError(f"{name} cannot be written")


def _accumulation(subject: Subject) -> None:
    point = subject.point()
    once = subject.gradients(point)
    for _ in range(2):
        results = point.run()
        backward([y for _, y in results], subject.weights(results))
    for (_, x), g in zip(point.operands, once, strict=True):
        if x.grad is not None:
            assert_close(x.grad.array, 2 * g, rtol=1e-12, atol=1e-12)


def _no_grad(subject: Subject) -> None:
    expected = subject.values(subject.point())
    with no_grad():
        point = subject.point()
        for _, y in tensors_in(point.func(*point.arguments)):
            if y.vertex is not None:
                raise AssertionError("a result requires grad under no_grad()")
        found = subject.values(subject.point())
    assert_close(found, expected, rtol=0.0, atol=0.0, equal_nan=True)


def _layouts(subject: Subject) -> None:
    plain = subject.point()
    values, gradients = subject.values(plain), subject.gradients(plain)
    for name, layout in LAYOUTS.items():
        _same(subject, name, [layout(x) for x in subject.arrays], values, gradients)


def _expanded(subject: Subject) -> None:
    spread = [expanded(x) for x in subject.arrays]
    plain = subject.point(arrays=spread)
    _same(subject, "expanded", spread, subject.values(plain), subject.gradients(plain))


def _same(
    subject: Subject,
    name: str,
    arrays: Sequence[Array],
    values: list[Array],
    gradients: list[Array],
) -> None:
    """Check that arrays in odd memory give the values and gradients of plain ones."""
    point = subject.point()
    odd = iter(subject.filled(arrays))
    leaves = [next(odd) for _ in point.arguments]
    parameters = [x for x in point.operands if x.name.startswith("parameter")]
    named = [x for x in point.operands if not x.name.startswith("parameter")]
    wanted = [x for x in leaves if isinstance(x, Value) and x.vertex is not None]
    point.arguments = leaves
    point.operands = [
        *(old._replace(tensor=x) for old, x in zip(named, wanted, strict=True)),
        *parameters,
    ]

    def told(message: str) -> str:
        return f"{name} memory: {message}"

    assert_close(subject.values(point), values, rtol=1e-11, atol=1e-11, equal_nan=True, msg=told)
    found = subject.gradients(point)
    assert_close(found, gradients, rtol=1e-11, atol=1e-11, equal_nan=True, msg=told)


def _broadcasting(subject: Subject) -> None:
    """Compare operands of fewer dimensions, or of size 1 in one, with the same ones repeated."""
    for i, array in enumerate(subject.arrays if len(subject.arrays) > 1 else ()):
        if array.dtype.kind != "f" or not array.ndim or not array.size:
            continue
        for what, small in (("without its first dimension", array[0]), ("of size 1", array[:1])):
            tiled = np.array(np.broadcast_to(small, array.shape))
            points = [
                subject.point(arrays=[x if j == i else y for j, y in enumerate(subject.arrays)])
                for x in (small, tiled)
            ]
            at = [n for n, x in enumerate(subject.arrays) if x.dtype.kind == "f"].index(i)

            def told(message: str, i: int = i, what: str = what) -> str:
                return f"operand {i} {what}: {message}"

            values = [subject.values(point) for point in points]
            assert_close(values[0], values[1], rtol=1e-12, atol=1e-12, equal_nan=True, msg=told)
            gradients = [subject.gradients(point) for point in points]
            gradients[1][at] = gradients[1][at].sum(0, keepdims=small.ndim == array.ndim)
            assert_close(gradients[0], gradients[1], rtol=1e-9, atol=1e-9, msg=told)


CHECKS: dict[str, Callable[[Subject], None]] = {
    "value": _value,
    "dtype": _dtype,
    "mutation": _mutation,
    "aliasing": _aliasing,
    "no_grad": _no_grad,
    "both paths": _paths,
    "each operand alone": _alone,
    "accumulation": _accumulation,
    "layouts": _layouts,
    "expanded": _expanded,
    "broadcasting": _broadcasting,
    "gradient": _gradient,
    "second derivative": _second,
}


def check_op(
    function: Callable[..., Any],
    operands: Sequence[Any],
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
    value                 that of `oracle`, in float64
    dtype                 float32 gives float32, and the same numbers
    mutation              operands, results and upstream gradients stay as they are
    aliasing              no gradient shares memory with anything
    no_grad               the same values, and nothing recorded
    both paths            the same gradients from rules on arrays and on tensors (`create_graph`)
    each operand alone    the same gradient when the others require none
    accumulation          two backward passes give twice the gradient
    layouts               the same in Fortran, permuted, strided, reversed and read-only memory
    expanded              the same with strides of 0
    broadcasting          a small operand gives what its copies give, and gets the sum of theirs
    gradient              `gradcheck`
    second derivative     `gradgradcheck`
    ====================  =========================================================================

    Parameters
    ----------
    function
        Function of tensors; or a module, whose parameters are checked as well.
    operands
        Its arguments. Tensors and arrays are copied; the floating ones are brought to float64 and
        all require grad. Anything else is handed over as it is.
    oracle
        The same in NumPy: takes arrays (and a module's parameters by name), gives an array, or a
        tuple of them.
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
    AssertionError
        If a check fails; the message starts with the name of the function and of the check.
    GradcheckError
        The same, if it is one of derivatives.
    ValueError
        If `skip` names no check.

    >>> import tinygrad_np as tg
    >>> def swish(x):
    ...     return x * x.sigmoid()
    >>> check_op(swish, [tg.randn(2, 3)], oracle=lambda x: x / (1 + np.exp(-x)))
    """
    unknown = set(skip) - set(CHECKS)
    if unknown:
        raise ValueError(f"check_op: there is no check {sorted(unknown)}; there are {list(CHECKS)}")
    subject = Subject(function, operands, oracle, (rtol, atol), seed)
    for name, check in CHECKS.items():
        if name in skip or (name == "broadcasting" and not broadcasts):
            continue
        try:
            check(subject)
        except (AssertionError, GradcheckError) as error:
            kind = type(error) if isinstance(error, GradcheckError) else AssertionError
            told = kind(f"{subject.name}: {name}: {error}")
            if isinstance(error, GradcheckError) and isinstance(told, GradcheckError):
                told.snippet = error.snippet
            raise told from error
