"""nn beside torch.nn: the same seed, weights, batches, losses, steps and representations."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest

import nn
import nn.functional as F
import tinygrad_np as tg
from nn import init
from nn.data import DataLoader, TensorDataset, random_split

torch = pytest.importorskip("torch", reason="PyTorch is what these tests compare with")
TF = torch.nn.functional
RNG = np.random.default_rng(0)


@pytest.fixture(autouse=True)
def _threads() -> None:
    torch.set_num_threads(1)


def seed(n: int) -> None:
    tg.manual_seed(n)
    torch.manual_seed(n)


def both(array: Any, *, requires_grad: bool = False) -> tuple[Any, Any]:
    return (
        tg.tensor(np.asarray(array), requires_grad=requires_grad),
        torch.tensor(np.asarray(array), requires_grad=requires_grad),
    )


def assert_equal(ours: Any, theirs: Any) -> None:
    np.testing.assert_array_equal(ours.detach().numpy(), theirs.detach().numpy())


def assert_next_number_equal() -> None:
    """Both streams stand at the same place."""
    assert_equal(tg.rand(1), torch.rand(1))


# --- the same random numbers ---


@pytest.mark.parametrize("sizes", [(784, 128), (1, 1), (7, 3), (5, 0), (300, 10)])
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.filterwarnings("ignore:Initializing zero-element tensors")
def test_linear_starts_bit_equal(sizes: tuple[int, int], bias: bool) -> None:
    seed(sum(sizes))
    ours, theirs = nn.Linear(*sizes, bias=bias), torch.nn.Linear(*sizes, bias=bias)
    for p, q in zip(ours.parameters(), theirs.parameters(), strict=True):
        assert_equal(p, q)
    assert_next_number_equal()


def test_linear_in_float64_starts_equal_to_one_rounding() -> None:
    seed(0)
    ours = nn.Linear(20, 30, dtype=tg.float64)
    theirs = torch.nn.Linear(20, 30, dtype=torch.float64)
    for p, q in zip(ours.parameters(), theirs.parameters(), strict=True):
        np.testing.assert_allclose(p.detach().numpy(), q.detach().numpy(), rtol=0, atol=1e-16)


@pytest.mark.parametrize("p", [0.0, 0.1, 0.3, 0.5, 0.9, 1.0])
@pytest.mark.parametrize("dtype", ["f4", "f8"])
def test_dropout_is_bit_equal(p: float, dtype: str) -> None:
    seed(3)
    x, y = both(RNG.standard_normal((13, 7)).astype(dtype), requires_grad=True)
    ours, theirs = F.dropout(x, p), TF.dropout(y, p)
    assert_equal(ours, theirs)
    g = RNG.standard_normal((13, 7)).astype(dtype)
    ours.backward(tg.tensor(g))
    theirs.backward(torch.tensor(g))
    assert_equal(x.grad, y.grad)
    assert_next_number_equal()


INITS = [
    ("kaiming_uniform_", {}),
    ("kaiming_uniform_", {"a": 0.3, "mode": "fan_out"}),
    ("kaiming_uniform_", {"nonlinearity": "tanh"}),
    ("xavier_uniform_", {}),
    ("xavier_uniform_", {"gain": 1.7}),
    ("uniform_", {"a": -3.0, "b": 0.1}),
    ("kaiming_normal_", {"nonlinearity": "relu"}),
    ("kaiming_normal_", {"mode": "fan_out"}),
    ("xavier_normal_", {"gain": 0.5}),
    ("normal_", {"mean": 3.0, "std": 0.2}),
]


@pytest.mark.parametrize(("name", "options"), INITS)
@pytest.mark.parametrize("shape", [(6, 5), (4, 3, 2, 3), (3, 2)])
def test_initialisers_fill_alike(
    name: str, options: dict[str, Any], shape: tuple[int, ...]
) -> None:
    seed(11)
    ours = getattr(init, name)(tg.empty(*shape), **options)
    theirs = getattr(torch.nn.init, name)(torch.empty(*shape), **options)
    if "uniform" in name:
        assert_equal(ours, theirs)
    else:
        np.testing.assert_allclose(ours.numpy(), theirs.numpy(), rtol=1e-5, atol=3e-7)
    assert_next_number_equal()


def test_gains_are_equal() -> None:
    for name in ("linear", "conv2d", "conv_transpose1d", "sigmoid", "tanh", "relu", "selu"):
        assert init.calculate_gain(name) == torch.nn.init.calculate_gain(name)
    for slope in (None, 0.3, 2):
        assert init.calculate_gain("leaky_relu", slope) == torch.nn.init.calculate_gain(
            "leaky_relu", slope
        )


@pytest.mark.parametrize(
    ("shuffle", "drop_last", "own_generator"), [*itertools.product([False, True], repeat=3)]
)
def test_loaders_give_the_same_batches_pass_after_pass(
    shuffle: bool, drop_last: bool, own_generator: bool
) -> None:
    x, y = both(np.arange(23))
    seed(5)
    generators = (None, None)
    if own_generator:
        generators = tg.Generator().manual_seed(1), torch.Generator().manual_seed(1)
    options = {"batch_size": 5, "shuffle": shuffle, "drop_last": drop_last}
    ours = DataLoader(TensorDataset(x), generator=generators[0], **options)
    theirs = torch.utils.data.DataLoader(
        torch.utils.data.TensorDataset(y), generator=generators[1], **options
    )
    assert len(ours) == len(theirs)
    for _ in range(3):
        for (a,), (b,) in zip(ours, theirs, strict=True):
            assert_equal(a, b)
        assert_next_number_equal()


def test_loaders_that_run_side_by_side_take_their_numbers_in_the_same_order() -> None:
    x, y = both(np.arange(9))
    seed(6)
    ours = DataLoader(TensorDataset(x), 2, shuffle=True)
    theirs = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(y), 2, shuffle=True)
    left = [(a[0].tolist(), b[0].tolist()) for a, b in zip(ours, ours, strict=True)]
    right = [(a[0].tolist(), b[0].tolist()) for a, b in zip(theirs, theirs, strict=True)]
    assert left == right


@pytest.mark.parametrize("lengths", [[7, 3], [0.5, 0.3, 0.2], [0.33, 0.33, 0.34], [1.0]])
def test_random_splits_are_equal(lengths: list[float]) -> None:
    x, y = both(np.arange(10))
    seed(8)
    ours = random_split(TensorDataset(x), lengths)
    theirs = torch.utils.data.random_split(torch.utils.data.TensorDataset(y), lengths)
    assert [list(part.indices) for part in ours] == [list(part.indices) for part in theirs]


# --- losses ---


def assert_losses_agree(ours: Any, theirs: Any, x: Any, y: Any) -> None:
    np.testing.assert_allclose(ours.detach().numpy(), theirs.detach().numpy(), rtol=1e-10)
    g = np.random.default_rng(4).standard_normal(ours.shape)
    ours.backward(tg.tensor(g))
    theirs.backward(torch.tensor(g))
    np.testing.assert_allclose(x.grad.numpy(), y.grad.numpy(), rtol=1e-9, atol=1e-12)


SHAPES: dict[str, tuple[tuple[int, ...], tuple[int, ...]]] = {
    "(N, C)": ((6, 4), (6,)),
    "(C)": ((4,), ()),
    "(N, C, d1)": ((3, 4, 5), (3, 5)),
    "(N, C, d1, d2)": ((2, 4, 3, 5), (2, 3, 5)),
    "one row": ((1, 4), (1,)),
    "one class": ((3, 1), (3,)),
}


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("weighted", [False, True])
def test_losses_of_labels(shape: str, reduction: str, weighted: bool) -> None:
    size, places = SHAPES[shape]
    logits, classes = RNG.standard_normal(size) * 3, size[min(1, len(size) - 1)]
    label, label_torch = both(RNG.integers(0, classes, places))
    weight, weight_torch = both(RNG.random(classes) + 0.1) if weighted else (None, None)
    for smoothing, ignored in itertools.product([0.0, 0.3], [-100, 0]):
        x, y = both(logits, requires_grad=True)
        options = {"reduction": reduction, "ignore_index": ignored}
        ours = F.cross_entropy(x, label, weight, label_smoothing=smoothing, **options)
        theirs = TF.cross_entropy(
            y, label_torch, weight_torch, label_smoothing=smoothing, **options
        )
        assert_losses_agree(ours, theirs, x, y)
        x, y = both(logits, requires_grad=True)
        ours = F.nll_loss(x, label, weight, **options)
        theirs = TF.nll_loss(y, label_torch, weight_torch, **options)
        assert_losses_agree(ours, theirs, x, y)


@pytest.mark.parametrize("size", [(6, 4), (4,), (3, 4, 5)])
@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("weighted", [False, True])
def test_cross_entropy_of_probabilities(
    size: tuple[int, ...], reduction: str, weighted: bool
) -> None:
    logits = RNG.standard_normal(size)
    target, target_torch = both(RNG.random(size))
    weight, weight_torch = both(RNG.random(4)) if weighted else (None, None)
    for smoothing in (0.0, 0.3):
        x, y = both(logits, requires_grad=True)
        options = {"reduction": reduction, "label_smoothing": smoothing}
        ours = F.cross_entropy(x, target, weight, **options)
        theirs = TF.cross_entropy(y, target_torch, weight_torch, **options)
        assert_losses_agree(ours, theirs, x, y)


EDGES: dict[str, tuple[Any, Any, dict[str, Any]]] = {
    "huge": ([[1000.0, 0, -1000]], [2], {}),
    "wrong class at -inf": ([[0.0, -np.inf]], [0], {}),
    "true class at -inf": ([[0.0, -np.inf]], [1], {}),
    "all -inf": ([[-np.inf, -np.inf]], [0], {}),
    "nan": ([[np.nan, 0.0]], [1], {}),
    "all ignored": ([[1.0, 2.0]], [-100], {}),
    "all ignored, smoothed": ([[1.0, 2.0]], [-100], {"label_smoothing": 0.1}),
    "ignored row of -inf": ([[-np.inf, -np.inf], [1, 2]], [-100, 0], {}),
    "smoothed -inf": ([[0.0, -np.inf]], [0], {"label_smoothing": 0.1}),
}


@pytest.mark.parametrize("case", EDGES)
def test_cross_entropy_at_the_edges(case: str) -> None:
    logits, label, options = EDGES[case]
    x, y = both(np.array(logits, np.float64), requires_grad=True)
    ours = F.cross_entropy(x, tg.tensor(label), **options)
    theirs = TF.cross_entropy(y, torch.tensor(label), **options)
    assert_losses_agree(ours, theirs, x, y)


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("size", [(5,), (4, 3), (), (0, 3)])
def test_mse_loss(reduction: str, size: tuple[int, ...]) -> None:
    x, y = both(RNG.standard_normal(size), requires_grad=True)
    target, target_torch = both(RNG.standard_normal(size), requires_grad=True)
    ours = F.mse_loss(x, target, reduction=reduction)
    theirs = TF.mse_loss(y, target_torch, reduction=reduction)
    assert_losses_agree(ours, theirs, x, y)
    np.testing.assert_allclose(target.grad.numpy(), target_torch.grad.numpy())


# --- optimisers ---


def assert_trajectories_agree(name: str, options: dict[str, Any]) -> None:
    starts = [RNG.standard_normal((4, 3)), RNG.standard_normal(5)]
    ours = [nn.Parameter(tg.tensor(a)) for a in starts]
    theirs = [torch.nn.Parameter(torch.tensor(a)) for a in starts]
    a = getattr(nn.optim, name)(ours, **options)
    b = getattr(torch.optim, name)(theirs, **options)
    for step in range(12):
        for p, q in zip(ours, theirs, strict=True):
            g = RNG.standard_normal(p.shape) * 10.0 ** (step % 4 - 2)
            p.grad, q.grad = tg.tensor(g), torch.tensor(g)
        a.step()
        b.step()
        for p, q in zip(ours, theirs, strict=True):
            np.testing.assert_allclose(
                p.detach().numpy(), q.detach().numpy(), rtol=1e-10, atol=1e-12
            )
    for p, q in zip(ours, theirs, strict=True):
        for key, kept in b.state[q].items():
            value = a.state[p][key]
            value = value.numpy() if tg.is_tensor(value) else value
            np.testing.assert_allclose(value, kept, rtol=1e-10, atol=1e-14)


@pytest.mark.parametrize("momentum", [0.0, 0.9])
@pytest.mark.parametrize("dampening", [0.0, 0.5])
@pytest.mark.parametrize("weight_decay", [0.0, 0.1])
@pytest.mark.parametrize("nesterov", [False, True])
@pytest.mark.parametrize("maximize", [False, True])
def test_sgd_goes_the_same_way(
    momentum: float, dampening: float, weight_decay: float, nesterov: bool, maximize: bool
) -> None:
    options = {
        "lr": 0.1,
        "momentum": momentum,
        "dampening": dampening,
        "weight_decay": weight_decay,
        "nesterov": nesterov,
        "maximize": maximize,
    }
    if nesterov and (not momentum or dampening):
        p, q = nn.Parameter(tg.ones(1)), torch.nn.Parameter(torch.ones(1))
        for make, param in ((nn.optim.SGD, p), (torch.optim.SGD, q)):
            with pytest.raises(ValueError, match=r"(?i)nesterov"):
                make([param], **options)
    else:
        assert_trajectories_agree("SGD", options)


@pytest.mark.parametrize("betas", [(0.9, 0.999), (0.0, 0.5), (0.5, 0.0)])
@pytest.mark.parametrize("weight_decay", [0.0, 0.1])
@pytest.mark.parametrize("amsgrad", [False, True])
@pytest.mark.parametrize("maximize", [False, True])
def test_adam_goes_the_same_way(
    betas: tuple[float, float], weight_decay: float, amsgrad: bool, maximize: bool
) -> None:
    assert_trajectories_agree(
        "Adam",
        {
            "lr": 0.01,
            "betas": betas,
            "weight_decay": weight_decay,
            "amsgrad": amsgrad,
            "maximize": maximize,
        },
    )


def test_defaults_are_equal() -> None:
    for name in ("SGD", "Adam"):
        ours = getattr(nn.optim, name)([nn.Parameter(tg.ones(1))]).defaults
        theirs = getattr(torch.optim, name)([torch.nn.Parameter(torch.ones(1))]).defaults
        assert ours == {key: theirs[key] for key in ours}


# --- modules ---


def build(nn_: Any) -> Any:
    class Inner(nn_.Module):
        def __init__(self) -> None:
            super().__init__()
            self.add_module("0", nn_.Linear(2, 2, bias=False))
            self.act = nn_.Sigmoid()

        def extra_repr(self) -> str:
            return "width=2\nheads=1"

    class Net(nn_.Module):
        def __init__(self) -> None:
            super().__init__()
            self.register_buffer("early", None)
            self.features = nn_.Sequential(nn_.Flatten(), nn_.Sequential(Inner()), nn_.Identity())
            self.last = nn_.Linear(2, 2)
            self.again = self.last
            self.gain = nn_.Parameter(self.last.bias.detach())

    return Net()


def test_representations_are_equal() -> None:
    for make in (
        lambda m: m.Linear(4, 3, bias=False),
        lambda m: m.ReLU(inplace=True),
        lambda m: m.Dropout(0.25),
        lambda m: m.Flatten(0, -2),
        lambda m: m.CrossEntropyLoss(label_smoothing=0.1),
        lambda m: m.MSELoss(),
        lambda m: m.Sequential(),
        lambda m: m.Sequential(m.Tanh(), m.Sequential(m.Sigmoid()))[1:],
        build,
    ):
        assert repr(make(nn)) == repr(make(torch.nn))
    assert repr(nn.Parameter(tg.ones(2))) == repr(torch.nn.Parameter(torch.ones(2)))


def test_names_come_in_the_same_order() -> None:
    ours, theirs = build(nn), build(torch.nn)
    for listing in ("named_parameters", "named_modules", "named_children", "named_buffers"):
        left, right = getattr(ours, listing)(), getattr(theirs, listing)()
        assert [name for name, _ in left] == [name for name, _ in right]
    assert list(ours.state_dict()) == list(theirs.state_dict())
    visited: tuple[list[str], list[str]] = ([], [])
    for model, names in zip((ours, theirs), visited, strict=True):
        model.apply(lambda m, names=names: names.append(type(m).__name__))
    assert visited[0] == visited[1]


# --- training ---


def train(lib: Any, nn_: Any, data: Any, dtype: str, steps: int) -> list[float]:
    """Losses of a run that only imports another library."""
    lib.manual_seed(7)
    kind = getattr(lib, dtype)
    model = nn_.Sequential(nn_.Linear(20, 32), nn_.ReLU(), nn_.Dropout(0.3), nn_.Linear(32, 5)).to(
        kind
    )
    optimizer = data["optim"].Adam(model.parameters(), lr=3e-3, weight_decay=1e-3)
    criterion = nn_.CrossEntropyLoss(label_smoothing=0.1)
    rng = np.random.default_rng(0)
    x = lib.tensor(rng.standard_normal((96, 20))).to(kind)
    label = lib.tensor(rng.integers(0, 5, 96))
    loader = data["loader"](data["dataset"](x, label), batch_size=32, shuffle=True)
    losses: list[float] = []
    while len(losses) < steps:
        model.train()
        for xb, yb in loader:
            optimizer.zero_grad()
            loss = criterion(model(xb), yb)
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        model.eval()
        with lib.no_grad():
            losses.append(criterion(model(x), label).item())
    return losses


@pytest.mark.parametrize(
    ("dtype", "steps", "tolerance"), [("float64", 100, 1e-9), ("float32", 10, 1e-4)]
)
def test_the_same_script_gives_the_same_losses(dtype: str, steps: int, tolerance: float) -> None:
    utils = torch.utils.data
    theirs = {"optim": torch.optim, "loader": utils.DataLoader, "dataset": utils.TensorDataset}
    ours = {"optim": nn.optim, "loader": DataLoader, "dataset": TensorDataset}
    left = train(tg, nn, ours, dtype, steps)
    right = train(torch, torch.nn, theirs, dtype, steps)
    assert left[-1] < left[0]
    np.testing.assert_allclose(left, right, rtol=0, atol=tolerance)
