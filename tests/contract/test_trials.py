"""Trials and their curves: the same on every database."""

from __future__ import annotations

import pytest
from sqlalchemy import update
from sqlalchemy.exc import IntegrityError, StatementError

from lowloss.errors import (
    JobNotFound,
    LeaseLost,
    TrialNotFound,
)
from lowloss.results import Curve, JobState, Requested, TrialState
from service.store.database import Database
from service.store.jobs import (
    get_job,
)
from service.store.queue import finish_job
from service.store.requests import cancel_job
from service.store.schema import TrialRow
from service.store.trials import get_trial, list_trials, record_epochs, start_trial
from tests.builders.store import a_claim, a_job, a_trial, expire_lease, some_hyperparameters


def test_best_trial_follows_the_objective_downwards(database: Database) -> None:
    job_id = a_job(database)
    fence = a_claim(database).fence

    for number, score in enumerate([0.5, 0.7, 0.3, 0.4], start=1):
        a_trial(database, fence, number, score=score)

    with database.reading() as session:
        best = get_job(session, job_id).best
    assert best is not None
    assert (best.trial, best.score) == (3, 0.3)


def test_best_trial_follows_the_objective_upwards(database: Database) -> None:
    job_id = a_job(database, objective="val_r2")
    fence = a_claim(database).fence

    for number, score in enumerate([0.5, 0.7, 0.3], start=1):
        a_trial(database, fence, number, score=score)

    with database.reading() as session:
        best = get_job(session, job_id).best
    assert best is not None
    assert best.trial == 2


@pytest.mark.parametrize("state", [TrialState.diverged, TrialState.failed])
def test_trial_without_a_score_is_never_the_best(database: Database, state: TrialState) -> None:
    job_id = a_job(database)
    fence = a_claim(database).fence

    a_trial(database, fence, 1, state=state)

    with database.reading() as session:
        job = get_job(session, job_id)
    assert job.best is None
    assert job.progress.trials_failed == 1


def test_trial_that_its_jobs_end_cut_off_is_not_counted_as_a_failure(database: Database) -> None:
    job_id = a_job(database)
    fence = a_claim(database).fence
    a_trial(database, fence, 1, state=TrialState.running)

    with database.transaction() as session:
        finish_job(session, fence, state=JobState.succeeded)

    with database.reading() as session:
        job, (trial,) = get_job(session, job_id), list_trials(session, job_id).items
    assert (trial.state, trial.reason) == (TrialState.failed, "job_ended")
    assert (job.progress.trials_done, job.progress.trials_failed) == (1, 0)


def test_curve_grows_while_the_trial_runs_and_tells_what_is_requested(database: Database) -> None:
    job_id = a_job(database)
    fence = a_claim(database).fence
    a_trial(database, fence, 1, state=TrialState.running)
    with database.transaction() as session:
        cancel_job(session, job_id)

    for epochs in (2, 5):
        values = tuple(1.0 / e for e in range(1, epochs + 1))
        with database.transaction() as session:
            curve = Curve(loss=values, val_loss=values, penalised_loss=values)
            requested = record_epochs(session, fence, {1: curve})

    assert requested is Requested.cancel
    with database.reading() as session:
        trial = get_trial(session, job_id, 1)
    assert trial.epochs == 5
    assert trial.curve is not None
    assert trial.curve.val_loss == (1.0, 0.5, 1 / 3, 0.25, 0.2)


def test_trial_left_running_starts_over_under_the_next_attempt(database: Database) -> None:
    job_id = a_job(database)
    first = a_claim(database).fence
    a_trial(database, first, 1, state=TrialState.running)
    expire_lease(database, job_id)
    second = a_claim(database).fence

    a_trial(database, second, 1)

    with database.reading() as session:
        trials = list_trials(session, job_id).items
    assert [(t.number, t.state, t.attempt) for t in trials] == [(1, TrialState.completed, 2)]


def test_finished_trial_is_not_started_or_finished_again(database: Database) -> None:
    a_job(database)
    fence = a_claim(database).fence
    a_trial(database, fence, 1)

    with pytest.raises(ValueError, match="has ended"):
        a_trial(database, fence, 1)


def test_stale_worker_records_no_trial(database: Database) -> None:
    job_id = a_job(database)
    stale = a_claim(database).fence
    a_trial(database, stale, 1, state=TrialState.running)
    expire_lease(database, job_id)
    a_claim(database)

    with pytest.raises(LeaseLost), database.transaction() as session:
        record_epochs(session, stale, {1: Curve()})
    with pytest.raises(LeaseLost), database.transaction() as session:
        start_trial(session, stale, 2, seed=0, hyperparameters=some_hyperparameters())

    with database.reading() as session:
        assert len(list_trials(session, job_id).items) == 1


def test_nan_never_reaches_the_database(database: Database) -> None:
    a_job(database)
    fence = a_claim(database).fence

    with pytest.raises((StatementError, ValueError), match="JSON compliant"):
        a_trial(database, fence, 1, score=float("nan"))


@pytest.mark.parametrize(
    "broken",
    [
        {"state": "lost"},
        {"state": "running"},
        {"score": None},
        {"state": "diverged", "reason": "loss_not_finite"},
        {"state": "failed", "score": None},
    ],
    ids=str,
)
def test_the_database_refuses_a_trial_that_cannot_be(
    database: Database, broken: dict[str, object]
) -> None:
    a_job(database)
    a_trial(database, a_claim(database).fence, 1)

    with pytest.raises(IntegrityError), database.transaction() as session:
        session.execute(update(TrialRow).values(**broken))


def test_trials_are_listed_in_pages(database: Database) -> None:
    job_id = a_job(database)
    fence = a_claim(database).fence
    for number in range(1, 6):
        a_trial(database, fence, number)

    with database.reading() as session:
        first = list_trials(session, job_id, limit=3)
        rest = list_trials(session, job_id, after=int(first.next or 0), limit=3)

    assert [t.number for t in first.items] == [1, 2, 3]
    assert [t.number for t in rest.items] == [4, 5]
    assert rest.next is None


def test_unknown_trial_and_job_are_told_apart(database: Database) -> None:
    job_id = a_job(database)

    with database.reading() as session:
        with pytest.raises(TrialNotFound):
            get_trial(session, job_id, 1)
        with pytest.raises(JobNotFound):
            get_trial(session, "job_unknown", 1)
        with pytest.raises(JobNotFound):
            list_trials(session, "job_unknown")
        assert list_trials(session, job_id).items == ()
