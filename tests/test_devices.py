"""The lines that every script has: devices, backends, and names that are not here."""

from __future__ import annotations

import copy
import inspect
import pickle
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

import tinygrad_np as tg
from tinygrad_np.missing import present

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.mark.parametrize(
    ("made", "type", "index", "text"),
    [
        (tg.device("cpu"), "cpu", None, "device(type='cpu')"),
        (tg.device("cuda"), "cuda", None, "device(type='cuda')"),
        (tg.device("cuda:1"), "cuda", 1, "device(type='cuda', index=1)"),
        (tg.device("cuda", 0), "cuda", 0, "device(type='cuda', index=0)"),
        (tg.device(type="mps", index=2), "mps", 2, "device(type='mps', index=2)"),
        (tg.device(tg.device("cpu:0")), "cpu", 0, "device(type='cpu', index=0)"),
    ],
)
def test_a_device_can_be_named(made: tg.device, type: str, index: int | None, text: str) -> None:
    assert (made.type, made.index, repr(made)) == (type, index, text)
    assert str(made) == f"{made}" == (type if index is None else f"{type}:{index}")
    assert made == tg.device(str(made)) == pickle.loads(pickle.dumps(made)) == copy.copy(made)
    assert {made: 1}[tg.device(str(made))] == 1


