"""Warnings name rows as the file counts them, in data and in the sentence alike."""

from __future__ import annotations

import polars as pl
import pytest

from lowloss.results import TableWarning
from lowloss.tables.limits import TableLimits
from lowloss.tables.options import ParseOptions
from lowloss.tables.read import read_csv
from lowloss.tables.sentences import warn


def warnings_of(text: str) -> dict[str, TableWarning]:
    table = read_csv(text.encode(), ParseOptions(), limits=TableLimits())
    return {warning.code: warning for warning in table.warnings}


ROWS = "".join(f"{row * 1.5},{row},n{row % 3}\n" for row in range(40))


def test_rows_are_counted_with_those_that_were_left_out() -> None:
    warnings = warnings_of(f"x,z,y\nm,kg,-\n{ROWS}'?! in row 3',1,n\n")

    unreadable = warnings["unreadable_cells"]
    assert unreadable.rows == (42,)
    # What a cell says of rows is its own affair.
    assert unreadable.example == "'?! in row 3'"
    assert "\"'?! in row 3'\" in row 42" in unreadable.detail


def test_both_examples_of_a_sentence_are_renumbered() -> None:
    rows = "".join(f"{row} kg,{row}\n" for row in range(40))
    warning = warnings_of(f"x,y\nmass,no\n{rows}41,41\n")["units_removed"]

    assert "such as '0 kg' in row 2" in warning.detail
    assert "such as '41' in row 42" in warning.detail


def test_warning_that_was_renumbered_is_one_like_others() -> None:
    text = pl.Series("{example}", ["a", None, "b"])
    warning = warn("c", text, text.is_not_null(), detail="{name}: {count}, {example}", fix="f")

    renumbered = warning.renumber(pl.Series([4, 5, 9]))

    assert warning.detail == "'{example}': 2 cells, 'a' in row 1"
    assert renumbered == TableWarning(
        code="c",
        column="{example}",
        count=2,
        rows=(4, 9),
        example="a",
        detail="'{example}': 2 cells, 'a' in row 4",
        fix="f",
    )


@pytest.mark.parametrize("cell", ["4:30", "0:04:30"])
def test_times_are_told_with_their_seconds(cell: str) -> None:
    rows = "".join(f"{cell},{row}\n" for row in range(20))
    warning = warnings_of(f"span,y\nDNF,0\n{rows}")["read_as_seconds"]

    seconds = {"4:30": "16,200", "0:04:30": "270"}[cell]
    assert f"{cell!r} in row 2: it was read as seconds, there {seconds}" in warning.detail
