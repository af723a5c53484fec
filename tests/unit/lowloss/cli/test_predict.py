"""`lowloss predict`."""

from __future__ import annotations

import json
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import Result

from lowloss import cli
from lowloss.cli import predict
from lowloss.errors import RowsInvalid
from lowloss.inference.files import METADATA
from lowloss.inference.model import load_model
from tests.builders.onnx_models import (
    a_classifier,
    a_matrix_model,
    a_model_without_metadata,
    a_regression,
)
from tests.builders.scripted_server import Server, a_json, a_refusal, some_predictions

Run = Callable[..., Result]


@pytest.fixture
def rows(tmp_path: Path) -> Path:
    path = tmp_path / "rows.csv"
    path.write_text("x;id\n0;a\n1,5;b\n")
    return path


@pytest.fixture
def model(tmp_path: Path) -> Path:
    path = tmp_path / "model.onnx"
    path.write_bytes(a_classifier())
    return path


def test_job_predicts_over_http(run: Run, rows: Path) -> None:
    server = Server(a_json(some_predictions(2.5, None)))

    done = run("predict", "job_1", str(rows), server=server)

    assert (done.stdout, done.exit_code) == ('prediction\n2.5\n""\n', 0)
    assert server.bodies == [rows.read_bytes()]
    assert server.requests[0].headers["content-type"] == "text/csv"


def test_options_of_parsing_go_to_the_server(run: Run, rows: Path) -> None:
    server = Server(a_json(some_predictions(2.5, None)))

    run("predict", "job_1", str(rows), "--decimal", ",", "--no-header", server=server)

    assert dict(server.requests[0].url.params) == {"decimal": ",", "header": "false"}


def test_onnx_file_predicts_the_file_that_training_took(run: Run, model: Path) -> None:
    path = model.with_name("rows.txt")
    path.write_bytes("x\tid\r\n0\ta\r\n1,5\tb\r\n".encode("utf-16"))

    done = run("predict", str(model), str(path))

    assert done.stdout.splitlines()[2].startswith("yes,0.18")


def test_onnx_file_predicts_without_a_server(run: Run, model: Path, rows: Path) -> None:
    done = run("predict", str(model), str(rows))

    lines = done.stdout.splitlines()
    assert done.exit_code == 0
    assert lines[0] == "prediction,probability[no],probability[yes]"
    assert lines[2].startswith("yes,0.18")
    assert done.stderr == "ignored, since the model does not take them: id\n"


def test_value_that_no_training_row_had_is_told(run: Run, tmp_path: Path) -> None:
    model, rows = tmp_path / "model.onnx", tmp_path / "rows.csv"
    model.write_bytes(a_regression(known_cities=["Oslo"]))
    rows.write_text("area,is_new,sold on,city\n50,true,1970-01-11,Bergen\n")

    done = run("predict", str(model), str(rows))

    assert (done.exit_code, done.stdout) == (0, "prediction\n210.0\n")
    assert "no training row had 'Bergen' in column 'city'" in done.stderr


