"""A variable of a random program, in every world; and what NumPy and a few rules say of it.

The world of arrays knows a value, and how it moves as the leaves move, one slot for each leaf. The
tangents come of a complex step: f(x + i·s·v) = f(x) + i·s·f'(x)·v, exact for s = 1e-30, and need no
derivative of ours. For second derivatives there are two twins of each variable, what it would be
had all leaves gone a little way forward or back, each with tangents of its own.

Views are NumPy's views of all these arrays, and a write goes into all, so that what a write means
is NumPy's word. What has a gradient, and what is refused, is PyTorch's: the classes `History` and
`Variable` state it in a few lines.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    Array = np.ndarray[Any, Any]
    Moves = list[Array]

SLOTS = 5  # what can ask for a gradient of its own in one program
STEP = 1e-30
SHIFT = 1e-5
TWINS = 3  # the variable itself, and where it would be if all leaves had gone forward or back
LARGEST = 50.0  # larger numbers are left alone: products of products would overflow
STEEPEST = 300.0


class Refused(Exception):  # noqa: N818 - it is what PyTorch refuses, and not an error here
    """What PyTorch refuses, and so do we."""


class Unlike(Refused):
    """What we refuse, and PyTorch does not, or not in the form in which it is asked here."""


class _Decisions:
    """Choices between branches: made at the point itself, and repeated for its twins."""

    def __init__(self) -> None:
        self.made: list[Any] = []
        self.again: Iterator[Any] | None = None

    def __call__(self, found: Any) -> Any:
        if self.again is not None:
            return next(self.again)
        self.made.append(found)
        return found


decide = _Decisions()


@dataclass(eq=False)
class History:
    """What a tensor and its recorded views have in common: their place in the graph."""

    tracked: bool = False
    leaf: bool = True
    changes: int = 0  # recorded writes


@dataclass(eq=False)
class Memory:
    """What also detached tensors, and views from under no_grad, have in common."""

    writes: int = 0


@dataclass(eq=False)
class Variable:
    """One tensor in every world."""

    value: Array
    moves: Moves
    history: History = field(default_factory=History)
    memory: Memory = field(default_factory=Memory)
    view: bool = False
    recorded: bool = True  # False: a view that was made under no_grad
    seen: int = 0  # changes of the history when the view was made
    shared: bool = False  # it, or what it is a view of, has several elements in one place
    ours: Any = None
    theirs: Any = None

    @property
    def torn(self) -> bool:
        """Whether this is a view from under no_grad, and its base was written in grad mode."""
        return not self.recorded and self.history.changes != self.seen

    @property
    def requires_grad(self) -> bool:
        return self.history.tracked and (self.recorded or self.torn)

    @property
    def is_leaf(self) -> bool:
        return not self.requires_grad or (self.history.leaf and not self.view)

    @property
    def overlaps_itself(self) -> bool:
        """Whether several elements share one place of memory."""
        parts = zip(self.value.shape, self.value.strides, strict=True)
        return self.value.size > 0 and any(size > 1 and stride == 0 for size, stride in parts)

    @property
    def tame(self) -> bool:
        steep = max((float(np.abs(m).max()) for m in self.moves if m.size), default=0.0)
        return bool(np.all(np.abs(self.value) < LARGEST)) and steep < STEEPEST

    def read(self, grad: bool) -> bool:
        """Use the variable as an operand; whether it is one that a gradient flows to."""
        if grad and self.torn:
            raise Unlike("a view of two modes")
        return grad and self.requires_grad

    def refuse_write(self, grad: bool, tracked: bool) -> None:
        """Refuse what PyTorch refuses of writes; `tracked` is whether the result is."""
        if self.shared:  # PyTorch allows parts without overlap, and warns of some other writes
            raise Unlike("several elements in one place")
        if grad and not self.recorded and (tracked or self.history.tracked):
            raise Unlike("a view from under no_grad")
        if grad and self.history.tracked and self.history.leaf:
            raise Refused("a leaf that requires grad")

    def looked_at(self, function: Callable[[Array], Array], grad: bool) -> Variable:
        """Give a view, and views of all that moves; under no_grad it shares memory alone."""
        self.read(grad)
        recorded = grad and self.recorded
        moves = [function(m) for m in (self.moves if recorded else still(self.value))]
        value = function(self.value)
        made = Variable(
            value, moves, self.history, self.memory, True, recorded, self.history.changes
        )
        made.shared = self.shared or made.overlaps_itself
        return made

    def detached(self) -> Variable:
        """Give what has the same memory, and does not move."""
        return Variable(self.value, still(self.value), memory=self.memory, shared=self.shared)

    def write(self, value: Array, moves: Moves, *, grad: bool, tracked: bool) -> None:
        """Change memory: with the derivative, or, outside grad mode, under everyone's feet."""
        self.value[...] = value
        self.memory.writes += 1
        if not grad:
            return
        for mine, other in zip(self.moves, moves, strict=True):
            mine[...] = other
        if tracked:
            self.history.tracked = True
            self.history.leaf = False
            self.history.changes += 1


def still(value: Array) -> Moves:
    """Moves of what does not move: how far the twins are away, and tangents for each slot."""
    return [np.zeros(value.shape) for _ in range(TWINS - 1 + TWINS * SLOTS)]


def shifts(moves: Moves) -> Sequence[Array]:
    """How far the twins are away."""
    return moves[: TWINS - 1]


def tangents(moves: Moves, slot: int) -> Sequence[Array]:
    """Tangents for one slot: of the variable itself, and of its twins."""
    return moves[TWINS - 1 + slot :: SLOTS]


def evaluate(
    function: Callable[..., Any], operands: Sequence[Variable], slots: int, tracked: bool
) -> tuple[Array, Moves]:
    """Value and moves of `function`, which is analytic but for what it `decide`s."""
    decide.made, decide.again = [], None
    with np.errstate(all="ignore"):
        value = np.array(function(*(x.value.astype(complex) for x in operands))).real
        moves = still(value)
        if not tracked:
            return value, moves
        for twin in range(TWINS):
            for slot in range(slots):
                decide.again = iter(decide.made)
                bent = [
                    np.array(
                        x.value
                        + (shifts(x.moves)[twin - 1] if twin else 0)
                        + 1j * STEP * tangents(x.moves, slot)[twin]
                    )
                    for x in operands
                ]
                found = np.asarray(function(*bent))
                tangents(moves, slot)[twin][...] = found.imag / STEP
            if twin and slots:
                shifts(moves)[twin - 1][...] = found.real - value
    return value, moves


def promoted(operands: Sequence[Variable]) -> Any:
    """Dtype of a result: tensors without dimensions do not count beside others."""
    shaped = [x for x in operands if x.value.ndim] or operands
    return np.result_type(*(x.value.dtype for x in shaped))
