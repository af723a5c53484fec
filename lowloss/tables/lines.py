"""Takes lines out of a CSV, and quotes off whole lines, before it is split into fields."""

from __future__ import annotations

import re

from lowloss.results import TableWarning
from lowloss.tables.dialect import DELIMITERS, split_sample, take_sample
from lowloss.tables.options import ParseOptions

RULER = re.compile(rb"[ |+:]*--[-=+|: ]*")
"""A line drawn of hyphens under a header; each character fits in one way."""
FRAME = re.compile(rb"(?m)^\+[-=+]+\+[ \t]*(?:\n|\Z)")
"""A line of the frame that database clients draw around a table."""
WRAPPED = re.compile(rb'"((?:[^"\n]|"")*)"[,;\t]*')
"""A line in quotes as a whole, with delimiters of empty columns behind it."""
MIN_WRAPPED = 2
LOGGER = re.compile(rb'"?TOA5"?,[^\n]*\n(?="?TIMESTAMP"?,)')
"""The first line of a file of a data logger, above the names: which one wrote it."""


def drop_frame(data: bytes, warnings: list[TableWarning]) -> bytes:
    """Drop the horizontal lines of a frame that begins the file."""
    if not FRAME.match(data):
        return data
    data, count = FRAME.subn(b"", data)
    detail = f"lines of a drawn frame are no data and were left out: {count:,}"
    warnings.append(warn_of_lines(count, "+---+", detail=detail, fix="export the table as CSV"))
    return data


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
