"""Columns of a Jacobian, or a projection of it: what a rule gives, against differences."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from tinygrad_np.autograd.checking.differences import CLOSER, FIRST, FURTHER, Line, shares
from tinygrad_np.autograd.checking.report import Disagreement, Kink, Unresolved
from tinygrad_np.autograd.checking.rows import index

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from tinygrad_np.autograd.checking.differences import Attempt, Float, Mask
    from tinygrad_np.autograd.checking.point import Point
    from tinygrad_np.autograd.checking.report import Found
    from tinygrad_np.autograd.checking.rows import Rows
    from tinygrad_np.autograd.gradcheck import Options

EPS = float(np.finfo(np.float64).eps)
ROUNDING = 8 * EPS  # error of a value, relative to its size, that nobody is blamed for
APART = 4  # an error that counts lies beyond the difference of the slopes to both sides
SHARP = 1e-7  # error of a whole projection, relative to its size, that one entry may hide behind
LARGE = 4096  # elements: beyond, a failed projection is not followed up by the whole Jacobian
HALVINGS = 64  # lines to look along for the columns that a projection is wrong by


class Setting(NamedTuple):
    """What all comparisons at one point share."""

    point: Point
    y: Float  # all results, as one vector
    excluded: Mask  # elements of it that no difference says anything of
    options: Options
    doubt: Callable[[], None]  # called before anything counts as wrong


class Columns:
    """One operand: the function along each axis, or along one random direction."""

    def __init__(
        self, setting: Setting, rows: Rows, operand: int, random: Float | None = None
    ) -> None:
        self.setting, self.rows, self.operand = setting, rows, operand
        self.f = setting.point.along(operand)
        self.x = np.array(setting.point.operands[operand].tensor.array)
        self.still = ~np.isfinite(self.x)  # NaN and Inf go nowhere
        self.odd = bool(self.still.any() or setting.excluded.any())
        self.random = random
        if random is not None and self.odd:
            self.random = np.where(self.still, 0.0, random)
        self.shares: dict[Attempt, tuple[float, Float]] = {}
        self.blurred = False  # whether the projection is worse than differences are

    def line(self, column: int, attempt: Attempt) -> tuple[Line, float]:
        """Give the line of a column, and the step along it."""
        if attempt not in self.shares:
            self.shares[attempt] = shares(self.x, attempt)
        general, each = self.shares[attempt]
        h = self.setting.options.eps * general
        if self.random is None:
            direction = np.zeros(self.x.shape)
            direction.reshape(-1)[column] = 1.0
            h *= float(each.reshape(-1)[column])
        else:
            direction = self.random * each
        return Line(self.f, self.x, self.setting.y, direction), h

    def analytic(self, rows: Rows, column: int, direction: Float) -> Float:
        """Give the rows times a direction."""
        gradients = rows.gradients[self.operand]
        if self.random is None:
            return gradients[:, column]
        if self.odd:  # or 0·NaN would be NaN
            gradients = np.where(direction.reshape(-1) == 0, 0.0, gradients)
        with np.errstate(all="ignore"):
            product: Float = gradients @ direction.reshape(-1)
        return product

    def look(self, columns: Iterable[int] | None = None) -> list[Found]:
        """Compare all columns once, and look again at those that are not as they should be."""
        if columns is None:
            columns = np.flatnonzero(~self.still.reshape(-1)) if self.random is None else (0,)
        numbers = [int(c) for c in columns]
        pairs = []
        for c in numbers:
            line, h = self.line(c, FIRST)
            pairs.append(line.slopes(h))
        if not pairs:
            return []
        behind, ahead = (np.stack(side, axis=1) for side in zip(*pairs, strict=True))
        with np.errstate(all="ignore"):
            central, gap = (behind + ahead) / 2, np.abs(ahead - behind)
        if self.random is None:
            analytic = self.rows.gradients[self.operand][:, numbers]
        else:
            analytic = self.analytic(self.rows, 0, line.direction)[:, None]
        numeric = self.rows.numeric(central)
        wrong = self.wrong(analytic, numeric)
        suspects = self.suspects(central, gap) & ~self.setting.excluded[:, None]
        if self.random is not None:
            self.blurred = self.is_blurred(analytic, numeric, central[:, 0], gap[:, 0], h)
        found: list[Found] = []
        for k in np.flatnonzero(wrong.any(0) | suspects.any(0)):
            self.setting.doubt()
            found += self.look_again(numbers[k], behind[:, k], ahead[:, k], suspects[:, k])
        return found

    def tolerance(self, numeric: Float) -> Float:
        """How far from a difference an analytic value may be."""
        return self.setting.options.atol + self.setting.options.rtol * np.abs(numeric)

    def suspects(self, central: Float, gap: Float) -> Mask:
        """Elements whose slopes to both sides disagree."""
        return ~(gap <= 2 * self.tolerance(central))

    def wrong(self, analytic: Float, numeric: Float, kinks: Mask | None = None) -> Mask:
        """Whether values disagree; what is not a number does."""
        with np.errstate(all="ignore"):
            wrong: Mask = ~(np.abs(analytic - numeric) <= self.tolerance(numeric))
        excluded = self.setting.excluded if kinks is None else self.setting.excluded | kinks
        if self.odd or kinks is not None:  # there an infinite slope makes others 0·inf
            wrong &= np.isfinite(analytic)
            if self.rows.u is None:
                wrong[excluded] = False
        return wrong

    def look_again(self, c: int, behind: Float, ahead: Float, suspects: Mask) -> list[Found]:
        """Tell kinks from wrong derivatives in one column."""
        line, h = self.line(c, FIRST)
        kinks = line.kinks(h, suspects) if suspects.any() else suspects

        def parted(line: Line, h: float) -> Mask:
            before, after = line.slopes(h)
            with np.errstate(all="ignore"):
                return self.suspects((before + after) / 2, np.abs(after - before))

        kinks = self.closer(c, kinks, parted)
        wrong = self.judge(c, behind, ahead, kinks)
        if wrong:
            edges = line.edges(h, ~kinks & ~self.setting.excluded)
            if self.rows.u is None:
                at = [x.row for x in wrong]
                edges &= np.isin(np.arange(edges.size), at)
            edges = self.closer(c, edges, lambda line, h: line.edges(h, edges))
            if edges.any():
                kinks = kinks | edges
                wrong = self.judge(c, behind, ahead, kinks)
        element = None if self.random is not None else index(c, self.x.shape)
        found: list[Found] = [self.named(x, element) for x in wrong]
        value = None if element is None else float(self.x[element])
        found += [
            Kink(self.rows.place(int(m)), element, value, behind[m], ahead[m])
            for m in np.flatnonzero(kinks)
        ]
        return found

    def closer(self, c: int, seen: Mask, test: Callable[[Line, float], Mask]) -> Mask:
        """Those elements that smaller steps show as well: else it lies beside the point."""
        for attempt in CLOSER:
            if not seen.any():
                break
            line, h = self.line(c, attempt)
            seen = seen & test(line, h)
        return seen

    def judge(self, c: int, behind: Float, ahead: Float, kinks: Mask) -> list[_Wrong]:
        """Compare one column by several steps, but for some elements; give what none confirms.

        A difference proves a derivative wrong if they lie apart by more than the slopes to both
        sides do, and by more than rounding of the values explains.
        """
        some = kinks if kinks.any() else None
        rows = self.rows if some is None else self.rows.without(some)
        found: dict[int, _Wrong] = {}
        for attempt in (FIRST, *FURTHER):
            line, h = self.line(c, attempt)
            if attempt is not FIRST:
                behind, ahead = line.slopes(h)
            analytic = self.analytic(rows, c, line.direction)
            before, after = (rows.numeric(side[:, None])[:, 0] for side in (behind, ahead))
            with np.errstate(all="ignore"):
                numeric, error = (before + after) / 2, np.abs(analytic - (before + after) / 2)
                noise = ROUNDING / h * rows.sizes(self.setting.y)
                proof = np.isfinite(numeric) & (
                    ~np.isfinite(analytic)
                    | ((error > APART * np.abs(after - before)) & (error > noise))
                )
            wrong = self.wrong(analytic, numeric, some)
            if attempt is FIRST:
                left = wrong
            left = left & wrong
            for r in (int(r) for r in np.flatnonzero(left)):
                if r not in found or (proof[r] and not found[r].proven):
                    found[r] = _Wrong(
                        r, bool(proof[r]), analytic[r], before[r], after[r], noise[r], h
                    )
            if not left.any():
                break
        return [found[int(r)] for r in np.flatnonzero(left)]

    def named(self, wrong: _Wrong, element: tuple[int, ...] | None) -> Found:
        """Put what is wrong, or cannot be told, in the terms of a message."""
        result = self.rows.row(wrong.row)
        if wrong.proven:
            numeric = (wrong.behind + wrong.ahead) / 2
            return Disagreement(result, element, wrong.analytic, numeric, wrong.step)
        value = None if self.rows.u is not None else float(self.setting.y[wrong.row])
        return Unresolved(
            result, element, wrong.analytic, wrong.behind, wrong.ahead, value, wrong.noise
        )

    # --- one entry among very many ---

    def is_blurred(
        self, analytic: Float, numeric: Float, slopes: Float, gap: Float, h: float
    ) -> bool:
        """Whether a projection is off by more than rounding and curvature explain.

        It may be and still agree, since a projection of a thousand entries has the tolerance of
        them all; then one of them may be wrong by far more than its own.
        """
        with np.errstate(all="ignore"):
            error = np.abs(analytic - numeric)[:, 0]
            if (error <= SHARP / 8 * np.abs(numeric[:, 0])).all():  # as nearly always
                return False
            curved = gap * np.fmin(1.0, gap / np.abs(slopes))
            noise = 8 * ROUNDING / h * np.abs(self.setting.y)
            near = self.rows.sizes(SHARP * np.abs(slopes) + curved + noise)
            return bool((error > near).any())

    def narrow(self) -> list[int]:
        """Single columns that blur the projection, found by halving the direction."""
        assert self.random is not None
        whole, found, left = self.random, [], HALVINGS
        pending = [np.flatnonzero(whole)]
        while pending and left > 0:
            part = pending.pop()
            if part.size == 1:
                found.append(int(part[0]))
                continue
            for half in np.array_split(part, 2):
                left -= 1
                self.random = np.zeros(whole.shape)
                self.random.reshape(-1)[half] = whole.reshape(-1)[half]
                line, h = self.line(0, FIRST)
                behind, ahead = line.slopes(h)
                with np.errstate(all="ignore"):
                    central, gap = (behind + ahead) / 2, np.abs(ahead - behind)
                analytic = self.analytic(self.rows, 0, line.direction)[:, None]
                numeric = self.rows.numeric(central[:, None])
                if self.is_blurred(analytic, numeric, central, gap, h):
                    pending.append(half)
        self.random = whole
        return found


class _Wrong(NamedTuple):
    """A row of one column that no step confirms."""

    row: int
    proven: bool
    analytic: float
    behind: float
    ahead: float
    noise: float
    step: float
