"""Lists and dicts of modules and of parameters."""

from __future__ import annotations

from collections import OrderedDict
from typing import Any

import numpy as np
import pytest

import nn
import tinygrad_np as tg


def kinds(modules: Any) -> list[str]:
    return [type(m).__name__ for m in modules]


@pytest.mark.parametrize("kind", [nn.Sequential, nn.ModuleList])
def test_numbered_modules_are_edited_like_a_list_and_keep_their_numbers(kind: Any) -> None:
    start = [nn.ReLU(), nn.Tanh(), nn.Linear(1, 1)]
    modules = kind(*start) if kind is nn.Sequential else kind(start)
    modules.insert(1, nn.Sigmoid())
    modules[0] = nn.Flatten()
    modules.insert(-1, nn.Identity())
    assert kinds(modules) == ["Flatten", "Sigmoid", "Tanh", "Identity", "Linear"]
    del modules[1]
    assert modules.pop(-2) is not None
    assert kinds(modules) == ["Flatten", "Tanh", "Linear"]
    assert modules[-1] is start[2]
    assert list(modules.state_dict()) == ["2.weight", "2.bias"]
    del modules[:2]
    assert list(modules.state_dict()) == ["0.weight", "0.bias"]
    modules.extend(start[:2])
    modules += kind(nn.ReLU()) if kind is nn.Sequential else [nn.ReLU()]
    assert [name for name, _ in modules.named_children()] == ["0", "1", "2", "3"]


def test_a_list_trains_what_it_holds_and_runs_nothing() -> None:
    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layers = nn.ModuleList(nn.Linear(1, 1, bias=False) for _ in range(2))

        def forward(self, x: Any) -> Any:
            for layer in self.layers:
                x = layer(x)
            return x

    net = Net()
    net(tg.ones(1, 1)).sum().backward()
    assert [name for name, _ in net.named_parameters()] == ["layers.0.weight", "layers.1.weight"]
    assert all(p.grad is not None for p in net.parameters())
    with pytest.raises(NotImplementedError, match=r"ModuleList defines no forward\(\)"):
        net.layers(1)


def test_an_error_in_a_layer_of_a_list_names_its_place() -> None:
    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layers = nn.ModuleList([nn.ReLU(), nn.Linear(2, 1)])

        def forward(self, x: Any) -> Any:
            return self.layers[1](x)

    with pytest.raises(tg.ShapeError) as caught:
        Net()(tg.zeros(1, 3))
    assert caught.value.__notes__[0].startswith("in layer layers.1: Linear(in_features=2")


def test_equal_neighbours_are_printed_once() -> None:
    blocks = [nn.Sequential(nn.Linear(1, 2)) for _ in range(3)]
    assert repr(nn.ModuleList([*blocks, nn.ReLU()])) == (
        "ModuleList(\n"
        "  (0-2): 3 x Sequential(\n"
        "    (0): Linear(in_features=1, out_features=2, bias=True)\n"
        "  )\n"
        "  (3): ReLU()\n"
        ")"
    )
    assert repr(nn.ModuleList()) == "ModuleList()"


def test_sequences_add_and_multiply() -> None:
    model = nn.Sequential(nn.ReLU()) + nn.Sequential(nn.Tanh())
    assert kinds(2 * model) == ["ReLU", "Tanh"] * 2
    assert (model * 2)[0] is (model * 2)[2]
    model *= 2
    assert len(model) == 4
    with pytest.raises(ValueError, match="to a Sequential only, not to a list; use append"):
        model + [nn.ReLU()]  # noqa: RUF005 - what is refused
    with pytest.raises(ValueError, match="once or more, not 0 times"):
        model * 0
    with pytest.raises(TypeError, match=r"an int of times, not 0\.5"):
        model * 0.5  # type: ignore[operator]  # what is refused


