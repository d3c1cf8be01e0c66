"""Dtypes: of results, of data, their limits, and the questions about them."""

from __future__ import annotations

import inspect
import operator
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

import tinygrad_np as tg
from tinygrad_np.errors import DtypeError, ShapeError

if TYPE_CHECKING:
    from collections.abc import Callable

F = tg.nn.functional
equal = np.testing.assert_array_equal

# --- the rows of the table of semantics ----------------------------------------------------------

A = tg.tensor([1.5, -2.0])
I64 = tg.tensor([7, -7])


def test_sums_of_bools_and_bytes_are_int64() -> None:
    for dtype in (tg.bool, tg.uint8, tg.int8):
        total = tg.ones(300, dtype=dtype).sum()
        assert (total.item(), total.dtype) == (300, np.int64)


def test_ranges_are_int64_and_with_a_float_the_default_dtype() -> None:
    assert tg.arange(3).dtype == tg.arange(0, 6, 2).dtype == np.int64
    assert tg.arange(3.0).dtype == tg.arange(0, 1, 0.5).dtype == np.float32
    assert tg.linspace(0, 1, 3).dtype == np.float32


def test_empty_sums_are_0_and_the_mean_of_nothing_is_nan() -> None:
    empty = tg.zeros(0)
    assert empty.sum().item() == 0
    with np.errstate(all="ignore"):
        assert np.isnan(empty.mean().item())


def test_a_list_of_floats_is_float32_and_an_array_keeps_its_dtype() -> None:
    assert tg.tensor([1.5]).dtype == np.float32
    assert tg.tensor(np.ones(1)).dtype == np.float64


def test_half_precision_stays_half_and_rounds_as_half() -> None:
    x = tg.tensor([1.0, 2048.0], dtype=tg.float16)
    y = x + 1
    assert y.dtype == np.float16
    equal(y.numpy(), [2, 2048])


@pytest.mark.parametrize("other", [2, 2.5, True, I64, tg.tensor(0.5, dtype=tg.float64)])
def test_comparisons_of_mixed_dtypes_are_bool(other: Any) -> None:
    for compare in (operator.lt, operator.le, operator.gt, operator.ge, operator.eq, operator.ne):
        result = compare(A, other)
        assert result.dtype == np.bool_
        equal(result.numpy(), compare(A.numpy(), other.numpy() if tg.is_tensor(other) else other))


def test_whole_powers_round_towards_zero() -> None:
    base, exponent = tg.tensor([2, -1, -1, 1, 0, -3]), tg.tensor([-1, -3, -2, -5, 0, 3])
    equal((base**exponent).numpy(), [0, -1, 1, 1, 1, -27])
    mask = tg.tensor([True, False])
    equal((mask**True).numpy(), [True, False])
    with pytest.raises(RuntimeError, match="integers cannot be raised to negative powers"):
        base**-1


# --- what is refused -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "subtract",
    [
        lambda m: m - m,
        lambda m: A - m,
        lambda m: 1 - m,
        lambda m: m - 1,
        lambda m: -m,
        lambda _: A - True,
        lambda m: tg.sub(m, m),
    ],
)
def test_bools_are_not_subtracted(subtract: Callable[[tg.Tensor], Any]) -> None:
    assert not tg.any(A - A)
    assert not tg.any(A + -A)
    with pytest.raises(DtypeError, match=r"bools cannot be subtracted or negated; write ~x"):
        subtract(A > 0)


@pytest.mark.parametrize("work", [lambda: A & 1, lambda: A | I64, lambda: A ^ A, lambda: ~A])
def test_floats_have_no_bits(work: Callable[[], Any]) -> None:
    with pytest.raises(DtypeError, match=r"only integers and bools have bits .*float32"):
        work()


def test_alpha_keeps_the_dtype_of_the_sum() -> None:
    byte = tg.tensor([250], dtype=tg.uint8)
    equal(tg.add(tg.tensor([-7], dtype=tg.int8), byte, alpha=2).numpy(), [493])
    assert tg.add(byte, byte, alpha=2).dtype == np.uint8
    equal(tg.sub(A, np.float32(1), alpha=2).numpy(), [-0.5, -4])
    with pytest.raises(RuntimeError, match=r"alpha: 0\.5 times int64 elements is not one of them"):
        tg.add(I64, 1, alpha=0.5)


