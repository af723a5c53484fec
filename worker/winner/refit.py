"""The model that a job hands out: the winner's best run, several runs, or refits on all rows."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from lowloss.results import FinalGain
from lowloss.spec import JobSpec
from worker.data.prepare import FittedFold, Prepared, prepare_refit, scalings
from worker.data.scores import objective_value, scores
from worker.data.target import Float64Array
from worker.engine.array_types import FloatArray
from worker.engine.keras.network import forward
from worker.engine.plans import Plan
from worker.engine.protocol import Engine, train_plans
from worker.engine.results import FailedPlan, TrainedPlan, TrainingOutcome
from worker.progress.reporter import Reporter
from worker.search.tuner import SearchTuner
from worker.trials.scoring import fold_metrics
from worker.winner.confirm import Confirmed

log = logging.getLogger(__name__)
NewEngine = Callable[[Prepared], Engine]
"""Builds what trains a search's plans on other arrays."""


@dataclass(frozen=True)
class FinalModel:
    """Networks that were trained on one fold; the model predicts the mean of theirs."""

    prepared: Prepared
    members: tuple[TrainedPlan, ...]

    @property
    def fold(self) -> int:
        """The fold that all members were trained on."""
        return self.members[0].plan.fold

    @property
    def fit(self) -> FittedFold:
        """What was fitted on that fold's training rows."""
        return self.prepared.fits[self.fold]

    def predict(self, x_ND: FloatArray) -> Float64Array:
        """Predict rows of the design matrix [N, C], in the units of `Target.to_predictions`."""
        return self.fit.target.to_predictions(self._output(x_ND))

    def predict_test(self) -> Float64Array:
        """Predict the test rows [T, C]."""
        return self.predict(self.prepared.x_test(self.fold))

    def rounding(self) -> float:
        """Return how far float32 may lead the network's output on test rows from float64's."""
        x_TD = self.prepared.x_test(self.fold)
        output_TC, exact_TC = self._output(x_TD), self._output(x_TD, np.float64)
        step = np.finfo(np.float32).eps * np.max(np.abs(output_TC))
        return float(max(step, np.max(np.abs(output_TC - exact_TC))))

    def _output(self, x_ND: FloatArray, dtype: type[np.floating[Any]] = np.float32) -> FloatArray:
        head, outputs = self.prepared.arrays.output_activation, []
        for member in self.members:
            weights = tuple(weight.astype(dtype) for weight in member.weights)
            outputs.append(forward(weights, member.plan.activations, head, x_ND.astype(dtype)))
        mean_NC: FloatArray = np.mean(np.stack(outputs), axis=0)
        return mean_NC


def make_final_model(
    confirmed: Confirmed,
    tuner: SearchTuner,
    engine: Engine,
    prepared: Prepared,
    reporter: Reporter,
    *,
    new_engine: NewEngine,
) -> tuple[FinalModel, FinalGain | None]:
    """Return the model to hand out, and what refitting and averaging gained on the test rows.

    Where someone stops the job, or its time is over, before any member has ended, it is the
    winner's best run.
    """
    spec = tuner.spec
    single = FinalModel(prepared, (_best_fold(confirmed, spec, prepared),))
    final_spec = spec.final
    if (not final_spec.refit and final_spec.members == 1) or reporter.stop_cause is not None:
        return single, None
    plans = tuner.repeats(confirmed.winner.plan.number, final_spec.members)
    if final_spec.refit:
        final = _refit_members(single, plans, confirmed, spec, reporter, new_engine=new_engine)
    else:
        final = _train_members(single, plans, confirmed, engine, reporter)
    if final is None:
        return single, None
    return final, FinalGain(
        refit=final_spec.refit,
        members=len(final.members),
        before=_test_metrics(single),
        after=_test_metrics(final),
    )


def _best_fold(confirmed: Confirmed, spec: JobSpec, prepared: Prepared) -> TrainedPlan:
    sign = spec.objective.direction.sign
    return min(
        confirmed.winner.folds,
        key=lambda fold: sign * objective_value(spec.objective, fold_metrics(fold, prepared)),
    )


def _train_members(
    single: FinalModel,
    plans: tuple[Plan, ...],
    confirmed: Confirmed,
    engine: Engine,
    reporter: Reporter,
) -> FinalModel | None:
    """Train the same fold on several seeds; trainings that confirmed the winner are reused."""
    trained_by_seed = {
        fold.plan.seed: fold
        for run in confirmed.repeats
        for fold in run.folds
        if fold.plan.fold == single.fold
    }
    missing = [replace(p, fold=single.fold) for p in plans if p.seed not in trained_by_seed]
    trained = _train_plans(engine, missing, reporter, epochs=None)
    by_seed = trained_by_seed | {member.plan.seed: member for member in trained}
    members = tuple(by_seed[plan.seed] for plan in plans if plan.seed in by_seed)
    return FinalModel(single.prepared, members) if members else None


def _refit_members(
    single: FinalModel,
    plans: tuple[Plan, ...],
    confirmed: Confirmed,
    spec: JobSpec,
    reporter: Reporter,
    *,
    new_engine: NewEngine,
) -> FinalModel | None:
    """Train on all rows but the test rows, for as many epochs as were best."""
    scaling = scalings(spec)[single.fold // spec.validation.fold_count]
    prepared = prepare_refit(single.prepared, spec, scaling)
    engine = new_engine(prepared)
    epochs = confirmed.winner.best_epoch
    refits = [replace(plan, fold=0) for plan in plans]
    members = _train_plans(engine, refits, reporter, epochs=epochs)
    return FinalModel(prepared, tuple(members)) if members else None


def _train_plans(
    engine: Engine, plans: list[Plan], reporter: Reporter, *, epochs: int | None
) -> list[TrainedPlan]:
    """Train members to their end, or for some epochs; those that someone stopped are left out.

    A plan's own `max_epochs` stays as it was: a schedule leads to it.
    """

    def goes_on() -> bool:
        reporter.poll()
        return reporter.stop_cause is None

    trained = []
    for result in train_plans(engine, plans, goes_on, epochs=epochs):
        if isinstance(result, FailedPlan):
            log.warning("a member of trial %d failed: %s", result.plan.number, result.error)
        elif result.is_good and not _is_cut_short(result, epochs):
            trained.append(replace(result, checkpoint=None))
    return sorted(trained, key=lambda member: [plan.seed for plan in plans].index(member.plan.seed))


def _is_cut_short(result: TrainedPlan, epochs: int | None) -> bool:
    return result.outcome is TrainingOutcome.stopped and len(result.epochs) != epochs


def _test_metrics(final: FinalModel) -> dict[str, float]:
    return scores(final.fit.target, final.prepared.y_test, final.predict_test())
