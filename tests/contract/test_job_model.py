"""Whatever users and workers do with jobs, in any order, the store does what a small model says."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy import event, update

from lowloss.errors import JobNotFound, LeaseLost, StateConflict
from lowloss.results import UNFINISHED_STATES, JobState, Requested
from service.store.database import Database, Session, utc_now
from service.store.deletions import delete_job
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
from service.store.requests import cancel_job, pause_job, resume_job, set_priority
from service.store.schema import JobRow
from tests.builders.store import LEASE_SECONDS, a_job, a_trial, expire_lease
from tests.conftest import NewUrl

MAX_ATTEMPTS = 3
STEPS = 40
LONG_WAIT = 3600.0
FINISHED = [state for state in JobState if state.is_finished]
INDEX = st.integers(0, 3)
WORKER = st.sampled_from(["ann", "bob"])
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
    has_progressed: bool = False
    fence: Fence | None = None
    is_expired: bool = False
    is_available: bool = True

    def leave_worker(self, state: JobState) -> None:
        """End a worker's attempt."""
        self.state, self.requested, self.fence = state, Requested.none, None
        self.is_expired = False

    def fail_once(self) -> None:
        """Count a failure; they count anew once an attempt has ended a trial."""
        self.failures = 1 if self.has_progressed else self.failures + 1

    def fail_attempt(self) -> None:
        """Count a failure, and go back to the queue unless there were too many."""
        self.fail_once()
        is_cancelled = self.requested is Requested.cancel and not self.trials
        if self.failures >= MAX_ATTEMPTS and not is_cancelled:
            self.leave_worker(JobState.failed)
        else:
            self.go_back()

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


WORKER_ACTIONS: dict[str, Callable[[JobMachine, Fence], None]] = {
    "renew": lambda jobs, fence: jobs.renew(fence),
    "finish a trial": lambda jobs, fence: jobs.finish_a_trial(fence),
    "pause": lambda jobs, fence: jobs.pause_as_worker(fence),
    "release": lambda jobs, fence: jobs.release(fence),
    "retry at once": lambda jobs, fence: jobs.retry(fence, 0.0),
    "die": lambda jobs, fence: jobs.die(fence.owner),
    "retry later": lambda jobs, fence: jobs.retry(fence, LONG_WAIT),
    "succeed": lambda jobs, fence: jobs.finish(fence, JobState.succeeded),
    "fail": lambda jobs, fence: jobs.finish(fence, JobState.failed),
    "end as cancelled": lambda jobs, fence: jobs.finish(fence, JobState.cancelled),
}
USER_ACTIONS: dict[str, Callable[[JobMachine, str], None]] = {
    "cancel": lambda jobs, job_id: jobs.cancel(job_id),
    "pause": lambda jobs, job_id: jobs.pause(job_id),
    "resume": lambda jobs, job_id: jobs.resume(job_id),
    "lower the priority": lambda jobs, job_id: jobs.change_priority(job_id, -1),
    "raise the priority": lambda jobs, job_id: jobs.change_priority(job_id, 1),
    "delete": lambda jobs, job_id: jobs.delete(job_id),
    "let the lease expire": lambda jobs, job_id: jobs.expire(job_id),
    "wait for the retry": lambda jobs, job_id: jobs.wait_for_the_retry(job_id),
}
"""Drawn by name, as Hypothesis prints what it drew for the steps of a failure."""


