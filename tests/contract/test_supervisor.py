"""The supervisor against children that do what real ones may do: end, die, hang, ignore it."""

from __future__ import annotations

import json
import sys
import time
from functools import partial
from pathlib import Path
from typing import Any

import psutil
import pytest

from lowloss.errors import NotReady
from lowloss.results import JobState, TrialState
from service.settings import Settings
from service.store.crashes import MAX_IN_A_ROW, list_blamed
from service.store.database import Database
from service.store.queue import Fence, release_job
from service.store.requests import cancel_job, pause_job
from tests.builders.processes import wait_for
from tests.builders.store import a_claim, a_job, a_trial, expire_lease, use_later_schema
from tests.builders.workers import read, wait_for_state, working
from worker.supervisor import folders
from worker.supervisor.limits import GRACE_SECONDS, MIN_FINISH_SECONDS
from worker.supervisor.loop import Supervisor

CHILD = """
import json, os, signal, sys, time
def say(**message):
    print(json.dumps(message), flush=True)
say(ready=True)
for line in sys.stdin:
    message = json.loads(line)
    {act}
"""
END = "'run' in message and say(ended={ended})"


def a_child(act: str) -> tuple[str, ...]:
    return (sys.executable, "-c", CHILD.replace("{act}", act))


def ending(**ended: Any) -> tuple[str, ...]:
    said = {"ending": "succeeded", "reason": None, "error": None} | ended
    return a_child(END.replace("{ended}", repr(said)))


HANG = "'run' in message and time.sleep(3600)"
HOLD_LOCK = """if 'run' in message:
        from service.store.database import Database
        from service.store.queue import Fence, hold_fence
        with Database('{url}').transaction() as session:
            hold_fence(session, Fence(**message['run']))
            time.sleep(3600)"""
GROW = "text = 'run' in message and (b'x' * 2**28, time.sleep(3600))"
COMPUTE = "'run' in message and any(False for _ in range(10**12))"
IGNORE = "'run' in message and [say(alive=True) or time.sleep(0.05) for _ in range(10**6)]"


@pytest.mark.parametrize(
    ("ended", "state", "reason"),
    [
        ({"ending": "succeeded", "reason": "max_trials"}, JobState.succeeded, "max_trials"),
        ({"ending": "cancelled", "reason": "cancelled"}, JobState.cancelled, "cancelled"),
        (
            {"ending": "failed", "reason": "no_trial_completed"},
            JobState.failed,
            "no_trial_completed",
        ),
        ({"ending": "paused"}, JobState.paused, None),
    ],
)
def test_job_is_settled_as_its_child_ended_it(
    sqlite_database: Database, ended: dict[str, str], state: JobState, reason: str | None
) -> None:
    job_id = a_job(sqlite_database)

    with working(sqlite_database, ending(**ended)):
        job = wait_for_state(sqlite_database, job_id, state)

    assert (job.reason, job.failures) == (reason, 0)


@pytest.mark.parametrize(
    ("act", "error"),
    [
        ("os._exit(7)", "exited with code 7"),
        ("os.kill(os.getpid(), signal.SIGSEGV)", "killed by signal 11"),
    ],
)
def test_dead_child_is_replaced_until_the_job_has_failed_too_often(
    sqlite_database: Database, act: str, error: str
) -> None:
    job_id = a_job(sqlite_database, max_attempts=3)

    with working(sqlite_database, a_child(act)):
        job = wait_for_state(sqlite_database, job_id, JobState.failed)

    assert (job.reason, job.attempt, job.failures) == ("crashed", 3, 3)
    assert all(error in (e.error or "") for e in job.errors)


