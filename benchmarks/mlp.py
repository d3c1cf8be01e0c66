"""One training step of small multilayer perceptrons, in every library."""

# ruff: noqa: PLC0415  each contender's process imports its own library alone
from __future__ import annotations

from typing import Any, NamedTuple

from benchmarks import harness, mlp_steps
from benchmarks.harness import OURS, Work, repeat

CONTENDERS = (OURS, "PyTorch", "JAX", "MyGrad", "autograd", "NumPy")


class Case(NamedTuple):
    """Layer sizes, batch size and optimiser."""

    sizes: tuple[int, ...]
    batch: int
    optimiser: str


SHAPES = (
    ((784, 10, 10), 32),
    ((784, 128, 10), 32),
    ((784, 128, 10), 128),
    ((784, 128, 10), 1024),
)
CHECKED = 10  # steps whose losses must agree

NOTES = """
One step is: gradients to zero, forward, cross-entropy, backward, update. JAX is one `jax.jit` of
all that, with donated buffers. MyGrad (memory guarding off, as its documentation advises) and
autograd bring no such optimisers, and are given the hand-written one of the NumPy column. That
column is the floor: forward, backward and update written out by hand for this one network, with
preallocated gradients.
"""


def report(turns: int = harness.TURNS) -> str:
    """Measure all, and give Markdown."""
    text = "Milliseconds a training step: median (quartiles).\n"
    with harness.workers(__name__, CONTENDERS) as workers:
        for optimiser, title in (("sgd", "SGD, momentum 0.9"), ("adam", "Adam")):
            rows = {
                f"{'-'.join(map(str, sizes))}, batch {batch}": workers.compare(
                    Case(sizes, batch, optimiser), turns
                )
                for sizes, batch in SHAPES
            }
            text += "\n" + harness.comparison(title, rows, CONTENDERS, 1e-3)
    return text + NOTES + harness.skipped(CONTENDERS)


def build(contender: str, case: Case) -> Work:
    """Make the work of a case, in the contender's process; facts are the first steps' losses."""
    step = mlp_steps.STEPS[contender](*_start(case), case.optimiser)
    losses = [step().item() for _ in range(CHECKED)]
    return Work(repeat(step), losses)


def _start(case: Case) -> tuple[list[tuple[Any, Any]], Any, Any]:
    """Weights (out, in) and biases of each layer, images and labels: the same for everybody."""
    import numpy as np

    rng = np.random.default_rng(0)
    layers = []
    for n, m in zip(case.sizes, case.sizes[1:], strict=False):
        bound = n**-0.5
        layers.append(
            tuple(rng.uniform(-bound, bound, s).astype(np.float32) for s in ((m, n), (m,)))
        )
    x = rng.standard_normal((case.batch, case.sizes[0]), np.float32)
    return layers, x, rng.integers(0, case.sizes[-1], case.batch)
