"""Derivatives of functions: Jacobians, Hessians, and their products with vectors.

All take a function of one tensor or several and the point as a tensor or a tuple of them, and give
the result in the same structure. A second derivative is the first of the gradient function.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

from tinygrad_np.autograd.grad import grad
from tinygrad_np.autograd.modes import enable_grad
from tinygrad_np.core import Value
from tinygrad_np.errors import GraphError, ShapeError, not_a_tensor
from tinygrad_np.missing import names_in
from tinygrad_np.ops.shape import reshape, stack
from tinygrad_np.tensor.creation import ones_like, zeros, zeros_like

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tinygrad_np.tensor.tensor import Tensor

Tensors: TypeAlias = "Tensor | tuple[Tensor, ...]"


def jacobian(
    func: Callable[..., Any],
    inputs: Tensors,
    create_graph: bool = False,
    strict: bool = False,
    vectorize: bool = False,
    strategy: str = "reverse-mode",
) -> Any:
    """Jacobian of `func` at `inputs`: its shape is that of the output, then that of the input.

    With a tuple of inputs or outputs, a tuple of Jacobians; with both, one tuple for each output.

    Parameters
    ----------
    create_graph
        Record the computation, so that the Jacobian can be differentiated.
    strict
        Raise where an output does not depend on an input, instead of giving zeros.
    vectorize, strategy
        Accepted as in PyTorch; the rows are computed one by one in any case.

    Raises
    ------
    RuntimeError
        With `strict`, if an output does not depend on an input.
    TypeError
        If inputs or outputs are neither a tensor nor a tuple of tensors.

    >>> import tinygrad_np as tg
    >>> jacobian(lambda x: x * x, tg.tensor([1.0, 2.0]))
    tensor([[2., 0.],
            [0., 4.]])
    """
    if strategy not in ("reverse-mode", "forward-mode"):
        raise ValueError(
            f"jacobian: strategy must be 'reverse-mode' or 'forward-mode', not {strategy!r}"
        )
    if strict and vectorize:
        raise RuntimeError("jacobian: strict=True and vectorize=True exclude each other")
    with enable_grad():
        point = _point(inputs, "jacobian", create_graph=create_graph)
        given = func(*point)
        outputs = _tensors(given, "jacobian", "the function's result")
        _check_tracked(outputs, "jacobian", strict=strict)
        rows = [_rows(i, y, point, create_graph, strict) for i, y in enumerate(outputs)]
    single = isinstance(inputs, Value)
    result = tuple(row[0] if single else row for row in rows)
    return result if isinstance(given, tuple) else result[0]


def hessian(
    func: Callable[..., Any],
    inputs: Tensors,
    create_graph: bool = False,
    strict: bool = False,
    vectorize: bool = False,
    outer_jacobian_strategy: str = "reverse-mode",
) -> Any:
    """Hessian of `func`, which gives one number, at `inputs`; of a tuple, a tuple of tuples.

    The parameters are those of `jacobian`.

    >>> import tinygrad_np as tg
    >>> hessian(lambda x: (x**3).sum(), tg.tensor([1.0, 2.0]))
    tensor([[ 6.,  0.],
            [ 0., 12.]])
    """
    gradient = _Gradient(func, inputs, "hessian")
    return jacobian(gradient, inputs, create_graph, strict, vectorize, outer_jacobian_strategy)


def vjp(
    func: Callable[..., Any],
    inputs: Tensors,
    v: Tensors | None = None,
    create_graph: bool = False,
    strict: bool = False,
) -> tuple[Any, Any]:
    """Result of `func` at `inputs`, and the product vᵀ·J of `v` with its Jacobian.

    `v` has the shape of the result; it may be left out if that is one number.

    >>> import tinygrad_np as tg
    >>> vjp(lambda x: x * x, tg.tensor([1.0, 2.0]), tg.tensor([1.0, 10.0]))
    (tensor([1., 4.]), tensor([ 2., 40.]))
    """
    return _vjp("vjp", func, inputs, v, create_graph, strict)


def jvp(
    func: Callable[..., Any],
    inputs: Tensors,
    v: Tensors | None = None,
    create_graph: bool = False,
    strict: bool = False,
) -> tuple[Any, Any]:
    """Result of `func` at `inputs`, and the product J·v of its Jacobian with `v`.

    `v` has the shape of the inputs; it may be left out if those are one number. The product is
    computed by differentiating vᵀ·J, which is linear in v, by v.

    >>> import tinygrad_np as tg
    >>> jvp(lambda x: x * x, tg.tensor([1.0, 2.0]), tg.tensor([1.0, 10.0]))
    (tensor([1., 4.]), tensor([ 2., 40.]))
    """
    return _jvp("jvp", func, inputs, v, create_graph, strict)


def vhp(
    func: Callable[..., Any],
    inputs: Tensors,
    v: Tensors | None = None,
    create_graph: bool = False,
    strict: bool = False,
) -> tuple[Any, Any]:
    """Result of `func`, which gives one number, and the product vᵀ·H of `v` with its Hessian.

    >>> import tinygrad_np as tg
    >>> vhp(lambda x: (x**3).sum(), tg.tensor([1.0, 2.0]), tg.tensor([1.0, 10.0]))
    (tensor(9.), tensor([  6., 120.]))
    """
    gradient = _Gradient(func, inputs, "vhp")
    _, product = _vjp("vhp", gradient, inputs, v, create_graph, strict)
    return _like(gradient.result, [gradient.result], create_graph), product


def hvp(
    func: Callable[..., Any],
    inputs: Tensors,
    v: Tensors | None = None,
    create_graph: bool = False,
    strict: bool = False,
) -> tuple[Any, Any]:
    """Result of `func`, which gives one number, and the product H·v of its Hessian with `v`.

    `vhp` costs less, and gives the same where the second derivative is continuous.

    >>> import tinygrad_np as tg
    >>> hvp(lambda x: (x**3).sum(), tg.tensor([1.0, 2.0]), tg.tensor([1.0, 10.0]))
    (tensor(9.), tensor([  6., 120.]))
    """
    gradient = _Gradient(func, inputs, "hvp")
    _, product = _jvp("hvp", gradient, inputs, v, create_graph, strict)
    return _like(gradient.result, [gradient.result], create_graph), product


def _vjp(
    name: str,
    func: Callable[..., Any],
    inputs: Tensors,
    v: Tensors | None,
    create_graph: bool,
    strict: bool,
) -> tuple[Any, Any]:
    with enable_grad():
        point = _point(inputs, name, create_graph=create_graph)
        given = func(*point)
        outputs = _tensors(given, name, "the function's result")
        _check_tracked(outputs, name, strict=strict)
        product = _pull(outputs, point, _vector(v, outputs, name), create_graph)
        result = _filled(product, point, f"{name}: the result", create_graph, strict)
    return _like(given, outputs, create_graph), _like(inputs, result, create_graph)


def _jvp(
    name: str,
    func: Callable[..., Any],
    inputs: Tensors,
    v: Tensors | None,
    create_graph: bool,
    strict: bool,
) -> tuple[Any, Any]:
    with enable_grad():
        point = _point(inputs, name, create_graph=create_graph)
        vector = _vector(v, point, name)
        given = func(*point)
        outputs = _tensors(given, name, "the function's result")
        _check_tracked(outputs, name, strict=strict)
        weights = [zeros_like(y, requires_grad=True) for y in outputs]
        pulled = _pull(outputs, point, weights, create_graph=True)
        kept = [(p, x) for p, x in zip(pulled, vector, strict=True) if p is not None]
        pushed = _pull([p for p, _ in kept], weights, [x for _, x in kept], create_graph)
        result = _filled(pushed, outputs, f"{name}: the derivative", create_graph, strict)
    return _like(given, outputs, create_graph), _like(given, result, create_graph)


class _Gradient:
    """The gradient of a function that gives one number, itself as a function."""

    __slots__ = ("func", "inputs", "name", "result")

    def __init__(self, func: Callable[..., Any], inputs: Tensors, name: str) -> None:
        self.func = func
        self.inputs = inputs
        self.name = name
        self.result: Any = None  # of the function, when the gradient was last computed

    def __call__(self, *point: Tensor) -> Any:
        self.result = y = self.func(*point)
        if not isinstance(y, Value):
            raise not_a_tensor(self.name, "the function's result", y)
        if y.array.size != 1:
            raise ShapeError(
                f"{self.name}: the function must give one element, and its result has shape "
                f"{y.array.shape}; reduce it with .sum() or .mean()"
            )
        output: Tensor = self.result
        pulled = _pull([output], point, [ones_like(output)], create_graph=True)
        found = tuple(zeros_like(x) if g is None else g for g, x in zip(pulled, point, strict=True))
        return found[0] if isinstance(self.inputs, Value) else found


def _rows(
    i: int, y: Tensor, point: Sequence[Tensor], create_graph: bool, strict: bool
) -> tuple[Tensor, ...]:
    """Jacobian of one output with respect to each input, row by row."""
    rows = []
    for j in range(y.array.size):
        seed = zeros_like(y)
        seed.array.flat[j] = 1
        pulled = _pull([y], point, [seed], create_graph, retain_graph=True)
        rows.append(_filled(pulled, point, f"jacobian: output {i}", create_graph, strict))
    if not rows:
        return tuple(zeros(*y.shape, *x.shape, dtype=x.dtype) for x in point)
    whole = [
        reshape(stack(column), (*y.shape, *column[0].shape)) for column in zip(*rows, strict=True)
    ]
    return tuple(x if create_graph else x.detach() for x in whole)


def _pull(
    outputs: Sequence[Tensor],
    inputs: Sequence[Tensor],
    weights: Sequence[Tensor],
    create_graph: bool,
    *,
    retain_graph: bool | None = None,
) -> list[Tensor | None]:
    """Gradients of the weighted sum of `outputs`; None for inputs that they do not depend on."""
    tracked = [(y, w) for y, w in zip(outputs, weights, strict=True) if y.requires_grad]
    if not tracked:
        return [None] * len(inputs)
    ys, ws = zip(*tracked, strict=True)
    return list(grad(ys, inputs, ws, retain_graph, create_graph, allow_unused=True))


def _filled(
    found: Sequence[Tensor | None],
    likes: Sequence[Tensor],
    what: str,
    create_graph: bool,
    strict: bool,
) -> list[Tensor]:
    """Put zeros in the places where there is no derivative, if that is allowed."""
    for i, g in enumerate(found):
        if strict and (g is None or (create_graph and not g.requires_grad)):
            kind = "does not depend on" if g is None else "has a constant derivative in"
            raise GraphError(
                f"{what} {kind} tensor {i}; with strict=True that is an error, with strict=False "
                "the derivative is zero"
            )
    return [zeros_like(x) if g is None else g for g, x in zip(found, likes, strict=True)]


def _point(inputs: Tensors, name: str, *, create_graph: bool) -> list[Tensor]:
    """Give the inputs as tensors of our own: leaves, or with a history that goes on."""
    return [
        x.clone() if create_graph and x.requires_grad else x.detach().requires_grad_()
        for x in _tensors(inputs, name, "inputs")
    ]


def _vector(v: Tensors | None, likes: Sequence[Tensor], name: str) -> list[Tensor]:
    """Check that `v` has the structure and the shapes of what it is multiplied with."""
    if v is None:
        if len(likes) != 1 or likes[0].array.size != 1:
            raise GraphError(
                f"{name}: v can be left out only beside a single tensor of one element"
            )
        return [ones_like(likes[0])]
    vector = _tensors(v, name, "v")
    if len(vector) != len(likes):
        raise GraphError(f"{name}: v has {len(vector)} tensors, and {len(likes)} are needed")
    for i, (x, like) in enumerate(zip(vector, likes, strict=True)):
        if x.shape != like.shape:
            raise ShapeError(
                f"{name}: tensor {i} of v has shape {tuple(x.shape)}, and must have "
                f"{tuple(like.shape)}"
            )
    return vector


def _tensors(given: Any, name: str, argument: str) -> list[Tensor]:
    if not isinstance(given, (Value, tuple)):
        raise not_a_tensor(name, argument, given, " or a tuple of Tensors")
    found = given if isinstance(given, tuple) else (given,)
    for i, x in enumerate(found):
        if not isinstance(x, Value):
            raise not_a_tensor(name, f"element {i} of {argument}", x)
    return list(found)


def _check_tracked(outputs: Sequence[Tensor], name: str, *, strict: bool) -> None:
    for i, y in enumerate(outputs):
        if strict and not y.requires_grad:
            raise GraphError(
                f"{name}: output {i} does not require grad; with strict=True it must be computed "
                "from the inputs by recorded operations"
            )


def _like(given: Any, found: Sequence[Tensor], create_graph: bool) -> Any:
    """Give tensors in the structure of `given`, cut off the graph unless that is wanted."""
    kept = tuple(x if create_graph else x.detach() for x in found)
    return kept if isinstance(given, tuple) else kept[0]


if not TYPE_CHECKING:  # a type checker knows what is missing
    __getattr__ = names_in(__name__)
