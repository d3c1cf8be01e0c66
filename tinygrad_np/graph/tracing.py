"""Where in the model each node was recorded: the path of scopes that modules push."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any, TypeAlias
from weakref import WeakKeyDictionary

from tinygrad_np.core import Node
from tinygrad_np.recorder import Recorder, thread, watching

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tinygrad_np.core import Vertex

Path: TypeAlias = tuple[str, ...]


class Trace(Recorder):
    """The scopes in which nodes were recorded; a node that nothing else holds is forgotten."""

    __slots__ = ("_paths",)

    def __init__(self) -> None:
        self._paths: WeakKeyDictionary[Node, Path] = WeakKeyDictionary()

    def recorded(self, node: Node, operands: Sequence[Any], result: Any) -> None:  # noqa: ARG002 - the scopes say it all
        """Note the scopes that are open now."""
        if thread.scopes:
            self._paths[node] = thread.scopes

    def path(self, vertex: Vertex) -> Path:
        """Names of the scopes around `vertex`, the outermost first; none for a leaf."""
        return self._paths.get(vertex, ()) if isinstance(vertex, Node) else ()


@contextlib.contextmanager
def trace() -> Iterator[Trace]:
    """Note, inside the block, which module records what, for `dot`, `svg`, `save` and `text`.

    A module that is called twice gathers both calls. Under `no_grad` nothing is recorded, and so
    nothing is noted.

    >>> import tinygrad_np as tg
    >>> x = tg.ones(2, requires_grad=True)
    >>> with tg.graph.trace() as trace, tg.recorder.scope("head"):
    ...     y = x * 2
    >>> trace.path(y.node)
    ('head',)
    """
    noted = Trace()
    with watching(noted):
        yield noted
