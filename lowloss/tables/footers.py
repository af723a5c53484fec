"""Finds notes below the rows of a CSV: words in lines that are shorter, or in one field alone."""

from __future__ import annotations

import re

import numpy as np

from lowloss.tables.dialect import Dialect
from lowloss.tables.records import Records
from lowloss.tables.values import is_number

MAX_FOOTER = 20
"""The last records, of which some may be no data."""
NOTE = re.compile(
    r"[^\W\d_].*[ \t:]|[ \t:].*[^\W\d_]|^[-=*_]{3,}$|^(?:sub)?totals?$", re.IGNORECASE
)
HEADING = re.compile(r"[^\W\d_]{4,}")
"""A word alone in a line below a table of three columns or more: what comes next, or nothing."""
SENTENCE = re.compile(r"[^\W\d_]\S*\s+\S+\s+\S+\s+\S")
"""Four words or more: a note in the first field of a row, such as when a report was printed."""
"""What a note below a table looks like: words, a label, or a line; but no value."""
FILLED_NOTE = re.compile(
    r"[*†‡©¹²³⁰⁴-⁹]+\s*[^\W\d_]|[(\[]\w{1,2}[)\]]\s*[^\W\d_]|[^\W\d_][^:]{0,40}:(?:\s|$)"
)
"""The start of a note in a row of its own: a footnote's mark, or a label such as `Source:`."""
ALIKE_ROWS = 20
"""The first rows, beside which such a note is judged: labels of rows have colons in many."""
NOTE_CHARACTERS, ROW_CHARACTERS = 200, 10_000
"""How much of a line is looked at for a note, as the pattern takes quadratic time; the longest row
that may be one."""


def find_notes(body: Records, dialect: Dialect, width: int) -> list[int]:
    """Return the last records that are words: shorter than rows, or in one field of a row."""
    notes: list[int] = []
    last = len(body.ends) - 1
    for index in range(last, max(-1, last - MAX_FOOTER), -1):
        text = body.text(index)
        is_short = body.fields[index] < width and len(text) <= ROW_CHARACTERS
        if is_short and not any(dialect.fields(text)):
            notes.append(index)
            continue
        if body.fields[index] < width:
            start = text[:NOTE_CHARACTERS]
            is_note = not is_number(dialect.fields(text)[0]) and bool(NOTE.search(start))
            is_note |= width > 2 and HEADING.fullmatch(text) is not None
        elif text.strip(dialect.blanks):
            is_note = body.fields[index] == width and _is_filled_note(body, dialect, index)
        else:
            continue
        if not is_note:
            break
        notes.append(index)
    rows = np.count_nonzero(body.fields == width) - np.count_nonzero(body.fields[notes] == width)
    return notes[::-1] if rows >= 2 else []


def _is_filled_note(body: Records, dialect: Dialect, index: int) -> bool:
    """Return whether a row has a note in one field and nothing in others.

    Where labels of rows look like notes, it is a row.
    """
    text = body.text(index)
    start = text.lstrip(dialect.blanks)[:NOTE_CHARACTERS].lstrip(dialect.quote)
    is_label, is_sentence = FILLED_NOTE.match(start), SENTENCE.match(start)
    if body.fields[index] < 2 or len(text) > ROW_CHARACTERS or not (is_label or is_sentence):
        return False
    if sum(map(bool, dialect.fields(text))) > 1:
        return False
    above = [body.text(row) for row in range(min(index, ALIKE_ROWS))]
    rows = [dialect.fields(text) for text in above if len(text) <= ROW_CHARACTERS]
    if is_label:
        return not any(FILLED_NOTE.match(row[0]) for row in rows if any(row[1:]))
    # Where other rows have one field alone, it is one of them.
    return body.fields[index] > 2 and all(sum(map(bool, row)) != 1 for row in rows)
