"""Convolution, pooling and padding beside PyTorch's, over drawn geometries and at the edges.

The table of ops (test_torch_ops.py) has compared one call of each; here are all the options.
"""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest
from geometry import MANY, pairs, stored
from hypothesis import assume, given
from hypothesis import strategies as st

import nn
import nn.functional as F
import tinygrad_np as tg

torch = pytest.importorskip("torch", reason="PyTorch is what these tests compare with")
TF = torch.nn.functional
RNG = np.random.default_rng(0)


@pytest.fixture(autouse=True)
def _threads() -> None:
    torch.set_num_threads(1)


def compare(
    name: str, arrays: list[Any], options: dict[str, Any], *, tolerance: float = 1e-10
) -> None:
    """Values and gradients; and the second order, by differentiating the gradients' projection."""
    ours = [tg.tensor(np.array(a), requires_grad=True) for a in arrays]
    theirs = [torch.tensor(np.ascontiguousarray(a), requires_grad=True) for a in arrays]
    y, z = getattr(F, name)(*ours, **options), getattr(TF, name)(*theirs, **options)
    assert tuple(y.shape) == tuple(z.shape)
    close(y, z, tolerance)
    g = RNG.standard_normal(y.shape).astype(arrays[0].dtype)
    u, v = tg.tensor(g, requires_grad=True), torch.tensor(g, requires_grad=True)
    first = tg.autograd.grad(y, ours, u, create_graph=True)
    wanted = torch.autograd.grad(z, theirs, v, create_graph=True)
    directions = [RNG.standard_normal(a.shape).astype(a.dtype) for a in arrays]
    p: Any = sum((a * tg.tensor(d)).sum() for a, d in zip(first, directions, strict=True))
    q: Any = sum((a * torch.tensor(d)).sum() for a, d in zip(wanted, directions, strict=True))
    for a, b in zip(first, wanted, strict=True):
        close(a, b, tolerance)
    if not q.requires_grad:
        return
    inputs = [*theirs, v]
    second = torch.autograd.grad(q, inputs, allow_unused=True)
    found = tg.autograd.grad(p, [*ours, u], allow_unused=True)
    for x, a, b in zip(inputs, found, second, strict=True):
        zero = np.zeros(tuple(x.shape))
        np.testing.assert_allclose(
            zero if a is None else a.detach().numpy(),
            zero if b is None else b.detach().numpy(),
            rtol=tolerance,
            atol=100 * tolerance,
        )


def close(ours: Any, theirs: Any, tolerance: float) -> None:
    a, b = ours.detach().numpy(), theirs.detach().numpy()
    scale = max(1.0, float(np.abs(b).max())) if b.size else 1.0
    np.testing.assert_allclose(a, b, rtol=tolerance, atol=tolerance * scale)


def numbers(*shape: int) -> Any:
    return RNG.standard_normal(shape)


@st.composite
def convolutions(draw: st.DrawFn, n: int) -> tuple[list[Any], dict[str, Any]]:
    groups, c, o = draw(st.integers(1, 3)), draw(st.integers(1, 3)), draw(st.integers(1, 3))

    def each(low: int, high: int) -> tuple[int, ...]:
        return tuple(draw(st.integers(low, high)) for _ in range(n))

    kernel = each(1, 4)
    options = {
        "stride": each(1, 3),
        "padding": draw(st.sampled_from([each(0, 3), "valid"])),
        "dilation": each(1, 3),
        "groups": groups,
    }
    size = tuple(
        d * (k - 1) + 1 + draw(st.integers(0, 5))
        for k, d in zip(kernel, options["dilation"], strict=True)
    )
    lead = draw(st.sampled_from([(), (1,), (3,)]))
    x = (
        stored(numbers(*lead, groups * c, *size), draw(st.integers(0, 5)))
        if len(lead) + n == 3
        else numbers(*lead, groups * c, *size)
    )
    arrays = [x, numbers(groups * o, c, *kernel)]
    if draw(st.booleans()):
        arrays.append(numbers(groups * o))
    return arrays, options


@pytest.mark.parametrize("n", [1, 2])
@MANY
@given(data=st.data())
def test_conv(n: int, data: st.DataObject) -> None:
    compare(f"conv{n}d", *data.draw(convolutions(n)))


