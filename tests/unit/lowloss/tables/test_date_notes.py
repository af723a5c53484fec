"""Notes behind dates are left off and told; what means something else is not."""

from __future__ import annotations

from datetime import date, datetime

import pytest

from tests.unit.lowloss.tables.test_lookalikes import read, read_later, warning_of

DAYS = [f"2024-01-{day:02}" for day in range(1, 21)]
NOTES = ["(est.)", "(provisional)", "*", "†", "[a]", "approx.", "est", "(?)"]


@pytest.mark.parametrize("note", NOTES)
@pytest.mark.parametrize("count", [1, 20])
def test_dates_with_notes_are_dates(note: str, count: int) -> None:
    cells = [*DAYS, *[f"2024-02-03 {note}"] * count]

    table = read(cells)

    assert table.frame["x"].to_list() == [
        *(date(2024, 1, day) for day in range(1, 21)),
        *[date(2024, 2, 3)] * count,
    ]
    warning = warning_of(table, "marks_removed")
    assert (warning.count, warning.rows[0]) == (count, 21)
    assert f"'2024-02-03 {note}' in row 21, have a note behind the date" in warning.detail


def test_dates_of_all_orders_and_with_times_may_have_notes() -> None:
    assert read(["17.04.2024 (est.)", "3.12.2024"]).frame["x"].to_list() == [
        date(2024, 4, 17),
        date(2024, 12, 3),
    ]
    assert read(["2024-04-17 08:30 (planned)", "2024-04-18 09:00"]).frame["x"][0] == datetime(
        2024, 4, 17, 8, 30
    )


def test_notes_are_left_off_in_later_rows_where_training_had_some() -> None:
    later = ["2024-05-06 (est.)"]

    assert read_later([*DAYS, "2024-02-03*"], later).frame["x"].to_list() == [date(2024, 5, 6)]
    assert read_later(DAYS, later).frame["x"].to_list() == [None]


@pytest.mark.parametrize("note", ["(CET)", "(12)", "and later", "or 2025"])
def test_other_words_behind_dates_stay_unread(note: str) -> None:
    table = read([*DAYS, *[f"2024-02-03 {note}"] * 10])

    assert table.frame["x"].to_list()[-1] == f"2024-02-03 {note}"
    assert f"such as '2024-02-03 {note}' in row 21" in warning_of(table, "mixed_cells").detail
