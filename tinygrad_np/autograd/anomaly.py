"""Finding the op that made the first NaN or Inf, and writes that the graph cannot see."""

from __future__ import annotations

import math
import zlib
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple, Self
from weakref import WeakKeyDictionary

import numpy as np

from tinygrad_np.autograd.function import FunctionOp
from tinygrad_np.autograd.watching import (
    Block,
    Place,
    Watcher,
    operand_name,
    others,
    result_of,
    watched_thunks,
)
from tinygrad_np.core import Node, Value
from tinygrad_np.errors import AnomalyError, GraphError
from tinygrad_np.recorder import set_watchers, thread

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tinygrad_np.core import Array, Op, Operand, Thunks, Vertex


class detect_anomaly(Block["AnomalyWatcher"]):
    """Name the first op that makes NaN or Inf, forward or backward, and unseen writes.

    Inside the block, on this thread, an op whose result holds NaN or Inf though its operands do
    not raises at once, and so does a derivative, in `backward`, though the gradient that arrived
    was finite. The error names the op, the line of user code that recorded it, and the module. NaN
    that came in with a leaf or with data is reported as that. Inf in data that needs no gradient
    (a mask of -inf) is let through, and remembered if NaN comes of it.

    `backward` also notices if an array that a derivative reads was changed through memory shared
    by `.numpy()` or `from_numpy`, which version cells cannot see: checksums are compared.

    Slows everything down: for looking for a fault. Outside the block it costs nothing.

    Parameters
    ----------
    check_nan
        Look for NaN and Inf; without, only for unseen writes, and errors of derivatives say where
        their op was recorded.

    Raises
    ------
    AnomalyError
        Where NaN or Inf shows first.
    GraphError
        In `backward`, if an array was changed through shared memory.

    >>> import tinygrad_np as tg
    >>> x = tg.zeros(2, requires_grad=True)
    >>> with tg.autograd.detect_anomaly():
    ...     x.sqrt().sum().backward()
    Traceback (most recent call last):
    tinygrad_np.errors.AnomalyError: the derivative of Sqrt with respect to operand 0 (x) made...
    """

    __slots__ = ()

    def __init__(self, check_nan: bool = True) -> None:
        if callable(check_nan):
            raise TypeError("detect_anomaly: write @detect_anomaly() with parentheses")
        super().__init__(partial(AnomalyWatcher, check_nan))


class set_detect_anomaly:
    """Switch `detect_anomaly` on or off for this thread: at once, or in a `with` until its end.

    >>> import tinygrad_np as tg
    >>> with tg.autograd.set_detect_anomaly(True), tg.autograd.set_detect_anomaly(False):
    ...     tg.tensor([float("nan")], requires_grad=True) * 2
    tensor([nan], grad_fn=<MulBackward0>)
    """

    __slots__ = ("_before",)

    def __init__(self, mode: bool, check_nan: bool = True) -> None:
        mine = (AnomalyWatcher(check_nan),) if mode else ()
        self._before = set_watchers((*others(AnomalyWatcher), *mine))

    def __enter__(self) -> Self:  # it took effect when it was made
        return self

    def __exit__(self, *_: object) -> None:
        set_watchers(self._before)


def is_anomaly_enabled() -> bool:
    """Whether `detect_anomaly` is on for this thread.

    >>> import tinygrad_np as tg
    >>> with tg.autograd.detect_anomaly():
    ...     tg.is_anomaly_enabled()
    True
    """
    return any(isinstance(watcher, AnomalyWatcher) for watcher in thread.watchers)


class _Note(NamedTuple):
    """What is known of a node: where it was recorded, what it read, where its Inf came from."""

    place: Place
    checksums: list[tuple[int, Any, int]]  # of what its rule reads: position, dtype, checksum
    origin: str  # "" if its result is finite


# Shared by all blocks: what was recorded in one can be differentiated in another.
_notes: WeakKeyDictionary[Node, _Note] = WeakKeyDictionary()


