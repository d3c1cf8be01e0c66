"""Printing a tensor as PyTorch prints it.

The rules: whole floats print as `3.`; other floats with `precision` decimals, or all in scientific
notation when their range is wide; numbers of one tensor share one width; long tensors show
`edgeitems` at each end of each dimension.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from tinygrad_np.tensor.tensor import Tensor

Array = np.ndarray[Any, Any]


class PrintOptions(NamedTuple):
    """How numbers are printed."""

    precision: int = 4  # decimals
    threshold: int = 1000  # elements from which on the middle is left out
    edgeitems: int = 3  # elements at each end that then remain
    linewidth: int = 80  # characters


class _Formatter(NamedTuple):
    """How all numbers of one tensor are written: notation and common width."""

    notation: Callable[[Any], str]
    width: int

    def __call__(self, x: Any) -> str:
        return self.notation(x).rjust(self.width)


_options = [PrintOptions()]


def set_printoptions(
    precision: int | None = None,
    threshold: int | None = None,
    edgeitems: int | None = None,
    linewidth: int | None = None,
) -> None:
    """Set how tensors are printed; what is None stays as it is.

    >>> import tinygrad_np as tg
    >>> tg.set_printoptions(precision=2)
    >>> tg.tensor([0.12345])
    tensor([0.12])
    >>> tg.set_printoptions(precision=4)
    """
    given = {
        "precision": precision,
        "threshold": threshold,
        "edgeitems": edgeitems,
        "linewidth": linewidth,
    }
    _options[0] = _options[0]._replace(**{k: v for k, v in given.items() if v is not None})


def tensor_repr(tensor: Tensor, kind: str = "tensor") -> str:
    """Text of a tensor, with what else should be known of it behind the numbers."""
    array, options = tensor.array, _options[0]
    notes = []
    if array.size == 0 and array.ndim != 1:
        notes.append(f"size={tuple(array.shape)}")
    if array.dtype not in (np.float32, np.int64, np.bool_) or (
        array.size == 0 and array.dtype != np.float32
    ):
        notes.append(f"dtype={array.dtype.name}")
    if tensor.grad_fn is not None:
        notes.append(f"grad_fn={tensor.grad_fn!r}")
    elif tensor.requires_grad:
        notes.append("requires_grad=True")
    indent = len(kind) + 1
    text = "[]" if array.size == 0 else _body(array, indent, options)
    out = f"{kind}({text}"
    length = len(out) - out.rfind("\n")
    for note in notes:
        if length + len(note) + 2 > options.linewidth:
            out += ",\n" + " " * indent + note
            length = indent + len(note)
        else:
            out += ", " + note
            length += len(note) + 2
    return out + ")"


def _body(array: Array, indent: int, options: PrintOptions) -> str:
    summarise = array.size > options.threshold
    shown = _edges(array, options.edgeitems) if summarise else array
    return _nested(array, indent, summarise, _formatter(shown, options), options)


def _edges(array: Array, edge: int) -> Array:
    """Only the elements that a summary shows, so that they alone decide the width."""
    for axis, size in enumerate(array.shape):
        if size > 2 * edge:
            array = np.take(array, [*range(edge), *range(size - edge, size)], axis)
    return array


def _nested(
    array: Array,
    indent: int,
    summarise: bool,
    fmt: _Formatter,
    options: PrintOptions,
) -> str:
    if array.ndim == 0:
        return fmt(array.item())
    edge = options.edgeitems
    cut = summarise and len(array) > 2 * edge
    chosen: list[Any] = [*array[:edge], ..., *array[-edge:]] if cut else list(array)
    if array.ndim == 1:
        items = [" ..." if x is ... else fmt(x.item()) for x in chosen]
        per_line = max(1, (options.linewidth - indent) // (fmt.width + 2))
        lines = [items[i : i + per_line] for i in range(0, len(items), per_line)]
        return "[" + (",\n" + " " * (indent + 1)).join(", ".join(line) for line in lines) + "]"
    parts = ["..." if x is ... else _nested(x, indent + 1, summarise, fmt, options) for x in chosen]
    return "[" + ("," + "\n" * (array.ndim - 1) + " " * (indent + 1)).join(parts) + "]"


def _formatter(shown: Array, options: PrintOptions) -> _Formatter:
    """Choose the notation that suits all elements, and the width of the widest."""
    notation: Callable[[Any], str] = str
    deciding = shown.reshape(-1)
    if shown.dtype.kind == "f":
        deciding = deciding[np.isfinite(deciding) & (deciding != 0)]
        notation = _notation(np.abs(deciding.astype(np.float64)), options.precision)
    return _Formatter(notation, max((len(notation(x)) for x in deciding.tolist()), default=1))


def _notation(numbers: Array, precision: int) -> Callable[[Any], str]:
    """Notation of floats, by their absolute values without zeros: scientific, whole or decimal."""
    if numbers.size:
        low, high = float(numbers.min()), float(numbers.max())
        if high / low > 1000.0 or high > 1e8 or low < 1e-4:
            return lambda x: f"{x:.{precision}e}"
        if np.any(numbers != np.ceil(numbers)):
            return lambda x: f"{x:.{precision}f}"
    return lambda x: f"{x:.0f}." if math.isfinite(x) else str(x)
