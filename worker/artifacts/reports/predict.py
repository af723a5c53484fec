"""Predicts a plain CSV with a model of lowloss: `python predict.py MODEL.keras ROWS.csv [-o OUT]`.

Needs TensorFlow with Keras. The CSV is in UTF-8, with a header of the columns in any order, dates
in ISO 8601; an empty cell is missing. Split at commas, its numbers have points; split at
semicolons, tabs or bars, they are written as in the training table. `lowloss predict` reads any
table.
"""

from __future__ import annotations

import argparse
import csv
import io
import json
import os
import re
import sys
import zipfile
from collections.abc import Sequence
from contextlib import nullcontext
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

EPOCH, DAY = datetime(1970, 1, 1, tzinfo=UTC), timedelta(days=1)
DELIMITERS = (",", ";", "\t", "|")
ANY_TABLE = "`lowloss predict` reads any table"


def main(arguments: Sequence[str] | None = None) -> None:
    """Read the arguments, predict, and write; a problem is one line on standard error."""
    parser = argparse.ArgumentParser(description="Predict the rows of a plain CSV.")
    for name, meaning in (("model", "a model.keras of lowloss"), ("rows", "a CSV in UTF-8")):
        parser.add_argument(name, type=Path, help=meaning)
    parser.add_argument("-o", "--output", type=Path, help="where to write; else standard output")
    options = parser.parse_args(arguments)
    try:
        with zipfile.ZipFile(options.model) as archive:
            metadata = json.loads(archive.read("lowloss.json"))
        with options.rows.open(encoding="utf-8-sig", newline="") as file:
            text = file.read()
        delimiter = find_delimiter(text, [column["column"] for column in metadata["inputs"]])
        rows = split_rows(text, delimiter)
        is_plain = delimiter == ","
        columns = [
            [convert(row, column, number, is_plain=is_plain) for number, row in enumerate(rows, 1)]
            for column in metadata["inputs"]
        ]
        for column, values in zip(metadata["inputs"], columns, strict=True):
            warn_of_unseen(column, values)
        outputs = predict(options.model, metadata, columns) if rows else []
    except (OSError, ValueError, KeyError, csv.Error, zipfile.BadZipFile) as error:
        sys.exit(f"predict.py: {error}")
    labels = metadata["labels"]
    stream = options.output.open("w", encoding="utf-8", newline="") if options.output else None
    with stream or nullcontext(sys.stdout) as target:
        writer = csv.writer(target, lineterminator="\n")
        writer.writerow(["prediction", *(f"probability[{printable(label)}]" for label in labels)])
        for output in outputs:
            prediction = [plain_cell(labels[int(output.argmax())])] if labels else []
            writer.writerow([*prediction, *output])


def printable(text: str) -> str:
    """Replace control characters, which a terminal may obey, by spaces."""
    return "".join(character if character.isprintable() else " " for character in text)


def plain_cell(text: str) -> str:
    """Return a cell that a spreadsheet shows as it is: a quote comes before what is a formula."""
    text = printable(text)
    try:
        float(text)
    except ValueError:
        return f"'{text}" if text[:1] in tuple("=+-@") else text
    return text


def find_delimiter(text: str, names: Sequence[str]) -> str:
    """Return what splits a header into the columns that the model takes.

    Raise ValueError where nothing does.
    """
    headers = {
        delimiter: next(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter), [])
        for delimiter in DELIMITERS
    }
    missing = {
        delimiter: [name for name in names if name not in header]
        for delimiter, header in headers.items()
    }
    best = min(DELIMITERS, key=lambda delimiter: len(missing[delimiter]))
    if missing[best]:
        shown = ", ".join(repr(name) for name in headers[best][:10])
        header = f"its header has {shown}" if shown else "it has no header"
        raise ValueError(f"the CSV has no column {missing[best][0]!r}; {header}")
    return best


def split_rows(text: str, delimiter: str) -> list[dict[str, Any]]:
    """Return the rows below the header; raise ValueError where one has more fields than that.

    A comma in `1,5` is hardly one that splits a file of one column.
    """
    reader = csv.DictReader(io.StringIO(text, newline=""), delimiter=delimiter)
    rows = list(reader)
    width = len(reader.fieldnames or ())
    for number, row in enumerate(rows, 1):
        if surplus := row.get(None, ()):
            fields = f"{width + len(surplus)} fields at {delimiter!r}, its header has {width}"
            raise ValueError(f"row {number} has {fields}; {ANY_TABLE}")
    return rows


