"""Makes the model that a job hands out: the winner's best run, several runs, or refits."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby

from lowloss.processes.logs import about
from lowloss.results import AllRowsRefit, FinalGain
from lowloss.spec import Final, JobSpec
from worker.data.prepare import Prepared, prepare_refit
from worker.data.scores import objective_value, scores
from worker.engine.cohort.buckets import plan_seconds
from worker.engine.plans import Plan
from worker.engine.protocol import NATURAL_ENDS, Engine, train_plans
from worker.engine.results import FailedPlan, TrainedPlan, TrainingOutcome
from worker.progress.reporter import Reporter
from worker.search.tuner import SearchTuner
from worker.trials.folds import TrainingResult
from worker.trials.pace import Pace
from worker.trials.scoring import fold_metrics
from worker.winner.calibration import divide_logits, fit_temperature
from worker.winner.confirm import Confirmed
from worker.winner.ensemble import choose_members
from worker.winner.final_model import FinalModel, FinalModels

log = logging.getLogger(__name__)
RESERVE_FACTOR = 1.25
"""What the time that refits are expected to take is multiplied by: chosen."""
NewEngine = Callable[[Prepared], Engine]
"""Builds what trains a search's plans on other arrays."""
MemberKey = tuple[int, int]
"""A plan's number and seed."""


@dataclass(frozen=True)
class Engines:
    """The engine that trained the search, how fast, and what builds one for other arrays."""

    of_search: Engine
    build_for: NewEngine
    pace: Pace


@dataclass(frozen=True)
class MemberPlans:
    """The networks to train for a model, each on the first fold of its inputs.

    `trainings` says of the setting of a trial, by its number, how long it was best to train, and
    when its learning rate fell; `winner` is the winner's. The logits of all of them are divided by
    the `temperature`.
    """

    plans: tuple[Plan, ...]
    trainings: Mapping[int, TrainingResult]
    winner: int
    temperature: float


def make_final_models(
    confirmed: Confirmed,
    candidates: Sequence[TrainingResult],
    tuner: SearchTuner,
    prepared: Prepared,
    reporter: Reporter,
    *,
    engines: Engines,
) -> FinalModels:
    """Make the model that is scored, and the one to hand out from it (`refit_on_all_rows`)."""
    scored, gain = make_final_model(
        confirmed, candidates, tuner, prepared, reporter, engines=engines
    )
    return refit_on_all_rows(scored, gain, tuner.spec, reporter, engines)


def make_final_model(
    confirmed: Confirmed,
    candidates: Sequence[TrainingResult],
    tuner: SearchTuner,
    prepared: Prepared,
    reporter: Reporter,
    *,
    engines: Engines,
) -> tuple[FinalModel, FinalGain | None]:
    """Return the model to score, and what refitting and averaging gained on the test rows.

    `candidates` are the best trials that may have networks in it, beside the winner. Where someone
    stops the job, or its time is over, before all members have ended, it is the mean of those of
    the winner's setting, for the others were chosen to go together; without any of these it is the
    winner's best run.
    """
    spec = tuner.spec
    single = single_model(confirmed.winner, spec, prepared)
    final_spec = spec.final
    if (not final_spec.refit and final_spec.members == 1) or reporter.stop_cause is not None:
        return single, None

    def goes_on() -> bool:
        reporter.poll()
        return reporter.stop_cause is None

    chosen = _choose_settings(confirmed, candidates, tuner.spec, prepared, goes_on=goes_on)
    if final_spec.refit:
        seconds = reporter.seconds_left
        chosen = _first_in_time(chosen, prepared, final_spec, engines.pace, seconds=seconds)
    members = _plan_members(chosen, confirmed.winner, tuner, prepared)
    if reporter.stop_cause is not None:
        return single, None
    if final_spec.refit:
        final = _refit_members(members, prepared, spec, reporter, engines)
    else:
        final = _train_members(members, single, confirmed, engines, reporter)
    if final is None:
        return single, None
    return final, FinalGain(
        refit=final_spec.refit,
        members=len(final.members),
        trials=tuple(member.plan.number for member in final.members),
        temperature=final.temperature,
        before=_test_metrics(single),
        after=_test_metrics(final),
    )


