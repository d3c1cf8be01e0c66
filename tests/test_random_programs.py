"""Random programs: ops, reuse, views, writes in place, detaching, modes and passes, in any order.

Each variable of a program lives in up to three worlds at once. In ours; in PyTorch's, where it is
installed; and as two NumPy arrays, its value and how fast that changes as the leaves move along a
fixed direction. The last comes of a complex step: f(x + i·h·v) = f(x) + i·h·f'(x)·v, exact for
h = 1e-30, and needs no derivative of ours. Views are NumPy's views of both arrays, and a write
goes into both, so that what a write means is NumPy's word, not ours.

A rule is a few lines: say what happens in the three worlds, and `run` compares.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    initialize,
    invariant,
    multiple,
    rule,
    run_state_machine_as_test,
)

import tinygrad_np as tg
from tinygrad_np import core, engine
from tinygrad_np.ops import elementwise

try:
    import torch
except ImportError:
    torch = None

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    Array = np.ndarray[Any, Any]

STEP = 1e-30
LARGEST = 50.0  # larger numbers are left alone: products of products would overflow
SHAPES = [(2, 3), (3,), (2, 1), ()]


@dataclass(eq=False)
class Variable:
    """One tensor in every world."""

    ours: tg.Tensor
    theirs: Any
    value: Array
    tangent: Array

    @property
    def tame(self) -> bool:
        return bool(np.all(np.abs(self.value) < LARGEST))

    @property
    def bent(self) -> Array:
        """Value and tangent as one complex number."""
        bent: Array = self.value + 1j * STEP * self.tangent
        return bent


Op = tuple[int, "Callable[..., Any]", "Callable[..., Any]"]


# Number of operands, in the libraries (`lib` is ours or PyTorch), and in complex NumPy.
# Where a rule reads other operands than PyTorch's does (div), it works on copies.
OPS: dict[str, Op] = {
    "add": (2, lambda _, x, y: x + y, lambda x, y: x + y),
    "sub": (2, lambda _, x, y: x - 0.5 * y, lambda x, y: x - 0.5 * y),
    "mul": (2, lambda _, x, y: x * y, lambda x, y: x * y),
    "div": (
        2,
        lambda _, x, y: (x + 0.0) / (y * y + 2.0) * 1.0,
        lambda x, y: x / (y * y + 2.0),
    ),
    "square": (1, lambda _, x: x * x, lambda x: x * x),
    "neg": (1, lambda _, x: -x, lambda x: -x),
    "tanh": (1, lambda lib, x: lib.tanh(x), np.tanh),
    "exp": (1, lambda lib, x: lib.exp(lib.tanh(x)), lambda x: np.exp(np.tanh(x))),
    "sigmoid": (1, lambda lib, x: lib.sigmoid(x), lambda x: 1 / (1 + np.exp(-x))),
    "relu": (1, lambda lib, x: lib.relu(x), lambda x: np.where(x.real > 0, x, 0)),
    "where": (
        2,
        lambda lib, x, y: lib.where(x > 0.1, x, y),
        lambda x, y: np.where(x.real > 0.1, x, y),
    ),
    "sum": (1, lambda _, x: x.sum(0) if x.ndim else x.sum(), lambda x: x.sum(0) if x.ndim else x),
    "mean": (
        1,
        lambda _, x: x.mean(-1, keepdim=True),
        lambda x: x.mean(-1, keepdims=True) if x.ndim else x,
    ),
    "cat": (
        2,
        lambda lib, x, y: lib.cat([x, y]).reshape(2, -1).sum(0),
        lambda x, y: np.concatenate([x, y]).reshape(2, -1).sum(0),
    ),
    "matmul": (2, lambda _, x, y: x @ y, lambda x, y: x @ y),
    "softmax": (
        1,
        lambda lib, x: lib.softmax(x, -1),
        lambda x: np.exp(x) / np.exp(x).sum(-1 if x.ndim else None, keepdims=True),
    ),
}
VIEWS: dict[str, tuple[Callable[[Any], Any], Callable[[Array], Array]]] = {
    "first": (lambda x: x[0], lambda x: x[0, ...]),
    "last": (lambda x: x[..., -1:], lambda x: x[..., -1:]),
    "every other": (lambda x: x[..., ::2], lambda x: x[..., ::2]),
    "transpose": (lambda x: x.transpose(0, -1), lambda x: x.swapaxes(0, -1) if x.ndim else x[...]),
    "unsqueeze": (lambda x: x.unsqueeze(0), lambda x: x[None]),
    "row": (lambda x: x.reshape(1, -1), lambda x: x.reshape(1, -1)),
    "expand": (
        lambda x: x.expand(2, 3),
        lambda x: x[...] if x.shape == (2, 3) else np.broadcast_to(x, (2, 3)),
    ),
}
# Writes into the first operand, from what the second holds.
WRITES: dict[str, tuple[Callable[..., Any], Callable[..., Any]]] = {
    "add_": (lambda x, y: x.add_(y), lambda x, y: x + y),
    "add_ scaled": (lambda x, y: x.add_(y, alpha=-0.5), lambda x, y: x - 0.5 * y),
    "sub_": (lambda x, y: x.sub_(y), lambda x, y: x - y),
    "mul_": (lambda x, y: x.mul_(y), lambda x, y: x * y),
    "mul_ number": (lambda x, _: x.mul_(0.5), lambda x, _: x * 0.5),
    "relu_": (lambda x, _: x.relu_(), lambda x, _: np.where(x.real > 0, x, 0)),
    "zero_": (lambda x, _: x.zero_(), lambda x, _: 0 * x),
    "copy_": (lambda x, y: x.copy_(y), lambda x, y: y + 0 * x),
    "x[...] = y": (lambda x, y: x.__setitem__(..., y) or x, lambda x, y: y + 0 * x),
}


def attempt(action: Callable[[], Any]) -> tuple[Any, Exception | None]:
    try:
        return action(), None
    except (RuntimeError, ValueError, IndexError, TypeError) as error:
        return None, error


class Programs(RuleBasedStateMachine):
    """Runs a program in all worlds, and compares values, flags, gradients and refusals."""

    variables: Bundle[Variable] = Bundle("variables")

    def __init__(self) -> None:
        super().__init__()
        self.alive: list[Variable] = []
        self.leaves: list[tuple[Variable, Array]] = []  # and the directions they move along
        self.slope = 0.0  # what the gradients so far give along those directions
        self.written = False

    # --- what runs in all worlds ---

    def run(
        self, ours: Callable[[], Any], theirs: Callable[[], Any], other: Callable[[], Variable]
    ) -> Variable | None:
        """Run in every world; None if all refuse."""
        result, error = attempt(ours)
        if torch is not None:
            reference, failure = attempt(theirs)
            assert (error is None) == (failure is None), (error, failure)
        if error is not None:
            return None
        made = other()
        made.ours = result
        if torch is not None:
            made.theirs = reference
            assert result.requires_grad == reference.requires_grad
            assert result.is_leaf == reference.is_leaf
        return made

    def keep(self, made: Variable | None) -> Any:
        """A new variable of the program, if there is one and its numbers are not too large."""
        if made is None or not made.tame:
            return multiple()
        self.alive.append(made)
        return made

    def untracked(self, value: Array) -> Variable:
        return Variable(None, None, value, np.zeros_like(value))  # type: ignore[arg-type]  # filled in by `run`

    # --- rules ---

    @initialize(target=variables, seed=st.integers(0, 99))
    def begin(self, seed: int) -> Any:
        return multiple(self.leaf((2, 3), seed), self.leaf((3,), seed + 1))

    @rule(target=variables, shape=st.sampled_from(SHAPES), seed=st.integers(0, 99))
    def create(self, shape: tuple[int, ...], seed: int) -> Variable:
        return self.leaf(shape, seed, requires_grad=seed % 3 > 0)

    def leaf(self, shape: tuple[int, ...], seed: int, *, requires_grad: bool = True) -> Variable:
        value, direction = np.random.default_rng(seed).uniform(-1.5, 1.5, (2, *shape))
        made = self.untracked(np.array(value))
        made.ours = tg.tensor(value, requires_grad=requires_grad)
        if torch is not None:
            made.theirs = torch.tensor(value, requires_grad=requires_grad)
        if requires_grad:
            made.tangent[...] = direction
            self.leaves.append((made, np.array(direction)))
        self.alive.append(made)
        return made

    @rule(
        target=variables,
        op=st.sampled_from(list(OPS)),
        x=variables,
        y=variables,
        mode=st.sampled_from(["grad", "grad", "grad", "no_grad", "enable_grad"]),
    )
    def compute(self, op: str, x: Variable, y: Variable, mode: str) -> Any:
        count, function, on_complex = OPS[op]
        xs = [x, y][:count]

        def within(lib: Any, operands: Sequence[Any]) -> Any:
            if mode == "grad":
                return function(lib, *operands)
            with getattr(lib, mode)():
                return function(lib, *operands)

        def step() -> Variable:
            bent = np.asarray(on_complex(*(v.bent for v in xs)))
            made = self.untracked(bent.real.copy())
            if mode != "no_grad":
                made.tangent = np.asarray(bent.imag / STEP)
            return made

        return self.keep(
            self.run(
                lambda: within(tg, [v.ours for v in xs]),
                lambda: within(torch, [v.theirs for v in xs]),
                step,
            )
        )

    @rule(target=variables, view=st.sampled_from(list(VIEWS)), x=variables)
    def look(self, view: str, x: Variable) -> Any:
        function, on_arrays = VIEWS[view]
        return self.keep(
            self.run(
                lambda: function(x.ours),
                lambda: function(x.theirs),
                lambda: Variable(None, None, on_arrays(x.value), on_arrays(x.tangent)),  # type: ignore[arg-type]  # filled in by `run`
            )
        )

    @rule(target=variables, x=variables)
    def detach(self, x: Variable) -> Any:
        """The same memory, and no tangent."""
        return self.keep(
            self.run(
                x.ours.detach,
                lambda: x.theirs.detach(),  # noqa: PLW0108 - there may be no PyTorch
                lambda: self.untracked(x.value),
            )
        )

    @rule(target=variables, x=variables, removed=st.booleans())
    def hook(self, x: Variable, removed: bool) -> Any:
        """A copy, whose gradient a hook doubles on its way back, unless it is taken away again."""

        def hooked(x: Any) -> Any:
            y = x * 1.0
            handle = y.register_hook(lambda g: 2 * g)
            if removed:
                handle.remove()
            return y

        def step() -> Variable:
            factor = 1 if removed else 2
            return Variable(None, None, x.value.copy(), factor * x.tangent)  # type: ignore[arg-type]  # filled in by `run`

        return self.keep(self.run(lambda: hooked(x.ours), lambda: hooked(x.theirs), step))

    @rule(write=st.sampled_from(list(WRITES)), x=variables, y=variables, grad=st.booleans())
    def write(self, write: str, x: Variable, y: Variable, grad: bool) -> None:
        """Change memory: with the derivative, or, outside grad mode, under everyone's feet."""
        function, on_complex = WRITES[write]
        if x is not y and np.shares_memory(x.value, y.value):
            return  # PyTorch refuses some such writes; ours computes first, and then writes
        if not y.tame or (x is y and write == "x[...] = y"):  # ours takes that for `x[...] += y`
            return

        def within(lib: Any, a: Any, b: Any) -> Any:
            with lib.set_grad_enabled(grad):
                return function(a, b)

        def step() -> Variable:
            bent = np.asarray(on_complex(x.bent, y.bent))
            x.value[...] = bent.real
            if grad:
                x.tangent[...] = bent.imag / STEP
            self.written = True
            return x

        self.run(
            lambda: within(tg, x.ours, y.ours), lambda: within(torch, x.theirs, y.theirs), step
        )

    @rule(
        ys=st.lists(variables, min_size=1, max_size=4),
        seed=st.integers(0, 99),
        retain=st.booleans(),
        on_tape=st.booleans(),
    )
    def backward(self, ys: list[Variable], seed: int, retain: bool, on_tape: bool) -> None:
        """Accumulate into the leaves; a graph that was freed or written over must say so."""
        ys = [y for y in ys if y.ours.requires_grad] or ys[:1]
        rng = np.random.default_rng(seed)
        us = [rng.standard_normal(y.value.shape) for y in ys]
        options = {"retain_graph": retain or on_tape}
        _, error = attempt(
            lambda: tg.autograd.backward(
                [y.ours for y in ys], [tg.tensor(u) for u in us], create_graph=on_tape, **options
            )
        )
        failure = None
        if torch is not None:
            _, failure = attempt(
                lambda: torch.autograd.backward(
                    [y.theirs for y in ys], [torch.tensor(u) for u in us], **options
                )
            )
            assert error is None or failure is not None, error
            freed = "second time" in str(failure)  # PyTorch also keeps, and drops, numbers
            assert failure is None or error is not None or freed, failure
        self.slope += sum(float((u * y.tangent).sum()) for u, y in zip(us, ys, strict=True))
        if error is None:
            self.compare_slopes()
        if error is None and failure is None:
            return
        if torch is None:
            known = ("does not require grad", "in place", "freed", "written")
            assert any(word in str(error) for word in known), error
        self.zero_grad()  # a pass that failed half way has left something, or nothing

    @rule()
    def zero_grad(self) -> None:
        self.slope = 0.0
        for leaf, _ in self.leaves:
            leaf.ours.grad = None
            if torch is not None:
                leaf.theirs.grad = None

    # --- what must hold ---

    def compare_slopes(self) -> None:
        """The gradients, along the directions of the leaves, against the complex step."""
        found = sum(
            float((leaf.ours.grad.detach().numpy() * along).sum())
            for leaf, along in self.leaves
            if leaf.ours.grad is not None
        )
        np.testing.assert_allclose(found, self.slope, rtol=1e-8, atol=1e-8)

    @invariant()
    def values_agree(self) -> None:
        for v in self.alive:
            np.testing.assert_allclose(v.ours.detach().numpy(), v.value, rtol=1e-9, atol=1e-9)
            if torch is not None:
                np.testing.assert_allclose(
                    v.ours.detach().numpy(), v.theirs.detach().numpy(), rtol=1e-9, atol=1e-9
                )

    @invariant()
    def gradients_agree(self) -> None:
        for leaf, _ in self.leaves if torch is not None else ():
            mine, reference = leaf.ours.grad, leaf.theirs.grad
            if reference is not None or mine is not None:
                assert mine is not None
                assert reference is not None
                np.testing.assert_allclose(
                    mine.detach().numpy(), reference.numpy(), rtol=1e-9, atol=1e-9
                )


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


@pytest.mark.slow
@pytest.mark.parametrize(
    "plant", [planted_slope, planted_stale_read, planted_single_use, planted_leak]
)
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
