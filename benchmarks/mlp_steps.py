"""The training step of multilayer perceptrons, as a user of each library would write it.

What STEPS holds takes layer sizes, a list of weight (out, in), bias and so on, a batch, and
"sgd" or "adam"; it returns a function that makes one step and gives the loss.
"""

# ruff: noqa: PLC0415  each contender's process imports its own library alone
from __future__ import annotations

from functools import partial
from itertools import pairwise
from typing import Any

from benchmarks import training


def modules(nn: Any, sizes: Any) -> list[Any]:
    """Linear layers with ReLU between them, in ours and in PyTorch."""
    layers: list[Any] = []
    for n, m in pairwise(sizes):
        layers += [nn.Linear(n, m), nn.ReLU()]
    return layers[:-1]


def jax(_sizes: Any, *data: Any) -> Any:
    """JAX, all of the step in one jit."""
    return training.jax(jax_forward, *data)


def jax_forward(params: Any, x: Any) -> Any:
    """Linear layers with ReLU between them."""
    import jax

    for i in range(0, len(params), 2):
        x = (jax.nn.relu(x) if i else x) @ params[i].T + params[i + 1]
    return x


def mygrad(_sizes: Any, *data: Any) -> Any:
    """MyGrad, with the hand-written update."""
    return training.mygrad(mygrad_forward, *data)


def mygrad_forward(params: Any, x: Any) -> Any:
    """Linear layers with ReLU between them."""
    import mygrad as mg
    from mygrad.nnet import relu

    for i in range(0, len(params), 2):
        x = mg.matmul(relu(x) if i else x, params[i].T) + params[i + 1]
    return x


def autograd(_sizes: Any, arrays: Any, images: Any, labels: Any, optimiser: str) -> Any:
    """HIPS autograd, with the hand-written update."""
    import autograd.numpy as np
    from autograd import value_and_grad

    params = [array.copy() for array in arrays]
    update = training.hand_written_update(params, optimiser)
    rows = np.arange(len(labels))

    def loss_of(params: Any) -> Any:
        x = images
        for i in range(0, len(params), 2):
            x = np.dot(np.maximum(x, 0) if i else x, params[i].T) + params[i + 1]
        x = x - np.max(x, axis=1, keepdims=True)
        return np.mean(np.log(np.sum(np.exp(x), axis=1)) - x[rows, labels])

    gradient = value_and_grad(loss_of)

    def step() -> Any:
        loss, gradients = gradient(params)
        update(gradients)
        return loss

    return step


def numpy(_sizes: Any, arrays: Any, images: Any, labels: Any, optimiser: str) -> Any:
    """Forward and backward pass by hand: the floor."""
    import numpy as np

    params = [array.copy() for array in arrays]
    w1, b1, w2, b2 = params
    gradients = [np.empty_like(p) for p in params]
    gw1, gb1, gw2, gb2 = gradients
    update = training.hand_written_update(params, optimiser)
    n = len(labels)
    rows = np.arange(n)

    def step() -> Any:
        hidden = images @ w1.T
        hidden += b1
        np.maximum(hidden, 0, out=hidden)
        p = hidden @ w2.T
        p += b2
        p -= p.max(axis=1, keepdims=True)
        chosen = p[rows, labels]
        np.exp(p, out=p)
        total = p.sum(axis=1, keepdims=True)
        loss = (np.log(total).sum() - chosen.sum()) / n
        p /= total
        p[rows, labels] -= 1
        p *= 1 / n
        np.matmul(p.T, hidden, out=gw2)
        p.sum(axis=0, out=gb2)
        g = p @ w2
        g *= hidden > 0
        np.matmul(g.T, images, out=gw1)
        g.sum(axis=0, out=gb1)
        update(gradients)
        return loss

    return step


STEPS = {
    "tinygrad_np": partial(training.tinygrad_np, modules),
    "PyTorch": partial(training.torch, modules),
    "JAX": jax,
    "MyGrad": mygrad,
    "autograd": autograd,
    "NumPy": numpy,
}
