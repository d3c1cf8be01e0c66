"""Semantics at the edges: kinks, ties, dtypes, aliasing, broadcasting, logs, misuse.

Expected values are what PyTorch 2.13 did, as written down in the table of semantics.
"""

from __future__ import annotations

import copy
import math
import pickle
import warnings
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from helpers import gradients, tensors, weights

import tinygrad_np as tg
from tinygrad_np.errors import DtypeError, GraphError, ShapeError
from tinygrad_np.ops.loss import pick_class, softmax_cross_entropy

if TYPE_CHECKING:
    from collections.abc import Callable

equal = np.testing.assert_array_equal
inf, nan = math.inf, math.nan


def slope(function: Callable[[tg.Tensor], tg.Tensor], *at: float, seed: Any = None) -> np.ndarray:
    """Gradient of `function` at the numbers, by both paths, which must agree."""
    x = tg.tensor(at, requires_grad=True)
    y = function(x)
    g = tg.tensor(seed) if seed is not None else 2 * tg.ones(*y.shape)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        (on_arrays,) = tg.autograd.grad(y, x, g, retain_graph=True)
        (on_tape,) = tg.autograd.grad(y, x, g, create_graph=True)
    equal(on_arrays.numpy(), on_tape.detach().numpy())
    return on_arrays.numpy()


# --- kinks and ties ------------------------------------------------------------------------------


def test_relu_abs_and_sign_have_slope_0_at_0() -> None:
    equal(slope(tg.relu, 0.0, -1.0, 1.0), [0, 0, 2])
    equal(slope(tg.abs, 0.0, -0.0, 3.0), [0, 0, 2])
    equal(slope(tg.sign, 0.0, 1.0), [0, 0])


def test_relu_of_nan_is_nan_and_passes_its_gradient() -> None:
    equal(tg.relu(tg.tensor([nan, 1.0])).numpy(), [nan, 1])
    equal(slope(tg.relu, nan, 1.0), [2, 2])


def test_sqrt_has_slope_inf_at_0_without_a_warning() -> None:
    equal(slope(tg.sqrt, 0.0, 4.0), [inf, 0.5])


def test_powers_at_0() -> None:
    for exponent, expected in [(0, 0), (1, 1), (2, 0), (3, 0)]:
        equal(slope(lambda x, p=exponent: x**p, 0.0), [2 * expected])
        equal(slope(lambda x, p=exponent: x ** tg.tensor([float(p)]), 0.0), [2 * expected])


def test_powers_by_both_operands_at_the_edges() -> None:
    a = tg.tensor([0.0, -2.0, 0.0], requires_grad=True)
    b = tg.tensor([0.0, 2.0, 3.0], requires_grad=True)
    da, db = gradients(a**b, [a, b])
    g = weights((3,), np.float32).numpy()
    np.testing.assert_allclose(da, [0, -4 * g[1], 0], rtol=1e-6)
    equal(db, [0, nan, 0])


def test_zero_to_the_power_of_a_tensor() -> None:
    equal(slope(lambda b: 0 ** (b * 1), 2.0, 0.0), [0, 0])
    equal(slope(lambda b: (-2.0) ** b, 2.0), [nan])
    seed = [-2.0, 3.0, 5.0]
    with np.errstate(divide="ignore"):
        equal(slope(lambda b: 0.0**b, -1.0, 0.0, 2.0, seed=seed), [inf, 0, 0])
        equal(slope(lambda b: tg.zeros(3) ** b, -1.0, 0.0, 2.0, seed=seed), [inf, 0, 0])


def test_powers_of_nan_and_inf_with_exponent_0() -> None:
    equal(slope(lambda x: x**0, nan, inf), [0, 0])


def test_second_derivative_of_a_power_of_zero_in_its_exponent() -> None:
    b = tg.tensor([2.0], requires_grad=True)
    (db,) = tg.autograd.grad(tg.zeros(1) ** b, b, create_graph=True)
    (second,) = tg.autograd.grad(db, b)
    equal(second.numpy(), [0])


def test_second_derivative_of_a_power_with_exponent_0() -> None:
    a, b = tg.tensor([2.0, 4.0], requires_grad=True), tg.zeros(2, requires_grad=True)
    (da,) = tg.autograd.grad(a**b, a, tg.ones(2), create_graph=True)
    equal(tg.autograd.grad(da, b, tg.ones(2))[0].numpy(), [0.5, 0.25])


def test_amax_amin_and_max_split_ties_evenly() -> None:
    for name in ("amax", "max"):
        equal(slope(lambda x, f=name: getattr(x, f)(), 1.0, 2.0, 2.0), [0, 1, 1])
    equal(slope(tg.amin, 1.0, 1.0, 2.0), [1, 1, 0])
    equal(slope(lambda x: x.min(), 1.0, 1.0, 2.0), [1, 1, 0])


