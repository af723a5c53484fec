"""Lays out a CSV: what stands above and below its rows, its header, and rows that fit it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

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
from lowloss.tables.fixed_widths import may_have_fixed_widths, split_fixed_widths
from lowloss.tables.footers import find_notes
from lowloss.tables.headers import TwoLines, join_groups, join_two_lines, tell_numbers
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
from lowloss.tables.records import Records, split_records
from lowloss.tables.values import are_mostly_values, is_value

MAX_PREAMBLE = 100
"""The most records above the header that may be no data."""
MAX_FILLED = 20
"""The most lines above the header that a spreadsheet may have filled up with delimiters."""
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
    return _lay_out(records, dialect, options, warnings)


def _split(data: bytes, delimiter: str | None, quote: str | None) -> tuple[Records, Dialect]:
    """Split a CSV into records; a delimiter and a quote that are not given are detected."""
    quote = quote or detect_quote(data, delimiter)
    delimiter = delimiter or detect_delimiter(data, quote)
    records = split_records(data, delimiter, quote)
    return records, Dialect("\t" if delimiter == BLANKS else delimiter, quote)


def _lay_out(
    records: Records, dialect: Dialect, options: ParseOptions, warnings: list[TableWarning]
) -> CsvText:
    width = _find_width(records)
    if width > 1:
        is_blank = records.ends - records.starts == 1
        records = records.select(~is_blank)
    first = _find_first(records, dialect, width, has_titles=options.header is not False)
    names, rows = _find_names(records, dialect, first, width, options=options, warnings=warnings)
    has_header = names is not None
    names = names or tuple(f"column_{position}" for position in range(1, width + 1))
    body = _fit_rows(records.skip(rows), dialect, width, first_line=rows + 1, warnings=warnings)
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


def _find_first(records: Records, dialect: Dialect, width: int, *, has_titles: bool) -> int:
    """Return the index of the first record of full width.

    Titles that are filled up with delimiters are passed over where a full header follows.
    """
    full = np.flatnonzero(records.fields == width)
    if not has_titles or width < 2:
        return int(full[0])
    head = [dialect.fields(records.text(index)) for index in full[:MAX_FILLED]]
    if noted := _count_annotations(head):
        return int(full[noted])
    for position, (index, fields) in enumerate(zip(full[:MAX_FILLED], head, strict=True)):
        if not all(fields) and join_two_lines(head[position:]) is not None:
            return int(index)
        if all(fields) and not all(map(is_value, fields)):
            return int(index)
        # Names but for that of the rows, below a title: `;2021;2022`.
        if position and len(fields) > 2 and not fields[0] and all(fields[1:]):
            return int(index)
        filled = sum(map(bool, fields))
        if filled > max(1, width // 3) or any(map(is_value, fields)):
            break
    return int(full[0])


def _count_annotations(head: Sequence[Record]) -> int:
    """Return how many lines of comments stand in full width above the names, as InfluxDB writes.

    Of one alone it is none: it may have the names.
    """
    count = next((p for p, record in enumerate(head) if not record[0].startswith("#")), 0)
    if count < 2 or any(map(is_value, head[count])) or len(head) < count + 2:
        return 0
    return count if any(map(is_value, head[count + 1])) else 0


def _find_names(
    records: Records,
    dialect: Dialect,
    first: int,
    width: int,
    *,
    options: ParseOptions,
    warnings: list[TableWarning],
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
        _warn_of_preamble(above[:-1] if is_group else above, dialect, warnings)
        return lines.names, first + lines.records
    has_header = _has_header(above, full, width) if options.header is None else options.header
    if above and (not has_header or _has_trailing_name(above[-1], width)):
        names = _fit_header(above[-1], full, width)
        if names is not None:
            _warn_of_preamble(above[:-1], dialect, warnings)
            return names, first
    _check_preamble(above, width, has_header=has_header)
    _warn_of_preamble(above, dialect, warnings)
    if has_header:
        warnings += tell_numbers(full) if options.header is None else ()
        return _uncomment(full[0]), first + 1
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
    names = [len(record) >= width and sum(map(bool, record)) > 1 for record in above]
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


def _has_trailing_name(record: Record, width: int) -> bool:
    """Return whether a header has one field more than its rows, and nothing in it."""
    return len(record) == width + 1 and not record[-1]


def _fit_header(header: Record, rows: list[Record], width: int) -> tuple[str, ...] | None:
    """Fit a header whose width is not that of the rows: row names, or trailing delimiters."""
    if _has_trailing_name(header, width):
        return tuple(header[:-1])
    if len(header) == width - 1 and all(header):
        if all(not row[-1] for row in rows):
            return (*header, "")
        return ("", *header) if _are_row_names([row[0] for row in rows]) else None
    return None


def _are_row_names(cells: list[str]) -> bool:
    """Return whether cells name rows, as R does: they count up, or are texts, none twice.

    Else numbers with decimal commas may have been split.
    """
    if all(cell.isdecimal() for cell in cells):
        return all(int(after) - int(before) == 1 for before, after in pairwise(cells))
    return len(set(cells)) == len(cells) and not all(map(is_value, cells))


def _uncomment(names: Record) -> tuple[str, ...]:
    """Take off the mark with which numpy writes a header as a comment."""
    first, *others = names
    return (first.removeprefix("# ") if others else first, *others)


def _check_preamble(above: list[Record], width: int, *, has_header: bool) -> None:
    """Refuse lines above the rows that look like a header of another width, not like a title."""
    if not above:
        return
    is_comment = all(record[0].startswith(("#", "%")) for record in above)
    are_titles = is_comment or all(_is_title(record, width) for record in above)
    is_title = len(above) <= MAX_PREAMBLE and are_titles
    if not (is_title and (has_header or is_comment or len(above[-1]) == 1)):
        raise TableRagged(
            f"line {len(above)} has {len(above[-1])} fields; most lines have {width}",
            fix="give every line as many fields as the header (quote numbers with decimal commas), "
            "or say skip_rows or quote",
        )


def _is_title(record: Record, width: int) -> bool:
    return len(record) < width or not all(record)


def _warn_of_preamble(above: list[Record], dialect: Dialect, warnings: list[TableWarning]) -> None:
    if above:
        warnings.append(
            warn_of_lines(
                len(above),
                dialect.delimiter.join(above[0]),
                detail=f"lines above the header are no data and were left out: {len(above)}",
                fix="give skip_rows, or header=false if they are rows",
            )
        )


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
    first_line: int,
    warnings: list[TableWarning],
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
    return _trim_rows(body, dialect, odd, width, first_line=first_line)


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
    body: Records, dialect: Dialect, odd: np.ndarray, width: int, *, first_line: int
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
            raise TableRagged(
                f"line {first_line + int(index)} has {body.fields[index]} fields; "
                f"the header has {width}",
                fix="give every line as many fields as the header, quote fields that hold "
                "delimiters, or give skip_rows if the table begins below",
            )
        pieces += [body.data[start : body.ends[index] - 1 - count], b"\n"]
        start = int(body.ends[index])
    pieces.append(body.data[start:])
    ends = body.ends - body.offset - np.cumsum(excess)
    return Records(b"".join(pieces), ends, np.full(len(ends), width))
