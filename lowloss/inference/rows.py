"""Raw rows, however they are written, as the inputs of a model. N rows, D columns of a matrix."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lowloss.errors import RowsInvalid
from lowloss.inference.signature import Input, Signature
from lowloss.inference.values import UnreadableValue, read_column
from lowloss.tables.cells import shown

Inputs = dict[str, NDArray[Any]]

MAX_NAME, MAX_UNKNOWN, MAX_SUGGESTED = 100, 100, 5
"""Bounds on the search for the names that were meant: it takes time that grows with all three."""


@dataclass(frozen=True)
class Cells:
    """The raw values of each of a model's inputs, one list a column, and where each stands.

    `place` answers the path of an input's value in what was sent; `ignored` are columns that the
    model does not take.
    """

    count: int
    values: tuple[Sequence[object], ...]
    ignored: tuple[str, ...]
    place: Callable[[int, Input], str]


def cells_of_rows(signature: Signature, rows: Sequence[object]) -> Cells:
    """The cells of a list of rows; RowsInvalid says which one is no row of this model.

    Each row has values by their columns' names; those of a matrix model may be lists instead.
    """
    if not rows:
        raise RowsInvalid("there are no rows", field="rows", fix="give one row at least")
    if signature.matrix_columns is not None and isinstance(rows[0], list | tuple):
        return _cells_of_matrix(signature, signature.matrix_columns, rows)
    named = [_named(row, position, signature) for position, row in enumerate(rows)]
    names = dict.fromkeys(chain.from_iterable(named))
    _check_columns(signature, names, field="rows")
    values = tuple(_pick(named, name) for name in signature.columns)
    return Cells(len(rows), values, _ignored(signature, names), _in_rows)


def cells_of_columns(signature: Signature, columns: Mapping[str, Sequence[object]]) -> Cells:
    """The cells of lists of values by their columns' names; RowsInvalid where they differ."""
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
    return Cells(count, values, _ignored(signature, columns), _in_columns)


def read_inputs(signature: Signature, cells: Cells) -> Inputs:
    """A model's inputs by name: [N, 1] each, or one [N, D]; RowsInvalid lists what is wrong.

    One fault a column is listed, its first.
    """
    faults, arrays = [], []
    for column, values in zip(signature.inputs, cells.values, strict=True):
        try:
            arrays.append(read_column(values, column))
        except UnreadableValue as error:
            faults.append((error.row, cells.place(error.row, column), error))
    if faults:
        raise _problem_of(sorted(faults, key=lambda fault: fault[0]))
    if signature.matrix_columns is None:
        return {each.input: array for each, array in zip(signature.inputs, arrays, strict=True)}
    matrix_ND = np.zeros((cells.count, signature.matrix_columns), dtype=np.float32)
    matrix_ND[:, signature.positions] = np.hstack(arrays)
    return {signature.inputs[0].input: matrix_ND}


def _problem_of(faults: list[tuple[int, str, UnreadableValue]]) -> RowsInvalid:
    listed = tuple(
        {"code": RowsInvalid.code, "field": place, "detail": error.detail, "fix": error.fix}
        for _, place, error in faults
    )
    _, place, first = faults[0]
    errors = listed if len(listed) > 1 else ()
    return RowsInvalid(first.detail, field=place, fix=first.fix, errors=errors)


def _cells_of_matrix(signature: Signature, width: int, rows: Sequence[object]) -> Cells:
    for position, row in enumerate(rows):
        if not isinstance(row, list | tuple) or len(row) != width:
            what = f"has {len(row)} values" if isinstance(row, list | tuple) else "is not a list"
            raise RowsInvalid(
                f"row {shown(row)} {what}; the model takes {width}",
                field=f"rows[{position}]",
                fix=f"give every row as a list of {width} numbers",
            )
    values = tuple(
        [row[position] for row in rows]  # type: ignore[index]
        for position in signature.positions
    )
    return Cells(len(rows), values, (), _in_matrix)


def _named(row: object, position: int, signature: Signature) -> Mapping[str, object]:
    if isinstance(row, Mapping):
        return row
    lists = "" if signature.matrix_columns is None else ", or every row as a list"
    raise RowsInvalid(
        f"row {shown(row)} has no named values",
        field=f"rows[{position}]",
        fix=f'give every row as {{"{signature.columns[0]}": …}}{lists}',
    )


def _pick(rows: list[Mapping[str, object]], name: str) -> list[object]:
    try:
        return [row[name] for row in rows]
    except KeyError:
        position = next(position for position, row in enumerate(rows) if name not in row)
        raise RowsInvalid(
            f"this row has no {name!r}",
            field=f"rows[{position}]",
            fix="give every column in every row, null where a value is missing",
        ) from None


def _check_columns(signature: Signature, given: Iterable[str], *, field: str) -> None:
    names = set(given)
    missing = [name for name in signature.columns if name not in names]
    if not missing:
        return
    listed = ", ".join(map(repr, missing))
    raise RowsInvalid(
        f"the model needs {'columns' if len(missing) > 1 else 'column'} {listed}",
        field=field,
        fix=_suggest(missing, _ignored(signature, given))
        or "give every column that the model takes, null where a value is missing",
    )


def _suggest(missing: list[str], unknown: Sequence[str]) -> str:
    near = {name.casefold(): name for name in unknown[:MAX_UNKNOWN] if len(name) <= MAX_NAME}
    meant = [
        f"{name!r} instead of {near[close]!r}"
        for name in missing[:MAX_SUGGESTED]
        for close in difflib.get_close_matches(name[:MAX_NAME].casefold(), near, n=1)
    ]
    return f"did you mean {', '.join(meant)}?" if meant else ""


def _ignored(signature: Signature, given: Iterable[str]) -> tuple[str, ...]:
    """The columns that the model does not take; its target may be there, and is not one of them."""
    known = {*signature.columns, signature.target}
    return tuple(name for name in given if name not in known)


def _in_rows(row: int, column: Input) -> str:
    return f"rows[{row}].{column.column}"


def _in_columns(row: int, column: Input) -> str:
    return f"columns.{column.column}[{row}]"


def _in_matrix(row: int, column: Input) -> str:
    return f"rows[{row}][{column.position}]"
