"""Splits numbers of which some have marks: of footnotes and flags, or of what is not exact."""

from __future__ import annotations

from dataclasses import replace

import polars as pl

from lowloss.tables.approximations import choose_marks, mark_grades
from lowloss.tables.footnotes import extract_marks, find_footnotes, strip_footnotes
from lowloss.tables.numbers import Numbers, split_numbers
from lowloss.tables.signs import apply_signs, find_signs
from lowloss.tables.units import may_multiply


def split_approximations(tidy: pl.Series, *, are_numbers: bool = False) -> Numbers:
    """Split tidy texts at their numbers, of which some may not be exact.

    Where all `are_numbers`, flags behind them and marks of bounds are left off whatever they mean,
    but for multiples.
    """
    signs = find_signs(tidy)
    tidy = mark_grades(apply_signs(tidy, signs))
    is_noted = find_footnotes(tidy)
    if are_numbers:
        is_noted = _find_all_marks(tidy, is_noted)
    if is_noted is not None:
        tidy = strip_footnotes(tidy).zip_with(is_noted, tidy)
    approximations = choose_marks(tidy, are_numbers=are_numbers)
    numbers = split_numbers(approximations.text)
    return replace(
        numbers,
        is_marked=approximations.is_marked,
        unread_marks=approximations.unread,
        is_noted=is_noted,
        signs=signs,
    )


def _find_all_marks(tidy: pl.Series, is_flagged: pl.Series | None) -> pl.Series | None:
    """Return where numbers have a mark, but for letters that multiply; None where none has.

    `is_flagged` where one is no multiple for sure.
    """
    is_noted = find_footnotes(tidy, are_numbers=True)
    if is_noted is None:
        return None
    marks = extract_marks(tidy)
    letters = [mark for mark in marks.drop_nulls().unique() if may_multiply(mark)]
    is_multiple = marks.is_in(letters).fill_null(value=False)
    if is_flagged is not None:
        is_multiple &= ~is_flagged
    if not is_multiple.any():
        return is_noted
    is_noted &= ~is_multiple
    bare = strip_footnotes(tidy).zip_with(is_noted, tidy)
    numbers = split_numbers(choose_marks(bare, are_numbers=True).text)
    is_noted |= is_multiple & numbers.parts["body"].is_null()
    return is_noted if is_noted.any() else None
