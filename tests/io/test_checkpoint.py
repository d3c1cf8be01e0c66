"""Nested objects taken apart into arrays and JSON, and put together again."""

import collections
import contextlib
import enum
import functools
import io
import json
import math
import os
import random
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
from helpers import times
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from tinygrad_np.io import (
    FileFormatError,
    flatten,
    read_safetensors,
    unflatten,
    write_safetensors,
)

Array = np.ndarray[Any, np.dtype[Any]]
KEY = "tinygrad_np.checkpoint"


class Tensor:
    """A stand-in for the class that the layer above will pass."""

    def __init__(self, array: Array) -> None:
        self.array = array

    def __repr__(self) -> str:
        return f"Tensor({self.array!r})"


def flatten_tensors(obj: object) -> tuple[dict[str, Array], dict[str, str]]:
    return flatten(
        obj, is_array=lambda value: isinstance(value, Tensor), to_array=lambda value: value.array
    )


def through_file(obj: object) -> Any:
    """Save and load."""
    file = io.BytesIO()
    write_safetensors(file, *flatten_tensors(obj))
    file.seek(0)
    return unflatten(*read_safetensors(file), from_array=Tensor)


def assert_same(actual: Any, expected: Any) -> None:
    """Compare types, values (nan equals nan, -0.0 differs from 0.0) and the order of keys."""
    assert type(actual) is type(expected)
    if isinstance(expected, Tensor):
        assert_same(actual.array, expected.array)
    elif isinstance(expected, np.ndarray):
        np.testing.assert_array_equal(actual, expected, strict=True)
    elif isinstance(expected, (list, tuple)):
        assert len(actual) == len(expected)
        for one, other in zip(actual, expected, strict=True):
            assert_same(one, other)
    elif isinstance(expected, dict):
        assert_same(list(actual), list(expected))
        assert_same(list(actual.values()), list(expected.values()))
    else:
        assert repr(actual) == repr(expected)


SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.integers(min_value=-(2**200), max_value=2**200)
    | st.floats()
    | st.text(max_size=5)
    | hnp.arrays(
        hnp.boolean_dtypes()
        | hnp.integer_dtypes(endianness="=")
        | hnp.floating_dtypes(endianness="=", sizes=(16, 32, 64)),
        (),
    ).map(lambda array: array[()])
)
LEAVES = SCALARS | hnp.arrays(np.float32, hnp.array_shapes(min_dims=0, max_dims=2, min_side=0))
LEAVES |= hnp.arrays(np.int64, (2,)).map(Tensor)
OBJECTS = st.recursive(
    LEAVES,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.lists(inner, max_size=3).map(tuple)
        | st.dictionaries(st.text(max_size=3) | SCALARS, inner, max_size=3)
    ),
    max_leaves=12,
)


@given(OBJECTS)
def test_round_trip(obj: Any) -> None:
    assert_same(through_file(obj), obj)


def test_training_checkpoint() -> None:
    rng = np.random.default_rng(0)
    checkpoint = {
        "model": {"fc.weight": Tensor(np.eye(2, dtype=np.float32)), "fc.bias": Tensor(np.ones(2))},
        "optimizer": {
            "state": {0: {"step": Tensor(np.array(3.0)), "exp_avg": Tensor(np.zeros((2, 2)))}},
            "param_groups": [
                {"lr": 1e-3, "betas": (0.9, 0.999), "foreach": None, "params": [0, 1]}
            ],
        },
        "epoch": 3,
        "best": float("inf"),
        "losses": [np.float32(0.1), float("nan")],
        "numpy_rng": rng.bit_generator.state,
        "python_rng": random.Random(0).getstate(),
        "old_rng": np.random.RandomState(0).get_state(legacy=False),
    }
    loaded = through_file(checkpoint)
    assert_same(loaded, checkpoint)
    expected = rng.random()
    rng.bit_generator.state = loaded["numpy_rng"]
    assert rng.random() == expected
    arrays, _ = flatten_tensors(checkpoint)
    assert list(arrays) == [
        *("model.fc.weight", "model.fc.bias"),
        *("optimizer.state.0.step", "optimizer.state.0.exp_avg"),
        "old_rng.state.key",
    ]


def test_flat_dict_is_a_plain_file() -> None:
    weight, bias = np.eye(2), np.ones(2)
    state = collections.OrderedDict({"fc.weight": Tensor(weight), "fc.bias": Tensor(bias)})
    arrays, metadata = flatten_tensors(state)
    assert metadata == {}
    assert list(arrays) == ["fc.weight", "fc.bias"]
    assert arrays["fc.weight"] is weight  # no copy
    assert_same(through_file(state), dict(state))
    assert flatten({}) == ({}, {})
    assert unflatten({}, {}) == {}


