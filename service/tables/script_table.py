"""The table of a checked job as a Keras script reads it."""

from __future__ import annotations

from lowloss.recipes import ScriptTable, ScriptTarget
from lowloss.results import ColumnKind
from service.tables.check import CheckedJob

SCRIPT_TABLE = "table.csv"
"""The file that a script reads: a plain CSV."""


def describe_table(checked: CheckedJob, *, rows_left_out: int = 0) -> ScriptTable:
    """Return the columns of a plain CSV with the features and the targets of a job."""
    categories = {c.name for c in checked.features if c.kind is ColumnKind.categorical}
    return ScriptTable(
        file=SCRIPT_TABLE,
        targets=tuple(ScriptTarget(target.name, target.labels) for target in checked.targets),
        task=checked.task,
        numbers=tuple(c.name for c in checked.features if c.name not in categories),
        categories=tuple(c.name for c in checked.features if c.name in categories),
        rows_left_out=rows_left_out,
    )
