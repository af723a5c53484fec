"""The jobs that a search learns from, directly or through others."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import exists, select
from sqlalchemy.orm import Session

from lowloss.errors import InvalidRequest
from lowloss.results import JobKind, JobState, Trial
from lowloss.spec import JobSpec
from service.store.schema import JobRow, TrialRow
from service.store.specs import read_spec
from service.store.trials import list_trials

MAX_EARLIER_JOBS = 100
"""A search learns from at most so many jobs, directly or through others."""


@dataclass(frozen=True)
class EarlierJob:
    """A job to learn from, and its finished trials."""

    id: str
    spec: JobSpec
    trials: tuple[Trial, ...]

    def compares_with(self, spec: JobSpec) -> bool:
        """Return whether equal settings would score alike in another job, but for chance.

        Which rows validate is chance: a job that continues another names the seed that draws them.
        """
        alike = ("dataset", "target", "task", "objective", "features", "preprocessing")
        rows = {"seed": None}
        return all(getattr(self.spec, name) == getattr(spec, name) for name in alike) and (
            self.spec.validation.model_copy(update=rows) == spec.validation.model_copy(update=rows)
        )


def list_earlier_jobs(session: Session, job_ids: Sequence[str]) -> tuple[EarlierJob, ...]:
    """List searches with their finished trials, then those that they learned from, and so on.

    Each search is there once; one that does not exist is left out.
    """
    pending, searches = deque(job_ids), dict[str, EarlierJob]()
    while pending and len(searches) < MAX_EARLIER_JOBS:
        job_id = pending.popleft()
        row = None if job_id in searches else session.get(JobRow, job_id)
        spec = None if row is None else read_spec(row)
        if not isinstance(spec, JobSpec):
            continue
        trials = [t for t in list_trials(session, job_id).items if t.state.is_finished]
        searches[job_id] = EarlierJob(job_id, spec, tuple(trials))
        pending += spec.warm_start_from
    return tuple(searches.values())


def check_earlier_jobs(session: Session, project: str, job_ids: Sequence[str]) -> None:
    """Raise InvalidRequest for jobs from which a project's job can never learn anything."""
    if not job_ids:
        return
    has_score = exists().where(TrialRow.job_id == JobRow.id, TrialRow.score.is_not(None))
    query = select(JobRow.id, JobRow.kind, JobRow.state, has_score.label("has_score"))
    query = query.where(JobRow.project == project, JobRow.id.in_(job_ids))
    jobs = {row.id: row for row in session.execute(query)}
    for job_id in job_ids:
        row = jobs.get(job_id)
        if row is None:
            detail, fix = f"there is no job {job_id!r}", "GET /v1/jobs lists them"
        elif row.kind == JobKind.diagnosis:
            detail, fix = f"job {job_id!r} is a diagnosis, which has no trials", "leave it out"
        elif JobState(row.state).is_finished and not row.has_score:
            detail, fix = f"job {job_id!r} {row.state} without a scored trial", "leave it out"
        else:
            continue
        raise InvalidRequest(detail, field="warm_start_from", fix=fix)
