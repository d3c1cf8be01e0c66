"""One axis of a window, against its definition: tap k of window o reads o·stride + k·dilation."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import pytest

from tinygrad_np.kernels import windows
from tinygrad_np.kernels.windows import Axis

if TYPE_CHECKING:
    from collections.abc import Iterator


def axes(*, dilations: tuple[int, ...] = (1, 2, 3)) -> Iterator[Axis]:
    """All small axes on which a window fits."""
    ranges = (range(7), range(1, 4), range(1, 4), range(3), range(3), dilations)
    for a in itertools.starmap(Axis, itertools.product(*ranges)):
        if a.size + a.before + a.after >= a.dilation * (a.kernel - 1) + 1:
            yield a


def taps(a: Axis, o: int) -> list[int]:
    """Where the taps of one window stand, in the padding too."""
    return [o * a.stride + k * a.dilation - a.before for k in range(a.kernel)]


def inside(a: Axis, o: int) -> list[tuple[int, int]]:
    """Taps of one window that lie in the input, and where."""
    return [(k, i) for k, i in enumerate(taps(a, o)) if 0 <= i < a.size]


def test_windows_are_as_many_as_fit() -> None:
    for a in axes():
        assert taps(a, a.out - 1)[-1] < a.size + a.after
        assert taps(a, a.out)[-1] >= a.size + a.after


def test_a_tap_names_windows_and_what_they_read() -> None:
    for a in axes():
        found = {o: [] for o in range(a.out)}
        for k in range(a.kernel):
            outputs, inputs = a.tap(k)
            pairs = zip(range(a.out)[outputs], range(a.size)[inputs], strict=True)
            for o, i in pairs:
                found[o].append((k, i))
            assert outputs.stop > outputs.start or outputs == inputs == slice(0, 0)
        assert found == {o: inside(a, o) for o in range(a.out)}


def test_a_last_partial_window_counts_if_it_starts_before_the_end() -> None:
    for a in axes():
        if a.size and a.after < a.reach:
            starts = [0]
            while taps(a, len(starts) - 1)[-1] + 1 < a.size + a.after:
                if taps(a, len(starts))[0] >= a.size:
                    break
                starts.append(len(starts) * a.stride)
            end = taps(a, len(starts) - 1)[-1] + 1 - a.size
            assert a.ceiled() == a._replace(after=max(end, a.after))
            assert a.ceiled().out == len(starts)


def test_a_dilated_window_may_miss_the_input() -> None:
    for a in axes():
        if a.dilation > 1 or a.before < a.kernel > a.after:
            assert a.misses == any(not inside(a, o) for o in range(a.out))


def test_a_plain_window_is_not_searched(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Axis, "tap", None)
    assert not Axis(5, 3, 2, 1, 1).misses
    with pytest.raises(TypeError):
        _ = Axis(5, 3, 2, 1, 1, 2).misses


def test_a_part_has_the_inputs_that_its_windows_reach_and_no_others() -> None:
    for a in axes(dilations=(1, 2)):
        for start, stop in itertools.combinations(range(a.out + 1), 2):
            inputs, part = a.part(slice(start, stop))
            reached = range(taps(a, start)[0], taps(a, stop - 1)[-1] + 1)
            assert [*range(a.size)[inputs]] == [i for i in reached if 0 <= i < a.size]
            assert 0 <= inputs.start <= inputs.stop <= a.size
            assert part.size == inputs.stop - inputs.start
            assert part.out == stop - start
            for o in range(part.out):
                assert [i + inputs.start for i in taps(part, o)] == taps(a, start + o)


def test_sets_of_windows_without_dilation() -> None:
    for a in axes():
        found = {}
        for outputs, inputs, plain in a.undilated():
            assert plain.dilation == 1
            assert plain.before >= 0
            own, read = range(a.out)[outputs], range(a.size)[inputs]
            assert (len(own), len(read)) == (plain.out, plain.size)
            for part, o in enumerate(own):
                assert o not in found
                found[o] = [(k, read[i]) for k, i in inside(plain, part)]
        assert found == {o: inside(a, o) for o in range(a.out)}


@pytest.mark.parametrize("size", [(2, 9), (9, 2), (1, 9), (9, 1)])
def test_a_window_that_fits_nowhere_is_refused(size: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match=r"reaches \(3, 3\).*output size is too small"):
        windows.axes(size, (3, 3), (2, 2), (0, 0), (1, 1))


def test_the_message_counts_the_padding() -> None:
    with pytest.raises(ValueError, match=r"\(10, 9\) but the padded input is only \(5, 10\)"):
        windows.axes((2, 3), (10, 9), (1, 1), ((1, 2), (3, 4)))


def test_axes_are_those_of_height_and_width() -> None:
    assert windows.axes((5, 6), (2, 3), (1, 2), ((1, 2), 1), (1, 2)) == (
        Axis(5, 2, 1, 1, 2, 1),
        Axis(6, 3, 2, 1, 1, 2),
    )
