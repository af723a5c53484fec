"""The warnings of a column's reading: what was done, how often, and how to change it."""

from __future__ import annotations

from collections.abc import Iterator

import polars as pl

from lowloss.results import TableWarning
from lowloss.results.datasets import MAX_EXAMPLE
from lowloss.tables.dates import Order
from lowloss.tables.evidence import find_mark
from lowloss.tables.footnotes import list_marks
from lowloss.tables.marks import MISSING_AMONG_NUMBERS
from lowloss.tables.notation import Mark, Notation
from lowloss.tables.numbers import Numbers, Surroundings, find_inexact, tidy_signs
from lowloss.tables.phones import find_phones

DOUBTFUL_YEAR, LATE_YEAR = 2040, 2200
"""Years of two digits that would be so late are more likely of the century before; later ones are
of another calendar, or stand for no date."""
SHOWN_ROWS, SHOWN_MARKS = 5, 5
"""How many rows a warning names, and how many marks."""
ORDER_WORDS = {"mdy": "the month before the day", "dmy": "the day before the month"}
OTHER_FORMATS = {"mdy": "%d/%m/%Y", "dmy": "%m/%d/%Y"}


def find_rows(is_row: pl.Series) -> tuple[int, ...]:
    """Return the numbers of the first rows, from 1, where something holds."""
    return tuple(int(row) + 1 for row in is_row.fill_null(value=False).arg_true()[:SHOWN_ROWS])


def warn(code: str, text: pl.Series, is_row: pl.Series, *, detail: str, fix: str) -> TableWarning:
    """Return a warning of the rows of a column where something holds; `{example}` is such a cell.

    `{name}` and `{count}` are filled in, too.
    """
    rows = find_rows(is_row)
    words = _describe(text, is_row) | {"name": repr(text.name)}
    return TableWarning(
        code=code,
        column=text.name,
        count=int(is_row.sum() or 0),
        rows=rows,
        example=_cut_cell(text, rows[0]),
        detail=_fill(detail, words),
        fix=fix,
    )


def _describe(text: pl.Series, is_row: pl.Series) -> dict[str, str]:
    """Say how many cells there are where something holds, and show one."""
    count, row = int(is_row.sum() or 0), find_rows(is_row)[0]
    return {
        "count": f"{count:,} cell{'' if count == 1 else 's'}",
        "example": f"{_cut_cell(text, row)!r} in row {row}",
    }


def _cut_cell(text: pl.Series, row: int) -> str:
    return str(text[row - 1])[:MAX_EXAMPLE]


def _fill(detail: str, words: dict[str, str]) -> str:
    # Names may hold braces: `format` would read them.
    for word in ("count", "example", "name"):
        detail = detail.replace(f"{{{word}}}", words[word], 1)
    return detail


def warn_of_codes(text: pl.Series, zeros: pl.Series) -> TableWarning:
    """Say that numbers with leading zeros are a category."""
    return warn(
        "leading_zeros",
        text,
        zeros.fill_null(value=False),
        detail="{count} such as {example} begin with a zero: {name} was read as a category",
        fix="set its type to number if it is a quantity",
    )


def warn_of_phones(text: pl.Series) -> TableWarning:
    """Say that long numbers with a plus before them are a category."""
    return warn(
        "phone_numbers",
        text,
        find_phones(text).fill_null(value=False),
        detail="{count} such as {example} look like phone numbers: {name} was read as a category",
        fix="set its type to number if it is a quantity",
    )


def tell_inexact(column: pl.Series, number: pl.Series, warnings: list[TableWarning]) -> bool:
    """Say which whole numbers float64 would change; return whether `number` has changed them."""
    inexact = find_inexact(column, number)
    if not inexact.any():
        return False
    is_changed = number.dtype.is_float()
    done = "it was read as a category" if is_changed else "a model sees them rounded"
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
    return values.is_null() & ~silent


def warn_of_unreadable(
    text: pl.Series, odd: pl.Series, noun: str, *, is_training: bool
) -> TableWarning:
    """Say which cells among numbers or dates are none."""
    other = "set the column's type to category" if is_training else "write them as in training"
    return warn(
        "unreadable_cells",
        text,
        odd,
        detail=f"{{count}}, such as {{example}}, cannot be read as {noun} of {{name}}: missing",
        fix=f"mend them, name them in null_values, or {other}",
    )


def warn_of_mixed(text: pl.Series, odd: pl.Series, noun: str) -> TableWarning:
    """Say which cells keep a column from being one of numbers or dates."""
    return warn(
        "mixed_cells",
        text,
        odd,
        detail=f"{{count}}, such as {{example}}, are no {noun}: {{name}} was read as text",
        fix="mend them, name them in null_values, or set the column's type to "
        f"{noun.removesuffix('s')}",
    )


