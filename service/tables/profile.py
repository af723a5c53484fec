"""Profiles each column at upload."""

from __future__ import annotations

from collections.abc import Container
from typing import Any

import polars as pl
from pydantic import TypeAdapter

from lowloss.errors import JobFailed
from lowloss.results import Column, ColumnKind, Dataset
from lowloss.tables.evidence import is_monotonic
from lowloss.tables.naming import INDEX
from lowloss.tables.table import Table
from service.settings import Limits
from service.tables.identifiers import are_long_numbers, are_names
from service.tables.summaries import Summary, summarize

TEXT_LEVELS = 100
TEXT_SHARE = 0.5
"""A string column with more distinct values than `TEXT_LEVELS`, and than this share of its rows, is
text: nothing in it repeats enough to be learned."""
INDEX_NAMES = frozenset({INDEX, "Unnamed: 0"})
"""What a column of row numbers is named by us, and by pandas where it was written twice."""
CODES, ROWS_OF_CODE = range(3, 21), 10
"""The numbers of codes that an integer category may have, and the least mean rows of a code."""
MIN_ROWS_OF_CODE = 2
MAX_UNNUMBERED = 0.05
"""The share of rows, such as subtotals, that may have no number among those that have one."""
KINDS_OF_VALUES = {
    ColumnKind.categorical: True,
    ColumnKind.text: True,
    ColumnKind.numeric: False,
    ColumnKind.integer_category: False,
    ColumnKind.boolean: False,
    ColumnKind.date: False,
}
"""Whether the values of a column of a kind are texts, where that follows from the kind."""
COLUMNS = TypeAdapter(tuple[Column, ...])


def profile_table(table: Table, *, limits: Limits) -> tuple[Column, ...]:
    """Profile every column."""
    return COLUMNS.validate_python(describe_columns(table, limits=limits))


def describe_columns(
    table: Table, *, limits: Limits, categories: Container[str] = ()
) -> list[dict[str, Any]]:
    """Profile every column; the results are plain data, from which `Column` is made.

    `categories` are columns that the uploader says are such, however many values they have, unless
    each row has its own.
    """
    columns = table.frame.get_columns()
    summaries = dict(summarize(columns, limits, table.words))
    described = [_describe_column(column, summaries[column.name], table) for column in columns]
    for column in described:
        is_text = column["kind"] in {ColumnKind.text, ColumnKind.identifier}
        if column["name"] in categories and is_text and not summaries[column["name"]].is_unique:
            column["kind"] = ColumnKind.categorical.value
    return described


def check_is_as_profiled(table: Table, dataset: Dataset) -> None:
    """Raise JobFailed where an earlier version of lowloss read the dataset otherwise."""
    names = [column.name for column in dataset.profile]
    changed = [
        column.name
        for column in dataset.profile
        if column.name in table.frame.columns
        # A flag, one value or missing, is categorical whatever its values are.
        and column.distinct > 1
        and column.kind in KINDS_OF_VALUES
        and (table.frame[column.name].dtype == pl.String) != KINDS_OF_VALUES[column.kind]
    ]
    if table.frame.columns != names or table.frame.height != dataset.rows or changed:
        where = f" (column {changed[0]!r})" if changed else ""
        raise JobFailed(
            "dataset_read_otherwise",
            f"another version of lowloss read the dataset otherwise when it was uploaded{where}: "
            "delete the dataset, upload the table again, and submit the job anew",
        )


def _describe_column(column: pl.Series, summary: Summary, table: Table) -> dict[str, Any]:
    kind = _find_kind(column, summary, is_matrix=table.is_matrix)
    if kind is ColumnKind.constant and 0 < summary.rows < len(column) and not table.is_matrix:
        # A flag: there, or not.
        kind = ColumnKind.categorical
    reading = table.readings.get(column.name)
    return {
        "name": column.name,
        "kind": kind.value,
        "missing": len(column) - summary.rows,
        "distinct": summary.distinct,
        "levels": summary.levels,
        "reading": None if reading is None else reading.model_dump(),
        **summary.measures,
    }


def _find_kind(column: pl.Series, summary: Summary, *, is_matrix: bool) -> ColumnKind:
    if summary.distinct <= 1:
        return ColumnKind.constant
    if column.dtype == pl.String:
        return _find_string_kind(column, summary, is_matrix=is_matrix)
    if column.dtype == pl.Boolean:
        return ColumnKind.boolean
    if column.dtype.is_temporal():
        return ColumnKind.date
    if summary.measures["is_integer"] and not is_matrix:
        return _find_integer_kind(column, summary)
    return ColumnKind.numeric


def _find_string_kind(column: pl.Series, summary: Summary, *, is_matrix: bool) -> ColumnKind:
    is_text = summary.distinct > TEXT_LEVELS and summary.distinct > TEXT_SHARE * summary.rows
    if not is_matrix and are_names(column, summary, is_text=is_text):
        return ColumnKind.identifier
    return ColumnKind.text if is_text or summary.is_unique else ColumnKind.categorical


def _has_all_numbers(column: pl.Series) -> bool:
    """Return whether all rows have a number, or all but a few among others that count up."""
    missing = column.null_count()
    return missing == 0 or (missing <= MAX_UNNUMBERED * len(column) and is_monotonic(column))


def _find_integer_kind(column: pl.Series, summary: Summary) -> ColumnKind:
    """Return the kind of whole numbers; an index may be that of a sample."""
    low, high = summary.measures["min"], summary.measures["max"]
    is_unique = summary.is_unique and _has_all_numbers(column)
    if is_unique and column.name in INDEX_NAMES and low >= 0:
        return ColumnKind.identifier
    if are_long_numbers(column, summary):
        return ColumnKind.identifier
    # They count up if there are as many values as whole numbers from lowest to highest.
    if high - low + 1 != summary.distinct:
        return ColumnKind.numeric
    # Numbers of the rows would reveal how the table was sorted.
    if is_unique:
        return ColumnKind.identifier
    is_code = low in {0, 1} and summary.distinct in CODES
    has_rows = summary.rows >= ROWS_OF_CODE * summary.distinct
    if is_code and has_rows and summary.rarest >= MIN_ROWS_OF_CODE:
        return ColumnKind.integer_category
    return ColumnKind.numeric
