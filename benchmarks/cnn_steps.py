"""The training step of convolutional networks, as a user of each library would write it.

What STEPS holds takes a Network, a list of weight, bias and so on, a batch, and "sgd" or "adam"; it
returns a function that makes one step and gives the loss.
"""

# ruff: noqa: PLC0415  each contender's process imports its own library alone
from __future__ import annotations

from functools import partial
from itertools import pairwise
from typing import Any, NamedTuple

from benchmarks import mlp_steps, training


class Conv(NamedTuple):
    """A convolution and its ReLU, and 2x2 max pooling if `pooled`."""

    inputs: int
    outputs: int
    kernel: int
    padding: int = 0
    pooled: bool = False


class Network(NamedTuple):
    """Convolutions, then linear layers of these sizes with ReLU between them."""

    convs: tuple[Conv, ...]
    sizes: tuple[int, ...]

    @property
    def weights(self) -> list[tuple[int, ...]]:
        """Shapes: (out, in, kh, kw) and (out, in)."""
        shapes = [(c.outputs, c.inputs, c.kernel, c.kernel) for c in self.convs]
        return [*shapes, *((m, n) for n, m in pairwise(self.sizes))]


def modules(nn: Any, network: Network) -> list[Any]:
    """Layers, in ours and in PyTorch."""
    layers: list[Any] = []
    for conv in network.convs:
        layers += [nn.Conv2d(*conv[:3], padding=conv.padding), nn.ReLU()]
        layers += [nn.MaxPool2d(2)] if conv.pooled else []
    return [*layers, nn.Flatten(), *mlp_steps.modules(nn, network.sizes)]


def jax(network: Network, *data: Any) -> Any:
    """JAX, all of the step in one jit."""
    import jax
    from jax import lax

    def forward(params: Any, x: Any) -> Any:
        for i, conv in enumerate(network.convs):
            x = lax.conv_general_dilated(x, params[2 * i], (1, 1), [(conv.padding,) * 2] * 2)
            x = jax.nn.relu(x + params[2 * i + 1][:, None, None])
            if conv.pooled:
                x = lax.reduce_window(
                    x, -float("inf"), lax.max, (1, 1, 2, 2), (1, 1, 2, 2), "VALID"
                )
        return mlp_steps.jax_forward(params[2 * len(network.convs) :], x.reshape(len(x), -1))

    return training.jax(forward, *data)


def mygrad(network: Network, *data: Any) -> Any:
    """MyGrad, with the hand-written update."""
    from mygrad.nnet import conv_nd, max_pool, relu

    def forward(params: Any, x: Any) -> Any:
        for i, conv in enumerate(network.convs):
            x = conv_nd(x, params[2 * i], stride=1, padding=conv.padding)
            x = relu(x + params[2 * i + 1].reshape(-1, 1, 1))
            if conv.pooled:
                x = max_pool(x, (2, 2), 2)
        return mlp_steps.mygrad_forward(params[2 * len(network.convs) :], x.reshape(len(x), -1))

    return training.mygrad(forward, *data)


STEPS = {
    "tinygrad_np": partial(training.tinygrad_np, modules),
    "PyTorch": partial(training.torch, modules),
    "JAX": jax,
    "MyGrad": mygrad,
}
