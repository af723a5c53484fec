"""Reads columns of strings: short ones many at once, where their cells leave no doubt."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import polars as pl
from numpy.typing import NDArray

from lowloss.results import Reading
from lowloss.tables.booleans import BOOLEAN_WORDS_AND_MARKS
from lowloss.tables.columns import (
    WHOLE,
    ColumnReader,
)
from lowloss.tables.dates import COMPACT_DAYS, COMPACT_TIMES, POINTED
from lowloss.tables.doubtful_decimals import (
    has_long_minor,
    has_no_point,
    may_be_padded,
    may_be_versions,
    says_time,
)
from lowloss.tables.doubts import Doubt
from lowloss.tables.evidence import clean, drop_null_values, find_majority
from lowloss.tables.mark_levels import MarkLevels
from lowloss.tables.marks import MISSING_AMONG_NUMBERS
from lowloss.tables.notation import Mark
from lowloss.tables.numbers import LONG, MAYBE_GROUPED, has_leading_zeros
from lowloss.tables.options import ParseOptions
from lowloss.tables.serials import says_date

BATCH_CELLS, MIN_BATCH = 2**19, 8
"""How many cells are read at once, and of how many columns at least: a call of polars costs more
than a short column."""
EUROPEAN = Reading(kind="number", decimal=",", group=".")

Flags = NDArray[np.bool_]


@dataclass
class BatchReader:
    """Reads columns of equal length whose cells are all plain numbers, or all words.

    `values` and `readings` are those of columns that were read; `marks` count the columns that
    prove a decimal mark.
    """

    options: ParseOptions
    values: dict[str, pl.Series] = field(default_factory=dict)
    readings: dict[str, Reading] = field(default_factory=dict)
    marks: Counter[Mark] = field(default_factory=Counter)

    def read(self, columns: list[pl.Series]) -> None:
        """Read the columns that leave no doubt."""
        names = np.array([column.name for column in columns], dtype=object)
        cells = _join(columns)
        if self.options.null_values:
            cells = drop_null_values(cells, self.options.null_values)
        text = clean(cells)
        among = text.set(text.is_in(MISSING_AMONG_NUMBERS), None)
        is_open = self._read_points(names, among)
        if is_open.any():
            is_open[is_open] = self._read_commas(names[is_open], _pick(among, is_open))
        if is_open.any():
            self._read_words(names[is_open], _pick(text, is_open))

    def read_again(self, columns: list[pl.Series]) -> None:
        """Read columns that were numbers with points before, and are plain ones now."""
        names = np.array([column.name for column in columns], dtype=object)
        text = clean(_join(columns))
        among = text.set(text.is_in(MISSING_AMONG_NUMBERS), None)
        whole = among.cast(pl.Int64, strict=False)
        number = among.cast(pl.Float64, strict=False)
        is_number = _all(number.is_finite() | among.is_null(), len(names))
        is_number &= ~_any(among.str.contains(LONG), len(names))
        is_whole = is_number & ~_any(whole.is_null() & among.is_not_null(), len(names))
        self._keep(names, whole, is_whole, WHOLE)
        self._keep(names, number, is_number & ~is_whole, WHOLE)

    def _read_points(self, names: NDArray[np.object_], among: pl.Series) -> Flags:
        """Read plain numbers; return which columns are none."""
        count = len(names)
        has_value = _any(among.is_not_null(), count) & ~_any(among.str.contains(LONG), count)
        whole = among.cast(pl.Int64, strict=False)
        is_whole = has_value & ~_any(whole.is_null() & among.is_not_null(), count)
        is_whole &= ~_any(has_leading_zeros(among), count)
        # Numbers with a plus may be those of phones.
        is_whole &= ~_any(among.str.starts_with("+"), count)
        number = among.cast(pl.Float64, strict=False)
        # Numbers of eight digits may be days, and longer ones days with a time.
        is_whole &= ~_lie_between(number, (COMPACT_DAYS, *COMPACT_TIMES), count)
        self._keep(names, whole, is_whole, WHOLE)
        is_number = has_value & _all(number.is_finite() | among.is_null(), count)
        is_number &= _any(whole.is_null() & among.is_not_null(), count)
        # Those may be months, such as 04.2024.
        is_number &= ~(_lie_between(number, POINTED, count) & _are_as_long(among, (6, 7), count))
        if is_number.any():
            is_number[is_number] = ~_are_doubtful(_pick(among, is_number), int(is_number.sum()))
        is_number &= self._are_decimal(among, ".", is_number)
        self._keep(names, number, is_number, Reading(kind="number"))
        return ~(is_whole | is_number)

    def _read_commas(self, names: NDArray[np.object_], among: pl.Series) -> Flags:
        """Read numbers with a decimal comma and nothing else; return which columns are none."""
        count = len(names)
        has_comma = _any(among.str.contains(",", literal=True), count)
        if not has_comma.any():
            return ~has_comma
        pointed = among.str.replace(".", "?", literal=True).str.replace(",", ".", literal=True)
        number = pointed.cast(pl.Float64, strict=False)
        is_number = has_comma & _all(number.is_finite() | among.is_null(), count)
        is_number &= ~_any(among.str.contains(LONG), count)
        is_number &= self._are_decimal(among, ",", is_number)
        self._keep(names, number, is_number, Reading(kind="number", decimal=","))
        return ~is_number

    def _read_words(self, names: NDArray[np.object_], text: pl.Series) -> None:
        """Read texts without any digit that are not booleans."""
        count = len(names)
        is_word = ~text.str.to_lowercase().is_in(BOOLEAN_WORDS_AND_MARKS)
        is_text = _any(is_word, count) & ~_any(text.str.contains(r"\d"), count)
        self._keep(names, text, is_text, Reading(kind="category"))

    def _are_decimal(self, among: pl.Series, mark: Mark, is_number: Flags) -> Flags:
        """Return in which columns of plain numbers a mark is the decimal mark without doubt."""
        other: Mark = "," if mark == "." else "."
        if self.options.decimal == other or self.options.thousands == mark:
            return np.zeros(len(is_number), dtype=bool)
        if self.options.decimal == mark:
            return np.ones(len(is_number), dtype=bool)
        # Behind all digits it proves nothing: `1.` is a place.
        is_pointed = among.str.contains(mark, literal=True) & ~among.str.ends_with(mark)
        is_proof = is_pointed & ~among.str.contains(MAYBE_GROUPED)
        proves = _any(is_proof, len(is_number))
        self.marks[mark] += int((proves & is_number).sum())
        return proves | ~_any(is_pointed, len(is_number))

    def _keep(
        self, names: NDArray[np.object_], cells: pl.Series, is_read: Flags, reading: Reading
    ) -> None:
        """Add the columns that were read."""
        if not is_read.any():
            return
        rows = len(cells) // len(names)
        values = _pick(cells, is_read)
        for position, name in enumerate(names[is_read]):
            self.values[name] = values.slice(position * rows, rows).alias(name)
            self.readings[name] = reading


def read_columns(columns: list[pl.Series], reader: ColumnReader) -> list[pl.Series]:
    """Read columns of strings, the last first, and empty the list.

    Their strings are freed as they are read: memory never holds all strings and values.
    """
    results: list[pl.Series | Doubt] = []
    marks = MarkLevels(reader.options.null_values or ())
    while columns:
        batch = _take_batch(columns)
        batch.reverse()
        values = _read_batch(batch, reader)
        for column in batch:
            result = values[column.name] if column.name in values else reader.read(column)
            results.append(result)
            if not reader.earlier:
                marks.look_at(column, result)
    reader.warnings += marks.tell()
    results.reverse()
    settled = [r if isinstance(r, pl.Series) else reader.settle(r) for r in results]
    mark = reader.options.decimal or find_majority(reader.marks)
    if mark == ",":
        # Whole numbers show no mark: later ones have the file's.
        whole = [name for name, reading in reader.decided.items() if reading is WHOLE]
        reader.decided |= dict.fromkeys(whole, EUROPEAN)
    return settled


def _take_batch(columns: list[pl.Series]) -> list[pl.Series]:
    """Take the last columns off the list: many short ones, or one."""
    size = BATCH_CELLS // max(1, len(columns[-1]))
    batch = columns[-size:] if size >= MIN_BATCH else columns[-1:]
    del columns[-len(batch) :]
    return batch


def _read_batch(batch: list[pl.Series], reader: ColumnReader) -> Mapping[str, pl.Series]:
    """Read the columns of a batch that leave no doubt."""
    options = reader.options
    # What looks like a number may be a date in the format that is asked for, and what was read
    # before is read anew by other marks.
    is_formatted = options.day_format is not None
    has_marks = bool(reader.earlier) and bool(options.decimal or options.thousands)
    if is_formatted or has_marks or len(batch) < MIN_BATCH or not len(batch[0]):
        return {}
    decided = {*reader.earlier, *(reader.options.types or ())}
    # Numbers in a column of dates may be those of a spreadsheet, and in one of times `17.41`.
    columns = [c for c in batch if c.name not in decided and not _may_be_other_than_numbers(c.name)]
    batch_reader = BatchReader(reader.options)
    if columns:
        batch_reader.read(columns)
    reader.decided |= batch_reader.readings
    reader.marks += batch_reader.marks
    again = [c for c in batch if _is_with_points(reader.earlier.get(c.name))]
    if again and not reader.options.null_values:
        batch_reader.read_again(again)
    return batch_reader.values


def _may_be_other_than_numbers(name: str) -> bool:
    """Return whether plain numbers of a column may be something else by its name."""
    return says_date(name) or says_time(name)


def _is_with_points(reading: Reading | None) -> bool:
    """Return whether numbers were read so that plain ones are read as they stand."""
    if reading is None or reading.kind != "number":
        return False
    return reading.decimal == "." and not reading.multiples and not reading.null_values


def _join(columns: list[pl.Series]) -> pl.Series:
    """Return the cells of columns, one behind the other."""
    return pl.concat([column.alias("") for column in columns], rechunk=True)


def _any(cells: pl.Series, count: int) -> Flags:
    """Return in which of the columns that follow each other something holds for a cell."""
    flags: Flags = np.any(cells.fill_null(value=False).to_numpy().reshape(count, -1), axis=1)
    return flags


def _all(cells: pl.Series, count: int) -> Flags:
    """Return in which of the columns that follow each other something holds for all cells."""
    flags: Flags = np.all(cells.fill_null(value=False).to_numpy().reshape(count, -1), axis=1)
    return flags


def _are_doubtful(among: pl.Series, count: int) -> Flags:
    """Return which columns of decimals may be times, versions or codes."""
    is_doubtful = _any(may_be_padded(among), count)
    is_power = has_no_point(among) & among.cast(pl.Int64, strict=False).is_null()
    is_doubtful |= _any(is_power, count)
    is_short = _all(may_be_versions(among), count)
    if is_short.any():
        is_short[is_short] = _any(has_long_minor(_pick(among, is_short)), int(is_short.sum()))
    return is_doubtful | is_short


def _are_as_long(text: pl.Series, limits: tuple[int, int], count: int) -> Flags:
    """Return in which columns that follow each other all texts have a number of bytes."""
    return _all(text.str.len_bytes().is_between(*limits) | text.is_null(), count)


def _lie_between(numbers: pl.Series, ranges: Sequence[tuple[float, float]], count: int) -> Flags:
    """Return which of the columns that follow each other lie in one of some ranges."""
    cells = numbers.to_numpy().reshape(count, -1)
    lows, highs = np.fmin.reduce(cells, axis=1), np.fmax.reduce(cells, axis=1)
    flags: Flags = np.zeros(count, dtype=bool)
    for low, high in ranges:
        flags |= (lows >= low) & (highs <= high)
    return flags


def _pick(cells: pl.Series, is_column: Flags) -> pl.Series:
    """Return the cells of some columns, a copy: the others are freed."""
    if is_column.all():
        return cells
    return cells.filter(np.repeat(is_column, len(cells) // len(is_column)))
