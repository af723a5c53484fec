"""Baselines: what they are, and that no table makes them fail or run for ever."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.datasets import load_breast_cancer, load_diabetes, load_wine

from lowloss.results import Baseline
from lowloss.spec import Final, JobSpec
from tests.builders.tables import checked, write_csv
from worker.data.prepare import Prepared, prepare
from worker.winner import baselines
from worker.winner.baselines import fit_baselines

SPEC = JobSpec(dataset="ds_1", target="y", final=Final(refit=False))


def prepared_of(folder: Path, columns: dict[str, Any]) -> Prepared:
    table, check = checked(write_csv(folder / "t.csv", columns), "y")
    return prepare(table, check, max_levels=100)


def baselines_of(prepared: Prepared) -> dict[str, Baseline]:
    return {each.baseline.name: each.baseline for each in fit_baselines(prepared, SPEC)}


def named(bunch: Any) -> dict[str, Any]:
    columns = dict(zip(bunch.feature_names, np.asarray(bunch.data).T, strict=True))
    return columns | {"y": bunch.target}


def test_mean_is_the_training_rows_mean_in_the_targets_units(tmp_path: Path) -> None:
    prepared = prepared_of(tmp_path, named(load_diabetes(scaled=False)))
    splits, y = prepared.splits, prepared.labelled.y

    found = baselines_of(prepared)

    assert list(found) == ["mean", "ridge", "gradient_boosting"]
    errors = y[splits.test] - y[splits.folds[0].train].mean()
    assert found["mean"].test_metrics["rmse"] == pytest.approx(np.sqrt(np.mean(errors**2)))
    assert found["ridge"].test_metrics["rmse"] < found["mean"].test_metrics["rmse"] * 0.9
    assert set(found["ridge"].metrics) == {
        "rmse",
        "mae",
        "median_absolute_error",
        "mape",
        "r2",
    }


def test_baselines_of_a_refitted_model_know_the_validation_rows(tmp_path: Path) -> None:
    prepared = prepared_of(tmp_path, named(load_diabetes(scaled=False)))
    splits, y = prepared.splits, prepared.labelled.y

    fitted = fit_baselines(prepared, SPEC.model_copy(update={"final": Final(refit=True)}))

    mean = fitted[0].baseline
    known = y[splits.test] - y[splits.non_test_rows].mean()
    held = y[splits.folds[0].validation] - y[splits.folds[0].train].mean()
    assert mean.test_metrics["rmse"] == pytest.approx(np.sqrt(np.mean(known**2)))
    assert mean.metrics["rmse"] == pytest.approx(np.sqrt(np.mean(held**2)))


def test_majority_answers_the_training_rows_shares(tmp_path: Path) -> None:
    prepared = prepared_of(tmp_path, named(load_breast_cancer()))
    y, first = prepared.labelled.y, prepared.splits.folds[0]
    train, val = y[first.train], y[first.validation]

    found = baselines_of(prepared)

    assert list(found) == ["majority", "logistic_regression", "gradient_boosting"]
    shares = np.where(val == 1.0, train.mean(), 1.0 - train.mean())
    assert found["majority"].metrics["log_loss"] == pytest.approx(-np.log(shares).mean())
    assert found["majority"].metrics["roc_auc"] == 0.5
    assert found["logistic_regression"].metrics["roc_auc"] > 0.98


def test_baselines_follow_from_the_seed(tmp_path: Path) -> None:
    prepared = prepared_of(tmp_path, named(load_wine()))

    assert baselines_of(prepared) == baselines_of(prepared)


def test_ridge_keeps_a_small_spread_beside_a_large_mean(tmp_path: Path) -> None:
    x = np.random.default_rng(0).normal(size=300)
    prepared = prepared_of(tmp_path, {"x": x, "y": 1e8 + x})

    found = baselines_of(prepared)

    assert found["ridge"].test_metrics["rmse"] < 0.02


def test_class_of_one_training_row_is_no_obstacle_to_boosting(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=18_000)
    label = np.where(x > 0, "b", "a").astype(object)
    label[:3] = "rare"
    prepared = prepared_of(tmp_path, {"x": x, "z": rng.normal(size=len(x)), "y": label})
    assert np.bincount(prepared.labelled.y[prepared.splits.folds[0].train].astype(int)).min() == 1

    found = baselines_of(prepared)

    accuracy = {name: each.test_metrics["accuracy"] for name, each in found.items()}
    assert accuracy["gradient_boosting"] > accuracy["majority"] + 0.2


def test_large_table_is_sampled_without_losing_a_class(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    x = np.random.default_rng(0).normal(size=4_000)
    label = np.where(x > 0, "b", "a").astype(object)
    label[:8] = "rare"
    prepared = prepared_of(tmp_path, {"x": x, "z": x[::-1] * 2, "y": label})
    monkeypatch.setattr(baselines, "MIN_ROWS", 20)
    monkeypatch.setattr(baselines, "MAX_WORK", 20 * 2 * 3)
    fitted_on = []
    real = baselines._models

    def watched(task: Any, arrays: Any, y_N: Any, *, seed: int) -> Any:
        fitted_on.append(np.bincount(y_N.astype(int)))
        return real(task, arrays, y_N, seed=seed)

    monkeypatch.setattr(baselines, "_models", watched)

    found = fit_baselines(prepared, SPEC)

    (rows_of_class,) = fitted_on
    assert 20 <= rows_of_class.sum() <= 20 + 2 * 3
    assert rows_of_class.min() >= 2
    assert len(found) == 3


def test_boosting_grows_fewer_trees_where_they_are_many_or_wide() -> None:
    assert baselines._iterations(26) == 100
    assert baselines._iterations(10_000 * 100) == 10
    assert baselines._iterations(50_000) == 40
