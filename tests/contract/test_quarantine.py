"""Which trials ended their worker's process, and what that costs the job."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from lowloss.results import JobState, Trial, TrialState
from service.store.checkpoints import SavedCheckpoint, list_checkpoints, save_checkpoint
from service.store.crashes import list_blamed
from service.store.database import Database
from service.store.events import list_events
from service.store.jobs import record_outcome
from service.store.queue import Fence, claim_job, release_job, retry_job
from service.store.schema import JobRow
from service.store.trials import list_trials
from tests.builders.store import LEASE_SECONDS, a_blob, a_claim, a_job, a_trial, expire_lease
from tests.builders.workers import read

KILLED = "the worker's child was killed by signal 9 (out of memory?)"


def crash(database: Database, fence: Fence, *, is_process_dead: bool = True) -> None:
    with database.transaction() as session:
        retry_job(
            session,
            fence,
            error=f"Traceback:\n{KILLED}",
            retry_seconds=0,
            is_process_dead=is_process_dead,
        )


def crash_while_training(database: Database, *numbers: int) -> None:
    """An attempt whose process dies while it trains some trials."""
    fence = a_claim(database).fence
    for number in numbers:
        a_trial(database, fence, number, state=TrialState.running)
    crash(database, fence)


def trials(database: Database, job_id: str) -> dict[int, Trial]:
    with database.reading() as session:
        return {trial.number: trial for trial in list_trials(session, job_id).items}


def blamed(database: Database, job_id: str) -> set[int]:
    with database.reading() as session:
        return set(list_blamed(session, job_id))


def test_trials_that_trained_as_the_process_died_are_blamed(database: Database) -> None:
    job_id = a_job(database)
    fence = a_claim(database).fence
    a_trial(database, fence, 1)
    for number in (2, 3):
        a_trial(database, fence, number, state=TrialState.running)

    crash(database, fence)

    assert blamed(database, job_id) == {2, 3}
    states = [trial.state for trial in trials(database, job_id).values()]
    assert states == [TrialState.completed, TrialState.running, TrialState.running]


def test_trial_that_trained_in_two_processes_that_died_has_failed(database: Database) -> None:
    job_id = a_job(database)
    crash_while_training(database, 1, 2)
    fence = a_claim(database).fence
    a_trial(database, fence, 1, state=TrialState.running)
    saved = SavedCheckpoint(1, 0, 1, a_blob(database, b"weights"), 7)
    with database.transaction() as session:
        save_checkpoint(session, fence, saved)

    crash(database, fence)

    guilty, other = trials(database, job_id).values()
    assert (guilty.state, other.state) == (TrialState.failed, TrialState.running)
    assert guilty.reason == f"its worker's process ended twice while it trained: {KILLED}"
    assert guilty.finished_at is not None
    assert blamed(database, job_id) == {2}
    with database.reading() as session:
        assert list_checkpoints(session, job_id) == ()
        events = list_events(session, job_id, after=0, limit=100)
    ends = [event.data for event in events if event.kind == "trial.finished"]
    assert ends == [{"trial": 1, "state": "failed", "reason": guilty.reason, "score": None}]


def test_trial_that_did_not_train_as_the_process_died_is_not_blamed(database: Database) -> None:
    job_id = a_job(database)
    crash_while_training(database, 1, 2)

    crash_while_training(database, 1)
    crash_while_training(database)

    assert blamed(database, job_id) == {2}


def test_quarantine_gives_the_job_a_new_allowance_of_failures(database: Database) -> None:
    job_id = a_job(database, max_attempts=2)

    crash_while_training(database, 1, 2, 3)
    for number in (1, 2, 3):
        crash_while_training(database, number)

    job = read(database, job_id)
    assert (job.state, job.failures) == (JobState.queued, 1)
    assert [trial.state for trial in trials(database, job_id).values()] == [TrialState.failed] * 3


def test_failures_are_counted_since_a_trial_ended_last(database: Database) -> None:
    job_id = a_job(database, max_attempts=3)
    for number in (1, 2, 3, 4):
        fence = a_claim(database).fence
        a_trial(database, fence, number)
        crash(database, fence)
    assert read(database, job_id).failures == 1

    for failures in (2, 3):
        crash(database, a_claim(database).fence)
        assert read(database, job_id).failures == failures

    assert read(database, job_id).state is JobState.failed


def test_failures_with_expired_leases_are_counted_in_the_same_way(database: Database) -> None:
    job_id = a_job(database, max_attempts=2)
    for number in (1, 2, 3):
        fence = a_claim(database).fence
        a_trial(database, fence, number)
        expire_lease(database, job_id)
    a_claim(database)
    assert read(database, job_id).failures == 1
    expire_lease(database, job_id)

    with database.transaction() as session:
        assert claim_job(session, "worker-2", lease_seconds=LEASE_SECONDS) is None

    job = read(database, job_id)
    assert (job.state, job.reason, job.failures) == (JobState.failed, "lease_expired", 2)
    with database.reading() as session:
        row = session.scalars(select(JobRow)).one()
        assert (row.lease_owner, row.lease_expires_at, row.claimed_at) == (None, None, None)


@pytest.mark.parametrize("end", ["an error", "an expired lease", "a clean stop"])
def test_what_says_nothing_of_the_trials_blames_none(database: Database, end: str) -> None:
    job_id = a_job(database)
    for _ in range(2):
        fence = a_claim(database).fence
        a_trial(database, fence, 1, state=TrialState.running)
        match end:
            case "an error":
                crash(database, fence, is_process_dead=False)
            case "an expired lease":
                expire_lease(database, job_id)
            case _:
                with database.transaction() as session:
                    release_job(session, fence)

    assert blamed(database, job_id) == set()
    assert trials(database, job_id)[1].state is TrialState.running


def end_in_phase(database: Database, phase: str, how: str = "a crash") -> bool:
    """An attempt that ends in some phase; return whether it was to finish at once."""
    claim = a_claim(database)
    with database.transaction() as session:
        record_outcome(session, claim.fence, phase="search")
        record_outcome(session, claim.fence, phase=phase)
    match how:
        case "an expired lease":
            expire_lease(database, claim.fence.job_id)
        case "a clean stop":
            with database.transaction() as session:
                release_job(session, claim.fence)
        case _:
            crash(database, claim.fence)
    return claim.must_finish


@pytest.fixture
def job_with_model(database: Database) -> str:
    """A queued job of three attempts at most; one of its trials has completed."""
    job_id = a_job(database, max_attempts=3)
    fence = a_claim(database).fence
    a_trial(database, fence, 1, score=0.5)
    with database.transaction() as session:
        release_job(session, fence)
    return job_id


def test_job_that_dies_after_its_search_twice_is_to_finish(
    database: Database, job_with_model: str
) -> None:
    with database.transaction() as session:
        session.get_one(JobRow, job_with_model).max_attempts = 10

    attempts = [end_in_phase(database, phase) for phase in ("confirm", "diagnosis")]

    assert attempts == [False, False]
    assert a_claim(database).must_finish
    phases = [error.phase for error in read(database, job_with_model).errors]
    assert phases == [None, "confirm", "diagnosis", None]


@pytest.mark.parametrize("how", ["a crash", "an expired lease"])
@pytest.mark.parametrize("first", ["search", "confirm"])
def test_last_attempt_of_a_job_that_died_after_its_search_is_to_finish(
    database: Database, job_with_model: str, how: str, first: str
) -> None:
    attempts = [end_in_phase(database, phase, how) for phase in (first, "export")]

    assert attempts == [False, False]
    assert read(database, job_with_model).failures == 2 - (how == "an expired lease")
    assert a_claim(database).must_finish


def test_leases_that_expire_are_no_fault_of_what_follows_the_search(
    database: Database, job_with_model: str
) -> None:
    with database.transaction() as session:
        session.get_one(JobRow, job_with_model).max_attempts = 10

    for _ in range(3):
        assert not end_in_phase(database, "confirm", "an expired lease")


@pytest.mark.parametrize(("phase", "how"), [("search", "a crash"), ("confirm", "a clean stop")])
def test_job_that_ended_otherwise_goes_on_as_before(
    database: Database, phase: str, how: str
) -> None:
    a_job(database, max_attempts=5)
    fence = a_claim(database).fence
    a_trial(database, fence, 1, score=0.5)
    with database.transaction() as session:
        release_job(session, fence)

    for _ in range(2):
        end_in_phase(database, phase, how)

    assert not a_claim(database).must_finish


def test_job_without_a_model_is_not_told_to_finish(database: Database) -> None:
    a_job(database, max_attempts=5)
    for _ in range(3):
        end_in_phase(database, "confirm")

    assert not a_claim(database).must_finish
