"""The warnings of columns of numbers: marks, units and signs that were taken off."""

from __future__ import annotations

from collections.abc import Iterator

import polars as pl

from lowloss.results import TableWarning
from lowloss.tables.compounds import Compound, find_compounds, may_be_compounds
from lowloss.tables.footnotes import list_marks
from lowloss.tables.notation import Mark, Notation, find_other_decimals
from lowloss.tables.numbers import Numbers, Surroundings, tidy_numbers, tidy_signs
from lowloss.tables.sentences import warn
from lowloss.tables.signs import BRACKETS, IN_BRACKETS, Signs, has_sign
from lowloss.tables.units import ZERO

SHOWN_MARKS = 5
"""How many marks a warning names."""


def tell_numbers(
    text: pl.Series, numbers: Numbers, values: pl.Series, notation: Notation
) -> Iterator[TableWarning]:
    """Say what was taken off the numbers of a column, and which have another decimal mark."""
    around = numbers.around
    yield from _tell_decimals(text, numbers, notation)
    is_mixed = around.unit == "%" and numbers.has_bare
    if around.units and (is_mixed or not around.is_plain):
        yield warn_of_units(text, numbers)
    if may_be_compounds(text):
        for compound, is_one in find_compounds(tidy_signs(text)):
            yield warn_of_compounds(text, compound, is_one)
    if numbers.signs:
        yield warn_of_signs(text, numbers.signs)
    elif not (values >= 0).any() and text.str.contains(IN_BRACKETS).any():
        yield warn_of_brackets(text)
    if (
        numbers.is_marked is not None
        and (is_marked := numbers.is_marked & values.is_not_null()).any()
    ):
        yield warn_of_approximations(text, is_marked)
    if numbers.is_noted is not None:
        yield warn_of_footnotes(text, numbers.is_noted)
    if len(around.currencies) > 1:
        yield warn_of_currencies(text, around)


def warn_of_compounds(text: pl.Series, compound: Compound, is_one: pl.Series) -> TableWarning:
    """Say that numbers of two units were read as one number."""
    return warn(
        "units_joined",
        text,
        is_one,
        detail=f"{{count}} of {{name}}, such as {{example}}, are {compound.name}: read as "
        f"{compound.unit}",
        fix="set its type to category if they are names",
    )


def _tell_decimals(text: pl.Series, numbers: Numbers, notation: Notation) -> Iterator[TableWarning]:
    """Say which numbers have another decimal mark, and which are dashes."""
    if other := find_other_decimals(numbers.shapes, notation):
        yield _warn_of_other_decimals(text, numbers.parts["shape"].is_in(other), notation)
    is_zero = text.str.contains(ZERO).fill_null(value=False)
    if is_zero.any():
        yield _warn_of_zeros(text, is_zero)


def _warn_of_other_decimals(
    text: pl.Series, is_other: pl.Series, notation: Notation
) -> TableWarning:
    """Say that some numbers have another decimal mark than the others."""
    return warn(
        "decimal_marks_mixed",
        text,
        is_other.fill_null(value=False),
        detail="{count} of {name}, such as {example}: the decimal mark is not "
        f"{notation.decimal!r}, as in others, and was read as such",
        fix="write all with one mark, or set its type to category if they are names",
    )


def _warn_of_zeros(text: pl.Series, is_zero: pl.Series) -> TableWarning:
    """Say that dashes beside a currency were read as zeros."""
    return warn(
        "dashes_as_zeros",
        text,
        is_zero,
        detail="{count} of {name}, such as {example}, were read as 0, as spreadsheets write it in "
        "accounts",
        fix="name them in null_values if they say that there is no value",
    )


def warn_of_brackets(text: pl.Series) -> TableWarning:
    """Say that brackets were read as a minus where no number is without: they may mean nothing."""
    return warn(
        "signs_read",
        text,
        text.str.contains(IN_BRACKETS).fill_null(value=False),
        detail="'()' was read as a minus in {count} of {name}, such as {example}: no number is "
        "positive",
        fix="take the brackets away if they mean no minus",
    )


def warn_of_signs(text: pl.Series, signs: Signs) -> TableWarning:
    """Say which words and triangles are a minus, and which a plus."""
    meanings = {-1: "a minus", 1: "no minus" if BRACKETS in signs else "a plus"}
    meaning = " and ".join(f"{mark!r} was read as {meanings[signs[mark]]}" for mark in signs)
    return warn(
        "signs_read",
        text,
        has_sign(tidy_numbers(text), signs),
        detail=f"{meaning} in {{count}} of {{name}}, such as {{example}}",
        fix="set its type to category if they are names, or write signs",
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
    listed = ", ".join(map(repr, list_marks(tidy_numbers(text).filter(is_noted))[:SHOWN_MARKS]))
    return warn(
        "marks_removed",
        text,
        is_noted,
        detail=f"{listed} behind {{count}} of {{name}}, such as {{example}}, was left off as the "
        "mark of a footnote",
        fix="put the marks into a column of their own if they matter, or set its type to category",
    )


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
        detail += "; {other_count} without it, such as {other_example}, were read alike"
    return warn(
        "units_removed",
        text,
        has_unit,
        detail=detail,
        fix="set its type to category if they are names",
        is_other=is_bare if is_bare.any() else None,
    )
