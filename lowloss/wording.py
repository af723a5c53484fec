"""Numbers, names, counts and lists as people read them."""

from __future__ import annotations

import math
import struct
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta

MAX_FLOAT32, MAX_WHOLE = 3.4e38, 1e15
"""Whole numbers below are written without a power of ten."""
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
NAMES_OF_MARKS: dict[object, str] = {None: "none", "": "none", " ": "space", "\t": "tab"}
"""What options are called whose own text says nothing."""
DASH = "\N{EN DASH}"
MINUS = "\N{MINUS SIGN}"
ARROW = "\N{RIGHTWARDS ARROW}"
AGE_UNITS = {"day": 86_400, "h": 3_600, "min": 60}
"""How many seconds a unit of an age has, the largest first."""
BYTE_UNITS = ("B", "kB", "MB", "GB", "TB")
SHOWN_CHARACTERS = 60
MAX_LISTED = 20
FORMULA_STARTS = ("=", "+", "-", "@")
"""What begins a formula in a spreadsheet (OWASP, CSV injection)."""


def format_number(value: float | None) -> str:
    """Format a number with four significant digits, or its whole part; a dash for None."""
    if value is None:
        return DASH
    if 9999.5 <= abs(value) < MAX_WHOLE:
        return f"{value:,.0f}".replace("-", MINUS)
    return f"{value:.4g}".replace("-", MINUS)


def format_exact(value: float) -> str:
    """Format a number with all its digits, as a file has it; of a float32 with those it has."""
    if abs(value) < MAX_WHOLE and value == int(value):
        return f"{value:.0f}".replace("-", MINUS)
    short = f"{value:.7g}"
    is_float32 = abs(value) < MAX_FLOAT32 and _to_float32(value) == value
    is_short = is_float32 and _to_float32(float(short)) == value
    return (short if is_short else f"{value:.15g}").replace("-", MINUS)


def _to_float32(value: float) -> float:
    (rounded,) = struct.unpack("f", struct.pack("f", value))
    return float(rounded)


def format_short(value: float | None, *, digits: int = 3) -> str:
    """Format a number with up to four digits, large ones with their zeros; a dash for None."""
    return format_number(None if value is None else float(f"{value:.{digits}g}"))


def format_rough(value: float | None, name: str = "") -> str:
    """Format a number with two digits: a standard error is not known better; a dash for None.

    That of a MAPE is in percent, as the MAPE is.
    """
    return format_metric(value, name) if _is_mape(name) else format_short(value, digits=2)


def format_measured(value: float, error: float) -> str:
    """Format a value and its error, `0.028 ± 0.014`: two digits of the error, the same places."""
    if not 1e-8 < error < math.inf:
        return f"{format_number(value)} ± {format_number(error)}"
    places = max(0, 1 - math.floor(math.log10(error)))
    return f"{_format_places(value, places)} ± {_format_places(error, places)}"


def format_metric(value: float | None, name: str) -> str:
    """Format a metric by its name, with `val_` or without: a MAPE is in percent, with a decimal."""
    if value is None or not _is_mape(name):
        return format_number(value)
    percent = 100 * value
    if 0 < percent < 0.1:
        return "<0.1 %"
    return f"{percent:,.1f} %" if percent < 9999.5 else f"{format_number(percent)} %"


def format_metric_cells(values: Sequence[float | None], name: str = "") -> list[str]:
    """Format values of one metric that stand side by side: four digits of the largest.

    The smallest, unless it is nothing beside that, has two of its own.
    """
    if _is_mape(name):
        return [format_metric(value, name) for value in values]
    sizes = [abs(value) for value in values if value is not None and math.isfinite(value)]
    largest = max(sizes, default=0.0)
    # A value alone stands beside none.
    if len(sizes) < 2 or not 1e-4 <= largest < 9999.5:
        return [format_number(value) for value in values]
    smallest = min(size for size in sizes if size >= 1e-4 * largest)
    places = max(3 - math.floor(math.log10(largest)), 1 - math.floor(math.log10(smallest)), 0)
    return [DASH if value is None else _format_places(value, places) for value in values]


def _is_mape(name: str) -> bool:
    return name.removeprefix("val_") == "mape"


def _format_places(value: float, places: int) -> str:
    # A zero has no sign.
    return f"{round(value, places) + 0.0:,.{places}f}".replace("-", MINUS)


