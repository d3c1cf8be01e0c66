"""Every op of the table in the narrow dtypes, and on many elements.

Elsewhere, gradients are checked in float64 and on a few dozen numbers. Here float32 and float16
are held to float64, and large operands to differences and to what the same numbers give in small
arrays: kernels go other ways from some thousands of elements on.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from cases import SIZES, Case
from helpers import tensors
from op_cases import CASES

import tinygrad_np as tg
from tinygrad_np.kernels import threads
from tinygrad_np.kernels.select import SMALL

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    Array = np.ndarray[Any, Any]

every = pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)


def pulled(case: Case, arrays: Sequence[Array], dtype: Any, u: Array) -> tuple[Array, list[Array]]:
    """The result in a dtype, and the gradients that the cotangent `u` gives."""
    operands = tensors(arrays, dtype)
    y = case.call(tg, *operands)
    wanted = [x for x in operands if x.requires_grad]
    found = tg.autograd.grad(y, wanted, tg.from_numpy(u.astype(dtype)))
    return y.detach().numpy(), [g.numpy() for g in found]


# Rounding errors allowed for, in units of the last digit of the largest element.
ROUNDINGS = 16


@every
@pytest.mark.parametrize("dtype", [np.float16, np.float32], ids=["float16", "float32"])
def test_narrow_gradients_are_those_of_float64(case: Case, dtype: Any) -> None:
    arrays = [
        a.astype(dtype).astype(np.float64) if a.dtype.kind == "f" else a for a in case.draw(seed=11)
    ]
    y = case.call(tg, *tensors(arrays))
    u = np.random.default_rng(12).standard_normal(y.shape).astype(dtype)
    value, slopes = pulled(case, arrays, dtype, u)
    expected, wanted = pulled(case, arrays, np.float64, u)
    for a, b in zip([value, *slopes], [expected, *wanted], strict=True):
        assert a.dtype == dtype
        near = ROUNDINGS * float(np.finfo(dtype).eps)
        np.testing.assert_allclose(a, b, rtol=near, atol=near * np.abs(b).max(initial=0))


MANY = 4096  # elements: more than any kernel's threshold but that of threads


def enlarged(case: Case) -> Iterator[dict[str, int]]:
    """Sizes for which an operand has many elements: one letter large at a time."""
    letters = dict.fromkeys(letter for x in case.operands for letter in x.shape.split())
    for letter in letters:
        if case.free_sizes and letter in SIZES:
            sizes = SIZES | {letter: 1}
            most = max(
                np.prod(x.sized(sizes), dtype=int)
                for x in case.operands
                if letter in x.shape.split()
            )
            yield SIZES | {letter: -(-MANY // int(most))}


@every
def test_many_elements(case: Case) -> None:
    """Along one direction, gradients agree with differences of the fourth order."""
    step = 2e-3  # no domain comes within 0.02 of a kink
    for sizes in enlarged(case):
        arrays = case.draw(seed=13, sizes=sizes)
        rng = np.random.default_rng(14)
        along = [rng.uniform(-1, 1, a.shape) if a.dtype.kind == "f" else 0 for a in arrays]

        def value(by: float, arrays: Any = arrays, along: Any = along) -> Array:
            moved = [a + by * v if a.dtype.kind == "f" else a for a, v in zip(arrays, along)]  # noqa: B905 - one length
            with tg.no_grad():
                return case.call(tg, *tensors(moved)).numpy()

        y = value(0)
        u = rng.standard_normal(y.shape)
        _, slopes = pulled(case, arrays, np.float64, u)
        near, far = (value(h) - value(-h) for h in (step, 2 * step))
        terms = u * (8 * near - far) / (12 * step)
        wanted = [v for a, v in zip(arrays, along, strict=True) if a.dtype.kind == "f"]
        found = sum(np.sum(g * v) for g, v in zip(slopes, wanted, strict=True))
        size = np.sqrt(np.sum(terms**2))
        np.testing.assert_allclose(found, terms.sum(), rtol=0, atol=1e-8 * size + 1e-10)


HARD = [np.nan, 0.0, -0.0, np.inf, -np.inf, 1.0, -1.0, 2.5, -0.5, 1e-30, -1e30]
ELEMENTWISE = [case for case in CASES if case.batch and case.scalar]


def same(found: Array, expected: Array) -> None:
    """Equal but for rounding, NaN and the signs of zeros included."""
    np.testing.assert_allclose(found, expected, rtol=1e-6, atol=0)
    zeros = expected == 0
    np.testing.assert_array_equal(np.signbit(found[zeros]), np.signbit(expected[zeros]))


@pytest.mark.parametrize("case", ELEMENTWISE, ids=lambda case: case.name)
@pytest.mark.parametrize(
    "size",
    [
        pytest.param(SMALL, id="many"),
        pytest.param(threads.LARGE // 4 + 1, id="for threads", marks=pytest.mark.slow),
    ],
)
@pytest.mark.usefixtures("_two_threads")
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_hard_points_among_many(case: Case, size: int) -> None:
    """Elementwise ops give each element what it gets in a small array."""
    kinds = [a.dtype.kind for a in case.draw()]
    points = [HARD if kind == "f" else [True, False] for kind in kinds]
    small = [np.array(column) for column in zip(*itertools.product(*points), strict=True)]
    u = np.resize([1.5, -2.0, 0.25, -0.0, 0.0, np.inf, np.nan], small[0].shape)
    times = -(-size // u.size)
    y, slopes = pulled(case, small, np.float32, u)
    z, found = pulled(case, [np.tile(a, times) for a in small], np.float32, np.tile(u, times))
    assert z.size >= size
    for large, little in zip([z, *found], [y, *slopes], strict=True):
        same(large, np.tile(little, times))


@pytest.mark.parametrize("number", [0.0, -0.0, 2.5, np.inf])
@pytest.mark.parametrize("size", [3, SMALL])
def test_a_number_in_the_place_of_elements_keeps_its_sign(number: float, size: int) -> None:
    x = np.resize([-1.0, np.inf, -0.0, np.nan, 2.0], size).astype(np.float32)
    at = np.resize([True, False, False], size)
    t, mask = tg.from_numpy(x), tg.from_numpy(at)
    same(tg.where(mask, t, number).numpy(), np.where(at, x, np.float32(number)))
    same(tg.where(mask, number, t).numpy(), np.where(at, np.float32(number), x))
    same(t.masked_fill(mask, number).numpy(), np.where(at, np.float32(number), x))
