"""Any typed columns are read, profiled and checked, or refused with what to do."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lowloss.errors import TableInvalid
from lowloss.results import TableFormat
from lowloss.tables.naming import complete_names
from lowloss.tables.options import ParseOptions
from lowloss.tables.read import read_table
from service.settings import Limits
from service.tables.parse import Bounds, parse_upload
from tests.builders.soundness import BOUNDED, assert_is_helpful, outcome_of
from tests.builders.tables import LIMITS, a_dataset_of

BOUNDS = Bounds(memory_bytes=2**30, seconds=60)


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
    nested = {
        name for name, dtype in frame.schema.items() if dtype.is_nested() or dtype == pl.Binary
    }
    names = [name for name in frame.columns if name not in nested]
    assert table.frame.columns == complete_names(names, [])
    assert table.frame.height == frame.height
    for found, given_ in zip(table.frame, frame.select(names), strict=True):
        if found.dtype == given_.dtype and found.dtype in {pl.Int64, pl.Boolean, pl.String}:
            assert found.equals(given_)


@pytest.mark.slow
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
