"""Reads durations and times of day as seconds."""

from __future__ import annotations

import polars as pl

CLOCK = (
    r"^(?P<sign>-)?(?:(?P<days>\d+)\s*(?:days?,?\s+|d\s*|\.)(?P<plus>\+)?)?"
    r"(?P<hours>\d{1,4}):(?P<minutes>[0-5]\d)(?::(?P<seconds>[0-5]\d(?:[.,]\d+)?))?"
    r"\s*(?P<half>[AaPp]\.?[Mm]\.?)?$"
)
ISO = (
    r"^(?P<sign>-)?P(?:(?P<days>\d+)D)?"
    r"(?:T(?:(?P<hours>\d+)H)?(?:(?P<minutes>\d+)M)?(?:(?P<seconds>\d+(?:\.\d+)?)S)?)?$"
)
WORDS = (
    r"^(?P<sign>-)?(?:(?P<days>\d+)\s*d(?:ays?)?\s*)?(?:(?P<hours>\d+)\s*h(?:(?:ou)?rs?)?\s*)?"
    r"(?:(?P<minutes>\d+)\s*m(?:in(?:ute)?s?)?\s*)?"
    r"(?:(?P<seconds>\d+(?:\.\d+)?)\s*s(?:ec(?:ond)?s?)?)?$"
)
DAY = 86_400
UNITS = {"hours": 3600, "minutes": 60}
MIXED = r"\d\s*[dhm].*\d\s*[hms]"
"""Words are durations only where some cell has two units: `5 m` may be metres."""


def read_durations(text: pl.Series, *, are_durations: bool = False) -> pl.Series | None:
    """Read the commonest way of writing durations, as seconds; null where a text is none.

    Where all `are_durations`, `5 m` is five minutes; else it may be metres.
    """
    best: pl.Series | None = None
    for pattern in (CLOCK, ISO, WORDS):
        if pattern is WORDS and not (are_durations or text.str.contains(MIXED).any()):
            continue
        seconds = _read(text, pattern)
        if seconds.count() > (0 if best is None else best.count()):
            best = seconds
    return best


def _read(text: pl.Series, pattern: str) -> pl.Series:
    parts = text.str.extract_groups(pattern).struct.unnest()
    if pattern is CLOCK:
        parts = _shift_short_clocks(parts)
    names = ("days", "hours", "minutes", "seconds")
    has_part = pl.any_horizontal(pl.col(name).is_not_null() for name in names)
    total = pl.col("seconds").str.replace(",", ".", literal=True).cast(pl.Float64).fill_null(0.0)
    for name, unit in UNITS.items():
        total += pl.col(name).cast(pl.Float64).fill_null(0.0) * unit
    sign = pl.when(pl.col("sign") == "-").then(-1.0).otherwise(1.0)
    days = pl.col("days").cast(pl.Float64).fill_null(0.0) * DAY
    if pattern is CLOCK:
        total += _shift_half(pl.col("half").str.head(1).str.to_lowercase())
        # pandas writes an hour before midnight as -1 days +23:00:00.
        total = pl.when(pl.col("plus") == "+").then(total * sign).otherwise(total)
    total = (total + days) * sign
    seconds = parts.select(pl.when(has_part).then(total).otherwise(None).alias("s"))["s"]
    whole = seconds.cast(pl.Int64, strict=False)
    return whole if bool((whole.cast(pl.Float64) == seconds).all()) else seconds


def _shift_short_clocks(parts: pl.DataFrame) -> pl.DataFrame:
    """Take `59:10` beside `1:02:30` for minutes and seconds: no day has so many hours."""
    is_clock, is_long = pl.col("hours").is_not_null(), pl.col("seconds").is_not_null()
    is_short = is_clock & ~is_long & pl.col("half").is_null() & pl.col("days").is_null()
    hours = pl.col("hours").cast(pl.Int64)
    shows = parts.select(
        (is_clock & is_long).any()
        & (is_short & (hours > 23)).any()
        & (hours.filter(is_long) < 24).all()
    )
    if not shows.item():
        return parts
    return parts.with_columns(
        hours=pl.when(is_short).then(None).otherwise(pl.col("hours")),
        minutes=pl.when(is_short).then(pl.col("hours")).otherwise(pl.col("minutes")),
        seconds=pl.when(is_short).then(pl.col("minutes")).otherwise(pl.col("seconds")),
    )


def _shift_half(half: pl.Expr) -> pl.Expr:
    """Return what the half of the day adds to a clock of twelve hours."""
    is_twelve = pl.col("hours").cast(pl.Int64) == 12
    return (
        pl.when((half == "p") & ~is_twelve)
        .then(43_200.0)
        .when((half == "a") & is_twelve)
        .then(-43_200.0)
        .otherwise(0.0)
    )
