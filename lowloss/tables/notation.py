"""Decides how a column's numbers are written: which mark groups digits, and which is the decimal.

A number's *shape* is its text with a 9 for each digit, and `z` in front where it begins with a zero
and goes on: `1.250` has the shape `9.999`, `0,5` has `z9,9`. A column has few shapes.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Literal

from lowloss.tables.options import ParseOptions

Mark = Literal[".", ","]
Group = Literal["", ",", ".", " ", "'"]


@dataclass(frozen=True)
class Notation:
    """A decimal mark, and the mark between groups of digits, if any."""

    decimal: Mark = "."
    group: Group = ""

    def reads(self, shape: str) -> bool:
        """Return whether a number of a shape is written so."""
        return _pattern(self).fullmatch(shape) is not None

    def describe(self) -> str:
        """Describe the notation."""
        marks = f"{self.decimal!r} as the decimal mark"
        return f"{marks}, {self.group!r} between thousands" if self.group else marks


PLAIN = Notation()
NOTATIONS = (
    PLAIN,
    Notation(","),
    Notation(".", ","),
    Notation(",", "."),
    Notation(".", " "),
    Notation(",", " "),
    Notation(".", "'"),
    Notation(",", "'"),
)
OTHER: dict[str, Mark] = {".": ",", ",": "."}
MOSTLY = 0.95
"""The share of the numbers with a mark that an option must read for the column to be read by it."""
MIN_GROUPED = 10
"""Of so many decimals, one ends in a zero in two of three columns, and who writes `12500` leaves it
away: all would not have three digits."""
DECIMAL = re.compile(r"z?9+[.,](?:9{1,2}|9{4,})|z9[.,]9+|[.,]9+")
"""The shape of a number whose mark can only be the decimal mark."""
ONE_GROUP = r"9{1,3}[.,]999"
"""The shape of a number that has one mark, which may group digits or be the decimal mark."""


@dataclass(frozen=True)
class Decision:
    """The notation of a column, how many cells it reads, and how sure that is.

    `witness` is the decimal mark of which this column leaves no doubt. `doubtful` is the mark that
    other columns must decide: it may group digits or be the decimal mark.
    """

    notation: Notation
    readable: int
    witness: Mark | None = None
    doubtful: Mark | None = None


NOTHING = Decision(Notation(), 0)
"""That of a column without numbers."""


@cache
def _pattern(notation: Notation) -> re.Pattern[str]:
    decimal = re.escape(notation.decimal)
    whole = "z?9+"
    if notation.group:
        group = re.escape(notation.group)
        whole = f"(?:{whole}|9{{1,3}}(?:{group}999)+"
        # Lakhs and crores: 12,34,567.
        whole += f"|9{{1,2}}(?:{group}99)+{group}999)" if notation.group == "," else ")"
    return re.compile(f"{whole}(?:{decimal}9*)?|{decimal}9+")


def decide_notation(
    shapes: Mapping[str, int], *, decimal: Mark | None = None, group: Group | None = None
) -> Decision:
    """Decide the notation of a column of shapes with their counts; `decimal` and `group` fix it."""
    candidates = [
        notation
        for notation in NOTATIONS
        if decimal in {None, notation.decimal} and group in {None, notation.group}
    ]
    if group and not candidates:
        candidates = [Notation(OTHER[group], group)] if group in OTHER else [PLAIN]
    counts = {
        notation: sum(count for shape, count in shapes.items() if notation.reads(shape))
        for notation in candidates
    }
    best = max(counts.values())
    # The first of equals: without groups, with a decimal point.
    fitting = [notation for notation in candidates if counts[notation] == best]
    notation = fitting[0]
    if group is None and (doubtful := _find_doubt(shapes, fitting)):
        if decimal == doubtful:
            return Decision(Notation(doubtful), best, witness=doubtful)
        return Decision(resolve(doubtful, "."), best, doubtful=doubtful)
    readable = [shape for shape in shapes if notation.reads(shape)]
    others = sum(shapes[shape] for shape in find_other_decimals(shapes, notation))
    is_clear = others <= (1 - MOSTLY) * best
    witness = _find_witness(readable, notation) if is_clear else None
    return Decision(notation, best + others, witness=witness)


def decide_by_options(shapes: Mapping[str, int], options: ParseOptions) -> Decision:
    """Decide the notation of shapes by the options of their file, unless others read more.

    A column that is written otherwise than the file speaks for itself; a few slips do not.
    """
    if not shapes:
        return NOTHING
    decision = decide_notation(shapes, decimal=options.decimal, group=options.thousands)
    marked = sum(count for shape, count in shapes.items() if not shape.isalnum())
    if decision.readable >= sum(shapes.values()) - (1 - MOSTLY) * marked:
        return decision
    detected = decide_notation(shapes)
    return detected if detected.readable > decision.readable else decision


def _find_doubt(shapes: Mapping[str, int], fitting: list[Notation]) -> Mark | None:
    """Return the mark that may be a decimal mark as well as between groups of three digits."""
    marks: tuple[Mark, Mark] = (".", ",")
    for mark in marks:
        is_used = any(mark in shape for shape in shapes)
        if any(mark in shape and DECIMAL.fullmatch(shape) for shape in shapes):
            continue
        grouping = any(notation.group == mark for notation in fitting)
        decimal = any(notation.decimal == mark and not notation.group for notation in fitting)
        if is_used and grouping and (decimal or len(fitting) == 1):
            return mark if decimal else None
    # `1,250` beside `12.500`: one of the two is the decimal mark.
    are_both = all(any(mark in shape for shape in shapes) for mark in marks)
    either = (Notation(".", ","), Notation(",", "."))
    are_both = are_both and not any(map(DECIMAL.fullmatch, shapes))
    return "," if are_both and all(notation in fitting for notation in either) else None


def find_slips(shapes: Mapping[str, int], decimal: Mark | None = None) -> list[str]:
    """Return the shapes of the few numbers whose mark is not that of all others.

    Of all, three digits stand behind one mark: `12.503` among `14,630` is neither 12503 nor sure to
    be 12.503. Few are up to half of them where the file's `decimal` mark is known.
    """
    marked = {shape: count for shape, count in shapes.items() if not shape.isalnum()}
    if not all(re.fullmatch(ONE_GROUP, shape) for shape in marked):
        return []
    total = sum(marked.values())
    share = 1 - MOSTLY if decimal is None else 0.5
    # Of two halves that which would be grouped.
    for mark in sorted(OTHER, key=lambda mark: mark == decimal):
        odd = [shape for shape in marked if mark in shape]
        if odd and sum(marked[shape] for shape in odd) <= share * total:
            return odd
    return []


def find_other_decimals(shapes: Iterable[str], notation: Notation) -> list[str]:
    """Return the shapes of numbers that are not in a notation, and can only have decimals.

    Beside `19.6`, `12,5` is a number with the other mark.
    """
    return [s for s in shapes if not notation.reads(s) and DECIMAL.fullmatch(s) is not None]


def resolve(mark: Mark, decimal: Mark) -> Notation:
    """Return the notation of a doubtful mark by the decimal mark of the file."""
    return Notation(decimal, OTHER[decimal] if decimal == mark else mark)


def guess_decimal(shapes: Mapping[str, int], mark: Mark, *, has_currency: bool) -> Mark:
    """Return the decimal mark where no column proves it: a point, and a comma groups.

    Long numbers without a mark show that no program grouped the others: they are decimals, unless
    they are amounts of money, or so many that some would have fewer digits behind the mark.
    """
    long = sum(count for shape, count in shapes.items() if re.fullmatch(r"9{4,}", shape))
    marked = sum(count for shape, count in shapes.items() if mark in shape)
    if not 0 < long <= marked:
        return "."
    if has_currency:
        return OTHER[mark]
    return mark if marked < MIN_GROUPED else "."


def _find_witness(shapes: list[str], notation: Notation) -> Mark | None:
    """Return the decimal mark that these shapes prove; behind all digits it proves nothing."""
    if any(notation.decimal in shape.rstrip(notation.decimal) for shape in shapes):
        return notation.decimal
    # Groups by a mark leave only the other one for decimals.
    if notation.group in OTHER and any(notation.group in shape for shape in shapes):
        return OTHER[notation.group]
    return None
