"""A table in memory has the same columns where it is uploaded and where it is predicted."""

from __future__ import annotations

from typing import Any

import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from lowloss.client.frames import to_rows, write_arrow
from lowloss.errors import DuplicateColumns

PLAIN = pd.DataFrame({"x": [1.5, None], "c": ["a", "b"]})


def an_index(*levels: list[Any], names: list[str | None]) -> pd.DataFrame:
    return PLAIN.set_index(pd.MultiIndex.from_arrays(levels, names=names))


@pytest.mark.parametrize(
    ("frame", "columns"),
    [
        (PLAIN, {"x", "c"}),
        (PLAIN.set_index("c"), {"x", "c"}),
        (PLAIN.set_index("c", drop=False), {"x", "c"}),
        (PLAIN.set_index(pd.Index([7, 8])), {"x", "c"}),
        (PLAIN.set_index(pd.Index([7, 8], name="id")), {"id", "x", "c"}),
        (PLAIN.rename_axis("row"), {"row", "x", "c"}),
        (an_index([1, 2], ["u", "v"], names=["id", "k"]), {"id", "k", "x", "c"}),
        (an_index([1, 2], ["u", "v"], names=["id", None]), {"id", "x", "c"}),
    ],
    ids=range(8),
)
def test_named_index_of_pandas_is_a_column_of_an_upload_and_of_rows(
    frame: pd.DataFrame, columns: set[str]
) -> None:
    uploaded = pl.read_ipc_stream(write_arrow(frame))
    rows = to_rows(frame)

    assert set(uploaded.columns) == columns
    assert [dict(sorted(row.items())) for row in rows] == uploaded.select(
        sorted(columns)
    ).to_dicts()


def test_index_stays_where_the_caller_has_it() -> None:
    frame = PLAIN.set_index("c")

    to_rows(frame)

    assert frame.index.names == ["c"]


@pytest.mark.parametrize("convert", [write_arrow, to_rows])
@pytest.mark.parametrize(
    "frame",
    [
        pa.Table.from_arrays([pa.array([1]), pa.array([2])], names=["x", "x"]),
        pd.DataFrame([[1, 2]], columns=["x", "x"]),
    ],
    ids=["pyarrow", "pandas"],
)
def test_two_columns_of_one_name_are_refused(convert: Any, frame: Any) -> None:
    with pytest.raises(DuplicateColumns, match="'x'"):
        convert(frame)


class Stream:
    """A table of a library that can only export an Arrow stream."""

    def __init__(self, table: pa.Table) -> None:
        self.table = table

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        return self.table.__arrow_c_stream__(requested_schema)


def test_table_that_only_exports_a_stream_is_written_by_nanoarrow(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    table = pa.table({"x": [1.5, None], "c": ["a", "b"]})
    monkeypatch.setattr("lowloss.client.frames.find_spec", lambda name: name == "nanoarrow" or None)

    written = write_arrow(Stream(table))

    assert pl.read_ipc_stream(written).to_dict(as_series=False) == table.to_pydict()
