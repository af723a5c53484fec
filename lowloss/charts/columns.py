"""Charts of the columns of a table."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from lowloss.charts.bars import Bar, draw_bars, draw_histogram
from lowloss.results import Column, Importance
from lowloss.wording import format_measured

MAX_BARS = 12


def draw_column(column: Column) -> str:
    """Draw the histogram of a column, or how often each value occurs where all are known."""
    label = f"values of {column.name}"
    if column.histogram is not None:
        edges = [column.describe(edge) for edge in column.histogram.edges]
        names = [f"{low} to {high}" for low, high in pairwise(edges)]
        return draw_histogram(label, names, column.histogram.counts)
    if column.distinct > len(column.levels):
        return ""
    names = [level.value for level in column.levels]
    return draw_histogram(label, names, [level.rows for level in column.levels])


def draw_levels(column: Column) -> str:
    """Draw the rows of the most frequent values of a column."""
    bars = [Bar(level.value, level.rows, f"{level.rows:,}") for level in column.levels[:MAX_BARS]]
    return draw_bars(f"rows of the values of {column.name}", bars)


def draw_column_importances(importances: Sequence[Importance]) -> str:
    """Draw how much worse a model predicts once one column is shuffled, with the deviation."""
    bars = [
        Bar(
            name=entry.column,
            value=entry.increase,
            shown=format_measured(entry.increase, entry.sd),
            interval=(entry.increase - entry.sd, entry.increase + entry.sd),
        )
        for entry in importances
    ]
    return draw_bars("How much worse the predictions get once a column is shuffled", bars)
