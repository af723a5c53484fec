"""Reads columns of numbers: plain ones at once, others with their signs, marks and units."""

from __future__ import annotations

import math
import re
from collections import Counter
from dataclasses import dataclass, field, replace

import polars as pl

from lowloss.results import InexactMark, Reading
from lowloss.tables.compounds import join_compounds
from lowloss.tables.digits import DIGITS, FRACTIONS, RAISED_DIGITS
from lowloss.tables.notation import Mark, Notation, find_other_decimals, find_slips
from lowloss.tables.signs import Signs
from lowloss.tables.units import CURRENCY, DOUBTFUL, ZERO, find_multiples
from lowloss.tables.values import HEAD_ROWS
from lowloss.tables.wrapped import CALL

BODY = r"\d[\d.,' ]*\d[.,]?|\d[.,]?|[.,]\d+"
UNIT = (
    r"[^\d\s().,'+-](?:[^\d()]*[^\d\s()-])?|(?:[^\d\s().,'+-][^\d()]*)?"
    r"(?:[mcdk]?m|ft|in|yd|mi|feet|inch|met(?:er|re)s?)\^?[23]"
    r"|[^\d\s().,'+-][^\d()]*/ ?100 ?(?:km|mi|miles|g|ml)"
)
"""What may stand behind a number; a digit only as the power of a length, `kg/m2`, and where it is
for a hundred of another unit, `l/100 km`."""
NUMBER = (
    rf"^(?:(?P<outer>{CURRENCY})\s*(?P<bracket>\()|(?P<open>\()?)\s*(?P<sign>[-+])?\s*(?P<before>{CURRENCY})?\s*(?P<inner>[-+])?\s*(?P<body>{BODY})"
    rf"(?P<power>[eE][-+]?\d+|[dD][-+]\d+)?\s*(?P<unit>{UNIT})?\s*"
    r"(?P<after>-)?(?P<close>\))?$"
)
"""A number with all that people write around it."""
MAYBE_GROUPED = r"^[-+]?[1-9]\d{0,2}[.,]\d{3}$"
"""A number whose mark may stand between thousands."""
LONG = r"^[-+]?\d{16,}$"
"""A whole number that may be above 2^53."""
DASHED = r"(\d)[.,]-{1,2}([^\d]*)$"
"""A price whose decimals are a dash."""
PERCENT = r"^([-+]?)%\s?([-+]?\d[\d.,]*)$"
"""A percent as Turkey writes it."""
TEN_TO = (
    r"(\d)\s?[\u00d7x\u00b7*]\s?10\s?"
    r"(?:\^\s?\(?([-+]?\d{1,3})\)?|\(([-+]?\d{1,3})\)|([-+]\d{1,3}))$"
)
"""A power of ten as people write it; `6x100` is none."""
RAISED = r"([\u00d7x\u00b7*]\s?10)\s?([\u207a\u207b]?[\u00b2\u00b3\u00b9\u2070\u2074-\u2079]{1,3})$"
"""The same with raised digits."""
QUOTED = r"^'([-+]?[\d.,])"
"""A number with the apostrophe by which spreadsheets make it a text."""
PLAINLY = (
    (DASHED, "$1$2"),
    (QUOTED, "$1"),
    (CALL, "$1"),
    (ZERO, "0"),
    (PERCENT, "$1$2%"),
    (TEN_TO, "${1}e$2$3$4"),
)
"""What is replaced by what, one after the other."""
OF_CLOCKS = frozenset(("uhr",))
"""What makes a number a time of day: `10.30 Uhr`."""
SHARED, MOSTLY = 0.95, 0.5
"""The share of a column's cells that must have the unit, unless it is a currency or a percent; and
the share above which a letter is one that may be a multiple, too."""


@dataclass(frozen=True)
class Surroundings:
    """What stands around a column's numbers: a unit that they share, or multiples; currencies."""

    unit: str = ""
    multiples: tuple[tuple[str, float], ...] = ()
    currencies: tuple[str, ...] = ()

    @property
    def is_plain(self) -> bool:
        """Whether the unit is a currency, or a percent."""
        return self.unit == "%" or re.fullmatch(CURRENCY, self.unit) is not None

    @property
    def units(self) -> list[str]:
        """The texts behind a number that are understood."""
        return [self.unit] if self.unit else [unit for unit, _ in self.multiples]


