"""Types, creation and printing, in PyTorch and in ours: the same text, or error."""

from __future__ import annotations

import copy
import math
import operator
import pickle
import re
import warnings
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes

import tinygrad_np as tg
from tinygrad_np.tensor.absent import NAMES

torch = pytest.importorskip("torch", reason="PyTorch, the reference, is not installed")

DTYPES = ["bool", "uint8", "int8", "int16", "int32", "int64", "float16", "float32", "float64"]


def normal(text: str) -> str:
    """Text without PyTorch's prefix, and with what stands behind the numbers on their last line."""
    text = re.sub(r"dtype\('(\w+)'\)", r"\1", text.replace("torch.", ""))
    return re.sub(r",\s+(dtype|size|grad_fn|requires_grad)=", r", \1=", text)


# --- values and errors of expressions ------------------------------------------------------------

EXPRESSIONS = """
torch.device('cuda')
torch.device('cuda:1')
torch.device('cuda', 1)
torch.device('foo')
torch.device('cpu:')
torch.device('cuda:0', 1)
torch.device('cuda:01')
torch.device('')
torch.device(0)
torch.device(1.5)
torch.device(torch.device('cpu'))
torch.device(type='cuda', index=1)
torch.device('cpu') == torch.device('cpu:0')
torch.device('cpu') == 'cpu'
str(torch.device('cuda:1'))
pickle.loads(pickle.dumps(torch.device('cuda', 1)))
torch.zeros(2, device='cpu:1').device
torch.accelerator.current_accelerator()
torch.cuda.device_count(), torch.cuda.is_available(), torch.cuda.manual_seed_all(1)
torch.backends.cudnn.version(), torch.backends.mps.is_available()
torch.Size([2, 3])[1:]
torch.Size([2, 3]) + (1,)
(1,) + torch.Size([2, 3])
[1] + torch.Size([2])
torch.Size([2]) + [1]
2 * torch.Size([2, 3])
torch.Size(2, 3)
torch.Size(2)
torch.Size([]).numel()
copy.copy(torch.Size([2])), pickle.loads(pickle.dumps(torch.Size([2])))
torch.zeros(2).to()
torch.zeros(2).to(torch.float64, True, True)
torch.zeros(2).to('cpu', torch.float64, True, True)
torch.zeros(2).to(None, torch.float64)
torch.zeros(2).to(torch.zeros(1).double(), non_blocking=True, copy=True)
torch.zeros(2).to(torch.float64, memory_format=torch.preserve_format)
torch.zeros(2).to(torch.float64, torch.float32)
torch.zeros(2).to(torch.float64, 'cpu')
torch.zeros(2).to(torch.zeros(1), torch.float64)
torch.zeros(2).to(other=torch.zeros(1))
torch.zeros(2).to(int), torch.zeros(2).to(float), torch.zeros(2).to(bool)
torch.zeros(2).type(), torch.zeros(2, dtype=torch.bool).type()
torch.zeros(2).type('torch.DoubleTensor')
torch.zeros(2).itemsize, torch.zeros(2).is_cuda
torch.finfo(torch.float16), torch.finfo(torch.float32), torch.finfo(torch.float64)
torch.finfo().resolution, torch.finfo(torch.float64).resolution, torch.finfo().bits
torch.finfo(torch.int32)
torch.iinfo(torch.int8), torch.iinfo(torch.uint8), torch.iinfo(torch.int64).bits
torch.iinfo(torch.bool)
torch.iinfo(torch.float32)
torch.can_cast(1, torch.int8)
torch.result_type(1, 2), torch.result_type(1, 2.5), torch.result_type(torch.tensor(1), 2.5)
torch.result_type(torch.tensor([1]), torch.tensor(2.5, dtype=torch.float64))
torch.result_type([1], 2)
torch.numel([1])
torch.is_nonzero(torch.zeros(2))
torch.is_nonzero(torch.zeros(0))
torch.equal(torch.zeros(2), torch.zeros(2).double()), torch.equal(torch.zeros(2), torch.zeros(3))
torch.equal(torch.zeros(2), 1)
torch.is_floating_point(1.0)
torch.set_default_dtype(torch.int64)
torch.tensor([[1, 2], [3]])
torch.tensor([[1, 2], 3])
torch.tensor([1, [2]])
torch.tensor('a')
torch.tensor(None)
torch.tensor([1, None])
torch.tensor({})
torch.tensor(2**63)
torch.tensor([2**70])
torch.tensor(-2**63 - 1)
torch.tensor(300, dtype=torch.uint8)
torch.tensor(-1, dtype=torch.uint8)
torch.tensor([300], dtype=torch.int8)
torch.tensor(1e40)
torch.tensor(1e5, dtype=torch.float16)
torch.tensor(1.5, dtype=torch.int64)
torch.tensor([float('nan')], dtype=torch.int64)
torch.tensor(2.7, dtype=torch.bool)
torch.tensor([1, 2.5]), torch.tensor([True, 2]), torch.tensor([True, 2.5])
torch.tensor([torch.tensor(1), torch.tensor(2.5)]), torch.tensor([torch.tensor(1.), 2])
torch.tensor([torch.tensor([1.5]), torch.tensor([2])])
torch.tensor([torch.tensor(1., dtype=torch.float64)]), torch.tensor([np.float64(1)])
torch.tensor([torch.ones(2), torch.ones(3)])
torch.tensor([np.float32(1), 2]), torch.tensor([np.float16(1)]), torch.tensor([np.int32(3)])
torch.tensor(np.float64(1)), torch.tensor(np.int32(3)), torch.tensor(np.bool_(True))
torch.tensor([0.1, torch.tensor(1, dtype=torch.int8)])
torch.tensor([np.arange(2), np.arange(2)]), torch.tensor(range(3)), torch.tensor((1, 2))
torch.tensor([[True, False], [1, 0]]), torch.tensor([[]]).shape, torch.tensor([2**63, 1.5])
torch.tensor([1], requires_grad=True)
torch.tensor(iter([1]))
torch.tensor(np.array(['a']))
torch.Tensor(2, 3).shape, torch.Tensor([1, 2]), torch.Tensor(), torch.Tensor(np.ones(2))
torch.zeros(size=(2, 3)), torch.zeros(torch.tensor(2), 3), torch.zeros([]), torch.zeros(())
torch.zeros(2.0)
torch.zeros('a')
torch.zeros(None)
torch.zeros(-1)
torch.zeros((2, -1))
torch.zeros(torch.tensor([2, 3]))
torch.zeros(2, 3, size=(2,))
torch.zeros(2**62, 4)
torch.zeros(2, dtype=float), torch.zeros(2, dtype=int)
torch.ones(2, requires_grad=True, dtype=torch.int64)
torch.full((2,), 7), torch.full((2,), True), torch.full((2,), 7.), torch.full((), 1)
torch.full((2,), torch.tensor(3.5)), torch.full((2,), np.float64(2)), torch.full((2,), np.int32(2))
torch.full((2,), torch.tensor([3.5, 1]))
torch.full((2,), 300, dtype=torch.uint8)
torch.full((2,), -1, dtype=torch.uint8), torch.full((2,), 1.5, dtype=torch.int64)
torch.full((2,), None)
torch.full((2,), 2**63)
torch.full([2], 1e40)
torch.full([2], 1e5, dtype=torch.float16)
torch.zeros_like(torch.ones(2), dtype=torch.int64), torch.full_like(torch.ones(2), True)
torch.full_like(torch.ones(2, dtype=torch.int64), 1.5)
torch.full_like(torch.ones(2, dtype=torch.int8), 1000)
torch.zeros_like([1])
torch.arange(end=3), torch.arange(1, end=3), torch.arange(0, 3, step=2), torch.arange(5, 0, -2)
torch.arange(1.5), torch.arange(0, 1, 0.1), torch.arange(0, 1, 0.1, dtype=torch.float64)
torch.arange(0, 3, float('inf')), torch.arange(True), torch.arange(torch.tensor(3.))
torch.arange(300, dtype=torch.uint8)[-1], torch.arange(1.5, 4.5, dtype=torch.int64)
torch.arange(2**53, 2**53 + 3), torch.arange(np.int64(3)), torch.arange(np.float64(3))
torch.arange(0, float('inf'))
torch.arange(0, float('nan'))
torch.arange(0, 3, 0)
torch.arange(0, 3, -1)
torch.arange(-3)
torch.arange('a')
torch.arange()
torch.arange(0, 1e20)
torch.arange(3, requires_grad=True)
torch.linspace(0, 1, 5), torch.linspace(3, 7, 1), torch.linspace(0, 1, 0), torch.linspace(2, -1, 4)
torch.linspace(0, 10, 5, dtype=torch.int64), torch.linspace(10, 0, 4, dtype=torch.int32)
torch.linspace(-3, 3, 8, dtype=torch.int8), torch.linspace(torch.tensor(0.), 1, 3)
torch.linspace(0, 1)
torch.linspace(0, 1, -1)
torch.linspace(0, 1, 2.5)
torch.eye(2, 3), torch.eye(n=2, m=1), torch.eye(0), torch.eye(2, dtype=torch.bool)
torch.eye(-1)
torch.eye(2, -1)
torch.eye(2.)
torch.meshgrid(torch.arange(2), torch.arange(3), indexing='xy')
torch.meshgrid([torch.arange(2), torch.tensor(3)], indexing='ij')
torch.meshgrid(torch.arange(2), indexing='ab')
torch.meshgrid()
torch.meshgrid(torch.zeros(2, 2), indexing='ij')
torch.meshgrid(torch.zeros(2), torch.zeros(2).int(), indexing='ij')
torch.meshgrid([[1, 2]], indexing='ij')
torch.tril_indices(3, 4, 1), torch.triu_indices(3, 3, offset=-1), torch.tril_indices(0, 2)
torch.triu_indices(3, 2, 0, dtype=torch.int32), torch.tril_indices(3, 3, -5)
torch.tril_indices(-1, 2)
torch.ones(2).new_zeros(2, 3), torch.ones(2).new_zeros((2, 3)), torch.ones(2).new_zeros(size=(2,))
torch.ones(2, dtype=torch.int8).new_full((2,), 3.7)
torch.ones(2, dtype=torch.int8).new_full((2,), 300)
torch.ones(2).double().new_tensor([1, 2]), torch.ones(2).new_tensor(torch.ones(2).int())
torch.ones(2).new_ones(2, device='cpu', dtype=torch.bool)
torch.ones(2).clone(memory_format=torch.contiguous_format), torch.clone(torch.ones(2))
torch.as_tensor([1, 2], dtype=torch.float64, device='cpu'), torch.as_tensor(np.float64(2))
torch.from_numpy([1])
torch.tensor([True]) + 1, torch.tensor([True]) + True, torch.ones(3, dtype=torch.bool).sum()
torch.tensor([250], dtype=torch.uint8) + 300
torch.tensor([1.5, 2.5]).half() * 3, torch.ones(2).half() + torch.tensor(1., dtype=torch.float64)
torch.ones(2) * np.float64(2), np.float64(2) * torch.ones(2), torch.ones(2).int() + torch.tensor(1)
torch.tensor([2, -1, 0]) ** torch.tensor([-1, -3, 2])
torch.tensor([2]) ** -1
torch.tensor([True]) ** True
torch.tensor([True]) - torch.tensor([True])
torch.ones(2) - torch.tensor([True, False])
1 - torch.tensor([True])
-torch.tensor([True])
torch.add(torch.tensor([1]), 1, alpha=0.5)
torch.add(torch.tensor([-7], dtype=torch.int8), torch.tensor([250], dtype=torch.uint8), alpha=2)
torch.tensor([-7, 7]) // 2, torch.tensor([-7, 7]) % 3
7 // torch.tensor([2, -2]), 7 % torch.tensor(2.)
torch.tensor([7, -7]) // 0
torch.fmod(torch.tensor([7, -7]), 0)
torch.tensor([1., -1, 0]) // 0, torch.tensor([1., -1, 0]) % 0
torch.fmod(torch.tensor([-5.]), torch.inf)
torch.remainder(5.5, torch.tensor(2.)), torch.floor_divide(5.5, torch.tensor(2.))
torch.tensor([5, -5]) // 2.0
torch.tensor([True]) // 2, torch.tensor([True]) % 2
torch.tensor([True]) % torch.tensor([True])
torch.div(torch.tensor([7, -7]), 2, rounding_mode='trunc')
torch.tensor([7, -7]).div(2., rounding_mode='floor')
torch.div(torch.ones(2), 2, rounding_mode='up')
torch.tensor([5, -5]).remainder_(3), torch.tensor([5., -5]).fmod_(3)
torch.tensor([5, -5]).floor_divide_(3)
torch.nonzero(torch.tensor(3.)), torch.nonzero(torch.tensor(0.))
torch.nonzero(torch.tensor(3.), as_tuple=True)
torch.nonzero(torch.eye(2)), torch.argwhere(torch.eye(2)), torch.where(torch.eye(2) > 0)
torch.where(torch.eye(2) > 0, torch.eye(2))
torch.take_along_dim(torch.arange(6).view(2, 3), torch.tensor([[1, 5]]))
torch.ones(1) == 'a', torch.ones(1) != 'a', torch.ones(2) == [1, 1]
torch.ones(2) == (1, 1), torch.ones(2) != None
torch.ones(2) * np.array([2., 3.]), torch.ones(2) == np.ones(2)
torch.ones(2, 2) @ np.ones(2, np.float32)
torch.mul(torch.ones(2), np.ones(2))
torch.inf, torch.nan, torch.pi, torch.e, torch.newaxis
torch.relu_(torch.tensor([-1., 1.])), torch.fill_(torch.ones(2), 3)
torch.clamp_(torch.ones(2), 2, 3)
torch.sum([1, 2])
torch.reshape(np.ones(3), (3, 1))
torch.cat([torch.ones(1), 2.0])
torch.sum(torch.ones(2, 3), axis=0), torch.ones(2, 3).amax(axis=1, keepdims=True)
torch.softmax(torch.ones(2, 2), axis=0), torch.cat([torch.ones(1, 2)] * 2, axis=1)
torch.ones(2).sum(dim=0, axis=0)
torch.ones(2).sum(foo=1)
torch.softmax(torch.ones(2))
torch.argmax(torch.ones(2, 2), axis=1), torch.unsqueeze(torch.ones(2), axis=0)
f'{torch.tensor(2.5):.3f}', f'{torch.tensor(3):>5}', f'{torch.tensor(True)}', f'{torch.ones(2)}'
format(torch.ones(1), '.2f')
str([torch.tensor(1.), torch.tensor([1, 2])])
"""


