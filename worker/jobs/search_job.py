"""The recipe of a search, from its table to its exported model. Read `run_search_job` first."""

from __future__ import annotations

import itertools
import math
import time
from collections.abc import Iterable, Sequence
from contextlib import closing
from dataclasses import replace
from functools import partial
from typing import Any

from pydantic import BaseModel

from lowloss.errors import JobFailed
from lowloss.recipes import recipe_of_trial
from lowloss.results import Diagnosis, Outcome
from lowloss.spec import JobSpec
from service.store.trials import list_trials
from service.tables.check import CheckedJob
from worker.artifacts.export import NOT_NEEDED, export_model, export_reports
from worker.data.prepare import Prepared
from worker.data.scores import objective_value
from worker.engine.protocol import Engine
from worker.execution.beside import run_beside
from worker.execution.executor import Executor, JobEngine
from worker.jobs.best_so_far import BestSoFar
from worker.jobs.diagnosis_job import diagnose_first_recipe
from worker.jobs.loading import (
    JobResources,
    LoadedJob,
    load_earlier_attempts,
    load_job,
    prepare_data,
    read_dataset,
)
from worker.progress.protocol import Ended, Ending
from worker.progress.reporter import JobCancelled, Reporter, StopCause
from worker.search.insights import summarise_search
from worker.search.plans import hyperparameters_of
from worker.search.reach import reach_of_space
from worker.search.tuner import SearchTuner
from worker.trials.folds import TrainingResult, train_repeats
from worker.trials.loop import SearchLoop
from worker.trials.pace import Pace
from worker.trials.scoring import validation_metrics
from worker.winner.baselines import FittedBaseline, fit_baselines
from worker.winner.confirm import Confirmed, Finalist, confirm
from worker.winner.refit import Engines, make_final_models
from worker.winner.refit_time import refit_seconds

SEARCH_SHARE, MIN_SEARCH_SHARE = 0.8, 0.5
"""The part of a job's `max_seconds` that the search may use; the second where these are few.

The rest is for the networks of the model, and for the confirmation of the winner.
"""
MIN_SECONDS_AFTER_SEARCH = 12.0
"""What the search leaves of few `max_seconds`: programs compile for 5 s on a busy machine."""
UNCERTAIN_SHARE = 0.5
"""The part of the time after a search that the confirmation has where nothing says how long."""
BASELINES_SHARE = 0.1
"""The part of it that the baselines may use, within these limits."""
MIN_BASELINES_SECONDS, MAX_BASELINES_SECONDS = 5.0, 120.0


def run_search_job(reporter: Reporter, resources: JobResources) -> Ended:
    """Run a search from its table to its exported model, and return how it ended.

    Trials are trained on every fold as the oracle asks for them (`SearchLoop.run`), the best again
    on other seeds (`confirm_winner`). Their networks are refitted (`make_final_models`), exported.
    """
    job, folder, executor = load_job(reporter), resources.folder, resources.executor
    prepared, checked = prepare_job(job, reporter, resources)
    job = replace(job, spec=checked.spec)
    baselines = fit_baselines_in_time(prepared, checked, job, reporter)
    engine = new_engine(job.spec, executor, prepared)
    reporter.phase("search", **engine_fields(engine, executor))
    with closing(SearchTuner(job.spec, directory=folder)) as tuner:
        best = BestSoFar(prepared, job.spec, reporter, folder, job.outcome)
        pace = Pace(lambda: executor.compile_seconds)
        loop = SearchLoop(tuner, prepared, reporter, folder, on_best=best.offer, pace=pace)
        loop.replay(load_earlier_attempts(reporter, job, folder))
        reporter.set_deadline(job.seconds_left(search_share(job.spec)))
        with pace.measure(engine):
            loop.run(engine)
        reason = loop.end_reason
        reporter.raise_if_suspended()

        reporter.phase("confirm")
        confirmed = confirm_in_time(job, loop, tuner, prepared, reporter, engine=engine)
        if confirmed is not None:
            engines = Engines(engine, partial(new_engine, job.spec, executor), pace)
            models = make_final_models(
                confirmed, loop.best_candidates, tuner, prepared, reporter, engines=engines
            )
    reporter.raise_if_suspended()

    insights = search_insights(reporter, job, prepared)
    reporter.record(insights=insights, threads=engine.threads, nodes=executor.count_nodes())
    if confirmed is None:
        raise JobCancelled if reporter.stop_cause is StopCause.cancel else no_trial_completed(tuner)
    reporter.record(**confirmation_fields(confirmed, prepared))
    reporter.phase("export")
    exported = export_model(models, baselines, reporter, folder, seed=job.spec.seed)
    diagnosis = diagnose_search(job, checked, confirmed, reporter, resources)
    reporter.phase("report")
    export_reports(exported, reporter, folder, diagnosis)
    if reporter.stop_cause is StopCause.cancel:
        return Ended(Ending.cancelled, reason="cancelled")
    return Ended(Ending.succeeded, reason=reason)


