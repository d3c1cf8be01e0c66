"""A tensor among NumPy's functions, other libraries' arrays, and Python's protocols."""

from __future__ import annotations

import copy
import operator
import pickle
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

import tinygrad_np as tg
from tinygrad_np.core import wrap
from tinygrad_np.errors import GraphError
from tinygrad_np.tensor.interop import UFUNCS

if TYPE_CHECKING:
    from collections.abc import Callable

equal = np.testing.assert_array_equal
ARRAY = np.array([4.0, 9.0], np.float32)


def pair() -> tuple[tg.Tensor, tg.Tensor]:
    """The same numbers, untracked and tracked."""
    return tg.tensor([1.0, 2.0]), tg.tensor([1.0, 2.0], requires_grad=True)


# --- ufuncs --------------------------------------------------------------------------------------


@pytest.mark.parametrize("ufunc", UFUNCS, ids=lambda ufunc: ufunc.__name__)
def test_ufuncs_stay_on_the_tape(ufunc: np.ufunc) -> None:
    plain, tracked = pair()
    operands = (ARRAY,) * (ufunc.nin - 1)
    expected = ufunc(*operands, plain.numpy())
    for x in (plain, tracked):
        y = ufunc(*operands, x)
        assert isinstance(y, tg.Tensor)
        assert y.dtype == expected.dtype
        np.testing.assert_allclose(y.detach().numpy(), expected, rtol=1e-6)
    assert y.requires_grad == (expected.dtype.kind == "f")


def test_gradients_through_ufuncs() -> None:
    _, x = pair()
    (np.exp(x) + np.multiply(ARRAY, x)).backward(tg.tensor([1.0, 10.0]))
    np.testing.assert_allclose(x.grad.numpy(), [np.e + 4, 10 * (np.e**2 + 9)], rtol=1e-6)


def test_operators_with_an_array_on_the_left() -> None:
    _, x = pair()
    for y, slope in [
        (ARRAY + x, [1, 1]),
        (ARRAY - x, [-1, -1]),
        (ARRAY * x, [4, 9]),
        (ARRAY / x, [-4, -9 / 4]),
        (np.diag(ARRAY) @ x, [4, 9]),
    ]:
        assert isinstance(y, tg.Tensor)
        (g,) = tg.autograd.grad(y, x, tg.tensor([1.0, 10.0]))
        np.testing.assert_allclose(g.numpy(), np.array([1, 10]) * slope, rtol=1e-6)
    equal(operator.gt(ARRAY, x).numpy(), [True, True])


@pytest.mark.parametrize(
    "op",
    [
        *(operator.add, operator.sub, operator.mul, operator.truediv, operator.pow),
        *(operator.matmul, operator.lt, operator.le, operator.gt, operator.ge),
        *(operator.eq, operator.ne, operator.iadd, operator.isub, operator.imul),
        *(operator.itruediv, operator.ipow),
    ],
)
def test_an_array_on_the_right_of_an_operator(op: Callable[[Any, Any], Any]) -> None:
    """Is read as a tensor over its memory, and the result stays on the tape."""
    for x in pair():
        ours, expected = x * 1, x * 1
        result, wanted = op(ours, ARRAY), op(expected, tg.from_numpy(ARRAY))
        equal(result.detach().numpy(), wanted.detach().numpy())
        assert result.requires_grad == wanted.requires_grad
        if result.requires_grad:
            found, right = (tg.autograd.grad(y.sum(), x)[0] for y in (result, wanted))
            equal(found.numpy(), right.numpy())


def test_an_array_on_the_right_of_a_bitwise_operator() -> None:
    bits, array = tg.tensor([5, 6]), np.array([3, 3])
    assert (bits & array).tolist() == [1, 2]
    assert (bits | array).tolist() == [7, 7]
    assert (bits ^ array).tolist() == [6, 5]
    bits &= array
    assert bits.tolist() == [1, 2]


