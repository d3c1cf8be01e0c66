"""Who made the first NaN or Inf, where, in which layer; and writes that the graph cannot see."""

from __future__ import annotations

import gc
import re
import threading
import weakref
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

import nn
import tinygrad_np as tg
from tinygrad_np import autograd
from tinygrad_np.autograd import anomaly
from tinygrad_np.autograd.watching import module_path
from tinygrad_np.core import Op, apply
from tinygrad_np.recorder import PLAIN, thread
from tinygrad_np.testing import LAYOUTS

if TYPE_CHECKING:
    from collections.abc import Callable

INF, NAN = float("inf"), float("nan")
pytestmark = pytest.mark.filterwarnings("ignore::RuntimeWarning")  # of plain arithmetic


def leaf(*numbers: float) -> tg.Tensor:
    return tg.tensor(numbers, requires_grad=True)


def message(run: Callable[[], Any], error: type[Exception] = autograd.AnomalyError) -> str:
    """What is raised inside `detect_anomaly`; the state before is there again afterwards."""
    with pytest.raises(error) as caught, autograd.detect_anomaly():
        run()
    assert thread.recorder is PLAIN
    assert thread.watchers == ()
    return str(caught.value)


# --- forward ---


@pytest.mark.parametrize(
    ("run", "op", "kind"),
    [
        (lambda: leaf(0.0, 1.0).log(), "Log", "Inf"),
        (lambda: leaf(-1.0, 1.0).log(), "Log", "NaN"),
        (leaf(100.0).exp, "Exp", "Inf"),
        (lambda: leaf(1.0) / 0.0, "Div", "Inf"),
        (lambda: leaf(2.0) * 1e38 * 10, "Mul", "Inf"),
        (lambda: leaf(3.0).sqrt().relu().log() - leaf(-1.0).sqrt(), "Sqrt", "NaN"),
    ],
)
def test_the_op_that_made_it_is_named(run: Callable[[], Any], op: str, kind: str) -> None:
    said = message(run)
    assert said.startswith(f"{op} made {kind}: ")
    assert "its operands are finite" in said
    assert f"op: {op}, result of shape" in said


def test_the_message_gives_line_module_operands_and_elements() -> None:
    class Head(nn.Module):
        def forward(self, x: Any) -> Any:
            return (x - 1).log()  # the line

    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.features = nn.Sequential(nn.Identity(), nn.Sequential(nn.ReLU(), Head()))

        def forward(self, x: Any) -> Any:
            return self.features(x)

    x = tg.tensor([[2.0, 1.0], [1.0, 3.0]], requires_grad=True)
    said = message(lambda: Net()(x))
    assert said.splitlines()[0] == (
        "Log made Inf: 2 of 4 elements, the first -inf at (0, 1); its operands are finite"
    )
    assert "op: Log, result of shape (2, 2), float32" in said
    assert re.search(
        r"line: .*test_anomaly\.py:\d+ in forward: return \(x - 1\).log\(\)  # th", said
    )
    assert "module: features.1.1 (Head)" in said
    assert "operand 0 (x): shape (2, 2), float32, from 0.0 to 2.0" in said


def test_modules_in_a_list_have_a_path() -> None:
    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layers = nn.ModuleList([nn.ReLU(), nn.Linear(1, 1)])

        def forward(self, x: Any) -> Any:
            return self.layers[1](x * 1e38)

    net = Net()
    net.layers[1].weight.data.fill_(1e38)
    assert "module: layers.1 (Linear)" in message(lambda: net(tg.ones(1, 1, requires_grad=True)))


@pytest.mark.parametrize(
    ("scopes", "path"),
    [
        (("Net",), "Net"),
        (("Net", "features (Sequential)", "0 (Conv2d)"), "features.0 (Conv2d)"),
        (("Net", "MSELoss"), "MSELoss"),
    ],
)
def test_module_paths(scopes: tuple[str, ...], path: str) -> None:
    assert module_path(scopes) == path


