"""Softmax-cross-entropy as one op, and the picking of one class a row."""

from __future__ import annotations

from typing import Any, TypeVar, cast

import numpy as np

from tinygrad_np.core import Array, Op, Operand, Thunks, apply
from tinygrad_np.kernels.softmax import below_max
from tinygrad_np.ops.reduce import softmax, sum
from tinygrad_np.ops.shape import sum_to, unsqueeze

V = TypeVar("V")


class CrossEntropy(Op):
    """Negative logarithm of the softmax at one class a row; of all rows, or their mean."""

    __slots__ = ("mean",)
    formula = "yᵢ = log Σⱼ exp(xᵢⱼ) − xᵢ,label"
    derivative = "dx = dy·(softmax(x) − onehot(label))"
    grad_fn = "NllLossBackward0"
    reads = ((0, 1),)
    keeps = True

    def __init__(self, *, mean: bool) -> None:
        self.mean = mean

    def forward(self, x: Array, label: Array) -> tuple[Array, Array]:
        check_labels(label, x.shape[1])
        with np.errstate(all="ignore"):
            p = below_max(x, 1)
            chosen = p[np.arange(len(p)), label]
            np.exp(p, out=p)
            total = p.sum(axis=1)
            p /= total[:, None]
            losses: Array = np.log(total) - chosen
            return np.add.reduce(losses) / x.dtype.type(len(x)) if self.mean else losses, p

    def vjp(self, g: Operand, x: Operand, label: Operand, _: Operand, kept: Operand) -> Thunks:
        def logits() -> Operand:
            p = softmax(x, 1) if kept is None else kept
            scale = g * (1 / max(1, x.shape[0])) if self.mean else unsqueeze(g, 1)
            return apply(_GAP, p, scale, label)

        return (logits, None)


class Gap(Op):
    """Distance from probabilities to the labels that were meant, scaled."""

    __slots__ = ()
    formula = "yᵢⱼ = sᵢ·(pᵢⱼ − onehot(label)ᵢⱼ)"
    derivative = "dp = dy·s, ds = Σⱼ dy·p − dy at the label"
    reads = ((1,), (0, 2))

    def forward(self, p: Array, s: Array, label: Array) -> Array:
        y: Array = p * s
        y[np.arange(len(y)), label] -= s.ravel()
        return y

    def vjp(self, g: Operand, p: Operand, s: Operand, label: Operand, _: Operand) -> Thunks:
        def scale() -> Operand:
            rows = sum(g * p, 1) - apply(_PICK, g, label)
            return sum_to(unsqueeze(rows, 1), s.shape)

        return (lambda: g * s, scale, None)


class PickClass(Op):
    """One place of each row, named by its label."""

    __slots__ = ()
    formula = "yᵢ = xᵢ,label"
    derivative = "dx = dy at the label, 0 elsewhere"
    reads = ((1,),)

    def forward(self, x: Array, label: Array) -> Array:
        check_labels(label, x.shape[1])
        return cast("Array", x[np.arange(len(x)), label])

    def vjp(self, g: Operand, x: Operand, label: Operand, _: Operand) -> Thunks:
        return (lambda: apply(PlaceClass(x.shape[1]), g, label), None)


class PlaceClass(Op):
    """Rows of zeros with the operand at one place each, named by the label."""

    __slots__ = ("classes",)
    formula = "yᵢⱼ = xᵢ where j = label, else 0"
    derivative = "dx = dy at the label"
    reads = ((1,),)

    def __init__(self, classes: int) -> None:
        self.classes = classes

    def forward(self, x: Array, label: Array) -> Array:
        y = np.zeros((len(x), self.classes), x.dtype)
        y[np.arange(len(x)), label] = x
        return y

    def vjp(self, g: Operand, _x: Operand, label: Operand, _y: Operand) -> Thunks:
        return (lambda: apply(_PICK, g, label), None)


_EACH, _MEAN = CrossEntropy(mean=False), CrossEntropy(mean=True)
_GAP, _PICK = Gap(), PickClass()


def softmax_cross_entropy(input: V, label: Operand, *, mean: bool = False) -> V:
    """Give −log softmax(input) at each row's label, without forming the logarithm of a zero.

    Shapes: logits `(N, C)`, labels `(N)` of integers in [0, C); result `(N)`, or `()` for their
    mean. Gradient: `softmax(input) − onehot(label)`, for the mean divided by N. A label outside the
    range is an IndexError.

    >>> import tinygrad_np as tg
    >>> softmax_cross_entropy(tg.tensor([[1000.0, 0.0, -1000.0]]), tg.tensor([2]))
    tensor([2000.])
    """
    return apply(_MEAN if mean else _EACH, input, label)


def pick_class(input: V, label: V) -> V:
    """Take one place of each row: `input[i, label[i]]`.

    Shapes: `(N, C)` and `(N)` to `(N)`. Gradient: set at the label, 0 elsewhere.

    >>> import tinygrad_np as tg
    >>> pick_class(tg.tensor([[1.0, 2.0], [3.0, 4.0]]), tg.tensor([1, 0]))
    tensor([2., 3.])
    """
    return apply(_PICK, input, label)


def check_labels(label: np.ndarray[Any, Any], classes: int) -> None:
    """Refuse labels outside [0, classes): NumPy would count the negative ones from the end."""
    # As unsigned numbers, the negative ones are huge: one reduction finds both kinds.
    unsigned = label.view(f"u{label.itemsize}")
    if label.size and unsigned.max() >= classes:
        at = int((unsigned >= classes).argmax())
        raise IndexError(
            f"label {label[at]} at position {at} is outside the range 0 to {classes - 1} of "
            f"{classes} classes"
        )