@dataclass(frozen=True)
class Numbers:
    """Texts split at their numbers: columns `negative`, `body`, `power`, `unit` and `shape`.

    `body` is null where a text is no number; `shapes` counts the shapes of the others (see
    `notation`). `is_marked` where a number is not exact, if some are not; `is_noted` where one has
    the mark of a footnote, if some have. `signs` are what words and triangles behind them mean.
    """

    parts: pl.DataFrame
    around: Surroundings
    shapes: Counter[str]
    is_marked: pl.Series | None = None
    unread_marks: tuple[InexactMark, ...] = ()
    is_noted: pl.Series | None = None
    signs: Signs = field(default_factory=dict)

    @property
    def has_bare(self) -> bool:
        """Whether some number has nothing behind it."""
        is_bare = (self.parts["unit"] == "") & self.parts["body"].is_not_null()
        return bool(is_bare.any())

    def describe(self, notation: Notation) -> Reading:
        """Return how they are read in a notation, as later ones are."""
        return Reading(
            kind="number",
            decimal=notation.decimal,
            group=notation.group,
            unit=self.around.unit,
            multiples=dict(self.around.multiples),
            unread_marks=self.unread_marks,
            has_footnotes=self.is_noted is not None,
            signs=dict(self.signs),
        )


def read_plain(column: pl.Series) -> pl.Series | None:
    """Read whole numbers, or else numbers; None where a string is none. The head is tried first."""
    for dtype in (pl.Int64, pl.Float64):
        for part in (column.head(HEAD_ROWS), column):
            number = part.cast(dtype, strict=False)
            if number.null_count() != part.null_count():
                break
        else:
            return number
    return None


def read_commas(text: pl.Series) -> pl.Series | None:
    """Read numbers with a decimal comma and nothing else around them; None where a text is none."""
    head = text.head(HEAD_ROWS)
    if not head.str.contains(",", literal=True).any():
        return None
    for part in (head, text):
        # A point, or another comma, is left, and is no number.
        pointed = part.str.replace(".", "?", literal=True).str.replace(",", ".", literal=True)
        number = pointed.cast(pl.Float64, strict=False)
        if number.null_count() != part.null_count() or not number.is_finite().all():
            return None
    return number


def find_proof(column: pl.Series, mark: str) -> bool | None:
    """Return whether a mark in plain numbers must be the decimal mark; None where none has it.

    Behind all digits it proves nothing: `1.` is a place.
    """
    for part in (column.head(HEAD_ROWS), column):
        pointed = part.filter(part.str.contains(mark, literal=True) & ~part.str.ends_with(mark))
        if len(pointed) and not pointed.str.contains(MAYBE_GROUPED).all():
            return True
    return False if len(pointed) else None


def find_inexact(column: pl.Series, number: pl.Series) -> pl.Series:
    """Return where a whole number has more digits than float64 holds, and would be another one."""
    is_long = column.str.contains(LONG).fill_null(value=False)
    if not is_long.any():
        return is_long
    whole = column.set(~is_long, None).str.strip_chars_start("+").cast(pl.Int128, strict=False)
    rounded = number.cast(pl.Float64).set(~is_long, None).cast(pl.Int128, strict=False)
    return is_long & (whole.is_null() | (whole != rounded).fill_null(value=True))


def drop_infinite(number: pl.Series) -> pl.Series:
    """Set what is not finite to null."""
    if not number.dtype.is_float():
        return number
    is_finite = number.is_finite()
    return number if is_finite.all() else number.set(~is_finite, None)


def has_leading_zeros(column: pl.Series) -> pl.Series:
    """Return where a whole number begins with a zero and goes on."""
    return column.str.starts_with("0") & (column.str.len_bytes() > 1)


