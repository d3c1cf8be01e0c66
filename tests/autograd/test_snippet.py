"""Programs printed with a failed check: pasted into a file, they fail again in the same way."""

# ruff: noqa: ARG005, C416, D205, PLC3002, RUF015 - functions in every form a user may write

from __future__ import annotations

import collections
import enum
import functools
import importlib
import json
import math
import operator
import re
import subprocess
import sys
import threading
import types
from dataclasses import dataclass, field
from functools import lru_cache, wraps
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pytest

import nn
import tinygrad_np as tg
from tinygrad_np.autograd import Function, GradcheckError, gradcheck, gradgradcheck
from tinygrad_np.core import Op, apply
from tinygrad_np.testing import check_vjp

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).parents[2]
RNG = np.random.default_rng(0)
CASES: dict[str, tuple[Callable[..., Any], Any]] = {}


def case(*inputs: Any) -> Callable[[Any], Any]:
    """Let a function, which has a wrong derivative, be checked at the inputs."""

    def note(function: Any) -> Any:
        CASES[function.__name__] = function, [*inputs] or [V]
        return function

    return note


def leaf(data: Any) -> tg.Tensor:
    return tg.from_numpy(np.array(data, dtype=np.float64)).requires_grad_()


V, W = leaf([1.5, 2.5]), leaf([[1.0, 2.0], [3.0, 4.0]])
# What a script has at its top, under names that functions use for themselves.
x = tg.tensor(np.arange(70000.0))
a = sum_ = r = lambda *_: None
K = 3.0
TABLE = {"scale": 2.0, "nested": [1.0, (2.0, float("inf"))]}
COUNTS = collections.Counter("aab")
xp = np


# --- functions ---


@case()
def parameters_hide_globals(x: Any) -> Any:
    a = [x for x in (x,)][0]
    return a * a.detach() * K


@case()
def calls_others(v: Any) -> Any:
    return v * v.detach() * math.pi + helper(v) + xp.float64(1.0)


def helper(v: Any) -> Any:
    return v * 0.5 + math.sqrt(second(4.0))


def second(number: float) -> float:
    return number if number < 5 else helper(number)  # in a circle


@case()
def recursion(v: Any, n: int = 3) -> Any:
    return v * v.detach() if n == 0 else recursion(v, n - 1)


@case()
def defaults(v: Any, k: float = K, *, table: Any = TABLE, sign: float = -1.0) -> Any:
    return v * v.detach() * k * table["scale"] * sign


@case()
def containers(v: Any) -> Any:
    return v * v.detach() * TABLE["scale"] * COUNTS["a"]


CALLS = [math.sin, helper, lambda v: v * v.detach() * 7]


@case()
def from_a_list(v: Any) -> Any:
    return CALLS[2](v) + CALLS[1](v) + CALLS[0](0.0) + ITSELF[0](v, stop=True)


def in_its_own_table(v: Any, stop: bool) -> Any:
    return v if stop else ITSELF[0](v, stop=True)


ITSELF = [in_its_own_table]


def make(k: float) -> Any:
    def inner(v: Any) -> Any:
        return v * v.detach() * k

    return inner


f2, f3 = make(2.0), make(3.0)


@case()
def closures_of_one_function(v: Any) -> Any:
    return f2(v) + f3(v) * 10


def counting() -> Any:
    count = 0

    def tick() -> int:
        nonlocal count
        count += 1
        return count

    return tick


TICK = counting()


@case()
def closure_that_counts(v: Any) -> Any:
    TICK()
    return v * v.detach()


CALLED = 0


@case()
def writes_a_global(v: Any) -> Any:
    global CALLED  # noqa: PLW0603 - which is the case
    CALLED += 1
    return v * v.detach()


def deco(scale: float) -> Any:
    def around(f: Any) -> Any:
        @wraps(f)
        def wrapper(*args: Any) -> Any:
            return f(*args) * scale

        return wrapper

    return around


@case()
@deco(2.0)
@deco(K)
def decorated(v: Any) -> Any:
    return v * v.detach()


