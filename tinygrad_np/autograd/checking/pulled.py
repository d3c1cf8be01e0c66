"""The gradients of an op as an op of its own, so that they can be checked as every op is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tinygrad_np.autograd.checking.directional import results_of
from tinygrad_np.core import Op, Value
from tinygrad_np.engine import run_backward
from tinygrad_np.recorder import recorder_in_grad_mode, recording
from tinygrad_np.tensor.creation import zeros

if TYPE_CHECKING:
    from collections.abc import Sequence


class Pulled(Op):
    """Gradients that can be differentiated again, of the operands and of upstream gradients.

    Its operands are those of the op, then an upstream gradient for each of some results. What its
    rule is, the tape says: whatever a rule detaches is missing there, and not in the differences.

    Parameters
    ----------
    op
        The op.
    wanted
        Positions of the operands whose gradients it gives.
    given
        Positions of the results that there are upstream gradients of.
    """

    __slots__ = ("given", "op", "wanted")
    formula = "the gradients of an op"
    derivative = "as the tape gives it"

    def __init__(self, op: Op, wanted: Sequence[int], given: Sequence[int]) -> None:
        self.op, self.wanted, self.given = op, wanted, given

    def again(self, *values: Any) -> tuple[Value, ...]:
        """Run the op and its rule, on tensors."""
        count = len(values) - len(self.given)
        operands, upstream = [*values[:count]], values[count:]
        with recording(recorder_in_grad_mode()):
            for i in self.wanted:
                x = operands[i]
                operands[i] = (x if x.vertex is not None else x.requires_grad_()).clone()
            vertices = [operands[i].vertex for i in self.wanted]  # before the op writes into them
            results = results_of(self.op, operands)
            found = run_backward(
                [
                    (results[k].vertex, g)
                    for k, g in zip(self.given, upstream, strict=True)
                    if results[k].vertex is not None
                ],
                retain_graph=True,
                create_graph=True,
                wanted={*vertices},
            )
            shapes = [values[i].shape for i in self.wanted]
            return tuple(
                found[vertex] if vertex in found else zeros(shape)
                for vertex, shape in zip(vertices, shapes, strict=True)
            )
