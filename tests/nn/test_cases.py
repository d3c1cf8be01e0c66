"""Every loss and every module of the table, in all that `check_op` asks; and none without a row."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from helpers import tensors
from nn_cases import ROWS
from op_cases import CASES

import nn
import nn.functional as F
import tinygrad_np as tg
from tinygrad_np.testing import CHECKS, check_op

if TYPE_CHECKING:
    from nn_row import Row

every = pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)


def made(row: Row) -> tuple[Any, list[Any]]:
    """What a row is about, with the same parameters each time, and its arguments in float64."""
    tg.manual_seed(1)
    subject = row.make(tg)
    drawn = [tensors([x])[0] if isinstance(x, np.ndarray) else x for x in row.draw()]
    return subject.double() if isinstance(subject, nn.Module) else subject, drawn


@every
@pytest.mark.long
def test_all_that_is_asked_of_what_has_a_derivative(row: Row) -> None:
    subject, _ = made(row)
    check_op(subject, row.draw(), row.oracle, skip=row.skip)


@pytest.mark.parametrize(
    "row",
    [row for row in ROWS if "Dropout" not in row.name and isinstance(row.make(tg), nn.Module)],
    ids=lambda row: row.name,
)
def test_evaluation_changes_nothing_but_dropout(row: Row) -> None:
    module, arguments = made(row)
    check_same(module(*arguments), module.eval()(*arguments))


def check_same(found: Any, expected: Any) -> None:
    pairs = zip(found, expected, strict=True) if isinstance(found, tuple) else [(found, expected)]
    for a, b in pairs:
        np.testing.assert_array_equal(a.detach().numpy(), b.detach().numpy())


def test_what_is_left_out_is_a_check_and_has_a_reason() -> None:
    for row in ROWS:
        assert row.skip.keys() <= CHECKS.keys()
        assert all(row.skip.values())


# --- nothing public without a row, by what the rows call and run ---

NOT_FOR_TENSORS = {"names_in": "gives the message for a name that is missing"}


class Noting:
    """A library that notes which of its functions are called through it."""

    def __init__(self, library: Any, called: set[Any]) -> None:
        self._library, self._called = library, called

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._library, name)
        if inspect.ismodule(found):
            return Noting(found, self._called)
        if inspect.isclass(found) or not callable(found):
            return found

        def noted(*arguments: Any, **options: Any) -> Any:
            self._called.add(found)
            return found(*arguments, **options)

        return noted


def functions_that_rows_call() -> set[Any]:
    called: set[Any] = set()
    library = Noting(tg, called)
    for case in CASES:
        for form in case.forms.values():
            form(library, *tensors(case.draw()))
    for row in ROWS:
        _, arguments = made(row)
        subject = row.make(library)
        (subject.double() if isinstance(subject, nn.Module) else subject)(*arguments)
    return called


def classes_that_rows_run() -> set[type[nn.Module]]:
    """Classes whose `forward` ran; those without one only hold, and are part of what ran."""
    ran: set[type[nn.Module]] = set()
    for row in ROWS:
        subject, arguments = made(row)
        if isinstance(subject, nn.Module):
            for module in subject.modules():
                if type(module).forward is nn.Module.forward:
                    ran.add(type(module))
                else:
                    module.register_forward_hook(lambda m, *_: ran.add(type(m)))
            subject(*arguments)
    return ran


def functions_without_row() -> set[str]:
    called = functions_that_rows_call()
    public = {name: f for name, f in vars(F).items() if not name.startswith("_") and callable(f)}
    return {name for name, f in public.items() if f not in called} - NOT_FOR_TENSORS.keys()


def classes_without_row() -> set[str]:
    ran = classes_that_rows_run()
    return {
        name
        for name, found in vars(nn).items()
        if inspect.isclass(found) and issubclass(found, nn.Module) and found is not nn.Module
        if not name.startswith("_") and found not in ran
    }


def test_every_function_is_called_by_a_row() -> None:
    assert functions_without_row() == set(), "add rows to tests/nn_cases.py or tests/op_cases.py"


def test_every_module_is_run_by_a_row() -> None:
    assert classes_without_row() == set(), "add rows to tests/nn_cases.py"


def test_what_has_no_row_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    class SiLU(nn.Module):
        def forward(self, x: tg.Tensor) -> tg.Tensor:
            return x * x.sigmoid()

    monkeypatch.setattr(F, "silu", lambda x: x * x.sigmoid(), raising=False)
    monkeypatch.setattr(nn, "SiLU", SiLU, raising=False)
    assert functions_without_row() == {"silu"}
    assert classes_without_row() == {"SiLU"}
