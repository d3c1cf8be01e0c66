"""Modules that hold modules."""

from __future__ import annotations

import operator
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Self, TypeAlias

from nn.modules.module import Module

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

Pairs: TypeAlias = "Mapping[str, Module] | Iterable[tuple[str, Module]] | ModuleDict"


class Numbered(Module):
    """What a list of modules can do: its children are named by their positions."""

    def __len__(self) -> int:
        return len(self._below())

    def __iter__(self) -> Iterator[Module]:
        return (module for _, module in self._below())

    def __setitem__(self, index: int, module: Module) -> None:
        names = [name for name, _ in self._below()]
        setattr(self, names[position(index, len(names))], module)

    def __delitem__(self, index: int | slice) -> None:
        modules = list(self)
        del modules[index if isinstance(index, slice) else position(index, len(modules))]
        self._replace(modules)

    def append(self, module: Module) -> Self:
        """Add a module at the end."""
        if not isinstance(module, Module):
            raise TypeError(
                f"{type(self).__name__} takes modules, and got a {type(module).__qualname__}; wrap "
                "a function in a module of its own"
            )
        self.add_module(str(len(self)), module)
        return self

    def extend(self, modules: Iterable[Module]) -> Self:
        """Add modules at the end."""
        if not isinstance(modules, Iterable):
            raise TypeError(
                f"{type(self).__name__}.extend takes several modules, and got a "
                f"{type(modules).__qualname__}; to add one, use append"
            )
        for module in list(modules):
            self.append(module)
        return self

    def insert(self, index: int, module: Module) -> Any:
        """Put a module before the one at `index`."""
        modules = list(self)
        modules.insert(index, module)
        self._replace(modules)

    def pop(self, index: int) -> Module:
        """Take a module out, and return it."""
        _, module = self._below()[position(index, len(self))]
        del self[index]
        return module

    def _replace(self, modules: list[Module]) -> None:
        for name, _ in self._below():
            delattr(self, name)
        for module in modules:
            self.append(module)


class Sequential(Numbered):
    """Modules that run one after the other, each on the result of the one before.

    >>> import nn
    >>> nn.Sequential(nn.Linear(4, 3), nn.ReLU())
    Sequential(
      (0): Linear(in_features=4, out_features=3, bias=True)
      (1): ReLU()
    )
    """

    def __init__(self, *args: Module | dict[str, Module]) -> None:
        super().__init__()
        if len(args) == 1 and isinstance(args[0], dict):
            for name, child in args[0].items():
                self.add_module(name, child)
        else:
            self.extend(args)  # type: ignore[arg-type]  # append refuses what is no module

    def forward(self, input: Any) -> Any:
        """Run the modules in order."""
        for _, module in self._below():
            input = module(input)
        return input

    def __getitem__(self, index: int | slice) -> Any:
        modules = self._below()
        if isinstance(index, slice):
            return Sequential(dict(modules[index]))
        return modules[position(index, len(modules))][1]

    def insert(self, index: int, module: Module) -> Self:
        """Put a module before the one at `index`."""
        if not -len(self) <= index <= len(self):
            raise IndexError(f"Sequential.insert: index {index} is out of range for {len(self)}")
        super().insert(index, module)
        return self

    def __add__(self, other: object) -> Sequential:
        return Sequential(*self, *_sequential(other))

    def __iadd__(self, other: object) -> Self:
        return self.extend(_sequential(other))

    def __mul__(self, times: int) -> Sequential:
        return Sequential(*list(self) * _times(times))

    __rmul__ = __mul__

    def __imul__(self, times: int) -> Self:
        return self.extend(list(self) * (_times(times) - 1))


