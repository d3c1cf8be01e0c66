"""Fixtures for pytest. Ask for them in the `conftest.py` at the top of your tests:

    pytest_plugins = ["tinygrad_np.testing.pytest_plugin"]

They are not installed for everyone, so that no test run pays for what it does not use.
"""  # noqa: D400 - the first line leads to the second

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tinygrad_np import autograd
from tinygrad_np.dtypes import get_default_dtype, set_default_dtype
from tinygrad_np.random import manual_seed

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


@pytest.fixture
def gradcheck() -> Callable[..., None]:
    """Check first and second derivatives: `gradcheck(function, inputs)`, `order=1` for the first.

    Floating inputs that require no grad are checked too, unlike by `autograd.gradcheck`, whose
    options are taken.
    """

    def check(function: Any, inputs: Any, *, order: int = 2, **options: Any) -> None:
        given = list(inputs) if isinstance(inputs, (list, tuple)) else [inputs]
        wanted = [
            x.detach().requires_grad_()
            if getattr(getattr(x, "dtype", None), "kind", "") == "f"
            else x
            for x in given
        ]
        autograd.gradcheck(function, wanted, **options)
        if order > 1:
            autograd.gradgradcheck(function, wanted, **options)

    return check
