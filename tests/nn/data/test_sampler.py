"""Samplers give PyTorch's orders: the literals below are those of PyTorch 2.13."""

from __future__ import annotations

from collections import OrderedDict, namedtuple
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

import tinygrad_np as tg
from nn.data import (
    BatchSampler,
    ConcatDataset,
    DataLoader,
    IterableDataset,
    RandomSampler,
    Sampler,
    SequentialSampler,
    SubsetRandomSampler,
    TensorDataset,
    WeightedRandomSampler,
    default_collate,
    default_convert,
    random_split,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

DATA = TensorDataset(tg.arange(8))


def seeded(seed: int = 1) -> tg.Generator:
    return tg.Generator().manual_seed(seed)


def batches(loader: DataLoader, passes: int = 1) -> list[list[int]]:
    return [x.tolist() for _ in range(passes) for (x,) in loader]


class Numbers(IterableDataset):
    def __init__(self, n: int = 7) -> None:
        self.n = n

    def __iter__(self) -> Iterator[int]:
        return iter(range(self.n))


class Counted(Numbers):
    def __len__(self) -> int:
        return self.n


# --- orders --------------------------------------------------------------------------------------

REPLACED = "7477260673644116254436317770217333"
ORDERS: list[tuple[Callable[[], Any], list[int]]] = [
    (lambda: SequentialSampler(DATA), list(range(8))),
    (lambda: RandomSampler(DATA), [7, 0, 5, 4, 6, 1, 3, 2]),
    (lambda: RandomSampler(DATA, True, 34), [int(c) for c in REPLACED]),
    (
        lambda: RandomSampler(DATA, False, 20, generator=seeded()),
        [5, 4, 2, 6, 7, 3, 1, 0, 5, 1, 2, 6, 0, 3, 7, 4, 5, 6, 2, 4],
    ),
    (lambda: SubsetRandomSampler([5, 6, 7, 8]), [7, 8, 6, 5]),
    (lambda: WeightedRandomSampler([0.1, 0.7, 0.2], 6), [0, 1, 1, 1, 1, 1]),
]


@pytest.mark.parametrize(("make", "expected"), ORDERS)
def test_orders(make: Callable[[], Any], expected: list[int]) -> None:
    tg.manual_seed(3)
    sampler = make()
    assert len(sampler) == len(expected)
    assert list(sampler) == expected
    assert all(type(i) is int for i in sampler)


@pytest.mark.parametrize(("make", "expected"), ORDERS)
@pytest.mark.parametrize("size", [1, 3, 8, 50])
@pytest.mark.parametrize("drop_last", [False, True])
def test_batches_as_arrays_and_as_lists_agree(
    make: Callable[[], Any], expected: list[int], size: int, drop_last: bool
) -> None:
    tg.manual_seed(3)
    batch_sampler = BatchSampler(make(), size, drop_last)
    arrays = batch_sampler.arrays()
    assert arrays is not None
    found = [array.tolist() for array in arrays]
    tg.manual_seed(3)
    batch_sampler.sampler = make()
    assert list(batch_sampler) == found
    assert len(found) == len(batch_sampler)
    kept = len(expected) - (len(expected) % size) * drop_last
    assert [i for batch in found for i in batch] == expected[:kept]


def test_a_loader_gives_pytorchs_batches_pass_after_pass() -> None:
    tg.manual_seed(3)
    loader = DataLoader(DATA, 3, shuffle=True)
    expected = [[2, 1, 6], [5, 0, 4], [3, 7], [7, 6, 0], [5, 1, 3], [4, 2]]
    assert batches(loader, 2) == expected
    generator = seeded()
    loader = DataLoader(DATA, 3, shuffle=True, generator=generator)
    expected = [[4, 0, 3], [6, 7, 1], [5, 2], [2, 0, 1], [6, 3, 4], [7, 5]]
    assert batches(loader, 2) == expected
    np.testing.assert_allclose(tg.rand(1, generator=generator).item(), 0.8300, atol=1e-4)


def test_a_split_is_pytorchs() -> None:
    tg.manual_seed(3)
    parts = random_split(DATA, [0.5, 0.25, 0.25])
    assert [list(part.indices) for part in parts] == [[2, 4, 3, 5], [1, 0], [6, 7]]
    with pytest.warns(UserWarning, match=r"random_split: a part is empty: \[8, 0\]"):
        random_split(DATA, [0.99, 0.01])
    with pytest.raises(ValueError, match=r"a share lies in \[0, 1\], and 1.5 does not"):
        random_split(DATA, [1.5, -0.5])


# --- samplers of one's own -----------------------------------------------------------------------


def test_samplers_of_ones_own_say_the_order() -> None:
    class Backwards(Sampler):
        def __iter__(self) -> Iterator[int]:
            return iter([2, 1, 0])

        def __len__(self) -> int:
            return 3

    class Odd(SequentialSampler):
        def __iter__(self) -> Iterator[int]:
            return iter([1, 3])

    assert batches(DataLoader(DATA, 2, sampler=Backwards())) == [[2, 1], [0]]
    assert len(DataLoader(DATA, 2, sampler=Backwards())) == 2
    assert batches(DataLoader(DATA, 2, sampler=Odd(DATA))) == [[1, 3]]
    loader = DataLoader(DATA, batch_sampler=[[3, 1], [2]])
    assert batches(loader) == [[3, 1], [2]]
    assert len(loader) == 2
    assert loader.batch_size is None
    with pytest.raises(NotImplementedError, match="Sampler defines no __iter__"):
        iter(Sampler())


def test_without_a_batch_size_samples_come_one_by_one() -> None:
    assert [x.item() for (x,) in DataLoader(DATA, None)] == list(range(8))
    assert len(DataLoader(DATA, None)) == 8
    pairs = [(np.ones(2), {"a": 1.5}), (np.zeros(2), {"a": 2})]
    (x, rest), _ = list(DataLoader(pairs, None))
    assert x.tolist() == [1, 1]
    assert rest == {"a": 1.5}
    assert list(DataLoader([1, 2], None, collate_fn=lambda sample: -sample)) == [-1, -2]


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"batch_size": 3}, [[0, 1, 2], [3, 4, 5], [6]]),
        ({"batch_size": 3, "drop_last": True}, [[0, 1, 2], [3, 4, 5]]),
        ({"batch_size": 3, "shuffle": False, "collate_fn": list}, [[0, 1, 2], [3, 4, 5], [6]]),
        ({"batch_size": None}, list(range(7))),
    ],
)
def test_a_stream_comes_in_its_own_order(options: dict[str, Any], expected: list[Any]) -> None:
    loader = DataLoader(Numbers(), **options)
    found = [x.tolist() if isinstance(x, tg.Tensor) else x for x in loader]
    assert found == expected
    assert len(DataLoader(Counted(), **options)) == len(expected)
    with pytest.raises(TypeError, match="no len"):
        len(loader)
    with pytest.raises(NotImplementedError, match="IterableDataset defines no __iter__"):
        iter(IterableDataset())


