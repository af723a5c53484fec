"""Decodes a CSV: its encoding, delimiter and header; checks that every row fits the header."""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from lowloss.errors import TableEmpty, TableRagged, TableUnreadable
from lowloss.tables.cells import DELIMITERS
from service.tables.options import ParseOptions
from service.tables.table import check_names

SAMPLE_BYTES = 256 * 1024
BLOCK_BYTES = 16 * 1024**2
NEWLINE, RETURN = b"\n", b"\r"


@dataclass(frozen=True)
class CsvText:
    """A checked CSV in UTF-8 with `rows` rows, each with as many fields as `names`.

    `has_header` says whether the names are its first line.
    """

    data: bytes
    delimiter: str
    quote: str
    has_header: bool
    names: tuple[str, ...]
    rows: int


def read_text(data: bytes, options: ParseOptions) -> CsvText:
    """Decode a CSV and check its shape; raise a TableInvalid that names the line."""
    data = _to_utf8(data, options.encoding)
    # Old Macintosh and Windows line ends; polars ends lines only at newlines.
    if RETURN in data:
        data = data.replace(b"\r\n", NEWLINE).replace(RETURN, NEWLINE)
    if data.startswith(NEWLINE) or data.endswith(NEWLINE * 2):
        data = data.strip(NEWLINE)
    if not data or data.isspace():
        raise TableEmpty("the file is empty", fix="upload a CSV with a header and rows")
    if b"\0" in data:
        raise TableUnreadable(
            "the file holds NUL bytes: it is not a CSV", fix="give the format that the file has"
        )
    quote = options.quote or _detect_quote(data, options.delimiter)
    delimiter = options.delimiter or _detect_delimiter(data, quote)
    first = _read_first_line(data, delimiter, quote)
    has_header = not _is_data(first) if options.header is None else options.header
    names = first if has_header else tuple(f"column_{i}" for i in range(1, len(first) + 1))
    check_names(list(names), or_else=", or say header=false if line 1 is data")
    data, lines = _check_rows(data, delimiter, quote, len(names))
    rows = lines - has_header
    if rows == 0:
        raise TableEmpty("the table has a header but no rows", fix="upload at least one row")
    return CsvText(data, delimiter, quote, has_header, names, rows)


def _detect_quote(data: bytes, delimiter: str | None) -> str:
    """Return a single quote where it encloses the first line, and all are around fields.

    That is: none has anything but a delimiter or a line's end on both sides, and the first line has
    no double quote.
    """
    sample = _sample(data)
    line = sample.split(NEWLINE, 1)[0].strip()
    if len(line) < 2 or not line[:1] == line[-1:] == b"'" or b'"' in line:
        return '"'
    outside = re.escape("".join(DELIMITERS) + (delimiter or "") + "\n")
    apostrophe = re.compile(f"[^{outside}]'[^{outside}]".encode())
    return '"' if apostrophe.search(sample.replace(b"''", b"")) else "'"


def _sample(data: bytes) -> bytes:
    """Return the first lines, whole as far as they can be."""
    sample = data[:SAMPLE_BYTES]
    if len(data) > SAMPLE_BYTES:
        sample = sample[: sample.rfind(NEWLINE) + 1] or sample
    return sample


def _to_utf8(data: bytes, encoding: str | None) -> bytes:
    if encoding is None:
        if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
            encoding = "utf-16"
        elif data.isascii() or _decodes(data, "utf-8"):
            return data.removeprefix(codecs.BOM_UTF8)
        else:
            encoding = "cp1252" if _decodes(data, "cp1252") else "latin-1"
    try:
        return data.decode(encoding).removeprefix("\ufeff").encode()
    except (ValueError, LookupError) as error:
        raise TableUnreadable(
            f"the file is not text in {encoding}: {error}",
            field="encoding",
            fix="name its encoding",
        ) from error


def _decodes(data: bytes, encoding: str) -> bool:
    """Return whether all is text in an encoding; a block at a time, as text is larger."""
    decoder = codecs.getincrementaldecoder(encoding)()
    try:
        for start in range(0, len(data), BLOCK_BYTES):
            decoder.decode(data[start : start + BLOCK_BYTES])
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return False
    return True


