"""check_op on errors that show only somewhere, and on right functions that look like errors."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

import nn
import tinygrad_np as tg
from tinygrad_np.autograd import GradcheckError
from tinygrad_np.core import Op, apply
from tinygrad_np.testing import CheckOpError, check_op

if TYPE_CHECKING:
    from collections.abc import Callable

X, Y = np.random.default_rng(0).standard_normal((2, 3, 4))


def product(
    left: Callable[[Any, Any, Any], Any] = lambda *_: 1.0,
    forward: Callable[[Any, Any], Any] = np.multiply,
) -> Callable[..., tg.Tensor]:
    """a·b, with a factor in the gradient by a, or another forward."""

    class Times(Op):
        reads = ((0, 1), (0,))
        broadcasts = True

        def forward(self, a: Any, b: Any) -> Any:
            return forward(a, b)

        def vjp(self, g: Any, a: Any, b: Any, _: Any) -> Any:
            return (lambda: g * held(b) * left(g, a, b), lambda: g * a)

    def held(b: Any) -> Any:
        return b

    return lambda a, b: apply(Times(), a, b)


def on_tape(g: Any) -> bool:
    return not isinstance(g, np.ndarray)


def detached_if(wrong: Callable[[Any, Any, Any], bool]) -> Callable[[Any, Any, Any], Any]:
    """Give a factor of 1 that has a derivative, though it should have none."""
    return lambda g, a, b: b / b.detach() if on_tape(g) and wrong(g, a, b) else 1.0


def one_of_the_elements(g: Any, a: Any, _: Any) -> Any:
    factor = np.ones(a.shape, a.dtype)
    factor.flat[factor.size // 3] = 1.01
    return tg.tensor(factor) if on_tape(g) else factor


def in_order_of_memory(a: Any) -> Any:
    return a.ravel(order="K").reshape(a.shape)


def transposed(a: Any, b: Any) -> Any:
    """Wrong if a lies oddly in memory and b does not."""
    odd = a.shape == b.shape and b.flags.c_contiguous
    return (in_order_of_memory(a) if odd else a) * b


def transposed_in_single(a: Any, b: Any) -> Any:
    return (in_order_of_memory(a) if a.dtype == np.float32 and a.shape == b.shape else a) * b


WRONG: dict[str, tuple[Callable[..., Any], str]] = {
    "gradient in float32": (
        product(lambda g, *_: 1.01 if g.dtype == np.float32 else 1.0),
        "gradient: in float32 the gradient by input 0 is not that in float64",
    ),
    "second derivative in float32": (
        product(detached_if(lambda g, *_: g.dtype == np.float32)),
        "second derivative: in float32 the second derivative by input 1",
    ),
    "last dimension 1": (
        product(lambda _, a, b: 1.5 if a.shape != b.shape and b.shape[-1:] == (1,) else 1.0),
        "broadcasting: operand 1 of size 1 in dimension 1: the gradient by input 0",
    ),
    "0-d": (
        product(lambda _, a, b: 1.5 if a.ndim and not b.ndim else 1.0),
        "broadcasting: operand 1 without its first 2 dimensions: the gradient by input 0",
    ),
    "both broadcast": (
        product(lambda g, a, b: 1.5 if g.shape not in (a.shape, b.shape) else 1.0),
        "broadcasting: operand 0 of size 1 in dimension 0, operand 1 of size 1 in dimension 1",
    ),
    "second derivative of other shapes": (
        product(detached_if(lambda _, a, b: a.shape != b.shape)),
        "broadcasting: operand 0 of size 1 in dimension 0: second derivative",
    ),
    "size 0 beside size 1": (
        product(forward=lambda a, b: a * b if b.size or not a.size else a * 1.0),
        "broadcasting: operand 0 of size 1 in dimension 0, operand 1 of size 0 in dimension 0",
    ),
    "odd memory in float32": (
        product(forward=transposed_in_single),
        "layouts: Fortran memory",
    ),
    "odd memory of one operand": (
        product(forward=transposed),
        "layouts: input 0 in Fortran memory",
    ),
    "upstream of stride 0": (
        product(lambda g, *_: 1.5 if not on_tape(g) and g.size > 1 and 0 in g.strides else 1.0),
        "upstream layouts: the upstream gradient in expanded memory: the gradient by input 0",
    ),
    "constant upstream": (
        product(lambda g, *_: 1.5 if not on_tape(g) and g.size > 1 and np.ptp(g) == 0 else 1.0),
        "upstream layouts: the upstream gradient in constant memory",
    ),
    "floating result detached": (
        lambda a, b: (a * b, (a * 3.0).detach()),
        "detached: output 1 requires no grad, but depends on input 0: its slope in a random",
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_an_error_that_shows_only_somewhere_is_found(name: str) -> None:
    function, message = WRONG[name]
    with pytest.raises((CheckOpError, GradcheckError), match=f"^<lambda>: {message}"):
        check_op(function, [X, Y], broadcasts=True)


def test_a_right_product_passes() -> None:
    check_op(product(), [X, Y], np.multiply, broadcasts=True)


@pytest.mark.parametrize("shape", [(24, 24), (100, 100)])
def test_one_wrong_element_of_thousands_is_found(shape: tuple[int, ...]) -> None:
    a, b = np.random.default_rng(0).uniform(0.5, 2.0, (2, *shape))
    with pytest.raises(GradcheckError, match=r"gradient: .*by input 0.* is wrong"):
        check_op(product(one_of_the_elements), [a, b])


@pytest.mark.parametrize("scale", [1e-7, 1e-12])
def test_a_wrong_factor_at_small_scale_is_found(scale: float) -> None:
    check_op(product(), [X * scale, Y * scale])
    for a, b in ((X * scale, Y * scale), (X, Y * scale)):
        with pytest.raises(GradcheckError, match=r"by input 0 .* is wrong at \[\d, \d\]"):
            check_op(product(lambda *_: 5.0), [a, b])


def test_a_wrong_element_is_named_with_both_values() -> None:
    with pytest.raises(GradcheckError, match="in a random projection of the results it is") as e:
        check_op(product(lambda *_: 5.0), [X, Y * 1e-9])
    with pytest.raises(GradcheckError, match="is wrong"):
        exec(compile(e.value.snippet, "pasted", "exec"), {})


def test_randomness_is_what_is_told() -> None:
    for seed in range(30):
        tg.manual_seed(seed)
        with pytest.raises(CheckOpError, match=r"^Dropout: repeatable: it gives other numbers"):
            check_op(nn.Dropout(0.5), [np.array([1.5, 2.5])])


def test_randomness_of_a_rule_is_what_is_told() -> None:
    wind = np.random.default_rng(0)
    with pytest.raises(CheckOpError, match="repeatable: its rule gives other numbers"):
        check_op(product(lambda *_: 1.0 + 1e-9 * wind.standard_normal()), [X, Y])


class Counting(nn.Module):
    """Counts its calls, and shows how often it was called."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("count", tg.zeros(1))

    def forward(self, x: tg.Tensor) -> tg.Tensor:
        self.count.add_(1)
        return x * self.count


