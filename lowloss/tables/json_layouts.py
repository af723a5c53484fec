"""Reads JSON in the layouts that pandas and web services write; polars reads that of records."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import polars as pl

from lowloss.errors import TableUnreadable
from lowloss.results import TableWarning
from lowloss.tables.json_titles import TitledRows, find_titled_rows
from lowloss.tables.table import POLARS_FAULTS
from lowloss.wording import describe_error, list_clipped

FIX = "write it by DataFrame.to_json(path, orient='records', lines=True)"
BEHIND = re.compile(r"\s*,?\s*")
"""What stands between values behind each other: some write a comma at the end of each line."""
NO_ROWS = "the JSON is neither objects nor lists of cells, one a row"
MAX_DEPTH = 4
"""How deep a list of rows may lie in an answer of a web service."""


def read_layouts(data: bytes, warnings: list[TableWarning]) -> pl.DataFrame:
    """Return the rows of any layout; NaN and Infinity, which Python writes, are missing.

    Raise TableUnreadable, with line and column, for what is no JSON or no table.
    """
    columns = load_columns(data, warnings)
    try:
        return pl.DataFrame(columns, strict=False)
    except (*POLARS_FAULTS, TypeError, OverflowError, ValueError) as error:
        raise TableUnreadable(f"the JSON is no table: {describe_error(error)}", fix=FIX) from error


def load_columns(data: bytes, warnings: list[TableWarning]) -> dict[str, list[Any]]:
    """Return the cells of each column, as JSON has them; raise TableUnreadable."""
    values = _load(data)
    return _find_columns(values[0] if len(values) == 1 else values, warnings)


def _load(data: bytes) -> list[Any]:
    """Return the values of a file: one, or several behind each other."""
    text = data.decode("utf-8", "replace")
    decoder = json.JSONDecoder(parse_constant=lambda _: None)
    values, start = [], 0
    try:
        while start < len(text):
            value, end = decoder.raw_decode(text, start)
            values.append(value)
            start = BEHIND.match(text, end).end()  # type: ignore[union-attr]
    except (ValueError, RecursionError) as error:
        line = text.count("\n", 0, start) + 1
        raise TableUnreadable(
            f"the file is not JSON from line {line} on: {_describe(error)}", fix=FIX
        ) from error
    return values


def _describe(error: ValueError | RecursionError) -> str:
    if isinstance(error, json.JSONDecodeError):
        if error.doc[error.pos : error.pos + 1] == "'":
            return (
                f"a single quote in line {error.lineno}, column {error.colno}, as Python prints "
                "values; JSON has double ones"
            )
        return f"{error.msg} in line {error.lineno}, column {error.colno}"
    # Python reads no whole number of thousands of digits.
    return "it is nested too deep" if isinstance(error, RecursionError) else str(error)


def _find_columns(value: Any, warnings: list[TableWarning]) -> dict[str, list[Any]]:
    if isinstance(value, dict):
        return _read_object(value, warnings)
    if _is_rows(value, dict):
        return _read_records(value)
    if _is_rows(value, list):
        return _read_lists(value, warnings)
    if _is_answer(value):
        # The World Bank's: what the answer is about, and its rows.
        warnings.append(_make_member_warning("[1]", len(value[1]), ["[0]"]))
        return _find_columns(value[1], warnings)
    raise TableUnreadable(NO_ROWS, fix=FIX)


def _read_object(value: dict[str, Any], warnings: list[TableWarning]) -> dict[str, list[Any]]:
    """Read an object of columns, of rows by their index, or one that holds a list of rows."""
    names = value.get("columns")
    rows: Any = value.get("data")
    if isinstance(names, list) and _is_rows(rows, list):
        columns = _transpose(["" if name is None else str(name) for name in names], rows)
        return _with_index(value.get("index"), columns)
    inside = _read_inside(value, warnings)
    if inside is not None:
        return inside
    members = value.values()
    if members and all(isinstance(member, list) for member in members):
        return _check_lengths(value)
    if members and all(isinstance(member, dict) for member in members):
        return _read_crossed(value, warnings)
    is_series = len(value) > 1 and _counts_up(list(value))
    return {"column_1": list(members)} if is_series else {k: [m] for k, m in value.items()}


def _read_inside(
    value: dict[str, Any], warnings: list[TableWarning]
) -> dict[str, list[Any]] | None:
    """Read the rows that some member of an object holds; None where none does."""
    lists = dict(_find_lists(value))
    longest = max(map(len, lists.values()), default=0)
    if tables := [table for table in find_titled_rows(value) if len(table.rows) > longest]:
        return _read_titled(value, tables, warnings)
    if lists:
        return _read_member(value, lists, warnings)
    if series := dict(_find_series(value)):
        return _read_series(value, series, warnings)
    return None


def _check_lengths(columns: dict[str, list[Any]]) -> dict[str, list[Any]]:
    lengths = {name: len(cells) for name, cells in columns.items()}
    if len(set(lengths.values())) > 1:
        shown = [f"{name} has {length:,}" for name, length in lengths.items()]
        raise TableUnreadable(
            f"the JSON's columns differ in their number of cells: {list_clipped(shown)}",
            fix="give every column as many",
        )
    return columns


def _find_lists(value: dict[str, Any], depth: int = 1) -> Iterator[tuple[str, list[Any]]]:
    """Yield the lists of objects that an object holds, and how to get there: `data.items`."""
    for key, member in value.items():
        if _is_rows(member, dict):
            yield key, member
        elif isinstance(member, dict) and depth < MAX_DEPTH:
            yield from ((f"{key}.{path}", rows) for path, rows in _find_lists(member, depth + 1))


def _is_answer(value: Any) -> bool:
    """Return whether a list has an object and a list of rows, and nothing else."""
    is_pair = isinstance(value, list) and len(value) == 2 and isinstance(value[0], dict)
    return is_pair and (_is_rows(value[1], dict) or _is_rows(value[1], list))


def _find_series(value: dict[str, Any], path: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the members of objects that are columns, beside other members, and how to get there.

    Columns are lists of as many plain cells: two of them, or more.
    """
    columns = {name: cells for name, cells in value.items() if _is_column(cells)}
    is_plain = not path and len(columns) == len(value)
    if len(columns) > 1 and len(set(map(len, columns.values()))) == 1 and not is_plain:
        yield path, columns
    if path.count(".") < MAX_DEPTH - 1:
        for key, member in value.items():
            if isinstance(member, dict):
                yield from _find_series(member, f"{path}.{key}" if path else key)


