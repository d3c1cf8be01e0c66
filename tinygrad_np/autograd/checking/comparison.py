"""A whole check at one point: analytic derivatives against differences, operand by operand."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tinygrad_np.autograd.checking.afar import look_afar
from tinygrad_np.autograd.checking.columns import LARGE, Columns, Setting
from tinygrad_np.autograd.checking.consistency import Repeats, check_linear, check_paths
from tinygrad_np.autograd.checking.report import Disagreement, Report
from tinygrad_np.autograd.checking.rows import Rows, index, pull
from tinygrad_np.errors import GradcheckError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tinygrad_np.autograd.checking.differences import Float, Mask
    from tinygrad_np.autograd.checking.point import Named, Point
    from tinygrad_np.autograd.gradcheck import Options

MANY = 1024  # elements of the results: beyond, no single rows are pulled back for a few columns


def compare(point: Point, options: Options, name: str) -> list[Float] | None:
    """Check a point, and give the gradients that a random cotangent is pulled back to.

    None if no result requires grad: then none must depend on the operands.
    """
    everything = point.outputs()
    results = [y for y in everything if y.tensor.vertex is not None]
    if not everything and not point.all_count:
        raise GradcheckError(
            f"{name}: {point.name} gives no tensor, and only through tensors do gradients flow"
        )
    if not results:
        if everything:
            _compare_constants(point, everything, options, name)
        return None
    for result, y in results:
        if y.dtype != np.float64:
            raise GradcheckError(
                f"{name}: {result} is {y.dtype}, though every input is float64; differences need "
                "float64 throughout: compute in the dtype of the inputs"
            )
    rng = np.random.default_rng(options.seed)
    y = np.concatenate([y.array.reshape(-1) for _, y in results])
    u = rng.standard_normal(y.size)
    excluded = _excluded(point, y, name)
    used = np.where(excluded, 0.0, u) if excluded.any() else u
    rows = Rows(results, point.operands, used if options.fast_mode else None)
    if rows.u is u and len(results) == 1:
        gradients = [row[0] for row in rows.gradients]
    else:
        gradients = pull(results, point.operands, u)
    point.check_untouched(name)
    repeats = Repeats(point, y, options, name)
    repeats.check(u, gradients)
    check_linear(rows, u, gradients, options, name)
    check_paths(point, repeats, options, name)
    setting = Setting(point, y, excluded, options, repeats.doubt)
    _compare_all(setting, rows, rng, Report(name, point, results, options))
    if point.all_count and len(results) < len(everything):
        constants = [y for y in everything if y.tensor.vertex is None]
        _compare_constants(point, constants, options, name)
    return gradients


def _excluded(point: Point, y: Float, name: str) -> Mask:
    """Elements of the results that say nothing, as NaN and Inf in the operands lead there."""
    finite = [np.isfinite(x.array) for _, x in point.operands]
    excluded: Mask = np.zeros(y.size, np.bool_)
    if not all(x.all() for x in finite):
        excluded = ~np.isfinite(y)
        if excluded.all() or not any(x.any() for x in finite):
            i = next(i for i, x in enumerate(finite) if not x.all())
            operand, x = point.operands[i]
            at = index(int(np.argmin(finite[i])), x.shape)
            raise GradcheckError(
                f"{name}: {operand} holds {x.array[at]} at {at}, where there is no difference to "
                "take, and nothing is left to compare; check at finite numbers"
            )
    return excluded


def _compare_all(setting: Setting, rows: Rows, rng: np.random.Generator, report: Report) -> None:
    for i in range(len(setting.point.operands)):
        _compare_operand(setting, rows, i, rng, report)
    if not report:
        for i, found in enumerate(look_afar(setting, rows, rng)):
            report.add(i, found)
    report.raise_if_any()


def _compare_operand(
    setting: Setting, rows: Rows, i: int, rng: np.random.Generator, report: Report
) -> None:
    if rows.u is None:
        report.add(i, Columns(setting, rows, i).look())
        return
    x = setting.point.operands[i].tensor.array
    projected = Columns(setting, rows, i, rng.standard_normal(x.shape))
    found = projected.look()
    if found and max(x.size, setting.y.size) <= LARGE:
        exact = Columns(setting, Rows(rows.results, rows.operands, None), i).look()
        # Errors too small for one entry's tolerance may show in the projection alone.
        report.add(i, exact if _accuse(exact) or not _accuse(found) else found)
    elif found or projected.blurred:
        columns = projected.narrow()
        if columns:
            few = setting.y.size <= MANY
            exactly = Rows(rows.results, rows.operands, None) if few else rows
            exact = Columns(setting, exactly, i).look(columns)
            report.add(i, exact or found, partial=bool(exact))
        else:
            report.add(i, found)


def _accuse(found: Sequence[object]) -> bool:
    """Whether a derivative is wrong there, and not only a kink or in doubt."""
    return any(isinstance(entry, Disagreement) for entry in found)


def _compare_constants(point: Point, results: list[Named], options: Options, name: str) -> None:
    """Check that results that require no grad do not move with the operands."""
    point = point.constants()
    rng = np.random.default_rng(options.seed)
    y = np.concatenate([y.array.reshape(-1) for _, y in results], dtype=np.float64)
    u = rng.standard_normal(y.size)
    excluded = _excluded(point, y, name)
    rows = Rows(results, point.operands, np.where(excluded, 0.0, u))
    point.check_untouched(name)
    options = options._replace(atol=0.0)
    repeats = Repeats(point, y, options, name)
    repeats.check(u, pull(results, point.operands, u))
    setting = Setting(point, y, excluded, options, repeats.doubt)
    _compare_all(setting, rows, rng, Report(name, point, results, options))
