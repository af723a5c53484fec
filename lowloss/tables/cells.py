"""The cells of a table: labels, and values in errors."""

from __future__ import annotations

import json

MAX_DAYS = 2_932_896
"""The days from 1970 to the end of the year 9999: no date is a larger number of days."""

EPOCH_DAYS = 25_569
"""The day 1970-01-01 as spreadsheets count days, since 1899-12-30."""

MAX_SHOWN = 60
"""How many characters of a wrong value an error shows."""


def format_label(value: object, words: tuple[str, str] | None = None) -> str:
    """Format a value as a label: whole numbers without a point, booleans by their words.

    These are "false" and "true" unless a table has others.
    """
    if isinstance(value, bool):
        return (words or ("false", "true"))[value]
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)


def show_value(value: object) -> str:
    """Format a wrong value for an error: JSON, cut where it is long."""
    text = json.dumps(value, default=str)
    return text if len(text) <= MAX_SHOWN else f"{text[:MAX_SHOWN]}…"
