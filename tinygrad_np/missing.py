"""What a name that is not here answers: one message, for modules and for tensors alike."""

from __future__ import annotations

import sys
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, NoReturn

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable


def no_attribute(place: str, name: str, known: Iterable[str]) -> AttributeError:
    """Say that `place` has no `name`, and which of the `known` names are spelled like it.

    >>> no_attribute("nn", "Conv4d", ["Conv1d", "Conv2d", "Linear"])
    AttributeError('Conv4d is not in nn; names near it: Conv2d, Conv1d')
    """
    public = sorted({x for x in known if not x.startswith("_")})
    near = get_close_matches(name, public, 3)
    hint = f"names near it: {', '.join(near)}" if near else f"dir({place}) lists what is there"
    return AttributeError(f"{name} is not in {place}; {hint}")


def names_in(place: str) -> Callable[[str], NoReturn]:
    """Give the module `place` a `__getattr__`, which says of a name that it is not there.

    >>> names_in("math")("squareroot")
    Traceback (most recent call last):
    AttributeError: squareroot is not in math; dir(math) lists what is there
    """

    def __getattr__(name: str) -> NoReturn:  # noqa: N807 - the name under which modules have it
        raise no_attribute(place, name, vars(sys.modules[place]))

    return __getattr__


class NotHere:
    """An attribute of which a class has nothing but the name: reading it says so.

    A class attribute, and no `__getattr__`: that would make each access to the attributes that do
    exist slower (twice as slow in Python 3.11), whether or not a name is ever missing.
    """

    __slots__ = ("name",)

    def __init__(self, name: str) -> None:
        self.name = name

    def __get__(self, instance: object, owner: type) -> NoReturn:
        raise no_attribute(f"tinygrad_np.{owner.__name__}", self.name, present(owner))


def present(owner: type) -> set[str]:
    """Names of the attributes of a class that are more than names."""
    found: dict[str, Any] = {}
    for base in reversed(owner.__mro__):
        found |= vars(base)
    return {name for name, value in found.items() if not isinstance(value, NotHere)}
