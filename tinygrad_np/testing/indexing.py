"""Indices, drawn: all that may stand between the brackets of a tensor."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import hypothesis.extra.numpy as hnp
import numpy as np
from hypothesis import strategies as st

from tinygrad_np.tensor.creation import new

if TYPE_CHECKING:
    from collections.abc import Collection

    Part = tuple[str, Any]  # what stands between two commas, and its kind

CHOOSING = {"list", "mask"}  # kinds that NumPy and PyTorch gather by, all of them at once
_BATCHES = st.tuples(st.sampled_from([1, 2, 3, 4, 0])) | st.tuples(
    st.integers(1, 2), st.integers(1, 3)
)


@st.composite
def indices(
    draw: st.DrawFn,
    shape: tuple[int, ...],
    *,
    arrays: bool = True,
    masks: bool = True,
    new_axes: bool = True,
    tensors: bool = False,
) -> Any:
    """Draw an index for a tensor of `shape`: what may stand between its brackets.

    Integers and slices from either end, None, and `...` in any place. With `arrays` lists and
    arrays of indices, often repeated ones: of one dimension or two, and several that broadcast
    together. With `masks` a boolean array over one dimension or more. No index is out of range, no
    step is negative, which PyTorch refuses, and the result is the same in NumPy and in PyTorch.
    With `tensors` the arrays may be tensors, of which NumPy takes those of one element for numbers.
    """
    indexed = draw(st.sampled_from([*range(len(shape) + 1), *range(1, len(shape) + 1)]))
    ellipsis = draw(st.booleans())
    front = draw(st.integers(0, indexed)) if ellipsis else indexed
    choosing = draw(st.sampled_from(["", *["list"] * 3 * arrays, *["mask"] * 2 * masks]))
    batch = draw(_BATCHES) if choosing == "list" else ()

    def over(sides: tuple[int, ...]) -> list[Part]:
        """Draw what indexes these dimensions."""
        found: list[Part] = []
        while sides:
            kinds = ["slice"] + ["None"] * new_axes + ["int"] * (sides[0] > 0)
            if choosing == "mask" and "mask" not in dict(parts + found):
                kinds += ["mask"] * 6
            elif choosing == "list" and sides[0]:
                kinds += ["list"] * 6
            kind = draw(st.sampled_from(kinds))
            covered = draw(st.integers(1, len(sides))) if kind == "mask" else int(kind != "None")
            found.append((kind, draw(_part(kind, sides[:covered], batch, tensors))))
            sides = sides[covered:]
        return found

    parts: list[Part] = []
    parts += over(shape[:front])
    parts += [("...", ...)] * ellipsis
    parts += over(shape[len(shape) - indexed + front :])
    parts += [("None", None)] * (new_axes and draw(st.integers(0, 4)) == 4)
    index = [part for _, part in _unambiguous(parts, full=indexed == len(shape))]
    return index[0] if len(index) == 1 and draw(st.booleans()) else tuple(index)


def _unambiguous(parts: list[Part], *, full: bool) -> list[Part]:
    """Change what NumPy and PyTorch read differently.

    Both put the dimensions that were gathered first if something stands between what gathers. But
    only NumPy counts integers as gathering too, and an ellipsis for no dimension as something.
    """
    if not CHOOSING & dict(parts).keys():
        return parts
    if full:
        parts = [part for part in parts if part[0] != "..."]
    kinds = [kind for kind, _ in parts]
    if _divided(kinds, CHOOSING | {"int"}) and not _divided(kinds, CHOOSING):
        return [("slice", _single(at)) if kind == "int" else (kind, at) for kind, at in parts]
    return parts


def _divided(kinds: list[str], some: Collection[str]) -> bool:
    """Whether others stand between some kinds."""
    places = [i for i, kind in enumerate(kinds) if kind in some]
    return places[-1] - places[0] >= len(places)


def _single(at: int) -> slice:
    return slice(at, at + 1 or None)


@st.composite
def _part(
    draw: st.DrawFn, kind: str, sides: tuple[int, ...], batch: tuple[int, ...], tensors: bool
) -> Any:
    """Draw what stands between two commas, for these dimensions."""
    if kind == "None":
        return None
    if kind == "mask":
        mask = draw(hnp.arrays(np.bool_, sides))
        return draw(st.sampled_from([mask, new(mask)] if tensors else [mask]))
    (size,) = sides
    if kind == "int":
        return draw(st.integers(-size, size - 1))
    if kind == "slice":
        ends = st.none() | st.integers(-size - 1, size + 1)
        return slice(draw(ends), draw(ends), draw(st.none() | st.integers(1, 3)))
    own = batch[draw(st.integers(0, len(batch) - 1)) :]
    own = tuple(1 if n > 1 and draw(st.integers(0, 3)) == 3 else n for n in own)
    count, places = math.prod(own), st.integers(-size, size - 1)
    if count > 1 and draw(st.integers(0, 3)):  # mostly the same ones again and again
        places = st.sampled_from(draw(st.lists(places, min_size=1, max_size=2)))
    array = np.array(draw(st.lists(places, min_size=count, max_size=count)), np.int64).reshape(own)
    forms: list[Any] = [array.tolist()] if len(own) == 1 else []
    return draw(st.sampled_from([*forms, array, *[new(array)] * tensors]))
