"""Notes below the rows are left out where a spreadsheet filled them up with delimiters, too."""

from __future__ import annotations

import pytest

from lowloss.tables.limits import TableLimits
from lowloss.tables.options import ParseOptions
from lowloss.tables.read import read_csv
from lowloss.tables.table import Table

VALUES = [(f"land {number}", number, number + 0.5) for number in range(12)]
ROWS = "".join(f"{a},{b},{c}\n" for a, b, c in VALUES)
PLAIN = "country,n,x\n" + ROWS


def read(text: str) -> Table:
    return read_csv(text.encode(), ParseOptions(), limits=TableLimits())


@pytest.mark.parametrize(
    ("notes", "count"),
    [
        ("Source: Eurostat,,\n", 1),
        ("¹ corrected in April,,\n", 1),
        (",,\nSource: Eurostat,,\n", 1),
        ("Source: Eurostat,,\n,,\n,,\n", 1),
        (",Source: Eurostat,\n", 1),
        ('"Source: Eurostat, 2024",,\nNote: revised,,\n', 2),
        ("* estimated,,\n(1) without islands,,\n", 2),
        ("Quelle: Destatis,,\nRetrieved in 2024\n", 2),
        ("Retrieved in 2024\nSource: Eurostat,,\n", 2),
    ],
)
def test_filled_up_note_is_left_out_and_told(notes: str, count: int) -> None:
    table = read(PLAIN + notes)

    assert table.frame.rows() == VALUES
    assert [(w.code, w.count) for w in table.warnings] == [("lines_skipped", count)]


def test_total_above_a_filled_up_note_is_left_out_too() -> None:
    table = read(PLAIN + "Total,66,\nSource: Eurostat,,\n")

    assert table.frame.rows() == VALUES
    assert {warning.code for warning in table.warnings} == {"lines_skipped", "row_skipped"}


@pytest.mark.parametrize(
    "row", ["New Zealand,,\n", "land: the last,7,\n", "2024,,\n", "-5,,\n", ",,7.5\n"]
)
def test_last_row_with_gaps_is_a_row(row: str) -> None:
    table = read(PLAIN + row)

    assert table.frame.height == 13


def test_row_whose_label_is_like_others_is_a_row() -> None:
    rows = "".join(f"city: {number},{number},1.5\n" for number in range(9))

    table = read("name,n,x\n" + rows + "city: none,,\n")

    assert table.frame["name"].to_list()[-1] == "city: none"


def test_text_in_the_only_column_is_a_row() -> None:
    table = read("text\n" + "a word\n" * 9 + "Source: Eurostat\n")

    assert table.frame.height == 10


def test_times_with_fractions_are_values_beside_which_a_comma_is_a_decimal_mark() -> None:
    row = "row w0;00:00:00;0:00.000;0:00.000;0:00.000;0,0\n"
    text = f"{row}{row}Source: an agency of statistics\n"

    table = read_csv(text.encode(), ParseOptions(header=False), limits=TableLimits())

    assert table.frame.row(0) == ("row w0", 0.0, 0.0, 0.0, 0.0, 0.0)
