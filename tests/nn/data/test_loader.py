"""Datasets and how they come in batches."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import numpy as np
import pytest

import tinygrad_np as tg
from nn.data import (
    DataLoader,
    Dataset,
    Subset,
    TensorDataset,
    default_collate,
    random_split,
)


class Squares(Dataset):
    """Samples without a fast path."""

    def __init__(self, n: int) -> None:
        self.n = n

    def __len__(self) -> int:
        return self.n

    def __getitem__(self, index: int) -> tuple[tg.Tensor, int]:
        return tg.tensor([float(index), index**2]), index


def table(n: int = 10) -> TensorDataset:
    return TensorDataset(tg.arange(2 * n).reshape(n, 2), tg.arange(n))


def order(loader: DataLoader) -> list[int]:
    return [i for _, label in loader for i in label.tolist()]


# --- batches ---


@pytest.mark.parametrize("dataset", [Squares(7), table(7)])
def test_the_last_batch_is_smaller_or_dropped(dataset: Dataset) -> None:
    sizes = [len(label) for _, label in DataLoader(dataset, batch_size=3)]
    assert sizes == [3, 3, 1]
    loader = DataLoader(dataset, batch_size=3, drop_last=True)
    assert [len(label) for _, label in loader] == [3, 3]
    assert len(loader) == 2
    assert len(DataLoader(dataset, batch_size=3)) == 3
    assert len(DataLoader(dataset)) == 7


def test_an_empty_dataset_has_no_batches() -> None:
    for shuffle in (False, True):
        assert list(DataLoader(Squares(0), batch_size=3, shuffle=shuffle)) == []


def test_batches_hold_the_samples_in_order() -> None:
    x, label = list(DataLoader(Squares(5), batch_size=2))[1]
    np.testing.assert_array_equal(x.numpy(), [[2, 4], [3, 9]])
    assert label.dtype == np.int64
    assert label.tolist() == [2, 3]


def test_a_collate_function_of_ones_own() -> None:
    assert list(DataLoader(table(3), 2, collate_fn=len)) == [2, 1]


def test_the_fast_path_gives_what_sample_by_sample_gives() -> None:
    for dataset in (table(), Subset(table(), [7, 1, 1, 4]), Subset(Squares(9), range(2, 8))):
        fast = list(DataLoader(dataset, 3))
        slow = list(DataLoader(dataset, 3, collate_fn=default_collate))
        for batch, expected in zip(fast, slow, strict=True):
            assert type(batch) is type(expected)
            for a, b in zip(batch, expected, strict=True):
                assert a.dtype == b.dtype
                np.testing.assert_array_equal(a.numpy(), b.numpy())


def test_samples_of_a_subclass_are_not_passed_over_for_the_fast_path() -> None:
    class Negated(TensorDataset):
        def __getitem__(self, index: int) -> Any:
            return [-x for x in super().__getitem__(index)]

    class Fast(Negated):
        def batch(self, indices: Any) -> Any:
            return len(indices)

    data = tg.arange(3)
    for dataset in (Negated(data), Subset(Negated(data), range(3))):
        assert [x.tolist() for (x,) in DataLoader(dataset, 3)] == [[0, -1, -2]]
    assert list(DataLoader(Fast(data), 2)) == [2, 1]


def test_a_batch_does_not_share_the_datasets_memory() -> None:
    dataset = table(4)
    x, _ = next(iter(DataLoader(dataset, 4)))
    x.fill_(-1)
    assert dataset[0][0].tolist() == [0, 1]


# --- shuffling ---


@pytest.mark.parametrize("own", [False, True])
def test_a_seed_decides_the_order_and_each_pass_has_another(own: bool) -> None:
    def passes(seed: int) -> list[list[int]]:
        tg.manual_seed(seed)
        generator = tg.Generator().manual_seed(seed) if own else None
        loader = DataLoader(table(20), 6, shuffle=True, generator=generator)
        return [order(loader), order(loader)]

    first, second = passes(1)
    assert sorted(first) == sorted(second) == list(range(20))
    assert first != second
    assert passes(1) == [first, second]
    assert passes(2)[0] != first


def test_a_generator_of_its_own_leaves_the_default_one_alone() -> None:
    expected = tg.rand(1).item()
    tg.manual_seed(0)
    order(DataLoader(table(), 3, shuffle=True, generator=tg.Generator().manual_seed(1)))
    assert tg.rand(1).item() == expected


def test_two_passes_at_once_do_not_disturb_each_other() -> None:
    loader = DataLoader(table(6), 1, shuffle=True)
    pairs = [(a.item(), b.item()) for (_, a), (_, b) in zip(loader, loader, strict=True)]
    assert sorted(a for a, _ in pairs) == sorted(b for _, b in pairs) == list(range(6))
    assert any(a != b for a, b in pairs)


def test_rows_and_labels_stay_together() -> None:
    for x, label in DataLoader(table(), 3, shuffle=True):
        np.testing.assert_array_equal(x[:, 0].numpy(), 2 * label.numpy())


# --- collating ---


def test_nested_samples_are_collated_member_by_member() -> None:
    samples = [
        {"x": tg.full((2,), float(i)), "meta": [i, (i + 0.5, f"name{i}")], "flag": i > 0}
        for i in range(3)
    ]
    batch = default_collate(samples)
    np.testing.assert_array_equal(batch["x"].numpy(), [[0, 0], [1, 1], [2, 2]])
    number, (share, name) = batch["meta"]
    assert number.dtype == np.int64
    np.testing.assert_array_equal(share.numpy(), [0.5, 1.5, 2.5])
    assert name == ("name0", "name1", "name2")
    assert batch["flag"].dtype == np.bool_
    assert batch["flag"].tolist() == [False, True, True]


def test_arrays_keep_their_dtype() -> None:
    batch = default_collate([np.ones((2, 3), np.uint8)] * 4)
    assert batch.dtype == np.uint8
    assert batch.shape == (4, 2, 3)
    assert default_collate([np.int32(1), np.int32(2)]).dtype == np.int32


def test_what_cannot_be_collated_is_refused() -> None:
    with pytest.raises(TypeError, match="samples hold a set; give the DataLoader a collate_fn"):
        default_collate([{1}, {2}])
    with pytest.raises(RuntimeError, match=r"samples have different lengths: \[1, 2\]"):
        default_collate([(1,), (1, 2)])
    with pytest.raises((RuntimeError, ValueError), match=r"stack"):
        default_collate([tg.ones(2), tg.ones(3)])


# --- datasets ---


def test_a_tensor_dataset_indexes_its_tensors_together() -> None:
    dataset = table(4)
    assert len(dataset) == 4
    x, label = dataset[-1]
    assert (x.tolist(), label.item()) == ([6, 7], 3)
    with pytest.raises(IndexError):
        dataset[4]


@pytest.mark.parametrize("sizes", [(2, 3), ()])
def test_tensors_of_different_lengths_are_refused(sizes: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"must have equal lengths, and have \["):
        TensorDataset(*[tg.zeros(n) for n in sizes])


def test_a_subset_reads_at_its_places_and_can_be_nested_copied_and_pickled() -> None:
    subset = Subset(Subset(table(), [9, 8, 7, 6]), tg.tensor([3, 0]))
    assert len(subset) == 2
    assert [subset[i][1].item() for i in range(2)] == [6, 9]
    for other in (subset, copy.deepcopy(subset), pickle.loads(pickle.dumps(subset))):
        assert order(DataLoader(other, 2)) == [6, 9]
    assert order(DataLoader(Subset(table(), []), 2)) == []


def test_a_dataset_defines_its_length_and_samples() -> None:
    with pytest.raises(NotImplementedError, match=r"Dataset defines no __len__"):
        len(Dataset())
    with pytest.raises(NotImplementedError, match=r"Dataset defines no __getitem__"):
        Dataset()[0]


@pytest.mark.parametrize(
    ("lengths", "expected"),
    [
        ([7, 3], [7, 3]),
        ([0.8, 0.2], [8, 2]),
        ([0.5, 0.25, 0.25], [6, 2, 2]),
        ([0.28, 0.36, 0.36], [3, 4, 3]),
        ([10, 0], [10, 0]),
    ],
)
def test_a_random_split_shares_out_every_sample(lengths: list[float], expected: list[int]) -> None:
    parts = random_split(table(), lengths)
    assert [len(part) for part in parts] == expected
    found = [i for part in parts for i in order(DataLoader(part, 4))]
    assert sorted(found) == list(range(10))
    assert found != list(range(10))


def test_a_random_split_repeats_with_its_generator() -> None:
    a, b = (
        random_split(table(), [5, 5], generator=tg.Generator().manual_seed(4))[0].indices
        for _ in "ab"
    )
    assert list(a) == list(b)


@pytest.mark.parametrize("lengths", [[7, 4], [0.5, 0.4], [12, -2]])
def test_lengths_that_do_not_add_up_are_refused(lengths: list[float]) -> None:
    with pytest.raises(
        ValueError, match=r"random_split: lengths .* add up .* has 10 samples; give"
    ):
        random_split(table(), lengths)


@pytest.mark.parametrize("batch_size", [0, -1, True, 2.5])
def test_a_batch_of_nothing_is_refused(batch_size: int) -> None:
    with pytest.raises(ValueError, match=f"batch_size must be an int of at least 1: {batch_size}"):
        DataLoader(table(), batch_size)
