"""check_op and check_vjp: right ones pass, and each check finds the fault that it is for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

import nn
import tinygrad_np as tg
from tinygrad_np.autograd import GradcheckError, NondifferentiableError
from tinygrad_np.core import Op, apply
from tinygrad_np.testing import CHECKS, check_op, check_vjp

if TYPE_CHECKING:
    from collections.abc import Callable

# ruff: noqa: ARG005 - a wrong rule ignores some of what it is given
X, Y = np.array([[0.5, -1.0, 2.0], [1.5, 0.25, -0.75]]), np.array([[1.0, 2.0, -0.5]] * 2)


class Product(Op):
    """a·b·b, right in all respects."""

    __slots__ = ()
    reads = ((1,), (0, 1))
    broadcasts = True

    def forward(self, a: Any, b: Any) -> Any:
        return a * b * b

    def vjp(self, g: Any, a: Any, b: Any, _: Any) -> Any:
        return (lambda: g * b * b, lambda: 2.0 * g * a * b)


def oracle(a: Any, b: Any) -> Any:
    return a * b**2


def check(op: type[Op], **options: Any) -> None:
    check_op(lambda a, b: apply(op(), a, b), [X, Y], oracle, broadcasts=True, **options)


def test_a_right_op_passes() -> None:
    check(Product)


class Offset(Product):
    def forward(self, a: Any, b: Any) -> Any:
        return a * b * b + 1e-8


class Upcasting(Product):
    def forward(self, a: Any, b: Any) -> Any:
        return a * b.astype(np.float64) * b


class Coarse(Product):
    def forward(self, a: Any, b: Any) -> Any:
        return a * b * b if a.dtype == np.float64 else (a * b * b).round(2)


class Mutating(Product):
    def forward(self, a: Any, b: Any) -> Any:
        if a.flags.writeable:
            a *= -1.0
            a *= -1.0
            a += 1e-9
        return a * b * b


class WritingUpstream(Product):
    def vjp(self, g: Any, a: Any, b: Any, _: Any) -> Any:
        if isinstance(g, np.ndarray):
            g *= 1.0 + 1e-9
        return super().vjp(g, a, b, _)


class OnTapeOnly(Product):
    def vjp(self, g: Any, a: Any, b: Any, _: Any) -> Any:
        scale = 1.001 if isinstance(g, np.ndarray) else 1.0
        return (lambda: scale * g * b * b, lambda: 2.0 * g * a * b)


class Modal(Product):
    def forward(self, a: Any, b: Any) -> Any:
        return a * b * b if tg.is_grad_enabled() else a * b * b * 1.5


class FlatOrder(Product):
    """Takes the order of memory for that of the numbers."""

    def forward(self, a: Any, b: Any) -> Any:
        return a.ravel(order="K").reshape(a.shape) * b * b if a.ndim == b.ndim else a * b * b


class Strides(Product):
    def forward(self, a: Any, b: Any) -> Any:
        return a * b * b * (2.0 if 0 in a.strides else 1.0)


class Selective(Product):
    """Is wrong where both operands have one shape, as a shared shortcut would be."""

    def forward(self, a: Any, b: Any) -> Any:
        return a * b * b if a.shape == b.shape else a * b * b * 1.5


class WrongGradient(Product):
    def vjp(self, g: Any, a: Any, b: Any, _: Any) -> Any:
        return (lambda: g * b * b * 1.0001, lambda: 2.0 * g * a * b)


class WrongSecond(Product):
    def vjp(self, g: Any, a: Any, b: Any, _: Any) -> Any:
        held = b.detach() if isinstance(b, tg.Tensor) else b
        return (lambda: g * b * held, lambda: 2.0 * g * a * b)


PLANTED: dict[str, tuple[type[Op], str]] = {
    "value": (Offset, "Greatest absolute difference: 1"),
    "dtype": (Upcasting, "a result is float64 for operands that are float32"),
    "mutation": (WritingUpstream, "its rule changes the upstream gradient in place"),
    "no_grad": (Modal, "Mismatched elements"),
    "both paths": (OnTapeOnly, "Mismatched elements"),
    "layouts": (FlatOrder, "Fortran memory: Tensor-likes are not close"),
    "expanded": (Strides, "expanded memory: Tensor-likes are not close"),
    "broadcasting": (Selective, "operand 0 without its first dimension: Tensor-likes"),
    "gradient": (WrongGradient, "derivative of .* by input 0 is wrong"),
    "second derivative": (WrongSecond, "second derivative of .* is wrong"),
}


@pytest.mark.parametrize("name", PLANTED)
def test_each_check_finds_its_fault(name: str) -> None:
    op, message = PLANTED[name]
    with pytest.raises(
        (AssertionError, GradcheckError), match=f"(?s)^<lambda>: {name}: .*{message}"
    ):
        check(op)
    check(op, skip=_every_check_that_sees(name))


def _every_check_that_sees(name: str) -> list[str]:
    also = {
        "gradient": ["second derivative"],
        "both paths": ["gradient", "second derivative"],
        "layouts": ["broadcasting"],
        "mutation": ["both paths"],
    }
    return [name, *also.get(name, ())]


def test_a_result_that_float32_spoils_is_found() -> None:
    with pytest.raises(AssertionError, match=r"^<lambda>: dtype: "):
        check(Coarse)


def test_an_operand_that_is_written_is_found() -> None:
    with pytest.raises((AssertionError, GradcheckError), match=r"^<lambda>: (value|mutation): "):
        check(Mutating)
    with pytest.raises((AssertionError, GradcheckError), match=r"^<lambda>: mutation: .* in place"):
        check(Mutating, rtol=1e-6, skip=["dtype"])


def test_aliased_gradients_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """The engine copies what a rule shares, so here it is kept from it."""
    monkeypatch.setattr("tinygrad_np.engine.own", lambda gradient, *_: gradient)

    class Passing(Product):
        reads = ()

        def forward(self, a: Any, b: Any) -> Any:
            return a + b

        def vjp(self, g: Any, *_: Any) -> Any:
            return (lambda: g, lambda: g)

    with pytest.raises(AssertionError, match="aliasing: the gradient by input 0 shares memory"):
        check_op(lambda a, b: apply(Passing(), a, b), [X, Y])


def test_a_gradient_that_depends_on_what_else_is_asked_for_is_found() -> None:
    class Choosy(Op):
        """Leaves a factor out where the other operand needs no gradient."""

        reads = ((1,), (0,))

        def forward(self, a: Any, b: Any) -> Any:
            return a * b

        def vjp(self, g: Any, a: Any, b: Any, _: Any) -> Any:
            single = isinstance(g, np.ndarray) and not isinstance(a, np.ndarray)
            return (lambda: g * b * (2.0 if single else 1.0), lambda: g * a)

    with pytest.raises(AssertionError, match=r"^<lambda>: each operand alone: "):
        check_op(lambda a, b: apply(Choosy(), a, b), [X, Y])


def test_gradients_that_do_not_accumulate_are_found() -> None:
    calls = iter(range(100))

    class Tiring(Product):
        def vjp(self, g: Any, a: Any, b: Any, _: Any) -> Any:
            factor = 1.0 if next(calls) < 5 else 1.5
            return (lambda: g * b * b * factor, lambda: 2.0 * g * a * b)

    others = [name for name in CHECKS if name not in {"accumulation", "value"}]
    check(Tiring, skip=others)
    with pytest.raises(AssertionError, match=r"^<lambda>: accumulation: "):
        check(Tiring, skip=others)


def test_a_kink_is_told() -> None:
    with pytest.raises(
        NondifferentiableError, match=r"^relu: gradient: gradcheck: relu has a kink"
    ):
        check_op(tg.relu, [np.array([0.0, 1.0])])


def test_modules_and_their_parameters() -> None:
    check_op(
        nn.Linear(3, 2),
        [tg.randn(4, 3)],
        oracle=lambda x, weight, bias: x @ weight.T + bias,
    )

    class Stiff(nn.Linear):
        def forward(self, input: tg.Tensor) -> tg.Tensor:
            return super().forward(input) * self.bias.detach()

    with pytest.raises(
        GradcheckError, match=r"(?s)^Stiff: gradient: .* by parameter 'bias' is"
    ) as e:
        check_op(Stiff(3, 2), [tg.randn(4, 3)])
    assert "class Stiff(nn.Linear)" in e.value.snippet


def test_integers_options_and_several_results() -> None:
    check_op(
        lambda x, at, dim: (x.take_along_dim(at, dim), x * 2.0, x > 0),
        [X, np.array([[0, 2, 0], [1, 1, 2]]), 1],
        oracle=lambda x, at, dim: (np.take_along_axis(x, at, dim), x * 2, x > 0),
    )
    for shape in ((), (0,), (2, 0), (1, 1)):
        check_op(tg.exp, [np.ones(shape)], oracle=np.exp)


def test_an_unknown_check_is_refused() -> None:
    with pytest.raises(ValueError, match=r"there is no check \['gradients'\]; there are \['value'"):
        check_op(tg.exp, [X], skip=["gradients"])


# --- gradients of plain functions ---


def swish(x: Any) -> Any:
    return x / (1 + np.exp(-x))


def swish_vjp(g: Any, x: Any) -> Any:
    s = 1 / (1 + np.exp(-x))
    return g * (s + x * s * (1 - s))


def test_a_right_gradient_by_hand_passes() -> None:
    check_vjp(swish, swish_vjp, [X])
    check_vjp(np.multiply, lambda g, a, b: (g * b, g * a), [X, Y], fast_mode=True)
    check_vjp(lambda x: x.T, lambda g, x: g.T, [X])
    check_vjp(np.sum, lambda g, x: np.broadcast_to(g, x.shape), [X])


def writing(g: Any, a: Any, b: Any) -> Any:
    g *= 2.0
    return g * b / 2.0, g * a / 2.0


@pytest.mark.parametrize(
    ("vjp", "message"),
    [
        (lambda g, a, b: (g * b, g * b), r"derivative of multiply by input 1 is wrong"),
        (lambda g, a, b: (g * b, -g * a), r"derivative of multiply by input 1 is wrong"),
        (lambda g, a, b: (b, g * a), "upstream gradient"),
        (lambda g, a, b: g * b, "gave 1 gradients for 2 arrays"),
        (lambda g, a, b: (g * b, (g * a).sum(0)), r"shape \(3,\) and dtype float64 for array 1"),
        (lambda g, a, b: (g * b, g * a * np.ones(3)), "dtype float64 for array 1 .* dtype float32"),
        (writing, "writing changed the upstream gradient in place"),
    ],
)
def test_a_wrong_gradient_by_hand_is_refused(vjp: Callable[..., Any], message: str) -> None:
    with pytest.raises(GradcheckError, match=message) as e:
        check_vjp(np.multiply, vjp, [X, Y])
    with pytest.raises(GradcheckError, match=message):
        exec(compile(e.value.snippet, "pasted", "exec"), {})
