"""Bounds at ties and where they cross, the factor of a product, and both ends of a way."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

import tinygrad_np as tg

if TYPE_CHECKING:
    from collections.abc import Callable


def _gradients(function: Callable[..., tg.Tensor], *values: list[float]) -> list[list[float]]:
    xs = [tg.tensor(v, requires_grad=True) for v in values]
    function(*xs).sum().backward()
    return [x.grad.tolist() for x in xs]


@pytest.mark.parametrize(
    ("function", "values", "gradients"),
    [
        (tg.clamp, ([1.0, 2, 3], [2.0, 2, 2]), ([0, 1, 1], [1, 0, 0])),
        (lambda x, hi: tg.clamp(x, max=hi), ([1.0, 2, 3], [2.0, 2, 2]), ([1, 1, 0], [0, 0, 1])),
        (
            tg.clamp,
            ([0.0, 1, 2, 3, 4], [1.0] * 5, [3.0] * 5),
            ([0, 1, 1, 1, 0], [1, 0, 0, 0, 0], [0, 0, 0, 0, 1]),
        ),
        (tg.clamp, ([2.0, 1, 3], [2.0] * 3, [2.0] * 3), ([1, 0, 0], [0, 0, 0], [0, 0, 1])),
        (tg.clamp, ([1.0, 2, 3, 0, 4], [3.0] * 5, [1.0] * 5), ([0] * 5, [0] * 5, [1] * 5)),
    ],
    ids=["min", "max", "both", "one point", "crossing"],
)
def test_who_takes_the_gradient_of_a_bound(
    function: Callable[..., tg.Tensor], values: Any, gradients: Any
) -> None:
    assert _gradients(function, *values) == list(gradients)


@pytest.mark.parametrize(
    ("function", "dtypes", "given", "expected"),
    [
        (tg.addcmul, "fff", {}, 9),
        (tg.addcmul, "fff", {"value": 2}, 17),
        (tg.addcmul, "fff", {"value": 0}, 1),
        (tg.addcmul, "iii", {"value": 2.7}, 17),
        (tg.addcmul, "iii", {"value": 0.5}, 1),
        (tg.addcmul, "ifi", {"value": 2.5}, 21),
        (tg.addcdiv, "fff", {}, 1.5),
        (tg.addcdiv, "fff", {"value": 2}, 2),
        (tg.addcdiv, "fff", {"value": 0}, 1),
        (tg.addcdiv, "ifi", {"value": 3}, 2.5),
    ],
)
def test_the_factor_of_a_product_or_quotient(
    function: Callable[..., tg.Tensor], dtypes: str, given: dict[str, Any], expected: float
) -> None:
    """1 + value·2·4 and 1 + value·2/4; a product of integers has an integer as its factor."""
    x, a, b = (
        tg.tensor(v, dtype=tg.float32 if d == "f" else tg.int64)
        for v, d in zip((1, 2, 4), dtypes, strict=True)
    )
    y = function(x, a, b, **given)
    assert y.dtype == (tg.float32 if "f" in dtypes else tg.int64)
    assert y.item() == expected


@pytest.mark.parametrize(
    ("function", "dtypes", "value", "expected"),
    [
        (tg.addcmul, (tg.float16, tg.int64, tg.int64), 2.5, 8.5),
        (tg.addcmul, (tg.int32, tg.bool, tg.bool), 2, 3),
        (tg.addcmul, (tg.float64, tg.float32, tg.float32), 1.1, 1 + 3 * 1.1),
        (tg.addcdiv, (tg.float64, tg.float32, tg.float32), 1, 1 + 1 / 3),
        (tg.addcdiv, (tg.float64, tg.float16, tg.int32), 1.1, 1 + 1.1 / 3),
    ],
)
def test_a_product_or_quotient_is_computed_in_the_dtype_of_the_result(
    function: Callable[..., tg.Tensor], dtypes: tuple[Any, ...], value: float, expected: float
) -> None:
    x, a, b = (tg.tensor([v]).to(dtype) for v, dtype in zip((1, 1, 3), dtypes, strict=True))
    y = function(x, a, b, value=value)
    assert y.dtype == dtypes[0]
    assert y.item() == pytest.approx(expected, rel=1e-15)


def test_bools_are_not_multiplied() -> None:
    t = tg.tensor([True])
    with pytest.raises(NotImplementedError, match="addcmul: bools cannot be multiplied"):
        tg.addcmul(t, t, t)


@pytest.mark.parametrize("tensors", [False, True], ids=["number", "tensor"])
@pytest.mark.parametrize(
    ("start", "end", "weight", "expected"),
    [
        (17194178, 6, -0.25, 21492720),
        (17889644, 5, 0.25, 13417234),
        (59590536, 6, 0.5, 29795270),
        (42125592, 5, -0.5, 63188388),
        (59590536, 6, 0.500244140625, 29780722),
        (60825268, 2, -0.500244140625, 91252744),
        (56624220, 8, -0.75, 99092376),
        (42449548, 6, 1.0, 6),
    ],
)
def test_a_way_is_measured_from_the_nearer_end(
    start: float, end: float, weight: float, expected: float, tensors: bool
) -> None:
    """The other end would give another last digit: float32 holds about seven and a half."""
    x, y = tg.tensor([float(start)]), tg.tensor([float(end)])
    assert tg.lerp(x, y, tg.tensor([weight]) if tensors else weight).item() == expected


@pytest.mark.parametrize("dtypes", [(tg.int64, tg.int64), (tg.float32, tg.float64)])
def test_a_way_leads_between_floats_of_one_dtype(dtypes: tuple[Any, Any]) -> None:
    x, y = (tg.tensor([1], dtype=dtype) for dtype in dtypes)
    with pytest.raises(RuntimeError, match="both must be of one floating dtype"):
        tg.lerp(x, y, 0.5)
