"""The table of operations: how each is called, on what, and what NumPy says the result is.

One row drives every test of an op: values, gradients of both orders, dtypes, layouts, properties,
and conformance with PyTorch. `tests/test_surface.py` fails if a public name that can be
differentiated is called by no row, and `tests/test_ops.py` if an `Op` with a derivative is not.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
from arithmetic_cases import ARITHMETIC
from cases import (
    Case,
    Operand,
    added,
    added_along,
    below,
    distinct,
    mask,
    real,
)
from place_cases import PARTS, PLACES
from window_cases import WINDOWS
from write_cases import WRITES

import tinygrad_np as tg
from tinygrad_np import core
from tinygrad_np.ops import index, linalg, loss, shape

if TYPE_CHECKING:
    from collections.abc import Callable

    Array = np.ndarray[Any, Any]


def _reduction(name: str, domain: Callable[..., Array], oracle: Callable[..., Array]) -> list[Case]:
    """All dimensions, one, several, kept and not."""
    choices: dict[str, dict[str, Any]] = {
        "dim=-1": {"dim": -1},
        "dim=0": {"dim": 0},
        "dim=(0,2)": {"dim": (0, -1)},
        "keepdim": {"dim": 1, "keepdim": True},
        "all,keepdim": {"dim": (0, 1, 2), "keepdim": True},
    }
    if name != "logsumexp":  # which has no default for dim
        choices = {"": {}, **choices}
    return [
        Case(
            f"{name}[{variant}]",
            (Operand("b n m", domain),),
            lambda x, given=given: oracle(
                x, axis=given.get("dim"), keepdims=given.get("keepdim", False)
            ),
            lambda lib, x, given=given: getattr(lib, name)(x, **given),
            lambda _, x, given=given: getattr(x, name)(**given),
            scalar=not given,
        )
        for variant, given in choices.items()
    ]


def _logsumexp(x: Array, axis: Any, keepdims: bool) -> Array:
    return np.log(np.exp(x).sum(axis=axis, keepdims=keepdims))


def _softmax(x: Array, axis: int) -> Array:
    return np.exp(x) / np.exp(x).sum(axis=axis, keepdims=True)


def _select(p: Array, label: Array) -> Array:
    return np.array([row[i] for row, i in zip(p, label, strict=True)])


def _one_hot(x: Array, label: Array, classes: int) -> Array:
    y = np.zeros((len(x), classes))
    for i, at in enumerate(label):
        y[i, at] = x[i]
    return y


N, MN = (Operand("n"), Operand("n m"))

SELECTION = [
    *(
        Case(
            f"where[{variant}]",
            (Operand(at, mask), Operand(left), Operand(right)),
            np.where,
            lambda lib, at, a, b: lib.where(at, a, b),
            lambda _, at, a, b: a.where(at, b),
            batch=variant == "same",
            scalar=variant == "same",
        )
        for variant, (at, left, right) in {
            "same": ("n m", "n m", "n m"),
            "mask broadcasts": ("m", "n 1", "n m"),
            "operands broadcast": ("n m", "", "m"),
        }.items()
    ),
    Case(
        "where[number]",
        (Operand("n m", mask), MN),
        lambda at, x: np.where(at, x, 7.0),
        lambda lib, at, x: lib.where(at, x, 7.0),
        lambda _, at, x: x.where(at, 7.0),
        batch=True,
        scalar=True,
    ),
    *(
        Case(
            f"take_along_dim[{dim}]",
            (Operand("n m"), Operand(at, below(size))),
            lambda x, i, dim=dim: np.take_along_axis(x, i, dim),
            lambda lib, x, i, dim=dim: lib.take_along_dim(x, i, dim),
            lambda _, x, i, dim=dim: x.take_along_dim(i, dim),
        )
        for dim, at, size in [(0, "k m", "n"), (-1, "n k", "m")]
    ),
    Case(
        "take_along_dim[flat]",
        (Operand("n m"), Operand("k 2", below("n"))),
        lambda x, i: x.ravel()[i.ravel()],
        lambda lib, x, i: lib.take_along_dim(x, i),
        lambda _, x, i: x.take_along_dim(i),
    ),
    Case(
        "take_along_dim[broadcast]",
        (Operand("1 m"), Operand("n k", below("m"))),
        lambda x, i: np.take_along_axis(np.repeat(x, len(i), 0), i, 1),
        lambda lib, x, i: lib.take_along_dim(x, i, 1),
        lambda _, x, i: x.take_along_dim(i, 1),
    ),
    Case(
        "take_along_dim[both broadcast]",
        (Operand("1 m 2"), Operand("n k 1", below("m"))),
        lambda x, i: np.take_along_axis(np.repeat(x, len(i), 0), np.repeat(i, 2, 2), 1),
        lambda lib, x, i: lib.take_along_dim(x, i, 1),
        lambda _, x, i: x.take_along_dim(i, 1),
    ),
    *(
        Case(
            f"getitem[{name}]",
            (Operand("m c k"),),
            lambda x, at=at: x[at],
            method=lambda _, x, at=at: x[at],
            least={"m": 2, "c": 3, "k": 2},
        )
        for name, at in {
            "int": 1,
            "negative int": -1,
            "slice": slice(1, None),
            "step": (slice(None), slice(0, 3, 2)),
            "ellipsis": (..., 0),
            "None": (slice(None), None, 1),
            "list": [0, 0, 1],
            "lists": ([0, 0, 1], [2, 2, 0]),
            "mixture": ([1, 1], slice(None), None, 0),
            "empty list": [],
        }.items()
    ),
    Case(
        "getitem[tensor]",
        (MN, Operand("k", below("n"))),
        lambda x, i: x[i],
        method=lambda _, x, i: x[i],
    ),
    Case(
        "getitem[mask]",
        (MN, Operand("n m", mask)),
        lambda x, at: x[at],
        method=lambda _, x, at: x[at],
    ),
    *(
        Case(
            f"AddAt[{name}]",
            (Operand("k m"),),
            lambda x, at=at: added((4, x.shape[1]), (at,), x),
            internal=lambda _, x, at=at: core.apply(index.AddAt((4, x.shape[1]), (at,)), x),
            free_sizes=False,
        )
        for name, at in {"slice": slice(0, 3), "repeated": np.array([2, 0, 2])}.items()
    ),
    Case(
        "AddAlongDim",
        (Operand("n k"), Operand("n k", below("m"))),
        lambda x, i: added_along(x, i, 3),
        internal=lambda _, x, i: core.apply(index.AddAlongDim(1, 3), x, i),
        free_sizes=False,
    ),
]

REDUCTION = [
    *_reduction("sum", real, np.sum),
    *_reduction("mean", real, np.mean),
    *_reduction("amax", distinct, np.amax),
    *_reduction("amin", distinct, np.amin),
    *_reduction("logsumexp", real, _logsumexp),
    *(
        Case(
            f"{name}[{dim},{keepdim}]",
            (Operand("b n m", distinct),),
            lambda x, f=f, dim=dim, keepdim=keepdim: f(x, axis=dim, keepdims=keepdim),
            lambda lib, x, name=name, dim=dim, keepdim=keepdim: (
                getattr(lib, name)(x, dim, keepdim).values
            ),
            lambda _, x, name=name, dim=dim, keepdim=keepdim: getattr(x, name)(dim, keepdim).values,
        )
        for name, f in {"max": np.amax, "min": np.amin}.items()
        for dim, keepdim in [(0, False), (-1, False), (1, True)]
    ),
    *(
        Case(
            f"{name}[all]",
            (Operand("n m", distinct),),
            f,
            lambda lib, x, name=name: getattr(lib, name)(x),
            lambda _, x, name=name: getattr(x, name)(),
        )
        for name, f in {"max": np.amax, "min": np.amin}.items()
    ),
    *(
        Case(
            f"{name}[{dim}]",
            (Operand("b n m"),),
            lambda x, f=f, dim=dim: f(_softmax(x, dim)),
            lambda lib, x, name=name, dim=dim: getattr(lib, name)(x, dim),
            lambda _, x, name=name, dim=dim: getattr(x, name)(dim),
            batch=dim < 0,
        )
        for name, f in {"softmax": np.asarray, "log_softmax": np.log}.items()
        for dim in (-1, 1, -3)
    ),
]

SHAPE = [
    Case(
        "reshape",
        (Operand("b n m"),),
        lambda x: x.reshape(-1, x.shape[0]),
        lambda lib, x: lib.reshape(x, (-1, x.shape[0])),
        lambda _, x: x.reshape(-1, x.shape[0]),
        aliases={
            "x.view": lambda _, x: x.view(-1, x.shape[0]),
            "x.view_as": lambda lib, x: x.view_as(lib.zeros(x.numel() // len(x), len(x))),
            "x.reshape_as": lambda lib, x: x.reshape_as(lib.zeros(x.numel() // len(x), len(x))),
        },
    ),
    Case(
        "permute",
        (Operand("b n m"),),
        lambda x: x.transpose(2, 0, 1),
        lambda lib, x: lib.permute(x, (2, 0, -2)),
        lambda _, x: x.permute(2, 0, -2),
    ),
    Case(
        "transpose",
        (Operand("b n m"),),
        lambda x: x.swapaxes(0, -1),
        lambda lib, x: lib.transpose(x, 0, -1),
        lambda _, x: x.transpose(-1, 0),
    ),
    Case("T", (MN,), np.transpose, method=lambda _, x: x.T),
    Case("t", (MN,), np.transpose, method=lambda _, x: x.t()),
    Case("mT", (MN,), lambda x: x.swapaxes(-1, -2), method=lambda _, x: x.mT, batch=True),
    Case(
        "flatten",
        (Operand("b n m"),),
        np.ravel,
        lambda lib, x: lib.flatten(x),
        lambda _, x: x.flatten(),
        scalar=True,
    ),
    Case(
        "flatten[1]",
        (Operand("b n m"),),
        lambda x: x.reshape(len(x), math.prod(x.shape[1:])),
        lambda lib, x: lib.flatten(x, 1),
        lambda _, x: x.flatten(1),
    ),
    Case(
        "squeeze",
        (Operand("1 n 1"),),
        lambda x: x.reshape([n for n in x.shape if n != 1]),
        lambda lib, x: lib.squeeze(x),
        lambda _, x: x.squeeze(),
        scalar=True,
    ),
    Case(
        "squeeze[-1]",
        (Operand("1 n 1"),),
        lambda x: x[..., 0],
        lambda lib, x: lib.squeeze(x, -1),
        lambda _, x: x.squeeze(-1),
    ),
    Case(
        "squeeze[(0,-1)]",
        (Operand("1 n 1"),),
        lambda x: x[0, :, 0],
        lambda lib, x: lib.squeeze(x, (0, -1)),
        lambda _, x: x.squeeze((0, -1)),
    ),
    *(
        Case(
            f"unsqueeze[{dim}]",
            (MN,),
            lambda x, dim=dim: np.expand_dims(x, dim),
            lambda lib, x, dim=dim: lib.unsqueeze(x, dim),
            lambda _, x, dim=dim: x.unsqueeze(dim),
        )
        for dim in (0, -1)
    ),
    *(
        Case(
            f"broadcast_to[{variant}]",
            (Operand(words),),
            lambda x: np.broadcast_to(x, (2, 4, 3)),
            lambda lib, x: lib.broadcast_to(x, (2, 4, 3)),
            lambda _, x: x.expand(2, -1 if x.ndim == 3 and x.shape[1] != 1 else 4, 3),
            aliases={
                "x.broadcast_to": lambda _, x: x.broadcast_to((2, 4, 3)),
                "x.expand_as": lambda lib, x: x.expand_as(lib.zeros(2, 4, 3)),
            },
        )
        for variant, words in {"row": "3", "column": "4 1", "middle": "2 1 3", "0-d": ""}.items()
    ),
    *(
        Case(
            f"sum_to[{variant}]",
            (Operand("b n m"),),
            oracle,
            internal=lambda _, x, target=target: shape.sum_to(x, target(*x.shape)),
        )
        for variant, target, oracle in [
            ("leading", lambda _b, n, m: (n, m), lambda x: x.sum(0)),
            ("column", lambda _b, n, _m: (n, 1), lambda x: x.sum((0, 2))[:, None]),
            ("kept", lambda _b, _n, m: (1, 1, m), lambda x: x.sum((0, 1), keepdims=True)),
            ("0-d", lambda _b, _n, _m: (), np.sum),
            ("same", lambda *shape: shape, np.asarray),
        ]
    ),
    *(
        Case(
            f"cat[{dim}]",
            (Operand(first), Operand("n m"), Operand(first)),
            lambda *xs, dim=dim: np.concatenate(xs, dim),
            lambda lib, *xs, dim=dim: lib.cat(xs, dim),
        )
        for dim, first in [(0, "k m"), (-1, "n k")]
    ),
    *(
        Case(
            f"stack[{dim}]",
            (MN, MN),
            lambda *xs, dim=dim: np.stack(xs, dim),
            lambda lib, *xs, dim=dim: lib.stack(xs, dim),
        )
        for dim in (0, 1, -1)
    ),
    *(
        Case(
            f"narrow[{dim},{start}]",
            (Operand("c m"),),
            lambda x, dim=dim, start=start: np.take(x, range(start, start + 2), dim),
            lambda lib, x, dim=dim, start=start: lib.narrow(x, dim, start, 2),
            lambda _, x, dim=dim, start=start: x.narrow(dim, start, 2),
            least={"c": 3, "m": 2},
        )
        for dim, start in [(0, 1), (-1, 0)]
    ),
    Case(
        "Embed",
        (MN,),
        lambda x: np.pad(x, [(0, 0), (1, 2)]),
        internal=lambda _, x: core.apply(shape.Embed(1, 1, 2), x),
    ),
]


def _linear(x: Array, weight: Array, bias: Array | float = 0.0) -> Array:
    return np.einsum("...i,oi->...o", x, weight) + bias


PRODUCT = [
    *(
        Case(
            f"matmul[{left} @ {right}]",
            (Operand(left), Operand(right)),
            np.matmul,
            lambda lib, a, b: lib.matmul(a, b),
            lambda _, a, b: a @ b,
            aliases={"x.matmul": lambda _, a, b: a.matmul(b)},
            batch=variant == "matrices",
        )
        for variant, left, right in [
            ("matrices", "n k", "k m"),
            ("vectors", "k", "k"),
            ("vector at the left", "k", "k m"),
            ("vector at the right", "n k", "k"),
            ("batch and matrix", "b n k", "k m"),
            ("matrix and batch", "n k", "b k m"),
            ("batches broadcast", "b 1 n k", "c k m"),
            ("batch and vector", "b n k", "k"),
            ("vector and batch", "k", "b k m"),
        ]
    ),
    *(
        Case(
            f"linear[{words}{bias}]",
            (Operand(words), Operand("c m"), *((Operand("c"),) if bias else ())),
            _linear,
            internal=lambda lib, *xs: (
                linalg.linear(*xs) if not hasattr(lib, "nn") else lib.nn.functional.linear(*xs)
            ),
        )
        for words in ("n m", "m", "b n m")
        for bias in ("", ", bias")
    ),
]

LOSS = [
    Case(
        "softmax_cross_entropy",
        (Operand("n c"), Operand("n", below("c"))),
        lambda x, label: -_select(np.log(_softmax(x, 1)), label),
        internal=lambda _, x, label: loss.softmax_cross_entropy(x, label),
    ),
    Case(
        "softmax_cross_entropy[mean]",
        (Operand("n c"), Operand("n", below("c"))),
        lambda x, label: np.mean(-_select(np.log(_softmax(x, 1)), label)),
        internal=lambda _, x, label: loss.softmax_cross_entropy(x, label, mean=True),
    ),
    Case(
        "Gap",
        (Operand("n c"), Operand("n 1"), Operand("n", below("c"))),
        lambda p, s, label: s * (p - _one_hot(np.ones(len(p)), label, p.shape[1])),
        internal=lambda _, p, s, label: core.apply(loss.Gap(), p, s, label),
    ),
    Case(
        "Gap[one scale]",
        (Operand("n c"), Operand(""), Operand("n", below("c"))),
        lambda p, s, label: s * (p - _one_hot(np.ones(len(p)), label, p.shape[1])),
        internal=lambda _, p, s, label: core.apply(loss.Gap(), p, s, label),
    ),
    Case(
        "pick_class",
        (Operand("n c"), Operand("n", below("c"))),
        _select,
        internal=lambda _, x, label: loss.pick_class(x, label),
    ),
    Case(
        "PlaceClass",
        (N, Operand("n", below("c"))),
        lambda x, label: _one_hot(x, label, 4),
        internal=lambda _, x, label: core.apply(loss.PlaceClass(4), x, label),
    ),
]


class _ProductAndSum(tg.autograd.Function):
    """An op of the user's own, with two results."""

    @staticmethod
    def forward(ctx: Any, a: Any, b: Any) -> Any:
        ctx.save_for_backward(a, b)
        return a * b, a + b

    @staticmethod
    def backward(ctx: Any, g: Any, h: Any) -> Any:
        a, b = ctx.saved_tensors
        return g * b + h, g * a + h


