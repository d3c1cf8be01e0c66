"""Optimisers against their recurrences, and what all of them share."""

from __future__ import annotations

import itertools
import math
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

import nn
import tinygrad_np as tg
from nn.optim import SGD, Adam, Optimizer
from nn.optim.optimizer import BLOCK, in_blocks
from tinygrad_np.kernels import threads

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

Array = np.ndarray[Any, Any]
GRADS = np.random.default_rng(0).standard_normal((6, 3))  # one gradient a step
START = np.array([1.0, -2.0, 0.5])


def steps(make: Callable[[list[tg.Tensor]], Optimizer], grads: Array = GRADS) -> Array:
    """Parameter after each step."""
    p = nn.Parameter(tg.tensor(START))
    optimizer, path = make([p]), []
    for g in grads:
        p.grad = tg.tensor(g)
        optimizer.step()
        path.append(p.detach().numpy().copy())
    return np.array(path)


# --- the recurrences ---


@pytest.mark.parametrize(
    ("momentum", "dampening", "weight_decay", "maximize"),
    [*itertools.product([0.0, 0.9], [0.0, 0.3], [0.0, 0.1], [False, True])],
)
@pytest.mark.parametrize("nesterov", [False, True])
def test_sgd_follows_its_recurrence(
    momentum: float, dampening: float, weight_decay: float, maximize: bool, nesterov: bool
) -> None:
    options = {"momentum": momentum, "dampening": dampening, "weight_decay": weight_decay}
    if nesterov and (not momentum or dampening):
        with pytest.raises(ValueError, match="nesterov needs a momentum above 0, and no dampening"):
            SGD([nn.Parameter(tg.ones(1))], nesterov=True, **options)
        return
    path = steps(lambda p: SGD(p, 0.1, nesterov=nesterov, maximize=maximize, **options))
    p, v = START, None
    for t, g in enumerate(GRADS):
        d = (-g if maximize else g) + weight_decay * p
        if momentum:
            v = d if v is None else momentum * v + (1 - dampening) * d
            d = d + momentum * v if nesterov else v
        p = p - 0.1 * d
        np.testing.assert_allclose(path[t], p, rtol=1e-12)


@pytest.mark.parametrize(
    ("amsgrad", "weight_decay", "maximize"),
    [*itertools.product([False, True], [0.0, 0.1], [False, True])],
)
def test_adam_follows_its_recurrence(amsgrad: bool, weight_decay: float, maximize: bool) -> None:
    lr, b1, b2, eps = 0.05, 0.8, 0.7, 1e-3  # so that v falls, and amsgrad matters
    grads = GRADS * np.array([3.0, 1.0, 0.1, 0.1, 1.0, 0.5])[:, None]
    path = steps(
        lambda p: Adam(
            p, lr, (b1, b2), eps, weight_decay=weight_decay, amsgrad=amsgrad, maximize=maximize
        ),
        grads,
    )
    p, m, v, largest = START, np.zeros(3), np.zeros(3), np.zeros(3)
    for t, g in enumerate(grads, start=1):
        d = (-g if maximize else g) + weight_decay * p
        m = b1 * m + (1 - b1) * d
        v = b2 * v + (1 - b2) * d * d
        largest = np.maximum(largest, v)
        used = (largest if amsgrad else v) / (1 - b2**t)
        p = p - lr * m / (1 - b1**t) / (np.sqrt(used) + eps)
        np.testing.assert_allclose(path[t - 1], p, rtol=1e-11)


def test_adams_first_step_has_the_size_of_the_learning_rate() -> None:
    path = steps(lambda p: Adam(p, lr=0.01), np.array([[1e-3, -5.0, 1e4]]))
    np.testing.assert_allclose(START - path[0], [0.01, -0.01, 0.01], rtol=1e-4)


# --- memory ---


ADAM = {"amsgrad": True, "weight_decay": 0.1}
MOMENTUM = {"momentum": 0.9, "nesterov": True, "weight_decay": 0.1}


