"""Many short columns are read at once, with the results of one after the other."""

from __future__ import annotations

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lowloss.results import Reading
from lowloss.tables.batches import MIN_BATCH, BatchReader, read_columns
from lowloss.tables.columns import ColumnReader
from lowloss.tables.options import ParseOptions
from tests.builders.soundness import BOUNDED

ROWS = 4
POOLS = (
    ("1", "-2", "+3", "0", " 7 ", "", "NA"),
    ("1", "007", "0", "-4", None),
    ("1.5", "-.5", "2.", "1e3", "7", "NaN", "?"),
    ("1.250", "12.250", "1.234.567", "1"),
    ("1,5", "-2,25", "7", "NA"),
    ("1,250", "12,25", "1,234,567"),
    ("9007199254740993", "12345678901234567.5", "3", "inf"),
    ("red", "a b", "none", "", "-", "NA", None),
    ("true", "FALSE", "none", None),
    ("m²", "x1", "red", "1_0", "1"),
)
"""What cells of a column may be drawn from."""
OPTIONS = (
    ParseOptions(),
    ParseOptions(decimal=","),
    ParseOptions(decimal="."),
    ParseOptions(thousands="."),
    ParseOptions(thousands=","),
    ParseOptions(null_values=("7", "red")),
)
EARLIER: tuple[dict[str, Reading], ...] = (
    {},
    {"column 0": Reading(kind="number"), "column 1": Reading(kind="category")},
    {f"column {i}": Reading(kind="number", group=",") for i in range(2 * MIN_BATCH)},
    {"column 0": Reading(kind="number", decimal=","), "column 1": Reading(kind="date")},
)


@pytest.mark.parametrize("options", OPTIONS, ids=str)
@given(
    columns=st.lists(
        st.sampled_from(POOLS).flatmap(
            lambda pool: st.lists(st.sampled_from(pool), min_size=ROWS, max_size=ROWS)
        ),
        min_size=MIN_BATCH,
        max_size=MIN_BATCH + 4,
    ),
    earlier=st.sampled_from(EARLIER),
)
@settings(BOUNDED, max_examples=15)
def test_columns_of_a_batch_are_read_as_one_by_one(
    options: ParseOptions, columns: list[list[str | None]], earlier: dict[str, Reading]
) -> None:
    series = [pl.Series(f"column {i}", c, dtype=pl.String) for i, c in enumerate(columns)]
    batch_reader, reader = ColumnReader(options, earlier), ColumnReader(options, earlier)
    one_by_one = [reader.read(column) for column in series]

    read = read_columns(list(series), batch_reader)

    for column, expected in zip(read, one_by_one, strict=True):
        if isinstance(expected, pl.Series):
            assert column.dtype == expected.dtype
            assert column.equals(expected, check_names=True)
    assert batch_reader.marks == reader.marks
    assert {w.column for w in reader.warnings} <= {w.column for w in batch_reader.warnings}


def test_short_columns_of_numbers_and_words_are_read_at_once() -> None:
    columns = [
        pl.Series(f"column {i}", cells)
        for i in range(MIN_BATCH)
        for cells in [["1", "NA"] if i % 2 else ["red", ""]]
    ]
    reader = BatchReader(ParseOptions())

    reader.read(columns)

    assert set(reader.values) == {column.name for column in columns}
