"""Every op of the table: values, gradients of both orders, dtypes, layouts, memory."""

from __future__ import annotations

import importlib
import inspect
import itertools
import pkgutil
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from cases import SIZES
from helpers import TIGHT, both_orders, gradients, tensors, weights
from op_cases import CASES, NOT_DIFFERENTIABLE, Case

import tinygrad_np as tg
from tinygrad_np import core, ops
from tinygrad_np.recorder import Recorder, recording
from tinygrad_np.testing import LAYOUTS

if TYPE_CHECKING:
    from collections.abc import Iterator

every = pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
every_form = pytest.mark.parametrize(
    ("case", "form"),
    [pytest.param(case, form, id=f"{case.name}-{form}") for case in CASES for form in case.forms],
)


@every_form
def test_forward(case: Case, form: str) -> None:
    arrays = case.draw()
    result = case.forms[form](tg, *tensors(arrays))
    expected = case.oracle(*arrays)
    assert result.dtype == np.float64
    assert result.shape == np.shape(expected)
    np.testing.assert_allclose(result.detach().numpy(), expected, rtol=1e-13, atol=1e-15)


@every
def test_forward_float32(case: Case) -> None:
    arrays = case.draw()
    result = case.call(tg, *tensors(arrays, np.float32))
    assert result.dtype == np.float32
    np.testing.assert_allclose(result.detach().numpy(), case.oracle(*arrays), rtol=2e-5, atol=2e-6)


@every
def test_gradient(case: Case) -> None:
    operands = tensors(case.draw(seed=1))
    tg.autograd.gradcheck(lambda *xs: case.call(tg, *xs), operands, **TIGHT)


@pytest.mark.parametrize(
    ("case", "form"),
    [
        pytest.param(case, form, id=f"{case.name}-{form}")
        for case in CASES
        for form in list(case.forms)[1:]
    ],
)
def test_every_form_has_the_derivatives_of_the_first(case: Case, form: str) -> None:
    """And the first has those of mathematics, as the tests below show."""
    arrays = case.draw(seed=1)
    plain, operands = tensors(arrays), tensors(arrays)
    expected, result = case.call(tg, *plain), case.forms[form](tg, *operands)
    for a, b in zip(both_orders(result, operands), both_orders(expected, plain), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-14)


@every
def test_gradient_of_other_sizes(case: Case) -> None:
    sizes = {"b": 1, "c": 3, "k": 4, "m": 2, "n": 3} | case.least if case.free_sizes else SIZES
    operands = tensors(case.draw(seed=2, sizes=sizes))
    tg.autograd.gradcheck(lambda *xs: case.call(tg, *xs), operands, fast_mode=True, **TIGHT)


@every
def test_second_order(case: Case) -> None:
    operands = tensors(case.draw(seed=3))
    tg.autograd.gradgradcheck(lambda *xs: case.call(tg, *xs), operands, **TIGHT)


@every
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_both_paths_agree_and_keep_the_dtype(case: Case, dtype: Any) -> None:
    operands = tensors(case.draw(seed=4), dtype)
    output = case.call(tg, *operands)
    on_arrays = gradients(output, operands)
    on_tape = gradients(case.call(tg, *operands), operands, create_graph=True)
    rtol = {np.float16: 1e-2, np.float32: 1e-5, np.float64: 1e-12}[dtype]
    for a, b in zip(on_arrays, on_tape, strict=True):
        assert a.dtype == b.dtype == dtype
        np.testing.assert_allclose(a, b, rtol=rtol, atol=rtol)


@every
@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS.keys())
def test_layout_changes_nothing(case: Case, layout: Any) -> None:
    arrays = case.draw(seed=5)
    plain = tensors(arrays)
    odd = [
        tg.from_numpy(layout(a)).requires_grad_(x.requires_grad)
        for a, x in zip(arrays, plain, strict=True)
    ]
    expected, result = case.call(tg, *plain), case.call(tg, *odd)
    np.testing.assert_allclose(result.detach().numpy(), expected.detach().numpy(), rtol=1e-13)
    for a, b in zip(gradients(result, odd), gradients(expected, plain), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-13)


@every
def test_zero_strides(case: Case) -> None:
    """Operands that `expand` made: all equal along one dimension, in one place of memory."""
    spread = [np.broadcast_to(a[..., :1], a.shape) if a.ndim else a for a in case.draw(seed=5)]
    plain = tensors(spread)
    odd = [
        tg.from_numpy(a).requires_grad_(x.requires_grad) for a, x in zip(spread, plain, strict=True)
    ]
    expected, result = case.call(tg, *plain), case.call(tg, *odd)
    np.testing.assert_allclose(result.detach().numpy(), expected.detach().numpy(), rtol=1e-13)
    for a, b in zip(gradients(result, odd), gradients(expected, plain), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-13)


