"""A million random numbers from each distribution, beside PyTorch's and NumPy's own."""

# ruff: noqa: PLC0415  each contender's process imports its own library alone
from __future__ import annotations

from typing import Any

from benchmarks import harness
from benchmarks.harness import OURS, Work, repeat

CONTENDERS = (OURS, "PyTorch", "NumPy")
N = 10**6
UNIFORM, NORMAL, WHOLE, ORDER = "rand", "randn", "randint", "randperm"
CHANCES, MASK = "bernoulli_", "dropout"
DOUBLE = "rand, float64"
# What each library is asked for; PyTorch's names are ours.
TORCH_LIKE = {
    UNIFORM: "tg.rand(N)",
    DOUBLE: "tg.rand(N, dtype=tg.float64)",
    NORMAL: "tg.randn(N)",
    WHOLE: "tg.randint(10, (N,))",
    ORDER: "tg.randperm(N)",
    CHANCES: "x.bernoulli_(0.5)",
    MASK: "tg.nn.functional.dropout(x, 0.5)",
}
NUMPY = {
    UNIFORM: "rng.random(N, np.float32)",
    DOUBLE: "rng.random(N)",
    NORMAL: "rng.standard_normal(N, np.float32)",
    WHOLE: "rng.integers(10, size=N)",
    ORDER: "rng.permutation(N)",
}

NOTES = """
float32 unless it says otherwise. Ours and PyTorch draw the same numbers (`tests/conformance` sees
to that), so both spend the words of MT19937 alike: two for each chance of `bernoulli_` and
`dropout`. NumPy's column is `np.random.default_rng()`: PCG64, and numbers of its own.
"""


def report(turns: int = harness.TURNS) -> str:
    """Measure all, and give Markdown."""
    with harness.workers(__name__, CONTENDERS) as workers:
        rows = {f"`{case}`": workers.compare(case, turns) for case in TORCH_LIKE}
    return (
        "Milliseconds for a million numbers: median (quartiles).\n\n"
        + harness.comparison("drawn", rows, CONTENDERS, 1e-3)
        + NOTES
        + harness.skipped(CONTENDERS)
    )


def build(contender: str, case: str) -> Work | None:
    """Make the work of a case, in the contender's process."""
    names: dict[str, Any] = {"N": N}
    if contender == "NumPy":
        import numpy as np

        names |= {"np": np, "rng": np.random.default_rng(0)}
        return Work(repeat(NUMPY[case], names)) if case in NUMPY else None
    if contender == OURS:
        import tinygrad_np as tg
    else:
        import torch as tg
    names |= {"tg": tg, "x": tg.ones(N)}
    return Work(repeat(TORCH_LIKE[case], names))