def test_in_place_results_may_narrow_within_a_category() -> None:
    x = tg.tensor([250], dtype=tg.uint8)
    x += tg.tensor([10], dtype=tg.int16)
    equal(x.numpy(), [4])
    with pytest.raises(DtypeError, match="a result of float32 cannot be stored as uint8"):
        x += 1.5


# What each function takes after its first argument, where that is needed.
REST: dict[str, tuple[Any, ...]] = {
    "argmax": (0,), "argmin": (0,), "broadcast_to": ((2, 2),), "flatten": (0,), "full_like": (1,),
    "log_softmax": (0,), "logsumexp": (0,), "narrow": (0, 0, 1), "permute": ((0, 1),),
    "reshape": ((4,),), "softmax": (0,), "squeeze": (0,), "transpose": (0, 1), "unsqueeze": (0,),
    "take_along_dim": (tg.zeros(2, 2, dtype=tg.int64), 0), "pow": (2,), "rsub": (1,),
}  # fmt: skip
REST_F: dict[str, tuple[Any, ...]] = {
    "pad": ((1, 1),), "unfold": (1,), "fold": ((2, 2), 1), "softmax": (0,), "log_softmax": (0,),
    "cross_entropy": (tg.tensor([0, 1]),), "nll_loss": (tg.tensor([0, 1]),),
    "conv1d": (tg.ones(2, 2, 1),), "conv_transpose1d": (tg.ones(2, 2, 1),),
    "conv2d": (tg.ones(2, 2, 1, 1),), "conv_transpose2d": (tg.ones(2, 2, 1, 1),),
}  # fmt: skip
SHAPES = {  # of an input that would be right, but for being no tensor
    "conv1d": (1, 2, 4), "conv_transpose1d": (1, 2, 4), "conv2d": (1, 2, 4, 4), "fold": (1, 1, 4),
    "conv_transpose2d": (1, 2, 4, 4), "unfold": (1, 2, 4, 4),
}  # fmt: skip
NO_TENSORS: dict[str, Callable[[tuple[int, ...]], Any]] = {
    "list": lambda shape: np.ones(shape).tolist(),
    "float32 array": lambda shape: np.ones(shape, np.float32),
    "float64 array": np.ones,
    "number": lambda _: 2.5,
    "str": lambda _: "a",
    "None": lambda _: None,
}


def public() -> list[Any]:
    """Every public function of a tensor, or of several, and what else it takes."""
    found = []
    for place, module, rest in (("", tg, REST), ("F.", F, REST_F)):
        for name, function in vars(module).items():
            if name.startswith("_") or not inspect.isfunction(function):
                continue
            parameters = list(inspect.signature(function).parameters.values())
            if parameters and parameters[0].name in ("input", "tensors", "condition"):
                needed = [
                    1 if "pool" in name else A
                    for p in parameters[1:]
                    if p.default is p.empty and p.kind is p.POSITIONAL_OR_KEYWORD
                ]
                found.append(pytest.param(function, rest.get(name, needed), id=place + name))
    return found


