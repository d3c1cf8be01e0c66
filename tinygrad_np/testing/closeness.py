"""assert_close: whether numbers are those that are expected, and which are not."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from tinygrad_np.core import Value
from tinygrad_np.views import strides as visible_strides

NUMBERS = (int, float, complex, np.number)
BOOLS = (bool, np.bool_)

# rtol and atol by dtype, as in PyTorch; all others must be equal.
TOLERANCES = {"float16": (1e-3, 1e-5), "float32": (1.3e-6, 1e-5), "float64": (1e-7, 1e-7)}
TOLERANCES |= {"complex64": TOLERANCES["float32"], "complex128": TOLERANCES["float64"]}


def assert_close(
    actual: Any,
    expected: Any,
    *,
    allow_subclasses: bool = True,
    rtol: float | None = None,
    atol: float | None = None,
    equal_nan: bool = False,
    check_device: bool = True,  # noqa: ARG001 - PyTorch's; there is one device
    check_dtype: bool = True,
    check_layout: bool = True,  # noqa: ARG001 - PyTorch's; there is one layout
    check_stride: bool = False,
    msg: str | Callable[[str], str] | None = None,
) -> None:
    """Raise unless `|actual − expected| <= atol + rtol·|expected|` everywhere.

    Both are tensors, arrays, numbers (complex ones too), or None, or sequences and mappings of
    them. A tensor may be compared with an array, which PyTorch refuses.

    Parameters
    ----------
    allow_subclasses
        Let a parameter be compared with a tensor.
    rtol, atol
        Tolerances, both or neither. By default those of the less precise dtype: float64 1e-7 and
        1e-7, float32 1.3e-6 and 1e-5, float16 1e-3 and 1e-5, others 0.
    equal_nan
        Let NaN be close to NaN.
    check_dtype
        Also compare the dtypes, or the types of numbers.
    check_stride
        Also compare `stride()`: how they lie in memory, as far as a tensor shows it.
    msg
        A message, or a function that makes one of the message that would be given.

    Raises
    ------
    AssertionError
        If they are not close: how many elements, and the worst with both values.
    ValueError
        If only one of the tolerances is given.
    TypeError
        If they cannot be compared.

    >>> import tinygrad_np as tg
    >>> assert_close(tg.tensor([1.0, 2.0]), tg.tensor([1.0, 2.0000001]))
    >>> assert_close({"a": 1.0}, {"a": 1.5})
    Traceback (most recent call last):
        ...
    AssertionError: Scalars are not close!
    <BLANKLINE>
    Expected 1.5 but got 1.0.
    Absolute difference: 0.5 (up to 1e-07 allowed)
    Relative difference: 0.3333333333333333 (up to 1e-07 allowed)
    <BLANKLINE>
    The failure occurred for item ['a']
    """
    if (rtol is None) != (atol is None):
        missing = "rtol" if rtol is None else "atol"
        raise ValueError(
            f"assert_close: rtol and atol must be given together, and {missing} is missing"
        )
    comparison = _Comparison(allow_subclasses, rtol, atol, equal_nan, check_dtype, check_stride)
    try:
        comparison.compare(actual, expected, "")
    except AssertionError as error:
        if msg is None:
            raise
        raise AssertionError(msg if isinstance(msg, str) else msg(str(error))) from None


class _Comparison:
    """The options of one call."""

    def __init__(
        self,
        subclasses: bool,
        rtol: float | None,
        atol: float | None,
        equal_nan: bool,
        dtype: bool,
        stride: bool,
    ) -> None:
        self.subclasses, self.rtol, self.atol = subclasses, rtol, atol
        self.equal_nan, self.dtype, self.stride = equal_nan, dtype, stride

    def compare(self, actual: Any, expected: Any, path: str) -> None:
        """Compare what `path` leads to."""
        if actual is None or expected is None:
            if actual is not expected:
                raise _failure(f"None mismatch: {actual!r} is not {expected!r}", path)
        elif isinstance(actual, BOOLS) and isinstance(expected, BOOLS):
            if actual != expected:
                raise _failure(f"Booleans mismatch: {actual} is not {expected}", path)
        elif isinstance(actual, NUMBERS) and isinstance(expected, NUMBERS):
            self.numbers(_number(actual), _number(expected), path)
        elif _is_array(actual) and _is_array(expected):
            if not self.subclasses and type(actual) is not type(expected):
                raise _incomparable(actual, expected, path)
            self.arrays(actual, expected, path)
        else:
            self.containers(actual, expected, path)

    def containers(self, actual: Any, expected: Any, path: str) -> None:
        """Compare mappings and sequences, part by part."""
        if isinstance(actual, Mapping) and isinstance(expected, Mapping):
            if actual.keys() != expected.keys():
                raise _failure(
                    "The keys of the mappings do not match:\nMissing keys in the actual mapping: "
                    f"{[key for key in expected if key not in actual]}\n"
                    "Additional keys in the actual mapping: "
                    f"{[key for key in actual if key not in expected]}",
                    path,
                )
            for key in expected:
                self.compare(actual[key], expected[key], f"{path}[{key!r}]")
        elif _is_sequence(actual) and _is_sequence(expected):
            if len(actual) != len(expected):
                lengths = f"{len(actual)} != {len(expected)}"
                raise _failure(f"The length of the sequences do not match: {lengths}", path)
            for i, (a, b) in enumerate(zip(actual, expected, strict=True)):
                self.compare(a, b, f"{path}[{i}]")
        else:
            raise _incomparable(actual, expected, path)

    def numbers(self, actual: Any, expected: Any, path: str) -> None:
        """Compare types, then values: as float64 and int64, whatever the default dtype."""
        if self.dtype and type(actual) is not type(expected):
            types = f"{type(actual)} != {type(expected)}"
            raise _failure(f"The (d)types do not match: {types}.", path)
        self.values(np.asarray(actual), np.asarray(expected), path)

    def arrays(self, actual: Any, expected: Any, path: str) -> None:
        """Compare shapes, dtypes and strides, then values."""
        strides = _steps(actual), _steps(expected)
        actual, expected = _array(actual), _array(expected)
        checks = [("shape", actual.shape, expected.shape, True)]
        checks += [("dtype", actual.dtype, expected.dtype, self.dtype)]
        checks += [("stride()", *strides, self.stride)]
        for attribute, a, b, wanted in checks:
            if wanted and a != b:
                raise _failure(
                    f"The values for attribute {attribute!r} do not match: {a} != {b}.", path
                )
        self.values(actual, expected, path)

    def values(self, actual: Any, expected: Any, path: str) -> None:
        """Compare numbers."""
        rtol, atol = self.rtol, self.atol
        if rtol is None or atol is None:
            known = [TOLERANCES.get(x.dtype.name, (0.0, 0.0)) for x in (actual, expected)]
            rtol, atol = max(r for r, _ in known), max(a for _, a in known)
        kinds = {actual.dtype.kind, expected.dtype.kind}
        # Integers and bools as Python's, which do not wrap.
        wide: Any = np.complex128 if "c" in kinds else np.float64 if "f" in kinds else object
        # With a dimension at least: of 0-d arrays of objects NumPy makes bare Python objects.
        a, b = (np.atleast_1d(x.astype(wide)) for x in (actual, expected))
        with np.errstate(all="ignore"):
            difference = np.where(a == b, 0, abs(a - b))
            close = (a == b) | (difference <= atol + rtol * abs(b)) & np.isfinite(_float(abs(b)))
            if self.equal_nan:
                close |= (a != a) & (b != b)  # noqa: PLR0124 - which is how NaN is told
            if close.all():
                return
            relative = _float(difference) / _float(abs(b))
        relative = np.where(difference == 0, 0.0, relative)
        differences = _Differences(a, b, difference, relative, ~close, atol, rtol)
        raise _failure(differences.single() if actual.ndim == 0 else differences.several(), path)


class _Differences(NamedTuple):
    """Numbers that are not close: what they are, and by how much they differ."""

    actual: Any
    expected: Any
    absolute: Any
    relative: Any
    wrong: Any
    atol: float
    rtol: float

    def single(self) -> str:
        """Tell of the one there is."""
        return (
            f"Scalars are not {self._relation()}!\n\n"
            f"Expected {self.expected[0]} but got {self.actual[0]}.\n"
            f"Absolute difference: {self.absolute[0]}{self._allowed(self.atol)}\n"
            f"Relative difference: {self.relative[0]}{self._allowed(self.rtol)}"
        )

    def several(self) -> str:
        """Tell how many they are, and of the worst."""
        count, size = int(self.wrong.sum()), self.wrong.size
        lines = [
            f"Tensor-likes are not {self._relation()}!",
            "",
            f"Mismatched elements: {count} / {size} ({count / size:.1%})",
        ]
        for kind, errors, tolerance in (
            ("absolute", self.absolute, self.atol),
            ("relative", self.relative, self.rtol),
        ):
            ranked = _float(errors)
            ranked = np.where(self.wrong, np.where(np.isnan(ranked), np.inf, ranked), -1.0)
            at = tuple(int(i) for i in np.unravel_index(int(ranked.argmax()), ranked.shape))
            lines.append(
                f"Greatest {kind} difference: {errors[at]} at index {at}"
                f"{self._allowed(tolerance)}: expected {self.expected[at]} but got "
                f"{self.actual[at]}"
            )
        return "\n".join(lines)

    def _relation(self) -> str:
        return "equal" if self.atol == self.rtol == 0 else "close"

    def _allowed(self, tolerance: float) -> str:
        return "" if self.atol == self.rtol == 0 else f" (up to {tolerance} allowed)"


def _float(x: Any) -> Any:
    return np.asarray(x, np.float64)


def _is_array(x: Any) -> bool:
    return isinstance(x, (Value, np.ndarray, np.generic))


def _is_sequence(x: Any) -> bool:
    return isinstance(x, Sequence) and not isinstance(x, (str, bytes))


def _array(x: Any) -> Any:
    return x.array if isinstance(x, Value) else np.asarray(x)


def _steps(x: Any) -> tuple[int, ...]:
    if isinstance(x, Value):
        return visible_strides(x)
    x = np.asarray(x)
    return tuple(step // x.itemsize for step in x.strides)


def _number(x: Any) -> Any:
    return x.item() if isinstance(x, np.generic) else x


def _failure(text: str, path: str) -> AssertionError:
    return AssertionError(_placed(text, path))


def _incomparable(actual: Any, expected: Any, path: str) -> TypeError:
    text = f"assert_close: a {type(actual)} cannot be compared with a {type(expected)}"
    return TypeError(_placed(text, path))


def _placed(text: str, path: str) -> str:
    return f"{text}\n\nThe failure occurred for item {path}" if path else text
