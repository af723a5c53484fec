"""Guesses the encoding of texts in Latin letters, by the letters that their languages have.

The same bytes are other letters in another encoding, such as `ø` and `ř`; only in the right one,
all of them are letters of one language, and none is a capital among small letters.
"""

from __future__ import annotations

import io
import itertools
import re

SAMPLE_LINES, MAX_WORDS = 5000, 3000
"""How many lines with bytes beyond ASCII are looked at, and how many different words of them."""
WORD = re.compile(rb"[A-Za-z\x80-\xff]{3,}")
NO_BREAK_SPACE = b"\xa0"
MARKS_WITHIN = frozenset(b"\x85\x91\x92\x96\x97\xad\xb4\xb7")
"""Apostrophes, dashes and points of cp1252, which stand between letters in any language."""
WESTERN = "cp1252"
ALPHABETS: dict[str, tuple[str, ...]] = {
    WESTERN: (
        "äöüßé",  # German
        "àâæçéèêëîïôœùûüÿ",  # French
        "áéíñóúü",  # Spanish
        "áéíóúüïçàèòñ",  # Catalan, Galician
        "ãõáâàçéêíóôúü",  # Portuguese
        "àèéìíîòóùú",  # Italian
        "åäöéüæøèàô",  # Nordic
        "áæðéíóöúýþ",  # Icelandic, Faroese
        "ëïéèöüáóúíê",  # Dutch
        "äöõüšž",  # Estonian, Finnish
        "ëç",  # Albanian
    ),
    "cp1250": (
        "ąćęłńóśźżéöü",
        "áčďéěíňóřšťúůýžäöü",
        "áäčďéíĺľňóôŕšťúýžöü",
        "áéíóöőúüű",
        "ăâîşţ",
        "čćđšžéöü",
    ),
    "cp1254": ("çğ\u0131iöşüâîû",),
    "cp1257": ("ąčęėįšųūž", "āčēģīķļņšūžõ"),
}
ALPHABETS |= {
    "iso8859-2": ALPHABETS["cp1250"],
    "cp852": ALPHABETS["cp1250"],
    "cp850": ALPHABETS[WESTERN],
    "mac-roman": ALPHABETS[WESTERN],
}
"""The letters of languages, by the encodings that they are written in; with some of their
neighbours, whose names they use."""
ICELANDIC, MAX_ICELANDIC = frozenset("ðýþ"), 0.6
"""Letters of Icelandic that are Turkish ones in cp1254, and the share that they have at most:
others are as frequent in Icelandic."""
DISTINCTIVE, MIN_DISTINCTIVE = frozenset("ąłżźěůšžťľşţ\u0131ģ"), 0.05
"""Letters whose bytes in cp1252 hardly stand within a word of Western Europe, and the share of
words with them that a text in another encoding has at least. Names of several western countries
have together all other letters of Slovak, Czech or Lithuanian: è is č there, ø is ř or ų."""
VOWELS, CONSONANTS = frozenset("ae\u0131ioöuüâîû"), frozenset("bcdfghjklmnpqrstvwxz")
OF_OLD_SYSTEMS = frozenset(("cp852", "cp850", "mac-roman"))
MIN_WORDS, MIN_LETTERS = 2, 3
"""So many different words must have such letters; and so many different letters, in an encoding of
MS-DOS or the old Macintosh, which hardly anybody writes any more."""
MIN_SHARE, MIN_LEAD = 0.97, 0.05
"""The share of letters beyond ASCII that a language must have, and by how much more than any of
Western Europe does. In tables stand names of other countries, too."""

Letters = list[tuple[str, str, str]]
"""Letters beyond ASCII, with those in front and behind."""


def guess_accents(data: bytes) -> str | None:
    """Return the likeliest encoding of a text in Latin letters, if it is not cp1252; else None."""
    words = _find_words(data)
    western = _score(words, WESTERN)
    scores = {
        encoding: _score(words, encoding)
        for encoding in ALPHABETS
        if encoding != WESTERN and _may_be(words, encoding) and _is_distinct(words, encoding)
    }
    best = max(scores.values(), default=0.0)
    if best < max(MIN_SHARE, western + MIN_LEAD):
        return None
    # Two may differ in the letters at the ends alone.
    likeliest = (encoding for encoding, score in scores.items() if score == best)
    return max(likeliest, key=lambda encoding: _score(words, encoding, has_ends=True))


