"""Size: the shape of a tensor, a tuple that prints as PyTorch's does."""

from __future__ import annotations

import math


class Size(tuple[int, ...]):
    """Shape of a tensor.

    >>> Size((2, 3)), Size((2, 3)).numel()
    (Size([2, 3]), 6)
    """

    __slots__ = ()

    def numel(self) -> int:
        """Number of elements of a tensor of this shape."""
        return math.prod(self)

    def __repr__(self) -> str:
        return f"Size({list(self)})"
