"""Counts the fields of a CSV's records, and rewrites what polars would read otherwise."""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lowloss.errors import TableUnreadable
from lowloss.tables.dialect import BLANKS, split_blanks, take_sample

BLOCK_BYTES = 16 * 1024**2
NEWLINE = b"\n"
SENTINEL = "\ue000"
"""A record after the last: where it is missing, an open quote has swallowed it."""

Offsets = NDArray[np.int64]


@dataclass(frozen=True)
class Records:
    """The records of a CSV: where each ends in `data`, its newline included, and its fields.

    The first starts at `offset`. Every quote in `data` encloses a field, and is doubled within.
    """

    data: bytes
    ends: Offsets
    fields: Offsets
    offset: int = 0

    @property
    def starts(self) -> Offsets:
        """Where each record starts."""
        return np.concatenate([[self.offset], self.ends[:-1]]).astype(np.int64)

    def text(self, index: int) -> str:
        """Return a record's text."""
        start = int(self.ends[index - 1]) if index else self.offset
        return self.data[start : int(self.ends[index])].decode("utf-8", "replace").rstrip("\n")

    def skip(self, count: int) -> Records:
        """Return the records after the first ones, in the same data."""
        if not count:
            return self
        return Records(self.data, self.ends[count:], self.fields[count:], int(self.ends[count - 1]))

    def drop(self, indices: list[int]) -> Records:
        """Return the records without some of them."""
        is_row = np.ones(len(self.ends), dtype=bool)
        is_row[indices] = False
        return self.select(is_row)

    def select(self, is_row: NDArray[np.bool_]) -> Records:
        """Return some of the records, with data of their own."""
        if is_row.all():
            return self
        # Runs of neighbours are copied at once.
        edges = np.flatnonzero(np.diff(is_row.astype(np.int8), prepend=0, append=0))
        starts, view = self.starts, memoryview(self.data)
        pieces = [
            view[starts[first] : self.ends[last - 1]]
            for first, last in zip(edges[::2], edges[1::2], strict=True)
        ]
        lengths = (self.ends - starts)[is_row]
        return Records(b"".join(pieces), np.cumsum(lengths), self.fields[is_row])


def split_records(data: bytes, delimiter: str, quote: str) -> Records:
    """Find the records of a CSV; one whose quotes are irregular is rewritten first.

    Raise TableUnreadable for a quote that nothing closes. `BLANKS` become tabs.
    """
    if not data.endswith(NEWLINE):
        data += NEWLINE
    if delimiter == BLANKS:
        data, delimiter = _join_blanks(data), "\t"
    if quote.encode() in data and not _is_regular(data, delimiter, quote):
        data = _rewrite(data, delimiter, quote)
    return _count(data, delimiter, quote)


def _count(data: bytes, delimiter: str, quote: str) -> Records:
    """Count the fields of each record, block by block."""
    is_quoted = quote.encode() in data
    ends: list[Offsets] = []
    fields: list[Offsets] = []
    start = open_fields = 0
    is_open = False
    while start < len(data):
        stop = min(len(data), start + BLOCK_BYTES)
        block = np.frombuffer(data, dtype=np.uint8, count=stop - start, offset=start)
        newlines = np.flatnonzero(block == NEWLINE[0])
        marks = np.flatnonzero(block == ord(delimiter))
        if is_quoted:
            quotes = np.flatnonzero(block == ord(quote))
            newlines, marks = (_outside(places, quotes, is_open) for places in (newlines, marks))
            is_open ^= bool(len(quotes) % 2)
        counts = np.diff(np.searchsorted(marks, newlines), prepend=0)
        if len(counts):
            counts[0] += open_fields
            open_fields = 0
        open_fields += len(marks) - int(np.searchsorted(marks, newlines[-1:]).sum())
        ends.append(newlines + start + 1)
        fields.append(counts + 1)
        start = stop
    return Records(data, np.concatenate(ends), np.concatenate(fields))


def _outside(places: Offsets, quotes: Offsets, is_open: bool) -> Offsets:
    """Return the places outside of quotes, of which one may be open at the start."""
    outside: Offsets = places[np.searchsorted(quotes, places) % 2 == int(is_open)]
    return outside


