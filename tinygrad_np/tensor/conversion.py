"""From tensors to other dtypes, to NumPy and to Python."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

import numpy as np

from tinygrad_np.core import Value, apply
from tinygrad_np.dtypes import SUPPORTED, as_dtype
from tinygrad_np.promotion import Cast
from tinygrad_np.tensor.creation import check_device

if TYPE_CHECKING:
    import builtins

    from tinygrad_np.dtypes import DtypeLike

_DTYPE_NAMES = {d.name for d in SUPPORTED}


class Converting(Value):
    """Methods that give the same numbers in another form."""

    __slots__ = ()
    __array_ufunc__ = None  # np.exp(t) raises, instead of leaving the tape in silence
    __array_priority__ = 1000  # array * tensor asks the tensor, which says what to do

    def to(
        self,
        *args: Any,
        dtype: DtypeLike | None = None,
        device: object = None,
        non_blocking: builtins.bool = False,  # noqa: ARG002 - there is one device to wait for
        copy: builtins.bool = False,
    ) -> Self:
        """Convert to a dtype, a device (`'cpu'`), or to those of another tensor.

        Returns the tensor itself where nothing changes, unless `copy`. Gradient: converted back.
        """
        for arg in args:
            if isinstance(arg, Value):
                dtype = arg.dtype
            elif isinstance(arg, (np.dtype, type)) or (
                isinstance(arg, str) and arg in _DTYPE_NAMES
            ):
                dtype = arg
            elif not isinstance(arg, bool):  # non_blocking and copy come as bools
                device = arg
        check_device(device)
        given = self.dtype if dtype is None else as_dtype(dtype)
        return self if given == self.dtype and not copy else apply(Cast(given), self)

    def type_as(self, other: Value) -> Self:
        """Convert to the dtype of `other`."""
        return self.to(other.dtype)

    def cpu(self) -> Self:
        """Return the tensor itself, which is on the CPU."""
        return self

    def float(self) -> Self:
        """Convert to float32."""
        return self.to(np.float32)

    def double(self) -> Self:
        """Convert to float64."""
        return self.to(np.float64)

    def half(self) -> Self:
        """Convert to float16."""
        return self.to(np.float16)

    def int(self) -> Self:
        """Convert to int32."""
        return self.to(np.int32)

    def long(self) -> Self:
        """Convert to int64."""
        return self.to(np.int64)

    def bool(self) -> Self:
        """Convert to bool: whether each element is not 0."""
        return self.to(np.bool_)

    def clone(self) -> Self:
        """Copy, on the tape."""
        return apply(Cast(self.array.dtype), self)

    def item(self) -> Any:
        """Give the one element as a Python number."""
        if self.array.size != 1:
            raise RuntimeError(
                f"item: a tensor of shape {self.array.shape} has {self.array.size} elements, not "
                "one; reduce it first, or use .tolist()"
            )
        return self.array.item()

    def tolist(self) -> Any:
        """Give the elements as nested lists of Python numbers."""
        return self.array.tolist()

    def numpy(self, *, force: builtins.bool = False) -> np.ndarray[Any, Any]:
        """Give the array, over the same memory: writes to one show in the other.

        A write through the array is not noticed by a graph that needs the old numbers, but for
        inside `autograd.detect_anomaly`.
        """
        if self.vertex is not None and not force:
            raise RuntimeError(
                "numpy: this tensor requires grad, and an array would leave the graph; use "
                "tensor.detach().numpy()"
            )
        return self.array

    def __array__(
        self, dtype: Any = None, copy: builtins.bool | None = None
    ) -> np.ndarray[Any, Any]:
        return np.array(self.numpy(), dtype=dtype, copy=copy)

    def __bool__(self) -> builtins.bool:
        if self.array.size != 1:
            raise RuntimeError(
                f"the truth of a tensor with {self.array.size} elements is ambiguous; use .any(), "
                ".all() or .item()"
            )
        return bool(self.array.item())

    def __float__(self) -> builtins.float:
        return float(self.item())

    def __int__(self) -> builtins.int:
        return int(self.item())

    def __index__(self) -> builtins.int:
        if self.array.dtype.kind not in "iub":
            raise TypeError(
                f"only integer tensors of one element can be an index, not {self.dtype}"
            )
        return int(self.item())

    def __format__(self, spec: str) -> str:
        return format(self.item(), spec) if self.array.ndim == 0 else format(str(self), spec)

    def is_floating_point(self) -> builtins.bool:
        """Whether the dtype is a floating one."""
        kind: str = self.array.dtype.kind
        return kind == "f"

    def element_size(self) -> builtins.int:
        """Bytes of one element."""
        return self.array.itemsize

    @property
    def nbytes(self) -> builtins.int:
        """Bytes of all elements."""
        return self.array.nbytes

    @property
    def device(self) -> str:
        """`'cpu'`, always."""
        return "cpu"
