"""Indexing: what `x[...]` and `x[...] = v` read and write, and their gradients."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from helpers import gradients, tensors, weights

import tinygrad_np as tg
from tinygrad_np.errors import GraphError, ShapeError
from tinygrad_np.ops.index import steps

equal = np.testing.assert_array_equal
CUBE = np.arange(24.0).reshape(2, 3, 4)
ROWS = np.array([1, 0, 1])

INDICES: dict[str, Any] = {
    "int": 1,
    "negative": -1,
    "numpy int": np.int64(1),
    "slice": slice(1, 3),
    "beyond the end": slice(1, 99),
    "step": (slice(None), slice(None, None, 2)),
    "step of one": slice(None, None, 1),
    "ellipsis": (..., 1),
    "ellipsis alone": ...,
    "nothing": (),
    "None": None,
    "Nones": (None, 0, None, ..., None),
    "all ints": (1, 2, 3),
    "list": [0, 0, 1],
    "nested list": [[0, 1], [1, 1]],
    "array": ROWS,
    "arrays": (ROWS, ROWS * 2),
    "array and slice": (ROWS, slice(1, 2)),
    "slice and array": (slice(None), ROWS),
    "array and int": (ROWS, 1),
    "ints around an array": (0, ROWS, 1),
    "int, slice, array": (0, slice(1, None), ROWS),
    "array, None, array": (ROWS, None, ROWS),
    "int, None, array": (1, None, ROWS),
    "array, slice, array": (ROWS, slice(None), ROWS),
    "ellipsis and array": (..., ROWS),
    "mask": CUBE > 7,
    "mask and int": (CUBE[:, :, 0] > 7, 1),
    "matrix of places and int": (np.array([[0, 1], [1, 1]]), 1),
    "row mask": np.array([True, False]),
    "column mask": (slice(None), np.array([True, False, True])),
    "list of bools": [False, True],
    "True": True,
    "empty list": [],
    "empty slice": slice(2, 2),
}


def oracle(index: Any) -> tuple[Any, ...]:
    """What NumPy is to be asked, one after the other: a leading int, and then what it leaves."""
    leading_int = isinstance(index, tuple) and index and type(index[0]) is int
    return (index[0], index[1:]) if leading_int else (index,)


@pytest.mark.parametrize("index", INDICES.values(), ids=INDICES.keys())
@pytest.mark.parametrize("wrapped", [False, True])
def test_values_and_gradients(index: Any, wrapped: bool) -> None:
    (x,) = tensors([CUBE])
    parts = index if isinstance(index, tuple) else (index,)
    given: Any = index
    if wrapped:
        given = tuple(
            tg.tensor(p) if isinstance(p, (list, np.ndarray)) and len(p) else p for p in parts
        )
    y = x[given]
    places = np.arange(CUBE.size).reshape(CUBE.shape)
    for part in oracle(index):
        places = places[part]
    equal(y.detach().numpy(), CUBE.ravel()[places])
    seed = weights(y.shape)
    expected = np.zeros_like(CUBE)
    np.add.at(expected.ravel(), places, seed.numpy())
    for create_graph in (False, True):
        (g,) = gradients(x[given], [x], create_graph=create_graph)
        np.testing.assert_allclose(g, expected, rtol=1e-14)


@pytest.mark.parametrize("index", INDICES.values(), ids=INDICES.keys())
def test_writing(index: Any) -> None:
    x, expected = tg.tensor(CUBE), CUBE.copy()
    x[index] = 100.0
    expected[index] = 100.0
    equal(x.numpy(), expected)


def test_repeated_places_add_up() -> None:
    x = tg.tensor([1.0, 2.0, 3.0], requires_grad=True)
    x[[0, 0, 1]].backward(tg.tensor([10.0, 1.0, 5.0]))
    equal(x.grad.numpy(), [11, 5, 0])


def test_an_index_array_apart_from_an_int() -> None:
    """The int is taken first, as in PyTorch; NumPy counts it as an index array."""
    index = [0, 1, 1, 2, 3, 0]
    x = tg.zeros(2, 3, 4, 5)
    assert x[0, :, index].shape == (3, 6, 5)
    assert x[tg.tensor(0), :, index].shape == (3, 6, 5)
    assert x[index[:2], :, index[:2]].shape == (2, 3, 5)
    assert x[:, [0, 1], [1, 2]].shape == (2, 2, 5)
    assert x[[0, 1], None, [0, 1]].shape == (2, 1, 4, 5)


def test_a_single_truth_value_adds_a_dimension() -> None:
    x = tg.tensor(CUBE)
    for truth in (True, tg.tensor(True), np.array(True), tg.tensor(1, dtype=tg.uint8)):
        assert x[truth].shape == (1, 2, 3, 4)
        assert x[:, truth].shape == (2, 1, 3, 4)
    assert x[False].shape == (0, 2, 3, 4)
    assert x[0, tg.tensor(False)].shape == (0, 3, 4)
    x[False] = 5.0
    equal(x.numpy(), CUBE)


def test_nested_sequences() -> None:
    x = tg.tensor(CUBE)
    equal(x[((0, 1), 2)].numpy(), CUBE[[0, 1], 2])
    equal(x[[[0, 1], [1, 1]]].numpy(), CUBE[np.array([[0, 1], [1, 1]])])
    equal(x[[0, slice(1, None)]].numpy(), CUBE[0, 1:])  # a list that can only be a tuple
    equal(x[[tg.tensor([0, 1]), tg.tensor([1, 2])]].numpy(), CUBE[[0, 1], [1, 2]])
    equal(x[[None, 0]].numpy(), CUBE[None, 0])
    equal(x[[..., 0]].numpy(), CUBE[..., 0])
    equal(x[range(2)].numpy(), CUBE)


@pytest.mark.parametrize(
    ("index", "count"),
    [
        *((index, 1) for index in (0, ..., (0, None, slice(1)), ROWS, CUBE > 3, True)),
        *((index, 1) for index in ((slice(None), ROWS), (..., ROWS), (ROWS, ROWS))),
        *((index, 2) for index in ((0, ROWS), (slice(1), ROWS), (None, ROWS))),
    ],
)
def test_one_step_where_numpy_agrees_with_pytorch(index: Any, count: int) -> None:
    assert len(steps(index, CUBE.ndim)) == count


def test_an_ellipsis_that_stands_for_nothing_does_not_part_index_tensors() -> None:
    x = tg.tensor(CUBE)
    equal(x[:, [0, 1], ..., [2, 1]].numpy(), CUBE[:, [0, 1], [2, 1]])
    x[:, [0, 1], ..., [2, 1]] = tg.tensor([[7.0, 8.0], [9.0, 10.0]])
    equal(x[1].numpy()[[0, 1], [2, 1]], [9, 10])
    assert x[[0, 1], ..., [0, 1]].shape == (2, 3)


def test_bytes_are_a_mask() -> None:
    x = tg.tensor([10, 20, 30])
    assert x[tg.tensor([1, 0, 1], dtype=tg.uint8)].tolist() == [10, 30]


@pytest.mark.parametrize("dtype", [np.bool_, np.uint8])
def test_a_mask_without_elements_is_a_mask(dtype: Any) -> None:
    x = tg.zeros(2, 0, 3, requires_grad=True)
    for mask in (np.zeros((2, 0), dtype), tg.tensor(np.zeros((2, 0), dtype))):
        assert x[mask].shape == (0, 3)
    assert x[:, np.zeros(0, dtype)].shape == (2, 0, 3)
    assert tg.zeros(2, 3)[[]].shape == (0, 3)
    with pytest.raises(IndexError, match="shape"):
        tg.zeros(4, 3)[np.zeros((3, 0), dtype)]


def test_a_number_is_not_written_through_a_mask_of_bytes() -> None:
    mask = tg.tensor([1, 0, 1], dtype=tg.uint8)
    for value in (1, tg.tensor(1.0), tg.tensor([1.0])):
        for index in (mask, (0, mask), (slice(None), mask)):
            with pytest.raises(
                tg.DtypeError, match=r"the mask must be of bools, not of uint8; use"
            ):
                tg.zeros(3, 3)[index] = value
    x = tg.zeros(3)
    x[mask] = tg.tensor([5.0, 6.0])
    assert x.tolist() == [5, 0, 6]
    x[mask.bool()] = 1
    x[tg.tensor(1, dtype=tg.uint8)] = x + 1  # a truth
    assert x.tolist() == [2, 1, 2]


@pytest.mark.parametrize("dtype", [tg.int8, tg.int16])
def test_narrow_integers_are_no_index(dtype: Any) -> None:
    x, places = tg.tensor([10.0, 20.0, 30.0]), tg.tensor([1, 0], dtype=dtype)
    with pytest.raises(IndexError, match=f"must be of int64, int32, bool or uint8, not of {dtype}"):
        x[places]
    with pytest.raises(IndexError, match="must be of int64, int32"):
        x[places] = 1
    for byte in (places, places.byte()):
        with pytest.raises(tg.DtypeError, match="gather: index must be a tensor of int64 or int32"):
            x.gather(0, byte)
        with pytest.raises(tg.DtypeError, match="index_add: index must be a tensor of int64"):
            x.index_add(0, byte, tg.ones(2))
    assert x[places.int()].tolist() == [20, 10]
    assert x[places[0]].item() == 20  # an int, as any 0-d tensor
    assert x[np.array([1, 0], np.int8)].tolist() == [20, 10]  # an array is data, of any width


def test_a_0d_tensor_is_an_int() -> None:
    x = tg.tensor([10, 20, 30])
    assert x[tg.tensor(1)].tolist() == 20
    assert [10, 20, 30][tg.tensor(2)] == 30


@pytest.mark.parametrize(
    ("index", "name"),
    [
        ((), "Alias"),
        (..., "Alias"),
        (slice(None), "Slice"),
        ((0, slice(1, None)), "Slice"),
        ((None, slice(1, None)), "Slice"),
        ((slice(1, None), 0), "Select"),
        ((None, 0, slice(None)), "Select"),
        ((0, None), "Unsqueeze"),
        ((slice(1, None), None, ...), "Unsqueeze"),
        ((None, slice(None)), "Unsqueeze"),
        ((0, [0]), "Index"),
    ],
)
def test_the_graph_names_the_last_step_of_an_index(index: Any, name: str) -> None:
    assert tg.ones(2, 3, 4, requires_grad=True)[index].grad_fn.name() == f"{name}Backward0"


def test_basic_indices_give_views_and_others_copies() -> None:
    x = tg.tensor(CUBE)
    for index in (0, (0, 0, 0), slice(1), (..., 1), None):
        assert np.shares_memory(x[index].numpy(), x.numpy())
    for index in ([0], ROWS, CUBE > 3):
        assert not np.shares_memory(x[index].numpy(), x.numpy())


def test_iteration_and_length() -> None:
    x = tg.tensor([[1.0, 2.0], [3.0, 4.0]], requires_grad=True)
    assert len(x) == 2
    first, second = x
    (first * 2 + second * 3).backward(tg.tensor([1.0, 10.0]))
    equal(x.grad.numpy(), [[2, 20], [3, 30]])
    for function, message in [(len, "len"), (iter, "iteration")]:
        with pytest.raises(TypeError, match=rf"{message}.* 0-d tensor"):
            function(tg.tensor(1.0))


def test_writing_tensors_arrays_and_lists() -> None:
    x = tg.zeros(2, 3)
    x[0] = tg.tensor([1.0, 2.0, 3.0])
    x[1] = np.array([4, 5, 6])
    x[:, 0] = [7, 8]
    equal(x.numpy(), [[7, 2, 3], [8, 5, 6]])
    x[x > 6] = 0
    equal(x.numpy(), [[0, 2, 3], [0, 5, 6]])
    assert x.dtype == np.float32


def test_writing_is_noticed_and_refused_where_recorded() -> None:
    x = tg.ones(3, requires_grad=True)
    with pytest.raises(GraphError, match="leaf that requires grad"):
        x[0] = 2.0
    with tg.no_grad():
        x[0] = 2.0
    equal(x.detach().numpy(), [2, 1, 1])


@pytest.mark.parametrize(
    ("index", "error", "message"),
    [
        (
            5,
            IndexError,
            r"index \[5\] on shape \(2, 3, 4\): index 5 is out .* dimension 0 with size 2",
        ),
        ((0, -4), IndexError, r"index -4 is out of bounds for dimension 1 with size 3"),
        (
            (..., 0, 9),
            IndexError,
            r"index \[\.\.\., 0, 9\] on shape \(2, 3, 4\): index 9 is out of bounds .* 2 ",
        ),
        ([tg.tensor(-2), 9], IndexError, r"index \[.*, 9\] .* index 9 is out .* dimension 1 with"),
        ((np.array([True, False]), 9), IndexError, "index 9 is out of bounds for dimension 1 with"),
        (
            (np.array([[0, 1], [1, 1]]), 9),
            IndexError,
            "index 9 is out of bounds for dimension 1 with size 3",
        ),
        (tg.zeros(0), IndexError, "must be of int64, int32, bool or uint8, not of float32"),
        (tg.ones(1, requires_grad=True), IndexError, "must be of int64, int32, bool or uint8"),
        ((None, 0, 9), IndexError, r"index 9 is out of bounds for dimension 1 with size 3"),
        ([0, 2], IndexError, r"index 2 is out of bounds for dimension 0 with size 2"),
        (
            (0, slice(None), [0, 4]),
            IndexError,
            "index 4 is out of bounds for dimension 2 with size 4",
        ),
        (([0, 1], [0, 1, 2]), IndexError, "shape mismatch"),
        ((0, 0, 0, 0), IndexError, r"on shape \(2, 3, 4\): too many indices"),
        (1.0, IndexError, "must be of int64, int32, bool or uint8, not of float64"),
        ([0.5], IndexError, "must be of int64, int32, bool or uint8, not of float64"),
        ("a", IndexError, "must be of int64, int32, bool or uint8"),
        (slice(None, None, -1), ValueError, "greater than zero, not -1; use flip"),
        (slice(None, None, 0), ValueError, "greater than zero, not 0"),
        (
            np.array([True, False, True]),
            IndexError,
            r"a mask of shape \(3,\) does not match the sizes \(2,\) of the dimensions from 0",
        ),
        (
            (0, np.ones((4, 3), bool)),
            IndexError,
            r"mask of shape \(4, 3\) .* sizes \(3, 4\) .* 1 on",
        ),
        ((..., ...), IndexError, r"on shape \(2, 3, 4\): .*ellipsis"),
    ],
)
def test_wrong_indices(index: Any, error: type[Exception], message: str) -> None:
    x = tg.tensor(CUBE)
    with pytest.raises(error, match=message):
        x[index]
    with pytest.raises(error):
        x[index] = 0.0


def test_take_along_dim_counts_negative_places_from_the_end() -> None:
    x = tg.tensor([[1.0, 2.0, 3.0]], requires_grad=True)
    y = x.take_along_dim(tg.tensor([[-1, 0, -3]]), 1)
    assert y.tolist() == [[3, 1, 1]]
    y.backward(tg.tensor([[1.0, 10.0, 100.0]]))
    assert x.grad.tolist() == [[110, 0, 1]]


def test_take_along_dim_refuses_what_does_not_fit() -> None:
    x = tg.zeros(2, 3)
    with pytest.raises(ShapeError, match=r"indices of shape \(1,\) must have as many dimensions"):
        tg.take_along_dim(x, tg.tensor([0]), 0)
    with pytest.raises(ShapeError, match=r"apart from dimension 1, indices of shape \(3, 1\)"):
        tg.take_along_dim(x, tg.tensor([[0], [0], [0]]), 1)
    with pytest.raises(
        IndexError, match="take_along_dim: index -4 is out of bounds for dimension 1"
    ):
        tg.take_along_dim(x, tg.tensor([[0], [-4]]), 1)
    with pytest.raises(TypeError, match="take_along_dim: index must be a tensor of int64 or int32"):
        tg.take_along_dim(x, tg.zeros(2, 3), 1)
    with pytest.raises(TypeError, match="take_along_dim: indices must be a Tensor"):
        tg.take_along_dim(x, [[0]])
    with pytest.raises(IndexError, match="take_along_dim: a 0-d tensor has no dimension"):
        tg.take_along_dim(tg.tensor(1.0), tg.tensor(0), 0)


def test_narrow_refuses_what_lies_outside() -> None:
    x = tg.zeros(3)
    for start, length in [(2, 2), (-4, 1), (0, -1)]:
        with pytest.raises(ShapeError, match=rf"narrow: {length} places from {start}"):
            tg.narrow(x, 0, start, length)
    assert tg.narrow(x, 0, -1, 1).shape == (1,)
    with pytest.raises(ShapeError, match="narrow: a 0-d tensor"):
        tg.narrow(tg.tensor(1.0), 0, 0, 1)
