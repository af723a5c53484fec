"""The exported model: raw columns in, the engine's own answers out, in any Keras."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from lowloss.spec import JobSpec, Task
from tests.builders.engines import a_cohort_engine
from tests.builders.models import read_metadata, save_both
from tests.builders.tables import checked, mixed_columns, write_csv
from tests.builders.trainings import a_plan, run
from worker.artifacts.model import check
from worker.artifacts.model.build import build_model
from worker.artifacts.model.check import (
    Expected,
    ModelDiffers,
    check_keras,
    check_onnx,
    check_saved_model,
)
from worker.artifacts.model.content import model_content
from worker.artifacts.model.inputs import model_inputs
from worker.artifacts.model.save import load_model, save_saved_model
from worker.data.prepare import Prepared, prepare
from worker.winner import final_model
from worker.winner.baselines import fit_baselines
from worker.winner.final_model import FinalModel

SPEC = JobSpec(dataset="ds_1", target="what we want")

ALONE = """
import json, sys, os
import keras, numpy as np
assert "lowloss" not in sys.modules and "worker" not in sys.modules
model = keras.models.load_model(sys.argv[1], safe_mode=True)
raw = json.load(open(sys.argv[2]))
import tensorflow as tf
types = {tensor.name: tensor.dtype for tensor in model.inputs}
inputs = {
    name: tf.constant(values) if isinstance(values[0][0], str) else
    tf.constant([[float("nan") if v is None else v for v in row] for row in values], types[name])
    for name, values in raw.items()
}
assert "float64" in types.values()
print(json.dumps(np.asarray(model(inputs)).tolist()))
"""

TARGETS: dict[Task, Callable[[NDArray[np.float64]], Any]] = {
    Task.regression: lambda n: 1e4 + 250.0 * n,
    Task.binary: lambda n: np.where(n > 0, "yes", "no"),
    Task.multiclass: lambda n: np.array(["low", "mid", "top"])[np.digitize(n, [-0.5, 0.5])],
}


def prepared_of(folder: Path, task: Task, **given: object) -> Prepared:
    columns = mixed_columns()
    target = TARGETS[task](np.asarray(columns["number"]))
    path = write_csv(folder / "t.csv", columns | {"what we want": target})
    table, check = checked(path, "what we want", **given)
    return prepare(table, check, max_levels=100)


def trained_model(prepared: Prepared, folder: Path) -> tuple[FinalModel, Path]:
    trained = run(a_cohort_engine(prepared.arrays), [a_plan(widths=(8,), max_epochs=4)])[1]
    final = FinalModel(prepared, (trained,))
    return final, save_both(final, folder)[0]


def test_check_refuses_a_file_that_answers_otherwise(tmp_path: Path) -> None:
    prepared = prepared_of(tmp_path, Task.regression)
    final, path = trained_model(prepared, tmp_path)

    with pytest.raises(ModelDiffers, match="differs from the engine"):
        check_keras(
            path, Expected(model_content(final), prepared.raw_test, final.predict_test() + 1.0)
        )


def test_file_is_checked_on_all_rows_some_at_a_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(check, "BATCH", 7)
    prepared = prepared_of(tmp_path, Task.regression)
    final, path = trained_model(prepared, tmp_path)
    save_saved_model(build_model(model_content(final)), tmp_path / "saved_model")
    right, content = final.predict_test(), model_content(final)
    wrong = right.copy()
    wrong[-1] += 1.0

    for look, file in (
        (check_keras, path),
        (check_onnx, path.with_suffix(".onnx")),
        (check_saved_model, tmp_path / "saved_model"),
    ):
        assert look(file, Expected(content, prepared.raw_test, right)) <= 1e-4
        with pytest.raises(ModelDiffers):
            look(file, Expected(content, prepared.raw_test, wrong))


def test_of_very_many_test_rows_files_are_held_to_evenly_spread_ones(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    final, _ = trained_model(prepared_of(tmp_path, Task.regression), tmp_path)
    test = final.prepared.splits.test
    assert list(test[final.checked_rows]) == list(test)

    monkeypatch.setattr(final_model, "MAX_CHECKED_ROWS", len(test) // 2 - 1)

    assert list(test[final.checked_rows]) == list(test[::3])


@pytest.mark.slow
def test_model_stands_alone_in_an_environment_without_lowloss(tmp_path: Path) -> None:
    prepared = prepared_of(tmp_path, Task.binary)
    final, path = trained_model(prepared, tmp_path)
    raw = prepared.raw_test
    rows: dict[str, list[list[object]]] = {}
    for position, feature in enumerate(prepared.fits[0].features.numeric):
        values = raw.numeric_NR[:, position].astype(np.float64) + raw.offsets.get(position, 0.0)
        rows[feature.input] = [[None if np.isnan(v) else float(v)] for v in values]
    for category, strings in zip(prepared.fits[0].features.categorical, raw.strings, strict=True):
        rows[category.input] = [[value] for value in strings]
    (tmp_path / "rows.json").write_text(json.dumps(rows))

    printed = subprocess.run(
        [sys.executable, "-c", ALONE, str(path), str(tmp_path / "rows.json")],
        capture_output=True,
        check=True,
        cwd=tmp_path,
        text=True,
    ).stdout

    assert np.allclose(json.loads(printed), final.predict_test(), atol=1e-5)


def test_unseen_level_is_answered_like_a_rare_one(tmp_path: Path) -> None:
    prepared = prepared_of(tmp_path, Task.binary)
    _, path = trained_model(prepared, tmp_path)
    model = load_model(path)
    inputs = model_inputs(prepared.fits[0].features, prepared.raw_test)
    import tensorflow as tf

    answers = [
        model.predict(inputs | {"category": tf.fill((80, 1), level)}, verbose=0)
        for level in ("never seen", "[OOV]", "nor this")
    ]

    assert np.isfinite(answers[0]).all()
    assert np.array_equal(answers[0], answers[1])
    assert np.array_equal(answers[0], answers[2])


def test_metadata_travels_with_the_file(tmp_path: Path) -> None:
    prepared = prepared_of(tmp_path, Task.multiclass)
    _, path = trained_model(prepared, tmp_path)

    metadata = read_metadata(path)

    assert metadata["labels"] == ["low", "mid", "top"]
    assert metadata["target"] == "what we want"
    columns = {each["column"]: each["input"] for each in metadata["inputs"]}
    assert columns["far away"] == "column_0_"
    assert columns["column_0"] == "column_0"
    assert set(columns.values()) == set(load_model(path).input)


def test_metadata_has_all_values_of_the_training_rows(tmp_path: Path) -> None:
    prepared = prepared_of(tmp_path, Task.binary)
    _, path = trained_model(prepared, tmp_path)
    (feature,) = prepared.fits[0].features.categorical

    (entry,) = [each for each in read_metadata(path)["inputs"] if each["dtype"] == "string"]

    assert entry["column"] == "category"
    assert entry["values"] == [*feature.levels, *feature.others]
    assert set(entry["values"]) <= {*mixed_columns()["category"], ""}


@pytest.mark.parametrize("task", list(Task))
def test_baselines_beat_the_mean_where_there_is_signal(tmp_path: Path, task: Task) -> None:
    prepared = prepared_of(tmp_path, task)

    baselines = {
        b.baseline.name: b.baseline.test_metrics for b in fit_baselines(prepared, SPEC).fitted
    }

    if task is Task.regression:
        assert baselines["ridge"]["rmse"] < baselines["mean"]["rmse"] / 5
        assert baselines["gradient_boosting"]["rmse"] < baselines["mean"]["rmse"] / 2
    else:
        majority = baselines["majority"]["log_loss"]
        assert baselines["logistic_regression"]["log_loss"] < majority / 2
        assert baselines["gradient_boosting"]["log_loss"] < majority / 2
