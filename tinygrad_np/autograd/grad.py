"""Gradients as values: `grad` returns them, and `backward` accumulates those of several outputs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, cast, overload

from tinygrad_np.core import Value
from tinygrad_np.engine import run_backward
from tinygrad_np.errors import GraphError, ShapeError
from tinygrad_np.tensor.creation import zeros_like
from tinygrad_np.tensor.gradient import differentiate, initial_gradient

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tinygrad_np.core import Vertex
    from tinygrad_np.tensor.tensor import Tensor


@overload
def grad(
    outputs: Tensor | Sequence[Tensor],
    inputs: Tensor | Sequence[Tensor],
    grad_outputs: Tensor | Sequence[Tensor | None] | None = ...,
    retain_graph: bool | None = ...,
    create_graph: bool = ...,
    only_inputs: bool = ...,
    allow_unused: bool | None = ...,
    is_grads_batched: bool = ...,
    materialize_grads: bool = ...,
) -> tuple[Tensor, ...]: ...
@overload
def grad(
    outputs: Tensor | Sequence[Tensor],
    inputs: Mapping[str, Tensor],
    grad_outputs: Tensor | Sequence[Tensor | None] | None = ...,
    retain_graph: bool | None = ...,
    create_graph: bool = ...,
    only_inputs: bool = ...,
    allow_unused: bool | None = ...,
    is_grads_batched: bool = ...,
    materialize_grads: bool = ...,
) -> dict[str, Tensor]: ...
def grad(
    outputs: Tensor | Sequence[Tensor],
    inputs: Tensor | Sequence[Tensor] | Mapping[str, Tensor],
    grad_outputs: Tensor | Sequence[Tensor | None] | None = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    only_inputs: bool = True,
    allow_unused: bool | None = None,
    is_grads_batched: bool = False,
    materialize_grads: bool = False,
) -> tuple[Tensor, ...] | dict[str, Tensor]:
    """Gradients of the sum of `outputs` with respect to each of `inputs`; no `.grad` changes.

    Parameters
    ----------
    inputs
        Leaves or results, several as a sequence, or by name: then the result is a dict.
    grad_outputs
        Weight of each output (a tensor of its shape); 1 for outputs of one element.
    retain_graph
        Keep what the derivatives read, to go through the graph again; by default as `create_graph`.
    create_graph
        Record the derivatives too, so that the gradients can be differentiated again.
    only_inputs
        PyTorch has it, and accepts True alone.
    allow_unused
        Give None for an input that no output depends on, instead of an error.
    is_grads_batched
        PyTorch's batch of `grad_outputs` is not supported.
    materialize_grads
        Give zeros in place of such a None.

    Raises
    ------
    GraphError
        If an input does not require grad, or no output depends on it.

    >>> import tinygrad_np as tg
    >>> x = tg.tensor(2.0, requires_grad=True)
    >>> (slope,) = tg.autograd.grad(x**3, x, create_graph=True)
    >>> tg.autograd.grad(slope, x)
    (tensor(12.),)
    """
    if is_grads_batched:
        raise NotImplementedError(
            "grad: is_grads_batched=True is not in tinygrad_np; call grad once for each row, with "
            "retain_graph=True, and stack() the results"
        )
    if not only_inputs:
        raise ValueError("grad: only_inputs=False is not supported, nor is it in PyTorch")
    if materialize_grads and allow_unused is False:
        raise ValueError("grad: materialize_grads=True fills in for unused inputs: allow_unused")
    ins = list(inputs.values()) if isinstance(inputs, Mapping) else _sequence(inputs)
    if not ins:
        raise GraphError("grad: inputs is empty; name the tensors whose gradients you want")
    roots = [
        (_vertex(y, f"output {i}"), initial_gradient(y, weight))
        for i, (y, weight) in enumerate(_weighted(_sequence(outputs), grad_outputs))
    ]
    vertices = [_vertex(x, f"input {i}") for i, x in enumerate(ins)]
    found = run_backward(
        roots,
        wanted=frozenset(vertices),
        retain_graph=create_graph if retain_graph is None else retain_graph,
        create_graph=create_graph,
    )
    gradients: list[Any] = []
    for i, (x, vertex) in enumerate(zip(ins, vertices, strict=True)):
        g = found.get(vertex)
        if g is None and not (allow_unused or materialize_grads):
            raise GraphError(
                f"grad: no output depends on input {i} (shape {tuple(x.shape)}); pass "
                "allow_unused=True to get None for it"
            )
        gradients.append(zeros_like(x) if g is None and materialize_grads else g)
    if isinstance(inputs, Mapping):
        return dict(zip(inputs, gradients, strict=True))
    return tuple(gradients)


def backward(
    tensors: Tensor | Sequence[Tensor],
    grad_tensors: Tensor | Sequence[Tensor | None] | None = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    grad_variables: Tensor | Sequence[Tensor | None] | None = None,
    inputs: Tensor | Sequence[Tensor] | None = None,
) -> None:
    """Accumulate the gradients of several outputs at once; see `Tensor.backward`.

    `grad_variables` is PyTorch's old name of `grad_tensors`.
    """
    if grad_variables is not None:
        if grad_tensors is not None:
            raise ValueError("backward: grad_variables is the old name of grad_tensors; give one")
        grad_tensors = grad_variables
    differentiate(
        _weighted(_sequence(tensors), grad_tensors),
        retain_graph=retain_graph,
        create_graph=create_graph,
        inputs=inputs,
    )


def _vertex(tensor: Tensor, name: str) -> Vertex:
    if tensor.vertex is None:
        raise GraphError(
            f"grad: {name} (shape {tuple(tensor.shape)}) does not require grad; set "
            "requires_grad=True on the leaves before the forward pass, outside no_grad()"
        )
    return tensor.vertex


def _weighted(
    outputs: Sequence[Tensor], gradients: Tensor | Sequence[Tensor | None] | None
) -> list[tuple[Tensor, Tensor | None]]:
    weights = [None] * len(outputs) if gradients is None else _sequence(gradients)
    if len(weights) != len(outputs):
        raise ShapeError(
            f"grad: {len(outputs)} outputs and {len(weights)} grad_outputs; give one for each"
        )
    return list(zip(outputs, weights, strict=True))


def _sequence(given: Tensor | Sequence[Tensor | None]) -> list[Tensor]:
    return [cast("Tensor", x) for x in ((given,) if isinstance(given, Value) else given)]
