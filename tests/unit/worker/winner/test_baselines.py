"""Baselines: what they are, and that no table makes them fail or run for ever."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.datasets import load_breast_cancer, load_diabetes, load_wine
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.pipeline import Pipeline
from threadpoolctl import threadpool_limits

from lowloss.results import Baseline
from lowloss.spec import Final, JobSpec
from tests.builders.load import busy_processes
from tests.builders.tables import checked, checked_frame, write_csv
from worker.data.prepare import Prepared, prepare
from worker.execution import beside
from worker.winner import baseline_models, baselines
from worker.winner.baseline_models import _iterations, build_models, fit_to, fitting_steps
from worker.winner.baselines import Baselines, fit_baselines

SPEC = JobSpec(dataset="ds_1", target="y", final=Final(refit=False))


def prepared_of(folder: Path, columns: dict[str, Any]) -> Prepared:
    table, check = checked(write_csv(folder / "t.csv", columns), "y")
    return prepare(table, check, max_levels=100)


def baselines_of(prepared: Prepared) -> dict[str, Baseline]:
    fitted = fit_baselines(prepared, SPEC).fitted
    return {each.baseline.name: each.baseline for each in fitted}


def test_baselines_see_all_inputs_whatever_networks_keep() -> None:
    columns = named(load_diabetes(scaled=False))
    scores = []
    for selection in (None, 1):
        table, check = checked_frame(columns, "y", preprocessing={"select_features": selection})
        scores.append(baselines_of(prepare(table, check, max_levels=100))["ridge"].test_metrics)

    assert scores[0] == scores[1]


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

    mean = fitted.fitted[0].baseline
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
    real = build_models

    def watched(task: Any, arrays: Any, y_N: Any, *, seed: int) -> Any:
        fitted_on.append(np.bincount(y_N.astype(int)))
        return real(task, arrays, y_N, seed=seed)

    monkeypatch.setattr(baselines, "build_models", watched)

    found = fit_baselines(prepared, SPEC)

    (rows_of_class,) = fitted_on
    assert 20 <= rows_of_class.sum() <= 20 + 2 * 3
    assert rows_of_class.min() >= 2
    assert len(found.fitted) == 3


def test_boosting_grows_fewer_trees_where_they_are_many_or_wide() -> None:
    assert _iterations(26) == 100
    assert _iterations(10_000 * 100) == 10
    assert _iterations(50_000) == 40


@pytest.mark.parametrize("threads", [1, pytest.param(2, marks=pytest.mark.slow)])
@pytest.mark.parametrize(("rows", "classes"), [(300, 0), (12_000, 0), (12_000, 3), (300, 2)])
def test_boosting_that_grows_in_steps_is_that_of_one_fit(
    rows: int, classes: int, threads: int
) -> None:
    rng = np.random.default_rng(rows + classes)
    x_ND = rng.normal(size=(rows, 4))
    y_N = x_ND[:, 0] + np.sin(3 * x_ND[:, 1]) + rng.normal(size=rows)
    if classes:
        limits = np.quantile(y_N, np.linspace(0, 1, classes + 1)[1:-1])
        y_N = np.digitize(y_N, limits).astype(float)
    kind = HistGradientBoostingClassifier if classes else HistGradientBoostingRegressor

    with threadpool_limits(threads):
        whole = kind(random_state=0).fit(x_ND, y_N)
        grown = kind(random_state=0)
        for step in fitting_steps(grown):
            fit_to(grown, x_ND, y_N, step)

    assert grown.n_iter_ == whole.n_iter_
    predict = "predict_proba" if classes else "predict"
    np.testing.assert_array_equal(getattr(grown, predict)(x_ND), getattr(whole, predict)(x_ND))


def test_boosting_that_stops_early_at_the_end_of_a_step_grows_no_further(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rng = np.random.default_rng(0)
    x_ND, y_N = rng.normal(size=(12_000, 3)), rng.normal(size=12_000)
    whole = HistGradientBoostingRegressor(random_state=0).fit(x_ND, y_N)
    assert whole.n_iter_ < 100
    monkeypatch.setattr(baseline_models, "BOOSTING_STEPS", (whole.n_iter_,))

    grown = HistGradientBoostingRegressor(random_state=0)
    for step in fitting_steps(grown):
        fit_to(grown, x_ND, y_N, step)

    assert grown.n_iter_ == whole.n_iter_


class Clock:
    """Seconds that pass only where a test lets them."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def fit_with(
    prepared: Prepared, monkeypatch: pytest.MonkeyPatch, on_step: Callable[[Any, Any], None]
) -> Callable[..., Baselines]:
    """Fit baselines, with something that happens before each step of each fit."""

    def watched(model: Any, x_ND: Any, y_N: Any, step: int | None) -> Any:
        on_step(model, step)
        return fit_to(model, x_ND, y_N, step)

    monkeypatch.setattr(baselines, "fit_to", watched)
    monkeypatch.setattr(beside, "LISTEN_SECONDS", 0.01)
    return partial(fit_baselines, prepared, SPEC)


