"""Tables in memory of any library, as an Arrow stream or as rows; none of them is needed here."""

from __future__ import annotations

import io
from importlib import import_module
from importlib.util import find_spec
from typing import Any

from lowloss.errors import InvalidRequest


def is_frame(value: object) -> bool:
    """Return whether a value is a table of pandas, polars, pyarrow or their kin."""
    return hasattr(value, "__arrow_c_stream__") or hasattr(value, "__dataframe__")


def write_arrow(frame: Any) -> bytes:
    """Write a table as an Arrow IPC stream, by the library that it is of, or by nanoarrow."""
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
        # An index without a name numbers the rows, and is no column.
        has_index = any(name is not None for name in frame.index.names)
        table = arrow.Table.from_pandas(frame, preserve_index=has_index)
    else:
        table = arrow.table(frame)
    output = io.BytesIO()
    with ipc.new_stream(output, table.schema) as writer:
        writer.write_table(table)
    return output.getvalue()


def to_rows(frame: Any) -> list[dict[str, Any]]:
    """Return the rows of a table; None where a value is missing."""
    rows: list[dict[str, Any]]
    if hasattr(frame, "to_dicts"):
        rows = frame.to_dicts()
    elif hasattr(frame, "iloc"):
        rows = frame.astype(object).where(frame.notna(), None).to_dict("records")
    else:
        rows = frame.to_pylist()
    return rows
