"""Where a sliding window stands: the arithmetic that convolution and pooling share.

One spatial axis is an `Axis`. Tap ``k`` of the window at output ``o`` reads input
``o * stride + k * dilation - before``; inputs outside ``[0, size)`` are padding.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

Array: TypeAlias = NDArray[Any]
Pair: TypeAlias = Sequence[int]
Padding: TypeAlias = Sequence[Any]  # (ph, pw), or ((top, bottom), (left, right))


class Axis(NamedTuple):
    """A window sliding along one axis."""

    size: int
    kernel: int
    stride: int = 1
    before: int = 0
    after: int = 0
    dilation: int = 1

    @property
    def reach(self) -> int:
        """Inputs from the first to the last tap of one window."""
        return self.dilation * (self.kernel - 1) + 1

    @property
    def out(self) -> int:
        """Number of windows."""
        return (self.size + self.before + self.after - self.reach) // self.stride + 1

    def ceiled(self) -> Axis:
        """Pad the end: a last, partial window counts if it starts in the input or before it."""
        total = self.size + self.before + self.after - self.reach
        last = -(-total // self.stride) * self.stride  # where it starts in the padded input
        if last >= self.before + self.size:
            return self
        return self._replace(after=last + self.reach - self.before - self.size)

    @property
    def misses(self) -> bool:
        """Whether some window has no tap inside the input: a dilated one may step over it.

        For padding less than a kernel.
        """
        if self.dilation == 1 and self.size:
            return False
        hit: set[int] = set()
        for k in range(self.kernel):
            outputs, _ = self.tap(k)
            hit.update(range(outputs.start, outputs.stop))
        return len(hit) < self.out

    def tap(self, k: int) -> tuple[slice, slice]:
        """The outputs whose tap `k` lies inside the input, and the inputs that they read."""
        offset = k * self.dilation - self.before
        first = max(0, -(offset // self.stride))  # ceil(-offset / stride)
        last = min(self.out, (self.size - 1 - offset) // self.stride + 1)
        if last <= first:
            return slice(0, 0), slice(0, 0)
        start = first * self.stride + offset
        return slice(first, last), slice(
            start, start + (last - first - 1) * self.stride + 1, self.stride
        )

    def part(self, windows: slice) -> tuple[slice, Axis]:
        """The inputs that some of the windows reach, and the axis of those windows alone."""
        first = windows.start * self.stride - self.before
        stop = (windows.stop - 1) * self.stride - self.before + self.reach
        inputs = slice(min(max(first, 0), self.size), max(min(stop, self.size), 0))
        before, after = inputs.start - first, stop - inputs.stop
        return inputs, self._replace(size=inputs.stop - inputs.start, before=before, after=after)

    def undilated(self) -> list[tuple[slice, slice, Axis]]:
        """Interleaved sets of windows without dilation: their outputs, inputs, and axis."""
        shared = math.gcd(self.stride, self.dilation)
        sets = self.dilation // shared
        found = []
        for k in range(min(sets, self.out)):
            start = k * self.stride - self.before  # where the first tap stands
            first = start if start >= 0 else start % self.dilation
            count, size = (
                len(range(*ends))
                for ends in ((k, self.out, sets), (first, self.size, self.dilation))
            )
            stride, before = self.stride // shared, (first - start) // self.dilation
            after = (count - 1) * stride + self.kernel - size - before
            axis = Axis(size, self.kernel, stride, before, after)
            found.append((slice(k, None, sets), slice(first, None, self.dilation), axis))
        return found


def axes(
    size: Pair,
    kernel: Pair,
    stride: Pair,
    padding: Padding,
    dilation: Pair = (1, 1),
) -> tuple[Axis, Axis]:
    """The two axes of a 2-D window; raises ValueError where no window fits."""
    pads = [(p, p) if isinstance(p, (int, np.integer)) else tuple(p) for p in padding]
    h, w = (Axis(*map(int, (size[i], kernel[i], stride[i], *pads[i], dilation[i]))) for i in (0, 1))
    if h.out < 1 or w.out < 1:
        padded = (h.size + h.before + h.after, w.size + w.before + w.after)
        raise ValueError(
            f"the window reaches {(h.reach, w.reach)} but the padded input is only {padded}: "
            "output size is too small"
        )
    return h, w


def float_type(*operands: Array) -> np.dtype[Any]:
    """The type to compute in: BLAS has no float16, and NumPy's own product rounds at every step."""
    dtype = np.result_type(*operands)
    return np.dtype(np.float32) if dtype == np.float16 else dtype
