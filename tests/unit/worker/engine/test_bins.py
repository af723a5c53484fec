"""Numbers written piecewise: how far each has come in every bin of its range."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.engine.array_types import FloatArray
from worker.engine.bins import Bins, align_bins, find_inputs


def some_bins(*ends_of_columns: list[float]) -> Bins:
    counts = [len(ends) - 1 for ends in ends_of_columns]
    return Bins(
        np.repeat(np.arange(len(counts)), counts),
        np.array([start for ends in ends_of_columns for start in ends[:-1]], dtype=np.float32),
        np.concatenate([np.diff(ends) for ends in ends_of_columns]).astype(np.float32),
    )


def rows(*columns: list[float]) -> FloatArray:
    return np.array(columns, dtype=np.float32).T


def test_number_comes_from_minus_1_to_1_in_each_bin() -> None:
    bins = some_bins([0.0, 2.0, 6.0])

    seen = bins.encode(rows([-5.0, 0.0, 1.0, 2.0, 3.0, 6.0, 99.0]))

    assert seen.tolist() == [
        [-1.0, -1.0],
        [-1.0, -1.0],
        [0.0, -1.0],
        [1.0, -1.0],
        [1.0, -0.5],
        [1.0, 1.0],
        [1.0, 1.0],
    ]


def test_other_columns_stay_behind_the_bins() -> None:
    bins = some_bins([0.0, 1.0], [0.0, 1.0, 2.0])

    seen = bins.encode(rows([0.5], [1.5], [7.0], [8.0]))

    assert seen.tolist() == [[0.0, 1.0, 0.0, 7.0, 8.0]]
    assert bins.columns == 2


def test_inputs_of_a_column_are_its_bins_or_itself() -> None:
    bins = some_bins([0, 1, 2], [0, 1], [0, 1, 2, 3])

    assert find_inputs(np.array([0, 2, 4]), bins).tolist() == [0, 1, 3, 4, 5, 7]
    assert find_inputs(np.array([0, 2, 4]), None).tolist() == [0, 2, 4]


def test_views_have_as_many_bins_of_a_column_as_the_one_with_most() -> None:
    one, other = some_bins([0.0, 1.0, 2.0], [5.0, 6.0]), some_bins([0.0, 4.0], [5.0, 6.0, 7.0])

    first, none, second = align_bins([one, None, other])

    assert none is None
    assert first is not None
    assert second is not None
    assert first.column_J.tolist() == second.column_J.tolist() == [0, 0, 1, 1]
    x = rows([0.5, 3.0], [5.5, 6.5], [1.0, 2.0])
    # A bin that is not there is seen as 0, whatever the number.
    assert first.encode(x).tolist() == [[0.0, -1.0, 0.0, 0.0, 1.0], [1.0, 1.0, 1.0, 0.0, 2.0]]
    assert second.encode(x).tolist() == [[-0.75, 0.0, 0.0, -1.0, 1.0], [0.5, 0.0, 1.0, 0.0, 2.0]]


@pytest.mark.parametrize("views", [[], [None, None]])
def test_without_bins_there_is_nothing_to_align(views: list[None]) -> None:
    assert align_bins(views) == ()


@given(
    ends=st.lists(st.integers(-1000, 1000), min_size=2, max_size=9, unique=True).map(sorted),
    values=st.lists(st.floats(-2000, 2000, width=32), min_size=2, max_size=20).map(sorted),
)
def test_order_is_kept_in_every_bin(ends: list[float], values: list[float]) -> None:
    seen = some_bins(ends).encode(rows(values))

    assert (np.diff(seen, axis=0) >= 0).all()
    assert np.abs(seen).max() <= 1
    # A bin is entered only once the one before is at its end.
    assert all(((row[:-1] == 1) | (row[1:] == -1)).all() for row in seen)
