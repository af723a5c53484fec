"""A job in this process, as a worker's child runs it on SQLite, and where its time goes."""

from __future__ import annotations

import hashlib
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from lowloss.results import Job, TableFormat, Trial
from lowloss.spec import DEFAULT_PROJECT, JobSpec
from lowloss.tables.options import ParseOptions
from lowloss.tables.read import read_table
from service.settings import Limits
from service.store.blobs import write_blob
from service.store.database import Database
from service.store.datasets import NewDataset, add_dataset, get_dataset
from service.store.jobs import list_jobs
from service.store.queue import Fence, claim_job, enqueue_job
from service.store.trials import list_trials
from service.tables.check import check_job
from service.tables.profile import profile_table
from worker.data.prepare import Prepared
from worker.execution.local import LocalExecutor
from worker.jobs.loading import JobResources, load_job, prepare_data
from worker.jobs.main import run_safely
from worker.progress.reporter import Reporter


class _Channel:
    """Stands in for the pipes to a supervisor: nobody asks for anything."""

    is_stopping = must_finish = False

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def alive(self) -> None:
        """Do nothing: nobody listens."""


def submit(database: Database, path: Path, request: dict[str, Any]) -> None:
    """Store a table, and a job on it: `request` names no dataset."""
    limits, options = Limits(), ParseOptions()
    table_format = TableFormat(path.suffix.removeprefix("."))
    table = read_table(path, table_format, options, limits=limits)
    sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
    write_blob(database, path, sha256=sha256)
    new = NewDataset(
        project=DEFAULT_PROJECT,
        name=path.stem,
        sha256=sha256,
        format=table_format,
        options=options.model_dump(),
        size_bytes=path.stat().st_size,
        rows=table.frame.height,
        columns=table.frame.width,
        profile=profile_table(table, limits=limits),
    )
    spec = JobSpec.model_validate({"dataset": new.id} | request)
    with database.transaction() as session:
        add_dataset(session, new)
        checked = check_job(spec, get_dataset(session, new.id), limits=limits)
        enqueue_job(
            session, checked.spec, project=DEFAULT_PROJECT, task=checked.task, max_attempts=1
        )


def run_job(database: Database, folder: Path) -> dict[str, Any]:
    """Run the job that was submitted; seconds of the job, its search, and parts of all threads."""
    with database.transaction() as session:
        claim = claim_job(session, "bench", lease_seconds=3600)
    assert claim is not None
    channel, resources = _Channel(folder), JobResources(Limits(), LocalExecutor(), folder)
    started = time.perf_counter()
    with measured_parts() as parts:
        ended = run_safely(database, claim.fence, channel, resources)  # type: ignore[arg-type]
    whole = time.perf_counter() - started
    assert ended.ending == "succeeded", ended
    trials = trials_of(database)
    return {
        "job_seconds": whole,
        "first_model_seconds": parts.first_model_at - started,
        "model_seconds": parts.model_at - started,
        "search_seconds": parts.seconds.pop("search"),
        "parts": parts.seconds,
        "phases": parts.end_phase(),
        "compiles": parts.calls["compile"],
        "end_reason": ended.reason,
        "trials": len(trials),
        "epochs": sum(trial.epochs for trial in trials),
    }


def trials_of(database: Database) -> tuple[Trial, ...]:
    """Return the trials of the only job."""
    with database.reading() as session:
        return list_trials(session, job_of(database).id).items


def job_of(database: Database) -> Job:
    """Return the only job."""
    with database.reading() as session:
        (job,) = list_jobs(session, DEFAULT_PROJECT, state=None, cursor=None, limit=1).items
    return job


def prepare_job(database: Database, folder: Path) -> tuple[Reporter, JobSpec, Prepared]:
    """Claim the job that was submitted, and return what its search begins with."""
    reporter, resources = claim_job_of(database, folder)
    prepared, checked = prepare_data(reporter, load_job(reporter), resources)
    return reporter, checked.spec, prepared


def claim_job_of(database: Database, folder: Path) -> tuple[Reporter, JobResources]:
    """Claim the job that was submitted, and return what runs it."""
    with database.transaction() as session:
        claim = claim_job(session, "bench", lease_seconds=36_000)
    assert claim is not None
    reporter = Reporter(database, claim.fence, _Channel(folder))  # type: ignore[arg-type]
    return reporter, JobResources(Limits(), LocalExecutor(), folder)


