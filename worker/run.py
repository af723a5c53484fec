"""The recipe of one job, read top to bottom, and the child process that follows it.

Started ahead of a job by the supervisor; ends when its standard input closes.
"""

from __future__ import annotations

import logging
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Iterable
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from lowloss.errors import JobFailed, LeaseLost, Problem
from lowloss.results import Dataset, Diagnosis
from lowloss.spec import DiagnosisSpec, JobSpec
from service.settings import Limits, Settings
from service.store.blobs import read_blob
from service.store.checkpoints import list_checkpoints
from service.store.database import Database
from service.store.datasets import get_dataset, get_parse_options
from service.store.jobs import get_job, list_earlier_jobs
from service.store.queue import Fence
from service.store.trials import list_curves, list_trials
from service.tables.check import Checked, check_job
from service.tables.options import ParseOptions
from service.tables.read import read_table
from service.tables.table import Table
from worker.baselines import fit_baselines
from worker.channel import Channel
from worker.checkpoints import load_checkpoints
from worker.confirm import Confirmed, Finalist, confirm
from worker.data.prepare import Prepared, prepare, scalings
from worker.data.scores import objective_value
from worker.diagnosing import Left, diagnose_search, hand_out, recipe_of, run_diagnosis
from worker.engine.cohort import CohortEngine
from worker.engine.plans import Engine
from worker.engine.program import Programs
from worker.execution.local import local_engine
from worker.export import export
from worker.final import make_final
from worker.folds import Training, trainer_of_repeats
from worker.judge import validation_metrics
from worker.messages import Ended, Ending
from worker.report import Reporter, StopCause
from worker.search.insights import tell_of_search
from worker.search.space import reach
from worker.search.tuner import SearchTuner
from worker.searching import Earlier, Searching

SEARCH_SHARE = 0.8
"""The part of a job's `max_seconds` that the search may use: the rest confirms the winner."""


@dataclass(frozen=True)
class Work:
    """What all jobs of this process share: `programs` that diagnoses compiled."""

    limits: Limits
    programs: Programs


@dataclass(frozen=True)
class Loaded:
    """A claimed job as it stands in the store; it had run for `seconds` at `loaded_at`.

    This process, which other jobs had used before, had taken `cpu_seconds` then.
    """

    spec: JobSpec
    dataset: Dataset
    options: ParseOptions
    id: str
    seconds: float
    loaded_at: float
    cpu_seconds: float


def run_job(database: Database, fence: Fence, channel: Channel, work: Work) -> Ended:
    """Run a claimed job of either kind; answers how it ended."""
    reporter = Reporter(database, fence, channel)
    with database.reading() as session:
        spec = get_job(session, fence.job_id).spec
    with tempfile.TemporaryDirectory(dir=channel.folder) as name:
        try:
            if isinstance(spec, DiagnosisSpec):
                return run_diagnosis_job(spec, reporter, work, Path(name))
            return run_search(reporter, work, Path(name))
        except Left:
            return Ended(Ending(str(reporter.stop_cause)))


def run_diagnosis_job(spec: DiagnosisSpec, reporter: Reporter, work: Work, folder: Path) -> Ended:
    """Diagnose a recipe, and store what was found."""
    reporter.phase("prepare")
    with reporter.database.reading() as session:
        dataset = get_dataset(session, spec.dataset)
        options = ParseOptions.model_validate(get_parse_options(session, spec.dataset))
    table = fetch_table(reporter.database, dataset, options, folder, work.limits)
    diagnosis = run_diagnosis(
        table, spec, dataset, reporter=reporter, limits=work.limits, programs=work.programs
    )
    reporter.phase("export")
    hand_out(diagnosis, spec, reporter, folder)
    if reporter.stop_cause is StopCause.cancel:
        return Ended(Ending.cancelled, reason="cancelled")
    return Ended(Ending.succeeded, reason="diagnosed")