class ModuleList(Numbered):
    """A list of modules, which the module that holds it calls as it likes.

    >>> import nn
    >>> nn.ModuleList([nn.Linear(4, 4), nn.Linear(4, 4), nn.ReLU()])
    ModuleList(
      (0-1): 2 x Linear(in_features=4, out_features=4, bias=True)
      (2): ReLU()
    )
    """

    def __init__(self, modules: Iterable[Module] | None = None) -> None:
        super().__init__()
        if modules is not None:
            self.extend(modules)

    def __getitem__(self, index: int | slice) -> Any:
        modules = list(self)
        if isinstance(index, slice):
            return type(self)(modules[index])
        return modules[position(index, len(modules))]

    def __add__(self, other: Iterable[Module]) -> ModuleList:
        return ModuleList([*self, *other])

    def __iadd__(self, other: Iterable[Module]) -> Self:
        return self.extend(other)

    def __repr__(self) -> str:
        blocks: list[list[Any]] = []  # first and last position of equal modules, and how they print
        for i, module in enumerate(self):
            printed = repr(module)
            if blocks and blocks[-1][2] == printed:
                blocks[-1][1] = i
            else:
                blocks.append([i, i, printed])
        lines = [
            (f"({a}): {text}" if a == b else f"({a}-{b}): {b - a + 1} x {text}").replace(
                "\n", "\n  "
            )
            for a, b, text in blocks
        ]
        kind = type(self).__name__
        return f"{kind}(\n  " + "\n  ".join(lines) + "\n)" if lines else f"{kind}()"


class ModuleDict(Module):
    """Modules by name, in the order in which they were added.

    >>> import nn
    >>> layers = nn.ModuleDict({"act": nn.ReLU(), "out": nn.Linear(4, 1)})
    >>> list(layers), layers["act"]
    (['act', 'out'], ReLU())
    """

    def __init__(self, modules: Pairs | None = None) -> None:
        super().__init__()
        if modules is not None:
            self.update(modules)

    def __getitem__(self, key: str) -> Module:
        return dict(self._below())[key]

    def __setitem__(self, key: str, module: Module) -> None:
        self.add_module(key, module)

    def __delitem__(self, key: str) -> None:
        if key not in self:
            raise KeyError(key)
        delattr(self, key)

    def __len__(self) -> int:
        return len(self._below())

    def __iter__(self) -> Iterator[str]:
        return iter(self.keys())

    def __contains__(self, key: object) -> bool:
        return key in self.keys()

    def keys(self) -> Collection[str]:
        """Names of the modules."""
        return dict(self._below()).keys()

    def values(self) -> Iterable[Module]:
        """Give the modules."""
        return dict(self._below()).values()

    def items(self) -> Iterable[tuple[str, Module]]:
        """Names and modules."""
        return dict(self._below()).items()

    def clear(self) -> None:
        """Take all modules out."""
        for key in list(self):
            del self[key]

    def pop(self, key: str) -> Module:
        """Take a module out, and return it."""
        module = self[key]
        del self[key]
        return module

    def update(self, modules: Pairs) -> None:
        """Add or replace modules, from a dict or from pairs."""
        for key, module in pairs("ModuleDict", modules):
            self[key] = module


def position(index: int, length: int) -> int:
    """Give a position that is not negative, or raise for one that is not there."""
    index = operator.index(index)
    if not -length <= index < length:
        raise IndexError(f"index {index} is out of range for {length} entries")
    return index % length


def pairs(owner: str, given: Any) -> list[tuple[str, Any]]:
    """Keys and values of a dict, of something with `items`, or of a sequence of pairs."""
    if hasattr(given, "items"):
        return list(given.items())
    if not isinstance(given, Iterable):
        raise TypeError(
            f"{owner}.update takes a dict or pairs (key, value), and got a "
            f"{type(given).__qualname__}"
        )
    found = []
    for i, pair in enumerate(given):
        if not isinstance(pair, Iterable):
            raise TypeError(
                f"{owner}.update: element {i} is a {type(pair).__qualname__}, and must be a pair"
            )
        key, *rest = pair
        if len(rest) != 1:
            raise ValueError(f"{owner}.update: element {i} has length {1 + len(rest)}, not 2")
        found.append((key, rest[0]))
    return found


def _sequential(other: object) -> Sequential:
    if not isinstance(other, Sequential):
        raise ValueError(  # noqa: TRY004 - as PyTorch
            f"a Sequential can be added to a Sequential only, not to a {type(other).__qualname__}; "
            "use append"
        )
    return other


def _times(times: int) -> int:
    if not isinstance(times, int):
        raise TypeError(f"a Sequential can be repeated an int of times, not {times!r}")
    if times <= 0:
        raise ValueError(f"a Sequential can be repeated once or more, not {times} times")
    return times