def test_max_and_min_of_a_dimension_give_all_to_the_first() -> None:
    equal(slope(lambda x: x.max(0).values, 1.0, 2.0, 2.0), [0, 2, 0])
    equal(slope(lambda x: x.min(0)[0], 1.0, 1.0, 2.0), [2, 0, 0])


def test_maximum_and_minimum_give_half_to_each() -> None:
    a = tg.tensor([1.0, 3.0, 2.0], requires_grad=True)
    b = tg.tensor([1.0, 2.0, 3.0], requires_grad=True)
    seed = tg.tensor([2.0, 10.0, 20.0])
    for function, da, db in [
        (tg.maximum, [1, 10, 0], [1, 0, 20]),
        (tg.minimum, [1, 0, 20], [1, 10, 0]),
    ]:
        found = tg.autograd.grad(function(a, b), (a, b), seed)
        equal(found[0].numpy(), da)
        equal(found[1].numpy(), db)


def test_maximum_shows_nan_and_so_does_amax() -> None:
    a, b = tg.tensor([nan, 1.0]), tg.tensor([0.0, nan])
    equal(tg.maximum(a, b).numpy(), [nan, nan])
    equal(tg.minimum(a, b).numpy(), [nan, nan])
    assert math.isnan(a.amax().item())
    equal(slope(tg.amax, 1.0, nan, 2.0), [0, 2, 0])


def test_where_selects_and_does_not_multiply() -> None:
    def safe(x: tg.Tensor) -> tg.Tensor:
        return tg.where(x > 0, tg.sqrt(tg.where(x > 0, x, 1.0)), 0.0)

    equal(slope(safe, 0.0, -1.0, 4.0), [0, 0, 0.5])
    with np.errstate(invalid="ignore"):
        equal(slope(lambda x: tg.where(x > 0, tg.sqrt(x), 0.0), 0.0, -1.0, 4.0), [nan, nan, 0.5])


# --- dtypes --------------------------------------------------------------------------------------

A = tg.tensor([1.0, 2.0])
AT64 = tg.tensor([1.0, 2.0], dtype=tg.float64)


@pytest.mark.parametrize(
    ("expression", "dtype"),
    [
        (lambda: A * 2.0, "float32"),
        (lambda: A * np.float64(2), "float32"),
        (lambda: np.float64(2) * A, "float32"),
        (lambda: A * tg.tensor(2.0, dtype=tg.float64), "float32"),
        (lambda: A * AT64, "float64"),
        (lambda: tg.tensor(1.0) * AT64, "float64"),
        (lambda: tg.tensor([1, 2]) / tg.tensor([2, 2]), "float32"),
        (lambda: tg.tensor([1, 2]) / 2, "float32"),
        (lambda: tg.tensor([1, 2]) + 1.5, "float32"),
        (lambda: tg.tensor([1, 2]) + 1, "int64"),
        (lambda: tg.tensor([1, 2], dtype=tg.int32) + tg.tensor(1), "int32"),
        (lambda: tg.tensor([1, 2], dtype=tg.int32) + tg.tensor([1, 1]), "int64"),
        (lambda: tg.tensor([1], dtype=tg.int8) + tg.tensor([1], dtype=tg.uint8), "int16"),
        (lambda: tg.tensor([True]) + tg.tensor([True]), "bool"),
        (lambda: tg.tensor([True]) + 1, "int64"),
        (lambda: tg.tensor([True]) * 1.5, "float32"),
        (lambda: tg.tensor([1]) * A.half()[:1], "float16"),
        (lambda: A.half() + A, "float32"),
        (lambda: A.half() * 2.5, "float16"),
        (lambda: tg.cat([A, AT64]), "float64"),
        (lambda: tg.stack([A, tg.tensor([1, 2])]), "float32"),
        (lambda: tg.where(A > 1, A, AT64), "float64"),
        (lambda: tg.where(A > 1, 1.0, 0.0), "float32"),
        (lambda: tg.where(A > 1, 1, 0), "int64"),
        (lambda: tg.where(A > 1, A, 0), "float32"),
        (lambda: tg.where(A > 1, 1, 0.5), "float32"),
        (lambda: tg.exp(tg.tensor([1, 2])), "float32"),
        (lambda: tg.softmax(tg.tensor([1, 2]), 0), "float32"),
        (lambda: tg.tensor([True, False]).sum(), "int64"),
        (lambda: tg.tensor([1, 2], dtype=tg.uint8).sum(), "int64"),
        (lambda: tg.tensor([1, 2], dtype=tg.int32).sum(), "int64"),
        (lambda: A.half().sum(), "float16"),
        (lambda: A.sum(dtype=tg.float64), "float64"),
        (lambda: tg.tensor([1, 2]).mean(dtype=tg.float32), "float32"),
        (lambda: A.argmax(0), "int64"),
        (lambda: A > 1, "bool"),
        (lambda: A**2, "float32"),
        (lambda: 2**A, "float32"),
        (lambda: tg.tensor([1, 2]) ** 2, "int64"),
        (lambda: A.log_softmax(0, dtype=tg.float64), "float64"),
    ],
)
def test_result_dtypes(expression: Callable[[], tg.Tensor], dtype: str) -> None:
    assert expression().dtype == np.dtype(dtype)


