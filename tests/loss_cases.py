"""Rows for losses, dropout and activations: reductions x weights x targets, and each module."""

from __future__ import annotations

import itertools
from functools import partial
from typing import TYPE_CHECKING, Any

import nn_oracles as oracles
import numpy as np
from cases import Operand, nonzero, positive, real
from nn_row import Row, functional, module, seeded

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Array = np.ndarray[Any, Any]

REDUCTIONS = ("mean", "sum", "none")
# PyTorch's nll_loss, which its cross_entropy of labels calls, has no derivative by the weight.
WEIGHT_OF_LABELS = (2,)
# Shapes of logits of three classes, and of their labels.
PLACES = {"4 3": "4", "3": "", "2 3 2": "2 2", "1 3 2 2": "1 2 2"}


def log_probabilities(u: Array) -> Array:
    return -0.1 - 2 * u


def labels(*ignored: int) -> Callable[[Array], Array]:
    """Every class of three, one after the other, with some places that are to be ignored."""

    def drawn(u: Array) -> Array:
        found = (np.arange(u.size) * 2 + 1) % 3
        found[1:][: len(ignored)] = ignored[: u.size - 1]
        return found.reshape(u.shape)

    return drawn


def _named(name: str, words: str, *parts: str, **options: Any) -> str:
    given = [f"{key}={value}" for key, value in options.items()]
    return f"{name}[{'; '.join([words, *parts, *given])}]"


def _of_labels() -> Iterator[Row]:
    """The whole grid on a matrix, with places to ignore or without; all else somewhere."""
    grid = list(itertools.product(REDUCTIONS, (False, True), (0.0, 0.3), ("", "-100", "1")))
    grid = [options for i, options in enumerate(grid) if options[-1] != "1" or i % 9 == 2]
    for words, places in PLACES.items():
        chosen = grid if words == "4 3" else grid[:: 5 if places == "2 2" else 7]
        for (reduction, weighted, smoothing, ignored), name in itertools.product(
            chosen, ("cross_entropy", "nll_loss")
        ):
            options: dict[str, Any] = {} if reduction == "mean" else {"reduction": reduction}
            if ignored == "1":
                options["ignore_index"] = 1
            if smoothing and name == "nll_loss":
                continue
            if smoothing:
                options["label_smoothing"] = smoothing
            drawn = labels(-100) if ignored == "-100" else labels()
            parts = ["weight"] * weighted + ["some ignored"] * (ignored == "-100")
            yield functional(
                name,
                (
                    Operand(words, real if name == "cross_entropy" else log_probabilities),
                    Operand(places, drawn),
                    *([Operand("3", positive)] if weighted else []),
                ),
                partial(getattr(oracles, name), **options),
                given=options,
                named=_named(name, words, *parts, **options),
                constant=WEIGHT_OF_LABELS if weighted else (),
            )


def _of_probabilities() -> Iterator[Row]:
    grid = list(itertools.product(REDUCTIONS, (False, True), (0.0, 0.3)))
    chosen = [("3 2", *row) for row in grid]
    chosen += [(words, *row) for words in ("2", "2 2 2") for row in grid[::5]]
    for words, reduction, weighted, smoothing in chosen:
        options = {"reduction": reduction, "label_smoothing": smoothing}
        yield functional(
            "cross_entropy",
            (
                Operand(words),
                Operand(words, positive),
                *([Operand("2", positive)] if weighted else []),
            ),
            partial(oracles.cross_entropy, **options),
            given=options,
            named=_named(
                "cross_entropy", words, "probabilities", *["weight"] * weighted, **options
            ),
        )


def _of_numbers() -> Iterator[Row]:
    for reduction, words in itertools.product(REDUCTIONS, ("3 2", "", "2 3 2")):
        yield functional(
            "mse_loss",
            (Operand(words), Operand(words)),
            partial(oracles.mse_loss, reduction=reduction),
            given={"reduction": reduction},
        )


WEIGHT = np.array([0.5, 2.0, 3.0])


