"""Turns raw rows of any form into a model's inputs. N rows of a request, D columns of a matrix."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lowloss.errors import RowsInvalid
from lowloss.inference.signature import Input, Signature
from lowloss.inference.values import UnreadableValue, read_column
from lowloss.tables.cells import show_value
from lowloss.validation import find_closest

Inputs = dict[str, NDArray[Any]]

MAX_NAME, MAX_UNKNOWN, MAX_SUGGESTED = 100, 100, 5
"""Bounds on the search for similar names: its time grows with all three."""


@dataclass(frozen=True)
class Cells:
    """The raw values of each of a model's inputs, one list per column.

    `locate` returns the path of an input's value in the request; `ignored` are columns that the
    model does not use.
    """

    count: int
    values: tuple[Sequence[object], ...]
    ignored: tuple[str, ...]
    locate: Callable[[int, Input], str]


def cells_from_rows(signature: Signature, rows: Sequence[object]) -> Cells:
    """Return the cells of a list of rows; raise RowsInvalid for a row that does not fit the model.

    Each row maps columns' names to values; rows of a matrix model may be lists instead.
    """
    if not rows:
        raise RowsInvalid("there are no rows", field="rows", fix="give one row at least")
    if signature.matrix_columns is not None and isinstance(rows[0], list | tuple):
        return _cells_of_matrix(signature, signature.matrix_columns, rows)
    mappings = [_check_mapping(row, position, signature) for position, row in enumerate(rows)]
    names = dict.fromkeys(chain.from_iterable(mappings))
    _check_columns(signature, names, field="rows")
    values = tuple(_collect_values(mappings, name) for name in signature.columns)
    return Cells(len(rows), values, _find_ignored(signature, names), _locate_in_rows)


def cells_from_columns(signature: Signature, columns: Mapping[str, Sequence[object]]) -> Cells:
    """Return the cells of columns by name; raise RowsInvalid where their lengths differ."""
    _check_columns(signature, columns, field="columns")
    counts = {name: len(values) for name, values in columns.items()}
    first, count = next(iter(counts.items()))
    for name, other in counts.items():
        if other != count:
            raise RowsInvalid(
                f"{name!r} has {other} values, and {first!r} has {count}",
                field=f"columns.{name}",
                fix="give every column as many values",
            )
    if not count:
        raise RowsInvalid("there are no rows", field="columns", fix="give one row at least")
    values = tuple(columns[name] for name in signature.columns)
    return Cells(count, values, _find_ignored(signature, columns), _locate_in_columns)


def read_inputs(signature: Signature, cells: Cells) -> Inputs:
    """Return a model's inputs by name, [N, 1] each or one [N, D].

    Raise RowsInvalid with the first fault of each column.
    """
    faults, arrays = [], []
    for column, values in zip(signature.inputs, cells.values, strict=True):
        try:
            arrays.append(read_column(values, column))
        except UnreadableValue as error:
            faults.append((error.row, cells.locate(error.row, column), error))
    if faults:
        raise _build_problem(sorted(faults, key=lambda fault: fault[0]))
    if signature.matrix_columns is None:
        pairs = zip(signature.inputs, arrays, strict=True)
        return {column.input: array for column, array in pairs}
    matrix_ND = np.zeros((cells.count, signature.matrix_columns), dtype=np.float32)
    matrix_ND[:, signature.positions] = np.hstack(arrays)
    return {signature.inputs[0].input: matrix_ND}


def _build_problem(faults: list[tuple[int, str, UnreadableValue]]) -> RowsInvalid:
    listed = tuple(
        {"code": RowsInvalid.code, "field": path, "detail": error.detail, "fix": error.fix}
        for _, path, error in faults
    )
    _, path, first = faults[0]
    errors = listed if len(listed) > 1 else ()
    return RowsInvalid(first.detail, field=path, fix=first.fix, errors=errors)


def _cells_of_matrix(signature: Signature, width: int, rows: Sequence[object]) -> Cells:
    for position, row in enumerate(rows):
        if not isinstance(row, list | tuple) or len(row) != width:
            fault = f"has {len(row)} values" if isinstance(row, list | tuple) else "is not a list"
            raise RowsInvalid(
                f"row {show_value(row)} {fault}; the model takes {width}",
                field=f"rows[{position}]",
                fix=f"give every row as a list of {width} numbers",
            )
    values = tuple(
        [row[position] for row in rows]  # type: ignore[index]
        for position in signature.positions
    )
    return Cells(len(rows), values, (), _locate_in_matrix)


def _check_mapping(row: object, position: int, signature: Signature) -> Mapping[str, object]:
    if isinstance(row, Mapping):
        return row
    lists = "" if signature.matrix_columns is None else ", or every row as a list"
    names = [f'"{name}": …' for name in signature.columns[:MAX_SUGGESTED]]
    cells = ", ".join([*names, "…"] if len(signature.columns) > MAX_SUGGESTED else names)
    raise RowsInvalid(
        f"row {show_value(row)} has no named values",
        field=f"rows[{position}]",
        fix=f"give every row as {{{cells}}}{lists}",
    )


def _collect_values(rows: list[Mapping[str, object]], name: str) -> list[object]:
    try:
        return [row[name] for row in rows]
    except KeyError:
        position = next(position for position, row in enumerate(rows) if name not in row)
        raise RowsInvalid(
            f"this row has no {name!r}",
            field=f"rows[{position}]",
            fix="give every column in every row, null where a value is missing",
        ) from None


def _check_columns(signature: Signature, columns: Iterable[str], *, field: str) -> None:
    names = set(columns)
    missing = [name for name in signature.columns if name not in names]
    if not missing:
        return
    listed = ", ".join(map(repr, missing))
    raise RowsInvalid(
        f"the model needs {'columns' if len(missing) > 1 else 'column'} {listed}",
        field=field,
        fix=_suggest(missing, _find_ignored(signature, columns))
        or "give every column that the model takes, null where a value is missing",
    )


def _suggest(missing: list[str], unknown: Sequence[str]) -> str:
    candidates = {name.casefold(): name for name in unknown[:MAX_UNKNOWN] if len(name) <= MAX_NAME}
    suggestions = [
        f"{name!r} instead of {candidates[close]!r}"
        for name in missing[:MAX_SUGGESTED]
        if (close := find_closest(name[:MAX_NAME].casefold(), candidates)) is not None
    ]
    return f"did you mean {', '.join(suggestions)}?" if suggestions else ""


def _find_ignored(signature: Signature, columns: Iterable[str]) -> tuple[str, ...]:
    """Return the columns that the model does not use, without its target."""
    expected = {*signature.columns, signature.target}
    return tuple(name for name in columns if name not in expected)


def _locate_in_rows(row: int, column: Input) -> str:
    return f"rows[{row}].{column.column}"


def _locate_in_columns(row: int, column: Input) -> str:
    return f"columns.{column.column}[{row}]"


def _locate_in_matrix(row: int, column: Input) -> str:
    return f"rows[{row}][{column.position}]"
