"""Train a convolutional network on MNIST: `python examples/mnist_cnn.py --help`.

LeNet-5 by default; `--model cnn` is the larger network of PyTorch's MNIST example. Where MNIST
cannot be had, it trains on digits that are drawn by rule.
"""

from __future__ import annotations

import argparse
import sys

from digits import add_options, run

import nn
import tinygrad_np as tg
from nn.data import transforms


def build_lenet() -> nn.Module:
    """LeNet-5, with ReLU and max pooling; Y. LeCun et al., Proc. IEEE 86 (1998)."""
    return nn.Sequential(
        nn.Conv2d(1, 6, 5, padding=2),  # (N, 6, 28, 28)
        nn.ReLU(),
        nn.MaxPool2d(2),  # (N, 6, 14, 14)
        nn.Conv2d(6, 16, 5),  # (N, 16, 10, 10)
        nn.ReLU(),
        nn.MaxPool2d(2),  # (N, 16, 5, 5)
        nn.Flatten(),
        nn.Linear(400, 120),
        nn.ReLU(),
        nn.Linear(120, 84),
        nn.ReLU(),
        nn.Linear(84, 10),
    )


def build_cnn() -> nn.Module:
    """Two wide 3x3 layers and dropout: the network of PyTorch's MNIST example, 1.2 M parameters."""
    return nn.Sequential(
        nn.Conv2d(1, 32, 3),  # (N, 32, 26, 26)
        nn.ReLU(),
        nn.Conv2d(32, 64, 3),  # (N, 64, 24, 24)
        nn.ReLU(),
        nn.MaxPool2d(2),  # (N, 64, 12, 12)
        nn.Dropout(0.25),
        nn.Flatten(),
        nn.Linear(9216, 128),
        nn.ReLU(),
        nn.Dropout(0.5),
        nn.Linear(128, 10),
    )


MODELS = {"lenet": build_lenet, "cnn": build_cnn}


def main(arguments: list[str] | None = None) -> int:
    """Read the options, build the model, train and report."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add_options(parser, epochs=10, output="runs/mnist_cnn")
    parser.add_argument("--model", choices=MODELS, default="lenet", help="which network (lenet)")
    parser.add_argument(
        "--augment", action="store_true", help="turn, shift and scale the training digits a little"
    )
    options = parser.parse_args(arguments)

    tg.manual_seed(options.seed)
    augment = None
    if options.augment:
        augment = transforms.RandomAffine(
            10, translate=(0.08, 0.08), scale=(0.9, 1.1), interpolation="bilinear"
        )
    return run(MODELS[options.model](), options, augment)


if __name__ == "__main__":
    sys.exit(main())
