"""Reducing methods of a tensor."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

from tinygrad_np.core import Value
from tinygrad_np.ops import reduce

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tinygrad_np.dtypes import DtypeLike


class Reducing(Value):
    """Methods that make one number of many."""

    __slots__ = ()

    def sum(
        self,
        dim: int | Sequence[int] | None = None,
        keepdim: bool = False,
        *,
        dtype: DtypeLike | None = None,
    ) -> Self:
        """Sum; see `tinygrad_np.sum`."""
        return reduce.sum(self, dim, keepdim, dtype=dtype)

    def mean(
        self,
        dim: int | Sequence[int] | None = None,
        keepdim: bool = False,
        *,
        dtype: DtypeLike | None = None,
    ) -> Self:
        """Mean; see `tinygrad_np.mean`."""
        return reduce.mean(self, dim, keepdim, dtype=dtype)

    def amax(self, dim: int | Sequence[int] | None = None, keepdim: bool = False) -> Self:
        """Largest element; see `tinygrad_np.amax`."""
        return reduce.amax(self, dim, keepdim)

    def amin(self, dim: int | Sequence[int] | None = None, keepdim: bool = False) -> Self:
        """Smallest element; see `tinygrad_np.amin`."""
        return reduce.amin(self, dim, keepdim)

    def max(self, dim: Any = None, keepdim: bool = False) -> Any:
        """Largest element; see `tinygrad_np.max`."""
        return reduce.max(self, dim, keepdim)

    def min(self, dim: Any = None, keepdim: bool = False) -> Any:
        """Smallest element; see `tinygrad_np.min`."""
        return reduce.min(self, dim, keepdim)

    def argmax(self, dim: int | None = None, keepdim: bool = False) -> Self:
        """Position of the largest element; see `tinygrad_np.argmax`."""
        return reduce.argmax(self, dim, keepdim)

    def argmin(self, dim: int | None = None, keepdim: bool = False) -> Self:
        """Position of the smallest element; see `tinygrad_np.argmin`."""
        return reduce.argmin(self, dim, keepdim)

    def all(self, dim: int | Sequence[int] | None = None, keepdim: bool = False) -> Self:
        """Whether every element is true; see `tinygrad_np.all`."""
        return reduce.all(self, dim, keepdim)

    def any(self, dim: int | Sequence[int] | None = None, keepdim: bool = False) -> Self:
        """Whether some element is true; see `tinygrad_np.any`."""
        return reduce.any(self, dim, keepdim)

    def logsumexp(self, dim: int | Sequence[int], keepdim: bool = False) -> Self:
        """Logarithm of the sum of exponentials; see `tinygrad_np.logsumexp`."""
        return reduce.logsumexp(self, dim, keepdim)

    def softmax(self, dim: int, dtype: DtypeLike | None = None) -> Self:
        """Softmax; see `tinygrad_np.softmax`."""
        return reduce.softmax(self, dim, dtype)

    def log_softmax(self, dim: int, dtype: DtypeLike | None = None) -> Self:
        """Logarithm of the softmax; see `tinygrad_np.log_softmax`."""
        return reduce.log_softmax(self, dim, dtype)
