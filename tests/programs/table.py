"""What random programs are made of: ops, views and writes, in the libraries and in NumPy.

Each has a function for the libraries (`lib` is ours or PyTorch) and one for complex arrays, which
`decide`s wherever it is not analytic. Where NumPy raises, the libraries must; where what they do
is another matter, `needs` says for which operands the entry is meant.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from programs.worlds import Refused, decide

if TYPE_CHECKING:
    from collections.abc import Callable

    Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Op:
    """One op: of `count` operands, first `lib` and then they; in NumPy, they alone."""

    count: int
    function: Callable[..., Any]
    on_arrays: Callable[..., Any]
    positive: bool = False  # the first operand must be
    mixes: bool = True  # dtypes; False: refuses
    needs: Callable[..., bool] = lambda *_: True


def line(x: Array) -> Array:
    """A number counts as one element along its only dimension."""
    return x if x.ndim else x[None]


def along(function: Callable[[Array], Array]) -> Callable[[Array], Array]:
    """Let a function along dimensions, which keeps shapes, take numbers too."""
    return lambda x: function(line(x)).reshape(x.shape)


def joined(x: Array, y: Array) -> Array:
    """One after the other; a vector without elements joins with anything."""
    parts = [z for z in (x, y) if z.shape != (0,)] if x.ndim and y.ndim else [x, y]
    return np.concatenate(parts or [x, y])


def places(x: Any) -> Array:
    """Indices along the last dimension of `x`, in its shape, some of them twice."""
    shape = tuple(x.shape)
    count = np.arange(np.prod(shape, dtype=int)) * 3 + 1
    return np.asarray(count.reshape(shape) % max([*shape[-1:], 1]))


def largest(x: Array, axis: int) -> Array:
    """The largest element, and the first of equals."""
    place = decide(np.argmax(x.real, axis=axis, keepdims=True))
    found: Array = np.take_along_axis(x, place, axis).squeeze(axis)
    return found


def shared(x: Array, axis: int | None) -> Array:
    """The largest element, which equals share evenly."""
    ties = decide(x.real == x.real.max(axis=axis, keepdims=True))
    found: Array = (x * ties).sum(axis) / ties.sum(axis)
    return found


def above(x: Array, y: Array) -> Array:
    """The larger of two, half of each where they are equal."""
    part = decide(np.where(x.real > y.real, 1.0, np.where(x.real < y.real, 0.0, 0.5)))
    return part * x + (1 - part) * y


def held(x: Array, low: float, high: float) -> Array:
    inside = decide((x.real >= low) & (x.real <= high))
    bound = decide(np.clip(x.real, low, high))
    return np.where(inside, x, bound)


def positive_part(x: Array) -> Array:
    return np.where(decide(x.real > 0), x, 0)


def log_softmax(x: Array) -> Array:
    return x - np.log(np.exp(x).sum(-1, keepdims=True))


def windows(x: Array, size: int) -> Array:
    return np.lib.stride_tricks.sliding_window_view(x, size, axis=-1)


def labels(x: Any) -> Array:
    rows, classes = x.shape
    return np.arange(rows) * 2 % classes


def matrices(x: Any, y: Any = None) -> bool:
    return x.ndim == 2 and x.size > 0 and (y is None or (y.ndim == 2 and y.size > 0))


@functools.cache
def cube(lib: Any) -> Any:
    """A function of the user's own, whose rule can be differentiated again."""

    class Cube(lib.autograd.Function):  # type: ignore[misc]  # of either library
        @staticmethod
        def forward(ctx: Any, x: Any) -> Any:
            ctx.save_for_backward(x)
            return x * x * x

        @staticmethod
        def backward(ctx: Any, g: Any) -> Any:
            (x,) = ctx.saved_tensors
            return 3 * x * x * g

    return Cube.apply


