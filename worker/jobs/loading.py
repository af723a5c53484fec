"""Reads a claimed job out of the store: its JobSpec, its table, and what earlier attempts left."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from pathlib import Path

from lowloss.results import Dataset, Outcome
from lowloss.spec import JobSpec
from lowloss.tables.options import ParseOptions
from lowloss.tables.read import read_table
from lowloss.tables.table import Table
from service.settings import Limits
from service.store.checkpoints import SavedCheckpoint, list_checkpoints
from service.store.crashes import list_blamed
from service.store.database import Session
from service.store.datasets import get_dataset
from service.store.earlier_jobs import list_earlier_jobs
from service.store.jobs import get_job
from service.store.trials import list_curves, list_trials
from service.tables.check import CheckedJob, check_job
from service.tables.profile import check_is_as_profiled
from service.tables.script_table import SCRIPT_TABLE
from worker.artifacts.plain_table import write_plain_table
from worker.data.prepare import Prepared, prepare
from worker.execution.executor import Executor
from worker.progress.reporter import Reporter
from worker.trials.checkpoints import load_checkpoints
from worker.trials.loop import EarlierAttempts


@dataclass(frozen=True)
class JobResources:
    """What a job works with: the `executor` trains its networks, and those of later jobs.

    Files of the job are in `folder` while it runs.
    """

    limits: Limits
    executor: Executor
    folder: Path


@dataclass(frozen=True)
class LoadedJob:
    """A claimed search as it stands in the store.

    It had run for `seconds` at `loaded_at` (`time.monotonic`), and this process, which other jobs
    used before, had taken `cpu_seconds` of processor time. Earlier attempts left a best trial where
    `has_best`, and the `outcome` as far as they had come.
    """

    id: str
    spec: JobSpec
    dataset: Dataset
    options: ParseOptions
    seconds: float
    loaded_at: float
    cpu_seconds: float
    has_best: bool
    outcome: Outcome

    def seconds_left(self, share: float) -> float | None:
        """Return what is left of a share of the job's `max_seconds`; None without a limit."""
        limit = self.spec.budget.max_seconds
        if limit is None:
            return None
        return share * limit - self.seconds - (time.monotonic() - self.loaded_at)


def load_job(reporter: Reporter) -> LoadedJob:
    """Read a claimed search and its dataset's description."""
    job = reporter.read(lambda session: get_job(session, reporter.fence.job_id))
    dataset, options = load_description(reporter, job.dataset)
    return LoadedJob(
        id=job.id,
        spec=job.search,
        dataset=dataset,
        options=options,
        seconds=job.progress.seconds,
        loaded_at=time.monotonic(),
        cpu_seconds=time.process_time(),
        has_best=job.best is not None,
        outcome=job.outcome,
    )


def load_description(reporter: Reporter, dataset_id: str) -> tuple[Dataset, ParseOptions]:
    """Read a dataset's description, and the options that it is parsed with."""

    def read(session: Session) -> tuple[Dataset, ParseOptions]:
        dataset = get_dataset(session, dataset_id)
        return dataset, ParseOptions.model_validate(dataset.options)

    return reporter.read(read)


def load_earlier_attempts(reporter: Reporter, job: LoadedJob, folder: Path) -> EarlierAttempts:
    """Read what earlier attempts at a search left, and the jobs that it is to learn from."""

    def read(session: Session) -> tuple[EarlierAttempts, tuple[SavedCheckpoint, ...]]:
        trials, curves = list_trials(session, job.id).items, list_curves(session, job.id)
        teachers = list_earlier_jobs(session, job.spec.warm_start_from)
        blamed = list_blamed(session, job.id)
        earlier = EarlierAttempts(trials, curves, {}, blamed, teachers)
        return earlier, list_checkpoints(session, job.id)

    earlier, saved = reporter.read(read)
    return replace(earlier, checkpoints=load_checkpoints(reporter, saved, folder))


def prepare_data(
    reporter: Reporter, job: LoadedJob, resources: JobResources
) -> tuple[Prepared, CheckedJob]:
    """Read the job's table, check the JobSpec against it again, and make arrays of it.

    The table as scripts of trials read it is left in the job's folder.
    """
    limits = resources.limits
    table = read_dataset(reporter, job.dataset, job.options, resources)
    checked = check_job(_decided(job.spec), job.dataset, limits=limits)
    write_plain_table(resources.folder / SCRIPT_TABLE, table, checked)
    folder = resources.folder
    return prepare(table, checked, max_levels=limits.max_levels, folder=folder), checked


def _decided(spec: JobSpec) -> JobSpec:
    """Return a spec whose selection of inputs is decided: jobs from before there was one keep all.

    What is undecided now, after other trials or other pages of it, stays so for the whole job.
    """
    preprocessing = spec.preprocessing
    decided = preprocessing.model_copy(update={"select_features": preprocessing.selection})
    return spec.model_copy(update={"preprocessing": decided})


def read_dataset(
    reporter: Reporter, dataset: Dataset, options: ParseOptions, resources: JobResources
) -> Table:
    """Read a dataset's bytes out of the store, and parse them."""
    path = resources.folder / "table"
    reporter.copy_blob(dataset.sha256, path)
    table = read_table(path, dataset.format, options, limits=resources.limits)
    path.unlink()
    check_is_as_profiled(table, dataset)
    return table
