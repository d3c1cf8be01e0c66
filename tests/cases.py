"""What a row of the table of operations is made of: domains, operands, and the row itself.

Shapes are words: `"n m"` is a matrix, and each letter gets a size when operands are drawn.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    Array = np.ndarray[Any, Any]
    Form = Callable[..., Any]

SIZES = {"b": 2, "c": 4, "k": 3, "m": 3, "n": 2}


# --- domains: from numbers in [0, 1) to operands away from kinks and poles -----------------------


def real(u: Array) -> Array:
    return 4 * u - 2


def positive(u: Array) -> Array:
    return 0.5 + 2 * u


def nonzero(u: Array) -> Array:
    return np.where(u < 0.5, 4 * u - 2.5, 4 * u - 1.5)


def steps(u: Array) -> Array:
    """Within 0.3 above an integer, so never within 0.2 of `between`."""
    return np.floor(4 * u) + 0.3 * u


def between(u: Array) -> Array:
    return steps(u) + 0.5


def distinct(u: Array) -> Array:
    """No two elements closer than 0.2."""
    ranks = np.argsort(np.argsort(u, axis=None, kind="stable")).reshape(u.shape)
    return 0.5 * ranks + 0.3 * u - 1


def mask(u: Array) -> Array:
    return u < 0.5


def below(size: str) -> Callable[[Array, Mapping[str, int]], Array]:
    """Integers below a size of the case."""
    return lambda u, sizes: np.floor(u * sizes[size]).astype(np.int64)


@dataclass(frozen=True)
class Operand:
    """One operand: its shape in words, and its domain."""

    shape: str
    domain: Callable[..., Array] = real

    def sized(self, sizes: Mapping[str, int]) -> tuple[int, ...]:
        return tuple(int(s) if s.isdigit() else sizes[s] for s in self.shape.split())

    def place(self, u: Array, sizes: Mapping[str, int]) -> Array:
        """Put numbers in [0, 1) into the domain; 0-d stays an array."""
        indices = self.domain.__code__.co_argcount == 2
        return np.asarray(self.domain(u, sizes) if indices else self.domain(u))


def _on_a_copy(write: Form) -> Form:
    """Call a form that writes: its first operand is a copy, for leaves are not written."""
    return lambda lib, x, *others: write(lib, x.clone(), *others)


@dataclass(frozen=True)
class Case:
    """One row. Each form is called with a library (ours, or PyTorch) and the operands.

    The first form is the one that most tests call; all others must equal it in value, gradient and
    second derivative.
    """

    name: str
    operands: tuple[Operand, ...]
    oracle: Callable[..., Array]
    function: Form | None = None
    method: Form | None = None
    internal: Form | None = None  # an op without public face
    aliases: Mapping[str, Form] = field(default_factory=dict)  # other ways to ask for the same
    inplace: Mapping[str, Form] = field(default_factory=dict)  # write the first operand, give it
    batch: bool = False  # leading dimensions may be added to every operand
    scalar: bool = False  # works on 0-d operands
    free_sizes: bool = True  # the letters of the shapes may have any size
    least: dict[str, int] = field(default_factory=dict)  # smallest sizes that make sense

    @property
    def forms(self) -> dict[str, Form]:
        given = {"function": self.function, "method": self.method, "internal": self.internal}
        return {
            **{name: form for name, form in given.items() if form is not None},
            **self.aliases,
            **{name: _on_a_copy(write) for name, write in self.inplace.items()},
        }

    def call(self, lib: Any, *operands: Any) -> Any:
        return next(iter(self.forms.values()))(lib, *operands)

    def draw(
        self,
        seed: int = 0,
        sizes: Mapping[str, int] = SIZES,
        lead: tuple[int, ...] = (),
    ) -> list[Array]:
        """Operands of this case as float64, integer or bool arrays."""
        rng = np.random.default_rng(seed)
        return [
            operand.place(rng.random((*lead, *operand.sized(sizes))), sizes)
            for operand in self.operands
        ]


def added(shape: tuple[int, ...], index: Any, x: Array) -> Array:
    """What AddAt gives, place by place."""
    y = np.zeros(shape)
    places = np.arange(y.size).reshape(shape)[index]
    for place, value in zip(np.ravel(places), np.ravel(x), strict=True):
        y.flat[place] += value
    return y


def added_along(x: Array, index: Array, size: int) -> Array:
    y = np.zeros((*x.shape[:-1], size))
    for place in np.ndindex(x.shape):
        y[(*place[:-1], index[place])] += x[place]
    return y