def test_nan_in_a_leaf_is_not_blamed_on_the_op() -> None:
    said = message(lambda: leaf(1.0, NAN) * 2)
    assert said.startswith("NaN came in with operand 0 (a) of Mul, a leaf that requires grad: 1 of")


def test_inf_in_a_leaf_is_not_blamed_on_the_op() -> None:
    said = message(lambda: leaf(1.0, INF) * 2)
    assert said.startswith("Inf came in with operand 0 (a) of Mul, a leaf that requires grad: 1 of")


def test_nan_in_data_is_not_blamed_on_the_op() -> None:
    said = message(lambda: leaf(1.0) * tg.tensor([NAN]))
    assert "NaN came in with operand 1 (b) of Mul, data that needs no gradient" in said


def test_nan_of_an_op_before_the_block_is_not_blamed_on_the_op() -> None:
    y = leaf(-1.0).sqrt()
    assert "the result of Sqrt, which was not recorded inside detect_anomaly()" in message(
        lambda: y * 2
    )


def test_a_mask_of_minus_inf_passes() -> None:
    mask = tg.tensor([0.0, -INF, 0.0])
    x = leaf(1.0, 2.0, 3.0)
    with autograd.detect_anomaly():
        (((x + mask) * 0.5).softmax(0) * tg.tensor([1.0, 2.0, 3.0])).sum().backward()
        tg.where(tg.tensor([True, False, False]), x, -INF).softmax(0)[0].backward()
    assert np.isfinite(x.grad.numpy()).all()


@pytest.mark.parametrize(
    ("masked", "where"),
    [
        (lambda x: x + tg.tensor([-INF]), "operand 1 (b) of Add, data that needs no gradient, at"),
        (
            lambda x: tg.where(tg.tensor([False]), x, -INF),
            "operand 2 (b) of Where, data that needs",
        ),
        (
            lambda x: nn.functional.pad(x, (0, 1), value=-INF)[1:],
            "a number that Pad was given, at ",
        ),
    ],
)
def test_nan_that_comes_of_a_mask_is_traced_to_it(masked: Any, where: str) -> None:
    said = message(lambda: (masked(leaf(1.0)) * 2).softmax(0))
    assert said.startswith("Softmax made NaN, of an Inf that came in ")
    assert where in said
    assert "operand 0 (x): shape (1,), float32, from -inf to -inf" in said


def test_what_is_not_recorded_is_not_looked_at() -> None:
    with autograd.detect_anomaly():
        tg.zeros(1).log()
        with tg.no_grad():
            leaf(0.0).log()


def test_enable_grad_inside_no_grad_is_looked_at() -> None:
    def run() -> None:
        with tg.no_grad(), tg.enable_grad():
            leaf(0.0).log()

    assert "Log made Inf" in message(run)


def test_the_block_can_begin_inside_no_grad() -> None:
    with tg.no_grad(), autograd.detect_anomaly():
        assert not tg.is_grad_enabled()
        with tg.enable_grad(), pytest.raises(autograd.AnomalyError, match="Log made Inf"):
            leaf(0.0).log()
        assert not tg.is_grad_enabled()


# --- backward ---


def test_a_derivative_that_made_inf_is_named() -> None:
    x = leaf(0.0, 1.0)
    said = message(lambda: x.sqrt().sum().backward())
    assert said.startswith(
        "the derivative of Sqrt with respect to operand 0 (x) made Inf: 1 of 2 elements, the first "
        "inf at (0,); the gradient that it was given is finite"
    )
    assert re.search(r"line: .*test_anomaly.py:\d+ in <lambda>: said = message", said)
    assert x.grad is None


def test_a_derivative_that_is_nan_behind_where_is_named() -> None:
    x = leaf(0.0, 1.0)
    said = message(lambda: tg.where(x > 0, x.sqrt(), 0.0).sum().backward())
    assert "the derivative of Sqrt with respect to operand 0 (x) made NaN" in said


