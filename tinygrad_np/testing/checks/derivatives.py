"""Checks of gradients: by differences, on both paths, one by one, and in float32."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tinygrad_np.autograd.checking.differences import FIRST, Line, shares
from tinygrad_np.autograd.checking.point import Named, Point
from tinygrad_np.autograd.grad import backward
from tinygrad_np.autograd.gradcheck import gradcheck, gradgradcheck
from tinygrad_np.errors import GradcheckError
from tinygrad_np.testing.checks.numbers import within_range
from tinygrad_np.testing.checks.projections import compare_blocks
from tinygrad_np.testing.subject import LAST_DIGIT, same

if TYPE_CHECKING:
    from collections.abc import Callable

    from tinygrad_np.testing.subject import Subject

LARGE = 64  # elements: beyond, derivatives are compared by random projections


def both_paths(subject: Subject) -> None:
    """Compare the gradients of rules on arrays with those on tensors."""
    for dtype, near in ((np.float32, 1e-4), (np.float64, 1e-11)):
        point = subject.point(dtype)
        on_arrays = subject.gradients(point)
        on_tape = subject.gradients(subject.point(dtype), create_graph=True)
        same(
            on_tape,
            on_arrays,
            near,
            noise=lambda: subject.rounding(subject.point),
            digit=LAST_DIGIT[np.dtype(dtype).name],
            names=[f"the gradient by {name} on tensors" for name, _ in point.operands],
        )


def alone(subject: Subject) -> None:
    """Ask for the gradient by each operand, while the others require none."""
    whole = subject.point()
    together = subject.gradients(whole)
    found = []
    for i, expected in enumerate(together):
        point = subject.point()
        for j, (_, x) in enumerate(point.operands):
            x.requires_grad_(i == j)
        point.operands = [point.operands[i]]
        found += subject.gradients(point) if point.run() else [expected]
    same(
        found,
        together,
        1e-12,
        noise=lambda: subject.rounding(subject.point),
        names=[f"the gradient by {name}" for name, _ in whole.operands],
    )


def accumulation(subject: Subject) -> None:
    """Go back twice."""
    point = subject.point()
    once = subject.gradients(point)
    for _ in range(2):
        results = point.run()
        backward([y for _, y in results], subject.weights(results))
    for (name, x), g in zip(point.operands, once, strict=True):
        if x.grad is not None:
            same([x.grad.array], [2 * g], 1e-12, names=[f"twice the gradient by {name}"])


class _Detached(Point):
    """Those floating results that no gradient flows from."""

    def run(self) -> list[Named]:
        return [
            Named(name, y)
            for name, y in self.call()
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
    _compare_single(subject, lambda point: point, "the gradient")


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
    _compare_single(subject, subject.slopes, "the second derivative")


def _compare_single(subject: Subject, of: Callable[[Point], Point], what: str) -> None:
    """Compare gradients in float32 with those in float64, at a point that both have."""
    low, high = map(of, subject.rounded())
    expected = subject.gradients(high)
    found = map(within_range, subject.gradients(low), expected)
    try:
        same(
            list(found),
            expected,
            1e-4,
            noise=lambda: subject.rounding(lambda: of(subject.rounded()[1])),
            digit=LAST_DIGIT["float32"],
            names=[
                f"in float32 {what} by {name} is not that in float64" for name, _ in high.operands
            ],
        )
    except AssertionError as error:
        raise GradcheckError(str(error)) from None


def _size(subject: Subject) -> int:
    return max(int(x.array.size) for _, x in subject.point().operands)
