"""Rows with nothing in them are left out; rows in which all is written as missing are rows."""

from __future__ import annotations

import pytest

from lowloss.results import Reading
from lowloss.tables.limits import TableLimits
from lowloss.tables.options import ParseOptions
from lowloss.tables.read import read_csv

FIRST, LAST = "2021-05-01,EU\n", "2021-05-02,US\n"


@pytest.mark.parametrize("row", ["NA,NA\n", "-,n/a\n", "NA,\n"])
@pytest.mark.parametrize("is_last", [False, True])
def test_row_of_missing_marks_is_a_row(row: str, *, is_last: bool) -> None:
    body = FIRST + LAST + row if is_last else FIRST + row + LAST

    for earlier in (
        None,
        {"day": Reading(kind="date", order="ymd"), "x": Reading(kind="category")},
    ):
        table = read_csv(
            ("day,x\n" + body).encode(), ParseOptions(), limits=TableLimits(), earlier=earlier
        )
        assert table.frame["day"].is_null().to_list() == [False, not is_last, is_last]


@pytest.mark.parametrize("row", [",\n", " , \n", '"",""\n'])
def test_blank_row_is_left_out_and_stays_among_rows_to_predict(row: str) -> None:
    text = ("day,x\n" + FIRST + row + LAST + row).encode()
    earlier = {"day": Reading(kind="date", order="ymd"), "x": Reading(kind="category")}

    assert read_csv(text, ParseOptions(), limits=TableLimits()).frame.height == 2
    again = read_csv(text, ParseOptions(), limits=TableLimits(), earlier=earlier)
    assert again.frame["x"].to_list() == ["EU", None, "US"]
