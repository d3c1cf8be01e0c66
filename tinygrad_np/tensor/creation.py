"""Tensors from data, from a rule, or from nothing."""

from __future__ import annotations

import math
import operator
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from tinygrad_np.core import Value, apply, wrap
from tinygrad_np.devices import check_device
from tinygrad_np.dtypes import as_dtype, get_default_dtype, int64
from tinygrad_np.errors import ShapeError
from tinygrad_np.ops.checks import check_tensor
from tinygrad_np.promotion import Cast
from tinygrad_np.tensor.data import as_number, cast_numbers, to_array
from tinygrad_np.views import FOREIGN, SHARED, make_leaf

if TYPE_CHECKING:
    from collections.abc import Callable

    from tinygrad_np.dtypes import Dtype, DtypeLike, Number
    from tinygrad_np.tensor.tensor import Tensor

Array = np.ndarray[Any, Any]


def tensor(
    data: Any,
    *,
    dtype: DtypeLike | None = None,
    device: object = None,
    requires_grad: bool = False,
) -> Tensor:
    """Make a tensor by copying numbers, nested lists, or an array.

    Python floats become the default dtype (float32), ints int64; an array, a NumPy scalar and a
    tensor keep their dtype, and in a list they promote as in arithmetic.

    Raises
    ------
    ValueError
        If nested lists have unequal lengths, or an integer is beyond int64.
    TypeError
        If the data are no numbers, or of a dtype that tensors do not have.
    RuntimeError
        If a number does not fit into `dtype`.

    >>> tensor([[1.0, 2.0], [3.0, 4.0]], requires_grad=True)
    tensor([[1., 2.],
            [3., 4.]], requires_grad=True)
    """
    check_device(device)
    array = np.array(to_array(data, dtype), order="C")
    return new(array, requires_grad=requires_grad)


def as_tensor(data: Any, dtype: DtypeLike | None = None, device: object = None) -> Tensor:
    """Make a tensor without a copy where possible: a tensor is returned, an array is shared.

    Gradient of a tensor that is brought to another dtype: converted back.

    >>> as_tensor([1, 2])
    tensor([1, 2])
    """
    check_device(device)
    if isinstance(data, Value):
        given = data.dtype if dtype is None else as_dtype(dtype)
        return cast("Tensor", data if given == data.dtype else apply(Cast(given), data))
    return _over(to_array(data, dtype))


def from_numpy(ndarray: Array) -> Tensor:
    """Make a tensor over the memory of an array: writes to one show in the other.

    A write through the array is not noticed by a graph that needs the old numbers.

    >>> import numpy as np
    >>> from_numpy(np.arange(3.0))
    tensor([0., 1., 2.], dtype=float64)
    """
    if not isinstance(ndarray, np.ndarray):
        raise TypeError(f"from_numpy: expected a numpy.ndarray, got {type(ndarray).__qualname__}")
    return _over(to_array(ndarray, None))


def from_dlpack(ext_tensor: Any) -> Tensor:
    """Make a tensor over the memory of any array that speaks DLPack, of any library on the CPU.

    >>> import numpy as np
    >>> from_dlpack(np.arange(3))
    tensor([0, 1, 2])
    """
    return from_numpy(np.from_dlpack(ext_tensor))


def _over(array: np.ndarray[Any, Any]) -> Tensor:
    """Wrap memory that somebody else holds too, and whose order is theirs."""
    made: Tensor = wrap(array, [0, SHARED if array.flags.c_contiguous else FOREIGN])
    return made


def new(array: Array, *, requires_grad: bool = False) -> Tensor:
    """Wrap an array, as a leaf that asks for a gradient if `requires_grad`."""
    result = wrap(array)
    if requires_grad:
        require_grad(result)
    return cast("Tensor", result)


def require_grad(value: Value) -> None:
    """Mark a leaf as one whose gradient is wanted."""
    if value.array.dtype.kind != "f":
        raise RuntimeError(
            f"only floating-point tensors can require gradients, not {value.array.dtype}; make it "
            "with dtype=float32, or convert it with .float()"
        )
    make_leaf(value)


def sizes(size: tuple[Any, ...], keyword: Any = None, name: str = "size") -> tuple[int, ...]:
    """Read a size given as separate ints, as one sequence, or by the keyword `size=`."""
    if keyword is not None:
        if size:
            raise TypeError(f"{name}: the size is given twice: {size} and size={keyword}")
        size = (keyword,)
    if len(size) == 1 and isinstance(size[0], (tuple, list)):
        size = tuple(size[0])
    try:
        shape = tuple(map(operator.index, size))
    except (TypeError, RuntimeError):  # the latter from a tensor of several elements
        raise TypeError(f"{name}: sizes must be integers, not {size}") from None
    if any(n < 0 for n in shape):
        raise ShapeError(f"{name}: a size cannot be negative: {shape}")
    return shape


