"""Shaping and indexing methods of a tensor."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self, Unpack

import numpy as np

from tinygrad_np.core import Value
from tinygrad_np.errors import ShapeError
from tinygrad_np.ops import parts
from tinygrad_np.ops import shape as ops
from tinygrad_np.ops.aliases import MISSING, Axis
from tinygrad_np.tensor.size import Size
from tinygrad_np.views import layout, root, row_major, strides, viewable

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

    @property
    def _base(self) -> Any:
        """The tensor whose memory this view shows; None of a tensor that is no view."""
        base, path = root(self)
        return base if path else None

    def __len__(self) -> int:
        if self.ndim == 0:
            raise TypeError("len() of a 0-d tensor; it holds one number: use .item()")
        return len(self.array)

    def __iter__(self) -> Iterator[Self]:
        if self.ndim == 0:
            raise TypeError("iteration over a 0-d tensor; it holds one number: use .item()")
        return (parts.select(self, 0, i) for i in range(len(self.array)))

    def __contains__(self, element: object) -> bool:
        if isinstance(element, Value):
            element = element.array
        if not isinstance(element, (int, float, np.ndarray, np.generic)):
            raise RuntimeError(  # noqa: TRY004 - PyTorch's class
                f"in: only numbers and tensors can be elements, not a {type(element).__qualname__}"
            )
        return bool(np.equal(self.array, element).any())

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

    def reshape_as(self, other: Value) -> Self:
        """Shape of `other`; see `tinygrad_np.reshape`."""
        return ops.reshape(self, tuple(other.shape))

    def view(self, *shape: Any) -> Self:
        """Other shape over the same memory, never a copy.

        Gradient: reshaped back.

        Raises
        ------
        ShapeError
            If the numbers of elements differ, or the strides (of a transpose, say) do not allow it.

        >>> import tinygrad_np as tg
        >>> tg.arange(4).view(2, -1)
        tensor([[0, 1],
                [2, 3]])
        """
        target = _shape(shape)
        if not row_major(self):
            target = ops.infer_shape(self.array.shape, target)
            if not viewable(self, target):
                raise ShapeError(
                    f"view: shape {target} is no view of a tensor of shape {self.array.shape} with "
                    f"strides {strides(self)}, and would need a copy; use .reshape(...)"
                )
        return ops.reshape(self, target)

    def view_as(self, other: Value) -> Self:
        """Shape of `other` over the same memory; see `Tensor.view`."""
        return self.view(*other.shape)

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

    def expand(self, *sizes: Any, size: Sequence[int] = ()) -> Self:
        """Dimensions of size 1 repeated without a copy; see `tinygrad_np.broadcast_to`."""
        return ops.broadcast_to(self, _shape(sizes or tuple(size)))

    def broadcast_to(self, *sizes: Any, size: Sequence[int] = ()) -> Self:
        """Dimensions of size 1 repeated without a copy; see `tinygrad_np.broadcast_to`."""
        return ops.broadcast_to(self, _shape(sizes or tuple(size)))

    def narrow(self, dim: int, start: int, length: int) -> Self:
        """A stretch of one dimension; see `tinygrad_np.narrow`."""
        return ops.narrow(self, dim, start, length)

    def expand_as(self, other: Value) -> Self:
        """Expanded to the shape of `other`."""
        return ops.broadcast_to(self, tuple(other.shape))

    def select(self, dim: int, index: int) -> Self:
        """One place of a dimension; see `tinygrad_np.select`."""
        return parts.select(self, dim, index)

    def diagonal(self, offset: int = 0, dim1: int = 0, dim2: int = 1) -> Self:
        """Diagonal of two dimensions; see `tinygrad_np.diagonal`."""
        return parts.diagonal(self, offset, dim1, dim2)

    def unbind(self, dim: int = 0) -> tuple[Self, ...]:
        """Every place of a dimension; see `tinygrad_np.unbind`."""
        return parts.unbind(self, dim)

    def split(self, split_size: int | Sequence[int], dim: int = 0) -> tuple[Self, ...]:
        """Pieces of a dimension; see `tinygrad_np.split`."""
        return parts.split(self, split_size, dim)

    def chunk(self, chunks: int, dim: int = 0) -> tuple[Self, ...]:
        """At most so many pieces of a dimension; see `tinygrad_np.chunk`."""
        return parts.chunk(self, chunks, dim)

    def is_contiguous(self) -> bool:
        """Whether the memory order is row-major, as far as one may see; see `stride`."""
        return layout(self).flags.c_contiguous

    def contiguous(self) -> Self:
        """Give the tensor itself if it is row-major, else a row-major copy. Gradient: 1."""
        return self if self.is_contiguous() else ops.contiguous(self)

    def stride(self, dim: int | None = None) -> Any:
        """Elements from one place to the next, in one dimension or all.

        Results of operations count as row-major, in whatever order the engine stores them; views
        of them, and arrays that were brought along, have the order that one gave them.

        >>> import tinygrad_np as tg
        >>> x = tg.zeros(2, 3, 4)
        >>> x.stride(), x.transpose(0, 2).stride(), x.stride(-1)
        ((12, 4, 1), (1, 4, 12), 1)
        """
        steps = strides(self)
        return steps if dim is None else steps[ops.normalize_dim(dim, len(steps), "stride")]


def _shape(given: tuple[Any, ...]) -> tuple[int, ...]:
    """Read sizes given as separate ints or as one sequence; -1 may be among them."""
    return tuple(given[0]) if len(given) == 1 and not isinstance(given[0], int) else given
