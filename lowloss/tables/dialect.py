"""Detects the dialect of a CSV from its first lines: delimiter, quotes, escapes."""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

from lowloss.errors import TableUnreadable
from lowloss.tables.values import (
    are_mostly_values,
    is_date,
    is_missing,
    is_number,
    is_value,
    may_be_value,
)

DELIMITERS = (",", ";", "\t", "|")
RARE_DELIMITERS = ("^", "~", "\x01", "\x1f")
"""Of Hive and others: tried where nothing else splits the lines."""
BLANKS = "blanks"
"""Stands for runs of blanks as the delimiter."""
SAMPLE_BYTES = 256 * 1024
MIN_SAMPLE_LINES, MAX_SAMPLE_RECORDS, MAX_SAMPLE_CELLS = 20, 200, 100_000
SEP_LINE = re.compile(rb'"?sep=(.)"?\s*(?:\n|$)', re.IGNORECASE)
FIELD = re.compile(r'"(?:[^"]|"")*"|\[\d{1,4}[-/][^\[\]\s]{3,20} [^\[\]\s]{5,20}\](?!\S)|\S+')
"""A field between blanks; quotes and, around a time of a server's log, brackets may hold blanks."""
SERVER_TIME = re.compile(r"\[\d{1,2}/[A-Z][a-z]{2}/\d{4}:\d{2}:\d{2}:\d{2}(?: [+-]\d{4})?\]")
"""The time of a request, as web servers write it."""
PADDED = re.compile(r"\S {2,}\S")
CLOCK = re.compile(r"\d{1,2}:\d{2}")
WHOLE, DIGITS = re.compile(r"[-+]?\d+"), re.compile(r"\d+")
YEARS = range(1800, 2101)
MIN_NAMES = 3
"""Fewer whole numbers need not rise or fall to be names, such as years."""
LIKELY, MOSTLY_VALUES = 0.9, 0.5
"""The share of lines that a delimiter must split alike for runs of blanks not to be tried; and that
of values among the fields between blanks, unless all lines have equally many."""

Record = list[str]


@dataclass(frozen=True)
class Dialect:
    """The delimiter and the quote of a CSV whose quotes are regular."""

    delimiter: str
    quote: str

    @property
    def blanks(self) -> str:
        """What a row without values has between its ends."""
        return f" \t{self.delimiter}"

    def fields(self, text: str) -> Record:
        """Return the fields of one record."""
        lines = io.StringIO(text, newline="")
        reader = csv.reader(lines, delimiter=self.delimiter, quotechar=self.quote)
        try:
            return [field.strip() for field in next(reader, [])] or [""]
        except csv.Error as error:
            raise TableUnreadable(f"a line cannot be read: {error}", fix="check quotes") from error


@dataclass(frozen=True)
class Split:
    """What a delimiter makes of the first lines.

    `width` is the commonest number of fields, `share` that of the lines that have it.
    """

    delimiter: str
    records: list[Record]
    width: int
    share: float

    @cached_property
    def values(self) -> float:
        """The share of the cells of full lines that are numbers, dates or missing."""
        rows = [record for record in self.records[1:] if len(record) == self.width]
        values = sum(is_value(cell) or is_missing(cell) for row in rows for cell in row)
        return values / max(1, len(rows) * self.width)

    @property
    def rank(self) -> tuple[bool, float, int]:
        """How well it fits: alike on every line, cells that are values, then many fields."""
        return self.share == 1.0, self.share * (0.5 + 0.5 * self.values), self.width


def take_sample(data: bytes) -> bytes:
    """Return the first lines, whole: enough bytes, and enough lines however long they are."""
    end = min(len(data), SAMPLE_BYTES)
    position = 0
    for _ in range(MIN_SAMPLE_LINES):
        position = data.find(b"\n", position) + 1
        if not position:
            return data
    end = max(end, position)
    return data[:end] if end >= len(data) else data[: data.rfind(b"\n", 0, end) + 1]


