"""Nested Python objects as named arrays and one JSON string.

A file of arrays knows names and arrays only, but people save more: a model's ``state_dict``, the
optimizer's beside it, the epoch, a list of losses. `flatten` takes such an object apart: its
arrays get a name each, after their place in the object, and what remains, the structure, becomes
JSON in which every array is replaced by its name. `unflatten` puts it together again.

>>> arrays, metadata = flatten({"model": {"bias": np.zeros(2)}, "betas": (0.9, 1)})
>>> arrays
{'model.bias': array([0., 0.])}
>>> structure = json.loads(metadata["tinygrad_np.checkpoint"])["object"]
>>> structure["dict"][0]
['model', {'dict': [['bias', {'array': 'model.bias'}]]}]
>>> structure["dict"][1]
['betas', {'tuple': [0.9, 1]}]

JSON has null, true, false, numbers, strings and arrays, which stand for themselves. All else is an
object with one key, which says what it is: ``{"dict": [[key, value], ...]}`` (a list of pairs,
since keys may be ints, and order counts), ``{"tuple": [...]}``, ``{"array": name}``,
``{"float": "nan"}``, ``{"float32": 0.5}`` for a NumPy scalar.

The one exception is the commonest object, a flat dict from names to arrays: it becomes those arrays
under those names and no metadata at all, the plain safetensors file that every tool reads.
"""

import contextlib
import json
import math
import os
import types
from collections.abc import Callable, ItemsView, Iterator, KeysView, Mapping, ValuesView
from typing import Any, TypeGuard

import numpy as np

from .safetensors import Array, FileFormatError

STRUCTURE = "tinygrad_np.checkpoint"  # the metadata key under which the structure is kept
VERSION = 1
MAX_DEPTH = 100  # an object that contains itself is deeper than any limit

# Tag of a scalar that JSON cannot hold as it is -> what makes it of a number or a text.
_SCALARS: dict[str, Callable[[Any], Any]] = {
    "float": float,  # nan, inf and -inf
    "int": lambda digits: int(digits, 16),  # over 64 bits
    **{
        np.dtype(code).name: np.dtype(code).type  # such as "float32": np.float32
        for code in ("b1", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "f2", "f4", "f8")
    },
}


def _is_ndarray(value: object) -> bool:
    return isinstance(value, np.ndarray)


def _same(value: Any) -> Any:
    return value


def flatten(
    obj: object,
    *,
    is_array: Callable[[Any], bool] = _is_ndarray,
    to_array: Callable[[Any], Array] = _same,
) -> tuple[dict[str, Array], dict[str, str]]:
    """Take an object apart into named arrays and metadata.

    Parameters
    ----------
    obj : object
        Nested dicts (keys: str, int, float, bool, None, NumPy scalars), lists and tuples of arrays,
        None, bool, int, float, str and NumPy scalars. Subclasses (OrderedDict, a named tuple, an
        IntEnum) are stored as, and come back as, the plain type. An array that occurs twice, such
        as a tied weight, is stored twice and comes back as two arrays.
    is_array, to_array : callable, optional
        What counts as an array beside NumPy's own, such as a tensor, and how to make it one.
        NumPy arrays beside tensors come back as NumPy arrays.

    Returns
    -------
    arrays : dict of str to ndarray
    metadata : dict of str to str
        Empty if `obj` is a flat dict of arrays, else the structure as JSON.

    Raises
    ------
    TypeError
        If anything else is in `obj`; the message says where, and what to save in its place.
    ValueError
        If `obj` is nested too deeply, or contains itself.

    Examples
    --------
    >>> flatten({"weight": np.zeros(2)})
    ({'weight': array([0., 0.])}, {})
    """
    if _is_state_dict(obj, is_array):
        return {name: to_array(value) for name, value in obj.items()}, {}

    encoder = _Encoder(is_array, to_array)
    structure = {"version": VERSION, "object": encoder.encode(obj, ())}
    return encoder.arrays, {
        STRUCTURE: json.dumps(structure, separators=(",", ":"), allow_nan=False)
    }