FUNCTION = [
    Case(
        "Function",
        (MN, MN),
        lambda a, b: a * b * (a + b),
        internal=lambda _, a, b: math.prod(_ProductAndSum.apply(a, b)),
        batch=True,
        scalar=True,
    ),
]


CASES = [
    *ARITHMETIC,
    *SELECTION,
    *PLACES,
    *PARTS,
    *WRITES,
    *REDUCTION,
    *SHAPE,
    *PRODUCT,
    *LOSS,
    *FUNCTION,
    *WINDOWS,
]
BY_NAME = {case.name: case for case in CASES}
assert len(BY_NAME) == len(CASES), "two rows have one name"

# Public, and without a derivative of any order, with the reason. Every other op has a row above,
# and so a first and a second derivative, though the second of many (relu, sum, ...) is 0.
_RELATION = "its result is a mask: constant but for jumps, and not a number"
_PLACES = "its result are places, which are integers"
NOT_DIFFERENTIABLE = {
    **dict.fromkeys(("eq", "ne", "lt", "le", "gt", "ge"), _RELATION),
    **dict.fromkeys(("isnan", "isinf", "isfinite", "all", "any"), _RELATION),
    **dict.fromkeys(
        ("bitwise_and", "bitwise_or", "bitwise_xor", "bitwise_not"),
        "defined for integers and masks",
    ),
    **dict.fromkeys(("argmax", "argmin", "nonzero", "argwhere"), _PLACES),
}
