"""In-place writes, views and indices beside PyTorch: equal values and gradients, or both raise."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from helpers import times
from hypothesis import given
from hypothesis import strategies as st

import tinygrad_np as tg

torch = pytest.importorskip("torch", reason="conformance tests need PyTorch")

if TYPE_CHECKING:
    from collections.abc import Callable

SHAPE = (3, 4)


def leaves(lib: Any) -> tuple[Any, Any]:
    """Two leaves of float64 numbers that are small and far from 0."""
    rng = np.random.default_rng(0)
    return tuple(
        lib.tensor(rng.uniform(0.5, 1.5, SHAPE), dtype=lib.float64, requires_grad=True)
        for _ in range(2)
    )


def run(lib: Any, program: Callable[..., Any]) -> list[np.ndarray[Any, Any]] | None:
    """Values that the program returns and the gradients of the leaves; None if it raises."""
    x, w = leaves(lib)
    try:
        found = program(lib, x, w)
        results = list(found) if isinstance(found, (tuple, list)) else [found]
        total = sum(
            (
                (y * lib.tensor(np.random.default_rng(i).standard_normal(tuple(y.shape)))).sum()
                for i, y in enumerate(results)
            ),
            (x * 0).sum() + (w * 0).sum(),
        )
        total.backward()
    except (RuntimeError, IndexError, ValueError, TypeError):
        return None
    return [y.detach().numpy().copy() for y in (*results, x.grad, w.grad)]


def compare(program: Callable[..., Any]) -> bool:
    """Run in both libraries; whether they raised."""
    ours, theirs = run(tg, program), run(torch, program)
    assert (ours is None) == (theirs is None), f"ours {ours}, PyTorch's {theirs}"
    for a, b in zip(ours or (), theirs or (), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-10, atol=1e-12)
    return ours is None


def steps(*lines: str) -> Callable[..., Any]:
    """A program written out: lines about `h = x * 1`, leaves `x` and `w`; its results in `out`."""
    code = compile("\n".join(lines), "program", "exec")

    def program(lib: Any, x: Any, w: Any) -> Any:
        names = {"lib": lib, "x": x, "w": w, "h": x * 1}
        exec(code, names)
        return names.get("out", names["h"])

    return program


LEGAL = {
    "arithmetic": ("h += w", "h *= 2", "h -= x", "h /= 4"),
    "what no derivative reads": ("z = h + 1", "h.mul_(3)", "out = z, h"),
    "old node kept": ("z = h * 2", "h.mul_(3)", "out = z + h"),
    "a linear layer, then relu_": ("h = (x @ w.t()) - 3", "h.relu_()"),
    "exp_, then add": ("h.exp_()", "y = h + 1", "out = y, h"),
    "neg_, sqrt_": ("h.neg_().neg_().sqrt_()",),
    "pow_": ("h.pow_(3)",),
    "pow_ of and by tracked tensors": ("h.pow_(w)",),
    "mul_ by a tracked tensor": ("h.mul_(w)",),
    "div_ by a tracked tensor": ("h.div_(w)", "h += 1"),
    "mul_ of a view by a tracked tensor": ("h[0].mul_(w[1])", "h[0].mul_(w[1])"),
    "a scalar first": ("h[0, 0] *= w[0, 0]", "out = h[:, 0], h"),
    "clamp_": ("h.clamp_(0.7, 1.2)", "h.clamp_(max=1.0)"),
    "zero_": ("h.zero_()", "h += w"),
    "fill_": ("z = h * 1", "h.fill_(3.0)", "h *= w.detach()", "out = z, h"),
    "fill_ by a tracked number": ("h.fill_(w[0, 0])",),
    "copy_": ("h.copy_(w)", "h *= 2"),
    "copy_ broadcast": ("h.copy_(w[0])",),
    "masked_fill_": ("h.masked_fill_(x > 1, 2.0)",),
    "masked_fill_ by a tracked number": ("h.masked_fill_(x > 1, w[0, 1])",),
    "scatter_": ("h.scatter_(1, lib.tensor([[0, 2], [1, 3]]), w[:2, :2])",),
    "scatter_ of a number": ("h.scatter_(0, lib.tensor([[0, 2]]), 5.0)",),
    "scatter_add_": ("h.scatter_add_(1, lib.tensor([[0, 0], [1, 3]]), w[:2, :2])",),
    "index_add_": ("h.index_add_(0, lib.tensor([0, 0, 2]), w, alpha=2)",),
    "index_fill_": ("h.index_fill_(1, lib.tensor([0, -1]), 2.0)",),
    "addcmul_": ("h.addcmul_(w, w, value=0.5)",),
    "addcdiv_": ("h.addcdiv_(x, w, value=0.5)",),
    "lerp_": ("h.lerp_(w, 0.25)", "h.lerp_(w, 0.75)"),
    "detach_": ("z = h * 2", "h.detach_()", "h += 1", "out = z, h"),
    "under no_grad": ("z = h + 1", "with lib.no_grad(): h.add_(1)", "out = z, h"),
    "a leaf under no_grad": ("with lib.no_grad(): x.add_(1)", "out = x * 2"),
    "a view of a leaf under no_grad": ("with lib.no_grad(): x[0].zero_()", "out = x * w"),
    "through detach": ("h.detach().mul_(2)", "out = h + 1"),
    "setitem": ("h[0] = w[1]", "h[:, 1] = 5.0"),
    "setitem broadcast": ("h[1:] = w[0]", "h[:, :2] = w[0, 0]"),
    "setitem of leading ones": ("h[0] = w[:1]",),
    "setitem mask": ("h[x > 1] = 0.0", "h[w > 1] = w[w > 1]"),
    "setitem list": ("h[[0, 2]] = w[[1, 1]]", "h[:, [0, 3]] = 1.5"),
    "setitem mixture": ("h[0, [1, 2]] = w[[0, 1], 0]",),
    "setitem of itself": ("h[0] = h[1]", "h[1] = h[2] * 2"),
    "copy_ of itself": ("h.copy_(h)",),
    "setitem of its own detached self": ("h[0] = h[0].detach()", "h[...] = h"),
    "setitem into an untracked tensor": (
        "out = lib.zeros(3, 4, dtype=lib.float64)",
        "for i in range(3): out[i] = x[i] * w[2 - i]",
    ),
    "rows of a buffer": (
        "b = lib.zeros(2, 3, 4, dtype=lib.float64)",
        "b[0].copy_(x)",
        "b[1].add_(w)",
        "b[:, 0] *= 2",
        "out = b",
    ),
    "write into a view": ("v = h[0]", "v.mul_(2)", "out = h, v"),
    "write into a view by +=": ("h[0] += w[1]", "h[:, 1] -= 1", "h[1:, 2:] *= 3"),
    "write into a view of a view": ("v = h[1:][0].view(2, 2).t()", "v.add_(w[:2, :2])", "out = h"),
    "write into a transpose": ("h.t().mul_(2)", "h.t()[0] = w[:, 0]", "out = h"),
    "write into the base": ("v = h[0]", "h.mul_(2)", "out = v * 3, h"),
    "write into the base, view dropped": ("z = h[0] * 2", "h += w", "out = z, h"),
    "write into a sister": ("v, u = h[0], h[:, 0]", "v.mul_(2)", "out = u * 3, h, v"),
    "write into a diagonal": ("h.diagonal().zero_()", "h[:, 1:].diagonal().copy_(w[:, 0])"),
    "write into narrow": ("h.narrow(1, 1, 2).mul_(2)",),
    "write into select": ("h.select(1, 1).mul_(2)",),
    "a view that is a leaf, its base written": (
        "b = lib.ones(3, 4, dtype=lib.float64)",
        "v = b[0].requires_grad_()",
        "b.add_(1)",
        "b.mul_(w)",
        "out = v * 2, b",
    ),
    "a view of a leaf that was frozen": (
        "b = (x.detach() * 1).requires_grad_()",
        "v = b[0]",
        "b.requires_grad_(False)",
        "b.add_(1)",
        "out = v * w[0], lib.ones(1) * v.requires_grad",
    ),
    "a leaf that was frozen": (
        "b = (x.detach() * 1).requires_grad_()",
        "z = (b * 2).sum()",
        "b.requires_grad_(False)",
        "z.backward()",
        "out = lib.ones(1) * (b.grad is None)",
    ),
    "a view of two modes under no_grad": (
        "b = lib.zeros(3, 4, dtype=lib.float64)",
        "with lib.no_grad(): v = b[0]",
        "b[1:] = w[1:]",
        "with lib.no_grad(): v.add_(3)",
        "with lib.no_grad(): z = v * 2",
        "out = z, lib.ones(1) * v.requires_grad",
    ),
    "a view of an untracked base": (
        "b = lib.zeros(3, 4, dtype=lib.float64)",
        "v = b[0]",
        "b.add_(x)",
        "out = v * 2, b",
    ),
    "an untracked view written": (
        "b = lib.zeros(3, 4, dtype=lib.float64)",
        "v = b[0]",
        "v += x[1]",
        "out = b * w",
    ),
    "exp_ of a view": ("v = h[0]", "v.exp_()", "out = h, v"),
    "relu_ of a view": ("v = (h - 1).view(-1)", "v.relu_()", "out = v * 2"),
    "detach is written": ("d = h.detach()", "d.add_(w)", "out = d"),
    "a view is written after a number": ("v = h[0]", "v.fill_(2.0)", "h.add_(w)", "out = h, v"),
    "repeated writes into a view": ("v = h[0]", "v.mul_(2)", "h.mul_(3)", "v.add_(1)", "out = h"),
    "clone of a view": ("v = h[0].clone()", "v.mul_(2)", "out = h, v"),
    "inplace of modules": ("h = lib.nn.ReLU(inplace=True)(h - 1)", "h = h + 1"),
    "negative": ("h[-1] = 0.0", "h[..., -2:] = w[..., :2]"),
    "None and Ellipsis": ("h[None, ..., 0] = w[0, :3]",),
    "True": ("h[True] = w",),
    "False": ("h[False] = 5.0",),
    "0-d": ("s = h.sum()", "s += 1", "s.mul_(2)", "out = s"),
    "in place on half": ("h[:, ::2] *= w[:, ::2].detach()",),
    "an alias through reshape": ("v = h.reshape(-1)", "v[::2] = 0.0", "out = h"),
    "a copy through reshape": ("v = h.t().reshape(-1)", "v.zero_()", "out = h, v"),
    "contiguous of a transpose": ("v = h.t().contiguous()", "v.zero_()", "out = h, v"),
    "flatten": ("h.flatten().mul_(2)",),
    "squeeze and unsqueeze": ("h.unsqueeze(0).squeeze(0)[1].mul_(2)",),
    "expand is read": ("e = h[0].expand(3, 4)", "h[0] = w[0]", "out = e, h"),
}

ILLEGAL = {
    "leaf": ("x.add_(1)",),
    "leaf by setitem": ("x[0] = 1.0",),
    "leaf by +=": ("x += 1",),
    "view of a leaf": ("x[0].add_(1)",),
    "view of a leaf by setitem": ("x[:1][0] = 1.0",),
    "detach_ of a view": ("h[0].detach_()",),
    "a product whose operand changed": ("z = h * w", "h.add_(1)", "out = z"),
    "a product whose operand changed through a view": ("z = h * w", "h[0].add_(1)", "out = z"),
    "a product whose operand changed through detach": (
        "z = h * w",
        "h.detach().zero_()",
        "out = z",
    ),
    "exp whose result changed": ("z = h.exp()", "z.add_(1)", "out = z"),
    "exp_ whose result changed": ("h.exp_()", "h.add_(1)"),
    "exp_ of a view whose base changed": ("v = h[0]", "v.exp_()", "h.add_(1)"),
    "exp_ twice": ("h = h / 4", "h.exp_()", "h.exp_()"),
    "a product of the tensor with itself": ("h.mul_(h)",),
    "a product with its own detached self": ("h.mul_(h.detach())",),
    "setitem of what a product reads": ("h[0] = h[1] * w[0]",),
    "a view made under no_grad is read": (
        "with lib.no_grad(): v = h[0]",
        "h.mul_(2)",
        "out = h, v * 3",
    ),
    "a view of a leaf made under no_grad": ("with lib.no_grad(): v = x[0]", "v.add_(1)"),
    "relu_ whose result changed": ("h.relu_()", "h += 1"),
    "a leaf changed under no_grad": ("z = x * w", "with lib.no_grad(): x.add_(1)", "out = z"),
    "a view made under no_grad": ("with lib.no_grad(): v = h[0]", "v.add_(1)", "out = h"),
    "a view that is a leaf": ("h.detach()[0].requires_grad_().add_(1)",),
    "a view that is a leaf, moved into the graph": (
        "b = lib.zeros(3, 4, dtype=lib.float64)",
        "v = b[0].requires_grad_()",
        "b[1:] = v * w[1:]",
        "out = b",
    ),
    "a leaf of two modes outside no_grad": (
        "b = lib.zeros(3, 4, dtype=lib.float64)",
        "with lib.no_grad(): v = b[0]",
        "b.requires_grad_()",
        "with lib.no_grad(): b.add_(1)",
        "out = v * 2",
    ),
    "a gradient of another dtype": ("y = lib.ones(3)", "y.grad = x.detach()[0, :3]"),
    "its own gradient": ("y = lib.ones(3)", "y.grad = y"),
    "the flag of a result": ("h.requires_grad = True",),
    "expand": ("h[0].expand(3, 4).add_(1)",),
    "a result too large": ("h[0].add_(w)",),
    "setitem of a wrong shape": ("h[0] = w",),
    "setitem beyond": ("h[3] = 1.0",),
    "view of a transpose": ("out = h.t().view(-1)",),
    "view of a detached transpose": ("out = h.t().detach().view(-1)",),
    "copy_ of more dimensions": ("h.copy_(w[None])",),
    "leaf by setitem of its detached self": ("x[...] = x.detach()",),
}


@pytest.mark.parametrize("lines", LEGAL.values(), ids=LEGAL.keys())
def test_legal_programs(lines: tuple[str, ...]) -> None:
    assert not compare(steps(*lines))


@pytest.mark.parametrize("lines", ILLEGAL.values(), ids=ILLEGAL.keys())
def test_illegal_programs(lines: tuple[str, ...]) -> None:
    assert compare(steps(*lines))


VIEWS = (
    "{0}[1:]",
    "{0}[-1]",
    "{0}[..., ::2]",
    "{0}[None]",
    "{0}.transpose(0, -1)",
    "{0}.reshape(-1)",
    "{0}.unsqueeze(0)",
    "{0}.narrow(-1, 0, 2)",
    "{0}.select(0, 1)",
    "{0}.diagonal(0, 0, -1)",
)
WRITES = (
    "{0}.mul_(2)",
    "{0}.mul_({1}.detach().sum() * 0 + 3)",
    "{0} += 1",
    "{0}.add_(x[0, 0])",
    "{0}.mul_(w[1, 1])",
    "{0}.copy_({0}.detach() * 2)",
    "{0}.neg_()",
    "{0}.sqrt_()",
    "{0}.zero_()",
    "{0}.fill_(w[0, 1])",
    "{0}[0] = 1.5",
    "{0}[..., -1] = w[2, 2]",
    "{0}[..., [0, 0]] = w[2, 2]",
    "{0}[{0}.detach() > 1] = x[1, 1]",
    "{0}[0] += w[1, 0]",
    "{0}[..., :1] *= 3",
    "{0}.clamp_(min=0.6)",
    "{0}.masked_fill_({0}.detach() > 1, 0.5)",
    "{0}.index_fill_(0, lib.tensor([0]), w[1, 2])",
    "{0}.detach().mul_(2)",
)
READS = ("{0} * 2", "{0} + 1", "{0} * {1}.sum()", "({0} + 1).exp() * 0.1", "{0}.clone()")


@st.composite
def programs(draw: st.DrawFn) -> tuple[str, ...]:
    """Views, writes and reads of any of the tensors made so far, some under no_grad.

    No views under no_grad: PyTorch refuses them after any write, we after recorded ones only.
    """
    names, lines = ["h"], []
    for i in range(draw(st.integers(2, 7))):
        kind = draw(st.sampled_from((VIEWS, WRITES, WRITES, READS)))
        pattern = draw(st.sampled_from(kind))
        line = pattern.format(draw(st.sampled_from(names)), draw(st.sampled_from(names)))
        if kind is not WRITES:
            names.append(f"t{i}")
            line = f"t{i} = {line}"
        if kind is not VIEWS and draw(st.integers(0, 9)) == 0:
            line = f"with lib.no_grad(): {line}"
        lines.append(line)
    return (*lines, f"out = {', '.join(names)},")


@given(programs())
@times(6)
def test_drawn_programs(lines: tuple[str, ...]) -> None:
    compare(steps(*lines))
