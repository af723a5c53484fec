"""Any table, well-formed or not, is read, profiled and checked, or refused with what to do."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from lowloss.errors import InvalidRequest, Problem, TableInvalid
from lowloss.results import QUANTILES, Column, TableFormat
from lowloss.spec import JobSpec
from service.settings import Limits
from service.tables.check import check_job
from service.tables.options import ParseOptions
from service.tables.parse import Bounds, parse_upload
from service.tables.read import read_table
from service.tables.table import Table
from tests.tables import LIMITS, a_dataset_of

BOUNDS = Bounds(memory_bytes=2**30, seconds=60)
PROMISED = {pl.Boolean, pl.Int64, pl.Float64, pl.String, pl.Date, pl.Datetime("us")}
BOUNDED = settings(
    max_examples=60,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("any")


def outcome_of(
    path: Path,
    format: TableFormat,  # noqa: A002
    options: ParseOptions | None = None,
) -> Table | None:
    """The table, once it is found sound; None where it was refused as it should be."""
    try:
        table = read_table(path, format, options or ParseOptions(), limits=LIMITS)
    except TableInvalid as problem:
        assert_is_helpful(problem)
        return None
    assert_is_sound(table, format)
    return table


def assert_is_helpful(problem: Problem) -> None:
    assert 400 <= problem.status < 500
    assert problem.detail
    assert problem.fix


def assert_is_sound(table: Table, format: TableFormat) -> None:  # noqa: A002
    for column in table.frame:
        assert column.dtype in PROMISED
        if column.dtype == pl.Float64:
            assert column.drop_nulls().is_finite().all()
    dataset = a_dataset_of(table, format)
    written = json.dumps([c.model_dump(mode="json") for c in dataset.profile], allow_nan=False)
    assert "\\u0000" not in written, "PostgreSQL cannot store it"
    for column, measured in zip(table.frame, dataset.profile, strict=True):
        assert_is_measured(column, measured)
        try:
            spec = JobSpec.model_validate({"dataset": "ds_1", "target": column.name})
        except ValidationError:
            continue
        try:
            check_job(spec, dataset, limits=LIMITS)
        except InvalidRequest as problem:
            assert_is_helpful(problem)


def assert_is_measured(column: pl.Series, measured: Column) -> None:
    present = len(column) - measured.missing
    assert measured.missing == column.null_count()
    assert measured.distinct == column.drop_nulls().n_unique()
    assert sum(level.rows for level in measured.levels) <= present
    if measured.distinct == len(measured.levels):
        assert sum(level.rows for level in measured.levels) == present
    if measured.min is None or measured.max is None:
        assert (measured.quantiles, measured.histogram) == ((), None)
        return
    assert len(measured.quantiles) == len(QUANTILES)
    ends = measured.min, *measured.quantiles, measured.max
    assert list(ends) == sorted(ends)
    if measured.histogram is not None:
        edges, counts = measured.histogram.edges, measured.histogram.counts
        assert list(edges) == sorted(set(edges))
        assert (edges[0], edges[-1]) == (measured.min, measured.max)
        assert len(edges) - 1 == len(counts) <= 20
        assert sum(counts) == present


# Well-formed CSVs: what was written is what is read.

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


# Anything at all.

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


# Typed columns, of types that are promised and others.

TYPES: dict[Any, st.SearchStrategy[Any]] = {
    pl.Int8: st.integers(-(2**7), 2**7 - 1),
    pl.Int64: st.integers(-(2**63), 2**63 - 1),
    pl.UInt64: st.integers(0, 2**64 - 1),
    pl.Int128: st.integers(-(2**127), 2**127 - 1),
    pl.Float32: st.floats(width=32),
    pl.Float64: st.floats(),
    pl.Boolean: st.booleans(),
    pl.String: st.text(max_size=5),
    pl.Categorical: st.text("abc", max_size=2),
    pl.Decimal(20, 4): st.decimals(-(10**9), 10**9, places=4),
    pl.Null: st.none(),
    pl.Time: st.times(),
    pl.Binary: st.binary(max_size=3),
    pl.List(pl.Int64): st.lists(st.integers(0, 3), max_size=2),
}
PHYSICAL: dict[Any, tuple[Any, st.SearchStrategy[int]]] = {
    pl.Date: (pl.Int32, st.integers(-(2**31), 2**31 - 1)),
    pl.Datetime("ms"): (pl.Int64, st.integers(-(2**63), 2**63 - 1)),
    pl.Datetime("us"): (pl.Int64, st.integers(-(2**63), 2**63 - 1)),
    pl.Datetime("ns", "Europe/Oslo"): (pl.Int64, st.integers(-(2**63), 2**63 - 1)),
}
"""Dates as the integers that they are underneath: no calendar holds them all."""


@st.composite
def frames(draw: st.DrawFn) -> pl.DataFrame:
    rows = draw(st.integers(0, 12))
    columns = []
    for name in draw(st.lists(st.text(max_size=4), max_size=4, unique=True)):
        dtype = draw(st.sampled_from([*TYPES, *PHYSICAL]))
        physical, cells = PHYSICAL.get(dtype) or (dtype, TYPES[dtype])
        values = draw(st.lists(st.one_of(st.none(), cells), min_size=rows, max_size=rows))
        columns.append(pl.Series(name, values, dtype=physical).cast(dtype))
    return pl.DataFrame(columns)


WRITERS: dict[str, tuple[TableFormat, Callable[[pl.DataFrame, Path], object]]] = {
    "parquet": (TableFormat.parquet, lambda frame, path: frame.write_parquet(path)),
    "arrow file": (TableFormat.arrow, lambda frame, path: frame.write_ipc(path)),
    "arrow stream": (TableFormat.arrow, lambda frame, path: frame.write_ipc_stream(path)),
    "lz4": (TableFormat.arrow, lambda frame, path: frame.write_ipc(path, compression="lz4")),
}


@pytest.mark.parametrize("writer", list(WRITERS))
@given(frame=frames())
@BOUNDED
def test_any_typed_columns_are_a_table_or_a_problem(
    folder: Path, writer: str, frame: pl.DataFrame
) -> None:
    format, write = WRITERS[writer]  # noqa: A001
    path = folder / "typed"
    path.unlink(missing_ok=True)
    write(frame, path)

    table = outcome_of(path, format)

    if table is None:
        return
    assert (table.frame.columns, table.frame.height) == (frame.columns, frame.height)
    for found, given_ in zip(table.frame, frame, strict=True):
        if found.dtype == given_.dtype and found.dtype in {pl.Int64, pl.Boolean, pl.String}:
            assert found.equals(given_)


@pytest.mark.parametrize("writer", ["parquet", "arrow file", "arrow stream", "lz4"])
@pytest.mark.parametrize("place", [0.2, 0.6])
def test_damaged_columnar_file_is_a_table_or_a_problem(
    tmp_path: Path, writer: str, place: float
) -> None:
    """In a process of its own: polars aborts at some damage."""
    format, write = WRITERS[writer]  # noqa: A001
    path = tmp_path / "damaged"
    write(pl.DataFrame({"a": [1, 2, None], "s": ["x", "a string of some length", None]}), path)
    data = bytearray(path.read_bytes())
    start = int(place * len(data))
    data[start : start + 40] = b"\xff" * 40
    path.write_bytes(data)

    try:
        rows = parse_upload(path, format, ParseOptions(), limits=LIMITS, bounds=BOUNDS).rows
    except TableInvalid as problem:
        assert_is_helpful(problem)
    else:
        assert rows == 3


def test_arrow_stream_over_the_limits_is_refused_before_all_of_it_is_read(tmp_path: Path) -> None:
    path = tmp_path / "t.arrow"
    pl.DataFrame({"a": range(100), "b": range(100)}).write_ipc_stream(path)

    for limits in (Limits(max_rows=99), Limits(max_columns=1), Limits(max_cells=199)):
        with pytest.raises(TableInvalid) as caught:
            read_table(path, TableFormat.arrow, ParseOptions(), limits=limits)

        assert caught.value.code == "table_too_large"


# NPZ.

DTYPES = ("?", "i1", "<i8", ">i4", "u8", "f2", "f4", ">f8", "g", "U3", "S2", "c8", "M8[D]", "V2")


@st.composite
def arrays(draw: st.DrawFn) -> np.ndarray[Any, Any]:
    shape = draw(st.lists(st.integers(0, 4), max_size=3))
    dtype = np.dtype(draw(st.sampled_from(DTYPES)))
    count = math.prod(shape) * dtype.itemsize
    raw = draw(st.binary(min_size=count, max_size=count))
    if dtype.kind == "U":
        letters = draw(
            st.lists(st.text(max_size=3), min_size=math.prod(shape), max_size=math.prod(shape))
        )
        return np.array(letters, dtype=dtype).reshape(shape)
    return np.frombuffer(raw, dtype=dtype).reshape(shape)


@given(arrays(), arrays(), st.booleans())
@settings(BOUNDED, max_examples=150)
def test_any_arrays_are_a_table_or_a_problem(
    folder: Path, x: np.ndarray[Any, Any], y: np.ndarray[Any, Any], is_fitting: bool
) -> None:
    path = folder / "any.npz"
    if is_fitting and x.ndim and y.size:
        y = np.resize(y, len(x))
    np.savez(path, X=x, y=y)

    table = outcome_of(path, TableFormat.npz)

    if table is not None:
        assert table.frame.height == len(x)
        kinds = {column.kind for column in a_dataset_of(table, TableFormat.npz).profile}
        assert not kinds & {"identifier", "integer_category"}


@given(st.integers(0, 2**32 - 1), st.booleans())
@settings(BOUNDED, max_examples=150)
def test_damaged_npz_is_a_table_or_a_problem(folder: Path, seed: int, is_packed: bool) -> None:
    path = folder / "damaged.npz"
    save = np.savez_compressed if is_packed else np.savez
    save(path, X=np.arange(40.0).reshape(20, 2), y=np.array(["a", "b"] * 10))
    rng = np.random.default_rng(seed)
    data = bytearray(path.read_bytes())
    for place in rng.integers(0, len(data), rng.integers(1, 5)):
        data[place] = rng.integers(0, 256)
    path.write_bytes(data[: rng.integers(1, 2 * len(data))])

    outcome_of(path, TableFormat.npz)