def test_the_default_dtype_decides_where_nothing_else_does() -> None:
    tg.set_default_dtype(tg.float64)
    assert (tg.tensor([1, 2]) / 2).dtype == np.float64
    assert tg.where(A > 1, 1.0, 0.0).dtype == np.float64
    assert tg.tensor([1.5]).dtype == tg.zeros(2).dtype == tg.rand(2).dtype == np.float64
    assert (A * 2.0).dtype == np.float32


def test_uint8_wraps() -> None:
    x = tg.tensor([250], dtype=tg.uint8)
    equal((x + 300).numpy(), [38])
    assert (x + 300).dtype == np.uint8


def test_products_refuse_mixed_dtypes() -> None:
    with pytest.raises(DtypeError, match=r"first is float32 and the second is float64; .*cast"):
        A @ AT64
    W = tg.ones(3, 2)
    with pytest.raises(DtypeError, match="the input is float64 and the weight is float32"):
        tg.nn.functional.linear(AT64, W)
    with pytest.raises(DtypeError, match="the input is float32 and the bias is float64"):
        tg.nn.functional.linear(A, W, tg.ones(3, dtype=tg.float64))


def test_mixed_dtypes_differentiate_each_in_its_own() -> None:
    a, b = tg.ones(2, requires_grad=True), tg.ones(2, dtype=tg.float64, requires_grad=True)
    for y in (a * b, a / b, tg.cat([a, b]), tg.where(a > 0, a, b), a**b):
        da, db = gradients(y, [a, b])
        assert (da.dtype, db.dtype) == (np.float32, np.float64)


HALF_SUMS = {
    "add": lambda x, b: x + b,
    "mul": lambda x, b: x * b,
    "expand": lambda x, b: b.expand(x.shape) + x,
    "linear": lambda x, b: tg.nn.functional.linear(x, tg.eye(2, dtype=tg.float16), b),
    "index": lambda x, b: b.expand(1, 2)[tg.zeros(len(x), dtype=tg.int64)] + x,
    "gather": lambda x, b: b.expand(1, 2).gather(0, tg.zeros(x.shape, dtype=tg.int64)) + x,
}


@pytest.mark.parametrize("create_graph", [False, True])
@pytest.mark.parametrize("name", HALF_SUMS)
def test_half_gradients_of_many_rows_are_summed_in_single(name: str, *, create_graph: bool) -> None:
    """Where each term is 1, a sum of halves would stop at 2048."""
    x, b = tg.ones(4096, 2, dtype=tg.float16), tg.ones(2, dtype=tg.float16, requires_grad=True)
    (g,) = tg.autograd.grad(HALF_SUMS[name](x, b).sum(), b, create_graph=create_graph)
    assert g.dtype == tg.float16
    assert g.tolist() == [4096.0, 4096.0]


def test_half_rows_added_at_one_place_are_summed_in_single() -> None:
    x, index = tg.ones(4096, 2, dtype=tg.float16), tg.zeros(4096, dtype=tg.int64)
    zeros = tg.zeros(1, 2, dtype=tg.float16)
    assert zeros.index_add(0, index, x).tolist() == [[4096.0, 4096.0]]
    assert zeros.scatter_add(0, index[:, None].expand(4096, 2), x).tolist() == [[4096.0, 4096.0]]


def test_half_sums_do_not_overflow_on_the_way() -> None:
    x = tg.full((1000,), 100.0, dtype=tg.float16)
    assert x.mean().item() == 100.0
    assert (x / 100).sum().item() == 1000.0


def test_a_mean_of_ones_is_one() -> None:
    for n in range(1, 130):
        assert tg.ones(n).mean().item() == 1.0
        assert tg.ones(n, dtype=tg.float64).mean().item() == 1.0


def test_integer_means_are_refused() -> None:
    with pytest.raises(RuntimeError, match="a mean of int64 elements"):
        tg.tensor([1, 2]).mean()


