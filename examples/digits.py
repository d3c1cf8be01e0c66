"""What the digit examples share: options, data, the training loop and the evaluation."""

from __future__ import annotations

import copy
import hashlib
import json
import math
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import report

import nn
import nn.functional as F
import tinygrad_np as tg
from nn.data import DataLoader, Subset, datasets, random_split, transforms

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterable

VALIDATION = 5_000  # training digits that are kept out, to choose the best weights by


def add_options(parser: argparse.ArgumentParser, *, epochs: int, output: str) -> None:
    """Add the options that all digit examples have."""
    add = parser.add_argument
    add("--data", metavar="PATH", help="where MNIST is, or `synthetic`; searched for by default")
    add("--epochs", type=int, help=f"passes over the data (default {epochs}; 0 with --load)")
    add("--batch-size", type=int, default=128)
    add("--optimizer", choices=("adam", "sgd"), default="adam")
    add("--lr", type=float, help="peak learning rate (default 0.002 for adam, 0.1 for sgd)")
    add("--weight-decay", type=float, default=0.0)
    add("--seed", type=int, default=0)
    add("--output", type=Path, default=Path(output), help=f"folder for results ({output})")
    add("--save", type=Path, metavar="FILE", help="write the trained weights here as well")
    add("--load", type=Path, metavar="FILE", help="start from these weights")
    add("--graph", type=Path, metavar="FILE", help="draw one batch's loss (.dot, .svg, .png)")
    add("--quiet", action="store_true", help="print the final result only")
    parser.set_defaults(default_epochs=epochs)


def run(model: nn.Module, options: argparse.Namespace, augment: Any = None) -> int:
    """Do what the options ask for; what cannot be done is said in one line."""
    try:
        train_and_report(model, options, augment)
    except (OSError, ImportError, ValueError, RuntimeError) as error:
        sys.exit(f"error: {error}".replace("\n", " "))
    return 0


def train_and_report(model: nn.Module, options: argparse.Namespace, augment: Any) -> None:
    """Train the model, evaluate it on the test digits, and write everything down.

    Training digits go through the transform `augment`, a new draw each time they are seen.
    """
    epochs = options.epochs
    if epochs is None:
        epochs = 0 if options.load else options.default_epochs
    if epochs < 0:
        raise ValueError(f"--epochs must not be negative, got {epochs}")
    if options.load:
        model.load_state_dict(tg.load(options.load))
    data = load_digits(options.data)
    train, validation = random_split(data.train, [len(data.train) - data.held_out, data.held_out])
    if augment is not None:
        train = Subset(augmented(data.train, augment), train.indices)
    loader = DataLoader(train, options.batch_size, shuffle=True)
    if options.graph:
        draw_graph(model, loader, options.graph)

    history = fit(model, loader, DataLoader(validation, 1000), epochs, options)

    logits, labels = predict(model, DataLoader(data.test, 1000))
    predictions = logits.argmax(axis=1)
    metrics = {
        "data": data.name,
        "test_accuracy": float((predictions == labels).mean()),
        "per_class_accuracy": report.per_class(predictions, labels),
        "confusion": report.confusion(predictions, labels).tolist(),
        "logits_sha256": hashlib.sha256(logits.tobytes()).hexdigest(),
        "epochs": len(history.loss),
        "seconds": round(sum(history.seconds), 2),
        "interrupted": history.interrupted,
        "seed": options.seed,
        "parameters": sum(p.numel() for p in model.parameters()),
    }
    options.output.mkdir(parents=True, exist_ok=True)
    for path in filter(None, (options.output / "weights.safetensors", options.save)):
        tg.save(model.state_dict(), path)
    (options.output / "metrics.json").write_text(json.dumps(metrics, indent=2) + "\n")
    if not options.quiet:
        report.print_tables(metrics)
    inside = look_inside(model, data.test[0][0])
    images = data.test.data.numpy()
    drawn = report.draw(options.output, history, logits, labels, images, inside)
    if not (drawn or options.quiet):
        print('no pictures: matplotlib is missing (pip install "tinygrad-np[plot]")')
    print(
        f"{data.name}: {metrics['test_accuracy']:.2%} of {len(labels):,} test digits right, after "
        f"{metrics['epochs']} epochs in {metrics['seconds']:.1f} s; see {options.output}"
    )


