"""The switch for deterministic algorithms: every algorithm here is one."""

from __future__ import annotations

_wanted = [False]


def use_deterministic_algorithms(mode: bool, *, warn_only: bool = False) -> None:  # noqa: ARG001 - there is nothing to warn of
    """Ask for algorithms that give the same bits in every run; all of them do, asked or not.

    >>> use_deterministic_algorithms(True)
    >>> are_deterministic_algorithms_enabled()
    True
    >>> use_deterministic_algorithms(False)
    """
    _wanted[0] = mode


def are_deterministic_algorithms_enabled() -> bool:
    """Whether `use_deterministic_algorithms` was last called with True."""
    return _wanted[0]
