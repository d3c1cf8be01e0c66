"""Fast convolution = reference = naive loop over drawn geometries."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from geometry import MANY, Case, arrays, cases, naive
from hypothesis import given
from hypothesis import strategies as st

from tinygrad_np.kernels import conv, lowering, windows, winograd
from tinygrad_np.kernels.threads import find_blas

if TYPE_CHECKING:
    from collections.abc import Callable


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
    (4, 2, 3, 4, (8, 9), (1, 1), (1, 1), (0, 0), (1, 1)),
    (4, 1, 3, 4, (8, 9), (1, 1), (1, 1), (2, 1), (1, 1)),  # padded beyond its reach, as is:
    (4, 1, 16, 16, (5, 13), (2, 3), (1, 1), ((0, 3), (4, 1)), (1, 1)),
    (4, 1, 16, 16, (0, 14), (3, 3), (1, 1), (2, 2), (1, 1)),  # no image, but windows
    (4, 1, 2, 3, (3, 0), (1, 1), (1, 1), (1, 1), (1, 1)),
]


@pytest.mark.parametrize("layer", LAYERS, ids=str)
@pytest.mark.parametrize("layout", range(6))
def test_layers_of_real_networks_equal_the_reference(layer: Any, layout: Any) -> None:
    q = Case(*layer, layout)
    made = arrays(q, np.float32)
    close(fast(*made, q), reference(*(a.astype(np.float64) for a in made), q), 5e-6)


def test_without_options_windows_stand_next_to_each_other() -> None:
    q = Case(2, 1, 2, 3, (6, 7), (3, 2), (1, 1), (0, 0), (1, 1), 0)
    x, k, b, g = arrays(q)
    close((conv.conv2d(x, k, b),), (lowering.conv2d_reference(x, k, b, **q.options),), 1e-12)
    for module, ending in ((conv, ""), (lowering, "_reference")):
        plain = (
            getattr(module, f"conv2d{ending}")(x, k),
            getattr(module, f"conv2d_input{ending}")(g, k, q.hw),
            getattr(module, f"conv2d_weight{ending}")(x, g, q.k),
        )
        close(plain, naive(x, k, 0 * b, g, q), 1e-12)
    columns = lowering.unfold(x, q.k)
    assert columns.shape == (2, 2 * 3 * 2, 4 * 6)
    np.testing.assert_array_equal(columns[:, :, -1], x[:, :, 3:, 5:].reshape(2, 12))
    counts = lowering.fold(np.ones((1, 6, 4 * 6)), q.hw, q.k)
    np.testing.assert_array_equal(counts[0, 0, :, 3], [2, 4, 6, 6, 4, 2])
    np.testing.assert_array_equal(counts[0, 0, 2], [3, 6, 6, 6, 6, 6, 3])


def watch(monkeypatch: pytest.MonkeyPatch, module: Any, name: str, note: Any) -> None:
    """Call `note` before a function."""
    own = getattr(module, name)

    def noting(*operands: Any) -> Any:
        note(*operands)
        return own(*operands)

    monkeypatch.setattr(module, name, noting)


Ways = tuple[str, str, str]  # of the value, and of the adjoints in images and in filters
ROWS: Ways = ("rows", "spread", "gather")
WINOGRAD: Ways = ("winograd", "winograd", "filter gradient")
# n, groups, c, o, hw, k, stride, padding, dilation; the smallest layer that suits Winograd's way
SUITED = Case(4, 1, 16, 16, (5, 14), (3, 3), (1, 1), (0, 0), (1, 1), 0)


@pytest.mark.parametrize(
    ("changed", "ways"),
    [
        ({}, WINOGRAD),
        ({"k": (2, 3)}, WINOGRAD),
        ({"k": (1, 3)}, ROWS),
        ({"k": (3, 2)}, ROWS),
        ({"k": (3, 4), "hw": (5, 15)}, ROWS),
        ({"stride": (2, 1)}, ROWS),
        ({"stride": (1, 2), "hw": (5, 26)}, ROWS),
        ({"dilation": (2, 1)}, ROWS),
        ({"dilation": (1, 2), "hw": (5, 16)}, ROWS),
        ({"groups": 2}, ROWS),
        ({"c": 15}, ROWS),
        ({"o": 15}, ROWS),
        ({"n": 3, "padding": (1, 1)}, ROWS),  # 42 outputs in a row
        ({"hw": (5, 13), "padding": ((0, 0), (1, -1))}, ("rows", "winograd", "gather")),  # 44, 52
        ({"hw": (5, 13), "padding": (0, 1)}, WINOGRAD),
        ({"n": 12, "hw": (5, 6)}, WINOGRAD),  # one tile in a row of an image
        ({"n": 16, "hw": (5, 5), "padding": (0, 0)}, ("rows", "winograd", "gather")),
        ({"k": (1, 1)}, ("rows", "rows", "gather")),
        ({"k": (1, 1), "groups": 2, "dilation": (2, 3)}, ("rows", "rows", "gather")),
        ({"k": (1, 1), "stride": (2, 1)}, ROWS),
        ({"k": (1, 1), "stride": (1, 2)}, ROWS),
        ({"k": (3, 1)}, ROWS),
        ({"c": 1, "o": 6, "hw": (28, 28), "k": (5, 5), "padding": (2, 2)}, ROWS),  # LeNet's
        ({"c": 6, "hw": (14, 14), "k": (5, 5)}, ROWS),
    ],
    ids=str,
)
@pytest.mark.parametrize("dtype", [np.float32, np.float16, np.float64])
def test_each_layer_takes_the_way_that_is_fastest(
    monkeypatch: pytest.MonkeyPatch, changed: Any, ways: Ways, dtype: Any
) -> None:
    q = SUITED._replace(**changed)
    x, k, b, g = arrays(q, dtype)
    taken: list[str] = []
    for module, name, way in (
        (winograd, "convolve", "winograd"),
        (winograd, "filter_gradient", "filter gradient"),
        (conv, "_convolve", "rows"),
        (conv, "_spread", "spread"),
        (conv, "_gather", "gather"),
    ):
        watch(monkeypatch, module, name, lambda *_, way=way: taken.append(way))
    calls: list[Callable[[], Any]] = [
        lambda: conv.conv2d(x, k, b, **q.options),
        lambda: conv.conv2d_input(g, k, q.hw, **q.options),
        lambda: conv.conv2d_weight(x, g, q.k, **q.options),
    ]
    for call, fast_way, slow_way in zip(calls, ways, ROWS, strict=True):
        call()
        way = fast_way
        if dtype == np.float64 and way in WINOGRAD:  # its rounding is for float32 alone
            way = slow_way
        assert {*taken} == {way}
        taken.clear()


@pytest.mark.parametrize("missing", [0, 1])
def test_so_many_multiplications_are_shared_among_threads(
    monkeypatch: pytest.MonkeyPatch, missing: int
) -> None:
    q = Case(2, 1, 3, 5, (7, 6), (3, 2), (1, 1), (0, 0), (1, 1), 0)
    x, k, b, g = arrays(q)
    wanted = naive(x, k, b, g, q)
    monkeypatch.setattr(conv, "WORTH", g.size * (3 * 3 * 2) + missing)
    monkeypatch.setattr(conv, "cut", lambda size: [slice(0, 2), slice(2, size)])
    shared: list[int] = []
    cuts: list[int] = []
    watch(monkeypatch, conv, "cut", cuts.append)
    watch(monkeypatch, conv, "each", lambda _, jobs: shared.append(len(jobs)))
    close(fast(x, k, b, g, q), wanted, 1e-12)
    assert shared == ([] if missing else [2, 2, 2])
    assert cuts == ([] if missing else [5, 7, 5])  # rows of the result


@pytest.mark.parametrize(
    ("layer", "shared"),
    [
        (LAYERS[0], False),  # LeNet's two, for a batch of 64
        (LAYERS[1], False),
        (LAYERS[2], True),  # of the 32-64 network
    ],
    ids=str,
)
@pytest.mark.usefixtures("two")
def test_layers_that_gain_by_threads_are_shared(
    monkeypatch: pytest.MonkeyPatch, layer: Any, shared: bool
) -> None:
    q = Case(*layer, 0)
    q = q if shared else q._replace(n=64)
    x, k, b, g = arrays(q, np.float32)
    threads: list[int] = []
    for module, name in ((conv, "multiply"), (winograd, "multiply"), (conv, "_gather")):
        watch(monkeypatch, module, name, lambda *_: threads.append(find_blas().get()))
    calls: list[int] = []
    watch(monkeypatch, conv, "each", lambda _, jobs: calls.append(len(jobs)))
    fast(x, k, b, g, q)
    assert calls == ([2, 2, 2] if shared else [])
    assert {*threads} == {1}  # either way, BLAS keeps to the thread that calls it


STORED = np.zeros((3, 5, 8, 4))  # (H, C, W, N)


@pytest.mark.parametrize(
    ("rows", "view"),
    [
        (STORED, True),
        (STORED[::-1, 1::2], True),  # every row is a run still
        (STORED[:, :, 2:5], True),
        (STORED[:, :, ::2], False),
        (STORED[:, :, ::-1], False),
        (STORED[:, :, :, :3], False),
        (STORED[..., :1], False),
        (STORED.swapaxes(2, 3), False),
        (STORED[:, :, :1], True),
        (STORED[:, :, :1, :3], True),
        (STORED[:, :, :1, ::2], False),
        (STORED.swapaxes(2, 3)[..., :1], True),  # one image
        (STORED.swapaxes(2, 3)[:, :, ::2, :1], False),
        (STORED[:, :, :1, :1], True),
    ],
)
def test_rows_are_copied_only_if_width_and_batch_are_no_run(rows: Any, view: bool) -> None:
    found = conv.batch_last(rows.transpose(3, 1, 0, 2))
    assert found.shape == rows.shape
    assert np.shares_memory(found, rows) == view
    h, c, w, n = rows.shape
    assert np.shares_memory(found.reshape(h, c, w * n), found)  # a view too


@pytest.mark.parametrize("first", range(-3, 7))
@pytest.mark.parametrize("count", [1, 2, 4, 6])
def test_rows_are_copied_only_if_some_lie_outside(first: int, count: int) -> None:
    rows = np.arange(1.0, 9.0).reshape(4, 2)
    found = conv._padded(rows, first, first + count)
    outside = np.zeros((9, 2))
    wanted = np.concatenate([outside, rows, outside])[first + 9 : first + 9 + count]
    np.testing.assert_array_equal(found, wanted)
    assert np.shares_memory(found, rows) == (first >= 0 and first + count <= 4)


@pytest.mark.parametrize(
    ("height", "stride", "padding", "reached"),
    [
        (7, 2, (0, 0), 7),
        (8, 2, (0, 0), 7),
        (8, 2, (1, 2), 11),
        (8, 1, (1, 1), 10),
        (8, 4, (0, 0), 7),
    ],
)
def test_no_row_is_lowered_that_no_window_reaches(
    height: int, stride: int, padding: Any, reached: int
) -> None:
    h, v = windows.axes((height, 9), (3, 2), (stride, 1), (padding, (0, 0)))
    assert conv._lower(np.ones((height, 6, 9, 5)), h, v, 2).shape == (2, reached, 3 * 2, 8 * 5)


def test_windows_of_width_one_are_not_copied() -> None:
    x = np.ones((8, 6, 9, 5))
    h, v = windows.axes((8, 9), (3, 1), (1, 1), (0, 0))
    lowered = conv._lower(x, h, v, 2)
    assert lowered.shape == (2, 8, 3, 9 * 5)
    assert np.shares_memory(lowered, x)


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
