"""Whole numbers that may be identifiers are features, and told."""

from __future__ import annotations

import random
from collections.abc import Sequence

import polars as pl
import pytest

from lowloss.results import ColumnKind, TableWarning
from lowloss.tables.table import Table
from service.tables.possible_names import warn_of_possible_names
from service.tables.profile import profile_table
from tests.builders.tables import LIMITS

RANDOM = random.Random(0)


def warnings_of(numbers: Sequence[object], name: str) -> list[TableWarning]:
    (column,) = profile_table(Table(pl.DataFrame({name: numbers})), limits=LIMITS)
    assert column.kind is ColumnKind.numeric
    return list(warn_of_possible_names([column], len(numbers)))


def draw(low: int, high: int, count: int = 60) -> list[int]:
    return RANDOM.sample(range(low, high), count)


@pytest.mark.parametrize(
    ("numbers", "name"),
    [
        (draw(10**9, 10**10), "x"),
        (draw(10**8, 10**9, 30), "Konto bei der Bank"),
        (draw(100_000, 1_000_000), "PatID"),
        (draw(1_000, 100_000, 200), "customer_id"),
        (draw(1_000_000_000, 1_000_900_000), "Belegnr"),
        ([None, *draw(10**9, 10**10)], "x"),
    ],
)
def test_different_numbers_with_a_name_or_length_of_identifiers_are_told(
    numbers: list[int], name: str
) -> None:
    (warning,) = warnings_of(numbers, name)

    assert (warning.code, warning.column) == ("possible_identifier", name)
    assert warning.count == sum(number is not None for number in numbers)
    assert "features.exclude" in warning.fix


@pytest.mark.parametrize(
    ("numbers", "name"),
    [
        (draw(10**9, 10**10, 20), "x"),  # too few
        ([*draw(10**9, 10**10), 5_000_000_000, 5_000_000_000], "x"),  # one comes again
        ([10_000_001, *draw(10**9, 10**10)], "x"),  # not all as long
        ([number * 10 for number in draw(10**8, 10**9)], "income"),
        (draw(1_600_000_000, 1_700_000_000), "x"),  # seconds since 1970
        ([number / 4 for number in draw(10**9, 10**10)], "x"),
        (draw(100_000, 1_000_000), "population"),
        (draw(100, 999), "room_no"),
    ],
)
def test_other_numbers_are_not(numbers: list[int], name: str) -> None:
    assert warnings_of(numbers, name) == []
