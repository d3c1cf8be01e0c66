"""Derivatives compared with differences while a backward pass uses them."""

from __future__ import annotations

import re
import threading
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from helpers import tensors, weights
from op_cases import CASES, Case

import nn
import tinygrad_np as tg
from tinygrad_np import autograd
from tinygrad_np.core import Op, apply
from tinygrad_np.recorder import PLAIN, thread

if TYPE_CHECKING:
    from collections.abc import Callable

RNG = np.random.default_rng(0)


class Scaled(Op):
    """y = 3x, with a derivative that may be wrong."""

    __slots__ = ("slope",)

    def __init__(self, slope: float) -> None:
        self.slope = slope

    def forward(self, x: Any) -> Any:
        return 3 * x

    def vjp(self, g: Any, *_: Any) -> Any:
        return (lambda: self.slope * g,)


def differentiate(output: Any, **how: Any) -> None:
    output.backward(weights(output.shape, output.dtype), **how)


def leaf(*numbers: float, dtype: Any = np.float32) -> tg.Tensor:
    return tg.tensor(numbers, dtype=dtype, requires_grad=True)


def found(run: Callable[[], Any], **options: Any) -> str:
    with pytest.raises(autograd.GradcheckError) as caught, autograd.check_gradients(**options):
        run()
    assert thread.recorder is PLAIN
    assert thread.watchers == ()
    return str(caught.value)


def skipped(run: Callable[[], Any], **options: Any) -> list[str]:
    """Reasons why derivatives were let through."""
    with autograd.check_gradients(**options) as checked:
        run()
    return checked.skipped


# --- right derivatives pass ---


# Derivatives of rounded quotients are not checked live: a step of a large one leaps over integers.
LEAPING = ("div[floor]", "div[trunc]", "remainder", "fmod")


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_every_op_passes(case: Case, dtype: Any) -> None:
    for create_graph in (False, True):
        with autograd.check_gradients() as checked:
            differentiate(case.call(tg, *tensors(case.draw(), dtype)), create_graph=create_graph)
        assert checked.checked or case.name.startswith(LEAPING)
        assert not checked.skipped


@pytest.mark.parametrize(
    "change",
    [
        lambda a: a * 0,
        np.round,
        lambda a: a * 1e-30,
        lambda a: a * 1e15,
        lambda a: np.where(RNG.random(a.shape) < 0.5, 0, a),
        lambda a: np.where(RNG.random(a.shape) < 0.5, -1e9, a),
        lambda a: np.where(RNG.random(a.shape) < 0.3, -np.inf, a),
        lambda a: np.where(RNG.random(a.shape) < 0.3, np.nan, a),
        lambda a: a * 10.0 ** RNG.integers(-8, 8, a.shape),
        lambda a: 1 + a * 1e-6,
        lambda a: a * 30,  # where softmax is 0 or 1, and 1 - p is all rounding
    ],
    ids=[
        "zeros", "whole", "tiny", "huge", "half zeros", "masks", "inf", "nan", "spread", "close",
        "saturated",
    ],
)  # fmt: skip
@pytest.mark.parametrize("create_graph", [False, True])
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.slow
def test_no_op_is_blamed_at_kinks_ties_and_ends_of_its_domain(
    change: Any, create_graph: bool
) -> None:
    count = 0
    for case in CASES:
        arrays = [change(a) if a.dtype.kind == "f" else a for a in case.draw()]
        with autograd.check_gradients() as checked:
            differentiate(case.call(tg, *tensors(arrays)), create_graph=create_graph)
        count += checked.checked
    assert count > len(CASES) // 2


def test_a_network_passes_and_its_gradients_are_those_without_checking() -> None:
    def gradients() -> Any:
        tg.manual_seed(0)
        model = nn.Sequential(
            nn.Conv2d(1, 3, 3, padding=1), nn.ReLU(inplace=True), nn.MaxPool2d(2), nn.Flatten(),
            nn.Dropout(), nn.Linear(27, 4),
        )  # fmt: skip
        images = tg.randn(2, 1, 6, 6).relu()  # with zeros, as pictures have
        nn.CrossEntropyLoss()(model(images), tg.tensor([1, 3])).backward()
        return [p.grad.tolist() for p in model.parameters()], tg.rand(1).item()

    plain = gradients()
    with autograd.check_gradients() as checked:
        assert gradients() == plain
    assert checked.checked == 10
    assert not checked.skipped


