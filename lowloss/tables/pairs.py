"""Reads lines of names with their values, as logs have them: `10:30:05 INFO took=35 n=2`."""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from lowloss.results import TableWarning
from lowloss.tables.dialect import take_sample
from lowloss.tables.values import is_value
from lowloss.wording import list_first

QUOTED = r'"[^"\\]*(?:\\.[^"\\]*)*"'
NAME = r"[A-Za-z_][\w.-]{0,60}"
EQUALS, COLON = "=", ":"
MARKS = {
    sign: re.compile(rf"(?<![^\s,;({{\[])({NAME}){mark}")
    for sign, mark in ((EQUALS, r"\s?=\s?(?!=)"), (COLON, r":\s"))
}
"""What stands between names and values: `took=35`, `took = 35`; where no line has it, `took: 35`.
"""
QUOTED_OR_OPEN = re.compile(rf'{QUOTED}|".*')
"""A quoted text, or the rest of a line whose last quote is open: each is passed once."""
CLOCK = r"\d{1,2}:\d\d(?::\d\d(?:\.\d{1,9}|,\d{3,9}(?![,;\d]))?)?"
"""A comma stands before a fraction only of three digits or more: others are the next field."""
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
COUNTER = re.compile(rf"({NAME})[\s:#]+(\d+)[\s:,>-]*")
SEPARATORS = " \t,;:->"
OTHER_DELIMITERS = "\t|;"
"""What splits tables whose last column has such texts, as of GFF."""
MAX_FIELDS = 0.5
"""The share of lines that may have a comma or a number in front of their names, as texts have
them: in a table all lines do."""
MAX_NAMES, ADDRESS_POINTS = 1000, 3
RARE, RARE_NAMES, MIN_LINES = 0.05, 0.5, 20
"""The share of lines in which a name is rare, and that of rare names from which on they are none of
columns; of so many lines or more."""
CLOSING = {"{": "}", "(": ")", "[": "]"}


@dataclass(frozen=True)
class Line:
    """What stands in front of the first name, as `FRONT`, and the values by their names.

    It `has_fields` in front where that may be several columns of a table. A `counter` is a word
    and a number, such as `epoch 3`, which are all that is left there.
    """

    front: tuple[str, ...]
    values: dict[str, str]
    has_fields: bool = False
    counter: tuple[str, str] | None = None


def read_pairs(data: bytes, warnings: list[TableWarning]) -> bytes | None:
    """Return lines of names with values as a CSV with these names; None where a line is none.

    So where the names are no columns, as those who speak in a chat.
    """
    sample = take_sample(data)
    sign = next((sign for sign in MARKS if _read_lines(sample, sign) is not None), None)
    lines = _read_lines(data, sign) if sign else None
    if sign is None or lines is None:
        return None
    names = list(dict.fromkeys(name for line in lines for name in line.values))
    fronts = {line.front for line in lines}
    shown = [position for position in range(len(FRONT)) if any(front[position] for front in fronts)]
    titles = [FRONT[p] if FRONT[p] not in names else f"log_{FRONT[p]}" for p in shown]
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([*titles, *names])
    writer.writerows(
        [*map(line.front.__getitem__, shown), *(line.values.get(name, "") for name in names)]
        for line in lines
    )
    pair = "name=value" if sign == EQUALS else "name: value"
    warnings.append(_warn(data, len(lines), titles, len(names), pair=pair))
    return text.getvalue().encode()


def _warn(data: bytes, count: int, titles: list[str], names: int, *, pair: str) -> TableWarning:
    detail = f"lines of names with values ({pair}) were read as {names} columns of these names"
    if titles:
        detail += f", what stands before them as {list_first(titles, len(FRONT), repr)}"
    return TableWarning(
        code="names_in_lines",
        count=count,
        example=next(_to_lines(data)),
        detail=detail,
        fix="give delimiter if the lines are to be split otherwise",
    )