def read_sep_line(data: bytes) -> tuple[str | None, bytes]:
    """Return the delimiter that Excel's hint `sep=;` names, if any, and the lines after it."""
    match = SEP_LINE.match(data)
    if match is None:
        return None, data
    return match[1].decode("latin-1"), data[match.end() :]


def detect_quote(data: bytes, delimiter: str | None) -> str:
    """Return a single quote where it encloses the first line, and all are around fields.

    That is: none has anything but a delimiter or a line's end on both sides, and the first line has
    no double quote.
    """
    sample = take_sample(data)
    line = sample.split(b"\n", 1)[0].strip()
    if len(line) < 2 or not line[:1] == line[-1:] == b"'" or b'"' in line:
        return '"'
    outside = re.escape("".join(DELIMITERS) + (delimiter or "") + "\n")
    apostrophe = re.compile(f"[^{outside}]'[^{outside}]".encode())
    return '"' if apostrophe.search(sample.replace(b"''", b"")) else "'"


def detect_delimiter(data: bytes, quote: str) -> str:
    """Return the delimiter that splits the first lines into the most fields, alike on every line.

    One that leaves more numbers is preferred: `1,5;2,5` are two. `BLANKS` are runs of blanks.
    """
    text = take_sample(data).decode("utf-8", errors="replace")
    if _is_server_log(text, quote):
        return BLANKS
    splits = [split_sample(text, delimiter, quote) for delimiter in DELIMITERS]
    usable = [split for split in splits if split.width > 1 and split.share > 0.5]
    best = (
        max(usable, key=lambda split: split.rank) if len(usable) > 1 else next(iter(usable), None)
    )
    if best is None:
        rare = [split_sample(text, delimiter, quote) for delimiter in RARE_DELIMITERS]
        # A column of `~55` alone begins with one.
        usable = [split for split in rare if split.width > 1 and split.share == 1.0]
        best = next((split for split in usable if all(split.records[0])), None)
    is_open = best is None or best.delimiter == "\t" or best.share < LIKELY
    if is_open or (best and best.delimiter == "," and are_commas_decimal(text)):
        blanks = split_sample(text, BLANKS, quote)
        if _is_worse_than_blanks(best, blanks) and _are_blanks_delimiters(text, blanks):
            return BLANKS
    return best.delimiter if best else ","


def split_sample(text: str, delimiter: str, quote: str) -> Split:
    """Split the first lines by a delimiter."""
    records = read_records(text, delimiter, quote)
    counts = Counter(len(record) for record in records)
    if not counts:
        return Split(delimiter, records, 1, 0.0)
    width = max(counts, key=lambda count: (counts[count], count))
    return Split(delimiter, records, width, counts[width] / len(records))


def read_records(text: str, delimiter: str, quote: str) -> list[Record]:
    """Read the first records of a text, without blank lines; an incomplete one is left out."""
    records: list[Record] = []
    cells = 0
    try:
        for record in _iterate_records(text, delimiter, quote):
            if any(cell.strip() for cell in record):
                records.append(record)
                cells += len(record)
            if len(records) >= MAX_SAMPLE_RECORDS or (
                cells >= MAX_SAMPLE_CELLS and len(records) >= MIN_SAMPLE_LINES
            ):
                break
    except csv.Error:
        return records
    return records


def _iterate_records(text: str, delimiter: str, quote: str) -> Iterator[Record]:
    if delimiter == BLANKS:
        return (split_blanks(line) for line in text.split("\n"))
    # A space after the delimiter would hide the quote that opens a field.
    return csv.reader(
        io.StringIO(text, newline=""), delimiter=delimiter, quotechar=quote, skipinitialspace=True
    )


def split_blanks(line: str) -> Record:
    """Split a line at runs of blanks; a quoted field may hold some."""
    fields = FIELD.findall(line)
    return [
        field[1:-1].replace('""', '"') if len(field) > 1 and field[0] == field[-1] == '"' else field
        for field in fields
    ]