def refit_on_all_rows(
    scored: FinalModel,
    gain: FinalGain | None,
    spec: JobSpec,
    reporter: Reporter,
    engines: Engines,
) -> FinalModels:
    """Train the networks of a refit once more, on all rows, after their model has its score.

    Plans, epochs and temperature are those of the networks that were scored. Unless all of them end
    well and in time, the `scored` model is handed out.
    """
    if not spec.final.use_test_rows:
        return FinalModels(scored, gain, scored)
    handed_out = None
    if gain is not None and reporter.stop_cause is None:
        handed_out = _train_on_all_rows(scored, spec, reporter, engines)
    if handed_out is None:
        ending: AllRowsRefit = "failed" if reporter.stop_cause is None else "cut_short"
        return FinalModels(scored, gain, scored, ending)
    return FinalModels(scored, gain, handed_out, "complete")


def single_model(training: TrainingResult, spec: JobSpec, prepared: Prepared) -> FinalModel:
    """Return the model of a trial's own network: that of the fold on which it was best."""
    sign = spec.objective.direction.sign
    best = min(
        training.folds,
        key=lambda fold: sign * objective_value(spec.objective, fold_metrics(fold, prepared)),
    )
    return FinalModel(prepared, (best,))


def refit_seconds(
    trainings: Sequence[TrainingResult], prepared: Prepared, final: Final, pace: Pace
) -> float:
    """Return how long refits of the settings of these will take, all together, and a reserve.

    With `final.use_test_rows` each is refitted twice.
    """
    splits, arrays = prepared.splits, prepared.arrays
    rows = len(splits.non_test_rows)
    if final.use_test_rows:
        rows += len(splits.non_test_rows) + len(splits.test)
    share = rows / len(arrays.folds[0].train_N)
    estimates = [
        share * plan_seconds(training.plan, arrays, training.best_epoch or 1)
        for training in trainings
    ]
    return RESERVE_FACTOR * pace.expect(estimates, together=len(splits.folds))


def _first_in_time(
    chosen: list[TrainingResult], prepared: Prepared, final: Final, pace: Pace, *, seconds: float
) -> list[TrainingResult]:
    """Return the first of the chosen that can be refitted in some seconds; one at least.

    They were chosen one after the other: the first of them go together, too.
    """
    count = len(chosen)
    while count > 1 and refit_seconds(chosen[:count], prepared, final, pace) > seconds:
        count -= 1
    return chosen[:count]


def _choose_settings(
    confirmed: Confirmed,
    candidates: Sequence[TrainingResult],
    spec: JobSpec,
    prepared: Prepared,
    *,
    goes_on: Callable[[], bool],
) -> list[TrainingResult]:
    """Choose the settings of a model's networks, some of them several times."""
    final, winner = spec.final, confirmed.winner
    if final.ensemble and final.members > 1:
        others = [one for one in candidates if one.plan.number != winner.plan.number]
        pool = [
            training
            for training in (*confirmed.repeats, *others)
            if training.is_good and len(training.folds) == len(prepared.splits.folds)
        ]
        if pool:
            return choose_members(pool, prepared, spec.objective, final.members, goes_on=goes_on)
    return [winner] * final.members


def _plan_members(
    chosen: Sequence[TrainingResult],
    winner: TrainingResult,
    tuner: SearchTuner,
    prepared: Prepared,
) -> MemberPlans:
    """Plan the networks of the chosen settings; those of one setting differ by their seeds."""
    winner_number = winner.plan.number
    counts = Counter(training.plan.number for training in chosen)
    trainings = {training.plan.number: training for training in chosen}
    if winner_number in trainings:
        trainings[winner_number] = winner
    # The winner's first: they are the model where time is up before the others have ended.
    trials = sorted(counts, key=lambda trial: trial != winner_number)
    return MemberPlans(
        tuple(plan for trial in trials for plan in tuner.repeats(trial, counts[trial])),
        trainings,
        winner_number,
        fit_temperature(chosen, prepared, tuner.spec.objective, seed=tuner.spec.seed),
    )


