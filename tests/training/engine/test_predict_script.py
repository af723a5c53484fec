"""`predict.py` and a model that a job made: a CSV's rows get the answers that the engine gave."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from lowloss.spec import Task
from tests.builders.tables import read
from tests.training.engine.test_model import prepared_of, trained_model
from worker.artifacts.reports import predict


@pytest.mark.parametrize("task", [Task.regression, Task.multiclass])
def test_script_answers_a_csv_as_the_engine_did(tmp_path: Path, task: Task) -> None:
    prepared = prepared_of(tmp_path, task)
    rows, out = tmp_path / "rows.csv", tmp_path / "out.csv"
    final, model = trained_model(prepared, tmp_path)
    answer, target = final.predict_test(), final.fit.target
    table = read(tmp_path / "t.csv").frame[prepared.splits.test]
    table.select(reversed(table.columns)).write_csv(rows)

    predict.main([str(model), str(rows), "-o", str(out)])

    found = pl.read_csv(out)
    if task is Task.regression:
        worst = np.abs(found["prediction"].to_numpy() - answer[:, 0]).max()
        assert worst / target.sd < 1e-4
    else:
        labels = np.array(target.labels)
        assert found["prediction"].to_list() == labels[answer.argmax(axis=1)].tolist()
        columns = [f"probability[{label}]" for label in labels]
        assert np.allclose(found.select(columns).to_numpy(), answer, atol=1e-5)
