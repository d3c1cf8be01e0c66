"""check_vjp: a right rule passes, and a wrong one is refused and can be seen again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

import tinygrad_np as tg
from tinygrad_np.autograd import GradcheckError
from tinygrad_np.testing import check_vjp

if TYPE_CHECKING:
    from collections.abc import Callable

# ruff: noqa: ARG005 - a wrong rule ignores some of what it is given
X, Y = np.array([[0.5, -1.0, 2.0], [1.5, 0.25, -0.75]]), np.array([[1.0, 2.0, -0.5]] * 2)


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


def taken_vjp(g: Any, x: Any, at: Any) -> Any:
    total = np.zeros_like(x)
    np.add.at(total, at, g)
    return total, None


def test_integers_are_handed_over_as_they_are() -> None:
    at = np.array([1, 0, 1])
    check_vjp(lambda x, at: x[at], taken_vjp, [X, at])
    check_vjp(lambda x, at: x[at], lambda g, x, at: (taken_vjp(g, x, at)[0], at), [X, at])
    with pytest.raises(GradcheckError, match="by input 0 is wrong"):
        check_vjp(lambda x, at: x[at], lambda g, x, at: (x * g.sum(), None), [X, at])
    with pytest.raises(ValueError, match=r"no array is floating.*give \[1.0, 2.0\] for \[1, 2\]"):
        check_vjp(lambda x: x * 2, lambda g, x: g * 2, [[1, 2]])


def test_none_stands_for_a_gradient_of_zeros() -> None:
    check_vjp(lambda a, b: a * 2 + np.sign(b), lambda g, a, b: (g * 2, None), [X, Y])
    with pytest.raises(GradcheckError, match="by input 1 is wrong"):
        check_vjp(np.multiply, lambda g, a, b: (g * b, None), [X, Y])


def test_a_float_is_a_result_and_a_single_array_needs_no_list() -> None:
    single = X.astype(np.float32)
    check_vjp(lambda x: float((x * x).sum()), lambda g, x: 2 * g * x, single)
    with pytest.raises(GradcheckError, match="derivative of <lambda> by input 0 is wrong"):
        check_vjp(lambda x: float((x * x).sum()), lambda g, x: g * x, single)


@pytest.mark.parametrize(
    "point", [tg.tensor(X), tg.tensor(X, requires_grad=True), [tg.tensor(X)], 0.75, [[0.5, -1.0]]]
)
def test_a_tensor_and_a_number_are_points_too(point: Any) -> None:
    check_vjp(swish, swish_vjp, point)
    with pytest.raises(GradcheckError, match="derivative of swish by input 0 is wrong") as e:
        check_vjp(swish, lambda g, x: 1.1 * swish_vjp(g, x), point)
    with pytest.raises(GradcheckError, match="derivative of swish by input 0 is wrong"):
        exec(compile(e.value.snippet, "pasted", "exec"), {})


ODD = {
    "Fortran": lambda x: x.flags.f_contiguous and not x.flags.c_contiguous,
    "strided": lambda x: min(x.strides) > x.itemsize,
    "negative strides": lambda x: min(x.strides) < 0,
}


@pytest.mark.parametrize("layout", ODD)
@pytest.mark.parametrize("place", ["value", "gradient", "upstream"])
def test_what_depends_on_the_layout_in_memory_is_refused(place: str, layout: str) -> None:
    """As `ravel(order="K")` does, or code in C that takes no strides."""
    odd = ODD[layout]

    def squared(x: Any) -> Any:
        return x * x * (1.1 if place == "value" and odd(x) else 1.0)

    def doubled(g: Any, x: Any) -> Any:
        wrong = odd({"value": np.ones(2), "gradient": x, "upstream": g}[place])
        return 2 * g * x * (1.1 if wrong else 1.0)

    message = f"check_vjp: squared: .*{layout} memory: "
    with pytest.raises(GradcheckError, match=message) as e:
        check_vjp(squared, doubled, X)
    with pytest.raises(GradcheckError, match=message):
        exec(compile(e.value.snippet, "pasted", "exec"), {})


def test_what_fails_or_writes_in_some_layouts_only() -> None:
    def viewed(x: Any) -> Any:
        return x.view(np.uint8).view(x.dtype) * 2

    with pytest.raises(ValueError, match="last axis") as e:
        check_vjp(viewed, lambda g, x: g * 2, X)
    assert e.value.__notes__ == ["check_vjp was at: viewed: arrays in other layouts of memory"]

    def writing_oddly(g: Any, x: Any) -> Any:
        if not g.flags.c_contiguous:
            g *= 2
            return g * x
        return 2 * g * x

    with pytest.raises(GradcheckError, match="oddly changed the upstream gradient in place"):
        check_vjp(np.square, writing_oddly, X)


def test_a_function_that_writes_into_its_array_is_refused() -> None:
    def rising(x: Any) -> Any:
        x += 1
        return x * x

    with pytest.raises(GradcheckError, match="check_vjp: rising changed array 0 in place"):
        check_vjp(rising, lambda g, x: 2 * g * (x + 1), X)


@pytest.mark.parametrize("shape", [(), (0,), (2, 0, 3), (1, 1), (2, 3, 2)])
def test_arrays_of_every_shape_lie_in_every_way(shape: tuple[int, ...]) -> None:
    at = np.random.default_rng(0).standard_normal(shape)
    check_vjp(swish, swish_vjp, at)
    check_vjp(np.multiply, lambda g, a, b: (g * b, g * a), [at, at], fast_mode=True)


def test_several_results_are_refused_by_name() -> None:
    def both(x: Any) -> Any:
        return x, x * 2

    with pytest.raises(GradcheckError, match="both gave a tuple, and must give one array"):
        check_vjp(both, lambda g, x: g, [X])
