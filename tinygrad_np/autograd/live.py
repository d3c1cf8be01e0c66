"""Checking each derivative against differences, while a backward pass uses it."""

from __future__ import annotations

import math
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple
from weakref import WeakKeyDictionary

import numpy as np

from tinygrad_np.autograd.watching import Block, Place, Watcher, operand_name, watched_thunks
from tinygrad_np.core import Node, Op, Value, apply
from tinygrad_np.engine import run_backward
from tinygrad_np.errors import GradcheckError
from tinygrad_np.recorder import PLAIN, recording, set_watchers
from tinygrad_np.tensor.creation import new
from tinygrad_np.tensor.generator import stream_of

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Sequence

    from numpy.typing import NDArray

    from tinygrad_np.core import Operand, Thunks

    Float = NDArray[np.float64]

STEPS = (6e-5, 1e-3, 1e-6, 1e-7)  # tried in turn, until one confirms the derivative


class check_gradients(Block["GradientChecker"]):
    """Compare each op's derivative with a difference of the op, in every backward pass inside.

    Where a backward pass reaches an op that was recorded inside the block, on this thread, the op
    is run again in float64 at the operands that it had. For each operand that a gradient flows to,
    one number is compared: uᵀ·J·v for a random cotangent u and a random direction v, from the op's
    rule and from central differences along v. The first op that fails raises, in `backward`; the
    error names the op, the operand, the line of user code and the module, with both numbers.

    Elements at a kink (the differences to both sides disagree) are left out. What cannot be
    checked at all is let through and listed in `skipped`. Nothing else changes: values, gradients
    and `.grad` are those of the ordinary pass.

    Keeps a copy of every operand, and runs every op about ten times: for looking for a fault, at
    small sizes. Outside the block it costs nothing. `gradcheck` checks a whole function instead.

    Parameters
    ----------
    rtol
        Largest error of a derivative, relative to its size.
    skip
        Names of ops to let through, such as one whose derivative differs on purpose.

    Raises
    ------
    GradcheckError
        In `backward`, at the first op whose derivative is wrong.

    >>> import tinygrad_np as tg
    >>> x = tg.tensor([0.3, -2.0], requires_grad=True)
    >>> with tg.autograd.check_gradients() as checked:
    ...     (x.exp() * x).sum().backward()
    >>> checked
    4 derivatives checked, none skipped
    """

    __slots__ = ()

    def __init__(self, *, rtol: float = 1e-5, skip: Collection[str] = ()) -> None:
        super().__init__(partial(GradientChecker, rtol, frozenset(skip)))


class _Note(NamedTuple):
    """Where a node was recorded, and copies of its operands, floats in float64."""

    place: Place
    operands: list[Any]


class GradientChecker(Watcher):
    """What a block has checked so far: how many derivatives, and which not, with the reason."""

    __slots__ = ("_notes", "_rng", "_rtol", "_skip", "checked", "skipped")

    def __init__(self, rtol: float, skip: Collection[str]) -> None:
        super().__init__()
        self.checked = 0
        self.skipped: list[str] = []
        self._rtol = rtol
        self._skip = skip
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
            self._check(node, thunks)
            return watched_thunks(thunks, lambda _, thunk: partial(self.run, node, thunk))

        return pull

    def _check(self, node: Node, thunks: Thunks) -> None:
        note = self._notes.get(node)
        if node.op.name in self._skip or not getattr(node.op, "checkable", True):
            return
        if note is None:
            if type(node.op).forward is not Op.forward:  # else it is part of another op
                self._skipped(node, "was recorded outside check_gradients()", None)
            return
        stream = stream_of(None)
        before, state = set_watchers(()), stream.state  # ops that draw numbers must not be noticed
        try:
            with recording(PLAIN), np.errstate(all="ignore"):
                for i, thunk in enumerate(thunks):
                    if node.parents[i] is None or not _floating(note.operands[i]):
                        continue
                    if thunk is None:
                        name = operand_name(node.op, i)
                        self._skipped(node, f"{name}: its rule gives no gradient", note.place)
                    else:
                        self._check_operand(node, note, i)
        finally:
            set_watchers(before)
            stream.state = state

    def _check_operand(self, node: Node, note: _Note, i: int) -> None:
        try:
            op = _Along(node.op, note.operands, i, self._rng)
            found = op.compare(self._rtol)
        except Exception as error:  # noqa: BLE001 - whatever the op says to float64 operands
            found = f"cannot be run again in float64: {type(error).__name__}: {error}"
        if found is None:
            self.checked += 1
        elif isinstance(found, str):
            self._skipped(node, f"{operand_name(node.op, i)}: {found}", note.place)
        else:
            scale = max(abs(found.analytic), abs(found.numeric))
            relative = abs(found.analytic - found.numeric) / scale
            raise GradcheckError(
                f"the derivative of {node.op.name} with respect to {operand_name(node.op, i)} is "
                f"wrong: analytic {found.analytic:.10g}, numeric {found.numeric:.10g}, relative "
                f"error {relative:.2g} (uᵀ·J·v for random u and v, in float64, relative step "
                f"{found.step:g})\n  op: {node.op.name}, result of shape {node.shape}, "
                f"{node.dtype}\n{note.place}"
            )

    def _skipped(self, node: Node, reason: str, place: Place | None) -> None:
        where = "" if place is None else f" ({place.file}:{place.line})"
        line = f"{node.op.name}: {reason}{where}"
        if line not in self.skipped:
            self.skipped.append(line)


