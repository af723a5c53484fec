"""Whatever is written in a notation that people use is read back exactly, or doubt is told."""

from __future__ import annotations

import csv
import gzip
import io
import lzma
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

import pytest
import zstandard
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lowloss.tables.limits import TableLimits
from lowloss.tables.options import ParseOptions
from lowloss.tables.read import read_csv

DOUBTS = {"ambiguous_numbers", "ambiguous_dates"}
MARKS = ["", "NA", "N/A", "null", "none", "nan", r"\N", ".", "-", "--", "?", "unknown", "#N/A"]
MARKS += [".a", "#N/A N/A", ": c", "(X)", "***", "DNF"]
WORDS = st.text("abcxyzäß ", min_size=1, max_size=6).map("w{}w".format)
LOCALES = [(".", ""), (",", ""), (".", ","), (",", "."), (".", " "), (",", " "), (".", "'")]
DATE_FORMATS = [
    *("%Y-%m-%d", "%Y/%m/%d", "%d/%m/%Y", "%m/%d/%Y", "%d.%m.%Y", "%d-%m-%Y", "%d %b %Y"),
    *("%b %d, %Y", "%d-%b-%Y", "%A, %d %B %Y", "%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M:%S.%f"),
    *("%m/%d/%Y %I:%M:%S %p", "%d.%m.%Y %H:%M:%S", "%Y-%m-%dT%H:%M:%SZ"),
    *("%Y%m%dT%H%M%S", "%Y%m%d%H%M%S", "%Y:%m:%d %H:%M:%S", "%Y-%m-%d-%H.%M.%S.%f"),
    *("%a %b %d %H:%M:%S %Y", "%d.%m.%Y %H:%M:%S Uhr", "%H:%M:%S %d.%m.%Y", "%Y-%m-%d %a"),
]
PACKERS: list[Callable[[bytes], bytes]] = [
    bytes,
    bytes,
    gzip.compress,
    lzma.compress,
    zstandard.compress,
]
DATES = st.dates(date(1970, 1, 1), date(2068, 12, 31))
TIMES = st.datetimes(datetime(1970, 1, 1), datetime(2068, 12, 31)).map(
    lambda time: time.replace(microsecond=0)
)


@dataclass(frozen=True)
class Notation:
    """How a column is written: `write` makes a cell of a value."""

    values: st.SearchStrategy[Any]
    write: Callable[[Any], str]


def group_digits(digits: str, group: str) -> str:
    return f"{int(digits):,}".replace(",", group)


@st.composite
def numbers(draw: st.DrawFn, locale: tuple[str, str]) -> Notation:
    """Numbers with so many decimals, in a locale, with what may stand around them."""
    decimal, group = locale
    decimals = draw(st.integers(0, 4))
    before, behind = draw(
        st.sampled_from(
            [
                ("", ""),
                ("", ""),
                ("$", ""),
                ("€ ", ""),
                ("", " €"),
                ("", "%"),
                ("", " kg"),
                ("", " m2"),
                ("(", ""),
            ]
        )
    )

    def write(value: int) -> str:
        digits = str(abs(value)).rjust(decimals + 1, "0")
        whole, fraction = digits[: len(digits) - decimals], digits[len(digits) - decimals :]
        text = group_digits(whole, group) + (decimal + fraction if decimals else "")
        if before == "(":
            return f"({text})" if value < 0 else text
        return f"{'-' if value < 0 else ''}{before}{text}{behind}"

    size = 10 ** draw(st.sampled_from([3, 6, 9]))
    values = st.integers(-size, size)
    return Notation(values.map(lambda value: Scaled(value, decimals)), lambda v: write(v.value))


@dataclass(frozen=True)
class Scaled:
    """A whole number of units of the last decimal."""

    value: int
    decimals: int

    def plain(self) -> float:
        return self.value if not self.decimals else float(f"{self.value}e-{self.decimals}")


@st.composite
def dates(draw: st.DrawFn, order: str) -> Notation:
    # A file writes its dates with slashes in one order.
    other = {"dmy": "%m/%d", "mdy": "%d/%m"}[order]
    pattern = draw(st.sampled_from([f for f in DATE_FORMATS if not f.startswith(other)]))
    has_time = "%H" in pattern or "%I" in pattern
    return Notation(TIMES if has_time else DATES, lambda value: value.strftime(pattern))


