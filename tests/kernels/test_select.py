"""Selection: the values of `np.where`, and bits where these are faster."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from tinygrad_np.kernels import select

if TYPE_CHECKING:
    from collections.abc import Callable

ODD = (np.nan, np.inf, -np.inf, -0.0, 0.0)


@pytest.fixture
def ways(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """A note for each selection on bits."""
    taken: list[str] = []
    keep = select._keep

    def noted(*args: Any) -> Any:
        taken.append("bits")
        return keep(*args)

    monkeypatch.setattr(select, "_keep", noted)
    return taken


def drawn(shape: tuple[int, ...], dtype: Any) -> tuple[Any, Any]:
    """A mask, and numbers, half of them unlike others."""
    rng = np.random.default_rng(0)
    x = np.where(rng.random(shape) < 0.5, rng.choice(ODD, shape), rng.standard_normal(shape))
    return rng.random(shape) < 0.5, x.astype(dtype)


def check(mask: Any, a: Any, b: Any) -> None:
    found, expected = select.select(mask, a, b), np.where(mask, a, b)
    assert found.dtype == expected.dtype
    np.testing.assert_array_equal(found, expected)
    np.testing.assert_array_equal(np.signbit(found), np.signbit(expected))


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize(
    ("choose", "bits"),
    [
        (lambda x: (x, 0.0), True),
        (lambda x: (0.0, x), True),
        (lambda x: (x.T[::-1].T, 0.0), True),
        (lambda x: (x, -0.0), False),
        (lambda x: (-0.0, x), False),
        (lambda x: (x, 1.0), False),
        (lambda x: (1.0, x), False),
        (lambda x: (x, 0), False),
        (lambda x: (0, x), False),
        (lambda x: (x, x[::-1]), False),
        (lambda x: (x[0], 0.0), False),
        (lambda x: (0.0, x[0]), False),
        (lambda x: (np.isnan(x), 0.0), False),
        (lambda x: (0.0, np.isnan(x)), False),
        (lambda _: (1.5, 0.0), False),
        (lambda _: (0.0, 1.5), False),
    ],
)
def test_zeros_beside_an_array_are_chosen_on_bits(
    choose: Callable[[Any], tuple[Any, Any]], bits: bool, dtype: Any, ways: list[str]
) -> None:
    mask, x = drawn((select.SMALL // 32, 33), dtype)
    check(mask, *choose(x))
    assert ways == ["bits"] * bits


@pytest.mark.parametrize(("less", "bits"), [(0, True), (1, False)])
@pytest.mark.parametrize("of_zeros", [False, True])
def test_small_arrays_are_not_worth_it(
    less: int, of_zeros: bool, bits: bool, ways: list[str]
) -> None:
    mask, x = drawn((select.SMALL - less,), np.float32)
    check(mask, *((0.0, x) if of_zeros else (x, 0.0)))
    assert ways == ["bits"] * bits


def test_any_number_but_zero_is_true(ways: list[str]) -> None:
    mask, x = drawn((select.SMALL,), np.float32)
    check(mask * np.arange(select.SMALL), x, 0.0)
    assert not ways