def _find_words(data: bytes) -> list[bytes]:
    """Return different words with bytes beyond ASCII among their letters, not only at an end.

    At an end stand signs, too: `m³`, `Oslo¹`.
    """
    lines = (line for line in io.BytesIO(data) if not line.isascii())
    sample = itertools.islice(lines, SAMPLE_LINES)
    words = (
        word
        for line in sample
        for word in WORD.findall(line.replace(NO_BREAK_SPACE, b" "))
        if _find_positions(word)
    )
    return list(itertools.islice(dict.fromkeys(words), MAX_WORDS))


def _find_positions(word: bytes, *, has_ends: bool = False) -> list[int]:
    end = 0 if has_ends else 1
    return [
        position
        for position in range(end, len(word) - end)
        if word[position] >= 0x80 and word[position] not in MARKS_WITHIN
    ]


def _may_be(words: list[bytes], encoding: str) -> bool:
    """Return whether there are words enough for an encoding."""
    if encoding not in OF_OLD_SYSTEMS:
        return len(words) >= MIN_WORDS
    letters = {word[position] for word in words for position in _find_positions(word)}
    return len(letters) >= MIN_LETTERS


def _is_distinct(words: list[bytes], encoding: str) -> bool:
    """Return whether words are of an encoding that no mixture of western languages has."""
    if encoding in OF_OLD_SYSTEMS:
        return True
    count = sum(_is_distinctive(word, encoding) for word in words)
    return count >= max(MIN_WORDS, MIN_DISTINCTIVE * len(words))


def _is_distinctive(word: bytes, encoding: str) -> bool:
    """Return whether a word has a distinctive letter, or letters that no western language has."""
    if any(map(_is_distinctive_letter, _read_letters([word], encoding, has_ends=False))):
        return True
    letters = _read_letters([word], WESTERN, has_ends=False)
    alphabets = map(frozenset, ALPHABETS[WESTERN])
    return not any(
        all(_is_one_of(triple, alphabet) for triple in letters) for alphabet in alphabets
    )


def _is_distinctive_letter(triple: tuple[str, str, str]) -> bool:
    before, letter, behind = (character.lower()[0] for character in triple)
    match letter:
        case "ő":
            return behind != "e"  # Simões
        case "ğ":
            return before in VOWELS  # fjörður
        case "ē":
            return behind in CONSONANTS  # Gonçalves
        case _:
            return letter in DISTINCTIVE


def _score(words: list[bytes], encoding: str, *, has_ends: bool = False) -> float:
    """Return which share of the letters the best of the languages of an encoding has."""
    letters = _read_letters(words, encoding, has_ends=has_ends)
    if not letters:
        return 0.0
    icelandic = sum(letter.lower() in ICELANDIC for _, letter, _ in letters)
    if encoding == WESTERN and icelandic > MAX_ICELANDIC * len(letters):
        return 0.0
    counts = (
        sum(_is_one_of(triple, alphabet) for triple in letters)
        for alphabet in map(frozenset, ALPHABETS[encoding])
    )
    return max(counts) / len(letters)


def _read_letters(words: list[bytes], encoding: str, *, has_ends: bool) -> Letters:
    letters: Letters = []
    for word in words:
        text = f" {word.decode(encoding, 'replace')} "
        positions = _find_positions(word, has_ends=has_ends)
        letters += [(text[p], text[p + 1], text[p + 2]) for p in positions]
    return letters


def _is_one_of(triple: tuple[str, str, str], alphabet: frozenset[str]) -> bool:
    """Return whether a letter is of an alphabet, and no capital within a word of small letters."""
    before, letter, behind = triple
    # The capital of the Turkish i becomes two characters.
    if letter.lower()[0] not in alphabet:
        return False
    is_first = not before.isalpha()
    return letter.islower() or is_first or not (before.islower() or behind.islower())
