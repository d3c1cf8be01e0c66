"""Rows of the table of operations: elementwise functions and operators, of tensors and numbers."""

from __future__ import annotations

import operator
from typing import TYPE_CHECKING, Any

import numpy as np
from cases import Case, Operand, between, nonzero, positive, real, steps

import tinygrad_np as tg
from tinygrad_np import core
from tinygrad_np.ops import elementwise, random

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
    write = f"{name}_"
    inplace: dict[str, Any] = {f"x.{write}": lambda _, x: getattr(x, write)()}
    if hasattr(tg, write):  # PyTorch has some of the methods as functions too
        inplace[write] = lambda lib, x: getattr(lib, write)(x)
    return Case(
        name,
        (Operand("n m", domain),),
        oracle,
        lambda lib, x: getattr(lib, name)(x),
        lambda _, x: getattr(x, name)(),
        inplace=inplace,
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
FITTING = ("", "vector-scalar")


def _binary(
    name: str,
    domains: tuple[Callable[..., Array], Callable[..., Array]],
    oracle: Callable[..., Array],
    function: Callable[..., Any],
    method: Callable[..., Any],
    inplace: dict[str, Any] | None = None,
    **options: Any,
) -> list[Case]:
    """One case for every way in which two shapes broadcast; a write must not grow its target."""
    return [
        Case(
            f"{name}[{variant}]" if variant else name,
            (Operand(left, domains[0]), Operand(right, domains[1])),
            oracle,
            function,
            method,
            inplace=inplace or {} if variant in FITTING else {},
            batch=not variant,
            scalar=not variant,
            **options,
        )
        for variant, (left, right) in BROADCASTS.items()
    ]


MN = Operand("n m")

ELEMENTWISE = [
    _elementwise("neg", real, np.negative, aliases={"-x": lambda _, x: -x}),
    _elementwise("abs", nonzero, np.abs, aliases={"abs(x)": lambda _, x: abs(x)}),
    _elementwise("sign", nonzero, np.sign),
    _elementwise("exp", real, np.exp),
    _elementwise("log", positive, np.log),
    _elementwise("sqrt", positive, np.sqrt),
    _elementwise("square", real, np.square),
    _elementwise("tanh", real, np.tanh),
    _elementwise("sigmoid", real, lambda x: 1 / (1 + np.exp(-x))),
    _elementwise("relu", nonzero, lambda x: np.where(x > 0, x, 0.0)),
    Case(
        "clone",
        (MN,),
        np.copy,
        lambda lib, x: lib.clone(x),
        lambda _, x: x.clone(),
        aliases={
            "+x": lambda _, x: +x,
            "as_tensor": lambda lib, x: lib.as_tensor(x),
            "x.cpu": lambda _, x: x.cpu(),
        },
        batch=True,
        scalar=True,
    ),
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
    *_binary(
        "add",
        (real, real),
        np.add,
        lambda lib, a, b: lib.add(a, b),
        lambda _, a, b: a + b,
        {"x.add_": lambda _, a, b: a.add_(b), "+=": lambda _, a, b: operator.iadd(a, b)},
    ),
    *_binary(
        "add[alpha]",
        (real, real),
        lambda a, b: a + 2 * b,
        lambda lib, a, b: lib.add(a, b, alpha=2),
        lambda _, a, b: a.add(b, alpha=2),
        {"x.add_": lambda _, a, b: a.add_(b, alpha=2)},
    ),
    *_binary(
        "sub",
        (real, real),
        np.subtract,
        lambda lib, a, b: lib.sub(a, b),
        lambda _, a, b: a - b,
        {"x.sub_": lambda _, a, b: a.sub_(b), "-=": lambda _, a, b: operator.isub(a, b)},
        aliases={
            "rsub": lambda lib, a, b: lib.rsub(b, a),
            "x.__rsub__": lambda _, a, b: b.__rsub__(a),
        },
    ),
    *_binary(
        "sub[alpha]",
        (real, real),
        lambda a, b: a - 0.5 * b,
        lambda lib, a, b: lib.sub(a, b, alpha=0.5),
        lambda _, a, b: a.sub(b, alpha=0.5),
        {"x.sub_": lambda _, a, b: a.sub_(b, alpha=0.5)},
    ),
    *_binary(
        "mul",
        (real, real),
        np.multiply,
        lambda lib, a, b: lib.mul(a, b),
        lambda _, a, b: a * b,
        {"x.mul_": lambda _, a, b: a.mul_(b), "*=": lambda _, a, b: operator.imul(a, b)},
        aliases={"x.mul": lambda _, a, b: a.mul(b)},
    ),
    *_binary(
        "div",
        (real, nonzero),
        np.divide,
        lambda lib, a, b: lib.div(a, b),
        lambda _, a, b: a / b,
        {"x.div_": lambda _, a, b: a.div_(b), "/=": lambda _, a, b: operator.itruediv(a, b)},
        aliases={
            "x.div": lambda _, a, b: a.div(b),
            "x.__rtruediv__": lambda _, a, b: b.__rtruediv__(a),
        },
    ),
    *_binary(
        "div[floor]",
        (dividend, divisor),
        np.floor_divide,
        lambda lib, a, b: lib.div(a, b, rounding_mode="floor"),
        lambda _, a, b: a.div(b, rounding_mode="floor"),
        {"x.div_": lambda _, a, b: a.div_(b, rounding_mode="floor")},
    ),
    *_binary(
        "div[trunc]",
        (dividend, divisor),
        lambda a, b: np.trunc(a / b),
        lambda lib, a, b: lib.div(a, b, rounding_mode="trunc"),
        lambda _, a, b: a.div(b, rounding_mode="trunc"),
        {"x.div_": lambda _, a, b: a.div_(b, rounding_mode="trunc")},
    ),
    *_binary(
        "remainder",
        (dividend, divisor),
        np.remainder,
        lambda lib, a, b: lib.remainder(a, b),
        lambda _, a, b: a % b,
        {
            "x.remainder_": lambda _, a, b: a.remainder_(b),
            "%=": lambda _, a, b: operator.imod(a, b),
        },
        aliases={
            "x.remainder": lambda _, a, b: a.remainder(b),
            "x.__rmod__": lambda _, a, b: b.__rmod__(a),
        },
    ),
    *_binary(
        "fmod",
        (dividend, divisor),
        np.fmod,
        lambda lib, a, b: lib.fmod(a, b),
        lambda _, a, b: a.fmod(b),
        {"x.fmod_": lambda _, a, b: a.fmod_(b)},
    ),
    *_binary(
        "pow",
        (positive, real),
        np.power,
        lambda lib, a, b: lib.pow(a, b),
        lambda _, a, b: a**b,
        {"x.pow_": lambda _, a, b: a.pow_(b), "**=": lambda _, a, b: operator.ipow(a, b)},
        aliases={
            "x.pow": lambda _, a, b: a.pow(b),
            "x.__rpow__": lambda _, a, b: b.__rpow__(a),
        },
    ),
    *_binary(
        "maximum",
        (steps, between),
        np.maximum,
        lambda lib, a, b: lib.maximum(a, b),
        lambda _, a, b: a.maximum(b),
        aliases={
            "max": lambda lib, a, b: lib.max(a, b),
            "x.max": lambda _, a, b: a.max(b),
        },
    ),
    *_binary(
        "minimum",
        (steps, between),
        np.minimum,
        lambda lib, a, b: lib.minimum(a, b),
        lambda _, a, b: a.minimum(b),
        aliases={
            "min": lambda lib, a, b: lib.min(a, b),
            "x.min": lambda _, a, b: a.min(b),
        },
    ),
]

NUMBER_WRITES: dict[str, dict[str, Any]] = {
    "add": {"x.add_": lambda _, x: x.add_(2.5), "+=": lambda _, x: operator.iadd(x, 2.5)},
    "sub": {"x.sub_": lambda _, x: x.sub_(2.5), "-=": lambda _, x: operator.isub(x, 2.5)},
    "mul": {"x.mul_": lambda _, x: x.mul_(2.5), "*=": lambda _, x: operator.imul(x, 2.5)},
    "div": {"x.div_": lambda _, x: x.div_(2.5), "/=": lambda _, x: operator.itruediv(x, 2.5)},
    "remainder": {"x.remainder_": lambda _, x: x.remainder_(10)},
    **{
        f"pow[{p}]": {
            "x.pow_": lambda _, x, p=p: x.pow_(p),
            "**=": lambda _, x, p=p: operator.ipow(x, p),
        }
        for p in (-2, 0, 0.5, 1, 2, 3)
    },
}

NUMBERS = [
    *(
        Case(
            f"{name}[number]",
            (Operand("n m", domain),),
            oracle,
            function,
            method,
            inplace=NUMBER_WRITES.get(name, {}),
            batch=True,
            scalar=True,
        )
        for name, domain, oracle, function, method in [
            ("add", real, lambda x: x + 2.5, lambda lib, x: lib.add(x, 2.5), lambda _, x: 2.5 + x),
            ("sub", real, lambda x: x - 2.5, lambda lib, x: lib.sub(x, 2.5), lambda _, x: x - 2.5),
            (
                "rsub",
                real,
                lambda x: 2.5 - x,
                lambda lib, x: lib.rsub(x, 2.5),
                lambda _, x: 2.5 - x,
            ),
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
    ),
    Case(
        "remainder[of a number]",
        (Operand("n m", lambda u: 3.4 + 0.4 * u),),  # which leave something of 10
        lambda x: np.remainder(10, x),
        internal=lambda _, x: 10 % x,  # of which PyTorch has no derivative
        batch=True,
        scalar=True,
    ),
]

ARITHMETIC = [*ELEMENTWISE, *BINARY, *NUMBERS]