def test_an_array_is_no_operand_of_a_function() -> None:
    for x in pair():
        with pytest.raises(
            TypeError, match=r"mul: operand 1 must be .*, not a numpy.ndarray; .* from_numpy"
        ):
            tg.mul(x, ARRAY)
        with pytest.raises(TypeError, match=r"add: operand 1 must be .*, not a (builtins\.)?list"):
            operator.add(x, [1, 1])


@pytest.mark.parametrize(
    "function",
    [
        np.sin,
        np.add.reduce,
        np.add.accumulate,
        lambda x: np.multiply.outer(ARRAY, x),
        lambda x: np.add(ARRAY, x, out=np.zeros(2, np.float32)),
        lambda x: np.add(ARRAY, 1.0, out=x),
        lambda x: np.exp(x, out=np.zeros(2, np.float32), where=np.array([True, False])),
        np.modf,
    ],
)
def test_ufuncs_that_we_lack_refuse_tracked_tensors(function: Callable[[Any], Any]) -> None:
    plain, tracked = pair()
    with pytest.raises(RuntimeError, match=r"np\.\w+: this tensor requires grad"):
        function(tracked)
    function(plain)


def test_ufuncs_that_we_lack_give_tensors_of_untracked_ones() -> None:
    x, _ = pair()
    y = np.sin(x)
    assert isinstance(y, tg.Tensor)
    np.testing.assert_allclose(y.numpy(), np.sin([1.0, 2.0]), rtol=1e-6)
    equal(np.add.reduce(x).numpy(), 3)
    whole = np.modf(x)[1]
    equal(whole.numpy(), [1, 2])


def test_writes_through_out_are_noticed() -> None:
    x, _ = pair()
    w = tg.ones(2, requires_grad=True)
    y = w * x
    assert np.add(ARRAY, 1, out=x) is x
    equal(x.numpy(), [5, 10])
    with pytest.raises(GraphError, match="changed in place"):
        y.backward(tg.ones(2))


def test_an_array_that_a_tensor_is_added_to_in_place() -> None:
    plain, tracked = pair()
    total = ARRAY.copy()
    total += plain
    assert type(total) is np.ndarray
    equal(total, [5, 11])
    with pytest.raises(RuntimeError, match=r"np\.add: this tensor requires grad"):
        total += tracked


# --- functions -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("function", "seed", "slope"),
    [
        (lambda x: np.concatenate([x, ARRAY, x]), [1.0, 2, 3, 4, 5, 6], [6, 8]),
        (lambda x: np.stack([x.detach(), x], axis=1), [[1.0, 2], [3, 4]], [2, 4]),
        (lambda x: np.where(ARRAY > 5, x, 0.0), [3.0, 4.0], [0, 4]),
        (lambda x: np.clip(x, 0.0, 1.5), [3.0, 4.0], [3, 0]),
    ],
)
def test_functions_that_we_have_stay_on_the_tape(
    function: Callable[[Any], Any], seed: list[float], slope: list[float]
) -> None:
    _, x = pair()
    y = function(x)
    assert isinstance(y, tg.Tensor)
    (g,) = tg.autograd.grad(y, x, tg.tensor(seed))
    equal(g.numpy(), slope)


@pytest.mark.parametrize(
    "function",
    [np.sum, np.mean, np.sort, np.linalg.norm, lambda x: np.concatenate([x, x], axis=None)],
)
def test_functions_that_we_lack_refuse_tracked_tensors(function: Callable[[Any], Any]) -> None:
    plain, tracked = pair()
    with pytest.raises(RuntimeError, match=r"np\.\w+: this tensor requires grad"):
        function(tracked)
    assert not isinstance(function(plain), tg.Tensor)


def test_functions_give_arrays_of_untracked_tensors() -> None:
    x, _ = pair()
    joined = np.concatenate([x, x])
    assert type(joined) is np.ndarray
    equal(joined, [1, 2, 1, 2])
    assert np.sum(x) == 3
    assert np.allclose(x, [1, 2])


