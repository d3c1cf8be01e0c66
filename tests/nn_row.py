"""What a row of the table of losses and modules is made of."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from cases import SIZES, Operand

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    Array = np.ndarray[Any, Any]
    Make = Callable[[Any], Callable[..., Any]]


@dataclass(frozen=True)
class Row:
    """A function or a module, its arguments, and what NumPy says that it gives."""

    name: str
    make: Make  # from a library, ours or PyTorch
    operands: tuple[Any, ...]  # an `Operand` is drawn, and all else handed over as it is
    oracle: Callable[..., Any]  # takes the arguments, and the parameters of a module by name
    skip: Mapping[str, str] = field(default_factory=dict)  # what `check_op` leaves out, and why
    constant: tuple[int, ...] = ()  # operands by which PyTorch has no derivative

    def draw(self, seed: int = 0) -> list[Any]:
        rng = np.random.default_rng(seed)
        return [
            x.place(rng.random(x.sized(SIZES)), SIZES) if isinstance(x, Operand) else x
            for x in self.operands
        ]


def seeded(make: Make, seed: int | None) -> Make:
    """Let each call draw the same numbers."""
    if seed is None:
        return make

    def made(lib: Any) -> Callable[..., Any]:
        called = make(lib)
        if isinstance(called, lib.nn.Module):
            called.register_forward_pre_hook(lambda *_: (lib.manual_seed(seed), None)[1])
            return called

        def function(*xs: Any) -> Any:
            lib.manual_seed(seed)
            return called(*xs)

        return function

    return made


def functional(
    name: str,
    operands: Sequence[Any],
    oracle: Callable[..., Any],
    *,
    given: Mapping[str, Any] | None = None,
    named: str = "",
    seed: int | None = None,
    **more: Any,
) -> Row:
    """Give a row for a function of `nn.functional`, named by its options."""
    options = dict(given or {})
    shown = "; ".join([operands[0].shape, *(f"{key}={value}" for key, value in options.items())])

    def make(lib: Any) -> Callable[..., Any]:
        return lambda *xs: getattr(lib.nn.functional, name)(*xs, **options)

    return Row(
        named or f"{name}[{shown}]",
        seeded(make, seed),
        tuple(operands),
        oracle,
        **more,
    )


def module(
    name: str,
    operands: Sequence[Any],
    oracle: Callable[..., Any],
    *arguments: Any,
    given: Mapping[str, Any] | None = None,
    more: str = "",
    seed: int | None = None,
    skip: Mapping[str, str] | None = None,
) -> Row:
    """Give a row for a class of modules, named by its arguments."""
    options = dict(given or {})
    spelled = ", ".join([*map(repr, arguments), *(f"{k}={v!r}" for k, v in options.items())])
    shapes = ", ".join(x.shape for x in operands if isinstance(x, Operand))
    return Row(
        f"{name}({spelled})[{'; '.join(filter(None, (shapes, more)))}]",
        seeded(lambda lib: getattr(lib.nn, name)(*arguments, **options), seed),
        tuple(operands),
        oracle,
        skip or {},
    )
