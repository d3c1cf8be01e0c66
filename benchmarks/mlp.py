"""One training step of small multilayer perceptrons, in every library."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

from benchmarks import harness, mlp_steps, training
from benchmarks.harness import OURS

if TYPE_CHECKING:
    from benchmarks.harness import Work
    from benchmarks.training import Case

CONTENDERS = (OURS, "PyTorch", "JAX", "MyGrad", "autograd", "NumPy")

SHAPES = (
    ((784, 10, 10), 32),
    ((784, 128, 10), 32),
    ((784, 128, 10), 128),
    ((784, 128, 10), 1024),
)

NOTES = """
One step is: gradients to zero, forward, cross-entropy, backward, update. JAX is one `jax.jit` of
all that, with donated buffers. MyGrad (memory guarding off, as its documentation advises) and
autograd bring no such optimisers, and are given the hand-written one of the NumPy column. That
column is the floor: forward, backward and update written out by hand for this one network, with
preallocated gradients.
"""


def report(turns: int = harness.TURNS) -> str:
    """Measure all, and give Markdown."""
    networks = [("-".join(map(str, sizes)), sizes, batch) for sizes, batch in SHAPES]
    text = training.report(__name__, CONTENDERS, networks, turns)
    return text + NOTES + harness.skipped(CONTENDERS)


def build(contender: str, case: Case) -> Work:
    """Make the work of a case, in the contender's process."""
    weights = [(m, n) for n, m in pairwise(case.network)]
    data = training.start(weights, case.network[:1], case.batch)
    return training.work(mlp_steps.STEPS[contender](case.network, *data, case.optimiser))