def convert(
    row: dict[str, Any], column: dict[str, Any], number: int = 1, *, is_plain: bool = True
) -> float | str:
    """Convert a cell to what the model takes; NaN or an empty string where it is missing.

    Raise ValueError where a cell cannot be read; `number` is its row's, from 1.
    """
    name, reading = column["column"], column.get("reading", {})
    text = (row[name] or "").strip()
    if any(is_null(text, value) for value in reading.get("null_values", ())):
        text = ""
    if column["dtype"] == "string":
        return text
    if not text:
        return float("nan")
    if column["kind"] == "date":
        return read_days(text, f"row {number} of column {name!r}")
    if text.lower() in ("true", "false"):
        return float(text.lower() == "true")
    marks = {"decimal": ".", "group": ""} | ({} if is_plain else reading)
    where = f"row {number} of column {name!r}"
    return read_number(text, marks["decimal"], marks["group"], where)


def is_null(text: str, null_value: str) -> bool:
    """Return whether a text was named as missing; -200 names `-200.0`, and not 9.5 `9,500`."""
    match = re.fullmatch(r"([-+]?\d+)(?:[.,](\d{1,2}))?", null_value)
    if text == null_value or match is None:
        return text == null_value
    whole, decimals = re.escape(match[1]), (match[2] or "").rstrip("0")
    if not decimals:
        return re.fullmatch(rf"{whole}(?:[.,]0{{0,2}})?", text) is not None
    zeros = "0|000" if len(decimals) == 1 else "00"
    return re.fullmatch(rf"{whole}[.,]{decimals}(?:{zeros})?", text) is not None


def read_days(text: str, where: str) -> float:
    """Return days since 1970-01-01 UTC of a date in ISO 8601."""
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(f"{where}: {text!r} is no date in ISO 8601; {ANY_TABLE}") from None
    return ((time if time.tzinfo else time.replace(tzinfo=UTC)) - EPOCH) / DAY


def read_number(text: str, decimal: str, group: str, where: str) -> float:
    """Read a number with these marks; `group` is between thousands, empty for none."""
    plain = text
    if group and re.fullmatch(rf"[+-]?\d{{1,3}}({re.escape(group)}\d{{3}})+(\D.*)?", text):
        plain = plain.replace(group, "")
    if decimal == ",":
        plain = plain.replace(".", " ").replace(",", ".")
    try:
        return float(plain)
    except ValueError:
        mark = "comma" if decimal == "," else "point"
        detail = f"{text!r} is no number with a decimal {mark}; {ANY_TABLE}"
        raise ValueError(f"{where}: {detail}") from None


def warn_of_unseen(column: dict[str, Any], values: list[Any]) -> None:
    """Name on standard error the values of a category that no training row had."""
    trained = column.get("values")
    unseen = [] if trained is None else sorted(set(values).difference(trained))
    if unseen:
        listed = ", ".join(repr(value) if value else "a missing value" for value in unseen[:5])
        more = f" and {len(unseen) - 5:,} more" if len(unseen) > 5 else ""
        name = printable(column["column"])
        sys.stderr.write(f"warning: no training row had {listed}{more} in column {name!r}\n")


def predict(path: Path, metadata: dict[str, Any], columns: list[list[Any]]) -> Any:
    """Predict with the model, loaded in safe mode [rows, outputs]."""
    os.environ["KERAS_BACKEND"] = "tensorflow"
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    import keras
    import numpy as np
    import tensorflow as tf

    inputs: dict[str, Any] = {}
    if (width := metadata["matrix_columns"]) is not None:
        inputs["X"] = np.zeros((len(columns[0]), width), dtype=np.float32)
    for column, values in zip(metadata["inputs"], columns, strict=True):
        if width is not None:
            inputs["X"][:, column["position"]] = values
        else:
            inputs[column["input"]] = tf.constant([[v] for v in values], column["dtype"])
    model = keras.models.load_model(path, safe_mode=True, compile=False)
    # A data set: of arrays `predict` would make float32 first.
    return model.predict(tf.data.Dataset.from_tensor_slices(inputs).batch(1024), verbose=0)


if __name__ == "__main__":
    main()