RIGHT: dict[str, tuple[Callable[..., Any], list[Any]]] = {
    "results of one operand each": (lambda a, b: (a * 2, b * 3), [X, Y]),
    "results of one and of both": (lambda a, b: (b * 2, a * b), [X, Y]),
    "the operand itself": (nn.Identity(), [X]),
    "dropout of nothing": (nn.Dropout(0.5).eval(), [X]),
    "rounding of operands": (
        lambda x, y: (x - y) ** 2,
        [np.array([1000.1, 2000.2]), np.array([1000.0, 2000.0])],
    ),
    "a buffer that is written": (Counting(), [X]),
    "a gradient of zeros": (lambda x: x.softmax(-1).sum(), [X]),
    "a value of zeros": (lambda x: (x - x.mean()).sum(), [X]),
    "a flat place": (lambda x: x * x * x, [np.array([0.0, 0.0])]),
    "a saturated softmax": (lambda x: x.logsumexp(-1), [X * 50]),
    "a small sum of large parts": (lambda x: x.logsumexp(-1), [np.array([0.0, -9.0])]),
    "beyond float32": (lambda x: x * 1e30 * 1e30, [X]),
    "large beside small": (lambda a, b: a * b, [X * 1e6, Y * 1e-6]),
    "a mask": (tg.where, [X > 0, X, Y]),
    "a step": (lambda x: (x * x, tg.tensor(np.floor(x.detach().numpy()))), [np.array([0.0, 2.5])]),
    "no elements": (lambda a, b: a * b, [np.zeros((0, 3)), np.ones((1, 3))]),
    "shapes that broadcast": (lambda a, b: a * b, [np.ones((1, 3)), np.ones((2, 1))]),
    "numbers": (lambda a, b: a * b, [np.array(2.0), np.array(3.0)]),
}


@pytest.mark.parametrize("name", RIGHT)
def test_a_right_function_passes(name: str) -> None:
    function, operands = RIGHT[name]
    check_op(function, operands, broadcasts=not name.startswith("results"))


def test_operands_that_do_not_broadcast_are_told() -> None:
    with pytest.raises(ValueError, match=r"shapes \[\(3, 4\), \(4, 3\)\], which do not broadcast"):
        check_op(lambda a, b: a @ b, [X, Y.T], broadcasts=True)


def test_a_function_without_a_second_derivative_can_be_checked() -> None:
    def once(a: tg.Tensor, b: tg.Tensor) -> tg.Tensor:
        return product(detached_if(lambda *_: True))(a, b)

    check_op(once, [X, Y], broadcasts=True, skip=["second derivative"])
    with pytest.raises(GradcheckError, match="once: second derivative"):
        check_op(once, [X, Y], skip=["broadcasting"])
