"""The checker itself: right derivatives pass, and every kind of wrong one is refused."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from helpers import TIGHT, tensors

import nn
import tinygrad_np as tg
from tinygrad_np.autograd import (
    Function,
    GradcheckError,
    NondifferentiableError,
    gradcheck,
    gradgradcheck,
)
from tinygrad_np.core import Op, apply

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).parents[1]
A, B = np.array([[0.5, -1.0, 2.0], [1.5, 0.25, -0.75]]), np.array([2.0, -0.5, 1.25])


class Quotient(Op):
    """a / b², with a rule that a test chooses."""

    __slots__ = ("rule",)
    reads = ((0, 1), (0, 1))
    broadcasts = True

    def __init__(self, rule: Callable[..., Any]) -> None:
        self.rule = rule

    def forward(self, a: Any, b: Any) -> Any:
        return a / (b * b)

    def vjp(self, g: Any, a: Any, b: Any, _: Any) -> Any:
        return self.rule(g, a, b)


class Untouched(Quotient):
    """The same, without the engine's undoing of the broadcast."""

    __slots__ = ()
    broadcasts = False


class Scaled(Op):
    """2x, with a derivative that is wrong by a factor."""

    __slots__ = ("factor",)

    def __init__(self, factor: float) -> None:
        self.factor = factor

    def forward(self, x: Any) -> Any:
        return 2.0 * x

    def vjp(self, g: Any, *_: Any) -> Any:
        return (lambda: g * (2.0 * self.factor),)


def right(g: Any, a: Any, b: Any) -> Any:
    return (lambda: g / (b * b), lambda: -2.0 * g * a / (b * b * b))


# ruff: noqa: ARG005 - a rule takes all that its op has, and a wrong one ignores some of it
WRONG: dict[str, Callable[..., Any]] = {
    "times 1.01": lambda g, a, b: (
        lambda: g / (b * b) * 1.01,
        lambda: -2.0 * g * a / (b * b * b) * 1.01,
    ),
    "sign": lambda g, a, b: (lambda: g / (b * b), lambda: 2.0 * g * a / (b * b * b)),
    "dropped factor": lambda g, a, b: (lambda: g / (b * b), lambda: -2.0 * g / (b * b * b)),
    "dropped gradient": lambda g, a, b: (None, lambda: -2.0 * g * a / (b * b * b)),
    "a small term too many": lambda g, a, b: (
        lambda: g / (b * b) + g * 0.01,
        lambda: -2.0 * g * a / (b * b * b),
    ),
    "operands swapped": lambda g, a, b: (lambda: g / (a * a), lambda: -2.0 * g * b / (a * a * a)),
    "gradients swapped": lambda g, a, b: (lambda: -2.0 * g * a / (b * b * b), lambda: g / (b * b)),
    "zero": lambda g, a, b: (lambda: g * 0, lambda: g * 0),
    "not a number": lambda g, a, b: (lambda: g * float("nan"), lambda: g * float("nan")),
}

both_modes = pytest.mark.parametrize("fast_mode", [False, True])


@both_modes
def test_a_right_rule_passes(fast_mode: bool) -> None:
    operands = tensors([A, B])
    assert gradcheck(lambda a, b: apply(Quotient(right), a, b), operands, fast_mode=fast_mode)
    assert gradgradcheck(lambda a, b: apply(Quotient(right), a, b), operands, fast_mode=fast_mode)


@both_modes
@pytest.mark.parametrize("rule", WRONG.values(), ids=WRONG.keys())
def test_a_wrong_rule_is_refused(rule: Callable[..., Any], fast_mode: bool) -> None:
    def function(a: tg.Tensor, b: tg.Tensor) -> tg.Tensor:
        return apply(Quotient(rule), a, b)

    operands = tensors([A, B])
    with pytest.raises(GradcheckError, match="is wrong"):
        gradcheck(function, operands, fast_mode=fast_mode)
    assert not gradcheck(function, operands, fast_mode=fast_mode, raise_exception=False)


@both_modes
@pytest.mark.parametrize("factor", [1.001, 0.999])
def test_a_rule_a_little_wrong_is_refused(factor: float, fast_mode: bool) -> None:
    """The default tolerance is PyTorch's 1e-3; the op tests ask for more, and see this too."""
    (x,) = tensors([np.array([3.0, -2.0])])
    assert gradcheck(lambda x: apply(Scaled(factor), x), x, fast_mode=fast_mode)
    with pytest.raises(GradcheckError):
        gradcheck(lambda x: apply(Scaled(factor), x), x, fast_mode=fast_mode, **TIGHT)


def test_a_missing_reduction_of_the_broadcast_is_refused() -> None:
    operands = tensors([A, B])
    with pytest.raises(RuntimeError, match=r"gave a gradient of shape \(2, 3\) for an operand of"):
        gradcheck(lambda a, b: apply(Untouched(right), a, b), operands)


