"""What a cell of a table says, and where it ends: missing values, labels, delimiters."""

from __future__ import annotations

import json

DELIMITERS = (",", ";", "\t", "|")
"""Of a CSV's fields."""
MISSING = ("", "NA", "N/A", "n/a", "NaN", "nan", "NULL", "null", "None", "<NA>", "#N/A")
MISSING_AMONG_NUMBERS = ("?", "-", ".")

MAX_SHOWN = 60
"""Characters of a wrong value that are shown back."""


def label(value: object) -> str:
    """A value as a string: whole numbers without a point, booleans in lower case."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)


def shown(value: object) -> str:
    """A wrong value as an error shows it: JSON, cut where it is long."""
    text = json.dumps(value, default=str)
    return text if len(text) <= MAX_SHOWN else f"{text[:MAX_SHOWN]}…"
