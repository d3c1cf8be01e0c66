"""Winograd's convolution alone: float64 shows its algebra, float32 its rounding."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from geometry import MANY
from hypothesis import given
from hypothesis import strategies as st

from tinygrad_np.kernels import conv, lowering, winograd
from tinygrad_np.kernels.windows import axes


@st.composite
def geometries(draw: st.DrawFn) -> Any:
    kh, n = draw(st.integers(1, 12)), draw(st.integers(0, 3))
    c, o = draw(st.integers(1, 3)), draw(st.integers(1, 3))
    pads = [(draw(st.integers(0, 3)), draw(st.integers(0, 3))) for _ in range(2)]
    hw = draw(st.integers(kh, 24)), draw(st.integers(3, 13))
    return kh, n, c, o, pads, hw


@MANY
@given(geometries())
def test_values_and_filter_gradient_equal_the_reference(q: Any) -> None:
    kh, n, c, o, pads, hw = q
    rng = np.random.default_rng(0)
    x, w, b = (rng.standard_normal(s) for s in ((n, c, *hw), (o, c, kh, 3), (o,)))
    h, v = axes(hw, (kh, 3), (1, 1), pads)
    rows = np.empty((h.out, o, v.out, n))
    winograd.convolve(conv.batch_last(x), w, b, h, v, rows)
    y = rows.transpose(3, 1, 0, 2)
    np.testing.assert_allclose(y, lowering.conv2d_reference(x, w, b, padding=pads), atol=1e-11)
    g = rng.standard_normal(y.shape)
    dw = winograd.filter_gradient(conv.batch_last(x), conv.batch_last(g), h, v)
    wanted = lowering.conv2d_weight_reference(x, g, (kh, 3), padding=pads)
    np.testing.assert_allclose(dw, wanted, atol=1e-10)


@pytest.mark.parametrize("scale", [1e-20, 1.0, 1e20])
def test_float32_stays_close_to_float64(scale: Any) -> None:
    rng = np.random.default_rng(0)
    x = rng.standard_normal((4, 64, 20, 21)) * scale
    w = rng.standard_normal((48, 64, 3, 3)) / 24
    g = rng.standard_normal((4, 48, 20, 21))
    options: Any = {"padding": (1, 1)}
    found = (
        conv.conv2d(x.astype(np.float32), w.astype(np.float32), **options),
        conv.conv2d_input(g.astype(np.float32), w.astype(np.float32), (20, 21), **options),
        conv.conv2d_weight(x.astype(np.float32), g.astype(np.float32), (3, 3), **options),
    )
    wanted = (
        lowering.conv2d_reference(x, w, **options),
        lowering.conv2d_input_reference(g, w, (20, 21), **options),
        lowering.conv2d_weight_reference(x, g, (3, 3), **options),
    )
    for a, b in zip(found, wanted, strict=True):
        assert np.abs(a - b).max() < 5e-6 * np.abs(b).max()
        assert np.abs(a - b).mean() < 2e-6 * np.abs(b).mean()


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 1e38])
@pytest.mark.parametrize("row", [0, 3, 5])
def test_numbers_that_are_not_finite_show_where_direct_sums_show_them(
    value: float, row: int
) -> None:
    rng = np.random.default_rng(0)
    x = rng.standard_normal((8, 16, 6, 12)).astype(np.float32)
    w = rng.uniform(0.1, 0.2, (16, 16, 3, 3)).astype(np.float32)
    x[0, 0, row, 4] = value
    with np.errstate(all="ignore"):
        found = conv.conv2d(x, w), conv.conv2d_weight(x, x[:, :, 2:, 2:], (3, 3))
        wanted = (
            lowering.conv2d_reference(x, w),
            lowering.conv2d_weight_reference(x, x[:, :, 2:, 2:], (3, 3)),
        )
    for a, b in zip(found, wanted, strict=True):
        np.testing.assert_array_equal(np.isfinite(a), np.isfinite(b))
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-4)


def test_winograd_itself_warns_of_nothing_that_direct_sums_keep_finite() -> None:
    x = np.full((8, 16, 6, 12), 1e36, np.float32)
    w = np.full((16, 16, 3, 3), 0.5, np.float32)
    with np.errstate(all="raise"):
        y = conv.conv2d(x, w)
    np.testing.assert_allclose(y, 72e36, rtol=1e-5)


@MANY
@given(st.data())
def test_every_geometry_that_suits_equals_the_reference(data: st.DataObject) -> None:
    """All three, flipped pads and dispatch included: the layers that Winograd's way is for."""
    n, c, o = data.draw(st.integers(4, 8)), *(data.draw(st.integers(16, 19)) for _ in "co")
    hw = data.draw(st.integers(2, 9)), data.draw(st.integers(12, 17))
    kh = data.draw(st.integers(2, min(4, hw[0])))
    pads = [tuple(data.draw(st.integers(0, 2)) for _ in range(2)) for _ in range(2)]
    rng = np.random.default_rng(0)
    x, w, b = (rng.standard_normal(s) for s in ((n, c, *hw), (o, c, kh, 3), (o,)))
    wanted_y = lowering.conv2d_reference(x, w, b, padding=pads)
    g = rng.standard_normal(wanted_y.shape)
    x4, w4, b4, g4 = (a.astype(np.float32) for a in (x, w, b, g))
    pairs = [
        (conv.conv2d(x4, w4, b4, padding=pads), wanted_y),
        (
            conv.conv2d_input(g4, w4, hw, padding=pads),
            lowering.conv2d_input_reference(g, w, hw, padding=pads),
        ),
        (
            conv.conv2d_weight(x4, g4, (kh, 3), padding=pads),
            lowering.conv2d_weight_reference(x, g, (kh, 3), padding=pads),
        ),
    ]
    for found, wanted in pairs:
        assert np.abs(found - wanted).max() < 1e-5 * np.abs(wanted).max()
