"""Predicts a plain CSV with a model of lowloss: `python predict.py MODEL.keras ROWS.csv [-o OUT]`.

Needs TensorFlow with Keras. The CSV is in UTF-8, with commas, a header of the columns in any order,
numbers with points, dates in ISO 8601; an empty cell is missing. `lowloss predict` reads any table.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import sys
import zipfile
from collections.abc import Sequence
from contextlib import nullcontext
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

EPOCH, DAY = datetime(1970, 1, 1, tzinfo=UTC), timedelta(days=1)


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
            rows = list(csv.DictReader(file))
        columns = [[convert(row, column) for row in rows] for column in metadata["inputs"]]
        for column, values in zip(metadata["inputs"], columns, strict=True):
            warn_of_unseen(column, values)
        outputs = predict(options.model, metadata, columns) if rows else []
    except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
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


def convert(row: dict[str, Any], column: dict[str, Any]) -> float | str:
    """Convert a cell to what the model takes; NaN or an empty string where it is missing."""
    if column["column"] not in row:
        fix = "" if len(row) > 1 else ": it must be split at commas"
        raise ValueError(f"the CSV has no column {column['column']!r}{fix}")
    text = (row[column["column"]] or "").strip()
    if column["dtype"] == "string":
        return text
    if not text:
        return float("nan")
    if column["kind"] == "date":
        time = datetime.fromisoformat(text)
        return ((time if time.tzinfo else time.replace(tzinfo=UTC)) - EPOCH) / DAY
    return float({"true": "1", "false": "0"}.get(text.lower(), text))


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
