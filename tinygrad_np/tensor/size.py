"""Size: the shape of a tensor, a tuple that prints as PyTorch's does."""

from __future__ import annotations

import math
from typing import Any, SupportsIndex, overload

_part = tuple.__getitem__  # found here at once: shapes are asked for their sizes all the time


class Size(tuple[int, ...]):
    """Shape of a tensor; parts and sums of sizes are sizes as well.

    >>> Size((2, 3)), Size((2, 3)).numel()
    (Size([2, 3]), 6)
    >>> Size((2, 3, 4))[1:], (1,) + Size((2,)), Size((2,)) * 2
    (Size([3, 4]), Size([1, 2]), Size([2, 2]))
    """

    __slots__ = ()

    def numel(self) -> int:
        """Number of elements of a tensor of this shape."""
        return math.prod(self)

    @overload
    def __getitem__(self, index: SupportsIndex) -> int: ...
    @overload
    def __getitem__(self, index: slice) -> Size: ...
    def __getitem__(self, index: Any) -> Any:
        part = _part(self, index)
        return part if type(part) is int else Size(part)

    def __add__(self, other: Any) -> Any:
        return Size(tuple.__add__(self, other)) if isinstance(other, tuple) else NotImplemented

    def __radd__(self, other: Any) -> Any:
        return Size(tuple.__add__(other, self)) if isinstance(other, tuple) else NotImplemented

    def __mul__(self, times: SupportsIndex) -> Size:
        return Size(tuple.__mul__(self, times))

    __rmul__ = __mul__

    def __repr__(self) -> str:
        return f"Size({list(self)})"