def test_second_derivatives_are_checked_where_they_are_used() -> None:
    x = leaf(0.5, 2.0)
    with autograd.check_gradients() as checked:
        (slope,) = autograd.grad((x**3).sum(), x, create_graph=True)
        first = checked.checked
        slope.sum().backward()
    assert first == 2
    assert checked.checked > 4
    np.testing.assert_allclose(x.grad.numpy(), [3, 12], rtol=1e-6)


def test_integer_operands_and_numbers_have_none() -> None:
    x = leaf(1.0, 2.0, 3.0)
    with autograd.check_gradients() as checked:
        differentiate(x[tg.tensor([0, 0, 2])] * 2)
    assert repr(checked) == "2 derivatives checked, none skipped"


def test_operands_that_were_overwritten_since_are_as_they_were() -> None:
    x = leaf(1.0, 2.0)
    with autograd.check_gradients() as checked:
        h = x * 1
        y = h * 2
        h.mul_(100)
        differentiate(y)
    assert checked.checked == 2


# --- wrong ones are found ---


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("slope", [-3.0, 0.0, 3 * 1.001, 3 * 1.0001, 1e9])
def test_a_wrong_factor_is_found(slope: float, dtype: Any) -> None:
    x = leaf(1.0, -2.0, 0.0, dtype=dtype)
    said = found(lambda: differentiate(apply(Scaled(slope), x)))
    assert said.startswith("the derivative of Scaled with respect to operand 0 (x) is wrong: ")
    numbers = re.search(r"analytic (\S+), numeric (\S+), relative error (\S+) ", said)
    assert numbers is not None
    analytic, numeric, relative = map(float, numbers.groups())
    assert analytic == pytest.approx(numeric * slope / 3, rel=1e-6)
    assert relative == pytest.approx(abs(slope - 3) / max(abs(slope), 3), rel=0.1)
    assert x.grad is None


def test_the_right_one_is_not() -> None:
    with autograd.check_gradients() as checked:
        differentiate(apply(Scaled(3.0), leaf(1.0, -2.0, 0.0)))
    assert checked.checked == 1


def test_rtol_is_what_is_let_through() -> None:
    with autograd.check_gradients(rtol=1e-2):
        differentiate(apply(Scaled(3 * 1.001), leaf(1.0, -2.0)))


def test_the_message_gives_line_and_module() -> None:
    class Layer(nn.Module):
        def forward(self, x: Any) -> Any:
            return apply(Scaled(2.0), x)  # the line

    model = nn.Sequential(nn.Linear(2, 2), Layer())
    said = found(lambda: model(tg.ones(1, 2)).sum().backward())
    assert "(uᵀ·J·v for random u and v, in float64, relative step " in said
    assert "op: Scaled, result of shape (1, 2), float32" in said
    assert re.search(
        r"line: .*gradients\.py:\d+ in forward: return apply\(Scaled\(2.0\), x\)", said
    )
    assert "module: 1 (Layer)" in said


def test_the_first_op_in_the_order_of_the_pass_is_named() -> None:
    said = found(lambda: apply(Scaled(2.0), apply(Scaled(1.0), leaf(1.0))).backward())
    assert re.search("analytic .*, relative error 0.33 ", said)


def test_one_wrong_element_of_many_is_found() -> None:
    class Holed(Op):
        __slots__ = ()
        reads = ((0,),)

        def forward(self, x: Any) -> Any:
            return x * x

        def vjp(self, g: Any, x: Any, _: Any) -> Any:
            hole = np.ones(x.shape)
            hole[17] = 0
            return (lambda: 2 * g * x * hole,)

    x = tg.from_numpy(RNG.uniform(1, 2, 1000)).requires_grad_()
    assert "derivative of Holed" in found(lambda: differentiate(apply(Holed(), x)))


