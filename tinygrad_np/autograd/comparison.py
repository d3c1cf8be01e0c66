"""Analytic derivatives and differences, entry by entry or in a random projection."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tinygrad_np.autograd.differences import FIRST, FURTHER, Line, shares
from tinygrad_np.autograd.grad import grad
from tinygrad_np.autograd.report import Disagreement, Kink, Report
from tinygrad_np.errors import GradcheckError
from tinygrad_np.tensor.creation import new

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tinygrad_np.autograd.differences import Attempt, Float, Mask
    from tinygrad_np.autograd.gradcheck import Options
    from tinygrad_np.autograd.point import Named, Point

LARGE = 4096  # elements: beyond, a failed projection is not followed up by the whole Jacobian
LOW = {"float32": (1e-3, 1e-4), "float16": (5e-2, 5e-2)}  # rtol, and atol by the largest element


class Rows:
    """Cotangents, and the gradients by each operand that they are pulled back to: rows of uᵀ·J.

    One cotangent for each element of the results, or one random one for each result.
    """

    def __init__(
        self, results: Sequence[Named], operands: Sequence[Named], u: Float | None
    ) -> None:
        self.results, self.operands, self.u = results, operands, u
        ends = np.cumsum([0, *(y.array.size for _, y in results)])
        self.parts = [slice(*ends[k : k + 2]) for k in range(len(results))]
        rows = []
        for k, (_, y) in enumerate(results):
            units = np.eye(y.array.size) if u is None else u[None, self.parts[k]]
            rows += [pull([results[k]], operands, unit) for unit in units]
        self.gradients: list[Float] = [
            np.array([row[i] for row in rows]).reshape(len(rows), x.array.size)
            for i, (_, x) in enumerate(operands)
        ]

    def analytic(self, operand: int, direction: Float) -> Float:
        """Give the rows times a direction."""
        with np.errstate(all="ignore"):
            product: Float = self.gradients[operand] @ direction.reshape(-1)
        return product

    def numeric(self, slopes: Float) -> Float:
        """Give the slopes of all elements, weighed as the cotangents weigh them."""
        if self.u is None:
            return slopes
        weighed = np.where(self.u[:, None] == 0, 0.0, self.u[:, None] * slopes)
        return np.array([weighed[part].sum(0) for part in self.parts])

    def without(self, excluded: Mask) -> Rows:
        """Rows that leave some elements out."""
        if self.u is None or not excluded.any():
            return self
        return Rows(self.results, self.operands, np.where(excluded, 0.0, self.u))

    def place(self, element: int) -> tuple[str, tuple[int, ...]]:
        """Name of the result that an element of all results lies in, and its index there."""
        for (name, y), part in zip(self.results, self.parts, strict=True):
            if element < part.stop:
                return name, _index(element - part.start, y.shape)
        raise IndexError(element)


def pull(results: Sequence[Named], operands: Sequence[Named], u: Float) -> list[Float]:
    """Pull one cotangent of all results back to all operands; None becomes zeros."""
    weights, start = [], 0
    for _, y in results:
        part = u[start : start + y.array.size]
        weights.append(new(part.reshape(y.shape).astype(y.dtype)))
        start += y.array.size
    leaves = [x for _, x in operands]
    outputs = [y for _, y in results]
    found = grad(outputs, leaves, weights, retain_graph=True, allow_unused=True)
    return [
        np.zeros(x.array.size) if g is None else np.array(g.array.reshape(-1), np.float64)
        for x, g in zip(leaves, found, strict=True)
    ]


def compare(point: Point, options: Options, name: str) -> list[Float]:
    """Check a point, and give the gradients that a random cotangent is pulled back to."""
    results = point.run()
    if not results:
        raise GradcheckError(
            f"{name}: no output requires grad: {point.name} does not use the inputs, or detaches"
        )
    for result, y in results:
        if y.dtype != np.float64:
            raise GradcheckError(
                f"{name}: {result} is {y.dtype}, though every input is float64; differences need "
                "float64 throughout: compute in the dtype of the inputs"
            )
    rng = np.random.default_rng(options.seed)
    y = np.concatenate([y.array.reshape(-1) for _, y in results])
    u = rng.standard_normal(y.size)
    rows = Rows(results, point.operands, u if options.fast_mode else None)
    gradients = pull(results, point.operands, u)
    point.check_untouched()
    _check_repeats(point, y, u, gradients, options.nondet_tol, name)
    _check_linear(rows, u, gradients, options, name)
    report = Report(name, point, results, options)
    for i in range(len(point.operands)):
        _compare_operand(point, rows, i, y, rng, options, report)
    report.raise_if_any()
    return gradients


def _check_repeats(
    point: Point, y: Float, u: Float, gradients: list[Float], tolerance: float, name: str
) -> None:
    results = point.run()
    again = [y.array.reshape(-1) for _, y in results]
    first = np.concatenate([y, *gradients])
    second = np.concatenate([*again, *pull(results, point.operands, u)])
    if not np.array_equal(first, second):
        apart = np.abs(first - second)
        if not (
            apart[(first != second) & (np.isfinite(first) | np.isfinite(second))] <= tolerance
        ).all():
            raise GradcheckError(
                f"{name}: {point.name} gives other numbers when it is run again, by up to "
                f"{np.nanmax(apart):.3g} (nondet_tol={tolerance:g}); seed inside the function, or "
                "put the module into eval()"
            )


def _check_linear(
    rows: Rows, u: Float, gradients: list[Float], options: Options, name: str
) -> None:
    """Check that a gradient is linear in the upstream gradient, which differences do not show."""
    if rows.u is None:
        for i, (operand, _) in enumerate(rows.operands):
            with np.errstate(all="ignore"):
                expected = u @ rows.gradients[i]
            usable = np.isfinite(expected) & np.isfinite(gradients[i])
            if not np.allclose(gradients[i][usable], expected[usable], rtol=1e-6, atol=1e-9):
                raise GradcheckError(
                    f"{name}: the gradient by {operand} is not linear in the upstream gradient: "
                    "that of a sum is not the sum of those of its parts"
                )
    if options.check_undefined_grad:
        nothing = pull(rows.results, rows.operands, np.zeros(u.size))
        for (operand, _), zeros in zip(rows.operands, nothing, strict=True):
            if (zeros != 0).any() and np.isfinite(zeros).all():
                raise GradcheckError(
                    f"{name}: an upstream gradient of zeros gives a gradient by {operand} that is "
                    "not zero: the rule leaves the upstream gradient out"
                )


def _compare_operand(
    point: Point,
    rows: Rows,
    i: int,
    y: Float,
    rng: np.random.Generator,
    options: Options,
    report: Report,
) -> None:
    x = np.array(point.operands[i].tensor.array)
    unit = rng.standard_normal(x.shape)[None] if rows.u is not None else None
    found = _Lines(point, rows, i, x, y, options, unit).look()
    if found and unit is not None and max(x.size, y.size) <= LARGE:
        whole = Rows(rows.results, rows.operands, None)
        exact = _Lines(point, whole, i, x, y, options, None).look()
        # Errors too small for one entry's tolerance may show in the projection alone.
        if any(isinstance(e, Disagreement) for e in exact) >= any(
            isinstance(e, Disagreement) for e in found
        ):
            found = exact
    report.add(i, found)


class _Lines:
    """One operand: the function along each axis, or along one random direction."""

    def __init__(
        self,
        point: Point,
        rows: Rows,
        operand: int,
        x: Float,
        y: Float,
        options: Options,
        random: Float | None,
    ) -> None:
        self.f, self.rows, self.operand, self.x, self.y = point.along(operand), rows, operand, x, y
        self.options, self.random = options, random
        size = x.size
        self.directions = np.eye(size).reshape(size, *x.shape) if random is None else random
        self.shares: dict[Attempt, tuple[float, Float]] = {}

    def line(self, column: int, attempt: Attempt) -> tuple[Line, float]:
        """Give the line of a column, and the step along it."""
        if attempt not in self.shares:
            self.shares[attempt] = shares(self.x, attempt)
        general, each = self.shares[attempt]
        direction, h = self.directions[column], self.options.eps * general
        if self.random is None:
            h *= float(each.reshape(-1)[column])
        else:
            direction = direction * each
        return Line(self.f, self.x, self.y, direction), h

    def look(self) -> list[Disagreement | Kink]:
        """Compare all columns once, and look again at those that are not as they should be."""
        columns = range(len(self.directions))
        pairs = [line.slopes(h) for line, h in (self.line(c, FIRST) for c in columns)]
        if not pairs:
            return []
        behind, ahead = (np.stack(side, axis=1) for side in zip(*pairs, strict=True))
        with np.errstate(all="ignore"):
            central, gap = (behind + ahead) / 2, np.abs(ahead - behind)
        if self.random is None:
            analytic = self.rows.gradients[self.operand]
        else:
            direction = self.line(0, FIRST)[0].direction
            analytic = self.rows.analytic(self.operand, direction)[:, None]
        wrong = ~self.close(analytic, self.rows.numeric(central))
        suspects = ~(gap <= 2 * self.tolerance(central))
        found: list[Disagreement | Kink] = []
        for c in np.flatnonzero(wrong.any(0) | suspects.any(0)):
            found += self.look_again(int(c), central[:, c], suspects[:, c])
        return found

    def tolerance(self, numeric: Float) -> Float:
        """How far from a difference an analytic value may be."""
        return self.options.atol + self.options.rtol * np.abs(numeric)

    def close(self, analytic: Float, numeric: Float) -> Mask:
        """Whether values agree; what is not a number does not."""
        with np.errstate(all="ignore"):
            agree: Mask = np.abs(analytic - numeric) <= self.tolerance(numeric)
        return agree

    def look_again(self, c: int, central: Float, suspects: Mask) -> list[Disagreement | Kink]:
        """Tell kinks from wrong derivatives in one column."""
        line, h = self.line(c, FIRST)
        kinks = line.kinks(h, suspects)
        analytic, numeric, wrong = self.judge(c, central, line, kinks)
        if wrong.any():
            edges = line.edges(h, ~kinks)
            if edges.any():
                kinks |= edges if self.rows.u is not None else edges & wrong
                analytic, numeric, wrong = self.judge(c, central, line, kinks)
        element = None if self.random is not None else _index(c, self.x.shape)
        found: list[Disagreement | Kink] = [
            Disagreement(self.row(int(r)), element, analytic[r], numeric[r], h)
            for r in np.flatnonzero(wrong)
        ]
        if kinks.any():
            behind, ahead = line.slopes(h)
            value = None if element is None else float(self.x[element])
            found += [
                Kink(self.rows.place(int(m)), element, value, behind[m], ahead[m])
                for m in np.flatnonzero(kinks)
            ]
        return found

    def judge(
        self, c: int, central: Float, line: Line, excluded: Mask
    ) -> tuple[Float, Float, Mask]:
        """Compare one column by several steps, but for some elements."""
        rows = self.rows.without(excluded)
        analytic = rows.analytic(self.operand, line.direction)
        numeric = rows.numeric(central[:, None])[:, 0]
        wrong = ~self.close(analytic, numeric)
        if excluded.any():  # there an infinite slope makes others 0·inf
            wrong &= np.isfinite(analytic)
            if rows.u is None:
                wrong &= ~excluded
        for attempt in FURTHER:
            if not wrong.any():
                break
            other, h = self.line(c, attempt)
            a = rows.analytic(self.operand, other.direction)
            wrong &= ~self.close(a, rows.numeric(other.central(h)[:, None])[:, 0])
        return analytic, numeric, wrong

    def row(self, r: int) -> tuple[str, tuple[int, ...] | None]:
        """What a row stands for: an element of a result, or a projection of a whole one."""
        return self.rows.place(r) if self.rows.u is None else (self.rows.results[r].name, None)


def check_dtypes(point: Point, gradients: list[Float], options: Options, name: str) -> None:
    """Check that gradients in the dtype of the inputs are those in float64, but for rounding."""
    results = point.run()
    dtype = point.operands[0].tensor.dtype
    for result, y in results if options.check_grad_dtypes else ():
        if y.dtype != dtype:
            raise GradcheckError(
                f"{name}: {result} is {y.dtype}, and the inputs are {dtype}; a function keeps the "
                "dtype of what it is given (arrays of float64 within it do not)"
            )
    u = np.random.default_rng(options.seed).standard_normal(sum(y.array.size for _, y in results))
    found = pull(results, point.operands, u)
    for (operand, x), low, high in zip(point.operands, found, gradients, strict=True):
        if not high.size:
            continue
        rtol, share = LOW[dtype.name]
        error = np.abs(low - high) - rtol * np.abs(high) - share * np.max(np.abs(high))
        if not (error <= 0).all():
            worst = int(np.argmax(np.where(np.isnan(error), np.inf, error)))
            raise GradcheckError(
                f"{name}: in {dtype} the gradient by {operand} is not that in float64: at "
                f"{_index(worst, x.shape)} it is {low[worst]:.7g}, and in float64 "
                f"{high[worst]:.7g}; upcast inside the function, or compute it in another way"
            )


def _index(element: int, shape: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(int(i) for i in np.unravel_index(element, shape))
