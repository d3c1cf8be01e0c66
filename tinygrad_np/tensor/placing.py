"""Methods that read and write at places, hold between bounds, and combine three tensors."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

from tinygrad_np.core import Value
from tinygrad_np.ops import index as indexing
from tinygrad_np.ops import scatter as ops
from tinygrad_np.ops import ternary
from tinygrad_np.ops.nonzero import argwhere, nonzero

if TYPE_CHECKING:
    from tinygrad_np.dtypes import Number


class Placing(Value):
    """Out-of-place twins of the writing methods."""

    __slots__ = ()

    def __getitem__(self, index: Any) -> Self:
        return indexing.getitem(self, index)

    def take_along_dim(self, indices: Any, dim: int | None = None) -> Self:
        """Elements at `indices` along `dim`; see `tinygrad_np.take_along_dim`."""
        return ops.take_along_dim(self, indices, dim)

    def nonzero(self, *, as_tuple: bool = False) -> Any:
        """Indices of the elements that are not 0; see `tinygrad_np.nonzero`."""
        return nonzero(self, as_tuple=as_tuple)

    def argwhere(self) -> Any:
        """Indices of the elements that are not 0; see `tinygrad_np.argwhere`."""
        return argwhere(self)

    def gather(self, dim: int, index: Any) -> Self:
        """Elements at `index` along `dim`; see `tinygrad_np.gather`."""
        return ops.gather(self, dim, index)

    def scatter(
        self,
        dim: int,
        index: Any,
        src: Any = None,
        *,
        value: Any = None,
        reduce: str | None = None,
    ) -> Self:
        """Overwritten at `index` along `dim`; see `tinygrad_np.scatter`."""
        return ops.scatter(self, dim, index, src, value=value, reduce=reduce)

    def scatter_add(self, dim: int, index: Any, src: Any) -> Self:
        """Added to at `index` along `dim`; see `tinygrad_np.scatter_add`."""
        return ops.scatter_add(self, dim, index, src)

    def index_select(self, dim: int, index: Any) -> Self:
        """Slices of `dim` at `index`; see `tinygrad_np.index_select`."""
        return ops.index_select(self, dim, index)

    def index_add(self, dim: int, index: Any, source: Any, *, alpha: Number = 1) -> Self:
        """Slices of `dim` at `index` added to; see `tinygrad_np.index_add`."""
        return ops.index_add(self, dim, index, source, alpha=alpha)

    def index_fill(self, dim: int, index: Any, value: Any) -> Self:
        """Slices of `dim` at `index` overwritten with one number; see `tinygrad_np.index_fill`."""
        return ops.index_fill(self, dim, index, value)

    def masked_fill(self, mask: Any, value: Any) -> Self:
        """Replaced where `mask` is true; see `tinygrad_np.masked_fill`."""
        return ops.masked_fill(self, mask, value)

    def masked_select(self, mask: Any) -> Self:
        """Elements where `mask` is true; see `tinygrad_np.masked_select`."""
        return ops.masked_select(self, mask)

    def clamp(self, min: Any = None, max: Any = None) -> Self:
        """Held between bounds; see `tinygrad_np.clamp`."""
        return ternary.clamp(self, min, max)

    clip = clamp

    def clamp_min(self, min: Any) -> Self:
        """Raised to at least `min`; see `tinygrad_np.clamp`."""
        return ternary.clamp(self, min=min)

    def clamp_max(self, max: Any) -> Self:
        """Lowered to at most `max`; see `tinygrad_np.clamp`."""
        return ternary.clamp(self, max=max)

    def addcmul(self, tensor1: Self, tensor2: Self, *, value: Number = 1) -> Self:
        """Plus `value·tensor1·tensor2`; see `tinygrad_np.addcmul`."""
        return ternary.addcmul(self, tensor1, tensor2, value=value)

    def addcdiv(self, tensor1: Self, tensor2: Self, *, value: Number = 1) -> Self:
        """Plus `value·tensor1/tensor2`; see `tinygrad_np.addcdiv`."""
        return ternary.addcdiv(self, tensor1, tensor2, value=value)

    def lerp(self, end: Self, weight: Any) -> Self:
        """On the way to `end` by `weight`; see `tinygrad_np.lerp`."""
        return ternary.lerp(self, end, weight)
