"""PyTorch's stream of random numbers: MT19937 words, and how each distribution spends them.

With the same seed, uniform numbers, integers and permutations are bit for bit those of PyTorch's
CPU generator; normal numbers agree to the last digits (both use the Box-Muller transform; PyTorch
computes its logarithm and cosine with other rounding).
Source: M. Matsumoto and T. Nishimura, "Mersenne Twister", ACM TOMACS 8 (1998); G. Box and
M. Muller, Ann. Math. Statist. 29 (1958).
"""

from __future__ import annotations

import math
import threading
from typing import TYPE_CHECKING, Any

import numpy as np

from tinygrad_np.dtypes import float32, float64

if TYPE_CHECKING:
    from collections.abc import Iterator

Array = np.ndarray[Any, Any]
Dtype = np.dtype[Any]

WORDS = 624  # of MT19937's state, which are all renewed at once
BLOCK = 16  # normal numbers that PyTorch makes at a time, where there are so many
STRETCH = 1 << 15  # numbers that are made at a time where each takes several steps; of BLOCKs
WIDE = 1 << 28  # integers from a range as wide as this take two words each

# What PyTorch keeps of its CPU generator, byte by byte.
_STATE = np.dtype(
    [
        ("seed", "<u8"),
        ("left", "<i4"),  # words until the renewal, and one
        ("seeded", "<i4"),
        ("next", "<u8"),  # position of the next word; 0 before the first
        ("words", "<u8", WORDS),
        ("normal_x", "<f8"),
        ("normal_y", "<f8"),  # the second normal number, if it waits
        ("normal_rho", "<f8"),
        ("normal_waits", "<i4"),
        ("single_normal", "V12"),  # never used on a CPU
    ]
)


