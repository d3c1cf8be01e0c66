"""PyTorch's stream of random numbers: MT19937 words, and how each distribution spends them.

With the same seed, uniform numbers, integers and permutations are bit for bit those of PyTorch's
CPU generator; normal numbers agree to the last digits (both use the Box-Muller transform; PyTorch
computes its logarithm and cosine with other rounding).
Source: M. Matsumoto and T. Nishimura, "Mersenne Twister", ACM TOMACS 8 (1998); G. Box and
M. Muller, Ann. Math. Statist. 29 (1958).
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]


class Stream:
    """One MT19937 generator, spent word by word."""

    __slots__ = ("_bits", "_second_normal")

    def __init__(self, seed: int) -> None:
        # numpy.random costs milliseconds to import, and only those who draw should pay.
        from numpy.random import MT19937, RandomState  # noqa: PLC0415 - costly, and seldom needed

        self._bits = MT19937()
        state: Any = RandomState(seed & 0xFFFFFFFF).get_state(legacy=False)
        self._bits.state = state
        self._second_normal: float | None = None  # Box-Muller makes two; the other one waits here

    @property
    def state(self) -> tuple[Any, float | None]:
        """All that decides the numbers to come."""
        return self._bits.state, self._second_normal

    @state.setter
    def state(self, state: tuple[Any, float | None]) -> None:
        self._bits.state, self._second_normal = state

    def words(self, n: int) -> Array:
        """Next `n` words: integers from 0 to 2³² − 1, as uint64."""
        return np.asarray(self._bits.random_raw(n))

    def doublewords(self, n: int) -> Array:
        """Next `n` pairs of words as integers from 0 to 2⁶⁴ − 1; the first word is the high one."""
        words = self.words(2 * n).reshape(n, 2)
        return (words[:, 0] << np.uint64(32)) | words[:, 1]

    def uniform(self, n: int, dtype: np.dtype[Any]) -> Array:
        """`n` numbers in [0, 1): the low 53 bits of two words, or 24 bits of one."""
        double = dtype == np.float64
        bits, words = (53, self.doublewords(n)) if double else (24, self.words(n))
        low: Array = (words & np.uint64((1 << bits) - 1)).astype(
            np.float64 if double else np.float32
        )
        low *= 2.0**-bits
        return low.astype(dtype, copy=False)

    def integers(self, low: int, high: int, n: int) -> Array:
        """`n` integers in [low, high): a word modulo the width, biased by less than 2⁻³²·width."""
        width = high - low
        words = self.words(n) if width < 1 << 32 else self.doublewords(n)
        return (words % np.uint64(width)).astype(np.int64) + low

    def permutation(self, n: int) -> Array:
        """Integers below `n` in random order: Fisher-Yates from the front."""
        order = list(range(n))
        steps = self.words(max(n - 1, 0)) % np.arange(n, 1, -1, dtype=np.uint64)
        for i, step in enumerate(steps.tolist()):
            j = i + step
            order[i], order[j] = order[j], order[i]
        return np.array(order, np.int64)

    def normal(self, n: int, dtype: np.dtype[Any]) -> Array:
        """`n` standard normal numbers."""
        if n < 16:
            return np.array([self._one_normal() for _ in range(n)], np.float64).astype(dtype)
        values = self.uniform(n, dtype)
        whole = n - n % 16
        values[:whole] = _box_muller(values[:whole])
        if whole != n:  # the last block of 16 is drawn anew, and overlaps its predecessor
            values[-16:] = _box_muller(self.uniform(16, dtype))
        return values

    def _one_normal(self) -> float:
        if self._second_normal is not None:
            value, self._second_normal = self._second_normal, None
            return value
        angle, length = self.uniform(2, np.dtype(np.float64)).tolist()
        radius = math.sqrt(-2.0 * math.log1p(-length))
        self._second_normal = radius * math.sin(2.0 * math.pi * angle)
        return radius * math.cos(2.0 * math.pi * angle)


def _box_muller(uniform: Array) -> Array:
    """Blocks of 16 uniform numbers to normal ones: eight radii, eight angles."""
    blocks = uniform.reshape(-1, 2, 8)
    radius = np.sqrt(-2 * np.log(1 - blocks[:, 0]))
    angle = uniform.dtype.type(2 * math.pi) * blocks[:, 1]
    normal = np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1)
    return normal.reshape(-1).astype(uniform.dtype, copy=False)