def _is_column(cells: Any) -> bool:
    is_list = isinstance(cells, list) and len(cells) > 1
    return is_list and not any(isinstance(cell, dict | list) for cell in cells)


def _read_series(
    value: dict[str, Any], series: dict[str, dict[str, Any]], warnings: list[TableWarning]
) -> dict[str, list[Any]]:
    """Read the lists in one member of an object, as weather services answer: the longest ones."""
    lengths = {path: len(next(iter(columns.values()))) for path, columns in series.items()}
    paths = [path for path, length in lengths.items() if length == max(lengths.values())]
    if len(paths) > 1:
        raise TableUnreadable(
            f"the JSON holds several tables: {list_clipped(paths)}",
            fix="give one of them as a file of its own",
        )
    (path,) = paths
    columns = series[path]
    others = [other for other in series if other not in {path, ""}]
    inside = columns if not path else {path.partition(".")[0]}
    others += [key for key in value if key not in inside and key not in others]
    warnings.append(_make_member_warning(path or ", ".join(columns), lengths[path], others))
    return columns


def _read_titled(
    value: dict[str, Any], tables: Sequence[TitledRows], warnings: list[TableWarning]
) -> dict[str, list[Any]]:
    """Read lists of cells whose names stand elsewhere in an object, as portals of data answer."""
    if len(tables) > 1:
        raise TableUnreadable(
            f"the JSON holds several tables: {list_clipped([table.path for table in tables])}",
            fix="give one of them as a file of its own",
        )
    (table,) = tables
    others = [key for key in value if key != re.split(r"[.\[]", table.path)[0]]
    warnings.append(_make_member_warning(table.path, len(table.rows), others))
    return _transpose(list(table.names), table.rows)


def _make_member_warning(path: str, rows: int, others: Sequence[str]) -> TableWarning:
    return TableWarning(
        code="json_member",
        count=rows,
        example=path[:80],
        detail=f"the rows are those of {path[:80]!r}; what else the JSON holds was left out"
        + (f": {list_clipped(others)}" if others else ""),
        fix="give the list that is meant as a file of its own if that is wrong",
    )


