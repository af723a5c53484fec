"""Claims a job, renews its lease, watches the child process that runs it, and settles it.

No TensorFlow here: the child may leak, hang, be killed for memory or crash in native code, and the
job goes on. The supervisor may be killed, too: its child ends with the pipe between them, the lease
runs out, and another worker claims the job.
"""

from __future__ import annotations

import logging
import math
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import assert_never

from lowloss.errors import LeaseLost
from lowloss.processes.logs import logging_about
from lowloss.results import JobState
from lowloss.wording import format_bytes
from service.settings import Settings
from service.store.database import OUTAGES, Database, Session, is_busy
from service.store.processor_time import record_cpu_seconds
from service.store.queue import (
    Claim,
    Fence,
    claim_job,
    end_dead_worker,
    finish_job,
    pause_running_job,
    release_job,
    renew_lease,
    retry_job,
    retry_without_failure,
)
from service.store.schema import AttemptOutcome
from service.store.workers import Activity, remove_dead_worker
from worker.progress.protocol import Ended, Ending
from worker.supervisor.child import COMMAND, Child
from worker.supervisor.collector import Collector
from worker.supervisor.folders import has_room
from worker.supervisor.limits import TimeLimits, is_overdue, time_limits
from worker.supervisor.presence import describe_offer

log = logging.getLogger(__name__)

TICK_SECONDS = 0.2
"""How long the supervisor waits for a word of its child before it looks around."""
FULL_DISK_ADVICE = (
    "give the worker's temporary files (TMPDIR) a disk with more room than there is in {folder}, "
    "or start a worker elsewhere, and submit the job again"
)
LOST_CLUSTER_ADVICE = (
    "look at the logs of the cluster's head (/tmp/ray/session_latest/logs) and at its memory: the "
    "job may be what ends it; submit it again with fewer actors (needs.actors) or smaller networks"
)


