"""Reads and writes what a job needs of the store, and knows when its search must stop."""

from __future__ import annotations

import logging
import math
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from enum import StrEnum
from pathlib import Path
from typing import Any, TypeVar

from lowloss.results import Curve, Hyperparameters, Requested
from service.store.artifacts import NewArtifact, add_artifact, publish_model
from service.store.blobs import copy_blob, hash_file, write_blob
from service.store.checkpoints import SavedCheckpoint, save_checkpoint
from service.store.database import Database, Session, describe_outage, is_busy
from service.store.jobs import record_outcome
from service.store.queue import Fence, hold_fence
from service.store.trials import TrialEnd, finish_trial, record_epochs, start_trial
from worker.engine.plans import Checkpoint, Epoch, Plan
from worker.execution.beside import run_beside
from worker.progress.channel import Channel

log = logging.getLogger(__name__)
T = TypeVar("T")
FoldEpochs = dict[int, list[Epoch]]
"""The epochs of a trial on each of its folds."""

WRITE_SECONDS = 1.0
"""Epochs are buffered this long: one transaction a second, or per finished trial."""


class StopCause(StrEnum):
    """Why a search stops before its budget of trials is spent."""

    cancel = "cancelled"
    pause = "paused"
    stop = "stopped"
    time_limit = "time_limit"


SUSPENDING = frozenset({StopCause.pause, StopCause.stop})
ENDING = frozenset({StopCause.cancel, StopCause.stop})


class JobSuspended(Exception):
    """The job is to be left as it is: it is paused, or its worker stops."""


class JobCancelled(Exception):
    """The job was cancelled before it had anything to export."""


class JobFinishing(Exception):
    """The job is to end: what its model can do without is left out."""