def tidy_signs(text: pl.Series) -> pl.Series:
    """Write the signs of numbers plainly: minus, spaces and apostrophes of all kinds.

    A dash in place of decimals is left out: `1200,-` is a price in whole euros.
    """
    if text.is_null().all():
        return text
    if text.str.contains(r"[^\x00-\x7f]").any():
        text = text.str.replace_all("[\u2212\u2012\u2013\u2014\ufe63\uff0d]", "-")
        text = text.str.replace_all("[\u00a0\u202f\u2009\u2007\u2008\u2002\u2003]", " ")
        text = text.str.replace_all("[\u2019\u02bc\u2018\u00b4\u2032]", "'")
        text = text.str.replace_all("[\u2033\u201d]", '"').str.strip_chars()
        text = text.str.replace_many(DIGITS)
        for sign, decimals in FRACTIONS.items():
            text = text.str.replace(rf"^([-+]?\d*)\s?{sign}", f"${{1}}{decimals}")
        if text.str.contains(RAISED).any():
            text = _lower_powers(text)
    for pattern, replacement in PLAINLY:
        if text.str.contains(pattern).any():
            text = text.str.replace(pattern, replacement)
    return text


def _lower_powers(text: pl.Series) -> pl.Series:
    """Write raised digits behind a ten behind a caret."""
    power = text.str.extract(RAISED, 2).str.replace_many(RAISED_DIGITS)
    lowered = text.str.replace(RAISED, "$1^") + power
    return text.zip_with(power.is_null(), lowered.alias(text.name))


def tidy_numbers(text: pl.Series) -> pl.Series:
    """Write the signs of numbers plainly, and numbers of two units as one."""
    return join_compounds(tidy_signs(text))


def split_numbers(tidy: pl.Series, around: Surroundings | None = None) -> Numbers:
    """Split tidy texts at their numbers, and decide what stands behind them unless it is given."""
    is_first = around is None
    parts = _split(tidy)
    present = parts.filter(pl.col("body").is_not_null())
    if around is None:
        has_currency = present["before"].count() > 0
        around = decide_surroundings(present["unit"], has_currency=has_currency)
    before = present["before"].drop_nulls().unique().to_list()
    behind = [unit for unit in present["unit"].unique() if re.fullmatch(CURRENCY, unit)]
    around = replace(around, currencies=tuple(sorted({*before, *behind})))
    parts = _keep_units(parts, around)
    shapes = make_shapes(parts["body"])
    numbers = Numbers(parts.with_columns(shape=shapes), around, count_shapes(shapes))
    return drop_slips(numbers) if is_first else numbers


def drop_slips(numbers: Numbers, decimal: Mark | None = None) -> Numbers:
    """Set the few numbers to null whose mark is not that of all others (see `find_slips`)."""
    slips = find_slips(numbers.shapes, decimal)
    if not slips:
        return numbers
    is_slip = numbers.parts["shape"].is_in(slips).fill_null(value=False)
    parts = numbers.parts.with_columns(
        numbers.parts[name].set(is_slip, None) for name in ("body", "shape")
    )
    counts = Counter({shape: n for shape, n in numbers.shapes.items() if shape not in slips})
    return replace(numbers, parts=parts, shapes=counts)


def _split(tidy: pl.Series) -> pl.DataFrame:
    """Split texts into columns `negative`, `before`, `body`, `power` and `unit`."""
    parts = tidy.str.extract_groups(NUMBER).struct.unnest()
    is_open = parts["open"].is_not_null() | parts["bracket"].is_not_null()
    is_closed = parts["close"].is_not_null()
    unit = parts["unit"].fill_null("")
    # In `450/-` and `304:-` the dash stands for no decimals.
    is_dashed = unit.str.contains(r"[/:]$")
    negative = (is_open & is_closed) | (parts["after"].is_not_null() & ~is_dashed)
    for sign in ("sign", "inner"):
        negative = negative | (parts[sign] == "-").fill_null(value=False)
    body = parts["body"].set(is_open != is_closed, None)
    unit = unit.str.strip_chars_end("./:").str.strip_chars_end()
    return pl.DataFrame(
        {
            "negative": negative,
            "before": parts["before"].fill_null(parts["outer"]),
            "body": body,
            # Fortran writes 1.5D+03.
            "power": parts["power"].fill_null("").str.replace("[dD]", "e"),
            "unit": unit,
        }
    )


