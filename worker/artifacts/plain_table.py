"""A job's table as any program reads it: a CSV of numbers with points, and of texts."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from lowloss.recipes import ScriptTable
from lowloss.spec import Task
from lowloss.tables.table import Table
from service.tables.check import CheckedJob
from service.tables.script_table import describe_table
from worker.data.prepare import keep_classes, keep_labelled
from worker.data.target import read_target

MAX_CELLS = 10_000_000
"""Of a larger table the first rows are written."""
MICROSECONDS_OF_A_DAY = 86_400_000_000


def write_plain_table(path: Path, table: Table, checked: CheckedJob) -> ScriptTable:
    """Write the features and the target of the rows that have one, and return their columns.

    Dates are days since 1970, booleans 0 and 1, classes their labels; a missing cell is empty.
    """
    name, task = checked.spec.target, checked.task
    words = table.words.get(name)
    frame = keep_labelled(table.frame, name)
    frame = (
        frame.filter(pl.col(name).cast(pl.String) != "NaN") if task is Task.regression else frame
    )
    if task is not Task.regression:
        frame = keep_classes(frame, name, checked.labels, words)
    rows = frame.height
    frame = frame.head(max(1, MAX_CELLS // (len(checked.features) + 1)))
    y = read_target(frame[name], task, checked.labels, words)
    target = pl.Series(name, y)
    if task is not Task.regression:
        target = pl.Series(name, [checked.labels[int(code)] for code in y], dtype=pl.String)
    columns = [_as_plain(frame[column.name]) for column in checked.features]
    pl.DataFrame([*columns, target]).write_csv(path)
    return describe_table(checked, rows_left_out=rows - frame.height)


def _as_plain(column: pl.Series) -> pl.Series:
    if column.dtype.is_temporal() and column.dtype != pl.Duration:
        microseconds = column.cast(pl.Datetime("us")).dt.epoch("us")
        return (microseconds / MICROSECONDS_OF_A_DAY).alias(column.name)
    return column.cast(pl.Int8) if column.dtype == pl.Boolean else column
