"""What both libraries are asked: to run something in some modes, and to call hooks."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

from programs.worlds import Refused

import tinygrad_np as tg
import tinygrad_np.utils.checkpoint

try:
    import torch
    import torch.utils.checkpoint
except ImportError:
    torch = None

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

MODES = ["no_grad", "enable_grad", "inference_mode", "set_grad_enabled(True)"]


def attempt(action: Callable[[], Any]) -> tuple[Any, Exception | None]:
    try:
        return action(), None
    except (RuntimeError, ValueError, IndexError, TypeError, Refused) as error:
        return None, error


def records(names: Sequence[str]) -> bool:
    """Whether operations are recorded inside these modes."""
    grad, inference = True, False
    for name in names:
        inference |= name == "inference_mode"
        grad = name not in ("no_grad", "inference_mode") and not inference
    return grad


@contextlib.contextmanager
def within(names: Sequence[str]) -> Any:
    """Our modes, one inside the other."""
    with contextlib.ExitStack() as stack:
        for name in names:
            made = tg.set_grad_enabled(True) if "(" in name else getattr(tg, name)()
            stack.enter_context(made)
        yield


def in_ours(names: Sequence[str], action: Callable[[], Any]) -> Any:
    with within(names):
        return action()


def in_theirs(names: Sequence[str], action: Callable[[], Any]) -> Any:
    """PyTorch has further rules for what was made in inference mode: here it is a no_grad."""
    with torch.set_grad_enabled(records(names)):
        return action()


def doubled(g: Any) -> Any:
    return None if g is None else 2 * g  # PyTorch calls hooks with None in a second pass


def noting(seen: list[Any]) -> Callable[[Any], None]:
    def note(g: Any) -> None:
        if g is not None:
            seen.append(g.detach().clone().numpy())

    return note
