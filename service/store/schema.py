"""The tables, and the invariants that the database itself checks."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    String,
    Text,
    true,
)
from sqlalchemy.orm import Mapped, mapped_column

from lowloss.results import JobKind, JobState, Requested, TableFormat, TrialState
from lowloss.spec import Scope, Task
from service.store.database import Json, utc_now
from service.store.mapping import Document, MappedTable, one_of, project_column


class AttemptOutcome(StrEnum):
    """How one worker's attempt at a job ended."""

    succeeded = "succeeded"
    failed = "failed"
    cancelled = "cancelled"
    paused = "paused"
    stopped = "stopped"
    crashed = "crashed"
    lease_expired = "lease_expired"
    worker_died = "worker_died"
    out_of_time = "out_of_time"
    disk_full = "disk_full"
    cluster_full = "cluster_full"
    cluster_lost = "cluster_lost"


FINISHED = ", ".join(f"'{state}'" for state in JobState if state.is_finished)


class ProjectRow(MappedTable):
    """Whose datasets and jobs; its name is its id.

    `turn` rises each time that a worker takes one of its jobs; quotas that are null have no bound.
    """

    __tablename__ = "projects"
    name: Mapped[str] = mapped_column(String(63), primary_key=True)
    turn: Mapped[int] = mapped_column(BigInteger, default=0, server_default="0")
    max_waiting_jobs: Mapped[int | None] = mapped_column(BigInteger)
    max_running_jobs: Mapped[int | None] = mapped_column(BigInteger)
    max_stored_bytes: Mapped[int | None] = mapped_column(BigInteger)
    uploads_per_minute: Mapped[int | None] = mapped_column(BigInteger)
    submits_per_minute: Mapped[int | None] = mapped_column(BigInteger)
    max_age_days: Mapped[int | None] = mapped_column(BigInteger)
    cpu_seconds_per_30_days: Mapped[int | None] = mapped_column(BigInteger)
    created_at: Mapped[datetime] = mapped_column(default=utc_now())


class CpuUsageRow(MappedTable):
    """The processor seconds of a project's jobs on a day, which begins at `day`; deleted ones too.

    It outlives its jobs: a quota is not won back by deleting them.
    """

    __tablename__ = "cpu_usage"
    project: Mapped[str] = mapped_column(String(63), ForeignKey("projects.name"), primary_key=True)
    day: Mapped[datetime] = mapped_column(primary_key=True)
    cpu_seconds: Mapped[float]


class TokenRow(MappedTable):
    """A key to a project; of its secret there is only the SHA-256. Revoked ones stay."""

    __tablename__ = "tokens"
    id: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str]
    project: Mapped[str] = mapped_column(ForeignKey("projects.name"))
    scope: Mapped[str]
    sha256: Mapped[str] = mapped_column(String(64), unique=True)
    created_at: Mapped[datetime] = mapped_column(default=utc_now())
    expires_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]
    last_used_at: Mapped[datetime | None]
    __table_args__ = (one_of("scope", Scope), Index(None, "created_at", "id"))


class BrowserSessionRow(MappedTable):
    """A browser that signed in with a token; of the cookie's secret there is only the SHA-256.

    `seen_project` is the one whose pages an admin sees there; None for that of the token.
    """

    __tablename__ = "browser_sessions"
    sha256: Mapped[str] = mapped_column(String(64), primary_key=True)
    token_sha256: Mapped[str] = mapped_column(String(64))
    ends_at: Mapped[datetime] = mapped_column(index=True)
    seen_project: Mapped[str | None] = mapped_column(String(63), ForeignKey("projects.name"))


class AuditRow(MappedTable):
    """A request that could change something, or was refused for its token; it has no secret."""

    __tablename__ = "audit"
    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    at: Mapped[datetime] = mapped_column(default=utc_now())
    token: Mapped[str]
    name: Mapped[str]
    project: Mapped[str] = mapped_column(String(63))
    peer: Mapped[str]
    method: Mapped[str]
    path: Mapped[str]
    status: Mapped[int]
    __table_args__ = (Index(None, "at", "id"),)


