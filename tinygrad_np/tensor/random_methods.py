"""Random numbers as methods: in place, and from the weights that a tensor holds."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Self, TypeVar

import numpy as np

from tinygrad_np.core import Value, apply
from tinygrad_np.dtypes import bool_, float64, int64
from tinygrad_np.errors import DtypeError, ShapeError
from tinygrad_np.ops.random import Draw
from tinygrad_np.tensor import random as functions
from tinygrad_np.tensor.generator import Generator, stream_of
from tinygrad_np.tensor.random import (
    arrange,
    check_chance,
    check_floating,
    check_range,
    check_std,
    draw_chances,
    integers_of,
    order_of,
)
from tinygrad_np.tensor.writing import store

if TYPE_CHECKING:
    from collections.abc import Callable

    Array = np.ndarray[Any, Any]

T = TypeVar("T", bound=Value)


class Randomizing(Value):
    """Methods that draw random numbers. Those with a `_` write them in place, with gradient 0."""

    __slots__ = ()

    def uniform_(
        self, from_: float = 0.0, to: float = 1.0, *, generator: Generator | None = None
    ) -> Self:
        """Set every element to a uniform number in [from, to)."""
        check_floating("uniform_", self.dtype)
        most = float(np.finfo(self.dtype).max)
        if not (from_ <= to and -most <= from_ and to <= most and to - from_ <= most):
            raise RuntimeError(
                f"uniform_: [{from_}, {to}) is no range of {self.dtype}: it must go upwards, and "
                f"be no wider than {most}"
            )
        stream = stream_of(generator)
        return _redraw(self, "Uniform", lambda n: stream.uniform_between(n, self.dtype, from_, to))

    def normal_(
        self, mean: float = 0.0, std: float = 1.0, *, generator: Generator | None = None
    ) -> Self:
        """Set every element to a normal number with that mean and standard deviation."""
        check_floating("normal_", self.dtype)
        check_std("normal_", std)
        stream = stream_of(generator)
        draw = stream.normal if order_of(self) is None else stream.normal_pairs
        return _redraw(self, "Normal", lambda n: draw(n, self.dtype, mean, std))

    def exponential_(self, lambd: float = 1.0, *, generator: Generator | None = None) -> Self:
        """Set every element to a number with density λ·exp(−λ·x)."""
        check_floating("exponential_", self.dtype)
        if not lambd > 0:
            raise RuntimeError(f"exponential_: the rate must be positive, got {lambd}")
        stream = stream_of(generator)
        return _redraw(self, "Exponential", lambda n: stream.exponential(n, self.dtype, lambd))

    def random_(
        self, from_: int | None = None, to: Any = ..., *, generator: Generator | None = None
    ) -> Self:
        """Set every element to an integer in [from, to), or in [0, to) if given one number.

        Without numbers: to one of those from 0 to the greatest that the dtype holds, or to 2²⁴ for
        float32 and 2⁵³ for float64, up to which it holds all integers. `random_(from, None)` goes
        up to the same.
        """
        dtype, stream = self.dtype, stream_of(generator)
        most = integers_of(dtype)[1]
        if from_ is None and to is ...:
            draw = _below_most(stream, dtype, most)
        else:
            low: Any = from_ or 0
            high: Any = most + 1 if to is None else to
            if to is ...:
                low, high = 0, from_
            for bound in (low, high):
                if not hasattr(bound, "__index__"):
                    raise TypeError(f"random_: bounds must be ints, and {bound!r} is not")
            check_range("random_", low, high, dtype)
            draw = partial(stream.integers, low, high - low)
        return _redraw(self, "Random", draw)

    def bernoulli_(self, p: Any = 0.5, *, generator: Generator | None = None) -> Self:
        """Set every element to 1 with probability `p`, else to 0; `p` may be a tensor of them."""
        stream, order = stream_of(generator), order_of(self)
        if not isinstance(p, Value):
            check_chance("bernoulli_", p)
            return _redraw(self, "Bernoulli", lambda n: stream.chances(n, p))
        if p.dtype.kind != "f":
            raise DtypeError(f"bernoulli_: probabilities must be floating numbers, not {p.dtype}")
        check_chance("bernoulli_", p.array)
        if np.broadcast_shapes(self.shape, p.shape) != self.shape:
            raise ShapeError(
                f"bernoulli_: probabilities of shape {tuple(p.shape)} do not broadcast to "
                f"{tuple(self.shape)}"
            )
        dtype = self.dtype

        def draw(array: Array, chances: Array) -> Array:
            return draw_chances(stream, array, order, chances).astype(dtype)

        return store(self, apply(Draw("Bernoulli", draw), self, p))

    def bernoulli(self, p: float | None = None, *, generator: Generator | None = None) -> Self:
        """Ones with the probabilities that this tensor holds; see `tinygrad_np.bernoulli`."""
        return functions.bernoulli(self, p, generator=generator)  # type: ignore[arg-type,return-value]  # the class of all results

    def multinomial(
        self, num_samples: int, replacement: bool = False, *, generator: Generator | None = None
    ) -> Self:
        """Categories drawn with these weights; see `tinygrad_np.multinomial`."""
        return functions.multinomial(self, num_samples, replacement, generator=generator)  # type: ignore[arg-type,return-value]  # the class of all results


def _redraw(target: T, name: str, draw: Callable[[int], Array]) -> T:
    """Write what `draw(n)` gives over all elements, in their order in memory."""
    dtype, order = target.dtype, order_of(target)

    def forward(array: Array) -> Array:
        return arrange(draw(array.size).astype(dtype, copy=False), array.shape, order)

    return store(target, apply(Draw(name, forward), target))


def _below_most(stream: Any, dtype: np.dtype[Any], most: int) -> Callable[[int], Array]:
    """Draw from all that the dtype holds, as PyTorch spends words on it: two for 64 bits."""
    if dtype in (int64, float64):
        return lambda n: (stream.doublewords(n) % np.uint64(most + 1)).astype(dtype)
    if dtype == bool_:
        return lambda n: stream.words(n) % np.uint32(2)
    return lambda n: stream.words(n) % np.uint32(most + 1)
