"""Checking each derivative against differences, while a backward pass uses it."""

from __future__ import annotations

import contextlib
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple
from weakref import WeakKeyDictionary

import numpy as np

from tinygrad_np.autograd.checking.directional import Along, Mismatch, is_floating
from tinygrad_np.autograd.checking.pulled import Pulled
from tinygrad_np.autograd.watching import (
    Block,
    Place,
    Watcher,
    operand_name,
    result_of,
    watched_thunks,
)
from tinygrad_np.core import Node, Op, Value
from tinygrad_np.errors import GradcheckError
from tinygrad_np.ops.several import Parts
from tinygrad_np.ops.shape import sum_to
from tinygrad_np.recorder import PLAIN, recording, set_watchers, watching
from tinygrad_np.tensor.creation import new
from tinygrad_np.tensor.generator import stream_of

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping, Sequence

    from tinygrad_np.core import Operand, Thunks


class check_gradients(Block["GradientChecker"]):
    """Compare each op's derivative with a difference of the op, in every backward pass inside.

    Where a backward pass reaches an op that was recorded inside the block, on this thread, the op
    is run again in float64 at the operands that it had. For each operand that a gradient flows to,
    two numbers are compared: uᵀ·J·v for a random direction v, and for u a random cotangent, then
    the gradient that arrived; from the op's rule and from central differences along v. Then what
    the rule gave in the pass itself, in the model's dtype and under `create_graph` on tensors, is
    compared with what it gives on arrays in float64, element by element. The first op that fails
    raises, in `backward`; the error names the op, the operand, the line of user code and the
    module, with both numbers. Under `create_graph`, the derivatives of those gradients by the
    operands and the upstream gradients are compared as well, as a rule may detach something.

    Elements at a kink (the differences to both sides disagree) are left out. What cannot be
    checked at all is let through and listed in `skipped`. Nothing else changes: values, gradients
    and `.grad` are those of the ordinary pass.

    Not covered: whether values are right in the model's dtype; gradients that overflow or underflow
    there; among n elements a single one whose error is less than about √n·`rtol` of it; and, as
    everywhere, other operands than those of this pass. `gradcheck` compares entry by entry.

    Keeps a copy of every operand, and runs every op about ten times, which takes milliseconds
    however small it is: for looking for a fault, at small sizes. Outside the block it is free.

    Parameters
    ----------
    rtol
        Largest error of a derivative, relative to its size.
    skip
        Names of ops to let through, such as one whose derivative differs on purpose. A class of
        ops, or a `Function`, says so itself with `checkable = False`.

    Raises
    ------
    GradcheckError
        In `backward`, at the first op whose derivative is wrong.
    TypeError
        If `skip` is a string.

    >>> import tinygrad_np as tg
    >>> x = tg.tensor([0.3, -2.0], requires_grad=True)
    >>> with tg.autograd.check_gradients() as checked:
    ...     (x.exp() * x).sum().backward()
    >>> checked
    4 derivatives checked, none skipped
    """

    __slots__ = ()

    def __init__(self, *, rtol: float = 1e-6, skip: Collection[str] = ()) -> None:
        if isinstance(skip, str):  # a collection of letters
            raise TypeError(f"check_gradients: skip is a collection of names; give [{skip!r}]")
        super().__init__(partial(GradientChecker, rtol, frozenset(skip)))


class _Note(NamedTuple):
    """Where a node was recorded, and copies of its operands, floats in float64."""

    place: Place
    operands: list[Any]


