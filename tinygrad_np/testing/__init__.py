"""Testing what is differentiable: your own ops and modules, and this library's.

`check_op` and `check_vjp` check one function at one point; the strategies draw such points for
hypothesis, and `op_test` makes a test of both. Hypothesis comes with the extra `test`, and is
imported when the first strategy is asked for.

>>> import numpy as np
>>> import tinygrad_np as tg
>>> tg.testing.check_op(tg.tanh, [tg.tensor([0.5, -1.0])], oracle=np.tanh)
>>> tg.testing.assert_close(tg.ones(2), tg.tensor([1.0, 2.0]))
Traceback (most recent call last):
    ...
AssertionError: Tensor-likes are not close!
...
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from tinygrad_np.missing import no_attribute
from tinygrad_np.testing.closeness import assert_close as assert_close
from tinygrad_np.testing.creation import make_tensor as make_tensor
from tinygrad_np.testing.layouts import LAYOUTS as LAYOUTS
from tinygrad_np.testing.ops import CHECKS as CHECKS
from tinygrad_np.testing.ops import CheckOpError as CheckOpError
from tinygrad_np.testing.ops import check_op as check_op
from tinygrad_np.testing.vjp import check_vjp as check_vjp

if TYPE_CHECKING:
    from tinygrad_np.testing.indexing import indices as indices
    from tinygrad_np.testing.strategies import arrays as arrays
    from tinygrad_np.testing.strategies import broadcastable_shapes as broadcastable_shapes
    from tinygrad_np.testing.strategies import dims as dims
    from tinygrad_np.testing.strategies import op_test as op_test
    from tinygrad_np.testing.strategies import shapes as shapes
    from tinygrad_np.testing.strategies import tensors as tensors
    from tinygrad_np.testing.windows import ConvConfig as ConvConfig
    from tinygrad_np.testing.windows import PoolConfig as PoolConfig
    from tinygrad_np.testing.windows import conv_configs as conv_configs
    from tinygrad_np.testing.windows import pool_configs as pool_configs

_DRAWING = {
    **dict.fromkeys(
        ("arrays", "broadcastable_shapes", "dims", "op_test", "shapes", "tensors"), "strategies"
    ),
    "indices": "indexing",
    **dict.fromkeys(("ConvConfig", "PoolConfig", "conv_configs", "pool_configs"), "windows"),
}
_HELPERS = {"TYPE_CHECKING", "Any", "annotations", "importlib", "no_attribute"}


def __dir__() -> list[str]:
    """List the strategies too, imported or not, and nothing that this file imports for itself."""
    return sorted((globals().keys() | _DRAWING.keys()) - _HELPERS)


def __getattr__(name: str) -> Any:
    """Import hypothesis with the first strategy."""
    if name not in _DRAWING:
        raise no_attribute(__name__, name, __dir__())
    try:
        module = importlib.import_module(f"{__name__}.{_DRAWING[name]}")
    except ModuleNotFoundError as error:
        if error.name != "hypothesis":
            raise
        raise ModuleNotFoundError(
            f"tinygrad_np.testing.{name} needs hypothesis: pip install 'tinygrad-np[test]'",
            name="hypothesis",
        ) from error
    return getattr(module, name)
