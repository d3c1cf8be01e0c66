"""Pooling layers; the functions, with all that there is to say, are in `nn.functional`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import nn.functional as F
from nn.modules.module import Module

if TYPE_CHECKING:
    from collections.abc import Callable

    from tinygrad_np.ops.pool import Sizes
    from tinygrad_np.ops.window import Ints


class _MaxPool(Module):
    """Options of max pooling."""

    pool: ClassVar[Callable[..., Any]]

    def __init__(
        self,
        kernel_size: Ints,
        stride: Ints | None = None,
        padding: Ints = 0,
        dilation: Ints = 1,
        return_indices: bool = False,
        ceil_mode: bool = False,
    ) -> None:
        super().__init__()
        self.kernel_size = kernel_size
        self.stride = kernel_size if stride is None else stride
        self.padding, self.dilation = padding, dilation
        self.return_indices, self.ceil_mode = return_indices, ceil_mode

    def forward(self, input: Any) -> Any:
        """Pool."""
        return self.pool(
            input,
            self.kernel_size,
            self.stride,
            self.padding,
            self.dilation,
            self.ceil_mode,
            self.return_indices,
        )

    def extra_repr(self) -> str:
        """Where the windows stand."""
        return (
            f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}, "
            f"dilation={self.dilation}, ceil_mode={self.ceil_mode}"
        )


class MaxPool1d(_MaxPool):
    """Largest number of each window; see `nn.functional.max_pool1d`.

    >>> import nn, tinygrad_np as tg
    >>> nn.MaxPool1d(2)(tg.zeros(5, 3, 10)).shape
    Size([5, 3, 5])
    """

    pool = staticmethod(F.max_pool1d)


class MaxPool2d(_MaxPool):
    """Largest number of each window; see `nn.functional.max_pool2d`.

    >>> import nn, tinygrad_np as tg
    >>> nn.MaxPool2d(2)(tg.zeros(5, 3, 28, 28)).shape
    Size([5, 3, 14, 14])
    """

    pool = staticmethod(F.max_pool2d)


class AvgPool1d(Module):
    """Mean of each window; see `nn.functional.avg_pool1d`.

    >>> import nn, tinygrad_np as tg
    >>> nn.AvgPool1d(2)(tg.zeros(5, 3, 10)).shape
    Size([5, 3, 5])
    """

    def __init__(
        self,
        kernel_size: Ints,
        stride: Ints | None = None,
        padding: Ints = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
    ) -> None:
        super().__init__()
        self.kernel_size = _single(kernel_size)
        self.stride = self.kernel_size if stride is None else _single(stride)
        self.padding = _single(padding)
        self.ceil_mode, self.count_include_pad = ceil_mode, count_include_pad

    def forward(self, input: Any) -> Any:
        """Pool."""
        return F.avg_pool1d(
            input,
            self.kernel_size,
            self.stride,
            self.padding,
            self.ceil_mode,
            self.count_include_pad,
        )

    def extra_repr(self) -> str:
        """Where the windows stand."""
        return f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}"


class AvgPool2d(Module):
    """Mean of each window; see `nn.functional.avg_pool2d`.

    >>> import nn, tinygrad_np as tg
    >>> nn.AvgPool2d(2)(tg.zeros(5, 3, 28, 28)).shape
    Size([5, 3, 14, 14])
    """

    def __init__(
        self,
        kernel_size: Ints,
        stride: Ints | None = None,
        padding: Ints = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
        divisor_override: int | None = None,
    ) -> None:
        super().__init__()
        self.kernel_size = kernel_size
        self.stride = kernel_size if stride is None else stride
        self.padding, self.ceil_mode = padding, ceil_mode
        self.count_include_pad, self.divisor_override = count_include_pad, divisor_override

    def forward(self, input: Any) -> Any:
        """Pool."""
        return F.avg_pool2d(
            input,
            self.kernel_size,
            self.stride,
            self.padding,
            self.ceil_mode,
            self.count_include_pad,
            self.divisor_override,
        )

    def extra_repr(self) -> str:
        """Where the windows stand."""
        return f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}"


class _AdaptivePool(Module):
    """How many bins."""

    pool: ClassVar[Callable[..., Any]]

    def __init__(self, output_size: Sizes) -> None:
        super().__init__()
        self.output_size = output_size

    def forward(self, input: Any) -> Any:
        """Pool."""
        return self.pool(input, self.output_size)

    def extra_repr(self) -> str:
        """How many bins."""
        return f"output_size={self.output_size}"


class _AdaptiveMaxPool(_AdaptivePool):
    """How many bins, and whether to say where their maxima stand."""

    def __init__(self, output_size: Sizes, return_indices: bool = False) -> None:
        super().__init__(output_size)
        self.return_indices = return_indices

    def forward(self, input: Any) -> Any:
        """Pool."""
        return self.pool(input, self.output_size, self.return_indices)


class AdaptiveAvgPool1d(_AdaptivePool):
    """Mean of each of `output_size` bins; see `nn.functional.adaptive_avg_pool1d`.

    >>> import nn, tinygrad_np as tg
    >>> nn.AdaptiveAvgPool1d(3)(tg.zeros(5, 8, 10)).shape
    Size([5, 8, 3])
    """

    pool = staticmethod(F.adaptive_avg_pool1d)


class AdaptiveMaxPool1d(_AdaptiveMaxPool):
    """Largest number of each of `output_size` bins; see `nn.functional.adaptive_max_pool1d`.

    >>> import nn, tinygrad_np as tg
    >>> nn.AdaptiveMaxPool1d(3)(tg.zeros(5, 8, 10)).shape
    Size([5, 8, 3])
    """

    pool = staticmethod(F.adaptive_max_pool1d)


class AdaptiveAvgPool2d(_AdaptivePool):
    """Mean of each of `output_size` bins; see `nn.functional.adaptive_avg_pool2d`.

    >>> import nn, tinygrad_np as tg
    >>> nn.AdaptiveAvgPool2d((3, None))(tg.zeros(5, 8, 10, 7)).shape
    Size([5, 8, 3, 7])
    """

    pool = staticmethod(F.adaptive_avg_pool2d)


class AdaptiveMaxPool2d(_AdaptiveMaxPool):
    """Largest number of each of `output_size` bins; see `nn.functional.adaptive_max_pool2d`.

    >>> import nn, tinygrad_np as tg
    >>> nn.AdaptiveMaxPool2d((3, None))(tg.zeros(5, 8, 10, 7)).shape
    Size([5, 8, 3, 7])
    """

    pool = staticmethod(F.adaptive_max_pool2d)


def _single(size: Any) -> tuple[int, ...]:
    return tuple(size) if isinstance(size, (tuple, list)) else (size,)
