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
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from lowloss.errors import JobFailed, LeaseLost, Problem
from lowloss.results import Dataset, Trial, TrialState
from lowloss.spec import JobSpec
from service.settings import Limits, Settings
from service.store.blobs import read_blob
from service.store.database import Database
from service.store.datasets import get_dataset, get_parse_options
from service.store.jobs import get_job
from service.store.queue import Fence
from service.store.trials import TrialEnd, list_trials
from service.tables.check import Checked, check_job
from service.tables.options import ParseOptions
from service.tables.read import read_table
from worker.baselines import fit_baselines
from worker.channel import Channel
from worker.confirm import Confirmed, Finalist, Train, confirm
from worker.data.prepare import Prepared, prepare
from worker.data.scores import objective_value, scores
from worker.engine.plans import Engine, Epoch, FailedTrial, Outcome, Plan, TrainedTrial
from worker.execution.local import local_engine
from worker.export import export_model, export_tables
from worker.messages import Ended, Ending
from worker.report import Reporter, StopCause
from worker.search.space import reach
from worker.search.tuner import SearchTuner, hyperparameters_of

log = logging.getLogger(__name__)

LEFT = {StopCause.pause, StopCause.stop}
SEARCH_SHARE = 0.8
"""The part of a job's `max_seconds` that the search may use: the rest confirms the winner."""


@dataclass(frozen=True)
class Loaded:
    """A claimed job as it stands in the store; it had run for `seconds` at `loaded_at`."""

    spec: JobSpec
    dataset: Dataset
    options: ParseOptions
    trials: tuple[Trial, ...]
    seconds: float
    loaded_at: float


def run_job(database: Database, fence: Fence, channel: Channel, settings: Settings) -> Ended:
    """Run a claimed job from its table to its exported model; answers how it ended."""
    reporter = Reporter(database, fence, channel)
    with tempfile.TemporaryDirectory(dir=channel.folder) as name:
        folder = Path(name)
        job = load_job(database, fence)
        reporter.phase("prepare")
        prepared, checked = prepare_data(database, job, folder, settings.limits)
        reporter.phase("baselines", rows=count_rows(prepared), excluded=as_json(checked.excluded))
        reporter.phase("search", baselines=as_json(fit_baselines(prepared, seed=job.spec.seed)))

        engine = local_engine(
            prepared.arrays, reach(job.spec.search_space), trials=job.spec.budget.max_trials
        )
        reporter.found(threads=engine.threads, open_trials=engine.most_open)
        with closing(SearchTuner(job.spec, directory=folder)) as search:
            search.replay(job.trials)
            reporter.set_deadline(seconds_left(job, SEARCH_SHARE))
            held = search_trials(search, engine, prepared, reporter)
            reason = search_reason(search, reporter)
            if is_left(reporter):
                return Ended(Ending(str(reporter.stop_cause)))

            reporter.phase("confirm")
            reporter.set_deadline(seconds_left(job, 1.0))
            confirmed = confirm_winner(search, engine, prepared, reporter, held)
        if is_left(reporter):
            return Ended(Ending(str(reporter.stop_cause)))

        if confirmed is not None:
            reporter.phase("export")
            export(prepared, confirmed, reporter, folder)
    if reporter.stop_cause is StopCause.cancel:
        return Ended(Ending.cancelled, reason="cancelled")
    if confirmed is None:
        raise no_model(search)
    return Ended(Ending.succeeded, reason=reason)


def load_job(database: Database, fence: Fence) -> Loaded:
    """What the store knows of the job, earlier attempts' trials included."""
    with database.reading() as session:
        job = get_job(session, fence.job_id)
        dataset = get_dataset(session, job.dataset)
        options = ParseOptions.model_validate(get_parse_options(session, job.dataset))
        trials = list_trials(session, job.id).items
    return Loaded(job.spec, dataset, options, trials, job.progress.seconds, time.monotonic())


def prepare_data(
    database: Database, job: Loaded, folder: Path, limits: Limits
) -> tuple[Prepared, Checked]:
    """Fetch the table, read it once, check it again, and make arrays of it."""
    path = folder / "table"
    with path.open("wb") as file:
        for chunk in read_blob(database, job.dataset.sha256):
            file.write(chunk)
    table = read_table(path, job.dataset.format, job.options, limits=limits)
    path.unlink()
    checked = check_job(job.spec, job.dataset, limits=limits)
    return prepare(table, job.spec, checked, max_levels=limits.max_levels), checked


def search_trials(
    search: SearchTuner, engine: Engine, prepared: Prepared, reporter: Reporter
) -> dict[int, TrainedTrial]:
    """Train what the oracle asks for; answers the trainings of the best trials, by number."""
    most = search.spec.final.confirm_top
    held: dict[int, TrainedTrial] = {}
    late: list[Plan] = []

    def next_plans(n: int) -> list[Plan]:
        cause = reporter.stop_cause
        plans = search.ask(n) if cause is None else []
        if cause is StopCause.time_limit and search.is_idle and not (search.best() or late):
            # However short the time: one trial trains for an epoch, so that there is a model.
            plans = search.ask(1)
            late.extend(plans)
        if plans:
            reporter.start_trials([(plan, hyperparameters_of(plan)) for plan in plans])
        return plans

    for result in engine.run(next_plans, on_epoch=reporter.on_epoch, on_batch=reporter.alive):
        if is_left_running(result, reporter):
            search.put_back(result.plan)
            continue
        end = end_of(result, prepared, search.spec, reporter)
        reporter.finish_trial(end)
        search.tell(end.number, end.score)
        if end.score is not None and isinstance(result, TrainedTrial):
            held[end.number] = result
            top = search.top(most)
            held = {number: trained for number, trained in held.items() if number in top}
    return held


