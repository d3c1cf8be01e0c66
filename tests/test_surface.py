"""Every public name that can be differentiated is called by a row of the table of operations.

What is called is noted during a run over all rows, and only if the row itself calls it: `x += y` is
no call of `Tensor.__add__`. A name that no row calls stands in one of the tables below, with the
reason. What `nn` has is the concern of tests/nn.
"""

from __future__ import annotations

import functools
import inspect
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from conversion_cases import CONVERSIONS, DTYPES
from helpers import tensors
from op_cases import CASES, NOT_DIFFERENTIABLE

import tinygrad_np as tg
from tinygrad_np.tensor.absent import Absent

if TYPE_CHECKING:
    from collections.abc import Callable

TESTS = Path(__file__).parent


def words(text: str) -> list[str]:
    return text.split()


_MASKS = "its result is a mask: constant but for jumps, and not a number"
_MEMORY = "copies or hands on a tensor as it is; tests/test_numpy.py and tests/test_semantics.py"

FUNCTIONS: dict[str, str] = {
    **NOT_DIFFERENTIABLE,
    "floor_divide": "an error to differentiate (tests/test_semantics.py)",
    **dict.fromkeys(
        words(
            "tensor empty empty_like full full_like ones ones_like zeros zeros_like arange eye "
            "linspace from_numpy from_dlpack tril_indices triu_indices"
        ),
        "makes a leaf",
    ),
    **dict.fromkeys(
        words(
            "bernoulli multinomial normal rand rand_like randint randint_like randn randn_like "
            "randperm"
        ),
        "draws numbers, which have no derivative",
    ),
    **dict.fromkeys(words("detach detach_"), "cuts the graph (tests/test_semantics.py)"),
    **dict.fromkeys(
        words(
            "equal is_complex is_floating_point is_nonzero is_same_size is_tensor numel can_cast "
            "promote_types result_type get_default_dtype is_anomaly_enabled is_grad_enabled "
            "is_inference_mode_enabled are_deterministic_algorithms_enabled get_num_threads "
            "get_rng_state initial_seed"
        ),
        "answers a question, with no tensor that has a history",
    ),
    **dict.fromkeys(
        words(
            "manual_seed seed set_rng_state set_default_dtype set_num_threads set_printoptions "
            "use_deterministic_algorithms forward no_attribute load save"
        ),
        "a setting, or a file",
    ),
}

METHODS: dict[str, str] = {
    **dict.fromkeys(
        words(
            "eq ne lt le gt ge isnan isinf isfinite all any __eq__ __ne__ __lt__ __le__ __gt__ "
            "__ge__ equal __contains__"
        ),
        _MASKS,
    ),
    **dict.fromkeys(
        words(
            "__and__ __rand__ __iand__ __or__ __ror__ __ior__ __xor__ __rxor__ __ixor__ __invert__"
        ),
        "defined for integers and masks",
    ),
    **dict.fromkeys(words("argmax argmin nonzero argwhere"), "its result are places"),
    **dict.fromkeys(words("int short byte long bool"), "its result are integers or masks"),
    **dict.fromkeys(
        words("floor_divide floor_divide_ __floordiv__ __rfloordiv__ __ifloordiv__"),
        "an error to differentiate (tests/test_semantics.py)",
    ),
    **dict.fromkeys(words("new_tensor new_zeros new_ones new_empty new_full"), "makes a leaf"),
    **dict.fromkeys(
        words("uniform_ normal_ random_ bernoulli bernoulli_ multinomial exponential_"),
        "draws numbers, which have no derivative",
    ),
    **dict.fromkeys(words("detach detach_ data"), "cuts the graph (tests/test_semantics.py)"),
    **dict.fromkeys(
        words(
            "shape ndim dtype size dim numel stride is_contiguous is_complex is_floating_point "
            "is_inference is_signed is_nonzero is_same_size element_size itemsize nbytes device "
            "is_cuda _base _version is_leaf requires_grad retains_grad grad_fn grad vertex "
            "__len__"
        ),
        "answers a question, with no result that has a history",
    ),
    **dict.fromkeys(
        words(
            "requires_grad_ register_hook register_post_accumulate_grad_hook retain_grad backward "
            "written"
        ),
        "about the graph, not in it (tests/test_engine.py, tests/autograd)",
    ),
    **dict.fromkeys(
        words(
            "item tolist numpy __array__ __bool__ __float__ __int__ __index__ __format__ __repr__ "
            "__dlpack__ __dlpack_device__ __getstate__ __setstate__"
        ),
        "leaves tensors, and so the graph",
    ),
    **dict.fromkeys(
        words("__array_ufunc__ __array_function__"),
        "hands over to functions that have rows (tests/test_numpy.py compares gradients)",
    ),
    **dict.fromkeys(words("__copy__ __deepcopy__ __init__"), _MEMORY),
    "cuda": "refuses",
}


