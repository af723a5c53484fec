"""Predicts the rows of a CSV with a model of lowloss: `python predict.py MODEL.keras ROWS.csv`.

Needs TensorFlow with Keras, and nothing else. The CSV has named columns in any order; columns that
the model does not use are ignored. The predictions are a CSV, too: `prediction` in the target's
units, or the likeliest label in `prediction` and each label's probability in a column of its own.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import re
import sys
import zipfile
from array import array
from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

METADATA = "lowloss.json"
MISSING = frozenset({"", "NA", "N/A", "n/a", "NaN", "nan", "NULL", "null", "None", "<NA>", "#N/A"})
MISSING_NUMBERS = frozenset({"?", "-", "."})
NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)
NOT_FINITE = re.compile(r"[+-]?(inf|infinity|nan)", re.IGNORECASE)
DATE = re.compile(
    r"(\d{4}-\d{2}-\d{2})(?:[T ](\d{2}:\d{2})(:\d{2})?(\.\d+)?)?(Z|[+-]\d{2}:?\d{2})?", re.ASCII
)
DELIMITERS = (",", ";", "\t", "|")
NAN = float("nan")


class InputError(Exception):
    """Why the rows cannot be predicted, in one line."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Read the arguments, predict, and write; a problem is one line on standard error."""
    parser = argparse.ArgumentParser(description="Predict the rows of a CSV.")
    parser.add_argument("model", type=Path, help="a model.keras of lowloss")
    parser.add_argument("rows", type=Path, help="a CSV with named columns, in UTF-8")
    parser.add_argument("-o", "--output", type=Path, help="where to write; else standard output")
    parser.add_argument("--batch-size", type=int, default=1024, help="rows at a time")
    options = parser.parse_args(arguments)
    try:
        metadata = read_metadata(options.model)
        columns, count = read_rows(options.rows, metadata)
        predictions = predict(
            options.model, model_inputs(metadata, columns, count), options.batch_size
        )
        write_predictions(options.output, metadata["labels"], predictions)
    except (InputError, OSError) as error:
        sys.exit(f"predict.py: {error}")


def read_metadata(path: Path) -> dict[str, Any]:
    """Read the model's description of its inputs and labels."""
    try:
        with zipfile.ZipFile(path) as archive:
            metadata: dict[str, Any] = json.loads(archive.read(METADATA))
    except (zipfile.BadZipFile, KeyError, ValueError) as error:
        raise InputError(f"{path} is no model of lowloss: it holds no {METADATA}") from error
    return metadata


def read_rows(path: Path, metadata: dict[str, Any]) -> tuple[list[Any], int]:
    """Read a column of values for each of the model's columns, and count the rows."""
    inputs = metadata["inputs"]
    columns: list[Any] = [
        [] if model_input["dtype"] == "string" else array("d") for model_input in inputs
    ]
    count = 0
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            delimiter = find_delimiter(file, [model_input["column"] for model_input in inputs])
            reader = csv.reader(file, delimiter=delimiter, strict=True)
            header = [name.strip() for name in next(reader, [])]
            indices = find_columns(header, inputs)
            for line, fields in rows_of(reader, len(header)):
                for model_input, index, column in zip(inputs, indices, columns, strict=True):
                    column.append(convert(fields[index].strip(), model_input, line, delimiter))
                count += 1
    except UnicodeDecodeError as error:
        raise InputError(
            f"{path} is not text in UTF-8: {error.reason} at byte {error.start}"
        ) from error
    except csv.Error as error:
        raise InputError(f"line {reader.line_num} cannot be read: {error}") from error
    return columns, count


def find_delimiter(file: Any, needed: Sequence[str]) -> str:
    """Return the delimiter with which the first line has the most needed columns."""
    line = file.readline()
    file.seek(0)
    names = set(needed)

    def count_matches(delimiter: str) -> int:
        fields = next(csv.reader([line], delimiter=delimiter), [])
        return len(names.intersection(name.strip() for name in fields))

    return max(DELIMITERS, key=count_matches)


def find_columns(header: Sequence[str], inputs: Sequence[dict[str, Any]]) -> list[int]:
    """Return the position of each of the model's columns in the CSV."""
    if not header:
        raise InputError("the CSV is empty: its first line must name the columns")
    needed = [model_input["column"] for model_input in inputs]
    missing = [name for name in needed if name not in header]
    if missing:
        missing_names = ", ".join(map(repr, missing[:5])) + (", …" if len(missing) > 5 else "")
        raise InputError(
            f"the CSV has no column {missing_names}; it has {', '.join(map(repr, header[:10]))}"
        )
    twice = [name for name in needed if header.count(name) > 1]
    if twice:
        raise InputError(f"the CSV has two columns {twice[0]!r}: name each column once")
    return [header.index(name) for name in needed]


