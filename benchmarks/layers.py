"""Convolution and pooling layers alone, forward and backward, beside PyTorch's."""

# ruff: noqa: PLC0415  each contender's process imports its own library alone
from __future__ import annotations

from typing import Any, NamedTuple

from benchmarks import harness
from benchmarks.harness import OURS, Work, repeat

CONTENDERS = (OURS, "PyTorch")
BATCH = 64
FORWARD, BOTH = "forward", "forward + backward"


class Layer(NamedTuple):
    """A module's name, its arguments, and the channels and the size of its images."""

    module: str
    arguments: tuple[int, ...]
    channels: int
    size: int
    options: tuple[tuple[str, int], ...] = ()


def _conv(inputs: int, outputs: int, kernel: int, size: int, **options: int) -> Layer:
    arguments = (inputs, outputs, kernel)
    return Layer("Conv2d", arguments, inputs, size, tuple(options.items()))


LAYERS = {
    "1→6, 5x5, 28², padding 2": _conv(1, 6, 5, 28, padding=2),
    "6→16, 5x5, 14²": _conv(6, 16, 5, 14),
    "1→32, 3x3, 28²": _conv(1, 32, 3, 28),
    "16→32, 3x3, 16²": _conv(16, 32, 3, 16),
    "32→64, 3x3, 26²": _conv(32, 64, 3, 26),
    "3→16, 3x3, 64², padding 1": _conv(3, 16, 3, 64, padding=1),
    "16→32, 3x3, 64², padding 1": _conv(16, 32, 3, 64, padding=1),
    "the same, stride 2": _conv(16, 32, 3, 64, padding=1, stride=2),
    "the same, dilation 2": _conv(16, 32, 3, 64, padding=2, dilation=2),
    "the same, 4 groups": _conv(16, 32, 3, 64, padding=1, groups=4),
    "32→32, 3x3, 32², depthwise": _conv(32, 32, 3, 32, padding=1, groups=32),
    "64→64, 1x1, 32²": _conv(64, 64, 1, 32),
    "max pool 2x2, 6 of 28²": Layer("MaxPool2d", (2,), 6, 28),
    "max pool 2x2, 16 of 10²": Layer("MaxPool2d", (2,), 16, 10),
    "max pool 2x2, 64 of 24²": Layer("MaxPool2d", (2,), 64, 24),
    "average pool 2x2, 6 of 28²": Layer("AvgPool2d", (2,), 6, 28),
    "average pool 2x2, 16 of 10²": Layer("AvgPool2d", (2,), 16, 10),
    "average pool 2x2, 64 of 24²": Layer("AvgPool2d", (2,), 64, 24),
}

NOTES = """
The forward pass records a graph; the backward pass computes the gradients of the input, the
weight and the bias from a given one. Input and given gradient are stored (N, C, H, W), as PyTorch
likes them: the copies into the order that our kernels like are in our time here, though not in
that of a network, whose layers hand that order on.
"""


def report(turns: int = harness.TURNS) -> str:
    """Measure all, and give Markdown."""
    text = f"Milliseconds, batch {BATCH}: median (quartiles).\n"
    with harness.workers(__name__, CONTENDERS) as workers:
        for part in (BOTH, FORWARD):
            rows = {label: workers.compare((layer, part), turns) for label, layer in LAYERS.items()}
            text += "\n" + harness.comparison(part, rows, CONTENDERS, 1e-3)
    return text + NOTES + harness.skipped(CONTENDERS)


def build(contender: str, case: tuple[Layer, str]) -> Work:
    """Make the work of a case, in the contender's process; facts are norms of all results."""
    if contender == OURS:
        import nn
        import tinygrad_np as tg

        return _torch_like(tg, nn, *case)
    import torch

    return _torch_like(torch, torch.nn, *case)


def _torch_like(tg: Any, nn: Any, layer: Layer, part: str) -> Work:
    """Ours and PyTorch's, to the letter."""
    import numpy as np

    rng = np.random.default_rng(0)

    def drawn(shape: Any) -> Any:
        return tg.from_numpy(rng.standard_normal(tuple(shape), np.float32))

    module = getattr(nn, layer.module)(*layer.arguments, **dict(layer.options))
    with tg.no_grad():
        for p in module.parameters():
            p.copy_(drawn(p.shape))
    x = drawn((BATCH, layer.channels, layer.size, layer.size)).requires_grad_()
    g = drawn(module(x).shape)
    leaves = [x, *module.parameters()]

    def both() -> Any:
        for leaf in leaves:
            leaf.grad = None
        y = module(x)
        y.backward(g)
        return y

    found = [both().detach(), *(leaf.grad for leaf in leaves)]
    return Work(repeat(both if part == BOTH else lambda: module(x)), [_norm(a) for a in found])


def _norm(a: Any) -> float:
    """A norm that depends on the order of the elements."""
    import numpy as np

    flat = a.numpy().ravel().astype(np.float64)
    return float(np.linalg.norm(flat * np.linspace(1, 2, flat.size)))
