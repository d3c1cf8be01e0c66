"""Elementwise ops at hard points, and over the whole range of exponents, to the last digits."""

from __future__ import annotations

from decimal import ROUND_HALF_EVEN, Context, Decimal, localcontext
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hard_points import EITHER_ZERO, HARD
from op_cases import BY_NAME, CASES

import tinygrad_np as tg

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    Array = np.ndarray[Any, Any]

POINTS = [
    pytest.param(name, form, *point, id=f"{name} at {', '.join(map(str, point[0]))}, {form}")
    for name, points in HARD.items()
    for form in BY_NAME[name].forms
    for point in points
]


def same(found: Any, expected: Any, *, signs: bool) -> None:
    np.testing.assert_allclose(found, expected, rtol=1e-15, atol=0)
    if signs:
        zero = np.equal(expected, 0)
        np.testing.assert_array_equal(np.signbit(found)[zero], np.signbit(expected)[zero])


@pytest.mark.parametrize(("name", "form", "operands", "value", "slopes"), POINTS)
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_hard_points(
    name: str, form: str, operands: Sequence[float], value: float, slopes: Sequence[float]
) -> None:
    call = BY_NAME[name].forms[form]
    signs = name not in EITHER_ZERO
    for create_graph in (False, True):
        xs = [tg.tensor([a], dtype=tg.float64, requires_grad=True) for a in operands]
        y = call(tg, *xs)
        same(y.detach().numpy(), np.array([value]), signs=signs)
        one = tg.ones(1, dtype=tg.float64)  # a slope, and no projection of several
        found = tg.autograd.grad(y, xs, one, create_graph=create_graph)
        same(np.concatenate([g.detach().numpy() for g in found]), np.array(slopes), signs=True)


def test_every_elementwise_function_has_hard_points() -> None:
    named = {
        case.name.split("[")[0] for case in CASES if case.batch and case.scalar and case.function
    }
    linear = {"clone", "add", "sub", "rsub", "mul", "lerp"}
    selection = {"clamp", "clip", "clamp_min", "clamp_max", "where"}  # in tests/test_semantics.py
    assert named - linear - selection - {name.split("[")[0] for name in HARD} == set()


# --- relative accuracy -----------------------------------------------------------------------

# Nothing overflows, or is refused.
EXACT = Context(prec=50, rounding=ROUND_HALF_EVEN, Emin=-(10**9), Emax=10**9, traps=[])
ONE = Decimal(1)


def logistic(x: Decimal) -> Decimal:
    return ONE / (ONE + (-x).exp())


def hyperbolic(x: Decimal) -> Decimal:
    """Tanh, where e^-2|x| cannot overflow; its series, where 1 - e^-2|x| would cancel."""
    if abs(x) < Decimal("1e-10"):
        return x - x**3 / 3
    e = (-2 * abs(x)).exp()
    return ((ONE - e) / (ONE + e)).copy_sign(x)


def power(p: str) -> tuple[Callable[..., Any], ...]:
    n = Decimal(p)
    return (lambda x: x**n), (lambda x: n * x ** (n - 1))


# By row: the function, its slope, which numbers it takes, and those where the slope is as good as
# the result that it is read from: 1 - y² and y·(1 - y) lose digits where y is near 1.
EVERY, ABOVE = (lambda _: True), (lambda x: x > 0)
FUNCTIONS: dict[str, tuple[Any, Any, Any, Any]] = {
    "neg": (lambda x: -x, lambda _: -ONE, EVERY, EVERY),
    "abs": (abs, ONE.copy_sign, EVERY, EVERY),
    "relu": (lambda x: max(x, Decimal(0)), lambda x: Decimal(x > 0), EVERY, EVERY),
    "exp": (Decimal.exp, Decimal.exp, EVERY, EVERY),
    "log": (Decimal.ln, lambda x: 1 / x, ABOVE, EVERY),
    "sqrt": (Decimal.sqrt, lambda x: 1 / (2 * x.sqrt()), ABOVE, EVERY),
    "square": (lambda x: x * x, lambda x: 2 * x, EVERY, EVERY),
    "tanh": (
        hyperbolic,
        lambda x: ONE - hyperbolic(x) ** 2,
        EVERY,
        lambda x: abs(x) < 1,
    ),
    "sigmoid": (logistic, lambda x: logistic(x) * logistic(-x), EVERY, lambda x: x < 1),
    "div[number]": (lambda x: x / Decimal("2.5"), lambda _: 1 / Decimal("2.5"), EVERY, EVERY),
    "rpow[number]": (
        lambda x: (x * Decimal("2.5").ln()).exp(),
        lambda x: (x * Decimal("2.5").ln()).exp() * Decimal("2.5").ln(),
        lambda x: abs(x) < 80,  # beyond, the slope overflows a step before the value does
        EVERY,
    ),
    "pow[0.5][number]": (Decimal.sqrt, lambda x: 1 / (2 * x.sqrt()), ABOVE, EVERY),
    "pow[2][number]": (*power("2"), EVERY, EVERY),
    "pow[3][number]": (*power("3"), EVERY, EVERY),
}


