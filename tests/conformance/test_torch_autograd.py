"""Modes, hooks, Functions, functional derivatives and checkpoints: one script, run by both."""

from __future__ import annotations

import inspect
import operator
from typing import TYPE_CHECKING, Any

import pytest

import tinygrad_np as tg

if TYPE_CHECKING:
    from collections.abc import Callable

torch = pytest.importorskip("torch", reason="PyTorch, the reference, is not installed")


def plain(x: Any) -> Any:
    """Results as Python's own: numbers, lists, None, names."""
    if isinstance(x, (tuple, list)):
        return [plain(y) for y in x]
    if isinstance(x, dict):
        return {key: plain(y) for key, y in x.items()}
    return x.detach().tolist() if hasattr(x, "detach") else x


def leaf(lib: Any, *values: float) -> Any:
    return lib.tensor(values, dtype=lib.float64, requires_grad=True)


SCRIPTS: dict[str, Callable[[Any], Any]] = {}


def script(function: Callable[[Any], Any]) -> Callable[[Any], Any]:
    SCRIPTS[function.__name__] = function
    return function


@script
def modes(lib: Any) -> Any:
    x = leaf(lib, 1.0)

    def now() -> Any:
        return (x * 2).requires_grad, lib.is_inference_mode_enabled()

    @lib.no_grad()
    def generator() -> Any:
        received = yield now()
        yield received, now()

    seen = []
    for outer in (lib.no_grad, lib.inference_mode, lib.enable_grad):
        for inner in (lib.no_grad, lib.inference_mode, lib.enable_grad):
            with outer():
                seen.append(now())
                with inner():
                    seen.append(now())
                with lib.inference_mode(False):
                    seen.append(now())
                seen.append(outer(now)())
                running = generator()
                seen += [next(running), now(), running.send(5), now()]
    return seen


@script
def hook_order(lib: Any) -> Any:
    x, calls = leaf(lib, 1.0, 2.0), []
    h = x * x
    h.retain_grad()
    h.register_hook(lambda g: calls.append(("h", plain(g))) or g * 10)
    h.register_hook(lambda g: calls.append(("again", plain(g))))
    x.register_post_accumulate_grad_hook(lambda p: calls.append(("post", plain(p.grad))))
    x.register_hook(lambda g: calls.append(("x", plain(g))) or g + 1)
    handle = x.register_hook(lambda g: calls.append(("last", plain(g))))
    (h * 3).sum().backward(retain_graph=True)
    handle.remove()
    (h * 3).sum().backward()
    return calls, h.grad, x.grad, h.retains_grad, x.retains_grad


@script
def hooks_and_writes_in_place(lib: Any) -> Any:
    x, calls = leaf(lib, 1.0, 2.0), []
    h = x * 2
    h.register_hook(lambda g: calls.append(("old", plain(g))))
    h.retain_grad()
    h.mul_(3)
    h.register_hook(lambda g: calls.append(("new", plain(g))))
    (h * x.detach()).sum().backward()
    return calls, h.grad, x.grad, h.retains_grad


@script
def hooks_and_higher_order(lib: Any) -> Any:
    x = leaf(lib, 1.0, 2.0)
    h = x * x
    h.register_hook(lambda g: g * x)
    (g,) = lib.autograd.grad((h * h).sum(), x, create_graph=True)
    (second,) = lib.autograd.grad(g.sum(), x)
    return g, second


@script
def hooks_under_grad(lib: Any) -> Any:
    x, calls = leaf(lib, 1.0, 2.0), []
    h = x * 2
    h.register_hook(lambda g: g * 10)
    x.register_hook(lambda g: g + 1)
    x.register_post_accumulate_grad_hook(lambda _: calls.append("post"))
    # Asked for both at once, PyTorch gives that of h from before its hook; ours is that of alone.
    found = [lib.autograd.grad(h.sum(), t, retain_graph=True) for t in (x, h)]
    (h * 2).sum().backward(inputs=[x])
    return found, x.grad, calls


@script
def inputs_of_backward(lib: Any) -> Any:
    x, y = leaf(lib, 1.0, 2.0), leaf(lib, 3.0, 4.0)
    h = x * y
    lib.autograd.backward([h.sum(), (h * h).sum()], inputs=[h, y])
    return h.grad, y.grad, x.grad


@script
def grad_in_full(lib: Any) -> Any:
    a, b = leaf(lib, 1.0, 2.0), leaf(lib, 3.0)
    y = (a * a).sum()
    return (
        lib.autograd.grad(y, [a, b], allow_unused=True, retain_graph=True),
        lib.autograd.grad(y, [a, b], materialize_grads=True, retain_graph=True),
        lib.autograd.grad(y, {"a": a, "b": b}, allow_unused=True, retain_graph=True),
        lib.autograd.grad([y, a * 3], a, [None, lib.ones(2, dtype=lib.float64)]),
    )