@dataclass
class Supervisor:
    """One worker: a loop over jobs, one at a time, each in a child process.

    `activity` is what it does now, and `offer` what it has: it takes jobs that need no more.
    """

    database: Database
    settings: Settings
    name: str
    command: Sequence[str] = COMMAND
    clock: Callable[[], float] = time.monotonic
    is_stopping: bool = False
    activity: Activity = field(default_factory=Activity)

    def __post_init__(self) -> None:
        self.offer = describe_offer(self.settings)
        self._job_bytes = self.settings.job_bytes
        self._has_room = True
        self._collector = Collector(self.database)

    def stop(self) -> None:
        """End after handing back the running job; safe to call from a signal handler."""
        self.is_stopping = True

    def take_over(self, predecessor: str) -> None:
        """Queue the jobs of a worker whose process is dead; what fails here, time does."""
        try:
            with self.database.transaction() as session:
                end_dead_worker(session, predecessor)
                remove_dead_worker(session, predecessor)
        except Exception as error:
            if not is_busy(error):
                raise
            log.warning("the leases of %s have to expire: %s", predecessor, error)

    def work(self) -> None:
        """Run jobs until stopped; raise NotReady once the schema is of another version."""
        child = Child.start(self.command)
        try:
            while not self.is_stopping:
                child = self._fresh(child)
                is_ready = child.wait_until_ready(TICK_SECONDS)
                self.activity = Activity(waits_for=child.waits_for)
                is_ready = is_ready and self._look_for_room()
                if is_ready and (claim := self._claim()):
                    self._run(child, claim)
                # After a job, too: a worker that always has one is never idle.
                self._collector.collect()
        finally:
            child.end()

    def _fresh(self, child: Child) -> Child:
        """Return the child, or a new one where it died, hangs at its start, or is used up."""
        settings = self.settings
        is_used_up = (
            child.has_lost_cluster
            or child.jobs >= settings.child_jobs
            or child.memory_bytes > settings.child_memory_bytes
        )
        is_hung = not child.is_ready and (
            child.silent_seconds > settings.silence_seconds
            or child.measure_idle_seconds() > settings.hang_seconds
        )
        if child.is_alive and not is_used_up and not is_hung:
            return child
        if not child.is_alive and not child.is_ready:
            # It cannot even start: do not spin.
            time.sleep(settings.poll_seconds)
        child.end()
        return Child.start(self.command)

    def _look_for_room(self) -> bool:
        """Return whether there is room for a job's temporary files; wait where there is none."""
        room = has_room()
        if not room:
            self.activity = Activity(waits_for=f"room on the disk of {tempfile.gettempdir()}")
            if self._has_room:
                log.warning("no job is claimed: the disk of %s is full", tempfile.gettempdir())
            time.sleep(self.settings.poll_seconds)
        self._has_room = room
        return room

    def _claim(self) -> Claim | None:
        settings = self.settings
        try:
            with self.database.transaction() as session:
                self.database.require_schema(session)
                claim = claim_job(
                    session, self.name, lease_seconds=settings.lease_seconds, offer=self.offer
                )
        except Exception as error:
            if not is_busy(error):
                raise
            log.warning("the database is away or busy: %s", error)
            claim = None
        if claim is None:
            time.sleep(settings.poll_seconds)
        return claim

    def _run(self, child: Child, claim: Claim) -> None:
        self.activity = Activity(claim.fence.job_id)
        with logging_about(job=claim.fence.job_id, attempt=claim.fence.attempt):
            log.info("an attempt begins")
            try:
                ended = self._watch(child, claim)
                self._settle(claim, ended, child.measure_job_cpu_seconds())
                why = (ended.reason or ended.error or "").strip().rpartition("\n")[2]
                log.info("it ended: %s %s", ended.ending, why)
            except LeaseLost as lost:
                log.warning("%s", lost)
                child.end()
            finally:
                self.activity = Activity()

    def _watch(self, child: Child, claim: Claim) -> Ended:
        """Let the child run a job to its end, and renew the lease meanwhile; raise LeaseLost."""
        child.run(claim.fence)
        looked_at = self.clock()
        limits = time_limits(claim, looked_at)
        renew_at = looked_at + self.settings.renew_seconds
        stop_at = math.inf
        while True:
            ended = child.ended(TICK_SECONDS)
            if ended is not None:
                return ended
            self.activity = replace(self.activity, waits_for=child.waits_for)
            now = self.clock()
            if child.waits_for in OUTAGES:
                limits = limits.put_off(now - looked_at)
            looked_at = now
            if now >= renew_at:
                renew_at = now + self._renew(claim, child.measure_job_cpu_seconds())
            if now >= limits.finish_at:
                child.finish()
                limits = replace(limits, finish_at=math.inf)
            if self.is_stopping and stop_at == math.inf:
                child.stop()
                stop_at = now + self.settings.stop_seconds
            ended = self._end_late(child, now, limits, stop_at=stop_at)
            if ended is not None:
                child.end()
                return ended

    def _end_late(
        self, child: Child, now: float, limits: TimeLimits, *, stop_at: float
    ) -> Ended | None:
        """Return the end of a job whose child is to be ended: too late, or silent; else None."""
        if now >= stop_at:
            return Ended(Ending.stopped)
        if child.silent_seconds > self.settings.silence_seconds:
            error = f"the worker's child gave no sign of life for {child.silent_seconds:.0f} s"
            return child.explain_death(error)
        if child.measure_idle_seconds() > self.settings.hang_seconds:
            error = (
                "the worker's child hung: it gave no sign of life and used almost no processor "
                f"time for {self.settings.hang_seconds:.0f} s"
            )
            return child.explain_death(error)
        if child.memory_bytes > self._job_bytes:
            error = (
                f"the job took more than {format_bytes(self._job_bytes)} of memory: make its "
                "networks or batches smaller, or give it more by LOWLOSS_JOB_MEMORY_BYTES"
            )
            return Ended(Ending.died, error=error)
        if now >= limits.end_at:
            error = (
                "the job's budget.max_seconds was over, and it did not finish with what it had in "
                f"{limits.finish_seconds:.0f} s more"
            )
            return Ended(Ending.overdue, error=error)
        return None

    def _renew(self, claim: Claim, cpu_seconds: float) -> float:
        """Renew the lease, and return the seconds until the next renewal is due."""
        try:
            with self.database.transaction() as session:
                renew_lease(session, claim.fence, lease_seconds=self.settings.lease_seconds)
                record_cpu_seconds(session, claim.fence, cpu_seconds)
        except Exception as error:
            if not is_busy(error):
                raise
            log.warning("the lease could not be renewed: %s", error)
            return min(1.0, self.settings.renew_seconds)
        return self.settings.renew_seconds

    def _settle(self, claim: Claim, ended: Ended, cpu_seconds: float) -> None:
        """Record how a job ended, however long the database takes; raise LeaseLost."""
        while True:
            try:
                with self.database.transaction() as session:
                    record_cpu_seconds(session, claim.fence, cpu_seconds)
                    self._settle_once(session, claim, ended)
                return
            except Exception as error:
                if not is_busy(error):
                    raise
                log.warning("the job could not be settled yet: %s", error)
                time.sleep(self.settings.poll_seconds)

    def _settle_once(self, session: Session, claim: Claim, ended: Ended) -> None:
        fence = claim.fence
        match ended.ending:
            case Ending.succeeded:
                finish_job(session, fence, state=JobState.succeeded, reason=ended.reason)
            case Ending.cancelled:
                finish_job(session, fence, state=JobState.cancelled, reason=ended.reason)
            case Ending.failed:
                reason = ended.reason or "failed"
                finish_job(session, fence, state=JobState.failed, reason=reason, error=ended.error)
            case Ending.paused:
                pause_running_job(session, fence)
            case Ending.stopped | Ending.cluster_full:
                self._release(session, fence, ended)
            case Ending.overdue:
                self._settle_overdue(session, claim, ended)
            case Ending.crashed | Ending.died:
                self._retry(session, claim, ended, AttemptOutcome.crashed)
            case Ending.disk_full | Ending.cluster_lost:
                self._retry_without_failure(session, fence, ended)
            case Ending.lease_lost:
                raise LeaseLost(f"{fence.job_id}: the child found the lease taken over")
            case never:
                assert_never(never)

    def _release(self, session: Session, fence: Fence, ended: Ended) -> None:
        if ended.ending is Ending.stopped:
            release_job(session, fence)
            return
        outcome, wait = AttemptOutcome.cluster_full, self.settings.retry_seconds
        release_job(session, fence, outcome, error=ended.error, wait_seconds=wait)

    def _settle_overdue(self, session: Session, claim: Claim, ended: Ended) -> None:
        reason = AttemptOutcome.out_of_time
        if not is_overdue(claim):
            self._retry(session, claim, ended, reason)
            return
        # It had to finish from its first second on: another attempt could do no better.
        state, error = JobState.failed, ended.error
        finish_job(session, claim.fence, state=state, reason=reason, error=error)

    def _retry_without_failure(self, session: Session, fence: Fence, ended: Ended) -> None:
        wait, advice = self.settings.retry_seconds, LOST_CLUSTER_ADVICE
        if ended.ending is Ending.disk_full:
            wait = self.settings.full_disk_seconds
            advice = FULL_DISK_ADVICE.format(folder=tempfile.gettempdir())
        outcome = AttemptOutcome(ended.ending)
        error = ended.error or outcome.value
        retry_without_failure(
            session, fence, outcome, error=error, advice=advice, wait_seconds=wait
        )

    def _retry(self, session: Session, claim: Claim, ended: Ended, outcome: AttemptOutcome) -> None:
        retry_job(
            session,
            claim.fence,
            error=ended.error or "the worker's child died",
            retry_seconds=self.settings.retry_seconds,
            outcome=outcome,
            is_process_dead=ended.ending is Ending.died,
        )
