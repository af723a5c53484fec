"""Takes off the formula that keeps a spreadsheet from changing a text: `="00123"`."""

from __future__ import annotations

import polars as pl

WRAPPED = r'^="([^"]*)"$'
HEAD_ROWS = 100


def unwrap_texts(strings: pl.DataFrame) -> pl.DataFrame:
    """Return columns without such formulas, which their first cells have if they have any."""
    # One call for all columns: there may be thousands.
    has_formula = strings.head(HEAD_ROWS).select(pl.all().str.starts_with('="').any()).row(0)
    names = [name for name, has in zip(strings.columns, has_formula, strict=True) if has]
    return strings.with_columns(pl.col(names).str.replace(WRAPPED, "$1")) if names else strings
