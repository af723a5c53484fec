"""Reads short texts in Cyrillic or Greek by their letters, which have capitals in front alone."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator

CYRILLIC, GREEK = "оеаинтсрвлкмдпуыяьгзбчйхжшюцщэфъёіїєґ", "αοιετσνηυρπκμλςωδγχθφβξζψάέήίόύώϊϋ"
ENCODINGS = {
    "cp1251": CYRILLIC,
    "koi8_r": CYRILLIC,
    "cp866": CYRILLIC,
    "iso8859_5": CYRILLIC,
    "cp1253": GREEK,
}
"""The letters of each encoding, the frequent ones first."""
WORD = re.compile(rb"[A-Za-z]*[\x80-\xff][A-Za-z\x80-\xff]*")
WELL_FORMED, MIN_LETTERS, LONG = 0.95, 5, 3
"""The share of the different words that must have letters of one alphabet alone, with no capital
behind a small one; how many different letters they have, and how many one of them has at least."""


def guess_alphabet(sample: bytes, guessed: str | None) -> str | None:
    """Return the encoding in which words are well formed, if they are not so in the guessed one."""
    words = sorted(set(WORD.findall(sample)))
    likely = {
        name: weight
        for name, letters in ENCODINGS.items()
        if (weight := _weigh(words, name, letters)) is not None
    }
    if not likely or guessed in likely:
        return guessed
    return max(likely, key=lambda name: likely[name])


def _weigh(words: list[bytes], encoding: str, letters: str) -> float | None:
    """Return how likely words are in an encoding; None where they are not well formed."""
    texts = [word.decode(encoding, "replace") for word in words]
    formed = [text for text in texts if _is_formed(text, letters)]
    if len(formed) < WELL_FORMED * len(texts) or max(map(len, formed), default=0) < LONG:
        return None
    # Hebrew and Arabic have no capitals.
    if not any(text[0].isupper() and text[1:].islower() for text in formed):
        return None
    letter_list = list(_find_letters(formed))
    if len(set(letter_list)) < MIN_LETTERS:
        return None
    return sum(-math.log(letters.index(letter) + 3) for letter in letter_list) / len(letter_list)


def _find_letters(texts: list[str]) -> Iterator[str]:
    for text in texts:
        yield from text.lower()


def _is_formed(text: str, letters: str) -> bool:
    """Return whether a word has letters of an alphabet alone, capitals in front or throughout."""
    if any(letter not in letters for letter in text.lower()):
        return False
    return text.isupper() or text[1:].islower() or len(text) == 1
