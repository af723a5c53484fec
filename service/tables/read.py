"""Reads an uploaded table, whatever its format, into typed columns."""

from __future__ import annotations

import zipfile
from pathlib import Path

import polars as pl

from lowloss.errors import TableUnreadable
from lowloss.results import TableFormat
from service.settings import Limits
from service.tables.csv_text import read_text
from service.tables.csv_types import typed_column
from service.tables.npz import read_npz
from service.tables.options import ParseOptions
from service.tables.table import Table, check_names, check_size

SCALARS = (
    pl.Boolean,
    pl.String,
    pl.Categorical,
    pl.Enum,
    pl.Date,
    pl.Datetime,
    pl.Decimal,
    pl.Null,
)


def read_table(
    path: Path,
    format: TableFormat,  # noqa: A002
    options: ParseOptions,
    *,
    limits: Limits,
) -> Table:
    """Read a table; any way in which the bytes are no such table is a TableInvalid problem."""
    options.check_format(format)
    match format:
        case TableFormat.csv:
            return _read_csv(path, options, limits)
        case TableFormat.parquet:
            return _read_parquet(path, limits)
        case TableFormat.npz:
            return read_npz(path, limits)


def _read_csv(path: Path, options: ParseOptions, limits: Limits) -> Table:
    text = read_text(path.read_bytes(), options)
    check_size(text.rows, len(text.header), limits)
    frame = _parse(text.data, text.delimiter)
    frame.columns = list(text.header)
    decimal = options.decimal or ("," if text.delimiter != "," else ".")
    columns = [typed_column(column, decimal, options.decimal) for column in frame]
    frame = pl.DataFrame(columns)
    if frame.width > 1:
        frame = frame.filter(~pl.all_horizontal(pl.all().is_null()))
    check_size(frame.height, frame.width, limits)
    return Table(frame)


def _parse(data: bytes, delimiter: str) -> pl.DataFrame:
    """All columns as strings: their types are decided over the whole column, by our own rules."""
    try:
        return pl.read_csv(data, separator=delimiter, infer_schema=False, empty_string_is_null=True)
    except pl.exceptions.PolarsError as error:
        reason = str(error).splitlines()[0]
        raise TableUnreadable(
            f"the CSV cannot be read: {reason}", fix="check its quotes"
        ) from error


def _read_parquet(path: Path, limits: Limits) -> Table:
    try:
        lazy = pl.scan_parquet(path, glob=False)
        schema = lazy.collect_schema()
        rows = int(lazy.select(pl.len()).collect().item())
    except (pl.exceptions.PolarsError, OSError, zipfile.BadZipFile) as error:
        reason = str(error).splitlines()[0]
        raise TableUnreadable(
            f"the file is not a Parquet file: {reason}", fix="give the format that the file has"
        ) from error
    check_size(rows, len(schema), limits)
    check_names(list(schema))
    for name, dtype in schema.items():
        if not (dtype.is_numeric() or dtype in SCALARS):
            raise TableUnreadable(
                f"column {name!r} holds {dtype}, not plain values", fix="drop or flatten it"
            )
    try:
        frame = lazy.collect()
    except pl.exceptions.PolarsError as error:
        reason = str(error).splitlines()[0]
        raise TableUnreadable(
            f"the Parquet file is damaged: {reason}", fix="write it anew"
        ) from error
    return Table(pl.DataFrame([_plain(column) for column in frame]))


def _plain(column: pl.Series) -> pl.Series:
    """One of the types that Table promises."""
    if column.dtype.is_float() or column.dtype == pl.Decimal:
        column = column.cast(pl.Float64)
        return column.set(~column.is_finite(), None)
    if column.dtype.is_integer():
        wide = column.dtype in (pl.UInt64, pl.Int128)
        return column.cast(pl.Float64 if wide else pl.Int64)
    if column.dtype in (pl.Categorical, pl.Enum, pl.Null):
        return column.cast(pl.String)
    if column.dtype == pl.Datetime:
        zone = getattr(column.dtype, "time_zone", None)
        column = column.dt.convert_time_zone("UTC").dt.replace_time_zone(None) if zone else column
        return column.cast(pl.Datetime("us"))
    return column
