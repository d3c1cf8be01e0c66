"""Padding layers; the function is `nn.functional.pad`."""

from __future__ import annotations

from typing import Any, ClassVar

import nn.functional as F
import tinygrad_np as tg
from nn.modules.module import Module
from tinygrad_np.ops.checks import integer
from tinygrad_np.ops.window import check_rank


class _Padding(Module):
    """Places around the last dimensions: an int, or (left, right, top, bottom)."""

    dims: ClassVar[int]
    mode: ClassVar[str] = "constant"

    def __init__(self, padding: Any) -> None:
        super().__init__()
        sides = 2 * self.dims
        given = padding if isinstance(padding, (tuple, list)) else (padding,) * sides
        name = type(self).__name__
        if len(given) != sides:
            raise tg.ShapeError(
                f"{name}: padding must be an int, or {sides} of them, not {padding}"
            )
        self.padding = tuple(integer(name, "padding", p) for p in given)

    def forward(self, input: Any) -> Any:
        """Pad."""
        return F.pad(input, self.padding, mode=self.mode)

    def extra_repr(self) -> str:
        """Places at each side."""
        return f"{self.padding}"


class _ConstantPad(_Padding):
    """Padding with one number."""

    def __init__(self, padding: Any, value: float) -> None:
        super().__init__(padding)
        self.value = value

    def forward(self, input: Any) -> Any:
        """Pad."""
        return F.pad(input, self.padding, value=self.value)

    def extra_repr(self) -> str:
        """Places at each side, and the number."""
        return f"padding={self.padding}, value={self.value}"


class ConstantPad1d(_ConstantPad):
    """Put a number around the last dimension.

    >>> import nn, tinygrad_np as tg
    >>> nn.ConstantPad1d(1, 7.0)(tg.tensor([[1.0, 2.0]]))
    tensor([[7., 1., 2., 7.]])
    """

    dims = 1


class ConstantPad2d(_ConstantPad):
    """Put a number around the last two dimensions.

    >>> import nn, tinygrad_np as tg
    >>> nn.ConstantPad2d((1, 1, 0, 0), 7.0)(tg.tensor([[[1.0, 2.0]]]))
    tensor([[[7., 1., 2., 7.]]])
    """

    dims = 2


class _ZeroPad(_ConstantPad):
    """Padding with zeros."""

    def __init__(self, padding: Any) -> None:
        super().__init__(padding, 0.0)

    def extra_repr(self) -> str:
        """Places at each side."""
        return f"{self.padding}"


class ZeroPad1d(_ZeroPad):
    """Put zeros around the last dimension.

    >>> import nn, tinygrad_np as tg
    >>> nn.ZeroPad1d(1)(tg.tensor([[1.0, 2.0]]))
    tensor([[0., 1., 2., 0.]])
    """

    dims = 1


class ZeroPad2d(_ZeroPad):
    """Put zeros around the last two dimensions.

    >>> import nn, tinygrad_np as tg
    >>> nn.ZeroPad2d((1, 1, 0, 0))(tg.tensor([[[1.0, 2.0]]]))
    tensor([[[0., 1., 2., 0.]]])
    """

    dims = 2


class ReflectionPad1d(_Padding):
    """Mirror the last dimension.

    >>> import nn, tinygrad_np as tg
    >>> nn.ReflectionPad1d(1)(tg.tensor([[1.0, 2.0]]))
    tensor([[2., 1., 2., 1.]])
    """

    dims = 1
    mode = "reflect"


class ReflectionPad2d(_Padding):
    """Mirror the last two dimensions.

    >>> import nn, tinygrad_np as tg
    >>> nn.ReflectionPad2d((1, 1, 0, 0))(tg.tensor([[[1.0, 2.0]]]))
    tensor([[[2., 1., 2., 1.]]])
    """

    dims = 2
    mode = "reflect"


class ReplicationPad1d(_Padding):
    """Repeat the ends of the last dimension.

    >>> import nn, tinygrad_np as tg
    >>> nn.ReplicationPad1d(1)(tg.tensor([[1.0, 2.0]]))
    tensor([[1., 1., 2., 2.]])
    """

    dims = 1
    mode = "replicate"


class ReplicationPad2d(_Padding):
    """Repeat the ends of the last two dimensions.

    >>> import nn, tinygrad_np as tg
    >>> nn.ReplicationPad2d((1, 1, 0, 0))(tg.tensor([[[1.0, 2.0]]]))
    tensor([[[1., 1., 2., 2.]]])
    """

    dims = 2
    mode = "replicate"


class _CircularPad(_Padding):
    """Padding that wraps round."""

    mode = "circular"

    def forward(self, input: Any) -> Any:
        """Pad."""
        check_rank(type(self).__name__, input, self.dims)
        return super().forward(input)


class CircularPad1d(_CircularPad):
    """Wrap round the last dimension.

    >>> import nn, tinygrad_np as tg
    >>> nn.CircularPad1d(1)(tg.tensor([[1.0, 2.0]]))
    tensor([[2., 1., 2., 1.]])
    """

    dims = 1


class CircularPad2d(_CircularPad):
    """Wrap round the last two dimensions.

    >>> import nn, tinygrad_np as tg
    >>> nn.CircularPad2d((1, 1, 0, 0))(tg.tensor([[[1.0, 2.0]]]))
    tensor([[[2., 1., 2., 1.]]])
    """

    dims = 2
