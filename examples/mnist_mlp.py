"""Train a multilayer perceptron on MNIST: `python examples/mnist_mlp.py --help`.

Where MNIST cannot be had, it trains on digits that are drawn by rule.
"""

from __future__ import annotations

import argparse
import sys

from digits import add_options, run

import nn
import tinygrad_np as tg


def build_model(hidden: int, dropout: float) -> nn.Module:
    """784 pixels, two hidden layers, 10 logits."""
    return nn.Sequential(
        nn.Flatten(),
        nn.Linear(28 * 28, hidden),
        nn.ReLU(),
        nn.Dropout(dropout),
        nn.Linear(hidden, hidden),
        nn.ReLU(),
        nn.Dropout(dropout),
        nn.Linear(hidden, 10),
    )


def main(arguments: list[str] | None = None) -> int:
    """Read the options, build the model, train and report."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add_options(parser, epochs=12, output="runs/mnist_mlp")
    parser.add_argument("--hidden", type=int, default=256, help="units in a hidden layer")
    parser.add_argument("--dropout", type=float, default=0.2, help="share of units dropped")
    options = parser.parse_args(arguments)

    tg.manual_seed(options.seed)
    model = build_model(options.hidden, options.dropout)
    return run(model, options)


if __name__ == "__main__":
    sys.exit(main())
