"""Each error message teaches, and each has a test: here are those with no better place."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

import tinygrad_np as tg
from tinygrad_np.core import Op
from tinygrad_np.errors import DtypeError, ShapeError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

TESTS = Path(__file__).parent
SOURCE = TESTS.parent / "tinygrad_np"
X, V, N = tg.ones(2, 3), tg.ones(3), tg.tensor(1.0)
linear = tg.nn.functional.linear


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: X.reshape(4, 2), ShapeError, r"6 elements of shape \(2, 3\) do not fill shape"),
        (lambda: X.reshape(-1, -1), ShapeError, "do not fill shape .*only one size can be -1"),
        (lambda: X.reshape(-1, 4), ShapeError, r"do not fill shape \(-1, 4\)"),
        (lambda: X.reshape(-2, -3), ShapeError, "do not fill shape"),
        (lambda: X.permute(0, 0), ShapeError, r"permute: dims \(0, 0\) must name each of the 2"),
        (lambda: X.permute(0), ShapeError, r"permute: dims \(0,\) must name each of the 2"),
        (lambda: X.transpose(0, 2), IndexError, "transpose: dimension 2 is out of range for 2"),
        (lambda: X.flatten(1, 0), ShapeError, "start_dim 1 comes after end_dim 0"),
        (lambda: X.unsqueeze(4), IndexError, "unsqueeze: dimension 4 is out of range for 3"),
        (lambda: X.expand(2, 4), ShapeError, r"\(2, 3\) does not broadcast to \(2, 4\): aligned"),
        (lambda: X.expand(3), ShapeError, r"\(2, 3\) does not broadcast to \(3,\)"),
        (lambda: tg.ones(2, 2, 2).t(), RuntimeError, "t: expects at most 2 dimensions, not 3"),
        (lambda: tg.cat([X, V]), ShapeError, "apart from dimension 0, shapes must agree"),
        (lambda: tg.cat([X, X.T]), ShapeError, "apart from dimension 0, shapes must agree"),
        (lambda: tg.cat([N, N]), ShapeError, "0-d tensors have no dimension to be joined along"),
        (lambda: tg.cat([]), ShapeError, "cat: there is nothing to join: give at least one"),
        (lambda: tg.stack([]), ShapeError, "stack: there is nothing to join: give at least one"),
        (lambda: tg.stack([X, V]), ShapeError, "stack: all shapes must be equal, but they are"),
        (
            lambda: X @ X,
            ShapeError,
            r"matmul: shapes \(2, 3\) and \(2, 3\) do not multiply: the first has 3 columns",
        ),
        (
            lambda: tg.ones(2, 3, 4) @ tg.ones(3, 4, 5),
            ShapeError,
            r"shapes \(2, 3, 4\) and \(3, 4, 5\) do not broadcast",
        ),
        (lambda: N @ X, ShapeError, "both operands need at least one dimension; multiply by a"),
        (lambda: X @ N, ShapeError, "both operands need at least one dimension; multiply by a"),
        (lambda: X @ X.T.double(), DtypeError, r"they must be equal: cast one, for example"),
        (
            lambda: linear(X, tg.ones(4, 2)),
            ShapeError,
            "last dimension of the input must be 2, not 3$",
        ),
        (
            lambda: linear(tg.ones(5, 2, 3), tg.ones(4, 6)),
            ShapeError,
            r"must be 6, not 3; flatten it first: x\.flatten\(1\)",
        ),
        (
            lambda: linear(N, X),
            ShapeError,
            (
                r"linear: input of shape \(\) and weight of shape \(2, 3\) do not fit: the input "
                "needs at least one dimension, and the weight two"
            ),
        ),
        (
            lambda: linear(X, V),
            ShapeError,
            "the input needs at least one dimension, and the weight",
        ),
        (
            lambda: linear(N, V),
            ShapeError,
            "the input needs at least one dimension, and the weight",
        ),
        (lambda: linear(X, X, V), ShapeError, r"bias of shape \(3,\) does not fit .* shape \(2,\)"),
        (
            lambda: linear(X, X, tg.ones(2).double()),
            DtypeError,
            "linear: the input is float32 and the bias is float64; they must be equal",
        ),
        (lambda: X.softmax(2), IndexError, "softmax: dimension 2 is out of range"),
        (
            lambda: tg.add(X, np.ones(3)),
            TypeError,
            r"add: operand 1 must be a Tensor or a number, not a numpy\.ndarray; wrap",
        ),
        (lambda: Op().forward(), NotImplementedError, "Op"),
        (lambda: tg.set_default_dtype("int32"), TypeError, "only floating dtypes can be the"),
    ],
)
def test_message(call: Callable[[], Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        call()


def constant_parts(node: ast.expr) -> list[str]:
    """Text of a message between the values that are put in."""
    return [
        child.value
        for child in ast.walk(node)
        if isinstance(child, ast.Constant) and isinstance(child.value, str)
    ]


def raised_messages() -> Iterator[tuple[str, list[str]]]:
    """Every message that the engine, the ops, tensors and autograd can raise."""
    files = [SOURCE / f"{name}.py" for name in ("core", "engine", "errors", "dtypes")]
    for package in ("ops", "tensor", "autograd"):
        files += sorted((SOURCE / package).rglob("*.py"))
    for path in files:
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            made = node.exc if isinstance(node, ast.Raise) else None
            if path.stem == "errors" and isinstance(node, ast.Return):
                made = node.value
            if isinstance(made, ast.Call) and made.args and not is_helper(made.args[0]):
                parts = constant_parts(made.args[0])
                if sum(map(len, parts)) >= LENGTH:
                    yield f"{path.relative_to(SOURCE)}:{node.lineno}", parts


def is_helper(argument: ast.expr) -> bool:
    """Whether the text is made by a function of its own, such as `_mixed("linear", ...)`."""
    return isinstance(argument, ast.Call)


LENGTH = 10  # characters that a pattern and a message must have in common


def patterns() -> list[str]:
    """All strings in tests that stand for messages, without the marks of regular expressions."""
    texts = [path.read_text("utf-8") for path in sorted(TESTS.rglob("test_*.py"))]
    strings = re.findall(r'"((?:[^"\\\n]|\\.)*)"', "\n".join(texts))
    return [piece for s in strings for piece in re.split(r"\.[*+]", re.sub(r"\\(.)", r"\1", s))]


def test_each_message_has_a_test() -> None:
    known = {piece[i : i + LENGTH] for piece in patterns() for i in range(len(piece) - LENGTH + 1)}
    untested = [
        f"{place}: {' … '.join(parts)}"
        for place, parts in raised_messages()
        if not any(
            part[i : i + LENGTH] in known for part in parts for i in range(len(part) - LENGTH + 1)
        )
    ]
    assert not untested, "no pytest.raises(match=...) for\n" + "\n".join(untested)


def test_memory_that_elements_share_cannot_be_written() -> None:
    for write in (lambda x: x.add_(1), lambda x: x.fill_(1), lambda x: x.__setitem__(0, 1)):
        with pytest.raises(tg.GraphError, match=r"share one place \(expand\).*clone"):
            write(tg.zeros(1).expand(3))


def test_data_and_grad_take_tensors_that_fit() -> None:
    p = tg.ones(2, requires_grad=True)
    with pytest.raises(TypeError, match=r"data must be a Tensor, not a builtins\.int"):
        p.data = 3
    with pytest.raises(RuntimeError, match="int64 numbers cannot take the place"):
        p.data = tg.tensor([1, 2])
    with pytest.raises(TypeError, match=r"grad must be a Tensor or None, not a builtins\.list"):
        p.grad = [1.0, 2.0]


def test_matmul_says_which_operand_is_no_tensor() -> None:
    with pytest.raises(TypeError, match=r"matmul: other must be a Tensor, not a builtins\.list"):
        tg.ones(2, 2) @ [1.0, 2.0]
