"""Reads an uploaded table of any format into typed columns."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from lowloss.errors import TableUnreadable
from lowloss.results import TableFormat
from service.settings import Limits
from service.tables.columnar import read_columnar
from service.tables.csv_text import CsvText, read_text
from service.tables.csv_types import parse_column
from service.tables.npz import read_npz
from service.tables.options import ParseOptions
from service.tables.table import Table, check_size


def read_table(
    path: Path,
    format: TableFormat,  # noqa: A002
    options: ParseOptions,
    *,
    limits: Limits,
) -> Table:
    """Read a table; raise a TableInvalid where the bytes are not one of the format."""
    options.check_format(format)
    match format:
        case TableFormat.csv:
            return _read_csv(path, options, limits)
        case TableFormat.parquet | TableFormat.arrow:
            return read_columnar(path, format, limits)
        case TableFormat.npz:
            return read_npz(path, limits)


def _read_csv(path: Path, options: ParseOptions, limits: Limits) -> Table:
    text = read_text(path.read_bytes(), options)
    check_size(text.rows, len(text.names), limits)
    names, decimal = text.names, options.decimal or ("," if text.delimiter != "," else ".")
    strings = _read_strings(text)
    del text  # its bytes: the strings are a copy of them
    strings.columns = list(names)
    # The last column first, and its strings freed: memory never holds all strings and values.
    untyped = strings.get_columns()
    del strings
    columns = [parse_column(untyped.pop(), decimal, options.decimal) for _ in names]
    frame = pl.DataFrame(columns[::-1])
    if frame.width > 1:
        frame = frame.filter(~pl.all_horizontal(pl.all().is_null()))
    check_size(frame.height, frame.width, limits)
    return Table(frame)


def _read_strings(text: CsvText) -> pl.DataFrame:
    """Read all columns as strings: our own rules decide their types over the whole column."""
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
