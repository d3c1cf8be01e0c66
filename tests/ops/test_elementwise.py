"""Elementwise ops on arrays large enough for threads."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

import tinygrad_np as tg
from tinygrad_np.kernels import threads

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def _two_threads() -> Iterator[None]:
    before = tg.get_num_threads()
    tg.set_num_threads(2)
    threads.each(lambda _: None, range(2))  # so that threads of ours are in use
    yield
    tg.set_num_threads(before)


@pytest.mark.parametrize("axes", [(0, 1, 2), (2, 0, 1)], ids=["by rows", "permuted"])
@pytest.mark.usefixtures("_two_threads")
def test_relu_of_a_large_array(axes: tuple[int, ...]) -> None:
    x = np.random.default_rng(0).standard_normal((3, 50, 7500), np.float32)
    assert x.nbytes > threads.LARGE
    x[:, ::7, ::11] = np.nan
    x = x.transpose(axes)
    before = x.copy()
    t = tg.from_numpy(x).requires_grad_()
    y = tg.relu(t)
    np.testing.assert_array_equal(y.detach().numpy(), np.where(np.isnan(x), x, np.fmax(x, 0)))
    np.testing.assert_array_equal(x, before)
    y.sum().backward()
    np.testing.assert_array_equal(t.grad.numpy(), np.where(x <= 0, 0, 1))
