"""DOT text: what stands in the picture, and that it says what is left out."""

import re
import shutil
import subprocess
import time
from typing import Any

import pytest
from helpers import times
from hypothesis import example, given
from hypothesis import strategies as st

import nn
import tinygrad_np as tg
from tinygrad_np import graph
from tinygrad_np.graph.drawing import HEADER
from tinygrad_np.ops.linalg import linear
from tinygrad_np.ops.loss import softmax_cross_entropy
from tinygrad_np.recorder import scope

TINY = r"""digraph tinygrad_np {
  graph [rankdir=TB, ranksep=0.35, nodesep=0.25, labelloc=b, labeljust=l]
  graph [fontname="Helvetica,Arial,sans-serif", fontsize=10, fontcolor="#52606d"]
  node [fontname="Helvetica,Arial,sans-serif", fontsize=11, fontcolor="#1f2933"]
  node [shape=box, style=filled, fillcolor="#f2f5f8", color="#7b8794"]
  node [height=0.3, margin="0.12,0.06", penwidth=0.8]
  edge [color="#7b8794", arrowsize=0.6, penwidth=0.8]
  n0 [label=<<b>w</b><br align="left"/>(2,)<br align="left"/>>, shape=ellipse, style=filled, fillcolor="#e0f0e3", color="#3f8f57", margin="0.04,0.02"]
  n1 [label=<<b>Mul</b><br align="left"/>b = 3.0<br align="left"/>(2,)<br align="left"/>>, tooltip="y = a·b\ndy/da = b, dy/db = a"]
  n2 [label=<<b>Add</b><br align="left"/>y: (2,)<br align="left"/>output<br align="left"/>>, tooltip="y = a + b\ndy/da = 1, dy/db = 1", fillcolor="#fdf0d0", color="#b7791f", penwidth=2]
  c0 [label=<(2,)<br align="left"/>>, shape=ellipse, style=dashed, fontcolor="#52606d", color="#9aa5b1", margin="0.04,0.02"]
  n0 -> n1 [tooltip="a"]
  n1 -> n2 [tooltip="a"]
  c0 -> n2 [tooltip="b", style=dashed]
}"""  # noqa: E501 - the text as it is


def leaf(*shape: int, **options: Any) -> tg.Tensor:
    return tg.ones(*shape, requires_grad=True, **options)


def vertices(text: str) -> dict[str, list[str]]:
    """Labels of vertices and constants by their ids, one string for each line of a label."""
    found = re.findall(r"^ *(\w+) \[label=<(.*?)>, ", text, re.MULTILINE)
    return {
        name: re.sub("</?b>", "", label).split('<br align="left"/>')[:-1] for name, label in found
    }


def edges(text: str) -> list[tuple[str, str]]:
    return re.findall(r"^  (\w+) -> (\w+) ", text, re.MULTILINE)


def mlp_loss() -> tg.Tensor:
    w, b, v = leaf(16, 4), leaf(16), leaf(3, 16)
    logits = linear(tg.relu(linear(tg.ones(8, 4), w, b)), v)
    return softmax_cross_entropy(logits, tg.tensor([0, 1, 2, 0, 1, 2, 0, 1])).mean()


def test_exact_text_of_a_tiny_graph() -> None:
    w = leaf(2)
    y = w * 3.0 + tg.ones(2)
    assert graph.dot(y, names={"w": w, "y": y}) == TINY


def test_same_graph_same_text() -> None:
    first, second = mlp_loss(), mlp_loss()
    assert graph.dot(first) == graph.dot(first) == graph.dot(second)
    assert "0x" not in graph.dot(first)


def test_mlp() -> None:
    text = graph.dot(mlp_loss())
    ops = [label[0] for label in vertices(text).values()]
    assert ops == [
        "(16, 4)", "(16,)", "Linear", "Relu", "(3, 16)", "Linear", "CrossEntropy", "Mean",
        "(8, 4)", "(8,) int64",
    ]  # fmt: skip
    assert vertices(text)["n7"] == ["Mean", "()", "output"]
    assert edges(text) == [
        ("c0", "n2"), ("n0", "n2"), ("n1", "n2"), ("n2", "n3"), ("n3", "n5"), ("n4", "n5"),
        ("n5", "n6"), ("c1", "n6"), ("n6", "n7"),
    ]  # fmt: skip


def test_diamond_is_drawn_once() -> None:
    h = tg.exp(leaf(2))
    text = graph.dot(h * h + tg.relu(h))
    assert [label[0] for label in vertices(text).values()] == ["(2,)", "Exp", "Mul", "Relu", "Add"]
    assert edges(text).count(("n1", "n2")) == 2  # both operands of h·h


def test_two_outputs_share_what_they_share() -> None:
    h = leaf(2) * 2
    text = graph.dot([h.sum(), h, h.mean(), h])
    labels = vertices(text)
    assert sorted(label[0] for label in labels.values()) == ["(2,)", "Mean", "Mul", "Sum"]
    assert [label[-1] for label in labels.values()].count("output") == 3


