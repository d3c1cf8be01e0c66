"""Numbers and arrays as text that gives them back, with dtype and layout."""

from __future__ import annotations

import base64
import math
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tinygrad_np.autograd.snippets.program import Program

PRINTED = 64  # elements of an array that are written as numbers; more are written as bytes
LARGEST = 1 << 12  # elements; of more the program loads a file


def write_scalar(program: Program, value: Any) -> str:
    """Write a number, a string, None, or a dtype."""
    if isinstance(value, np.dtype):
        return f"{program.imported('numpy')}.dtype({_dtype(value)})"
    if isinstance(value, np.generic):
        if value.dtype.kind not in "biuf":
            return f"{write_array(program, np.asarray(value))}[()]"
        inside = write_scalar(program, value.item())
        return f"{program.imported('numpy')}.{type(value).__name__}({inside})"
    if isinstance(value, float) and not math.isfinite(value):
        return f"float({str(value)!r})"
    return repr(value)


def write_array(program: Program, array: NDArray[Any]) -> str:
    """Write an array with its strides: they may be what a failure depends on."""
    order = sorted(range(array.ndim), key=lambda axis: -abs(array.strides[axis]))
    turned = array.transpose(order)
    if array.flags.c_contiguous:
        return _compact(program, array)
    if turned.flags.c_contiguous:
        back = tuple(int(axis) for axis in np.argsort(order))
        turn = ".T" if back == tuple(reversed(range(array.ndim))) else f".transpose({back})"
        return _compact(program, turned) + turn
    size = array.itemsize
    if any(step % size for step in array.strides):
        return _compact(program, np.ascontiguousarray(array))
    spans = [(n - 1) * step // size for n, step in zip(array.shape, array.strides, strict=True)]
    start = -sum(min(0, span) for span in spans)
    flat = np.zeros(1 + start + sum(max(0, span) for span in spans), array.dtype)
    strided = np.lib.stride_tricks.as_strided
    strided(flat[start:], array.shape, array.strides)[...] = array
    numpy, first = program.imported("numpy"), f"[{start}:]" if start else ""
    return (
        f"{numpy}.lib.stride_tricks.as_strided({_compact(program, flat)}{first}, "
        f"{array.shape}, {array.strides})"
    )


def _compact(program: Program, array: NDArray[Any]) -> str:
    """Write an array without gaps: its numbers; of a larger one its bytes, or a file."""
    numpy, dtype = program.imported("numpy"), _dtype(array.dtype)
    if array.size == 0:
        return f"{numpy}.zeros({array.shape}, dtype={dtype})"
    if array.size > PRINTED and array.dtype.kind in "biuf" and (array == array.flat[0]).all():
        return (
            f"{numpy}.full({array.shape}, {write_scalar(program, array.flat[0].item())}, {dtype})"
        )
    if array.size <= PRINTED and array.dtype.kind in "biuf":
        if array.dtype.kind == "f" and not np.isfinite(array).all():
            for name in ("inf", "nan"):
                if program.imported("numpy", name) != name:
                    raise ValueError(f"the name {name} stands for something else")
        return f"{numpy}.array({array.tolist()!r}, dtype={dtype})"
    if array.size > LARGEST:
        return f"{numpy}.load({_saved(array)!r})"
    coded = base64.b85encode(array.tobytes()).decode()
    decode = f"{program.imported('base64')}.b85decode({coded!r})"
    return f"{numpy}.frombuffer({decode}, {dtype}).reshape({array.shape}).copy()"


def _dtype(dtype: np.dtype[Any]) -> str:
    return repr(dtype.name if dtype.isnative and dtype.kind in "biufc" else dtype.str)


def _saved(array: NDArray[Any]) -> str:
    """Save an array for the program to load; the same numbers once only."""
    import hashlib  # noqa: PLC0415 - costly to import, and hardly ever wanted

    parts = (array.dtype.str.encode(), repr(array.shape).encode(), array.tobytes())
    name = hashlib.sha256(b"|".join(parts)).hexdigest()[:16]
    path = _folder() / f"{name}.npy"
    if not path.exists():
        np.save(path, array)
    return str(path)


@cache
def _folder() -> Path:
    """Folder for what is too large to print; it outlives this process, as the program does."""
    import tempfile  # noqa: PLC0415 - costly to import, and hardly ever wanted

    return Path(tempfile.mkdtemp(prefix="tinygrad_np_"))
