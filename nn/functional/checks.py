"""Arguments that several families refuse alike."""

from __future__ import annotations


def check_probability(name: str, p: float) -> None:
    """Refuse what is not in [0, 1]."""
    if not 0 <= p <= 1:
        raise ValueError(f"{name}: the probability must lie in [0, 1], got {p}")


def check_reduction(name: str, reduction: str) -> None:
    """Refuse an unknown way to reduce."""
    if reduction not in ("mean", "sum", "none"):
        raise ValueError(f"{name}: reduction must be 'mean', 'sum' or 'none', not {reduction!r}")
