"""Errors planted in losses and modules: some row of the table notices each."""

from __future__ import annotations

import importlib
import re
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from nn_cases import ROWS

import nn.functional as F
import tinygrad_np as tg
from nn.functional import loss
from nn.modules.conv import _Convolution
from tinygrad_np.errors import GradcheckError, GraphError
from tinygrad_np.ops.loss import Gap
from tinygrad_np.testing import check_op

if TYPE_CHECKING:
    from collections.abc import Callable

dropout: Any = importlib.import_module("nn.functional.dropout")  # the name is the function's
Planting = pytest.MonkeyPatch


def straightened(function: Callable[..., Any]) -> Callable[..., Any]:
    """The right value and slope, and nothing beyond: f(x0) + f'(x0)·(x - x0)."""

    def tangent(x: Any, dim: int) -> Any:
        start = x.detach()
        value = function(start, dim)
        step = x - start
        return value + step - (tg.softmax(start, dim) * step).sum(dim, keepdim=True)

    return tangent


def log_softmax_without_second_derivative(plant: Planting) -> None:
    plant.setattr(loss, "log_softmax", straightened(tg.log_softmax))


def gap_without_second_derivative(plant: Planting) -> None:
    plant.setattr(Gap, "vjp", lambda _, g, _p, s, _label, _y: (lambda: g * s, None, None))


def probabilities_cut_off(plant: Planting) -> None:
    right = loss._soft_cross_entropy
    plant.setattr(
        loss, "_soft_cross_entropy", lambda x, target, *rest: right(x, target.detach(), *rest)
    )


def class_weight_cut_off(plant: Planting) -> None:
    right = loss._weigh
    plant.setattr(
        loss,
        "_weigh",
        lambda losses, label, w: right(losses, label, None if w is None else w.detach()),
    )


def class_weight_cut_off_in_the_mean(plant: Planting) -> None:
    right = loss._mask_and_reduce
    plant.setattr(
        loss,
        "_mask_and_reduce",
        lambda losses, mask, label, weight, *rest: right(
            losses, mask, label, weight if weight is None else weight.detach(), *rest
        ),
    )


def squares_cut_off(plant: Planting) -> None:
    right = F.mse_loss

    def half(x: Any, target: Any, **options: Any) -> Any:
        return right(x, target.detach(), **options)

    plant.setattr(F, "mse_loss", half)


def border_cut_off(plant: Planting) -> None:
    right = _Convolution._padded

    def padded(self: Any, x: Any) -> Any:
        y, padding = right(self, x)
        return (y if y is x else y.detach() + 0 * x.sum()), padding

    plant.setattr(_Convolution, "_padded", padded)


def dropout_in_the_order_of_indices(plant: Planting) -> None:
    plant.setattr(dropout, "order_of", lambda _: None)


def dropout_with_a_rough_scale(plant: Planting) -> None:
    right = F.dropout

    def rough(x: Any, p: float = 0.5, *rest: Any, **options: Any) -> Any:
        y = right(x, p, *rest, **options)
        return y * (float(np.float32(1 / (1 - p))) * (1 - p)) if p < 1 else y

    plant.setattr(F, "dropout", rough)


def dropout_in_place(plant: Planting) -> None:
    plant.setattr(F.dropout, "__defaults__", (0.5, True, True))


def no_divisor_override(plant: Planting) -> None:
    right = F.avg_pool2d
    plant.setattr(F, "avg_pool2d", lambda *xs: right(*xs[:6]))


def dropout_in_evaluation(plant: Planting) -> None:
    right = F.dropout
    plant.setattr(F, "dropout", lambda x, p=0.5, *_, **__: right(x, p))


def parameters_cut_off(plant: Planting) -> None:
    right = F.linear
    plant.setattr(F, "linear", lambda x, w, b: right(x, w, None if b is None else b.detach()))


# What is planted, in which rows it is looked for, and what is said of it.
PLANTS: dict[Callable[[Planting], None], tuple[str, str]] = {
    log_softmax_without_second_derivative: (r"cross_entropy\[.*prob", ": second derivative: "),
    gap_without_second_derivative: (r"cross_entropy\[", ": second derivative: "),
    probabilities_cut_off: (r"cross_entropy\[.*prob", ": gradient: "),
    class_weight_cut_off: (r"nll_loss\[.*weight", ": gradient: "),
    class_weight_cut_off_in_the_mean: (r"nll_loss\[.*weight", ": gradient: "),
    squares_cut_off: ("mse_loss", ": gradient: "),
    border_cut_off: (r"Conv[12]d.*padding_mode", ": gradient: "),
    dropout_in_the_order_of_indices: ("dropout", ": value: "),
    dropout_with_a_rough_scale: ("dropout", ": value: "),
    dropout_in_place: ("dropout", "in place"),
    dropout_in_evaluation: (r"Dropout\(.*eval", ": (value|repeatable): "),
    no_divisor_override: ("AvgPool2d", ": value: "),
    parameters_cut_off: ("Linear", ": gradient: "),
}


@pytest.mark.parametrize("plant", PLANTS, ids=lambda plant: plant.__name__)
def test_some_row_notices(plant: Callable[[Planting], None]) -> None:
    rows, said = PLANTS[plant]
    with pytest.MonkeyPatch.context() as patch:
        plant(patch)
        with pytest.raises((AssertionError, GradcheckError, GraphError), match=said):
            check_rows(rows)


def check_rows(named: str) -> None:
    for row in ROWS:
        if re.match(named, row.name):
            check_op(row.make(tg), row.draw(), row.oracle, skip=row.skip)
