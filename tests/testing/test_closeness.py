"""assert_close and make_tensor: PyTorch's words, tolerances and numbers."""

from __future__ import annotations

import math
import re
from typing import Any

import numpy as np
import pytest

import nn
import tinygrad_np as tg
from tinygrad_np.testing import assert_close, make_tensor

ONE, TWO = tg.ones(2), tg.tensor([1.0, 2.0])
TWO_DOUBLE = TWO.double()


@pytest.mark.parametrize(
    ("actual", "expected", "message"),
    [
        (
            tg.tensor([1.0, 2.0, 3.0]),
            tg.tensor([1.0, 2.5, 4.0]),
            (
                "Tensor-likes are not close!\n\nMismatched elements: 2 / 3 (66.7%)\n"
                "Greatest absolute difference: 1.0 at index (2,) (up to 1e-05 allowed): "
                "expected 4.0 but got 3.0\n"
                "Greatest relative difference: 0.25 at index (2,) (up to 1.3e-06 allowed)"
            ),
        ),
        (
            tg.tensor([1, 2]),
            tg.tensor([1, 3]),
            (
                "Tensor-likes are not equal!\n\nMismatched elements: 1 / 2 (50.0%)\n"
                "Greatest absolute difference: 1 at index (1,)"
            ),
        ),
        (
            tg.tensor(1.0),
            tg.tensor(2.0),
            (
                "Scalars are not close!\n\nExpected 2.0 but got 1.0.\n"
                "Absolute difference: 1.0 (up to 1e-05 allowed)\n"
                "Relative difference: 0.5 (up to 1.3e-06 allowed)"
            ),
        ),
        (ONE, tg.ones(3), "The values for attribute 'shape' do not match: (2,) != (3,)."),
        (TWO, TWO_DOUBLE, "The values for attribute 'dtype' do not match: float32 != float64."),
        ([ONE], [TWO], "The failure occurred for item [0]"),
        ({"a": (1.0, 2.0)}, {"a": (1.0, 3.0)}, "The failure occurred for item ['a'][1]"),
        ({"a": ONE}, {"b": ONE}, "Missing keys in the actual mapping: ['b']"),
        ({1: 1.0}, {"a": 1.0, 2: 3.0}, "Missing keys in the actual mapping: ['a', 2]\nAdditional"),
        ([1.0], [1.0, 2.0], "The length of the sequences do not match: 1 != 2"),
        (1.0, 1, "The (d)types do not match: <class 'float'> != <class 'int'>."),
        (None, ONE, "None mismatch: None is not tensor([1., 1.])"),
        (math.nan, math.nan, "Expected nan but got nan"),
        (math.inf, -math.inf, "Expected -inf but got inf"),
        (np.uint8([0]), np.uint8([255]), "Greatest absolute difference: 255 at index (0,)"),
        (tg.tensor([True]), tg.tensor([False]), "Tensor-likes are not equal!"),
        (
            1 + 2j,
            1 + 2.5j,
            (
                "Scalars are not close!\n\nExpected (1+2.5j) but got (1+2j).\n"
                "Absolute difference: 0.5 (up to 1e-07 allowed)\nRelative difference: 0.1856"
            ),
        ),
        (1, 2, "Scalars are not equal!\n\nExpected 2 but got 1.\nAbsolute difference: 1\nRelative"),
        (tg.tensor(1), tg.tensor(2), "Scalars are not equal!\n\nExpected 2 but got 1.\n"),
        (
            tg.tensor(True),
            tg.tensor(False),
            "Scalars are not equal!\n\nExpected False but got True.",
        ),
        (True, False, "Booleans mismatch: True is not False"),
        (np.bool_(True), False, "Booleans mismatch: True is not False"),
        (np.int64(3), np.int64(4), "Scalars are not equal!\n\nExpected 4 but got 3."),
        ([1, 2], [1, 3], "difference: 0.3333333333333333\n\nThe failure occurred for item [1]"),
        ({"a": [1, 2]}, {"a": [1, 3]}, "The failure occurred for item ['a'][1]"),
        (2**63 + 5, 3, f"Expected 3 but got {2**63 + 5}.\nAbsolute difference: {2**63 + 2}\n"),
        (np.array(0), np.array(1), "Absolute difference: 1\nRelative difference: 1.0"),
        (1j, 1, "The (d)types do not match: <class 'complex'> != <class 'int'>."),
        (complex(math.nan, 0), complex(math.nan, 0), "Expected (nan+0j) but got (nan+0j)"),
        (np.complex64([1j]), np.complex64([2j]), "difference: 1.0 at index (0,) (up to 1e-05"),
    ],
)
def test_what_is_not_close(actual: Any, expected: Any, message: str) -> None:
    with pytest.raises(AssertionError, match=re.escape(message)):
        assert_close(actual, expected)