def format_seconds(value: float | None) -> str:
    """Format seconds with one decimal, below 1 with two; a dash for None."""
    if value is None:
        return DASH
    return f"{value:,.1f}" if value >= 1 else f"{value:.2f}"


def format_loss(value: float | None) -> str:
    """Format a loss of a diagnosis, the same wherever it stands; a dash for None."""
    return format_short(value, digits=4)


def format_percent(share: float, *, is_precise: bool = False) -> str:
    """Format a share in percent; the smallest shares do not become 0.

    Where it `is_precise`, larger ones have a decimal, too, and what is not all is not 100 %.
    """
    if 0 < share < 0.001:
        return "<0.1 %"
    if is_precise and 0.999 < share < 1:
        return ">99.9 %"
    digits = 1 if is_precise or abs(share) < 0.1 else 0
    # A zero has no sign.
    return f"{round(100 * share, digits) + 0.0:.{digits}f} %".replace("-", MINUS)


def format_duration(seconds: float | None) -> str:
    """Format a duration: `45 s`, `3 min 20 s`, `2 h 5 min`; a dash for None."""
    if seconds is None:
        return DASH
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes} min"
    if minutes:
        return f"{minutes} min {rest} s" if rest else f"{minutes} min"
    return f"{rest} s"


def format_age(seconds: float) -> str:
    """Format how long ago something was, in its largest unit: `5 min ago`."""
    for unit, length in AGE_UNITS.items():
        if seconds >= length:
            count = int(seconds // length)
            return f"{counted(count, unit) if unit == 'day' else f'{count} {unit}'} ago"
    return "just now"


def format_day(days: float) -> str:
    """Format a date from days since 1970-01-01."""
    try:
        return f"{datetime(1970, 1, 1, tzinfo=UTC) + timedelta(days=days):%Y-%m-%d}"
    except OverflowError:
        return format_number(days)


def format_bytes(size: float) -> str:
    """Format a number of bytes: `1.5 MB`."""
    power = 0
    # From there on three digits round to a thousand.
    while size >= 999.5 and power < len(BYTE_UNITS) - 1:
        size, power = size / 1000, power + 1
    return f"{size:.3g} {BYTE_UNITS[power]}"


def format_setting(value: object) -> str:
    """Format a hyperparameter's value."""
    match value:
        case None:
            return "none"
        case tuple():
            return "-".join(map(str, value)) or "none"
        case float():
            return format_number(value)
        case _:
            return str(value)


def format_option(value: object) -> str:
    """Format a field of a request as people read it: lists with commas, no `None` and no quotes."""
    match value:
        case bool():
            return "yes" if value else "no"
        case list() | tuple():
            return ", ".join(map(format_option, value)) or "none"
        case dict():
            return ", ".join(f"{name} as {format_option(entry)}" for name, entry in value.items())
        case float():
            return f"{value:.6g}"
        case _:
            return NAMES_OF_MARKS.get(value, str(value))


def in_words(code: str) -> str:
    """Name a metric, a baseline, a cause or a hyperparameter in words."""
    if code in NAMES:
        return NAMES[code]
    if code.startswith("val_"):
        return f"validation {in_words(code.removeprefix('val_'))}"
    return code.replace("_", " ")


def counted(count: int, noun: str, plural: str = "") -> str:
    """Format a count: `1 row`, `2,000 rows`."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {plural or noun + 's'}"


def capitalize(text: str) -> str:
    """Make the first letter large, and leave the others as they are: L1 stays L1."""
    return text[:1].upper() + text[1:]


def lower_first(text: str) -> str:
    """Make the first letter small, and leave the others as they are."""
    return text[:1].lower() + text[1:]


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


def list_clipped(things: Sequence[object]) -> str:
    """List the first things, each cut where it is long, and say how many more there are."""
    return list_first(things, MAX_LISTED, lambda thing: clipped(str(thing)))


def describe_error(error: BaseException) -> str:
    """Return the first line of an error; its class where it says nothing."""
    return next(iter(str(error).splitlines()), type(error).__name__)


def describe_missing_loss(runs: int, refusal: str | None = None) -> str:
    """Say why a recipe has no loss: not trained, refused by Keras, or diverged."""
    if not runs:
        return "not trained"
    return "diverged" if refusal is None else "refused by Keras"


def describe_score(metric: str, value: float) -> str:
    """Format an RMSE or an accuracy."""
    if metric == "rmse":
        return f"RMSE {format_number(value)}"
    return f"accuracy {format_percent(value, is_precise=True)}"