def layouts() -> dict[str, Array]:
    big = np.random.default_rng(1).standard_normal((300, 300)).astype("f4")
    assert BLOCK < big.size < 2 * BLOCK
    wide = np.zeros((300, 600), "f4")
    wide[:, ::2] = big
    return {"contiguous": big, "transposed": big.T.copy().T, "strided": wide[:, ::2]}


@pytest.mark.parametrize("layout", ["transposed", "strided", "contiguous"])
@pytest.mark.parametrize(("kind", "options"), [(SGD, MOMENTUM), (Adam, ADAM)])
def test_large_parameters_of_any_layout_take_the_steps_of_small_ones(
    kind: Any, options: dict[str, Any], layout: str
) -> None:
    p = nn.Parameter(tg.from_numpy(layouts()[layout]))
    rows = [nn.Parameter(tg.tensor(row)) for row in layouts()["contiguous"]]
    whole, by_rows = kind([p], 0.1, **options), kind(rows, 0.1, **options)
    memory = p.detach().numpy()
    rng = np.random.default_rng(2)
    for _ in range(2):
        g = rng.standard_normal((300, 300)).astype("f4")
        p.grad = tg.from_numpy(g)
        for row, part in zip(rows, g, strict=True):
            row.grad = tg.tensor(part)
        whole.step()
        by_rows.step()
    assert np.shares_memory(p.detach().numpy(), memory)
    assert p.dtype == np.float32
    np.testing.assert_array_equal(memory, [row.detach().numpy() for row in rows])
    assert all(
        value.dtype == np.float32 for value in whole.state[p].values() if tg.is_tensor(value)
    )


@pytest.mark.parametrize("spread", [False, True])
def test_blocks_cover_each_element_once_and_are_views(
    monkeypatch: pytest.MonkeyPatch, spread: bool
) -> None:
    monkeypatch.setattr(threads, "in_use", lambda: spread)
    sizes: list[int] = []

    def update(x: Array, y: Array) -> None:
        np.add(x, 1 + y, out=x)
        sizes.append(x.size)

    a, b = np.zeros(2 * BLOCK + 5), np.zeros(2 * BLOCK + 5)
    in_blocks(update, a, b)
    assert sorted(sizes) == [5, BLOCK, BLOCK]
    np.testing.assert_array_equal(a, np.ones_like(a))
    in_blocks(update, a[:5], b[:5])
    in_blocks(update, a[::2], b[::2])
    assert sizes[3:] == [5, BLOCK + 3]


@pytest.mark.parametrize(("kind", "options"), [(SGD, MOMENTUM), (Adam, ADAM)])
def test_a_step_neither_moves_the_parameter_nor_changes_the_gradient(
    kind: Any, options: dict[str, Any]
) -> None:
    p = nn.Parameter(tg.ones(3))
    memory, grad = p.detach().numpy(), tg.tensor([1.0, 2.0, 3.0])
    optimizer = kind([p], 0.1, **options)
    p.grad = grad
    for _ in range(2):
        optimizer.step()
    assert np.shares_memory(p.detach().numpy(), memory)
    assert (memory != 1).all()
    np.testing.assert_array_equal(grad.numpy(), [1, 2, 3])
    kept = [v.numpy() for v in optimizer.state[p].values() if tg.is_tensor(v)]
    assert not any(np.shares_memory(v, grad.numpy()) for v in kept)


def test_a_graph_from_before_the_step_is_stale() -> None:
    p = nn.Parameter(tg.ones(2))
    optimizer = SGD([p], lr=0.1)
    loss = (p * p).sum()
    loss.backward(retain_graph=True)
    optimizer.step()
    with pytest.raises(tg.GraphError, match="changed in place"):
        loss.backward()
    assert p.is_leaf
    assert p.requires_grad


# --- groups, gradients, closure ---


def test_parameters_without_gradient_stay() -> None:
    p, frozen = nn.Parameter(tg.ones(1)), nn.Parameter(tg.ones(1), requires_grad=False)
    optimizer = Adam([p, frozen])
    p.grad = tg.ones(1)
    optimizer.step()
    assert frozen.item() == 1
    assert list(optimizer.state) == [p]


