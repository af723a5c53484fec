"""`predict.py`: predicts a plain CSV as the model does."""

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

from lowloss.inference.signature import Input
from lowloss.inference.values import read_column
from lowloss.results import Reading
from lowloss.tables.evidence import drop_null_values
from worker.artifacts.reports import predict
from worker.artifacts.reports.script import write_script


@pytest.mark.parametrize(
    ("text", "kind", "value"),
    [
        (" 2.5 ", "numeric", 2.5),
        ("", "numeric", math.nan),
        ("True", "boolean", 1.0),
        ("0", "boolean", 0.0),
        ("1970-01-02", "date", 1.0),
        ("1970-01-02T12:00:00.000000", "date", 1.5),
        ("1970-01-02T01:00:00+01:00", "date", 1.0),
    ],
)
def test_cell_becomes_what_the_model_takes(text: str, kind: str, value: float) -> None:
    column = {"column": "x", "dtype": "float32", "kind": kind}

    assert predict.convert({"x": text}, column) == pytest.approx(value, nan_ok=True)


def test_text_stays_as_it_is() -> None:
    assert predict.convert({"x": " Oslo "}, {"column": "x", "dtype": "string"}) == "Oslo"


@pytest.mark.parametrize(
    ("rows", "told"),
    [
        ("city,age\nOslo,1\n", "the CSV has no column 'rooms'; its header has 'city', 'age'$"),
        ("city;age\nOslo;1\n", "the CSV has no column 'rooms'; its header has 'city;age'$"),
        ("", "the CSV has no column 'rooms'; it has no header$"),
        (
            "rooms\n1\nmany\n",
            "row 2 of column 'rooms': 'many' is no number with a decimal point; `lowloss predict`",
        ),
        ("rooms\n7\n1,5\n", "row 2 has 2 fields at ',', its header has 1; `lowloss predict` reads"),
        (
            "city;rooms\nOslo;1;;\n",
            "row 1 has 4 fields at ';', its header has 2; `lowloss predict`",
        ),
        ("city;rooms\nOslo;1,5\n", "row 1 of column 'rooms': '1,5' is no number with a decimal"),
    ],
)
def test_what_is_wrong_is_told_in_one_line(tmp_path: Path, rows: str, told: str) -> None:
    model = tmp_path / "model.keras"
    inputs = [{"input": "rooms", "column": "rooms", "dtype": "float32", "kind": "numeric"}]
    with zipfile.ZipFile(model, "w") as archive:
        metadata = {"labels": [], "matrix_columns": None, "inputs": inputs}
        archive.writestr("lowloss.json", json.dumps(metadata))
    (tmp_path / "rows.csv").write_text(rows)

    with pytest.raises(SystemExit, match=told):
        predict.main([str(model), str(tmp_path / "rows.csv")])


def test_date_that_is_not_iso_is_told_with_its_place() -> None:
    column = {"column": "sold", "dtype": "float64", "kind": "date"}

    with pytest.raises(ValueError, match="row 7 of column 'sold': '1/2/2026' is no date in ISO"):
        predict.convert({"sold": "1/2/2026"}, column, 7)


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_header_says_what_splits_the_file(delimiter: str) -> None:
    text = delimiter.join(['"last, first; x"', "rooms"]) + "\n"

    assert predict.find_delimiter(text, ["rooms", "last, first; x"]) == delimiter


@pytest.mark.parametrize(
    ("text", "decimal", "group", "value"),
    [
        ("1,5", ",", "", 1.5),
        ("-1.234,5", ",", ".", -1234.5),
        ("1.234", ",", ".", 1234.0),
        ("1 234 567", ".", " ", 1234567.0),
        ("1,234.5", ".", ",", 1234.5),
        ("2e3", ",", ".", 2000.0),
    ],
)
def test_number_is_read_by_the_marks_of_its_column(
    text: str, decimal: str, group: str, value: float
) -> None:
    assert predict.read_number(text, decimal, group, "here") == value


@pytest.mark.parametrize(
    ("text", "decimal", "group"),
    [("1.5", ",", ""), ("1.5", ",", "."), ("1,5", ".", ","), ("12,34.5", ".", ",")],
)
def test_number_with_other_marks_is_refused_and_never_guessed(
    text: str, decimal: str, group: str
) -> None:
    with pytest.raises(ValueError, match=r"here: .* is no number with a decimal"):
        predict.read_number(text, decimal, group, "here")


def test_value_that_was_missing_at_training_is_missing() -> None:
    column = {"column": "x", "dtype": "float32", "kind": "numeric"}
    reading = {"decimal": ".", "null_values": ["-999"]}

    assert math.isnan(float(predict.convert({"x": "-999"}, column | {"reading": reading})))


ODD = "n / a #&~(x)[é]^$|\\-*+?.{}\t<>"


