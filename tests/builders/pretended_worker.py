"""`python -m tests.builders.pretended_worker`: a real worker whose child only pretends to train.

The child (`… FOLDER`) is driven, stops and writes as a real one does; what it writes follows from
the numbers of trials and epochs, so that a test can tell whether anything is lost or torn.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
import traceback
from functools import partial
from pathlib import Path
from unittest.mock import patch

from lowloss.errors import LeaseLost
from lowloss.results import TrialState
from service.settings import Settings
from service.store.artifacts import BEST_MODEL
from service.store.blobs import hash_file
from service.store.checkpoints import SavedCheckpoint, list_checkpoints
from service.store.database import Database
from service.store.trials import TrialEnd, list_trials
from tests.builders.store import some_hyperparameters
from tests.builders.trainings import a_plan
from worker.engine.plans import Checkpoint, Epoch
from worker.progress.channel import Channel
from worker.progress.protocol import Ended, Ending
from worker.progress.reporter import JobSuspended, Reporter
from worker.supervisor import __main__ as worker
from worker.supervisor.loop import Supervisor

TRIALS, EPOCHS = 6, 6
EPOCH_SECONDS = float(os.environ.get("PRETENDED_EPOCH_SECONDS", "0.01"))
CHECKPOINT_EVERY = 2
MODULE = "tests.builders.pretended_worker"


def loss_of(trial: int, epoch: int) -> float:
    """What an epoch of a trial is pretended to measure."""
    return 1 / trial + 1 / epoch


def saved_state(trial: int, epoch: int) -> bytes:
    """The bytes of a checkpoint: enough of them for several chunks of a blob."""
    return f"trial {trial}, epoch {epoch}\n".encode() * 40_000


def run_child(folder: Path) -> None:
    """Take jobs from the supervisor until it goes."""
    channel, database = Channel(folder), Database(Settings().url)
    channel.ready()
    for fence in channel.jobs():
        reporter = Reporter(database, fence, channel)
        try:
            ended = run_job(reporter, folder)
        except JobSuspended:
            ended = Ended(Ending(str(reporter.stop_cause)))
        except LeaseLost:
            ended = Ended(Ending.lease_lost)
        except Exception:
            ended = Ended(Ending.crashed, error=traceback.format_exc())
        channel.ended(ended)


def run_job(reporter: Reporter, folder: Path) -> Ended:
    """Pretend to train what earlier attempts have not, and store the model."""
    reporter.phase("search")
    trials = reporter.read(lambda session: list_trials(session, reporter.fence.job_id)).items
    finished = {trial.number for trial in trials if trial.state.is_finished}
    for number in range(1, TRIALS + 1):
        if number not in finished:
            train(reporter, number, folder)
    reporter.phase("export")
    model = folder / BEST_MODEL
    model.write_bytes(saved_state(TRIALS, EPOCHS))
    reporter.publish_model({model: "application/octet-stream"}, trial=None)
    return Ended(Ending.succeeded, reason="max_trials")


def train(reporter: Reporter, number: int, folder: Path) -> None:
    """Pretend to train a trial from its checkpoint to its end; raise JobSuspended."""
    plan = a_plan(number=number)
    begin = load_checkpoint(reporter, number)
    reporter.start_trial(plan, some_hyperparameters(), begin)
    for epoch in range(len(begin[0].epochs) + 1 if begin else 1, EPOCHS + 1):
        time.sleep(EPOCH_SECONDS)
        reporter.on_epoch(plan, an_epoch(number, epoch))
        if epoch % CHECKPOINT_EVERY == 0:
            path = folder / "checkpoint"
            path.write_bytes(saved_state(number, epoch))
            saved = SavedCheckpoint(number, 0, epoch, hash_file(path), path.stat().st_size)
            reporter.save_checkpoint(saved, path)
        reporter.poll()
        reporter.raise_if_suspended()
    score = loss_of(number, EPOCHS)
    reporter.finish_trial(
        TrialEnd(number, TrialState.completed, None, score, {"val_loss": score}, EPOCHS, 0.1, None)
    )


def load_checkpoint(reporter: Reporter, number: int) -> dict[int, Checkpoint]:
    """What a trial goes on from, by fold; its bytes are as they were saved."""

    saved = reporter.read(lambda session: list_checkpoints(session, reporter.fence.job_id))
    of_trial = [one for one in saved if one.trial == number]
    with tempfile.TemporaryDirectory() as folder:
        for one in of_trial:
            path = Path(folder) / "checkpoint"
            reporter.copy_blob(one.sha256, path)
            assert path.read_bytes() == saved_state(number, one.epochs)
    return {one.fold: a_checkpoint(number, one.epochs) for one in of_trial}


def a_checkpoint(trial: int, epochs: int) -> Checkpoint:
    """All that a trial that is pretended to train goes on from."""
    reported = tuple(an_epoch(trial, epoch) for epoch in range(1, epochs + 1))
    return Checkpoint(reported, epochs, 0, 0.1, weights=(), moments=(), best_weights=())


def an_epoch(trial: int, epoch: int) -> Epoch:
    """An epoch as it is reported."""
    loss = loss_of(trial, epoch)
    return Epoch(epoch, loss, loss, loss)


if __name__ == "__main__":
    if len(sys.argv) > 1:
        run_child(Path(sys.argv[1]))
    else:
        pretending = partial(Supervisor, command=(sys.executable, "-m", MODULE))
        with patch.object(worker, "Supervisor", pretending):
            worker.main()
