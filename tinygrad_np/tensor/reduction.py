"""Reducing methods of a tensor."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self, Unpack

from tinygrad_np.core import Value
from tinygrad_np.ops import reduce
from tinygrad_np.ops.aliases import MISSING, Axis, AxisKeepdims

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
        **aliases: Unpack[AxisKeepdims],
    ) -> Self:
        """Sum; see `tinygrad_np.sum`."""
        if aliases:
            return reduce.sum(self, dim, keepdim, dtype=dtype, **aliases)
        return reduce.sum(self, dim, keepdim, dtype=dtype)

    def mean(
        self,
        dim: int | Sequence[int] | None = None,
        keepdim: bool = False,
        *,
        dtype: DtypeLike | None = None,
        **aliases: Unpack[AxisKeepdims],
    ) -> Self:
        """Mean; see `tinygrad_np.mean`."""
        if aliases:
            return reduce.mean(self, dim, keepdim, dtype=dtype, **aliases)
        return reduce.mean(self, dim, keepdim, dtype=dtype)

    def amax(
        self,
        dim: int | Sequence[int] | None = None,
        keepdim: bool = False,
        **aliases: Unpack[AxisKeepdims],
    ) -> Self:
        """Largest element; see `tinygrad_np.amax`."""
        if aliases:
            return reduce.amax(self, dim, keepdim, **aliases)
        return reduce.amax(self, dim, keepdim)

    def amin(
        self,
        dim: int | Sequence[int] | None = None,
        keepdim: bool = False,
        **aliases: Unpack[AxisKeepdims],
    ) -> Self:
        """Smallest element; see `tinygrad_np.amin`."""
        if aliases:
            return reduce.amin(self, dim, keepdim, **aliases)
        return reduce.amin(self, dim, keepdim)

    def max(self, dim: Any = None, keepdim: bool = False, **aliases: Unpack[AxisKeepdims]) -> Any:
        """Largest element; see `tinygrad_np.max`."""
        if aliases:
            return reduce.max(self, dim, keepdim, **aliases)
        return reduce.max(self, dim, keepdim)

    def min(self, dim: Any = None, keepdim: bool = False, **aliases: Unpack[AxisKeepdims]) -> Any:
        """Smallest element; see `tinygrad_np.min`."""
        if aliases:
            return reduce.min(self, dim, keepdim, **aliases)
        return reduce.min(self, dim, keepdim)

    def argmax(
        self, dim: int | None = None, keepdim: bool = False, **aliases: Unpack[AxisKeepdims]
    ) -> Self:
        """Position of the largest element; see `tinygrad_np.argmax`."""
        if aliases:
            return reduce.argmax(self, dim, keepdim, **aliases)
        return reduce.argmax(self, dim, keepdim)

    def argmin(
        self, dim: int | None = None, keepdim: bool = False, **aliases: Unpack[AxisKeepdims]
    ) -> Self:
        """Position of the smallest element; see `tinygrad_np.argmin`."""
        if aliases:
            return reduce.argmin(self, dim, keepdim, **aliases)
        return reduce.argmin(self, dim, keepdim)

    def all(
        self,
        dim: int | Sequence[int] | None = None,
        keepdim: bool = False,
        **aliases: Unpack[AxisKeepdims],
    ) -> Self:
        """Whether every element is true; see `tinygrad_np.all`."""
        if aliases:
            return reduce.all(self, dim, keepdim, **aliases)
        return reduce.all(self, dim, keepdim)

    def any(
        self,
        dim: int | Sequence[int] | None = None,
        keepdim: bool = False,
        **aliases: Unpack[AxisKeepdims],
    ) -> Self:
        """Whether some element is true; see `tinygrad_np.any`."""
        if aliases:
            return reduce.any(self, dim, keepdim, **aliases)
        return reduce.any(self, dim, keepdim)

    def logsumexp(
        self,
        dim: int | Sequence[int] = MISSING,
        keepdim: bool = False,
        **aliases: Unpack[AxisKeepdims],
    ) -> Self:
        """Logarithm of the sum of exponentials; see `tinygrad_np.logsumexp`."""
        if aliases:
            return reduce.logsumexp(self, dim, keepdim, **aliases)
        return reduce.logsumexp(self, dim, keepdim)

    def softmax(
        self, dim: int = MISSING, dtype: DtypeLike | None = None, **aliases: Unpack[Axis]
    ) -> Self:
        """Softmax; see `tinygrad_np.softmax`."""
        if aliases:
            return reduce.softmax(self, dim, dtype, **aliases)
        return reduce.softmax(self, dim, dtype)

    def log_softmax(
        self, dim: int = MISSING, dtype: DtypeLike | None = None, **aliases: Unpack[Axis]
    ) -> Self:
        """Logarithm of the softmax; see `tinygrad_np.log_softmax`."""
        if aliases:
            return reduce.log_softmax(self, dim, dtype, **aliases)
        return reduce.log_softmax(self, dim, dtype)
