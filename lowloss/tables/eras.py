"""Reads years of the eras of Japan and Taiwan: `令和6年5月1日`, `R6.5.1`, `民國113年5月1日`."""

from __future__ import annotations

import polars as pl

from lowloss.results import TableWarning
from lowloss.tables.sentences import warn

ERAS = {
    name: (before, years)
    for names, before, years in (
        ("民國 民国", 1911, 188),
        ("令和 R", 2018, 40),
        ("平成 H", 1988, 31),
        ("昭和 S", 1925, 64),
        ("大正 T", 1911, 15),
        ("明治 M", 1867, 45),
    )
    for name in names.split()
}
"""The year before the first of each era, by its names, and how many it has at most."""
WITH_NAME = r"^(?:中華)?(?P<era>民[國国]|令和|平成|昭和|大正|明治)\s?"
WITH_LETTER = r"^(?P<era>[RHSTM])"
DAY = (
    r"(?P<y>\d{1,3})\s?[年./-]\s?(?P<m>\d{1,2})(?:\s?[月./-]\s?(?P<d>\d{1,2})日?|月)?"
    r"(?P<rest>\s.*)?$"
)
LETTERED_DAY = r"(?P<y>\d{1,2})[./](?P<m>\d{1,2})[./](?P<d>\d{1,2})(?P<rest>\s.*)?$"
LAST_MONTH, MIN_LATE, MIN_LATE_SHARE = 12, 2, 0.3
"""Sections, versions and ports (`R1.2.3`, `T1/1/2`) have small numbers: so many different texts,
and such a share of all, must have a day above 12, as 60 % of all days are."""
UNNAMED = (
    r"^(?:\d{2,3}[/.-](?:0?[1-9]|1[0-2])[/.-](?:0?[1-9]|[12]\d|3[01])|\d{2,3}年\d{1,2}月\d{1,2}日)$"
)
OF_TAIWAN = r"^1[0-4]\d\D"
"""Years of three digits, which no other calendar has now: 2011 to 2060."""
SHARE = 0.95


def write_common_years(text: pl.Series, *, are_dates: bool = False) -> pl.Series:
    """Write dates of an era as ISO does.

    Letters are eras where all texts with one are days of the calendar, and enough of them are above
    12, unless all `are_dates`: `R6.5.1` is a version, too.
    """
    text = text.str.replace(r"元年", "1年")
    for pattern in (WITH_NAME + DAY, WITH_LETTER + LETTERED_DAY):
        is_era = text.str.contains(pattern).fill_null(value=False)
        has_name = are_dates or pattern.startswith(WITH_NAME)
        if is_era.any() and (has_name or _are_eras(text.filter(is_era))):
            text = text.zip_with(~is_era, _write(text, pattern).alias(text.name))
    return text


def tell_letters(text: pl.Series, values: pl.Series) -> TableWarning | None:
    """Say that letters were read as eras; None where there are none."""
    is_era = (
        text.str.contains(WITH_LETTER + LETTERED_DAY).fill_null(value=False) & values.is_not_null()
    )
    if not is_era.any():
        return None
    return warn(
        "eras_read",
        text,
        is_era,
        detail="{count} of {name}, such as {example}, were read as dates of Japanese eras: R6 is "
        "2024, H31 is 2019, S64 is 1989",
        fix="set its type to category if they are no dates",
    )


def tell_doubtful_letters(text: pl.Series) -> TableWarning | None:
    """Say that texts may be dates whose era is a letter; None where some are none."""
    is_era = text.str.contains(WITH_LETTER + LETTERED_DAY).fill_null(value=False)
    if not is_era.any() or is_era.sum() < text.count() or _read_days(text).count() < text.count():
        return None
    return warn(
        "unnamed_era",
        text,
        is_era,
        detail="{count} of {name}, such as {example}, may be dates of Japanese eras, whose year R6 "
        "is 2024, or versions and sections: read as text",
        fix="name the era in them (令和6年5月1日), or write years of the common era, if they are "
        "dates",
    )


def tell_unnamed(text: pl.Series) -> TableWarning | None:
    """Say that texts may be dates of Taiwan whose era is not named; None where they are none."""
    is_date = text.str.contains(UNNAMED).fill_null(value=False)
    is_long = is_date & text.str.contains(OF_TAIWAN).fill_null(value=False)
    if not is_long.any() or is_date.sum() < SHARE * text.count():
        return None
    return warn(
        "unnamed_era",
        text,
        is_long,
        detail="{count} of {name}, such as {example}, may be dates of Taiwan, whose year 113 is "
        "2024: read as text",
        fix="name the era in them (民國113年5月1日), or write years of the common era, with 1911 "
        "more",
    )


def _are_eras(text: pl.Series) -> bool:
    """Return whether texts with letters of eras are dates for sure."""
    days = _read_days(text)
    late = text.filter(days.dt.day() > LAST_MONTH)
    is_enough = late.n_unique() >= MIN_LATE and len(late) >= MIN_LATE_SHARE * len(text)
    return is_enough and days.null_count() == 0


def _read_days(text: pl.Series) -> pl.Series:
    """Return the days that texts with letters of eras may be; null where the calendar has none."""
    return _write(text, WITH_LETTER + LETTERED_DAY).str.head(10).str.to_date(strict=False)


def _write(text: pl.Series, pattern: str) -> pl.Series:
    parts = text.str.extract_groups(pattern).struct.unnest()
    before, years = (
        pl.col("era").replace_strict(
            {name: numbers[position] for name, numbers in ERAS.items()},
            default=None,
            return_dtype=pl.Int64,
        )
        for position in (0, 1)
    )
    number = pl.col("y").cast(pl.Int64)
    year = pl.when(number.is_between(1, years)).then(before + number).cast(pl.String)
    day = ("-" + pl.col("d").str.zfill(2)).fill_null("")
    written = year + "-" + pl.col("m").str.zfill(2) + day + pl.col("rest").fill_null("")
    return parts.select(written.alias("text"))["text"]
