"""Fast convolution = reference = naive loop over drawn geometries."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from geometry import MANY, Case, arrays, cases, naive
from hypothesis import given
from hypothesis import strategies as st

from tinygrad_np.kernels import conv, lowering


def fast(x: Any, k: Any, b: Any, g: Any, q: Any) -> Any:
    return (
        conv.conv2d(x, k, b, **q.options),
        conv.conv2d_input(g, k, q.hw, **q.options),
        conv.conv2d_weight(x, g, q.k, **q.options),
    )


def reference(x: Any, k: Any, b: Any, g: Any, q: Any) -> Any:
    return (
        lowering.conv2d_reference(x, k, b, **q.options),
        lowering.conv2d_input_reference(g, k, q.hw, **q.options),
        lowering.conv2d_weight_reference(x, g, q.k, **q.options),
    )


def close(found: Any, wanted: Any, tolerance: Any) -> None:
    for a, b in zip(found, wanted, strict=True):
        assert a.shape == b.shape
        scale = max(1.0, float(np.abs(b).max())) if b.size else 1.0
        np.testing.assert_allclose(a, b, rtol=0, atol=tolerance * scale)


@MANY
@given(cases)
def test_fast_and_reference_equal_the_naive_loop(q: Any) -> None:
    made = arrays(q)
    wanted = naive(*made, q)
    close(reference(*made, q), wanted, 1e-12)
    close(fast(*made, q), wanted, 1e-12)


@MANY
@given(cases, st.sampled_from([np.float32, np.float64, np.float16]))
def test_fast_equals_reference_in_every_type(q: Any, dtype: Any) -> None:
    made = arrays(q, dtype)
    found = fast(*made, q)
    assert all(a.dtype == dtype for a in found)
    wanted = reference(*(a.astype(np.float64) for a in made), q)
    close(found, wanted, {np.float16: 2e-3, np.float32: 2e-6, np.float64: 1e-13}[dtype])


@MANY
@given(cases)
def test_work_cut_in_three_equals_the_reference(q: Any) -> None:
    """As threads would do it, wherever the cuts fall."""
    made = arrays(q)

    def thirds(size: int) -> list[slice]:
        ends = [size * i // 3 for i in range(4)]
        return [slice(a, b) for a, b in pairwise(ends) if a < b]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(conv, "WORTH", 0)
        patch.setattr(conv, "cut", thirds)
        close(fast(*made, q), reference(*made, q), 1e-12)


LAYERS = [  # n, groups, c, o, hw, k, stride, padding, dilation
    (8, 1, 1, 6, (28, 28), (5, 5), (1, 1), (2, 2), (1, 1)),
    (8, 1, 6, 16, (14, 14), (5, 5), (1, 1), (0, 0), (1, 1)),
    (8, 1, 32, 64, (26, 26), (3, 3), (1, 1), (0, 0), (1, 1)),
    (3, 1, 16, 32, (15, 17), (3, 3), (1, 1), (1, 1), (1, 1)),
    (4, 1, 32, 32, (16, 13), (5, 3), (1, 1), (2, 0), (1, 1)),
    (4, 1, 16, 48, (16, 13), (3, 3), (2, 1), (1, 2), (1, 1)),
    (4, 1, 32, 32, (16, 14), (3, 3), (2, 2), (1, 1), (1, 1)),
    (4, 1, 16, 16, (16, 14), (3, 3), (1, 1), (2, 2), (2, 2)),
    (4, 32, 1, 1, (16, 14), (3, 3), (1, 1), (1, 1), (1, 1)),
    (4, 2, 16, 16, (16, 14), (3, 3), (1, 1), (1, 1), (1, 1)),
    (1, 1, 64, 64, (7, 7), (3, 3), (1, 1), (1, 1), (1, 1)),
    (4, 1, 32, 64, (8, 9), (1, 1), (2, 2), (0, 0), (1, 1)),
    (4, 1, 32, 64, (8, 9), (1, 1), (1, 1), (0, 0), (1, 1)),
    (4, 1, 3, 2, (8, 9), (1, 1), (1, 1), ((1, -1), (1, -1)), (1, 1)),  # as wide, but shifted
]


@pytest.mark.parametrize("layer", LAYERS, ids=str)
@pytest.mark.parametrize("layout", range(6))
def test_layers_of_real_networks_equal_the_reference(layer: Any, layout: Any) -> None:
    q = Case(*layer, layout)
    made = arrays(q, np.float32)
    close(fast(*made, q), reference(*(a.astype(np.float64) for a in made), q), 5e-6)


def test_padding_at_one_end_alone() -> None:
    q = Case(2, 1, 2, 3, (3, 2), (2, 1), (1, 1), ((0, 1), (0, 0)), (1, 1), 0)
    made = arrays(q)
    close(fast(*made, q), reference(*made, q), 1e-12)


def test_a_window_that_does_not_fit_is_refused() -> None:
    with pytest.raises(ValueError, match="output size is too small"):
        conv.conv2d(np.ones((1, 1, 2, 2)), np.ones((1, 1, 3, 3)))


@MANY
@given(cases)
def test_fold_is_the_adjoint_of_unfold(q: Any) -> None:
    x = arrays(q)[0]
    options = {"stride": q.stride, "padding": q.padding, "dilation": q.dilation}
    columns = lowering.unfold(x, q.k, **options)
    u = np.random.default_rng(1).standard_normal(columns.shape)
    folded = lowering.fold(u, q.hw, q.k, **options)
    np.testing.assert_allclose((columns * u).sum(), (x * folded).sum(), rtol=1e-9, atol=1e-9)