@pytest.mark.parametrize("name", ["exp", "log", "sqrt", "tanh", "sigmoid"])
def test_functions_of_integers_compute_in_the_default_dtype(name: str) -> None:
    found = getattr(tg, name)(tg.tensor([1, 4]))
    assert found.dtype == np.float32
    equal(found.numpy(), getattr(tg, name)(tg.tensor([1.0, 4.0])).numpy())


def test_where_of_two_numbers_is_of_the_default_dtype() -> None:
    y = tg.where(tg.tensor([True, False]), 1.5, -2.0)
    assert y.dtype == np.float32
    equal(y.numpy(), [1.5, -2.0])


def test_powers_of_numbers_below_1() -> None:
    equal(slope(lambda b: 0.5**b, 0.0, 1.0, seed=[1.0, 2.0]), np.full(2, math.log(0.5), np.float32))


def test_alpha_scales_a_number_too() -> None:
    x = tg.tensor([1.0, 2.0])
    equal(tg.add(x, 3.0, alpha=2).numpy(), [7, 8])
    equal(tg.sub(x, 3.0, alpha=2).numpy(), [-5, -4])


def test_powers_of_bools_are_bools() -> None:
    y = tg.tensor([True, True, False, False]) ** tg.tensor([True, False, True, False])
    assert y.dtype == tg.bool
    equal(y.numpy(), [True, True, False, True])


@pytest.mark.parametrize(("mode", "rounded"), [("trunc", math.trunc), ("floor", math.floor)])
def test_quotients_of_integers_are_rounded_exactly(mode: str, rounded: Any) -> None:
    a, b = np.arange(-7, 8)[:, None], np.array([-3, -2, -1, 1, 2, 3])
    y = tg.div(tg.tensor(a), tg.tensor(b), rounding_mode=mode)
    assert y.dtype == tg.int64
    equal(y.numpy(), [[rounded(Fraction(int(i), int(j))) for j in b] for i in a[:, 0]])


def test_a_quotient_of_floats_is_rounded_before_its_fraction_is_dropped() -> None:
    a, b = tg.tensor([1.0], dtype=tg.float64), tg.tensor([0.1], dtype=tg.float64)  # above 1/10
    assert tg.div(a, b, rounding_mode="trunc").item() == 10
    assert tg.div(a, b, rounding_mode="floor").item() == 9


def test_integers_to_negative_powers_are_refused() -> None:
    with pytest.raises(RuntimeError, match="integers cannot be raised to negative powers"):
        tg.tensor([2]) ** -1
    equal((tg.tensor([2, 3]) ** tg.tensor([0, 1])).numpy(), [1, 3])
    equal((tg.tensor([2.0]) ** -1).numpy(), [0.5])


def test_results_in_integers_have_no_gradient() -> None:
    x = tg.tensor([1.5, 2.5], requires_grad=True)
    for y in (x.long(), x.bool(), x > 1, x.argmax()):
        assert not y.requires_grad
        assert y.grad_fn is None


# --- broadcasting --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("left", "right"),
    [((3, 1), (1, 4)), ((), (5,)), ((0, 1), (1, 3)), ((2,), (4, 3, 2)), ((1, 1), (1,)), ((), ())],
)
@pytest.mark.parametrize("create_graph", [False, True])
def test_a_gradient_has_exactly_the_shape_of_its_operand(
    left: tuple[int, ...], right: tuple[int, ...], create_graph: bool
) -> None:
    a, b = tensors([np.ones(left), np.full(right, 2.0)])
    y = a * b
    assert y.shape == np.broadcast_shapes(left, right)
    da, db = gradients(y, [a, b], create_graph=create_graph)
    assert da.shape == left
    assert db.shape == right
    total = weights(y.shape).numpy().sum()
    np.testing.assert_allclose([da.sum(), db.sum()], [2 * total, total])


def test_shapes_that_do_not_broadcast() -> None:
    with pytest.raises(ShapeError, match=r"Add: shapes \(2,\) and \(3,\) do not broadcast"):
        A + tg.ones(3)
    with pytest.raises(ShapeError, match=r"equal: shapes .* do not broadcast"):
        tg.eq(A, tg.ones(3))
    with pytest.raises(ShapeError, match=r"MatMul: shapes .* do not broadcast"):
        tg.ones(2, 3, 3) @ tg.ones(4, 3, 3)


@pytest.mark.parametrize("name", ["sum", "mean", "amax", "amin"])
def test_an_empty_dim_means_all(name: str) -> None:
    x = tg.arange(6.0).reshape(2, 3)
    equal(getattr(x, name)(()).numpy(), getattr(x, name)().numpy())
    assert getattr(x, name)([], keepdim=True).shape == (1, 1)