@case()
@deco(2.0)
def decorated_recursion(v: Any, n: int = 2) -> Any:
    return v * v.detach() if n == 0 else decorated_recursion(v, n - 1)


@case()
@tg.no_grad()
def decorated_by_the_library(v: Any) -> Any:
    with tg.enable_grad():
        return v * v.detach()


@lru_cache(maxsize=4)
def remembered(n: int) -> float:
    return n * 2.0


@case()
def with_a_cache(v: Any) -> Any:
    return v * v.detach() * remembered(2)


@case()
def with_attributes(v: Any) -> Any:
    return v * v.detach() * with_attributes.scale  # type: ignore[attr-defined]  # set below


with_attributes.scale = 3.0  # type: ignore[attr-defined]  # which is the case


@case()
def builtin_names(v: Any, max: Any = max) -> Any:
    sum = 2.0
    return v * v.detach() * sum * max(1, 2) * len([1, 2])


@case()
def text_left_of_the_code(v: Any) -> Any:
    """A text whose lines
    start at the margin.
    """
    return v * v.detach()


@case(leaf([1.0]), [leaf([2.0]), {"a": (1, None, ...)}], slice(None), "text", tg.float32)
def arguments_of_all_kinds(v: Any, many: Any, at: Any, *_: Any) -> Any:
    return (v * v.detach())[at] * many[0].detach() * many[1]["a"][0]


def by_keyword(v: Any, *, s: float = 2.0) -> Any:
    return v * v.detach() * s


CASES["partial"] = functools.partial(by_keyword, s=3.0), [V]
CASES["lambda"] = (lambda v: v * 2, lambda v: v * v.detach() * K)[1], [V]
CASES["lambda_in_a_lambda"] = (lambda v: lambda v, k=K: v * v.detach() * k)(1), [V]
CASES["lambdas_in_a_loop"] = [lambda v, k=k: v * v.detach() * k for k in (2.0, 5.0)][1], [V]
CASES["lambda_around_closures"] = (lambda f, g: lambda v: f(v) - g(v))(f2, f3), [V]
CASES["numpy_functions"] = (
    (
        lambda mean, add, total, low: (
            lambda v: v * v.detach() * mean(add([1.0], 1.0)) * total([low(2.0)])
        )
    )(np.mean, np.add, np.add.reduce, [1.0, 2.0].count),
    [V],
)
CASES["detach_by_name"] = (lambda get: lambda v: get(v, "detach")() * v)(getattr), [V]
CASES["itemgetter"] = (
    (lambda get: lambda v: v * v.detach() * get((2, 3)))(operator.itemgetter(1)),
    [V],
)
CASES["bound_builtin"] = (lambda get: lambda v: v * v.detach() * get("scale"))(TABLE.get), [V]


# --- classes and objects ---


class Cube(Op):
    """x³, with a wrong derivative."""

    reads = ((0,),)

    def forward(self, x: Any) -> Any:
        return x**3

    def vjp(self, g: Any, x: Any, _: Any) -> Any:
        return (lambda: K * 0.5 * g * x * x,)


class Scaled(Op):
    __slots__ = ("k",)

    def __init__(self, k: float) -> None:
        self.k = k

    def forward(self, x: Any) -> Any:
        return self.k * x

    def vjp(self, g: Any, *_: Any) -> Any:
        return (lambda: self.k * self.k * g,)


SCALED = Scaled(3.0)


@case()
def ops(v: Any) -> Any:
    return apply(Cube(), v) + apply(SCALED, v)


def made_by_type(slope: float) -> type:
    return type("Made", (Scaled,), {"vjp": lambda self, g, *_: (lambda: g * slope,)})


CASES["class_made_by_type"] = (lambda op: lambda v: apply(op(2.0), v))(made_by_type(5.0)), [V]


class Square(Function):
    power = 2

    @staticmethod
    def forward(ctx: Any, x: Any) -> Any:
        ctx.save_for_backward(x)
        return x**Square.power

    @staticmethod
    @tg.autograd.function.once_differentiable
    def backward(ctx: Any, g: Any) -> Any:
        (x,) = ctx.saved_tensors
        return g * x


