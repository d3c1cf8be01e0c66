"""What several test files share: tensors from arrays, and gradients by both paths."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from hypothesis import settings

import tinygrad_np as tg

if TYPE_CHECKING:
    from collections.abc import Sequence

    Array = np.ndarray[Any, Any]

# For gradcheck in float64: a rule that is wrong by a factor of 1.001 does not pass.
TIGHT = {"atol": 1e-6, "rtol": 1e-5}


def times(factor: int) -> settings:
    """More examples than the profile's, for what has many corners: up to 1,000."""
    own = settings.default.max_examples
    return settings(max_examples=max(own, min(factor * own, 1000)))


def tensors(arrays: Sequence[Array], dtype: Any = np.float64) -> list[tg.Tensor]:
    """Tensors over copies of the arrays; floating ones have `dtype` and require grad."""
    made = []
    for array in arrays:
        floating = array.dtype.kind == "f"
        copy = np.array(array, dtype=dtype if floating else None)
        made.append(tg.from_numpy(copy).requires_grad_(floating))
    return made


def weights(shape: Sequence[int], dtype: Any = np.float64, seed: int = 1) -> tg.Tensor:
    """A random cotangent: a backward pass seeded with ones proves little."""
    return tg.from_numpy(np.random.default_rng(seed).standard_normal(shape).astype(dtype))


def gradients(
    output: tg.Tensor, inputs: Sequence[tg.Tensor], *, create_graph: bool = False, seed: int = 1
) -> list[Array]:
    """Gradients of a random projection of `output`, as arrays."""
    found = tg.autograd.grad(
        output,
        [x for x in inputs if x.requires_grad],
        weights(output.shape, output.dtype, seed),
        create_graph=create_graph,
    )
    return [g.detach().numpy() for g in found]


def both_orders(output: tg.Tensor, inputs: Sequence[tg.Tensor]) -> list[Array]:
    """Gradients of a random projection of `output`, then those of a projection of them."""
    leaves = [x for x in inputs if x.requires_grad]
    first = tg.autograd.grad(output, leaves, weights(output.shape, output.dtype), create_graph=True)
    total = sum(((g * weights(g.shape, g.dtype, 2)).sum() for g in first), tg.tensor(0.0))
    second: Sequence[tg.Tensor | None] = [None] * len(leaves)
    if total.requires_grad:
        second = tg.autograd.grad(total, leaves, allow_unused=True)
    return [
        *(g.detach().numpy() for g in first),
        *(
            np.zeros(x.shape) if g is None else g.detach().numpy()
            for x, g in zip(leaves, second, strict=True)
        ),
    ]
