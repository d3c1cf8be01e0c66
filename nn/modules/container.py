"""Modules that hold modules."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nn.modules.module import Module

if TYPE_CHECKING:
    from collections.abc import Iterator


class Sequential(Module):
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
            for module in args:
                self.append(module)

    def forward(self, input: Any) -> Any:
        """Run the modules in order."""
        for _, module in self._below():
            input = module(input)
        return input

    def append(self, module: Any) -> Sequential:
        """Add a module at the end."""
        if not isinstance(module, Module):
            raise TypeError(
                f"Sequential takes modules, and got a {type(module).__qualname__}; wrap a function "
                "in a module of its own"
            )
        self.add_module(str(len(self)), module)
        return self

    def __len__(self) -> int:
        return len(self._below())

    def __iter__(self) -> Iterator[Module]:
        return (module for _, module in self._below())

    def __getitem__(self, index: int | slice) -> Any:
        modules = self._below()
        if isinstance(index, slice):
            return Sequential(dict(modules[index]))
        return modules[index][1]
