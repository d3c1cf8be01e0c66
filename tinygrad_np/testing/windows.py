"""Sliding windows, drawn: convolutions and poolings that fit, height apart from width."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from hypothesis import strategies as st

Sizes = tuple[int, ...]


@dataclass(frozen=True)
class ConvConfig:
    """One convolution, or its transpose."""

    batch: int | None  # None: an input without batch dimension
    channels: int
    filters: int
    size: Sizes
    kernel: Sizes
    stride: Sizes
    padding: Sizes
    dilation: Sizes
    groups: int
    output_padding: Sizes = ()
    transposed: bool = False

    @property
    def input_shape(self) -> Sizes:
        """Shape of the input."""
        shape = (self.channels, *self.size)
        return shape if self.batch is None else (self.batch, *shape)

    @property
    def weight_shape(self) -> Sizes:
        """Shape of the filters."""
        if self.transposed:
            return (self.channels, self.filters // self.groups, *self.kernel)
        return (self.filters, self.channels // self.groups, *self.kernel)

    @property
    def output_size(self) -> Sizes:
        """Height and width, or width alone, of the result."""
        if self.transposed:
            return tuple(
                (n - 1) * s + d * (k - 1) + 1 - 2 * p + e
                for n, k, s, p, d, e in zip(
                    self.size,
                    self.kernel,
                    self.stride,
                    self.padding,
                    self.dilation,
                    self.output_padding,
                    strict=True,
                )
            )
        return tuple(
            (n + 2 * p - d * (k - 1) - 1) // s + 1
            for n, k, s, p, d in zip(
                self.size, self.kernel, self.stride, self.padding, self.dilation, strict=True
            )
        )

    @property
    def options(self) -> dict[str, Any]:
        """Keywords of `conv2d` and its kin."""
        given = {
            "stride": self.stride,
            "padding": self.padding,
            "dilation": self.dilation,
            "groups": self.groups,
        }
        return given | ({"output_padding": self.output_padding} if self.transposed else {})

    def arrays(self, dtype: Any = np.float64, seed: int = 0) -> list[np.ndarray[Any, Any]]:
        """Random input, filters and bias."""
        rng = np.random.default_rng(seed)
        made = (self.input_shape, self.weight_shape, (self.filters,))
        return [rng.standard_normal(shape).astype(dtype) for shape in made]


@dataclass(frozen=True)
class PoolConfig:
    """One pooling."""

    batch: int | None
    channels: int
    size: Sizes
    kernel: Sizes
    stride: Sizes
    padding: Sizes
    dilation: Sizes
    ceil_mode: bool

    @property
    def input_shape(self) -> Sizes:
        """Shape of the input."""
        shape = (self.channels, *self.size)
        return shape if self.batch is None else (self.batch, *shape)

    @property
    def options(self) -> dict[str, Any]:
        """Keywords of `max_pool2d`; those of `avg_pool2d` but for `dilation`."""
        return {
            "kernel_size": self.kernel,
            "stride": self.stride,
            "padding": self.padding,
            "dilation": self.dilation,
            "ceil_mode": self.ceil_mode,
        }


def _each(dims: int, least: int, most: int) -> st.SearchStrategy[Sizes]:
    return st.tuples(*[st.integers(least, most)] * dims)


@st.composite
def conv_configs(
    draw: st.DrawFn,
    dims: int = 2,
    *,
    transposed: bool = False,
    batches: Any = (1, 2, 3, 5, 0, None),
    max_channels: int = 4,
    max_filters: int = 3,
    max_groups: int = 3,
    max_kernel: int = 4,
    max_stride: int = 3,
    max_padding: int = 3,
    max_dilation: int = 3,
    max_extra: int = 8,
) -> ConvConfig:
    """Draw a convolution whose windows fit, over `dims` dimensions of their own sizes.

    Parameters
    ----------
    batches
        Sizes of the batch to choose from; None is an input without one.
    max_channels, max_filters
        Of each group.
    max_extra
        By how much the input may be larger than the smallest that fits.
    """
    groups = draw(st.integers(1, max_groups))
    kernel, stride = draw(_each(dims, 1, max_kernel)), draw(_each(dims, 1, max_stride))
    dilation, padding = draw(_each(dims, 1, max_dilation)), draw(_each(dims, 0, max_padding))
    reach = [d * (k - 1) + 1 for k, d in zip(kernel, dilation, strict=True)]
    extra = draw(_each(dims, 0, max_extra))
    output_padding: Sizes = ()
    if transposed:
        output_padding = tuple(
            draw(st.integers(0, max(s, d) - 1)) for s, d in zip(stride, dilation, strict=True)
        )
        size = tuple(  # so that the result is at least 1 wide
            max(1, -((r + e - 2 * p - 1) // s) + 1) + min(x, 3)
            for r, p, s, e, x in zip(reach, padding, stride, output_padding, extra, strict=True)
        )
    else:
        size = tuple(max(1, r - 2 * p) + x for r, p, x in zip(reach, padding, extra, strict=True))
    return ConvConfig(
        draw(st.sampled_from(list(batches))),
        groups * draw(st.integers(1, max_channels)),
        groups * draw(st.integers(1, max_filters)),
        size,
        kernel,
        stride,
        padding,
        dilation,
        groups,
        output_padding,
        transposed,
    )


@st.composite
def pool_configs(
    draw: st.DrawFn,
    dims: int = 2,
    *,
    batches: Any = (1, 2, 3, 0, None),
    max_channels: int = 2,
    max_kernel: int = 4,
    max_stride: int = 4,
    max_dilation: int = 3,
    max_extra: int = 8,
) -> PoolConfig:
    """Draw a pooling whose windows fit, none of them in the padding alone.

    The parameters are those of `conv_configs`; the padding is half a kernel at most.
    """
    kernel, stride = draw(_each(dims, 1, max_kernel)), draw(_each(dims, 1, max_stride))
    dilation = draw(_each(dims, 1, max_dilation))
    padding = tuple(draw(st.integers(0, k // 2)) for k in kernel)
    extra = draw(_each(dims, 0, max_extra))
    size = tuple(  # at least `dilation`, or a window may fall between the taps
        max(d * (k - 1) + 1 - 2 * p, d, 1) + x
        for k, p, d, x in zip(kernel, padding, dilation, extra, strict=True)
    )
    return PoolConfig(
        draw(st.sampled_from(list(batches))),
        draw(st.integers(1, max_channels)),
        size,
        kernel,
        stride,
        padding,
        dilation,
        draw(st.booleans()),
    )
