"""Lays out a CSV: what stands above and below its rows, its header, and rows that fit it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lowloss.errors import TableEmpty, TableRagged
from lowloss.results import TableWarning
from lowloss.tables.decode import decode
from lowloss.tables.dialect import (
    BLANKS,
    Dialect,
    Record,
    detect_delimiter,
    detect_quote,
    is_header,
    read_sep_line,
)
from lowloss.tables.fitted_headers import fit_header, has_trailing_name, uncomment
from lowloss.tables.fixed_widths import may_have_fixed_widths, split_fixed_widths
from lowloss.tables.footers import find_notes
from lowloss.tables.headers import TwoLines, join_groups, join_two_lines, tell_numbers
from lowloss.tables.line_numbers import LineFinder
from lowloss.tables.lines import (
    cut_ruler,
    drop_comments_above,
    drop_frame,
    drop_lines,
    drop_logger,
    make_ruler_warning,
    unwrap_lines,
    warn_of_lines,
)
from lowloss.tables.options import ParseOptions
from lowloss.tables.pairs import read_pairs
from lowloss.tables.preambles import (
    MAX_PREAMBLE,
    are_titles,
    find_first,
    has_label,
    make_ragged,
    warn_of_preamble,
)
from lowloss.tables.records import Records, split_records
from lowloss.tables.single_columns import cut_single_column
from lowloss.tables.values import are_mostly_values, is_value

COMMENT = ("#", "//", "%%")
"""What a comment among the rows begins with."""
HEADER_ROWS = 200
"""Rows beside which the first record is judged to be a header or not."""


@dataclass(frozen=True)
class CsvText:
    """The rows of a CSV in UTF-8, each with as many fields as `names`.

    They start after `skipped_lines` of the data, which are the header and what stands above it.
    """

    data: bytes
    skipped_lines: int
    delimiter: str
    quote: str
    has_header: bool
    names: tuple[str, ...]
    rows: int


def read_text(data: bytes, options: ParseOptions, warnings: list[TableWarning]) -> CsvText:
    """Decode a CSV and find its rows; raise a TableInvalid that names the line."""
    find_line = LineFinder(data, options.encoding)
    data = decode(data, options.encoding, warnings)
    delimiter, data = read_sep_line(data)
    data = drop_frame(data, warnings)
    data = drop_logger(data, warnings)
    data = drop_lines(data, options)
    if options.delimiter is None and options.header is not False:
        data = drop_comments_above(data, warnings)
    if options.delimiter is None and options.quote is None:
        data = unwrap_lines(data, warnings)
    # Blank lines around a table are no rows.
    if data.startswith(b"\n") or data.endswith(b"\n\n"):
        data = data.strip(b"\n") + b"\n"
    if data.isspace():
        raise TableEmpty("the file is empty", fix="upload a CSV with a header and rows")
    delimiter = options.delimiter or delimiter
    if delimiter is None and options.header is None and (pairs := read_pairs(data, warnings)):
        data, delimiter = pairs, ","
    column = cut_single_column(data, options.decimal, warnings) if delimiter is None else None
    data, delimiter = (data, delimiter) if column is None else (column, ";")
    ruler, others = cut_ruler(data)
    records, dialect = _split(others, delimiter, options.quote)
    if ruler and _find_width(records) == 1:
        # In the only column it may be a missing mark, or a name.
        records, dialect = _split(data, delimiter, options.quote)
    elif ruler:
        warnings.append(make_ruler_warning(ruler))
    width = _find_width(records)
    if delimiter is None and may_have_fixed_widths(records.data, dialect.delimiter, width):
        columns = split_fixed_widths(records.data, warnings)
        if columns is not None:
            records, dialect = _split(columns, "\t", options.quote)
    return _lay_out(records, dialect, options, warnings, find_line=find_line)


def _split(data: bytes, delimiter: str | None, quote: str | None) -> tuple[Records, Dialect]:
    """Split a CSV into records; a delimiter and a quote that are not given are detected."""
    quote = quote or detect_quote(data, delimiter)
    delimiter = delimiter or detect_delimiter(data, quote)
    records = split_records(data, delimiter, quote)
    return records, Dialect("\t" if delimiter == BLANKS else delimiter, quote)


def _lay_out(
    records: Records,
    dialect: Dialect,
    options: ParseOptions,
    warnings: list[TableWarning],
    *,
    find_line: LineFinder,
) -> CsvText:
    width = _find_width(records)
    if width > 1:
        is_blank = records.ends - records.starts == 1
        records = records.select(~is_blank)
    first = find_first(records, dialect, width, has_titles=options.header is not False)
    names, rows = _find_names(
        records, dialect, first, width, options=options, warnings=warnings, find_line=find_line
    )
    has_header = names is not None
    names = names or tuple(f"column_{position}" for position in range(1, width + 1))
    body = _fit_rows(
        records.skip(rows), dialect, width, warnings=warnings, find_line=find_line.skip(rows)
    )
    if not len(body.ends):
        raise TableEmpty("the table has a header but no rows", fix="upload at least one row")
    return CsvText(
        body.data,
        body.data.count(b"\n", 0, body.offset),
        dialect.delimiter,
        dialect.quote,
        has_header,
        names,
        len(body.ends),
    )


def _find_width(records: Records) -> int:
    """Return the commonest number of fields; of equally common ones that of the first record."""
    counts = np.bincount(records.fields)
    first = int(records.fields[0])
    return first if counts[first] == counts.max() else int(counts.argmax())


def _find_names(
    records: Records,
    dialect: Dialect,
    first: int,
    width: int,
    *,
    options: ParseOptions,
    warnings: list[TableWarning],
    find_line: LineFinder,
) -> tuple[tuple[str, ...] | None, int]:
    """Return the columns' names, None where there are none, and the index of the first row."""
    above = [dialect.fields(records.text(index)) for index in range(min(first, MAX_PREAMBLE + 1))]
    full = [
        dialect.fields(records.text(index))
        for index in first + np.flatnonzero(records.fields[first:] == width)[: HEADER_ROWS + 1]
    ]
    lines = _find_two_lines(records, first, above, full, options=options)
    if lines is not None:
        warnings.append(lines.warn())
        is_group = lines.records == 1
        warn_of_preamble(above[:-1] if is_group else above, dialect, warnings)
        return lines.names, first + lines.records
    may_be_header = _has_header(above, full, width)
    has_header = may_be_header if options.header is None else options.header
    # The names may stand in a comment, where a row is said to be the header.
    is_comment = bool(above) and above[-1][0].startswith("#") and not may_be_header
    if above and (not has_header or is_comment or has_trailing_name(above[-1], width)):
        names = fit_header(above[-1], full, width)
        if names is not None:
            warn_of_preamble(above[:-1], dialect, warnings)
            return names, first
    if above and not are_titles(above, width, has_header=has_header):
        raise make_ragged(above[-1], width, find_line(first - 1, records.text(first - 1)))
    warn_of_preamble(above, dialect, warnings)
    if has_header:
        warnings += tell_numbers(full) if options.header is None else ()
        return uncomment(full[0]), first + 1
    if options.header is None:
        warnings.append(_make_headerless(full[0]))
    return None, first