def _modules() -> Iterator[Row]:
    for options, drawn in (
        ({}, labels(-100)),
        ({"reduction": "sum", "ignore_index": 1}, labels()),
        ({"reduction": "none", "label_smoothing": 0.1}, labels(-100)),
    ):
        labelled = (Operand("4 3"), Operand("4", drawn))
        oracle = partial(oracles.cross_entropy, **options)
        yield module("CrossEntropyLoss", labelled, oracle, given=options)
        yield Row(
            f"CrossEntropyLoss[weight; {options}]",
            lambda lib, options=options: lib.nn.CrossEntropyLoss(lib.tensor(WEIGHT), **options),
            labelled,
            partial(oracle, weight=WEIGHT),
        )
    yield module(
        "CrossEntropyLoss",
        (Operand("4 3"), Operand("4 3", positive)),
        partial(oracles.cross_entropy, label_smoothing=0.2),
        given={"label_smoothing": 0.2},
        more="probabilities",
    )
    for reduction in REDUCTIONS:
        yield module(
            "MSELoss",
            (Operand("3 2"), Operand("3 2")),
            partial(oracles.mse_loss, reduction=reduction),
            given={"reduction": reduction},
        )


LOSSES = [*_of_labels(), *_of_probabilities(), *_of_numbers(), *_modules()]

SEED = 3
# PyTorch, and so we, draw numbers in the order of memory.
ORDER = dict.fromkeys(
    ("layouts", "visible layouts"), "the mask lies along the memory, and so moves with the layout"
)
SAME = {"no_grad": "gives back its very argument"}


def _dropout() -> Iterator[Row]:
    def wanted(p: float) -> Callable[[Array], Array]:
        return lambda x: oracles.dropout(x, p, SEED)

    for p in (0.3, 0.5, 0.9, 1.0):
        yield functional(
            "dropout",
            (Operand("4 3"),),
            wanted(p),
            given={} if p == 0.5 else {"p": p},
            seed=SEED,
            skip=ORDER,
        )
        yield module("Dropout", (Operand("2 3 2"),), wanted(p), p, seed=SEED, skip=ORDER)
    yield functional(
        "dropout",
        (Operand("4 3"),),
        lambda x: x,
        given={"p": 0.3, "training": False},
        skip=SAME,
    )
    yield Row(
        "dropout[of a permuted view]",
        seeded(lambda lib: lambda x: lib.nn.functional.dropout(x.permute(2, 0, 1), 0.3), SEED),
        (Operand("2 3 4"),),
        lambda x: oracles.dropout(x, 0.3, SEED).transpose(2, 0, 1),
        ORDER,
    )
    yield Row(
        "dropout[inplace]",
        seeded(lambda lib: lambda x: lib.nn.functional.dropout(x * 1, 0.3, inplace=True), SEED),
        (Operand("4 3"),),
        wanted(0.3),
        ORDER,
    )
    yield Row(
        "Dropout(0.3).eval()",
        lambda lib: lib.nn.Dropout(0.3).eval(),
        (Operand("4 3"),),
        lambda x: x,
        SAME,
    )
    for training in (True, False):
        yield Row(
            f"Sequential(Linear, Dropout(inplace)).train({training})",
            seeded(
                lambda lib, training=training: lib.nn.Sequential(
                    lib.nn.Linear(3, 4), lib.nn.Dropout(0.3, inplace=True)
                ).train(training),
                SEED,
            ),
            (Operand("5 3"),),
            lambda x, training=training, **at: (
                oracles.dropout(_linear(x, at), 0.3, SEED) if training else _linear(x, at)
            ),
        )


def _linear(x: Array, at: dict[str, Array]) -> Array:
    return x @ at["0.weight"].T + at["0.bias"]


def _activations() -> Iterator[Row]:
    def relu(x: Array) -> Array:
        return np.where(x > 0, x, 0.0)

    on = (Operand("3 4", nonzero),)
    yield functional("relu", on, relu)
    yield Row(
        "relu[inplace]",
        lambda lib: lambda x: lib.nn.functional.relu(x * 1, inplace=True),
        on,
        relu,
    )
    yield module("ReLU", on, relu)
    yield Row(
        "Sequential(Linear, ReLU(inplace))",
        lambda lib: lib.nn.Sequential(
            lib.nn.Identity(), lib.nn.Linear(3, 4), lib.nn.ReLU(inplace=True)
        ),
        (Operand("5 3"),),
        lambda x, **at: relu(x @ at["1.weight"].T + at["1.bias"]),
    )
    yield module("Sigmoid", (Operand("3 4"),), lambda x: 1 / (1 + np.exp(-x)))
    yield module("Tanh", (Operand("3 4"),), np.tanh)
    yield module("Identity", (Operand("3 4"),), lambda x: x, 54, given={"unused": 1}, skip=SAME)


ACTIVATIONS = [*_activations(), *_dropout()]