# --- arrays and memory ---------------------------------------------------------------------------


def test_asarray() -> None:
    plain, tracked = pair()
    assert np.shares_memory(np.asarray(plain), plain.numpy())
    assert np.asarray(plain, dtype=np.float64).dtype == np.float64
    assert not np.shares_memory(np.array(plain, copy=True), plain.numpy())
    with pytest.raises(ValueError, match="copy"):
        np.array(plain, dtype=np.float64, copy=False)
    for convert in (np.asarray, np.array, lambda x: np.array([x, x])):
        with pytest.raises(RuntimeError, match=r"requires grad, .*tensor\.detach\(\)\.numpy\(\)"):
            convert(tracked)
    equal(np.array([plain, plain]), [[1, 2], [1, 2]])


def test_memory_is_shared_both_ways() -> None:
    array = ARRAY.copy()
    for x in (tg.from_numpy(array), tg.as_tensor(array), tg.from_dlpack(array)):
        x.add_(1)
        assert np.shares_memory(x.numpy(), array)
    equal(array, [7, 12])
    array[0] = 0
    assert x[0].item() == 0


def test_a_transposed_array_stays_one() -> None:
    x = tg.from_numpy(np.zeros((2, 3)).T)
    assert x.stride() == (1, 3)
    assert not x.is_contiguous()
    with pytest.raises(RuntimeError, match=r"view: shape \(6,\) is no view .* use \.reshape"):
        x.view(6)


def test_equal_dtypes_need_not_be_one_object() -> None:
    described = np.dtype(np.float32, metadata={"unit": "m"})
    x = wrap(np.ones((2, 2), described))
    assert tg.equal(x @ tg.ones(2, 2), tg.full((2, 2), 2.0))


def test_dlpack() -> None:
    plain, tracked = pair()
    array = np.from_dlpack(plain)
    assert np.shares_memory(array, plain.numpy())
    assert plain.__dlpack_device__() == (1, 0)
    equal(tg.from_dlpack(plain * 2).numpy(), [2, 4])
    with pytest.raises(BufferError, match=r"requires grad, .* tensor\.detach\(\)"):
        np.from_dlpack(tracked)


# --- Python's protocols --------------------------------------------------------------------------


def test_copies() -> None:
    _, x = pair()
    assert copy.deepcopy(x).requires_grad
    assert copy.deepcopy(x[:1].detach()).tolist() == [1]
    with pytest.raises(RuntimeError, match="deepcopy: only leaves"):
        copy.deepcopy(x[:1])
    shallow = copy.copy(x)
    assert np.shares_memory(shallow.detach().numpy(), x.detach().numpy())
    with tg.no_grad():
        shallow.zero_()
    assert x._version == 1
    loaded = pickle.loads(pickle.dumps(x * 2))  # the numbers, and not the graph
    assert loaded.is_leaf
    assert loaded.requires_grad


def test_single_elements() -> None:
    assert (float(tg.tensor([1])), int(tg.tensor(1.7)), bool(tg.tensor([[2.0]]))) == (1.0, 1, True)
    assert ["a", "b"][tg.tensor([1])] == "b"
    for convert in (float, int, bool):
        with pytest.raises(RuntimeError, match="2 elements"):
            convert(tg.ones(2))
    for index in (tg.tensor([0, 1]), tg.tensor(0.0)):
        with pytest.raises(TypeError, match="only integer tensors of one element can be an index"):
            range(3)[index]
    with pytest.raises(ValueError, match="NaN"):
        int(tg.tensor(float("nan")))


def test_containment() -> None:
    x, _ = pair()
    assert 1.0 in x
    assert x[1] in x
    assert 5 not in x
    for other in ("a", None):
        with pytest.raises(RuntimeError, match="in: only numbers and tensors can be elements"):
            assert other in x