def test_groups_have_options_of_their_own() -> None:
    a, b, c = (nn.Parameter(tg.ones(1)) for _ in "abc")
    optimizer = SGD([{"params": [a]}, {"params": b, "lr": 0.5}], lr=0.1)
    optimizer.add_param_group({"params": [c], "weight_decay": 1.0})
    for p in (a, b, c):
        p.grad = tg.tensor([2.0])
    optimizer.step()
    np.testing.assert_allclose([a.item(), b.item(), c.item()], [0.8, 0.0, 0.7], atol=1e-7)
    optimizer.param_groups[0]["lr"] = 0.0
    optimizer.step()
    assert a.item() == pytest.approx(0.8)


def test_zero_grad_drops_gradients_or_sets_them_to_zeros() -> None:
    p, other = nn.Parameter(tg.ones(1)), nn.Parameter(tg.ones(1))
    optimizer = SGD([p, other], lr=0.1)
    p.grad = tg.tensor([2.0])
    optimizer.zero_grad(set_to_none=False)
    assert p.grad.item() == 0
    assert other.grad is None
    optimizer.zero_grad()
    assert p.grad is None


def test_a_closure_runs_first_with_gradients_on_and_its_loss_is_returned() -> None:
    p = nn.Parameter(tg.tensor([3.0]))
    optimizer = SGD([p], lr=0.5)

    def closure() -> tg.Tensor:
        optimizer.zero_grad()
        loss = (p * p).sum()
        loss.backward()
        return loss

    with tg.no_grad():
        assert optimizer.step(closure).item() == 9
    assert p.item() == 0
    assert optimizer.step() is None


# --- state ---


@pytest.mark.parametrize(("kind", "options"), [(SGD, MOMENTUM), (SGD, {}), (Adam, ADAM)])
@pytest.mark.parametrize("through_a_file", [False, True])
def test_training_goes_on_from_a_saved_state_as_if_uninterrupted(
    kind: Any, options: dict[str, Any], through_a_file: bool, tmp_path: Path
) -> None:
    def start(values: list[Array]) -> tuple[list[nn.Parameter], Optimizer]:
        params = [nn.Parameter(tg.tensor(value)) for value in values]
        groups = [{"params": params[:1]}, {"params": params[1:], "lr": 0.03}]
        return params, kind(groups, lr=0.1, **options)

    def train(params: list[nn.Parameter], optimizer: Optimizer, grads: Array) -> None:
        for g in grads:
            for i, p in enumerate(params):
                p.grad = tg.tensor(g * (i + 1))
            optimizer.step()

    params, optimizer = start([START, START + 1, START + 2])
    train(params, optimizer, GRADS[:3])
    state = optimizer.state_dict()
    if through_a_file:
        tg.save(state, tmp_path / "state.safetensors")
        state = tg.load(tmp_path / "state.safetensors")
    others, resumed = start([p.detach().numpy() for p in params])
    resumed.param_groups[1]["lr"] = 77.0  # the saved one takes its place
    resumed.load_state_dict(state)
    train(params, optimizer, GRADS[3:])
    train(others, resumed, GRADS[3:])
    for p, other in zip(params, others, strict=True):
        np.testing.assert_array_equal(p.detach().numpy(), other.detach().numpy())


def test_a_state_dict_numbers_parameters_and_a_loaded_one_is_copied() -> None:
    a, b = nn.Parameter(tg.ones(1)), nn.Parameter(tg.ones(1))
    optimizer = SGD([{"params": [a]}, {"params": [b]}], lr=0.1, momentum=0.9)
    b.grad = tg.tensor([2.0])
    optimizer.step()
    state = optimizer.state_dict()
    assert [group["params"] for group in state["param_groups"]] == [[0], [1]]
    assert list(state["state"]) == [1]
    optimizer.load_state_dict(state)
    optimizer.step()
    assert state["state"][1]["momentum_buffer"].item() == 2


