"""What a module is made of, and what can be done with all of it."""

from __future__ import annotations

import copy
import pickle
from collections import OrderedDict
from typing import Any

import numpy as np
import pytest

import nn
import tinygrad_np as tg


class Net(nn.Module):
    """A buffer between two parameters, a child twice, and a tied weight."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(tg.ones(2))
        self.register_buffer("mean", tg.zeros(2))
        self.register_buffer("scratch", tg.zeros(3), persistent=False)
        self.body = nn.Sequential(nn.Linear(2, 2), nn.ReLU())
        self.again = self.body
        self.head = nn.Linear(2, 2, bias=False)
        self.head.weight = self.body[0].weight
        self.shift = nn.Parameter(tg.ones(2))

    def forward(self, x: tg.Tensor) -> Any:
        return self.head(self.again(self.body(x * self.scale))) + self.shift


def names(pairs: Any) -> list[str]:
    return [name for name, _ in pairs]


# --- what it is made of ---


def test_parameters_come_once_each_in_the_order_of_assignment() -> None:
    net = Net()
    assert names(net.named_parameters()) == ["scale", "shift", "body.0.weight", "body.0.bias"]
    assert [id(p) for p in net.parameters()] == [id(p) for _, p in net.named_parameters()]


def test_duplicates_are_named_where_asked_for() -> None:
    net = Net()
    assert names(net.named_parameters(prefix="net", remove_duplicate=False)) == [
        "net.scale",
        "net.shift",
        "net.body.0.weight",
        "net.body.0.bias",
        "net.again.0.weight",
        "net.again.0.bias",
        "net.head.weight",
    ]


def test_without_recursion_only_a_modules_own_are_given() -> None:
    net = Net()
    assert names(net.named_parameters(recurse=False)) == ["scale", "shift"]
    assert len(list(net.parameters(recurse=False))) == 2
    assert names(net.body.named_parameters(recurse=False)) == []


def test_modules_and_children_come_once_each_parents_first() -> None:
    net = Net()
    assert names(net.named_modules()) == ["", "body", "body.0", "body.1", "head"]
    assert names(net.named_modules(prefix="net", remove_duplicate=False))[-5:] == [
        "net.body.1",
        "net.again",
        "net.again.0",
        "net.again.1",
        "net.head",
    ]
    assert names(net.named_children()) == ["body", "head"]
    assert [id(m) for m in net.children()] == [id(net.body), id(net.head)]
    assert [id(m) for m in net.modules()] == [id(m) for _, m in net.named_modules()]


def test_buffers_are_listed_and_only_persistent_ones_are_saved() -> None:
    net = Net()
    assert names(net.named_buffers()) == ["mean", "scratch"]
    assert [len(b) for b in net.buffers()] == [2, 3]
    assert "scratch" not in net.state_dict()
    net.register_buffer("later", None)
    assert "later" not in names(net.named_buffers())
    net.later = tg.ones(1)
    assert "later" in net.state_dict()
    del net.later
    assert "later" not in net.state_dict()


def test_a_parameter_under_a_buffers_name_takes_its_place() -> None:
    net = Net()
    net.mean = nn.Parameter(tg.ones(2))
    assert "mean" in names(net.named_parameters())
    assert "mean" not in names(net.named_buffers())


def test_submodules_and_parameters_are_found_by_dotted_name() -> None:
    net = Net()
    assert net.get_submodule("body.0") is net.body[0]
    assert net.get_submodule("") is net
    assert net.get_parameter("body.0.bias") is net.body[0].bias
    assert net.get_parameter("shift") is net.shift
    with pytest.raises(AttributeError, match=r"Sequential has no child '7' .*'body\.7'.*'0', '1'"):
        net.get_submodule("body.7")
    with pytest.raises(AttributeError, match=r"'body\.0\.gain' is no parameter of Net"):
        net.get_parameter("body.0.gain")
    with pytest.raises(AttributeError, match="'mean' is no parameter"):
        net.get_parameter("mean")


def test_registering_by_name() -> None:
    module = nn.Module()
    module.register_parameter("weight", nn.Parameter(tg.ones(1)))
    module.register_parameter("bias", None)
    module.add_module("0", nn.ReLU())
    module.register_module("1", nn.Tanh())
    assert names(module.named_parameters()) == ["weight"]
    assert names(module.named_children()) == ["0", "1"]
    assert module.bias is None


@pytest.mark.parametrize("name", ["", "a.b"])
def test_names_with_dots_and_empty_ones_are_refused(name: str) -> None:
    for register in ("register_buffer", "register_parameter", "add_module"):
        with pytest.raises(KeyError, match="must not be empty or hold a dot"):
            getattr(nn.Module(), register)(name, None)


def test_names_that_mean_something_else_are_refused() -> None:
    with pytest.raises(KeyError, match="'forward' of Linear exists already"):
        nn.Linear(1, 1).add_module("forward", nn.ReLU())
    with pytest.raises(KeyError, match="'in_features' of Linear exists already"):
        nn.Linear(1, 1).register_buffer("in_features", tg.ones(1))


@pytest.mark.parametrize(
    ("register", "value", "message"),
    [
        ("register_buffer", 1.0, "buffer 'x' must be a Tensor or None, not a float"),
        ("register_parameter", tg.ones(1), "parameter 'x' must be a Parameter or None, not a Te"),
        ("add_module", len, "child module 'x' must be a Module or None, not a builtin"),
    ],
)
def test_registering_a_thing_of_another_kind_is_refused(
    register: str, value: object, message: str
) -> None:
    with pytest.raises(TypeError, match=message):
        getattr(nn.Module(), register)("x", value)


def test_nothing_can_be_registered_before_init() -> None:
    class Early(nn.Module):
        def __init__(self, value: Any) -> None:
            if value is None:
                self.register_buffer("x", value)
            self.x = value

    for value in (nn.ReLU(), nn.Parameter(tg.ones(1)), None):
        with pytest.raises(
            AttributeError, match=r"cannot assign 'x' before .*super\(\).__init__\(\) the first"
        ):
            Early(value)


def test_what_is_registered_cannot_be_replaced_by_a_thing_of_another_kind() -> None:
    net = Net()
    with pytest.raises(TypeError, match=r"a Tensor as parameter 'shift': wrap it in nn.Parameter"):
        net.shift = tg.ones(2)
    with pytest.raises(TypeError, match="a function as child module 'head'"):
        net.head = lambda x: x
    with pytest.raises(TypeError, match="buffer 'mean' must be a Tensor or None, not a list"):
        net.mean = [0.0]
    net.shift = None
    net.mean = tg.ones(2)
    assert names(net.named_parameters(recurse=False)) == ["scale"]
    np.testing.assert_array_equal(net.state_dict()["mean"].numpy(), [1, 1])


def test_buffers_are_found_by_dotted_name() -> None:
    net = nn.Sequential(Net())
    assert net.get_buffer("0.mean") is net[0].mean
    for name in ("0.scale", "0.nothing", "0.body"):
        with pytest.raises(AttributeError, match=f"'{name}' is no buffer of Sequential"):
            net.get_buffer(name)


def test_a_submodule_can_be_put_in_the_place_of_another() -> None:
    net = nn.Sequential(Net())
    net.set_submodule("0.body.1", nn.Tanh(), strict=True)
    net.set_submodule("0.tail", nn.ReLU())
    assert isinstance(net[0].body[1], nn.Tanh)
    assert isinstance(net[0].tail, nn.ReLU)
    with pytest.raises(AttributeError, match="Net has no child 'nothing'"):
        net.set_submodule("0.nothing", nn.ReLU(), strict=True)
    with pytest.raises(AttributeError, match="Net has no child 'shift'"):
        net.set_submodule("0.shift", nn.ReLU())
    with pytest.raises(ValueError, match="the name is empty"):
        net.set_submodule("", nn.ReLU())
    with pytest.raises(ValueError, match=r"'0\.body' must become a Module, not a int"):
        net.set_submodule("0.body", 3)  # type: ignore[arg-type]  # what is refused


def test_a_name_that_is_not_there_is_named_with_the_class() -> None:
    with pytest.raises(AttributeError, match="'Net' object has no attribute 'nothing'"):
        _ = Net().nothing
    with pytest.raises(AttributeError, match="'Net' object has no attribute 'nothing'"):
        del Net().nothing


def test_a_module_shows_what_it_holds_itself_as_dicts_of_names() -> None:
    net = Net()
    net.register_buffer("absent", None)
    assert list(net._parameters) == ["scale", "shift"]
    assert net._parameters["shift"] is net.shift
    assert list(net._buffers) == ["mean", "scratch", "absent"]
    assert net._buffers["absent"] is None
    assert {name: type(m) for name, m in net._modules.items()} == {
        "body": nn.Sequential,
        "again": nn.Sequential,
        "head": nn.Linear,
    }
    assert len(net.body._modules) == 2
    assert repr(net.body[1]._parameters) == "{}"
    assert "training" not in net._modules
    with pytest.raises(KeyError, match="training"):
        net._modules["training"]
    assert net._get_name() == "Net"


def test_what_is_put_into_those_dicts_is_put_into_the_module() -> None:
    net = Net()
    net.body._modules["1"] = nn.Tanh()
    assert isinstance(net.body[1], nn.Tanh)
    net._parameters["scale"] = nn.Parameter(tg.zeros(2))
    assert net.scale.tolist() == [0, 0]
    net._buffers["scratch"] = net._buffers["fresh"] = tg.ones(1)
    assert net.scratch is net.fresh
    assert "scratch" not in net.state_dict()  # as before
    assert "fresh" in net.state_dict()
    del net._modules["again"], net._buffers["mean"]
    assert names(net.named_modules())[1:] == ["body", "body.0", "body.1", "head"]
    assert not hasattr(net, "mean")
    with pytest.raises(KeyError, match="mean"):
        del net._buffers["mean"]
    with pytest.raises(TypeError, match="child module 'body' must be a Module or None, not a int"):
        net._modules["body"] = 1


def test_dir_lists_parameters_and_children_and_no_numbers() -> None:
    assert {"scale", "mean", "body", "forward"} <= set(dir(Net()))
    assert "0" not in dir(nn.Sequential(nn.ReLU()))


# --- calling it ---


def test_forward_missing() -> None:
    class Empty(nn.Module):
        pass

    with pytest.raises(NotImplementedError, match=r"Empty defines no forward\(\)"):
        Empty()(1)


def test_an_error_says_in_which_layer_it_arose() -> None:
    class Model(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.features = nn.Sequential(nn.ReLU(), nn.Sequential(nn.Linear(3, 2)))

        def forward(self, x: tg.Tensor) -> Any:
            return self.features(x)

    with pytest.raises(tg.ShapeError, match="must be 3, not 4") as caught:
        Model()(tg.zeros(1, 4))
    assert caught.value.__notes__ == [
        "in layer features.1.0: Linear(in_features=3, out_features=2, bias=True)"
    ]
    with pytest.raises(tg.ShapeError, match="must be 3") as caught:
        nn.Linear(3, 2)(tg.zeros(1, 4))
    assert caught.value.__notes__ == ["in layer Linear(in_features=3, out_features=2, bias=True)"]


def test_an_error_in_a_containers_own_forward_names_the_container() -> None:
    class Broken(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.child = nn.ReLU()

        def forward(self, x: tg.Tensor) -> Any:
            raise ValueError(f"broken: {x.shape}")

    with pytest.raises(ValueError, match="broken") as caught:
        nn.Sequential(nn.ReLU(), Broken())(tg.zeros(1))
    assert caught.value.__notes__ == ["in layer 1: Broken"]


def test_while_a_graph_is_traced_its_nodes_know_their_layers() -> None:
    model, x = nn.Sequential(nn.Sequential(nn.Linear(1, 1)), nn.ReLU()), tg.ones(1, 1)
    with tg.graph.trace() as trace:
        node = model(x).node
    (before,) = node.parents
    assert trace.path(node) == ("Sequential", "1 (ReLU)")
    assert trace.path(before) == ("Sequential", "0 (Sequential)", "0 (Linear)")
    with tg.graph.trace() as trace:
        assert trace.path(model[0](x).node) == ("Sequential", "0 (Linear)")


# --- what can be done with all of it ---


def test_train_and_eval_reach_every_module_and_respect_its_own_train() -> None:
    class Frozen(nn.Module):
        def train(self, mode: bool = True) -> Frozen:
            del mode
            self.training = False
            return self

    net = nn.Sequential(nn.Sequential(nn.Dropout()), Frozen())
    assert net.train() is net
    assert [m.training for m in net.modules()] == [True, True, True, False]
    assert net.eval() is net
    assert [m.training for m in net.modules()] == [False] * 4


def test_apply_visits_children_first_and_shared_ones_once_for_each_parent() -> None:
    net, seen = Net(), []
    assert net.apply(seen.append) is net
    assert [type(m).__name__ for m in seen] == ["Linear", "ReLU", "Sequential", "Linear", "Net"]


def test_requires_grad_freezes_and_thaws() -> None:
    net = Net()
    assert net.requires_grad_(False) is net
    assert not any(p.requires_grad for p in net.parameters())
    assert not net(tg.ones(1, 2)).requires_grad
    assert all(p.requires_grad for p in net.requires_grad_().parameters())


def test_zero_grad_drops_gradients_or_sets_them_to_zeros() -> None:
    layer = nn.Linear(2, 1)
    layer.zero_grad(set_to_none=False)  # none yet
    assert layer.weight.grad is None
    layer(tg.tensor([[1.0, 2.0]])).sum().backward()
    memory = layer.weight.grad.numpy()
    layer.zero_grad(set_to_none=False)
    np.testing.assert_array_equal(memory, [[0, 0]])
    assert np.shares_memory(memory, layer.weight.grad.numpy())
    layer.zero_grad()
    assert layer.weight.grad is None


def test_to_converts_floating_parameters_gradients_and_buffers() -> None:
    net = Net()
    net.register_buffer("count", tg.tensor(3))
    identity = net.shift
    net(tg.ones(1, 2)).sum().backward()
    assert net.double() is net
    assert net.shift is identity
    assert {t.dtype for t in (*net.parameters(), net.mean, net.shift.grad)} == {np.dtype("f8")}
    assert net.count.dtype == np.int64
    assert net(tg.ones(1, 2, dtype=tg.float64)).dtype == np.float64
    assert net.float().shift.dtype == np.float32


@pytest.mark.parametrize(
    ("args", "dtype"),
    [
        ((tg.float64,), "f8"),
        (("float64",), "f8"),
        ((tg.ones(1, dtype=tg.float64),), "f8"),
        (("cpu", tg.float64), "f8"),
        (("cpu",), "f4"),
    ],
)
def test_to_takes_a_dtype_a_tensor_or_a_device(args: tuple[Any, ...], dtype: str) -> None:
    assert nn.Linear(1, 1).to(*args).weight.dtype == np.dtype(dtype)


def test_to_refuses_integers_and_other_devices() -> None:
    with pytest.raises(TypeError, match="must be a floating one, not int64"):
        nn.Linear(1, 1).to(tg.int64)
    with pytest.raises(RuntimeError, match="device cuda is not available"):
        nn.Linear(1, 1).to("cuda")


def test_conversions_by_name() -> None:
    net = Net()
    assert net.half().shift.dtype == np.float16
    assert net.type(tg.float64).mean.dtype == np.float64
    assert net.cpu() is net
    with pytest.raises(tg.DtypeError, match=r"NumPy has no such dtype; use \.half"):
        net.bfloat16()
    for given in ((), (0,)):
        with pytest.raises(RuntimeError, match=r"device cuda(:0)? is not available"):
            net.cuda(*given)


def test_the_mode_is_a_bool() -> None:
    with pytest.raises(ValueError, match="must be True or False, not 1"):
        nn.ReLU().train(1)  # type: ignore[arg-type]  # what is refused


# --- its state ---


def test_a_state_dict_lists_parameters_then_buffers_over_the_same_memory() -> None:
    net = Net()
    state = net.state_dict()
    assert list(state)[:3] == ["scale", "shift", "mean"]
    assert list(net.body.state_dict(prefix="b.")) == ["b.0.weight", "b.0.bias"]
    assert not state["scale"].requires_grad
    assert np.shares_memory(state["scale"].numpy(), net.scale.detach().numpy())
    assert net.state_dict(keep_vars=True)["scale"] is net.scale


def test_a_state_is_added_to_a_dict_that_is_given() -> None:
    net = nn.Sequential(nn.Linear(2, 1))
    found: dict[str, tg.Tensor] = {"step": tg.ones(1)}
    assert net.state_dict(found, "model.", True) is found
    assert list(found) == ["step", "model.0.weight", "model.0.bias"]
    assert found["model.0.weight"] is net[0].weight
    assert list(net.state_dict(prefix="old_")) == ["old_0.weight", "old_0.bias"]
    assert type(net.state_dict()) is OrderedDict
    # A module that writes its own state differently is asked below another, too.
    net.add_module("own", Plain())
    assert list(net.state_dict()) == ["0.weight", "0.bias", "own.kept"]


class Plain(nn.Module):
    """Keeps a state of its own."""

    def state_dict(
        self, destination: Any = None, prefix: str = "", keep_vars: bool = False
    ) -> dict[str, tg.Tensor]:
        found = super().state_dict(destination, prefix, keep_vars)
        found[f"{prefix}kept"] = tg.ones(1)
        return found


def test_loading_a_state_copies_it() -> None:
    net, other = Net(), Net()
    tg.manual_seed(1)
    other.apply(lambda m: m.reset_parameters() if isinstance(m, nn.Linear) else None)
    state, memory = other.state_dict(), net.scale.detach().numpy()
    result = net.load_state_dict(state)
    assert result == ([], [])
    assert result.missing_keys == []
    x = tg.randn(3, 2)
    np.testing.assert_array_equal(net(x).detach().numpy(), other(x).detach().numpy())
    assert np.shares_memory(memory, net.scale.detach().numpy())
    assert net.head.weight is net.body[0].weight


def test_loading_casts_to_the_modules_dtype_and_assign_takes_the_states() -> None:
    layer = nn.Linear(2, 1)
    state = nn.Linear(2, 1, dtype=tg.float64).state_dict()
    layer.load_state_dict(state)
    assert layer.weight.dtype == np.float32
    weight = layer.weight
    layer.load_state_dict(state, assign=True)
    assert layer.weight is weight
    assert weight.dtype == np.float64
    assert weight.requires_grad
    assert np.shares_memory(weight.detach().numpy(), state["weight"].numpy())


def test_all_that_does_not_fit_is_listed_and_nothing_is_copied() -> None:
    layer = nn.Linear(2, 1)
    before = layer.weight.detach().numpy().copy()
    with pytest.raises(RuntimeError, match="does not fit Linear") as caught:
        layer.load_state_dict({"weight": tg.zeros(2, 2), "gain": tg.ones(1)})
    for part in (
        "missing keys: bias",
        "unexpected keys: gain",
        r"size mismatch for weight: the module has shape (1, 2), the state (2, 2)",
    ):
        assert part in str(caught.value)
    np.testing.assert_array_equal(layer.weight.detach().numpy(), before)


def test_without_strict_other_names_are_reported_and_other_shapes_refused() -> None:
    layer = nn.Linear(2, 1)
    result = layer.load_state_dict({"weight": np.ones((1, 2)), "gain": tg.ones(1)}, strict=False)
    assert result.missing_keys == ["bias"]
    assert result.unexpected_keys == ["gain"]
    np.testing.assert_array_equal(layer.weight.detach().numpy(), [[1, 1]])
    with pytest.raises(RuntimeError, match="size mismatch for bias"):
        layer.load_state_dict({"bias": tg.zeros(4)}, strict=False)


@pytest.mark.parametrize("given", ["model.safetensors", nn.Linear(2, 1)])
def test_loading_from_what_is_no_dict_says_what_to_pass(given: Any) -> None:
    with pytest.raises(TypeError, match=r"expected a dict .* tg\.load\(file\)"):
        nn.Linear(2, 1).load_state_dict(given)


# --- copies and repr ---


@pytest.mark.parametrize("duplicate", [copy.deepcopy, lambda m: pickle.loads(pickle.dumps(m))])
def test_a_copy_is_equal_keeps_what_is_tied_and_shares_no_memory(duplicate: Any) -> None:
    net = Net().eval()
    net.shift.requires_grad_(False)
    twin = duplicate(net)
    x = tg.randn(3, 2)
    np.testing.assert_array_equal(twin(x).detach().numpy(), net(x).detach().numpy())
    assert twin.head.weight is twin.body[0].weight
    assert twin.again is twin.body
    assert names(twin.named_buffers()) == ["mean", "scratch"]
    assert not twin.training
    assert not twin.shift.requires_grad
    for name, p in net.named_parameters():
        assert type(twin.get_parameter(name)) is nn.Parameter
        assert not np.shares_memory(p.detach().numpy(), twin.get_parameter(name).detach().numpy())


def test_repr_shows_the_tree() -> None:
    assert repr(nn.Sequential(nn.Flatten(), nn.Sequential(nn.Linear(4, 3), nn.Dropout(0.2)))) == (
        "Sequential(\n"
        "  (0): Flatten(start_dim=1, end_dim=-1)\n"
        "  (1): Sequential(\n"
        "    (0): Linear(in_features=4, out_features=3, bias=True)\n"
        "    (1): Dropout(p=0.2, inplace=False)\n"
        "  )\n"
        ")"
    )
    assert repr(nn.Sequential()) == "Sequential()"


def test_a_modules_own_line_stands_above_its_children() -> None:
    class Named(nn.Module):
        def __init__(self, lines: str) -> None:
            super().__init__()
            self.act, self.lines = nn.ReLU(), lines

        def extra_repr(self) -> str:
            return self.lines

    assert repr(Named("width=3")) == "Named(\n  width=3\n  (act): ReLU()\n)"
    plain = Named("a\nb")
    del plain.act
    assert repr(plain) == "Named(\n  a\n  b\n)"


# --- Sequential ---


def test_sequential_indexes_slices_and_grows() -> None:
    layers = [nn.Linear(1, 2), nn.ReLU(), nn.Linear(2, 3)]
    model = nn.Sequential(*layers)
    assert len(model) == 3
    assert list(model) == layers
    assert model[-1] is layers[2]
    assert list(model[1:]) == layers[1:]
    assert list(model[1:].state_dict()) == ["2.weight", "2.bias"]
    assert model.append(nn.Tanh()) is model
    assert model(tg.ones(5, 1)).shape == (5, 3)
    with pytest.raises(IndexError):
        model[4]


def test_sequential_takes_names_and_runs_a_shared_layer_each_time() -> None:
    model = nn.Sequential({"twice": nn.Linear(1, 1, bias=False), "act": nn.Identity()})
    assert model.twice.weight.shape == (1, 1)
    model.add_module("more", model.twice)
    model.twice.weight.data.fill_(3.0)
    np.testing.assert_array_equal(model(tg.ones(1, 1)).detach().numpy(), [[9]])
    assert len(model) == 3


def test_sequential_refuses_what_is_no_module() -> None:
    with pytest.raises(TypeError, match="Sequential takes modules, and got a builtin_function"):
        nn.Sequential(nn.Linear(1, 1), len)


# --- Parameter ---


def test_a_parameter_is_a_leaf_whose_results_are_plain_tensors() -> None:
    p = nn.Parameter(tg.ones(2))
    assert p.requires_grad
    assert p.is_leaf
    assert type(p * 2) is tg.Tensor
    assert type(p.detach()) is tg.Tensor
    assert repr(p) == "Parameter containing:\ntensor([1., 1.], requires_grad=True)"
    assert not nn.Parameter(tg.tensor([1, 2]), requires_grad=False).requires_grad
    with pytest.raises(RuntimeError, match="floating-point tensors can require gradients"):
        nn.Parameter(tg.tensor([1, 2]))


def test_a_parameter_of_nothing_is_empty() -> None:
    for p in (nn.Parameter(), nn.Parameter(None)):
        assert p.shape == (0,)
        assert p.requires_grad


def test_a_deep_copy_of_a_parameter_has_no_gradient() -> None:
    layer = nn.Linear(2, 1)
    layer(tg.ones(1, 2)).backward()
    twin = copy.deepcopy(layer)
    assert twin.weight.requires_grad
    assert twin.weight.grad is None
    assert layer.weight.grad is not None
    x = tg.ones(2, requires_grad=True)  # a plain leaf keeps it
    x.sum().backward()
    assert copy.deepcopy(x).grad.tolist() == [1, 1]


def test_a_parameter_shares_the_memory_of_its_tensor_and_not_its_graph() -> None:
    data = tg.ones(2, requires_grad=True) * 2
    p = nn.Parameter(data)
    assert p.is_leaf
    assert np.shares_memory(p.detach().numpy(), data.detach().numpy())
    np.testing.assert_array_equal(nn.Parameter([1.0, 2.0]).detach().numpy(), [1, 2])


def test_a_write_through_a_parameters_tensor_makes_a_graph_stale() -> None:
    data = tg.ones(2)
    loss = (nn.Parameter(data) ** 2).sum()
    data.fill_(3.0)
    with pytest.raises(tg.GraphError, match="changed in place"):
        loss.backward()