def test_an_operand_that_held_inf_is_mentioned() -> None:
    x = leaf(1.0)
    said = message(lambda: ((x + tg.tensor([INF])) * x * 0.0).sum().backward())
    assert said.startswith("Mul made NaN, of an Inf that came in with operand 1 (b) of Add")
    x, y = leaf(1.0), leaf(2.0)
    said = message(lambda: tg.minimum(y * (x + INF), y).sum().backward())
    assert said.startswith("the derivative of Mul with respect to operand 0 (a) made NaN")
    assert "and operand 1 (b) holds Inf, which came in with operand 1 (b) of Add" in said


def test_the_gradient_that_backward_was_given() -> None:
    y = leaf(1.0) * 2
    said = message(lambda: y.backward(tg.tensor([NAN])))
    assert said.startswith(
        "the gradient of the result of Mul holds NaN: it came in with the gradie"
    )


def test_gradients_that_overflow_only_together() -> None:
    y = leaf(1e-30) * 1.0
    said = message(lambda: (y * 3e38 + y * 3e38).sum().backward())
    assert said.startswith("the gradient of the result of Mul holds Inf: its uses add up to it")


def test_create_graph_blames_the_op_and_not_its_derivative() -> None:
    x = leaf(0.0)
    said = message(lambda: (x.sqrt() * 2).sum().backward(create_graph=True))
    assert said.startswith("the derivative of Sqrt with respect to operand 0 (x) made Inf")


def test_a_second_derivative_names_the_op_whose_derivative_it_is_part_of() -> None:
    x = leaf(0.0)

    def run() -> None:
        (slope,) = autograd.grad((x**1.5).sum(), x, create_graph=True)
        slope.sum().backward()

    said = message(run)
    assert "the derivative of Pow with respect to operand 0 (a) made Inf" in said
    assert "inside: the derivative of Pow, recorded there" in said


def test_nodes_of_another_block_are_known() -> None:
    x = leaf(0.0)
    with autograd.detect_anomaly():
        y = x.sqrt()
    with autograd.detect_anomaly(), pytest.raises(autograd.AnomalyError, match=r"line: .*_anomaly"):
        y.sum().backward()


def test_nodes_of_no_block_are_said_to_be_unknown() -> None:
    y = leaf(0.0).sqrt()
    with autograd.detect_anomaly(), pytest.raises(autograd.AnomalyError, match=r"\(\): unknown"):
        y.sum().backward()


def test_any_error_of_a_rule_says_where_its_op_was_recorded() -> None:
    class Broken(Op):
        __slots__ = ()

        def forward(self, x: Any) -> Any:
            return x * 1

        def vjp(self, g: Any, *_: Any) -> Any:  # noqa: ARG002 - it raises
            raise ZeroDivisionError("oh")

    with pytest.raises(ZeroDivisionError) as caught, autograd.detect_anomaly():
        apply(Broken(), leaf(1.0)).sum().backward()
    (note,) = caught.value.__notes__
    assert note.startswith("in the derivative of Broken, recorded at\n  line: ")
    assert "apply(Broken(), leaf(1.0)).sum().backward()" in note


# --- Functions, hooks and checkpoints ---


class Halves(autograd.Function):
    """Two results; the derivative divides by what it is given."""

    @staticmethod
    def forward(ctx: Any, x: Any, divisor: float) -> Any:
        ctx.save_for_backward(x)
        ctx.divisor = divisor
        return x / 2, x / divisor

    @staticmethod
    def backward(ctx: Any, left: Any, right: Any) -> Any:
        (x,) = ctx.saved_tensors
        return left / x * 0.5 + right / ctx.divisor, None


def test_a_function_that_made_it_is_named() -> None:
    said = message(lambda: Halves.apply(leaf(1.0), 0.0))
    assert said.startswith("Halves made Inf: 1 of 1 elements")
    assert "in <lambda>: said = message(lambda: Halves.apply(leaf(1.0), 0.0))" in said
    said = message(lambda: Halves.apply(leaf(0.0), 1.0)[0].sum().backward())
    assert said.startswith("the derivative of Halves with respect to operand 0 made Inf")