Square.power = 3
CASES["function"] = Square.apply, [V]


class Methods:
    """All kinds of methods, and state."""

    def __init__(self) -> None:
        self.k = 2.0
        self.me = self  # in a circle
        self.call = self.method
        self.__hidden = 3.0

    def method(self, v: Any) -> Any:
        return v * v.detach() * self.me.k * self.__hidden

    @staticmethod
    def static(v: Any) -> Any:
        return v * v.detach()

    @classmethod
    def of_class(cls, v: Any) -> Any:
        return v * v.detach() * len(cls.__name__)

    @property
    def twice(self) -> float:
        return self.k * 2

    def __call__(self, v: Any) -> Any:
        return self.call(v) * self.twice


CASES["method"] = Methods().method, [V]
CASES["static_method"] = Methods.static, [V]
CASES["class_method"] = Methods.of_class, [V]
CASES["object"] = Methods(), [V]
CASES["unbound_method"] = Methods.method, [Methods(), V]
Methods.late = lambda self, v: v * v.detach() * self.k  # type: ignore[attr-defined]  # set late
CASES["method_set_later"] = Methods().late, [V]  # type: ignore[attr-defined]  # as above


class Slotted:
    __slots__ = ("k", "table")

    def __init__(self) -> None:
        self.k, self.table = 2.0, {"me": self}


class Named(NamedTuple):
    k: float
    of: Any


class Color(enum.Enum):
    RED = 3


class E(enum.Enum):  # as the name of its base begins
    UP = 5


class Enum(enum.Enum):  # which is its base, too
    DOWN = 7

    @property
    def half(self) -> float:
        return float(self.value) / 2


@case()
def enums_named_like_their_base(v: Any) -> Any:
    return v * v.detach() * E.UP.value * Enum.DOWN.half


@dataclass
class Config:
    k: float = 2.0
    many: list[float] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Frozen:
    k: float = 2.0


Plain = collections.namedtuple("Plain", "k of")  # noqa: PYI024 - the old kind
OBJECTS = [
    Slotted(), Named(2.0, Plain(1.0, ())), Config(3.0, [1.0]), Frozen(4.0), SimpleNamespace(k=5.0),
]  # fmt: skip
ORDERED = collections.OrderedDict(a=collections.deque([1.0, 2.0]), b=Color.RED, c=re.compile("a+"))
DEFAULT = collections.defaultdict(list, k=[2.0])
SHARED = [1.0]
PAIR = [SHARED, SHARED, frozenset({1}), np.float32(2), range(3), 2j, tg.Size([2])]


@case()
def objects(v: Any) -> Any:
    scale = sum(each.k for each in OBJECTS) + OBJECTS[0].table["me"].k + OBJECTS[1].of.k
    scale += ORDERED["a"][1] + ORDERED["b"].value + len(ORDERED["c"].pattern) + DEFAULT["k"][0]
    return v * v.detach() * scale


@case()
def one_list_in_two_places(v: Any) -> Any:
    return v * v.detach() * (2.0 if PAIR[0] is PAIR[1] else 1.0) * float(PAIR[3])


# --- modules ---


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.lin = nn.Linear(2, 2)
        self.act = lambda t: t * t.detach() * K
        self.sizes = tg.Size([1])

    def forward(self, v: Any) -> Any:
        return self.act(self.lin(v))


class Base(nn.Module):
    s: Any

    def forward(self, v: Any) -> Any:
        return v * v.detach() * self.s


class Child(Base):
    def __init__(self) -> None:
        super().__init__()
        self.s = nn.Parameter(tg.tensor([1.0, 2.0]))
        self.again = self.s  # one parameter under two names

    def forward(self, v: Any) -> Any:
        return super().forward(v) * self.again


CASES["module"] = Net(), [W]
CASES["module_with_super"] = Child(), [V]
CASES["modules_in_a_module"] = nn.Sequential(nn.Linear(2, 2), Net(), nn.Dropout(0.5).eval()), [W]
CASES["method_of_a_module"] = Child().forward, [V]
HOOKED = nn.Linear(2, 2)
HOOKED.register_forward_hook(lambda _module, _args, output: output * output.detach())
HOOKED.register_forward_pre_hook(lambda _module, args, kwargs: (args, kwargs), with_kwargs=True)
HOOKED.weight.requires_grad_(False)
CASES["module_with_hooks"] = HOOKED, [W]


