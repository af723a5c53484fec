"""When a job whose time is over is asked to finish, and when it is ended.

A busy machine is no fault of the job: asked to finish, it exports its best, or trains one trial and
exports that. Only one that does not come to an end so is killed, and tried once more in that way.
Nor is an outage: both times are put off by as long as the job waits for a store.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from lowloss.spec import DiagnosisBudget, DiagnosisSpec, JobSpec, remaining
from service.store.queue import Claim

GRACE_SECONDS = 60.0
"""Time past its budget that a job gets before it is asked to finish: exports take some seconds."""
MIN_FINISH_SECONDS = 900.0
"""Time that a job gets to finish, or as long as its `max_seconds` where that is longer."""


@dataclass(frozen=True)
class TimeLimits:
    """When to ask a child to finish its job, and when to end it; infinite without `max_seconds`.

    `finish_seconds` lie between the two.
    """

    finish_at: float = math.inf
    end_at: float = math.inf
    finish_seconds: float = math.inf

    def put_off(self, seconds: float) -> TimeLimits:
        """Return the limits of a job that waited so long for the database or the object store."""
        return replace(self, finish_at=self.finish_at + seconds, end_at=self.end_at + seconds)


def time_limits(claim: Claim, now: float) -> TimeLimits:
    """Return the limits of an attempt that begins now."""
    spec = claim.spec
    limit = _job_seconds(spec)
    if limit is None:
        return TimeLimits(finish_at=now if claim.must_finish else math.inf)
    finish_at, seconds_left = now, remaining(limit, claim.seconds)
    if seconds_left > 0 and not claim.must_finish:
        # A search is diagnosed beside its `max_seconds`.
        diagnosis = spec.budget.diagnosis_seconds if isinstance(spec, JobSpec) else 0.0
        extension = DiagnosisBudget().max_extension
        finish_at += seconds_left + extension * diagnosis + GRACE_SECONDS
    finish_seconds = max(MIN_FINISH_SECONDS, limit)
    return TimeLimits(finish_at, finish_at + finish_seconds, finish_seconds)


def is_overdue(claim: Claim) -> bool:
    """Return whether this attempt is to finish at once: another one could do no better.

    Earlier ones used up the job's time, or ended after the search.
    """
    return claim.must_finish or remaining(_job_seconds(claim.spec), claim.seconds) <= 0


def _job_seconds(spec: JobSpec | DiagnosisSpec) -> float | None:
    """Return how long a job may take by its budget; None without a limit."""
    if isinstance(spec, DiagnosisSpec):
        return spec.budget.latest_seconds
    return spec.budget.max_seconds
