"""The table of losses and modules: how each is made and called, and what NumPy says it gives.

One row is checked in all that `tinygrad_np.testing.check_op` knows (tests/nn/test_cases.py), and
compared with PyTorch to the second derivative (tests/conformance/test_torch_nn_cases.py). A test
fails if a function of `nn.functional` is called by no row of this table or of tests/op_cases.py,
or if no row here runs a class of modules.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import nn_oracles as oracles
import numpy as np
import window_oracles
from cases import Operand, distinct
from loss_cases import ACTIVATIONS, LOSSES
from nn_row import Row, functional, module

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    Array = np.ndarray[Any, Any]

AS_NUMPY = {"zeros": "constant", "reflect": "reflect", "replicate": "edge", "circular": "wrap"}


def line(planar: Callable[..., Any]) -> Callable[..., Any]:
    """Make an oracle of planes one of lines, which are planes of height 1."""

    def flattened(y: Array) -> Array:
        return y[..., 0, :]

    def of_lines(x: Array, *, weight: Array | None = None, bias: Array | None = None) -> Any:
        filters = {} if weight is None else {"w": weight[..., None, :]}
        y = planar(x[..., None, :], **filters, **({} if bias is None else {"b": bias}))
        return tuple(map(flattened, y)) if isinstance(y, tuple) else flattened(y)

    return of_lines


def plane(planar: Callable[..., Any]) -> Callable[..., Any]:
    """Hand the parameters over by the names of the oracles."""
    return lambda x, weight, bias=None: planar(x, weight, bias)


# --- convolution ---


def _convolution(x: Array, w: Array, b: Array | None = None, **options: Any) -> Array:
    """Convolve, with or without a batch, what is padded by NumPy."""
    *padding, mode = options.pop("padding", 0), options.pop("padding_mode", "zeros")
    sides = [window_oracles.pair(p) for p in window_oracles.pair(padding[0])]
    x = np.pad(x, [*[(0, 0)] * (x.ndim - 2), *sides], mode=AS_NUMPY[mode])
    y = window_oracles.conv2d(x if x.ndim == 4 else x[None], w, b, **options)
    return y if x.ndim == 4 else y[0]


def _convolutions() -> Iterator[Row]:
    # On the left what the module is told, on the right what it comes to where that is not the same.
    for words, sizes, options, same in (
        ("2 2 4 3", (2, 3, (3, 2)), {}, {}),
        ("1 2 6 4", (2, 4, (3, 2), (2, 1), (1, 2), (1, 2), 2), {}, {}),
        ("2 5 4", (2, 1, 3), {"padding": 1, "bias": False}, {}),
        ("1 2 3 4", (2, 2, (2, 4)), {"padding": "same"}, {"padding": ((0, 1), (1, 2))}),
        ("1 2 3 4", (2, 2, 2), {"padding": "valid"}, {"padding": 0}),
        *(
            ("1 2 4 5", (2, 1, (2, 3), (1, 2), (1, 2)), {"padding_mode": mode}, {})
            for mode in ("reflect", "replicate", "circular")
        ),
        ("1 2 4 5", (2, 2, 2, 1, (2, 1), (2, 1), 2), {"padding_mode": "circular"}, {}),
        ("2 3 4", (2, 1, 2), {"padding": "valid", "padding_mode": "reflect"}, {"padding": 0}),
        *(
            (
                "1 2 3 4",
                (2, 1, (2, 3)),
                {"padding": "same", "padding_mode": mode},
                {"padding": ((0, 1), (1, 1))},
            )
            for mode in ("reflect", "replicate", "circular")
        ),
    ):
        names = ("stride", "padding", "dilation", "groups")
        told = dict(zip(names, sizes[3:], strict=False)) | options | same
        told.pop("bias", None)
        yield module(
            "Conv2d", (Operand(words),), plane(partial(_convolution, **told)), *sizes, given=options
        )
    for words, sizes, options, same in (
        ("2 2 5", (2, 3, 3), {}, {}),
        ("2 4 7", (4, 2, 2, 2, 1, 2, 2), {}, {}),
        ("2 6", (2, 2, 3), {"bias": False}, {}),
        *(
            ("1 1 5", (1, 2, 4), {"padding": p, "padding_mode": mode}, {"padding": sides})
            for mode in AS_NUMPY
            for p, sides in [(2, (2, 2)), ("same", (1, 2))]
        ),
        ("1 5", (1, 2, 4), {"padding": "valid", "padding_mode": "circular"}, {"padding": 0}),
    ):
        told = dict(zip(("stride", "padding", "dilation", "groups"), sizes[3:], strict=False))
        told |= options | same
        told.pop("bias", None)
        for name in told.keys() & {"stride", "dilation"}:
            told[name] = (1, told[name])
        told["padding"] = (0, told.get("padding", 0))
        yield module(
            "Conv1d", (Operand(words),), line(partial(_convolution, **told)), *sizes, given=options
        )


def _stamps(x: Array, *rest: Any, **options: Any) -> Array:
    y = window_oracles.conv_transpose2d(x if x.ndim == 4 else x[None], *rest, **options)
    return y if x.ndim == 4 else y[0]


def _transposed() -> Iterator[Row]:
    names = ("stride", "padding", "output_padding", "groups")
    for words, sizes, options in (
        ("2 2 3 2", (2, 1, (3, 2)), {}),
        ("1 4 2 3", (4, 2, (2, 3), (3, 2), 1, (2, 1), 2), {}),
        ("2 3 2", (2, 1, 2), {"bias": False, "dilation": (2, 1)}),
    ):
        told = dict(zip(names, sizes[3:], strict=False)) | options
        told.pop("bias", None)
        yield module(
            "ConvTranspose2d",
            (Operand(words),),
            plane(partial(_stamps, **told)),
            *sizes,
            given=options,
        )
    yield module(
        "ConvTranspose2d",
        (Operand("1 2 3 2"), (8, 4)),  # 7 or 8 high, 3 or 4 wide
        lambda x, _, weight, bias: _stamps(x, weight, bias, 2, (0, 1), (1, 1)),
        *(2, 2, 3, 2, (0, 1)),
        more="output_size",
    )
    yield module(
        "ConvTranspose1d",
        (Operand("2 2 4"),),
        line(partial(_stamps, stride=(1, 2), padding=(0, 1), output_padding=(0, 1))),
        *(2, 3, 3, 2, 1, 1),
    )
    yield module(
        "ConvTranspose1d", (Operand("2 4"),), line(_stamps), 2, 2, 2, given={"bias": False}
    )


# --- pooling ---


def _first(pool: Callable[..., tuple[Array, Array]]) -> Callable[..., Array]:
    return lambda *xs, **options: pool(*xs, **options)[0]


def _on_line(options: dict[str, Any]) -> dict[str, Any]:
    neutral = {"kernel_size": 1, "stride": 1, "padding": 0, "dilation": 1}
    return {k: (neutral[k], v) if k in neutral else v for k, v in options.items()}


def _pools() -> Iterator[Row]:
    for words, options in (
        ("2 2 4 6", {"kernel_size": 2}),
        ("2 5 7", {"kernel_size": (2, 3), "stride": (1, 2), "padding": (1, 0)}),
        ("1 2 6 5", {"kernel_size": (3, 2), "stride": 2, "dilation": (2, 1), "ceil_mode": True}),
    ):
        on, pool = (Operand(words, distinct),), partial(oracles.max_pool2d, **options)
        yield module("MaxPool2d", on, _first(pool), given=options)
        yield module("MaxPool2d", on, pool, given={**options, "return_indices": True})
    for words, options in (
        ("2 2 7", {"kernel_size": 3, "stride": 2, "padding": 1}),
        ("2 6", {"kernel_size": 2, "stride": 3, "ceil_mode": True}),
        ("1 2 7", {"kernel_size": 3, "stride": 1, "dilation": 2}),
    ):
        on = (Operand(words, distinct),)
        pool = partial(oracles.max_pool2d, **_on_line(options))
        yield module("MaxPool1d", on, line(_first(pool)), given=options)
        yield module("MaxPool1d", on, line(pool), given={**options, "return_indices": True})
    for words, options in (
        ("2 2 4 6", {"kernel_size": 2}),
        ("2 5 7", {"kernel_size": (2, 3), "stride": (1, 2), "padding": (1, 0)}),
        ("1 2 6 5", {"kernel_size": (3, 2), "stride": 2, "padding": 1, "ceil_mode": True}),
        ("1 1 5 4", {"kernel_size": 3, "stride": 2, "padding": 1, "count_include_pad": False}),
        ("1 2 5 4", {"kernel_size": 2, "divisor_override": 3}),
        (
            "1 1 4 5",
            {"kernel_size": 2, "padding": 1, "ceil_mode": True, "divisor_override": 7},
        ),
    ):
        pool = partial(oracles.avg_pool2d, **options)
        yield module("AvgPool2d", (Operand(words),), pool, given=options)
    for words, options in (
        ("2 2 7", {"kernel_size": 3, "stride": 2, "padding": 1}),
        ("2 6", {"kernel_size": 4, "stride": 3, "padding": 1, "ceil_mode": True}),
        ("1 2 5", {"kernel_size": 3, "padding": 1, "count_include_pad": False}),
    ):
        pool = partial(oracles.avg_pool2d, **_on_line(options))
        yield module("AvgPool1d", (Operand(words),), line(pool), given=options)


def _adaptive() -> Iterator[Row]:
    mean = partial(window_oracles.adaptive2d, np.mean)
    for words, given, size in (
        ("2 2 5 4", (2, 3), (2, 3)),
        ("2 3 4", (5, None), (5, 4)),
        ("1 2 5 4", 2, (2, 2)),
    ):
        largest = partial(oracles.adaptive_max_pool2d, size=size)
        on, apart = (Operand(words),), (Operand(words, distinct),)
        yield module("AdaptiveAvgPool2d", on, partial(mean, size=size), given)
        yield module("AdaptiveMaxPool2d", apart, _first(largest), given)
        yield module("AdaptiveMaxPool2d", apart, largest, given, given={"return_indices": True})
    largest = partial(oracles.adaptive_max_pool2d, size=(1, 3))
    apart = (Operand("2 2 5", distinct),)
    yield module("AdaptiveAvgPool1d", (Operand("2 2 5"),), line(partial(mean, size=(1, 3))), 3)
    yield module("AdaptiveMaxPool1d", apart, line(_first(largest)), 3)
    yield module("AdaptiveMaxPool1d", apart, line(largest), 3, given={"return_indices": True})


# --- padding, windows as columns, shape ---


def _padded(x: Array, sides: Sequence[int], **options: Any) -> Array:
    pairs = [tuple(sides[i : i + 2]) for i in range(0, len(sides), 2)][::-1]
    return np.pad(x, [*[(0, 0)] * (x.ndim - len(pairs)), *pairs], **options)


def _pads() -> Iterator[Row]:
    for dims, words, more, sides in (
        (1, "2 2 4", 2, (2, 2)),
        (1, "2 4", (0, 3), (0, 3)),
        (2, "1 2 3 4", 2, (2,) * 4),
        (2, "2 4 3", (1, 0, 3, 2), (1, 0, 3, 2)),
    ):
        on = (Operand(words),)
        for kind, mode in (
            ("Zero", "constant"),
            ("Reflection", "reflect"),
            ("Replication", "edge"),
            ("Circular", "wrap"),
        ):
            oracle = partial(_padded, sides=sides, mode=mode)
            yield module(f"{kind}Pad{dims}d", on, oracle, more)
        oracle = partial(_padded, sides=sides, constant_values=1.5)
        yield module(f"ConstantPad{dims}d", on, oracle, more, 1.5)


def _columns() -> Iterator[Row]:
    given = {"dilation": (2, 1), "padding": (1, 0), "stride": (1, 2)}
    yield module(
        "Unfold",
        (Operand("2 2 3 5"),),
        lambda x: window_oracles.unfold(x, (2, 3), **given),
        (2, 3),
        given=given,
    )
    yield module(
        "Fold",
        (Operand("2 12 6"),),
        lambda x: window_oracles.fold(x, (3, 5), (2, 3), **given),
        *((3, 5), (2, 3)),
        given=given,
    )
    yield module("Flatten", (Operand("2 3 2"),), lambda x: x.reshape(2, 6))
    yield module("Flatten", (Operand("2 3 2 2"),), lambda x: x.reshape(2, 6, 2), 1, 2)


# --- affine maps, and modules of modules ---


def _affine(x: Array, weight: Array, bias: Array | float = 0.0) -> Array:
    return np.asarray(np.einsum("...i,oi->...o", x, weight) + bias)


def _linear() -> Iterator[Row]:
    for words in ("4 3", "3", "2 2 3"):
        yield module("Linear", (Operand(words),), _affine, 3, 2)
    yield module("Linear", (Operand("4 3"),), _affine, 3, 2, given={"bias": False})
    yield functional("linear", (Operand("4 3"), Operand("2 3"), Operand("2")), _affine)


def _listed(lib: Any) -> Any:
    class Listed(lib.nn.Module):  # type: ignore[misc, name-defined]  # of either library
        def __init__(self) -> None:
            super().__init__()
            nn = lib.nn
            self.layers = nn.ModuleList([nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 2)])

        def forward(self, x: Any) -> Any:
            for layer in self.layers:
                x = layer(x)
            return x

    return Listed()


def _two_layers(x: Array, first: str, last: str, at: dict[str, Array]) -> Array:
    hidden = np.tanh(_affine(x, at[f"{first}.weight"], at[f"{first}.bias"]))
    return _affine(hidden, at[f"{last}.weight"], at[f"{last}.bias"])


def _keyed(lib: Any) -> Any:
    class Keyed(lib.nn.Module):  # type: ignore[misc, name-defined]  # of either library
        def __init__(self) -> None:
            super().__init__()
            nn = lib.nn
            self.paths = nn.ModuleDict({"up": nn.Linear(3, 2), "down": nn.Linear(3, 2)})

        def forward(self, x: Any, path: str) -> Any:
            return self.paths[path](x) * self.paths["up"](x)

    return Keyed()


def _holding(lib: Any) -> Any:
    class Holding(lib.nn.Module):  # type: ignore[misc, name-defined]  # of either library
        def __init__(self) -> None:
            super().__init__()
            self.powers = lib.nn.ParameterList([lib.full((3,), 0.5 + i) for i in range(3)])
            self.named = lib.nn.ParameterDict({"gain": lib.full((2, 3), 1.5)})

        def forward(self, x: Any) -> Any:
            total = self.named["gain"] * x
            for i, factor in enumerate(self.powers):
                total = total + factor * x**i
            return total

    return Holding()


def _containers() -> Iterator[Row]:
    yield Row(
        "Sequential(Linear, Tanh, Linear)",
        lambda lib: lib.nn.Sequential(lib.nn.Linear(3, 4), lib.nn.Tanh(), lib.nn.Linear(4, 2)),
        (Operand("5 3"),),
        lambda x, **at: _two_layers(x, "0", "2", at),
    )
    yield Row(
        "ModuleList",
        _listed,
        (Operand("5 3"),),
        lambda x, **at: _two_layers(x, "layers.0", "layers.2", at),
    )
    yield Row(
        "ModuleDict",
        _keyed,
        (Operand("4 3"), "down"),
        lambda x, _, **at: (
            _affine(x, at["paths.down.weight"], at["paths.down.bias"])
            * _affine(x, at["paths.up.weight"], at["paths.up.bias"])
        ),
    )
    yield Row(
        "ParameterList and ParameterDict",
        _holding,
        (Operand("2 3"),),
        lambda x, **at: at["named.gain"] * x + sum(at[f"powers.{i}"] * x**i for i in range(3)),
    )
    yield Row(
        "a network of convolutions",
        lambda lib: lib.nn.Sequential(
            lib.nn.Conv2d(1, 2, 3, padding=1, padding_mode="circular"),
            lib.nn.Sigmoid(),
            lib.nn.AvgPool2d(2),
            lib.nn.Flatten(),
            lib.nn.Linear(8, 3),
        ),
        (Operand("2 1 4 4"),),
        lambda x, **at: _affine(
            oracles.avg_pool2d(
                1
                / (
                    1
                    + np.exp(
                        -_convolution(
                            x, at["0.weight"], at["0.bias"], padding=1, padding_mode="circular"
                        )
                    )
                ),
                2,
            ).reshape(2, 8),
            at["4.weight"],
            at["4.bias"],
        ),
    )


ROWS = [
    *LOSSES,
    *ACTIVATIONS,
    *_convolutions(),
    *_transposed(),
    *_pools(),
    *_adaptive(),
    *_pads(),
    *_columns(),
    *_linear(),
    *_containers(),
]
assert len({row.name for row in ROWS}) == len(ROWS), "two rows have one name"
