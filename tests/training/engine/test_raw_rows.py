"""Raw text rows get the same predictions in every way that a model is asked."""

from __future__ import annotations

import csv
import io
from contextlib import redirect_stdout
from pathlib import Path

import numpy as np
import polars as pl

from lowloss.inference.files import plain_rows, read_rows
from lowloss.inference.model import load_model
from lowloss.inference.rows import cells_from_columns, cells_from_rows
from lowloss.results import TableFormat
from lowloss.spec import JobSpec
from lowloss.tables.options import ParseOptions
from lowloss.tables.read import read_table
from service.tables.check import check_job
from tests.builders.models import as_if_trained, save_both
from tests.builders.tables import LIMITS, a_dataset_of
from worker.artifacts.reports import predict
from worker.data.prepare import prepare

ROWS = 200


def a_file(path: Path) -> Path:
    """A European file with all that the reader has to make out."""
    lines = ["preis;tag;zeit;dauer;zahlt;code;ort;saldo;stunde;zimmer;gemeldet;wert;y"]
    for i in range(ROWS):
        price = f"{1000 + i * 37.25:,.2f}".replace(",", "_").replace(".", ",").replace("_", ".")
        day = f"{i % 28 + 1:02}.{i % 12 + 1:02}.2024"
        clock, mark = f"{i % 24:02}:{i % 60:02}:00", "ja" if i % 3 else ""
        second = 1_700_000_000 + i * 7
        city = ("Köln", "Bonn", "Ulm")[i % 3]
        price = "k.A." if i == 50 else f"{price} €"
        balance = f"{i * 7.5:.2f} {'S' if i % 4 else 'H'}".replace(".", ",")
        hour = f"2024{i % 12 + 1:02}{i % 28 + 1:02}{i % 24:02}"
        rooms = f"{i % 5 + 1}½"
        reported = f"Mi, {i % 28 + 1:02}.{i % 12 + 1:02}.2024 {i % 24:02}:30 Uhr"
        value = f"{50 + i % 40},{i % 9 + 1}" + ("" if i % 8 else " p" if i % 3 else " b")
        cells = (
            price,
            day,
            second,
            clock,
            mark,
            f"{i % 5:02}",
            city,
            balance,
            hour,
            rooms,
            reported,
            value,
            f"{i / 7:.4f}".replace(".", ","),
        )
        lines.append(";".join(map(str, cells)))
    path.write_bytes("\r\n".join(lines).encode("utf-16"))
    return path


def test_raw_rows_are_predicted_alike_by_onnx_keras_and_the_engine(tmp_path: Path) -> None:
    path = a_file(tmp_path / "rows.txt")
    table = read_table(path, TableFormat.csv, ParseOptions(), limits=LIMITS)
    spec = JobSpec.model_validate(
        {
            "dataset": "ds_1",
            "target": "y",
            "validation": {"strategy": "holdout"},
            "preprocessing": {"scale_features": "standard"},
        }
    )
    prepared = prepare(table, check_job(spec, a_dataset_of(table), limits=LIMITS), max_levels=100)
    final = as_if_trained(prepared)
    keras_path, onnx_path = save_both(final, tmp_path)
    test_rows = prepared.splits.test
    expected = final.predict_test()[:, 0]

    model = load_model(onnx_path.read_bytes())
    columns = read_rows(path, model.signature, {}).to_columns()
    by_onnx = np.array(model.predict(cells_from_columns(model.signature, columns)).predictions)
    with path.open(encoding="utf-16", newline="") as file:
        texts = list(csv.DictReader(file, delimiter=";"))
    texts = [row | {"preis": None} if row["preis"] == "k.A." else row for row in texts]
    by_texts = model.predict(cells_from_rows(model.signature, texts)).predictions
    output = io.StringIO()
    with plain_rows(keras_path, path, {}) as (plain, _), redirect_stdout(output):
        predict.main([str(keras_path), str(plain)])
    by_keras = pl.read_csv(output.getvalue().encode())["prediction"].to_numpy()

    assert len(by_onnx) == len(by_keras) == ROWS
    spread = expected.std()
    assert np.abs(by_onnx[test_rows] - expected).max() <= 1e-4 * spread
    assert np.abs(np.array(by_texts)[test_rows] - expected).max() <= 1e-4 * spread
    assert np.abs(by_keras[test_rows] - expected).max() <= 1e-4 * spread
    assert {"saldo", "stunde", "zimmer", "gemeldet", "wert"} <= set(columns)
    assert (columns["saldo"][:2], columns["zimmer"][:2]) == ([0.0, -7.5], [1.5, 2.5])
    kinds = {column.column: column.dtype for column in model.signature.inputs}
    assert (kinds["zeit"], kinds["preis"], kinds["code"]) == ("float64", "float32", "string")
