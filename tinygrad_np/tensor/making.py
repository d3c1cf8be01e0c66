"""Methods that make another tensor of the same dtype."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tinygrad_np.core import Value
from tinygrad_np.tensor import creation

if TYPE_CHECKING:
    from tinygrad_np.dtypes import DtypeLike, Number
    from tinygrad_np.tensor.tensor import Tensor


class Making(Value):
    """`new_zeros` and its kin: the dtype is that of this tensor, unless another is given."""

    __slots__ = ()

    def new_tensor(
        self,
        data: Any,
        *,
        dtype: DtypeLike | None = None,
        device: object = None,
        requires_grad: bool = False,
    ) -> Tensor:
        """Copy data; see `tinygrad_np.tensor`."""
        return creation.tensor(
            data, dtype=dtype or self.dtype, device=device, requires_grad=requires_grad
        )

    def new_zeros(
        self,
        *args: Any,
        size: Any = None,
        dtype: DtypeLike | None = None,
        device: object = None,
        requires_grad: bool = False,
    ) -> Tensor:
        """Make zeros; see `tinygrad_np.zeros`."""
        return creation.zeros(
            *args,
            size=size,
            dtype=dtype or self.dtype,
            device=device,
            requires_grad=requires_grad,
        )

    def new_ones(
        self,
        *args: Any,
        size: Any = None,
        dtype: DtypeLike | None = None,
        device: object = None,
        requires_grad: bool = False,
    ) -> Tensor:
        """Make ones; see `tinygrad_np.ones`."""
        return creation.ones(
            *args,
            size=size,
            dtype=dtype or self.dtype,
            device=device,
            requires_grad=requires_grad,
        )

    def new_empty(
        self,
        *args: Any,
        size: Any = None,
        dtype: DtypeLike | None = None,
        device: object = None,
        requires_grad: bool = False,
    ) -> Tensor:
        """Make a tensor of whatever the memory holds; see `tinygrad_np.empty`."""
        return creation.empty(
            *args,
            size=size,
            dtype=dtype or self.dtype,
            device=device,
            requires_grad=requires_grad,
        )

    def new_full(
        self,
        size: Any,
        fill_value: Number,
        *,
        dtype: DtypeLike | None = None,
        device: object = None,
        requires_grad: bool = False,
    ) -> Tensor:
        """Make one value everywhere; see `tinygrad_np.full`."""
        return creation.full(
            size,
            fill_value,
            dtype=dtype or self.dtype,
            device=device,
            requires_grad=requires_grad,
        )