def _read_member(
    value: dict[str, Any], lists: dict[str, list[Any]], warnings: list[TableWarning]
) -> dict[str, list[Any]]:
    """Read the list of rows of an object, as web services answer: the outermost, longest one."""
    depth = min(path.count(".") for path in lists)
    outermost = {path: len(rows) for path, rows in lists.items() if path.count(".") == depth}
    paths = [path for path, rows in outermost.items() if rows == max(outermost.values())]
    if len(paths) > 1:
        raise TableUnreadable(
            f"the JSON holds several lists of rows: {list_clipped(paths)}",
            fix="give one of them as a file of its own",
        )
    (path,) = paths
    others = [other for other in lists if other != path]
    others += [key for key in value if key != path.partition(".")[0] and key not in others]
    warnings.append(_make_member_warning(path, len(lists[path]), others))
    return _read_records(lists[path])


def _is_rows(value: Any, kind: type) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(row, kind) for row in value)


def _read_records(records: Sequence[Mapping[str, Any]]) -> dict[str, list[Any]]:
    names = dict.fromkeys(name for record in records for name in record)
    return {name: [record.get(name) for record in records] for name in names}


def _read_crossed(
    value: Mapping[str, Mapping[str, Any]], warnings: list[TableWarning]
) -> dict[str, list[Any]]:
    """Read objects of objects: of the two sides the one that counts up from 0 are the rows.

    Where both do, or neither, the longer one; and a warning says so.
    """
    outer, inner = list(value), list(dict.fromkeys(key for part in value.values() for key in part))
    if _counts_up(outer) != _counts_up(inner):
        return _read_side(value, outer, inner, is_by_row=_counts_up(outer))
    is_by_row = len(outer) > len(inner)
    warnings.append(
        TableWarning(
            code="json_orientation",
            count=len(outer),
            example=outer[0],
            detail=f"the JSON's {len(outer):,} outer keys, such as {outer[0]!r}, were read as "
            f"{'rows' if is_by_row else 'columns'}, its {len(inner):,} inner ones as "
            f"{'columns' if is_by_row else 'rows'}",
            fix=f"{FIX} if it is the other way",
        )
    )
    return _read_side(value, outer, inner, is_by_row=is_by_row)


def _read_side(
    value: Mapping[str, Mapping[str, Any]],
    outer: Sequence[str],
    inner: Sequence[str],
    *,
    is_by_row: bool,
) -> dict[str, list[Any]]:
    if is_by_row:
        return _with_index(outer, _read_records(list(value.values())))
    columns = {name: [column.get(key) for key in inner] for name, column in value.items()}
    return _with_index(inner, columns)


def _with_index(index: Sequence[Any] | None, columns: dict[str, list[Any]]) -> dict[str, list[Any]]:
    """Add the names of the rows as a column, as a CSV has them, unless they only count."""
    if not index or _counts_up(list(map(str, index))) or "index" in columns:
        return columns
    return {"index": list(index)} | columns


def _counts_up(keys: Sequence[str]) -> bool:
    return all(key == str(position) for position, key in enumerate(keys))


def _read_lists(rows: list[list[Any]], warnings: list[TableWarning]) -> dict[str, list[Any]]:
    """Read lists of cells; the first names the columns if it alone holds nothing but texts."""
    first, *others = rows
    if any(isinstance(cell, dict | list) for cell in first):
        raise TableUnreadable(NO_ROWS, fix=FIX)
    if (
        others
        and all(isinstance(cell, str) for cell in first)
        and not all(isinstance(cell, str) for row in others for cell in row)
    ):
        return _transpose(first, others)
    warnings.append(
        TableWarning(
            code="no_header",
            count=1,
            rows=(1,),
            example=json.dumps(first),
            detail="the lists have no names: the columns are named column_1, column_2, …",
            fix="give the columns' names as the first list, or write objects",
        )
    )
    return _transpose([f"column_{position}" for position in range(1, len(first) + 1)], rows)


def _transpose(names: list[str], rows: list[list[Any]]) -> dict[str, list[Any]]:
    for number, row in enumerate(rows, start=1):
        if len(row) != len(names):
            raise TableUnreadable(
                f"row {number} of the JSON has {len(row)} cells; there are {len(names)} columns",
                fix="give every row as many cells",
            )
    if len(set(names)) < len(names):
        raise TableUnreadable("two columns of the JSON have one name", fix="rename one of them")
    return dict(zip(names, map(list, zip(*rows, strict=True)), strict=True))
