"""Adam."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

import tinygrad_np as tg
from nn.optim.optimizer import Array, Optimizer, check_not_negative, in_blocks

if TYPE_CHECKING:
    from collections.abc import Iterable


class Adam(Optimizer):
    """Adam: steps scaled by running moments of the gradient.

    `m ← β₁·m + (1 − β₁)·g`, `v ← β₂·v + (1 − β₂)·g²`,
    `p ← p − lr·m̂ / (√v̂ + eps)`, with m̂ = m/(1 − β₁ᵗ) and v̂ = v/(1 − β₂ᵗ); `weight_decay` is added
    to the gradient; with `amsgrad`, v̂ is the largest so far.

    Source: D. Kingma and J. Ba, "Adam: a method for stochastic optimization", ICLR 2015;
    S. Reddi et al., "On the convergence of Adam and beyond", ICLR 2018.

    Raises
    ------
    ValueError
        If an option is negative, or a beta is not in [0, 1).

    >>> import nn, tinygrad_np as tg
    >>> p = nn.Parameter(tg.tensor([1.0]))
    >>> optimizer = Adam([p], lr=0.1)
    >>> (p * p).sum().backward()
    >>> optimizer.step()
    >>> p.detach()
    tensor([0.9000])
    """

    kept = ("exp_avg", "exp_avg_sq", "max_exp_avg_sq")  # the last with amsgrad only

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        amsgrad: bool = False,
        *,
        maximize: bool = False,
    ) -> None:
        defaults = {
            "lr": lr,
            "betas": betas,
            "eps": eps,
            "weight_decay": weight_decay,
            "amsgrad": amsgrad,
            "maximize": maximize,
        }
        super().__init__(params, defaults)

    def check_options(self, group: dict[str, Any]) -> None:
        """Refuse options outside their range."""
        check_not_negative(
            "Adam", lr=group["lr"], eps=group["eps"], weight_decay=group["weight_decay"]
        )
        for i, beta in enumerate(group["betas"]):
            if not 0 <= beta < 1:
                raise ValueError(f"Adam: betas[{i}] must lie in [0, 1), got {beta}")

    def initial_state(self, p: tg.Tensor, group: dict[str, Any]) -> dict[str, Any]:
        """Moments of 0."""
        state: dict[str, Any] = {"step": 0}
        names = self.kept if group["amsgrad"] else self.kept[:2]
        for name in names:
            state[name] = tg.from_numpy(np.zeros_like(p.array))
        return state

    def update(self, p: Array, grad: Array, state: dict[str, Any], group: dict[str, Any]) -> None:
        """Change `p` in place by one step."""
        step = state["step"] = state["step"] + 1
        beta1, beta2 = group["betas"]
        # As in the paper, section 2: both corrections in the step size spare a pass over √v.
        correction = math.sqrt(1 - beta2**step)
        step_size, eps = group["lr"] * correction / (1 - beta1**step), group["eps"] * correction
        weight_decay = group["weight_decay"]
        moments = [state[name].array for name in self.kept if name in state]

        def update(part: Array, g: Array, m: Array, v: Array, *largest: Array) -> None:
            d = -g if group["maximize"] else g
            if weight_decay:
                d = d + weight_decay * part
            scratch = d * (1 - beta1)
            m *= beta1
            m += scratch
            np.multiply(d, d, out=scratch)
            scratch *= 1 - beta2
            v *= beta2
            v += scratch
            if largest:
                np.maximum(largest[0], v, out=largest[0])
            np.sqrt(largest[0] if largest else v, out=scratch)
            scratch += eps
            np.divide(m, scratch, out=scratch)
            scratch *= step_size
            part -= scratch

        in_blocks(update, p, grad, *moments)
