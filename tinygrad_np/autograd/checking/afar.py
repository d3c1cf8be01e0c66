"""Longer steps, which move what stands still over a short one.

A part that is computed in float32, and cut off the graph by that (`tensor(total.item())`), does not
follow a short step, which then confirms the rule that leaves it out. Differences over longer steps
are less exact. So two of them must prove a derivative wrong, and agree with each other; and first
along two random directions of all operands at once, which costs next to nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from tinygrad_np.autograd.checking.columns import APART, LARGE, ROUNDING
from tinygrad_np.autograd.checking.differences import Attempt, Line, shares
from tinygrad_np.autograd.checking.report import Disagreement
from tinygrad_np.autograd.checking.rows import Rows, index

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tinygrad_np.autograd.checking.columns import Setting
    from tinygrad_np.autograd.checking.differences import Float, Mask
    from tinygrad_np.autograd.checking.report import Found

STEPS = (Attempt(1e3, "own"), Attempt(1e2, "own"))  # own: none leaps over a pole


def look_afar(setting: Setting, rows: Rows, rng: np.random.Generator) -> list[list[Found]]:
    """Give what longer steps prove wrong, operand by operand; mostly nothing at all."""
    xs = [x.array for _, x in setting.point.operands]
    for _ in range(2):
        directions = [rng.standard_normal(x.shape) for x in xs]
        if not _apart(setting, rows, directions):
            return []
    small = max(setting.y.size, *(x.size for x in xs)) <= LARGE
    if small and rows.u is not None:
        rows = Rows(rows.results, rows.operands, None)
    found: list[list[Found]] = []
    for i, x in enumerate(xs):
        alone = [np.zeros(other.shape) for other in xs]
        alone[i] = directions[i]
        wrong = _apart(setting, rows, alone)
        single: list[Found] = []
        for k in range(x.size) if wrong and small else ():
            alone[i] = np.zeros(x.shape)
            alone[i].reshape(-1)[k] = 1.0
            at = index(k, x.shape)
            single += [entry._replace(element=at) for entry in _apart(setting, rows, alone)]
        found.append(single or [*wrong])  # a single one may be too small to be told
    return found


def _apart(setting: Setting, rows: Rows, directions: Sequence[Float]) -> list[Disagreement]:
    """Give the rows that both steps prove wrong along one direction, each close to the other."""
    one = _look(setting, rows, directions, STEPS[0])
    if one is None or not one.proof.any():
        return []
    other = _look(setting, rows, directions, STEPS[1])
    assert other is not None  # the same operands move
    with np.errstate(all="ignore"):
        alike = APART * np.abs(one.numeric - other.numeric) < np.abs(one.analytic - one.numeric)
    return [
        Disagreement(rows.row(int(r)), None, one.analytic[r], one.numeric[r], one.step)
        for r in np.flatnonzero(one.proof & other.proof & alike)
    ]


class _Slopes(NamedTuple):
    """What a rule and a difference give along a direction, row by row."""

    analytic: Float
    numeric: Float
    proof: Mask  # whether they lie apart by more than anything explains
    step: float


def _look(
    setting: Setting, rows: Rows, directions: Sequence[Float], attempt: Attempt
) -> _Slopes | None:
    xs = [x.array for _, x in setting.point.operands]
    moves = []
    for x, direction in zip(xs, directions, strict=True):
        general, each = shares(x, attempt)
        moves.append(np.where(np.isfinite(x), direction * general * each, 0.0).reshape(-1))
    move = np.concatenate(moves)
    largest = float(np.max(np.abs(move), initial=0.0))
    if not largest:
        return None
    ends = np.cumsum([x.size for x in xs])[:-1]

    def values(flat: Float) -> Float:
        parts = np.split(flat, ends)
        return setting.point.at(
            {i: part.reshape(x.shape) for i, (part, x) in enumerate(zip(parts, xs, strict=True))}
        )

    flat = np.concatenate([x.reshape(-1) for x in xs])
    line = Line(values, flat, setting.y, move / largest)
    h = setting.options.eps * largest
    behind, ahead = line.slopes(h)
    gradients = np.concatenate(rows.gradients, axis=1)
    with np.errstate(all="ignore"):
        analytic = np.where(line.direction == 0, 0.0, gradients) @ line.direction
        numeric = rows.numeric(((behind + ahead) / 2)[:, None])[:, 0]
        error = np.abs(analytic - numeric)
        doubt = APART * rows.sizes(ahead - behind) + ROUNDING / h * rows.sizes(setting.y)
        allowed = setting.options.atol + setting.options.rtol * np.abs(numeric)
        proof = np.isfinite(error) & (error > doubt) & (error > allowed)
    if rows.u is None:
        proof &= ~setting.excluded
    return _Slopes(analytic, numeric, proof, h)