def test_leaf_alone() -> None:
    w = leaf(2)
    assert vertices(graph.dot(w, names={"w": w})) == {"n0": ["w", "(2,)", "output"]}


def test_dtype_is_shown_where_it_is_not_float32() -> None:
    x = leaf(2, dtype=tg.float64)
    assert list(vertices(graph.dot(x * 2)).values()) == [
        ["(2,) float64"],
        ["Mul", "b = 2", "(2,) float64", "output"],
    ]


def test_number_at_the_left_keeps_its_place() -> None:
    assert vertices(graph.dot(1.5 - leaf(2)))["n1"] == ["Sub", "a = 1.5", "(2,)", "output"]


def test_operands_without_a_name_are_counted() -> None:
    text = graph.dot(tg.cat([leaf(1), leaf(2)]))
    assert re.findall(r'-> n2 \[tooltip="(.*?)"', text) == ["operand 0", "operand 1"]


def test_freed_graph_keeps_its_picture_and_says_what_it_lost() -> None:
    w = leaf(2)
    loss = (w * tg.ones(2)).sum()
    before = graph.dot(loss)
    loss.backward()
    after = graph.dot(loss)
    assert [label for name, label in vertices(before).items() if name[0] == "n"] == list(
        vertices(after).values()
    )
    assert edges(after) == [edge for edge in edges(before) if edge[0] != "c0"]
    assert "freed by backward: some constant operands are no longer known" in after
    assert "freed" not in before


def test_graph_that_had_nothing_to_free_needs_no_note() -> None:
    loss = (leaf(2) + 1.0).sum()
    before = graph.dot(loss)
    loss.backward()
    assert graph.dot(loss) == before


def test_in_place_write_is_a_vertex_of_its_own() -> None:
    x = leaf(1)
    h = x * 1
    z = h * 2
    h.mul_(3)
    text = graph.dot((z + h).sum(), names={"x": x, "h": h, "z": z})
    assert list(vertices(text).values()) == [
        ["x", "(1,)"],
        ["Mul", "b = 1", "(1,)"],
        ["Mul", "b = 2", "z: (1,)"],
        ["Mul", "b = 3", "h: (1,)"],
        ["Add", "(1,)"],
        ["Sum", "()", "output"],
    ]
    assert edges(text) == [
        ("n0", "n1"), ("n1", "n2"), ("n1", "n3"), ("n2", "n4"), ("n3", "n4"), ("n4", "n5"),
    ]  # fmt: skip


def test_leaf_that_stopped_asking_is_drawn_as_a_constant() -> None:
    w = leaf(2)
    y = w * 2
    w.requires_grad_(False)
    assert "style=dashed" in graph.dot(y).splitlines()[len(HEADER.splitlines())]


def test_names() -> None:
    w, x = leaf(2), tg.ones(2)
    y = w * x * x
    text = graph.dot(y, names=[("w", w), ("tied", w), ("x", x), ("y", y), ("alias", x)])
    assert list(vertices(text).values()) == [
        ["w, tied", "(2,)"],
        ["Mul", "(2,)"],
        ["Mul", "y: (2,)", "output"],
        ["x, alias", "(2,)"],
    ]


def test_constants_can_be_left_out() -> None:
    text = graph.dot(mlp_loss(), constants=False)
    assert all(name[0] == "n" for name in vertices(text))
    assert all(source[0] == "n" for source, _ in edges(text))


def chain(length: int) -> tg.Tensor:
    y = leaf(1)
    for _ in range(length):
        y = y + 1.0
    return y


@pytest.mark.slow
def test_long_chain_is_cut_and_says_so() -> None:
    y = chain(100_000)
    start = time.perf_counter()
    text = graph.dot(y)
    assert time.perf_counter() - start < 20
    assert len(vertices(text)) == 501
    assert vertices(text)["more"] == ["… 99,501 more"]
    assert "500 of 100,001 vertices are shown, those nearest to the output (max_nodes=500)" in text
    assert edges(text)[0] == ("more", "n0")
    assert "output" in vertices(text)["n499"]


@pytest.mark.slow
def test_long_chain_whole() -> None:
    y = chain(100_000)
    text = graph.dot(y, max_nodes=None)
    assert len(edges(text)) == 100_000
    assert "more" not in text


def test_cut_keeps_what_is_near_and_draws_one_arrow_for_each_op() -> None:
    a, b = leaf(2), leaf(2)
    text = graph.dot(tg.exp(a * b), max_nodes=2)
    assert list(vertices(text)) == ["n0", "n1", "more"]
    assert edges(text) == [("more", "n0"), ("n0", "n1")]


def test_graph_that_just_fits_is_not_cut() -> None:
    y = chain(3)
    assert graph.dot(y, max_nodes=4) == graph.dot(y)


