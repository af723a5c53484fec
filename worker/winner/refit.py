"""Makes the model that a job hands out: the winner's best run, several runs, or refits."""

from __future__ import annotations

import itertools
import logging
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

from lowloss.processes.logs import about
from lowloss.results import AllRowsRefit, FinalGain
from lowloss.spec import JobSpec
from worker.data.prepare import Prepared, prepare_refit
from worker.data.scores import objective_value, scores
from worker.engine.cohort.buckets import plan_seconds
from worker.engine.plans import Plan
from worker.engine.protocol import NATURAL_ENDS, Engine, train_plans
from worker.engine.results import FailedPlan, TrainedPlan, TrainingOutcome
from worker.execution.executor import JobEngine
from worker.progress.reporter import Reporter
from worker.search.tuner import SearchTuner
from worker.trials.folds import TrainingResult
from worker.trials.pace import Pace
from worker.trials.scoring import fold_metrics
from worker.winner.calibration import divide_logits, fit_temperature
from worker.winner.confirm import Confirmed
from worker.winner.ensemble import choose_members
from worker.winner.final_model import FinalModel, FinalModels
from worker.winner.linear import LINEAR_NUMBER, solve_linear, solve_plans
from worker.winner.refit_time import RESERVE_FACTOR, share_of_all_rows

