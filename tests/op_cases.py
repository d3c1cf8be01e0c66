"""The table of operations: how each is called, on what, and what NumPy says the result is.

One row drives every test of an op: values, gradients of both orders, dtypes, layouts, properties,
and conformance with PyTorch. `tests/test_ops.py` fails if a public op, or an `Op` with a
derivative, has no row.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import window_oracles as oracles
from cases import (
    Case,
    Operand,
    added,
    added_along,
    below,
    between,
    distinct,
    mask,
    nonzero,
    positive,
    real,
    steps,
)
from place_cases import PARTS, PLACES

import tinygrad_np as tg
from tinygrad_np import core
from tinygrad_np.kernels import windows
from tinygrad_np.ops import conv, elementwise, index, linalg, loss, pool, random, shape

if TYPE_CHECKING:
    from collections.abc import Callable

    Array = np.ndarray[Any, Any]


def halves(*xs: Array) -> Array:
    """The least random of distributions."""
    return np.full(np.broadcast_shapes(*[x.shape for x in xs]), 0.5, xs[0].dtype)


def dividend(u: Array) -> Array:
    """Of both signs: the quotient by a `divisor` is never within 0.05 of an integer."""
    return np.floor(8 * u) - 3.5 + 0.2 * u


def divisor(u: Array) -> Array:
    return np.where(u < 0.5, -1, 1) * (1.0 + 0.02 * u)


def _elementwise(
    name: str, domain: Callable[..., Array], oracle: Callable[..., Array], **options: Any
) -> Case:
    return Case(
        name,
        (Operand("n m", domain),),
        oracle,
        lambda lib, x: getattr(lib, name)(x),
        lambda _, x: getattr(x, name)(),
        batch=True,
        scalar=True,
        **options,
    )


BROADCASTS = {
    "": ("n m", "n m"),
    "column-row": ("n 1", "1 m"),
    "scalar-vector": ("", "m"),
    "vector-scalar": ("m", ""),
    "leading": ("m", "b n m"),
    "ones": ("1 m", "b n 1"),
}


def _binary(
    name: str,
    domains: tuple[Callable[..., Array], Callable[..., Array]],
    oracle: Callable[..., Array],
    function: Callable[..., Any],
    method: Callable[..., Any],
    **options: Any,
) -> list[Case]:
    """One case for every way in which two shapes broadcast."""
    return [
        Case(
            f"{name}[{variant}]" if variant else name,
            (Operand(left, domains[0]), Operand(right, domains[1])),
            oracle,
            function,
            method,
            batch=not variant,
            scalar=not variant,
            **options,
        )
        for variant, (left, right) in BROADCASTS.items()
    ]


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
            public=name,
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

ELEMENTWISE = [
    _elementwise("neg", real, np.negative),
    _elementwise("abs", nonzero, np.abs),
    _elementwise("sign", nonzero, np.sign),
    _elementwise("exp", real, np.exp),
    _elementwise("log", positive, np.log),
    _elementwise("sqrt", positive, np.sqrt),
    _elementwise("square", real, np.square),
    _elementwise("tanh", real, np.tanh),
    _elementwise("sigmoid", real, lambda x: 1 / (1 + np.exp(-x))),
    _elementwise("relu", nonzero, lambda x: np.where(x > 0, x, 0.0)),
    Case("clone", (MN,), np.copy, method=lambda _, x: x.clone(), batch=True, scalar=True),
    *(
        Case(
            "draw" + ("[broadcast]" if others else ""),
            (MN, *others),
            lambda *xs: np.full(np.broadcast_shapes(*map(np.shape, xs)), 0.5),
            internal=lambda _, *xs: core.apply(random.Draw("Half", halves), *xs),
        )
        for others in ((), (Operand("1 m"),))
    ),
    Case(
        "zeros_like[rule]",
        (MN,),
        np.zeros_like,
        internal=lambda _, x: elementwise.zeros_like(x),
        batch=True,
        scalar=True,
    ),
]

BINARY = [
    *_binary("add", (real, real), np.add, lambda lib, a, b: lib.add(a, b), lambda _, a, b: a + b),
    *_binary(
        "add[alpha]",
        (real, real),
        lambda a, b: a + 2 * b,
        lambda lib, a, b: lib.add(a, b, alpha=2),
        lambda _, a, b: a.add(b, alpha=2),
    ),
    *_binary(
        "sub", (real, real), np.subtract, lambda lib, a, b: lib.sub(a, b), lambda _, a, b: a - b
    ),
    *_binary(
        "sub[alpha]",
        (real, real),
        lambda a, b: a - 0.5 * b,
        lambda lib, a, b: lib.sub(a, b, alpha=0.5),
        lambda _, a, b: a.sub(b, alpha=0.5),
    ),
    *_binary(
        "mul", (real, real), np.multiply, lambda lib, a, b: lib.mul(a, b), lambda _, a, b: a * b
    ),
    *_binary(
        "div", (real, nonzero), np.divide, lambda lib, a, b: lib.div(a, b), lambda _, a, b: a / b
    ),
    *_binary(
        "div[floor]",
        (dividend, divisor),
        np.floor_divide,
        lambda lib, a, b: lib.div(a, b, rounding_mode="floor"),
        lambda _, a, b: a.div(b, rounding_mode="floor"),
    ),
    *_binary(
        "div[trunc]",
        (dividend, divisor),
        lambda a, b: np.trunc(a / b),
        lambda lib, a, b: lib.div(a, b, rounding_mode="trunc"),
        lambda _, a, b: a.div(b, rounding_mode="trunc"),
    ),
    *_binary(
        "remainder",
        (dividend, divisor),
        np.remainder,
        lambda lib, a, b: lib.remainder(a, b),
        lambda _, a, b: a % b,
    ),
    *_binary(
        "fmod",
        (dividend, divisor),
        np.fmod,
        lambda lib, a, b: lib.fmod(a, b),
        lambda _, a, b: a.fmod(b),
    ),
    *_binary(
        "pow", (positive, real), np.power, lambda lib, a, b: lib.pow(a, b), lambda _, a, b: a**b
    ),
    *_binary(
        "maximum",
        (steps, between),
        np.maximum,
        lambda lib, a, b: lib.maximum(a, b),
        lambda _, a, b: a.maximum(b),
    ),
    *_binary(
        "minimum",
        (steps, between),
        np.minimum,
        lambda lib, a, b: lib.minimum(a, b),
        lambda _, a, b: a.min(b),
    ),
]

NUMBERS = [
    Case(
        f"{name}[number]",
        (Operand("n m", domain),),
        oracle,
        function,
        method,
        batch=True,
        scalar=True,
    )
    for name, domain, oracle, function, method in [
        ("add", real, lambda x: x + 2.5, lambda lib, x: lib.add(x, 2.5), lambda _, x: 2.5 + x),
        ("sub", real, lambda x: x - 2.5, lambda lib, x: lib.sub(x, 2.5), lambda _, x: x - 2.5),
        ("rsub", real, lambda x: 2.5 - x, lambda lib, x: lib.rsub(x, 2.5), lambda _, x: 2.5 - x),
        ("mul", real, lambda x: 2.5 * x, lambda lib, x: lib.mul(x, 2.5), lambda _, x: 2.5 * x),
        ("div", real, lambda x: x / 2.5, lambda lib, x: lib.div(x, 2.5), lambda _, x: x / 2.5),
        (
            "remainder",
            between,
            lambda x: np.remainder(x, 10),
            lambda lib, x: lib.remainder(x, 10),
            lambda _, x: x % 10,
        ),
        ("rdiv", nonzero, lambda x: 2.5 / x, None, lambda _, x: 2.5 / x),
        ("rpow", real, lambda x: 2.5**x, lambda lib, x: lib.pow(2.5, x), lambda _, x: 2.5**x),
        *(
            (
                f"pow[{p}]",
                positive if p == 0.5 else nonzero,
                lambda x, p=p: x ** float(p),
                lambda lib, x, p=p: lib.pow(x, p),
                lambda _, x, p=p: x**p,
            )
            for p in (-2, 0, 0.5, 1, 2, 3)
        ),
    ]
]

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
            method=lambda _, x, name=name, dim=dim, keepdim=keepdim: (
                getattr(x, name)(dim, keepdim).values
            ),
        )
        for name, f in {"max": np.amax, "min": np.amin}.items()
        for dim, keepdim in [(0, False), (-1, False), (1, True)]
    ),
    *(
        Case(
            f"{name}[all]",
            (Operand("n m", distinct),),
            f,
            method=lambda _, x, name=name: getattr(x, name)(),
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
            public=name,
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
        lambda x: x.reshape(len(x), -1),
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


# PyTorch keeps these in `torch.nn.functional`, as we do in `nn.functional`.
def _functional(
    name: str,
    words: str | tuple[str, ...],
    oracle: Callable[..., Array],
    domain: Any = real,
    **at: Any,
) -> Case:
    """A row for a function of `nn.functional`, called with the options that the name shows."""
    given = at.pop("given", {})
    options = ",".join(f"{key}={value}" for key, value in given.items())
    words = (words,) if isinstance(words, str) else words
    return Case(
        f"{name}[{'; '.join(words)}{'; ' if options else ''}{options}]",
        tuple(Operand(word, domain) for word in words),
        oracle,
        lambda lib, *xs: getattr(lib.nn.functional, name)(*xs, **given),
        **at,
    )


def _conv_rows() -> list[Case]:
    geometries: list[tuple[tuple[str, ...], dict[str, Any]]] = [
        (("n 2 5 4", "3 2 3 2"), {}),
        (("n 2 4 5", "3 2 2 3", "3"), {"stride": (2, 1), "padding": (1, 2)}),
        (("n 4 6 5", "2 2 2 2", "2"), {"dilation": (3, 2), "groups": 2}),
        (("n 2 4 3", "2 1 2 1"), {"stride": 2, "padding": 1, "groups": 2}),
        (("2 4 3", "3 2 2 2", "3"), {"padding": 1}),
    ]
    transposed: list[tuple[tuple[str, ...], dict[str, Any]]] = [
        (("n 2 3 4", "2 3 3 2"), {}),
        (("n 2 3 2", "2 2 2 3", "2"), {"stride": (3, 2), "padding": 1, "output_padding": (2, 1)}),
        (("n 4 2 3", "4 1 2 2", "2"), {"groups": 2, "dilation": (2, 3), "padding": (1, 0)}),
        (("n 2 2 3", "2 1 2 2", "1"), {"dilation": 3, "output_padding": (2, 0)}),
        (("2 3 2", "2 2 2 2"), {"stride": 2}),
    ]

    def lifted(oracle: Any, given: Any) -> Any:
        """Call a 2-D oracle on unbatched operands too."""

        def call(x: Array, *others: Array) -> Array:
            return (
                oracle(x, *others, **given) if x.ndim == 4 else oracle(x[None], *others, **given)[0]
            )

        return call

    def flat(oracle: Any, given: Any) -> Any:
        """Call a 2-D oracle on 1-D operands, as images of height 1."""
        neutral = {"padding": 0, "output_padding": 0}
        tall = {key: v if key == "groups" else (neutral.get(key, 1), v) for key, v in given.items()}

        def call(x: Array, w: Array, *b: Array) -> Array:
            y = oracle(
                x.reshape(-1, *x.shape[-2:])[:, :, None] if x.ndim == 3 else x[None, :, None],
                w[:, :, None],
                *b,
                **tall,
            )
            return y[:, :, 0] if x.ndim == 3 else y[0, :, 0]

        return call

    return [
        *(
            _functional("conv2d", words, lifted(oracles.conv2d, given), given=given)
            for words, given in geometries
        ),
        *(
            _functional(
                "conv_transpose2d", words, lifted(oracles.conv_transpose2d, given), given=given
            )
            for words, given in transposed
        ),
        *(
            _functional("conv1d", words, flat(oracles.conv2d, given), given=given)
            for words, given in [
                (("n 2 5", "3 2 3"), {}),
                (("n 4 7", "2 2 2", "2"), {"stride": 2, "padding": 1, "dilation": 2, "groups": 2}),
                (("2 5", "3 2 2", "3"), {}),
            ]
        ),
        *(
            _functional(
                "conv_transpose1d", words, flat(oracles.conv_transpose2d, given), given=given
            )
            for words, given in [
                (("n 2 4", "2 3 3"), {}),
                (
                    ("n 4 3", "4 1 2", "2"),
                    {"stride": 3, "padding": 1, "output_padding": 2, "groups": 2},
                ),
                (("2 4", "2 3 2", "3"), {"stride": 2}),
            ]
        ),
        _functional(
            "conv2d",
            ("n 2 3 5", "2 2 2 4"),
            lambda x, w: oracles.conv2d(x, w, padding=((0, 1), (1, 2))),
            given={"padding": "same"},
        ),
        _functional("conv2d", ("n 2 3 5", "2 2 2 4"), oracles.conv2d, given={"padding": "valid"}),
        Case(
            "Conv2dWeight",
            (Operand("n 2 5 4"), Operand("n 3 2 3")),
            lambda x, g: oracles.conv2d_weight(x, g, (3, 2), (2, 1), (0, 0)),
            internal=lambda _, x, g: core.apply(
                conv.Conv2dWeight(
                    (3, 2), stride=(2, 1), padding=((0, 0), (0, 0)), dilation=(1, 1), groups=1
                ),
                x,
                g,
            ),
        ),
    ]


def _pool_rows() -> list[Case]:
    def largest(*, line: bool = False, **given: Any) -> Callable[[Array], Array]:
        given = {**given, "fill": -np.inf}
        return lambda x: _over_planes(lambda p: oracles.pool2d(np.max, p, **given), x, line=line)

    def mean(*, line: bool = False, **given: Any) -> Callable[[Array], Array]:
        return lambda x: _over_planes(lambda p: oracles.pool2d(np.mean, p, **given), x, line=line)

    def as_line(given: dict[str, Any]) -> dict[str, Any]:
        neutral = {"padding": 0}
        names = {"kernel_size": "kernel", "ceil_mode": "ceil"}
        return {
            names.get(k, k): v if k == "ceil_mode" else (neutral.get(k, 1), v)
            for k, v in given.items()
        }

    def as_plane(given: dict[str, Any]) -> dict[str, Any]:
        return {
            {"kernel_size": "kernel", "ceil_mode": "ceil"}.get(k, k): v for k, v in given.items()
        }

    rows = []
    for words, given in [
        ("n 2 4 6", {"kernel_size": 2}),
        ("n 2 5 7", {"kernel_size": (2, 3), "stride": (1, 2), "padding": (1, 0)}),
        ("2 7 5", {"kernel_size": (3, 2), "stride": 2, "dilation": (2, 1), "ceil_mode": True}),
    ]:
        rows.append(
            _functional(
                "max_pool2d",
                words,
                largest(**as_plane(given)),
                distinct,
                given=given,
            )
        )
    for words, given in [
        ("n 2 7", {"kernel_size": 3, "stride": 2, "padding": 1}),
        ("2 6", {"kernel_size": 2, "stride": 1, "dilation": 2}),
    ]:
        rows.append(
            _functional(
                "max_pool1d",
                words,
                largest(line=True, **as_line(given)),
                distinct,
                given=given,
            )
        )
    for words, given in [
        ("n 2 4 6", {"kernel_size": 2}),
        ("n 2 5 7", {"kernel_size": (2, 3), "stride": (1, 2), "padding": (1, 0)}),
        ("2 6 5", {"kernel_size": (3, 2), "stride": 2}),
    ]:
        rows.append(_functional("avg_pool2d", words, mean(**as_plane(given)), given=given))
    rows += [
        _functional(
            "avg_pool2d",
            "n 2 5 4",
            lambda x: (
                oracles.pool2d(np.sum, x, (3, 2), 2, (1, 1))
                / oracles.pool2d(np.sum, np.ones_like(x), (3, 2), 2, (1, 1))
            ),
            given={"kernel_size": (3, 2), "stride": 2, "padding": 1, "count_include_pad": False},
        ),
        _functional(
            "avg_pool2d",
            "n 2 5 4",
            lambda x: oracles.pool2d(np.sum, x, 2) / 3,
            given={"kernel_size": 2, "divisor_override": 3},
        ),
    ]
    for words, given in [
        ("n 2 7", {"kernel_size": 3, "stride": 2, "padding": 1}),
        ("2 6", {"kernel_size": 2}),
    ]:
        rows.append(
            _functional(
                "avg_pool1d",
                words,
                mean(line=True, **as_line(given)),
                given=given,
            )
        )
    for kind, f, domain in (("avg", np.mean, real), ("max", np.max, distinct)):
        rows += [
            _functional(
                f"adaptive_{kind}_pool2d",
                "n 2 5 4",
                lambda x, f=f: oracles.adaptive2d(f, x, (2, 3)),
                domain,
                given={"output_size": (2, 3)},
            ),
            _functional(
                f"adaptive_{kind}_pool2d",
                "2 3 4",
                lambda x, f=f: oracles.adaptive2d(f, x, (5, 4)),
                domain,
                given={"output_size": (5, None)},
            ),
            _functional(
                f"adaptive_{kind}_pool1d",
                "n 2 5",
                lambda x, f=f: oracles.adaptive2d(f, x[:, :, None], (1, 3))[:, :, 0],
                domain,
                given={"output_size": 3},
            ),
        ]
    return rows


def _over_planes(f: Any, x: Array, *, line: bool) -> Array:
    """Apply an oracle of planes; a line is a plane of height 1."""
    return f(x[..., None, :])[..., 0, :] if line else f(x)


def _pad_rows() -> list[Case]:
    names = {"reflect": "reflect", "replicate": "edge", "circular": "wrap"}
    rows = [
        _functional(
            "pad",
            "n m 3",
            lambda x: np.pad(x, ((0, 0), (2, 0), (1, 2)), constant_values=1.5),
            given={"pad": (1, 2, 2, 0), "value": 1.5},
        ),
        _functional(
            "pad",
            "n 4 3",
            lambda x: np.pad(x[:, 1:, :-1], ((0, 0), (0, 1), (2, 0))),
            given={"pad": (2, -1, -1, 1)},
        ),
        _functional("pad", "n 4", lambda x: x[:, 2:], given={"pad": (-2, 0)}),
        _functional("pad", "4", lambda x: x[1:-1], given={"pad": (-1, -1)}),
        *(
            _functional(
                "pad",
                "n 5",
                lambda x, places=places: x[:, places],
                given={"pad": sides, "mode": "circular"},
            )
            for sides, places in [
                ((-2, 1), [2, 3, 4, 2]),
                ((1, -2), [2, 0, 1, 2]),
                ((-2, -1), [2, 3]),
                ((-5, 0), []),
            ]
        ),
    ]
    for mode, theirs in names.items():
        for words, sides in [
            ("n 3", (2, 1)),
            ("n 2 4", (1, 3)),
            ("2 3 4", (1, 2, 2, 0)),
            ("n 2 4 3", (2, 1, 1, 3)),
            ("1 2 2 3 2", (1, 1, 2, 0, 0, 1)),
        ]:
            widths = [(0, 0)] * (len(words.split()) - len(sides) // 2) + [
                tuple(sides[i : i + 2]) for i in range(0, len(sides), 2)
            ][::-1]
            rows.append(
                _functional(
                    "pad",
                    words,
                    lambda x, widths=tuple(widths), theirs=theirs: np.pad(x, widths, mode=theirs),
                    given={"pad": sides, "mode": mode},
                )
            )
    return rows


_COLUMNS = {"kernel_size": (2, 3), "dilation": (2, 1), "padding": (1, 0), "stride": (1, 2)}
_ORACLE = {"kernel": (2, 3), "dilation": (2, 1), "padding": (1, 0), "stride": (1, 2)}

# Operands that only say where are constants here: they have no gradient to be asked for.
_PLANES = distinct(np.random.default_rng(0).random((2, 2, 5, 4)))
_AXES = windows.axes((5, 4), (3, 2), (1, 2), (1, 0))

ADJOINTS = [
    Case(
        "MaxPool2dBackward",
        (Operand("2 2 5 2"),),
        lambda g: oracles.max_pool2d_backward(g, _PLANES, (3, 2), (1, 2), (1, 0)),
        internal=lambda _, g: core.apply(
            pool.MaxPool2dBackward(*_AXES),
            g,
            core.wrap(_PLANES.astype(g.dtype)),
        ),
        free_sizes=False,
    ),
    Case(
        "AvgPool2dBackward",
        (Operand("n 2 5 2"),),
        lambda g: oracles.avg_pool2d_backward(g, (5, 4), (3, 2), (1, 2), (1, 0)),
        internal=lambda _, g: core.apply(
            pool.AvgPool2dBackward(*_AXES, np.asarray(1 / 6)),
            g,
        ),
    ),
    Case(
        "AdaptiveAvgPool2dBackward",
        (Operand("n 2 2 3"),),
        lambda g: oracles.adaptive_avg2d_backward(g, (5, 4)),
        internal=lambda _, g: core.apply(pool.AdaptiveAvgPool2dBackward((5, 4)), g),
    ),
]

WINDOWS = [
    *ADJOINTS,
    *_conv_rows(),
    *_pool_rows(),
    *_pad_rows(),
    _functional("unfold", "n 2 3 5", lambda x: oracles.unfold(x, **_ORACLE), given=_COLUMNS),
    _functional(
        "unfold", "2 3 3", lambda x: oracles.unfold(x[None], 2)[0], given={"kernel_size": 2}
    ),
    _functional(
        "fold",
        "n 12 6",
        lambda x: oracles.fold(x, (3, 5), **_ORACLE),
        given={"output_size": (3, 5), **_COLUMNS},
    ),
    _functional(
        "fold",
        "4 6",
        lambda x: oracles.fold(x[None], (3, 4), (2, 2))[0],
        given={"output_size": (3, 4), "kernel_size": 2},
    ),
]

CASES = [
    *ELEMENTWISE,
    *BINARY,
    *NUMBERS,
    *SELECTION,
    *PLACES,
    *PARTS,
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
# Constant but for jumps of 1: an error to differentiate, as in PyTorch (tests/test_semantics.py).
REFUSED = {"floor_divide"}
