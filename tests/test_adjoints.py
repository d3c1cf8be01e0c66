"""Pairs of linear ops: ⟨A·x, y⟩ = ⟨x, A*·y⟩, and each one's derivative is the other.

The adjoint families close on themselves, which is why derivatives of any order come free; a last
test demands that every linear op of the library stands in the list.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from test_ops import op_classes

import tinygrad_np as tg
from tinygrad_np import core
from tinygrad_np.kernels.windows import axes
from tinygrad_np.ops import conv, index, loss, pad, parts, pool, reduce, scatter, shape, unfold
from tinygrad_np.promotion import Cast

if TYPE_CHECKING:
    from collections.abc import Callable

    from tinygrad_np.kernels.windows import Axis

    Shape = tuple[int, ...]
    Map = Callable[[tg.Tensor], tg.Tensor]

apply = core.apply


@dataclass(frozen=True)
class Pair:
    """Two linear maps, and the shapes that they go between."""

    forth: Map
    back: Map
    source: Shape
    target: Shape


def sizes(low: int = 0, high: int = 4) -> st.SearchStrategy[int]:
    return st.integers(low, high)


@st.composite
def shapes_of(draw: st.DrawFn, ndim: int | None = None, low: int = 0) -> Shape:
    lengths = {"min_size": ndim or 0, "max_size": 4 if ndim is None else ndim}
    return tuple(draw(st.lists(sizes(low), **lengths)))


def tensor(array: Any) -> tg.Tensor:
    return tg.tensor(np.asarray(array))


@st.composite
def broadcasting(draw: st.DrawFn) -> Pair:
    target = draw(shapes_of())
    kept = target[draw(st.integers(0, len(target))) :]
    source = tuple(1 if draw(st.booleans()) else n for n in kept)
    return Pair(
        lambda x: apply(shape.BroadcastTo(target), x),
        lambda y: apply(shape.SumTo(source), y),
        source,
        target,
    )


@st.composite
def reshaping(draw: st.DrawFn) -> Pair:
    source = draw(shapes_of())
    target = (math.prod(source), 1)
    kind = draw(st.sampled_from([shape.Reshape, shape.Refit]))
    return Pair(lambda x: apply(kind(target), x), lambda y: apply(kind(source), y), source, target)


@st.composite
def permuting(draw: st.DrawFn) -> Pair:
    source = draw(shapes_of())
    order = tuple(draw(st.permutations(range(len(source)))))
    inverse = tuple(int(i) for i in np.argsort(order))
    return Pair(
        lambda x: apply(shape.Permute(order), x),
        lambda y: apply(shape.Permute(inverse), y),
        source,
        tuple(source[i] for i in order),
    )


@st.composite
def cropping(draw: st.DrawFn) -> Pair:
    source = draw(shapes_of(3))
    dim = draw(st.integers(0, 2))
    start = draw(st.integers(0, source[dim]))
    length = draw(st.integers(0, source[dim] - start))
    after = source[dim] - start - length
    return Pair(
        lambda x: apply(shape.Crop(dim, start, length), x),
        lambda y: apply(shape.Embed(dim, start, after), y),
        source,
        (*source[:dim], length, *source[dim + 1 :]),
    )


@st.composite
def padding(draw: st.DrawFn) -> Pair:
    source = draw(shapes_of(2))
    widths = tuple((draw(sizes(0, 2)), draw(sizes(0, 2))) for _ in source)
    op = pad.Pad(widths, 0.0)
    target = tuple(n + a + b for n, (a, b) in zip(source, widths, strict=True))
    return Pair(
        lambda x: apply(op, x),
        lambda y: apply(index.GetItem(op.inside(source)), y),
        source,
        target,
    )


@st.composite
def reading(draw: st.DrawFn) -> Pair:
    """Indices, repeated and negative ones too, masks, slices."""
    source = draw(shapes_of(3, low=1))
    part = st.one_of(
        st.lists(st.integers(-source[0], source[0] - 1), max_size=5).map(
            lambda at: np.array(at, np.int64)
        ),
        st.lists(st.booleans(), min_size=source[0], max_size=source[0]).map(np.array),
        st.slices(source[0]).filter(lambda s: (s.step or 1) > 0),
        st.integers(-source[0], source[0] - 1),
    )
    at = (draw(part), ..., draw(st.integers(-source[2], source[2] - 1)))
    return Pair(
        lambda x: apply(index.GetItem(at), x),
        lambda y: apply(index.AddAt(source, at), y),
        source,
        np.empty(source)[at].shape,
    )


@st.composite
def writing(draw: st.DrawFn) -> Pair:
    """What is written over a part of zeros; its adjoint reads the part."""
    pair = draw(cropping())
    source, target = pair.target, pair.source
    dim = next((i for i in range(3) if source[i] != target[i]), 0)
    start = draw(st.integers(0, target[dim] - source[dim]))
    part = (shape.Crop(dim, start, source[dim]),)
    zeros = tensor(np.zeros(target))
    return Pair(
        lambda x: apply(index.Put(part), zeros, x), lambda y: apply(*part, y), source, target
    )


@st.composite
def keeping(draw: st.DrawFn) -> Pair:
    """What is left beside a part that is written over, along an index too: its own adjoint."""
    source = draw(shapes_of(2, low=1))
    start = draw(st.integers(0, source[0] - 1))
    at = tensor(np.random.default_rng(start).integers(0, source[0], (draw(sizes(1)), source[1])))
    f = draw(
        st.sampled_from(
            [
                lambda x: apply(index.Clear((shape.Crop(0, start, 1),)), x),
                lambda x: apply(scatter.PutAlongDim(0), x, at, 0.0),
            ]
        )
    )
    return Pair(f, f, source, source)


@st.composite
def on_the_diagonal(draw: st.DrawFn) -> Pair:
    source = draw(shapes_of(3, low=1))
    dim1, dim2 = draw(st.permutations(range(3)))[:2]
    offset = draw(st.integers(1 - source[dim1], source[dim2] - 1))
    return Pair(
        lambda x: apply(parts.Diagonal(offset, dim1, dim2), x),
        lambda y: apply(parts.OnDiagonal(source, offset, dim1, dim2), y),
        source,
        np.zeros(source).diagonal(offset, dim1, dim2).shape,
    )


@st.composite
def taking(draw: st.DrawFn) -> Pair:
    source = draw(shapes_of(3, low=1))
    dim, count = draw(st.integers(0, 2)), draw(sizes(0, 5))
    target = (*source[:dim], count, *source[dim + 1 :])
    seed = draw(st.integers(0, 99))
    at = tensor(np.random.default_rng(seed).integers(0, source[dim], target))
    return Pair(
        lambda x: apply(index.TakeAlongDim(dim), x, at),
        lambda y: apply(index.AddAlongDim(dim, source[dim]), y, at),
        source,
        target,
    )


@st.composite
def picking(draw: st.DrawFn) -> Pair:
    rows, classes = draw(sizes()), draw(sizes(1))
    label = tensor(np.random.default_rng(draw(st.integers(0, 99))).integers(0, classes, rows))
    return Pair(
        lambda x: apply(loss.PickClass(), x, label),
        lambda y: apply(loss.PlaceClass(classes), y, label),
        (rows, classes),
        (rows,),
    )


@st.composite
def summing(draw: st.DrawFn) -> Pair:
    source = draw(shapes_of())
    dims = tuple(sorted(draw(st.sets(st.integers(0, max(len(source) - 1, 0))))))
    dims = dims if source else ()
    keepdim, mean = draw(st.booleans()), draw(st.booleans())
    kept = tuple(1 if i in dims else n for i, n in enumerate(source))
    target = kept if keepdim else tuple(n for i, n in enumerate(source) if i not in dims)
    count = math.prod(source[i] for i in dims)
    if mean and count:
        return Pair(
            lambda x: apply(reduce.Mean(dims, keepdim), x),
            lambda y: tg.broadcast_to(y.reshape(*kept), source) / count,
            source,
            target,
        )
    return Pair(
        lambda x: apply(reduce.Sum(dims, keepdim), x),
        lambda y: tg.broadcast_to(y.reshape(*kept), source),
        source,
        target,
    )


@st.composite
def joining(draw: st.DrawFn) -> Pair:
    """`cat` beside a constant: its adjoint reads the operand's own stretch."""
    source = draw(shapes_of(2))
    dim, before, after = draw(st.integers(0, 1)), draw(sizes()), draw(sizes())
    ends = [tensor(np.zeros((*source[:dim], n, *source[dim + 1 :]))) for n in (before, after)]
    whole = before + source[dim] + after
    return Pair(
        lambda x: tg.cat([ends[0], x, ends[1]], dim),
        lambda y: tg.narrow(y, dim, before, source[dim]),
        source,
        (*source[:dim], whole, *source[dim + 1 :]),
    )


