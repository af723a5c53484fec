"""`predict.py`: reads a CSV as the service reads one, and answers as the model does."""

from __future__ import annotations

import csv
import io
import json
import math
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from lowloss.results import ColumnKind
from lowloss.tables import cells
from tests.builders.tables import read
from worker.artifacts.reports import predict
from worker.artifacts.reports.predict import InputError
from worker.artifacts.reports.script import write_script
from worker.data.columns import read_numbers, read_strings

KINDS = {
    "rooms": ("float32", "numeric"),
    "sold": ("float32", "boolean"),
    "built": ("float32", "date"),
    "city": ("string", "categorical"),
}


def metadata_of(**kinds: tuple[str, str]) -> dict[str, Any]:
    inputs = [
        {"input": f"in_{i}", "column": column, "dtype": dtype, "kind": kind}
        for i, (column, (dtype, kind)) in enumerate(kinds.items())
    ]
    return {"labels": [], "matrix_columns": None, "inputs": inputs}


def read_text(folder: Path, text: str | bytes, **kinds: tuple[str, str]) -> list[list[Any]]:
    path = folder / "rows.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    columns, _ = predict.read_rows(path, metadata_of(**kinds or KINDS))
    return [list(column) for column in columns]


def test_columns_are_found_by_name_whatever_their_order_and_delimiter(tmp_path: Path) -> None:
    text = "\ufeffcity; unused;built;sold;rooms\nOslo;x;1970-01-02;TRUE;2,5\n\nRome;x;;0;?\n"

    rooms, sold, built, city = read_text(tmp_path, text)

    assert rooms[0] == 2.5
    assert math.isnan(rooms[1])
    assert sold == [1.0, 0.0]
    assert built[0] == 1.0
    assert math.isnan(built[1])
    assert city == ["Oslo", "Rome"]


@pytest.mark.parametrize("marker", cells.MISSING)
def test_missing_is_what_the_service_takes_for_missing(tmp_path: Path, marker: str) -> None:
    text = f"rooms,sold,built,city\n{marker}, {marker} ,{marker},{marker}\n"

    rooms, sold, built, city = read_text(tmp_path, text)

    assert math.isnan(rooms[0])
    assert math.isnan(sold[0])
    assert math.isnan(built[0])
    assert city == [""]


def test_missing_markers_are_those_of_the_service() -> None:
    assert set(cells.MISSING) == predict.MISSING
    assert set(cells.MISSING_AMONG_NUMBERS) == predict.MISSING_NUMBERS
    assert cells.DELIMITERS == predict.DELIMITERS


@pytest.mark.parametrize(
    ("column", "values"),
    [
        ("rooms", ["1", "-2.5", "1e3", "+.5", "7.", "0.1", "1e300", "", "-", "123456789.123"]),
        ("sold", ["true", "FALSE", "True", ""]),
        ("built", ["1999-12-31", "1969-12-31", "2024-02-29", "NA"]),
        ("built", ["1999-12-31T23:59:59.123456Z", "2024-02-29T00:00:00Z", "1969-12-31T06:30:00Z"]),
        ("built", ["1999-12-31 23:59", "2024-02-29 00:00"]),
        ("city", ["Oslo", " São Paulo ", "N/A", "a|b", "NULL"]),
    ],
)
def test_values_are_read_as_the_worker_reads_them(
    tmp_path: Path, column: str, values: list[str]
) -> None:
    dtype, kind = KINDS[column]
    text = f"{column},other\n" + "".join(f"{value},1\n" for value in values)
    path = tmp_path / "rows.csv"
    path.write_text(text)
    series = read(path).frame[column]

    found = predict.model_inputs(
        metadata_of(**{column: (dtype, kind)}),
        predict.read_rows(path, metadata_of(**{column: (dtype, kind)}))[0],
        len(values),
    )["in_0"]

    if kind == ColumnKind.categorical:
        assert [value for (value,) in found] == read_strings(series).to_list()
    else:
        assert np.array_equal(found[:, 0], read_numbers(series), equal_nan=True)