def test_inf_is_followed_through_the_results_of_a_function() -> None:
    def run() -> None:
        _, y = Halves.apply(leaf(1.0) + tg.tensor([INF]), 2.0)
        y.softmax(0)

    assert message(run).startswith("Softmax made NaN, of an Inf that came in with operand 1 (b) of")


def test_a_write_into_what_a_function_saved_is_noticed() -> None:
    x = leaf(1.0)

    def run() -> None:
        y, _ = Halves.apply(x, 2.0)
        x.detach().numpy()[:] = 3
        y.backward()

    said = message(run, tg.GraphError)
    assert "the derivative of Halves reads (saved tensor 0, of shape (1,)) was changed" in said


def test_inside_a_checkpoint_the_first_run_is_named() -> None:
    def part(x: Any) -> Any:
        return (x * 1).sqrt() * 2

    x = leaf(0.0)
    said = message(lambda: tg.utils.checkpoint.checkpoint(part, x, use_reentrant=False).backward())
    assert said.startswith("the derivative of Sqrt with respect to operand 0 (x) made Inf")
    assert "in part: return (x * 1).sqrt() * 2" in said
    with autograd.detect_anomaly():
        tg.utils.checkpoint.checkpoint(part, leaf(4.0), use_reentrant=False).backward()


def test_a_hook_that_makes_nan_is_found_where_it_arrives() -> None:
    def run() -> None:
        y = leaf(1.0) * 2
        y.register_hook(lambda g: g * NAN)
        (y * 3).backward()

    assert message(run).startswith("the gradient of the result of Mul holds NaN")


# --- writes through shared memory ---


def shared(write: Callable[[np.ndarray[Any, Any]], None], layout: str = "C") -> str:
    data = LAYOUTS[layout](np.arange(6.0, dtype=np.float32).reshape(2, 3))
    x = tg.ones(2, 3, requires_grad=True)

    def run() -> None:
        loss = (x * tg.from_numpy(data)).sum()
        write(data)
        loss.backward()

    return message(run, tg.GraphError)


@pytest.mark.parametrize("layout", ["C", "Fortran", "strided", "negative strides"])
def test_a_write_through_from_numpy_is_noticed(layout: str) -> None:
    def write(data: np.ndarray[Any, Any]) -> None:
        data[1, 2] = 7

    said = shared(write, layout)
    assert (
        "the derivative of Mul reads (operand 1 (b), of shape (2, 3)) was changed through" in said
    )
    assert "change a copy" in said
    assert "in run: loss = (x * tg.from_numpy(data)).sum()" in said


def test_a_write_through_numpy_of_a_result_is_noticed() -> None:
    x = leaf(1.0, 2.0)

    def run() -> None:
        y = x.exp()
        y.detach().numpy()[0] = 0
        y.sum().backward()

    assert "the derivative of Exp reads (the result, of shape (2,))" in message(run, tg.GraphError)


def test_writes_that_no_derivative_reads_are_not_its_affair() -> None:
    data = np.ones(2, np.float32)
    x = leaf(1.0, 2.0)
    with autograd.detect_anomaly():
        loss = (x + tg.from_numpy(data)).sum()
        data[:] = 5
        loss.backward()


def test_recorded_writes_are_not_taken_for_hidden_ones() -> None:
    x = leaf(1.0, -2.0)
    with autograd.detect_anomaly():
        h = x * 2
        h += 1
        h.mul_(3)
        h.relu_().sum().backward()
    np.testing.assert_array_equal(x.grad.numpy(), [6, 0])


def test_stale_versions_and_freed_graphs_keep_their_own_messages() -> None:
    w = tg.ones(1)

    def stale() -> None:
        y = leaf(1.0) * w
        w.fill_(2.0)
        y.backward()

    assert "was changed in place: it is at version 1" in message(stale, tg.GraphError)

    def freed() -> None:
        y = (leaf(1.0) ** 2).sum()
        y.backward()
        y.backward()

    assert "retain_graph=True" in message(freed, tg.GraphError)


