"""The recipe of one job, read top to bottom, and the child process that follows it.

Started ahead of a job by the supervisor; ends when its standard input closes.
"""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path

from lowloss.results import Dataset, Trial
from lowloss.spec import JobSpec
from service.settings import Settings
from service.store.database import Database
from service.store.queue import Fence
from service.tables.options import ParseOptions
from worker.baselines import fit_baselines
from worker.channel import Channel
from worker.messages import Ended, Ending
from worker.report import Reporter, StopCause
from worker.search.tuner import SearchTuner

SEARCH_SHARE = 0.8
"""The part of a job's `max_seconds` that the search may use: the rest confirms the winner."""


@dataclass(frozen=True)
class Loaded:
    """A claimed job as it stands in the store. `seconds` is how long earlier attempts ran."""

    spec: JobSpec
    dataset: Dataset
    options: ParseOptions
    trials: tuple[Trial, ...]
    seconds: float


def run_job(database: Database, fence: Fence, channel: Channel, settings: Settings) -> Ended:
    """Run a claimed job from its table to its exported model; answers how it ended."""
    reporter = Reporter(database, fence, channel)
    with tempfile.TemporaryDirectory(prefix="lowloss-") as name:
        folder = Path(name)
        job = load_job(database, fence)
        prepared = prepare_data(database, job, folder, settings, reporter)
        reporter.phase("search", baselines=as_json(fit_baselines(prepared)))

        search = SearchTuner(job.spec, directory=folder / "search")
        search.replay(job.trials)
        set_deadline(reporter, job, share=SEARCH_SHARE)
        kept = search_trials(search, prepared, reporter)
        if reporter.stop_cause in {StopCause.pause, StopCause.stop}:
            return Ended(Ending(reporter.stop_cause))

        reporter.phase("confirm")
        set_deadline(reporter, job, share=1.0)
        winner = confirm_winner(search, prepared, reporter, kept)
        if reporter.stop_cause in {StopCause.pause, StopCause.stop}:
            return Ended(Ending(reporter.stop_cause))

        reporter.phase("export")
        export(prepared, winner, reporter, folder)
    if reporter.stop_cause is StopCause.cancel:
        return Ended(Ending.cancelled, reason="cancelled")
    return Ended(Ending.succeeded, reason=search.end_reason or "time_limit")
