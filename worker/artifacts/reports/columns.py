"""The columns of a table as people read of them."""

from __future__ import annotations

from dataclasses import dataclass

from markupsafe import Markup

from lowloss.charts.columns import draw_column
from lowloss.results import Column, ColumnKind
from lowloss.wording import DASH, clipped, counted, format_number, format_percent
from worker.artifacts.reports.facts import Facts

MAX_COLUMNS = 60
"""Columns that a table of them shows; it says how many are left out."""
SHOWN_LEVELS = 5
NUMBERS = {ColumnKind.numeric, ColumnKind.integer_category, ColumnKind.identifier, ColumnKind.date}


@dataclass(frozen=True)
class ColumnRow:
    """A column's line in a table."""

    name: str
    kind: str
    missing: str
    distinct: str
    spread: str
    chart: Markup


@dataclass(frozen=True)
class ShownColumns:
    """The first of some things, and how many there are beyond them."""

    rows: tuple[ColumnRow, ...]
    left_out: int


def column_rows(facts: Facts) -> ShownColumns:
    """Return the target and the model's columns, the most important first."""
    columns = (facts.target, *facts.features)
    rows = tuple(_row(column, facts.dataset.rows) for column in columns[: MAX_COLUMNS + 1])
    return ShownColumns(rows, len(columns) - len(rows))


def spread(column: Column, rows: int) -> str:
    """Describe where a column's values lie."""
    if column.kind in NUMBERS and column.min is not None:
        ends = f"{column.describe(column.min)} … {column.describe(column.max)}"
        if column.kind is ColumnKind.date:
            return ends
        return f"{ends}, mean {format_number(column.mean)}, deviation {format_number(column.sd)}"
    if not column.levels:
        return DASH
    present = max(1, rows - column.missing)
    level_list = ", ".join(
        f"{clipped(level.value, 30)} {format_percent(level.rows / present)}"
        for level in column.levels[:SHOWN_LEVELS]
    )
    others = column.distinct - min(SHOWN_LEVELS, len(column.levels))
    return f"{level_list} and {counted(others, 'other')}" if others else level_list


def _row(column: Column, rows: int) -> ColumnRow:
    return ColumnRow(
        name=clipped(column.name),
        kind=column.kind.value,
        missing=format_percent(column.missing / rows) if column.missing else DASH,
        distinct=f"{column.distinct:,}",
        spread=spread(column, rows),
        chart=Markup(draw_column(column)),
    )
