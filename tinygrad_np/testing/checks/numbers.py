"""Checks of values: those of the oracle, in any dtype and mode, and again in every run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from tinygrad_np.autograd.checking.point import owner_of
from tinygrad_np.autograd.modes import no_grad
from tinygrad_np.core import Value
from tinygrad_np.testing.closeness import assert_close
from tinygrad_np.testing.subject import LAST_DIGIT, same, wobble

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tinygrad_np.testing.subject import Array, Subject

RUNS = 8  # a coin that dropout tosses falls the same way this often once in 128 times


def repeatable(subject: Subject) -> None:
    """Run the function several times at one point."""
    first = subject.outcome(subject.point())
    for _ in range(RUNS - 1):
        again = subject.outcome(subject.point())
        for what, before, now in (
            ("it gives", first.values, again.values),
            ("its rule gives", first.gradients, again.gradients),
        ):
            apart = [_apart(a, b) for a, b in zip(before, now, strict=True)]
            if any(apart):
                raise AssertionError(
                    f"{what} other numbers when it is run again, by up to {max(apart):.3g}; seed "
                    "inside the function, or put the module into eval()"
                )


def _apart(a: Array, b: Array) -> float:
    if a.shape != b.shape:
        return np.inf
    if np.array_equal(a, b, equal_nan=a.dtype.kind == "f"):
        return 0.0
    apart = np.abs(a.astype(np.float64) - b.astype(np.float64))
    return float(np.max(apart[np.isfinite(apart)], initial=0.0)) or np.inf


def value(subject: Subject) -> None:
    """Compare with the oracle."""
    if subject.oracle is None:
        return
    point = subject.point()
    parameters = {}
    owner = owner_of(point.func)
    if hasattr(owner, "named_parameters"):
        parameters = {name: x.array.copy() for name, x in owner.named_parameters()}
    copies = (np.array(x.array) if isinstance(x, Value) else x for x in point.arguments)
    expected = subject.oracle(*copies, **parameters)
    results = point.call()
    alone = len(results) == 1 and results[0].name == "output"
    wanted = [np.asarray(y) for y in _parts(expected, alone)]
    if len(wanted) != len(results):
        raise AssertionError(
            f"the oracle gives {len(wanted)} results, and {subject.name} {len(results)}; give a "
            "tuple, with one array for each tensor"
        )
    for (name, y), array in zip(results, wanted, strict=True):
        if y.dtype == np.float64 and array.dtype in (np.float16, np.float32):
            raise AssertionError(
                f"the oracle gives {array.dtype} for {name}, though its operands are float64; let "
                "it compute in their dtype"
            )
    found = [np.array(y.array) for _, y in results]
    assert_close(found, wanted, rtol=subject.rtol, atol=subject.atol, equal_nan=True)


def _parts(expected: Any, alone: bool) -> Iterator[Any]:
    """Arrays of what an oracle gives; a list of numbers may be the one array."""
    if isinstance(expected, dict):
        for part in expected.values():
            yield from _parts(part, alone)
    elif isinstance(expected, tuple) or (isinstance(expected, list) and not alone):
        for part in expected:
            yield from _parts(part, alone)
    else:
        yield expected


def dtype(subject: Subject) -> None:
    """Compare float32 with float64, at a point that both have."""
    in_single, in_double = subject.rounded()
    for point, kind in ((in_single, np.float32), (in_double, np.float64)):
        for _, y in point.run():
            if y.dtype != kind:
                raise AssertionError(f"a result is {y.dtype} for operands that are {kind.__name__}")
        point.check_untouched()
    expected = subject.values(in_double)
    found = subject.values(in_single)
    if len(found) != len(expected):
        raise AssertionError(f"float32 gives {len(found)} results, and float64 {len(expected)}")
    near_enough = [
        within_range(a, b) if b.dtype.kind == "f" else b
        for a, b in zip(found, expected, strict=True)
    ]
    same(
        near_enough,
        expected,
        1e-4,
        noise=lambda: wobble(lambda: subject.rounded()[1], subject.values),
        digit=LAST_DIGIT["float32"],
    )


def within_range(low: Array, high: Array) -> Array:
    """Give numbers of float32, but for those that it cannot hold."""
    if low.shape != high.shape:
        return low
    beyond = np.isfinite(high) & (np.abs(high) > np.finfo(np.float32).max)
    return np.asarray(np.where(beyond, high, low))


def unrecorded(subject: Subject) -> None:
    """Compare with a run under `no_grad`."""
    expected = subject.values(subject.point())
    with no_grad():
        point = subject.point()
        known = {id(x) for x in point.arguments} | {id(x) for _, x in point.operands}
        results = point.call()
    point.check_untouched()
    for name, y in results:
        if y.vertex is not None and id(y) not in known:
            raise AssertionError(f"{name}: a result requires grad under no_grad()")
    found = [np.array(y.array) for _, y in results]
    assert_close(found, expected, rtol=0.0, atol=0.0, equal_nan=True)
