"""Hooks and containers of modules beside PyTorch's: the same calls, results and representations."""

from __future__ import annotations

import warnings
from collections import OrderedDict
from typing import Any

import pytest

import nn
import tinygrad_np as tg

torch = pytest.importorskip("torch", reason="PyTorch is what these tests compare with")
BOTH = ((tg, nn), (torch, torch.nn))


def plain(x: Any) -> Any:
    if isinstance(x, (tuple, list)):
        return [plain(y) for y in x]
    return x.tolist() if hasattr(x, "tolist") else x


def two_in_two_out(n: Any) -> Any:
    class Two(n.Module):  # type: ignore[misc, name-defined]  # of either library
        def forward(self, a: Any, b: Any, c: Any = None) -> Any:  # noqa: ARG002 - for hooks
            return a * b, a + 1

    return Two()


def log_of_hooks(t: Any, n: Any, case: int) -> list[Any]:
    """What the hooks of one module see, and what comes out, in one of several situations."""
    log: list[Any] = []
    m = two_in_two_out(n)
    m.register_forward_pre_hook(lambda _, a: log.append(("before", plain(a))))
    m.register_forward_pre_hook(lambda _, a: (a[0] * 2, *a[1:]), prepend=True)
    m.register_forward_hook(lambda _, a, y: log.append(("after", plain(a), plain(y))))
    m.register_forward_hook(
        lambda _, __, k, y: (y[0] + len(k), y[1]), with_kwargs=True, prepend=True
    )
    m.register_full_backward_hook(lambda _, gi, go: log.append(("back", plain(gi), plain(go))))
    m.register_full_backward_hook(lambda *_: log.append("first"), prepend=True)
    m.register_full_backward_hook(lambda _, gi, __: (gi[0] * 10, *gi[1:]))
    m.register_full_backward_pre_hook(lambda _, go: log.append(("in", plain(go))))
    m.register_full_backward_pre_hook(lambda _, go: tuple(g if g is None else g * 2 for g in go))
    a, b = t.ones(2, requires_grad=True), t.tensor([3.0, 4.0], requires_grad=case % 2 == 0)
    if case < 2:
        m(a, b)[0].sum().backward()
    elif case < 4:
        y, z = m(a, b, c=1)
        (y * z * y).sum().backward()
    elif case < 6:
        y, z = m(a, b, t.tensor([1]))
        (g,) = t.autograd.grad((y * y * z).sum(), a, create_graph=True)
        (gg,) = t.autograd.grad(g.sum(), a)
        log.append((plain(g), plain(gg)))
    elif case < 8:
        m(m(a, b)[0], m(b, 5)[1])[0].sum().backward()
    elif case == 8:
        m(t.ones(2), t.ones(2), 1)
    else:
        scaled = n.Linear(2, 1)
        scaled.register_full_backward_hook(lambda _, gi, go: log.append((plain(gi), plain(go))))
        scaled(b.detach()).sum().backward()
    log.append((plain(a.grad), plain(b.grad)))
    return log


@pytest.mark.parametrize("case", range(10))
def test_hooks_see_and_change_the_same(case: int) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # both warn where no input requires grad
        ours, theirs = (log_of_hooks(t, n, case) for t, n in BOTH)
    assert ours == theirs


def outcome(run: Any) -> Any:
    """What a call gives, or the classes of its error that PyTorch knows."""
    try:
        return str(run())
    except Exception as error:  # noqa: BLE001 - whatever it is, it is compared
        known = (AttributeError, IndexError, KeyError, NotImplementedError, TypeError, ValueError)
        return next((kind for kind in known if isinstance(error, kind)), RuntimeError)


def edited(n: Any, kind: str) -> Any:
    s = getattr(n, kind)([n.ReLU(), n.Tanh()]) if kind == "ModuleList" else n.Sequential(
        n.ReLU(), n.Tanh()
    )  # fmt: skip
    s.insert(0, n.Sigmoid())
    s.extend([n.Linear(1, 2), n.Linear(1, 2)])
    del s[1]
    s[0] = n.Flatten()
    s.append(s.pop(1))
    return s