# --- data ---

STATE = np.random.default_rng(3)
FIXED = np.random.default_rng(4)


@case()
def generator_of_its_own(v: Any) -> Any:
    return v * v.detach() * float(np.random.default_rng(0).random())


@case()
def generators(v: Any, copied: Any = None) -> Any:
    copied = np.random.Generator(type(FIXED.bit_generator)())
    copied.bit_generator.state = FIXED.bit_generator.state
    return v * v.detach() * copied.random()


@case(leaf([2.0]), np.array(["a", None], dtype=object), np.array(["b"]), np.array([1j]), tg.float16)
def arrays_of_all_kinds(v: Any, objects: Any, texts: Any, complexes: Any, _: Any) -> Any:
    assert objects[0] == "a"
    assert texts[0] == "b"
    assert complexes.dtype == np.complex128
    return v * v.detach()


def fingerprint(array: Any) -> float:
    """A number that another layout, dtype or order of the numbers would change."""
    numbers = np.nan_to_num(array.astype(np.float64), nan=7.0, posinf=5.0, neginf=3.0)
    steps = sum(step * 10.0**i for i, step in enumerate(array.strides))
    weighted = (numbers * np.cos(np.arange(numbers.size)).reshape(numbers.shape)).sum()
    return float(1e3 + steps + weighted + len(array.dtype.str) + ord(array.dtype.str[0]))


GRID = np.arange(24.0).reshape(4, 6)
LAYOUTS = {
    "fortran": np.asfortranarray(GRID[:3, :4]),
    "permuted": np.arange(24.0).reshape(2, 3, 4).transpose(1, 2, 0),
    "gaps": GRID[::2, ::3],
    "reversed": GRID[::-1, ::-2],
    "expanded": np.broadcast_to(np.arange(3.0), (2, 3)),
    "large": np.asfortranarray(RNG.standard_normal((20, 30))),
    "byte order": np.array([1.0, 2.0], dtype=">f4"),
    "special": np.array([np.nan, np.inf, -np.inf, -0.0]),
    "constant": np.full((100, 2), 2.5, dtype=np.float32),
    "empty": np.zeros((0, 3), dtype=np.int8),
    "0-d": np.array(2.5),
}
for name, array in LAYOUTS.items():
    CASES[f"layout, {name}"] = (
        lambda v, given: v * v.detach() * fingerprint(given),
        [V, array],
    )

CASES["float16"] = lambda v: v * v.detach(), [tg.tensor([1.0, 2.0]).half().requires_grad_()]
CASES["some hundred numbers"] = lambda v: v * v.detach(), [leaf(RNG.standard_normal((20, 20)))]
BIG = leaf(RNG.standard_normal((300, 300)))
CASES["many numbers"] = lambda v: (v * v.detach()).sum(), [BIG]


# --- all of them in one new process ---

DRIVER = """
import json, runpy, sys
found = {}
for path in sys.argv[1:]:
    try:
        runpy.run_path(path, run_name="__main__")
        found[path] = "nothing was raised"
    except Exception as error:
        found[path] = f"{type(error).__name__}: {error}"
print(json.dumps(found))
"""


