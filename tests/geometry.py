"""Windows, drawn: geometries of convolutions, odd memory layouts, and the naive loops."""

from __future__ import annotations

import itertools
from typing import Any, NamedTuple

import numpy as np
from helpers import times
from hypothesis import strategies as st

from tinygrad_np.kernels import windows
from tinygrad_np.testing import ConvConfig, conv_configs

MANY = times(10)


class Case(NamedTuple):
    n: Any
    groups: int
    c: int  # per group
    o: int  # per group
    hw: tuple[Any, ...]
    k: tuple[Any, ...]
    stride: tuple[Any, ...]
    padding: tuple[Any, ...]
    dilation: tuple[Any, ...]
    layout: int

    @property
    def options(self) -> Any:
        return {
            "stride": self.stride,
            "padding": self.padding,
            "dilation": self.dilation,
            "groups": self.groups,
        }


def pairs(lo: Any, hi: Any) -> Any:
    return st.tuples(st.integers(lo, hi), st.integers(lo, hi))


def as_case(q: ConvConfig, layout: int, shift: Any, more: Any) -> Case:
    """The case; with a `shift`, padded by more on one side of each dimension than on the other."""
    c, o = q.channels // q.groups, q.filters // q.groups
    padding: tuple[Any, ...] = q.padding
    if shift is not None:
        before = [min(s, 2 * p) for s, p in zip(shift, padding, strict=True)]
        padding = tuple((b, 2 * p - b + e) for b, p, e in zip(before, padding, more, strict=True))
    sizes = (q.size, q.kernel, q.stride, padding, q.dilation)
    return Case(q.batch, q.groups, c, o, *sizes, layout)


cases = st.builds(
    as_case,
    conv_configs(batches=(0, 1, 2, 3, 5)),
    layout=st.integers(0, 5),
    shift=st.none() | pairs(0, 4),
    more=pairs(0, 1),
)


def stored(a: Any, layout: Any) -> Any:
    """`a` with other strides: the same values."""
    if layout == 1:
        return np.ascontiguousarray(a.transpose(2, 1, 3, 0)).transpose(3, 1, 0, 2)
    if layout == 2:
        return np.ascontiguousarray(a.transpose(0, 2, 3, 1)).transpose(0, 3, 1, 2)
    if layout == 3:
        return np.ascontiguousarray(a[..., ::-1])[..., ::-1]
    if layout == 4:
        wide = np.zeros((*a.shape[:2], a.shape[2] * 2, a.shape[3] + 1), a.dtype)
        wide[:, :, ::2, :-1] = a
        return wide[:, :, ::2, :-1]
    if layout == 5:
        a = np.asfortranarray(a)
    return a


def arrays(q: Any, dtype: Any = np.float64, seed: int = 0) -> Any:
    rng = np.random.default_rng(seed)
    h, w = windows.axes(q.hw, q.k, q.stride, q.padding, q.dilation)
    x = rng.standard_normal((q.n, q.groups * q.c, *q.hw)).astype(dtype)
    k = rng.standard_normal((q.groups * q.o, q.c, *q.k)).astype(dtype)
    b = rng.standard_normal(q.groups * q.o).astype(dtype)
    g = rng.standard_normal((q.n, q.groups * q.o, h.out, w.out)).astype(dtype)
    made = [stored(x, q.layout), k, b, stored(g, q.layout)]
    for a in made:
        a.flags.writeable = False
    return made


def naive(x: Any, k: Any, b: Any, g: Any, q: Any) -> Any:
    """Value and all three gradients by one loop over every number that meets another."""
    h, w = windows.axes(q.hw, q.k, q.stride, q.padding, q.dilation)
    y = np.zeros(g.shape)
    gx, gk = np.zeros(x.shape), np.zeros(k.shape)
    for o, i, j in itertools.product(range(k.shape[0]), range(h.out), range(w.out)):
        first = o // q.o * q.c
        y[:, o, i, j] = b[o]
        for c, a, e in itertools.product(range(q.c), range(h.kernel), range(w.kernel)):
            r = i * h.stride + a * h.dilation - h.before
            s = j * w.stride + e * w.dilation - w.before
            if 0 <= r < h.size and 0 <= s < w.size:
                y[:, o, i, j] += x[:, first + c, r, s] * k[o, c, a, e]
                gx[:, first + c, r, s] += g[:, o, i, j] * k[o, c, a, e]
                gk[o, c, a, e] += (g[:, o, i, j] * x[:, first + c, r, s]).sum()
    return y, gx, gk
