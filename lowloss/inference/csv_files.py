"""Reads rows from a CSV file, and writes predictions to one."""

from __future__ import annotations

import csv
import re
from pathlib import Path
from typing import TextIO

from lowloss.errors import DuplicateColumns, TableEmpty, TableRagged, TableUnreadable
from lowloss.results import Predictions
from lowloss.tables.cells import DELIMITERS, MISSING, MISSING_AMONG_NUMBERS

QUOTED = re.compile(r'"[^"]*"')
COMMA_NUMBER = re.compile(r"[+-]?(\d+,?\d*|,\d+)([eE][+-]?\d+)?")
NO_NUMBER = frozenset((*MISSING, *MISSING_AMONG_NUMBERS))

Row = dict[str, str]


def read_rows(path: Path) -> list[Row]:
    """Read the rows of a CSV in UTF-8 with a header; a TableInvalid names the line.

    Where the delimiter is not a comma, decimal commas in columns of numbers become points, as the
    service reads them.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            delimiter = _detect_delimiter(file)
            file.seek(0)
            lines = _read_lines(file, delimiter)
    except UnicodeDecodeError as error:
        raise TableUnreadable(f"{path} is not in UTF-8", fix="save it in UTF-8") from error
    if len(lines) < 2:
        raise TableEmpty(f"{path} has no rows", fix="give a header and a row at least")
    names = [name.strip() for name in lines[0]]
    if len(set(names)) < len(names):
        duplicate = next(name for name in names if names.count(name) > 1)
        raise DuplicateColumns(f"two columns are named {duplicate!r}", fix="rename one of them")
    columns = list(zip(*lines[1:], strict=True))
    if delimiter != ",":
        columns = [_replace_commas(column) for column in columns]
    return [dict(zip(names, row, strict=True)) for row in zip(*columns, strict=True)]


def write_predictions(predictions: Predictions, file: TextIO) -> None:
    """Write one line per row: the prediction and, for a classification, all probabilities."""
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(["prediction", *(f"probability[{label}]" for label in predictions.labels)])
    probabilities = predictions.probabilities or ((),) * len(predictions.predictions)
    for prediction, row in zip(predictions.predictions, probabilities, strict=True):
        # The writer leaves None empty.
        writer.writerow([prediction, *row])


def _detect_delimiter(file: TextIO) -> str:
    """Return the delimiter that splits the header into the most names."""
    header = next((line for line in file if line.strip()), "")
    return max(DELIMITERS, key=QUOTED.sub("", header).count)


def _read_lines(file: TextIO, delimiter: str) -> list[list[str]]:
    """Return the fields of the header and of each row; skip empty lines unless one column."""
    reader = csv.reader(file, delimiter=delimiter, strict=True)
    lines: list[list[str]] = []
    try:
        for fields in reader:
            width = len(lines[0]) if lines else len(fields)
            if fields and len(fields) != width:
                raise TableRagged(
                    f"line {reader.line_num} has {len(fields)} fields; the header has {width}",
                    fix="give every line as many fields, and quote those that hold delimiters",
                )
            if fields or width == 1:
                lines.append(fields)
    except csv.Error as error:
        raise TableUnreadable(
            f"line {reader.line_num} cannot be read: {error}", fix="check its quotes"
        ) from error
    while lines and not lines[-1]:
        lines.pop()
    return [fields or [""] for fields in lines]


def _replace_commas(column: tuple[str, ...]) -> tuple[str, ...]:
    """Replace decimal commas by points where every value is a number; else return the column."""
    values = {value.strip() for value in column} - NO_NUMBER
    if all(COMMA_NUMBER.fullmatch(value) for value in values):
        return tuple(value.replace(",", ".") for value in column)
    return column