def test_a_wrong_second_derivative_passes_the_first_check_and_not_the_second() -> None:
    class Detaching(Quotient):
        def vjp(self, g: Any, a: Any, b: Any, _: Any) -> Any:
            frozen = b.detach() if isinstance(b, tg.Tensor) else b
            return right(g, a, frozen)

    operands = tensors([A, B])
    assert gradcheck(lambda a, b: apply(Detaching(right), a, b), operands)
    for fast_mode in (False, True):
        with pytest.raises(
            GradcheckError,
            match=r"(?s)second derivative of .* is wrong.*the gradient by input 0 .* by input 1",
        ):
            gradgradcheck(lambda a, b: apply(Detaching(right), a, b), operands, fast_mode=fast_mode)


def test_a_forgotten_declaration_fails_in_the_first_check() -> None:
    class Forgetful(Quotient):
        reads = ((1,), (1,))

    with pytest.raises(TypeError):  # it gets shape and dtype in place of the array
        gradcheck(lambda a, b: apply(Forgetful(right), a, b), tensors([A, B]))


# --- what differences alone do not show ---


@both_modes
def test_a_rule_that_leaves_the_upstream_gradient_out_is_refused(fast_mode: bool) -> None:
    def constant(g: Any, a: Any, b: Any) -> Any:
        return (lambda: g * 0 + 1 / (b * b), lambda: -2.0 * g * a / (b * b * b))

    with pytest.raises(GradcheckError, match="upstream gradient"):
        gradcheck(
            lambda a, b: apply(Quotient(constant), a, b), tensors([A, B]), fast_mode=fast_mode
        )


def test_a_rule_that_squares_the_upstream_gradient_is_refused() -> None:
    """With ones and zeros, as in the rows of a Jacobian, nobody would see it."""

    def squared(g: Any, a: Any, b: Any) -> Any:
        return (lambda: g * g / (b * b), lambda: -2.0 * g * a / (b * b * b))

    def function(a: tg.Tensor, b: tg.Tensor) -> tg.Tensor:
        return apply(Quotient(squared), a, b)

    with pytest.raises(GradcheckError, match="by input 0 is not linear in the upstream gradient"):
        gradcheck(function, tensors([A, B]))
    with pytest.raises(GradcheckError, match="by input 0 is wrong"):
        gradcheck(function, tensors([A, B]), fast_mode=True)


@both_modes
def test_a_rule_that_mixes_the_gradients_of_two_results_is_refused(fast_mode: bool) -> None:
    class Both(Function):
        @staticmethod
        def forward(ctx: Any, x: Any) -> Any:
            ctx.save_for_backward(x)
            return x.exp(), x.tanh()

        @staticmethod
        def backward(ctx: Any, g: Any, h: Any) -> Any:
            (x,) = ctx.saved_tensors
            return g * x.exp() + h * (1.0 - x.tanh() ** 2) + mixed * g * h

    mixed = 0.01
    with pytest.raises(GradcheckError, match="by input 0 is not linear in the upstream gradient"):
        gradcheck(Both.apply, tensors([A]), fast_mode=fast_mode)
    mixed = 0.0
    assert gradcheck(Both.apply, tensors([A]), fast_mode=fast_mode)


def test_zeros_upstream_are_asked_for_unless_told_otherwise() -> None:
    class Offset(Scaled):
        def vjp(self, g: Any, *_: Any) -> Any:
            return (lambda: g * 2.0 + 1e-7,)

    (x,) = tensors([B])
    assert gradcheck(lambda x: apply(Offset(1.0), x), x, check_undefined_grad=False, atol=1e-4)
    with pytest.raises(GradcheckError, match="zeros gives a gradient by input 0 that is not zero"):
        gradcheck(lambda x: apply(Offset(1.0), x), x, atol=1e-4)


def test_a_function_that_changes_its_argument_is_refused() -> None:
    def function(x: tg.Tensor, scale: tg.Tensor) -> tg.Tensor:
        return x * scale.mul_(2.0)

    x, scale = tensors([A])[0], tg.ones(3, dtype=tg.float64)
    for check in (gradcheck, gradgradcheck):
        with pytest.raises(
            GradcheckError,
            match=rf"^{check.__name__}: function changed its tensor argument 1 in place \(shape \(",
        ):
            check(function, [x, scale])
    np.testing.assert_array_equal(scale.numpy(), np.ones(3))


def test_a_function_that_changes_its_argument_in_float32_alone_is_refused() -> None:
    def function(x: tg.Tensor) -> tg.Tensor:
        y = x * x
        if x.dtype == tg.float32:
            x.array[...] *= 1.01
        return y

    assert gradcheck(function, tensors([A]))
    with pytest.raises(GradcheckError, match="function changed its tensor argument 0 in place"):
        gradcheck(function, tensors([A], np.float32))