def outcome(library: Any, expression: str) -> tuple[str, Any]:
    names = {"torch": library, "np": np, "copy": copy, "pickle": pickle}
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return "value", normal(repr(eval(expression, names)))
    except Exception as error:  # noqa: BLE001 - which one it is, is the question
        return "error", type(error)


@pytest.mark.parametrize("expression", EXPRESSIONS.strip().splitlines())
def test_expressions(expression: str) -> None:
    kind, theirs = outcome(torch, expression)
    ours = outcome(tg, expression)
    if kind == "error":
        assert ours[0] == "error"
        assert issubclass(ours[1], theirs)
    else:
        assert ours == (kind, theirs)


def test_names_of_tensor() -> None:
    """The names that answer are all those that PyTorch's Tensor has."""
    assert {name for name in dir(torch.Tensor) if not name.startswith("_")} == set(NAMES)


# --- promotion -----------------------------------------------------------------------------------

NUMBERS: dict[str, list[Any]] = {
    "bool": [True, False, True],
    "uint8": [3, 250, 0],
    "int8": [-7, 100, 0],
    "int16": [-300, 7, 2],
    "int32": [-7, 70000, 3],
    "int64": [-7, 2**40, 2],
    "float16": [1.5, -2.25, 0.0],
    "float32": [1.1, -3e5, math.nan],
    "float64": [0.1, -2.5, math.inf],
}
SCALARS = ["True", "2", "-3", "2.5", "300", "float('nan')", "np.float64(2)", "np.float32(2.5)"]
FUNCTIONS: dict[str, Any] = {
    **{name: getattr(operator, name) for name in ("add", "sub", "mul", "truediv", "pow")},
    **{name: getattr(operator, name) for name in ("eq", "ne", "lt", "le", "gt", "ge")},
    **{
        name: getattr(operator, name) for name in ("and_", "or_", "xor", "iadd", "imul", "itruediv")
    },
}


