"""Reads lines of names with their values, as logs have them: `10:30:05 INFO took=35 n=2`."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator

from lowloss.results import TableWarning
from lowloss.tables.dialect import take_sample

QUOTED = r'"[^"\\]*(?:\\.[^"\\]*)*"'
NAME = r"[A-Za-z_][\w.-]{0,60}"
MARKS = tuple(
    re.compile(rf"(?<![^\s,;({{\[])({NAME}){mark}|{QUOTED}") for mark in (r"\s?=\s?(?!=)", r":\s")
)
"""What stands between names and values: `took=35`, `took = 35`; where no line has it, `took: 35`.
Quoted texts are passed over."""
CLOCK = r"\d{1,2}:\d\d(?::\d\d(?:[.,]\d{1,9})?)?"
PLAIN_NAME, PLAIN_VALUE = r"[A-Za-z_][\w.-]*", rf'(?:{QUOTED}|[^\s",;]*)'
PLAIN = re.compile(rf"({PLAIN_NAME})=({PLAIN_VALUE})")
PLAIN_LINE = re.compile(rf"(?:{PLAIN_NAME}={PLAIN_VALUE}(?:[\s,;]+|$)){{2,}}")
"""A line without anything else, as most are: it is read at once."""
STAMP = re.compile(
    rf"\[?(\d{{4}}[-/]\d\d[-/]\d\d(?:[T ]{CLOCK}\s?(?:Z|UTC|[+-]\d\d:?\d\d)?)?"
    rf"|\d{{1,2}}[./-]\d{{1,2}}[./-]\d{{2,4}}[ T]{CLOCK}"
    rf"|[A-Z][a-z]{{2}} [ \d]\d {CLOCK}|{CLOCK})\]?(?=[\s,;:]|$)"
)
LEVEL = re.compile(
    r"[\[(<]?(TRACE|DEBUG|INFO|NOTICE|WARN(?:ING)?|ERROR|FATAL|CRITICAL|SEVERE)[\])>]?(?=[\s:,|]|$)",
    re.IGNORECASE,
)
FRONT = ("timestamp", "level", "prefix")
"""The columns of what stands in front of the first name."""
NO_FRONT = ("", "", "")
SEPARATORS = " \t,;:->"
OTHER_DELIMITERS = "\t|;"
"""What splits tables whose last column has such texts, as of GFF."""
CLOSING = {"{": "}", "(": ")", "[": "]"}


Line = tuple[tuple[str, ...], dict[str, str]]
"""What stands in front of the first name, as `FRONT`, and the values by their names."""


def read_pairs(data: bytes, warnings: list[TableWarning]) -> bytes | None:
    """Return lines of names with values as a CSV with these names; None where a line is none."""
    mark = next((m for m in MARKS if _read_lines(take_sample(data), m) is not None), None)
    lines = _read_lines(data, mark) if mark else None
    if lines is None:
        return None
    names = list(dict.fromkeys(name for _, values in lines for name in values))
    fronts = {front for front, _ in lines}
    shown = [position for position in range(len(FRONT)) if any(front[position] for front in fronts)]
    titles = [FRONT[p] if FRONT[p] not in names else f"log_{FRONT[p]}" for p in shown]
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([*titles, *names])
    writer.writerows(
        [*map(front.__getitem__, shown), *(values.get(name, "") for name in names)]
        for front, values in lines
    )
    warnings.append(_warn(data, len(lines), titles, len(names)))
    return text.getvalue().encode()


def _warn(data: bytes, count: int, titles: list[str], names: int) -> TableWarning:
    detail = f"lines of names with values (name=value) were read as {names} columns of these names"
    if titles:
        detail += f", what stands before them as {' and '.join(map(repr, titles))}"
    return TableWarning(
        code="names_in_lines",
        count=count,
        example=next(_to_lines(data)),
        detail=detail,
        fix="give delimiter if the lines are to be split otherwise",
    )


def _read_lines(data: bytes, mark: re.Pattern[str]) -> list[Line] | None:
    """Return what all lines hold; None where one has no names with values."""
    lines: list[Line] = []
    for text in _to_lines(data):
        line = _read_line(text, mark)
        if line is None:
            return None
        lines.append(line)
    return lines or None


def _read_line(text: str, mark: re.Pattern[str]) -> Line | None:
    """Return the values of a line: two of different names, or one behind a time."""
    if PLAIN_LINE.fullmatch(text):
        pairs = PLAIN.findall(text)
        plain = {name: _unquote(value) for name, value in pairs}
        return (NO_FRONT, plain) if len(plain) == len(pairs) else None
    matches = [match for match in mark.finditer(text) if match.lastindex]
    if not matches:
        return None
    before = text[: matches[0].start()]
    front = _split_front(before) if before else NO_FRONT
    if len(matches) < 2 and not front[0]:
        return None
    if any(delimiter in before for delimiter in OTHER_DELIMITERS):
        return None
    end = len(text)
    if (closing := CLOSING.get(before.rstrip()[-1:])) is not None and text.endswith(closing):
        end -= 1
    starts = [match.start() for match in matches[1:]]
    values = {
        match[1]: _unquote(text[match.end() : stop].strip(" \t,;"))
        for match, stop in zip(matches, [*starts, end], strict=True)
    }
    return (front, values) if len(values) == len(matches) else None


def _split_front(before: str) -> tuple[str, ...]:
    """Split what stands in front of the names: the time, the level, and what is left."""
    rest = before.strip(SEPARATORS)
    parts: list[str] = []
    for pattern in (STAMP, LEVEL):
        match = pattern.match(rest)
        parts.append(match[1].strip() if match else "")
        rest = rest[match.end() :].strip(SEPARATORS) if match else rest
    return (*parts, rest.rstrip("({[").strip(SEPARATORS))


def _to_lines(data: bytes) -> Iterator[str]:
    text = data.decode("utf-8", "replace")
    return (stripped for line in text.split("\n") if (stripped := line.strip()))


def _unquote(value: str) -> str:
    if not (len(value) > 1 and value.startswith('"') and value.endswith('"')):
        return value
    return re.sub(r"\\(.)", r"\1", value[1:-1])