def _float_dtype(dtype: DtypeLike | None) -> Dtype:
    return get_default_dtype() if dtype is None else as_dtype(dtype)


def _no_memory(name: str, size: object, dtype: Dtype, error: Exception) -> RuntimeError:
    return RuntimeError(f"{name}: no memory for size {size} of {dtype}: {error}")


def _filled(
    name: str,
    make: Callable[..., Array],
    size: tuple[Any, ...],
    keyword: Any,
    dtype: DtypeLike | None,
    device: object,
    requires_grad: bool,
) -> Tensor:
    check_device(device)
    shape, given = sizes(size, keyword, name), _float_dtype(dtype)
    try:
        array = make(shape, given)
    except (ValueError, MemoryError) as error:
        raise _no_memory(name, shape, given, error) from None
    return new(array, requires_grad=requires_grad)


def zeros(
    *args: Any,
    size: Any = None,
    dtype: DtypeLike | None = None,
    device: object = None,
    requires_grad: bool = False,
) -> Tensor:
    """Make a tensor of zeros; the size is given as ints, as a sequence, or by `size=`.

    >>> zeros(2, 3)
    tensor([[0., 0., 0.],
            [0., 0., 0.]])
    """
    return _filled("zeros", np.zeros, args, size, dtype, device, requires_grad)


def ones(
    *args: Any,
    size: Any = None,
    dtype: DtypeLike | None = None,
    device: object = None,
    requires_grad: bool = False,
) -> Tensor:
    """Make a tensor of ones; the size is given as ints, as a sequence, or by `size=`.

    >>> ones(3)
    tensor([1., 1., 1.])
    """
    return _filled("ones", np.ones, args, size, dtype, device, requires_grad)


def empty(
    *args: Any,
    size: Any = None,
    dtype: DtypeLike | None = None,
    device: object = None,
    requires_grad: bool = False,
) -> Tensor:
    """Make a tensor whose elements are whatever the memory holds.

    >>> empty(2, 3).shape
    Size([2, 3])
    """
    return _filled("empty", np.empty, args, size, dtype, device, requires_grad)


def full(
    size: Any,
    fill_value: Number,
    *,
    dtype: DtypeLike | None = None,
    device: object = None,
    requires_grad: bool = False,
) -> Tensor:
    """Make a tensor with one value everywhere; its dtype follows the value.

    Raises
    ------
    RuntimeError
        If the value does not fit into the dtype.

    >>> full((2,), 7)
    tensor([7, 7])
    """
    check_device(device)
    value = as_number(fill_value, "full")
    if dtype is None:
        dtype = get_default_dtype() if isinstance(value, float) else np.result_type(type(value))
    return _full("full", sizes((size,), None, "full"), value, dtype, requires_grad)


def _full(
    name: str, shape: tuple[int, ...], value: Number, dtype: DtypeLike, requires_grad: bool
) -> Tensor:
    given = as_dtype(dtype)
    with np.errstate(over="ignore"):
        number = cast_numbers(np.asarray(value), given, name)
    if given.kind == "f" and math.isfinite(value) and not math.isfinite(number):
        raise RuntimeError(f"{name}: {value} is too large for {given}; pass a wider dtype")
    try:
        array = np.full(shape, number, given)
    except (ValueError, MemoryError) as error:
        raise _no_memory(name, shape, given, error) from None
    return new(array, requires_grad=requires_grad)


def like(
    name: str,
    input: Value,
    value: Any,
    dtype: DtypeLike | None,
    device: object,
    requires_grad: bool,
) -> Tensor:
    """Make one value everywhere, in the shape of `input` and, by default, its dtype."""
    check_device(device)
    check_tensor(name, "input", input)
    number = as_number(value, name)
    return _full(name, tuple(input.shape), number, dtype or input.dtype, requires_grad)


def zeros_like(
    input: Tensor,
    *,
    dtype: DtypeLike | None = None,
    device: object = None,
    requires_grad: bool = False,
) -> Tensor:
    """Make zeros in the shape and dtype of `input`.

    >>> zeros_like(tensor([1, 2]))
    tensor([0, 0])
    """
    return like("zeros_like", input, 0, dtype, device, requires_grad)


def ones_like(
    input: Tensor,
    *,
    dtype: DtypeLike | None = None,
    device: object = None,
    requires_grad: bool = False,
) -> Tensor:
    """Make ones in the shape and dtype of `input`.

    >>> ones_like(tensor([1, 2]))
    tensor([1, 1])
    """
    return like("ones_like", input, 1, dtype, device, requires_grad)