def clusters(text: str) -> str:
    """Lines of the clusters and vertices, with nothing but label or id."""
    found = []
    for line in text.splitlines()[len(HEADER.splitlines()) : -1]:
        match = re.match(r"( *)(?:label=<(.*?)<br|(n\d+) \[|(}))", line)
        if match:
            found.append(match[1] + (match[2] or match[3] or match[4]))
    return "\n".join(found)


def test_clusters_by_scope() -> None:
    w, b, v = leaf(3, 2), leaf(3), leaf(1, 3)
    with graph.trace() as trace, scope("Net"):
        with scope("0 (Linear)"):
            h = linear(tg.ones(4, 2), w, b)
        with scope("1 (Linear)"):
            y = linear(h, v)
    loss = (y * 2).sum()
    assert clusters(graph.dot(loss, trace=trace)) == (
        "  n5\n"
        "  n6\n"
        "    Net\n"
        "      0 (Linear)\n"
        "      n0\n"
        "      n1\n"
        "      n2\n"
        "    }\n"
        "      1 (Linear)\n"
        "      n3\n"
        "      n4\n"
        "    }\n"
        "  }"
    )


def test_clusters_of_modules() -> None:
    model = nn.Sequential(nn.Linear(2, 3), nn.Sequential(nn.ReLU()))
    with graph.trace() as trace:
        y = model(tg.ones(4, 2))
    text = graph.dot(y, names=model.named_parameters(), trace=trace)
    assert re.findall(r"label=<([^<]*)<.*dashed", text) == [
        "Sequential",
        "0 (Linear)",
        "1 (Sequential)",
        "0 (ReLU)",
        "(4, 2)",
    ]


def test_shared_leaf_stands_in_the_scope_around_all_its_uses() -> None:
    w = leaf(2)
    with graph.trace() as trace, scope("net"):
        with scope("a"):
            h = w * 2
        with scope("b"):
            y = w * h
    assert clusters(graph.dot(y, trace=trace)) == (
        "    net\n    n0\n      a\n      n1\n    }\n      b\n      n2\n    }\n  }"
    )


def test_scope_entered_twice_is_one_cluster() -> None:
    w = leaf(2)
    with graph.trace() as trace:
        for _ in range(2):
            with scope("a"):
                w = w * 2
            with scope("b"):
                w = w + 1
    assert graph.dot(w, trace=trace).count("subgraph") == 2


def test_labels_are_escaped() -> None:
    w = leaf(2)
    text = graph.dot(w * 2, names={'<b>&"\\N\n\0</b>': w})
    assert r'<b>&lt;b&gt;&amp;"\N\n\x00&lt;/b&gt;</b>' in text


class Odd(tg.core.Op):
    """An op with a formula that would break a careless writer."""

    __slots__ = ()
    formula = 'y = "a\\N" && &lt;'

    def forward(self, x: Any) -> Any:
        return x


def test_tooltips_are_escaped() -> None:
    text = graph.dot(tg.core.apply(Odd(), leaf(2)))
    assert r'tooltip="y = \"a\\N\" &amp;&amp; &amp;lt;"' in text


@pytest.mark.skipif(shutil.which("dot") is None, reason="Graphviz's program dot is not installed")
@given(st.lists(st.text(min_size=1), min_size=3, max_size=3, unique=True))
@example(["]", "]]>", "<b>"])
@times(2)
def test_any_name_makes_text_that_graphviz_reads(names: list[str]) -> None:
    graphviz = pytest.importorskip("graphviz")
    w = leaf(2)
    with graph.trace() as trace, scope(names[2]):
        y = w * tg.ones(2)
    text = graph.dot(y, names={names[0]: w, names[1]: y}, trace=trace)
    drawn = graphviz.Source(text).pipe(format="dot", encoding="utf-8")
    assert drawn.count(" -> ") >= 2


@pytest.mark.skipif(shutil.which("dot") is None, reason="Graphviz's program dot is not installed")
def test_weight_that_many_steps_share_is_laid_out_in_time() -> None:
    w = leaf(2)
    h = w
    for _ in range(120):
        h = tg.relu(h * w)
    subprocess.run(["dot", "-Tsvg"], input=graph.dot(h).encode(), timeout=60, check=True)


def test_errors() -> None:
    w = leaf(2)
    with pytest.raises(tg.GraphError, match=r"number 1, of shape \(3,\), does not require grad"):
        graph.dot([w * 2, tg.ones(3)])
    with pytest.raises(
        TypeError, match=r"graph: outputs\[0\] must be a Tensor, not a builtins.float"
    ):
        graph.dot([1.0])
    with pytest.raises(ValueError, match=r"there is nothing to show; pass a tensor"):
        graph.dot([])
    with pytest.raises(ValueError, match=r"max_nodes must be at least 1, or None .* got 0"):
        graph.dot(w, max_nodes=0)
    with pytest.raises(
        TypeError, match=r"names\['w'\] must be a Tensor, not a builtins.list; names map"
    ):
        graph.dot(w, names={"w": [1.0]})
    with pytest.raises(TypeError, match=r"trace: a _GeneratorContextManager is not a Trace"):
        graph.dot(w, trace=graph.trace())
