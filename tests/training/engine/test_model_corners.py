"""Tables that an exported model could trip over: names, units, offsets and odd levels."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from sklearn.datasets import load_breast_cancer, load_diabetes, load_iris, load_wine

from lowloss.spec import Task
from tests.builders.models import as_if_trained, read_metadata, worst_difference
from tests.builders.slow import slow_but
from tests.builders.tables import checked, write_csv
from worker.artifacts.model.inputs import model_inputs
from worker.artifacts.model.save import load_model
from worker.data.prepare import Prepared, prepare

ROWS = 120


def numbers(seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=ROWS)


def gaps(seed: int = 0) -> list[float | None]:
    return [None if i % 5 == 0 else float(v) for i, v in enumerate(numbers(seed))]


def prepared_of(folder: Path, columns: dict[str, Any], target: str = "y") -> Prepared:
    table, check = checked(write_csv(folder / "t.csv", columns), target)
    return prepare(table, check, max_levels=100)


def difference_of(prepared: Prepared, folder: Path) -> float:
    return worst_difference(as_if_trained(prepared), folder)


def test_columns_may_be_named_like_operations_of_keras(tmp_path: Path) -> None:
    names = ["where", "take", "isfinite", "logical_not", "cast", "one_hot", "lowloss", "dense"]
    columns: dict[str, Any] = {name: gaps(i) for i, name in enumerate(names)}
    columns |= {"subtract": ["a", "b"] * (ROWS // 2), "concatenate": numbers(9), "y": numbers(10)}
    path = tmp_path / "model.keras"

    assert difference_of(prepared_of(tmp_path, columns), tmp_path) < 1e-4
    assert set(load_model(path).input) == {*names, "subtract", "concatenate"}


def test_columns_may_differ_in_case_alone(tmp_path: Path) -> None:
    columns = {"a": gaps(), "A": numbers(1), "y": numbers(2)}

    assert difference_of(prepared_of(tmp_path, columns), tmp_path) < 1e-4


@pytest.mark.parametrize(
    ("unit", "offset"), [(1e-9, 0.0), (1e25, 0.0), (1.0, 1e6), (1e-3, -2e3)], ids=str
)
def test_feature_may_have_any_unit_and_offset(tmp_path: Path, unit: float, offset: float) -> None:
    columns = {"x": numbers() * unit + offset, "z": gaps(1), "y": numbers(2)}

    assert difference_of(prepared_of(tmp_path, columns), tmp_path) < 1e-4


@pytest.mark.parametrize(("unit", "offset"), [(1.0, 1e6), (1e-12, 0.0), (1e20, 0.0)], ids=str)
def test_target_may_have_any_unit_and_offset(tmp_path: Path, unit: float, offset: float) -> None:
    columns = {"x": numbers(), "y": numbers(1) * unit + offset}

    prepared = prepared_of(tmp_path, columns)

    assert difference_of(prepared, tmp_path) < 1e-4


def test_levels_may_hold_any_text(tmp_path: Path) -> None:
    levels = ["x", "x\ny", "x ", "[OOV]", "", "[UNK]", "ü 漢", "-1", "0"]
    columns = {"c": [levels[i % len(levels)] for i in range(ROWS)], "y": numbers()}
    prepared = prepared_of(tmp_path, columns)
    path = tmp_path / "model.keras"

    assert difference_of(prepared, tmp_path) < 1e-4
    answers = load_model(path).predict({"c": tf.constant([[v] for v in levels])}, verbose=0)
    assert len({float(answer) for answer in answers[:, 0]}) == len(levels)


def test_infinite_values_are_missing_to_the_model(tmp_path: Path) -> None:
    path = tmp_path / "model.keras"
    difference_of(prepared_of(tmp_path, {"x": gaps(), "y": numbers(1)}), tmp_path)

    rows = tf.constant([[np.nan], [np.inf], [-np.inf]])

    answers = load_model(path).predict({"x": rows}, verbose=0)
    assert answers[0] == answers[1] == answers[2]
    assert np.isfinite(answers).all()


def test_probabilities_of_a_binary_target_have_two_columns(tmp_path: Path) -> None:
    columns = {"x": numbers(), "y": np.where(numbers() > 0, "up", "down")}
    prepared = prepared_of(tmp_path, columns)
    path = tmp_path / "model.keras"
    difference_of(prepared, tmp_path)

    inputs = model_inputs(prepared.fits[0].features, prepared.raw_test)
    answers = load_model(path).predict(inputs, verbose=0)

    assert read_metadata(path)["labels"] == ["down", "up"]
    assert answers.shape == (len(prepared.splits.test), 2)
    assert np.allclose(answers.sum(axis=1), 1.0)


def test_metadata_of_a_matrix_names_its_positions(tmp_path: Path) -> None:
    x = np.stack([numbers(), np.ones(ROWS), numbers(1)], axis=1)
    np.savez(tmp_path / "t.npz", X=x, y=x[:, 0])
    table, check = checked(tmp_path / "t.npz", "y")
    path = tmp_path / "model.keras"

    assert difference_of(prepare(table, check, max_levels=100), tmp_path) < 1e-4
    metadata = read_metadata(path)
    assert [(each["input"], each["position"]) for each in metadata["inputs"]] == [
        ("X", 0),
        ("X", 2),
    ]
    assert metadata["matrix_columns"] == 3
    assert metadata["members"][0]["plan"]["widths"] == [8]


@pytest.mark.parametrize(
    ("load", "task"),
    [
        (lambda **given: load_diabetes(scaled=False, **given), Task.regression),
        (load_breast_cancer, Task.binary),
        (load_iris, Task.multiclass),
        (load_wine, Task.multiclass),
    ],
    ids=["diabetes", "breast_cancer", "iris", "wine"],
)
def test_real_tables_come_out_as_the_engine_answers(tmp_path: Path, load: Any, task: Task) -> None:
    bunch = load()
    columns = dict(zip(bunch.feature_names, np.asarray(bunch.data).T, strict=True))

    prepared = prepared_of(tmp_path, columns | {"target": bunch.target}, "target")

    assert prepared.fits[0].target.task is task
    assert difference_of(prepared, tmp_path) < 1e-4


def many_levels(rows: int = 600) -> dict[str, Any]:
    rng = np.random.default_rng(0)
    town, street = rng.integers(0, 40, rows), rng.integers(0, 60, rows)
    y = town % 7 + street % 3 + rng.normal(size=rows)
    columns = {"x": rng.normal(size=rows), "few": rng.choice(["a", "b", "c"], rows)}
    return columns | {
        "town": [f"town {t}" if t else None for t in town],
        "street": [f"{s} '\"\n" for s in street],
        "y": y,
    }


@pytest.mark.parametrize("members", slow_but([1, 3], fast=[3]))
def test_embedded_categories_come_out_as_the_engine_answers(tmp_path: Path, members: int) -> None:
    path = write_csv(tmp_path / "t.csv", many_levels())
    folds = {"strategy": "kfold", "folds": 3}
    table, check = checked(path, "y", validation=folds)
    prepared = prepare(table, check, max_levels=100)

    embedded = [each.column for each in prepared.fits[0].features.embedded]
    assert embedded == ["town", "street"]
    for fold in range(3):
        final = as_if_trained(prepared, members=members, fold=fold)
        assert worst_difference(final, tmp_path) < 1e-4
