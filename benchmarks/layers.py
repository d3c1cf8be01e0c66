"""Convolution and pooling layers alone, forward and backward, beside those of its peers."""

# ruff: noqa: PLC0415  each contender's process imports its own library alone
from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from benchmarks import harness
from benchmarks.harness import OURS, Work, repeat

CONTENDERS = (OURS, "PyTorch", "JAX", "MyGrad")
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
that of a network, whose layers hand that order on. JAX is one `jax.jit` of both passes; MyGrad has
no groups, no average pooling, and no stride that leaves a place over.
"""


def report(turns: int = harness.TURNS) -> str:
    """Measure all, and give Markdown. There are many rows, so each has fewer turns."""
    turns = max(2, turns // 3)
    text = f"Milliseconds, batch {BATCH}: median (quartiles).\n"
    with harness.workers(__name__, CONTENDERS) as workers:
        for part, contenders in ((BOTH, CONTENDERS), (FORWARD, CONTENDERS[:2])):
            rows = {label: workers.compare((layer, part), turns) for label, layer in LAYERS.items()}
            text += "\n" + harness.comparison(part, rows, contenders, 1e-3)
    return text + NOTES + harness.skipped(CONTENDERS)


def build(contender: str, case: tuple[Layer, str]) -> Work | None:
    """Make the work of a case, in the contender's process; facts are norms of all results."""
    layer, part = case
    if contender == OURS:
        import nn
        import tinygrad_np as tg

        return _torch_like(tg, nn, layer, part)
    if contender == "PyTorch":
        import torch

        return _torch_like(torch, torch.nn, layer, part)
    if part == FORWARD:  # without a graph it is another thing
        return None
    return _jax(layer) if contender == "JAX" else _mygrad(layer)


def _operands(layer: Layer, rng: np.random.Generator) -> list[Any]:
    """Weight and bias of a convolution, then the images: the same for all contenders."""
    shapes: list[tuple[int, ...]] = [(BATCH, layer.channels, layer.size, layer.size)]
    if layer.module == "Conv2d":
        inputs, outputs, kernel = layer.arguments
        groups = dict(layer.options).get("groups", 1)
        shapes = [(outputs, inputs // groups, kernel, kernel), (outputs,), *shapes]
    return [rng.standard_normal(shape, np.float32) for shape in shapes]


def _torch_like(tg: Any, nn: Any, layer: Layer, part: str) -> Work:
    """Ours and PyTorch's, to the letter."""
    rng = np.random.default_rng(0)
    *params, x = (tg.from_numpy(a) for a in _operands(layer, rng))
    module = getattr(nn, layer.module)(*layer.arguments, **dict(layer.options))
    with tg.no_grad():
        for p, drawn in zip(module.parameters(), params, strict=True):
            p.copy_(drawn)
    g = tg.from_numpy(rng.standard_normal(tuple(module(x).shape), np.float32))
    leaves = [*module.parameters(), x.requires_grad_()]

    def both() -> Any:
        for leaf in leaves:
            leaf.grad = None
        y = module(x)
        y.backward(g)
        return y

    found = [both().detach(), *(leaf.grad for leaf in leaves)]
    return Work(
        repeat(both if part == BOTH else lambda: module(x)), [_norm(a.numpy()) for a in found]
    )


def _jax(layer: Layer) -> Work:
    import jax
    from jax import lax

    options = {"stride": 1, "padding": 0, "dilation": 1, "groups": 1, **dict(layer.options)}
    side = layer.arguments[0]
    window = (1, 1, side, side)

    def forward(*operands: Any) -> Any:
        *params, x = operands
        if layer.module == "MaxPool2d":
            return lax.reduce_window(x, -float("inf"), lax.max, window, window, "VALID")
        if layer.module == "AvgPool2d":
            return lax.reduce_window(x, 0.0, lax.add, window, window, "VALID") / side**2
        y = lax.conv_general_dilated(
            x,
            params[0],
            (options["stride"],) * 2,
            [(options["padding"],) * 2] * 2,
            rhs_dilation=(options["dilation"],) * 2,
            feature_group_count=options["groups"],
        )
        return y + params[1][:, None, None]

    @jax.jit
    def both(g: Any, *operands: Any) -> Any:
        y, pull_back = jax.vjp(forward, *operands)
        return y, *pull_back(g)

    rng = np.random.default_rng(0)
    operands = [jax.numpy.asarray(a) for a in _operands(layer, rng)]
    shape = jax.eval_shape(forward, *operands).shape
    g = jax.numpy.asarray(rng.standard_normal(shape, np.float32))

    def step() -> Any:
        return jax.block_until_ready(both(g, *operands))

    return Work(repeat(step), [_norm(np.asarray(a)) for a in step()])


def _mygrad(layer: Layer) -> Work | None:
    import mygrad as mg
    from mygrad.nnet import conv_nd, max_pool

    options = dict(layer.options)
    if layer.module == "AvgPool2d" or "groups" in options or "stride" in options:
        return None
    mg.turn_memory_guarding_off()  # as its documentation advises for speed
    rng = np.random.default_rng(0)
    leaves = [mg.tensor(a) for a in _operands(layer, rng)]

    def forward() -> Any:
        *params, x = leaves
        if layer.module == "MaxPool2d":
            return max_pool(x, layer.arguments * 2, layer.arguments[0])
        return conv_nd(x, params[0], stride=1, **options) + params[1].reshape(-1, 1, 1)

    g = rng.standard_normal(forward().shape, np.float32)

    def both() -> Any:
        y = forward()
        y.backward(g)
        return y

    found = [both().data, *(leaf.grad for leaf in leaves)]
    return Work(repeat(both), [_norm(a) for a in found])


def _norm(a: Any) -> float:
    """A norm that depends on the order of the elements."""
    flat = a.ravel().astype(np.float64)
    return float(np.linalg.norm(flat * np.linspace(1, 2, flat.size)))