def search_share(spec: JobSpec) -> float:
    """Return the part of a job's time that its search may use.

    Refits have at least MIN_SECONDS_AFTER_SEARCH, or half of a time that is too short for that.
    """
    max_seconds = spec.budget.max_seconds
    if max_seconds is None or not spec.final.refit:
        return SEARCH_SHARE
    rest = MIN_SECONDS_AFTER_SEARCH / max_seconds
    return max(MIN_SEARCH_SHARE, min(SEARCH_SHARE, 1.0 - rest))


def prepare_job(
    job: LoadedJob, reporter: Reporter, resources: JobResources
) -> tuple[Prepared, CheckedJob]:
    """Make arrays of the job's table.

    Raise JobSuspended on a pause or a stop, and JobCancelled where there is nothing to export.
    """
    reporter.phase("prepare")
    check = reporter.should_continue if job.has_best else reporter.raise_if_cancelled
    return run_beside(partial(prepare_data, reporter, job, resources), check)


def fit_baselines_in_time(
    prepared: Prepared, checked: CheckedJob, job: LoadedJob, reporter: Reporter
) -> tuple[FittedBaseline, ...]:
    """Fit the baselines in their part of the job's time, and record them.

    Raise JobSuspended on a pause or a stop, and JobCancelled where there is nothing to export.
    """
    reporter.phase("baselines", rows=count_rows(prepared), excluded=as_json(checked.excluded))
    seconds_left = job.seconds_left(1.0)
    share_s = math.inf if seconds_left is None else BASELINES_SHARE * seconds_left
    seconds = min(MAX_BASELINES_SECONDS, max(MIN_BASELINES_SECONDS, share_s))
    baselines = fit_baselines(
        prepared, job.spec, seconds=seconds, should_continue=reporter.should_continue
    )
    # An attempt that is to finish at once has none, but an earlier one may have had them.
    if baselines.fitted or not job.outcome.baselines:
        reporter.record(
            baselines=as_json(fitted.baseline for fitted in baselines.fitted),
            missing_baselines=dict(baselines.missing),
        )
    if not job.has_best:
        reporter.raise_if_cancelled()
    return baselines.fitted


def new_engine(spec: JobSpec, executor: Executor, prepared: Prepared) -> JobEngine:
    """Return an engine for the job's trials, which trains all folds of one side by side.

    Those that it trains together are to be of one setting: a refit has one fold, and any settings.
    Its networks take as many slots as the folds did, in the programs that the search compiled.
    """
    folds = len(prepared.splits.folds)
    return executor.build_engine(
        prepared.arrays,
        reach_of_space(spec.search_space),
        trials=spec.budget.max_trials,
        plans_together=folds,
        slots=folds if folds > 1 else min(spec.validation.fold_count, spec.final.members),
    )


def engine_fields(engine: JobEngine, executor: Executor) -> dict[str, Any]:
    """Return what the outcome tells of the engine that trains the search."""
    return {
        "executor": executor.name,
        "threads": engine.threads,
        "open_trials": engine.max_open,
    }


def confirm_in_time(
    job: LoadedJob,
    loop: SearchLoop,
    tuner: SearchTuner,
    prepared: Prepared,
    reporter: Reporter,
    *,
    engine: JobEngine,
) -> Confirmed | None:
    """Confirm the winner in what the refits will leave of the job's time.

    Where this attempt trained none of the top trials, nothing says how long these will take.
    """
    final, top = job.spec.final, [*loop.top_trainings.values()]
    seconds = job.seconds_left(1.0)
    if seconds is not None and final.refit:
        if top:
            refits = [*itertools.islice(itertools.cycle(top), final.members)]
            seconds -= refit_seconds(refits, prepared, final, loop.pace)
        else:
            seconds *= UNCERTAIN_SHARE
    reporter.set_deadline(seconds)
    with loop.pace.measure(engine):
        confirmed = confirm_winner(tuner, engine, prepared, reporter, loop, earlier=job.outcome)
    reporter.set_deadline(job.seconds_left(1.0))
    return confirmed


