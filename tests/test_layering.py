"""Imports point downward only, and nothing costly is imported at import time."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[1]

# Each floor may import from itself (if it is a package) and from those below.
FLOORS = {
    "tinygrad_np.errors": 0,
    "tinygrad_np.forwarding": 0,
    "tinygrad_np.missing": 0,
    "tinygrad_np.determinism": 0,
    "tinygrad_np.devices": 0,
    "tinygrad_np.accelerator": 1,
    "tinygrad_np.backends": 1,
    "tinygrad_np.cuda": 1,
    "tinygrad_np.dtypes": 1,
    "tinygrad_np.limits": 2,
    "tinygrad_np.recorder": 2,
    "tinygrad_np.core": 3,
    "tinygrad_np.kernels": 3,
    "tinygrad_np.order": 4,
    "tinygrad_np.pair": 4,
    "tinygrad_np.promotion": 4,
    "tinygrad_np.arrival": 5,
    "tinygrad_np.views": 6,
    "tinygrad_np.ops": 7,
    "tinygrad_np.engine": 8,
    "tinygrad_np.tensor": 9,
    "tinygrad_np.autograd": 10,
    "tinygrad_np.random": 10,
    "tinygrad_np.graph": 11,
    "tinygrad_np.io": 11,
    "tinygrad_np.testing": 11,
    "tinygrad_np.utils": 11,
    "tinygrad_np.serialization": 12,
    "tinygrad_np": 13,
    "nn": 14,
    "examples": 15,
    "benchmarks": 15,
    "docs": 15,
}
# Rooms of one height do not see each other.
PACKAGES = {name for name in FLOORS if (ROOT / name.replace(".", "/")).is_dir()}


def floor_of(module: str) -> str | None:
    """Longest name in FLOORS that `module` lies in; None for other libraries."""
    parts = module.split(".")
    names = [".".join(parts[:n]) for n in range(len(parts), 0, -1)]
    return next((name for name in names if name in FLOORS), None)


class Imports(ast.NodeVisitor):
    """Modules that a file imports, but for type checking; and whether at import time."""

    def __init__(self, package: str) -> None:
        self.package = package
        self.found: list[tuple[str, bool]] = []
        self.inside = 0

    def visit_Import(self, node: ast.Import) -> None:
        self.found += [(alias.name, not self.inside) for alias in node.names]

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        base = node.module or ""
        if node.level:
            above = self.package.split(".")[: 1 - node.level or None]
            base = ".".join([*above, *base.split(".")]).rstrip(".")
        for alias in node.names:  # `from package import module` imports the module
            path = ROOT / (f"{base}.{alias.name}".replace(".", "/"))
            whole = path.is_dir() or path.with_suffix(".py").is_file()
            self.found.append((f"{base}.{alias.name}" if whole else base, not self.inside))

    def visit_If(self, node: ast.If) -> None:
        if "TYPE_CHECKING" in ast.unparse(node.test):
            for child in node.orelse:
                self.visit(child)
        else:
            self.generic_visit(node)

    def visit_FunctionDef(self, node: ast.FunctionDef) -> None:
        self.inside += 1
        self.generic_visit(node)
        self.inside -= 1


def imports(source: str, package: str = "") -> list[tuple[str, bool]]:
    visitor = Imports(package)
    visitor.visit(ast.parse(source))
    return visitor.found


def climbs(here: str, there: str) -> bool:
    """Whether an import of the module `there` in the module `here` points upward."""
    mine, theirs = floor_of(here), floor_of(there)
    if mine is None or theirs is None:
        return False
    if mine == theirs:
        return mine not in PACKAGES
    return FLOORS[theirs] >= FLOORS[mine]


def modules() -> Iterator[tuple[str, Path]]:
    for top in ("tinygrad_np", "nn", "examples", "benchmarks", "docs"):
        for path in sorted((ROOT / top).rglob("*.py")):
            yield ".".join(path.relative_to(ROOT).with_suffix("").parts), path


@pytest.mark.parametrize(("module", "path"), [pytest.param(*m, id=m[0]) for m in modules()])
def test_no_arrow_climbs(module: str, path: Path) -> None:
    here, package = module.removesuffix(".__init__"), module.rpartition(".")[0]
    found = imports(path.read_text("utf-8"), package)
    upward = [there for there, _ in found if climbs(here, there)]
    assert not upward, f"{module} imports {upward}, which stand above it or beside it"


def test_every_module_has_a_floor() -> None:
    for module, _ in modules():
        assert floor_of(module.removesuffix(".__init__")) is not None
        if module.startswith("tinygrad_np.") and not module.endswith("__init__"):
            assert floor_of(module) != "tinygrad_np", f"give {module} a floor in this file"


@pytest.mark.parametrize(
    ("here", "source", "wrong"),
    [
        ("tinygrad_np.core", "from tinygrad_np.ops.shape import sum_to", True),
        ("tinygrad_np.core", "from tinygrad_np import engine", True),
        ("tinygrad_np.core", "from tinygrad_np.dtypes import float32", False),
        ("tinygrad_np.kernels.softmax", "from tinygrad_np.core import Op", True),
        ("tinygrad_np.ops.loss", "from tinygrad_np.ops.reduce import sum", False),
        ("tinygrad_np.ops.loss", "def f():\n    import tinygrad_np.tensor.tensor", True),
        ("tinygrad_np.graph.dot", "import nn", True),
        ("tinygrad_np.graph.dot", "import nn.modules as m", True),
        ("tinygrad_np.graph.dot", "from tinygrad_np.io import flatten", True),
        ("tinygrad_np.engine", "import tinygrad_np as tg", True),
        ("nn.modules.linear", "import tinygrad_np as tg", False),
        ("nn.modules.linear", "from examples import mnist", True),
        (
            "tinygrad_np.core",
            "if TYPE_CHECKING:\n    from tinygrad_np.tensor.tensor import Tensor",
            False,
        ),
    ],
)
def test_the_test_itself(here: str, source: str, wrong: bool) -> None:
    assert any(climbs(here, there) for there, _ in imports(source)) == wrong


HEAVY = (
    "asyncio concurrent.futures ctypes.util email graphviz gzip hashlib hypothesis http matplotlib "
    "multiprocessing numpy.random pdb pytest sqlite3 ssl subprocess tarfile tempfile torch tqdm "
    "unittest urllib.request xml zipfile"
)


def test_importing_the_library_imports_nothing_heavy() -> None:
    """Beyond what NumPy itself brings along."""
    program = (
        "import sys, numpy; before = set(sys.modules); import tinygrad_np, nn; "
        f"print(*sorted((set(sys.modules) - before) & set({HEAVY.split()!r})))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == []
