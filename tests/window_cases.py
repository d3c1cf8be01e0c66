"""Rows of the table of operations: convolution, pooling, padding, unfold and fold."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import window_oracles as oracles
from cases import Case, Operand, distinct, real

from tinygrad_np import core
from tinygrad_np.kernels import windows
from tinygrad_np.ops import conv, pool

if TYPE_CHECKING:
    from collections.abc import Callable

    Array = np.ndarray[Any, Any]


# PyTorch keeps these in `torch.nn.functional`, as we do in `nn.functional`.
def _functional(
    name: str,
    words: str | tuple[str, ...],
    oracle: Callable[..., Array],
    domain: Any = real,
    **at: Any,
) -> Case:
    """A row for a function of `nn.functional`, called with the options that the name shows."""
    given = at.pop("given", {})
    options = ",".join(f"{key}={value}" for key, value in given.items())
    words = (words,) if isinstance(words, str) else words
    return Case(
        f"{name}[{'; '.join(words)}{'; ' if options else ''}{options}]",
        tuple(Operand(word, domain) for word in words),
        oracle,
        lambda lib, *xs: getattr(lib.nn.functional, name)(*xs, **given),
        **at,
    )


def _conv_rows() -> list[Case]:
    geometries: list[tuple[tuple[str, ...], dict[str, Any]]] = [
        (("n 2 5 4", "3 2 3 2"), {}),
        (("n 2 4 5", "3 2 2 3", "3"), {"stride": (2, 1), "padding": (1, 2)}),
        (("n 4 6 5", "2 2 2 2", "2"), {"dilation": (3, 2), "groups": 2}),
        (("n 2 4 3", "2 1 2 1"), {"stride": 2, "padding": 1, "groups": 2}),
        (("2 4 3", "3 2 2 2", "3"), {"padding": 1}),
    ]
    transposed: list[tuple[tuple[str, ...], dict[str, Any]]] = [
        (("n 2 3 4", "2 3 3 2"), {}),
        (("n 2 3 2", "2 2 2 3", "2"), {"stride": (3, 2), "padding": 1, "output_padding": (2, 1)}),
        (("n 4 2 3", "4 1 2 2", "2"), {"groups": 2, "dilation": (2, 3), "padding": (1, 0)}),
        (("n 2 2 3", "2 1 2 2", "1"), {"dilation": 3, "output_padding": (2, 0)}),
        (("2 3 2", "2 2 2 2"), {"stride": 2}),
    ]

    def lifted(oracle: Any, given: Any) -> Any:
        """Call a 2-D oracle on unbatched operands too."""

        def call(x: Array, *others: Array) -> Array:
            return (
                oracle(x, *others, **given) if x.ndim == 4 else oracle(x[None], *others, **given)[0]
            )

        return call

    def flat(oracle: Any, given: Any) -> Any:
        """Call a 2-D oracle on 1-D operands, as images of height 1."""
        neutral = {"padding": 0, "output_padding": 0}
        tall = {key: v if key == "groups" else (neutral.get(key, 1), v) for key, v in given.items()}

        def call(x: Array, w: Array, *b: Array) -> Array:
            y = oracle(
                x.reshape(-1, *x.shape[-2:])[:, :, None] if x.ndim == 3 else x[None, :, None],
                w[:, :, None],
                *b,
                **tall,
            )
            return y[:, :, 0] if x.ndim == 3 else y[0, :, 0]

        return call

    return [
        *(
            _functional("conv2d", words, lifted(oracles.conv2d, given), given=given)
            for words, given in geometries
        ),
        *(
            _functional(
                "conv_transpose2d", words, lifted(oracles.conv_transpose2d, given), given=given
            )
            for words, given in transposed
        ),
        *(
            _functional("conv1d", words, flat(oracles.conv2d, given), given=given)
            for words, given in [
                (("n 2 5", "3 2 3"), {}),
                (("n 4 7", "2 2 2", "2"), {"stride": 2, "padding": 1, "dilation": 2, "groups": 2}),
                (("2 5", "3 2 2", "3"), {}),
            ]
        ),
        *(
            _functional(
                "conv_transpose1d", words, flat(oracles.conv_transpose2d, given), given=given
            )
            for words, given in [
                (("n 2 4", "2 3 3"), {}),
                (
                    ("n 4 3", "4 1 2", "2"),
                    {"stride": 3, "padding": 1, "output_padding": 2, "groups": 2},
                ),
                (("2 4", "2 3 2", "3"), {"stride": 2}),
            ]
        ),
        _functional(
            "conv2d",
            ("n 2 3 5", "2 2 2 4"),
            lambda x, w: oracles.conv2d(x, w, padding=((0, 1), (1, 2))),
            given={"padding": "same"},
        ),
        _functional("conv2d", ("n 2 3 5", "2 2 2 4"), oracles.conv2d, given={"padding": "valid"}),
        Case(
            "Conv2dWeight",
            (Operand("n 2 5 4"), Operand("n 3 2 3")),
            lambda x, g: oracles.conv2d_weight(x, g, (3, 2), (2, 1), (0, 0)),
            internal=lambda _, x, g: core.apply(
                conv.Conv2dWeight(
                    (3, 2), stride=(2, 1), padding=((0, 0), (0, 0)), dilation=(1, 1), groups=1
                ),
                x,
                g,
            ),
        ),
    ]


def _pool_rows() -> list[Case]:
    def largest(*, line: bool = False, **given: Any) -> Callable[[Array], Array]:
        given = {**given, "fill": -np.inf}
        return lambda x: _over_planes(lambda p: oracles.pool2d(np.max, p, **given), x, line=line)

    def mean(*, line: bool = False, **given: Any) -> Callable[[Array], Array]:
        return lambda x: _over_planes(lambda p: oracles.pool2d(np.mean, p, **given), x, line=line)

    def as_line(given: dict[str, Any]) -> dict[str, Any]:
        neutral = {"padding": 0}
        names = {"kernel_size": "kernel", "ceil_mode": "ceil"}
        return {
            names.get(k, k): v if k == "ceil_mode" else (neutral.get(k, 1), v)
            for k, v in given.items()
        }

    def as_plane(given: dict[str, Any]) -> dict[str, Any]:
        return {
            {"kernel_size": "kernel", "ceil_mode": "ceil"}.get(k, k): v for k, v in given.items()
        }

    rows = []
    for words, given in [
        ("n 2 4 6", {"kernel_size": 2}),
        ("n 2 5 7", {"kernel_size": (2, 3), "stride": (1, 2), "padding": (1, 0)}),
        ("2 7 5", {"kernel_size": (3, 2), "stride": 2, "dilation": (2, 1), "ceil_mode": True}),
    ]:
        rows.append(
            _functional(
                "max_pool2d",
                words,
                largest(**as_plane(given)),
                distinct,
                given=given,
            )
        )
    for words, given in [
        ("n 2 7", {"kernel_size": 3, "stride": 2, "padding": 1}),
        ("2 6", {"kernel_size": 2, "stride": 1, "dilation": 2}),
    ]:
        rows.append(
            _functional(
                "max_pool1d",
                words,
                largest(line=True, **as_line(given)),
                distinct,
                given=given,
            )
        )
    for words, given in [
        ("n 2 4 6", {"kernel_size": 2}),
        ("n 2 5 7", {"kernel_size": (2, 3), "stride": (1, 2), "padding": (1, 0)}),
        ("2 6 5", {"kernel_size": (3, 2), "stride": 2}),
    ]:
        rows.append(_functional("avg_pool2d", words, mean(**as_plane(given)), given=given))
    rows += [
        _functional(
            "avg_pool2d",
            "n 2 5 4",
            lambda x: (
                oracles.pool2d(np.sum, x, (3, 2), 2, (1, 1))
                / oracles.pool2d(np.sum, np.ones_like(x), (3, 2), 2, (1, 1))
            ),
            given={"kernel_size": (3, 2), "stride": 2, "padding": 1, "count_include_pad": False},
        ),
        _functional(
            "avg_pool2d",
            "n 2 5 4",
            lambda x: oracles.pool2d(np.sum, x, 2) / 3,
            given={"kernel_size": 2, "divisor_override": 3},
        ),
    ]
    for words, given in [
        ("n 2 7", {"kernel_size": 3, "stride": 2, "padding": 1}),
        ("2 6", {"kernel_size": 2}),
    ]:
        rows.append(
            _functional(
                "avg_pool1d",
                words,
                mean(line=True, **as_line(given)),
                given=given,
            )
        )
    for kind, f, domain in (("avg", np.mean, real), ("max", np.max, distinct)):
        rows += [
            _functional(
                f"adaptive_{kind}_pool2d",
                "n 2 5 4",
                lambda x, f=f: oracles.adaptive2d(f, x, (2, 3)),
                domain,
                given={"output_size": (2, 3)},
            ),
            _functional(
                f"adaptive_{kind}_pool2d",
                "2 3 4",
                lambda x, f=f: oracles.adaptive2d(f, x, (5, 4)),
                domain,
                given={"output_size": (5, None)},
            ),
            _functional(
                f"adaptive_{kind}_pool1d",
                "n 2 5",
                lambda x, f=f: oracles.adaptive2d(f, x[:, :, None], (1, 3))[:, :, 0],
                domain,
                given={"output_size": 3},
            ),
        ]
    return rows


def _over_planes(f: Any, x: Array, *, line: bool) -> Array:
    """Apply an oracle of planes; a line is a plane of height 1."""
    return f(x[..., None, :])[..., 0, :] if line else f(x)


def _pad_rows() -> list[Case]:
    names = {"reflect": "reflect", "replicate": "edge", "circular": "wrap"}
    rows = [
        _functional(
            "pad",
            "n m 3",
            lambda x: np.pad(x, ((0, 0), (2, 0), (1, 2)), constant_values=1.5),
            given={"pad": (1, 2, 2, 0), "value": 1.5},
        ),
        _functional(
            "pad",
            "n 4 3",
            lambda x: np.pad(x[:, 1:, :-1], ((0, 0), (0, 1), (2, 0))),
            given={"pad": (2, -1, -1, 1)},
        ),
        _functional("pad", "n 4", lambda x: x[:, 2:], given={"pad": (-2, 0)}),
        _functional("pad", "4", lambda x: x[1:-1], given={"pad": (-1, -1)}),
        *(
            _functional(
                "pad",
                "n 5",
                lambda x, places=places: x[:, places],
                given={"pad": sides, "mode": "circular"},
            )
            for sides, places in [
                ((-2, 1), [2, 3, 4, 2]),
                ((1, -2), [2, 0, 1, 2]),
                ((-2, -1), [2, 3]),
                ((-5, 0), []),
            ]
        ),
    ]
    for mode, theirs in names.items():
        for words, sides in [
            ("n 3", (2, 1)),
            ("n 2 4", (1, 3)),
            ("2 3 4", (1, 2, 2, 0)),
            ("n 2 4 3", (2, 1, 1, 3)),
            ("1 2 2 3 2", (1, 1, 2, 0, 0, 1)),
        ]:
            widths = [(0, 0)] * (len(words.split()) - len(sides) // 2) + [
                tuple(sides[i : i + 2]) for i in range(0, len(sides), 2)
            ][::-1]
            rows.append(
                _functional(
                    "pad",
                    words,
                    lambda x, widths=tuple(widths), theirs=theirs: np.pad(x, widths, mode=theirs),
                    given={"pad": sides, "mode": mode},
                )
            )
    return rows


_COLUMNS = {"kernel_size": (2, 3), "dilation": (2, 1), "padding": (1, 0), "stride": (1, 2)}
_ORACLE = {"kernel": (2, 3), "dilation": (2, 1), "padding": (1, 0), "stride": (1, 2)}

# Operands that only say where are constants here: they have no gradient to be asked for.
_PLANES = distinct(np.random.default_rng(0).random((2, 2, 5, 4)))
_AXES = windows.axes((5, 4), (3, 2), (1, 2), (1, 0))

ADJOINTS = [
    Case(
        "MaxPool2dBackward",
        (Operand("2 2 5 2"),),
        lambda g: oracles.max_pool2d_backward(g, _PLANES, (3, 2), (1, 2), (1, 0)),
        internal=lambda _, g: core.apply(
            pool.MaxPool2dBackward(*_AXES),
            g,
            core.wrap(_PLANES.astype(g.dtype)),
        ),
        free_sizes=False,
    ),
    Case(
        "AvgPool2dBackward",
        (Operand("n 2 5 2"),),
        lambda g: oracles.avg_pool2d_backward(g, (5, 4), (3, 2), (1, 2), (1, 0)),
        internal=lambda _, g: core.apply(
            pool.AvgPool2dBackward(*_AXES, np.asarray(1 / 6)),
            g,
        ),
    ),
    Case(
        "AdaptiveAvgPool2dBackward",
        (Operand("n 2 2 3"),),
        lambda g: oracles.adaptive_avg2d_backward(g, (5, 4)),
        internal=lambda _, g: core.apply(pool.AdaptiveAvgPool2dBackward((5, 4)), g),
    ),
]

WINDOWS = [
    *ADJOINTS,
    *_conv_rows(),
    *_pool_rows(),
    *_pad_rows(),
    _functional("unfold", "n 2 3 5", lambda x: oracles.unfold(x, **_ORACLE), given=_COLUMNS),
    _functional(
        "unfold", "2 3 3", lambda x: oracles.unfold(x[None], 2)[0], given={"kernel_size": 2}
    ),
    _functional(
        "fold",
        "n 12 6",
        lambda x: oracles.fold(x, (3, 5), **_ORACLE),
        given={"output_size": (3, 5), **_COLUMNS},
    ),
    _functional(
        "fold",
        "4 6",
        lambda x: oracles.fold(x[None], (3, 4), (2, 2))[0],
        given={"output_size": (3, 4), "kernel_size": 2},
    ),
]