def _find_two_lines(
    records: Records,
    first: int,
    above: list[Record],
    full: list[Record],
    *,
    options: ParseOptions,
) -> TwoLines | None:
    """Return a header of two lines: both are `full`, or the groups stand in the line above."""
    width = len(full[0])
    # Titles that a spreadsheet filled up are no names.
    names = [
        len(record) >= width and sum(map(bool, record)) > 1 and not has_label(record)
        for record in above
    ]
    if options.header is False or any(names[:-1]):
        return None
    if above and names[-1] and (groups := join_groups(above[-1], full[0])) is not None:
        return groups
    if any(names):
        return None
    is_next = bool((records.fields[first : first + 3] == width).all())
    return join_two_lines(full) if is_next else None


def _has_header(above: list[Record], full: list[Record], width: int) -> bool:
    """Return whether the first record of full width names the columns.

    Numbers name none below lines that may do so themselves.
    """
    below = full[1:]
    if above and (len(above[-1]) == width - 1 or all(map(is_value, full[0]))):
        columns = [[row[position] for row in below] for position in range(width)]
        return not any(
            is_value(cell) and are_mostly_values(column)
            for cell, column in zip(full[0], columns, strict=True)
        )
    return is_header(full[0], below)


def _make_headerless(first: Record) -> TableWarning:
    return TableWarning(
        code="no_header",
        count=1,
        rows=(1,),
        example=", ".join(first),
        detail="the first line was read as data, and the columns are named column_1, column_2, …",
        fix="give header=true if it names the columns",
    )