def test_without_check_nan_only_writes_are_noticed() -> None:
    data = np.ones(1, np.float32)
    with autograd.detect_anomaly(check_nan=False):
        leaf(0.0).log().backward()
        y = leaf(1.0) * tg.from_numpy(data)
        data[:] = 2
        with pytest.raises(tg.GraphError, match="through memory that it shares"):
            y.backward()


# --- modes ---


def test_set_detect_anomaly_switches_at_once_and_until_the_end_of_a_block() -> None:
    switch = autograd.set_detect_anomaly(True)
    with pytest.raises(autograd.AnomalyError):
        leaf(0.0).log()
    with autograd.set_detect_anomaly(False):
        leaf(0.0).log()
    with pytest.raises(autograd.AnomalyError):
        leaf(0.0).log()
    with switch:
        pass
    assert thread.watchers == ()


def test_set_detect_anomaly_inside_no_grad_outlasts_it() -> None:
    with tg.no_grad():
        switch = autograd.set_detect_anomaly(True)
    with switch, pytest.raises(autograd.AnomalyError):
        leaf(0.0).log()


def test_inner_blocks_decide() -> None:
    with autograd.detect_anomaly():
        with autograd.detect_anomaly(check_nan=False):
            leaf(0.0).log()
        with pytest.raises(autograd.AnomalyError):
            leaf(0.0).log()


def test_as_a_decorator_it_acts_inside_the_function_only() -> None:
    @autograd.detect_anomaly()
    def log(x: tg.Tensor) -> Any:
        """Docstring."""
        return x.log()

    assert log.__doc__ == "Docstring."
    for _ in range(2):
        with pytest.raises(autograd.AnomalyError):
            log(leaf(0.0))
    leaf(0.0).log()


def test_a_decorator_without_parentheses_is_refused() -> None:
    with pytest.raises(TypeError, match=r"@detect_anomaly\(\) with parentheses"):

        @autograd.detect_anomaly
        def log() -> None:
            """Never made."""


def test_other_threads_are_left_alone() -> None:
    found: list[Any] = []
    with autograd.detect_anomaly():
        worker = threading.Thread(target=lambda: found.append(leaf(0.0).log()))
        worker.start()
        worker.join()
    assert len(found) == 1


def test_it_composes_with_a_trace() -> None:
    with autograd.detect_anomaly(), tg.graph.trace() as trace:
        y = nn.Sequential(nn.Linear(1, 1))(tg.ones(1, 1))
        assert trace.path(y.node) == ("Sequential", "0 (Linear)")
        with pytest.raises(autograd.AnomalyError):
            leaf(0.0).log()
    with tg.graph.trace(), autograd.detect_anomaly(), pytest.raises(autograd.AnomalyError):
        leaf(0.0).log()


def test_results_are_the_same() -> None:
    def loss() -> Any:
        tg.manual_seed(0)
        model = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Dropout(), nn.Linear(8, 3))
        tg.nn.CrossEntropyLoss()(model(tg.randn(5, 4)), tg.tensor([0, 1, 2, 0, 1])).backward()
        return [p.grad.tolist() for p in model.parameters()]

    plain = loss()
    with autograd.detect_anomaly():
        assert loss() == plain


def test_what_it_notes_of_a_node_goes_with_it() -> None:
    gc.collect()
    gc.disable()
    try:
        before = len(anomaly._notes)
        with autograd.detect_anomaly():
            y = leaf(1.0).exp() * 2
            assert len(anomaly._notes) == before + 2
            node = weakref.ref(y.node)
            del y
        assert node() is None
        assert len(anomaly._notes) == before
    finally:
        gc.enable()


def test_a_long_chain_is_walked_and_freed() -> None:
    x = leaf(1.0)
    with autograd.detect_anomaly():
        y: Any = x
        for _ in range(20_000):
            y = y + 1.0
        y.sum().backward()
        del y
    assert x.grad.item() == 1