def product(lib: Any, calls: list[Any]) -> Any:
    class Product(lib.autograd.Function):
        @staticmethod
        def forward(ctx: Any, a: Any, b: Any, factor: float = 2.0) -> Any:
            y, z, marked = a * b * factor, a + b, a - b
            ctx.save_for_backward(a, b, None, y)
            ctx.mark_non_differentiable(marked)
            ctx.factor = factor
            return y, z, marked, "text"

        @staticmethod
        def backward(ctx: Any, g: Any, h: Any, marked: Any, text: Any) -> Any:
            _, b, none, y = ctx.saved_tensors
            calls.append((ctx.needs_input_grad, plain(marked), text, none))
            return g * b * ctx.factor + h, g * y / b + h, None

    return Product


@script
def function(lib: Any) -> Any:
    calls: list[Any] = []
    a, b = leaf(lib, 1.0, 2.0), leaf(lib, 3.0, 4.0)
    y, z, marked, text = product(lib, calls).apply(a, b, 5.0)
    g = lib.autograd.grad((y * z).sum(), [a, b, y], create_graph=True)
    second = lib.autograd.grad((g[0] * g[1]).sum(), [a, b, y], retain_graph=True)
    (product(lib, calls).apply(a, b.detach(), 5.0)[1] * 2).sum().backward()
    names = [y.grad_fn.name(), y.grad_fn == z.grad_fn, (y * z).grad_fn.next_functions[1][1]]
    return calls, g, second, a.grad, marked, marked.requires_grad, text, names


@script
def function_with_context_and_dirty_argument(lib: Any) -> Any:
    class Doubled(lib.autograd.Function):
        @staticmethod
        def forward(x: Any, factor: float = 2.0) -> Any:
            return x.mul_(factor)

        @staticmethod
        def setup_context(ctx: Any, inputs: Any, output: Any) -> None:
            ctx.mark_dirty(output)
            ctx.set_materialize_grads(False)
            _, ctx.factor = inputs

        @staticmethod
        def backward(ctx: Any, g: Any) -> Any:
            return g * ctx.factor, None

    x = leaf(lib, 1.0, 2.0)
    h = x * 3
    same_tensor = Doubled.apply(h) is h
    (h * h).sum().backward()
    return same_tensor, h, x.grad


def bowl(x: Any, y: Any) -> Any:
    return (x**3).sum() * (y * y).sum() + (x * x).sum()


@script
def functional(lib: Any) -> Any:
    AF = lib.autograd.functional
    x, y = (lib.tensor(v, dtype=lib.float64) for v in ([0.5, -1.0, 2.0], [1.0, 3.0]))
    v, u = (lib.tensor(w, dtype=lib.float64) for w in ([1.0, 2.0, -1.0], [0.5, 1.0]))

    def several(x: Any, y: Any) -> Any:
        return x[:2] * y, x.sum() * x, y * 2

    return [
        AF.jacobian(several, (x, y)),
        AF.jacobian(lambda x: x * x, x),
        AF.jacobian(lambda x: (x * x).sum(), x),
        AF.hessian(bowl, (x, y)),
        AF.hessian(lambda x: (x**3).sum(), x),
        AF.vjp(several, (x, y), (u, v, u)),
        AF.jvp(several, (x, y), (v, u)),
        AF.vhp(bowl, (x, y), (v, u)),
        AF.hvp(bowl, (x, y), (v, u)),
        AF.vjp(lambda x: x.sum(), x),
        AF.jvp(lambda _: y * 2, x, v),
    ]


@script
def checkpoints(lib: Any) -> Any:
    checkpoint = lib.utils.checkpoint
    results = []
    for reentrant in (False, True):
        x, w = leaf(lib, 1.0, 2.0), leaf(lib, 0.5, -1.0)

        def f(x: Any, k: float = 2.0, w: Any = w) -> Any:
            h = lib.tanh(x * w)
            return h * k, lib.exp(h)

        y, z = checkpoint.checkpoint(f, x * 1, 3.0, use_reentrant=reentrant)
        (y * z).sum().backward()
        results += [y, z, x.grad, w.grad]
        steps = [lib.tanh, lib.exp, lambda x: x * x, lib.tanh, lib.exp]
        for segments in (1, 2, 5):
            y = checkpoint.checkpoint_sequential(steps, segments, x, use_reentrant=reentrant)
            results += [y, lib.autograd.grad(y.sum(), x) if not reentrant else None]
    return results