@pytest.mark.parametrize("kind", NO_TENSORS)
@pytest.mark.parametrize(("function", "rest"), public())
def test_functions_refuse_what_is_no_tensor(
    function: Callable[..., Any], rest: tuple[Any, ...], kind: str
) -> None:
    name = function.__name__
    shape = (1, 2, 4, 4)[: 3 if "1d" in name else 4] if "pool" in name else (2, 2)
    given = NO_TENSORS[kind](SHAPES.get(name, shape))
    if kind == "number" and "other" in inspect.signature(function).parameters:
        given = "a"  # a number and a tensor are operands in either order
    with pytest.raises(TypeError, match=r"Tensor|float64"):
        function([given, given] if name in ("cat", "stack") else given, *rest)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: tg.sum([1, 2]), r"sum: input must be a Tensor, not a builtins\.list; wrap"),
        (lambda: tg.mean(2.5), r"mean: input must be a Tensor, not a builtins\.float"),
        (lambda: tg.reshape(np.ones(3), (1, 3)), r"reshape: .*, not a numpy\.ndarray"),
        (lambda: tg.reshape([1], (1,)), r"reshape: input must be a Tensor, not a builtins\.list"),
        (lambda: tg.where(True, A, A), r"where: condition must be a Tensor"),
        (lambda: F.linear(A, 3.0), r"linear: weight must be a Tensor"),
        (lambda: tg.cat([A, 2.0]), r"cat: each of the tensors must be a Tensor, not a builtins"),
        (lambda: tg.cat(2.0), r"cat: each of the tensors must be a Tensor"),
        (lambda: tg.stack([[1], A]), r"stack: each of the tensors must be a Tensor"),
        (lambda: tg.zeros_like([1]), r"zeros_like: input must be a Tensor"),
        (lambda: tg.empty_like([1]), r"empty_like: input must be a Tensor"),
        (lambda: tg.equal(A, 1), r"equal: other must be a Tensor"),
        (lambda: tg.meshgrid([[1, 2]]), r"meshgrid: each of the tensors must be a Tensor"),
        (
            lambda: tg.log_softmax("a", 0),
            r"log_softmax: input must be a Tensor, not a builtins\.str",
        ),
        (lambda: tg.numel([1]), r"numel: input must be a Tensor"),
        (lambda: tg.result_type([1], 2), "result_type: operands are tensors and numbers, not list"),
    ],
)
def test_refusals_name_function_and_argument(call: Callable[[], Any], message: str) -> None:
    with pytest.raises(TypeError, match=message):
        call()


# --- PyTorch's names of arguments ----------------------------------------------------------------


def test_a_size_to_expand_to_is_given_as_in_pytorch() -> None:
    x = tg.tensor([[1.0, 2.0]])
    for y in (
        tg.broadcast_to(input=x, size=(3, 2)),
        x.broadcast_to(size=(3, 2)),
        x.broadcast_to(3, 2),
        x.broadcast_to((3, 2)),
        x.expand(size=(3, -1)),
    ):
        assert y.tolist() == [[1, 2]] * 3


def test_the_default_dtype_has_no_keyword() -> None:
    with pytest.raises(TypeError, match="keyword argument"):
        tg.set_default_dtype(dtype=tg.float64)  # type: ignore[call-arg]  # what is tested


# --- NumPy's names of arguments ------------------------------------------------------------------

M = tg.tensor([[1.0, 4.0], [3.0, 2.0]])
REDUCING = ("sum", "mean", "amax", "amin", "max", "min", "argmax", "argmin", "logsumexp")


@pytest.mark.parametrize("name", [*REDUCING, "all", "any"])
def test_axis_and_keepdims_are_dim_and_keepdim(name: str) -> None:
    x = M > 2 if name in ("all", "any") else M
    for call in (lambda **k: getattr(tg, name)(x, **k), getattr(x, name)):
        expected, found = call(dim=1, keepdim=True), call(axis=1, keepdims=True)
        for a, b in (
            zip(expected, found, strict=True) if name in ("max", "min") else [(expected, found)]
        ):
            assert a.shape == (2, 1)
            assert tg.equal(a, b)
        if name not in ("max", "min"):
            assert tg.equal(call(axis=0, keepdims=True), call(dim=0, keepdim=True))
        with pytest.raises(TypeError, match=f"{name}: dim=1 and axis=0 are the same argument"):
            call(dim=1, axis=0)
        with pytest.raises(TypeError, match=f"{name}: there is no argument 'axes'"):
            call(dim=1, axes=0)


@pytest.mark.parametrize(
    "call",
    [
        lambda **k: tg.softmax(M, **k),
        M.softmax,
        lambda **k: tg.log_softmax(M, **k),
        M.log_softmax,
        lambda **k: tg.cat([M, M], **k),
        lambda **k: tg.stack([M, M], **k),
        lambda **k: tg.squeeze(M[:, :1], **k),
        M[:, :1].squeeze,
        lambda **k: tg.unsqueeze(M, **k),
        M.unsqueeze,
    ],
)
def test_axis_is_dim(call: Callable[..., tg.Tensor]) -> None:
    assert tg.equal(call(dim=1), call(axis=1))
    with pytest.raises(TypeError, match="dim=1 and axis=0 are the same argument"):
        call(dim=1, axis=0)
    with pytest.raises(TypeError, match="there is no argument 'keepdims'"):
        call(axis=1, keepdims=True)


