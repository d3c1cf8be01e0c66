"""Pictures of a recorded graph: DOT and SVG, a listing for the terminal, grouped by module.

`dot` and `text` need nothing but Python; `svg` and `save` to `.svg` or `.png` need Graphviz.
"""

from typing import TYPE_CHECKING

from tinygrad_np.graph.drawing import dot as dot
from tinygrad_np.graph.listing import text as text
from tinygrad_np.graph.rendering import save as save
from tinygrad_np.graph.rendering import svg as svg
from tinygrad_np.graph.tracing import Trace as Trace
from tinygrad_np.graph.tracing import trace as trace
from tinygrad_np.missing import names_in

if not TYPE_CHECKING:  # a type checker knows what is missing
    __getattr__ = names_in(__name__)
