"""Levels that differ in case or blanks alone are told, others are not."""

from __future__ import annotations

import polars as pl
import pytest

from lowloss.results import Column
from lowloss.tables.table import Table
from service.tables.profile import profile_table
from service.tables.spellings import warn_of_spellings
from tests.builders.tables import LIMITS


def profile_of(values: list[str]) -> list[Column]:
    table = Table(pl.DataFrame({"churned": values}), is_matrix=False)
    return [Column.model_validate(column) for column in profile_table(table, limits=LIMITS)]


def test_levels_that_differ_in_case_or_blanks_alone_are_told_beside_the_usual_one() -> None:
    profile = profile_of(
        ["no"] * 240 + ["yes"] * 50 + ["Yes"] * 2 + ["NO"] + ["not  yet", "Not yet"]
    )

    (warning,) = warn_of_spellings(profile)

    assert (warning.code, warning.column, warning.count) == ("levels_alike", "churned", 4)
    assert "'NO' beside 'no'" in warning.detail
    assert "in 4 rows of 'churned'" in warning.detail


@pytest.mark.parametrize("values", [["a", "b", "ab"] * 9, ["1", "01"] * 9, ["same"] * 9])
def test_other_levels_are_not_told(values: list[str]) -> None:
    assert list(warn_of_spellings(profile_of(values))) == []
