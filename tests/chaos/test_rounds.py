"""Rounds of faults at random moments of jobs: nothing is lost, doubled or torn.

`LOWLOSS_CHAOS_ROUNDS` says how many, `LOWLOSS_CHAOS_SEED` which: `make chaos` runs 200 on each
database, and a fifth of that with real training. The counts are printed.
"""

from __future__ import annotations

import os
import random
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from subprocess import Popen

import psutil
import pytest
from sqlalchemy.exc import OperationalError

from lowloss.errors import StateConflict
from lowloss.results import Job, JobState, TrialState
from service.store.artifacts import get_best_model
from service.store.blobs import load_blob
from service.store.checkpoints import list_checkpoints
from service.store.database import Database, Session, is_busy
from service.store.events import list_events
from service.store.requests import pause_job, resume_job
from service.store.trials import list_curves, list_trials
from tests.builders.pretended_worker import EPOCHS, MODULE, TRIALS, loss_of, saved_state
from tests.builders.processes import child_of, kill, start, wait_for
from tests.builders.store import a_job, an_uploaded_table
from tests.builders.workers import read
from tests.chaos.test_crashes import (
    WORKER,
    a_training_job,
    assert_nothing_lost,
    database,
    finished_trials,
    url,
    wait_for_end,
)
from tests.chaos.test_restarts import suspend
from worker.supervisor.folders import REAP_SECONDS

__all__ = ["database"]
pytestmark = [pytest.mark.slow, pytest.mark.timeout(3600)]

