"""The face of differentiation on a tensor: requires_grad, grad, backward, detach."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from tinygrad_np.arrival import accumulate, hooks_of, retain, retains
from tinygrad_np.core import Accumulator, Node, Value, apply, wrap
from tinygrad_np.engine import run_backward
from tinygrad_np.errors import DtypeError, GraphError, ShapeError, not_a_tensor
from tinygrad_np.promotion import Cast
from tinygrad_np.tensor.creation import require_grad
from tinygrad_np.tensor.grad_fn import source
from tinygrad_np.views import detach, of_two_modes, root, share

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tinygrad_np.arrival import RemovableHandle
    from tinygrad_np.core import Vertex
    from tinygrad_np.tensor.grad_fn import GradFn


class Differentiable(Value):
    """What a tensor has to do with gradients."""

    __slots__ = ()

    @property
    def requires_grad(self) -> bool:
        """Whether gradients flow to this tensor, or through it."""
        return of_two_modes(self) or self.vertex is not None

    @requires_grad.setter
    def requires_grad(self, value: bool) -> None:
        if not self.is_leaf:
            raise RuntimeError(
                "requires_grad: this can be set for leaves only, and this tensor is a result; cut "
                "it off the graph with .detach()"
            )
        self.requires_grad_(value)

    def requires_grad_(self, requires_grad: bool = True) -> Self:
        """Ask for a gradient of this leaf, or stop asking."""
        if isinstance(self.vertex, Node):
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
        return not isinstance(self.vertex, Node)

    @property
    def grad(self) -> Any:
        """Gradient that `backward` accumulated, or None.

        Only leaves and results with `retain_grad` get one; asking any other result warns.
        """
        if not of_two_modes(self) and not self.is_leaf and not retains(self):
            given = None if self.accumulator is None else self.accumulator.grad
            if given is None:
                warnings.warn(
                    "grad: this tensor is a result and not a leaf, so backward() does not fill in "
                    "its .grad; call .retain_grad() on it before, or ask for the .grad of the leaf",
                    UserWarning,
                    stacklevel=2,
                )
        return None if self.accumulator is None else self.accumulator.grad

    @grad.setter
    def grad(self, grad: Value | None) -> None:
        if grad is not None and not isinstance(grad, Value):
            raise not_a_tensor("Tensor", "grad", grad, " or None")
        if grad is not None and grad.array.shape != self.array.shape:
            raise ShapeError(
                f"grad: a gradient of shape {grad.array.shape} cannot be that of a tensor of shape "
                f"{self.array.shape}"
            )
        if grad is not None and grad.array.dtype != self.array.dtype:
            raise DtypeError(
                f"grad: a gradient of {grad.array.dtype} cannot be that of a tensor of "
                f"{self.array.dtype}; convert it with .to(x.dtype)"
            )
        if grad is self:
            raise GraphError("grad: a tensor cannot be its own gradient; take a .clone()")
        if self.accumulator is None:
            self.accumulator = Accumulator()
        self.accumulator.grad = grad

    @grad.deleter
    def grad(self) -> None:
        self.grad = None

    @property
    def grad_fn(self) -> GradFn | None:
        """The recorded op that made this tensor, or None."""
        vertex = self.vertex  # which gives a view its new node if its base was written
        return source(vertex)[0] if isinstance(vertex, Node) else None

    def register_hook(self, hook: Callable[[Any], Any]) -> RemovableHandle:
        """Call `hook(grad)` whenever a gradient of this tensor has been computed.

        What it returns takes the place of the gradient; None leaves it. Hooks are called in the
        order in which they were registered, also by `autograd.grad`. The hook of a result belongs
        to the op that made it: after a write in place it still gets the gradient of what the tensor
        was before.

        Raises
        ------
        RuntimeError
            If the tensor does not require grad; in the backward pass, if what the hook returned has
            another shape or dtype.

        >>> import tinygrad_np as tg
        >>> x = tg.ones(2, requires_grad=True)
        >>> handle = x.register_hook(lambda g: g * 10)
        >>> (x * 2).sum().backward()
        >>> x.grad
        tensor([20., 20.])
        >>> handle.remove()
        """
        return hooks_of(_vertex(self, "register_hook")).before.add(hook)

    def register_post_accumulate_grad_hook(self, hook: Callable[[Any], None]) -> RemovableHandle:
        """Call `hook(tensor)` whenever `backward` has added to the `.grad` of this leaf.

        >>> import tinygrad_np as tg
        >>> x = tg.ones(2, requires_grad=True)
        >>> handle = x.register_post_accumulate_grad_hook(lambda x: print(x.grad))
        >>> (x * 2).sum().backward()
        tensor([2., 2.])
        """
        vertex = _vertex(self, "register_post_accumulate_grad_hook")
        if vertex is not self:
            raise RuntimeError(
                "register_post_accumulate_grad_hook: only leaves accumulate gradients, and this "
                "tensor is a result; use register_hook"
            )
        return hooks_of(vertex).after.add(hook)

    def retain_grad(self) -> None:
        """Let `backward` fill in the `.grad` of this result too; leaves have one anyway.

        >>> import tinygrad_np as tg
        >>> x = tg.ones(2, requires_grad=True)
        >>> y = x * 3
        >>> y.retain_grad()
        >>> (y * y).sum().backward()
        >>> y.grad
        tensor([6., 6.])
        """
        if _vertex(self, "retain_grad") is not self:
            retain(self)

    @property
    def retains_grad(self) -> bool:
        """Whether `backward` fills in the `.grad` of this result, by `retain_grad`."""
        return retains(self)

    def detach(self) -> Self:
        """Give the same memory, cut off the graph; a write through it is noticed by the graph."""
        return detach(self)

    def detach_(self) -> Self:
        """Cut this tensor off the graph, in place: it becomes a leaf without gradient."""
        if root(self)[1]:
            raise GraphError(
                "detach_: a view cannot be cut off its base in place; use .detach(), or detach_ "
                "the base"
            )
        self.node = None
        if self.accumulator is not None:
            self.accumulator.requires_grad = False
        return self

    @property
    def _version(self) -> int:
        """How often the memory was written through tensors that share it."""
        return self.cell[0]

    @property
    def data(self) -> Self:
        """The same memory, cut off the graph; assigning other data swaps the array."""
        return self.detach()

    @data.setter
    def data(self, data: Value) -> None:
        if not isinstance(data, Value):
            raise not_a_tensor("Tensor", "data", data)
        if self.requires_grad and data.array.dtype.kind != "f":
            raise RuntimeError(
                f"data: {data.array.dtype} numbers cannot take the place of a tensor that requires "
                "grad; convert them with .float()"
            )
        self.array = data.array
        self.cell = share(data.cell)

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
            Accumulate into these only: leaves, or results that the tensor depends on.

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
        differentiate(
            [(self, gradient)], retain_graph=retain_graph, create_graph=create_graph, inputs=inputs
        )


def differentiate(
    outputs: Sequence[tuple[Value, Value | None]],
    *,
    retain_graph: bool | None,
    create_graph: bool,
    inputs: Sequence[Value] | Value | None,
) -> None:
    """Accumulate the gradients of outputs, each with its weight, in leaves or in `inputs`."""
    roots = [(_vertex(y, "backward"), initial_gradient(y, weight)) for y, weight in outputs]
    keep = create_graph if retain_graph is None else retain_graph
    if inputs is None:
        run_backward(roots, retain_graph=keep, create_graph=create_graph)
        return
    chosen = [inputs] if isinstance(inputs, Value) else list(dict.fromkeys(inputs))
    if not chosen:
        raise GraphError("backward: inputs= is empty; leave it out to reach every leaf")
    vertices = [_vertex(x, f"backward: input {i}") for i, x in enumerate(chosen)]
    found = run_backward(
        roots, wanted=frozenset(vertices), retain_graph=keep, create_graph=create_graph
    )
    for x, vertex in zip(chosen, vertices, strict=True):
        if vertex in found:
            accumulate(x, found[vertex] if create_graph else found[vertex].array, asked=True)


def _vertex(tensor: Value, name: str) -> Vertex:
    """Where gradients of this tensor arrive."""
    vertex = tensor.vertex
    if vertex is None:
        raise GraphError(
            f"{name}: this tensor does not require grad and has no graph; set requires_grad=True "
            "on the leaves before the forward pass, outside no_grad()"
        )
    return vertex


def initial_gradient(output: Value, gradient: Value | None) -> Value:
    """Gradient that a backward pass starts with; 1 for an output of one element."""
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
        raise not_a_tensor("backward", "gradient", gradient)
    if gradient.array.shape != shape:
        raise ShapeError(
            f"backward: gradient has shape {gradient.array.shape}, and the output {shape}; they "
            "must be equal"
        )
    if gradient.array.dtype != dtype:
        return apply(Cast(dtype), gradient)
    return gradient