def _train_members(
    members: MemberPlans,
    single: FinalModel,
    confirmed: Confirmed,
    engines: Engines,
    reporter: Reporter,
) -> FinalModel | None:
    """Train on the same fold; trainings that confirmed the winner are reused."""
    count = len(single.prepared.splits.folds)
    fold = single.members[0].plan.fold % count
    plans = [replace(plan, fold=plan.fold + fold) for plan in members.plans]
    trained = {
        _member_key(run_fold.plan): run_fold
        for run in confirmed.repeats
        for run_fold in run.folds
        if run_fold.plan.fold % count == fold
    }
    missing = [plan for plan in plans if _member_key(plan) not in trained]
    # The search's engine trains plans side by side that have one setting.
    for _, of_trial in groupby(missing, key=lambda plan: plan.number):
        trained |= _train_plans(engines.of_search, list(of_trial), reporter)
    return _model_of(single.prepared, plans, trained, members)


def _refit_members(
    members: MemberPlans,
    prepared: Prepared,
    spec: JobSpec,
    reporter: Reporter,
    engines: Engines,
) -> FinalModel | None:
    """Train on all rows but the test rows, for as many epochs as were best.

    No rows validate: the learning rate falls where it fell then.
    """
    first_folds = sorted({plan.fold for plan in members.plans})
    refit = prepare_refit(prepared, spec, tuple(prepared.fits[fold].choice for fold in first_folds))
    plans = [
        replace(
            plan,
            fold=first_folds.index(plan.fold),
            rate_falls=members.trainings[plan.number].rate_falls,
        )
        for plan in members.plans
    ]
    epochs = {number: training.best_epoch or 1 for number, training in members.trainings.items()}
    trained = _train_plans(engines.build_for(refit), plans, reporter, epochs=epochs)
    return _model_of(refit, plans, trained, members)


def _train_on_all_rows(
    scored: FinalModel, spec: JobSpec, reporter: Reporter, engines: Engines
) -> FinalModel | None:
    """Return the same networks, trained on all rows; None where some were not trained."""
    choices = tuple(fit.choice for fit in scored.prepared.fits)
    refit = prepare_refit(scored.prepared, spec, choices, use_test_rows=True)
    plans = [member.plan for member in scored.members]
    epochs = {member.plan.number: len(member.epochs) for member in scored.members}
    trained = _train_plans(engines.build_for(refit), plans, reporter, epochs=epochs)
    if len(trained) < len(plans):
        return None
    networks = (trained[_member_key(plan)] for plan in plans)
    temperature = scored.temperature
    return FinalModel(
        refit, tuple(divide_logits(network, temperature) for network in networks), temperature
    )


def _train_plans(
    engine: Engine,
    plans: Sequence[Plan],
    reporter: Reporter,
    *,
    epochs: Mapping[int, int] = NATURAL_ENDS,
) -> dict[MemberKey, TrainedPlan]:
    """Train members to their end, or for some epochs; those that someone stopped are left out.

    A plan's own `max_epochs` stays as it was: a schedule leads to it.
    """

    def goes_on() -> bool:
        reporter.poll()
        return reporter.stop_cause is None

    trained = {}
    for result in train_plans(engine, plans, goes_on, epochs=epochs):
        if isinstance(result, FailedPlan):
            number = result.plan.number
            log.warning(
                "a member of trial %d failed: %s", number, result.error, extra=about(trial=number)
            )
        elif result.is_good and not _is_cut_short(result, epochs.get(result.plan.number)):
            trained[_member_key(result.plan)] = replace(result, checkpoint=None)
    return trained


def _member_key(plan: Plan) -> MemberKey:
    return plan.number, plan.seed


def _model_of(
    prepared: Prepared,
    plans: Sequence[Plan],
    trained: Mapping[MemberKey, TrainedPlan],
    members: MemberPlans,
) -> FinalModel | None:
    """Return the mean of the plans that were trained; of the winner's alone where some were not.

    None where there is none of these. All of them together have the temperature.
    """
    keys = [_member_key(plan) for plan in plans]
    networks = tuple(trained[key] for key in keys if key in trained)
    if len(networks) < len(plans):
        networks = tuple(one for one in networks if one.plan.number == members.winner)
        return FinalModel(prepared, networks) if networks else None
    if members.temperature != 1.0:
        networks = tuple(divide_logits(one, members.temperature) for one in networks)
    return FinalModel(prepared, networks, members.temperature)


def _is_cut_short(result: TrainedPlan, epochs: int | None) -> bool:
    return result.outcome is TrainingOutcome.stopped and len(result.epochs) != epochs


def _test_metrics(final: FinalModel) -> dict[str, float]:
    return scores(final.fit.target, final.prepared.y_test, final.predict_test())
