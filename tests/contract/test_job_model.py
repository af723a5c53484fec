"""Whatever users and workers do with jobs, in any order, the store does what a small model says."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    invariant,
    multiple,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy import update

from lowloss.errors import JobNotFound, LeaseLost, StateConflict
from lowloss.results import JobState, Requested
from service.store.database import Database, Session, utc_now
from service.store.deletions import delete_job
from service.store.jobs import get_job
from service.store.queue import (
    Fence,
    cancel_job,
    claim_job,
    finish_job,
    pause_job,
    pause_running_job,
    release_job,
    renew_lease,
    resume_job,
    retry_job,
    set_priority,
)
from service.store.schema import JobRow
from tests.builders.store import LEASE_SECONDS, a_job, a_trial, expire_lease
from tests.conftest import NewUrl

MAX_ATTEMPTS = 3
LONG_WAIT = 3600.0
FINISHED = [state for state in JobState if state.is_finished]
OPEN = (JobState.queued, JobState.paused)


@dataclass
class ModelJob:
    """What is expected of a job."""

    created_at: datetime
    priority: int
    state: JobState = JobState.queued
    requested: Requested = Requested.none
    attempt: int = 0
    failures: int = 0
    trials: int = 0
    fence: Fence | None = None
    is_expired: bool = False
    is_available: bool = True

    def leave_worker(self, state: JobState) -> None:
        """End a worker's attempt."""
        self.state, self.requested, self.fence = state, Requested.none, None
        self.is_expired = False

    def go_back(self) -> None:
        """Go back to the queue, where what users asked for does not end the job."""
        requested = self.requested
        if requested is Requested.cancel and not self.trials:
            self.leave_worker(JobState.cancelled)
        elif requested is Requested.pause:
            self.leave_worker(JobState.paused)
        else:
            self.leave_worker(JobState.queued)
            if requested is Requested.cancel:
                self.requested = requested

    @property
    def can_be_claimed(self) -> bool:
        """Whether a worker may have it."""
        is_waiting = self.state is JobState.queued and self.is_available
        return is_waiting or (self.state is JobState.running and self.is_expired)