def test_negative_dims_and_their_doubles() -> None:
    x = tg.arange(6.0).reshape(2, 3)
    equal(x.sum((-1, 0)).numpy(), 15)
    with pytest.raises(ShapeError, match="names a dimension twice"):
        x.sum((1, -1))
    with pytest.raises(IndexError, match=r"sum: dimension 2 is out of range for 2 dim.* -2 to 1"):
        x.sum(2)
    assert tg.tensor(3.0).sum(-1).item() == 3.0


# --- softmax, cross-entropy, logs ----------------------------------------------------------------


@pytest.fixture
def _every_warning_raises() -> Any:
    with np.errstate(all="raise"):
        yield


@pytest.mark.usefixtures("_every_warning_raises")
def test_cross_entropy_of_extreme_logits() -> None:
    x = tg.tensor([[1000.0, 0.0, -1000.0]], requires_grad=True)
    y = softmax_cross_entropy(x, tg.tensor([2]))
    assert y.tolist() == [2000.0]
    (g,) = tg.autograd.grad(y, x, tg.tensor([3.0]), create_graph=True)
    equal(g.detach().numpy(), [[3, 0, -3]])
    y.backward(tg.tensor([3.0]))
    equal(x.grad.numpy(), [[3, 0, -3]])


@pytest.mark.usefixtures("_every_warning_raises")
def test_cross_entropy_of_infinite_logits() -> None:
    x = tg.tensor([[0.0, -inf]])
    assert softmax_cross_entropy(x, tg.tensor([0])).tolist() == [0.0]
    assert softmax_cross_entropy(x, tg.tensor([1])).tolist() == [inf]


@pytest.mark.usefixtures("_every_warning_raises")
def test_softmax_family_never_warns() -> None:
    wild = tg.tensor([[1000.0, 0.0, -1000.0], [-inf, 0.0, 1e-30]], requires_grad=True)
    for y in (tg.softmax(wild, 1), tg.log_softmax(wild, 1), tg.logsumexp(wild, 1)):
        y.backward(weights(y.shape, np.float32))
    equal(tg.softmax(wild, 1).detach().numpy(), [[1, 0, 0], [0, 0.5, 0.5]])
    equal(tg.log_softmax(wild, 1).detach().numpy()[0], [0, -1000, -2000])


@pytest.mark.usefixtures("_every_warning_raises")
def test_a_row_of_minus_infinity() -> None:
    x = tg.tensor([-inf, -inf], requires_grad=True)
    equal(tg.softmax(x, 0).detach().numpy(), [nan, nan])
    y = tg.logsumexp(x, 0)
    assert y.item() == -inf
    y.backward(tg.tensor(2.0))
    equal(x.grad.numpy(), [nan, nan])


@pytest.mark.usefixtures("_every_warning_raises")
def test_sigmoid_saturates_without_warning() -> None:
    x = tg.tensor([1000.0, -1000.0, 0.0, nan], requires_grad=True)
    y = tg.sigmoid(x)
    equal(y.detach().numpy(), [1, 0, 0.5, nan])
    y.backward(tg.tensor([1.0, 1.0, 4.0, 1.0]))
    equal(x.grad.numpy(), [0, 0, 1, nan])


def test_log_of_0_is_minus_infinity_with_slope_infinity() -> None:
    with np.errstate(divide="ignore"):
        x = tg.tensor([0.0], requires_grad=True)
        assert tg.log(x).item() == -inf
        equal(slope(tg.log, 0.0), [inf])


def test_plain_arithmetic_warns_as_the_caller_says() -> None:
    with np.errstate(divide="raise"), pytest.raises(FloatingPointError):
        tg.log(tg.tensor([0.0]))


@pytest.mark.parametrize("function", [softmax_cross_entropy, pick_class])
@pytest.mark.parametrize("label", [3, -1])
def test_a_label_out_of_range(function: Callable[..., Any], label: int) -> None:
    with pytest.raises(IndexError, match=rf"label {label} at position 1 .* 0 to 2 of 3 classes"):
        function(tg.zeros(2, 3), tg.tensor([0, label]))


# --- empty ---------------------------------------------------------------------------------------


def test_reductions_of_nothing() -> None:
    empty = tg.zeros(0, 3)
    assert empty.sum().item() == 0
    equal(empty.sum(0).numpy(), [0, 0, 0])
    assert math.isnan(empty.mean().item())
    equal(empty.mean(0).numpy(), [nan] * 3)
    assert empty.mean(1).shape == (0,)
    assert empty.all().item()
    assert not empty.any().item()
    assert empty.amax(1).shape == (0,)
    for name in ("amax", "amin", "argmax", "argmin"):
        with pytest.raises(IndexError, match=rf"{name}: .*not empty"):
            getattr(empty, name)()
        with pytest.raises(IndexError, match=rf"{name}: .*not empty"):
            getattr(empty, name)(0)


