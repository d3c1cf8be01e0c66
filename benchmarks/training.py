"""What the benchmarks of training share: their data, and the step around each forward pass.

`arrays` are weight, bias, weight, bias and so on; an optimiser is "sgd" or "adam". Each function
that makes a step returns a function of no arguments, which trains once and gives the loss.
"""

# ruff: noqa: PLC0415  each contender's process imports its own library alone
from __future__ import annotations

import math
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from benchmarks import harness
from benchmarks.harness import Work, repeat

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

LR = {"sgd": 0.01, "adam": 0.001}
MOMENTUM, BETA1, BETA2, EPS = 0.9, 0.9, 0.999, 1e-8
OPTIMISERS = {"sgd": "SGD, momentum 0.9", "adam": "Adam"}
CHECKED = 10  # steps whose losses must agree


class Case(NamedTuple):
    """A network as its benchmark describes it, a batch size and an optimiser."""

    network: Any
    batch: int
    optimiser: str


def report(
    module: str,
    contenders: Sequence[str],
    networks: Iterable[tuple[str, Any, int]],
    turns: int,
) -> str:
    """Measure networks, given with their labels and batch sizes; one table for each optimiser."""
    networks = list(networks)
    text = "Milliseconds a training step: median (quartiles).\n"
    with harness.workers(module, contenders) as workers:
        for optimiser, title in OPTIMISERS.items():
            rows = {
                f"{label}, batch {batch}": workers.compare(Case(network, batch, optimiser), turns)
                for label, network, batch in networks
            }
            text += "\n" + harness.comparison(title, rows, contenders, 1e-3)
    return text


def work(step: Callable[[], Any]) -> Work:
    """Time a step; facts are the losses of the first ones."""
    return Work(repeat(step), [step().item() for _ in range(CHECKED)])


def start(
    weights: Iterable[Sequence[int]], image: Sequence[int], batch: int
) -> tuple[list[Any], Any, Any]:
    """Arrays for weights of these shapes, images and labels: the same for everybody."""
    import numpy as np

    rng = np.random.default_rng(0)
    arrays = []
    for shape in weights:
        bound = math.prod(shape[1:]) ** -0.5
        arrays += [rng.uniform(-bound, bound, s).astype(np.float32) for s in (shape, shape[:1])]
    x = rng.standard_normal((batch, *image), np.float32)
    return arrays, x, rng.integers(0, len(arrays[-1]), batch)


def tinygrad_np(modules: Any, network: Any, *data: Any) -> Any:
    """Train ours, of the layers that `modules(nn, network)` gives."""
    import nn
    import tinygrad_np as tg

    return _torch_like(tg, nn, nn.optim, modules(nn, network), *data)


def torch(modules: Any, network: Any, *data: Any) -> Any:
    """Train PyTorch's, eager."""
    import torch
    from torch import nn

    return _torch_like(torch, nn, torch.optim, modules(nn, network), *data)


def _torch_like(
    tg: Any,
    nn: Any,
    optim: Any,
    modules: Any,
    arrays: Any,
    images: Any,
    labels: Any,
    optimiser: str,
) -> Any:
    """Train modules of ours or of PyTorch's, to the letter."""
    model = nn.Sequential(*modules)
    with tg.no_grad():
        for p, array in zip(model.parameters(), arrays, strict=True):
            p.copy_(tg.from_numpy(array))
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


def jax(forward: Any, arrays: Any, images: Any, labels: Any, optimiser: str) -> Any:
    """Train `forward(params, x)` in JAX, all of the step in one jit."""
    import jax
    import jax.numpy as jnp

    def loss_of(params: Any, x: Any, y: Any) -> Any:
        x = forward(params, x)
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

    params = [jnp.array(array) for array in arrays]
    m, v = ([jnp.zeros_like(p) for p in params] for _ in range(2))
    state = params, m, v, jnp.float32(1)
    x, y = jnp.asarray(images), jnp.asarray(labels)

    def step() -> Any:
        nonlocal state
        loss, *state = train(*state, x, y)
        return loss.block_until_ready()

    return step


def mygrad(forward: Any, arrays: Any, images: Any, labels: Any, optimiser: str) -> Any:
    """Train `forward(params, x)` in MyGrad, with the hand-written update."""
    import mygrad as mg
    from mygrad.nnet import softmax_crossentropy

    mg.turn_memory_guarding_off()
    params = [mg.tensor(array) for array in arrays]
    update = hand_written_update([p.data for p in params], optimiser)

    def step() -> Any:
        loss = softmax_crossentropy(forward(params, images), labels)
        loss.backward()
        update([p.grad for p in params])
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
