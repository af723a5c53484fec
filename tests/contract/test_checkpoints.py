"""What unfinished trials go on from: the same on every database."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import func, select

from lowloss.errors import LeaseLost
from lowloss.results import Curve, JobState, TrialState
from service.store.blobs import reap_blobs
from service.store.checkpoints import SavedCheckpoint, list_checkpoints, save_checkpoint
from service.store.database import Database
from service.store.queue import Fence, finish_job, pause_running_job
from service.store.schema import BlobRow, CheckpointRow
from service.store.trials import get_trial, record_epochs, start_trial
from tests.builders.store import a_blob, a_claim, a_job, a_trial, expire_lease, some_hyperparameters

pytestmark = pytest.mark.homes


def a_running_trial(database: Database) -> Fence:
    a_job(database)
    fence = a_claim(database).fence
    a_trial(database, fence, 1, state=TrialState.running)
    return fence


def save(database: Database, fence: Fence, *, fold: int = 0, epochs: int = 5) -> str:
    """Save a checkpoint of trial 1; answers its blob."""
    data = f"{fold} {epochs}".encode()
    sha256 = a_blob(database, data)
    with database.transaction() as session:
        save_checkpoint(session, fence, SavedCheckpoint(1, fold, epochs, sha256, len(data)))
    return sha256


def saved(database: Database, job_id: str) -> list[tuple[int, int, int]]:
    with database.reading() as session:
        return [(each.trial, each.fold, each.epochs) for each in list_checkpoints(session, job_id)]


def pass_time(database: Database, *, seconds: float) -> None:
    """Make all blobs older, as if nothing had been written for so long."""
    with database.transaction() as session:
        for row in session.scalars(select(BlobRow)):
            row.touched_at -= timedelta(seconds=seconds)


def blobs(database: Database) -> set[str]:
    with database.reading() as session:
        return set(session.scalars(select(BlobRow.sha256)))


def test_later_checkpoint_takes_the_place_of_an_earlier_one(database: Database) -> None:
    fence = a_running_trial(database)

    save(database, fence, epochs=5)
    save(database, fence, fold=1, epochs=4)
    save(database, fence, epochs=9)

    assert saved(database, fence.job_id) == [(1, 0, 9), (1, 1, 4)]


def test_checkpoint_outlives_a_pause_and_a_crash(database: Database) -> None:
    fence = a_running_trial(database)
    save(database, fence)
    expire_lease(database, fence.job_id)
    again = a_claim(database, "worker-2").fence
    assert saved(database, fence.job_id) == [(1, 0, 5)]

    with database.transaction() as session:
        pause_running_job(session, again)

    assert saved(database, fence.job_id) == [(1, 0, 5)]


def test_worker_that_lost_its_job_saves_nothing(database: Database) -> None:
    fence = a_running_trial(database)
    expire_lease(database, fence.job_id)
    a_claim(database, "worker-2")

    with pytest.raises(LeaseLost):
        save(database, fence)

    assert saved(database, fence.job_id) == []


def test_trial_that_has_ended_goes_on_from_nothing(database: Database) -> None:
    fence = a_running_trial(database)
    save(database, fence)

    a_trial(database, fence, 1)

    assert saved(database, fence.job_id) == []
    with pytest.raises(ValueError, match="has ended"):
        save(database, fence)


@pytest.mark.parametrize("state", [state for state in JobState if state.is_finished])
def test_job_that_has_ended_keeps_no_checkpoint(database: Database, state: JobState) -> None:
    fence = a_running_trial(database)
    save(database, fence)

    with database.transaction() as session:
        finish_job(session, fence, state=state, reason="because")

    with database.reading() as session:
        assert session.scalar(select(func.count()).select_from(CheckpointRow)) == 0


def test_only_blobs_of_checkpoints_that_are_gone_are_reaped(database: Database) -> None:
    fence = a_running_trial(database)
    older, newer = save(database, fence, epochs=5), save(database, fence, epochs=9)
    pass_time(database, seconds=7200)

    reap_blobs(database)

    assert newer in blobs(database)
    assert older not in blobs(database)


@pytest.mark.parametrize("end", ["checkpoint", "trial", "job"])
def test_blob_that_nothing_goes_on_from_is_reaped_by_the_next_write_a_minute_later(
    database: Database, end: str
) -> None:
    fence = a_running_trial(database)
    older = save(database, fence, epochs=5)
    if end == "checkpoint":
        save(database, fence, epochs=9)
    elif end == "trial":
        a_trial(database, fence, 1)
    else:
        with database.transaction() as session:
            finish_job(session, fence, state=JobState.succeeded)
    a_blob(database, b"at once")
    assert older in blobs(database)
    pass_time(database, seconds=61)

    a_blob(database, b"later")

    assert older not in blobs(database)


def test_blob_that_another_job_goes_on_from_stays(database: Database) -> None:
    first, second = a_running_trial(database), a_running_trial(database)
    shared = save(database, first)
    assert save(database, second) == shared
    with database.transaction() as session:
        finish_job(session, first, state=JobState.succeeded)
    pass_time(database, seconds=7200)

    reap_blobs(database)

    assert shared in blobs(database)
    assert saved(database, second.job_id) == [(1, 0, 5)]


def test_checkpoint_that_is_saved_again_as_it_was_keeps_its_blob(database: Database) -> None:
    fence = a_running_trial(database)
    kept = save(database, fence)

    assert save(database, fence) == kept

    pass_time(database, seconds=61)
    a_blob(database, b"later")
    assert kept in blobs(database)


def test_trial_that_goes_on_keeps_its_count_of_epochs(database: Database) -> None:
    fence = a_running_trial(database)

    with database.transaction() as session:
        start_trial(session, fence, 1, seed=1, hyperparameters=some_hyperparameters(), epochs=7)

    with database.reading() as session:
        assert get_trial(session, fence.job_id, 1).epochs == 7


def test_trial_that_goes_on_forgets_the_epochs_after_its_checkpoint(database: Database) -> None:
    fence = a_running_trial(database)
    values = (3.0, 2.0, 1.0)
    curve = Curve(loss=values, val_loss=values, penalised_loss=values)
    with database.transaction() as session:
        record_epochs(session, fence, {1: curve})

    with database.transaction() as session:
        start_trial(session, fence, 1, seed=1, hyperparameters=some_hyperparameters(), epochs=2)

    with database.reading() as session:
        trial = get_trial(session, fence.job_id, 1)
    assert trial.epochs == 2
    assert trial.curve is not None
    assert trial.curve.val_loss == trial.curve.penalised_loss == (3.0, 2.0)
