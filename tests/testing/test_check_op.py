"""check_op: right ones pass, and each check finds the fault that it is for."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import pytest

import nn
import tinygrad_np as tg
from tinygrad_np.autograd import GradcheckError, NondifferentiableError
from tinygrad_np.core import Op, apply
from tinygrad_np.testing import CHECKS, CheckOpError, check_op

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


class OrderOfUpstream(Product):
    """Takes the order of memory of the upstream gradient for that of its numbers."""

    def vjp(self, g: Any, a: Any, b: Any, _: Any) -> Any:
        if isinstance(g, np.ndarray):
            g = g.ravel(order="K").reshape(g.shape)
        return (lambda: g * b * b, lambda: 2.0 * g * a * b)


class Noisy(Product):
    """Rounds as the wind blows."""

    wind = np.random.default_rng(0)

    def forward(self, a: Any, b: Any) -> Any:
        return a * b * b * (1.0 + 1e-14 * self.wind.standard_normal())


class WrongGradient(Product):
    def vjp(self, g: Any, a: Any, b: Any, _: Any) -> Any:
        return (lambda: g * b * b * 1.0001, lambda: 2.0 * g * a * b)


class WrongSecond(Product):
    def vjp(self, g: Any, a: Any, b: Any, _: Any) -> Any:
        held = b.detach() if isinstance(b, tg.Tensor) else b
        return (lambda: g * b * held, lambda: 2.0 * g * a * b)


PLANTED: dict[str, tuple[type[Op], str]] = {
    "repeatable": (Noisy, "it gives other numbers when it is run again, by up to"),
    "value": (Offset, "Greatest absolute difference: 1"),
    "dtype": (Upcasting, "a result is float64 for operands that are float32"),
    "mutation": (WritingUpstream, "its rule changes the upstream gradient in place"),
    "no_grad": (Modal, "Mismatched elements"),
    "both paths": (OnTapeOnly, "Mismatched elements"),
    "layouts": (FlatOrder, "Fortran memory: Tensor-likes are not close"),
    "expanded": (Strides, "expanded memory: Tensor-likes are not close"),
    "upstream layouts": (OrderOfUpstream, "in Fortran memory: the gradient by input 0: Tensor"),
    "broadcasting": (Selective, "operand 0 of size 1 in dimension 0: Tensor-likes"),
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
        "repeatable": [name for name in CHECKS if name not in {"value", "dtype"}],
        "gradient": ["second derivative"],
        "both paths": ["gradient", "second derivative"],
        "layouts": ["visible layouts", "broadcasting"],
        "mutation": ["both paths", "upstream layouts"],
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


@pytest.mark.parametrize(
    ("writes", "check"),
    [
        (lambda x: x.dtype == np.float32, "dtype"),
        (lambda _: not tg.is_grad_enabled(), "no_grad"),
    ],
)
def test_an_operand_that_is_written_in_one_mode_alone_is_found(writes: Any, check: str) -> None:
    def function(x: tg.Tensor) -> tg.Tensor:
        y = x * x
        if writes(x):
            x.array[...] *= 1.01
        return y

    with pytest.raises(GradcheckError, match=f"^function: {check}: function changed its tensor"):
        check_op(function, [X])


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


def test_a_gradient_that_the_next_pass_overwrites_is_found() -> None:
    """A rule that fills one array again and again."""
    kept: dict[Any, Any] = {}

    class Thrifty(Product):
        def vjp(self, g: Any, a: Any, b: Any, _: Any) -> Any:
            def first() -> Any:
                if isinstance(b, tg.Tensor):
                    return g * b * b
                place = kept.setdefault((b.shape, b.dtype), np.empty_like(b))
                return np.multiply(g, b * b, out=place)

            return (first, lambda: 2.0 * g * a * b)

    message = "aliasing: the gradient by input 0 shares memory with .* of another pass"
    with pytest.raises(AssertionError, match=message):
        check(Thrifty)


@pytest.mark.parametrize("tells", [tg.Tensor.is_contiguous, lambda x: x.stride() == (3, 1)])
def test_a_function_that_asks_how_its_operand_lies_is_found(tells: Any) -> None:
    with pytest.raises(
        CheckOpError, match=r"^<lambda>: visible layouts: a tensor that shows its F"
    ):
        check_op(lambda x: x * (2.0 if tells(x) else 3.0), [X])
    check_op(
        lambda x: x.view(-1) * 2.0, [X], lambda x: 2 * x.reshape(-1)
    )  # which says what it asks


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

    class Scaled(nn.Linear):
        def forward(self, input: tg.Tensor, scale: float = 1.0) -> tg.Tensor:
            return super().forward(input) * scale

    check_op(
        partial(Scaled(3, 2), scale=3.0),
        [tg.randn(4, 3)],
        oracle=lambda x, weight, bias: 3 * (x @ weight.T + bias),
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
    check_op(lambda x, at: x[at], [X, (tg.tensor([0, 1]), tg.tensor([2, 2]))])
    for shape in ((), (0,), (2, 0), (1, 1)):
        check_op(tg.exp, [np.ones(shape)], oracle=np.exp)


def test_an_unknown_check_is_refused() -> None:
    with pytest.raises(
        ValueError, match=r"there is no check \['gradients'\]; there are \['repeatable'"
    ):
        check_op(tg.exp, [X], skip=["gradients"])
    with pytest.raises(TypeError, match=r"skip is a collection of names; give \['gradient'\]"):
        check_op(tg.exp, [X], skip="gradient")


def test_a_failure_can_be_seen_again() -> None:
    with pytest.raises(CheckOpError, match=r"(?s)To see it again, run:.*check_op") as e:
        check_op(lambda x: x * 2.0, [X], lambda x: x * 3, seed=3)
    assert "seed=3" in e.value.snippet
    assert "'value'" not in e.value.snippet
    with pytest.raises(CheckOpError, match="value: Tensor-likes are not close"):
        exec(compile(e.value.snippet, "pasted", "exec"), {})


def test_the_check_that_another_error_came_from_is_noted() -> None:
    class Narrow(Product):
        def forward(self, a: Any, b: Any) -> Any:
            if a.dtype == np.float32:
                raise OSError("float64 only")
            return a * b * b

    with pytest.raises(OSError, match="float64 only") as e:
        check(Narrow)
    assert e.value.__notes__ == ["check_op was at: <lambda>: dtype"]


@pytest.mark.parametrize(
    ("operands", "kind", "message"),
    [
        ([tg.tensor([1, 2])], ValueError, "no operand of <lambda> is a floating tensor or array"),
        ([1.0], ValueError, "no operand of <lambda> is a floating tensor or array"),
        ([[tg.ones(2), tg.ones(3)]], TypeError, "operand 0 is a list of tensors, which would not"),
    ],
)
def test_operands_that_nothing_can_be_asked_of(
    operands: list[Any], kind: type[Exception], message: str
) -> None:
    with pytest.raises(kind, match=message):
        check_op(lambda x: x * 2, operands)


def test_a_single_operand_needs_no_list() -> None:
    check_op(tg.exp, X, np.exp)
    check_op(tg.exp, tg.tensor([1.0, 2.0]), np.exp)


def test_oracles_of_other_forms() -> None:
    check_op(lambda x: (x * 2.0, x + 1.0), [X], lambda x: [2 * x, x + 1])
    check_op(lambda x: {"a": x * 2.0, "b": [x + 1.0]}, [X], lambda x: {"a": 2 * x, "b": [x + 1]})
    check_op(lambda x: x * 2.0, [np.ones(2)], lambda x: (2 * x).tolist())
    check_op(nn.Sequential(nn.Linear(3, 2)), X, lambda x, **p: x @ p["0.weight"].T + p["0.bias"])
    with pytest.raises(CheckOpError, match="the oracle gives 1 results, and <lambda> 2; give a tu"):
        check_op(lambda x: (x * 2.0, x + 1.0), [X], lambda x: 2 * x)
    with pytest.raises(CheckOpError, match="oracle gives float32 for output, though its operands"):
        check_op(lambda x: x * 2.0, [X], lambda x: (2 * x).astype(np.float32))
