"""Reports of a digit classifier: tables for the terminal, pictures for the output folder."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from pathlib import Path

    from digits import History

Array = np.ndarray[Any, Any]
CLASSES = 10


def confusion(predictions: Array, labels: Array) -> Array:
    """How often each digit (row) was taken for each digit (column)."""
    counts = np.zeros((CLASSES, CLASSES), np.int64)
    np.add.at(counts, (labels, predictions), 1)
    return counts


def per_class(predictions: Array, labels: Array) -> list[float]:
    """Share of each digit that was recognised."""
    counts = confusion(predictions, labels)
    return [float(counts[c, c] / max(counts[c].sum(), 1)) for c in range(CLASSES)]


def print_tables(metrics: dict[str, Any]) -> None:
    """Print the confusion matrix, and beside each row how many of it were right."""
    print("\ndigit (row) taken for (column)")
    print("    " + "".join(f"{c:6d}" for c in range(CLASSES)) + "    right")
    for c, row in enumerate(metrics["confusion"]):
        cells = "".join(f"{n:6d}" if n else "     ." for n in row)
        print(f"{c:3d} {cells}  {metrics['per_class_accuracy'][c]:7.2%}")
    print()


class Inside(NamedTuple):
    """What a convolutional network learned, and what it sees in one digit."""

    image: Array  # (H, W)
    filters: Array  # of the first layer, (O, kh, kw)
    maps: list[Array]  # after each convolution and its activation, (C, H, W)


def draw(
    folder: Path,
    history: History,
    logits: Array,
    labels: Array,
    images: Array,
    inside: Inside | None = None,
) -> bool:
    """Draw curves, confusion matrix, worst mistakes and filters; False without matplotlib."""
    try:
        import matplotlib as mpl
    except ImportError:
        return False
    mpl.use("Agg")
    import matplotlib.pyplot as plt

    figures = {
        "confusion": _confusion_figure(plt, confusion(logits.argmax(axis=1), labels)),
        "mistakes": _mistakes_figure(plt, logits, labels, images),
    }
    if history.loss:
        figures["curves"] = _curves_figure(plt, history)
    if inside is not None:
        largest = float(np.abs(inside.filters).max())
        figures["filters"] = _grid_figure(
            plt,
            "Filters of the first layer",
            inside.filters,
            cmap="RdBu",
            limits=(-largest, largest),
        )
        for i, maps in enumerate(inside.maps):
            title = f"What {len(maps)} filters of convolution {i + 1} find in a digit"
            figures[f"maps{i + 1}"] = _grid_figure(plt, title, maps, first=inside.image)
    for name, figure in figures.items():
        figure.savefig(folder / f"{name}.png", dpi=120)
        plt.close(figure)
    return True


def _curves_figure(plt: Any, history: History) -> Any:
    epochs = range(1, len(history.validation) + 1)
    figure, (left, right) = plt.subplots(1, 2, figsize=(10, 4), layout="constrained")
    left.plot(epochs, history.loss[: len(epochs)], marker="o")
    left.set(xlabel="epoch", ylabel="cross-entropy", title="Training loss", ylim=(0, None))
    right.plot(epochs, history.accuracy[: len(epochs)], marker="o", label="training")
    right.plot(epochs, history.validation, marker="o", label="validation")
    right.set(xlabel="epoch", ylabel="share right", title="Accuracy")
    right.legend(loc="lower right")
    for axes in (left, right):
        axes.grid(alpha=0.3)
        axes.xaxis.get_major_locator().set_params(integer=True)
    return figure


def _confusion_figure(plt: Any, counts: Array) -> Any:
    """Draw counts, coloured by their logarithm, or the few mistakes would not show."""
    figure, axes = plt.subplots(figsize=(6, 5.5), layout="constrained")
    axes.imshow(np.log1p(counts), cmap="Blues")
    for (row, column), n in np.ndenumerate(counts):
        if n:
            dark = n > counts.max() ** 0.6
            axes.text(column, row, n, ha="center", va="center", color="white" if dark else "black")
    axes.set(xlabel="taken for", ylabel="digit", title="Confusion")
    axes.set_xticks(range(CLASSES))
    axes.set_yticks(range(CLASSES))
    return figure


def _mistakes_figure(plt: Any, logits: Array, labels: Array, images: Array) -> Any:
    """Draw the mistakes that the model was surest of."""
    shifted = np.exp(logits - logits.max(axis=1, keepdims=True))
    confidence = (shifted / shifted.sum(axis=1, keepdims=True)).max(axis=1)
    predictions = logits.argmax(axis=1)
    wrong = np.flatnonzero(predictions != labels)
    worst = wrong[np.argsort(-confidence[wrong], kind="stable")][:24]
    figure, grid = plt.subplots(4, 6, figsize=(9, 7), layout="constrained")
    figure.suptitle("Most confident mistakes")
    for axes in grid.flat:
        axes.axis("off")
    for axes, i in zip(grid.flat, worst, strict=False):
        axes.imshow(images[i], cmap="gray_r")
        axes.set_title(f"{labels[i]} as {predictions[i]} ({confidence[i]:.0%})", fontsize=9)
    return figure


def _grid_figure(
    plt: Any,
    title: str,
    planes: Array,
    *,
    first: Array | None = None,
    cmap: str = "viridis",
    limits: tuple[float | None, float | None] = (None, None),
) -> Any:
    """Draw small planes side by side, after the image that they belong to."""
    count = len(planes) + (first is not None)
    columns = min(8, count)
    rows = -(-count // columns)
    figure, grid = plt.subplots(
        rows,
        columns,
        figsize=(1.1 * columns, 1.1 * rows + 0.5),
        layout="constrained",
        squeeze=False,
    )
    figure.suptitle(title)
    cells = iter(grid.flat)
    for axes in grid.flat:
        axes.axis("off")
    if first is not None:
        next(cells).imshow(first, cmap="gray_r")
    for axes, plane in zip(cells, planes, strict=False):
        axes.imshow(plane, cmap=cmap, vmin=limits[0], vmax=limits[1])
    return figure
