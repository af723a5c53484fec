"""Counts and lists for sentences."""

from __future__ import annotations

from collections.abc import Callable, Sequence

SHOWN_CHARACTERS = 60
FORMULA_STARTS = ("=", "+", "-", "@")
"""What begins a formula in a spreadsheet (OWASP, CSV injection)."""


def counted(count: int, noun: str, plural: str = "") -> str:
    """Format a count: `1 row`, `2,000 rows`."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {plural or noun + 's'}"


def clipped(text: str, max_characters: int = SHOWN_CHARACTERS) -> str:
    """Cut a text where it is long."""
    return text if len(text) <= max_characters else text[: max_characters - 1] + "…"


def make_printable(text: str) -> str:
    """Replace line ends and control characters, which a terminal may obey, by spaces."""
    return "".join(character if character.isprintable() else " " for character in text)


def make_plain_cell(text: str) -> str:
    """Return a cell that a spreadsheet shows as it is: a quote comes before what is a formula."""
    text = make_printable(text)
    return f"'{text}" if text[:1] in FORMULA_STARTS and not is_number(text) else text


def is_number(text: str) -> bool:
    """Return whether Python reads a text as a number."""
    try:
        float(text)
    except ValueError:
        return False
    return True


def list_first(things: Sequence[object], limit: int, form: Callable[[object], str] = str) -> str:
    """List the first things, and say how many more there are."""
    listed = ", ".join(map(form, things[:limit]))
    more = len(things) - limit
    return f"{listed} and {more:,} more" if more > 0 else listed


def describe_missing_loss(runs: int, refusal: str | None = None) -> str:
    """Say why a recipe has no loss: not trained, refused by Keras, or diverged."""
    if not runs:
        return "not trained"
    return "diverged" if refusal is None else "refused by Keras"


def describe_score(metric: str, value: float) -> str:
    """Format an RMSE or an accuracy."""
    return f"RMSE {value:,.4g}" if metric == "rmse" else f"accuracy {value:.1%}"
