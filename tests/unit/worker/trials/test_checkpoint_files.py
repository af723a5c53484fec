"""Checkpoints as files: what is read is what was written."""

from __future__ import annotations

import dataclasses
import errno
import math
import sqlite3
from pathlib import Path
from typing import Any, cast
from unittest.mock import Mock

import numpy as np
import pytest
from sqlalchemy.exc import OperationalError

from service.store.checkpoints import SavedCheckpoint
from service.store.objects import BytesLost, ObjectStoreAway
from worker.engine.plans import Checkpoint, Epoch
from worker.progress.reporter import Reporter
from worker.trials.checkpoints import (
    SAVE_SECONDS,
    CheckpointWriter,
    load_checkpoints,
    read_checkpoint,
    write_checkpoint,
)


def some_weights(seed: int, *shapes: tuple[int, ...]) -> tuple[np.ndarray, ...]:
    rng = np.random.default_rng(seed)
    return tuple(rng.normal(size=shape).astype(np.float32) for shape in shapes)


SHAPES = ((3, 12), (12,), (12, 1), (1,), (5, 2))
FULL = Checkpoint(
    epochs=(Epoch(1, 0.1, 1 / 3, 0.2), Epoch(2, math.pi, math.nan, 1e-300)),
    best_epoch=1,
    waited=1,
    seconds=2.5,
    weights=some_weights(0, *SHAPES),
    moments=(some_weights(1, *SHAPES), some_weights(2, *SHAPES)),
    best_weights=some_weights(3, *SHAPES),
)


@pytest.mark.parametrize(
    "checkpoint",
    [
        FULL,
        dataclasses.replace(FULL, best_epoch=None, best_weights=()),
        Checkpoint((), None, 0, 0.0, (), (), ()),
    ],
)
def test_file_gives_back_the_checkpoint(checkpoint: Checkpoint, tmp_path: Path) -> None:
    write_checkpoint(checkpoint, tmp_path / "checkpoint.npz")

    read = read_checkpoint(tmp_path / "checkpoint.npz")

    assert repr(read.epochs) == repr(checkpoint.epochs)
    assert (read.best_epoch, read.waited, read.seconds) == (
        checkpoint.best_epoch,
        checkpoint.waited,
        checkpoint.seconds,
    )
    assert len(read.moments) == len(checkpoint.moments)
    pairs: list[tuple[Any, Any]] = [
        (read.weights, checkpoint.weights),
        (read.best_weights, checkpoint.best_weights),
        *zip(read.moments, checkpoint.moments, strict=True),
    ]
    for ours, theirs in pairs:
        assert [a.dtype for a in ours] == [b.dtype for b in theirs]
        for a, b in zip(ours, theirs, strict=True):
            np.testing.assert_array_equal(a, b)


def test_size_counts_every_array() -> None:
    assert FULL.nbytes == 4 * sum(math.prod(shape) for shape in SHAPES) * 4


@pytest.mark.parametrize("content", [b"", b"not a zip", b"PK\x05\x06" + b"\0" * 18])
def test_checkpoint_that_cannot_be_read_is_left_out(content: bytes, tmp_path: Path) -> None:
    class Store:
        def copy_blob(self, _sha256: str, path: Path) -> None:
            path.write_bytes(content)

    saved = [SavedCheckpoint(1, 0, 5, "ab", len(content))]

    loaded = load_checkpoints(cast("Reporter", Store()), saved, tmp_path)

    assert loaded.get(1, {}) == {}


def test_checkpoint_whose_object_is_lost_is_left_out_and_the_next_is_loaded(tmp_path: Path) -> None:
    class Store:
        def copy_blob(self, sha256: str, path: Path) -> None:
            if sha256 == "lost":
                raise BytesLost("s3://models/lost/1/000000")
            write_checkpoint(FULL, path)

    saved = [SavedCheckpoint(1, 0, 2, "lost", 9), SavedCheckpoint(2, 0, 2, "kept", 9)]

    loaded = load_checkpoints(cast("Reporter", Store()), saved, tmp_path)

    assert list(loaded) == [2]
    assert list(tmp_path.iterdir()) == []


def test_disk_without_room_for_a_checkpoint_lets_no_trial_start_over(tmp_path: Path) -> None:
    class Store:
        def copy_blob(self, _sha256: str, _path: Path) -> None:
            raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(OSError, match="No space left"):
        load_checkpoints(cast("Reporter", Store()), [SavedCheckpoint(1, 0, 2, "ab", 9)], tmp_path)


def test_busy_database_does_not_end_a_training(tmp_path: Path) -> None:
    class Report:
        def save_checkpoint(self, _saved: SavedCheckpoint, path: Path) -> None:
            assert read_checkpoint(path).best_epoch == FULL.best_epoch
            raise OperationalError("INSERT", {}, sqlite3.OperationalError("database is locked"))

    CheckpointWriter(cast("Reporter", Report()), tmp_path).save(1, 0, FULL)

    assert list(tmp_path.iterdir()) == []


def test_no_trial_is_saved_for_a_while_after_an_outage(tmp_path: Path) -> None:
    tried: list[int] = []
    now = 100.0

    class Report:
        def save_checkpoint(self, saved: SavedCheckpoint, _path: Path) -> None:
            nonlocal now
            tried.append(saved.trial)
            # An object store that accepts connections and says nothing.
            now += 35
            if len(tried) == 1:
                raise ObjectStoreAway("no answer")

    writer = CheckpointWriter(cast("Reporter", Report()), tmp_path, clock=lambda: now)
    writer.save(1, 0, FULL)
    writer.save(2, 0, FULL)
    now += SAVE_SECONDS

    writer.save(3, 0, FULL)
    writer.save(4, 0, FULL)

    assert tried == [1, 3, 4]


def test_full_disk_does_not_end_a_training(tmp_path: Path) -> None:
    saved: list[SavedCheckpoint] = []

    class Report:
        def save_checkpoint(self, checkpoint: SavedCheckpoint, _: Path) -> None:
            saved.append(checkpoint)

    with pytest.MonkeyPatch.context() as patch:
        full = OSError(errno.ENOSPC, "No space left on device")
        patch.setattr(np, "savez", Mock(side_effect=full))
        CheckpointWriter(cast("Reporter", Report()), tmp_path).save(1, 0, FULL)

    assert saved == []
    assert list(tmp_path.iterdir()) == []