@pytest.mark.parametrize("n", [1, 2])
@MANY
@given(data=st.data())
def test_conv_same(n: int, data: st.DataObject) -> None:
    arrays, options = data.draw(convolutions(n))
    options |= {"padding": "same", "stride": 1}
    with warnings.catch_warnings(action="ignore"):  # PyTorch copies for even kernels, and says so
        compare(f"conv{n}d", arrays, options)


@pytest.mark.parametrize("n", [1, 2])
@MANY
@given(data=st.data())
def test_conv_transpose(n: int, data: st.DataObject) -> None:
    (x, w, *b), options = data.draw(convolutions(n))
    groups, c = options["groups"], w.shape[1]
    w = numbers(groups * c, data.draw(st.integers(1, 3)), *w.shape[2:])
    options["padding"] = tuple(data.draw(st.integers(0, 2)) for _ in range(n))
    options["output_padding"] = tuple(
        data.draw(st.integers(0, max(s, d) - 1))
        for s, d in zip(options["stride"], options["dilation"], strict=True)
    )
    arrays = [x, w, *([numbers(groups * w.shape[1])] if b else [])]
    try:
        TF.__dict__[f"conv_transpose{n}d"](
            *map(torch.tensor, map(np.ascontiguousarray, arrays)), **options
        )
    except RuntimeError as error:
        assume("too small" not in str(error))
        raise
    compare(f"conv_transpose{n}d", arrays, options)


LAYERS: dict[str, tuple[tuple[int, ...], tuple[int, ...], dict[str, Any]]] = {
    "1->6 5x5": ((8, 1, 28, 28), (6, 1, 5, 5), {"padding": 2}),
    "6->16 5x5": ((8, 6, 14, 14), (16, 6, 5, 5), {}),
    "32->64 3x3": ((4, 32, 26, 26), (64, 32, 3, 3), {}),
    "16->32 3x3": ((3, 16, 15, 17), (32, 16, 3, 3), {"padding": 1}),
    "strided": ((4, 16, 16, 14), (16, 16, 3, 3), {"stride": 2, "padding": 1}),
    "dilated": ((4, 16, 16, 14), (16, 16, 3, 3), {"dilation": 2, "padding": 2}),
    "depthwise": ((4, 32, 16, 14), (32, 1, 3, 3), {"padding": 1, "groups": 32}),
    "1x1": ((4, 32, 8, 9), (64, 32, 1, 1), {}),
    "one image": ((1, 64, 7, 7), (64, 64, 3, 3), {"padding": 1}),
}


@pytest.mark.parametrize(("x", "w", "options"), LAYERS.values(), ids=list(LAYERS))
def test_layers_of_real_networks(x: Any, w: Any, options: Any) -> None:
    arrays = [numbers(*x).astype("f4"), (numbers(*w) / 10).astype("f4"), numbers(w[0]).astype("f4")]
    compare("conv2d", arrays, options, tolerance=2e-5)


