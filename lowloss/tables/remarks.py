"""The warnings of a column's reading: what was done, how often, and how to change it."""

from __future__ import annotations

from collections.abc import Iterator

import polars as pl

from lowloss.results import TableWarning
from lowloss.tables.date_formats import find_format
from lowloss.tables.dates import DateReading, Order
from lowloss.tables.durations import Clock, may_be_results
from lowloss.tables.eras import tell_letters
from lowloss.tables.evidence import find_missing, is_monotonic
from lowloss.tables.marks import MISSING_AMONG_NUMBERS
from lowloss.tables.mixed_dates import MixedDates
from lowloss.tables.numbers import find_inexact
from lowloss.tables.phones import find_phones
from lowloss.tables.sentences import warn
from lowloss.tables.wrapped import MISSING_CALL

EARLY_YEAR, DOUBTFUL_YEAR, LATE_YEAR = 1600, 2040, 2200
"""Years of two digits that would be so late are more likely of the century before; later ones are
of another calendar, or stand for no date."""
LOG_LINE = (
    r"^(?:<\d{1,3}>)?\[?(?:[A-Z][a-z]{2} [ \d]\d|\d{4}[-/]\d\d[-/]\d\d)[T ]\d\d:\d\d:\d\d\S*"
    r"\s+\S*\pL\S*\s+\S"
)
"""A time and two words behind it, as syslog and programs write; one may name a zone."""
LOG_SHARE = 0.9
TWO_PARTS = r"^[-+]?\d{1,4}:\d{2}$"
"""A clock of two numbers, which are hours and minutes, or minutes and seconds."""
MAX_WORDS, MAX_WORD = 4, 20
"""Cells that cannot be read are all named where they are so few, and so short."""
NO_SILENCE = r"(?i)inf|∞|<|ove?r|bdl|bloq|detected|!"
"""Missing marks that say more than that there is no value: infinity, limits, errors of formulas."""
ORDER_WORDS = {"mdy": "the month before the day", "dmy": "the day before the month"}
OTHER_ORDERS: dict[str, Order] = {"mdy": "dmy", "dmy": "mdy"}

SEVERAL = r"^\d{1,2}(?:[,;] ?\d{1,2}){2,}$"
"""Several answers to one question: `1,2,3`."""


def warn_of_codes(text: pl.Series, zeros: pl.Series) -> TableWarning:
    """Say that numbers with leading zeros are a category."""
    return warn(
        "leading_zeros",
        text,
        zeros.fill_null(value=False),
        detail="{count} such as {example} begin with a zero: {name} was read as text",
        fix="set its type to number if it is a quantity",
    )


def warn_of_phones(text: pl.Series) -> TableWarning:
    """Say that long numbers with a plus before them are a category."""
    return warn(
        "phone_numbers",
        text,
        find_phones(text).fill_null(value=False),
        detail="{count} such as {example} look like phone numbers: {name} was read as text",
        fix="set its type to number if it is a quantity",
    )


def tell_inexact(column: pl.Series, number: pl.Series, warnings: list[TableWarning]) -> bool:
    """Say which whole numbers float64 would change; return whether `number` has changed them."""
    inexact = find_inexact(column, number)
    if not inexact.any():
        return False
    is_changed = number.dtype.is_float()
    done = "it was read as text" if is_changed else "a model sees them rounded"
    fix = (
        "set its type to number if it is a quantity"
        if is_changed
        else ("set its type to category if they are ids")
    )
    detail = (
        "{count} of {name}, such as {example}, are whole numbers of more digits than float64 has: "
    )
    warnings.append(warn("digits_lost", column, inexact, detail=detail + done, fix=fix))
    return is_changed


def find_unreadable(text: pl.Series, values: pl.Series) -> pl.Series:
    """Return where a cell says something, but none of the values of its column."""
    silent = text.is_in(MISSING_AMONG_NUMBERS).fill_null(value=True)
    odd = values.is_null() & ~silent
    return odd & ~text.str.contains(MISSING_CALL).fill_null(value=False) if odd.any() else odd


def warn_of_unreadable(
    text: pl.Series, odd: pl.Series, noun: str, *, is_training: bool
) -> TableWarning:
    """Say which cells among numbers or dates are none."""
    other = "set the column's type to category" if is_training else "write them as in training"
    words = text.filter(odd).unique(maintain_order=True).to_list()
    are_few = 1 < len(words) <= MAX_WORDS and max(map(len, words[1:])) <= MAX_WORD
    listed = f" ({', '.join(map(repr, words[1:]))} in others)" if are_few else ""
    if find_missing(text.filter(odd)).all() and not text.filter(odd).str.contains(NO_SILENCE).any():
        return warn(
            "unreadable_cells",
            text,
            odd,
            detail=f"{{count}}, such as {{example}}{listed}, say that there is no value of "
            "{name}: missing",
            fix="set the column's type to category if they say more",
        )
    return warn(
        "unreadable_cells",
        text,
        odd,
        detail=f"{{count}}, such as {{example}}{listed}, cannot be read as {noun} of {{name}}: "
        "missing",
        fix=f"mend them, name them in null_values, or {other}",
    )