@pytest.mark.parametrize(
    ("act", "blamed"),
    [
        ("os._exit(7)", {1}),
        ("say(ended={'ending': 'crashed', 'reason': None, 'error': 'ValueError'})", set()),
    ],
)
def test_trials_are_blamed_for_the_death_of_their_process_and_not_for_an_error(
    sqlite_database: Database, tmp_path: Path, act: str, blamed: set[int]
) -> None:
    job_id, has_trial = a_job(sqlite_database), tmp_path / "has_trial"
    wait = f"[time.sleep(0.05) for _ in iter(lambda: os.path.exists({str(has_trial)!r}), True)]"

    with working(sqlite_database, a_child(f"{wait} and {act}")):
        wait_for_state(sqlite_database, job_id, JobState.running)
        a_trial(sqlite_database, Fence(job_id, "worker-1", 1), 1, state=TrialState.running)
        has_trial.touch()
        wait_for(partial(has_attempt, sqlite_database, job_id, 2), seconds=20)

    with sqlite_database.reading() as session:
        assert list_blamed(session, job_id) == blamed


def test_silent_child_is_killed_and_its_job_queued_again(sqlite_database: Database) -> None:
    job_id = a_job(sqlite_database, max_attempts=1)

    with working(sqlite_database, a_child(HANG), silence_seconds=0.5):
        job = wait_for_state(sqlite_database, job_id, JobState.failed)

    assert "no sign of life" in (job.errors[0].error or "")


def test_hung_child_is_killed_long_before_one_that_computes(sqlite_database: Database) -> None:
    job_id = a_job(sqlite_database, max_attempts=1)

    with working(sqlite_database, a_child(HANG), hang_seconds=0.5):
        job = wait_for_state(sqlite_database, job_id, JobState.failed)

    assert "used almost no processor time for 0 s" in (job.errors[0].error or "")


@pytest.mark.slow
def test_child_that_hangs_with_its_jobs_lock_is_killed(database: Database) -> None:
    job_id = a_job(database, max_attempts=1)
    act = HOLD_LOCK.replace("{url}", database.url.render_as_string(hide_password=False))

    # Each renewal waits for the lock, so that the child is looked at only in between.
    with working(database, a_child(act), hang_seconds=4.0, renew_seconds=0.1):
        job = wait_for_state(database, job_id, JobState.failed, seconds=60)

    assert "used almost no processor time for 4 s" in (job.errors[0].error or "")


def test_child_that_takes_too_much_memory_is_ended_with_the_reason(
    sqlite_database: Database,
) -> None:
    job_id = a_job(sqlite_database, max_attempts=1)

    with working(sqlite_database, a_child(GROW), job_memory_bytes=2**27):
        job = wait_for_state(sqlite_database, job_id, JobState.failed)

    assert "took more than 134 MB of memory" in (job.errors[0].error or "")


def test_silent_child_that_computes_is_not_taken_for_hung(sqlite_database: Database) -> None:
    job_id = a_job(sqlite_database, max_attempts=1)

    with working(sqlite_database, a_child(COMPUTE), hang_seconds=1.0, silence_seconds=3.0):
        job = wait_for_state(sqlite_database, job_id, JobState.failed)

    assert "gave no sign of life for 3 s" in (job.errors[0].error or "")


def has_attempt(database: Database, job_id: str, attempt: int) -> bool:
    return read(database, job_id).attempt == attempt


class Clock:
    """Seconds that pass only where a test lets them; `reads` counts who looked."""

    def __init__(self) -> None:
        self.now = 0.0
        self.reads = 0

    def __call__(self) -> float:
        self.reads += 1
        return self.now

    def wait_for_reads(self, count: int) -> None:
        """Wait until it was read so many times more."""
        last = self.reads + count
        wait_for(lambda: self.reads >= last, seconds=20, what="a look at the clock")


FINISH = "'finish' in message and say(ended={ended})"
OVERDUE = {"max_seconds": 0.1, "diagnosis_seconds": 0}


def test_overdue_job_is_asked_to_finish_and_is_settled_as_it_does(
    sqlite_database: Database,
) -> None:
    clock, job_id = Clock(), a_job(sqlite_database, budget={"max_seconds": 600})
    ended = {"ending": "succeeded", "reason": "time_limit", "error": None}

    with working(sqlite_database, a_child(FINISH.replace("{ended}", repr(ended))), clock=clock):
        wait_for_state(sqlite_database, job_id, JobState.running)
        # The limits of the job, and when to renew its lease, count from the first looks.
        clock.wait_for_reads(3)
        clock.now = 600.0 + 3 * 30.0 + GRACE_SECONDS
        job = wait_for_state(sqlite_database, job_id, JobState.succeeded)

    assert (job.reason, job.attempt, job.failures) == ("time_limit", 1, 0)


