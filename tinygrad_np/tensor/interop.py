"""A tensor among NumPy's functions and other libraries' arrays.

What NumPy is asked to do with a tracked tensor stays on the tape where we have that operation, and
raises where we have not; it never leaves the tape in silence.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from tinygrad_np.core import Value, wrap
from tinygrad_np.ops import division, linalg, ternary
from tinygrad_np.ops import elementwise as ops
from tinygrad_np.ops.shape import cat, stack
from tinygrad_np.tensor.creation import as_tensor
from tinygrad_np.tensor.data import to_array
from tinygrad_np.views import share

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

UFUNCS: dict[np.ufunc, Callable[..., Any]] = {
    np.add: ops.add,
    np.subtract: ops.sub,
    np.multiply: ops.mul,
    np.true_divide: division.div,
    np.floor_divide: division.floor_divide,
    np.remainder: division.remainder,
    np.fmod: division.fmod,
    np.power: ops.pow,
    np.matmul: linalg.matmul,
    np.maximum: ops.maximum,
    np.minimum: ops.minimum,
    np.negative: ops.neg,
    np.absolute: ops.abs,
    np.sign: ops.sign,
    np.exp: ops.exp,
    np.log: ops.log,
    np.sqrt: ops.sqrt,
    np.square: ops.square,
    np.tanh: ops.tanh,
    np.equal: ops.eq,
    np.not_equal: ops.ne,
    np.less: ops.lt,
    np.less_equal: ops.le,
    np.greater: ops.gt,
    np.greater_equal: ops.ge,
    np.isnan: ops.isnan,
    np.isinf: ops.isinf,
    np.isfinite: ops.isfinite,
}


def _concatenate(arrays: Sequence[Any], axis: int = 0) -> Any:
    return cat([as_tensor(x) for x in arrays], axis)


def _stack(arrays: Sequence[Any], axis: int = 0) -> Any:
    return stack([as_tensor(x) for x in arrays], axis)


def _where(condition: Any, x: Any, y: Any) -> Any:
    return ops.where(*map(_operand, (condition, x, y)))


def _clip(a: Any, a_min: Any = None, a_max: Any = None) -> Any:
    low, high = (None if bound is None else _operand(bound) for bound in (a_min, a_max))
    return ternary.clamp(as_tensor(a), low, high)


FUNCTIONS: dict[Callable[..., Any], Callable[..., Any]] = {
    np.concatenate: _concatenate,
    np.stack: _stack,
    np.where: _where,
    np.clip: _clip,
}


class Interoperating(Value):
    """NumPy's protocols, and DLPack."""

    __slots__ = ()

    def numpy(self, *, force: bool = False) -> np.ndarray[Any, Any]:
        """Give the array, over the same memory: writes to one show in the other.

        A write through the array is not noticed by a graph that needs the old numbers, but for
        inside `autograd.detect_anomaly`.

        Raises
        ------
        RuntimeError
            If the tensor requires grad, unless `force`.
        """
        if not force:
            _refuse_tracked(self, "numpy")
        share(self.cell)
        return self.array

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray[Any, Any]:
        return np.array(Interoperating.numpy(self), dtype=dtype, copy=copy)

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **kwargs: Any) -> Any:
        """Answer `np.exp(t)`, `np.add(a, t)`, and an array's `a * t`."""
        if method == "__call__" and not kwargs and ufunc in UFUNCS:
            first, *others = map(_operand, inputs)
            if isinstance(first, Value):
                return UFUNCS[ufunc](first, *others)
            return UFUNCS[ufunc](wrap(np.asarray(first)), *others)
        given = kwargs.get("out", ())
        _refuse_any([*inputs, *given, kwargs.get("where")], f"np.{ufunc.__name__}")
        plain = {name: _unwrapped(x) for name, x in kwargs.items()}
        result = getattr(ufunc, method)(*map(_unwrapped, inputs), **plain)
        for out in given:
            if isinstance(out, Value):
                out.written()
        if given:
            return given[0] if len(given) == 1 else given
        if isinstance(result, tuple):
            return tuple(wrap(to_array(x, None)) for x in result)
        return None if result is None else wrap(to_array(result, None))

    def __array_function__(
        self,
        func: Callable[..., Any],
        types: Collection[type],
        args: Sequence[Any],
        kwargs: Mapping[str, Any],
    ) -> Any:
        """Answer `np.concatenate([t, t])` and its kin; arrays come of what is not tracked."""
        tensors = list(_tensors_in([*args, *kwargs.values()]))
        if func in FUNCTIONS and any(t.vertex is not None for t in tensors):
            try:
                return FUNCTIONS[func](*args, **kwargs)
            except TypeError:
                pass  # options that ours does not have: refused like a function that we lack
        _refuse_any(tensors, f"np.{func.__name__}")
        plain = {name: _unwrapped(x) for name, x in kwargs.items()}
        return func(*map(_unwrapped, args), **plain)

    def __dlpack__(self, **options: Any) -> Any:
        """Hand the memory to another library; see `tinygrad_np.from_dlpack`."""
        if self.vertex is not None:
            raise BufferError(
                "dlpack: this tensor requires grad, and would leave the graph; use tensor.detach()"
            )
        share(self.cell)
        return self.array.__dlpack__(**options)

    def __dlpack_device__(self) -> tuple[int, int]:
        return self.array.__dlpack_device__()


def _operand(x: Any) -> Any:
    """Give an array as a tensor over its memory; tensors and numbers stay what they are."""
    if isinstance(x, np.ndarray):
        return as_tensor(x)
    return x.item() if isinstance(x, np.generic) else x


def _unwrapped(x: Any) -> Any:
    """Replace tensors, alone or in lists and tuples, by their arrays."""
    if isinstance(x, Value):
        return x.array
    return type(x)(map(_unwrapped, x)) if type(x) in (list, tuple) else x


def _tensors_in(x: Any) -> list[Value]:
    if isinstance(x, Value):
        return [x]
    return [t for part in x for t in _tensors_in(part)] if type(x) in (list, tuple) else []


def _refuse_any(operands: Sequence[Any], name: str) -> None:
    for t in _tensors_in(list(operands)):
        _refuse_tracked(t, name)


def _refuse_tracked(tensor: Value, name: str) -> None:
    if tensor.vertex is not None:
        raise RuntimeError(
            f"{name}: this tensor requires grad, and an array would leave the graph; use "
            "tensor.detach().numpy(), or the function of tinygrad_np"
        )