def unflatten(
    arrays: Mapping[str, Array],
    metadata: Mapping[str, str],
    *,
    from_array: Callable[[Array], Any] = _same,
    source: str = "checkpoint",
) -> Any:
    """Put together what `flatten` took apart.

    Arrays without a structure in the metadata, as other tools write them, come back as a flat dict.

    Parameters
    ----------
    arrays, metadata
        As `read_safetensors` returns them.
    from_array : callable, optional
        The inverse of `flatten`'s `to_array`.
    source : str, optional
        What error messages call the file.

    Raises
    ------
    FileFormatError
        If the structure is damaged, does not fit the arrays, or has a newer version.

    Examples
    --------
    >>> unflatten(*flatten([1, None, {0: (2.5, "a")}]))
    [1, None, {0: (2.5, 'a')}]
    """
    if STRUCTURE not in metadata:
        return {name: from_array(array) for name, array in arrays.items()}

    decoder = _Decoder(arrays, from_array, source)
    try:
        version, root = decoder.parse(metadata[STRUCTURE])
        if version != VERSION:
            raise FileFormatError(
                f"{source}: the checkpoint's structure has version {version!r:.20}, and this "
                f"version of tinygrad_np reads {VERSION}; a newer one may read it"
            )
        obj = decoder.decode(root)
    except RecursionError:
        raise decoder.damaged("it is nested too deeply") from None
    if decoder.unused:
        raise decoder.damaged(f"it does not mention the array {next(iter(decoder.unused))!r:.100}")
    return obj


class _Encoder:
    """Turns an object into JSON values, and keeps the arrays that it meets."""

    def __init__(self, is_array: Callable[[Any], bool], to_array: Callable[[Any], Array]) -> None:
        self.is_array = is_array
        self.to_array = to_array
        self.arrays: dict[str, Array] = {}

    def encode(self, value: Any, path: tuple[Any, ...]) -> object:
        """Return the JSON value of `value`, which stands at `path`: the keys that lead to it."""
        if len(path) > MAX_DEPTH:
            raise ValueError(
                f"{_where(path[:3])}... is nested more than {MAX_DEPTH} deep; "
                "does it contain itself?"
            )
        if self.is_array(value):
            return {"array": self.store(self.to_array(value), path)}
        if isinstance(value, np.ndarray):
            return {"ndarray": self.store(value, path)}
        if isinstance(value, (list, tuple)):
            items = [self.encode(item, (*path, i)) for i, item in enumerate(value)]
            return items if isinstance(value, list) else {"tuple": items}
        if isinstance(value, dict):
            return {"dict": [self.encode_pair(*pair, path) for pair in value.items()]}
        if _is_scalar(value):
            return _encode_scalar(value)
        raise TypeError(f"{_where(path)}: {_complaint(value)}")

    def encode_pair(self, key: Any, value: Any, path: tuple[Any, ...]) -> list[object]:
        if not _is_scalar(key):
            raise TypeError(
                f"{_where(path)}: the key {key!r:.80} is a {type(key).__name__}; "
                "make it a string, a number or None"
            )
        return [_encode_scalar(key), self.encode(value, (*path, key))]

    def store(self, array: Array, path: tuple[Any, ...]) -> str:
        """Keep an array under a name made of its path, and return that name."""
        name = ".".join(map(str, path)) or "array"
        name = name.encode(errors="backslashreplace").decode()  # names in a file are valid Unicode
        unique, count = name, 1
        while unique in self.arrays or unique == "__metadata__":  # {"a": {"b": x}, "a.b": y}
            count += 1
            unique = f"{name}~{count}"
        self.arrays[unique] = array
        return unique


