"""The table of a checked job as a Keras script reads it."""

from __future__ import annotations

from lowloss.recipes import ScriptTable
from lowloss.results import ColumnKind
from service.tables.check import CheckedJob

SCRIPT_TABLE = "table.csv"
"""The file that a script reads: a plain CSV."""
MAX_CELLS = 10_000_000
"""Of a larger table the first rows are written."""


def count_script_rows(checked: CheckedJob, rows: int) -> int:
    """Return how many of the rows that have all targets the file has."""
    return min(rows, max(1, MAX_CELLS // (len(checked.features) + len(checked.targets))))


def describe_table(checked: CheckedJob, rows: int) -> ScriptTable:
    """Return the columns of a plain CSV with the features and the targets of a job.

    `rows` are those of the table that have all targets.
    """
    categories = {c.name for c in checked.features if c.kind is ColumnKind.categorical}
    return ScriptTable(
        file=SCRIPT_TABLE,
        targets=checked.targets,
        task=checked.task,
        numbers=tuple(c.name for c in checked.features if c.name not in categories),
        categories=tuple(c.name for c in checked.features if c.name in categories),
        codes=tuple(c.name for c in checked.features if c.may_be_codes),
        rows_left_out=rows - count_script_rows(checked, rows),
    )