def test_only_the_operand_that_is_wrong_is_named() -> None:
    class Product(Op):
        __slots__ = ()
        reads = ((1,), (0,))

        def forward(self, left: Any, right: Any) -> Any:
            return left * right

        def vjp(self, g: Any, left: Any, right: Any, _: Any) -> Any:
            return lambda: g * right, lambda: -g * left

    said = found(lambda: apply(Product(), leaf(2.0), leaf(3.0)).sum().backward())
    assert "with respect to operand 1 (right) is wrong" in said
    with autograd.check_gradients() as checked:
        apply(Product(), leaf(2.0), tg.tensor([3.0])).backward()
    assert checked.checked == 1


def test_a_wrong_second_derivative_is_found() -> None:
    class Slope(Op):
        __slots__ = ()
        reads = ((0,), (0,))

        def forward(self, x: Any, g: Any) -> Any:
            return 3 * x**2 * g

        def vjp(self, h: Any, x: Any, _: Any, __: Any) -> Any:
            return (lambda: 6 * x * h), (lambda: 3 * x * x * h)  # the first lacks a factor g

    class Cube(Op):
        __slots__ = ()
        reads = ((0,),)

        def forward(self, x: Any) -> Any:
            return x**3

        def vjp(self, g: Any, x: Any, _: Any) -> Any:
            return (lambda: apply(Slope(), x, g),)

    x = leaf(0.5, 2.0)

    def run() -> None:
        (slope,) = autograd.grad(apply(Cube(), x), x, weights((2,), x.dtype), create_graph=True)
        slope.sum().backward()

    said = found(run)
    assert "derivative of Slope with respect to operand 0 (x)" in said
    assert "inside: the derivative of Cube, recorded there" in said


class Cubed(autograd.Function):
    """x³, with a right gradient that may not be differentiable as it should be."""

    slope: Callable[[Any, Any], Any]

    @staticmethod
    def forward(ctx: Any, x: Any) -> Any:
        ctx.save_for_backward(x)
        return x * x * x

    @staticmethod
    def backward(ctx: Any, g: Any) -> Any:
        return Cubed.slope(g, *ctx.saved_tensors)


@pytest.mark.parametrize(
    ("slope", "by"),
    [
        (lambda g, x: 3 * g * x.detach() * x, "operand 0"),
        (lambda g, x: 3 * g * (x * x).detach(), "operand 0"),
        (lambda g, x: 3 * g.detach() * x * x, "the upstream gradient"),
    ],
)
def test_a_rule_that_detaches_is_found(
    slope: Any, by: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Cubed, "slope", slope, raising=False)
    x = leaf(0.5, 2.0)
    said = found(lambda: differentiate(Cubed.apply(x), create_graph=True))
    assert said.startswith(f"the second derivative of Cubed with respect to {by} is wrong: ")
    assert "(is something detached in its rule?), numeric " in said
    with autograd.check_gradients() as checked:  # nobody asks for more than the gradient here
        differentiate(Cubed.apply(x))
    assert checked.checked == 1


def test_a_rule_that_detaches_nothing_or_says_so_passes(monkeypatch: pytest.MonkeyPatch) -> None:
    def slope(g: Any, x: Any) -> Any:
        return 3 * g * x * x

    monkeypatch.setattr(Cubed, "slope", slope, raising=False)
    assert not skipped(lambda: differentiate(Cubed.apply(leaf(0.5, 2.0)), create_graph=True))
    monkeypatch.setattr(
        Cubed, "backward", staticmethod(autograd.function.once_differentiable(Cubed.backward))
    )
    said = skipped(lambda: differentiate(Cubed.apply(leaf(0.5, 2.0)), create_graph=True))
    assert len(said) == 2
    assert said[0].startswith("Cubed: its gradient, by operand 0: cannot be run again")


class Product(Op):
    """a·b, whose rule by `a` may depend on what it should not."""

    __slots__ = ("factor",)
    reads = ((1,), (0,))
    broadcasts = True

    def __init__(self, factor: Callable[[Any], float] = lambda _: 1.0) -> None:
        self.factor = factor

    def forward(self, a: Any, b: Any) -> Any:
        return a * b

    def vjp(self, g: Any, a: Any, b: Any, _: Any) -> Any:
        return lambda: g * b * self.factor(g), lambda: g * a


