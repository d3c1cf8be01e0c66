"""Losses: how far a prediction is from the truth."""

from __future__ import annotations

import warnings

import numpy as np

import tinygrad_np as tg
from nn.functional.checks import check_reduction
from tinygrad_np import log_softmax
from tinygrad_np.ops.checks import check_tensor
from tinygrad_np.ops.loss import pick_class, softmax_cross_entropy


def cross_entropy(
    input: tg.Tensor,
    target: tg.Tensor,
    weight: tg.Tensor | None = None,
    *,
    ignore_index: int = -100,
    reduction: str = "mean",
    label_smoothing: float = 0.0,
) -> tg.Tensor:
    """Cross-entropy of logits: −log softmax(input) at the target class.

    Shapes: logits `(C)`, `(N, C)` or `(N, C, d1, ...)`; target as the logits without C and of
    integers in [0, C), or class probabilities in the shape of the logits. `reduction`: 'mean' (the
    weighted mean over targets that are not `ignore_index`), 'sum' or 'none'. With
    `label_smoothing` ε, the target is 1 − ε of itself and ε of the uniform distribution.
    Gradient: softmax(input) − target.

    Raises
    ------
    IndexError
        If a label lies outside [0, C).
    ShapeError
        If the shapes do not fit.
    RuntimeError
        If labels are floats, or `label_smoothing` does not lie in [0, 1].

    >>> F = tg.nn.functional
    >>> F.cross_entropy(tg.tensor([[1000.0, 0.0, -1000.0]]), tg.tensor([2]))
    tensor(2000.)
    """
    check_reduction("cross_entropy", reduction)
    check_tensor("cross_entropy", "input", input)
    check_tensor("cross_entropy", "target", target)
    if not input.is_floating_point():
        raise RuntimeError(
            f"cross_entropy: logits must be floats, and are {input.dtype}; convert them with "
            ".float()"
        )
    if (
        input.ndim == 2
        and target.ndim == 1
        and weight is None
        and not label_smoothing
        and target.dtype == np.int64
        and input.array.shape[0] == target.array.shape[0]
        and ignore_index < 0
    ):
        # The everyday case needs no masks. A label to ignore is no class either: the op refuses
        # it, and the general way decides.
        try:
            if reduction == "mean":
                return softmax_cross_entropy(input, target, mean=True)
            return _reduce(softmax_cross_entropy(input, target), reduction)
        except IndexError:
            pass
    if input.ndim == 0:
        raise tg.ShapeError("cross_entropy: logits need a dimension of classes, and have none")
    check_smoothing("cross_entropy", label_smoothing)
    classes = 1 if input.ndim > 1 else 0
    _check_weight("cross_entropy", weight, input.shape[classes])
    with np.errstate(all="ignore"):
        if target.shape == input.shape and target.is_floating_point():
            return _soft_cross_entropy(input, target, weight, reduction, label_smoothing, classes)
        _check_target("cross_entropy", input, target)
        rows = _rows(input, classes)
        label, mask = _labels(target, ignore_index)
        losses = softmax_cross_entropy(rows, label)
        if label_smoothing:
            losses = (1 - label_smoothing) * _weigh(losses, label, weight)
            spread = log_softmax(rows, 1)
            if weight is not None:
                spread = spread * weight
            losses = losses - (label_smoothing / rows.shape[1]) * spread.sum(1)
        else:
            losses = _weigh(losses, label, weight)
        return _mask_and_reduce(losses, mask, label, weight, reduction, target.shape)


def nll_loss(
    input: tg.Tensor,
    target: tg.Tensor,
    weight: tg.Tensor | None = None,
    *,
    ignore_index: int = -100,
    reduction: str = "mean",
) -> tg.Tensor:
    """Negative log-likelihood: −input at the target class, for log-probabilities.

    Shapes and options as `cross_entropy`; `cross_entropy(x, t)` is
    `nll_loss(log_softmax(x, 1), t)`. Gradient: −1 at the target class.

    >>> F = tg.nn.functional
    >>> F.nll_loss(tg.tensor([[-0.5, -1.0]]), tg.tensor([1]))
    tensor(1.)
    """
    check_reduction("nll_loss", reduction)
    check_tensor("nll_loss", "input", input)
    check_tensor("nll_loss", "target", target)
    if input.ndim == 0:
        raise tg.ShapeError("nll_loss: the input needs a dimension of classes, and has none")
    classes = 1 if input.ndim > 1 else 0
    _check_weight("nll_loss", weight, input.shape[classes])
    _check_target("nll_loss", input, target)
    with np.errstate(all="ignore"):
        rows = _rows(input, classes)
        label, mask = _labels(target, ignore_index)
        losses = _weigh(-pick_class(rows, label), label, weight)
        return _mask_and_reduce(losses, mask, label, weight, reduction, target.shape)


