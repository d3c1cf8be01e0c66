"""Windows as columns, and their adjoint: what convolution is made of, written out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from tinygrad_np.core import Array, Op, Operand, Thunks, apply
from tinygrad_np.errors import ShapeError
from tinygrad_np.kernels import lowering
from tinygrad_np.ops.shape import Refit, reshape
from tinygrad_np.ops.window import Pads, check_rank, ints, places, to_image, window

if TYPE_CHECKING:
    from tinygrad_np.ops.window import Ints

V = TypeVar("V")
Pair = tuple[int, ...]


class Windowed(Op):
    """Base of the pair: where the windows stand."""

    __slots__ = ("dilation", "kernel", "padding", "stride")

    def __init__(self, kernel: Pair, stride: Pair, padding: Pads, dilation: Pair) -> None:
        self.kernel, self.stride, self.padding, self.dilation = kernel, stride, padding, dilation

    @property
    def geometry(self) -> dict[str, Any]:
        """What kernels and partners are told."""
        return {
            "kernel": self.kernel,
            "stride": self.stride,
            "padding": self.padding,
            "dilation": self.dilation,
        }


class Unfold(Windowed):
    """Every window as one column."""

    __slots__ = ()
    formula = "y[n, (c,k), p] = x[n, c, s·p + d·k − pad]"
    derivative = "dx = fold(dy)"

    grad_fn = "Im2ColBackward0"

    def forward(self, x: Array) -> Array:
        return lowering.unfold(x, **self.geometry)

    def vjp(self, g: Operand, x: Operand, _: Operand) -> Thunks:
        return (lambda: apply(Fold(x.shape[2:], **self.geometry), g),)


class Fold(Windowed):
    """Every column added back where its window stood."""

    __slots__ = ("size",)
    formula = "y[n, c, s·p + d·k − pad] = Σ x[n, (c,k), p] over p, k"
    derivative = "dx = unfold(dy)"

    grad_fn = "Col2ImBackward0"

    def __init__(self, size: Pair, **geometry: Any) -> None:
        super().__init__(**geometry)
        self.size = size

    def forward(self, x: Array) -> Array:
        return lowering.fold(x, self.size, **self.geometry)

    def vjp(self, g: Operand, *_: Operand) -> Thunks:
        return (lambda: apply(Unfold(**self.geometry), g),)


def unfold(
    input: V, kernel_size: Ints, dilation: Ints = 1, padding: Ints = 0, stride: Ints = 1
) -> V:
    """Every window of an image as one column (im2col).

    Shapes: `(N, C, H, W)` to `(N, C·kh·kw, L)`, with L windows in reading order; without N as well.
    Gradient: `fold`.

    Raises
    ------
    ShapeError
        If no window fits.

    >>> import tinygrad_np as tg
    >>> tg.nn.functional.unfold(tg.arange(6.0).reshape(1, 1, 2, 3), 2)
    tensor([[[0., 1.],
             [1., 2.],
             [3., 4.],
             [4., 5.]]])
    """
    x: Operand = input
    check_rank("unfold", x, 2)
    read = window("unfold", 2, kernel_size, stride, padding, dilation)
    places(read, x.shape[-2:])
    y: Operand = apply(Unfold(read.kernel, **read.geometry), to_image(input, 2))
    return apply(Refit(y.shape[1:]), y) if x.ndim == 3 else y  # type: ignore[no-any-return]  # V, as it came


def fold(
    input: V,
    output_size: Ints,
    kernel_size: Ints,
    dilation: Ints = 1,
    padding: Ints = 0,
    stride: Ints = 1,
) -> V:
    """Add every column back where its window stood (col2im): the adjoint of `unfold`.

    Shapes: `(N, C·kh·kw, L)` to `(N, C, *output_size)`; without N as well. Gradient: `unfold`.

    Raises
    ------
    ShapeError
        If the columns are not those of an image of `output_size`.

    >>> import tinygrad_np as tg
    >>> tg.nn.functional.fold(tg.ones(1, 4, 2), (2, 3), 2)
    tensor([[[[1., 2., 1.],
              [1., 2., 1.]]]])
    """
    x: Operand = input
    check_rank("fold", x, 1, "N, C·kh·kw")
    size = ints("fold", "output_size", output_size, 2, 1)
    read = window("fold", 2, kernel_size, stride, padding, dilation)
    taps = read.kernel[0] * read.kernel[1]
    if x.shape[-2] % taps:
        raise ShapeError(
            f"fold: columns of a kernel of size {read.kernel} hold a multiple of {taps} numbers, "
            f"and the input of shape {tuple(x.shape)} has {x.shape[-2]}"
        )
    h, w = places(read, size)
    if x.shape[-1] != h.out * w.out:
        raise ShapeError(
            f"fold: an image of size {size} has {h.out}·{w.out} = {h.out * w.out} windows, and the "
            f"input of shape {tuple(x.shape)} has {x.shape[-1]} columns"
        )
    op = Fold(size, kernel=read.kernel, **read.geometry)
    if x.ndim == 3:
        return apply(op, input)
    y: Operand = apply(op, reshape(input, (1, *x.shape)))
    return apply(Refit(y.shape[1:]), y)  # type: ignore[no-any-return]  # V, as it came
