"""What a trial's folds are worth together, and how the store is told of its end."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import numpy as np
import pytest

from lowloss.results import TrialState
from lowloss.spec import JobSpec
from service.store.trials import TrialEnd
from tests.builders.tables import checked_frame
from tests.builders.trainings import a_plan
from worker.data.prepare import Prepared, prepare
from worker.data.scores import mean_metrics
from worker.engine.plans import Epoch
from worker.engine.results import FailedPlan, TrainedPlan, TrainingOutcome
from worker.progress.reporter import StopCause
from worker.trials.folds import TrainingResult
from worker.trials.scoring import fold_metrics, trial_end, validation_metrics
from worker.trials.stopping import CutReason


def a_prepared(folds: int | None = 3, **given: Any) -> tuple[Prepared, JobSpec]:
    rng = np.random.default_rng(0)
    columns = {"x": rng.normal(size=90), "y": 1000 + 50 * rng.normal(size=90)}
    validation = {"strategy": "kfold" if folds else "holdout", "folds": folds}
    table, check = checked_frame(columns, "y", validation=validation, **given)
    return prepare(table, check, max_levels=100), check.spec


def a_fold(
    prepared: Prepared,
    fold: int,
    *,
    off: float,
    outcome: TrainingOutcome = TrainingOutcome.completed,
) -> TrainedPlan:
    """Answers that are off by so many standard deviations of the fold's training rows."""
    seen = prepared.arrays.rows(fold)
    is_lost = outcome is TrainingOutcome.diverged
    return TrainedPlan(
        plan=a_plan(number=3, fold=fold),
        outcome=outcome,
        reason={
            TrainingOutcome.diverged: "loss_not_finite",
            TrainingOutcome.stopped: "stopped",
        }.get(outcome, "early_stopping" if fold else "max_epochs"),
        epochs=(Epoch(1, 1.0, off**2, 1.0), Epoch(2, 1.0, math.nan if is_lost else 9.0, 1.0)),
        best_epoch=None if is_lost else 1,
        weights=(),
        val_output_MC=seen.y_val_M[:, None] + np.float32(off),
        seconds=2.0 + fold,
        program=f"program {fold}",
    )


def a_training(prepared: Prepared, **outcomes: TrainingOutcome) -> TrainingResult:
    folds = tuple(
        a_fold(
            prepared, fold, off=off, outcome=outcomes.get(f"fold_{fold}", TrainingOutcome.completed)
        )
        for fold, off in enumerate([0.1, 0.2, 0.6])
    )
    return TrainingResult(folds[0].plan, folds)


def told(
    training: TrainingResult | FailedPlan,
    prepared: Prepared,
    spec: JobSpec,
    cause: StopCause | CutReason = StopCause.time_limit,
) -> TrialEnd:
    return trial_end(training, prepared, spec, {3: cause})


def test_metrics_of_a_fold_are_in_the_targets_units() -> None:
    prepared, _ = a_prepared()

    found = fold_metrics(a_fold(prepared, 2, off=0.6), prepared)

    sd = prepared.fits[2].target.sd
    assert found["val_loss"] == pytest.approx(0.36)
    assert found["rmse"] == pytest.approx(0.6 * sd, rel=1e-4)
    assert found["mae"] == pytest.approx(0.6 * sd, rel=1e-4)


def test_metrics_of_a_trial_are_the_means_over_its_folds() -> None:
    prepared, _ = a_prepared()

    found = validation_metrics(a_training(prepared), prepared)

    sds = [fit.target.sd for fit in prepared.fits]
    assert found["val_loss"] == pytest.approx((0.01 + 0.04 + 0.36) / 3)
    expected = sum(off * sd for off, sd in zip([0.1, 0.2, 0.6], sds, strict=True)) / 3
    assert found["rmse"] == pytest.approx(expected, rel=1e-4)


