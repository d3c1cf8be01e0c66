"""Rows of the table of operations: bounds, places, masks, and views of parts."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
from cases import Case, Operand, added, added_along, below, between, mask, nonzero, steps

from tinygrad_np import core
from tinygrad_np.ops import parts

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
            lambda _, x, lo, hi: x.clamp(lo, hi),
            aliases={
                "clip": lambda lib, x, lo, hi: lib.clip(x, lo, hi),
                "x.clip": lambda _, x, lo, hi: x.clip(lo, hi),
            },
            inplace={
                "x.clamp_": lambda _, x, lo, hi: x.clamp_(lo, hi),
                "x.clip_": lambda _, x, lo, hi: x.clip_(lo, hi),
                "clamp_": lambda lib, x, lo, hi: lib.clamp_(x, lo, hi),
                "clip_": lambda lib, x, lo, hi: lib.clip_(x, lo, hi),
            },
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
            inplace={
                f"x.{name}_": lambda _, x, bound, name=f"{name}_": getattr(x, name)(bound),
                f"{name}_": lambda lib, x, bound, name=f"{name}_": getattr(lib, name)(x, bound),
            }
            if left == "n m"
            else {},
            batch=variant == "same",
            scalar=variant == "same",
        )
        for name, oracle in [("clamp_min", np.maximum), ("clamp_max", np.minimum)]
        for variant, (left, right) in {
            "same": ("n m", "n m"),
            "broadcast": ("m", "n 1"),
            "row": ("n m", "m"),
        }.items()
    ),
    *(
        Case(
            f"{name}[{' '.join(bounds)} number]",
            (Operand("n m", steps),),
            oracle,
            lambda lib, x, name=name, bounds=bounds: getattr(lib, name)(x, **bounds),
            lambda _, x, name=name, bounds=bounds: getattr(x, name)(**bounds),
            inplace={
                f"x.{name}_": lambda _, x, name=f"{name}_", bounds=bounds: getattr(x, name)(
                    **bounds
                )
            },
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
            inplace={
                f"x.{name}_": lambda _, x, a, b, name=f"{name}_", value=value: getattr(x, name)(
                    a, b, value=value
                )
            },
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
            inplace={"x.lerp_": lambda _, x, y, weight=weight: x.lerp_(y, weight)},
        )
        for weight in (0.25, 0.75)
    ),
    Case(
        "lerp[tensor]",
        (MN, MN, Operand("n m", far_from_half)),
        lambda x, y, w: x + w * (y - x),
        lambda lib, x, y, w: lib.lerp(x, y, w),
        lambda _, x, y, w: x.lerp(y, w),
        inplace={"x.lerp_": lambda _, x, y, w: x.lerp_(y, w)},
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
        inplace={"x.masked_fill_": lambda _, x, at: x.masked_fill_(at, 7)},
    ),
    *(
        Case(
            f"masked_fill[tensor{variant}]",
            (Operand(words), Operand(at, mask), Operand("")),
            lambda x, at, v: np.where(at, v, x),
            lambda lib, x, at, v: lib.masked_fill(x, at, v),
            lambda _, x, at, v: x.masked_fill(at, v),
            inplace={}
            if variant
            else {"x.masked_fill_": lambda _, x, at, v: x.masked_fill_(at, v)},
        )
        for variant, words, at in [("", "n m", "m"), (", broadcast", "m", "n m")]
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
        inplace={"x.scatter_": lambda _, x, i, src: x.scatter_(-1, i, src)},
    ),
    Case(
        "scatter[value]",
        (MN, Operand("n k", below("m"))),
        lambda x, i: put_along(x, i, 2.5),
        lambda lib, x, i: lib.scatter(x, 1, i, 2.5),
        lambda _, x, i: x.scatter(1, i, value=2.5),
        inplace={"x.scatter_": lambda _, x, i: x.scatter_(1, i, value=2.5)},
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
            inplace={"x.scatter_add_": lambda _, x, i, src: x.scatter_add_(1, i, src)},
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
            inplace={
                "x.index_add_": lambda _, x, i, src, alpha=alpha: x.index_add_(
                    -1, i, src, alpha=alpha
                )
            },
        )
        for alpha in (1, -2, 0)
    ),
    Case(
        "index_fill[number]",
        (MN, Operand("k", below("m"))),
        lambda x, i: written(x, (slice(None), i), 7.0),
        lambda lib, x, i: lib.index_fill(x, 1, i, 7.0),
        lambda _, x, i: x.index_fill(-1, i, 7),
        inplace={"x.index_fill_": lambda _, x, i: x.index_fill_(-1, i, 7)},
    ),
    Case(
        "index_fill[tensor]",
        (MN, Operand("k", below("n")), Operand("")),
        lambda x, i, v: np.where(np.isin(np.arange(len(x)), i)[:, None], v, x),
        lambda lib, x, i, v: lib.index_fill(x, 0, i, v),
        lambda _, x, i, v: x.index_fill(0, i, v),
        inplace={"x.index_fill_": lambda _, x, i, v: x.index_fill_(0, i, v)},
    ),
]

PLACES = [*BOUNDS, *BLENDS, *MASKS, *ALONG]

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
        "iter",
        (Operand("2 n k"),),
        lambda x: x[0].sum(1, keepdims=True) * x[1],
        method=lambda _, x: product(iter(x)),
    ),
    Case(
        "meshgrid",
        (Operand("n"), Operand("k")),
        lambda a, b: a[:, None] * b * b,
        lambda lib, a, b: math.prod([*lib.meshgrid(a, b, indexing="ij"), b]),
        aliases={
            "of a list": lambda lib, a, b: math.prod([*lib.meshgrid([a, b], indexing="ij"), b])
        },
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
