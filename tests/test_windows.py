"""Convolution and pooling at the edges, and over drawn geometries, H apart from W throughout.

Expected values are what PyTorch 2.13 did, as written down in the table of semantics.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import window_oracles as oracles
from geometry import MANY, Case, arrays, cases, naive, pairs, stored
from helpers import TIGHT, gradients, tensors, weights
from hypothesis import example, given
from hypothesis import strategies as st

import nn
import nn.functional as F
import tinygrad_np as tg
from tinygrad_np.kernels import lowering
from tinygrad_np.ops.pad import MODES
from tinygrad_np.testing import ConvConfig, PoolConfig, conv_configs, pool_configs

equal, close = np.testing.assert_array_equal, np.testing.assert_allclose
inf, nan = math.inf, math.nan


# --- drawn geometries ---


def convolve(q: Case, x: tg.Tensor, w: tg.Tensor, b: tg.Tensor) -> tg.Tensor:
    """`conv2d`, by way of `pad` where the two sides differ."""
    sides = [p if isinstance(p, tuple) else (p, p) for p in q.padding]
    padded = F.pad(x, [*sides[1], *sides[0]])
    return F.conv2d(padded, w, b, q.stride, 0, q.dilation, q.groups)


@MANY
@given(cases)
def test_convolution_equals_the_naive_loop_and_the_reference(q: Case) -> None:
    x, w, b, g = arrays(q)
    operands = tensors([x, w, b])
    y = convolve(q, *operands)
    found = [y.detach().numpy(), *(a.numpy() for a in tg.autograd.grad(y, operands, tg.tensor(g)))]
    for a, expected in zip(found, (*naive(x, w, b, g, q), g.sum((0, 2, 3))), strict=True):
        close(a, expected, rtol=1e-10, atol=1e-10)
    reference = lowering.conv2d_reference(x, w, b, **q.options)
    close(found[0], reference, rtol=1e-10, atol=1e-10)


SMALL = {"batches": (1, 2), "max_groups": 2, "max_channels": 2, "max_filters": 2}
SMALL |= {"max_kernel": 2, "max_padding": 2, "max_extra": 3}


@given(conv_configs(**SMALL), st.integers(0, 5))
def test_derivatives_of_both_orders(q: ConvConfig, layout: int) -> None:
    x, w, b = q.arrays()
    operands = tensors([stored(x, layout), w, b])

    def forward(*xs: tg.Tensor) -> tg.Tensor:
        return F.conv2d(*xs, **q.options)

    assert tg.autograd.gradcheck(forward, operands, **TIGHT)
    assert tg.autograd.gradgradcheck(forward, operands, fast_mode=True, **TIGHT)


@given(conv_configs(transposed=True, **SMALL))
def test_derivatives_of_both_orders_of_the_transpose(q: ConvConfig) -> None:
    x, w, b = q.arrays()
    operands = tensors([x, w, b])

    def forward(*xs: tg.Tensor) -> tg.Tensor:
        return F.conv_transpose2d(*xs, **q.options)

    expected = oracles.conv_transpose2d(x, w, b, **q.options)
    close(forward(*operands).detach().numpy(), expected, atol=1e-12)
    assert tg.autograd.gradcheck(forward, operands, **TIGHT)
    assert tg.autograd.gradgradcheck(forward, operands, fast_mode=True, **TIGHT)


@given(pool_configs(batches=(2, None), max_kernel=3, max_dilation=2, max_extra=4), st.booleans())
def test_poolings_of_drawn_windows(q: PoolConfig, include: bool) -> None:
    x = np.random.default_rng(0).permutation(math.prod(q.input_shape)).reshape(q.input_shape) * 0.5
    operands = tensors([x])
    at = {"stride": q.stride, "padding": q.padding, "ceil": q.ceil_mode}
    expected = oracles.pool2d(np.max, x, q.kernel, dilation=q.dilation, fill=-inf, **at)
    y = F.max_pool2d(*operands, **q.options)
    equal(y.detach().numpy(), expected)
    options = {name: value for name, value in q.options.items() if name != "dilation"}
    for f in (
        lambda x: F.max_pool2d(x, **q.options),
        lambda x: F.avg_pool2d(x, **options, count_include_pad=include),
    ):
        assert tg.autograd.gradcheck(f, operands, **TIGHT)
        assert tg.autograd.gradgradcheck(f, operands, fast_mode=True, **TIGHT)
    if not include:
        counts = oracles.pool2d(np.sum, np.ones_like(x), q.kernel, **at)
        means = oracles.pool2d(np.sum, x, q.kernel, **at) / counts
        close(F.avg_pool2d(*operands, **options, count_include_pad=False).detach(), means)


# --- convolution ---


def test_convolution_does_not_flip_the_kernel() -> None:
    x = tg.tensor([[[0.0, 0.0, 1.0, 0.0, 0.0]]])
    equal(F.conv1d(x, tg.tensor([[[1.0, 2.0, 3.0]]])).numpy(), [[[3.0, 2.0, 1.0]]])


@pytest.mark.parametrize(("k", "d"), [(1, 1), (2, 1), (3, 1), (4, 1), (2, 3), (3, 2), (4, 3)])
def test_same_padding_keeps_the_size_and_pads_the_odd_place_on_the_right(k: int, d: int) -> None:
    x, w = tg.randn(2, 3, 9, 8), tg.randn(4, 3, k, 2)
    y = F.conv2d(x, w, padding="same", dilation=(d, 1))
    assert y.shape == (2, 4, 9, 8)
    total = d * (k - 1)
    padded = F.pad(x, (0, 1, total // 2, total - total // 2))
    close(y.numpy(), F.conv2d(padded, w, dilation=(d, 1)).numpy(), atol=1e-6)


def test_unbatched_input() -> None:
    x = tg.randn(3, 8, 7)
    for layer in (
        nn.Conv2d(3, 4, 3),
        nn.ConvTranspose2d(3, 4, 3),
        nn.MaxPool2d(2),
        nn.AvgPool2d(3),
    ):
        close(layer(x).detach().numpy(), layer(x[None])[0].detach().numpy(), atol=1e-6)
    for line in (nn.Conv1d(3, 4, 3), nn.MaxPool1d(2), nn.AvgPool1d(3), nn.AdaptiveAvgPool1d(2)):
        one = line(x[:, 0])
        assert one.ndim == 2
        close(one.detach().numpy(), line(x[None, :, 0])[0].detach().numpy(), atol=1e-6)


def test_trailing_rows_that_no_window_reaches_get_no_gradient() -> None:
    x = tg.randn(1, 1, 6, 5, requires_grad=True)
    for y in (F.conv2d(x, tg.ones(1, 1, 2, 2), stride=(4, 3)), F.max_pool2d(x, 2, (4, 3))):
        assert y.shape == (1, 1, 2, 2)
    y = F.avg_pool2d(x, 2, (3, 4))
    (g,) = tg.autograd.grad(y, x, tg.ones(*y.shape))
    equal(g.numpy()[0, 0, :, 2:4], np.zeros((6, 2)))
    equal(g.numpy()[0, 0, [2, 5]], np.zeros((2, 5)))


@pytest.mark.parametrize(
    "layer",
    [
        nn.Conv2d(2, 3, 3, padding=1),
        nn.Conv2d(2, 4, (3, 2), stride=2, groups=2),
        nn.ConvTranspose2d(2, 3, 3, stride=2),
        nn.Conv2d(2, 3, 3, padding=1, padding_mode="reflect"),
        nn.MaxPool2d(2),
        nn.AvgPool2d(2, padding=1),
        nn.AdaptiveAvgPool2d((2, None)),
        nn.AdaptiveMaxPool2d(3),
        nn.Unfold(2),
        nn.ReplicationPad2d(2),
    ],
    ids=str,
)
def test_an_empty_batch_passes_forward_and_backward(layer: nn.Module) -> None:
    x = tg.zeros(0, 2, 6, 5, requires_grad=True)
    y = layer(x)
    assert y.shape[0] == 0
    assert y.shape[1:] == layer(tg.zeros(1, 2, 6, 5)).shape[1:]
    y.sum().backward()
    assert x.grad is not None
    assert x.grad.shape == x.shape
    for p in layer.parameters():
        equal(p.grad.numpy(), np.zeros(p.shape))


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_dtypes_stay(dtype: Any) -> None:
    x = tg.tensor(np.ones((2, 3, 8, 7), dtype), requires_grad=True)
    w = tg.tensor(np.ones((4, 3, 3, 3), dtype), requires_grad=True)
    y = F.avg_pool2d(F.max_pool2d(F.pad(F.conv2d(x, w), (1, 0)), 2), 2)
    assert y.dtype == dtype
    for g in gradients(y, [x, w]):
        assert g.dtype == dtype


def test_what_a_convolution_keeps() -> None:
    """A first layer keeps no weight for an image that needs no gradient, so it may be written."""
    x, w = tg.randn(1, 1, 4, 4), tg.randn(1, 1, 2, 2, requires_grad=True)
    y = F.conv2d(x, w)
    with tg.no_grad():
        w.mul_(2.0)
    y.sum().backward()
    close(w.grad.numpy()[0, 0, 0, 0], x.numpy()[0, 0, :3, :3].sum(), rtol=1e-5)
    y = F.conv2d(x, w)
    x.mul_(2.0)
    with pytest.raises(RuntimeError, match=r"derivative of Conv2d .* reads was changed in place"):
        y.sum().backward()


def test_relu_in_place_after_a_convolution() -> None:
    layer, x = nn.Conv2d(1, 2, 3), tg.randn(2, 1, 5, 5)
    grads = []
    for inplace in (False, True):
        layer.zero_grad()
        y = nn.ReLU(inplace)(layer(x))
        y.backward(weights(y.shape, np.float32))
        grads.append(layer.weight.grad.numpy().copy())
    equal(*grads)


def test_third_derivatives() -> None:
    x, w = tg.randn(1, 1, 4, 4, dtype=tg.float64), tg.randn(1, 1, 2, 2, dtype=tg.float64)

    def cubed(w: tg.Tensor) -> tg.Tensor:
        return (F.conv2d(x, w) ** 3).sum()

    w.requires_grad_()
    g: Any = cubed(w)
    for _ in range(3):  # along (1, 1, 1, 1), so each step is a number
        (g,) = tg.autograd.grad(g, w, create_graph=True)
        g = g.sum()
    expected = 6 * (oracles.conv2d(x.numpy(), np.ones((1, 1, 2, 2))) ** 3).sum()
    close(g.item(), expected, rtol=1e-9)


# --- pooling ---


def test_ties_of_max_pooling() -> None:
    x = tg.zeros(1, 1, 2, 2, requires_grad=True)
    F.max_pool2d(x, 2).backward(tg.full((1, 1, 1, 1), 3.0))
    equal(x.grad.numpy().ravel(), [3, 0, 0, 0])
    x = tg.tensor([[1.0, 5.0, 1.0]], requires_grad=True)
    F.max_pool1d(x, 2, 1).backward(tg.tensor([[2.0, 3.0]]))
    equal(x.grad.numpy(), [[0, 5, 0]])


def test_max_padding_never_wins_and_nan_always_does() -> None:
    x = tg.full((1, 1, 3, 3), -5.0)
    equal(F.max_pool2d(x, 3, 2, 1).numpy(), np.full((1, 1, 2, 2), -5.0))
    x = tg.tensor([[[1.0, nan, 3.0, 4.0]]])
    equal(F.max_pool1d(x, 2).numpy(), [[[nan, 4.0]]])


def test_max_pooling_of_integers() -> None:
    y, at = F.max_pool2d(tg.arange(16).reshape(1, 4, 4), 2, return_indices=True)
    assert y.dtype == tg.int64
    equal(y.numpy(), [[[5, 7], [13, 15]]])
    equal(at.numpy(), y.numpy())


@pytest.mark.parametrize("pool", [F.avg_pool1d, F.max_pool1d])
def test_windows_that_reach_beyond_the_end_are_left_out_by_default(pool: Any) -> None:
    assert pool(tg.ones(1, 5), 2).shape == (1, 2)
    assert pool(tg.ones(1, 5), 2, ceil_mode=True).shape == (1, 3)


def test_adaptive_pooling_of_no_channels() -> None:
    for pool in (F.adaptive_avg_pool2d, F.adaptive_max_pool2d):
        assert pool(tg.ones(0, 3, 3), 1).shape == (0, 1, 1)


@pytest.mark.parametrize(
    "f", [lambda x: F.conv2d(x, tg.ones(1, 1, 1, 1)), lambda x: F.max_pool2d(x, 1)]
)
def test_a_batch_of_images_is_taken_as_it_is(f: Any) -> None:
    x = tg.ones(1, 1, 2, 2, requires_grad=True)
    assert f(x).grad_fn.next_functions[0][0].name() == "AccumulateGrad"


def test_an_empty_stride_is_the_size_of_the_kernel() -> None:
    x = tg.randn(1, 2, 7, 6)
    for f, line in ((F.max_pool2d, F.max_pool1d), (F.avg_pool2d, F.avg_pool1d)):
        equal(f(x, (3, 2), []).numpy(), f(x, (3, 2)).numpy())
        equal(line(x[0], 3, ()).numpy(), line(x[0], 3).numpy())
    equal(nn.MaxPool2d(2, [])(x).numpy(), F.max_pool2d(x, 2).numpy())


def test_relu_in_place_after_pooling() -> None:
    """Pooling reads what it was given, and not what came out, so that may be written."""
    x = tg.randn(2, 3, 6, 4, requires_grad=True)
    g = weights((2, 3, 3, 2), np.float32)
    (expected,) = tg.autograd.grad(tg.relu(F.max_pool2d(x, 2)), x, g)
    (found,) = tg.autograd.grad(F.max_pool2d(x, 2).relu_(), x, g)
    equal(found.numpy(), expected.numpy())


def test_indices_of_a_maximum_leave_its_value_and_its_gradient_as_they_are() -> None:
    x = tg.randn(2, 3, 6, 5, dtype=tg.float64, requires_grad=True)
    alone, (both, _) = F.max_pool2d(x, 3, 2), F.max_pool2d(x, 3, 2, return_indices=True)
    equal(both.detach().numpy(), alone.detach().numpy())
    close(gradients(both, [x])[0], gradients(alone, [x])[0], atol=1e-12)


def test_the_last_nan_of_a_window_is_found() -> None:
    x = tg.tensor([[[1.0, nan, nan, 0.0]]], requires_grad=True)
    for y, at in (
        F.max_pool2d(x, (1, 4), return_indices=True),
        F.adaptive_max_pool2d(x, 1, return_indices=True),
    ):
        assert at.item() == 2
        (g,) = tg.autograd.grad(y, x, tg.full(y.shape, 3.0))
        equal(g.numpy(), [[[0.0, 0.0, 3.0, 0.0]]])


@example((1, 1), (2, 2), (1, 1), (1, 1), (2, 2))
@given(pairs(1, 4), pairs(1, 3), pairs(1, 3), pairs(0, 1), pairs(1, 3))
def test_no_index_of_a_dilated_maximum_lies_outside(
    hw: Any, k: Any, stride: Any, pad: Any, dilation: Any
) -> None:
    """A window that steps over the whole input has no maximum; PyTorch writes out of bounds."""
    pad = tuple(min(p, w // 2) for p, w in zip(pad, k, strict=True))
    x = tg.full((1, 1, *hw), -inf, dtype=tg.float64, requires_grad=True)
    try:
        y, at = F.max_pool2d(x, k, stride, pad, dilation, return_indices=True)
    except tg.ShapeError:
        return
    assert (at.numpy() >= 0).all()
    assert (at.numpy() < math.prod(hw)).all()
    (g,) = tg.autograd.grad(y, x, tg.ones(*y.shape), create_graph=True)
    assert g.sum().item() == y.numel()


def test_half_precision_is_summed_in_single() -> None:
    """The sum of what a window holds may lie beyond float16 where its mean does not."""
    x = tg.full((1, 1, 4, 4), 30000.0, dtype=tg.float16, requires_grad=True)
    for y in (F.avg_pool2d(x, 2), F.avg_pool2d(x, 3, 1), F.adaptive_avg_pool2d(x, 2)):
        assert y.dtype == tg.float16
        equal(y.detach().numpy(), np.full(y.shape, 30000.0))
    thirds = tg.full((1, 1, 2, 2), 1 / 3, dtype=tg.float16)
    means = F.adaptive_avg_pool2d(tg.cat([thirds, thirds + 1, thirds + 2], 3), 1)
    exact = np.float16(thirds.numpy().astype("f4").mean() + 1)
    equal(means.numpy().ravel(), [exact])
    (g,) = tg.autograd.grad(F.avg_pool2d(x, 3, 1), x, tg.full((1, 1, 2, 2), 1.0, dtype=tg.float16))
    equal(g.numpy()[0, 0, 1, 1], np.float16(np.float32(4 / 9)))


def test_a_bias_in_half_precision_joins_the_sum_before_it_is_rounded() -> None:
    x, w = (tg.full((1, 1, 1, 1), v, dtype=tg.float16) for v in (683.0, 3.0))
    b = tg.tensor([1.0], dtype=tg.float16)
    for f in (F.conv2d, F.conv_transpose2d):
        assert f(x, w, b).item() == 2050.0  # 2049 is none of float16's, and 2048 + 1 neither


def test_average_padding_counts_unless_told_otherwise() -> None:
    x = tg.ones(1, 1, 4, 3)
    equal(F.avg_pool2d(x, 2, 2, 1).numpy()[0, 0], [[0.25, 0.5], [0.5, 1.0], [0.25, 0.5]])
    equal(F.avg_pool2d(x, 2, 2, 1, count_include_pad=False).numpy(), np.ones((1, 1, 3, 2)))


def test_ceil_mode_drops_windows_that_start_beyond_the_input() -> None:
    x = tg.arange(5.0).reshape(1, 5)
    equal(F.max_pool1d(x, 2, 2).numpy(), [[1, 3]])
    equal(F.max_pool1d(x, 2, 2, ceil_mode=True).numpy(), [[1, 3, 4]])
    equal(F.max_pool1d(x, 1, 3, ceil_mode=True).numpy(), [[0, 3]])
    equal(F.avg_pool1d(x, 2, 2, ceil_mode=True).numpy(), [[0.5, 2.5, 4.0]])


def test_indices_point_at_the_maxima() -> None:
    x = tg.randn(2, 3, 7, 6)
    for y, at in (
        F.max_pool2d(x, (3, 2), (2, 1), 1, return_indices=True),
        F.adaptive_max_pool2d(x, (3, 4), return_indices=True),
    ):
        assert at.dtype == np.int64
        assert not at.requires_grad
        planes, flat = x.numpy().reshape(6, 42), at.numpy().reshape(6, -1)
        equal(np.take_along_axis(planes, flat, 1).reshape(y.shape), y.numpy())


def test_adaptive_pooling_of_one_bin_is_the_mean() -> None:
    x = tg.randn(2, 3, 7, 6)
    close(F.adaptive_avg_pool2d(x, 1).numpy()[..., 0, 0], x.numpy().mean((2, 3)), atol=1e-6)
    equal(F.adaptive_avg_pool2d(x, (None, 6)).numpy(), x.numpy())


# --- unfold and pad ---


def test_a_convolution_is_a_product_with_the_unfolded_image() -> None:
    x, w = tg.randn(2, 3, 7, 6, dtype=tg.float64), tg.randn(4, 3, 3, 2, dtype=tg.float64)
    product = w.reshape(4, -1) @ F.unfold(x, (3, 2))
    close(product.reshape(2, 4, 5, 5).numpy(), F.conv2d(x, w).numpy(), atol=1e-12)


def test_fold_counts_how_often_a_place_was_read() -> None:
    counts = F.fold(F.unfold(tg.ones(1, 1, 3, 4), 2), (3, 4), 2)
    equal(counts.numpy()[0, 0], [[1, 2, 2, 1], [2, 4, 4, 2], [1, 2, 2, 1]])


def test_fold_into_a_single_place_and_beyond_the_last_window() -> None:
    equal(F.fold(tg.ones(1, 1), 1, 1).numpy(), [[[1]]])
    equal(F.fold(tg.ones(2, 1), (1, 3), (1, 2), stride=2).numpy(), [[[1, 1, 0]]])


def test_a_mirrored_place_receives_every_gradient() -> None:
    x = tg.tensor([[1.0, 2.0, 3.0]], requires_grad=True)
    g = tg.tensor([[1.0, 2.0, 4.0, 8.0, 16.0, 32.0]])
    for mode, expected in (
        ("reflect", [4.0, 2.0 + 8.0 + 32.0, 1.0 + 16.0]),
        ("replicate", [1.0 + 2.0 + 4.0, 8.0, 16.0 + 32.0]),
        ("circular", [4.0 + 32.0, 1.0 + 8.0, 2.0 + 16.0]),
        ("constant", [4.0, 8.0, 16.0]),
    ):
        (found,) = tg.autograd.grad(F.pad(x, (2, 1), mode=mode), x, g)
        equal(found.numpy(), [expected])


@pytest.mark.parametrize("dtype", [np.int64, np.bool_, np.float32])
def test_padding_keeps_the_dtype(dtype: Any) -> None:
    y = F.pad(tg.tensor(np.ones((2, 2), dtype)), (1, 1))
    assert y.dtype == dtype
    equal(y.numpy(), np.pad(np.ones((2, 2), dtype), ((0, 0), (1, 1))))


def test_padding_with_the_least_and_the_greatest_number() -> None:
    x = tg.tensor([1, 2], dtype=tg.uint8)
    equal(F.pad(x, (1, 0), value=0).numpy(), [0, 1, 2])
    equal(F.pad(x, (1, 0), value=255).numpy(), [255, 1, 2])


def test_bools_are_padded_with_the_truth_of_any_number() -> None:
    for value in (1, 0.5, 300, math.inf, math.nan):
        equal(F.pad(tg.tensor([False]), (0, 1), value=value).numpy(), [False, True])
    assert math.isinf(F.pad(tg.ones(1), (0, 1), value=math.inf)[1].item())


def test_a_convolution_over_no_channels_is_the_empty_sum() -> None:
    equal(F.conv1d(tg.ones(1, 0, 5), tg.ones(2, 0, 3)).numpy(), np.zeros((1, 2, 3)))


@pytest.mark.parametrize("mode", MODES)
def test_padding_by_nothing_is_a_copy_and_no_view(mode: str) -> None:
    x = tg.ones(2, 2)
    y = F.pad(x, (0, 0), mode=mode)
    y[0] = 5.0
    equal(x.numpy(), np.ones((2, 2)))
    x.requires_grad_()
    (g,) = tg.autograd.grad(F.pad(x, (0, 0), mode=mode), x, weights((2, 2), np.float32))
    equal(g.numpy(), weights((2, 2), np.float32).numpy())


def test_a_transposed_convolution_may_give_a_single_place() -> None:
    x, w = tg.full((1, 1, 1, 1), 3.0), tg.full((1, 1, 1, 1), 2.0)
    equal(F.conv_transpose2d(x, w).numpy(), [[[[6.0]]]])