class _Mismatch(NamedTuple):
    analytic: float
    numeric: float
    step: float


class _Along:
    """An op as a function of one operand along one direction: y(t) = f(…, x + t·v, …).

    `y` is one vector, of the elements of all results.
    """

    def __init__(self, op: Op, operands: list[Any], i: int, rng: np.random.Generator) -> None:
        self.op, self.operands, self.i, self.rng = op, [*operands], i, rng
        x = operands[i]
        # Each element moves by a share of its own size: none leaves a domain or jumps over a kink
        # at 0, and small ones beside large ones are still seen. Masks of -1e9 move with the others.
        size = _size(x) or 1.0
        share = np.where(x == 0, size, np.fmin(np.abs(x), 1e4 * size))
        self.still = ~np.isfinite(x)
        self.v = np.where(self.still, 0.0, rng.standard_normal(x.shape) * share)
        self.y = self.at(0.0)
        self.u: Float = rng.standard_normal(self.y.shape)
        self.u[~np.isfinite(self.y)] = 0.0

    def _results(self, values: Sequence[Any]) -> list[Any]:
        """Run the op, and give those of its results that are floating."""
        again = getattr(self.op, "again", None)  # how an op is run that `apply` cannot run
        given = again(*values) if again is not None else apply(self.op, *values)
        several = given if isinstance(given, tuple) else (given,)
        return [y for y in several if isinstance(y, Value) and y.array.dtype.kind == "f"]

    def at(self, t: float) -> Float:
        """Give y(t)."""
        moved = [*self.operands]
        moved[self.i] = np.asarray(moved[self.i] + t * self.v)
        with recording(None):
            results = self._results([_value(x) for x in moved])
        # Some ops give float32 whatever they take, and then differences are no finer than that.
        self.eps = max(float(np.finfo(y.dtype).eps) for y in results)
        return np.concatenate([y.array.reshape(-1) for y in results]).astype(np.float64)

    def compare(self, rtol: float) -> _Mismatch | str | None:
        """Find what is wrong: numbers that disagree, a reason why there are none, or nothing."""
        if not np.array_equal(self.at(0.0), self.y, equal_nan=True):
            return "gives other numbers when it is run again"
        mismatch = self._disagreement(rtol)
        if mismatch is None:
            return None
        kinks = self._kinks()
        if kinks.any():
            self.u[kinks] = 0.0
            if not self.u.any():
                return "every element of the result stands at a kink, or is not finite"
            mismatch = self._disagreement(rtol)
        return None if mismatch is None else self._verdict(mismatch, rtol)

    def _verdict(self, mismatch: _Mismatch, rtol: float) -> _Mismatch | str:
        """Give numbers that disagree, or the reason why they prove nothing."""
        reason = ""
        if not math.isfinite(mismatch.numeric):
            reason = "differences are not finite here"
        elif not math.isfinite(mismatch.analytic):
            floats = [x for x in self.operands if _floating(x)]
            if not (self.u.all() and all(np.isfinite(x).all() for x in floats)):
                reason = "the derivative is not finite here"
        elif not self._settled(mismatch):
            reason = "differences do not settle"
        elif self._beside(rtol):
            reason = "is right beside this point: it is a tie, or an end"
        return reason or mismatch

    def _beside(self, rtol: float) -> bool:
        """Whether the derivative is right a little beside the point, where nothing ties."""
        for i, x in enumerate(self.operands):
            if _floating(x):
                step = 1e-3 * self.rng.standard_normal(x.shape)
                moved = x + step * np.where(x == 0, _size(x) or 1.0, np.abs(x))
                self.operands[i] = np.asarray(moved)
        self.y = self.at(0.0)
        return self._disagreement(rtol) is None

    def _disagreement(self, rtol: float) -> _Mismatch | None:
        """None if the difference of one step confirms the derivative; else that of the first."""
        gradient = np.where(self.still, 0.0, self._gradient())
        x = np.where(self.still, 0.0, self.operands[self.i])
        analytic = float(np.vdot(gradient, self.v))
        first = None
        for step, slopes in self._slopes():
            numeric = float(np.vdot(self.u, slopes))
            size = max(_length(self.u * slopes), _length(gradient * self.v))
            moved = _length(gradient * x)  # by the rounding of x + t·v
            if abs(analytic - numeric) <= rtol * size + self._noise(step, moved):
                return None
            first = first or _Mismatch(analytic, numeric, step)
        return first

    def _gradient(self) -> Float:
        """What the rule gives for the cotangent u."""
        values = [_value(x) for x in self.operands]
        values[self.i].requires_grad_()
        roots, start = [], 0
        x = values[self.i]
        values[self.i] = x.clone()  # which the op may write into
        for y in self._results(values):
            part = self.u[start : start + y.array.size].reshape(y.shape).astype(y.dtype)
            start += y.array.size
            if y.vertex is not None:
                roots.append((y.vertex, new(part)))
        found = run_backward(roots, wanted={x})
        gradient: Float = found[x].array if x in found else np.zeros(x.shape)
        return gradient

    def _slopes(self) -> Iterator[tuple[float, Float]]:
        """Steps, and the derivative of y along v by central differences of two widths."""
        for step in STEPS:
            h = step if self.eps < 1e-10 else self.eps ** (1 / 3)
            wide = (self.at(h) - self.at(-h)) / (2 * h)
            narrow = (self.at(h / 2) - self.at(-h / 2)) / h
            slopes = (4 * narrow - wide) / 3  # what both have wrong in h² cancels
            yield h, np.where(self.u == 0, 0.0, slopes)

    def _noise(self, step: float, moved: float) -> float:
        """How far rounding alone can move uᵀ·(y(t) − y(−t))/2t."""
        operands = sum(_size(x) for x in self.operands if _floating(x))
        used = np.where(self.u == 0, 0.0, self.y)
        sizes = _length(self.u * used) + _length(self.u) * operands + moved
        return 16 * self.eps / step * sizes

    def _kinks(self) -> NDArray[np.bool_]:
        """Elements of y whose differences to both sides disagree, however small the step."""
        h = 1e-6 if self.eps < 1e-10 else self.eps ** (1 / 3)
        gaps, sizes = [], []
        for step in (h, h / 2):
            ahead, behind = (self.at(step) - self.y) / step, (self.y - self.at(-step)) / step
            gaps.append(np.abs(ahead - behind))
            sizes.append(np.abs(ahead) + np.abs(behind))
        wide, narrow = gaps
        # Of a smooth function the gap halves with the step.
        large = np.maximum(wide, narrow) > 1e-3 * np.maximum(*sizes) + 64 * self.eps / h
        smooth = (narrow > 0.3 * wide) & (narrow < 0.7 * wide)
        kinks: NDArray[np.bool_] = (large & ~smooth) | np.isnan(wide)
        return kinks

    def _settled(self, mismatch: _Mismatch) -> bool:
        """Whether the differences of most steps agree with each other, if not with the rule."""
        _, numeric, _ = mismatch
        near = 0.1 * min(abs(mismatch.analytic - numeric), abs(numeric))
        others = [(float(np.vdot(self.u, slopes)), step) for step, slopes in self._slopes()]
        agree = [abs(other - numeric) <= near + self._noise(step, 0.0) for other, step in others]
        return sum(agree) > len(STEPS) // 2


def _copied(x: Any) -> Any:
    if not isinstance(x, np.ndarray):
        return x
    return np.array(x, dtype=np.float64 if x.dtype.kind == "f" else None)


def _value(x: Any) -> Any:
    return new(np.array(x)) if isinstance(x, np.ndarray) else x


def _floating(x: Any) -> bool:
    return isinstance(x, np.ndarray) and x.dtype.kind == "f"


def _size(x: Float) -> float:
    """How large an element of `x` is in general: a few huge ones, such as masks, do not count."""
    sizes = np.abs(x[np.isfinite(x) & (x != 0)])
    return float(np.median(sizes)) if sizes.size else 0.0


def _length(x: Float) -> float:
    return float(np.linalg.norm(x))
