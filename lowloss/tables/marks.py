"""The words and signs by which tables say that a value is missing, and those of booleans."""

from __future__ import annotations

from string import ascii_lowercase

MISSING = ("", "NA", "N/A", "n/a", "NaN", "nan", "NULL", "null", "None", "<NA>", "#N/A")
"""Missing in every column."""
LEVEL_MARKS = ("NA", "N/A", "n/a", "NaN", "nan", "NULL", "null", "None")
"""Those of them that are words: the continent, the country and the surname are written so."""
MISSING_AMONG_NUMBERS = ("?", "-", ".")
"""Missing without a word where the rest of a column is numbers or dates."""
MISSING_LOWER = frozenset(
    (
        *(mark.lower() for mark in (*MISSING, *MISSING_AMONG_NUMBERS)),
        *("n.a.", "n.a", "none", "nil", "unknown", "unk", "missing", "(null)", "[null]", "<null>"),
        *("n.d.", "n.d", "n/d", "nd", "k.a.", "k. a.", "not available", "not detected"),
        *("<lod", "< lod", "<loq", "< loq", "<mdl", "< mdl", "bdl", "bloq", ":"),
        "0000-00-00",
        "0000-00-00 00:00:00",
        *("nat", r"\n", "..", "...", "--", "---", "??", "\u2013", "\u2014", "\u2212"),
        *("#na", "#nv", "#div/0!", "#value!", "#wert!", "#num!", "#zahl!", "#ref!", "#bezug!"),
        *("inf", "-inf", "+inf", "infinity", "-infinity", "∞", "-∞"),
        *("#n/a n/a", "#n/a field not applicable", "#n/a invalid field", "/", "*", "**", "***"),
        *("****", "*****"),
        *("[c]", "[x]", "[z]"),
        *("(x)", "(d)", "(s)", "(na)", "(n/a)", ": c", ": u", ": z", ":c", ":u", ":z"),
        *("._", *(f".{letter}" for letter in ascii_lowercase)),
        *("dnf", "dns", "dsq", "ovrflw", "overflow"),
        *("#name?", "#null!", "1.#inf", "-1.#inf", "1.#ind", "-1.#ind", "1.#qnan", "-1.#qnan"),
    )
)
"""Missing, in any case, where the rest of a column is numbers or dates: what pandas, R, Excel,
MySQL, SAS, Stata, Bloomberg, laboratories, races, Eurostat, the US Census, the statistics of
the United Kingdom and people write."""

TRUE_WORDS = ("true", "wahr", "vrai", "verdadero", "vero")
FALSE_WORDS = ("false", "falsch", "faux", "falso")
"""Booleans as spreadsheets write them; Spanish and Italian share their word for false."""
