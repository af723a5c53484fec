"""The words of the pages: what messages say for the API, by the labels of forms."""

from __future__ import annotations

import re

FORM_WORDS = {
    "give header=true": "choose “First line: names the columns”",
    "give header=false": "choose “First line: is a row”",
    "or header=false": "or choose “First line: is a row”",
    "give skip_rows=": "fill in “Lines above the header” with ",
    "or skip_rows=": "or fill in “Lines above the header” with ",
    "give skip_rows": "fill in “Lines above the header”",
    "null_values": "“Also missing”",
    "give date_format=": "fill in “Dates are” with ",
    "give date_format": "fill in “Dates are”",
    "date_format": "“Dates are”",
    # A call of pandas, in which the name is not the form's.
    "date_format='iso'": "date_format='iso'",
    "set decimal to": "set “Decimal mark” to",
    "set thousands to": "set “Between thousands” to",
    "features.include names them": "a job that is sent by the API names them in features.include",
    "budget.max_seconds": "“Seconds of search”",
    "budget.max_trials": "“Trials, at most”",
    "budget.max_epochs": "“Epochs of a trial, at most”",
    "budget.diagnosis_seconds": "“Seconds of the diagnosis”",
    "budget.target_value": "the score that was to be reached",
    "give quote": "choose “Quote”",
    "or say quote": "or choose “Quote”",
    "give encoding=": "fill in “Encoding” with ",
    "give encoding": "fill in “Encoding”",
    "give delimiter=, if": "fill in “Delimiter” with a comma if",
    "such as delimiter=": "such as ",
    "give delimiter": "fill in “Delimiter”",
    "give comment": "fill in “Comments begin with”",
    "give sheet": "fill in “Sheet”",
    "set its type": "set “Column … is”",
    "set the column's type": "set “Column … is”",
}
"""Names of the API's options of parsing, as messages have them, and what the form calls them.

A quote is also a plain word: it is an option only where a message says so.
"""
NEXT_SPACE = ("space, insights.next_space", "space, by the button below")
"""What a remark says of the space that a search proposes, and what it says beside the button."""
_LONGEST_FIRST = sorted(FORM_WORDS, key=len, reverse=True)
# Behind `date_format=` comes no letter.
_NAMES = re.compile(
    "|".join(
        rf"\b{re.escape(name)}" + (r"\b" if name[-1].isalnum() else "") for name in _LONGEST_FIRST
    )
)
_FIELDS = re.compile(
    r"\b(header|skip_rows|null_values|date_format|decimal|thousands|encoding|delimiter|comment"
    r"|sheet|quote|type)\b"
)
_NO_FIELD = re.compile(r" \(budget\.[^)]*\)")
"""Where a message names a field that no form has."""


def find_reading_field(text: str) -> str | None:
    """Return the first field of the form that a message names by the form's words; else None."""
    names = (match[0] for match in _NAMES.finditer(text))
    name = next((name for name in names if FORM_WORDS[name] != name), "")
    field = _FIELDS.search(name)
    return None if field is None else field[0]


def point_to_button(remark: str) -> str:
    """Put the button in the place of the API's name of what it goes on with."""
    return remark.replace(*NEXT_SPACE)


def use_form_words(text: str) -> str:
    """Put the form's labels in the place of the API's names of options."""
    return _NO_FIELD.sub("", _NAMES.sub(lambda match: FORM_WORDS[match[0]], text))