@pytest.mark.filterwarnings("ignore:The .grad attribute:UserWarning")
@pytest.mark.parametrize("name", SCRIPTS)
def test_one_script_run_by_both(name: str) -> None:
    ours, theirs = plain(SCRIPTS[name](tg)), plain(SCRIPTS[name](torch))
    compare(ours, theirs)


def compare(ours: Any, theirs: Any) -> None:
    if isinstance(theirs, dict):
        assert list(ours) == list(theirs)
        ours, theirs = list(ours.values()), list(theirs.values())
    if isinstance(theirs, list):
        assert len(ours) == len(theirs)
        for a, b in zip(ours, theirs, strict=True):
            compare(a, b)
    elif isinstance(theirs, float):
        assert ours == pytest.approx(theirs, rel=1e-12, abs=1e-14)
    else:
        assert ours == theirs


def apply(lib: Any, forward: Any, backward: Any, *args: Any) -> Any:
    parts = {"forward": staticmethod(forward), "backward": staticmethod(backward)}
    type("Made", (lib.autograd.Function,), parts).apply(*args).sum().backward()


REFUSED: dict[str, Callable[[Any], Any]] = {
    "hook without grad": lambda lib: lib.ones(1).register_hook(print),
    "retain without grad": lambda lib: lib.ones(1).retain_grad(),
    "post hook on a result": lambda lib: (leaf(lib, 1.0) * 2).register_post_accumulate_grad_hook(
        print
    ),
    "hook of another type": lambda lib: _hooked(lib, lambda _: 1),
    "hook of another shape": lambda lib: _hooked(lib, lambda _: lib.ones(3, dtype=lib.float64)),
    "hook of another dtype": lambda lib: _hooked(lib, lambda g: g.float()),
    "too few gradients": lambda lib: apply(
        lib, lambda _, a, b: a * b, lambda _, g: g, leaf(lib, 1.0), leaf(lib, 1.0)
    ),
    "too many gradients": lambda lib: apply(
        lib, lambda _, a: a * 1, lambda _, g: (g, g), leaf(lib, 1.0)
    ),
    "gradient of a number": lambda lib: apply(
        lib, lambda _, a, b: a * b, lambda _, g: (g, g), leaf(lib, 1.0), 3
    ),
    "gradient of another shape": lambda lib: apply(
        lib, lambda _, a: a * 1, lambda _, g: g[:1], leaf(lib, 1.0, 2.0)
    ),
    "gradient that is a number": lambda lib: apply(
        lib, lambda _, a: a * 1, lambda *_: 3.0, leaf(lib, 1.0)
    ),
    "dirty leaf": lambda lib: apply(
        lib, lambda ctx, a: (ctx.mark_dirty(a), a.mul_(2))[1], None, leaf(lib, 1.0)
    ),
    "saved number": lambda lib: apply(
        lib, lambda ctx, a: (ctx.save_for_backward(3), a * 2)[1], None, leaf(lib, 1.0)
    ),
    "no forward": lambda lib: lib.autograd.Function.apply(leaf(lib, 1.0)),
    "empty inputs": lambda lib: lib.autograd.grad(leaf(lib, 1.0) * 2, []),
    "materialize without unused": lambda lib: lib.autograd.grad(
        leaf(lib, 1.0), leaf(lib, 1.0), materialize_grads=True, allow_unused=False
    ),
    "jacobian of a list": lambda lib: lib.autograd.functional.jacobian(lib.exp, [lib.ones(1)]),
    "hessian of a vector": lambda lib: lib.autograd.functional.hessian(lib.exp, lib.ones(2)),
    "vjp without v": lambda lib: lib.autograd.functional.vjp(lib.exp, lib.ones(2)),
    "vjp of another shape": lambda lib: lib.autograd.functional.vjp(
        lib.exp, lib.ones(2), lib.ones(3)
    ),
    "strict": lambda lib: lib.autograd.functional.jacobian(
        lambda _: lib.ones(2), lib.ones(2), strict=True
    ),
    "segments": lambda lib: lib.utils.checkpoint.checkpoint_sequential(
        [lib.exp], 3, leaf(lib, 1.0), use_reentrant=False
    ),
    "determinism_check": lambda lib: lib.utils.checkpoint.checkpoint(
        lib.exp, leaf(lib, 1.0), use_reentrant=False, determinism_check="strict"
    ),
}


def _hooked(lib: Any, hook: Any) -> None:
    h = leaf(lib, 1.0, 2.0) * 2
    h.register_hook(hook)
    h.sum().backward()


@pytest.mark.parametrize("name", REFUSED)
def test_both_refuse_with_the_same_class(name: str) -> None:
    try:
        REFUSED[name](torch)
    except Exception as theirs:  # noqa: BLE001 - whatever it is: its class is what we ask for
        refusal = theirs
    else:
        pytest.fail("PyTorch refuses it no longer")
    with pytest.raises(type(refusal)):
        REFUSED[name](tg)


