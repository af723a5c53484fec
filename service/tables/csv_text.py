"""The text of a CSV: its encoding, delimiter, header, and whether every row fits the header."""

from __future__ import annotations

import codecs
import csv
import io
from dataclasses import dataclass

import numpy as np

from lowloss.errors import TableEmpty, TableRagged, TableUnreadable
from service.tables.options import ParseOptions
from service.tables.table import check_names

DELIMITERS = (",", ";", "\t", "|")
SAMPLE_BYTES = 256 * 1024
BLOCK_BYTES = 16 * 1024**2
NEWLINE, RETURN, QUOTE = b"\n", b"\r", b'"'


@dataclass(frozen=True)
class CsvText:
    """A checked CSV in UTF-8: `rows` rows under a header, each with as many fields as it."""

    data: bytes
    delimiter: str
    header: tuple[str, ...]
    rows: int


def read_text(data: bytes, options: ParseOptions) -> CsvText:
    """Decode a CSV and check its shape; the problem names the line."""
    data = _as_utf8(data, options.encoding)
    # Old Macintosh and Windows line ends; polars ends lines at newlines alone.
    data = data.replace(b"\r\n", NEWLINE).replace(RETURN, NEWLINE).strip(NEWLINE)
    if not data.strip():
        raise TableEmpty("the file is empty", fix="upload a CSV with a header and rows")
    if b"\0" in data:
        raise TableUnreadable(
            "the file holds NUL bytes: it is not a CSV", fix="give the format that the file has"
        )
    delimiter = options.delimiter or _detect_delimiter(data)
    header = _header(data, delimiter)
    check_names(list(header))
    data, rows = _check_rows(data, delimiter, len(header))
    if rows == 0:
        raise TableEmpty("the table has a header but no rows", fix="upload at least one row")
    return CsvText(data, delimiter, header, rows)


def _as_utf8(data: bytes, encoding: str | None) -> bytes:
    if encoding is None:
        if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
            encoding = "utf-16"
        elif _is_utf8(data):
            return data.removeprefix(codecs.BOM_UTF8)
        else:
            encoding = "cp1252" if _decodes(data, "cp1252") else "latin-1"
    try:
        return data.decode(encoding).removeprefix("\ufeff").encode()
    except (UnicodeError, LookupError) as error:
        raise TableUnreadable(
            f"the file is not text in {encoding}: {error}",
            field="encoding",
            fix="name its encoding",
        ) from error


def _is_utf8(data: bytes) -> bool:
    return _decodes(data, "utf-8")


def _decodes(data: bytes, encoding: str) -> bool:
    try:
        data.decode(encoding)
    except UnicodeDecodeError:
        return False
    return True


def _detect_delimiter(data: bytes) -> str:
    """The delimiter that splits the first lines into the most fields, alike on every line."""
    sample = data[:SAMPLE_BYTES]
    if len(data) > SAMPLE_BYTES:
        sample = sample[: sample.rfind(NEWLINE) + 1] or sample
    best, most = ",", 1
    for delimiter in DELIMITERS:
        counts = [len(row) for row in _records(sample, delimiter) if row][:200]
        if not counts or counts[0] <= most:
            continue
        # The odd ragged row is told of later, by its line.
        if counts.count(counts[0]) > len(counts) / 2:
            best, most = delimiter, counts[0]
    return best


def _records(data: bytes, delimiter: str) -> list[list[str]]:
    text = io.StringIO(data.decode("utf-8", errors="replace"), newline="")
    try:
        return list(csv.reader(text, delimiter=delimiter))
    except csv.Error:
        return []


def _header(data: bytes, delimiter: str) -> tuple[str, ...]:
    text = io.StringIO(data[:SAMPLE_BYTES].decode("utf-8", errors="replace"), newline="")
    try:
        header = next(csv.reader(text, delimiter=delimiter))
    except (csv.Error, StopIteration) as error:
        raise TableUnreadable(f"the header cannot be read: {error}", fix="check line 1") from error
    names = tuple(name.strip() for name in header)
    if all(_is_number(name) for name in names) and not all(name.isdigit() for name in names):
        raise TableUnreadable(
            f"the first line is all numbers ({', '.join(names[:3])}…): it is data, not a header",
            fix="put a line with the columns' names on top",
        )
    return names


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _check_rows(data: bytes, delimiter: str, columns: int) -> tuple[bytes, int]:
    """The data without blank lines, and the number of rows below the header."""
    if columns > 1 and b"\n\n" in data and QUOTE not in data:
        data = NEWLINE.join(line for line in data.split(NEWLINE) if line)
    if QUOTE in data:
        return data, _count_quoted(data, delimiter, columns)
    return data, _count_plain(data, delimiter, columns)


def _count_plain(data: bytes, delimiter: str, columns: int) -> int:
    """Count the rows of a CSV without quotes, a block at a time; TableRagged."""
    line = start = 0
    while start < len(data):
        stop = data.find(NEWLINE, start + BLOCK_BYTES)
        stop = len(data) if stop < 0 else stop + 1
        block = np.frombuffer(data, dtype=np.uint8, count=stop - start, offset=start)
        ends = np.flatnonzero(block == NEWLINE[0])
        if stop == len(data):
            ends = np.append(ends, len(block))
        marks = np.flatnonzero(block == ord(delimiter))
        fields = np.diff(np.searchsorted(marks, ends), prepend=0) + 1
        wrong = np.flatnonzero(fields != columns)
        if wrong.size:
            raise _ragged(line + int(wrong[0]) + 1, int(fields[wrong[0]]), columns)
        line += len(ends)
        start = stop
    return line - 1


def _count_quoted(data: bytes, delimiter: str, columns: int) -> int:
    """Count the rows of a CSV with quoted fields, which may hold delimiters and line ends."""
    text = io.TextIOWrapper(io.BytesIO(data), encoding="utf-8", errors="replace", newline="")
    reader = csv.reader(text, delimiter=delimiter, strict=True)
    rows = 0
    try:
        for record in reader:
            if len(record) != columns and not (columns > 1 and not record):
                raise _ragged(reader.line_num, len(record), columns)
            rows += bool(record) or columns == 1
    except csv.Error as error:
        raise TableUnreadable(
            f"line {reader.line_num} cannot be read: {error}", fix="check its quotes"
        ) from error
    return rows - 1


def _ragged(line: int, fields: int, columns: int) -> TableRagged:
    return TableRagged(
        f"line {line} has {fields} fields; the header has {columns}",
        fix="give every line as many fields as the header, and quote fields that hold delimiters",
    )
