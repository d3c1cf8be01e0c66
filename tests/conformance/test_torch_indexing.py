"""Drawn indices beside PyTorch: what they read and write, and the gradients, or both raise."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from helpers import times
from hypothesis import example, given
from hypothesis import strategies as st

import tinygrad_np as tg

torch = pytest.importorskip("torch", reason="PyTorch, the reference, is not installed")

if TYPE_CHECKING:
    from collections.abc import Callable

SHAPE = (2, 3, 4)
DATA = np.random.default_rng(0).standard_normal(SHAPE)


@dataclass(frozen=True)
class Part:
    """An index tensor, that each library makes for itself."""

    kind: str
    values: Any

    def __call__(self, lib: Any) -> Any:
        return lib.tensor(self.values, dtype=getattr(lib, self.kind))


def ints(least: int, most: int) -> st.SearchStrategy[Any]:
    return st.integers(least, most)


@st.composite
def arrays(draw: st.DrawFn, least: int, most: int) -> Any:
    """Nested lists of integers, of up to two dimensions."""
    size = draw(st.sampled_from([(), (1,), (2,), (3,), (2, 1), (2, 3), (0,)]))
    return np.array(
        [draw(ints(least, most)) for _ in range(int(np.prod(size)))], dtype=np.int64
    ).reshape(size)


@st.composite
def parts(draw: st.DrawFn, dim: int) -> Any:
    """One part of an index, for a dimension that starts at `dim`; sometimes it does not fit."""
    size = SHAPE[dim] if dim < len(SHAPE) else 2
    beyond = draw(st.integers(0, 19)) == 0
    low, high = (-size - 1, size) if beyond else (-size, size - 1)
    kind = draw(st.sampled_from(["int", "slice", "slice", "None", "...", "list", "int64", "mask"]))
    if kind == "int":
        return draw(ints(low, high))
    if kind == "slice":
        bound = st.none() | ints(-size - 1, size + 1)
        return slice(draw(bound), draw(bound), draw(st.sampled_from([None, None, 1, 2, 3])))
    if kind in {"None", "..."}:
        return draw(st.sampled_from([None, None, True, False])) if kind == "None" else ...
    if kind == "list":
        return draw(st.lists(ints(low, high), max_size=3))
    if kind == "int64":
        values = draw(arrays(low, high))
        return Part(draw(st.sampled_from(["int64", "int32"])), values.tolist())
    span = draw(st.integers(0, 2))
    shape = SHAPE[dim : dim + span]
    if beyond:
        shape = (*shape[:-1], 7)
    mask = np.random.default_rng(draw(ints(0, 99))).random(shape) < 0.5
    return Part(draw(st.sampled_from(["bool", "bool", "uint8"])), mask.tolist())


@st.composite
def indices(draw: st.DrawFn) -> Any:
    """A tuple of parts, or one of them alone."""
    found: list[Any] = []
    dim = 0
    for _ in range(draw(st.integers(0, 4))):
        part = draw(parts(min(dim, 3)))
        if part is ... and any(p is ... for p in found):
            continue  # PyTorch takes a second one for nothing at all; we refuse it
        found.append(part)
        dim += part is not None and part is not ... and not isinstance(part, bool)
    return found[0] if len(found) == 1 and draw(st.booleans()) else tuple(found)


def made(lib: Any, index: Any) -> Any:
    if isinstance(index, tuple):
        return tuple(made(lib, part) for part in index)
    return index(lib) if isinstance(index, Part) else index


def attempt(lib: Any, action: Callable[..., Any], index: Any) -> Any:
    """What the action gives; or the kind of error."""
    x = lib.tensor(DATA, requires_grad=True)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # PyTorch's about bytes as masks
            return action(lib, x, made(lib, index))
    except (IndexError, ValueError, TypeError, RuntimeError):
        return None


def read(lib: Any, x: Any, index: Any) -> list[Any]:
    y = x[index]
    y.backward(lib.tensor(np.random.default_rng(1).standard_normal(tuple(y.shape))))
    return [y.detach().numpy(), x.grad.numpy()]


def write(value_shape: Callable[[tuple[int, ...]], tuple[int, ...]]) -> Callable[..., Any]:
    """Write a tracked value of a shape made from that of the part, over a tracked tensor."""

    def action(lib: Any, x: Any, index: Any) -> list[Any]:
        shape = value_shape(np.shape(x.detach()[index].numpy()))
        value = lib.tensor(np.random.default_rng(2).standard_normal(shape), requires_grad=True)
        h = x * 1
        h[index] = value
        h.backward(lib.tensor(np.random.default_rng(3).standard_normal(SHAPE)))
        slope = np.zeros(shape) if value.grad is None else value.grad.numpy()
        return [h.detach().numpy(), x.grad.numpy(), slope]

    return action


WRITES = {
    "equal": write(lambda shape: shape),
    "number": write(lambda _: ()),
    "one": write(lambda shape: (1,) * len(shape)),
    "last": write(lambda shape: shape[-1:]),
    "wrong": write(lambda shape: (*shape, 5)),
}


def compare(action: Callable[..., Any], index: Any) -> None:
    ours, theirs = attempt(tg, action, index), attempt(torch, action, index)
    if ours is None and theirs and (not theirs[0].size or np.array_equal(theirs[0], DATA)):
        return  # PyTorch does not check the indices and the shape of a part without elements
    assert (ours is None) == (theirs is None), f"ours {ours}, PyTorch's {theirs}"
    for a, b in zip(ours or (), theirs or (), strict=True):
        assert a.shape == b.shape
        np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-12)


@given(indices())
@times(10)
@example((0, slice(None), [0, 1]))
@example((slice(None), 0, [0, 1]))
@example(([0, 1], slice(None), 0))
@example(([0, 1], None, [0, 1]))
@example((True, ..., [1, 2]))
@example((slice(None), [0, 1], ..., [0, 1]))  # `...` stands for nothing, or a dimension
@example((slice(None), [0, 1], ..., [0, 1], slice(None)))
@example(([0, 1], ..., [0, 1]))
def test_reading(index: Any) -> None:
    compare(read, index)


def repeats(index: Any) -> bool:
    """Whether the index names a place twice: which write stays is anybody's guess."""
    places = torch.arange(DATA.size).reshape(SHAPE)[made(torch, index)].numpy().ravel()
    return len(np.unique(places)) < len(places)


@pytest.mark.parametrize("name", WRITES)
@given(index=indices())
@times(4)
def test_writing(name: str, index: Any) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            if repeats(index):
                return
        except (IndexError, RuntimeError):
            pass
    compare(WRITES[name], index)
