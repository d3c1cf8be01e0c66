"""From Python's numbers and lists, and NumPy's arrays, to the array of a tensor."""

from __future__ import annotations

import math
from functools import reduce
from typing import TYPE_CHECKING, Any

import numpy as np

from tinygrad_np.core import Value
from tinygrad_np.dtypes import SUPPORTED, as_dtype, bool_, get_default_dtype, int64, promote_types
from tinygrad_np.errors import DtypeError, ShapeError

if TYPE_CHECKING:
    from tinygrad_np.dtypes import Dtype, DtypeLike, Number

Array = np.ndarray[Any, Any]

_NUMBERS = {bool, int, float}
_NESTED = (list, tuple, range)


def to_array(data: Any, dtype: DtypeLike | None) -> Array:
    """Give the array of `data`, shared where it can be, in a supported dtype.

    Numbers and lists of them must fit into an integer dtype; an array or a tensor is converted as
    it would be in C.
    """
    wanted = None if dtype is None else as_dtype(dtype)
    if isinstance(data, Value):
        data = data.array
    if not isinstance(data, (np.ndarray, np.generic)):
        return _from_numbers(data, wanted)
    array = np.asarray(data)
    if wanted is None and array.dtype not in SUPPORTED:
        native = array.dtype.newbyteorder("=")
        if native not in SUPPORTED:
            names = ", ".join(d.name for d in SUPPORTED)
            raise DtypeError(
                f"tensor: data of dtype {array.dtype} cannot be a tensor; convert it to one of "
                f"{names} first"
            )
        wanted = native
    # Unpickled arrays, for one, have a dtype that equals NumPy's own and is another object.
    canonical = np.dtype((array.dtype if wanted is None else wanted).type)
    return array.view(canonical) if array.dtype == canonical else array.astype(canonical)


def _from_numbers(data: Any, wanted: Dtype | None) -> Array:
    """Give the array of a number, or of nested lists."""
    kinds: set[type] = set()
    _survey(data, kinds)
    array = _from_lists(data, kinds)
    if wanted is None:
        wanted = _dtype_of(data, kinds)
        if wanted.kind == "i" and array.dtype.kind in "Ou" and kinds <= _NUMBERS:
            raise ValueError(
                f"tensor: {array.max()} or {array.min()} is an integer beyond int64; write it as a "
                "float, or pass dtype=float64"
            )
    return cast_numbers(array, wanted, "tensor")


def _survey(data: Any, kinds: set[type]) -> None:
    """Collect the types of what is in nested lists."""
    if not isinstance(data, _NESTED):
        kinds.add(type(data))
        return
    here = set(map(type, data))
    if here <= _NUMBERS:
        kinds |= here
        return
    for x in data:
        _survey(x, kinds)


def _from_lists(data: Any, kinds: set[type]) -> Array:
    """Give the array that nested lists are, in the dtype that NumPy chooses."""
    for kind in kinds:
        if not issubclass(kind, (int, float, Value, np.ndarray, np.generic)):
            raise DtypeError(
                f"tensor: data that holds a {kind.__qualname__} cannot be a tensor; numbers, "
                "arrays, tensors and lists of them can"
            )
    try:
        return np.asarray(data if kinds <= _NUMBERS else _without_tensors(data))
    except ValueError:
        _explain_uneven(data)
        raise


def _without_tensors(data: Any) -> Any:
    """Replace the tensors inside nested lists, of one element each, by numbers."""
    if isinstance(data, Value):
        if data.array.size != 1:
            raise ShapeError(
                f"tensor: a list holds a tensor of shape {tuple(data.shape)}, and only those of "
                "one element are numbers; join tensors with stack or cat, which keep gradients"
            )
        return data.array.item()
    if isinstance(data, _NESTED):
        return [_without_tensors(x) for x in data]
    return data


def _dtype_of(data: Any, kinds: set[type]) -> Dtype:
    """Dtype that the elements of nested lists agree on."""
    own = get_default_dtype() if float in kinds or not kinds else int64 if int in kinds else bool_
    if kinds <= _NUMBERS:
        return own
    dtypes = _dtypes_inside(data)
    return reduce(promote_types, dtypes | {own} if kinds & _NUMBERS else dtypes)


def _dtypes_inside(data: Any) -> set[Dtype]:
    if isinstance(data, _NESTED):
        return set().union(*map(_dtypes_inside, data))
    if isinstance(data, (Value, np.ndarray, np.generic)):
        if data.dtype.type not in {d.type for d in SUPPORTED}:
            to_array(data, None)  # which refuses it
        return {np.dtype(data.dtype.type)}
    return set()


def cast_numbers(array: Array, dtype: Dtype, name: str) -> Array:
    """Convert what were Python numbers; refuse those that an integer dtype does not hold.

    Negative numbers wrap in an unsigned dtype, as in C.
    """
    if array.dtype is dtype:
        return array
    if dtype.kind in "bf":
        try:
            return array.astype(dtype)
        except OverflowError:
            raise RuntimeError(f"{name}: an integer is too large for {dtype}") from None
    limits = np.iinfo(dtype)
    low = -limits.max if dtype.kind == "u" else limits.min
    if array.size:
        for x in (np.asarray(extreme).item() for extreme in (array.min(), array.max())):
            if not low <= math.trunc(x if math.isfinite(x) else 2**64) <= limits.max:
                raise RuntimeError(
                    f"{name}: {x} does not fit into {dtype}, which holds {limits.min} to "
                    f"{limits.max}; pass a wider dtype"
                )
    return array.astype(dtype)


def as_number(x: Any, name: str) -> Number:
    """Give a Python number for one, or for a NumPy scalar or a tensor of 0 dimensions."""
    if isinstance(x, np.generic) or (isinstance(x, Value) and x.ndim == 0):
        x = x.item() if isinstance(x, np.generic) else x.array.item()
    if not isinstance(x, (int, float)):
        raise TypeError(f"{name}: expected a number, not a {type(x).__qualname__}")
    return x


def _explain_uneven(data: Any, path: str = "data") -> None:
    """Say which two entries of one list have different shapes."""
    if not isinstance(data, _NESTED):
        return
    for i, x in enumerate(data):
        _explain_uneven(x, f"{path}[{i}]")
        first, other = _shape_of(data[0]), _shape_of(x)
        if first != other:
            kind = ShapeError if first and other else TypeError
            raise kind(
                f"tensor: {path}[0] has shape {first}, and {path}[{i}] has shape {other}; all "
                "entries of a list must have the same shape"
            )


def _shape_of(x: Any) -> tuple[int, ...]:
    """Shape of nested lists whose entries are even."""
    if isinstance(x, np.ndarray):
        return tuple(x.shape)
    if isinstance(x, _NESTED):
        return (len(x), *(_shape_of(x[0]) if x else ()))
    return ()
