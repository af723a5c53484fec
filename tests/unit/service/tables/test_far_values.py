"""A number that alone decides a column's mean and scale is told, heavy tails are not."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from lowloss.results import TableWarning
from lowloss.tables.table import Table
from service.tables.far_values import warn_of_far_values
from service.tables.profile import profile_table
from tests.builders.tables import LIMITS

INCOMES = [20_000.5 + 150.0 * (number * 37 % 400) for number in range(400)]


def warnings_of(values: list[float], except_for: tuple[str, ...] = ()) -> list[TableWarning]:
    table = Table(pl.DataFrame({"income": values}), is_matrix=False)
    profile = profile_table(table, limits=LIMITS)
    return list(warn_of_far_values(profile, len(values), except_for=except_for))


@pytest.mark.parametrize(("far", "count"), [(4.5e9, 1), (-4.5e9, 1), (2.5e8, 3)])
def test_numbers_far_from_all_others_are_told(far: float, count: int) -> None:
    (warning,) = warnings_of(INCOMES + [far] * count)

    assert (warning.code, warning.column, warning.count) == ("far_value", "income", count)
    assert warning.example == f"{far:.10g}"
    assert "of all squared distances from the mean" in warning.detail


def test_column_that_is_told_for_another_reason_is_not_told_twice() -> None:
    assert warnings_of([*INCOMES, 4.5e9], except_for=("income",)) == []


@pytest.mark.parametrize("scale", [0.5, 1.0, 1.5])
def test_heavy_tail_is_not_told(scale: float) -> None:
    values = np.exp(np.random.default_rng(1).normal(0, scale, 2_000)).tolist()

    assert warnings_of(values) == []


def test_group_far_from_the_rest_is_not_told() -> None:
    assert warnings_of(INCOMES + [4.5e9] * 40) == []


def test_few_rows_are_not_told() -> None:
    assert warnings_of([*INCOMES[:15], 4.5e9]) == []