def _is_server_log(text: str, quote: str) -> bool:
    """Return whether blanks split the lines alike, the time of a request in each a field.

    What names the client's program (`Mozilla/5.0 (X11; Linux x86_64)`) holds other delimiters.
    """
    if "[" not in text:
        return False
    split = split_sample(text, BLANKS, quote)
    rows = [record for record in split.records if any(map(SERVER_TIME.fullmatch, record))]
    return split.share >= LIKELY and 0 < len(split.records) <= len(rows) / LIKELY


def _is_worse_than_blanks(best: Split | None, blanks: Split) -> bool:
    """Return whether runs of blanks may be tried in the place of the best delimiter.

    Two tabs between fields may stand for an empty one, unless lines of values alone have as many
    fields only without it. Runs of blanks within the fields between tabs are delimiters, too.
    """
    if best is None or best.delimiter != "\t":
        return True
    padded = sum(any(PADDED.search(cell.strip()) for cell in record) for record in best.records)
    # Not of a title, which may have as many words by chance.
    is_ragged = best.share < blanks.share == blanks.values == 1.0 and len(best.records[0]) > 1
    return is_ragged or padded >= LIKELY * len(best.records)


def _are_blanks_delimiters(text: str, split: Split) -> bool:
    """Return whether runs of blanks split the lines alike into fields that are mostly values.

    Words are fields, too, beside some values, where many lines all have equally many.
    """
    is_even = split.share == 1.0 and split.width > 2 and len(split.records) >= MIN_SAMPLE_LINES
    is_table = is_even and split.values >= 1 / split.width
    if split.width < 2 or split.share < LIKELY or (split.values < MOSTLY_VALUES and not is_table):
        return False
    records = read_records(text, BLANKS, '"')
    header = len(records[0])
    if header != split.width and (split.width < 3 or header != split.width - 1):
        return False
    # A date and its time are one value.
    return split.width > 2 or not all(CLOCK.match(record[-1]) for record in records[1:])


def are_commas_decimal(text: str) -> bool:
    """Return whether the commas of lines stand within numbers that blanks split: `Oslo 1,5 12,25`.

    Only a line of names, or titles, has none or others.
    """
    lines = [line for line in text.split("\n")[:-1] if line.strip()]
    with_commas = [line for line in lines if "," in line]
    if not with_commas or len(with_commas) < LIKELY * len(lines):
        return False
    # One number in each line, and no line of names, may as well be two fields.
    is_clear = "," not in lines[0] or with_commas[0].count(",") > 1
    return is_clear and all(map(_has_decimal_commas, with_commas))


def _has_decimal_commas(line: str) -> bool:
    """Return whether each comma has the digits of one number on both sides, and blanks around."""
    first, *others = line.split(",")
    *between, last = others
    if WHOLE.fullmatch((first.split() or [""])[-1]) is None or not first[-1:].isdigit():
        return False
    for piece in between:
        words = piece.split()
        if len(words) < 2 or not words[0].isdigit() or WHOLE.fullmatch(words[-1]) is None:
            return False
        if not (piece[0].isdigit() and piece[-1].isdigit()):
            return False
    return last[:1].isdigit() and last.split()[0].isdigit()


def is_header(first: Sequence[str], rows: Sequence[Record]) -> bool:
    """Return whether the first record names the columns, by the records below it.

    It is data where all of it are numbers, but not all whole (they may be years); where beside a
    number, or in all of its cells, words stand that its columns hold again below; and, if no word
    is sure to be a name, where a date stands above dates or numbers that are hardly names.
    """
    cells = [cell.strip() for cell in first]
    below = [row for row in rows if row != list(first) and len(row) == len(first)]
    numbers = [cell for cell in cells if cell]
    if numbers and all(map(is_number, numbers)) and (len(numbers) == len(cells) or len(below) > 2):
        return all(cell.isdigit() for cell in numbers) and _may_count(numbers, below)
    if len(below) < 3:
        return True
    columns = [{row[position].strip() for row in below} for position in range(len(cells))]
    pairs = list(zip(cells, columns, strict=True))
    if not cells[0] and all(map(_is_date_above_others, *zip(*pairs[1:], strict=True))):
        return True
    words = [
        pair for pair in pairs if pair[0] and not is_value(pair[0]) and not is_missing(pair[0])
    ]
    has_name = any(map(_is_name, cells, columns, range(len(cells))))
    # `node1` above `node7` may be a name: a line of a log has several numbers.
    are_words = len(words) == sum(map(bool, cells)) and any(
        len(DIGITS.findall(cell)) > 1 for cell in cells
    )
    are_alike = are_words and all(map(_is_alike, *zip(*words, strict=True)))
    if are_alike or (not has_name and _looks_like_data(pairs)):
        return False
    recurring = sum(cell in column for cell, column in words)
    has_value = any(is_value(cell) and are_mostly_values(column) for cell, column in pairs)
    if not words:
        return not has_value
    return recurring == 0 if has_value else recurring < len(words) or len(words) < 2


