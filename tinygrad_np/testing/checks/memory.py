"""Checks of memory: what is written, what is shared, and how the numbers lie in it."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

import numpy as np

from tinygrad_np.autograd.checking.point import Named
from tinygrad_np.autograd.grad import backward, grad
from tinygrad_np.core import Op, Value, apply
from tinygrad_np.tensor.creation import new
from tinygrad_np.testing.layouts import LAYOUTS, expanded
from tinygrad_np.testing.subject import LAST_DIGIT, largest, pulled, same, wobble
from tinygrad_np.views import FOREIGN

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tinygrad_np.autograd.checking.point import Point
    from tinygrad_np.tensor.tensor import Tensor
    from tinygrad_np.testing.subject import Array, Subject

NEAR = {"float64": 1e-11, "float32": 1e-4}  # the order of memory may be that of a sum


def mutation(subject: Subject) -> None:
    """Look for writes into operands, results and upstream gradients."""
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
        for name, y in point.run():
            side = new(np.zeros(y.shape, y.dtype), requires_grad=True)
            total = side * 1.0 + y if first else y + side * 1.0
            weight = new(subject.cotangent(name, total))
            leaves = [x for _, x in point.operands]
            found = grad(total, [side, *leaves], weight, allow_unused=True, retain_graph=True)
            if not np.array_equal(found[0].array, weight.array):
                raise AssertionError("its rule changes the upstream gradient in place")


def aliasing(subject: Subject) -> None:
    """Look for gradients that share memory, also with those of an earlier pass."""
    earlier: list[tuple[str, Array]] = []
    for create_graph in (False, False, True):
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
        others += [(f"{name} of another pass", array) for name, array in earlier]
        for (name, a), (other, b) in (
            *itertools.combinations(gradients, 2),
            *itertools.product(gradients, others),
        ):
            if np.shares_memory(a, b):
                raise AssertionError(f"{name} shares memory with {other}")
        for name, a in gradients:
            if not a.flags.writeable:
                raise AssertionError(f"{name} cannot be written")
        earlier += gradients


def layouts(subject: Subject) -> None:
    """Lay all operands out in one way, and each by itself."""
    for dtype in (np.float64, np.float32):
        point = subject.point(dtype)
        given = _tensors(point)
        plain = [np.array(x.array, order="C") for _, x in given]
        _lay(given, plain)
        values, gradients = subject.outcome(point)
        for name, layout in LAYOUTS.items():
            odd = [layout(a) for a in plain]
            other = [i for i, (a, b) in enumerate(zip(odd, plain, strict=True)) if _differ(a, b)]
            for chosen in ([other] if other else []) + [[i] for i in other if len(given) > 1]:
                laid = [odd[i] if i in chosen else a for i, a in enumerate(plain)]
                which = f"{given[chosen[0]].name} in " if len(chosen) < len(other) else ""
                _compare(subject, point, laid, values, gradients, f"{which}{name} memory: ")


def visible(subject: Subject) -> None:
    """Let operands show how they lie, as slices and transposes do, to a function that asks."""
    point = subject.point()
    plain = [np.array(x.array, order="C") for _, x in _tensors(point)]
    _lay(_tensors(point), plain)
    values, gradients = subject.outcome(point)
    for name in ("Fortran", "strided"):
        laid = [LAYOUTS[name](a) for a in plain]
        _lay(_tensors(point), laid, shown=True)
        try:
            subject.values(point)
        except RuntimeError:
            continue  # as `view` does, and says why: no number is wrong
        what = f"a tensor that shows its {name} memory: "
        _compare(subject, point, laid, values, gradients, what, shown=True)


def _differ(a: Array, b: Array) -> bool:
    return a.strides != b.strides or a.flags.writeable != b.flags.writeable


def spread(subject: Subject) -> None:
    """Hand over operands of stride 0, and what they stand for written out."""
    for dtype in (np.float64, np.float32):
        point = subject.point(dtype)
        given = _tensors(point)
        broad = [expanded(x.array) for _, x in given]
        _lay(given, [np.array(x, order="C") for x in broad])
        values, gradients = subject.outcome(point)
        _compare(subject, point, broad, values, gradients, "expanded memory: ")


def _tensors(point: Point) -> list[Named]:
    """All tensors that a function gets, differentiable or not."""
    named = {id(x): name for name, x in point.operands}
    arguments = [
        Named(named.get(id(x), f"argument {i}"), x)
        for i, x in enumerate(point.arguments)
        if isinstance(x, Value)
    ]
    known = {id(x) for _, x in arguments}
    return arguments + [operand for operand in point.operands if id(operand.tensor) not in known]


def _lay(given: Sequence[Named], arrays: Sequence[Array], *, shown: bool = False) -> None:
    for (_, x), array in zip(given, arrays, strict=True):
        x.array, x.cell = array, [0, FOREIGN] if shown else [0]


def _compare(
    subject: Subject,
    point: Point,
    arrays: Sequence[Array],
    values: list[Array],
    gradients: list[Array],
    what: str,
    *,
    shown: bool = False,
) -> None:
    """Check that arrays in odd memory give the values and gradients of plain ones."""
    dtype = point.operands[0].tensor.dtype.name

    def plain() -> Point:
        fresh = subject.point()
        _lay(
            _tensors(fresh),
            [np.array(a, np.float64 if a.dtype.kind == "f" else None, order="C") for a in arrays],
        )
        return fresh

    _lay(_tensors(point), arrays, shown=shown)
    found = subject.outcome(point)
    near, digit = NEAR[dtype], LAST_DIGIT[dtype]
    same(
        found.values,
        values,
        near,
        noise=lambda: wobble(plain, subject.values),
        digit=digit,
        what=what,
    )
    same(
        found.gradients,
        gradients,
        near,
        noise=lambda: subject.rounding(plain),
        digit=digit,
        what=what,
        names=[f"the gradient by {name}" for name, _ in point.operands],
    )


def upstream(subject: Subject) -> None:
    """Hand over upstream gradients in odd memory, and constant ones, as a sum gives.

    What is expected follows by linearity from two that are random and lie plainly in memory.
    """
    ways = {**LAYOUTS, "expanded": expanded, "constant": _constant}
    for dtype in (np.float64, np.float32):
        point = subject.point(dtype)
        results = point.run()
        arrays = [subject.cotangent(*result) for result in results]
        others = [subject.cotangent(f"{name}, once more", y) for name, y in results]
        first = _pull(point, results, others)
        for name, way in ways.items():
            laid = [way(w) for w in arrays]
            rest = [np.array(w - v, order="C") for w, v in zip(laid, others, strict=True)]
            second = _pull(point, results, rest)
            found = _pull(point, results, laid)
            same(
                found,
                [  # where a gradient is infinite, it is that of no sum
                    np.where(np.isfinite(a) & np.isfinite(b), a + b, c)
                    for a, b, c in zip(first, second, found, strict=True)
                ],
                NEAR[np.dtype(dtype).name],
                scale=[largest(a) for a in first],
                noise=lambda: subject.rounding(subject.point),
                digit=LAST_DIGIT[np.dtype(dtype).name],
                what=f"the upstream gradient in {name} memory: ",
                names=[f"the gradient by {operand}" for operand, _ in point.operands],
            )


class _Handing(Op):
    """Gives an array as the gradient, just as it lies; what a pass starts with is copied."""

    __slots__ = ("array",)
    reads = ((),)

    def __init__(self, array: Array) -> None:
        self.array = array

    def forward(self, y: Array) -> Array:
        return np.zeros((), y.dtype)

    def vjp(self, g: Any, *_: Any) -> Any:  # noqa: ARG002 - which is 1
        return (lambda: self.array,)


def _pull(point: Point, results: Sequence[Named], weights: Sequence[Array]) -> list[Array]:
    handed = [
        Named(name, apply(_Handing(w), y)) for (name, y), w in zip(results, weights, strict=True)
    ]
    ones: list[Tensor] = [new(np.ones((), y.dtype)) for _, y in handed]
    return pulled(point, handed, ones, retain_graph=True)


def _constant(array: Array) -> Array:
    """Give the first number for all, in one place of memory."""
    return np.broadcast_to(array.reshape(-1)[0], array.shape) if array.size else array
