"""Tensors from data, from a rule, or from nothing."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from tinygrad_np.core import Accumulator, Value, wrap
from tinygrad_np.dtypes import SUPPORTED, as_dtype, get_default_dtype
from tinygrad_np.errors import ShapeError

if TYPE_CHECKING:
    from tinygrad_np.dtypes import Dtype, DtypeLike, Number
    from tinygrad_np.tensor.tensor import Tensor


def tensor(
    data: Any,
    *,
    dtype: DtypeLike | None = None,
    device: object = None,
    requires_grad: bool = False,
) -> Tensor:
    """Make a tensor by copying numbers, nested lists, or an array.

    Python floats become the default dtype (float32), ints int64; an array keeps its dtype.

    Raises
    ------
    ValueError
        If nested lists have unequal lengths.
    TypeError
        If the data are no numbers, or of a dtype that tensors do not have.

    >>> tensor([[1.0, 2.0], [3.0, 4.0]], requires_grad=True)
    tensor([[1., 2.],
            [3., 4.]], requires_grad=True)
    """
    check_device(device)
    return new(np.array(to_array(data, dtype)), requires_grad=requires_grad)


def as_tensor(data: Any, dtype: DtypeLike | None = None, device: object = None) -> Tensor:
    """Make a tensor without a copy where possible: a tensor is returned, an array is shared.

    >>> as_tensor([1, 2])
    tensor([1, 2])
    """
    check_device(device)
    if isinstance(data, Value) and (dtype is None or data.dtype == np.dtype(dtype)):
        return cast("Tensor", data)
    return new(to_array(data, dtype))


def from_numpy(ndarray: np.ndarray[Any, Any]) -> Tensor:
    """Make a tensor over the memory of an array: writes to one show in the other.

    >>> import numpy as np
    >>> from_numpy(np.arange(3.0))
    tensor([0., 1., 2.], dtype=float64)
    """
    if not isinstance(ndarray, np.ndarray):
        raise TypeError(f"from_numpy: expected a numpy.ndarray, got {type(ndarray).__qualname__}")
    return new(to_array(ndarray, None))


def to_array(data: Any, dtype: DtypeLike | None) -> np.ndarray[Any, Any]:
    """Give the array of `data`, shared where it can be, in a supported dtype."""
    wanted = None if dtype is None else as_dtype(dtype)
    if isinstance(data, Value):
        data = data.array
    if isinstance(data, (np.ndarray, np.generic)):
        array = np.asarray(data)
    else:
        array = np.asarray(_without_tensors(data))
        if wanted is None and array.dtype == np.float64:
            wanted = get_default_dtype()
    if wanted is None and array.dtype not in SUPPORTED:
        native = array.dtype.newbyteorder("=")
        if native not in SUPPORTED:
            names = ", ".join(d.name for d in SUPPORTED)
            raise TypeError(
                f"tensor: data of dtype {array.dtype} cannot be a tensor; convert it to one of "
                f"{names} first"
            )
        wanted = native
    # Unpickled arrays, for one, have a dtype that equals NumPy's own and is another object.
    canonical = np.dtype((array.dtype if wanted is None else wanted).type)
    return array.view(canonical) if array.dtype == canonical else array.astype(canonical)


def _without_tensors(data: Any) -> Any:
    """Replace the tensors inside nested lists by their arrays."""
    if isinstance(data, Value):
        return data.array
    if isinstance(data, (list, tuple)):
        return [_without_tensors(x) for x in data]
    return data


def new(array: np.ndarray[Any, Any], *, requires_grad: bool = False) -> Tensor:
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
    if value.accumulator is None:
        value.accumulator = Accumulator()
    value.accumulator.requires_grad = True


def check_device(device: object) -> None:
    """Accept None and the CPU; there is no other device."""
    if device is not None and str(device).partition(":")[0] != "cpu":
        raise RuntimeError(
            f"device {device!s} is not available: tinygrad_np computes on 'cpu' alone"
        )


def sizes(size: tuple[Any, ...]) -> tuple[int, ...]:
    """Read a size given as separate ints or as one sequence."""
    if len(size) == 1 and not isinstance(size[0], (int, np.integer)):
        size = tuple(size[0])
    shape = tuple(int(n) for n in size)
    if any(n < 0 for n in shape):
        raise ShapeError(f"a size cannot be negative: {shape}")
    return shape


def _float_dtype(dtype: DtypeLike | None) -> Dtype:
    return get_default_dtype() if dtype is None else as_dtype(dtype)


def zeros(
    *size: Any,
    dtype: DtypeLike | None = None,
    device: object = None,
    requires_grad: bool = False,
) -> Tensor:
    """Make a tensor of zeros.

    >>> zeros(2, 3)
    tensor([[0., 0., 0.],
            [0., 0., 0.]])
    """
    check_device(device)
    return new(np.zeros(sizes(size), _float_dtype(dtype)), requires_grad=requires_grad)


def ones(
    *size: Any,
    dtype: DtypeLike | None = None,
    device: object = None,
    requires_grad: bool = False,
) -> Tensor:
    """Make a tensor of ones.

    >>> ones(3)
    tensor([1., 1., 1.])
    """
    check_device(device)
    return new(np.ones(sizes(size), _float_dtype(dtype)), requires_grad=requires_grad)


def empty(
    *size: Any,
    dtype: DtypeLike | None = None,
    device: object = None,
    requires_grad: bool = False,
) -> Tensor:
    """Make a tensor whose elements are whatever the memory holds.

    >>> empty(2, 3).shape
    Size([2, 3])
    """
    check_device(device)
    return new(np.empty(sizes(size), _float_dtype(dtype)), requires_grad=requires_grad)


def full(
    size: Any,
    fill_value: Number,
    *,
    dtype: DtypeLike | None = None,
    device: object = None,
    requires_grad: bool = False,
) -> Tensor:
    """Make a tensor with one value everywhere; its dtype follows the value.

    >>> full((2,), 7)
    tensor([7, 7])
    """
    check_device(device)
    given = to_array(fill_value, dtype).dtype
    return new(np.full(sizes((size,)), fill_value, given), requires_grad=requires_grad)


def _like(input: Value, fill: Number, dtype: DtypeLike | None, requires_grad: bool) -> Tensor:
    given = input.dtype if dtype is None else as_dtype(dtype)
    return new(np.full(input.shape, fill, given), requires_grad=requires_grad)


def zeros_like(
    input: Tensor, *, dtype: DtypeLike | None = None, requires_grad: bool = False
) -> Tensor:
    """Make zeros in the shape and dtype of `input`.

    >>> zeros_like(tensor([1, 2]))
    tensor([0, 0])
    """
    return _like(input, 0, dtype, requires_grad)


def ones_like(
    input: Tensor, *, dtype: DtypeLike | None = None, requires_grad: bool = False
) -> Tensor:
    """Make ones in the shape and dtype of `input`.

    >>> ones_like(tensor([1, 2]))
    tensor([1, 1])
    """
    return _like(input, 1, dtype, requires_grad)


def full_like(
    input: Tensor,
    fill_value: Number,
    *,
    dtype: DtypeLike | None = None,
    requires_grad: bool = False,
) -> Tensor:
    """Make one value everywhere, in the shape and dtype of `input`.

    >>> full_like(tensor([1.0, 2.0]), 5)
    tensor([5., 5.])
    """
    return _like(input, fill_value, dtype, requires_grad)


def empty_like(
    input: Tensor, *, dtype: DtypeLike | None = None, requires_grad: bool = False
) -> Tensor:
    """Make a tensor in the shape and dtype of `input` with whatever the memory holds.

    >>> empty_like(tensor([1, 2])).shape
    Size([2])
    """
    given = input.dtype if dtype is None else as_dtype(dtype)
    return new(np.empty(input.shape, given), requires_grad=requires_grad)


def arange(
    start: Number,
    end: Number | None = None,
    step: Number = 1,
    *,
    dtype: DtypeLike | None = None,
    device: object = None,
    requires_grad: bool = False,
) -> Tensor:
    """Numbers from `start` (0 if only one is given) up to, not including, `end`.

    int64 if all are ints, else the default dtype.

    >>> arange(3), arange(1.0, 2.0, 0.5)
    (tensor([0, 1, 2]), tensor([1.0000, 1.5000]))
    """
    check_device(device)
    first, last = (0, start) if end is None else (start, end)
    if step == 0 or (last - first) / step < 0:
        raise RuntimeError(f"arange: step {step} does not lead from {first} to {last}")
    whole = all(isinstance(x, (int, np.integer)) for x in (first, last, step))
    given = as_dtype(dtype) if dtype is not None else np.dtype(np.int64) if whole else None
    count = math.ceil((last - first) / step)
    values = first + step * np.arange(count)
    return new(values.astype(given or get_default_dtype()), requires_grad=requires_grad)


def linspace(
    start: float,
    end: float,
    steps: int,
    *,
    dtype: DtypeLike | None = None,
    device: object = None,
    requires_grad: bool = False,
) -> Tensor:
    """`steps` numbers at equal distances from `start` to `end`, both included.

    >>> linspace(0, 1, 5)
    tensor([0.0000, 0.2500, 0.5000, 0.7500, 1.0000])
    """
    check_device(device)
    values = np.linspace(start, end, steps).astype(_float_dtype(dtype))
    return new(values, requires_grad=requires_grad)


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
    return new(np.eye(n, m, dtype=_float_dtype(dtype)), requires_grad=requires_grad)