SEED = int(os.environ.get("LOWLOSS_CHAOS_SEED", "0"))
ROUNDS = int(os.environ.get("LOWLOSS_CHAOS_ROUNDS", "10"))
STOPPED = {0, -signal.SIGTERM}
"""Exit codes of a worker that is stopped: one that has just begun does not listen yet."""
REAL_ROUNDS = -(-ROUNDS // 5)
MAX_FAULTS = 2
"""Of a round."""
SETTINGS = {  # of workers that only pretend to train
    "LOWLOSS_LEASE_SECONDS": "1.5",
    "LOWLOSS_RENEW_SECONDS": "0.4",
    "LOWLOSS_POLL_SECONDS": "0.05",
    "LOWLOSS_RETRY_SECONDS": "0.05",
    # Of a busy machine a child that has no turn for a second or two does not hang.
    "LOWLOSS_HANG_SECONDS": "4",
}


@dataclass
class Workers:
    """Workers of a module, each replaced as soon as it is gone."""

    module: str
    settings: Mapping[str, str]
    count: int
    database: Database
    folder: Path
    chosen: random.Random
    running: list[Popen[bytes]] = field(default_factory=list)
    hung: list[psutil.Process] = field(default_factory=list)

    @property
    def temporary(self) -> Path:
        """Where all of them write temporary files."""
        return self.folder / "tmp"

    def replace_ended(self) -> None:
        """Start workers in the places of those that ended."""
        self.running = [worker for worker in self.running if worker.poll() is None]
        while len(self.running) < self.count:
            self.running.append(
                start(
                    self.module,
                    data_dir=self.folder,
                    database_url=url(self.database),
                    TMPDIR=str(self.temporary),
                    **self.settings,
                )
            )

    def end_hung(self) -> None:
        """Kill the children that stand still: nobody else does where their worker was killed."""
        for child in self.hung:
            with suppress(psutil.NoSuchProcess):
                child.kill()

    def stop(self) -> None:
        """Stop all workers, and wait for their ends."""
        for worker in self.running:
            worker.terminate()
        for worker in self.running:
            assert worker.wait(30) in STOPPED

    def of(self, job: Job) -> Popen[bytes]:
        """The worker that has a job, or any."""
        pid = (job.worker or "").rpartition("-")[2]
        by_pid = {str(worker.pid): worker for worker in self.running}
        return by_pid.get(pid) or self.chosen.choice(self.running)


def kill_child(workers: Workers, job: Job) -> None:
    kill(child_of(workers.of(job)))


def kill_worker(workers: Workers, job: Job) -> None:
    kill(workers.of(job))


def kill_both(workers: Workers, job: Job) -> None:
    worker = workers.of(job)
    child = child_of(worker)
    kill(worker)
    with suppress(ProcessLookupError):
        kill(child)


def restart_worker(workers: Workers, job: Job) -> None:
    worker = workers.of(job)
    worker.send_signal(signal.SIGTERM)
    assert worker.wait(30) in STOPPED


def hang_child(workers: Workers, job: Job) -> None:
    """Let a child stand still: its supervisor ends it, if it lives and as soon as it has a job."""
    child = child_of(workers.of(job))
    workers.hung.append(child)
    suspend([child], workers.database)


def stop_past_lease(workers: Workers, job: Job) -> None:
    """Let a worker and its child stand still until their lease has expired, and then go on."""
    worker = workers.of(job)
    still = [psutil.Process(worker.pid), child_of(worker)]
    try:
        suspend(still, workers.database)
        time.sleep(float(SETTINGS["LOWLOSS_LEASE_SECONDS"]) + 0.2)
    finally:
        for process in still:
            with suppress(psutil.NoSuchProcess):
                process.resume()


def change(database: Database, write: Callable[[Session], None]) -> None:
    """Write as a client does that is told to come again while a child hangs with the job's lock."""

    def write_once() -> bool:
        try:
            with database.transaction() as session:
                write(session)
        except OperationalError as error:
            if not is_busy(error):
                raise
            return False
        return True

    wait_for(write_once, what="the job's lock")


def pause_and_resume(workers: Workers, job: Job) -> None:
    def has_paused() -> bool:
        return read(workers.database, job.id).state is not JobState.running

    with suppress(StateConflict):  # it has ended meanwhile
        change(workers.database, partial(pause_job, job_id=job.id))
        wait_for(has_paused, what="a pause")
        change(workers.database, partial(resume_job, job_id=job.id))


FAULTS: tuple[Callable[[Workers, Job], None], ...] = (
    kill_child,
    kill_worker,
    kill_both,
    restart_worker,
    hang_child,
    stop_past_lease,
    pause_and_resume,
)


@contextmanager
def working(
    module: str, count: int, database: Database, folder: Path, **settings: str
) -> Iterator[Workers]:
    """Workers that are gone at the end, whatever happened to them."""
    workers = Workers(module, settings, count, database, folder, random.Random(SEED))
    workers.temporary.mkdir()
    workers.replace_ended()
    try:
        yield workers
    finally:
        workers.end_hung()
        for worker in workers.running:
            if worker.poll() is None:
                kill(worker)


def run_round(workers: Workers, counts: Counter[str]) -> None:
    """One job, and faults in the middle of it."""
    database, chosen = workers.database, workers.chosen
    job_id = a_job(database, max_attempts=20)
    kills = 0
    for _ in range(chosen.randint(1, MAX_FAULTS)):
        wait_for_trial(database, job_id, chosen.randint(1, TRIALS))
        time.sleep(chosen.uniform(0, 0.1))
        fault = chosen.choice(FAULTS)
        if strike(workers, job_id, fault):
            counts[fault.__name__] += 1
        kills += fault in (kill_child, hang_child)
        workers.replace_ended()
    wait_for(lambda: read(database, job_id).state.is_finished, what="the end of a job")
    check(database, job_id, counts, may_be_quarantined=kills >= 2)


def strike(workers: Workers, job_id: str, fault: Callable[[Workers, Job], None]) -> bool:
    """Whether a fault came before its target ended, as a child does that an earlier one hung."""
    try:
        fault(workers, read(workers.database, job_id))
    except (psutil.NoSuchProcess, ProcessLookupError):
        return False
    return True


def wait_for_trial(database: Database, job_id: str, number: int) -> None:
    """Wait until a trial of a job has begun, or the job has ended."""

    def has_begun() -> bool:
        with database.reading() as session:
            trials = list_trials(session, job_id).items
        return len(trials) >= number or read(database, job_id).state.is_finished

    wait_for(has_begun, what=f"trial {number}")


def check(
    database: Database, job_id: str, counts: Counter[str], *, may_be_quarantined: bool
) -> None:
    """Hold all that a job wrote against what it pretended to train."""
    job = read(database, job_id)
    assert job.state is JobState.succeeded, job.errors
    with database.reading() as session:
        trials = list_trials(session, job_id).items
        curves = list_curves(session, job_id)
        events = list_events(session, job_id, after=0, limit=10_000)
        best = get_best_model(session, job_id)
        assert list_checkpoints(session, job_id) == ()
    model = load_blob(database, best.sha256)
    assert [trial.number for trial in trials] == list(range(1, TRIALS + 1))
    for trial in trials:
        if trial.state is TrialState.failed:
            assert may_be_quarantined
            assert "process ended twice" in (trial.reason or "")
            counts["trials in quarantine"] += 1
            continue
        assert trial.score == loss_of(trial.number, EPOCHS)
        expected = tuple(loss_of(trial.number, epoch) for epoch in range(1, EPOCHS + 1))
        assert curves[trial.number].val_loss == expected
    ends = [event.data["trial"] for event in events if event.kind == "trial.finished"]
    assert sorted(ends) == list(range(1, TRIALS + 1))
    assert [event.kind for event in events].count("job.finished") == 1
    assert model == saved_state(TRIALS, EPOCHS)
    counts["attempts"] += job.attempt
    counts["jobs with more than one"] += job.attempt > 1
    counts["attempts that failed"] += sum(error.error is not None for error in job.errors)


def run_real_round(workers: Workers, dataset: str, counts: Counter[str]) -> None:
    """A job that trains, and a kill once it has reported an epoch."""
    database, chosen = workers.database, workers.chosen
    job_id = a_training_job(database, dataset)
    wait_for(lambda: has_epochs(database, job_id), what="an epoch")
    time.sleep(chosen.uniform(0, 2))
    before = finished_trials(database, job_id)
    fault = chosen.choice((kill_child, kill_worker, kill_both))
    if strike(workers, job_id, fault):
        counts[fault.__name__] += 1
    workers.replace_ended()
    job = wait_for_end(database, job_id)
    assert_nothing_lost(database, job, before, attempts=job.attempt)
    counts["attempts"] += job.attempt
    counts["jobs with more than one"] += job.attempt > 1
    counts["trials before"] += len(before)


def has_epochs(database: Database, job_id: str) -> bool:
    with database.reading() as session:
        return any(trial.epochs for trial in list_trials(session, job_id).items)


def wait_for_reaper(workers: Workers) -> None:
    """Start a worker, which deletes what the killed ones left, and stop it.

    What their children still write into at its start is deleted a minute later.
    """
    left = set(os.listdir(workers.temporary))

    def has_reaped() -> bool:
        there = set(os.listdir(workers.temporary))
        return not there & left and bool(there)

    workers.replace_ended()
    wait_for(has_reaped, seconds=3 * REAP_SECONDS, what=f"the reaping of {left}")
    workers.stop()
    assert os.listdir(workers.temporary) == []


def run_rounds(
    workers: Workers,
    count: int,
    run_one: Callable[[Counter[str]], None],
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Run rounds, look for leftovers, and print what was counted."""
    counts: Counter[str] = Counter()
    for number in range(1, count + 1):
        try:
            run_one(counts)
        except Exception as error:
            error.add_note(f"round {number} of seed {SEED}, so far {dict(counts)}")
            raise
    workers.end_hung()
    workers.stop()
    wait_for_reaper(workers)
    # Faults that come too late, or hit a worker without a job, show nothing.
    assert counts["jobs with more than one"] >= count / 4
    kind = workers.database.url.get_backend_name()
    with capsys.disabled():
        sys.stdout.write(f"\n{kind}, {count} rounds, seed {SEED}: {dict(counts)}\n")


def test_nothing_is_lost_doubled_or_torn(
    database: Database, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with working(MODULE, 2, database, tmp_path, **SETTINGS) as workers:
        run_rounds(workers, ROUNDS, partial(run_round, workers), capsys)


def test_nothing_is_lost_or_doubled_as_networks_train(
    database: Database, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    dataset = an_uploaded_table(database, rows=20_000)

    with working(WORKER, 1, database, tmp_path) as workers:
        run_rounds(workers, REAL_ROUNDS, partial(run_real_round, workers, dataset), capsys)
