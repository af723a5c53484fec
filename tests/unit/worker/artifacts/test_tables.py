"""The search as tables."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import polars as pl

from lowloss.results import Curve, Trial, TrialState
from tests.builders.store import some_hyperparameters
from worker.artifacts.reports.tables import write_curves, write_trials

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def a_finished_trial(number: int, **given: object) -> Trial:
    values: dict[str, object] = {
        "number": number,
        "state": TrialState.completed,
        "reason": "max_epochs",
        "seed": 2**31 - 1,
        "hyperparameters": some_hyperparameters(),
        "score": 0.5,
        "metrics": {"val_loss": 0.5, "rmse": 12.5},
        "epochs": 3,
        "best_epoch": 2,
        "seconds": 0.25,
        "program": "keras_fit",
        "attempt": 1,
        "started_at": NOW,
        "finished_at": NOW,
    }
    return Trial.model_validate(values | given)


def test_trials_have_a_row_each_whatever_became_of_them(tmp_path: Path) -> None:
    diverged = a_finished_trial(
        2, state=TrialState.diverged, score=None, metrics={}, best_epoch=None
    )

    write_trials(tmp_path / "trials.csv", [a_finished_trial(1), diverged])

    table = pl.read_csv(tmp_path / "trials.csv", schema_overrides={"widths": pl.String})
    hyperparameters = some_hyperparameters()
    assert table["number"].to_list() == [1, 2]
    assert table["state"].to_list() == ["completed", "diverged"]
    assert table["rmse"].to_list() == [12.5, None]
    assert table["widths"].to_list() == ["-".join(map(str, hyperparameters.widths))] * 2
    assert table["learning_rate"].to_list() == [hyperparameters.learning_rate] * 2
    assert table["seed"].to_list() == [2**31 - 1] * 2


def test_curves_have_a_row_an_epoch_and_a_gap_where_a_value_was_not_finite(tmp_path: Path) -> None:
    falling = Curve(loss=(3.0, 2.0), val_loss=(3.5, 2.5), penalised_loss=(4.0, 3.0))
    diverged = Curve(loss=(3.0,), val_loss=(None,), penalised_loss=(None,))

    write_curves(tmp_path / "curves.csv", {1: falling, 4: diverged, 5: Curve()})

    rows = pl.read_csv(tmp_path / "curves.csv").rows()
    assert rows == [(1, 1, 3.0, 3.5, 4.0), (1, 2, 2.0, 2.5, 3.0), (4, 1, 3.0, None, None)]


def test_search_without_an_epoch_has_tables_without_rows(tmp_path: Path) -> None:
    write_curves(tmp_path / "curves.csv", {})

    assert (tmp_path / "curves.csv").read_text().splitlines() == [
        "trial,epoch,loss,val_loss,penalised_loss"
    ]
