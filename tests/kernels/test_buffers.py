"""Memory kept between steps: what makes the C library keep it is done once a process."""

from __future__ import annotations

import tracemalloc

import numpy as np

from tinygrad_np.kernels import conv
from tinygrad_np.kernels.buffers import keep_pages


def test_the_first_convolution_frees_a_block_just_below_the_limit_of_the_c_library() -> None:
    x = np.ones((1, 1, 1, 1))
    keep_pages.cache_clear()  # as in a new process
    tracemalloc.start()
    try:
        conv.conv2d(x, x)
        now, most = tracemalloc.get_traced_memory()
        assert 30 << 20 < most < 32 << 20
        assert now < 1 << 20
        tracemalloc.reset_peak()
        conv.conv2d(x, x)
        assert tracemalloc.get_traced_memory()[1] < 1 << 20
    finally:
        tracemalloc.stop()
