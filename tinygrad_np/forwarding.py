"""`import tinygrad_np.nn as nn`: names under this package for the packages that stand above it.

They give the very modules that `import nn` gives, and import them when they are asked for, and not
before.
"""

from __future__ import annotations

import importlib
import sys
from importlib.machinery import ModuleSpec
from importlib.util import find_spec
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from types import ModuleType


class Forwarding:
    """Finder and loader of modules under another name: an entry of `sys.meta_path`.

    A package that hands on the names of another would not do: what is imported from within it,
    such as `tinygrad_np.nn.functional`, would be found in the same files, and loaded twice.
    """

    def __init__(self, packages: Mapping[str, str]) -> None:
        self.packages = packages  # where each is looked for: where it is

    def true_name(self, name: str) -> str | None:
        """Name that a module really has; None if it is none of those that are forwarded.

        >>> Forwarding({"a.nn": "nn"}).true_name("a.nn.functional")
        'nn.functional'
        """
        for given, true in self.packages.items():
            if name == given or name.startswith(given + "."):
                return true + name[len(given) :]
        return None

    def find_spec(
        self,
        fullname: str,
        path: Sequence[str] | None = None,  # noqa: ARG002 - importlib passes it by position
        target: ModuleType | None = None,  # noqa: ARG002 - likewise
    ) -> ModuleSpec | None:
        """Answer Python's question who can load this module."""
        true = self.true_name(fullname)
        if true is None or find_spec(true) is None:
            return None
        return ModuleSpec(fullname, self)  # type: ignore[arg-type]  # typeshed wants its own class

    def create_module(self, spec: ModuleSpec) -> None:
        """Leave it to Python: an empty module, which the true one takes the place of."""

    def exec_module(self, module: ModuleType) -> None:
        """Import the true module, and put it where the empty one stands."""
        true = self.true_name(module.__name__)
        assert true is not None
        sys.modules[module.__name__] = importlib.import_module(true)


def forward(packages: Mapping[str, str]) -> None:
    """Let `packages` be imported under the names on the left, which need not exist."""
    sys.meta_path.insert(0, Forwarding(packages))  # before the finder that would load a file twice