def _is_regular(data: bytes, delimiter: str, quote: str) -> bool:
    """Return whether each quote encloses a field or is doubled within one."""
    code = np.frombuffer(data, dtype=np.uint8)
    places = np.concatenate(
        [
            np.flatnonzero(code[start : start + BLOCK_BYTES] == ord(quote)) + start
            for start in range(0, len(data), BLOCK_BYTES)
        ]
    )
    if len(places) % 2:
        return False
    borders = np.array([ord(delimiter), NEWLINE[0], ord(quote)], dtype=np.uint8)
    opening = places[::2]
    before = code[opening[opening > 0] - 1]
    after = code[places[1::2] + 1]
    return bool(np.isin(before, borders).all() and np.isin(after, borders).all())


def _join_blanks(data: bytes) -> bytes:
    """Write lines that are split by runs of blanks with tabs."""
    if b'"' not in data and b"[" not in data:
        # Joined first: to look for the end of a line in each blank of a run is quadratic.
        data = re.sub(rb"[ \t]+", b"\t", data)
        return re.sub(rb"(?m)^\t|\t$", b"", data)
    text = io.StringIO()
    writer = csv.writer(text, delimiter="\t", lineterminator="\n")
    writer.writerows(map(split_blanks, data.decode().split("\n")[:-1]))
    return text.getvalue().encode()


def _rewrite(data: bytes, delimiter: str, quote: str) -> bytes:
    """Write a CSV anew with regular quotes, read in the dialect that fits its first lines."""
    dialect = _detect_dialect(data, delimiter, quote)
    if dialect.get("escapechar"):
        # An escaped N is a null, not the letter, as MySQL writes it.
        border = re.escape(delimiter).encode()
        null = rb"(?m)(?:(?<=" + border + rb")|^)\\N(?=" + border + rb"|$)"
        data = re.sub(null, b"", data)
    lines = io.TextIOWrapper(io.BytesIO(data + SENTINEL.encode()), "utf-8", newline="")
    read: list[str] = []
    reader = csv.reader(_note(lines, read), delimiter=delimiter, quotechar=quote, **dialect)
    output = io.StringIO()
    writer = csv.writer(output, delimiter=delimiter, quotechar=quote, lineterminator="\n")
    line, last_line = 1, 0
    previous: list[str] | None = None
    try:
        for record in reader:
            if previous is not None:
                writer.writerow(previous)
                line = last_line + 1
            if len(read) > 1 and record != [SENTINEL]:
                _check_is_closed(
                    read, line=last_line + 1, delimiter=delimiter, quote=quote, **dialect
                )
            read.clear()
            previous, last_line = record, reader.line_num
    except csv.Error as error:
        raise TableUnreadable(
            f"line {reader.line_num} cannot be read: {error}", fix="check its quotes"
        ) from error
    if previous != [SENTINEL]:
        raise _unclosed(line)
    return output.getvalue().encode()


def _note(lines: Iterable[str], read: list[str]) -> Iterator[str]:
    """Yield lines, and note them."""
    for line in lines:
        read.append(line)
        yield line


def _check_is_closed(lines: list[str], *, line: int, **dialect: Any) -> None:
    """Refuse a record of several lines whose quotes are irregular: one is likelier not closed."""
    quote = dialect.pop("quote")
    try:
        list(csv.reader(lines, quotechar=quote, strict=True, **dialect))
    except csv.Error as error:
        raise _unclosed(line) from error


def _unclosed(line: int) -> TableUnreadable:
    return TableUnreadable(
        f"line {line} cannot be read: a quote in it is not closed", fix="check its quotes"
    )


def _detect_dialect(data: bytes, delimiter: str, quote: str) -> dict[str, Any]:
    """Return how quotes are used: after a blank, escaped by a backslash, or doubled."""
    sample = take_sample(data)
    backslash: dict[str, Any] = {"escapechar": "\\", "doublequote": False}
    dialects: list[dict[str, Any]] = [{"skipinitialspace": True}, {}, backslash]
    if b"\\" + quote.encode() in sample:
        dialects.insert(0, dialects.pop())
    if not re.search(re.escape(delimiter).encode() + rb" +" + quote.encode(), sample):
        dialects.remove({"skipinitialspace": True})
    return max(dialects, key=lambda dialect: _count_alike(sample, delimiter, quote, dialect))


def _count_alike(sample: bytes, delimiter: str, quote: str, dialect: dict[str, Any]) -> int:
    """Return how many records have the commonest number of fields."""
    lines = io.StringIO(sample.decode("utf-8", "replace"), newline="")
    counts: Counter[int] = Counter()
    try:
        for record in csv.reader(lines, delimiter=delimiter, quotechar=quote, **dialect):
            counts[len(record)] += 1
    except csv.Error:
        return 0
    return max(counts.values(), default=0)
