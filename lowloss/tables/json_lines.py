"""Reads JSON: an object on each line, or a list of objects."""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

from lowloss.errors import TableUnreadable
from lowloss.results import Reading, TableWarning
from lowloss.tables.columnar import choose_columns, to_plain
from lowloss.tables.columns import ColumnReader, read_columns
from lowloss.tables.containers import unpack_bytes
from lowloss.tables.limits import TableLimits
from lowloss.tables.options import ParseOptions
from lowloss.tables.table import Table, check_names, check_size


def read_json(
    data: bytes,
    options: ParseOptions,
    limits: TableLimits,
    earlier: Mapping[str, Reading] | None = None,
) -> Table:
    """Read objects with the same keys; their texts are read as those of a CSV."""
    data = unpack_bytes(data).removeprefix(b"\xef\xbb\xbf").strip()
    try:
        # The whole file decides the types: a number may come late.
        frame = (
            pl.read_json(data, infer_schema_length=None)
            if data.startswith(b"[")
            else pl.read_ndjson(data, infer_schema_length=None)
        )
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException) as error:
        reason = next(iter(str(error).splitlines()), "damaged")
        raise TableUnreadable(
            f"the file is not JSON of one object a line: {reason}",
            fix="write it by DataFrame.to_json(path, orient='records', lines=True)",
        ) from error
    check_size(frame.height, frame.width, limits)
    check_names(frame.columns)
    warnings: list[TableWarning] = []
    plain = to_plain(frame.select(choose_columns(frame.schema, warnings)))
    texts = [column for column in plain if column.dtype == pl.String]
    reader = ColumnReader(options, earlier or {}, warnings)
    read = {column.name: column for column in read_columns(texts, reader)}
    columns = [read.get(column.name, column) for column in plain]
    return Table(pl.DataFrame(columns), False, tuple(reader.warnings), reader.decided, reader.words)