def _read_lines(data: bytes, sign: str) -> list[Line] | None:
    """Return what all lines hold; None where one has no names with values, or these no columns."""
    lines: list[Line] = []
    names: set[str] = set()
    for text in _to_lines(data):
        line = _read_line(text, MARKS[sign])
        if line is None:
            return None
        lines.append(line)
        names.update(line.values)
        if len(names) > MAX_NAMES:
            return None
    lines = _name_counters(lines)
    return lines if lines and _are_columns(lines, sign) else None


def _name_counters(lines: list[Line]) -> list[Line]:
    """Return the numbers of counters as values where all lines have one of the same name."""
    if not lines or lines[0].counter is None:
        return lines
    name = lines[0].counter[0]
    with_counters: list[Line] = []
    for line in lines:
        if line.counter is None or line.counter[0] != name or name in line.values:
            return lines
        with_counters.append(Line((*line.front[:-1], ""), {name: line.counter[1], **line.values}))
    return with_counters


def _are_columns(lines: list[Line], sign: str) -> bool:
    """Return whether names are those of columns: most come again and again.

    In lines of one colon each, different names are those who speak: `10:30 Ada: hello`. What has
    fields in front of the names is another table.
    """
    if sum(line.has_fields for line in lines) > MAX_FIELDS * len(lines):
        return False
    speakers = {name for line in lines if len(line.values) == 1 for name in line.values}
    if sign == COLON and len(speakers) > 1:
        return False
    counts = Counter(name for line in lines for name in line.values)
    rare = sum(count < RARE * len(lines) for count in counts.values())
    return len(lines) < MIN_LINES or rare <= RARE_NAMES * len(counts)


def _read_line(text: str, mark: re.Pattern[str]) -> Line | None:
    """Return the values of a line: two of different names, or one behind a time."""
    if PLAIN_LINE.fullmatch(text):
        pairs = PLAIN.findall(text)
        plain = {name: _unquote(value) for name, value in pairs}
        return Line(NO_FRONT, plain) if len(plain) == len(pairs) else None
    matches = list(mark.finditer(QUOTED_OR_OPEN.sub(_hide, text)))
    if not matches:
        return None
    before = text[: matches[0].start()]
    front, rest = _split_front(before) if before else (NO_FRONT, "")
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
    if len(values) < len(matches):
        return None
    has_fields = "," in rest or any(map(_is_number, rest.split()))
    match = COUNTER.fullmatch(rest)
    return Line(front, values, has_fields, (match[1], match[2]) if match else None)


def _hide(quoted: re.Match[str]) -> str:
    """Write a quoted text without names, and leave an open one as it is."""
    text = quoted[0]
    return '"' * len(text) if len(text) > 1 and text[-1] == '"' else text


def _split_front(before: str) -> tuple[tuple[str, ...], str]:
    """Split what stands in front of the names: the time, the level, and what is left.

    Return that also with the marks behind it.
    """
    rest = before.lstrip(SEPARATORS)
    parts: list[str] = []
    for pattern in (STAMP, LEVEL):
        match = pattern.match(rest)
        parts.append(match[1].strip() if match else "")
        rest = rest[match.end() :].lstrip(SEPARATORS) if match else rest
    return (*parts, rest.rstrip("({[" + SEPARATORS)), rest


def _is_number(word: str) -> bool:
    """Return whether a word is a number or a date; an address such as `10.0.0.1` is none."""
    return is_value(word.strip(SEPARATORS)) and word.count(".") < ADDRESS_POINTS


def _to_lines(data: bytes) -> Iterator[str]:
    text = data.decode("utf-8", "replace")
    return (stripped for line in text.split("\n") if (stripped := line.strip()))


def _unquote(value: str) -> str:
    if not (len(value) > 1 and value.startswith('"') and value.endswith('"')):
        return value
    return re.sub(r"\\(.)", r"\1", value[1:-1])
