"""A ruler is a line of hyphens below the header of several columns; all else is data."""

from __future__ import annotations

import pytest

from lowloss.tables.limits import TableLimits
from lowloss.tables.options import ParseOptions
from lowloss.tables.read import read_csv
from lowloss.tables.table import Table


def read(text: str) -> Table:
    return read_csv(text.encode(), ParseOptions(), limits=TableLimits())


@pytest.mark.parametrize(
    ("text", "cells"),
    [
        ("x\n1\n--\n3\n4\n", [1, None, 3, 4]),
        ("x\n--\n1\n3\n4\n", [None, 1, 3, 4]),
        ("x y\n--\n1\n3\n4\n", [None, 1, 3, 4]),
        ("x\n1\n---\n3\n4\n", [1, None, 3, 4]),
        ("x\n-----\nred\nblue\n", ["-----", "red", "blue"]),
    ],
)
def test_hyphens_in_the_only_column_are_cells(text: str, cells: list[object]) -> None:
    table = read(text)

    assert table.frame.to_series().to_list() == cells


@pytest.mark.parametrize(
    ("text", "ruler"),
    [
        ("a|b\n---+---\n1 | 2\n3 | 4\n", "---+---"),
        ("a,b\n-----\n1,2\n3,4\n", "-----"),
        ("a    b\n---- ----\n1    2\n3    4\n", "---- ----"),
        ("\n\na b\n-- --\n1 2\n3 4\n", "-- --"),
    ],
)
def test_ruler_below_a_header_is_left_out_and_told(text: str, ruler: str) -> None:
    table = read(text)

    assert table.frame.rows() == [(1, 2), (3, 4)]
    (warning,) = table.warnings
    assert (warning.code, warning.count, warning.example) == ("lines_skipped", 1, ruler)
    assert warning.fix


def test_ruler_further_below_is_a_row_of_missing_marks() -> None:
    table = read("a b\n1 2\n-- --\n3 4\n-- 5\n")

    assert table.frame["b"].drop_nulls().to_list() == [2, 4, 5]
    assert "lines_skipped" not in {warning.code for warning in table.warnings}