LEFT, RIGHT = RNG.standard_normal((3, 4)), RNG.standard_normal((3, 4))


def product(factor: Callable[[Any], float], dtype: Any = np.float64, scale: float = 1.0) -> Any:
    a, b = tensors([LEFT * scale, RIGHT * scale], dtype)
    return apply(Product(factor), a, b)


def test_a_rule_that_is_wrong_on_tensors_alone_is_found() -> None:
    """Which is the rule that create_graph=True uses."""

    def factor(g: Any) -> float:
        return 1.0 if isinstance(g, np.ndarray) else 1.1

    with autograd.check_gradients() as checked:
        differentiate(product(factor))
    assert checked.checked == 2
    said = found(lambda: differentiate(product(factor), create_graph=True))
    assert re.search(
        r"derivative of Product with respect to operand 0 \(a\) is wrong: 12 of 12 elements, the "
        r"worst (\S+) at \(\d, \d\), in the pass, on tensors in float64; the same rule gives (\S+) "
        r"on arrays in float64",
        said,
    )
    with autograd.check_gradients() as checked:
        differentiate(product(lambda _: 1.0), create_graph=True)
    assert checked.checked == 2


@pytest.mark.parametrize("dtype", [np.float32, np.float16])
def test_a_rule_that_is_wrong_in_its_own_precision_alone_is_found(dtype: Any) -> None:
    def factor(g: Any) -> float:
        return 1.0 if g.dtype == np.float64 else 1.25

    said = found(lambda: differentiate(product(factor, dtype)))
    assert f"in the pass, on arrays in {np.dtype(dtype)}; the same rule gives" in said
    assert f"result of shape (3, 4), {np.dtype(dtype)}" in said


def test_a_rule_that_is_wrong_for_one_order_of_memory_alone_is_found() -> None:
    class Square(Op):
        __slots__ = ()
        reads = ((0,),)

        def forward(self, x: Any) -> Any:
            return x * x

        def vjp(self, g: Any, x: Any, _: Any) -> Any:
            return (lambda: 2.0 * g * x * (1.0 if x.flags.c_contiguous else 1.1),)

    (x,) = tensors([LEFT])
    said = found(lambda: differentiate(apply(Square(), x.t())))
    assert "derivative of Square with respect to operand 0 (x) is wrong: analytic" in said


def test_a_gradient_that_its_precision_cannot_hold_is_not_called_wrong() -> None:
    with autograd.check_gradients() as checked, np.errstate(all="ignore"):
        (1 / (1 / leaf(1e-20))).backward()
        (leaf(1e-25, 1e25) ** 2).sum().backward()
    assert checked.checked == 4
    assert not checked.skipped


def test_a_rule_that_is_wrong_for_the_gradient_of_the_pass_alone_is_found() -> None:
    def factor(g: Any) -> float:
        array = g if isinstance(g, np.ndarray) else g.numpy()
        return 1.5 if np.ptp(array) == 0 else 1.0

    with autograd.check_gradients() as checked:
        differentiate(product(factor))
    assert checked.checked == 2
    said = found(lambda: product(factor).sum().backward())
    assert "uᵀ·J·v for random v, and the gradient u that arrived, in float64" in said


@pytest.mark.parametrize("scale", [1e-12, 1e-8, 1e-4, 1e4, 1e8, 1e12])
@pytest.mark.parametrize("factor", [5.0, 1.01])
def test_no_size_of_the_operands_hides_an_error(scale: float, factor: float) -> None:
    wrong = "derivative of Product with respect to operand 0"
    assert wrong in found(lambda: differentiate(product(lambda _: factor, scale=scale)))
    with autograd.check_gradients() as checked:
        differentiate(product(lambda _: 1.0, scale=scale))
    assert checked.checked == 2