log = logging.getLogger(__name__)
NewEngine = Callable[[Prepared], JobEngine]
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

    Each has the setting of the one that was `chosen` in its place. `trainings` says of the setting
    of a trial, by its number, how long it was best to train, and when its learning rate fell;
    `winner` is the winner's.
    """

    plans: tuple[Plan, ...]
    chosen: tuple[TrainingResult, ...]
    trainings: Mapping[int, TrainingResult]
    winner: int

    @property
    def linear(self) -> list[TrainingResult]:
        """The linear network on each fold, if it is chosen."""
        return [one for number, one in self.trainings.items() if number == LINEAR_NUMBER]


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
    stops the job, or its time is over, before all members have ended, it is the mean of the first
    ones; without any of these it is the winner's best run.
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
    members = _plan_members(chosen, confirmed.winner, tuner)
    if reporter.stop_cause is not None:
        return single, None
    if final_spec.refit:
        final = _refit_members(members, prepared, spec, reporter, engines)
    else:
        final = _train_members(members, single, confirmed, spec, reporter, engine=engines.of_search)
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
            linear = solve_linear(prepared, spec, winner.plan, goes_on=goes_on)
            return choose_members(
                pool, prepared, spec.objective, final.members, linear=linear, goes_on=goes_on
            )
    return [winner] * final.members


def _plan_members(
    chosen: Sequence[TrainingResult], winner: TrainingResult, tuner: SearchTuner
) -> MemberPlans:
    """Plan the networks of the chosen settings; those of one setting differ by their seeds."""
    trainings = {training.plan.number: training for training in chosen}
    trainings[winner.plan.number] = winner
    counts = Counter(training.plan.number for training in chosen)
    repeats: dict[int, Iterator[Plan]] = {
        trial: iter(tuner.repeats(trial, count))
        for trial, count in counts.items()
        if trial != LINEAR_NUMBER
    }
    if LINEAR_NUMBER in counts:
        repeats[LINEAR_NUMBER] = itertools.repeat(trainings[LINEAR_NUMBER].plan)
    plans = tuple(next(repeats[training.plan.number]) for training in chosen)
    return MemberPlans(plans, tuple(chosen), trainings, winner.plan.number)


def _train_members(
    members: MemberPlans,
    single: FinalModel,
    confirmed: Confirmed,
    spec: JobSpec,
    reporter: Reporter,
    *,
    engine: Engine,
) -> FinalModel | None:
    """Train on the same fold; trainings that confirmed the winner are reused."""
    count = len(single.prepared.splits.folds)
    fold = single.members[0].plan.fold % count
    plans = [replace(plan, fold=plan.fold + fold) for plan in members.plans]
    trained = {
        _member_key(run_fold.plan): run_fold
        for run in (*confirmed.repeats, *members.linear)
        for run_fold in run.folds
        if run_fold.plan.fold % count == fold
    }
    missing = [plan for plan in plans if _member_key(plan) not in trained]
    # The search's engine trains plans side by side that have one setting.
    for trial in dict.fromkeys(plan.number for plan in missing):
        of_trial = [plan for plan in missing if plan.number == trial]
        trained |= _train_plans(engine, of_trial, reporter)
    networks, temperature = _members_of(plans, trained, members, single.prepared, spec)
    return FinalModel(single.prepared, networks, temperature) if networks else None


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
    solved = solve_plans(plans, refit.arrays)
    others = [plan for plan in plans if _member_key(plan) not in solved]
    trained = solved | _refit_in_time(refit, others, epochs, spec, reporter, engines=engines)
    networks, temperature = _members_of(plans, trained, members, prepared, spec)
    return FinalModel(refit, networks, temperature) if networks else None


def _refit_in_time(
    refit: Prepared,
    plans: Sequence[Plan],
    epochs: Mapping[int, int],
    spec: JobSpec,
    reporter: Reporter,
    *,
    engines: Engines,
) -> dict[MemberKey, TrainedPlan]:
    """Refit the first plans, as many as there is time for.

    They train all at once where twice what they are expected to take, and a compile for each
    setting, fit into the time that is left; else in parts that do, each of which says more about
    how fast it goes. One plan is tried in any case.
    """
    engine, pace = engines.build_for(refit), engines.pace
    estimates = [plan_seconds(plan, refit.arrays, epochs[plan.number]) for plan in plans]
    again = share_of_all_rows(refit, spec.final)

    def seconds_of(first: int, last: int) -> float:
        expect = partial(pace.expect, together=spec.validation.fold_count)
        settings = len({plan.number for plan in plans[first:last]})
        seconds = expect(estimates[first:last]) + again * expect(estimates[:last])
        return RESERVE_FACTOR * seconds + pace.expect([], programs=settings)

    trained: dict[MemberKey, TrainedPlan] = {}
    first = 0
    while first < len(plans) and reporter.stop_cause is None:
        seconds = reporter.seconds_left
        counts = range(len(plans), first, -1)
        last = next((count for count in counts if seconds_of(first, count) <= seconds), first or 1)
        if last == first:
            break
        with pace.measure(engine, plans=last - first):
            part = _train_plans(engine, plans[first:last], reporter, epochs=epochs)
        pace.count(part.values(), refit.arrays)
        trained |= part
        first = last
    return trained


def _train_on_all_rows(
    scored: FinalModel, spec: JobSpec, reporter: Reporter, engines: Engines
) -> FinalModel | None:
    """Return the same networks, trained on all rows; None where some were not trained."""
    choices = tuple(fit.choice for fit in scored.prepared.fits)
    refit = prepare_refit(scored.prepared, spec, choices, use_test_rows=True)
    plans = [member.plan for member in scored.members]
    epochs = {member.plan.number: len(member.epochs) for member in scored.members}
    solved = solve_plans(plans, refit.arrays)
    others = [plan for plan in plans if _member_key(plan) not in solved]
    engine = engines.build_for(refit)
    trained = solved | _train_plans(engine, others, reporter, epochs=epochs)
    if trained.keys() < {_member_key(plan) for plan in plans}:
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


def _members_of(
    plans: Sequence[Plan],
    trained: Mapping[MemberKey, TrainedPlan],
    members: MemberPlans,
    prepared: Prepared,
    spec: JobSpec,
) -> tuple[tuple[TrainedPlan, ...], float]:
    """Return networks for the first of the chosen settings, and their temperature.

    That is up to the first one without a network: they were chosen one after the other, so that the
    first of them go together, too. Where there is none, return those of the winner.
    """
    of_trials = defaultdict[int, list[TrainedPlan]](list)
    for plan in plans:
        if _member_key(plan) in trained:
            of_trials[plan.number].append(trained[_member_key(plan)])
    remaining = {number: iter(networks) for number, networks in of_trials.items()}
    networks = list[TrainedPlan]()
    for plan in plans:
        network = next(remaining.get(plan.number, iter(())), None)
        if network is None:
            break
        networks.append(network)
    if not networks:
        return tuple(of_trials[members.winner]), 1.0
    chosen = members.chosen[: len(networks)]
    temperature = fit_temperature(chosen, prepared, spec.objective, seed=spec.seed)
    return tuple(divide_logits(network, temperature) for network in networks), temperature


def _is_cut_short(result: TrainedPlan, epochs: int | None) -> bool:
    return result.outcome is TrainingOutcome.stopped and len(result.epochs) != epochs


def _test_metrics(final: FinalModel) -> dict[str, float]:
    return scores(final.fit.target, final.prepared.y_test, final.predict_test())
