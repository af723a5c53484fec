"""Decodes the bytes of a CSV to UTF-8 with plain line ends, from an encoding of a list."""

from __future__ import annotations

import codecs
import re

from lowloss.errors import TableEmpty, TableUnreadable
from lowloss.results import TableWarning
from lowloss.tables.accents import WESTERN, AccentGuess, find_words, guess_accents
from lowloss.tables.scripts import guess_script

BLOCK_BYTES = 16 * 1024**2
SAMPLE_BYTES = 4096
NEWLINE, RETURN = b"\n", b"\r"
NOT_ASCII, STRAY = re.compile(r"[^\x00-\x7f]"), re.compile(r"[\udc80-\udcff]")
"""Characters of a text in UTF-8: those beyond ASCII, and what stands for a byte that is none."""
ACCENTED_WORD = re.compile(r"\w*[^\W\x00-\x7f]\w*|[^\s\x00-\x7f]")
CURRENCIES = {"cp932": "¥", "shift_jis": "¥", "cp949": "₩", "euc_kr": "₩"}
BACKSLASH = re.compile(r"(?<![\w\\:])\\(?=\d)")
"""The sign that the byte of a backslash is in Japan and Korea; before amounts it is hardly one."""
ENCODINGS = frozenset(
    (
        *("ascii", "utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"),
        *("utf-32", "utf-32-le", "utf-32-be", "mac-roman", "koi8-r", "koi8-u"),
        *(f"iso8859-{part}" for part in range(1, 17) if part != 12),
        *(f"cp{page}" for page in range(1250, 1259)),
        *("cp437", "cp850", "cp852", "cp855", "cp858", "cp866", "cp874"),
        *("gb2312", "gbk", "gb18030", "big5", "big5hkscs", "cp950", "hz"),
        *("shift_jis", "cp932", "euc_jp", "iso2022_jp", "euc_kr", "cp949", "tis-620"),
    )
)
"""The encodings that are read, by Python's names. Others are no text, or take minutes to decode."""
BOMS = (
    # UTF-32 first: its mark begins with that of UTF-16.
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


def decode(data: bytes, encoding: str | None, warnings: list[TableWarning]) -> bytes:
    """Return a CSV's text in UTF-8 without a byte-order mark; lines end with a newline."""
    data = _to_utf8(data, _check_encoding(encoding), warnings)
    # Old Macintosh and Windows line ends; polars ends lines only at newlines.
    if RETURN in data:
        data = data.replace(b"\r\n", NEWLINE).replace(RETURN, NEWLINE)
    if data.endswith(b"\x1a"):
        data = data[:-1]  # the end of a file to MS-DOS
    if not data or data.isspace():
        raise TableEmpty("the file is empty", fix="upload a CSV with a header and rows")
    if b"\0" in data:
        raise TableUnreadable(
            "the file holds NUL bytes: it is not a CSV", fix="give the format that the file has"
        )
    return data


def _check_encoding(encoding: str | None) -> str | None:
    if encoding is None:
        return None
    try:
        name = codecs.lookup(encoding).name
    except (LookupError, ValueError):
        name = ""
    if name not in ENCODINGS:
        raise TableUnreadable(
            f"{encoding!r} is no encoding that is read",
            field="encoding",
            fix="name one such as utf-8, utf-16, cp1252, cp1251, iso8859-15, gb18030 or shift_jis",
        )
    return name


def _to_utf8(data: bytes, encoding: str | None, warnings: list[TableWarning]) -> bytes:
    encoding = encoding or _detect_unicode(data)
    if encoding is None:
        if data.isascii() or _decodes(data, "utf-8"):
            return data.removeprefix(codecs.BOM_UTF8)
        mixed = _decode_mixed(data, warnings)
        if mixed is not None:
            return mixed
        guess = _guess_encoding(data)
        encoding = guess.encoding
        warnings.append(_make_guess(data, guess))
    try:
        text = data.decode(encoding).removeprefix("\ufeff")
        sign = CURRENCIES.get(codecs.lookup(encoding).name)
        return (BACKSLASH.sub(sign, text) if sign else text).encode()
    except ValueError as error:
        raise TableUnreadable(
            f"the file is not text in {encoding}: {error}",
            field="encoding",
            fix="name its encoding",
        ) from error


def _guess_encoding(data: bytes) -> AccentGuess:
    script = guess_script(data)
    if script and _decodes(data, script):
        return AccentGuess(script)
    guess = guess_accents(data)
    for encoding in (guess.encoding, WESTERN):
        if _decodes(data, encoding):
            rival = guess.rival if guess.rival and _decodes(data, guess.rival) else None
            return AccentGuess(encoding, rival if encoding == guess.encoding else None)
    return AccentGuess("latin-1")


def _decode_mixed(data: bytes, warnings: list[TableWarning]) -> bytes | None:
    """Return UTF-8 with its few foreign bytes read as cp1252; None where most are foreign.

    Files in two encodings that were joined are such a text.
    """
    text = data.removeprefix(codecs.BOM_UTF8).decode("utf-8", "surrogateescape")
    strays = len(STRAY.findall(text))
    if strays > len(NOT_ASCII.findall(text)) - strays:
        return None
    line = next(line for line in text.splitlines() if STRAY.search(line))
    warnings.append(
        TableWarning(
            code="encoding_guessed",
            count=strays,
            example=STRAY.sub(_read_stray, line).strip(),
            detail=f"the text is in UTF-8 but for single bytes, read as cp1252: {strays:,}",
            fix="write the whole file in one encoding if letters look wrong",
        )
    )
    return STRAY.sub(_read_stray, text).encode()


def _read_stray(stray: re.Match[str]) -> str:
    return stray[0].encode("utf-8", "surrogateescape").decode("cp1252", "replace")


def _detect_unicode(data: bytes) -> str | None:
    """Return UTF-16 or UTF-32 by its mark; UTF-16 without one by the zeros in every other byte."""
    for mark, encoding in BOMS:
        if data.startswith(mark):
            return encoding
    sample = data[: SAMPLE_BYTES - SAMPLE_BYTES % 2]
    half = len(sample) // 2
    if len(data) % 2 or half < 2:
        return None
    for start, encoding in ((1, "utf-16-le"), (0, "utf-16-be")):
        zeros, others = sample[start::2].count(0), sample[1 - start :: 2].count(0)
        if zeros > half / 2 and others == 0:
            return encoding
    return None


def _make_guess(data: bytes, guess: AccentGuess) -> TableWarning:
    """Return the warning of a text that is not in UTF-8, with its first such line."""
    lines = data.split(NEWLINE, 100_000)
    foreign = [number for number, line in enumerate(lines, start=1) if not line.isascii()]
    example = lines[foreign[0] - 1].decode(guess.encoding, "replace").strip() if foreign else ""
    detail = f"the text is not in UTF-8 and was read as {guess.encoding}"
    fix = "give encoding if letters look wrong: cp1250 (Polish, Czech, Hungarian), cp1254 "
    fix += "(Turkish), cp1251, gb18030, big5, shift_jis, euc_kr, …"
    if guess.rival is not None:
        (letter, word), (other_letter, other_word) = _show_letters(
            data, guess.encoding, guess.rival
        )
        detail += f", with {letter!r} in {word!r}: as {guess.rival} it is {other_letter!r}, in "
        detail += f"{other_word!r}, and few words tell which is right"
        fix = f"give encoding={guess.rival} if {other_word!r} is right, or another one"
    elif words := ACCENTED_WORD.findall(example):
        detail += f", such as {max(words, key=len)!r}"
    return TableWarning(
        code="encoding_guessed", count=len(foreign), example=example, detail=detail, fix=fix
    )


def _show_letters(data: bytes, encoding: str, rival: str) -> list[tuple[str, str]]:
    """Return a letter that is another in each of two encodings of one byte, and its word."""
    words = find_words(data)
    readings = [[word.decode(name, "replace") for word in words] for name in (encoding, rival)]
    word, rival_word = next(pair for pair in zip(*readings, strict=True) if pair[0] != pair[1])
    letters = list(zip(word, rival_word, strict=True))
    index = next(index for index, pair in enumerate(letters) if pair[0] != pair[1])
    return [(word[index], word), (rival_word[index], rival_word)]


def _decodes(data: bytes, encoding: str) -> bool:
    """Return whether all is text in an encoding; a block at a time, as text is larger."""
    decoder = codecs.getincrementaldecoder(encoding)()
    try:
        for start in range(0, len(data), BLOCK_BYTES):
            decoder.decode(data[start : start + BLOCK_BYTES])
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return False
    return True