@dataclass
class Digits:
    """A training and a test set."""

    name: str
    train: Any
    test: Any

    @property
    def held_out(self) -> int:
        """How many training digits are kept for validation."""
        return min(VALIDATION, len(self.train) // 10)


def augmented(dataset: Any, transform: Any) -> Any:
    """Give the dataset a second face, over the same arrays: images go through `transform` first."""
    other = copy.copy(dataset)
    other.transform = transforms.Compose([transform, dataset.transform])
    return other


def load_digits(where: str | None) -> Digits:
    """MNIST from a path or from wherever it is found; digits drawn by rule where it is not."""
    scale = transforms.Compose([transforms.ToTensor(), transforms.Normalize([0.1307], [0.3081])])
    if where not in (None, "synthetic") and not Path(where).exists():
        raise FileNotFoundError(f"--data {where}: there is no such file or folder")
    if where != "synthetic":
        try:
            return Digits(
                "MNIST",
                datasets.MNIST(where, train=True, transform=scale, download=where is None),
                datasets.MNIST(where, train=False, transform=scale, download=where is None),
            )
        except (FileNotFoundError, ConnectionError):
            if where is not None:
                raise
            print(
                "MNIST is neither here nor to be had from the web; training on digits drawn by "
                "rule. To use MNIST, put its four IDX files into a folder and pass --data FOLDER.",
                file=sys.stderr,
            )
    return Digits(
        "synthetic digits",
        datasets.SyntheticDigits(60_000, seed=0, transform=scale),
        datasets.SyntheticDigits(10_000, seed=1, transform=scale),
    )


@dataclass
class History:
    """What happened, epoch by epoch."""

    loss: list[float] = field(default_factory=list)
    accuracy: list[float] = field(default_factory=list)
    validation: list[float] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    interrupted: bool = False


def fit(
    model: nn.Module, loader: Any, validation: Any, epochs: int, options: argparse.Namespace
) -> History:
    """Train, and leave the model with the weights that did best on the validation digits.

    The learning rate rises to its peak over the first tenth of all steps, and falls to zero along
    a cosine. Ctrl-C ends the training, and keeps the best weights so far.
    """
    optimizer = make_optimizer(model, options)
    peak = optimizer.param_groups[0]["lr"]
    steps, step = epochs * len(loader), 0
    history = History()
    best = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    try:
        for epoch in range(epochs):
            start = time.perf_counter()
            model.train()
            losses, right, seen = 0.0, 0, 0
            for images, labels in progress(loader, f"epoch {epoch + 1}", options.quiet):
                share = step / steps
                optimizer.param_groups[0]["lr"] = peak * min(
                    10 * share, 0.5 + 0.5 * math.cos(math.pi * share)
                )
                optimizer.zero_grad()
                logits = model(images)
                loss = F.cross_entropy(logits, labels)
                loss.backward()
                optimizer.step()
                step += 1
                losses += loss.item() * len(labels)
                right += int((logits.argmax(1) == labels).sum())
                seen += len(labels)
            history.loss.append(losses / seen)
            history.accuracy.append(right / seen)
            history.seconds.append(time.perf_counter() - start)
            history.validation.append(accuracy(model, validation))
            if history.validation[-1] == max(history.validation):
                best = {name: tensor.clone() for name, tensor in model.state_dict().items()}
            if not options.quiet:
                print(
                    f"epoch {epoch + 1:2d}  loss {history.loss[-1]:.4f}  "
                    f"train {history.accuracy[-1]:.2%}  "
                    f"validation {history.validation[-1]:.2%}  {history.seconds[-1]:.1f} s",
                    flush=True,
                )
    except KeyboardInterrupt:
        history.interrupted = True
        print("\nstopped; going on with the best weights so far", file=sys.stderr)
        if accuracy(model, validation) > max(history.validation, default=0.0):
            return history  # those of the epoch that was broken off
    model.load_state_dict(best)
    return history


def accuracy(model: nn.Module, loader: Any) -> float:
    """Share of digits that the model gets right."""
    logits, labels = predict(model, loader)
    return float((logits.argmax(axis=1) == labels).mean())


def make_optimizer(model: nn.Module, options: argparse.Namespace) -> nn.optim.Optimizer:
    """Adam, or SGD with Nesterov's momentum."""
    if options.optimizer == "adam":
        return nn.optim.Adam(
            model.parameters(),
            lr=2e-3 if options.lr is None else options.lr,
            weight_decay=options.weight_decay,
        )
    return nn.optim.SGD(
        model.parameters(),
        lr=0.1 if options.lr is None else options.lr,
        momentum=0.9,
        nesterov=True,
        weight_decay=options.weight_decay,
    )


@tg.no_grad()
def predict(model: nn.Module, loader: Any) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """Logits and labels of all digits, in order."""
    model.eval()
    logits, labels = [], []
    for images, batch_labels in loader:
        logits.append(model(images).numpy())
        labels.append(batch_labels.numpy())
    return np.concatenate(logits), np.concatenate(labels)


@tg.no_grad()
def look_inside(model: nn.Module, image: tg.Tensor) -> report.Inside | None:
    """What a network of convolutions makes of one digit, layer by layer; None for others."""
    convolutions = [layer for layer in model.modules() if isinstance(layer, nn.Conv2d)]
    if not convolutions or not isinstance(model, nn.Sequential):
        return None
    model.eval()
    maps, x = [], image[None]
    for layer in model:
        x = layer(x)
        if isinstance(layer, nn.ReLU) and x.ndim == 4:
            maps.append(x[0].numpy())
    return report.Inside(image[0].numpy(), convolutions[0].weight.detach().numpy()[:, 0], maps)


def progress(loader: Any, title: str, quiet: bool) -> Iterable[Any]:
    """Show a bar on a terminal where tqdm is installed."""
    if quiet or not sys.stderr.isatty():
        return loader
    try:
        from tqdm import tqdm
    except ImportError:
        return loader
    return tqdm(loader, desc=title, leave=False)


def draw_graph(model: nn.Module, loader: Any, path: Path) -> None:
    """Write a picture of the graph behind one batch's loss."""
    images, labels = next(iter(loader))
    with tg.graph.trace() as trace:
        loss = F.cross_entropy(model(images), labels)
    path.parent.mkdir(parents=True, exist_ok=True)
    tg.graph.save(loss, path, names=dict(model.named_parameters()), trace=trace)