class JobMachine(RuleBasedStateMachine):
    """Users and workers, on the store and on the model at once."""

    jobs = Bundle("jobs")
    fences = Bundle("fences")

    def __init__(self, database: Database) -> None:
        super().__init__()
        self.database = database
        self.model: dict[str, ModelJob] = {}

    @rule(target=jobs, priority=st.integers(-1, 1))
    def submit(self, priority: int) -> str:
        job_id = a_job(self.database, max_attempts=MAX_ATTEMPTS, priority=priority)
        with self.database.reading() as session:
            created_at = get_job(session, job_id).created_at
        self.model[job_id] = ModelJob(created_at, priority)
        return job_id

    @rule(target=fences, worker=st.sampled_from(["ann", "bob"]))
    def claim(self, worker: str) -> object:
        with self.database.transaction() as session:
            claim = claim_job(session, worker, lease_seconds=LEASE_SECONDS)

        expected = self._claim_in_model(worker)
        assert (claim and claim.fence) == expected
        return multiple() if expected is None else expected

    @rule(fence=fences)
    def renew(self, fence: Fence) -> None:
        job = self._work(fence, lambda s: renew_lease(s, fence, lease_seconds=LEASE_SECONDS))
        if job is not None:
            job.is_expired = False

    @rule(fence=fences)
    def finish_a_trial(self, fence: Fence) -> None:
        job = self._held_job(fence)
        if job is None:
            with pytest.raises(LeaseLost):
                a_trial(self.database, fence, 1)
            return
        job.trials += 1
        a_trial(self.database, fence, job.trials)

    @rule(fence=consumes(fences), state=st.sampled_from(FINISHED))
    def finish(self, fence: Fence, state: JobState) -> None:
        reason = "because" if state is JobState.failed else None
        job = self._work(fence, lambda s: finish_job(s, fence, state=state, reason=reason))
        if job is not None:
            job.leave_worker(state)

    @rule(fence=fences)
    def pause_as_worker(self, fence: Fence) -> None:
        job = self._work(fence, lambda s: pause_running_job(s, fence))
        if job is not None:
            job.leave_worker(JobState.paused)

    @rule(fence=fences)
    def release(self, fence: Fence) -> None:
        job = self._work(fence, lambda s: release_job(s, fence))
        if job is not None:
            job.go_back()

    @rule(fence=fences, wait_seconds=st.sampled_from([0.0, LONG_WAIT]))
    def retry(self, fence: Fence, wait_seconds: float) -> None:
        job = self._work(
            fence, lambda s: retry_job(s, fence, error="boom", retry_seconds=wait_seconds)
        )
        if job is None:
            return
        job.failures += 1
        is_cancelled = job.requested is Requested.cancel and not job.trials
        if job.failures >= MAX_ATTEMPTS and not is_cancelled:
            job.leave_worker(JobState.failed)
            return
        job.go_back()
        job.is_available = wait_seconds == 0.0

    @rule(job_id=jobs)
    def expire(self, job_id: str) -> None:
        job = self.model.get(job_id)
        if job is not None and job.state is JobState.running:
            expire_lease(self.database, job_id)
            job.is_expired = True

    @rule(job_id=jobs)
    def wait_for_the_retry(self, job_id: str) -> None:
        with self.database.transaction() as session:
            query = update(JobRow).where(JobRow.id == job_id)
            session.execute(query.values(available_at=utc_now(-1)))
        if job_id in self.model:
            self.model[job_id].is_available = True

    @rule(job_id=jobs)
    def cancel(self, job_id: str) -> None:
        job = self._ask(job_id, cancel_job, unless=(JobState.succeeded, JobState.failed))
        if job is None:
            return
        if job.state is JobState.running:
            job.requested = Requested.cancel
        elif job.state in OPEN and job.trials:
            job.state, job.requested = JobState.queued, Requested.cancel
            job.is_available = True
        elif job.state in OPEN:
            job.leave_worker(JobState.cancelled)

    @rule(job_id=jobs)
    def pause(self, job_id: str) -> None:
        is_cancelled = self._requested(job_id) is Requested.cancel
        unless = tuple(JobState) if is_cancelled else tuple(FINISHED)
        job = self._ask(job_id, pause_job, unless=unless)
        if job is not None and job.state is JobState.running:
            job.requested = Requested.pause
        elif job is not None:
            job.state = JobState.paused

    @rule(job_id=jobs)
    def resume(self, job_id: str) -> None:
        job = self._ask(job_id, resume_job, unless=tuple(FINISHED))
        if job is not None and job.state is JobState.paused:
            job.state, job.is_available = JobState.queued, True
        elif job is not None and job.requested is Requested.pause:
            job.requested = Requested.none

    @rule(job_id=jobs, priority=st.integers(-1, 1))
    def change_priority(self, job_id: str, priority: int) -> None:
        unless = (JobState.running, *FINISHED)
        job = self._ask(job_id, lambda s, i: set_priority(s, i, priority), unless=unless)
        if job is not None:
            job.priority = priority

    @rule(job_id=jobs)
    def delete(self, job_id: str) -> None:
        unless = tuple(state for state in JobState if not state.is_finished)
        if self._ask(job_id, delete_job, unless=unless) is not None:
            del self.model[job_id]

    @invariant()
    def jobs_are_as_the_model_says(self) -> None:
        for job_id, expected in self.model.items():
            with self.database.reading() as session:
                job = get_job(session, job_id)
            assert job.state is expected.state
            assert job.requested is expected.requested
            assert (job.attempt, job.failures) == (expected.attempt, expected.failures)
            assert job.progress.trials_done == expected.trials
            assert job.spec.priority == expected.priority

    def teardown(self) -> None:
        self.database.close()

    def _claim_in_model(self, worker: str) -> Fence | None:
        while candidates := [i for i, job in self.model.items() if job.can_be_claimed]:
            job_id = min(candidates, key=self._claim_order)
            job = self.model[job_id]
            job.attempt += 1
            job.failures += job.is_expired
            if job.is_expired and job.failures >= MAX_ATTEMPTS:
                job.leave_worker(JobState.failed)
                continue
            job.state, job.is_expired = JobState.running, False
            job.fence = Fence(job_id, worker, job.attempt)
            return job.fence
        return None

    def _claim_order(self, job_id: str) -> tuple[int, datetime, str]:
        job = self.model[job_id]
        return -job.priority, job.created_at, job_id

    def _held_job(self, fence: Fence) -> ModelJob | None:
        job = self.model.get(fence.job_id)
        return job if job is not None and job.fence == fence else None

    def _work(self, fence: Fence, write: Callable[[Session], object]) -> ModelJob | None:
        """Write as a worker; return the job of the model if the worker still holds it."""
        job = self._held_job(fence)
        if job is None:
            with pytest.raises(LeaseLost), self.database.transaction() as session:
                write(session)
            return None
        with self.database.transaction() as session:
            write(session)
        return job

    def _requested(self, job_id: str) -> Requested:
        job = self.model.get(job_id)
        return Requested.none if job is None else job.requested

    def _ask(
        self,
        job_id: str,
        ask: Callable[[Session, str], None],
        *,
        unless: tuple[JobState, ...],
    ) -> ModelJob | None:
        """Ask as a user; return the job of the model where that is not to be refused."""
        job = self.model.get(job_id)
        refusal = JobNotFound if job is None else StateConflict if job.state in unless else None
        if refusal is not None:
            with pytest.raises(refusal), self.database.transaction() as session:
                ask(session, job_id)
            return None
        with self.database.transaction() as session:
            ask(session, job_id)
        return job


@pytest.mark.parametrize(
    ("kind", "examples"),
    [
        ("sqlite", 20),
        pytest.param("sqlite", 300, marks=pytest.mark.slow),
        pytest.param("postgres_18", 100, marks=pytest.mark.slow),
    ],
)
def test_store_does_what_the_model_says(kind: str, examples: int, new_database_url: NewUrl) -> None:
    run_state_machine_as_test(
        lambda: JobMachine(Database(new_database_url(kind))),
        settings=settings(
            max_examples=examples,
            stateful_step_count=40,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
