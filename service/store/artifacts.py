"""Artifacts: written under a worker's fence; a model is visible at once, others as the job ends."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from lowloss.errors import ArtifactNotFound, BestModelNotReady, JobNotFound
from lowloss.results import Artifact, Artifacts, JobKind, JobState, Outcome, Requested
from service.store.blobs import REPLACED_SECONDS, adopt_blob, release_blobs
from service.store.database import utc_now
from service.store.events import EventKind, record_event
from service.store.queue import Fence, hold_fence
from service.store.schema import ArtifactRow, JobRow

BEST_MODEL = "model.keras"
ONNX_MODEL = "model.onnx"


@dataclass(frozen=True)
class NewArtifact:
    """A result whose bytes are already stored as a blob."""

    name: str
    media_type: str
    sha256: str
    size_bytes: int


def add_artifact(session: Session, fence: Fence, new: NewArtifact) -> None:
    """Add an artifact, not visible yet; it replaces one of an earlier attempt."""
    job = hold_fence(session, fence)
    _store(session, job, new, is_published=False)


def publish_model(
    session: Session, fence: Fence, files: Sequence[NewArtifact], *, trial: int | None
) -> Requested:
    """Make a model's files visible before its job ends, in the place of an earlier model's.

    It is the network of a `trial`, or None where it is the one that the job ends with. Return what
    users ask of the job.
    """
    job = hold_fence(session, fence)
    for new in files:
        _store(session, job, new, is_published=True)
    ready_at = session.scalars(select(utc_now())).one()
    job.outcome = job.outcome | {"model_ready_at": ready_at.isoformat(), "model_trial": trial}
    job.version += 1
    record_event(session, job, EventKind.model_ready, trial=trial)
    return Requested(job.requested)


def _store(session: Session, job: JobRow, new: NewArtifact, *, is_published: bool) -> None:
    adopt_blob(session, new.sha256)
    row = session.get(ArtifactRow, (job.id, new.name)) or ArtifactRow(job_id=job.id, name=new.name)
    if row.sha256 is not None and row.sha256 != new.sha256:
        release_blobs(session, [row.sha256], seconds=REPLACED_SECONDS)
    row.attempt, row.is_published = job.attempt, is_published
    row.media_type, row.sha256, row.size_bytes = new.media_type, new.sha256, new.size_bytes
    session.add(row)


def list_artifacts(session: Session, job_id: str) -> Artifacts:
    """List a job's visible artifacts by name, and why others are missing; raise JobNotFound."""
    items = find_artifacts(session, job_id)
    missing = Outcome.model_validate(get_row(session, job_id).outcome).missing_artifacts
    return Artifacts(items=items, next=None, missing=missing)


def find_artifacts(session: Session, job_id: str) -> tuple[Artifact, ...]:
    """Return a job's visible artifacts by name; none for a job that is not there."""
    rows = session.scalars(
        select(ArtifactRow)
        .where(ArtifactRow.job_id == job_id, ArtifactRow.is_published)
        .order_by(ArtifactRow.name)
    )
    return tuple(_make_artifact(row) for row in rows)


def get_artifact(session: Session, job_id: str, name: str) -> Artifact:
    """Return a visible artifact; raise JobNotFound or ArtifactNotFound."""
    row = session.get(ArtifactRow, (job_id, name))
    if row is None or not row.is_published:
        get_row(session, job_id)
        raise ArtifactNotFound(
            f"job {job_id!r} has no artifact {name!r}",
            fix=f"GET /v1/jobs/{job_id}/artifacts lists them",
        )
    return _make_artifact(row)


def get_best_model(session: Session, job_id: str) -> Artifact:
    """Return the best model; raise JobNotFound, or BestModelNotReady with the reason."""
    row = session.get(ArtifactRow, (job_id, BEST_MODEL))
    if row is not None and row.is_published:
        return _make_artifact(row)
    job = get_row(session, job_id)
    if job.kind == JobKind.diagnosis:
        raise BestModelNotReady(
            "the job is a diagnosis, which makes no model",
            fix=f"GET /v1/jobs/{job_id}/diagnosis has what it found",
        )
    if JobState(job.state).is_finished:
        raise BestModelNotReady(
            f"the job {job.state} without a model", fix="GET the job: its reason and errors say why"
        )
    raise BestModelNotReady(
        f"the job is {job.state}: there is a model once a first trial has completed",
        fix=f"GET /v1/jobs/{job_id}?wait=60 until its outcome has model_ready_at",
    )


def get_served_model(session: Session, job_id: str) -> Artifact:
    """Return the best model as the server runs it.

    Raise JobNotFound, BestModelNotReady or ArtifactNotFound.
    """
    row = session.get(ArtifactRow, (job_id, ONNX_MODEL))
    if row is not None and row.is_published:
        return _make_artifact(row)
    get_best_model(session, job_id)
    raise ArtifactNotFound(
        f"job {job_id!r} has no artifact {ONNX_MODEL!r}, which predictions come from",
        fix="download its model.keras and predict with that, or submit the job again",
    )


def get_row(session: Session, job_id: str) -> JobRow:
    """Return a job's row; raise JobNotFound."""
    job = session.get(JobRow, job_id)
    if job is None:
        raise JobNotFound.of(job_id)
    return job


def _make_artifact(row: ArtifactRow) -> Artifact:
    return Artifact(
        name=row.name,
        media_type=row.media_type,
        size_bytes=row.size_bytes,
        sha256=row.sha256,
        created_at=row.created_at,
    )