class _Decoder:
    """Turns JSON values into an object again. They come from a file: nothing is taken on trust."""

    def __init__(
        self, arrays: Mapping[str, Array], from_array: Callable[[Array], Any], source: str
    ) -> None:
        self.unused = dict(arrays)
        self.from_array = from_array
        self.source = source

    def damaged(self, what: str) -> FileFormatError:
        return FileFormatError(f"{self.source}: the checkpoint's structure is damaged: {what}")

    def parse(self, text: str) -> tuple[Any, Any]:
        """Return the version and the root."""
        try:
            structure = json.loads(text)
            return structure["version"], structure["object"]
        except (ValueError, TypeError, KeyError) as error:
            raise self.damaged(f"{error!r:.100}") from None

    def decode(self, node: Any) -> Any:  # noqa: PLR0911 - one for each kind of node
        match node:
            case None | bool() | int() | float() | str():
                return node
            case list():
                return [self.decode(item) for item in node]
            case {"tuple": list(items)}:
                return tuple(self.decode(item) for item in items)
            case {"dict": list(pairs)}:
                return dict(self.decode_pair(pair) for pair in pairs)
            case {"array": str(name)}:
                return self.from_array(self.take(name))
            case {"ndarray": str(name)}:
                return self.take(name)
            case dict() if len(node) == 1:
                [(tag, value)] = node.items()
                if tag in _SCALARS and isinstance(value, (int, float, str)):
                    # For these the constructors raise: {"int": 5}, {"int": "xyz"}, {"int8": 300}.
                    with (
                        contextlib.suppress(TypeError, ValueError, OverflowError),
                        np.errstate(all="ignore"),
                    ):
                        return _SCALARS[tag](value)
        raise self.damaged(f"{node!r:.100} stands for nothing")

    def decode_pair(self, pair: Any) -> tuple[Any, Any]:
        match pair:
            case [key, value]:
                key = self.decode(key)
                if _is_scalar(key):
                    return key, self.decode(value)
        raise self.damaged(f"{pair!r:.100} is not a key and a value")

    def take(self, name: str) -> Array:
        if name not in self.unused:
            raise self.damaged(f"it names the array {name!r:.100}, which is missing or named twice")
        return self.unused.pop(name)


def _is_state_dict(obj: object, is_array: Callable[[Any], bool]) -> TypeGuard[dict[str, Any]]:
    """Whether `obj` can be a file as it is: a dict from possible array names to arrays."""
    return isinstance(obj, dict) and all(
        isinstance(name, str) and name != "__metadata__" and _is_unicode(name) and is_array(value)
        for name, value in obj.items()
    )


def _is_unicode(text: str) -> bool:
    """Whether a file can hold `text` as a name; os.listdir may give strings that it cannot."""
    return text == text.encode(errors="replace").decode()


def _is_scalar(value: object) -> bool:
    if isinstance(value, np.generic) and not isinstance(value, str):
        return value.dtype.name in _SCALARS
    return value is None or isinstance(value, (bool, int, float, str))


def _encode_scalar(value: Any) -> object:
    if isinstance(value, np.generic) and not isinstance(value, str):
        item = value.item()
        return {value.dtype.name: item if math.isfinite(item) else str(item)}
    if isinstance(value, float) and not math.isfinite(value):
        return {"float": str(float(value))}  # JSON has no nan and no inf
    if isinstance(value, int) and value.bit_length() > 64:
        return {"int": hex(value)}  # such as a random generator's state; most JSON readers round it
    return value


def _where(path: tuple[Any, ...]) -> str:
    """Spell a path as the expression that leads there: checkpoint['optimizer']['state'][0]."""
    return "checkpoint" + "".join(f"[{key!r}]" for key in path)


_ADVICE: list[tuple[type | tuple[type, ...], str]] = [
    (Mapping, "save dict(...) of it"),
    ((Iterator, KeysView, ValuesView, ItemsView, set, frozenset), "save list(...) of it"),
    (os.PathLike, "save str(...) of it"),
    ((bytes, bytearray), "save np.frombuffer(..., np.uint8) of it"),
    (
        (types.FunctionType, types.BuiltinFunctionType, types.MethodType),
        "code is not saved: save its name, or the numbers that it depends on",
    ),
]


def _complaint(value: object) -> str:
    """Say what a value is that cannot be saved, and what to save in its place."""
    name = type(value).__name__
    a_name = f"{'an' if name[0] in 'AEIOUaeiou' else 'a'} {name}"
    if isinstance(value, type):
        return f"the class {value.__name__}; save its name"
    if callable(getattr(value, "state_dict", None)):
        what = "module" if callable(getattr(value, "forward", None)) else "object"
        return f"{a_name} {what}; save its state_dict()"
    for kinds, advice in _ADVICE:
        if isinstance(value, kinds):
            return f"{a_name}; {advice}"
    return (
        f"{a_name} object; only arrays, numbers, strings, None, lists, tuples and dicts are saved: "
        "save the values that it is made of"
    )