def test_metric_that_a_fold_does_not_define_has_no_mean() -> None:
    assert mean_metrics([{"a": 1.0, "b": 2.0}, {"a": 3.0}]) == {"a": 2.0}
    assert mean_metrics([{"a": 1.0}, {"a": 3.0, "b": 2.0}]) == {"a": 2.0}


@pytest.mark.parametrize("objective", ["val_loss", "val_rmse", "val_r2", "val_mape"])
def test_score_is_the_objectives_mean(objective: str) -> None:
    prepared, spec = a_prepared(objective=objective)
    training = a_training(prepared)

    end = told(training, prepared, spec)

    metric = spec.objective.metric
    assert (end.state, end.number, end.best_epoch) == (TrialState.completed, 3, 1)
    assert end.score == end.metrics[metric] == validation_metrics(training, prepared)[metric]
    # The folds train beside each other.
    assert end.seconds == 4.0


def test_error_of_a_score_over_folds_is_corrected_for_the_rows_that_they_share() -> None:
    prepared, spec = a_prepared()

    end = told(a_training(prepared), prepared, spec)

    # Losses of 0.01, 0.04 and 0.36; the sd of their mean, and 24 rows validate 48.
    assert end.score_error == pytest.approx(
        np.std([0.01, 0.04, 0.36], ddof=1) * (1 / 3 + 0.5) ** 0.5
    )


@pytest.mark.parametrize("objective", ["val_loss", "val_rmse", "val_mae"])
def test_error_of_a_holdouts_score_is_what_it_varies_by_with_its_rows(objective: str) -> None:
    prepared, spec = a_prepared(folds=None, objective=objective)
    fold = a_fold(prepared, 0, off=0.0)
    rng = np.random.default_rng(1)
    errors = []
    for _ in range(200):
        off = rng.normal(size=fold.val_output_MC.shape).astype(np.float32)
        loss = float(np.mean(off**2))
        noisy = dataclasses.replace(
            fold,
            val_output_MC=fold.val_output_MC + off,
            epochs=(Epoch(1, 1.0, loss, 1.0),),
        )
        end = told(TrainingResult(noisy.plan, (noisy,)), prepared, spec)
        errors.append((end.score, end.score_error))
    scores, estimated = np.array(errors, dtype=float).T

    assert math.sqrt(np.mean(estimated**2)) == pytest.approx(scores.std(), rel=0.35)


def test_trial_of_which_a_fold_diverged_has_diverged() -> None:
    prepared, spec = a_prepared()

    end = told(a_training(prepared, fold_1=TrainingOutcome.diverged), prepared, spec)

    assert (end.state, end.score, end.best_epoch) == (TrialState.diverged, None, None)
    assert end.reason == "loss_not_finite at epoch 2"
    assert end.program == "program 1"


def test_trial_that_was_cut_short_says_why() -> None:
    prepared, spec = a_prepared()

    end = told(a_training(prepared, fold_2=TrainingOutcome.stopped), prepared, spec)

    assert (end.state, end.reason) == (TrialState.completed, "time_limit")
    assert end.score == end.metrics["val_loss"]


def test_trial_that_diverged_on_one_fold_and_was_stopped_on_others_has_diverged() -> None:
    prepared, spec = a_prepared()
    outcomes = {
        "fold_0": TrainingOutcome.stopped,
        "fold_1": TrainingOutcome.diverged,
        "fold_2": TrainingOutcome.stopped,
    }

    end = told(a_training(prepared, **outcomes), prepared, spec)

    assert end.state is TrialState.diverged


def test_failed_trial_has_its_reason_and_no_score() -> None:
    prepared, spec = a_prepared()

    end = told(FailedPlan(a_plan(number=3), "ValueError", "a traceback"), prepared, spec)

    assert (end.state, end.reason, end.score) == (TrialState.failed, "ValueError", None)


def test_best_epoch_is_that_of_the_weights_not_the_last() -> None:
    prepared, _ = a_prepared()
    fold = dataclasses.replace(a_fold(prepared, 0, off=0.5), best_epoch=2)

    assert fold_metrics(fold, prepared)["val_loss"] == 9.0
