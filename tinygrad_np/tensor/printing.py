"""Printing a tensor as PyTorch prints it.

The rules: whole floats print as `3.`; other floats with `precision` decimals, or all in scientific
notation when their range is wide; numbers of one tensor share one width; long tensors show
`edgeitems` at each end of each dimension.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from tinygrad_np.dtypes import get_default_dtype
from tinygrad_np.views import of_two_modes

if TYPE_CHECKING:
    from collections.abc import Callable

    from tinygrad_np.tensor.tensor import Tensor

Array = np.ndarray[Any, Any]


class PrintOptions(NamedTuple):
    """How numbers are printed."""

    precision: int = 4  # decimals
    threshold: float = 1000  # elements from which on the middle is left out
    edgeitems: int = 3  # elements at each end that then remain
    linewidth: int = 80  # characters
    sci_mode: bool | None = None  # scientific notation; None: where the range is wide


_PROFILES = {
    "default": PrintOptions(),
    "short": PrintOptions(precision=2, edgeitems=2),
    "full": PrintOptions(threshold=math.inf),
}


class _Formatter(NamedTuple):
    """How all numbers of one tensor are written: notation and common width."""

    notation: Callable[[Any], str]
    width: int

    def __call__(self, x: Any) -> str:
        return self.notation(x).rjust(self.width)


_options = [PrintOptions()]


def set_printoptions(
    precision: int | None = None,
    threshold: float | None = None,
    edgeitems: int | None = None,
    linewidth: int | None = None,
    profile: str | None = None,
    sci_mode: bool | None = None,
) -> None:
    """Set how tensors are printed; what is None stays as it is, but for `sci_mode`.

    A `profile` ("default", "short" or "full") sets all; the other arguments then change it.
    `sci_mode` chooses scientific notation (True), decimals (False), or the one that suits (None).

    >>> import tinygrad_np as tg
    >>> tg.set_printoptions(precision=2)
    >>> tg.tensor([0.12345])
    tensor([0.12])
    >>> tg.set_printoptions(profile="default")
    """
    if profile is not None and profile not in _PROFILES:
        raise ValueError(f"set_printoptions: {profile!r} is none of {', '.join(_PROFILES)}")
    given = {
        "precision": precision,
        "threshold": threshold,
        "edgeitems": edgeitems,
        "linewidth": linewidth,
    }
    base = _options[0] if profile is None else _PROFILES[profile]
    chosen: dict[str, Any] = {k: v for k, v in given.items() if v is not None}
    _options[0] = base._replace(**chosen, sci_mode=sci_mode)


def tensor_repr(tensor: Tensor, kind: str = "tensor") -> str:
    """Text of a tensor, with what else should be known of it behind the numbers."""
    array, options = tensor.array, _options[0]
    notes = []
    hidden = array.size > options.threshold and options.edgeitems == 0
    if (array.size == 0 and array.ndim != 1) or (array.size and not options.edgeitems):
        notes.append(f"size={tuple(array.shape)}")
    usual = [get_default_dtype()] if array.size == 0 else [get_default_dtype(), np.int64, np.bool_]
    if array.dtype not in usual:
        notes.append(f"dtype={array.dtype.name}")
    if of_two_modes(tensor):
        notes.append("grad_fn=<Invalid>")
    elif tensor.grad_fn is not None:
        notes.append(f"grad_fn={tensor.grad_fn!r}")
    elif tensor.requires_grad:
        notes.append("requires_grad=True")
    indent = len(kind) + 1
    text = "[...]" if hidden else "[]" if array.size == 0 else _body(array, indent, options)
    out = f"{kind}({text}"
    length = len(out) - out.rfind("\n") + 1
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
        notation = _notation(np.abs(deciding.astype(np.float64)), options)
    return _Formatter(notation, max((len(notation(x)) for x in deciding.tolist()), default=1))


def _notation(numbers: Array, options: PrintOptions) -> Callable[[Any], str]:
    """Notation of floats, by their absolute values without zeros: scientific, whole or decimal."""
    precision = options.precision
    if numbers.size:
        low, high = float(numbers.min()), float(numbers.max())
        wide = high / low > 1000.0 or high > 1e8 or low < 1e-4
        if wide if options.sci_mode is None else options.sci_mode:
            return lambda x: f"{x:.{precision}e}"
        if np.any(numbers != np.ceil(numbers)):
            return lambda x: f"{x:.{precision}f}"
    return lambda x: f"{x:.0f}." if math.isfinite(x) else str(x)