def both(lib: Any, name: str, a: Any, b: Any) -> Any:
    if name in FUNCTIONS:
        return FUNCTIONS[name](a, b)
    if name == "where":
        return lib.where(lib.tensor([True, False, True]), a, b)
    if name == "cat":
        return lib.cat([a.reshape(-1), b.reshape(-1)])
    return getattr(lib, name)(a, b)


def operand(lib: Any, kind: str, rank: int) -> Any:
    if kind not in DTYPES:
        return eval(kind)
    return lib.tensor(NUMBERS[kind] if rank else NUMBERS[kind][0], dtype=getattr(lib, kind))


# Where we differ from PyTorch, and why.
def differs(name: str, left: str, right: str, ranks: tuple[int, int]) -> bool:
    if name == "pow":  # ours has no zero-dimensional exponent apart from a number; bools stay bools
        return not ranks[1] or (left, right) == ("bool", "bool")
    if name == "where" and right == "300":  # ours wraps, as it does in arithmetic
        return left in ("uint8", "int8")
    return False


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("name", [*FUNCTIONS, "maximum", "minimum", "where", "cat"])
@pytest.mark.parametrize("left", DTYPES)
def test_values_and_dtypes_of_mixed_operands(name: str, left: str) -> None:
    for right in DTYPES if name in ("maximum", "minimum", "cat") else [*DTYPES, *SCALARS]:
        for ranks in [(1, 1), (1, 0), (0, 1), (0, 0)]:
            if (right in SCALARS and ranks[1]) or differs(name, left, right, ranks):
                continue
            results: list[Any] = []
            for lib in (torch, tg):
                try:
                    results.append(
                        both(lib, name, operand(lib, left, ranks[0]), operand(lib, right, ranks[1]))
                    )
                except (RuntimeError, TypeError) as error:
                    results.append(error)
            theirs, ours = results
            assert isinstance(ours, Exception) == isinstance(theirs, Exception), (
                right,
                ranks,
                results,
            )
            if not isinstance(ours, Exception):
                assert f"torch.{ours.dtype}" == str(theirs.dtype), (right, ranks)
                rtol = 2e-3 if "float16" in (left, right) else 1e-6
                np.testing.assert_allclose(
                    ours.numpy(), theirs.numpy(), rtol, err_msg=f"{right} {ranks}"
                )