@pytest.mark.parametrize(
    ("text", "days"),
    [("2024-01-01T02:00:00+02:00", 19723.0), ("2023-12-31T22:30-0130", 19723.0)],
)
def test_a_time_with_a_zone_is_taken_to_utc(text: str, days: float) -> None:
    assert predict.as_days(text) == days


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("rooms,sold,built\n1,1,2020-01-01\n", "the CSV has no column 'city'; it has 'rooms',"),
        ("rooms,sold,built,city,city\n", "two columns 'city'"),
        ("rooms,sold,built,city\n1,1,2020-01-01\n", "line 2 has 3 fields; the header has 4"),
        (
            "rooms,sold,built,city\n1,1,2020-01-01,a\nmany,1,2020-01-01,a\n",
            "line 3, column 'rooms': 'many' is not a number",
        ),
        ("rooms,sold,built,city\n1_000,1,2020-01-01,a\n", "'1_000' is not a number"),
        ('rooms,sold,built,city\n"1,5",1,2020-01-01,a\n', "'1,5' is not a number"),
        ("rooms,sold,built,city\n1,yes,2020-01-01,a\n", "'yes' is not true, false, 1 or 0"),
        ("rooms,sold,built,city\n1,1,2020-02-30,a\n", "'2020-02-30' is not an ISO 8601 date"),
        ("rooms,sold,built,city\n1,1,3/4/2020,a\n", "'3/4/2020' is not an ISO 8601 date"),
        ('rooms,sold,built,city\n1,1,2020-01-01,"a"b\n', "line 2 cannot be read"),
        (b"rooms,sold,built,city\n1,1,2020-01-01,\xe9\n", "not text in UTF-8"),
        ("", "the CSV is empty"),
    ],
)
def test_what_is_wrong_is_told_in_one_line(tmp_path: Path, text: str | bytes, told: str) -> None:
    with pytest.raises(InputError) as caught:
        read_text(tmp_path, text)

    assert told in str(caught.value)
    assert "\n" not in str(caught.value)


def test_file_that_is_no_model_is_told_of_in_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = tmp_path / "model.keras"
    with zipfile.ZipFile(model, "w") as archive:
        archive.writestr("config.json", "{}")

    with pytest.raises(SystemExit) as caught:
        predict.main([str(model), "rows.csv"])

    assert (
        str(caught.value) == f"predict.py: {model} is no model of lowloss: it holds no lowloss.json"
    )


def test_labels_are_written_with_their_probabilities(
    capsys: pytest.CaptureFixture[str],
) -> None:
    predictions = np.array([[0.25, 0.75], [0.5, 0.5]])

    predict.write_predictions(None, ["no", 'a "b", c'], predictions)

    rows = list(csv.reader(io.StringIO(capsys.readouterr().out)))
    assert rows == [
        ["prediction", "probability[no]", 'probability[a "b", c]'],
        ['a "b", c', "0.25", "0.75"],
        ["no", "0.5", "0.5"],
    ]


def a_model(folder: Path, metadata: dict[str, Any]) -> Path:
    """A tiny model: rooms + 10 where the city is Oslo, or the sum of a matrix's row."""
    import keras

    if metadata["matrix_columns"] is not None:
        x = keras.Input((metadata["matrix_columns"],), name="X")
        model = keras.Model({"X": x}, keras.ops.sum(x, axis=1, keepdims=True))
    else:
        rooms = keras.Input((1,), name="rooms")
        city = keras.Input((1,), dtype="string", name="city")
        index = keras.layers.StringLookup(vocabulary=["Oslo"], num_oov_indices=1)(city)
        answer = keras.ops.add(rooms, keras.ops.multiply(keras.ops.cast(index, "float32"), 10.0))
        model = keras.Model({"rooms": rooms, "city": city}, answer)
    path = folder / "model.keras"
    model.save(path)
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("lowloss.json", json.dumps(metadata))
    return path


def test_script_alone_predicts_the_rows_of_a_file(tmp_path: Path) -> None:
    inputs = [
        {"input": "rooms", "column": "rooms", "dtype": "float32", "kind": "numeric"},
        {"input": "city", "column": "city", "dtype": "string", "kind": "categorical"},
    ]
    model = a_model(tmp_path, {"labels": [], "matrix_columns": None, "inputs": inputs})
    (tmp_path / "rows.csv").write_text("city\trooms\nOslo\t2\nRome\t1.5\n\t0\n")
    write_script(tmp_path / "predict.py")

    command = [sys.executable, "predict.py", str(model), "rows.csv", "-o", "out.csv"]
    subprocess.run([*command, "--batch-size", "2"], check=True, cwd=tmp_path)

    found = pl.read_csv(tmp_path / "out.csv")
    assert found["prediction"].to_list() == [12.0, 1.5, 0.0]


def test_matrix_model_takes_columns_by_position(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    inputs = [
        {"input": "X", "column": f"X[{i}]", "dtype": "float32", "kind": "numeric", "position": i}
        for i in (0, 2)
    ]
    model = a_model(tmp_path, {"labels": [], "matrix_columns": 3, "inputs": inputs})
    (tmp_path / "rows.csv").write_text("X[2],X[1],X[0]\n1,100,2\n")

    predict.main([str(model), str(tmp_path / "rows.csv")])

    assert capsys.readouterr().out == "prediction\n3.0\n"


def test_no_rows_are_no_answers(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model = tmp_path / "model.keras"
    with zipfile.ZipFile(model, "w") as archive:
        archive.writestr("lowloss.json", json.dumps(metadata_of(**KINDS)))
    (tmp_path / "rows.csv").write_text("rooms,sold,built,city\n")

    predict.main([str(model), str(tmp_path / "rows.csv")])

    assert capsys.readouterr().out == "prediction\n"


def test_script_imports_nothing_of_ours() -> None:
    source = Path(predict.__file__).read_text()

    assert "import worker" not in source
    assert "from worker" not in source
    assert "import lowloss" not in source
    assert "from lowloss" not in source