def prepared_of(database: Database, folder: Path) -> Prepared:
    """Return the rows of the only job, as its trials see them."""
    fence = Fence(job_of(database).id, "bench", 1)
    reporter = Reporter(database, fence, _Channel(folder))  # type: ignore[arg-type]
    resources = JobResources(Limits(), LocalExecutor(), folder)
    return prepare_data(reporter, load_job(reporter), resources)[0]


class Parts:
    """Seconds of a job's phases, and inside its parts, of all threads, with the calls of each."""

    def __init__(self) -> None:
        self.phases: dict[str, float] = defaultdict(float)
        self._phase, self._since = "", time.perf_counter()
        self.seconds: dict[str, float] = defaultdict(float)
        self.calls: Counter[str] = Counter()
        self.model_at = self.first_model_at = 0.0
        self._lock = threading.Lock()
        self._compiling: set[int] = set()

    def end_phase(self, next_name: str = "") -> dict[str, float]:
        """Count the seconds of the phase that ends, and return those of all."""
        now = time.perf_counter()
        if self._phase:
            self.phases[self._phase] += now - self._since
        self._phase, self._since = next_name, now
        return dict(self.phases)

    def with_phases(self, call: Callable[..., Any]) -> Callable[..., Any]:
        """Return the same call, which begins a phase unless it is one within another."""

        def begin(reporter: Any, name: str, *arguments: Any, **options: Any) -> Any:
            if options.get("within") is None:
                self.end_phase(name)
            return call(reporter, name, *arguments, **options)

        return begin

    def note_model(self, call: Callable[..., Any]) -> Callable[..., Any]:
        """Return the same call; note when users have a first model, and the last one."""

        def publish(reporter: Any, files: Any, *, trial: int | None) -> None:
            call(reporter, files, trial=trial)
            self.model_at = time.perf_counter()
            self.first_model_at = self.first_model_at or self.model_at

        return publish

    def timed(self, call: Callable[..., Any], part: str) -> Callable[..., Any]:
        """Return the same call, whose seconds are added to a part's."""

        def timed_call(*arguments: Any, **options: Any) -> Any:
            started = time.perf_counter()
            try:
                return call(*arguments, **options)
            finally:
                with self._lock:
                    self.seconds[part] += time.perf_counter() - started
                    self.calls[part] += 1

        return timed_call

    def timed_program(self, call: Callable[..., Any]) -> Callable[..., Any]:
        """Return the same call of a compiled function: its first one compiles."""

        def timed_call(compiled: Any, *arguments: Any) -> Any:
            part = "train"
            if compiled._traced is None:
                with self._lock:
                    is_first = id(compiled) not in self._compiling
                    self._compiling.add(id(compiled))
                part = "compile" if is_first else "wait for a compile"
            return self.timed(call, part)(compiled, *arguments)

        return timed_call


@contextmanager
def measured_parts() -> Iterator[Parts]:
    """Measure a job's parts inside the block."""
    from worker.engine.cohort.compiled import Compiled
    from worker.progress.reporter import Reporter
    from worker.search.tuner import SearchTuner
    from worker.trials.loop import SearchLoop

    parts = Parts()
    places: list[tuple[Any, str, str]] = [
        (SearchLoop, "run", "search"),
        (SearchTuner, "ask", "oracle"),
        (SearchTuner, "tell", "oracle"),
        (Reporter, "_write_once", "store"),
    ]
    before = [(owner, name, getattr(owner, name)) for owner, name, _ in places]
    before.append((Compiled, "__call__", Compiled.__call__))
    before.append((Reporter, "phase", Reporter.phase))
    Reporter.phase = parts.with_phases(Reporter.phase)  # type: ignore[method-assign]
    before.append((Reporter, "publish_model", Reporter.publish_model))
    Reporter.publish_model = parts.note_model(  # type: ignore[method-assign]
        Reporter.publish_model
    )
    for owner, name, part in places:
        setattr(owner, name, parts.timed(getattr(owner, name), part))
    Compiled.__call__ = parts.timed_program(Compiled.__call__)  # type: ignore[method-assign]
    try:
        yield parts
    finally:
        for owner, name, value in before:
            setattr(owner, name, value)