def run_anew(folder: Path, *programs: Path) -> dict[str, str]:
    """Run programs in a new process, elsewhere; give what each raises."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", DRIVER, *map(str, programs)],
        cwd=folder,
        env={"PYTHONPATH": str(ROOT), "OPENBLAS_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, str] = json.loads(done.stdout)
    return found


def refused(check: Any, *args: Any, **options: Any) -> tuple[str, str]:
    """Give the message of a failed check, and its program."""
    with pytest.raises(GradcheckError) as e:
        check(*args, **options)
    message, _, program = str(e.value).partition("\n\nTo see it again, run:\n\n")
    assert program == e.value.snippet
    return f"GradcheckError: {message}", program


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[str, str, str]]:
    """Message, program, and what the program raises, of every case."""
    folder = tmp_path_factory.mktemp("programs")
    first = {}
    for i, (name, (function, inputs)) in enumerate(CASES.items()):
        first[name] = (*refused(gradcheck, function, inputs, fast_mode=True), folder / f"p{i}.py")
    for _, program, path in first.values():
        path.write_text(program)
    again = run_anew(folder, *(path for _, _, path in first.values()))
    return {
        name: (message, program, again[str(path)])
        for name, (message, program, path) in first.items()
    }


@pytest.mark.parametrize("name", CASES)
@pytest.mark.slow
def test_the_program_fails_with_the_same_numbers(
    name: str, outcomes: dict[str, tuple[str, str, str]]
) -> None:
    message, program, again = outcomes[name]
    assert again.partition("\n\nTo see")[0] == message, program


# --- what only a function knows ---


def test_definitions_inside_functions(tmp_path: Path) -> None:
    from nn import functional as local_functional  # noqa: PLC0415 - a name no module has

    def local_decorator(f: Any) -> Any:
        @wraps(f)
        def inside(*args: Any) -> Any:
            return f(*args) * 2.0

        return inside

    @local_decorator
    def one(v: Any) -> Any:
        return local_functional.relu(v * v.detach())

    class LocalBase(nn.Module):
        k = 2.0

    class Local(LocalBase):
        def forward(self, v: Any) -> Any:
            return v * v.detach() * self.k * one(v).detach()

    class Helper:
        k = 5.0

    def other() -> Any:
        class Helper:  # another of the same name
            k = 7.0

            def get(self) -> float:
                return self.k

        return Helper

    second, counted = other(), 0

    def two(v: Any) -> Any:
        nonlocal counted
        counted += 1
        return v * v.detach() * Helper.k * second().get()

    x0 = 3.0
    three = functools.partial(lambda v, k: v * v.detach() * k * x0, k=K)
    checks = [(one, [V]), (Local(), [V]), (two, [V]), (three, [leaf([2.0])])]
    paths, messages = [], []
    for i, (function, inputs) in enumerate(checks):
        message, program = refused(gradcheck, function, inputs)
        paths.append(tmp_path / f"{i}.py")
        paths[-1].write_text(program)
        messages.append(message)
    again = run_anew(tmp_path, *paths)
    assert [again[str(path)].partition("\n\nTo see")[0] for path in paths] == messages


def test_functions_of_two_files_that_use_one_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Modules are imported from where they are; what runs as a script is copied."""
    folder = tmp_path / "somewhere"
    (folder / "package_of_mine").mkdir(parents=True)
    (folder / "package_of_mine" / "__init__.py").write_text("scale = 5.0\n")
    (folder / "package_of_mine" / "inner.py").write_text(
        "scale = 2.0\ndef wrong(v):\n    return v * v.detach() * scale\n"
    )
    for name, scale in (("test_first", 3.0), ("test_other", 4.0)):  # tests are never imported
        (folder / f"{name}.py").write_text(
            f"scale = {scale}\ndef wrong(v):\n    return v * v.detach() * scale\n"
        )
    monkeypatch.syspath_prepend(folder)
    inner = importlib.import_module("package_of_mine.inner")
    first, other = importlib.import_module("test_first"), importlib.import_module("test_other")
    functions = inner.wrong, first.wrong, other.wrong
    scale = 100.0

    def total(v: Any) -> Any:
        return sum(f(v) * scale for f in functions)

    message, program = refused(gradcheck, total, [V])
    assert f"sys.path.insert(0, {str(folder)!r})" in program
    (tmp_path / "program.py").write_text(program)
    (again,) = run_anew(tmp_path, tmp_path / "program.py").values()
    assert again.partition("\n\nTo see")[0] == message, program