def mse_loss(input: tg.Tensor, target: tg.Tensor, *, reduction: str = "mean") -> tg.Tensor:
    """Squared difference, its mean, or its sum.

    Shapes: equal; others broadcast, with a warning. Gradient: 2·(input − target)/n for the mean.

    >>> F = tg.nn.functional
    >>> F.mse_loss(tg.tensor([1.0, 2.0]), tg.tensor([1.0, 4.0]), reduction="sum")
    tensor(4.)
    """
    check_reduction("mse_loss", reduction)
    check_tensor("mse_loss", "input", input)
    check_tensor("mse_loss", "target", target)
    if input.shape != target.shape:
        warnings.warn(
            f"mse_loss: the input has shape {tuple(input.shape)} and the target "
            f"{tuple(target.shape)}; they will be broadcast, which is seldom meant: make them "
            "equal",
            stacklevel=2,
        )
    if "b" in (input.dtype.kind, target.dtype.kind):  # bools do not subtract
        dtype = tg.result_type(input, target)
        input, target = input.to(dtype), target.to(dtype)
    with np.errstate(all="ignore"):
        difference = input - target
        return _reduce(difference * difference, reduction)


def check_smoothing(name: str, label_smoothing: float) -> None:
    """Refuse what is not in [0, 1]."""
    if not 0 <= label_smoothing <= 1:
        raise RuntimeError(f"{name}: label_smoothing must lie in [0, 1], got {label_smoothing}")


def _reduce(losses: tg.Tensor, reduction: str) -> tg.Tensor:
    return losses.mean() if reduction == "mean" else losses.sum() if reduction == "sum" else losses


def _check_weight(name: str, weight: tg.Tensor | None, classes: int) -> None:
    if weight is not None and tuple(weight.shape) != (classes,):
        raise tg.ShapeError(
            f"{name}: weight needs shape {(classes,)}, one number a class, and has shape "
            f"{tuple(weight.shape)}"
        )


def _check_target(name: str, input: tg.Tensor, target: tg.Tensor) -> None:
    """Refuse a target that is no set of labels for these logits."""
    shape = tuple(input.shape)
    expected = shape[:1] + shape[2:] if input.ndim > 1 else ()
    given = tuple(target.shape)
    if given != expected:
        hint = (
            "; drop the last dimension with target.squeeze(-1)" if given == (*expected, 1) else ""
        )
        raise tg.ShapeError(
            f"{name}: logits of shape {shape} need labels of shape {expected}, and the target has "
            f"shape {given}{hint}"
        )
    if target.dtype.kind not in "iu":
        raise RuntimeError(
            f"{name}: labels must be integers, and are {target.dtype}; convert them with .long() "
            "(class probabilities must have the shape of the logits)"
        )


def _rows(input: tg.Tensor, classes: int) -> tg.Tensor:
    """Logits as a matrix: one row a sample, one column a class."""
    order = [d for d in range(input.ndim) if d != classes]
    return input.permute(*order, classes).reshape(-1, input.shape[classes])


def _labels(target: tg.Tensor, ignore_index: int) -> tuple[tg.Tensor, tg.Tensor | None]:
    """Labels in a row, ignored ones replaced by 0; and a mask of the others, if any is ignored."""
    label = target.detach().reshape(-1).long()
    ignored = label == ignore_index
    if not ignored.any():
        return label, None
    return tg.where(ignored, 0, label), ~ignored


def _weigh(losses: tg.Tensor, label: tg.Tensor, weight: tg.Tensor | None) -> tg.Tensor:
    return losses if weight is None else losses * weight[label]


def _mask_and_reduce(
    losses: tg.Tensor,
    mask: tg.Tensor | None,
    label: tg.Tensor,
    weight: tg.Tensor | None,
    reduction: str,
    shape: tuple[int, ...],
) -> tg.Tensor:
    if mask is not None:
        losses = tg.where(mask, losses, 0.0)
    if reduction == "none":
        return losses.reshape(shape)
    if reduction == "sum":
        return losses.sum()
    if weight is None and mask is None:
        return losses.mean()
    shares = tg.ones(len(label), dtype=losses.dtype) if weight is None else weight[label]
    total = (shares if mask is None else tg.where(mask, shares, 0.0)).sum()
    return losses.sum() / total  # all ignored: 0 / 0 is the NaN that PyTorch gives


def _soft_cross_entropy(
    input: tg.Tensor,
    target: tg.Tensor,
    weight: tg.Tensor | None,
    reduction: str,
    label_smoothing: float,
    classes: int,
) -> tg.Tensor:
    """Cross-entropy against class probabilities."""
    rows, wanted = _rows(input, classes), _rows(target, classes)
    if label_smoothing:
        wanted = (1 - label_smoothing) * wanted + label_smoothing / rows.shape[1]
    if weight is not None:
        wanted = wanted * weight
    losses = -(wanted * log_softmax(rows, 1)).sum(1)
    shape = input.shape[:classes] + input.shape[classes + 1 :]
    return _reduce(losses, reduction) if reduction != "none" else losses.reshape(shape)
