"""What every test runs under: hypothesis profiles, and the library's few settings put back."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, settings

import tinygrad_np as tg
from tinygrad_np.kernels import threads

if TYPE_CHECKING:
    from collections.abc import Iterator

pytest_plugins = ["tinygrad_np.testing.pytest_plugin"]

SLOW = (HealthCheck.too_slow, HealthCheck.function_scoped_fixture)

settings.register_profile("dev", max_examples=10, deadline=None, suppress_health_check=SLOW)
settings.register_profile(
    "ci", max_examples=10, deadline=None, derandomize=True, suppress_health_check=SLOW
)
settings.register_profile("deep", max_examples=1000, deadline=None, suppress_health_check=SLOW)
# --hypothesis-profile is applied after this, and wins.
settings.load_profile("ci" if os.environ.get("CI") else "dev")


@pytest.fixture(autouse=True)
def _settings(seeded: None) -> None:  # noqa: ARG001 - a fixture acts by being asked for
    """Start every test from the same seed and the default dtype, and outside any mode."""
    assert tg.is_grad_enabled()
    assert tg.get_default_dtype() == tg.float32


@pytest.fixture
def _two_threads() -> Iterator[None]:
    before = tg.get_num_threads()
    tg.set_num_threads(2)
    threads.each(lambda _: None, range(2))  # so that threads of ours are in use
    yield
    tg.set_num_threads(before)