def warn_of_mixed(text: pl.Series, odd: pl.Series, noun: str, *, kind: str) -> TableWarning:
    """Say which cells keep a column from being one of numbers or dates, and what type it may be.

    Missing marks do not, unless all are such.
    """
    is_odd = odd & ~find_missing(text)
    odd = is_odd if is_odd.any() else odd
    advice = f"mend them, name them in null_values, or set the column's type to {kind}"
    if text.filter(odd).str.contains(SEVERAL).all():
        advice = "put each of several answers into a column of its own, if they are such"
    return warn(
        "mixed_cells",
        text,
        odd,
        detail=f"{{count}}, such as {{example}}, are no {noun}: {{name}} was read as text",
        fix=advice,
    )


def warn_of_codes_or_results(text: pl.Series) -> TableWarning:
    """Say that texts may be results of races."""
    return warn(
        "looks_numeric",
        text,
        text.is_not_null(),
        detail="{count} of {name}, such as {example}, are codes or times: read as text",
        fix="set its type to duration if they are times, or to category",
    )


def warn_of_order(text: pl.Series, order: Order) -> TableWarning:
    """Say in which order dates were read that may be meant in another."""
    pattern = find_format(text, OTHER_ORDERS[order])
    fix = f"set date_format to {pattern}" if pattern else "write them as 2024-04-17"
    return warn(
        "ambiguous_dates",
        text,
        text.is_not_null(),
        detail=f"{{name}} was read with {ORDER_WORDS[order]}, such as {{example}}; nothing in the "
        "file proves it",
        fix=f"{fix} if it is the other way{_advise_duration(text)}",
    )


def _warn_of_years_first(text: pl.Series) -> Iterator[TableWarning]:
    """Say that years of two digits were read first, if they may be days as well."""
    if (pattern := find_format(text, "dmy")) is None:
        return
    yield warn(
        "ambiguous_dates",
        text,
        text.is_not_null(),
        detail="{name} was read with the year first, such as {example}, as it has fewer first than "
        "last numbers, or years to come if not; nothing else in the file proves it",
        fix=f"set date_format to {pattern} if the day comes first",
    )


def _warn_of_years_last(text: pl.Series) -> TableWarning:
    """Say that years of two digits were read last, and may as well be first."""
    pattern = find_format(text, "yymd") or "%y-%m-%d"
    return warn(
        "ambiguous_dates",
        text,
        text.is_not_null(),
        detail="{name} was read with the year last, such as {example}; nothing in the file proves "
        "that it is not first",
        fix=f"set date_format to {pattern} if the year comes first",
    )


def _advise_duration(text: pl.Series) -> str:
    """Return what else dates may be that look like results of races."""
    return "; set its type to duration if they are times" if may_be_results(text) else ""


def warn_of_years(text: pl.Series, values: pl.Series) -> Iterator[TableWarning]:
    """Say which dates may be of another century, or another calendar."""
    years = values.dt.year()
    is_short = ~text.str.contains(r"\d{4}") & (years >= DOUBTFUL_YEAR)
    if is_short.any():
        yield warn(
            "two_digit_years",
            text,
            is_short,
            detail="{count} of {name}, such as {example}, have years of two digits: read as 20xx",
            fix="write the years with four digits if some are of another century"
            + _advise_duration(text),
        )
    if (is_early := years < EARLY_YEAR).any():
        yield warn(
            "early_years",
            text,
            is_early,
            detail="{count} of {name}, such as {example}, are of years before 1600",
            fix="write years of the common era if they are of another calendar, such as 1402 of "
            "Iran, 1445 of the Hijra or 113 of Taiwan, or give date_format if they are no years",
        )
    if (is_late := years > LATE_YEAR).any():
        yield warn(
            "late_years",
            text,
            is_late,
            detail="{count} of {name}, such as {example}, are of years after 2200",
            fix="write years of the common era (Buddhist ones less 543), or name what is none in "
            "null_values",
        )


def tell_dates(text: pl.Series, reading: DateReading) -> Iterator[TableWarning]:
    """Say which dates may be of another century or order, and which have notes behind them."""
    values, is_noted = reading.values, reading.is_noted
    if reading.order == "yymd" and not is_monotonic(values):
        yield from _warn_of_years_first(text)
    if reading.may_have_years_first:
        yield _warn_of_years_last(text)
    yield from warn_of_years(text, values)
    if (letters := tell_letters(text, values)) is not None:
        yield letters
    if is_noted is not None:
        yield _warn_of_date_notes(text, is_noted)


