"""Checks of small operands: they give what their copies give, and get the sum of theirs."""

from __future__ import annotations

import functools
import itertools
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from tinygrad_np.tensor.creation import new
from tinygrad_np.testing.subject import pulled, same, wobble

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from tinygrad_np.autograd.checking.point import Point
    from tinygrad_np.testing.subject import Array, Subject

    Make = Callable[[], Point]


class Small(NamedTuple):
    """What is left of an operand, and how a message says so."""

    told: str
    part: tuple[int | slice, ...]


def thin(axis: int, size: int = 1) -> Small:
    """Leave so much of one dimension."""
    return Small(f"of size {size} in dimension {axis}", (slice(None),) * axis + (slice(size),))


def lost(count: int) -> Small:
    """Leave the first dimensions out."""
    return Small(
        f"without its first {count} dimensions" if count > 1 else "without its first dimension",
        (0,) * count,
    )


def broadcasting(subject: Subject) -> None:
    """Compare operands of fewer dimensions, or of size 1 in some, with the same ones repeated."""
    floating = [i for i, a in enumerate(subject.arrays) if a.dtype.kind == "f"]
    if len(floating) < 2:
        return
    shapes = [subject.arrays[i].shape for i in floating]
    try:
        full = np.broadcast_shapes(*shapes)
    except ValueError:
        raise ValueError(
            f"broadcasts=True, but the operands have shapes {shapes}, which do not broadcast"
        ) from None
    arrays = list(subject.arrays)
    for i in floating:
        arrays[i] = np.array(np.broadcast_to(arrays[i], full))
    for smaller in _ways(floating, full, [i for i, a in enumerate(arrays) if a.shape == full]):
        small = [a[smaller[i].part] if i in smaller else a for i, a in enumerate(arrays)]
        what = ", ".join(f"operand {i} {way.told}" for i, way in smaller.items())
        _compare(subject, small, floating, f"{what}: ")


def _ways(
    floating: list[int], full: tuple[int, ...], whole: list[int]
) -> Iterator[dict[int, Small]]:
    """One operand small in each way; two, each in its own; and one where others have size 0."""
    sides = [axis for axis, n in enumerate(full) if n > 1]
    for i in floating:
        yield from ({i: thin(axis)} for axis in sides)
        yield from ({i: lost(n)} for n in range(1, len(full) + 1) if 0 not in full[:n])
        # What has no gradient, such as a mask, is cut along with the others.
        yield from ({i: thin(a), **{j: thin(a, 0) for j in whole if j != i}} for a in sides)
    for i, j in itertools.permutations(floating, 2):
        for a, b in itertools.combinations(sides, 2):
            yield {i: thin(a), j: thin(b)}
            if 0 not in full[: a + 1]:
                yield {i: lost(a + 1), j: thin(b)}


def _compare(subject: Subject, small: list[Array], floating: list[int], what: str) -> None:
    shape = np.broadcast_shapes(*(small[i].shape for i in floating))
    tiled = list(small)
    for i in floating:
        tiled[i] = np.array(np.broadcast_to(small[i], shape))
    points = [functools.partial(subject.point, arrays=arrays) for arrays in (small, tiled)]
    values = functools.partial(wobble, points[1], subject.values)
    found, expected = (subject.values(make()) for make in points)
    same(found, expected, 1e-11, noise=values, what=what)
    found, expected = (subject.gradients(make()) for make in points)
    noise = functools.partial(subject.rounding, points[0])
    names = [f"the gradient by {name}" for name, _ in points[0]().operands]
    same(found, _summed(expected, found), 1e-9, noise=noise, what=what, names=names)
    if "second derivative" not in subject.skip:
        _compare_second(subject, points[0], points[1], what)


def _compare_second(subject: Subject, small: Make, tiled: Make, what: str) -> None:
    """Compare the gradients of a projection of the gradients.

    That projection weighs all copies of an element as it weighs the element.
    """

    def gradients(point: Point) -> list[Array]:
        slopes = subject.slopes(point)
        results = slopes.run()
        weights = [
            np.broadcast_to(subject.cotangent(name, shapes.get(name, y)), y.shape)
            for name, y in results
        ]
        return pulled(slopes, results, [new(np.array(w)) for w in weights])

    shapes = dict(subject.slopes(small()).run())
    found, expected = gradients(small()), gradients(tiled())
    noise = functools.partial(subject.rounding, lambda: subject.slopes(small()))
    same(found, _summed(expected, found), 1e-9, noise=noise, what=f"{what}second derivative: ")


def _summed(gradients: Sequence[Array], like: Sequence[Array]) -> list[Array]:
    """Add up the gradients of copies."""
    return [_sum_to(g, small.shape) for g, small in zip(gradients, like, strict=True)]


def _sum_to(array: Array, shape: tuple[int, ...]) -> Array:
    array = array.sum(tuple(range(array.ndim - len(shape))))
    axes = tuple(i for i, n in enumerate(shape) if n == 1 != array.shape[i])
    return np.asarray(array.sum(axes, keepdims=True))
