"""A row of a CSV gets one answer, whichever way it takes through a job's model."""

from __future__ import annotations

import csv
import io
import json
import os
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from lowloss import Client
from lowloss.results import JobState
from lowloss.results.writing import write_predictions
from tests.builders.tables import mixed_columns

JOB: dict[str, Any] = {
    "target": "what we want",
    "budget": {"max_trials": 3, "max_epochs": 10, "max_seconds": None, "diagnosis_seconds": 0},
    "validation": {"strategy": "holdout"},
    "final": {"confirm_top": 1, "confirm_seeds": 1, "members": 2},
}
ARTIFACTS = {
    "curves.csv",
    "model.keras",
    "model.onnx",
    "model_card.md",
    "predict.py",
    "report.html",
    "saved_model.zip",
    "study.journal",
    "table.csv",
    "tensorboard.zip",
    "trials.csv",
}

ONNX_ALONE = """
import json, sys
import numpy as np, onnxruntime
session = onnxruntime.InferenceSession(sys.argv[1])
told = json.loads(session.get_modelmeta().custom_metadata_map["lowloss"])
raw = json.load(sys.stdin)
types = {"float32": np.float32, "float64": np.float64, "string": object}
inputs = {
    each["input"]: np.array(raw[each["column"]], dtype=types[each["dtype"]])[:, None]
    for each in told["inputs"]
}
print(json.dumps(session.run(None, inputs)[0].tolist()))
"""


def alone(command: list[str], folder: Path, given: str | None = None) -> str:
    """What a process prints that knows nothing of ours."""
    return subprocess.run(
        [sys.executable, "-I", *command],
        input=given,
        capture_output=True,
        check=True,
        cwd=folder,
        env=os.environ | {"TF_CPP_MIN_LOG_LEVEL": "3"},
        text=True,
    ).stdout


def raw_values(rows: list[dict[str, str]]) -> dict[str, list[Any]]:
    """A CSV's rows as the model takes them, written down by hand."""

    def number(text: str) -> float:
        return float("nan") if text == "" else float(text)

    def days(text: str) -> float:
        return float((np.datetime64(text) - np.datetime64("1970-01-01")).astype(int))

    read: dict[str, Callable[[str], Any]] = {
        "category": str,
        "town": str,
        "day": days,
        "flag": lambda text: float(text == "true"),
    }
    return {
        name: [read.get(name, number)(row[name]) for row in rows]
        for name in rows[0]
        if name != "name"
    }


def a_mixed_table(task: str) -> pl.DataFrame:
    """400 rows of every kind of column; the target follows `number`."""
    columns = mixed_columns(rows=400) | {"town": [f"town {i * i % 37}" for i in range(400)]}
    signal = np.asarray(columns["number"])
    labels = np.array(["low", "mid", "top"])[np.digitize(signal, [-0.5, 0.5])]
    target = signal * 250.0 + 1e4 if task == "regression" else labels
    return pl.DataFrame(columns | {"what we want": target})


@pytest.mark.slow
@pytest.mark.parametrize("task", ["regression", "multiclass"])
def test_row_is_answered_alike_over_http_by_keras_and_by_onnx(
    client: Client, tmp_path: Path, task: str
) -> None:
    frame = a_mixed_table(task)
    dataset = client.upload(frame.write_csv().encode(), format="csv", name="mixed")

    job = client.wait(client.submit(JOB | {"dataset": dataset.id}).id, timeout=180)

    assert job.state is JobState.succeeded, job.errors
    assert {each.name for each in client.artifacts(job.id)} == ARTIFACTS
    assert max(job.outcome.agreement.values()) < 1e-4
    assert job.outcome.missing_artifacts == {}
    for name in ("model.keras", "model.onnx", "predict.py", "saved_model.zip"):
        client.download(job.id, tmp_path, artifact=name)
    assert zipfile.ZipFile(tmp_path / "saved_model.zip").testzip() is None
    (tmp_path / "rows.csv").write_text(frame.drop("what we want")[:50].write_csv())
    rows = list(csv.DictReader(io.StringIO((tmp_path / "rows.csv").read_text())))

    served = client.predict(job.id, rows)
    alone(["predict.py", "model.keras", "rows.csv", "-o", "out.csv"], tmp_path)
    by_keras = pl.read_csv(tmp_path / "out.csv")
    printed = alone(["-c", ONNX_ALONE, "model.onnx"], tmp_path, json.dumps(raw_values(rows)))
    by_onnx = np.array(json.loads(printed))

    assert served.ignored == ("name", "always 1")
    if task == "regression":
        answers = np.array(served.predictions, dtype=np.float64)
        spread = float(np.std(answers))
        assert np.max(np.abs(by_keras["prediction"].to_numpy() - answers)) / spread < 1e-4
        assert np.max(np.abs(by_onnx[:, 0] - answers)) / spread < 1e-4
    else:
        written = io.StringIO()
        write_predictions(served, written)
        assert by_keras.columns == written.getvalue().splitlines()[0].split(",")
        assert by_keras["prediction"].to_list() == list(served.predictions)
        assert np.allclose(by_onnx, np.array(served.probabilities), atol=1e-5)
        assert [served.labels[i] for i in by_onnx.argmax(axis=1)] == list(served.predictions)