def test_what_is_close() -> None:
    assert_close(TWO, TWO + 1e-5)
    assert_close(TWO, np.array([1.0, 2.0], np.float32))
    assert_close(nn.Parameter(TWO), TWO)
    assert_close(TWO, TWO_DOUBLE + 1e-6, check_dtype=False)
    assert_close(math.inf, math.inf)
    assert_close([None, {"a": 1}], (None, {"a": 1}))
    assert_close(tg.tensor([math.nan]), tg.tensor([math.nan]), equal_nan=True)
    assert_close(tg.zeros(0, 2), tg.zeros(0, 2))
    assert_close(1.0, 1.4, rtol=0.5, atol=0.0)
    assert_close([1j, 1 + 1e-9j], [1j, 1 + 0j])
    assert_close(1 + 0j, 1, check_dtype=False)
    assert_close(complex(math.nan, 1), complex(1, math.nan), equal_nan=True)
    assert_close(np.array([1j]), np.array([1j + 1e-9]))
    assert_close([3, True, tg.tensor(3), tg.tensor(True)], [3, True, tg.tensor(3), tg.tensor(True)])
    assert_close([np.int64(3), np.float32(0.5), np.True_], [3, 0.5, True])
    assert_close(10, 11, rtol=0.1, atol=0.0)


@pytest.mark.parametrize(
    ("dtype", "rtol", "atol"),
    [(tg.float16, 1e-3, 1e-5), (tg.float32, 1.3e-6, 1e-5), (tg.float64, 1e-7, 1e-7)],
)
def test_default_tolerances(dtype: Any, rtol: float, atol: float) -> None:
    expected = tg.tensor([100.0], dtype=dtype)
    within, beyond = 100 + 0.8 * (100 * rtol + atol), 100 + 1.6 * (100 * rtol + atol)
    assert_close(tg.tensor([within], dtype=dtype), expected)
    with pytest.raises(AssertionError):
        assert_close(tg.tensor([beyond], dtype=dtype), expected)


def test_options_and_misuse() -> None:
    with pytest.raises(ValueError, match="must be given together, and atol is missing"):
        assert_close(ONE, ONE, rtol=0.1)
    with pytest.raises(TypeError, match="cannot be compared"):
        assert_close(ONE, [1.0, 1.0])
    with pytest.raises(TypeError, match="cannot be compared"):
        assert_close(nn.Parameter(ONE), ONE, allow_subclasses=False)
    where = r"a <class .*Tensor'> cannot .* 'float'>\n\nThe failure occurred for item \['a'\]\[1\]"
    with pytest.raises(TypeError, match=where):
        assert_close({"a": [1.0, ONE]}, {"a": [1.0, 1.0]})
    with pytest.raises(TypeError, match=r"The failure occurred for item \[0\]"):
        assert_close([nn.Parameter(ONE)], [ONE], allow_subclasses=False)
    with pytest.raises(AssertionError, match=r"^hello$"):
        assert_close(ONE, TWO, msg="hello")
    with pytest.raises(AssertionError, match=r"^<Tensor-likes"):
        assert_close(ONE, TWO, msg=lambda text: f"<{text}>")