@pytest.mark.parametrize(
    "null_value", ["-200", "-200.0", "999.9", "9.5", "1.25", "none", "1e20", ODD]
)
def test_missing_values_are_those_of_the_reader_and_of_the_service(null_value: str) -> None:
    texts = ["-200", "-200.0", "-200,00", "-200.000", "200", "999.90", "999,900", "999.91"]
    texts += [
        "9.5",
        "9,500",
        "9.50",
        "9.5000",
        "1.25",
        "1.250",
        "1.2500",
        "none",
        "1e20",
        "12",
        ODD,
    ]
    reading = Reading(kind="category", null_values=(null_value,))
    column = Input(input="x", column="x", dtype="string", kind="categorical", reading=reading)

    by_reader = drop_null_values(pl.Series(texts), [null_value]).fill_null("").to_list()

    assert [text if not predict.is_null(text, null_value) else "" for text in texts] == by_reader
    assert read_column(texts, column).ravel().tolist() == by_reader


def test_file_that_is_no_model_is_told_of_in_one_line(tmp_path: Path) -> None:
    model = tmp_path / "model.keras"
    with zipfile.ZipFile(model, "w") as archive:
        archive.writestr("config.json", "{}")

    with pytest.raises(SystemExit, match=r"no item named 'lowloss.json'"):
        predict.main([str(model), "rows.csv"])


def test_labels_are_written_with_their_probabilities(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    model = tmp_path / "model.keras"
    metadata = {"labels": ["no", 'a "b", c'], "matrix_columns": None, "inputs": []}
    with zipfile.ZipFile(model, "w") as archive:
        archive.writestr("lowloss.json", json.dumps(metadata))
    (tmp_path / "rows.csv").write_text("x\n1\n2\n")
    outputs = np.array([[0.25, 0.75], [0.5, 0.5]])
    monkeypatch.setattr(predict, "predict", lambda *_: outputs)

    predict.main([str(model), str(tmp_path / "rows.csv"), "-o", str(tmp_path / "out.csv")])

    rows = list(csv.reader(io.StringIO((tmp_path / "out.csv").read_text())))
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
    (tmp_path / "rows.csv").write_text("city,rooms\nOslo,2\nRome,1.5\n,0\n")
    write_script(tmp_path / "predict.py")

    command = [sys.executable, "predict.py", str(model), "rows.csv", "-o", "out.csv"]
    subprocess.run(command, check=True, cwd=tmp_path)

    found = pl.read_csv(tmp_path / "out.csv")
    assert found["prediction"].to_list() == [12.0, 1.5, 0.0]


def test_file_split_at_semicolons_is_read_as_the_training_table_was(tmp_path: Path) -> None:
    reading = {"decimal": ",", "group": "."}
    inputs = [
        {
            "input": "rooms",
            "column": "rooms",
            "dtype": "float32",
            "kind": "numeric",
            "reading": reading,
        },
        {"input": "city", "column": "city", "dtype": "string", "kind": "categorical"},
    ]
    model = a_model(tmp_path, {"labels": [], "matrix_columns": None, "inputs": inputs})
    (tmp_path / "german.csv").write_text("\ufeffcity;rooms\nOslo;1.234,5\nRome;1,5\n")
    (tmp_path / "plain.csv").write_text("city,rooms\nOslo,1234.5\nRome,1.5\n")

    for name in ("german", "plain"):
        predict.main([str(model), str(tmp_path / f"{name}.csv"), "-o", str(tmp_path / name)])

    assert (tmp_path / "german").read_text() == "prediction\n1244.5\n1.5\n"
    assert (tmp_path / "plain").read_text() == (tmp_path / "german").read_text()


def test_value_that_no_training_row_had_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    inputs = [
        {"input": "rooms", "column": "rooms", "dtype": "float32", "kind": "numeric"},
        {"input": "city", "column": "city", "dtype": "string", "values": ["Oslo"]},
    ]
    model = a_model(tmp_path, {"labels": [], "matrix_columns": None, "inputs": inputs})
    (tmp_path / "rows.csv").write_text("city,rooms\nOslo,2\nRome,1.5\n,0\n")

    predict.main([str(model), str(tmp_path / "rows.csv"), "-o", str(tmp_path / "out.csv")])

    assert capsys.readouterr().err == (
        "warning: no training row had a missing value, 'Rome' in column 'city'\n"
    )


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


NO_INPUTS: dict[str, Any] = {"labels": [], "matrix_columns": None, "inputs": []}


def test_no_rows_are_no_answers(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model = tmp_path / "model.keras"
    with zipfile.ZipFile(model, "w") as archive:
        archive.writestr("lowloss.json", json.dumps(NO_INPUTS))
    (tmp_path / "rows.csv").write_text("rooms,sold,built,city\n")

    predict.main([str(model), str(tmp_path / "rows.csv")])

    assert capsys.readouterr().out == "prediction\n"


def test_script_imports_nothing_of_ours() -> None:
    source = Path(predict.__file__).read_text()

    assert "import worker" not in source
    assert "from worker" not in source
    assert "import lowloss" not in source
    assert "from lowloss" not in source
