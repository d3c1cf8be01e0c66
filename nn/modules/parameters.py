"""Modules that hold parameters."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Self

import tinygrad_np as tg
from nn.modules.container import pairs, position
from nn.modules.module import Module
from nn.parameter import Parameter

if TYPE_CHECKING:
    from collections.abc import Iterator


class ParameterList(Module):
    """A list of parameters: tensors become parameters, other things stay what they are.

    >>> import nn
    >>> weights = nn.ParameterList([tg.ones(2, 3), tg.ones(4)])
    >>> weights
    ParameterList(
        (0): Parameter containing: [float32 of size 2x3]
        (1): Parameter containing: [float32 of size 4]
    )
    """

    def __init__(self, values: Iterable[Any] | None = None) -> None:
        super().__init__()
        self._size = 0
        if values is not None:
            self.extend(values)

    def __getitem__(self, index: int | slice) -> Any:
        if isinstance(index, slice):
            return type(self)(list(self)[index])
        return self.__dict__[str(position(index, self._size))]

    def __setitem__(self, index: int, value: Any) -> None:
        setattr(self, str(position(index, self._size)), _parameter(value))

    def __len__(self) -> int:
        return self._size

    def __iter__(self) -> Iterator[Any]:
        return (self.__dict__[str(i)] for i in range(self._size))

    def __iadd__(self, values: Iterable[Any]) -> Self:
        return self.extend(values)

    def append(self, value: Any) -> Self:
        """Add a value at the end."""
        self._size += 1
        self[self._size - 1] = value
        return self

    def extend(self, values: Iterable[Any]) -> Self:
        """Add values at the end."""
        if not isinstance(values, Iterable) or isinstance(values, tg.Tensor):
            raise TypeError(
                f"ParameterList.extend takes several values, and got a "
                f"{type(values).__qualname__}; to add one, use append"
            )
        for value in list(values):
            self.append(value)
        return self

    def extra_repr(self) -> str:
        """Positions, dtypes and sizes."""
        return _described(enumerate(self))

    def __call__(self, *_: Any, **__: Any) -> Any:
        """Refuse: there is nothing to run."""
        raise RuntimeError("ParameterList holds parameters, and cannot be called")


class ParameterDict(Module):
    """Parameters by name: tensors become parameters, other things stay what they are.

    A plain dict is taken in the order of its sorted keys, as in PyTorch; pairs and an OrderedDict
    in their own.

    >>> import nn
    >>> list(nn.ParameterDict({"b": tg.ones(2), "a": tg.ones(1)}).keys())
    ['a', 'b']
    """

    def __init__(self, parameters: Any = None) -> None:
        super().__init__()
        self._keys: dict[str, None] = {}
        if parameters is not None:
            self.update(parameters)

    def __getitem__(self, key: str) -> Any:
        if key not in self._keys:
            raise AttributeError(  # as PyTorch
                f"ParameterDict has no parameter {key!r}; it has {list(self._keys)}"
            )
        return self.__dict__[key]

    def __setitem__(self, key: str, value: Any) -> None:
        if not isinstance(key, str):
            raise TypeError(
                f"a key of ParameterDict must be a string, not a {type(key).__qualname__}"
            )
        if key not in self._keys:
            self._check_name(key)
        self._keys[key] = None
        setattr(self, key, _parameter(value))

    def __delitem__(self, key: str) -> None:
        del self._keys[key]
        delattr(self, key)

    def __len__(self) -> int:
        return len(self._keys)

    def __iter__(self) -> Iterator[str]:
        return iter(self._keys)

    def __reversed__(self) -> Iterator[str]:
        return reversed(self._keys)

    def __contains__(self, key: object) -> bool:
        return key in self._keys

    def __or__(self, other: ParameterDict) -> ParameterDict:
        merged = self.copy()
        merged.update(other)
        return merged

    def __ior__(self, other: ParameterDict) -> Self:
        self.update(other)
        return self

    def keys(self) -> Iterable[str]:
        """Names of the parameters."""
        return self._keys.keys()

    def values(self) -> Iterable[Any]:
        """Give the parameters."""
        return [self[key] for key in self._keys]

    def items(self) -> Iterable[tuple[str, Any]]:
        """Names and parameters."""
        return [(key, self[key]) for key in self._keys]

    def get(self, key: str, default: Any = None) -> Any:
        """Give a parameter, or `default` if there is none of that name."""
        return self.__dict__[key] if key in self._keys else default

    def setdefault(self, key: str, default: Any = None) -> Any:
        """Give a parameter, which is `default` from now on if there is none of that name."""
        if key not in self:
            self[key] = default
        return self[key]

    def pop(self, key: str) -> Any:
        """Take a parameter out, and return it."""
        value = self[key]
        del self[key]
        return value

    def popitem(self) -> tuple[str, Any]:
        """Take the last parameter out, and return its name and itself."""
        key = next(reversed(self._keys))
        return key, self.pop(key)

    def clear(self) -> None:
        """Take all parameters out."""
        for key in list(self):
            del self[key]

    def copy(self) -> ParameterDict:
        """Give another ParameterDict of the same parameters."""
        return ParameterDict(self.items())

    def fromkeys(self, keys: Iterable[str], default: Any = None) -> ParameterDict:
        """Give a ParameterDict with `default` under each of the keys."""
        return ParameterDict([(key, default) for key in keys])

    def update(self, parameters: Any) -> None:
        """Add or replace parameters, from a dict or from pairs."""
        found = pairs("ParameterDict", parameters)
        if isinstance(parameters, Mapping) and not isinstance(parameters, OrderedDict):
            found.sort(key=lambda pair: pair[0])
        for key, value in found:
            self[key] = value

    def extra_repr(self) -> str:
        """Names, dtypes and sizes."""
        return _described(self.items())

    def __call__(self, *_: Any, **__: Any) -> Any:
        """Refuse: there is nothing to run."""
        raise RuntimeError("ParameterDict holds parameters, and cannot be called")


def _parameter(value: Any) -> Any:
    plain = isinstance(value, tg.Tensor) and not isinstance(value, Parameter)
    return Parameter(value) if plain else value


def _described(entries: Iterable[tuple[Any, Any]]) -> str:
    lines = []
    for key, value in entries:
        text = f"Object of type: {type(value).__name__}"
        if isinstance(value, tg.Tensor):
            size = "x".join(map(str, value.shape))
            text = f"Parameter containing: [{value.dtype} of size {size}]"
        lines.append(f"  ({key}): {text}")
    return "\n".join(lines)