def numbers(dtype: Any) -> Array:
    """Numbers of both signs and of every size that a dtype holds, closest together around 1."""
    low, high = int(np.log2(np.finfo(dtype).smallest_subnormal)), np.finfo(dtype).maxexp
    exponents = sorted({*range(low, high, 1 + (high - low) // 80), *range(-12, 12)})
    sizes = np.ldexp([[1.0], [1.37], [1.91]], exponents).astype(dtype).ravel()
    return np.concatenate([sizes, -sizes])


@pytest.mark.parametrize("dtype", [np.float32, np.float64], ids=["float32", "float64"])
@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_relative_accuracy_over_the_whole_range(name: str, dtype: Any) -> None:
    function, slope, takes, sharp = FUNCTIONS[name]
    x = np.array([a for a in numbers(dtype) if takes(a)], dtype)
    with localcontext(EXACT):
        exact = [Decimal(float(a)) for a in x]
        value, wanted = (
            np.array([float(f(a)) for a in exact]).astype(dtype) for f in (function, slope)
        )
    t = tg.from_numpy(x.copy()).requires_grad_()
    y = BY_NAME[name].call(tg, t)
    (g,) = tg.autograd.grad(y, t, tg.ones_like(y))
    info = np.finfo(dtype)
    near = {"rtol": 8 * float(info.eps), "atol": 4 * float(info.smallest_subnormal)}
    np.testing.assert_allclose(y.detach().numpy(), value, **near)
    at = np.array([sharp(a) for a in x])
    # An inner step may leave the range where the product of all steps does not.
    at &= (np.abs(wanted) > 4 * float(info.tiny)) | (wanted == 0)
    np.testing.assert_allclose(g.numpy()[at], wanted[at], **near)
    np.testing.assert_allclose(g.numpy(), wanted, rtol=8 * float(info.eps), atol=4 * info.eps)


@pytest.mark.parametrize("dtype", [np.float32, np.float64], ids=["float32", "float64"])
def test_softmax_keeps_its_digits_where_it_is_small(dtype: Any) -> None:
    """Of 0 and x, softmax gives the logistic function of -x and x; its log is good to one unit."""
    x = numbers(dtype)
    rows = np.stack([np.zeros_like(x), x], 1)
    with localcontext(EXACT):
        exact = [Decimal(float(a)) for a in x]
        parts = [(logistic(-a), logistic(a)) for a in exact]
        value = np.array([[float(p) for p in row] for row in parts]).astype(dtype)
        top = [max(a, Decimal(0)) for a in exact]
        total = np.array(
            [float(m + (ONE + (-abs(a)).exp()).ln()) for m, a in zip(top, exact, strict=True)]
        ).astype(dtype)
    info = np.finfo(dtype)
    eps = 8 * float(info.eps)
    with np.errstate(over="ignore"):
        np.testing.assert_allclose(
            tg.softmax(tg.from_numpy(rows), 1).numpy(),
            value,
            rtol=eps,
            atol=4 * info.smallest_subnormal,
        )
        found = tg.logsumexp(tg.from_numpy(rows), 1).numpy()
        np.testing.assert_allclose(found, total, rtol=eps, atol=eps)
        logs = tg.log_softmax(tg.from_numpy(rows), 1).numpy()
        np.testing.assert_allclose(logs, rows - total[:, None], rtol=eps, atol=eps)
