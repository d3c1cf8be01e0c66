"""Arguments that several families read alike, and refuse alike."""

from __future__ import annotations

import math
import operator
from typing import TYPE_CHECKING, Any

import numpy as np

from tinygrad_np.core import Value
from tinygrad_np.errors import DtypeError, not_a_tensor

if TYPE_CHECKING:
    from tinygrad_np.dtypes import Dtype


def check_tensor(name: str, role: str, given: object) -> None:
    """Refuse what is no tensor."""
    if not isinstance(given, Value):
        raise not_a_tensor(name, role, given)


def check_number(name: str, option: str, given: Any, dtype: Dtype) -> None:
    """Refuse a number that `dtype` cannot hold, and that NumPy would wrap or make infinite."""
    if not isinstance(given, (int, float, np.integer, np.floating)):
        raise TypeError(f"{name}: {option} must be a number, not {given!r}")
    if dtype.kind == "b" or (dtype.kind == "f" and not math.isfinite(given)):
        return
    low: float
    high: float
    if dtype.kind == "f":  # as Python's floats, for NumPy's would round `given` before comparing
        low, high = float(np.finfo(dtype).min), float(np.finfo(dtype).max)
    else:
        low, high = np.iinfo(dtype).min, np.iinfo(dtype).max
    if not low <= given <= high:
        raise DtypeError(
            f"{name}: {option}={given} lies outside of {dtype}, which reaches from {low} to "
            f"{high}; choose another number, or cast the input first"
        )


def integer(name: str, option: str, given: Any) -> int:
    """Read an int: Python's, or NumPy's."""
    try:
        return operator.index(given)
    except TypeError:
        raise TypeError(f"{name}: {option} must be an int, not {given!r}") from None