def test_an_op_that_changes_its_operand_is_refused() -> None:
    class Greedy(Scaled):
        def forward(self, x: Any) -> Any:
            x *= 2.0
            return x.copy()

    with pytest.raises(GradcheckError, match="changed its tensor argument 0 in place"):
        gradcheck(lambda x: apply(Greedy(1.0), x), tensors([B]))


def test_a_function_that_differs_from_call_to_call_is_refused() -> None:
    (x,) = tensors([B])
    calls = iter(range(1000))
    with pytest.raises(GradcheckError, match=r"gives other numbers when it is run again, by up to"):
        gradcheck(lambda x: x * float(next(calls)), x)
    assert gradcheck(lambda x: x * (1.0 + 1e-9 * next(calls)), x, nondet_tol=1e-6)
    with pytest.raises(GradcheckError, match=r"put the module into eval\(\)"):
        gradcheck(nn.Dropout(0.5), tg.ones(10, requires_grad=True))


@pytest.mark.parametrize("size", [1, 2, 10])
def test_chance_is_never_called_a_wrong_derivative(size: int) -> None:
    """Few coins often fall the same way twice, and then are taken for a function."""
    (x,) = tensors([np.linspace(1.0, 2.0, size)])
    for seed in range(60):
        tg.manual_seed(seed)
        for check in (gradcheck, gradgradcheck):
            with pytest.raises(GradcheckError, match="gives other numbers when it is run again"):
                check(nn.Dropout(0.5), x, fast_mode=bool(seed % 2))


def test_a_wrong_dtype_is_refused() -> None:
    (x,) = tensors([B])
    with pytest.raises(GradcheckError, match="output is float32, though every input is float64"):
        gradcheck(lambda x: x.float() * 2.0, x)
    single = tg.tensor(B, dtype=tg.float32, requires_grad=True)
    assert gradcheck(lambda x: x.double() * 2.0, single)
    with pytest.raises(GradcheckError, match="output is float64, and the inputs are float32"):
        gradcheck(lambda x: x.double() * 2.0, single, check_grad_dtypes=True)


@pytest.mark.parametrize("dtype", [tg.float16, tg.float32])
def test_inputs_of_less_precision_are_checked_in_both(dtype: Any) -> None:
    x = tg.tensor([0.5, 3.0], dtype=dtype, requires_grad=True)
    for fast_mode in (False, True):
        assert gradcheck(lambda x: x.exp() * x, x, fast_mode=fast_mode)
        assert gradgradcheck(lambda x: x.exp() * x, x, fast_mode=fast_mode)


@both_modes
def test_a_rule_a_little_wrong_in_float32_alone_is_refused(fast_mode: bool) -> None:
    class Square(Scaled):
        reads = ((0,),)

        def forward(self, x: Any) -> Any:
            return x * x

        def vjp(self, g: Any, x: Any, _: Any) -> Any:
            return (lambda: 2.0 * g * x * (1.001 if x.dtype == np.float32 else 1.0),)

    def function(x: tg.Tensor) -> tg.Tensor:
        return apply(Square(1.0), x)

    assert gradcheck(function, tensors([A]), fast_mode=fast_mode)
    with pytest.raises(GradcheckError, match="in float32 the gradient by input 0 is not that in"):
        gradcheck(function, tensors([A], np.float32), fast_mode=fast_mode)


def chaotic(x: tg.Tensor) -> tg.Tensor:
    for _ in range(16):
        x = 3.7 * x * (1 - x)
    return x


@pytest.mark.parametrize(
    ("function", "at"),
    [(chaotic, [0.3, 0.45, 0.9]), (lambda x: x.logsumexp(0), [17.0, 0.3, -1.0])],
    ids=["chaotic", "saturated"],
)
def test_what_is_rounding_in_float32_is_not_called_wrong(function: Any, at: list[float]) -> None:
    x = tg.tensor(at, dtype=tg.float32, requires_grad=True)
    assert gradcheck(function, x)
    assert gradgradcheck(function, x)


def test_a_gradient_that_float32_rounds_away_is_refused() -> None:
    def cancelling(x: tg.Tensor) -> tg.Tensor:
        return (x * x + 1e8 - 1e8) * (x + 1e4 - 1e4)

    x = tg.tensor([0.5, 3.0], requires_grad=True)
    with pytest.raises(GradcheckError, match="in float32 the gradient by input 0 is not that in"):
        gradcheck(cancelling, x, atol=1e-2)


def test_arguments_may_share_memory_and_have_zero_strides() -> None:
    base = np.array([2.0, 3.0, 4.0])
    x = tg.from_numpy(base).requires_grad_()
    y = tg.from_numpy(base[::-1]).requires_grad_()
    z = tg.from_numpy(np.broadcast_to(base[0], (3,))).requires_grad_()
    for fast_mode in (False, True):
        assert gradcheck(lambda x, y, z: x * y * y / z, [x, y, z], fast_mode=fast_mode)
        assert gradcheck(lambda x, y: x * y * y, [x, x], fast_mode=fast_mode)
    assert gradcheck(lambda x: x, x)  # the output is the input itself


