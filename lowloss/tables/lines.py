"""Takes lines out of a CSV, and quotes off whole lines, before it is split into fields."""

from __future__ import annotations

import re

from lowloss.errors import TableRagged
from lowloss.results import TableWarning
from lowloss.results.datasets import MAX_EXAMPLE
from lowloss.tables.dialect import DELIMITERS, split_sample, take_sample
from lowloss.tables.options import ParseOptions
from lowloss.tables.values import are_mostly_values, is_value

RULER = re.compile(rb"[ |+:]*--[-=+|: ]*")
"""A line drawn of hyphens under a header; each character fits in one way."""
FRAME = re.compile(rb"(?m)^\+[-=+]+\+[ \t]*(?:\n|\Z)")
"""A line of the frame that database clients draw around a table."""
FRAME_START = re.compile(FRAME.pattern + rb"\|")
SAP_START = re.compile(rb"(?m)^-{10,}[ \t]*\n\|[^\n]*\|[ \t]*\n-{10,}[ \t]*\n\|")
SAP_LINE = re.compile(rb"(?m)^-{10,}[ \t]*(?:\n|\Z)")
"""Such a line as SAP draws it in its lists."""
TITLE_BYTES = 4096
"""Where a frame begins, as a title may stand above it."""
WRAPPED = re.compile(rb'"((?:[^"\n]|"")*)"[,;\t]*')
"""A line in quotes as a whole, with delimiters of empty columns behind it."""
MIN_WRAPPED = 2
COMMENTS, MAX_COMMENTS = (b"#", b"%"), 200
"""What comments above the rows begin with, and how many there may be."""
FIELDS = re.compile(rb"#\s?fields:?[ \t]+([^\n]+)\n", re.IGNORECASE)
"""The comment in which logs of the W3C's format, as of IIS, and of Zeek name their columns."""
COMMENT_LINE = re.compile(rb"(?m)^#[^\n]*(?:\n|\Z)")
LOGGER = re.compile(rb'"?TOA5"?,[^\n]*\n(?="?TIMESTAMP"?,)')
"""The first line of a file of a data logger, above the names: which one wrote it."""


def drop_frame(data: bytes, warnings: list[TableWarning]) -> bytes:
    """Drop the horizontal lines of a frame around the table, below a title or not."""
    if FRAME_START.search(data, 0, TITLE_BYTES):
        data, count = FRAME.subn(b"", data)
    elif SAP_START.search(data, 0, TITLE_BYTES):
        data, count = SAP_LINE.subn(b"", data)
    else:
        return data
    detail = f"lines of a drawn frame are no data and were left out: {count:,}"
    warnings.append(warn_of_lines(count, "+---+", detail=detail, fix="export the table as CSV"))
    return data


def drop_comments_above(data: bytes, warnings: list[TableWarning]) -> bytes:
    """Drop comments above rows that blanks split; the last one may have their names, as of numpy.

    Its mark is taken off: it would be a field.
    """
    end = 0
    comments: list[bytes] = []
    while data.startswith(COMMENTS, end) and len(comments) < MAX_COMMENTS:
        start, end = end, data.find(b"\n", end) + 1 or len(data)
        comments.append(data[start:end])
    if with_names := _name_fields(comments, data, end, warnings):
        return with_names
    row = data[end : data.find(b"\n", end) + 1].decode("utf-8", "replace").split()
    is_split = any(mark.encode() in data[end : end + TITLE_BYTES] for mark in DELIMITERS)
    if not comments or is_split or len(row) < 2 or not are_mostly_values(row):
        return data
    positions = [position for position in (-1, -2) if _may_name(comments[position:][:1], len(row))]
    # Units below the names come again.
    position = (
        positions[-1] if positions and len(set(_split_comment(comments[-1]))) < len(row) else -1
    )
    last, has_names = comments[position].lstrip(b"#% "), position in positions
    if dropped := [c for c in comments if not has_names or c is not comments[position]]:
        detail = f"comments above the rows are no data and were left out: {len(dropped)}"
        example = dropped[0].decode("utf-8", "replace").strip()
        fix = "write the names of the columns into the last of them if they are missing"
        warnings.append(warn_of_lines(len(dropped), example, detail=detail, fix=fix))
    return (last if has_names else b"") + data[end:]