@pytest.mark.parametrize("what", ["the object store", "the database"])
def test_time_in_which_a_child_waits_for_a_store_is_not_counted(
    sqlite_database: Database, what: str
) -> None:
    clock, job_id = Clock(), a_job(sqlite_database, budget={"max_seconds": 600})
    act = f"say(waits_for={what!r}) if 'run' in message else os._exit(1)"

    with working(sqlite_database, a_child(act), clock=clock) as worker:
        wait_for(lambda: worker.activity.waits_for == what, seconds=20)
        clock.wait_for_reads(2)
        clock.now = 10_000.0
        clock.wait_for_reads(3)
        job = read(sqlite_database, job_id)

    assert (job.state, job.attempt) == (JobState.running, 1)


def test_job_that_does_not_finish_is_tried_once_more_and_then_fails(
    sqlite_database: Database,
) -> None:
    clock, job_id = Clock(), a_job(sqlite_database, max_attempts=5, budget=OVERDUE)

    with working(sqlite_database, a_child(IGNORE), clock=clock, renew_seconds=0.2):
        for attempt in (1, 2):
            wait_for(partial(has_attempt, sqlite_database, job_id, attempt), seconds=20)
            clock.now += 0.3
            wait_for(lambda: read(sqlite_database, job_id).progress.seconds > 0.1, seconds=20)
            clock.now += GRACE_SECONDS + MIN_FINISH_SECONDS + 1.0
        job = wait_for_state(sqlite_database, job_id, JobState.failed)

    assert (job.reason, job.attempt, job.failures) == ("out_of_time", 2, 1)
    assert all("did not finish with what it had in 900 s" in (e.error or "") for e in job.errors)
    assert [error.outcome for error in job.errors] == ["out_of_time", "failed"]


def test_job_whose_worker_has_a_full_disk_waits_without_a_failure(
    sqlite_database: Database,
) -> None:
    job_id = a_job(sqlite_database, max_attempts=1)
    full = ending(ending="disk_full", error="no room for temporary files")

    with working(sqlite_database, full, full_disk_seconds=0.5):
        wait_for(partial(has_attempt, sqlite_database, job_id, 1), seconds=20)
        waiting = wait_for_state(sqlite_database, job_id, JobState.queued)
        wait_for(partial(has_attempt, sqlite_database, job_id, 2), seconds=20)

    first, *_ = waiting.errors
    assert (first.outcome, first.error) == ("disk_full", "no room for temporary files")
    assert first.ended_at is not None
    second = read(sqlite_database, job_id).errors[1]
    assert (second.started_at - first.ended_at).total_seconds() >= 0.5
    assert read(sqlite_database, job_id).failures == 0


def test_job_that_never_has_room_fails_and_says_what_to_do(sqlite_database: Database) -> None:
    job_id = a_job(sqlite_database)
    full = ending(ending="disk_full", error="no room for temporary files")

    with working(sqlite_database, full, full_disk_seconds=0.001):
        job = wait_for_state(sqlite_database, job_id, JobState.failed)

    assert (job.reason, job.attempt, job.failures) == ("disk_full", MAX_IN_A_ROW, 0)
    last = job.errors[-1].error or ""
    assert "no room for temporary files; this happened 8 times in a row: give" in last
    assert "TMPDIR" in last