@pytest.mark.parametrize("name", ["softmax", "log_softmax", "logsumexp", "unsqueeze"])
def test_a_dim_that_is_needed_is_asked_for(name: str) -> None:
    for call in (lambda: getattr(tg, name)(M), getattr(M, name)):
        with pytest.raises(TypeError, match=f"{name}: the argument dim is missing"):
            call()


# --- questions -----------------------------------------------------------------------------------


def test_questions_have_the_same_answer_as_functions_and_methods() -> None:
    x = tg.zeros(2, 3)
    assert tg.numel(x) == x.numel() == 6
    assert tg.is_floating_point(x)
    assert not tg.is_floating_point(x.long())
    assert not tg.is_complex(x)
    assert tg.is_same_size(x, x.long())
    assert not x.is_same_size(x[0])
    assert tg.is_nonzero(tg.tensor([2.0]))
    assert not tg.tensor(0).is_nonzero()
    assert x.is_signed()
    assert not x.byte().is_signed()
    assert (x.itemsize, x.short().element_size(), x.double().nbytes) == (4, 2, 48)
    with pytest.raises(RuntimeError, match="tensor with 6 elements is ambiguous"):
        tg.is_nonzero(x)


def test_equal() -> None:
    assert tg.equal(tg.zeros(2), tg.zeros(2, dtype=tg.int32))
    assert not tg.equal(tg.zeros(2), tg.zeros(3))
    assert not tg.tensor([float("nan")]).equal(tg.tensor([float("nan")]))


@pytest.mark.parametrize(
    ("source", "target", "allowed"),
    [
        ("float64", "float16", True),
        ("float32", "int64", False),
        ("int64", "uint8", True),
        ("uint8", "int8", True),
        ("int8", "bool", False),
        ("bool", "float32", True),
    ],
)
def test_can_cast(source: str, target: str, allowed: bool) -> None:
    assert tg.can_cast(source, target) is allowed


def test_limits_of_floating_dtypes() -> None:
    single = tg.finfo(tg.float32)
    assert single.eps == 2**-23
    assert single.max == -single.min == (2 - 2**-23) * 2.0**127
    assert single.tiny == single.smallest_normal == 2**-126
    assert (single.bits, single.dtype, single.resolution) == (32, "float32", 1e-6)
    assert repr(single) == (
        "finfo(resolution=1e-06, min=-3.40282e+38, max=3.40282e+38, eps=1.19209e-07, "
        "smallest_normal=1.17549e-38, tiny=1.17549e-38, dtype=float32)"
    )
    assert tg.finfo().dtype == "float32"
    assert type(single.eps) is float
    with pytest.raises(TypeError, match="int32 is no floating dtype; see iinfo"):
        tg.finfo(tg.int32)


def test_limits_of_integer_dtypes() -> None:
    assert repr(tg.iinfo(tg.int8)) == "iinfo(min=-128, max=127, dtype=int8)"
    assert tg.iinfo(tg.int64).max == 2**63 - 1
    assert tg.iinfo(tg.uint8).bits == 8
    for dtype in (tg.float32, tg.bool):
        with pytest.raises(TypeError, match="is no integer dtype; see finfo"):
            tg.iinfo(dtype)


def test_dtypes_are_numpys() -> None:
    assert tg.float32 is tg.float is np.dtype(np.float32)
    assert (tg.half, tg.double, tg.short, tg.int, tg.long) == (
        *(tg.float16, tg.float64, tg.int16, tg.int32, tg.int64),
    )
    assert isinstance(tg.ones(1).dtype, tg.dtype)
    assert tg.float32.itemsize == 4
    assert str(tg.ones(1).dtype) == "float32"


@pytest.mark.parametrize("name", ["complex64", "nonsense", np.complex128, None])
def test_dtypes_that_tensors_do_not_have(name: Any) -> None:
    with pytest.raises(TypeError, match="is not supported; tensors are one of float16, float32"):
        tg.promote_types(name, tg.float32)


