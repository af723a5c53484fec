"""Reads durations and times of day as seconds."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

import polars as pl

from lowloss.tables.clock_words import write_clocks

Clock = Literal["h:m", "m:s"]
"""What a clock of two numbers shows."""
CLOCK = (
    r"^(?P<sign>[-+])?(?:(?P<days>\d+)\s*(?:days?,?\s+|d\s*|\.)(?P<plus>\+)?)?"
    r"(?P<hours>\d{1,4})(?::|\s?[hH]\s?|u)(?P<minutes>[0-5]\d)(?::(?P<seconds>[0-5]\d(?:[.,]\d+)?))?"
    r"\s*(?P<half>[AaPp]\.?\s?[Mm]\.?)?$"
)
LAP = (
    r"^(?P<sign>[-+])?(?:(?P<days>\d+)\s*(?:days?,?\s+|d\s*)(?P<plus>\+)?)?"
    r"(?:(?:(?P<hours>\d{1,4}):)?(?P<minutes>\d{1,4}):)?(?P<seconds>\d{1,2}(?:[.,]\d+)?)$"
)
"""Clocks of which all have seconds; those below a minute may have nothing else."""
HOUR = r"^(1[0-2]|0?[1-9])\s*([AaPp]\.?[Mm]\.?)$"
"""A clock without minutes: `5 pm`."""
POINTED = r"^([01]\d|2[0-3])\.([0-5]\d)\.([0-5]\d)$"
"""A time of day as `18.00.00`; what may be a date is read as one, and `1.10.15` is a version."""
ONE_DIGIT, PADDED = r"^(\d)\.([0-5]\d)\.([0-5]\d)$", r"[.:]0\d(?:[.:]|$)"
"""A time before ten, as `9.30.00`: beside others, of which one has a zero that no version has."""
RESULT, HUNDREDTHS = r"^(\d{1,2})\.([0-5]\d)\.(\d\d)$", r"^\d{1,2}\.[0-5]\d\.[6-9]\d$"
"""A result of a race, `2.06.56`: hours, minutes and seconds, unless some cell shows that the last
part is hundredths of a second, which go up to 99."""
LATE, LATE_SHARE = r"\.(?:3[2-9]|[4-9]\d)$", 0.2
"""A last part that no day is, and the share of such cells from which on none are days; half of all
seconds are so late."""
FEW_HOURS = r"^\d\."
RESULT_NAME = re.compile(
    r"(?:^|[^a-z])(?:times?|results?|finish|splits?|laps?|chip|gun|zeit|zeiten|laufzeit|ergebnis|ziel"
    r"|temps|resultats?|résultats?|arrivée|tiempos?|resultados?|tempos?|tempi|risultat[oi]"
    r"|tijd|uitslag|resultaat|tid|tider|czas|wynik|čas|výsledek|aika|tulos|idő|süre)(?:$|[^a-z])",
    re.IGNORECASE,
)
"""What most results begin with, and what their column is called, where they are no codes of
industries: `47.11.40`."""
OFFSET = r"^(?:[-+](?:0\d|1[0-4]):(?:00|15|30|45)|00:00)$"
SIGNED_CLOCK, ANY_CLOCK = r"^[-+]\d+:\d\d", r"^[-+]?\d+:\d\d"
"""A zone's offset from UTC, such as `+05:30`: all are whole quarters of an hour."""
SHORT = r"^([01]?\d|2[0-3])\.([0-5]\d)$"
"""A time of day as `05.30` or `9.30`: only where all are durations, and none is one of minutes."""
FRACTION = r"^-?\d{1,4}:[0-5]\d[.,]\d+$"
"""A fraction is one of seconds: `1:23.456` is a minute and more."""
ISO = (
    r"^(?P<sign>-)?P(?:(?P<days>\d+)D)?"
    r"(?:T(?:(?P<hours>\d+)H)?(?:(?P<minutes>\d+)M)?(?:(?P<seconds>\d+(?:\.\d+)?)S)?)?$"
)
WORDS = (
    r"^(?P<sign>-)?(?:(?P<days>\d+)\s*(?:d(?:ays?)?|j(?:ours?)?|Tage?|d[ií]as?)\s*)?"
    r"(?:(?P<hours>\d+)\s*(?:h(?:(?:ou)?rs?|eures?|oras?)?|Std\.?|Stunden?)\s*)?"
    r"(?:(?P<minutes>\d+)\s*(?:m(?:in(?:ut[eo]n?)?s?)?|Min(?:uten?)?)\.?\s*)?"
    r"(?:(?P<seconds>\d+(?:\.\d+)?)\s*s(?:ec(?:ond)?s?)?)?$"
)
PACE = re.compile(r"(?:^|[^a-z])(?:pace|split|lap)(?:$|[^a-z])", re.IGNORECASE)
"""A name of minutes and seconds."""
WRITTEN_FORM = re.compile(
    r"(?:^|[^a-z:])(?:(?:m{1,2}|min(?:s|utes?|uten)?)\.?\s?:\s?(?:s{1,2}|sec(?:s|onds?)?|sek(?:unden)?)"
    r"|(?<!h_)mm_ss)(?:$|[^a-z])",
    re.IGNORECASE,
)
"""A name that says how its times are written: `TOI (mm:ss)`, and not `hh:mm:ss`."""
GAP = re.compile(
    r"(?:^|[^a-z])(?:gap|diff|difference|behind|interval|rückstand|abstand|écart|ecart|distacco|diferencia)"
    r"(?:$|[^a-z])",
    re.IGNORECASE,
)
BEHIND = r"^\+\d{1,2}:[0-5]\d$"
"""How far others are behind a winner: minutes and seconds, unless some part shows hours."""
DAY = 86_400
UNITS = {"hours": 3600, "minutes": 60}
MIXED = r"\d\s*[dhmjTS].*\d\s*[hmsSM]"
"""Words are durations only where some cell has two units: `5 m` may be metres."""


