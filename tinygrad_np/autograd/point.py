"""A function at a point, apart from everything else: what the checker runs, and runs again."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from tinygrad_np.autograd.grad import grad
from tinygrad_np.core import Value
from tinygrad_np.errors import DtypeError, GradcheckError
from tinygrad_np.tensor.creation import from_numpy, new
from tinygrad_np.views import layout

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from numpy.typing import NDArray

    from tinygrad_np.dtypes import Dtype
    from tinygrad_np.tensor.tensor import Tensor

    Float = NDArray[np.float64]


class Named(NamedTuple):
    """An operand or a result, and what messages call it."""

    name: str
    tensor: Any


def describe(func: Any) -> str:
    """What messages call a function or a module."""
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


def lowest_dtype(func: Any, arguments: Sequence[Any]) -> Any:
    """Dtype of least precision among what is to be checked; None if there is nothing."""
    owner = getattr(func, "__self__", func)
    named = owner.named_parameters() if hasattr(owner, "named_parameters") else ()
    dtypes = [
        x.dtype
        for x in (*arguments, *(x for _, x in named))
        if isinstance(x, Value) and x.vertex is not None
    ]
    return min(dtypes, key=lambda dtype: dtype.itemsize, default=None)


class Point:
    """A function, and copies of its arguments and parameters that nothing else shares.

    Parameters
    ----------
    func
        Function of tensors; or a module, anything callable with `named_parameters`, or a method
        of one, which is copied.
    arguments
        Its arguments. Of tensors the memory is copied, so that neither arguments that share
        theirs, nor results that are views of them, disturb a difference.
    dtype
        What floating numbers are brought to.
    name
        What messages call the function, if not by its own name.
    """

    what = "the derivative"

    def __init__(
        self, func: Callable[..., Any], arguments: Sequence[Any], dtype: Any, name: str = ""
    ) -> None:
        self.name = name or describe(func)
        self.arguments = [_copied(x, dtype) if isinstance(x, Value) else x for x in arguments]
        self.operands = [
            Named(f"input {i}", x)
            for i, x in enumerate(self.arguments)
            if isinstance(x, Value) and x.vertex is not None
        ]
        self.state: list[tuple[Value, Any]] = []
        self.func = func
        owner = getattr(func, "__self__", func)  # of a bound method
        if hasattr(owner, "named_parameters"):
            module = copy.deepcopy(owner)
            self.func = module if owner is func else getattr(module, func.__name__)
            buffers = list(getattr(module, "named_buffers", tuple)())
            for path, x in (*module.named_parameters(), *buffers):
                x.array = _converted(x, dtype)
                if x.vertex is not None:
                    self.operands.append(Named(f"parameter {path!r}", x))
            self.state = [(x, x.array) for _, x in buffers]
        self.before = [np.array(x.array) for x in self.arguments if isinstance(x, Value)]

    def call(self) -> list[Named]:
        """Run the function, from the same buffers each time, and name all tensors it gives."""
        for buffer, array in self.state:
            buffer.array, buffer.cell = np.array(array), [0]
        try:
            result = self.func(*self.arguments)
        except DtypeError as error:
            error.add_note(
                "gradcheck runs the function in float64: what it closes over must be float64 as "
                "well (.double()), or be one of the inputs"
            )
            raise
        return [Named(f"output {name}" if name else "output", y) for name, y in tensors_in(result)]

    def run(self) -> list[Named]:
        """Those results of the function that gradients can flow from."""
        return [result for result in self.call() if result.tensor.vertex is not None]

    def values(self) -> Float:
        """All results as one vector, copied: they may be views of what is changed next."""
        results = [y.array.reshape(-1) for _, y in self.run()]
        return np.concatenate(results, dtype=np.float64)

    def along(self, operand: int) -> Callable[[Float], Float]:
        """Give the results as a function of one operand."""
        leaf = self.operands[operand].tensor

        def values(x: Float) -> Float:
            before, cell = leaf.array, leaf.cell
            leaf.array, leaf.cell = np.asarray(x, leaf.dtype), [0]
            try:
                return self.values()
            finally:
                leaf.array, leaf.cell = before, cell

        return values

    def check_untouched(self) -> None:
        """Refuse a function that writes into its arguments."""
        given = (x for x in self.arguments if isinstance(x, Value))
        for i, (x, before) in enumerate(zip(given, self.before, strict=True)):
            if not np.array_equal(x.array, before, equal_nan=before.dtype.kind == "f"):
                raise GradcheckError(
                    f"gradcheck: {self.name} changed its tensor argument {i} in place (shape "
                    f"{x.shape}); let it work on a copy (.clone())"
                )


class Gradients(Point):
    """The gradients of a function, as a function of its operands and of the upstream gradients."""

    what = "the second derivative"

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
        outputs = super().run()
        if grad_outputs is None:
            rng = np.random.default_rng(seed)
            made = [rng.standard_normal(y.shape).astype(y.dtype) for _, y in outputs]
            if strided:
                made = [np.repeat(w, 2, -1)[..., ::2] if w.ndim else w for w in made]
        else:
            made = [_converted(w, dtype) for w in grad_outputs]
        self.weights: list[Tensor] = [new(w, requires_grad=True) for w in made]
        self.operands += [Named(f"grad_output {i}", w) for i, w in enumerate(self.weights)]

    def run(self) -> list[Named]:
        """Give the gradients that can be differentiated again."""
        outputs = super().run()
        found = grad(
            [y for _, y in outputs],
            [x for _, x in self.leaves],
            self.weights,
            create_graph=True,
            allow_unused=True,
        )
        return [
            Named(f"the gradient by {leaf.name}", g)
            for leaf, g in zip(self.leaves, found, strict=True)
            if g is not None and g.requires_grad
        ]


def _converted(x: Value, dtype: Dtype) -> Any:
    floating = x.dtype.kind == "f"
    # In the order of its memory, which may matter to the function; broadcast memory is filled in.
    return np.array(x.array, dtype=dtype if floating else None)


def _copied(x: Value, dtype: Dtype) -> Tensor:
    # A transpose goes on showing that it is one, to a function that calls `view`, say.
    over = new if layout(x).flags.c_contiguous else from_numpy
    return over(_converted(x, dtype)).requires_grad_(x.vertex is not None)
