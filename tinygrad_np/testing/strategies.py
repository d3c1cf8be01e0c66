"""What hypothesis draws: shapes, dimensions, indices, and tensors with the numbers that matter.

A failing example shrinks towards few dimensions of size 1, round numbers and plain memory. Size 0
is drawn too, and is what an example shrinks to last.
"""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Any, NamedTuple

import hypothesis
import hypothesis.extra.numpy as hnp
import numpy as np
from hypothesis import given, note
from hypothesis import strategies as st

from tinygrad_np.autograd.checking.point import describe
from tinygrad_np.dtypes import as_dtype
from tinygrad_np.testing.elements import Points, Wanted, apart, between, points
from tinygrad_np.testing.layouts import LAYOUTS, VIEWS, expanded, laid_out
from tinygrad_np.testing.ops import check_op

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

    from hypothesis.strategies import SearchStrategy

    from tinygrad_np.tensor.tensor import Tensor

    Array = np.ndarray[Any, Any]


def shapes(
    *, min_dims: int = 0, max_dims: int = 3, min_side: int = 0, max_side: int = 4
) -> SearchStrategy[tuple[int, ...]]:
    """Shapes, 0-d and with sides of 1 and 0 among them; every number of dimensions as often.

    >>> shapes(min_dims=2, max_dims=2, min_side=3, max_side=3).example()  # doctest: +SKIP
    (3, 3)
    """
    for what, least, most in (("dims", min_dims, max_dims), ("side", min_side, max_side)):
        if not 0 <= least <= most:
            raise ValueError(
                f"shapes: min_{what} ({least}) and max_{what} ({most}) must be 0 or more, and the "
                "second no less than the first"
            )
    # Shrinks to sides of 1; 0 comes last.
    side = st.sampled_from(sorted(range(min_side, max_side + 1), key=lambda n: (n == 0, n)))
    count = st.integers(min_dims, max_dims)
    return count.flatmap(lambda n: st.tuples(*[side] * n))


class Broadcast(NamedTuple):
    """Shapes that broadcast together, and what they broadcast to."""

    shapes: tuple[tuple[int, ...], ...]
    result: tuple[int, ...]


def broadcastable_shapes(
    count: int = 2,
    *,
    max_dims: int = 3,
    min_side: int = 0,
    max_side: int = 3,
) -> SearchStrategy[Broadcast]:
    """Draw `count` shapes that broadcast: leading dimensions missing, sides of 1.

    Often none of them has the shape of the result: (3, 1) and (4,) make (3, 4).
    """
    if count < 1:
        raise ValueError(f"broadcastable_shapes: count ({count}) must be 1 or more")
    return _broadcast(count, shapes(max_dims=max_dims, min_side=min_side, max_side=max_side))


@st.composite
def _broadcast(draw: st.DrawFn, count: int, results: SearchStrategy[tuple[int, ...]]) -> Broadcast:
    result = draw(results)
    # In each dimension every operand but one, which may be any of them, may have size 1.
    ones = [draw(st.integers(0, 2**count - 2)) for _ in result]
    made = []
    for i in range(count):
        full = tuple(1 if mask >> i & 1 else n for mask, n in zip(ones, result, strict=True))
        leading = next((at for at, n in enumerate(full) if n != 1), len(full))
        made.append(full[draw(st.integers(0, leading)) :])
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


def arrays(
    shape: tuple[int, ...] | SearchStrategy[tuple[int, ...]] | None = None,
    *,
    dtype: Any = np.float64,
    low: float | None = None,
    high: float | None = None,
    away_from: Points = (),
    around: Points = (),
    gap: float = 0.125,
    distinct: bool = False,
    layouts: Collection[str] = ("C",),
) -> SearchStrategy[Array]:
    """Draw arrays: see `tensors`. Their layouts are those of `LAYOUTS`, and "expanded"."""
    _check_layouts(layouts, (*LAYOUTS, "expanded"), distinct)
    wanted = Wanted(as_dtype(dtype), low, high, points("away_from", away_from), gap)
    plain = _plain(shape, wanted, points("around", around), distinct)
    names = st.sampled_from(list(layouts))
    return st.tuples(plain, names).map(lambda drawn: _in_memory(*drawn))


