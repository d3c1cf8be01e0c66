"""Which rows of the table have a second derivative of 0, and why: no row has it unannounced.

A rule that loses the graph of its gradient gives 0 at second order, and a table in which 0 is
common would let it. So each row without curvature is named here with its reason, and the reason
is tried on values alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from helpers import tensors
from op_cases import BY_NAME, CASES

import tinygrad_np as tg

if TYPE_CHECKING:
    from cases import Case

    Array = np.ndarray[Any, Any]

LINEAR = "linear, but for a constant"
PIECES = "linear in pieces"
CONSTANT = "constant in pieces: its first derivative is 0 too"
# Rows by the beginning of their names, up to a bracket.
ZERO = {
    reason: names.split()
    for reason, names in {
        LINEAR: """
            neg clone add sub rsub mul[number] div[number] pow[1][number] lerp[0.25] lerp[0.75]
            where getitem take_along_dim gather scatter scatter_add masked_fill masked_select
            index_select index_add index_fill setitem copy_ fill_[tensor]
            AddAt AddAlongDim Put Clear
            diagonal OnDiagonal select contiguous narrow Embed pick_class PlaceClass
            sum mean sum_to broadcast_to cat stack
            reshape permute transpose T t mT flatten squeeze unsqueeze
            avg_pool1d avg_pool2d adaptive_avg_pool1d adaptive_avg_pool2d AvgPool2dBackward
            AdaptiveAvgPool2dBackward MaxPool2dBackward pad unfold fold
        """,
        PIECES: """
            abs relu maximum minimum amax amin max min clamp clamp_min clamp_max clip
            remainder fmod max_pool1d max_pool2d adaptive_max_pool1d adaptive_max_pool2d
        """,
        CONSTANT: "sign draw zeros_like div[floor] div[trunc] pow[0][number] fill_[number] zero_",
    }.items()
}

# Though their names begin like others': `x[...] *= v` is a product.
CURVED = {"setitem[scaled]", "setitem[list, scaled]"}


def reason(name: str) -> str:
    """Why a row has no curvature, or nothing."""
    if name in CURVED:
        return ""
    return next(
        (
            why
            for why, keys in ZERO.items()
            if any(name == key or name.startswith(f"{key}[") for key in keys)
        ),
        "",
    )


def floating(arrays: list[Array]) -> list[bool]:
    return [a.dtype.kind == "f" for a in arrays]


def moved(arrays: list[Array], along: list[Array], by: float) -> list[Array]:
    return [
        a + by * v if moves else a
        for a, v, moves in zip(arrays, along, floating(arrays), strict=True)
    ]


def directions(arrays: list[Array]) -> list[Array]:
    rng = np.random.default_rng(17)
    return [rng.uniform(-1, 1, a.shape) for a in arrays]


def curvature(case: Case, *, by_rules: bool) -> tuple[float, float]:
    """Slopes and second derivatives along one direction: the largest of the result."""
    arrays = case.draw(seed=18)
    along = directions(arrays)
    if not by_rules:
        step = 1e-3  # no domain comes within 0.02 of a kink
        low, at, high = (
            case.call(tg, *tensors(moved(arrays, along, h))).detach().numpy()
            for h in (-step, 0, step)
        )
        first, second = (high - low) / (2 * step), (high - 2 * at + low) / step**2
        return np.abs(first).max(initial=0), np.abs(second).max(initial=0)
    operands = tensors(arrays)
    wanted = [x for x in operands if x.requires_grad]
    y = case.call(tg, *operands)
    u = tg.tensor(np.random.default_rng(19).standard_normal(y.shape))
    slopes = tg.autograd.grad(y, wanted, u, create_graph=True)
    ways = [tg.tensor(v) for v, moves in zip(along, floating(arrays), strict=True) if moves]
    slope = sum((g * v).sum() for g, v in zip(slopes, ways, strict=True))
    second = [None]
    if slope.requires_grad:
        second = tg.autograd.grad(slope, wanted, allow_unused=True)
    found = [np.abs(g.numpy()).max(initial=0) for g in second if g is not None]
    return max(np.abs(g.detach().numpy()).max(initial=0) for g in slopes), max(found, default=0)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_no_row_lacks_a_second_derivative_unannounced(case: Case) -> None:
    why = reason(case.name)
    _, by_values = curvature(case, by_rules=False)
    slope, by_rules = curvature(case, by_rules=True)
    if why:
        assert by_values < 1e-6, f"{case.name} is not {why}"
        assert by_rules == 0
    else:
        assert by_values > 1e-3, f"{case.name} has no curvature: name it in ZERO, with its reason"
        assert by_rules > 1e-3
    if why == CONSTANT:
        assert slope == 0


LINEAR_ROWS = [case for case in CASES if reason(case.name) == LINEAR]


@pytest.mark.parametrize("case", LINEAR_ROWS, ids=lambda case: case.name)
def test_linear_rows_are_linear_far_away(case: Case) -> None:
    """Steps of a hundred change the result a hundred times as much as steps of one."""
    arrays = case.draw(seed=18)
    along = directions(arrays)
    near, at, far = (
        case.call(tg, *tensors(moved(arrays, along, h))).detach().numpy() for h in (1, 0, 100)
    )
    np.testing.assert_allclose(far - at, 100 * (near - at), rtol=1e-9, atol=1e-9)


def test_every_reason_is_that_of_a_row() -> None:
    for keys in ZERO.values():
        for key in keys:
            assert any(name == key or name.startswith(f"{key}[") for name in BY_NAME), key