# --- steps and kinks ---


def test_steps_follow_the_size_of_the_operand() -> None:
    for size in (1e-9, 1e-3, 1e6, 1e12):
        (x,) = tensors([np.array([1.0, 2.5]) * size])
        for fast_mode in (False, True):
            assert gradcheck(tg.log, x, fast_mode=fast_mode)
            assert gradcheck(lambda x: x * x, x, fast_mode=fast_mode)
    for odd in ([1e-9, 1.0, 2.0], [1e-300, 1.0, -1e-300], [-1e9, 0.5, 2.0], [0.0, 0.0, 0.0]):
        (x,) = tensors([np.array(odd)])
        for fast_mode in (False, True):
            assert gradcheck(lambda x: (x * 1e-9).tanh() + x * 0.1, x, fast_mode=fast_mode)
    (x,) = tensors([np.array([1e-9, 1.0, 2.0])])
    assert gradcheck(tg.log, x)  # the first step leaves the domain


def test_a_large_constant_does_not_drown_the_difference() -> None:
    (x,) = tensors([B])
    assert gradcheck(lambda x: x * x + 1e8, x)


@both_modes
@pytest.mark.parametrize(
    ("function", "at", "message"),
    [
        (tg.relu, [2.0, 0.0], r"input 0\[1\] = 0: the slope of output\[1\] is 0 behind and 1"),
        (tg.abs, [0.0, 2.0], r"input 0\[0\] = 0: the slope of output\[0\] is -1 behind and 1"),
        (lambda x: x.amax(), [1.0, 3.0, 3.0], r"input 0\[2\] = 3: the slope of output is 0 behind"),
        (lambda x: tg.maximum(x, 1.0 - x), [0.5], r"input 0\[0\] = 0.5: .* is -1 behind and 1"),
        (lambda x: x.sqrt(), [0.0, 1.0], r"input 0\[0\] = 0: the slope of output\[0\]"),
        (lambda x: tg.where(x > 1, x, x - 1), [1.0], r"input 0\[0\] = 1: the slope of output\[0\]"),
        (
            lambda x: x.abs() ** 0.5,
            [0.0, 1.0],
            r"input 0\[0\] = 0: .* is -1000 behind and 1000 ahead",
        ),
        (
            lambda x: x.abs() ** (2 / 3),
            [0.0, 1.0],
            r"input 0\[0\] = 0: .* is -100 behind and 100 a",
        ),
    ],
    ids=["relu", "abs", "tie", "maximum", "edge of the domain", "jump", "cusp", "blunt cusp"],
)
def test_a_kink_is_called_a_kink(function: Any, at: Any, message: str, fast_mode: bool) -> None:
    (x,) = tensors([np.array(at)])
    with pytest.raises(NondifferentiableError, match=message):
        gradcheck(function, x, fast_mode=fast_mode)
    assert not gradcheck(function, x, fast_mode=fast_mode, raise_exception=False)


@both_modes
def test_a_wrong_derivative_is_seen_beside_a_kink(fast_mode: bool) -> None:
    (x,) = tensors([np.array([0.0, 2.0])])
    with pytest.raises(GradcheckError, match=r"(?s)is wrong.*∂ output\[1\] / ∂ input 0\[1\]") as e:
        gradcheck(lambda x: apply(Scaled(1.5), tg.relu(x)), x, fast_mode=fast_mode)
    assert not isinstance(e.value, NondifferentiableError)


@both_modes
def test_strong_curvature_is_no_kink(fast_mode: bool) -> None:
    (x,) = tensors([np.array([0.0, 1e-3, -2.0])])
    assert gradcheck(lambda x: x * x * 1e5, x, fast_mode=fast_mode)
    assert gradcheck(lambda x: (x * 50.0).tanh(), x, fast_mode=fast_mode)
    assert gradcheck(lambda x: x * tg.abs(x), x[1:], fast_mode=fast_mode)


@both_modes
def test_a_kink_a_little_away_is_none(fast_mode: bool) -> None:
    """Within the first step, and not within a smaller one."""
    for function, at in (
        (tg.relu, [1e-7, 2.0]),
        (tg.relu, [1e-9, 1.0, 3.0]),
        (tg.relu, [1.0, -1e-9]),
        (tg.abs, [1e-300, 1.0]),
        (lambda x: tg.maximum(x, 1.0 - x), [0.5 + 1e-7, 2.0]),
    ):
        assert gradcheck(function, tensors([np.array(at)]), fast_mode=fast_mode)


