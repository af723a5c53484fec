"""How often languages have each letter beyond ASCII, and beside which letters it stands.

Notation: `L` languages.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

COUNTS_FILE = "letters.txt"
"""Lines of a language, a letter, how often it stood in different words, and the letters in front
of it and behind it with their counts; `_` is the end of a word. `benchmarks/letters.py` writes it.
"""
NEIGHBOUR = re.compile(r"(\D)(\d+)")
SMOOTHING, LETTERS = 8.0, 30.0
"""What neighbours that were never seen are worth: as if each letter had been seen `SMOOTHING` times
beside all `LETTERS` of an alphabet, alike."""
FLOOR = 1e-9
"""The least probability of a letter with its neighbours: texts hold foreign names."""

Weights = tuple[float, ...]
"""A number for each language, `(L,)`: the light client guesses, too, and has no NumPy."""


@dataclass(frozen=True)
class Letters:
    """Probabilities of a letter among those beyond ASCII, and of its neighbours, by language."""

    languages: tuple[str, ...]
    letters_L: Mapping[str, Weights]
    before_L: Mapping[str, Weights]
    behind_L: Mapping[str, Weights]

    def weigh(self, before: str, letter: str, behind: str) -> Weights:
        """Return the probability `(L,)` of a letter between two others, all of them small."""
        share_L = self.letters_L.get(letter)
        if share_L is None:
            return (FLOOR,) * len(self.languages)
        before_L = self.before_L.get(letter + before, self.before_L[letter])
        behind_L = self.behind_L.get(letter + behind, self.behind_L[letter])
        triples = zip(share_L, before_L, behind_L, strict=True)
        return tuple(max(share * front * back, FLOOR) for share, front, back in triples)


@cache
def load_letters() -> Letters:
    """Read the counts, once for a process."""
    text = files("lowloss.tables").joinpath(COUNTS_FILE).read_text("utf-8")
    return make_letters(text.splitlines())


def make_letters(lines: Iterable[str]) -> Letters:
    """Return the probabilities that the lines of a file of counts give."""
    rows = [line.split(" ") for line in lines if not line.startswith("#")]
    languages = tuple(dict.fromkeys(row[0] for row in rows))
    counts_L: dict[str, list[float]] = {}
    before_L: dict[str, list[float]] = {}
    behind_L: dict[str, list[float]] = {}
    for language, letter, count, before, behind in rows:
        position = languages.index(language)
        _add(counts_L, letter, position, float(count), len(languages))
        for neighbours, weights_L in ((before, before_L), (behind, behind_L)):
            for neighbour, times in NEIGHBOUR.findall(neighbours):
                _add(weights_L, letter + neighbour, position, float(times), len(languages))
    totals_L = [sum(counts) for counts in zip(*counts_L.values(), strict=True)]
    return Letters(
        languages,
        {
            letter: tuple(count / total for count, total in zip(count_L, totals_L, strict=True))
            for letter, count_L in counts_L.items()
        },
        _smooth(before_L, counts_L),
        _smooth(behind_L, counts_L),
    )


def _add(
    weights_L: dict[str, list[float]], key: str, position: int, count: float, languages: int
) -> None:
    weights_L.setdefault(key, [0.0] * languages)[position] += count


def _smooth(
    pairs_L: Mapping[str, list[float]], counts_L: Mapping[str, list[float]]
) -> dict[str, Weights]:
    """Return the probabilities of neighbours; below the letter alone, of one never seen there."""
    unseen = SMOOTHING / LETTERS
    smooth_L = {
        pair: tuple(
            (count + unseen) / (of_letter + SMOOTHING)
            for count, of_letter in zip(count_L, counts_L[pair[0]], strict=True)
        )
        for pair, count_L in pairs_L.items()
    }
    return smooth_L | {
        letter: tuple(unseen / (count + SMOOTHING) for count in count_L)
        for letter, count_L in counts_L.items()
    }