class WorkerRow(MappedTable):
    """A worker that runs, and when it last wrote that it does; its job may be gone by now."""

    __tablename__ = "workers"
    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    name: Mapped[str]
    version: Mapped[str]
    cores: Mapped[int]
    memory_bytes: Mapped[int] = mapped_column(BigInteger)
    executor: Mapped[str] = mapped_column(default="local", server_default="local")
    job_id: Mapped[str | None]
    waits_for: Mapped[str | None]
    started_at: Mapped[datetime] = mapped_column(default=utc_now())
    seen_at: Mapped[datetime] = mapped_column(default=utc_now(), index=True)
    __table_args__ = (Index(None, "started_at", "id"),)


class TotalRow(MappedTable):
    """A count that only rises, also where what was counted is deleted: for metrics."""

    __tablename__ = "totals"
    name: Mapped[str] = mapped_column(primary_key=True)
    label: Mapped[str] = mapped_column(primary_key=True)
    value: Mapped[float]


class BlobRow(MappedTable):
    """Bytes, named by their SHA-256. `touched_at` protects a half-written blob from deletion.

    They are in objects below `objects_url`, the first `stored_parts` of which are written; without
    one in chunks, here.
    """

    __tablename__ = "blobs"
    sha256: Mapped[str] = mapped_column(String(64), primary_key=True)
    size_bytes: Mapped[int] = mapped_column(BigInteger)
    touched_at: Mapped[datetime] = mapped_column(default=utc_now())
    objects_url: Mapped[str | None]
    stored_parts: Mapped[int] = mapped_column(default=0, server_default="0")


class BlobChunkRow(MappedTable):
    """A chunk of a blob: `blobs.CHUNK_BYTES` long, except for the last."""

    __tablename__ = "blob_chunks"
    sha256: Mapped[str] = mapped_column(
        ForeignKey("blobs.sha256", ondelete="CASCADE"), primary_key=True
    )
    position: Mapped[int] = mapped_column(Integer, primary_key=True)
    data: Mapped[bytes] = mapped_column(LargeBinary)


class DatasetRow(MappedTable):
    """An uploaded table and its profile; `uploaded_at` is of its last upload, or reading anew."""

    __tablename__ = "datasets"
    id: Mapped[str] = mapped_column(primary_key=True)
    project: Mapped[str] = project_column()
    name: Mapped[str]
    sha256: Mapped[str] = mapped_column(ForeignKey("blobs.sha256"), index=True)
    format: Mapped[str]
    options: Mapped[Document]
    size_bytes: Mapped[int] = mapped_column(BigInteger)
    rows: Mapped[int] = mapped_column(BigInteger)
    columns: Mapped[int]
    profile: Mapped[list[Any]] = mapped_column(Json)
    warnings: Mapped[list[Any]] = mapped_column(Json, default=list, server_default="[]")
    other_names: Mapped[list[Any]] = mapped_column(Json, default=list, server_default="[]")
    created_at: Mapped[datetime] = mapped_column(default=utc_now())
    uploaded_at: Mapped[datetime | None]
    __table_args__ = (one_of("format", TableFormat), Index(None, "project", "created_at", "id"))


