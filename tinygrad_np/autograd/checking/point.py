"""A function at a point, apart from everything else: what the checker runs, and runs again."""

from __future__ import annotations

import copy
import functools
from typing import TYPE_CHECKING, Any, NamedTuple, Self

import numpy as np

from tinygrad_np.autograd.grad import grad
from tinygrad_np.core import Value
from tinygrad_np.errors import DtypeError, GradcheckError
from tinygrad_np.tensor.creation import from_numpy, new
from tinygrad_np.views import layout

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from tinygrad_np.dtypes import Dtype
    from tinygrad_np.tensor.tensor import Tensor

    Float = NDArray[np.float64]

SAME = 1e-6  # how far, relative to its size, one gradient computed in two ways may lie apart


class Named(NamedTuple):
    """An operand or a result, and what messages call it."""

    name: str
    tensor: Any


def describe(func: Any) -> str:
    """What messages call a function or a module; `Square.apply` is called Square."""
    if isinstance(func, functools.partial):
        return describe(func.func)
    owner = getattr(func, "__self__", None)
    if isinstance(owner, type) and getattr(func, "__name__", None) == "apply":
        return owner.__name__
    name = getattr(func, "__name__", None) or getattr(func, "name", None)
    return name if isinstance(name, str) else type(func).__name__


def tensors_in(result: Any, name: str = "") -> Iterator[Named]:
    """Every tensor of a result, also in tuples, lists and dicts within it."""
    if isinstance(result, Value):
        yield Named(name, result)
    elif isinstance(result, (tuple, list)):
        for i, part in enumerate(result):
            yield from tensors_in(part, f"{name}[{i}]" if name else str(i))
    elif isinstance(result, dict):
        for key, part in result.items():
            yield from tensors_in(part, f"{name}[{key!r}]" if name else repr(key))


def owner_of(func: Any) -> Any:
    """What a bound method or a partial call is one of; any other function is its own."""
    if isinstance(func, functools.partial):
        return owner_of(func.func)
    return getattr(func, "__self__", func)


def _given_to(owner: Any, func: Any) -> Any:
    """Give the same method, or partial call, of another owner."""
    if isinstance(func, functools.partial):
        return functools.partial(_given_to(owner, func.func), *func.args, **func.keywords)
    return getattr(owner, func.__name__) if hasattr(func, "__self__") else owner


def lowest_dtype(func: Any, arguments: Sequence[Any]) -> Any:
    """Dtype of least precision among what is to be checked; None if there is nothing."""
    owner = owner_of(func)
    named = owner.named_parameters() if hasattr(owner, "named_parameters") else ()
    dtypes = [
        x.dtype
        for x in (*arguments, *(x for _, x in named))
        if isinstance(x, Value) and x.vertex is not None
    ]
    return min(dtypes, key=lambda dtype: dtype.itemsize, default=None)


class Buffers:
    """The buffers of a module as they were: a forward that counts on is run many times."""

    def __init__(self, module: Any, dtype: Dtype) -> None:
        self.module = module
        self.before: dict[str, tuple[Value, Any]] = {}
        for path, x in getattr(module, "named_buffers", tuple)():
            x.array = _converted(x, dtype)
            self.before[path] = x, x.array

    def put_back(self) -> None:
        """Put them back where they were, whether they were written or replaced since."""
        for path, _ in list(getattr(self.module, "named_buffers", tuple)()):
            if path not in self.before:
                self._put(path, None)
        for path, (x, array) in self.before.items():
            self._put(path, x)
            x.array, x.cell, x.node = np.array(array), [0], None

    def _put(self, path: str, buffer: Value | None) -> None:
        *within, name = path.split(".")
        owner = functools.reduce(getattr, within, self.module)
        if getattr(owner, name, None) is not buffer:
            setattr(owner, name, buffer)