class GradientChecker(Watcher):
    """What a block has checked so far: how many derivatives, and which not, with the reason."""

    __slots__ = ("_notes", "_rng", "_rtol", "_skip", "_twice", "checked", "skipped")

    def __init__(self, rtol: float, skip: Collection[str], *, twice: bool = True) -> None:
        super().__init__()
        self.checked = 0
        self.skipped: list[str] = []
        self._rtol = rtol
        self._skip = skip
        self._twice = twice  # whether gradients on the tape are differentiated
        self._notes: WeakKeyDictionary[Node, _Note] = WeakKeyDictionary()
        self._rng = np.random.default_rng(0)  # not the user's: numbers stay as without checking

    def __repr__(self) -> str:
        noun = "derivative" if self.checked == 1 else "derivatives"
        return "\n  ".join(
            [
                f"{self.checked} {noun} checked, {len(self.skipped) or 'none'} skipped"
                + (":" if self.skipped else ""),
                *self.skipped,
            ]
        )

    def place(self, node: Node) -> Place | None:
        """Where `node` was recorded, if that was watched."""
        note = self._notes.get(node)
        return None if note is None else note.place

    def recorded(self, node: Node, operands: Sequence[Any], result: Any) -> None:
        """Keep copies of the operands: they may be overwritten where no rule reads them."""
        if result is not None:  # else it is one of several that a node before this one gave
            self._notes[node] = _Note(self.here(), [_copied(x) for x in operands])

    def watched(self, pull_back: Callable[..., Thunks]) -> Callable[..., Thunks]:
        """Wrap `pull_back`: once it agreed to run the rule, check the rule first."""

        def pull(node: Node, g: Operand, create_graph: bool) -> Thunks:
            thunks = self.run(node, pull_back, node, g, create_graph)
            right = self._check(node, g, thunks, create_graph)

            def wrap(i: int, thunk: Callable[[], Operand]) -> Callable[[], Operand]:
                def confirmed() -> Operand:
                    gradient = self.run(node, thunk)
                    if i in right:
                        self._confirm(node, i, gradient, right[i])
                    return gradient

                return confirmed

            return watched_thunks(thunks, wrap)

        return pull

    def _check(
        self, node: Node, g: Operand, thunks: Thunks, create_graph: bool
    ) -> dict[int, Along]:
        """Check the rule for each operand; give those for which it is right."""
        note, op = self._notes.get(node), node.op
        # A Function says so itself: the class of its op is not its author's.
        if op.name in self._skip or not getattr(getattr(op, "function", op), "checkable", True):
            return {}
        if note is None:
            if type(op).forward is not Op.forward or hasattr(op, "again"):  # else a part of another
                self._skipped(node, "was recorded outside check_gradients()", None)
            return {}
        parts = g.given if isinstance(g, Parts) else {0: g}
        arrays = {k: x.array if isinstance(x, Value) else np.asarray(x) for k, x in parts.items()}
        right: dict[int, Along] = {}
        with self._aside():
            for i, thunk in enumerate(thunks):
                if node.parents[i] is not None and is_floating(note.operands[i]):
                    along = self._check_operand(node, note, i, arrays, silent=thunk is None)
                    right |= {} if along is None else {i: along}
            if create_graph and right and self._twice:
                self._check_again(node, note, right, arrays)
        return right

    @contextlib.contextmanager
    def _aside(self) -> Iterator[None]:
        """Run ops so that nobody notices, not even who draws random numbers next."""
        stream = stream_of(None)
        before, state = set_watchers(()), stream.state
        try:
            with recording(PLAIN), np.errstate(all="ignore"):
                yield
        finally:
            set_watchers(before)
            stream.state = state

    def _check_operand(
        self, node: Node, note: _Note, i: int, g: Mapping[int, Any], silent: bool
    ) -> Along | None:
        along, found = self._along(node.op, note.operands, i, g)
        by = operand_name(node.op, i)
        if isinstance(found, str):
            self._skipped(node, f"{by}: {found}", note.place)
            return None
        if found is None:
            self.checked += 1
            return along
        what = " (its rule gives none)" if silent else ""
        raise self._error(node, "derivative", by, _numbers(found, what))

    def _check_again(
        self, node: Node, note: _Note, right: Mapping[int, Along], g: Mapping[int, Any]
    ) -> None:
        """Check the derivatives of the gradients that are right, by all that they depend on."""
        op, count = Pulled(node.op, [*right], [*g]), len(note.operands)
        operands = [*note.operands, *(_copied(x) for x in g.values())]
        digit = max(along.last_digit() for along in right.values())
        for i in [*right, *range(count, len(operands))]:
            by = operand_name(node.op, i) if i < count else "the upstream gradient"
            along, found = self._along(op, operands, i, {})
            if along is not None and isinstance(found, Mismatch):
                least = 64 * digit * float(np.linalg.norm(along.u))
                if max(abs(found.analytic), abs(found.numeric)) < least:
                    found = "is lost in the rounding of the results"
            if isinstance(found, str):
                self._skipped(node, f"its gradient, by {by}: {found}", note.place)
            elif found is not None and along is not None:
                self._look_inside(along)
                what = " (is something detached in its rule?)"
                raise self._error(node, "second derivative", by, _numbers(found, what))

    def _look_inside(self, along: Along) -> None:
        """Check the ops that a rule is made of: if one is wrong, that is what is told."""
        with watching(GradientChecker(self._rtol, self._skip, twice=False)):
            along.gradient(along.operands, along.u)

    def _along(
        self, op: Op, operands: list[Any], i: int, g: Mapping[int, Any]
    ) -> tuple[Along | None, Mismatch | str | None]:
        """Compare an op's derivative by one operand; say why, if it cannot be."""
        try:
            along = Along(op, operands, i, g, self._rng)
            return along, along.compare(self._rtol)
        except Exception as error:  # noqa: BLE001 - whatever the op says to float64 operands
            return None, f"cannot be run again in float64: {type(error).__name__}: {error}"

    def _confirm(self, node: Node, i: int, gradient: Operand, along: Along) -> None:
        """Compare the gradient that goes on with that of the rule on arrays in float64."""
        given = gradient.array if isinstance(gradient, Value) else np.asarray(gradient)
        exact, precision = along.exact, np.finfo(given.dtype)
        found = given.astype(np.float64)
        if found.shape != exact.shape:
            with self._aside():
                found = sum_to(new(found), exact.shape).array
        near = 64 * float(precision.eps) * np.abs(exact) + 64 * float(precision.tiny)
        with np.errstate(invalid="ignore"):
            wrong = (np.abs(found - exact) > near) & np.isfinite(found) & np.isfinite(exact)
        if not wrong.any() or not _in_range([*along.operands, along.given], precision):
            return
        with self._aside():
            eps = max(float(precision.eps), along.eps)
            wrong &= np.abs(found - exact) > near + 64 * along.rounded(eps)
        if wrong.any():
            distance = np.where(wrong, np.abs(found - exact), 0.0)
            at = tuple(int(k) for k in np.unravel_index(distance.argmax(), exact.shape))
            how = "on tensors" if isinstance(gradient, Value) else "on arrays"
            raise self._error(
                node,
                "derivative",
                operand_name(node.op, i),
                f"{int(wrong.sum())} of {exact.size} elements, the worst {found[at]:.10g} at {at}, "
                f"in the pass, {how} in {given.dtype}; the same rule gives {exact[at]:.10g} on "
                "arrays in float64",
            )

    def _error(self, node: Node, which: str, by: str, what: str) -> GradcheckError:
        return GradcheckError(
            f"the {which} of {node.op.name} with respect to {by} is wrong: {what}\n"
            f"  op: {node.op.name}, {result_of(node)}\n{self.place(node)}"
        )

    def _skipped(self, node: Node, reason: str, place: Place | None) -> None:
        where = "" if place is None else f" ({place.file}:{place.line})"
        line = f"{node.op.name}: {reason}{where}"
        if line not in self.skipped:
            self.skipped.append(line)


def _numbers(found: Mismatch, what: str) -> str:
    """Both numbers, and how they were found; `what` says more of the first."""
    scale = max(abs(found.analytic), abs(found.numeric))
    relative = abs(found.analytic - found.numeric) / scale
    return (
        f"analytic {found.analytic:.10g}{what}, numeric {found.numeric:.10g}, relative error "
        f"{relative:.2g} (uᵀ·J·v for {found.cotangent}, in float64, relative step {found.step:g})"
    )


def _copied(x: Any) -> Any:
    if not isinstance(x, np.ndarray):
        return x
    return np.array(x, dtype=np.float64 if x.dtype.kind == "f" else None)


def _in_range(numbers: Sequence[Any], precision: np.finfo[Any]) -> bool:
    """Whether the numbers are such that their products, too, are numbers of that precision."""
    for x in numbers:
        sizes = np.abs(x[np.isfinite(x) & (x != 0)]) if is_floating(x) else np.ones(1)
        low, high = float(precision.tiny) ** 0.5, float(precision.max) ** 0.5
        if sizes.size and not low < sizes.min() <= sizes.max() < high:
            return False
    return True