class JobRow(MappedTable):
    """One durable run of a search or a diagnosis.

    `seconds` is the running time up to `claimed_at`: the last claim or renewal. `phase` is of the
    attempt that runs.
    `version` rises with every change of state or best trial, `events` is the last event's number;
    those of epochs are deleted a while after its end, and it `has_epoch_events` until then.
    """

    __tablename__ = "jobs"
    id: Mapped[str] = mapped_column(primary_key=True)
    project: Mapped[str] = project_column()
    kind: Mapped[str] = mapped_column(server_default=JobKind.search)
    name: Mapped[str]
    dataset_id: Mapped[str | None] = mapped_column(ForeignKey("datasets.id", ondelete="SET NULL"))
    task: Mapped[str]
    spec: Mapped[Document]
    state: Mapped[str] = mapped_column(default=JobState.queued)
    reason: Mapped[str | None]
    requested: Mapped[str] = mapped_column(default=Requested.none)
    priority: Mapped[int] = mapped_column(default=0)
    needs_cores: Mapped[int] = mapped_column(default=0, server_default="0")
    needs_memory_bytes: Mapped[int] = mapped_column(BigInteger, default=0, server_default="0")
    needs_executor: Mapped[str | None]
    attempt: Mapped[int] = mapped_column(default=0)
    failures: Mapped[int] = mapped_column(default=0)
    max_attempts: Mapped[int]
    lease_owner: Mapped[str | None]
    lease_expires_at: Mapped[datetime | None]
    available_at: Mapped[datetime] = mapped_column(default=utc_now())
    created_at: Mapped[datetime] = mapped_column(default=utc_now())
    started_at: Mapped[datetime | None]
    claimed_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]
    seconds: Mapped[float] = mapped_column(default=0.0)
    phase: Mapped[str | None]
    phase_started_at: Mapped[datetime | None]
    best_trial: Mapped[int | None]
    outcome: Mapped[Document] = mapped_column(default=dict)
    version: Mapped[int] = mapped_column(default=1)
    events: Mapped[int] = mapped_column(default=0)
    has_epoch_events: Mapped[bool] = mapped_column(default=True, server_default=true())
    __table_args__ = (
        one_of("kind", JobKind),
        one_of("task", Task),
        one_of("state", JobState),
        one_of("requested", Requested),
        CheckConstraint(
            "(state = 'running') = (lease_owner IS NOT NULL) AND "
            "(state = 'running') = (lease_expires_at IS NOT NULL) AND "
            "(state = 'running') = (claimed_at IS NOT NULL)",
            name="running_has_a_lease",
        ),
        CheckConstraint(
            f"(state IN ({FINISHED})) = (finished_at IS NOT NULL)", name="finished_has_a_time"
        ),
        CheckConstraint("state <> 'failed' OR reason IS NOT NULL", name="failed_has_a_reason"),
        CheckConstraint(
            "requested = 'none' OR state = 'running' OR "
            "(requested = 'cancel' AND state = 'queued')",
            name="requested_of_a_worker",
        ),
        CheckConstraint("attempt >= 0 AND failures <= max_attempts", name="attempts_counted"),
        CheckConstraint(
            f"state IN ({FINISHED}) OR dataset_id IS NOT NULL", name="unfinished_has_a_dataset"
        ),
        Index(None, "state", "priority", "created_at"),
        Index(None, "project", "created_at", "id"),
        Index(None, "project", "state", "created_at", "id"),
        Index(None, "project", "name", "id"),
        Index(None, "dataset_id", "created_at", "id"),
        Index(None, "has_epoch_events", "finished_at"),
    )


class AttemptRow(MappedTable):
    """One worker's attempt at a job, the last phase it came to, and the error that ended it.

    `cpu_seconds` is the processor time of its process up to the last renewal, or its end.
    """

    __tablename__ = "attempts"
    job_id: Mapped[str] = mapped_column(ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True)
    worker: Mapped[str]
    started_at: Mapped[datetime] = mapped_column(default=utc_now())
    ended_at: Mapped[datetime | None]
    phase: Mapped[str | None]
    outcome: Mapped[str | None]
    error: Mapped[str | None] = mapped_column(Text)
    cpu_seconds: Mapped[float] = mapped_column(default=0.0, server_default="0")
    __table_args__ = (
        one_of("outcome", AttemptOutcome),
        CheckConstraint("(outcome IS NULL) = (ended_at IS NULL)", name="ended_has_an_outcome"),
    )