def confirm_winner(
    tuner: SearchTuner,
    engine: Engine,
    prepared: Prepared,
    reporter: Reporter,
    loop: SearchLoop,
    *,
    earlier: Outcome,
) -> Confirmed | None:
    """Train the top trials on more seeds; None where no trial completed.

    What an `earlier` attempt chose among the same trials on several seeds stays chosen: this one
    may have less time to compare them.
    """
    spec = tuner.spec

    def count_training(training: TrainingResult) -> None:
        loop.pace.count(training.folds, prepared.arrays)

    def compare(numbers: Sequence[int]) -> Confirmed | None:
        seeds = spec.final.confirm_seeds
        return confirm(
            [Finalist(number, tuner.repeats(number, seeds)) for number in numbers],
            loop.top_trainings,
            direction=spec.objective.direction,
            train=train_repeats(
                engine, reporter, spec.validation.fold_count, on_trained=count_training
            ),
            score=lambda training: objective_value(
                spec.objective, validation_metrics(training, prepared)
            ),
        )

    top, before = tuner.top(spec.final.confirm_top), earlier.confirmations
    if before and {*top} == {one.trial for one in before} and len(before[0].scores) > 1:
        chosen = compare([before[0].trial])
        if chosen is not None:
            return replace(chosen, confirmations=before, is_within_noise=earlier.within_noise)
    return compare(top)


def diagnose_search(
    job: LoadedJob,
    checked: CheckedJob,
    confirmed: Confirmed,
    reporter: Reporter,
    resources: JobResources,
) -> Diagnosis | str | None:
    """Diagnose what would have been tried first on the search's table, beside its winner.

    Return None where the job asks for no diagnosis, and the reason where it cannot be made.
    """
    if not job.spec.budget.diagnosis_seconds:
        return None
    if reporter.is_finishing:
        return NOT_NEEDED
    reporter.phase("diagnosis")
    hyperparameters = hyperparameters_of(confirmed.winner.plan, job.spec)
    winner = recipe_of_trial(hyperparameters, job.spec, checked.task, classes=len(checked.labels))
    # The diagnosis goes by the loss, which balanced classes raise.
    winner = winner.with_changes({"class_weight": "none"})
    table = read_dataset(reporter, job.dataset, job.options, resources)
    return diagnose_first_recipe(
        table,
        job.spec,
        checked.task,
        job.dataset,
        winner,
        reporter=reporter,
        resources=resources,
    )


def confirmation_fields(confirmed: Confirmed, prepared: Prepared) -> dict[str, Any]:
    """Return what the confirmation measured, as the store keeps it."""
    return {
        "confirmations": as_json(confirmed.confirmations),
        "within_noise": confirmed.is_within_noise,
        "winner": confirmed.winner.plan.number,
        "metrics": validation_metrics(confirmed.winner, prepared),
    }


def search_insights(reporter: Reporter, job: LoadedJob, prepared: Prepared) -> dict[str, Any]:
    """Return what all trials of the job show together, those of earlier attempts included."""
    trials = reporter.read(lambda session: list_trials(session, job.id)).items
    insights = summarise_search(
        job.spec,
        trials,
        rows=count_rows(prepared)["train"],
        cpu_seconds=time.process_time() - job.cpu_seconds,
    )
    return insights.model_dump(mode="json")


def no_trial_completed(tuner: SearchTuner) -> JobFailed:
    """Return the error of a search that has nothing to export."""
    count = len(tuner.oracle.trials)
    return JobFailed(
        "no_trial_completed",
        f"none of {count} trials completed: their losses were not finite or they failed, as "
        "their reasons say. Scale the features and the target, or lower the learning rate.",
    )


def count_rows(prepared: Prepared) -> dict[str, int]:
    """Count the rows that train, judge trials and judge the winner, in the first fold."""
    first = prepared.splits.folds[0]
    return {
        "train": len(first.train),
        "validation": len(first.validation),
        "test": len(prepared.splits.test),
    }


def as_json(models: Iterable[BaseModel]) -> list[Any]:
    """Return models as plain data."""
    return [model.model_dump(mode="json") for model in models]
