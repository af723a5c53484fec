"""Numbers and names as people read them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from lowloss.results import Column, ColumnKind
from lowloss.wording import clipped, list_first

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


def listed(things: Sequence[object]) -> str:
    """List the first things, each cut where it is long, and say how many more there are."""
    return list_first(things, MAX_LISTED, lambda thing: clipped(str(thing)))


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