def make_shapes(body: pl.Series) -> pl.Series:
    """Return the shape of each number (see `notation`)."""
    zero = has_leading_zeros(body)
    shape = body.str.replace_all(r"\d", "9")
    marked = pl.DataFrame({"zero": zero, "shape": shape}).select(
        pl.when("zero").then(pl.lit("z") + pl.col("shape")).otherwise("shape")
    )
    return marked.to_series()


def count_shapes(shapes: pl.Series) -> Counter[str]:
    """Count the shapes of numbers."""
    return Counter(dict(shapes.drop_nulls().value_counts().iter_rows()))


def decide_surroundings(units: pl.Series, *, has_currency: bool = False) -> Surroundings:
    """Decide what the texts behind numbers mean: a unit of all, multiples, or nothing.

    A letter that may be a unit is a multiple only beside another one or a currency.
    """
    counts = Counter(dict(units.value_counts().iter_rows()))
    bare = counts.pop("", 0)
    if not counts:
        return Surroundings()
    names, total = set(counts), bare + counts.total()
    multiples = find_multiples(names, has_bare=bare > 0, has_currency=has_currency)
    if multiples:
        return Surroundings(multiples=tuple(sorted(multiples.items())))
    is_letter = len(names) == 1 and names <= DOUBTFUL
    # Of equally many the first by name: the order of the counts is no one's.
    unit, _ = min(counts.items(), key=lambda item: (-item[1], item[0]))
    singular = _to_singular(unit)
    share = sum(count for name, count in counts.items() if _to_singular(name) == singular) / total
    if singular in OF_CLOCKS:
        return Surroundings()
    shared = Surroundings(unit)
    is_shared = share > MOSTLY if is_letter else share >= SHARED
    return shared if shared.is_plain or is_shared else Surroundings()


def _to_singular(unit: str) -> str:
    unit = unit.lower()
    return unit.removesuffix("s") if len(unit) > 2 else unit


def _keep_units(parts: pl.DataFrame, around: Surroundings) -> pl.DataFrame:
    """Set numbers with a unit that is not understood to null."""
    units = ["", *around.units, *around.currencies]
    if around.unit:
        singular = _to_singular(around.unit)
        units += [unit for unit in parts["unit"].unique() if _to_singular(unit) == singular]
    is_understood = parts["unit"].is_in(units)
    return (
        parts
        if is_understood.all()
        else parts.with_columns(body=parts["body"].set(~is_understood, None))
    )


def _write_decimals(numbers: Numbers, notation: Notation) -> pl.Series:
    """Return the digits of numbers with a decimal point alone; null where that is not sure."""
    shape, body = numbers.parts["shape"], numbers.parts["body"]
    other = find_other_decimals(numbers.shapes, notation)
    odd = [s for s in numbers.shapes if not notation.reads(s) and s not in other]
    if odd:
        body = body.set(shape.is_in(odd).fill_null(value=False), None)
    written = body.str.replace_all(notation.group, "", literal=True) if notation.group else body
    if notation.decimal == ",":
        written = written.str.replace(",", ".", literal=True)
    if not other:
        return written
    is_other = shape.is_in(other).fill_null(value=False)
    return body.str.replace(",", ".", literal=True).zip_with(is_other, written)


def to_numbers(numbers: Numbers, notation: Notation) -> pl.Series:
    """Convert split numbers; null where one is not written in the notation.

    The result is of whole numbers where all are whole.
    """
    parts = numbers.parts
    body = _write_decimals(numbers, notation)
    sign = parts.select(pl.when("negative").then(pl.lit("-")).otherwise(pl.lit(""))).to_series()
    factors = {unit: f"e{round(math.log10(factor))}" for unit, factor in numbers.around.multiples}
    power = parts["power"]
    if factors:
        # Written, not multiplied: 1.14 million is 1140000 then.
        factor = parts["unit"].replace_strict(factors, default="", return_dtype=pl.String)
        body = body.set((power != "") & (factor != ""), None)
        power = power + factor
    text = sign + body + power
    number = read_plain(text)
    if number is None:
        number = text.cast(pl.Float64, strict=False)
    number = drop_infinite(number)
    if not factors or not number.dtype.is_float():
        return number
    whole = number.cast(pl.Int64, strict=False)
    return whole if bool((whole.cast(pl.Float64) == number).all()) else number
