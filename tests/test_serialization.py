"""save and load: models, optimisers and checkpoints come back bit for bit."""

from __future__ import annotations

import io
import pickle
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

import nn
import nn.functional as F
import tinygrad_np as tg
from nn import optim

if TYPE_CHECKING:
    from pathlib import Path


class Tied(nn.Module):
    """Two layers with one weight."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Linear(4, 4), nn.Linear(4, 4)
        self.second.weight = self.first.weight

    def forward(self, x: tg.Tensor) -> Any:
        return self.second(F.relu(self.first(x)))


def logits(model: nn.Module) -> np.ndarray:
    tg.manual_seed(9)
    return model(tg.randn(3, 4)).detach().numpy()


@pytest.mark.parametrize("suffix", [".safetensors", ".npz", ".pt", ""])
def test_a_loaded_model_gives_the_same_logits_bit_for_bit(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"model{suffix}"
    model, other = (nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 2)) for _ in "ab")
    tg.save(model.state_dict(), path)
    state = tg.load(path)
    assert list(state) == list(model.state_dict())
    assert all(type(t) is tg.Tensor and not t.requires_grad for t in state.values())
    assert (logits(other) != logits(model)).any()
    other.load_state_dict(state)
    np.testing.assert_array_equal(logits(other), logits(model))
    other.load_state_dict(tg.load(str(path)), assign=True)
    np.testing.assert_array_equal(logits(other), logits(model))


@pytest.mark.parametrize("suffix", [".safetensors", ".npz"])
def test_tied_weights_stay_tied(tmp_path: Path, suffix: str) -> None:
    model, other = Tied(), Tied()
    tg.save(model.state_dict(), tmp_path / f"tied{suffix}")
    other.load_state_dict(tg.load(tmp_path / f"tied{suffix}"))
    assert other.second.weight is other.first.weight
    np.testing.assert_array_equal(logits(other), logits(model))


def test_a_flat_state_dict_is_read_by_numpy(tmp_path: Path) -> None:
    layer = nn.Linear(3, 2)
    tg.save(layer.state_dict(), tmp_path / "layer.npz")
    with np.load(tmp_path / "layer.npz") as file:
        np.testing.assert_array_equal(file["weight"], layer.weight.detach().numpy())
        assert sorted(file) == ["bias", "weight"]


@pytest.mark.parametrize("kind", [optim.SGD, optim.Adam])
def test_a_checkpoint_resumes_training_bit_for_bit(tmp_path: Path, kind: Any) -> None:
    x, label = tg.randn(8, 4), tg.tensor([0, 1, 2, 3] * 2)
    options = {"momentum": 0.9} if kind is optim.SGD else {"amsgrad": True}

    def train(model: nn.Module, optimizer: optim.Optimizer, steps: int) -> list[float]:
        losses = []
        for _ in range(steps):
            optimizer.zero_grad()
            loss = F.cross_entropy(model(x), label)
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        return losses

    model = Tied()
    optimizer = kind(model.parameters(), lr=0.05, **options)
    history = train(model, optimizer, 3)
    tg.save(
        {
            "model": model.state_dict(),
            "optimizer": optimizer.state_dict(),
            "epoch": 3,
            "history": history,
            "best": (None, "run-a", True),
        },
        tmp_path / "checkpoint.safetensors",
    )
    expected = train(model, optimizer, 3)

    loaded = tg.load(tmp_path / "checkpoint.safetensors")
    other = Tied()
    other.load_state_dict(loaded["model"])
    resumed = kind(other.parameters(), lr=1.0, **options)
    resumed.load_state_dict(loaded["optimizer"])
    assert train(other, resumed, 3) == expected
    assert loaded["epoch"] == 3
    assert loaded["history"] == history
    assert loaded["best"] == (None, "run-a", True)


@pytest.mark.parametrize(
    "dtype",
    [tg.float16, tg.float32, tg.float64, tg.int8, tg.int16, tg.int32, tg.int64, tg.uint8, np.bool_],
)
@pytest.mark.parametrize("shape", [(), (0, 3), (2, 3)])
def test_every_dtype_and_shape_comes_back(dtype: Any, shape: tuple[int, ...]) -> None:
    t = tg.tensor(np.arange(np.prod(shape, dtype=int)).reshape(shape), dtype=dtype)
    file = io.BytesIO()
    tg.save({"t": t}, file)
    file.seek(0)
    found = tg.load(file)["t"]
    assert found.dtype == t.dtype
    assert found.shape == shape
    np.testing.assert_array_equal(found.numpy(), t.numpy())


def test_special_values_and_odd_layouts_come_back() -> None:
    values = np.array([[np.nan, np.inf], [-0.0, 1e-45]], np.float32)
    for t in (tg.tensor(values), tg.tensor(values).T, tg.tensor(values)[:, :1]):
        file = io.BytesIO()
        tg.save({"t": t}, file)
        file.seek(0)
        found = tg.load(file)["t"].numpy()
        np.testing.assert_array_equal(found, t.numpy())
        np.testing.assert_array_equal(np.signbit(found), np.signbit(t.numpy()))


def test_a_bare_tensor_a_parameter_and_a_list_can_be_saved(tmp_path: Path) -> None:
    p = nn.Parameter(tg.ones(2))
    for i, obj in enumerate([tg.ones(2), p, [tg.ones(2), 3], {"a": {"b": p}}]):
        tg.save(obj, tmp_path / str(i))
    bare, parameter, listed, nested = (tg.load(tmp_path / str(i)) for i in range(4))
    for t in (bare, parameter, listed[0], nested["a"]["b"]):
        assert type(t) is tg.Tensor
        np.testing.assert_array_equal(t.numpy(), [1, 1])
    assert listed[1] == 3


def test_what_was_loaded_can_be_written_to(tmp_path: Path) -> None:
    for suffix in ("safetensors", "npz"):
        tg.save({"t": tg.ones(2)}, tmp_path / f"t.{suffix}")
        t = tg.load(tmp_path / f"t.{suffix}")["t"]
        t.fill_(5)
        assert t.tolist() == [5, 5]


def test_a_module_cannot_be_saved_and_the_message_says_where_it_is(tmp_path: Path) -> None:
    with pytest.raises(TypeError, match=r"Linear"):
        tg.save(nn.Linear(1, 1), tmp_path / "model")
    with pytest.raises(TypeError, match=r"model.*Linear"):
        tg.save({"model": nn.Linear(1, 1)}, tmp_path / "model")
    assert list(tmp_path.iterdir()) == []


def test_npz_refuses_what_is_nested(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"deep\.npz can hold a flat dict .*suffix \.safetensors"):
        tg.save({"model": {"w": tg.ones(1)}}, tmp_path / "deep.npz")
    assert list(tmp_path.iterdir()) == []


def test_a_failed_save_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "state"
    tg.save({"t": tg.ones(2)}, path)
    with pytest.raises(TypeError):
        tg.save({"t": tg.zeros(2), "f": len}, path)
    assert tg.load(path)["t"].tolist() == [1, 1]


@pytest.mark.parametrize("suffix", ["safetensors", "npz"])
def test_missing_and_damaged_files_are_named(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"state.{suffix}"
    with pytest.raises(FileNotFoundError, match=f"state.{suffix}"):
        tg.load(path)
    tg.save({"t": tg.ones(100)}, path)
    whole = path.read_bytes()
    for damaged in (b"", b"junk", whole[:-9]):
        path.write_bytes(damaged)
        with pytest.raises(ValueError, match=f"state.{suffix}"):
            tg.load(path)


@pytest.mark.parametrize(
    "place",
    [
        *(None, "cpu", "cpu:0", tg.device("cpu"), {"cuda:0": "cpu"}),
        lambda storage, location: storage,  # noqa: ARG005 - PyTorch's way to say "to the CPU"
    ],
    ids=lambda x: type(x).__name__,
)
def test_options_of_pickling_and_of_devices_are_taken(tmp_path: Path, place: Any) -> None:
    path = tmp_path / "x.pt"
    tg.save({"x": tg.ones(2)}, path, pickle, 4)
    tg.save({"x": tg.ones(2)}, path, pickle_module=pickle, pickle_protocol=4)
    assert tg.load(path, place)["x"].tolist() == [1, 1]
    state = tg.load(path, map_location=place, weights_only=False, mmap=True, pickle_module=pickle)
    assert state["x"].tolist() == [1, 1]


@pytest.mark.parametrize("place", ["cuda", tg.device("cuda", 0), {"cpu": "cuda:1"}], ids=str)
def test_nothing_is_loaded_to_where_there_is_nothing(tmp_path: Path, place: Any) -> None:
    tg.save({"x": tg.ones(2)}, tmp_path / "x.pt")
    with pytest.raises(RuntimeError, match=r"device cuda(:[01])? is not available"):
        tg.load(tmp_path / "x.pt", map_location=place)


def test_a_place_that_is_none_is_refused(tmp_path: Path) -> None:
    with pytest.raises(TypeError, match=r"device: expected a string such as 'cpu'"):
        tg.load(tmp_path / "x.pt", map_location=1.5)