@pytest.mark.parametrize(
    "state",
    [
        pytest.param({"__metadata__": Tensor(np.ones(1))}, id="reserved"),
        pytest.param({"a\ud800": Tensor(np.ones(1)), "a": Tensor(np.ones(2))}, id="surrogate"),
        pytest.param({0: Tensor(np.ones(1))}, id="int"),
        pytest.param({"a": np.ones(1)}, id="numpy"),
        pytest.param({"a": Tensor(np.ones(1)), "n": 1}, id="number"),
    ],
)
def test_flat_dict_that_a_plain_file_cannot_hold(state: Any) -> None:
    _, metadata = flatten_tensors(state)
    assert list(metadata) == [KEY]
    assert_same(through_file(state), state)


def test_bare_array() -> None:
    arrays, metadata = flatten(np.arange(3))
    assert list(arrays) == ["array"]
    assert_same(unflatten(arrays, metadata), np.arange(3))
    assert_same(through_file(Tensor(np.arange(3))), Tensor(np.arange(3)))


def test_file_of_another_tool() -> None:
    assert_same(
        unflatten({"b": np.ones(1), "a": np.ones(2)}, {"format": "pt"}),
        {"b": np.ones(1), "a": np.ones(2)},
    )


def test_equal_names_are_kept_apart() -> None:
    obj = {"a": {"b": np.zeros(1), "b~2": np.zeros(2)}, "a.b": np.zeros(3), "__metadata__": {}}
    obj["__metadata__"] = np.zeros(4)
    arrays, _ = flatten(obj)
    assert list(arrays) == ["a.b", "a.b~2", "a.b~3", "__metadata__~2"]
    assert_same(through_file(obj), obj)


def test_tied_weights_come_back_as_two_arrays() -> None:
    weight = np.arange(3.0)
    for obj in ({"a": weight, "b": weight}, {"model": {"a": weight, "b": weight}, "n": 1}):
        loaded = unflatten(*flatten(obj))
        assert_same(loaded, obj)
        saved = through_file(obj)
        assert_same(saved, obj)
    assert not np.shares_memory(saved["model"]["a"], saved["model"]["b"])


def test_same_list_twice_is_no_cycle() -> None:
    shared = [1, 2]
    assert unflatten(*flatten([shared, shared])) == [[1, 2], [1, 2]]


def test_subclasses_become_plain() -> None:
    class Point(NamedTuple):
        x: int
        y: int

    class Mode(enum.IntEnum):
        TRAIN = 1

    class Name(enum.StrEnum):
        ADAM = "adam"

    counter = collections.Counter({30: 1})
    obj = [Point(1, 2), Mode.TRAIN, Name.ADAM, counter, np.str_("text"), {Mode.TRAIN: 0}]
    assert_same(through_file(obj), [(1, 2), 1, "adam", {30: 1}, "text", {1: 0}])


def test_structure_is_strict_json() -> None:
    _, metadata = flatten([math.nan, -math.inf, 2**64, -(2**64), np.float16("inf"), "\ud800", "é"])

    def refuse(constant: str) -> None:
        raise AssertionError(f"{constant} is not JSON")

    structure = json.loads(metadata[KEY], parse_constant=refuse)
    assert structure == {
        "version": 1,
        "object": [
            *({"float": "nan"}, {"float": "-inf"}),
            *({"int": "0x10000000000000000"}, {"int": "-0x10000000000000000"}),
            {"float16": "inf"},
            *("\ud800", "é"),
        ],
    }
    metadata[KEY].encode("ascii")


# --------------------------------------------------------------------------------------- refusals


class Linear:
    def state_dict(self) -> dict[str, Any]:
        return {}

    def forward(self, x: object) -> object:
        return x


class Adam:
    def state_dict(self) -> dict[str, Any]:
        return {}


class Config:
    pass


@pytest.mark.parametrize(
    ("obj", "match"),
    [
        ({"model": Linear()}, r"checkpoint\['model'\]: a Linear module; save its state_dict\(\)$"),
        (Linear(), r"^checkpoint: a Linear module; save its state_dict\(\)$"),
        ({"o": [0, Adam()]}, r"checkpoint\['o'\]\[1\]: an Adam object; save its state_dict\(\)$"),
        ({0: {None: Linear}}, r"checkpoint\[0\]\[None\]: the class Linear; save its name"),
        ((lambda: 1,), r"checkpoint\[0\]: a function; code is not saved: save its name, or the n"),
        ([print], "a builtin_function_or_method; code is not saved"),
        ([Linear().forward], "a method; code is not saved"),
        ([functools.partial(print)], r"a partial object; only arrays, numbers, .* are saved"),
        ([Config()], "a Config object; only arrays, numbers, .* save the values that it is made"),
        ([object], "the class object; save its name"),
        ([iter([1])], r"a list_iterator; save list\(\.\.\.\) of it"),
        ([(x for x in [1])], r"a generator; save list\(\.\.\.\) of it"),
        ([{}.values()], r"a dict_values; save list\(\.\.\.\) of it"),
        ([collections.OrderedDict().keys()], r"an odict_keys; save list"),
        ([{1, 2}], r"a set; save list\(\.\.\.\) of it"),
        ([os.environ], r"a _Environ; save dict\(\.\.\.\) of it"),
        ([Path()], r"Path; save str\(\.\.\.\) of it"),
        ([b"bytes"], r"a bytes; save np\.frombuffer\(\.\.\., np\.uint8\) of it"),
        ([1j], "a complex object; only arrays"),
        ([np.complex64(1)], "a complex64 object; only arrays"),
        ([np.datetime64("2020-01-01")], "a datetime64 object; only arrays"),
        ({"a": {(0, 1): 2}}, r"checkpoint\['a'\]: the key \(0, 1\) is a tuple; make it a string"),
        ({np.complex64(1): 2}, r"checkpoint: the key .* is a complex64; make it a string, a num"),
    ],
)
def test_flatten_refuses(obj: Any, match: str) -> None:
    with pytest.raises(TypeError, match=match):
        flatten_tensors(obj)


