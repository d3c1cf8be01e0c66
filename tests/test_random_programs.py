"""Random programs: ops, reuse, views, writes in place, detaching, modes, hooks and passes.

`programs/` says what a program is made of and what must hold: each variable lives in our world, in
PyTorch's, where it is installed, and in one of NumPy arrays that needs no derivative of ours.
"""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import Phase, settings
from hypothesis.stateful import run_state_machine_as_test
from programs.machine import Programs

import tinygrad_np as tg
from tinygrad_np import core, engine
from tinygrad_np.ops import elementwise, linalg, reduce

TestPrograms = Programs.TestCase
TestPrograms.settings = settings(
    max_examples=5 * settings.default.max_examples, stateful_step_count=25
)


def planted_slope(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        elementwise.Tanh, "vjp", lambda _, g, _x, y: (lambda: g * (1 - 0.999 * y * y),)
    )


def planted_stale_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """Memory that is written, and nobody is told."""
    monkeypatch.setattr(core.Value, "written", lambda _: None)


def planted_single_use(monkeypatch: pytest.MonkeyPatch) -> None:
    """A gradient that replaces what a leaf has already."""

    def accumulate(leaf: Any, gradient: Any) -> None:
        leaf.accumulator.grad = core.wrap(getattr(gradient, "array", gradient))

    monkeypatch.setattr(engine, "accumulate", accumulate)


def planted_leak(monkeypatch: pytest.MonkeyPatch) -> None:
    """`no_grad` that records."""
    monkeypatch.setattr(tg.no_grad, "__enter__", lambda mode: mode)
    monkeypatch.setattr(tg.no_grad, "__exit__", lambda *_: None)


def planted_second_order(monkeypatch: pytest.MonkeyPatch) -> None:
    """A derivative that is right, and constant to whoever differentiates it."""

    def vjp(_: Any, g: Any, _x: Any, y: Any) -> Any:
        y = getattr(y, "array", y)
        return (lambda: g * (1 - y * y),)

    monkeypatch.setattr(elementwise.Tanh, "vjp", vjp)


def planted_exchange(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two gradients that are each other's: what they sum to stays."""
    monkeypatch.setattr(elementwise.Add, "vjp", lambda _, g, *_xs: (lambda: 2 * g, lambda: 0 * g))


def refuse(*_args: Any, **_options: Any) -> Any:
    raise ValueError("no")


def refusing(owner: type, method: str) -> Any:
    def plant(monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(owner, method, refuse)

    plant.__name__ = f"{owner.__name__}.{method} refuses"
    return plant


PLANTS = [
    planted_slope,
    planted_stale_read,
    planted_single_use,
    planted_leak,
    planted_second_order,
    planted_exchange,
    *(refusing(op, "forward") for op in (elementwise.Tanh, linalg.MatMul, reduce.Mean)),
    *(refusing(op, "vjp") for op in (elementwise.Tanh, linalg.MatMul, reduce.Mean)),
    refusing(tg.Tensor, "relu_"),
]


@pytest.mark.slow
@pytest.mark.parametrize("plant", PLANTS, ids=lambda plant: plant.__name__)
def test_planted_mistakes_are_found(plant: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    plant(monkeypatch)
    quick = settings(
        TestPrograms.settings,
        max_examples=500,
        derandomize=True,
        phases=[Phase.generate],
        report_multiple_bugs=False,
    )
    with pytest.raises(AssertionError):
        run_state_machine_as_test(Programs, settings=quick)