def test_baseline_that_fails_is_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    prepared = prepared_of(tmp_path, named(load_diabetes(scaled=False)))

    def fail(_: Any, step: int | None) -> None:
        if step == 50:
            raise FloatingPointError("no such tree")

    found = fit_with(prepared, monkeypatch, fail)()

    assert [each.baseline.name for each in found.fitted] == ["mean", "ridge"]
    assert found.missing == {"gradient_boosting": "it failed: no such tree"}


def test_boosting_is_used_as_far_as_it_came_in_its_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    prepared, clock = prepared_of(tmp_path, named(load_diabetes(scaled=False))), Clock()
    is_over = threading.Event()

    def let_time_pass(_: Any, step: int | None) -> None:
        if step == 50:
            clock.now = 31.0
            is_over.wait(20)

    found = fit_with(prepared, monkeypatch, let_time_pass)(seconds=30.0, clock=clock)
    is_over.set()

    boosting = found.fitted[-1].baseline
    assert boosting.name == "gradient_boosting"
    assert boosting.note == "20 of 100 iterations, since its 30 s were up"
    assert boosting.test_metrics["rmse"] < found.fitted[0].baseline.test_metrics["rmse"]
    assert found.missing == {}


def test_baseline_without_a_result_in_its_time_is_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    prepared, clock = prepared_of(tmp_path, named(load_diabetes(scaled=False))), Clock()
    is_over = threading.Event()

    def let_time_pass(model: Any, _: int | None) -> None:
        if isinstance(model, Pipeline):
            clock.now += 15.0
            is_over.wait(20)

    found = fit_with(prepared, monkeypatch, let_time_pass)(seconds=30.0, clock=clock)
    is_over.set()

    assert [each.baseline.name for each in found.fitted] == ["mean", "gradient_boosting"]
    assert found.missing == {"ridge": "its 15 s were up"}


def test_job_that_is_to_end_waits_for_no_baseline(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    prepared = prepared_of(tmp_path, named(load_diabetes(scaled=False)))
    is_cancelled, is_over = threading.Event(), threading.Event()

    def cancel(_: Any, step: int | None) -> None:
        if step == 20:
            is_cancelled.set()
            is_over.wait(20)

    fit = fit_with(prepared, monkeypatch, cancel)
    found = fit(should_continue=lambda: not is_cancelled.is_set())
    is_over.set()

    assert [each.baseline.name for each in found.fitted] == ["mean", "ridge"]
    assert found.missing == {"gradient_boosting": "the job was to end"}


@pytest.mark.slow
def test_baselines_of_a_small_table_take_seconds_on_a_busy_machine(tmp_path: Path) -> None:
    prepared = prepared_of(tmp_path, named(load_diabetes(scaled=False)))

    with busy_processes(8), threadpool_limits(2):
        started = time.monotonic()
        found = fit_baselines(prepared, SPEC)
        seconds = time.monotonic() - started

    assert found.missing == {}
    assert seconds < 30