@pytest.mark.parametrize(
    ("run", "error", "message"),
    [
        (lambda: nn.ModuleList([3]), TypeError, "ModuleList takes modules, and got a int"),
        (lambda: nn.ModuleList(3), TypeError, "ModuleList.extend takes several modules, and got"),
        (lambda: nn.ModuleList()[0], IndexError, "index 0 is out of range for 0 entries"),
        (lambda: nn.Sequential(nn.ReLU()).pop(1), IndexError, "index 1 is out of range for 1 ent"),
        (lambda: nn.Sequential().insert(1, nn.ReLU()), IndexError, "insert: index 1 is out of ra"),
        (lambda: nn.ModuleDict({"a": 3}), TypeError, "child module 'a' must be a Module"),
        (lambda: nn.ModuleDict({"pop": nn.ReLU()}), KeyError, "'pop' of ModuleDict exists already"),
        (lambda: nn.ModuleDict()["a"], KeyError, "a"),
        (lambda: nn.ModuleDict().__delitem__("training"), KeyError, "training"),
        (lambda: nn.ModuleDict(3), TypeError, r"takes a dict or pairs \(key, value\), and got a i"),
        (lambda: nn.ModuleDict([3]), TypeError, "element 0 is a int, and must be a pair"),
        (lambda: nn.ModuleDict([(1, 2, 3)]), ValueError, "element 0 has length 3, not 2"),
        (lambda: nn.ParameterList(3), TypeError, "ParameterList.extend takes several values, and"),
        (lambda: nn.ParameterList(tg.ones(2)), TypeError, "several values, and got a Tensor"),
        (lambda: nn.ParameterList([1])[1], IndexError, "index 1 is out of range for 1 entries"),
        (lambda: nn.ParameterList()(1), RuntimeError, "ParameterList holds parameters, and cannot"),
        (lambda: nn.ParameterDict()(1), RuntimeError, "ParameterDict holds parameters, and cannot"),
        (lambda: nn.ParameterDict({1: 2}), TypeError, "must be a string, not a int"),
        (lambda: nn.ParameterDict({"pop": 2}), KeyError, "'pop' of ParameterDict exists already"),
        (
            lambda: nn.ParameterDict({"a": 1})["b"],
            AttributeError,
            r"no parameter 'b'; it has \['a'",
        ),
    ],
)
def test_what_is_refused(run: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        run()


def test_modules_by_name() -> None:
    layers = nn.ModuleDict({"b": nn.ReLU(), "a": nn.Linear(1, 1)})
    layers.update([("c", nn.Tanh())])
    layers.update(nn.ModuleDict({"b": nn.Sigmoid()}))
    assert list(layers) == list(layers.keys()) == ["b", "a", "c"]
    assert kinds(layers.values()) == ["Sigmoid", "Linear", "Tanh"]
    assert dict(layers.items())["b"] is layers["b"] is layers.b
    assert "training" not in layers
    assert list(layers.state_dict()) == ["a.weight", "a.bias"]
    assert type(layers.pop("c")) is nn.Tanh
    assert len(layers) == 2
    layers.clear()
    assert repr(layers) == "ModuleDict()"


def test_parameters_in_a_list() -> None:
    p = nn.Parameter(tg.ones(1))
    values = nn.ParameterList([tg.ones(2, 3), p, "x"])
    assert values[1] is p
    assert type(values[0]) is nn.Parameter
    values += [tg.ones(4)]
    values[0] = tg.zeros(2)
    assert [name for name, _ in values.named_parameters()] == ["0", "1", "3"]
    assert len(values[1:]) == 3
    assert list(values[1:].state_dict()) == ["0", "2"]
    np.testing.assert_array_equal(values[0].detach().numpy(), [0, 0])
    assert repr(values).splitlines()[2:4] == [
        "    (1): Parameter containing: [float32 of size 1]",
        "    (2): Object of type: str",
    ]


def test_parameters_by_name() -> None:
    values = nn.ParameterDict({"b": tg.ones(2), "a": tg.ones(1)})
    assert list(values) == ["a", "b"]
    assert list(nn.ParameterDict(OrderedDict(b=1, a=2))) == ["b", "a"]
    assert type(values["b"]) is nn.Parameter
    assert values["b"] is values.b
    values["c"] = 3
    assert (values.get("c"), values.get("d"), values.setdefault("d", 4)) == (3, None, 4)
    assert list(reversed(values)) == ["d", "c", "b", "a"]
    assert values.popitem() == ("d", 4)
    assert values.pop("c") == 3
    assert "c" not in values
    merged = values | nn.ParameterDict({"z": tg.ones(1)})
    merged |= nn.ParameterDict({"y": 1})
    assert list(merged.keys()) == ["a", "b", "z", "y"]
    assert merged["a"] is values["a"]
    assert list(merged.state_dict()) == ["a", "b", "z"]
    assert list(values.fromkeys(["p", "q"], 1).items()) == [("p", 1), ("q", 1)]
    assert len(list(values.values())) == len(values) == 2
    values.clear()
    assert repr(values) == "ParameterDict()"