def functions() -> set[str]:
    """Public functions of the package, and methods that it has as functions too."""
    return {
        name
        for name, found in vars(tg).items()
        if not name.startswith("_")
        and callable(found)
        and not inspect.isclass(found)
        and not inspect.ismodule(found)
    }


def methods() -> set[str]:
    """What Tensor and its bases define that runs: methods, operators, and properties."""
    return {
        name
        for cls in tg.Tensor.__mro__
        if cls not in (object, Absent)
        for name, found in vars(cls).items()
        if inspect.isfunction(found)
        or isinstance(found, (property, functools.cached_property, classmethod, staticmethod))
    }


def uncalled(called: set[str]) -> set[str]:
    """Names that are neither called nor exempt."""
    return {
        *(name for name in functions() - FUNCTIONS.keys() if name not in called),
        *(f"Tensor.{x}" for x in methods() - METHODS.keys() if f"Tensor.{x}" not in called),
    }


@pytest.fixture
def called(monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """Names that a file of tests has called: `add` is the function, `Tensor.add` the method."""
    seen: set[str] = set()

    def noting(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            if Path(sys._getframe(1).f_code.co_filename).parent == TESTS:
                seen.add(name)
            return function(*args, **kwargs)

        return call

    for name in functions():
        monkeypatch.setattr(tg, name, noting(name, getattr(tg, name)))
    for name in methods() - set({"__init__", "__repr__"}):
        found = inspect.getattr_static(tg.Tensor, name)
        full = f"Tensor.{name}"
        if isinstance(found, property):
            if found.fget is not None:
                read = property(noting(full, found.fget), found.fset, found.fdel)
                monkeypatch.setattr(tg.Tensor, name, read)
        elif inspect.isfunction(found):
            monkeypatch.setattr(tg.Tensor, name, noting(full, found))
    return seen


def test_every_differentiable_name_is_called_by_a_row(called: set[str]) -> None:
    for case in CASES:
        for form in case.forms.values():
            operands = tensors(case.draw())
            form(tg, *operands)
    for convert in CONVERSIONS.values():
        for short in DTYPES:
            convert(tg.zeros(2, requires_grad=True), short)
    missing = sorted(uncalled(called))
    assert not missing, (
        f"no row of tests/op_cases.py calls {missing}: add the name to a row as a form, an "
        "alias or an in-place form, or to FUNCTIONS or METHODS here with the reason"
    )


def test_no_exemption_is_for_what_is_not_there() -> None:
    assert not FUNCTIONS.keys() - functions()
    assert not METHODS.keys() - methods()


def test_a_name_that_no_row_calls_is_missed(
    called: set[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Wherever it is defined, and also if something that is called calls it."""
    monkeypatch.setattr(tg, "cumsum", lambda x, dim: x.sum(dim), raising=False)
    monkeypatch.setattr(tg.Tensor, "log1p", lambda x: (1 + x).log(), raising=False)
    monkeypatch.setattr(tg.Tensor, "__imatmul__", lambda x, y: x @ y, raising=False)
    x = tg.ones(2)
    x += tg.zeros(2)
    missing = uncalled(called)
    assert {"cumsum", "Tensor.log1p", "Tensor.__imatmul__", "Tensor.__add__"} <= missing
    assert "Tensor.__iadd__" not in missing
    assert "ones" not in missing
