"""Stochastic gradient descent."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

import tinygrad_np as tg
from nn.optim.optimizer import Array, Optimizer, check_not_negative, in_blocks

if TYPE_CHECKING:
    from collections.abc import Iterable


class SGD(Optimizer):
    """Stochastic gradient descent, with momentum.

    `d = g + weight_decay·p`; with momentum μ, `v ← μ·v + (1 − dampening)·d` (at first `v = d`) and
    `d = v`, or `d + μ·v` with `nesterov`; then `p ← p − lr·d`.

    Source: I. Sutskever et al., "On the importance of initialization and momentum in deep
    learning", ICML 2013.

    Raises
    ------
    ValueError
        If an option is negative, or Nesterov's momentum has no momentum or a dampening.

    >>> import nn, tinygrad_np as tg
    >>> p = nn.Parameter(tg.tensor([1.0]))
    >>> optimizer = SGD([p], lr=0.1)
    >>> (p * p).sum().backward()
    >>> optimizer.step()
    >>> p.detach()
    tensor([0.8000])
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-3,
        momentum: float = 0.0,
        dampening: float = 0.0,
        weight_decay: float = 0.0,
        nesterov: bool = False,
        *,
        maximize: bool = False,
    ) -> None:
        defaults = {
            "lr": lr,
            "momentum": momentum,
            "dampening": dampening,
            "weight_decay": weight_decay,
            "nesterov": nesterov,
            "maximize": maximize,
        }
        super().__init__(params, defaults)

    def check_options(self, group: dict[str, Any]) -> None:
        """Refuse options outside their range."""
        check_not_negative(
            "SGD", lr=group["lr"], momentum=group["momentum"], weight_decay=group["weight_decay"]
        )
        if group["nesterov"] and (group["momentum"] <= 0 or group["dampening"] != 0):
            raise ValueError("SGD: nesterov needs a momentum above 0, and no dampening")

    def initial_state(
        self,
        p: tg.Tensor,  # noqa: ARG002 - part of the signature
        group: dict[str, Any],  # noqa: ARG002 - part of the signature
    ) -> dict[str, Any]:
        """No velocity yet."""
        return {"momentum_buffer": None}

    def update(self, p: Array, grad: Array, state: dict[str, Any], group: dict[str, Any]) -> None:
        """Change `p` in place by one step."""
        momentum = group["momentum"]
        fresh = state["momentum_buffer"] is None
        if not momentum:
            velocity = grad  # never written to
        elif fresh:
            velocity = np.empty_like(p)
            state["momentum_buffer"] = tg.from_numpy(velocity)
        else:
            velocity = state["momentum_buffer"].array
        lr, dampening = group["lr"], group["dampening"]
        weight_decay = group["weight_decay"]

        def update(part: Array, g: Array, v: Array) -> None:
            d = ascent = -g if group["maximize"] else g
            if weight_decay:
                d = part * weight_decay
                d += ascent
            if momentum:
                if fresh:
                    np.copyto(v, d)
                else:
                    v *= momentum
                    v += d * (1 - dampening) if dampening else d
                d = v * momentum + d if group["nesterov"] else v
            part -= d * lr

        in_blocks(update, p, grad, velocity)
