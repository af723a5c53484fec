"""Leaves out rows of statistics at the ends of a table: `Min`, `Max`, `Mean`, `SD`, `Count`."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

import polars as pl

from lowloss.results import TableWarning
from lowloss.tables.numbered import NumberedRows, make_row_warning
from lowloss.tables.values import is_value

LOW = re.compile(r"min(?:imum)?|mínimo|minimo", re.IGNORECASE)
HIGH = re.compile(r"max(?:imum)?|máximo|massimo", re.IGNORECASE)
SUMMARY = re.compile(
    rf"(?:{LOW.pattern}|{HIGH.pattern}|std|stdev|sd|stabw|standardabweichung"
    r"|écart[- ]type|var|variance|count|n|anzahl|nombre)\.?\s*:?",
    re.IGNORECASE,
)
"""The label of a statistic; alone it may be a name, as `Max` is."""
MAX_SUMMARIES, MAX_SHARE = 12, 0.3
"""How many such rows stand at one end, and which share of the rows they are: more are a table of
statistics."""
MOSTLY, HEAD_ROWS = 0.95, 100
"""The share of numbers in a column of such; how many cells show what a column holds."""


def drop_summaries(
    rows: NumberedRows,
    warnings: list[TableWarning],
    *,
    is_total: Callable[[str], bool],
    at_end: bool,
) -> NumberedRows:
    """Drop rows of statistics in any order, totals and means among them, at one end.

    A mean or a total is there, or the least value and the largest. Among names, where `Max` is one,
    these must be the least and the largest of their columns.
    """
    strings = rows.strings
    labels = _list_labels(strings, is_total, at_end=at_end)
    position, names = labels[0][1] if labels else 0, [name for _, _, name in labels]
    if len(labels) < 2 or not any(map(SUMMARY.fullmatch, names)) or strings.width < 2:
        return rows
    if len(labels) > MAX_SHARE * strings.height:
        return rows
    column = strings.to_series(position)
    are_bounds = any(map(LOW.match, names)) and any(map(HIGH.match, names))
    if column.str.strip_chars().is_in(names).sum() > len(names):
        return rows
    if not (are_bounds or any(map(is_total, names))):
        return rows
    is_row = pl.int_range(strings.height, eager=True).is_in([row for row, _, _ in labels])
    body = strings.filter(~is_row)
    if has_texts(body.to_series(position)) and not _are_true(strings, body, labels):
        return rows
    for row, _, name in labels:
        warnings.append(make_row_warning(strings.row(row), rows.number(row), f"says {name!r}"))
    return rows.drop(is_row)


def has_texts(column: pl.Series) -> bool:
    """Return whether there is something in a column's head, and most of it no number or date."""
    cells = [cell for cell in column.head(HEAD_ROWS).drop_nulls() if cell.strip()]
    return bool(cells) and sum(map(is_value, cells)) <= len(cells) / 2


def _list_labels(
    strings: pl.DataFrame, is_total: Callable[[str], bool], *, at_end: bool
) -> list[tuple[int, int, str]]:
    """Return the row, the column and the text of each label at an end, from there on."""
    count = min(MAX_SUMMARIES, strings.height)
    order = [strings.height - 1 - n for n in range(count)] if at_end else range(count)
    labels: list[tuple[int, int, str]] = []
    for row in order:
        cells = [(cell or "").strip() for cell in strings.row(row)]
        position = next((p for p, cell in enumerate(cells) if cell), -1)
        label = cells[position]
        if not (SUMMARY.fullmatch(label) or is_total(label)):
            break
        if labels and position != labels[0][1]:
            break
        labels.append((row, position, label))
    return labels


def _are_true(
    strings: pl.DataFrame, body: pl.DataFrame, labels: Sequence[tuple[int, int, str]]
) -> bool:
    """Return whether what is called the least or the largest is so of each column of numbers."""
    is_seen = False
    for position in range(body.width):
        numbers = _to_numbers(body.to_series(position))
        if numbers.count() < MOSTLY * body.height:
            continue
        low, high = numbers.min(), numbers.max()
        for row, _, name in labels:
            number = _to_numbers(strings.to_series(position)[row : row + 1])[0]
            if LOW.match(name) and (number is None or number > low):
                return False
            if HIGH.match(name) and (number is None or number < high):
                return False
            is_seen |= number is not None
    return is_seen


def _to_numbers(column: pl.Series) -> pl.Series:
    """Return numbers with a point or a comma; null where a text is none."""
    text = column.str.strip_chars().str.replace(",", ".", literal=True)
    return text.cast(pl.Float64, strict=False)
