"""Guesses the encoding of texts in Latin letters, by the letters that their languages have.

The same bytes are other letters in another encoding, such as `ø` and `ř`: the likeliest is the one
in which they are letters of one language, and stand beside letters beside which they stand there.
Notation: `L` languages, `W` words.
"""

from __future__ import annotations

import io
import itertools
import math
import re
import statistics
from dataclasses import dataclass

from lowloss.tables.letters import FLOOR, Letters, Weights, load_letters

SAMPLE_LINES, MAX_WORDS = 5000, 600
"""How many lines with bytes beyond ASCII are looked at, and how many different words of them."""
WESTERN = "cp1252"
WORD, MAX_WORD_BYTES = re.compile(rb"[A-Za-z\x80-\xff]+"), 60
HAS_ASCII, FIRST_FOREIGN = re.compile(rb"[A-Za-z]"), 0x80
IN_FRONT, BEHIND = "€£¥¼½¾•§«»±\u00d7".encode(WESTERN), "«»±\u00d7".encode(WESTERN)
WITHIN = re.compile("[±\u00d7]".encode(WESTERN))
MAYBE_CAPITAL = re.compile("[€£¥¼¾]+".encode(WESTERN) + rb"(?=[AEIOUYaeiouy\x80-\xff])")
"""Signs of cp1252 that are hardly letters of another encoding in front of words, behind them, and
within them; but a pound before a vowel may be the Polish `Ł`."""
SHORT_FORM = re.compile(rb"[A-Za-z]{1,2}" + "[ºª¹²³]".encode(WESTERN))
"""An ordinal or a unit: `Nº`, `cm³`."""
NO_BREAK_SPACE = b"\xa0"
CENTRAL = ("pl", "cs", "sk", "hu", "ro", "hr", "sl")
EASTERN = {
    "cp1250": CENTRAL,
    "cp1254": ("tr",),
    "cp1257": ("lt", "lv"),
    "iso8859-2": CENTRAL,
    "cp852": CENTRAL,
}
"""Languages by the encodings that they were written in, where these are not the western ones."""
WESTERN_ENCODINGS = (WESTERN, "cp850", "mac-roman")
DOUBT = {WESTERN: 0.0, "cp1250": 5.0, "cp1254": 5.0, "cp1257": 5.0, "iso8859-2": 9.0}
OLD_DOUBT, MIN_OLD_LETTERS, MIN_LETTERS = 12.0, 3, 2
"""By how much a text must be likelier in an encoding, in natural logarithms, than in cp1252, which
most such files are in; how many different letters it must have in one of MS-DOS or the old
Macintosh, which hardly anybody writes any more; and how many letters in any but cp1252. Chosen by
`benchmarks/letters.py`."""
MIN_WEIGHT = FLOOR**2
"""The least probability of a word: one alone, of many odd letters, outweighs no other words."""
CLEAR = 9.0
"""Less by which the likeliest is likelier than the next is told as a doubt."""
NATIVE = 0.85
"""The share of the names in a table that are of its language; the others are of any."""
QUOTES = "«»\u2039\u203a\u201c\u201d\u201e"
MARKS, MARKS_WITHIN = "¹²³ºª®™°", "\u2019\u2018\u2013\u2014\u00b7\u00b4\u2026\u00adµ"
SIGN, SIGN_AT_END, SIGN_WITHIN = 1e-6, 1e-4, 1e-3
"""How likely a sign stands where a letter may: in front of letters (`£m`), one of `MARKS` behind
them (`m³`), one of `QUOTES` on either side, and one of `MARKS_WITHIN`, as an apostrophe, between
them."""
ODD_CAPITAL, ODD_SMALL = 1e-4, 1e-2
"""How likely a capital is within a word of small letters, and a small letter within one of
capitals, which some programs write."""


@dataclass(frozen=True)
class AccentGuess:
    """The likeliest encoding of a text in Latin letters; the next, if it is in doubt."""

    encoding: str
    rival: str | None = None


def guess_accents(data: bytes) -> AccentGuess:
    """Return the likeliest encoding of a text in Latin letters."""
    words = find_words(data)
    if not words:
        return AccentGuess(WESTERN)
    letters = load_letters()
    different = {byte for word in words for byte in word if byte >= FIRST_FOREIGN}
    scores = {
        encoding: _score(words, encoding, letters) - DOUBT.get(encoding, OLD_DOUBT)
        for encoding in (*WESTERN_ENCODINGS, *EASTERN)
        if encoding in DOUBT or len(different) >= MIN_OLD_LETTERS
    }
    best = max(scores, key=lambda encoding: scores[encoding])
    if _count_letters(words) < MIN_LETTERS or not _differ(words, best, WESTERN):
        best = WESTERN
    rivals = [
        encoding
        for encoding in scores
        if scores[best] - scores[encoding] < CLEAR and _differ(words, best, encoding)
    ]
    return AccentGuess(best, max(rivals, key=lambda encoding: scores[encoding], default=None))