def run_search(reporter: Reporter, work: Work, folder: Path) -> Ended:
    """Run a search from its table to its exported model."""
    database = reporter.database
    job = load_job(database, reporter.fence)
    reporter.phase("prepare")
    prepared, checked = prepare_data(database, job, folder, work.limits)
    job = replace(job, spec=checked.spec)
    reporter.phase("baselines", rows=count_rows(prepared), excluded=as_json(checked.excluded))
    baselines = fit_baselines(prepared, job.spec)
    reporter.phase("search", baselines=as_json(each.baseline for each in baselines))

    engine = new_engine(job.spec, prepared)
    reporter.found(threads=engine.threads, open_trials=engine.most_open)
    with closing(SearchTuner(job.spec, directory=folder)) as search:
        searching = Searching(search, prepared, reporter, folder)
        searching.replay(load_earlier(database, job, folder))
        reporter.set_deadline(seconds_left(job, SEARCH_SHARE))
        searching.run(engine)
        reason = searching.end_reason
        raise_if_left(reporter)

        reporter.phase("confirm")
        reporter.set_deadline(seconds_left(job, 1.0))
        confirmed = confirm_winner(search, engine, prepared, reporter, searching.held)
        if confirmed is not None:
            made = make_final(confirmed, search, engine, prepared, reporter)
    raise_if_left(reporter)

    reporter.found(insights=what_the_search_tells(database, job, prepared))
    if confirmed is not None:
        reporter.found(**as_found(confirmed, prepared))
        told = why_a_first_try_fails(job, checked, confirmed, reporter, work=work, folder=folder)
        reporter.phase("export")
        export(*made, baselines, reporter, folder, diagnosis=told, seed=job.spec.seed)
    if reporter.stop_cause is StopCause.cancel:
        return Ended(Ending.cancelled, reason="cancelled")
    if confirmed is None:
        raise no_model(search)
    return Ended(Ending.succeeded, reason=reason)


def raise_if_left(reporter: Reporter) -> None:
    """Left where the job is paused, or its worker stops."""
    if reporter.is_left:
        raise Left(str(reporter.stop_cause))


