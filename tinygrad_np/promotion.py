"""Bringing operands to the dtype that an op computes in: on the tape, so gradients come back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from tinygrad_np.core import Array, Op, Operand, Thunks, Value, apply, register_promotion, wrap
from tinygrad_np.dtypes import get_default_dtype, result_type
from tinygrad_np.errors import no_bools, not_a_tensor

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tinygrad_np.dtypes import Dtype


def promote(op: Op, operands: Sequence[Any]) -> list[Any] | None:
    """Bring operands to the dtype that `op` computes in; None if nothing needs a change."""
    fitted = [x.item() if isinstance(x, np.generic) else x for x in operands]
    for i, x in enumerate(fitted):
        if not isinstance(x, (Value, float, int)):
            raise not_a_tensor(op.name, f"operand {i}", x, " or a number")
    if not any(isinstance(x, Value) for x in fitted):
        raise not_a_tensor(op.name, "operand 0", fitted[0])
    if not op.bools and any(_is_bool(x) for x in fitted):
        raise no_bools(op.name)
    if op.promotes is not None:
        chosen = fitted[op.promotes]
        dtype = result_type(*chosen)
        if op.floating and dtype.kind != "f":
            dtype = get_default_dtype()
        fitted[op.promotes] = [_cast(x, dtype) for x in chosen]
    same = all(x is y for x, y in zip(fitted, operands, strict=True))
    return None if same else fitted


def _is_bool(x: Any) -> bool:
    return isinstance(x, bool) or (isinstance(x, Value) and x.array.dtype.kind == "b")


def _cast(x: Any, dtype: Dtype) -> Any:
    """Give `x` the dtype, on the tape. Numbers stay as they are beside floats: NumPy takes them."""
    if isinstance(x, Value):
        return x if x.array.dtype == dtype else apply(Cast(dtype), x)
    return float(x) if dtype.kind == "f" else wrap(np.asarray(x).astype(dtype))


class Cast(Op):
    """The same numbers in another dtype."""

    __slots__ = ("dtype", "reads")
    formula = "y = x"
    derivative = "dy/dx = 1"
    grad_fn = "ToCopyBackward0"

    def __init__(self, dtype: Dtype) -> None:
        self.dtype = dtype
        self.reads = () if dtype.kind == "f" else None  # whole numbers have no derivative

    def forward(self, x: Array) -> Array:
        return x.astype(self.dtype)

    def vjp(self, g: Operand, x: Operand, _: Operand) -> Thunks:
        return (lambda: apply(Cast(x.dtype), g),)


register_promotion(promote)
