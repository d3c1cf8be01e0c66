"""Questions about tensors, as functions; each method of the same name asks one tensor."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from tinygrad_np.core import Value
from tinygrad_np.errors import not_a_tensor

if TYPE_CHECKING:
    from tinygrad_np.tensor.tensor import Tensor

T = TypeVar("T", bound="Tensor")


def is_tensor(obj: object) -> bool:
    """Whether `obj` is a tensor.

    >>> from tinygrad_np.tensor.creation import tensor
    >>> is_tensor(tensor(1.0)), is_tensor(1.0)
    (True, False)
    """
    return isinstance(obj, Value)


def numel(input: Tensor) -> int:
    """Number of elements.

    >>> from tinygrad_np.tensor.creation import zeros
    >>> numel(zeros(2, 3))
    6
    """
    return _tensor(input, "numel").numel()


def is_floating_point(input: Tensor) -> bool:
    """Whether the dtype is a floating one.

    >>> from tinygrad_np.tensor.creation import tensor
    >>> is_floating_point(tensor(1.0)), is_floating_point(tensor(1))
    (True, False)
    """
    return _tensor(input, "is_floating_point").is_floating_point()


def is_complex(input: Tensor) -> bool:
    """Whether the dtype is a complex one: no, there is none here."""
    return _tensor(input, "is_complex").is_complex()


def is_nonzero(input: Tensor) -> bool:
    """Whether the one element is not 0.

    Raises
    ------
    RuntimeError
        If there is not exactly one element.

    >>> from tinygrad_np.tensor.creation import tensor
    >>> is_nonzero(tensor([0.0]))
    False
    """
    return _tensor(input, "is_nonzero").is_nonzero()


def is_same_size(input: Tensor, other: Tensor) -> bool:
    """Whether the shapes are equal.

    >>> from tinygrad_np.tensor.creation import zeros
    >>> is_same_size(zeros(2, 3), zeros(3, 2))
    False
    """
    return _tensor(input, "is_same_size").is_same_size(_tensor(other, "is_same_size"))


def clone(input: T, *, memory_format: object = None) -> T:
    """Copy, on the tape. Gradient: as it comes.

    >>> from tinygrad_np.tensor.creation import tensor
    >>> clone(tensor([1, 2]))
    tensor([1, 2])
    """
    return _tensor(input, "clone").clone(memory_format=memory_format)


def _tensor(x: T, function: str) -> T:
    if not isinstance(x, Value):
        raise not_a_tensor(function, "input", x)
    return x