@both_modes
def test_a_step_over_a_pole_is_no_kink(fast_mode: bool) -> None:
    (x,) = tensors([np.array([1e-8, 1.0, 3.0])])
    assert gradcheck(lambda x: 1.0 / (x * x), x, fast_mode=fast_mode)
    assert gradgradcheck(tg.log, x, fast_mode=fast_mode)
    assert gradgradcheck(tg.sqrt, x, fast_mode=fast_mode)


@both_modes
def test_beside_a_kink_a_wrong_derivative_is_called_wrong(fast_mode: bool) -> None:
    """And the numbers shown are those of a step that does not reach the kink."""
    (x,) = tensors([np.array([1e-9, 1.0, 3.0])])
    with pytest.raises(GradcheckError, match=r"∂ output\[0\] / ∂ input 0\[0\] +3 +2 +1 .* 1e-15"):
        gradcheck(lambda x: apply(Scaled(1.5), tg.relu(x)), x, fast_mode=fast_mode)
    with pytest.raises(
        GradcheckError, match=r"∂ output\[0\] / ∂ input 0\[0\] +3000000000 +2000000"
    ):
        gradcheck(lambda x: apply(Scaled(1.5), tg.log(x)), x, fast_mode=fast_mode)


# --- what differences cannot tell ---


@both_modes
def test_rounding_is_not_called_a_wrong_derivative(fast_mode: bool) -> None:
    (x,) = tensors([A])
    message = r"(?s)^gradcheck: differences cannot tell whether the derivative of the function by"
    with pytest.raises(GradcheckError, match=message + ".*rounding moves them by .*value is 1e.12"):
        gradcheck(lambda x: x * x + 1e12, x)
    with pytest.raises(GradcheckError, match=message):
        gradcheck(lambda x: x * x + 1e12, x, fast_mode=fast_mode, **TIGHT)
    with pytest.raises(GradcheckError, match="is wrong"):  # by more than rounding
        gradcheck(lambda x: apply(Scaled(2.0), x) * 100.0 + 1e12, x, fast_mode=fast_mode)
    with (
        np.errstate(invalid="ignore"),
        pytest.raises(GradcheckError, match=r"(?s)differences cannot tell .* the value is nan"),
    ):
        gradcheck(tg.log, tensors([np.array([-1.0, 2.0])]))


@both_modes
def test_what_is_not_finite_is_left_out(fast_mode: bool) -> None:
    (x,) = tensors([np.array([[1.0, 0.5, np.nan], [1.0, np.inf, 3.0], [1.0, -2.0, 0.25]])])
    for function in (lambda x: x * 2.0, lambda x: x * x, lambda x: x.sum(0), lambda x: x.exp()):
        assert gradcheck(function, x, fast_mode=fast_mode)
        assert gradgradcheck(function, x, fast_mode=fast_mode)
    for masked in (-np.inf, np.nan):
        (scores,) = tensors([np.array([[1.0, masked, 2.0], [1.0, 2.0, 3.0]])])
        assert gradcheck(lambda x: x.softmax(-1), scores, fast_mode=fast_mode)
        assert gradgradcheck(lambda x: x.softmax(-1), scores, fast_mode=fast_mode)
        single = scores.detach().float().requires_grad_()
        assert gradcheck(lambda x: x.softmax(-1), single, fast_mode=fast_mode)
    with pytest.raises(GradcheckError, match=r"(?s)is wrong.*∂ output\[2, 1\] / ∂ input 0\[2, 1\]"):
        gradcheck(lambda x: apply(Scaled(1.5), x), x, fast_mode=fast_mode)
    with pytest.raises(GradcheckError, match=r"input 0 holds nan at \(0, 2\).*nothing is left to"):
        gradcheck(lambda x: x.sum(), x, fast_mode=fast_mode)


# --- results that require no grad ---


@both_modes
def test_a_constant_has_the_derivative_zero(fast_mode: bool) -> None:
    (x,) = tensors([np.array([1.5, 2.5])])
    single = tg.tensor([1.5, 2.5], requires_grad=True)
    for function in (
        lambda x: tg.zeros(3, dtype=tg.float64),
        lambda x: tg.zeros(3),
        lambda x: x.argmax(),
        lambda x: (x > 2.0, x.int()),
        lambda x: x.detach() - x.detach(),
    ):
        assert gradcheck(function, x, fast_mode=fast_mode)
        assert gradcheck(function, single, fast_mode=fast_mode)
        assert gradgradcheck(function, x, fast_mode=fast_mode)
    for check in (gradcheck, gradgradcheck):
        for factor in (3.0, 1e-9):
            with pytest.raises(
                GradcheckError,
                match=r"(?s)Numerical gradient for function expected to be zero.* output of "
                r"<lambda> requires no grad and yet moves with input 0.*∂ output\[1\]",
            ):
                check(lambda x, k=factor: x.detach() * k, x, fast_mode=fast_mode)
    with pytest.raises(NondifferentiableError, match=r"input 0\[0\] = 1: the slope of output\[0\]"):
        gradcheck(lambda x: x.int(), tensors([np.array([1.0, 2.5])]), fast_mode=fast_mode)


