"""Columns without a name, and columns of one name, get names of their own."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from lowloss.errors import TableInvalid
from lowloss.results import TableFormat, TableWarning
from lowloss.tables.naming import complete_names
from lowloss.tables.options import ParseOptions
from lowloss.tables.read import read_csv, read_table
from tests.builders.tables import LIMITS


@pytest.mark.parametrize(
    ("names", "completed"),
    [
        (("a", "b"), ["a", "b"]),
        (("a", "", "c", " "), ["a", "unnamed_1", "c", "unnamed_2"]),
        (("a", "", "unnamed_1"), ["a", "unnamed_2", "unnamed_1"]),
        (("x", "x", "x"), ["x", "x_2", "x_3"]),
        (("x", "x", "x_2", "x"), ["x", "x_3", "x_2", "x_4"]),
        (("{x}", "{x}"), ["{x}", "{x}_2"]),
        (("", "a", ""), ["index", "a", "unnamed_1"]),
        (("", "index"), ["index_", "index"]),
        (("", ""), ["unnamed_1", "unnamed_2"]),
    ],
)
def test_every_column_has_a_name_of_its_own(names: tuple[str, ...], completed: list[str]) -> None:
    warnings: list[TableWarning] = []

    assert complete_names(names, warnings, has_index=True) == completed

    changed = [new for new, old in zip(completed, names, strict=True) if new != old]
    assert [warning.column for warning in warnings] == changed


@pytest.mark.parametrize(
    ("names", "is_advised"), [(("Sales 2024", "", ""), True), (("a", "", "c"), False)]
)
def test_lines_to_skip_are_advised_where_most_columns_have_no_name(
    names: tuple[str, ...], is_advised: bool
) -> None:
    warnings: list[TableWarning] = []

    complete_names(names, warnings)

    assert ("skip_rows" in str(warnings[0].fix)) == is_advised


def test_name_that_no_database_can_store_is_refused() -> None:
    with pytest.raises(TableInvalid, match="column 2 holds a NUL"):
        complete_names(["a", "b\0"], [])


def test_columns_of_a_csv_are_named_and_told() -> None:
    data = b"x,,x,y\n1,2.5,3,4\n5,6.5,7,8\n"

    table = read_csv(data, ParseOptions(), limits=LIMITS)

    assert table.frame.rows(named=True)[0] == {"x": 1, "unnamed_1": 2.5, "x_2": 3, "y": 4}
    unnamed, repeated = table.warnings
    assert (unnamed.code, unnamed.column) == ("column_named", "unnamed_1")
    assert (repeated.code, repeated.column) == ("column_renamed", "x_2")
    assert "column 3 is named 'x'" in repeated.detail


def test_rows_to_predict_without_the_target_have_the_names_of_training() -> None:
    trained = read_csv(b"y,x,,x\n1,2.5,3,4\n5,6.5,7,8\n", ParseOptions(), limits=LIMITS)

    table = read_csv(b"x,,x\n2.5,3,4\n", ParseOptions(), limits=LIMITS, earlier=trained.readings)

    assert table.frame.columns == trained.frame.columns[1:]


def test_header_with_repeated_names_that_comes_again_is_no_row() -> None:
    data = b",x,x\na,1,2\nb,3,4\n,x,x\nc,5,6\n"

    table = read_csv(data, ParseOptions(), limits=LIMITS)

    assert table.frame["x_2"].to_list() == [2, 4, 6]


def test_nameless_columns_of_typed_files_are_named(tmp_path: Path) -> None:
    frame = pl.DataFrame({"a": [1, 2], "": [3, 4]})
    frame.write_parquet(tmp_path / "t.parquet")
    frame.write_ndjson(tmp_path / "t.jsonl")

    for path in tmp_path.iterdir():
        format = TableFormat(path.suffix[1:])  # noqa: A001
        table = read_table(path, format, ParseOptions(), limits=LIMITS)

        assert table.frame.columns == ["a", "unnamed_1"]
        assert [warning.code for warning in table.warnings] == ["column_named"]
