"""One script, two libraries: `import torch`, or `import tinygrad_np as torch`, and the same losses.

Weights, the order of the batches, dropout masks and updates all follow from the seed, so that a run
can be compared step by step.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

import tinygrad_np

if TYPE_CHECKING:
    from collections.abc import Callable

pytorch = pytest.importorskip("torch", reason="PyTorch is what these tests compare with")

DIGITS, SIZE, CLASSES = 200, 28, 10
BATCH, SEED = 32, 1234


@pytest.fixture(autouse=True)
def _settings() -> Any:
    threads = pytorch.get_num_threads()
    pytorch.set_num_threads(1)
    yield
    pytorch.set_num_threads(threads)
    pytorch.set_default_dtype(pytorch.float32)


def digits() -> tuple[Any, Any]:
    """Noisy pictures of ten random patterns, and which pattern it was."""
    rng = np.random.default_rng(0)
    patterns = rng.random((CLASSES, SIZE, SIZE))
    labels = rng.integers(0, CLASSES, DIGITS)
    return patterns[labels] + 0.5 * rng.standard_normal((DIGITS, SIZE, SIZE)), labels


def mlp(torch: Any) -> Any:
    nn = torch.nn
    return nn.Sequential(
        nn.Flatten(),
        nn.Linear(SIZE * SIZE, 128),
        nn.ReLU(),
        nn.Dropout(0.2),
        nn.Linear(128, CLASSES),
    )


def lenet(torch: Any) -> Any:
    nn = torch.nn
    F = torch.nn.functional

    class LeNet(nn.Module):  # type: ignore[misc,name-defined]  # whichever library's it is
        def __init__(self) -> None:
            super().__init__()
            self.conv1 = nn.Conv2d(1, 6, 5, padding=2)
            self.conv2 = nn.Conv2d(6, 16, 5)
            self.fc1 = nn.Linear(400, 120)
            self.fc2 = nn.Linear(120, 84)
            self.fc3 = nn.Linear(84, CLASSES)
            self.dropout = nn.Dropout(0.3, inplace=True)

        def forward(self, x: Any) -> Any:
            x = F.max_pool2d(F.relu(self.conv1(x)), 2)
            x = F.dropout(x, 0.1, self.training)
            x = F.max_pool2d(F.relu(self.conv2(x)), 2)
            x = F.dropout(torch.flatten(x, 1), 0.2, self.training)
            x = F.relu(self.dropout(self.fc1(x)))
            x = F.relu(self.dropout(self.fc2(x)))
            return self.fc3(x)

    return LeNet()


def sgd(torch: Any, parameters: Any) -> Any:
    return torch.optim.SGD(parameters, lr=0.05, momentum=0.9, weight_decay=1e-4)


def adam(torch: Any, parameters: Any) -> Any:
    return torch.optim.Adam(parameters, lr=1e-3)


def train(torch: Any, build: Any, optimise: Any, dtype: str, steps: int) -> list[float]:
    """The script. It sees one name, `torch`."""
    torch.set_default_dtype(getattr(torch, dtype))
    torch.manual_seed(SEED)
    images, labels = digits()
    data = torch.utils.data.TensorDataset(
        torch.tensor(images, dtype=getattr(torch, dtype)).unsqueeze(1), torch.tensor(labels)
    )
    training, _ = torch.utils.data.random_split(data, [0.9, 0.1])
    loader = torch.utils.data.DataLoader(training, batch_size=BATCH, shuffle=True)
    model = build(torch)
    optimiser = optimise(torch, model.parameters())
    criterion = torch.nn.CrossEntropyLoss()
    losses: list[float] = []
    model.train()
    while True:
        for x, y in loader:
            optimiser.zero_grad()
            loss = criterion(model(x), y)
            loss.backward()
            optimiser.step()
            losses.append(loss.item())
            if len(losses) == steps:
                return losses


BUILDS: dict[str, Callable[[Any], Any]] = {"MLP": mlp, "LeNet-5": lenet}
OPTIMISERS: dict[str, Callable[[Any, Any], Any]] = {"SGD": sgd, "Adam": adam}


@pytest.mark.parametrize("optimiser", OPTIMISERS)
@pytest.mark.parametrize("network", BUILDS)
def test_a_hundred_steps_in_float64(network: str, optimiser: str) -> None:
    ours, theirs = (
        train(lib, BUILDS[network], OPTIMISERS[optimiser], "float64", 100)
        for lib in (tinygrad_np, pytorch)
    )
    assert theirs[-1] < theirs[0]
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-9)


@pytest.mark.parametrize("optimiser", OPTIMISERS)
@pytest.mark.parametrize("network", BUILDS)
def test_ten_steps_in_float32(network: str, optimiser: str) -> None:
    """PyTorch agrees with itself no further, once the rows of a batch are reversed."""
    ours, theirs = (
        train(lib, BUILDS[network], OPTIMISERS[optimiser], "float32", 10)
        for lib in (tinygrad_np, pytorch)
    )
    np.testing.assert_allclose(ours, theirs, rtol=1e-4)