NAMES: dict[str, Callable[[Any, Any], Any]] = {
    "add": lambda _, x: x + 1,
    "sum": lambda _, x: x.sum(),
    "sum of a dimension": lambda _, x: x.sum(1),
    "mean": lambda _, x: x.mean(),
    "mean of a dimension": lambda _, x: x.mean(0),
    "mm": lambda _, x: x @ x.T,
    "linear": lambda lib, x: lib.nn.functional.linear(x, x, lib.ones(2)),
    "reshape": lambda _, x: x.reshape(6),
    "permute": lambda _, x: x.permute(1, 0),
    "broadcast": lambda _, x: x.broadcast_to((2, 2, 3)),
    "conv2d": lambda lib, x: lib.nn.functional.conv2d(x.reshape(1, 1, 2, 3), lib.ones(1, 1, 1, 1)),
    "max_pool2d": lambda lib, x: lib.nn.functional.max_pool2d(x.reshape(1, 1, 2, 3), 2),
    "cross_entropy": lambda lib, x: lib.nn.functional.cross_entropy(x, lib.tensor([0, 1])),
    "logsumexp": lambda _, x: x.logsumexp(1),
    "to": lambda lib, x: x.to(lib.float64),
    "clamp": lambda _, x: x.clamp(0, 1),
    "clamp_min": lambda _, x: x.clamp_min(0),
    "select": lambda _, x: x.select(1, 0),
    "x[0]": lambda _, x: x[0],
    "x[0, :]": lambda _, x: x[0, :],
    "x[:2]": lambda _, x: x[:2],
    "x[:]": lambda _, x: x[:],
    "x[...]": lambda _, x: x[...],
    "x[0, 1:]": lambda _, x: x[0, 1:],
    "x[..., 1]": lambda _, x: x[..., 1],
    "x[1:, 1]": lambda _, x: x[1:, 1],
    "x[:, None]": lambda _, x: x[:, None],
    "x[[0, 1]]": lambda _, x: x[[0, 1]],
    "x[0, [0, 1]]": lambda _, x: x[0, [0, 1]],
    "x[mask]": lambda _, x: x[x > 0],
    "x[0] = y": lambda _, x: put(x * 1, x[0]),
    **{
        name: lambda lib, x, name=name: getattr(lib, name)(x)
        for name in ("exp", "log", "sqrt", "tanh", "sigmoid", "relu", "abs", "neg")
    },
}


def put(x: Any, row: Any) -> Any:
    """Write a row into `x`."""
    x[0] = row
    return x


@pytest.mark.parametrize("name", NAMES)
def test_names_of_derivatives(name: str) -> None:
    ours, theirs = (NAMES[name](lib, lib.ones(2, 3, requires_grad=True)) for lib in (tg, torch))
    assert ours.grad_fn.name() == theirs.grad_fn.name().removeprefix("torch::autograd::")


# --- signatures ----------------------------------------------------------------------------------

SIGNATURES = """
autograd.grad autograd.backward autograd.gradcheck autograd.gradgradcheck
autograd.detect_anomaly autograd.set_detect_anomaly autograd.set_grad_enabled
autograd.inference_mode autograd.functional.jacobian autograd.functional.hessian
autograd.functional.vjp autograd.functional.jvp autograd.functional.hvp autograd.functional.vhp
Tensor.backward Tensor.register_hook Tensor.register_post_accumulate_grad_hook
utils.checkpoint.checkpoint load save
"""


def parameters(lib: Any, path: str) -> dict[str, inspect.Parameter]:
    found = operator.attrgetter(path)(lib)
    return dict(inspect.signature(found).parameters)


@pytest.mark.parametrize("path", SIGNATURES.split())
def test_signatures(path: str) -> None:
    """PyTorch's arguments are ours, in its order, with its defaults; more are by name alone."""
    ours, theirs = parameters(tg, path), parameters(torch, path)
    private = [name for name in theirs if name.startswith("_") or name == "pickle_load_args"]
    wanted = [name for name in theirs if name not in private]
    assert [name for name in ours if name in wanted] == wanted
    for name in wanted:
        default, expected = ours[name].default, theirs[name].default
        if inspect.ismodule(expected):
            continue  # pickle: nothing is pickled here
        assert getattr(default, "__name__", default) == getattr(expected, "__name__", expected)
        assert ours[name].kind == theirs[name].kind
    for name in ours.keys() - set(wanted):
        assert ours[name].kind is inspect.Parameter.KEYWORD_ONLY
