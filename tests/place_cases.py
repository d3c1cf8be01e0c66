"""Rows of the table of operations: bounds, places, masks, and views of parts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from cases import Case, Operand, added, added_along, below, between, mask, nonzero, steps

from tinygrad_np import core
from tinygrad_np.ops import index, parts, shape

if TYPE_CHECKING:
    Array = np.ndarray[Any, Any]

MN = Operand("n m")


def low(u: Array) -> Array:
    """Bounds that `steps` lie on both sides of, and never near to."""
    return np.floor(2 * u) + 0.6


def high(u: Array) -> Array:
    return low(u) + 1.5


def far_from_half(u: Array) -> Array:
    return np.where(u < 0.5, 0.8 * u, 1.2 * u)


def written(x: Array, at: Any, value: Any) -> Array:
    y = x.copy()
    y[at] = value
    return y


def put_along(x: Array, at: Array, src: Any) -> Array:
    """What scatter along the last dimension gives."""
    y = x.copy()
    for place in np.ndindex(at.shape):
        y[(*place[:-1], at[place])] = src[place] if isinstance(src, np.ndarray) else src
    return y


def on_diagonal(x: Array, offset: int) -> Array:
    y = np.zeros((len(x), 2, 3))
    for i in range(x.shape[1]):
        y[:, i, i + offset] = x[:, i]
    return y


def product(pieces: Any) -> Any:
    """One result of two pieces, that tells them apart."""
    first, second = pieces
    return first.sum(1, True) * second


BOUNDS = [
    *(
        Case(
            f"clamp[{variant}]",
            (Operand(x, steps), Operand(lo, low), Operand(hi, high)),
            np.clip,
            lambda lib, x, lo, hi: lib.clamp(x, lo, hi),
            lambda _, x, lo, hi: x.clip(lo, hi),
            batch=variant == "same",
            scalar=variant == "same",
        )
        for variant, (x, lo, hi) in {
            "same": ("n m", "n m", "n m"),
            "broadcast": ("n m", "m", "n 1"),
        }.items()
    ),
    *(
        Case(
            f"{name}[{variant}]",
            (Operand(left, steps), Operand(right, between)),
            oracle,
            lambda lib, x, bound, name=name: getattr(lib, name)(x, bound),
            lambda _, x, bound, name=name: getattr(x, name)(bound),
            batch=variant == "same",
            scalar=variant == "same",
        )
        for name, oracle in [("clamp_min", np.maximum), ("clamp_max", np.minimum)]
        for variant, (left, right) in {"same": ("n m", "n m"), "broadcast": ("m", "n 1")}.items()
    ),
    *(
        Case(
            f"{name}[{' '.join(bounds)} number]",
            (Operand("n m", steps),),
            oracle,
            lambda lib, x, name=name, bounds=bounds: getattr(lib, name)(x, **bounds),
            lambda _, x, name=name, bounds=bounds: getattr(x, name)(**bounds),
            batch=True,
            scalar=True,
        )
        for name, bounds, oracle in [
            ("clip", {"min": 0.7, "max": 2.5}, lambda x: np.clip(x, 0.7, 2.5)),
            ("clamp", {"min": 0.7}, lambda x: np.maximum(x, 0.7)),
            ("clip", {"max": 1.7}, lambda x: np.minimum(x, 1.7)),
        ]
    ),
]

BLENDS = [
    *(
        Case(
            f"{name}[{value}]",
            (MN, MN, Operand("m", nonzero)),
            lambda x, a, b, oracle=oracle, value=value: x + value * oracle(a, b),
            lambda lib, x, a, b, name=name, value=value: getattr(lib, name)(x, a, b, value=value),
            lambda _, x, a, b, name=name, value=value: getattr(x, name)(a, b, value=value),
        )
        for name, oracle in [("addcmul", np.multiply), ("addcdiv", np.divide)]
        for value in (1, -2.5)
    ),
    *(
        Case(
            f"lerp[{weight}]",
            (MN, Operand("m")),
            lambda x, y, weight=weight: x + weight * (y - x),
            lambda lib, x, y, weight=weight: lib.lerp(x, y, weight),
            lambda _, x, y, weight=weight: x.lerp(y, weight),
        )
        for weight in (0.25, 0.75)
    ),
    Case(
        "lerp[tensor]",
        (MN, MN, Operand("n m", far_from_half)),
        lambda x, y, w: x + w * (y - x),
        lambda lib, x, y, w: lib.lerp(x, y, w),
        lambda _, x, y, w: x.lerp(y, w),
        batch=True,
        scalar=True,
    ),
]

MASKS = [
    Case(
        "masked_fill[number]",
        (MN, Operand("m", mask)),
        lambda x, at: np.where(at, 7.0, x),
        lambda lib, x, at: lib.masked_fill(x, at, 7.0),
        lambda _, x, at: x.masked_fill(at, 7),
    ),
    Case(
        "masked_fill[tensor]",
        (Operand("m"), Operand("n m", mask), Operand("")),
        lambda x, at, v: np.where(at, v, x),
        lambda lib, x, at, v: lib.masked_fill(x, at, v),
        lambda _, x, at, v: x.masked_fill(at, v),
    ),
    Case(
        "masked_select",
        (Operand("m"), Operand("n m", mask)),
        lambda x, at: np.broadcast_to(x, at.shape)[at],
        lambda lib, x, at: lib.masked_select(x, at),
        lambda _, x, at: x.masked_select(at),
    ),
]

ALONG = [
    *(
        Case(
            f"gather[{words}]",
            (MN, Operand(words, below("m"))),
            lambda x, i: np.take_along_axis(x[: len(i)], i, 1),
            lambda lib, x, i: lib.gather(x, 1, i),
            lambda _, x, i: x.gather(-1, i),
            least={"n": 2},
        )
        for words in ("n k", "1 k")
    ),
    *(
        Case(
            f"gather[{words or '0-d'}]",
            (Operand("m"), Operand(words, below("m"))),
            lambda x, i: x[i],
            lambda lib, x, i: lib.gather(x, 0, i),
            lambda _, x, i: x.gather(-1, i),
        )
        for words in ("k", "")
    ),
    Case(
        "scatter[src]",
        (MN, Operand("1 1", below("m")), Operand("1 1")),
        put_along,
        lambda lib, x, i, src: lib.scatter(x, 1, i, src),
        lambda _, x, i, src: x.scatter(-1, i, src),
    ),
    Case(
        "scatter[value]",
        (MN, Operand("n k", below("m"))),
        lambda x, i: put_along(x, i, 2.5),
        lambda lib, x, i: lib.scatter(x, 1, i, 2.5),
        lambda _, x, i: x.scatter(1, i, value=2.5),
    ),
    *(
        Case(
            f"scatter_add[{words}]",
            (MN, Operand(words, below("m")), Operand(words)),
            lambda x, i, src: (
                x + np.pad(added_along(src, i, x.shape[1]), ((0, len(x) - len(i)), (0, 0)))
            ),
            lambda lib, x, i, src: lib.scatter_add(x, 1, i, src),
            lambda _, x, i, src: x.scatter_add(1, i, src),
            least={"n": 2},
        )
        for words in ("n k", "1 k")
    ),
    *(
        Case(
            f"index_select[{dim}]",
            (MN, Operand("k", below("nm"[dim]))),
            lambda x, i, dim=dim: np.take(x, i, dim),
            lambda lib, x, i, dim=dim: lib.index_select(x, dim, i),
            lambda _, x, i, dim=dim: x.index_select(dim - 2, i),
        )
        for dim in (0, 1)
    ),
    *(
        Case(
            f"index_add[{alpha}]",
            (MN, Operand("k", below("m")), Operand("n k")),
            lambda x, i, src, alpha=alpha: x + alpha * added(x.shape, (slice(None), i), src),
            lambda lib, x, i, src, alpha=alpha: lib.index_add(x, 1, i, src, alpha=alpha),
            lambda _, x, i, src, alpha=alpha: x.index_add(-1, i, src, alpha=alpha),
        )
        for alpha in (1, -2, 0)
    ),
    Case(
        "index_fill[number]",
        (MN, Operand("k", below("m"))),
        lambda x, i: written(x, (slice(None), i), 7.0),
        lambda lib, x, i: lib.index_fill(x, 1, i, 7.0),
        lambda _, x, i: x.index_fill(-1, i, 7),
    ),
    Case(
        "index_fill[tensor]",
        (MN, Operand("k", below("n")), Operand("")),
        lambda x, i, v: np.where(np.isin(np.arange(len(x)), i)[:, None], v, x),
        lambda lib, x, i, v: lib.index_fill(x, 0, i, v),
        lambda _, x, i, v: x.index_fill(0, i, v),
    ),
]

ROWS = np.array([2, 0])  # distinct: of a place that is named twice, one write stays
MIDDLE = index.GetItem((slice(None), ROWS, ...))

TURNED = (
    index.GetItem((slice(0, 1), ...)),
    shape.Permute((0, 2, 1)),
    shape.Permute((2, 1, 0)),
)
# Row-major memory does not lie so: the second step is a copy.
COLUMNS = (shape.Permute((1, 0)), shape.Reshape((6,)), index.GetItem((slice(1, 5), ...)))

WRITES = [
    *(
        Case(
            f"Put[{name}]",
            (Operand("n 3 m"), Operand(words)),
            lambda x, v, at=at: written(x, at, v),
            internal=lambda _, x, v, path=path: core.apply(index.Put(path), x, v),
        )
        for name, words, path, at in [
            ("all", "n 3 m", (), ...),
            ("all, broadcast", "m", (), ...),
            ("places", "n 2 m", (MIDDLE,), (slice(None), ROWS)),
            (
                "views",
                "1 m",
                (shape.Permute((1, 0, 2)), index.GetItem((1, slice(0, 1), ...))),
                (slice(0, 1), 1),
            ),
            (
                "a view, then places",
                "2 1",
                (index.GetItem((0, ...)), index.GetItem((ROWS, ...))),
                (0, ROWS),
            ),
        ]
    ),
    Case(
        "Put[places, turned]",
        (Operand("n 3 m"), Operand("3 1 1")),
        lambda x, v: written(x, slice(0, 1), v[:, 0]),
        internal=lambda _, x, v: core.apply(index.Put(TURNED), x, v),
    ),
    Case(
        "Put[a copy]",
        (Operand("2 3"), Operand("4")),
        lambda x, v: np.array([[x[0, 0], v[1], v[3]], [v[0], v[2], x[1, 2]]]),
        internal=lambda _, x, v: core.apply(index.Put(COLUMNS), x, v),
    ),
    Case(
        "Put[a copy, turned]",
        (Operand("2 3"), Operand("6")),
        lambda _, v: v.reshape(3, 2).T,
        internal=lambda _, x, v: core.apply(index.Put(COLUMNS[:2]), x, v),
    ),
    Case(
        "Clear",
        (Operand("n 3 m"),),
        lambda x: written(x, (slice(None), ROWS), 0.0),
        internal=lambda _, x: core.apply(index.Clear((MIDDLE,)), x),
    ),
]

PLACES = [*BOUNDS, *BLENDS, *MASKS, *ALONG, *WRITES]

PARTS = [
    *(
        Case(
            f"diagonal[{offset}]",
            (Operand("n m k"),),
            lambda x, offset=offset: np.diagonal(x, offset, 2, 0),
            lambda lib, x, offset=offset: lib.diagonal(x, offset, 2, 0),
            lambda _, x, offset=offset: x.diagonal(offset, -1, 0),
        )
        for offset in (0, 1, -1)
    ),
    *(
        Case(
            f"OnDiagonal[{offset}]",
            (Operand("n 2"),),
            lambda x, offset=offset: on_diagonal(x, offset),
            internal=lambda _, x, offset=offset: core.apply(
                parts.OnDiagonal((x.shape[0], 2, 3), offset, 1, 2), x
            ),
        )
        for offset in (0, 1)
    ),
    Case(
        "select",
        (Operand("n m k"),),
        lambda x: x[:, -1],
        lambda lib, x: lib.select(x, 1, -1),
        lambda _, x: x.select(-2, x.shape[1] - 1),
    ),
    Case(
        "unbind",
        (Operand("n 2 k"),),
        lambda x: x[:, 0].sum(1, keepdims=True) * x[:, 1],
        lambda lib, x: product(lib.unbind(x, 1)),
        lambda _, x: product(x.unbind(-2)),
    ),
    Case(
        "split[size]",
        (Operand("n 5"),),
        lambda x: x[:, :3].sum(1, keepdims=True) * x[:, 3:],
        lambda lib, x: product(lib.split(x, 3, 1)),
        lambda _, x: product(x.split(3, -1)),
    ),
    Case(
        "split[sizes]",
        (Operand("n 5"),),
        lambda x: x[:, :1].sum(1, keepdims=True) * x[:, 1:],
        lambda lib, x: product(lib.split(x, [1, 4], 1)),
        lambda _, x: product(x.split([1, 4], -1)),
    ),
    Case(
        "chunk",
        (Operand("n 5"),),
        lambda x: x[:, :3].sum(1, keepdims=True) * x[:, 3:],
        lambda lib, x: product(lib.chunk(x, 2, 1)),
        lambda _, x: product(x.chunk(2, -1)),
    ),
    Case(
        "contiguous",
        (Operand("n m k"),),
        lambda x: np.transpose(x, (1, 0, 2)),
        method=lambda _, x: x.transpose(0, 1).contiguous(),
    ),
]
