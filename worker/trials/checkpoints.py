"""Saves what unfinished trials go on from, and loads it again."""

from __future__ import annotations

import itertools
import json
import logging
import math
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np

from lowloss.processes.logs import about
from lowloss.wording import counted
from service.store.blobs import hash_file
from service.store.checkpoints import SavedCheckpoint
from service.store.database import is_busy, is_out_of_space
from service.store.objects import BytesLost, ObjectStoreAway
from worker.engine.arrays import Arrays
from worker.engine.plans import Checkpoint, Epoch, Plan
from worker.engine.protocol import TakeCheckpoint
from worker.progress.reporter import Reporter

log = logging.getLogger(__name__)

SAVE_SECONDS = 30.0
"""A training that lasts longer is saved so often: a crash loses no more of it. None is saved for as
long after an outage of the object store."""
MAX_BYTES = 2**28
"""What is larger is not saved: it would take the database longer than its training may save."""
META = "meta"


class CheckpointWriter:
    """Saves running trainings now and then, and those that are left."""

    def __init__(
        self, reporter: Reporter, folder: Path, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._reporter = reporter
        self._path = folder / "checkpoint.npz"
        self._clock = clock
        self._saved_at: dict[tuple[int, int], float] = {}
        self._resumes_at = -math.inf

    def on_epoch(self, plan: Plan, take: TakeCheckpoint) -> None:
        """Save a training where it was not for a while."""
        now = self._clock()
        if take is None or now < self._resumes_at:
            return
        if now - self._saved_at.setdefault((plan.number, plan.fold), now) >= SAVE_SECONDS:
            self.save(plan.number, plan.fold, take())

    def save(self, trial: int, fold: int, checkpoint: Checkpoint) -> None:
        """Save what a fold of a trial goes on from.

        An object store that says nothing takes 35 s to fail: too long for each fold of each trial.
        """
        if self._clock() < self._resumes_at:
            return
        self._saved_at[trial, fold] = self._clock()
        if checkpoint.nbytes > MAX_BYTES:
            log.info(
                "trial %d is too large to be saved while it trains", trial, extra=about(trial=trial)
            )
            return
        try:
            write_checkpoint(checkpoint, self._path)
            sha256, size_bytes = hash_file(self._path), self._path.stat().st_size
            saved = SavedCheckpoint(trial, fold, len(checkpoint.epochs), sha256, size_bytes)
            self._reporter.save_checkpoint(saved, self._path)
        except Exception as error:
            # What a crash may cost is more training, which is no reason to stop this one.
            if not (is_busy(error) or is_out_of_space(error)):
                raise
            if isinstance(error, ObjectStoreAway):
                self._resumes_at = self._clock() + SAVE_SECONDS
            log.warning("trial %d is not saved: %s", trial, error, extra=about(trial=trial))
        finally:
            self._path.unlink(missing_ok=True)


def load_checkpoints(
    reporter: Reporter, saved: Iterable[SavedCheckpoint], folder: Path
) -> Mapping[int, Mapping[int, Checkpoint]]:
    """Load the checkpoints of trials, by number and fold; one that cannot be read is left out.

    Raise OSError where the folder's disk has no room for them.
    """
    path = folder / "checkpoint.npz"
    loaded: dict[int, dict[int, Checkpoint]] = {}
    for checkpoint in saved:
        try:
            reporter.copy_blob(checkpoint.sha256, path)
            loaded.setdefault(checkpoint.trial, {})[checkpoint.fold] = read_checkpoint(path)
        except (BytesLost, KeyError, ValueError, OSError, EOFError, BadZipFile) as error:
            # Another attempt may have room for it.
            if is_out_of_space(error):
                raise
            # Lost in the object store, or of another version, say: the fold starts over.
            log.warning(
                "trial %d starts over in fold %d, whose checkpoint cannot be read: %s",
                checkpoint.trial,
                checkpoint.fold,
                error,
                extra=about(trial=checkpoint.trial),
            )
    path.unlink(missing_ok=True)
    return loaded


def select_fitting(
    checkpoints: Mapping[int, Checkpoint], plan: Plan, arrays: Arrays
) -> Mapping[int, Checkpoint]:
    """Return the checkpoints, by fold, whose networks have as many inputs as a plan's.

    Another version may have had other bins of the same columns: the fold starts over.
    """
    inputs = arrays.inputs(has_bins=arrays.has_bins(plan))
    fitting = {
        fold: checkpoint
        for fold, checkpoint in checkpoints.items()
        if not checkpoint.weights or len(checkpoint.weights[0]) == inputs
    }
    if len(fitting) < len(checkpoints):
        log.warning(
            "trial %d starts over in %s, saved with another number of inputs than %d",
            plan.number,
            counted(len(checkpoints) - len(fitting), "fold"),
            inputs,
            extra=about(trial=plan.number),
        )
    return fitting


def write_checkpoint(checkpoint: Checkpoint, path: Path) -> None:
    """Write a checkpoint as NPZ: the arrays in their order, and the rest as JSON."""
    meta = {
        "best_epoch": checkpoint.best_epoch,
        "waited": checkpoint.waited,
        "seconds": checkpoint.seconds,
        "moments": len(checkpoint.moments),
    }
    groups: dict[str, tuple[Any, ...]] = {
        "weights": checkpoint.weights,
        "best": checkpoint.best_weights,
        **{
            f"moments{number}": moments_of_kind
            for number, moments_of_kind in enumerate(checkpoint.moments)
        },
    }
    epochs_E4 = [(e.epoch, e.loss, e.val_loss, e.penalised_loss) for e in checkpoint.epochs]
    arrays: dict[str, Any] = {"epochs": np.array(epochs_E4), META: np.array(json.dumps(meta))}
    for name, group in groups.items():
        arrays |= {f"{name}/{number}": array for number, array in enumerate(group)}
    with path.open("wb") as file:
        np.savez(file, **arrays)


def read_checkpoint(path: Path) -> Checkpoint:
    """Read what `write_checkpoint` wrote."""
    with np.load(path, allow_pickle=False) as file:
        meta = json.loads(str(file[META]))

        def group(name: str) -> tuple[Any, ...]:
            names = itertools.takewhile(
                file.__contains__, (f"{name}/{n}" for n in itertools.count())
            )
            return tuple(file[array_name] for array_name in names)

        return Checkpoint(
            epochs=tuple(Epoch(int(n), *map(float, losses)) for n, *losses in file["epochs"]),
            best_epoch=meta["best_epoch"],
            waited=meta["waited"],
            seconds=meta["seconds"],
            weights=group("weights"),
            moments=tuple(group(f"moments{number}") for number in range(meta["moments"])),
            best_weights=group("best"),
        )
