"""Guesses the encoding of texts in scripts other than Latin: Japanese, Cyrillic, Greek, ….

In a Latin text, bytes beyond ASCII are few letters of a word, or signs that stand alone. In others
they are most bytes of a word, and stand beside each other.
"""

from __future__ import annotations

import io
import itertools
import re

import charset_normalizer

SAMPLE_LINES = 1000
"""Of those that are not all ASCII."""
MIN_NEIGHBOURS, MIN_IN_WORDS = 0.5, 0.6
"""Of the bytes beyond ASCII, the share that stand beside another; of the bytes of words that have
some, theirs. Chosen between Portuguese (`São`, `ção`) and Big5, whose second bytes may be ASCII."""
MAX_MESS = 0.4
"""How odd a text may look to charset-normalizer. Words between numbers look odder than prose, for
which its default, 0.2, is meant."""
HIGH, RUN = re.compile(rb"[\x80-\xff]"), re.compile(rb"[\x80-\xff]{2,}")
WORD = re.compile(rb"[A-Za-z]*[\x80-\xff][A-Za-z\x80-\xff]*")
ENCODINGS = (
    *("cp932", "euc_jp", "gb18030", "big5", "cp949"),
    *("cp1251", "koi8_r", "cp1253", "cp1255", "cp1256", "cp874"),
)
"""What such a text may be in, by Python's names."""


def guess_script(data: bytes) -> str | None:
    """Return the likeliest encoding of a text in another script than Latin; None for others."""
    lines = (line for line in io.BytesIO(data) if not line.isascii())
    sample = b"".join(itertools.islice(lines, SAMPLE_LINES))
    high, neighbours, in_words = (
        sum(map(len, pattern.findall(sample))) for pattern in (HIGH, RUN, WORD)
    )
    if neighbours < MIN_NEIGHBOURS * high or high < MIN_IN_WORDS * in_words:
        return None
    guesses = charset_normalizer.from_bytes(
        sample, cp_isolation=list(ENCODINGS), threshold=MAX_MESS
    )
    best = max(guesses, key=lambda guess: (guess.coherence, -guess.chaos), default=None)
    return best.encoding if best else None
