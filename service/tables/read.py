"""Reads an uploaded table, whatever its format, into typed columns."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from lowloss.errors import TableUnreadable
from lowloss.results import TableFormat
from service.settings import Limits
from service.tables.csv_text import CsvText, read_text
from service.tables.csv_types import typed_column
from service.tables.npz import read_npz
from service.tables.options import ParseOptions
from service.tables.table import Table, check_names, check_size

ARROW_FILE, FEATHER_V1 = b"ARROW1", b"FEA1"
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
        case TableFormat.parquet | TableFormat.arrow:
            return _read_columnar(path, format, limits)
        case TableFormat.npz:
            return read_npz(path, limits)


def _read_csv(path: Path, options: ParseOptions, limits: Limits) -> Table:
    text = read_text(path.read_bytes(), options)
    check_size(text.rows, len(text.names), limits)
    frame = _parse(text)
    frame.columns = list(text.names)
    decimal = options.decimal or ("," if text.delimiter != "," else ".")
    columns = [typed_column(column, decimal, options.decimal) for column in frame]
    frame = pl.DataFrame(columns)
    if frame.width > 1:
        frame = frame.filter(~pl.all_horizontal(pl.all().is_null()))
    check_size(frame.height, frame.width, limits)
    return Table(frame)


def _parse(text: CsvText) -> pl.DataFrame:
    """All columns as strings: their types are decided over the whole column, by our own rules."""
    try:
        return pl.read_csv(
            text.data,
            separator=text.delimiter,
            quote_char=text.quote,
            has_header=text.has_header,
            infer_schema=False,
            empty_string_is_null=True,
        )
    except pl.exceptions.PolarsError as error:
        reason = str(error).splitlines()[0]
        raise TableUnreadable(
            f"the CSV cannot be read: {reason}", fix="check its quotes"
        ) from error


def _read_columnar(path: Path, format: TableFormat, limits: Limits) -> Table:  # noqa: A002
    """Read a Parquet or an Arrow file; its size is checked before it unfolds."""
    name = "a Parquet" if format is TableFormat.parquet else "an Arrow"
    try:
        lazy = _scan(path, format)
        schema = lazy.collect_schema()
        rows = int(lazy.select(pl.len()).collect().item())
    except (pl.exceptions.PolarsError, OSError, ValueError) as error:
        reason = str(error).splitlines()[0]
        raise TableUnreadable(
            f"the file is not {name} file: {reason}", fix="give the format that the file has"
        ) from error
    check_size(rows, len(schema), limits)
    check_names(list(schema))
    for column, dtype in schema.items():
        if not (dtype.is_numeric() or dtype in SCALARS):
            raise TableUnreadable(
                f"column {column!r} holds {dtype}, not plain values", fix="drop or flatten it"
            )
    try:
        frame = lazy.collect()
    except pl.exceptions.PolarsError as error:
        reason = str(error).splitlines()[0]
        raise TableUnreadable(
            f"the {name.split()[1]} file is damaged: {reason}", fix="write it anew"
        ) from error
    return Table(pl.DataFrame([_plain(column) for column in frame]))


def _scan(path: Path, format: TableFormat) -> pl.LazyFrame:  # noqa: A002
    if format is TableFormat.parquet:
        return pl.scan_parquet(path, glob=False)
    with path.open("rb") as file:
        start = file.read(len(ARROW_FILE))
    if start.startswith(FEATHER_V1):
        raise ValueError("it is a Feather file of version 1: write it by write_feather(version=2)")
    if start == ARROW_FILE:
        return pl.scan_ipc(path, glob=False)
    # Without the marks of a file it is a stream, which cannot be scanned.
    return pl.read_ipc_stream(path).lazy()


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