def test_small_elements_beside_large_ones_are_seen() -> None:
    class Holed(Product):
        __slots__ = ()
        reads = ((0, 1), (0,))

        def vjp(self, g: Any, a: Any, b: Any, _: Any) -> Any:
            factors = np.where(np.abs(a) < 1e-3, 1.1, 1.0)
            return lambda: g * b * factors, lambda: g * a

    a = tg.tensor([1e8, 1e-6, 3.0], dtype=tg.float64, requires_grad=True)
    b = tg.tensor([1e8, 1.0, 2.0], dtype=tg.float64)
    assert "derivative of Holed" in found(lambda: differentiate(apply(Holed(), a, b)))


def test_one_element_of_ten_thousand_is_seen() -> None:
    class Holed(Product):
        __slots__ = ("at",)

        def vjp(self, g: Any, a: Any, b: Any, _: Any) -> Any:
            factors = np.ones(a.shape)
            factors[self.at] = 1.01
            return lambda: g * b * factors, lambda: g * a

    for at in ((0, 0), (17, 3), (99, 99)):
        op = Holed()
        op.at = at
        a, b = tensors([RNG.standard_normal((100, 100)), RNG.standard_normal((100, 100))])
        said = found(lambda op=op, a=a, b=b: differentiate(apply(op, a, b)))
        assert "derivative of Holed" in said


def test_a_rule_that_answers_none_where_the_result_depends_is_found() -> None:
    class Silent(Op):
        __slots__ = ()

        def forward(self, x: Any, y: Any, step: Any) -> Any:
            return x + y + np.sign(step)

        def vjp(self, g: Any, *_: Any) -> Any:
            return (lambda: g), None, None

    said = found(lambda: apply(Silent(), leaf(1.0), leaf(1.0), leaf(1.0)).backward())
    assert "operand 1 (y) is wrong: analytic 0 (its rule gives none), numeric " in said
    assert not skipped(
        lambda: apply(Silent(), leaf(1.0), tg.tensor([1.0]), leaf(1.0)).backward()
    )  # and there is none by the sign of a number


# --- Functions and checkpoints ---


class Powers(autograd.Function):
    """x², and a·x³, whose derivative by `a` may be wrong."""

    wrong = 1.0

    @staticmethod
    def forward(ctx: Any, x: Any, a: Any, label: str) -> Any:
        ctx.save_for_backward(x, a)
        ctx.label = label
        return x * x, x * x * x * a

    @staticmethod
    def backward(ctx: Any, two: Any, three: Any) -> Any:
        x, a = ctx.saved_tensors
        return two * 2 * x + three * a * 3 * x * x, three * x * x * x * Powers.wrong, None


def test_a_right_function_passes_at_both_orders() -> None:
    x, a = leaf(0.5, 2.0), leaf(3.0, 4.0)
    with autograd.check_gradients() as checked:
        square, cube = Powers.apply(x, a, "name")
        slopes = autograd.grad((square * cube).sum(), [x, a], create_graph=True)
        first = checked.checked
        sum(slope.sum() for slope in slopes).backward()
    assert first == 5
    assert checked.checked > 15
    assert not checked.skipped


def test_a_wrong_function_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Powers, "wrong", 1.01)
    x, a = leaf(0.5, 2.0), leaf(3.0, 4.0)
    said = found(lambda: Powers.apply(x, a, "name")[1].sum().backward())
    assert said.startswith("the derivative of Powers with respect to operand 1 is wrong: ")
    assert 'in <lambda>: said = found(lambda: Powers.apply(x, a, "name")[1]' in said


def test_a_function_can_be_exempted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Powers, "wrong", 1.01)
    monkeypatch.setattr(Powers, "checkable", False, raising=False)
    x, a = leaf(0.5, 2.0), leaf(3.0, 4.0)
    assert not skipped(lambda: Powers.apply(x, a, "name")[1].sum().backward())


def test_a_function_that_was_recorded_before_the_block_is_listed() -> None:
    x, a = leaf(0.5, 2.0), leaf(3.0, 4.0)
    y = Powers.apply(x, a, "name")[1].sum()
    assert skipped(y.backward) == [
        "Sum: was recorded outside check_gradients()",
        "Powers: was recorded outside check_gradients()",
    ]


