"""One epoch over 60,000 digits at batch 128, and the share of it that loading takes."""

# ruff: noqa: PLC0415  each contender's process imports its own library alone
from __future__ import annotations

import time
from typing import Any

from benchmarks import harness
from benchmarks.harness import OURS, Work

CONTENDERS = (OURS, "PyTorch")
MOST_TURNS = 5  # an epoch is long
DIGITS, BATCH = 60_000, 128
LOADING, ALL = "loading", "all"
MOMENTUM, LR = 0.9, 0.05

NOTES = """
The network is 784-128-10, trained by SGD with momentum; loading is the time spent in the loader
while it trains. Ours reads bytes, and shuffles, gathers, scales and normalises a batch at a time.
PyTorch is given floats that are normalised already, in a `TensorDataset`, and its `DataLoader` as
users write it, without workers, which collates sample by sample.
"""


def report(turns: int = MOST_TURNS) -> str:
    """Measure all, and give Markdown."""
    with harness.workers(__name__, CONTENDERS) as workers:
        parts = [workers.compare(part, min(turns, MOST_TURNS)) for part in (ALL, LOADING)]
    rows = []
    for name in parts[0]:
        whole, loading = (part[name] for part in parts)
        share = f"{100 * loading.median / whole.median:.1f} %"
        rows.append([name, whole.text(1), loading.text(1), share])
    return (
        f"Seconds for {DIGITS:,} digits in batches of {BATCH}: median (quartiles).\n\n"
        + harness.table(["", "an epoch", "of which loading", "share"], rows)
        + NOTES
        + harness.skipped(CONTENDERS)
    )


def build(contender: str, case: str) -> Work:
    """Make the work of a case, in the contender's process."""
    loader, train = (_tinygrad_np if contender == OURS else _torch)()

    def epoch() -> float:
        loading, start = 0.0, time.perf_counter()
        batches, before = iter(loader), start
        for images, labels in batches:
            loading += time.perf_counter() - before
            train(images, labels)
            before = time.perf_counter()
        return loading if case == LOADING else time.perf_counter() - start

    return Work(lambda n: sum(epoch() for _ in range(n)), warm_up=0)


def _tinygrad_np() -> tuple[Any, Any]:
    import nn
    import tinygrad_np as tg
    from nn.data.transforms import Compose, Normalize, ToTensor

    transform = Compose([ToTensor(), Normalize([0.13], [0.31])])
    digits = nn.data.datasets.SyntheticDigits(DIGITS, transform=transform)
    tg.manual_seed(0)
    loader = nn.data.DataLoader(digits, batch_size=BATCH, shuffle=True)
    return loader, _trainer(nn, nn.optim)


def _torch() -> tuple[Any, Any]:
    import torch

    from nn.data.datasets import SyntheticDigits

    digits = SyntheticDigits(DIGITS)
    images = (torch.from_numpy(digits.data.numpy())[:, None] / 255 - 0.13) / 0.31
    data = torch.utils.data.TensorDataset(images, torch.from_numpy(digits.targets.numpy()))
    torch.manual_seed(0)
    loader = torch.utils.data.DataLoader(data, batch_size=BATCH, shuffle=True)
    return loader, _trainer(torch.nn, torch.optim)


def _trainer(nn: Any, optim: Any) -> Any:
    """Ours and PyTorch's, to the letter."""
    model = nn.Sequential(nn.Flatten(), nn.Linear(784, 128), nn.ReLU(), nn.Linear(128, 10))
    criterion = nn.CrossEntropyLoss()
    optimizer = optim.SGD(model.parameters(), lr=LR, momentum=MOMENTUM)

    def train(images: Any, labels: Any) -> None:
        optimizer.zero_grad()
        criterion(model(images), labels).backward()
        optimizer.step()

    return train
