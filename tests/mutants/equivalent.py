"""Changes that no test can notice, and why: each reviewed by hand.

An entry reads `file::unit: the lines before => the lines after`, blanks squeezed, and `…` stands
for anything. An entry that speaks of no change any more is reported.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .changes import Change

COMMUTES = "the order of its operands does not matter"
EVEN = "the division leaves no remainder"
SPEED = "decides which of two ways is taken, for speed; both give the same numbers"
ONE_PLACE = "a row is an image of height 1 under a kernel of height 1: only one window fits"

EQUIVALENT = {
    "tinygrad_np/kernels/conv.py::…: … => …(-(-(o) // groups))…": EVEN,
    "tinygrad_np/kernels/conv.py::…: … => …(-(-(x.shape[1]) // groups))…": EVEN,
    "tinygrad_np/kernels/conv.py::…: … => …(-(-(w.shape[0]) // groups))…": EVEN,
    "tinygrad_np/kernels/conv.py::_lower: … => …(-(-(c) // groups))…": EVEN,
    "tinygrad_np/kernels/conv.py::_lower: … => …:out.start + 1] = 0": (
        "what it clears too much is cleared or written next"
    ),
    "tinygrad_np/kernels/conv.py::_padded: lit, … => …max(last, 1)]…": (
        "a row before the first lands behind the last, on no place"
    ),
    "tinygrad_np/kernels/conv.py::_spread: top = … => top = (-(-(…": EVEN,
    **{
        f"tinygrad_np/kernels/conv.py::_spread: rows = … => rows = _padded(g, top, {end})": (
            "reads one row more, or two, that no window looks at"
        )
        for end in (
            "top + len(into) + len(taps)",
            "top + len(into) + len(taps) - 0",
            "(top + len(into) + len(taps) + 1)",
        )
    },
    "tinygrad_np/kernels/lowering.py::…_reference: … => …(-(-(o) // groups))…": EVEN,
    "tinygrad_np/kernels/lowering.py::…_reference: … => …(-(-(c) // groups))…": EVEN,
    "tinygrad_np/kernels/pool.py::max_pool2d_backward: … => …y[:, c].min(initial=-np.inf)…": (
        "both give NaN where there is one, which is all that is asked"
    ),
    "tinygrad_np/kernels/pool.py::max_pool2d_backward: … => …y[:, c].max(initial=(np.inf))…": (
        "a NaN is more than infinity"
    ),
    "tinygrad_np/kernels/pool.py::avg_pool2d: … => np.multiply(share, total, …": COMMUTES,
    "tinygrad_np/kernels/pool.py::_give: … => np.multiply(wins.view(np.int8), rest, …": COMMUTES,
    "tinygrad_np/kernels/product.py::_pieces: … => …(-(-(whole) // PIECE))…": EVEN,
    **{
        f"tinygrad_np/kernels/random_stream.py::_box_muller: … => np.multiply(np.{f}(…": COMMUTES
        for f in ("cos", "sin")
    },
    "tinygrad_np/kernels/random_stream.py::_box_muller: shape = … => shape = …(-(-(…": (
        "blocks and their halves are whole"
    ),
    "tinygrad_np/kernels/random_stream.py::_halves: … => spread = x * 134351946.7…": (
        "any factor near 2²⁷ leaves half of the digits: no difference in 60,000 numbers"
    ),
    "tinygrad_np/kernels/random_stream.py::shuffled: source = … => source = np.arange(n + 1)…": (
        "no partner lies behind the last place"
    ),
    "tinygrad_np/kernels/select.py::_is_zero: … => …math.copysign(2, x)…": "its sign is asked for",
    "tinygrad_np/kernels/select.py::_is_zero: … => …(math.copysign(1, x) >= 0)": "it is 1 or -1",
    "tinygrad_np/kernels/softmax.py::sigmoid: … => …np.where((x <= 0), …": "at 0, both are 1",
    "tinygrad_np/kernels/softmax.py::logsumexp: … => …x.dtype.type(1))…": (
        "only infinities are shifted by it"
    ),
    "tinygrad_np/kernels/threads.py::_pool: … => …(os.cpu_count() or 0) - 1)…": (
        "one helper, too, where the number of cores is not known"
    ),
    "tinygrad_np/kernels/threads.py::_pool: … => …(os.cpu_count() or 2) - 1)…": (
        "one helper, too, where the number of cores is not known"
    ),
    "tinygrad_np/kernels/windows.py::Axis.undilated: sets = … => sets = (-(-(…": (
        "the greatest common divisor divides it"
    ),
    "tinygrad_np/kernels/windows.py::Axis.undilated: … => …(-(-(self.stride) // shared)), …": (
        "the greatest common divisor divides it"
    ),
    "tinygrad_np/kernels/windows.py::Axis.undilated: … => …, (-(-(first - start) // …": (
        "both have the same remainder"
    ),
    "tinygrad_np/kernels/windows.py::Axis.undilated: … => first = start if (start > 0) else…": (
        "0 % n is 0"
    ),
    "tinygrad_np/kernels/windows.py::Axis.undilated: … => first = start if start >= 1 else…": (
        "0 % n is 0"
    ),
    "tinygrad_np/kernels/winograd.py::convolve: check = 0.0 => check = 1.0": (
        "only asked whether it is finite"
    ),
    "tinygrad_np/kernels/winograd.py::convolve: check += … => check -= …": (
        "what is not finite once stays so"
    ),
    **{
        f"tinygrad_np/kernels/winograd.py::_windows: shared = h.kernel - 1 => shared = {rows}": (
            "keeps one row more, or two, that nothing reads"
        )
        for rows in ("h.kernel", "h.kernel - 0", "(h.kernel + 1)")
    },
    "tinygrad_np/kernels/winograd.py::_windows: columns = … => …tiles * TILE + 3 - …": (
        "padding that holds no whole tile changes nothing"
    ),
    "tinygrad_np/kernels/winograd.py::_windows: if top and … => if ((not place)):": (
        "moves rows that are written before they are read"
    ),
    **{
        f"tinygrad_np/ops/elementwise.py::{name}: … => …, other, input)": COMMUTES
        for name in ("maximum", "minimum", "eq", "ne", "bitwise_and", "bitwise_or", "bitwise_xor")
    },
    "tinygrad_np/ops/elementwise.py::Relu.forward: if x.nbytes < LARGE: => if True:": SPEED,
    "tinygrad_np/ops/elementwise.py::Relu.forward: … => if (x.nbytes <= LARGE):": SPEED,
    "tinygrad_np/ops/elementwise.py::Pow.vjp: … => …math.log(a) if (a >= 0) else…": (
        "a = 0 has returned before"
    ),
    "tinygrad_np/ops/index.py::AddAt.forward: if any(isinstance(… => if any(((isinstance(…": SPEED,
    "tinygrad_np/ops/index.py::AddAt.forward: if any(isinstance(… => if True:": SPEED,
    "tinygrad_np/ops/elementwise.py::Pow.vjp: return g * (where… => …where(settled, 1.001, …": (
        "where it is chosen, its factor is a 0 that was chosen too: so is every derivative"
    ),
    "tinygrad_np/ops/elementwise.py::Pow.vjp: return g * where(b >= 0, 0.0, -y) => …1.001…": (
        "0 or infinite, and the same times 1.001"
    ),
    "tinygrad_np/ops/index.py::overwrite: if path and isinstance(path[-1], … => if False:": SPEED,
    "tinygrad_np/ops/index.py::overwrite: if shares_memory(part, array): => if False:": SPEED,
    "tinygrad_np/ops/index.py::steps: if len(parts) == 1:… => if False:…": SPEED,
    "tinygrad_np/ops/index.py::_place: if type(part) is int or… => if ((part is None) or…": SPEED,
    "tinygrad_np/ops/scatter.py::take_along_dim: if beside_x != beside_index: => if True:": SPEED,
    "tinygrad_np/ops/linalg.py::MatMul.forward: … => if ((a.dtype != b.dtype)):": SPEED,
    "tinygrad_np/ops/linalg.py::Linear.forward: rows = … => rows = (x.reshape(…": SPEED,
    "tinygrad_np/ops/linalg.py::Linear.forward: return y if … => return (y.reshape(…": SPEED,
    "tinygrad_np/ops/linalg.py::Linear.vjp: rows = … => rows = (reshape(…": SPEED,
    "tinygrad_np/ops/linalg.py::_in_shape: … => return (reshape(x, shape))": SPEED,
    "tinygrad_np/ops/linalg.py::_in_shape: … => …ndim == 3 == …": SPEED,
    "tinygrad_np/ops/linalg.py::_in_shape: … => …ndim == 1 == …": SPEED,
    "tinygrad_np/ops/loss.py::CrossEntropy.vjp: … => p = (softmax(x, 1))": SPEED,
    "tinygrad_np/ops/pad.py::pad: if any(widths[dim]): => if True:": SPEED,
    "tinygrad_np/ops/pad.py::pad: return input if any… => …_constant(input, widths, 1.0)…": (
        "without widths there is no place for the constant"
    ),
    "tinygrad_np/ops/pad.py::_constant: if any(side < 0 … => if True:": SPEED,
    "tinygrad_np/ops/pad.py::_constant: if any(side < 0 … => if any((side <= 0) …": SPEED,
    "tinygrad_np/ops/pad.py::_constant: if any(side < 0 … => if any(side < 1 …": SPEED,
    "tinygrad_np/ops/pad.py::_continue: … => …- abs(((abs(places)) - (size - 1)))": (
        "the distance is the same from either side"
    ),
    "tinygrad_np/ops/reduce.py::Reduction.spread: if g.ndim: => if True:": SPEED,
    "tinygrad_np/ops/reduce.py::Mean.forward: … => return (y.astype(x.dtype))": SPEED,
    **{
        f"tinygrad_np/ops/{file}.py::…: if aliases{rest}: => if True:": SPEED
        for file in ("reduce", "shape")
        for rest in ("", " or dim is MISSING")
    },
    "tinygrad_np/ops/shape.py::BroadcastTo.forward: if x.size == 1: … => if False: …": SPEED,
    "tinygrad_np/ops/shape.py::BroadcastTo.forward: if x.size == 1: … => if x.size == 0: …": SPEED,
    "tinygrad_np/ops/shape.py::cat: if (0,) in shapes: => if True:": SPEED,
    "tinygrad_np/ops/shape.py::cat: shape = … => …, (1,))": (
        "of vectors without elements, only the rank is asked for"
    ),
    "tinygrad_np/ops/shape.py::SumTo.forward: … => return (total.reshape(self.shape))": SPEED,
    "tinygrad_np/ops/shape.py::reshape: … => if ((isinstance(input, Value))):": SPEED,
    "tinygrad_np/ops/shape.py::infer_shape: … => …-(-(count) // known)…": (
        "here the division leaves nothing over"
    ),
    "tinygrad_np/ops/ternary.py::addcmul: … => …x + ((product * value)))": SPEED,
    "tinygrad_np/ops/ternary.py::addcdiv: … => …x + ((quotient * value)))": SPEED,
    "tinygrad_np/ops/ternary.py::_alike: … => return tuple((to_dtype(x, dtype)) for …": SPEED,
    'tinygrad_np/ops/pool.py::MaxPool2d.forward: … => return (y.copy(order="K"), y)': (
        "the same numbers twice: one is handed out, the other kept"
    ),
    "tinygrad_np/ops/pool.py::MaxPool2dBackward.forward: … => maxima = (pool.max_pool2d(…": SPEED,
    "tinygrad_np/ops/scatter.py::index_add: … => scaled = (source * _number(alpha, x))": SPEED,
    "tinygrad_np/ops/scatter.py::_filling: return … => return (to_dtype(…": SPEED,
    "tinygrad_np/ops/window.py::Window.geometry: … => …_lifted(self.stride, 2)…": ONE_PLACE,
    "tinygrad_np/ops/window.py::Window.geometry: … => …_lifted(self.dilation, 2)…": ONE_PLACE,
    "nn/functional/dropout.py::dropout: np.multiply(… => np.multiply(scale, kept, …": COMMUTES,
    "nn/functional/loss.py::mse_loss: … => difference = ((target) - (input))": "it is squared",
    'nn/functional/loss.py::mse_loss: if "b" in … => if True: …': SPEED,
    "nn/functional/loss.py::_labels: if not ignored.any(): => if False:": SPEED,
    "nn/functional/loss.py::_mask_and_reduce: if weight is None and mask… => if False:": SPEED,
    "nn/functional/loss.py::_soft_cross_entropy: if label_smoothing: => if True:": SPEED,
    "tinygrad_np/arrival.py::arrive: if not hooks.before … => if False:": SPEED,
    "tinygrad_np/arrival.py::own: … => for x in ((node.saved)):": (
        "where nothing is saved, pull_back has raised: this tells the type checker so"
    ),
    "tinygrad_np/core.py::wrap: … => value.array = (np.asarray(array))": SPEED,
    "tinygrad_np/core.py::apply: … => vertex = (x.vertex)": SPEED,
    "tinygrad_np/core.py::apply: … => if uneven or (((dtype is None or dtype.kind…": SPEED,
    "tinygrad_np/core.py::apply: … => out.array = (np.asarray(y))": SPEED,
    "tinygrad_np/core.py::apply: if recorder is not PLAIN: => if True:": (
        "the plain one does nothing: for speed, it is not called"
    ),
    **{
        f"tinygrad_np/core.py::record: if len(arrays) > 1: => if {always}:": (
            "a lone operand is tracked, and so in its place already: for speed, nothing is asked"
        )
        for always in ("True", "(len(arrays) >= 1)", "len(arrays) > 0")
    },
    "tinygrad_np/core.py::read_positions: … => reads = ((op.reads))": (
        "an op without a derivative is not recorded: this tells the type checker so"
    ),
    **{
        f"tinygrad_np/core.py::read_positions: if len(reads) <= 1:… => if {never}:…": SPEED
        for never in ("False", "(len(reads) < 1)", "len(reads) <= 0")
    },
    "tinygrad_np/engine.py::run_backward: … => …, ((vertex.saved)), strict=False": (
        "where nothing is saved, pull_back has raised: this tells the type checker so"
    ),
    "tinygrad_np/pair.py::apply_pair: … => left = (a.vertex)": SPEED,
    "tinygrad_np/pair.py::apply_pair: … => right = (b.vertex)": SPEED,
    "tinygrad_np/pair.py::apply_pair: if type(z) is not ndarray: => if True:": SPEED,
    "tinygrad_np/views.py::View.settle: … => if ((self.outdated(view.cell))):": SPEED,
    "tinygrad_np/views.py::layout: elif base.array.flags… => elif ((base.cell…": SPEED,
    "tinygrad_np/views.py::detach: … => if ((not value.array.flags.c_contiguous)):": SPEED,
    "tinygrad_np/views.py::row_major: … => ((not isinstance(record, View)))": SPEED,
    "tinygrad_np/views.py::strides: … => …(-(-(stride) // array.itemsize))…": (
        "strides are whole elements"
    ),
}


def excuse(change: Change) -> str:
    """The entry that a change falls under, or nothing."""
    return next((entry for entry in EQUIVALENT if matches(entry, change.key)), "")


def matches(entry: str, key: str) -> bool:
    pattern = ".*".join(map(re.escape, entry.split("…")))
    return re.fullmatch(pattern, key) is not None
