"""Says why a column that looks like one of numbers or dates is read as text."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from lowloss.results import TableWarning
from lowloss.tables.dates import DateReading
from lowloss.tables.durations import are_codes_or_results, may_be_results
from lowloss.tables.eras import tell_doubtful_letters, tell_unnamed
from lowloss.tables.evidence import find_missing
from lowloss.tables.lookalikes import find_lookalikes
from lowloss.tables.notation import Decision
from lowloss.tables.numbers import Numbers, to_numbers
from lowloss.tables.remarks import find_unreadable, warn_of_codes_or_results, warn_of_mixed
from lowloss.tables.repeated_marks import find_possible_marks
from lowloss.tables.seasons import are_seasons, warn_of_seasons
from lowloss.tables.values import HEAD_ROWS

MOSTLY = 0.5
"""The share of numbers or dates in a column of text from which on a warning names other cells."""


def proves_comma(tidy: pl.Series) -> bool:
    """Return whether a column of text proves a decimal comma, as of `5,6 l/100 km`.

    Points prove nothing: they stand in dates, times and chapters, too.
    """
    present = tidy.drop_nulls().head(HEAD_ROWS)
    is_decimal = present.str.contains(r"^\D{0,4}\d+,\d{1,2}(?:[^\d.,]|$)")
    return bool(is_decimal.sum() > MOSTLY * len(present))


def tell_possible_marks(text: pl.Series) -> list[TableWarning]:
    """Say that a few words are most cells of a column that otherwise holds numbers."""
    is_word = find_possible_marks(text.set(find_missing(text), None))
    return [] if is_word is None else [warn_of_mixed(text, is_word, "numbers", kind="number")]


def explain_text(
    text: pl.Series,
    tidy: pl.Series,
    numbers: Numbers,
    decision: Decision,
    *,
    dates: Sequence[DateReading],
) -> list[TableWarning]:
    """Say which cells keep a column that is mostly numbers, or mostly dates, from being one."""
    present = text.set(tidy.is_null(), None)
    if are_seasons(present):
        return [warn_of_seasons(present)]
    if (unnamed := tell_unnamed(present) or tell_doubtful_letters(present)) is not None:
        return [unnamed]
    if are_codes_or_results(present):
        return [warn_of_codes_or_results(present)]
    needed = MOSTLY * tidy.count()
    best = max(dates, key=lambda reading: reading.readable, default=None)
    if best is not None and best.readable >= max(needed, decision.readable):
        odd = find_unreadable(text, best.values)
        kind = "duration" if may_be_results(present) else "date"
        return [warn_of_mixed(text, odd, "dates", kind=kind)]
    if decision.readable >= needed:
        odd = find_unreadable(text, to_numbers(numbers, decision.notation))
        return [warn_of_mixed(text, odd, "numbers", kind="number")] if odd.any() else []
    lookalikes = find_lookalikes(present)
    return [] if lookalikes is None else [lookalikes]
