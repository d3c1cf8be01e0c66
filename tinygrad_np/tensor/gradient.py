"""The face of differentiation on a tensor: requires_grad, grad, backward, detach."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

import numpy as np

from tinygrad_np.core import Accumulator, Node, Value, apply, wrap
from tinygrad_np.engine import run_backward
from tinygrad_np.errors import GraphError, ShapeError
from tinygrad_np.promotion import Cast
from tinygrad_np.tensor.creation import require_grad

if TYPE_CHECKING:
    from collections.abc import Sequence


class GradFn:
    """A node of the graph, as PyTorch shows it."""

    __slots__ = ("node",)

    def __init__(self, node: Node) -> None:
        self.node = node

    def name(self) -> str:
        """Name of the op, with PyTorch's ending: `MulBackward0`."""
        name = self.node.op.name
        return f"{name[0].upper()}{name[1:]}Backward0"

    @property
    def next_functions(self) -> tuple[tuple[GradFn | None, int], ...]:
        """Where gradients go from here: nodes, and None for leaves and constants."""
        return tuple(
            (GradFn(parent) if isinstance(parent, Node) else None, 0)
            for parent in self.node.parents
        )

    def __repr__(self) -> str:
        return f"<{self.name()}>"


class Differentiable(Value):
    """What a tensor has to do with gradients."""

    __slots__ = ()

    @property
    def requires_grad(self) -> bool:
        """Whether gradients flow to this tensor, or through it."""
        return self.vertex is not None

    @requires_grad.setter
    def requires_grad(self, value: bool) -> None:
        self.requires_grad_(value)

    def requires_grad_(self, requires_grad: bool = True) -> Self:
        """Ask for a gradient of this leaf, or stop asking."""
        if self.node is not None:
            if not requires_grad:
                raise RuntimeError(
                    "requires_grad: only leaves can stop asking for a gradient; cut this result "
                    "off the graph with .detach()"
                )
        elif requires_grad:
            require_grad(self)
        elif self.accumulator is not None:
            self.accumulator.requires_grad = False
        return self

    @property
    def is_leaf(self) -> bool:
        """Whether no recorded op made this tensor."""
        return self.node is None

    @property
    def grad(self) -> Any:
        """Gradient that `backward` accumulated, or None."""
        return None if self.accumulator is None else self.accumulator.grad

    @grad.setter
    def grad(self, grad: Value | None) -> None:
        if grad is not None and not isinstance(grad, Value):
            raise TypeError(
                f"grad: expected a Tensor or None, got a {type(grad).__qualname__}; wrap it with "
                "tensor()"
            )
        if grad is not None and grad.array.shape != self.array.shape:
            raise ShapeError(
                f"grad: a gradient of shape {grad.array.shape} cannot be that of a tensor of shape "
                f"{self.array.shape}"
            )
        if self.accumulator is None:
            self.accumulator = Accumulator()
        self.accumulator.grad = grad

    @property
    def grad_fn(self) -> GradFn | None:
        """The recorded op that made this tensor, or None."""
        return None if self.node is None else GradFn(self.node)

    def detach(self) -> Self:
        """Give the same memory, cut off the graph; a write through it is noticed by the graph."""
        detached: Self = wrap(self.array, self.cell)
        return detached

    @property
    def data(self) -> Self:
        """The same memory, cut off the graph; assigning other data swaps the array."""
        return self.detach()

    @data.setter
    def data(self, data: Value) -> None:
        if not isinstance(data, Value):
            raise TypeError(
                f"data: expected a Tensor, got a {type(data).__qualname__}; wrap it with tensor()"
            )
        if self.requires_grad and data.array.dtype.kind != "f":
            raise RuntimeError(
                f"data: {data.array.dtype} numbers cannot take the place of a tensor that requires "
                "grad; convert them with .float()"
            )
        self.array = data.array
        self.cell = data.cell

    def backward(
        self,
        gradient: Value | None = None,
        retain_graph: bool | None = None,
        create_graph: bool = False,
        inputs: Sequence[Value] | Value | None = None,
    ) -> None:
        """Add the gradient of this tensor to the `.grad` of every leaf it depends on.

        Parameters
        ----------
        gradient
            Gradient of the final result with respect to this tensor; 1 for one element.
        retain_graph
            Keep what the derivatives read, so that the graph can be gone through again; by
            default as `create_graph`.
        create_graph
            Record the derivatives too, so that they can be differentiated.
        inputs
            Accumulate into these leaves only.

        Raises
        ------
        GraphError
            If nothing requires grad, the graph was freed, or an array it reads was overwritten.
        ShapeError
            If there is more than one element and no `gradient`, or its shape is another.

        >>> import tinygrad_np as tg
        >>> x = tg.tensor([1.0, 2.0], requires_grad=True)
        >>> (x * x).sum().backward()
        >>> x.grad
        tensor([2., 4.])
        """
        seed = initial_gradient(self, gradient)
        keep = create_graph if retain_graph is None else retain_graph
        assert self.vertex is not None
        run_backward(
            [(self.vertex, seed)],
            leaves=chosen_leaves(inputs),
            retain_graph=keep,
            create_graph=create_graph,
        )


def chosen_leaves(inputs: Sequence[Value] | Value | None) -> list[Value] | None:
    """Leaves that `inputs=` names, or None for all of them."""
    if inputs is None:
        return None
    given = [inputs] if isinstance(inputs, Value) else list(inputs)
    if not given:
        raise GraphError("backward: inputs= is empty; leave it out to reach every leaf")
    for i, x in enumerate(given):
        if x.vertex is not x:
            raise GraphError(
                f"backward: input {i} (shape {x.array.shape}) is not a leaf that requires grad, "
                "and gradients accumulate in those alone; use autograd.grad for that of a result"
            )
    return given


def initial_gradient(output: Value, gradient: Value | None) -> Value:
    """Gradient that a backward pass starts with; 1 for an output of one element."""
    if output.vertex is None:
        raise GraphError(
            "backward: this tensor does not require grad and has no graph; set "
            "requires_grad=True on the leaves before the forward pass, outside no_grad()"
        )
    shape, dtype = output.array.shape, output.array.dtype
    if gradient is None:
        if output.array.size != 1:
            raise ShapeError(
                f"backward: a gradient can be created only for one element, and this output has "
                f"shape {shape}; reduce it with .sum() or .mean(), or pass gradient="
            )
        seed: Value = wrap(np.ones(shape, dtype))
        return seed
    if not isinstance(gradient, Value):
        raise TypeError(
            f"backward: gradient must be a Tensor, not {type(gradient).__qualname__}; wrap it with "
            "tensor()"
        )
    if gradient.array.shape != shape:
        raise ShapeError(
            f"backward: gradient has shape {gradient.array.shape}, and the output {shape}; they "
            "must be equal"
        )
    if gradient.array.dtype != dtype:
        return apply(Cast(dtype), gradient)
    return gradient