def window(draw: st.DrawFn) -> tuple[dict[str, Any], tuple[int, int], tuple[int, int]]:
    """Geometry, size of the image, and number of places where the kernel stands."""
    two = st.tuples
    kernel, stride = draw(two(sizes(1, 3), sizes(1, 3))), draw(two(sizes(1, 3), sizes(1, 3)))
    dilation = draw(two(sizes(1, 2), sizes(1, 2)))
    pads = draw(two(sizes(0, 2), sizes(0, 2)))
    reach = [d * (k - 1) + 1 for d, k in zip(dilation, kernel, strict=True)]
    size = tuple(max(1, r - 2 * p) + draw(sizes(0, 3)) for r, p in zip(reach, pads, strict=True))
    places = tuple(
        (n + 2 * p - r) // s + 1 for n, p, r, s in zip(size, pads, reach, stride, strict=True)
    )
    options = {"kernel": kernel, "stride": stride, "padding": pads, "dilation": dilation}
    return options, size, places


@st.composite
def unfolding(draw: st.DrawFn) -> Pair:
    options, size, places = window(draw)
    n, c = draw(sizes(0, 2)), draw(sizes(1, 2))
    return Pair(
        lambda x: apply(unfold.Unfold(**options), x),
        lambda y: apply(unfold.Fold(size, **options), y),
        (n, c, *size),
        (n, c * math.prod(options["kernel"]), math.prod(places)),
    )


