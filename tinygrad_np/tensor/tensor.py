"""The Tensor: an array that remembers how it was made. Its methods live in mixins, by family."""

from __future__ import annotations

from typing import Any, Self

import numpy as np

from tinygrad_np.core import register_result_class
from tinygrad_np.dtypes import get_default_dtype
from tinygrad_np.tensor.absent import Absent
from tinygrad_np.tensor.arithmetic import Arithmetic
from tinygrad_np.tensor.conversion import Converting
from tinygrad_np.tensor.creation import empty, require_grad, tensor
from tinygrad_np.tensor.data import to_array
from tinygrad_np.tensor.gradient import Differentiable
from tinygrad_np.tensor.interop import Interoperating
from tinygrad_np.tensor.making import Making
from tinygrad_np.tensor.placing import Placing
from tinygrad_np.tensor.printing import tensor_repr
from tinygrad_np.tensor.random_methods import Randomizing
from tinygrad_np.tensor.reduction import Reducing
from tinygrad_np.tensor.shaping import Shaping
from tinygrad_np.tensor.writing import Writing
from tinygrad_np.views import share


class Tensor(
    Arithmetic,
    Reducing,
    Shaping,
    Placing,
    Writing,
    Randomizing,
    Converting,
    Interoperating,
    Making,
    Differentiable,
    Absent,
):
    """A multi-dimensional array of one dtype that can record what is done with it.

    Made by `tensor`, `zeros` and their kin, and by every operation. With `requires_grad`, the
    operations on it are recorded, and `backward` on a result fills in `grad`.

    >>> x = tensor([1.0, 2.0], requires_grad=True)
    >>> y = (x * 3).sum()
    >>> y.backward()
    >>> x.grad
    tensor([3., 3.])
    """

    __slots__ = ()

    def __init__(self, *data: Any) -> None:
        """Make a tensor of the default dtype: of data, or of ints that are its sizes."""
        dtype = get_default_dtype()
        sized = data and isinstance(data[0], (int, np.integer))
        made = empty(*data, dtype=dtype) if sized else tensor(*(data or ((),)), dtype=dtype)
        self.array = made.array
        self.node = None
        self.cell = [0]
        self.accumulator = None

    def __repr__(self) -> str:
        return tensor_repr(self)

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        if not self.is_leaf:
            raise RuntimeError(
                "deepcopy: only leaves can be copied with their place in the graph; use .clone() "
                "or .detach() on a result"
            )
        copy = type(self).__new__(type(self))
        memo[id(self)] = copy
        copy.__setstate__(self.__getstate__())
        copy.array = np.array(self.array, order="C")
        copy.grad = None if self.grad is None else self.grad.detach().clone()
        return copy

    def __copy__(self) -> Self:
        copy = type(self).__new__(type(self))
        vertex = self.vertex
        copy.array, copy.node, copy.cell = self.array, self.node, share(self.cell)
        copy.accumulator = None
        if vertex is self:
            require_grad(copy)
        return copy

    def __getstate__(self) -> dict[str, Any]:
        return {"array": self.array, "requires_grad": self.requires_grad}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.array = to_array(state["array"], None)
        self.node = None
        self.cell = [0]
        self.accumulator = None
        if state["requires_grad"]:
            require_grad(self)


register_result_class(Tensor)