def _warn_of_date_notes(text: pl.Series, is_noted: pl.Series) -> TableWarning:
    """Say that notes behind dates were left off."""
    return warn(
        "marks_removed",
        text,
        is_noted,
        detail="{count} of {name}, such as {example}, have a note behind the date: it was left off",
        fix="put the notes into a column of their own if they matter, or set its type to category",
    )


def warn_of_compact_days(column: pl.Series, dates: pl.Series, noun: str) -> TableWarning:
    """Say that numbers are dates."""
    return warn(
        "read_as_days",
        column,
        dates.is_not_null(),
        detail=f"{{name}} holds numbers such as {{example}}, all of them {noun}: it was read as "
        "dates",
        fix="set its type to number if they are quantities, to category if they are names",
    )


def warn_of_serials(text: pl.Series, values: pl.Series) -> TableWarning:
    """Say that numbers are dates, as a spreadsheet counts them."""
    is_read = values.is_not_null()
    return warn(
        "read_as_serial_dates",
        text,
        is_read,
        detail="{name} holds numbers such as {example}, read as dates of a spreadsheet, in days "
        f"since 1899-12-30: {_show_first(values)}",
        fix="set its type to number if they are quantities; write dates if they are days since "
        "1904, 1960 or 1970",
    )


def warn_of_doubtful_serials(text: pl.Series, values: pl.Series) -> TableWarning:
    """Say that numbers may be dates in one of two ways."""
    return warn(
        "ambiguous_dates",
        text,
        values.is_not_null(),
        detail="{name} holds numbers such as {example}: days since 1960 or 1970, or dates of a "
        f"spreadsheet ({_show_first(values)}); nothing proves it, and it was read as numbers",
        fix="set its type to date if they are dates of a spreadsheet, or write dates",
    )


def _show_first(values: pl.Series) -> str:
    return str(values.drop_nulls().first())


def warn_of_type(text: pl.Series, kind: str) -> TableWarning:
    """Say that a column was read without the type that it was given."""
    return warn(
        "type_not_used",
        text,
        text.is_not_null(),
        detail=f"no cell of {{name}}, such as {{example}}, can be read as {kind}: its cells "
        "decided what it is",
        fix="leave its type out, or mend the cells",
    )


def warn_of_one_column(text: pl.Series) -> TableWarning:
    """Say that nothing was found that splits the lines."""
    return warn(
        "one_column",
        text,
        text.is_not_null(),
        detail="the table has one column of text, such as {example}: nothing splits its lines",
        fix="give delimiter if the lines have one, such as delimiter=:",
    )


def tell_log_lines(text: pl.Series) -> Iterator[TableWarning]:
    """Say that a delimiter may stand in the messages of a log, if a column holds their starts."""
    is_line = text.str.contains(LOG_LINE).fill_null(value=False)
    if is_line.sum() >= LOG_SHARE * len(text):
        yield warn(
            "log_lines",
            text,
            is_line,
            detail="{count} of {name}, such as {example}, are a time and words behind it, as in "
            "the lines of a log, which may have been split where their messages have a delimiter",
            fix="give delimiter if it is another, or write a table of the values in the lines",
        )


def warn_of_unused_format(pattern: str) -> TableWarning:
    """Say that a format of dates fits no column."""
    return TableWarning(
        code="date_format_unused",
        count=0,
        detail=f"date_format {pattern!r} fits no cell: dates were read without it",
        fix="write it as the cells are, such as %d.%m.%Y for 17.04.2024",
    )


def warn_of_seconds(text: pl.Series, seconds: pl.Series, clock: Clock) -> TableWarning:
    """Say that times are numbers of seconds, and how many the first one is."""
    other = "give date_format=%M:%S if 4:30 is minutes and seconds, and was read as hours"
    if clock == "m:s":
        other = "give date_format=%H:%M if 4:30 is hours and minutes, and was read as minutes"
    has_two = text.str.contains(TWO_PARTS).any()
    first = f"{float(seconds.drop_nulls()[0]):,.10g}"
    return warn(
        "read_as_seconds",
        text,
        seconds.is_not_null(),
        detail=f"{{name}} holds times such as {{example}}: it was read as seconds, there {first}",
        fix="set its type to category if they are names" + (f"; {other}" if has_two else ""),
    )


def warn_of_mixed_dates(text: pl.Series, mixed: MixedDates) -> TableWarning:
    """Say that dates are written in several ways."""
    detail = "{count} of {name}, such as {example}, write dates in another way than the others"
    if mixed.may_swap:
        detail += (
            "; the others have no day above 12, and these no other: a spreadsheet may have taken "
            "days for months in the others"
        )
    fix = "write all dates in one way, such as 2024-04-17"
    return warn("dates_mixed", text, mixed.is_other, detail=detail, fix=fix)