def convolution(draw: st.DrawFn) -> tuple[dict[str, Any], dict[str, Shape]]:
    options, size, places = window(draw)
    n, groups, c, o = draw(sizes(0, 3)), draw(sizes(1, 2)), draw(sizes(1, 2)), draw(sizes(1, 2))
    geometry = {
        "stride": options["stride"],
        "padding": tuple((p, p) for p in options["padding"]),
        "dilation": options["dilation"],
        "groups": groups,
    }
    return geometry, {
        "images": (n, groups * c, *size),
        "filters": (groups * o, c, *options["kernel"]),
        "results": (n, groups * o, *places),
    }


def fixed(draw: st.DrawFn, shape: Shape) -> tg.Tensor:
    return tensor(np.random.default_rng(draw(st.integers(0, 99))).standard_normal(shape))


@st.composite
def convolving(draw: st.DrawFn) -> Pair:
    geometry, at = convolution(draw)
    w = fixed(draw, at["filters"])
    return Pair(
        lambda x: apply(conv.Conv2d(**geometry), x, w),
        lambda y: apply(conv.Conv2dInput(at["images"][2:], **geometry), y, w),
        at["images"],
        at["results"],
    )


@st.composite
def filtering(draw: st.DrawFn) -> Pair:
    geometry, at = convolution(draw)
    x = fixed(draw, at["images"])
    return Pair(
        lambda w: apply(conv.Conv2d(**geometry), x, w),
        lambda y: apply(conv.Conv2dWeight(at["filters"][2:], **geometry), x, y),
        at["filters"],
        at["results"],
    )


@st.composite
def stamping(draw: st.DrawFn) -> Pair:
    """The third side of the triangle: from filters to images, at a fixed result."""
    geometry, at = convolution(draw)
    g = fixed(draw, at["results"])
    return Pair(
        lambda w: apply(conv.Conv2dInput(at["images"][2:], **geometry), g, w),
        lambda x: apply(conv.Conv2dWeight(at["filters"][2:], **geometry), x, g),
        at["filters"],
        at["images"],
    )