def is_left(reporter: Reporter) -> bool:
    """Whether the job is to be left as it is: its supervisor stops, or a user pauses it."""
    return reporter.stop_cause in LEFT


def is_left_running(result: TrainedTrial | FailedTrial, reporter: Reporter) -> bool:
    """Whether a trial was cut short by a pause or a stop: it trains anew at the next claim."""
    is_cut = isinstance(result, TrainedTrial) and result.outcome is Outcome.stopped
    return is_cut and reporter.cut[result.plan.number] in LEFT


def end_of(
    result: TrainedTrial | FailedTrial, prepared: Prepared, spec: JobSpec, reporter: Reporter
) -> TrialEnd:
    """How a trial ended, as the store keeps it."""
    number = result.plan.number
    if isinstance(result, FailedTrial):
        log.warning("trial %d failed: %s", number, result.error)
        return TrialEnd(number, TrialState.failed, result.reason, None, {}, None, 0.0, None)
    if result.outcome is Outcome.diverged or result.best_epoch is None:
        state = TrialState.diverged
        reason = f"{result.reason} at epoch {len(result.epochs)}"
        return TrialEnd(number, state, reason, None, {}, None, result.seconds, result.program)
    metrics = validation_metrics(result, prepared)
    # A trial cut short by the deadline or a cancel still has its best weights so far.
    reason = str(reporter.cut[number]) if result.outcome is Outcome.stopped else result.reason
    return TrialEnd(
        number=number,
        state=TrialState.completed,
        reason=reason,
        score=objective_value(spec.objective, metrics),
        metrics=metrics,
        best_epoch=result.best_epoch,
        seconds=result.seconds,
        program=result.program,
    )


def validation_metrics(trained: TrainedTrial, prepared: Prepared) -> dict[str, float]:
    """The metrics of the validation rows with the best weights; `val_loss` among them."""
    assert trained.best_epoch is not None
    rows, target = prepared.splits.validation, prepared.target
    found = scores(target, prepared.y[rows], target.answer(trained.val_output_MC))
    return {"val_loss": trained.epochs[trained.best_epoch - 1].val_loss} | found


def search_reason(search: SearchTuner, reporter: Reporter) -> str:
    """Why the search ended."""
    return search.end_reason or str(reporter.stop_cause or "search_ended")


def confirm_winner(
    search: SearchTuner,
    engine: Engine,
    prepared: Prepared,
    reporter: Reporter,
    held: dict[int, TrainedTrial],
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
        train=trainer_of_repeats(engine, reporter),
        score=lambda trained: objective_value(
            spec.objective, validation_metrics(trained, prepared)
        ),
    )


def trainer_of_repeats(engine: Engine, reporter: Reporter) -> Train:
    """How the finalists' repeats are trained: together, until someone stops the job."""

    def train(plans: Sequence[Plan], needed: Plan | None) -> Iterator[TrainedTrial | FailedTrial]:
        waiting = list(plans)

        def goes_on(plan: Plan) -> bool:
            # What is exported at a cancel or a deadline was trained to its end.
            is_needed = plan == needed and not is_left(reporter)
            return is_needed or reporter.stop_cause is None

        def next_plans(n: int) -> list[Plan]:
            reporter.look()
            some = [plan for plan in waiting if goes_on(plan)]
            waiting[:] = some[n:]
            return some[:n]

        def on_epoch(plan: Plan, _: Epoch) -> bool:
            reporter.look()
            return goes_on(plan)

        for result in engine.run(next_plans, on_epoch=on_epoch, on_batch=reporter.alive):
            if isinstance(result, FailedTrial):
                log.warning("a repeat of trial %d failed: %s", result.plan.number, result.error)
            yield result

    return train


def export(prepared: Prepared, confirmed: Confirmed, reporter: Reporter, folder: Path) -> None:
    """Store the winner and the search, and say what was found."""
    test_metrics = export_model(prepared, confirmed.winner, reporter, folder)
    export_tables(reporter, folder)
    reporter.found(
        confirmations=as_json(confirmed.confirmations),
        within_noise=confirmed.is_within_noise,
        winner=confirmed.winner.plan.number,
        metrics=validation_metrics(confirmed.winner, prepared),
        test_metrics=test_metrics,
    )


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
    """How many rows each split has."""
    splits = prepared.splits
    return {
        "train": len(splits.train),
        "validation": len(splits.validation),
        "test": len(splits.test),
    }


def as_json(models: Iterable[BaseModel]) -> list[Any]:
    """Models as plain data."""
    return [model.model_dump(mode="json") for model in models]


def run_safely(database: Database, fence: Fence, channel: Channel, settings: Settings) -> Ended:
    """Run a job; every way in which it can end becomes an Ended."""
    try:
        return run_job(database, fence, channel, settings)
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
    channel.ready()
    for fence in channel.jobs():
        channel.ended(run_safely(database, fence, channel, settings))


if __name__ == "__main__":
    main()