def test_strides_are_those_that_tensors_show() -> None:
    matrix = tg.from_numpy(np.arange(4.0).reshape(2, 2))
    assert_close(matrix.T, matrix.T.contiguous())
    for other in (matrix.T, tg.from_numpy(np.asfortranarray(matrix.T.numpy()))):
        with pytest.raises(
            AssertionError, match=r"'stride\(\)' do not match: \(1, 2\) != \(2, 1\)"
        ):
            assert_close(other, matrix.T.contiguous(), check_stride=True)
    # The result of an operation counts as row-major, in whatever order it is stored.
    product = matrix.T * 2
    assert product.stride() == (2, 1)
    assert_close(product, matrix.T.contiguous() * 2, check_stride=True)
    assert_close(np.ones((2, 3)), np.ones((2, 3)), check_stride=True)
    with pytest.raises(AssertionError, match=r"\(1, 2\) != \(3, 1\)"):
        assert_close(np.ones((2, 3), order="F"), np.ones((2, 3)), check_stride=True)


@pytest.mark.parametrize(
    ("dtype", "low", "high"),
    [(tg.float32, -9, 9), (tg.float64, -9, 9), (tg.int32, -9, 10), (tg.uint8, 0, 10)],
)
def test_make_tensor_fills_its_bounds(dtype: Any, low: float, high: float) -> None:
    x = make_tensor(50, 40, dtype=dtype)
    assert x.shape == (50, 40)
    assert x.dtype == dtype
    assert low <= x.numpy().min() < low + 1
    assert high - 1.1 < x.numpy().max() < high
    narrow = make_tensor((100,), dtype=dtype, low=2, high=4).numpy()
    assert narrow.min() >= 2
    assert narrow.max() < 4


def test_make_tensor_options() -> None:
    flags = make_tensor(100, dtype=np.bool_).numpy()
    assert 0 < flags.sum() < 100
    assert not make_tensor(100, dtype=tg.int64, low=0, high=3, exclude_zero=True).eq(0).any()
    with pytest.raises(ValueError, match="must be numbers"):
        make_tensor(2, dtype=tg.float32, low=math.nan)
    with pytest.raises(NotImplementedError, match="no memory formats"):
        make_tensor(2, dtype=tg.float32, memory_format=1)  # type: ignore[arg-type]  # on purpose
    assert make_tensor(5, dtype=tg.uint8, low=-1e9, high=1e9).dtype == tg.uint8


def test_make_tensor_with_gaps_is_not_contiguous() -> None:
    x = make_tensor(2, 3, dtype=tg.float32, noncontiguous=True, requires_grad=True)
    assert x.requires_grad
    assert x.is_leaf
    assert x.stride() == (6, 2)
    assert not x.is_contiguous()
    assert make_tensor(dtype=tg.float32, noncontiguous=True).shape == ()
    assert make_tensor(3, 4, dtype=tg.int64).is_contiguous()


def test_make_tensor_reaches_the_ends_of_a_dtype() -> None:
    for dtype in (tg.int8, tg.uint8):
        drawn = make_tensor(20_000, dtype=dtype, low=-1000, high=1000).numpy()
        assert len(np.unique(drawn)) == 256
    assert np.isfinite(make_tensor(9, dtype=tg.float32, low=-math.inf, high=math.inf).numpy()).all()
    assert make_tensor(2, dtype=tg.float32, low=1, high=1).tolist() == [1.0, 1.0]


@pytest.mark.parametrize("dtype", [tg.float16, tg.float32, tg.float64])
def test_make_tensor_brings_wide_bounds_inside(dtype: Any) -> None:
    most = float(np.finfo(dtype).max)
    for end in (math.inf, most, 0.9 * most, most / 2):
        drawn = make_tensor(200, dtype=dtype, low=-end, high=end).numpy().astype(np.float64)
        assert (np.abs(drawn) <= end).all()
        assert drawn.min() < -0.9 * min(end, most)
        assert drawn.max() > 0.9 * min(end, most)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"dtype": tg.float32, "low": 4, "high": 3}, r"low \(4\) must be below high \(3\)"),
        ({"dtype": tg.int64, "low": 3, "high": 3}, r"low \(3\) must be below high \(3\)"),
        ({"dtype": tg.uint8, "low": 256, "high": 300}, "uint8 holds numbers from 0 to below 256"),
        ({"dtype": tg.int64, "requires_grad": True}, "only floating tensors can require grad"),
    ],
)
def test_make_tensor_refuses_what_it_cannot_draw(options: Any, message: str) -> None:
    with pytest.raises(ValueError, match=f"make_tensor: .*{message}"):
        make_tensor(2, **options)
