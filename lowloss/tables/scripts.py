"""Guesses the encoding of texts in scripts other than Latin: Japanese, Cyrillic, Greek, ….

In a Latin text, bytes beyond ASCII are few letters of a word, or signs that stand alone. In others
they are most bytes of a word, and stand beside each other.
"""

from __future__ import annotations

import io
import itertools
import re

from lowloss.tables.alphabets import guess_alphabet

SAMPLE_LINES, SAMPLE_BYTES = 1000, 64 * 1024
"""Of those that are not all ASCII."""
MIN_DIFFERENT = 5
"""Bytes of letters: Latin texts may hold runs of one or two signs, such as a no-break space and a
euro sign, and words of another script have more letters."""
MIN_NEIGHBOURS, MIN_IN_WORDS = 0.5, 0.6
"""Of the bytes beyond ASCII, the share that stand beside another; of the bytes of words that have
some, theirs. Chosen between Portuguese (`São`, `ção`) and Big5, whose second bytes may be ASCII."""
MAX_MESS = 0.4
"""How odd a text may look to charset-normalizer. Words between numbers look odder than prose, for
which its default, 0.2, is meant."""
FIELD_ENDS = (b"\n", b"\t", b" ", b",")
"""What is never the second byte of a letter."""
NO_BREAK_SPACE = b"\xa0"
HIGH, RUN = re.compile(rb"[\x80-\xff]"), re.compile(rb"[\x80-\xff]{2,}")
WORD = re.compile(rb"[A-Za-z]*[\x80-\xff][A-Za-z\x80-\xff]*")
GREEK, END_OF_WORDS, WITHIN_WORDS, MAX_WITHIN = "cp1253", "ς", re.compile(r"ς\w"), 0.1
"""The letter that only ends words in Greek, and the share that may stand elsewhere by mistake."""
ENCODINGS = (
    *("cp932", "euc_jp", "gb18030", "big5", "cp949"),
    *("cp1251", "koi8_r", "cp1253", "cp1255", "cp1256", "cp874"),
)
"""What such a text may be in, by Python's names."""


def guess_script(data: bytes) -> str | None:
    """Return the likeliest encoding of a text in another script than Latin; None for others."""
    lines = (line for line in io.BytesIO(data) if not line.isascii())
    sample = _cut(b"".join(itertools.islice(lines, SAMPLE_LINES)))
    return guess_alphabet(sample, _guess_by_language(sample))


def _guess_by_language(sample: bytes) -> str | None:
    """Return the encoding in which a text reads most like a language; None for Latin ones."""
    high, neighbours, in_words = (
        sum(map(len, pattern.findall(sample))) for pattern in (HIGH, RUN, WORD)
    )
    letters = set(HIGH.findall(sample)) - {NO_BREAK_SPACE}
    if len(letters) < MIN_DIFFERENT or neighbours < MIN_NEIGHBOURS * high:
        return None
    if high < MIN_IN_WORDS * in_words:
        return None
    # Imported here: the client alone, which knows marks of encodings, does not have it.
    import charset_normalizer

    names = [name for name in ENCODINGS if name != GREEK or _may_be_greek(sample)]
    guesses = charset_normalizer.from_bytes(sample, cp_isolation=names, threshold=MAX_MESS)
    best = max(
        guesses,
        # What fits without a flaw, else what reads like a language.
        key=lambda guess: (guess.chaos == 0.0, guess.coherence, -guess.chaos),
        default=None,
    )
    return best.encoding if best else None


def _may_be_greek(sample: bytes) -> bool:
    """Return whether a letter only ends words, as in Greek: in Cyrillic, its byte is a т."""
    text = sample.decode(GREEK, "replace")
    return len(WITHIN_WORDS.findall(text)) <= MAX_WITHIN * text.count(END_OF_WORDS)


def _cut(sample: bytes) -> bytes:
    """Return the first bytes, up to the end of a field: a letter may have two."""
    if len(sample) <= SAMPLE_BYTES:
        return sample
    cut = sample[:SAMPLE_BYTES]
    return cut[: 1 + max(map(cut.rfind, FIELD_ENDS))] or cut
