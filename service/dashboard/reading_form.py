"""The words of the pages: what messages say for the API, by the labels of forms."""

from __future__ import annotations

import re

FORM_WORDS = {
    "give header=true": "choose “First line: names the columns”",
    "header=false": "“First line: is a row”",
    "say skip_rows or quote": "fill in “Lines above the header” or “Quote”",
    "give skip_rows": "fill in “Lines above the header”",
    "null_values": "“Also missing”",
    "date_format": "“Dates are”",
    "set decimal to": "set “Decimal mark” to",
    "set thousands to": "set “Between thousands” to",
    "features.include names them": "a job that is sent by the API names them in features.include",
    "space, insights.next_space": "space, which its report has",
    "give quote": "choose “Quote”",
}
"""Names of the API's options of parsing, as messages have them, and what the form calls them.

A quote is also a plain word: it is an option only where a message says so.
"""
_NAMES = re.compile("|".join(rf"\b{re.escape(name)}\b" for name in FORM_WORDS))


def use_form_words(text: str) -> str:
    """Put the form's labels in the place of the API's names of options."""
    return _NAMES.sub(lambda match: FORM_WORDS[match[0]], text)
