"""What one operation costs besides its arithmetic: recording it, and differentiating it."""

# ruff: noqa: PLC0415  each contender's process imports its own library alone
from __future__ import annotations

from typing import Any

from benchmarks import harness
from benchmarks.harness import OURS, Work, repeat

CONTENDERS = (OURS, "PyTorch", "MyGrad", "autograd", "JAX", "NumPy")
# x and y have four elements, a and b are 4 by 4; all float32, and all ask for a gradient.
RECORDED = ("x * y", "x + y", "x * 2.0", "relu(x)", "exp(x)", "x.sum()", "a @ b", "x[1:3]")
CHAIN, JITTED = "forward + backward", "the same under jit"
LENGTH = 100

NOTES = """
JAX and NumPy record nothing here: JAX's column is the dispatch of one operation on its own,
NumPy's is the arithmetic alone. The chain in JAX is `jax.grad` of the Python function, traced
anew each time, and in the last row compiled by `jax.jit` (where XLA folds the chain into one
loop). autograd records inside a trace, so its operations are timed inside one.
"""


def report(turns: int = harness.TURNS) -> str:
    """Measure all, and give Markdown."""
    with harness.workers(__name__, CONTENDERS) as workers:
        rows = {f"`{case}`": workers.compare(case, turns) for case in RECORDED}
        chain = {case: workers.compare(case, turns) for case in (CHAIN, JITTED)}
    return (
        "Recording one operation on 4 elements, µs: median (quartiles).\n\n"
        + harness.comparison("operation", rows, CONTENDERS, 1e-6)
        + f"\nA chain of {LENGTH} multiplications of two tensors and its backward pass, µs for "
        "each multiplication.\n\n"
        + harness.comparison("chain", chain, CONTENDERS, 1e-6 * LENGTH)
        + NOTES
        + harness.skipped(CONTENDERS)
    )


def build(contender: str, case: str) -> Work | None:
    """Make the work of a case, in the contender's process."""
    chain = case in (CHAIN, JITTED)
    if (case == JITTED and contender != "JAX") or (chain and contender == "NumPy"):
        return None
    make = {
        OURS: _tinygrad_np,
        "PyTorch": _torch,
        "MyGrad": _mygrad,
        "autograd": _autograd,
        "JAX": _jax,
        "NumPy": _numpy,
    }
    return make[contender](case)


def _operands() -> dict[str, Any]:
    import numpy as np

    rng = np.random.default_rng(0)
    shapes = {"x": 4, "y": 4, "a": (4, 4), "b": (4, 4)}
    return {k: rng.uniform(0.9, 1.1, shape).astype(np.float32) for k, shape in shapes.items()}


def multiply_often(x: Any, y: Any) -> Any:
    """Multiply by y, a hundred times over."""
    for _ in range(LENGTH):
        x = x * y
    return x


def _eager(case: str, names: dict[str, Any], gradient: Any) -> Work:
    """Time an operation, or the chain with its backward pass from `gradient`."""
    x, y = names["x"], names["y"]
    if case != CHAIN:
        return Work(repeat(case, names))

    def step() -> None:
        x.grad = y.grad = None
        multiply_often(x, y).backward(gradient)

    step()
    return Work(repeat(step), y.grad.tolist())


def _tinygrad_np(case: str) -> Work:
    import tinygrad_np as tg

    names = {k: tg.tensor(v, requires_grad=True) for k, v in _operands().items()}
    return _eager(case, names | {"relu": tg.relu, "exp": tg.exp}, tg.ones(4))


def _torch(case: str) -> Work:
    import torch

    names = {k: torch.tensor(v, requires_grad=True) for k, v in _operands().items()}
    return _eager(case, names | {"relu": torch.relu, "exp": torch.exp}, torch.ones(4))


def _mygrad(case: str) -> Work:
    import mygrad
    import mygrad.nnet
    import numpy as np

    mygrad.turn_memory_guarding_off()  # as its documentation advises for speed
    names = {k: mygrad.tensor(v) for k, v in _operands().items()}
    x, y = names["x"], names["y"]
    if case != CHAIN:
        functions = {"relu": mygrad.nnet.relu, "exp": mygrad.exp}
        return Work(repeat(case, names | functions))
    ones = np.ones(4, np.float32)

    def step() -> None:
        multiply_often(x, y).backward(ones)

    step()
    return Work(repeat(step), y.grad.tolist())


def _autograd(case: str) -> Work:
    import autograd.numpy as anp
    from autograd import grad
    from autograd.core import make_vjp

    operands = _operands()
    if case == CHAIN:
        gradient = grad(lambda x, y: anp.sum(multiply_often(x, y)), (0, 1))
        x, y = operands["x"], operands["y"]
        return Work(repeat(lambda: gradient(x, y)), gradient(x, y)[1].tolist())
    functions = {"relu": lambda x: anp.maximum(x, 0), "exp": anp.exp}

    def seconds(number: int) -> float:
        spent = []

        def traced(one: Any) -> Any:
            names = {k: v * one for k, v in operands.items()}  # all of them depend on `one`
            spent.append(repeat(case, names | functions)(number))
            return one

        make_vjp(traced, operands["x"][:1])
        return spent[0]

    return Work(seconds)


def _jax(case: str) -> Work:
    import jax
    import jax.numpy as jnp

    names = {k: jnp.asarray(v) for k, v in _operands().items()}
    if case not in (CHAIN, JITTED):
        return Work(repeat(case, names | {"relu": lambda x: jnp.maximum(x, 0), "exp": jnp.exp}))
    x, y = names["x"], names["y"]
    gradient = jax.grad(lambda x, y: multiply_often(x, y).sum(), (0, 1))
    if case == JITTED:
        gradient = jax.jit(gradient)

    def step() -> Any:
        return gradient(x, y)[1].block_until_ready()

    return Work(repeat(step), step().tolist())


def _numpy(case: str) -> Work:
    import numpy as np

    functions = {"relu": lambda x: np.maximum(x, 0), "exp": np.exp}
    return Work(repeat(case, _operands() | functions))