@dataclass(frozen=True)
class Durations:
    """Durations in seconds, null where a text is none, and what clocks of two numbers show."""

    seconds: pl.Series
    clock: Clock


def read_durations(
    text: pl.Series,
    *,
    are_durations: bool = False,
    are_dates: bool = False,
    clock: Clock | None = None,
) -> Durations | None:
    """Read the commonest way of writing durations, as seconds; null where a text is none.

    Where all `are_durations`, `5 m` is five minutes and `05.30` is half past five; else they may be
    metres and a number. Where they may as well be dates, no result of a race is read. A `clock`
    that is not given is detected. Offsets from UTC are none.
    """
    if not are_durations and _are_offsets(text):
        return None
    if not are_dates or are_durations:
        text = _write_results(text, are_durations=are_durations, clock=clock)
    text = _tidy_clocks(text, are_durations=are_durations)
    clock = clock or _detect_clock(text)
    if are_durations and clock == "h:m":
        text = text.str.replace(SHORT, "$1:$2")
    best: pl.Series | None = None
    read_clock: Clock = clock
    # `5:30 pm` is none of minutes, in a file whose other clocks are.
    clocks = (LAP, CLOCK) if clock == "m:s" else (CLOCK,)
    iso = _read(text, ISO)
    for pattern in (*clocks, WORDS):
        if pattern is WORDS and not (are_durations or text.str.contains(MIXED).any()):
            continue
        # OpenDocument has `PT29H14M00S` beside `23:17:00`.
        seconds = pl.select(pl.coalesce(_read(text, pattern), iso)).to_series()
        if seconds.count() > (0 if best is None else best.count()):
            best, read_clock = seconds, "h:m" if pattern is CLOCK else clock
    return None if best is None else Durations(best, read_clock)


def _write_results(text: pl.Series, *, are_durations: bool, clock: Clock | None) -> pl.Series:
    """Write results of races with colons."""
    is_sure = are_durations and (clock == "m:s" or may_be_results(text))
    if not is_sure and not (_are_late(text) and _has_result_name(text)):
        return text
    is_short = clock == "m:s" or (clock is None and text.str.contains(HUNDREDTHS).any())
    return text.str.replace(RESULT, "$1:$2.$3" if is_short else "$1:$2:$3")


