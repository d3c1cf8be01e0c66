"""What hypothesis draws: shapes, dimensions, indices, and tensors with the numbers that matter.

A failing example shrinks towards few dimensions of size 1, round numbers and plain memory. Size 0
is drawn too, and is what an example shrinks to last.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any, NamedTuple

import hypothesis.extra.numpy as hnp
import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tinygrad_np.autograd.point import describe
from tinygrad_np.dtypes import as_dtype
from tinygrad_np.tensor.creation import new
from tinygrad_np.testing.layouts import LAYOUTS, expanded
from tinygrad_np.testing.ops import check_op

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

    from hypothesis.strategies import SearchStrategy

    from tinygrad_np.tensor.tensor import Tensor

    Array = np.ndarray[Any, Any]


def shapes(
    *, min_dims: int = 0, max_dims: int = 3, min_side: int = 0, max_side: int = 4
) -> SearchStrategy[tuple[int, ...]]:
    """Shapes, 0-d and with sides of 1 and 0 among them.

    >>> shapes(min_dims=2, max_dims=2, min_side=3, max_side=3).example()  # doctest: +SKIP
    (3, 3)
    """
    return st.lists(_side(min_side, max_side), min_size=min_dims, max_size=max_dims).map(tuple)


def _side(least: int, most: int) -> SearchStrategy[int]:
    return st.sampled_from(sorted(range(least, most + 1), key=lambda n: (n == 0, n)))


class Broadcast(NamedTuple):
    """Shapes that broadcast together, and what they broadcast to."""

    shapes: tuple[tuple[int, ...], ...]
    result: tuple[int, ...]


@st.composite
def broadcastable_shapes(
    draw: st.DrawFn,
    count: int = 2,
    *,
    max_dims: int = 3,
    min_side: int = 0,
    max_side: int = 3,
) -> Broadcast:
    """Draw `count` shapes that broadcast: leading dimensions missing, sides of 1."""
    full = draw(shapes(max_dims=max_dims, min_side=min_side, max_side=max_side))
    made = []
    for _ in range(count):
        kept = full[draw(st.integers(0, len(full))) :]
        ones = draw(st.lists(st.booleans(), min_size=len(kept), max_size=len(kept)))
        made.append(tuple(1 if one else n for n, one in zip(kept, ones, strict=True)))
    return Broadcast(tuple(made), np.broadcast_shapes(*made))


def dims(
    ndim: int, *, several: bool = False, allow_none: bool = False
) -> SearchStrategy[int | tuple[int, ...] | None]:
    """Dimensions of a tensor, counted from the front or, negative, from the back.

    Parameters
    ----------
    ndim
        Its number of dimensions. One of none may be called 0 or -1, as in PyTorch.
    several
        Draw tuples of different ones as well.
    allow_none
        Draw None as well, which stands for all.
    """
    count = max(ndim, 1)
    single = st.sampled_from([*range(count), *range(-1, -count - 1, -1)])
    drawn: list[SearchStrategy[Any]] = [single]
    if several and ndim:
        drawn.append(
            st.lists(single, min_size=1, max_size=ndim, unique_by=lambda d: d % ndim).map(tuple)
        )
    if allow_none:
        drawn.append(st.none())
    return st.one_of(drawn)


@st.composite
def indices(
    draw: st.DrawFn,
    shape: tuple[int, ...],
    *,
    arrays: bool = True,
    masks: bool = True,
    new_axes: bool = True,
) -> Any:
    """Draw an index for a tensor of `shape`: what may stand between its brackets.

    Integers and slices from either end, `...` and None; with `arrays`, a list of indices, in which
    some repeat; with `masks`, a boolean array over a dimension. No index is out of range, no step
    is negative, which PyTorch refuses, and the result is the same in NumPy and in PyTorch.
    """
    parts: list[Any] = []
    before: list[str] = []  # kinds of what stands there already
    at = 0
    while at < len(shape) and draw(st.booleans()):
        size = shape[at]
        apart = _apart(before)
        one = not {"list", "mask"} & set(before)
        kinds = ["slice"] + ["None"] * new_axes
        kinds += ["int"] * (size > 0 and (one or not apart))
        kinds += ["list"] * (arrays and size > 0 and one and not apart)
        kinds += ["mask"] * (masks and one and not apart)
        kind = draw(st.sampled_from(kinds))
        before.append(kind)
        if kind == "None":
            parts.append(None)
            continue
        if kind == "slice":
            parts.append(draw(_slices(size)))
        elif kind == "int":
            parts.append(draw(st.integers(-size, size - 1)))
        elif kind == "list":
            parts.append(draw(st.lists(st.integers(-size, size - 1), max_size=4)))
        else:
            parts.append(draw(hnp.arrays(np.bool_, size)))
        at += 1
    if draw(st.booleans()):
        parts.append(...)
    return parts[0] if len(parts) == 1 and draw(st.booleans()) else tuple(parts)


def _apart(kinds: Sequence[str]) -> bool:
    """Whether a slice follows an integer, list or mask: the next of those would lie apart.

    NumPy and PyTorch put the dimension that indices give at different places then.
    """
    chosen = [i for i, kind in enumerate(kinds) if kind in {"int", "list", "mask"}]
    return bool(chosen) and any(kind in {"slice", "None"} for kind in kinds[chosen[0] :])


@st.composite
def _slices(draw: st.DrawFn, size: int) -> slice:
    ends = st.none() | st.integers(-size - 1, size + 1)
    return slice(draw(ends), draw(ends), draw(st.none() | st.integers(1, 3)))


@st.composite
def arrays(
    draw: st.DrawFn,
    shape: tuple[int, ...] | SearchStrategy[tuple[int, ...]] | None = None,
    *,
    dtype: Any = np.float64,
    low: float = -3.0,
    high: float = 3.0,
    away_from: Sequence[float] = (),
    around: Sequence[float] = (),
    gap: float = 0.125,
    distinct: bool = False,
    layouts: Collection[str] = ("C",),
) -> Array:
    """Draw an array: `tensors`, before it is a tensor."""
    size = (
        draw(shape if isinstance(shape, st.SearchStrategy) else st.just(shape))
        if shape is not None
        else draw(shapes())
    )
    kind = as_dtype(dtype)
    if distinct:
        made = _distinct(draw, size, gap)
    elif kind.kind == "f":
        # Multiples of 1/16: round in float32 too, and they shrink to integers.
        unit = st.integers(0, round((high - low) * 16)).map(lambda n: n / 16)
        numbers = unit.map(lambda u: _towards_zero(u, low, high))
        if around:
            numbers = st.one_of(numbers, st.sampled_from(_beside(around, kind)))
        made = draw(hnp.arrays(np.float64, size, elements=numbers, fill=st.nothing()))
    else:
        most = 1 if kind.kind == "b" else int(high)
        least = 0 if kind.kind in "bu" else int(low)
        made = draw(hnp.arrays(np.int64, size, elements=st.integers(least, most)))
    for kink in away_from:
        near = np.abs(made - kink) < gap
        made = np.where(near, kink + np.where(made < kink, -gap, gap), made)
    array = np.asarray(made).astype(kind)
    name = draw(st.sampled_from(list(layouts)))
    return expanded(array) if name == "expanded" else LAYOUTS[name](array)


def _towards_zero(u: float, low: float, high: float) -> float:
    """Count from 0, if that lies between the bounds, so that a number shrinks to it."""
    start = min(max(0.0, low), high)
    return start + u if start + u <= high else start - (u - (high - start))


def _beside(kinks: Sequence[float], kind: np.dtype[Any]) -> list[float]:
    """Kinks, and the numbers next to them."""
    found = []
    for kink in kinks:
        exact = kind.type(kink)
        found += [
            exact,
            np.nextafter(exact, kind.type(np.inf)),
            np.nextafter(exact, -kind.type(np.inf)),
        ]
        found += [kind.type(kink - 0.125), kind.type(kink + 0.125)]
    return [float(x) for x in found]


def _distinct(draw: st.DrawFn, size: tuple[int, ...], gap: float) -> Array:
    """Numbers in any order, no two of them nearer than `gap`."""
    count = int(np.prod(size))
    order = draw(st.permutations(range(count)))
    return (np.array(order, np.float64) - count // 2).reshape(size) * gap


def tensors(
    shape: tuple[int, ...] | SearchStrategy[tuple[int, ...]] | None = None,
    *,
    requires_grad: bool = True,
    **options: Any,
) -> SearchStrategy[Tensor]:
    """Tensors, by default of drawn shapes, in float64, and requiring grad.

    Parameters
    ----------
    shape
        A shape, or a strategy such as `shapes(min_dims=1)`.
    dtype
        Of the tensor; integers and bools require no grad.
    low, high
        Bounds of the numbers, -3 and 3.
    away_from
        Kinks, such as 0 for relu, from which every number keeps `gap`, 0.125.
    around
        Kinks that are drawn often, exactly and with the next numbers to both sides: for values,
        not for `gradcheck`.
    distinct
        Keep any two elements `gap` apart, as max, sort and pooling need. The bounds then do not
        count.
    layouts
        Names of `LAYOUTS`, and "expanded", for memory of stride 0.

    >>> import tinygrad_np as tg
    >>> @given(tensors(away_from=[0.0], layouts=["C", "strided", "read-only"]))
    ... def test_abs(x):
    ...     assert tg.autograd.gradcheck(tg.abs, x, fast_mode=True)
    >>> test_abs()
    """

    def made(array: Array) -> Tensor:
        return new(array, requires_grad=requires_grad and array.dtype.kind == "f")

    return arrays(shape, **options).map(made)


def op_test(
    function: Callable[..., Any],
    *operands: SearchStrategy[Any],
    oracle: Callable[..., Any] | None = None,
    **options: Any,
) -> Callable[[], None]:
    """Make a test of an op, a function or a module: `check_op` at points that hypothesis draws.

    Parameters
    ----------
    operands
        A strategy for each argument, or one that draws a tuple of all.
    oracle, options
        As for `check_op`.

    >>> import tinygrad_np as tg
    >>> test_exp = op_test(tg.exp, tensors((2, 3)), oracle=np.exp)
    >>> test_exp()
    """

    @given(st.tuples(*operands))
    def test(drawn: tuple[Any, ...]) -> None:
        together = len(drawn) == 1 and isinstance(drawn[0], tuple)
        check_op(function, drawn[0] if together else drawn, oracle, **options)

    functools.update_wrapper(test, function, assigned=(), updated=())
    test.__name__ = test.__qualname__ = f"test_{describe(function)}"
    return test
