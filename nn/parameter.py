"""Parameter: a tensor that a module trains."""

from __future__ import annotations

from typing import Any, Self

import tinygrad_np as tg
from tinygrad_np.tensor.printing import tensor_repr
from tinygrad_np.views import share


class Parameter(tg.Tensor):
    """A leaf that requires grad and that a `Module` finds among its attributes.

    What is computed from it is a plain tensor.

    >>> Parameter(tg.ones(2))
    Parameter containing:
    tensor([1., 1.], requires_grad=True)
    """

    __slots__ = ()

    def __init__(self, data: Any = None, requires_grad: bool = True) -> None:
        given = data if isinstance(data, tg.Tensor) else tg.tensor(() if data is None else data)
        self.array = given.array
        self.node = None
        self.cell = share(given.cell)
        self.accumulator = None
        if requires_grad:
            self.requires_grad_()

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        """Give a parameter of the same numbers, without gradient; PyTorch, too, leaves it out."""
        copied = super().__deepcopy__(memo)
        copied.grad = None
        return copied

    def __repr__(self) -> str:
        return f"Parameter containing:\n{tensor_repr(self)}"
