"""The training step, as a user of each library would write it, and by hand in NumPy.

Each function takes `layers` of `(weight (out, in), bias)`, a batch, and "sgd" or "adam"; it
returns a function that makes one step and gives the loss.
"""

# ruff: noqa: PLC0415  each contender's process imports its own library alone
from __future__ import annotations

from functools import partial
from typing import Any

LR = {"sgd": 0.01, "adam": 0.001}
MOMENTUM, BETA1, BETA2, EPS = 0.9, 0.9, 0.999, 1e-8


def tinygrad_np(layers: Any, images: Any, labels: Any, optimiser: str) -> Any:
    """Ours."""
    import nn
    import tinygrad_np as tg

    return _torch_like(tg, nn, nn.optim, layers, images, labels, optimiser)


def torch(layers: Any, images: Any, labels: Any, optimiser: str) -> Any:
    """PyTorch, eager."""
    import torch
    from torch import nn

    return _torch_like(torch, nn, torch.optim, layers, images, labels, optimiser)


def _torch_like(
    tg: Any, nn: Any, optim: Any, layers: Any, images: Any, labels: Any, optimiser: str
) -> Any:
    """Ours and PyTorch's, to the letter."""
    modules: list[Any] = []
    for weight, bias in layers:
        linear = nn.Linear(weight.shape[1], weight.shape[0])
        with tg.no_grad():
            linear.weight.copy_(tg.from_numpy(weight))
            linear.bias.copy_(tg.from_numpy(bias))
        modules += [linear, nn.ReLU()]
    model = nn.Sequential(*modules[:-1])
    criterion = nn.CrossEntropyLoss()
    if optimiser == "sgd":
        update = optim.SGD(model.parameters(), lr=LR["sgd"], momentum=MOMENTUM)
    else:
        update = optim.Adam(model.parameters(), lr=LR["adam"])
    x, y = tg.from_numpy(images), tg.from_numpy(labels)

    def step() -> Any:
        update.zero_grad()
        loss = criterion(model(x), y)
        loss.backward()
        update.step()
        return loss

    return step


def jax(layers: Any, images: Any, labels: Any, optimiser: str) -> Any:
    """JAX, all of the step in one jit."""
    import jax
    import jax.numpy as jnp

    def loss_of(params: Any, x: Any, y: Any) -> Any:
        for i in range(0, len(params), 2):
            x = (jax.nn.relu(x) if i else x) @ params[i].T + params[i + 1]
        return -jnp.take_along_axis(jax.nn.log_softmax(x), y[:, None], 1).mean()

    def move(p: Any, g: Any, m: Any, v: Any, t: Any) -> Any:
        if optimiser == "sgd":
            m = MOMENTUM * m + g
            return p - LR["sgd"] * m, m, v
        m = BETA1 * m + (1 - BETA1) * g
        v = BETA2 * v + (1 - BETA2) * g * g
        root = jnp.sqrt(v / (1 - BETA2**t)) + EPS
        return p - LR["adam"] / (1 - BETA1**t) * m / root, m, v

    @partial(jax.jit, donate_argnums=(0, 1, 2))
    def train(params: Any, m: Any, v: Any, t: Any, x: Any, y: Any) -> Any:
        loss, gradients = jax.value_and_grad(loss_of)(params, x, y)
        moved = [move(*state, t) for state in zip(params, gradients, m, v, strict=True)]
        params, m, v = ([state[i] for state in moved] for i in range(3))
        return loss, params, m, v, t + 1

    params = [jnp.array(array) for layer in layers for array in layer]
    m, v = ([jnp.zeros_like(p) for p in params] for _ in range(2))
    state = params, m, v, jnp.float32(1)
    x, y = jnp.asarray(images), jnp.asarray(labels)

    def step() -> Any:
        nonlocal state
        loss, *state = train(*state, x, y)
        return loss.block_until_ready()

    return step


def mygrad(layers: Any, images: Any, labels: Any, optimiser: str) -> Any:
    """MyGrad, with the hand-written update."""
    import mygrad as mg
    from mygrad.nnet import relu, softmax_crossentropy

    mg.turn_memory_guarding_off()
    params = [mg.tensor(array) for layer in layers for array in layer]
    update = hand_written_update([p.data for p in params], optimiser)

    def step() -> Any:
        x = images
        for i in range(0, len(params), 2):
            x = mg.matmul(relu(x) if i else x, params[i].T) + params[i + 1]
        loss = softmax_crossentropy(x, labels)
        loss.backward()
        update([p.grad for p in params])
        return loss

    return step


def autograd(layers: Any, images: Any, labels: Any, optimiser: str) -> Any:
    """HIPS autograd, with the hand-written update."""
    import autograd.numpy as np
    from autograd import value_and_grad

    params = [array.copy() for layer in layers for array in layer]
    update = hand_written_update(params, optimiser)
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


def numpy(layers: Any, images: Any, labels: Any, optimiser: str) -> Any:
    """Forward and backward pass by hand: the floor."""
    import numpy as np

    (w1, b1), (w2, b2) = [tuple(array.copy() for array in layer) for layer in layers]
    params = [w1, b1, w2, b2]
    gradients = [np.empty_like(p) for p in params]
    gw1, gb1, gw2, gb2 = gradients
    update = hand_written_update(params, optimiser)
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


def hand_written_update(params: list[Any], optimiser: str) -> Any:
    """SGD with momentum or Adam, in place, without temporaries."""
    import numpy as np

    first, second, scratch = ([np.zeros_like(p) for p in params] for _ in range(3))
    t = 0

    def sgd(gradients: Any) -> None:
        for p, g, m, s in zip(params, gradients, first, scratch, strict=True):
            np.multiply(m, MOMENTUM, out=m)
            np.add(m, g, out=m)
            np.multiply(m, LR["sgd"], out=s)
            np.subtract(p, s, out=p)

    def adam(gradients: Any) -> None:
        nonlocal t
        t += 1
        size, scale = LR["adam"] / (1 - BETA1**t), (1 - BETA2**t) ** -0.5
        for p, g, m, v, s in zip(params, gradients, first, second, scratch, strict=True):
            np.multiply(m, BETA1, out=m)
            np.multiply(g, 1 - BETA1, out=s)
            np.add(m, s, out=m)
            np.multiply(v, BETA2, out=v)
            np.multiply(g, g, out=s)
            np.multiply(s, 1 - BETA2, out=s)
            np.add(v, s, out=v)
            np.sqrt(v, out=s)
            np.multiply(s, scale, out=s)
            np.add(s, EPS, out=s)
            np.divide(m, s, out=s)
            np.multiply(s, size, out=s)
            np.subtract(p, s, out=p)

    return sgd if optimiser == "sgd" else adam


STEPS = {
    "tinygrad_np": tinygrad_np,
    "PyTorch": torch,
    "JAX": jax,
    "MyGrad": mygrad,
    "autograd": autograd,
    "NumPy": numpy,
}