def tensors(
    shape: tuple[int, ...] | SearchStrategy[tuple[int, ...]] | None = None,
    *,
    dtype: Any = np.float64,
    requires_grad: bool = True,
    low: float | None = None,
    high: float | None = None,
    away_from: Points = (),
    around: Points = (),
    gap: float = 0.125,
    distinct: bool = False,
    layouts: Collection[str] = ("C",),
) -> SearchStrategy[Tensor]:
    """Tensors, by default of drawn shapes, in float64, row-major, and requiring grad.

    Parameters
    ----------
    shape
        A shape, or a strategy such as `shapes(min_dims=1)`.
    dtype
        Of the tensor; integers and bools require no grad.
    low, high
        Bounds of the numbers, both among them: -3 and 3, and with `distinct` none. Beside one that
        is given beyond those, the other leaves room: `low=5` is up to 11, `low=100` up to 200.
    away_from
        Kinks, such as 0 for relu, one or several, from which every number keeps `gap`, 0.125.
    around
        Kinks, one or several, that are drawn often, exactly and with the next numbers to both
        sides, as far as the bounds allow: for values, not for `gradcheck`.
    distinct
        Keep any two elements `gap` apart, as max, sort and pooling need; 1 at least for integers.
    layouts
        Names to draw from. Those of `LAYOUTS`: over an array that lies in memory like that. And
        "transposed", "sliced" and "expanded": views of another tensor, the last of stride 0. All
        but "C" and "read-only" show, as in PyTorch: `is_contiguous()` says no, and `view` may
        refuse.

    Raises
    ------
    ValueError
        If no number can meet all that, or a layout is not known.

    >>> import tinygrad_np as tg
    >>> @given(tensors(away_from=[0.0], layouts=["C", "strided", "transposed"]))
    ... def test_abs(x):
    ...     assert tg.autograd.gradcheck(tg.abs, x, fast_mode=True)
    >>> test_abs()
    """
    _check_layouts(layouts, (*LAYOUTS, *VIEWS), distinct)
    wanted = Wanted(as_dtype(dtype), low, high, points("away_from", away_from), gap)
    plain = _plain(shape, wanted, points("around", around), distinct)

    return _laid_out(plain, list(layouts), requires_grad)


@st.composite
def _laid_out(
    draw: st.DrawFn, plain: SearchStrategy[Array], layouts: list[str], requires_grad: bool
) -> Tensor:
    array, layout = draw(plain), draw(st.sampled_from(layouts))
    if layout != "C":  # which a printed tensor does not show
        note(f"a tensor of shape {array.shape} is laid out: {layout}")
    return laid_out(array, layout).requires_grad_(requires_grad and array.dtype.kind == "f")


def _in_memory(array: Array, layout: str) -> Array:
    return expanded(array) if layout == "expanded" else LAYOUTS[layout](array)


def _check_layouts(layouts: Collection[str], known: Sequence[str], distinct: bool) -> None:
    wrong = [layouts] if isinstance(layouts, str) else [x for x in layouts if x not in known]
    if wrong or not layouts:
        raise ValueError(f"layouts must be a collection of some of {list(known)}, not {layouts!r}")
    if distinct and "expanded" in layouts:
        raise ValueError("layouts: expanded tensors repeat their elements, which are not distinct")


def _plain(
    shape: tuple[int, ...] | SearchStrategy[tuple[int, ...]] | None,
    wanted: Wanted,
    around: tuple[float, ...],
    distinct: bool,
) -> SearchStrategy[Array]:
    """Draw row-major arrays."""
    if isinstance(shape, st.SearchStrategy) or shape is None:
        each = shapes() if shape is None else shape
        return each.flatmap(lambda size: _plain(size, wanted, around, distinct))
    if distinct:
        if around:
            raise ValueError("around and distinct exclude each other: draw tensors of both kinds")
        return st.permutations(apart(wanted, math.prod(shape))).map(
            lambda x: np.array(x, wanted.dtype).reshape(shape)
        )
    wide: Any = np.float64 if wanted.dtype.kind == "f" else np.int64
    drawn = hnp.arrays(wide, shape, elements=between(wanted, around), fill=st.nothing())
    return drawn.map(lambda x: np.asarray(x).astype(wanted.dtype))


def op_test(
    function: Callable[..., Any],
    *operands: SearchStrategy[Any],
    oracle: Callable[..., Any] | None = None,
    settings: hypothesis.settings | None = None,
    **options: Any,
) -> Callable[[], None]:
    """Make a test of an op, a function or a module: `check_op` at points that hypothesis draws.

    Parameters
    ----------
    operands
        A strategy for each argument, or one that draws a tuple of all.
    oracle, options
        As for `check_op`.
    settings
        Hypothesis's settings. By default those of the profile, without a deadline: one example is
        some fifty runs of the function.

    >>> import tinygrad_np as tg
    >>> test_exp = op_test(tg.exp, tensors((2, 3)), oracle=np.exp)
    >>> test_exp()
    """

    @settings or hypothesis.settings(deadline=None)
    @given(drawn=st.tuples(*operands))
    def test(*_: Any, drawn: tuple[Any, ...]) -> None:  # the class's instance, if there is a class
        together = len(drawn) == 1 and isinstance(drawn[0], tuple)
        check_op(function, drawn[0] if together else drawn, oracle, **options)

    # Nothing else of the function: pytest would take its parameters for fixtures.
    test.__name__ = test.__qualname__ = "test_" + re.sub(r"\W", "", describe(function))
    return test
