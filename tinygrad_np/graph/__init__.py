"""Pictures of a recorded graph: DOT and SVG, a listing for the terminal, grouped by module.

`dot` and `text` need nothing but Python; `svg` and `save` to `.svg` or `.png` need Graphviz.
"""

from tinygrad_np.graph.drawing import dot as dot
from tinygrad_np.graph.listing import text as text
from tinygrad_np.graph.rendering import save as save
from tinygrad_np.graph.rendering import svg as svg
from tinygrad_np.graph.tracing import Trace as Trace
from tinygrad_np.graph.tracing import trace as trace
