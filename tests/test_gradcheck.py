"""The checker itself: right derivatives pass, and every kind of wrong one is refused."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from helpers import TIGHT, tensors

import tinygrad_np as tg
from tinygrad_np.autograd import GradcheckError, gradcheck, gradgradcheck
from tinygrad_np.core import Op, apply

if TYPE_CHECKING:
    from collections.abc import Callable

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


def right(g: Any, a: Any, b: Any) -> Any:
    return (lambda: g / (b * b), lambda: -2.0 * g * a / (b * b * b))


# ruff: noqa: ARG005 - a rule takes all that its op has, and a wrong one ignores some of it
WRONG: dict[str, Callable[..., Any]] = {
    "times 2.001": lambda g, a, b: (
        lambda: g / (b * b) * 2.001,
        lambda: -2.0 * g * a / (b * b * b) * 2.001,
    ),
    "sign": lambda g, a, b: (lambda: g / (b * b), lambda: 2.0 * g * a / (b * b * b)),
    "dropped factor": lambda g, a, b: (lambda: g / (b * b), lambda: -2.0 * g / (b * b * b)),
    "dropped gradient": lambda g, a, b: (None, lambda: -2.0 * g * a / (b * b * b)),
    "ignores the upstream gradient": lambda g, a, b: (
        lambda: g * 0 + 1 / (b * b),
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

    class Scaled(Op):
        def forward(self, x: Any) -> Any:
            return 2.0 * x

        def vjp(self, g: Any, *_: Any) -> Any:
            return (lambda: g * (2.0 * factor),)

    (x,) = tensors([np.array([3.0, -2.0])])
    assert gradcheck(lambda x: apply(Scaled(), x), x, fast_mode=fast_mode)
    with pytest.raises(GradcheckError):
        gradcheck(lambda x: apply(Scaled(), x), x, fast_mode=fast_mode, **TIGHT)


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
        with pytest.raises(GradcheckError):
            gradgradcheck(lambda a, b: apply(Detaching(right), a, b), operands, fast_mode=fast_mode)


def test_a_forgotten_declaration_fails_in_the_first_check() -> None:
    class Forgetful(Quotient):
        reads = ((1,), (1,))

    with pytest.raises(TypeError):  # it gets shape and dtype in place of the array
        gradcheck(lambda a, b: apply(Forgetful(right), a, b), tensors([A, B]))


def test_the_message_gives_place_and_both_values() -> None:
    def function(x: tg.Tensor) -> list[tg.Tensor]:
        return [x * 1.0, x.detach() * x]  # the second hides half of its derivative

    with pytest.raises(
        GradcheckError,
        match=r"output 1 with respect to input 0 is wrong at element 1 of the output by element "
        r"\(1,\) of the input: analytic 3, numerical 6\.\d*; 2 of 4 entries disagree",
    ):
        gradcheck(function, tensors([np.array([2.0, 3.0])]))


@both_modes
def test_several_outputs_and_arguments_without_gradient(fast_mode: bool) -> None:
    x, y = tensors([A, B])
    index = tg.tensor([0, 2])
    assert gradcheck(
        lambda x, k, i, y: (x * k, (x * y)[:, i], y.sum(), i),
        [x, 3, index, y],
        fast_mode=fast_mode,
    )


def test_empty_and_0d_inputs() -> None:
    for shape in [(), (0,), (2, 0)]:
        x = tg.zeros(*shape, dtype=tg.float64, requires_grad=True)
        assert gradcheck(lambda x: tg.exp(x) * 2, x)
        assert gradcheck(lambda x: tg.exp(x).sum(), x)
        assert gradgradcheck(lambda x: (tg.exp(x) * 2).sum(), x)


def test_inputs_are_left_as_they_were() -> None:
    (x,) = tensors([A])
    gradcheck(lambda x: x * x, x)
    gradgradcheck(lambda x: x * x, x)
    np.testing.assert_array_equal(x.detach().numpy(), A)
    assert x.grad is None


def test_grad_outputs_can_be_given() -> None:
    (x,) = tensors([B])
    assert gradgradcheck(lambda x: x * x, x, tg.tensor([1.0, -2.0, 0.5], dtype=tg.float64))


def test_misuse() -> None:
    with pytest.raises(ValueError, match="no input requires grad"):
        gradcheck(lambda x: x, tg.ones(2))
    with pytest.raises(ValueError, match=r"input 0 is float32; differences need float64"):
        gradcheck(lambda x: x, tg.ones(2, requires_grad=True))
    with pytest.raises(GradcheckError, match="no output requires grad"):
        gradcheck(lambda x: x.detach(), tensors([B]))
