"""Rows of the table of operations: writes (`x[i] = v`, `copy_`, `fill_`), and what they record."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from cases import Case, Operand, below, mask

from tinygrad_np import core
from tinygrad_np.ops import index, shape

if TYPE_CHECKING:
    from collections.abc import Callable

    Array = np.ndarray[Any, Any]

MN = Operand("n m")


def assign(x: Any, at: Any, value: Any) -> Any:
    """`x[at] = value`, of arrays and tensors."""
    x[at] = value
    return x


def increase(x: Any, at: Any, value: Any) -> Any:
    x[at] += value
    return x


def scale(x: Any, at: Any, value: Any) -> Any:
    x[at] *= value
    return x


def _written(name: str, at: Any, words: str, write: Callable[..., Any] = assign) -> Case:
    """A row for a write of a tensor at `at`."""
    return Case(
        f"setitem[{name}]",
        (Operand("m c k"), Operand(words)),
        lambda x, v: write(x.copy(), at, v),
        inplace={"x[]": lambda _, x, v: write(x, at, v)},
        free_sizes=False,
    )


ROWS = np.array([2, 0])  # distinct: of a place that is named twice, one write stays
MIDDLE = index.GetItem((slice(None), ROWS, ...))

TURNED = (
    index.GetItem((slice(0, 1), ...)),
    shape.Permute((0, 2, 1)),
    shape.Permute((2, 1, 0)),
)
# Row-major memory does not lie so: the second step is a copy.
COLUMNS = (shape.Permute((1, 0)), shape.Reshape((6,)), index.GetItem((slice(1, 5), ...)))

PUTS = [
    *(
        Case(
            f"Put[{name}]",
            (Operand("n 3 m"), Operand(words)),
            lambda x, v, at=at: assign(x.copy(), at, v),
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
        lambda x, v: assign(x.copy(), slice(0, 1), v[:, 0]),
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
        lambda x: assign(x.copy(), (slice(None), ROWS), 0.0),
        internal=lambda _, x: core.apply(index.Clear((MIDDLE,)), x),
    ),
]

ASSIGNMENTS = [
    _written("int", 1, "c k"),
    _written("broadcast", -1, "k"),
    _written("slice", slice(1, None), "2 c k"),
    _written("step", (slice(None), slice(0, 3, 2)), "3 2 1"),
    _written("ellipsis", (..., 0), ""),
    _written("None", (slice(None), None, 1), "3 1 k"),
    _written("list", [2, 0], "2 c k"),
    _written("lists", ([0, 0, 1], [2, 1, 0]), "3 k"),
    _written("all", ..., "1 c 1"),
    _written("increased", (slice(None), 1), "m k", increase),
    _written("scaled", (slice(None), slice(1, 3)), "2 k", scale),
    _written("list, scaled", [2, 0], "c 1", scale),
    Case(
        "setitem[number]",
        (MN,),
        lambda x: assign(x.copy(), (slice(None), 0), 2.5),
        inplace={"x[]": lambda _, x: assign(x, (slice(None), 0), 2.5)},
    ),
    Case(
        "setitem[mask]",
        (MN, Operand("n m", mask), Operand("")),
        lambda x, at, v: np.where(at, v, x),
        inplace={"x[]": lambda _, x, at, v: assign(x, at, v)},
    ),
    Case(
        "setitem[tensor]",
        (MN, Operand("", below("n")), Operand("m")),
        lambda x, i, v: assign(x.copy(), i, v),
        inplace={"x[]": lambda _, x, i, v: assign(x, i, v)},
    ),
    *(
        Case(
            f"copy_[{words or '0-d'}]",
            (MN, Operand(words)),
            lambda x, v: np.broadcast_to(v, x.shape),
            inplace={"x.copy_": lambda _, x, v: x.copy_(v)},
        )
        for words in ("n m", "n 1", "m", "")
    ),
    Case(
        "fill_[tensor]",
        (MN, Operand("")),
        lambda x, v: np.full(x.shape, v),
        inplace={
            "x.fill_": lambda _, x, v: x.fill_(v),
            "fill_": lambda lib, x, v: lib.fill_(x, v),
        },
    ),
    Case(
        "fill_[number]",
        (MN,),
        lambda x: np.full(x.shape, 2.5),
        inplace={
            "x.fill_": lambda _, x: x.fill_(2.5),
            "fill_": lambda lib, x: lib.fill_(x, 2.5),
        },
        batch=True,
        scalar=True,
    ),
    Case(
        "zero_",
        (MN,),
        np.zeros_like,
        inplace={"x.zero_": lambda _, x: x.zero_(), "zero_": lambda lib, x: lib.zero_(x)},
        batch=True,
        scalar=True,
    ),
]

WRITES = [*PUTS, *ASSIGNMENTS]
