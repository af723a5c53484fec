"""Writes times of day with colons where they have words: `10.30 Uhr`, `14時30分`, `10h30`."""

from __future__ import annotations

import polars as pl

HOUR = r"(\d{1,2})"
PER_DISTANCE = r"\s?(?:min)?\s?/\s?(?:km|mi|mile|100\s?m)$"
"""Behind the minutes and seconds that runners and swimmers take."""
HAS_WORDS = r"Uhr|uur|[時时点點시]|\d\s?[hH]|hod|ч|(?i:kl)|/\s?(?:km|mi|100)"
"""What a text with one of the replacements has; most have none."""
ALONE = (
    # What stands before a time that has no date.
    (r"^(?i:kl|klo|um)\.?\s?(\d{1,2})[.:](\d{2})\b", "$1:$2"),
    (rf"^{HOUR}\s?Uhr$", "$1:00"),
    (rf"^{HOUR}h([0-5]\d)'([0-5]\d)(?:\"|'')?$", "$1:$2:$3"),
    (rf"^(\d)(:[0-5]\d){PER_DISTANCE}", "0:0$1$2"),
    (rf"^(\d\d:[0-5]\d){PER_DISTANCE}", "0:$1"),
)
DATED = (
    (r"(\d),? (?:kl\.?|klo|um) (\d{1,2})\.(\d{2})$", "$1 $2:$3"),
    (rf"(\D\s){HOUR}\s?[時时点點시]$", "$1$2:00"),
    (rf"(\s){HOUR}\s?(?:Uhr|[hH])$", "$1$2:00"),
    (rf"(\s){HOUR}\s?[hH]\s?(\d{{2}})(?:\s?m(?:in)?)?$", "$1$2:$3"),
)
"""What is a time only behind a date: alone, `10h30` may be a duration, and `2 j 8 h` is one."""
REPLACEMENTS = (
    (r"([時时点點시])\s?(\d)\s?([分분])", "${1}0$2$3"),
    (r"([分분])\s?(\d)\s?([秒초])", "${1}0$2$3"),
    (rf"{HOUR}\s?[時时点點시]\s?(\d{{2}})\s?[分분]\s?(\d{{2}})\s?[秒초]", "$1:$2:$3"),
    (rf"{HOUR}\s?[時时点點시]\s?(\d{{2}})\s?[分분]", "$1:$2"),
    (rf"{HOUR}\.(\d{{2}})\.(\d{{2}})\s?Uhr$", "$1:$2:$3"),
    (rf"{HOUR}(?:\.|\s?Uhr\s?)(\d{{2}})(?:\s?Uhr)$", "$1:$2"),
    (rf"{HOUR}\s?Uhr\s?(\d{{2}})$", "$1:$2"),
    (r"(\d:\d{2})\s?(?:Uhr|uur|hs?|Hrs?\.?|hrs|hod\.?|ч\.?)$", "$1"),
)
"""What is replaced by what, one after the other."""


def write_clocks(text: pl.Series, *, are_alone: bool = False) -> pl.Series:
    """Return texts with their times as `10:30`; `are_alone` where nothing else stands in a text."""
    if not text.str.contains(HAS_WORDS).any():
        return text
    for pattern, replacement in (*REPLACEMENTS, *(ALONE if are_alone else DATED)):
        text = text.str.replace(pattern, replacement)
    return text