# Where a rule reads other operands than PyTorch's does (div, cross_entropy), it works on copies.
OPS: dict[str, Op] = {
    "add": Op(2, lambda _, x, y: x + y, lambda x, y: x + y),
    "sub": Op(2, lambda _, x, y: x - 0.5 * y, lambda x, y: x - 0.5 * y),
    "mul": Op(2, lambda _, x, y: x * y, lambda x, y: x * y),
    "div": Op(2, lambda _, x, y: (x + 0.0) / (y * y + 2.0) * 1.0, lambda x, y: x / (y * y + 2.0)),
    "square": Op(1, lambda _, x: x * x, lambda x: x * x),
    "lift": Op(1, lambda _, x: x * x + 0.5, lambda x: x * x + 0.5),
    "neg": Op(1, lambda _, x: -x, lambda x: -x),
    "abs": Op(1, lambda lib, x: lib.abs(x), lambda x: x * decide(np.sign(x.real))),
    "tanh": Op(1, lambda lib, x: lib.tanh(x), np.tanh),
    "exp": Op(1, lambda lib, x: lib.exp(lib.tanh(x)), lambda x: np.exp(np.tanh(x))),
    "log": Op(1, lambda lib, x: lib.log(x), np.log, positive=True),
    "sqrt": Op(1, lambda lib, x: lib.sqrt(x), np.sqrt, positive=True),
    "pow": Op(2, lambda _, x, y: x**y, lambda x, y: x**y, positive=True),
    "third power": Op(1, lambda _, x: x**3, lambda x: x * x * x),
    "sigmoid": Op(1, lambda lib, x: lib.sigmoid(x), lambda x: 1 / (1 + np.exp(-x))),
    "relu": Op(1, lambda lib, x: lib.nn.functional.relu(x), positive_part),
    "clamp": Op(1, lambda lib, x: lib.clamp(x, -0.5, 0.7), lambda x: held(x, -0.5, 0.7)),
    "maximum": Op(2, lambda lib, x, y: lib.maximum(x, y), above),
    "where": Op(
        2,
        lambda lib, x, y: lib.where(x > 0.1, x, y),
        lambda x, y: np.where(decide(x.real > 0.1), x, y),
    ),
    "masked_fill": Op(
        1,
        lambda lib, x: lib.masked_fill(x, x > 0.5, 0.25),
        lambda x: np.where(decide(x.real > 0.5), 0.25, x),
    ),
    "sum": Op(1, lambda _, x: x.sum(0) if x.ndim else x.sum(), lambda x: line(x).sum(0)),
    "mean": Op(
        1,
        lambda _, x: x.mean(-1, keepdim=True),
        lambda x: x.sum(-1, keepdims=True) / x.shape[-1] if x.ndim else x,
    ),
    "max": Op(1, lambda _, x: x.max(-1).values, lambda x: largest(line(x), -1)),
    "amax": Op(1, lambda _, x: x.amax(0), lambda x: shared(line(x), 0)),
    "max of all": Op(1, lambda _, x: x.max(), lambda x: shared(x, None)),
    "logsumexp": Op(
        1, lambda lib, x: lib.logsumexp(x, 0), lambda x: np.log(np.exp(line(x)).sum(0))
    ),
    "softmax": Op(
        1,
        lambda lib, x: lib.softmax(x, -1),
        along(lambda x: np.exp(x) / np.exp(x).sum(-1, keepdims=True)),
    ),
    "log_softmax": Op(1, lambda lib, x: lib.log_softmax(x, -1), along(log_softmax)),
    "gather": Op(
        1,
        lambda lib, x: lib.gather(x, -1, lib.tensor(places(x))),
        along(lambda x: np.take_along_axis(x, places(x), -1)),
    ),
    "x[[-1, 0, 0]]": Op(1, lambda _, x: x[[-1, 0, 0]], lambda x: x[[-1, 0, 0]]),
    "x[x > 0.1]": Op(1, lambda _, x: x[x > 0.1], lambda x: x[decide(x.real > 0.1)]),
    "cat": Op(
        2,
        lambda lib, x, y: lib.cat([x, y]).reshape(2, -1).sum(0),
        lambda x, y: joined(x, y).reshape(2, -1).sum(0),
    ),
    "stack": Op(2, lambda lib, x, y: lib.stack([x, y], -1), lambda x, y: np.stack([x, y], -1)),
    "matmul": Op(2, lambda _, x, y: x @ y, lambda x, y: x @ y, mixes=False),
    "gram": Op(1, lambda _, x: x.transpose(0, -1) @ x, lambda x: line(x).swapaxes(0, -1) @ x),
    "linear": Op(
        2,
        lambda lib, x, y: lib.nn.functional.linear(x, y),
        lambda x, y: x @ y.T,
        mixes=False,
        needs=matrices,
    ),
    "conv1d": Op(
        2,
        lambda lib, x, y: lib.nn.functional.conv1d(x.unsqueeze(0), y.unsqueeze(0)),
        lambda x, y: np.einsum("clk,ck->l", windows(x, y.shape[1]), y)[None, None],
        mixes=False,
        needs=lambda x, y: matrices(x, y) and len(x) == len(y) and y.shape[1] <= x.shape[1],
    ),
    "max_pool1d": Op(
        1,
        lambda lib, x: lib.nn.functional.max_pool1d(x.unsqueeze(0), 2, 1),
        lambda x: largest(windows(x, 2), -1)[None],
        needs=lambda x: matrices(x) and x.shape[1] > 1,
    ),
    "mse_loss": Op(
        2,
        lambda lib, x, y: lib.nn.functional.mse_loss(x, y),
        lambda x, y: ((x - y) ** 2).sum() / x.size,
        needs=lambda x, y: x.shape == y.shape,
    ),
    "cross_entropy": Op(
        1,
        lambda lib, x: lib.nn.functional.cross_entropy(x * 1.0, lib.tensor(labels(x))),
        lambda x: -log_softmax(x)[np.arange(len(x)), labels(x)].mean(),
        needs=matrices,
    ),
    "Function": Op(1, lambda lib, x: cube(lib)(x), lambda x: x * x * x),
    "checkpoint": Op(
        1,
        lambda lib, x: lib.utils.checkpoint.checkpoint(
            lambda z: lib.tanh(z) * z, x * 1.0, use_reentrant=False
        ),
        lambda x: np.tanh(x) * x,
    ),
}


