"""A small network end to end: gradients by hand-derived formulas, and learning."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import nn
import nn.functional as F
import tinygrad_np as tg
from nn import optim
from nn.data import DataLoader, TensorDataset


def problem(n: int = 200) -> tuple[tg.Tensor, tg.Tensor]:
    """Points in the plane; the class is whether they lie within a ring: no line divides them."""
    rng = np.random.default_rng(0)
    x = rng.standard_normal((n, 2)).astype(np.float32)
    return tg.tensor(x), tg.tensor((np.hypot(x[:, 0], x[:, 1]) < 1.1).astype(np.int64))


def mlp(dropout: float = 0.0) -> nn.Sequential:
    return nn.Sequential(nn.Linear(2, 16), nn.ReLU(), nn.Dropout(dropout), nn.Linear(16, 2))


def test_gradients_are_those_of_the_matrix_formulas() -> None:
    rng = np.random.default_rng(1)
    x, label = rng.standard_normal((7, 4)), rng.integers(0, 3, 7)
    first, second = nn.Linear(4, 5, dtype=tg.float64), nn.Linear(5, 3, dtype=tg.float64)
    model = nn.Sequential(first, nn.ReLU(), second)
    F.cross_entropy(model(tg.tensor(x)), tg.tensor(label)).backward()

    w1, b1, w2, b2 = (p.detach().numpy() for p in model.parameters())
    z = x @ w1.T + b1  # (7, 5)
    h = np.maximum(z, 0)
    e = np.exp(h @ w2.T + b2)  # (7, 3)
    dy = (e / e.sum(1, keepdims=True) - np.eye(3)[label]) / 7
    dz = (dy @ w2) * (z > 0)
    expected = (dz.T @ x, dz.sum(0), dy.T @ h, dy.sum(0))
    for p, g in zip(model.parameters(), expected, strict=True):
        np.testing.assert_allclose(p.grad.numpy(), g, rtol=1e-10, atol=1e-15)


def test_gradients_add_up_over_backward_passes() -> None:
    x, label = problem(20)
    model = mlp().double()
    x = x.double()
    F.cross_entropy(model(x), label, reduction="sum").backward()
    whole = [p.grad.numpy().copy() for p in model.parameters()]
    model.zero_grad()
    for part in (slice(0, 8), slice(8, 20)):
        F.cross_entropy(model(x[part]), label[part], reduction="sum").backward()
    for p, g in zip(model.parameters(), whole, strict=True):
        np.testing.assert_allclose(p.grad.numpy(), g, rtol=1e-10, atol=1e-13)


@pytest.mark.parametrize(
    "make",
    [
        lambda p: optim.SGD(p, lr=0.2, momentum=0.9),
        lambda p: optim.SGD(p, lr=0.2, momentum=0.9, nesterov=True, weight_decay=1e-4),
        lambda p: optim.Adam(p, lr=0.02),
    ],
    ids=["momentum", "nesterov", "adam"],
)
def test_an_mlp_learns_what_no_line_divides(make: Any) -> None:
    x, label = problem()
    model = mlp()
    optimizer = make(model.parameters())
    loader = DataLoader(TensorDataset(x, label), batch_size=50, shuffle=True)
    before = F.cross_entropy(model(x), label).item()
    for _ in range(40):
        for xb, yb in loader:
            optimizer.zero_grad()
            F.cross_entropy(model(xb), yb).backward()
            optimizer.step()
    after = F.cross_entropy(model(x), label).item()
    assert after < 0.25 * before
    assert (model(x).argmax(1) == label).double().mean().item() > 0.95
    assert all(p.dtype == p.grad.dtype == np.float32 for p in model.parameters())


def test_regression_by_least_squares_finds_the_solution() -> None:
    rng = np.random.default_rng(2)
    x, w = rng.standard_normal((50, 3)), np.array([[1.0, -2.0, 0.5]])
    y = tg.tensor(x @ w.T + 0.7)
    layer = nn.Linear(3, 1, dtype=tg.float64)
    optimizer, criterion = optim.SGD(layer.parameters(), lr=0.3), nn.MSELoss()
    for _ in range(200):
        optimizer.zero_grad()
        criterion(layer(tg.tensor(x)), y).backward()
        optimizer.step()
    np.testing.assert_allclose(layer.weight.detach().numpy(), w, atol=1e-8)
    np.testing.assert_allclose(layer.bias.detach().numpy(), [0.7], atol=1e-8)


def test_a_seed_decides_the_whole_run() -> None:
    def run() -> list[float]:
        tg.manual_seed(5)
        x, label = problem(60)
        model, losses = mlp(dropout=0.5), []
        optimizer = optim.Adam(model.parameters(), lr=0.01)
        for xb, yb in DataLoader(TensorDataset(x, label), batch_size=20, shuffle=True):
            optimizer.zero_grad()
            loss = F.cross_entropy(model(xb), yb)
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        return losses

    first = run()
    assert run() == first
    assert len(set(first)) == 3


def test_frozen_layers_stay_and_the_others_learn() -> None:
    x, label = problem(20)
    model = mlp()
    model[0].requires_grad_(False)
    before = [p.detach().numpy().copy() for p in model.parameters()]
    optimizer = optim.SGD(model.parameters(), lr=0.1)
    F.cross_entropy(model(x), label).backward()
    optimizer.step()
    changed = [
        (p.detach().numpy() != b).any() for p, b in zip(model.parameters(), before, strict=True)
    ]
    assert changed == [False, False, True, True]
    assert model[0].weight.grad is None


def test_evaluation_records_nothing_and_repeats() -> None:
    model = mlp(dropout=0.5).eval()
    x, _ = problem(5)
    with tg.no_grad():
        y = model(x)
    assert not y.requires_grad
    np.testing.assert_array_equal(y.numpy(), model(x).detach().numpy())
    assert (model.train()(x).detach().numpy() != y.numpy()).any()
