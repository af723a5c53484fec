"""Numbers that may stand for a missing value are told, others are not."""

from __future__ import annotations

import polars as pl
import pytest

from lowloss.results import Column
from lowloss.tables.table import Table
from service.tables.profile import profile_table
from service.tables.sentinels import warn_of_sentinels
from tests.builders.tables import LIMITS

TEMPERATURES = [float(number % 37 - 10) for number in range(200)]


def profile_of(values: list[float]) -> list[Column]:
    table = Table(pl.DataFrame({"t": values}), is_matrix=False)
    return [Column.model_validate(column) for column in profile_table(table, limits=LIMITS)]


@pytest.mark.parametrize(
    ("sentinel", "count"), [(-9999.0, 6), (9999.9, 5), (-999.0, 2), (999999.0, 1)]
)
def test_nines_far_from_all_others_are_told(sentinel: float, count: int) -> None:
    (warning,) = warn_of_sentinels(profile_of(TEMPERATURES + [sentinel] * count))

    assert (warning.code, warning.column, warning.count) == ("sentinel_value", "t", count)
    assert warning.fix == f"name {sentinel:.10g} in null_values if it does"


@pytest.mark.parametrize("last", [500.0, 99.0, -40.0, 999.5])
def test_other_extremes_are_not_told(last: float) -> None:
    assert list(warn_of_sentinels(profile_of([*TEMPERATURES, last]))) == []


def test_nines_among_their_like_are_not_told() -> None:
    assert list(warn_of_sentinels(profile_of([float(n) for n in range(1000)]))) == []