def find_words(data: bytes) -> list[bytes]:
    """Return different words with bytes beyond ASCII and letters of it: others are signs."""
    lines = (line for line in io.BytesIO(data) if not line.isascii())
    words = (
        word
        for line in itertools.islice(lines, SAMPLE_LINES)
        for run in WORD.findall(line.replace(NO_BREAK_SPACE, b" "))
        if len(run) <= MAX_WORD_BYTES and not run.isascii()
        for word in _cut_signs(run)
        if len(word) > 1 and not word.isascii() and HAS_ASCII.search(word)
    )
    return list(itertools.islice(dict.fromkeys(words), MAX_WORDS))


def _cut_signs(run: bytes) -> list[bytes]:
    """Return the words of a run of letters and signs, which may be without letters."""
    word = run.lstrip(IN_FRONT)
    capital = MAYBE_CAPITAL.search(run[: len(run) - len(word) + 1])
    word = run[capital.end() - 1 :] if capital else word
    word = word.rstrip(BEHIND)
    return [] if SHORT_FORM.fullmatch(word) else WITHIN.split(word)


def _count_letters(words: list[bytes]) -> int:
    """Return how many letters beyond ASCII words have, alike or not; a pound is none."""
    return sum(byte >= FIRST_FOREIGN and byte not in IN_FRONT for word in words for byte in word)


def _differ(words: list[bytes], encoding: str, other: str) -> bool:
    """Return whether words are not the same in two encodings."""
    return any(word.decode(encoding, "replace") != word.decode(other, "replace") for word in words)


def _score(words: list[bytes], encoding: str, letters: Letters) -> float:
    """Return the logarithm of how likely words are, as of one language or of several.

    Some words of another language may stand among them.
    """
    eastern = set(itertools.chain(*EASTERN.values()))
    western = tuple(name for name in letters.languages if name not in eastern)
    languages = [letters.languages.index(name) for name in EASTERN.get(encoding, western)]
    scores = [0.0] * (len(languages) + 1)
    for word in words:
        weights_L = [max(weight, MIN_WEIGHT) for weight in _weigh(word, encoding, letters)]
        foreign = statistics.fmean(weights_L)
        own = [weights_L[language] for language in languages]
        own.append(statistics.fmean(own))
        for position, weight in enumerate(own):
            scores[position] += math.log(NATIVE * weight + (1 - NATIVE) * foreign)
    return max(scores)


def _weigh(word: bytes, encoding: str, letters: Letters) -> Weights:
    """Return how likely the letters of a word beyond ASCII are in each language, `(L,)`."""
    text = f"_{word.decode(encoding, 'replace')}_"
    small = [to_small(character) for character in text]
    weights_L: Weights = (1.0,) * len(letters.languages)
    for position, character in enumerate(text[1:-1], start=1):
        if character.isascii():
            continue
        before, behind = text[position - 1], text[position + 1]
        if not character.isalpha() or character in MARKS + MARKS_WITHIN:
            sign = _weigh_sign(character, before, behind)
            weights_L = tuple(weight * sign for weight in weights_L)
            continue
        of_letter_L = letters.weigh(small[position - 1], small[position], small[position + 1])
        odd = 1.0
        if character.isupper() and before.islower():
            odd = ODD_CAPITAL
        elif character.islower() and before.isupper() and behind.isupper():
            odd = ODD_SMALL
        pairs = zip(weights_L, of_letter_L, strict=True)
        weights_L = tuple(weight * of_letter * odd for weight, of_letter in pairs)
    return weights_L


def to_small(character: str) -> str:
    """Return a letter as the counts have it; the capital of the Turkish i stays, as its own."""
    return character if character == "İ" else character.lower()


def _weigh_sign(character: str, before: str, behind: str) -> float:
    if character in MARKS_WITHIN:
        return SIGN_WITHIN
    is_first, is_last = before == "_", behind == "_"
    if (is_last and character in MARKS) or ((is_first or is_last) and character in QUOTES):
        return SIGN_AT_END
    return SIGN if is_first else FLOOR
