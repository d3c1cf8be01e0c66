"""What all optimisers share: parameter groups, state by parameter, and saving both."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

import tinygrad_np as tg
from tinygrad_np.kernels import threads

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

Array = np.ndarray[Any, Any]
BLOCK = 1 << 16  # elements: what an update reads and writes of these stays in cache


class Optimizer:
    """Base of the optimisers. `param_groups` holds the options, `state` what each parameter keeps.

    Parameters
    ----------
    params
        Tensors to optimise, or dicts of groups: `{"params": [...], "lr": ...}`.
    defaults
        Options of groups that do not set their own.
    """

    def __init__(self, params: Iterable[Any], defaults: dict[str, Any]) -> None:
        if isinstance(params, tg.Tensor):
            raise TypeError(
                f"{type(self).__name__}: params must be an iterable of tensors, not one tensor; "
                "pass [tensor], or model.parameters()"
            )
        given = list(params)
        if not given:
            raise ValueError(
                f"{type(self).__name__}: got no parameters; pass model.parameters(), and make the "
                "layers attributes of the model, not elements of a plain list"
            )
        self.defaults = defaults
        self.param_groups: list[dict[str, Any]] = []
        self.state: dict[tg.Tensor, dict[str, Any]] = {}
        for group in given if isinstance(given[0], dict) else [{"params": given}]:
            self.add_param_group(group)

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """Add parameters with options of their own."""
        params = param_group["params"]
        params = [params] if isinstance(params, tg.Tensor) else list(params)
        known = {id(p) for group in self.param_groups for p in group["params"]}
        for p in params:
            if not isinstance(p, tg.Tensor):
                raise TypeError(f"an optimiser takes tensors, and got a {type(p).__qualname__}")
            if not p.is_leaf:
                raise ValueError(
                    f"an optimiser can change leaves only, and the tensor of shape "
                    f"{tuple(p.shape)} is the result of an operation"
                )
            if id(p) in known:
                raise ValueError(
                    f"the parameter of shape {tuple(p.shape)} is in more than one group, or twice"
                )
            known.add(id(p))
        group = {**self.defaults, **param_group, "params": params}
        self.check_options(group)
        self.param_groups.append(group)

    def check_options(self, group: dict[str, Any]) -> None:
        """Refuse options outside their range."""

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Drop all gradients, or set them to zeros."""
        for group in self.param_groups:
            for p in group["params"]:
                if p.accumulator is not None and p.accumulator.grad is not None:
                    if set_to_none:
                        p.accumulator.grad = None
                    else:
                        p.accumulator.grad.detach().zero_()

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Update every parameter that has a gradient; `closure` computes the loss anew, first."""
        loss = None
        if closure is not None:
            with tg.enable_grad():
                loss = closure()
        for group in self.param_groups:
            for p in group["params"]:
                accumulator = p.accumulator
                if accumulator is not None and accumulator.grad is not None:
                    state = self.state.get(p)
                    if state is None:
                        state = self.state[p] = self.initial_state(p, group)
                    self.update(p.array, accumulator.grad.array, state, group)
                    p.written()
        return loss

    def initial_state(self, p: tg.Tensor, group: dict[str, Any]) -> dict[str, Any]:
        """What is kept for a parameter, before its first update."""
        raise NotImplementedError

    def update(self, p: Array, grad: Array, state: dict[str, Any], group: dict[str, Any]) -> None:
        """Change `p` in place by one step; `grad` stays as it is."""
        raise NotImplementedError

    def state_dict(self) -> dict[str, Any]:
        """Give options and state, with parameters numbered in order; for `tinygrad_np.save`."""
        number: dict[int, int] = {}
        groups = []
        for group in self.param_groups:
            for p in group["params"]:
                number.setdefault(id(p), len(number))
            groups.append({**group, "params": [number[id(p)] for p in group["params"]]})
        return {
            "state": {number[id(p)]: dict(state) for p, state in self.state.items()},
            "param_groups": groups,
        }

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take over options and state, for the same parameters in the same order.

        Raises
        ------
        ValueError
            If the groups or the shapes are not those of this optimiser's parameters.
        """
        saved = state_dict["param_groups"]
        sizes = [len(group["params"]) for group in self.param_groups]
        if [len(group["params"]) for group in saved] != sizes:
            raise ValueError(
                f"load_state_dict: the saved groups hold {[len(g['params']) for g in saved]} "
                f"parameters, and this optimiser's {sizes}"
            )
        numbers = [i for group in saved for i in group["params"]]
        params = [p for group in self.param_groups for p in group["params"]]
        by_number = dict(zip(numbers, params, strict=True))
        self.state = {
            by_number[i]: {
                name: _own(value, by_number[i]) if isinstance(value, tg.Tensor) else value
                for name, value in state.items()
            }
            for i, state in state_dict["state"].items()
        }
        for group, other in zip(self.param_groups, saved, strict=True):
            group.update({k: v for k, v in other.items() if k != "params"})

    def __repr__(self) -> str:
        lines = [f"{type(self).__name__} ("]
        for i, group in enumerate(self.param_groups):
            lines.append(f"Parameter Group {i}")
            lines += [f"    {k}: {v}" for k, v in sorted(group.items()) if k != "params"]
        return "\n".join([*lines, ")"])


def _own(value: tg.Tensor, p: tg.Tensor) -> tg.Tensor:
    """Copy a loaded array of state, in the parameter's dtype."""
    if value.shape != p.shape:
        raise ValueError(
            f"load_state_dict: the saved state has shape {tuple(value.shape)} for a parameter of "
            f"shape {tuple(p.shape)}; parameters must come in the order in which they were saved"
        )
    return tg.tensor(value.detach(), dtype=p.dtype)


def check_not_negative(name: str, **options: float) -> None:
    """Refuse negative options, by name."""
    for option, value in options.items():
        if value < 0:
            raise ValueError(f"{name}: {option} must not be negative, got {value}")


def in_blocks(update: Callable[..., None], *arrays: Array) -> None:
    """Call `update` on the same stretches of arrays of one shape, small enough to stay in cache.

    Several passes over 64 Ki elements cost half of what they cost over a million; beside a
    convolutional network, two threads halve that again.
    """
    first = arrays[0]
    if first.size <= BLOCK or not all(a.flags.c_contiguous for a in arrays):
        update(*arrays)
        return
    flat = [a.reshape(-1) for a in arrays]
    blocks = [[a[i : i + BLOCK] for a in flat] for i in range(0, first.size, BLOCK)]
    if threads.in_use():
        threads.each(lambda block: update(*block), blocks)
    else:
        for block in blocks:
            update(*block)
