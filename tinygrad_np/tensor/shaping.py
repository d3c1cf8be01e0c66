"""Shaping and indexing methods of a tensor."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self, Unpack

import numpy as np

from tinygrad_np.core import Value
from tinygrad_np.ops import index as indexing
from tinygrad_np.ops import shape as ops
from tinygrad_np.ops.aliases import MISSING, Axis
from tinygrad_np.tensor.size import Size

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence


class Shaping(Value):
    """Methods that move elements without changing them."""

    __slots__ = ()

    @property
    def shape(self) -> Size:
        """Size of each dimension."""
        return Size(self.array.shape)

    @property
    def T(self) -> Self:  # noqa: N802 - the field's name
        """Dimensions in reverse order; for a matrix, its transpose."""
        return ops.permute(self, range(self.ndim)[::-1])

    @property
    def mT(self) -> Self:  # noqa: N802 - the field's name
        """Last two dimensions swapped."""
        return ops.transpose(self, -1, -2)

    def __getitem__(self, index: Any) -> Self:
        return indexing.getitem(self, index)

    def __len__(self) -> int:
        if self.ndim == 0:
            raise TypeError("len() of a 0-d tensor; it holds one number: use .item()")
        return len(self.array)

    def __iter__(self) -> Iterator[Self]:
        if self.ndim == 0:
            raise TypeError("iteration over a 0-d tensor; it holds one number: use .item()")
        return (self[i] for i in range(len(self.array)))

    def __contains__(self, element: object) -> bool:
        if isinstance(element, Value):
            element = element.array
        return bool(np.equal(self.array, element).any())  # type: ignore[call-overload]  # any number

    def size(self, dim: int | None = None) -> Any:
        """Shape, or the size of one dimension."""
        return self.shape if dim is None else self.shape[dim]

    def dim(self) -> int:
        """Number of dimensions."""
        return self.array.ndim

    def numel(self) -> int:
        """Number of elements."""
        return self.array.size

    def reshape(self, *shape: Any) -> Self:
        """Other shape, same elements; see `tinygrad_np.reshape`."""
        return ops.reshape(self, _shape(shape))

    def view(self, *shape: Any) -> Self:
        """Other shape over the same memory; see `tinygrad_np.reshape`."""
        return ops.reshape(self, _shape(shape))

    def flatten(self, start_dim: int = 0, end_dim: int = -1) -> Self:
        """Dimensions joined into one; see `tinygrad_np.flatten`."""
        return ops.flatten(self, start_dim, end_dim)

    def squeeze(self, dim: int | Sequence[int] | None = None, **aliases: Unpack[Axis]) -> Self:
        """Without dimensions of size 1; see `tinygrad_np.squeeze`."""
        if aliases:
            return ops.squeeze(self, dim, **aliases)
        return ops.squeeze(self, dim)

    def unsqueeze(self, dim: int = MISSING, **aliases: Unpack[Axis]) -> Self:
        """With a dimension of size 1 at `dim`; see `tinygrad_np.unsqueeze`."""
        if aliases:
            return ops.unsqueeze(self, dim, **aliases)
        return ops.unsqueeze(self, dim)

    def transpose(self, dim0: int, dim1: int) -> Self:
        """Two dimensions swapped; see `tinygrad_np.transpose`."""
        return ops.transpose(self, dim0, dim1)

    def t(self) -> Self:
        """Transpose of a matrix."""
        if self.ndim > 2:
            raise RuntimeError(f"t: expects at most 2 dimensions, not {self.ndim}; use transpose")
        return ops.transpose(self, 0, 1) if self.ndim == 2 else self

    def permute(self, *dims: Any) -> Self:
        """Dimensions in another order; see `tinygrad_np.permute`."""
        return ops.permute(self, _shape(dims))

    def expand(self, *shape: Any) -> Self:
        """Dimensions of size 1 repeated without a copy; see `tinygrad_np.broadcast_to`."""
        return ops.broadcast_to(self, _shape(shape))

    def broadcast_to(self, shape: Sequence[int]) -> Self:
        """Dimensions of size 1 repeated without a copy; see `tinygrad_np.broadcast_to`."""
        return ops.broadcast_to(self, shape)

    def narrow(self, dim: int, start: int, length: int) -> Self:
        """A stretch of one dimension; see `tinygrad_np.narrow`."""
        return ops.narrow(self, dim, start, length)

    def take_along_dim(self, indices: Any, dim: int) -> Self:
        """Elements at `indices` along `dim`; see `tinygrad_np.take_along_dim`."""
        return indexing.take_along_dim(self, indices, dim)


def _shape(given: tuple[Any, ...]) -> tuple[int, ...]:
    """Read sizes given as separate ints or as one sequence; -1 may be among them."""
    return tuple(given[0]) if len(given) == 1 and not isinstance(given[0], int) else given
