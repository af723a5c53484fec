"""Finds numbers that may stand for a missing value: codes such as -999, apart from all others."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from lowloss.results import ColumnKind, Reading, TableWarning
from lowloss.tables.table import Table
from lowloss.wording import counted, format_exact
from service.tables.far_values import SENTINEL_VALUE
from service.tables.identifier_rules import NAME

MIN_NINES, MIN_SIZE = 3, 99
FILLS = frozenset(
    (32_767.0, -32_768.0, 65_535.0, 2_147_483_647.0, -2_147_483_648.0, 1e20, 9.969209968386869e36)
)
"""What programs fill gaps with: the ends of whole numbers, and the values of CMIP and netCDF."""
SURVEY = frozenset((-1.0, -7.0, -8.0, -9.0))
"""Answers that were refused, or that nobody gave."""
MAX_CODES = 3
"""How many codes may stand beside each other at one end: not asked, refused, unknown."""
MIN_CELLS, MIN_SHARE, MIN_OTHERS = 3, 0.01, 10
"""A code that is no row of nines comes so often, beside so many different numbers."""
MAX_ZEROS = 0.5
"""Zeros that are more of a column are amounts of nothing, unless they are far from the rest."""
SCALE_END = 10
ON_SCALE = frozenset((-7.0, -8.0, -9.0, 77.0, 88.0, 98.0, 99.0, 888.0, 999.0, -77.0, -88.0, -99.0))
"""Codes beside the answers of a scale, such as 0 and 1, or 1 to 5, without a gap up to this end."""
CODE_NAME = re.compile(
    r"(?i:code|(?:^|[^a-z])(?:kod|c[oó]digo|dept|dep|department|departamento|branch|store|shop|plant"
    r"|cost.?cent(?:er|re)|kst|abt|abteilung|filiale|zip|plz))$"
)
"""The end of a name of numbers that name departments, places and the like."""
MAX_NAMES, MAX_SPARSE = 50, 0.2
"""So few different numbers, and such a share of all between the least and the largest, are names
of things: heights and grades have nearly all."""
MIN_GROUPED, MAX_WHOLE = 1000, 1e15
"""Numbers from which on there may be marks between thousands, or no exact whole numbers."""
SPIKE, NEAR = 3, 0.25
"""A code that is not far from the others has so many times the cells of any of them; a positive one
is so many interquartile ranges away, too: ages up to 95 and 99."""


@dataclass(frozen=True)
class End:
    """The number at one end of a column, and the others: the nearest, and where they lie.

    `commonest` is how many cells the most frequent other number has.
    """

    value: float
    count: int
    nearest: float
    low: float
    high: float
    middle: float
    distinct: int
    commonest: int

    @property
    def gap(self) -> float:
        """How far the nearest other number is."""
        return abs(self.value - self.nearest)

    @property
    def is_far(self) -> bool:
        """Whether the others are closer to each other than to this one."""
        return self.gap >= self.high - self.low

    @property
    def is_beyond(self) -> bool:
        """Whether the gap is as wide as the middle half of the others, the interquartile range."""
        return 0 < self.middle <= self.gap

    @property
    def is_off_scale(self) -> bool:
        """Whether the others are all steps of a scale of answers, and this one is far from them."""
        width = self.high - self.low
        is_scale = self.low in {0.0, 1.0} and self.high <= SCALE_END
        has_all = self.distinct == width + 1 and self.distinct > 1
        return self.value in ON_SCALE and is_scale and has_all and self.gap > width

    @property
    def is_spike(self) -> bool:
        """Whether it comes more often than any other number by far."""
        return self.count >= SPIKE * self.commonest


def warn_of_sentinels(
    table: Table, profile: Sequence[Mapping[str, Any]], *, has_null_values: bool = True
) -> Iterator[TableWarning]:
    """Say which columns have such a number as their least or largest value, such as -9999.

    `has_null_values` where the format of the table has that option.
    """
    codes = {
        column["name"]: [
            end
            for end in _find_codes(table.frame[column["name"]], is_matrix=table.is_matrix)
            if not _is_name(table.frame[column["name"]], end)
        ]
        for column in profile
        if column["kind"] == ColumnKind.numeric.value
        and any(_may_be_code(column[bound]) for bound in ("min", "max"))
    }
    for name, ends in codes.items():
        for end in ends:
            coded = {other for other, ends_of in codes.items() if end.value in _values(ends_of)}
            holder = _find_holder(table.frame, end.value, coded)
            text = _write_code(end.value, table.readings.get(name))
            fix = _choose_fix(text, holder, has_null_values=has_null_values)
            yield _warn(table.frame[name], end, _values(ends), fix)


def _may_be_code(value: float | None) -> bool:
    """Return whether people or programs use a number as a code."""
    if value is None or not math.isfinite(value):
        return False
    return value == 0 or value in FILLS | SURVEY or _is_repeated(value) or _is_round_loss(value)


def _find_codes(column: pl.Series, *, is_matrix: bool) -> list[End]:
    """Return the codes at both ends; several at one are measured by the numbers beside them all."""
    values = column.cast(pl.Float64).drop_nulls().alias("value")
    values = values.filter(values.is_finite())
    return [
        *_find_codes_at(values, is_low=True, is_matrix=is_matrix),
        *_find_codes_at(values, is_low=False, is_matrix=is_matrix),
    ]


def _find_codes_at(values: pl.Series, *, is_low: bool, is_matrix: bool) -> list[End]:
    candidates: list[float] = []
    rest = values
    while len(candidates) < MAX_CODES and len(rest):
        value = float(rest.min() if is_low else rest.max())  # type: ignore[arg-type]
        # The ground of a picture is zero.
        if not _may_be_code(value) or (is_matrix and value == 0):
            break
        candidates.append(value)
        rest = rest.filter(rest != value)
    while candidates:
        ends = [_measure(values, value, candidates, is_low=is_low) for value in candidates]
        if all(end is not None and _is_code(end, len(values)) for end in ends):
            return [end for end in ends if end is not None]
        candidates.pop()
    return []


def _measure(
    values: pl.Series, value: float, codes: Sequence[float], *, is_low: bool
) -> End | None:
    """Measure a number at an end beside those that are no codes; None where all are."""
    others = values.filter(~values.is_in(list(codes)))
    if not len(others):
        return None
    low, high = float(others.min()), float(others.max())  # type: ignore[arg-type]
    quartiles = [float(others.quantile(share, "nearest") or 0.0) for share in (0.25, 0.75)]
    counts = others.value_counts()["count"]
    return End(
        value=value,
        count=int((values == value).sum()),
        nearest=low if is_low else high,
        low=low,
        high=high,
        middle=quartiles[1] - quartiles[0],
        distinct=len(counts),
        commonest=int(counts.max()),  # type: ignore[arg-type]
    )


def _is_code(end: End, present: int) -> bool:
    """Return whether a number is apart from the others as a code is."""
    value = end.value
    if end.is_far and value in FILLS:
        return True
    if end.is_far and abs(value) >= MIN_SIZE and _is_repeated(value, MIN_NINES, "9"):
        return True
    if end.count < max(MIN_CELLS, MIN_SHARE * present) or end.distinct < MIN_OTHERS:
        return end.count >= MIN_CELLS and end.is_off_scale
    if value == 0:
        return end.is_far or (end.is_beyond and end.count <= MAX_ZEROS * present)
    if value > 0:
        return end.is_far or (end.is_spike and end.gap >= NEAR * end.middle > 0)
    # No other number is below zero.
    is_alone = end.low >= 0
    return end.is_beyond or end.is_far or (is_alone and end.is_spike)


def _is_name(column: pl.Series, end: End) -> bool:
    """Return whether a number with a positive end names one of several things, as the others do.

    The others have as many digits; and the column is called so, or they are few, far from each
    other, and each comes again, as codes of departments: `100`, `230`, `410`, `999`.
    """
    is_as_long = len(f"{end.low:.15g}") == len(f"{end.value:.15g}")
    if end.value < 0 or not end.value.is_integer() or not is_as_long:
        return False
    others = column.cast(pl.Float64).drop_nulls()
    others = others.filter(others != end.value)
    if not bool((others == others.floor()).all()):
        return False
    if NAME.search(column.name.strip()) or CODE_NAME.search(column.name.strip()):
        return True
    is_sparse = end.distinct <= MAX_SPARSE * (end.high - end.low + 1)
    return is_sparse and end.distinct <= MAX_NAMES and bool(others.is_duplicated().all())


def _is_repeated(value: float, digits: int = 2, of: str = "789") -> bool:
    """Return whether a number is one digit again and again: 99, -888, 999.9."""
    text = f"{abs(value):.10g}".replace(".", "")
    return len(text) >= digits and len(set(text)) == 1 and text[0] in of


def _is_round_loss(value: float) -> bool:
    """Return whether a number is negative and round, as -200."""
    text = f"{-value:.10g}"
    return value <= -100 and text.isdigit() and not text[1:].strip("0")


def _values(ends: Sequence[End]) -> set[float]:
    return {end.value for end in ends}


def _find_holder(frame: pl.DataFrame, value: float, coded: set[str]) -> str | None:
    """Return a column that holds a number, too, in which nothing says that it is a code."""
    for column in frame:
        if column.name not in coded and column.dtype.is_numeric() and (column == value).any():
            return column.name
    return None


def _write_code(value: float, reading: Reading | None) -> str | None:
    """Return a text that names a code in null_values; None where the cells may have another."""
    if reading is not None and (reading.unit or reading.multiples):
        return None
    if reading is not None and reading.group and abs(value) >= MIN_GROUPED:
        return None
    is_short_whole = value.is_integer() and abs(value) < MAX_WHOLE
    text = f"{value:.0f}" if is_short_whole else f"{value:.10g}"
    if "e" in text or float(text) != value:
        return None  # 1e20 may be written as 1.0E+20.
    return text.replace(".", reading.decimal) if reading is not None else text


def _choose_fix(text: str | None, holder: str | None, *, has_null_values: bool) -> str:
    """Say how to make a code missing; `holder` is a column in which the number is none."""
    if not has_null_values:
        return "write these cells as missing if it does"
    if text is None:
        return "leave these cells empty if it does"
    if holder is None:
        return f"name {text} in null_values if it does"
    return (
        f"leave these cells empty if it does: {text} in null_values would be missing in "
        f"{holder!r}, too"
    )


def _warn(column: pl.Series, end: End, codes: set[float], fix: str) -> TableWarning:
    """Say how a number differs from the others of its column, of which `codes` are such, too."""
    cells = f"{format_exact(end.value)} in {counted(end.count, 'cell')} of {column.name!r}"
    return TableWarning(
        code=SENTINEL_VALUE,
        column=column.name,
        count=end.count,
        example=f"{end.value:.10g}",
        detail=f"{cells} {_describe(column, end, codes)}: it may stand for a missing value",
        fix=fix,
    )


def _describe(column: pl.Series, end: End, codes: set[float]) -> str:
    values = column.cast(pl.Float64)
    others = values.filter(values.is_finite() & ~values.is_in(list(codes))).unique().sort()
    low, high = format_exact(float(others[0])), format_exact(float(others[-1]))
    listed = " and ".join(format_exact(code) for code in sorted(codes - {end.value}))
    rest = f"all other numbers{f' but {listed}' if listed else ''}, {low} to {high}"
    widest = others.diff().max()
    if widest is None or end.gap > float(widest):  # type: ignore[arg-type]
        return f"is apart from {rest}"
    if end.is_spike:
        return f"comes at least {SPIKE} times as often as any number from {low} to {high}"
    gap = float(f"{end.gap:.10g}")  # without what the difference of two floats has beyond
    return f"is at least {format_exact(gap)} away from {rest}"
