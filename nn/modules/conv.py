"""Convolution layers: filters that slide, and stamps that are laid side by side."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, ClassVar

import nn.functional as F
import tinygrad_np as tg
from nn import init
from nn.modules.module import Module
from nn.parameter import Parameter
from tinygrad_np.ops.checks import integer
from tinygrad_np.ops.conv import same_padding
from tinygrad_np.ops.window import check_rank, ints, transposed_size, window

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tinygrad_np.ops.window import Ints

PADDING_MODES = {"zeros": "constant", **{m: m for m in ("reflect", "replicate", "circular")}}


class _Convolution(Module):
    """What the four layers share: options, weight, bias, initialisation and representation."""

    dims: ClassVar[int]
    stamps: ClassVar[bool] = False  # what an instance calls `transposed`
    convolve: ClassVar[Callable[..., Any]]
    weight: Parameter
    bias: Parameter | None

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Ints,
        stride: Ints = 1,
        padding: Ints | str = 0,
        dilation: Ints = 1,
        groups: int = 1,
        bias: bool = True,
        padding_mode: str = "zeros",
        device: object = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        name, n = type(self).__name__, self.dims
        in_channels = integer(name, "in_channels", in_channels)
        out_channels = integer(name, "out_channels", out_channels)
        groups = integer(name, "groups", groups)
        if groups < 1 or in_channels % groups or out_channels % groups:
            raise ValueError(
                f"{name}: groups={groups} must divide both in_channels={in_channels} and "
                f"out_channels={out_channels}"
            )
        self.in_channels, self.out_channels, self.groups = in_channels, out_channels, groups
        self.kernel_size = ints(name, "kernel_size", kernel_size, n, 1)
        self.stride = ints(name, "stride", stride, n, 1)
        self.dilation = ints(name, "dilation", dilation, n, 1)
        self.transposed, self.output_padding = self.stamps, (0,) * n
        self.padding = self._padding(name, padding)
        if padding_mode not in PADDING_MODES:
            raise ValueError(
                f"{name}: padding_mode must be one of {', '.join(PADDING_MODES)}, not "
                f"{padding_mode!r}"
            )
        self.padding_mode = padding_mode
        ends = (in_channels, out_channels) if self.stamps else (out_channels, in_channels)
        shape = (ends[0], ends[1] // groups, *self.kernel_size)
        self.weight = Parameter(tg.empty(*shape, dtype=dtype, device=device))
        self.bias = Parameter(tg.empty(out_channels, dtype=dtype)) if bias else None
        self.reset_parameters()

    def _padding(self, name: str, padding: Ints | str) -> Any:
        if not isinstance(padding, str):
            return ints(name, "padding", padding, self.dims, 0)
        if padding not in ("same", "valid") or self.stamps:
            raise ValueError(f"{name}: padding must be ints, 'same' or 'valid', not {padding!r}")
        if padding == "same" and max(self.stride) > 1:
            raise ValueError(
                f"{name}: padding='same' has no meaning with stride {self.stride}: sizes cannot "
                "stay the same; give the padding as ints"
            )
        return padding

    def reset_parameters(self) -> None:
        """Draw weight and bias anew."""
        init.kaiming_uniform_(self.weight, a=math.sqrt(5))
        if self.bias is not None:
            fan_in = self.weight.shape[1] * math.prod(self.kernel_size)
            bound = 1 / math.sqrt(fan_in) if fan_in else 0.0
            init.uniform_(self.bias, -bound, bound)

    def forward(self, input: Any) -> Any:
        """Slide the filters."""
        x, padding = self._padded(input)
        return self.convolve(
            x, self.weight, self.bias, self.stride, padding, self.dilation, self.groups
        )

    def _padded(self, input: Any) -> tuple[Any, Any]:
        """Give the input and the padding that is left to the convolution."""
        if self.padding_mode == "zeros":
            return input, self.padding
        pads: Sequence[tuple[int, int]]
        if self.padding == "same":
            pads = same_padding(self.kernel_size, self.dilation)
        else:
            given = (0,) * self.dims if self.padding == "valid" else self.padding
            pads = [(p, p) for p in given]
        sides = [side for pair in reversed(pads) for side in pair]
        return F.pad(input, sides, mode=PADDING_MODES[self.padding_mode]), 0

    def extra_repr(self) -> str:
        """Sizes, and what differs from the defaults."""
        zeros, ones = (0,) * self.dims, (1,) * self.dims
        parts = [
            f"{self.in_channels}, {self.out_channels}",
            f"kernel_size={self.kernel_size}",
            f"stride={self.stride}",
            *([f"padding={self.padding}"] if self.padding != zeros else []),
            *([f"dilation={self.dilation}"] if self.dilation != ones else []),
            *([f"output_padding={self.output_padding}"] if self.output_padding != zeros else []),
            *([f"groups={self.groups}"] if self.groups != 1 else []),
            *(["bias=False"] if self.bias is None else []),
            *([f"padding_mode={self.padding_mode}"] if self.padding_mode != "zeros" else []),
        ]
        return ", ".join(parts)


class Conv1d(_Convolution):
    """Filters that slide along one dimension; see `nn.functional.conv1d`.

    Weight `(out_channels, in_channels/groups, k)` and bias `(out_channels)` start uniform in
    ±1/√(in_channels/groups·k).

    Shapes: `(N, in_channels, L)` to `(N, out_channels, L')`; without N as well.

    >>> import nn, tinygrad_np as tg
    >>> nn.Conv1d(16, 33, 3, stride=2)(tg.zeros(20, 16, 50)).shape
    Size([20, 33, 24])
    """

    dims = 1
    convolve = staticmethod(F.conv1d)


class Conv2d(_Convolution):
    """Filters that slide over images; see `nn.functional.conv2d`.

    Weight `(out_channels, in_channels/groups, kh, kw)` and bias `(out_channels)` start uniform in
    ±1/√(in_channels/groups·kh·kw). `padding` is an int, a pair, 'same' or 'valid'; `padding_mode`
    'zeros', 'reflect', 'replicate' or 'circular'.

    Shapes: `(N, in_channels, H, W)` to `(N, out_channels, H', W')`; without N as well.

    >>> import nn, tinygrad_np as tg
    >>> layer = nn.Conv2d(1, 8, 3, padding=1)
    >>> layer
    Conv2d(1, 8, kernel_size=(3, 3), stride=(1, 1), padding=(1, 1))
    >>> layer(tg.zeros(32, 1, 28, 28)).shape
    Size([32, 8, 28, 28])
    """

    dims = 2
    convolve = staticmethod(F.conv2d)


class _Stamping(_Convolution):
    """Transposed convolution."""

    stamps = True

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Ints,
        stride: Ints = 1,
        padding: Ints = 0,
        output_padding: Ints = 0,
        groups: int = 1,
        bias: bool = True,
        dilation: Ints = 1,
        padding_mode: str = "zeros",
        device: object = None,
        dtype: Any = None,
    ) -> None:
        name = type(self).__name__
        if padding_mode != "zeros":
            raise ValueError(
                f"{name}: padding_mode must be 'zeros', not {padding_mode!r}: its padding crops "
                "the result"
            )
        options = (stride, padding, dilation, groups, bias, padding_mode, device, dtype)
        super().__init__(in_channels, out_channels, kernel_size, *options)
        self.output_padding = ints(name, "output_padding", output_padding, self.dims, 0)

    def forward(self, input: Any, output_size: Sequence[int] | None = None) -> Any:
        """Lay the stamps; `output_size` chooses among the sizes that the stride leaves open."""
        extra = self._output_padding(input, output_size)
        return self.convolve(
            input,
            self.weight,
            self.bias,
            self.stride,
            self.padding,
            extra,
            self.groups,
            self.dilation,
        )

    def _output_padding(self, input: Any, output_size: Sequence[int] | None) -> tuple[int, ...]:
        """Find the output padding that gives `output_size`, where that is asked for."""
        if output_size is None:
            return self.output_padding
        name, n = type(self).__name__, self.dims
        check_rank(name, input, n)
        read = window(name, n, self.kernel_size, self.stride, self.padding, self.dilation)
        wanted, given = tuple(output_size)[-n:], tuple(input.shape[-n:])
        least = transposed_size(read, given)
        most = tuple(low + step - 1 for low, step in zip(least, self.stride, strict=True))
        if len(output_size) not in (n, input.ndim) or any(
            not low <= size <= high for low, size, high in zip(least, wanted, most, strict=True)
        ):
            raise ValueError(
                f"{name}: output_size {tuple(output_size)} cannot be had from an input of size "
                f"{given}: it must lie from {least} to {most}"
            )
        return tuple(size - low for size, low in zip(wanted, least, strict=True))


class ConvTranspose1d(_Stamping):
    """Transposed convolution along one dimension; see `nn.functional.conv_transpose1d`.

    Shapes: `(N, in_channels, L)` to `(N, out_channels, L')`; weight
    `(in_channels, out_channels/groups, k)`.

    >>> import nn, tinygrad_np as tg
    >>> nn.ConvTranspose1d(8, 4, 3, stride=2)(tg.zeros(5, 8, 10)).shape
    Size([5, 4, 21])
    """

    dims = 1
    convolve = staticmethod(F.conv_transpose1d)


class ConvTranspose2d(_Stamping):
    """Transposed convolution of images, the adjoint of `Conv2d`; see `conv_transpose2d`.

    Shapes: `(N, in_channels, H, W)` to `(N, out_channels, H', W')`; weight
    `(in_channels, out_channels/groups, kh, kw)`.

    >>> import nn, tinygrad_np as tg
    >>> nn.ConvTranspose2d(8, 4, 2, stride=2)(tg.zeros(5, 8, 7, 7)).shape
    Size([5, 4, 14, 14])
    """

    dims = 2
    convolve = staticmethod(F.conv_transpose2d)


class Unfold(Module):
    """Every window of an image as one column; see `nn.functional.unfold`.

    >>> import nn, tinygrad_np as tg
    >>> nn.Unfold((2, 3))(tg.zeros(2, 5, 3, 4)).shape
    Size([2, 30, 4])
    """

    def __init__(
        self, kernel_size: Ints, dilation: Ints = 1, padding: Ints = 0, stride: Ints = 1
    ) -> None:
        super().__init__()
        self.kernel_size, self.dilation = kernel_size, dilation
        self.padding, self.stride = padding, stride

    def forward(self, input: Any) -> Any:
        """Write the windows as columns."""
        return F.unfold(input, self.kernel_size, self.dilation, self.padding, self.stride)

    def extra_repr(self) -> str:
        """Where the windows stand."""
        return (
            f"kernel_size={self.kernel_size}, dilation={self.dilation}, padding={self.padding}, "
            f"stride={self.stride}"
        )


class Fold(Module):
    """Every column added back where its window stood; see `nn.functional.fold`.

    >>> import nn, tinygrad_np as tg
    >>> nn.Fold((4, 5), (2, 3))(tg.zeros(2, 12, 9)).shape
    Size([2, 2, 4, 5])
    """

    def __init__(
        self,
        output_size: Ints,
        kernel_size: Ints,
        dilation: Ints = 1,
        padding: Ints = 0,
        stride: Ints = 1,
    ) -> None:
        super().__init__()
        self.output_size, self.kernel_size, self.dilation = output_size, kernel_size, dilation
        self.padding, self.stride = padding, stride

    def forward(self, input: Any) -> Any:
        """Add the columns up."""
        return F.fold(
            input, self.output_size, self.kernel_size, self.dilation, self.padding, self.stride
        )

    def extra_repr(self) -> str:
        """Sizes, and where the windows stand."""
        return (
            f"output_size={self.output_size}, kernel_size={self.kernel_size}, "
            f"dilation={self.dilation}, padding={self.padding}, stride={self.stride}"
        )
