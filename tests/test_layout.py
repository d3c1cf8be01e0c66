"""Convolution stores its results batch-last. It shows in time, and in nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from helpers import weights

import nn
import nn.functional as F
import tinygrad_np as tg
from tinygrad_np.errors import ShapeError

if TYPE_CHECKING:
    from collections.abc import Callable


def maps(*, requires_grad: bool = False) -> tg.Tensor:
    """Feature maps as a convolution stores them."""
    weight = tg.randn(8, 1, 3, 3, requires_grad=requires_grad)
    return F.conv2d(tg.randn(16, 1, 12, 10), weight)


def order(x: tg.Tensor) -> list[int]:
    """Dimensions from the outermost in memory to the innermost."""
    strides = x.detach().numpy().strides
    return sorted(range(len(strides)), key=lambda i: -strides[i])


BATCH_LAST = [2, 1, 3, 0]  # rows of all channels, columns, samples

KEEPING: dict[str, Callable[[tg.Tensor], tg.Tensor]] = {
    "relu": tg.relu,
    "relu_": lambda x: x.clone().relu_(),
    "sigmoid": tg.sigmoid,
    "tanh": tg.tanh,
    "add": lambda x: x + x,
    "add a number": lambda x: x + 1.0,
    "add a bias": lambda x: x + tg.randn(8, 1, 1),
    "mul": lambda x: x * 2.0,
    "where": lambda x: tg.where(x > 0, x, 0.0),
    "dropout": F.dropout,
    "clone": lambda x: x.clone(),
    "cast": lambda x: x.double(),
    "pad": lambda x: F.pad(x, (1, 1, 1, 1)),
    "cat": lambda x: tg.cat([x, x], 1),
}


@pytest.mark.parametrize("f", KEEPING.values(), ids=list(KEEPING))
def test_elementwise_ops_keep_the_memory_order(f: Any) -> None:
    x = maps()
    assert order(x) == BATCH_LAST
    assert order(f(x)) == BATCH_LAST


@pytest.mark.parametrize("name", ["relu", "where", "dropout", "mul"])
def test_their_gradients_keep_it_too(name: str) -> None:
    x = maps(requires_grad=True)
    y = KEEPING[name](x)
    (g,) = tg.autograd.grad(y, x, tg.relu(y.detach()))
    assert order(g) == BATCH_LAST


@pytest.mark.parametrize("pool", [nn.MaxPool2d(2), nn.AvgPool2d(2), nn.MaxPool2d(3, 2, 1)], ids=str)
def test_flattening_pooled_maps_copies_nothing(pool: nn.Module) -> None:
    pooled = pool(maps())
    flat = nn.Flatten()(pooled)
    assert flat.shape == (16, pooled.numel() // 16)
    assert np.shares_memory(flat.numpy(), pooled.numpy())
    assert flat.numpy().flags.f_contiguous


def test_a_linear_layer_hands_the_gradient_back_as_its_input_is_stored() -> None:
    x = maps(requires_grad=True)
    pooled = F.max_pool2d(x, 2)
    y = nn.Linear(160, 3)(pooled.flatten(1))
    (g,) = tg.autograd.grad(y, pooled, weights(y.shape, np.float32))
    assert order(g)[-1] == 0


@pytest.mark.parametrize(
    ("x", "columns"),
    [
        (np.ones((4, 6)), False),
        (np.ones((4, 6), order="F"), True),
        (np.ones((4, 12))[:, ::2], False),
        (np.ones((1, 6)), False),
        (np.ones((2, 3, 6), order="F"), False),
    ],
    ids=["rows", "columns", "neither", "both", "columns in 3-D"],
)
def test_the_gradient_of_a_linear_input_lies_in_columns_only_where_the_input_does(
    x: Any, columns: bool
) -> None:
    t, w = tg.from_numpy(x).requires_grad_(), weights((5, 6)).requires_grad_()
    (g,) = tg.autograd.grad(F.linear(t, w), t, weights((*x.shape[:-1], 5)))
    assert (g.numpy().flags.f_contiguous and not g.numpy().flags.c_contiguous) == columns
    assert g.numpy().flags.c_contiguous != columns


VIEWING: dict[str, Callable[[tg.Tensor], Any]] = {
    "view": lambda x: x.view(16, -1),
    "view to a row": lambda x: x.view(-1),
    "reshape": lambda x: x.reshape(4, 4, 8, -1),
    "flatten": lambda x: x.flatten(1, 2),
    "transpose": lambda x: x.transpose(0, 3),
    "index": lambda x: x[3, :, 1:4, [0, 2]],
    "mask": lambda x: x[x > 0],
    "sum": lambda x: x.sum((0, 2)),
    "mean": lambda x: x.mean(1),
    "softmax": lambda x: x.softmax(1),
    "argmax": lambda x: x.argmax(1),
    "argmax of all": lambda x: x.argmax(),
    "matmul": lambda x: x @ x.mT,
    "iteration": lambda x: tg.stack(list(x)),
    "conv": lambda x: F.conv2d(x, tg.ones(2, 8, 3, 3)),
    "max indices": lambda x: F.max_pool2d(x, 2, return_indices=True)[1],
    "unfold": lambda x: F.unfold(x, 2),
    "repr": lambda x: tg.tensor(len(repr(x))),
    "list": lambda x: tg.tensor(x.tolist()),
}


@pytest.mark.parametrize("f", VIEWING.values(), ids=list(VIEWING))
def test_results_are_those_of_a_row_major_copy(f: Any) -> None:
    x = maps()
    plain = tg.from_numpy(np.ascontiguousarray(x.numpy()))
    y, z = f(x), f(plain)
    assert y.shape == z.shape
    np.testing.assert_allclose(y.numpy(), z.numpy(), rtol=1e-5, atol=1e-5)


def test_a_detached_view_keeps_its_order() -> None:
    x = tg.arange(6.0).reshape(2, 3)
    even = x[:, ::2]
    for view in (even.detach(), even.detach().detach(), even.data, x.t().detach()[:2].detach()):
        assert not view.is_contiguous()
        with pytest.raises(ShapeError, match="is no view of"):
            view.view(-1)
    assert even.detach().stride() == even.stride() == (3, 2)
    assert maps().detach().is_contiguous()  # an order that the engine chose does not show


def test_files_hold_the_logical_order(tmp_path: Any) -> None:
    x = maps()
    tg.save({"maps": x}, tmp_path / "maps.safetensors")
    np.testing.assert_array_equal(tg.load(tmp_path / "maps.safetensors")["maps"].numpy(), x.numpy())


def test_in_place_writes_reach_the_maps() -> None:
    x = maps()
    before = x.numpy().copy()
    x.mul_(2.0)
    x[0] = 0.0
    np.testing.assert_array_equal(x.numpy()[1:], 2 * before[1:])
    assert not x.numpy()[0].any()
