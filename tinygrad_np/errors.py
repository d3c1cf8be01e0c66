"""The exceptions of the library: each also is what a PyTorch or NumPy user would catch."""


class ShapeError(RuntimeError, ValueError):
    """Shapes that do not fit each other; the message gives both and the fix."""


class DtypeError(RuntimeError, TypeError):
    """Dtypes that an operation does not mix; the message says which side to cast."""


class GraphError(RuntimeError):
    """A graph that cannot be differentiated: freed, overwritten, or not there at all."""


class GradcheckError(RuntimeError):
    """An analytic derivative that disagrees with the numerical one."""
