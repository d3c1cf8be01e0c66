"""A function at one point, for check_op: what it is run on, and the numbers that a run gives."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from tinygrad_np.autograd.checking.differences import FIRST, shares
from tinygrad_np.autograd.checking.point import Gradients, Point, describe, tensors_in
from tinygrad_np.autograd.grad import grad
from tinygrad_np.core import Value
from tinygrad_np.tensor.creation import from_numpy, new
from tinygrad_np.tensor.tensor import Tensor
from tinygrad_np.testing.closeness import assert_close

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

    from tinygrad_np.autograd.checking.point import Named

    Array = np.ndarray[Any, Any]

LAST_DIGIT = {"float64": 1.0, "float32": 2.0**29}  # of a number, in those of float64


class Outcome(NamedTuple):
    """Copies of all results, and the gradients of a random projection of them."""

    values: list[Array]
    gradients: list[Array]


class Subject:
    """A function, the point that it is checked at, and what to expect of it."""

    def __init__(
        self,
        function: Callable[..., Any],
        operands: Sequence[Any],
        oracle: Callable[..., Any] | None,
        tolerance: tuple[float, float],
        skip: Collection[str],
        seed: int,
    ) -> None:
        self.function, self.oracle, self.skip, self.seed = function, oracle, skip, seed
        self.rtol, self.atol = tolerance
        self.name = describe(function)
        self.operands = [
            _leaf(x) if isinstance(x, (Value, np.ndarray)) else _plain(i, x)
            for i, x in enumerate(operands)
        ]
        self.arrays = [x.array for x in self.operands if isinstance(x, Value)]
        if not self.point().operands:
            raise ValueError(
                f"check_op: no operand of {self.name} is a floating tensor or array, so there is "
                "no gradient to check"
            )

    def point(self, dtype: Any = np.float64, arrays: Sequence[Array] | None = None) -> Point:
        """Give the function and its arguments, copied and in a dtype; or other `arrays` in them."""
        if arrays is None:
            return Point(self.function, self.operands, dtype)
        given = iter(arrays)
        operands = [_leaf(next(given)) if isinstance(x, Value) else x for x in self.operands]
        return Point(self.function, operands, dtype)

    def rounded(self) -> tuple[Point, Point]:
        """Give the point in float32, and that very one in float64."""
        low = self.point(np.float32)
        return (
            Point(low.func, low.arguments, np.float32),
            Point(low.func, low.arguments, np.float64),
        )

    def slopes(self, point: Point) -> Gradients:
        """Give the gradients at a point as a function, in the dtype of the point."""
        dtype = point.operands[0].tensor.dtype
        fresh = Point(point.func, point.arguments, dtype)  # a run may change what it runs on
        upstream = [new(self.cotangent(*result)) for result in fresh.run()]
        return Gradients(
            point.func, point.arguments, dtype, upstream, strided=False, seed=self.seed
        )

    def cotangent(self, name: str, y: Any) -> Array:
        """Give a random upstream gradient for a result: one of ones proves little.

        The same for a result of one name, whatever the others and the dtype are.
        """
        rng = np.random.default_rng([self.seed, *name.encode()])
        return np.asarray(rng.standard_normal(y.shape).astype(np.float32).astype(y.dtype))

    def weights(self, results: Sequence[Named]) -> list[Tensor]:
        """Give a random upstream gradient for each result."""
        return [new(self.cotangent(*result)) for result in results]

    def outcome(self, point: Point) -> Outcome:
        """Run the function once, and its rules."""
        results = point.call()
        values = [np.array(y.array) for _, y in results]
        tracked = [result for result in results if result.tensor.vertex is not None]
        return Outcome(values, pulled(point, tracked, self.weights(tracked)))

    def gradients(self, point: Point, *, create_graph: bool = False) -> list[Array]:
        """Give the gradients of a random projection of the results, zeros where none flows."""
        results = point.run()
        return pulled(point, results, self.weights(results), create_graph=create_graph)

    def rounding(self, make: Callable[[], Point]) -> list[float]:
        """How much of each gradient may be rounding, in float64.

        What moves when the operands do; but never less than the last digits of the results are
        worth, for there are roundings that do not move: 1 − p is 0, and p·q is not.
        """
        point = make()
        results = point.run()
        sizes = [np.abs(self.cotangent(*result) * result.tensor.array) for result in results]
        size = max(map(largest, sizes), default=0.0)
        least = [2.0**-52 * size / shares(x.array, FIRST)[0] for _, x in point.operands]
        rng = np.random.default_rng(1)

        def nearly(point: Point) -> list[Array]:
            results = point.run()
            weights = [_last_digits(self.cotangent(*result), rng) for result in results]
            return pulled(point, results, [new(w) for w in weights])

        return [max(a, b) for a, b in zip(least, wobble(make, nearly), strict=True)]

    def values(self, point: Point) -> list[Array]:
        """Give copies of all results, differentiable or not."""
        return [np.array(y.array) for _, y in point.call()]


def pulled(
    point: Point,
    results: Sequence[Named],
    weights: Sequence[Tensor],
    *,
    create_graph: bool = False,
    retain_graph: bool = False,
) -> list[Array]:
    """Pull upstream gradients back to the operands of a point."""
    leaves = [x for _, x in point.operands]
    found = grad(
        [y for _, y in results],
        leaves,
        weights,
        retain_graph=create_graph or retain_graph,
        create_graph=create_graph,
        allow_unused=True,
    )
    return [
        np.zeros_like(x.array) if g is None else np.array(g.array)
        for x, g in zip(leaves, found, strict=True)
    ]


def wobble(make: Callable[[], Point], give: Callable[[Point], list[Array]]) -> list[float]:
    """By how much numbers in float64 change when the last digit of the operands does.

    Also where an exact result is 0 and all that is computed is rounding, as the gradient of the
    sum of a softmax.
    """
    plain = give(make())
    worst = [0.0] * len(plain)
    rng = np.random.default_rng(0)
    for _ in range(8):
        point = make()
        for _, x in point.operands:
            x.array = _last_digits(x.array, rng)
        for i, (a, b) in enumerate(zip(give(point), plain, strict=True)):
            if a.shape == b.shape and a.dtype.kind == "f":
                with np.errstate(all="ignore"):
                    moved = np.abs(a - b)
                worst[i] = max(worst[i], float(np.max(moved[np.isfinite(moved)], initial=0.0)))
    return worst


def _last_digits(array: Array, rng: np.random.Generator) -> Array:
    """Give numbers that differ from those in their last digit."""
    return np.asarray(array * (1 + 2.0**-52 * rng.integers(-2, 3, array.shape)))


def same(
    found: Sequence[Array],
    expected: Sequence[Array],
    near: float,
    *,
    noise: Callable[[], list[float]] | None = None,
    digit: float = 1.0,
    scale: Sequence[float] | None = None,
    what: str = "",
    names: Sequence[str] = (),
) -> None:
    """Check that numbers agree to a share of the largest of them; if not, that it is rounding.

    `noise`, of which several times `digit` is allowed, is computed only then. `scale` gives sizes
    of what the numbers are made of, where those may cancel.
    """
    if len(found) != len(expected):
        raise AssertionError(f"{what}{len(found)} results instead of {len(expected)}")
    for i, (low, high) in enumerate(zip(found, expected, strict=True)):
        floating = high.dtype.kind == "f"
        if np.array_equal(low, high, equal_nan=floating):
            continue
        a, b, rtol, atol = low, high, 0.0, 0.0
        if floating:
            a, b = low.astype(np.float64), high.astype(np.float64)
            rtol, atol = near, near * max(largest(b), 0.0 if scale is None else scale[i])
            alike = a.shape == b.shape and np.allclose(a, b, rtol, atol, equal_nan=True)
            if noise is not None and not alike:
                # At least that of numbers of 1, which 1 + exp(x) is made of however small its log.
                atol += 16 * digit * max(noise()[i], 2.0**-52)
        prefix = what + (f"{names[i]}: " if names else "")
        assert_close(a, b, rtol=rtol, atol=atol, equal_nan=True, msg=prefix.__add__)


def largest(array: Array) -> float:
    """Size of the largest finite element."""
    return float(np.max(np.abs(array[np.isfinite(array)]), initial=0.0))


def _leaf(given: Any) -> Tensor:
    array = np.array(given.array if isinstance(given, Value) else given)
    # A transpose goes on showing that it is one, to a function that calls `view`, say.
    over = from_numpy if isinstance(given, Tensor) and not given.is_contiguous() else new
    return over(array).requires_grad_(array.dtype.kind == "f")


def _plain(i: int, x: Any) -> Any:
    if any(y.tensor.dtype.kind == "f" for y in tensors_in(x)):
        raise TypeError(
            f"check_op: operand {i} is a {type(x).__name__} of tensors, which would not be checked;"
            " give each by itself, as in check_op(lambda *xs: f(list(xs)), [x, y])"
        )
    return x
