"""One training step of convolutional networks for MNIST, in every library that has them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from benchmarks import cnn_steps, harness, training
from benchmarks.cnn_steps import Conv, Network
from benchmarks.harness import OURS

if TYPE_CHECKING:
    from benchmarks.harness import Work
    from benchmarks.training import Case

CONTENDERS = (OURS, "PyTorch", "JAX", "MyGrad")
IMAGE, BATCH = (1, 28, 28), 64
NETWORKS = {
    "LeNet-5": Network(
        (Conv(1, 6, 5, padding=2, pooled=True), Conv(6, 16, 5, pooled=True)), (400, 120, 84, 10)
    ),
    "32-64": Network((Conv(1, 32, 3), Conv(32, 64, 3, pooled=True)), (9216, 128, 10)),
}

NOTES = """
LeNet-5 is conv 1-6 5x5 (padding 2), pool, conv 6-16 5x5, pool, 400-120-84-10, with ReLU and 2x2
max pooling. 32-64 is the network of PyTorch's MNIST example without its dropout (which no two
libraries draw alike): conv 1-32 3x3, conv 32-64 3x3, pool, 9216-128-10. A step is that of the
perceptrons; JAX convolves by `lax.conv_general_dilated`, MyGrad by `conv_nd`.
"""


def report(turns: int = harness.TURNS) -> str:
    """Measure all, and give Markdown."""
    networks = [(label, network, BATCH) for label, network in NETWORKS.items()]
    text = training.report(__name__, CONTENDERS, networks, turns)
    return text + NOTES + harness.skipped(CONTENDERS)


def build(contender: str, case: Case) -> Work:
    """Make the work of a case, in the contender's process."""
    return training.work(step(contender, case))


def step(contender: str, case: Case) -> Any:
    """Give the function that trains once, with everybody's data and initial weights."""
    data = training.start(case.network.weights, IMAGE, case.batch)
    return cnn_steps.STEPS[contender](case.network, *data, case.optimiser)