def test_other_checkers_and_their_options(tmp_path: Path) -> None:
    grid = np.asfortranarray(RNG.standard_normal((3, 4)))
    checks = [
        refused(
            check_vjp,
            lambda x: x * x,
            lambda g, x: (g.ravel("K") * 2 * x.ravel("K")).reshape(x.shape),
            [grid],
        ),
        refused(gradgradcheck, lambda v: v.detach() * v * v, V, grad_outputs=[V.detach()]),
        refused(gradcheck, lambda v: v * v.detach(), V, rtol=1e-4, seed=3, fast_mode=True),
        refused(gradcheck, tg.relu, leaf([0.0, 1.0])),
    ]
    paths = [tmp_path / f"{i}.py" for i in range(len(checks))]
    for path, (_, program) in zip(paths, checks, strict=True):
        path.write_text(program)
    again = run_anew(tmp_path, *paths)
    for path, (message, program) in zip(paths, checks, strict=True):
        found = again[str(path)].partition("\n\nTo see")[0]
        assert found.partition(": ")[2] == message.partition(": ")[2], program
    assert "grad_outputs=[tg.tensor(" in checks[1][1]
    assert checks[2][1].endswith("gradcheck(function, [x0], rtol=0.0001, fast_mode=True, seed=3)")


@pytest.mark.parametrize(
    "array",
    [
        np.array([[1.0, 2.0], [3.0, 4.0]]).T,
        GRID[::2, ::3],
        GRID[::-1, ::-2],
        np.zeros((2, 2))[:, :1],
        np.zeros(1),
        np.zeros(()),
    ],
    ids=["turned", "gaps", "reversed", "gaps and zeros", "one zero", "0-d zero"],
)
def test_a_leaf_is_one_again_however_it_lies_in_memory(array: Any) -> None:
    given = tg.from_numpy(array).requires_grad_()
    _, program = refused(gradcheck, lambda v: (v + 1) * v.detach().exp(), given)
    definitions, _, check = program.rpartition("\n")
    assert check == "gradcheck(function, [x0])", program
    names: dict[str, Any] = {}
    exec(definitions, names)
    found = names["x0"]
    assert found.requires_grad
    assert found.stride() == given.stride()
    np.testing.assert_array_equal(found.detach().numpy(), array)


# --- how it reads ---


def test_a_program_is_short_and_holds_nothing_else() -> None:
    _, program = refused(gradcheck, CASES["parameters_hide_globals"][0], V)
    assert program == (
        "from __future__ import annotations\n\n"
        "from tinygrad_np.autograd import gradcheck\n"
        "import numpy as np\nimport tinygrad_np as tg\n\n"
        "K = 3.0\n\n"
        "def parameters_hide_globals(x: Any) -> Any:\n"
        "    a = [x for x in (x,)][0]\n"
        "    return a * a.detach() * K\n\n"
        "x0 = tg.tensor(np.array([1.5, 2.5], dtype='float64'), requires_grad=True)\n"
        "gradcheck(parameters_hide_globals, [x0])"
    )


# --- what cannot be written ---


def holding(held: Any) -> Any:
    return lambda v: v * v.detach() * (held is not None)


def circle() -> Any:
    held: list[Any] = []
    held.append(held)
    return held


def tuple_in_itself() -> Any:
    held: tuple[Any, ...] = (1.0, [])
    held[1].append(held)
    return held


def decorated_class() -> Any:
    def wrap(f: Any) -> Any:
        return f

    class Decorated:
        @wrap
        def k(self) -> float:
            return 2.0

    return Decorated()


@pytest.mark.parametrize(
    ("function", "reason"),
    [
        (eval("lambda x: x.detach() * x"), "could not get source code"),
        (holding(threading.Lock()), "a lock has no state that can be written"),
        (holding(n for n in (1, 2)), "a generator has no state that can be written"),
        (holding(circle()), "its definitions need each other before they are made"),
        (
            functools.partial(lambda v, _: v * v.detach(), _=tuple_in_itself()),
            "a tuple holds itself",
        ),
        (holding(types.ModuleType("made")), "the module made cannot be imported by its name"),
        (holding(decorated_class()), "the value of wrap, which a definition reads, is not known"),
    ],
)
def test_what_cannot_be_written_is_said_in_one_line(function: Any, reason: str) -> None:
    _, program = refused(gradcheck, function, V)
    assert program == f"# this call cannot be written as a program: {reason}"
