"""The state machine: what a step of a random program is, in all worlds, and what must hold.

A program is checked after each step. Values are compared as they are made, and then every world
takes over ours: so they cannot drift apart, and no choice between branches falls otherwise.
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    initialize,
    invariant,
    multiple,
    precondition,
    rule,
)
from programs.table import OPS, VIEWS, WRITES, same_dtype
from programs.worlds import (
    SHIFT,
    SLOTS,
    History,
    Refused,
    Unlike,
    Variable,
    evaluate,
    promoted,
    shifts,
    still,
    tangents,
)

import tinygrad_np as tg
import tinygrad_np.utils.checkpoint

try:
    import torch
    import torch.utils.checkpoint
except ImportError:
    torch = None

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    Array = np.ndarray[Any, Any]

SHAPES = [(2, 3), (3,), (2, 1), (), (2, 3), (3, 3), (2, 3, 4), (0, 3), (48, 48)]
MODES = ["no_grad", "enable_grad", "inference_mode", "set_grad_enabled(True)"]
modes = st.one_of(st.just([]), st.just([]), st.lists(st.sampled_from(MODES), max_size=3))
UNARY = [name for name, op in OPS.items() if op.count == 1]
BINARY = [name for name, op in OPS.items() if op.count == 2]
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


def attempt(action: Callable[[], Any]) -> tuple[Any, Exception | None]:
    try:
        return action(), None
    except (RuntimeError, ValueError, IndexError, TypeError, Refused) as error:
        return None, error


def doubled(g: Any) -> Any:
    return None if g is None else 2 * g  # PyTorch calls hooks with None in a second pass


def noting(seen: list[Any]) -> Callable[[Any], None]:
    def note(g: Any) -> None:
        if g is not None:
            seen.append(g.detach().clone().numpy())

    return note


def records(names: Sequence[str]) -> bool:
    """Whether operations are recorded inside these modes."""
    grad, inference = True, False
    for name in names:
        inference |= name == "inference_mode"
        grad = name not in ("no_grad", "inference_mode") and not inference
    return grad


@contextlib.contextmanager
def within(names: Sequence[str]) -> Any:
    """Our modes, one inside the other."""
    with contextlib.ExitStack() as stack:
        for name in names:
            made = tg.set_grad_enabled(True) if "(" in name else getattr(tg, name)()
            stack.enter_context(made)
        yield


def in_ours(names: Sequence[str], action: Callable[[], Any]) -> Any:
    with within(names):
        return action()


def in_theirs(names: Sequence[str], action: Callable[[], Any]) -> Any:
    """PyTorch has further rules for what was made in inference mode: here it is a no_grad."""
    with torch.set_grad_enabled(records(names)):
        return action()


class Programs(RuleBasedStateMachine):
    """Runs a program in all worlds, and compares values, flags, gradients and refusals."""

    variables: Bundle[Variable] = Bundle("variables")

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

    # --- what runs in all worlds ---

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

    def keep(self, made: Variable | None) -> Any:
        """A new variable of the program, if there is one."""
        if made is None:
            return multiple()
        self.settle(made)
        self.alive.append(made)
        return made

    def result(
        self, function: Callable[..., Any], operands: Sequence[Variable], grad: bool
    ) -> Variable:
        """What an op makes of its operands, in NumPy."""
        flows = [x.read(grad) for x in operands]
        value, moves = evaluate(function, operands, len(self.slots), any(flows))
        rounded = np.array(value, dtype=promoted(operands), order="C")
        return Variable(rounded, moves, History(any(flows), not any(flows)))

    # --- rules: what a program makes ---

    @initialize(target=variables, seed=st.integers(0, 99), single=st.booleans())
    def begin(self, seed: int, single: bool) -> Any:
        self.single = single
        return multiple(self.leaf((2, 3), seed), self.leaf((3,), seed + 1, seed % 4, single=single))

    @rule(
        target=variables,
        shape=st.sampled_from(SHAPES),
        single=st.booleans(),
        seed=st.integers(0, 99),
        hook=st.integers(0, 3),
    )
    def create(self, shape: tuple[int, ...], single: bool, seed: int, hook: int) -> Variable:
        single &= self.single
        return self.leaf(shape, seed, hook, single=single, requires_grad=seed % 3 > 0)

    def leaf(
        self,
        shape: tuple[int, ...],
        seed: int,
        hook: int = 0,
        *,
        single: bool = False,
        requires_grad: bool = True,
    ) -> Variable:
        """A leaf; hook 1 doubles its gradient, 2 is removed again, 3 sees what accumulated."""
        requires_grad = requires_grad and len(self.slots) < SLOTS
        value, direction = np.random.default_rng(seed).uniform(-1.5, 1.5, (2, *shape))
        value = np.array(value, dtype=np.float32 if single else np.float64)
        made = Variable(value, still(value), History(requires_grad))
        made.ours = tg.tensor(value, requires_grad=requires_grad)
        if torch is not None:
            made.theirs = torch.tensor(value, requires_grad=requires_grad)
        if requires_grad:
            slot = Slot(made, np.array(direction), None)
            factor = 2 if hook == 1 else 1
            for tangent in tangents(made.moves, len(self.slots)):
                tangent[...] = factor * direction
            for sign, shift in zip((1, -1), shifts(made.moves), strict=True):
                shift[...] = sign * SHIFT * factor * direction
            self.slots.append(slot)
            for x, seen in ((made.ours, slot.seen), (made.theirs, slot.seen_by_theirs)):
                if x is not None and hook in (1, 2):
                    handle = x.register_hook(doubled)
                    if hook == 2:
                        handle.remove()
                if x is not None and hook == 3:
                    note = noting(seen)
                    x.register_post_accumulate_grad_hook(lambda x, note=note: note(x.grad))
        self.alive.append(made)
        return made

    @rule(target=variables, op=st.sampled_from(UNARY), x=variables, mode=modes)
    def compute(self, op: str, x: Variable, mode: list[str]) -> Any:
        return self.keep(self.computed(op, [x], mode))

    @rule(target=variables, op=st.sampled_from(BINARY), x=variables, y=variables, mode=modes)
    def combine(self, op: str, x: Variable, y: Variable, mode: list[str]) -> Any:
        return self.keep(self.computed(op, [x, y], mode))

    def computed(self, name: str, xs: list[Variable], mode: list[str]) -> Variable | None:
        op = OPS[name]
        if not op.needs(*(x.value for x in xs)):
            return None
        if op.positive and not np.all(xs[0].value > 0.1):
            lifted = self.computed("lift", xs[:1], mode)
            if lifted is None:
                return None
            self.alive.append(self.settle(lifted))
            xs = [lifted, *xs[1:]]

        def step() -> Variable:
            if not op.mixes:
                same_dtype(x.value for x in xs)
            return self.result(op.on_arrays, xs, records(mode))

        return self.run(
            step,
            lambda: in_ours(mode, lambda: op.function(tg, *(x.ours for x in xs))),
            lambda: in_theirs(mode, lambda: op.function(torch, *(x.theirs for x in xs))),
        )

    @rule(target=variables, view=st.sampled_from(list(VIEWS)), x=variables, mode=modes)
    def look(self, view: str, x: Variable, mode: list[str]) -> Any:
        function, on_arrays = VIEWS[view]

        def theirs() -> Any:
            # PyTorch calls a view from under no_grad one that requires grad, and has none for it.
            return function(x.theirs if records(mode) else x.theirs.detach())

        if torch is not None and x.theirs.is_contiguous() != x.value.flags.c_contiguous:
            return multiple()  # results of operations are row-major with us
        return self.keep(
            self.run(
                lambda: x.looked_at(on_arrays, records(mode)),
                lambda: in_ours(mode, lambda: function(x.ours)),
                lambda: in_theirs(mode, theirs),
            )
        )

    @rule(target=variables, x=variables)
    def detach(self, x: Variable) -> Any:
        """The same memory, and no tangent."""
        return self.keep(self.run(x.detached, x.ours.detach, lambda: x.theirs.detach()))  # noqa: PLW0108 - there may be no PyTorch

    @rule(target=variables, x=variables, kind=st.sampled_from(["doubles", "removed", "retains"]))
    def copy(self, x: Variable, kind: str) -> Any:
        """A copy with a hook that doubles its gradient, or did; or one that retains it."""
        retains = kind == "retains"
        if retains and not (len(self.slots) < SLOTS and x.requires_grad):
            return multiple()

        def copied(x: Any) -> Any:
            y = x * 1.0
            if retains:
                y.retain_grad()
                return y
            handle = y.register_hook(doubled)
            if kind == "removed":
                handle.remove()
            return y

        def step() -> Variable:
            made = self.result(lambda x: x, [x], grad=True)
            if not made.requires_grad:
                raise Refused("a hook on what has no gradient")
            if kind == "doubles":
                made.moves = [np.asarray(2 * m) for m in made.moves]
            return made

        made = self.run(step, lambda: copied(x.ours), lambda: copied(x.theirs))
        if made is not None and retains:
            along = np.random.default_rng(made.value.size).uniform(-1, 1, made.value.shape)
            for tangent in tangents(made.moves, len(self.slots)):
                tangent[...] = along
            self.slots.append(Slot(made, along, made.memory.writes))
            self.retained.append(made)
        return self.keep(made)

    @precondition(lambda _: torch is not None)
    @rule(x=variables, retains=st.booleans())
    def watch(self, x: Variable, retains: bool) -> None:
        """See the gradients of anything, used and written as it may be."""
        if x.view:  # PyTorch's views lose their hooks when their memory is written under no_grad
            return
        ours: list[Any] = []
        theirs: list[Any] = []

        def see(x: Any, seen: list[Any]) -> None:
            if retains:
                x.retain_grad()
            else:
                x.register_hook(noting(seen))

        _, error = attempt(lambda: see(x.ours, ours))
        _, failure = attempt(lambda: see(x.theirs, theirs))
        assert (error is None) == (failure is None), (error, failure)
        if error is None and retains:
            self.retained.append(x)
        elif error is None:
            self.watched.append((ours, theirs))

    @rule(write=st.sampled_from(list(WRITES)), x=variables, y=variables, mode=modes)
    def write(self, write: str, x: Variable, y: Variable, mode: list[str]) -> None:
        """Change memory: with the derivative, or, outside grad mode, under everyone's feet."""
        entry = WRITES[write]
        xs = [x, y][: entry.count]
        together = entry.count == 2 and np.shares_memory(x.value, y.value)
        if not entry.needs(*(x.value for x in xs)) or (together and entry.apart is None):
            return
        if entry.positive and not np.all(x.value > 0.1):
            return
        if x is y and write == "x[...] = y":  # ours takes that for `x[...] += y`
            return
        grad = records(mode)

        def step() -> Variable:
            flows = [y.read(grad) for y in xs[1:]]
            tracked = grad and (x.requires_grad or any(flows))
            if not entry.mixes:
                same_dtype(v.value for v in xs)
            value, moves = evaluate(entry.on_arrays, xs, len(self.slots), tracked)
            if value.shape != x.value.shape:
                raise Refused("a result that does not fit")
            x.refuse_write(grad, tracked)
            return Variable(value, moves, History(tracked))

        def theirs() -> Any:
            a, *bs = (v.theirs for v in xs)
            if together and x is not y and entry.apart is not None:
                return a.copy_(entry.apart(a.clone(), *bs))
            return entry.function(torch, a, *bs)

        made = self.run(
            step,
            lambda: in_ours(mode, lambda: entry.function(tg, *(v.ours for v in xs))),
            lambda: in_theirs(mode, theirs),
        )
        if made is not None:
            x.write(made.value, made.moves, grad=grad, tracked=made.history.tracked)
            self.settle(x)
            self.intact = False

    # --- rules: passes ---

    @rule(
        ys=st.lists(variables, min_size=1, max_size=3),
        seed=st.integers(0, 99),
        retain=st.booleans(),
        on_tape=st.booleans(),
        anew=st.booleans(),
    )
    def backward(
        self, ys: list[Variable], seed: int, retain: bool, on_tape: bool, anew: bool
    ) -> None:
        """Accumulate into the leaves; a graph that was freed or written over must say so."""
        if anew:
            self.zero_grad()
        ys, us = self.roots(ys, seed)
        options = {"retain_graph": retain or on_tape}

        def run(lib: Any, ys: list[Any], **more: bool) -> None:
            lib.autograd.backward(ys, [lib.tensor(u) for u in us], **options, **more)

        _, error = attempt(lambda: run(tg, [y.ours for y in ys], create_graph=on_tape))
        failure = None
        if torch is not None:
            _, failure = attempt(lambda: run(torch, [y.theirs for y in ys]))
        for i, slot in enumerate(self.slots):
            for u, y in zip(us, ys, strict=True):
                terms = u * tangents(y.moves, i)[0]
                slot.slope += float(terms.sum())
                slot.scale += float(np.abs(terms).sum())
        self.judge(ys, error, failure)
        self.intact &= options["retain_graph"]

    @rule(ys=st.lists(variables, min_size=1, max_size=2), seed=st.integers(0, 99))
    def backward_twice(self, ys: list[Variable], seed: int) -> None:
        """Differentiate the derivative along all leaves at once."""
        ys, us = self.roots(ys, seed)
        leaves = [slot for slot in self.slots if slot.writes is None]

        def run(lib: Any, ys: list[Any], xs: list[Any]) -> bool:
            us_ = [lib.tensor(u) for u in us]
            found = lib.autograd.grad(ys, xs, us_, create_graph=True, allow_unused=True)
            terms = [
                (g * lib.tensor(slot.along)).sum()
                for g, slot in zip(found, leaves, strict=True)
                if g is not None and g.requires_grad
            ]
            if terms:
                sum(terms[1:], terms[0]).backward(retain_graph=True)
            return bool(terms)

        _, error = attempt(lambda: run(tg, [y.ours for y in ys], [s.variable.ours for s in leaves]))
        failure = None
        if torch is not None:
            _, failure = attempt(
                lambda: run(torch, [y.theirs for y in ys], [s.variable.theirs for s in leaves])
            )
        for i, slot in enumerate(self.slots):
            for u, y in zip(us, ys, strict=True):
                _, ahead, behind = tangents(y.moves, i)
                terms = u * (ahead - behind) / (2 * SHIFT)
                if slot.writes is not None:  # it also has the gradient of the first pass
                    terms += u * tangents(y.moves, i)[0]
                slot.slope += float(terms.sum())
                slot.scale += float(np.abs(u * ahead).sum() + np.abs(terms).sum())
        self.twice = True
        self.judge(ys, error, failure)

    def roots(self, ys: list[Variable], seed: int) -> tuple[list[Variable], list[Array]]:
        """Those that can be differentiated, if there are any, and what comes from above."""
        ys = [y for y in [*ys, self.alive[-1]] if y.requires_grad and not y.torn] or ys[:1]
        rng = np.random.default_rng(seed)
        return ys, [np.asarray(rng.standard_normal(y.value.shape), y.value.dtype) for y in ys]

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

    # --- what must hold ---

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
