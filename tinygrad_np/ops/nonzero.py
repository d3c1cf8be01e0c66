"""Where the elements are that are not 0."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_np.core import Value, wrap
from tinygrad_np.ops.checks import check_tensor


def nonzero(input: Value, *, as_tuple: bool = False) -> Any:
    """Indices of the elements that are not 0, one row for each; or, as a tuple, by dimension.

    The tuple can be used as an index. There is no gradient.

    >>> import tinygrad_np as tg
    >>> x = tg.tensor([[1.0, 0.0], [0.0, 2.0]])
    >>> tg.nonzero(x)
    tensor([[0, 0],
            [1, 1]])
    >>> x[tg.nonzero(x, as_tuple=True)]
    tensor([1., 2.])
    """
    check_tensor("nonzero", "input", input)
    if as_tuple:
        return tuple(map(wrap, np.nonzero(np.atleast_1d(input.array))))
    return argwhere(input)


def argwhere(input: Value) -> Any:
    """Indices of the elements that are not 0, one row for each; see `nonzero`.

    >>> import tinygrad_np as tg
    >>> tg.argwhere(tg.tensor([0, 3, 4]))
    tensor([[1],
            [2]])
    """
    check_tensor("argwhere", "input", input)
    return wrap(np.ascontiguousarray(np.argwhere(input.array)))
