"""Arguments of functions that slide a window: read alike, refused alike."""

from __future__ import annotations

import math
import operator
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

import numpy as np

from tinygrad_np.core import Operand, Value, apply
from tinygrad_np.errors import DtypeError, ShapeError
from tinygrad_np.ops.shape import Refit, reshape

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tinygrad_np.dtypes import Dtype

V = TypeVar("V")
Ints: TypeAlias = "int | Sequence[int]"

LETTERS = {1: ("L",), 2: ("H", "W")}


def ints(name: str, option: str, given: Any, n: int, least: int) -> tuple[int, ...]:
    """Read one int for all spatial dimensions, or one for each."""
    values: tuple[int, ...]
    try:
        values = (operator.index(given),)
    except TypeError:
        try:
            values = tuple(operator.index(v) for v in given)
        except TypeError:
            raise TypeError(
                f"{name}: {option} must be an int, or {n} of them in a tuple, not {given!r}"
            ) from None
    if len(values) == 1:
        values *= n
    if len(values) != n:
        raise ShapeError(
            f"{name}: {option}={given} has {len(values)} numbers, and there are {n} spatial "
            f"dimensions; give one int, or {n}"
        )
    if min(values) < least:
        wanted = {0: "must not be negative", 1: "must be at least 1"}[least]
        raise ShapeError(f"{name}: {option}={given} {wanted}")
    return values


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


def check_rank(name: str, x: Operand, n: int, lead: str = "N, C") -> None:
    """Refuse what is neither a batch nor one sample of it."""
    if not isinstance(x, (Value, np.ndarray)):
        raise TypeError(
            f"{name}: the input must be a Tensor, not a {type(x).__qualname__}; wrap data with "
            "tensor() or from_numpy()"
        )
    letters = [*lead.split(", "), *LETTERS[n]]
    if x.ndim not in (len(letters) - 1, len(letters)):
        raise ShapeError(
            f"{name}: the input needs shape ({', '.join(letters)}), or ({', '.join(letters[1:])}) "
            f"for one sample, and has shape {tuple(x.shape)}; insert missing dimensions of size 1 "
            "with unsqueeze"
        )


def lifted(values: tuple[Any, ...], filler: Any) -> tuple[Any, Any]:
    """Numbers of one or two spatial dimensions as those of two: a row is an image of height 1."""
    return (filler, values[0]) if len(values) == 1 else (values[0], values[1])


def to_image(x: V, n: int) -> V:
    """`(N, C, L)`, `(C, L)`, `(C, H, W)` and `(N, C, H, W)` to `(N, C, H, W)`, without a copy."""
    operand: Operand = x
    shape = operand.shape
    if len(shape) == n + 1:
        shape = (1, *shape)
    if n == 1:
        shape = (*shape[:2], 1, *shape[2:])
    return x if len(operand.shape) == 4 else reshape(x, shape)


def from_image(y: V, n: int, ndim: int) -> V:
    """Undo `to_image`: the result has `ndim` dimensions again."""
    operand: Operand = y
    shape = operand.shape
    if ndim == 4 and n == 2:
        return y
    if n == 1:
        shape = (*shape[:2], *shape[3:])
    return apply(Refit(tuple(shape[1:] if ndim == n + 1 else shape)), y)


def check_fits(
    name: str,
    size: Sequence[int],
    kernel: Sequence[int],
    padding: Sequence[tuple[int, int]],
    dilation: Sequence[int],
) -> None:
    """Refuse a window that reaches further than the padded input."""
    reach = tuple(d * (k - 1) + 1 for k, d in zip(kernel, dilation, strict=True))
    padded = tuple(s + sum(p) for s, p in zip(size, padding, strict=True))
    if any(p < r for p, r in zip(padded, reach, strict=True)):
        spread = "" if reach == tuple(kernel) else f", dilated to {reach},"
        raise ShapeError(
            f"{name}: a window of size {tuple(kernel)}{spread} does not fit into the padded input "
            f"of size {padded}: output size is too small; pad more, or take a smaller kernel"
        )