def test_worker_without_room_for_temporary_files_claims_nothing_until_there_is_some(
    sqlite_database: Database, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    job_id = a_job(sqlite_database)
    monkeypatch.setattr(folders, "MIN_FREE_BYTES", 2**60)

    with working(sqlite_database, ending()):
        wait_for(lambda: "the disk of" in caplog.text, seconds=20)
        time.sleep(0.3)
        before = read(sqlite_database, job_id)
        monkeypatch.setattr(folders, "MIN_FREE_BYTES", 0)
        wait_for_state(sqlite_database, job_id, JobState.succeeded)

    assert (before.state, before.attempt) == (JobState.queued, 0)
    assert caplog.text.count("no job is claimed") == 1


def test_attempt_at_an_overdue_job_is_to_finish_at_once(sqlite_database: Database) -> None:
    clock, job_id = Clock(), a_job(sqlite_database, budget=OVERDUE)
    fence = a_claim(sqlite_database).fence
    wait_for(lambda: read(sqlite_database, job_id).progress.seconds > 0.1, seconds=20)
    with sqlite_database.transaction() as session:
        release_job(session, fence)
    ended = {"ending": "succeeded", "reason": "time_limit", "error": None}

    with working(sqlite_database, a_child(FINISH.replace("{ended}", repr(ended))), clock=clock):
        job = wait_for_state(sqlite_database, job_id, JobState.succeeded)

    assert job.attempt == 2


def test_lease_is_renewed_while_the_child_works(sqlite_database: Database) -> None:
    job_id = a_job(sqlite_database)

    with working(sqlite_database, a_child(IGNORE), lease_seconds=1.0, renew_seconds=0.2):
        wait_for(lambda: read(sqlite_database, job_id).progress.seconds > 2.0, seconds=20)
        job = read(sqlite_database, job_id)

    assert (job.state, job.attempt) == (JobState.running, 1)


def test_stopped_supervisor_hands_back_the_job_of_a_child_that_ignores_it(
    sqlite_database: Database,
) -> None:
    job_id = a_job(sqlite_database)
    before = psutil.Process().children()

    with working(sqlite_database, a_child(IGNORE)) as supervisor:
        wait_for_state(sqlite_database, job_id, JobState.running)
        supervisor.stop()

    job = read(sqlite_database, job_id)
    assert (job.state, job.failures) == (JobState.queued, 0)
    assert psutil.Process().children() == before


def test_worker_claims_nothing_once_another_version_has_changed_the_schema(
    sqlite_database: Database,
) -> None:
    job_id = a_job(sqlite_database)
    use_later_schema(sqlite_database)
    supervisor = Supervisor(sqlite_database, Settings(), "old", command=ending())

    with pytest.raises(NotReady, match="install that version here"):
        supervisor.work()

    assert read(sqlite_database, job_id).state is JobState.queued


def test_lost_lease_ends_the_child_and_changes_nothing(sqlite_database: Database) -> None:
    job_id = a_job(sqlite_database)
    before = psutil.Process().children()

    with working(sqlite_database, a_child(IGNORE), renew_seconds=0.2):
        wait_for_state(sqlite_database, job_id, JobState.running)
        expire_lease(sqlite_database, job_id)
        stolen = a_claim(sqlite_database, "worker-2").fence
        wait_for(lambda: len(psutil.Process().children()) == len(before) + 1, seconds=20)

    job = read(sqlite_database, job_id)
    assert (job.state, job.attempt) == (JobState.running, stolen.attempt)


def test_child_is_replaced_after_its_share_of_jobs(sqlite_database: Database) -> None:
    jobs = [a_job(sqlite_database) for _ in range(3)]
    said = {"ending": "failed", "error": None}
    act = f"'run' in message and say(ended={json.dumps(said)[:-1]}, 'reason': str(os.getpid())}})"
    act = act.replace("null", "None")

    with working(sqlite_database, a_child(act), child_jobs=2):
        pids = [wait_for_state(sqlite_database, job, JobState.failed).reason for job in jobs]

    assert pids[0] == pids[1] != pids[2]


@pytest.mark.parametrize("ask", [cancel_job, pause_job])
def test_request_survives_a_crash_of_the_child(sqlite_database: Database, ask: Any) -> None:
    job_id = a_job(sqlite_database)
    fence = a_claim(sqlite_database).fence
    with sqlite_database.transaction() as session:
        ask(session, job_id)
    expire_lease(sqlite_database, job_id)

    with working(sqlite_database, ending(ending="cancelled" if ask is cancel_job else "paused")):
        state = JobState.cancelled if ask is cancel_job else JobState.paused
        job = wait_for_state(sqlite_database, job_id, state)

    assert job.attempt == fence.attempt + 1
