"""Tells which texts mean what somebody named as missing: -200 names `-200.0`, too."""

from __future__ import annotations

import re
from collections.abc import Iterable

SHORT_NUMBER = re.compile(r"([-+]?\d+)(?:[.,](\d{1,2}))?")
"""A number to which zeros may be added that do not look like those of thousands."""


def match_null_values(null_values: Iterable[str]) -> str:
    """Return a pattern of whole texts that are missing, for `re` and polars.

    `predict.py`, which imports nothing, has a copy.
    """
    return f"^(?:{'|'.join(_write_again(value) for value in null_values)})$"


def _write_again(text: str) -> str:
    """Return a pattern of a text; of a short number with other decimals that mean the same, too."""
    match = SHORT_NUMBER.fullmatch(text)
    if match is None:
        return re.escape(text)
    whole, decimals = re.escape(match[1]), (match[2] or "").rstrip("0")
    if not decimals:
        other = rf"{whole}(?:[.,]0{{0,2}})?"
    else:
        # Three digits behind a mark may be thousands: 9,500 is not 9.5.
        zeros = "0|000" if len(decimals) == 1 else "00"
        other = rf"{whole}[.,]{decimals}(?:{zeros})?"
    return f"{re.escape(text)}|{other}"