@pytest.mark.parametrize("a", DTYPES)
def test_rules_of_promotion(a: str) -> None:
    for b in DTYPES:
        mine, theirs = getattr(tg, b), getattr(torch, b)
        assert tg.can_cast(a, mine) == torch.can_cast(getattr(torch, a), theirs)
        assert f"torch.{tg.promote_types(a, mine)}" == str(
            torch.promote_types(getattr(torch, a), theirs)
        )


# --- printing ------------------------------------------------------------------------------------

OPTIONS: list[dict[str, Any]] = [
    *[{}] * 5, {"precision": 2}, {"precision": 8}, {"precision": 0}, {"linewidth": 30},
    {"threshold": 5, "edgeitems": 1}, {"threshold": 10, "edgeitems": 2, "linewidth": 40},
    {"threshold": 2, "edgeitems": 0}, {"threshold": 0}, {"sci_mode": True}, {"sci_mode": False},
    {"profile": "short"}, {"profile": "full"}, {"profile": "short", "precision": 5},
]  # fmt: skip
FLOATS = st.one_of(
    st.floats(-10, 10),
    st.floats(width=32),
    st.integers(-1000, 1000).map(float),
    st.sampled_from([math.nan, math.inf, -math.inf, -0.0, 0.0, 1e8, 1e-4, 99999.5, 0.99995, 1e-45]),
    st.tuples(st.floats(-1, 1), st.integers(-30, 30)).map(lambda p: p[0] * 10.0 ** p[1]),
)
SHAPES = st.one_of(
    array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=5),
    st.sampled_from([(30,), (1001,), (40, 40), (8, 7, 20), (1100, 1), (1, 1100)]),
)


