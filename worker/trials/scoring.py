"""What a training is worth: its metrics, and how a trial ended as the store keeps it."""

from __future__ import annotations

import logging
from collections.abc import Mapping

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


def trial_end(
    result: TrainingResult | FailedPlan,
    prepared: Prepared,
    spec: JobSpec,
    cut: Mapping[int, StopCause | CutReason],
) -> TrialEnd:
    """Describe how a trial ended, for the store; `cut` says why it was cut short, by number."""
    number = result.plan.number
    if isinstance(result, FailedPlan):
        log.warning("trial %d failed: %s", number, result.error)
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
    metrics = validation_metrics(result, prepared)
    # A trial cut short by the deadline or a cancel still has its best weights so far.
    reason = str(cut[number]) if result.outcome is TrainingOutcome.stopped else worst.reason
    return TrialEnd(
        number=number,
        state=TrialState.pruned if reason == CutReason.pruned else TrialState.completed,
        reason=reason,
        score=objective_value(spec.objective, metrics),
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
