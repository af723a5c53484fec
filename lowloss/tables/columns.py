"""Decides the type of each column of a CSV from all its cells, with other columns as witnesses."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

import polars as pl

from lowloss.results import Reading, TableWarning
from lowloss.tables import remarks
from lowloss.tables.approximations import strip_marks
from lowloss.tables.booleans import find_words, read_booleans
from lowloss.tables.date_notes import read_noted_dates
from lowloss.tables.dates import (
    DateReading,
    Order,
    choose_order,
    read_format,
    read_iso,
    read_pointed_months,
    read_whole_dates,
)
from lowloss.tables.doubtful_decimals import tell_doubtful_decimals
from lowloss.tables.doubts import Doubt, DoubtfulDates, DoubtfulNumbers
from lowloss.tables.durations import Durations, read_durations
from lowloss.tables.evidence import (
    clean,
    drop_null_values,
    find_majority,
    find_mark,
    find_missing,
    has_values,
    is_text,
)
from lowloss.tables.mark_levels import keep_marks, strip
from lowloss.tables.marked_numbers import split_approximations
from lowloss.tables.marks import MISSING_AMONG_NUMBERS
from lowloss.tables.mixed import explain_text, proves_comma, tell_possible_marks
from lowloss.tables.mixed_dates import mix_dates
from lowloss.tables.notation import (
    NOTHING,
    PLAIN,
    Decision,
    Mark,
    Notation,
    decide_by_options,
    resolve,
)
from lowloss.tables.number_remarks import tell_numbers, warn_of_approximations, warn_of_mark
from lowloss.tables.numbers import (
    Numbers,
    drop_slips,
    find_proof,
    has_leading_zeros,
    read_commas,
    read_plain,
    tidy_numbers,
    to_numbers,
)
from lowloss.tables.options import ParseOptions
from lowloss.tables.phones import are_phones
from lowloss.tables.readings import apply_reading, override
from lowloss.tables.repeated_marks import drop_repeated_marks
from lowloss.tables.seasons import are_seasons, may_be_seasons, warn_of_possible_seasons
from lowloss.tables.serials import find_serials, says_date
from lowloss.tables.slips import drop_slipped

DAY_SHAPES = frozenset("9" * digits for digits in (8, 10, 12, 14))
READABLE = 0.95
"""The share of the cells with a value that must be readable for a column of numbers or dates."""


@dataclass
class ColumnReader:
    """Reads the columns of one file: first those that leave no doubt, then the others.

    `earlier` are the readings of columns that another file decided; `decided` are those of this
    file. `words` are the words of each column of booleans, that of false first. `marks` and
    `orders` count the columns that prove a decimal mark, or the order of dates with a mark.
    """

    options: ParseOptions
    earlier: Mapping[str, Reading] = field(default_factory=dict)
    warnings: list[TableWarning] = field(default_factory=list)
    decided: dict[str, Reading] = field(default_factory=dict)
    words: dict[str, tuple[str, str]] = field(default_factory=dict)
    marks: Counter[Mark] = field(default_factory=Counter)
    orders: Counter[tuple[str, Order]] = field(default_factory=Counter)
    is_format_used: bool = False

    def read(self, column: pl.Series) -> pl.Series | Doubt:
        """Read a column of strings, or put it off until all others are read."""
        name = column.name
        if self.options.null_values:
            column = drop_null_values(column, self.options.null_values)
        if name in self.earlier:
            return self._read_again(column, self.earlier[name])
        kind = (self.options.types or {}).get(name)
        warned = len(self.warnings)
        values = self._read_as(column, kind)
        if kind in {None, "category"} or not is_text(values):
            return values
        # No cell has the type that was chosen: the cells decide.
        self.warnings[warned:] = [remarks.warn_of_type(clean(column), str(kind))]
        return self._read_as(column, None)

    def _read_as(self, column: pl.Series, kind: str | None) -> pl.Series | Doubt:
        """Read a column of strings as a kind, or as its cells are."""
        self.decided[column.name] = Reading(kind="category")
        if kind == "category":
            text, has_marks = keep_marks(column)
            self.decided[column.name] = Reading(kind="category", keeps_marks=has_marks)
            return text
        if kind == "date" or (kind is None and says_date(column.name)):
            serials = self._read_serials(column, is_chosen=kind is not None)
            if serials is not None:
                return serials
        if kind is None and (dates := self._read_compact_dates(column)) is not None:
            return dates
        if kind in {None, "number"}:
            plain = self._read_plain(column, is_forced=kind == "number")
            if plain is not None:
                return plain
        text = clean(column)
        return text if text.null_count() == len(text) else self._read_text(text, kind)

    def settle(self, doubt: Doubt) -> pl.Series:
        """Read a column that was put off, by what the others prove."""
        text = doubt.text
        if isinstance(doubt, DoubtfulNumbers):
            witness = find_majority(self.marks)
            notation = resolve(doubt.mark, witness or doubt.guess_decimal())
            if witness is None:
                self.warnings.append(warn_of_mark(text, doubt.mark, notation))
            return self._finish_numbers(text, drop_slips(doubt.numbers, witness), notation)
        mark = find_mark(text)
        votes = Counter({order: n for (other, order), n in self.orders.items() if other == mark})
        order = find_majority(votes)
        if order is None:
            order = doubt.guess_order(mark)
            self.warnings.append(remarks.warn_of_order(text, order))
        return self._finish_dates(text, next(r for r in doubt.readings if r.order == order))

    def _read_again(self, column: pl.Series, reading: Reading) -> pl.Series:
        """Read a column as one of its name was read before; what is unreadable is told."""
        text = strip(column) if reading.keeps_marks else clean(column)
        reading = override(reading, self.options)
        values = apply_reading(text, reading)
        self._warn_of_unreadable(text, values, f"{reading.kind}s")
        if reading.kind == "number":
            is_marked = strip_marks(text, reading.unread_marks).is_marked & values.is_not_null()
            self.warnings += [warn_of_approximations(text, is_marked)] if is_marked.any() else []
        return values

    def _read_plain(self, column: pl.Series, *, is_forced: bool) -> pl.Series | None:
        """Read numbers that need no cleaning, as most do."""
        number = read_plain(column)
        if number is None or number.null_count() == len(number):
            return None
        if remarks.tell_inexact(column, number, self.warnings) and not is_forced:
            return clean(column)
        if number.dtype == pl.Int64:
            return self._read_whole(column, number, is_forced=is_forced)
        return self._read_pointed(column, number, is_forced=is_forced)

    def _read_pointed(
        self, column: pl.Series, number: pl.Series, *, is_forced: bool
    ) -> pl.Series | None:
        """Read numbers with points, of which some are months."""
        has_commas = self.options.decimal == "," or self.options.thousands == "."
        # With a written NaN, the slow path keeps whole numbers whole; what is infinite, it tells.
        if has_commas or number.is_nan().any() or number.is_infinite().any():
            return None
        if not is_forced and (months := read_pointed_months(column, number)) is not None:
            return self._take_for_dates(column, months, "months")
        if not self._is_decimal(column, "."):
            return None
        self.decided[column.name] = Reading(kind="number")
        self._tell_decimals(column)
        return number

    def _tell_decimals(self, text: pl.Series) -> None:
        if text.name not in (self.options.types or {}):
            self.warnings += tell_doubtful_decimals(text)

    def _read_whole(self, column: pl.Series, number: pl.Series, *, is_forced: bool) -> pl.Series:
        """Read whole numbers, of which some are days or codes."""
        if not is_forced and (dates := read_whole_dates(number)) is not None:
            return self._take_for_dates(column, *dates)
        if not is_forced and (zeros := has_leading_zeros(column)).any():
            self.warnings.append(remarks.warn_of_codes(column, zeros))
            return clean(column)
        if not is_forced and are_phones(column):
            self.warnings.append(remarks.warn_of_phones(column))
            return clean(column)
        self.decided[column.name] = WHOLE
        return number

    def _take_for_dates(self, column: pl.Series, dates: pl.Series, noun: str) -> pl.Series:
        """Read numbers as dates, and say so."""
        self.warnings.append(remarks.warn_of_compact_days(column, dates, noun))
        self._warn_of_unreadable(clean(column), dates, "dates")
        self.decided[column.name] = Reading(kind="date", order="ymd")
        return dates.alias(column.name)

    def _read_serials(self, column: pl.Series, *, is_chosen: bool) -> pl.Series | None:
        """Read numbers that a spreadsheet means as dates."""
        text = clean(column)
        serials = None if self.options.day_format else find_serials(text)
        if serials is None:
            return None
        values = serials.values
        if serials.may_be_of_others and not is_chosen:
            self.warnings.append(remarks.warn_of_doubtful_serials(text, values))
            return None
        self.decided[text.name] = serials.reading
        self.warnings += [
            remarks.warn_of_serials(text, values),
            *remarks.warn_of_years(text, values),
        ]
        self._warn_of_unreadable(text, values, "dates")
        return values

    def _read_commas(self, text: pl.Series) -> pl.Series | None:
        """Read numbers with a decimal comma and nothing else around them, as most in Europe are."""
        if self.options.decimal == "." or self.options.thousands == ",":
            return None
        number = read_commas(text)
        if number is None or not self._is_decimal(text, ","):
            return None
        self.decided[text.name] = Reading(kind="number", decimal=",")
        return number

    def _is_decimal(self, column: pl.Series, mark: Mark) -> bool:
        """Return whether a mark in plain numbers is the decimal mark without doubt."""
        if self.options.decimal == mark:
            return True
        proof = find_proof(column, mark)
        if proof:
            self.marks[mark] += 1
        return proof is not False

    def _read_text(self, text: pl.Series, kind: str | None) -> pl.Series | Doubt:
        """Read texts of which some are no plain numbers."""
        if kind in {None, "boolean"} and (flags := self._read_booleans(text)) is not None:
            return flags
        if kind is None and not has_values(text):
            self.warnings += tell_possible_marks(text)
            return text
        if kind in {None, "number"}:
            among = text.set(text.is_in(MISSING_AMONG_NUMBERS), None)
            plain = self._read_plain(among, is_forced=kind == "number")
            if plain is None:
                plain = self._read_commas(among)
            if plain is not None:
                return plain
        is_open = kind in {None, "date"} and self.options.day_format is None
        if is_open and (days := read_iso(text)) is not None:
            self.decided[text.name] = Reading(kind="date", order="ymd")
            self.warnings += remarks.warn_of_years(text, days)
            return days
        return self._read_notations(text, kind)

    def _read_booleans(self, text: pl.Series) -> pl.Series | None:
        is_true = read_booleans(text)
        if is_true is None:
            return None
        self._warn_of_unreadable(text, is_true, "booleans")
        self.words[text.name] = find_words(text, is_true)
        self.decided[text.name] = Reading(kind="boolean")
        return is_true

    def _read_notations(self, text: pl.Series, kind: str | None) -> pl.Series | Doubt:
        """Read what is neither plain nor text, in the way that reads the most cells."""
        tidy = tidy_numbers(text)
        tidy = tidy.set(find_missing(tidy), None)
        tidy = drop_slipped(tidy if kind else drop_repeated_marks(tidy), self.options)
        present = tidy.count()
        if not present:
            return text
        numbers = split_approximations(tidy, are_numbers=kind == "number")
        is_number = kind in {None, "number"}
        decision = decide_by_options(numbers.shapes, self.options) if is_number else NOTHING
        is_open = decision.readable < present
        dates = self._read_dates(tidy, kind) if is_open and kind in {None, "date"} else []
        dated = max((reading.readable for reading in dates), default=0)
        needed = 1 if kind else READABLE * present
        durations = None
        if is_open and kind in {None, "duration"}:
            is_sure = kind == "duration"
            durations = read_durations(
                tidy, are_durations=is_sure, are_dates=dated >= needed, clock=self.options.clock
            )
        timed = 0 if durations is None else durations.seconds.count()
        if max(decision.readable, dated, timed) < needed:
            mixed = mix_dates(tidy, dates) if dated > decision.readable else None
            if mixed is not None and mixed.reading.readable >= needed:
                self.warnings.append(remarks.warn_of_mixed_dates(text, mixed))
                return self._finish_dates(text, mixed.reading)
            self.warnings += explain_text(text, tidy, numbers, decision, dates=dates)
            if proves_comma(tidy):
                self.marks[","] += 1
            return text
        if durations is not None and timed > max(decision.readable, dated):
            return self._finish_durations(text, durations)
        if dated > decision.readable:
            return self._choose_dates(text, dates)
        return self._choose_numbers(text, numbers, decision, is_forced=kind is not None)

    def _choose_numbers(
        self, text: pl.Series, numbers: Numbers, decision: Decision, *, is_forced: bool
    ) -> pl.Series | Doubt:
        if decision.doubtful is not None:
            return DoubtfulNumbers(text, numbers, decision.doubtful)
        if decision.witness is not None:
            self.marks[decision.witness] += 1
        zeros = text.str.contains(r"^'?0\d+$").fill_null(value=False)
        if not is_forced and decision.witness is None and zeros.any():
            self.warnings.append(remarks.warn_of_codes(text, zeros))
            return text
        may_be_days = not is_forced and numbers.shapes.keys() <= DAY_SHAPES
        if may_be_days and (dates := read_whole_dates(to_numbers(numbers, PLAIN))) is not None:
            return self._take_for_dates(text, *dates)  # with missing marks between them
        return self._finish_numbers(text, numbers, decision.notation)

    def _finish_numbers(self, text: pl.Series, numbers: Numbers, notation: Notation) -> pl.Series:
        values = to_numbers(numbers, notation).alias(text.name)
        self.decided[text.name] = numbers.describe(notation)
        self._warn_of_unreadable(text, values, "numbers")
        self.warnings += tell_numbers(text, numbers, values, notation)
        if notation.decimal == ".":
            self._tell_decimals(text.set(values.is_null(), None))
        return values

    def _read_dates(self, tidy: pl.Series, kind: str | None) -> list[DateReading]:
        if self.options.day_format is not None:
            values = read_format(tidy, self.options.day_format)
            if values.count():
                self.is_format_used = True
                return [DateReading("ymd", values, is_formatted=True)]
        if kind is None and are_seasons(tidy):
            return []
        if kind is None and may_be_seasons(tidy):
            self.warnings.append(warn_of_possible_seasons(tidy))
        return read_noted_dates(tidy)

    def _read_compact_dates(self, column: pl.Series) -> pl.Series | None:
        """Read dates that look like numbers, such as 20240131, where the format says so."""
        if self.options.day_format is None or read_plain(column) is None:
            return None
        text = clean(column)
        values = read_format(text, self.options.day_format)
        if not values.count() or values.count() < text.count():
            return None
        self.is_format_used = True
        return self._finish_dates(text, DateReading("ymd", values, is_formatted=True))

    def _choose_dates(self, text: pl.Series, readings: list[DateReading]) -> pl.Series | Doubt:
        """Choose the order by a day above 12, or by which dates rise or fall; else put it off."""
        best = max(reading.readable for reading in readings)
        fitting = [reading for reading in readings if reading.readable == best]
        if len(fitting) > 1:
            fitting = choose_order(fitting)
        if len(fitting) > 1 and not fitting[0].values.equals(fitting[1].values):
            return DoubtfulDates(text, tuple(fitting))
        if len(readings) > 1 and len(fitting) == 1:
            self.orders[find_mark(text), fitting[0].order] += 1
        return self._finish_dates(text, fitting[0])

    def _finish_dates(self, text: pl.Series, reading: DateReading) -> pl.Series:
        self.decided[text.name] = Reading(
            kind="date",
            order=reading.order,
            date_format=self.options.day_format if reading.is_formatted else None,
            has_footnotes=reading.is_noted is not None,
        )
        values = reading.values.alias(text.name)
        self.warnings += remarks.tell_dates(text, reading)
        self._warn_of_unreadable(text, values, "dates")
        return values

    def _finish_durations(self, text: pl.Series, durations: Durations) -> pl.Series:
        seconds = durations.seconds
        self.is_format_used |= self.options.clock == durations.clock
        self.decided[text.name] = Reading(kind="duration", clock=durations.clock)
        self._warn_of_unreadable(text, seconds, "times")
        self.warnings.append(remarks.warn_of_seconds(text, seconds, durations.clock))
        return seconds.alias(text.name)

    def _warn_of_unreadable(self, text: pl.Series, values: pl.Series, noun: str) -> None:
        odd = remarks.find_unreadable(text, values)
        if odd.any():
            self.warnings.append(
                remarks.warn_of_unreadable(text, odd, noun, is_training=not self.earlier)
            )


WHOLE = Reading(kind="number")