def _is_name(cell: str, column: Collection[str], position: int) -> bool:
    """Return whether a word is sure to name its column, which holds values of another kind.

    So in the first field, where tables with numbers among their names have that of the rows.
    """
    if not cell or is_value(cell) or is_missing(cell) or cell in column:
        return False
    # `A17` above `A18` is data.
    if any(map(str.isdigit, cell)) and _write_zeros(cell) in set(map(_write_zeros, column)):
        return False
    if position == 0 or are_mostly_values(column):
        return True
    is_plain = not any(map(str.isdigit, cell)) and all(map(may_be_value, column))
    is_small = cell.isidentifier() and cell.islower() and not any(map(str.islower, column))
    return is_plain or is_small


def _is_date_above_others(cell: str, column: Collection[str]) -> bool:
    """Return whether a date stands above values of which none is a date."""
    return is_date(cell) and are_mostly_values(column) and not any(map(is_date, column))


def _is_alike(cell: str, column: Collection[str]) -> bool:
    """Return whether most cells below a text with digits differ from it in these alone."""
    shape = _write_zeros(cell)
    return any(map(str.isdigit, cell)) and (
        sum(_write_zeros(other) == shape for other in column) > len(column) / 2
    )


def _write_zeros(text: str) -> str:
    return DIGITS.sub("0", text)


def _looks_like_data(pairs: Sequence[tuple[str, Collection[str]]]) -> bool:
    """Return whether a date stands above dates, or numbers above numbers that are hardly names."""
    if any(is_date(cell) and all(map(is_date, column)) for cell, column in pairs):
        return True
    numbers = [cell for cell, column in pairs if is_number(cell) and are_mostly_values(column)]
    return not _may_be_names(numbers)


def _may_be_names(cells: list[str]) -> bool:
    """Return whether numbers beside words may be names: they rise or fall, or are whole and few.

    Programs sort names as texts: 1, 10, 2.
    """
    numbers = [float(cell.replace(",", ".")) for cell in cells]
    rising = sorted(set(numbers))
    if numbers in (rising, rising[::-1]):
        return True
    are_whole = all(cell.isdigit() for cell in cells)
    return are_whole and (len(cells) < MIN_NAMES or cells == sorted(set(cells)))


def _may_count(cells: list[str], below: list[Record]) -> bool:
    """Return whether whole numbers may be names, such as years: none twice, rising or falling.

    Two alone are none where they lie among whole numbers below: they always rise or fall.
    """
    if len(below) < 3:
        return True
    numbers = [int(cell) for cell in cells]
    if len(cells) == 2 == len(below[0]) and _are_two_values(numbers, below):
        return False
    rising = sorted(set(numbers))
    return numbers in (rising, rising[::-1])


def _are_two_values(numbers: Sequence[int], below: Sequence[Record]) -> bool:
    """Return whether two numbers that neither count up nor are years lie among those below."""
    if abs(numbers[1] - numbers[0]) <= 1 or all(number in YEARS for number in numbers):
        return False
    columns = [[row[position].strip() for row in below] for position in range(2)]
    if not all(cell.isdigit() for column in columns for cell in column):
        return False
    return all(
        min(map(int, column)) <= number <= max(map(int, column))
        for number, column in zip(numbers, columns, strict=True)
    )