class AnomalyWatcher(Watcher):
    """Checks what each op gives, and what each rule gives."""

    __slots__ = ("_check_nan",)

    def __init__(self, check_nan: bool) -> None:
        super().__init__()
        self._check_nan = check_nan

    def place(self, node: Node) -> Place | None:
        """Where `node` was recorded, if that was watched."""
        note = _notes.get(node)
        return None if note is None else note.place

    def recorded(self, node: Node, operands: Sequence[Any], result: Any) -> None:
        """Check the result, and keep checksums of what the rule will read."""
        place, origin = self.here(), ""
        if result is None:  # one of several that a node before this one gave
            (source,) = node.parents
            known = _notes.get(source) if isinstance(source, Node) else None
            _notes[node] = _Note(place, [], "" if known is None else known.origin)
            return
        if self._check_nan and self._within is None:  # else the rule's own result is checked
            results = result if isinstance(result, tuple) else (result,)
            origin = _origin(node, operands, max(results, key=_weight), place)
        checksums = [(i, x.dtype, _checksum(x)) for i, x in _reads(node).items()]
        _notes[node] = _Note(place, checksums, origin)

    def watched(self, pull_back: Callable[..., Thunks]) -> Callable[..., Thunks]:
        """Wrap `pull_back` for one backward pass."""
        given: set[Vertex] = set()  # who was handed a gradient in this pass

        def pull(node: Node, g: Operand, create_graph: bool) -> Thunks:
            note = _notes.get(node)
            if note is not None:
                _check_unchanged(node, note)
            if self._check_nan:
                self._check_arrived(node, g, node in given)
            thunks = self.run(node, pull_back, node, g, create_graph)
            return watched_thunks(thunks, partial(wrap, node))

        def wrap(node: Node, i: int, thunk: Callable[[], Operand]) -> Callable[[], Operand]:
            def checked() -> Operand:
                gradient = self.run(node, thunk)
                if self._check_nan:
                    self._check_gradient(node, i, gradient)
                parent = node.parents[i]
                if parent is not None:
                    given.add(parent)
                return gradient

            return checked

        return pull

    def _check_arrived(self, node: Node, g: Operand, given: bool) -> None:
        """Refuse a gradient that is no number before the rule of `node` is run."""
        found = _kind(_array(g))
        if found:
            what = (
                "its uses add up to it, each gradient being finite"
                if given
                else "it came in with the gradient that backward() was given"
            )
            raise AnomalyError(
                f"the gradient of the result of {node.op.name} holds {found}: {what}"
                + _details(node, self.place(node))
            )

    def _check_gradient(self, node: Node, i: int, gradient: Operand) -> None:
        found = _kind(_array(gradient))
        if not found:
            return
        message = (
            f"the derivative of {node.op.name} with respect to {operand_name(node.op, i)} made "
            f"{found}: {_count(_array(gradient))}; the gradient that it was given is finite"
        )
        for j, x in enumerate(node.saved or ()):
            held = _kind(x) if isinstance(x, np.ndarray) else ""
            if held:
                what = operand_name(node.op, j) if j < len(node.parents) else "the result"
                note = _notes.get(node)
                origin = note.origin if note is not None and note.origin else ""
                message += f", and {what} holds {held}" + (f", which {origin}" if origin else "")
                break
        raise AnomalyError(message + _details(node, self.place(node)))


def _origin(node: Node, operands: Sequence[Any], result: Any, place: Place) -> str:
    """Where the Inf of a result came from, "" if it is finite; an error if the op made it."""
    found = _kind(result)
    if not found:
        return ""
    name, origin = node.op.name, ""
    for i, x in enumerate(operands):
        held = _kind(x)
        if not held:
            continue
        vertex = node.parents[i]
        note = _notes.get(vertex) if isinstance(vertex, Node) else None
        if note is not None and note.origin:
            origin = note.origin
            continue
        came = f"came in with {operand_name(node.op, i)} of {name}, {_source(vertex)}"
        if held == "NaN" or vertex is not None:
            raise AnomalyError(f"{held} {came}: {_count(x)}{_details(node, place)}")
        origin = f"{came}, at {place.file}:{place.line}"
    if not origin and any(isinstance(x, float) and not math.isfinite(x) for x in _fields(node.op)):
        origin = f"came in as a number that {name} was given, at {place.file}:{place.line}"
    if origin and found == "Inf":
        return origin
    ranges = "".join(f"\n  {operand_name(node.op, i)}: {_range(x)}" for i, x in enumerate(operands))
    if origin:
        reason = f", of an Inf that {origin}"
    else:
        reason = f": {_count(result)}; its operands are finite"
    raise AnomalyError(f"{name} made {found}{reason}{_details(node, place)}{ranges}")


