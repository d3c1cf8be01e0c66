"""The window of a call that slides one: read, checked, and placed over an input."""

from __future__ import annotations

import operator
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias, TypeVar

from tinygrad_np.core import Operand, apply
from tinygrad_np.errors import ShapeError
from tinygrad_np.kernels.windows import Axis
from tinygrad_np.ops.checks import check_tensor
from tinygrad_np.ops.shape import Refit, reshape

if TYPE_CHECKING:
    from collections.abc import Sequence

V = TypeVar("V")
Ints: TypeAlias = "int | Sequence[int]"
Pads: TypeAlias = tuple[tuple[int, int], ...]  # (before, after) of each spatial dimension

_POINT = Axis(1, 1)  # the height of a row
LETTERS = {1: ("L",), 2: ("H", "W")}


class Window(NamedTuple):
    """What a call says of its window: a number for each spatial dimension."""

    name: str  # of the function, for messages
    kernel: tuple[int, ...]
    stride: tuple[int, ...]
    padding: Pads
    dilation: tuple[int, ...]

    @property
    def dims(self) -> int:
        """Number of spatial dimensions."""
        return len(self.kernel)

    @property
    def geometry(self) -> dict[str, Any]:
        """How it slides, for kernels, which know images alone: a row is an image of height 1."""
        return {
            "stride": _lifted(self.stride, 1),
            "padding": _lifted(self.padding, (0, 0)),
            "dilation": _lifted(self.dilation, 1),
        }


def window(
    name: str, n: int, kernel_size: Ints, stride: Ints, padding: Ints, dilation: Ints
) -> Window:
    """Read the window of a call with `n` spatial dimensions."""
    pads = ints(name, "padding", padding, n, 0)
    return Window(
        name,
        ints(name, "kernel_size", kernel_size, n, 1),
        ints(name, "stride", stride, n, 1),
        tuple(zip(pads, pads, strict=True)),
        ints(name, "dilation", dilation, n, 1),
    )


def ints(name: str, option: str, given: Any, n: int, least: int) -> tuple[int, ...]:
    """Read one int for all spatial dimensions, or one for each."""
    try:
        values = tuple(map(operator.index, given if isinstance(given, (tuple, list)) else (given,)))
    except TypeError:
        each = "" if n == 1 else f", or {n} of them in a tuple"
        raise TypeError(f"{name}: {option} must be an int{each}, not {given!r}") from None
    if len(values) == 1:
        values *= n
    if len(values) != n:
        dims = "is 1 spatial dimension" if n == 1 else f"are {n} spatial dimensions"
        each = "" if n == 1 else f", or {n}"
        raise ShapeError(
            f"{name}: {option}={given} has {len(values)} numbers, and there {dims}; give one int"
            f"{each}"
        )
    if min(values) < least:
        wanted = {0: "must not be negative", 1: "must be at least 1"}[least]
        raise ShapeError(f"{name}: {option}={given} {wanted}")
    return values


def places(window: Window, size: Sequence[int], *, ceil_mode: bool = False) -> tuple[Axis, Axis]:
    """Where the window stands over an input of this size: one axis for the height, one for W."""
    before, after = zip(*window.padding, strict=True)
    axes = tuple(map(Axis, size, window.kernel, window.stride, before, after, window.dilation))
    if ceil_mode:
        axes = tuple(axis.ceiled() for axis in axes)
    if min([axis.out for axis in axes]) < 1:
        reach = tuple(axis.reach for axis in axes)
        spread = "" if reach == window.kernel else f", dilated to {reach},"
        padded = tuple(n + sum(pads) for n, pads in zip(size, window.padding, strict=True))
        raise ShapeError(
            f"{window.name}: a window of size {window.kernel}{spread} does not fit into the padded "
            f"input of size {padded}: output size is too small; pad more, or take a smaller kernel"
        )
    return _lifted(axes, _POINT)


def transposed_size(window: Window, size: Sequence[int]) -> tuple[int, ...]:
    """The least size of an image over which the window has this many places."""
    return tuple(
        (n - 1) * stride + dilation * (kernel - 1) + 1 - sum(pads)
        for n, kernel, stride, pads, dilation in zip(size, *window[1:], strict=True)
    )


def check_rank(name: str, x: Operand, n: int, lead: str = "N, C") -> None:
    """Refuse what is neither a batch nor one sample of it."""
    check_tensor(name, "input", x)
    most = lead.count(",") + 1 + n
    if x.ndim not in (most - 1, most):
        letters = [*lead.split(", "), *LETTERS[n]]
        raise ShapeError(
            f"{name}: the input needs shape ({', '.join(letters)}), or ({', '.join(letters[1:])}) "
            f"for one sample, and has shape {tuple(x.shape)}; insert missing dimensions of size 1 "
            "with unsqueeze"
        )


def to_image(x: V, n: int) -> V:
    """`(N, C, L)`, `(C, L)`, `(C, H, W)` and `(N, C, H, W)` to `(N, C, H, W)`, without a copy."""
    operand: Operand = x
    shape = operand.shape
    if len(shape) == n + 1:
        shape = (1, *shape)
    if n == 1:
        shape = (*shape[:2], 1, *shape[2:])
    return x if len(operand.shape) == 4 else reshape(x, shape)


def from_image(y: V, n: int, ndim: int) -> V:
    """Undo `to_image`: the result has `ndim` dimensions again."""
    operand: Operand = y
    shape = operand.shape
    if ndim == 4:
        return y
    if n == 1:
        shape = (*shape[:2], *shape[3:])
    return apply(Refit(tuple(shape[1:] if ndim == n + 1 else shape)), y)


def _lifted(values: tuple[Any, ...], filler: Any) -> tuple[Any, Any]:
    """Values of one or two spatial dimensions as those of two."""
    return (filler, values[0]) if len(values) == 1 else (values[0], values[1])