class JobMachine(RuleBasedStateMachine):
    """Users and workers, on the store and on the model at once."""

    def __init__(self, database: Database) -> None:
        super().__init__()
        self.database = database
        self.model: dict[str, ModelJob] = {}
        self.jobs: list[str] = []
        self.fences: list[Fence] = []

    @precondition(lambda self: len(self.model) < 3)
    @rule(priority=st.integers(-1, 1))
    def submit(self, priority: int) -> None:
        job_id = a_job(self.database, max_attempts=MAX_ATTEMPTS, priority=priority)
        with self.database.reading() as session:
            created_at = get_job(session, job_id).created_at
        self.model[job_id] = ModelJob(created_at, priority)
        self.jobs.append(job_id)

    @precondition(lambda self: self.fences)
    @rule(index=INDEX, action=st.sampled_from(list(WORKER_ACTIONS)), worker=WORKER)
    def work(self, index: int, action: str, worker: str) -> None:
        if all(job.fence is None for job in self.model.values()):
            self.claim(worker)
        WORKER_ACTIONS[action](self, self._pick_fence(index))

    @precondition(lambda self: self.jobs)
    @rule(index=INDEX, action=st.sampled_from(list(USER_ACTIONS)))
    def use(self, index: int, action: str) -> None:
        USER_ACTIONS[action](self, self._pick_job(index))

    @rule(worker=WORKER)
    def claim(self, worker: str) -> None:
        with self.database.transaction() as session:
            claim = claim_job(session, worker, lease_seconds=LEASE_SECONDS)

        expected = self._claim_in_model(worker)
        assert (claim and claim.fence) == expected
        if expected is not None:
            self.fences.append(expected)

    def renew(self, fence: Fence) -> None:
        job = self._work(fence, lambda s: renew_lease(s, fence, lease_seconds=LEASE_SECONDS))
        if job is not None:
            job.is_expired = False

    def finish_a_trial(self, fence: Fence) -> None:
        job = self._held_job(fence)
        if job is None:
            with pytest.raises(LeaseLost):
                a_trial(self.database, fence, 1)
            return
        job.trials += 1
        job.has_progressed = True
        a_trial(self.database, fence, job.trials)

    def finish(self, fence: Fence, state: JobState) -> None:
        reason = "because" if state is JobState.failed else None
        job = self._work(fence, lambda s: finish_job(s, fence, state=state, reason=reason))
        if job is not None:
            job.leave_worker(state)

    def pause_as_worker(self, fence: Fence) -> None:
        job = self._work(fence, lambda s: pause_running_job(s, fence))
        if job is not None:
            job.leave_worker(JobState.paused)

    def release(self, fence: Fence) -> None:
        job = self._work(fence, lambda s: release_job(s, fence))
        if job is not None:
            job.go_back()

    def retry(self, fence: Fence, wait_seconds: float) -> None:
        job = self._work(
            fence, lambda s: retry_job(s, fence, error="boom", retry_seconds=wait_seconds)
        )
        if job is not None:
            job.fail_attempt()
            job.is_available = job.state is not JobState.queued or wait_seconds == 0.0

    def die(self, worker: str) -> None:
        with self.database.transaction() as session:
            end_dead_worker(session, worker)
        for job in self.model.values():
            if job.fence is not None and job.fence.owner == worker:
                job.fail_attempt()

    def expire(self, job_id: str) -> None:
        job = self.model.get(job_id)
        if job is not None and job.state is JobState.running:
            expire_lease(self.database, job_id)
            job.is_expired = True

    def wait_for_the_retry(self, job_id: str) -> None:
        with self.database.transaction() as session:
            query = update(JobRow).where(JobRow.id == job_id)
            session.execute(query.values(available_at=utc_now(-1)))
        if job_id in self.model:
            self.model[job_id].is_available = True

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

    def pause(self, job_id: str) -> None:
        is_cancelled = self._requested(job_id) is Requested.cancel
        unless = tuple(JobState) if is_cancelled else tuple(FINISHED)
        job = self._ask(job_id, pause_job, unless=unless)
        if job is not None and job.state is JobState.running:
            job.requested = Requested.pause
        elif job is not None:
            job.state = JobState.paused

    def resume(self, job_id: str) -> None:
        job = self._ask(job_id, resume_job, unless=tuple(FINISHED))
        if job is not None and job.state is JobState.paused:
            job.state, job.is_available = JobState.queued, True
        elif job is not None and job.requested is Requested.pause:
            job.requested = Requested.none

    def change_priority(self, job_id: str, priority: int) -> None:
        unless = (JobState.running, *FINISHED)
        job = self._ask(job_id, lambda s, i: set_priority(s, i, priority), unless=unless)
        if job is not None:
            job.priority = priority

    def delete(self, job_id: str) -> None:
        if self._ask(job_id, delete_job, unless=UNFINISHED_STATES) is not None:
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
            if job.is_expired:
                job.fail_once()
            if job.is_expired and job.requested is Requested.cancel and not job.trials:
                job.leave_worker(JobState.cancelled)
                continue
            job.has_progressed = False
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

    def _pick_job(self, index: int) -> str:
        """Choose a job: first those that workers have, last those that are deleted."""
        running = [i for i, job in self.model.items() if job.fence is not None]
        job_ids = list(dict.fromkeys([*running, *self.model, *self.jobs]))
        return job_ids[index % len(job_ids)]

    def _pick_fence(self, index: int) -> Fence:
        """Choose a claim: first those in force, then the newest ones that are not."""
        in_force = [job.fence for job in self.model.values() if job.fence is not None]
        fences = list(dict.fromkeys([*in_force, *reversed(self.fences)]))
        return fences[index % len(fences)]

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


def opened(url: str) -> Database:
    """Open a database that need not outlive the machine: SQLite does not wait for the disk."""
    database = Database(url)
    if database.is_sqlite:
        event.listen(database.engine, "connect", lambda c, _: c.execute("PRAGMA synchronous=OFF"))
    return database


@pytest.mark.parametrize(
    ("kind", "examples"),
    [
        ("sqlite", 15),
        pytest.param("sqlite", 300, marks=pytest.mark.slow),
        pytest.param("postgres_18", 100, marks=pytest.mark.slow),
    ],
)
def test_store_does_what_the_model_says(kind: str, examples: int, new_database_url: NewUrl) -> None:
    run_state_machine_as_test(
        lambda: JobMachine(opened(new_database_url(kind))),  # type: ignore[arg-type]  # any maker of one
        settings=settings(
            max_examples=examples,
            stateful_step_count=STEPS,
            deadline=None,
            # No shrinking: it takes minutes, and a failure prints its steps.
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        ),
        # Left to itself, Hypothesis mostly ends after a few steps.
        _min_steps=STEPS,
    )
