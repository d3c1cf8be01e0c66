"""The graph as an image, drawn by Graphviz."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Unpack, cast

from tinygrad_np.graph.drawing import dot

if TYPE_CHECKING:
    from tinygrad_np.graph.drawing import Options
    from tinygrad_np.graph.reading import Outputs

_MISSING = (
    'pip install "tinygrad-np[graph]", and install the system\'s graphviz (apt install graphviz, '
    "brew install graphviz, ...). graph.dot(), graph.text() and saving as .dot need neither"
)


def svg(outputs: Outputs, **options: Unpack[Options]) -> str:
    """SVG text of the graph; the options are those of `dot`.

    Raises
    ------
    ImportError
        If the Python package `graphviz` is missing.
    RuntimeError
        If the system has no program `dot`.
    """
    return _render(dot(outputs, **options), "svg").decode()


def save(outputs: Outputs, path: str | os.PathLike[str], **options: Unpack[Options]) -> None:
    """Write the picture to a file: `.dot` or `.gv` as text, `.svg` or `.png` drawn by Graphviz.

    The options are those of `dot`.

    Raises
    ------
    ValueError
        If the name has another suffix.
    ImportError, RuntimeError
        As `svg`, for `.svg` and `.png`.
    """
    suffix = os.path.splitext(path)[1].lower()  # noqa: PTH122 - importing pathlib takes 4 ms
    if suffix not in (".dot", ".gv", ".svg", ".png"):
        raise ValueError(
            f"save: {os.fspath(path)!r} must end in .dot or .gv (text), or .svg or .png (images)"
        )
    written = dot(outputs, **options)
    image = _render(written, suffix[1:]) if suffix in (".svg", ".png") else None
    with open(path, "wb") as file:  # noqa: PTH123 - as above
        file.write(f"{written}\n".encode() if image is None else image)


def _render(text: str, kind: str) -> bytes:
    try:
        import graphviz  # noqa: PLC0415 - an optional extra
    except ImportError:
        raise ImportError(f"graph: the Python package graphviz is missing: {_MISSING}") from None
    try:
        return cast("bytes", graphviz.Source(text).pipe(format=kind))
    except graphviz.ExecutableNotFound:
        raise RuntimeError(f"graph: the program `dot` is missing: {_MISSING}") from None
