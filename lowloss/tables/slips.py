"""Drops numbers whose decimal mark slipped, where the options of their file name it."""

from __future__ import annotations

import polars as pl

from lowloss.tables.marked_numbers import split_approximations
from lowloss.tables.notation import OTHER, Mark
from lowloss.tables.numbers import drop_slips
from lowloss.tables.options import ParseOptions


def drop_slipped(tidy: pl.Series, options: ParseOptions) -> pl.Series:
    """Set the few numbers to null whose mark is not that of all others, if the options decide."""
    decimal: Mark | None = options.decimal or OTHER.get(options.thousands or "")
    if decimal is None and options.thousands is None:
        return tidy
    if not tidy.str.contains(r"[.,]").any():
        return tidy
    numbers = split_approximations(tidy)
    others = drop_slips(numbers, decimal or ".")
    is_slip = numbers.parts["body"].is_not_null() & others.parts["body"].is_null()
    return tidy.set(is_slip, None) if is_slip.any() else tidy
