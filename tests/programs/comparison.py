"""What must hold of a random program, after each step and each pass, in all worlds.

Values are compared as they are made, and then every world takes over ours: so they cannot drift
apart, and no choice between branches falls otherwise.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from hypothesis.stateful import RuleBasedStateMachine, invariant
from programs.libraries import attempt, torch
from programs.worlds import Unlike, Variable

if TYPE_CHECKING:
    from collections.abc import Callable

    Array = np.ndarray[Any, Any]

# What a pass may be refused for.
NO_WAY = ("does not require grad", "in place", "freed", "moved into the interior")


@dataclass(eq=False)
class Slot:
    """What gets a gradient of its own, the direction it moves along, and what is to come of it."""

    variable: Variable
    along: Array
    writes: int | None  # of its memory, after which its gradient is another's; None: a leaf
    seen: list[Any] = field(default_factory=list)  # by a hook of ours, and of PyTorch
    seen_by_theirs: list[Any] = field(default_factory=list)
    slope: float = 0.0
    scale: float = 0.0

    @property
    def meant(self) -> bool:
        return self.writes is None or self.writes == self.variable.memory.writes


class Comparison(RuleBasedStateMachine):
    """Runs a step in all worlds, and compares values, flags, gradients and refusals."""

    def __init__(self) -> None:
        super().__init__()
        self.alive: list[Variable] = []
        self.slots: list[Slot] = []
        self.retained: list[Variable] = []
        self.watched: list[tuple[list[Any], list[Any]]] = []
        self.single = False  # whether there are float32 numbers, beside those of float64
        self.twice = False  # whether second derivatives went into the gradients
        self.failed = False  # whether a pass was, which may have freed what it had reached
        self.intact = True  # nothing was written, and no graph freed

    def run(
        self,
        expected: Callable[[], Variable],
        ours: Callable[[], Any],
        theirs: Callable[[], Any],
    ) -> Variable | None:
        """Run in every world; None if all refuse, and if numbers would become too large."""
        made, refusal = attempt(expected)
        if made is not None and not made.tame:
            return None
        result, error = attempt(ours)
        if torch is not None and not isinstance(refusal, Unlike):
            reference, failure = attempt(theirs)
            assert (error is None) == (failure is None), (error, failure)
        assert (error is None) == (refusal is None), (error, refusal)
        if made is None:
            return None
        made.ours = result
        if torch is not None:
            made.theirs = reference
        return made

    def settle(self, made: Variable) -> Variable:
        """Compare what was made or written; then every world takes over our numbers."""
        found = made.ours.detach().numpy()
        assert found.shape == made.value.shape
        assert found.dtype == made.value.dtype
        loose = {"rtol": 3e-5, "atol": 1e-5} if self.single else {"rtol": 1e-9, "atol": 1e-9}
        np.testing.assert_allclose(found, made.value, **loose)
        if torch is not None:
            np.testing.assert_allclose(found, made.theirs.detach().numpy(), **loose)
        if not made.overlaps_itself:
            made.value[...] = found
            if torch is not None:
                made.theirs.data.copy_(torch.tensor(found))
        self.flags(made)
        return made

    def flags(self, made: Variable) -> None:
        if torch is not None and made.recorded:
            assert made.ours.requires_grad == made.theirs.requires_grad
            assert made.ours.is_leaf == made.theirs.is_leaf
        assert made.ours.requires_grad == made.requires_grad
        assert made.torn or made.ours.is_leaf == made.is_leaf

    def judge(self, ys: list[Variable], error: Exception | None, failure: Exception | None) -> None:
        """Compare refusals; then gradients, if there were none."""
        if torch is not None:
            halfway = self.failed and "freed" in str(error)
            assert error is None or failure is not None or halfway, error
            # PyTorch also keeps, and drops, numbers; it keeps what we convert, and so copy; and it
            # cannot add to the zeros of some second derivatives.
            known = ["second time", "ZeroTensors are immutable"]
            known += ["modified by an inplace"] * self.single
            needless = any(word in str(failure) for word in known)
            assert failure is None or error is not None or needless, failure
        if error is not None:
            possible = all(y.requires_grad and not y.torn for y in ys)
            assert not (self.intact and possible), error
            assert any(word in str(error) for word in NO_WAY) or not possible, error
        else:
            assert all(y.requires_grad for y in ys)
            self.compare_slopes()
        if error is not None or failure is not None:
            self.failed = True
            self.zero_grad()  # a pass that failed half way has left something, or nothing

    def zero_grad(self) -> None:
        self.twice = False
        for slot in self.slots:
            slot.slope = slot.scale = 0.0
            slot.seen.clear()
            slot.seen_by_theirs.clear()
        for ours, theirs in self.watched:
            ours.clear()
            theirs.clear()
        for x in (*(slot.variable for slot in self.slots), *self.retained):
            x.ours.grad = None
            if torch is not None:
                x.theirs.grad = None

    def compare_slopes(self) -> None:
        """Each gradient, along the direction of its own, against the complex step."""
        for slot in self.slots:
            gradient = slot.variable.ours.grad if slot.meant else None
            if gradient is None:
                assert slot.slope == 0 or not slot.meant
                continue
            assert gradient.shape == slot.along.shape
            terms = gradient.detach().numpy() * slot.along
            scale = 1 + slot.scale + np.abs(terms).sum()
            limit = (2e-4 if self.single else 1e-9) + (1e-6 if self.twice else 0)
            assert abs(terms.sum() - slot.slope) < limit * scale, (terms.sum(), slot.slope)
            if slot.seen:
                np.testing.assert_array_equal(slot.seen[-1], gradient.detach().numpy())

    @invariant()
    def values_agree(self) -> None:
        for v in self.alive:
            np.testing.assert_array_equal(v.ours.detach().numpy(), v.value)
            if torch is not None:
                np.testing.assert_array_equal(v.theirs.detach().numpy(), v.value)
            self.flags(v)

    @invariant()
    def gradients_agree(self) -> None:
        if torch is None:
            return
        pairs = [(s.variable.ours.grad, s.variable.theirs.grad) for s in self.slots if s.meant]
        for pair in pairs:
            mine, reference = (None if g is None else g.detach().numpy(force=True) for g in pair)
            if self.twice:  # a second derivative that is 0 need not be recorded
                like = mine if reference is None else reference
                mine, reference = (
                    None if like is None else np.zeros_like(like) if g is None else g
                    for g in (mine, reference)
                )
            assert (mine is None) == (reference is None)
            if mine is not None:
                self.close(mine, reference)
        if self.twice:
            return
        for ours, theirs in (*self.watched, *((s.seen, s.seen_by_theirs) for s in self.slots)):
            assert len(ours) == len(theirs)
            for mine, reference in zip(ours, theirs, strict=True):
                self.close(mine, reference)

    def close(self, mine: Array, reference: Array) -> None:
        assert mine.dtype == reference.dtype
        scale = max(1.0, float(np.abs(reference).max(initial=0)))
        limit = 2e-4 if self.single else 1e-9
        np.testing.assert_allclose(mine, reference, rtol=limit, atol=limit * scale)