def _detect_delimiter(data: bytes, quote: str) -> str:
    """Return the delimiter that splits the first lines into the most fields, alike on every line.

    One that leaves nothing but numbers is preferred: `1,5;2,5` are two.
    """
    sample = _sample(data)
    best, best_rank = ",", (False, 1)
    for delimiter in DELIMITERS:
        records = [row for row in _read_records(sample, delimiter, quote) if row][:200]
        if not records or len(records[0]) == 1:
            continue
        counts = [len(row) for row in records]
        rank = _is_data(records[0]), counts[0]
        # A few ragged rows are reported later, by their lines.
        if rank > best_rank and counts.count(counts[0]) > len(counts) / 2:
            best, best_rank = delimiter, rank
    return best


def _read_records(data: bytes, delimiter: str, quote: str) -> list[list[str]]:
    text = io.StringIO(data.decode("utf-8", errors="replace"), newline="")
    try:
        return list(csv.reader(text, delimiter=delimiter, quotechar=quote))
    except csv.Error:
        return []


def _read_first_line(data: bytes, delimiter: str, quote: str) -> tuple[str, ...]:
    text = io.StringIO(data[:SAMPLE_BYTES].decode("utf-8", errors="replace"), newline="")
    try:
        first = next(csv.reader(text, delimiter=delimiter, quotechar=quote))
    except (csv.Error, StopIteration) as error:
        raise TableUnreadable(f"the header cannot be read: {error}", fix="check line 1") from error
    return tuple(name.strip() for name in first)


def _is_data(first: Sequence[str]) -> bool:
    """Return whether the first line is no header: all numbers, but not all whole (years, say)."""
    return all(map(_is_number, first)) and not all(name.isdigit() for name in first)


def _is_number(text: str) -> bool:
    try:
        float(text.replace(",", "."))
    except ValueError:
        return False
    return True


def _check_rows(data: bytes, delimiter: str, quote: str, columns: int) -> tuple[bytes, int]:
    """Return the data without blank lines, and how many rows it has, the header among them."""
    is_quoted = quote.encode() in data
    if columns > 1 and b"\n\n" in data and not is_quoted:
        data = NEWLINE.join(line for line in data.split(NEWLINE) if line)
    if is_quoted:
        return data, _count_quoted(data, delimiter, quote, columns)
    return data, _count_plain(data, delimiter, columns)


def _count_plain(data: bytes, delimiter: str, columns: int) -> int:
    """Count the rows of a CSV without quotes, block by block; raise TableRagged."""
    line = start = 0
    while start < len(data):
        stop = data.find(NEWLINE, start + BLOCK_BYTES)
        stop = len(data) if stop < 0 else stop + 1
        block = np.frombuffer(data, dtype=np.uint8, count=stop - start, offset=start)
        ends = np.flatnonzero(block == NEWLINE[0])
        if stop == len(data) and block[-1] != NEWLINE[0]:
            ends = np.append(ends, len(block))
        marks = np.flatnonzero(block == ord(delimiter))
        fields = np.diff(np.searchsorted(marks, ends), prepend=0) + 1
        ragged = np.flatnonzero(fields != columns)
        if ragged.size:
            raise _make_ragged(line + int(ragged[0]) + 1, int(fields[ragged[0]]), columns)
        line += len(ends)
        start = stop
    return line


def _count_quoted(data: bytes, delimiter: str, quote: str, columns: int) -> int:
    """Count the rows of a CSV with quoted fields, which may contain delimiters and line ends."""
    text = io.TextIOWrapper(io.BytesIO(data), encoding="utf-8", errors="replace", newline="")
    reader = csv.reader(text, delimiter=delimiter, quotechar=quote, strict=True)
    rows = 0
    try:
        for record in reader:
            if len(record) != columns and not (columns > 1 and not record):
                raise _make_ragged(reader.line_num, len(record), columns)
            rows += bool(record) or columns == 1
    except csv.Error as error:
        raise TableUnreadable(
            f"line {reader.line_num} cannot be read: {error}", fix="check its quotes"
        ) from error
    return rows


def _make_ragged(line: int, fields: int, columns: int) -> TableRagged:
    return TableRagged(
        f"line {line} has {fields} fields; the header has {columns}",
        fix="give every line as many fields as the header, and quote fields that hold delimiters",
    )
