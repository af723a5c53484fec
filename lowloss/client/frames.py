"""Tables in memory of any library, as an Arrow stream or as rows; none of them is needed here."""

from __future__ import annotations

import io
from collections import Counter
from importlib import import_module
from importlib.util import find_spec
from typing import Any

from lowloss.errors import DuplicateColumns, InvalidRequest


def is_frame(value: object) -> bool:
    """Return whether a value is a table of pandas, polars, pyarrow or their kin."""
    return hasattr(value, "__arrow_c_stream__") or hasattr(value, "__dataframe__")


def write_arrow(frame: Any) -> bytes:
    """Write a table as an Arrow IPC stream, by the library that it is of, or by nanoarrow."""
    frame = _prepare(frame)
    if hasattr(frame, "write_ipc_stream"):
        buffer: io.BytesIO = frame.write_ipc_stream(None)
        return buffer.getvalue()
    if find_spec("pyarrow") is not None:
        return _write_with_pyarrow(frame)
    if find_spec("nanoarrow") is not None:
        ipc = import_module("nanoarrow.ipc")
        output = io.BytesIO()
        with ipc.StreamWriter.from_writable(output) as writer:
            writer.write_stream(frame)
        return output.getvalue()
    raise InvalidRequest(
        f"a {type(frame).__module__.partition('.')[0]} table is sent as an Arrow stream, which "
        "nothing here can write",
        field="source",
        fix="pip install nanoarrow, or give a file",
    )


def _write_with_pyarrow(frame: Any) -> bytes:
    arrow, ipc = import_module("pyarrow"), import_module("pyarrow.ipc")
    if hasattr(frame, "iloc"):
        table = arrow.Table.from_pandas(frame, preserve_index=False)
    else:
        table = arrow.table(frame)
    output = io.BytesIO()
    with ipc.new_stream(output, table.schema) as writer:
        writer.write_table(table)
    return output.getvalue()


def to_rows(frame: Any) -> list[dict[str, Any]]:
    """Return the rows of a table; None where a value is missing."""
    frame = _prepare(frame)
    rows: list[dict[str, Any]]
    if hasattr(frame, "to_dicts"):
        rows = frame.to_dicts()
    elif hasattr(frame, "iloc"):
        rows = frame.astype(object).where(frame.notna(), None).to_dict("records")
    else:
        rows = frame.to_pylist()
    return rows


def _prepare(frame: Any) -> Any:
    """Return a table with the named index of pandas as columns; refuse columns of one name.

    An index without a name numbers the rows, and is no column; nor is one named as a column is.
    """
    if hasattr(frame, "iloc"):
        levels = [
            name for name in frame.index.names if name is not None and name not in frame.columns
        ]
        frame = frame.reset_index(levels) if levels else frame
    names = frame.columns if hasattr(frame, "iloc") else getattr(frame, "column_names", ())
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        raise DuplicateColumns(
            f"two columns are named {', '.join(map(repr, twice))}",
            fix="give every column a name of its own",
        )
    return frame
