"""What tests of kernels share."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

import tinygrad_np as tg
from tinygrad_np.kernels.threads import find_blas

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def two() -> Iterator[None]:
    before = tg.get_num_threads()
    tg.set_num_threads(2)
    if find_blas().get() != 2:
        pytest.skip("this NumPy's BLAS cannot be told its number of threads")
    yield
    tg.set_num_threads(before)