def _fit_rows(
    body: Records,
    dialect: Dialect,
    width: int,
    *,
    warnings: list[TableWarning],
    find_line: LineFinder,
) -> Records:
    """Return rows of `width` fields: without notes below them, and without trailing delimiters."""
    notes = find_notes(body, dialect, width)
    if notes:
        warnings.append(
            warn_of_lines(
                len(notes),
                body.text(notes[0]),
                detail=f"lines below the rows are no data and were left out: {len(notes)}",
                fix="take them out, or fill in their fields if they are rows",
            )
        )
        body = body.drop(notes)
    body = _drop_comments(body, width, warnings)
    odd = np.flatnonzero(body.fields != width)
    return _trim_rows(body, dialect, odd, width, find_line=find_line)


def _drop_comments(body: Records, width: int, warnings: list[TableWarning]) -> Records:
    """Drop lines among the rows that have another width and begin as comments do."""
    is_odd = body.fields != width
    if not is_odd.any():
        return body
    first = np.frombuffer(body.data, dtype=np.uint8)[body.starts]
    # What rows begin with, too, such as `#1`, is no mark of comments.
    marks = tuple(mark for mark in COMMENT if not (first[~is_odd] == ord(mark[0])).any())
    marked = np.flatnonzero(is_odd & np.isin(first, [ord(mark[0]) for mark in marks]))
    comments = [int(index) for index in marked if body.text(int(index)).startswith(marks)]
    if not comments:
        return body
    warnings.append(
        warn_of_lines(
            len(comments),
            body.text(comments[0]),
            detail=f"comments among the rows are no data and were left out: {len(comments):,}",
            fix="give comment if others begin otherwise",
        )
    )
    return body.drop(comments)


def _trim_rows(
    body: Records, dialect: Dialect, odd: np.ndarray, width: int, *, find_line: LineFinder
) -> Records:
    """Take off delimiters that trail behind the last field; raise TableRagged for other rows."""
    if not odd.size:
        return body
    excess = body.fields - width
    starts, start = body.starts, body.offset
    mark = dialect.delimiter.encode()
    pieces: list[bytes] = []
    for index in odd:
        count = int(excess[index])
        line = body.data[starts[index] : body.ends[index] - 1]
        if count < 0 or not line.endswith(mark * count):
            is_one = width == 2 and body.fields[index] == 1 and is_value(line.decode())
            commas = ", or decimal=, if each line is one number" if is_one else ""
            raise TableRagged(
                f"line {find_line(int(index), body.text(int(index)))} has {body.fields[index]} "
                f"fields; the header has {width}",
                fix="give every line as many fields as the header, quote fields that hold "
                f"delimiters, or give skip_rows if the table begins below{commas}",
            )
        pieces += [body.data[start : body.ends[index] - 1 - count], b"\n"]
        start = int(body.ends[index])
    pieces.append(body.data[start:])
    ends = body.ends - body.offset - np.cumsum(excess)
    return Records(b"".join(pieces), ends, np.full(len(ends), width))
