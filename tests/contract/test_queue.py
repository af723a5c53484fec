"""The queue's contract: the same on every database."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import select, update
from sqlalchemy.exc import IntegrityError

from lowloss.errors import LeaseLost
from lowloss.results import Job, JobState, Requested, TrialState
from service.store.database import Database, Session, utc_now
from service.store.events import list_events
from service.store.jobs import get_job
from service.store.queue import (
    Fence,
    claim_job,
    end_dead_worker,
    finish_job,
    pause_running_job,
    release_job,
    renew_lease,
    retry_job,
)
from service.store.requests import cancel_job
from service.store.schema import AttemptOutcome, AttemptRow, JobRow
from service.store.trials import list_trials
from tests.builders.store import LEASE_SECONDS, a_claim, a_job, a_trial, expire_lease

FINISHED = [state for state in JobState if state.is_finished]


def read(database: Database, job_id: str) -> Job:
    with database.reading() as session:
        return get_job(session, job_id)


def event_kinds(database: Database, job_id: str) -> list[str]:
    with database.reading() as session:
        return [event.kind for event in list_events(session, job_id, after=0, limit=100)]


def test_claimed_job_is_running_with_its_first_attempt(database: Database) -> None:
    job_id = a_job(database)

    claim = a_claim(database, "worker-7")

    assert claim.fence == Fence(job_id, "worker-7", 1)
    assert claim.spec.target == "y"
    job = read(database, job_id)
    assert job.state is JobState.running
    assert job.started_at is not None
    assert event_kinds(database, job_id) == ["job.queued", "job.started"]


def test_empty_queue_gives_no_claim(database: Database) -> None:
    with database.transaction() as session:
        assert claim_job(session, "worker-1", lease_seconds=30) is None


def test_claims_go_by_priority_then_by_age(database: Database) -> None:
    old, young, urgent = a_job(database), a_job(database), a_job(database, priority=5)

    claimed = [a_claim(database).fence.job_id for _ in range(3)]

    assert claimed == [urgent, old, young]


def test_each_job_is_claimed_once_by_many_workers_at_once(database: Database) -> None:
    jobs = {a_job(database) for _ in range(12)}
    start = threading.Barrier(4)

    def work(name: str) -> list[str]:
        start.wait()
        mine: list[str] = []
        while True:
            with database.transaction() as session:
                claim = claim_job(session, name, lease_seconds=LEASE_SECONDS)
            if claim is None:
                return mine
            mine.append(claim.fence.job_id)
            with database.transaction() as session:
                finish_job(session, claim.fence, state=JobState.succeeded)

    with ThreadPoolExecutor(4) as pool:
        claimed = [job for mine in pool.map(work, "abcd") for job in mine]

    assert sorted(claimed) == sorted(jobs)


def test_lease_in_force_is_not_claimed(database: Database) -> None:
    a_job(database)
    a_claim(database)

    with database.transaction() as session:
        assert claim_job(session, "worker-2", lease_seconds=30) is None


def test_expired_lease_is_claimed_by_another_worker(database: Database) -> None:
    job_id = a_job(database)
    first = a_claim(database, "worker-1")
    expire_lease(database, job_id)

    second = a_claim(database, "worker-2")

    assert second.fence == Fence(job_id, "worker-2", 2)
    job = read(database, job_id)
    assert (job.state, job.attempt, job.failures) == (JobState.running, 2, 1)
    assert [(e.attempt, e.worker, e.outcome) for e in job.errors] == [
        (1, first.fence.owner, "lease_expired"),
        (2, "worker-2", None),
    ]
    kinds = event_kinds(database, job_id)
    assert kinds == ["job.queued", "job.started", "job.retried", "job.started"]


def test_worker_that_lost_its_lease_changes_nothing(database: Database) -> None:
    job_id = a_job(database)
    lost = a_claim(database, "worker-1").fence
    expire_lease(database, job_id)
    a_claim(database, "worker-1")
    before = read(database, job_id)
    writes: list[Callable[[Session], object]] = [
        lambda s: renew_lease(s, lost, lease_seconds=30),
        lambda s: finish_job(s, lost, state=JobState.succeeded),
        lambda s: pause_running_job(s, lost),
        lambda s: release_job(s, lost),
        lambda s: retry_job(s, lost, error="", retry_seconds=1),
    ]

    for write in writes:
        with pytest.raises(LeaseLost), database.transaction() as session:
            write(session)
    with pytest.raises(LeaseLost):
        a_trial(database, lost, 1)

    after = read(database, job_id)
    assert after.model_dump(exclude={"progress"}) == before.model_dump(exclude={"progress"})


def test_renewal_lengthens_the_lease_and_tells_what_is_requested(database: Database) -> None:
    job_id = a_job(database)
    fence = a_claim(database).fence
    with database.transaction() as session:
        session.execute(update(JobRow).values(lease_expires_at=utc_now(1)))
        cancel_job(session, job_id)

    with database.transaction() as session:
        requested = renew_lease(session, fence, lease_seconds=300)

    assert requested is Requested.cancel
    with database.reading() as session:
        left = session.scalar(select(JobRow.lease_expires_at > utc_now(200)))
    assert left


def test_running_time_is_counted_over_attempts(database: Database) -> None:
    job_id = a_job(database)
    fence = a_claim(database).fence
    with database.transaction() as session:
        session.execute(update(JobRow).values(claimed_at=utc_now(-100)))

    with database.transaction() as session:
        release_job(session, fence)

    assert 100 <= a_claim(database).seconds < 130
    assert read(database, job_id).progress.seconds >= 100


@pytest.mark.parametrize("state", FINISHED)
def test_finished_job_has_a_time_and_is_never_claimed(database: Database, state: JobState) -> None:
    job_id = a_job(database, state=state)

    with database.transaction() as session:
        assert claim_job(session, "worker-2", lease_seconds=30) is None
    job = read(database, job_id)
    assert job.state is state
    assert job.finished_at is not None
    assert event_kinds(database, job_id)[-1] == "job.finished"


def test_finishing_leaves_no_trial_running(database: Database) -> None:
    job_id = a_job(database)
    fence = a_claim(database).fence
    a_trial(database, fence, 1)
    a_trial(database, fence, 2, state=TrialState.running)

    with database.transaction() as session:
        finish_job(session, fence, state=JobState.cancelled)

    with database.reading() as session:
        states = [trial.state for trial in list_trials(session, job_id).items]
    assert states == [TrialState.completed, TrialState.failed]


def test_released_job_is_claimed_again_at_once_without_a_failure(database: Database) -> None:
    job_id = a_job(database)
    fence = a_claim(database).fence

    with database.transaction() as session:
        release_job(session, fence)

    assert a_claim(database, "worker-2").fence == Fence(job_id, "worker-2", 2)
    assert read(database, job_id).failures == 0


def test_crashed_job_waits_twice_as_long_after_each_failure(database: Database) -> None:
    job_id = a_job(database, max_attempts=3)
    waits = []

    for _ in range(2):
        fence = a_claim(database).fence
        with database.transaction() as session:
            retry_job(session, fence, error="Traceback: boom", retry_seconds=1000)
        with database.transaction() as session:
            assert claim_job(session, "worker-2", lease_seconds=30) is None
            for wait in (900, 1900, 3900):
                within = session.scalar(select(JobRow.available_at < utc_now(wait + 200)))
                if within:
                    waits.append(wait + 100)
                    break
            session.execute(update(JobRow).values(available_at=utc_now(-1)))

    assert waits == [1000, 2000]
    job = read(database, job_id)
    assert [error.error for error in job.errors] == ["Traceback: boom"] * 2


def test_job_fails_after_its_last_crash(database: Database) -> None:
    job_id = a_job(database, max_attempts=1)
    fence = a_claim(database).fence

    with database.transaction() as session:
        retry_job(session, fence, error="boom", retry_seconds=0)

    job = read(database, job_id)
    assert (job.state, job.reason, job.failures) == (JobState.failed, "crashed", 1)


def test_job_fails_after_its_last_lease_expired_and_the_next_is_claimed(
    database: Database,
) -> None:
    doomed = a_job(database, max_attempts=1)
    a_claim(database)
    expire_lease(database, doomed)
    following = a_job(database)

    claim = a_claim(database)

    assert claim.fence.job_id == following
    job = read(database, doomed)
    assert (job.state, job.reason, job.failures) == (JobState.failed, "lease_expired", 1)
    assert job.errors[0].outcome == "lease_expired"
    assert event_kinds(database, doomed)[-2:] == ["job.retried", "job.finished"]


def test_job_that_is_to_be_cancelled_is_no_failure_once_its_last_lease_expires(
    database: Database,
) -> None:
    job_id = a_job(database, max_attempts=1)
    a_claim(database)
    with database.transaction() as session:
        cancel_job(session, job_id)
    expire_lease(database, job_id)

    with database.transaction() as session:
        assert claim_job(session, "next", lease_seconds=LEASE_SECONDS) is None

    job = read(database, job_id)
    assert (job.state, job.errors[0].outcome) == (JobState.cancelled, "lease_expired")


@pytest.mark.parametrize(
    "broken",
    [
        {"state": "lost"},
        {"state": "running"},
        {"state": "succeeded"},
        {"requested": "pause"},
        {"requested": "explode"},
        {"lease_owner": "worker-1"},
        {"failures": 99},
        {"dataset_id": None},
    ],
    ids=str,
)
def test_the_database_refuses_a_state_that_cannot_be(
    database: Database, broken: dict[str, object]
) -> None:
    a_job(database)

    with pytest.raises(IntegrityError), database.transaction() as session:
        session.execute(update(JobRow).values(**broken))


def test_job_fails_after_its_last_attempt_with_the_reason_of_that(database: Database) -> None:
    job_id = a_job(database, max_attempts=1)
    fence = a_claim(database).fence

    with database.transaction() as session:
        retry_job(session, fence, error="late", retry_seconds=0, outcome=AttemptOutcome.out_of_time)

    assert read(database, job_id).reason == "out_of_time"


def test_every_attempt_is_recorded_with_its_end(database: Database) -> None:
    job_id = a_job(database, max_attempts=5)
    ends: list[Callable[[Session, Fence], None]] = [
        lambda s, f: retry_job(s, f, error="boom", retry_seconds=0),
        release_job,
        lambda s, f: finish_job(s, f, state=JobState.succeeded),
    ]

    for end in ends:
        fence = a_claim(database).fence
        with database.transaction() as session:
            end(session, fence)

    with database.reading() as session:
        attempts = session.scalars(
            select(AttemptRow).where(AttemptRow.job_id == job_id).order_by(AttemptRow.number)
        ).all()
    assert [(a.number, a.outcome, a.error) for a in attempts] == [
        (1, "crashed", "boom"),
        (2, "stopped", None),
        (3, "succeeded", None),
    ]
    assert all(a.ended_at for a in attempts)


def test_jobs_of_a_dead_worker_are_claimed_at_once(database: Database) -> None:
    job_id, other = a_job(database), a_job(database)
    a_claim(database, "dead")
    a_claim(database, "alive")

    with database.transaction() as session:
        end_dead_worker(session, "dead")

    assert a_claim(database, "new").fence == Fence(job_id, "new", 2)
    job = read(database, job_id)
    assert (job.errors[0].outcome, job.failures) == ("worker_died", 1)
    assert job.errors[0].error == "the worker's process ended"
    assert read(database, other).attempt == 1
    with database.transaction() as session:
        assert claim_job(session, "new", lease_seconds=30) is None


def test_job_whose_workers_died_too_often_has_failed(database: Database) -> None:
    job_id = a_job(database, max_attempts=1)
    a_claim(database, "dead")

    with database.transaction() as session:
        end_dead_worker(session, "dead")

    job = read(database, job_id)
    assert (job.state, job.reason, job.failures) == (JobState.failed, "worker_died", 1)
