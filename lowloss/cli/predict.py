"""`lowloss predict`: predicts the rows of a table's file with a model."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from lowloss.cli.errors import FAILED, PlainErrors
from lowloss.cli.extras import require_extra
from lowloss.cli.output import print_json, print_warnings
from lowloss.cli.parameters import AsJson
from lowloss.cli.parsing import with_parse_options
from lowloss.client.client import Client
from lowloss.errors import InvalidRequest, LowlossError
from lowloss.results import Predictions
from lowloss.wording import make_printable

KERAS_MODULE = "worker.artifacts.reports.predict"
"""Predicts with a `.keras` file; run by its name, since the client works without TensorFlow."""

app = typer.Typer(cls=PlainErrors)


@app.command()
@with_parse_options
def predict(
    ctx: typer.Context,
    model: Annotated[
        str, typer.Argument(metavar="MODEL", help="A job's id, or a .onnx or .keras file.")
    ],
    rows: Annotated[Path, typer.Argument(metavar="ROWS", help="A table's file of raw rows.")],
    to: Annotated[
        Path | None, typer.Option("--to", "-o", help="A CSV file; printed if not given.")
    ] = None,
    as_json: AsJson = False,
    *,
    options: dict[str, Any],
) -> None:
    """Predict the rows of a table's file; a model's file needs no server."""
    suffix = Path(model).suffix
    if suffix == ".keras":
        _run_keras(Path(model), rows, to, options, as_json=as_json)
    elif suffix == ".onnx":
        _show(_predict_locally(Path(model), rows, options), to, as_json=as_json)
    else:
        client: Client = ctx.obj
        _show(client.predict_file(model, rows, **options), to, as_json=as_json)


def _predict_locally(path: Path, rows: Path, options: dict[str, Any]) -> Predictions:
    require_extra(
        "predict",
        "numpy",
        "onnxruntime",
        "polars",
        detail="an .onnx file is run by ONNX Runtime, which is not installed",
        field=str(path),
    )
    from lowloss.inference.files import read_rows
    from lowloss.inference.model import load_model
    from lowloss.inference.rows import cells_from_columns

    try:
        model = load_model(path.read_bytes())
    except LowlossError as error:
        raise InvalidRequest(
            str(error), field=str(path), fix="give a model.onnx of a job"
        ) from error
    table = read_rows(rows, model.signature, options)
    predictions = model.predict(cells_from_columns(model.signature, table.to_columns()))
    return predictions.with_warnings(model.signature.select_warnings(table.warnings))


def _run_keras(
    path: Path, rows: Path, to: Path | None, options: dict[str, Any], *, as_json: bool
) -> None:
    if as_json and to is None:
        raise InvalidRequest(
            "a .keras file's predictions are written as CSV",
            field="--json",
            fix="add -o, or give the job's id or its model.onnx",
        )
    require_extra(
        "worker",
        "worker",
        "keras",
        detail="a .keras file is run by Keras, which is not installed",
        field=str(path),
        alternative="give the job's model.onnx",
    )
    from lowloss.inference.files import plain_rows

    with plain_rows(path, rows, options) as (plain, warnings):
        print_warnings(warnings)
        command = [sys.executable, "-m", KERAS_MODULE, str(path), str(plain)]
        command += [] if to is None else ["-o", str(to)]
        # This process prints the path itself.
        output = None if to is None else subprocess.DEVNULL
        # A model's file is a stranger's: neither a token nor a database is for it.
        env = {
            name: text
            for name, text in os.environ.items()
            if not name.upper().startswith(("LOWLOSS", "PG"))
        }
        process = subprocess.run(command, check=False, stdout=output, env=env)
    if process.returncode:
        # The process has printed the reason itself.
        raise typer.Exit(process.returncode if process.returncode > 0 else FAILED)
    if to is not None:
        _print_path(to, as_json=as_json)


def _show(predictions: Predictions, to: Path | None, *, as_json: bool) -> None:
    from lowloss.results.writing import write_predictions

    print_warnings(predictions.warnings)
    if predictions.ignored and not as_json:
        columns = make_printable(", ".join(predictions.ignored))
        typer.echo(f"ignored, since the model does not take them: {columns}", err=True)
    if to is not None:
        with to.open("w", encoding="utf-8", newline="") as file:
            write_predictions(predictions, file)
        _print_path(to, as_json=as_json)
    elif as_json:
        print_json(predictions)
    else:
        write_predictions(predictions, sys.stdout)


def _print_path(path: Path, *, as_json: bool) -> None:
    typer.echo(json.dumps({"path": str(path)}) if as_json else str(path))