def test_a_loaded_state_takes_the_dtype_of_the_parameter() -> None:
    p = nn.Parameter(tg.ones(2, dtype=tg.float64))
    optimizer = Adam([p])
    p.grad = tg.ones(2, dtype=tg.float64)
    optimizer.step()
    state = optimizer.state_dict()
    narrow = nn.Parameter(tg.ones(2))
    other = Adam([narrow])
    other.load_state_dict(state)
    assert other.state[narrow]["exp_avg"].dtype == np.float32
    assert other.state[narrow]["step"] == 1


def test_a_state_of_other_parameters_is_refused() -> None:
    a, b = nn.Parameter(tg.ones(2)), nn.Parameter(tg.ones(3))
    optimizer = SGD([a], lr=0.1, momentum=0.9)
    a.grad = tg.ones(2)
    optimizer.step()
    with pytest.raises(
        ValueError, match=r"groups hold \[1\] parameters, and this optimiser's \[2\]"
    ):
        SGD([a, b], lr=0.1).load_state_dict(optimizer.state_dict())
    with pytest.raises(ValueError, match=r"state has shape \(2,\) for a parameter of shape \(3,\)"):
        SGD([b], lr=0.1).load_state_dict(optimizer.state_dict())


# --- what is refused ---


@pytest.mark.parametrize("kind", [SGD, Adam])
def test_parameters_that_cannot_be_optimised_are_refused(kind: Any) -> None:
    p = nn.Parameter(tg.ones(2))
    with pytest.raises(
        TypeError, match=rf"{kind.__name__}: params must be an iterable .* \[tensor"
    ):
        kind(p)
    with pytest.raises(ValueError, match=f"{kind.__name__}: got no parameters; pass model.param"):
        kind([])
    with pytest.raises(TypeError, match="an optimiser takes tensors, and got a str"):
        kind(["weight"])
    with pytest.raises(ValueError, match=r"leaves only, and the tensor of shape \(2,\) is the res"):
        kind([p * 2])
    with pytest.raises(ValueError, match=r"shape \(2,\) is in more than one group, or twice"):
        kind([{"params": [p]}, {"params": [p]}])
    with pytest.raises(ValueError, match=r"shape \(2,\) is in more than one group, or twice"):
        kind([p, p])


@pytest.mark.parametrize(
    ("kind", "option", "value"),
    [
        (SGD, "lr", -0.1),
        (SGD, "momentum", -0.1),
        (SGD, "weight_decay", -0.1),
        (Adam, "lr", -1),
        (Adam, "eps", -1e-8),
        (Adam, "weight_decay", -0.1),
    ],
)
def test_negative_options_are_refused(kind: Any, option: str, value: float) -> None:
    params = [nn.Parameter(tg.ones(1))]
    message = f"{kind.__name__}: {option} must not be negative, got {value}"
    with pytest.raises(ValueError, match=message):
        kind(params, **{option: value})
    with pytest.raises(ValueError, match=message):
        kind([{"params": params, option: value}])


@pytest.mark.parametrize(("betas", "i"), [((-0.1, 0.9), 0), ((0.9, 1.0), 1), ((math.nan, 0), 0)])
def test_betas_outside_of_0_to_1_are_refused(betas: tuple[float, float], i: int) -> None:
    with pytest.raises(ValueError, match=rf"Adam: betas\[{i}\] must lie in \[0, 1\), got"):
        Adam([nn.Parameter(tg.ones(1))], betas=betas)


def test_an_optimiser_of_ones_own_says_what_it_lacks() -> None:
    p = nn.Parameter(tg.ones(1))
    p.grad = tg.ones(1)
    with pytest.raises(NotImplementedError):
        Optimizer([p], {}).step()


def test_repr_lists_the_groups_and_their_options() -> None:
    shown = repr(SGD([{"params": nn.Parameter(tg.ones(1))}], lr=0.1, momentum=0.9))
    assert shown.startswith("SGD (\nParameter Group 0\n    dampening: 0.0\n    lr: 0.1\n")
    assert "momentum: 0.9" in shown
    assert "params" not in shown
