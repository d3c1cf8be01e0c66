"""What a module holds, seen as a dict of names: `_parameters`, `_buffers` and `_modules`."""

from __future__ import annotations

from collections.abc import MutableMapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


class Members(MutableMapping[str, Any]):
    """Attributes of one kind that a module has now; a name that is set or deleted is the module's.

    >>> import nn
    >>> net = nn.Sequential(nn.Linear(2, 2), nn.Tanh())
    >>> net._modules["1"] = nn.ReLU()
    >>> net._modules
    {'0': Linear(in_features=2, out_features=2, bias=True), '1': ReLU()}
    """

    def __init__(
        self, module: object, names: Callable[[], list[str]], put: Callable[[str, Any], None]
    ) -> None:
        self._module, self._names, self._put = module, names, put

    def __getitem__(self, name: str) -> Any:
        if name not in self._names():
            raise KeyError(name)
        return self._module.__dict__[name]

    def __setitem__(self, name: str, value: Any) -> None:
        self._put(name, value)

    def __delitem__(self, name: str) -> None:
        if name not in self._names():
            raise KeyError(name)
        delattr(self._module, name)

    def __iter__(self) -> Iterator[str]:
        return iter(self._names())

    def __len__(self) -> int:
        return len(self._names())

    def __repr__(self) -> str:
        return repr(dict(self))