CALLS = {
    "edited list": lambda n: edited(n, "ModuleList"),
    "edited sequence": lambda n: edited(n, "Sequential"),
    "keys": lambda n: list(edited(n, "ModuleList").state_dict()),
    "slices": lambda n: (edited(n, "ModuleList")[1:], edited(n, "Sequential")[::2]),
    "sums": lambda n: (
        n.ModuleList([n.ReLU()]) + [n.Tanh()],  # noqa: RUF005 - what is compared
        n.Sequential(n.ReLU()) + n.Sequential(n.Tanh()),
        2 * n.Sequential(n.ReLU()),
    ),
    "grown": lambda n: (n.Sequential(n.ReLU()).__imul__(3), n.ModuleList().__iadd__([n.ReLU()])),
    "sum with a list": lambda n: n.Sequential(n.ReLU()) + 3,
    "no times": lambda n: n.Sequential(n.ReLU()) * 0,
    "half a time": lambda n: n.Sequential(n.ReLU()) * 0.5,
    "insert too far": lambda n: n.Sequential().insert(5, n.ReLU()),
    "no module": lambda n: n.ModuleList([3]),
    "no modules": lambda n: n.ModuleList(3),
    "no index": lambda n: n.ModuleList()[0],
    "no forward": lambda n: n.ModuleList()(1),
    "dict": lambda n: n.ModuleDict({"b": n.ReLU(), "a": n.Linear(1, 1)}),
    "dict of pairs": lambda n: n.ModuleDict([("b", n.ReLU()), ["a", n.Tanh()]]),
    "dict of dict": lambda n: n.ModuleDict(n.ModuleDict({"b": n.ReLU()})),
    "dict keys": lambda n: list(n.ModuleDict({"b": n.ReLU(), "a": n.Linear(1, 1)}).state_dict()),
    "empty": lambda n: (n.ModuleList(), n.ModuleDict(), n.ParameterList(), n.Sequential()),
    "no such key": lambda n: n.ModuleDict()["a"],
    "no such key to delete": lambda n: n.ModuleDict().__delitem__("a"),
    "no dict": lambda n: n.ModuleDict(3),
    "no pair": lambda n: n.ModuleDict([1]),
    "three": lambda n: n.ModuleDict([(1, 2, 3)]),
    "key in use": lambda n: n.ModuleDict({"pop": n.ReLU()}),
    "no parameters": lambda n: n.ParameterList(3),
    "called list": lambda n: n.ParameterList([1])(2),
    "called dict": lambda n: n.ParameterDict()(2),
    "key of parameters": lambda n: n.ParameterDict({1: 2}),
    "nowhere": lambda n: n.Module().set_submodule("a.b", n.ReLU()),
    "no name": lambda n: n.Module().set_submodule("", n.ReLU()),
    "set to no module": lambda n: n.Module().set_submodule("a", 3),
    "set in the place of a parameter": lambda n: n.Linear(1, 1).set_submodule("weight", n.ReLU()),
    "strict": lambda n: n.Linear(1, 1).set_submodule("q", n.ReLU(), strict=True),
    "no buffer": lambda n: n.Linear(1, 1).get_buffer("weight"),
    "no child": lambda n: n.Linear(1, 1).get_submodule("weight"),
    "no attribute": lambda n: n.Linear(1, 1).nothing,
    "attributes": lambda n: [x for x in dir(edited(n, "Sequential")) if x.isdigit()],
    "mode": lambda n: n.ReLU().train(1),
}


@pytest.mark.parametrize("name", CALLS)
def test_containers_give_the_same(name: str) -> None:
    ours, theirs = (outcome(lambda n=n: CALLS[name](n)) for _, n in BOTH)
    assert ours == theirs


def test_lists_and_dicts_of_parameters_have_the_same_keys_and_representations() -> None:
    def make(t: Any, n: Any) -> Any:
        values = [t.ones(2, 3), n.Parameter(t.ones(()), requires_grad=False), 5]
        listed = n.ParameterList(values)
        listed.append(t.ones(1))
        listed += [t.ones(4)]
        mapped = n.ParameterDict({"b": t.ones(2, 3), "a": t.ones(1)})
        ordered = n.ParameterDict(OrderedDict(z=t.ones(1), y=t.ones(1)))
        ordered |= n.ParameterDict({"x": t.ones(2)})
        popped = ordered.pop("z").shape, ordered.popitem()[0], ordered.setdefault("w", 3)
        names = [[k for k, _ in m.named_parameters()] for m in (listed, mapped, ordered)]
        keys = [list(m.state_dict()) for m in (listed, mapped, ordered, listed[1:])]
        both = list(mapped | ordered), list(mapped.fromkeys("pq", 1)), list(reversed(mapped))
        return names, keys, tuple(popped[0]), popped[1:], both, repr(listed).replace("torch.", "")

    ours, theirs = (make(t, n) for t, n in BOTH)
    assert ours == theirs
