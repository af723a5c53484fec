"""What programs write around a cell: formulas that keep a text, `="00123"`, and Python's calls."""

from __future__ import annotations

import polars as pl

FORMULA = r'^="([^"]*)"$'
"""The formula that keeps a spreadsheet from changing a text."""
_FUNCTION = (
    r"^(?:(?:np|numpy|torch|jnp|tf)\.)?(?:float\d+|u?int\d+|tensor|array|Decimal)\(\s*(?:'|\[+)?"
)
_END = r"(?:'|\]+)?(?:,\s*[a-z_]+=.*)?\)$"
CALL = rf"{_FUNCTION}([-+]?(?:\d[\d.]*(?:e[-+]?\d+)?|nan|inf)){_END}"
"""A number as Python shows one of a library: `np.float64(12.4)`, `tensor(0.5, device='cuda:0')`."""
MISSING_CALL = rf"{_FUNCTION}[-+]?nan{_END}"
"""One that says that there is no number."""
HEAD_ROWS = 100


def unwrap_texts(strings: pl.DataFrame) -> pl.DataFrame:
    """Return columns without such formulas, which their first cells have if they have any."""
    # One call for all columns: there may be thousands.
    has_formula = strings.head(HEAD_ROWS).select(pl.all().str.starts_with('="').any()).row(0)
    names = [name for name, has in zip(strings.columns, has_formula, strict=True) if has]
    return strings.with_columns(pl.col(names).str.replace(FORMULA, "$1")) if names else strings
