"""Reads JSON: an object on each line, a list of objects, or another layout of a table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import polars as pl

from lowloss.results import Reading, TableWarning
from lowloss.tables.columnar import choose_columns, to_plain
from lowloss.tables.containers import unpack_bytes
from lowloss.tables.instants import read_instants
from lowloss.tables.json_layouts import read_layouts
from lowloss.tables.json_numbers import find_numbers, put_numbers
from lowloss.tables.limits import TableLimits
from lowloss.tables.naming import complete_names
from lowloss.tables.options import ParseOptions
from lowloss.tables.serials import SERIAL, read_serial_columns
from lowloss.tables.table import POLARS_FAULTS, Table, check_size
from lowloss.tables.typed import check_types, read_typed

MAX_NESTED = 5
"""How deep objects may lie within each other; deeper ones are left out."""
DATE = Reading(kind="date", order="ymd")


def read_json(
    data: bytes,
    options: ParseOptions,
    limits: TableLimits,
    earlier: Mapping[str, Reading] | None = None,
) -> Table:
    """Read objects with the same keys; their texts are read as those of a CSV."""
    warnings: list[TableWarning] = []
    data = unpack_bytes(data).removeprefix(b"\xef\xbb\xbf").strip()
    frame = _flatten(_parse(data, frozenset(earlier or ()), warnings))
    check_size(frame.height, frame.width, limits)
    names = complete_names(frame.columns, warnings)
    numbers = find_numbers(data, frame, names)
    frame.columns = names
    plain = to_plain(frame.select(choose_columns(frame.schema, warnings)), warnings)
    if earlier is None:
        check_types(options, frame.columns)
    plain, serials = _read_dates(plain, options, earlier, warnings)
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
    for name in numbers:
        read[name] = put_numbers(read[name], numbers[name], plain[name], warnings)
    columns = [read.get(column.name, column) for column in plain]
    readings = {column.name: DATE for column in columns if column.dtype.is_temporal()}
    readings |= {**serials, **typed.readings}
    if options.null_values:
        columns = [_drop_nulls(column, options.null_values) for column in columns]
        number = Reading(kind="number", null_values=options.null_values)
        names = [column.name for column in plain if column.dtype.is_numeric()]
        readings = dict.fromkeys(names, number) | readings
    return Table(pl.DataFrame(columns), False, tuple(warnings), readings, typed.words)


def _parse(data: bytes, names: frozenset[str], warnings: list[TableWarning]) -> pl.DataFrame:
    """Read objects; one alone may hold all rows, unless it has a value of a column of `names`."""
    read = pl.read_json if data.startswith(b"[") else pl.read_ndjson
    try:
        # The whole file decides the types: a number may come late.
        frame = read(data, infer_schema_length=None)
    except POLARS_FAULTS:
        return read_layouts(data, warnings)
    plain = [name for name, dtype in frame.schema.items() if not dtype.is_nested()]
    is_alone = frame.height == 1 and names.isdisjoint(plain)
    is_nested = len(plain) < frame.width
    # Whose order polars does not keep.
    is_series = all(name.isdecimal() for name in frame.columns)
    return read_layouts(data, warnings) if is_alone and (is_nested or is_series) else frame


def _read_dates(
    frame: pl.DataFrame,
    options: ParseOptions,
    earlier: Mapping[str, Reading] | None,
    warnings: list[TableWarning],
) -> tuple[pl.DataFrame, dict[str, Reading]]:
    """Read dates that are numbers; return the readings of those of a spreadsheet, too."""
    frame = pl.DataFrame([read_instants(column, options, earlier, warnings) for column in frame])
    if earlier is not None:
        return frame, {}
    serials = read_serial_columns(frame, options, warnings)
    return frame.with_columns(serials.values()), dict.fromkeys(serials, SERIAL)


def _flatten(frame: pl.DataFrame) -> pl.DataFrame:
    """Give the members of nested objects columns of their own, named as `owner.age`."""
    for _ in range(MAX_NESTED):
        nested = [name for name, dtype in frame.schema.items() if dtype == pl.Struct]
        if not nested:
            break
        try:
            frame = frame.unnest(nested, separator=".")
        except pl.exceptions.DuplicateError:
            break
    return frame


def _drop_nulls(column: pl.Series, null_values: Sequence[str]) -> pl.Series:
    """Set numbers that stand for a missing value to null."""
    if not column.dtype.is_numeric():
        return column
    numbers = pl.Series(list(null_values), dtype=pl.String).cast(pl.Float64, strict=False)
    return column.set(column.cast(pl.Float64).is_in(numbers.drop_nulls().to_list()), None)