def pooling(draw: st.DrawFn) -> tuple[tuple[Axis, Axis], Shape, Shape]:
    """Where windows stand, and the shapes before and after."""
    kernel = draw(st.tuples(sizes(1, 3), sizes(1, 3)))
    pads = tuple((draw(sizes(0, k // 2)), draw(sizes(0, k // 2))) for k in kernel)
    size = tuple(k + draw(sizes(0, 3)) for k in kernel)
    lead = (draw(sizes(0, 2)), draw(sizes(1, 2)))
    stride = draw(st.tuples(sizes(1, 3), sizes(1, 3)))
    at = axes(size, kernel, stride, pads)
    return at, (*lead, *size), (*lead, *(axis.out for axis in at))


@st.composite
def averaging(draw: st.DrawFn) -> Pair:
    at, source, target = pooling(draw)
    share = np.random.default_rng(draw(st.integers(0, 99))).uniform(0.1, 1, target[2:])
    return Pair(
        lambda x: apply(pool.AvgPool2d(*at, share), x),
        lambda y: apply(pool.AvgPool2dBackward(*at, share), y),
        source,
        target,
    )


@st.composite
def routing(draw: st.DrawFn) -> Pair:
    """Max-pooling, at fixed maxima, ties among them."""
    at, source, target = pooling(draw)
    where = tensor(np.random.default_rng(draw(st.integers(0, 99))).integers(0, 4, source) * 1.0)
    places = apply(pool.MaxPool2dIndices(*at), where)
    return Pair(
        lambda x: tg.take_along_dim(x.flatten(2), places.flatten(2), 2).reshape(*target),
        lambda y: apply(pool.MaxPool2dBackward(*at), y, where),
        source,
        target,
    )


@st.composite
def binning(draw: st.DrawFn) -> Pair:
    size, out = (draw(st.tuples(sizes(1, 5), sizes(1, 6))) for _ in "so")
    lead = (draw(sizes(0, 2)), draw(sizes(1, 2)))
    return Pair(
        lambda x: apply(pool.AdaptiveAvgPool2d(out), x),
        lambda y: apply(pool.AdaptiveAvgPool2dBackward(size), y),
        (*lead, *size),
        (*lead, *out),
    )


@st.composite
def multiplying(draw: st.DrawFn) -> Pair:
    n, k, m = draw(sizes()), draw(sizes()), draw(sizes())
    right = draw(st.booleans())
    fixed_one = fixed(draw, (k, m) if right else (m, k))
    if right:
        return Pair(lambda x: x @ fixed_one, lambda y: y @ fixed_one.T, (n, k), (n, m))
    return Pair(lambda x: fixed_one @ x, lambda y: fixed_one.T @ y, (k, n), (m, n))


@st.composite
def mapping(draw: st.DrawFn) -> Pair:
    lead, i, o = draw(shapes_of(2)), draw(sizes()), draw(sizes())
    w = fixed(draw, (o, i))
    return Pair(
        lambda x: tg.nn.functional.linear(x, w),
        lambda y: tg.nn.functional.linear(y, w.T),
        (*lead, i),
        (*lead, o),
    )


@st.composite
def pointwise(draw: st.DrawFn) -> Pair:
    """Maps of each place alone are their own adjoints."""
    source = draw(shapes_of())
    c = fixed(draw, source)
    f = draw(
        st.sampled_from(
            [
                lambda x: -x,
                lambda x: x * c,
                lambda x: x / (c * c + 1),
                lambda x: tg.where(c > 0, x, 0.0),
                lambda x: tg.where(c > 0, 0.0, x),
                lambda x: x - 2 * x,
                lambda x: x + x,
                lambda x: apply(Cast(tg.float64), x),
                lambda x: x.clone(),
                lambda x: apply(shape.Contiguous(), x),
            ]
        )
    )
    return Pair(f, f, source, source)


# Each pair, and the ops that it is about.
PAIRS: dict[str, tuple[st.SearchStrategy[Pair], set[str]]] = {
    "broadcast_to, sum_to": (broadcasting(), {"BroadcastTo", "SumTo"}),
    "reshape, reshape": (reshaping(), {"Reshape", "Refit"}),
    "permute, inverse permute": (permuting(), {"Permute"}),
    "crop, embed": (cropping(), {"Crop", "Embed"}),
    "pad, getitem": (padding(), {"Pad"}),
    "getitem, add_at": (reading(), {"GetItem", "AddAt"}),
    "put, crop": (writing(), {"Put"}),
    "clear, itself": (keeping(), {"Clear", "PutAlongDim"}),
    "diagonal, on_diagonal": (on_the_diagonal(), {"Diagonal", "OnDiagonal"}),
    "take_along_dim, add_along_dim": (taking(), {"TakeAlongDim", "AddAlongDim"}),
    "pick_class, place_class": (picking(), {"PickClass", "PlaceClass"}),
    "sum and mean, broadcast_to": (summing(), {"Sum", "Mean"}),
    "cat, narrow": (joining(), {"Cat"}),
    "unfold, fold": (unfolding(), {"Unfold", "Fold"}),
    "conv2d, conv2d_input": (convolving(), {"Conv2d"}),
    "conv2d, conv2d_weight": (filtering(), {"Conv2dWeight"}),
    "conv2d_input, conv2d_weight": (stamping(), {"Conv2dInput"}),
    "avg_pool2d, its adjoint": (averaging(), {"AvgPool2d", "AvgPool2dBackward"}),
    "maxima, max_pool2d_backward": (routing(), {"MaxPool2dBackward"}),
    "adaptive_avg_pool2d, its adjoint": (
        binning(),
        {"AdaptiveAvgPool2d", "AdaptiveAvgPool2dBackward"},
    ),
    "matmul, matmul with the transpose": (multiplying(), {"MatMul"}),
    "linear, linear with the transpose": (mapping(), {"Linear"}),
    "pointwise, itself": (pointwise(), {"Neg", "Add", "Sub", "Mul", "Where", "Cast", "Contiguous"}),
}
NEAR = {"rtol": 1e-10, "atol": 1e-10}


@pytest.mark.parametrize("strategy", [s for s, _ in PAIRS.values()], ids=PAIRS)
@given(data=st.data())
def test_pairs_are_adjoint_and_each_others_derivative(
    strategy: st.SearchStrategy[Pair], data: st.DataObject
) -> None:
    pair = data.draw(strategy)
    rng = np.random.default_rng(data.draw(st.integers(0, 99)))
    x, y = tensor(rng.standard_normal(pair.source)), tensor(rng.standard_normal(pair.target))
    there, here = pair.forth(x), pair.back(y)
    assert there.shape == pair.target
    assert here.shape == pair.source
    left, right = (there * y).sum().item(), (x * here).sum().item()
    np.testing.assert_allclose(left, right, **NEAR)
    for f, at, g, expected in ((pair.forth, x, y, here), (pair.back, y, x, there)):
        at.requires_grad_()
        for create_graph in (False, True):
            (found,) = tg.autograd.grad(f(at), at, g.detach(), create_graph=create_graph)
            np.testing.assert_allclose(found.detach().numpy(), expected.detach().numpy(), **NEAR)


NOT_LINEAR = {
    *("Div", "Pow", "Abs", "Sign", "ZerosLike", "Exp", "Log", "Sqrt", "Tanh", "Sigmoid", "Relu"),
    *("Maximum", "Minimum", "Extremum", "LogSumExp", "Softmax", "LogSoftmax", "MaxPool2d"),
    *("Clamp", "ClampMin", "ClampMax", "CrossEntropy", "Gap"),
    *("DivRounded", "Remainder", "Fmod"),
    *("Draw", "Pick", "FunctionOp"),  # random; one of several results; what the user says
}


def test_every_linear_op_is_of_a_pair() -> None:
    """An op is known to be linear, or is in one of the pairs; new ones must be sorted in."""
    linear = set().union(*(ops for _, ops in PAIRS.values()))
    missing = {cls.__name__ for cls in op_classes()} - linear - NOT_LINEAR
    assert not missing, f"list the adjoints of {sorted(missing)} in PAIRS, or in NOT_LINEAR"