@st.composite
def arrays(draw: st.DrawFn) -> np.ndarray:
    """Arrays of any dtype and shape; large ones repeat a few numbers."""
    dtype, shape = np.dtype(draw(st.sampled_from(DTYPES))), draw(SHAPES)
    if dtype.kind == "f":
        numbers: Any = FLOATS
    elif dtype.kind == "b":
        numbers = st.booleans()
    else:
        limits = np.iinfo(dtype)
        numbers = st.integers(0, 12) | st.integers(int(limits.min), int(limits.max))
    few = draw(st.lists(numbers, min_size=1, max_size=40))
    with np.errstate(over="ignore"):
        return np.resize(np.array(few).astype(dtype), shape)


@given(
    array=arrays(),
    options=st.sampled_from(OPTIONS),
    tracked=st.sampled_from(["", "leaf", "result"]),
)
def test_tensors_print_as_in_pytorch(
    array: np.ndarray, options: dict[str, Any], tracked: str
) -> None:
    texts = []
    try:
        for lib in (torch, tg):
            lib.set_printoptions(**options)
            x = lib.tensor(array)
            if tracked and array.dtype.kind == "f":
                x.requires_grad_()
                x = x * 1 if tracked == "result" else x
            texts.append(repr(x))
    finally:
        for lib in (torch, tg):
            lib.set_printoptions(profile="default")
    theirs, ours = texts
    if "dtype" in theirs:  # whose name is shorter here, so that lines may break elsewhere
        theirs, ours = normal(theirs), normal(ours)
    assert ours == theirs


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_default_dtypes_print_as_in_pytorch(dtype: str) -> None:
    try:
        for lib in (torch, tg):
            lib.set_default_dtype(getattr(lib, dtype))
        for expression in (
            "torch.ones(2)",
            "torch.ones(2, dtype=torch.float32)",
            "torch.zeros(0)",
            "torch.zeros(0, dtype=torch.float32)",
            "torch.zeros(0, dtype=torch.int64)",
            "torch.tensor([3])",
        ):
            assert outcome(tg, expression) == outcome(torch, expression)
    finally:
        torch.set_default_dtype(torch.float32)
