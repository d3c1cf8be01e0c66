"""What a failed check says: which operand, which elements, and by how much."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from tinygrad_np.core import Node
from tinygrad_np.errors import GradcheckError, NondifferentiableError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tinygrad_np.autograd.checking.point import Named, Point
    from tinygrad_np.autograd.gradcheck import Options

SHOWN = 5  # of the worst elements


class Disagreement(NamedTuple):
    """An entry of the Jacobian, or a projection of it, that is wrong."""

    result: tuple[str, tuple[int, ...] | None]
    element: tuple[int, ...] | None  # of the operand; None: along a random direction
    analytic: float
    numeric: float
    step: float

    @property
    def absolute(self) -> float:
        """Absolute error; infinite if a value is not a number."""
        error = abs(float(self.analytic) - float(self.numeric))
        return error if error == error else float("inf")  # noqa: PLR0124 - tells NaN

    @property
    def relative(self) -> float:
        """Error relative to the larger of both values."""
        size = max(abs(float(self.analytic)), abs(float(self.numeric)))
        if size == float("inf"):
            return size
        return self.absolute / size if size else 0.0


class Kink(NamedTuple):
    """An element of a result whose slopes to both sides of the point disagree."""

    result: tuple[str, tuple[int, ...]]
    element: tuple[int, ...] | None
    value: float | None  # of that element
    behind: float
    ahead: float


class Unresolved(NamedTuple):
    """An entry that disagrees, by no more than differences are uncertain there."""

    result: tuple[str, tuple[int, ...] | None]
    element: tuple[int, ...] | None
    analytic: float
    behind: float
    ahead: float
    value: float | None  # of that element of the result
    noise: float  # by how much rounding of the value moves a difference


Found = Disagreement | Kink | Unresolved


class Report:
    """Collects what is found about each operand, and raises it as one error."""

    def __init__(self, name: str, point: Point, results: Sequence[Named], options: Options) -> None:
        self.name, self.point, self.results, self.options = name, point, results, options
        self.wrong: list[tuple[Named, list[Disagreement], bool]] = []
        self.unresolved: list[tuple[Named, list[Unresolved]]] = []
        self.kinks: list[tuple[Named, list[Kink]]] = []

    def add(self, operand: int, found: Sequence[Found], *, partial: bool = False) -> None:
        """Note what was found about an operand; `partial` if there may be more."""
        named = self.point.operands[operand]
        wrong = [x for x in found if isinstance(x, Disagreement)]
        unresolved = [x for x in found if isinstance(x, Unresolved)]
        kinks = [x for x in found if isinstance(x, Kink)]
        if wrong:
            self.wrong.append((named, wrong, partial))
        if unresolved and not self.point.constant:  # of a constant, rounding is all that moves
            self.unresolved.append((named, unresolved))
        if kinks:
            self.kinks.append((named, kinks))

    def __bool__(self) -> bool:
        """Whether anything was found."""
        return bool(self.wrong or self.unresolved or self.kinks)

    def raise_if_any(self) -> None:
        """Raise for wrong derivatives; if there are none, for what cannot be told; for kinks."""
        if self.wrong:
            raise GradcheckError("\n".join(self._mismatches()))
        if self.unresolved:
            raise GradcheckError("\n".join(self._uncertain()))
        if self.kinks:
            raise NondifferentiableError("\n".join(self._kinks()))

    def _mismatches(self) -> list[str]:
        names = " and ".join(operand.name for operand, _, _ in self.wrong)
        title = f"{self.name}: {self.point.what} of {self.function()} by {names} is wrong"
        if self.point.constant:
            these = " and ".join(y.name for y in self.results)
            title = (
                f"{self.name}: Numerical gradient for function expected to be zero, and it is not: "
                f"{these} of {self.point.name} requires no grad and yet moves with {names}; "
                "something detaches it"
            )
        lines = [title]
        for operand, found, partial in self.wrong:
            results = [y for y in self.results if any(d.result[0] == y.name for d in found)]
            shapes = [
                f"{name} {tuple(y.shape)}" + ("" if self.point.constant else f" of {made_by(y)}")
                for name, y in results
            ]
            lines += [
                f"  {', '.join(shapes)} by {operand.name} {tuple(operand.tensor.shape)}:",
                f"  {_count(found, self._entries(operand, found), partial)}",
            ]
            worst = sorted(found, key=lambda d: -d.absolute)[:SHOWN]
            table = [("", "analytic", "numeric", "absolute", "relative", "step")]
            table += [
                (
                    f"∂ {_element(*d.result)} / ∂ {_element(operand.name, d.element)}",
                    f"{d.analytic:.10g}",
                    f"{d.numeric:.10g}",
                    f"{d.absolute:.2g}",
                    f"{d.relative:.2g}",
                    f"{d.step:.2g}",
                )
                for d in worst
            ]
            lines += _aligned(table)
        options = self.options
        if not self.point.constant:
            lines.append(f"  allowed: {options.atol:g} + {options.rtol:g}·|numeric|")
        return lines

    def _uncertain(self) -> list[str]:
        names = " and ".join(operand.name for operand, _ in self.unresolved)
        about = f"{self.point.what} of {self.function()} by {names}"
        lines = [f"{self.name}: differences cannot tell whether {about} is right"]
        for operand, found in self.unresolved:
            for x in found[:SHOWN]:
                value = "" if x.value is None else f"; the value is {x.value:.6g}"
                noise = f", where rounding moves them by {x.noise:.2g}" if x.noise > 0 else ""
                lines.append(
                    f"  ∂ {_element(*x.result)} / ∂ {_element(operand.name, x.element)}: the rule "
                    f"gives {x.analytic:.6g}, differences {x.behind:.6g} behind and {x.ahead:.6g} "
                    f"ahead{noise}{value}"
                )
            if len(found) > SHOWN:
                lines.append(f"  and {len(found) - SHOWN} more by {operand.name}")
        lines.append(
            "  Check where the values are finite, and not so large beside the slopes: leave large "
            "constants out of the function"
        )
        return lines

    def _entries(self, operand: Named, found: Sequence[Disagreement]) -> int:
        rows, columns = len(self.results), 1  # of projections
        if found[0].result[1] is not None:
            rows = sum(y.array.size for _, y in self.results)
        if found[0].element is not None:
            columns = operand.tensor.array.size
        return int(rows * columns)

    def _kinks(self) -> list[str]:
        lines = [
            f"{self.name}: {self.function()} has a kink at this point, and no derivative to check"
        ]
        for operand, found in self.kinks:
            for kink in found[:SHOWN]:
                at = "" if kink.value is None else f" = {kink.value:.10g}"
                lines.append(
                    f"  {_element(operand.name, kink.element)}{at}: the slope of "
                    f"{_element(*kink.result)} is {kink.behind:.6g} behind and {kink.ahead:.6g} "
                    "ahead"
                )
            if len(found) > SHOWN:
                lines.append(f"  and {len(found) - SHOWN} more by {operand.name}")
        lines.append(
            "  Check at a point away from it; tinygrad_np.testing.tensors draws such points, with "
            "away_from= or distinct=True"
        )
        return lines

    def function(self) -> str:
        """Name of the function; of a lambda around one op, that of the op."""
        if self.point.name != "<lambda>":
            return self.point.name
        if self.point.constant:
            return "the function"
        made = {made_by(y) for _, y in self.results}
        depth = any(isinstance(p, Node) for _, y in self.results for p in y.vertex.parents)
        return made.pop() if len(made) == 1 and not depth else "the function"


def made_by(y: Any) -> str:
    """Name of the op that made a tensor."""
    return "an input itself" if y.node is None else str(y.node.op.name)


def _element(name: str, index: tuple[int, ...] | None) -> str:
    if index is None:
        return f"{name} in a random projection"
    return f"{name}[{', '.join(map(str, index))}]" if index else name


def _count(found: Sequence[Disagreement], total: int, partial: bool) -> str:
    noun = "entries" if total > 1 else "entry"
    least = "at least " if partial else ""
    shown = f", the worst {SHOWN} of which are" if len(found) > SHOWN else ""
    return f"{least}{len(found)} of {total} {noun} disagree{shown}"


def _aligned(table: Sequence[Sequence[str]]) -> list[str]:
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    return [
        "    "
        + "  ".join(
            cell.ljust(width) if i == 0 else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        for row in table
    ]
