"""Checks of gradients: by differences, on both paths, one by one, and in float32."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

import numpy as np

from tinygrad_np.autograd.differences import FIRST, Line, shares
from tinygrad_np.autograd.grad import backward
from tinygrad_np.autograd.gradcheck import gradcheck, gradgradcheck
from tinygrad_np.autograd.point import Named, Point
from tinygrad_np.errors import GradcheckError
from tinygrad_np.testing.checks.numbers import within_range
from tinygrad_np.testing.checks.projections import compare_blocks
from tinygrad_np.testing.subject import LAST_DIGIT, same, wobble

if TYPE_CHECKING:
    from collections.abc import Callable

    from tinygrad_np.testing.subject import Array, Subject

LARGE = 64  # elements: beyond, derivatives are compared by random projections


def both_paths(subject: Subject) -> None:
    """Compare the gradients of rules on arrays with those on tensors."""
    for dtype, near in ((np.float32, 1e-4), (np.float64, 1e-11)):
        on_arrays = subject.gradients(subject.point(dtype))
        on_tape = subject.gradients(subject.point(dtype), create_graph=True)
        same(
            on_tape,
            on_arrays,
            near,
            noise=lambda: wobble(subject.point, subject.gradients),
            digit=LAST_DIGIT[np.dtype(dtype).name],
        )


def alone(subject: Subject) -> None:
    """Ask for the gradient by each operand, while the others require none."""

    def noise(i: int) -> list[float]:
        return [wobble(subject.point, subject.gradients)[i]]

    for i, expected in enumerate(subject.gradients(subject.point())):
        point = subject.point()
        for j, (_, x) in enumerate(point.operands):
            x.requires_grad_(i == j)
        point.operands = [point.operands[i]]
        if point.run():
            (found,) = subject.gradients(point)
            same(
                [found],
                [expected],
                1e-12,
                noise=functools.partial(noise, i),
                what=f"the gradient by {point.operands[0].name}: ",
            )


def accumulation(subject: Subject) -> None:
    """Go back twice."""
    point = subject.point()
    once = subject.gradients(point)
    for _ in range(2):
        results = point.run()
        backward([y for _, y in results], subject.weights(results))
    for (_, x), g in zip(point.operands, once, strict=True):
        if x.grad is not None:
            same([x.grad.array], [2 * g], 1e-12)


class _Detached(Point):
    """Those floating results that no gradient flows from."""

    def run(self) -> list[Named]:
        return [
            Named(name, y)
            for name, y in self.results()
            if y.vertex is None and y.array.dtype.kind == "f"
        ]


def detached(subject: Subject) -> None:
    """See whether results without a gradient depend on the operands all the same."""
    point = _Detached(subject.function, subject.operands, np.float64)
    results = point.run()
    y = np.concatenate([np.zeros(0), *(y.array.reshape(-1) for _, y in results)])
    ends = np.cumsum([y.array.size for _, y in results])
    rng = np.random.default_rng(subject.seed)
    for i, (operand, x) in enumerate(point.operands if y.size else ()):
        general, each = shares(x.array, FIRST)
        line = Line(point.along(i), np.array(x.array), y, rng.standard_normal(x.shape) * each)
        h = 1e-6 * general
        with np.errstate(all="ignore"):
            far, near = line.central(h), line.central(h / 8)
            noise = 1e-13 * np.abs(y) / h  # steps of functions that round grow as h falls
            depends = (np.abs(far) > noise) & (np.abs(far - near) < 0.1 * np.abs(far))
        if depends.any():
            worst = int(np.argmax(np.where(depends, np.abs(far), 0.0)))
            name = results[int(np.searchsorted(ends, worst, side="right"))].name
            raise AssertionError(
                f"{name} requires no grad, but depends on {operand}: its slope in a random "
                f"direction is {far[worst]:.6g}; is something detached by mistake?"
            )


def gradient(subject: Subject) -> None:
    """Compare with differences, and float32 with float64."""
    size = _size(subject)
    gradcheck(
        subject.function,
        subject.operands,
        atol=1e-6,
        rtol=1e-5,
        fast_mode=size > LARGE,
        seed=subject.seed,
    )
    compare_blocks(subject.point, subject, rtol=1e-5, blocks=64)
    in_single, in_double = subject.rounded()
    _compare_single(
        subject.gradients(in_single),
        subject.gradients(in_double),
        lambda i: [wobble(lambda: subject.rounded()[1], subject.gradients)[i]],
        "the gradient by",
        in_double,
    )


def second(subject: Subject) -> None:
    """Compare the gradients of gradients with differences, and float32 with float64."""
    size = _size(subject)
    gradgradcheck(
        subject.function,
        subject.operands,
        atol=1e-5,
        rtol=1e-4,
        fast_mode=size > LARGE // 4,
        seed=subject.seed,
    )
    compare_blocks(lambda: subject.slopes(subject.point()), subject, rtol=1e-4, blocks=16)
    in_single, in_double = (subject.slopes(point) for point in subject.rounded())
    _compare_single(
        subject.gradients(in_single),
        subject.gradients(in_double),
        lambda i: [wobble(lambda: subject.slopes(subject.rounded()[1]), subject.gradients)[i]],
        "the second derivative by",
        in_double,
    )


def _compare_single(
    low: list[Array],
    high: list[Array],
    noise: Callable[[int], list[float]],
    what: str,
    point: Point,
) -> None:
    for i, (a, b) in enumerate(zip(low, high, strict=True)):
        try:
            same(
                [within_range(a, b)],
                [b],
                1e-4,
                noise=functools.partial(noise, i),
                digit=LAST_DIGIT["float32"],
            )
        except AssertionError as error:
            raise GradcheckError(
                f"in float32 {what} {point.operands[i].name} is not that in float64: {error}"
            ) from None


def _size(subject: Subject) -> int:
    return max(int(x.array.size) for _, x in subject.point().operands)