def rows_of(reader: Any, width: int) -> Iterator[tuple[int, list[str]]]:
    """Yield the rows and their lines; blank lines are left out."""
    for fields in reader:
        if not fields and width > 1:
            continue
        row = fields or [""]
        if len(row) != width:
            raise InputError(
                f"line {reader.line_num} has {len(row)} fields; the header has {width}"
            )
        yield reader.line_num, row


def convert(text: str, model_input: dict[str, Any], line: int, delimiter: str) -> float | str:
    """Convert a field to what the model takes; NaN or an empty string where it is missing."""
    is_missing = text in MISSING
    if model_input["dtype"] == "string":
        return "" if is_missing else text
    if is_missing:
        return NAN
    kind = model_input["kind"]
    try:
        if kind == "date":
            return as_days(text)
        return as_boolean(text) if kind == "boolean" else as_number(text, delimiter)
    except ValueError:
        expected = {"date": "an ISO 8601 date", "boolean": "true, false, 1 or 0"}
        raise InputError(
            f"line {line}, column {model_input['column']!r}: {text!r} is not "
            f"{expected.get(kind, 'a number')}"
        ) from None


def as_number(text: str, delimiter: str) -> float:
    """Read a number; with a decimal comma, too, where commas do not end fields."""
    if text in MISSING_NUMBERS or NOT_FINITE.fullmatch(text):
        return NAN
    if delimiter != "," and "." not in text:
        text = text.replace(",", ".", 1)
    if not NUMBER.fullmatch(text):
        raise ValueError
    return float(text)


def as_boolean(text: str) -> float:
    """Return 1 for true, 0 for false."""
    try:
        return {"true": 1.0, "1": 1.0, "1.0": 1.0, "false": 0.0, "0": 0.0, "0.0": 0.0}[text.lower()]
    except KeyError:
        raise ValueError from None


def as_days(text: str) -> float:
    """Return days since 1970-01-01 UTC."""
    match = DATE.fullmatch(text)
    if match is None:
        raise ValueError
    day, minutes, seconds, fraction, zone = match.groups()
    time = datetime.fromisoformat(f"{day}T{minutes or '00:00'}{seconds or ':00'}")
    since = time - datetime(1970, 1, 1)
    if zone and zone != "Z":
        offset = timedelta(hours=int(zone[1:3]), minutes=int(zone[-2:]))
        since -= offset if zone[0] == "+" else -offset
    microseconds = since // timedelta(microseconds=1) + int((fraction or ".0")[1:7].ljust(6, "0"))
    return microseconds / 86_400e6


def model_inputs(metadata: dict[str, Any], columns: list[Any], count: int) -> dict[str, Any]:
    """Build what the model takes: [rows, 1] of numbers or strings each, or one [rows, D] `X`."""
    import numpy as np

    inputs: dict[str, Any] = {}
    width = metadata["matrix_columns"]
    if width is not None:
        inputs["X"] = np.zeros((count, width), dtype=np.float32)
    for model_input, values in zip(metadata["inputs"], columns, strict=True):
        if model_input["dtype"] == "string":
            inputs[model_input["input"]] = [[value] for value in values]
            continue
        with np.errstate(over="ignore"):
            numbers = np.array(values).astype(model_input["dtype"])
        numbers[~np.isfinite(numbers)] = np.nan  # what the input cannot hold is missing
        if width is None:
            inputs[model_input["input"]] = numbers.reshape(-1, 1)
        else:
            inputs["X"][:, model_input["position"]] = numbers
    return inputs


def predict(path: Path, inputs: dict[str, Any], batch_size: int) -> Any:
    """Predict with the model, loaded in safe mode [rows, outputs]."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ["KERAS_BACKEND"] = "tensorflow"
    import numpy as np

    count = len(next(iter(inputs.values())))
    if count == 0:
        return np.empty((0, 1))
    import keras
    import tensorflow as tf

    model = keras.models.load_model(path, safe_mode=True, compile=False)
    tensors = {
        name: tf.constant(values, tf.string) if isinstance(values, list) else values
        for name, values in inputs.items()
    }
    # A data set: of arrays `predict` would make float32 first.
    rows = tf.data.Dataset.from_tensor_slices(tensors).batch(batch_size)
    return model.predict(rows, verbose=0)


def write_predictions(path: Path | None, labels: Sequence[str], predictions: Any) -> None:
    """Write a line for each row's prediction."""
    header = ["prediction", *(f"probability[{label}]" for label in labels)]
    opened = (
        nullcontext(sys.stdout) if path is None else path.open("w", encoding="utf-8", newline="")
    )
    with opened as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        for row in predictions:
            label = [labels[int(row.argmax())]] if labels else []
            writer.writerow([*label, *map(str, row)])


if __name__ == "__main__":
    main()