def test_object_that_contains_itself() -> None:
    obj: dict[str, Any] = {}
    obj["me"] = [obj]
    match = r"checkpoint\['me'\]\[0\]\['me'\]\.\.\. is nested more than 100 deep; does it contain"
    with pytest.raises(ValueError, match=match):
        flatten(obj)


def test_depth_up_to_the_limit() -> None:
    obj: Any = 1
    for _ in range(50):
        obj = {"k": (obj,)}
    assert_same(through_file(obj), obj)


def structure(obj: Any, version: Any = 1) -> dict[str, str]:
    return {KEY: json.dumps({"version": version, "object": obj})}


DAMAGED: list[tuple[dict[str, str], str]] = [
    ({KEY: "{"}, "is damaged: JSONDecodeError"),
    ({KEY: "[]"}, "is damaged: TypeError"),
    ({KEY: "{}"}, r"is damaged: KeyError\('version'\)"),
    ({KEY: '{"version":1}'}, r"is damaged: KeyError\('object'\)"),
    ({KEY: "[" * 100_000}, "is damaged: it is nested too deeply"),
    ({KEY: "1" * 5000}, "is damaged: ValueError"),
    ({KEY: '{"version":1,"object":' + "[" * 3000 + "]" * 3000 + "}"}, "is nested too deeply"),
    (structure(None, 2), "version 2, and this version of tinygrad_np reads 1; a newer one may"),
    (structure(None, "x"), "has version 'x'"),
    (structure({}), "is damaged: {} stands for nothing"),
    (structure({"set": []}), r"is damaged: {'set': \[\]} stands for nothing"),
    (structure({"tuple": 1}), r"is damaged: {'tuple': 1} stands for nothing"),
    (structure({"dict": {}}), r"is damaged: {'dict': {}} stands for nothing"),
    (structure({"dict": [["k"]]}), r"is damaged: \['k'\] is not a key and a value"),
    (structure({"dict": [[["k"], 1]]}), r"is damaged: \[\['k'\], 1\] is not a key and a value"),
    (structure({"dict": [3]}), "is damaged: 3 is not a key and a value"),
    (structure({"array": 1}), r"is damaged: {'array': 1} stands for nothing"),
    (structure({"array": "b"}), "names the array 'b', which is missing or named twice"),
    (structure({"ndarray": "b"}), "names the array 'b', which is missing"),
    (structure([{"array": "a"}, {"array": "a"}]), "names the array 'a', .* named twice"),
    (structure([1]), "does not mention the array 'a'"),
    (structure({"float": "x"}), "{'float': 'x'} stands for nothing"),
    (structure({"int": "xyz"}), "{'int': 'xyz'} stands for nothing"),
    (structure({"int": 5}), "{'int': 5} stands for nothing"),
    (structure({"int8": 300}), "{'int8': 300} stands for nothing"),
    (structure({"float32": [1, 2]}), r"{'float32': \[1, 2\]} stands for nothing"),
    (structure({"complex64": 1}), "{'complex64': 1} stands for nothing"),
]


@pytest.mark.parametrize(("metadata", "match"), DAMAGED)
def test_unflatten_refuses(metadata: dict[str, str], match: str) -> None:
    with pytest.raises(FileFormatError, match="^model.ckpt: the checkpoint's structure .*" + match):
        unflatten({"a": np.ones(1)}, metadata, source="model.ckpt")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["dict", "tuple", "array", "ndarray", "float", "int", "int8", "float16", "bool", ""]
            ),
            inner | st.lists(st.lists(inner, min_size=2, max_size=2), max_size=2) | st.just("a"),
            max_size=2,
        )
    ),
    max_leaves=8,
)


@times(30)
@given(JSON)
def test_any_structure_is_refused_or_harmless(obj: Any) -> None:
    try:
        loaded = unflatten({"a": np.ones(1)}, structure(obj))
    except FileFormatError:
        return
    assert_same(unflatten(*flatten(loaded)), loaded)  # what can be loaded can be saved


@given(st.data())
def test_damaged_text_is_refused_or_harmless(data: st.DataObject) -> None:
    arrays, metadata = flatten({"a": np.ones(2), "b": [(1, 2.5, math.nan), {3: np.int8(4)}]})
    text = list(metadata[KEY])
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(text) - 1))
        text[at] = data.draw(st.sampled_from('{}[]",:0123456789eE.-nulltrueINaN'))
    with contextlib.suppress(FileFormatError):
        unflatten(arrays, {KEY: "".join(text)})