class TrialRow(MappedTable):
    """One trained and scored point of the search space; `attempt` is the last that wrote.

    `crashes` counts the attempts whose process ended while they trained it.
    """

    __tablename__ = "trials"
    job_id: Mapped[str] = mapped_column(ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True)
    state: Mapped[str]
    reason: Mapped[str | None]
    seed: Mapped[int] = mapped_column(BigInteger)
    hyperparameters: Mapped[Document]
    score: Mapped[float | None]
    score_error: Mapped[float | None]
    metrics: Mapped[Document] = mapped_column(default=dict)
    epochs: Mapped[int] = mapped_column(default=0)
    best_epoch: Mapped[int | None]
    seconds: Mapped[float | None]
    program: Mapped[str | None]
    attempt: Mapped[int]
    crashes: Mapped[int] = mapped_column(default=0, server_default="0")
    started_at: Mapped[datetime] = mapped_column(default=utc_now())
    finished_at: Mapped[datetime | None]
    __table_args__ = (
        one_of("state", TrialState),
        CheckConstraint("(state = 'running') = (finished_at IS NULL)", name="finished_has_a_time"),
        CheckConstraint(
            "(state <> 'completed' OR score IS NOT NULL) AND "
            "(score IS NULL OR state IN ('completed', 'pruned'))",
            name="score_of_a_finished",
        ),
        CheckConstraint(
            "state NOT IN ('diverged', 'failed') OR reason IS NOT NULL", name="failed_has_a_reason"
        ),
    )


class CurveRow(MappedTable):
    """The losses of one trial by epoch."""

    __tablename__ = "curves"
    job_id: Mapped[str] = mapped_column(primary_key=True)
    trial: Mapped[int] = mapped_column(primary_key=True)
    values: Mapped[Document]
    __table_args__ = (
        ForeignKeyConstraint(
            ["job_id", "trial"], ["trials.job_id", "trials.number"], ondelete="CASCADE"
        ),
    )


class CheckpointRow(MappedTable):
    """The saved state of a fold of an unfinished trial."""

    __tablename__ = "checkpoints"
    job_id: Mapped[str] = mapped_column(primary_key=True)
    trial: Mapped[int] = mapped_column(primary_key=True)
    fold: Mapped[int] = mapped_column(primary_key=True)
    epochs: Mapped[int]
    sha256: Mapped[str] = mapped_column(ForeignKey("blobs.sha256"), index=True)
    size_bytes: Mapped[int] = mapped_column(BigInteger)
    __table_args__ = (
        ForeignKeyConstraint(
            ["job_id", "trial"], ["trials.job_id", "trials.number"], ondelete="CASCADE"
        ),
    )


class ArtifactRow(MappedTable):
    """A downloadable result of a job, visible once its job has ended."""

    __tablename__ = "artifacts"
    job_id: Mapped[str] = mapped_column(ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True)
    name: Mapped[str] = mapped_column(primary_key=True)
    attempt: Mapped[int]
    is_published: Mapped[bool] = mapped_column(default=False)
    media_type: Mapped[str]
    sha256: Mapped[str] = mapped_column(ForeignKey("blobs.sha256"), index=True)
    size_bytes: Mapped[int] = mapped_column(BigInteger)
    created_at: Mapped[datetime] = mapped_column(default=utc_now())


class EventRow(MappedTable):
    """Something that happened to a job, numbered from 1 within the job."""

    __tablename__ = "events"
    job_id: Mapped[str] = mapped_column(ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[str]
    data: Mapped[Document]
    created_at: Mapped[datetime] = mapped_column(default=utc_now())


class IdempotencyKeyRow(MappedTable):
    """The first response (`answer`) to a project's POST with an Idempotency-Key."""

    __tablename__ = "idempotency_keys"
    project: Mapped[str] = project_column(is_key=True)
    key: Mapped[str] = mapped_column(String(200), primary_key=True)
    request_sha256: Mapped[str] = mapped_column(String(64))
    answer: Mapped[Document]
    created_at: Mapped[datetime] = mapped_column(default=utc_now())
