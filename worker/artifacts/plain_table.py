"""A job's table as any program reads it: a CSV of numbers with points, and of texts."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from lowloss.recipes import ScriptTable
from lowloss.spec import TargetColumn, Task
from lowloss.tables.table import Table
from service.tables.check import CheckedJob
from service.tables.script_table import count_script_rows, describe_table
from worker.data.prepare import keep_targets
from worker.data.target import read_target

MICROSECONDS_OF_A_DAY = 86_400_000_000


def write_plain_table(path: Path, table: Table, checked: CheckedJob) -> ScriptTable:
    """Write the features and the targets of the rows that have all, and return their columns.

    Dates are days since 1970, booleans 0 and 1, classes their labels; a missing cell is empty.
    """
    frame = keep_targets(table.frame, checked, table.words)
    if checked.task is Task.regression:
        has_number = [pl.col(one.name).cast(pl.String) != "NaN" for one in checked.targets]
        frame = frame.filter(pl.all_horizontal(has_number))
    rows = frame.height
    frame = frame.head(count_script_rows(checked, rows))
    columns = [_as_plain(frame[column.name]) for column in checked.features]
    targets = [_as_target(frame[one.name], one, table, checked.task) for one in checked.targets]
    pl.DataFrame([*columns, *targets]).write_csv(path)
    return describe_table(checked, rows)


def _as_target(column: pl.Series, target: TargetColumn, table: Table, task: Task) -> pl.Series:
    y = read_target(column, task, target.labels, table.words.get(target.name))
    if task is Task.regression:
        return pl.Series(target.name, y)
    labels = [target.labels[int(code)] for code in y]
    return pl.Series(target.name, labels, dtype=pl.String)


def _as_plain(column: pl.Series) -> pl.Series:
    if column.dtype.is_temporal() and column.dtype != pl.Duration:
        microseconds = column.cast(pl.Datetime("us")).dt.epoch("us")
        return (microseconds / MICROSECONDS_OF_A_DAY).alias(column.name)
    return column.cast(pl.Int8) if column.dtype == pl.Boolean else column