def warn_of_mark(text: pl.Series, mark: Mark, notation: Notation) -> TableWarning:
    """Say how a mark was read that may be a decimal mark, or stand between thousands."""
    is_decimal = notation.decimal == mark
    meaning = "the decimal mark" if is_decimal else "a mark between thousands"
    return warn(
        "ambiguous_numbers",
        text,
        text.str.contains(mark, literal=True).fill_null(value=False),
        detail=f"{mark!r} in {{count}} such as {{example}} was read as {meaning} of {{name}}; "
        "nothing in the file proves it",
        fix=f"set {'thousands' if is_decimal else 'decimal'} to {mark!r} if it is the other way",
    )


def warn_of_order(text: pl.Series, order: Order) -> TableWarning:
    """Say in which order dates were read that may be meant in another."""
    return warn(
        "ambiguous_dates",
        text,
        text.is_not_null(),
        detail=f"{{name}} was read with {ORDER_WORDS[order]}, such as {{example}}; nothing in the "
        "file proves it",
        fix=f"set date_format to {OTHER_FORMATS[order].replace('/', find_mark(text))} "
        "if it is the other way",
    )


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
            fix="write the years with four digits if some are of another century",
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


def warn_of_compact_days(column: pl.Series) -> TableWarning:
    """Say that whole numbers are dates."""
    return warn(
        "read_as_days",
        column,
        column.is_not_null(),
        detail="{name} holds numbers such as {example}, all of them days: it was read as dates",
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


def warn_of_unused_format(pattern: str) -> TableWarning:
    """Say that a format of dates fits no column."""
    return TableWarning(
        code="date_format_unused",
        count=0,
        detail=f"date_format {pattern!r} fits no cell: dates were read without it",
        fix="write it as the cells are, such as %d.%m.%Y for 17.04.2024",
    )


def warn_of_seconds(text: pl.Series) -> TableWarning:
    """Say that times are numbers of seconds."""
    return warn(
        "read_as_seconds",
        text,
        text.is_not_null(),
        detail="{name} holds times such as {example}: it was read as seconds",
        fix="set its type to category if they are names",
    )


def warn_of_currencies(text: pl.Series, around: Surroundings) -> TableWarning:
    """Say that amounts in several currencies stand in one column."""
    listed = ", ".join(around.currencies)
    return warn(
        "currencies_mixed",
        text,
        text.is_not_null(),
        detail=f"{{name}} holds amounts in several currencies ({listed}), such as {{example}}; "
        "they were read as numbers without them",
        fix="convert them to one currency, or put the currency into a column of its own",
    )


def warn_of_approximations(text: pl.Series, is_marked: pl.Series) -> TableWarning:
    """Say which numbers are not exact, or bounds."""
    return warn(
        "approximate_numbers",
        text,
        is_marked,
        detail="{count} of {name}, such as {example}, are approximate or bounds: read as the "
        "numbers in them",
        fix="set its type to category if they are names",
    )


def warn_of_footnotes(text: pl.Series, is_noted: pl.Series) -> TableWarning:
    """Say that marks of footnotes were left off."""
    listed = ", ".join(map(repr, list_marks(tidy_signs(text).filter(is_noted))[:SHOWN_MARKS]))
    return warn(
        "marks_removed",
        text,
        is_noted,
        detail=f"{listed} behind {{count}} of {{name}}, such as {{example}}, was left off as the "
        "mark of a footnote",
        fix="put the marks into a column of their own if they matter, or set its type to category",
    )


def warn_of_mixed_dates(text: pl.Series, is_other: pl.Series, *, may_swap: bool) -> TableWarning:
    """Say that dates are written in several ways."""
    detail = "{count} of {name}, such as {example}, write dates in another way than the others"
    if may_swap:
        detail += (
            "; the others have no day above 12, and these no other: a spreadsheet may have taken "
            "days for months in the others"
        )
    fix = "write all dates in one way, such as 2024-04-17"
    return warn("dates_mixed", text, is_other, detail=detail, fix=fix)


def warn_of_units(text: pl.Series, numbers: Numbers) -> TableWarning:
    """Say that a unit was left off, or multiplied out."""
    parts, around = numbers.parts, numbers.around
    unit, is_number = parts["unit"], parts["body"].is_not_null()
    has_unit = is_number & (unit != "")
    for currency in set(around.currencies) - set(around.units):
        has_unit &= unit != currency
    listed = ", ".join(map(repr, around.units))
    done = "left off" if around.unit else "multiplied out"
    detail = f"{listed} behind the numbers of {{name}} was {done} in {{count}}, such as {{example}}"
    is_bare = is_number & (unit == "")
    if around.unit and is_bare.any():
        words = _describe(text, is_bare)
        detail += f"; {words['count']} without it, such as {words['example']}, were read alike"
    return warn(
        "units_removed",
        text,
        has_unit,
        detail=detail,
        fix="set its type to category if they are names",
    )