class Stream:
    """One MT19937 generator, spent word by word.

    Several threads may draw from it: each draw of words is whole by NumPy's own lock, and what
    takes several of them by a lock of this stream.
    """

    __slots__ = ("_draws", "_second_normal", "_whole", "seed")

    def __init__(self, seed: int) -> None:
        # numpy.random costs milliseconds to import, and only those who draw should pay.
        from numpy.random import RandomState  # noqa: PLC0415 - costly, and seldom needed

        self.seed = seed
        # Of all that NumPy offers, this alone can be asked for the low bits of each word.
        self._draws = RandomState(seed & 0xFFFFFFFF)
        self._whole = threading.RLock()
        self._second_normal: float | None = None  # Box-Muller makes two; the other one waits here

    @property
    def state(self) -> Array:
        """All that decides the numbers to come, as PyTorch's 5056 bytes."""
        with self._whole:
            state: Any = self._draws.get_state(legacy=False)["state"]
            second_normal = self._second_normal
        key, position = state["key"], state["pos"]
        start = Stream(self.seed)._draws.get_state(legacy=False)["state"]["key"]  # noqa: SLF001 - its own class
        record = np.zeros((), _STATE)
        record["seed"], record["seeded"], record["words"] = self.seed, 1, key
        record["next"] = 0 if np.array_equal(key, start) else position
        record["left"] = WORDS + 1 - position
        if second_normal is not None:
            record["normal_y"], record["normal_waits"] = second_normal, 1
        return np.frombuffer(record.tobytes(), np.uint8).copy()

    @state.setter
    def state(self, state: Array) -> None:
        if state.size != _STATE.itemsize:
            raise RuntimeError(
                f"the state of a generator has {_STATE.itemsize} bytes, and {state.size} were given"
            )
        record = np.frombuffer(state.tobytes(), _STATE)[0]
        position = WORDS if record["left"] == 1 else int(record["next"])
        if not 0 <= position <= WORDS:
            raise RuntimeError("these bytes are not the state of a generator")
        key = record["words"].astype(np.uint32)
        with self._whole:
            self.seed = int(record["seed"])
            self._draws.set_state(
                {"bit_generator": "MT19937", "state": {"key": key, "pos": position}}
            )
            self._second_normal = float(record["normal_y"]) if record["normal_waits"] else None

    def words(self, n: int) -> Array:
        """Next `n` words: integers from 0 to 2³² − 1."""
        return self._draws.randint(0, 1 << 32, n, np.uint32)

    def doublewords(self, n: int) -> Array:
        """Next `n` pairs of words as integers from 0 to 2⁶⁴ − 1; the first word is the high one."""
        return self._draws.randint(0, 1 << 64, n, np.uint64)

    def uniform(self, n: int, dtype: Dtype) -> Array:
        """`n` numbers in [0, 1): the low 53 bits of two words, or 24 bits of one."""
        whole: Array
        if dtype == float64:
            bits, whole = 53, self._draws.randint(0, 1 << 53, n, np.int64)
        else:
            bits, whole = 24, self._draws.randint(0, 1 << 24, n, np.int32)
        numbers = whole.view(dtype)  # each takes the place of its integer: no other memory
        np.copyto(numbers, whole, casting="unsafe")
        numbers *= dtype.type(2.0**-bits)
        return numbers

    def uniform_between(self, n: int, dtype: Dtype, low: float = 0.0, high: float = 1.0) -> Array:
        """`n` numbers in [low, high)."""
        if low == 0 and high == 1 and dtype == _computed(dtype):
            return self.uniform(n, dtype)
        start, end = np.array([low, high], _computed(dtype))
        numbers = self.uniform(n, start.dtype)
        numbers = multiply_add(numbers, end - start, start).astype(dtype, copy=False)
        numbers[numbers == dtype.type(high)] = low  # where it was rounded up to
        return numbers

    def chances(self, n: int, p: float) -> Array:
        """`n` booleans, true with probability `p`: whether a uniform number lies below it."""
        limit = math.ceil(p * 2.0**53)
        below = np.empty(n, np.bool_)
        with self._whole:
            for part in _stretches(below):
                np.less(self._draws.randint(0, 1 << 53, part.size, np.int64), limit, out=part)
        return below

    def integers(self, low: int, width: int, n: int) -> Array:
        """`n` integers in [low, low + width), as int64: words modulo the width."""
        if width < WIDE:
            small = self.words(n)
            small %= np.uint32(width)
            numbers = small.astype(np.int64)
            numbers += low
            return numbers
        large = self.doublewords(n)
        if width < 1 << 64:
            large %= np.uint64(width)
            large += np.uint64(low % (1 << 64))  # what overflows comes round to the negative ones
        return large.view(np.int64)

    def permutation(self, n: int) -> Array:
        """Integers below `n` in random order: Fisher-Yates from the front."""
        steps = np.arange(n)
        steps[:-1] += self.words(max(n - 1, 0)) % np.arange(n, 1, -1, dtype=np.uint32)
        return shuffled(steps)

    def normal(self, n: int, dtype: Dtype, mean: float = 0.0, std: float = 1.0) -> Array:
        """`n` normal numbers, as PyTorch fills contiguous memory."""
        if n < BLOCK:
            return self.normal_pairs(n, dtype, mean, std)
        kind = _computed(dtype)
        whole = n - n % BLOCK
        values = np.empty(n, kind)
        with self._whole:
            for part in _stretches(values[:whole]):
                _box_muller(self.uniform(part.size, kind), part)
            if whole != n:  # the last block is drawn anew, and overlaps its predecessor
                if kind == dtype:
                    self.uniform(n - whole, kind)  # drawn by PyTorch as well, and not used
                _box_muller(self.uniform(BLOCK, kind), values[-BLOCK:])
        return multiply_add(values, std, mean).astype(dtype, copy=False)

    def normal_pairs(self, n: int, dtype: Dtype, mean: float, std: float) -> Array:
        """`n` normal numbers, as PyTorch fills few places, or such as are not contiguous."""
        values = np.empty(n)
        with self._whole:
            start = 0
            if n and self._second_normal is not None:
                values[0], self._second_normal, start = self._second_normal, None, 1
            pairs = (n - start + 1) // 2
            angle, length = self.uniform(2 * pairs, float64).reshape(pairs, 2).T
            radius = np.sqrt(-2 * np.log1p(-length))
            angle = 2 * math.pi * angle
            both = np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1).ravel()
            values[start:] = both[: n - start]
            if both.size > n - start:
                self._second_normal = float(both[-1])
        return multiply_add(values, std, mean).astype(dtype, copy=False)

    def exponential(self, n: int, dtype: Dtype, rate: float) -> Array:
        """`n` numbers with density rate·exp(−rate·x)."""
        return (-1 / rate * np.log1p(-self.uniform(n, float64))).astype(dtype, copy=False)