def test_messages_give_shapes_as_tuples_and_count_results(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Powers, "wrong", 1.01)
    x, a = leaf(0.5, 2.0), leaf(3.0, 4.0)
    assert "op: Powers, 2 results\n" in found(lambda: Powers.apply(x, a, "")[1].sum().backward())

    class Triple(autograd.Function):
        @staticmethod
        def forward(_: Any, x: Any) -> Any:
            return x * 3

        @staticmethod
        def backward(_: Any, g: Any) -> Any:
            return g * 2

    said = found(lambda: Triple.apply(x).sum().backward())
    assert "op: Triple, result of shape (2,), float32\n" in said


def test_a_function_that_writes_in_place_passes() -> None:
    class Double(autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: Any) -> Any:
            ctx.mark_dirty(x)
            return x.mul_(2)

        @staticmethod
        def backward(ctx: Any, g: Any) -> Any:  # noqa: ARG004 - PyTorch's signature
            return g * 2

    with autograd.check_gradients() as checked:
        differentiate(Double.apply(leaf(1.0, 2.0) * 1))
    assert repr(checked) == "2 derivatives checked, none skipped"


def test_inside_a_checkpoint_the_operands_are_those_of_the_first_run() -> None:
    with autograd.check_gradients() as checked:
        part = lambda x: (x * x).exp()  # noqa: E731 - what is checkpointed
        differentiate(tg.utils.checkpoint.checkpoint(part, leaf(0.5, 1.0), use_reentrant=False))
    assert repr(checked) == "3 derivatives checked, none skipped"


# --- what cannot be checked is let through, and listed ---


def test_an_op_that_stands_at_a_kink_is_skipped() -> None:
    (line,) = skipped(lambda: leaf(0.0, 0.0).relu().sum().backward())
    assert re.match(
        r"Relu: operand 0 \(x\): every element of the result stands at a kink, or is not finite "
        r"\(.*gradients\.py:\d+\)$",
        line,
    )


def test_elements_at_a_kink_do_not_hide_the_others() -> None:
    class Wrong(Op):
        __slots__ = ()
        reads = ((0,),)

        def forward(self, x: Any) -> Any:
            return np.maximum(x, 0)

        def vjp(self, g: Any, x: Any, _: Any) -> Any:
            return (lambda: g * (x > 0) * 1.01,)

    assert "derivative of Wrong" in found(
        lambda: differentiate(apply(Wrong(), leaf(0.0, 0.0, 0.0, 2.0)))
    )


def test_the_ends_of_a_domain_are_skipped() -> None:
    assert "Sqrt" in skipped(lambda: leaf(0.0).sqrt().backward())[0]


def test_a_choice_at_a_tie_is_not_an_error() -> None:
    class Between(Op):
        __slots__ = ()
        reads = ((0, 1, 2),)

        def forward(self, x: Any, low: Any, high: Any) -> Any:
            return np.minimum(np.maximum(x, low), high)

        def vjp(self, g: Any, x: Any, low: Any, high: Any, _: Any) -> Any:
            return (lambda: g * ((low <= x) & (x <= high))), None, None

    same = tg.tensor([1.0, 2.0])
    (line,) = skipped(lambda: differentiate(apply(Between(), leaf(1.0, 2.0), same, same)))
    assert "is right beside this point: it is a tie, or an end" in line


def test_a_derivative_that_is_nan_where_there_is_one_is_wrong() -> None:
    class Square(Op):
        __slots__ = ()
        reads = ((0, -1),)

        def forward(self, x: Any) -> Any:
            return x * x

        def vjp(self, g: Any, x: Any, y: Any) -> Any:
            return (lambda: g * 2 * y / x,)

    said = found(lambda: differentiate(apply(Square(), leaf(0.0, 2.0))))
    assert "derivative of Square" in said
    assert "analytic nan" in said


