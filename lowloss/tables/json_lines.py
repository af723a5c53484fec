"""Reads JSON: an object on each line, or a list of objects."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import polars as pl

from lowloss.errors import TableUnreadable
from lowloss.results import Reading, TableWarning
from lowloss.tables.columnar import choose_columns, to_plain
from lowloss.tables.containers import unpack_bytes
from lowloss.tables.limits import TableLimits
from lowloss.tables.naming import complete_names
from lowloss.tables.options import ParseOptions
from lowloss.tables.table import Table, check_size
from lowloss.tables.typed import check_types, read_typed

NOT_JSON = re.compile(rb"[:\[,]\s*(?:NaN|-?Infinity)\b")
"""What Python's `json` writes for floats that JSON does not have."""


def read_json(
    data: bytes,
    options: ParseOptions,
    limits: TableLimits,
    earlier: Mapping[str, Reading] | None = None,
) -> Table:
    """Read objects with the same keys; their texts are read as those of a CSV."""
    frame = _parse(data)
    check_size(frame.height, frame.width, limits)
    warnings: list[TableWarning] = []
    frame.columns = complete_names(frame.columns, warnings)
    plain = to_plain(frame.select(choose_columns(frame.schema, warnings)), warnings)
    if earlier is None:
        check_types(options, frame.columns)
    kinds = options.types or {}
    # Numbers whose column is given a type are read as texts.
    retyped = frozenset(
        column.name for column in plain if column.dtype.is_numeric() and column.name in kinds
    )
    texts = [
        column.cast(pl.String)
        for column in plain
        if column.dtype == pl.String or column.name in retyped
    ]
    typed = read_typed(texts, options, warnings, earlier=earlier, exact=retyped)
    read = {column.name: column for column in typed.values}
    columns = [read.get(column.name, column) for column in plain]
    readings = dict(typed.readings)
    if options.null_values:
        columns = [_drop_nulls(column, options.null_values) for column in columns]
        number = Reading(kind="number", null_values=options.null_values)
        names = [column.name for column in plain if column.dtype.is_numeric()]
        readings = dict.fromkeys(names, number) | readings
    return Table(pl.DataFrame(columns), False, tuple(warnings), readings, typed.words)


def _parse(data: bytes) -> pl.DataFrame:
    data = unpack_bytes(data).removeprefix(b"\xef\xbb\xbf").strip()
    try:
        # The whole file decides the types: a number may come late.
        frame = (
            pl.read_json(data, infer_schema_length=None)
            if data.startswith(b"[")
            else pl.read_ndjson(data, infer_schema_length=None)
        )
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException) as error:
        reason = next(iter(str(error).splitlines()), "damaged")
        raise TableUnreadable(
            f"the file is not JSON of one object a line: {reason}",
            fix="JSON has no NaN: write null for a missing number"
            if NOT_JSON.search(data)
            else "write it by DataFrame.to_json(path, orient='records', lines=True)",
        ) from error
    return frame


def _drop_nulls(column: pl.Series, null_values: Sequence[str]) -> pl.Series:
    """Set numbers that stand for a missing value to null."""
    if not column.dtype.is_numeric():
        return column
    numbers = pl.Series(list(null_values), dtype=pl.String).cast(pl.Float64, strict=False)
    return column.set(column.cast(pl.Float64).is_in(numbers.drop_nulls().to_list()), None)
