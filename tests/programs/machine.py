"""The state machine: what the steps of a random program are, in all worlds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, initialize, multiple, precondition, rule
from programs.comparison import Comparison, Slot
from programs.libraries import MODES, attempt, doubled, in_ours, in_theirs, noting, records, torch
from programs.table import OPS, VIEWS, WRITES, same_dtype
from programs.worlds import (
    SHIFT,
    SLOTS,
    History,
    Refused,
    Variable,
    evaluate,
    promoted,
    shifts,
    still,
    tangents,
)

import tinygrad_np as tg

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    Array = np.ndarray[Any, Any]

SHAPES = [(2, 3), (3,), (2, 1), (), (2, 3), (3, 3), (2, 3, 4), (0, 3), (48, 48)]
UNARY = [name for name, op in OPS.items() if op.count == 1]
BINARY = [name for name, op in OPS.items() if op.count == 2]
modes = st.one_of(st.just([]), st.just([]), st.lists(st.sampled_from(MODES), max_size=3))


class Programs(Comparison):
    """Random programs; each rule is a step."""

    variables: Bundle[Variable] = Bundle("variables")

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