@both_modes
def test_a_gradient_that_is_detached_as_a_whole_is_refused(fast_mode: bool) -> None:
    """The other one can be differentiated again, so there is something to compare."""

    def detached(g: Any, a: Any, b: Any) -> Any:
        plain = [x.detach() if isinstance(x, tg.Tensor) else x for x in (g, a, b)]
        return (right(*plain)[0], right(g, a, b)[1])

    with pytest.raises(
        GradcheckError, match="the gradient by input 0 of <lambda> requires no grad and yet moves"
    ):
        gradgradcheck(
            lambda a, b: apply(Quotient(detached), a, b), tensors([A, B]), fast_mode=fast_mode
        )


@both_modes
def test_a_rule_that_is_wrong_for_tensors_alone_is_refused(fast_mode: bool) -> None:
    """Each derivative of a gradient agrees with its differences, a wrong gradient's too."""

    def rule(g: Any, a: Any, b: Any) -> Any:
        factor = 1.0 if isinstance(g, np.ndarray) else 1.1
        return (lambda: g / (b * b) * factor, lambda: -2.0 * g * a / (b * b * b))

    def function(a: tg.Tensor, b: tg.Tensor) -> tg.Tensor:
        return apply(Quotient(rule), a, b)

    assert gradcheck(function, tensors([A, B]), fast_mode=fast_mode)
    with pytest.raises(
        GradcheckError,
        match=r"gradgradcheck: the gradient of function by input 0 depends on how it is computed: "
        r"at \(0, 0\) it is .* in an ordinary backward pass, and .* with create_graph=True",
    ):
        gradgradcheck(function, tensors([A, B]), fast_mode=fast_mode)


# --- messages ---


def test_the_message_gives_places_values_errors_and_the_step() -> None:
    def function(x: tg.Tensor) -> list[tg.Tensor]:
        return [x * 1.0, x.detach() * x]  # the second hides half of its derivative

    with pytest.raises(
        GradcheckError,
        match=r"(?s)^gradcheck: the derivative of function by input 0 is wrong\n"
        r"  output 1 \(2,\) of Mul by input 0 \(2,\):\n"
        r"  2 of 8 entries disagree\n"
        r"\s+analytic +numeric +absolute +relative +step\n"
        r" +∂ output 1\[1\] / ∂ input 0\[1\] +3 +6 +3 +0\.5 +3e-06\n"
        r" +∂ output 1\[0\] / ∂ input 0\[0\] +2 +4 +2 +0\.5 +3e-06\n"
        r"  allowed: 1e-05 \+ 0\.001·\|numeric\|\n\nTo see it again, run:\n",
    ):
        gradcheck(function, tensors([np.array([2.0, 3.0])]))


def test_fast_mode_names_the_elements_too() -> None:
    (x,) = tensors([np.arange(1.0, 7.0).reshape(2, 3)])
    with pytest.raises(GradcheckError, match=r"∂ output\[1, 2\] / ∂ input 0\[1, 2\] +3 +2 "):
        gradcheck(lambda x: apply(Scaled(1.5), x), x, fast_mode=True)


@pytest.mark.parametrize("size", [4096, 20_000])
@pytest.mark.parametrize("seed", range(3))
def test_fast_mode_finds_one_wrong_entry_among_many(size: int, seed: int) -> None:
    """A projection has the tolerance of all entries together, which hides that of one."""

    def almost(x: tg.Tensor) -> tg.Tensor:
        wrong = np.where(np.arange(size) == 1234, 1.01, 1.0)

        class Square(Op):
            reads = ((0,),)

            def forward(self, x: Any) -> Any:
                return x * x

            def vjp(self, g: Any, x: Any, _: Any) -> Any:
                return (lambda: 2.0 * g * x * wrong,)

        return apply(Square(), x)

    (x,) = tensors([3.0 + np.random.default_rng(5).standard_normal(size)])
    assert gradcheck(lambda x: x * x, x, fast_mode=True, seed=seed)
    with pytest.raises(GradcheckError, match=r"(?s)at least 1 of .* / ∂ input 0\[1234\]"):
        gradcheck(almost, x, fast_mode=True, seed=seed)


def test_beyond_a_size_fast_mode_names_some_elements() -> None:
    x = tg.ones(5000, dtype=tg.float64, requires_grad=True)
    with pytest.raises(
        GradcheckError,
        match=r"(?s)of Scaled by .*at least \d+ of 5000 entries .*"
        r"∂ output in a random projection / ∂ input 0\[\d+\]",
    ):
        gradcheck(lambda x: apply(Scaled(1.5), x), x, fast_mode=True)