def test_the_gradient_of_a_mean_of_nothing() -> None:
    x = tg.zeros(0, 3, requires_grad=True)
    x.mean(0).backward(tg.ones(3) * 2)
    assert x.grad.shape == (0, 3)


def test_softmax_of_nothing() -> None:
    for f in (tg.softmax, tg.log_softmax):
        assert f(tg.zeros(0, 3), 1).shape == (0, 3)
        assert f(tg.zeros(3, 0), 1).shape == (3, 0)
    equal(tg.logsumexp(tg.zeros(2, 0), 1).numpy(), [-inf, -inf])


# --- aliasing ------------------------------------------------------------------------------------


def test_views_share_memory_and_writes_show() -> None:
    x = tg.arange(6.0)
    for view in (x[1:], x.reshape(2, 3), x.view(6, 1), x.narrow(0, 1, 2), x[None], x.T, x[2]):
        assert np.shares_memory(view.numpy(), x.numpy())
    x[2].add_(100)
    x[4:].mul_(0)
    x.reshape(2, 3)[0] = tg.tensor([7.0, 8.0, 9.0])
    equal(x.numpy(), [7, 8, 9, 3, 0, 0])


def test_results_of_products_are_no_views() -> None:
    a = tg.ones(2, requires_grad=True)
    for y in (a @ a, tg.ones(3, 2) @ a, a @ tg.ones(2, 3), tg.ones(4, 3, 2) @ a):
        y.add_(1).backward(weights(y.shape, np.float32))


def test_detach_shares_and_clone_copies() -> None:
    x = tg.tensor([1.0, 2.0], requires_grad=True)
    assert np.shares_memory(x.detach().numpy(), x.data.numpy())
    y = x.clone()
    assert not np.shares_memory(y.detach().numpy(), x.detach().numpy())
    y.backward(tg.tensor([3.0, 4.0]))
    equal(x.grad.numpy(), [3, 4])


def test_deepcopy_and_pickle_of_leaves() -> None:
    x = tg.tensor([1.0, 2.0], requires_grad=True)
    (x * x).backward(tg.tensor([1.0, 3.0]))
    twin = copy.deepcopy(x)
    equal(twin.grad.numpy(), [2, 12])
    assert twin.requires_grad
    for a, b in [(twin, x), (twin.grad, x.grad)]:
        assert not np.shares_memory(a.detach().numpy(), b.detach().numpy())
    loaded = pickle.loads(pickle.dumps(x))
    equal(loaded.detach().numpy(), [1, 2])
    assert loaded.requires_grad
    with pytest.raises(RuntimeError, match="deepcopy: only leaves"):
        copy.deepcopy(x * 2)
    assert pickle.loads(pickle.dumps(x * 2)).is_leaf  # as in PyTorch: the numbers, not the graph


# --- misuse --------------------------------------------------------------------------------------


def test_other_things_are_no_operands() -> None:
    for other in ([1.0, 2.0], None, "1", 1j):
        with pytest.raises(
            TypeError, match=r"add: operand 1 must be a .*wrap data with tensor\(\)"
        ):
            A + other
    with pytest.raises(TypeError, match=r"exp: operand 0 must be a Tensor, not a builtins\.float"):
        tg.exp(2.0)


def test_numpy_of_a_tracked_tensor() -> None:
    x = tg.ones(2, requires_grad=True)
    with pytest.raises(RuntimeError, match=r"detach\(\).numpy\(\)"):
        x.numpy()
    with pytest.raises(RuntimeError, match="requires grad"):
        np.asarray(x * 2)
    assert x.numpy(force=True).tolist() == [1, 1]


def test_truth_of_several_elements() -> None:
    for x in (A, tg.zeros(0)):
        with pytest.raises(RuntimeError, match=rf"tensor with {x.numel()} elements is ambiguous"):
            bool(x)
    assert bool(tg.tensor([2.0]))
    assert not tg.tensor(0)


def test_a_gradient_of_another_shape_is_refused() -> None:
    x = tg.ones(2, requires_grad=True)
    with pytest.raises(ShapeError, match=r"gradient of shape \(3,\) .* of shape \(2,\)"):
        x.grad = tg.ones(3)


def test_comparison_with_none_is_false_and_tensors_are_keys_by_identity() -> None:
    assert (A == None) is False  # noqa: E711 - the operator is what is tested
    assert (A != None) is True  # noqa: E711 - the operator is what is tested
    assert {A: 1}[A] == 1
    assert 2.0 in A
    assert tg.tensor(5.0) not in A


def test_functions_of_an_empty_list() -> None:
    for function in (tg.cat, tg.stack):
        with pytest.raises(ShapeError, match="there is nothing to join"):
            function([])


