"""Losses as modules; the functions, with formulas, are in `nn.functional`."""

from __future__ import annotations

from typing import Any

import nn.functional as F
from nn.functional.checks import check_reduction
from nn.functional.loss import check_smoothing
from nn.modules.module import Module


class CrossEntropyLoss(Module):
    """Cross-entropy between logits and class labels; see `nn.functional.cross_entropy`.

    >>> import nn, tinygrad_np as tg
    >>> nn.CrossEntropyLoss()(tg.zeros(1, 10), tg.tensor([3]))
    tensor(2.3026)
    """

    weight: Any

    def __init__(
        self,
        weight: Any = None,
        *,
        ignore_index: int = -100,
        reduction: str = "mean",
        label_smoothing: float = 0.0,
    ) -> None:
        super().__init__()
        check_reduction("CrossEntropyLoss", reduction)
        check_smoothing("CrossEntropyLoss", label_smoothing)
        self.register_buffer("weight", weight)
        self.ignore_index, self.reduction = ignore_index, reduction
        self.label_smoothing = label_smoothing

    def forward(self, input: Any, target: Any) -> Any:
        """Compute the loss of logits against labels or class probabilities."""
        return F.cross_entropy(
            input,
            target,
            self.weight,
            ignore_index=self.ignore_index,
            reduction=self.reduction,
            label_smoothing=self.label_smoothing,
        )


class MSELoss(Module):
    """Mean of the squared differences; see `nn.functional.mse_loss`.

    >>> import nn, tinygrad_np as tg
    >>> nn.MSELoss()(tg.tensor([1.0, 2.0]), tg.tensor([1.0, 4.0]))
    tensor(2.)
    """

    def __init__(self, *, reduction: str = "mean") -> None:
        super().__init__()
        check_reduction("MSELoss", reduction)
        self.reduction = reduction

    def forward(self, input: Any, target: Any) -> Any:
        """Compute the loss."""
        return F.mse_loss(input, target, reduction=self.reduction)