def test_the_message_shows_the_worst_and_counts_the_rest() -> None:
    (x,) = tensors([np.arange(1.0, 11.0)])
    with pytest.raises(GradcheckError, match="10 of 100 entries disagree, the worst 5") as e:
        gradcheck(lambda x: x * x.detach(), x)
    shown = [line for line in str(e.value).splitlines() if "∂" in line]
    assert [line.partition(" / ")[0].split("output")[1] for line in shown] == [
        f"[{i}]" for i in (9, 8, 7, 6, 5)
    ]


def test_several_outputs_and_arguments_without_gradient() -> None:
    x, y = tensors([A, B])
    index = tg.tensor([0, 2])
    for fast_mode in (False, True):
        assert gradcheck(
            lambda x, k, i, y: (x * k, {"a": (x * y)[:, i], "b": [y.sum()]}, i),
            [x, 3, index, y],
            fast_mode=fast_mode,
        )
    with pytest.raises(GradcheckError, match=r"∂ output 1\['a'\]\[0\] / ∂ input 0\[1\]"):
        gradcheck(lambda x: (x, {"a": x[1:] * x.detach()[1:]}), tensors([B[:2]]))


COARSE = {  # each cuts a part off the graph by bringing it to float32
    "a total": lambda x: x / tg.tensor(x.abs().sum().item()),
    "a large total": lambda x: x / tg.tensor(40 * x.abs().sum().item()),
    "all": lambda x: tg.tensor(float(x.sum().item())),
    "each": lambda x: x * tg.tensor(x.tolist()),
}


@both_modes
@pytest.mark.parametrize("scale", [1.0, 8.0, 1e-3])
@pytest.mark.parametrize("name", COARSE)
def test_what_stands_still_over_a_short_step_is_seen(
    name: str, scale: float, fast_mode: bool
) -> None:
    """Short steps do not move it, and so confirm a rule that leaves it out."""
    x = tg.tensor(np.array([[0.5, -1.2, 2.0], [0.3, 0.7, -0.4]]) * scale, requires_grad=True)
    with pytest.raises(GradcheckError, match=r"is wrong|expected to be zero, and it is not"):
        gradcheck(COARSE[name], x, fast_mode=fast_mode)


@pytest.mark.parametrize(("size", "count"), [(1000, 2), (5000, 1)])
def test_of_very_many_only_a_projection_tells_what_stands_still(size: int, count: int) -> None:
    """One of them moves the total too little; or there are too many to look at each."""
    x = tg.tensor(np.linspace(4, 8, size), requires_grad=True)

    def coarse(x: tg.Tensor) -> tg.Tensor:
        return x[:2] * 1e-3 + tg.tensor(x.sum().item() + 4e4)

    with pytest.raises(GradcheckError, match=f"{count} of {count} entr.* disagree") as e:
        gradcheck(coarse, x, fast_mode=True)
    assert "/ ∂ input 0 in a random projection" in str(e.value)


def test_empty_and_0d_inputs() -> None:
    for shape in [(), (0,), (2, 0)]:
        x = tg.zeros(*shape, dtype=tg.float64, requires_grad=True)
        for fast_mode in (False, True):
            assert gradcheck(lambda x: tg.exp(x) * 2, x, fast_mode=fast_mode)
            assert gradcheck(lambda x: tg.exp(x).sum(), x, fast_mode=fast_mode)
            assert gradgradcheck(lambda x: (tg.exp(x) * 2).sum(), x, fast_mode=fast_mode)


def test_inputs_are_left_as_they_were() -> None:
    (x,) = tensors([A])
    gradcheck(lambda x: x * x, x)
    gradgradcheck(lambda x: x * x, x)
    np.testing.assert_array_equal(x.detach().numpy(), A)
    assert x.grad is None


def test_grad_outputs_can_be_given() -> None:
    (x,) = tensors([B])
    assert gradgradcheck(lambda x: x * x, x, tg.tensor([1.0, -2.0, 0.5], dtype=tg.float64))
    assert gradgradcheck(lambda x: x * x, x, gen_non_contig_grad_outputs=True)


