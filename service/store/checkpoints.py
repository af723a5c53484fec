"""Checkpoints of unfinished trials: bytes that only a worker can read, named by their SHA-256.

The next checkpoint, the trial's end or the job's end deletes a checkpoint and releases its blob.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from lowloss.results import TrialState
from service.store.blobs import adopt_blob, release_blobs
from service.store.queue import Fence, hold_fence
from service.store.schema import CheckpointRow, TrialRow


@dataclass(frozen=True)
class SavedCheckpoint:
    """The epochs of a fold of a trial when it was saved, and the blob of the saved state."""

    trial: int
    fold: int
    epochs: int
    sha256: str
    size_bytes: int


def save_checkpoint(session: Session, fence: Fence, saved: SavedCheckpoint) -> None:
    """Save a running trial's checkpoint instead of an older one; the blob must be stored."""
    job = hold_fence(session, fence)
    if session.get_one(TrialRow, (job.id, saved.trial)).state != TrialState.running:
        raise ValueError(f"trial {saved.trial} of {job.id} has ended: it takes no checkpoint")
    adopt_blob(session, saved.sha256)
    older = session.get(CheckpointRow, (job.id, saved.trial, saved.fold))
    if older is not None and older.sha256 != saved.sha256:
        release_blobs(session, [older.sha256])
    session.merge(CheckpointRow(job_id=job.id, **asdict(saved)))


def list_checkpoints(session: Session, job_id: str) -> tuple[SavedCheckpoint, ...]:
    """List the checkpoints of a job's running trials, by trial and fold."""
    rows = session.scalars(
        select(CheckpointRow)
        .where(CheckpointRow.job_id == job_id)
        .order_by(CheckpointRow.trial, CheckpointRow.fold)
    )
    return tuple(
        SavedCheckpoint(row.trial, row.fold, row.epochs, row.sha256, row.size_bytes) for row in rows
    )