def expanded(x: Array) -> Array:
    """NumPy's `broadcast_to`, which can be written where that means something."""
    y = np.broadcast_to(x, (2, 3))
    return np.lib.stride_tricks.as_strided(x, y.shape, y.strides)


def in_a_row(x: Array) -> Array:
    return np.reshape(x, (1, -1), copy=False)


def diagonal(x: Array) -> Array:
    """NumPy's, which can be written."""
    y = np.diagonal(x)
    y.setflags(write=True)
    return y


VIEWS: dict[str, tuple[Callable[[Any], Any], Callable[[Array], Array]]] = {
    "first": (lambda x: x[0], lambda x: x[0, ...]),
    "last": (lambda x: x[..., -1:], lambda x: x[..., -1:]),
    "every other": (lambda x: x[..., ::2], lambda x: x[..., ::2]),
    "tail": (lambda x: x[1:], lambda x: x[1:]),
    "transpose": (lambda x: x.transpose(0, -1), lambda x: x.swapaxes(0, -1) if x.ndim else x[...]),
    "unsqueeze": (lambda x: x.unsqueeze(0), lambda x: x[None]),
    "row": (lambda x: x.view(1, -1), in_a_row),
    "diagonal": (lambda x: x.diagonal(), diagonal),
    "expand": (lambda x: x.expand(2, 3), expanded),
}


@dataclass(frozen=True)
class Write:
    """A write into the first operand, from what the second holds (`count` 2) or not."""

    count: int
    function: Callable[..., Any]
    on_arrays: Callable[..., Any]
    # For two operands in one memory, which PyTorch refuses: what is to be written, made beforehand.
    apart: Callable[..., Any] | None = None
    positive: bool = False
    mixes: bool = True
    needs: Callable[..., bool] = lambda *_: True


def put(x: Array, place: Any, y: Any) -> Array:
    """What an assignment to `x[place]` leaves in `x`."""
    changed = x.copy()
    changed[place] = y
    return changed


def add_rows(x: Array, y: Array) -> Array:
    changed = x.copy()
    np.add.at(changed, np.zeros(len(y), int), y)
    return changed


def beside(x: Any, y: Any) -> bool:
    """Whether all but the first dimension are the same, and there is one."""
    return x.ndim > 0 and len(x) > 0 and y.ndim == x.ndim and x.shape[1:] == y.shape[1:]


def scattered(x: Array, y: Array) -> Array:
    changed = x.copy()
    np.put_along_axis(changed, np.arange(x.shape[-1])[::-1] + 0 * places(x), y, -1)
    return changed