def test_misuse() -> None:
    (x,) = tensors([B])
    with pytest.raises(ValueError, match="no input requires grad"):
        gradcheck(lambda x: x, tg.ones(2))
    with pytest.raises(GradcheckError, match=r"^gradcheck: <lambda> gives no tensor"):
        gradcheck(lambda x: float(x.sum()), x)
    for option in (
        {"check_batched_grad": True},
        {"check_batched_forward_grad": True},
        {"check_forward_ad": True},
        {"masked": True},
    ):
        with pytest.raises(NotImplementedError, match=f"{next(iter(option))}=True needs"):
            gradcheck(tg.exp, x, **option)
    with pytest.raises(NotImplementedError, match="check_fwd_over_rev=True needs forward-mode"):
        gradgradcheck(tg.exp, x, check_fwd_over_rev=True)
    with pytest.raises(ValueError, match="check_backward_ad=False nothing would be checked"):
        gradcheck(tg.exp, x, check_backward_ad=False)
    with pytest.raises(ValueError, match="check_rev_over_rev=False nothing would be checked"):
        gradgradcheck(tg.exp, x, check_rev_over_rev=False)
    weight = tg.ones(3, 2)
    with pytest.raises(RuntimeError) as e:
        gradcheck(lambda x: x @ weight, x)
    assert "<lambda> was run in float64: " in e.value.__notes__[0]
    with pytest.raises(TypeError, match=r"gradcheck: inputs must be a Tensor, .* not a dict"):
        gradcheck(tg.exp, {"x": x})
    with pytest.raises(
        TypeError, match=r"gradgradcheck: grad_outputs must be a Tensor, .* not a f"
    ):
        gradgradcheck(tg.exp, x, 1.0)
    for check in (gradcheck, gradgradcheck):
        for eps in (0.0, -1e-6, float("nan"), float("inf")):
            with pytest.raises(ValueError, match=f"{check.__name__}: eps is a step relative to"):
                check(tg.exp, x, eps=eps)
        for option in ("atol", "rtol", "nondet_tol"):
            for value in (-1.0, float("nan"), float("inf")):
                with pytest.raises(ValueError, match=f"{option} must be a number of at least 0"):
                    check(tg.exp, x, **{option: value})


# --- modules ---


class Detaching(nn.Module):
    """A layer whose bias lacks half of its derivative."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = nn.Linear(3, 2)
        self.register_buffer("scale", tg.tensor([2.0, 3.0]))
        self.runs = 0

    def forward(self, x: tg.Tensor) -> tg.Tensor:
        self.runs += 1
        self.scale.mul_(1.0)
        return self.inner(x) * self.inner.bias.detach() * self.scale


@both_modes
def test_a_module_is_checked_by_its_parameters(fast_mode: bool) -> None:
    model = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 2))
    before = {name: x.numpy().copy() for name, x in model.state_dict().items()}
    assert gradcheck(model, tg.randn(2, 3), fast_mode=fast_mode)  # the input needs no gradient
    assert gradgradcheck(model, tg.randn(2, 3, requires_grad=True), fast_mode=fast_mode)
    for name, x in model.named_parameters():
        assert x.dtype == np.float32
        np.testing.assert_array_equal(x.detach().numpy(), before[name])
        assert x.grad is None


@both_modes
def test_a_wrong_module_is_named_by_the_path_of_its_parameter(fast_mode: bool) -> None:
    model = nn.Sequential(nn.Linear(3, 3), Detaching())
    with pytest.raises(
        GradcheckError,
        match=r"(?s)derivative of Sequential by parameter '1.inner.bias' is wrong.*"
        r"∂ output\[0, 1\] / ∂ parameter '1.inner.bias'\[1\]",
    ):
        gradcheck(model, tg.randn(1, 3, requires_grad=True), fast_mode=fast_mode)
    assert model[1].runs == 0  # a copy was checked


class Counting(nn.Module):
    """A layer whose result depends on how often it was run, unless somebody counts anew."""

    def __init__(self, way: str) -> None:
        super().__init__()
        self.way = way
        self.register_buffer("runs", None if way == "made" else tg.tensor([0.0]))

    def forward(self, x: tg.Tensor) -> tg.Tensor:
        if self.way == "written":
            self.runs.add_(1.0)
        elif self.way == "replaced":
            self.runs = self.runs + 1.0
        else:
            self.runs = tg.ones(1, dtype=x.dtype) if self.runs is None else self.runs + 1.0
        return x * x * self.runs


@both_modes
@pytest.mark.parametrize("way", ["written", "replaced", "made"])
def test_each_run_starts_from_the_same_buffers(way: str, fast_mode: bool) -> None:
    counting = Counting(way)
    model = nn.Sequential(nn.Tanh(), counting)
    assert gradcheck(model, tensors([A]), fast_mode=fast_mode)
    assert gradgradcheck(model, tensors([A]), fast_mode=fast_mode)
    assert counting.runs is None if way == "made" else counting.runs.item() == 0.0


def test_a_module_that_writes_its_parameter_is_refused() -> None:
    class Normalising(nn.Linear):
        def forward(self, x: tg.Tensor) -> tg.Tensor:
            with tg.no_grad():
                self.weight.div_(2.0)
            return super().forward(x)

    with pytest.raises(
        GradcheckError, match=r"changed its parameter 'weight' in place \(shape \(2,"
    ):
        gradcheck(Normalising(3, 2), tensors([A]))


def test_results_without_gradient_do_not_count() -> None:
    (x,) = tensors([B])
    assert gradcheck(lambda x: (x * 2.0, x > 0, x.detach() * 3.0), x)