def _name_fields(
    comments: list[bytes], data: bytes, start: int, warnings: list[TableWarning]
) -> bytes | None:
    """Return the rows from `start` on, below the names that a comment above has for all fields.

    None where no comment has. A server that starts again writes its comments again: they are left
    out; raise TableRagged where they name other fields.
    """
    match = next(filter(None, map(FIELDS.fullmatch, comments)), None)
    if match is None:
        return None
    end = data.find(b"\n", start)
    first = data[start : end if end >= 0 else None]
    names, mark = match[1].split(), b"\t" if b"\t" in first else b" "
    if len(names) != len(first.split(mark)):
        return None
    # A view: a log may be large, and is copied once.
    rows: bytes | memoryview = memoryview(data)[start:]
    again = [line[0] for line in COMMENT_LINE.finditer(data, start)]
    for comment in again:
        if (other := FIELDS.fullmatch(comment)) and other[1].split() != names:
            example = comment.decode("utf-8", "replace").strip()[:MAX_EXAMPLE]
            detail = f"a comment between rows names other fields than that above: {example!r}"
            raise TableRagged(detail, fix="split the file at this line")
    rows = COMMENT_LINE.sub(b"", rows) if again else rows
    comments = comments + again
    if others := [comment for comment in comments if comment != match[0]]:
        detail = f"comments beside the rows are no data and were left out: {len(others)}"
        example, fix = others[0].decode("utf-8", "replace").strip(), "take them out of the file"
        warnings.append(warn_of_lines(len(others), example, detail=detail, fix=fix))
    return b"".join((mark.join(names), b"\n", rows))


def _split_comment(line: bytes) -> list[str]:
    return line.lstrip(b"#% ").decode("utf-8", "replace").split()


def _may_name(comments: list[bytes], width: int) -> bool:
    """Return whether a comment, if there is one, has the names of columns."""
    names = [name for comment in comments for name in _split_comment(comment)]
    return len(names) == width and not any(map(is_value, names))


def drop_logger(data: bytes, warnings: list[TableWarning]) -> bytes:
    """Drop the line above the header that names a data logger and its program."""
    match = LOGGER.match(data)
    if match is None:
        return data
    warnings.append(
        TableWarning(
            code="lines_skipped",
            count=1,
            example=match[0].decode("utf-8", "replace").strip(),
            detail="the line above the header names a data logger and was left out",
            fix="take it out of the file",
        )
    )
    return data[match.end() :]


def cut_ruler(data: bytes) -> tuple[bytes, bytes]:
    """Return the second line if it is a ruler with more lines below it, and the other lines."""
    start = data.find(b"\n") + 1
    end = data.find(b"\n", start) + 1
    if not start or not 0 < end < len(data) or not RULER.fullmatch(data, start, end - 1):
        return b"", data
    return data[start : end - 1], data[:start] + data[end:]


def make_ruler_warning(ruler: bytes) -> TableWarning:
    """Say that a line drawn of hyphens was left out."""
    return warn_of_lines(
        1,
        ruler.decode(),
        detail="a line of hyphens below the header is no data and was left out",
        fix="take it out of the file",
    )


def warn_of_lines(count: int, example: str, *, detail: str, fix: str) -> TableWarning:
    """Say that lines were left out, such as `example`."""
    detail += f" ({example[:MAX_EXAMPLE]!r})"
    return TableWarning(code="lines_skipped", count=count, example=example, detail=detail, fix=fix)


def drop_lines(data: bytes, options: ParseOptions) -> bytes:
    """Drop the lines that the uploader says are none of the table."""
    data = skip_lines(data, options.skip_rows or 0)
    if options.comment:
        data = re.sub(rb"(?m)^" + re.escape(options.comment.encode()) + rb".*\n?", b"", data)
    return data


def skip_lines(data: bytes, count: int) -> bytes:
    """Return what follows after the first lines."""
    end = 0
    for _ in range(count):
        end = data.find(b"\n", end) + 1
        if not end:
            return b""
    return data[end:]


def unwrap_lines(data: bytes, warnings: list[TableWarning]) -> bytes:
    """Take off the quotes around all lines, as spreadsheets save a table pasted into one column."""
    sample = [line for line in take_sample(data).split(b"\n") if line]
    if len(sample) < MIN_WRAPPED or not all(map(WRAPPED.fullmatch, sample)):
        return data
    text = b"\n".join(map(_unwrap, sample)).decode("utf-8", "replace")
    splits = [split_sample(text, delimiter, '"') for delimiter in DELIMITERS]
    if not any(split.width > 1 and split.share == 1.0 for split in splits):
        return data
    lines = data.removesuffix(b"\n").split(b"\n")
    if not all(WRAPPED.fullmatch(line) for line in lines if line):
        return data
    warnings.append(
        TableWarning(
            code="lines_unwrapped",
            count=len(lines),
            example=sample[0].decode("utf-8", "replace"),
            detail="each line is in quotes as a whole: they were taken off, and the lines split",
            fix="save the file without quotes around its lines, or give quote if they are texts",
        )
    )
    return b"\n".join(map(_unwrap, lines)) + b"\n"


def _unwrap(line: bytes) -> bytes:
    match = WRAPPED.fullmatch(line)
    return match[1].replace(b'""', b'"') if match else line
