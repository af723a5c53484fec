"""Axes: whole numbers where values are whole, and ticks that keep apart."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from lowloss.charts.axes import Axis, Tick, fit_axis, width_of

WORDS = st.lists(st.text(max_size=30), min_size=1, max_size=40, unique=True)


def overlaps(ticks: list[Tick]) -> bool:
    ends = [(x - width_of(text) / 2, x + width_of(text) / 2) for text, x in ticks]
    return any(end > start for (_, end), (start, _) in pairwise(ends))


@pytest.mark.parametrize("is_log", [False, True, None])
@given(last=st.integers(1, 10_000))
@example(last=2)
@example(last=4)
def test_axis_of_whole_numbers_has_no_fractions(last: int, *, is_log: bool | None) -> None:
    axis = Axis("trial", is_log=is_log)
    scale = axis.scale([1, last], start=0, end=400)

    shown = [text for text, _ in axis.ticks(scale, 6)]

    assert shown
    assert all("." not in text and "e" not in text for text in shown)
    assert len(shown) == len(set(shown))


@pytest.mark.parametrize("number", [0, 1, 7])
def test_single_whole_number_has_its_own_tick_alone(number: int) -> None:
    axis = Axis("epoch", is_log=False)
    scale = axis.scale([number], start=0, end=400)

    assert [text for text, _ in axis.ticks(scale, 6)] == [str(number)]


@given(st.lists(st.floats(1e-12, 1e12), min_size=1, max_size=20), st.integers(1, 12))
def test_ticks_side_by_side_do_not_overlap(values: list[float], count: int) -> None:
    axis = Axis("x")
    scale = axis.scale(values, start=0, end=200)

    assert not overlaps(axis.ticks_apart(scale, count))


@given(WORDS)
def test_words_side_by_side_do_not_overlap(words: list[str]) -> None:
    axis, numbers = fit_axis("x", words)
    scale = axis.scale(numbers, start=0, end=300)

    ticks = axis.ticks_apart(scale, 6)

    assert ticks
    assert not overlaps(ticks)


def test_shares_are_percent() -> None:
    axis = Axis("share", is_log=False, is_percent=True, ends=(0.0, 1.0))
    scale = axis.scale([0.31], start=0, end=400)

    shown = [text for text, _ in axis.ticks(scale, 5)]

    assert shown == ["0 %", "20 %", "40 %", "60 %", "80 %", "100 %"]


def test_axis_of_numbers_and_words_has_a_place_for_each() -> None:
    axis, numbers = fit_axis("clip norm", ["none", 1.0, "none"])

    assert axis.choices == ("1.0", "none")
    assert numbers == [1.0, 0.0, 1.0]
