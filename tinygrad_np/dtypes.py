"""Dtypes: NumPy's own, under PyTorch's names and with PyTorch's rules of promotion.

PyTorch's rule has three ranks: a tensor with dimensions outranks a 0-d tensor, which outranks a
Python number. A lower rank changes the result only by its *category* (bool < int < float), so
`float32_vector * float64_scalar` stays float32, where NumPy alone would give float64.
Source: https://pytorch.org/docs/stable/tensor_attributes.html (type promotion).
"""

from __future__ import annotations

from functools import reduce
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

Dtype: TypeAlias = np.dtype[Any]
DtypeLike: TypeAlias = npt.DTypeLike
Number: TypeAlias = int | float | bool

float16 = np.dtype(np.float16)
float32 = np.dtype(np.float32)
float64 = np.dtype(np.float64)
int8 = np.dtype(np.int8)
int16 = np.dtype(np.int16)
int32 = np.dtype(np.int32)
int64 = np.dtype(np.int64)
uint8 = np.dtype(np.uint8)
bool_ = np.dtype(np.bool_)

SUPPORTED = (float16, float32, float64, int8, int16, int32, int64, uint8, bool_)

_CANONICAL: dict[Any, Dtype] = {d: d for d in SUPPORTED}  # an unpickled dtype is another object
_CATEGORY = {"b": 0, "u": 1, "i": 1, "f": 2}  # bool < int < float, by dtype.kind
_default = [float32]  # one cell, so that readers always see the current value


def get_default_dtype() -> Dtype:
    """Dtype of tensors made from Python floats; float32 unless it was set.

    >>> get_default_dtype()
    dtype('float32')
    """
    return _default[0]


def set_default_dtype(d: DtypeLike, /) -> None:
    """Make `d` (a floating one) the dtype of tensors made from Python floats.

    Raises
    ------
    TypeError
        If `d` is no floating dtype.
    """
    given = as_dtype(d)
    if given.kind != "f":
        raise TypeError(f"set_default_dtype: only floating dtypes can be the default, not {given}")
    _default[0] = given


def as_dtype(dtype: DtypeLike) -> Dtype:
    """Give NumPy's dtype object for `dtype`, if it is one that tensors can have.

    >>> as_dtype("float64")
    dtype('float64')
    """
    try:
        asked = None if dtype is None else np.dtype(dtype)  # None would be float64
    except TypeError:
        asked = None
    given = _CANONICAL.get(asked)
    if given is None:
        names = ", ".join(d.name for d in SUPPORTED)
        raise TypeError(f"dtype {asked or dtype} is not supported; tensors are one of {names}")
    return given


def promote_types(type1: DtypeLike, type2: DtypeLike) -> Dtype:
    """Smallest dtype that holds both: the higher category wins, then NumPy's rule.

    >>> promote_types(int64, float32)
    dtype('float32')
    """
    return _promote(as_dtype(type1), as_dtype(type2))


def _promote(a: Dtype, b: Dtype) -> Dtype:
    rank_a, rank_b = _CATEGORY[a.kind], _CATEGORY[b.kind]
    if rank_a != rank_b:
        return a if rank_a > rank_b else b
    return np.promote_types(a, b)


def can_cast(from_: DtypeLike, to: DtypeLike) -> bool:
    """Whether numbers may be stored as `to` in place: not if its category is lower.

    >>> can_cast(float64, float16), can_cast(float32, int64)
    (True, False)
    """
    return _CATEGORY[as_dtype(from_).kind] <= _CATEGORY[as_dtype(to).kind]


def result_type(*operands: Any) -> Dtype:
    """Dtype of an operation on arrays (anything with `dtype` and `ndim`) and Python numbers.

    Raises
    ------
    TypeError
        If an operand is neither.

    >>> result_type(np.ones(2, np.float32), np.float64(3))
    dtype('float32')
    """
    ranks: list[list[Dtype]] = [[], [], []]  # with dimensions, 0-d, Python numbers
    for x in operands:
        if isinstance(x, (bool, int, float)):
            ranks[2].append(
                bool_ if isinstance(x, bool) else int64 if isinstance(x, int) else _default[0]
            )
        elif hasattr(x, "ndim"):
            ranks[0 if x.ndim else 1].append(x.dtype)
        else:
            raise TypeError(
                f"result_type: operands are tensors and numbers, not {type(x).__qualname__}"
            )
    highest, *lower = [reduce(_promote, rank) for rank in ranks if rank]
    for dtype in lower:
        if _CATEGORY[dtype.kind] > _CATEGORY[highest.kind]:
            highest = dtype
    return highest
