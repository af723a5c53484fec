"""Any text is read, profiled and checked as a CSV, or refused with what to do."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from lowloss.results import TableFormat
from lowloss.tables.options import ParseOptions
from tests.builders.soundness import BOUNDED, outcome_of

WORDS = st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="\0\r"), max_size=8
).map("w{}w".format)
"""Strings that are nothing else, whatever is in them."""


CELLS: dict[str, st.SearchStrategy[Any]] = {
    "whole": st.integers(-(2**63), 2**63 - 1),
    "number": st.floats(allow_nan=False, allow_infinity=False),
    "flag": st.booleans(),
    "day": st.dates(),
    "time": st.datetimes(),
    "word": WORDS,
}


@dataclass(frozen=True)
class Written:
    """A CSV's columns, and how they are written."""

    names: list[str]
    columns: list[list[Any]]
    options: ParseOptions
    is_all_quoted: bool
    line_end: str

    def to_bytes(self) -> bytes:
        text = io.StringIO()
        writer = csv.writer(
            text,
            delimiter=self.options.delimiter or ",",
            quotechar=self.options.quote,
            quoting=csv.QUOTE_ALL if self.is_all_quoted else csv.QUOTE_MINIMAL,
            lineterminator=self.line_end,
        )
        if self.options.header:
            writer.writerow(self.names)
        writer.writerows([self._cell(v) for v in row] for row in zip(*self.columns, strict=True))
        return text.getvalue().encode(self.options.encoding or "utf-8")

    def _cell(self, value: Any) -> str:
        if isinstance(value, float):
            return repr(value).replace(".", self.options.decimal or ".")
        if isinstance(value, date):
            return value.isoformat()
        return "" if value is None else str(value)


@st.composite
def written_csvs(draw: st.DrawFn) -> Written:
    kinds = draw(st.lists(st.sampled_from(sorted(CELLS)), min_size=1, max_size=4))
    rows = draw(st.integers(1, 12))
    # A row in which all is missing is none: the first column never is.
    columns: list[list[Any]] = [draw(st.lists(WORDS, min_size=rows, max_size=rows))]
    for kind in kinds:
        cells = st.one_of(st.none(), CELLS[kind], CELLS[kind])
        columns.append(draw(st.lists(cells, min_size=rows, max_size=rows)))
    names = st.lists(WORDS, min_size=len(columns), max_size=len(columns), unique_by=str.strip)
    options = ParseOptions(
        delimiter=draw(st.sampled_from([",", ";", "\t", "|", " ", ":"])),
        decimal=draw(st.sampled_from([".", ","])),
        encoding=draw(st.sampled_from([None, "utf-8", "utf-8-sig", "utf-16"])),
        header=draw(st.booleans()),
        quote=draw(st.sampled_from(["'", '"'])),
    )
    return Written(
        draw(names), columns, options, draw(st.booleans()), draw(st.sampled_from(["\n", "\r\n"]))
    )


@given(written_csvs())
@BOUNDED
def test_what_is_written_to_a_csv_is_read(folder: Path, written: Written) -> None:
    path = folder / "written.csv"
    path.write_bytes(written.to_bytes())

    table = outcome_of(path, TableFormat.csv, written.options)

    assert table is not None
    count = len(written.columns)
    names = written.names if written.options.header else [f"column_{i + 1}" for i in range(count)]
    assert table.frame.columns == names
    for found, values in zip(table.frame, written.columns, strict=True):
        assert found.to_list() == values


PIECES = [
    *"ab10.,;\t|\n\r\"' -",
    "é",
    "\u2028",
    "\ufeff",
    "\U0001d538",
    "\0",
    "nan",
    "NA",
    "1e999",
    "2020-01-31",
]


NASTY = st.lists(st.sampled_from(PIECES), max_size=60).map("".join)


OPTIONS = st.builds(
    ParseOptions,
    delimiter=st.none() | st.sampled_from([",", ";", "\t", "|", " ", "a"]),
    decimal=st.sampled_from([None, ".", ","]),
    encoding=st.none()
    | st.sampled_from(["utf-8", "utf-16", "utf-7", "cp1252", "hex", "idna", "?"]),
    header=st.sampled_from([None, True, False]),
    quote=st.sampled_from([None, '"', "'"]),
)


@given(NASTY, OPTIONS)
@settings(BOUNDED, max_examples=250)
def test_any_text_is_a_table_or_a_problem(folder: Path, text: str, options: ParseOptions) -> None:
    path = folder / "nasty.csv"
    path.write_bytes(text.encode())

    outcome_of(path, TableFormat.csv, options)


@given(st.lists(st.lists(st.text('ab"\n', max_size=3), max_size=3), min_size=1, max_size=5))
@settings(BOUNDED, max_examples=150)
def test_any_lines_are_a_table_with_a_row_each_or_a_problem(
    folder: Path, lines: list[list[str]]
) -> None:
    path = folder / "lines.csv"
    path.write_text("h1,h2\n" + "\n".join(",".join(line) for line in lines))

    table = outcome_of(path, TableFormat.csv)

    if table is not None:
        records = list(csv.reader(io.StringIO(path.read_text(), newline="")))[1:]
        assert table.frame.height == sum(any(cell.strip() for cell in r) for r in records)


@given(st.binary(max_size=200), st.sampled_from(TableFormat), st.sampled_from([b"", b"PK\3\4"]))
@BOUNDED
def test_any_bytes_are_a_table_or_a_problem(
    folder: Path,
    data: bytes,
    format: TableFormat,  # noqa: A002
    start: bytes,
) -> None:
    path = folder / "bytes"
    path.write_bytes(start + data)

    outcome_of(path, format)
