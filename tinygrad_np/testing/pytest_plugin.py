"""Fixtures for pytest. Ask for them in the `conftest.py` at the top of your tests:

    pytest_plugins = ["tinygrad_np.testing.pytest_plugin"]

They are not installed for everyone, so that no test run pays for what it does not use.
"""  # noqa: D400 - the first line leads to the second

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from tinygrad_np import autograd
from tinygrad_np.dtypes import get_default_dtype, set_default_dtype
from tinygrad_np.random import manual_seed
from tinygrad_np.tensor.creation import from_numpy
from tinygrad_np.tensor.tensor import Tensor

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@pytest.fixture
def seeded() -> Iterator[None]:
    """Start the test from seed 0, and put the default dtype and the grad mode back after it.

    For all tests of a directory: `@pytest.fixture(autouse=True)` above a fixture that asks for it.
    """
    dtype, enabled = get_default_dtype(), autograd.is_grad_enabled()
    manual_seed(0)
    yield
    set_default_dtype(dtype)
    autograd.set_grad_enabled(enabled)


@pytest.fixture(scope="session")  # it holds nothing, and `@given` takes it then
def gradcheck() -> Callable[..., None]:
    """Check first and second derivatives: `gradcheck(function, inputs)`, `order=1` for the first.

    Floating inputs that require no grad are checked too, and arrays among them, unlike by
    `autograd.gradcheck`, whose options are taken.
    """

    def check(function: Any, inputs: Any, *, order: int = 2, **options: Any) -> None:
        given = list(inputs) if isinstance(inputs, (list, tuple)) else [inputs]
        wanted = [_leaf(x) for x in given]
        autograd.gradcheck(function, wanted, **options)
        if order > 1:
            autograd.gradgradcheck(function, wanted, **options)

    return check


def _leaf(x: Any) -> Any:
    """Give a leaf for a floating tensor or array, and anything else as it is."""
    if isinstance(x, np.ndarray) and x.dtype.kind == "f":
        x = from_numpy(x)
    if not isinstance(x, Tensor) or x.dtype.kind != "f" or x.requires_grad:
        return x
    return x.detach().requires_grad_()
