"""From tensors to other dtypes, to NumPy and to Python."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self, TypeVar

import numpy as np

from tinygrad_np.core import Value, apply
from tinygrad_np.devices import CPU, check_device, no_accelerator
from tinygrad_np.dtypes import (
    SUPPORTED,
    as_dtype,
    bool_,
    float16,
    float32,
    float64,
    int16,
    int32,
    int64,
    uint8,
)
from tinygrad_np.errors import ShapeError
from tinygrad_np.ops.checks import check_tensor
from tinygrad_np.promotion import Cast

if TYPE_CHECKING:
    import builtins
    from typing import NoReturn

    from tinygrad_np.devices import device
    from tinygrad_np.dtypes import Dtype, DtypeLike

T = TypeVar("T", bound=Value)

_DTYPE_NAMES = {d.name for d in SUPPORTED}
# What `type()` calls tensors; PyTorch had a class for each dtype once.
_TYPES = {
    "float16": "torch.HalfTensor",
    "float32": "torch.FloatTensor",
    "float64": "torch.DoubleTensor",
    "int8": "torch.CharTensor",
    "int16": "torch.ShortTensor",
    "int32": "torch.IntTensor",
    "int64": "torch.LongTensor",
    "uint8": "torch.ByteTensor",
    "bool": "torch.BoolTensor",
}


class Converting(Value):
    """Methods that give the same numbers in another form."""

    __slots__ = ()

    def to(
        self,
        *args: Any,
        dtype: DtypeLike | None = None,
        device: object = None,
        non_blocking: builtins.bool = False,  # noqa: ARG002 - there is one device to wait for
        copy: builtins.bool = False,
        memory_format: object = None,  # noqa: ARG002 - there is one format
    ) -> Self:
        """Convert to a dtype, a device, both, or to those of another tensor.

        PyTorch's forms: `to(dtype)`, `to(device)`, `to(device, dtype)`, `to(other)`, each followed
        by `non_blocking` and `copy`. Returns the tensor itself where nothing changes, unless
        `copy`. Gradient: converted back.

        Raises
        ------
        RuntimeError
            If the device is not the CPU.
        TypeError
            If the arguments are in none of those forms.
        """
        flags = 0
        for i, arg in enumerate(args):
            if isinstance(arg, bool) and i:
                copy, flags = (arg if flags else copy), flags + 1
            elif flags or i > 1 or (i == 1 and not _is_device(args[0])):
                raise _wrong_form(args)
            elif isinstance(arg, Value):
                dtype = arg.dtype
            elif _is_dtype(arg):
                dtype = arg
            elif i == 0:
                device = arg
            elif arg is not None:
                raise _wrong_form(args)
        if flags > 2:
            raise _wrong_form(args)
        check_device(device)
        given = self.array.dtype if dtype is None else as_dtype(dtype)
        return apply(Cast(given), self) if copy else _cast(self, given)

    def type_as(self, other: Value) -> Self:
        """Convert to the dtype of `other`."""
        return self.to(other.dtype)

    def type(self, dtype: Any = None, non_blocking: builtins.bool = False) -> Any:  # noqa: ARG002 - there is one device to wait for
        """Convert to a dtype; without one, give PyTorch's name for tensors of this dtype.

        >>> from tinygrad_np.tensor.creation import tensor
        >>> tensor([1, 2]).type(), tensor([1, 2]).type("torch.DoubleTensor")
        ('torch.LongTensor', tensor([1., 2.], dtype=float64))
        """
        if dtype is None:
            return _TYPES[self.array.dtype.name]
        by_name = {kind: name for name, kind in _TYPES.items()}
        return self.to(by_name.get(dtype, dtype) if isinstance(dtype, str) else dtype)

    def cpu(self) -> Self:
        """Return the tensor itself, which is on the CPU."""
        return self

    def cuda(self, device: object = None, non_blocking: builtins.bool = False) -> NoReturn:  # noqa: ARG002 - nothing can be moved there
        """Refuse to move the tensor to a GPU: there is none."""
        raise no_accelerator("cuda" if device is None else device)

    def pin_memory(self) -> Self:
        """Return the tensor itself: no device here would copy faster from pinned memory."""
        return self

    def float(self) -> Self:
        """Convert to float32."""
        return _cast(self, float32)

    def double(self) -> Self:
        """Convert to float64."""
        return _cast(self, float64)

    def half(self) -> Self:
        """Convert to float16."""
        return _cast(self, float16)

    def int(self) -> Self:
        """Convert to int32."""
        return _cast(self, int32)

    def short(self) -> Self:
        """Convert to int16."""
        return _cast(self, int16)

    def byte(self) -> Self:
        """Convert to uint8."""
        return _cast(self, uint8)

    def long(self) -> Self:
        """Convert to int64."""
        return _cast(self, int64)

    def bool(self) -> Self:
        """Convert to bool: whether each element is not 0."""
        return _cast(self, bool_)

    def clone(self, *, memory_format: object = None) -> Self:  # noqa: ARG002 - there is one format
        """Copy, on the tape."""
        return apply(Cast(self.array.dtype), self)

    def item(self) -> Any:
        """Give the one element as a Python number."""
        if self.array.size != 1:
            raise ShapeError(
                f"item: a tensor of shape {self.array.shape} has {self.array.size} elements, not "
                "one; reduce it first, or use .tolist()"
            )
        return self.array.item()

    def tolist(self) -> Any:
        """Give the elements as nested lists of Python numbers."""
        return self.array.tolist()

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
        if self.array.dtype.kind not in "iub" or self.array.size != 1:
            raise TypeError(
                "only integer tensors of one element can be an index, not one of "
                f"{self.array.size} elements of {self.dtype}"
            )
        return int(self.item())

    def __format__(self, spec: str) -> str:
        if self.array.ndim == 0:
            return format(self.item(), spec)
        if spec:
            raise TypeError(
                f"format: {spec!r} suits one number, and this tensor has shape {self.array.shape}; "
                "format .item() or .tolist(), or call set_printoptions"
            )
        return str(self)

    def is_floating_point(self) -> builtins.bool:
        """Whether the dtype is a floating one."""
        kind: str = self.array.dtype.kind
        return kind == "f"

    def is_complex(self) -> builtins.bool:
        """Whether the dtype is a complex one: no, there is none here."""
        return False

    def is_inference(self) -> builtins.bool:
        """Whether no graph may use this tensor: no, one of inference mode is like any other."""
        return False

    def is_signed(self) -> builtins.bool:
        """Whether the dtype holds negative numbers."""
        return self.array.dtype.kind in "if"

    def is_nonzero(self) -> builtins.bool:
        """Whether the one element is not 0; see `tinygrad_np.is_nonzero`."""
        return bool(self)

    def is_same_size(self, other: Value) -> builtins.bool:
        """Whether the shapes are equal; see `tinygrad_np.is_same_size`."""
        return bool(self.array.shape == other.array.shape)

    def equal(self, other: Value) -> builtins.bool:
        """Whether shapes and elements are equal; see `tinygrad_np.equal`."""
        return equal(self, other)

    def element_size(self) -> builtins.int:
        """Bytes of one element."""
        return self.array.itemsize

    @property
    def itemsize(self) -> builtins.int:
        """Bytes of one element."""
        return self.array.itemsize

    @property
    def nbytes(self) -> builtins.int:
        """Bytes of all elements."""
        return self.array.nbytes

    @property
    def device(self) -> device:
        """The CPU, always."""
        return CPU

    @property
    def is_cuda(self) -> builtins.bool:
        """Whether the numbers lie on a GPU: no."""
        return False


def _cast(tensor: T, dtype: Dtype) -> T:
    return tensor if tensor.array.dtype == dtype else apply(Cast(dtype), tensor)


def equal(input: Value, other: Value) -> builtins.bool:
    """Whether two tensors have the same shape and equal elements; NaN equals nothing.

    >>> from tinygrad_np.tensor.creation import tensor
    >>> equal(tensor([1, 2]), tensor([1.0, 2.0])), equal(tensor([1, 2]), tensor([[1, 2]]))
    (True, False)
    """
    for name, x in (("input", input), ("other", other)):
        check_tensor("equal", name, x)
    return np.array_equal(input.array, other.array)


def _is_dtype(arg: object) -> builtins.bool:
    return isinstance(arg, (np.dtype, type)) or (isinstance(arg, str) and arg in _DTYPE_NAMES)


def _is_device(arg: object) -> builtins.bool:
    return not isinstance(arg, Value) and not _is_dtype(arg)


def _wrong_form(args: tuple[Any, ...]) -> TypeError:
    return TypeError(
        f"to: cannot tell dtype and device from {args}; write to(dtype), to(device), "
        "to(device, dtype) or to(other), then non_blocking and copy"
    )
