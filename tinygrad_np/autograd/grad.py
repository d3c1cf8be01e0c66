"""Gradients as values: `grad` returns them, and `backward` accumulates those of several outputs."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from tinygrad_np.core import Value
from tinygrad_np.engine import run_backward
from tinygrad_np.errors import GraphError, ShapeError
from tinygrad_np.tensor.gradient import chosen_leaves, initial_gradient

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tinygrad_np.core import Vertex
    from tinygrad_np.tensor.tensor import Tensor


def grad(
    outputs: Tensor | Sequence[Tensor],
    inputs: Tensor | Sequence[Tensor],
    grad_outputs: Tensor | Sequence[Tensor | None] | None = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    allow_unused: bool = False,
) -> tuple[Tensor, ...]:
    """Gradients of the sum of `outputs` with respect to each of `inputs`; no `.grad` changes.

    Parameters
    ----------
    grad_outputs
        Weight of each output (a tensor of its shape); 1 for outputs of one element.
    create_graph
        Record the derivatives too, so that the gradients can be differentiated again.
    allow_unused
        Give None for an input that no output depends on, instead of an error.

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
    outs, ins = _sequence(outputs), _sequence(inputs)
    roots = _roots(outs, grad_outputs)
    vertices: list[Vertex] = []
    for i, x in enumerate(ins):
        if x.vertex is None:
            raise GraphError(
                f"grad: input {i} (shape {tuple(x.shape)}) does not require grad; set "
                "requires_grad=True on it before the forward pass"
            )
        vertices.append(x.vertex)
    found = run_backward(
        roots,
        wanted=frozenset(vertices),
        retain_graph=create_graph if retain_graph is None else retain_graph,
        create_graph=create_graph,
    )
    for i, (x, vertex) in enumerate(zip(ins, vertices, strict=True)):
        if vertex not in found and not allow_unused:
            raise GraphError(
                f"grad: no output depends on input {i} (shape {tuple(x.shape)}); pass "
                "allow_unused=True to get None for it"
            )
    return tuple(cast("Tensor", found.get(vertex)) for vertex in vertices)


def backward(
    tensors: Tensor | Sequence[Tensor],
    grad_tensors: Tensor | Sequence[Tensor | None] | None = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    inputs: Tensor | Sequence[Tensor] | None = None,
) -> None:
    """Accumulate the gradients of several outputs at once; see `Tensor.backward`."""
    run_backward(
        _roots(_sequence(tensors), grad_tensors),
        leaves=chosen_leaves(inputs),
        retain_graph=create_graph if retain_graph is None else retain_graph,
        create_graph=create_graph,
    )


def _roots(
    outputs: Sequence[Tensor], gradients: Tensor | Sequence[Tensor | None] | None
) -> list[tuple[Vertex, Value]]:
    weights = [None] * len(outputs) if gradients is None else _sequence(gradients)
    if len(weights) != len(outputs):
        raise ShapeError(
            f"grad: {len(outputs)} outputs and {len(weights)} grad_outputs; give one for each"
        )
    roots = []
    for output, weight in zip(outputs, weights, strict=True):
        seed = initial_gradient(output, weight)
        assert output.vertex is not None
        roots.append((output.vertex, seed))
    return roots


def _sequence(given: Tensor | Sequence[Tensor | None]) -> list[Tensor]:
    return [cast("Tensor", x) for x in ((given,) if isinstance(given, Value) else given)]