def clocks() -> Notation:
    seconds = st.integers(0, 359_999).map(lambda s: timedelta(seconds=s))

    def write(value: timedelta) -> str:
        minutes, second = divmod(int(value.total_seconds()), 60)
        return f"{minutes // 60:02}:{minutes % 60:02}:{second:02}"

    return Notation(seconds, write)


def laps() -> Notation:
    milliseconds = st.integers(0, 5_999_999).map(lambda ms: timedelta(milliseconds=ms))

    def write(value: timedelta) -> str:
        minutes, rest = divmod(value // timedelta(milliseconds=1), 60_000)
        return f"{minutes}:{rest // 1000:02}.{rest % 1000:03}"

    return Notation(milliseconds, write)


@st.composite
def notations(draw: st.DrawFn, locale: tuple[str, str], order: str) -> Notation:
    notation: Notation = draw(
        st.one_of(
            numbers(locale),
            numbers(locale),
            dates(order),
            st.just(clocks()),
            st.just(laps()),
            st.sampled_from(
                [
                    Notation(st.booleans(), str),
                    Notation(st.booleans(), lambda value: str(value).upper()),
                    Notation(WORDS, str),
                ]
            ),
        )
    )
    return notation


@dataclass(frozen=True)
class Written:
    """A table's values and bytes."""

    columns: list[list[Any]]
    data: bytes


@st.composite
def tables(draw: st.DrawFn) -> Written:
    locale = draw(st.sampled_from(LOCALES))
    order = draw(st.sampled_from(["dmy", "mdy"]))
    columns = draw(st.lists(notations(locale, order), min_size=2, max_size=5))
    rows = draw(st.integers(8, 40))
    values: list[list[Any]] = []
    cells: list[list[str]] = []
    for notation in columns:
        column = draw(st.lists(notation.values, min_size=rows, max_size=rows))
        gaps = draw(st.sets(st.integers(1, rows - 1), max_size=3))
        is_word = isinstance(column[0], str)
        mark = "" if is_word else draw(st.sampled_from(MARKS))
        values.append([None if row in gaps else v for row, v in enumerate(column)])
        cells.append([mark if row in gaps else notation.write(v) for row, v in enumerate(column)])
    # No row is empty.
    labels = [f"row w{row}" for row in range(rows)]
    return Written([labels, *values], draw(exports([labels, *cells])))


@st.composite
def exports(draw: st.DrawFn, cells: list[list[str]]) -> bytes:
    """The bytes that an exporter makes of cells."""
    delimiter = draw(st.sampled_from([",", ";", "\t", "|"]))
    text = io.StringIO()
    writer = csv.writer(
        text,
        delimiter=delimiter,
        quoting=draw(st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL])),
        lineterminator=draw(st.sampled_from(["\n", "\r\n"])),
    )
    trailing = [""] * draw(st.sampled_from([0, 0, 0, 1, 2]))
    names = [f"column {number}" for number in range(len(cells))]
    text.write(draw(st.sampled_from(["", "", "", f"sep={delimiter}\n", "A title of it\n", "\n"])))
    writer.writerow([*names, *trailing])
    writer.writerows([*row, *trailing] for row in zip(*cells, strict=True))
    text.write(draw(st.sampled_from(["", "", "\n\n", "Source: an agency of statistics\n"])))
    encoding = draw(st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-32", "utf-16-le"]))
    pack = draw(st.sampled_from(PACKERS))
    return pack(text.getvalue().encode(encoding))


def expected(value: Any) -> Any:
    match value:
        case Scaled():
            return value.plain()
        case timedelta():
            return value.total_seconds()
    return value


def is_same(read: list[Any], written: list[Any]) -> bool:
    # A day without times is midnight where other cells have one.
    return read == [expected(value) for value in written]


LARGE = settings(
    deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)


@given(tables())
@settings(LARGE, max_examples=100)
def test_any_notation_is_read_back_exactly_or_its_doubt_is_told(written: Written) -> None:
    check_is_read_back(written)


@pytest.mark.slow
@pytest.mark.timeout(1500)
@given(tables())
@settings(LARGE, max_examples=1_000)
def test_any_notation_is_read_back_in_many_tables(written: Written) -> None:
    check_is_read_back(written)


def check_is_read_back(written: Written) -> None:
    table = read_csv(written.data, ParseOptions(), limits=TableLimits())

    assert table.frame.width == len(written.columns)
    assert table.frame.height == len(written.columns[0])
    doubted = {warning.column for warning in table.warnings if warning.code in DOUBTS}
    for column, values in zip(table.frame, written.columns, strict=True):
        assert is_same(column.to_list(), values) or column.name in doubted