def test_devices_are_equal_by_type_and_index_and_to_nothing_else() -> None:
    assert tg.device("cpu") != tg.device("cpu:0")
    assert tg.device("cuda") != tg.device("cpu")
    assert tg.device("cpu") != "cpu"


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (("gpu",), RuntimeError, "'gpu' does not start with one of cpu, cuda"),
        (("",), RuntimeError, "does not start with one of"),
        (("cuda:0", 1), RuntimeError, "'cuda:0' holds an index, and index=1 is another"),
        (("cpu:",), RuntimeError, "'cpu:' does not end with an index"),
        (("cuda:x",), RuntimeError, "does not end with an index, such as 'cuda:0'"),
        (("cuda:-1",), RuntimeError, "does not end with an index"),
        (("cuda:01",), RuntimeError, "does not end with an index"),
        ((0,), RuntimeError, "0 would be an accelerator, and there is none"),
        ((1.5,), TypeError, r"expected a string such as 'cpu', or a device, not 1\.5"),
    ],
)
def test_no_such_device(arguments: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        tg.device(*arguments)


X = tg.ones(2)


@pytest.mark.parametrize(
    "move",
    [
        lambda d: tg.zeros(2, device=d),
        lambda d: tg.tensor([1.0], device=d),
        lambda d: tg.ones_like(X, device=d),
        lambda d: tg.arange(3, device=d),
        lambda d: tg.rand(3, device=d),
        lambda d: tg.tril_indices(3, 3, device=d),
        X.to,
        lambda d: X.to(device=d),
        lambda d: X.to(d, tg.float64),
        lambda d: X.new_zeros(2, device=d),
        lambda d: tg.nn.Linear(1, 1, device=d),
        lambda d: tg.nn.Linear(1, 1).to(d),
        lambda d: tg.device(d).__enter__(),
    ],
)
def test_there_is_only_the_cpu(move: Callable[[Any], Any]) -> None:
    for device in ("cpu", "cpu:0", tg.device("cpu")):
        move(device)
    for device in ("cuda", "cuda:0", tg.device("mps")):
        with pytest.raises(RuntimeError, match=r"device \S+ is not available: .* on 'cpu' alone"):
            move(device)


def test_tensors_know_their_device() -> None:
    assert tg.ones(2, device="cpu:0").device == tg.device("cpu")
    assert X.device.type == "cpu"
    assert not X.is_cuda
    assert X.cpu() is X
    assert X.pin_memory() is X
    with pytest.raises(RuntimeError, match="device cuda is not available"):
        X.cuda()
    with pytest.raises(RuntimeError, match="device 1 is not available"):
        X.cuda(1, non_blocking=True)


def test_a_device_as_context() -> None:
    with tg.device("cpu") as device:
        assert tg.ones(2).device == device


def test_there_is_no_accelerator() -> None:
    assert not tg.cuda.is_available()
    assert tg.cuda.device_count() == tg.accelerator.device_count() == 0
    assert not tg.accelerator.is_available()
    assert tg.accelerator.current_accelerator() is None
    backends = tg.backends
    for backend in (backends.cuda, backends.cudnn, backends.mps, backends.mkl, backends.openmp):
        assert not backend.is_available()
    assert not backends.mps.is_built()
    assert not backends.cuda.is_built()
    assert backends.cudnn.version() is None


def test_what_scripts_say_to_a_gpu_does_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    before = tg.rand(1)
    tg.manual_seed(0)
    tg.cuda.manual_seed(3)
    tg.cuda.manual_seed_all(3)
    tg.cuda.empty_cache()
    for flag in ("deterministic", "benchmark", "enabled"):
        monkeypatch.setattr(tg.backends.cudnn, flag, True)
    tg.use_deterministic_algorithms(True, warn_only=True)
    assert tg.are_deterministic_algorithms_enabled()
    tg.use_deterministic_algorithms(False)
    assert not tg.are_deterministic_algorithms_enabled()
    assert tg.equal(tg.rand(1), before)


def test_what_a_script_reaches_through_the_package() -> None:
    assert tg.nn.Linear(2, 3).weight.shape == (3, 2)
    assert tg.optim.Adam is tg.nn.optim.Adam
    assert tg.utils.data.DataLoader is tg.nn.data.DataLoader
    assert tg.nn.functional.relu(X).tolist() == [1, 1]


MODULES = {
    "tinygrad_np": tg,
    "nn": tg.nn,
    "nn.functional": tg.nn.functional,
    "nn.optim": tg.optim,
    "nn.init": tg.nn.init,
    "nn.data": tg.nn.data,
    "tinygrad_np.accelerator": tg.accelerator,
    "tinygrad_np.autograd": tg.autograd,
    "tinygrad_np.autograd.functional": tg.autograd.functional,
    "tinygrad_np.backends": tg.backends,
    "tinygrad_np.backends.cuda": tg.backends.cuda,
    "tinygrad_np.backends.cudnn": tg.backends.cudnn,
    "tinygrad_np.backends.mkl": tg.backends.mkl,
    "tinygrad_np.backends.mps": tg.backends.mps,
    "tinygrad_np.backends.openmp": tg.backends.openmp,
    "tinygrad_np.cuda": tg.cuda,
    "tinygrad_np.graph": tg.graph,
    "tinygrad_np.random": tg.random,
    "tinygrad_np.utils": tg.utils,
}


@pytest.mark.parametrize("place", MODULES)
def test_names_that_are_missing_say_so(place: str) -> None:
    module = MODULES[place]
    with pytest.raises(AttributeError, match=f"no_such_name is not in {place}; "):
        _ = module.no_such_name
    assert not hasattr(module, "__wrapped__")


@pytest.mark.parametrize(
    ("ask", "near"),
    [
        (lambda: tg.fft, r"fft is not in tinygrad_np; dir\(tinygrad_np\) lists what is there"),
        (lambda: tg.reshap, "names near it: reshape"),
        (lambda: tg.backend, "names near it: backends"),
        (lambda: tg.nn.Conv4d, "names near it: .*Conv2d"),
        (lambda: tg.nn.functional.cross_entropi, "names near it: cross_entropy"),
        (lambda: tg.optim.Adamm, "names near it: Adam"),
        (lambda: tg.nn.init.xavier, "names near it: xavier_normal_"),
        (lambda: tg.autograd.no_gradd, "names near it: no_grad"),
        (lambda: X.svd, r"svd is not in tinygrad_np\.Tensor; "),
        (lambda: tg.Tensor.unsqueeze_, r"unsqueeze_ is not in tinygrad_np\.Tensor; names near it"),
        (lambda: tg.nn.Parameter(X).slogdet, r"slogdet is not in tinygrad_np\.Parameter; "),
    ],
)
def test_near_names(ask: Callable[[], Any], near: str) -> None:
    with pytest.raises(AttributeError, match=near):
        ask()


def test_dir_lists_what_is_not_imported_yet(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("nn", "optim", "cuda", "testing"):
        monkeypatch.delitem(vars(tg), name, raising=False)
        assert name in dir(tg)


def test_absent_names_are_absent_to_every_protocol() -> None:
    assert not hasattr(X, "svd")
    assert getattr(X, "svd", 7) == 7
    assert "svd" not in dir(X)
    assert {"sum", "shape", "add_"} <= set(dir(X))
    names = {name for name, _ in inspect.getmembers(tg.ones(2, 2))}
    assert "svd" not in names
    assert "sum" in names
    assert "svd" not in present(tg.Tensor)
    assert (
        np.asarray(X).tolist()
        == copy.deepcopy(X).tolist()
        == pickle.loads(pickle.dumps(X)).tolist()
    )
    assert not hasattr(X, "__array_interface__")
    X.device  # noqa: B018 - one of PyTorch's names that we have
    with pytest.raises(AttributeError, match="'Tensor' object has no attribute 'sume'"):
        _ = X.sume


def test_nothing_slows_the_attributes_that_are_there() -> None:
    assert not any("__getattr__" in vars(base) for base in tg.Tensor.__mro__)
