"""Reads texts as others of their column were read before."""

from __future__ import annotations

from typing import Any

import polars as pl

from lowloss.results import Reading
from lowloss.tables.approximations import strip_marks
from lowloss.tables.date_notes import strip_date_notes
from lowloss.tables.dates import read_dates_in, read_format
from lowloss.tables.durations import read_durations
from lowloss.tables.evidence import drop_null_values
from lowloss.tables.footnotes import strip_footnotes
from lowloss.tables.marks import FALSE_WORDS, TRUE_WORDS
from lowloss.tables.notation import Notation
from lowloss.tables.numbers import Surroundings, split_numbers, tidy_numbers, to_numbers
from lowloss.tables.options import ParseOptions
from lowloss.tables.serials import read_serials_again
from lowloss.tables.signs import apply_signs


def apply_reading(text: pl.Series, reading: Reading) -> pl.Series:
    """Read clean texts as others were read before; null where one is none of its kind."""
    if reading.null_values:
        text = drop_null_values(text, reading.null_values)
    return _apply(text, reading).alias(text.name)


def override(reading: Reading, options: ParseOptions) -> Reading:
    """Return a reading with what options say of numbers and dates."""
    changes: dict[str, Any] = {}
    if reading.kind == "number" and (options.decimal or options.thousands):
        decimal = options.decimal or ("," if options.thousands == "." else ".")
        group = options.thousands or ("" if reading.group == decimal else reading.group)
        changes = {"decimal": decimal, "group": group}
    if reading.kind == "date" and options.day_format is not None:
        changes = {"date_format": options.day_format, "order": None, "is_serial": False}
    if reading.kind == "duration" and options.clock is not None:
        changes = {"clock": options.clock}
    return reading.model_copy(update=changes)


def _apply(text: pl.Series, reading: Reading) -> pl.Series:
    tidy = tidy_numbers(text)
    match reading.kind:
        case "number":
            notation = Notation(reading.decimal, reading.group)
            bare = apply_signs(tidy, reading.signs)
            bare = strip_footnotes(bare, reading.multiples) if reading.has_footnotes else bare
            around = Surroundings(reading.unit, tuple(reading.multiples.items()))
            return to_numbers(
                split_numbers(strip_marks(bare, reading.unread_marks).text, around), notation
            )
        case "duration":
            durations = read_durations(tidy, are_durations=True, clock=reading.clock)
            return text.cast(pl.Float64, strict=False) if durations is None else durations.seconds
        case "date":
            return _read_dates_again(tidy, reading)
        case "boolean":
            is_true = text.str.to_lowercase().is_in(list(TRUE_WORDS))
            is_false = text.str.to_lowercase().is_in(list(FALSE_WORDS))
            return is_true.set(~(is_true | is_false), None)
        case "category":
            return text


def _read_dates_again(tidy: pl.Series, reading: Reading) -> pl.Series:
    if reading.date_format is not None:
        return read_format(tidy, reading.date_format).alias(tidy.name)
    if reading.is_serial:
        return read_serials_again(tidy, reading).alias(tidy.name)
    bare = strip_date_notes(tidy) if reading.has_footnotes else tidy
    return read_dates_in(bare, reading.order).alias(tidy.name)