def _tidy_clocks(text: pl.Series, *, are_durations: bool) -> pl.Series:
    """Write times of day with colons."""
    text = write_clocks(text, are_alone=True)
    is_pointed = text.str.contains(POINTED)
    text = text.str.replace(HOUR, "$1:00 $2").str.replace(POINTED, "$1:$2:$3")
    are_times = is_pointed.any() and text.str.contains(PADDED).any()
    return text.str.replace(ONE_DIGIT, "$1:$2:$3") if are_durations or are_times else text


def may_be_results(text: pl.Series) -> bool:
    """Return whether all texts may be results such as `2.06.56`: days and codes may be, too."""
    present = text.drop_nulls()
    return len(present) > 0 and bool(present.str.contains(RESULT).all())


def are_codes_or_results(text: pl.Series) -> bool:
    """Return whether texts are no days, and as likely codes of industries as results of races."""
    return _are_late(text) and not _has_result_name(text)


def _are_late(text: pl.Series) -> bool:
    """Return whether texts may be results of races, and are no days."""
    if not may_be_results(text):
        return False
    present = text.drop_nulls()
    is_late = present.str.contains(LATE).sum() >= LATE_SHARE * len(present)
    return bool(is_late and present.str.contains(PADDED).any())


def _has_result_name(text: pl.Series) -> bool:
    """Return whether most texts begin as results do, or their column is called so."""
    are_short = text.str.contains(FEW_HOURS).sum() > text.count() / 2
    return are_short or RESULT_NAME.search(text.name) is not None


def _are_offsets(text: pl.Series) -> bool:
    """Return whether all clocks are offsets from UTC."""
    clocks = text.filter(text.str.contains(ANY_CLOCK))
    is_signed = clocks.str.contains(SIGNED_CLOCK).any()
    return bool(is_signed and clocks.str.contains(OFFSET).all())


def _read(text: pl.Series, pattern: str) -> pl.Series:
    parts = text.str.extract_groups(pattern).struct.unnest()
    names = ("days", "hours", "minutes", "seconds")
    has_part = pl.any_horizontal(pl.col(name).is_not_null() for name in names)
    total = pl.col("seconds").str.replace(",", ".", literal=True).cast(pl.Float64).fill_null(0.0)
    for name, unit in UNITS.items():
        total += pl.col(name).cast(pl.Float64).fill_null(0.0) * unit
    sign = pl.when(pl.col("sign") == "-").then(-1.0).otherwise(1.0)
    days = pl.col("days").cast(pl.Float64).fill_null(0.0) * DAY
    if pattern is CLOCK:
        total += _shift_half(pl.col("half").str.head(1).str.to_lowercase())
    if pattern in {CLOCK, LAP}:
        # pandas writes an hour before midnight as -1 days +23:00:00.
        total = pl.when(pl.col("plus") == "+").then(total * sign).otherwise(total)
    total = (total + days) * sign
    seconds = parts.select(pl.when(has_part).then(total).otherwise(None).alias("s"))["s"]
    # Sums of binary fractions: 60 + 23.456 is not 83.456.
    seconds = seconds.round(9)
    whole = seconds.cast(pl.Int64, strict=False)
    return whole if bool((whole.cast(pl.Float64) == seconds).all()) else seconds


def _detect_clock(text: pl.Series) -> Clock:
    """Return what `59:10` is.

    Minutes beside `1:23.4`, or `1:02:30`, as no day has 59 hours, or in a column `pace` or `mm:ss`.
    """
    says_minutes = PACE.search(text.name) or WRITTEN_FORM.search(text.name)
    if text.str.contains(FRACTION).any() or says_minutes:
        return "m:s"
    if GAP.search(text.name) and text.str.contains(BEHIND).any():
        return "m:s"
    parts = text.str.extract_groups(CLOCK).struct.unnest()
    is_clock, is_long = pl.col("hours").is_not_null(), pl.col("seconds").is_not_null()
    is_short = is_clock & ~is_long & pl.col("half").is_null() & pl.col("days").is_null()
    hours = pl.col("hours").cast(pl.Int64)
    shows = parts.select(
        (is_clock & is_long).any()
        & (is_short & (hours > 23)).any()
        & (hours.filter(is_long) < 24).all()
    )
    return "m:s" if shows.item() else "h:m"


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