def full_like(
    input: Tensor,
    fill_value: Number,
    *,
    dtype: DtypeLike | None = None,
    device: object = None,
    requires_grad: bool = False,
) -> Tensor:
    """Make one value everywhere, in the shape and dtype of `input`.

    >>> full_like(tensor([1.0, 2.0]), 5)
    tensor([5., 5.])
    """
    return like("full_like", input, fill_value, dtype, device, requires_grad)


def empty_like(
    input: Tensor,
    *,
    dtype: DtypeLike | None = None,
    device: object = None,
    requires_grad: bool = False,
) -> Tensor:
    """Make a tensor in the shape and dtype of `input` with whatever the memory holds.

    >>> empty_like(tensor([1, 2])).shape
    Size([2])
    """
    check_tensor("empty_like", "input", input)
    return empty(
        input.shape, dtype=dtype or input.dtype, device=device, requires_grad=requires_grad
    )


def arange(
    start: Any = None,
    end: Any = None,
    step: Any = 1,
    *,
    dtype: DtypeLike | None = None,
    device: object = None,
    requires_grad: bool = False,
) -> Tensor:
    """Numbers from `start` up to, not including, `end`; from 0 if only one number is given.

    int64 if all are ints, else the default dtype. With an integer `dtype`, the three numbers are
    first rounded towards zero.

    Raises
    ------
    RuntimeError
        If the step is 0 or leads away from `end`, or the range has no end.

    >>> arange(3), arange(1.0, 2.0, 0.5)
    (tensor([0, 1, 2]), tensor([1.0000, 1.5000]))
    """
    check_device(device)
    if end is None:
        start, end = (None, start) if start is not None else (None, None)
    if end is None:
        raise TypeError("arange: the end is missing; write arange(end) or arange(start, end)")
    first = 0 if start is None else as_number(start, "arange")
    last, stride = as_number(end, "arange"), as_number(step, "arange")
    whole = not any(isinstance(x, float) for x in (first, last, stride))
    given = as_dtype(dtype) if dtype is not None else int64 if whole else get_default_dtype()
    if not (math.isfinite(first) and math.isfinite(last)):
        raise RuntimeError(f"arange: from {first} to {last} is a range without an end")
    if given.kind in "iu" and not whole:
        first, last, stride = int(first), int(last), int(stride)
    if stride == 0 or (last - first) / stride < 0 or math.isnan(stride):
        raise RuntimeError(f"arange: step {stride} does not lead from {first} to {last}")
    count = math.ceil((last - first) / stride)
    numbers = _first(count, given, "arange")
    return new((first + stride * numbers).astype(given), requires_grad=requires_grad)


def _first(count: int, dtype: Dtype, name: str) -> Array:
    """Count from 0."""
    try:
        return np.arange(count)
    except (ValueError, MemoryError) as error:
        raise _no_memory(name, count, dtype, error) from None


def linspace(
    start: Any,
    end: Any,
    steps: int,
    *,
    dtype: DtypeLike | None = None,
    device: object = None,
    requires_grad: bool = False,
) -> Tensor:
    """`steps` numbers at equal distances from `start` to `end`, both included.

    Integer dtypes round towards zero.

    >>> linspace(0, 1, 5)
    tensor([0.0000, 0.2500, 0.5000, 0.7500, 1.0000])
    """
    check_device(device)
    first, last = as_number(start, "linspace"), as_number(end, "linspace")
    (count,) = sizes((steps,), None, "linspace: steps")
    given = _float_dtype(dtype)
    numbers = _first(count, given, "linspace")
    step = (last - first) / max(count - 1, 1)
    # From both ends, so that the last number is `end` itself.
    half = numbers < max(count // 2, 1)
    values = np.where(half, first + step * numbers, last - step * (count - 1 - numbers))
    return new(values.astype(given), requires_grad=requires_grad)


def eye(
    n: int,
    m: int | None = None,
    *,
    dtype: DtypeLike | None = None,
    device: object = None,
    requires_grad: bool = False,
) -> Tensor:
    """Ones on the main diagonal of an `n` by `m` (default `n`) matrix of zeros.

    >>> eye(2)
    tensor([[1., 0.],
            [0., 1.]])
    """
    check_device(device)
    shape, given = sizes((n, n if m is None else m), None, "eye"), _float_dtype(dtype)
    try:
        matrix = np.eye(*shape, dtype=given)
    except (ValueError, MemoryError) as error:
        raise _no_memory("eye", shape, given, error) from None
    return new(matrix, requires_grad=requires_grad)