def test_datasets_one_after_the_other() -> None:
    both = DATA + TensorDataset(tg.arange(100, 103))
    assert isinstance(both, ConcatDataset)
    assert both.cumulative_sizes == [8, 11]
    assert batches(DataLoader(both, 6)) == [[0, 1, 2, 3, 4, 5], [6, 7, 100, 101, 102]]
    assert both[-1][0].item() == 102
    for index in (11, -12):
        with pytest.raises(IndexError, match=f"sample {index} is not among the 11"):
            both[index]
    with pytest.raises(ValueError, match="there are no datasets"):
        ConcatDataset([])
    with pytest.raises(ValueError, match="a stream has no numbered samples"):
        ConcatDataset([Numbers()])  # type: ignore[list-item]  # what is tested


def test_samples_can_be_fetched_together() -> None:
    class Together(list[int]):
        def __getitems__(self, indices: list[int]) -> list[int]:
            return [self[i] * 10 for i in indices]

    assert [x.tolist() for x in DataLoader(Together([1, 2, 3]), 2)] == [[10, 20], [30]]
    assert list(DataLoader(Together([1, 2, 3]), 2, collate_fn=sum)) == [30, 30]


# --- options -------------------------------------------------------------------------------------


def test_options_of_workers_are_accepted_and_change_nothing() -> None:
    calls: list[int] = []
    tg.manual_seed(3)
    loader = DataLoader(
        DATA,
        3,
        True,
        num_workers=2,
        pin_memory=True,
        timeout=5,
        worker_init_fn=calls.append,
        multiprocessing_context="spawn",
        prefetch_factor=4,
        persistent_workers=True,
        pin_memory_device="",
        in_order=True,
    )
    assert batches(loader) == [[2, 1, 6], [5, 0, 4], [3, 7]]
    assert calls == []


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"sampler": [1], "shuffle": True}, "a sampler says the order"),
        ({"batch_sampler": [[1]], "batch_size": 2}, "a batch_sampler makes the batches"),
        ({"batch_sampler": [[1]], "shuffle": True}, "a batch_sampler makes the batches"),
        ({"batch_sampler": [[1]], "drop_last": True}, "a batch_sampler makes the batches"),
        ({"batch_size": None, "drop_last": True}, "there is no last batch to drop"),
        ({"num_workers": -1}, "must not be negative, got -1, 0 and None"),
        ({"timeout": -1}, "must not be negative, got 0, -1 and None"),
        ({"prefetch_factor": 2}, "are options of workers"),
        ({"persistent_workers": True}, "are options of workers"),
    ],
)
def test_options_that_contradict_each_other(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        DataLoader(DATA, **options)


def test_what_a_loader_is_made_of_cannot_be_changed() -> None:
    loader = DataLoader(DATA, 2)
    with pytest.raises(ValueError, match="batch_size cannot be changed; make another"):
        loader.batch_size = 3
    loader.pin_memory = True
    for options in ({"shuffle": True}, {"sampler": [1]}, {"batch_sampler": [[1]]}):
        with pytest.raises(ValueError, match="an IterableDataset comes in its own order"):
            DataLoader(Numbers(), **options)  # type: ignore[arg-type]  # of several kinds


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: RandomSampler(DATA, num_samples=0), ValueError, "num_samples must be an int"),
        (lambda: RandomSampler(DATA, replacement=1), TypeError, "replacement must be True or"),  # type: ignore[arg-type]  # what is tested
        (lambda: WeightedRandomSampler([1], 0), ValueError, "num_samples must be an int"),
        (lambda: WeightedRandomSampler([[1, 2]], 1), ValueError, r"have shape \(1, 2\)"),
        (lambda: BatchSampler(range(3), 0, False), ValueError, "batch_size must be an int"),
        (lambda: BatchSampler(range(3), 2, 1), ValueError, "drop_last must be True or False"),  # type: ignore[arg-type]  # what is tested
        (lambda: list(WeightedRandomSampler([1, 2], 3, False)), RuntimeError, "3 samples cannot"),
    ],
)
def test_refusals(make: Callable[[], Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        make()


# --- collating -----------------------------------------------------------------------------------


def test_numbers_keep_their_width() -> None:
    assert default_collate([1.5, 2]).dtype == np.float64
    assert default_collate([1, 2]).dtype == np.int64
    assert default_collate([np.float32(1), np.float32(2)]).dtype == np.float32
    assert default_collate([b"a", b"b"]) == [b"a", b"b"]


def test_strings_stay_as_they_are() -> None:
    assert default_collate(["a", "b"]) == ["a", "b"]
    assert default_collate([{"k": "a"}, {"k": "b"}]) == {"k": ["a", "b"]}
    numbers, texts = default_collate([(1, "a"), (2, "b")])
    assert numbers.tolist() == [1, 2]
    assert texts == ("a", "b")
    assert default_collate([[["a", "b"]], [["c", "d"]]]) == [[("a", "c"), ("b", "d")]]


def test_containers_keep_their_kind() -> None:
    Pair = namedtuple("Pair", "a b")  # noqa: PYI024 - untyped, as in PyTorch's example
    pair = default_collate([Pair(1, 2.0), Pair(3, 4.0)])
    assert type(pair) is Pair
    assert pair.b.tolist() == [2, 4]
    ordered = default_collate([OrderedDict(a=1)] * 2)
    assert type(ordered) is OrderedDict
    assert ordered["a"].tolist() == [1, 1]
    assert default_convert(Pair(np.ones(1), "x")).a.tolist() == [1]
