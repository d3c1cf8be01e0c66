"""NumPy's names of arguments, where PyTorch takes them too: `axis` for `dim`, `keepdims` likewise.

They arrive as `**aliases`, which costs a call without them 20 ns: a decorator would cost 80.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypedDict

if TYPE_CHECKING:
    from collections.abc import Sequence

MISSING: Any = object()  # in place of a `dim` that must be given, by one name or the other


class Axis(TypedDict, total=False):
    """What may be given in place of `dim`."""

    axis: int | Sequence[int] | None


class AxisKeepdims(Axis, total=False):
    """What may be given in place of `dim` and `keepdim`."""

    keepdims: bool


def chosen_dim(name: str, aliases: Axis, dim: Any, default: Any = None) -> Any:
    """Give `dim`, or the `axis` that was given in its place."""
    return _chosen(name, aliases, {"axis": ("dim", dim, default)})["dim"]


def chosen_dims(
    name: str, aliases: AxisKeepdims, dim: Any, keepdim: bool, default: Any = None
) -> tuple[Any, bool]:
    """Give `dim` and `keepdim`, or the `axis` and `keepdims` that were given in their place."""
    names = {"axis": ("dim", dim, default), "keepdims": ("keepdim", keepdim, False)}
    chosen = _chosen(name, aliases, names)
    return chosen["dim"], chosen["keepdim"]


def _chosen(name: str, aliases: Any, names: dict[str, tuple[str, Any, Any]]) -> dict[str, Any]:
    chosen = {own: value for own, value, _ in names.values()}
    for alias, given in aliases.items():
        if alias not in names:
            raise TypeError(f"{name}: there is no argument {alias!r}")
        own, value, default = names[alias]
        if value is not default:
            raise TypeError(f"{name}: {own}={value} and {alias}={given} are the same argument")
        chosen[own] = given
    if chosen["dim"] is MISSING:
        raise TypeError(f"{name}: the argument dim is missing")
    return chosen
