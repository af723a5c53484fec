"""Numbers and names as people read them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from lowloss.results import Column, ColumnKind

NAMES = {
    "rmse": "RMSE",
    "mae": "MAE",
    "mape": "MAPE",
    "r2": "R²",
    "roc_auc": "ROC AUC",
    "f1": "F1",
    "val_loss": "validation loss",
    "mean": "mean of the target",
    "majority": "class frequencies",
    "l1": "L1",
    "l2": "L2",
    "l1_too_strong": "L1 too strong",
    "l2_too_strong": "L2 too strong",
}
DASH = "\N{EN DASH}"
MINUS = "\N{MINUS SIGN}"
ARROW = "\N{RIGHTWARDS ARROW}"
SHOWN_CHARACTERS = 60
MAX_LISTED = 20


def number(value: float | None) -> str:
    """Format a number with four significant digits, or its whole part; a dash for None."""
    if value is None:
        return DASH
    if 1e4 <= abs(value) < 1e15:
        return f"{value:,.0f}".replace("-", MINUS)
    return f"{value:.4g}".replace("-", MINUS)


def percent(share: float) -> str:
    """Format a share in percent; the smallest shares do not become 0."""
    if 0 < share < 0.001:
        return "<0.1 %"
    digits = 1 if abs(share) < 0.1 else 0
    # A zero has no sign.
    return f"{round(100 * share, digits) + 0.0:.{digits}f} %".replace("-", MINUS)


def name(key: str) -> str:
    """Name a metric, a baseline or a hyperparameter in words."""
    return NAMES.get(key) or key.replace("_", " ")


def counted(count: int, noun: str) -> str:
    """Format a count: `1 row`, `2,000 rows`."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def clipped(text: str, max_characters: int = SHOWN_CHARACTERS) -> str:
    """Cut a text where it is long."""
    return text if len(text) <= max_characters else text[: max_characters - 1] + "…"


def listed(things: Sequence[object]) -> str:
    """List the first things, and say how many more there are."""
    first_things = ", ".join(clipped(str(thing)) for thing in things[:MAX_LISTED])
    more = len(things) - MAX_LISTED
    return f"{first_things} and {more:,} more" if more > 0 else first_things


def duration(seconds: float) -> str:
    """Format a duration: `45 s`, `3 min 20 s`, `2 h 5 min`."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"


def value_of(column: Column, value: float | None) -> str:
    """Format a value of a column: dates as dates."""
    if value is not None and column.kind is ColumnKind.date:
        return day(value)
    return number(value)


def day(days: float) -> str:
    """Format a date from days since 1970-01-01."""
    try:
        return f"{datetime(1970, 1, 1, tzinfo=UTC) + timedelta(days=days):%Y-%m-%d}"
    except OverflowError:
        return number(days)


def setting(value: object) -> str:
    """Format a hyperparameter's value."""
    match value:
        case None:
            return "none"
        case tuple():
            return "-".join(map(str, value))
        case float():
            return number(value)
        case _:
            return str(value)