@st.composite
def windows(draw: st.DrawFn, n: int, *, dilated: bool) -> tuple[list[Any], dict[str, Any]]:
    kernel = tuple(draw(st.integers(1, 4)) for _ in range(n))
    dilation = tuple(draw(st.integers(1, 3)) if dilated else 1 for _ in range(n))
    options = {
        "kernel_size": kernel,
        "stride": draw(st.sampled_from([None, tuple(draw(st.integers(1, 4)) for _ in range(n))])),
        "padding": tuple(draw(st.integers(0, k // 2)) for k in kernel),
        "ceil_mode": draw(st.booleans()),
    }
    if dilated:
        options["dilation"] = dilation
    size = tuple(
        d * (k - 1) + 1 + draw(st.integers(0, 6)) for k, d in zip(kernel, dilation, strict=True)
    )
    lead = draw(st.sampled_from([(2,), (1, 2), (3, 2)]))
    x = numbers(*lead, *size)
    return [stored(x, draw(st.integers(0, 5))) if x.ndim == 4 else x], options


@pytest.mark.parametrize("n", [1, 2])
@MANY
@given(data=st.data())
def test_max_pool(n: int, data: st.DataObject) -> None:
    (x,), options = data.draw(windows(n, dilated=True))
    compare(f"max_pool{n}d", [x], options)
    rough = np.round(x)  # with ties, also among the indices
    for indices in (True, False):
        y = getattr(F, f"max_pool{n}d")(tg.tensor(rough), **options, return_indices=indices)
        z = getattr(TF, f"max_pool{n}d")(
            torch.tensor(np.ascontiguousarray(rough)), **options, return_indices=indices
        )
        for a, b in zip(y, z, strict=True) if indices else [(y, z)]:
            np.testing.assert_array_equal(a.numpy(), b.numpy())


@pytest.mark.parametrize("n", [1, 2])
@MANY
@given(data=st.data())
def test_avg_pool(n: int, data: st.DataObject) -> None:
    arrays, options = data.draw(windows(n, dilated=False))
    options["count_include_pad"] = data.draw(st.booleans())
    if n == 2:
        options["divisor_override"] = data.draw(st.sampled_from([None, 3, -2]))
    compare(f"avg_pool{n}d", arrays, options)


@MANY
@given(pairs(1, 9), pairs(1, 6), st.sampled_from([(2,), (1, 2), (3, 2)]))
def test_adaptive_pools(hw: Any, out: Any, lead: Any) -> None:
    x = numbers(*lead, *hw)
    for kind in ("avg", "max"):
        compare(f"adaptive_{kind}_pool2d", [x], {"output_size": out})
        compare(f"adaptive_{kind}_pool1d", [x[..., 0]], {"output_size": out[0]})
    y, at = F.adaptive_max_pool2d(tg.tensor(np.round(x)), out, return_indices=True)
    z, there = TF.adaptive_max_pool2d(torch.tensor(np.round(x)), out, return_indices=True)
    np.testing.assert_array_equal(y.numpy(), z.numpy())
    np.testing.assert_array_equal(at.numpy(), there.numpy())


@MANY
@given(data=st.data())
def test_unfold_and_fold(data: st.DataObject) -> None:
    arrays, options = data.draw(convolutions(2))
    del options["groups"]
    options["padding"] = data.draw(pairs(0, 3))
    options["kernel_size"] = arrays[1].shape[2:]
    x = arrays[0]
    compare("unfold", [x], options)
    columns = F.unfold(tg.tensor(np.array(x)), **options)
    compare("fold", [numbers(*columns.shape)], {"output_size": x.shape[-2:], **options})


@MANY
@given(data=st.data())
def test_pad(data: st.DataObject) -> None:
    mode = data.draw(st.sampled_from(["constant", "reflect", "replicate", "circular"]))
    rank = data.draw(st.integers(1, 2))
    shape = tuple(data.draw(st.integers(2, 5)) for _ in range(rank + data.draw(st.integers(1, 2))))
    sides = tuple(
        data.draw(st.integers(-1, size - 1)) for size in reversed(shape[-rank:]) for _ in (0, 1)
    )
    try:
        TF.pad(torch.zeros(shape), sides, mode=mode)
    except RuntimeError:
        assume(False)  # - crops all there is
    compare("pad", [numbers(*shape)], {"pad": sides, "mode": mode})


ODD: dict[str, Any] = {
    "nan": [[1.0, np.nan, 2.0, 3.0], [np.nan, 0.0, 1.0, 5.0], [0.0, 0.0, np.nan, 1.0]],
    "infinities": [[np.inf, -np.inf, 2.0, -np.inf], [-np.inf] * 4, [np.inf, np.inf, 1.0, 0.0]],
    "ties": np.ones((3, 4)),
}


@pytest.mark.parametrize("plane", ODD.values(), ids=list(ODD))
@pytest.mark.parametrize(
    "options", [{}, {"stride": 1}, {"padding": 1}, {"ceil_mode": True}], ids=str
)
def test_max_pooling_of_odd_numbers(plane: Any, options: Any) -> None:
    x = tg.tensor(np.array(plane)[None], requires_grad=True)
    r = torch.tensor(np.array(plane)[None], requires_grad=True)
    y, z = F.max_pool2d(x, 2, **options), TF.max_pool2d(r, 2, **options)
    np.testing.assert_array_equal(y.detach().numpy(), z.detach().numpy())
    g = RNG.standard_normal(y.shape)
    y.backward(tg.tensor(g))
    z.backward(torch.tensor(g))
    np.testing.assert_allclose(x.grad.numpy(), r.grad.numpy())


def test_integers() -> None:
    x = np.arange(-8, 8).reshape(1, 1, 4, 4)
    w = np.arange(4).reshape(1, 1, 2, 2)
    for dtype in ("int64", "int32"):
        a, b = x.astype(dtype), w.astype(dtype)
        y, z = F.conv2d(tg.tensor(a), tg.tensor(b)), TF.conv2d(torch.tensor(a), torch.tensor(b))
        np.testing.assert_array_equal(y.numpy(), z.numpy())
        assert str(y.dtype) == dtype
        y, z = F.max_pool2d(tg.tensor(a), 3, 1, 1), TF.max_pool2d(torch.tensor(a), 3, 1, 1)
        np.testing.assert_array_equal(y.numpy(), z.numpy())


def both_ways(call: Any, array: Any) -> None:
    """The value and the gradient of `call(F, x)`, bit by bit, NaN included."""
    x, r = tg.tensor(array, requires_grad=True), torch.tensor(array, requires_grad=True)
    y, z = call(F, x), call(TF, r)
    np.testing.assert_array_equal(y.detach().numpy(), z.detach().numpy())
    g = RNG.integers(1, 9, tuple(y.shape)).astype(array.dtype)
    y.backward(tg.tensor(g))
    z.backward(torch.tensor(g))
    np.testing.assert_array_equal(x.grad.numpy(), r.grad.numpy())


@pytest.mark.parametrize("plane", ODD.values(), ids=list(ODD))
@pytest.mark.parametrize("size", [(1, 1), (2, 2), (3, 2), (2, 3)])
def test_adaptive_pooling_of_odd_numbers(plane: Any, size: Any) -> None:
    array = np.array(plane)[None]
    both_ways(lambda lib, x: lib.adaptive_max_pool2d(x, size), array)
    at = F.adaptive_max_pool2d(tg.tensor(array), size, return_indices=True)[1]
    there = TF.adaptive_max_pool2d(torch.tensor(array), size, return_indices=True)[1]
    np.testing.assert_array_equal(at.numpy(), there.numpy())


@pytest.mark.parametrize("mode", ["constant", "reflect", "replicate", "circular"])
@pytest.mark.parametrize("sides", [(0, 0), (0, 0, 0, 0), (0, 1), (0, 0, 2, 0)], ids=str)
def test_padding_by_zero_places(mode: str, sides: Any) -> None:
    rank = len(sides) // 2
    array = numbers(*(2, 3, 4)[: rank + 1])
    compare("pad", [array], {"pad": sides, "mode": mode})
    for lib, copy in ((F, tg.tensor(array)), (TF, torch.tensor(array))):
        lib.pad(copy, sides, mode=mode)[...] = 0.0
        np.testing.assert_array_equal(copy.numpy(), array)


HALF: dict[str, Any] = {
    "conv2d": lambda lib, x: lib.conv2d(x, x[:4, :, :3, :2], x[0, 0, 0, :4]),
    "conv_transpose2d": lambda lib, x: lib.conv_transpose2d(x, x[:3, :, :3, :2], x[0, 0, 0, :3]),
    "avg_pool2d": lambda lib, x: lib.avg_pool2d(x * 1000, 3, 2, 1),
    "max_pool2d": lambda lib, x: lib.max_pool2d(x, 3, 2, 1),
    "adaptive_avg_pool2d": lambda lib, x: lib.adaptive_avg_pool2d(x * 1000, (3, 2)),
    "adaptive_max_pool2d": lambda lib, x: lib.adaptive_max_pool2d(x, (3, 2)),
    "pad": lambda lib, x: lib.pad(x, (1, 2), value=0.1),
}


@pytest.mark.parametrize("name", HALF)
def test_half_precision(name: str) -> None:
    """Within two roundings of PyTorch, which rounds more often where it transposes."""
    array = (RNG.random((4, 3, 8, 7)) * 30).astype(np.float16)
    y, z = HALF[name](F, tg.tensor(array)), HALF[name](TF, torch.tensor(array))
    assert str(y.dtype) == "float16"
    np.testing.assert_allclose(y.numpy().astype("f4"), z.numpy().astype("f4"), rtol=2**-9)


@pytest.mark.parametrize("odd", [np.inf, -np.inf, np.nan])
@pytest.mark.parametrize("channels", [3, 16, 32])
def test_convolution_of_odd_numbers(odd: float, channels: int) -> None:
    """One odd number reaches the windows that hold it, and no others."""
    x = RNG.integers(1, 9, (8, channels, 9, 8)).astype("f4")
    w = RNG.integers(1, 3, (channels, channels, 3, 3)).astype("f4")
    x[1, 1, 4, 4] = odd
    y = F.conv2d(tg.tensor(x), tg.tensor(w), padding=1)
    z = TF.conv2d(torch.tensor(x), torch.tensor(w), padding=1)
    np.testing.assert_allclose(y.numpy(), z.numpy(), rtol=1e-5)


REFUSED: dict[str, Any] = {
    "padding of a dilated window": lambda lib, x: lib.max_pool2d(x, 2, 1, 2, 3),
    "padding of a dilated line": lambda lib, x: lib.max_pool1d(x[0], 2, 1, 2, 3),
    "kernel of size 0": lambda lib, x: lib.conv2d(x, x[:, :, :0]),
    "no filters": lambda lib, x: lib.conv2d(x, x[:0]),
    "no outputs": lambda lib, x: lib.conv_transpose2d(x, x[:, :0].mT),
    "a value too large": lambda lib, x: lib.pad(x, (1, 1), value=1e300),
    "weight of numbers": lambda lib, x: lib.conv2d(x, [[1.0]]),
    "a bias of one number": lambda lib, x: lib.conv2d(x, x, 1.0),
    "pad by a number": lambda lib, x: lib.pad(x, 2),
    "pad by a half": lambda lib, x: lib.pad(x, (1.5, 1)),
    "groups of a float": lambda lib, x: lib.conv2d(x, x, groups=1.0),
}


@pytest.mark.parametrize("call", REFUSED.values(), ids=list(REFUSED))
def test_both_refuse(call: Any) -> None:
    with pytest.raises((RuntimeError, TypeError)) as theirs:
        call(TF, torch.ones(2, 2, 4, 4))
    with pytest.raises(theirs.type):
        call(F, tg.ones(2, 2, 4, 4))


MODULES = [
    "Conv1d(4, 6, 3)",
    "Conv1d(4, 6, 3, padding='same', bias=False, groups=2, padding_mode='reflect')",
    "Conv2d(4, 6, 3)",
    "Conv2d(4, 6, (3, 2), (2, 1), (1, 0), (1, 2), 2)",
    "Conv2d(4, 6, (2, 4), padding='same', padding_mode='circular')",
    "Conv2d(4, 6, 3, padding=(2, 1), padding_mode='replicate', bias=False)",
    "Conv2d(4, 6, 3, padding=(2, 1), padding_mode='reflect', stride=2)",
    "Conv2d(4, 6, 3, padding='valid', padding_mode='reflect')",
    "ConvTranspose1d(4, 6, 3, 2, 1, 1)",
    "ConvTranspose2d(4, 6, (3, 2), (2, 3), 1, (1, 2), 2, False)",
    "ConvTranspose2d(4, 6, 3, dilation=2)",
    "MaxPool1d(2)",
    "MaxPool1d(3, 2, 1, return_indices=True)",
    "MaxPool2d((2, 3), 1, ceil_mode=True)",
    "MaxPool2d(2, dilation=2, return_indices=True)",
    "AvgPool1d(2)",
    "AvgPool1d([2])",
    "MaxPool2d(2, [])",
    "AvgPool1d(3, 2, 1, True, False)",
    "AvgPool2d(2)",
    "AvgPool2d((2, 3), 1, (1, 0), True, False, 3)",
    "AdaptiveAvgPool1d(3)",
    "AdaptiveAvgPool2d((3, None))",
    "AdaptiveMaxPool1d(2, return_indices=True)",
    "AdaptiveMaxPool2d(3)",
    "Unfold((2, 3), padding=1)",
    "Fold((4, 5), (1, 2), stride=(1, 1))",
    *(
        f"{kind}Pad{sides}"
        for kind in ("Zero", "Reflection", "Replication", "Circular")
        for sides in ("1d(2)", "1d((0, 3))", "2d(2)", "2d((1, 0, 3, 2))")
    ),
    "ConstantPad1d(1, 2.5)",
    "ConstantPad2d((1, 2, 3, 0), 0)",
]


def public(module: Any) -> dict[str, Any]:
    """What it keeps beside its parameters, which lie elsewhere in PyTorch."""
    hidden = ("_", "weight", "bias")
    return {name: value for name, value in vars(module).items() if not name.startswith(hidden)}


@pytest.mark.parametrize("spelled", MODULES)
def test_modules(spelled: str) -> None:
    tg.manual_seed(3)
    torch.manual_seed(3)
    ours = eval(f"nn.{spelled}", {"nn": nn})
    theirs = eval(f"nn.{spelled}", {"nn": torch.nn})
    assert repr(ours) == repr(theirs)
    assert list(ours.state_dict()) == list(theirs.state_dict())
    assert public(ours) == public(theirs)
    for p, q in zip(ours.parameters(), theirs.parameters(), strict=True):
        np.testing.assert_array_equal(p.detach().numpy(), q.detach().numpy())
    np.testing.assert_array_equal(tg.rand(1).numpy(), torch.rand(1).numpy())
    size = (
        (2, 4, 16) if spelled.startswith("Fold") else (2, 4, 7) if "1d" in spelled else (2, 4, 7, 6)
    )
    x = numbers(*size).astype("f4")
    with warnings.catch_warnings(action="ignore"):  # PyTorch, of 'same' with even kernels
        wanted = theirs(torch.tensor(x))
    found = ours(tg.tensor(x))
    if not isinstance(found, tuple):
        found, wanted = (found,), (wanted,)
    for y, z in zip(found, wanted, strict=True):
        np.testing.assert_allclose(y.detach().numpy(), z.detach().numpy(), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("size", [(13, 14), (14, 14), (2, 6, 13, 15)])
def test_output_size_of_a_transposed_convolution(size: tuple[int, ...]) -> None:
    tg.manual_seed(0)
    torch.manual_seed(0)
    ours = nn.ConvTranspose2d(4, 6, 3, (2, 3), 1)
    theirs = torch.nn.ConvTranspose2d(4, 6, 3, (2, 3), 1)
    x = numbers(2, 4, 7, 5).astype("f4")
    y, z = ours(tg.tensor(x), size), theirs(torch.tensor(x), size)
    assert tuple(y.shape) == tuple(z.shape)
    np.testing.assert_allclose(y.detach().numpy(), z.detach().numpy(), rtol=1e-5, atol=1e-6)


def networks(lib: Any) -> list[Any]:
    module = lib.nn
    return [
        module.Sequential(
            module.Conv2d(1, 6, 5, padding=2), module.ReLU(), module.MaxPool2d(2),
            module.Conv2d(6, 16, 5), module.ReLU(), module.MaxPool2d(2), module.Flatten(),
            module.Linear(400, 120), module.ReLU(), module.Linear(120, 84), module.ReLU(),
            module.Linear(84, 10),
        ),
        module.Sequential(
            module.Conv2d(1, 32, 3), module.ReLU(), module.Conv2d(32, 64, 3), module.ReLU(),
            module.MaxPool2d(2), module.Dropout(0.25), module.Flatten(), module.Linear(9216, 128),
            module.ReLU(), module.Dropout(0.5), module.Linear(128, 10),
        ),
    ]  # fmt: skip


@pytest.mark.parametrize("which", [0, 1], ids=["lenet", "cnn"])
def test_the_losses_of_both_example_networks_agree_step_by_step(which: int) -> None:
    images = RNG.random((16, 1, 28, 28), dtype=np.float32)
    labels = RNG.integers(0, 10, 16)
    losses = []
    for lib in (tg, torch):
        lib.manual_seed(0)
        model = networks(lib)[which]
        optimizer = lib.optim.SGD(model.parameters(), lr=0.02, momentum=0.9)
        x, t = lib.tensor(images), lib.tensor(labels)
        row = []
        for _ in range(5):
            optimizer.zero_grad()
            loss = lib.nn.functional.cross_entropy(model(x), t)
            loss.backward()
            optimizer.step()
            row.append(loss.item())
        losses.append(row)
    np.testing.assert_allclose(losses[0], losses[1], rtol=2e-4)
