"""Reads an uploaded table of any format into typed columns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import polars as pl

from lowloss.errors import TableUnreadable
from lowloss.results import Reading, TableFormat, TableWarning
from lowloss.tables.columnar import read_columnar
from lowloss.tables.containers import unpack
from lowloss.tables.csv_text import CsvText, read_text
from lowloss.tables.json_lines import read_json
from lowloss.tables.limits import TableLimits
from lowloss.tables.naming import complete_names
from lowloss.tables.npz import read_npz
from lowloss.tables.numbered import NumberedRows, renumber
from lowloss.tables.options import ParseOptions
from lowloss.tables.remarks import tell_log_lines, warn_of_one_column
from lowloss.tables.rows import drop_odd_rows, find_blank_rows
from lowloss.tables.spreadsheets import SheetColumns, to_csv
from lowloss.tables.table import Table, check_size
from lowloss.tables.typed import check_types, read_typed
from lowloss.tables.wrapped import unwrap_texts
from lowloss.wording import describe_error


def read_table(
    path: Path,
    format: TableFormat,  # noqa: A002
    options: ParseOptions,
    *,
    limits: TableLimits,
    earlier: Mapping[str, Reading] | None = None,
) -> Table:
    """Read a table; raise a TableInvalid where the bytes are not one of the format.

    Rows to predict have `earlier` readings: texts in columns named there are read as they were
    before, and no row is left out but empty ones at the end.
    """
    options.check_format(format)
    match format:
        case TableFormat.csv:
            return read_csv(path, options, limits=limits, earlier=earlier)
        case TableFormat.xlsx | TableFormat.ods:
            return _read_workbook(path.read_bytes(), options, limits, earlier)
        case TableFormat.jsonl:
            return read_json(path.read_bytes(), options, limits, earlier)
        case TableFormat.parquet | TableFormat.arrow:
            return read_columnar(path, format, limits)
        case TableFormat.npz:
            return read_npz(path, limits)


def read_csv(
    source: Path | bytes,
    options: ParseOptions,
    *,
    limits: TableLimits,
    earlier: Mapping[str, Reading] | None = None,
    sheet: SheetColumns | None = None,
) -> Table:
    """Read a CSV, packed or not; `sheet` has the columns of the spreadsheet that it was."""
    warnings: list[TableWarning] = []
    # Read here: an argument would stay in memory until the call returns.
    data = source.read_bytes() if isinstance(source, Path) else source
    text = read_text(unpack(data), options, warnings)
    del data
    names, has_header = text.names, text.has_header
    check_size(text.rows, len(names), limits)
    strings = _read_strings(text)
    del text  # its bytes: the strings are a copy of them
    strings, names, positions = _name_columns(strings, names, warnings)
    by_position = dict(zip(positions, strings.columns, strict=True))
    warnings += (sheet := sheet or SheetColumns()).warn(by_position)
    is_training = earlier is None
    if is_training:
        check_types(options, strings.columns)
    rows = NumberedRows(unwrap_texts(strings))
    del strings
    header = names if has_header else None
    rows = drop_odd_rows(rows, warnings, header=header, is_training=is_training)
    numbers = rows.numbers if is_training else None
    # The list is emptied from its end, and the frame must not hold what is read.
    untyped = rows.strings.get_columns()
    is_blank = find_blank_rows(untyped)
    del rows
    exact = frozenset(by_position[p] for p in sheet.exact if p in by_position)
    typed = read_typed(untyped, options, warnings, earlier=earlier, exact=exact)
    if is_training:
        warnings = _tell_unsplit(typed.values, warnings)
    renumber(warnings, numbers)
    frame = _drop_blank_rows(pl.DataFrame(typed.values), is_blank, at_end=not is_training)
    check_size(frame.height, frame.width, limits)
    return Table(frame, warnings=tuple(warnings), readings=typed.readings, words=typed.words)


def _read_workbook(
    data: bytes,
    options: ParseOptions,
    limits: TableLimits,
    earlier: Mapping[str, Reading] | None,
) -> Table:
    """Read a sheet: its numbers are written with points, its text as a CSV's."""
    warnings: list[TableWarning] = []
    text, columns = to_csv(data, options.sheet, warnings)
    fixed = {"delimiter": ",", "quote": '"', "encoding": "utf-8", "sheet": None}
    options = options.model_copy(update=fixed)
    table = read_csv(text, options, limits=limits, earlier=earlier, sheet=columns)
    return replace(table, warnings=(*warnings, *table.warnings))


def _drop_blank_rows(frame: pl.DataFrame, is_blank: pl.Series, *, at_end: bool) -> pl.DataFrame:
    """Drop blank rows, or those `at_end` only: the others keep their places."""
    if frame.width < 2 or not is_blank.any():
        return frame
    if not at_end:
        return frame.filter(~is_blank)
    filled = (~is_blank).arg_true()
    return frame.head(int(filled[-1]) + 1 if len(filled) else 0)


def _read_strings(text: CsvText) -> pl.DataFrame:
    """Read all columns as strings: our own rules decide their types over the whole column."""
    try:
        strings = pl.read_csv(
            text.data,
            separator=text.delimiter,
            quote_char=text.quote,
            has_header=False,
            skip_lines=text.skipped_lines,
            infer_schema=False,
            empty_string_is_null=True,
        )
    except pl.exceptions.PolarsError as error:
        raise TableUnreadable(
            f"the CSV cannot be read: {describe_error(error)}", fix="check its quotes"
        ) from error
    strings.columns = [str(position) for position in range(strings.width)]
    return strings


def _name_columns(
    strings: pl.DataFrame, names: tuple[str, ...], warnings: list[TableWarning]
) -> tuple[pl.DataFrame, tuple[str, ...], list[int]]:
    """Name the columns, and return their names and positions in the file, too.

    One without a name and values, as behind a last delimiter, is dropped.
    """
    empty = [
        position
        for position, name in enumerate(names)
        if not name and _is_empty(strings.to_series(position))
    ]
    if empty and len(empty) < len(names):
        warnings.append(
            TableWarning(
                code="empty_columns",
                count=len(empty),
                detail=f"columns without a name and without values were left out: {len(empty)}",
                fix="take the delimiters out that trail behind the last column",
            )
        )
        strings = strings.drop([str(position) for position in empty])
        names = tuple(name for position, name in enumerate(names) if position not in set(empty))
    positions = [int(column) for column in strings.columns]
    strings.columns = complete_names(names, warnings, has_index=True)
    return strings, names, positions


def _tell_unsplit(columns: Sequence[pl.Series], warnings: list[TableWarning]) -> list[TableWarning]:
    """Return warnings that say so where the only column is text, or the first a log's lines."""
    if len(columns) > 1 and _has_text(columns[0]):
        return [*warnings, *tell_log_lines(columns[0])]
    if len(columns) != 1 or not _has_text(columns[0]):
        return warnings
    # What begins with a number is then a whole line.
    others = [warning for warning in warnings if warning.code != "looks_numeric"]
    return [*others, warn_of_one_column(columns[0])]


def _has_text(column: pl.Series) -> bool:
    return column.dtype == pl.String and column.count() > 0


def _is_empty(column: pl.Series) -> bool:
    return column.null_count() == len(column) or bool((column.str.strip_chars() == "").all())