WRITES: dict[str, Write] = {
    "add_": Write(2, lambda _, x, y: x.add_(y), lambda x, y: x + y, lambda x, y: x + y),
    "add_ scaled": Write(
        2,
        lambda _, x, y: x.add_(y, alpha=-0.5),
        lambda x, y: x - 0.5 * y,
        lambda x, y: x - 0.5 * y,
    ),
    "sub_": Write(2, lambda _, x, y: x.sub_(y), lambda x, y: x - y, lambda x, y: x - y),
    "mul_": Write(2, lambda _, x, y: x.mul_(y), lambda x, y: x * y, lambda x, y: x * y),
    "div_": Write(
        2,
        lambda _, x, y: x.div_(y * y + 2.0),
        lambda x, y: x / (y * y + 2.0),
        lambda x, y: x / (y * y + 2.0),
    ),
    "addcmul_": Write(
        2,
        lambda _, x, y: x.addcmul_(y, y, value=-0.5),
        lambda x, y: x - 0.5 * y * y,
    ),
    "lerp_": Write(
        2, lambda _, x, y: x.lerp_(y, 0.25), lambda x, y: 0.75 * x + 0.25 * y, mixes=False
    ),
    "mul_ number": Write(1, lambda _, x: x.mul_(0.5), lambda x: x * 0.5),
    "pow_": Write(1, lambda _, x: x.pow_(2), lambda x: x * x),
    "exp_": Write(1, lambda _, x: x.exp_(), np.exp),
    "tanh_": Write(1, lambda _, x: x.tanh_(), np.tanh),
    "sqrt_": Write(1, lambda _, x: x.sqrt_(), np.sqrt, positive=True),
    "neg_": Write(1, lambda _, x: x.neg_(), lambda x: -x),
    "relu_": Write(1, lambda _, x: x.relu_(), positive_part),
    "clamp_": Write(1, lambda _, x: x.clamp_(-0.5, 0.7), lambda x: held(x, -0.5, 0.7)),
    "zero_": Write(1, lambda _, x: x.zero_(), lambda x: 0 * x),
    "masked_fill_": Write(
        1,
        lambda _, x: x.masked_fill_(x > 0.5, 0.25),
        lambda x: np.where(decide(x.real > 0.5), 0.25, x),
    ),
    "index_fill_": Write(
        1,
        lambda lib, x: x.index_fill_(0, lib.tensor([0]), 0.25),
        lambda x: put(x, [0], 0.25),
        needs=lambda x: x.ndim > 0 and len(x) > 0,
    ),
    "index_add_": Write(
        2,
        lambda lib, x, y: x.index_add_(0, lib.tensor(np.zeros(len(y), int)), y),
        add_rows,
        mixes=False,
        needs=beside,
    ),
    "scatter_": Write(
        2,
        lambda lib, x, y: x.scatter_(
            -1, lib.tensor(np.arange(x.shape[-1])[::-1] + 0 * places(x)), y
        ),
        scattered,
        mixes=False,
        needs=lambda x, y: x.ndim > 0 and x.shape == y.shape,
    ),
    "scatter_add_": Write(
        2,
        lambda lib, x, y: x.scatter_add_(0, lib.tensor(0 * places(y)), y),
        add_rows,
        mixes=False,
        needs=beside,
    ),
    "copy_": Write(2, lambda _, x, y: x.copy_(y), lambda x, y: y + 0 * x, lambda _, y: y.clone()),
    "x[...] = y": Write(
        2,
        lambda _, x, y: x.__setitem__(..., y),
        lambda x, y: put(x, ..., y),
        lambda _, y: y.clone(),
    ),
    "x[0] = y": Write(2, lambda _, x, y: x.__setitem__(0, y), lambda x, y: put(x, (0, ...), y)),
    "x[x > 0.1] = number": Write(
        1,
        lambda _, x: x.__setitem__(x > 0.1, 0.25),
        lambda x: put(x, decide(x.real > 0.1), 0.25),
    ),
}


def same_dtype(arrays: Any) -> None:
    """Refuse operands of two dtypes, as matmul does."""
    if len({x.dtype for x in arrays}) > 1:
        raise Refused("dtypes are not mixed")
