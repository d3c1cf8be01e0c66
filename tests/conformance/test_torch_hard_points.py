"""PyTorch at the points and sizes that the table of ops keeps away from."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest
from cases import SIZES, Case
from hard_points import HARD
from helpers import weights
from op_cases import BY_NAME, CASES

import tinygrad_np as tg

torch = pytest.importorskip("torch", reason="PyTorch, the reference, is not installed")

# Where we differ, and why.
DIFFERENT = {
    ("abs", "nan"): "PyTorch gives NaN the slope 0; ours shows NaN",
    ("sign", "nan"): "PyTorch gives NaN the sign 0; ours shows NaN",
    ("pow[0.5][number]", "-0.0"): "PyTorch takes the sign of -0 into the slope: -inf, not inf",
    ("pow[0.5][number]", "-inf"): "PyTorch: NaN for the slope, where the value is NaN; ours 0",
}
POINTS = [
    pytest.param(name, *point, id=f"{name} at {', '.join(map(str, point[0]))}")
    for name, points in HARD.items()
    for point in points
    if (name, str(point[0][0])) not in DIFFERENT
]


@pytest.mark.parametrize(("name", "operands", "value", "slopes"), POINTS)
def test_exact_values_are_pytorch_s(name: str, operands: Any, value: float, slopes: Any) -> None:
    """The table that our own tests hold us to is no opinion of ours."""
    xs = [torch.tensor([a], dtype=torch.float64, requires_grad=True) for a in operands]
    y = BY_NAME[name].call(torch, *xs)
    found = torch.autograd.grad(y, xs, torch.ones(1, dtype=torch.float64))
    near = {"rtol": 1e-15, "atol": 0}
    np.testing.assert_allclose(y.detach().numpy(), [value], **near)
    np.testing.assert_allclose(torch.cat(found).numpy(), slopes, **near)


def result(lib: Any, case: Case, arrays: Any) -> list[Any] | Exception:
    """Value and gradients, or the error."""
    xs = [lib.tensor(a, requires_grad=a.dtype.kind == "f") for a in arrays]
    try:
        y = case.call(lib, *xs)
        seed = lib.tensor(weights(tuple(y.shape)).numpy())
        slopes = lib.autograd.grad(y, [x for x in xs if x.requires_grad], seed)
    except (RuntimeError, IndexError, ValueError, TypeError) as error:
        return error
    return [x.detach().numpy() for x in (y, *slopes)]


def variants() -> Any:
    for case in CASES:
        if "internal" in case.forms:
            continue
        for letter in dict.fromkeys(s for x in case.operands for s in x.shape.split()):
            if letter in SIZES:
                sizes = SIZES | {letter: 0}
                yield pytest.param(
                    case, case.draw(seed=23, sizes=sizes), id=f"{case.name} {letter}=0"
                )
        lines = case.draw(seed=24, sizes=dict.fromkeys(SIZES, 1))
        yield pytest.param(
            case, [a.reshape(-1)[0].reshape(()) for a in lines], id=f"{case.name} 0-d"
        )


# Ours take the first two, which lose nothing; a number has no matrix to turn.
OURS_ALONE = {
    "pad[n 3; pad=(2, 1),mode=reflect] n=0",
    "pad[n 3; pad=(2, 1),mode=replicate] n=0",
}
THEIRS_ALONE = {"mT 0-d"}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(("case", "arrays"), [*variants()])
def test_size_0_and_0d(case: Case, arrays: Any, request: pytest.FixtureRequest) -> None:
    name = request.node.callspec.id
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        a, b = result(tg, case, arrays), result(torch, case, arrays)
    if isinstance(a, Exception) or isinstance(b, Exception):
        refused = (isinstance(a, Exception), isinstance(b, Exception))
        assert refused == (name not in OURS_ALONE, name not in THEIRS_ALONE), (a, b)
        return
    for mine, reference in zip(a, b, strict=True):
        assert mine.shape == reference.shape
        np.testing.assert_allclose(mine, reference, rtol=1e-12, atol=1e-12)