def test_predictions_are_written_to_a_file(
    run: Run, model: Path, rows: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out.csv"

    plain = run("predict", str(model), str(rows), "-o", str(out))
    as_json = run("predict", str(model), str(rows), "-o", str(out), "--json")

    assert len(out.read_text().splitlines()) == 3
    assert plain.stdout == f"{out}\n"
    assert json.loads(as_json.stdout) == {"path": str(out)}


def test_json_is_all_that_is_printed(run: Run, model: Path, rows: Path) -> None:
    done = run("predict", str(model), str(rows), "--json")

    shown = json.loads(done.stdout)
    assert shown["predictions"][1] == "yes"
    assert (shown["ignored"], done.stderr) == (["id"], "")


def test_matrix_model_takes_columns_by_their_places(run: Run, tmp_path: Path) -> None:
    (tmp_path / "m.onnx").write_bytes(a_matrix_model())
    (tmp_path / "rows.csv").write_text("X[0],X[1],X[2]\n1,9,2\n")

    done = run("predict", str(tmp_path / "m.onnx"), str(tmp_path / "rows.csv"))

    assert done.stdout == "prediction\n21.0\n"


@pytest.mark.parametrize(
    ("content", "table", "shown"),
    [
        (a_classifier(), "x\nmany\n", 'columns.x[0]: "many" is not a number'),
        (a_classifier(), "X\n1\n", "did you mean 'x' instead of 'X'?"),
        (a_classifier(), "x\n", "the table has a header but no rows"),
        (a_model_without_metadata(), "x\n1\n", "lowloss did not write it (give a model.onnx of"),
        (b"junk", "x\n1\n", "not an ONNX model that can be loaded"),
    ],
    ids=("value", "column", "empty", "foreign", "junk"),
)
def test_what_cannot_be_predicted_is_one_line(
    run: Run, tmp_path: Path, content: bytes, table: str, shown: str
) -> None:
    (tmp_path / "model.onnx").write_bytes(content)
    (tmp_path / "rows.csv").write_text(table)

    done = run("predict", str(tmp_path / "model.onnx"), str(tmp_path / "rows.csv"))

    assert done.stderr.startswith("error: ")
    assert shown in done.stderr
    assert done.stderr.count("\n") == 1
    assert (done.stdout, done.exit_code) == ("", cli.REFUSED)


def test_refusal_of_the_server_is_one_line(run: Run, rows: Path) -> None:
    problem = RowsInvalid("this row has no 'x'", field="rows[1]", fix="give it")

    done = run("predict", "job_1", str(rows), server=Server(a_refusal(problem)))

    assert done.stderr == "error: rows[1]: this row has no 'x' (give it)\n"
    assert done.exit_code == cli.REFUSED


@pytest.fixture
def keras_module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In the place of the worker's module, one that tells its arguments; `bad.keras` fails."""
    (tmp_path / "stand_in.py").write_text(
        "import sys\nprint(sys.argv[1:])\nprint(sys.argv[1:], file=sys.stderr)\n"
        "sys.exit(3 if 'bad' in sys.argv[1] else 0)\n"
    )
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setattr(predict, "KERAS_MODULE", "stand_in")


@pytest.mark.usefixtures("keras_module")
def test_keras_file_is_run_by_the_worker(run: Run, capfd: pytest.CaptureFixture[str]) -> None:
    printed = run("predict", "a.keras", "rows.csv")
    written = run("predict", "a.keras", "rows.csv", "-o", "out.csv", "--json")

    told = capfd.readouterr()
    assert told.err.splitlines() == [
        "['a.keras', 'rows.csv']",
        "['a.keras', 'rows.csv', '-o', 'out.csv']",
    ]
    assert told.out == "['a.keras', 'rows.csv']\n"
    assert (printed.stdout, printed.exit_code) == ("", 0)
    assert json.loads(written.stdout) == {"path": "out.csv"}


@pytest.mark.usefixtures("keras_module")
def test_warnings_of_rows_for_a_keras_file_are_printed(
    run: Run, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    keras, rows = tmp_path / "a.keras", tmp_path / "odd.csv"
    signature = load_model(a_regression(area={"kind": "number"})).signature
    with zipfile.ZipFile(keras, "w") as archive:
        archive.writestr(METADATA, signature.model_dump_json())
    rows.write_text("area,city\n5,Oslo\nlots,Bonn\n")

    done = run("predict", str(keras), str(rows))

    assert done.exit_code == 0
    assert done.stderr == (
        "warning: 1 cell, such as 'lots' in row 2, cannot be read as numbers of 'area': missing "
        "(mend them, name them in null_values, or write them as in training)\n"
    )
    assert "rows.csv" in capfd.readouterr().out


@pytest.mark.usefixtures("keras_module")
def test_keras_file_that_fails_gives_its_code(run: Run) -> None:
    assert run("predict", "bad.keras", "rows.csv").exit_code == 3


def test_keras_file_prints_no_json(run: Run) -> None:
    done = run("predict", "a.keras", "rows.csv", "--json")

    assert done.stderr.startswith("error: --json: a .keras file's predictions are written as CSV")
    assert done.exit_code == cli.REFUSED


def test_other_commands_load_neither_numpy_nor_the_runtime() -> None:
    heavy = ("numpy", "onnxruntime", "polars", "zstandard", "python_calamine", "pandas", "pyarrow")
    program = f"import sys, lowloss.cli; print([m for m in {heavy} if m in sys.modules])"

    shown = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, check=True, text=True
    ).stdout

    assert shown.strip() == "[]"