def why_a_first_try_fails(
    job: Loaded,
    checked: Checked,
    confirmed: Confirmed,
    reporter: Reporter,
    *,
    work: Work,
    folder: Path,
) -> Diagnosis | str | None:
    """The diagnosis at the end of a search; what hinders it, or None where nobody wants it."""
    if not job.spec.budget.diagnosis_seconds or reporter.stop_cause is StopCause.cancel:
        return None
    reporter.phase("diagnosis")
    plan = confirmed.winner.plan
    scaling = scalings(job.spec)[plan.fold // job.spec.validation.fold_count]
    winner = recipe_of(plan, scaling, job.spec, checked.task, len(checked.labels))
    table = fetch_table(reporter.database, job.dataset, job.options, folder, work.limits)
    return diagnose_search(
        table,
        job.spec,
        checked.task,
        job.dataset,
        winner,
        reporter=reporter,
        limits=work.limits,
        programs=work.programs,
    )


def load_job(database: Database, fence: Fence) -> Loaded:
    """What the store knows of the job, but for what earlier attempts left."""
    with database.reading() as session:
        job = get_job(session, fence.job_id)
        dataset = get_dataset(session, job.dataset)
        options = ParseOptions.model_validate(get_parse_options(session, job.dataset))
    now, cpu_seconds = time.monotonic(), time.process_time()
    return Loaded(job.search, dataset, options, job.id, job.progress.seconds, now, cpu_seconds)


def load_earlier(database: Database, job: Loaded, folder: Path) -> Earlier:
    """What earlier attempts at the job left, and the jobs that it is to learn from."""
    with database.reading() as session:
        trials = list_trials(session, job.id).items
        curves = list_curves(session, job.id)
        saved = list_checkpoints(session, job.id)
        teachers = list_earlier_jobs(session, job.spec.warm_start_from)
    return Earlier(trials, curves, load_checkpoints(database, saved, folder), teachers)


def new_engine(spec: JobSpec, prepared: Prepared) -> CohortEngine:
    """What trains the job's trials."""
    trials = spec.budget.max_trials
    return local_engine(prepared.arrays, reach(spec.search_space), trials=trials)


def prepare_data(
    database: Database, job: Loaded, folder: Path, limits: Limits
) -> tuple[Prepared, Checked]:
    """Fetch the table, check it again, and make arrays of it."""
    table = fetch_table(database, job.dataset, job.options, folder, limits)
    checked = check_job(job.spec, job.dataset, limits=limits)
    return prepare(table, checked, max_levels=limits.max_levels), checked


def fetch_table(
    database: Database, dataset: Dataset, options: ParseOptions, folder: Path, limits: Limits
) -> Table:
    """Read a dataset's table out of the store."""
    path = folder / "table"
    with path.open("wb") as file:
        for chunk in read_blob(database, dataset.sha256):
            file.write(chunk)
    table = read_table(path, dataset.format, options, limits=limits)
    path.unlink()
    return table


def confirm_winner(
    search: SearchTuner,
    engine: Engine,
    prepared: Prepared,
    reporter: Reporter,
    held: dict[int, Training],
) -> Confirmed | None:
    """Train the top trials on more seeds; None where no trial completed."""
    final, spec = search.spec.final, search.spec
    finalists = [
        Finalist(number, search.repeats(number, final.confirm_seeds))
        for number in search.top(final.confirm_top)
    ]
    return confirm(
        finalists,
        held,
        direction=spec.objective.direction,
        train=trainer_of_repeats(engine, reporter, spec.validation.fold_count),
        score=lambda trained: objective_value(
            spec.objective, validation_metrics(trained, prepared)
        ),
    )


def as_found(confirmed: Confirmed, prepared: Prepared) -> dict[str, Any]:
    """What the confirmation found, as the store keeps it."""
    return {
        "confirmations": as_json(confirmed.confirmations),
        "within_noise": confirmed.is_within_noise,
        "winner": confirmed.winner.plan.number,
        "metrics": validation_metrics(confirmed.winner, prepared),
    }


def what_the_search_tells(database: Database, job: Loaded, prepared: Prepared) -> dict[str, Any]:
    """What all trials of the job tell, those of earlier attempts included."""
    with database.reading() as session:
        trials = list_trials(session, job.id).items
    told = tell_of_search(
        job.spec,
        trials,
        rows=count_rows(prepared)["train"],
        cpu_seconds=time.process_time() - job.cpu_seconds,
    )
    return told.model_dump(mode="json")


def no_model(search: SearchTuner) -> JobFailed:
    """Why there is nothing to export."""
    count = len(search.oracle.trials)
    return JobFailed(
        "no_trial_completed",
        f"none of {count} trials completed: their losses were not finite or they failed, as "
        "their reasons say. Scale the features and the target, or lower the learning rate.",
    )


def seconds_left(job: Loaded, share: float) -> float | None:
    """What is left of a share of the job's time; None where it has no limit."""
    limit = job.spec.budget.max_seconds
    if limit is None:
        return None
    return share * limit - job.seconds - (time.monotonic() - job.loaded_at)


def count_rows(prepared: Prepared) -> dict[str, int]:
    """How many rows train, judge trials and judge the winner; of the first fold."""
    first = prepared.splits.folds[0]
    return {
        "train": len(first.train),
        "validation": len(first.validation),
        "test": len(prepared.splits.test),
    }


def as_json(models: Iterable[BaseModel]) -> list[Any]:
    """Models as plain data."""
    return [model.model_dump(mode="json") for model in models]


def run_safely(database: Database, fence: Fence, channel: Channel, work: Work) -> Ended:
    """Run a job; every way in which it can end becomes an Ended."""
    try:
        return run_job(database, fence, channel, work)
    except LeaseLost:
        return Ended(Ending.lease_lost)
    except JobFailed as failed:
        return Ended(Ending.failed, reason=failed.reason, error=str(failed))
    except Problem as problem:
        return Ended(Ending.failed, reason=problem.code, error=str(problem))
    except Exception:
        return Ended(Ending.crashed, error=traceback.format_exc())


def main() -> None:
    """Take jobs from the supervisor until it goes."""
    # A terminal sends Ctrl-C to both: the supervisor decides what becomes of the job.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(message)s")
    channel = Channel(Path(sys.argv[1]))
    settings = Settings()
    database = Database(settings.url)
    work = Work(settings.limits, Programs())
    channel.ready()
    for fence in channel.jobs():
        channel.ended(run_safely(database, fence, channel, work))


if __name__ == "__main__":
    main()