@pytest.mark.parametrize("case", [c for c in CASES if c.scalar], ids=lambda case: case.name)
def test_0d_operands(case: Case) -> None:
    arrays = [np.asarray(a.reshape(-1)[0]) for a in case.draw(seed=6)]
    operands = tensors(arrays)
    result = case.call(tg, *operands)
    assert isinstance(result, tg.Tensor)
    assert type(result.detach().numpy()) is np.ndarray
    np.testing.assert_allclose(result.detach().numpy(), case.oracle(*arrays), rtol=1e-13)
    for g in gradients(result, operands):
        assert g.shape == ()
    tg.autograd.gradcheck(lambda *xs: case.call(tg, *xs), operands, **TIGHT)
    tg.autograd.gradgradcheck(lambda *xs: case.call(tg, *xs), operands, **TIGHT)


@pytest.mark.parametrize("case", [c for c in CASES if c.batch], ids=lambda case: case.name)
@pytest.mark.parametrize("lead", [(0,), (2, 0), (1, 3)], ids=str)
def test_leading_dimensions(case: Case, lead: tuple[int, ...]) -> None:
    arrays = case.draw(seed=7, lead=lead)
    operands = tensors(arrays)
    result = case.call(tg, *operands)
    np.testing.assert_allclose(result.detach().numpy(), case.oracle(*arrays), rtol=1e-13)
    for create_graph in (False, True):
        found = gradients(case.call(tg, *operands), operands, create_graph=create_graph)
        for x, g in zip([x for x in operands if x.requires_grad], found, strict=True):
            assert g.shape == x.shape
    tg.autograd.gradcheck(lambda *xs: case.call(tg, *xs), operands, **TIGHT)


@every
@pytest.mark.parametrize("create_graph", [False, True])
def test_operands_are_not_mutated_and_gradients_share_no_memory(
    case: Case, create_graph: bool
) -> None:
    arrays = case.draw(seed=8)
    operands = tensors(arrays)
    output = case.call(tg, *operands)
    value = output.detach().numpy().copy()
    seed = weights(output.shape)
    seed_before = seed.numpy().copy()
    output.backward(seed, create_graph=create_graph)
    for x, before in zip(operands, arrays, strict=True):
        np.testing.assert_array_equal(x.detach().numpy(), before)
    np.testing.assert_array_equal(output.detach().numpy(), value)
    np.testing.assert_array_equal(seed.numpy(), seed_before)
    found = [x.grad.detach().numpy() for x in operands if x.requires_grad]
    others = [x.detach().numpy() for x in (*operands, output, seed)]
    for a, b in itertools.combinations([*found, *others], 2):
        if any(a is g for g in found) or any(b is g for g in found):
            assert not np.shares_memory(a, b)
    for g in found:
        assert g.flags.writeable


@every
def test_gradient_of_each_operand_alone(case: Case) -> None:
    """An operand's gradient is the same whether or not the others are asked for theirs."""
    arrays = case.draw(seed=9)
    operands = tensors(arrays)
    wanted = [i for i, x in enumerate(operands) if x.requires_grad]
    together = gradients(case.call(tg, *operands), operands)
    for i, expected in zip(wanted, together, strict=True):
        alone = [x if j == i else x.detach() for j, x in enumerate(operands)]
        for create_graph in (False, True):
            (g,) = gradients(case.call(tg, *alone), alone, create_graph=create_graph)
            np.testing.assert_array_equal(g, expected)


def op_classes(kind: type[core.Op] = core.Op) -> Iterator[type[core.Op]]:
    """Every op of the library that has a derivative."""
    for info in pkgutil.iter_modules(ops.__path__):
        importlib.import_module(f"{ops.__name__}.{info.name}")
    for cls in kind.__subclasses__():
        own = cls.__module__.startswith("tinygrad_np") and "testing" not in cls.__module__
        if cls.vjp is not core.Op.vjp and own:
            yield cls
        yield from op_classes(cls)


def test_every_op_that_nn_functional_exports_has_a_row() -> None:
    exported = {
        name
        for name, found in vars(tg.nn.functional).items()
        if inspect.isfunction(found) and found.__module__.startswith("tinygrad_np.ops")
    }
    assert exported - {c.name.split("[")[0] for c in CASES} == set()


def test_every_op_with_a_derivative_has_a_row() -> None:
    seen: set[type[core.Op]] = set()

    class Noting(Recorder):
        def recorded(self, node: core.Node, operands: Any, result: Any) -> None:  # noqa: ARG002 - nodes alone
            seen.add(type(node.op))

    with recording(Noting()):
        for case in CASES:
            case.call(tg, *tensors(case.draw()))
    missing = {cls.__name__ for cls in op_classes()} - {cls.__name__ for cls in seen}
    assert not missing, f"add rows to tests/op_cases.py for {sorted(missing)}"


@pytest.mark.parametrize("name", sorted(NOT_DIFFERENTIABLE))
def test_masks_and_places_have_no_gradient(name: str) -> None:
    x = tg.tensor([[1.0, 0.0], [0.5, 2.0]], requires_grad=True)
    operand = x > 0.5 if name.startswith("bitwise") else x
    function = getattr(tg, name)
    arguments = len(
        [
            p
            for p in inspect.signature(function).parameters.values()
            if p.default is p.empty and p.kind is p.POSITIONAL_OR_KEYWORD
        ]
    )
    assert not function(*[operand] * arguments).requires_grad