def test_an_op_that_gives_other_numbers_is_skipped() -> None:
    class Noise(Op):
        __slots__ = ()

        def forward(self, x: Any) -> Any:
            return x + tg.randn(3).numpy()

        def vjp(self, g: Any, *_: Any) -> Any:
            return (lambda: g,)

    (line,) = skipped(lambda: differentiate(apply(Noise(), leaf(1.0, 2.0, 3.0))))
    assert "Noise: operand 0 (x): gives other numbers when it is run again" in line
    drawn = tg.rand(1).item()
    tg.manual_seed(0)
    tg.randn(3)
    assert tg.rand(1).item() == drawn  # and checking drew none of the user's


def test_an_op_that_refuses_float64_is_skipped() -> None:
    class Picky(Op):
        __slots__ = ()

        def forward(self, x: Any) -> Any:
            if x.dtype != np.float32:
                raise TypeError("float32 only")
            return x * 2

        def vjp(self, g: Any, *_: Any) -> Any:
            return (lambda: g * 2,)

    (line,) = skipped(lambda: apply(Picky(), leaf(1.0)).backward())
    assert "cannot be run again in float64: TypeError: float32 only" in line


def test_an_op_that_gives_float32_whatever_it_takes_is_checked_less_finely() -> None:
    class Coarse(Op):
        __slots__ = ("slope",)

        def __init__(self, slope: float) -> None:
            self.slope = slope

        def forward(self, x: Any) -> Any:
            return np.float32(2) * x.astype(np.float32)

        def vjp(self, g: Any, *_: Any) -> Any:
            return (lambda: self.slope * g,)

    with autograd.check_gradients() as checked:
        differentiate(apply(Coarse(2.0), leaf(1.0, 3.0)))
    assert checked.checked == 1
    assert "Coarse" in found(lambda: differentiate(apply(Coarse(2.2), leaf(1.0, 3.0))))


def test_ops_can_be_exempted() -> None:
    class Straight(Scaled):
        __slots__ = ()
        checkable = False

    assert not skipped(lambda: apply(Straight(1.0), leaf(1.0)).backward())
    assert not skipped(lambda: apply(Scaled(1.0), leaf(1.0)).backward(), skip={"Scaled"})
    with pytest.raises(TypeError, match=r"skip is a collection of names; give \['Scaled'\]"):
        autograd.check_gradients(skip="Scaled")


def test_what_was_recorded_before_the_block_is_skipped() -> None:
    y = apply(Scaled(1.0), leaf(1.0))
    assert skipped(y.backward) == ["Scaled: was recorded outside check_gradients()"]


def test_the_report_lists_each_reason_once() -> None:
    with autograd.check_gradients() as checked:
        for _ in range(2):
            (leaf(0.0).relu() * 2).backward()
    assert checked.checked == 2
    first, second = repr(checked).splitlines()
    assert first == "2 derivatives checked, 1 skipped:"
    assert second.startswith("  Relu: operand 0 (x): every element")


# --- modes ---


def test_it_is_restored_and_acts_on_its_own_thread() -> None:
    done: list[None] = []

    def elsewhere() -> None:
        done.append(apply(Scaled(1.0), leaf(1.0)).backward())

    with autograd.check_gradients():
        worker = threading.Thread(target=elsewhere)
        worker.start()
        worker.join()
    assert len(done) == 1
    apply(Scaled(1.0), leaf(1.0)).backward()


def test_it_decorates_and_nests() -> None:
    @autograd.check_gradients()
    def step() -> None:
        with autograd.check_gradients(skip={"Scaled"}):
            apply(Scaled(1.0), leaf(1.0)).backward()
        apply(Scaled(2.0), leaf(1.0)).backward()

    with pytest.raises(autograd.GradcheckError, match=r"relative error 0\.33"):
        step()


def test_it_goes_together_with_detect_anomaly() -> None:
    with autograd.detect_anomaly(), autograd.check_gradients() as checked:
        differentiate(leaf(1.0, 2.0).exp())
        with pytest.raises(autograd.AnomalyError, match="derivative of Sqrt"):
            leaf(0.0).sqrt().backward()
        with pytest.raises(autograd.GradcheckError, match="derivative of Scaled"):
            apply(Scaled(1.0), leaf(1.0)).backward()
    assert checked.checked == 1
