"""The listing for the terminal."""

import pytest

import tinygrad_np as tg
from tinygrad_np import graph
from tinygrad_np.ops.linalg import linear
from tinygrad_np.recorder import scope


def test_modules_are_indented() -> None:
    w, b, x = tg.ones(3, 2, requires_grad=True), tg.ones(3, requires_grad=True), tg.ones(4, 2)
    with graph.trace() as trace, scope("Net"):
        with scope("0 (Linear)"):
            h = linear(x, w, b)
        y = tg.relu(h)
    loss = (y * tg.ones(3)).mean()
    names = {"0.weight": w, "0.bias": b, "x": x, "loss": loss}
    assert graph.text(loss, names=names, trace=trace).splitlines() == [
        "Net",
        "  0 (Linear)",
        "    0.weight  (3, 2)  leaf",
        "    0.bias    (3,)    leaf",
        "    %2        (4, 3)  Linear(x, 0.weight, 0.bias)",
        "  %3          (4, 3)  Relu(%2)",
        "%4            (4, 3)  Mul(%3, constant (3,))",
        "loss          ()      Mean(%4)                     output",
    ]


def test_freed_and_cut_are_said() -> None:
    x = tg.ones(2, requires_grad=True)
    loss = ((x + 1) * tg.ones(2)).sum()
    loss.backward()
    assert graph.text(loss, max_nodes=3).splitlines() == [
        "%0  (2,)  Add(not shown, 1)",
        "%1  (2,)  Mul(%0, freed)",
        "%2  ()    Sum(%1)            output",
        "(3 of 4 vertices are shown, those nearest to the output (max_nodes=3))",
        "(freed by backward: some constant operands are no longer known)",
    ]


def test_numbers_are_those_of_the_drawing() -> None:
    x = tg.ones(2, requires_grad=True)
    y = tg.exp(x) * x
    assert [line.split()[0] for line in graph.text(y).splitlines()] == ["%0", "%1", "%2"]
    assert "n2 [label=<<b>Mul</b>" in graph.dot(y)


def test_names_are_printable() -> None:
    x = tg.ones(2, requires_grad=True)
    assert graph.text(x, names={"a\n\x1b[0m": x}) == r"a\n\x1b[0m  (2,)  leaf  output"


@pytest.mark.slow
def test_long_chain() -> None:
    y = tg.ones(1, requires_grad=True)
    for _ in range(100_000):
        y = y * 1.0
    assert len(graph.text(y, max_nodes=None).splitlines()) == 100_001
    assert len(graph.text(y).splitlines()) == 501


def test_untracked() -> None:
    with pytest.raises(tg.GraphError, match=r"does not require grad and has no graph"):
        graph.text(tg.ones(2))