def test_graph_errors_are_what_a_pytorch_user_catches() -> None:
    assert issubclass(GraphError, RuntimeError)
    assert issubclass(ShapeError, RuntimeError)
    assert issubclass(ShapeError, ValueError)
    assert issubclass(DtypeError, RuntimeError)
    assert issubclass(DtypeError, TypeError)


# --- rounded division ----------------------------------------------------------------------------


def test_integers_are_divided_downwards() -> None:
    x = tg.tensor([-7, 7])
    assert (x // 2).tolist() == [-4, 3]
    assert (x % 3).tolist() == [2, 1]
    assert (x % -3).tolist() == [-1, -2]
    assert x.fmod(3).tolist() == [-1, 1]
    assert (7 // tg.tensor([2, -2])).tolist() == [3, -4]
    assert (7 % tg.tensor([2, -2])).tolist() == [1, -1]
    assert x.div(2, rounding_mode="floor").tolist() == [-4, 3]
    assert x.div(2, rounding_mode="trunc").tolist() == [-3, 3]
    assert {(x // 2).dtype, (x % 3).dtype, x.div(2, rounding_mode="trunc").dtype} == {tg.int64}
    assert (x // 2.0).dtype == tg.float32


def test_gradients_of_remainder_and_fmod() -> None:
    a, b = (tg.tensor(x, requires_grad=True) for x in (5.5, 2.0))
    assert [g.item() for g in tg.autograd.grad(a % b, (a, b))] == [1, -2]
    a = tg.tensor(-5.5, requires_grad=True)
    assert [g.item() for g in tg.autograd.grad(tg.fmod(a, b), (a, b))] == [1, 2]
    assert [g.item() for g in tg.autograd.grad(tg.remainder(a, b), (a, b))] == [1, 3]
    rounded = a.div(b, rounding_mode="trunc")
    assert [g.item() for g in tg.autograd.grad(rounded, (a, b))] == [0, 0]


@pytest.mark.parametrize("create_graph", [False, True])
def test_floor_divide_has_no_derivative(create_graph: bool) -> None:
    x = tg.tensor([5.5], requires_grad=True)
    for y in (x // 2, 7 // x, x.floor_divide(2), x.clone().floor_divide_(2)):
        assert y.requires_grad
        with pytest.raises(RuntimeError, match="FloorDivide has no derivative"):
            y.backward(create_graph=create_graph)


@pytest.mark.parametrize("name", ["floor_divide", "remainder", "fmod"])
def test_0_as_a_divisor(name: str) -> None:
    divide = getattr(tg, name)
    with np.errstate(all="raise"):
        found = divide(tg.tensor([1.0, -1.0, 0.0]), 0).tolist()
    expected = [math.inf, -math.inf, math.nan] if name == "floor_divide" else [math.nan] * 3
    np.testing.assert_equal(found, expected)
    with pytest.raises(RuntimeError, match=r"an integer cannot be divided by 0; .*\.float\(\)"):
        divide(tg.tensor([7, -7]), tg.tensor([1, 0]))
    with pytest.raises(RuntimeError, match=r"bools cannot be divided; .*\.int\(\)"):
        divide(tg.tensor([True]), tg.tensor([True]))
    assert divide(tg.tensor([True]), 2).dtype == tg.int64


def test_rounding_modes_are_named() -> None:
    with pytest.raises(RuntimeError, match="must be None, 'floor' or 'trunc', not 'up'"):
        tg.div(tg.ones(2), 2, rounding_mode="up")


def test_rounded_division_in_place() -> None:
    x = tg.tensor([-7, 7])
    before = x
    x //= 2
    assert x.tolist() == [-4, 3]
    x %= 3
    assert x.tolist() == [2, 0]
    assert x is before
    assert tg.tensor([-7, 7]).remainder_(3).tolist() == [2, 1]
    assert tg.tensor([-7, 7]).fmod_(3).tolist() == [-1, 1]
    assert tg.tensor([-7, 7]).div_(2, rounding_mode="trunc").tolist() == [-3, 3]
    leaf = tg.tensor([5.5, 3.5], requires_grad=True)
    y = leaf * 1
    y %= 2
    y.sum().backward()
    assert leaf.grad is not None
    assert leaf.grad.tolist() == [1, 1]


# --- where something is --------------------------------------------------------------------------


def test_nonzero() -> None:
    x = tg.tensor([[1.0, 0.0], [0.0, 2.0]], requires_grad=True)
    assert x.nonzero().tolist() == tg.argwhere(x).tolist() == x.argwhere().tolist()
    assert x.nonzero().tolist() == [[0, 0], [1, 1]]
    assert x.nonzero().dtype == tg.int64
    rows, columns = x.nonzero(as_tuple=True)
    assert (rows.tolist(), columns.tolist()) == ([0, 1], [0, 1])
    assert [i.tolist() for i in tg.where(x)] == [[0, 1], [0, 1]]
    assert [i.tolist() for i in tg.where(x > 1)] == [[1], [1]]
    assert tg.nonzero(tg.tensor(3.0)).shape == (1, 0)
    assert tg.nonzero(tg.tensor(0.0)).shape == (0, 0)
    assert [i.tolist() for i in tg.nonzero(tg.tensor(3.0), as_tuple=True)] == [[0]]


def test_where_takes_one_or_three() -> None:
    x = tg.ones(2)
    for given in ({"input": x}, {"other": x}):
        with pytest.raises(TypeError, match="where: give the condition alone, or both"):
            tg.where(x > 0, **given)
    with pytest.raises(TypeError, match="nonzero: input must be a Tensor"):
        tg.nonzero([1, 0])  # type: ignore[arg-type]  # what is refused


# --- names -------------------------------------------------------------------------------------


def test_constants() -> None:
    assert (tg.inf, tg.pi, tg.e, tg.newaxis) == (math.inf, math.pi, math.e, None)
    assert math.isnan(tg.nan)
    assert tg.ones(2)[:, tg.newaxis].shape == (2, 1)


@pytest.mark.parametrize("name", ["abs", "exp", "log", "neg", "relu", "sigmoid", "sign"])
def test_writing_methods_give_what_the_functions_give(name: str) -> None:
    x = tg.tensor([0.5, 2.0])
    expected = getattr(tg, name)(x).tolist()
    for write in (getattr(tg.Tensor, f"{name}_"), getattr(tg, f"{name}_", None)):
        if write is not None:
            y = x.clone()
            assert write(y) is y
            assert y.tolist() == expected


@pytest.mark.parametrize("name", ["sqrt_", "square_", "tanh_", "zero_"])
def test_writing_functions_are_the_methods(name: str) -> None:
    x, y = tg.tensor([0.5, 2.0]), tg.tensor([0.5, 2.0])
    assert getattr(tg, name)(x) is x
    assert x.tolist() == getattr(y, name)().tolist()


def test_writing_functions_of_arguments() -> None:
    x = tg.tensor([0.5, 2.0])
    assert tg.fill_(x, 3).tolist() == [3, 3]
    assert tg.clamp_(x, 0, 1).tolist() == tg.clip_(x, max=1).tolist() == [1, 1]
    assert not tg.detach(x.requires_grad_()).requires_grad


def test_the_base_of_a_view() -> None:
    x = tg.ones(2, 3)
    assert x._base is None
    assert x[0]._base is x
    assert x[0][:2]._base is x
    assert x.clone()._base is None
    assert (x * 1)._base is None
    assert not x.is_inference()


def test_is_anomaly_enabled() -> None:
    assert not tg.is_anomaly_enabled()
    with tg.autograd.detect_anomaly():
        assert tg.is_anomaly_enabled()
        with tg.autograd.set_detect_anomaly(False):
            assert not tg.is_anomaly_enabled()
    assert not tg.is_anomaly_enabled()


def test_scatter_that_adds() -> None:
    index = tg.tensor([2, 2])
    assert tg.ones(3).scatter(0, index, tg.tensor([5.0, 6.0]), reduce="add").tolist() == [1, 1, 12]
    assert tg.ones(3).scatter_(0, index, value=2, reduce="add").tolist() == [1, 1, 5]
    assert tg.scatter(tg.ones(3), 0, index, 2, reduce="add").tolist() == [1, 1, 5]
    with pytest.raises(NotImplementedError, match="reduce='multiply' is not here"):
        tg.scatter(tg.ones(3), 0, index, 2, reduce="multiply")
    with pytest.raises(RuntimeError, match="reduce must be 'add' or 'multiply', not 'mean'"):
        tg.scatter(tg.ones(3), 0, index, 2, reduce="mean")


# --- bounds --------------------------------------------------------------------------------------


def test_clamp_at_its_bounds_and_of_nan() -> None:
    x = tg.tensor([-1.0, 1.0, math.nan, 3.0], requires_grad=True)
    lo = tg.tensor([-1.0, 1.0, 0.0, 4.0], requires_grad=True)
    y = tg.clamp(x, lo, tg.tensor([1.0, 1.0, 1.0, 9.0]))
    np.testing.assert_equal(y.tolist(), [-1, 1, math.nan, 4])
    y.backward(tg.tensor([1.0, 2.0, 3.0, 4.0]))
    assert x.grad is not None
    assert lo.grad is not None
    assert x.grad.tolist() == [1, 2, 0, 0]
    assert lo.grad.tolist() == [0, 0, 0, 4]