def shuffled(partners: Array) -> Array:
    """0, 1, 2... after place i has changed with place `partners[i]` ≥ i, for each i in turn.

    Without the loop: step i leaves in place i what it found at its partner, j. That was brought
    there by the last earlier step k with the same partner, which had it from place k; or it is j
    itself. And what step k found in place k was brought by the last step before it that had the
    partner k. Such chains are followed to their ends all at once, each round twice as far.
    """
    n = len(partners)
    bits = n.bit_length()
    ordered = np.sort(partners << bits | np.arange(n))  # by partner, then by step
    partner, step = ordered >> bits, ordered & ((1 << bits) - 1)
    again = partner[1:] == partner[:-1]
    found = partners.copy()  # at the partner of step i; or ~k if it is what step k found in place k
    found[step[1:][again]] = ~step[:-1][again]
    source = np.arange(n)  # what place k held at step k: what place source[k] held at that step
    moved = partner != step
    source[partner[moved]] = step[moved]  # of equal indices the last stays: the latest step
    while True:
        further = source[source]
        if np.array_equal(further, source):
            return np.where(found < 0, source[~found], found)
        source = further


def multiply_add(x: Array, scale: float, offset: float) -> Array:
    """Give `x·scale + offset` with one rounding, as a processor's fused instruction does."""
    if scale == 1 and offset == 0:
        return x
    a, b = x.dtype.type(scale), x.dtype.type(offset)
    if x.dtype == float32:  # the product is exact in float64
        return (x * float64.type(a) + float64.type(b)).astype(float32)
    # The product and the sum with what their rounding left over. Source: T. Dekker, "A
    # floating-point technique for extending the available precision", Numer. Math. 18 (1971).
    high, low = _halves(x)
    a_high, a_low = _halves(a)
    product = x * a
    lost = low * a_low - (product - high * a_high - low * a_high - high * a_low)
    total: Array = product + b
    added = total - product
    lost += (product - (total - added)) + (b - added)
    total += lost
    return total


def _halves(x: Any) -> tuple[Any, Any]:
    """Split a float64 into two with half as many digits, whose products are exact."""
    spread = x * 134217729.0  # 2²⁷ + 1
    high = spread - (spread - x)
    return high, x - high


def _computed(dtype: Dtype) -> Dtype:
    """What PyTorch computes numbers of this dtype in."""
    return float64 if dtype == float64 else float32


def _stretches(array: Array) -> Iterator[Array]:
    """Cut an array into pieces: what is computed on the way to each stays in cache."""
    for start in range(0, array.size, STRETCH):
        yield array[start : start + STRETCH]


def _box_muller(uniform: Array, out: Array) -> None:
    """Blocks of 16 uniform numbers to normal ones: eight radii, eight angles."""
    shape = (out.size // BLOCK, 2, BLOCK // 2)
    blocks, normal = uniform.reshape(shape), out.reshape(shape)
    # float32 angles as PyTorch rounds them; radii in float64, so that the errors of our logarithm
    # do not add to those of PyTorch's.
    radius = np.sqrt(-2 * np.log((1 - blocks[:, 0]).astype(float64)))
    angle = uniform.dtype.type(2 * math.pi) * blocks[:, 1]
    np.multiply(radius, np.cos(angle), out=normal[:, 0], casting="same_kind")
    np.multiply(radius, np.sin(angle), out=normal[:, 1], casting="same_kind")
