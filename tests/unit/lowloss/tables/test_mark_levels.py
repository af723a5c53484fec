"""Marks of missing values in columns of texts: told where they may be levels, kept where asked."""

from __future__ import annotations

import polars as pl
import pytest

from lowloss.inference.signature import Input
from lowloss.inference.values import read_column
from lowloss.tables import mark_levels
from lowloss.tables.batches import read_columns
from lowloss.tables.columns import ColumnReader
from lowloss.tables.lookalikes import find_lookalikes
from lowloss.tables.options import ParseOptions
from lowloss.tables.values import HEAD_ROWS
from tests.unit.lowloss.tables.test_columns import codes_of, read_cells, values_of

AS_CATEGORY = {"types": {"x": "category"}}
REGIONS = ["NA", "EU", "AS", "EU"]


@pytest.mark.parametrize("mark", ["NA", "None", "NULL", "null", "nan", "N/A"])
def test_frequent_mark_among_few_levels_is_missing_and_told(mark: str) -> None:
    cells = [mark, "Brick", "Stone", "Brick"]

    assert values_of(cells) == [None, "Brick", "Stone", "Brick"]
    (warning,) = read_cells(cells).warnings
    assert (warning.code, warning.count, warning.example) == ("may_be_levels", 10, mark)
    assert values_of(cells, **AS_CATEGORY) == cells
    assert codes_of(cells, **AS_CATEGORY) == set()


def test_one_code_of_a_country_is_told() -> None:
    cells = [f"{first}{second}" for first in "ABCDE" for second in "ABCDEFG"]

    assert codes_of([*cells, "NA"]) == {"may_be_levels"}
    assert codes_of([*cells, "None"]) == set()


@pytest.mark.parametrize(
    "others",
    [["1.5", "NA", "2"], ["7", "8", "NA"], ["2024-01-05", "NA"], ["$5", "NA", "$1,234.50"]],
    ids=str,
)
def test_mark_that_is_missing_among_numbers_is_no_level(others: list[str]) -> None:
    assert codes_of(REGIONS, others) == set()


def test_mark_among_numbers_is_looked_for_in_all_rows() -> None:
    rows = HEAD_ROWS + 50
    levels = ["NA", "EU", "AS"] * rows
    numbers = ["1.5"] * (rows - 1) + ["NA"]
    reader = ColumnReader(ParseOptions())

    read_columns([pl.Series("x", levels[:rows]), pl.Series("n", numbers)], reader)

    assert reader.warnings == []


def test_mark_that_was_named_as_missing_is_not_told() -> None:
    assert codes_of(REGIONS, null_values=("NA",)) == set()
    assert values_of(REGIONS, null_values=("NA",), **AS_CATEGORY) == [None, "EU", "AS", "EU"]


def test_marks_beside_codes_of_digits_stay_missing_in_a_category() -> None:
    assert values_of(["01234", "NA", "", "98765"], **AS_CATEGORY) == ["01234", None, None, "98765"]


def test_empty_cells_are_missing_in_a_category_that_keeps_marks() -> None:
    assert values_of(["NA", " ", "EU"], **AS_CATEGORY) == ["NA", None, "EU"]


def test_rows_to_predict_keep_the_marks_that_training_had() -> None:
    reader = ColumnReader(ParseOptions.model_validate(AS_CATEGORY))
    read_columns([pl.Series("x", REGIONS)], reader)
    again = ColumnReader(ParseOptions(), reader.decided)
    column = Input(
        input="x", column="x", dtype="string", kind="category", reading=reader.decided["x"]
    )

    (values,) = read_columns([pl.Series("x", ["NA", "", "EU"])], again)

    assert values.to_list() == ["NA", None, "EU"]
    assert read_column(["NA", None, " EU"], column).ravel().tolist() == ["NA", "", "EU"]
    plain = column.model_copy(update={"reading": None})
    assert read_column(["NA", None], plain).ravel().tolist() == ["", ""]


@pytest.mark.parametrize("name", ["n", "count", "mark", "form", "literal", ""])
@pytest.mark.parametrize("cells", [["NA", "u", "v"], ["5 kg", "300 g", "2 kg"]], ids=str)
def test_column_may_have_any_name(name: str, cells: list[str]) -> None:
    column = pl.Series(name, cells * 10)

    levels = mark_levels.MarkLevels()
    levels.look_at(column, column.set(column == "NA", None))
    codes = {warning.code for warning in levels.tell()}
    codes |= {warning.code for warning in [find_lookalikes(column)] if warning}

    assert codes == {"may_be_levels" if "NA" in cells else "looks_numeric"}
