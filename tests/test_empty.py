"""Every row of the table on no elements, and on single numbers: what PyTorch can do, so do we.

A size of 0 goes to each letter of a row's shapes in turn. Where the row's oracle gives a result,
so must we; where it cannot (the largest of none, a place in nothing), we must say so.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from cases import SIZES, Case
from helpers import TIGHT, gradients, tensors
from op_cases import BY_NAME, CASES

import tinygrad_np as tg

if TYPE_CHECKING:
    from collections.abc import Sequence

    Array = np.ndarray[Any, Any]

REFUSALS = (RuntimeError, IndexError, ValueError)
# NumPy gives an empty result; PyTorch and we refuse an index that is not empty.
INDEX_STAYS = {("gather[1 k]", "n"), ("index_fill[tensor]", "n")}


def letters(case: Case) -> Sequence[str]:
    return [*dict.fromkeys(s for x in case.operands for s in x.shape.split() if s in SIZES)]


EMPTY = [
    pytest.param(case, letter, id=f"{case.name}, {letter} = 0")
    for case in CASES
    for letter in letters(case)
]


@pytest.mark.parametrize(("case", "letter"), EMPTY)
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_size_0(case: Case, letter: str) -> None:
    arrays = case.draw(seed=23, sizes=SIZES | {letter: 0})
    operands = tensors(arrays)
    try:
        expected = case.oracle(*arrays)
    except REFUSALS:
        expected = None
    for form in case.forms.values():
        if expected is None or (case.name, letter) in INDEX_STAYS:
            with pytest.raises((*REFUSALS, ZeroDivisionError)):  # of a row's own arithmetic
                form(tg, *operands)
            continue
        y = form(tg, *operands)
        np.testing.assert_allclose(y.detach().numpy(), expected, rtol=1e-13, atol=1e-15)
        assert y.shape == np.shape(expected)
        wanted = [x for x in operands if x.requires_grad]
        for create_graph in (False, True):
            found = gradients(form(tg, *operands), operands, create_graph=create_graph)
            assert [g.shape for g in found] == [x.shape for x in wanted]
            if not y.numel():
                assert not any(g.any() for g in found)
        if np.isfinite(expected).all():
            tg.autograd.gradcheck(lambda *xs: form(tg, *xs), operands, fast_mode=True, **TIGHT)  # noqa: B023 - called here


# Rows that take 0-d operands beside those that say so (`scalar`), by the beginning of the name.
# PyTorch takes a number for a line of one in whatever names one dimension, the last or the first.
SINGLE = (
    "add",
    "sub",
    "mul",
    "div",
    "div[floor]",
    "div[trunc]",
    "remainder",
    "fmod",
    "pow",
    "maximum",
    "minimum",
    "where",
    "draw",
    "clamp",
    "clamp_min",
    "clamp_max",
    "addcmul",
    "addcdiv",
    "lerp",
    "masked_fill",
    "masked_select",
    "take_along_dim[flat]",
    "getitem[mask]",
    "index_select[0]",
    "index_fill[tensor]",
    "gather[k]",
    "gather[0-d]",
    "sum[dim=-1]",
    "sum[dim=0]",
    "mean[dim=-1]",
    "mean[dim=0]",
    "amax[dim=-1]",
    "amax[dim=0]",
    "amin[dim=-1]",
    "amin[dim=0]",
    "logsumexp[dim=-1]",
    "logsumexp[dim=0]",
    "max[0,False]",
    "max[-1,False]",
    "max[all]",
    "min[0,False]",
    "min[-1,False]",
    "min[all]",
    "softmax[-1]",
    "log_softmax[-1]",
    "transpose",
    "T",
    "t",
    "squeeze[-1]",
    "unsqueeze[0]",
    "unsqueeze[-1]",
    "broadcast_to",
    "sum_to[same]",
    "stack[0]",
    "stack[-1]",
    "meshgrid",
    "setitem[all]",
    "setitem[mask]",
    "copy_",
    "fill_[tensor]",
    "Put[all]",
    "Put[all, broadcast]",
)
ONE = dict.fromkeys(SIZES, 1)


def single(case: Case) -> bool:
    return case.scalar or any(case.name == key or case.name.startswith(f"{key}[") for key in SINGLE)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_0d_operands_are_lines_of_one(case: Case) -> None:
    lines = case.draw(seed=24, sizes=ONE)
    numbers = [a.reshape(-1)[0].reshape(()) for a in lines]
    operands = tensors(numbers)
    if not single(case):
        with pytest.raises((*REFUSALS, TypeError)):
            case.call(tg, *operands)
        return
    whole = [a if a.size == 1 else a.reshape(-1)[:1].reshape((1,) * a.ndim) for a in lines]
    inputs = tensors(whole)
    y, z = case.call(tg, *operands), case.call(tg, *inputs)
    np.testing.assert_array_equal(np.ravel(y.detach().numpy()), np.ravel(z.detach().numpy()))
    for a, b in zip(gradients(y, operands), gradients(z, inputs), strict=True):
        assert a.shape == ()
        np.testing.assert_allclose(a, b.reshape(()), rtol=1e-14)


def test_every_name_here_is_that_of_a_row() -> None:
    for key in SINGLE:
        assert any(name == key or name.startswith(f"{key}[") for name in BY_NAME), key
