"""What stands around numbers: currencies, and what letters and words multiply by."""

from __future__ import annotations

import re

SIGNS = "[$€£¥₹₽₩₺฿₴₦₫₪¢]"
CODES = (
    "USD|EUR|GBP|JPY|CHF|CNY|RMB|INR|RUB|BRL|CAD|AUD|NZD|SEK|NOK|DKK|PLN|CZK|HUF|TRY|ZAR|MXN|KRW|"
    "SGD|HKD|ILS|THB|TWD|IDR|MYR|PHP|VND|AED|SAR|ARS|CLP|COP|PEN|UAH|NGN|KES|RON|BGN|"
    "[A-Z]{1,2}\\$|Rs\\.?|Rp\\.?|S/\\.?|kr\\.?|zł|Kč|Ft|Fr\\."
)
CURRENCY = f"(?:{SIGNS}|{CODES})"
ZERO = rf"^(?:{CURRENCY}\s*-{{1,2}}|-{{1,2}}\s*{CURRENCY})$"
"""Nothing, as the accounting format of spreadsheets writes it: `$ -`."""
LETTERS = {"k": 3, "K": 3, "m": 6, "M": 6, "b": 9, "B": 9, "G": 9, "T": 12, "L": 5}
WORDS = {
    word: power
    for power, words in (
        (4, "万 萬 만"),
        (8, "亿 億 억"),
        (3, "tsd tausend thousand thousands"),
        (5, "lakh lakhs lac lacs"),
        (6, "mio mill mln mn million millions millionen"),
        (7, "cr crore crores"),
        (9, "mrd mia bn bln billion billions milliarde milliarden milliard milliards"),
        (12, "tn trn trillion trillions"),
    )
    for word in words.split()
}
"""Powers of ten, by the words in lower case."""
DOUBTFUL = frozenset(("m", "b", "G", "T", "B", "L", "cr"))
"""Multiples that are as often units: metres, bits, gauss, tesla, bytes, litres, credits."""
BYTES = {"B": 0, "KB": 3, "kB": 3, "MB": 6, "GB": 9, "TB": 12, "PB": 15}


def find_multiples(names: set[str], *, has_bare: bool, has_currency: bool) -> dict[str, float]:
    """Return what the texts behind a column's numbers multiply by; nothing where one is a unit.

    A text that may be a unit is a multiple only beside another one or a currency; `has_bare` where
    some numbers have nothing behind them.
    """
    bare_names = {name: _strip_currency(name) for name in names}
    has_currency = has_currency or any(bare != name for name, bare in bare_names.items())
    if not has_currency and (len(names) > 1 or has_bare) and names <= set(BYTES) and names != {"B"}:
        return {name: 10.0 ** BYTES[name] for name in names}
    powers = {name: _find_power(bare) for name, bare in bare_names.items()}
    multiples = {name: 10.0**power for name, power in powers.items() if power is not None}
    if len(multiples) < len(names):
        return {}
    (first, *others) = bare_names.values()
    is_doubtful = not others and (_fold(first) in DOUBTFUL or (len(first) == 1 and not has_bare))
    is_sure = has_currency or not is_doubtful or first == "k"
    return multiples if is_sure else {}


def may_multiply(name: str) -> bool:
    """Return whether a text behind a number may be a multiple."""
    return _find_power(name) is not None


def _find_power(name: str) -> int | None:
    return LETTERS[name] if name in LETTERS else WORDS.get(_fold(name))


def _fold(name: str) -> str:
    """Return a word in lower case without its point; letters keep their case."""
    return name.lower().strip(". ") if len(name) > 1 else name


def _strip_currency(name: str) -> str:
    bare = re.sub(rf"^{CURRENCY}\s*|\s*{CURRENCY}$", "", name)
    return bare.rstrip(". ") or name