# --- Size ----------------------------------------------------------------------------------------


def test_parts_and_sums_of_sizes_are_sizes() -> None:
    add = operator.add
    size = tg.zeros(2, 3, 4).shape
    for part, expected in [
        (size[1:], (3, 4)),
        (size[::-1], (4, 3, 2)),
        (add(size, (5,)), (2, 3, 4, 5)),
        (add((5,), size), (5, 2, 3, 4)),
        (size[:1] * 2, (2, 2)),
        (2 * size[:1], (2, 2)),
    ]:
        assert type(part) is tg.Size
        assert part == expected
    assert (size[0], size[-1]) == (2, 4)
    assert size[1:].numel() == 12
    assert tg.Size().numel() == 1
    assert hash(size) == hash((2, 3, 4))
    for wrong in (lambda: add(size, [1]), lambda: add([1], size)):
        with pytest.raises(TypeError):
            wrong()


# --- grids ---------------------------------------------------------------------------------------


def test_meshgrid() -> None:
    x, y = tg.tensor([1.0, 2.0], requires_grad=True), tg.tensor([3.0, 4.0, 5.0])
    for indexing in ("ij", "xy"):
        for ours, theirs in zip(
            tg.meshgrid(x, y, indexing=indexing),
            np.meshgrid([1, 2], [3, 4, 5], indexing=indexing),
            strict=True,
        ):
            equal(ours.detach().numpy(), theirs)
    (tg.meshgrid([x, y])[0] * tg.arange(6.0).reshape(2, 3)).sum().backward()
    equal(x.grad.numpy(), [3, 12])
    assert tg.meshgrid(tg.tensor(1), tg.arange(3))[0].shape == (1, 3)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (tg.meshgrid, ShapeError, "meshgrid: there is no axis to make a grid of"),
        (lambda: tg.meshgrid(A, indexing="ab"), ShapeError, "must be 'ij' or 'xy', not 'ab'"),
        (lambda: tg.meshgrid(M), ShapeError, r"each axis is a vector or a number, .*\(2, 2\)"),
        (lambda: tg.meshgrid(A, I64), DtypeError, "dtypes must agree, and are .*float32.*int64"),
        (
            lambda: tg.tril_indices(2, 2, dtype=tg.float32),
            DtypeError,
            "places are integers; float32 is not an integer dtype",
        ),
        (lambda: tg.triu_indices(-1, 2), ShapeError, "triu_indices: a size cannot be negative"),
    ],
)
def test_grids_that_cannot_be(
    call: Callable[[], Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        call()


@pytest.mark.parametrize("offset", [-1, 0, 2])
@pytest.mark.parametrize("shape", [(3, 3), (2, 4), (4, 2), (0, 3)])
def test_places_of_triangles(shape: tuple[int, int], offset: int) -> None:
    for ours, theirs in ((tg.tril_indices, np.tril), (tg.triu_indices, np.triu)):
        places = ours(*shape, offset)
        equal(places.numpy(), np.argwhere(theirs(np.ones(shape), offset)).T)
        assert places.dtype == np.int64
        assert ours(*shape, offset, dtype=tg.int32).dtype == np.int32


# --- comparison with what is no number -----------------------------------------------------------


@pytest.mark.parametrize(
    "other", ["a", None, [1, 1], (1.0, 1.0), {}, object()], ids=lambda x: type(x).__name__
)
def test_what_is_no_number_is_different(other: object) -> None:
    """So Python says, once neither side knows; `x in [..]` and mock libraries rely on it."""
    x = tg.ones(2)
    assert (x == other) is False
    assert (other == x) is False
    assert (x != other) is True


def test_numbers_and_arrays_are_compared_place_by_place() -> None:
    x = tg.tensor([1.0, 2.0])
    for one in (1, 1.0, True, np.float64(1), tg.tensor(1.0), np.array(1.0)):
        assert (x == one).tolist() == [True, False]
        assert (x != one).tolist() == [False, True]
    assert (x == np.array([1.0, 3.0])).tolist() == [True, False]
