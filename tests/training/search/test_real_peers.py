"""What stands beside default jobs on real tables: it learns, in its time, from the job's rows."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from benchmarks.real import peers
from benchmarks.real.rows import JobRows, read_job_rows

SKIPS_THE_OPTIMIZER = "ignore:Skipping variable loading for optimizer:UserWarning"
"""KerasTuner loads the best weights into a fresh optimizer (Keras 3.15)."""


def some_rows(folder: Path, target: str) -> JobRows:
    rng = np.random.default_rng(0)
    x, group = rng.normal(size=400), rng.integers(3, size=400)
    number = 1_000 + 50 * (x + group) + rng.normal(scale=20, size=400)
    colours = np.array(["red", "green", None])[group]
    columns = {"x": x, "colour": colours, "number": number}
    kind = np.array(["low", "middle", "high"])[np.digitize(x + group, [0.5, 1.5])]
    pl.DataFrame(columns | {"kind": kind}).write_parquet(folder / "table.parquet")
    other = "kind" if target == "number" else "number"
    request = {"target": target, "features": {"exclude": [other]}}
    return read_job_rows(folder / "table.parquet", request)


@pytest.mark.filterwarnings(SKIPS_THE_OPTIMIZER)
@pytest.mark.parametrize("target", ["number", "kind"])
def test_kerastuner_is_better_than_a_constant_after_two_trials(
    target: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from benchmarks.real import kerastuner_script

    monkeypatch.setattr(kerastuner_script, "MAX_TRIALS", 2)
    monkeypatch.setattr(kerastuner_script, "MAX_EPOCHS", 15)
    rows = some_rows(tmp_path, target)

    answer = peers.run_kerastuner(rows, seconds=120.0, seed=0)

    assert answer.trials == 2
    assert answer.prediction_TC.shape == (len(rows.test), 1 if target == "number" else 3)
    assert rows.score(answer.prediction_TC) < rows.score_constant()


@pytest.mark.filterwarnings(SKIPS_THE_OPTIMIZER)
def test_kerastuner_without_time_ends_its_only_trial_after_an_epoch(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from benchmarks.real import kerastuner_script

    # Nothing but the time would end the trial within hours.
    monkeypatch.setattr(kerastuner_script, "MAX_EPOCHS", 1_000_000)
    monkeypatch.setattr(kerastuner_script, "PATIENCE", 1_000_000)
    rows, started = some_rows(tmp_path, "number"), time.monotonic()

    answer = peers.run_kerastuner(rows, seconds=0.0, seed=0)

    assert answer.trials == 1
    assert time.monotonic() - started < 60


@pytest.mark.parametrize("target", ["number", "kind"])
def test_catboost_is_better_than_a_constant_once_it_is_fitted_again(
    target: str, tmp_path: Path
) -> None:
    pytest.importorskip("catboost", reason="`make bench` installs it")
    rows = some_rows(tmp_path, target)

    answer = peers.run_catboost(rows, seconds=60.0, seed=0)

    assert answer.is_refitted
    assert rows.score(answer.prediction_TC) < rows.score_constant() / 2


def test_catboost_is_fitted_again_on_all_rows_but_the_test_rows_for_the_best_iterations(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    catboost = pytest.importorskip("catboost", reason="`make bench` installs it")
    rows, fits = some_rows(tmp_path, "number"), []
    fit = catboost.CatBoostRegressor.fit

    def fit_and_note(model: Any, pool: Any, **options: Any) -> Any:
        fit(model, pool, **options)
        fits.append((pool.num_row(), model.tree_count_, model.learning_rate_))

    monkeypatch.setattr(catboost.CatBoostRegressor, "fit", fit_and_note)
    model, is_refitted = peers.fit_catboost(rows, seconds=60.0, seed=0)

    (first_rows, best, rate), second = fits
    assert first_rows == len(rows.train)
    assert second == (len(rows.train) + len(rows.validation), best, rate)
    assert best < peers.MAX_ITERATIONS - peers.PATIENCE_ITERATIONS
    assert is_refitted
    assert model.tree_count_ == best


def test_catboost_without_time_predicts_by_one_iteration_of_its_only_fit(tmp_path: Path) -> None:
    pytest.importorskip("catboost", reason="`make bench` installs it")

    model, is_refitted = peers.fit_catboost(some_rows(tmp_path, "kind"), seconds=0.0, seed=0)

    assert model.tree_count_ == 1
    assert not is_refitted


def test_catboost_predicts_by_its_first_fit_where_the_second_is_cut_off(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    catboost = pytest.importorskip("catboost", reason="`make bench` installs it")
    rows, models = some_rows(tmp_path, "number"), list[Any]()
    fit = catboost.CatBoostRegressor.fit

    def fit_and_cut_the_second(model: Any, pool: Any, **options: Any) -> Any:
        if models:
            options["callbacks"][0].deadline = 0.0
        models.append(model)
        return fit(model, pool, **options)

    monkeypatch.setattr(catboost.CatBoostRegressor, "fit", fit_and_cut_the_second)
    model, is_refitted = peers.fit_catboost(rows, seconds=60.0, seed=0)

    assert model is models[0]
    assert models[1].tree_count_ == 1
    assert not is_refitted


def test_a_peers_process_writes_what_it_measured(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = some_rows(tmp_path, "number")

    def predict_the_mean(rows: JobRows, **_: Any) -> peers.PeerAnswer:
        mean = np.delete(rows.y_N, rows.test).mean()
        return peers.PeerAnswer(np.full((len(rows.test), 1), mean), trials=3)

    monkeypatch.setitem(peers.PEERS, "kerastuner", predict_the_mean)
    request = '{"target": "number", "features": {"exclude": ["kind"]}, "seed": 0}'
    command = ["peers", "kerastuner", str(tmp_path / "table.parquet"), str(tmp_path / "out.json")]
    command += ["--request", request, "--seconds", "1", "--constant", str(rows.score_constant())]
    monkeypatch.setattr(sys, "argv", command)

    peers.main()

    measured = pl.read_json(tmp_path / "out.json").row(0, named=True)
    assert measured.keys() == {"scores", "seconds", "trials"}
    assert measured["scores"] == pytest.approx(rows.score_constant())
    assert measured["trials"] == 3
    assert measured["seconds"] >= 0