def _source(vertex: Vertex | None) -> str:
    if vertex is None:
        return "data that needs no gradient"
    if isinstance(vertex, Value):
        return "a leaf that requires grad"
    return f"the result of {vertex.op.name}, which was not recorded inside detect_anomaly()"


def _fields(op: Op) -> list[Any]:
    """Numbers and the like that the op itself holds."""
    slots = (name for cls in type(op).__mro__ for name in getattr(cls, "__slots__", ()))
    return [getattr(op, name, None) for name in slots]


def _check_unchanged(node: Node, note: _Note) -> None:
    """Raise if an array that the rule reads is no longer what it was, and no cell says so."""
    if node.saved is None or any(cell[0] != seen for cell, seen in node.cells):
        return  # the engine has its own words for these
    reads, count = _reads(node), len(node.parents)
    for i, dtype, checksum in note.checksums:
        x = reads.get(i)
        # A recorded write may have put the same numbers into another array, in its dtype.
        if x is not None and x.dtype == dtype and _checksum(x) != checksum:
            what = "the result" if i == count else f"saved tensor {i - count - 1}"
            raise GraphError(
                f"an array that the derivative of {node.op.name} reads "
                f"({operand_name(node.op, i) if i < count else what}, of shape {x.shape}) was "
                "changed through memory that it shares, by .numpy(), from_numpy() or another view "
                "that the graph cannot see; change a copy (array.copy())"
                + _details(node, note.place)
            )


def _reads(node: Node) -> dict[int, Array]:
    """Arrays that the rule of `node` reads: operands, the result, and what a Function saved."""
    kept = node.kept if isinstance(node.op, FunctionOp) else None
    saved = (x and x.array for x in kept or ())
    arrays = enumerate((*(node.saved or ()), *saved))
    return {i: x for i, x in arrays if isinstance(x, np.ndarray)}


def _checksum(array: Array) -> int:
    return zlib.crc32(np.ascontiguousarray(array).data)


def _array(gradient: Operand) -> Array:
    array: Array = gradient.array if isinstance(gradient, Value) else gradient
    return array


def _kind(x: Any) -> str:
    """Give "NaN" or "Inf" if one is there (NaN weighs more), else ""."""
    if isinstance(x, float):
        x = np.asarray(x)
    if not isinstance(x, np.ndarray) or x.dtype.kind != "f" or np.isfinite(x).all():
        return ""
    return "NaN" if np.isnan(x).any() else "Inf"


def _weight(x: Any) -> int:
    return ("", "Inf", "NaN").index(_kind(x))


def _count(x: Any) -> str:
    """How many elements are no numbers, and which is the first."""
    x = np.asarray(x)
    wrong = np.isnan(x) if np.isnan(x).any() else np.isinf(x)
    first = tuple(int(i) for i in np.argwhere(wrong)[0])
    return f"{int(wrong.sum())} of {x.size} elements, the first {x[first]} at {first}"


def _range(x: Any) -> str:
    if not isinstance(x, np.ndarray):
        return f"{x}"
    described = f"shape {x.shape}, {x.dtype}"
    return f"{described}, from {x.min()} to {x.max()}" if x.size else described


def _details(node: Node, place: Place | None) -> str:
    lines = f"\n  op: {node.op.name}, {result_of(node)}\n"
    return lines + str(place or "  line: not recorded inside detect_anomaly(): unknown")
