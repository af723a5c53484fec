"""Reads lines of names with their values, as logs have them: `level=info took=35ms`."""

from __future__ import annotations

import csv
import io
import re

from lowloss.results import TableWarning
from lowloss.tables.dialect import take_sample

VALUE = r'(?:"(?:[^"\\]|\\.)*"|[^\s",;]*)'
PAIR = re.compile(rf"([A-Za-z_][\w.-]*)=({VALUE})")
LINE = re.compile(rf"(?:[A-Za-z_][\w.-]*={VALUE}(?:[\s,;]+|$)){{2,}}")
"""A line of two pairs or more, between blanks, commas or semicolons."""


def read_pairs(data: bytes, warnings: list[TableWarning]) -> bytes | None:
    """Return lines of names with values as a CSV with these names; None where a line is none."""
    if not all(map(LINE.fullmatch, _to_lines(take_sample(data)))):
        return None
    lines = _to_lines(data)
    rows: list[dict[str, str]] = []
    for line in lines:
        pairs = PAIR.findall(line) if LINE.fullmatch(line) else []
        row = {name: _unquote(value) for name, value in pairs}
        if not pairs or len(row) < len(pairs):
            return None
        rows.append(row)
    names = list(dict.fromkeys(name for row in rows for name in row))
    text = io.StringIO()
    writer = csv.DictWriter(text, names, restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    warnings.append(
        TableWarning(
            code="names_in_lines",
            count=len(lines),
            example=lines[0],
            detail=f"lines of names with values (name=value) were read as {len(names)} columns "
            "of these names",
            fix="give delimiter if the lines are to be split otherwise",
        )
    )
    return text.getvalue().encode()


def _to_lines(data: bytes) -> list[str]:
    text = data.decode("utf-8", "replace")
    return [stripped for line in text.split("\n") if (stripped := line.strip())]


def _unquote(value: str) -> str:
    if not value.startswith('"'):
        return value
    return re.sub(r"\\(.)", r"\1", value[1:-1])
