"""Sends a file of rows to be predicted, in parts that the server accepts; no reader is needed.

Only the lines of a text are told apart here. What they mean is the server's to say.
"""

from __future__ import annotations

import bz2
import gzip
import lzma
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from lowloss.client.batches import join_predictions
from lowloss.errors import BodyTooLarge, InvalidRequest, LimitExceeded
from lowloss.results import Predictions
from lowloss.tables.decode import BOMS
from lowloss.tables.dialect import DELIMITERS

PART_ROWS = 5000
WHOLE_BYTES = 8 * 1024**2
"""A file up to this size is sent whole first."""
SAMPLE_LINES = 100
UNPACKERS: dict[bytes, Callable[[bytes], bytes]] = {
    b"\x1f\x8b": gzip.decompress,
    b"BZh": bz2.decompress,
    b"\xfd7zXZ\0": lzma.decompress,
}

Send = Callable[[bytes], Predictions]


def predict_file(path: Path, send: Send) -> Predictions:
    """Predict the rows of a file: whole, or where it is too large in parts with its header."""
    data = path.read_bytes()
    if len(data) <= WHOLE_BYTES:
        try:
            return send(data)
        except (BodyTooLarge, LimitExceeded):
            pass
    header, lines = _split(data, path)
    first, size = _send_first(header, lines, send)
    parts = [first]
    # A file without a header has a row more than lines below its first one.
    prefix = header if len(first.predictions) == size else b""
    if prefix != header and len(first.predictions) != size + header.count(b"\n"):
        raise _make_uneven(path)
    start = size
    while start < len(lines):
        lines_of_part = lines[start : start + size]
        try:
            part = send(prefix + b"".join(lines_of_part))
        except (BodyTooLarge, LimitExceeded):
            if size <= 1:
                raise
            size //= 2
            continue
        start += size
        # Empty rows at the very end are none.
        if len(part.predictions) != len(lines_of_part) and start < len(lines):
            raise _make_uneven(path)
        parts.append(part)
    return join_predictions(parts)


def _make_uneven(path: Path) -> InvalidRequest:
    return InvalidRequest(
        f"{path} is too large to be sent whole, and has lines that are no rows",
        field="rows",
        fix="leave titles, notes and blank lines out, or give it in parts",
    )


def _send_first(header: bytes, lines: list[bytes], send: Send) -> tuple[Predictions, int]:
    """Send the first part, halved until it is accepted, and return how many lines it has."""
    size = min(PART_ROWS, len(lines))
    while True:
        try:
            return send(header + b"".join(lines[:size])), size
        except (BodyTooLarge, LimitExceeded):
            if size <= 1:
                raise
            size //= 2


def _split(data: bytes, path: Path) -> tuple[bytes, list[bytes]]:
    """Split a text into its header, with all above it, and its other lines."""
    for mark, unpack in UNPACKERS.items():
        if data.startswith(mark):
            data = unpack(data)
    for mark, encoding in BOMS:
        if data.startswith(mark):
            data = data.decode(encoding).encode()
            break
    if b"\0" in data[:4096]:
        raise InvalidRequest(
            f"{path} is too large to be sent whole, and no text that can be sent in parts",
            field="rows",
            fix="save it as CSV",
        )
    data = data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    lines = [line for line in _iterate_lines(data) if line.strip()]
    position = _find_header(lines[:SAMPLE_LINES])
    return b"".join(lines[: position + 1]), lines[position + 1 :]


def _iterate_lines(data: bytes) -> list[bytes]:
    """Return the lines with their ends; an open quote goes on in the next one."""
    lines: list[bytes] = []
    is_open = False
    for line in data.splitlines(keepends=True):
        if is_open:
            lines[-1] += line
        else:
            lines.append(line)
        is_open ^= line.count(b'"') % 2 == 1
    if lines and not lines[-1].endswith(b"\n"):
        lines[-1] += b"\n"
    return lines


def _find_header(lines: list[bytes]) -> int:
    """Return the index of the first line with as many delimiters as most have."""
    best, share = 0, 0
    for delimiter in map(str.encode, DELIMITERS):
        counts = [line.count(delimiter) for line in lines]
        count, frequency = Counter(counts).most_common(1)[0] if counts else (0, 0)
        if count and frequency > share:
            best, share = counts.index(count), frequency
    return best
