"""What a training is worth: its metrics, and how a trial ended as the store keeps it."""

from __future__ import annotations

import logging
import math
import statistics
from collections.abc import Mapping, Sequence

from lowloss.processes.logs import about
from lowloss.results import TrialState
from lowloss.spec import JobSpec
from service.store.trials import TrialEnd
from worker.data.prepare import Prepared
from worker.data.scores import mean_metrics, objective_value, scores
from worker.engine.results import FailedPlan, TrainedPlan, TrainingOutcome
from worker.progress.reporter import StopCause
from worker.trials.folds import TrainingResult
from worker.trials.stopping import CutReason

log = logging.getLogger(__name__)
HOLDOUT_PARTS = 5
"""A holdout's score is compared over so many parts of its validation rows."""


def trial_end(
    result: TrainingResult | FailedPlan,
    prepared: Prepared,
    spec: JobSpec,
    cut: Mapping[int, StopCause | CutReason],
) -> TrialEnd:
    """Describe how a trial ended, for the store; `cut` says why it was cut short, by number."""
    number = result.plan.number
    if isinstance(result, FailedPlan):
        log.warning("trial %d failed: %s", number, result.error, extra=about(trial=number))
        return TrialEnd(number, TrialState.failed, result.reason, None, {}, None, 0.0, None)
    worst = result.worst
    if result.outcome is TrainingOutcome.stopped and result.best_epoch is None:
        reason = f"{cut[number]} before its first epoch ended"
        seconds = result.seconds
        return TrialEnd(number, TrialState.failed, reason, None, {}, None, seconds, worst.program)
    if result.outcome is TrainingOutcome.diverged or result.best_epoch is None:
        reason = f"{worst.reason} at epoch {len(worst.epochs)}"
        state = TrialState.diverged
        return TrialEnd(number, state, reason, None, {}, None, result.seconds, worst.program)
    metrics_of_folds = [fold_metrics(fold, prepared) for fold in result.folds]
    metrics = mean_metrics(metrics_of_folds)
    # A trial cut short by the deadline or a cancel still has its best weights so far.
    reason = str(cut[number]) if result.outcome is TrainingOutcome.stopped else worst.reason
    return TrialEnd(
        number=number,
        state=TrialState.pruned if reason == CutReason.pruned else TrialState.completed,
        reason=reason,
        score=objective_value(spec.objective, metrics),
        score_error=score_error(result, metrics_of_folds, prepared, spec),
        metrics=metrics,
        best_epoch=result.best_epoch,
        seconds=result.seconds,
        program=worst.program,
    )


def validation_metrics(training: TrainingResult, prepared: Prepared) -> dict[str, float]:
    """Average the validation metrics with the best weights over folds.

    `val_loss` is among them; a metric that one of the folds does not define is not.
    """
    return mean_metrics([fold_metrics(fold, prepared) for fold in training.folds])


def fold_metrics(trained: TrainedPlan, prepared: Prepared) -> dict[str, float]:
    """Score a fold's validation rows with the best weights."""
    assert trained.best_epoch is not None
    fit = prepared.fits[trained.plan.fold]
    y_M = prepared.labelled.y[fit.split.validation]
    metrics = scores(fit.target, y_M, fit.target.to_predictions(trained.val_output_MC))
    return {"val_loss": trained.epochs[trained.best_epoch - 1].val_loss} | metrics


def score_error(
    training: TrainingResult,
    metrics_of_folds: Sequence[Mapping[str, float]],
    prepared: Prepared,
    spec: JobSpec,
) -> float | None:
    """Return the standard error of a trial's score: how far other rows might have moved it.

    Over folds it is corrected for the training rows that they share (Nadeau and Bengio 2003,
    equation 8). A holdout's rows are scored in parts, its `val_loss` by the mean squared error or
    the log loss of each. None where the parts do not define the objective.
    """
    folds = training.folds
    if len(folds) > 1:
        values = [objective_value(spec.objective, metrics) for metrics in metrics_of_folds]
        splits = [prepared.fits[fold.plan.fold].split for fold in folds]
        tested = statistics.fmean(len(s.validation) / len(s.train) for s in splits)
        return _standard_error(values, 1 / len(folds) + tested)
    parts = _part_metrics(folds[0], prepared)
    if spec.objective.metric != "val_loss":
        values = [objective_value(spec.objective, metrics) for metrics in parts]
        return _standard_error(values, 1 / len(parts))
    losses = [
        metrics["rmse"] ** 2 if "rmse" in metrics else metrics["log_loss"] for metrics in parts
    ]
    error, mean = _standard_error(losses, 1 / len(parts)), statistics.fmean(losses)
    if error is None or not mean:
        return None
    return error / mean * metrics_of_folds[0]["val_loss"]


def _part_metrics(trained: TrainedPlan, prepared: Prepared) -> list[dict[str, float]]:
    """Score parts of a holdout's validation rows [parts]."""
    fit = prepared.fits[trained.plan.fold]
    y_M = prepared.labelled.y[fit.split.validation]
    answer_MC = fit.target.to_predictions(trained.val_output_MC)
    parts = min(HOLDOUT_PARTS, len(y_M))
    return [scores(fit.target, y_M[part::parts], answer_MC[part::parts]) for part in range(parts)]


def _standard_error(values: Sequence[float], variance_share: float) -> float | None:
    if len(values) < 2 or not all(map(math.isfinite, values)):
        return None
    return statistics.stdev(values) * math.sqrt(variance_share)