class Reporter:
    """An attempt's way to the store; LeaseLost from any write once another worker has the job.

    Where the database or the object store is away, reads and writes wait for it, however long that
    takes: an outage is no failure of the job.
    """

    def __init__(
        self,
        database: Database,
        fence: Fence,
        channel: Channel,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.database = database
        self.fence = fence
        self._channel = channel
        self._clock = clock
        self._deadline = math.inf
        self._requested = Requested.none
        self._epochs: dict[int, FoldEpochs] = {}
        self._unwritten: set[int] = set()
        self._wrote_at = -math.inf
        self._waits: list[str] = []
        self._changing_waits = threading.Lock()

    def set_deadline(self, seconds: float | None) -> None:
        """Let `stop_cause` say `time_limit` after some seconds from now; never when None."""
        self._deadline = math.inf if seconds is None else self._clock() + seconds

    @property
    def seconds_left(self) -> float:
        """What is left until the deadline; infinite without one."""
        return self._deadline - self._clock()

    @property
    def stop_cause(self) -> StopCause | None:
        """Why to stop now, as far as is known; None to go on. A user's word comes first."""
        if self._requested is Requested.cancel:
            return StopCause.cancel
        if self._channel.is_stopping:
            return StopCause.stop
        if self._requested is Requested.pause:
            return StopCause.pause
        is_late = self._channel.must_finish or self._clock() >= self._deadline
        return StopCause.time_limit if is_late else None

    @property
    def is_suspended(self) -> bool:
        """Whether the job is to be left as it is: its supervisor stops, or a user pauses it."""
        return self.stop_cause in SUSPENDING

    def raise_if_suspended(self) -> None:
        """Raise JobSuspended where the job is paused, or its worker stops."""
        if self.is_suspended:
            raise JobSuspended(str(self.stop_cause))

    @property
    def is_finishing(self) -> bool:
        """Whether the job is to end, and what its model can do without is to be left out.

        It is cancelled, its worker stops, or the supervisor found its time to be over.
        """
        return self._channel.must_finish or self.stop_cause in ENDING

    def should_continue(self) -> bool:
        """Listen to users and supervisor; return whether what a model can do without goes on.

        Raise JobSuspended where the job is paused, or its worker stops.
        """
        self.poll()
        self.raise_if_suspended()
        return not self.is_finishing

    def raise_if_cancelled(self) -> None:
        """Listen, and raise JobCancelled or JobSuspended where somebody ended the job."""
        self.should_continue()
        if self.stop_cause is StopCause.cancel:
            raise JobCancelled

    def if_not_finishing(self, compute: Callable[[], T]) -> T | None:
        """Compute what the model can do without; return None once the job is to end."""

        def check() -> None:
            self.poll()
            if self.is_finishing:
                raise JobFinishing

        try:
            return run_beside(compute, check)
        except JobFinishing:
            return None

    def alive(self) -> None:
        """Give the supervisor a sign of life."""
        self._channel.alive()

    def phase(self, name: str, *, within: str | None = None, **fields: Any) -> None:
        """Record which phase the job has come to, or one within it, and fields of its outcome."""
        self._requested = self._write(
            lambda s: record_outcome(s, self.fence, phase=name, within=within, **fields)
        )

    def record(self, **fields: Any) -> None:
        """Add fields to the job's outcome."""
        self._requested = self._write(lambda s: record_outcome(s, self.fence, phase=None, **fields))

    def start_trial(
        self,
        plan: Plan,
        hyperparameters: Hyperparameters,
        checkpoints: Mapping[int, Checkpoint],
    ) -> None:
        """Record that a trial trains, from these checkpoints of its folds on."""
        self._epochs[plan.number] = {
            fold: list(checkpoint.epochs) for fold, checkpoint in checkpoints.items()
        }
        epochs = max((len(checkpoint.epochs) for checkpoint in checkpoints.values()), default=0)
        self._write(
            lambda session: start_trial(
                session,
                self.fence,
                plan.number,
                seed=plan.seed,
                hyperparameters=hyperparameters,
                epochs=epochs,
            )
        )

    def on_epoch(self, plan: Plan, epoch: Epoch) -> StopCause | None:
        """Record an epoch of a running trial, and return why the search is to stop, if it is."""
        self.alive()
        self._epochs[plan.number].setdefault(plan.fold, []).append(epoch)
        self._unwritten.add(plan.number)
        if self._clock() - self._wrote_at >= WRITE_SECONDS:
            curves = {number: as_curve(self._epochs[number]) for number in sorted(self._unwritten)}
            try:
                self._requested = self._write_once(lambda s: record_epochs(s, self.fence, curves))
                self._unwritten.clear()
            except Exception as error:
                # The curves are whole in memory: what is missing now is written next time.
                if not is_busy(error):
                    raise
        return self.stop_cause

    def poll(self) -> None:
        """Read what users ask of the job where nothing is written for a while."""
        self.alive()
        if self._clock() - self._wrote_at >= WRITE_SECONDS:
            self._requested = self._write(lambda s: Requested(hold_fence(s, self.fence).requested))

    def save_checkpoint(self, saved: SavedCheckpoint, path: Path) -> None:
        """Store what a trial goes on from after a stop or a crash; without waiting."""
        write_blob(self.database, path, sha256=saved.sha256, alive=self.alive)
        self._write_once(lambda s: save_checkpoint(s, self.fence, saved))

    def add_artifact(self, path: Path, media_type: str) -> None:
        """Store a file as an artifact, visible once the job is settled."""
        self.alive()
        new = _describe(path, media_type)

        def store() -> None:
            # Both again after an outage: one of an hour makes the bytes a leftover.
            write_blob(self.database, path, sha256=new.sha256, alive=self.alive)
            self._write_once(lambda s: add_artifact(s, self.fence, new))

        self._wait_for_store(store)

    def publish_model(self, files: Mapping[Path, str], *, trial: int | None) -> None:
        """Store a model's files, of these media types, and make them visible together.

        It is the network of a `trial`, or None where it is the one that the job ends with.
        """
        self.alive()
        new = [_describe(path, media_type) for path, media_type in files.items()]

        def store() -> Requested:
            for path, artifact in zip(files, new, strict=True):
                write_blob(self.database, path, sha256=artifact.sha256, alive=self.alive)
            return self._write_once(lambda s: publish_model(s, self.fence, new, trial=trial))

        self._requested = self._wait_for_store(store)

    def read(self, read: Callable[[Session], T]) -> T:
        """Return what a function reads from one snapshot of the store."""

        def read_once() -> T:
            with self.database.reading() as session:
                return read(session)

        return self._wait_for_store(read_once)

    def copy_blob(self, sha256: str, path: Path) -> None:
        """Write a blob's bytes into a file."""
        with path.open("wb") as file:
            self._wait_for_store(lambda: copy_blob(self.database, sha256, file, self.alive))

    def finish_trial(self, end: TrialEnd) -> None:
        """Record a trial's end and its whole curve."""
        curve = as_curve(self._epochs.pop(end.number, {}))
        self._unwritten.discard(end.number)
        self._requested = self._write(lambda s: finish_trial(s, self.fence, end, curve))

    def _write_once(self, write: Callable[[Session], T]) -> T:
        with self.database.transaction() as session:
            answer = write(session)
        self._wrote_at = self._clock()
        return answer

    def _write(self, write: Callable[[Session], T]) -> T:
        return self._wait_for_store(lambda: self._write_once(write))

    def _wait_for_store(self, action: Callable[[], T]) -> T:
        """Repeat what is safe to repeat until what it needs answers, and return its answer.

        The supervisor hears what is waited for, and the log does once.
        """
        waits_for: str | None = None
        try:
            while True:
                self.alive()
                try:
                    return action()
                except Exception as error:
                    if not is_busy(error):
                        raise
                    reason = describe_outage(error)
                    if reason != waits_for:
                        log.warning("the job waits for %s: %s", reason, error)
                        self._change_wait(waits_for, reason)
                    waits_for = reason
                    time.sleep(WRITE_SECONDS)
        finally:
            self._change_wait(waits_for, None)

    def _change_wait(self, before: str | None, after: str | None) -> None:
        """Let one of the waits be for something else, or begin or end, where that is None.

        Computations beside the job's own thread wait, too: the supervisor hears the newest wait.
        """
        with self._changing_waits:
            newest = self._waits[-1:]
            if before is not None:
                self._waits.remove(before)
            if after is not None:
                self._waits.append(after)
            if self._waits[-1:] != newest:
                self._channel.wait_for(self._waits[-1] if self._waits else None)


def _describe(path: Path, media_type: str) -> NewArtifact:
    return NewArtifact(path.name, media_type, hash_file(path), path.stat().st_size)


def as_curve(folded: FoldEpochs) -> Curve:
    """Average the folds epoch by epoch; null where not finite.

    A fold that has stopped stays at its best validation loss, whose weights it keeps, and at its
    last training loss: without it the mean of the others would fall or rise by its absence alone.
    One that diverged stays so.
    """
    begun = [epochs for epochs in folded.values() if epochs]
    longest = max(map(len, begun), default=0)
    epochs = list(zip(*(_stay_at_best(epochs, longest) for epochs in begun), strict=True))

    def values(of: Callable[[Epoch], float]) -> tuple[float | None, ...]:
        means = (sum(map(of, fold_epochs)) / len(fold_epochs) for fold_epochs in epochs)
        return tuple(mean if math.isfinite(mean) else None for mean in means)

    return Curve(
        loss=values(lambda e: e.loss),
        val_loss=values(lambda e: e.val_loss),
        penalised_loss=values(lambda e: e.penalised_loss),
    )


def _stay_at_best(epochs: list[Epoch], count: int) -> list[Epoch]:
    last = epochs[-1]
    if math.isfinite(last.loss + last.penalised_loss):
        best = min(epochs, key=lambda epoch: (math.isnan(epoch.val_loss), epoch.val_loss))
        last = replace(last, val_loss=best.val_loss)
    return epochs + [last] * (count - len(epochs))
