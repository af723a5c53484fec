"""Reads Parquet and Arrow: typed columns, whose size is checked before they are unpacked.

Times and durations become seconds.
"""

from __future__ import annotations

from enum import Enum
from pathlib import Path

import polars as pl

from lowloss.errors import TableUnreadable
from lowloss.results import TableFormat, TableWarning
from lowloss.tables.dates import drop_out_of_calendar
from lowloss.tables.limits import TableLimits
from lowloss.tables.naming import complete_names
from lowloss.tables.remarks import tell_inexact
from lowloss.tables.table import POLARS_FAULTS, Table, check_size, check_text
from lowloss.wording import describe_error

SCALARS = (
    pl.Boolean,
    pl.String,
    pl.Categorical,
    pl.Enum,
    pl.Date,
    pl.Datetime,
    pl.Time,
    pl.Duration,
    pl.Decimal,
    pl.Null,
)
MAX_EXACT = 2**53
"""Up to it float64 holds every whole number."""
FAULTS = (*POLARS_FAULTS, OSError)
"""The errors of damaged bytes."""


class _Layout(Enum):
    """The layout of a file; its value is the name with an article."""

    parquet = "a Parquet file"
    arrow_file = "an Arrow file"
    arrow_stream = "an Arrow stream"


def read_columnar(path: Path, format: TableFormat, limits: TableLimits) -> Table:  # noqa: A002
    """Read a Parquet file, or an Arrow file or stream."""
    layout = _Layout.parquet if format is TableFormat.parquet else _detect_arrow_layout(path)
    try:
        schema, rows = _measure(path, layout, limits)
    except FAULTS as error:
        raise TableUnreadable(
            f"the file is not {layout.value}: {describe_error(error)}",
            fix="give the format that the file has",
        ) from error
    check_size(rows, len(schema), limits)
    warnings: list[TableWarning] = []
    names = choose_columns(schema, warnings)
    completed = complete_names(names, warnings)
    try:
        frame = _read(path, layout, names)
        frame.columns = completed
        return Table(to_plain(frame, warnings), warnings=tuple(warnings))
    except FAULTS as error:
        raise TableUnreadable(
            f"the file is damaged: {describe_error(error)}", fix="write it anew"
        ) from error


def _detect_arrow_layout(path: Path) -> _Layout:
    """Return the layout of Arrow data: a file has a mark; without it, it is a stream."""
    with path.open("rb") as file:
        start = file.read(6)
    if start.startswith(b"FEA1"):
        raise TableUnreadable(
            "the file is Feather of version 1, which is no Arrow file",
            fix="write it as version 2: pyarrow.feather.write_feather(table, path, version=2)",
        )
    return _Layout.arrow_file if start == b"ARROW1" else _Layout.arrow_stream


def _measure(path: Path, layout: _Layout, limits: TableLimits) -> tuple[pl.Schema, int]:
    """Return the columns and how many rows they have, without reading them."""
    if layout is _Layout.arrow_stream:
        schema = pl.read_ipc_stream(path, n_rows=0).schema
        # A stream does not declare its length: one column is read, up to the limit.
        columns = [0] if schema else None
        return schema, pl.read_ipc_stream(path, columns=columns, n_rows=limits.max_rows + 1).height
    lazy = _scan(path, layout)
    return lazy.collect_schema(), int(lazy.select(pl.len()).collect().item())


def choose_columns(schema: pl.Schema, warnings: list[TableWarning]) -> list[str]:
    """Return the columns of plain values, and say which are left out."""
    names = []
    for name, dtype in schema.items():
        if dtype.is_numeric() or dtype in SCALARS:
            names.append(name)
            continue
        warnings.append(
            TableWarning(
                code="column_left_out",
                column=name,
                count=1,
                detail=f"column {name!r} holds {dtype}, not plain values: it was left out",
                fix="flatten it to plain values if a model should see it",
            )
        )
    if not names:
        raise TableUnreadable(
            f"no column holds plain values: {warnings[0].detail}", fix="flatten the columns"
        )
    return names


def to_plain(frame: pl.DataFrame, warnings: list[TableWarning]) -> pl.DataFrame:
    """Convert columns to the types that Table promises; warn of integers that lose digits."""
    return pl.DataFrame(
        [
            _read_integers(column, warnings)
            if column.dtype.is_integer()
            else check_text(_to_plain(column))
            for column in frame
        ]
    )


def _read_integers(column: pl.Series, warnings: list[TableWarning]) -> pl.Series:
    """Return integers as a file of texts has them: a category where float64 would change them."""
    low, high = column.min(), column.max()
    is_exact = low is None or (low >= -MAX_EXACT and high <= MAX_EXACT)  # type: ignore[operator]
    number = column.cast(pl.Int64, strict=False)
    if number.null_count() > column.null_count():
        number = column.cast(pl.Float64)
    if is_exact:
        return number
    text = column.cast(pl.String)
    return text if tell_inexact(text, number, warnings) else number


def _read(path: Path, layout: _Layout, names: list[str]) -> pl.DataFrame:
    if layout is _Layout.arrow_stream:
        return pl.read_ipc_stream(path).select(names)
    return _scan(path, layout).select(names).collect()


def _scan(path: Path, layout: _Layout) -> pl.LazyFrame:
    scan = pl.scan_parquet if layout is _Layout.parquet else pl.scan_ipc
    return scan(path, glob=False)


def _to_plain(column: pl.Series) -> pl.Series:  # a type a line
    """Convert a column to one of the types that Table promises."""
    dtype = column.dtype
    if dtype.is_float() or dtype == pl.Decimal:
        column = column.cast(pl.Float64)
        return column.set(~column.is_finite(), None)
    if dtype == pl.Time:
        column = column.cast(pl.Duration("ns"))
    if isinstance(column.dtype, pl.Duration):
        # Not by polars, which multiplies by the reciprocal.
        seconds = column.dt.total_microseconds().cast(pl.Float64).to_numpy() / 1e6
        return pl.Series(column.name, seconds, nan_to_null=True)
    if dtype in (pl.Categorical, pl.Enum, pl.Null):
        return column.cast(pl.String)
    if isinstance(dtype, pl.Datetime):
        # The physical values are in UTC, whatever the zone.
        utc = column.to_physical().cast(pl.Datetime(dtype.time_unit))
        return drop_out_of_calendar(utc).cast(pl.Datetime("us"))
    return drop_out_of_calendar(column) if dtype == pl.Date else column
