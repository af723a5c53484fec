"""What unfinished trials go on from: bytes that only a worker can read, named by their SHA-256.

A checkpoint goes with the next one, its trial's end, or its job's; its blob is released then.
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
    """How far a fold of a trial was as it was saved, and the blob that holds what was saved."""

    trial: int
    fold: int
    epochs: int
    sha256: str
    size_bytes: int


def save_checkpoint(session: Session, fence: Fence, saved: SavedCheckpoint) -> None:
    """Keep a running trial's checkpoint in place of an older one; the blob must be stored."""
    job = hold_fence(session, fence)
    if session.get_one(TrialRow, (job.id, saved.trial)).state != TrialState.running:
        raise ValueError(f"trial {saved.trial} of {job.id} has ended: it goes on from nothing")
    adopt_blob(session, saved.sha256)
    older = session.get(CheckpointRow, (job.id, saved.trial, saved.fold))
    if older is not None and older.sha256 != saved.sha256:
        release_blobs(session, [older.sha256])
    session.merge(CheckpointRow(job_id=job.id, **asdict(saved)))


def list_checkpoints(session: Session, job_id: str) -> tuple[SavedCheckpoint, ...]:
    """What a job's running trials go on from, by trial and fold."""
    rows = session.scalars(
        select(CheckpointRow)
        .where(CheckpointRow.job_id == job_id)
        .order_by(CheckpointRow.trial, CheckpointRow.fold)
    )
    return tuple(
        SavedCheckpoint(row.trial, row.fold, row.epochs, row.sha256, row.size_bytes) for row in rows
    )
