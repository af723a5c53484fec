"""Finds values of categories that a model was not trained on."""

from __future__ import annotations

from collections.abc import Sequence

from lowloss.inference.rows import Inputs
from lowloss.inference.signature import Signature
from lowloss.results import TableWarning
from lowloss.tables.cells import MAX_SHOWN

SHOWN_VALUES, SHOWN_ROWS = 5, 5


def find_unseen(signature: Signature, inputs: Inputs) -> tuple[TableWarning, ...]:
    """Return a warning for each category with values that no training row had."""
    warnings = []
    for column in signature.inputs:
        trained = signature.training_values.get(column.column)
        if trained is None:
            continue
        values = inputs[column.input].ravel().tolist()
        unseen = set(values) - trained
        if unseen:
            rows = [row for row, value in enumerate(values, start=1) if value in unseen]
            warnings.append(_make_warning(column.column, values, rows))
    return tuple(warnings)


def _make_warning(column: str, values: Sequence[str], rows: Sequence[int]) -> TableWarning:
    unseen = list(dict.fromkeys(values[row - 1] for row in rows))
    listed = ", ".join(
        repr(value[:MAX_SHOWN]) if value else "a missing value" for value in unseen[:SHOWN_VALUES]
    )
    more = f" and {len(unseen) - SHOWN_VALUES:,} more" if len(unseen) > SHOWN_VALUES else ""
    return TableWarning(
        code="unseen_values",
        column=column,
        count=len(rows),
        rows=tuple(rows[:SHOWN_ROWS]),
        example=unseen[0][:MAX_SHOWN],
        detail=f"no training row had {listed}{more} in column {column!r}, which "
        f"{len(rows):,} of {len(values):,} rows have: the model predicts without knowing them",
        fix="check how they are spelled, or train on rows that have them",
    )
