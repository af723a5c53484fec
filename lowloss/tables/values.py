"""What a single cell looks like: a number, a date, a missing mark, or text."""

from __future__ import annotations

import re
from collections.abc import Collection

from lowloss.tables.marks import MISSING_LOWER

HEAD_ROWS = 1000
"""Cells of a column that are looked at first: most columns are decided by them."""
NUMBER = re.compile(
    r"[~<>\u2264\u2265\u00b1]?\s*[-+(\u2212]?\s*[$€£¥]?\s*[-+]?"
    r"(?:\d[\d.,'\u2019 \u00a0\u202f]*|[.,]\d+)"
    r"(?:[eE][-+]?\d+|[dD][-+]\d+)?\s*(?:%|€|[A-Za-z°µ$£]{0,3})\)?\+?"
)
"""A number in any notation, loosely."""
DATE = re.compile(
    r"\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}(?:[T ,]\s*\d{1,2}:\d{2}.*)?"
    r"|\d{1,3}:\d{2}(?::\d{2})?(?:\.\d+)?"
    r"|\[\d{1,2}/[A-Z][a-z]{2}/\d{4}:\d{2}:\d{2}:\d{2}(?: [+-]\d{4})?\]"
)
"""A date, a time or both, in digits, or as servers write them into logs, loosely."""
MAX_CHARACTERS = 200
"""The longest text that is matched: the patterns take quadratic time, and no value is so long."""


def is_number(text: str) -> bool:
    """Return whether a text is a plain number, with a decimal point or comma."""
    try:
        float(text.replace(",", "."))
    except ValueError:
        return False
    return True


def is_missing(text: str) -> bool:
    """Return whether a text says that a number is missing."""
    return text.strip().lower() in MISSING_LOWER


def is_value(text: str) -> bool:
    """Return whether a text is a number or a date in some notation."""
    text = text.strip()
    if len(text) > MAX_CHARACTERS:
        return False
    return bool(NUMBER.fullmatch(text) or DATE.fullmatch(text))


def is_date(text: str) -> bool:
    """Return whether a text is a date, a time or both in digits."""
    text = text.strip()
    return len(text) <= MAX_CHARACTERS and DATE.fullmatch(text) is not None


def are_mostly_values(texts: Collection[str]) -> bool:
    """Return whether more than half of some texts are numbers or dates."""
    return sum(map(is_value, texts)) > len(texts) / 2


def may_be_value(text: str) -> bool:
    """Return whether a text has a digit, without which it is neither a number nor a date."""
    return any(character.isdigit() for character in text)
