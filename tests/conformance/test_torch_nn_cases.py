"""The table of losses and modules, run by PyTorch and by us: values, and derivatives twice."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from nn_cases import ROWS

import tinygrad_np as tg

torch = pytest.importorskip("torch", reason="PyTorch, the reference, is not installed")

if TYPE_CHECKING:
    from nn_row import Row

every = pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
BOTH = (tg, torch)


@pytest.fixture(autouse=True)
def _threads() -> None:
    torch.set_num_threads(1)


def subjects(row: Row, dtype: str) -> list[Any]:
    """What the row is about, ours and PyTorch's, in a dtype; modules with the same parameters."""
    made = []
    for lib in BOTH:
        lib.manual_seed(1)
        made.append(row.make(lib))
    ours, theirs = made
    if isinstance(ours, tg.nn.Module):
        ours.to(getattr(tg, dtype))
        theirs.to(getattr(torch, dtype))
        state = {name: torch.tensor(x.numpy()) for name, x in ours.state_dict().items()}
        theirs.load_state_dict(state)
    return made


def arguments(row: Row, lib: Any, dtype: str) -> list[Any]:
    given = []
    for i, x in enumerate(row.draw(seed=20)):
        if isinstance(x, np.ndarray):
            floating = x.dtype.kind == "f"
            tensor = lib.tensor(x.astype(dtype) if floating else x)
            given.append(tensor.requires_grad_(floating and i not in row.constant))
        else:
            given.append(x)
    return given


def leaves(lib: Any, subject: Any, given: list[Any]) -> list[Any]:
    parameters = subject.parameters() if isinstance(subject, lib.nn.Module) else ()
    return [*(x for x in given if isinstance(x, lib.Tensor) and x.requires_grad), *parameters]


def results(subject: Any, given: list[Any]) -> list[Any]:
    y = subject(*given)
    return list(y) if isinstance(y, tuple) else [y]


def weights(lib: Any, tensors: list[Any], seed: int, dtype: str) -> list[Any]:
    rng = np.random.default_rng(seed)
    return [lib.tensor(np.asarray(rng.standard_normal(x.shape), dtype)) for x in tensors]


def derivatives(lib: Any, subject: Any, given: list[Any], dtype: str) -> list[list[Any]]:
    """Values; gradients of a projection; and gradients of a projection of those."""
    values = results(subject, given)
    outputs = [y for y in values if y.requires_grad]
    at = leaves(lib, subject, given)
    upstream = [g.requires_grad_() for g in weights(lib, outputs, 5, dtype)]
    first = lib.autograd.grad(outputs, at, upstream, create_graph=True)
    second = lib.autograd.grad(
        first, [*at, *upstream], weights(lib, list(first), 6, dtype), allow_unused=True
    )
    filled = [
        lib.zeros_like(x) if g is None else g for x, g in zip([*at, *upstream], second, strict=True)
    ]
    return [values, list(first), filled]


@every
@pytest.mark.parametrize(("dtype", "near"), [("float32", 2e-5), ("float64", 1e-11)])
def test_values_and_first_and_second_derivatives(row: Row, dtype: str, near: float) -> None:
    ours, theirs = (
        derivatives(lib, subject, arguments(row, lib, dtype), dtype)
        for lib, subject in zip(BOTH, subjects(row, dtype), strict=True)
    )
    for order, (mine, reference) in enumerate(zip(ours, theirs, strict=True)):
        for a, b in zip(mine, reference, strict=True):
            assert str(a.dtype) == str(b.dtype).removeprefix("torch.")
            assert tuple(a.shape) == tuple(b.shape)
            tolerance = near * 10**order
            np.testing.assert_allclose(
                a.detach().numpy(), b.detach().numpy(), rtol=tolerance, atol=tolerance
            )
