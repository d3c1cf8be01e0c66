"""Random numbers as an operation: what they replace gets a gradient of zeros."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tinygrad_np.core import Op
from tinygrad_np.ops.elementwise import zeros_like

if TYPE_CHECKING:
    from collections.abc import Callable

    from tinygrad_np.core import Array, Operand, Thunks


class Draw(Op):
    """Random numbers in the shape to which the operands broadcast."""

    __slots__ = ("_name", "draw")
    formula = "y is random"
    derivative = "dy/dx = 0"
    broadcasts = True

    def __init__(self, name: str, draw: Callable[..., Array]) -> None:
        self._name = name
        self.draw = draw  # from the operands' arrays to a new one

    @property
    def name(self) -> str:
        """Name of the distribution."""
        return self._name

    def forward(self, *arrays: Array) -> Array:
        return self.draw(*arrays)

    def vjp(self, g: Operand, *operands: Operand) -> Thunks:
        return (lambda: zeros_like(g),) * (len(operands) - 1)
