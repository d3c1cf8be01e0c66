"""The exceptions of the library: each also is what a PyTorch or NumPy user would catch.

The functions below make those of the core and the engine, so that the code there stays short and
the messages can be read in one place: what was wrong, with the shapes, and what to do.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable


class ShapeError(RuntimeError, ValueError):
    """Shapes that do not fit each other; the message gives both and the fix."""


class DtypeError(RuntimeError, TypeError):
    """Dtypes that an operation does not mix; the message says which side to cast."""


class GraphError(RuntimeError):
    """A graph that cannot be differentiated: freed, overwritten, or not there at all."""


class AnomalyError(RuntimeError):
    """NaN or Inf, where it shows first; raised inside `detect_anomaly` alone."""


class PlaceError(RuntimeError, IndexError):
    """An element that is not there: beyond the size of a dimension, or the largest of none."""


class GradcheckError(RuntimeError):
    """An analytic derivative that disagrees with the numerical one.

    Where a program could be written that shows the same failure again, `snippet` holds it.
    """

    snippet: str = ""


class NondifferentiableError(GradcheckError):
    """A point at which there is no derivative to check; the message names it."""


def not_a_tensor(
    function: str,
    argument: str,
    given: object,
    more: str = "",
    advice: str = "wrap data with tensor() or from_numpy()",
) -> TypeError:
    """Say that an argument is no tensor; `function` is a public name, or that of an op.

    `more` is what else it could be, or must be: " or None".
    """
    name, kind = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", function).lower(), type(given)
    return TypeError(
        f"{name}: {argument} must be a Tensor{more}, not a {kind.__module__}.{kind.__qualname__}; "
        f"{advice}"
    )


def no_bools(op: str) -> DtypeError:
    """Say that an op does not take bools."""
    return DtypeError(
        f"{op}: bools cannot be subtracted or negated; write ~x to invert a mask, x ^ y where two "
        "differ, or convert with .int()"
    )


def no_bits(op: str, dtypes: Iterable[object]) -> DtypeError:
    """Say that an op on bits was given floats."""
    return DtypeError(
        f"{op}: only integers and bools have bits to work on, not {' and '.join(map(str, dtypes))};"
        " compare first (x > 0), or convert with .long()"
    )


def no_broadcast(op: str, shapes: Iterable[object]) -> ShapeError:
    """Say that the shapes of operands do not broadcast."""
    return ShapeError(
        f"{op}: shapes {' and '.join(map(str, shapes))} do not broadcast: aligned at the right, "
        "sizes must be equal or 1; use unsqueeze, reshape or expand on one side"
    )


def graph_freed(op: str) -> GraphError:
    """Say that a backward pass already dropped what this one needs."""
    return GraphError(
        f"backward through a graph that has been freed: {op} no longer holds what its derivative "
        "reads. Call the first backward() with retain_graph=True to go through the graph twice"
    )


def array_overwritten(op: str, shape: tuple[int, ...], seen: int, now: int) -> GraphError:
    """Say that an array was written since the derivative that reads it was recorded."""
    return GraphError(
        f"an array that the derivative of {op} (result of shape {shape}) reads was changed in "
        f"place: it is at version {now}, and was at version {seen} when it was recorded. Write out "
        "of place (x = x + y), or change a .clone()"
    )


def view_of_two_modes() -> GraphError:
    """Say that a view from under no_grad() met a write that is recorded."""
    return GraphError(
        "a view that was made under no_grad(), and its memory was or would be written while "
        "operations are recorded: it is not clear which of the two is meant. Make the view and "
        "write under one mode, or take .detach()"
    )


def leaf_moved(shape: tuple[int, ...]) -> GraphError:
    """Say that what was a leaf in the forward pass has a history now."""
    return GraphError(
        f"a leaf of shape {shape} was moved into the interior of the graph: since this graph was "
        "recorded, it or the base of which it is a view was written while operations are recorded. "
        "Write before the forward pass, or into a .clone()"
    )


def leaf_replaced(op: str, shape: tuple[int, ...]) -> GraphError:
    """Say that a leaf no longer holds the array that the forward pass saw."""
    return GraphError(
        f"a leaf of shape {shape} that {op} read was given other data since; a second derivative "
        "needs the data that the forward pass saw"
    )


def wrong_gradient(op: str, given: tuple[int, ...], expected: tuple[int, ...]) -> GraphError:
    """Say that a rule gave a gradient of the wrong shape."""
    return GraphError(
        f"the derivative of {op} gave a gradient of shape {tuple(given)} for an operand of shape "
        f"{tuple(expected)}; they must be equal (set broadcasts = True if the op broadcasts)"
    )


def undeclared_read(op: str) -> TypeError:
    """Say that a rule used an operand that it did not declare to read."""
    return TypeError(
        f"{op} in a derivative was given an operand of which only shape and dtype are kept; name "
        "its position in `reads` of the op whose derivative this is"
    )


def wrong_number_of_gradients(op: str, given: int, expected: int) -> GraphError:
    """Say that a rule does not answer for each operand."""
    return GraphError(
        f"the derivative of {op} gave {given} thunks for {expected} operands; give one for each, "
        "and None in the place of an operand without derivative"
    )


def hook_gave(hook: Callable[..., object], given: object, expected: str) -> TypeError:
    """Say that a hook returned what it must not."""
    return TypeError(
        f"hook {_name(hook)} returned a {type(given).__qualname__}; it must return {expected}"
    )


def hook_changed(hook: Callable[..., object], given: Any, before: Any) -> GraphError:
    """Say that a hook replaced a gradient by one of another kind."""
    return GraphError(
        f"hook {_name(hook)} replaced a gradient of shape {tuple(before.shape)} and dtype "
        f"{before.dtype} by one of shape {tuple(given.shape)} and dtype {given.dtype}; both must "
        "stay as they are"
    )


def _name(call: Callable[..., object]) -> str:
    return getattr(call, "__qualname__", None) or type(call).__qualname__
