"""Reads the columns of strings of one file, and says which of the options fitted none."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import polars as pl

from lowloss.errors import InvalidRequest
from lowloss.results import Reading, TableWarning
from lowloss.tables.batches import read_columns
from lowloss.tables.columns import ColumnReader
from lowloss.tables.notation import OTHER
from lowloss.tables.options import ParseOptions
from lowloss.tables.remarks import warn_of_unused_format

SHOWN_NAMES = 20


@dataclass(frozen=True)
class TypedColumns:
    """Columns with their types, and what a `Table` tells of them."""

    values: list[pl.Series]
    readings: Mapping[str, Reading]
    words: Mapping[str, tuple[str, str]]


def read_typed(
    columns: list[pl.Series],
    options: ParseOptions,
    warnings: list[TableWarning],
    *,
    earlier: Mapping[str, Reading] | None,
    exact: frozenset[str] = frozenset(),
) -> TypedColumns:
    """Read columns of strings, and empty the list; those named in `earlier` as they were before.

    A program wrote the numbers of `exact` columns, with points: what they look like proves nothing
    of how people wrote the others.
    """
    names = [column.name for column in columns]
    plain = [columns.pop(p) for p in reversed(range(len(columns))) if columns[p].name in exact]
    pointed = options.model_copy(update={"decimal": ".", "thousands": None})
    parts = ((columns, options), (plain, pointed))
    values: dict[str, pl.Series] = {}
    readers = []
    for series_of_part, options_of_part in parts:
        reader = ColumnReader(options_of_part, earlier or {}, warnings)
        values |= {series.name: series for series in read_columns(series_of_part, reader)}
        readers.append(reader)
    in_order = [values[name] for name in names]
    is_unused = not any(reader.is_format_used for reader in readers)
    if earlier is None and options.date_format and is_unused:
        warnings.append(warn_of_unused_format(options.date_format))
    positions = {name: position for position, name in enumerate(names)}
    warnings.sort(key=lambda w: positions.get(w.column or "", -1))
    readings = {name: reading for reader in readers for name, reading in reader.decided.items()}
    readings = {name: _complete(reading, options) for name, reading in readings.items()}
    words = {name: pair for reader in readers for name, pair in reader.words.items()}
    return TypedColumns(in_order, readings, words)


def check_types(options: ParseOptions, names: list[str]) -> None:
    """Raise InvalidRequest where a type is given to a column that the table does not have."""
    for name in options.types or {}:
        if name not in names:
            raise InvalidRequest(
                f"types names the column {name!r}, which the table does not have",
                field="types",
                fix=f"its columns are {', '.join(names[:SHOWN_NAMES])}",
            )


def _complete(reading: Reading, options: ParseOptions) -> Reading:
    """Add to a reading what later rows may have, and this table's cells did not show.

    Beside a known decimal mark the other one can only group digits.
    """
    update: dict[str, object] = {"null_values": options.null_values or ()}
    if reading.kind == "number" and not reading.group and options.thousands is None:
        update["group"] = OTHER[reading.decimal]
    return reading.model_copy(update=update)