class Point:
    """A function, and copies of its arguments and parameters that nothing else shares.

    Parameters
    ----------
    func
        Function of tensors; or a module, anything callable with `named_parameters`, or a method
        or partial call of one, which is copied.
    arguments
        Its arguments. Of tensors the memory is copied, so that neither arguments that share
        theirs, nor results that are views of them, disturb a difference.
    dtype
        What floating numbers are brought to.
    name
        What messages call the function, if not by its own name.
    """

    what = "the derivative"
    all_count = False  # whether results that no gradient flows from must be constant
    constant = False  # whether those results are meant, or the others

    def __init__(
        self, func: Callable[..., Any], arguments: Sequence[Any], dtype: Any, name: str = ""
    ) -> None:
        self.name, self.dtype = name or describe(func), np.dtype(dtype)
        self.arguments = [_copied(x, dtype) if isinstance(x, Value) else x for x in arguments]
        self.operands = [
            Named(f"input {i}", x)
            for i, x in enumerate(self.arguments)
            if isinstance(x, Value) and x.vertex is not None
        ]
        self.func = func
        self.buffers: Buffers | None = None
        owner = owner_of(func)
        if hasattr(owner, "named_parameters"):
            module = copy.deepcopy(owner)
            self.func = _given_to(module, func)
            self.buffers = Buffers(module, dtype)
            for path, x in module.named_parameters():
                x.array = _converted(x, dtype)
                if x.vertex is not None:
                    self.operands.append(Named(f"parameter {path!r}", x))
        given = (x for x in self.arguments if isinstance(x, Value))
        watched = [Named(f"tensor argument {i}", x) for i, x in enumerate(given)]
        watched += [x for x in self.operands if x.name.startswith("parameter")]
        self.before = [(x, np.array(x.tensor.array)) for x in watched]

    def call(self) -> list[Named]:
        """Run the function, from the same buffers each time, and name all tensors it gives."""
        if self.buffers is not None:
            self.buffers.put_back()
        try:
            result = self.func(*self.arguments)
        except DtypeError as error:
            error.add_note(
                f"{self.name} was run in {self.dtype}: checks run it in float64 and in the dtype of"
                " its inputs, and tensors that it closes over do not follow: make those inputs, and"
                " check a module by itself. gradcheck also takes everything in float64"
            )
            raise
        return [Named(f"output {k}" if k else "output", y) for k, y in tensors_in(result)]

    def outputs(self) -> list[Named]:
        """All results, whether or not a gradient flows from them."""
        return self.call()

    def run(self) -> list[Named]:
        """Those results that gradients can flow from; if this is `constant`, the others."""
        return [y for y in self.outputs() if (y.tensor.vertex is None) == self.constant]

    def constants(self) -> Self:
        """The same point, where those results are meant that no gradient flows from."""
        other = copy.copy(self)
        other.constant = True
        return other

    def values(self) -> Float:
        """All results as one vector, copied: they may be views of what is changed next."""
        results = [y.array.reshape(-1) for _, y in self.run()]
        return np.concatenate(results, dtype=np.float64)

    def at(self, arrays: Mapping[int, Float]) -> Float:
        """Give the results where some operands, by their number, are others."""
        leaves = [(self.operands[i].tensor, x) for i, x in arrays.items()]
        before = [(leaf, leaf.array, leaf.cell) for leaf, _ in leaves]
        try:
            for leaf, x in leaves:
                leaf.array, leaf.cell = np.asarray(x, leaf.dtype), [0]
            return self.values()
        finally:
            for leaf, array, cell in before:
                leaf.array, leaf.cell = array, cell

    def along(self, operand: int) -> Callable[[Float], Float]:
        """Give the results as a function of one operand."""
        return lambda x: self.at({operand: x})

    def check_untouched(self, check: str = "") -> None:
        """Refuse a function that writes into its arguments; `check` is who says so."""
        for (name, x), before in self.before:
            if not np.array_equal(x.array, before, equal_nan=before.dtype.kind == "f"):
                raise GradcheckError(
                    f"{check}: {self.name}".removeprefix(": ")
                    + f" changed its {name} in place (shape {tuple(x.shape)}); let it work on a "
                    "copy (.clone())"
                )


class Gradients(Point):
    """The gradients of a function, as a function of its operands and of the upstream gradients."""

    what = "the second derivative"
    all_count = True

    def __init__(
        self,
        func: Callable[..., Any],
        arguments: Sequence[Any],
        dtype: Any,
        grad_outputs: Sequence[Value] | None,
        strided: bool,
        seed: int,
    ) -> None:
        super().__init__(func, arguments, dtype)
        self.leaves = list(self.operands)
        outputs = self._differentiable()
        if grad_outputs is None:
            rng = np.random.default_rng(seed)
            made = [rng.standard_normal(y.shape).astype(y.dtype) for y in outputs]
            if strided:
                made = [np.repeat(w, 2, -1)[..., ::2] if w.ndim else w for w in made]
        else:
            made = [_converted(w, dtype) for w in grad_outputs]
        self.weights: list[Tensor] = [new(w, requires_grad=True) for w in made]
        self.operands += [Named(f"grad_output {i}", w) for i, w in enumerate(self.weights)]
        self.plain = self._pulled_back(outputs, create_graph=False)
        self.on_tape: list[Tensor | None] = []

    def outputs(self) -> list[Named]:
        """Give the gradients, made so that they can be differentiated again."""
        self.on_tape = self._pulled_back(self._differentiable(), create_graph=True)
        return [
            Named(f"the gradient by {leaf.name}", g)
            for leaf, g in zip(self.leaves, self.on_tape, strict=True)
            if g is not None
        ]

    def other_on_tape(self, tolerance: float) -> str | None:
        """Where rules give another gradient for tensors (create_graph) than for arrays."""
        for leaf, plain, on_tape in zip(self.leaves, self.plain, self.on_tape, strict=True):
            a, b = (_array(leaf, g) for g in (plain, on_tape))
            finite = np.isfinite(a)
            largest = float(np.max(np.abs(a[finite]), initial=0.0))
            with np.errstate(all="ignore"):
                near = np.abs(a - b) <= SAME * (np.abs(a) + 1e-3 * largest) + tolerance
            apart = np.where(finite, ~near, np.isfinite(b))
            if apart.any():
                i = tuple(int(k) for k in np.argwhere(apart)[0])
                return (
                    f"the gradient of {self.name} by {leaf.name} depends on how it is computed: at "
                    f"{i} it is {a[i]:.10g} in an ordinary backward pass, and {b[i]:.10g} with "
                    "create_graph=True, where rules are given tensors in place of arrays"
                )
        return None

    def _differentiable(self) -> list[Any]:
        return [y for _, y in self.call() if y.vertex is not None]

    def _pulled_back(self, outputs: list[Any], *, create_graph: bool) -> list[Tensor | None]:
        if not outputs:
            return [None] * len(self.leaves)
        leaves = [x for _, x in self.leaves]
        return list(grad(outputs, leaves, self.weights, None, create_graph, allow_unused=True))


def _array(like: Named, gradient: Tensor | None) -> Float:
    found: Float = np.zeros(like.tensor.shape) if gradient is None else gradient.array
    return found


def _converted(x: Value, dtype: Dtype) -> Any:
    floating = x.dtype.kind == "f"
    # In the order of its memory, which may matter to the function; broadcast memory is filled in.
    return np.array(x.array, dtype=dtype if floating else None)


def _copied(x: Value, dtype: Dtype) -> Tensor:
    # A transpose goes on showing that it is one, to a function that calls `view`, say.
    over = new if layout(x).flags.c_contiguous else from_numpy
    return over(_converted(x, dtype)).requires_grad_(x.vertex is not None)
