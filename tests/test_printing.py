"""Tensors print as in PyTorch: every expected text below was printed by PyTorch 2.13.

(But for dtypes, which are NumPy's here: `float64`, not `torch.float64`.)
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

import tinygrad_np as tg

if TYPE_CHECKING:
    from collections.abc import Iterator

# ruff: noqa: E501 - text as it was printed
PRINTED = {
    "tg.tensor(3.0)": "tensor(3.)",
    "tg.tensor(7)": "tensor(7)",
    "tg.tensor(True)": "tensor(True)",
    "tg.tensor([1.0, 1.0], requires_grad=True)": "tensor([1., 1.], requires_grad=True)",
    "tg.tensor([])": "tensor([])",
    "tg.zeros(0, 3)": "tensor([], size=(0, 3))",
    "tg.zeros(2, 0, dtype=tg.int64)": "tensor([], size=(2, 0), dtype=int64)",
    "tg.tensor([], dtype=tg.int64)": "tensor([], dtype=int64)",
    "tg.tensor([1e-5, 1.0])": "tensor([1.0000e-05, 1.0000e+00])",
    "tg.tensor([1.5, -2.25, 3.0])": "tensor([ 1.5000, -2.2500,  3.0000])",
    "tg.tensor([1.0, -2.0, 300.0])": "tensor([  1.,  -2., 300.])",
    "tg.tensor([0.0, 1e9])": "tensor([0.0000e+00, 1.0000e+09])",
    "tg.tensor([1e8, 1.0])": "tensor([1.0000e+08, 1.0000e+00])",
    "tg.tensor([1e10, 1.0])": "tensor([1.0000e+10, 1.0000e+00])",
    "tg.tensor([0.001, 1.5])": "tensor([1.0000e-03, 1.5000e+00])",
    "tg.tensor([1000.5, 0.5])": "tensor([1.0005e+03, 5.0000e-01])",
    "tg.tensor([10000.5, 0.5])": "tensor([1.0000e+04, 5.0000e-01])",
    "tg.tensor([0.00001, 0.00002])": "tensor([1.0000e-05, 2.0000e-05])",
    'tg.tensor([float("nan"), 1.0, -float("inf")])': "tensor([nan, 1., -inf])",
    'tg.tensor([float("nan"), 1.5, float("inf")])': "tensor([   nan, 1.5000,    inf])",
    'tg.tensor([float("inf"), float("nan")])': "tensor([inf, nan])",
    "tg.tensor([[1, -20], [300, 4]])": ("tensor([[  1, -20],\n        [300,   4]])"),
    "tg.tensor([True, False])": "tensor([ True, False])",
    "tg.tensor([1, 2], dtype=tg.uint8)": "tensor([1, 2], dtype=uint8)",
    "tg.tensor([-1, 200], dtype=tg.int16)": "tensor([ -1, 200], dtype=int16)",
    "tg.tensor([1.5, 2.0], dtype=tg.float16)": "tensor([1.5000, 2.0000], dtype=float16)",
    "tg.tensor([1.5, 2.0], dtype=tg.float64)": "tensor([1.5000, 2.0000], dtype=float64)",
    "tg.tensor([1/3, 2/3], dtype=tg.float64)": "tensor([0.3333, 0.6667], dtype=float64)",
    "tg.arange(24).reshape(2, 3, 4)": (
        "tensor([[[ 0,  1,  2,  3],\n"
        "         [ 4,  5,  6,  7],\n"
        "         [ 8,  9, 10, 11]],\n"
        "\n"
        "        [[12, 13, 14, 15],\n"
        "         [16, 17, 18, 19],\n"
        "         [20, 21, 22, 23]]])"
    ),
    "tg.arange(16.0).reshape(2, 2, 2, 2)": (
        "tensor([[[[ 0.,  1.],\n"
        "          [ 2.,  3.]],\n"
        "\n"
        "         [[ 4.,  5.],\n"
        "          [ 6.,  7.]]],\n"
        "\n"
        "\n"
        "        [[[ 8.,  9.],\n"
        "          [10., 11.]],\n"
        "\n"
        "         [[12., 13.],\n"
        "          [14., 15.]]]])"
    ),
    "tg.arange(2000)": "tensor([   0,    1,    2,  ..., 1997, 1998, 1999])",
    "tg.arange(30)": (
        "tensor([ 0,  1,  2,  3,  4,  5,  6,  7,  8,  9, 10, 11, 12, 13, 14, 15, 16, 17,\n"
        "        18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29])"
    ),
    "tg.arange(30.0) * 1.5": (
        "tensor([ 0.0000,  1.5000,  3.0000,  4.5000,  6.0000,  7.5000,  9.0000, 10.5000,\n"
        "        12.0000, 13.5000, 15.0000, 16.5000, 18.0000, 19.5000, 21.0000, 22.5000,\n"
        "        24.0000, 25.5000, 27.0000, 28.5000, 30.0000, 31.5000, 33.0000, 34.5000,\n"
        "        36.0000, 37.5000, 39.0000, 40.5000, 42.0000, 43.5000])"
    ),
    "tg.tensor([-0.0, 0.0])": "tensor([-0., 0.])",
    "tg.tensor(0.1)": "tensor(0.1000)",
    "tg.tensor(1e-8)": "tensor(1.0000e-08)",
    "tg.tensor(123456789.0)": "tensor(1.2346e+08)",
    "tg.tensor(1234567.5)": "tensor(1234567.5000)",
    "tg.tensor([2.0, 4.0], requires_grad=True) * 3": ("tensor([ 6., 12.], grad_fn=<MulBackward0>)"),
    "tg.tensor([2.0, 4.0], dtype=tg.float64, requires_grad=True) * 3": (
        "tensor([ 6., 12.], dtype=float64, grad_fn=<MulBackward0>)"
    ),
    "tg.tensor(2.0, requires_grad=True).exp()": "tensor(7.3891, grad_fn=<ExpBackward0>)",
    "(tg.ones(2, 3, requires_grad=True) + tg.ones(3)).sum()": (
        "tensor(12., grad_fn=<SumBackward0>)"
    ),
    "tg.ones(3, 4, requires_grad=True) * 2": (
        "tensor([[2., 2., 2., 2.],\n"
        "        [2., 2., 2., 2.],\n"
        "        [2., 2., 2., 2.]], grad_fn=<MulBackward0>)"
    ),
    "tg.ones(20, requires_grad=True) * 2.5": (
        "tensor([2.5000, 2.5000, 2.5000, 2.5000, 2.5000, 2.5000, 2.5000, 2.5000, 2.5000,\n"
        "        2.5000, 2.5000, 2.5000, 2.5000, 2.5000, 2.5000, 2.5000, 2.5000, 2.5000,\n"
        "        2.5000, 2.5000], grad_fn=<MulBackward0>)"
    ),
    "tg.arange(20.0, requires_grad=True)": (
        "tensor([ 0.,  1.,  2.,  3.,  4.,  5.,  6.,  7.,  8.,  9., 10., 11., 12., 13.,\n"
        "        14., 15., 16., 17., 18., 19.], requires_grad=True)"
    ),
    "tg.arange(5000.0).reshape(10, 500)": (
        "tensor([[0.0000e+00, 1.0000e+00, 2.0000e+00,  ..., 4.9700e+02, 4.9800e+02,\n"
        "         4.9900e+02],\n"
        "        [5.0000e+02, 5.0100e+02, 5.0200e+02,  ..., 9.9700e+02, 9.9800e+02,\n"
        "         9.9900e+02],\n"
        "        [1.0000e+03, 1.0010e+03, 1.0020e+03,  ..., 1.4970e+03, 1.4980e+03,\n"
        "         1.4990e+03],\n"
        "        ...,\n"
        "        [3.5000e+03, 3.5010e+03, 3.5020e+03,  ..., 3.9970e+03, 3.9980e+03,\n"
        "         3.9990e+03],\n"
        "        [4.0000e+03, 4.0010e+03, 4.0020e+03,  ..., 4.4970e+03, 4.4980e+03,\n"
        "         4.4990e+03],\n"
        "        [4.5000e+03, 4.5010e+03, 4.5020e+03,  ..., 4.9970e+03, 4.9980e+03,\n"
        "         4.9990e+03]])"
    ),
    "tg.ones(1200, dtype=tg.float64)": "tensor([1., 1., 1.,  ..., 1., 1., 1.], dtype=float64)",
    "tg.tensor([[0.5], [100.25]])": ("tensor([[  0.5000],\n        [100.2500]])"),
    "tg.tensor([[1e-3, 1e3]])": "tensor([[1.0000e-03, 1.0000e+03]])",
    "tg.tensor([3.0e38])": "tensor([3.0000e+38])",
    "tg.tensor([1.0, 0.99999])": "tensor([1.0000, 1.0000])",
    "tg.tensor([9.99999e-5])": "tensor([1.0000e-04])",
    "tg.ones(2, 2).shape": "Size([2, 2])",
    "tg.zeros(30)": (
        "tensor([0., 0., 0., 0., 0., 0., 0., 0., 0., 0., 0., 0., 0., 0., 0., 0., 0., 0., 0., 0., 0., 0., 0., 0.,\n"
        "        0., 0., 0., 0., 0., 0.])"
    ),
    "tg.tensor([0.0, float('nan')])": "tensor([0., nan])",
    "tg.tensor([float('nan'), 12345.0])": "tensor([   nan, 12345.])",
    "tg.tensor([1e-5, float('inf'), 1.0])": "tensor([1.0000e-05,        inf, 1.0000e+00])",
    "tg.tensor(float('nan'))": "tensor(nan)",
    "tg.tensor([0.5, -float('inf')])": "tensor([0.5000,   -inf])",
    "tg.tensor([1e5, 1.0])": "tensor([1.0000e+05, 1.0000e+00])",
    "tg.arange(1001)": "tensor([   0,    1,    2,  ...,  998,  999, 1000])",
    "tg.arange(1001.0)": "tensor([   0.,    1.,    2.,  ...,  998.,  999., 1000.])",
    "tg.tensor(-2.5)": "tensor(-2.5000)",
    "tg.eye(2).int()": ("tensor([[1, 0],\n        [0, 1]], dtype=int32)"),
}


@pytest.mark.parametrize(("expression", "expected"), PRINTED.items(), ids=PRINTED.keys())
def test_repr(expression: str, expected: str) -> None:
    assert repr(eval(expression, {"tg": tg})) == expected


@pytest.fixture
def _options() -> Iterator[None]:
    yield
    tg.set_printoptions(profile="default")


@pytest.mark.usefixtures("_options")
def test_options() -> None:
    tg.set_printoptions(precision=2)
    assert repr(tg.tensor([0.12345, 1.0])) == "tensor([0.12, 1.00])"
    tg.set_printoptions(threshold=5, edgeitems=1)
    assert repr(tg.arange(6)) == "tensor([0,  ..., 5])"
    assert repr(tg.arange(5)) == "tensor([0, 1, 2, 3, 4])"
    tg.set_printoptions(threshold=1000, linewidth=20)
    assert repr(tg.arange(6)) == "tensor([0, 1, 2, 3,\n        4, 5])"
    assert repr(tg.ones(1, requires_grad=True)) == "tensor([1.],\n       requires_grad=True)"


@pytest.mark.usefixtures("_options")
def test_profiles() -> None:
    x = tg.arange(2000.0) / 8
    tg.set_printoptions(profile="short")
    assert repr(x) == "tensor([0.00e+00, 1.25e-01,  ..., 2.50e+02, 2.50e+02])"
    tg.set_printoptions(profile="full", precision=1)
    assert "..." not in repr(x)
    assert repr(x).endswith(" 2.5e+02, 2.5e+02])")
    tg.set_printoptions(profile="default")
    assert repr(x[:3]) == "tensor([0.0000, 0.1250, 0.2500])"
    with pytest.raises(ValueError, match="'long' is none of default, short, full"):
        tg.set_printoptions(profile="long")


@pytest.mark.usefixtures("_options")
def test_scientific_notation_when_asked() -> None:
    x = tg.tensor([0.00001, 1.0])
    tg.set_printoptions(sci_mode=False)
    assert repr(x) == "tensor([0.0000, 1.0000])"
    tg.set_printoptions(sci_mode=True)
    assert repr(tg.ones(1)) == "tensor([1.0000e+00])"
    tg.set_printoptions()
    assert repr(tg.ones(1)) == "tensor([1.])"


@pytest.mark.usefixtures("_options")
def test_nothing_but_the_size_is_left_without_edges() -> None:
    tg.set_printoptions(threshold=2, edgeitems=0)
    assert repr(tg.ones(2, 3)) == "tensor([...], size=(2, 3))"


def test_the_default_dtype_is_not_named() -> None:
    tg.set_default_dtype(tg.float64)
    assert repr(tg.ones(1)) == "tensor([1.])"
    assert repr(tg.ones(1, dtype=tg.float32)) == "tensor([1.], dtype=float32)"
    assert repr(tg.zeros(0, dtype=tg.float32)) == "tensor([], dtype=float32)"


def test_size_is_a_tuple_that_prints_as_in_pytorch() -> None:
    size = tg.zeros(2, 3).shape
    assert size == (2, 3)
    assert repr(size) == str(size) == "Size([2, 3])"
    assert size.numel() == 6
    assert tg.Size([4]) == tg.zeros(4).size()


def test_str_is_repr_and_format_takes_numbers() -> None:
    x = tg.tensor([1.0, 2.0])
    assert str(x) == repr(x) == f"{x}"
    assert f"{tg.tensor(1.23456):.2f}" == "1.23"
    assert f"{tg.tensor(7):03d}" == "007"
    assert f"{tg.tensor(2.5)}" == "2.5"
    assert str([tg.tensor(1.0), x]) == "[tensor(1.), tensor([1., 2.])]"
    with pytest.raises(
        TypeError, match=r"'\.2f' suits one number, and this tensor has shape \(2,\)"
    ):
        format(x, ".2f")


def test_grad_fn_prints_its_name() -> None:
    x = tg.tensor([1.0], requires_grad=True)
    assert repr((x * 2).grad_fn) == "<MulBackward0>"
    assert repr(x.amax().grad_fn) == "<AmaxBackward0>"
    assert x.grad_fn is None
