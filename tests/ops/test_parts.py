"""Views of parts: what the options are by default, the ends of their ranges, and refusals."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

import tinygrad_np as tg
from tinygrad_np.errors import ShapeError

if TYPE_CHECKING:
    from collections.abc import Callable

X = tg.tensor([[0.0, 1.0, 2.0], [3.0, 4.0, 5.0]])
ROW = tg.tensor([0.0, 1.0, 2.0])


@pytest.mark.parametrize(
    ("call", "pieces"),
    [
        (lambda: [tg.diagonal(X)], [[0, 4]]),
        (lambda: tg.unbind(X), [[0, 1, 2], [3, 4, 5]]),
        (lambda: tg.split(X, 1), [[[0, 1, 2]], [[3, 4, 5]]]),
        (lambda: tg.chunk(X, 2), [[[0, 1, 2]], [[3, 4, 5]]]),
    ],
    ids=["diagonal", "unbind", "split", "chunk"],
)
def test_the_main_diagonal_and_the_first_dimension_are_meant_by_default(
    call: Callable[[], Any], pieces: Any
) -> None:
    assert [piece.tolist() for piece in call()] == pieces


@pytest.mark.parametrize("size", [1, 2, 3, 5, np.int64(2)])
def test_the_last_piece_takes_what_is_left(size: int) -> None:
    pieces = [piece.tolist() for piece in ROW.split(size)]
    assert pieces == [list(range(i, min(i + size, 3))) for i in range(0, 3, size)]


@pytest.mark.parametrize(
    ("chunks", "sizes"), [(1, [3]), (2, [2, 1]), (7, [1, 1, 1]), (np.int64(2), [2, 1])]
)
def test_chunks_are_no_more_than_asked_for(chunks: int, sizes: list[int]) -> None:
    assert [len(piece) for piece in ROW.chunk(chunks)] == sizes


def test_nothing_can_be_cut_into_pieces_of_nothing() -> None:
    nothing = tg.zeros(0)
    assert [p.shape for p in nothing.split(0)] == [(0,)]
    assert nothing.split([]) == ()
    assert [p.shape for p in nothing.split([0, 0])] == [(0,)] * 2
    assert [p.shape for p in ROW.split([0, 3])] == [(0,), (3,)]


@pytest.mark.parametrize("index", [1, np.int64(1), tg.tensor(1), -1, np.int32(-1)])
def test_any_integer_selects(index: Any) -> None:
    assert X.select(0, index).tolist() == [3, 4, 5]


def test_the_ends_of_a_dimension_are_selected() -> None:
    assert [X.select(1, i).tolist() for i in (-3, 2)] == [[0, 3], [2, 5]]


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: ROW.split(-1), ShapeError, "split: pieces must have a positive size, not -1"),
        (lambda: tg.zeros(0).split(-1), ShapeError, "a positive size, not -1"),
        (lambda: ROW.split([-1, 4]), ShapeError, r"sizes \[-1, 4\] must not be negative"),
        (lambda: ROW.split([]), ShapeError, r"sizes \[\] .* add up to the size 3 of dimension 0"),
        (lambda: ROW.split([1.5, 2]), TypeError, r"split: each size must be an int, not 1\.5"),
        (lambda: ROW.split(2.0), TypeError, r"split: split_size_or_sections must be an int"),
        (lambda: tg.split([1.0], 1), TypeError, "split: tensor must be a Tensor"),
        (lambda: ROW.chunk(2.0), TypeError, r"chunk: chunks must be an int, not 2\.0"),
        (lambda: ROW.select(0, 1.0), TypeError, r"select: index must be an int, not 1\.0"),
        (lambda: ROW.select(0, tg.tensor(1.0)), TypeError, "select: index must be an int"),
        (lambda: ROW.select(0, -4), IndexError, "index -4 is out of bounds for dimension 0"),
    ],
)
def test_refusals(call: Callable[[], Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        call()
